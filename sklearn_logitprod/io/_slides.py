"""Slides of several encoders and of the labels, matched by their identifiers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from sklearn_logitprod._text import option, warn
from sklearn_logitprod.io._encoders import Bags
from sklearn_logitprod.io._ids import Ids, alike_without
from sklearn_logitprod.outputs.embeddings import Embeddings

_TERMINAL_LINES, _LINES = 1000, 10


def matched(found, truth):
    """Encoders with the slides that the labels name, in their order.

    Parameters
    ----------
    found : dict of str to (Bags or Matrix)
    truth : Truth or None

    Returns
    -------
    dict of str to (Bags or Matrix)
    left_out : dict of str to int
        How many slides of each encoder the labels do not name.

    Raises
    ------
    ValueError
        If a slide of an encoder is there twice, or an encoder has none in common with the
        labels; without these, with any other encoder.

    Warns
    -----
    UserWarning
        If slides of an encoder are left out.
    """
    tables = {name: _once(own) for name, own in found.items()}
    if truth is None:
        _refuse_strangers(found)
        return found, {}
    kept, left_out, wanted = {}, {}, Ids(truth.ids)
    for name, own in found.items():
        rows = tables[name].rows_of(wanted)
        here = rows >= 0
        if not here.any():
            raise own.error(
                f"none of {len(own.ids)} slides is in {truth.source.path}: here they look like "
                f"{own.ids[0]!r}, there like {truth.ids[0]!r}. {_advice(own.ids, truth.ids)}",
                0,
            )
        left_out[name] = len(own.ids) - int(here.sum())
        if left_out[name]:
            lost = np.delete(own.ids, rows[here])
            near = alike_without(lost, truth.ids[~here]) if not here.all() else None
            warn(
                f"{own.source.path} (expert {name!r}): {len(lost)} of {len(own.ids)} slides are "
                f"not in {truth.source.path} and are left out, such as {lost[0]!r}."
                + ("" if near is None else f" {_strip(near)}")
            )
        kept[name] = own.take(rows[here])
    return kept, left_out


def _once(own):
    """Identifiers of an encoder, each of which is there once."""
    ids = Ids(own.ids)
    twice = ids.twice()
    if twice is not None:
        row, first = twice
        raise own.error(
            f"slide {own.ids[row]!r} is there twice, first in {own.place(first)}. Keep one row or "
            "file per slide; features of patches go into one file per slide.",
            row,
        )
    return ids


def _refuse_strangers(found):
    """Refuse an encoder that has no slide in common with any other one."""
    for name, own in found.items():
        others = [set(other.ids) for key, other in found.items() if key != name]
        if others and not set(own.ids) & set.union(*others):
            first = next(other for key, other in found.items() if key != name)
            raise own.error(
                f"none of {len(own.ids)} slides is in any other encoder: here they look like "
                f"{own.ids[0]!r}, in {first.source.path} like {first.ids[0]!r}. "
                f"{_advice(own.ids, first.ids)}",
                0,
            )


def _advice(ids, others):
    """What to do where identifiers have nothing in common."""
    what = alike_without(ids, others)
    if what is not None:
        return _strip(what)
    beginnings = tuple(f"{other}{end}" for other in others for end in "-_.")
    if any(str(one).startswith(beginnings) for one in ids):
        return (
            "Identifiers of the latter, such as patients, begin those of slides: write a row for "
            f"each slide, with its patient in a column that {option('group')} names."
        )
    return "Write ids alike everywhere; they are compared as text, letter by letter."


def _strip(what):
    return f"Pass {option('id_strip', ','.join(what))}: some are alike then."


def refuse_same(found):
    """Refuse two encoders that are the same files and arrays.

    Parameters
    ----------
    found : dict of str to (Bags or Matrix)
    """
    seen = {}
    for name, own in found.items():
        bag = own.bags[0] if isinstance(own, Bags) else None
        what = (own.source.path, None) if bag is None else (bag.source.path, bag.array)
        if what in seen and (bag is not None or not own.source.path.startswith("frame of")):
            raise own.source.error(
                f"these are the features of {seen[what]!r}, too. Name each encoder once."
            )
        seen[what] = name


def joined(found, truth, id, pool, left_out, progress=None):
    """Features of all encoders beside each other, pooled.

    Parameters
    ----------
    found : dict of str to (Bags or Matrix)
        With slides that the labels name alone.
    truth : Truth or None
    id : str
        What the index is called.
    pool : {"mean", "mean_std"}
    left_out : dict of str to int
    progress : Progress, optional

    Returns
    -------
    Embeddings

    Warns
    -----
    UserWarning
        If no encoder has a slide of the labels.
    """
    everywhere = [own.ids for own in found.values()]
    ids = truth.ids if truth is not None else list(dict.fromkeys(np.concatenate(everywhere)))
    wanted = Ids(np.asarray(ids, dtype=object))
    at = {name: Ids(own.ids).rows_of(wanted) for name, own in found.items()}
    there = np.any([rows >= 0 for rows in at.values()], axis=0)
    columns, blocks, patches = [], [], {}
    for name, own in found.items():
        values, names, counts = own.values(pool, _told(name, progress))
        block = np.full((len(ids), len(names)), np.nan, dtype=np.float32)
        block[at[name] >= 0] = values[at[name][at[name] >= 0]]
        blocks.append(block[there])
        _refuse_copy(own, blocks, list(found))
        columns += [(name, feature) for feature in names]
        counted = np.where(at[name] >= 0, counts[at[name]], 0)
        patches[name] = counted[there]
    index = pd.Index(wanted.texts[there], name=id)
    X = pd.DataFrame(
        np.concatenate(blocks, axis=1),
        index=index,
        columns=pd.MultiIndex.from_tuples(columns, names=["encoder", "feature"]),
    )
    embeddings = Embeddings(X, patches=pd.DataFrame(patches, index=index), left_out=left_out)
    if truth is None:
        return embeddings
    if not there.all():
        row = int(np.argmin(there))
        warn(
            f"{(~there).sum()} of {len(there)} rows have features of no encoder and are left out, "
            f"the first of them {truth.source.where(row)}: {truth.ids[row]!r}."
        )
    return replace(
        embeddings,
        y=None if truth.y is None else truth.y[there],
        groups=None if truth.groups is None else truth.groups[there],
        task_name=truth.task_name,
        left_out=left_out | {"labels": int((~there).sum())},
    )


def _refuse_copy(own, blocks, names):
    """Refuse an encoder, the last one so far, whose features are those of one before."""
    *others, last = blocks
    for block, name in zip(others, names, strict=False):
        if block.shape != last.shape:
            continue
        both = ~np.isnan(block[:, 0]) & ~np.isnan(last[:, 0])
        if both.any() and np.array_equal(block[both], last[both]):
            raise own.source.error(
                f"its features are those of {name!r}, on all {both.sum()} slides that have both. "
                "Name each encoder once, with the folder of its own."
            )


def _told(name, progress):
    """What tells progress of the slides of an encoder, on a terminal often, elsewhere seldom."""
    if progress is None:
        return None

    def tell(done, n):
        lines = _TERMINAL_LINES if progress.is_terminal else _LINES
        if done == n or done % max(1, n // lines) == 0:
            progress(f"{name}: {done:,} of {n:,} slides")

    return tell
