"""Rows by which a fitted model knows its own fit data again."""

from __future__ import annotations

import numpy as np

# of a row's outputs, rounded so that the same expert on another machine gives the same
_DECIMALS = 4
_MOST_ROWS = 1000


def row_marks(read, n_samples):
    """Marks of some rows, evenly spread: numbers that tell their outputs, but not what they are.

    Parameters
    ----------
    read : callable
        ``read(rows)`` gives log-probabilities (n_rows, n_experts, n_classes).
    n_samples : int

    Returns
    -------
    ndarray of shape (n_marks,), uint64
        Sorted; of rows whose outputs no other row has.
    """
    n_rows = min(n_samples, _MOST_ROWS)
    rows = np.unique(np.linspace(0, n_samples - 1, n_rows).astype(int))
    marks, counts = np.unique(_marks(read(rows)), return_counts=True)
    # outputs that several rows share, such as certainty of all experts, tell no row
    return marks[counts == 1]


def n_recognised(marks, log_proba):
    """Number of different rows that are among those marked.

    Parameters
    ----------
    marks : ndarray of uint64
        As from :func:`row_marks`.
    log_proba : ndarray of shape (n_samples, n_experts, n_classes)

    Returns
    -------
    int
    """
    return int(np.isin(np.unique(_marks(log_proba)), marks).sum())


def _marks(log_proba):
    """One number a row: a random combination of its rounded values, modulo 2^64."""
    flat = log_proba.reshape(len(log_proba), -1)
    whole = np.round(np.nan_to_num(flat, nan=1.0) * 10.0**_DECIMALS).astype(np.int64)
    random = np.random.RandomState(0)
    factors = random.randint(0, 2**63, size=flat.shape[1], dtype=np.uint64) * np.uint64(2)
    return (whole.view(np.uint64) * (factors + np.uint64(1))).sum(axis=1, dtype=np.uint64)
