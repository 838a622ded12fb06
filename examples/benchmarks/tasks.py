"""Classification tasks with real experts, and the protocol under which each is scored.

Every task reads one compressed file of the development collection, which is not part of
the project: its directory is an argument, the environment variable LOGITPROD_DATA, or
``../shared/data`` beside the repository.

A task yields *problems*: outputs of the experts and labels to fit a fusion on, and the
same for held-out samples. The score of a method on a task is the mean of its scores over
the problems.

>>> for task in load_tasks(names=FIVE):  # doctest: +SKIP
...     for problem in task.problems(seed=0):
...         model.fit(problem.fit_proba, problem.fit_y, groups=problem.fit_groups)
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

FIVE = (
    "glioma_grade_pathgraph",
    "bach4",
    "cifar10_two_nets",
    "camelyon16_predictions",
    "flusight_ratechange_2023_24",
)

_FAMILIES = {
    "bach4": "ROI",
    "camelyon16_predictions": "WSI",
    "cifar10_two_nets": "other",
    "flusight_ratechange_2023_24": "other",
    "glioma_grade_pathgraph": "ROI",
    "imagenet16_distortions": "other",
    "sklearn_cancer_trees": "other",
    "sklearn_digits_trees": "other",
    "support2_3class": "other",
}
_HIF_TARGETS = {
    "hif_stad": ("msi_h", "mut_PIK3CA", "mut_ARID1A", "mut_TP53"),
    "hif_luad": ("mut_EGFR", "mut_KRAS", "mut_STK11", "mut_TP53"),
}
_KATHER = "kather_texture_2016"
_KATHER_TILES = (300, 1500, 3500)
_ECG = "ecg_abnormalities"

# One random 70/30 split of some 100 test slides says little; five per repeat are as many
# as the folds of the other tasks. The tiles have 1500 test rows, where one is enough.
_HIF_SPLITS = 5
_TEST_SHARE = 0.3


@dataclass(frozen=True)
class Problem:
    """What one fusion is fitted on and scored on; probabilities, NaN = missing expert.

    ``fit_proba`` and ``test_proba`` have shape (n_samples, n_experts, n_classes), labels
    are the positions 0 to n_classes - 1 of the class columns. ``split_id`` names the part
    and the fold, and is unique within a task and a seed. ``fit_tables`` and ``test_tables``
    hold one table per expert where the experts are heads on tables.
    """

    fit_proba: np.ndarray
    fit_y: np.ndarray
    fit_groups: np.ndarray | None
    test_proba: np.ndarray
    test_y: np.ndarray
    split_id: str
    fit_tables: tuple[np.ndarray, ...] | None = None
    test_tables: tuple[np.ndarray, ...] | None = None


@dataclass(frozen=True)
class Task:
    """Outputs of fixed experts on labelled samples, with the protocol of their splits.

    Attributes
    ----------
    name, family : str
    experts, classes : tuple of str
    y : ndarray of shape (n_samples,), int
        Positions in ``classes``.
    proba : ndarray of shape (n_samples, n_experts, n_classes), float64, or None
        None for tasks of which tables are known, not predictions.
    groups : ndarray of shape (n_samples,), or None
        Dependent samples; no group is ever on both sides of a split.
    parts : ndarray of shape (n_samples,), or None
        Samples of different parts are never in one problem, and scores are averaged over
        parts: the test sets of one cohort, the labels of a multi-label task.
    n_folds : int
    """

    name: str
    family: str
    experts: tuple[str, ...]
    classes: tuple[str, ...]
    y: np.ndarray
    proba: np.ndarray | None = None
    groups: np.ndarray | None = None
    parts: np.ndarray | None = None
    n_folds: int = 5

    def splits(self, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows to fit on and rows to test on: stratified folds, groups kept together."""
        for _, fit_rows, test_rows in self._named_splits(seed):
            yield fit_rows, test_rows

    def _named_splits(self, seed):
        parts = np.zeros(len(self.y), int) if self.parts is None else self.parts
        folds = StratifiedKFold if self.groups is None else StratifiedGroupKFold
        for part in np.unique(parts):
            rows = np.flatnonzero(parts == part)
            groups = None if self.groups is None else self.groups[rows]
            splitter = folds(self.n_folds, shuffle=True, random_state=seed)
            for i, (fit, test) in enumerate(splitter.split(rows, self.y[rows], groups)):
                yield f"{part}/{i}", rows[fit], rows[test]

    def expert_proba(
        self, fit_rows: np.ndarray, test_rows: np.ndarray, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities of the experts for the rows to fit on and the rows to test on.

        For tables, those to fit on are out-of-fold.
        """
        return self.proba[fit_rows], self.proba[test_rows]

    def problems(self, seed: int) -> Iterator[Problem]:
        """One repeat of the protocol."""
        for split_id, fit_rows, test_rows in self._named_splits(seed):
            fit_proba, test_proba = self.expert_proba(fit_rows, test_rows, seed)
            groups = None if self.groups is None else self.groups[fit_rows]
            tables = (self._tables_of(rows) for rows in (fit_rows, test_rows))
            y = self.y[fit_rows], self.y[test_rows]
            yield Problem(fit_proba, y[0], groups, test_proba, y[1], split_id, *tables)

    def _tables_of(self, rows):
        return None


@dataclass(frozen=True, kw_only=True)
class ShiftTask(Task):
    """Each domain is left out of the fit in turn and tested on; seeds change nothing.

    Attributes
    ----------
    domains : ndarray of shape (n_samples,)
    """

    domains: np.ndarray

    def _named_splits(self, seed):
        for domain in np.unique(self.domains):
            left_out = self.domains == domain
            yield f"0/{domain}", np.flatnonzero(~left_out), np.flatnonzero(left_out)


@dataclass(frozen=True, kw_only=True)
class ViewsTask(Task):
    """One table per expert: heads are trained on the fit rows alone, and cross-fitted.

    Attributes
    ----------
    tables : tuple of ndarray of shape (n_samples, n_columns)
    make_head : callable
        Returns a fresh classifier.
    n_fit : int or None
        Size of a stratified part of the fit rows to be used; None takes all of them.
    cache : Path or None
        Directory that keeps the outputs of the heads; empty it when a head changes.
    """

    tables: tuple[np.ndarray, ...]
    make_head: Callable
    n_fit: int | None = None
    cache: Path | None = None

    def _named_splits(self, seed):
        rows = np.arange(len(self.y))
        # Offsets far apart: splits of neighbouring seeds must not coincide.
        for i in range(self.n_folds):
            state = 1000 * seed + i
            fit, test = train_test_split(
                rows, test_size=_TEST_SHARE, stratify=self.y, random_state=state
            )
            if self.n_fit is not None and self.n_fit < len(fit):
                fit, _ = train_test_split(
                    fit, train_size=self.n_fit, stratify=self.y[fit], random_state=state
                )
            yield f"0/{i}", np.sort(fit), np.sort(test)

    def _tables_of(self, rows):
        return tuple(table[rows] for table in self.tables)

    def expert_proba(self, fit_rows, test_rows, seed):
        if self.cache is None:
            return self._train_heads(fit_rows, test_rows, seed)
        key = hashlib.sha1(fit_rows.tobytes() + b"|" + test_rows.tobytes()).hexdigest()[:16]
        file = self.cache / f"{self.name}-{seed}-{key}.npz"
        if not file.exists():
            out_of_fold, held_out = self._train_heads(fit_rows, test_rows, seed)
            file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(file, out_of_fold=out_of_fold, held_out=held_out)
        with np.load(file) as arrays:
            return arrays["out_of_fold"], arrays["held_out"]

    def _train_heads(self, fit_rows, test_rows, seed):
        y = self.y[fit_rows]
        n_experts, n_classes = len(self.tables), len(self.classes)
        out_of_fold = np.empty((len(fit_rows), n_experts, n_classes))
        held_out = np.empty((len(test_rows), n_experts, n_classes))
        folds = list(StratifiedKFold(5, shuffle=True, random_state=seed).split(y, y))
        for m, table in enumerate(self.tables):
            X = table[fit_rows]
            for inside, outside in folds:
                head = self.make_head().fit(X[inside], y[inside])
                out_of_fold[outside, m] = head.predict_proba(X[outside])
            held_out[:, m] = self.make_head().fit(X, y).predict_proba(table[test_rows])
        return out_of_fold, held_out


def _hif_head():
    # Feature scales span many orders of magnitude, so only the ranks are used.
    return make_pipeline(
        SimpleImputer(strategy="median"),
        QuantileTransformer(n_quantiles=100, output_distribution="normal"),
        LogisticRegression(C=0.01, max_iter=2000),
    )


def _kather_head():
    return make_pipeline(
        SimpleImputer(strategy="median"),
        StandardScaler(),
        LogisticRegression(C=10.0, max_iter=2000),
    )


def _read_proba(name, data):
    proba = data["proba"].astype(np.float64)
    # Rows of float32 sum to 1 only within rounding; missing experts stay NaN.
    proba /= proba.sum(axis=2, keepdims=True)
    per_split = "split" in data.files
    yield Task(
        name=name,
        family=_FAMILIES[name],
        experts=tuple(data["experts"].tolist()),
        classes=tuple(data["classes"].tolist()),
        y=data["y"],
        proba=proba,
        groups=data["groups"] if "groups" in data.files else None,
        parts=data["split"] if per_split else None,
        n_folds=2 if per_split else 5,
    )


def load_shift_task(data: str | os.PathLike | None = None) -> ShiftTask:
    """The distorted pictures, by kind of distortion; parameters as in `load_tasks`."""
    name = "imagenet16_distortions"
    with np.load(data_directory(data) / f"{name}.npz", allow_pickle=False) as arrays:
        (task,) = _read_proba(name, arrays)
        fields = {key: getattr(task, key) for key in ("experts", "classes", "y", "proba")}
        return ShiftTask(name=name, family="shift", domains=arrays["experiment"], **fields)


def _read_ecg(name, data):
    # Six binary tasks in one: every label is a part with rows of its own.
    y = data["y"]
    present = data["proba"].astype(np.float64)
    proba = np.stack([1.0 - present, present], axis=-1)
    n_labels = y.shape[1]
    yield Task(
        name=name,
        family="other",
        experts=tuple(data["experts"].tolist()),
        classes=("absent", "present"),
        y=np.concatenate([y[:, label] for label in range(n_labels)]),
        proba=np.concatenate([proba[:, :, label] for label in range(n_labels)]),
        parts=np.repeat(np.arange(n_labels), len(y)),
    )


def _views(data):
    keys = [key for key in data.files if key.startswith("X_")]
    return tuple(key[2:] for key in keys), tuple(data[key] for key in keys)


def _read_hif(name, data):
    experts, tables = _views(data)
    for target in _HIF_TARGETS[name]:
        labels = data[f"y_{target}"]
        labelled = labels >= 0
        yield ViewsTask(
            name=f"{name}_{target}",
            family="gene mutation",
            experts=experts,
            classes=("0", "1"),
            y=labels[labelled],
            tables=tuple(table[labelled] for table in tables),
            make_head=_hif_head,
            n_folds=_HIF_SPLITS,
        )


def _read_kather(name, data):
    experts, tables = _views(data)
    for n_fit in _KATHER_TILES:
        yield ViewsTask(
            name=f"{name}_{n_fit}",
            family="tile",
            experts=experts,
            classes=tuple(data["classes"].tolist()),
            y=data["y"],
            tables=tables,
            make_head=_kather_head,
            n_fit=n_fit,
            n_folds=1,
        )


_FILES = {
    **dict.fromkeys(_FAMILIES, _read_proba),
    **dict.fromkeys(_HIF_TARGETS, _read_hif),
    _KATHER: _read_kather,
    _ECG: _read_ecg,
}


def data_directory(path: str | os.PathLike | None = None) -> Path:
    """Directory of the development collection: `path`, LOGITPROD_DATA or the default.

    Raises
    ------
    FileNotFoundError
        If it is no directory.
    """
    root = Path(__file__).resolve().parents[2]
    path = Path(path or os.environ.get("LOGITPROD_DATA") or root.parent / "shared" / "data")
    if not path.is_dir():
        raise FileNotFoundError(
            f"the development collection is not at {path}: pass its directory with --data or "
            "set LOGITPROD_DATA"
        )
    return path


def add_data_arguments(parser) -> None:
    """Add ``--data`` and ``--cache`` to a command line."""
    parser.add_argument("--data", help="directory of the development collection")
    parser.add_argument(
        "--cache", help="directory, outside the repository, that keeps outputs of trained heads"
    )


def load_tasks(
    data: str | os.PathLike | None = None,
    names: tuple[str, ...] | None = None,
    cache: str | os.PathLike | None = None,
) -> Iterator[Task]:
    """Read the classification tasks, one after the other.

    Parameters
    ----------
    data : path, default=None
        See `data_directory`.
    names : sequence of str, default=None
        Names of tasks or of files, in the order wanted; None takes all. A file's name
        stands for all of its tasks.
    cache : path, default=None
        Directory that keeps the outputs of heads trained on tables, which take most of
        the time; None trains them anew.

    Raises
    ------
    FileNotFoundError
        If the directory or a file is absent.
    ValueError
        If a name is unknown.
    """
    directory = data_directory(data)
    for wanted in sorted(_FILES) if names is None else names:
        file = next((name for name in sorted(_FILES) if wanted.startswith(name)), None)
        found = False
        if file is not None:
            with np.load(directory / f"{file}.npz", allow_pickle=False) as arrays:
                for task in _FILES[file](file, arrays):
                    if wanted in (file, task.name):
                        found = True
                        if cache is not None and isinstance(task, ViewsTask):
                            task = replace(task, cache=Path(cache))
                        yield task
        if not found:
            raise ValueError(f"unknown task {wanted!r}; files are {sorted(_FILES)}")
