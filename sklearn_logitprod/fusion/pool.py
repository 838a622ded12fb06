"""The logarithmic opinion pool: weighted products of experts, and mixtures of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sklearn_logitprod.fusion.columns import make_columns
from sklearn_logitprod.fusion.family import CATEGORICAL, Family
from sklearn_logitprod.fusion.gaps import Gaps
from sklearn_logitprod.fusion.gate import Gate

# columns from which on it pays to look which of them weigh anything
_MANY = 32


@dataclass(frozen=True, eq=False)
class Head:
    """One weighted product: a gate with sharpness, class bias and correction.

    ``F(x) = exp(log_sharpness) * sum_c w_c(x) log p_c(x) + class_bias
    + sum_m correction_m e_m(x)``, ``p(y|x) = softmax F`` (arXiv 2604.07779, with
    calibration and cross-class correction added).

    Attributes
    ----------
    gate : Gate
    log_sharpness : float
    class_bias : ndarray of shape (n_classes,)
    correction : ndarray of shape (n_experts, n_classes, n_classes) or None
        Acts on the evidence of the experts, for classes centred log-probabilities (see
        `Categorical.evidence`): ``out_k = sum_j correction[m, k, j] e_mj``. Of values
        ``(n_experts, 1, 1)``: only their first score is free.
    """

    gate: Gate
    log_sharpness: float
    class_bias: np.ndarray
    correction: np.ndarray | None = None

    def coefficients(self, columns, features):
        """Coefficients ``s * w_c(x)`` of the columns: (n_samples, n_columns)."""
        return np.exp(self.log_sharpness) * self.gate.weights(features, columns.present)

    def scores(self, columns, features):
        """Fused scores F: (n_samples, n_classes)."""
        return fused_scores(
            columns, self.coefficients(columns, features), self.class_bias, self.correction
        )

    def moved(self, log_sharpness, shift):
        """The head whose scores are ``exp(log_sharpness) F + shift``."""
        scale = np.exp(log_sharpness)
        return replace(
            self,
            log_sharpness=self.log_sharpness + float(log_sharpness),
            class_bias=scale * self.class_bias + shift,
            correction=None if self.correction is None else scale * self.correction,
        )


def fused_scores(columns, coefficients, class_bias, correction=None):
    """Fused scores of coefficients: the one definition of the product.

    Parameters
    ----------
    columns : Columns
    coefficients : ndarray of shape (n_samples, n_columns)
        Non-negative, 0 where missing.
    class_bias : ndarray of shape (n_classes,)
    correction : ndarray of shape (n_experts, n_classes, n_classes) or None

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        F up to nothing: not normalised.
    """
    log_proba = columns.log_proba
    others = range(1, log_proba.shape[1])
    if len(others) > _MANY:
        # a single expert among hundreds is not a sum of hundreds
        others = 1 + np.flatnonzero(coefficients[:, 1:].any(axis=0))
    # one column after the other: no array of the size of all columns is made
    scores = log_proba[:, 0] * coefficients[:, :1]
    for c in others:
        scores += log_proba[:, c] * coefficients[:, c : c + 1]
    scores += class_bias
    if correction is not None:
        scores[:, : correction.shape[1]] += columns.evidence @ stacked_correction(correction)
    return scores


def contributions(columns, coefficients, correction=None):
    """What each column adds to the fused scores: (n_samples, n_columns, n_classes)."""
    # in the order of memory: along the samples
    by_column = np.ascontiguousarray(coefficients.T)[:, None]
    parts = (columns.log_proba.transpose(1, 2, 0) * by_column).transpose(2, 0, 1)
    if correction is not None:
        n_experts, n_free, _ = correction.shape
        evidence = columns.evidence.reshape(-1, n_experts, n_free)
        parts[:, :n_experts, :n_free] += np.einsum("nmj,mkj->nmk", evidence, correction)
    return parts


def stacked_correction(correction):
    """Correction matrices as one (n_experts * n_free, n_free) matrix."""
    n_experts, n_free, _ = correction.shape
    return correction.transpose(0, 2, 1).reshape(n_experts * n_free, n_free)


@dataclass(frozen=True, eq=False)
class Pool:
    """A fitted pool: heads and their shares, still one product of the columns.

    Mixing the log-probabilities of several products gives a product whose
    coefficients, class bias and correction are the mixed ones.

    Attributes
    ----------
    heads : tuple of Head
    shares : ndarray of shape (n_heads,)
        Non-negative, summing to 1.
    active : ndarray of shape (n_experts,), bool
        Experts seen in the fit data; the others never get weight.
    linear_pool : bool
    features : str
        Kind of the gating features.
    gaps : Gaps or None
        What it does where active experts are missing, beyond renormalising the weights.
    family : Family
        In which the experts predict.
    """

    heads: tuple
    shares: np.ndarray
    active: np.ndarray
    linear_pool: bool
    features: str
    gaps: Gaps | None = None
    family: Family = CATEGORICAL

    def _mixed(self, parts):
        """Sum of one part per head, by their shares."""
        return sum(share * part for share, part in zip(self.shares, parts, strict=True))

    @cached_property
    def class_bias(self):
        """Effective class bias (n_classes,)."""
        return self._mixed(head.class_bias for head in self.heads)

    @cached_property
    def correction(self):
        """Effective correction matrices (n_experts, n_classes, n_classes), or None."""
        if all(head.correction is None for head in self.heads):
            return None
        return self._mixed(
            0.0 if head.correction is None else head.correction for head in self.heads
        )

    @property
    def needs_features(self):
        """Whether any gate reads the gating features."""
        return any(head.gate.layers for head in self.heads)

    def columns(self, log_proba):
        """Columns of a block of log-probabilities (overwritten where missing)."""
        return make_columns(log_proba, self.active, self.linear_pool, self.family)

    def coefficients(self, columns, features=None):
        """Effective coefficients a_c(x) of the columns: (n_samples, n_columns)."""
        coefficients = self._renormalised(columns, features)
        terms = self.gap_terms(columns)
        return coefficients if terms is None else coefficients * terms[0]

    def _renormalised(self, columns, features):
        if features is None and self.needs_features:
            features = columns.features(self.features)
        return self._mixed(head.coefficients(columns, features) for head in self.heads)

    def gap_terms(self, columns):
        """What gaps change: multipliers of columns and shifts of the class bias.

        Returns
        -------
        None or (ndarray of shape (n_samples, n_columns), ndarray of shape (n_samples, n_classes))
            As from :meth:`Gaps.terms`; None if no row lacks an active expert.
        """
        if self.gaps is None or columns.complete:
            return None
        missing = ~columns.present[:, : columns.n_experts] & self.active
        return self.gaps.terms(missing) if missing.any() else None

    def scores(self, columns, features=None):
        """Fused scores F: (n_samples, n_classes). Features are computed if not given."""
        coefficients, terms = self._renormalised(columns, features), self.gap_terms(columns)
        if terms is None:
            return fused_scores(columns, coefficients, self.class_bias, self.correction)
        multipliers, shift = terms
        scores = fused_scores(columns, coefficients * multipliers, self.class_bias + shift)
        if self.correction is not None:
            scores[:, : self.correction.shape[1]] += self._corrected(columns, multipliers)
        return scores

    def _corrected(self, columns, multipliers=None):
        """What the correction adds to the scores."""
        evidence = columns.evidence
        if multipliers is not None:
            shape = columns.n_samples, columns.n_experts, -1
            evidence = evidence.reshape(shape) * multipliers[:, : columns.n_experts, None]
            evidence = evidence.reshape(columns.n_samples, -1)
        return evidence @ stacked_correction(self.correction)

    def log_proba(self, columns):
        """Log of the fused probabilities: (n_samples, n_classes)."""
        return self.family.normalised(self.scores(columns))

    def correction_share(self, columns):
        """Norm of the correction over the summed norms of product and correction."""
        if self.correction is None:
            return np.zeros(columns.n_samples)
        terms = self.gap_terms(columns)
        moved = self._corrected(columns, None if terms is None else terms[0])
        product = fused_scores(columns, self.coefficients(columns), 0.0)
        norms = [
            np.linalg.norm(part - part.mean(axis=1, keepdims=True), axis=1)
            for part in (moved, product)
        ]
        total = norms[0] + norms[1]
        return norms[0] / np.where(total > 0, total, 1.0)

    def moved(self, log_sharpness, shift):
        """The pool with other sharpness and class bias: ``F' = exp(log_sharpness) F + shift``.

        Parameters
        ----------
        log_sharpness : float
        shift : ndarray of shape (n_classes,)

        Returns
        -------
        Pool
        """
        scale = np.exp(log_sharpness)
        heads = tuple(head.moved(log_sharpness, shift) for head in self.heads)
        gaps = None if self.gaps is None else self.gaps.scaled(scale)
        return replace(self, heads=heads, gaps=gaps)

    def expert_shares(self, columns, features=None):
        """Weights of experts, share of the linear pool and sharpness of each sample.

        As from :func:`expert_shares`. Features are computed if not given.
        """
        return expert_shares(columns, self.coefficients(columns, features))

    def disagreement(self, columns):
        """By how much the experts contradict each other, by their weights: (n_samples,)."""
        own = columns.log_proba[:, : columns.n_experts]
        return self.family.disagreement(own, self.expert_shares(columns)[0])

    def blend(self, head, share):
        """Mixture of the pool with one more head: ``(1 - share) * pool + share * head``."""
        # a share of nothing is no head: predictions are spared what moves nothing
        if share == 0.0:
            return self
        if share == 1.0:
            return replace(self, heads=(head,), shares=np.ones(1))
        return replace(
            self, heads=(*self.heads, head), shares=np.append((1.0 - share) * self.shares, share)
        )


def expert_shares(columns, coefficients):
    """What the coefficients say of experts, linear pool and sharpness.

    Parameters
    ----------
    columns : Columns
    coefficients : ndarray of shape (n_samples, n_columns)

    Returns
    -------
    weights : ndarray of shape (n_samples, n_experts)
        ``(a_m + a_lin / number present) / sum of all a``; rows sum to 1.
    linear_share : ndarray of shape (n_samples,)
        ``a_lin / sum of all a``; 0 without a linear pool.
    sharpness : ndarray of shape (n_samples,)
        Sum of all a.
    """
    n_experts = columns.n_experts
    sharpness = coefficients.sum(axis=1)
    linear = coefficients[:, n_experts:].sum(axis=1)
    present = columns.present[:, :n_experts]
    own = coefficients[:, :n_experts] + present * (linear / present.sum(axis=1))[:, None]
    return own / own.sum(axis=1, keepdims=True), linear / sharpness, sharpness
