"""From arrays and frames to one aligned array of expert outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse

from sklearn_logitprod.fusion.logits import (
    binary_logits,
    binary_proba,
    log_proba_from_logits,
    log_proba_from_proba,
    samples_fastest,
)
from sklearn_logitprod.outputs.container import declared

if TYPE_CHECKING:
    import pandas as pd

SUM_TOLERANCE = 1e-3
_RANGE_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class Outputs:
    """Expert outputs as they came, and how to read them as log-probabilities.

    Attributes
    ----------
    values : array of shape (n_samples, n_experts, n_classes) or (n_samples, n_experts)
        Any real dtype, possibly memory-mapped. Two-dimensional for a binary task: the
        log-odds or the probability of the second class.
    kind : {"logits", "proba"}
    names : list of str
        Names of the experts.
    order : ndarray of shape (n_classes,), int
        Position in ``values`` of each class, in the order of ``classes_``.
    rows : ndarray of int or None
        Rows that count, if not all do.
    """

    values: np.ndarray
    kind: str
    names: list
    order: np.ndarray
    rows: np.ndarray | None = None

    @property
    def shape(self):
        """(n_samples, n_experts, n_classes)."""
        n_samples = len(self.values) if self.rows is None else len(self.rows)
        return n_samples, self.values.shape[1], len(self.order)

    def take(self, rows):
        """Only some rows, given as indices; nothing is copied."""
        return replace(self, rows=rows if self.rows is None else self.rows[rows])

    def log_proba(self, rows):
        """Normalised, floored log-probabilities of some rows, checked.

        Parameters
        ----------
        rows : slice or ndarray of int

        Returns
        -------
        ndarray of shape (n_rows, n_experts, n_classes), float64
            NaN where an expert is missing.

        Raises
        ------
        ValueError
            If a value is infinite, a row of an expert is NaN in part, a probability is
            outside [0, 1], probabilities do not sum to 1, or no expert is present.
        """
        own = rows if self.rows is None else self.rows[rows]
        values = samples_fastest(np.asarray(self.values[own]))
        self._check(values, own)
        if values.ndim == 2:
            values = binary_proba(values) if self.kind == "proba" else binary_logits(values)
        if not np.array_equal(self.order, np.arange(len(self.order))):
            values = values[:, :, self.order]
        if self.kind == "proba":
            return log_proba_from_proba(values)
        return log_proba_from_logits(values)

    def _check(self, values, rows):
        """Check float64 values, samples fastest, of some rows of ``self.values``."""
        per_row = values if values.ndim == 2 else values.sum(axis=-1)
        if not np.isfinite(per_row).all():
            advice = (
                "Probabilities lie in [0, 1]."
                if self.kind == "proba"
                else "Clip such logits to a large finite value, or pass probabilities with "
                "input='proba', which may be exactly 0 and 1."
            )
            check_missing(values, rows, self.names, advice, "classes")
        if self.kind == "proba":
            self._check_proba(values, per_row, rows)

    def _check_proba(self, values, per_row, rows):
        outside = (values < -_RANGE_TOLERANCE) | (values > 1.0 + _RANGE_TOLERANCE)
        if outside.any():
            where = tuple(np.argwhere(outside)[0])
            raise ValueError(
                f"X holds {values[where]:.6g} in row {row_number(rows, where[0])}, expert "
                f"{self.names[where[1]]!r}, but input='proba' takes probabilities in [0, 1]. "
                "For logits or log-odds use input='logits'; divide percentages by 100."
            )
        np.maximum(values, 0.0, out=values)
        if values.ndim == 2:
            np.minimum(values, 1.0, out=values)
            return
        off = np.abs(per_row - 1.0) > SUM_TOLERANCE
        if off.any():
            row, expert = np.argwhere(off)[0]
            raise ValueError(
                f"The probabilities of expert {self.names[expert]!r} in row "
                f"{row_number(rows, row)} of X sum to {per_row[row, expert]:.6g} instead of 1 "
                f"(tolerance {SUM_TOLERANCE:g}). Normalise each row over the classes, or use "
                "input='logits' for scores."
            )


def check_missing(values, rows, names, advice, unit):
    """Refuse infinite values, experts that are missing in part, rows without experts.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_experts) or (n_rows, n_experts, n_columns)
    rows : slice or ndarray of int
        Where these rows lie in X.
    names : list of str
        Names of the experts.
    advice : str
        What to do about infinite values.
    unit : str
        What the last axis of three runs over.
    """
    infinite = np.isinf(values)
    if infinite.any():
        row, expert = np.argwhere(infinite)[0][:2]
        raise ValueError(
            f"X holds an infinite value in row {row_number(rows, row)}, expert "
            f"{names[expert]!r}. {advice}"
        )
    missing = np.isnan(values)
    if values.ndim == 3:
        whole = missing.all(axis=-1)
        part = missing.any(axis=-1) & ~whole
        if part.any():
            row, expert = np.argwhere(part)[0]
            n_missing = int(missing[row, expert].sum())
            raise ValueError(
                f"X is NaN in {n_missing} of {values.shape[-1]} {unit} in row "
                f"{row_number(rows, row)}, expert {names[expert]!r}. An expert that is "
                f"missing for a sample is NaN in all its {unit}; fill in the others or set the "
                "whole row of this expert to NaN."
            )
        missing = whole
    empty = missing.all(axis=1)
    if empty.any():
        raise ValueError(
            f"X has {int(empty.sum())} row(s) in which all experts are missing (NaN), the "
            f"first is row {row_number(rows, int(np.argmax(empty)))}. Remove these rows: at "
            "least one expert must be present."
        )


def row_number(rows, position):
    """Row number of a position within a slice or an index array."""
    return rows.start + position if isinstance(rows, slice) else rows[position]


def n_rows(X):
    """Number of rows of X, before anything else is known of it."""
    shape = getattr(X, "shape", None)
    if shape is None:
        shape = (len(X),) if hasattr(X, "__len__") else np.asarray(X).shape
    if len(shape) == 0:
        raise ValueError(
            "X is a single value. Expert outputs are (n_samples, n_experts, n_classes), or "
            "(n_samples, n_experts) for a binary task."
        )
    return int(shape[0])


def is_two_level(X):
    """Whether X is a DataFrame with columns of several levels."""
    return hasattr(X, "columns") and getattr(X.columns, "nlevels", 1) > 1


def frame_classes(X):
    """Class labels of a frame with two-level columns (expert, class), as they come."""
    if X.columns.nlevels != 2:
        raise ValueError(
            f"X has columns of {X.columns.nlevels} levels; a frame of expert outputs has two, "
            "(expert, class) or (expert, time). stack_outputs builds one."
        )
    return list(dict.fromkeys(label for _, label in X.columns))


def read_outputs(X, kind, classes, column_classes=None, expert_names=None):
    """Bring precomputed expert outputs into one aligned array.

    Parameters
    ----------
    X : array, DataFrame or ExpertOutputs
        ``(n, M, K)``; ``(n, M)`` for a binary task; ``(n, M * K)`` for more classes;
        DataFrame with two-level columns (expert, class).
    kind : {"logits", "proba"}
    classes : ndarray of shape (n_classes,)
        Sorted class labels.
    column_classes : sequence, optional
        Class labels in the order of an array's columns; sorted if not given.
    expert_names : list of str, optional
        Names of a fitted estimator's experts, which a frame is aligned to.

    Returns
    -------
    Outputs
    """
    X, kind = declared(X, kind)
    if issparse(X):
        raise ValueError(
            "X is a sparse matrix, but expert outputs are dense: a zero is a value and NaN "
            "marks a missing expert. Pass X.toarray()."
        )
    if kind not in ("logits", "proba"):
        raise ValueError(f"X holds input={kind!r}: it is for LogitProdSurvival.")
    if is_two_level(X):
        values, names = frame_values(X, classes, expert_names)
        return Outputs(values, kind, names, np.arange(len(classes)))
    names = None
    if hasattr(X, "columns"):
        names = [str(name) for name in X.columns]
        X = X.to_numpy()
    values = numeric(X)
    n_classes = len(classes)
    order = np.arange(n_classes)
    if column_classes is not None:
        order = np.argsort(np.asarray(column_classes))
    if values.ndim == 2 and n_classes > 2:
        if values.shape[1] % n_classes:
            raise ValueError(
                f"X has {values.shape[1]} columns, which is no multiple of the {n_classes} "
                "classes. A 2-D array of expert outputs holds n_experts * n_classes columns, "
                "expert by expert. If y lacks a class in this fit, name all with `classes`."
            )
        values = values.reshape(len(values), -1, n_classes)
        names = None
    elif values.ndim == 2 and n_classes == 2:
        # one column per expert, about the second class *as the columns go*
        pass
    elif values.ndim != 3:
        raise ValueError(
            f"X has {values.ndim} dimension(s), shape {values.shape}. Expert outputs are "
            "(n_samples, n_experts, n_classes), or (n_samples, n_experts) for a binary task. "
            "Reshape your data."
        )
    if values.ndim == 3 and values.shape[2] != n_classes:
        raise ValueError(
            f"X has shape {values.shape}: {values.shape[2]} classes on its last axis, but there "
            f"are {n_classes} class labels {brief(classes)}. The last axis has one column per "
            "class; if y lacks a class in this fit, name all with `classes`."
        )
    return Outputs(values, kind, column_names(values, names, expert_names), order)


def column_names(values, names, expert_names):
    """Names of the experts of an array, checked to be as many as the fit had.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_experts, ...)
    names : list of str or None
        What the columns are called; by their number if not given.
    expert_names : list of str or None
        Names of a fitted estimator's experts.

    Returns
    -------
    list of str
    """
    if 0 in values.shape:
        raise ValueError(
            f"Found X with {values.shape[0]} sample(s) and {values.shape[1]} feature(s) "
            f"(shape={values.shape}) while a minimum of 1 is required of both: rows are samples, "
            "columns outputs of experts."
        )
    if expert_names is None:
        return names or [f"expert{m}" for m in range(values.shape[1])]
    if len(expert_names) != values.shape[1]:
        raise ValueError(
            f"X has shape {values.shape}, hence {values.shape[1]} expert(s), but the fit had "
            f"{len(expert_names)}: {brief(expert_names)}. Pass all of them, with NaN for an "
            "expert that is missing."
        )
    return list(expert_names)


_CLASS_WORDS = (
    "class",
    "class labels",
    "Names are compared by value and type; rename the columns or convert y.",
    "An expert that never gives a class has probability 0 there, or its lowest logit.",
)


def frame_values(X, classes, expert_names, words=_CLASS_WORDS):
    """Values of a frame with two-level columns, aligned by the names of both levels.

    Parameters
    ----------
    X : DataFrame
        Columns (expert, class) or (expert, time).
    classes : ndarray of shape (n_classes,)
        Labels of the second level, in the order wanted.
    expert_names : list of str or None
        Names of a fitted estimator's experts; as they come if not given.
    words : tuple of str
        For messages: what a label is, what labels are compared with, and two pieces
        of advice.

    Returns
    -------
    values : ndarray of shape (n_samples, n_experts, n_classes)
    names : list of str
    """
    label_word, against, on_mismatch, on_absence = words
    frame_labels = frame_classes(X)
    experts = list(dict.fromkeys(expert for expert, _ in X.columns))
    columns = list(X.columns)
    if len(set(columns)) < len(columns):
        twice = next(column for column in columns if columns.count(column) > 1)
        raise ValueError(f"X has the column {twice} more than once.")
    unknown = [label for label in frame_labels if label not in set(classes.tolist())]
    lacking = [label for label in classes.tolist() if label not in set(frame_labels)]
    if unknown or lacking:
        raise ValueError(
            f"The {label_word} names in X's columns, {brief(frame_labels)}, do not match the "
            f"{against} {brief(classes.tolist())}: "
            + "; ".join(
                part
                for part in (
                    f"no columns for {brief(lacking)}" if lacking else "",
                    f"unknown {brief(unknown)}" if unknown else "",
                )
                if part
            )
            + f". {on_mismatch}"
        )
    if expert_names is None:
        expert_names = experts
    elif set(map(str, experts)) != set(map(str, expert_names)):
        gone = [name for name in expert_names if name not in set(map(str, experts))]
        new = [name for name in experts if str(name) not in set(map(str, expert_names))]
        raise ValueError(
            f"X's experts differ from those of the fit: missing {brief(gone)}, new "
            f"{brief(new)}. Pass the columns of every expert, NaN where one is missing."
        )
    by_name = {str(expert): expert for expert in experts}
    labels = classes.tolist()
    position = {column: i for i, column in enumerate(columns)}
    wanted = [(by_name[str(name)], label) for name in expert_names for label in labels]
    absent = [column for column in wanted if column not in position]
    if absent:
        raise ValueError(
            f"X has no column {absent[0]}: each expert needs one column per {label_word}. "
            f"{on_absence}"
        )
    values = numeric(X.to_numpy(dtype=None if len(set(X.dtypes)) == 1 else float))
    values = values[:, [position[column] for column in wanted]]
    values = values.reshape(len(values), len(expert_names), len(labels))
    return values, [str(name) for name in expert_names]


def numeric(X):
    """X as an array of real numbers, without copying one that is."""
    try:
        values = X if isinstance(X, np.ndarray) else np.asarray(X)
    except ValueError as error:
        raise ValueError(
            "X is ragged: its rows or experts differ in length. Expert outputs are one "
            "rectangular array; mark a missing expert with NaN."
        ) from error
    if values.dtype.kind in "bui" or values.dtype.kind == "f":
        return values
    if values.dtype.kind == "c":
        raise ValueError("X holds complex numbers. Complex data not supported: logits are real.")
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"X has dtype {values.dtype} and holds values that are no numbers ({error}). Expert "
            "outputs are numeric; drop identifier and label columns."
        ) from error


def plain(value):
    """A value as it is written, scalars of NumPy as those of Python."""
    return repr(value.item() if isinstance(value, np.generic) else value)


def brief(items, most=8):
    """Comma-separated items in brackets, cut after some."""
    items = list(items)
    text = ", ".join(map(plain, items[:most]))
    return f"[{text}{', ...' if len(items) > most else ''}]"


def stack_outputs(
    outputs: Mapping[str, ArrayLike], classes: Sequence[Any] | None = None
) -> pd.DataFrame:
    """Stack the outputs of several experts into one two-level DataFrame.

    Parameters
    ----------
    outputs : dict of str to array or DataFrame of shape (n_samples, n_classes)
        Logits or probabilities of each expert, NaN in a whole row where it is missing.
        DataFrames must share one index.
    classes : sequence of length n_classes, optional
        Class labels of the columns. Not needed if every expert is a DataFrame, whose
        columns then name the classes, in any order.

    Returns
    -------
    pandas.DataFrame of shape (n_samples, n_experts * n_classes)
        Columns (expert, class), ready for ``fit``.

    Raises
    ------
    ValueError
        If there is no expert, shapes or indices differ, or class labels do not match.

    Examples
    --------
    >>> from sklearn_logitprod import stack_outputs
    >>> stack_outputs({"uni": [[0.2, 0.8]], "conch": [[0.6, 0.4]]}, classes=["normal", "tumour"])
         uni         conch
      normal tumour normal tumour
    0    0.2    0.8    0.6    0.4
    """
    import pandas as pd

    if not hasattr(outputs, "items") or len(outputs) == 0:
        raise ValueError(
            "stack_outputs takes a non-empty dict of expert name to array, such as "
            "{'uni': Z1, 'conch': Z2}."
        )
    frames: dict[str, Any] = {}
    first: Any = None
    for name, values in outputs.items():
        frame = values if isinstance(values, pd.DataFrame) else None
        if frame is None:
            array = np.asarray(values)
            labels = classes
            if labels is None:
                raise ValueError(
                    f"Expert {name!r} is an array, whose columns have no names: give `classes`, "
                    "the class labels of its columns."
                )
            if array.ndim != 2 or array.shape[1] != len(labels):
                raise ValueError(
                    f"Expert {name!r} has shape {array.shape}, expected (n_samples, "
                    f"{len(labels)}): one column per class of {brief(labels)}."
                )
            frame = pd.DataFrame(array, columns=pd.Index(list(labels)))
            if first is not None and len(frame) == len(first):
                frame.index = first.index
        elif classes is not None or first is not None:
            labels = list(classes) if classes is not None else list(first.columns)
            if set(frame.columns) != set(labels):
                raise ValueError(
                    f"Expert {name!r} has columns {brief(frame.columns)}, expected the classes "
                    f"{brief(labels)}."
                )
            frame = frame[labels]
        if first is None:
            first = frame
        if len(frame) != len(first):
            raise ValueError(
                f"Expert {name!r} has {len(frame)} rows, the first expert {len(first)}. Outputs "
                "must be of the same samples in the same order; use NaN rows where missing."
            )
        if not frame.index.equals(first.index):
            raise ValueError(
                f"Expert {name!r} has another index than the first expert. Align them first, for "
                "instance with DataFrame.reindex, which leaves NaN for missing samples."
            )
        frames[name] = frame
    return pd.concat(frames, axis=1)
