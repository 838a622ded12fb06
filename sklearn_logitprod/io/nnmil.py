"""Reader of what nnMIL writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from sklearn_logitprod._text import brief
from sklearn_logitprod._typing import Paths
from sklearn_logitprod.io._formats import read_table
from sklearn_logitprod.io._part import Part
from sklearn_logitprod.io._results import (
    code_columns,
    code_names,
    coded_truth,
    join_results,
    result_file,
)
from sklearn_logitprod.io._source import Source, named_paths
from sklearn_logitprod.io.tables import read_events, read_times
from sklearn_logitprod.outputs.container import ExpertOutputs

_REMEDY = "Pass the folder that nnMIL predicted into, or the file itself."


def read_nnmil(
    roots: Paths,
    *,
    classes: Sequence[str] | None = None,
    how: Literal["inner", "outer"] = "inner",
) -> ExpertOutputs:
    r"""Read the predictions of nnMIL, one output folder per expert.

    It writes ``results_<model>.csv`` with a row per slide: ``slide_id``, ``patient_id``,
    ``label`` and, of two classes, ``probability`` (of the class 1), of more classes
    ``probability_class_0`` and so on; of a survival model ``status``, ``time`` and
    ``risk_score``. Further columns, measures of uncertainty, are left alone.

    Parameters
    ----------
    roots : dict of str to path, or list of paths
        Output folder of each expert, or its file. In a list the last name of the path
        names it.
    classes : list, optional
        Class labels in the order of nnMIL's codes 0, 1 and so on; the codes themselves if
        not given.
    how : {"inner", "outer"}, default="inner"
        As in `read_tables`.

    Returns
    -------
    ExpertOutputs
        Probabilities with labels, or risks, higher for earlier events, with events and
        times; ids are the slides and groups the patients.

    Raises
    ------
    ValueError
        If a file is absent or damaged, or experts disagree: one line that names file,
        line and remedy.

    Warns
    -----
    UserWarning
        If there is no ground truth.

    References
    ----------
    https://github.com/Luoxd1996/nnMIL (``inference/predictors/classification_predictor.py``
    and ``survival_predictor.py``).

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sklearn_logitprod.io import read_nnmil
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> head = "slide_id,patient_id,dataset,label,prediction,probability"
    >>> for expert, row in {"uni": "s1,p1,a,1,1,0.75", "conch": "s1,p1,a,1,0,0.25"}.items():
    ...     (root / expert).mkdir()
    ...     _ = (root / expert / "results_simple_mil.csv").write_text(f"{head}\n{row}\n")
    >>> outputs = read_nnmil([root / "uni", root / "conch"], classes=["normal", "tumour"])
    >>> outputs.values[0].tolist(), outputs.groups.tolist()
    ([[0.25, 0.75], [0.75, 0.25]], ['p1'])
    """
    parts = [
        _read_csv(
            Source(str(root), name)
            if root.is_file()
            else result_file(root, name, ["results_*.csv"], _REMEDY),
            classes,
        )
        for name, root in named_paths(roots, "folder").items()
    ]
    return join_results(parts, how)


def _read_csv(source, classes):
    table = read_table(source, "slide_id")
    ids = table.texts("slide_id", "id")
    groups = table.texts("patient_id", "group")
    if "risk_score" in table.columns:
        risk = table.numbers("risk_score")[:, None]
        table.need("status")
        table.need("time")
        event, time = read_events(table, "status"), read_times(table, "time")
        return Part(table.source, ids, risk, groups=groups, event=event, time=time)
    values = _probabilities(table)
    names = code_names(table.source, list(range(values.shape[1])), classes)
    labels = coded_truth(table, "label", names)
    return Part(table.source, ids, values, names, labels, groups)


def _probabilities(table):
    if "probability" in table.columns:
        second = table.numbers("probability")
        return np.column_stack([1.0 - second, second])
    columns = code_columns(table, "probability_class_")
    if list(columns) != list(range(len(columns))) or not columns:
        raise table.source.error(
            "there is neither 'risk_score' nor 'probability' nor 'probability_class_0' and so on, "
            f"only {brief(table.columns, 20)}. Pass the results of a classification or of a "
            "survival model."
        )
    return np.column_stack([table.numbers(name) for name in columns.values()])
