"""Several numbers in one cell, as columns of their own."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd

# as Python, NumPy, torch and JSON write the values of one row
_LIST = re.compile(r"\s*(?:(?:tensor|array)\()?\s*[\[(]+([^\[\]()]*)[\])]+\s*(?:,.*\))?\s*")
_APART = re.compile(r"[,;\s]+")


def unfolded(record, before=""):
    """Pairs of a name and a value, such as ``proba_normal`` of an object ``proba``.

    Lists are numbered from 0, unless each number in them stands beside a text, or a list of
    texts beside that of numbers: then these are their names.

    Parameters
    ----------
    record : dict
        With objects and lists in it.
    before : str
        What names begin with.

    Yields
    ------
    (str, object)
    """
    for name, value in _named_lists(record).items():
        if isinstance(value, (list, tuple)):
            value = _pairs(value) or dict(enumerate(value))
        if isinstance(value, dict):
            yield from unfolded(value, f"{before}{name}_")
        else:
            yield f"{before}{name}", value


def _is(values, kind):
    return len(values) > 0 and all(isinstance(value, kind) for value in values)


def _number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _pairs(values):
    """Numbers by the texts beside them, of ``[{"label": "normal", "score": 0.9}, ...]``."""
    if not _is(values, dict):
        return {}
    pairs = [
        (
            [own for own in value.values() if isinstance(own, str)],
            [own for own in value.values() if _number(own)],
        )
        for value in values
    ]
    if not all(len(texts) == len(numbers) == 1 for texts, numbers in pairs):
        return {}
    return {text: number for (text,), (number,) in pairs}


def _named_lists(record):
    """A record in which lists of numbers are objects, if one list of texts is as long."""
    lists = {name: own for name, own in record.items() if isinstance(own, list)}
    texts = [own for own in lists.values() if _is(own, str) and len(set(own)) == len(own)]
    if len(texts) != 1:
        return record
    return {
        name: dict(zip(texts[0], own, strict=True))
        if name in lists and all(map(_number, own)) and len(own) == len(texts[0])
        else own
        for name, own in record.items()
    }


def spread(table, reserved):
    """A table whose columns of lists, written as text, are columns of numbers.

    Parameters
    ----------
    table : Table
    reserved : collection of str
        Columns that stay as they are.

    Returns
    -------
    Table
        With columns ``name_0``, ``name_1`` and so on in place of ``name``.

    Raises
    ------
    ValueError
        If a cell holds fewer or more numbers than the first one, or none.
    """
    columns = {}
    for name, column in table.columns.items():
        size = 0 if name in reserved else _size(column)
        if not size:
            columns[name] = column
            continue
        rows = np.array([_numbers(table, name, i, size) for i in range(len(column))])
        columns.update((f"{name}_{k}", own) for k, own in enumerate(rows.T))
    return replace(table, columns=columns) if len(columns) > len(table.columns) else table


def _size(column):
    """How many numbers the first cell that is filled holds; 0 if it is no list of numbers."""
    if not isinstance(column.dtype, pd.StringDtype):
        return 0
    first = next((cell for cell in column if cell), "")
    match = _LIST.fullmatch(first)
    texts = _split(match[1]) if match else []
    return len(texts) if len(texts) > 1 and all(map(_is_number, texts)) else 0


def _split(text):
    return [part for part in _APART.split(text) if part]


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _numbers(table, name, row, size):
    cell = table.columns[name][row]
    if not cell:
        return [np.nan] * size
    match = _LIST.fullmatch(cell)
    texts = _split(match[1]) if match else []
    if len(texts) != size or not all(map(_is_number, texts)):
        raise table.source.error(
            f"{cell!r} in column {name!r} is no list of {size} numbers as the first one is. Write "
            "a column for each of them.",
            row,
        )
    return [float(text) for text in texts]
