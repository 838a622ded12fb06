"""What a search fits its candidates on, and how it scores them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import rankdata

from sklearn_logitprod._base import Prepared
from sklearn_logitprod._classifier import LogitProdClassifier
from sklearn_logitprod.fusion.features import gating_features
from sklearn_logitprod.fusion.likelihood import LabelSets, set_loss
from sklearn_logitprod.fusion.logits import block_slices
from sklearn_logitprod.training.data import FitData
from sklearn_logitprod.training.search import search_pools

# scikit-learn's log_loss clips probabilities there
_WORST = -float(np.log(np.finfo(np.float64).eps))


class _Candidate(LogitProdClassifier):
    """A fitted candidate, which predicts from columns instead of X."""

    def _blocks(self, X):
        yield from X


@dataclass(frozen=True, eq=False)
class Part:
    """Outputs of experts, with the folds in which all candidates are fitted on them."""

    plain: LogitProdClassifier
    prepared: Prepared
    data: FitData
    weight: np.ndarray
    folds: list

    @property
    def shape(self):
        """Numbers of experts and of classes."""
        return self.data.n_experts, self.data.n_classes

    def search(self, specs, progress):
        """Pools of each specification: a dict of lists, one pool per fold."""
        # constant weights have no alpha
        distinct = list(dict.fromkeys(map(_without_alpha, specs)))
        settings = self.plain._settings(self.prepared.seed)
        pools = search_pools(self.data, self.weight, self.folds, distinct, settings, progress)
        return [pools[_without_alpha(spec)] for spec in specs]

    def scores(self, pools, scorer):
        """Scores (n_candidates, n_folds) of pools."""
        known, out = {}, np.empty((len(pools), len(self.folds)))
        for fold, rows in enumerate(self.folds):
            for i, of_candidate in enumerate(pools):
                pool = of_candidate[fold]
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
            yield own, columns, gating_features(columns, pool.features)

    def _score(self, pool, blocks, rows, scorer):
        sets, weight = self.data.sets.take(rows), self.weight[rows]
        if scorer is None:
            losses = np.concatenate(
                [
                    set_loss(pool.scores(columns, features), sets.take(own))
                    for own, columns, features in blocks
                ]
            )
            return -np.average(np.minimum(losses, _WORST), weights=weight)
        model = _Candidate(**self.plain.get_params(deep=False))
        vars(model).update(self.prepared.attributes, pool_=pool, experts_=None)
        model.expert_names_ = self.prepared.outputs.names
        labels = model.classes_[sets.labels]
        return scorer(model, [columns for _, columns, _ in blocks], labels)


def joined(plain, prepared, proba, codes, weight):
    """Part of one fold: out-of-fold outputs to fit on, and those held out behind them."""
    data, own = plain._fit_data(prepared)
    n_fit = data.n_samples
    outputs = replace(prepared.outputs, values=np.concatenate([prepared.outputs.values, proba]))
    sets = LabelSets.from_labels(np.concatenate([data.sets.labels, codes]))
    groups = data.groups
    if groups is not None:
        groups = np.append(groups, np.zeros(len(codes), dtype=int))
    joined = FitData(outputs.log_proba, outputs.shape, sets, data.linear_pool, data.kind, groups)
    held_out = np.arange(n_fit, n_fit + len(codes))
    return Part(plain, prepared, joined, np.append(own, weight), [held_out])


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
