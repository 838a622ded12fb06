"""A growing library: experts that come after the fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from sklearn_logitprod._text import brief, warn
from sklearn_logitprod._typing import CrossValidation
from sklearn_logitprod.deployment.fitted import (
    OWN_UNIT,
    checked_model,
    counted,
    doubt_experts,
    marks_of,
    pooled,
    surely_new,
)
from sklearn_logitprod.estimators.base import (
    BaseLogitProd,
    features_of,
    given_to,
    joined_by,
    outputs_of,
    pool_over,
    prepared_by,
    redeployed,
)
from sklearn_logitprod.estimators.prepared import all_log_proba
from sklearn_logitprod.experts.composition import fitted_experts
from sklearn_logitprod.experts.naming import name_experts
from sklearn_logitprod.fusion.extended import ExtendedPool
from sklearn_logitprod.fusion.pool import Pool
from sklearn_logitprod.fusion.references import reference_heads, reference_log_proba
from sklearn_logitprod.fusion.safety import as_safe_as, product_of
from sklearn_logitprod.outputs.checks import n_rows
from sklearn_logitprod.outputs.container import ExpertOutputs
from sklearn_logitprod.outputs.frames import is_two_level
from sklearn_logitprod.outputs.given import check_order
from sklearn_logitprod.outputs.split import split_outputs
from sklearn_logitprod.outputs.stack import stack_outputs

Model = TypeVar("Model", bound=BaseLogitProd)

_OF_THE_FIT = ("class_prior_", "class_prior_offset_", "design_effect_", "n_effective_")

# of log-probabilities, in nats: within this an expert is a copy of another
_SAME = 1e-6


@dataclass(frozen=True, eq=False)
class _Beside:
    """The fused log-probabilities of a model as outputs of one expert, beside new ones.

    Attributes
    ----------
    values : ndarray of shape (n_samples, 1 + n_new, n_classes)
        Log-probabilities; NaN where one says nothing.
    names : list of str
    rows : ndarray of int or None
        Rows that count, if not all do.
    """

    values: np.ndarray
    names: list
    rows: np.ndarray | None = None

    risks = ()

    @property
    def shape(self):
        """(n_samples, 1 + n_new, n_classes)."""
        n_samples = len(self.values) if self.rows is None else len(self.rows)
        return n_samples, *self.values.shape[1:]

    def take(self, rows):
        """Only some rows, given as indices."""
        return replace(self, rows=rows if self.rows is None else self.rows[rows])

    def log_proba(self, rows):
        """Log-probabilities of some rows: (n_rows, 1 + n_new, n_classes)."""
        return self.values[rows if self.rows is None else self.rows[rows]]


def add_expert(
    model: Model,
    X: Any,
    y: ArrayLike | None = None,
    *,
    experts: Any = None,
    cv: CrossValidation = "prefit",
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> Model:
    r"""Add one or several experts to a fitted model, without the data of its fit.

    The fitted model stands as one expert beside the new ones, in a pool that is fitted by the
    model's own parameters:

    .. math:: F_\text{new}(x) = w_\text{old}(x) F_\text{old}(x) + \sum_j w_j(x) \log p_j(x)

    This is one logarithmic opinion pool again, blended so that on the given rows the mean log-loss
    is never above that of the old model. Sharpness and class bias are fitted as well where the
    outputs of the old experts show that the rows are new to the model; on rows that it knows, of
    its fit or of what was done to it with labels since, weights alone. Rows that lack the new
    experts are predicted as before.

    Parameters
    ----------
    model : LogitProdClassifier or LogitProdSurvival
        Fitted; left as it is.
    X : array or DataFrame
        Samples with known outcomes: for a model of precomputed outputs those of its experts
        and of the new ones, matched by name where there are names (frame,
        :class:`~sklearn_logitprod.io.ExpertOutputs`), in arrays with the new ones behind; for
        a model of estimators, what they take.
    y : array-like of shape (n_samples,), default=None
        As for ``fit``, of at least two classes. None takes y and groups from
        ``ExpertOutputs``.
    experts : dict of str to array, or list of (str, estimator), default=None
        The new experts: their outputs by name, of the kind that the model takes, if X holds
        the old ones alone; for a model of estimators, fitted or unfitted ones.
    cv : "prefit", int or cross-validation splitter, default="prefit"
        For estimators: taken as they are, fitted on other samples than these, or cross-fitted
        here and then fitted on all of X.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative.
    groups : array-like of shape (n_samples,), default=None
        Groups of dependent samples.

    Returns
    -------
    LogitProdClassifier or LogitProdSurvival
        A fitted copy with more experts, the new ones last. ``expert_losses_``,
        ``reference_losses_``, ``mean_expert_weights_`` and ``loss_`` are those on the given
        rows; ``guarantee_gap_`` is to the best of the old model and the new experts, beside
        which ``class_bias_`` and ``cross_class_`` stand. A safety share stays outside.

    Raises
    ------
    TypeError
        If the model is none of ours.
    ValueError
        If X, y or experts do not fit the model, or each other, a name is taken, or the model is
        one of values.

    Warns
    -----
    UserWarning
        If an expert says what another one says on every row: its weight is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_logitprod import LogitProdClassifier
    >>> from sklearn_logitprod.deployment import add_expert
    >>> random = np.random.default_rng(0)
    >>> y = np.arange(200) % 2
    >>> logits = (2.0 * y - 1.0)[:, None] + random.normal(size=(200, 3))
    >>> model = LogitProdClassifier().fit(logits[:, :2], y)
    >>> larger = add_expert(model, logits[:, :2], y, experts={"third": logits[:, 2]})
    >>> larger.expert_names_
    ['expert0', 'expert1', 'third']
    >>> bool(larger.guarantee_gap_ <= 0)
    True
    """
    checked_model(model, "add_expert", OWN_UNIT)
    if isinstance(experts, Mapping):
        check_order({"X": X, "y": y} | {f"experts[{name!r}]": own for name, own in experts.items()})
    else:
        check_order({"X": X, "y": y, "experts": experts})
    X, y, sample_weight, groups = given_to(model, X, y, sample_weight, groups)
    counted("add_expert", X)
    if model.named_experts_ is None:
        if not isinstance(cv, str) or cv != "prefit":
            raise ValueError(
                f"cv={cv!r} is for estimators, and the model takes outputs of experts: leave it "
                "out. Outputs are to be of samples that the new experts have not learned from."
            )
        known_X, new_X, new_names = _told_apart(model, X, experts)
        if n_rows(new_X) != n_rows(known_X):
            raise ValueError(
                f"experts have {n_rows(new_X)} rows, but X has {n_rows(known_X)}: both are outputs "
                "on the same samples, NaN where a new expert is missing."
            )
        prepared = prepared_by(model, None, "prefit", new_X, y, sample_weight, groups)
        _check_labels(model, prepared)
        if experts is None:
            attributes = features_of(model, _in_order(X, known_X, new_X))
        else:
            attributes = _features(model, new_names)
    else:
        known_X, pairs = X, _pairs(model, experts)
        prepared = prepared_by(model, pairs, cv, X, y, sample_weight, groups)
        new_names = prepared.outputs.names
        attributes = _with_estimators(model, pairs, prepared.attributes["named_experts_"])
    names = list(model.expert_names_)
    taken = [name for name in new_names if name in names]
    if taken:
        raise ValueError(
            f"The model has expert(s) {brief(taken)} already: call the new one something else."
        )
    product, old = product_of(model.pool_), outputs_of(model, known_X)
    doubt_experts(model, "add_expert", old, prepared.likelihood)
    known, new = all_log_proba(old), all_log_proba(prepared.outputs)
    whole = np.concatenate([known, new], axis=1)
    # what the old model never weighs is no reason not to weigh a copy of it
    heard = np.flatnonzero(product.active)
    kept = prepared.kept
    new = _telling(new, new_names, known[:, heard], [names[m] for m in heard], kept)
    said = pooled(product, old)
    beside = _Beside(np.concatenate([said[:, None], new], axis=1), ["model", *new_names])
    # rows without a new expert are the old model's, and say nothing of new ones
    told = ~np.isnan(new[:, :, 0]).all(axis=1)
    step: dict = {"function": "add_expert", "calibrated": False}
    if not told.any():
        top = _unchanged(beside, model.features)
        attributes |= {"guarantee_gap_": 0.0}
    else:
        fit = prepared
        if not told.all():
            _check_told(prepared, told)
            weight = told if sample_weight is None else told * np.asarray(sample_weight)
            fit = prepared_by(model, None, "prefit", new_X, y, weight, groups)
        is_new = surely_new(model, old)
        step["calibrated"] = bool(model.calibrate and is_new)
        fitted = pool_over(model, replace(fit, outputs=beside), is_new)
        top = fitted.pop("pool_")
        # the prevalence that predictions go by is still that of the model's own fit
        attributes |= {name: own for name, own in fitted.items() if name not in _OF_THE_FIT}
    pool = ExtendedPool(product, top)
    attributes |= joined_by(model, prepared, new_names) | _told(pool, whole, prepared)
    attributes |= {"expert_names_": names + new_names, "n_experts_": whole.shape[1]}
    n_samples = len(prepared.kept)
    step |= {
        "n_samples": n_samples,
        "experts": new_names,
        "rows": marks_of(model, old, kept),
        "text": f"{', '.join(new_names)} added on {n_samples} labelled rows",
    }
    return redeployed(model, as_safe_as(model.pool_, pool), step, **attributes)


def _told_apart(model, X, experts):
    """Outputs of the old experts, those of the new ones, and their names."""
    classes = model.classes_ if model.task_name == "classes" else None
    if experts is None:
        known, new, names = split_outputs(X, model.expert_names_, classes)
        if names is None:
            per_expert = len(classes) if classes is not None and len(classes) > 2 else 1
            n_new = new.shape[1] // (per_expert if new.ndim == 2 else 1)
            names = [f"expert{model.n_experts_ + j}" for j in range(n_new)]
        return known, new, names
    if isinstance(experts, ExpertOutputs):
        return X, experts, [str(name) for name in experts.expert_names]
    if not isinstance(experts, Mapping) or not experts:
        raise ValueError(
            "The model takes outputs of experts, not estimators: give experts={name: outputs}, or "
            "the columns of the new ones in X."
        )
    if isinstance(X, ExpertOutputs) and X.input != model.input:
        raise ValueError(
            f"X says that it holds input={X.input!r}, but nothing says so of the arrays in "
            f"experts, which the model would read as {model.input!r}: give these as "
            "ExpertOutputs, too."
        )
    names = [str(name) for name in experts]
    lengths = {len(values) for values in experts.values() if np.ndim(values)}
    if len(lengths) > 1:
        raise ValueError(
            f"The outputs in experts have {brief(sorted(lengths))} rows: all are on the samples of "
            "X, NaN where a new expert is missing."
        )
    if all(np.ndim(values) == 1 for values in experts.values()):
        if classes is not None and len(classes) > 2:
            raise ValueError(
                f"Expert {names[0]!r} has one value a sample, but there are {len(classes)} "
                f"classes: give (n_samples, {len(classes)}), a column for each of "
                f"{brief(classes.tolist())}."
            )
        import pandas as pd

        columns = {name: np.asarray(own) for name, own in zip(names, experts.values(), strict=True)}
        return X, pd.DataFrame(columns), names
    labels = model.unique_times_ if classes is None else model.classes
    return X, stack_outputs(experts, classes if labels is None else labels), names


def _pairs(model, experts):
    if experts is None:
        raise ValueError(
            "The model asks its experts itself: give new ones as experts=[(name, estimator)]."
        )
    return name_experts(experts)


def _with_estimators(model, pairs, added):
    """Attributes and parameters of a model that has more estimators."""
    # those that a model takes as they are stay so, and those that it fits can be fitted again
    kept = list(added.items()) if model.cv == "prefit" else pairs
    return {
        **fitted_experts([*model.named_experts_.items(), *added.items()]),
        "experts": [*name_experts(model.experts), *kept],
    }


def _check_told(prepared, told):
    """Raise if the rows that hold a new expert are of one class."""
    labels = getattr(prepared.likelihood, "labels", None)
    if labels is None:
        return
    found = np.unique(labels[prepared.kept][told[prepared.kept]])
    if len(found) == 1:
        label = prepared.attributes["classes_"][found].tolist()[0]
        raise ValueError(
            f"All rows on which a new expert says something new are of class {label!r}: that does "
            "not tell what it is worth. Pass its outputs on rows of other classes, too."
        )


def _check_labels(model, prepared):
    """Raise unless outputs of new experts are of the kind, classes or times of the model."""
    read = prepared.attributes
    risks = [bool(own.get("risk_models_")) for own in (vars(model), read)]
    if risks[0] != risks[1]:
        kinds = ["risks" if own else "curves or hazards" for own in risks]
        raise ValueError(
            f"The model's experts give {kinds[0]}, and the new ones {kinds[1]}, but predictions "
            f"take outputs of one kind: give {kinds[0]} of the new ones, too."
        )
    for attribute, what in (("classes_", "classes"), ("unique_times_", "times")):
        own, new = getattr(model, attribute, None), read.get(attribute)
        if own is not None and not np.array_equal(own, new):
            raise ValueError(
                f"The new experts' outputs are of the {what} {brief(new.tolist())}, but the "
                f"model's {what} are {brief(own.tolist())}: give a column for each of these, and "
                "no other."
            )


def _in_order(X, known_X, new_X):
    """X with the columns of new experts last, as predictions will read them."""
    if not hasattr(known_X, "columns") or is_two_level(known_X):
        # by the names of two levels, in whatever order, or an array
        return X
    import pandas as pd

    return pd.concat([known_X, new_X], axis=1)


def _features(model, new_names):
    """Number and names of the columns of X from now on, as fitted attributes."""
    old, n_old = model.n_features_in_, model.n_experts_
    attributes = {"n_features_in_": old * (n_old + len(new_names)) // n_old}
    if hasattr(model, "feature_names_in_"):
        flat = old == n_old
        own = [
            [name] if flat else [f"{name}_{label}" for label in model.classes_]
            for name in new_names
        ]
        attributes["feature_names_in_"] = np.append(model.feature_names_in_, np.hstack(own))
    return attributes


def _telling(new, new_names, known, names, kept):
    """New outputs, NaN where an expert only repeats another one."""
    absent = [name for j, name in enumerate(new_names) if np.isnan(new[kept, j, 0]).all()]
    if absent:
        counts = "" if len(kept) == len(new) else " whose sample_weight is positive"
        raise ValueError(
            f"Expert(s) {brief(absent)} are missing (NaN) on every row of X{counts}: nothing tells "
            "what they are worth."
        )
    told, told_of = [known[:, m] for m in range(len(names))], list(names)
    new = new.copy()
    for j, name in enumerate(new_names):
        own = new[:, j].copy()
        twin = next(
            (other for other, values in zip(told_of, told, strict=True) if _same(own, values)), None
        )
        told.append(own)
        told_of.append(name)
        if twin is not None:
            warn(
                f"Expert {name!r} says what {twin!r} says on every row of X: it is added with a "
                "weight of 0."
            )
            new[:, j] = np.nan
    return new


def _same(own, other):
    present = ~np.isnan(own[:, 0])
    if not np.array_equal(present, ~np.isnan(other[:, 0])):
        return False
    return bool(np.abs(own[present] - other[present]).max(initial=0.0) <= _SAME)


def _unchanged(beside, features):
    """A top pool that is the old model alone."""
    _, n_columns, n_classes = beside.shape
    head = reference_heads(n_columns, n_classes, False)[0]
    active = np.arange(n_columns) == 0
    return Pool((head,), np.ones(1), active, False, features)


def _told(pool, log_proba, prepared):
    """What a fit would tell of the experts on these rows."""
    kept = prepared.kept
    log_proba, weight = log_proba[kept], prepared.weight[kept]
    likelihood = prepared.likelihood.take(kept)
    seen = ~np.isnan(log_proba[:, :, 0]).all(axis=0)
    references = np.moveaxis(reference_log_proba(log_proba, seen), 1, 0)
    present = ~np.isnan(log_proba[:, :, 0]) * weight[:, None]
    own = likelihood.loss(np.nan_to_num(np.moveaxis(log_proba, 1, 0)))
    with np.errstate(invalid="ignore"):
        expert_losses = (own * present.T).sum(axis=1) / present.sum(axis=0)
    columns = pool.columns(log_proba.copy())
    shares = pool.expert_shares(columns)[0]
    return {
        "expert_losses_": expert_losses,
        "reference_losses_": likelihood.loss(references) @ weight / weight.sum(),
        "mean_expert_weights_": weight @ shares / weight.sum(),
        "loss_": float(weight @ likelihood.loss(pool.log_proba(columns)) / weight.sum()),
    }
