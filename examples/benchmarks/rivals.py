"""Ways to combine experts that a fusion has to beat, and the scores they are judged by.

A rival is a function of the fit set that returns a function from the outputs of the
experts on new samples, of shape (n_samples, n_experts, n_classes), to fused
probabilities. NaN rows are missing experts; at least one expert is present per sample.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

# As in the README of the development collection: probabilities below count as this, and
# experts that miss more than a fifth of what the best covered one has are not ranked.
CLIP = 1e-6
MIN_COVERAGE = 0.8

FLOOR = 1e-6


def log_loss(y, proba):
    """Mean log-loss in nats, probabilities clipped."""
    return float(-np.log(np.maximum(proba[np.arange(len(y)), y], CLIP)).mean())


def auc(y, proba):
    """Area under the ROC curve; for several classes the mean of one against the rest.

    Classes of which the test set has none, or nothing else, are left out.
    """
    columns = [1] if proba.shape[1] == 2 else range(proba.shape[1])
    areas = [
        roc_auc_score(y == k, proba[:, k]) for k in columns if (y == k).any() and not (y == k).all()
    ]
    return float(np.mean(areas)) if areas else np.nan


def accuracy(y, proba):
    """Share of samples whose most probable class is right."""
    return float((proba.argmax(axis=1) == y).mean())


def balanced_accuracy(y, proba):
    """Mean over the classes that are there of the share of their samples that are right."""
    with warnings.catch_warnings():
        # a predicted class that the test set lacks
        warnings.filterwarnings("ignore", message="y_pred contains classes not in y_true")
        return float(balanced_accuracy_score(y, proba.argmax(axis=1)))


def brier(y, proba):
    """Squared distance from the true class, summed over the classes."""
    return float(((proba - np.eye(proba.shape[1])[y]) ** 2).sum(axis=1).mean())


SCORES = {"log-loss": log_loss, "AUC": auc, "accuracy": accuracy}


def present(proba):
    """Which expert is present for which sample, shape (n_samples, n_experts)."""
    return ~np.isnan(proba).any(axis=2)


def filled_log_proba(proba):
    """Floored log-probabilities; a missing expert gets the mean of those present."""
    log_proba = np.log((1 - FLOOR) * proba + FLOOR / proba.shape[2])
    mean = np.nanmean(log_proba, axis=1, keepdims=True)
    return np.where(np.isnan(log_proba), mean, log_proba)


def filled_proba(proba):
    """Probabilities; a missing expert gets the mean of those present."""
    return np.where(np.isnan(proba), np.nanmean(proba, axis=1, keepdims=True), proba)


def best_single(proba, y):
    """The expert of the smallest log-loss on the rows it has of the fit set."""
    here = present(proba)
    coverage = here.mean(axis=0)
    candidates = np.flatnonzero(coverage >= MIN_COVERAGE * coverage.max())
    losses = [log_loss(y[here[:, m]], proba[here[:, m], m]) for m in candidates]
    best = candidates[int(np.argmin(losses))]

    def predict(new):
        return softmax(filled_log_proba(new)[:, best], axis=1)

    predict.expert = int(best)
    return predict


def mean_of_logits(proba, y):
    """Product of experts with equal weights; where one is missing, of the others."""
    return lambda new: softmax(filled_log_proba(new).mean(axis=1), axis=1)


def mean_of_proba(proba, y):
    """Linear pool with equal weights; where one is missing, of the others."""
    return lambda new: filled_proba(new).mean(axis=1)


def greedy_selection(proba, y, max_size=50):
    """Ensemble selection with replacement (Caruana et al., 2004) on the log-loss.

    Starts from nothing and adds the expert that helps the mean of probabilities most, the
    same one again if it does; the best ensemble on the way is kept.
    """
    filled = filled_proba(proba)
    truth = filled[np.arange(len(y)), :, y]
    total = np.zeros(len(y))
    counts = np.zeros(filled.shape[1])
    best_loss, best_counts = np.inf, counts
    for size in range(1, max_size + 1):
        mixed = np.maximum((total[:, None] + truth) / size, CLIP)
        losses = -np.log(mixed).mean(axis=0)
        chosen = int(np.argmin(losses))
        total = total + truth[:, chosen]
        counts[chosen] += 1
        if losses[chosen] < best_loss:
            best_loss, best_counts = losses[chosen], counts / size
    return lambda new: np.einsum("nmk,m->nk", filled_proba(new), best_counts)


def stacked_logistic(proba, y):
    """Logistic regression, as it comes, on the log-probabilities of all experts."""
    return _stacked(LogisticRegression(max_iter=5000), proba, y)


def stacked_logistic_cv(proba, y):
    """Logistic regression whose penalty is chosen by the log-loss of five folds."""
    model = LogisticRegressionCV(
        Cs=5, cv=5, scoring="neg_log_loss", max_iter=1000, use_legacy_attributes=False
    )
    return _stacked(model, proba, y)


def _stacked(model, proba, y):
    n_classes = proba.shape[2]

    def flat(outputs):
        return filled_log_proba(outputs).reshape(len(outputs), -1)

    with warnings.catch_warnings():
        # Stopping at max_iter is part of what this rival costs and gives.
        warnings.filterwarnings("ignore", message="lbfgs failed to converge")
        # scikit-learn announces other defaults, which mean the same here
        warnings.filterwarnings("ignore", category=FutureWarning)
        model.fit(flat(proba), y)

    def predict(new):
        fused = np.zeros((len(new), n_classes))
        fused[:, model.classes_] = model.predict_proba(flat(new))
        return fused

    return predict


RIVALS = {
    "best single (fit data)": best_single,
    "mean of logits": mean_of_logits,
    "mean of probabilities": mean_of_proba,
    "stacked logistic": stacked_logistic,
    "stacked logistic CV": stacked_logistic_cv,
    "greedy selection": greedy_selection,
}
