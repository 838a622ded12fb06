"""What a table knows of the samples: classes, values or events, and groups."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_logitprod._text import brief, option
from sklearn_logitprod.io._barcodes import mention_barcodes, mention_patients
from sklearn_logitprod.io._columns import labels_array, refuse_twice
from sklearn_logitprod.io._doubts import doubt_events, doubt_labels
from sklearn_logitprod.io._formats import read_table
from sklearn_logitprod.io._ids import Ids, stripped
from sklearn_logitprod.io._source import Source
from sklearn_logitprod.io.tables import read_events, read_times


@dataclass(frozen=True)
class Asked:
    """Which columns of a table of samples say what.

    Attributes
    ----------
    id : str
    label, value, group, event, time : str or None
    strip : tuple of str
        As `stripped` takes it.
    """

    id: str
    label: str | None = None
    value: str | None = None
    group: str | None = None
    event: str | None = None
    time: str | None = None
    strip: tuple = ()

    def __post_init__(self):
        if (self.event is None) != (self.time is None):
            raise ValueError("event and time go together: name both columns, or neither.")
        several = [n for n in ("label", "value", "event") if getattr(self, n) is not None]
        if len(several) > 1:
            raise ValueError(
                f"{' and '.join(several)} are of different tasks: name classes with "
                f"{option('label')}, numbers with {option('value')}, or {option('event')} and "
                f"{option('time')}."
            )
        names = ("id", "label", "value", "event", "time", "group")
        refuse_twice({name: getattr(self, name) for name in names})

    @property
    def columns(self):
        """Names of the columns that are asked for."""
        own = (self.label, self.value, self.group, self.event, self.time)
        return [name for name in own if name is not None]


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of the samples of a table.

    Attributes
    ----------
    source : Source
    ids : text array
    y : ndarray of shape (n_rows,) or None
    groups : ndarray of shape (n_rows,), str, or None
    task_name : {"classes", "values", "events"} or None
    """

    source: Source
    ids: Any
    y: np.ndarray | None
    groups: np.ndarray | None
    task_name: str | None


def read_truth(labels, asked):
    """What a table says of the samples.

    Parameters
    ----------
    labels : path or DataFrame
    asked : Asked

    Returns
    -------
    Truth

    Raises
    ------
    ValueError
        If the table cannot be read, lacks a column that is asked for or says nothing, an
        identifier is there twice, or a cell is empty: with the file and the line.

    Warns
    -----
    UserWarning
        If several rows look like those of one patient, and no groups are asked for.
    """
    coded = {asked.label, asked.group, asked.event} - {None}
    if hasattr(labels, "columns"):
        table = read_table(Source("labels", ""), asked.id, coded=coded, content=labels)
    else:
        table = read_table(Source(str(Path(labels)), ""), asked.id, coded=coded)
    ids = table.texts(asked.id, "id")
    if not asked.columns:
        raise table.source.error(
            f"none of its columns is asked for; there are {brief(table.columns, 20)}. Name that of "
            f"the classes with {option('label')}, of numbers with {option('value')}, or "
            f"{option('event')} and {option('time')}."
        )
    ids = stripped(ids, asked.strip) if asked.strip else ids
    twice = Ids(ids).twice()
    if twice is not None:
        row, first = twice
        raise table.source.error(
            f"id {ids[row]!r} is there twice, first in {table.source.place(first)}. Keep one row "
            "per slide.",
            row,
        )
    y, task_name = _outcome(table, asked)
    groups = None
    if asked.group is not None:
        table.need(asked.group, "group")
        groups = np.asarray(table.coded(asked.group, "group", complete=True)).astype(str)
    elif y is not None and not mention_patients([table], {asked.id, *asked.columns}):
        mention_barcodes(ids, table.source.path)
    return Truth(table.source, ids, y, groups, task_name)


def _outcome(table, asked):
    """Y and the name of its task, None for both where none is asked for."""
    if asked.label is not None:
        table.need(asked.label, "label")
        labels = table.coded(asked.label, "label", complete=True)
        instead = f", or that of a regression with {option('value', asked.label)}"
        doubt_labels(table, asked.label, labels.values, instead)
        return labels_array(np.asarray(labels).astype(str), labels.values), "classes"
    if asked.value is not None:
        return _values(table, asked.value), "values"
    if asked.event is not None:
        table.need(asked.event, "event")
        table.need(asked.time, "time")
        doubt_events(table, asked.event)
        y = np.empty(len(table), dtype=[("event", bool), ("time", np.float64)])
        y["event"] = read_events(table, asked.event)
        y["time"] = read_times(table, asked.time)
        return y, "events"
    return None, None


def _values(table, name):
    table.need(name, "value")
    values = table.numbers(name)
    bad = ~np.isfinite(values)
    if bad.any():
        row = int(np.argmax(bad))
        raise table.source.error(
            f"the value in column {name!r} is {values[row]:g}, or empty, in {bad.sum()} of "
            f"{len(bad)} rows, here first. Fill it in or remove the row.",
            row,
        )
    return values
