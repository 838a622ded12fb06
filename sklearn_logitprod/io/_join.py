"""From one table per expert to aligned outputs, joined on the identifiers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_logitprod._text import brief, warn
from sklearn_logitprod.io._columns import labels_array, sorted_labels
from sklearn_logitprod.io._source import Source
from sklearn_logitprod.outputs.checks import SUM_TOLERANCE
from sklearn_logitprod.outputs.container import ExpertOutputs

_OUTSIDE = 1e-6
_UNIT = ("proba", "survival")


@dataclass(frozen=True, eq=False)
class Part:
    """What one expert says, and what its file knows of the samples.

    Attributes
    ----------
    source : Source
    ids : list of str
    values : ndarray of shape (n_rows, n_columns), float64
        One column for risks.
    names : list or None
        Class labels (str) or times (float) of the columns; None for risks.
    labels, groups : list of str or None
        Of the samples, where the file has them.
    event : ndarray of shape (n_rows,), bool, or None
    time : ndarray of shape (n_rows,), float64, or None
    """

    source: Source
    ids: list
    values: np.ndarray
    names: list | None = None
    labels: list | None = None
    groups: list | None = None
    event: np.ndarray | None = None
    time: np.ndarray | None = None


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
                "Normalise them, name the columns of all classes with columns=..., or pass "
                "input='logits' for scores.",
                row,
            )


def _outside(values, input):
    if input not in _UNIT:
        return "is infinite. Clip it to a large finite value."
    sums = values.sum(axis=1)
    most = np.nanmax(values)
    percent = np.nanmin(values) >= 0 and 1 < most <= 100.1
    if percent and (most > 2 or np.nanmedian(sums) > 10):
        return "is no probability but looks like percent. Divide by 100."
    other = "logits" if input == "proba" else "hazard_logits"
    return f"lies outside [0, 1]. Correct it, or pass input={other!r} if these are logits."


def _check_ids(part):
    """Refuse an identifier that is in a file twice."""
    first = {}
    for row, name in enumerate(part.ids):
        if name in first:
            raise part.source.error(
                f"id {name!r} is there twice, first in {part.source.place(first[name])}. Keep one "
                "row per sample, for instance the mean over its tiles.",
                row,
            )
        first[name] = row
    return first


def _check_names(parts, what):
    """Refuse files with other classes or times than the first file."""
    first = parts[0]
    for part in parts[1:]:
        if set(part.names) != set(first.names):
            odd = sorted(set(part.names) ^ set(first.names))
            raise part.source.error(
                f"{what} are {brief(sorted(part.names))}, in {first.source.path} they are "
                f"{brief(sorted(first.names))}: {brief(odd)} in one alone. Give every expert all "
                "of them, or name the columns with columns=...."
            )


def join(parts, input, how, sort=True):
    """Aligned outputs of all experts.

    Parameters
    ----------
    parts : list of Part
    input : str
        As in `ExpertOutputs`.
    how : {"inner", "outer", "same"}
        Samples that are in all files; in any, NaN where an expert is missing; or the
        files must have the same samples.
    sort : bool, default=True
        Whether classes are sorted; else they keep the order of the first file.

    Returns
    -------
    ExpertOutputs
        Rows in the order of the first file, further ones in that of the next.

    Raises
    ------
    ValueError
        If files disagree about a sample, or have no sample in common.
    """
    if how not in ("inner", "outer", "same"):
        raise ValueError(f"how={how!r} is unknown; it is 'inner' or 'outer'.")
    rows = [_check_ids(part) for part in parts]
    names = parts[0].names
    of_times = input in ("survival", "hazard_logits")
    if names is not None:
        _check_names(parts, "times" if of_times else "classes")
    if of_times:
        names = sorted(names)
    elif names is not None and sort:
        names = sorted_labels(names)
    ids = list(dict.fromkeys(name for part in parts for name in part.ids))
    at = np.array([[found.get(name, -1) for found in rows] for name in ids], dtype=np.intp)
    keep = _kept(parts, ids, at, how)
    ids, at = [name for name, kept in zip(ids, keep, strict=True) if kept], at[keep]
    values = np.full((len(ids), len(parts), parts[0].values.shape[1]), np.nan)
    for m, part in enumerate(parts):
        order = slice(None) if names is None else [part.names.index(name) for name in names]
        here = at[:, m] >= 0
        values[here, m] = part.values[at[here, m]][:, order]
    nowhere = np.isnan(values).all(axis=(1, 2))
    if nowhere.any():
        row = int(np.argmax(nowhere))
        m = int(np.argmax(at[row] >= 0))
        raise parts[m].source.error(
            f"no expert has a value for id {ids[row]!r}. Remove the row from all files.",
            at[row, m],
        )
    return ExpertOutputs(
        values[:, :, 0] if names is None else values,
        input,
        [part.source.expert for part in parts],
        classes=None if of_times or names is None else labels_array(names),
        y=_target(parts, ids, at, names),
        ids=np.array(ids, dtype=str),
        groups=_agreed(parts, ids, at, "groups", "group"),
        times=np.array(names, dtype=np.float64) if of_times else None,
    )


def _kept(parts, ids, at, how):
    """Which samples stay, with a warning about those that do not."""
    everywhere = (at >= 0).all(axis=1)
    if how == "same" and not everywhere.all():
        row = int(np.argmin(everywhere))
        without = parts[int(np.argmax(at[row] < 0))].source
        m = int(np.argmax(at[row] >= 0))
        raise parts[m].source.error(
            f"id {ids[row]!r} is not in {without.path}. Experts must have the same samples; write "
            "the outputs of all experts for the same split.",
            at[row, m],
        )
    alone = [m for m in range(len(parts)) if not (at[at[:, m] >= 0] >= 0).sum(axis=1).max() > 1]
    if len(parts) > 1 and (alone or (how == "inner" and not everywhere.any())):
        m = alone[0] if alone else 0
        other = parts[1 if m == 0 else 0]
        text = (
            f"no id is in {'any other file' if alone else 'all files'}: here they look like "
            f"{parts[m].ids[0]!r}, in {other.source.path} like {other.ids[0]!r}. Write ids alike "
            "in all files; they are compared as text, letter by letter."
        )
        if how == "inner":
            raise parts[m].source.error(text)
        warn(str(parts[m].source.error(text)))
    if how == "inner" and not everywhere.all():
        lost = (at >= 0).sum(axis=0) - everywhere.sum()
        losses = ", ".join(
            f"{part.source.path} loses {n} of {len(part.ids)} rows"
            for part, n in zip(parts, lost, strict=True)
        )
        warn(
            f"how='inner' keeps {everywhere.sum()} of {len(ids)} samples, those of all files: "
            f"{losses}. Pass how='outer' to keep all, with NaN where an expert is missing.",
        )
    return everywhere if how == "inner" else np.ones(len(ids), dtype=bool)


def _agreed(parts, ids, at, field, what, same=np.equal):
    """What the files say of each sample, which must be the same; None if none says it."""
    stated = [m for m, part in enumerate(parts) if getattr(part, field) is not None]
    if not stated:
        return None
    columns = {m: np.array(getattr(parts[m], field)) for m in stated}
    agreed = np.zeros(len(ids), dtype=np.result_type(*columns.values()))
    by = np.full(len(ids), -1)
    for m in stated:
        here = at[:, m] >= 0
        mine = np.zeros_like(agreed)
        mine[here] = columns[m][at[here, m]]
        differ = here & (by >= 0) & ~same(mine, agreed)
        if differ.any():
            row = int(np.argmax(differ))
            other = parts[by[row]].source
            raise parts[m].source.error(
                f"the {what} of id {ids[row]!r} is {mine[row].item()!r}, but "
                f"{agreed[row].item()!r} in {other.path}, {other.place(at[row, by[row]])}. Correct "
                "one of them.",
                at[row, m],
            )
        new = here & (by < 0)
        agreed[new], by[new] = mine[new], m
    if (by < 0).any():
        row = int(np.argmax(by < 0))
        m = int(np.argmax(at[row] >= 0))
        raise parts[m].source.error(
            f"the {what} of id {ids[row]!r} is in no file. Add the column to this file, too.",
            at[row, m],
        )
    return agreed


def _target(parts, ids, at, known):
    """Class labels, or structured events and times; None where there are none."""
    labels = _agreed(parts, ids, at, "labels", "label")
    if labels is not None:
        return labels_array(labels.tolist(), known)
    event = _agreed(parts, ids, at, "event", "event")
    if event is None:
        return None
    time = _agreed(parts, ids, at, "time", "time", lambda a, b: np.isclose(a, b, rtol=1e-6))
    y = np.empty(len(ids), dtype=[("event", bool), ("time", np.float64)])
    y["event"], y["time"] = event, time
    return y
