"""What a pool does where experts are missing: multipliers of what remains, and a class bias."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

# patterns of gaps that are remembered; a table with gaps at random has as many as rows
_MOST_PATTERNS = 4096
LEAST = 1e-6
"""Smallest multiplier of what is present, in place of 0: weights of experts stay defined."""

# relative to the mean eigenvalue: columns that nothing tells apart still have an answer
_RIDGE = 1e-12


@dataclass(frozen=True, eq=False)
class Gaps:
    """How a pool goes on without experts that its fit had.

    Without expert m alone, the fused scores become ``sum_c v_mc (a_c(x) log p_c(x) +
    correction_c) + class_bias + d_m``, with coefficients ``a`` renormalised over what is
    present. If others are missing as well, the contributions that remain move to the
    minimum of the loss's quadratic approximation around that point, with multipliers of at
    least 0.

    Attributes
    ----------
    multipliers : ndarray of shape (n_experts, n_columns)
        ``v``; 0 for the expert itself.
    shift : ndarray of shape (n_experts, n_classes)
        ``d``, added to the class bias.
    curvature : ndarray of shape (n_experts, n_columns, n_columns)
        Of the loss in the multipliers, with the class bias at its best.
    response : ndarray of shape (n_experts, n_classes, n_columns)
        Best class bias, by multiplier.
    scale : ndarray of shape (n_experts, n_columns)
        Mean coefficients without the expert: a prior of precision 1 holds them.
    weight : ndarray of shape (n_experts,)
        Mean coefficients with all: which of several missing experts comes first.
    share : float
        Share of all this that is applied, in [0, 1]; below 1 where the guarantee asks for it.
    """

    multipliers: np.ndarray
    shift: np.ndarray
    curvature: np.ndarray
    response: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    share: float = 1.0
    _known: dict = field(default_factory=dict, repr=False)

    def __getstate__(self):
        return vars(self) | {"_known": {}}

    def applied(self, share):
        """The same, applied to a share in [0, 1]."""
        return replace(self, share=share, _known={})

    def scaled(self, factor):
        """The same beside scores that are ``factor`` times as large: shifts follow."""
        return replace(self, shift=factor * self.shift, response=factor * self.response, _known={})

    def terms(self, missing):
        """Multipliers and shifts of rows.

        Parameters
        ----------
        missing : ndarray of shape (n_samples, n_experts), bool
            Experts that the fit had and a row lacks.

        Returns
        -------
        multipliers : ndarray of shape (n_samples, n_columns)
            Exactly 1 on rows that lack nothing.
        shift : ndarray of shape (n_samples, n_classes)
            Exactly 0 on rows that lack nothing.
        """
        patterns, row = np.unique(missing, axis=0, return_inverse=True)
        terms = [self._of(pattern) for pattern in patterns]
        row = row.reshape(-1)
        return tuple(np.array(part)[row] for part in zip(*terms, strict=True))

    def _of(self, pattern):
        key = pattern.tobytes()
        # one look-up: another thread may clear what is known at any time
        found = self._known.get(key)
        if found is None:
            multipliers, shift = self._solve(np.flatnonzero(pattern))
            found = 1.0 + self.share * (multipliers - 1.0), self.share * shift
            if len(self._known) >= _MOST_PATTERNS:
                self._known.clear()
            self._known[key] = found
        return found

    def _solve(self, missing):
        n_columns, n_classes = self.multipliers.shape[1], self.shift.shape[1]
        if not len(missing):
            return np.ones(n_columns), np.zeros(n_classes)
        # the approximation is best for small steps: what weighs most has been left out exactly
        first = missing[np.argmax(self.weight[missing])]
        own, shift, scale = self.multipliers[first], self.shift[first], self.scale[first]
        others = missing[missing != first]
        if not len(others):
            return own, shift
        kept = np.setdiff1d(np.arange(n_columns), missing)
        curvature, precision = self.curvature[first], scale**2
        total = scale[kept].sum()
        if not total > 0.0:
            return np.ones(n_columns), np.zeros(n_classes)
        # renormalising makes what is present this much larger: the prior's centre
        larger = scale.sum() / total
        slope = np.where(own > LEAST, precision * (1.0 - own), 0.0)[kept]
        slope -= curvature[np.ix_(kept, others)] @ own[others]
        inner = curvature[np.ix_(kept, kept)]
        moved = nonnegative_minimum(
            inner + np.diag(precision[kept]), inner @ own[kept] - slope + precision[kept] * larger
        )
        change = -own.copy()
        change[first] = 0.0
        change[kept] = moved - own[kept]
        multipliers = np.zeros(n_columns)
        multipliers[kept] = np.maximum(moved / larger, LEAST)
        return multipliers, shift + self.response[first] @ change


def nonnegative_minimum(curvature, pull):
    """Minimum of ``1/2 v' curvature v - pull' v`` over v >= 0, of one problem or of several.

    Parameters
    ----------
    curvature : ndarray of shape (..., size, size)
        Symmetric, positive semi-definite.
    pull : ndarray of shape (..., size)

    Returns
    -------
    ndarray of shape (..., size)
    """
    size = pull.shape[-1]
    ridge = _RIDGE * np.trace(curvature, axis1=-2, axis2=-1) / size
    ridge = np.maximum(ridge, np.finfo(float).tiny)
    curvature = curvature + ridge[..., None, None] * np.eye(size)
    # mostly no bound is met
    best = np.linalg.solve(curvature, pull[..., None])[..., 0]
    for problem in map(tuple, np.argwhere((best < 0.0).any(axis=-1))):
        best[problem] = _active_set(curvature[problem], pull[problem], best[problem])
    return best


def _active_set(curvature, pull, unbounded):
    """The same where bounds are met: Lawson and Hanson, "Solving Least Squares Problems", 1974.

    It starts from the minimum without bounds, what is negative there at 0: of many variables most
    are free, and need not be freed one by one.
    """
    size = len(pull)
    best = np.maximum(unbounded, 0.0)
    free = best > 0.0
    limit = _RIDGE * np.abs(pull).max()
    for _ in range(3 * size):
        while True:
            target = np.zeros(size)
            target[free] = np.linalg.solve(curvature[np.ix_(free, free)], pull[free])
            blocking = free & (target <= 0.0)
            if not blocking.any():
                best = target
                break
            # as far as the first bound, which then holds
            length = (best[blocking] / (best[blocking] - target[blocking])).min()
            best = best + length * (target - best)
            free &= (best > 0.0) & ~(blocking & (best <= limit))
            best[~free] = 0.0
        slope = np.where(free, -np.inf, pull - curvature @ best)
        if not slope.max() > limit:
            break
        free[np.argmax(slope)] = True
    return best
