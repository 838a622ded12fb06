"""Penalised linear predictors along a path of penalties, all folds at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sklearn_logitprod.training.coordinates import Coordinates, Dense, Scaled
from sklearn_logitprod.training.lbfgs import Start, minimise

# objective per unit of weight, in nats, at which a fit ends: that of folds, that of all rows
_ROUGH, _FINE = 1e-5, 1e-9
# relative precision of objectives from scores in single and in double precision
_SINGLE, _DOUBLE = 1e-7, 2e-16
_MAX_ITER = 1000
# parameters up to which all curvature is taken into account, and not that of each alone
_FEW = 400
# penalties beyond the best one so far that are tried before the path ends
_PATIENCE = 2


class Loss(Protocol):
    """A loss of linear predictors, for a batch of sample weights.

    Attributes
    ----------
    n_outputs : int
        Linear predictors of a row.
    has_intercept : bool
        Whether each of them has a constant of its own.
    """

    n_outputs: int
    has_intercept: bool

    def value_and_slope(self, scores, weights):
        """Sums of losses (n_problems,) and their gradients in the scores.

        Parameters
        ----------
        scores : ndarray of shape (n_samples, n_problems, n_outputs)
        weights : ndarray of shape (n_samples, n_problems)
        """

    def curvature(self, scores, weights):
        """Second derivatives in each score alone, of the shape of `scores`; not negative."""

    def blocks(self, scores, weights):
        """Second derivatives in the scores of each row.

        Positive semi-definite, of shape (n_samples, n_problems, n_outputs, n_outputs); those
        between rows are left out.
        """

    def held_out(self, scores, fitted, every):
        """Sum over all folds of the loss of their held-out rows.

        Parameters
        ----------
        scores : ndarray of shape (n_samples, n_folds, n_outputs)
            Of all rows by the fit of each fold.
        fitted : ndarray of shape (n_samples, n_folds)
            Weights with which each fold was fitted, 0 on held-out rows.
        every : ndarray of shape (n_samples,)
            Sample weights.
        """


@dataclass(frozen=True, eq=False)
class PathFit:
    """A fit at the penalty that was best in cross-validation.

    Attributes
    ----------
    theta : ndarray of shape (rank, n_outputs)
    constant : ndarray of shape (n_outputs,)
    best : int
        Position of the penalty.
    losses : ndarray of shape (n_penalties,)
        Mean cross-validated loss in nats; NaN where the path had ended.
    converged : bool
    """

    theta: np.ndarray
    constant: np.ndarray
    best: int
    losses: np.ndarray
    converged: bool


class _Batch:
    """Fits of one loss and one penalty with several weights, as one batch."""

    def __init__(self, inputs, loss, weights, penalty):
        self.inputs, self.squares = inputs
        self.loss, self.weights = loss, weights
        self.size = self.inputs.shape[1], loss.n_outputs
        self.prior = np.full(self.size, penalty)
        if loss.has_intercept:
            self.prior[-1] = 0.0

    def scores(self, theta):
        """Linear predictors of all rows: (n_samples, n_problems, n_outputs)."""
        stacked = theta.reshape(-1, *self.size).transpose(1, 0, 2)
        flat = stacked.reshape(self.size[0], -1).astype(self.inputs.dtype, copy=False)
        scores = (self.inputs @ flat).astype(np.float64, copy=False)
        return scores.reshape(len(scores), *stacked.shape[1:])

    def _back(self, matrix, values):
        """Products with the columns of a matrix, as parameters (n_problems, size)."""
        flat = values.reshape(len(values), -1).astype(matrix.dtype, copy=False)
        own = (matrix.T @ flat).reshape(-1, *values.shape[1:]).transpose(1, 0, 2)
        return own.reshape(values.shape[1], -1).astype(np.float64, copy=False)

    def objective(self, theta, which):
        value, slope = self.loss.value_and_slope(self.scores(theta), self.weights[:, which])
        pull = self.prior.ravel() * theta
        value = value + 0.5 * np.einsum("bp,bp->b", pull, theta)
        return value, self._back(self.inputs, slope) + pull

    def metric(self, theta, which):
        scores, weights = self.scores(theta), self.weights[:, which]
        # nothing holds a shift of all constants, nor that of a class which no row has any more
        held = np.tile(self.prior, (len(theta), 1, 1))
        if self.loss.has_intercept:
            held[:, -1] = 1e-6 * weights.sum(axis=0)[:, None]
        held = held.reshape(len(theta), -1)
        if held.shape[1] > _FEW:
            own = Scaled(self._back(self.squares, self.loss.curvature(scores, weights)) + held)
        else:
            own = Dense(self._hessian(scores, weights) + held[:, :, None] * np.eye(held.shape[1]))
        return Coordinates([(slice(None), own)])

    def _hessian(self, scores, weights):
        """Second derivatives in the parameters (n_problems, size, size), without the prior."""
        blocks = self.loss.blocks(scores, weights)
        n_inputs, n_outputs = self.size
        out = np.empty((blocks.shape[1], n_inputs, n_outputs, n_inputs, n_outputs))
        for problem, k, j in np.ndindex(out.shape[0], n_outputs, n_outputs):
            if j <= k:
                own = self.inputs.T @ (blocks[:, problem, k, j, None] * self.inputs)
                out[problem, :, k, :, j] = out[problem, :, j, :, k] = own
        return out.reshape(len(out), n_inputs * n_outputs, -1)

    def solve(self, theta, tolerance, rounding):
        which = np.arange(len(theta))
        limit = tolerance * self.weights.sum(axis=0)
        start = Start.cold(theta, self.metric(theta, which))
        return minimise(self.objective, self.metric, start, limit, _MAX_ITER, rounding)


def fit_path(principal, loss, weight, folds, penalties):
    """Fit a linear predictor at the penalty with the smallest cross-validated loss.

    ``sum_i v_i loss_i(Z theta + c) + penalty / 2 |theta|^2``. Penalties are tried from the
    largest on, each fold from where the last penalty left it, until the loss on held-out rows has
    risen twice. The scores are those of all rows: what is held out lends its features to the
    standardisation, never its outcome.

    Parameters
    ----------
    principal : Principal
    loss : Loss
    weight : ndarray of shape (n_samples,), float64
    folds : list of ndarray of int
        Held-out rows of each fold; none are needed for a single penalty.
    penalties : ndarray of shape (n_penalties,), float64
        Decreasing.

    Returns
    -------
    PathFit
    """
    inputs = principal.scores
    if loss.has_intercept:
        inputs = np.column_stack([inputs, np.ones(len(inputs))])
    losses = np.full(len(penalties), np.nan)
    size = inputs.shape[1] * loss.n_outputs
    best, middle = 0, np.zeros(size)
    if len(penalties) > 1:
        both, rounding = (inputs, inputs**2), _DOUBLE
        if size > _FEW:
            # products with long thin matrices take as long as their bytes take to come
            single, rounding = inputs.astype(np.float32), _SINGLE
            both = single, single**2
        weights = np.repeat(weight[:, None], len(folds), axis=1)
        for number, rows in enumerate(folds):
            weights[rows, number] = 0.0
        theta = np.zeros((len(folds), size))
        for number, penalty in enumerate(penalties):
            batch = _Batch(both, loss, weights, penalty)
            theta = batch.solve(theta, _ROUGH, rounding).theta
            total = loss.held_out(batch.scores(theta), weights, weight)
            losses[number] = total / weight.sum()
            if number == 0 or losses[number] < losses[best]:
                best, middle = number, theta.mean(axis=0)
            elif number - best >= _PATIENCE:
                break
    batch = _Batch((inputs, inputs**2), loss, weight[:, None], penalties[best])
    solution = batch.solve(middle[None].copy(), _FINE, _DOUBLE)
    own = solution.theta.reshape(batch.size)
    constant = own[-1] if loss.has_intercept else np.zeros(loss.n_outputs)
    theta = own[:-1] if loss.has_intercept else own
    return PathFit(theta, constant, best, losses, bool(solution.converged[0]))
