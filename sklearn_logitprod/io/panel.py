"""Reader of tables of several labels, one per expert."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from sklearn_logitprod._text import brief, option, plain, warn
from sklearn_logitprod._typing import Tables
from sklearn_logitprod.io._columns import numeric_columns
from sklearn_logitprod.io._experts import files_of, read_all
from sklearn_logitprod.io._ids import check_strip, stripped
from sklearn_logitprod.io._join import join
from sklearn_logitprod.io._names import beside, meaning, named_alike
from sklearn_logitprod.io._part import Part
from sklearn_logitprod.outputs.container import ExpertOutputs

_CODES = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0, "false": 0.0, "true": 1.0}
_OUTSIDE = 1e-6
_ALONE = ("", "")


def read_panel(
    paths: Tables,
    labels: Sequence[str],
    id: str = "slide_id",
    *,
    truth: Any = None,
    group: str | None = None,
    columns: Mapping[str, Any] | None = None,
    input: Literal["proba", "logits"] = "proba",
    how: Literal["inner", "outer"] = "inner",
    id_strip: str | Sequence[str] | None = None,
    verbose: bool = False,
) -> ExpertOutputs:
    r"""Read outputs for several labels, from one table per expert with a column per label.

    Parameters
    ----------
    paths : dict of str to path or DataFrame, or sequence of paths
        A table for each expert, as :func:`read_tables` takes them; experts of a sequence are
        named after their files.
    labels : sequence of str
        Names of the labels.
    id : str, default="slide_id"
        Column of identifiers, by which tables are joined.
    truth : path, DataFrame, False or None, default=None
        A table with the identifiers and a column called as each label: 0 or 1 (or false and
        true), empty where it was not tested. None: such columns of the experts' tables are the
        truth. False: nothing is, as for new samples.
    group : str, optional
        Column of groups of dependent samples, in the tables of experts.
    columns : dict of str to str, optional
        Column of each label; or of each expert such a dict. By default the columns that are
        called as all labels with the same before and after, such as ``prob_TP53`` and
        ``prob_KRAS``; unless these would be the truth also just ``TP53`` and ``KRAS``.
    input : {"proba", "logits"}, default="proba"
        Whether values are probabilities or log-odds of the labels.
    how : {"inner", "outer"}, default="inner"
        Keep the samples that are in all tables of experts, or all of them, with NaN where an
        expert is missing. An empty cell is always NaN.
    id_strip : str or list of str, optional
        What does not count in identifiers, as in :func:`read_tables`.
    verbose : bool, default=False
        A line on standard error says how each file was read.

    Returns
    -------
    ExpertOutputs
        With ``input="label_proba"`` or ``"label_logits"``, the labels as classes, and y of shape
        (n_samples, n_labels), NaN where a label was not tested; None if nothing says the truth.

    Raises
    ------
    ValueError
        If a file cannot be read, a label has no column or several, or tables disagree.

    See Also
    --------
    read_tables : One label, of two or more classes.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_logitprod.io import read_panel
    >>> uni = pd.DataFrame({"slide_id": ["a", "b"], "p_TP53": [0.9, 0.2], "p_KRAS": [0.1, 0.4]})
    >>> conch = pd.DataFrame({"slide_id": ["b", "a"], "p_TP53": [0.3, 0.8], "p_KRAS": [0.5, 0.2]})
    >>> truth = pd.DataFrame({"slide_id": ["a", "b"], "TP53": [1, 0], "KRAS": [0, None]})
    >>> outputs = read_panel({"uni": uni, "conch": conch}, ["TP53", "KRAS"], truth=truth)
    >>> outputs.values[0].tolist(), outputs.y.tolist()
    ([[0.9, 0.1], [0.8, 0.2]], [[1.0, 0.0], [0.0, nan]])
    """
    if input not in ("proba", "logits"):
        raise ValueError(f"input={input!r} is unknown; it is 'proba' or 'logits'.")
    labels = [str(label) for label in labels]
    if not labels or len(set(labels)) < len(labels):
        raise ValueError(f"{option('labels', labels)} must name each label once, one at least.")
    strip = check_strip(id_strip)
    files, _ = files_of(paths)
    tables = read_all(files, id, input, {group, *labels} - {None})
    several = next((name for name, own in tables.items() if len(own) > 1), None)
    if several is not None:
        raise ValueError(f"expert {several!r} has several files, but a panel is read from one.")
    known = {name: own for name, (own,) in tables.items()}
    parts, said = [], []
    for name, table in known.items():
        named = _columns_of(table, labels, columns, input, group, id, truth is not None)
        if verbose:
            shown = ", ".join(f"{column} -> {label}" for label, column in list(named.items())[:4])
            print(f"{table.source.path} (expert {name}): {shown}", file=sys.stderr)
        parts.append(_part(table, named, input, id, group, strip))
        if truth is None:
            said.append(table)
    if truth is False:
        return join(parts, f"label_{input}", how, sort=False)
    if truth is not None:
        of_truth = files_of({"truth": truth})[0]
        own = read_all(of_truth, id, input, set(labels))["truth"][0]
        for label in labels:
            own.need(label, "truth")
        said = [own]
    outputs = join(parts, f"label_{input}", how, sort=False)
    return _with_truth(outputs, said, labels, id, strip, truth is not None)


def _columns_of(table, labels, columns, input, group, id, alone):
    """Column of each label."""
    if columns is not None:
        own = columns.get(table.source.expert, columns)
        if not isinstance(own, Mapping):
            raise table.source.error(
                f"{option('columns')} says nothing of its columns: name one for each label, or "
                "such a dict for each expert."
            )
        lacking = [label for label in labels if not isinstance(own.get(label), str)]
        if lacking:
            raise table.source.error(f"{option('columns')} names no column of {brief(lacking)}.")
        for label in labels:
            table.need(own[label], "columns")
        return {label: own[label] for label in labels}
    names = numeric_columns(table, {id, group})
    found = {
        affixes: named
        for affixes, named in named_alike(names, labels).items()
        if not beside("_".join(affixes)) and (alone or affixes != _ALONE)
    }
    if len(found) > 1:
        # beside columns that say they are outputs of labels, those of the labels are the truth
        found.pop(_ALONE, None)
    advice = f"Say which column is of which label, {option('columns', {labels[0]: '...'})}."
    if not found:
        raise table.source.error(
            f"no columns are called as all labels {brief(labels)} with the same before and after, "
            f"such as {'prob' if input == 'proba' else 'logit'}_{labels[0]}; there are "
            f"{brief(names)}. {advice}"
        )
    if len(found) > 1:
        shown = [named[labels[0]] for named in found.values()]
        raise table.source.error(
            f"label {labels[0]!r} may belong to any of the columns {brief(shown)}. {advice}"
        )
    (((before, after), named),) = found.items()
    if meaning(f"{before}_{after}") not in (None, input):
        raise table.source.error(
            f"column {named[labels[0]]!r} does not look like {option('input', input)} by its name. "
            "Pass the input that it is, or name the columns."
        )
    return named


def _part(table, named, input, id, group, strip):
    """What the table of an expert says."""
    table.texts(id, "id")
    values = np.column_stack([table.numbers(column) for column in named.values()])
    outside = np.isinf(values)
    if input == "proba":
        outside |= (values < -_OUTSIDE) | (values > 1.0 + _OUTSIDE)
    if outside.any():
        row, column = np.argwhere(outside)[0]
        what = "a probability" if input == "proba" else "a finite number"
        raise table.source.error(
            f"{values[row, column]:.6g} for label {list(named)[column]!r} is not {what}. Correct "
            "it, or leave the cell empty.",
            int(row),
        )
    ids = table.cells(id)
    groups = None
    if group is not None and group in table.columns:
        groups = table.coded(group, "group", complete=True)
    return Part(
        table.source, stripped(ids, strip) if strip else ids, values, list(named), None, groups
    )


def _with_truth(outputs, tables, labels, id, strip, needed):
    """Outputs with what tables say of each label; without y if none says anything."""
    place = {name: row for row, name in enumerate(np.asarray(outputs.ids).tolist())}
    y = np.full((len(outputs), len(labels)), np.nan)
    by = np.full(y.shape, -1)
    told = False
    for number, table in enumerate(tables):
        ids = table.cells(id)
        ids = np.asarray(stripped(ids, strip) if strip else ids, dtype=object)
        rows = np.array([place.get(str(name), -1) for name in ids])
        for j, label in enumerate(labels):
            if label not in table.columns:
                continue
            told = True
            codes = _codes(table, label)
            counted = np.flatnonzero((rows >= 0) & ~np.isnan(codes))
            before = y[rows[counted], j]
            differ = ~np.isnan(before) & (before != codes[counted])
            if differ.any():
                row = int(counted[np.argmax(differ)])
                other = tables[by[rows[row], j]].source.path
                raise table.source.error(
                    f"label {label!r} of id {ids[row]!r} is {codes[row]:g}, but "
                    f"{1 - codes[row]:g} in {other}. Correct one of them.",
                    row,
                )
            y[rows[counted], j] = codes[counted]
            by[rows[counted], j] = number
    if not told:
        return outputs
    absent = [label for label, own in zip(labels, y.T, strict=True) if np.isnan(own).all()]
    if absent:
        raise ValueError(
            f"label {plain(absent[0])} was tested on no sample that is in the files of the "
            f"experts. Leave it out of {option('labels')}, or check the identifiers."
        )
    nothing = int(np.isnan(y).all(axis=1).sum())
    if needed and nothing:
        warn(f"{nothing} of {len(y)} samples have no label in the table of the truth.")
    return ExpertOutputs(
        outputs.values,
        outputs.input,
        outputs.expert_names,
        outputs.classes,
        y,
        outputs.ids,
        outputs.groups,
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
