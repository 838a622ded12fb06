"""From arrays and frames to outputs of experts for several labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sklearn_logitprod._text import brief, plain
from sklearn_logitprod.outputs.checks import column_names, row_number
from sklearn_logitprod.outputs.classes import Outputs
from sklearn_logitprod.outputs.doubts import doubt_classes
from sklearn_logitprod.outputs.frames import opened, with_levels

_WORDS = (
    "label",
    "labels",
    "Names are compared by value and type; rename the columns of X or of y, or name the labels of "
    "an array y with `labels`.",
    "An expert that does not know a label has NaN in its column.",
)
_ORDER = np.arange(2)


@dataclass(frozen=True, eq=False)
class PanelOutputs:
    """Outputs of experts for several labels as they came.

    Attributes
    ----------
    values : array of shape (n_samples, n_experts, n_labels)
        Log-odds or probabilities of each label, possibly memory-mapped; NaN where an expert
        says nothing of a label.
    input : {"logits", "proba"}
    names : list of str
        Names of the experts.
    labels : ndarray of shape (n_labels,)
    rows : ndarray of int or None
        Rows that count, if not all do.
    """

    values: np.ndarray
    input: str
    names: list
    labels: np.ndarray
    rows: np.ndarray | None = None

    @property
    def shape(self):
        """(n_samples, n_experts, n_labels)."""
        n_samples = len(self.values) if self.rows is None else len(self.rows)
        return n_samples, *self.values.shape[1:]

    def take(self, rows):
        """Only some rows, given as indices; nothing is copied."""
        return replace(self, rows=rows if self.rows is None else self.rows[rows])

    def label(self, position):
        """Outputs of one label, as those of any binary task.

        Parameters
        ----------
        position : int

        Returns
        -------
        Outputs
            Rows may lack all experts: :func:`check_present` refuses those that count.
        """
        label = self.labels[position]
        names = [f"{name}, label {label}" for name in self.names]
        return Outputs(self.values[:, :, position], self.input, names, _ORDER, self.rows, False)

    def log_odds(self, rows):
        """Log-odds of some rows, floored and checked: (n_rows, n_experts, n_labels)."""
        parts = [self.label(j).log_proba(rows) for j in range(len(self.labels))]
        return np.stack([part[:, :, 1] - part[:, :, 0] for part in parts], axis=2)


def check_present(log_proba, rows, label):
    """Refuse rows for which no expert says anything of a label.

    Parameters
    ----------
    log_proba : ndarray of shape (n_rows, n_experts, 2)
    rows : slice or ndarray of int
        Where these rows lie in X.
    label : object
        Name of the label.
    """
    empty = np.isnan(log_proba[:, :, 0]).all(axis=1)
    if empty.any():
        raise ValueError(
            f"All experts are missing (NaN) for label {plain(label)} in {int(empty.sum())} row(s) "
            f"of X, the first is row {row_number(rows, int(np.argmax(empty)))}: at least one must "
            "be present. Leave these rows out; in a fit, it is enough to set the label to NaN in y."
        )


def panel_outputs(X, input, labels, expert_names=None):
    """Bring precomputed outputs for several labels into one aligned array.

    Parameters
    ----------
    X : array, DataFrame or ExpertOutputs
        ``(n, M, L)``; ``(n, M * L)``, expert by expert; DataFrame with two-level columns
        (expert, label), or columns named ``expert_label``.
    input : {"logits", "proba"}
    labels : ndarray of shape (n_labels,)
        Names of the labels, in the order wanted.
    expert_names : list of str, optional
        Names of a fitted estimator's experts, which a frame is aligned to. In a fit there
        are none yet: it warns where values look like something else than they are said to be.

    Returns
    -------
    PanelOutputs
    """
    n_labels = len(labels)
    kinds = {"label_logits": "logits", "label_proba": "proba"}
    # an array or a frame says what it is by the estimator, ExpertOutputs by themselves
    said = next(kind for kind, own in kinds.items() if own == input)
    named = with_levels(X, labels)
    known = dict.fromkeys(kinds, labels)
    values, said, names, aligned = opened(named, said, known, expert_names, _WORDS)
    input = kinds[said]
    if not aligned:
        if values.ndim == 2:
            if 0 in values.shape:
                column_names(values, None, None)
            if values.shape[1] % n_labels:
                raise ValueError(
                    f"X has {values.shape[1]} columns, which is no multiple of the {n_labels} "
                    f"labels {brief(labels)}. A 2-D array of expert outputs holds n_experts * "
                    "n_labels columns, expert by expert."
                )
            if n_labels > 1:
                names = None
            values = values.reshape(len(values), -1, n_labels)
        if values.ndim != 3:
            raise ValueError(
                f"X has {values.ndim} dimension(s), shape {values.shape}. Expert outputs for a "
                "panel are (n_samples, n_experts, n_labels). Reshape your data; of probabilities "
                "of both classes pass those of class 1, X[..., 1]."
            )
        if values.shape[2] != n_labels:
            raise ValueError(
                f"X has shape {values.shape}: {values.shape[2]} labels on its last axis, but y has "
                f"{n_labels}: {brief(labels)}. The last axis has one column per label, its "
                "log-odds or probability, in the order of y's columns."
            )
        names = column_names(values, names, expert_names)
    outputs = PanelOutputs(values, input, names, labels)
    if expert_names is None:
        doubt_classes(outputs.label(0))
    return outputs
