"""From arrays and frames to one aligned array of expert outputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sklearn_logitprod._text import brief, option
from sklearn_logitprod.fusion.logits import (
    binary_logits,
    binary_proba,
    log_proba_from_logits,
    log_proba_from_proba,
    samples_fastest,
)
from sklearn_logitprod.outputs.checks import (
    RANGE_TOLERANCE,
    SUM_TOLERANCE,
    check_missing,
    column_names,
    row_number,
)
from sklearn_logitprod.outputs.doubts import doubt_classes
from sklearn_logitprod.outputs.frames import opened, with_levels

if TYPE_CHECKING:
    pass

_WORDS = (
    "class",
    "class labels",
    "Names are compared by value and type; rename the columns or convert y.",
    "An expert that never gives a class has probability 0 there, or its lowest logit.",
)

_SEVERAL = (
    ", and if X has one for each of several labels, use LogitProdMultilabelClassifier with y of "
    "shape (n_samples, n_labels)."
)


@dataclass(frozen=True, eq=False)
class Outputs:
    """Expert outputs as they came, and how to read them as log-probabilities.

    Attributes
    ----------
    values : array of shape (n_samples, n_experts, n_classes) or (n_samples, n_experts)
        Any real dtype, possibly memory-mapped. Two-dimensional for a binary task: the
        log-odds or the probability of the second class.
    input : {"logits", "proba"}
    names : list of str
        Names of the experts.
    order : ndarray of shape (n_classes,), int
        Position in ``values`` of each class, in the order of ``classes_``.
    rows : ndarray of int or None
        Rows that count, if not all do.
    alone : bool
        Whether each row needs one of these experts.
    """

    values: np.ndarray
    input: str
    names: list
    order: np.ndarray
    rows: np.ndarray | None = None
    alone: bool = True

    @property
    def shape(self):
        """(n_samples, n_experts, n_classes)."""
        n_samples = len(self.values) if self.rows is None else len(self.rows)
        return n_samples, self.values.shape[1], len(self.order)

    def take(self, rows):
        """Only some rows, given as indices; nothing is copied."""
        return replace(self, rows=rows if self.rows is None else self.rows[rows])

    def beside_others(self):
        """The same, but rows may lack all of these experts."""
        return replace(self, alone=False)

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
            values = binary_proba(values) if self.input == "proba" else binary_logits(values)
        # most come in order, and indexing would copy
        if not np.array_equal(self.order, np.arange(len(self.order))):
            values = values[:, :, self.order]
        if self.input == "proba":
            return log_proba_from_proba(values)
        return log_proba_from_logits(values)

    def _check(self, values, rows):
        """Check float64 values, samples fastest, of some rows of ``self.values``."""
        per_row = values if values.ndim == 2 else values.sum(axis=-1)
        if not np.isfinite(per_row).all():
            advice = (
                "Probabilities lie in [0, 1]."
                if self.input == "proba"
                else "Clip such logits to a large finite value, or pass probabilities with "
                f"{option('input', 'proba')}, which may be exactly 0 and 1."
            )
            check_missing(values, rows, self.names, advice, "classes", self.alone)
        if self.input == "proba":
            self._check_proba(values, per_row, rows)

    def _check_proba(self, values, per_row, rows):
        outside = (values < -RANGE_TOLERANCE) | (values > 1.0 + RANGE_TOLERANCE)
        if outside.any():
            where = tuple(np.argwhere(outside)[0])
            raise ValueError(
                f"X holds {values[where]:.6g} in row {row_number(rows, where[0])}, expert "
                f"{self.names[where[1]]!r}, but {option('input', 'proba')} takes probabilities "
                f"in [0, 1]. For logits or log-odds use {option('input', 'logits')}; divide "
                "percentages by 100."
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
                f"{option('input', 'logits')} for scores."
            )


def read_outputs(X, input, classes, column_classes=None, expert_names=None):
    """Bring precomputed expert outputs into one aligned array.

    Parameters
    ----------
    X : array, DataFrame or ExpertOutputs
        ``(n, M, K)``; ``(n, M)`` for a binary task; ``(n, M * K)`` for more classes;
        DataFrame with two-level columns (expert, class).
    input : {"logits", "proba"}
    classes : ndarray of shape (n_classes,)
        Sorted class labels.
    column_classes : sequence, optional
        Class labels in the order of an array's columns; sorted if not given.
    expert_names : list of str, optional
        Names of a fitted estimator's experts, which a frame is aligned to. In a fit there
        are none yet: it warns where values look like something else than they are said to be.

    Returns
    -------
    Outputs
    """
    outputs = _aligned(X, input, classes, column_classes, expert_names)
    if expert_names is None:
        doubt_classes(outputs)
    return outputs


def _aligned(X, input, classes, column_classes, expert_names):
    known = dict.fromkeys(("logits", "proba"), classes)
    values, input, names, aligned = opened(
        with_levels(X, classes), input, known, expert_names, _WORDS
    )
    n_classes = len(classes)
    if aligned:
        return Outputs(values, input, names, np.arange(n_classes))
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
            "class; if y lacks a class in this fit, name all with `classes`"
            + (_SEVERAL if n_classes == 2 else ".")
        )
    return Outputs(values, input, column_names(values, names, expert_names), order)
