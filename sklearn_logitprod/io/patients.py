"""aggregate: from rows of slides to rows of patients."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Literal, TypeVar

import numpy as np

from sklearn_logitprod._text import brief, option
from sklearn_logitprod._text import plain as written
from sklearn_logitprod.fusion.logits import block_slices
from sklearn_logitprod.io._combining import (
    KINDS,
    Patients,
    both_classes,
    combined,
    highest,
    positive_position,
    second_class,
)
from sklearn_logitprod.outputs.checks import SUM_TOLERANCE, n_rows, numeric
from sklearn_logitprod.outputs.classes import Outputs
from sklearn_logitprod.outputs.container import ExpertOutputs
from sklearn_logitprod.outputs.events import EventOutputs
from sklearn_logitprod.outputs.frames import frame_classes, frame_values, is_two_level
from sklearn_logitprod.outputs.given import check_order
from sklearn_logitprod.outputs.native import plain, plain_outputs
from sklearn_logitprod.outputs.values import MOMENTS, ValueOutputs
from sklearn_logitprod.targets.events import check_times

Given = TypeVar("Given")

# inputs of one column an expert
_FLAT = {"risk": "risks", "mean": "predicted values"}
_LABELS = ("label_proba", "label_logits")
_INPUTS = (*KINDS, *_LABELS)
_HOWS = ("mean", "logit-mean", "max", "noisy-or")
_PROBA, _SURVIVAL, _WEIGHT = "proba_", "survival_", ("weight_", "disagreement")
_VALUES = ("prediction", "std")
_END = re.compile(r"(lower|upper)_\d+")
# of quantiles, where numbers were written with few digits
_SAME_END = 0.02
_TIE = 1e-9
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
        Outputs of experts: `ExpertOutputs`; a frame with two-level columns (expert, class),
        (expert, time) or (expert, "mean" or "std"); an array (n_rows, n_experts, n_classes), or
        for risks and predicted values (n_rows, n_experts). Or fused predictions: a frame with the
        columns ``proba_<class>``, or ``risk`` and ``survival_<time>``, or ``prediction`` and
        ``std``, as ``logitprod predict`` writes; an array (n_rows,
        n_classes) of probabilities, (n_rows, n_times) of survival, or (n_rows,) of risks
        or predicted values. Of several labels these are (expert, label), ``proba_<label>``,
        (n_rows, n_experts, n_labels) and (n_rows, n_labels).
    by : array-like of shape (n_rows,) or str
        The patient of each row. ``"groups"`` are those of `ExpertOutputs`; of a frame the name
        of its index, of one of predictions also of a column.
    how : {"mean", "logit-mean", "max", "noisy-or"}, default="mean"
        ``"mean"``: the mean of probabilities (for logits and hazard logits, too: of the
        probabilities that they stand for), of survival, of risks, or of predicted values (with
        standard deviations: mean and deviation of the mixture). ``"logit-mean"``: that of
        log-probabilities, floored at 1e-6 and normalised again: slides agree on one class
        that they all show. ``"max"``: the row in
        which the positive class is most probable, or the risk (minus the sum of survival) or the
        predicted value is highest; the mean of these rows if they are several. ``"noisy-or"``: a
        patient is positive unless no slide is, ``1 - prod(1 - p)``, if slides were independent;
        the other classes share the rest as they do in the mean. Noisy-or and the mean of logits
        are of classes alone.
    input : {"proba", "logits", "label_proba", "label_logits", "survival", "hazard_logits", \
"risk", "mean", "mean_std"}, optional
        What the values of an array or of a frame of experts are; needed for these, and for
        predictions of several labels.
    positive : object, optional
        The positive class of ``"max"`` and ``"noisy-or"``. Evident are 1 of 0 and 1, true of
        false and true, and positive of negative and positive. An array has the classes 0, 1
        and so on; of several labels each has its own rows, and 1 is positive.

    Returns
    -------
    ExpertOutputs, DataFrame or ndarray
        As `outputs`, in the order in which patients first appear. Patients are the `ids` of
        `ExpertOutputs`, and the index of a frame; frames of other libraries become those of
        pandas. An expert that is missing (NaN) on some slides of a patient is taken from the
        others, and is missing if it is on all. Labels, events, times and groups are carried (of
        several labels what was tested on some slide), as are further columns of a frame of
        predictions, whose ``prediction`` is made anew.

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
    if names is not None and input in (None, "label_proba"):
        return _of_predictions(given, names, by, how, input, positive)
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
    y, groups = outputs.y, outputs.groups
    if y is not None and outputs.task_name == "labels":
        labels = zip(outputs.classes, np.asarray(y, dtype=np.float64).T, strict=True)
        y = np.column_stack(
            [patients.agreed(v, f"label {name}", row_names, ~np.isnan(v)) for name, v in labels]
        )
    elif y is not None:
        y = patients.agreed(y, what, row_names)
    if groups is not None:
        groups = patients.agreed(groups, "group", row_names)
    values = _checked(outputs.values, outputs.input, outputs.expert_names, outputs.classes)
    classes = None if outputs.classes is None else outputs.classes.tolist()
    found = _combined(values, patients, outputs.input, how, classes, positive)
    found = found.reshape(len(found), *outputs.shape[1:])
    return replace(outputs, values=found, ids=patients.names, y=y, groups=groups)


def _of_frame(frame, by, how, input, positive):
    """A frame of experts: two levels of columns, or one column of risks or values each."""
    import pandas as pd

    _need_input(input, "the values of a frame of experts")
    if input in _FLAT:
        if is_two_level(frame):
            raise ValueError(
                f"a frame of {_FLAT[input]} has one column an expert, but X has columns of two "
                "levels."
            )
        values, names = numeric(frame.to_numpy())[..., None], list(map(str, frame.columns))
        labels, columns = None, frame.columns
    elif is_two_level(frame):
        labels = frame_classes(frame)
        if input == "mean_std":
            labels = list(MOMENTS)
        elif input not in _LABELS and not KINDS[input].of_classes:
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
    values = _checked(values, input, names, labels)
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
    # risks and means have no last axis, and fused predictions none of experts
    fused = {"risk": 1, "mean": 1, "proba": 2, "survival": 2, "mean_std": 2, "label_proba": 2}
    fused = fused.get(input)
    shape = values.shape[1:]
    if values.ndim == fused:
        values = values.reshape(len(values), 1, -1)
    elif input in _FLAT and values.ndim == 2:
        values = values[..., None]
    elif values.ndim != 3 or input in _FLAT:
        raise ValueError(
            f"{option('input', input)} has {values.ndim} dimension(s) here, shape {values.shape}, "
            "which does not tell experts from classes: reshape it to (n_rows, n_experts, "
            "n_classes), (n_rows, n_experts, n_times), or for risks and predicted values (n_rows, "
            "n_experts)."
        )
    classes = list(range(values.shape[2]))
    values = _checked(values, input, [f"expert{m}" for m in range(values.shape[1])], classes)
    found = _combined(values, patients, input, how, classes, positive)
    return found.reshape(len(found), *shape)


def _of_predictions(frame, names, by, how, input, positive):
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
    of_values = not (proba or survival or risk) and set(_VALUES) <= set(names)
    if bool(proba) == bool(survival or risk or of_values):
        raise ValueError(
            f"the frame has the columns {brief(names)}, which are no fused predictions: these are "
            "called proba_<class>, risk and survival_<time>, or prediction and std. Of outputs of "
            f"experts say what the values are, {option('input', 'proba')}."
        )
    if input is None and proba and "prediction" not in names:
        _check_classes(numeric(frame[proba].to_numpy()), proba)
    patients = Patients.of(_ids_of(frame, by), len(frame))
    classes = [name.removeprefix(_PROBA) for name in proba]
    of_labels = input is not None
    parts = {input or "proba": proba, "risk": risk, "survival": survival}
    parts["mean_std"] = list(_VALUES) if of_values else []
    values = {
        input: _checked(numeric(frame[own].to_numpy())[:, None], input, ["LogitProd"], classes)
        for input, own in parts.items()
        if own
    }
    counted = np.ones((len(frame), 1), dtype=bool)
    if how == "max" and of_labels:
        counted = highest(values[input][:, 0], patients)
    elif how == "max":
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
    for name in weights:
        own = counted[:, _position_of(name, classes) if counted.shape[1] > 1 else 0]
        total = patients.reduced(np.add, np.where(own, numeric(frame[name].to_numpy()), 0.0))
        columns[name] = total / patients.reduced(np.add, own.astype(np.intp))
    for name in names:
        if name == "prediction" and "proba" in values:
            labels = _labels(classes, frame[name])
            _check_decision(frame[name], labels, values["proba"][:, 0])
            best = np.column_stack([columns[own] for own in proba]).argmax(axis=1)
            columns[name] = labels[best]
        elif of_values and _END.fullmatch(name):
            quantile = _quantile(name, *(numeric(frame[o].to_numpy()) for o in (name, *_VALUES)))
            columns[name] = columns["prediction"] + quantile * columns["std"]
        elif name not in columns and not (isinstance(by, str) and name == by):
            columns[name] = patients.agreed(frame[name].to_numpy(), name, frame.index)
    index = pd.Index(patients.names, name=by if isinstance(by, str) else getattr(by, "name", None))
    return pd.DataFrame({name: columns[name] for name in names if name in columns}, index=index)


def _check_classes(proba, names):
    """Refuse probabilities of several labels that are not declared to be such."""
    if (np.abs(proba.sum(axis=1) - 1.0) > SUM_TOLERANCE).any():
        raise ValueError(
            f"the probabilities {brief(names)} do not sum to 1 in every row, as "
            "those of classes do. If they are of several labels, pass "
            f"{option('input', 'label_proba')}."
        )


def _position_of(name, labels):
    """Which label a column of weights is of."""
    found = [j for j, label in enumerate(labels) if name.endswith(f"_{label}")]
    if len(found) != 1:
        raise ValueError(
            f"column {name!r} does not tell by its end of which of the labels {brief(labels)} the "
            "weight is. Leave it out, or rename it."
        )
    return found[0]


def _quantile(name, ends, mean, std):
    """How many standard deviations the ends of intervals are from the mean, in every row alike."""
    own = (ends - mean) / std
    quantile = np.median(own)
    if not (np.abs(own - quantile) <= _SAME_END * np.abs(quantile)).all():
        raise ValueError(
            f"column {name!r} is not as many standard deviations from the prediction in every row: "
            "what it is of a patient is not known. Leave it out."
        )
    return quantile


def _labels(classes, predictions):
    """Names of classes as labels of the kind that predictions are."""
    import pandas as pd

    known = {str(label): label for label in predictions.unique().tolist()}
    if predictions.dtype.kind in "iu":
        known = {text: int(text) for text in classes}
    elif predictions.dtype.kind == "b":
        known = {"False": False, "True": True}
    return pd.array([known.get(text, text) for text in classes], dtype=predictions.dtype)


def _check_decision(predictions, labels, proba):
    """Refuse predictions that are not the most probable class, as those of patients will be."""
    codes = np.full(len(predictions), -1)
    for code, label in enumerate(labels):
        codes[(predictions == label).to_numpy()] = code
    given = np.where(codes < 0, -1.0, proba[np.arange(len(proba)), codes])
    other = given < proba.max(axis=1) - _TIE
    if other.any():
        row = int(np.argmax(other))
        raise ValueError(
            f"the prediction is {written(predictions.iloc[row])} in row "
            f"{written(predictions.index[row])}, but {written(labels[proba[row].argmax()])} is the "
            "most probable class, which the prediction of a patient would be. Leave the column "
            "out, and decide from the probabilities of patients."
        )


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
            f"{brief(_INPUTS)}."
        )
    if input not in _INPUTS:
        raise ValueError(f"{option('input', input)} is unknown; it is one of {brief(_INPUTS)}.")


def _combined(values, patients, input, how, classes, positive):
    if input in _LABELS:
        if positive is not None:
            raise ValueError(
                f"{option('positive', positive)} is of classes; of several labels 1 is positive."
            )
        shape, (values, own) = values.shape[1:], both_classes(values, input)
        found = _combined(values, patients, own, how, [0, 1], None)
        return second_class(found, input, shape)
    kind, position = KINDS[input], None
    if how in ("logit-mean", "noisy-or") and not kind.of_classes:
        raise ValueError(
            f"{option('how', how)} is of classes, and these are {input!r} of "
            f"{'values' if input in ('mean', 'mean_std') else 'survival'}. Take "
            f"{option('how', 'mean')}, or {option('how', 'max')} for the slide of the highest "
            f"{'value' if input in ('mean', 'mean_std') else 'risk'}."
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


def _checked(values, input, names, labels=None):
    """Float64 values (n_rows, n_experts, n_columns), refused where they are not as declared."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim == 2:
        values = values[..., None]
    if input in _LABELS:
        both, own = both_classes(values, input)
        _checked(both, own, [f"{name}, label {label}" for name in names for label in labels])
        return values
    if input in ("mean", "mean_std"):
        own = values[..., 0] if input == "mean" else values
        if own.shape[2:] not in ((), (2,)):
            raise ValueError(
                f"{option('input', input)} has the last axis (mean, std), but the values have "
                f"{own.shape[2]} there: reshape them to (n_rows, n_experts, 2)."
            )
        ValueOutputs(own, input, names, alone=False).predictions()
        return values
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
