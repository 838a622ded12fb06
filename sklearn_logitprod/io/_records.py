"""Pickled results of slides or patients, as CLAM, MCAT and their relatives write them."""

from __future__ import annotations

import numpy as np

from sklearn_logitprod.io._pickles import unwrapped
from sklearn_logitprod.io._table import Table


def is_frame(content):
    """Whether a pickle's content is the columns of a frame, not records by slide."""
    return isinstance(content, dict) and "slide_id" in content


def frame_table(source, columns):
    """Table of a pickled frame's columns."""
    fault = "its columns are no lists of one length. Write the results anew."
    try:
        arrays = {str(name): np.asarray(unwrapped(column)) for name, column in columns.items()}
    except ValueError as error:
        raise source.error(fault) from error
    if len({array.shape for array in arrays.values()}) > 1 or arrays["slide_id"].ndim != 1:
        raise source.error(fault)
    return Table(source, arrays)


def records(source, content, fields):
    """Names of the slides, and fields of a dict of one dict per slide.

    Parameters
    ----------
    source : Source
    content : object
        What a pickle holds.
    fields : list of str

    Returns
    -------
    ids : list of str
    found : dict of str to list
        Values of each field.
    """
    if not isinstance(content, dict) or not content:
        kind = "nothing" if isinstance(content, dict) else type(content).__name__
        raise source.error(
            f"it holds {kind}, expected a dict of one entry per slide. Pass the "
            "folder with the results, not with other pickles."
        )
    ids, found = [], {field: [] for field in fields}
    for row, (name, record) in enumerate(content.items()):
        if not isinstance(record, dict) or any(field not in record for field in fields):
            keys = list(record) if isinstance(record, dict) else type(record).__name__
            raise source.error(
                f"slide {name!r} has {keys}, expected {list(fields)}. Pass the folder with the "
                "results of the right task.",
                row,
            )
        own = unwrapped(record.get("slide_id", name))
        own = str(own.item() if isinstance(own, np.ndarray) and own.size == 1 else own)
        if own != str(name):
            raise source.error(
                f"slide {str(name)!r} is called {own!r} inside. Write the results anew.", row
            )
        ids.append(own)
        for field in fields:
            found[field].append(unwrapped(record[field]))
    return ids, found


def floats(source, values, field):
    """Rows of numbers of all slides.

    Parameters
    ----------
    source : Source
    values : list of float or array
    field : str

    Returns
    -------
    ndarray of shape (n_slides, n_values), float64
    """
    rows = [np.ravel(value) for value in values]
    sizes = {len(row) for row in rows}
    if len(sizes) > 1:
        raise source.error(f"{field!r} has {sizes} values. Give all slides the same number.")
    try:
        return np.array(rows, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise source.error(f"{field!r} is no number ({error}). Write the results anew.") from error


def scalars(source, values, field):
    """Number of each slide: ndarray of shape (n_slides,), float64."""
    array = floats(source, values, field)
    if array.shape[1] != 1:
        raise source.error(f"{field!r} has {array.shape[1]} values per slide, expected one.")
    return array[:, 0]
