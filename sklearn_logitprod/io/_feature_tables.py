"""Tables of features, with a row for each slide."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import numpy as np

from sklearn_logitprod._text import brief, option, warn
from sklearn_logitprod.io._columns import free_columns
from sklearn_logitprod.io._formats import read_table
from sklearn_logitprod.io._source import Source, Sources

# of probabilities, for a warning
_FEW_CLASSES = 20
_NUMBERED = re.compile(r"(.*?)(\d+)")


@dataclass(frozen=True, eq=False)
class Matrix:
    """Features of all slides in memory.

    Attributes
    ----------
    source : Source
        Whose rows are those of the values.
    ids : text array of shape (n_slides,)
    array : ndarray of shape (n_slides, n_features)
    names : list of int or str
        Of the features.
    """

    source: Source
    ids: object
    array: np.ndarray
    names: list

    def take(self, rows):
        """The same encoder with some of its slides."""
        rows = np.asarray(rows, dtype=np.intp)
        return replace(
            self, source=self.source.take(rows), ids=self.ids[rows], array=self.array[rows]
        )

    def place(self, row):
        """Where a slide is."""
        return self.source.where(row)

    def error(self, message, row):
        """An error about a slide, ready to be raised."""
        return self.source.error(message, row)

    def looked_at(self):
        """The same without rows that are empty.

        Raises
        ------
        ValueError
            If values are infinite, or missing in part of a row.
        """
        gaps = np.isnan(self.array)
        bad = (gaps.any(axis=1) & ~gaps.all(axis=1)) | np.isinf(self.array).any(axis=1)
        if bad.any():
            row = int(np.argmax(bad))
            column = int(np.argmin(np.isfinite(self.array[row])))
            raise self.source.error(
                f"feature {self.names[column]!r} of {self.ids[row]!r} is "
                f"{self.array[row, column]:g}. Fill it in, or leave all features of the row empty "
                "where the expert is missing.",
                row,
            )
        if gaps.all():
            raise self.source.error("no row has features. Write the file anew.")
        return self.take(np.flatnonzero(~gaps.all(axis=1)))

    def values(self, pool, progress=None):
        """Features of all slides, as `Bags.values` gives them; nothing is pooled."""
        with np.errstate(over="ignore"):
            values = self.array.astype(np.float32)
        if not np.isfinite(values).all():
            row = int(np.argmax(~np.isfinite(values).all(axis=1)))
            raise self.source.error("a feature is too large for float32. Correct it.", row)
        return values, self.names, np.ones(len(values), dtype=np.int64)


def read_features(files, asked, features):
    """Features of one table, or of several one after the other.

    Parameters
    ----------
    files : list of (Source, DataFrame or None)
    asked : Asked
        Whose columns are no features.
    features : str, list of str or None
        The columns, or a pattern of their names such as ``"feat_*"``.

    Returns
    -------
    Matrix
    """
    found = [_one(source, frame, asked, features) for source, frame in files]
    first = found[0]
    for other in found[1:]:
        odd = set(map(str, other.names)) ^ set(map(str, first.names))
        if odd:
            raise other.source.error(
                f"its features are others than in {first.source.path}: {brief(sorted(odd))} in one "
                "alone. Pass tables of one encoder."
            )
    if len(found) == 1:
        return first
    arrays = [own.array[:, [own.names.index(name) for name in first.names]] for own in found]
    source = Sources.of([own.source for own in found], [len(own.ids) for own in found])
    return Matrix(
        source,
        np.concatenate([np.asarray(own.ids, dtype=object) for own in found]),
        np.concatenate(arrays),
        first.names,
    )


def _one(source, frame, asked, features):
    table = read_table(source, asked.id, content=frame)
    id = _id_column(table, asked)
    ids = table.texts(id, "id")
    columns = _columns(table, {id, *asked.columns}, features)
    array = np.column_stack([table.numbers(column) for column in columns])
    _doubt_probabilities(table, array)
    return Matrix(table.source, np.asarray(ids, dtype=object), array, _names(columns))


def _doubt_probabilities(table, array):
    """Warn of features that sum to one, as probabilities of a few classes do."""
    told = array[np.isfinite(array).all(axis=1)]
    if not 2 <= array.shape[1] <= _FEW_CLASSES or not len(told):
        return
    if (told >= 0).all() and np.allclose(told.sum(axis=1), 1.0, atol=1e-3):
        warn(
            f"{table.source.path} (expert {table.source.expert!r}): the {array.shape[1]} features "
            "sum to 1 in every row, as probabilities do. Outputs of trained experts are for "
            "`logitprod compare` (io.read_tables), not for a head."
        )


def _id_column(table, asked):
    """The column that is called so, or the first one if it alone holds text."""
    if asked.id in table.columns:
        return asked.id
    first, *rest = [name for name in table.columns if name not in asked.columns]
    if not table.is_numeric(first) and all(table.is_numeric(name) for name in rest):
        return first
    table.need(asked.id, "id")
    raise AssertionError


def _columns(table, reserved, features):
    """Columns of features, those with numbers in their names in the order of these."""
    names = free_columns(table, reserved)
    if features is not None:
        patterns = [features] if isinstance(features, str) else list(features)
        absent = [p for p in patterns if not any(fnmatchcase(name, p) for name in names)]
        if absent:
            raise table.source.error(
                f"no column is called {absent[0]!r}; there are {brief(table.columns, 20)}. Name "
                f"columns with {option('features')}."
            )
        names = [name for name in names if any(fnmatchcase(name, p) for p in patterns)]
    if not names:
        raise table.source.error("there are no columns of features. Pass the right file.")
    text = [name for name in names if not table.is_numeric(name) and not _empty(table, name)]
    if text:
        raise table.source.error(
            f"columns {brief(text)} hold no numbers. Remove them, or name those of features with "
            f"{option('features', _pattern([n for n in names if n not in text]) or ...)}."
        )
    _refuse_odd(table, names, features)
    if _pattern(names):
        names = sorted(names, key=_number)
    return names


def _empty(table, name):
    column = table.columns[name]
    return column.dtype.kind == "f" and bool(np.isnan(column).all())


def _refuse_odd(table, names, features):
    """Refuse columns that are called otherwise than most, which are numbered."""
    if features is not None:
        return
    stems = [match[1] if (match := _NUMBERED.fullmatch(name)) else None for name in names]
    most = max(set(stems), key=stems.count)
    odd = [name for name, stem in zip(names, stems, strict=True) if stem != most]
    if most is not None and odd and len(odd) < len(names) / 2:
        raise table.source.error(
            f"columns {brief(odd)} are not called like the features, such as "
            f"{names[stems.index(most)]!r}. Remove them, or name those of features with "
            f"{option('features', most + '*' if most else ...)}."
        )


def _pattern(names):
    """Pattern of names that differ in a number at their end alone; None if there is none."""
    matches = [_NUMBERED.fullmatch(name) for name in names]
    stems = {match[1] if match else None for match in matches}
    (stem,) = stems if len(stems) == 1 else (None,)
    return None if stem is None else f"{stem}*"


def _number(name):
    return int(_NUMBERED.fullmatch(name)[2])


def _names(columns):
    """Positions of features that are numbered from 0 without gaps, else their names."""
    if _pattern(columns) and [_number(c) for c in columns] == list(range(len(columns))):
        return list(range(len(columns)))
    return columns
