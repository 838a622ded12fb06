"""What a search fits its candidates on, and how it scores them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import rankdata
from sklearn.utils import _safe_indexing

from sklearn_logitprod.estimators.base import BaseLogitProd, with_pool
from sklearn_logitprod.estimators.inference import ColumnBlocks
from sklearn_logitprod.estimators.prepared import Prepared, all_log_proba
from sklearn_logitprod.fusion.logits import block_slices
from sklearn_logitprod.training.data import FitData
from sklearn_logitprod.training.search import search_pools


@dataclass(frozen=True, eq=False)
class Part:
    """Outputs of experts, with the folds in which all candidates are fitted on them."""

    estimator: BaseLogitProd
    prepared: Prepared
    data: FitData
    weight: np.ndarray
    folds: list
    y: object

    @property
    def shape(self):
        """Numbers of experts and of classes."""
        return self.data.n_experts, self.data.n_classes

    def search(self, specs, progress):
        """Pools of each specification: a dict of lists, one pool per fold."""
        # constant weights have no alpha
        distinct = list(dict.fromkeys(map(_without_alpha, specs)))
        settings = self.estimator._settings(self.prepared.seed)
        pools = search_pools(self.data, self.weight, self.folds, distinct, settings, progress)
        return [pools[_without_alpha(spec)] for spec in specs]

    def scores(self, pools, scorer):
        """Scores (n_candidates, n_folds) of pools."""
        known, out = {}, np.empty((len(pools), len(self.folds)))
        for fold, rows in enumerate(self.folds):
            for i, of_candidate in enumerate(pools):
                pool = of_candidate[fold]
                # constant weights have one pool for all values of alpha
                if id(pool) not in known:
                    blocks = known.setdefault((fold, pool.active.tobytes()), [])
                    if not blocks:
                        blocks += self._blocks(pool, rows)
                    known[id(pool)] = self._score(pool, blocks, rows, scorer)
                out[i, fold] = known[id(pool)]
        return out

    def _blocks(self, pool, rows):
        """Held-out rows as blocks of the columns that a pool reads."""
        for own in block_slices(len(rows), self.data.n_columns * self.data.n_classes):
            columns = pool.columns(self.data.read(rows[own]))
            yield own, columns, columns.features(pool.features)

    def _score(self, pool, blocks, rows, scorer):
        likelihood, weight = self.data.likelihood.take(rows), self.weight[rows]
        if scorer is None:
            losses = np.concatenate(
                [
                    likelihood.take(own).loss(pool.scores(columns, features))
                    for own, columns, features in blocks
                ]
            )
            return -np.average(np.minimum(losses, likelihood.largest_loss), weights=weight)
        model = with_pool(self.estimator, self.prepared.attributes, pool)
        held_out = ColumnBlocks([columns for _, columns, _ in blocks])
        return scorer(model, held_out, _safe_indexing(self.y, rows))


def joined(estimator, prepared, y, X_held_out, y_held_out, weight):
    """Part of one fold: out-of-fold outputs to fit on, and those held out behind them."""
    data, own = estimator._fit_data(prepared)
    log_proba = np.concatenate(
        [
            all_log_proba(prepared.outputs.take(prepared.kept)),
            all_log_proba(estimator._outputs_by(prepared.attributes, X_held_out)),
        ]
    )
    y = _concatenated(_safe_indexing(y, prepared.kept), y_held_out)
    likelihood = estimator._likelihood(y, len(log_proba), prepared.attributes)
    # held-out rows weigh nothing in the fit, so that any group will do for them
    groups = data.groups
    if groups is not None:
        groups = np.append(groups, np.zeros(len(weight), dtype=int))
    shape = log_proba.shape
    joined = FitData(
        log_proba.__getitem__, shape, likelihood, data.linear_pool, data.feature_set, groups
    )
    held_out = np.arange(data.n_samples, len(log_proba))
    return Part(estimator, prepared, joined, np.append(own, weight), [held_out], y)


def _concatenated(first, second):
    if hasattr(first, "iloc"):
        import pandas as pd

        return pd.concat([first, second])
    return np.concatenate([first, second])


def _without_alpha(spec):
    return replace(spec, alpha=0.0) if spec.gate_width is None else spec


def cv_results(grid, scores, fit_time, score_time):
    """Results as scikit-learn's searches give them; times are shared out equally."""
    out = {}
    for name, seconds in (("fit", fit_time), ("score", score_time)):
        out[f"mean_{name}_time"] = np.full(len(grid), seconds / scores.size)
        out[f"std_{name}_time"] = np.zeros(len(grid))
    for name in sorted(grid[0]):
        values = [params[name] for params in grid]
        column = np.ma.MaskedArray(np.empty(len(grid), dtype=object), mask=False)
        column[:] = values
        out[f"param_{name}"] = column
    out["params"] = grid
    for fold in range(scores.shape[1]):
        out[f"split{fold}_test_score"] = scores[:, fold]
    out["mean_test_score"] = scores.mean(axis=1)
    out["std_test_score"] = scores.std(axis=1)
    out["rank_test_score"] = rankdata(-scores.mean(axis=1), method="min").astype(np.int32)
    return out
