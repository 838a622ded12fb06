"""What the numbers of a pool mean, as expressions: the counterpart of ``fusion/family.py``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sklearn_logitprod.export.expressions import (
    Expression,
    absolute,
    any_of,
    constant,
    exp,
    joined,
    largest,
    log,
    log_softmax,
    maximum,
    part,
    position_of_largest,
    rows_of,
    shaped,
    total,
    where,
    with_axis,
)
from sklearn_logitprod.fusion.family import Categorical
from sklearn_logitprod.fusion.values import Gaussian

_TINY = 1e-100


@dataclass(frozen=True, eq=False)
class Block:
    """Columns of a pool as expressions, as :class:`~sklearn_logitprod.fusion.columns.Columns`.

    Attributes
    ----------
    log_proba : Expression of shape (n_samples, n_columns, n_classes)
        0 where missing.
    present : Expression of shape (n_samples, n_columns)
    n_experts, n_classes : int
    """

    log_proba: Expression
    present: Expression
    n_experts: int
    n_classes: int

    @cached_property
    def own(self):
        """Log-probabilities of the experts alone."""
        return part(self.log_proba, 0, self.n_experts, 1)

    @cached_property
    def there(self):
        """Which experts are present: (n_samples, n_experts)."""
        return part(self.present, 0, self.n_experts, 1)

    @cached_property
    def some(self):
        """Whether any expert is present: (n_samples, 1)."""
        return any_of(self.there, 1, True)

    @cached_property
    def n_present(self):
        """Number of experts present, 1 where there is none: (n_samples, 1)."""
        return maximum(total(self.there, 1, True), 1.0)

    @cached_property
    def proba(self):
        """Probabilities of the experts, 0 where missing."""
        return exp(self.own) * with_axis(self.there, 2)

    @cached_property
    def mean_proba(self):
        """Mean probability of the experts present, uniform where there is none."""
        mean = total(self.proba, 1) / self.n_present
        return mean + (1.0 - self.some) / float(self.n_classes)


class CategoricalFormulas:
    """Classes, or intervals of time and a tail: rows are log-probabilities."""

    @staticmethod
    def n_free(n_classes):
        """Number of scores that a correction may move."""
        return n_classes

    @staticmethod
    def normalised(scores):
        """Log of the softmax."""
        return log_softmax(scores)

    @staticmethod
    def mean(block):
        """Log of the mean probability."""
        return log(block.mean_proba)

    @staticmethod
    def evidence(block):
        """Log-probabilities less their mean over the classes; of two classes ``log 2 p_k``."""
        if block.n_classes == 2:
            return block.own + with_axis(block.there, 2) * float(np.log(2.0))
        return block.own - total(block.own, 2, True) / float(block.n_classes)

    @staticmethod
    def features(block, feature_set):
        """As of :func:`~sklearn_logitprod.fusion.features.gating_features`, 0 where missing.

        Returns
        -------
        features, defined : Expression of shape (n_samples, n_features)
        """
        proba, mean = block.proba, block.mean_proba
        log_mean, paper = log(mean), feature_set == "paper"
        first = rows_of(np.eye(block.n_classes), position_of_largest(proba))
        top = largest(proba)
        # of what remains without the largest, which is nowhere below 0
        second = largest(proba - 2.0 * first)
        entropy = -total(proba * block.own, 2)
        kinds = [shaped(top, block.n_experts), shaped(top - second, block.n_experts), entropy]
        if not paper:
            agreed = rows_of(np.eye(block.n_classes), position_of_largest(mean))
            kinds.append(-total(proba * with_axis(log_mean, 1), 2) - entropy)
            kinds.append(total(proba * with_axis(agreed, 1), 2))
        defined = [block.there] * len(kinds)
        always = block.some * 0.0 + 1.0
        if not paper:
            kinds.append(block.there)
            defined.append(block.there * 0.0 + 1.0)
        mean_entropy = total(entropy, 1, True) / block.n_present
        whole = -total(mean * log_mean, 1, True) - mean_entropy
        return joined([*kinds, mean_entropy, whole], 1), joined([*defined, always, always], 1)


class GaussianFormulas:
    """Values: rows are ``(mean / variance, 1 / variance)``."""

    @staticmethod
    def n_free(n_classes):
        """The mean may be moved, the precision only scaled."""
        return 1

    @staticmethod
    def normalised(scores):
        """The scores themselves."""
        return scores

    @staticmethod
    def _moments(block):
        """Means and variances of the experts, 0 where missing."""
        tau = where(block.there, shaped(part(block.own, 1, 2, 2), block.n_experts), 1.0)
        eta = shaped(part(block.own, 0, 1, 2), block.n_experts)
        return eta / tau * block.there, block.there / tau

    @classmethod
    def _mixture(cls, block):
        """Mean and variance of the equal mixture of all present, 0 and 1 where there is none."""
        mean, variance = cls._moments(block)
        centre = total(mean, 1, True) / block.n_present
        apart = (mean - centre) * block.there
        width = (total(variance, 1, True) + total(apart * apart, 1, True)) / block.n_present
        return centre, width + (1.0 - block.some)

    @classmethod
    def mean(cls, block):
        """The Gaussian with the mean and the variance of the mixture."""
        centre, width = cls._mixture(block)
        return joined([centre / width, 1.0 / width], 1)

    @staticmethod
    def evidence(block):
        """``mean / variance`` of each expert."""
        return part(block.own, 0, 1, 2)

    @classmethod
    def features(cls, block, feature_set):
        """As of :class:`~sklearn_logitprod.fusion.values.Gaussian`, 0 where missing."""
        mean, variance = cls._moments(block)
        whole, width = cls._mixture(block)
        scale = 0.5 * log(where(block.there, variance, 1.0))
        distance = absolute(mean - whole) / exp(scale)
        mean_scale = total(scale, 1, True) / block.n_present
        kinds = [mean, scale, distance, block.there, whole, mean_scale]
        always = block.some * 0.0 + 1.0
        defined = [block.there] * 3 + [block.there * 0.0 + 1.0] + [always] * 3
        return joined([*kinds, 0.5 * log(width) - mean_scale], 1), joined(defined, 1)


def moments(parameters):
    """Mean and variance of Gaussians of natural parameters (n_samples, 2): (n_samples, 1) each."""
    variance = 1.0 / maximum(part(parameters, 1, 2, 1), _TINY)
    return part(parameters, 0, 1, 1) * variance, variance


FORMULAS: dict[type, Any] = {Categorical: CategoricalFormulas, Gaussian: GaussianFormulas}
"""Formulas of each family."""


def make_block(log_proba, present, active, linear_pool, formulas, n_classes):
    """Columns of experts, and the linear pool as one more.

    Parameters
    ----------
    log_proba : Expression of shape (n_samples, n_experts, n_classes)
        Finite, whatever it is where an expert is missing.
    present : Expression of shape (n_samples, n_experts)
    active : ndarray of shape (n_experts,), bool
    linear_pool : bool
    formulas : type
        One of :data:`FORMULAS`.
    n_classes : int

    Returns
    -------
    Block
    """
    there = present * constant(active)
    values = where(with_axis(there, 2), log_proba, 0.0)
    block = Block(values, there, len(active), n_classes)
    if not linear_pool:
        return block
    values = joined([values, with_axis(formulas.mean(block), 1)], 1)
    # where no expert is present there is none either, and the row is refused
    return Block(values, joined([there, block.some], 1), len(active), n_classes)
