"""The guarantee: on the fit data, never worse than the best reference.

References are heads like any other, with constant weights so extreme that they select:
each expert (where it is missing, the mean log-probability of the experts present), the
mean of log-probabilities, and, with the linear pool, the mean of probabilities.
"""

from __future__ import annotations

import numpy as np

from sklearn_logitprod.fusion.gate import Gate
from sklearn_logitprod.fusion.likelihood import set_loss, set_loss_gradient
from sklearn_logitprod.fusion.pool import Head

_SELECT = 1e3
_GRID = np.linspace(0.0, 1.0, 17)
_MAX_STEPS = 30


def reference_heads(n_experts, n_classes, linear_pool):
    """Heads of the references, in the order of ``reference_losses_``.

    Returns
    -------
    list of Head
        ``n_experts`` experts, the mean of log-probabilities and, with the linear pool,
        the mean of probabilities.
    """
    n_columns = n_experts + bool(linear_pool)
    biases = []
    for chosen in range(n_columns + 1):
        bias = np.zeros(n_columns)
        # exp(-1000) is exactly 0: the linear pool never leaks into the other references
        bias[n_experts:] = -_SELECT
        position = {n_experts: None, n_experts + 1: n_experts}.get(chosen, chosen)
        if position is not None:
            bias[position] = _SELECT
        biases.append(bias)
    return [Head(Gate(bias), 0.0, np.zeros(n_classes)) for bias in biases]


def blend_with_best_reference(pool, data, weight):
    """Blend a pool with the best reference where that lowers the training loss.

    Searches ``(1 - t) f + t r`` between the scores of the fitted pool ``f`` and of the
    best reference ``r`` for the smallest training loss, unpenalised, t = 0 and t = 1
    included: the result is at or below both. For class labels the loss is convex in t
    and the search exact; for label sets it starts from a grid.

    Parameters
    ----------
    pool : Pool
    data : FitData
    weight : ndarray of shape (n_samples,)
        The user's sample weights.

    Returns
    -------
    pool : Pool
    loss : float
        Weighted mean loss of the blended pool, in nats.
    reference_losses : ndarray of shape (n_references,)
        The same of each reference.
    """
    references = reference_heads(data.n_experts, data.n_classes, data.linear_pool)
    totals = np.zeros(len(references))
    for block in data:
        for i, head in enumerate(references):
            totals[i] += weight[block.rows] @ set_loss(head.scores(block.columns, None), block.sets)
    best = references[int(np.argmin(totals))]

    line = Line(pool, best, data, weight)
    share, loss = line.search(data.sets.labels is not None, totals.min())
    total = weight.sum()
    return pool.blend(best, share), loss / total, totals / total


class Line:
    """Training loss along the segment from a pool's scores to a reference's."""

    def __init__(self, pool, reference, data, weight):
        self.pool, self.reference, self.data, self.weight = pool, reference, data, weight
        self._ends = None
        if data.kept:
            self._ends = [self._scores(block) for block in data]

    def _scores(self, block):
        columns = block.columns
        return (
            self.pool.scores(columns, block.features if self.pool.needs_features else None),
            self.reference.scores(columns, None),
        )

    def derivatives(self, share):
        """Total loss, its slope and its curvature at a share of the reference."""
        value = slope = curvature = 0.0
        for i, block in enumerate(self.data):
            own, other = self._ends[i] if self._ends is not None else self._scores(block)
            weight = self.weight[block.rows]
            loss, gradient, proba = set_loss_gradient(
                (1.0 - share) * own + share * other, block.sets
            )
            step = other - own
            mean = (proba * step).sum(axis=1)
            value += weight @ loss
            slope += weight @ (gradient * step).sum(axis=1)
            curvature += weight @ ((proba * step**2).sum(axis=1) - mean**2)
        return value, slope, curvature

    def search(self, convex, ceiling):
        """Share of the reference with the smallest loss found, and that loss.

        Parameters
        ----------
        convex : bool
            Whether the loss is convex along the segment.
        ceiling : float
            Total loss of the reference.
        """
        at = {0.0: self.derivatives(0.0)}
        if convex and at[0.0][1] >= 0.0 and at[0.0][0] <= ceiling:
            # the loss only rises from here; rounding alone could put it above the reference
            return 0.0, at[0.0][0]
        at[1.0] = self.derivatives(1.0)
        low, high = 0.0, 1.0
        if not convex:
            at |= {share: self.derivatives(share) for share in _GRID[1:-1]}
            near = int(np.argmin([at[share][0] for share in _GRID]))
            low, high = _GRID[max(near - 1, 0)], _GRID[min(near + 1, len(_GRID) - 1)]
        share = low
        for _ in range(_MAX_STEPS):
            _, slope, curvature = at[share]
            low, high = (share, high) if slope < 0.0 else (low, share)
            step = share - slope / curvature if curvature > 0.0 else np.inf
            new = step if low < step < high else 0.5 * (low + high)
            if abs(new - share) < 1e-9:
                break
            share = new
            at[share] = self.derivatives(share)
        best = min(at, key=lambda share: at[share][0])
        return float(best), at[best][0]
