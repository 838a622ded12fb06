"""Constant weights, in NumPy: objective, gradient, and exact second-order steps.

With constant weights the gate is ``e = softmax(b / temperature)``, restricted to the
columns present: ``w_c(x) = e_c P_c(x) / Z(x)``, ``Z = sum_c e_c P_c``. As the columns
are 0 where missing, ``sum_c w_c log p_c = (e L) / Z`` is one matrix product over all rows
and problems, and so is its gradient.

The Hessian uses the covariance of ``softmax F`` for the loss, which is exact for class
labels and an upper bound for label sets, whose own Hessian can be indefinite, and the
exact curvature of the gate. Where the latter makes it indefinite, it is left out.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg.lapack import dposv

from sklearn_logitprod.fusion.gate import masked_softmax
from sklearn_logitprod.training.curvature import Scratch, product_hessian
from sklearn_logitprod.training.lbfgs import Solution
from sklearn_logitprod.training.prior import MAX_LOG_SHARPNESS

# of the limit: how far quadratic convergence is trusted
_TRUST = 0.1
# of a bias or of log sharpness: farther off, the quadratic approximation describes nothing
_MAX_STEP = 2.5
_WIDEST = 500.0
# relative to the largest eigenvalue; what is below is rounding
_RIDGE = 1e-12
_ROUNDING = 1e-14


class ConstantObjective:
    """Objective of heads with constant weights, with or without correction.

    Parameters
    ----------
    problems : Problems
    """

    def __init__(self, problems):
        self.problems = problems
        self.scratch = Scratch()

    def __call__(self, theta, which):
        """Objectives, prior included, and their gradients at parameters of problems.

        Parameters
        ----------
        theta : ndarray of shape (n, size)
        which : ndarray of shape (n,), int

        Returns
        -------
        value : ndarray of shape (n,)
        gradient : ndarray of shape (n, size)
        """
        value, gradient = self.problems.prior(theta, which)
        for state in self._states(theta, which):
            value += state.value
            gradient += state.gradient()
        return value, gradient

    def second_order(self, theta, which):
        """Objectives, gradients, and Hessians of the losses and of the gates.

        A correction must be of one free score; the diversity penalty is not in the Hessian.

        Returns
        -------
        value : ndarray of shape (n,)
        gradient : ndarray of shape (n, size)
        hessian : ndarray of shape (n, size, size)
            Without prior and curvature of the gate.
        curvature : ndarray of shape (n, size, size)
            Curvature of the gate.
        """
        value, gradient = self.problems.prior(theta, which)
        hessian = np.zeros((*theta.shape, theta.shape[1]))
        curvature = np.zeros_like(hessian)
        for state in self._states(theta, which):
            value += state.value
            gradient += state.gradient()
            hessian += state.hessian(self.scratch)
            own = state.curvature()
            curvature[:, : own.shape[1], : own.shape[1]] += own
        return value, gradient, hessian, curvature

    def scores(self, theta, which):
        """Fused scores of problems: (n, n_samples, n_classes)."""
        data = self.problems.data
        out = np.empty((len(which), data.n_classes, data.n_samples)).transpose(0, 2, 1)
        groups = self.problems.layout.split(theta)
        for block in data:
            state = _BlockState(self.problems, block, which, groups)
            out[:, block.rows] = state.scores.transpose(0, 2, 1)
        return out

    def _states(self, theta, which):
        groups = self.problems.layout.split(theta)
        # a fold that holds out a whole block needs nothing of it
        used = self.problems.weights[np.unique(self.problems.part[which])]
        for block in self.problems.data:
            if used[:, block.rows].any():
                state = _BlockState(self.problems, block, which, groups)
                state.evaluate()
                yield state


class _BlockState:
    """One block for some problems at one point: value at once, derivatives on demand.

    Arrays here have problems first and samples last, as they lie in memory.
    """

    def __init__(self, problems, block, which, groups):
        self.problems, self.columns, self.likelihood = problems, block.columns, block.likelihood
        self.groups, self.spec = groups, problems.specs[0]
        self.which, self.temperature = which, problems.temperature[which, None]
        self.weight = problems.weights[:, block.rows][problems.part[which]]
        columns, calibrate = block.columns, self.spec.calibrate
        n_samples, n_columns, n_classes = columns.log_proba.shape
        self.log_proba = columns.log_proba.transpose(1, 2, 0)
        self.flat = self.log_proba.reshape(n_columns, n_classes * n_samples)
        tilted = groups["bias"] / self.temperature
        # wild trial steps must not round the weight of a row's only column to 0
        tilted = np.maximum(tilted, tilted.max(axis=1, keepdims=True) - _WIDEST)
        self.gate = masked_softmax(tilted, np.ones_like(tilted, dtype=bool))
        self.mass = None if columns.complete else self.gate @ columns.present.T
        self.product = (self.gate @ self.flat).reshape(-1, n_classes, n_samples)
        if self.mass is not None:
            self.product /= self.mass[:, None]
        self.sharpness = np.ones(len(which))
        # without calibration the product itself is what is scored
        self.scores = self.product
        if calibrate:
            limit = MAX_LOG_SHARPNESS
            self.sharpness = np.exp(np.clip(groups["log_sharpness"][:, 0], -limit, limit))
            self.scores = self.sharpness[:, None, None] * self.product
            self.scores[:, : problems.data.n_free] += groups["class_bias"][:, :, None]
        self.evidence = None
        if "correction" in groups:
            self.evidence = columns.evidence
            matrix = groups["correction"].transpose(0, 2, 1, 3).reshape(-1, self.evidence.shape[1])
            moved = (matrix @ self.evidence.T).reshape(len(which), -1, n_samples)
            # without calibration the scores are the product itself, which stays as it is
            self.scores = self.scores if calibrate else self.scores.copy()
            self.scores[:, : moved.shape[1]] += moved

    def evaluate(self):
        """Loss and its slope in the scores."""
        loss, slope, self.state = self.likelihood.loss_gradient(self.scores.transpose(0, 2, 1))
        self.slope = slope.transpose(0, 2, 1)
        self.slope *= self.weight[:, None]
        self.value = np.einsum("bn,bn->b", self.weight, loss)
        if self.problems.correlations is not None:
            own, pull = self._diversity()
            penalty = np.einsum("bn,bnm,bnm->b", self.weight, own, pull)
            self.value += self.spec.diversity * penalty

    def _diversity(self):
        own = (self.columns.present * self.gate[:, None])[:, :, : self.columns.n_experts]
        if self.mass is not None:
            own = own / self.mass[:, :, None]
        correlation = np.array(self.problems.correlations)[self.problems.part[self.which]]
        return own, own @ correlation

    def gate_slope(self):
        """Derivative of the value in ``b / temperature``: (n, n_columns)."""
        n_problems, present = len(self.which), self.columns.present
        slope = self.sharpness[:, None, None] * self.slope
        along = np.einsum("bkn,bkn->bn", slope, self.product)
        if self.mass is not None:
            slope = slope / self.mass[:, None]
            out = slope.reshape(n_problems, -1) @ self.flat.T
            out -= (along / self.mass) @ present
        else:
            out = slope.reshape(n_problems, -1) @ self.flat.T - along.sum(axis=1)[:, None]
        if self.problems.correlations is not None:
            own, pull = self._diversity()
            pull *= 2.0 * self.spec.diversity * self.weight[:, :, None]
            share = np.ones(self.weight.shape) if self.mass is None else 1.0 / self.mass
            n_experts = self.columns.n_experts
            out[:, :n_experts] += np.einsum("bn,bnm,nm->bm", share, pull, present[:, :n_experts])
            out -= (share * np.einsum("bnm,bnm->bn", own, pull)) @ present
        return self.gate * out

    def gradient(self):
        """Gradients in the parameters (n, size), in the order of the layout."""
        n_problems, n_free = len(self.slope), self.problems.data.n_free
        free = self.slope[:, :n_free]
        parts = {"bias": self.gate_slope() / self.temperature}
        if self.spec.calibrate:
            own = np.einsum("bkn,bkn->b", self.slope, self.product)
            parts["log_sharpness"] = (self.sharpness * own)[:, None]
            parts["class_bias"] = free.sum(axis=2)
        if self.evidence is not None:
            wide = free.reshape(n_problems * n_free, -1) @ self.evidence
            wide = wide.reshape(n_problems, n_free, -1, n_free).transpose(0, 2, 1, 3)
            parts["correction"] = wide
        return np.concatenate([parts[name].reshape(n_problems, -1) for name in self.groups], axis=1)

    def curvature(self):
        """Second derivative of F in bias and log sharpness, times the slope of the loss."""
        n_problems, gate = self.gate.shape[0], self.gate
        present = self.columns.present
        slope = self.sharpness[:, None, None] * self.slope
        along = np.einsum("bkn,bkn->bn", slope, self.product)
        if self.mass is None:
            pull = gate * (slope.reshape(n_problems, -1) @ self.flat.T - along.sum(axis=1)[:, None])
            cross = pull[:, :, None] * gate[:, None, :]
        else:
            per_row = np.einsum("ckn,bkn->bcn", self.log_proba, slope)
            per_row -= present.T * along[:, None]
            per_row *= gate[:, :, None] / self.mass[:, None]
            pull = per_row.sum(axis=2)
            cross = (per_row / self.mass[:, None]) @ present * gate[:, None, :]
        block = pull[:, :, None] * np.eye(gate.shape[1]) - cross - cross.transpose(0, 2, 1)
        block /= self.temperature[:, :, None] ** 2
        if not self.spec.calibrate:
            return block
        size = gate.shape[1] + 1
        out = np.empty((n_problems, size, size))
        out[:, :-1, :-1] = block
        out[:, :-1, -1] = out[:, -1, :-1] = pull / self.temperature
        out[:, -1, -1] = along.sum(axis=1)
        return out

    def hessian(self, scratch):
        """Sum of ``J^T (diag p - p p^T) J`` over the rows, in the order of the layout."""
        # the Jacobian is the largest array of a fit
        # one problem at a time: its arrays stay in the processor's cache
        return np.stack([self._one_hessian(i, scratch) for i in range(len(self.which))])

    def _one_hessian(self, i, scratch):
        gate = self.gate[i][:, None]
        if self.mass is not None:
            gate = gate * self.columns.present.T / self.mass[i]
        return product_hessian(
            self.log_proba,
            gate,
            self.product[i],
            self.sharpness[i],
            self.problems.spec(self.which[i]),
            self.likelihood,
            self.state[i],
            self.weight[i],
            scratch,
            self.evidence,
        )[0]


def newton(objective, origin, limit, max_iter):
    """Minimise the objectives of constant weights by Newton's method.

    Parameters
    ----------
    objective : ConstantObjective
        Without diversity penalty, and without a correction of more than one free score.
    origin : ndarray of shape (n_problems, size)
        Where to start.
    limit : ndarray of shape (n_problems,)
        A problem ends once its next step can gain at most this, or the one after it next to
        nothing; the next step is taken.
    max_iter : int

    Returns
    -------
    solution : Solution
    hessian : ndarray of shape (n_problems, size, size)
        Of the losses, without the prior, next to the solution.
    """
    theta, precision = origin.copy(), objective.problems.precision
    active = np.arange(len(theta))
    converged = np.zeros(len(theta), dtype=bool)
    curves = [[] for _ in theta]
    value, gradient, hessian, curvature = objective.second_order(theta, active)
    value, gradient = value.copy(), gradient.copy()
    # a first step tells nothing of the next
    before = np.full(len(theta), np.nan)
    for _ in range(max_iter):
        step = np.empty((len(active), theta.shape[1]))
        for i, problem in enumerate(active):
            curves[problem].append(float(value[problem]))
            prior = np.diag(precision[problem])
            step[i] = -_solve(gradient[problem], hessian[problem] + prior, curvature[problem])
        decrement = -0.5 * np.einsum("bp,bp->b", gradient[active], step)
        # the step still gains, and convergence is quadratic: it is the last one needed, also if
        # what the next could gain, about a multiple of the square of this gain, is nothing
        expected = decrement**2 * np.maximum(1.0, decrement / before[active] ** 2)
        last = (decrement <= limit[active]) | (expected <= _TRUST * limit[active])
        before[active] = decrement
        theta[active[last]] += step[last]
        converged[active[last]] = True
        active, step, decrement = active[~last], step[~last], decrement[~last]
        # full steps near the optimum, where they converge quadratically; shorter ones far from it
        length = np.minimum(1.0, _MAX_STEP / np.abs(step).max(axis=1, initial=_MAX_STEP))
        trying = np.arange(len(active))
        stuck = np.zeros(len(active), dtype=bool)
        while len(trying):
            trial = theta[active[trying]] + length[trying, None] * step[trying]
            new = objective.second_order(trial, active[trying])
            old = value[active[trying]]
            good = new[0] <= old - 0.5 * (length * decrement)[trying] + _ROUNDING * np.abs(old)
            done = active[trying[good]]
            theta[done] = trial[good]
            for array, part in zip((value, gradient, hessian, curvature), new, strict=True):
                array[done] = part[good]
            length[trying[~good]] /= 2.0
            stuck[trying] = ~good & (length[trying] < 1e-10)
            trying = trying[~good & ~stuck[trying]]
        active = active[~stuck]
        if not len(active):
            break
    return Solution(theta, curves, converged), hessian


def _solve(gradient, hessian, curvature):
    """Newton direction, with the curvature of the gate where that is positive definite."""
    for matrix in (hessian + curvature, hessian):
        # by Cholesky's decomposition, which tells whether there is one
        _, direction, failed = dposv(matrix, gradient)
        if not failed:
            return direction
    # rounding has made it indefinite, which takes very large weights
    scale, axes = np.linalg.eigh(hessian)
    return axes @ ((axes.T @ gradient) / np.maximum(scale, _RIDGE * scale[-1]))
