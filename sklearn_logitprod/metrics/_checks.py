"""Checks of what survival metrics get."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import check_consistent_length, column_or_1d

from sklearn_logitprod._text import plain
from sklearn_logitprod.targets.events import event_and_time


def checked(event, time, risk, sample_weight):
    """Events, times, risks and weights as arrays, or an error that says what is wrong."""
    event, time, risk = (column_or_1d(np.asarray(values)) for values in (event, time, risk))
    weight = np.ones(len(event)) if sample_weight is None else np.asarray(sample_weight, float)
    check_consistent_length(event, time, risk, weight)
    if event.dtype != bool:
        if not np.isin(event, (0, 1)).all():
            raise ValueError(
                f"event holds {event[~np.isin(event, (0, 1))][0]!r}: it says whether the event was "
                "observed, True or False. Are event and time swapped?"
            )
        event = event.astype(bool)
    values = {"time": time.astype(float), "risk": risk.astype(float), "sample_weight": weight}
    for name, own in values.items():
        if not np.isfinite(own).all():
            row = int(np.argmin(np.isfinite(own)))
            raise ValueError(f"{name} is {own[row]} in row {row}; it must be finite.")
    if (weight < 0.0).any():
        raise ValueError("sample_weight is negative; use 0 to leave a sample out.")
    return event, values["time"], values["risk"], weight


def checked_outcomes(y, proba, sample_weight):
    """Outcomes as bool, probabilities and weights as float64, or an error that says why not."""
    happened = column_or_1d(np.asarray(y))
    if not np.isin(happened, (0, 1)).all():
        odd = plain(happened[~np.isin(happened, (0, 1))][0])
        raise ValueError(f"y holds {odd}; it says whether it happened, True or False.")
    _, _, proba, weight = checked(happened, np.zeros(len(happened)), proba, sample_weight)
    if not ((proba >= 0.0) & (proba <= 1.0)).all():
        row = int(np.argmax((proba < 0.0) | (proba > 1.0)))
        raise ValueError(f"proba is {proba[row]:.6g} in row {row}; probabilities lie in [0, 1].")
    return happened.astype(bool), proba, weight


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
