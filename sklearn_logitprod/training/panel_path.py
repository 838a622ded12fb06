"""A panel of labels: candidates of all labels fitted together, mixed label by label.

The candidates are constant weights under several priors, which labels share to different
degrees (:mod:`~sklearn_logitprod.training.panel`), gates that all labels share, and what has no
parameters. They are cross-validated over samples, in folds that are the same for all labels, and
mixed as the automatic path of a single label mixes its own: first for the panel as a whole, then
for each label with the panel's shares as the prior. A label with many positives chooses for
itself; one with few goes with the panel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sklearn_logitprod.fusion.likelihood import ClassLabels
from sklearn_logitprod.fusion.references import reference_heads
from sklearn_logitprod.training.data import FitData
from sklearn_logitprod.training.panel import PanelRows, PanelSpec, panel_scores, solve_panel
from sklearn_logitprod.training.path import Selection, mixing_shares
from sklearn_logitprod.training.prior import HeadSpec
from sklearn_logitprod.training.trainer import Settings, Trainer

# nats in total that may be left to gain, per unit of tolerance
_LOOSE, _LOOSEST = 1e2, 1e3


@dataclass(frozen=True, eq=False)
class Panel:
    """Fit data of several labels on the same samples.

    Attributes
    ----------
    parts : list of FitData
        One a label, of the rows on which it was tested.
    where : list of ndarray of int
        Where these rows lie in the panel, sorted.
    weight : ndarray of shape (n_labels, n_samples)
        Sample weights; 0 where not tested.
    groups : ndarray of shape (n_samples,), int, or None
    """

    parts: list
    where: list
    weight: np.ndarray
    groups: np.ndarray | None = None

    @property
    def n_labels(self):
        """Number of labels."""
        return len(self.parts)

    @cached_property
    def rows(self):
        """What the objective of constant weights reads: :class:`PanelRows`."""
        return PanelRows.of(self.parts, self.where, self.weight.shape[1])

    def effects(self, weight):
        """Design effect of each label under sample weights (n_labels, n_samples)."""
        both = zip(self.parts, self.where, weight, strict=True)
        return np.array([data.design_effect(own[rows]) for data, rows, own in both])

    @cached_property
    def stacked(self):
        """Rows of all labels as fit data of one, one below the other.

        The rows of a sample, or of a group of samples, are dependent.
        """
        first = self.parts[0]
        log_proba = np.concatenate([data.read(slice(None)) for data in self.parts])
        labels = np.concatenate([data.likelihood.labels for data in self.parts])
        rows = np.concatenate(self.where)
        groups = rows if self.groups is None else self.groups[rows]
        return FitData(
            lambda rows: log_proba[rows].copy(),
            log_proba.shape,
            ClassLabels(labels),
            first.linear_pool,
            first.feature_set,
            np.unique(groups, return_inverse=True)[1],
        )

    def stack(self, values):
        """Values (n_labels, n_samples) of the rows of :attr:`stacked`."""
        both = zip(values, self.where, strict=True)
        return np.concatenate([own[rows] for own, rows in both])

    def unstack(self, values):
        """Values of the rows of :attr:`stacked` as (n_labels, n_samples), 0 where not tested."""
        out, start = np.zeros(self.weight.shape), 0
        for own, rows in zip(out, self.where, strict=True):
            own[rows] = values[start : start + len(rows)]
            start += len(rows)
        return out
