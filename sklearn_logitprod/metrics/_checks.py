"""Checks of what survival metrics get."""

from __future__ import annotations

from numbers import Real

import numpy as np
from sklearn.utils.validation import column_or_1d

from sklearn_logitprod._text import brief, plain
from sklearn_logitprod.targets.events import event_and_time
from sklearn_logitprod.targets.order import check_labels_of_rows


def checked(event, time, risk, sample_weight, *, risk_name="risk"):
    """Events, times, risks and weights as arrays, or an error that says what is wrong."""
    check_rows({"event": event, "time": time, risk_name: risk, "sample_weight": sample_weight})
    event = checked_events(event, "event")
    given = {"time": time, risk_name: risk}
    values = {name: numbers(own, name, event) for name, own in given.items()}
    return event, *values.values(), checked_weights(sample_weight, event)


def checked_events(event, name):
    """Whether it happened, as bool, or an error that says why not."""
    values = _column(event, name)
    if values.dtype.names is not None:
        fields = brief(values.dtype.names)
        raise ValueError(
            f"{name} is a structured array with the fields {fields}. Pass one of them, such as "
            f"{name}[{plain(values.dtype.names[0])}]."
        )
    known = np.isin(values, (0, 1))
    if not known.all():
        odd = plain(values[~known][0])
        said = "it happened" if name == "y" else "the event was observed"
        hint = f" Compare labels with one of them, such as {name} == {odd}."
        if values.dtype.kind == "f":
            hint = " Are event and time swapped?" if name == "event" else ""
        raise ValueError(f"{name} holds {odd}: it says whether {said}, True or False.{hint}")
    return values.astype(bool)


def checked_outcomes(y, proba, sample_weight, groups=None, *, name="y"):
    """Outcomes as bool, probabilities and weights as float64, or an error that says why not."""
    check_rows({name: y, "proba": proba, "sample_weight": sample_weight, "groups": groups})
    happened = checked_events(y, name)
    proba = numbers(proba, "proba", happened, name)
    if not ((proba >= 0.0) & (proba <= 1.0)).all():
        row = int(np.argmax((proba < 0.0) | (proba > 1.0)))
        raise ValueError(
            f"proba is {proba[row]:.6g} in row {row}; probabilities lie in [0, 1]. Divide "
            "percentages by 100; log-odds x are probabilities 1 / (1 + exp(-x))."
        )
    return happened, proba, checked_weights(sample_weight, happened, name)


def checked_weights(sample_weight, beside, other="event"):
    """Sample weights as float64, ones for None."""
    if sample_weight is None:
        return np.ones(len(beside))
    weight = numbers(sample_weight, "sample_weight", beside, other)
    if (weight < 0.0).any():
        raise ValueError("sample_weight is negative; use 0 to leave a sample out.")
    if not weight.any():
        raise ValueError("sample_weight is zero on every row: no sample is left.")
    return weight


def numbers(values, name, beside, other="event"):
    """Finite numbers, as many as there are of something else, as float64."""
    values = _column(values, name)
    if len(values) != len(beside):
        raise ValueError(
            f"{name} has {len(values)} entries, but {other} has {len(beside)}: one for each sample "
            "is needed."
        )
    if values.dtype.kind in "mM":
        raise ValueError(
            f"{name} holds dates or durations ({values.dtype}), which have no unit. Pass numbers, "
            f"such as days: {name} / np.timedelta64(1, 'D') of durations."
        )
    if values.dtype.kind == "c":
        raise ValueError(f"{name} holds complex numbers. Complex data not supported.")
    try:
        values = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} holds values that are no numbers ({error}).") from error
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values)))
        raise ValueError(f"{name} is {values[row]} in row {row}; it must be finite.")
    return values


def check_rows(named):
    """Refuse series of pandas that name the same rows, but in another order."""
    indices = {name: getattr(values, "index", None) for name, values in named.items()}
    known = {name: (own, "index") for name, own in indices.items() if hasattr(own, "equals")}
    check_labels_of_rows(known)


def check_fraction(name, value):
    """Refuse what is no number between 0 and 1."""
    if not isinstance(value, Real) or isinstance(value, bool) or not 0.0 < value < 1.0:
        raise ValueError(f"{name}={value!r}: it lies in (0, 1), such as 0.95.")


def _column(values, name):
    """An array of one axis."""
    try:
        values = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} is ragged: it is one value for each sample.") from error
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or len(values) == 0:
        found = "is a single value" if values.ndim == 0 else f"has shape {values.shape}"
        raise ValueError(f"{name} {found}; it is one value for each sample.")
    return values


def survival_pair(y, name):
    """Events and times of a structured array, a table, or a pair, checked.

    Returns
    -------
    event : ndarray of shape (n_samples,), bool
    time : ndarray of shape (n_samples,), float64
        Finite and not negative.
    """
    pair = y if isinstance(y, tuple) else event_and_time(y, name)[:2]
    if len(pair) != 2:
        raise ValueError(f"{name} has {len(pair)} parts; it is a pair (event, time).")
    check_rows(dict(zip(("event", "time"), pair, strict=True)))
    event, time, _, _ = checked(*pair, np.zeros(len(pair[0])), None)
    if (time < 0.0).any():
        raise ValueError(f"{name} has a negative time in row {int(np.argmax(time < 0.0))}.")
    return event, time


def check_curves(survival, times, n_samples):
    """Survival (n_samples, n_times) in [0, 1] and increasing times, as float64."""
    times = column_or_1d(np.asarray(times, dtype=float))
    survival = np.asarray(survival, dtype=float)
    if survival.ndim == 1 and len(times) == 1:
        survival = survival[:, None]
    if survival.shape != (n_samples, len(times)):
        raise ValueError(
            f"survival has shape {survival.shape}, expected ({n_samples}, {len(times)}): a row "
            "for each test sample, a column for each of times."
        )
    if not ((survival >= -1e-9) & (survival <= 1.0 + 1e-9)).all():
        row, column = np.argwhere(~((survival >= -1e-9) & (survival <= 1.0 + 1e-9)))[0]
        raise ValueError(
            f"survival is {survival[row, column]:.6g} in row {row} at time {times[column]:.6g}; "
            "probabilities lie in [0, 1]."
        )
    if not (np.diff(times) > 0.0).all():
        raise ValueError("times must increase.")
    return survival, times
