"""Threads: one is fastest for small arrays, and many fits may run side by side."""

from __future__ import annotations

import sys
import threading
from contextlib import nullcontext
from functools import lru_cache

from threadpoolctl import ThreadpoolController

SMALL = 1 << 21
"""Numbers in the columns below which a fit runs on one thread."""


@lru_cache(maxsize=2)
def _controllers(torch_loaded):
    # looking for the libraries takes longer than a fit: once before torch, once after
    found = ThreadpoolController()
    return found.select(user_api="openmp"), found.select(user_api="blas")


class _OneThread:
    """One thread for each fit inside, and the caller's settings again after.

    OpenMP keeps its number for each thread of Python, BLAS one for the process. Fits in several
    threads share the latter's limit, from the first that comes to the last that goes: each on
    its own would in the end restore what another had set.
    """

    def __init__(self):
        self._lock, self._inside, self._shared = threading.Lock(), 0, None
        self._own = threading.local()

    def __enter__(self):
        openmp, blas = _controllers("torch" in sys.modules)
        self._own.limits = [*getattr(self._own, "limits", []), openmp.limit(limits=1)]
        with self._lock:
            if self._inside == 0:
                self._shared = blas.limit(limits=1)
            self._inside += 1

    def __exit__(self, *exception):
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._shared.restore_original_limits()
        self._own.limits.pop().restore_original_limits()


_one_thread = _OneThread()


def limit_threads(data):
    """Context in which BLAS and OpenMP use one thread, if the data are small.

    The caller's settings hold again afterwards.

    Parameters
    ----------
    data : FitData
    """
    if data.n_samples * data.n_columns * data.n_classes > SMALL:
        return nullcontext()
    return _one_thread
