"""Fit heads: the constant pool first, then whatever they lack, in its metric."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sklearn_logitprod.training.constant import ConstantObjective, newton
from sklearn_logitprod.training.coordinates import Coordinates, Dense, Kronecker, Scaled
from sklearn_logitprod.training.curvature import head_curvature, linear_gate_hessian, with_curvature
from sklearn_logitprod.training.lbfgs import Solution, Start, minimise
from sklearn_logitprod.training.problems import Problems

# The mean loss of predictions moves by about the root of what is left to gain, over the
# number of samples: this factor settles it to the tolerance on the tasks that were tried.
_GAP = 0.15

# From this gap per effective sample on, rounding in float32 is no matter.
_SINGLE = 1e-6

# many rows are solved on a part of them first; a part of fewer has a solution of its own
_LEAST_RATIO, _PART_ROWS = 4, 1 << 15
# per parameter of a gate, for the same reason
_ROWS_PER_PARAMETER = 10
# nats in total: by how much more the solutions of a part and of the whole differ anyway
_PART_LIMIT = 1.0
# parameters up to which the whole Hessian of a part costs less than the steps that it saves
_MOST_DENSE = 512


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
        Seeds mini-batches and the rows on which candidates are compared.
    """

    solver: str = "lbfgs"
    max_iter: int = 300
    tol: float = 1e-7
    batch_size: int | str = "auto"
    device: str = "auto"
    seed: int = 0


@dataclass(frozen=True)
class FittedHead:
    """A head with the course of its fit, in nats per effective sample."""

    head: object
    curve: list
    converged: bool


@dataclass(frozen=True)
class Solved:
    """Heads of one layout, solved: problem ``part * n_specs + position`` for each."""

    problems: Problems
    solution: Solution
    objective: object = None

    def head(self, problem):
        """Head of a problem."""
        return self.problems.head(problem, self.solution.theta[problem])

    def scores(self):
        """Fused scores of all problems: (n_problems, n_samples, n_classes)."""
        if self.objective is not None:
            return self.objective.scores(self.solution.theta, np.arange(len(self.problems)))
        data = self.problems.data
        return data.scores([self.head(problem) for problem in range(len(self.problems))])


class Trainer:
    """Fits heads on one data set, under one or several sets of sample weights.

    Parameters
    ----------
    data : FitData
    weights : ndarray of shape (n_parts, n_samples)
        Sample weights of each part; rows of weight 0 (a held-out fold) play no role.
    settings : Settings
    loose : callable, optional
        ``loose(spec)`` gives the distance to the optimum at which a fit may end whatever
        the tolerance says, in nats in total.
    near : Trainer, optional
        Of one part, solved for the same specifications: fits start from its solutions. If not
        given, fits under one set of weights on very many rows make one of their own.
    same_data : bool
        Whether that neighbour was solved on these very data, under other weights. Its Hessian
        is then good in any fold of them, and fits start from its coordinates and memory, too;
        of other rows, or rows read by another calibration, only the solution is near.
    effects : ndarray of shape (n_parts,), optional
        Design effects; measured if not given.
    """

    def __init__(
        self, data, weights, settings, loose=None, near=None, same_data=False, effects=None
    ):
        self.data, self.settings = data, settings
        # dependent rows say less than their number; 0 on held-out rows stays 0
        if effects is None:
            effects = np.array([data.design_effect(weight) for weight in weights])
        self.weights = weights / effects[:, None]
        self._loose = loose
        self._bases, self._solved = {}, {}
        self._standardisers = self._correlations = None
        self._part = self._on_part() if near is None and len(weights) == 1 else None
        self.near = near if self._part is None else self._part
        self.same_data = same_data or self._part is not None

    def _on_part(self):
        """Trainer of a part of very many rows that weigh as much as all; None for fewer."""
        n_samples = self.data.n_samples
        if n_samples < _LEAST_RATIO * _PART_ROWS:
            return None
        # most steps are to get near, which a part of the rows tells, at a part of the cost; and
        # what it says of the curvature is as good
        rows = np.arange(0, n_samples, n_samples // _PART_ROWS)
        weights = self.weights[:, rows]
        mass = weights.sum()
        if not mass > 0.0:
            return None
        weights = weights * (self.weights.sum() / mass)
        part, free = self.data.subset(rows), np.ones(1)
        return Trainer(part, weights, self.settings, lambda spec: _PART_LIMIT, effects=free)

    def fit(self, specs):
        """Solve heads of one layout under all sets of weights.

        Parameters
        ----------
        specs : sequence of HeadSpec
            Which differ in priors and temperature alone.

        Returns
        -------
        Solved
        """
        key = tuple(specs)
        # the path asks for the same batch again: for shares, and for the refit that is mixed
        if key not in self._solved:
            if all(_is_constant(spec) for spec in specs):
                self._solved[key] = self._constant(key)
            elif self._few_corrections(specs[0]):
                self._solved[key] = self._corrected(key)
            else:
                self._solved[key] = self._extend(key)
        return self._solved[key]

    def fitted(self, specs, position=0):
        """The fitted head of one of these specifications on the first part."""
        solved, spec = self.fit(specs), specs[position]
        curve = solved.solution.curves[position]
        if not _is_constant(spec) and not self._few_corrections(spec):
            # what comes on top starts at nothing, where its objective is the constant pool's
            curve = self._base([spec])[0].curves[0] + curve
        curve = [value / solved.problems.n_effective[position] for value in curve]
        return FittedHead(solved.head(position), curve, bool(solved.solution.converged[position]))

    def _limit(self, problems):
        scale = self.settings.tol * problems.n_effective
        # what is left to gain is quadratic in how far predictions still move
        limit = np.minimum(_GAP * scale**2, scale)
        if self._loose is None:
            return limit
        return np.maximum(limit, self._loose(problems.specs[0]))

    def _base(self, specs):
        """Constant pools of specifications, solved exactly, and their Hessians."""
        bases = [_base(spec) for spec in specs]
        new = [base for base in dict.fromkeys(bases) if base not in self._bases]
        n_parts = len(self.weights)
        if new:
            problems = Problems(self.data, self.weights, new)
            solution, hessian = self._solve_constant(problems)
            for i, base in enumerate(new):
                self._bases[base] = [
                    (solution.theta[j], solution.curves[j], solution.converged[j], hessian[j])
                    for j in range(i, len(problems), len(new))
                ]
        every = [self._bases[base][part] for part in range(n_parts) for base in bases]
        theta, curves, converged, hessian = zip(*every, strict=True)
        return Solution(np.array(theta), list(curves), np.array(converged)), np.array(hessian)

    def _solve_constant(self, problems):
        """Constant pools by Newton's method, or from those of a near trainer."""
        objective, limit = ConstantObjective(problems), self._limit(problems)
        max_iter, n_parts = self.settings.max_iter, len(self.weights)
        # so few parameters that Newton steps can afford the whole Hessian; gates and corrections
        # start from there, and in a fit without a neighbour in the metric of that Hessian
        if self.near is None:
            origin = np.tile(problems.layout.centre, (len(problems), 1))
            return newton(objective, origin, limit, max_iter)
        solution, hessian = self.near._base(problems.specs)
        origin, hessian = np.tile(solution.theta, (n_parts, 1)), np.tile(hessian, (n_parts, 1, 1))
        if not self.same_data:
            return newton(objective, origin, limit, max_iter)
        # the Hessian of all rows is near enough to that of a fold to take few steps
        prior = problems.precision[:, :, None] * np.eye(origin.shape[1])
        coordinates = Coordinates([(slice(0, origin.shape[1]), Dense(hessian + prior))])
        start = Start.cold(origin, coordinates)
        return minimise(objective, Metric(problems), start, limit, max_iter), hessian

    def _constant(self, specs):
        problems = Problems(self.data, self.weights, list(specs))
        return Solved(problems, self._base(specs)[0], ConstantObjective(problems))

    def _few_corrections(self, spec):
        """Whether constant weights with a correction have as few parameters as without."""
        return self.data.n_free == 1 and _is_constant(replace(spec, cross_class=None))

    def _corrected(self, specs):
        """Constant weights with a correction of the one free score, by Newton's method."""
        problems = Problems(self.data, self.weights, list(specs))
        objective = ConstantObjective(problems)
        origin = np.tile(problems.layout.centre, (len(problems), 1))
        if self.near is not None:
            origin = np.tile(self.near.fit(specs).solution.theta, (len(self.weights), 1))
        solution, _ = newton(objective, origin, self._limit(problems), self.settings.max_iter)
        return Solved(problems, solution, objective)

    def _extend(self, specs):
        """Heads with more than constant weights, from their constant pools."""
        spec = specs[0]
        problems = Problems(
            self.data,
            self.weights,
            list(specs),
            self._all_standardisers() if spec.gate_width is not None else None,
            self._all_correlations() if spec.diversity > 0.0 else None,
        )
        near = self._neighbour(problems)
        on_part = near is not None and near is self._part
        warm_start = near is not None and self.same_data and not on_part
        metric = PartMetric(near, specs) if on_part else Metric(problems)
        everything = np.arange(len(problems))

        def origin():
            if near is not None and not warm_start and not on_part:
                return np.tile(near.fit(specs).solution.theta, (len(self.weights), 1))
            theta = np.tile(problems.layout.centre, (len(problems), 1))
            base = self._base(specs)[0].theta
            theta[:, : base.shape[1]] = base
            return theta

        def start():
            if on_part:
                theta = near.fit(specs).solution.theta.copy()
                # what the part lacks most is the constant pool of all rows, which is known
                own, part = self._base(specs)[0].theta, near._base(specs)[0].theta
                theta[:, : own.shape[1]] += own - part
                return Start.cold(theta, metric(theta, everything))
            if warm_start:
                which = everything % len(specs)
                warm = near.fit(specs).solution.warm.take(which)
                # what tells a fold from the whole shows in their constant pools already
                own, whole = self._base(specs)[0].theta, near._base(specs)[0].theta
                warm.theta[:, : own.shape[1]] += own - whole[which]
                return warm
            theta = origin()
            if self.near is not None:
                return Start.cold(theta, metric(theta, everything))
            return Start.cold(theta, metric.at_base(theta, self._base(specs)[1]))

        limit = self._limit(problems)
        if spec.gate_width is None:
            objective = ConstantObjective(problems)
            solution = minimise(objective, metric, start(), limit, self.settings.max_iter)
        else:
            # torch is imported here, when a gate is trained, and nowhere before
            from sklearn_logitprod.training.network import fit_gates

            # hidden layers in a search are settled to a few 1e-4, which float32 tells apart
            single = bool((limit >= _SINGLE * problems.n_effective).all())
            solution, objective = fit_gates(
                problems, metric, origin, start, limit, self.settings, single
            )
        return Solved(problems, solution, objective)

    def _neighbour(self, problems):
        """The near trainer, if its solution is one to start from."""
        # a diversity penalty has several optima: a fit finds that of its own base
        if self.near is None or problems.specs[0].diversity > 0.0:
            return None
        if self.near is not self._part:
            return self.near
        # along what product and correction share, valleys are curved: no one Hessian fits there
        size = problems.layout.size
        few = size <= _MOST_DENSE and _ROWS_PER_PARAMETER * size <= self.near.data.n_samples
        return self.near if few and _is_linear(problems.specs[0]) else None

    def _all_standardisers(self):
        if self._standardisers is None:
            self._standardisers = self.data.standardisers(self.weights)
        return self._standardisers

    def _all_correlations(self):
        if self._correlations is None:
            self._correlations = self.data.loss_correlations(self.weights)
        return self._correlations


def _is_constant(spec):
    return _base(spec) == replace(spec, alpha=0.0)


def _is_linear(spec):
    return spec.gate_width == 0 and spec.cross_class is None


def _base(spec):
    """The constant pool of a specification: what it lacks must not tell two apart."""
    return replace(spec, gate_width=None, alpha=0.0, cross_class=None, diversity=0.0)


class Metric:
    """Coordinates at any point of the parameters of problems, from the curvature there.

    Parameters
    ----------
    problems : Problems
    """

    def __init__(self, problems):
        self.problems = problems
        self._moments = {}

    def __call__(self, theta, which):
        """Coordinates around ``theta`` (n, size) of problems ``which``."""
        problems = self.problems
        hessians, spreads, scales = [], [], []
        for one, problem in zip(theta, which, strict=True):
            weight, spec = problems.weights[problems.part[problem]], problems.spec(problem)
            head = problems.head(problem, one)
            hessian, spread = head_curvature(problems.data, weight, head, spec)
            hessians.append(hessian)
            spreads.append(spread)
            scales.append(np.exp(2.0 * head.log_sharpness))
        return self._coordinates(theta, which, hessians, spreads, scales)

    def at_base(self, theta, hessian):
        """Coordinates around the constant pools, whose Hessians are known already."""
        which, spec = np.arange(len(theta)), self.problems.specs[0]
        if not spec.calibrate:
            return self(theta, which)
        n_free = self.problems.data.n_free
        # the class bias shifts the scores: its block of the Hessian is the curvature in them
        spread = hessian[:, -n_free:, -n_free:]
        spread = spread / self.problems.n_effective[:, None, None]
        scales = np.exp(2.0 * self.problems.layout.split(theta)["log_sharpness"][:, 0])
        return self._coordinates(theta, which, hessian, spread, scales)

    def _coordinates(self, theta, which, hessians, spreads, scales):
        problems, layout = self.problems, self.problems.layout
        hessians, precision = np.array(hessians), problems.precision[which]
        n_base = hessians.shape[1]
        n_columns = problems.data.n_columns
        n_effective = problems.n_effective[which, None, None]
        # the output layer moves the same scores as the gate's bias: it has the bias's curvature
        outputs = hessians[:, :n_columns, :n_columns] / n_effective
        base = hessians + precision[:, :n_base, None] * np.eye(n_base)
        parts = [(slice(0, n_base), Dense(base))]
        position = layout.split(np.arange(layout.size))
        if "correction" in position:
            # correction[m, k, j] as the matrix of (m, j) by k that the evidence meets
            where = position["correction"].transpose(0, 2, 1).ravel()
            moments = self._moment("evidence", theta, which)
            parts.append((where, Kronecker(*moments, np.array(spreads), precision[:, where[0]])))
        if "hidden" in position:
            where = np.concatenate([position["hidden"].ravel(), position["offset"]])
            parts.append((where, Scaled(precision[:, where])))
        if "output" in position:
            where = position["output"].ravel()
            moments = self._moment("features", theta, which)
            outputs = outputs / np.array(scales)[:, None, None]
            parts.append((where, Kronecker(*moments, outputs, precision[:, where[0]])))
        return Coordinates(parts)

    def _moment(self, inputs, theta, which):
        """Eigen-decompositions of the second moments of inputs, one per problem."""
        part = self.problems.part[which]
        for first in np.unique(part, return_index=True)[1]:
            key = inputs, part[first]
            if key not in self._moments:
                total = self._second_moment(inputs, theta[first], which[first])
                self._moments[key] = np.linalg.eigh(total)
        own = [self._moments[inputs, p] for p in part]
        return np.array([scale for scale, _ in own]), np.array([axes for _, axes in own])

    def _second_moment(self, inputs, theta, problem):
        # that of a hidden layer is taken where it is first asked for, and kept
        problems, total = self.problems, 0.0
        gate = problems.head(problem, theta).gate
        weight = problems.weights[problems.part[problem]]
        for block in problems.data:
            own = block.columns.evidence if inputs == "evidence" else gate.inputs(block.features)
            total = total + (own.T * weight[block.rows]) @ own
        return total


class PartMetric:
    """Coordinates from the whole Hessian at the solution of a part of the rows.

    Parameters
    ----------
    near : Trainer
        Of the part, under one set of weights.
    specs : sequence of HeadSpec
        With few parameters, a linear gate and no correction.
    """

    def __init__(self, near, specs):
        self.near, self.specs = near, specs

    @cached_property
    def _coordinates(self):
        solved, (weight,) = self.near.fit(self.specs), self.near.weights
        problems, data = solved.problems, self.near.data
        hessians = []
        for i, spec in enumerate(self.specs):
            parts = linear_gate_hessian(data, weight, solved.head(i), problems.layout, spec)
            prior = np.diag(problems.precision[i])
            hessians.append(with_curvature(parts[0] + prior, parts[1]))
        return Coordinates([(slice(0, problems.layout.size), Dense(np.array(hessians)))])

    def __call__(self, theta, which):
        """The same coordinates wherever a fit has got to."""
        return self._coordinates.take(which)
