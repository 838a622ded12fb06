"""Sample weights and groups, one for each row of X."""

from __future__ import annotations

import numpy as np


def check_length(values, n_samples, name, other="X"):
    """Raise unless ``values`` has one entry per row of X, or of what is called otherwise."""
    if values.ndim == 0 or len(values) != n_samples:
        found = "is a single value" if values.ndim == 0 else f"has {len(values)} entries"
        raise ValueError(
            f"{name} {found}, but {other} has {n_samples} rows; one per row is needed."
        )


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


def check_groups(groups, n_samples, other="X"):
    """Groups as integer codes, or None.

    Parameters
    ----------
    groups : array-like of shape (n_samples,) or None
    n_samples : int
    other : str
        What has so many rows.

    Returns
    -------
    ndarray of shape (n_samples,), int, or None
    """
    if groups is None:
        return None
    values = np.asarray(groups)
    check_length(values, n_samples, "groups", other)
    if values.ndim != 1:
        raise ValueError(f"groups has shape {values.shape}; one group per row is needed.")
    missing = missing_values(values)
    if missing.any():
        raise ValueError(
            f"groups is missing (NaN or None) in row {int(np.argmax(missing))}. Give every row a "
            "group; a sample on its own is a group of one."
        )
    try:
        return np.unique(values, return_inverse=True)[1]
    except TypeError as error:
        raise ValueError(
            f"groups holds names of several kinds, which do not compare ({error}). Write all of "
            "them as text."
        ) from error
