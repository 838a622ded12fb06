"""Features as scores on their principal axes, in which every penalised linear head is fitted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

# eigenvalues below this share of the largest are rounding
_LEAST = 1e-10
# standard deviations below this share of the mean are those of a constant
_CONSTANT = 1e-9


@dataclass(frozen=True, eq=False)
class Principal:
    """Standardised features, rotated to their principal axes.

    A ridge penalty is the same in any orthogonal basis, and a linear predictor depends on the
    features through their span alone. With ``Xs = U S V'`` the coordinates ``Z = U S`` have no
    more columns than there are rows or features, and stand for the features in every fit, whatever
    the outcome, the penalty and the rows that count.

    Attributes
    ----------
    scores : ndarray of shape (n_samples, rank), float64
        ``Z``; its columns have weighted mean 0 and are uncorrelated under the weights.
    squares : ndarray of shape (rank,), float64
        ``S^2``, the weighted sum of squares of each column, the largest first.
    factors : tuple of ndarray
        Matrices whose product is ``V``, the last one first; not multiplied, as a few coefficients
        are all it is needed for.
    mean, scale : ndarray of shape (n_features,), float64
    n_varying : int
        Number of features that are not constant.
    """

    scores: np.ndarray
    squares: np.ndarray
    factors: tuple
    mean: np.ndarray
    scale: np.ndarray
    n_varying: int

    @classmethod
    def of(cls, X, weight):
        """Principal scores of features.

        The smaller of the two Gram matrices is decomposed, rows by rows or columns by columns.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
        weight : ndarray of shape (n_samples,), float64
            Positive; they count in means and standard deviations.

        Returns
        -------
        Principal
        """
        X = X.astype(np.float64)
        share = weight / weight.sum()
        mean = share @ X
        X -= mean
        scale = np.sqrt(np.einsum("n,np,np->p", share, X, X))
        varying = scale > _CONSTANT * np.abs(mean)
        scale = np.where(varying, scale, 1.0)
        X /= scale
        X[:, ~varying] = 0.0
        root = np.sqrt(weight)[:, None]
        X *= root
        wide = X.shape[1] > X.shape[0]
        values, vectors = eigh(X @ X.T if wide else X.T @ X, check_finite=False)
        kept = values > _LEAST * max(values[-1], np.finfo(np.float64).tiny)
        values, vectors = values[kept][::-1], vectors[:, kept][:, ::-1]
        if wide:
            length = np.sqrt(values)
            scores, factors = vectors * length, (vectors / length, X.T)
        else:
            scores, factors = X @ vectors, (vectors,)
        return cls(scores / root, values, factors, mean, scale, int(varying.sum()))

    def linear(self, theta, constant):
        """Coefficients and intercepts for features in their units.

        Parameters
        ----------
        theta : ndarray of shape (rank, n_outputs)
        constant : ndarray of shape (n_outputs,)

        Returns
        -------
        coef : ndarray of shape (n_outputs, n_features), float64
        intercept : ndarray of shape (n_outputs,), float64
        """
        for factor in self.factors:
            theta = factor @ theta
        coef = (theta / self.scale[:, None]).T
        return coef, constant - coef @ self.mean
