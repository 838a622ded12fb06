"""Many gates under many folds, solved side by side."""

from __future__ import annotations

import numpy as np

from sklearn_logitprod.fusion.logits import block_slices
from sklearn_logitprod.fusion.references import reference_heads
from sklearn_logitprod.training.gaps import fit_gaps
from sklearn_logitprod.training.guarantee import (
    Line,
    lacks_experts,
    reference_losses,
    with_gaps,
)
from sklearn_logitprod.training.threads import limit_threads, load_torch
from sklearn_logitprod.training.trainer import Trainer

# beyond this, folds are solved in turn rather than side by side
_BATCH_BYTES = 1 << 30
_LINE_VALUES = 1 << 20
# Nats in total at the default tolerance for a start, and per sample for hidden layers.
# Scores move with the square root of the gap: those of hidden layers are settled to a few
# 1e-4, and all others to the tolerance.
_LOOSE_START, _LOOSE_HIDDEN = 1e2, 15.0


def search_pools(data, weight, folds, specs, settings, progress=None):
    """Pools of all specifications in all folds, each blended with its best reference.

    Parameters
    ----------
    data : FitData
    weight : ndarray of shape (n_samples,)
        Sample weights; a fold is fitted with weight 0 on the rows it holds out.
    folds : list of ndarray of int
        Held-out rows of each fold.
    specs : list of HeadSpec
        Distinct; they may differ in gate width, temperature and alpha.
    settings : Settings
    progress : callable, optional
        Called with a line of text before each batch of fits.

    Returns
    -------
    dict of HeadSpec to list of Pool
        One pool per fold.
    """
    if any(spec.gate_width is not None for spec in specs):
        load_torch()
    tell = progress or (lambda text: None)
    hidden = _LOOSE_HIDDEN * settings.tol * weight.sum()

    # all rows are solved only for folds to start there; folds are what is compared
    def on_all_rows(spec):
        return hidden if spec.gate_width else _LOOSE_START * settings.tol

    def in_folds(spec):
        return hidden if spec.gate_width else 0.0

    with limit_threads(data):
        near = Trainer(data, weight[None], settings, on_all_rows)
        weights = np.tile(weight, (len(folds), 1))
        for own, held_out in zip(weights, folds, strict=True):
            own[held_out] = 0.0
        groups = {}
        for spec in specs:
            # one layout of parameters for each width: its candidates can share a batch
            groups.setdefault(spec.gate_width, []).append(spec)
        n_folds = min(_folds_at_once(data, group) for group in groups.values())
        out = {spec: [] for spec in specs}
        for first in range(0, len(folds), n_folds):
            own = weights[first : first + n_folds]
            # what the guarantee needs of a fold is the same for all candidates
            references = _References(data, own)
            trainer = Trainer(data, own, settings, in_folds, near, same_data=True)
            for width, group in groups.items():
                tell(f"gate width {width}: {len(group)} candidates x {len(own)} folds")
                pools = references.blend(trainer.fit(group))
                for spec, of_spec in zip(group, pools, strict=True):
                    out[spec] += of_spec
    return out


def _folds_at_once(data, specs):
    """Folds whose features and scores fit in memory together."""
    n_features = 0 if specs[0].gate_width is None else data.n_features
    n_values = n_features + 2 * len(specs) * data.n_classes
    return max(1, _BATCH_BYTES // (8 * data.n_samples * n_values))


class _References:
    """The best reference of each fold, to blend many heads with.

    Parameters
    ----------
    data : FitData
    weights : ndarray of shape (n_folds, n_samples)
    """

    def __init__(self, data, weights):
        self.data, self.weights = data, weights
        totals = reference_losses(data, weights)
        heads = reference_heads(data.n_experts, data.n_classes, data.linear_pool)
        chosen = np.argmin(totals, axis=1)
        self.heads, self.losses = [heads[i] for i in chosen], totals.min(axis=1)
        # folds mostly agree on the best reference: its scores are computed once
        distinct, self.position = np.unique(chosen, return_inverse=True)
        self.scores = data.scores([heads[i] for i in distinct])
        self.active = _active(data, weights)

    def blend(self, solved):
        """Blended pools of solved heads: a list per specification, one pool per fold."""
        data, part, scores = self.data, solved.problems.part, solved.scores()

        def blocks():
            for rows in block_slices(data.n_samples, len(part) * data.n_classes, _LINE_VALUES):
                other = self.scores[:, rows][self.position[part]]
                yield (
                    scores[:, rows],
                    other,
                    self.weights[:, rows][part],
                    data.likelihood.take(rows),
                )

        shares, _ = Line(blocks).meet(self.losses[part])
        pools = []
        for problem, share in enumerate(shares):
            fold = part[problem]
            head, active = solved.head(problem), self.active[fold]
            pool = data.pool([head], np.ones(1), active)
            pool = pool.blend(self.heads[fold], float(share))
            # rows that lack nothing are predicted alike: only others need this in a search
            if solved.problems.specs[0].calibrate and lacks_experts(pool, data):
                own = self.weights[fold]
                best = self.losses[fold] / own.sum()
                pool, _ = with_gaps(pool, fit_gaps(pool, data, own), data, own, best)
            pools.append(pool)
        n_specs = len(solved.problems.specs)
        return [pools[i::n_specs] for i in range(n_specs)]


def _active(data, weights):
    """Experts present on a row of positive weight: (n_parts, n_experts)."""
    active = np.zeros((len(weights), data.n_experts), dtype=bool)
    for block in data:
        present = block.columns.present[:, : data.n_experts]
        active |= (weights[:, block.rows] > 0) @ present
    return active
