"""Several numbers in one cell, as columns of their own."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from sklearn_logitprod._text import brief
from sklearn_logitprod.io._table import check_header

# as Python, NumPy, torch and JSON write the values of one row
_LIST = re.compile(r"\s*(?:(?:tensor|array)\()?\s*[\[(]+([^\[\]()]*)[\])]+\s*(?:,.*\))?\s*")
_APART = re.compile(r"[,;\s]+")
_PAIR = re.compile(r"""["']?([^"':,{}]+?)["']?\s*:\s*([^\s,{}]+)""")
_OBJECT = re.compile(rf"\s*\{{\s*{_PAIR.pattern}(\s*,\s*{_PAIR.pattern})*\s*\}}\s*")


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
    """A table whose columns of lists or objects, written as text, are columns of numbers.

    Parameters
    ----------
    table : Table
    reserved : collection of str
        Columns that stay as they are.

    Returns
    -------
    Table
        With columns ``name_0``, ``name_1`` and so on in place of ``name``, or with the names in
        the objects.

    Raises
    ------
    ValueError
        If a cell holds other numbers than the first one, or there is a column of that name.
    """
    keys = {name: _keys(own) for name, own in table.columns.items() if name not in reserved}
    keys = {name: own for name, own in keys.items() if own}
    if not keys:
        return table
    names, columns = [], {}
    for name, column in table.columns.items():
        if name not in keys:
            names.append(name)
            columns[name] = column
            continue
        rows = np.array([_row(table, name, i, keys[name]) for i in range(len(column))])
        names.extend(f"{name}_{key}" for key in keys[name])
        columns.update(zip(names[-len(keys[name]) :], rows.T, strict=True))
    check_header(table.source, names)
    return replace(table, columns=columns)


def _keys(column):
    """Names of the numbers in the first cell that is filled; none if it is no list of numbers."""
    if not isinstance(column.dtype, pd.StringDtype):
        return []
    found = _parsed(next((cell for cell in column if cell), ""))
    return list(found) if len(found) > 1 else []


def _row(table, name, row, keys):
    cell = table.columns[name][row]
    if not cell:
        return [np.nan] * len(keys)
    found = _parsed(cell)
    if found.keys() != set(keys):
        raise table.source.error(
            f"{cell!r} in column {name!r} does not hold numbers for {brief(keys)}, as the first "
            "cell does. Write a column for each of them.",
            row,
        )
    return [found[key] for key in keys]


def _parsed(cell):
    """Numbers of a list, by their places, or of an object; none if there is anything else."""
    match = _LIST.fullmatch(cell)
    if match:
        pairs = [(str(k), text) for k, text in enumerate(filter(None, _APART.split(match[1])))]
    elif _OBJECT.fullmatch(cell):
        pairs = _PAIR.findall(cell)
    else:
        return {}
    try:
        return {key: float(text) for key, text in pairs}
    except ValueError:
        # a list of something else
        return {}
