"""A few labelled samples of another site: sharpness and class bias."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from sklearn_logitprod.deployment.fitted import doubt_new, labelled, marks_of, pooled
from sklearn_logitprod.estimators.base import BaseLogitProd, redeployed
from sklearn_logitprod.fusion.safety import as_safe_as, product_of
from sklearn_logitprod.training.affine import fit_affine, fit_moved

Model = TypeVar("Model", bound=BaseLogitProd)


def adapt(
    model: Model,
    X: Any,
    y: ArrayLike | None = None,
    *,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> Model:
    r"""Adapt a fitted model to another site with a few labelled samples.

    Only sharpness and class bias move, :math:`F' = s F + c`; of values, all precisions by one
    factor :math:`s` and all means by one amount :math:`c`: the weights of the experts, the gate
    and everything else stay. How far they may move follows the labels: they minimise

    .. math::

       \frac{1}{\mathrm{deff}} \sum_i v_i \ell_i
       + \tfrac12 \bigl( t_s (\log s)^2 + t_c \lVert c \rVert^2 \bigr)

    with the losses :math:`\ell_i`, sample weights :math:`v_i` and the design effect of the groups,
    under a grid of prior precisions :math:`t_s` and :math:`t_c`, and the solutions are averaged
    by how well each explains the labels. Where they do not tell that anything has changed, next to
    nothing moves; samples of one class alone are no reason to believe that there is no other.

    Parameters
    ----------
    model : LogitProdClassifier, LogitProdSurvival or LogitProdRegressor
        Fitted; left as it is.
    X : array or DataFrame
        Samples of the new site, as for ``predict``.
    y : array-like of shape (n_samples,), default=None
        Their outcomes, as for ``fit``; classes may be absent. None takes y and groups from
        :class:`~sklearn_logitprod.io.ExpertOutputs`.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative.
    groups : array-like of shape (n_samples,), default=None
        Groups of dependent samples, such as slides of a patient.

    Returns
    -------
    LogitProdClassifier, LogitProdSurvival or LogitProdRegressor
        A fitted copy. Its ``deployment_`` and representation say what was done; attributes
        that tell of the fit, such as ``loss_``, still do. A safety share stays outside.

    Raises
    ------
    TypeError
        If the model is none of ours.
    ValueError
        If X and y do not fit the model, or each other.

    See Also
    --------
    adapt_prior : Without labels, another prevalence of the classes.
    add_expert : A further expert.

    Notes
    -----
    Of a model that was adapted before, what it had become is moved, and held back there: two
    calls with a part of the labels each move less surely than one with all of them, and come to the
    same only with many. Where all labels are at hand, adapt the model of the fit once. The same
    labels must not be given twice.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_logitprod import LogitProdClassifier
    >>> from sklearn_logitprod.deployment import adapt
    >>> random = np.random.default_rng(0)
    >>> y = np.arange(200) % 2
    >>> logits = (2.0 * y - 1.0)[:, None] + random.normal(size=(200, 3))
    >>> model = LogitProdClassifier(gate_width=None).fit(logits, y)
    >>> elsewhere = logits + 1.5  # another scanner: all experts lean towards class 1
    >>> adapted = adapt(model, elsewhere[:20], y[:20])
    >>> bool(adapted.score(elsewhere, y) > model.score(elsewhere, y))
    True
    """
    rows = labelled(model, "adapt", X, y, sample_weight, groups)
    doubt_new(model, "adapt", rows.outputs)
    product = product_of(model.pool_)
    scores = pooled(product, rows.outputs)
    told = scores, rows.likelihood, rows.weight, rows.groups
    attributes: dict[str, Any] = {}
    found: dict[str, Any]
    if model.task_name == "values":
        log_sharpness, by = fit_moved(*told)
        shift, by = np.zeros(scores.shape[1]), model.y_scale_ * by
        # what all means are read in: a bias of the pool would move them by their variances
        attributes["y_mean_"] = model.y_mean_ + by
        found, said = {"shift": by}, f"all values moved by {by:.3g}"
    else:
        log_sharpness, shift = fit_affine(*told)
        found = {"class_bias": shift}
        said = f"class bias moved by up to {np.abs(shift).max():.2g}"
    sharpness = float(np.exp(log_sharpness))
    kept = np.flatnonzero(rows.weight)
    n_samples = len(kept)
    step = {
        "function": "adapt",
        "n_samples": n_samples,
        "sharpness": sharpness,
        **found,
        "rows": marks_of(model, rows.outputs, kept),
        "text": f"adapted to {n_samples} labelled rows (sharpness x {sharpness:.3g}, {said})",
    }
    pool = as_safe_as(model.pool_, product.moved(log_sharpness, shift))
    return redeployed(model, pool, step, **attributes)
