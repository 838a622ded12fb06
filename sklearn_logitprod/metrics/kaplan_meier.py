"""Kaplan-Meier estimates of survival and of not being censored."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sklearn_logitprod._typing import Floats
from sklearn_logitprod.metrics._checks import survival_pair


def kaplan_meier(event: ArrayLike, time: ArrayLike, times: ArrayLike) -> Floats:
    """Kaplan-Meier estimate of survival.

    Parameters
    ----------
    event : array-like of shape (n_samples,), bool
        Whether the event was observed.
    time : array-like of shape (n_samples,), float
        Time of the event or of censoring.
    times : array-like of shape (n_times,), float
        Where survival is wanted, in the unit of `time`.

    Returns
    -------
    ndarray of shape (n_times,), float64
        Probability of an event later than each time; 1 before the first event. Beyond
        the last of `time` the estimate at the last is carried on.

    Raises
    ------
    ValueError
        If lengths differ, values are NaN or negative, or events are not boolean.

    Examples
    --------
    One of four dies at 1, one of the two left at 3.

    >>> from sklearn_logitprod.metrics import kaplan_meier
    >>> kaplan_meier([True, False, True, False], [1, 2, 3, 4], [0.5, 1.0, 3.0]).tolist()
    [1.0, 0.75, 0.375]
    """
    event, time = survival_pair((event, time), "(event, time)")
    known, n_events, _, n_at_risk = _counts(event, time)
    return _at(known, np.cumprod(1.0 - n_events / n_at_risk), times)


def censoring(event, time, times):
    """Kaplan-Meier estimate of the probability not to be censored until each time.

    Who has the event at a time is not at risk of being censored then.
    """
    known, n_events, n_censored, n_at_risk = _counts(event, time)
    left = np.maximum(n_at_risk - n_events, 1)
    return _at(known, np.cumprod(1.0 - n_censored / left), times)


def not_censored(event, time, times):
    """The same, where it has to be positive and estimable."""
    if len(times) and times.max() > time.max():
        last = censoring(event, time, time.max())
        if last > 0.0:
            raise ValueError(
                f"A test sample has its event at {times.max():.6g}, after the last training time "
                f"{time.max():.6g}: how many are censored by then is unknown. Leave later events "
                "out with `tau`, or pass training data with a longer follow-up."
            )
    out = censoring(event, time, times)
    if len(times) and out.min() <= 0.0:
        raise ValueError(
            f"All training samples are censored by {times[out <= 0.0].min():.6g}, where a test "
            "sample has its event: its weight is infinite. Leave later events out with `tau`."
        )
    return out


def _counts(event, time):
    """Distinct times, with the numbers of events, censored and at risk at each."""
    known, position = np.unique(time, return_inverse=True)
    n_events = np.bincount(position, weights=event, minlength=len(known))
    n_all = np.bincount(position, minlength=len(known))
    return known, n_events, n_all - n_events, np.cumsum(n_all[::-1])[::-1]


def _at(known, values, times):
    """Right-continuous steps from 1 at 0."""
    return np.append(1.0, values)[np.searchsorted(known, np.asarray(times, float), "right")]
