"""Scores of predicted values, each with the contribution of every sample."""

from __future__ import annotations

import numpy as np

from sklearn_logitprod.fusion.values import moments
from sklearn_logitprod.inspection._scores import Score, losses, mean_score
from sklearn_logitprod.metrics.values import sample_crps


def _in_units(outcome, prediction):
    """Observed values less a centre, predicted means less the same, deviations, in y's unit."""
    scale, freedom = np.exp(outcome.likelihood.log_scale), outcome.likelihood.freedom
    mean, variance = moments(prediction.log_proba)
    if np.isfinite(freedom):
        variance = variance * (freedom / (freedom - 2.0))
    return scale * outcome.likelihood.value, scale * mean, scale * np.sqrt(variance)


def _nll(outcome, prediction):
    return mean_score(losses(outcome, prediction))


def _crps(outcome, prediction):
    own = _in_units(outcome, prediction)
    return mean_score(sample_crps(*own, outcome.likelihood.freedom))


def _mae(outcome, prediction):
    value, mean, _ = _in_units(outcome, prediction)
    return mean_score(np.abs(value - mean))


def _rmse(outcome, prediction):
    value, mean, _ = _in_units(outcome, prediction)
    mean_squared, contribution = mean_score((value - mean) ** 2)
    root = np.sqrt(mean_squared)
    # the derivative of the root, which has none at 0
    return root, contribution / (2.0 * root) if root > 0.0 else np.zeros(len(value))


def _r2(outcome, prediction):
    """One less squared errors over squared distances from the mean of the tested values."""
    value, mean, _ = _in_units(outcome, prediction)
    squared, spread = (value - mean) ** 2, (value - value.mean()) ** 2
    total = spread.sum()
    if not total > 0.0:
        return np.nan, np.full(len(value), np.nan)
    unexplained = squared.sum() / total
    return 1.0 - unexplained, (unexplained * spread - squared) / total


VALUE_SCORES = {
    "nll": Score(_nll, False, (-np.inf, np.inf), additive=True),
    "crps": Score(_crps, False, (0.0, np.inf), in_units=True, additive=True),
    "rmse": Score(_rmse, False, (0.0, np.inf), in_units=True),
    "mae": Score(_mae, False, (0.0, np.inf), in_units=True, additive=True),
    "r2": Score(_r2, True, (-np.inf, 1.0)),
}
"""For values, all but the last in their unit (the first: in nats, of a density)."""
