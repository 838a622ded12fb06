"""Predictions of each sample by a fusion that was fitted on the folds without it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from sklearn_logitprod.estimators.inference import expert_log_proba, fused_log_proba
from sklearn_logitprod.inspection._methods import best_expert, filled
from sklearn_logitprod.search.base import final_estimator, fitted_log_proba
from sklearn_logitprod.targets.folds import shuffled


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What is said of samples by fits without them.

    Attributes
    ----------
    fused : ndarray of shape (n_samples, n_classes)
        Log-probabilities of LogitProd; natural parameters of values by each fold's own scale.
    best : ndarray of shape (n_samples, n_classes)
        Those of the best expert, chosen on the other folds.
    said : ndarray of shape (n_samples, ...) or None
        What the caller asked the fitted models.
    """

    fused: np.ndarray
    best: np.ndarray
    said: np.ndarray | None


def held_out(setting, n_folds, seed, ask=None):
    """Predictions on the folds of a comparison's first repeat, whose experts a cache has.

    Parameters
    ----------
    setting : Setting
    n_folds, seed : int
        As of the comparison.
    ask : callable, optional
        From a fitted estimator and X to what it is further asked.

    Returns
    -------
    HeldOut
    """
    target, groups = setting.target, setting.groups
    found, rows = [], []
    folds = shuffled(n_folds, groups, seed)
    for train, test in folds.split(target.strata, target.strata, groups):
        model = clone(setting.estimator)
        own = _safe_indexing(setting.X, train), _safe_indexing(target.y, train)
        known = fitted_log_proba(model, *own, None if groups is None else groups[train])
        model = final_estimator(model)
        told = setting.task.told(setting.outcome.take(train), model).likelihood
        X = _safe_indexing(setting.X, test)
        experts = filled(expert_log_proba(model, X), told.family)
        best = experts[:, best_expert(known, told)]
        found.append((fused_log_proba(model, X), best, ask and ask(model, X)))
        rows.append(test)
    order = np.argsort(np.concatenate(rows))
    fused, best, said = zip(*found, strict=True)
    return HeldOut(
        np.concatenate(fused)[order],
        np.concatenate(best)[order],
        np.concatenate(said)[order] if ask else None,
    )
