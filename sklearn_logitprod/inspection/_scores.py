"""Scores of predictions, each with the contribution of every sample.

The contribution of a sample is the derivative of the score in its weight. The sum over
resampled contributions is the change of the score to first order, exactly so for means;
for AUC these are DeLong's placement values (1988). They sum to 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import rankdata

from sklearn_logitprod.fusion.events import log_survival_from_log_events
from sklearn_logitprod.inspection._methods import risk_of
from sklearn_logitprod.metrics import concordance_index, safe_time_grid
from sklearn_logitprod.metrics.brier import mean_over_time, sample_brier_scores

_BLOCK = 1 << 22
_TIE = 1e-8


@dataclass(frozen=True, eq=False)
class Score:
    """A score.

    Attributes
    ----------
    function : callable
        ``function(outcome, prediction)`` gives the score and the contributions.
    higher_is_better : bool
    bounds : (float, float)
        The least and the largest value there is.
    reads : {"log_proba", "risk"}
        What it needs of a prediction.
    """

    function: object
    higher_is_better: bool
    bounds: tuple
    reads: str = "log_proba"


@dataclass(frozen=True, eq=False)
class Outcome:
    """What happened to some samples.

    Attributes
    ----------
    likelihood : Likelihood
    y : ndarray of shape (n_samples,)
        Class labels, values, or a structured array of events and times.
    times : ndarray of shape (n_times,) or None
        For survival.
    cohort : structured array of shape (n_all,) or None
        For survival: events and times of all samples, from which censoring is estimated.
    """

    likelihood: object
    y: object
    times: object = None
    cohort: object = None

    def take(self, rows):
        """Outcome of some of the samples."""
        return replace(self, likelihood=self.likelihood.take(rows), y=self.y[rows])


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a method says of some samples.

    Attributes
    ----------
    log_proba : ndarray of shape (n_samples, n_classes) or None
        Natural parameters for values. None for a method that gives risks alone.
    risk : ndarray of shape (n_samples,) or None
        For survival.
    """

    log_proba: object = None
    risk: object = None


def mean_score(values):
    """Mean of what each sample scores, and contributions.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)

    Returns
    -------
    mean : float
    contributions : ndarray of shape (n_samples,)
    """
    return values.mean(), (values - values.mean()) / len(values)


def losses(outcome, prediction):
    """Log-loss of each sample, in nats.

    Parameters
    ----------
    outcome : Outcome
    prediction : Prediction

    Returns
    -------
    ndarray of shape (n_samples,)
        NaN for a method that gives no probabilities.
    """
    if prediction.log_proba is None:
        return np.full(outcome.likelihood.n_samples, np.nan)
    return outcome.likelihood.loss(prediction.log_proba)


def _log_loss(outcome, prediction):
    return mean_score(losses(outcome, prediction))


def _accuracy(outcome, prediction):
    return mean_score(
        (prediction.log_proba.argmax(axis=1) == outcome.likelihood.labels).astype(float)
    )


def _balanced_accuracy(outcome, prediction):
    """Mean over the classes of the share of their samples that are recognised."""
    hit = prediction.log_proba.argmax(axis=1) == outcome.likelihood.labels
    return _class_mean(outcome.likelihood.labels, hit)


def _class_mean(labels, values):
    """Mean over classes of the mean over their samples."""
    counts = np.bincount(labels)
    present = counts > 0
    means = np.bincount(labels, values) / np.maximum(counts, 1)
    share = 1.0 / (counts[labels] * present.sum())
    return means[present].mean(), (values - means[labels]) * share


def _brier(outcome, prediction):
    """Squared distance of the probabilities from the true class, summed over the classes.

    Half of it for two classes, as scikit-learn has it.
    """
    proba = np.exp(prediction.log_proba)
    n_classes = proba.shape[1]
    wanted = np.eye(n_classes)[outcome.likelihood.labels]
    return mean_score(((proba - wanted) ** 2).sum(axis=1) / (2.0 if n_classes == 2 else 1.0))


def _roc_auc(outcome, prediction):
    """Area under the ROC curve; for several classes the mean of one against the rest."""
    labels, log_proba = outcome.likelihood.labels, prediction.log_proba
    n_classes = log_proba.shape[1]
    found = []
    for k in [1] if n_classes == 2 else range(n_classes):
        own = labels == k
        if own.any() and not own.all():
            found.append(_area(own, np.exp(log_proba[:, k])))
    if not found:
        return np.nan, np.full(len(labels), np.nan)
    return tuple(np.mean(part, axis=0) for part in zip(*found, strict=True))


def _area(own, score):
    """Share of pairs that a score orders rightly, ties half, and placement values."""
    n_own, n_other = own.sum(), (~own).sum()
    rank = rankdata(score)
    place = np.empty(len(score))
    place[own] = (rank[own] - rankdata(score[own])) / n_other
    place[~own] = 1.0 - (rank[~own] - rankdata(score[~own])) / n_own
    area = place[own].mean()
    return area, (place - area) / np.where(own, n_own, n_other)


def _concordance(outcome, prediction):
    """Harrell's C, with the share of each sample in the pairs it is in."""
    event, time = (outcome.y[name] for name in outcome.y.dtype.names)
    risk, n_samples = prediction.risk, len(time)
    right, pairs = np.zeros(n_samples), np.zeros(n_samples)
    events = np.flatnonzero(event)
    step = max(1, _BLOCK // n_samples)
    for start in range(0, len(events), step):
        first = events[start : start + step, None]
        comparable = (time[first] < time) | ((time[first] == time) & ~event)
        difference = risk[first] - risk
        ordered = comparable * (0.5 + 0.5 * np.sign(difference) * (np.abs(difference) > _TIE))
        for total, part in ((right, ordered), (pairs, comparable)):
            total += part.sum(axis=0)
            total[first[:, 0]] += part.sum(axis=1)
    value = concordance_index(event, time, risk)
    return value, (right - value * pairs) / (0.5 * pairs.sum())


def _ibs(outcome, prediction):
    """Integrated Brier score on the times that are safe."""
    cohort = outcome.cohort
    survival = np.exp(log_survival_from_log_events(prediction.log_proba))
    grid = safe_time_grid(cohort, outcome.y, outcome.times)
    if len(grid) < 2:
        return np.nan, np.full(len(survival), np.nan)
    own = survival[:, np.isin(outcome.times, grid)]
    return mean_score(mean_over_time(sample_brier_scores(cohort, outcome.y, own, grid), grid))


CLASS_SCORES = {
    "log_loss": Score(_log_loss, False, (0.0, np.inf)),
    "roc_auc": Score(_roc_auc, True, (0.0, 1.0)),
    "accuracy": Score(_accuracy, True, (0.0, 1.0)),
    "balanced_accuracy": Score(_balanced_accuracy, True, (0.0, 1.0)),
    "brier": Score(_brier, False, (0.0, 2.0)),
}
"""For classes."""

SURVIVAL_SCORES = {
    "concordance": Score(_concordance, True, (0.0, 1.0), reads="risk"),
    "log_loss": Score(_log_loss, False, (0.0, np.inf)),
    "ibs": Score(_ibs, False, (0.0, 1.0)),
}
"""For survival."""


def evaluate(scores, outcome, prediction):
    """Values and contributions of several scores.

    Parameters
    ----------
    scores : dict of str to Score
    outcome : Outcome
    prediction : Prediction

    Returns
    -------
    values : ndarray of shape (n_scores,)
        NaN where the prediction lacks what the score needs.
    contributions : ndarray of shape (n_scores, n_samples)
    """
    values = np.full(len(scores), np.nan)
    contributions = np.full((len(scores), outcome.likelihood.n_samples), np.nan)
    for i, score in enumerate(scores.values()):
        if getattr(prediction, score.reads) is not None:
            values[i], contributions[i] = score.function(outcome, prediction)
    return values, contributions


def risk_prediction(log_events):
    """Prediction of event distributions, with the risks that they stand for.

    Parameters
    ----------
    log_events : ndarray of shape (n_samples, n_times + 1)

    Returns
    -------
    Prediction
    """
    return Prediction(log_events, risk_of(log_events))
