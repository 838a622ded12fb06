"""Calibration of predicted values: a line, and the variance of what remains.

Each expert is read as ``y | f ~ N(a + b f, sigma^2)``, in standard deviations of y, so that
experts on any scale, biased or too sure of themselves, become densities. How far values stray is
not the same everywhere: ``log sigma^2`` is linear in the prediction, its square, and how far the
experts lie apart, with coefficients shrunk to 0 (Harvey 1976, Econometrica 44, multiplicative
heteroscedasticity). Where an expert gives a standard deviation ``s`` with each prediction,
``log s^2`` is one more input, its coefficient shrunk to 1: neither trusted blindly nor thrown
away. Heavy tails are those of Student's t, fitted by its weights (Lange et al. 1989).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sklearn_logitprod._text import option
from sklearn_logitprod.fusion.values import (
    LOG_LEAST_VARIANCE,
    ValueModel,
    Values,
    clipped,
    mixture_log_variance,
    spreads,
    student_loss,
    student_weight,
)

SLOPE_PRECISION = 1.0
"""Prior precision of the slope per standard deviation of the prediction."""

VARIANCE_COUNT = 1.0
"""Samples' worth of the prior that an expert explains nothing."""

INPUT_PRECISION = 5.0
"""Prior precision of what the log variance follows, per standard deviation of it."""

POWER_PRECISION = 1.0
"""Prior precision of the power, centred at 1."""

FREEDOMS = (3.0, 4.0, 6.0, 10.0, 20.0)
"""Degrees of freedom that heavy tails may have."""

_CONSTANT = 1e-10
# what a line takes away from the residuals
_N_LINE = 2.0
_ROUNDS, _SCORING_STEPS, _MAX_STEP = 2, 12, 2.0
_LEAST_GAIN = 1e-6
# standard errors: one expert in a thousand that says nothing is beyond
_SURE = 3.0
# nats in total: Gaussian noise gains as much in at most one fit of a hundred
_TAIL_GAIN = 4.0
# degrees of freedom of the calibrations by which tails are measured
_SOME_FREEDOM = 10.0
# of distances: of values that are met exactly nothing is told
_LEAST_SQUARE = 1e-12


def fit_values(values, likelihood, weight):
    """Calibrate the predictions of several experts.

    Parameters
    ----------
    values : dict of int to (ndarray of shape (n_samples,), ndarray of shape (n_samples,) or None)
        Predicted means, NaN where missing, and standard deviations, positive where present.
    likelihood : Values
    weight : ndarray of shape (n_samples,)
        Sample weights; rows of weight 0 play no role.

    Returns
    -------
    dict of int to ValueModel
        With slope 0 if a prediction is constant, or its best slope is negative.
    """
    kept = weight > 0
    value, weight = likelihood.value[kept], weight[kept]
    means = np.array([mean[kept] for mean, _ in values.values()])
    own = [None if std is None else std[kept] for _, std in values.values()]
    problem = _Problem(means, own, value, weight, likelihood.freedom)
    return dict(zip(values, problem.solve(), strict=True))


def fit_value(mean, deviation, value, weight):
    """Calibrate one expert's predictions alone; as :func:`fit_values` for standardised values."""
    return fit_values({0: (mean, deviation)}, Values(value), weight)[0]


def tail_freedom(values, likelihood, weight):
    """Degrees of freedom of what calibrated experts leave, infinite unless the data say so.

    What is looked at is the distance of the values from the equal product of all experts, after
    a line; the scale is that of the largest likelihood for each number of degrees of freedom.

    Parameters
    ----------
    values : dict of int to (ndarray of shape (n_samples,), ndarray of shape (n_samples,) or None)
        As for :func:`fit_values`.
    likelihood : Values
    weight : ndarray of shape (n_samples,)

    Returns
    -------
    float
    """
    # calibrated with some tails, so that these tell of no more than what strays
    models = fit_values(values, replace(likelihood, freedom=_SOME_FREEDOM), weight)
    apart = spreads(models, {m: mean for m, (mean, _) in values.items()})
    read = [models[m].moments(*own, apart[m]) for m, own in values.items()]
    mean, variance = (np.array(part) for part in zip(*read, strict=True))
    present = ~np.isnan(mean)
    tau = np.where(present, 1.0 / np.where(present, variance, 1.0), 0.0)
    total = tau.sum(axis=0)
    pooled = (tau * np.where(present, mean, 0.0)).sum(axis=0) / total
    # distances in units of the mean precision, after a line of least squares in these units
    by = weight * total / present.sum(axis=0)
    centre, middle = by @ pooled / by.sum(), by @ likelihood.value / by.sum()
    inside = by @ (pooled - centre) ** 2 + SLOPE_PRECISION
    slope = by @ ((pooled - centre) * (likelihood.value - middle)) / inside
    squared = (likelihood.value - middle - slope * (pooled - centre)) ** 2
    squared = np.maximum(squared * total / present.sum(axis=0), _LEAST_SQUARE)
    losses = [_profile(squared, weight, freedom) for freedom in (np.inf, *FREEDOMS)]
    best = int(np.argmin(losses))
    return FREEDOMS[best - 1] if losses[0] - losses[best] >= _TAIL_GAIN else np.inf


def tail_doubt(freedom):
    """What should be known where Gaussians are asked for and tails are heavier: words."""
    return (
        "Values stray farther from the experts than Gaussians let them, about as Student's t with "
        f"{freedom:.0f} degrees of freedom: intervals will be too wide for most samples, and a few "
        f"outliers decide the weights. Set {option('tails', 'auto')}."
    )


def likely_scale(squared, weight, freedom):
    """Squared scale of the largest likelihood.

    Parameters
    ----------
    squared : ndarray of shape (n_samples,)
        Squared distances.
    weight : ndarray of shape (n_samples,)
    freedom : float
        Degrees of freedom of Student's t distribution; infinite for the Gaussian.

    Returns
    -------
    float
        Not below the smallest variance of an expert.
    """
    total = weight.sum()
    least = np.exp(LOG_LEAST_VARIANCE)
    variance = max(weight @ squared / total, least)
    if np.isfinite(freedom):
        for _ in range(50):
            pull = student_weight(squared / variance, freedom)
            variance = max(weight @ (pull * squared) / total, least)
    return variance


def _profile(squared, weight, freedom):
    """Loss of squared distances under the scale of the largest likelihood."""
    total, variance = weight.sum(), likely_scale(squared, weight, freedom)
    return weight @ student_loss(squared / variance, freedom) + 0.5 * total * np.log(variance)


class _Problem:
    """Lines and variances of several experts, all at once.

    Parameters
    ----------
    means : ndarray of shape (n_experts, n_samples)
    deviations : list of (ndarray of shape (n_samples,) or None)
    value, weight : ndarray of shape (n_samples,)
        The weight is positive.
    freedom : float
    """

    def __init__(self, means, deviations, value, weight, freedom):
        self.value, self.freedom, self.deviations = value, freedom, deviations
        present = ~np.isnan(means)
        self.weight = weight * present
        total = self.weight.sum(axis=1, keepdims=True)
        self.total = np.where(total > 0, total, 1.0)
        means = np.where(present, means, 0.0)
        # predictions may be of any size: squares of 1e200 would overflow
        size = np.maximum(np.abs(means).max(axis=1, keepdims=True), np.finfo(float).tiny)
        # an expert that was 0 or missing on all rows may be anything later
        size = np.where(means.any(axis=1, keepdims=True), size, 1.0)
        centre = self._mean(means / size)
        z = np.where(present, means / size - centre, 0.0)
        scale = np.sqrt(self._mean(z**2))
        self.constant = scale <= _CONSTANT
        scale = np.where(self.constant, 1.0, scale)
        self.z = np.where(self.constant, 0.0, z / scale)
        self.line = centre * size, scale * size
        self.present = present

    def _mean(self, values):
        return (self.weight * values).sum(axis=1, keepdims=True) / self.total

    def solve(self):
        """Calibrations, in order."""
        rough = self._lines(self.weight)
        log_variance = self._level(self._residuals(rough) ** 2)
        alike = np.where(self.weight.any(axis=1, keepdims=True), log_variance, -np.inf)
        spread, inputs = self._inputs(rough, alike)
        theta, lines = self._start(inputs, log_variance), rough
        for _ in range(_ROUNDS):
            # as ValueModel.moments has it
            np.copyto(inputs[:, 3], 0.5 * theta[:, 3:4], where=self.lone)
            theta = self._scales(theta, inputs, self._residuals(lines) ** 2)
            level = np.einsum("mk,mkn->mn", theta, inputs)
            ratio = self._residuals(lines) ** 2 * np.exp(-level)
            inverse = self.weight * student_weight(ratio, self.freedom)
            # in units of a common variance, in which the prior of the slope is stated
            lines = self._lines(inverse * np.exp(np.clip(theta[:, :1] - level, -20.0, 20.0)))
        columns = zip(*(part[:, 0] for part in (*self.line, *lines)), strict=True)
        models = []
        for m, own in enumerate(columns):
            level, by_mean, by_square, by_spread, power = map(float, theta[m])
            given = self.deviations[m] is not None
            model = ValueModel(
                *map(float, own),
                level,
                power if given else 0.0,
                float(self.log_centre[m]) if given else 0.0,
                bool(self.constant[m, 0]),
                by_mean,
                by_square,
                by_spread,
                (float(rough[0][m, 0]), float(rough[1][m, 0]), float(alike[m, 0])),
                spread,
            )
            models.append(model)
        return models

    def _lines(self, weight):
        """Intercepts and slopes of weighted least squares (n_experts, 1), slopes at least 0."""
        total = weight.sum(axis=1, keepdims=True)
        total = np.where(total > 0, total, 1.0)
        middle = (weight * self.z).sum(axis=1, keepdims=True) / total
        mean = (weight * self.value).sum(axis=1, keepdims=True) / total
        off = weight * (self.z - middle)
        inside = (off * (self.z - middle)).sum(axis=1, keepdims=True) + SLOPE_PRECISION
        slope = (off * (self.value - mean)).sum(axis=1, keepdims=True) / inside
        slope = np.maximum(slope, 0.0)
        return mean - slope * middle, slope

    def _residuals(self, lines):
        return np.where(self.present, self.value - lines[0] - lines[1] * self.z, 0.0)

    def _level(self, squared):
        """Log variances (n_experts, 1) as if they were the same everywhere."""
        total = self.weight.sum(axis=1, keepdims=True)
        remains = (self.weight * squared).sum(axis=1, keepdims=True) + VARIANCE_COUNT
        freedom = np.maximum(total - _N_LINE, 0.0) + VARIANCE_COUNT
        return np.maximum(np.log(remains / freedom), LOG_LEAST_VARIANCE)

    def _inputs(self, rough, log_variance):
        """What log variances follow (n_experts, 5, n_samples), and how spreads are standardised."""
        mean = np.where(self.present, rough[0] + rough[1] * self.z, np.nan)
        together = mixture_log_variance(mean, np.exp(log_variance))
        weight = np.where(np.isnan(together), 0.0, self.weight.max(axis=0))
        weight = weight / max(weight.sum(), np.finfo(float).tiny)
        middle = weight @ np.nan_to_num(together)
        self.lone = np.isnan(together) & self.present
        together = np.where(np.isnan(together), middle, together)
        width = np.sqrt(weight @ (together - middle) ** 2)
        spread = float(middle), float(width) if width > 1e-6 else 1.0
        inputs = np.zeros((len(self.z), 5, self.z.shape[1]))
        near = clipped(self.z)
        inputs[:, 0] = 1.0
        inputs[:, 1] = near
        inputs[:, 2] = np.where(self.constant, 0.0, near**2 - 1.0)
        inputs[:, 3] = clipped((together - spread[0]) / spread[1]) if width > 1e-6 else 0.0
        self.log_centre = np.zeros(len(self.z))
        for m, deviation in enumerate(self.deviations):
            if deviation is not None:
                # any positive number does where the expert is missing
                own = 2.0 * np.log(np.where(self.present[m], deviation, 1.0))
                self.log_centre[m] = self.weight[m] @ own / self.total[m, 0]
                inputs[m, 4] = own - self.log_centre[m]
        inputs *= self.present[:, None]
        return spread, inputs

    def _start(self, inputs, log_variance):
        theta = np.zeros(inputs.shape[:2])
        theta[:, 0] = log_variance[:, 0]
        theta[:, 4] = [deviation is not None for deviation in self.deviations]
        return theta

    def _scales(self, theta, inputs, squared):
        """Coefficients of the log variances: Fisher scoring under their prior, the power >= 0."""
        weight, freedom = self.weight, self.freedom
        total = weight.sum(axis=1, keepdims=True)
        # what a line takes away, spread evenly
        squared = squared * (total / np.maximum(np.maximum(total - _N_LINE, 0.5 * total), 1e-300))
        precision = np.full(5, INPUT_PRECISION)
        precision[0], precision[4] = 0.0, POWER_PRECISION
        centre = np.zeros_like(theta)
        centre[:, 4] = self._start(inputs, theta[:, :1])[:, 4]
        share = 1.0 if np.isinf(freedom) else freedom / (freedom + 3.0)
        information = 0.5 * share * np.einsum("mkn,mn,mln->mkl", inputs, weight, inputs)
        information += np.diag(precision) + 1e-12 * np.eye(5)

        def parts(theta):
            level = np.einsum("mk,mkn->mn", theta, inputs)
            ratio = squared * np.exp(-np.clip(level, LOG_LEAST_VARIANCE, -LOG_LEAST_VARIANCE))
            # the prior that an expert explains nothing: VARIANCE_COUNT samples of variance 1
            prior = VARIANCE_COUNT * np.exp(-np.clip(theta[:, 0], -30.0, 30.0))
            off = theta - centre
            value = (weight * (student_loss(ratio, freedom) + 0.5 * level)).sum(axis=1)
            value += 0.5 * (VARIANCE_COUNT * theta[:, 0] + prior)
            value += 0.5 * (precision * off**2).sum(axis=1)
            slope = 0.5 * weight * (1.0 - student_weight(ratio, freedom) * ratio)
            gradient = np.einsum("mkn,mn->mk", inputs, slope) + precision * off
            gradient[:, 0] += 0.5 * (VARIANCE_COUNT - prior)
            return value, gradient, prior

        value, gradient, prior = parts(theta)
        for _ in range(_SCORING_STEPS):
            matrix = information.copy()
            matrix[:, 0, 0] += 0.5 * prior
            # along the bound of the power the others are free
            bound = (theta[:, 4] <= 0.0) & (gradient[:, 4] > 0.0)
            gradient[bound, 4] = 0.0
            matrix[bound, 4, :4] = matrix[bound, :4, 4] = 0.0
            step = -np.linalg.solve(matrix, gradient[:, :, None])[:, :, 0]
            expected = -(gradient * step).sum(axis=1)
            if (expected <= _LEAST_GAIN).all():
                break
            step *= np.minimum(1.0, _MAX_STEP / np.maximum(np.abs(step).max(axis=1), 1e-300))[
                :, None
            ]
            length = np.ones(len(theta))
            for _ in range(20):
                trial = theta + length[:, None] * step
                trial[:, 4] = np.maximum(trial[:, 4], 0.0)
                new = parts(trial)
                worse = ~(new[0] <= value)
                if not worse.any():
                    break
                length[worse] *= 0.5
            else:
                trial[worse] = theta[worse]
                new = parts(trial)
            theta, (value, gradient, prior) = trial, new
        return theta


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
    # one that is missing everywhere is told of elsewhere
    here = [key for key in models if (~np.isnan(values[key][0]) & (weight > 0)).any()]
    constant = [key for key in here if models[key].constant]
    if constant:
        yield (
            constant,
            "is constant on the fit data: they tell samples apart nowhere, and stand for the "
            "average value alone.",
        )
    held = [key for key, model in models.items() if model.slope == 0.0 and not model.constant]
    against = [
        key
        for key in held
        if _falls(models[key].standardised(values[key][0]), likelihood.value, weight)
    ]
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
