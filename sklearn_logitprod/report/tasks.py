"""What a report says of each task: one entry a task, by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sklearn_logitprod.fusion.events import log_survival_from_log_events
from sklearn_logitprod.metrics import interval_coverage, kaplan_meier
from sklearn_logitprod.metrics.recalibration import at_horizon
from sklearn_logitprod.report import figures

_MOST_BOXES = 6
# classes of which each is looked at against the rest
_MOST_CLASSES = 10
# events before a horizon, and samples that are followed beyond
_LEAST = 10


@dataclass(frozen=True, eq=False)
class Problem:
    """Something that happens or not, and what was said of it beforehand.

    Attributes
    ----------
    name : str
    happened : ndarray of shape (n_samples,), bool
    fused, best : ndarray of shape (n_samples,)
        Held-out probabilities of LogitProd and of the best expert.
    groups : ndarray of shape (n_samples,), int, or None
    weight : ndarray of shape (n_samples,) or None
        Of samples whose outcome is known, where others are censored before.
    follow_up : (event, time, horizon) or None
    """

    name: str
    happened: np.ndarray
    fused: np.ndarray
    best: np.ndarray
    groups: np.ndarray | None
    weight: np.ndarray | None = None
    follow_up: tuple | None = None


@dataclass(frozen=True)
class Words:
    """What a report says of a task.

    Attributes
    ----------
    outcome : callable
        From a Study to pairs of text: what is true, counted.
    boxes : callable
        From a Study to what divides the samples in the figure of weights, or None.
    agreement : callable
        From a Study to the title of the figure of predictions and observations, and to it.
    problems : callable
        From a Study to a list of Problem.
    answer : str
        What the model gives for a sample.
    calls : str
        How it is asked for that.
    by : str
        What boxes divide the samples by.
    """

    outcome: Callable
    boxes: Callable
    agreement: Callable
    problems: Callable
    answer: str
    calls: str
    by: str = "true class"


def _labels(study):
    return study.setting.target.attributes["classes_"]


def _class_outcome(study):
    counts = study.setting.task.counted(study.setting.target, slice(None))
    n_samples = len(study.setting.target.strata)
    shares = [f"{label} {n} ({100.0 * n / n_samples:.3g} %)" for label, n in counts.items()]
    yield "classes", ", ".join(shares)
    left = n_samples - sum(counts.values())
    if left:
        yield "samples whose class is left open in part", str(left)


def _class_boxes(study):
    codes, labels = study.setting.target.certain, _labels(study)
    return labels[codes] if len(labels) <= _MOST_BOXES and (codes >= 0).all() else None


def _certain(study):
    """Rows of one class alone, their codes, and probabilities of LogitProd and the best expert."""
    rows = np.flatnonzero(study.setting.target.certain >= 0)
    held = study.held_out
    codes = study.setting.target.certain[rows]
    return rows, codes, np.exp(held.fused[rows]), np.exp(held.best[rows])


def _class_agreement(study):
    labels = _labels(study)
    _, codes, proba, _ = _certain(study)
    if not len(codes):
        return "Reliability", ""
    if len(labels) == 2:
        said = f"probability of {labels[1]}", f"share that is {labels[1]}"
        return "Reliability", figures.reliability(codes == 1, proba[:, 1], *said)
    said = "probability of the predicted class", "share of right predictions"
    right, highest = proba.argmax(axis=1) == codes, proba.max(axis=1)
    return "Reliability", figures.reliability(right, highest, *said)


def _class_problems(study):
    labels = _labels(study)
    if len(labels) > _MOST_CLASSES:
        return []
    rows, codes, fused, best = _certain(study)
    if not len(rows):
        return []
    groups = study.setting.groups
    groups = None if groups is None else groups[rows]
    kept = [1] if len(labels) == 2 else range(len(labels))
    return [Problem(str(labels[k]), codes == k, fused[:, k], best[:, k], groups) for k in kept]


def _event_and_time(study):
    y = study.setting.target.y
    event, time = (np.asarray(y[name]) for name in y.dtype.names)
    return event.astype(bool), time.astype(np.float64)


def _event_outcome(study):
    event, time = _event_and_time(study)
    yield "events", f"{int(event.sum())} of {len(event)} ({100.0 * event.mean():.3g} %)"
    yield "times", f"{time.min():.4g} to {time.max():.4g}"
    # how long they would have been followed, had none had the event
    known = np.unique(time)
    followed = kaplan_meier(~event, time, known)
    if followed[-1] <= 0.5:
        median = known[np.argmax(followed <= 0.5)]
        yield "median follow-up (reverse Kaplan-Meier)", f"{median:.4g}"


def _survival(log_events):
    return np.exp(log_survival_from_log_events(log_events))


def _event_agreement(study):
    event, time = _event_and_time(study)
    curves = _survival(study.held_out.fused)
    shown = figures.survival(event, time, study.setting.outcome.times, curves)
    return "Survival, predicted and observed", shown


def _event_problems(study):
    """The event by the time of the grid that is nearest to half of the events, if they tell."""
    event, time = _event_and_time(study)
    times = np.asarray(study.setting.outcome.times)
    at = int(np.argmin(np.abs(times - np.median(time[event]))))
    horizon = times[at]
    if (event & (time <= horizon)).sum() < _LEAST or (time > horizon).sum() < _LEAST:
        return []
    happened, weight = at_horizon(event, time, horizon)
    fused, best = (
        1.0 - _survival(own)[:, at] for own in (study.held_out.fused, study.held_out.best)
    )
    name = f"an event by {horizon:.4g}"
    follow_up = event, time, horizon
    return [Problem(name, happened, fused, best, study.setting.groups, weight, follow_up)]


def _true_values(study):
    return np.asarray(study.setting.target.y, dtype=np.float64)


def _value_outcome(study):
    y = _true_values(study)
    yield "true values", f"{y.min():.6g} to {y.max():.6g}"
    yield "their mean and standard deviation", f"{y.mean():.6g}, {y.std():.6g}"


def _value_boxes(study):
    """Thirds of the samples, called by their ends, in words that sort as they do."""
    y = _true_values(study)
    ends = np.quantile(y, [1 / 3, 2 / 3])
    names = [f"1. to {ends[0]:.4g}", f"2. to {ends[1]:.4g}", "3. above"]
    return np.array(names)[np.searchsorted(ends, y)]


def _value_agreement(study):
    def ask(model, X):
        return np.column_stack([model.predict(X), model.predict_interval(X, 0.9)])

    y, said = _true_values(study), study.held(ask).said
    coverage = interval_coverage(y, said[:, 1:])
    return "Values, predicted and observed", figures.observed(y, said[:, 0], said[:, 1:], coverage)


WORDS = {
    "classes": Words(
        outcome=_class_outcome,
        boxes=_class_boxes,
        agreement=_class_agreement,
        problems=_class_problems,
        answer="a probability of each class, which sum to 1",
        calls="model.predict_proba(X_new)",
    ),
    "events": Words(
        outcome=_event_outcome,
        boxes=lambda study: None,
        agreement=_event_agreement,
        problems=_event_problems,
        answer="the probability to be without the event at each time of a grid, and a risk that is "
        "higher for earlier events",
        calls="model.predict_survival_function(X_new)",
    ),
    "values": Words(
        outcome=_value_outcome,
        boxes=_value_boxes,
        agreement=_value_agreement,
        problems=lambda study: [],
        answer="a value with its standard deviation, and intervals",
        calls="model.predict(X_new, return_std=True)",
        by="third of the true values",
    ),
}
