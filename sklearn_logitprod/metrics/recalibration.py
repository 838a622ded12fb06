"""Calibration of probabilities: slope and intercept of a logistic recalibration."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit
from scipy.stats import t as student

from sklearn_logitprod.metrics._checks import check_fraction, checked_outcomes
from sklearn_logitprod.metrics.kaplan_meier import censoring
from sklearn_logitprod.targets.weights import check_groups

# logits beyond are those of certainty, which has none
_LARGEST = 1.0 - 2.0**-40
_MAX_ITER, _PRECISION, _MAX_STEP = 100, 1e-10, 5.0


class Recalibration(NamedTuple):
    """Result of :func:`recalibration`.

    Parameters
    ----------
    slope : float
        1 if probabilities are as extreme as they should be, below 1 if they are too extreme.
    slope_low, slope_high : float
        Interval of the slope.
    intercept : float
        Calibration in the large, at slope 1: 0 if probabilities are right on the whole, above 0
        if they are too low.
    intercept_low, intercept_high : float
        Interval of the intercept.
    """

    slope: float
    slope_low: float
    slope_high: float
    intercept: float
    intercept_low: float
    intercept_high: float


def recalibration(
    y: ArrayLike,
    proba: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    level: float = 0.95,
) -> Recalibration:
    """Calibration slope and intercept of predicted probabilities.

    The slope b is that of the logistic regression ``logit P(y) = a + b logit(proba)`` [1]_. The
    intercept is that of the same model with b = 1, calibration in the large [2]_: where b is free,
    a says little by itself. Intervals are Wald's, by the sandwich estimate of the variance, of
    sums over groups where there are groups, with Student's t for one less than their number.

    Parameters
    ----------
    y : array-like of shape (n_samples,), bool
        Whether it happened.
    proba : array-like of shape (n_samples,), float
        Predicted probabilities that it happens, on samples that were not fitted on; 0 and 1 are
        read as 1e-12 beside them.
    sample_weight : array-like of shape (n_samples,), default=None
        Such as inverse probabilities of not being censored.
    groups : array-like of shape (n_samples,), default=None
        Groups of dependent samples, such as patients.
    level : float, default=0.95
        Of the intervals.

    Returns
    -------
    slope, slope_low, slope_high, intercept, intercept_low, intercept_high : float
        NaN where they are not defined: y is the same everywhere; for the slope, too, if
        probabilities are, or tell the outcomes apart without error.

    Raises
    ------
    ValueError
        If lengths differ, y is not boolean, probabilities or level leave [0, 1], or series of
        pandas have their rows in different orders.

    References
    ----------
    .. [1] Cox, "Two further applications of a model for binary regression", Biometrika 45, 1958.
    .. [2] Van Calster et al., "Calibration: the Achilles heel of predictive analytics", BMC
       Medicine 17, 2019.

    Examples
    --------
    Of those with 0.2 a fifth has it, of those with 0.8 four fifths.

    >>> from sklearn_logitprod.metrics import recalibration
    >>> y = [1, 0, 0, 0, 0, 1, 1, 1, 1, 0]
    >>> found = recalibration(y, [0.2] * 5 + [0.8] * 5)
    >>> round(found.slope, 6), abs(round(found.intercept, 6))
    (1.0, 0.0)
    """
    happened, said, weight = checked_outcomes(y, proba, sample_weight, groups)
    check_fraction("level", level)
    codes = check_groups(groups, len(happened), "y")
    units = np.arange(len(happened)) if codes is None else codes
    score = logit(np.clip(said, 1.0 - _LARGEST, _LARGEST))
    nothing = np.nan, np.nan, np.nan
    counts = weight > 0.0
    happened, score, weight = happened[counts], score[counts], weight[counts]
    if happened.all() or not happened.any():
        return Recalibration(*nothing, *nothing)
    units = np.unique(units[counts], return_inverse=True)[1]
    given = happened, weight, units, level
    one = np.ones(len(score))
    slope = nothing
    if _overlap(score, happened):
        slope = _fitted(np.stack([score, one], axis=1), np.zeros(len(score)), *given)
    return Recalibration(*slope, *_fitted(one[:, None], score, *given))


def at_horizon(event, time, horizon):
    """Whether samples had the event by a time, and their weights where some are censored before.

    Parameters
    ----------
    event : ndarray of shape (n_samples,), bool
    time : ndarray of shape (n_samples,), float64
    horizon : float

    Returns
    -------
    happened : ndarray of shape (n_samples,), bool
    weight : ndarray of shape (n_samples,), float64
        Inverse probability not to be censored before it is known; 0 for those that are.
    """
    happened, later = event & (time <= horizon), time > horizon
    kept = censoring(event, time, np.minimum(time, horizon))
    known = happened | later
    return happened, np.divide(1.0, kept, np.zeros(len(time)), where=known & (kept > 0.0))


def _overlap(score, happened):
    """Whether no threshold tells the outcomes apart, and scores differ: a slope is then finite."""
    own, other = score[happened], score[~happened]
    return min(own.max(), other.max()) > max(own.min(), other.min())


def _fitted(X, offset, happened, weight, units, level):
    """First coefficient of a logistic regression, with the ends of its interval."""
    coefficients = np.zeros(X.shape[1])
    for _ in range(_MAX_ITER):
        mean = expit(X @ coefficients + offset)
        gradient = X.T @ (weight * (happened - mean))
        information = (X.T * (weight * mean * (1.0 - mean))) @ X
        step = np.linalg.lstsq(information, gradient, rcond=None)[0]
        step *= min(1.0, _MAX_STEP / max(np.abs(step).max(), _PRECISION))
        coefficients += step
        if np.abs(step).max() < _PRECISION:
            break
    else:
        return np.nan, np.nan, np.nan
    n_units = units.max() + 1
    value = float(coefficients[0])
    if n_units < 2:
        return value, np.nan, np.nan
    sums = np.zeros((n_units, X.shape[1]))
    np.add.at(sums, units, X * (weight * (happened - mean))[:, None])
    inverse = np.linalg.pinv(information)
    variance = inverse @ (sums.T @ sums) @ inverse * (n_units / (n_units - 1.0))
    half = student.ppf(0.5 + 0.5 * level, n_units - 1) * np.sqrt(variance[0, 0])
    return value, float(value - half), float(value + half)
