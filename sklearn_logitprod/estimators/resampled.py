"""How much the mean weights of experts depend on the samples: constant weights of resamples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sklearn_logitprod.estimators.base import given_to, likelihood_of
from sklearn_logitprod.estimators.inference import expert_log_proba
from sklearn_logitprod.targets.weights import check_groups
from sklearn_logitprod.training.data import FitData
from sklearn_logitprod.training.trainer import Trainer


def resampled_mean_weights(model, X, y, groups, n_resamples, seed):
    """Mean weights of constant fits on resamples of some samples, drawn by group.

    Parameters
    ----------
    model : BaseLogitProd
        Fitted; its experts' outputs are fused as its parameters say, with constant weights.
    X, y, groups
        As in ``fit``, or ExpertOutputs that hold all of them.
    n_resamples : int
    seed : int

    Returns
    -------
    ndarray of shape (n_resamples, n_experts)
    """
    X, y, _, groups = given_to(model, X, y, groups=groups)
    if y is None:
        raise ValueError("y is missing: weights of resamples are fitted anew. Pass y.")
    log_proba = expert_log_proba(model, X)
    n_samples, n_experts, n_classes = log_proba.shape
    groups = check_groups(groups, n_samples)
    data = FitData(
        lambda rows: log_proba[rows],
        log_proba.shape,
        likelihood_of(model, y, n_samples),
        model.linear_pool,
        model.features,
        groups,
    )
    rng = np.random.default_rng(seed)
    places = np.arange(n_samples) if groups is None else groups
    n_groups = int(places.max()) + 1
    drawn = rng.multinomial(n_groups, np.full(n_groups, 1.0 / n_groups), size=n_resamples)
    weights = drawn[:, places].astype(np.float64)
    spec = replace(model._head_spec(n_experts, n_classes), gate_width=None)
    solved = Trainer(data, weights, model._settings(0)).fit([spec])
    found = np.empty((n_resamples, n_experts))
    for i, weight in enumerate(weights):
        pool = data.pool([solved.head(i)], np.ones(1))
        total = np.zeros(n_experts)
        for block in data:
            total += weight[block.rows] @ pool.expert_shares(block.columns)[0]
        found[i] = total / weight.sum()
    return found
