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

from sklearn_logitprod._text import option


def shuffled(n_splits, groups, seed):
    """Splitter into shuffled folds that hold strata alike and keep groups together."""
    splitter = StratifiedKFold if groups is None else StratifiedGroupKFold
    return splitter(n_splits, shuffle=True, random_state=seed)


def search_splits(cv, strata, groups, seed, shuffle=False, told=None):
    """Rows to fit on and rows held out, as scikit-learn's searches choose them.

    Parameters
    ----------
    cv : int, splitter or iterable of (train, test)
        Without groups a number makes folds of neighbouring rows, unless shuffled.
    strata : ndarray of shape (n_samples,)
        What folds should hold alike.
    groups : array-like of shape (n_samples,) or None
        Rows of one group stay in one fold.
    seed : int
    shuffle : bool
        Whether a number of folds without groups is made of shuffled rows.
    told : ndarray of int, optional
        Rows that a number of folds is made of, if not all. Others are in none.

    Returns
    -------
    list of (ndarray of int, ndarray of int)
    """
    if told is not None and len(told) < len(strata) and isinstance(cv, Integral):
        own = None if groups is None else np.asarray(groups)[told]
        splits = search_splits(cv, strata[told], own, seed, shuffle)
        return [(told[train], told[test]) for train, test in splits]
    if isinstance(cv, Integral) and (shuffle or groups is not None):
        _check_enough(cv, strata, groups)
        cv = shuffled(cv, groups, seed)
    every = np.arange(len(strata))
    splits = check_cv(cv, strata, classifier=True).split(_placeholder(strata), strata, groups)
    try:
        return [(every[train], every[test]) for train, test in splits]
    except IndexError as error:
        raise ValueError(
            f"The splits name rows beyond the {len(strata)} that are split here, as it is within "
            f"folds ({error}). Pass a number of folds, or a splitter such as KFold, instead."
        ) from error


def check_whole(name, value):
    """Refuse a setting that is no whole number."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise ValueError(f"{option(name, value)} is no whole number.")


def check_repeats(cv, n_repeats):
    """Refuse numbers of folds and repeats that make no comparison."""
    check_whole("n_repeats", n_repeats)
    if n_repeats < 1:
        raise ValueError(f"{option('n_repeats', n_repeats)} is too few: 1 at least is needed.")
    if cv < 2:
        raise ValueError(f"{option('cv', cv)} makes no folds: 2 at least are needed, better 5.")


def _check_enough(cv, strata, groups):
    """Refuse more folds than there are groups, or samples of the largest stratum."""
    limits = {"samples that are alike in y": np.unique(strata, return_counts=True)[1].max()}
    if groups is not None:
        limits["groups"] = len(np.unique(groups))
    for what, limit in limits.items():
        if cv > limit:
            raise ValueError(
                f"{cv} folds need as many {what}, but there are {limit} at most. Take fewer folds, "
                "or more samples."
            )


def repeated_splits(cv, n_repeats, strata, groups, seed, told=None):
    """Splits of a comparison, in repeats that test a sample at most once each.

    Parameters
    ----------
    cv : int, splitter or iterable of (train, test)
        A number makes as many shuffled folds, `n_repeats` times. Other splits are gathered
        in their order: a repeat ends before the split that would test a sample again.
    n_repeats : int
    strata : ndarray of shape (n_samples,), int
    groups : ndarray of shape (n_samples,), int, or None
    seed : int
    told : ndarray of int, optional
        Rows that are split, if not all. Others are in no split.

    Returns
    -------
    list of list of (ndarray of int, ndarray of int)
    """
    if told is not None and len(told) < len(strata):
        if isinstance(cv, Integral):
            own = None if groups is None else groups[told]
            repeats = repeated_splits(cv, n_repeats, strata[told], own, seed)
            return [[(told[train], told[test]) for train, test in repeat] for repeat in repeats]
        repeats = repeated_splits(cv, n_repeats, strata, groups, seed)
        kept = [[tuple(p[np.isin(p, told)] for p in split) for split in own] for own in repeats]
        kept = [[split for split in own if all(map(len, split))] for own in kept]
        return [own for own in kept if own]
    if isinstance(cv, Integral):
        check_repeats(cv, n_repeats)
        _check_enough(cv, strata, groups)
        splitters = [shuffled(cv, groups, seed + repeat) for repeat in range(n_repeats)]
    else:
        splitters = [check_cv(cv, strata, classifier=True)]
    repeats, tested = [], None
    for splitter in splitters:
        for train, test in splitter.split(_placeholder(strata), strata, groups):
            if tested is None or tested[test].any():
                repeats.append([])
                tested = np.zeros(len(strata), dtype=bool)
            tested[test] = True
            repeats[-1].append((train, test))
    return repeats


def _placeholder(strata):
    """What stands for X where a splitter needs nothing of it but its length."""
    return np.empty((len(strata), 0))


def make_splits(cv, y, groups, seed, shuffle=False, told=None):
    """Splits for cross-fitting: a partition of the rows, groups kept together.

    Parameters
    ----------
    cv : int, splitter or iterable of (train, test)
    y : ndarray of shape (n_samples,)
    groups : ndarray of shape (n_samples,) or None
    seed : int
    shuffle : bool
        Whether a number of folds without groups is made of shuffled rows.
    told : ndarray of int, optional
        Rows that a number of folds is made of, if not all. Others are held out by the first.

    Returns
    -------
    list of (ndarray of int, ndarray of int)
    """
    splits = search_splits(cv, y, groups, seed, shuffle, told)
    if told is not None and isinstance(cv, Integral):
        (train, test), *others = splits
        rest = np.setdiff1d(np.arange(len(y)), told)
        splits = [(train, np.append(test, rest)), *others]
    held_out = np.concatenate([test for _, test in splits])
    if len(held_out) != len(y) or len(np.unique(held_out)) != len(y):
        raise ValueError(
            f"The splits of {option('cv')} hold out {len(np.unique(held_out))} of {len(y)} rows, "
            f"some of them {np.bincount(held_out).max()} times; cross-fitting needs each row "
            f"exactly once. Pass a number of folds, such as {option('cv', 5)}, or a splitter like "
            "KFold."
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
            f"groups has a single group, but {option('gate_width', 'auto')} cross-validates over "
            "groups and needs at least two. Leave groups out, or fix the gate with "
            f"{option('gate_width', 0)}."
        )
    with warnings.catch_warnings():
        # a class rarer than the folds is no fault here: a fold may lack it
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        if isinstance(cv, Integral):
            splits = _numbered_folds(cv, strata[kept], own, seed)
            return [test for _, test in splits if len(test)]
        splits = list(check_cv(cv).split(_placeholder(strata), strata, groups))
    position = np.full(len(strata), -1)
    position[kept] = np.arange(len(kept))
    held_out = [position[test] for _, test in splits]
    return [test[test >= 0] for test in held_out if (test >= 0).any()]


def _numbered_folds(n_splits, strata, groups, seed):
    """Splits into a number of folds, fewer where there are fewer rows or groups."""
    limit = len(strata) if groups is None else len(np.unique(groups))
    n_splits = int(min(n_splits, limit))
    stratified = np.bincount(strata).max() >= n_splits
    splitter = {
        (True, False): StratifiedKFold,
        (False, False): KFold,
        (True, True): StratifiedGroupKFold,
        (False, True): GroupKFold,
    }[stratified, groups is not None]
    folds = splitter(n_splits, shuffle=True, random_state=seed)
    return folds.split(_placeholder(strata), strata, groups)
