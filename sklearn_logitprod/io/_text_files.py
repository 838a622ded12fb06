"""Tables of CSV and TSV files: read fast where they are sound, else row by row."""

from __future__ import annotations

import csv
import io
import warnings
import zlib
from contextlib import nullcontext, suppress
from dataclasses import replace
from itertools import islice
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.fixes import parse_version

from sklearn_logitprod.io._bounds import gunzipped
from sklearn_logitprod.io._table import NO_LABEL, Coded, Table, as_texts, check_header

# numbers are exact without being asked for, and text of Arrow is read several times as fast as str
_NEW = parse_version(pd.__version__) >= parse_version("3.1")
_EXACT = {} if _NEW else {"float_precision": "round_trip"}
_TEXT: Any = str
if _NEW:
    with suppress(ImportError):
        import pyarrow as pa

        _TEXT = pd.ArrowDtype(pa.large_string())
_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}


class _Parsing:
    """Context in which pandas refuses what it would warn of, in any number of threads.

    Filters of warnings are those of the whole process, and pandas changes them on its own, too: who
    starts threads enters first and leaves last, and then they are as they were.
    """

    def __init__(self):
        self._lock, self._n_inside, self._before = Lock(), 0, None

    def __enter__(self):
        with self._lock:
            if self._n_inside == 0:
                self._before = warnings.catch_warnings()
                self._before.__enter__()
                # of numbers and text in one column: such cells are looked at one by one
                warnings.simplefilter("ignore", pd.errors.DtypeWarning)
                warnings.simplefilter("error", pd.errors.ParserWarning)
            self._n_inside += 1

    def __exit__(self, *_):
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                self._before.__exit__(None, None, None)


PARSING = _Parsing()


def read_text(source, path, id=None, coded=()):
    """Table of a CSV or TSV file.

    Parameters
    ----------
    source : Source
    path : Path
    id : str, optional
        The column of identifiers, which tells separators apart.
    coded : collection of str
        Columns of text with few distinct values.

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        If the file is no such table: with the line at fault.
    """
    content = _Content(source, path, id)
    try:
        return content.fast(id, coded)
    except (ValueError, OSError, EOFError, zlib.error, pd.errors.ParserWarning):
        # whatever it stumbled over, the careful reader finds the line, or reads what is sound
        return content.careful()


class _Content:
    """A file whose header is known."""

    def __init__(self, source, path, id):
        self.path = path
        self.source = replace(source, line=self.line)
        self.separator = "," if id is None else None
        try:
            with self._open() as file:
                header = next((line for line in file if line.strip()), None)
        except UnicodeDecodeError:
            header = None
            self._text()
        except (OSError, EOFError, zlib.error) as error:
            raise self._no_gzip(error) from error
        if header is None:
            raise source.error("the file is empty. Write it anew.")
        self.separator = (
            "\t" if ".tsv" in path.name.lower()[-7:] else _separator(source, header, id)
        )
        self.names = [name.strip() for name in next(self._records())[1]]

    def _open(self):
        return io.TextIOWrapper(self._bytes(), encoding="utf-8-sig", newline="")

    def _bytes(self):
        if self.path.name.lower().endswith(".gz"):
            return gunzipped(self.source, self.path)
        return self.path.open("rb")

    def _no_gzip(self, error):
        return self.source.broken("gzip file", error)

    def _text(self):
        """Whole text, without a byte order mark."""
        try:
            with self._bytes() as file:
                content = file.read()
        except (OSError, EOFError, zlib.error) as error:
            raise self._no_gzip(error) from error
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise self.source.error(
                f"this is no UTF-8 text (byte {error.start}). Save it as CSV in UTF-8."
            ) from error

    def _records(self, file=None):
        """Pairs of a line's number and its cells, of all that are not blank."""
        file = self._open() if file is None else file
        end = 0
        with file:
            reader = csv.reader(file, delimiter=self.separator, skipinitialspace=True, strict=True)
            try:
                for cells in reader:
                    if cells:
                        yield end + 1, cells
                    end = reader.line_num
            except csv.Error as error:
                raise self.source.error(
                    f"line {end + 1} cannot be read ({error}). Look for an open quote there."
                ) from error

    def line(self, row):
        """Line of a row."""
        return next(islice(self._records(), row + 1, None))[0]

    def _rows(self, file=None):
        """Cells of each row after the header, as many as there are columns."""
        for row, (_, cells) in enumerate(self._records(file), start=-1):
            if row >= 0 and len(cells) != len(self.names):
                advice = "Quote cells that hold the separator."
                if self.separator == "," and len(cells) > len(self.names):
                    advice += " Numbers take decimal points, not commas."
                raise self.source.error(
                    f"{len(cells)} cells under a header of {len(self.names)} columns. {advice}",
                    row,
                )
            if row >= 0:
                yield cells

    def _parsed(self, kinds, names=None, spaces=True):
        """Some columns as pandas reads them, without spaces before cells."""
        options = {} if names is None else {"usecols": names}
        gzipped = self.path.name.lower().endswith(".gz")
        with PARSING, self._bytes() if gzipped else nullcontext(self.path) as file:
            return pd.read_csv(
                file,
                sep=self.separator,
                header=0,
                names=self.names,
                index_col=False,
                skipinitialspace=spaces,
                dtype=kinds,
                keep_default_na=False,
                na_values=sorted(NO_LABEL),
                encoding="utf-8",
                **_EXACT,
                **options,
            )

    def fast(self, id, coded):
        """Table by pandas, whose numbers are exact and whose short rows are refused."""
        check_header(self.source, self.names)
        kinds = dict.fromkeys(coded, "category") | {id: _TEXT}
        kinds = {name: kinds[name] for name in self.names if name in kinds}
        # to leave spaces out takes longer than to see that there are none
        frame = self._parsed(kinds, spaces=False)
        if any(_is_spaced(series) for _, series in frame.items()):
            frame = self._parsed(kinds)
        if frame.iloc[:, -1].isna().any():
            # pandas fills rows that are too short
            for _ in self._rows():
                pass
        columns = {name: self._column(series) for name, series in frame.items()}
        return Table(self.source, columns, self._written)

    def _written(self, name):
        return _texts(self._parsed({name: _TEXT}, [name])[name])

    def _column(self, series):
        """Numbers, text of few values, or text whose empty cells are empty texts.

        Where pandas took cells of text as numbers, they are no longer as they were written.
        """
        if series.dtype.kind in "biuf":
            return series.to_numpy()
        if isinstance(series.dtype, pd.CategoricalDtype):
            values = series.cat.categories.tolist()
            kept = all(isinstance(value, str) for value in values)
            codes = series.array.codes
            return Coded(codes, values) if kept else Coded.of(self._written(series.name))
        if series.dtype == object and pd.api.types.infer_dtype(series) != "string":
            return self._written(series.name)
        return _texts(series)

    def careful(self):
        """Table of text alone; whatever is wrong is an error that names its line."""
        check_header(self.source, self.names)
        rows = list(self._rows(io.StringIO(self._text(), newline="")))
        cells = np.empty((len(rows), len(self.names)), dtype=object)
        if rows:
            cells[:] = rows
        columns = {name: as_texts(cells[:, i]) for i, name in enumerate(self.names)}
        return Table(self.source, columns)


def _is_spaced(series):
    """Whether a cell of text begins with a space; numbers are the same with and without it."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.cat.categories
    if series.dtype.kind in "biuf":
        return False
    if series.dtype == object:
        return any(isinstance(cell, str) and cell.startswith(" ") for cell in series)
    return bool(series.str.startswith(" ").any())


def _texts(series):
    """Text whose empty cells are empty texts."""
    array = series.array
    if isinstance(array.dtype, pd.ArrowDtype):
        array = array.astype(pd.StringDtype("pyarrow"))
    if isinstance(array.dtype, pd.StringDtype):
        return array.fillna("") if array.isna().any() else array
    return as_texts(["" if pd.isna(cell) else cell for cell in array])


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
