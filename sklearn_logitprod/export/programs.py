"""From a fitted model to the expressions that a runtime is to compute."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_logitprod._text import brief, kind_of, option
from sklearn_logitprod.estimators.base import BaseLogitProd, outputs_of
from sklearn_logitprod.estimators.panel_inference import PanelInference
from sklearn_logitprod.export.expressions import (
    Expression,
    any_of,
    constant,
    either,
    exp,
    joined,
    log,
    log_sum,
    part,
    shaped,
    variable,
    where,
    with_axis,
)
from sklearn_logitprod.export.families import FORMULAS, moments
from sklearn_logitprod.export.pools import MOST_PATTERNS, fused, n_patterns
from sklearn_logitprod.export.readings import reading
from sklearn_logitprod.fusion.extended import ExtendedPool
from sklearn_logitprod.fusion.safety import product_of
from sklearn_logitprod.outputs.classes import Outputs
from sklearn_logitprod.outputs.events import EventOutputs
from sklearn_logitprod.search.base import final_estimator

_NOWHERE = -1e30

KINDS = {
    "classes": ("logits", "proba"),
    "labels": ("logits", "proba"),
    "events": ("hazard_logits", "survival", "risk"),
    "values": ("mean", "mean_std"),
}
"""What outputs of experts are, by the task of the model."""

INPUT_NAMES = {
    "survival": "expert_survival",
    "mean": "expert_mean",
    "mean_std": "expert_mean_std",
}
"""Names of inputs that are not called as the estimators' parameter: an output has that name."""


@dataclass(frozen=True, eq=False)
class Program:
    """What a fitted model computes of outputs of its experts.

    Attributes
    ----------
    input : str
        Name of the input.
    shape : tuple of int
        Of the input, without its first axis.
    outputs : dict of str to (tuple of int, Expression)
        What ONNX gives, with its shape without the first axis.
    logs : Expression
        What torch gives, as precise as logarithms are.
    names : dict of str to list
        What the axes of input and outputs are.
    """

    input: str
    shape: tuple
    outputs: dict
    logs: Expression
    names: dict


def fitted_model(model, function):
    """The fitted estimator that is to be exported; of a search the one that it found.

    Parameters
    ----------
    model : object
    function : str
        Name of the function that was called.

    Raises
    ------
    TypeError
        If it is none of ours.
    """
    own = final_estimator(model)
    if not isinstance(own, BaseLogitProd | PanelInference):
        advice = (
            "Export its last step, with X as the steps before it give it, or convert the whole "
            "pipeline by skl2onnx after sklearn_logitprod.export.register_converter()."
            if hasattr(own, "steps")
            else "Fit one first."
        )
        raise TypeError(
            f"{function} takes a fitted LogitProdClassifier, LogitProdSurvival, LogitProdRegressor "
            f"or LogitProdMultilabelClassifier, not {kind_of(own)}. {advice}"
        )
    check_is_fitted(own)
    return own


def program_of(model, function, input=None, pool_only=False, max_missing=None):
    """Expressions of a fitted model.

    Parameters
    ----------
    model : estimator
        Fitted.
    function : str
        Name of the function that was called.
    input : str or None
        What outputs of experts are; None for what the model's parameter says.
    pool_only : bool
        Whether outputs of experts are the input although the model asks estimators.
    max_missing : int or None
        Most experts that a row may lack.

    Returns
    -------
    Program
    """
    model = fitted_model(model, function)
    if not isinstance(pool_only, (bool, np.bool_)):
        raise ValueError(f"{option('pool_only', pool_only)}: it is True or False.")
    whole = isinstance(max_missing, Integral) and not isinstance(max_missing, bool)
    if max_missing is not None and not (whole and max_missing >= 0):
        raise ValueError(
            f"{option('max_missing', max_missing)}: it is a number of experts, such as 2."
        )
    if model.named_experts_ is None:
        model = _reading(model, _kind(model, input, model.input))
        outputs = read_row(model, np.zeros((1, model.n_experts_, *_width(model))))
    else:
        outputs = _of_experts(model, function, input, pool_only)
    return program_of_outputs(model, function, outputs, max_missing)


def program_of_outputs(model, function, outputs, max_missing=None, x=None):
    """Expressions of a fitted model that reads outputs in a given way.

    Parameters
    ----------
    model : estimator
        Fitted.
    function : str
        Name of the function that was called.
    outputs : Outputs, EventOutputs, ValueOutputs or PanelOutputs
        Of one row, whatever it says.
    max_missing : int or None
    x : Expression, optional
        The input, of the shape of what outputs hold, if it does not come so.

    Returns
    -------
    Program
    """
    shape = tuple(outputs.values.shape[1:])
    name = INPUT_NAMES.get(outputs.input, outputs.input)
    if x is None:
        x = variable(name, shape)
    names = {"experts": list(model.expert_names_)}
    if isinstance(model, PanelInference):
        names["labels"] = _plain(model.label_names_)
        told, logs = _of_labels(model, function, outputs, x, max_missing)
        return Program(name, shape, told, logs, names)
    _check_patterns(model.pool_, function, max_missing)
    pool, refused = _fused(model.pool_, reading(outputs, x), max_missing)
    kind = {"classes": _of_classes, "events": _of_events, "values": _of_values}[model.task_name]
    told, logs, own = kind(model, outputs, pool, refused)
    told["weights"] = (len(names["experts"]),), _or_nan(pool.weights, refused)
    return Program(name, shape, told, logs, names | own)


def _kind(model, input, default):
    """What outputs of experts are: what is asked for, if the model was fitted on such."""
    kinds = KINDS[model.task_name]
    if input is not None and input not in kinds:
        raise ValueError(
            f"{option('input', input)} is none of what {type(model).__name__} takes: "
            f"{brief(kinds)}."
        )
    found = fitted = default if input is None else input
    if model.task_name == "events" and bool(model.risk_models_) != (found == "risk"):
        fitted = "risk" if model.risk_models_ else "survival"
    elif found == "mean" and any(one.power for one in model.value_models_.values()):
        fitted = "mean_std"
    if fitted != found:
        given = "hazard logits or survival" if fitted == "survival" else fitted
        raise ValueError(
            f"The input would be {found}, but the model was fitted on {given}: say "
            f"{option('input', fitted)}."
        )
    return found


def _reading(model, kind):
    """The model as it reads outputs of a kind."""
    reader = copy(model)
    reader.input = kind
    return reader


def read_row(model, row):
    """Outputs of one row, as a model of outputs reads them.

    Parameters
    ----------
    model : estimator
        Fitted.
    row : ndarray of shape (1, ...)
        Of two axes its columns are those of the fit, in their order.

    Returns
    -------
    Outputs, EventOutputs, ValueOutputs or PanelOutputs
    """
    if row.ndim == 2 and hasattr(model, "feature_names_in_"):
        import pandas as pd

        row = pd.DataFrame(row, columns=model.feature_names_in_)
    return outputs_of(model, row)


def _width(model):
    """Shape of what one expert says of a row."""
    if isinstance(model, PanelInference):
        return (len(model.label_names_),)
    if model.input in ("risk", "mean"):
        return ()
    if model.input == "mean_std":
        return (2,)
    return (len(model.classes_ if model.task_name == "classes" else model.unique_times_),)


def _of_experts(model, function, input, pool_only):
    """Outputs that stand for those of a model's own estimators."""
    names, name = list(model.expert_names_), type(model).__name__
    if not pool_only:
        raise ValueError(
            f"{function} takes outputs of experts, but this {name} asks estimators of its own, "
            f"{brief(names)}. For the pool alone, whose input is what they say, say "
            f"{option('pool_only', True)}; to convert a classifier with its experts, call "
            "sklearn_logitprod.export.register_converter() and then skl2onnx.to_onnx(model, X)."
        )
    n_experts = len(names)
    if isinstance(model, PanelInference) or model.task_name == "values":
        raise ValueError(
            f"{option('pool_only', True)} does not take a {name} with estimators: how each of them "
            f"is read is known when they are asked. Fit {name} on their outputs, without experts, "
            "and export that."
        )
    if model.task_name == "classes":
        n_classes = len(model.classes_)
        values, kind = np.zeros((1, n_experts, n_classes)), _kind(model, input, "logits")
        return Outputs(values, kind, names, np.arange(n_classes))
    n_times, models = len(model.unique_times_), model.risk_models_
    if models and len(models) < n_experts:
        raise ValueError(
            f"Expert(s) {brief(list(models))} give risks, the others survival functions, but the "
            "input is of one kind. Set expert_methods so that all give the same, and fit again."
        )
    kind = _kind(model, input, "risk" if models else "survival")
    values = np.zeros((1, n_experts) if models else (1, n_experts, n_times))
    by_position = {m: models[name] for m, name in enumerate(names)} if models else None
    return EventOutputs(values, kind, names, n_times, models=by_position)


def _plain(values):
    return np.asarray(values).tolist()


def _parts(pool):
    """The pools that a pool is made of."""
    pool = product_of(pool)
    while isinstance(pool, ExtendedPool):
        yield pool.top
        pool = pool.old
    yield pool


def _check_patterns(pool, function, max_missing):
    """Raise if there are too many patterns of missing experts to write down, or no formulas."""
    for one in _parts(pool):
        if type(one.family) not in FORMULAS:
            raise TypeError(f"{function} knows no formulas of {type(one.family).__name__}.")
        if one.gaps is None:
            continue
        n_active = int(one.active.sum())
        limit = n_active - 1 if max_missing is None else min(max_missing, n_active - 1)
        count = n_patterns(n_active, limit)
        if count > MOST_PATTERNS:
            most = max(k for k in range(n_active) if n_patterns(n_active, k) <= MOST_PATTERNS)
            raise ValueError(
                f"The model has learned what to do without any of {n_active} experts, which makes "
                f"{count} patterns of missing ones, and the graph holds an answer for each, at "
                f"most {MOST_PATTERNS}. Say how many may be missing on one row: "
                f"{option('max_missing', most)}. Rows that lack more then give NaN."
            )


def _fused(pool, read, max_missing):
    """What a pool says, and the rows that it refuses."""
    found = fused(pool, read.log_proba, read.present, max_missing)
    known = any_of(read.present * constant(pool.active[None]), 1, True)
    return found, either(either(read.refused, 1.0 - known), found.refused)


def _or_nan(x, refused):
    """An output (n_samples, n_columns), NaN in the rows that are refused."""
    return where(refused, np.nan, x)


def _of_classes(model, outputs, pool, refused):
    log_proba = _or_nan(pool.log_proba, refused)
    # class k lies at position order[k]
    as_given = model.classes_[np.argsort(outputs.order)]
    names = {"input_classes": _plain(as_given), "classes": _plain(model.classes_)}
    return {"probabilities": ((len(model.classes_),), exp(log_proba))}, log_proba, names


def _of_events(model, outputs, pool, refused):
    n_times = len(model.unique_times_)
    # a row for each time: the categories that come after it
    after = np.triu(np.ones((n_times, n_times + 1)), 1)[None]
    left = where(after, with_axis(pool.log_proba, 1), _NOWHERE)
    log_survival = _or_nan(shaped(log_sum(left), n_times), refused)
    names = {"times": _plain(model.unique_times_)}
    return {"survival": ((n_times,), exp(log_survival))}, log_survival, names


def _of_values(model, outputs, pool, refused):
    mean, variance = moments(pool.log_proba)
    mean = _or_nan(model.y_mean_ + model.y_scale_ * mean, refused)
    # a density of scale 1 is wider with few degrees of freedom
    widened = model.y_scale_ / np.sqrt(1.0 - 2.0 / model.freedom_)
    std = _or_nan(widened * exp(0.5 * log(variance)), refused)
    return {"mean": ((), shaped(mean)), "std": ((), shaped(std))}, joined([mean, std], 1), {}


def _of_labels(model, function, outputs, x, max_missing):
    n_experts = len(model.expert_names_)
    log_odds, weights = [], []
    for j, pool in enumerate(model.pools_):
        _check_patterns(pool, function, max_missing)
        own = shaped(part(x, j, j + 1, 2), n_experts)
        found, refused = _fused(pool, reading(outputs.label(j), own), max_missing)
        second, first = part(found.log_proba, 1, 2, 1), part(found.log_proba, 0, 1, 1)
        log_odds.append(_or_nan(second - first, refused))
        weights.append(with_axis(_or_nan(found.weights, refused), 2))
    odds = joined(log_odds, 1)
    proba = 1.0 / (1.0 + exp(-odds))
    n_labels = len(model.pools_)
    told = {
        "probabilities": ((n_labels,), proba),
        "weights": ((n_experts, n_labels), joined(weights, 2)),
    }
    return told, odds
