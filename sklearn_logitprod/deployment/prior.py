"""Another prevalence of the classes: given, or estimated from samples without labels."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from sklearn_logitprod._text import brief, plain, warn
from sklearn_logitprod.deployment.fitted import checked_model, counted, doubt_new, pooled
from sklearn_logitprod.deployment.prevalence import estimate_prevalence
from sklearn_logitprod.estimators.base import (
    BaseLogitProd,
    given_to,
    outputs_of,
    redeployed,
    steps_of,
)
from sklearn_logitprod.fusion.safety import as_safe_as, product_of

Model = TypeVar("Model", bound=BaseLogitProd)

# prevalences that someone wrote down are rounded
_ROUNDING = 0.005
# classes that the text of a record names
_MOST_CLASSES = 3


def adapt_prior(
    model: Model,
    X: Any = None,
    *,
    prior: Mapping[Any, float] | ArrayLike | None = None,
    strength: float = 20.0,
) -> Model:
    r"""Adapt a fitted model to another prevalence of the classes, without labels.

    Where only the prevalence :math:`\pi` differs from that of the fit, :math:`\pi_0`
    (``class_prior_``), Bayes' rule says what a model that is right there says here:
    :math:`F' = F + \log(\pi / \pi_0)`. A prevalence that is not known is estimated from X, guarded
    so that it stays where it was unless X tells otherwise: against chance in X and in the fit
    data, and against what the model leans to by itself. X should be a sample of the patients to
    come, as they come.

    Parameters
    ----------
    model : LogitProdClassifier
        Fitted; left as it is.
    X : array or DataFrame, default=None
        Samples of the new site, as for ``predict``; some may be of classes that are rare or absent.
    prior : mapping of class to float, Series or array-like of shape (n_classes,), default=None
        Known prevalence, instead of X; arrays in the order of ``classes_``. Positive, summing to 1.
    strength : float, default=20.0
        With X: how much a shift is held back, in rows that the fit's prevalence is worth. Dirichlet
        priors of precisions from 0.05 to 1.5 times this are weighed against each other and against
        no shift by how well they explain X.

    Returns
    -------
    LogitProdClassifier
        A fitted copy. Its ``class_prior_`` is the new prevalence. The last entry of
        ``deployment_`` has it as ``prior``, that of before as ``prior_before``, and, if estimated,
        ``interval`` (2, n_classes) of 95 %, ``shift_probability``, ``n_samples`` and
        ``n_effective``, the rows that counted. A safety share stays outside.

    Raises
    ------
    TypeError
        If the model is none of ours.
    ValueError
        If not exactly one of X and prior is given, they do not fit the model, or the model is of
        survival.

    Warns
    -----
    UserWarning
        If the model was adapted with labels before, experts were added on rows that are new to it,
        or rows were in the fit.

    See Also
    --------
    adapt : With a few labels: sharpness and class bias.

    Notes
    -----
    The estimate is right where the samples of each class look as they did in the fit. It cannot
    tell another scanner from another prevalence: ``adapt`` with labels can. The interval rests on
    the same assumption, and on real data holds the truth less often than it says.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_logitprod import LogitProdClassifier
    >>> from sklearn_logitprod.deployment import adapt_prior
    >>> random = np.random.default_rng(0)
    >>> y = np.arange(400) % 2
    >>> logits = (2.0 * y - 1.0)[:, None] + random.normal(size=(400, 3))
    >>> model = LogitProdClassifier(gate_width=None).fit(logits, y)
    >>> rare = adapt_prior(model, prior={0: 0.97, 1: 0.03})
    >>> rare.class_prior_
    array([0.97, 0.03])
    >>> elsewhere = random.normal(size=(300, 3)) - 1.0  # class 0 alone
    >>> bool(adapt_prior(model, elsewhere).class_prior_[1] < 0.05)
    True
    """
    checked_model(model, "adapt_prior")
    if model.task_name != "classes":
        raise ValueError(
            f"{type(model).__name__} predicts no classes, whose prevalence could be another: "
            "use adapt with a few rows whose outcome is known."
        )
    if _is_prevalence(X):
        raise ValueError(
            f"X is {X!r}: it takes samples of the new site. A prevalence is said by name, "
            f"{_example(model)}."
        )
    if (X is None) == (prior is None):
        raise ValueError(
            "adapt_prior takes either X, samples of the new site from which the prevalence is "
            f"estimated, or {_example(model)}" + (", not both." if X is not None else ".")
        )
    if not isinstance(strength, Real) or isinstance(strength, bool) or not 0 < strength < np.inf:
        raise ValueError(f"strength={strength!r}: it is a positive number of rows, such as 20.")
    before = getattr(model, "class_prior_", None)
    if before is None:
        raise ValueError(
            "The model does not know the prevalence of its fit: it was stored by an older version. "
            "Fit it again."
        )
    absent = [
        label for label, share in zip(model.classes_.tolist(), before, strict=True) if not share
    ]
    if absent:
        raise ValueError(
            f"The fit had no sample of {brief(absent)}: what a prevalence of it does to the model "
            "is not known. Fit on some."
        )
    if any(step["function"] == "adapt" for step in steps_of(model)):
        warn(
            "The model was adapted with labelled rows, which moved its class bias as well: it now "
            "stands between their prevalence and that of the fit, from which adapt_prior starts. "
            "Call adapt_prior first, then adapt."
        )
    if any(step.get("calibrated") for step in steps_of(model)):
        warn(
            "Experts were added to the model on rows that are new to it, which moved its class "
            "bias as well: it now stands between their prevalence and that of the fit, from which "
            "adapt_prior starts. Call adapt_prior first, then add_expert."
        )
    product = product_of(model.pool_)
    step: dict = {"function": "adapt_prior"}
    if prior is not None:
        new = _checked(model, prior)
        step |= {"prior": new, "prior_before": before}
        step["text"] = f"prevalence set to {_said(model, new, before)}"
    else:
        new, found = _estimated(model, X, product, before, strength)
        step |= found
    moved = product.moved(0.0, np.log(new / before))
    return redeployed(model, as_safe_as(model.pool_, moved), step, class_prior_=new)


def _estimated(model, X, product, before, strength):
    """Prevalence that X tells, and the record."""
    X = given_to(model, X, None)[0]
    n_samples = counted("adapt_prior", X)
    outputs = outputs_of(model, X)
    doubt_new(model, "adapt_prior", outputs)
    found = estimate_prevalence(
        pooled(product, outputs),
        before,
        offset=model.class_prior_offset_,
        n_fit=model.n_effective_ * model.design_effect_,
        design_effect=model.design_effect_,
        strength=float(strength),
    )
    interval = np.stack([found.lower, found.upper])
    chance = found.shift_probability
    return found.prior, {
        "prior": found.prior,
        "prior_before": before,
        "interval": interval,
        "shift_probability": chance,
        "n_samples": n_samples,
        "n_effective": found.n_effective,
        "text": f"prevalence estimated from {n_samples} rows without labels: "
        f"{_said(model, found.prior, before, interval)}; probability of a shift "
        + ("above 0.99" if chance > 0.99 else f"{chance:.2f}"),
    }


def _is_prevalence(X):
    """Whether what stands for samples is numbers alone, as a prevalence is."""
    values = X.values() if isinstance(X, Mapping) else X
    known = isinstance(X, Mapping | list | tuple)
    return known and len(X) > 0 and all(isinstance(own, Real) for own in values)


def _said(model, prior, before, interval=None):
    """The classes that moved most, in words."""
    moved = np.abs(prior - before)
    # of two classes one says all
    n_told = 1 if len(prior) == 2 else _MOST_CLASSES
    told = np.argsort(-np.round(moved, 12), kind="stable")[:n_told] if len(prior) > 2 else [1]
    parts = []
    for k in told:
        part = f"class {plain(model.classes_[k])} {prior[k]:.3g}"
        if interval is not None:
            part += f" (95 %: {interval[0, k]:.2g} to {interval[1, k]:.2g})"
        parts.append(f"{part}, was {before[k]:.3g}")
    more = len(prior) - len(told)
    return "; ".join(parts) + (f" and {more} others" if len(prior) > 2 and more else "")


def _example(model):
    labels = model.classes_[:2]
    pairs = ", ".join(
        f"{plain(label)}: {share}" for label, share in zip(labels, (0.97, 0.03), strict=True)
    )
    return f"prior={{{pairs}{', ...' if len(model.classes_) > 2 else ''}}}"


def _checked(model, prior):
    """A prevalence given by someone, in the order of the classes, summing to 1."""
    classes = model.classes_
    if isinstance(prior, Mapping) or (hasattr(prior, "index") and hasattr(prior, "to_dict")):
        known = list(classes.tolist())
        given = dict(prior if isinstance(prior, Mapping) else prior.to_dict())
        if not isinstance(prior, Mapping) and len(given) < len(prior):
            raise ValueError("prior names a class twice: give each class one prevalence.")
        unknown = [label for label in given if label not in known]
        absent = [label for label in known if label not in given]
        if unknown or absent:
            what = f"names {brief(unknown)}, which the model does not know" if unknown else ""
            what += " and " if unknown and absent else ""
            what += f"lacks {brief(absent)}" if absent else ""
            raise ValueError(
                f"prior {what}: it gives each of the classes {brief(known, 40)} its prevalence, "
                f"such as {_example(model)}."
            )
        values = [given[label] for label in known]
    else:
        values = prior
    try:
        values = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        values = None
    if values is None or values.shape != (len(classes),):
        raise ValueError(
            f"prior={prior!r} is no prevalence of the classes {brief(classes.tolist(), 40)}: give "
            f"one number for each of these {len(classes)}, in this order, or {_example(model)}."
        )
    if not (np.isfinite(values).all() and (values > 0.0).all()):
        wrong = [label for label, ok in zip(classes.tolist(), values > 0.0, strict=True) if not ok]
        raise ValueError(
            f"prior of {brief(wrong or classes.tolist())} is not positive: a prevalence of 0 would "
            "rule a class out whatever the experts say. Give a small one, such as 0.001."
        )
    total = values.sum()
    if abs(total - 1.0) > _ROUNDING:
        hint = " Write percentages as shares: 3 % is 0.03." if abs(total - 100.0) < 1.0 else ""
        raise ValueError(f"prior sums to {total:.4g}: prevalences of all classes sum to 1.{hint}")
    return values / total
