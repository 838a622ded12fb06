"""Columns of text or of numbers, as a file or a frame holds them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd

from sklearn_logitprod._text import brief, option
from sklearn_logitprod.io._source import Source

NO_LABEL = frozenset(("", "nan", "NaN", "NA", "N/A", "<NA>", "null", "NULL"))
"""Cells that are empty, whatever the column holds."""

_NO_NUMBER = NO_LABEL | {"None", "none"}
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+([eE][+-]?\d+)?\s*")
# such as 1,234, which may be more than a thousand, or little more than one
_THOUSANDS = re.compile(r"\s*[+-]?[1-9]\d{0,2},\d{3}\s*")
# as many cells tell whether a column holds numbers
_LOOKED_AT = 1000


@dataclass(frozen=True, eq=False)
class Coded:
    """Text of few distinct values, as positions in them.

    Attributes
    ----------
    codes : ndarray of shape (n_rows,), int
        -1 where a cell is empty.
    values : list of str
    dtype : dtype
        As of other columns of text.
    """

    codes: np.ndarray
    values: list
    dtype: ClassVar = np.dtype(object)

    @classmethod
    def of(cls, texts):
        """Texts as codes; an empty text is an empty cell."""
        if isinstance(texts, cls):
            return texts
        codes, values = pd.factorize(as_texts(texts))
        numbers = np.arange(len(values), dtype=code_type(len(values)))
        empty = np.flatnonzero(np.asarray(values == "", dtype=bool))
        numbers[empty] = -1
        return cls(numbers[codes], list(values))

    def __len__(self):
        return len(self.codes)

    def __getitem__(self, row):
        code = self.codes[row]
        if np.ndim(code):
            return replace(self, codes=code)
        return "" if code < 0 else self.values[code]

    def __array__(self, dtype=None, copy=None):
        texts = np.array([*self.values, ""], dtype=object)[self.codes]
        return texts if dtype is None else texts.astype(dtype)

    def first(self, known):
        """First value that is not among the known ones, and its row; None if there is none."""
        for code, value in enumerate(self.values):
            if value not in known and (self.codes == code).any():
                return value, int(np.argmax(self.codes == code))
        return None


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of a file.

    Attributes
    ----------
    source : Source
    columns : dict of str to array of shape (n_rows,)
        Numbers; or text, where a cell that is empty is None or an empty text, or Coded.
    written : callable, optional
        From the name of a column to its text as it is written, where reading made numbers
        of it.
    """

    source: Source
    columns: dict
    written: Callable | None = None

    def __len__(self):
        return len(next(iter(self.columns.values())))

    def take(self, rows, expert):
        """Some rows, as the table of an expert."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        written = self.written and (lambda name: self.written(name)[rows])
        return Table(self.source.take(rows, expert), columns, written)

    def of(self, expert):
        """The same table as that of an expert."""
        return replace(self, source=replace(self.source, expert=expert))

    def need(self, name, what=None):
        """A column that must be there.

        Parameters
        ----------
        name : str
        what : str, optional
            The parameter that names it.

        Returns
        -------
        array of shape (n_rows,)
        """
        if name not in self.columns:
            advice = f"Name the right one with {option(what)}" if what else "Pass the right file."
            if what == "id":
                advice += self._about_ids()
            raise self.source.error(
                f"there is no column {name!r}; there are {brief(self.columns, 20)}. {advice}"
            )
        return self.columns[name]

    def _about_ids(self):
        """How else identifiers may be named, where they are in no column of that name."""
        if any(re.fullmatch(r"[+-]?\d*\.\d+", name) for name in self.columns):
            return "; the first line seems to hold values: write one with the names above it."
        if "" in self.columns:
            return f"; {option('id', '')} is the column without a name."
        return ", or write such a column into every file."

    def cells(self, name):
        """A column as text: as it is written, an empty text where a cell is empty.

        Parameters
        ----------
        name : str

        Returns
        -------
        pandas array of shape (n_rows,), str
            Whole numbers of binary files without a decimal point.
        """
        column = self.columns[name]
        if isinstance(column, Coded):
            return as_texts(np.asarray(column))
        if column.dtype.kind in "biuf" and self.written:
            column = self.written(name)
        if isinstance(column.dtype, pd.StringDtype):
            return _without_margins(column)
        if column.dtype.kind == "f":
            known = column[~np.isnan(column)]
            if (known == np.round(known)).all():
                column = pd.array(column, dtype="Int64")
        texts = ["" if cell is None or cell is pd.NA else str(cell) for cell in column.tolist()]
        return as_texts(["" if text in NO_LABEL else text for text in texts])

    def coded(self, name, what=None, complete=False):
        """A column of text of few distinct values, such as labels.

        Parameters
        ----------
        name : str
        what : str, optional
            The parameter that names it.
        complete : bool, default=False
            Whether an empty cell is an error.

        Returns
        -------
        Coded
        """
        column = self.columns[name]
        coded = column if isinstance(column, Coded) else Coded.of(self.cells(name))
        if complete:
            self._refuse_empty(coded.codes < 0, name, what)
        return coded

    def texts(self, name, what):
        """A column of text without empty cells.

        Parameters
        ----------
        name : str
        what : str
            The parameter that names it.

        Returns
        -------
        pandas array of shape (n_rows,), str

        Raises
        ------
        ValueError
            If the column or a cell is missing.
        """
        self.need(name, what)
        cells = self.cells(name)
        self._refuse_empty(np.asarray(cells == "", dtype=bool), name, what)
        return cells

    def _refuse_empty(self, empty, name, what):
        if empty.any():
            raise self.source.error(
                f"column {name!r} ({what}) is empty in {empty.sum()} of {len(empty)} rows, here "
                "first. Fill in the cell or remove the row.",
                int(np.argmax(empty)),
            )

    def numbers(self, name):
        """A column as numbers.

        Parameters
        ----------
        name : str

        Returns
        -------
        ndarray of shape (n_rows,), float64
            NaN where a cell is empty.

        Raises
        ------
        ValueError
            If a cell is no number.
        """
        column = self.columns[name]
        if isinstance(column, Coded):
            column = self.cells(name)
        if column.dtype.kind in "biuf":
            return column.astype(np.float64, copy=False)
        values = np.full(len(column), np.nan)
        commas = self._decimal_commas(column)
        for row, cell in enumerate(column):
            if cell is None or cell in _NO_NUMBER:
                continue
            try:
                values[row] = float(cell.replace(",", ".") if commas else cell)
            except (TypeError, ValueError) as error:
                advice = "Correct the cell, or leave it empty where the expert is missing."
                if isinstance(cell, str) and _DECIMAL_COMMA.fullmatch(cell):
                    advice = "Write decimal points in all numbers, and no other commas or points."
                elif isinstance(cell, str) and cell.strip().endswith("%"):
                    advice = "It is a percentage: divide by 100 and drop the sign."
                raise self.source.error(
                    f"{cell!r} in column {name!r} is no number. {advice}", row
                ) from error
        return values

    @staticmethod
    def _decimal_commas(column):
        """Whether all numbers with a comma in a column have it in place of the decimal point."""
        filled = [cell for cell in column if isinstance(cell, str) and cell not in _NO_NUMBER]
        written = [cell for cell in filled if "," in cell]
        return (
            any(not _THOUSANDS.fullmatch(cell) for cell in written)
            and all(_DECIMAL_COMMA.fullmatch(cell) for cell in written)
            and not any("." in cell for cell in filled)
        )

    def is_numeric(self, name):
        """Whether most cells of a column that are not empty look like numbers."""
        column = self.columns[name]
        if column.dtype.kind in "iuf":
            return bool(len(column)) and not (np.isnan(column[0]) and np.isnan(column).all())
        if column.dtype.kind == "b":
            return False
        if isinstance(column, Coded):
            column = column.values
        cells = column[:: max(1, len(column) // _LOOKED_AT)]
        filled = [c for c in cells if c is not None and c not in _NO_NUMBER]
        return bool(filled) and 2 * sum(map(_like_number, filled)) > len(filled)


def _without_margins(column):
    """Text without spaces around it, where the first cell has them, as after each comma."""
    first = next((cell for cell in column if cell), "")
    return column if first == first.strip() else pd.Series(column).str.strip().array


def _like_number(cell):
    if isinstance(cell, str):
        if _DECIMAL_COMMA.fullmatch(cell):
            return True
        cell = cell.strip().removesuffix("%")
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True


def code_type(n_values):
    """The smallest type of codes of as many values, and of -1."""
    return np.min_scalar_type(-n_values - 1)


def as_texts(cells):
    """Text as pandas holds it, which is compact where pyarrow is installed.

    Parameters
    ----------
    cells : sequence of str

    Returns
    -------
    pandas array of shape (n_cells,), str
    """
    if isinstance(getattr(cells, "dtype", None), pd.StringDtype):
        return cells
    return pd.array(np.asarray(cells, dtype=object), dtype="string")


def check_header(source, names):
    """Refuse a table in which two columns have one name."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise source.error(f"the column {twice!r} is there twice. Rename one of them.")
