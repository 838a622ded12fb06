"""L-BFGS in coordinates in which the objective is well conditioned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import minimize

_FIRST_ROUND = 15


@dataclass(frozen=True)
class Solution:
    """Result of a minimisation.

    Attributes
    ----------
    theta : ndarray of shape (n_parameters,)
    curve : list of float
        Objective at each iteration, in nats per effective sample.
    converged : bool
    """

    theta: np.ndarray
    curve: list
    converged: bool


class Dense:
    """Coordinates ``x = R theta`` with ``R^T R`` an approximate Hessian.

    Parameters
    ----------
    hessian : ndarray of shape (n_parameters, n_parameters)
        Symmetric positive definite.
    """

    def __init__(self, hessian):
        self._root = np.linalg.cholesky(hessian).T

    def forward(self, x):
        """Parameters of coordinates."""
        return solve_triangular(self._root, x)

    def pull_back(self, gradient):
        """Gradient in the coordinates of a gradient in the parameters."""
        return solve_triangular(self._root, gradient, trans=1)


class Moment:
    """Eigen-decomposition of a second moment, kept while the metric around it changes."""

    def __init__(self, matrix):
        self.scale, self.axes = np.linalg.eigh(matrix)


class Kronecker:
    """Coordinates of a matrix parameter whose Hessian is about ``A (x) B + prior``.

    The loss sees a matrix ``V`` through ``V^T inputs``: its Hessian is a sum over the
    rows of outer products of the inputs with the curvature of the loss in the outputs,
    here approximated by the product of the two sums.

    Parameters
    ----------
    inputs : Moment
        Weighted second moment of the inputs (n_inputs, n_inputs), summed over the rows.
    outputs : ndarray of shape (n_outputs, n_outputs)
        Mean curvature of the loss in the outputs.
    prior : float
        Prior precision of each entry.
    """

    def __init__(self, inputs, outputs, prior):
        scale_out, self._right = np.linalg.eigh(outputs)
        self._left = inputs.axes
        curvature = np.maximum(inputs.scale, 0.0)[:, None] * np.maximum(scale_out, 0.0)
        self._scale = 1.0 / np.sqrt(curvature + prior)

    def forward(self, x):
        """Parameters of coordinates."""
        x = x.reshape(self._scale.shape) * self._scale
        return (self._left @ x @ self._right.T).ravel()

    def pull_back(self, gradient):
        """Gradient in the coordinates of a gradient in the parameters."""
        gradient = gradient.reshape(self._scale.shape)
        return (self._left.T @ gradient @ self._right * self._scale).ravel()


class Scaled:
    """Coordinates of a vector under a diagonal Hessian: the prior's."""

    def __init__(self, precision):
        self._scale = 1.0 / np.sqrt(precision)

    def forward(self, x):
        """Parameters of coordinates."""
        return x * self._scale

    def pull_back(self, gradient):
        """Gradient in the coordinates of a gradient in the parameters."""
        return gradient * self._scale


class Coordinates:
    """Coordinates of a whole parameter vector, part by part, around an origin.

    Parameters
    ----------
    origin : ndarray of shape (n_parameters,)
    parts : list of (indices, coordinates)
        Which parameters (slice or index array) each part maps.
    """

    def __init__(self, origin, parts):
        self.origin, self._parts = origin, parts

    def theta(self, x):
        """Parameters at coordinates ``x``."""
        out = self.origin.copy()
        for where, part in self._parts:
            out[where] += part.forward(x[where])
        return out

    def pull_back(self, gradient):
        """Gradient in x of a gradient in theta."""
        out = np.empty_like(gradient)
        for where, part in self._parts:
            out[where] = part.pull_back(gradient[where])
        return out


def minimise_lbfgs(value_gradient, metric, origin, n_effective, settings):
    """Minimise an objective in rounds of L-BFGS, each in the metric of its start.

    A round ends after some iterations, so that the next one has the metric of where
    the first has got to. Stops once the gradient bounds the distance to the optimum,
    about ``|g|^2 / 2`` in coordinates with Hessian near the identity, by
    ``tol * n_effective``.

    Parameters
    ----------
    value_gradient : callable
        Objective and gradient at parameters theta.
    metric : callable
        ``metric(theta)`` gives :class:`Coordinates` around theta.
    origin : ndarray of shape (n_parameters,)
        Where to start.
    n_effective : float
        Sum of the objective's sample weights.
    settings : Settings

    Returns
    -------
    Solution
    """
    theta, curve, length = origin, [], _FIRST_ROUND
    while True:
        left = settings.max_iter - len(curve)
        theta, part, done = _round(
            value_gradient, metric(theta), 2.0 * settings.tol * n_effective, min(length, left)
        )
        curve += [value / n_effective for value in part]
        if done or not part or len(curve) >= settings.max_iter:
            return Solution(theta, curve, done)
        length *= 2


def _round(value_gradient, coordinates, limit, max_iter):
    """One round of L-BFGS: parameters, objective values, whether it converged."""
    values, squared = [], [np.inf]

    def objective(x):
        value, gradient = value_gradient(coordinates.theta(x))
        gradient = coordinates.pull_back(gradient)
        squared[0] = gradient @ gradient
        return value, gradient

    def after_iteration(intermediate_result):
        values.append(intermediate_result.fun)
        if squared[0] <= limit:
            raise StopIteration

    size = len(coordinates.origin)
    result = minimize(
        objective,
        np.zeros(size),
        jac=True,
        method="L-BFGS-B",
        callback=after_iteration,
        options={
            "maxiter": max_iter,
            "maxfun": 4 * max_iter + 20,
            "maxcor": 20,
            "ftol": 1e-14,
            "gtol": np.sqrt(limit / size),
        },
    )
    # status 2: the line search has reached the precision of floating point
    done = squared[0] <= limit or result.status in (0, 2)
    return coordinates.theta(result.x), values, bool(done)
