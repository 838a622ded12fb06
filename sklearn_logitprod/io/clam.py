"""Reader of what CLAM writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from sklearn_logitprod._typing import Paths
from sklearn_logitprod.io._formats import read_table
from sklearn_logitprod.io._part import Part
from sklearn_logitprod.io._pickles import load_pickle
from sklearn_logitprod.io._records import floats, frame_table, is_frame, records, scalars
from sklearn_logitprod.io._results import (
    check_number,
    code_columns,
    code_labels,
    code_names,
    join_results,
    result_file,
)
from sklearn_logitprod.io._source import named_paths
from sklearn_logitprod.outputs.container import ExpertOutputs

_REMEDY = "Pass CLAM's results folder, and the number of one of its splits as split=...."


def read_clam(
    roots: Paths,
    split: int = 0,
    *,
    classes: Sequence[str] | None = None,
    how: Literal["inner", "outer"] = "inner",
) -> ExpertOutputs:
    r"""Read the test outputs of CLAM, one results folder per expert.

    Its training writes ``split_<k>_results.pkl``, a dict of ``slide_id``, ``prob`` and
    ``label`` by slide; its evaluation writes ``fold_<k>.csv`` with the columns
    ``slide_id``, ``Y``, ``Y_hat``, ``p_0``, ``p_1`` and so on. Pickles are opened
    without running what they name.

    Parameters
    ----------
    roots : dict of str to path, or list of paths
        Results folder of each expert. In a list the folder's name names it.
    split : int, default=0
        Number of the split. The splits of one expert are different models: read one.
    classes : list, optional
        Class labels in the order of CLAM's codes 0, 1 and so on; the codes themselves if
        not given.
    how : {"inner", "outer"}, default="inner"
        As in `read_tables`.

    Returns
    -------
    ExpertOutputs
        Probabilities, with the labels and the slides' names.

    Raises
    ------
    ValueError
        If a file is absent, damaged or names more than arrays, or experts disagree: one
        line that names file, row and remedy.

    References
    ----------
    Lu et al. 2021, Data-efficient and weakly supervised computational pathology on
    whole-slide images, https://github.com/mahmoodlab/CLAM (``main.py``, ``eval.py``,
    ``utils/eval_utils.py``).

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sklearn_logitprod.io import read_clam
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> for expert, row in {"uni": "s1,1,1,0.2,0.8", "conch": "s1,1,0,0.6,0.4"}.items():
    ...     (root / expert).mkdir()
    ...     _ = (root / expert / "fold_0.csv").write_text(
    ...         f"slide_id,Y,Y_hat,p_0,p_1\n{row}\ns2,0,0,0.9,0.1\n"
    ...     )
    >>> read_clam([root / "uni", root / "conch"], classes=["normal", "tumour"])
    ExpertOutputs(2 samples, 2 experts, classes ['normal', 'tumour'], input='proba')
    """
    check_number(split, "split")
    parts = []
    for name, root in named_paths(roots, "folder").items():
        source = result_file(
            root, name, [f"fold_{split}.csv", f"split_{split}_results.pkl"], _REMEDY
        )
        read = _read_csv if Path(source.path).suffix == ".csv" else _read_pickle
        parts.append(read(source, classes))
    return join_results(parts, how)


def _read_csv(source, classes):
    return _of_table(read_table(source, "slide_id"), classes)


def _of_table(table, classes):
    columns = code_columns(table, "p_")
    names = code_names(table.source, list(columns), classes)
    values = np.column_stack([table.numbers(name) for name in columns.values()])
    table.need("Y")
    labels = code_labels(table.source, table.numbers("Y"), names)
    return Part(table.source, table.texts("slide_id", "id"), values, names, labels)


def _read_pickle(source, classes):
    content = load_pickle(source, source.path)
    if is_frame(content):
        return _of_table(frame_table(source, content), classes)
    ids, fields = records(source, content, ["prob", "label"])
    values = floats(source, fields["prob"], "prob")
    names = code_names(source, list(range(values.shape[1])), classes)
    labels = code_labels(source, scalars(source, fields["label"], "label"), names)
    return Part(source, ids, values, names, labels)
