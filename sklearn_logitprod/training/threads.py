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
def _controller(torch_loaded):
    # looking for the libraries takes longer than a fit: once before torch, once after
    return ThreadpoolController()


class _OneThread:
    """One thread while any fit is inside; the settings of before the first hold after the last.

    The limit is the process's own, so that fits in several threads share it: each on its own
    would restore what another had set.
    """

    def __init__(self):
        self._lock, self._inside, self._limit = threading.Lock(), 0, None

    def __enter__(self):
        with self._lock:
            if self._inside == 0:
                self._limit = _controller("torch" in sys.modules).limit(limits=1)
            self._inside += 1

    def __exit__(self, *exception):
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._limit.restore_original_limits()
                self._limit = None


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
