"""References: what a pool is held against, as heads like any other.

Each expert (where it is missing, the mean log-probability of the experts present), the mean
of log-probabilities, and the mean of probabilities. Their weights are constant and so extreme
that they select.
"""

from __future__ import annotations

import numpy as np

from sklearn_logitprod.fusion.columns import make_columns
from sklearn_logitprod.fusion.family import CATEGORICAL
from sklearn_logitprod.fusion.gate import Gate
from sklearn_logitprod.fusion.pool import Head

MEANS = ("mean of logits", "mean of probabilities")
"""Names of the references that are no expert, in their order."""

# exp(-1000) is 0 in floating point: a head with this bias selects, exactly
_SELECT = 1e3


def reference_heads(n_experts, n_classes, linear_pool):
    """Heads of the references, in the order of ``reference_losses_``.

    Returns
    -------
    list of Head
        ``n_experts`` experts, the mean of log-probabilities and, with the linear pool,
        the mean of probabilities.
    """
    n_columns = n_experts + bool(linear_pool)
    biases = []
    for chosen in range(n_columns + 1):
        bias = np.zeros(n_columns)
        # off unless it is chosen: the linear pool never leaks into the other references
        bias[n_experts:] = -_SELECT
        position = {n_experts: None, n_experts + 1: n_experts}.get(chosen, chosen)
        if position is not None:
            bias[position] = _SELECT
        biases.append(bias)
    return [Head(Gate(bias), 0.0, np.zeros(n_classes)) for bias in biases]


def reference_log_proba(log_proba, active, chosen=None, family=CATEGORICAL):
    """Log-probabilities that the references give some rows.

    Parameters
    ----------
    log_proba : ndarray of shape (n_samples, n_experts, n_classes)
        Of the experts; NaN where one is missing.
    active : ndarray of shape (n_experts,), bool
        Experts that count.
    chosen : sequence of int, optional
        Positions among the ``n_experts + 2`` references; all if not given.
    family : Family

    Returns
    -------
    ndarray of shape (n_samples, n_chosen, n_classes)
    """
    _, n_experts, n_classes = log_proba.shape
    heads = reference_heads(n_experts, n_classes, True)
    columns = make_columns(log_proba.copy(order="K"), active, True, family)
    kept = heads if chosen is None else [heads[position] for position in chosen]
    return np.stack([family.normalised(head.scores(columns, None)) for head in kept], axis=1)
