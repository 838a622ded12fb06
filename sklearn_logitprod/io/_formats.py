"""Tables from CSV, TSV, Parquet and npz files: columns of text or of numbers."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from dataclasses import dataclass, replace

import numpy as np

from sklearn_logitprod._text import brief
from sklearn_logitprod.io._pickles import is_text
from sklearn_logitprod.io._source import Source, existing

_NO_LABEL = frozenset(("", "nan", "NaN", "NA", "N/A", "<NA>", "null", "NULL"))
_NO_NUMBER = _NO_LABEL | {"None", "none"}
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+([eE][+-]?\d+)?\s*")
_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
_FORMATS = ".csv, .tsv (both also .gz), .parquet and .npz"


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of a file.

    Attributes
    ----------
    source : Source
    columns : dict of str to ndarray of shape (n_rows,)
        Objects (str, or None where a cell is empty), or numbers.
    """

    source: Source
    columns: dict

    def __len__(self):
        return len(next(iter(self.columns.values())))

    def need(self, name, what=None):
        """A column that must be there.

        Parameters
        ----------
        name : str
        what : str, optional
            The parameter that names it.

        Returns
        -------
        ndarray of shape (n_rows,)
        """
        if name not in self.columns:
            advice = f"Name the right one with {what}=..." if what else "Pass the right file."
            raise self.source.error(
                f"there is no column {name!r}; there are {brief(self.columns, 20)}. {advice}"
            )
        return self.columns[name]

    def texts(self, name, what):
        """A column as text.

        Parameters
        ----------
        name : str
        what : str
            The parameter that names it.

        Returns
        -------
        list of str
            Text as it is written; whole numbers of binary files without a decimal point.

        Raises
        ------
        ValueError
            If the column or a cell is missing.
        """
        column = self.need(name, what)
        if column.dtype.kind == "f" and (column == np.round(column)).all():
            column = column.astype(np.int64)
        texts = [str(cell) for cell in column.tolist()]
        empty = [cell is None or str(cell) in _NO_LABEL for cell in column.tolist()]
        if any(empty):
            raise self.source.error(
                f"column {name!r} ({what}) is empty in {sum(empty)} of {len(texts)} rows, here "
                "first. Fill in the cell or remove the row.",
                empty.index(True),
            )
        return texts

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
        if column.dtype.kind in "biuf":
            return column.astype(np.float64)
        values = np.full(len(column), np.nan)
        for row, cell in enumerate(column):
            if cell is None or cell in _NO_NUMBER:
                continue
            try:
                values[row] = float(cell)
            except (TypeError, ValueError) as error:
                advice = "Correct the cell, or leave it empty where the expert is missing."
                if isinstance(cell, str) and _DECIMAL_COMMA.fullmatch(cell):
                    advice = "It is written with a decimal comma: save the file with points."
                elif isinstance(cell, str) and cell.strip().endswith("%"):
                    advice = "It is a percentage: divide by 100 and drop the sign."
                raise self.source.error(
                    f"{cell!r} in column {name!r} is no number. {advice}", row
                ) from error
        return values

    def is_numeric(self, name):
        """Whether most cells of a column that are not empty look like numbers."""
        column = self.columns[name]
        if column.dtype.kind in "biuf":
            return True
        filled = [c for c in column if c is not None and c not in _NO_NUMBER]
        return bool(filled) and 2 * sum(map(_like_number, filled)) > len(filled)


def _like_number(cell):
    if isinstance(cell, str) and _DECIMAL_COMMA.fullmatch(cell):
        return True
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True


def read_table(source, id=None, array="proba"):
    """Table of a file, by its extension.

    Parameters
    ----------
    source : Source
    id : str, optional
        The column of identifiers, which tells separators apart.
    array : str
        Which array of an npz file holds the outputs, if it has one of that name.

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        If the file is absent, of an unknown format, damaged or empty.
    """
    path = existing(source)
    name = path.name.lower()
    if path.stat().st_size == 0:
        raise source.error("the file is empty. Write it anew.")
    if name.endswith((".csv", ".csv.gz", ".tsv", ".tsv.gz")):
        table = _read_text(source, path, id, "\t" if ".tsv" in name[-7:] else None)
    elif name.endswith((".parquet", ".pq")):
        table = _read_parquet(source, path)
    elif name.endswith(".npz"):
        table = _read_npz(source, path, array)
    else:
        raise source.error(f"this format is not known. The formats are {_FORMATS}.")
    if len(table) == 0:
        raise source.error("there are columns but no rows. Write the file anew.")
    return table


def _text_of(source, path):
    """Whole text of a file, without a byte order mark."""
    content = path.read_bytes()
    if path.name.lower().endswith(".gz"):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise source.error(
                f"this is no complete gzip file ({error}). Copy the file again."
            ) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise source.error(
            f"this is no UTF-8 text (byte {error.start}). Save it as CSV in UTF-8."
        ) from error


def _separator(source, header, id):
    """The separator of a header: the only one in it, or the only one that gives the id."""
    found = [s for s in _SEPARATORS if s in header]
    if len(found) > 1 and id is not None:
        found = [s for s in found if id in _names(header, s)] or found
    if len(found) > 1:
        raise source.error(
            f"columns may be separated by {' or '.join(_SEPARATORS[s] for s in found)}. Write the "
            "file with one of them alone."
        )
    return found[0] if found else ","


def _names(header, separator):
    return [name.strip() for name in next(csv.reader([header], delimiter=separator))]


def _read_text(source, path, id, separator):
    text = _text_of(source, path)
    if not text.strip():
        raise source.error("the file is empty. Write it anew.")
    if separator is None:
        separator = _separator(source, text.lstrip().splitlines()[0], id)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows, lines, end = [], [], 0
    try:
        for row in reader:
            if row:
                rows.append(row)
                lines.append(end + 1)
            end = reader.line_num
    except csv.Error as error:
        raise source.error(
            f"line {end + 1} cannot be read ({error}). Look for an open quote there."
        ) from error
    names = [name.strip() for name in rows[0]]
    source = replace(source, lines=np.array(lines[1:], dtype=np.int64))
    for row, cells in enumerate(rows[1:]):
        if len(cells) != len(names):
            advice = "Quote cells that hold the separator."
            if separator == "," and len(cells) > len(names):
                advice += " Numbers take decimal points, not commas."
            raise source.error(
                f"{len(cells)} cells under a header of {len(names)} columns. {advice}", row
            )
    _check_names(source, names)
    cells = np.empty((len(rows) - 1, len(names)), dtype=object)
    if len(cells):
        cells[:] = rows[1:]
    return Table(source, {name: cells[:, i] for i, name in enumerate(names)})


def _check_names(source, names):
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise source.error(f"the column {twice!r} is there twice. Rename one of them.")


def _read_parquet(source, path):
    try:
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise source.error(
            "Parquet files need pyarrow: python -m pip install pyarrow, or save as CSV."
        ) from error
    try:
        table = parquet.ParquetFile(path).read()
        contents = [column.to_pylist() for column in table.columns]
    except Exception as error:
        # damaged bytes make pyarrow stumble in many ways
        raise source.error(
            f"this is no complete Parquet file ({error}). Copy the file again."
        ) from error
    if table.num_columns == 0:
        raise source.error("there are no columns. Write the file anew.")
    _check_names(source, table.column_names)
    columns = {}
    for name, values in zip(table.column_names, contents, strict=True):
        numbers = [v for v in values if v is not None]
        if numbers and all(type(v) in (int, float) for v in numbers):
            whole = len(numbers) == len(values)
            columns[name] = np.array([np.nan if v is None else v for v in values], None)
            if not whole:
                columns[name] = columns[name].astype(np.float64)
        else:
            columns[name] = _objects(source, name, values)
    return Table(source, columns)


def _objects(source, name, values):
    """Object array of cells as text, None where there is none."""
    cells = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        try:
            text = value.decode() if isinstance(value, bytes) else value
        except UnicodeDecodeError as error:
            raise source.error(
                f"{value!r} in column {name!r} is no UTF-8 text. Save text instead of bytes.", i
            ) from error
        cells[i] = None if text is None else str(text)
    return cells


def load_arrays(source, path):
    """Arrays of an npz file, by name.

    Parameters
    ----------
    source : Source
    path : path

    Returns
    -------
    dict of str to ndarray
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise ValueError("it holds files that are no arrays")
        return arrays
    except Exception as error:
        _explain(source, error, "npz")


def load_array(source, path):
    """Array of an npy file.

    Parameters
    ----------
    source : Source
    path : path

    Returns
    -------
    ndarray
    """
    try:
        with path.open("rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:
        _explain(source, error, "npy")


def _explain(source, error, kind):
    """Raise what NumPy said of a file, with a remedy.

    On damaged bytes it stumbles in many ways, those of tokenize and zipfile among them.
    """
    if "Object arrays" in str(error):
        raise source.error(
            "an array holds pickled objects, which may run code. Save text with "
            "np.array(..., dtype=str) and numbers as floats."
        ) from error
    raise source.error(f"this is no complete {kind} file ({error}). Copy it again.") from error


def _read_npz(source, path, array):
    arrays = load_arrays(source, path)
    if not arrays:
        raise source.error("there are no arrays. Write the file anew.")
    labels = arrays.pop("classes", arrays.pop("times", None))
    outputs = arrays.pop(array, None)
    columns = {}
    if outputs is not None and outputs.ndim == 2:
        names = np.arange(outputs.shape[1]) if labels is None else np.asarray(labels)
        if names.shape != outputs.shape[1:]:
            raise source.error(
                f"{array!r} has shape {outputs.shape}, but there are {names.size} names of columns "
                "in 'classes' or 'times'. Save one name per column."
            )
        columns = dict(zip(map(str, names.tolist()), outputs.T, strict=True))
    elif outputs is not None:
        columns = {array: outputs}
    columns.update(arrays)
    wrong = next((n for n, v in columns.items() if v.ndim != 1), None)
    if wrong is not None:
        other = [name for name in ("proba", "logits", "survival", "hazard_logits") if name == wrong]
        advice = f"For that array use input={wrong!r}." if other else "Save one array per column."
        raise source.error(f"array {wrong!r} has shape {columns[wrong].shape}. {advice}")
    sizes = {name: len(column) for name, column in columns.items()}
    if len(set(sizes.values())) > 1:
        raise source.error(f"arrays differ in length: {sizes}. Save one entry per row in each.")
    return Table(source, {name: _column(source, name, v) for name, v in columns.items()})


def _column(source, name, values):
    if values.dtype.kind in "iuf":
        return values
    if values.dtype.kind in "bUS" and is_text(values):
        return _objects(source, name, values.tolist())
    raise source.error(f"array {name!r} has dtype {values.dtype}. Save numbers or text.")
