"""Formulas as data: what a pool computes, for any runtime to write down in its own words.

An :class:`Expression` is an operation on others. Everything is of one floating type: masks are 0
and 1, and the first axis of whatever depends on the input runs over the samples. Nothing is
computed here; :mod:`~sklearn_logitprod.export.graphs` and
:mod:`~sklearn_logitprod.export.modules` know how each operation is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Expression:
    """An operation on other expressions.

    Attributes
    ----------
    operation : str
    of : tuple of Expression
    detail : object
        A constant's array, an axis, a shape: whatever the operation needs to know.
    """

    operation: str
    of: tuple = ()
    detail: Any = None

    # arrays on the left leave the operation to the expression
    __array_ufunc__ = None

    def __add__(self, other):
        return _apply("add", self, other)

    __radd__ = __add__

    def __sub__(self, other):
        return _apply("subtract", self, other)

    def __rsub__(self, other):
        return _apply("subtract", other, self)

    def __mul__(self, other):
        return _apply("multiply", self, other)

    __rmul__ = __mul__

    def __truediv__(self, other):
        return _apply("divide", self, other)

    def __rtruediv__(self, other):
        return _apply("divide", other, self)

    def __matmul__(self, other):
        return _apply("matmul", self, other)

    def __neg__(self):
        return self * -1.0


def _apply(operation, *operands, detail=None):
    of = tuple(one if isinstance(one, Expression) else constant(one) for one in operands)
    return Expression(operation, of, detail)


def constant(values):
    """An array, or a number, that does not depend on the input."""
    return Expression("constant", (), np.array(values, dtype=np.float64, order="C"))


def variable(name, shape):
    """The input: an array of shape (n_samples, *shape)."""
    return Expression("variable", (), (name, tuple(shape)))


def exp(x):
    """Exponential."""
    return _apply("exp", x)


def log(x):
    """Natural logarithm."""
    return _apply("log", x)


def tanh(x):
    """Hyperbolic tangent."""
    return _apply("tanh", x)


def absolute(x):
    """Absolute value."""
    return _apply("absolute", x)


def maximum(x, y):
    """The larger of two, entry by entry."""
    return _apply("maximum", x, y)


def minimum(x, y):
    """The smaller of two, entry by entry."""
    return _apply("minimum", x, y)


def clipped(x, low, high):
    """Entries moved into an interval."""
    return minimum(maximum(x, low), high)


def is_nan(x):
    """1 where an entry is NaN."""
    return _apply("is_nan", x)


def greater(x, y):
    """1 where an entry is larger than another."""
    return _apply("greater", x, y)


def where(mask, x, y):
    """X where the mask is 1, y where it is 0; what is not taken may be anything."""
    return _apply("where", mask, x, y)


def total(x, axis, keepdims=False):
    """Sum over an axis."""
    return _apply("total", x, detail=(axis, keepdims))


def largest(x):
    """Largest entry over the last axis, which is kept."""
    return _apply("largest", x)


def position_of_largest(x):
    """Position of the first of the largest entries over the last axis, which is dropped."""
    return _apply("position_of_largest", x)


def rows_of(table, index):
    """Rows of a constant table, by their numbers."""
    return _apply("rows_of", table, index)


def taken(x, positions, axis):
    """Some positions along an axis."""
    return _apply("taken", x, detail=(tuple(int(p) for p in positions), axis))


def part(x, start, stop, axis):
    """Positions from start to stop along an axis."""
    return _apply("part", x, detail=(start, stop, axis))


def joined(parts, axis):
    """Several along an axis."""
    return _apply("joined", *parts, detail=axis)


def with_axis(x, axis):
    """One more axis, of length 1."""
    return _apply("with_axis", x, detail=axis)


def shaped(x, *shape):
    """Another shape of all axes but the first."""
    return _apply("shaped", x, detail=shape)


def any_of(mask, axis=-1, keepdims=False):
    """1 where any entry along an axis is 1."""
    return greater(total(mask, axis, keepdims), 0.5)


def either(one, other):
    """1 where one of two masks is 1."""
    return maximum(one, other)


def log_softmax(x):
    """Log of the softmax over the last axis."""
    shifted = x - largest(x)
    return shifted - log(total(exp(shifted), -1, True))


def log_sum(x):
    """Log of the summed exponentials over the last axis, which is kept."""
    top = largest(x)
    return top + log(total(exp(x - top), -1, True))


def log_of_sum(x, y):
    """``log(exp(x) + exp(y))``, entry by entry."""
    return maximum(x, y) + log(1.0 + exp(-absolute(x - y)))


def in_order(roots):
    """All expressions that some depend on, each after those it depends on.

    Parameters
    ----------
    roots : sequence of Expression

    Returns
    -------
    list of Expression
    """
    done, order = set(), []
    stack = [(root, False) for root in reversed(roots)]
    while stack:
        one, ready = stack.pop()
        if id(one) in done:
            continue
        if ready:
            done.add(id(one))
            order.append(one)
        else:
            stack.append((one, True))
            stack += [(operand, False) for operand in one.of]
    return order
