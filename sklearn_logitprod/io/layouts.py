"""Readers of what CLAM, STAMP and MCAT write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from sklearn_logitprod._text import brief
from sklearn_logitprod._typing import Paths
from sklearn_logitprod.io._columns import sorted_labels
from sklearn_logitprod.io._formats import read_table
from sklearn_logitprod.io._join import join
from sklearn_logitprod.io._part import Part, check_values
from sklearn_logitprod.io._pickles import load_pickle, unwrapped
from sklearn_logitprod.io._source import Source, existing, named_paths
from sklearn_logitprod.io._table import Table
from sklearn_logitprod.io.tables import read_events, read_times
from sklearn_logitprod.outputs.container import ExpertOutputs


def read_clam(
    roots: Paths,
    split: int | None = 0,
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
        Number of the split.
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
    whole-slide images, https://github.com/mahmoodlab/CLAM.

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
    parts = []
    for name, root in named_paths(roots, "folder").items():
        pickled, table = root / f"split_{split}_results.pkl", root / f"fold_{split}.csv"
        if pickled.is_file() and table.is_file():
            raise Source(str(pickled), name).error(
                f"{table.name} is beside it, and may be of other slides. Move one of them away."
            )
        if table.is_file():
            parts.append(_clam_table(read_table(Source(str(table), name), "slide_id"), classes))
        else:
            source = Source(str(pickled), name)
            existing(source, f"Nor is there {table.name}. Pass CLAM's results folder.")
            parts.append(_clam_pickle(source, pickled, classes))
    for part in parts:
        check_values(part.source, part.values, part.names, "proba")
    return join(parts, "proba", how)


def _clam_table(table, classes):
    columns = [name for name in table.columns if name[:2] == "p_" and name[2:].isdigit()]
    names = code_names(table.source, [int(name[2:]) for name in columns], classes)
    values = np.column_stack([table.numbers(name) for name in columns])
    table.need("Y")
    labels = code_labels(table.source, table.numbers("Y"), names)
    return Part(table.source, table.texts("slide_id", "id"), values, names, labels)


def _clam_pickle(source, path, classes):
    content = load_pickle(source, path)
    if _is_frame(content):
        return _clam_table(_frame_table(source, content), classes)
    ids, fields = _records(source, content, ("prob", "label"))
    rows = [np.ravel(value) for value in fields["prob"]]
    sizes = [len(row) for row in rows]
    if len(set(sizes)) > 1:
        raise source.error(f"'prob' has {set(sizes)} classes. Give all slides the same.")
    names = code_names(source, list(range(sizes[0])), classes)
    values = _floats(source, rows, "prob")
    labels = code_labels(source, _floats(source, fields["label"], "label"), names)
    return Part(source, ids, values, names, labels)


def code_names(source, codes, classes):
    """Class labels of codes 0, 1 and so on.

    Parameters
    ----------
    source : Source
    codes : list of int
    classes : list or None
        Labels in the order of the codes; the codes themselves if None.

    Returns
    -------
    list of str
    """
    if sorted(codes) != list(range(len(codes))) or len(codes) < 2:
        raise source.error(
            f"classes have the codes {brief(codes)}, expected 0, 1 and so on. Pass the folder of a "
            "classification."
        )
    if classes is None:
        return [str(code) for code in codes]
    if len(classes) != len(codes):
        raise source.error(
            f"there are {len(codes)} classes, but classes={brief(classes)}. Name each of them."
        )
    return [str(classes[code]) for code in codes]


def code_labels(source, codes, names):
    """Labels of the samples from their codes.

    Parameters
    ----------
    source : Source
    codes : ndarray of shape (n_rows,), float64
    names : list of str
        Class labels in the order of the codes.

    Returns
    -------
    list of str
    """
    bad = ~np.isin(codes, np.arange(len(names)))
    if bad.any():
        row = int(np.argmax(bad))
        raise source.error(
            f"label {codes[row]:g} is none of the codes 0 to {len(names) - 1}. Give every class a "
            "column, or remove the row.",
            row,
        )
    return [names[int(code)] for code in codes]


def _is_frame(content):
    return isinstance(content, dict) and "slide_id" in content


def _frame_table(source, columns):
    """Table of a pickled frame's columns."""
    fault = "its columns are no lists of one length. Write the results anew."
    try:
        arrays = {str(name): np.asarray(unwrapped(column)) for name, column in columns.items()}
    except ValueError as error:
        raise source.error(fault) from error
    if len({array.shape for array in arrays.values()}) > 1 or arrays["slide_id"].ndim != 1:
        raise source.error(fault)
    return Table(source, arrays)


def _records(source, content, fields):
    """Slides' names and fields of a dict of dicts, as CLAM and MCAT pickle them."""
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


def _floats(source, values, field):
    """Numbers of all slides: scalars or arrays of one, or rows of equal length."""
    try:
        array = np.array([np.ravel(value) for value in values], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise source.error(f"{field!r} is no number ({error}). Write the results anew.") from error
    if field != "prob" and array.shape[1] != 1:
        raise source.error(f"{field!r} has {array.shape[1]} values per slide, expected one.")
    return array if field == "prob" else array[:, 0]


def read_mcat(
    roots: Paths, split: int | None = 0, *, how: Literal["inner", "outer"] = "inner"
) -> ExpertOutputs:
    """Read the validation risks of MCAT, one results folder per expert.

    It writes ``split_latest_val_<k>_results.pkl``, a dict of ``slide_id``, ``risk``,
    ``disc_label``, ``survival`` (the time) and ``censorship`` by slide, as its relatives
    Patch-GCN and others do. Pickles are opened without running what they name.

    Parameters
    ----------
    roots : dict of str to path, or list of paths
        Results folder of each expert. In a list the folder's name names it.
    split : int, default=0
        Number of the split.
    how : {"inner", "outer"}, default="inner"
        As in `read_tables`.

    Returns
    -------
    ExpertOutputs
        Risks, higher for earlier events; y has the events (not censored) and times.

    Raises
    ------
    ValueError
        As `read_clam`.

    References
    ----------
    Chen et al. 2021, Multimodal co-attention transformer for survival prediction in
    gigapixel whole slide images, https://github.com/mahmoodlab/MCAT.

    Examples
    --------
    >>> import tempfile, pathlib, pickle
    >>> from sklearn_logitprod.io import read_mcat
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> slide = {"slide_id": "s1", "risk": -0.3, "survival": 14.0, "censorship": 0.0}
    >>> for expert in ("mcat", "porpoise"):
    ...     (root / expert).mkdir()
    ...     with open(root / expert / "split_latest_val_0_results.pkl", "wb") as file:
    ...         pickle.dump({"s1": slide}, file)
    >>> outputs = read_mcat([root / "mcat", root / "porpoise"])
    >>> outputs, outputs.y.tolist()
    (ExpertOutputs(1 samples, 2 experts, input='risk'), [(True, 14.0)])
    """
    parts = []
    fields = ("risk", "survival", "censorship")
    for name, root in named_paths(roots, "folder").items():
        source = Source(str(root / f"split_latest_val_{split}_results.pkl"), name)
        content = load_pickle(source, existing(source, "Pass MCAT's results folder."))
        if _is_frame(content):
            table = _frame_table(source, content)
            ids = table.texts("slide_id", "id")
            found = {field: table.need(field) for field in fields}
        else:
            ids, found = _records(source, content, fields)
        risk, time, censored = (_floats(source, found[field], field) for field in fields)
        check_values(source, risk[:, None], ["risk"], "risk")
        table = Table(source, {"survival": time, "event": 1.0 - censored})
        event = read_events(table, "event")
        time = read_times(table, "survival")
        parts.append(Part(source, ids, risk[:, None], event=event, time=time))
    return join(parts, "risk", how)


def read_stamp(
    roots: Paths,
    split: int | None = 0,
    *,
    label: str | None = None,
    patient: str = "PATIENT",
    how: Literal["inner", "outer"] = "inner",
) -> ExpertOutputs:
    r"""Read the patients' outputs of STAMP, one output folder per expert.

    Cross-validation writes ``split-<k>/patient-preds.csv``, deployment
    ``patient-preds.csv``. Its rows are sorted by loss, so that every expert has another
    order: they are joined by patient. Of a classification it holds the columns
    ``PATIENT``, ``<label>``, ``pred``, ``<label>_<class>`` for each class, and ``loss``;
    of a survival model ``PATIENT``, ``pred_score`` (the risk), ``time`` and ``event``.

    Parameters
    ----------
    roots : dict of str to path, or list of paths
        Output folder of each expert. In a list the folder's name names it.
    split : int or None, default=0
        Number of the split; None for a deployment.
    label : str, optional
        Name of the target, where it cannot be told from the columns.
    patient : str, default="PATIENT"
        Column of patients.
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
        If a file is absent or damaged, or experts disagree: one line that names file,
        line and remedy.

    References
    ----------
    El Nahhas et al. 2024, From whole-slide image to biomarker prediction,
    https://github.com/KatherLab/STAMP.

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
    tables = []
    for name, root in named_paths(roots, "folder").items():
        folder = root if split is None else root / f"split-{split}"
        source = Source(str(folder / "patient-preds.csv"), name)
        existing(source, "Pass STAMP's output folder; split=None for a deployment.")
        tables.append(read_table(source, patient))
    scores = [_score(table) for table in tables]
    if all(scores):
        parts = [_stamp_risk(*pair, patient) for pair in zip(tables, scores, strict=True)]
        return join(parts, "risk", how)
    if any(scores):
        odd = tables[scores.index(None)]
        raise odd.source.error(
            "it has no risks (pred_score), but other experts do. Pass experts of one task."
        )
    parts = [_stamp_classes(table, label, patient) for table in tables]
    if all(part.labels is None for part in parts):
        return join(parts, "proba", how)
    missing = next((part for part in parts if part.labels is None), None)
    if missing is not None:
        raise missing.source.error("it has no ground truth, but others do. Deploy it with one.")
    return join(parts, "proba", how)


def _score(table):
    return next((name for name in ("pred_score", "pred_risk") if name in table.columns), None)


def _known(table, name):
    """Whether a column is there and has any entry."""
    column = table.columns.get(name)
    return column is not None and any(cell not in ("", None) for cell in column)


def _stamp_risk(table, score, patient):
    risk = table.numbers(score)[:, None]
    check_values(table.source, risk, [score], "risk")
    event = "event" if "event" in table.columns else "status"
    y = {}
    if _known(table, event) or _known(table, "time"):
        table.need(event)
        table.need("time")
        y = {"event": read_events(table, event), "time": read_times(table, "time")}
    return Part(table.source, table.texts(patient, "patient"), risk, **y)


def _stamp_classes(table, label, patient):
    if label is None:
        targets = [
            name
            for name in table.columns
            if name != patient and len(_of_target(table, name)) > 1 and name != "pred"
        ]
        if len(targets) != 1:
            raise table.source.error(
                f"the target may be any of {brief(targets or table.columns)}. Name it with "
                "label=...."
            )
        label = targets[0]
    table.need(label, "label")
    columns = _of_target(table, label)
    if len(columns) < 2:
        raise table.source.error(
            f"there are no columns {label}_<class> of two classes or more; there are "
            f"{brief(table.columns, 20)}. Name the target with label=...."
        )
    values = np.column_stack([table.numbers(name) for name in columns])
    names = [name[len(label) + 1 :] for name in columns]
    check_values(table.source, values, names, "proba")
    labels = table.texts(label, "label") if _known(table, label) else None
    for row, text in enumerate(labels or ()):
        if text not in names:
            raise table.source.error(
                f"label {text!r} is none of the classes {brief(sorted_labels(names))}. Remove the "
                "row or correct the label.",
                row,
            )
    return Part(table.source, table.texts(patient, "patient"), values, names, labels)


def _of_target(table, label):
    return [name for name in table.columns if name.startswith(f"{label}_")]
