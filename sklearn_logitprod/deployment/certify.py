"""What is known of a fitted model on samples to come: lower bounds of its gains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_logitprod.deployment.betting import lower_bound
from sklearn_logitprod.deployment.certificate import Certificate
from sklearn_logitprod.deployment.fitted import (
    NO_MIXTURE,
    checked_model,
    doubt_new,
    labelled,
    pooled,
    reference_positions,
)
from sklearn_logitprod.deployment.gains import claims_of, group_means, references_said
from sklearn_logitprod.estimators.base import BaseLogitProd
from sklearn_logitprod.inspection._scores import CLASS_SCORES, Outcome, Prediction

# numbers that references say and that are held at once
_MOST_VALUES = 1 << 24


def certify(
    model: BaseLogitProd,
    X: Any,
    y: ArrayLike | None = None,
    *,
    reference: str | Sequence[str] | None = None,
    level: float = 0.95,
    groups: ArrayLike | None = None,
) -> Certificate:
    """Show with confidence that a fitted model is better than its experts on samples to come.

    The gain of a sample is the log-loss of a reference less that of the model. From samples
    that were used for nothing else follows a lower bound of its mean over all such samples, by
    betting (Waudby-Smith and Ramdas 2024). The bound makes no assumption on how gains are
    distributed, and stays valid however many samples there are and however it was decided to
    stop. The order of the samples plays no role.

    Parameters
    ----------
    model : LogitProdClassifier or LogitProdSurvival
        Fitted, and made with :func:`with_safety`: without it the loss on one sample has no
        limit, and nothing can be shown.
    X : array or DataFrame
        Samples, as for ``predict``, drawn like those the claim is about. Neither the fit, nor
        the choice of the model, nor :func:`adapt` may have seen them.
    y : array-like of shape (n_samples,), default=None
        Their outcomes, as for ``fit``. None takes y and groups from
        :class:`~sklearn_logitprod.io.ExpertOutputs`.
    reference : str or list of str, default=None
        Names of experts (where one is missing, the mean of logits of those present stands in),
        ``"mean of logits"``, ``"mean of probabilities"``; None for all of them.
    level : float, default=0.95
        Confidence, in (0, 1).
    groups : array-like of shape (n_samples,), default=None
        Groups of dependent samples, such as slides of a patient. Each group is one
        observation, the mean gain of its samples, and the claim is about groups.

    Returns
    -------
    Certificate
        Against all references at once it needs no correction: it is wrong only if the bound
        against the best of them is.

    Raises
    ------
    TypeError
        If the model is none of ours.
    ValueError
        If X and y do not fit the model, the level is not in (0, 1), a reference is unknown, or
        the model is one of values, whose loss has no limit.

    See Also
    --------
    GainMonitor : The same as samples arrive, looked at after each of them.
    with_safety : The limit of what can be lost.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_logitprod import LogitProdClassifier
    >>> from sklearn_logitprod.deployment import certify, with_safety
    >>> random = np.random.default_rng(0)
    >>> y = np.arange(800) % 2
    >>> logits = (2.0 * y - 1.0)[:, None] + random.normal(size=(800, 3))
    >>> model = LogitProdClassifier(gate_width=None).fit(logits[:200], y[:200])
    >>> found = certify(with_safety(model), logits[200:], y[200:])
    >>> found.certified
    True
    """
    checked_model(model, "certify", NO_MIXTURE)
    positions = reference_positions(model, reference)
    claims = claims_of(model, positions, level, "certify")
    rows = labelled(model, "certify", X, y, groups=groups)
    doubt_new(model, "certify", rows.outputs)
    gains = group_means(claims.gains(model.pool_, rows), rows.groups)
    bounds = [
        lower_bound(own, least, level) if np.isfinite(least) else -np.inf
        for own, least in zip(gains.T, claims.least, strict=True)
    ]
    differences = None
    if model.task_name == "classes":
        differences = _auc_differences(model.pool_, rows, positions)
    return Certificate(
        claims.table(len(gains), gains.mean(axis=0), bounds),
        float(level),
        differences,
        n_samples=rows.n_samples,
        grouped=rows.groups is not None,
    )


def _auc_differences(pool, rows, positions):
    """Area under the ROC curve of each reference and of the model."""
    outcome = Outcome(rows.likelihood, rows.likelihood.certain)

    def area(log_proba):
        return float(CLASS_SCORES["roc_auc"].function(outcome, Prediction(log_proba))[0])

    own = area(pooled(pool, rows.outputs))
    chosen, areas = list(positions.values()), []
    n_samples, _, n_classes = rows.outputs.shape
    # of many rows few references at a time, of few rows all
    step = max(1, _MOST_VALUES // (n_samples * n_classes))
    for some in (chosen[start : start + step] for start in range(0, len(chosen), step)):
        said = np.empty((len(some), n_samples, n_classes))
        for block, found in references_said(pool, rows.outputs, some):
            said[:, block] = found.transpose(1, 0, 2)
        areas += [area(log_proba) for log_proba in said]
    areas = np.array(areas)
    columns = {"reference": list(positions), "auc": areas, "auc_model": own}
    return pd.DataFrame(columns | {"difference": own - areas})
