"""Families of distributions in which experts predict: what their numbers are, and what is free.

Both families are exponential: what an expert says of a sample is a row of *natural
parameters*, and a weighted product of distributions is the weighted sum of such rows. For
categories these are the log-probabilities, for values ``(mean / variance, 1 / variance)`` of a
Gaussian. Arrays of either are called ``log_proba`` and have one shape, so that the product,
its weights, its fit and its guarantee are the same code.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from sklearn_logitprod.fusion.features import feature_names, gating_features
from sklearn_logitprod.fusion.logits import log_softmax


class Family(ABC):
    """What the natural parameters of a distribution mean."""

    @abstractmethod
    def n_free(self, n_parameters):
        """Number of natural parameters, the first ones, that bias and correction may move."""

    @abstractmethod
    def normalised(self, scores):
        """Natural parameters of the distribution that fused scores stand for, made unique."""

    @abstractmethod
    def mean(self, columns):
        """Mean of the distributions of the experts present: (n_samples, n_parameters)."""

    @abstractmethod
    def evidence(self, columns):
        """What a correction reads of each expert: (n_samples, n_experts, n_free), 0 if missing."""

    @abstractmethod
    def said(self, log_proba):
        """What experts say of samples, to be compared: (n_samples, n_experts, n_said)."""

    @abstractmethod
    def disagreement(self, log_proba, weights):
        """Entropy of the mixture of experts less their mean entropy, in nats: (n_samples,).

        Natural parameters are of shape (n_samples, n_experts, n_parameters), finite where experts
        are missing; weights (n_samples, n_experts) sum to 1 and are 0 there.
        """

    @abstractmethod
    def features(self, columns, feature_set):
        """Gating features (n_samples, n_features)."""

    @abstractmethod
    def feature_names(self, expert_names, feature_set):
        """Names of the columns of ``features``, in order."""


class Categorical(Family):
    """Classes, or intervals of time and a tail: rows are log-probabilities."""

    def n_free(self, n_parameters):
        """All of them."""
        return n_parameters

    def normalised(self, scores):
        """Log of the softmax."""
        return log_softmax(scores)

    def mean(self, columns):
        """Log of the mean probability."""
        return np.log(columns.mean_proba)

    def evidence(self, columns):
        """Log-probabilities less their mean over the classes; of two classes ``log 2 p_k``.

        Centred, two classes are one number. As they are, log p and log(1 - p) count apart, so
        that an expert may be heard where it is sure of one class and not of the other.
        """
        own = columns.log_proba[:, : columns.n_experts]
        if own.shape[-1] == 2:
            return own + np.log(2.0) * columns.present[:, : columns.n_experts, None]
        return self.said(own)

    def said(self, log_proba):
        """Log-probabilities less their mean over the classes."""
        return log_proba - log_proba.mean(axis=-1, keepdims=True)

    def disagreement(self, log_proba, weights):
        """Jensen-Shannon divergence of the experts."""
        proba = np.exp(log_proba)
        mixture = np.einsum("nm,nmk->nk", weights, proba)
        log_mixture = np.log(np.maximum(mixture, np.finfo(np.float64).tiny))
        mean = np.einsum("nm,nmk,nmk->n", weights, proba, log_proba)
        # rounding must not make it negative where all agree
        return np.maximum(mean - (mixture * log_mixture).sum(axis=1), 0.0)

    def features(self, columns, feature_set):
        """As of :func:`~sklearn_logitprod.fusion.features.gating_features`."""
        return gating_features(columns, feature_set)

    def feature_names(self, expert_names, feature_set):
        """As of :func:`~sklearn_logitprod.fusion.features.feature_names`."""
        return feature_names(expert_names, feature_set)


CATEGORICAL = Categorical()
