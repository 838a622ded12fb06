"""Brier scores of survival curves, weighted for censoring."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sklearn_logitprod._typing import Floats
from sklearn_logitprod.metrics._checks import check_curves, check_rows, survival_pair
from sklearn_logitprod.metrics.kaplan_meier import censoring


def safe_time_grid(
    survival_train: ArrayLike,
    survival_test: ArrayLike,
    times: ArrayLike | None = None,
    n_times: int = 100,
) -> Floats:
    """Times at which Brier scores are defined.

    These lie within the follow-up of the test data, from its first time to before its
    last, and where the probability not to be censored, estimated on the training data,
    is known and positive.

    Parameters
    ----------
    survival_train, survival_test : structured array, DataFrame or pair of array-like
        Events and times.
    times : array-like of shape (n,), default=None
        Times to choose from. None: `n_times` evenly spaced ones.
    n_times : int, default=100
        Number of times if `times` is None.

    Returns
    -------
    ndarray of shape (n_safe,), float64
        Sorted.

    Raises
    ------
    ValueError
        If no time is safe.

    Examples
    --------
    >>> from sklearn_logitprod.metrics import safe_time_grid
    >>> y = [True, False, True], [1.0, 2.0, 3.0]
    >>> safe_time_grid(y, y, times=[0.5, 1.0, 2.5, 3.0]).tolist()
    [1.0, 2.5]
    """
    train_event, train_time = survival_pair(survival_train, "survival_train")
    _, time = survival_pair(survival_test, "survival_test")
    low, high = time.min(), min(time.max(), train_time.max())
    given = times is not None
    times = np.unique(np.asarray(times, float)) if given else np.linspace(low, high, n_times + 1)
    inside = (times >= low) & (times < high)
    safe = times[inside & (censoring(train_event, train_time, times) > 0.0)]
    if len(safe) == 0:
        what = f"None of the {len(times)} times" if given else "No time"
        raise ValueError(
            f"{what} is within the follow-up: the test data have times from {low:.6g} to before "
            f"{time.max():.6g}, the training data up to {train_time.max():.6g}."
        )
    return safe


def brier_score(
    survival_train: ArrayLike, survival_test: ArrayLike, survival: ArrayLike, times: ArrayLike
) -> Floats:
    """Brier score of predicted survival at each time.

    The mean squared difference between survival and whether the sample outlived the
    time, each sample weighted by the inverse probability that it is not censored when
    this is known [1]_.

    Parameters
    ----------
    survival_train, survival_test : structured array, DataFrame or pair of array-like
        Events and times; censoring is estimated on the first.
    survival : array-like of shape (n_test, n_times)
        Predicted survival at `times`.
    times : array-like of shape (n_times,)
        Increasing, within the follow-up: see :func:`safe_time_grid`.

    Returns
    -------
    ndarray of shape (n_times,), float64
        Lower is better; 0.25 for survival of 0.5 everywhere and no censoring.

    Raises
    ------
    ValueError
        If shapes differ, survival leaves [0, 1], or a time is outside the follow-up.

    References
    ----------
    .. [1] Graf et al., "Assessment and comparison of prognostic classification schemes
       for survival data", Stat. Med. 18, 1999.

    Examples
    --------
    >>> from sklearn_logitprod.metrics import brier_score
    >>> y = [True, True, True], [1.0, 2.0, 3.0]
    >>> brier_score(y, y, [[0.5], [0.5], [1.0]], [2.0]).round(4).tolist()
    [0.1667]
    """
    return sample_brier_scores(survival_train, survival_test, survival, times).mean(axis=0)


def sample_brier_scores(survival_train, survival_test, survival, times):
    """What each sample adds to the Brier score at each time; :func:`brier_score` is the mean.

    Parameters
    ----------
    survival_train, survival_test, survival, times
        As in :func:`brier_score`.

    Returns
    -------
    ndarray of shape (n_test, n_times), float64

    Raises
    ------
    ValueError
        As :func:`brier_score`.
    """
    train_event, train_time = survival_pair(survival_train, "survival_train")
    check_rows({"survival_test": survival_test, "survival": survival})
    event, time = survival_pair(survival_test, "survival_test")
    survival, times = check_curves(survival, times, len(time))
    safe = safe_time_grid((train_event, train_time), (event, time), times) if len(times) else times
    if len(safe) < len(times):
        outside = times[~np.isin(times, safe)][0]
        raise ValueError(
            f"The Brier score is not defined at {outside:.6g}: times lie within the follow-up of "
            "training and test data. safe_time_grid(survival_train, survival_test, times) gives "
            "those that do."
        )
    happened = event[:, None] & (time[:, None] <= times)
    later = time[:, None] > times
    own = censoring(train_event, train_time, time)
    # an event where all others are censored has no weight
    own = np.where(own > 0.0, own, np.inf)[:, None]
    until = censoring(train_event, train_time, times)
    return happened * survival**2 / own + later * (1.0 - survival) ** 2 / until


def integrated_brier_score(
    survival_train: ArrayLike, survival_test: ArrayLike, survival: ArrayLike, times: ArrayLike
) -> float:
    """Mean of the Brier score over time, by the trapezoidal rule.

    Parameters
    ----------
    survival_train, survival_test : structured array, DataFrame or pair of array-like
        Events and times; censoring is estimated on the first.
    survival : array-like of shape (n_test, n_times)
        Predicted survival at `times`.
    times : array-like of shape (n_times,)
        Two or more, as in :func:`brier_score`.

    Returns
    -------
    float
        Lower is better.

    Raises
    ------
    ValueError
        As :func:`brier_score`, and for fewer than two times.

    Examples
    --------
    >>> from sklearn_logitprod.metrics import integrated_brier_score
    >>> y = [True, True, True], [1.0, 2.0, 3.0]
    >>> integrated_brier_score(y, y, [[0.5, 0.5]] * 3, [1.0, 2.0])
    0.25
    """
    return float(mean_over_time(brier_score(survival_train, survival_test, survival, times), times))


def mean_over_time(scores, times):
    """Mean of a function of time, by the trapezoidal rule.

    Parameters
    ----------
    scores : ndarray of shape (..., n_times)
    times : array-like of shape (n_times,)
        Two or more, increasing.

    Returns
    -------
    ndarray of shape (...)

    Raises
    ------
    ValueError
        For fewer than two times.
    """
    times = np.asarray(times, dtype=float)
    if len(times) < 2:
        raise ValueError(f"The integral needs two times or more, there is {len(times)}.")
    means = 0.5 * (scores[..., 1:] + scores[..., :-1])
    return means @ np.diff(times) / (times[-1] - times[0])
