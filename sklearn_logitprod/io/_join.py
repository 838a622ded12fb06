"""From one table per expert to aligned outputs, joined on the identifiers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from joblib import cpu_count

from sklearn_logitprod._text import Elsewhere, option, warn
from sklearn_logitprod.io._columns import labels_array, sorted_labels
from sklearn_logitprod.io._ids import Ids, alike_without, as_array, same_texts
from sklearn_logitprod.io._part import as_codes, check_ids, check_names
from sklearn_logitprod.io._table import as_texts
from sklearn_logitprod.io._text_files import PARSING
from sklearn_logitprod.outputs.container import ExpertOutputs

_AT_A_TIME = 1 << 16


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
    ids, at = _placed(parts)
    names = parts[0].names
    of_times = input in ("survival", "hazard_logits")
    if names is not None:
        check_names(parts, "times" if of_times else "classes")
    if of_times:
        names = sorted(names)
    elif names is not None and sort:
        names = sorted_labels(names)
    keep = _kept(parts, ids, at, how)
    if not keep.all():
        ids, at = ids[keep], at[keep]
    y, known = _target(parts, ids, at, names, how)
    if not known.all():
        ids, at, y = ids[known], at[known], y[known]
    groups = _agreed(parts, ids, at, "groups", "group")
    values, sources = _values(parts, at, names), [part.source for part in parts]
    del parts
    missing = np.isnan(values)
    if missing.any() and (nowhere := missing.all(axis=(1, 2))).any():
        row = int(np.argmax(nowhere))
        m = int(np.argmax(at[row] >= 0))
        raise sources[m].error(
            f"no expert has a value for id {ids[row]!r}. Remove the row from all files.",
            at[row, m],
        )
    return ExpertOutputs(
        values[:, :, 0] if names is None else values,
        input,
        [source.expert for source in sources],
        classes=None if of_times or names is None or input == "mean_std" else labels_array(names),
        y=y,
        ids=as_array(ids, each),
        groups=None if groups is None else np.asarray(groups.of(np.array), dtype=str),
        times=np.array(names, dtype=np.float64) if of_times else None,
    )


def each(function, items):
    """Results of a function of each item, in threads: what it calls mostly runs beside others."""
    n_threads = min(cpu_count(), len(items))
    if n_threads < 2:
        return [function(item) for item in items]
    # of several errors the first in order counts, and no thread goes on when this is left
    with PARSING, ThreadPoolExecutor(n_threads) as pool:
        found = list(pool.map(Elsewhere(function), items))
    for one in (one for _, warnings in found for one in warnings):
        warn(*one)
    return [result for result, _ in found]


def _values(parts, at, names):
    """Values of all experts, their columns in one order: (n_samples, n_experts, n_columns)."""
    values = np.empty((len(at), len(parts), parts[0].values.shape[1]))

    orders = [
        slice(None) if part.names == names else [part.names.index(name) for name in names]
        for part in parts
    ]

    def fill(start):
        # rows of all experts, so that no two threads write to one page of memory
        some = slice(start, start + _AT_A_TIME)
        for m, (part, order) in enumerate(zip(parts, orders, strict=True)):
            rows = at[some, m]
            own = part.values.take(rows, axis=0)
            own[rows < 0] = np.nan
            values[some, m] = own[:, order]

    each(fill, range(0, len(at), _AT_A_TIME))
    return values


def _placed(parts):
    """Identifiers of all samples, and the row of each in each file, -1 where it is not."""
    texts = [as_texts(part.ids) for part in parts]
    known = Ids(texts[0])
    check_ids(parts[0], known)

    def look(m):
        if same_texts(texts[m], texts[0]):
            return np.arange(len(known), dtype=np.int32), None
        own = Ids(texts[m])
        column = _inverse(known.rows_of(own), len(known))
        if np.count_nonzero(column >= 0) == len(own):
            # identifiers take more memory than texts: they go where all were found
            return column, None
        check_ids(parts[m], own)
        return column, own

    columns = []
    for column, own in each(look, range(len(parts))):
        if own is not None:
            rows = known.rows_of(own)
            new = np.flatnonzero(rows < 0).astype(np.int32)
            column = np.r_[_inverse(rows, len(known)), new]
            if len(new):
                both = (np.asarray(t, dtype=object) for t in (known.texts, own.texts[new]))
                known = Ids(as_texts(np.concatenate([*both])))
        columns.append(column)
    at = np.full((len(parts), len(known)), -1, dtype=np.int32)
    for m, column in enumerate(columns):
        at[m, : len(column)] = column
    return known.texts, at.T


def _inverse(rows, n_known):
    """Where each known row is among `rows`, -1 where it is not."""
    found = np.full(n_known + 1, -1, dtype=np.int32)
    # what is not known goes to the end, and is cut off
    found[rows] = np.arange(len(rows), dtype=np.int32)
    return found[:-1]


def _kept(parts, ids, at, how):
    """Which samples stay, with a warning about those that do not."""
    everywhere = (at >= 0).all(axis=1)
    if everywhere.all():
        return everywhere
    if how == "same":
        row = int(np.argmin(everywhere))
        without = parts[int(np.argmax(at[row] < 0))].source
        m = int(np.argmax(at[row] >= 0))
        raise parts[m].source.error(
            f"id {ids[row]!r} is not in {without.path}. Experts must have the same samples; "
            "write the outputs of all experts for the same split.",
            at[row, m],
        )
    shared = (at >= 0).sum(axis=1) > 1
    alone = [m for m in range(len(parts)) if not shared[at[:, m] >= 0].any()]
    if alone or (how == "inner" and not everywhere.any()):
        m = alone[0] if alone else 0
        other = parts[1 if m == 0 else 0]
        text = (
            f"no id is in {'any other file' if alone else 'all files'}: here they look like "
            f"{parts[m].ids[0]!r}, in {other.source.path} like {other.ids[0]!r}. "
            + (_strip(parts[m].ids, other.ids) or _ALIKE)
        )
        if how == "inner":
            raise parts[m].source.error(text)
        warn(str(parts[m].source.error(text)))
    if how == "inner":
        lost = (at >= 0).sum(axis=0) - everywhere.sum()
        losses = ", ".join(
            f"{part.source.path} loses {n} of {len(part.ids)} rows"
            for part, n in zip(parts, lost, strict=True)
        )
        warn(
            f"{option('how', 'inner')} keeps {everywhere.sum()} of {len(ids)} samples, those of "
            f"all files: {losses}. Pass {option('how', 'outer')} to keep all, with NaN where an "
            f"expert is missing. {_near_misses(parts, ids, at)}".strip(),
        )
    return everywhere if how == "inner" else np.ones(len(ids), dtype=bool)


_ALIKE = "Write ids alike in all files; they are compared as text, letter by letter."


def _strip(first, second):
    """What to pass where identifiers would be alike without what only some writers add."""
    what = alike_without(first, second)
    if what is None:
        return ""
    return f"Pass {option('id_strip', ','.join(what))}: they are alike then."


def _near_misses(parts, ids, at):
    """Whether lost samples of two files would be the same ones, were they written alike."""
    for m, other in combinations(range(len(parts)), 2):
        mine = ids[(at[:, m] >= 0) & (at[:, other] < 0)]
        theirs = ids[(at[:, m] < 0) & (at[:, other] >= 0)]
        advice = len(mine) and len(theirs) and _strip(mine, theirs)
        if advice:
            return f"Some look alike, such as {mine[0]!r} and {theirs[0]!r}. {advice}"
    return ""


@dataclass(frozen=True, eq=False)
class _Agreed:
    """What the files say of each sample.

    Attributes
    ----------
    values : ndarray of shape (n_samples,)
        Numbers; or positions in `texts`.
    known : ndarray of shape (n_samples,), bool
    texts : list of str or None
    """

    values: np.ndarray
    known: np.ndarray
    texts: list | None

    def of(self, array):
        """Values, texts by way of the array that a function makes of them."""
        if self.texts is None:
            return self.values
        # of what is not known nothing is read
        return array(self.texts)[np.where(self.known, self.values, 0)]


def _agreed(parts, ids, at, field, what, same=np.equal, complete=True):
    """What the files say of each sample, which must be the same; None if none says it."""
    stated = [m for m, part in enumerate(parts) if getattr(part, field) is not None]
    if not stated:
        return None
    columns, texts = as_codes([getattr(parts[m], field) for m in stated])
    agreed = np.zeros(len(ids), dtype=np.result_type(*columns))
    by = np.full(len(ids), -1, dtype=np.min_scalar_type(-len(parts)))
    for m, column in zip(stated, columns, strict=True):
        mine = column[at[:, m]]
        here = at[:, m] >= 0
        here &= ~np.isnan(mine) if texts is None else mine >= 0
        differ = here & (by >= 0) & ~same(mine, agreed)
        if differ.any():
            row = int(np.argmax(differ))
            own, others = (
                v[row].item() if texts is None else texts[v[row]] for v in (mine, agreed)
            )
            there = parts[by[row]].source.where(at[row, by[row]])
            raise parts[m].source.error(
                f"the {what} of id {ids[row]!r} is {own!r}, but {others!r} in {there}. "
                "Correct one of them.",
                at[row, m],
            )
        new = here & (by < 0)
        np.copyto(agreed, mine, where=new)
        np.copyto(by, m, where=new)
    known = by >= 0
    if complete and not known.all():
        row = int(np.argmin(known))
        m = int(np.argmax(at[row] >= 0))
        raise parts[m].source.error(
            f"the {what} of id {ids[row]!r} is in no file. Add the column to this file, too.",
            at[row, m],
        )
    return _Agreed(agreed, known, texts)


def _target(parts, ids, at, names, how):
    """Labels, values, or structured events and times, None where there are none; and whose."""
    complete = how != "outer"
    labels = _agreed(parts, ids, at, "labels", "label", complete=complete)
    if labels is not None:
        return labels.of(lambda texts: labels_array(texts, names)), _told(labels.known, "label")
    value = _agreed(parts, ids, at, "value", "target", _same_number, complete)
    if value is not None:
        return value.values, _told(value.known, "target")
    event = _agreed(parts, ids, at, "event", "event", complete=complete)
    if event is None:
        return None, np.ones(len(ids), dtype=bool)
    time = _agreed(parts, ids, at, "time", "time", _same_number, complete)
    y = np.empty(len(ids), dtype=[("event", bool), ("time", np.float64)])
    y["event"], y["time"] = event.values, time.values
    return y, _told(event.known & time.known, "event and time")


def _same_number(one, other):
    """Whether numbers are the same but for the digits that were written."""
    return np.isclose(one, other, rtol=1e-6)


def _told(known, what):
    """Which samples have a truth, with a warning about those that do not."""
    if not known.all():
        warn(
            f"{(~known).sum()} of {len(known)} samples have no {what} in any file and are left out."
        )
    return known
