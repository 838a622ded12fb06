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
_PRECISION = 1e-9


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


def reference_losses(data, weights):
    """Total training loss of each reference under each set of weights.

    Parameters
    ----------
    data : FitData
    weights : ndarray of shape (n_parts, n_samples)

    Returns
    -------
    ndarray of shape (n_parts, n_references)
    """
    heads = reference_heads(data.n_experts, data.n_classes, data.linear_pool)
    totals = np.zeros((len(weights), len(heads)))
    for block in data:
        for i, head in enumerate(heads):
            loss = set_loss(head.scores(block.columns, None), block.sets)
            # summed as Line does, so that its end is this to the last bit
            totals[:, i] += (weights[:, block.rows] * loss).sum(axis=1)
    return totals


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
    totals = reference_losses(data, weight[None])[0]
    heads = reference_heads(data.n_experts, data.n_classes, data.linear_pool)
    best = heads[int(np.argmin(totals))]

    def ends(block):
        columns = block.columns
        own = pool.scores(columns, block.features if pool.needs_features else None)
        return own[None], best.scores(columns, None)[None], weight[None, block.rows], block.sets

    kept = [ends(block) for block in data] if data.kept else None
    line = Line(lambda: kept or (ends(block) for block in data), data.sets.labels is not None)
    share, loss = line.search(totals.min(keepdims=True))
    total = weight.sum()
    return pool.blend(best, float(share[0])), loss[0] / total, totals / total


class Line:
    """Training loss along segments from fitted scores to those of a reference.

    Parameters
    ----------
    blocks : callable
        Gives, for each block of rows, the scores at both ends (n_lines, n_rows,
        n_classes), the weights (n_lines, n_rows) and the label sets.
    convex : bool
        Whether the loss is convex along the segments.
    """

    def __init__(self, blocks, convex):
        self._blocks, self._convex = blocks, convex

    def derivatives(self, share, which):
        """Total loss, its slope and its curvature at shares (n,) of lines ``which``."""
        out = np.zeros((3, len(which)))
        share = share[:, None, None]
        for own, other, weight, sets in self._blocks():
            own, other, weight = own[which], other[which], weight[which]
            step = other - own
            loss, gradient, proba = set_loss_gradient((1.0 - share) * own + share * other, sets)
            mean = (proba * step).sum(axis=2)
            out[0] += (weight * loss).sum(axis=1)
            out[1] += (weight * (gradient * step).sum(axis=2)).sum(axis=1)
            out[2] += (weight * ((proba * step**2).sum(axis=2) - mean**2)).sum(axis=1)
        return out

    def search(self, ceiling):
        """Shares of the references with the smallest loss found, and these losses.

        Parameters
        ----------
        ceiling : ndarray of shape (n_lines,)
            Total loss of each reference.
        """
        n_lines = len(ceiling)
        every = np.arange(n_lines)
        best, least = np.zeros(n_lines), np.full(n_lines, np.inf)

        def at(share, which):
            value, slope, curvature = self.derivatives(share, which)
            better = value < least[which]
            best[which[better]], least[which[better]] = share[better], value[better]
            return value, slope, curvature

        start = at(np.zeros(n_lines), every)
        active = every
        if self._convex:
            # where the loss only rises, rounding alone could put it above the reference
            active = np.flatnonzero((start[1] < 0.0) | (start[0] > ceiling))
        if not len(active):
            return best, least
        at(np.ones(len(active)), active)
        low, high = np.zeros(n_lines), np.ones(n_lines)
        if not self._convex:
            values = [at(np.full(len(active), share), active)[0] for share in _GRID]
            near = np.argmin(values, axis=0)
            low[active] = _GRID[np.maximum(near - 1, 0)]
            high[active] = _GRID[np.minimum(near + 1, len(_GRID) - 1)]
        share = low[active].copy()
        _, slope, curvature = at(share, active)
        for _ in range(_MAX_STEPS):
            falls = slope < 0.0
            low[active] = np.where(falls, share, low[active])
            high[active] = np.where(falls, high[active], share)
            step = np.where(curvature > 0.0, -slope / np.where(curvature > 0, curvature, 1), np.inf)
            inside = (share + step > low[active]) & (share + step < high[active])
            new = np.where(inside, share + step, 0.5 * (low[active] + high[active]))
            moves = np.abs(new - share) >= _PRECISION
            active, share = active[moves], new[moves]
            if not len(active):
                break
            _, slope, curvature = at(share, active)
        return best, least
