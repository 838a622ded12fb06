"""Reader of what STAMP writes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

import numpy as np

from sklearn_logitprod._text import brief, warn
from sklearn_logitprod._typing import Paths
from sklearn_logitprod.io._columns import sorted_labels
from sklearn_logitprod.io._event_columns import read_events, read_times
from sklearn_logitprod.io._formats import read_table
from sklearn_logitprod.io._join import join
from sklearn_logitprod.io._part import Part
from sklearn_logitprod.io._results import (
    check_number,
    contents,
    input_of,
    join_results,
    known,
    regression_error,
    result_file,
)
from sklearn_logitprod.io._source import Source, named_paths
from sklearn_logitprod.outputs.container import ExpertOutputs

_SCORES = ("pred_score", "pred_risk")
_EVENTS = ("event", "status")
_NUMBERED = re.compile(r"patient-preds-\d+\.csv")
_BINARY = {"0", "1", "0.0", "1.0", "true", "false"}


def read_stamp(
    roots: Paths,
    split: int | None = 0,
    *,
    label: str | None = None,
    patient: str = "PATIENT",
    checkpoint: int | Literal["mean"] | None = None,
    event: str | None = None,
    time: str | None = None,
    how: Literal["inner", "outer"] = "inner",
) -> ExpertOutputs:
    r"""Read the patients' outputs of STAMP, one output folder per expert.

    Cross-validation writes ``split-<k>/patient-preds.csv``, deployment
    ``patient-preds.csv``, or ``patient-preds-<i>.csv`` for each of several checkpoints.
    Its rows are sorted by loss, so that every expert has another order: they are joined
    by patient. Of a classification it holds the columns ``PATIENT``, ``<label>``,
    ``pred``, ``<label>_<class>`` for each class, and ``loss``, or the same of several
    targets; of a survival model ``PATIENT``, ``pred_score`` (the risk), and the time and
    the event.

    Parameters
    ----------
    roots : dict of str to path, or list of paths
        Output folder of each expert. In a list the folder's name names it.
    split : int or None, default=0
        Number of the split; None for a deployment.
    label : str, optional
        Name of the target, where there are several or it cannot be told from the columns.
    patient : str, default="PATIENT"
        Column of patients.
    checkpoint : int or "mean", optional
        Of a deployment of several checkpoints: the number of one, or "mean" for the mean
        of the probabilities (or risks) of all of them.
    event, time : str, optional
        For survival: columns of events and times, where they are not called ``event`` (or
        ``status``) and ``time``. Where two other columns are there, of which one alone
        holds 0 and 1, these are taken, with a warning.
    how : {"inner", "outer"}, default="inner"
        As in `read_tables`.

    Returns
    -------
    ExpertOutputs
        Probabilities with labels, or risks with events and times; y is None where
        STAMP knew no ground truth of any patient.

    Raises
    ------
    ValueError
        If a file is absent, damaged or a regression, its columns may mean several things,
        or experts disagree: one line that names file, line and remedy.

    Warns
    -----
    UserWarning
        If there is no ground truth, or columns of events and times were told by what
        they hold.

    References
    ----------
    El Nahhas et al. 2024, From whole-slide image to biomarker prediction,
    https://github.com/KatherLab/STAMP (``src/stamp/modeling/deploy.py``).

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sklearn_logitprod.io import read_stamp
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> head = "PATIENT,msi,pred,msi_MSIH,msi_MSS,loss"
    >>> rows = ["p1,MSS,MSS,0.1,0.9,0.11", "p2,MSIH,MSIH,0.7,0.3,0.36"]
    >>> for expert, order in {"uni": rows, "conch": rows[::-1]}.items():
    ...     (root / expert / "split-0").mkdir(parents=True)
    ...     text = "\n".join([head, *order])
    ...     _ = (root / expert / "split-0" / "patient-preds.csv").write_text(text)
    >>> outputs = read_stamp([root / "uni", root / "conch"])
    >>> outputs
    ExpertOutputs(2 samples, 2 experts, classes ['MSIH', 'MSS'], input='proba')
    >>> outputs.ids.tolist(), outputs.values[0].tolist()
    (['p1', 'p2'], [[0.1, 0.9], [0.1, 0.9]])
    """
    if split is not None:
        check_number(split, "split")
    if checkpoint not in (None, "mean"):
        check_number(checkpoint, "checkpoint")
    if (event is None) != (time is None):
        raise ValueError("event and time go together: name both columns, or neither.")
    parts = []
    for name, root in named_paths(roots, "folder").items():
        own = [
            _read_csv(source, label, patient, (event, time))
            for source in _files(root, name, split, checkpoint)
        ]
        parts.append(own[0] if checkpoint != "mean" else _mean(own))
    return join_results(parts, how)


def _files(root, expert, split, checkpoint):
    """Sources of one expert: its file, or those of all checkpoints."""
    if split is not None and root.is_dir():
        if not (root / f"split-{split}").is_dir():
            raise Source(str(root), expert).error(
                f"there is no folder split-{split}, {contents(root)}. Pass STAMP's output "
                "folder and the number of one of its splits, or split=None for a deployment."
            )
        root = root / f"split-{split}"
    numbered = [p for p in sorted(root.glob("patient-preds-*.csv")) if _NUMBERED.fullmatch(p.name)]
    if checkpoint == "mean" and numbered:
        return [Source(str(path), expert) for path in numbered]
    remedy = "Pass STAMP's output folder; split=None is a deployment, split=0 the first split."
    if numbered:
        remedy = (
            "Read one of the checkpoints, with checkpoint=0 for instance, or the mean of all, with "
            "checkpoint='mean'."
        )
    file = {None: "patient-preds.csv", "mean": "patient-preds-<i>.csv"}.get(checkpoint)
    return [result_file(root, expert, [file or f"patient-preds-{checkpoint}.csv"], remedy)]


def _mean(parts):
    """One part that says the mean of several checkpoints of one expert."""
    values = join(parts, input_of(parts), "same").values.mean(axis=1)
    first = parts[0]
    if first.names is None:
        return replace(first, values=values[:, None])
    return replace(first, values=values, names=sorted_labels(first.names))


def _read_csv(source, label, patient, truth):
    table = read_table(source, patient)
    score = next((name for name in _SCORES if name in table.columns), None)
    if score is None:
        if truth != (None, None):
            raise source.error(
                f"there are no risks ({' or '.join(_SCORES)}), only {brief(table.columns, 20)}. "
                "Pass the results of a survival model, or leave event and time out."
            )
        return _classes(table, label, patient)
    if label is not None:
        raise source.error(
            f"these are risks of a survival model ({score}), which have no label={label!r}. Leave "
            "it out, or name the columns event=... and time=...."
        )
    return _risks(table, score, patient, truth)


def _risks(table, score, patient, truth):
    ids, risk = table.texts(patient, "patient"), table.numbers(score)[:, None]
    event, time = _truth(table, score, patient) if truth == (None, None) else truth
    if event is None:
        return Part(table.source, ids, risk)
    table.need(event, "event")
    table.need(time, "time")
    if not known(table, event) and not known(table, time):
        return Part(table.source, ids, risk)
    return Part(
        table.source, ids, risk, event=read_events(table, event), time=read_times(table, time)
    )


def _truth(table, score, patient):
    """Columns of events and times; None for both where there is no ground truth."""
    event = next((name for name in _EVENTS if name in table.columns), None)
    if event is not None and "time" in table.columns:
        return event, "time"
    rest = [name for name in table.columns if name not in (patient, score) and known(table, name)]
    if not rest:
        return None, None
    events = [name for name in rest if _is_binary(table.cells(name))]
    times = [name for name in rest if name not in events and table.is_numeric(name)]
    if (len(events), len(times), len(rest)) != (1, 1, 2):
        raise table.source.error(
            f"{brief(rest)} may hold events and times; 'event' and 'time' are not both there. Name "
            "the columns with event='...' and time='...'."
        )
    (event,), (time,) = events, times
    warn(
        f"{table.source.path}: {event!r}, which holds 0 and 1, is read as the events and {time!r} "
        f"as the times. Pass event={event!r}, time={time!r} if that is right, or name others."
    )
    return event, time


def _is_binary(cells):
    return {cell.lower() for cell in cells} - {""} <= _BINARY


def _classes(table, label, patient):
    targets = _targets(table, patient)
    if not targets and "pred" in table.columns and table.is_numeric("pred"):
        raise regression_error(table.source, "'pred' holds numbers, and no column is of a class")
    if label is None:
        if not targets:
            raise table.source.error(
                "there are no columns <label>_<class> of two classes or more, only "
                f"{brief(table.columns, 20)}. Pass the results of a classification."
            )
        if len(targets) > 1:
            raise table.source.error(
                f"the target may be any of {brief(targets)}. Name it with label=...."
            )
        (label,) = targets
    table.need(label, "label")
    if label not in targets:
        raise table.source.error(
            f"there are no columns {label}_<class> of two classes or more; there are "
            f"{brief(table.columns, 20)}. Name the target with label=...."
        )
    values = np.column_stack([table.numbers(name) for name in targets[label]])
    names = [name[len(label) + 1 :] for name in targets[label]]
    labels = table.texts(label, "label") if known(table, label) else None
    for row, text in enumerate(() if labels is None else labels):
        if text not in names:
            raise table.source.error(
                f"label {text!r} is none of the classes {brief(sorted_labels(names))}. Remove the "
                "row or correct the label.",
                row,
            )
    return Part(table.source, table.texts(patient, "patient"), values, names, labels)


def _targets(table, patient):
    """Columns of the classes of each target: dict of str to list of str.

    Those begin with its name, and with that of no longer one: KRAS_G12C_yes is not of KRAS.
    """
    columns = [name for name in table.columns if name not in (patient, "pred", "loss")]
    predicted = {f"pred_{name}": name for name in columns if f"pred_{name}" in table.columns}
    columns = [name for name in columns if name not in predicted]
    targets = set(predicted.values()) or _evident_targets(table, columns)
    owned = {name: [] for name in columns if name in targets}
    for name in columns:
        owners = [own for own in owned if name.startswith(f"{own}_")]
        if owners and name not in targets:
            owned[max(owners, key=len)].append(name)
    return {own: names for own, names in owned.items() if len(names) > 1}


def _evident_targets(table, columns):
    """Columns whose names begin two others or more, unless they are themselves of a class."""
    begun = {own: [name for name in columns if name.startswith(f"{own}_")] for own in columns}
    begun = {own: names for own, names in begun.items() if len(names) > 1}
    # a class "A" beside "A_b" and "A_c" begins two others, but holds probabilities
    of_class = {name for names in begun.values() for name in names if table.is_numeric(name)}
    return set(begun) - of_class
