"""Checks that outputs of all kinds share: numbers, names, missing experts."""

from __future__ import annotations

import numpy as np

from sklearn_logitprod._text import brief
from sklearn_logitprod.targets.weights import missing_values

SUM_TOLERANCE = 1e-3
RANGE_TOLERANCE = 1e-6


def check_missing(values, rows, names, advice, unit, alone=True):
    """Refuse infinite values, experts that are missing in part, rows without experts.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_experts) or (n_rows, n_experts, n_columns)
    rows : slice or ndarray of int
        Where these rows lie in X.
    names : list of str
        Names of the experts.
    advice : str
        What to do about infinite values.
    unit : str
        What the last axis of three runs over.
    alone : bool
        Whether there are no other experts, so that each row needs one of these.
    """
    infinite = np.isinf(values)
    if infinite.any():
        row, expert = np.argwhere(infinite)[0][:2]
        raise ValueError(
            f"X holds an infinite value in row {row_number(rows, row)}, expert "
            f"{names[expert]!r}. {advice}"
        )
    missing = np.isnan(values)
    if values.ndim == 3:
        whole = missing.all(axis=-1)
        part = missing.any(axis=-1) & ~whole
        if part.any():
            row, expert = np.argwhere(part)[0]
            n_missing = int(missing[row, expert].sum())
            raise ValueError(
                f"X is NaN in {n_missing} of {values.shape[-1]} {unit} in row "
                f"{row_number(rows, row)}, expert {names[expert]!r}. An expert that is "
                f"missing for a sample is NaN in all its {unit}; fill in the others or set the "
                "whole row of this expert to NaN."
            )
        missing = whole
    empty = missing.all(axis=1)
    if alone and empty.any():
        raise ValueError(
            f"X has {int(empty.sum())} row(s) in which all experts are missing (NaN), the "
            f"first is row {row_number(rows, int(np.argmax(empty)))}. Remove these rows: at "
            "least one expert must be present."
        )


def row_number(rows, position):
    """Row number of a position within a slice or an index array."""
    return (rows.start or 0) + position if isinstance(rows, slice) else rows[position]


def n_rows(X):
    """Number of rows of X, before anything else is known of it."""
    shape = getattr(X, "shape", None)
    if shape is None:
        shape = (len(X),) if hasattr(X, "__len__") else np.asarray(X).shape
    if len(shape) == 0:
        raise ValueError(
            "X is a single value. Expert outputs are (n_samples, n_experts, n_classes), or "
            "(n_samples, n_experts) for a binary task."
        )
    return int(shape[0])


def column_names(values, names, expert_names):
    """Names of the experts of an array, checked to be as many as the fit had.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_experts, ...)
    names : list of str or None
        What the columns are called; by their number if not given.
    expert_names : list of str or None
        Names of a fitted estimator's experts.

    Returns
    -------
    list of str
    """
    if 0 in values.shape:
        raise ValueError(
            f"Found X with {values.shape[0]} sample(s) and {values.shape[1]} feature(s) "
            f"(shape={values.shape}) while a minimum of 1 is required of both: rows are samples, "
            "columns outputs of experts."
        )
    if expert_names is None:
        return names or [f"expert{m}" for m in range(values.shape[1])]
    if len(expert_names) != values.shape[1]:
        raise ValueError(
            f"X has shape {values.shape}, hence {values.shape[1]} expert(s), but the fit had "
            f"{len(expert_names)}: {brief(expert_names)}. Pass all of them, with NaN for an "
            "expert that is missing."
        )
    return list(expert_names)


def numeric(X):
    """X as an array of real numbers, without copying one that is."""
    try:
        values = X if isinstance(X, np.ndarray) else np.asarray(X)
    except ValueError as error:
        raise ValueError(
            "X is ragged: its rows or experts differ in length. Expert outputs are one "
            "rectangular array; mark a missing expert with NaN."
        ) from error
    if values.dtype.kind in "bui" or values.dtype.kind == "f":
        return values
    if values.dtype.kind == "c":
        raise ValueError("X holds complex numbers. Complex data not supported: logits are real.")
    if values.dtype == object:
        # None and NA of pandas, as nullable columns give them
        values = np.where(missing_values(values), np.nan, values)
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"X has dtype {values.dtype} and holds values that are no numbers ({error}). Expert "
            "outputs are numeric; drop identifier and label columns."
        ) from error
