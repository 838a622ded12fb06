"""What the product is taken over: the experts, and the linear pool as one more column."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sklearn_logitprod.fusion.family import CATEGORICAL, Family


@dataclass(frozen=True, eq=False)
class Columns:
    """Log-probabilities of a block of samples, ready to be weighted and summed.

    Attributes
    ----------
    log_proba : ndarray of shape (n_samples, n_columns, n_classes), float64
        Normalised, floored log-probabilities; 0 where an expert is missing. With the
        linear pool, the last column is the log of the mean probability of the experts
        present.
    present : ndarray of shape (n_samples, n_columns), bool
        Which entries count. Each row has at least one.
    n_experts : int
        The columns are the experts, plus one with the linear pool.
    family : Family
        What the last axis means.
    """

    log_proba: np.ndarray
    present: np.ndarray
    n_experts: int
    family: Family = CATEGORICAL

    @property
    def n_samples(self):
        """Number of samples in the block."""
        return self.log_proba.shape[0]

    @cached_property
    def proba(self):
        """Probabilities of the experts, 0 where missing: (n_samples, n_experts, n_classes)."""
        proba = np.exp(self.log_proba[:, : self.n_experts])
        if not self.complete:
            proba[~self.present[:, : self.n_experts]] = 0.0
        return proba

    @cached_property
    def complete(self):
        """Whether no entry is missing."""
        return bool(self.present.all())

    @cached_property
    def mean_proba(self):
        """Mean probability of the experts present: (n_samples, n_classes)."""
        total = self.proba.sum(axis=1)
        if self.complete:
            return total / self.n_experts
        return total / self.present[:, : self.n_experts].sum(axis=1)[:, None]

    @cached_property
    def evidence(self):
        """What the correction reads of the experts: (n_samples, n_experts * n_free).

        Of classes ``l_m = log p_m`` minus its mean over the classes, of two ``log 2 p_m``; 0
        where missing.
        """
        return self.family.evidence(self).reshape(self.n_samples, -1)

    def without(self, missing):
        """The same with some experts missing; each row needs another one.

        Parameters
        ----------
        missing : sequence of int

        Returns
        -------
        Columns
        """
        log_proba, present = self.log_proba.copy(order="K"), self.present.copy(order="K")
        log_proba[:, missing], present[:, missing] = 0.0, False
        columns = Columns(log_proba, present, self.n_experts, self.family)
        if "proba" in vars(self):
            # what takes longest is not computed again
            proba = self.proba.copy(order="K")
            proba[:, missing] = 0.0
            vars(columns)["proba"] = proba
        if self.log_proba.shape[1] > self.n_experts:
            log_proba[:, self.n_experts] = self.family.mean(columns)
        return columns

    def features(self, feature_set):
        """Gating features (n_samples, n_features)."""
        return self.family.features(self, feature_set)


def make_columns(log_proba, active=None, linear_pool=True, family=CATEGORICAL):
    """Columns of a block of log-probabilities.

    Parameters
    ----------
    log_proba : ndarray of shape (n_samples, n_experts, n_classes), float64
        As from :func:`~sklearn_logitprod.fusion.logits.log_proba_from_logits`; NaN
        where an expert is missing. Overwritten where missing.
    active : ndarray of shape (n_experts,), bool, optional
        Experts that count; the others are treated as missing everywhere.
    linear_pool : bool
        Whether the mean probability enters as one more column.
    family : Family

    Returns
    -------
    Columns
    """
    n_samples, n_experts, n_classes = log_proba.shape
    n_columns = n_experts + bool(linear_pool)
    present = np.ones((n_columns, n_samples), dtype=bool).T
    present[:, :n_experts] = ~np.isnan(log_proba[:, :, 0])
    if active is not None:
        present[:, :n_experts] &= active
    # allocated so that memory runs along the samples, however the input lies
    values = np.empty((n_columns, n_classes, n_samples)).transpose(2, 0, 1)
    values[:, :n_experts] = log_proba
    if not present.all():
        # 0 adds nothing to a sum, where NaN would spoil it
        values[:, :n_experts][~present[:, :n_experts]] = 0.0
    columns = Columns(values, present, n_experts, family)
    if linear_pool:
        values[:, n_experts] = family.mean(columns)
    return columns
