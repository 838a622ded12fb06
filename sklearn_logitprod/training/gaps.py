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

from sklearn_logitprod.fusion.columns import Columns
from sklearn_logitprod.fusion.gaps import LEAST, Gaps, nonnegative_minimum
from sklearn_logitprod.fusion.likelihood import Likelihood
from sklearn_logitprod.fusion.pool import Pool, contributions
from sklearn_logitprod.training.prior import HeadSpec

# what the pool says of a row has no noise: few rows tell how experts stand in for each other
_MOST_ROWS, _MOST_VALUES = 2000, 1 << 20
# nats in total that may be left to gain
_LIMIT = 1e-5
_MAX_ITER = 50
# of the limit: how far quadratic convergence is trusted
_TRUST = 0.1
# numbers in the contributions of problems that are solved side by side
_BATCH_VALUES = 1 << 17


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
    for experts, task in rows.without_each(np.flatnonzero(pool.active)):
        scale[experts] = np.sqrt(task.precision)
        solved, shift[experts], curvature[experts], response[experts] = task.solve()
        multipliers[experts] = solved
        multipliers[experts, experts] = 0.0
    return Gaps(multipliers, shift, curvature, response, scale, rows.mean_coefficients)


@dataclass(frozen=True, eq=False)
class TaughtRows:
    """Rows of the fit data with what the pool says of them, from which it is to learn.

    Attributes
    ----------
    pool : Pool
    log_proba : ndarray of shape (n_samples, n_experts, n_classes)
        NaN where an expert is missing.
    columns : Columns
        Of all rows.
    likelihood : Likelihood
        Of the predictions to be met.
    weight : ndarray of shape (n_samples,)
        Over the design effect; sums to that of the fit.
    mean_coefficients : ndarray of shape (n_experts,)
        Of the pool.
    """

    pool: Pool
    log_proba: np.ndarray
    columns: Columns
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
        whole = pool.columns(log_proba.copy(order="K"))
        taught = data.likelihood.take(rows).taught(pool.log_proba(whole))
        if taught is None:
            return None
        mean = (held @ pool.coefficients(whole))[: data.n_experts]
        return cls(pool, log_proba, whole, taught, held, mean)

    def without(self, missing):
        """How the pool says the same without some experts, as a problem to be solved.

        Parameters
        ----------
        missing : sequence of int

        Returns
        -------
        StandIns or None
            Of one problem; None if no row that has one of them has another expert.
        """
        used = self._used(missing)
        return self._stand_ins(used, [missing]) if used.any() else None

    def without_each(self, experts):
        """The problems of several experts that are missing one at a time.

        Parameters
        ----------
        experts : sequence of int

        Yields
        ------
        experts : list of int
            Some of them. Those that never stand beside another one are left out.
        problems : StandIns
            One for each.
        """
        groups = {}
        for m in experts:
            used = self._used([m])
            if used.any():
                groups.setdefault(used.tobytes(), (used, []))[1].append(m)
        for used, group in groups.values():
            # side by side calls cost less, as long as all stay near the processor
            step = max(1, _BATCH_VALUES // (used.sum() * self.columns.log_proba[0].size))
            for start in range(0, len(group), step):
                own = group[start : start + step]
                yield own, self._stand_ins(used, [[m] for m in own])

    def _used(self, missing):
        """Rows that have one of some experts and another expert."""
        present = self.columns.present[:, : self.columns.n_experts]
        own = present[:, missing]
        return own.any(axis=1) & (present.sum(axis=1) > own.sum(axis=1))

    def _stand_ins(self, used, sets):
        """Problems of sets of experts that are missing together, on some rows."""
        weight, whole = self.weight[used], self.columns
        if not used.all():
            whole = self.pool.columns(self.log_proba[used])
        n_samples, n_columns, n_classes = whole.log_proba.shape
        parts = np.empty((len(sets), n_columns, n_classes, n_samples))
        scale = np.empty((len(sets), n_columns))
        for i, missing in enumerate(sets):
            columns = whole.without(missing)
            coefficients = self.pool.coefficients(columns)
            scale[i] = weight @ coefficients / weight.sum()
            own = contributions(columns, coefficients, self.pool.correction)
            parts[i] = own.transpose(1, 2, 0)
        likelihood = self.likelihood.take(used)
        prior = HeadSpec().class_bias_prior
        return StandIns(parts, self.pool.class_bias, likelihood, weight, scale**2, prior)


class StandIns:
    """Multipliers of contributions and shifts that bring scores to given predictions.

    Parameters
    ----------
    parts : ndarray of shape (n_problems, n_columns, n_classes, n_samples)
        Contributions to the scores.
    class_bias : ndarray of shape (n_classes,)
    likelihood : Likelihood
        Of the predictions to be met.
    weight : ndarray of shape (n_samples,)
    precision : ndarray of shape (n_problems, n_columns)
        Of the prior on multipliers, centred at 1.
    shift_precision : float
    """

    def __init__(self, parts, class_bias, likelihood, weight, precision, shift_precision):
        self.parts, self.class_bias, self.weight = parts, class_bias, weight
        self.likelihood, self.precision = likelihood, precision
        self.shift_precision = shift_precision
        self.flat = self.parts.reshape(*precision.shape, -1)
        self.scratch = np.empty_like(self.parts)
        # scores that no shift may move
        self.held = slice(likelihood.family.n_free(len(class_bias)), None)

    def _scores(self, multipliers, shift):
        n_problems, _, n_classes, n_samples = self.parts.shape
        scores = (multipliers[:, None] @ self.flat).reshape(n_problems, n_classes, n_samples)
        scores += (self.class_bias + shift)[:, :, None]
        return scores.transpose(0, 2, 1)

    def _evaluate(self, multipliers, shift):
        """Objectives, slopes of the losses in the scores, and what curvature is made of."""
        loss, slope, state = self.likelihood.loss_gradient(self._scores(multipliers, shift))
        held = (self.precision * (multipliers - 1.0) ** 2).sum(axis=1)
        held += self.shift_precision * (shift * shift).sum(axis=1)
        return loss @ self.weight + 0.5 * held, slope * self.weight[:, None], state

    def solve(self):
        """Solutions by Newton's method.

        Returns
        -------
        multipliers : ndarray of shape (n_problems, n_columns)
        shift : ndarray of shape (n_problems, n_classes)
        curvature, response : ndarray
            That :class:`Gaps` holds, next to the solution.
        """
        shape = self.precision.shape
        multipliers, shift = np.ones(shape), np.zeros((shape[0], len(self.class_bias)))
        curvature, response = np.empty((*shape, shape[1])), np.empty((*shift.shape, shape[1]))
        active = np.ones(shape[0], dtype=bool)
        value, slope, state = self._evaluate(multipliers, shift)
        for _ in range(_MAX_ITER):
            step, shift_step, gain, blocks = self._step(multipliers, shift, slope, state)
            curvature[active], response[active] = (block[active] for block in blocks)
            # what is left after a step is about a multiple of the square of what it gains
            last = np.minimum(gain, gain**2 / _TRUST) <= _LIMIT
            # those that have ended stay where they are
            length = active.astype(float)
            while True:
                trial = multipliers + length[:, None] * step, shift + length[:, None] * shift_step
                new = self._evaluate(*trial)
                bad = active & ~last & (new[0] > value - 1e-4 * length * gain) & (length >= 1e-8)
                if not bad.any():
                    break
                length[bad] *= 0.5
            better = active & (new[0] <= value)
            multipliers[better], shift[better] = trial[0][better], trial[1][better]
            value, slope, state = new
            active = better & ~last
            if not active.any():
                break
        return multipliers, shift, curvature, response

    def _step(self, multipliers, shift, slope, state):
        """Newton steps of both, what they are to gain, and their blocks of the curvature."""
        pull = (self.flat @ slope.transpose(0, 2, 1).reshape(len(slope), -1, 1))[:, :, 0]
        drift = slope.sum(axis=1) + self.shift_precision * shift
        drift[:, self.held] = 0.0
        inner, response, best = self._blocks(state, drift)
        centre = (inner @ multipliers[:, :, None])[:, :, 0] - pull + self.precision
        centre -= (drift[:, None] @ response)[:, 0]
        matrix = inner + self.precision[:, :, None] * np.eye(inner.shape[1])
        # not quite 0: a Gaussian of no precision has no curvature
        step = np.maximum(nonnegative_minimum(matrix, centre), LEAST) - multipliers
        shift_step = (response @ step[:, :, None])[:, :, 0] + best
        gain = -((pull + self.precision * (multipliers - 1.0)) * step).sum(axis=1)
        gain -= (drift * shift_step).sum(axis=1)
        return step, shift_step, gain, (inner, response)

    def _blocks(self, state, drift):
        """Curvature in the multipliers with the shift at its best, and how that follows."""
        inner, cross, spread = self.likelihood.blocks(self.parts, state, self.weight, self.scratch)
        cross[..., self.held] = spread[:, self.held] = spread[..., self.held] = 0.0
        spread += self.shift_precision * np.eye(spread.shape[1])
        right = np.concatenate([cross.transpose(0, 2, 1), drift[:, :, None]], axis=2)
        solved = -np.linalg.solve(spread, right)
        response, best = solved[:, :, :-1], solved[:, :, -1]
        return inner + cross @ response, response, best
