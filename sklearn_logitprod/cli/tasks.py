"""What the command line says and writes of each task: one entry a task, by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sklearn_logitprod.search.base import final_estimator
from sklearn_logitprod.targets.decisions import decider

_MOST_BOXES = 6


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
    facts : callable
        From ExpertOutputs to pairs of text for the report: what is true, counted.
    reading : callable
        From a fitted estimator to further arguments of ``read_tables`` at prediction time.
    columns : callable
        From a fitted estimator and ExpertOutputs to the columns of a table of predictions.
    boxes : callable
        From ExpertOutputs to what divides the samples in the figure of weights, or None.
    figure : callable
        From an unfitted estimator, ExpertOutputs and number and seed of folds to title, caption
        and SVG of the figure of how predictions and observations agree. None: there is no report.
    by : str
        What boxes divide the samples by.
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
    facts: Callable
    reading: Callable
    columns: Callable
    boxes: Callable
    figure: Callable | None
    by: str = "true class"
    weights: Callable = expert_weights
    summary: Callable | None = None
    several: bool = False


def _class_facts(outputs):
    counts = [(label, int((outputs.y == label).sum())) for label in outputs.classes]
    yield "classes", ", ".join(f"{label} ({n})" for label, n in counts)


def decided(model, proba):
    """Labels that a fitted classifier decides for by probabilities (n_samples, n_classes)."""
    own = final_estimator(model)
    return model.classes_[decider(own.decision, model.classes_, own.classes)(proba)]


def _class_columns(model, outputs):
    proba = model.predict_proba(outputs)
    columns = {"prediction": decided(model, proba)}
    return columns | {f"proba_{k}": p for k, p in zip(model.classes_, proba.T, strict=True)}


def _class_boxes(outputs):
    return outputs.y if len(outputs.classes) <= _MOST_BOXES else None


def _class_figure(estimator, outputs, folds):
    # matplotlib comes with it, which most commands do without
    from sklearn_logitprod.cli.figures import reliability

    return reliability(estimator, outputs, folds)


def _event_facts(outputs):
    event = outputs.y[outputs.y.dtype.names[0]]
    yield "events", f"{int(event.sum())} of {len(event)}"


def _event_columns(model, outputs):
    survival = model.predict_survival_function(outputs, return_array=True)
    times = [f"survival_{time:.12g}" for time in model.unique_times_]
    return {"risk": model.predict(outputs), **dict(zip(times, survival.T, strict=True))}


def _event_figure(estimator, outputs, folds):
    from sklearn_logitprod.cli.figures import survival

    return survival(estimator, outputs, folds)


def _value_facts(outputs):
    y = outputs.y
    yield "true values", f"{y.min():.6g} to {y.max():.6g}"
    yield "their mean and standard deviation", f"{y.mean():.6g}, {y.std():.6g}"


def _value_columns(model, outputs):
    mean, std = model.predict(outputs, return_std=True)
    lower, upper = model.predict_interval(outputs, 0.9).T
    return {"prediction": mean, "std": std, "lower_90": lower, "upper_90": upper}


def _value_boxes(outputs):
    """Thirds of the samples, called by their ends, in words that sort as they do."""
    ends = np.quantile(outputs.y, [1 / 3, 2 / 3])
    names = [f"1. to {ends[0]:.4g}", f"2. to {ends[1]:.4g}", "3. above"]
    return np.array(names)[np.searchsorted(ends, outputs.y)]


def _value_figure(estimator, outputs, folds):
    from sklearn_logitprod.cli.figures import observed

    return observed(estimator, outputs, folds)


def _label_facts(outputs):
    for label, own in zip(outputs.classes, outputs.y.T, strict=True):
        yield f"label {label}", f"{int(np.nansum(own))} of {int((~np.isnan(own)).sum())} tested"


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
        facts=_class_facts,
        reading=lambda model: {"classes": model.classes_},
        columns=_class_columns,
        boxes=_class_boxes,
        figure=_class_figure,
    ),
    "events": Words(
        kind="survival",
        truth="--event NAME --time NAME",
        asked=("event", "time"),
        facts=_event_facts,
        reading=lambda model: {},
        columns=_event_columns,
        boxes=lambda outputs: None,
        figure=_event_figure,
    ),
    "values": Words(
        kind="values",
        truth="--target NAME",
        asked=("target",),
        facts=_value_facts,
        reading=lambda model: {},
        columns=_value_columns,
        boxes=_value_boxes,
        figure=_value_figure,
        by="third of the true values",
    ),
    "labels": Words(
        kind="several labels",
        truth="--labels A,B, and a table of them with --truth FILE",
        asked=("labels",),
        facts=_label_facts,
        reading=lambda model: {"labels": model.label_names_.tolist()},
        columns=_label_columns,
        boxes=lambda outputs: None,
        figure=None,
        weights=_label_weights,
        summary=_label_summary,
        several=True,
    ),
}


def words_of(thing):
    """Entry of an estimator's or of outputs' task."""
    return WORDS[thing.task_name]
