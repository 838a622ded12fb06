"""One likelihood for classification and survival: a set of categories per sample.

Every sample carries one or more weighted *sets* of categories that its outcome may
still be. With fused scores ``F`` the loss of a sample is
``logsumexp(F) - sum_r weight_r * logsumexp(F over set_r)`` and its gradient in ``F`` is
``softmax(F) - sum_r weight_r * softmax(F over set_r)``.
A class label is the set ``{y}``, which gives cross-entropy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_logitprod.fusion.logits import logsumexp


@dataclass(frozen=True, eq=False)
class LabelSets:
    """Weighted ranges of categories, one or more per sample.

    Categories are ordered and a set is a range ``first..last``, both included: enough
    for a class label (``y..y``), an event in an interval, a sample that was censored
    (``k..tail``) and a grade known to be at least 3.

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

    @classmethod
    def from_labels(cls, labels):
        """Sets of one category each.

        Parameters
        ----------
        labels : ndarray of shape (n_samples,), int
            Category indices.
        """
        labels = np.asarray(labels, dtype=np.intp)[None, :]
        return cls(labels, labels, np.ones(labels.shape))

    @property
    def n_samples(self):
        """Number of samples."""
        return self.first.shape[1]

    @property
    def labels(self):
        """Category indices (n_samples,) if every sample has one set of one, else None."""
        if len(self.first) == 1 and (self.first is self.last or np.all(self.first == self.last)):
            return self.first[0]
        return None

    def take(self, rows):
        """The sets of some rows (a slice, a mask or indices)."""
        if self.first is self.last:
            first = self.first[:, rows]
            return LabelSets(first, first, self.weight[:, rows])
        return LabelSets(self.first[:, rows], self.last[:, rows], self.weight[:, rows])

    def members(self, n_categories):
        """Membership of each category: bool array (n_sets, n_samples, n_categories)."""
        category = np.arange(n_categories)[:, None]
        inside = (category >= self.first[:, None]) & (category <= self.last[:, None])
        return np.moveaxis(inside, 1, -1)


def set_loss(scores, sets):
    """Negative log-likelihood of each sample's sets under ``softmax(scores)``.

    Parameters
    ----------
    scores : ndarray of shape (..., n_samples, n_categories)
        Fused scores F, normalised or not.
    sets : LabelSets

    Returns
    -------
    ndarray of shape (..., n_samples)
        Losses in nats.
    """
    labels = sets.labels
    if labels is not None:
        return logsumexp(scores) - scores[..., np.arange(len(labels)), labels]
    loss = logsumexp(scores)
    for inside, weight in zip(sets.members(scores.shape[-1]), sets.weight, strict=True):
        loss = loss - weight * logsumexp(np.where(inside, scores, -np.inf))
    return loss


def set_loss_gradient(scores, sets):
    """Losses, their gradient in the scores, and the fused probabilities.

    Parameters
    ----------
    scores : ndarray of shape (..., n_samples, n_categories)
    sets : LabelSets

    Returns
    -------
    loss : ndarray of shape (..., n_samples)
    gradient : ndarray of shape (..., n_samples, n_categories)
        ``softmax(F) - sum_r weight_r softmax(F over set_r)``.
    proba : ndarray of shape (..., n_samples, n_categories)
        ``softmax(F)``.
    """
    normaliser = logsumexp(scores)
    proba = np.exp(scores - normaliser[..., None])
    labels = sets.labels
    if labels is not None:
        own = (..., np.arange(len(labels)), labels)
        gradient = proba.copy(order="K")
        gradient[own] -= 1.0
        return normaliser - scores[own], gradient, proba
    loss, gradient = normaliser, proba
    for inside, weight in zip(sets.members(scores.shape[-1]), sets.weight, strict=True):
        own = np.where(inside, scores, -np.inf)
        within = logsumexp(own)
        loss = loss - weight * within
        gradient = gradient - weight[:, None] * np.exp(own - within[..., None])
    return loss, gradient, proba
