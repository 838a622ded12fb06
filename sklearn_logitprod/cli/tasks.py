"""What the command line says and writes of each task: one entry a task, by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sklearn_logitprod.search.base import final_estimator
from sklearn_logitprod.targets.decisions import decider

_MOST_BOXES = 6


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
        From an unfitted estimator and ExpertOutputs to title, caption and SVG of the figure
        of how predictions and observations agree.
    """

    kind: str
    truth: str
    asked: tuple
    facts: Callable
    reading: Callable
    columns: Callable
    boxes: Callable
    figure: Callable


def _class_facts(outputs):
    counts = [(label, int((outputs.y == label).sum())) for label in outputs.classes]
    yield "classes", ", ".join(f"{label} ({n})" for label, n in counts)


def _class_columns(model, outputs):
    proba = model.predict_proba(outputs)
    own = final_estimator(model)
    decide = decider(own.decision, model.classes_, own.classes)
    columns = {"prediction": model.classes_[decide(proba)]}
    return columns | {f"proba_{k}": p for k, p in zip(model.classes_, proba.T, strict=True)}


def _class_boxes(outputs):
    return outputs.y if len(outputs.classes) <= _MOST_BOXES else None


def _class_figure(estimator, outputs):
    # matplotlib comes with it, which most commands do without
    from sklearn_logitprod.cli.figures import reliability

    return reliability(estimator, outputs)


def _event_facts(outputs):
    event = outputs.y[outputs.y.dtype.names[0]]
    yield "events", f"{int(event.sum())} of {len(event)}"


def _event_columns(model, outputs):
    survival = model.predict_survival_function(outputs, return_array=True)
    times = [f"survival_{time:.12g}" for time in model.unique_times_]
    return {"risk": model.predict(outputs), **dict(zip(times, survival.T, strict=True))}


def _event_figure(estimator, outputs):
    from sklearn_logitprod.cli.figures import survival

    return survival(estimator, outputs)


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
}


def words_of(thing):
    """Entry of an estimator's or of outputs' task."""
    return WORDS[thing.task_name]
