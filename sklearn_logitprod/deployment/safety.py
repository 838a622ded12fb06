"""A bound on what a model can lose against a reference, on any sample."""

from __future__ import annotations

from numbers import Real
from typing import TypeVar

import numpy as np

from sklearn_logitprod.deployment.fitted import (
    NO_MIXTURE,
    checked_model,
    reference_positions,
)
from sklearn_logitprod.estimators.base import BaseLogitProd, redeployed
from sklearn_logitprod.fusion.safety import SafePool, product_of

Model = TypeVar("Model", bound=BaseLogitProd)


def with_safety(model: Model, share: float = 0.05, reference: str | None = None) -> Model:
    r"""Mix a little of a reference into a fitted model, so that it is never much worse.

    With the share :math:`\eta` the mixture
    :math:`p = (1 - \eta) \, p_\text{model} + \eta \, p_\text{ref}` loses at most
    :math:`\log(1 / \eta)` nats against the reference on every single sample, whatever happens: 3.0
    for a share of 0.05. This is what lets :func:`certify` say something with few samples.

    Parameters
    ----------
    model : LogitProdClassifier or LogitProdSurvival
        Fitted; left as it is. An earlier safety is replaced.
    share : float, default=0.05
        In (0, 1).
    reference : str, default=None
        Name of an expert (on samples without it, the mean of logits of those present),
        ``"mean of logits"`` or ``"mean of probabilities"``. None takes the equal mixture of
        all M experts and the mean of logits: the loss is at most ``log(1 / share)`` above
        that of this mixture, and at most ``log((M + 1) / share)`` above that of each of them.

    Returns
    -------
    LogitProdClassifier or LogitProdSurvival
        A fitted copy. ``expert_weights``, ``sharpness`` and the like tell of the product, to
        which the reference is added.

    Raises
    ------
    TypeError
        If the model is none of ours.
    ValueError
        If the share is not in (0, 1), the reference unknown, or the model one of values.

    See Also
    --------
    certify : What is known about samples to come.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_logitprod import LogitProdClassifier
    >>> from sklearn_logitprod.deployment import with_safety
    >>> y = np.arange(40) % 2
    >>> logits = (2.0 * y - 1.0)[:, None] * [3.0, 1.0]
    >>> model = LogitProdClassifier(gate_width=None).fit(logits, y)
    >>> safe = with_safety(model, share=0.05, reference="expert1")
    >>> wrong = np.array([[-30.0, 1.0]])  # the first expert fails without noticing
    >>> loss = -safe.predict_log_proba(wrong)[0, 1]
    >>> bool(loss <= np.log1p(np.exp(-1.0)) + np.log(1 / 0.05))
    True
    """
    checked_model(model, "with_safety", NO_MIXTURE)
    if not isinstance(share, Real) or isinstance(share, bool) or not 0.0 < share < 1.0:
        raise ValueError(f"share={share!r}: it lies in (0, 1), such as 0.05.")
    product = product_of(model.pool_)
    n_experts = len(product.active)
    mass = np.zeros(n_experts + 2)
    if reference is None:
        mass[: n_experts + 1] = 1.0 / (n_experts + 1)
        name = "all experts and the mean of logits"
    elif isinstance(reference, str):
        mass[reference_positions(model, reference)[reference]] = 1.0
        name = reference
    else:
        raise ValueError(f"reference={reference!r}: it is one name, or None.")
    step = {
        "function": "with_safety",
        "share": float(share),
        "reference": reference,
        "text": f"safety: {100 * share:g} % of {name}",
    }
    return redeployed(model, SafePool(product, float(share), mass), step)
