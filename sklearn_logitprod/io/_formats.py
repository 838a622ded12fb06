"""Tables of files, by their extension."""

from __future__ import annotations

import json

import numpy as np

from sklearn_logitprod._text import brief
from sklearn_logitprod.io._bounds import check_archive, check_size
from sklearn_logitprod.io._lists import unfolded
from sklearn_logitprod.io._pickles import is_text
from sklearn_logitprod.io._source import existing
from sklearn_logitprod.io._table import Table, as_texts, check_header
from sklearn_logitprod.io._text_files import read_text
from sklearn_logitprod.outputs.native import is_frame, named_columns

_FORMATS = ".csv, .tsv (both also .gz), .parquet, .feather, .jsonl, .json, .xlsx and .npz"
# compressed inside, whatever the last part of the name says
_PARQUET = (".parquet", ".pq", ".parquet.gzip", ".parquet.gz", ".parquet.snappy", ".parquet.zstd")


def read_table(source, id=None, array="proba", coded=(), content=None):
    """Table of a file, by its extension, or of a frame in memory.

    Parameters
    ----------
    source : Source
    id : str, optional
        The column of identifiers, which tells separators apart.
    array : str
        Which array of an npz file holds the outputs, if it has one of that name.
    coded : collection of str
        Columns of text with few distinct values.
    content : DataFrame, optional
        The frame, where it is no file.

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        If the file is absent, of an unknown format, damaged or empty.
    """
    if content is not None:
        table = _read_frame(source, content)
    else:
        table = _read_file(source, id, array, coded)
    if len(table) == 0:
        raise source.error("there are columns but no rows. Write the file anew.")
    return table


def _read_file(source, id, array, coded):
    path = existing(source)
    name = path.name.lower()
    if path.stat().st_size == 0:
        raise source.error("the file is empty. Write it anew.")
    if name.endswith((".csv", ".csv.gz", ".tsv", ".tsv.gz")):
        return read_text(source, path, id, coded)
    if name.endswith((*_PARQUET, ".feather", ".arrow")):
        return _read_arrow(source, path)
    if name.endswith((".jsonl", ".ndjson", ".json")):
        return _read_json(source, path)
    if name.endswith((".xlsx", ".xlsm", ".xls", ".ods")):
        return _read_sheet(source, path)
    if name.endswith(".npz"):
        return _read_npz(source, path, array)
    raise source.error(
        f"this format is not known. The formats are {_FORMATS}. Call a table of text, with its "
        "names in the first line, .csv or .tsv."
    )


def _read_frame(source, frame):
    if not is_frame(frame):
        raise source.error(
            f"this is a {type(frame).__name__}, expected a path or a data frame. Pass the file, "
            "or ExpertOutputs for arrays."
        )
    return _of_values(source, named_columns(frame, source.path))


def _of_values(source, columns):
    """Table of pairs of a name and its values: numbers, or whatever is then text."""
    if not columns:
        raise source.error("there are no columns. Write the file anew.")
    columns = [pair for name, values in columns for pair in _unfolded(str(name), values)]
    check_header(source, [name for name, _ in columns])
    return Table(source, {name: _values(source, name, values) for name, values in columns})


def _of_records(records):
    """Pairs of a name and its values, objects and lists in them unfolded."""
    records = [dict(unfolded(record)) for record in records]
    names = dict.fromkeys(name for record in records for name in record)
    return [(name, [record.get(name) for record in records]) for name in names]


def _unfolded(name, values):
    """A column, or those of the lists or objects that its cells are."""
    if isinstance(values, np.ndarray) and values.dtype.kind != "O":
        return [(name, values)]
    values = [value.tolist() if isinstance(value, np.ndarray) else value for value in values]
    if not any(isinstance(value, (list, tuple, dict)) for value in values):
        return [(name, values)]
    return _of_records([{} if value is None else {name: value} for value in values])


def _values(source, name, values):
    """A column of numbers, or of text."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "iuf":
        return values
    values = list(values)
    known = [value for value in values if value is not None and value == value]
    if known and all(type(value) in (int, float) for value in known):
        whole = len(known) == len(values)
        numbers = np.array([np.nan if v is None else v for v in values], None)
        return numbers if whole else numbers.astype(np.float64)
    return _texts(source, name, values)


def _texts(source, name, values):
    """Cells as text, empty where there is none."""
    cells = []
    for i, value in enumerate(values):
        try:
            text = value.decode() if isinstance(value, bytes) else value
        except UnicodeDecodeError as error:
            raise source.error(
                f"{value!r} in column {name!r} is no UTF-8 text. Save text instead of bytes.", i
            ) from error
        cells.append("" if text is None or text != text else str(text))
    return as_texts(cells)


def _read_arrow(source, path):
    parquet = path.name.lower().endswith(_PARQUET)
    kind = "Parquet" if parquet else "Feather"
    try:
        from pyarrow import feather
        from pyarrow import parquet as pq
    except ModuleNotFoundError as error:
        raise source.error(
            f"{kind} files need pyarrow: python -m pip install pyarrow, or save as CSV."
        ) from error
    if parquet:
        check_size(source, path, _claimed(pq, path))
    try:
        table = pq.ParquetFile(path).read() if parquet else feather.read_table(path)
        # what is well packed may still be text of no characters, or end before it begins
        table.validate(full=True)
        names = table.column_names
    except Exception as error:
        # damaged bytes make pyarrow stumble in many ways
        raise source.broken(f"{kind} file", error) from error
    check_header(source, names)
    try:
        columns = named_columns(table)
    except Exception as error:
        # times of no calendar, numbers of no size
        raise source.broken(f"{kind} file", error) from error
    return _of_values(source, columns)


def _claimed(pq, path):
    """Bytes of the cells that a Parquet file says it has: of one value, they take next to none."""
    try:
        about = pq.read_metadata(path)
    except Exception:
        # damaged: whoever reads on says so
        return 0
    return 8 * about.num_rows * about.num_columns


def _read_json(source, path):
    """One object per line, or a list of objects; objects and lists in them are unfolded."""
    try:
        content = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".json":
            records = json.loads(content)
        else:
            records = [json.loads(line) for line in content.splitlines() if line.strip()]
    except ValueError as error:
        raise source.broken("JSON", error, "Write the file anew.") from error
    if not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
        raise source.error(
            "it holds no list of objects, one per sample. Write one object per line, such as "
            '{"slide_id": "s1", "prob_tumour": 0.9, "prob_normal": 0.1}.'
        )
    return _of_values(source, _of_records(records))


def _read_sheet(source, path):
    import pandas as pd

    check_archive(source, path)
    try:
        sheets = pd.read_excel(path, sheet_name=None, dtype=object, keep_default_na=False)
    except ImportError as error:
        raise source.error(f"{error} Or save the sheet as CSV.") from error
    except Exception as error:
        # damaged archives make their readers stumble in many ways
        raise source.broken("workbook", error, "Save it again.") from error
    filled = {name: sheet for name, sheet in sheets.items() if len(sheet)}
    if len(filled) != 1:
        raise source.error(
            f"rows are in the sheets {brief(filled)}. Save the one that holds the outputs as a "
            "file of its own."
            if filled
            else "there is no sheet with rows. Save it again."
        )
    sheet = next(iter(filled.values())).replace("", None)
    names = [str(name).strip() for name in sheet.columns]
    check_header(source, names)
    return _of_values(source, list(zip(names, (sheet[c] for c in sheet.columns), strict=True)))


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
    check_archive(source, path)
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
    raise source.broken(f"{kind} file", error, "Copy it again.") from error


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
        return _texts(source, name, values.tolist())
    raise source.error(f"array {name!r} has dtype {values.dtype}. Save numbers or text.")
