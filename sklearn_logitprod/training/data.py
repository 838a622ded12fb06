"""Fit data in blocks: expert outputs as columns, outcomes, rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sklearn_logitprod.fusion.columns import Columns, make_columns
from sklearn_logitprod.fusion.features import Standardiser, feature_moments
from sklearn_logitprod.fusion.gate import Gate
from sklearn_logitprod.fusion.likelihood import Likelihood
from sklearn_logitprod.fusion.logits import block_slices
from sklearn_logitprod.fusion.pool import Head, Pool

# beyond the first, probabilities are computed anew when they are needed; beyond the second,
# everything is
_FULL_CACHE_BYTES, _CACHE_BYTES = 1 << 30, 5 << 28
# a block is one pass of vector operations: long enough that calls cost nothing, short enough
# that its temporary arrays stay near the processor
_BLOCK_VALUES, _BLOCK_ROWS = 1 << 20, 8192


@dataclass(frozen=True)
class Block:
    """Some rows of the fit data, ready for the objective."""

    rows: slice
    columns: Columns
    likelihood: Likelihood
    feature_set: str

    def expert_losses(self):
        """Loss of each expert, 0 where it is missing, and where it is present."""
        n_experts = self.columns.n_experts
        present = self.columns.present[:, :n_experts]
        own = [self.likelihood.loss(self.columns.log_proba[:, m]) for m in range(n_experts)]
        return np.where(present, np.stack(own, axis=1), 0.0), present

    def thin(self):
        """The same without anything that was computed from the log-probabilities."""
        own = self.columns
        columns = Columns(own.log_proba, own.present, own.n_experts, own.family)
        return Block(self.rows, columns, self.likelihood, self.feature_set)

    @cached_property
    def features(self):
        """Raw gating features (n_rows, n_features)."""
        return self.columns.features(self.feature_set)


class FitData:
    """Everything a fit reads, in blocks of rows.

    Blocks are kept while their log-probabilities fit in 1.25 GiB and made anew on each
    pass beyond that, so that memory-mapped outputs are read through and never held.

    Parameters
    ----------
    read : callable
        ``read(rows)`` gives float64 log-probabilities (n_rows, n_experts, n_classes),
        normalised and floored, NaN where an expert is missing.
    shape : tuple of int
        (n_samples, n_experts, n_classes) of the whole.
    likelihood : Likelihood
    linear_pool : bool
    features : {"default", "paper"}
    groups : ndarray of shape (n_samples,), int, optional
        Group index of each row.

    Attributes
    ----------
    active : ndarray of shape (n_experts,), bool
        Experts present on at least one row.
    read_anew : bool
        Whether each of the `parts` reads the outputs in its own way.
    family : Family
        In which the experts predict.
    """

    read_anew = False

    def __init__(self, read, shape, likelihood, linear_pool, features, groups=None):
        self.n_samples, self.n_experts, self.n_classes = shape
        self.n_columns = self.n_experts + bool(linear_pool)
        self.likelihood, self.groups, self.family = likelihood, groups, likelihood.family
        self.linear_pool, self.feature_set = bool(linear_pool), features
        self.read = read
        per_row = (self.n_columns + self.n_experts) * self.n_classes
        per_block = min(_BLOCK_VALUES, _BLOCK_ROWS * per_row)
        self._slices = list(block_slices(self.n_samples, per_row, per_block))
        # what fits is kept, as a fit passes over it many times; files larger than memory are
        # read through instead
        n_bytes = 8 * self.n_samples * self.n_columns * self.n_classes
        self._kept = [] if n_bytes <= _CACHE_BYTES else None
        self._thin = 8 * self.n_samples * per_row > _FULL_CACHE_BYTES
        self.active = np.zeros(self.n_experts, dtype=bool)
        for rows in self._slices:
            block = self.block(rows)
            self.active |= block.columns.present[:, : self.n_experts].any(axis=0)
            if self._kept is not None:
                self._kept.append(block.thin() if self._thin else block)

    def block(self, rows):
        """Some rows, given as a slice or sorted indices, read anew."""
        columns = make_columns(self.read(rows), None, self.linear_pool, self.family)
        return Block(rows, columns, self.likelihood.take(rows), self.feature_set)

    def blocks(self, n_rows=None):
        """Blocks as they are kept, or made anew with about ``n_rows`` rows each."""
        if n_rows is None:
            yield from self
            return
        for start in range(0, self.n_samples, n_rows):
            yield self.block(slice(start, min(start + n_rows, self.n_samples)))

    def parts(self, weights):
        """Data under several sets of sample weights, as a fit within folds sees them.

        Parameters
        ----------
        weights : ndarray of shape (n_parts, n_samples)

        Yields
        ------
        data : FitData
        weights : ndarray of shape (n, n_samples)
            Those of the sets, in order, that see these data. Here all do.
        """
        yield self, weights

    def subset(self, rows):
        """Some of the rows, given as sorted indices, as fit data of their own."""
        groups = (
            None if self.groups is None else np.unique(self.groups[rows], return_inverse=True)[1]
        )
        shape = (len(rows), self.n_experts, self.n_classes)

        def read(own):
            return self.read(rows[own])

        return FitData(
            read, shape, self.likelihood.take(rows), self.linear_pool, self.feature_set, groups
        )

    @property
    def n_free(self):
        """Number of scores, the first ones, that class bias and correction move: all of classes."""
        return self.family.n_free(self.n_classes)

    @property
    def n_features(self):
        """Number of gating features."""
        return len(self.family.feature_names(range(self.n_experts), self.feature_set))

    def pool(self, heads, shares, active=None):
        """Pool of heads that were fitted on these data.

        Parameters
        ----------
        heads : sequence of Head
        shares : ndarray of shape (n_heads,)
        active : ndarray of shape (n_experts,), bool, optional
            Experts that a part of the data has seen; those of all of it, if not given.

        Returns
        -------
        Pool
        """
        seen = self.active if active is None else active
        return Pool(
            tuple(heads), shares, seen, self.linear_pool, self.feature_set, family=self.family
        )

    @property
    def kept(self):
        """Whether the blocks are held in memory."""
        return self._kept is not None

    def __iter__(self):
        if self._kept is not None:
            # what a thin block computes dies with the copy that is handed out
            yield from (block.thin() for block in self._kept) if self._thin else self._kept
        else:
            for rows in self._slices:
                yield self.block(rows)

    def standardisers(self, weights):
        """Standardisers of the gating features, one per row of weights (n, n_samples)."""
        moments = [0.0, 0.0, 0.0]
        for block in self:
            own = feature_moments(block.features, weights[:, block.rows])
            moments = [total + part for total, part in zip(moments, own, strict=True)]
        return [Standardiser.from_moments(*part) for part in zip(*moments, strict=True)]

    @cached_property
    def centre_losses(self):
        """Loss of each row at the centre of the priors: equal weights, nothing fitted."""
        # dependence is measured before anything is fitted, as the strength of the priors is to
        # follow from it and not from a fit that they shape
        gate = Gate(np.zeros(self.n_columns))
        return self.row_losses([Head(gate, 0.0, np.zeros(self.n_classes))])[0]

    def design_effect(self, weight):
        """Design effect under sample weights (n_samples,); 1 without groups."""
        if self.groups is None:
            return 1.0
        return design_effect(self.centre_losses, weight, self.groups)

    def expert_losses(self):
        """Loss of each expert on each row, and where it is present.

        Returns
        -------
        losses : ndarray of shape (n_samples, n_experts)
            0 where the expert is missing.
        present : ndarray of shape (n_samples, n_experts), bool
        """
        shape = (self.n_samples, self.n_experts)
        losses, present = np.zeros(shape), np.zeros(shape, dtype=bool)
        for block in self:
            losses[block.rows], present[block.rows] = block.expert_losses()
        return losses, present

    def mean_expert_losses(self, weight):
        """Weighted mean loss of each expert on the rows it has; NaN if it has none."""
        total, mass = np.zeros(self.n_experts), np.zeros(self.n_experts)
        for block in self:
            losses, present = block.expert_losses()
            total += weight[block.rows] @ losses
            mass += weight[block.rows] @ present
        return np.where(mass > 0, total / np.where(mass > 0, mass, 1.0), np.nan)

    def row_losses(self, heads):
        """Loss of each row under each head.

        Parameters
        ----------
        heads : sequence of Head

        Returns
        -------
        ndarray of shape (n_heads, n_samples)
        """
        out = np.empty((len(heads), self.n_samples))
        for block, scores in self._block_scores(heads):
            for i, own in enumerate(scores):
                out[i, block.rows] = block.likelihood.loss(own)
        return out

    def scores(self, heads):
        """Fused scores of each head on all rows: (n_heads, n_samples, n_classes)."""
        out = np.empty((len(heads), self.n_classes, self.n_samples)).transpose(0, 2, 1)
        for block, scores in self._block_scores(heads):
            for i, own in enumerate(scores):
                out[i, block.rows] = own
        return out

    def _block_scores(self, heads):
        gated = any(head.gate.layers for head in heads)
        for block in self:
            features = block.features if gated else None
            yield block, (head.scores(block.columns, features) for head in heads)


def design_effect(losses, weight, groups):
    """Factor by which dependence within groups shrinks the information in the data.

    ``1 + (m0 - 1) rho`` with ``m0`` the usual average group size and ``rho`` >= 0 the
    intra-class correlation of the losses, from one-way analysis of variance. Weights
    count as repetitions.

    Parameters
    ----------
    losses : ndarray of shape (n_samples,)
        Losses of the samples at the centre of the priors.
    weight : ndarray of shape (n_samples,)
    groups : ndarray of shape (n_samples,), int, or None

    Returns
    -------
    float
        At least 1; 1 without groups, or when at most one group has weight.
    """
    if groups is None:
        return 1.0
    size = np.bincount(groups, weights=weight)
    kept = size > 0
    total, n_groups = weight.sum(), kept.sum()
    if n_groups < 2 or total <= n_groups:
        return 1.0
    size = size[kept]
    mean = np.bincount(groups, weights=weight * losses)[kept] / size
    grand = (size * mean).sum() / total
    between = (size * (mean - grand) ** 2).sum() / (n_groups - 1)
    spread = np.bincount(groups, weights=weight * losses**2)[kept] - size * mean**2
    within = max(spread.sum(), 0.0) / (total - n_groups)
    average = (total - (size**2).sum() / total) / (n_groups - 1)
    # a negative correlation within groups would promise more information than there are rows
    scale = between + (average - 1.0) * within
    rho = (between - within) / scale if scale > 0 else 0.0
    return 1.0 + max(average - 1.0, 0.0) * min(max(rho, 0.0), 1.0)


def loss_correlation(losses, present, weight):
    """Correlation of the experts' losses, for the diversity penalty.

    Shrunk by 0.1 towards the diagonal, negative entries and the diagonal set to 0
    (arXiv 2604.07779). Pairs of experts are compared on the rows both have.

    Parameters
    ----------
    losses : ndarray of shape (n_samples, n_experts)
    present : ndarray of shape (n_samples, n_experts), bool
    weight : ndarray of shape (n_samples,)

    Returns
    -------
    ndarray of shape (n_experts, n_experts)
    """
    losses = np.where(present, losses, 0.0)
    shared = (present * weight[:, None]).T @ present
    shared = np.maximum(shared, np.finfo(float).tiny)
    weighted = losses * weight[:, None]
    mean = weighted.T @ present / shared
    variance = (weighted * losses).T @ present / shared - mean**2
    covariance = weighted.T @ losses / shared - mean * mean.T
    scale = np.sqrt(np.maximum(variance * variance.T, 0.0))
    correlation = np.where(scale > 1e-12, covariance / np.where(scale > 1e-12, scale, 1.0), 0.0)
    # both shrinkage and clipping are the paper's: experts that err apart are not rewarded for it
    correlation *= 0.9
    np.fill_diagonal(correlation, 0.0)
    return np.clip(correlation, 0.0, 1.0)
