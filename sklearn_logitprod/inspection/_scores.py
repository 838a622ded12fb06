"""Scores of predictions, each with the contribution of every sample.

The contribution of a sample is the derivative of the score in its weight. The sum over
resampled contributions is the change of the score to first order, exactly so for means;
for AUC these are DeLong's placement values (1988). They sum to 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sklearn_logitprod.fusion.events import log_survival_from_log_events
from sklearn_logitprod.inspection._methods import risk_of
from sklearn_logitprod.metrics import concordance_index, safe_time_grid
from sklearn_logitprod.metrics.brier import mean_over_time, sample_brier_scores
from sklearn_logitprod.metrics.grades import grade_scores

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
    in_units : bool
        Whether it is in the unit of y, which may be of any size.
    additive : bool
        Whether it is the mean of what each sample scores, with which samples it ever stands.
    """

    function: object
    higher_is_better: bool
    bounds: tuple
    reads: str = "log_proba"
    in_units: bool = False
    additive: bool = False


@dataclass(frozen=True, eq=False)
class Outcome:
    """What happened to some samples.

    Attributes
    ----------
    likelihood : Likelihood
    y : ndarray of shape (n_samples,)
        Classes, values, or a structured array of events and times.
    times : ndarray of shape (n_times,) or None
        For survival.
    cohort : structured array of shape (n_all,) or None
        For survival: events and times of all samples, from which censoring is estimated.
    order : ndarray of shape (n_classes,), int, or None
        Positions of classes from the lowest grade to the highest, if they have an order.
    decide : callable or None
        From probabilities to positions of predicted classes; None for the most probable ones.
    """

    likelihood: object
    y: object
    times: object = None
    cohort: object = None
    order: object = None
    decide: object = None

    def take(self, rows):
        """Outcome of some of the samples."""
        return replace(self, likelihood=self.likelihood.take(rows), y=self.y[rows])

    def decided(self, log_proba):
        """Positions of the classes that log-probabilities (n_samples, n_classes) stand for."""
        return log_proba.argmax(axis=1) if self.decide is None else self.decide(np.exp(log_proba))


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

    def take(self, rows):
        """Prediction of some of the samples."""
        own = (self.log_proba, self.risk)
        return Prediction(*(part if part is None else part[rows] for part in own))


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


def _of_shares(share, values):
    """Mean of values of each sample as each class, and contributions; NaN where nothing counts.

    Parameters
    ----------
    share : ndarray of shape (n_samples, n_classes)
        How much of each sample is of each class: a distribution stands for as many weighted
        samples, and rows of 0 for samples whose class is open, which do not count.
    values : ndarray of shape (n_samples, n_classes)
    """
    total = share.sum()
    if total == 0.0:
        return np.nan, np.full(len(share), np.nan)
    own = (share * values).sum(axis=1)
    mean = own.sum() / total
    return mean, (own - share.sum(axis=1) * mean) / total


def _hits(outcome, prediction):
    """How much of each sample is of each class, and whether that is predicted."""
    n_classes = prediction.log_proba.shape[1]
    decided = outcome.decided(prediction.log_proba)
    return outcome.likelihood.shares(n_classes), decided[:, None] == np.arange(n_classes)


def _accuracy(outcome, prediction):
    return _of_shares(*_hits(outcome, prediction))


def _balanced_accuracy(outcome, prediction):
    """Mean over the classes of the share of their samples that are recognised."""
    share, hit = _hits(outcome, prediction)
    present = share.any(axis=0)
    if not present.any():
        return np.nan, np.full(len(share), np.nan)
    counts = share[:, present].sum(axis=0)
    own = share[:, present] / counts
    means = (own * hit[:, present]).sum(axis=0)
    return means.mean(), (own * (hit[:, present] - means)).mean(axis=1)


def _brier(outcome, prediction):
    """Squared distance of the probabilities from the true class, summed over the classes.

    Half of it for two classes, as scikit-learn has it.
    """
    proba = np.exp(prediction.log_proba)
    n_classes = proba.shape[1]
    # of each class, were it the true one
    values = (proba**2).sum(axis=1)[:, None] - 2.0 * proba + 1.0
    share = outcome.likelihood.shares(n_classes)
    return _of_shares(share, values / (2.0 if n_classes == 2 else 1.0))


def _roc_auc(outcome, prediction):
    """Area under the ROC curve; for several classes the mean of one against the rest."""
    log_proba = prediction.log_proba
    n_classes = log_proba.shape[1]
    share = outcome.likelihood.shares(n_classes)
    known = share.sum(axis=1)
    found = []
    for k in [1] if n_classes == 2 else range(n_classes):
        own, other = share[:, k], known - share[:, k]
        if own.any() and other.any():
            found.append(_area(own, other, np.exp(log_proba[:, k])))
    if not found:
        return np.nan, np.full(len(share), np.nan)
    return tuple(np.mean(part, axis=0) for part in zip(*found, strict=True))


def _area(own, other, score):
    """Share of pairs that a score orders rightly, ties half, and contributions.

    Each sample is of the class by the weight ``own``, and not by the weight ``other``.
    """
    place = np.unique(score, return_inverse=True)[1]
    # of the others the weight below each score, and of its own that above, equal ones half
    equal = np.bincount(place, other)
    below = (np.cumsum(equal) - 0.5 * equal)[place] / other.sum()
    equal = np.bincount(place, own)
    above = 1.0 - (np.cumsum(equal) - 0.5 * equal)[place] / own.sum()
    area = own @ below / own.sum()
    return area, own * (below - area) / own.sum() + other * (above - area) / other.sum()


def _rps(outcome, prediction):
    """Ranked probability score of grades."""
    share, order = outcome.likelihood.shares(len(outcome.order)), outcome.order
    values = grade_scores(np.exp(prediction.log_proba[:, order]))
    return _of_shares(share[:, order], values)


def _quadratic_kappa(outcome, prediction):
    """Agreement of grades beyond chance, disagreement weighed by its square (Cohen 1968).

    1 less the ratio of the mean squared difference of predicted and true grades to what it is
    where both are drawn apart.
    """
    share, order = outcome.likelihood.shares(len(outcome.order)), outcome.order
    grade = np.empty(len(order))
    grade[order] = np.arange(len(order))
    weight = share.sum(axis=1)
    total = weight.sum()
    if total == 0.0:
        return np.nan, np.full(len(share), np.nan)
    guess = grade[outcome.decided(prediction.log_proba)]
    # moments of both grades are all that squares need
    first, second = share @ grade, share @ grade**2
    differs = second - 2.0 * guess * first + weight * guess**2
    means = first.sum() / total, weight @ guess / total
    squares = second.sum() / total, weight @ guess**2 / total
    found, expected = differs.sum() / total, sum(squares) - 2.0 * means[0] * means[1]
    if expected <= 0.0:
        return np.nan, np.full(len(share), np.nan)
    moved = (
        (second - weight * squares[0])
        + weight * (guess**2 - squares[1])
        - 2.0 * ((first - weight * means[0]) * means[1] + weight * (guess - means[1]) * means[0])
    )
    ratio = found / expected
    return 1.0 - ratio, -(differs - weight * found - ratio * moved) / (total * expected)


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
    if not pairs.any():
        return np.nan, np.full(n_samples, np.nan)
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
    "log_loss": Score(_log_loss, False, (0.0, np.inf), additive=True),
    "roc_auc": Score(_roc_auc, True, (0.0, 1.0)),
    "accuracy": Score(_accuracy, True, (0.0, 1.0)),
    "balanced_accuracy": Score(_balanced_accuracy, True, (0.0, 1.0)),
    "brier": Score(_brier, False, (0.0, 2.0)),
}
"""For classes."""

GRADE_SCORES = {
    "rps": Score(_rps, False, (0.0, np.inf)),
    "quadratic_kappa": Score(_quadratic_kappa, True, (-1.0, 1.0)),
}
"""For classes that have an order."""

SURVIVAL_SCORES = {
    "concordance": Score(_concordance, True, (0.0, 1.0), reads="risk"),
    "log_loss": Score(_log_loss, False, (0.0, np.inf), additive=True),
    "ibs": Score(_ibs, False, (0.0, 1.0), additive=True),
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


def evaluate_part(scores, outcome, prediction, rows, values, contributions):
    """Values and contributions of several scores on some of the samples.

    What is a mean over samples is that of these samples; else a score is computed anew.

    Parameters
    ----------
    scores : dict of str to Score
    outcome : Outcome
    prediction : Prediction
        Both of all samples.
    rows : ndarray of int
    values, contributions : ndarray
        Of all samples, as :func:`evaluate` gives them.

    Returns
    -------
    values : ndarray of shape (n_scores,)
    contributions : ndarray of shape (n_scores, n_rows)
    """
    own = values[:, None] + outcome.likelihood.n_samples * contributions[:, rows]
    additive = np.array([score.additive for score in scores.values()])
    means = own.mean(axis=1)
    anew = {name: score for name, score in scores.items() if not score.additive}
    found, moves = evaluate(anew, outcome.take(rows), prediction.take(rows))
    means[~additive] = found
    parts = (own - means[:, None]) / len(rows)
    parts[~additive] = moves
    return means, parts


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
