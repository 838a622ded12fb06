"""Checks of what comes beside X: labels, sample weights, groups, folds."""

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
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import column_or_1d


def check_labels(y, n_samples):
    """Class labels as a one-dimensional array without missing values.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
    n_samples : int
        Number of rows of X.

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    if y is None:
        raise ValueError("LogitProdClassifier requires y to be passed, but the target y is None.")
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = column_or_1d(labels, warn=True)
    check_length(labels, n_samples, "y")
    missing = missing_values(labels)
    if missing.any():
        row = int(np.argwhere(missing)[0][0])
        raise ValueError(
            f"y has {int(missing.sum())} missing label(s) (NaN or None), the first in row {row}. "
            "Remove these rows from X and y."
        )
    if labels.dtype.kind == "f" and np.isinf(labels).any():
        raise ValueError("Input y contains infinity: class labels are finite. Mend these labels.")
    if labels.dtype == object and np.array(labels.tolist()).dtype.kind in "biuf":
        # numbers in an object array, as pandas' nullable integers come
        labels = np.array(labels.tolist())
    kind = type_of_target(labels, input_name="y")
    if kind in ("continuous", "continuous-multioutput"):
        raise ValueError(
            f"Unknown label type: {kind}. y holds numbers that are no class labels, such as "
            f"{labels.ravel().tolist()[0]!r}; a classifier takes classes. Bin the values first."
        )
    if labels.ndim != 1:
        raise ValueError(
            f"y has shape {labels.shape} ({kind}): one label per sample is needed. For several "
            "labels per sample wrap the estimator in sklearn.multioutput.MultiOutputClassifier."
        )
    return labels


def check_classes(labels, classes):
    """Sorted class labels, and the labels as indices into them.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,)
    classes : sequence or None
        All class labels, if more than y shows may exist.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
    codes : ndarray of shape (n_samples,), int
    """
    if len(labels) == 0:
        raise ValueError("y is empty (0 samples): at least two samples are needed, of two classes.")
    seen = np.unique(labels)
    if classes is None:
        known = seen
    else:
        known = np.unique(np.asarray(list(classes)))
        if len(known) < len(classes):
            raise ValueError(f"classes={list(classes)!r} names a class more than once.")
        unknown = [label for label in seen.tolist() if label not in set(known.tolist())]
        if unknown:
            raise ValueError(
                f"y has labels {unknown[:8]!r} that are not among the classes "
                f"{known.tolist()!r}. Labels are compared by value and type."
            )
    if len(seen) < 2:
        raise ValueError(
            f"y holds 1 class only, {seen.tolist()[0]!r}: nothing can be learned about the others. "
            "Classifier can't train when only one class is present."
        )
    if seen.dtype != known.dtype:
        position = {label: code for code, label in enumerate(known.tolist())}
        return known, np.array([position[label] for label in labels.tolist()], dtype=np.intp)
    return known, np.searchsorted(known, labels)


def check_length(values, n_samples, name):
    """Raise unless ``values`` has one entry per row of X."""
    if values.ndim == 0 or len(values) != n_samples:
        found = "is a single value" if values.ndim == 0 else f"has {len(values)} entries"
        raise ValueError(f"{name} {found}, but X has {n_samples} rows; one per row is needed.")


def missing_values(values):
    """Where an array of any dtype holds NaN, None or another missing value."""
    if values.dtype.kind in "biuSU":
        return np.zeros(values.shape, dtype=bool)
    # imported here: the package is quick to import, and needs pandas for little else
    import pandas as pd

    return np.asarray(pd.isna(values))


def check_weights(sample_weight, n_samples):
    """Sample weights as float64, or ones.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,) or None
    n_samples : int

    Returns
    -------
    ndarray of shape (n_samples,), float64
    """
    if sample_weight is None:
        return np.ones(n_samples)
    try:
        weight = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"sample_weight holds values that are no numbers: {error}.") from error
    check_length(weight, n_samples, "sample_weight")
    if weight.ndim != 1:
        raise ValueError(
            f"Sample weights must be 1D array or scalar: sample_weight has shape {weight.shape}, "
            f"but one weight for each of the {n_samples} rows is needed."
        )
    bad = ~np.isfinite(weight)
    if bad.any():
        raise ValueError(
            f"sample_weight is {weight[bad][0]} in row {int(np.argmax(bad))}; weights are finite. "
            "Use 0 to leave a row out."
        )
    if (weight < 0).any():
        row = int(np.argmax(weight < 0))
        raise ValueError(
            f"sample_weight is negative ({weight[row]:g}) in row {row}. Weights count how often a "
            "sample is there: use 0 to leave it out."
        )
    if not weight.any():
        raise ValueError(
            "sample_weight is zero on every row: no sample is left to fit on. Use positive weights."
        )
    return weight


def check_groups(groups, n_samples):
    """Groups as integer codes, or None.

    Parameters
    ----------
    groups : array-like of shape (n_samples,) or None
    n_samples : int

    Returns
    -------
    ndarray of shape (n_samples,), int, or None
    """
    if groups is None:
        return None
    values = np.asarray(groups)
    check_length(values, n_samples, "groups")
    if values.ndim != 1:
        raise ValueError(f"groups has shape {values.shape}; one group per row is needed.")
    missing = missing_values(values)
    if missing.any():
        raise ValueError(
            f"groups is missing (NaN or None) in row {int(np.argmax(missing))}. Give every row a "
            "group; a sample on its own is a group of one."
        )
    return np.unique(values, return_inverse=True)[1]


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
