"""Experts that are missing only later: the pool teaches itself to do without each of them.

On the fit data the pool knows what it says with all experts. For each expert m, the
contributions of the others are multiplied by ``v >= 0`` and the class bias moved by ``d`` so
that without m the pool says the same as well as it can, which takes no labels:

    sum_i v_i KL(q_i || p_i without m) / deff + 1/2 sum_c (a_c (v_c - 1))^2 + 3/2 |d|^2

with ``q`` the fused probabilities, ``a`` the mean coefficients. For several experts the
quadratic approximation around the nearest of these solutions is conditioned, in
:mod:`~sklearn_logitprod.fusion.gaps`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_logitprod.fusion.gaps import LEAST, Gaps, nonnegative_minimum
from sklearn_logitprod.fusion.likelihood import Likelihood
from sklearn_logitprod.fusion.pool import Pool, contributions
from sklearn_logitprod.training.prior import HeadSpec

# what the pool says of a row has no noise: few rows tell how experts stand in for each other
_MOST_ROWS, _MOST_VALUES = 2000, 1 << 22
# nats in total that may be left to gain
_LIMIT = 1e-5
_MAX_ITER = 50


def fit_gaps(pool, data, weight):
    """What a pool does without experts.

    Parameters
    ----------
    pool : Pool
        As fitted, without ``gaps``.
    data : FitData
    weight : ndarray of shape (n_samples,)

    Returns
    -------
    Gaps or None
        None if there are no two experts, or the likelihood teaches nothing.
    """
    if pool.active.sum() < 2:
        return None
    rows = TaughtRows.of(pool, data, weight)
    if rows is None:
        return None
    shape = data.n_experts, data.n_columns
    multipliers, scale = np.ones(shape), np.zeros(shape)
    shift = np.zeros((data.n_experts, data.n_classes))
    curvature = np.zeros((*shape, data.n_columns))
    response = np.zeros((data.n_experts, data.n_classes, data.n_columns))
    for m in np.flatnonzero(pool.active):
        task = rows.without([m])
        if task is None:
            continue
        scale[m] = np.sqrt(task.precision)
        solved, shift[m], curvature[m], response[m] = task.solve()
        multipliers[m] = np.maximum(solved, LEAST)
        multipliers[m, m] = 0.0
    return Gaps(multipliers, shift, curvature, response, scale, rows.mean_coefficients)


@dataclass(frozen=True, eq=False)
class TaughtRows:
    """Rows of the fit data with what the pool says of them, from which it is to learn.

    Attributes
    ----------
    pool : Pool
    log_proba : ndarray of shape (n_samples, n_experts, n_classes)
        NaN where an expert is missing.
    present : ndarray of shape (n_samples, n_experts), bool
    likelihood : Likelihood
        Of the predictions to be met.
    weight : ndarray of shape (n_samples,)
        Over the design effect; sums to that of the fit.
    mean_coefficients : ndarray of shape (n_experts,)
        Of the pool.
    """

    pool: Pool
    log_proba: np.ndarray
    present: np.ndarray
    likelihood: Likelihood
    weight: np.ndarray
    mean_coefficients: np.ndarray

    @classmethod
    def of(cls, pool, data, weight):
        """Some rows of the fit data; None if their likelihood teaches nothing."""
        n_values = data.n_columns * data.n_classes
        # rows that a fold holds out play no role
        rows = np.flatnonzero(weight)
        n_rows = min(len(rows), max(200, min(_MOST_ROWS, _MOST_VALUES // n_values)))
        rows = rows[np.unique(np.linspace(0, len(rows) - 1, n_rows).astype(int))]
        held = weight[rows]
        held = held * (weight.sum() / held.sum() / data.design_effect(weight))
        log_proba = data.read(rows)
        whole = pool.columns(log_proba.copy())
        taught = data.likelihood.take(rows).taught(pool.log_proba(whole))
        if taught is None:
            return None
        n_experts = data.n_experts
        mean = (held @ pool.coefficients(whole))[:n_experts]
        return cls(pool, log_proba, whole.present[:, :n_experts], taught, held, mean)

    def without(self, missing):
        """How the pool says the same without some experts, as a problem to be solved.

        Parameters
        ----------
        missing : sequence of int

        Returns
        -------
        StandIn or None
            None if no row that has one of them has another expert.
        """
        others = np.delete(self.present, missing, axis=1).any(axis=1)
        used = np.flatnonzero(self.present[:, missing].any(axis=1) & others)
        if not len(used):
            return None
        log_proba, weight = self.log_proba[used], self.weight[used]
        log_proba[:, missing] = np.nan
        columns = self.pool.columns(log_proba)
        coefficients = self.pool.coefficients(columns)
        scale = weight @ coefficients / weight.sum()
        parts = contributions(columns, coefficients, self.pool.correction).transpose(1, 2, 0)
        likelihood = self.likelihood.take(used)
        prior = HeadSpec().class_bias_prior
        return StandIn(parts, self.pool.class_bias, likelihood, weight, scale**2, prior)


class StandIn:
    """Multipliers of contributions and a shift that bring scores to given predictions.

    Parameters
    ----------
    parts : ndarray of shape (n_columns, n_classes, n_samples)
        Contributions to the scores.
    class_bias : ndarray of shape (n_classes,)
    likelihood : Likelihood
        Of the predictions to be met.
    weight : ndarray of shape (n_samples,)
    precision : ndarray of shape (n_columns,)
        Of the prior on multipliers, centred at 1.
    shift_precision : float
    """

    def __init__(self, parts, class_bias, likelihood, weight, precision, shift_precision):
        self.parts, self.class_bias, self.weight = np.ascontiguousarray(parts), class_bias, weight
        self.likelihood, self.precision = likelihood, precision
        self.shift_precision = shift_precision
        self.flat = self.parts.reshape(len(parts), -1)
        self.scratch = np.empty_like(self.parts)
        # scores that no shift may move
        self.held = slice(likelihood.family.n_free(len(class_bias)), None)

    def _scores(self, multipliers, shift):
        n_classes, n_samples = self.parts.shape[1:]
        scores = (multipliers @ self.flat).reshape(n_classes, n_samples).T
        return scores + (self.class_bias + shift)

    def _evaluate(self, multipliers, shift):
        loss, slope, state = self.likelihood.loss_gradient(self._scores(multipliers, shift))
        held = self.precision @ (multipliers - 1.0) ** 2 + self.shift_precision * shift @ shift
        return self.weight @ loss + 0.5 * held, slope * self.weight[:, None], state

    def solve(self):
        """Multipliers, shift, and the curvature and response that :class:`Gaps` holds."""
        multipliers, shift = np.ones(len(self.parts)), np.zeros(len(self.class_bias))
        value, slope, state = self._evaluate(multipliers, shift)
        for _ in range(_MAX_ITER):
            pull = self.flat @ slope.T.ravel()
            drift = slope.sum(axis=0) + self.shift_precision * shift
            drift[self.held] = 0.0
            inner, response, best = self._blocks(state, drift)
            centre = inner @ multipliers - pull - response.T @ drift + self.precision
            target = nonnegative_minimum(inner + np.diag(self.precision), centre)
            step = target - multipliers
            shift_step = response @ step + best
            gain = -(pull + self.precision * (multipliers - 1.0)) @ step - drift @ shift_step
            length, last = 1.0, gain <= _LIMIT
            while True:
                trial = multipliers + length * step, shift + length * shift_step
                new = self._evaluate(*trial)
                if last or new[0] <= value - 1e-4 * length * gain or length < 1e-8:
                    break
                length *= 0.5
            if not new[0] <= value:
                break
            (multipliers, shift), (value, slope, state) = trial, new
            if last:
                break
        inner, response, _ = self._blocks(state, np.zeros(len(shift)))
        return multipliers, shift, inner, response

    def _blocks(self, state, drift):
        """Curvature in the multipliers with the shift at its best, and how that follows."""
        inner, cross, spread = self.likelihood.blocks(self.parts, state, self.weight, self.scratch)
        cross[:, self.held] = spread[self.held] = spread[:, self.held] = 0.0
        spread = spread + self.shift_precision * np.eye(len(spread))
        response = -np.linalg.solve(spread, cross.T)
        return inner + cross @ response, response, -np.linalg.solve(spread, drift)
