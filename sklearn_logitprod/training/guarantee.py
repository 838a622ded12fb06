"""The guarantee: on the fit data, never worse than the best reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sklearn_logitprod.fusion.references import reference_heads

# most pools need a small share or none: the grid is fine where shares are small
_GRID = np.concatenate([[0.0], 2.0 ** np.arange(-6, -2), np.linspace(0.25, 1.0, 4)])
# a bracket of 1/4 halves to 1e-9 in 28 steps, should interpolation gain nothing
_MAX_STEPS = 60
_PRECISION = 1e-9
_TINY = 1e-300


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
            loss = block.likelihood.loss(head.scores(block.columns, None))
            # summed as Line does, so that its end is this to the last bit
            totals[:, i] += (weights[:, block.rows] * loss).sum(axis=1)
    return totals


def blend_to_guarantee(pool, data, weight, flexible=None):
    """Blend a pool with as little else as takes it to the best reference's training loss.

    A pool that priors hold back may have a larger training loss than the best expert,
    which is often the best by chance alone. A small share of a flexible head, which
    follows the fit data closely, pays that back with less harm than a large share of one
    expert; the best reference itself settles what remains.

    Parameters
    ----------
    pool : Pool
    data : FitData
    weight : ndarray of shape (n_samples,)
        The user's sample weights.
    flexible : callable, optional
        ``flexible()`` gives a head of constant weights, fitted with weak priors; it is
        called only if needed.

    Returns
    -------
    pool : Pool
    loss : float
        Weighted mean loss of the blended pool, unpenalised, in nats; not above any of
        the references'.
    reference_losses : ndarray of shape (n_references,)
        The same of each reference.
    """
    # priors and design effect play no role here: the promise is about the user's own weights
    totals = reference_losses(data, weight[None])[0]
    heads = reference_heads(data.n_experts, data.n_classes, data.linear_pool)
    best = heads[int(np.argmin(totals))]
    # the loss along the first line may never reach the ceiling; along the second its end does
    partners = [lambda: best] if flexible is None else [flexible, lambda: best]
    ceiling = totals.min(keepdims=True)
    loss = _line(pool, None, data, weight).losses(np.zeros(1), np.zeros(1, dtype=int))
    for partner in partners:
        if loss[0] <= ceiling[0]:
            break
        head = partner()
        share, loss = _line(pool, head, data, weight).meet(ceiling)
        pool = pool.blend(head, float(share[0]))
    return pool, loss[0] / weight.sum(), totals / weight.sum()


def with_gaps(pool, gaps, data, weight, ceiling):
    """A pool that does without experts, as far as its training loss stays at or below a ceiling.

    Parameters
    ----------
    pool : Pool
        Blended, without ``gaps``.
    gaps : Gaps or None
    data : FitData
    weight : ndarray of shape (n_samples,)
    ceiling : float
        Weighted mean loss of the best reference. The pool itself is at or below.

    Returns
    -------
    pool : Pool
        Predicts as it did where no row of the fit data lacks an expert.
    loss : float or None
        Weighted mean loss, not above the ceiling; None if it is that of the pool as it was.
    """
    if gaps is None:
        return pool, None
    if not lacks_experts(pool, data):
        return replace(pool, gaps=gaps), None
    # scores are linear in the share: its largest value that the guarantee admits lies on a line
    line = _line(replace(pool, gaps=gaps), pool, data, weight)
    most = ceiling * weight.sum()
    while most / weight.sum() > ceiling:
        most = np.nextafter(most, -np.inf)
    # with nothing applied the loss is that of the pool, which lies at or below the ceiling; summed
    # anew it may end a rounding above, and then nothing is what the guarantee admits
    if line.losses(np.ones(1), np.zeros(1, dtype=int))[0] > most:
        return replace(pool, gaps=gaps.applied(0.0)), None
    less, total = line.meet(np.array([most]))
    gaps = gaps.applied(1.0 - float(less[0]))
    return replace(pool, gaps=gaps), float(total[0] / weight.sum())


def lacks_experts(pool, data):
    """Whether a row of the fit data lacks an expert that others have."""
    seen = np.flatnonzero(pool.active)
    return not all(block.columns.present[:, seen].all() for block in data)


def _line(pool, head, data, weight):
    """Segment from a pool to a head, or the pool alone."""

    def ends(block):
        own = pool.scores(block.columns, block.features if pool.needs_features else None)
        other = own if head is None else head.scores(block.columns, None)
        return own[None], other[None], weight[None, block.rows], block.likelihood

    # the root is looked for in dozens of passes: scores at both ends are kept where data are
    kept = [ends(block) for block in data] if data.kept else None
    return Line(lambda: kept or (ends(block) for block in data))


class Line:
    """Training loss along segments from fitted scores to others.

    Parameters
    ----------
    blocks : callable
        Gives, for each block of rows, the scores at both ends (n_lines, n_rows,
        n_classes), the weights (n_lines, n_rows) and the likelihood.
    """

    def __init__(self, blocks):
        self._blocks = blocks

    def losses(self, share, which):
        """Total losses at shares (n,) of the far ends of lines ``which``."""
        out = np.zeros(len(which))
        share = share[:, None, None]
        for own, other, weight, likelihood in self._blocks():
            scores = own[which] if not share.any() else _between(own[which], other[which], share)
            out += (weight[which] * likelihood.loss(scores)).sum(axis=1)
        return out

    def meet(self, ceiling):
        """Smallest shares of the far ends at which losses are at or below a ceiling.

        Parameters
        ----------
        ceiling : ndarray of shape (n_lines,)
            Total losses.

        Returns
        -------
        share : ndarray of shape (n_lines,)
            Where a grid of shares never gets there, the one with the smallest loss.
        loss : ndarray of shape (n_lines,)
            Total losses there.
        """
        share = np.zeros(len(ceiling))
        loss = self.losses(share, np.arange(len(ceiling)))
        active = np.flatnonzero(loss > ceiling)
        if not len(active):
            return share, loss
        grid = np.stack([self.losses(np.full(len(active), t), active) for t in _GRID])
        below = grid <= ceiling[active]
        reached = below.any(axis=0)
        first = np.where(reached, below.argmax(axis=0), grid.argmin(axis=0))
        column = np.arange(len(active))
        share[active], loss[active] = _GRID[first], grid[first, column]
        inside = reached & (first > 0)
        active, first, column = active[inside], first[inside], column[inside]
        if len(active):
            # above the ceiling at the low end, not above it at the high end
            low, high = _GRID[first - 1], _GRID[first]
            over = grid[[first - 1, first], column] - ceiling[active]
            share[active], loss[active] = self._root(active, ceiling[active], low, high, *over)
        return share, loss

    def _root(self, which, ceiling, low, high, over_low, over_high):
        """Shares within 1e-9 above where losses fall to the ceiling (Illinois' rule)."""
        side = np.zeros(len(which))
        for _ in range(_MAX_STEPS):
            if (high - low <= _PRECISION).all():
                break
            share = high - over_high * (high - low) / np.minimum(over_high - over_low, -_TINY)
            # never so near an end that the bracket stops closing
            margin = np.minimum(0.5 * _PRECISION, 0.5 * (high - low))
            share = np.clip(share, low + margin, high - margin)
            over = self.losses(share, which) - ceiling
            above = over > 0.0
            # an end that stays twice is pretended to be nearer the ceiling
            over_high = np.where(above & (side > 0), 0.5 * over_high, over_high)
            over_low = np.where(~above & (side < 0), 0.5 * over_low, over_low)
            low, over_low = np.where(above, share, low), np.where(above, over, over_low)
            high, over_high = np.where(above, high, share), np.where(above, over_high, over)
            side = np.where(above, 1.0, -1.0)
        return high, self.losses(high, which)


def _between(own, other, share):
    return (1.0 - share) * own + share * other
