"""What the command line says and writes of each task: one entry a task, by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sklearn_logitprod.search.base import final_estimator
from sklearn_logitprod.targets.decisions import decider


def expert_weights(model, outputs):
    """Columns of the weight of each expert, and of how much they contradict each other."""
    own = model.expert_weights(outputs).T
    columns = {f"weight_{name}": w for name, w in zip(model.expert_names_, own, strict=True)}
    return columns | {"disagreement": model.disagreement(outputs)}


@dataclass(frozen=True)
class Words:
    """Words, tables and figures of a task.

    Attributes
    ----------
    kind : str
        What models of the task are of, in a message.
    truth : str
        Options that name the columns of what is true.
    asked : tuple of str
        The arguments of these options.
    reading : callable
        From a fitted estimator to further arguments of ``read_tables`` at prediction time.
    columns : callable
        From a fitted estimator and ExpertOutputs to the columns of a table of predictions.
    weights : callable
        From a fitted estimator and ExpertOutputs to columns of the experts' weights.
    summary : callable, optional
        From a fitted estimator to lines that say how it does on its fit data; None for one table
        of experts.
    several : bool
        Whether it has several labels, of which each would be deployed on its own.
    """

    kind: str
    truth: str
    asked: tuple
    reading: Callable
    columns: Callable
    weights: Callable = expert_weights
    summary: Callable | None = None
    several: bool = False


def decided(model, proba):
    """Labels that a fitted classifier decides for by probabilities (n_samples, n_classes)."""
    own = final_estimator(model)
    return model.classes_[decider(own.decision, model.classes_, own.classes)(proba)]


def _class_columns(model, outputs):
    proba = model.predict_proba(outputs)
    columns = {"prediction": decided(model, proba)}
    return columns | {f"proba_{k}": p for k, p in zip(model.classes_, proba.T, strict=True)}


def _event_columns(model, outputs):
    survival = model.predict_survival_function(outputs, return_array=True)
    times = [f"survival_{time:.12g}" for time in model.unique_times_]
    return {"risk": model.predict(outputs), **dict(zip(times, survival.T, strict=True))}


def _value_columns(model, outputs):
    mean, std = model.predict(outputs, return_std=True)
    lower, upper = model.predict_interval(outputs, 0.9).T
    return {"prediction": mean, "std": std, "lower_90": lower, "upper_90": upper}


def _label_columns(model, outputs):
    proba = model.predict_proba(outputs)
    return {f"proba_{label}": own for label, own in zip(model.label_names_, proba.T, strict=True)}


def _label_weights(model, outputs):
    weights, contradicted = model.expert_weights(outputs), model.disagreement(outputs)
    columns = {
        f"weight_{name}_{label}": weights[:, m, j]
        for m, name in enumerate(model.expert_names_)
        for j, label in enumerate(model.label_names_)
    }
    return columns | {
        f"disagreement_{label}": contradicted[:, j] for j, label in enumerate(model.label_names_)
    }


def _label_summary(model):
    width = max(len("label"), *(len(str(label)) for label in model.label_names_))
    yield f"{'label':{width}}  positive  tested  best reference  LogitProd"
    rows = zip(
        model.label_names_,
        model.n_positive_,
        model.n_tested_,
        model.reference_losses_.min(axis=0),
        model.loss_,
        strict=True,
    )
    for label, positive, tested, best, loss in rows:
        yield f"{label!s:{width}}  {positive:8}  {tested:6}  {best:14.4f}  {loss:9.4f}"


WORDS = {
    "classes": Words(
        kind="classes",
        truth="--label NAME",
        asked=("label",),
        reading=lambda model: {"classes": model.classes_},
        columns=_class_columns,
    ),
    "events": Words(
        kind="survival",
        truth="--event NAME --time NAME",
        asked=("event", "time"),
        reading=lambda model: {},
        columns=_event_columns,
    ),
    "values": Words(
        kind="values",
        truth="--target NAME",
        asked=("target",),
        reading=lambda model: {},
        columns=_value_columns,
    ),
    "labels": Words(
        kind="several labels",
        truth="--labels A,B, and a table of them with --truth FILE",
        asked=("labels",),
        reading=lambda model: {"labels": model.label_names_.tolist()},
        columns=_label_columns,
        weights=_label_weights,
        summary=_label_summary,
        several=True,
    ),
}


def words_of(thing):
    """Entry of an estimator's or of outputs' task."""
    return WORDS[thing.task_name]
