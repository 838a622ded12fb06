"""What tables say is true of each label of a panel, and of which group a sample is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sklearn_logitprod._text import option, plain, warn
from sklearn_logitprod.io._ids import alike_without, stripped

_CODES = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0, "false": 0.0, "true": 1.0}


def told(outputs, tables, labels, id, strip, apart):
    """Outputs with what tables say of each label; without y if none says anything.

    Parameters
    ----------
    outputs : ExpertOutputs
    tables : list of Table
    labels : list of str
    id : str
    strip : tuple of str
    apart : bool
        Whether the truth is a table of its own.

    Returns
    -------
    ExpertOutputs
    """
    y = np.full((len(outputs), len(labels)), np.nan)
    by = np.full((*y.shape, 2), -1)
    said = False
    for number, table in enumerate(tables):
        ids, rows = _places(outputs, table, id, strip)
        if apart:
            _check_shared(outputs, table, ids, rows)
        for j, label in enumerate(labels):
            if label not in table.columns:
                continue
            said = True
            codes = _codes(table, label)
            counted = np.flatnonzero((rows >= 0) & ~np.isnan(codes))
            for code in (0.0, 1.0):
                own = counted[codes[counted] == code]
                differ = ~np.isnan(y[rows[own], j]) & (y[rows[own], j] != code)
                if differ.any():
                    row = int(own[np.argmax(differ)])
                    other, first = by[rows[row], j]
                    raise table.source.error(
                        f"label {label!r} of id {ids[row]!r} is {codes[row]:g}, but "
                        f"{1 - codes[row]:g} in {tables[other].source.where(int(first))}. Correct "
                        "one of them.",
                        row,
                    )
                y[rows[own], j] = code
                by[rows[own], j] = np.column_stack([np.full(len(own), number), own])
    if not said:
        return outputs
    absent = [label for label, own in zip(labels, y.T, strict=True) if np.isnan(own).all()]
    if absent:
        raise ValueError(
            f"label {plain(absent[0])} was tested on no sample that is in the files of the "
            f"experts. Leave it out of {option('labels')}, or check the identifiers."
        )
    nothing = int(np.isnan(y).all(axis=1).sum())
    if apart and nothing:
        warn(f"{nothing} of {len(y)} samples have no label in the table of the truth.")
    return replace(outputs, y=y)


def with_groups(outputs, table, id, strip, group):
    """Outputs with the groups of a table of the truth.

    Parameters
    ----------
    outputs : ExpertOutputs
    table : Table
    id : str
    strip : tuple of str
    group : str
        A column of the table.

    Returns
    -------
    ExpertOutputs
    """
    ids, rows = _places(outputs, table, id, strip)
    groups = np.asarray(table.coded(group, "group"), dtype=object)
    own = {}
    for row, place in enumerate(rows):
        if place >= 0 and groups[row] != "" and own.setdefault(place, groups[row]) != groups[row]:
            raise table.source.error(
                f"the group of id {ids[row]!r} is {groups[row]!r}, but {own[place]!r} in another "
                "row. Correct one of them.",
                row,
            )
    lacking = [k for k in range(len(outputs)) if k not in own]
    if lacking:
        raise table.source.error(
            f"column {group!r} (group) says nothing of {len(lacking)} of {len(outputs)} samples, "
            f"such as id {plain(outputs.ids[lacking[0]])}. Give every sample a group."
        )
    return replace(outputs, groups=np.array([own[k] for k in range(len(outputs))], dtype=str))


def _places(outputs, table, id, strip):
    """Identifiers of a table, and where they are in the outputs: -1 where nowhere."""
    place = {str(name): row for row, name in enumerate(np.asarray(outputs.ids).tolist())}
    ids = table.cells(id)
    ids = np.asarray(stripped(ids, strip) if strip else ids, dtype=object)
    return ids, np.array([place.get(str(name), -1) for name in ids])


def _check_shared(outputs, table, ids, rows):
    """Refuse a table of the truth without any sample of the experts."""
    if (rows >= 0).any():
        return
    own = np.asarray(outputs.ids, dtype=object)
    strips = alike_without(ids.astype(str), own.astype(str))
    advice = (
        "Write ids alike in all files; they are compared as text, letter by letter."
        if strips is None
        else f"Pass {option('id_strip', ','.join(strips))}: they are alike then."
    )
    raise table.source.error(
        f"no id is in the files of the experts: here they look like {ids[0]!r}, there like "
        f"{own[0]!r}. {advice}"
    )


def _codes(table, label):
    """A column of a label as 0, 1 and NaN."""
    texts = table.coded(label, "label")
    known = [text for text in texts.values if text.lower() in _CODES]
    odd = texts.first([*known, ""])
    if odd is not None:
        raise table.source.error(
            f"label {odd[0]!r} in column {label!r} is neither 0 nor 1. Write 1 where it was found, "
            "0 where it was not, and nothing where it was not tested.",
            odd[1],
        )
    codes = [_CODES.get(text.lower(), np.nan) for text in texts.values]
    return np.array([*codes, np.nan])[texts.codes]
