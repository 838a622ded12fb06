"""Reader of tables, one per expert."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from sklearn_logitprod._text import brief
from sklearn_logitprod._typing import Paths
from sklearn_logitprod.io._columns import class_columns, risk_column, sorted_labels, time_columns
from sklearn_logitprod.io._formats import read_table
from sklearn_logitprod.io._join import Part, check_values, join
from sklearn_logitprod.io._source import Source, named_paths
from sklearn_logitprod.outputs.container import ExpertOutputs

_EVENTS = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True}
_INPUTS = ("proba", "logits", "risk", "survival", "hazard_logits")


def read_tables(
    paths: Paths,
    id: str = "slide_id",
    *,
    label: str | None = None,
    group: str | None = None,
    columns: Mapping[Any, Any] | Sequence[str] | str | None = None,
    input: Literal["proba", "logits", "risk", "survival", "hazard_logits"] = "proba",
    how: Literal["inner", "outer"] = "inner",
    event: str | None = None,
    time: str | None = None,
    classes: Sequence[Any] | None = None,
) -> ExpertOutputs:
    r"""Read one table per expert, joined on the identifiers of the samples.

    CSV and TSV (UTF-8, also compressed as ``.gz``; separated by commas or semicolons),
    Parquet, and ``.npz`` with one array per column or with an array called as `input`
    of shape (n_rows, n_classes), its labels ``classes`` (or ``times``) and the other
    columns. Rows are matched by `id`, never by position; nothing is dropped silently.

    Parameters
    ----------
    paths : dict of str to path, or list of paths
        The file of each expert. In a list the file's name without extensions names it.
    id : str, default="slide_id"
        Column of identifiers. They are compared as text, exactly as written.
    label : str, optional
        Column of class labels; at least one file has it. None at prediction time.
    group : str, optional
        Column of groups of dependent samples, such as patients.
    columns : dict, list or str, optional
        Which columns hold the outputs. Classes: ``{label: column}``, or a list in the order
        of the sorted labels. By default they are found by the labels: columns are called
        as the labels, or with one prefix and suffix in common (``prob_tumour``,
        ``tumour_prob``, ``p_1``); further columns of the same form are classes, too.
        Without any label all numeric columns are taken, named without what their names
        have in common. In a binary task one column is enough: the probability (or
        log-odds) of the label in its name, else of the second of the sorted labels;
        ``{"normal": None, "tumour": "score"}`` says it. Risk: the column, or
        ``{expert: column}``. Survival and hazard logits: ``{time: column}``; by default
        the columns that are called as times, such as ``12`` or ``t_12``.
    input : {"proba", "logits", "risk", "survival", "hazard_logits"}, default="proba"
        What the values are. Risks are higher for earlier events; survival is the
        probability to be alive at the times.
    how : {"inner", "outer"}, default="inner"
        Keep the samples that are in all files, with a warning about others; or all of
        them, with NaN where an expert is missing.
    event, time : str, optional
        For survival: columns of events (0 or 1, true or false) and of positive times.
    classes : list, optional
        Class labels, if they are known, such as ``model.classes_`` at prediction time;
        columns are then found as with `label`.

    Returns
    -------
    ExpertOutputs
        Labels that are all whole numbers are of int, others of str; classes are sorted,
        or in the order of `columns` or the file where there are no labels. Rows are in
        the order of the first file.

    Raises
    ------
    ValueError
        If a file cannot be read or files disagree: one line that names the file, the
        line (the header is line 1; other formats count rows from 0), the expert, and
        what to do.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sklearn_logitprod.io import read_tables
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> text = "slide_id,label,prob_normal,prob_tumour"
    >>> _ = (folder / "uni.csv").write_text(text + "\ns1,normal,0.9,0.1\ns2,tumour,0.3,0.7\n")
    >>> _ = (folder / "conch.csv").write_text(text + "\ns2,tumour,0.2,0.8\ns1,normal,0.6,0.4\n")
    >>> outputs = read_tables([folder / "uni.csv", folder / "conch.csv"], label="label")
    >>> outputs
    ExpertOutputs(2 samples, 2 experts, classes ['normal', 'tumour'], input='proba')
    >>> outputs.values[0].tolist(), outputs.y.tolist()
    ([[0.9, 0.1], [0.6, 0.4]], ['normal', 'tumour'])
    """
    if input not in _INPUTS:
        raise ValueError(f"input={input!r} is unknown; it is one of {brief(_INPUTS)}.")
    of_classes = input in ("proba", "logits")
    if (event is None) != (time is None):
        raise ValueError("event and time go together: name both columns, or neither.")
    if of_classes and event is not None:
        raise ValueError(f"input={input!r} has classes, not events: name the column of labels.")
    if not of_classes and (label is not None or classes is not None):
        raise ValueError(f"input={input!r} has events: name the columns event=... and time=....")
    tables = [
        read_table(Source(str(path), name), id, input) for name, path in named_paths(paths).items()
    ]
    reserved = {name for name in (id, label, group, event, time) if name is not None}
    for name, what in ((label, "label"), (group, "group"), (event, "event"), (time, "time")):
        if name is not None and not any(name in table.columns for table in tables):
            tables[0].need(name, what)
    labels = [_texts(table, label, "label") for table in tables]
    known = _known(tables, labels, classes)
    parts = []
    for table, own in zip(tables, labels, strict=True):
        values, names = _values(table, reserved, columns, input, known)
        check_values(table.source, values, names, input)
        parts.append(
            Part(
                table.source,
                table.texts(id, "id"),
                values,
                None if input == "risk" else names,
                own,
                _texts(table, group, "group"),
                *_events(table, event, time),
            )
        )
    return join(parts, input, how, sort=known is not None)


def _texts(table, name, what):
    """A column of text, None where it is not asked for or not there."""
    return table.texts(name, what) if name in table.columns else None


def _known(tables, labels, classes):
    """All labels that are known, sorted; None if there are none."""
    if classes is None:
        found = [label for own in labels if own is not None for label in own]
        return sorted_labels(found) if found else None
    known = sorted_labels(map(str, classes))
    for table, own in zip(tables, labels, strict=True):
        for row, text in enumerate(own or ()):
            if text not in known:
                raise table.source.error(
                    f"label {text!r} is none of classes={brief(known)}. Correct the label or add "
                    "it to classes.",
                    row,
                )
    return known


def _values(table, reserved, columns, input, known):
    """Values of shape (n_rows, n_columns), and what the columns are."""
    if input == "risk":
        column = risk_column(table, reserved, columns)
        return table.numbers(column)[:, None], [column]
    if input in ("survival", "hazard_logits"):
        named = time_columns(table, reserved, columns)
        return np.column_stack([table.numbers(c) for c in named.values()]), list(named)
    named = class_columns(table, reserved, known, columns, input)
    values = {name: table.numbers(c) for name, c in named.items() if c is not None}
    for name in named:
        if name not in values:
            other = next(iter(values.values()))
            values[name] = 1.0 - other if input == "proba" else np.where(np.isnan(other), other, 0)
    return np.column_stack([values[name] for name in named]), list(named)


def _events(table, event, time):
    """Events and times of a table, None where it has none."""
    if event not in table.columns or time not in table.columns:
        return None, None
    return read_events(table, event), read_times(table, time)


def read_events(table, name):
    """A column of events: 0 or 1, true or false.

    Parameters
    ----------
    table : Table
    name : str

    Returns
    -------
    ndarray of shape (n_rows,), bool
    """
    texts = table.texts(name, "event")
    for row, text in enumerate(texts):
        if text.lower() not in _EVENTS:
            raise table.source.error(
                f"event {text!r} in column {name!r} is neither 0 nor 1. Write 1 where the event "
                "was observed, 0 where it was not.",
                row,
            )
    return np.array([_EVENTS[text.lower()] for text in texts], dtype=bool)


def read_times(table, name):
    """A column of positive times.

    Parameters
    ----------
    table : Table
    name : str

    Returns
    -------
    ndarray of shape (n_rows,), float64
    """
    times = table.numbers(name)
    bad = ~((times > 0) & (times < np.inf))
    if bad.any():
        row = int(np.argmax(bad))
        raise table.source.error(
            f"time {times[row]:g} in column {name!r} is not positive and finite. Correct it or "
            "remove the row.",
            row,
        )
    return times
