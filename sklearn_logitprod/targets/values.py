"""Checks of continuous values, and the scale on which they are fused."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import column_or_1d

from sklearn_logitprod.targets.weights import check_length, missing_values

# relative to the largest absolute value: what varies less is constant but for rounding
_CONSTANT = 1e-12
_LEAST = 20


def check_values(y, n_samples):
    """Continuous values as a one-dimensional array of finite numbers.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
    n_samples : int
        Number of rows of X.

    Returns
    -------
    ndarray of shape (n_samples,), float64
    """
    if y is None:
        raise ValueError("LogitProdRegressor requires y to be passed, but the target y is None.")
    values = np.asarray(y)
    if values.ndim == 2 and values.shape[1] == 1:
        values = column_or_1d(values, warn=True)
    if values.dtype.names is not None:
        raise ValueError(
            f"y is a structured array with the fields {list(values.dtype.names)}, as events and "
            "times come: use LogitProdSurvival, or pass one of its fields."
        )
    if values.ndim != 1:
        raise ValueError(
            f"y has shape {values.shape}: one value per sample is needed. Fit one estimator for "
            "each value, on what its experts say of that value."
        )
    check_length(values, n_samples, "y")
    missing = missing_values(values)
    if missing.any():
        raise ValueError(
            f"Input y contains NaN or None: {int(missing.sum())} missing value(s), the first in "
            f"row {int(np.argmax(missing))}. Remove these rows from X and y."
        )
    if values.dtype.kind == "b":
        raise ValueError(
            "y holds True and False, which are class labels: use LogitProdClassifier. If they are "
            "values, pass y.astype(float)."
        )
    if values.dtype.kind == "c":
        raise ValueError("y holds complex numbers. Complex data not supported: values are real.")
    if values.dtype.kind in "mM":
        raise ValueError(
            f"y holds dates or durations ({values.dtype}), which have no unit. Pass numbers, such "
            "as days since a date: y / np.timedelta64(1, 'D')."
        )
    try:
        values = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"y holds values that are no numbers ({error}). A regressor takes numbers; for class "
            "labels use LogitProdClassifier."
        ) from error
    infinite = np.isinf(values)
    if infinite.any():
        raise ValueError(
            f"Input y contains infinity, the first in row {int(np.argmax(infinite))}: values are "
            "finite. Remove these rows from X and y."
        )
    return values


def centre_and_scale(values, weight):
    """Weighted mean and standard deviation of values: what they are standardised by.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
    weight : ndarray of shape (n_samples,)

    Returns
    -------
    centre, scale : float

    Raises
    ------
    ValueError
        If the values are constant.
    """
    if len(values) == 0:
        raise ValueError("y is empty (0 samples): at least two samples are needed.")
    kept = weight > 0
    if kept.sum() < 2:
        raise ValueError(
            f"n_samples={int(kept.sum())} sample(s) with a positive weight: at least two samples "
            "are needed to tell how predictions and values agree."
        )
    share = weight / weight.sum()
    # values may be of any size: squares of 1e200 would overflow
    size = np.abs(values[kept]).max()
    unit = size if size > 0 else 1.0
    centre = share @ (values / unit)
    scale = np.sqrt(share @ (values / unit - centre) ** 2)
    if scale <= _CONSTANT:
        raise ValueError(
            f"y is constant, {values[kept][0]:.12g} on all samples: nothing can be learned of how "
            "predictions and values agree. Check that y is the column that was meant."
        )
    return float(centre * unit), float(scale * unit)


def value_strata(values, weight=None, n_strata=5):
    """Strata of equal size, by rank: what folds should hold alike.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
    weight : ndarray of shape (n_samples,), optional
        Rows of weight 0 change nothing for the others.
    n_strata : int
        At most: a stratum has 20 values or more, where there are as many.

    Returns
    -------
    ndarray of shape (n_samples,), int
    """
    kept = np.arange(len(values)) if weight is None else np.flatnonzero(weight > 0)
    # each stratum has enough for the folds that are usual
    n_strata = max(1, min(n_strata, len(kept) // _LEAST))
    strata = np.zeros(len(values), dtype=np.intp)
    order = np.argsort(np.argsort(values[kept], kind="stable"), kind="stable")
    strata[kept] = order * n_strata // max(len(kept), 1)
    return strata
