"""Likelihoods: what the outcomes of samples say of their fused scores.

A likelihood holds the outcomes of some rows and is the one thing that knows what they mean:
fits, guarantee and comparisons ask it for losses, gradients and curvature, and the automatic
path how firmly such outcomes want parameters held. Classes and events share :class:`CategorySets`:
every sample carries one or more weighted *sets* of categories that its outcome may still be.
With fused scores ``F`` its loss is ``logsumexp(F) - sum_r weight_r * logsumexp(F over set_r)``,
with the gradient ``softmax(F) - sum_r weight_r * softmax(F over set_r)`` in ``F``. A class label
is the set ``{y}``, which gives cross-entropy.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np

from sklearn_logitprod.fusion.family import CATEGORICAL, Family
from sklearn_logitprod.fusion.logits import log_softmax, logsumexp

# of base rates
_MAX_ROUNDS, _ROUND_PRECISION, _LEAST_RATE = 200, 1e-6, 1e-12


class Likelihood(ABC):
    """Outcomes of some rows; the base of all likelihoods.

    A subclass says ``n_samples``, ``take``, ``loss``, ``loss_gradient`` and ``state``; the loss
    is convex in the scores or has a convex majoriser of the curvature that ``state`` gives.

    Attributes
    ----------
    family : Family
        Of the distributions whose fused scores it judges.
    strength : float
        Factor on the priors of the automatic path, but that of the class bias: how much less
        than a class label one outcome says.
    choose_expert : bool
        Whether outcomes tell the best expert apart surely enough for it to be a candidate of
        the automatic path.
    corrections : tuple of (float, float) or None
        Prior precisions and prior masses of corrections, if every candidate of the automatic path
        has one, and none of them if empty; None, if they are to earn their place.
    largest_loss : float
        Loss beyond which a sample no longer counts against a candidate of a search, in nats.
    """

    family: Family = CATEGORICAL
    strength = 1.0
    choose_expert = True
    corrections: tuple | None = None
    largest_loss = np.inf

    @property
    @abstractmethod
    def n_samples(self):
        """Number of samples."""

    @abstractmethod
    def take(self, rows):
        """The outcomes of some rows (a slice, a mask or indices)."""

    @abstractmethod
    def loss(self, scores):
        """Negative log-likelihood of each sample.

        Parameters
        ----------
        scores : ndarray of shape (..., n_samples, n_categories)
            Fused scores F.

        Returns
        -------
        ndarray of shape (..., n_samples)
            Losses in nats.
        """

    @abstractmethod
    def loss_gradient(self, scores):
        """Losses, their gradient in the scores, and what the curvature is made of.

        Parameters
        ----------
        scores : ndarray of shape (..., n_samples, n_categories)

        Returns
        -------
        loss : ndarray of shape (..., n_samples)
        gradient : ndarray of shape (..., n_samples, n_categories)
        state : ndarray of shape (..., n_samples, ...)
            As :meth:`state` gives it, up to rounding.
        """

    def repeated_losses(self, scores):
        """Losses of the outcomes that samples stand for, where one may stand for several.

        A distribution over categories is as many samples, weighted by its shares.

        Parameters
        ----------
        scores : ndarray of shape (n_samples, n_categories)

        Returns
        -------
        loss, share : ndarray of shape (n_outcomes, n_samples)
            The shares of a sample sum to 1.
        """
        loss = self.loss(scores)[None]
        return loss, np.ones(loss.shape)

    def taught(self, scores):
        """The likelihood whose outcomes are fused predictions, in place of what was observed.

        Parameters
        ----------
        scores : ndarray of shape (n_samples, n_categories)
            Fused scores.

        Returns
        -------
        Likelihood or None
            None, by a subclass whose scores are not log-probabilities of categories: pools then
            only renormalise weights where experts are missing.
        """
        return SoftLabels(np.exp(log_softmax(scores)))

    def base_loss(self, n_categories):
        """Mean loss of the base rates, without any expert; NaN where there are no categories."""
        return np.nan

    @abstractmethod
    def state(self, scores):
        """What the curvature is made of: Hessians in the scores, unless ``blocks`` says else.

        Parameters
        ----------
        scores : ndarray of shape (n_samples, n_categories)

        Returns
        -------
        ndarray of shape (n_samples, n_categories, n_categories)
        """

    def blocks(self, jacobian, state, weight, scratch):
        """Curvature of the summed loss in some directions and in a shift of the scores.

        With J the derivative of the scores in the directions and H the Hessians of the
        losses in the scores, both of each row: ``sum_i weight_i J_i^T H_i J_i`` and so on.

        Parameters
        ----------
        jacobian : ndarray of shape (..., n_directions, n_categories, n_samples)
        state : ndarray of shape (..., n_samples, ...)
            As from :meth:`state`.
        weight : ndarray of shape (n_samples,)
        scratch : ndarray of the shape of ``jacobian``
            Overwritten.

        Returns
        -------
        inner : ndarray of shape (..., n_directions, n_directions)
        cross : ndarray of shape (..., n_directions, n_categories)
        spread : ndarray of shape (..., n_categories, n_categories)
        """
        hessian = np.moveaxis(state, -3, -1) * weight
        np.einsum("...kjn,...cjn->...ckn", hessian, jacobian, out=scratch)
        inner = np.einsum("...ckn,...dkn->...cd", jacobian, scratch)
        return inner, scratch.sum(axis=-1), hessian.sum(axis=-1)


class Categories(Likelihood):
    """Outcomes among some categories: the scores are unnormalised log-probabilities."""

    # scikit-learn's log_loss clips probabilities there
    largest_loss = -float(np.log(np.finfo(np.float64).eps))

    @property
    @abstractmethod
    def certain(self):
        """Category of each sample (n_samples,), int; -1 where the outcome leaves it open."""

    @abstractmethod
    def reached(self, proba):
        """Probability of each set of each sample under some distributions.

        The loss of a distribution is ``-sum_r weight_r log reached_r``.

        Parameters
        ----------
        proba : ndarray of shape (n_samples, n_distributions, n_categories)

        Returns
        -------
        ndarray of shape (n_sets, n_samples, n_distributions)
        """

    def shares(self, n_categories):
        """How much of each sample is of each category, as far as its outcome says.

        Parameters
        ----------
        n_categories : int

        Returns
        -------
        ndarray of shape (n_samples, n_categories)
            Rows sum to 1, or are 0 where the outcome leaves the category open.
        """
        return (self.certain[:, None] == np.arange(n_categories)).astype(np.float64)

    def prevalence(self, weight, n_categories, scores):
        """Share of each category among the samples: (n_categories,).

        Parameters
        ----------
        weight : ndarray of shape (n_samples,)
        n_categories : int
        scores : callable
            ``scores()`` gives fused scores (n_samples, n_categories). Only outcomes that leave
            categories open ask for them: they count as what the scores expect of them.
        """
        _, gradient, proba = self.loss_gradient(scores())
        return weight @ (proba - gradient) / weight.sum()

    def base_loss(self, n_categories):
        """Mean loss of the rates that maximise the likelihood, found by expectation."""
        weight, rates = np.ones(self.n_samples), np.full(n_categories, 1.0 / n_categories)
        for _ in range(_MAX_ROUNDS):
            scores = np.tile(np.log(np.maximum(rates, _LEAST_RATE)), (self.n_samples, 1))
            before, rates = rates, self.prevalence(weight, n_categories, lambda own=scores: own)
            if np.abs(rates - before).max() < _ROUND_PRECISION:
                break
        return float(self.loss(scores).mean())

    def state(self, scores):
        """Fused probabilities (n_samples, n_categories).

        ``diag p - p p^T`` is the Hessian for one category per sample, and an upper bound
        for larger sets, whose own Hessian can be indefinite.
        """
        return np.exp(log_softmax(scores))

    def blocks(self, jacobian, state, weight, scratch):
        """Curvature by the covariance of the categories, without a Hessian per row."""
        proba = np.swapaxes(state, -1, -2)
        mass = proba * weight
        # where both factors of a product are one array, BLAS computes half of it
        root = proba * np.sqrt(weight)
        spread = -(root @ np.swapaxes(root, -1, -2))
        n_categories = proba.shape[-2]
        diagonal = np.arange(n_categories)
        spread[..., diagonal, diagonal] += mass.sum(axis=-1)
        if n_categories == 2:
            # the covariance of two categories is that of their difference
            own, other = jacobian[..., 0, :], jacobian[..., 1, :]
            root = np.subtract(own, other, out=scratch[..., 0, :])
            mixed = (mass[..., 0, :] * proba[..., 1, :])[..., None, :]
            away = (root * mixed).sum(axis=-1)
            root *= np.sqrt(mixed)
            return root @ np.swapaxes(root, -1, -2), np.stack([away, -away], axis=-1), spread
        mean = np.einsum("...ckn,...kn->...cn", jacobian, proba)
        np.subtract(jacobian, mean[..., None, :], out=scratch)
        cross = np.einsum("...ckn,...kn->...ck", scratch, mass)
        scratch *= np.sqrt(mass)[..., None, :, :]
        root = scratch.reshape(*scratch.shape[:-2], -1)
        return root @ np.swapaxes(root, -1, -2), cross, spread


@dataclass(frozen=True, eq=False)
class SoftLabels(Categories):
    """A probability of each category as outcome: cross-entropy with a whole distribution.

    Attributes
    ----------
    proba : ndarray of shape (n_samples, n_categories)
        Rows sum to 1.
    """

    proba: np.ndarray

    @property
    def n_samples(self):
        """Number of samples."""
        return len(self.proba)

    def take(self, rows):
        """The distributions of some rows (a slice, a mask or indices)."""
        return SoftLabels(self.proba[rows])

    def loss(self, scores):
        """Cross-entropy of each sample."""
        return logsumexp(scores) - (self.proba * scores).sum(axis=-1)

    def loss_gradient(self, scores):
        """Cross-entropy, its gradient in the scores, and the fused probabilities."""
        normaliser = logsumexp(scores)
        proba = np.exp(scores - normaliser[..., None])
        return normaliser - (self.proba * scores).sum(axis=-1), proba - self.proba, proba

    def repeated_losses(self, scores):
        """The loss of each category as the outcome, with its probability as the share."""
        return (logsumexp(scores)[:, None] - scores).T, self.proba.T

    @property
    def weight(self):
        """Weight of each category, as a set of its own: (n_categories, n_samples)."""
        return self.proba.T

    def reached(self, proba):
        """Probability of each category."""
        return np.moveaxis(proba, -1, 0)

    @property
    def certain(self):
        """Category of each sample; -1 where more than one has a positive probability."""
        return np.where((self.proba > 0).sum(axis=1) == 1, self.proba.argmax(axis=1), -1)

    def shares(self, n_categories):
        """The distributions themselves."""
        return self.proba

    def prevalence(self, weight, n_categories, scores):
        """Weighted mean of the distributions."""
        return weight @ self.proba / weight.sum()


class CategorySets(Categories):
    """Weighted sets of categories, one or more per sample.

    A subclass says which categories are ``members`` of each set.

    Attributes
    ----------
    weight : ndarray of shape (n_sets, n_samples), float64
        Weight of each set; the weights of a sample sum to 1.
    """

    weight: np.ndarray

    @abstractmethod
    def members(self, n_categories):
        """Membership of each category: bool array (n_sets, n_samples, n_categories)."""

    def reached(self, proba):
        """Probability of each set."""
        inside = self.members(proba.shape[-1])[:, :, None]
        return np.where(inside, proba, 0.0).sum(axis=-1)

    def loss(self, scores):
        """Negative log-likelihood of each sample's sets under ``softmax(scores)``."""
        loss = logsumexp(scores)
        for inside, weight in zip(self.members(scores.shape[-1]), self.weight, strict=True):
            loss = loss - weight * logsumexp(np.where(inside, scores, -np.inf))
        return loss

    def loss_gradient(self, scores):
        """Losses, their gradient in the scores, and the fused probabilities ``softmax(F)``."""
        normaliser = logsumexp(scores)
        proba = np.exp(scores - normaliser[..., None])
        loss, gradient = normaliser, proba
        for inside, weight in zip(self.members(scores.shape[-1]), self.weight, strict=True):
            # in log space from end to end: a set of tiny probability keeps its digits
            own = np.where(inside, scores, -np.inf)
            within = logsumexp(own)
            loss = loss - weight * within
            gradient = gradient - weight[:, None] * np.exp(own - within[..., None])
        return loss, gradient, proba


@dataclass(frozen=True, eq=False)
class LabelSets(CategorySets):
    """Weighted ranges of categories, one or more per sample.

    Categories are ordered and a set is a range ``first..last``, both included: enough
    for a class label (``y..y``), an event in an interval, and a sample that was censored
    (``k..tail``).

    Attributes
    ----------
    first, last : ndarray of shape (n_sets, n_samples), int
        Ends of each range, as category indices.
    weight : ndarray of shape (n_sets, n_samples), float64
        Weight of each set; the weights of a sample sum to 1.
    """

    first: np.ndarray
    last: np.ndarray
    weight: np.ndarray

    @property
    def n_samples(self):
        """Number of samples."""
        return self.first.shape[1]

    def take(self, rows):
        """The sets of some rows (a slice, a mask or indices)."""
        first, last, weight = self.first[:, rows], self.last[:, rows], self.weight[:, rows]
        return replace(self, first=first, last=last, weight=weight)

    def members(self, n_categories):
        """Membership of each category: bool array (n_sets, n_samples, n_categories)."""
        category = np.arange(n_categories)[:, None]
        inside = (category >= self.first[:, None]) & (category <= self.last[:, None])
        return np.moveaxis(inside, 1, -1)

    @property
    def certain(self):
        """Category of each sample; -1 where its sets are not one and the same category."""
        first = self.first[0]
        return np.where(((self.first == first) & (self.last == first)).all(axis=0), first, -1)


@dataclass(frozen=True, eq=False)
class PartialLabels(CategorySets):
    """A set of categories for each sample, any of which its outcome may be.

    Attributes
    ----------
    possible : ndarray of shape (n_samples, n_categories), bool
        At least one category in each row.
    """

    possible: np.ndarray

    @property
    def n_samples(self):
        """Number of samples."""
        return len(self.possible)

    @property
    def weight(self):
        """1 for the one set of each sample: (1, n_samples)."""
        return np.ones((1, len(self.possible)))

    def take(self, rows):
        """The sets of some rows (a slice, a mask or indices)."""
        return PartialLabels(self.possible[rows])

    def members(self, n_categories):
        """Membership of each category: bool array (1, n_samples, n_categories)."""
        return self.possible[None]

    @property
    def certain(self):
        """Category of each sample; -1 where several are possible."""
        return np.where(self.possible.sum(axis=1) == 1, self.possible.argmax(axis=1), -1)


class ClassLabels(LabelSets):
    """One category for each sample: sets of one, read off where others are summed over.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,), int
        Category indices.
    """

    def __init__(self, labels):
        labels = np.asarray(labels, dtype=np.intp)[None, :]
        super().__init__(labels, labels, np.ones(labels.shape))

    @property
    def labels(self):
        """Category indices (n_samples,)."""
        return self.first[0]

    @property
    def certain(self):
        """Category indices (n_samples,)."""
        return self.first[0]

    def prevalence(self, weight, n_categories, scores):
        """Weighted share of each label."""
        return np.bincount(self.labels, weight, n_categories) / weight.sum()

    def take(self, rows):
        """The labels of some rows (a slice, a mask or indices)."""
        return type(self)(self.labels[rows])

    def loss(self, scores):
        """Cross-entropy of each sample."""
        return logsumexp(scores) - scores[..., np.arange(len(self.labels)), self.labels]

    def loss_gradient(self, scores):
        """Cross-entropy, its gradient in the scores, and the fused probabilities."""
        normaliser = logsumexp(scores)
        proba = np.exp(scores - normaliser[..., None])
        own = (..., np.arange(len(self.labels)), self.labels)
        # the probabilities are handed on as well, so that the gradient is a copy
        gradient = proba.copy(order="K")
        gradient[own] -= 1.0
        return normaliser - scores[own], gradient, proba
