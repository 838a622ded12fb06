"""Sharpness and class bias of scores that are otherwise fixed, from few outcomes.

How far they may move is not known beforehand: the precision of the priors on ``log s`` and on
``c`` is one of a grid, whose points weigh by their evidence, the probability that each gives to
the outcomes (Laplace's approximation; MacKay, "Bayesian interpolation", 1992, sections 2 and 4).
Most prior mass is on scores that stay as they are.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np

from sklearn_logitprod.fusion.logits import block_slices
from sklearn_logitprod.training.data import design_effect

# nothing moves under the last of each
_FIXED = 1e6
_SHARPNESS = (1.0, 10.0, 100.0, _FIXED)
_BIAS = (1.0, 3.0, 10.0, 30.0, 100.0, _FIXED)
# prior mass of scores that stay; the other points of the grid share the rest
_UNMOVED = 0.7
# nats in total, and of the loss: what is gained below is rounding
_PRECISION, _ROUNDING = 1e-9, 1e-14
# steps of log s beyond describe nothing
_MAX_STEP, _MAX_ITER = 1.0, 50
# arrays of the size of the scores that a step makes
_BLOCK_ARRAYS = 8


def fit_affine(scores, likelihood, weight, groups=None):
    """Sharpness s and class bias c of ``F' = s F + c``.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
        Fused scores F.
    likelihood : Likelihood
    weight : ndarray of shape (n_samples,)
    groups : ndarray of shape (n_samples,), int, optional

    Returns
    -------
    log_sharpness : float
    shift : ndarray of shape (n_classes,)
        Means of both over the grid, by evidence.
    """
    # a constant in the scores of a row would look like a direction of log s
    centred = scores - scores.mean(axis=1, keepdims=True)
    weight = _effective(scores, likelihood, weight, groups)
    theta = _mean_over_grid(_Problem(centred, likelihood, weight))
    return float(theta[0]), theta[1:]


def fit_moved(scores, likelihood, weight, groups=None):
    """Sharpness s and shift d of values: ``(s (eta + d tau), s tau)``, all means moved alike.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, 2)
        Fused ``(eta, tau)``.
    likelihood : Values
    weight : ndarray of shape (n_samples,)
    groups : ndarray of shape (n_samples,), int, optional

    Returns
    -------
    log_sharpness, shift : float
        The shift in standard deviations of the values.
    """
    along = np.zeros_like(scores)
    along[:, 0] = scores[:, 1]
    weight = _effective(scores, likelihood, weight, groups)
    theta = _mean_over_grid(_Problem(scores, likelihood, weight, along))
    return float(theta[0]), float(theta[1] * np.exp(-theta[0]))


def _effective(scores, likelihood, weight, groups):
    losses, shares = likelihood.repeated_losses(scores)
    return weight / design_effect(losses, weight, groups, shares)


def _mean_over_grid(problem):
    """Mean of the solutions over the grid of prior precisions, by evidence."""
    grid = list(product(_BIAS, _SHARPNESS))
    point, solved, evidence = problem.at(np.zeros(1 + problem.n_shifts)), [], []
    for bias, sharpness in grid:
        # what the rows say where the neighbour was solved is known
        point, own = problem.solve(point, sharpness, bias)
        solved.append(point.theta)
        evidence.append(own)
    prior = np.full(len(grid), (1.0 - _UNMOVED) / (len(grid) - 1))
    prior[-1] = _UNMOVED
    evidence = np.array(evidence) + np.log(prior)
    mass = np.exp(evidence - evidence.max())
    return mass @ np.array(solved) / mass.sum()


class _Point(NamedTuple):
    """Loss of all rows at ``theta = (log s, c)``, its gradient and Hessian, without a prior."""

    theta: np.ndarray
    loss: float
    gradient: np.ndarray
    hessian: np.ndarray

    def under(self, precision):
        """The same with a normal prior at 0."""
        pull = precision * self.theta
        return (
            self.loss + 0.5 * pull @ self.theta,
            self.gradient + pull,
            self.hessian + np.diag(precision),
        )


class _Problem:
    """Posterior of ``(log s, c)`` under normal priors at 0.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
    likelihood : Likelihood
    weight : ndarray of shape (n_samples,)
    along : ndarray of shape (n_samples, n_classes), optional
        What the one parameter c multiplies; None where each score has its own.
    """

    def __init__(self, scores, likelihood, weight, along=None):
        self.scores, self.likelihood, self.weight = scores, likelihood, weight
        self.along = along

    @property
    def n_shifts(self):
        """Number of entries of c."""
        return self.scores.shape[1] if self.along is None else 1

    def solve(self, point, sharpness, bias):
        """Mode of the posterior, and log of the evidence.

        Parameters
        ----------
        point : _Point
            Where to start.
        sharpness, bias : float
            Prior precisions of log s and of c.

        Returns
        -------
        point : _Point
        evidence : float
        """
        precision = np.array([sharpness] + [bias] * self.n_shifts)
        value, gradient, hessian = point.under(precision)
        for _ in range(_MAX_ITER):
            step = -np.linalg.solve(hessian, gradient)
            gain, rounding = -gradient @ step, _ROUNDING * abs(value)
            if gain <= _PRECISION + rounding:
                break
            length = min(1.0, _MAX_STEP / max(abs(step[0]), 1e-300))
            while True:
                trial = self.at(point.theta + length * step)
                new = trial.under(precision)
                if new[0] <= value - 1e-4 * length * gain + rounding or length < 1e-8:
                    break
                length *= 0.5
            if not new[0] <= value + rounding:
                break
            point, (value, gradient, hessian) = trial, new
        spread = np.linalg.slogdet(hessian)[1] - np.log(precision).sum()
        return point, -value - 0.5 * spread

    def at(self, theta):
        """What the rows say at some parameters."""
        loss, gradient, hessian = 0.0, np.zeros_like(theta), np.zeros((len(theta),) * 2)
        for rows in block_slices(len(self.scores), _BLOCK_ARRAYS * self.scores.shape[1]):
            own = self._of_rows(theta, rows)
            loss, gradient, hessian = loss + own[0], gradient + own[1], hessian + own[2]
        return _Point(theta, loss, gradient, hessian)

    def _of_rows(self, theta, rows):
        """Loss of some rows, its slope and its curvature."""
        moved, along = np.exp(theta[0]) * self.scores[rows], self.along
        weight = self.weight[rows]
        if along is not None:
            along = along[rows]
        shifted = moved + (theta[1:] if along is None else theta[1] * along)
        loss, slope, state = self.likelihood.take(rows).loss_gradient(shifted)
        slope = slope * weight[:, None]
        pull = slope.sum(axis=0) if along is None else (slope * along).sum()
        gradient = np.append((slope * moved).sum(), pull)
        jacobian = np.array([moved.T] if along is None else [moved.T, along.T])
        hessian, cross, spread = self.likelihood.blocks(
            jacobian, state, weight, np.empty_like(jacobian)
        )
        if along is None:
            hessian = np.block([[hessian, cross], [cross.T, spread]])
        return weight @ loss, gradient, hessian
