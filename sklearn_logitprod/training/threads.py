"""Threads: one is fastest for small arrays, and many fits may run side by side."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from functools import lru_cache

from threadpoolctl import ThreadpoolController

SMALL = 1 << 21
"""Numbers in the columns below which a fit runs on one thread."""


def load_torch():
    """Load what trains gates. It comes with threads of its own: before these are limited.

    Raises
    ------
    ImportError
        If there is no torch.
    """
    try:
        import sklearn_logitprod.training.network  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ImportError(
            "Gates are trained with torch, which is not installed: python -m pip install torch. "
            "Constant weights need none: gate_width=None, or gate_widths=[None] in a search."
        ) from error


@lru_cache(maxsize=2)
def _controller(torch_loaded):
    # looking for the libraries takes longer than a fit: once before torch, once after
    return ThreadpoolController()


def limit_threads(data):
    """Context in which BLAS and OpenMP use one thread, if the data are small.

    The caller's settings hold again afterwards, also where fits in several threads overlap:
    threadpoolctl 3.8 lets only the first of them change what belongs to the process.

    Parameters
    ----------
    data : FitData
    """
    # threads that wait for each other cost more than such arrays take
    if data.n_samples * data.n_columns * data.n_classes > SMALL:
        return nullcontext()
    return _controller("torch" in sys.modules).limit(limits=1)
