"""Reader of what Slideflow writes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np

from sklearn_logitprod._text import brief
from sklearn_logitprod._typing import Paths
from sklearn_logitprod.io._event_columns import read_events, read_times
from sklearn_logitprod.io._formats import read_table
from sklearn_logitprod.io._part import Part
from sklearn_logitprod.io._results import (
    code_columns,
    code_names,
    coded_truth,
    join_results,
    regression_error,
    result_file,
)
from sklearn_logitprod.io._source import Source, named_paths
from sklearn_logitprod.outputs.container import ExpertOutputs

_LEVELS = ("slide", "patient")
_SCORE = re.compile(r"(.*-)?y_pred\d*")
_REMEDY = "Pass the folder that holds the predictions, or the file itself."


def read_slideflow(
    roots: Paths,
    level: Literal["slide", "patient"] = "slide",
    *,
    label: str | None = None,
    classes: Sequence[str] | None = None,
    how: Literal["inner", "outer"] = "inner",
) -> ExpertOutputs:
    r"""Read the predictions of Slideflow, one folder per expert.

    Multiple-instance models write ``predictions.parquet`` with the columns ``slide`` or
    ``patient``, ``y_true`` and ``y_pred0``, ``y_pred1`` and so on; of a survival model
    ``y_true0`` (the time), ``y_true1`` (the event) and ``y_pred0``, which is higher for
    later events and gets the other sign here. Models of tiles write
    ``slide_predictions_<label>`` and ``patient_predictions_<label>``, with the columns
    ``<outcome>-y_true``, ``<outcome>-y_pred0`` and so on.

    Parameters
    ----------
    roots : dict of str to path, or list of paths
        Folder of each expert's predictions, or their file. In a list the last name of the
        path names the expert.
    level : {"slide", "patient"}, default="slide"
        What a row is of.
    label : str, optional
        Name of the outcome, where there are several.
    classes : list, optional
        Class labels in the order of Slideflow's codes 0, 1 and so on, as in
        ``outcome_labels`` of its ``mil_params.json`` or ``params.json``; the codes
        themselves if not given.
    how : {"inner", "outer"}, default="inner"
        As in `read_tables`.

    Returns
    -------
    ExpertOutputs
        Probabilities with labels, or risks, higher for earlier events, with events and
        times.

    Raises
    ------
    ValueError
        If a file is absent, damaged or a regression, its columns may mean several things,
        or experts disagree: one line that names file, row and remedy.

    Warns
    -----
    UserWarning
        If there is no ground truth.

    References
    ----------
    Dolezal et al. 2024, Slideflow: deep learning for digital histopathology with real-time
    whole-slide visualization, https://github.com/slideflow/slideflow
    (``slideflow/mil/eval.py``, ``slideflow/stats/metrics.py``).

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sklearn_logitprod.io import read_slideflow
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> head = ",slide,grade-y_pred0,grade-y_pred1,grade-y_true"
    >>> for expert, row in {"uni": "0,s1,0.2,0.8,1.0", "conch": "0,s1,0.4,0.6,1.0"}.items():
    ...     (root / expert).mkdir()
    ...     _ = (root / expert / "slide_predictions_eval.csv").write_text(f"{head}\n{row}\n")
    >>> outputs = read_slideflow([root / "uni", root / "conch"], classes=["low", "high"])
    >>> outputs.values[0].tolist(), outputs.y.tolist()
    ([[0.8, 0.2], [0.6, 0.4]], ['high'])
    """
    if level not in _LEVELS:
        raise ValueError(f"level={level!r} is unknown; it is 'slide' or 'patient'.")
    files = ["predictions.parquet", f"{level}_predictions*"]
    parts = []
    for name, root in named_paths(roots, "folder").items():
        source = Source(str(root), name)
        if not root.is_file():
            source = result_file(root, name, files, _REMEDY)
        parts.append(_read_file(source, level, label, classes))
    return join_results(parts, how)


def _read_file(source, level, label, classes):
    table = read_table(source, level)
    ids = table.texts(level, "level")
    prefix = _prefix(table, label)
    scores, truths = (code_columns(table, f"{prefix}{what}") for what in ("y_pred", "y_true"))
    if list(scores) == [0] and list(truths) == [0, 1]:
        risk = -table.numbers(scores[0])[:, None]
        event, time = read_events(table, truths[1]), read_times(table, truths[0])
        return Part(table.source, ids, risk, event=event, time=time)
    if truths or not scores:
        raise regression_error(table.source, f"its columns are {brief(table.columns, 20)}")
    names = code_names(table.source, list(scores), classes)
    values = np.column_stack([table.numbers(name) for name in scores.values()])
    labels = coded_truth(table, f"{prefix}y_true", names)
    return Part(table.source, ids, values, names, labels)


def _prefix(table, label):
    """What the columns of the outcome begin with: its name and a hyphen, or nothing."""
    found = [match[1] or "" for match in map(_SCORE.fullmatch, table.columns) if match]
    prefixes = list(dict.fromkeys(found))
    columns = brief(table.columns, 20)
    if not prefixes:
        raise table.source.error(
            f"there are no columns y_pred0 and so on, only {columns}. Pass Slideflow's predictions."
        )
    if "time-" in prefixes:
        raise table.source.error(
            "these are risks of a Cox model of tiles, whose sign is not known. Read them with "
            "read_tables and input='risk', where higher means an earlier event."
        )
    if label is None and len(prefixes) > 1:
        outcomes = brief(prefix.removesuffix("-") for prefix in prefixes)
        raise table.source.error(f"the outcome may be any of {outcomes}. Name it with label=....")
    if label is None:
        return prefixes[0]
    if f"{label}-" not in prefixes:
        raise table.source.error(
            f"there are no columns {label}-y_pred0 and so on; there are {columns}. Name the "
            "outcome with label=..., or leave it out where columns name none."
        )
    return f"{label}-"
