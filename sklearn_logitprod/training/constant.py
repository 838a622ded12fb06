"""Constant weights, in NumPy: objective, gradient, and exact second-order steps.

With constant weights the gate is ``e = softmax(b / temperature)``, restricted to the
columns present: ``w_c(x) = e_c P_c(x) / Z(x)``, ``Z = sum_c e_c P_c``. As the columns
are 0 where missing, ``sum_c w_c log p_c = (e L) / Z`` is one matrix-vector product over
all rows, and so is its gradient.

The Hessian uses the covariance of ``softmax F`` for the loss, which is exact for class
labels and an upper bound for label sets, whose own Hessian can be indefinite, and the
exact curvature of the gate. Where the latter makes it indefinite, it is left out.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from sklearn_logitprod.fusion.gate import masked_softmax
from sklearn_logitprod.fusion.likelihood import set_loss_gradient
from sklearn_logitprod.fusion.pool import stacked_correction
from sklearn_logitprod.training.curvature import Scratch, product_hessian
from sklearn_logitprod.training.optimise import Solution
from sklearn_logitprod.training.prior import MAX_LOG_SHARPNESS

_MAX_STEP = 1.5
_WIDEST = 500.0


class ConstantObjective:
    """Objective of one head with constant weights, with or without correction.

    Parameters
    ----------
    data : FitData
    weight : ndarray of shape (n_samples,)
        Sample weights divided by the design effect.
    layout : Layout
    spec : HeadSpec
    correlation : ndarray of shape (n_experts, n_experts) or None
        Correlation of the experts' losses, for the diversity penalty.
    """

    def __init__(self, data, weight, layout, spec, correlation=None):
        self.data, self.weight, self.layout, self.spec = data, weight, layout, spec
        self.correlation = correlation
        self._scratch = Scratch()

    def value_gradient(self, theta):
        """Objective, prior included, and its gradient at parameters ``theta``."""
        return self._evaluate(theta, second_order=False)[:2]

    def value_gradient_hessian(self, theta):
        """Objective, gradient, Hessian without and with the curvature of the gate.

        The layout must have no correction; the diversity penalty is not in the Hessian.
        """
        value, gradient, hessian, curvature = self._evaluate(theta, second_order=True)
        hessian[np.diag_indices(len(theta))] += self.layout.precision
        return value, gradient, hessian, hessian + curvature

    def _evaluate(self, theta, second_order):
        groups = self.layout.split(theta)
        size, offset = len(theta), theta - self.layout.centre
        gradient = self.layout.precision * offset
        value = 0.5 * (gradient @ offset)
        hessian = np.zeros((size, size)) if second_order else None
        curvature = np.zeros((size, size)) if second_order else None
        for block in self.data:
            weight = self.weight[block.rows]
            if not weight.any():
                continue
            state = _BlockState(self, block, weight, groups)
            value += state.value
            gradient += state.gradient()
            if second_order:
                hessian += state.hessian(self._scratch)
                n_gate = len(groups["bias"]) + self.spec.calibrate
                curvature[:n_gate, :n_gate] += state.curvature()
        return value, gradient, hessian, curvature


class _BlockState:
    """One block at one point: value at once, derivatives on demand.

    Arrays here have the samples last, as they lie in memory.
    """

    def __init__(self, objective, block, weight, groups):
        self.objective, self.columns, self.weight = objective, block.columns, weight
        self.groups, self.spec = groups, objective.spec
        columns, spec = block.columns, objective.spec
        n_samples, n_columns, n_classes = columns.log_proba.shape
        self.log_proba = columns.log_proba.transpose(1, 2, 0)
        self.flat = self.log_proba.reshape(n_columns, n_classes * n_samples)
        tilted = groups["bias"][None] / spec.temperature
        # wild trial steps must not round the weight of a row's only column to 0
        tilted = np.maximum(tilted, tilted.max() - _WIDEST)
        self.gate = masked_softmax(tilted, np.ones_like(tilted, dtype=bool))[0]
        self.mass = None if columns.complete else columns.present @ self.gate
        self.sharpness = 1.0
        if spec.calibrate:
            limit = MAX_LOG_SHARPNESS
            self.sharpness = np.exp(np.clip(groups["log_sharpness"][0], -limit, limit))
        self.product = (self.gate @ self.flat).reshape(n_classes, n_samples)
        if self.mass is not None:
            self.product /= self.mass
        scores = self.sharpness * self.product
        if spec.calibrate:
            scores += groups["class_bias"][:, None]
        self.centred = None
        if "correction" in groups:
            self.centred = columns.centred
            scores += (self.centred @ stacked_correction(groups["correction"])).T
        loss, slope, proba = set_loss_gradient(scores.T, block.sets)
        self.slope, self.proba = slope.T * weight, proba.T
        self.value = weight @ loss
        if objective.correlation is not None:
            own, pull = self._diversity()
            self.value += spec.diversity * (weight @ (own * pull).sum(axis=1))

    def _diversity(self):
        own = (self.columns.present * self.gate)[:, : self.columns.n_experts]
        if self.mass is not None:
            own /= self.mass[:, None]
        return own, own @ self.objective.correlation

    def gate_slope(self):
        """Derivative of the value in ``b / temperature``: (n_columns,)."""
        slope = self.sharpness * self.slope
        along = (slope * self.product).sum(axis=0)
        if self.mass is not None:
            out = self.flat @ (slope / self.mass).ravel()
            out -= (along / self.mass) @ self.columns.present
        else:
            out = self.flat @ slope.ravel() - along.sum()
        if self.objective.correlation is not None:
            own, pull = self._diversity()
            pull *= 2.0 * self.spec.diversity * self.weight[:, None]
            inner = (own * pull).sum(axis=1)
            share = np.ones(len(inner)) if self.mass is None else 1.0 / self.mass
            present = self.columns.present
            out[: self.columns.n_experts] += share @ (pull * present[:, : self.columns.n_experts])
            out -= (share * inner) @ present
        return self.gate * out

    def gradient(self):
        """Gradient in the parameters, in the order of the layout."""
        parts = {"bias": self.gate_slope() / self.spec.temperature}
        if self.spec.calibrate:
            parts["log_sharpness"] = self.sharpness * np.sum(self.slope * self.product).reshape(1)
            parts["class_bias"] = self.slope.sum(axis=1)
        if self.centred is not None:
            n_classes = len(self.slope)
            wide = (self.slope @ self.centred).reshape(n_classes, -1, n_classes)
            parts["correction"] = wide.transpose(1, 0, 2)
        return np.concatenate([parts[name].ravel() for name in self.groups])

    def curvature(self):
        """Second derivative of F in bias and log sharpness, times the slope of the loss."""
        slope, present, gate = self.sharpness * self.slope, self.columns.present, self.gate
        along = (slope * self.product).sum(axis=0)
        if self.mass is None:
            pull = gate * (self.flat @ slope.ravel() - along.sum())
            block = np.diag(pull) - np.outer(pull, gate) - np.outer(gate, pull)
        else:
            per_row = np.einsum("ckn,kn->cn", self.log_proba, slope) - present.T * along
            per_row *= gate[:, None] / self.mass
            pull = per_row.sum(axis=1)
            cross = (per_row / self.mass) @ (present * gate)
            block = np.diag(pull) - cross - cross.T
        block /= self.spec.temperature**2
        if not self.spec.calibrate:
            return block
        out = np.empty((len(gate) + 1, len(gate) + 1))
        out[:-1, :-1] = block
        out[:-1, -1] = out[-1, :-1] = pull / self.spec.temperature
        out[-1, -1] = along.sum()
        return out

    def hessian(self, scratch):
        """Sum of ``J^T (diag p - p p^T) J`` over the rows, in the order of the layout."""
        gate = self.gate[:, None]
        if self.mass is not None:
            gate = gate * self.columns.present.T / self.mass
        return product_hessian(
            self.log_proba,
            gate,
            self.product,
            self.sharpness,
            self.spec,
            self.proba,
            self.weight,
            scratch,
        )


def newton(objective, tol, max_iter, n_effective):
    """Minimise the objective of constant weights from the centre of the priors.

    Parameters
    ----------
    objective : ConstantObjective
        Without correction and diversity penalty.
    tol : float
        Stop once the step can gain at most ``tol`` nats per effective sample.
    max_iter : int
    n_effective : float
        Sum of the objective's sample weights.

    Returns
    -------
    Solution
    """
    theta, curve = objective.layout.centre.copy(), []
    value, gradient, *hessians = objective.value_gradient_hessian(theta)
    for _ in range(max_iter):
        curve.append(value / n_effective)
        step = -_solve(gradient, *hessians)
        decrement = -(gradient @ step) / 2.0
        if decrement <= tol * n_effective:
            # the step still gains, and convergence is quadratic: it is the last one needed
            return Solution(theta + step, curve, True)
        length = min(1.0, _MAX_STEP / np.abs(step).max())
        while True:
            trial = theta + length * step
            new = objective.value_gradient_hessian(trial)
            if new[0] <= value - 0.5 * length * decrement:
                break
            length /= 2.0
            if length < 1e-10:
                return Solution(theta, curve, False)
        theta, (value, gradient, *hessians) = trial, new
    return Solution(theta, curve, False)


def _solve(gradient, hessian, curved):
    """Newton direction, with the curvature of the gate where that is positive definite."""
    try:
        factor = cho_factor(curved)
    except LinAlgError:
        factor = cho_factor(hessian)
    return cho_solve(factor, gradient)
