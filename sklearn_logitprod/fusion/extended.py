"""A fitted pool and experts that came after it: one product again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sklearn_logitprod.fusion.columns import Columns
from sklearn_logitprod.fusion.family import CATEGORICAL
from sklearn_logitprod.fusion.logits import log_softmax
from sklearn_logitprod.fusion.pool import Pool


@dataclass(frozen=True, eq=False)
class ExtendedColumns:
    """Columns of a block of samples for an :class:`ExtendedPool`.

    Attributes
    ----------
    old : Columns or ExtendedColumns
        Of the experts that the old pool knows. Rows that have none of them say nothing there.
    top : Columns
        The old pool's log-probabilities, and the experts that came later.
    n_experts : int
    """

    old: Columns | ExtendedColumns
    top: Columns
    n_experts: int

    @property
    def n_samples(self):
        """Number of samples in the block."""
        return self.top.n_samples

    @cached_property
    def present(self):
        """Which experts count: (n_samples, n_experts), bool."""
        old = self.old.present[:, : self.old.n_experts] & self.top.present[:, :1]
        return np.hstack([old, self.top.present[:, 1 : self.top.n_experts]])

    @property
    def log_proba(self):
        """Log-probabilities of all experts, finite where one is missing."""
        old = self.old.log_proba[:, : self.old.n_experts]
        return np.concatenate([old, self.top.log_proba[:, 1 : self.top.n_experts]], axis=1)


@dataclass(frozen=True, eq=False)
class ExtendedPool:
    """A pool in which an older pool stands as one expert beside new ones.

    ``F = a_old F_old + sum_j a_j log p_j + class_bias`` with ``F_old`` the log of the old
    pool's fused probabilities: a product of products is a product. The old pool is asked on
    its own experts alone, so that its gate reads what it was fitted on.

    Rows that have none of the new experts are the old pool's alone.

    Attributes
    ----------
    old : Pool or ExtendedPool
    top : Pool
        Over the old pool, its first column, and the new experts.
    sharpness : float
        Factor on all scores.
    shift : ndarray of shape (n_classes,) or float
        Added to them.
    """

    old: Pool | ExtendedPool
    top: Pool
    sharpness: float = 1.0
    shift: np.ndarray | float = 0.0

    @property
    def active(self):
        """Experts that may get weight: (n_experts,), bool."""
        return np.append(self.old.active, self.top.active[1:])

    @property
    def linear_pool(self):
        """Whether the old pool has the linear pool as a column."""
        return self.old.linear_pool

    @property
    def class_bias(self):
        """Class bias (n_classes,) beside the old pool and the new experts."""
        return self.sharpness * self.top.class_bias + self.shift

    @property
    def correction(self):
        """Correction matrices (1 + n_new, n_classes, n_classes), the old pool's first; or None."""
        return None if self.top.correction is None else self.sharpness * self.top.correction

    def columns(self, log_proba):
        """Columns of a block of log-probabilities (overwritten where missing)."""
        n_old, active = len(self.old.active), self.old.active
        own = log_proba[:, :n_old]
        empty = ~(~np.isnan(own[:, :, 0]) & active).any(axis=1)
        # what the old pool says of rows without any of its experts is not looked at
        own[empty, np.argmax(active)] = -np.log(log_proba.shape[2])
        old = self.old.columns(own)
        return ExtendedColumns(old, self.top_columns(old, log_proba, empty), log_proba.shape[1])

    def top_columns(self, old, log_proba, empty):
        """The old pool and the new experts as columns of the top pool."""
        said = self.old.log_proba(old)
        said[empty] = np.nan
        new = log_proba[:, len(self.old.active) :]
        return self.top.columns(np.concatenate([said[:, None], new], axis=1))

    def scores(self, columns):
        """Fused scores F: (n_samples, n_classes)."""
        scores = self.top.scores(columns.top)
        alone = ~columns.top.present[:, 1:].any(axis=1)
        scores[alone] = columns.top.log_proba[alone, 0]
        return self.sharpness * scores + self.shift

    def log_proba(self, columns):
        """Log of the fused probabilities: (n_samples, n_classes)."""
        return log_softmax(self.scores(columns))

    def expert_shares(self, columns):
        """Weights of experts, share of the linear pool and sharpness of each sample.

        As of :meth:`Pool.expert_shares`: the product of the old pool is taken apart.
        """
        coefficients = self.top.coefficients(columns.top)
        weights, linear, sharpness = self.old.expert_shares(columns.old)
        old = coefficients[:, 0] * sharpness
        total = old + coefficients[:, 1:].sum(axis=1)
        new = coefficients[:, 1:] / total[:, None]
        weights = np.hstack([weights * (old / total)[:, None], new])
        return weights, linear * old / total, self.sharpness * total

    def disagreement(self, columns):
        """By how much the experts contradict each other, by their weights: (n_samples,)."""
        return CATEGORICAL.disagreement(columns.log_proba, self.expert_shares(columns)[0])

    def correction_share(self, columns):
        """Norm of the correction over the summed norms of product and correction.

        Of what stands beside the old pool, and of the old pool's own by its weight.
        """
        own = self.top.correction_share(columns.top) * columns.top.present[:, 1:].any(axis=1)
        weight = self.top.expert_shares(columns.top)[0][:, 0]
        return own + (1.0 - own) * weight * self.old.correction_share(columns.old)

    def moved(self, log_sharpness, shift):
        """The pool with other sharpness and class bias."""
        scale = float(np.exp(log_sharpness))
        return replace(self, sharpness=scale * self.sharpness, shift=scale * self.shift + shift)
