"""Continuous values: products of Gaussians, and what an observed value says of them.

A Gaussian of mean ``mu`` and variance ``1 / tau`` has the natural parameters ``(eta, tau)``,
``eta = tau mu``. With coefficients ``a_m`` the product of the experts' densities is Gaussian
with ``tau = sum_m a_m tau_m`` and ``eta = sum_m a_m eta_m + c`` (Genest & Zidek 1986,
Statistical Science 1, logarithmic opinion pools; Hinton 2002, products of experts), and its
negative log-likelihood

    1/2 (tau y^2 - 2 y eta + eta^2 / tau - log tau + log 2 pi)

is jointly convex in ``(eta, tau)``, hence in the coefficients. Where values stray farther than
a Gaussian lets them, the same ``(eta, tau)`` are location ``eta / tau`` and squared scale
``1 / tau`` of Student's t distribution (Lange, Little & Taylor 1989, Journal of the American
Statistical Association 84).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from sklearn_logitprod.fusion.family import Family
from sklearn_logitprod.fusion.likelihood import Likelihood

LOG_LEAST_VARIANCE = float(np.log(1e-6))
"""Log of the smallest variance of an expert, in squared standard deviations of the values."""

_TINY = 1e-100
_LOG_2PI = float(np.log(2.0 * np.pi))


def natural_parameters(mean, variance):
    """Natural parameters of Gaussians: ``(mean / variance, 1 / variance)`` on a new last axis.

    Parameters
    ----------
    mean, variance : ndarray of shape (n_samples, ...)
        NaN where an expert is missing.

    Returns
    -------
    ndarray of shape (n_samples, ..., 2), float64
        Memory runs along the samples.
    """
    out = np.empty((*mean.shape[1:], 2, len(mean)))
    tau = 1.0 / np.asarray(variance, dtype=np.float64)
    out[..., 1, :] = np.moveaxis(tau, 0, -1)
    out[..., 0, :] = np.moveaxis(mean * tau, 0, -1)
    return np.moveaxis(out, -1, 0)


def moments(parameters):
    """Mean and variance of Gaussians of natural parameters (..., 2).

    A row of 0, as a missing expert is in columns, has mean 0 and next to no precision.
    """
    variance = 1.0 / np.maximum(parameters[..., 1], _TINY)
    return parameters[..., 0] * variance, variance


class Gaussian(Family):
    """Values: rows are ``(mean / variance, 1 / variance)``.

    Bias and correction move the first alone: no row ends with a negative precision, whatever
    is missing there.
    """

    def n_free(self, n_parameters):
        """The mean may be moved, the precision only scaled."""
        return 1

    def normalised(self, scores):
        """The scores themselves."""
        return scores

    def mean(self, columns):
        """The Gaussian with the mean and the variance of the equal mixture of all present."""
        mean, variance, present = _present_moments(columns)
        n_present = present.sum(axis=1)
        centre = mean.sum(axis=1) / n_present
        spread = ((mean - centre[:, None]) ** 2 * present).sum(axis=1)
        return natural_parameters(centre, (variance.sum(axis=1) + spread) / n_present)

    def evidence(self, columns):
        """``mean / variance`` of each expert: values are centred themselves.

        A correction of these lets an expert weigh more, or less, or against the others, in the
        mean than it does in the precision, as it must where experts hold separate evidence:
        each of their Gaussians holds the spread of all values once.
        """
        return columns.log_proba[:, : columns.n_experts, :1]

    def said(self, log_proba):
        """Means."""
        return moments(log_proba)[0][..., None]

    def disagreement(self, log_proba, weights):
        """With the entropy of a Gaussian of the mixture's variance, which bounds it."""
        there = weights > 0.0
        own = np.where(there[..., None], log_proba, np.array([0.0, 1.0]))
        mean, variance = moments(own)
        centre = (weights * mean).sum(axis=1, keepdims=True)
        mixed = (weights * (variance + (mean - centre) ** 2)).sum(axis=1)
        return np.maximum(0.5 * (np.log(mixed) - (weights * np.log(variance)).sum(axis=1)), 0.0)

    def features(self, columns, feature_set):
        """Gating features of values.

        Per expert its mean, the log of its standard deviation, how far its mean lies from that
        of the mixture in its standard deviations, and whether it is present; across experts the
        mean of the mixture, the mean log standard deviation, and how much wider the mixture is.

        Returns
        -------
        ndarray of shape (n_samples, 4 * n_experts + 3), float64
            NaN where an expert is missing.
        """
        n_experts = columns.n_experts
        mean, variance, present = _present_moments(columns)
        whole, width = moments(self.mean(columns))
        out = np.empty((4 * n_experts + 3, columns.n_samples)).T
        part = [out[:, i * n_experts : (i + 1) * n_experts] for i in range(4)]
        # any positive number does where an expert is missing
        scale = 0.5 * np.log(np.where(present, variance, 1.0))
        part[0][...] = mean
        part[1][...] = scale
        part[2][...] = np.abs(mean - whole[:, None]) / np.exp(scale)
        if not columns.complete:
            for own in part[:3]:
                own[~present] = np.nan
        part[3][...] = present
        mean_scale = scale.sum(axis=1) / present.sum(axis=1)
        out[:, -3] = whole
        out[:, -2] = mean_scale
        out[:, -1] = 0.5 * np.log(width) - mean_scale
        return out

    def feature_names(self, expert_names, feature_set):
        """Names of the columns of ``features``, in order."""
        kinds = ("mean", "log_std", "distance", "present")
        names = [f"{kind}({expert})" for kind in kinds for expert in expert_names]
        return [*names, "mixture_mean", "mean_log_std", "mixture_width"]


GAUSSIAN = Gaussian()


def _present_moments(columns):
    """Means and variances of the experts, 0 where missing, and where they are present."""
    own = columns.log_proba[:, : columns.n_experts]
    present = columns.present[:, : columns.n_experts]
    if columns.complete:
        return *moments(own), present
    tau = np.where(present, own[..., 1], 1.0)
    return np.where(present, own[..., 0] / tau, 0.0), np.where(present, 1.0 / tau, 0.0), present


@dataclass(frozen=True, eq=False)
class Values(Likelihood):
    """A value as outcome of each sample, or a distribution of values by its moments.

    Attributes
    ----------
    value : ndarray of shape (n_samples,), float64
        Standardised: values less a centre, over a scale.
    variance : ndarray of shape (n_samples,) or float
        0 for what was observed; that of a distribution in its place.
    log_scale : float
        Log of the scale, in which losses are those of the values as they came.
    freedom : float
        Degrees of freedom of Student's t distribution; infinite for Gaussians.
    corrections : tuple of (float, float)
        Of the automatic path; empty for none.
    """

    value: np.ndarray
    variance: np.ndarray | float = 0.0
    log_scale: float = 0.0
    freedom: float = np.inf

    # experts hold separate evidence more often than not: without a correction the fused mean is
    # no farther from the mean of all values than theirs are
    corrections: tuple = ((30.0, 0.3), (100.0, 0.2), (10.0, 0.2))

    family = GAUSSIAN

    @property
    def n_samples(self):
        """Number of samples."""
        return len(self.value)

    def take(self, rows):
        """The values of some rows (a slice, a mask or indices)."""
        variance = self.variance if np.ndim(self.variance) == 0 else self.variance[rows]
        return replace(self, value=self.value[rows], variance=variance)

    def taught(self, scores):
        """The likelihood whose outcomes are the Gaussians that fused scores stand for."""
        value, variance = moments(scores)
        return replace(self, value=value, variance=variance, freedom=np.inf)

    def loss(self, scores):
        """Negative log-density of each sample's value, in nats."""
        mean, variance = moments(scores)
        return self._loss(self._squared(mean), variance)

    def _squared(self, mean):
        return (self.value - mean) ** 2 + self.variance

    def _loss(self, squared, variance):
        strayed = student_loss(squared / variance, self.freedom)
        return strayed + 0.5 * np.log(variance) + self.log_scale

    def loss_gradient(self, scores):
        """Losses, their gradient in ``(eta, tau)``, and means and precisions."""
        mean, variance = moments(scores)
        squared = self._squared(mean)
        pull = student_weight(squared / variance, self.freedom)
        gradient = np.empty_like(scores)
        gradient[..., 0] = pull * (mean - self.value)
        gradient[..., 1] = 0.5 * pull * (self.value**2 + self.variance - mean**2)
        gradient[..., 1] -= 0.5 * variance
        return self._loss(squared, variance), gradient, self._state(mean, scores)

    def state(self, scores):
        """Means and precisions (n_samples, 2)."""
        return self._state(moments(scores)[0], scores)

    def _state(self, mean, scores):
        state = np.empty_like(scores)
        state[..., 0], state[..., 1] = mean, scores[..., 1]
        return state

    def blocks(self, jacobian, state, weight, scratch):
        """Curvature ``(e - mu t)(e - mu t)' / tau + t t' / (2 tau^2)`` of ``(e, t)``.

        That of Gaussians; with few degrees of freedom its mean over outcomes, the information,
        which is less by ``(nu + 1) / (nu + 3)`` and ``nu / (nu + 3)``.
        """
        mean, tau = state[..., 0], state[..., 1]
        first, second = scratch[..., 0, :], jacobian[..., 1, :]
        np.multiply(second, -mean[..., None, :], out=first)
        first += jacobian[..., 0, :]
        by_first, by_second = weight / tau, 0.5 * weight / tau**2
        if np.isfinite(self.freedom):
            by_first *= (self.freedom + 1.0) / (self.freedom + 3.0)
            by_second *= self.freedom / (self.freedom + 3.0)
        by_first, by_second = by_first[..., None, :], by_second[..., None, :]
        inner = (first * by_first) @ np.swapaxes(first, -1, -2)
        inner += (second * by_second) @ np.swapaxes(second, -1, -2)
        # of shifts: (1, -mu) and (0, 1)
        shifts = np.stack([np.ones_like(mean), -mean], axis=-2)
        cross = (first * by_first) @ np.swapaxes(shifts, -1, -2)
        cross[..., 1] += (second * by_second).sum(axis=-1)
        spread = (shifts * by_first) @ np.swapaxes(shifts, -1, -2)
        spread[..., 1, 1] += by_second.sum(axis=(-1, -2))
        return inner, cross, spread


def student_loss(ratio, freedom):
    """Negative log-density of Student's t distribution of scale 1 at squared distances.

    Parameters
    ----------
    ratio : ndarray
        Squared distances from the location, in squared scales.
    freedom : float
        Degrees of freedom; infinite for the Gaussian.

    Returns
    -------
    ndarray of the shape of ``ratio``

    Examples
    --------
    At the location a Gaussian has the log-density ``-log(2 pi) / 2``, Cauchy's ``-log pi``.

    >>> import numpy as np
    >>> student_loss(np.zeros(1), np.inf).round(4), student_loss(np.zeros(1), 1.0).round(4)
    (array([0.9189]), array([1.1447]))
    """
    if np.isinf(freedom):
        return 0.5 * (ratio + _LOG_2PI)
    constant = math.lgamma(0.5 * freedom) - math.lgamma(0.5 * (freedom + 1.0))
    constant += 0.5 * np.log(freedom * np.pi)
    return 0.5 * (freedom + 1.0) * np.log1p(ratio / freedom) + constant


def student_weight(ratio, freedom):
    """What a value at a squared distance counts beside one of a Gaussian: 1 where that is 1.

    Parameters
    ----------
    ratio : ndarray
    freedom : float

    Returns
    -------
    ndarray of the shape of ``ratio``, or 1.0 for a Gaussian
        ``(freedom + 1) / (freedom + ratio)``.
    """
    return 1.0 if np.isinf(freedom) else (freedom + 1.0) / (freedom + ratio)


@dataclass(frozen=True, eq=False)
class ValueModel:
    """Calibration of one expert's predictions of a value, both standardised.

    With ``z = (f - centre) / scale`` the mean of y is ``intercept + slope z``, and

    ``log variance = log_variance + power (log s^2 - log_centre) + by_mean z + by_square (z^2 - 1)
    + by_spread d``

    where ``s`` is the standard deviation that the expert gives, ``z`` is clipped, and ``d`` is how
    far the experts lie apart on this sample: the standardised log variance of the mixture of all
    of them, each by its line and one variance (``rough``).

    Attributes
    ----------
    centre, scale : float
        Standardise the prediction.
    intercept, slope : float
        The slope is at least 0; 0 for predictions that tell nothing, or the opposite.
    log_variance : float
        Log of the variance of what remains; of the squared scale, with few degrees of freedom.
    power : float
        At least 0; how far the variance follows that of the expert, 0 if it gives none.
    log_centre : float
        Mean log variance that the expert gives.
    constant : bool
        Whether the prediction did not vary on the fit data.
    by_mean, by_square, by_spread : float
        How the variance follows the prediction and the spread of all.
    rough : tuple of float
        Intercept, slope and log of the variance as if this were the same everywhere; minus
        infinity of an expert that was missing everywhere.
    spread : tuple of float
        Mean and standard deviation of the log variance of the mixture on the fit data. Experts
        that were calibrated together have the same, by which they are known as each other's.
    """

    centre: float
    scale: float
    intercept: float
    slope: float
    log_variance: float
    power: float = 0.0
    log_centre: float = 0.0
    constant: bool = False
    by_mean: float = 0.0
    by_square: float = 0.0
    by_spread: float = 0.0
    rough: tuple = (0.0, 0.0, 0.0)
    spread: tuple = (0.0, 1.0)

    def standardised(self, mean):
        """Predictions (n_samples,) less the centre, over the scale; NaN where missing."""
        return (np.asarray(mean, dtype=np.float64) - self.centre) / self.scale

    def moments(self, mean, deviation=None, spread=0.0):
        """Calibrated means and variances, in standard deviations of the values.

        Parameters
        ----------
        mean : ndarray of shape (n_samples,)
            NaN where the expert is missing.
        deviation : ndarray of shape (n_samples,), optional
            Standard deviations, positive.
        spread : ndarray of shape (n_samples,) or float
            As of :func:`spreads`; NaN where it is not known.

        Returns
        -------
        mean, variance : ndarray of shape (n_samples,)
        """
        z = self.standardised(mean)
        near = clipped(z)
        log_variance = self.log_variance + self.by_mean * near + self.by_square * (near**2 - 1.0)
        # where nobody knows how far they lie apart, the mean of variances is that of lognormals
        unknown = np.isnan(spread)
        log_variance += self.by_spread * np.where(unknown, 0.5 * self.by_spread, spread)
        if deviation is not None:
            log_variance += self.power * (2.0 * np.log(deviation) - self.log_centre)
        # nobody is surer than this, as no probability is below the floor; and none so unsure
        # that a precision of 0 remains
        variance = np.exp(np.clip(log_variance, LOG_LEAST_VARIANCE, -LOG_LEAST_VARIANCE))
        return self.intercept + self.slope * z, np.where(np.isnan(z), np.nan, variance)


def clipped(values):
    """Standardised inputs of a variance: beyond two standard deviations it goes on as it is."""
    # their squares extrapolate: where few rows were fitted on, what lies beyond would be far off
    return np.clip(values, -2.0, 2.0)


def mixture_log_variance(mean, variance):
    """Log variance of the equal mixture of all experts, as those present tell it.

    Where experts are missing, the squared distance between all of them is estimated from the others
    (as a variance from a sample), and the mixture is as wide as ever: who is missing says nothing
    of how sure the others are.

    Parameters
    ----------
    mean : ndarray of shape (n_experts, n_samples)
        NaN where an expert is missing.
    variance : ndarray of shape (n_experts, 1)
        0 of an expert that the fit data do not know: it is passed over.

    Returns
    -------
    ndarray of shape (n_samples,)
        NaN where fewer than two experts are present, if there are several.
    """
    known = variance > 0.0
    present = ~np.isnan(mean) & known
    n_experts, n_present = max(known.sum(), 1), present.sum(axis=0)
    mean = np.where(present, mean, 0.0)
    distance = np.where(present, mean - mean.sum(axis=0) / np.maximum(n_present, 1), 0.0)
    # of all of them: n / (n - 1) from the sample, and back
    whole = n_present * max(n_experts - 1.0, 1.0) / (np.maximum(n_present - 1.0, 1.0) * n_experts)
    squared = (distance**2).sum(axis=0) / np.maximum(n_present, 1) * whole
    enough = n_present >= min(n_experts, 2)
    with np.errstate(divide="ignore"):
        return np.where(enough, np.log(squared + variance.sum() / n_experts), np.nan)


def spreads(models, means):
    """How far experts lie apart on each row, as their calibrations read it.

    Parameters
    ----------
    models : dict of int to ValueModel
    means : dict of int to ndarray of shape (n_samples,)

    Returns
    -------
    dict of int to ndarray of shape (n_samples,)
        NaN where a single one of several experts is left.
    """
    out = {}
    for spread in dict.fromkeys(model.spread for model in models.values()):
        own = [position for position, model in models.items() if model.spread == spread]
        rough = np.array([models[position].rough for position in own])
        z = np.array([models[position].standardised(means[position]) for position in own])
        mean = rough[:, :1] + rough[:, 1:2] * z
        together = mixture_log_variance(mean, np.exp(rough[:, 2:]))
        out |= dict.fromkeys(own, clipped((together - spread[0]) / spread[1]))
    return out
