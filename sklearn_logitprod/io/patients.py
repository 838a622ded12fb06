"""aggregate: from rows of slides to rows of patients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, TypeVar

import numpy as np

from sklearn_logitprod._text import brief, option
from sklearn_logitprod._text import plain as written
from sklearn_logitprod.fusion.logits import block_slices
from sklearn_logitprod.io._combining import (
    KINDS,
    Patients,
    combined,
    highest,
    positive_position,
)
from sklearn_logitprod.outputs.checks import n_rows, numeric
from sklearn_logitprod.outputs.classes import Outputs
from sklearn_logitprod.outputs.container import ExpertOutputs
from sklearn_logitprod.outputs.events import EventOutputs
from sklearn_logitprod.outputs.frames import frame_classes, frame_values, is_two_level
from sklearn_logitprod.outputs.given import check_order
from sklearn_logitprod.outputs.native import plain, plain_outputs
from sklearn_logitprod.targets.events import check_times

Given = TypeVar("Given")

_HOWS = ("mean", "logit-mean", "max", "noisy-or")
_PROBA, _SURVIVAL, _WEIGHT = "proba_", "survival_", "weight_"
_WORDS = ("class or time", "first expert's", "Call the columns of all experts alike.", "Add it.")


def aggregate(
    outputs: Given,
    by: Any,
    how: Literal["mean", "logit-mean", "max", "noisy-or"] = "mean",
    *,
    input: str | None = None,
    positive: Any = None,
) -> Given:
    """Outputs of patients, from those of their slides.

    A patient has several slides (a slide several regions, a week several places), but one
    outcome. Before a fit the outputs of each expert become one row a patient; after a
    prediction the predictions do. The user guide says which, and why.

    Parameters
    ----------
    outputs : ExpertOutputs, DataFrame or array
        Outputs of experts: `ExpertOutputs`; a frame with two-level columns (expert, class)
        or (expert, time); an array (n_rows, n_experts, n_classes), or for risks (n_rows,
        n_experts). Or fused predictions: a frame with the columns ``proba_<class>``, or
        ``risk`` and ``survival_<time>``, as ``logitprod predict`` writes; an array (n_rows,
        n_classes) of probabilities, (n_rows, n_times) of survival, or (n_rows,) of risks.
    by : array-like of shape (n_rows,) or str
        The patient of each row. ``"groups"`` are those of `ExpertOutputs`; of a frame the name
        of its index, of one of predictions also of a column.
    how : {"mean", "logit-mean", "max", "noisy-or"}, default="mean"
        ``"mean"``: the mean of probabilities (for logits and hazard logits, too: of the
        probabilities that they stand for), of survival, or of risks. ``"logit-mean"``: that of
        log-probabilities, floored at 1e-6 and normalised again: slides agree on one class
        that they all show. ``"max"``: the row in
        which the positive class is most probable, or the risk (minus the sum of survival)
        is highest; the mean of these rows if they are several. ``"noisy-or"``: a patient is
        positive unless no slide is, ``1 - prod(1 - p)``, if slides were independent; the other
        classes share the rest as they do in the mean. Noisy-or and the mean of logits are of
        classes alone.
    input : {"proba", "logits", "survival", "hazard_logits", "risk"}, optional
        What the values of an array or of a frame of experts are; needed for these alone.
    positive : object, optional
        The positive class of ``"max"`` and ``"noisy-or"``. Evident are 1 of 0 and 1, true of
        false and true, and positive of negative and positive. An array has the classes 0, 1
        and so on.

    Returns
    -------
    ExpertOutputs, DataFrame or ndarray
        As `outputs`, in the order in which patients first appear. Patients are the `ids` of
        `ExpertOutputs`, and the index of a frame; frames of other libraries become those of
        pandas. An expert that is missing (NaN) on some slides of a patient is taken from the
        others, and is missing if it is on all. Labels, events, times and groups are carried,
        as are further columns of a frame of predictions, whose ``prediction`` is made anew.

    Raises
    ------
    ValueError
        If labels, events, groups or other columns differ within a patient, who is named; if
        `by` is missing in a row, or what values mean, or which class is positive, is neither
        declared nor evident; if values are not what they are said to be.

    Notes
    -----
    ``"mean"`` averages probabilities: a slide of which an expert is certain then counts as one
    slide; under ``"logit-mean"`` it outvotes others. Noisy-or is due to Pearl, *Probabilistic
    Reasoning in Intelligent Systems*, 1988, section 4.3.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_logitprod.io import ExpertOutputs, aggregate
    >>> proba = np.array([[[0.9, 0.1]], [[0.4, 0.6]], [[0.2, 0.8]]])
    >>> slides = ExpertOutputs(
    ...     proba, "proba", ["uni"], np.array([0, 1]), y=np.array([0, 0, 1]),
    ...     groups=np.array(["anna", "anna", "bert"]),
    ... )
    >>> patients = aggregate(slides, by="groups")
    >>> patients.ids.tolist(), patients.y.tolist()
    (['anna', 'bert'], [0, 1])
    >>> patients.values[:, 0].round(2).tolist()
    [[0.65, 0.35], [0.2, 0.8]]
    >>> aggregate(slides, by="groups", how="max").values[0, 0].tolist()
    [0.4, 0.6]
    >>> aggregate(slides, by="groups", how="noisy-or").values[0, 0].round(2).tolist()
    [0.36, 0.64]
    """
    if how not in _HOWS:
        raise ValueError(f"{option('how', how)} is unknown; it is one of {brief(_HOWS)}.")
    check_order({"outputs": outputs, "by": None if isinstance(by, str) else by})
    if isinstance(outputs, ExpertOutputs):
        return _of_outputs(outputs, by, how, input, positive)
    given: Any = plain_outputs(outputs)
    if not hasattr(given, "columns"):
        return _of_array(given, by, how, input, positive)
    names = [str(name) for name in given.columns] if not is_two_level(given) else None
    if names is not None and input is None:
        return _of_predictions(given, names, by, how, positive)
    return _of_frame(given, by, how, input, positive)


def _of_outputs(outputs, by, how, input, positive):
    if input is not None and input != outputs.input:
        raise ValueError(
            f"{option('input', input)}, but the outputs hold {outputs.input!r}, which comes with "
            "them: leave input out."
        )
    if isinstance(by, str):
        if by != "groups":
            raise ValueError(
                f"by={by!r} is one text: pass the patient of each row, or by='groups' for those "
                "of the outputs."
            )
        if outputs.groups is None:
            raise ValueError(
                f"the outputs have no groups: name the column of patients with {option('group')} "
                "when they are read, or pass by as an array."
            )
        by = outputs.groups
    patients = Patients.of(plain(by, "by"), len(outputs))
    row_names = np.arange(len(outputs)) if outputs.ids is None else outputs.ids
    what = "label" if outputs.task_name == "classes" else "outcome"
    carried = {
        name: None if own is None else patients.agreed(own, word, row_names)
        for name, own, word in (("y", outputs.y, what), ("groups", outputs.groups, "group"))
    }
    values = _checked(outputs.values, outputs.input, outputs.expert_names)
    classes = None if outputs.classes is None else outputs.classes.tolist()
    found = _combined(values, patients, outputs.input, how, classes, positive)
    found = found.reshape(len(found), *outputs.shape[1:])
    return replace(outputs, values=found, ids=patients.names, **carried)


def _of_frame(frame, by, how, input, positive):
    """A frame of experts: two levels of columns, or one column of risks each."""
    import pandas as pd

    _need_input(input, "the values of a frame of experts")
    if input == "risk":
        if is_two_level(frame):
            raise ValueError(
                "a frame of risks has one column an expert, but X has columns of two levels."
            )
        values, names = numeric(frame.to_numpy())[..., None], list(map(str, frame.columns))
        labels, columns = None, frame.columns
    elif is_two_level(frame):
        labels = frame_classes(frame)
        if not KINDS[input].of_classes:
            labels = check_times(sorted(labels)).tolist()
        values, names = frame_values(frame, np.array(labels, dtype=object), None, _WORDS)
        experts = dict.fromkeys(expert for expert, _ in frame.columns)
        columns = pd.MultiIndex.from_product([experts, labels])
    else:
        raise ValueError(
            f"the frame has columns of one level, {brief(frame.columns)}, which do not tell "
            "experts from classes. Outputs of experts have two, (expert, class): stack_outputs "
            "builds such frames. Fused predictions are called proba_<class>, and need no input."
        )
    patients = Patients.of(_ids_of(frame, by), len(frame))
    values = _checked(values, input, names)
    found = _combined(values, patients, input, how, labels, positive)
    index = pd.Index(patients.names, name=getattr(by, "name", None))
    found = pd.DataFrame(found.reshape(len(found), -1), index=index, columns=columns)
    return found[frame.columns]


def _of_array(array, by, how, input, positive):
    if isinstance(by, str):
        raise ValueError(f"by={by!r} names nothing in an array: pass the patient of each row.")
    _need_input(input, "the values of an array")
    values = numeric(array)
    patients = Patients.of(plain(by, "by"), n_rows(values))
    # risks have no last axis, and fused predictions none of experts
    fused = {"risk": 1, "proba": 2, "survival": 2}.get(input)
    shape = values.shape[1:]
    if values.ndim == fused:
        values = values.reshape(len(values), 1, -1)
    elif input == "risk" and values.ndim == 2:
        values = values[..., None]
    elif values.ndim != 3 or input == "risk":
        raise ValueError(
            f"{option('input', input)} has {values.ndim} dimension(s) here, shape {values.shape}, "
            "which does not tell experts from classes: reshape it to (n_rows, n_experts, "
            "n_classes), (n_rows, n_experts, n_times), or for risks (n_rows, n_experts)."
        )
    values = _checked(values, input, [f"expert{m}" for m in range(values.shape[1])])
    classes = list(range(values.shape[2])) if KINDS[input].of_classes else None
    found = _combined(values, patients, input, how, classes, positive)
    return found.reshape(len(found), *shape)


def _of_predictions(frame, names, by, how, positive):
    """A frame of fused predictions, as ``logitprod predict`` writes."""
    import pandas as pd

    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"the frame has the column {twice!r} more than once. Rename one of them.")
    frame = frame.set_axis(names, axis=1)
    proba, survival, weights = (
        [name for name in names if name.startswith(start)] for start in (_PROBA, _SURVIVAL, _WEIGHT)
    )
    risk = [name for name in names if name == "risk"]
    if bool(proba) == bool(survival or risk):
        raise ValueError(
            f"the frame has the columns {brief(names)}, which are no fused predictions: these are "
            "called proba_<class>, or risk and survival_<time>. Of outputs of experts say what the "
            f"values are, {option('input', 'proba')}."
        )
    patients = Patients.of(_ids_of(frame, by), len(frame))
    classes = [name.removeprefix(_PROBA) for name in proba]
    parts = {"proba": proba, "risk": risk, "survival": survival}
    values = {
        input: _checked(numeric(frame[own].to_numpy())[:, None], input, ["LogitProd"])
        for input, own in parts.items()
        if own
    }
    counted = np.ones((len(frame), 1), dtype=bool)
    if how == "max":
        # risk, curve and weights are those of the row that decides
        first = next(iter(values))
        position = positive_position(classes, positive, how) if proba else None
        counted = highest(KINDS[first].score(values[first], position), patients)
    columns = {}
    for input, own in values.items():
        here, rule = own, how
        if how == "max" and not proba:
            here, rule = np.where(counted[..., None], own, np.nan), "mean"
        found = _combined(here, patients, input, rule, classes, positive)[:, 0]
        columns |= dict(zip(parts[input], found.T, strict=True))
    n_counted = patients.reduced(np.add, counted[:, 0].astype(np.intp))
    for name in weights:
        own = np.where(counted[:, 0], numeric(frame[name].to_numpy()), 0.0)
        columns[name] = patients.reduced(np.add, own) / n_counted
    for name in names:
        if name == "prediction" and proba:
            best = np.column_stack([columns[own] for own in proba]).argmax(axis=1)
            columns[name] = _labels(classes, frame[name])[best]
        elif name not in columns and not (isinstance(by, str) and name == by):
            columns[name] = patients.agreed(frame[name].to_numpy(), name, frame.index)
    index = pd.Index(patients.names, name=by if isinstance(by, str) else getattr(by, "name", None))
    return pd.DataFrame({name: columns[name] for name in names if name in columns}, index=index)


def _labels(classes, predictions):
    """Names of classes as labels of the kind that predictions are."""
    import pandas as pd

    known = {str(label): label for label in predictions.unique().tolist()}
    if predictions.dtype.kind in "iu":
        known = {text: int(text) for text in classes}
    elif predictions.dtype.kind == "b":
        known = {"False": False, "True": True}
    return pd.array([known.get(text, text) for text in classes], dtype=predictions.dtype)


def _ids_of(frame, by):
    """Patients of the rows of a frame."""
    if not isinstance(by, str):
        return plain(by, "by")
    if by in frame.index.names:
        return frame.index.get_level_values(by).to_numpy()
    if is_two_level(frame) or by not in frame.columns:
        raise ValueError(
            f"by={by!r} is no column of predictions and no name of the index; columns are "
            f"{brief(frame.columns)}. Pass the patient of each row as an array."
        )
    return frame[by].to_numpy()


def _need_input(input, what):
    if input is None:
        raise ValueError(
            f"nothing says what {what} are: pass {option('input', 'proba')}, or one of "
            f"{brief(KINDS)}."
        )
    if input not in KINDS:
        raise ValueError(f"{option('input', input)} is unknown; it is one of {brief(KINDS)}.")


def _combined(values, patients, input, how, classes, positive):
    kind, position = KINDS[input], None
    if how in ("logit-mean", "noisy-or") and not kind.of_classes:
        raise ValueError(
            f"{option('how', how)} is of classes, and these are {input!r} of survival. Take "
            f"{option('how', 'mean')}, or {option('how', 'max')} for the slide of the highest risk."
        )
    if how in ("max", "noisy-or") and kind.of_classes:
        position = positive_position(classes, positive, how)
    found = combined(values, patients, kind, how, position)
    empty = np.isnan(found).all(axis=(1, 2))
    if empty.any():
        raise ValueError(
            f"patient {written(patients.names[int(np.argmax(empty))])} has no value of any expert "
            "in any row. Remove the patient."
        )
    return found


def _checked(values, input, names):
    """Float64 values (n_rows, n_experts, n_columns), refused where they are not as declared."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim == 2:
        values = values[..., None]
    if input not in KINDS:
        raise ValueError(f"outputs with {option('input', input)} cannot be aggregated.")
    if input == "risk":
        read = EventOutputs(values[..., 0], input, names, 0)
        for position in read.risks:
            read.risk(position)
        return values
    if KINDS[input].of_classes:
        read = Outputs(values, input, names, np.arange(values.shape[2]), alone=False)
    else:
        read = EventOutputs(values, input, names, values.shape[2], alone=False)
    for rows in block_slices(len(values), values[:1].size):
        read.log_proba(rows)
    return values
