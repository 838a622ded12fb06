"""Other ways to combine experts, fitted on the outputs that a fusion learns from.

A method is a function of the log-probabilities on the fit data, of shape (n_samples,
n_experts, n_classes), and of their likelihood; it returns a function from those on new
samples to combined log-probabilities of shape (n_samples, n_classes). A missing expert is
a row of NaN, which gives way to the mean of the experts present.
"""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from sklearn_logitprod.fusion.events import log_survival_from_log_events
from sklearn_logitprod.fusion.family import CATEGORICAL

_MIN_COVERAGE = 0.8
_SMALLEST = np.finfo(np.float64).eps


def filled(log_proba, family=CATEGORICAL):
    """Log-probabilities with the mean of the experts present where one is missing.

    Parameters
    ----------
    log_proba : ndarray of shape (n_samples, n_experts, n_classes)
    family : Family
        Of which they are the natural parameters.

    Returns
    -------
    ndarray of shape (n_samples, n_experts, n_classes)
    """
    missing = np.isnan(log_proba)
    if not missing.any():
        return log_proba
    return np.where(missing, mean_of_logits(log_proba, family)[:, None], log_proba)


def best_expert(log_proba, likelihood):
    """Position of the expert of the smallest loss on the rows that it has.

    Experts that miss more than a fifth of the rows that the best covered one has are not
    chosen.

    Parameters
    ----------
    log_proba : ndarray of shape (n_samples, n_experts, n_classes)
    likelihood : Likelihood

    Returns
    -------
    int
    """
    loss = likelihood.loss(np.moveaxis(log_proba, 1, 0))
    coverage = (~np.isnan(loss)).mean(axis=1)
    covered = coverage >= max(_MIN_COVERAGE * coverage.max(), 1 / loss.shape[1])
    means = [np.nanmean(own) if one else np.inf for own, one in zip(loss, covered, strict=True)]
    return int(np.argmin(means))


def mean_of_logits(log_proba, family=CATEGORICAL):
    """Product with equal weights of the experts present: (n_samples, n_classes).

    Parameters
    ----------
    log_proba : ndarray of shape (n_samples, n_experts, n_classes)
    family : Family

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
    """
    return family.normalised(np.nanmean(log_proba, axis=1))


def _mean_of_logits(log_proba, likelihood):
    return mean_of_logits


def _mean_of_proba(log_proba, likelihood):
    return lambda new: _log(np.nanmean(np.exp(new), axis=1))


def _log(proba):
    """Logarithm of probabilities, bounded as scikit-learn bounds its log-loss."""
    return np.log(np.maximum(proba, _SMALLEST))


def _greedy(log_proba, likelihood, max_size=50):
    """Ensemble selection with replacement (Caruana et al., 2004) on the log-loss.

    Starts from nothing and adds the expert that helps the mean of probabilities most, the
    same one again if it does; the best ensemble on the way is kept.
    """
    log_proba = filled(log_proba)
    reached = likelihood.reached(np.exp(log_proba))
    total, counts = np.zeros(reached.shape[:2]), np.zeros(reached.shape[2])
    best_loss, best = np.inf, counts
    for size in range(1, max_size + 1):
        mixed = _log((total[..., None] + reached) / size)
        losses = -np.einsum("rn,rnm->m", likelihood.weight, mixed) / len(log_proba)
        chosen = int(np.argmin(losses))
        total += reached[..., chosen]
        counts[chosen] += 1
        if losses[chosen] < best_loss:
            best_loss, best = losses[chosen], counts / size
    return lambda new: _log(np.einsum("nmk,m->nk", np.exp(filled(new)), best))


def _stacked(log_proba, likelihood):
    """Logistic regression, as it comes, on the log-probabilities of all experts."""
    n_classes = log_proba.shape[2]
    model = LogisticRegression(max_iter=5000)
    share = likelihood.shares(n_classes)
    # a distribution over classes is several weighted rows, an outcome that is open none
    rows, labels = np.nonzero(share)
    weight = share[rows, labels]
    flat = filled(log_proba).reshape(len(log_proba), -1)[rows]
    model.fit(flat, labels, None if (weight == 1.0).all() else weight)

    def predict(new):
        proba = np.zeros((len(new), n_classes))
        proba[:, model.classes_] = model.predict_proba(filled(new).reshape(len(new), -1))
        return _log(proba)

    return predict


CLASS_METHODS = {
    "mean of logits": _mean_of_logits,
    "mean of probabilities": _mean_of_proba,
    "greedy ensemble": _greedy,
    "stacked regression": _stacked,
}
"""For classes."""

SURVIVAL_METHODS = {
    "mean of logits": _mean_of_logits,
    "mean of curves": _mean_of_proba,
    "greedy ensemble": _greedy,
}
"""For event distributions."""


def risk_of(log_events):
    """Risk of event distributions: minus the sum of survival over the times.

    Parameters
    ----------
    log_events : ndarray of shape (..., n_times + 1)

    Returns
    -------
    ndarray of shape (...)
    """
    return -np.exp(log_survival_from_log_events(log_events)).sum(axis=-1)


def rank_average(log_events, new):
    """Mean over the experts present of where a risk lies among those of the fit data.

    Parameters
    ----------
    log_events, new : ndarray of shape (n_samples, n_experts, n_times + 1)
        On the fit data, and on new samples.

    Returns
    -------
    ndarray of shape (n_new,)
        In [0, 1]; higher is earlier.
    """
    known, own = risk_of(log_events), risk_of(new)
    places = np.full(own.shape, np.nan)
    for m in range(own.shape[1]):
        order = np.sort(known[~np.isnan(known[:, m]), m])
        both = sum(np.searchsorted(order, own[:, m], side) for side in ("left", "right"))
        places[:, m] = np.where(np.isnan(own[:, m]), np.nan, both / (2.0 * max(len(order), 1)))
    return np.nanmean(places, axis=1)
