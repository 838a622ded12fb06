"""Rows by which a fitted model knows its own fit data again."""

from __future__ import annotations

import numpy as np

from sklearn_logitprod.fusion.logits import block_slices

# of log-probabilities, so that the same expert on another machine gives the same
_DECIMALS = 4
_MOST_ROWS = 1000
# where more rows than that share their outputs with others, outputs tell no row
_MOST_SHARED = 0.01
# fewer may be the same by chance
_LEAST_FOUND, _LEAST_SHARE = 3, 0.05


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
        Of at most 1000 rows, sorted; empty where several rows have the same outputs.
    """
    n_rows = min(n_samples, _MOST_ROWS)
    rows = np.unique(np.linspace(0, n_samples - 1, n_rows).astype(int))
    marks, counts = np.unique(_marks(read(rows)), return_counts=True)
    shared = counts[counts > 1].sum() / len(rows)
    return marks[:0] if shared > _MOST_SHARED else marks[counts == 1]


def n_recognised(marks, n_marked_of, own):
    """Number of different rows that are among those marked; 0 where it may be chance.

    Parameters
    ----------
    marks : ndarray of uint64
        As from :func:`row_marks`.
    n_marked_of : int
        Number of rows that the marks were chosen among.
    own : ndarray of shape (n_own,), uint64
        As from :func:`all_marks`.

    Returns
    -------
    int
    """
    found = int(np.isin(own, marks).sum())
    # if all were among the rows that were marked, or all of those among these
    expected = min(len(own), n_marked_of) * len(marks) / n_marked_of
    return found if found >= max(_LEAST_FOUND, _LEAST_SHARE * expected) else 0


def all_marks(read, n_samples, n_values):
    """Different marks of all rows.

    Parameters
    ----------
    read : callable
        ``read(rows)`` gives log-probabilities (n_rows, n_experts, n_classes) of a slice.
    n_samples : int
    n_values : int
        Numbers in a row.

    Returns
    -------
    ndarray of shape (n_marks,), uint64
        Sorted.
    """
    marks = np.empty(n_samples, dtype=np.uint64)
    for rows in block_slices(n_samples, n_values):
        marks[rows] = _marks(read(rows))
    return np.unique(marks)


def _marks(log_proba):
    """One number a row: a random combination of its rounded values, modulo 2^64."""
    flat = log_proba.reshape(len(log_proba), -1)
    whole = np.round(np.nan_to_num(flat, nan=1.0) * 10.0**_DECIMALS).astype(np.int64)
    factors = np.random.RandomState(0).randint(0, 2**63, size=flat.shape[1], dtype=np.uint64)
    return (whole.view(np.uint64) * (2 * factors + 1)).sum(axis=1, dtype=np.uint64)
