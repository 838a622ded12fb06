"""All methods on one split: fitted on its training part, scored on the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from sklearn_logitprod.inspection._methods import best_expert, filled, rank_average
from sklearn_logitprod.inspection._scores import (
    Outcome,
    Prediction,
    evaluate,
    losses,
    risk_prediction,
)
from sklearn_logitprod.search.base import BaseLogitProdCV

BEST, FUSED, RANKS = "best expert", "LogitProd", "rank averaging"


@dataclass(frozen=True, eq=False)
class Task:
    """What is compared, on what.

    Attributes
    ----------
    outcome : Outcome
        Of all samples.
    strata : ndarray of shape (n_samples,), int
        What splits hold alike.
    groups : ndarray of shape (n_samples,), int, or None
    scores : dict of str to Score
    methods : dict of str to callable
        Simpler methods; None stands for rank averaging, which needs no fit.
    """

    outcome: Outcome
    strata: np.ndarray
    groups: object
    scores: dict
    methods: dict

    def prediction(self, log_proba):
        """Prediction of log-probabilities."""
        return Prediction(log_proba) if self.outcome.y is None else risk_prediction(log_proba)


@dataclass(frozen=True, eq=False)
class Scored:
    """How all methods fare on one split.

    Attributes
    ----------
    experts : list of str
    best : str
        The best expert on the training part.
    methods : list of str
    values : ndarray of shape (n_methods, n_scores)
    contributions : ndarray of shape (n_methods, n_scores, n_test)
    losses : ndarray of shape (n_methods, n_test)
        Log-loss of each sample; NaN for methods without probabilities.
    """

    experts: list
    best: str
    methods: list
    values: np.ndarray
    contributions: np.ndarray
    losses: np.ndarray


def run_split(estimator, X, y, task, train, test):
    """Fit and score all methods on one split.

    Parameters
    ----------
    estimator : estimator
        Unfitted.
    X, y
        Of all samples.
    task : Task
    train, test : ndarray of int
        Rows.

    Returns
    -------
    Scored
    """
    groups = None if task.groups is None else task.groups[train]
    model, known = _fitted(estimator, _safe_indexing(X, train), _safe_indexing(y, train), groups)
    X_test = _safe_indexing(X, test)
    new = model.expert_logits(X_test)
    names = list(model.expert_names_)
    clash = sorted({*task.methods, BEST, FUSED} & set(names))
    if clash:
        raise ValueError(f"An expert is called {clash[0]!r}, as a method here is. Rename it.")
    likelihood = task.outcome.likelihood.take(train)
    best = names[best_expert(known, likelihood)]
    alone = np.moveaxis(filled(new), 1, 0)
    predictions = {name: task.prediction(own) for name, own in zip(names, alone, strict=True)}
    predictions[BEST] = predictions[best]
    for name, fit in task.methods.items():
        if name == RANKS:
            predictions[name] = Prediction(risk=rank_average(known, new))
        else:
            predictions[name] = task.prediction(fit(known, likelihood)(new))
    predictions[FUSED] = task.prediction(model._log_proba(X_test))
    outcome = task.outcome.take(test)
    values, contributions = zip(
        *(evaluate(task.scores, outcome, own) for own in predictions.values()), strict=True
    )
    by_sample = np.array([losses(outcome, own) for own in predictions.values()])
    return Scored(
        names, best, list(predictions), np.array(values), np.array(contributions), by_sample
    )


def _fitted(estimator, X, y, groups):
    """Fitted fusion, and the log-probabilities (n_samples, n_experts, n_classes) it learnt from."""
    model = clone(estimator)
    if isinstance(model, BaseLogitProdCV):
        model = model.fit(X, y, groups=groups).best_estimator_
        flat = clone(model).set_params(gate_width=None).fit_transform(X, y, groups=groups)
    else:
        flat = model.fit_transform(X, y, groups=groups)
    return model, flat.reshape(len(flat), model.n_experts_, -1)
