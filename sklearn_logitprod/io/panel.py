"""Reader of tables of several labels, one per expert."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from sklearn_logitprod._text import brief, option
from sklearn_logitprod._typing import Tables
from sklearn_logitprod.io._barcodes import mention_patients
from sklearn_logitprod.io._columns import free_columns
from sklearn_logitprod.io._doubts import doubt_hard
from sklearn_logitprod.io._experts import files_of, read_all
from sklearn_logitprod.io._ids import check_strip, stripped
from sklearn_logitprod.io._join import join
from sklearn_logitprod.io._names import beside, denies, meaning, named_alike
from sklearn_logitprod.io._panel_truth import told, with_groups
from sklearn_logitprod.io._part import Part
from sklearn_logitprod.outputs.container import ExpertOutputs

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
        Column of groups of dependent samples, in the tables of experts or in that of the truth.
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
    if isinstance(labels, str):
        raise ValueError(f"{option('labels', labels)} is one text: pass a list of labels.")
    labels = [str(label) for label in labels]
    if not all(labels) or not labels or len(set(labels)) < len(labels):
        raise ValueError(f"{option('labels', labels)} must name each label once, one at least.")
    strip = check_strip(id_strip)
    files, _ = files_of(paths)
    tables = read_all(files, id, input, {group, *labels} - {None})
    several = next((name for name, own in tables.items() if len(own) > 1), None)
    if several is not None:
        raise ValueError(f"expert {several!r} has several files, but a panel is read from one.")
    known = {name: own for name, (own,) in tables.items()}
    named = {
        name: _columns_of(table, labels, columns, input, group, id, truth is not None)
        for name, table in known.items()
    }
    said = list(known.values()) if truth is None else []
    every = list(known.values())
    if truth is not None and truth is not False:
        of_truth = files_of({"truth": truth})[0]
        own = read_all(of_truth, id, input, {group, *labels} - {None})["truth"][0]
        for label in labels:
            own.need(label, "truth")
        own.texts(id, "id")
        said = [own]
        every.append(own)
    if group is not None and not any(group in table.columns for table in every):
        every[0].need(group, "group")
    if group is None and said:
        mention_patients(every, {id, *labels})
    if verbose:
        for name, table in known.items():
            shown = ", ".join(
                f"{column} -> {label}" for label, column in [*named[name].items()][:4]
            )
            print(f"{table.source.path} (expert {name}): {shown}", file=sys.stderr)
    parts = [_part(table, named[name], input, id, group, strip) for name, table in known.items()]
    outputs = join(parts, f"label_{input}", how, sort=False)
    if not said:
        return outputs
    outputs = told(outputs, said, labels, id, strip, truth is not None)
    if group is not None and not any(group in table.columns for table in known.values()):
        outputs = with_groups(outputs, said[0], id, strip, group)
    return outputs


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
            if not alone and own[label] in labels:
                raise table.source.error(
                    f"{option('columns')} names {own[label]!r}, but columns that are called as the "
                    "labels are the truth here. Pass the table that says what is true, "
                    f"{option('truth', 'FILE')}, or rename the column."
                )
        chosen = [own[label] for label in labels]
        twice = next((name for name in chosen if chosen.count(name) > 1), None)
        if twice is not None:
            raise table.source.error(
                f"{option('columns')} names {twice!r} for more than one label: each has a column "
                "of its own."
            )
        return dict(zip(labels, chosen, strict=True))
    names = [
        name
        for name in free_columns(table, {id, group})
        if table.is_numeric(name) or _is_empty(table, name)
    ]
    alike = named_alike(names, labels)
    denied = [affixes for affixes in alike if denies("_".join(affixes))]
    found = {
        affixes: named
        for affixes, named in alike.items()
        if affixes not in denied and not beside("_".join(affixes)) and (alone or affixes != _ALONE)
    }
    if len(found) > 1:
        # beside columns that say they are outputs of labels, those of the labels are the truth
        found.pop(_ALONE, None)
    advice = f"Say which column is of which label, {option('columns', {labels[0]: '...'})}."
    if not found and denied:
        raise table.source.error(
            f"column {alike[denied[0]][labels[0]]!r} is by its name of samples without the label, "
            f"and {option('input', input)} is that of the label. {advice}"
        )
    if not found and _ALONE in alike:
        raise table.source.error(
            f"columns that are called as the labels, {brief(labels)}, are the truth unless it is "
            f"in a table of its own, {option('truth', 'FILE')}. If they are, name the outputs."
        )
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


def _is_empty(table, name):
    """Whether a column says nothing, as of a label that the expert does not know."""
    column = table.columns[name]
    if column.dtype.kind == "f":
        return bool(np.isnan(column).all())
    return column.dtype.kind not in "biu" and not set(table.coded(name).values) - {""}


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
    if input == "proba":
        for label, own in zip(named, values.T, strict=True):
            doubt_hard(table, own[:, None], [named[label]])
    ids = table.cells(id)
    if strip:
        ids = stripped(ids, strip)
    twice = np.flatnonzero(pd.Series(ids).duplicated())
    if len(twice):
        raise table.source.error(
            f"id {ids[twice[0]]!r} is there twice. Keep one row per sample.", int(twice[0])
        )
    groups = None
    if group is not None and group in table.columns:
        groups = table.coded(group, "group", complete=True)
    return Part(table.source, ids, values, list(named), None, groups)
