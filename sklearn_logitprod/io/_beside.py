"""A further column of tables, such as the site, for samples that are read already."""

from __future__ import annotations

import numpy as np

from sklearn_logitprod._text import option
from sklearn_logitprod.io._experts import files_of, read_all
from sklearn_logitprod.io._ids import check_strip, stripped


def read_beside(paths, id, name, ids, id_strip=None):
    """Text of a column for samples.

    Parameters
    ----------
    paths : dict, sequence or path
        As `read_tables` takes them; one at least has the column.
    id, name : str
        Columns of identifiers and of what is asked for.
    ids : ndarray of shape (n_samples,)
        Identifiers, as they were read.
    id_strip : str or list of str, optional
        As of `read_tables`.

    Returns
    -------
    ndarray of shape (n_samples,), str
        Empty where no file says it.

    Raises
    ------
    ValueError
        If no file has the column, or files disagree about a sample.
    """
    files, _ = files_of(paths)
    tables = [own for each in read_all(files, id, "proba", {name}).values() for own in each]
    having = [table for table in tables if name in table.columns]
    if not having:
        tables[0].need(name, "by")
    strip, known = check_strip(id_strip), {}
    for table in having:
        own = table.texts(id, "id")
        own = stripped(own, strip) if strip else own
        for row, (key, text) in enumerate(zip(own, np.asarray(table.coded(name)), strict=True)):
            if text and known.setdefault(key, text) != text:
                raise table.source.error(
                    f"{key!r} has {text!r} in column {name!r}, and {known[key]!r} elsewhere. "
                    f"Correct one of them, or name another column with {option('by')}.",
                    row,
                )
    return np.array([known.get(str(key), "") for key in ids.tolist()], dtype=str)
