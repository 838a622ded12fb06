"""From paths and frames to the tables of each expert: a file each, folds, long and wide tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from glob import glob
from os import PathLike
from os import path as os_path
from pathlib import Path

import numpy as np

from sklearn_logitprod._text import brief, option
from sklearn_logitprod.io._columns import free_columns, numeric_columns
from sklearn_logitprod.io._doubts import is_truth
from sklearn_logitprod.io._formats import read_table
from sklearn_logitprod.io._join import each
from sklearn_logitprod.io._names import beside, labels_in, meaning, named_alike, owner, timed
from sklearn_logitprod.io._source import Source, named_paths

# inputs whose columns by expert are one each
_BY_EXPERT = ("risk", "mean", "mean_std")


def files_of(paths):
    """Files of each expert.

    Parameters
    ----------
    paths : dict, sequence, path or DataFrame
        As `read_tables` takes them.

    Returns
    -------
    dict of str to list of (path or DataFrame)
    bool
        Whether experts were named by the user, not after their files.
    """
    if isinstance(paths, (str, PathLike)):
        paths = [paths]
    if hasattr(paths, "columns"):
        return {"table": [paths]}, False
    if isinstance(paths, Mapping):
        if not paths:
            raise ValueError("no file was given: pass one file per expert.")
        return {str(name): _folds(name, own) for name, own in paths.items()}, True
    if not isinstance(paths, Sequence):
        raise TypeError(
            f"paths are a {type(paths).__name__}, expected {{'uni': 'uni.csv', ...}}, or a list "
            "of paths."
        )
    frame = next((own for own in paths if hasattr(own, "columns")), None)
    if frame is not None:
        raise ValueError(
            "a list holds a data frame, whose expert has no name: pass {'uni': frame, ...}."
        )
    return {name: [own] for name, own in named_paths(paths).items()}, False


def _folds(name, own):
    if hasattr(own, "columns"):
        return [own]
    if isinstance(own, (list, tuple)):
        if not own:
            raise ValueError(f"expert {name!r} has an empty list of files. Name its files.")
        return [file for one in own for file in _folds(name, one)]
    if not isinstance(own, (str, PathLike)):
        # what it is instead is said where it is read
        return [own]
    text = str(own)
    if not any(mark in text for mark in "*?[") or os_path.exists(text):
        return [Path(own)]
    found = sorted(glob(text))
    if not found:
        raise ValueError(f"no file is called {text!r} (expert {name!r}). Check the pattern.")
    return [Path(one) for one in found]


def read_all(files, id, input, coded):
    """Tables of all files.

    Parameters
    ----------
    files : dict of str to list of (path or DataFrame)
    id, input : str
    coded : collection of str
        Columns of text with few distinct values.

    Returns
    -------
    dict of str to list of Table
    """
    pairs = [(name, own) for name, all_own in files.items() for own in all_own]
    tables = each(lambda pair: _read(*pair, id, input, coded), pairs)
    found = {name: [] for name in files}
    for (name, _), table in zip(pairs, tables, strict=True):
        found[name].append(table)
    return found


def _read(name, own, id, input, coded):
    if isinstance(own, Path):
        return read_table(Source(str(own), name), id, input, coded)
    return read_table(Source(f"frame of {name!r}", name), id, input, content=own)


def by_column(tables, expert):
    """Long tables, with a row for each sample and expert, as tables of each expert.

    Parameters
    ----------
    tables : dict of str to list of Table
    expert : str
        The column that names the experts.

    Returns
    -------
    dict of str to list of Table
    """
    found = {}
    for table in (table for own in tables.values() for table in own):
        names = np.asarray(table.texts(expert, "expert"), dtype=object)
        for name in dict.fromkeys(names):
            found.setdefault(name, []).append(table.take(np.flatnonzero(names == name), name))
    return found


def by_affixes(table, asked):
    """A wide table, with the columns of several experts, as columns of each expert.

    Parameters
    ----------
    table : Table
    asked : Question

    Returns
    -------
    dict of str to (dict of label or time to column)
        Empty where columns do not tell experts apart.
    """
    names = free_columns(table, asked.reserved)
    if asked.input in ("survival", "hazard_logits"):
        groups = {p: own for p, own in timed(names).items() if len(own) > 1}
    elif asked.labels is None:
        return {}
    else:
        groups = named_alike(names, asked.labels)
        groups = groups or _lone(numeric_columns(table, asked.reserved), asked.labels)
        groups = {
            p: own
            for p, own in groups.items()
            if not beside("_".join(p)) and meaning("_".join(p)) in (None, asked.input)
        }
    found = {owner(*affixes): own for affixes, own in groups.items()}
    # columns that are called after another one are of this target, not of an expert
    evident = len(found) == len(groups) > 1 and not found.keys() & {"", *table.columns}
    if evident and asked.labels and any(is_truth(table, asked, own) for own in found.values()):
        return {}
    return found if evident else {}


def _lone(names, labels):
    """Columns that name one of two classes, by what stands beside it."""
    if len(labels) != 2:
        return {}
    named = {name: labels_in(name, labels) for name in names}
    if any(len(of) != 1 for of in named.values()):
        return {}
    return {tuple(name.lower().split(of.lower(), 1)): {of: name} for name, (of,) in named.items()}


def stated_columns(columns, names, asked):
    """What the user says of each expert's columns.

    Parameters
    ----------
    columns : dict, list, str or None
        For all experts alike, or ``{expert: columns}``.
    names : list of str or None
        Experts, where they are known.
    asked : Question

    Returns
    -------
    dict of str to columns or None
        None where nothing tells which experts there are.
    """
    if not isinstance(columns, Mapping) or not _of_experts(columns, names, asked):
        return None if names is None else dict.fromkeys(names, columns)
    columns = {str(name): own for name, own in columns.items()}
    if names is None:
        return columns
    unknown = [name for name in columns if name not in names]
    if unknown:
        raise ValueError(
            f"{option('columns')} names {brief(unknown)}, but the experts are {brief(names)}. "
            "Name them as the files are named."
        )
    lacking = [name for name in names if name not in columns]
    if lacking and asked.input in _BY_EXPERT:
        raise ValueError(
            f"{option('columns')} does not name the column of {brief(lacking)}. Add it."
        )
    return {name: columns.get(name) for name in names}


def _of_experts(columns, names, asked):
    """Whether the keys of what the user says are experts, not classes or times."""
    if any(isinstance(own, (Mapping, list, tuple)) for own in columns.values()):
        return True
    if asked.input != "proba" and asked.input != "logits":
        return asked.input in _BY_EXPERT
    keys, labels = set(map(str, columns)), set(asked.labels or ())
    if names is None:
        return bool(labels) and not keys & labels
    return keys <= set(names) and not keys & labels


def wide(table, names_columns):
    """The same table as that of several experts.

    Parameters
    ----------
    table : Table
    names_columns : iterable of str

    Returns
    -------
    dict of str to list of Table
    """
    return {
        name: [replace(table, source=replace(table.source, expert=name))] for name in names_columns
    }
