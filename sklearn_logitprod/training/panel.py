"""Constant weights of all labels of a panel, solved side by side under shared priors.

For one label the product of experts is a logistic model in their log-odds ``z_c``:

    logit p(x) = s * sum_c w_c(x) z_c(x) + d [+ sum_m u_m z_m(x)]

with ``w`` the softmax of ``b / temperature`` over the columns present. Label l has parameters
``theta_l = (b, log s, d, u)`` of its own, and the panel minimises

    sum_l sum_i v_il loss_il / deff_l + 1/2 sum_l |theta_l - mu|^2_T + 1/2 |mu|^2_P

over all ``theta_l`` and the *centre* ``mu`` that labels have in common: the mode of a
hierarchical model. ``T`` says how far labels may differ, ``P`` how far their centre may lie from
equal weights. The correction has its centre at 0. Newton steps are exact in
``theta`` and ``mu`` together: the Hessian is an arrow, one block a label.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import expit, softmax

from sklearn_logitprod.fusion.gate import Gate
from sklearn_logitprod.fusion.pool import Head
from sklearn_logitprod.training.prior import MAX_LOG_SHARPNESS, HeadSpec

# of a bias or of log sharpness: farther off, the quadratic approximation describes nothing
_MAX_STEP = 1.5
_ROUNDING = 1e-14
_SHORTEST = 1e-10


@dataclass(frozen=True)
class PanelSpec:
    """Priors of constant weights on a panel.

    Attributes
    ----------
    within : float or None
        How much more firmly weights and sharpness of labels are held to their centre than the
        centre to equal weights; None fixes the centre there: every label on its own.
    strength : float
        Factor on all prior precisions.
    correction : float or None
        Prior precision of the cross-class correction, which adds ``sum_m u_m z_m``; None leaves
        it out.
    temperature : float
    calibrate : bool
        Whether sharpness and class bias are fitted.
    """

    within: float | None = None
    strength: float = 1.0
    correction: float | None = None
    temperature: float = 1.0
    calibrate: bool = True

    def describe(self):
        """Short name, as it stands in ``selection_``."""
        parts = ["constant"]
        if self.within is not None:
            parts.append(f"shared={self.within:g}")
        if self.correction is not None:
            parts.append(f"cross_class={self.correction:g}")
        if self.strength != 1.0:
            parts.append(f"strength={self.strength:g}")
        return ", ".join(parts)


@dataclass(frozen=True, eq=False)
class PanelRows:
    """What the panel's objective reads.

    Attributes
    ----------
    log_odds : ndarray of shape (n_labels, n_columns, n_samples)
        Of experts and linear pool; 0 where missing or not tested.
    present : ndarray of shape (n_labels, n_columns, n_samples), bool, or None
        None if nothing is missing where a label was tested.
    outcome : ndarray of shape (n_labels, n_samples)
        0 or 1; 0 where not tested.
    n_experts : int
    """

    log_odds: np.ndarray
    present: np.ndarray | None
    outcome: np.ndarray
    n_experts: int

    @classmethod
    def of(cls, parts, rows, n_samples):
        """Rows of fit data of each label.

        Parameters
        ----------
        parts : list of FitData
            One a label.
        rows : list of ndarray of int
            Where the rows of each lie in the panel.
        n_samples : int
            Of the panel.

        Returns
        -------
        PanelRows
        """
        n_columns = parts[0].n_columns
        log_odds = np.zeros((len(parts), n_columns, n_samples))
        present = np.ones(log_odds.shape, dtype=bool)
        outcome = np.zeros((len(parts), n_samples))
        for label, (data, own) in enumerate(zip(parts, rows, strict=True)):
            for block in data:
                where = own[block.rows]
                log_proba = block.columns.log_proba
                log_odds[label][:, where] = (log_proba[:, :, 1] - log_proba[:, :, 0]).T
                present[label][:, where] = block.columns.present.T
                outcome[label, where] = block.likelihood.labels
        return cls(log_odds, None if present.all() else present, outcome, parts[0].n_experts)

    @cached_property
    def extended(self):
        """Log-odds of the columns, and 1: (n_labels, n_columns + 1, n_samples)."""
        ones = np.ones((len(self.log_odds), 1, self.log_odds.shape[2]))
        return np.concatenate([self.log_odds, ones], axis=1)

    @property
    def n_labels(self):
        """Number of labels."""
        return len(self.log_odds)

    @property
    def n_columns(self):
        """Number of experts, and one more with the linear pool."""
        return self.log_odds.shape[1]

    def one_column(self, log_odds):
        """The same outcomes beside one column (n_labels, n_samples) that is always there."""
        return replace(self, log_odds=log_odds[:, None], present=None, n_experts=1)


@dataclass(frozen=True, eq=False)
class PanelSolution:
    """Parameters of all labels.

    Attributes
    ----------
    spec : PanelSpec
    theta : ndarray of shape (n_labels, size)
        Gate bias, log sharpness, class bias as a shift of the log-odds, correction.
    centre : ndarray of shape (size,)
        What labels have in common.
    curve : list of float
        Objective at each iteration.
    converged : bool
    """

    spec: PanelSpec
    theta: np.ndarray
    centre: np.ndarray
    curve: list
    converged: bool

    def head(self, label, rows):
        """Head of a label, as any pool of two classes has them."""
        bias, log_sharpness, shift, extra = _split(self.theta[label], rows.n_columns)
        correction = None
        if len(extra):
            # the matrix of the smallest norm with which F_1 - F_0 moves by u z
            correction = 0.5 * extra[:, None, None] * np.array([[1.0, -1.0], [-1.0, 1.0]])
        return Head(
            Gate(bias.copy(), self.spec.temperature),
            float(log_sharpness),
            0.5 * float(shift) * np.array([-1.0, 1.0]),
            correction,
        )


def _split(theta, n_columns):
    """Gate bias, log sharpness, shift and correction of parameters (..., size)."""
    sharpness = np.clip(theta[..., n_columns], -MAX_LOG_SHARPNESS, MAX_LOG_SHARPNESS)
    return theta[..., :n_columns], sharpness, theta[..., n_columns + 1], theta[..., n_columns + 2 :]


@dataclass(frozen=True, eq=False)
class _Priors:
    """Precisions of labels around the centre and of the centre, and what is fixed: (size,)."""

    within: np.ndarray
    centre: np.ndarray
    # a centre that is fixed, and parameters that are
    held: np.ndarray
    frozen: np.ndarray

    @classmethod
    def of(cls, spec, n_columns, n_experts):
        own = HeadSpec()
        size = n_columns + 2 + (0 if spec.correction is None else n_experts)
        base = np.full(size, 0.0 if spec.correction is None else spec.correction)
        base[:n_columns] = own.bias_prior
        base[n_columns] = own.sharpness_prior
        # the precision of two class biases of opposite sign, written for their difference
        base[n_columns + 1] = 0.5 * own.class_bias_prior
        base *= spec.strength
        within = base.copy()
        held = np.ones(size, dtype=bool)
        if spec.within is not None:
            held[: n_columns + 1] = False
            within[: n_columns + 1] *= spec.within
            # labels differ in their base rates as much as tasks do, but a bias that sharpness
            # asks for is the same for all of them
            held[n_columns + 1] = False
        frozen = np.zeros(size, dtype=bool)
        if not spec.calibrate:
            frozen[n_columns : n_columns + 2] = True
        return cls(within, base, held | frozen, frozen)


def solve_panel(rows, weight, spec, limit, max_iter, start=None):
    """Minimise the panel's objective.

    Parameters
    ----------
    rows : PanelRows
    weight : ndarray of shape (n_labels, n_samples)
        Sample weights over the design effect of each label; 0 where not tested.
    spec : PanelSpec
    limit : float
        Nats in total that may be left to gain.
    max_iter : int
    start : PanelSolution, optional
        Of the same specification.

    Returns
    -------
    PanelSolution
    """
    priors = _Priors.of(spec, rows.n_columns, rows.n_experts)
    size = len(priors.within)
    theta = np.zeros((rows.n_labels, size)) if start is None else start.theta.copy()
    centre = np.zeros(size) if start is None else start.centre.copy()

    def held_value(theta, centre):
        off = theta - centre
        return 0.5 * float((off**2 @ priors.within).sum() + centre**2 @ priors.centre)

    def at(theta, centre):
        state = _evaluate(rows, weight, spec, theta)
        return state, state[0].sum() + held_value(theta, centre)

    state, value = at(theta, centre)
    curve, converged = [], False
    for _ in range(max_iter):
        curve.append(float(value))
        step, centre_step, gain = _newton_step(state, theta, centre, priors)
        if gain <= limit:
            # the step still gains, and convergence is quadratic: it is the last one needed
            theta, centre, converged = theta + step, centre + centre_step, True
            break
        largest = max(np.abs(step).max(), np.abs(centre_step).max())
        length = min(1.0, _MAX_STEP / largest)
        while length > _SHORTEST:
            new = at(theta + length * step, centre + length * centre_step)
            if new[1] <= value - 1e-4 * length * gain + _ROUNDING * abs(value):
                break
            length *= 0.5
        else:
            break
        theta, centre = theta + length * step, centre + length * centre_step
        state, value = new
    return PanelSolution(spec, theta, centre, curve, converged)


def _newton_step(state, theta, centre, priors):
    """Step of all labels and of the centre, and half of what it gains to first order."""
    _, slope, hessian, curvature = state
    matrix = hessian + np.diag(priors.within)
    # the curvature of the gate where that leaves a label's block positive definite
    whole = matrix + curvature
    lowest = np.linalg.eigvalsh(whole)[:, 0]
    whole = np.where((lowest > _ROUNDING * np.abs(whole).max())[:, None, None], whole, matrix)
    # what priors alone make definite for each label need not be so for all of them together
    step = _arrow_step(whole, slope, theta, centre, priors)
    return step if step[2] > 0.0 else _arrow_step(matrix, slope, theta, centre, priors)


def _arrow_step(matrix, slope, theta, centre, priors):
    """Newton step for blocks of the labels, which gains nothing if the whole is indefinite."""
    frozen, held = priors.frozen, priors.held
    off = (theta - centre) * priors.within
    slope = np.where(frozen, 0.0, slope + off)
    if frozen.any():
        matrix = matrix.copy()
        matrix[:, frozen] = 0.0
        matrix[:, :, frozen] = 0.0
        matrix[:, frozen, frozen] = 1.0
    pull = np.diag(priors.within)
    solved = np.linalg.solve(
        matrix, np.concatenate([slope[:, :, None], np.broadcast_to(pull, matrix.shape)], axis=2)
    )
    own, follow = -solved[:, :, 0], solved[:, :, 1:]
    follow[:, frozen] = 0.0
    # Schur complement of the labels: what is left of the objective in the centre
    drift = np.where(held, 0.0, priors.centre * centre - off.sum(axis=0))
    reduced = np.diag(priors.centre + len(theta) * priors.within) - (pull @ follow).sum(axis=0)
    right = -(drift - priors.within * own.sum(axis=0))
    right[held] = 0.0
    reduced[held] = 0.0
    reduced[:, held] = 0.0
    reduced[held, held] = 1.0
    centre_step = np.linalg.solve(reduced, right)
    if np.linalg.eigvalsh(0.5 * (reduced + reduced.T))[0] <= 0.0:
        return own, centre_step, 0.0
    step = own + follow @ centre_step
    gain = -0.5 * float((slope * step).sum() + drift @ centre_step)
    return step, centre_step, gain


def panel_scores(rows, solution):
    """Log-odds of all rows: (n_labels, n_samples)."""
    spec, n_columns = solution.spec, rows.n_columns
    bias, log_sharpness, shift, extra = _split(solution.theta, n_columns)
    _, product = _product(rows, bias / spec.temperature)
    scores = np.exp(log_sharpness)[:, None] * product + shift[:, None]
    if extra.shape[1]:
        scores += np.einsum("lm,lmn->ln", extra, rows.log_odds[:, : rows.n_experts])
    return scores


def _product(rows, tilted):
    """Weights (n_labels, n_columns, n_samples or 1) and weighted log-odds (n_labels, n_samples)."""
    gate = softmax(tilted, axis=1)[:, :, None]
    if rows.present is None:
        return gate, (gate.transpose(0, 2, 1) @ rows.log_odds)[:, 0]
    weights = gate * rows.present
    # wild trial steps must not round the weight of a row's only column to 0
    mass = np.maximum(weights.sum(axis=1, keepdims=True), 1e-200)
    weights /= mass
    return weights, (weights * rows.log_odds).sum(axis=1)


def _evaluate(rows, weight, spec, theta):
    """Loss of each label, gradient, Gauss-Newton Hessian, and curvature of the gate."""
    n_columns, size = rows.n_columns, theta.shape[1]
    bias, log_sharpness, shift, extra = _split(theta, n_columns)
    sharpness = np.exp(log_sharpness)[:, None]
    weights, product = _product(rows, bias / spec.temperature)
    scaled = sharpness * product
    scores = scaled + shift[:, None]
    if extra.shape[1]:
        scores += np.einsum("lm,lmn->ln", extra, rows.log_odds[:, : rows.n_experts])
    value = (weight * (np.logaddexp(0.0, scores) - rows.outcome * scores)).sum(axis=1)
    proba = expit(scores)
    slope = weight * (proba - rows.outcome)
    spread = weight * proba * (1.0 - proba)
    if rows.present is None:
        # derivatives are linear in the columns, by the same map on all rows
        jacobian = _linear_map(weights[:, :, 0], sharpness[:, 0], spec.temperature, size, rows)
        inputs = rows.extended
    else:
        jacobian = np.broadcast_to(np.eye(size), (len(theta), size, size))
        inputs = np.empty((len(theta), size, rows.log_odds.shape[2]))
        np.subtract(rows.log_odds, product[:, None], out=inputs[:, :n_columns])
        inputs[:, :n_columns] *= weights * (sharpness[:, None] / spec.temperature)
        inputs[:, n_columns] = scaled
        inputs[:, n_columns + 1] = 1.0
        inputs[:, n_columns + 2 :] = rows.log_odds[:, : rows.n_experts][:, : extra.shape[1]]
    gradient = (jacobian @ (inputs @ slope[:, :, None]))[:, :, 0]
    gram = (inputs * spread[:, None]) @ inputs.transpose(0, 2, 1)
    hessian = jacobian @ gram @ jacobian.transpose(0, 2, 1)
    curvature = np.zeros_like(hessian)
    pull = gradient[:, :n_columns]
    if rows.present is None:
        cross = pull[:, :, None] * weights.transpose(0, 2, 1)
    else:
        cross = (inputs[:, :n_columns] * slope[:, None]) @ weights.transpose(0, 2, 1)
    block = pull[:, :, None] * np.eye(n_columns) - cross - cross.transpose(0, 2, 1)
    curvature[:, :n_columns, :n_columns] = block / spec.temperature
    curvature[:, :n_columns, n_columns] = curvature[:, n_columns, :n_columns] = pull
    curvature[:, n_columns, n_columns] = (slope * scaled).sum(axis=1)
    return value, gradient, hessian, curvature


def _linear_map(gate, sharpness, temperature, size, rows):
    """From log-odds of the columns and 1 to derivatives of the scores, where none is missing.

    Returns
    -------
    ndarray of shape (n_labels, size, n_columns + 1)
    """
    n_columns = rows.n_columns
    out = np.zeros((len(gate), size, n_columns + 1))
    own = np.eye(n_columns) - gate[:, None]
    out[:, :n_columns, :n_columns] = own * (gate * (sharpness / temperature)[:, None])[:, :, None]
    out[:, n_columns, :n_columns] = gate * sharpness[:, None]
    out[:, n_columns + 1, n_columns] = 1.0
    if size > n_columns + 2:
        out[:, n_columns + 2 :, : rows.n_experts] = np.eye(rows.n_experts)
    return out
