"""Reader of the layout of the method's authors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from sklearn_logitprod._text import brief, warn
from sklearn_logitprod._typing import FilePath
from sklearn_logitprod.io._formats import load_array
from sklearn_logitprod.io._join import join
from sklearn_logitprod.io._part import Part, check_values
from sklearn_logitprod.io._results import code_labels, code_names, contents
from sklearn_logitprod.io._source import Source
from sklearn_logitprod.outputs.container import ExpertOutputs

_STEMS = {"train": ("best_train", "train"), "val": ("best_val", "val"), "test": ("test",)}
_KINDS = {"outputs": "logits", "preds": "hazard_logits"}
# what the authors' scripts write beside the experts
_RESULTS = "logits_fusion_results"


def read_logitprod(
    root: FilePath,
    split: int | None = 0,
    part: Literal["train", "val", "test"] = "val",
    *,
    experts: Sequence[str] | None = None,
    classes: Sequence[Any] | None = None,
    time: Literal["bin", "time"] = "bin",
    times: ArrayLike | None = None,
) -> ExpertOutputs:
    """Read the experts' outputs that the authors' scripts write.

    Every expert has a folder: ``<root>/<expert>/split_<k>/`` with
    ``best_train_outputs.npy``, ``best_val_outputs.npy`` and ``test_outputs.npy``, logits of
    shape (n_samples, n_classes), and ``*_labels.npy``; or ``<root>/<expert>/`` for tasks on
    patches, which have no splits. For survival ``*_preds.npy`` are hazard logits of shape
    (n_samples, n_times), and each row of labels is (bin, counted from 1; 1 if censored;
    time). Identifiers come from ``<part>_features_labels.h5`` (``slide_ids`` or ``ids``).

    Parameters
    ----------
    root : path
        Folder of the experts' folders.
    split : int or None, default=0
        Number of the split; None, or no folders of splits, for patches.
    part : {"val", "train", "test"}, default="val"
        Which outputs. Fit on samples that are new to the experts, not on "train".
    experts : list of str, optional
        The experts; all folders but the scripts' own results if not given.
    classes : list, optional
        Class labels in the order of the codes 0, 1 and so on; the codes if not given.
    time : {"bin", "time"}, default="bin"
        What the times of y are for survival: the bins, on which hazards live, with times
        1 to n_times; or the times of the labels, which needs `times`.
    times : array of shape (n_times,), optional
        Right ends of the bins, in the unit of the labels' times.

    Returns
    -------
    ExpertOutputs
        Logits with labels, or hazard logits with events and times.

    Raises
    ------
    ValueError
        If a file is absent or damaged, or the experts differ in samples or labels: one
        line that names file, row and remedy.

    Warns
    -----
    UserWarning
        If there are no identifiers, so that rows are matched by position, which is done
        only if the labels of all experts agree in every row.

    References
    ----------
    Huang et al. 2026, arXiv:2604.07779.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import numpy as np
    >>> from sklearn_logitprod.io import read_logitprod
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> for expert in ("uni", "conch"):
    ...     folder = root / expert / "split_0"
    ...     folder.mkdir(parents=True)
    ...     np.save(folder / "best_val_outputs.npy", [[2.0, -1.0], [0.5, 1.5]])
    ...     np.save(folder / "best_val_labels.npy", [0, 1])
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")  # no identifiers: rows are matched by position
    ...     read_logitprod(root, split=0, classes=["normal", "tumour"])
    ExpertOutputs(2 samples, 2 experts, classes ['normal', 'tumour'], input='logits')
    """
    if part not in _STEMS:
        raise ValueError(f"part={part!r} is unknown; it is one of {list(_STEMS)}.")
    if time not in ("bin", "time") or (time == "time") != (times is not None):
        raise ValueError(
            "time is 'bin', or 'time' together with times=[...], the right ends of the bins."
        )
    found = [
        _read_expert(folder, split, part, classes, times)
        for folder in _folders(Path(root), experts)
    ]
    kinds = {kind for _, kind in found}
    if len(kinds) > 1:
        other = next(own for own, kind in found if kind != found[0][1])
        raise other.source.error(
            f"it holds other outputs than {found[0][0].source.path}. Pass experts of one task."
        )
    parts = [own for own, _ in found]
    by_position = _identified(parts)
    outputs = join(parts, kinds.pop(), "same")
    return replace(outputs, ids=None) if by_position else outputs


def _folders(root, experts):
    """Folder of each expert."""
    if not root.is_dir():
        raise ValueError(f"{root}: there is no such folder. Pass the folder of the experts.")
    if experts is None:
        experts = sorted(p.name for p in root.iterdir() if p.is_dir() and p.name[0] != ".")
        experts = [name for name in experts if name != _RESULTS]
    if not experts:
        raise ValueError(f"{root}: there are no folders of experts. Pass the folder of them.")
    absent = [name for name in experts if not (root / name).is_dir()]
    if absent:
        raise ValueError(f"{root}: there is no folder {absent[0]!r}. Correct experts=[...].")
    return [root / name for name in experts]


def _read_expert(folder, split, part, classes, times):
    """What one expert says, ids still None where there are none, and what its values are."""
    inside = folder if split is None else folder / f"split_{split}"
    if not inside.is_dir():
        splits = sorted(path.name for path in folder.glob("split_*"))
        if splits or split != 0:
            raise Source(str(inside), folder.name).error(
                f"there is no such folder; there are {brief(splits)}. Pass another split, or "
                "split=None for outputs without splits."
            )
        inside = folder
    path, kind = _outputs_file(inside, folder.name, part)
    source = Source(str(path), folder.name)
    values = load_array(source, path)
    if values.ndim != 2 or values.dtype.kind not in "iuf" or values.shape[1] < 2 or not len(values):
        raise source.error(
            f"it has shape {values.shape} and dtype {values.dtype}, expected numbers of shape "
            "(n_samples, n_columns). Write the outputs anew."
        )
    ids, labels = _ids_and_labels(source, inside, part, len(values))
    names = list(range(values.shape[1])) if times is None else list(times)
    values = np.asarray(values, dtype=np.float64)
    check_values(source, values, list(range(values.shape[1])), kind)
    if kind == "logits":
        names = code_names(source, names, classes)
        labels = None if labels is None else code_labels(source, _flat(source, labels), names)
        return Part(source, ids, values, names, labels), kind
    if len(names) != values.shape[1]:
        raise source.error(
            f"there are {values.shape[1]} bins, but times has {len(names)} entries. Give the right "
            "end of each bin."
        )
    names = [float(name) for name in (range(1, len(names) + 1) if times is None else names)]
    if labels is None:
        return Part(source, ids, values, names), kind
    event, time = _events(source, labels, len(names), times)
    return Part(source, ids, values, names, event=event, time=time), kind


def _outputs_file(folder, expert, part):
    """The one file of outputs of a part, and what its values are."""
    names = {f"{stem}_{end}.npy": kind for stem in _STEMS[part] for end, kind in _KINDS.items()}
    found = [name for name in names if (folder / name).is_file()]
    if len(found) != 1:
        fault = f"none of {list(names)}, {contents(folder)}"
        fault = f"more than one of {found}" if found else fault
        raise Source(str(folder), expert).error(
            f"there is {fault}. Every expert has one; name the experts with experts=[...]."
        )
    return folder / found[0], names[found[0]]


def _ids_and_labels(source, folder, part, n_rows):
    """Identifiers and labels as they are stored, each None where there are none."""
    ids = labels = None
    for stem in _STEMS[part]:
        path = folder / f"{stem}_labels.npy"
        if path.is_file():
            labels = load_array(Source(str(path), source.expert), path)
            _check_length(Source(str(path), source.expert), labels, n_rows, source)
    for path in sorted(folder.glob("*.h5")):
        if path.stem != "ids" and not path.stem.startswith(_STEMS[part]):
            continue
        own = Source(str(path), source.expert)
        stored = _read_h5(own, path)
        for name, array in stored.items():
            _check_length(own, array, n_rows, source, name)
        if "labels" in stored and labels is None:
            labels = stored["labels"]
        elif "labels" in stored and not _equal(labels, stored["labels"]):
            raise own.error(
                f"its labels differ from those beside {source.path}, so that its rows are others. "
                "Write both anew from one run without shuffling."
            )
        for name in ("slide_ids", "ids"):
            if name in stored and ids is None:
                ids = [
                    x.decode("utf-8", "backslashreplace") if isinstance(x, bytes) else str(x)
                    for x in stored[name]
                ]
    return ids, labels


def _read_h5(source, path):
    """Identifiers and labels of an HDF5 file; nothing, with a warning, without h5py."""
    try:
        import h5py
    except ModuleNotFoundError:
        warn(
            f"{path} may hold identifiers, but h5py is not installed: python -m pip install h5py.",
        )
        return {}
    try:
        with h5py.File(path, "r") as file:
            return {n: np.asarray(file[n]) for n in ("slide_ids", "ids", "labels") if n in file}
    except Exception as error:
        # damaged bytes make h5py stumble in many ways
        raise source.broken("HDF5 file", error) from error


def _check_length(source, array, n_rows, outputs, name="labels"):
    if array.ndim == 0 or len(array) != n_rows:
        raise source.error(
            f"{name!r} has shape {array.shape}, but {outputs.path} has {n_rows} rows. Write both "
            "anew from one run."
        )
    if name == "labels" and array.dtype.kind not in "biuf":
        raise source.error(f"labels have dtype {array.dtype}, expected numbers. Write them anew.")


def _equal(a, b):
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    return a.size == b.size and np.array_equal(a.ravel(), b.ravel(), equal_nan=True)


def _flat(source, labels):
    if labels.size != len(labels):
        raise source.error(
            f"labels have shape {labels.shape}, expected (n_samples,) beside logits. Pass the "
            "outputs and labels of one task."
        )
    return labels.ravel().astype(np.float64)


def _events(source, labels, n_bins, times):
    """Events and times of labels (bin, censored, time)."""
    if labels.ndim != 2 or labels.shape[1] != 3:
        raise source.error(
            f"labels have shape {labels.shape}, expected (n_samples, 3): bin, censored, time. Pass "
            "the outputs and labels of one task."
        )
    bins, censored, own = np.asarray(labels, dtype=np.float64).T
    bad = ~np.isin(censored, (0, 1))
    what = "a censored flag that is neither 0 nor 1"
    if not bad.any() and times is None:
        bad = ~np.isin(bins, np.arange(1, n_bins + 1))
        what = f"a bin that is none of 1 to {n_bins}"
    if not bad.any() and times is not None:
        bad = ~((own > 0) & (own < np.inf))
        what = "a time that is not positive and finite"
    if bad.any():
        row = int(np.argmax(bad))
        raise source.error(
            f"the label {labels[row].tolist()} has {what}. Labels are (bin from 1, 1 if censored, "
            "time); correct or remove the row.",
            row,
        )
    return censored == 0, bins if times is None else own


def _identified(parts):
    """Whether rows are matched by position, their numbers then being the identifiers."""
    without = [m for m, part in enumerate(parts) if part.ids is None]
    if not without:
        return False
    first = parts[without[0]]
    if len(without) < len(parts):
        raise first.source.error(
            "it has no identifiers, but other experts have. Write slide_ids for every expert."
        )
    for m, part in enumerate(parts):
        _check_position(parts[0], part)
        parts[m] = replace(part, ids=[str(row) for row in range(len(part.values))])
    if len(parts) > 1:
        warn(
            f"{first.source.path}: there are no identifiers, so that rows are matched by position. "
            "The labels of all experts agree in every row, but that is no proof.",
        )
    return True


def _check_position(first, part):
    """Refuse to match by position where lengths or labels differ."""
    if len(part.values) != len(first.values):
        raise part.source.error(
            f"it has {len(part.values)} rows, {first.source.path} has {len(first.values)}, and "
            "there are no identifiers. Write the outputs of all experts for the same samples."
        )
    known = first.labels is not None or part.labels is not None
    for field in ("labels",) if known else ("event", "time"):
        mine, others = getattr(part, field), getattr(first, field)
        if part is not first and (mine is None or others is None):
            raise (part if mine is None else first).source.error(
                "there are neither identifiers nor labels, so that rows cannot be matched. Write "
                "slide_ids or labels."
            )
        if part is not first and not np.array_equal(mine, others):
            row = int(np.argmax(np.asarray(mine) != np.asarray(others)))
            raise part.source.error(
                f"the {field.removesuffix('s')} is {mine[row]} here and {others[row]} in "
                f"{first.source.path}, and there are no identifiers to match rows by. Write "
                "slide_ids, or the outputs in one order.",
                row,
            )
