"""The gate: from gating features to weights on the columns of the product."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_logitprod.fusion.features import Standardiser


@dataclass(frozen=True, eq=False)
class Gate:
    """Weights ``softmax((bias + g(phi)) / temperature)`` over the columns present.

    Attributes
    ----------
    bias : ndarray of shape (n_columns,)
    temperature : float
        Gate temperature, positive.
    layers : tuple of ndarray
        ``()`` for constant weights, ``(V,)`` with V (n_features, n_columns) for a
        linear gate, ``(W, d, V)`` for ``tanh(phi W + d) V`` with one hidden layer.
    standardiser : Standardiser or None
        Applied to the gating features first; None for constant weights.
    """

    bias: np.ndarray
    temperature: float = 1.0
    layers: tuple = ()
    standardiser: Standardiser | None = None

    def weights(self, features, present):
        """Weights of each column, on the simplex and 0 where missing.

        Parameters
        ----------
        features : ndarray of shape (n_samples, n_features) or None
            As from :func:`~sklearn_logitprod.fusion.features.gating_features`; not
            read by a gate with constant weights.
        present : ndarray of shape (n_samples, n_columns), bool

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
        """
        # the same weights for every row need one softmax
        if not self.layers:
            tilted = self.bias[None] / self.temperature
            if (present == present[:1]).all():
                return np.broadcast_to(masked_softmax(tilted, present[:1]), present.shape)
            return masked_softmax(np.broadcast_to(tilted, present.shape), present)
        scores = self.bias + self.inputs(features) @ self.layers[-1]
        return masked_softmax(scores / self.temperature, present)

    def inputs(self, features):
        """What the last layer reads: standardised features, or the hidden layer's values."""
        inputs = self.standardiser(features)
        if len(self.layers) == 3:
            first, offset, _ = self.layers
            inputs = np.tanh(inputs @ first + offset)
        return inputs


def masked_softmax(scores, present):
    """Softmax over the entries present of each row, exactly 0 elsewhere."""
    if present.all():
        return _softmax(scores)
    return _softmax(np.where(present, scores, -np.inf))


def _softmax(scores):
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights
