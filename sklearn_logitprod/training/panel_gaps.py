"""What pools of two classes do without each expert, all experts at a time.

The same problems as in :mod:`~sklearn_logitprod.training.gaps`, written for log-odds: without
expert m the contributions of the others are multiplied by ``v >= 0`` and the log-odds moved by
``d``, so that the pool says what it says with all experts. A panel has one such problem for each
label and expert, each of them small: those of a label are solved as one batch.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from sklearn_logitprod.fusion.gaps import LEAST, Gaps, nonnegative_minimum
from sklearn_logitprod.training.gaps import fit_gaps
from sklearn_logitprod.training.prior import HeadSpec

# what the pool says of a row has no noise: few rows tell how experts stand in for each other
_MOST_ROWS = 400
# nats in total that may be left to gain
_LIMIT = 1e-4
_MAX_ITER = 30
# a class bias of two opposite halves, written for their difference
_SHIFT_PRECISION = 0.5 * HeadSpec.class_bias_prior
_HALVES = np.array([-0.5, 0.5])


def fit_binary_gaps(pool, data, weight):
    """What a pool of two classes does without experts, as :func:`fit_gaps` finds it.

    Parameters
    ----------
    pool : Pool
        As fitted, without ``gaps``.
    data : FitData
        Of two classes.
    weight : ndarray of shape (n_samples,)

    Returns
    -------
    Gaps or None
        None if there are no two experts.
    """
    if pool.needs_features:
        # coefficients differ from row to row, and features with what is missing
        return fit_gaps(pool, data, weight)
    if pool.active.sum() < 2:
        return None
    rows = np.flatnonzero(weight)
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _MOST_ROWS)).astype(int))]
    held = weight[rows]
    held = held * (weight.sum() / held.sum() / data.design_effect(weight))
    log_proba = data.read(rows)
    whole = pool.columns(log_proba)
    scores = pool.scores(whole)
    taught = expit(scores[:, 1] - scores[:, 0])
    mean = (held @ pool.coefficients(whole))[: data.n_experts]
    batch = _Batch.of(pool, whole, taught, held)
    multipliers, shift = batch.solve()
    inner, response = batch.curvature(multipliers, shift)
    shape = data.n_experts, data.n_columns
    out = {
        "multipliers": np.ones(shape),
        "shift": np.zeros((data.n_experts, 2)),
        "curvature": np.zeros((*shape, data.n_columns)),
        "response": np.zeros((data.n_experts, 2, data.n_columns)),
        "scale": np.zeros(shape),
    }
    own = batch.experts
    out["multipliers"][own] = np.maximum(multipliers, LEAST)
    out["multipliers"][own, own] = 0.0
    out["shift"][own] = shift[:, None] * _HALVES
    out["curvature"][own] = inner
    out["response"][own] = response[:, None] * _HALVES[:, None]
    out["scale"][own] = np.sqrt(batch.precision)
    return Gaps(**out, weight=mean)


class _Batch:
    """One problem for each expert that can be missing.

    Parameters
    ----------
    experts : ndarray of int
    parts : ndarray of shape (n_problems, n_columns, n_samples)
        Contributions to the log-odds without the expert.
    bias : float
        Of the log-odds.
    taught : ndarray of shape (n_samples,)
        Probabilities to be met.
    weight : ndarray of shape (n_problems, n_samples)
        0 on rows that say nothing of an expert.
    precision : ndarray of shape (n_problems, n_columns)
    """

    def __init__(self, experts, parts, bias, taught, weight, precision):
        self.experts, self.parts, self.bias = experts, parts, bias
        self.taught, self.weight, self.precision = taught, weight, precision

    @classmethod
    def of(cls, pool, columns, taught, held):
        """The problems of a pool on some rows."""
        n_experts = columns.n_experts
        present = columns.present[:, :n_experts].T & pool.active[:, None]
        experts = np.flatnonzero(pool.active)
        there = np.repeat(present[None], len(experts), axis=0)
        there[np.arange(len(experts)), experts] = False
        count = there.sum(axis=1)
        # rows that had the expert and have another one
        weight = np.where(present[experts] & (count > 0), held, 0.0)
        used = weight.any(axis=1)
        experts, there, count, weight = experts[used], there[used], count[used], weight[used]
        log_odds = (columns.log_proba[:, :n_experts, 1] - columns.log_proba[:, :n_experts, 0]).T
        values = np.where(there, log_odds, 0.0)
        if pool.linear_pool:
            total = np.where(there, columns.proba[:, :, 1].T, 0.0).sum(axis=1)
            other = np.where(there, columns.proba[:, :, 0].T, 0.0).sum(axis=1)
            mean = np.where(count > 0, np.log(np.where(count > 0, total, 1.0)), 0.0)
            mean -= np.where(count > 0, np.log(np.where(count > 0, other, 1.0)), 0.0)
            values = np.concatenate([values, mean[:, None]], axis=1)
            there = np.concatenate([there, (count > 0)[:, None]], axis=1)
        coefficients = np.zeros(values.shape)
        for head, share in zip(pool.heads, pool.shares, strict=True):
            gate = head.gate
            own = np.exp((gate.bias - gate.bias.max()) / gate.temperature)[None, :, None] * there
            mass = own.sum(axis=1, keepdims=True)
            own /= np.where(mass > 0.0, mass, 1.0)
            coefficients += share * np.exp(head.log_sharpness) * own
        total = np.where(weight.sum(axis=1) > 0, weight.sum(axis=1), 1.0)
        scale = np.einsum("pcn,pn->pc", coefficients, weight) / total[:, None]
        parts = coefficients * values
        if pool.correction is not None:
            extra = np.einsum("mkj,k,j->m", pool.correction, 2.0 * _HALVES, _HALVES)
            parts[:, :n_experts] += extra[:, None] * values[:, :n_experts]
        bias = float(pool.class_bias[1] - pool.class_bias[0])
        return cls(experts, parts, bias, taught, weight, scale**2)

    def _evaluate(self, multipliers, shift, which):
        """Objectives, slopes of the losses in the log-odds, and their curvature."""
        scores = (multipliers[:, None] @ self.parts[which])[:, 0] + self.bias + shift[:, None]
        loss = np.logaddexp(0.0, scores) - self.taught * scores
        proba = expit(scores)
        weight = self.weight[which]
        value = (weight * loss).sum(axis=1)
        value += 0.5 * (self.precision[which] * (multipliers - 1.0) ** 2).sum(axis=1)
        value += 0.5 * _SHIFT_PRECISION * shift**2
        return value, weight * (proba - self.taught), weight * proba * (1.0 - proba)

    def _blocks(self, spread, which):
        """Curvature in the multipliers with the shift at its best, and how that follows."""
        parts = self.parts[which]
        weighted = parts * spread[:, None]
        cross = weighted.sum(axis=2)
        own = spread.sum(axis=1) + _SHIFT_PRECISION
        response = -cross / own[:, None]
        inner = weighted @ parts.transpose(0, 2, 1) + cross[:, :, None] * response[:, None]
        return inner, response, own

    def curvature(self, multipliers, shift):
        """Curvature and response that :class:`Gaps` holds, at a solution."""
        which = np.arange(len(self.experts))
        spread = self._evaluate(multipliers, shift, which)[2]
        return self._blocks(spread, which)[:2]

    def solve(self):
        """Multipliers (n_problems, n_columns) and shifts (n_problems,)."""
        n_problems, n_columns, _ = self.parts.shape
        multipliers, shift = np.ones((n_problems, n_columns)), np.zeros(n_problems)
        active = np.arange(n_problems)
        value, slope, spread = self._evaluate(multipliers, shift, active)
        for _ in range(_MAX_ITER):
            now, move = multipliers[active], shift[active]
            step, shift_step, gain = self._step(now, move, slope, spread, active)
            last = gain <= _LIMIT
            length = np.ones(len(active))
            while True:
                trial = now + length[:, None] * step, move + length * shift_step
                new = self._evaluate(*trial, active)
                bad = ~last & (new[0] > value - 1e-4 * length * gain) & (length > 1e-8)
                if not bad.any():
                    break
                length[bad] *= 0.5
            better = new[0] <= value
            multipliers[active[better]], shift[active[better]] = trial[0][better], trial[1][better]
            going = better & ~last
            active = active[going]
            value, slope, spread = (part[going] for part in new)
            if not len(active):
                break
        return multipliers, shift

    def _step(self, multipliers, shift, slope, spread, which):
        parts, precision = self.parts[which], self.precision[which]
        pull = (parts @ slope[:, :, None])[:, :, 0]
        drift = slope.sum(axis=1) + _SHIFT_PRECISION * shift
        inner, response, own = self._blocks(spread, which)
        best = -drift / own
        centre = (inner @ multipliers[:, :, None])[:, :, 0] - pull - response * drift[:, None]
        centre += precision
        matrix = inner + precision[:, :, None] * np.eye(precision.shape[1])
        # columns that are not there have nothing to be solved for
        empty = ~(precision > 0.0)
        matrix[:, np.arange(matrix.shape[1]), np.arange(matrix.shape[1])] += empty
        target = np.linalg.solve(matrix, np.where(empty, multipliers, centre)[:, :, None])[:, :, 0]
        for i in np.flatnonzero((target < 0.0).any(axis=1)):
            target[i] = nonnegative_minimum(matrix[i], np.where(empty, multipliers, centre)[i])
        step = target - multipliers
        shift_step = (response * step).sum(axis=1) + best
        gain = -((pull + precision * (multipliers - 1.0)) * step).sum(axis=1) - drift * shift_step
        return step, shift_step, gain
