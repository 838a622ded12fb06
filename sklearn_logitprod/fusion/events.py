"""Event categories of discrete-time survival, in log space from end to end.

Time is cut into T intervals ``(0, t_1], (t_1, t_2], ..., (t_{T-1}, t_T]`` and a *tail*
``(t_T, inf)``. These T + 1 categories take the place of classes: an expert gives an event
distribution over them, and an outcome is a set of categories that the event may lie in.
Interval ``j`` below counts from 0, as indices do, and category T is the tail.

Nothing is clamped. A likelihood that clips its probabilities at 1e-7 cannot tell -40 from
-16; here -40 stays -40. Functions accept any memory order and float64 comes out.
"""

from __future__ import annotations

import numpy as np

from sklearn_logitprod.fusion.likelihood import ClassLabels, LabelSets

_ROUNDING = 1e-6


class EventTimes:
    """What the automatic path is to know of times of events, whether seen or censored.

    A time says less than a class label: parameters are held three times as firmly, and some
    hundred events do not tell which expert is the best.
    """

    strength = 3.0
    choose_expert = False


class EventSets(EventTimes, LabelSets):
    """What is known of the time of an event, as sets of intervals and the tail."""


class EventLabels(EventTimes, ClassLabels):
    """The interval of each event, or the tail, where all are known: cheaper than sets."""


def log_events_from_hazard_logits(hazard_logits):
    """Log event distribution of hazards given as logits.

    ``log f_j = log sigmoid(h_j) + sum_{i < j} log sigmoid(-h_i)``, and the sum over all
    intervals for the tail.

    Parameters
    ----------
    hazard_logits : array of shape (..., n_times), any float dtype
        Logit of the probability that the event happens in an interval, given that it
        has not happened before. A row of NaN (missing expert) stays a row of NaN.

    Returns
    -------
    ndarray of shape (..., n_times + 1), float64
        Natural logarithms; finite for finite logits, and normalised.
    """
    logits = np.asarray(hazard_logits, dtype=np.float64)
    # softplus(h) = max(h, 0) + log1p(exp(-|h|)), and softplus(-h) shares the second term
    correction = np.log1p(np.exp(-np.abs(logits)))
    log_survival = np.cumsum(-(np.maximum(logits, 0.0) + correction), axis=-1)
    log_events = np.concatenate(
        [np.minimum(logits, 0.0) - correction, np.zeros_like(logits[..., :1])], axis=-1
    )
    log_events[..., 1:] += log_survival
    return log_events


def log_events_from_log_rates(log_rates):
    """Log event distribution of the complementary log-log link.

    The hazard of an interval is ``1 - exp(-exp(r_j))`` with ``r_j`` its log rate, the
    link under which proportional hazards in continuous time stay proportional on any
    grid; ``exp(r_j)`` is the increment of the cumulative hazard.

    Parameters
    ----------
    log_rates : array of shape (..., n_times), any float dtype
        Finite; beyond -700 and 700 these bounds are taken. NaN stays NaN.

    Returns
    -------
    ndarray of shape (..., n_times + 1), float64
        Natural logarithms; finite and normalised.

    Examples
    --------
    >>> import numpy as np
    >>> rates = np.log(np.log([2.0, 2.0]))
    >>> np.exp(log_events_from_log_rates(rates)).round(6).tolist()
    [0.5, 0.25, 0.25]
    """
    # exp(700) is the largest that float64 holds
    rates = np.exp(np.clip(np.asarray(log_rates, dtype=np.float64), -700.0, 700.0))
    log_events = np.concatenate([np.log(-np.expm1(-rates)), np.zeros_like(rates[..., :1])], axis=-1)
    log_events[..., 1:] -= np.cumsum(rates, axis=-1)
    return log_events


def hazard_logits_from_log_events(log_events):
    """Logits of the hazards of an event distribution.

    ``h_j = log f_j - log(f_{j+1} + ... + f_tail)``: the inverse of
    :func:`log_events_from_hazard_logits`, exact to the rounding of the log events
    themselves.

    Parameters
    ----------
    log_events : array of shape (..., n_times + 1), any float dtype
        Log event distribution, finite, normalised or not; rows of NaN stay NaN.

    Returns
    -------
    ndarray of shape (..., n_times), float64
    """
    log_events = np.asarray(log_events, dtype=np.float64)
    return log_events[..., :-1] - _log_remaining(log_events)[..., 1:]


def hazard_from_log_events(log_events):
    """Hazards ``f_j / (f_j + ... + f_tail)`` of an event distribution.

    Parameters
    ----------
    log_events : array of shape (..., n_times + 1), any float dtype
        Log event distribution, finite, normalised or not.

    Returns
    -------
    ndarray of shape (..., n_times), float64
        Conditional probabilities in [0, 1], one per interval.
    """
    log_events = np.asarray(log_events, dtype=np.float64)
    return np.exp(log_events[..., :-1] - _log_remaining(log_events)[..., :-1])


def log_survival_from_log_events(log_events):
    """Log of the survival function at the right ends of the intervals.

    Parameters
    ----------
    log_events : array of shape (..., n_times + 1), any float dtype
        Log event distribution, finite, normalised or not.

    Returns
    -------
    ndarray of shape (..., n_times), float64
        ``log S(t_j)``, at most 0 and non-increasing, without exception for rounding.
    """
    remaining = _log_remaining(np.asarray(log_events, dtype=np.float64))
    return remaining[..., 1:] - remaining[..., :1]


def survival_from_log_events(log_events):
    """Survival function at the right ends of the intervals.

    Parameters
    ----------
    log_events : array of shape (..., n_times + 1), any float dtype
        Log event distribution, finite, normalised or not.

    Returns
    -------
    ndarray of shape (..., n_times), float64
        ``S(t_j)`` in [0, 1], non-increasing.

    Examples
    --------
    >>> import numpy as np
    >>> log_events = np.log([0.5, 0.25, 0.25])
    >>> survival_from_log_events(log_events).round(6).tolist()
    [0.5, 0.25]
    """
    return np.exp(log_survival_from_log_events(log_events))


def _log_remaining(log_events):
    """Log of ``f_j + ... + f_tail`` for each j: (..., n_times + 1), non-increasing."""
    remaining = np.array(log_events)
    # a loop over the few categories keeps the memory order, which accumulate does not
    with np.errstate(invalid="ignore"):
        for j in reversed(range(log_events.shape[-1] - 1)):
            np.logaddexp(remaining[..., j], remaining[..., j + 1], out=remaining[..., j])
    return remaining


def events_from_survival(survival):
    """Event distribution of survival curves: ``f_j = S(t_{j-1}) - S(t_j)``.

    Parameters
    ----------
    survival : array of shape (..., n_times), any float dtype
        ``S(t_j)`` at the right ends of the intervals; ``S(0) = 1`` is implied. Curves
        are taken to decrease up to rounding. NaN (missing expert) stays NaN.

    Returns
    -------
    ndarray of shape (..., n_times + 1), float64
        Probabilities of the intervals and of the tail. Differences between -1e-6 and 0
        come from rounding and become 0; larger ones are left for the caller to refuse.

    Examples
    --------
    >>> events_from_survival([0.75, 0.25]).tolist()
    [0.25, 0.5, 0.25]
    """
    survival = np.asarray(survival, dtype=np.float64)
    start = np.ones_like(survival[..., :1])
    events = np.concatenate([start, survival], axis=-1)
    events[..., :-1] -= survival
    events[(events < 0.0) & (events > -_ROUNDING)] = 0.0
    return events


def label_sets_from_events(event, time, times):
    """What an observed or censored time leaves open, as sets of categories.

    An event at t is the one interval that holds t (an event at ``t_j`` lies in the
    interval that ends there), or the tail beyond the last time. A sample censored at c
    inside an interval that ends at ``t_k`` has survived the share
    ``f = (c - t_{k-1}) / (t_k - t_{k-1})`` of it and carries two sets: ``{k, ..., tail}``
    with weight ``1 - f`` and ``{k + 1, ..., tail}`` with weight ``f``. Its log-likelihood
    ``(1 - f) log S(t_{k-1}) + f log S(t_k)`` is that of ``log S(c)`` under a hazard rate
    that is constant inside the interval. A sample censored at ``t_T`` or later is known
    to lie in the tail.

    Parameters
    ----------
    event : array of shape (n_samples,), bool
        Whether the event was observed.
    time : array of shape (n_samples,), float
        Time of the event or of censoring, non-negative, in the unit of ``times``.
    times : array of shape (n_times,), float
        Right ends of the intervals, positive and increasing.

    Returns
    -------
    EventSets or EventLabels
        Labels where every outcome is known to the interval. Otherwise two sets per sample
        if any was censored strictly inside an interval (the second repeats the first, with
        weight 0, where it is not needed), or one.

    Examples
    --------
    >>> sets = label_sets_from_events([True, False], [2.0, 2.5], [1.0, 2.0, 4.0])
    >>> sets.first.tolist(), sets.last.tolist(), sets.weight.tolist()
    ([[1, 2], [1, 3]], [[1, 3], [1, 3]], [[1.0, 0.75], [0.0, 0.25]])
    """
    event = np.asarray(event, dtype=bool)
    time = np.asarray(time, dtype=np.float64)
    times = np.asarray(times, dtype=np.float64)
    tail = len(times)
    at_event = np.searchsorted(times, time, side="left")
    if event.all():
        return EventLabels(at_event)

    # an event at t_j closes its interval, a sample censored at t_j has survived it
    at_censoring = np.searchsorted(times, time, side="right")
    first = np.where(event, at_event, at_censoring)
    last = np.where(event, at_event, tail)
    inside = ~event & (first < tail)
    # only those that left inside an interval have survived a share of it
    start = np.concatenate([[0.0], times[:-1]])[first[inside]]
    share = np.zeros(len(time))
    share[inside] = (time[inside] - start) / (times[first[inside]] - start)
    if (first == last).all():
        return EventLabels(first)
    if not share.any():
        return EventSets(first[None], last[None], np.ones((1, len(time))))
    return EventSets(
        np.stack([first, first + (share > 0.0)]),
        np.stack([last, last]),
        np.stack([1.0 - share, share]),
    )
