"""L-BFGS for a batch of problems at once.

The problems share an objective that is evaluated for all of them in one go; each has its
own steps, its own memory and its own end. A problem next to one that is solved may start
from that one's solution, coordinates and memory: it then needs a few steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_logitprod.training.coordinates import Coordinates

# problems that start next to a solved one end within it, and need no second metric
_FIRST_ROUND = 25
# more pairs cost little beside an evaluation, and save evaluations
_N_PAIRS = 30
_DECREASE = 1e-4
_CURVATURE = 1e-9
_DOUBLE = np.finfo(np.float64).eps
_SHORTEST = 1e-10


class Memory:
    """Last steps and changes of the gradient of each problem, in its coordinates.

    The inverse Hessian they stand for is applied in the compact form of Byrd, Nocedal
    and Schnabel (1994, theorem 2.2): a few products of stacked matrices, where a loop
    over the pairs would cost more in calls than in arithmetic.
    """

    def __init__(self, n_problems, size):
        # slots are written in turn; an empty one is 0 and counts for nothing
        self.steps = np.zeros((n_problems, _N_PAIRS, size))
        self.changes = np.zeros((n_problems, _N_PAIRS, size))
        self.cross = np.zeros((n_problems, _N_PAIRS, _N_PAIRS))
        self.squares = np.zeros((n_problems, _N_PAIRS, _N_PAIRS))
        self.scale = np.ones(n_problems)
        self.count = np.zeros(n_problems, dtype=int)

    def take(self, which):
        """A copy for some of the problems, in any order and number."""
        which = np.arange(len(self.count))[which]
        out = Memory(len(which), self.steps.shape[2])
        out.scale, out.count = self.scale[which], self.count[which]
        # slots that were never written need no copy
        used = slice(0, min(out.count.max(initial=0), _N_PAIRS))
        for name in ("steps", "changes"):
            getattr(out, name)[:, used] = getattr(self, name)[which, used]
        for name in ("cross", "squares"):
            getattr(out, name)[:, used, used] = getattr(self, name)[which, used, used]
        return out

    def forget(self, which):
        """Empty the memory of some problems."""
        for array in (self.steps, self.changes, self.cross, self.squares, self.count):
            array[which] = 0
        self.scale[which] = 1.0

    def add(self, which, step, change):
        """Remember a step and a change of gradient (n, size) of some problems."""
        inner, square = _dot(step, change), _dot(change, change)
        # a step along which the slope did not grow would make the inverse Hessian indefinite
        good = inner > _CURVATURE * np.sqrt(_dot(step, step) * square)
        which, step, change = which[good], step[good], change[good]
        slot = self.count[which] % _N_PAIRS
        self.steps[which, slot], self.changes[which, slot] = step, change
        self.count[which] += 1
        steps, changes = self._pairs(which)
        used = slice(0, steps.shape[1])
        own = (changes @ change[:, :, None])[:, :, 0]
        self.squares[which, slot, used] = own
        self.squares[which, used, slot] = own
        self.cross[which, slot, used] = (changes @ step[:, :, None])[:, :, 0]
        self.cross[which, used, slot] = (steps @ change[:, :, None])[:, :, 0]
        self.scale[which] = inner[good] / square[good]

    def _pairs(self, which):
        n_used = min(self.count.max(initial=0), _N_PAIRS)
        # the pairs of all problems are no copy
        if len(which) == len(self.steps):
            return self.steps[:, :n_used], self.changes[:, :n_used]
        return self.steps[which, :n_used], self.changes[which, :n_used]

    def direction(self, which, gradient):
        """Minus the inverse Hessian times the gradient (n, size) of some problems."""
        scale, count = self.scale[which, None], self.count[which]
        if not count.any():
            return -scale * gradient
        steps, changes = self._pairs(which)
        n_used = steps.shape[1]
        squares, cross = self.squares[which, :n_used, :n_used], self.cross[which, :n_used, :n_used]
        age = (np.arange(n_used) - count[:, None]) % _N_PAIRS
        upper = np.where(age[:, :, None] <= age[:, None, :], cross, 0.0)
        inner = np.diagonal(cross, axis1=1, axis2=2)
        upper += np.eye(n_used) * (inner == 0.0)[:, None]
        column = gradient[:, :, None]
        left = np.linalg.solve(upper, steps @ column)
        right = squares @ left - changes @ column
        right = np.linalg.solve(
            upper.transpose(0, 2, 1), inner[:, :, None] * left + scale[:, :, None] * right
        )
        move = right.transpose(0, 2, 1) @ steps
        move -= scale[:, :, None] * (left.transpose(0, 2, 1) @ changes)
        return -(scale * gradient + move[:, 0])


@dataclass(frozen=True)
class Start:
    """Where a batch of problems starts.

    Attributes
    ----------
    theta : ndarray of shape (n_problems, size)
    coordinates : Coordinates
    memory : Memory
    """

    theta: np.ndarray
    coordinates: Coordinates
    memory: Memory

    @classmethod
    def cold(cls, theta, coordinates):
        """Start that remembers nothing."""
        return cls(theta, coordinates, Memory(*theta.shape))

    def take(self, which):
        """A copy for some of the problems, in any order and number."""
        return Start(self.theta[which], self.coordinates.take(which), self.memory.take(which))


@dataclass(frozen=True)
class Solution:
    """Result of minimising a batch of problems.

    Attributes
    ----------
    theta : ndarray of shape (n_problems, size)
    curves : list of list of float
        Objective of each problem at each of its iterations.
    converged : ndarray of shape (n_problems,), bool
    warm : Start or None
        From which neighbouring problems may start.
    """

    theta: np.ndarray
    curves: list
    converged: np.ndarray
    warm: Start | None = None


def minimise(objective, metric, start, limit, max_iter, rounding=_DOUBLE):
    """Minimise a batch of objectives in rounds, each in the metric of its start.

    A round ends after some iterations, so that the next one has the metric of where
    the first has got to. A problem ends once its gradient bounds the distance to the
    optimum, about ``|g|^2 / 2`` in coordinates with Hessian near the identity.

    Parameters
    ----------
    objective : callable
        ``objective(theta, which)`` gives values (n,) and gradients (n, size) of the
        problems ``which`` (sorted indices) at parameters (n, size).
    metric : callable
        ``metric(theta, which)`` gives :class:`Coordinates` of these problems there.
    start : Start
        Overwritten.
    limit : ndarray of shape (n_problems,)
        Distance to the optimum, in units of the objective, at which a problem ends.
    max_iter : int
    rounding : float
        Relative precision of the objective.

    Returns
    -------
    Solution
    """
    run = _Run(objective, start, limit, 50.0 * rounding)
    length, n_done = _FIRST_ROUND, 0
    while len(run.active) and n_done < max_iter:
        # steps that were remembered belong to the coordinates that are left behind
        if n_done:
            start.coordinates.put(run.active, metric(start.theta[run.active], run.active))
            start.memory.forget(run.active)
            run.pull_back()
        for _ in range(min(length, max_iter - n_done)):
            run.iterate()
            if not len(run.active):
                break
        n_done += length
        # the farther a problem has to go, the less often it pays to measure the curvature anew
        length *= 2
    converged = np.ones(len(limit), dtype=bool)
    converged[run.active] = False
    return Solution(start.theta, run.curves, converged, start)


class _Run:
    """Iterates the problems that have not ended; ``start`` holds the state of all."""

    def __init__(self, objective, start, limit, rounding):
        self.objective, self.start, self.limit = objective, start, limit
        self.rounding = rounding
        self.active = np.arange(len(limit))
        self.curves = [[] for _ in limit]
        self.value, self.slope = objective(start.theta, self.active)
        self.pull_back()

    def pull_back(self):
        """Gradients in the coordinates of the active problems."""
        self.own = self.start.coordinates.take(self.active)
        self.gradient = self.own.pull_back(self.slope)
        self._drop(self._distance() <= self.limit[self.active])

    def _distance(self):
        return 0.5 * _dot(self.gradient, self.gradient)

    def _drop(self, ended):
        if ended.any():
            kept = ~ended
            self.active, self.own = self.active[kept], self.own.take(kept)
            self.value, self.slope = self.value[kept], self.slope[kept]
            self.gradient = self.gradient[kept]

    def iterate(self):
        """One step of each active problem."""
        memory = self.start.memory
        direction = memory.direction(self.active, self.gradient)
        descent = _dot(direction, self.gradient)
        if (descent >= 0.0).any():
            # memory spoilt by rounding: start it anew
            uphill = descent >= 0.0
            memory.forget(self.active[uphill])
            direction[uphill] = -self.gradient[uphill]
            descent[uphill] = -_dot(self.gradient, self.gradient)[uphill]
        length, stuck = self._line_search(self.own.forward(direction), descent)
        before, self.gradient = self.gradient, self.own.pull_back(self.slope)
        memory.add(self.active, length[:, None] * direction, self.gradient - before)
        for problem, value in zip(self.active, self.value, strict=True):
            self.curves[problem].append(float(value))
        self._drop((self._distance() <= self.limit[self.active]) | stuck)

    def _line_search(self, step, descent):
        """Step lengths that lower the objective enough, by backtracking from 1.

        A problem that no step improves has reached the precision of floating point.
        """
        theta, active = self.start.theta, self.active
        length, stuck = np.ones(len(active)), np.zeros(len(active), dtype=bool)
        # changes below the rounding of the objective are neither gain nor loss
        floor = self.rounding * np.abs(self.value)
        trying = np.arange(len(active))
        while len(trying):
            trial = theta[active[trying]] + length[trying, None] * step[trying]
            value, slope = self.objective(trial, active[trying])
            old, promised = self.value[trying], length[trying] * descent[trying]
            with np.errstate(invalid="ignore"):
                good = value <= old + _DECREASE * promised + floor[trying]
            done = trying[good]
            theta[active[done]] = trial[good]
            self.value[done], self.slope[done] = value[good], slope[good]
            # a shorter step for those that failed; all others have theirs
            failed = trying[~good]
            # minimum of the parabola through value, slope and the new value
            excess = value[~good] - old[~good] - promised[~good]
            ratio = -0.5 * promised[~good] / np.where(excess > 0.0, excess, np.inf)
            length[failed] *= np.clip(np.nan_to_num(ratio, nan=0.1), 0.1, 0.5)
            short = length[failed] < _SHORTEST
            stuck[failed[short]] = True
            length[failed[short]] = 0.0
            trying = failed[~short]
        return length, stuck


def _dot(left, right):
    return np.einsum("bp,bp->b", left, right)
