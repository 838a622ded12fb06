"""Step functions: what survival and cumulative hazard functions are returned as."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sklearn_logitprod._typing import Floats


class StepFunction:
    """A function that is constant between jumps and continuous from the right.

    Parameters
    ----------
    x : ndarray of shape (n_steps,), float64
        Where the function takes a new value; increasing, the first is 0.
    y : ndarray of shape (n_steps,), float64
        Value from there on.

    Attributes
    ----------
    x, y : ndarray of shape (n_steps,), float64
    domain : tuple of float
        ``(0, inf)``. Beyond the last jump the last value is carried on: nothing is
        known there, and a survival function lies at or below it.

    Examples
    --------
    >>> import numpy as np
    >>> survival = StepFunction(np.array([0.0, 1.0, 2.0]), np.array([1.0, 0.75, 0.5]))
    >>> survival([0.5, 1.0, 1.5, 9.0]).tolist()
    [1.0, 0.75, 0.75, 0.5]
    """

    def __init__(self, x: Floats, y: Floats) -> None:
        self.x, self.y = x, y

    @property
    def domain(self) -> tuple[float, float]:
        """Smallest and largest argument."""
        return (float(self.x[0]), np.inf)

    def __call__(self, x: ArrayLike) -> float | Floats:
        """Values at times.

        Parameters
        ----------
        x : float or array-like
            Times, not negative, in the unit of the fit.

        Returns
        -------
        float or ndarray of the same shape, float64
        """
        at = np.asarray(x, dtype=np.float64)
        if not (at >= self.x[0]).all():
            raise ValueError(f"Times must be {self.x[0]:g} or later and not NaN, but x is {x!r}.")
        values = self.y[np.searchsorted(self.x, at, side="right") - 1]
        return float(values) if at.ndim == 0 else values

    def __repr__(self):
        return f"StepFunction(x={self.x!r}, y={self.y!r})"


def step_functions(start, times, values):
    """One step function per row, as an object array.

    Parameters
    ----------
    start : float
        Value from 0 to the first time.
    times : ndarray of shape (n_times,), float64
    values : ndarray of shape (n_samples, n_times), float64
        From each time on.

    Returns
    -------
    ndarray of shape (n_samples,) of StepFunction
    """
    x = np.concatenate([[0.0], times])
    y = np.column_stack([np.full(len(values), start), values])
    functions = np.empty(len(values), dtype=object)
    functions[:] = [StepFunction(x, row) for row in y]
    return functions
