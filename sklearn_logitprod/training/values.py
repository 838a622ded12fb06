"""Calibration of predicted values: a line, and the variance of what remains.

Each expert is read as ``y | f ~ N(a + b f, sigma^2)``, in standard deviations of y, so that
experts on any scale, biased or too sure of themselves, become densities. Where an expert gives
a standard deviation ``s`` with each prediction, ``log sigma^2 = k + p log s^2`` with ``p >= 0``
shrunk to 1: neither trusted blindly nor thrown away.
"""

from __future__ import annotations

import numpy as np

from sklearn_logitprod.fusion.values import LOG_LEAST_VARIANCE, ValueModel

SLOPE_PRECISION = 1.0
"""Prior precision of the slope per standard deviation of the prediction."""

VARIANCE_COUNT = 1.0
"""Samples' worth of the prior that an expert explains nothing."""

POWER_PRECISION = 1.0
"""Prior precision of the power, centred at 1."""

_CONSTANT = 1e-10
# what a line takes away from the residuals
_N_LINE = 2.0
_ROUNDS, _NEWTON_STEPS, _MAX_STEP = 4, 8, 2.0
# standard errors: one expert in a thousand that says nothing is beyond
_SURE = 3.0


def fit_values(values, likelihood, weight):
    """Calibrate the predictions of several experts.

    Parameters
    ----------
    values : dict of int to (ndarray of shape (n_samples,), ndarray of shape (n_samples,) or None)
        Predicted means, NaN where missing, and standard deviations.
    likelihood : Values
    weight : ndarray of shape (n_samples,)
        Sample weights; rows of weight 0 play no role.

    Returns
    -------
    dict of int to ValueModel
    """
    return {
        position: fit_value(mean, deviation, likelihood.value, weight)
        for position, (mean, deviation) in values.items()
    }


def fit_value(mean, deviation, value, weight):
    """Calibrate one expert's predictions.

    Parameters
    ----------
    mean : ndarray of shape (n_samples,)
        Finite, or NaN where the expert is missing.
    deviation : ndarray of shape (n_samples,) or None
        Positive where the expert is present.
    value : ndarray of shape (n_samples,)
        Standardised.
    weight : ndarray of shape (n_samples,)

    Returns
    -------
    ValueModel
        With slope 0 if the prediction is constant, or the best slope is negative.
    """
    kept = (weight > 0) & ~np.isnan(mean)
    if not kept.any():
        return ValueModel(0.0, 1.0, 0.0, 0.0, 0.0, constant=True)
    mean, value, weight = mean[kept], value[kept], weight[kept]
    total = weight.sum()
    # predictions may be of any size: squares of 1e200 would overflow
    size = max(np.abs(mean).max(), np.finfo(float).tiny)
    centre = weight @ (mean / size) / total
    z = mean / size - centre
    spread = np.sqrt(weight @ z**2 / total)
    constant = bool(spread <= _CONSTANT)
    scale = 1.0 if constant else spread
    z = np.zeros(len(z)) if constant else z / scale
    line = float(centre * size), float(scale * size)
    if deviation is None:
        intercept, slope, residual = _line(z, value, weight)
        remains = weight @ residual**2 + VARIANCE_COUNT
        freedom = max(total - _N_LINE, 0.0) + VARIANCE_COUNT
        log_variance = max(np.log(remains / freedom), LOG_LEAST_VARIANCE)
        return ValueModel(*line, intercept, slope, float(log_variance), constant=constant)
    own = 2.0 * np.log(deviation[kept])
    log_centre = float(weight @ own / total)
    own -= log_centre
    inverse, level = np.ones(len(z)), (0.0, 1.0)
    for _ in range(_ROUNDS):
        intercept, slope, residual = _line(z, value, weight * inverse)
        level = _variance(own, residual**2, weight, level)
        inverse = np.exp(-np.maximum(level[0] + level[1] * own, LOG_LEAST_VARIANCE))
    log_variance, power = level
    return ValueModel(
        *line, intercept, slope, float(log_variance), float(power), log_centre, constant
    )


def value_doubts(models, values, likelihood, weight):
    """What should be known of predictions that count for nothing.

    Parameters
    ----------
    models : dict of int to ValueModel
        As of :func:`fit_values`.
    values : dict of int to (ndarray, ndarray or None)
    likelihood : Values
    weight : ndarray of shape (n_samples,)

    Yields
    ------
    positions : list of int
    doubt : str
        What holds for these predictions, in words.
    """
    constant = [key for key, model in models.items() if model.constant]
    if constant:
        yield (
            constant,
            "is constant on the fit data: they tell samples apart nowhere, and stand for the "
            "average value alone.",
        )
    held = [key for key, model in models.items() if model.slope == 0.0 and not model.constant]
    against = [key for key in held if _falls(values[key][0], likelihood.value, weight)]
    against = held if all(model.slope == 0.0 for model in models.values()) else against
    if against:
        yield (
            against,
            "falls where values rise: they count for nothing, as a higher prediction stands for "
            "a higher value. If they are scores of the opposite, pass them with the other sign.",
        )


def _falls(mean, value, weight):
    """Whether the values speak for a negative slope: their correlation, by its standard error."""
    kept = (weight > 0) & ~np.isnan(mean)
    if kept.sum() < 3:
        return False
    return np.corrcoef(mean[kept], value[kept])[0, 1] < -_SURE / np.sqrt(kept.sum())


def _line(z, value, weight):
    """Intercept and slope of weighted least squares, the slope at least 0, and residuals."""
    total = weight.sum()
    middle, mean = weight @ z / total, weight @ value / total
    inside = weight @ (z - middle) ** 2 + SLOPE_PRECISION
    slope = max(float(weight @ ((z - middle) * (value - mean)) / inside), 0.0)
    intercept = float(mean - slope * middle)
    return intercept, slope, value - intercept - slope * z


def _variance(own, squared, weight, start):
    """Level and power of the log variance: Newton steps of a convex loss, the power >= 0."""
    theta, total = np.array(start), weight.sum()
    # what a line takes away, spread evenly
    squared = squared * (total / max(total - _N_LINE, 0.5 * total))
    inputs = np.stack([np.ones(len(own)), own])

    def loss(theta):
        log_variance = theta @ inputs
        # the prior that an expert explains nothing: VARIANCE_COUNT samples of variance 1
        value = 0.5 * weight @ (log_variance + squared * np.exp(-log_variance))
        value += 0.5 * VARIANCE_COUNT * (theta[0] + np.exp(-theta[0]))
        return value + 0.5 * POWER_PRECISION * (theta[1] - 1.0) ** 2

    value = loss(theta)
    for _ in range(_NEWTON_STEPS):
        ratio = weight * squared * np.exp(-(theta @ inputs))
        gradient = 0.5 * inputs @ (weight - ratio)
        hessian = 0.5 * (inputs * ratio) @ inputs.T + 1e-12 * np.eye(2)
        prior = VARIANCE_COUNT * np.exp(-theta[0])
        gradient += [0.5 * (VARIANCE_COUNT - prior), POWER_PRECISION * (theta[1] - 1.0)]
        hessian += np.diag([0.5 * prior, POWER_PRECISION])
        step = -np.linalg.solve(hessian, gradient)
        if theta[1] + step[1] < 0.0:
            # along the bound the level alone is free
            step = np.array([-gradient[0] / hessian[0, 0] if theta[1] == 0.0 else 0.0, -theta[1]])
        length = min(1.0, _MAX_STEP / max(np.abs(step).max(), _MAX_STEP))
        while length > 1e-6:
            trial = theta + length * step
            new = loss(trial)
            if new <= value:
                theta, value = trial, new
                break
            length /= 2.0
        else:
            break
    return tuple(theta)
