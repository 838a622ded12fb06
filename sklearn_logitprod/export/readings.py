"""From outputs of experts to log-probabilities: what ``outputs/`` does, as expressions.

A graph cannot raise: what ``predict_proba`` refuses is a row of NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from sklearn_logitprod.export.expressions import (
    Expression,
    absolute,
    any_of,
    clipped,
    constant,
    either,
    exp,
    greater,
    is_nan,
    joined,
    largest,
    log,
    maximum,
    minimum,
    part,
    shaped,
    taken,
    total,
    where,
    with_axis,
)
from sklearn_logitprod.fusion.logits import FLOOR
from sklearn_logitprod.fusion.risk import WIDEST
from sklearn_logitprod.fusion.values import LOG_LEAST_VARIANCE
from sklearn_logitprod.outputs.checks import RANGE_TOLERANCE, SUM_TOLERANCE
from sklearn_logitprod.outputs.classes import Outputs
from sklearn_logitprod.outputs.events import EventOutputs
from sklearn_logitprod.outputs.values import ValueOutputs

_LARGEST_LOG_RATE = 700.0
# below, exp(-rate) is so near 1 that the difference has lost its digits, and a series has not
_SMALL_RATE = 1e-3


@dataclass(frozen=True, eq=False)
class Reading:
    """Outputs of experts as a pool reads them.

    Attributes
    ----------
    log_proba : Expression of shape (n_samples, n_experts, n_classes)
        Finite, and nothing where an expert is missing.
    present : Expression of shape (n_samples, n_experts)
    refused : Expression of shape (n_samples, 1)
        1 on rows that a prediction would refuse.
    """

    log_proba: Expression
    present: Expression
    refused: Expression


@singledispatch
def reading(outputs, x):
    """How outputs are read.

    Parameters
    ----------
    outputs : Outputs, EventOutputs or ValueOutputs
        Of one row, whatever it says: how the fitted model reads arrays.
    x : Expression of shape (n_samples, *outputs.values.shape[1:])

    Returns
    -------
    Reading
    """
    raise TypeError(f"{type(outputs).__name__} are no outputs that can be exported.")


def _checked(x, n_axes):
    """Values with 0 for what is no number, experts present, rows refused."""
    nan = is_nan(x)
    # infinity less itself is NaN
    bad = is_nan(x - x)
    infinite = bad * (1.0 - nan)
    filled = where(bad, 0.0, x)
    if n_axes == 2:
        return filled, 1.0 - nan, any_of(infinite, 1, True)
    any_nan, all_nan = any_of(nan, 2), 1.0 - any_of(1.0 - nan, 2)
    refused = either(any_of(infinite, 2), any_nan * (1.0 - all_nan))
    return filled, 1.0 - all_nan, any_of(refused, 1, True)


def _log_of_logits(logits, n_classes):
    """Normalised, floored log-probabilities of unnormalised ones."""
    return _log_of_proba(exp(logits - largest(logits)), n_classes)


def _log_of_proba(proba, n_classes):
    """Log of non-negative rows, normalised and floored; of rows of 0 whatever is finite."""
    whole = total(proba, 2, True)
    share = (1.0 - FLOOR) / where(greater(whole, 0.0), whole, 1.0)
    return log(proba * share + FLOOR / n_classes)


@reading.register
def _(outputs: Outputs, x):
    n_classes, n_axes = len(outputs.order), outputs.values.ndim
    values, present, refused = _checked(x, n_axes)
    if outputs.input == "proba":
        outside = either(greater(-RANGE_TOLERANCE, values), greater(values, 1.0 + RANGE_TOLERANCE))
        outside = any_of(outside, 2) if n_axes == 3 else outside
        refused = either(refused, any_of(outside, 1, True))
        values = maximum(values, 0.0)
    if n_axes == 3:
        if outputs.input == "proba":
            off = greater(absolute(total(values, 2) - 1.0), SUM_TOLERANCE)
            refused = either(refused, any_of(off * present, 1, True))
    elif outputs.input == "proba":
        second = with_axis(minimum(values, 1.0), 2)
        values = joined([1.0 - second, second], 2)
    else:
        second = with_axis(values, 2)
        values = joined([0.0 * second, second], 2)
    if not np.array_equal(outputs.order, np.arange(n_classes)):
        values = taken(values, outputs.order, 2)
    read = _log_of_proba if outputs.input == "proba" else _log_of_logits
    return Reading(read(values, n_classes), present, refused)


@reading.register
def _(outputs: EventOutputs, x):
    n_times = outputs.n_times
    values, present, refused = _checked(x, outputs.values.ndim)
    if outputs.input == "survival":
        outside = either(greater(-RANGE_TOLERANCE, values), greater(values, 1.0 + RANGE_TOLERANCE))
        before = joined([part(values, 0, 1, 2), part(values, 0, n_times - 1, 2)], 2)
        # the first time has none before it: it is compared with itself
        wrong = either(outside, greater(values - before, RANGE_TOLERANCE))
        refused = either(refused, any_of(any_of(wrong, 2), 1, True))
        start = part(values, 0, 1, 2) * 0.0
        events = joined([start + 1.0, values], 2) - joined([values, start], 2)
        return Reading(_log_of_proba(maximum(events, 0.0), n_times + 1), present, refused)
    if outputs.input == "hazard_logits":
        scores = _log_events_of_hazards(values, n_times)
    else:
        models = _in_order(outputs)
        centre, scale, slope = (
            np.array([[getattr(model, name) for model in models]])
            for name in ("centre", "scale", "slope")
        )
        tilt = clipped(slope * ((values - centre) / scale), -WIDEST, WIDEST)
        base = constant(np.stack([model.log_rates for model in models])[None])
        scores = _log_events_of_rates(base + with_axis(tilt, 2), n_times)
    return Reading(_log_of_logits(scores, n_times + 1), present, refused)


def _in_order(outputs):
    """Calibrations of the experts, by their position."""
    return [model for _, model in sorted(outputs.models.items())]


def _earlier(n_times):
    """Matrix that sums over the intervals before each: (n_times, n_times + 1)."""
    return np.triu(np.ones((n_times, n_times + 1)), 1)


def _log_events_of_hazards(logits, n_times):
    """As of :func:`~sklearn_logitprod.fusion.events.log_events_from_hazard_logits`."""
    correction = log(1.0 + exp(-absolute(logits)))
    own = joined([minimum(logits, 0.0) - correction, part(logits, 0, 1, 2) * 0.0], 2)
    return own - (maximum(logits, 0.0) + correction) @ _earlier(n_times)


def _log_events_of_rates(log_rates, n_times):
    """As of :func:`~sklearn_logitprod.fusion.events.log_events_from_log_rates`."""
    log_rates = clipped(log_rates, -_LARGEST_LOG_RATE, _LARGEST_LOG_RATE)
    rates = exp(log_rates)
    # log(1 - exp(-r)) = log r - r / 2 + r^2 / 24 - ...
    near = minimum(rates, _SMALL_RATE)
    series = log_rates - near / 2.0 + near * near / 24.0
    direct = log(1.0 - exp(-maximum(rates, _SMALL_RATE)))
    own = where(greater(_SMALL_RATE, rates), series, direct)
    return joined([own, part(rates, 0, 1, 2) * 0.0], 2) - rates @ _earlier(n_times)


@reading.register
def _(outputs: ValueOutputs, x):
    n_experts = outputs.values.shape[1]
    values, present, refused = _checked(x, outputs.values.ndim)
    deviation = None
    if outputs.input == "mean_std":
        deviation = shaped(part(values, 1, 2, 2), n_experts)
        values = shaped(part(values, 0, 1, 2), n_experts)
        positive = greater(deviation, 0.0)
        refused = either(refused, any_of(present * (1.0 - positive), 1, True))
        deviation = where(positive, deviation, 1.0)
    models = _in_order(outputs)
    of = {
        name: np.array([[getattr(model, name) for model in models]])
        for name in vars(models[0])
        if name not in ("rough", "spread")
    }
    z = (values - of["centre"]) / of["scale"]
    near = clipped(z, -2.0, 2.0)
    log_variance = of["log_variance"] + of["by_mean"] * near
    log_variance = log_variance + of["by_square"] * (near * near - 1.0)
    apart, known = _spreads(models, z, present)
    log_variance = log_variance + of["by_spread"] * where(known, apart, 0.5 * of["by_spread"])
    if deviation is not None:
        log_variance = log_variance + of["power"] * (2.0 * log(deviation) - of["log_centre"])
    tau = exp(-clipped(log_variance, LOG_LEAST_VARIANCE, -LOG_LEAST_VARIANCE))
    eta = (of["intercept"] + of["slope"] * z) * tau
    return Reading(joined([with_axis(eta, 2), with_axis(tau, 2)], 2), present, refused)


def _spreads(models, z, present):
    """As of :func:`~sklearn_logitprod.fusion.values.spreads`, and where they are known.

    Both (n_samples, n_experts).
    """
    apart, known = [], []
    pairs = [model.spread for model in models]
    found = {}
    for spread in dict.fromkeys(pairs):
        own = np.array([pair == spread for pair in pairs], dtype=float)
        rough = np.array([model.rough for model in models])
        variance = np.exp(rough[:, 2])
        counted = own * (variance > 0.0)
        n_counted = max(counted.sum(), 1.0)
        there = present * counted[None]
        n_present = total(there, 1, True)
        least = maximum(n_present, 1.0)
        mean = where(there, rough[None, :, 0] + rough[None, :, 1] * z, 0.0)
        distance = where(there, mean - total(mean, 1, True) / least, 0.0)
        whole = n_present * max(n_counted - 1.0, 1.0)
        whole = whole / (maximum(n_present - 1.0, 1.0) * n_counted)
        squared = total(distance * distance, 1, True) / least * whole
        enough = greater(n_present, min(n_counted, 2.0) - 0.5)
        mixture = log(where(enough, squared + (variance * own).sum() / n_counted, 1.0))
        found[spread] = clipped((mixture - spread[0]) / spread[1], -2.0, 2.0), enough
    for pair in pairs:
        apart.append(found[pair][0])
        known.append(found[pair][1])
    return joined(apart, 1), joined(known, 1)
