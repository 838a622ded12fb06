"""Coordinates in which an objective is well conditioned, for a batch of problems.

Everything here has a leading axis over the problems. Parameters are
``theta = origin + map(x)``, the Hessian in ``x`` is near the identity.
"""

from __future__ import annotations

import numpy as np

# relative to the largest eigenvalue; directions that nothing holds keep a finite scale
_LEAST = 1e-12


class _Part:
    """Coordinates of some parameters, held as arrays with a leading axis of problems."""

    def take(self, which):
        """The same for some of the problems, in any order and number."""
        out = object.__new__(type(self))
        vars(out).update({name: array[which] for name, array in vars(self).items()})
        return out

    def put(self, which, other):
        """Replace what holds for some of the problems, in place."""
        for name, array in vars(self).items():
            array[which] = getattr(other, name)


class Dense(_Part):
    """Coordinates in which a given Hessian is the identity.

    Parameters
    ----------
    hessian : ndarray of shape (n_problems, size, size)
        Symmetric; eigenvalues that rounding has brought to 0 or below are floored.
    """

    def __init__(self, hessian):
        scale, axes = np.linalg.eigh(hessian)
        scale = np.maximum(scale, _LEAST * scale[:, -1:])
        self._root = axes / np.sqrt(scale)[:, None, :]

    def forward(self, x):
        """Parameters of coordinates (n_problems, size)."""
        return (self._root @ x[:, :, None])[:, :, 0]

    def pull_back(self, gradient):
        """Gradient in the coordinates of a gradient in the parameters."""
        return (gradient[:, None, :] @ self._root)[:, 0]


class Kronecker(_Part):
    """Coordinates of a matrix parameter whose Hessian is about ``A (x) B + prior``.

    The loss sees a matrix ``V`` through ``V^T inputs``: its Hessian is a sum over the
    rows of outer products of the inputs with the curvature of the loss in the outputs,
    here approximated by the product of the two sums.

    Parameters
    ----------
    scale, axes : ndarray of shape (n_problems, n_inputs[, n_inputs])
        Eigen-decomposition of the weighted second moment of the inputs, summed over
        the rows.
    outputs : ndarray of shape (n_problems, n_outputs, n_outputs)
        Mean curvature of the loss in the outputs.
    prior : ndarray of shape (n_problems,)
        Prior precision of each entry.
    """

    def __init__(self, scale, axes, outputs, prior):
        # eigenvectors of a Kronecker product are products of eigenvectors: two small
        # decompositions stand in for one of the whole Hessian
        scale_out, self._right = np.linalg.eigh(outputs)
        self._left = axes
        curvature = np.maximum(scale, 0.0)[:, :, None] * np.maximum(scale_out, 0.0)[:, None, :]
        # the prior joins in the eigenbasis, where it is a multiple of the identity
        self._scale = 1.0 / np.sqrt(curvature + prior[:, None, None])

    def forward(self, x):
        """Parameters of coordinates (n_problems, size)."""
        inner = x.reshape(self._scale.shape) * self._scale
        return (self._left @ (inner @ self._right.transpose(0, 2, 1))).reshape(x.shape)

    def pull_back(self, gradient):
        """Gradient in the coordinates of a gradient in the parameters."""
        own = gradient.reshape(self._scale.shape)
        own = self._left.transpose(0, 2, 1) @ (own @ self._right)
        return (own * self._scale).reshape(gradient.shape)


class Scaled(_Part):
    """Coordinates of a vector under a diagonal Hessian: the prior's.

    Parameters
    ----------
    precision : ndarray of shape (n_problems, size)
    """

    def __init__(self, precision):
        self._scale = 1.0 / np.sqrt(precision)

    def forward(self, x):
        """Parameters of coordinates (n_problems, size)."""
        return x * self._scale

    def pull_back(self, gradient):
        """Gradient in the coordinates of a gradient in the parameters."""
        return gradient * self._scale


class Coordinates:
    """Coordinates of whole parameter vectors, part by part.

    Parameters
    ----------
    parts : list of (indices, part)
        Which parameters (slice or index array) each part maps.
    """

    def __init__(self, parts):
        self._parts = parts

    def take(self, which):
        """The same for some of the problems, in any order and number."""
        return Coordinates([(where, part.take(which)) for where, part in self._parts])

    def put(self, which, other):
        """Replace the coordinates of some of the problems, in place."""
        for (_, part), (_, new) in zip(self._parts, other._parts, strict=True):
            part.put(which, new)

    def forward(self, x):
        """Steps in the parameters of steps in the coordinates (n_problems, size)."""
        out = np.empty_like(x)
        for where, part in self._parts:
            out[:, where] = part.forward(x[:, where])
        return out

    def pull_back(self, gradient):
        """Gradient in x of a gradient in the parameters."""
        out = np.empty_like(gradient)
        for where, part in self._parts:
            out[:, where] = part.pull_back(gradient[:, where])
        return out
