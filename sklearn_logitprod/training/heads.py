"""Fit one head: the constant pool first, then whatever it lacks, in its metric."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sklearn_logitprod.training.constant import ConstantObjective, newton
from sklearn_logitprod.training.curvature import head_curvature
from sklearn_logitprod.training.data import design_effect, loss_correlation
from sklearn_logitprod.training.optimise import (
    Coordinates,
    Dense,
    Kronecker,
    Moment,
    Scaled,
    minimise_lbfgs,
)
from sklearn_logitprod.training.prior import make_head, make_layout


@dataclass(frozen=True)
class Settings:
    """How a fit is solved.

    Attributes
    ----------
    solver : {"lbfgs", "adam"}
    max_iter : int
        Iterations of L-BFGS, or passes over the data of Adam.
    tol : float
        Nats per sample.
    batch_size : int or "auto"
        Rows of a mini-batch; "auto" is full batch while the data fit in memory.
    device : str
        "auto", "cpu" or a CUDA device; where gates are trained.
    seed : int
        Seeds hidden layers and mini-batches.
    """

    solver: str = "lbfgs"
    max_iter: int = 300
    tol: float = 1e-7
    batch_size: int | str = "auto"
    device: str = "auto"
    seed: int = 0


@dataclass(frozen=True)
class FittedHead:
    """A head with the course of its fit."""

    head: object
    curve: list
    converged: bool


def fit_head(data, weight, spec, settings, solved=None):
    """Fit one head on weighted rows.

    The constant pool (bias, sharpness, class bias) is solved exactly; a gate, a
    correction and a diversity penalty are then fitted together with it by L-BFGS, in
    coordinates made from the constant pool's curvature.

    Parameters
    ----------
    data : FitData
    weight : ndarray of shape (n_samples,)
        Sample weights; rows of weight 0 (a held-out fold) play no part at all.
    spec : HeadSpec
    settings : Settings
    solved : dict, optional
        Constant pools of these data and weights that are solved already, by their
        specification; this fit's is added.

    Returns
    -------
    FittedHead
    """
    weight = weight / design_effect(data.centre_losses, weight, data.groups)
    n_effective = weight.sum()
    # what a constant pool does not have must not tell two of them apart
    base = replace(spec, gate_width=None, alpha=0.0, cross_class=None, diversity=0.0)
    base_layout = _layout(data, base, 0, settings)
    solved = {} if solved is None else solved
    if base not in solved:
        objective = ConstantObjective(data, weight, base_layout, base)
        solved[base] = newton(objective, settings.tol, settings.max_iter, n_effective)
    solution = solved[base]
    if spec.gate_width is None and spec.cross_class is None and spec.diversity == 0.0:
        return _fitted(solution, solution.curve, base_layout, spec, data)

    correlation = None
    if spec.diversity > 0.0:
        correlation = loss_correlation(*data.expert_losses(), weight)
    standardiser, n_features = None, 0
    if spec.gate_width is not None:
        standardiser = data.standardiser(weight)
        n_features = len(standardiser.centre)
    layout = _layout(data, spec, n_features, settings)
    origin = layout.centre.copy()
    origin[: base_layout.size] = solution.theta
    metric = Metric(data, weight, spec, layout, base_layout.size, standardiser, origin)
    if spec.gate_width is None:
        objective = ConstantObjective(data, weight, layout, spec, correlation)
        solution = minimise_lbfgs(objective.value_gradient, metric, origin, n_effective, settings)
    else:
        # torch is imported here, when a gate is trained, and nowhere before
        from sklearn_logitprod.training.network import fit_gate

        solution = fit_gate(
            data, weight, layout, spec, standardiser, correlation, metric, origin, settings
        )
    # what comes on top starts at nothing, where its objective is the constant pool's
    curve = solved[base].curve + solution.curve
    return _fitted(solution, curve, layout, spec, data, standardiser)


def _layout(data, spec, n_features, settings):
    return make_layout(
        spec,
        data.n_columns,
        data.n_experts,
        data.n_classes,
        n_features,
        np.random.RandomState(settings.seed),
    )


def _fitted(solution, curve, layout, spec, data, standardiser=None):
    head = make_head(solution.theta, layout, spec, data.n_classes, standardiser)
    return FittedHead(head, curve, solution.converged)


class Metric:
    """Coordinates at any point of a head's parameters, from the curvature there.

    Parameters
    ----------
    data : FitData
    weight : ndarray of shape (n_samples,)
    spec : HeadSpec
    layout : Layout
    n_base : int
        Number of leading parameters: bias, log sharpness, class bias.
    standardiser : Standardiser or None
    origin : ndarray of shape (n_parameters,)
        Where the second moments of a hidden layer are taken.
    """

    def __init__(self, data, weight, spec, layout, n_base, standardiser, origin):
        self.data, self.weight, self.spec, self.layout = data, weight, spec, layout
        self.n_base, self.standardiser = n_base, standardiser
        hidden = layout.split(origin)
        self._centred, self._inputs = None, None
        if "correction" in hidden:
            self._centred = Moment(self._second_moment(lambda block: block.columns.centred))
        if "output" in hidden:
            gate = make_head(origin, layout, spec, data.n_classes, standardiser).gate
            self._inputs = Moment(self._second_moment(lambda block: gate.inputs(block.features)))

    def _second_moment(self, inputs):
        total = 0.0
        for block in self.data:
            own = inputs(block)
            total = total + (own.T * self.weight[block.rows]) @ own
        return total

    def __call__(self, theta):
        """Coordinates around ``theta``."""
        spec, layout, n_base = self.spec, self.layout, self.n_base
        head = make_head(theta, layout, spec, self.data.n_classes, self.standardiser)
        hessian, spread = head_curvature(self.data, self.weight, head, spec)
        n_columns = self.data.n_columns
        outputs = hessian[:n_columns, :n_columns] / self.weight.sum()
        base = hessian + np.diag(layout.precision[:n_base])
        parts = [(slice(0, n_base), Dense(base))]
        position = layout.split(np.arange(layout.size))
        if "correction" in position:
            # correction[m, k, j] as the matrix of (m, j) by k that the centred columns meet
            where = position["correction"].transpose(0, 2, 1).ravel()
            prior = spec.strength * spec.cross_class
            parts.append((where, Kronecker(self._centred, spread, prior)))
        if "hidden" in position:
            where = np.concatenate([position["hidden"].ravel(), position["offset"]])
            parts.append((where, Scaled(layout.precision[where])))
        if "output" in position:
            where = position["output"].ravel()
            prior = spec.strength * spec.alpha
            outputs = outputs / np.exp(2.0 * head.log_sharpness)
            parts.append((where, Kronecker(self._inputs, outputs, prior)))
        return Coordinates(theta, parts)
