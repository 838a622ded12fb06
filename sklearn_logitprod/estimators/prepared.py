"""What a fit starts from: y and the experts' outputs, read and checked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_logitprod.fusion.likelihood import Likelihood
from sklearn_logitprod.fusion.logits import block_slices
from sklearn_logitprod.outputs.classes import Outputs


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
