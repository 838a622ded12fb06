"""Folds: of cross-fitting, of the automatic path, of searches and comparisons."""

from __future__ import annotations

import warnings
from numbers import Integral

import numpy as np
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    check_cv,
)


def make_splits(cv, y, groups, seed, shuffle=False):
    """Splits for cross-fitting: a partition of the rows, groups kept together.

    Parameters
    ----------
    cv : int, splitter or iterable of (train, test)
    y : ndarray of shape (n_samples,)
    groups : ndarray of shape (n_samples,) or None
    seed : int
    shuffle : bool
        Whether a number of folds without groups is made of shuffled rows.

    Returns
    -------
    list of (ndarray of int, ndarray of int)
    """
    if isinstance(cv, (int, np.integer)) and groups is not None:
        cv = StratifiedGroupKFold(cv, shuffle=True, random_state=seed)
    elif isinstance(cv, (int, np.integer)) and shuffle:
        cv = StratifiedKFold(cv, shuffle=True, random_state=seed)
    splitter = check_cv(cv, y, classifier=True)
    placeholder = np.empty((len(y), 0))
    splits = [
        (np.arange(len(y))[train], np.arange(len(y))[test])
        for train, test in splitter.split(placeholder, y, groups)
    ]
    held_out = np.concatenate([test for _, test in splits])
    if len(held_out) != len(y) or len(np.unique(held_out)) != len(y):
        raise ValueError(
            f"cv={cv!r} holds out {len(np.unique(held_out))} of {len(y)} rows, some of them "
            f"{np.bincount(held_out).max()} times; cross-fitting needs each row exactly once. "
            "Use a number of folds or a KFold-like splitter."
        )
    return splits


def fold_rows(cv, strata, groups, kept, seed):
    """Held-out rows of each fold of the automatic path.

    Parameters
    ----------
    cv : int, splitter or iterable of splits
        A number makes folds of the kept rows; other splits are of all rows.
    strata : ndarray of shape (n_samples,), int
        Classes that folds should hold alike.
    groups : ndarray of shape (n_samples,), int, or None
        Rows of one group stay in one fold.
    kept : ndarray of shape (n_kept,), int
        Rows with a positive weight.
    seed : int
        Seeds the shuffling of rows if ``cv`` is a number.

    Returns
    -------
    list of ndarray of int
        Positions among the kept rows.
    """
    own = None if groups is None else groups[kept]
    if own is not None and len(np.unique(own)) < 2:
        raise ValueError(
            "groups has a single group, but gate_width='auto' cross-validates over groups and "
            "needs at least two. Pass groups=None, or fix gate_width."
        )
    with warnings.catch_warnings():
        # a class rarer than the folds is no fault here: a fold may lack it
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        if isinstance(cv, Integral):
            splits = _numbered_folds(cv, strata[kept], own, seed)
            return [test for _, test in splits if len(test)]
        placeholder = np.empty((len(strata), 0))
        splits = list(check_cv(cv).split(placeholder, strata, groups))
    position = np.full(len(strata), -1)
    position[kept] = np.arange(len(kept))
    held_out = [position[test] for _, test in splits]
    return [test[test >= 0] for test in held_out if (test >= 0).any()]


def _numbered_folds(n_splits, strata, groups, seed):
    """Splits into a number of folds, fewer where there are fewer rows or groups."""
    limit = len(strata) if groups is None else len(np.unique(groups))
    n_splits = int(min(n_splits, limit))
    stratified = np.bincount(strata).max() >= n_splits
    kind = {
        (True, False): StratifiedKFold,
        (False, False): KFold,
        (True, True): StratifiedGroupKFold,
        (False, True): GroupKFold,
    }[stratified, groups is not None]
    splitter = kind(n_splits, shuffle=True, random_state=seed)
    return splitter.split(np.empty((len(strata), 0)), strata, groups)
