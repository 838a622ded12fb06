"""Checks of what survival estimators get beside X: events, times, and the grid."""

from __future__ import annotations

import numpy as np

from sklearn_logitprod._text import brief, warn
from sklearn_logitprod.targets.weights import check_length, missing_values

_HOW_TO = (
    "Pass a structured array whose first field is boolean (the event) and second numeric (the "
    "time), as sksurv.util.Surv.from_arrays makes, or a DataFrame with the columns 'event' and "
    "'time'."
)


def check_events(y, n_samples):
    """Events and times of y.

    Parameters
    ----------
    y : structured array of shape (n_samples,) or DataFrame
        Structured: two fields of any name, the first boolean, the second numeric.
        DataFrame: columns ``event`` and ``time``; others are ignored. Its events are
        boolean, or integers that are all 0 or 1, as tables from files hold them.
    n_samples : int
        Number of rows of X.

    Returns
    -------
    event : ndarray of shape (n_samples,), bool
    time : ndarray of shape (n_samples,), float64
        Positive and finite.
    structured : ndarray of shape (n_samples,)
        Both, as a structured array that experts can be fitted on.

    Raises
    ------
    ValueError
        If y has another form, an event is not boolean, or a time is missing, infinite,
        zero or negative.
    """
    if y is None:
        raise ValueError(f"LogitProdSurvival requires y, but y is None. {_HOW_TO}")
    event, time, names = event_and_time(y, "y")
    if hasattr(y, "columns"):
        event = _table_event(event)
    elif event.dtype.kind != "b":
        raise ValueError(
            f"y's first field, {names[0]!r}, must be boolean, whether the event was observed, "
            f"but its dtype is {event.dtype}. {_HOW_TO}"
        )
    check_length(event, n_samples, "y")
    if event.ndim != 1:
        raise ValueError(f"y has shape {event.shape}; one event and time per sample is needed.")
    time = _check_time(time, names[1])
    structured = np.empty(n_samples, dtype=[(names[0], bool), (names[1], np.float64)])
    structured[names[0]], structured[names[1]] = event, time
    return np.asarray(event), time, structured


def event_and_time(y, name):
    """The two columns of a table, or fields of a structured array, as they come.

    Parameters
    ----------
    y : structured array of shape (n_samples,) or DataFrame
    name : str
        What it is, for messages.

    Returns
    -------
    event, time : ndarray of shape (n_samples,)
        Of any dtype.
    names : tuple of str
        What they are called.

    Raises
    ------
    ValueError
        If a table lacks the columns ``event`` and ``time``, or an array has not two fields.
    """
    if hasattr(y, "columns"):
        absent = [column for column in ("event", "time") if column not in list(y.columns)]
        if absent:
            raise ValueError(
                f"{name} is a table without the column(s) {brief(absent)}; it has "
                f"{brief(y.columns)}. {_HOW_TO}"
            )
        return np.asarray(y["event"]), np.asarray(y["time"]), ("event", "time")
    y = np.asarray(y)
    names = y.dtype.names
    if names is None:
        raise ValueError(
            f"{name} is an array of {y.dtype} of shape {y.shape}, which does not tell events from "
            f"times. {_HOW_TO}"
        )
    if len(names) != 2:
        raise ValueError(f"{name} has the fields {brief(names)}, but two are needed. {_HOW_TO}")
    return y[names[0]], y[names[1]], names


def _table_event(event):
    """Boolean events of a table's column."""
    missing = missing_values(event)
    if missing.any():
        raise ValueError(
            f"y's column 'event' is missing (NaN or None) in row {int(np.argmax(missing))}. "
            "Remove these rows from X and y."
        )
    if event.dtype == object:
        event = np.array(event.tolist())
    if event.dtype.kind == "b":
        return event
    if event.dtype.kind in "iu" and np.isin(event, (0, 1)).all():
        return event == 1
    raise ValueError(
        f"y's column 'event' must be boolean (or integers 0 and 1), whether the event was "
        f"observed, but holds {event.dtype}, such as {event[:1].tolist()!r}. Convert it, for "
        "instance with y['event'] == 1."
    )


def _check_time(time, name):
    try:
        values = time.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"y's times ({name!r}) have dtype {time.dtype} and are no numbers: {error}."
        ) from error
    if time.dtype.kind in "bcmM":
        raise ValueError(
            f"y's times ({name!r}) have dtype {time.dtype}, but numbers are needed. {_HOW_TO}"
        )
    bad = ~np.isfinite(values)
    if bad.any():
        raise ValueError(
            f"y's time ({name!r}) is {values[bad][0]} in row {int(np.argmax(bad))}. Times are "
            "finite; remove rows whose time is unknown."
        )
    bad = values <= 0
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(
            f"y's time ({name!r}) is {values[row]:g} in row {row}, but times are positive. Remove "
            "such rows, or move times of 0 to half the smallest unit of time."
        )
    return values


def given_times(times, input):
    """Times as the user gives them, checked; None where they may be estimated.

    Parameters
    ----------
    times : array-like of shape (n_times,) or None
    input : str or None
        What precomputed outputs hold; None with fitted experts.

    Returns
    -------
    ndarray of shape (n_times,), float64, or None
    """
    if times is not None:
        return check_times(times)
    if input in ("hazard_logits", "survival"):
        raise ValueError(
            f"input={input!r} needs `times`, the right ends of the intervals that the "
            "experts' columns stand for: only you know their grid. If y holds (event, number "
            "of the interval, from 1), it is 1, ..., T."
        )
    return None


def check_times(times):
    """Right ends of intervals as float64, checked.

    Parameters
    ----------
    times : array-like of shape (n_times,)

    Returns
    -------
    ndarray of shape (n_times,), float64
        Positive, finite and strictly increasing.
    """
    try:
        values = np.asarray(times, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"times holds values that are no numbers: {error}.") from error
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(
            f"times has shape {values.shape}; the right ends of the intervals are one or more "
            "numbers in one dimension."
        )
    bad = ~(np.isfinite(values) & (values > 0))
    if bad.any():
        place = int(np.argmax(bad))
        raise ValueError(
            f"times holds {values[place]:g} at position {place}, but the right ends of the "
            "intervals are positive and finite. The start at 0 is implied: leave it out."
        )
    falls = np.diff(values) <= 0
    if falls.any():
        place = int(np.argmax(falls))
        raise ValueError(
            f"times must increase strictly, but {values[place]:g} at position {place} is followed "
            f"by {values[place + 1]:g}. Sort them, together with the experts' columns."
        )
    return values


def interval_ends(event, time, weight, times, n_bins):
    """Grid of a fit: the given times, or quantiles of the event times.

    Parameters
    ----------
    event : ndarray of shape (n_samples,), bool
    time : ndarray of shape (n_samples,), float64
    weight : ndarray of shape (n_samples,), float64
        Sample weights.
    times : ndarray of shape (n_times,) or None
    n_bins : int
        Number of intervals where times are None.

    Returns
    -------
    ndarray of shape (n_times,), float64

    Raises
    ------
    ValueError
        If no sample of positive weight informs any interval.
    """
    kept = weight > 0
    _check_informative(event[kept], time[kept], times)
    return _quantile_times(event, time, weight, n_bins) if times is None else times


def _quantile_times(event, time, weight, n_bins):
    """Grid whose intervals hold about the same number of events.

    Parameters
    ----------
    event : ndarray of shape (n_samples,), bool
    time : ndarray of shape (n_samples,), float64
    weight : ndarray of shape (n_samples,), float64
        Sample weights, at least one of an event positive.
    n_bins : int

    Returns
    -------
    ndarray of shape (n_times,), float64
        Event times at the quantiles 1 / n_bins, ..., 1; fewer where these tie.
    """
    counted = event & (weight > 0)
    # quantiles of the events, not of all times: every interval has something to learn from
    order = np.argsort(time[counted], kind="stable")
    sorted_time, mass = time[counted][order], np.cumsum(weight[counted][order])
    level = mass[-1] * np.arange(1, n_bins + 1) / n_bins
    # rounding must not push a quantile to the next event
    place = np.searchsorted(mass, level * (1.0 - 1e-12))
    return np.unique(sorted_time[np.minimum(place, len(sorted_time) - 1)])


def _check_informative(event, time, times):
    """Refuse y from which nothing can be learned; warn of intervals without events.

    Parameters
    ----------
    event : ndarray of shape (n_samples,), bool
        Of samples with positive weight.
    time : ndarray of shape (n_samples,), float64
    times : ndarray of shape (n_times,) or None
        None checks only that there is an event.
    """
    if not event.any():
        raise ValueError(
            "All samples of y are censored: without a single event nothing can be learned about "
            "when events happen. Check that the event field is true where the event was observed."
        )
    if times is None:
        return
    counts = np.bincount(np.searchsorted(times, time[event]), minlength=len(times) + 1)[:-1]
    if not counts.any():
        raise ValueError(
            f"No row of y informs any interval: the first event is at {time[event].min():g}, but "
            f"the last interval ends at times[-1]={times[-1]:g}. Are times and y in the same unit?"
        )
    empty = np.flatnonzero(counts == 0)
    if len(empty):
        start = np.concatenate([[0.0], times])
        named = ", ".join(f"({start[j]:g}, {times[j]:g}]" for j in empty[:5])
        more = f" and {len(empty) - 5} more" if len(empty) > 5 else ""
        warn(
            f"{len(empty)} of {len(times)} intervals hold no event: {named}{more}. Their hazards "
            "rest on the experts and the priors alone; a coarser grid has none of them."
        )
