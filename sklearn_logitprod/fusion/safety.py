"""A pool that is never much worse than a reference: a little of it is mixed in."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sklearn_logitprod.fusion.columns import Columns
from sklearn_logitprod.fusion.extended import ExtendedColumns, ExtendedPool
from sklearn_logitprod.fusion.logits import FLOOR
from sklearn_logitprod.fusion.pool import Pool
from sklearn_logitprod.fusion.references import reference_log_proba


@dataclass(frozen=True, eq=False)
class SafeColumns:
    """Columns of a block of samples for a :class:`SafePool`.

    Attributes
    ----------
    inner : Columns or ExtendedColumns
    reference : ndarray of shape (n_samples, n_classes)
        Log-probabilities of the reference.
    """

    inner: Columns | ExtendedColumns
    reference: np.ndarray

    @property
    def n_samples(self):
        """Number of samples in the block."""
        return self.inner.n_samples

    @property
    def n_experts(self):
        """Number of experts."""
        return self.inner.n_experts

    @property
    def present(self):
        """Which experts count: (n_samples, n_experts or more), bool."""
        return self.inner.present


@dataclass(frozen=True, eq=False)
class SafePool:
    """``p = (1 - share) p_pool + share p_ref``: a mixture of probabilities, not a product.

    On every single sample ``-log p <= -log p_ref + log(1 / share)``. This holds for
    probabilities of experts as they came: what the floor takes from them is given back.

    Attributes
    ----------
    pool : Pool or ExtendedPool
    share : float
        In (0, 1).
    mass : ndarray of shape (n_experts + 2,)
        The reference as a mixture of experts, mean of logits and mean of probabilities;
        non-negative, summing to 1.
    """

    pool: Pool | ExtendedPool
    share: float
    mass: np.ndarray

    @property
    def active(self):
        """Experts that may get weight: (n_experts,), bool."""
        return self.pool.active

    @property
    def linear_pool(self):
        """Whether the pool has the linear pool as a column."""
        return self.pool.linear_pool

    @property
    def class_bias(self):
        """Class bias of the pool, before the reference is mixed in."""
        return self.pool.class_bias

    @property
    def correction(self):
        """Correction matrices of the pool, or None."""
        return self.pool.correction

    def columns(self, log_proba):
        """Columns of a block of log-probabilities (overwritten where missing)."""
        chosen = np.flatnonzero(self.mass)
        parts = reference_log_proba(log_proba, self.active, chosen)
        reference = parts[:, 0]
        if len(chosen) > 1:
            reference = np.log(np.einsum("nrk,r->nk", np.exp(parts), self.mass[chosen]))
        return SafeColumns(self.pool.columns(log_proba), reference)

    def log_proba(self, columns):
        """Log of the fused probabilities, the reference mixed in: (n_samples, n_classes)."""
        # of a floored probability, 1 - FLOOR is the expert's own
        share = min(self.share / (1.0 - FLOOR), 1.0)
        own = self.pool.log_proba(columns.inner)
        with np.errstate(divide="ignore"):
            return np.logaddexp(own + np.log1p(-share), columns.reference + np.log(share))

    def expert_shares(self, columns):
        """Weights of experts, share of the linear pool and sharpness in the product."""
        return self.pool.expert_shares(columns.inner)

    def disagreement(self, columns):
        """By how much the experts contradict each other, by their weights in the product."""
        return self.pool.disagreement(columns.inner)

    def correction_share(self, columns):
        """Share of the correction in the product."""
        return self.pool.correction_share(columns.inner)

    def grown(self, pool):
        """The same safety around a pool that has more experts, behind those that it had.

        The reference of all experts and the mean of logits holds the new ones, too; a named one
        stays what it is.
        """
        n_old, n_new = len(self.active), len(pool.active)
        everyone = bool(self.mass[: n_old + 1].all())
        mass = np.insert(self.mass, [n_old] * (n_new - n_old), self.mass[0] if everyone else 0.0)
        return replace(self, pool=pool, mass=mass / mass.sum())

    def least_gain(self, position):
        """Lower bound of the gain over a reference on any sample, in nats.

        Parameters
        ----------
        position : int
            Among the ``n_experts + 2`` references.

        Returns
        -------
        float
            ``log p - log p_ref`` is never below.
        """
        n_experts = len(self.active)
        own, (logits, proba) = self.mass[position], self.mass[n_experts:]
        if position < n_experts:
            # an expert that is missing gives way to the mean of logits
            own += min(proba / self.active.sum(), logits)
        elif position == n_experts + 1:
            # one expert at least is present, and holds no more than the mean of all
            own += self.mass[:n_experts][self.active].min()
        floor = FLOOR / len(self.class_bias)
        return float(np.log(self.share * max(own, floor)))


def product_of(pool):
    """The product within a pool, without its safety."""
    return pool.pool if isinstance(pool, SafePool) else pool


def n_fitted(pool):
    """Number of experts that a pool was fitted on, before others were added."""
    pool = product_of(pool)
    while isinstance(pool, ExtendedPool):
        pool = pool.old
    return len(pool.active)


def as_safe_as(pool, product):
    """A product with the safety that a pool has, if any."""
    return pool.grown(product) if isinstance(pool, SafePool) else product
