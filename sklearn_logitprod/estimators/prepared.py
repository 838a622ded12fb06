"""What a fit starts from: y and the experts' outputs, read and checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np

from sklearn_logitprod.fusion.likelihood import Likelihood
from sklearn_logitprod.fusion.logits import block_slices
from sklearn_logitprod.outputs.classes import Outputs
from sklearn_logitprod.outputs.overview import overview, some_rows


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a fit starts from: checked, aligned, nothing fitted but the experts.

    Attributes
    ----------
    outputs : Outputs
        Of all rows.
    likelihood : Likelihood
    weight : ndarray of shape (n_samples,)
        In the loss: sample weights, times what the estimator itself weighs by.
    groups : ndarray of shape (n_samples,), int, or None
    kept : ndarray of int
        Rows of positive weight.
    folds : list of ndarray of int or None
        Held-out rows of each fold of the automatic path, as positions in ``kept``.
    seed : int
    attributes : dict
        Fitted attributes that are known already, the experts among them.
    """

    outputs: Outputs
    likelihood: Likelihood
    weight: np.ndarray
    groups: np.ndarray | None
    kept: np.ndarray
    folds: list | None
    seed: int
    attributes: dict


def all_log_proba(outputs):
    """Log-probabilities of all rows: (n_samples, n_experts, n_classes)."""
    out = np.empty(outputs.shape)
    for rows in block_slices(len(out), out[0].size):
        out[rows] = outputs.log_proba(rows)
    return out


def overview_of(prepared, attributes):
    """Overview of precomputed outputs on the fit data, losses as the fit has found them.

    Parameters
    ----------
    prepared : Prepared
    attributes : dict
        Fitted attributes.

    Returns
    -------
    Overview or None
        None with experts of its own, which are shown themselves.
    """
    if attributes["named_experts_"] is not None:
        return None
    kept = prepared.kept
    rows = kept[some_rows(len(kept), prod(prepared.outputs.shape[1:]))]
    log_proba = prepared.outputs.take(rows).log_proba(slice(None))
    likelihood = prepared.likelihood.take(rows)
    found = overview(
        attributes["expert_names_"],
        1.0 - np.isnan(log_proba[:, :, 0]).mean(axis=0),
        likelihood.family.said(log_proba),
        log_proba,
        likelihood,
        likelihood.base_loss(log_proba.shape[2]),
    )
    return replace(found, loss=attributes["expert_losses_"])
