"""What one file says: outputs of an expert, and what is known of the samples."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sklearn_logitprod._text import brief, option
from sklearn_logitprod.io._ids import Ids
from sklearn_logitprod.io._source import Source, Sources
from sklearn_logitprod.io._table import Coded, as_texts, code_type
from sklearn_logitprod.outputs.checks import SUM_TOLERANCE

_OUTSIDE = 1e-6
_AT_A_TIME = 1 << 14
_UNIT = ("proba", "survival")

# what is known of the samples, and how it is called
_KNOWN = {
    "labels": "label",
    "groups": "group",
    "event": "event",
    "time": "time",
    "value": "target",
}


@dataclass(frozen=True, eq=False)
class Part:
    """What one expert says, and what its file knows of the samples.

    Attributes
    ----------
    source : Source
    ids : array of str
    values : ndarray of shape (n_rows, n_columns), float64
        One column for risks and predicted values.
    names : list or None
        Class labels (str), times (float), or "mean" and "std", of the columns; None where there
        is one.
    labels, groups : Coded, array of str or None
        Of the samples, where the file has them; an empty text where it is not known.
    event : ndarray of shape (n_rows,), bool, or float64 with NaN where it is not known; or None
    time, value : ndarray of shape (n_rows,), float64, or None
        NaN where it is not known.
    """

    source: Source
    ids: np.ndarray
    values: np.ndarray
    names: list | None = None
    labels: np.ndarray | None = None
    groups: np.ndarray | None = None
    event: np.ndarray | None = None
    time: np.ndarray | None = None
    value: np.ndarray | None = None


def check_values(source, values, names, input):
    """Refuse values that are not what `input` says, naming the row.

    Parameters
    ----------
    source : Source
    values : ndarray of shape (n_rows, n_columns), float64
    names : list
        What the columns are, for messages.
    input : str
        As in `ExpertOutputs`.

    Raises
    ------
    ValueError
        If a row is NaN in part or infinite, a probability lies outside [0, 1], or
        probabilities do not sum to 1.
    """
    if _sound(values, input):
        return
    missing = np.isnan(values)
    part = missing.any(axis=1) & ~missing.all(axis=1)
    if part.any():
        row = int(np.argmax(part))
        where = [name for name, gone in zip(names, missing[row], strict=True) if gone]
        raise source.error(
            f"no value for {brief(where)}, but for others. Fill it in, or leave the whole row "
            "empty where the expert is missing.",
            row,
        )
    with np.errstate(invalid="ignore"):
        outside = np.isinf(values)
        if input in _UNIT:
            outside |= (values < -_OUTSIDE) | (values > 1 + _OUTSIDE)
    if outside.any():
        row, column = np.argwhere(outside)[0]
        value = values[row, column]
        raise source.error(f"{value:.6g} for {names[column]!r} {_outside(values, input)}", int(row))
    if input == "proba":
        sums = values.sum(axis=1)
        off = np.abs(sums - 1.0) > SUM_TOLERANCE
        if off.any():
            row = int(np.argmax(off))
            raise source.error(
                f"the probabilities of {brief(names)} sum to {sums[row]:.6g} instead of 1. "
                f"Normalise them, name the columns of all classes with {option('columns')}, or "
                f"pass {option('input', 'logits')} for scores.",
                row,
            )


def _sound(values, input):
    """Whether values are all that they should be, seen in few passes, some rows at a time."""
    starts = range(0, len(values), _AT_A_TIME)
    return all(_some_sound(values[start : start + _AT_A_TIME], input) for start in starts)


def _some_sound(values, input):
    sums = values @ np.ones(values.shape[1])
    if not np.isfinite(sums).all():
        return False
    if input not in _UNIT:
        return True
    inside = values.min() >= -_OUTSIDE and values.max() <= 1 + _OUTSIDE
    return bool(inside and (input != "proba" or abs(sums - 1).max() <= SUM_TOLERANCE))


def _outside(values, input):
    if input not in _UNIT:
        return "is infinite. Clip it to a large finite value."
    sums = values.sum(axis=1)
    most = np.nanmax(values)
    percent = np.nanmin(values) >= 0 and 1 < most <= 100.1
    if percent and (most > 2 or np.nanmedian(sums) > 10):
        return "is no probability but looks like percent. Divide by 100."
    other = "logits" if input == "proba" else "hazard_logits"
    return f"lies outside [0, 1]. Correct it, or pass {option('input', other)} if these are logits."


def check_ids(part, ids):
    """Refuse an identifier that is in a file twice."""
    twice = ids.twice()
    if twice is not None:
        row, first = twice
        raise part.source.error(
            f"id {part.ids[row]!r} is there twice, first in {_in(part.source, first)}. Keep one "
            f"row per sample, or pass {option('average', True)} for the mean over its rows.",
            row,
        )


def _in(source, row):
    """Where a row is, as briefly as it can be told."""
    return source.where(row) if isinstance(source, Sources) else source.place(row)


def check_names(parts, what):
    """Refuse files with other classes or times than the first file."""
    first = parts[0]
    for part in parts[1:]:
        if set(part.names) != set(first.names):
            odd = sorted(set(part.names) ^ set(first.names))
            raise part.source.error(
                f"{what} are {brief(sorted(part.names))}, in {first.source.path} they are "
                f"{brief(sorted(first.names))}: {brief(odd)} in one alone. Give every expert all "
                f"of them, or name the columns with {option('columns')}."
            )


def as_codes(columns):
    """Columns of numbers; of text as positions in a list of all texts, -1 where it is empty."""
    if isinstance(columns[0], np.ndarray) and columns[0].dtype.kind in "bf":
        return columns, None
    columns = list(map(Coded.of, columns))
    texts = list(dict.fromkeys(text for column in columns for text in column.values))
    places = {text: code for code, text in enumerate(texts)}
    kind = code_type(len(texts))
    return [
        np.array([*map(places.get, column.values), -1], dtype=kind)[column.codes]
        for column in columns
    ], texts


def in_one(parts, average, input):
    """Outputs of one expert from several files, one after the other.

    Parameters
    ----------
    parts : list of Part
    average : bool
        Whether rows of one identifier are averaged.
    input : str

    Returns
    -------
    Part
    """
    part = parts[0]
    if len(parts) > 1:
        if part.names is not None:
            times = input in ("survival", "hazard_logits")
            check_names(parts, "times" if times else "classes")
        part = _appended(parts)
    return _averaged(part) if average else part


def _appended(parts):
    names = parts[0].names
    values = [
        part.values if names is None else part.values[:, [part.names.index(n) for n in names]]
        for part in parts
    ]
    fields = {}
    for field, kind in _KNOWN.items():
        own = [getattr(part, field) for part in parts]
        lacking = [part for part, column in zip(parts, own, strict=True) if column is None]
        if 0 < len(lacking) < len(parts):
            raise lacking[0].source.error(
                f"it has no {kind}, but other files of the expert do. Add the column."
            )
        fields[field] = None if lacking else np.concatenate([np.asarray(c) for c in own])
    return Part(
        Sources.of([part.source for part in parts], [len(part.ids) for part in parts]),
        as_texts(np.concatenate([np.asarray(part.ids, dtype=object) for part in parts])),
        np.concatenate(values),
        names,
        **fields,
    )


def _averaged(part):
    """The mean over rows of one identifier, whose labels and groups must agree."""
    if Ids(part.ids).twice() is None:
        return part
    numbers = Coded.of(part.ids).codes
    first = np.unique(numbers, return_index=True)[1]
    fields = {}
    for field in _KNOWN:
        column = getattr(part, field)
        if column is None:
            continue
        (codes,), _ = as_codes([column])
        known = codes[first][numbers]
        # what is not known of either row, NaN, is the same
        differ = (codes != known) & ((codes == codes) | (known == known))
        if differ.any():
            row = int(np.argmax(differ))
            raise part.source.error(
                f"{field} of id {part.ids[row]!r} differ between its rows, first in "
                f"{_in(part.source, int(first[numbers[row]]))}. Correct one of them.",
                row,
            )
        fields[field] = np.asarray(column)[first]
    there = ~np.isnan(part.values).any(axis=1)
    counts = np.bincount(numbers[there], minlength=len(first))
    sums = [np.bincount(numbers[there], v, len(first)) for v in part.values[there].T]
    with np.errstate(invalid="ignore"):
        values = np.column_stack(sums) / counts[:, None]
    return replace(
        part, source=part.source.take(first), ids=part.ids[first], values=values, **fields
    )
