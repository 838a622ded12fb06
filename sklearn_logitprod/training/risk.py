"""Calibration of risks by discrete-time proportional hazards.

With ``lambda_ij = exp(a_j + slope * z_i)`` the log-likelihood of a sample's label sets is

    - sum_j e_ij lambda_ij  [ + log(1 - exp(-lambda_ik)) for an event in interval k ]

where the *exposure* ``e_ij`` is the share of interval j that the sample is known to have
survived: 1 before the interval of its event or censoring, the fraction f inside that of
censoring. It is concave in (a, slope) (Prentice & Gloeckler 1978, Biometrics 34, the
grouped-data Cox model; here with fractional exposure), so Newton steps find the optimum,
and where the best slope is negative the best non-negative one is 0.

Some tens of events say little of ten intervals: the hazard per unit of time is held smooth over the
intervals, and that of an expert near the one that is estimated without experts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from sklearn_logitprod.fusion.risk import RiskModel

SLOPE_PRECISION = 1.0
"""Prior precision of the slope per standard deviation of the risk."""

RATE_PRECISION = 10.0
"""Prior precision of each log rate of an expert about that of the baseline."""

SMOOTHNESS = 10.0
"""Prior precision of the change of the baseline's log hazard from one interval to the next."""

LEVEL_PRECISION = 0.1
"""Prior precision of each log rate of the baseline: a tenth of an event's worth."""

# of a log rate or of the slope; beyond it exponentials leave the quadratic far behind
_MAX_STEP = 3.0
_WIDEST = 500.0
_TOLERANCE = 1e-10
_MAX_ITER = 100
_CONSTANT = 1e-10
# standard errors: one expert in a thousand that says nothing is beyond
_SURE = 3.0


@dataclass(frozen=True, eq=False)
class Exposure:
    """What label sets of survival say, interval by interval.

    Attributes
    ----------
    survived : ndarray of shape (n_samples, n_times), float64
        Share of each interval that the sample has survived.
    interval : ndarray of shape (n_samples,), int
        Interval of the event; ``n_times`` if it is in none.
    """

    survived: np.ndarray
    interval: np.ndarray

    @classmethod
    def from_sets(cls, sets, n_times):
        """Exposure of :func:`~sklearn_logitprod.fusion.events.label_sets_from_events`.

        Parameters
        ----------
        sets : LabelSets
            One interval each, or everything from an interval on.
        n_times : int
        """
        survived = np.zeros((sets.n_samples, n_times))
        for first, weight in zip(sets.first, sets.weight, strict=True):
            survived += weight[:, None] * (np.arange(n_times) < first[:, None])
        interval = np.where(sets.last[0] < n_times, sets.first[0], n_times)
        return cls(survived, interval)

    def take(self, rows):
        """Of some rows."""
        return Exposure(self.survived[rows], self.interval[rows])


def baseline_log_rates(exposure, weight, widths):
    """Log rates of the intervals when nothing is known of a sample.

    The hazard per unit of time is a random walk over the intervals, whose level is weakly held at
    the hazard over all of them. The survival that they imply is a smooth Kaplan-Meier estimate.

    Parameters
    ----------
    exposure : Exposure
    weight : ndarray of shape (n_samples,)
    widths : ndarray of shape (n_times,)
        Lengths of the intervals, in any unit.

    Returns
    -------
    ndarray of shape (n_times,)
    """
    n_times, happened = len(widths), exposure.interval < len(widths)
    n_events = weight @ happened
    # half of the interval of an event
    total = weight @ exposure.survived @ widths
    total += 0.5 * weight[happened] @ widths[exposure.interval[happened]]
    # half an event where there is none, as of half a sample where there is none
    level = np.log(max(n_events, 0.5) / max(total, 0.5 * widths.mean()))
    steps = np.diff(np.eye(n_times), axis=0)
    precision = SMOOTHNESS * steps.T @ steps + LEVEL_PRECISION * np.eye(n_times)
    centre = level + np.log(widths)
    return _newton(np.zeros(len(weight)), exposure, weight, centre, precision, free=False)[:-1]


def fit_risk(risk, exposure, weight, baseline):
    """Calibrate one expert's risk.

    Parameters
    ----------
    risk : ndarray of shape (n_samples,)
        Higher is earlier; finite, or NaN where the expert is missing.
    exposure : Exposure
    weight : ndarray of shape (n_samples,)
        Sample weights; rows of weight 0 play no role.
    baseline : ndarray of shape (n_times,)
        Where the prior of the log rates is centred.

    Returns
    -------
    RiskModel
        With slope 0 if the risk is constant, or the best slope is negative.
    """
    kept = np.flatnonzero((weight > 0) & ~np.isnan(risk))
    if len(kept) == 0:
        return RiskModel(0.0, 1.0, 0.0, baseline, constant=True)
    risk, exposure, weight = risk[kept], exposure.take(kept), weight[kept]
    # risks may be of any size: squares of 1e200 would overflow
    size = max(np.abs(risk).max(), np.finfo(float).tiny)
    share = weight / weight.sum()
    centre = share @ (risk / size)
    spread = np.sqrt(share @ (risk / size - centre) ** 2)
    constant = bool(spread <= _CONSTANT)
    scale = 1.0 if constant else spread * size
    z = np.zeros(len(risk)) if constant else (risk / size - centre) / spread
    precision = RATE_PRECISION * np.eye(len(baseline))
    theta = _newton(z, exposure, weight, baseline, precision, free=not constant)
    # an expert is never read against its word: where the best slope is negative, 0 is the best
    # of those allowed
    if theta[-1] < 0.0:
        theta = _newton(z, exposure, weight, baseline, precision, free=False)
    return RiskModel(float(centre * size), float(scale), float(theta[-1]), theta[:-1], constant)


def fit_risks(risks, sets, weight, times):
    """Calibrate the risks of several experts.

    Parameters
    ----------
    risks : dict of int to ndarray of shape (n_samples,)
    sets : LabelSets
    weight : ndarray of shape (n_samples,)
    times : ndarray of shape (n_times,)
        Right ends of the intervals.

    Returns
    -------
    dict of int to RiskModel
    """
    # the baseline is the same for all experts: what is known without any of them
    exposure = Exposure.from_sets(sets, len(times))
    baseline = baseline_log_rates(exposure, weight, np.diff(times, prepend=0.0))
    return {key: fit_risk(risk, exposure, weight, baseline) for key, risk in risks.items()}


def risk_doubts(models, risks, sets, weight):
    """What should be known of risks that count for nothing.

    Parameters
    ----------
    models : dict of int to RiskModel
        As of :func:`fit_risks`.
    risks : dict of int to ndarray of shape (n_samples,)
    sets : LabelSets
    weight : ndarray of shape (n_samples,)

    Yields
    ------
    keys : list of int
    doubt : str
        What holds for these risks, in words.
    """
    constant = [key for key, model in models.items() if model.constant]
    if constant:
        yield (
            constant,
            "is constant on the fit data: they tell samples apart nowhere, and stand for the "
            "average survival alone.",
        )
    held = [key for key, model in models.items() if model.slope == 0.0 and not model.constant]
    exposure = Exposure.from_sets(sets, len(next(iter(models.values())).log_rates))
    against = [key for key in held if _falls(risks[key], exposure, weight, models[key])]
    # without any slope all samples are predicted alike, which is worth a word in any case
    against = held if all(model.slope == 0.0 for model in models.values()) else against
    if against:
        yield (
            against,
            "is lower where events come earlier: they count for nothing, as higher risks stand "
            "for earlier events. If they are times or survival, pass them with the other sign.",
        )


def _falls(risk, exposure, weight, model):
    """Whether the outcomes speak for a negative slope: a score test at 0, on the ranks."""
    kept = np.flatnonzero((weight > 0) & ~np.isnan(risk))
    rates, rank = model.log_rates, rankdata(risk[kept])
    # few large values, such as times have, would leave the test without power
    z = (rank - rank.mean()) / rank.std()
    # what the slope is told beside the rates, by the data alone: no prior may stand in for them
    precision = LEVEL_PRECISION * np.eye(len(rates))
    objective = _Objective(z, exposure.take(kept), weight[kept], rates, precision, free=True)
    _, gradient, hessian = objective(np.append(rates, 0.0))
    across = np.linalg.solve(hessian[:-1, :-1], hessian[:-1, -1])
    score = gradient[-1] - gradient[:-1] @ across
    return score > _SURE * np.sqrt(hessian[-1, -1] - hessian[-1, :-1] @ across)


def _newton(z, exposure, weight, centre, precision, free):
    """Log rates and slope of the smallest penalised loss; the slope stays 0 if not free."""
    objective = _Objective(z, exposure, weight, centre, precision, free)
    theta = np.append(centre, 0.0)
    value, gradient, hessian = objective(theta)
    for _ in range(_MAX_ITER):
        step = -np.linalg.solve(hessian, gradient)
        decrement = -(gradient @ step) / 2.0
        if decrement <= _TOLERANCE:
            return theta + step
        length = min(1.0, _MAX_STEP / np.abs(step).max())
        while True:
            new = objective(theta + length * step)
            if new[0] <= value - 0.1 * length * decrement or length < 1e-8:
                break
            length /= 2.0
        theta, (value, gradient, hessian) = theta + length * step, new
    return theta


class _Objective:
    """Penalised loss of log rates and slope, its gradient and its Hessian."""

    def __init__(self, z, exposure, weight, centre, precision, free):
        self.z, self.survived, self.weight = z, exposure.survived, weight
        self.centre, self.free = centre, free
        self.events = np.flatnonzero(exposure.interval < len(centre))
        self.interval = exposure.interval[self.events]
        self.precision = np.diag(np.append(np.zeros(len(centre)), SLOPE_PRECISION))
        self.precision[:-1, :-1] = precision

    def __call__(self, theta):
        rates, slope, n_times = np.exp(theta[:-1]), theta[-1], len(self.centre)
        offset = theta - np.append(self.centre, 0.0)
        # moments of order 0, 1 and 2 in z are all that value, gradient and Hessian need
        tilted = self.weight * np.exp(np.clip(slope * self.z, -_WIDEST, _WIDEST))
        moments = np.stack([tilted, tilted * self.z, tilted * self.z**2]) @ self.survived
        moments *= rates
        z, weight = self.z[self.events], self.weight[self.events]
        log_rate = np.clip(theta[self.interval] + slope * z, -_WIDEST, _WIDEST)
        own = np.exp(log_rate)
        happens = -np.expm1(-own)
        # first and second derivative of log(1 - exp(-exp(r))) in r
        first = own * np.exp(-own) / happens
        second = first * (1.0 - own / happens)

        value = moments[0].sum() - weight @ np.log(happens)
        gradient, hessian = self.precision @ offset, self.precision.copy()
        value += 0.5 * gradient @ offset
        gradient[:-1] += moments[0] - self._by_interval(weight * first)
        diagonal = moments[0] - self._by_interval(weight * second)
        hessian[np.arange(n_times), np.arange(n_times)] += diagonal
        if self.free:
            gradient[-1] += moments[1].sum() - (weight * first) @ z
            cross = moments[1] - self._by_interval(weight * second * z)
            hessian[-1, :-1] = hessian[:-1, -1] = cross
            hessian[-1, -1] += moments[2].sum() - (weight * second) @ z**2
        return value, gradient, hessian

    def _by_interval(self, values):
        return np.bincount(self.interval, weights=values, minlength=len(self.centre))
