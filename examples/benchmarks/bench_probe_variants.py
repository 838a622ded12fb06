"""Whether other heads, or other ways to use them, make more of the same encoders.

``python examples/benchmarks/bench_probe_variants.py`` takes the mutations and the microsatellite
instability of ``bench_probe.py``, eight tasks of six groups of features. In each of 5 folds heads
are cross-fitted in five folds of the training part and fused with constant weights, which are quick
to fit. Heads: the default one; on features that are clipped at 3 robust standard deviations from
the median; with the largest penalty whose cross-validated loss is within 0.005 nats of the
smallest. Ways: heads fitted on all of the training part, as LogitProd has them; in their place the
mean of the log-probabilities of the five heads of the folds; and one head on all features as one
more expert. Prints mean held-out log-losses, and the differences from the first over all folds with
standard errors. ``--repeats`` repeats the folds.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from bench_views import problems
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from tasks import data_directory

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.experts import LogisticHead, on_all_views, on_view

LEAST = 1e-12


class Clip(TransformerMixin, BaseEstimator):
    """Features in robust standard deviations from their median, cut off at 3."""

    def fit(self, X, y=None):
        X = np.asarray(X, dtype=np.float64)
        low, self.median_, high = np.percentile(X, [25, 50, 75], axis=0)
        std, robust = X.std(axis=0), (high - low) / 1.349
        self.scale_ = np.where(robust > 0, robust, np.where(std > 0, std, 1.0))
        return self

    def transform(self, X):
        return np.clip((np.asarray(X, dtype=np.float64) - self.median_) / self.scale_, -3.0, 3.0)


class Stronger(LogisticHead):
    """The largest penalty that is within 0.005 nats of the best one."""

    def fit(self, X, y, sample_weight=None, groups=None):
        super().fit(X, y, sample_weight, groups)
        near = np.flatnonzero(self.cv_losses_ <= np.nanmin(self.cv_losses_) + 0.005)
        head = LogisticHead(prior_variances=[np.unique(self.prior_variances)[near[0]]])
        vars(self).update({k: v for k, v in vars(head.fit(X, y)).items() if k.endswith("_")})
        return self


HEADS = {
    "default": LogisticHead(random_state=0),
    "clipped": make_pipeline(Clip(), LogisticHead(random_state=0)),
    "stronger": Stronger(random_state=0),
}


def said(expert, X):
    return np.log(np.clip(expert.predict_proba(X), LEAST, 1.0))


def losses(head, X, y, test_X, test_y):
    """Held-out log-loss of each way."""
    views = list(dict.fromkeys(X.columns.get_level_values(0)))
    experts = [on_view(view, clone(head)) for view in views] + [on_all_views(clone(head))]
    folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(X, y))
    shape = (len(experts), len(np.unique(y)))
    known, new, mean = (np.zeros((len(own), *shape)) for own in (X, test_X, test_X))
    for m, expert in enumerate(experts):
        for train, rest in folds:
            own = clone(expert).fit(X.iloc[train], y[train])
            known[rest, m] = said(own, X.iloc[rest])
            mean[:, m] += said(own, test_X) / len(folds)
        new[:, m] = said(clone(expert).fit(X, y), test_X)

    def fused(values, n_experts):
        model = LogitProdClassifier(gate_width=None, random_state=0, input="logits")
        model.fit(known[:, :n_experts].reshape(len(X), n_experts, -1), y)
        return log_loss(test_y, model.predict_proba(values[:, :n_experts]))

    return {
        "LogitProd": fused(new, len(views)),
        "mean of fold heads": fused(mean, len(views)),
        "one more expert": fused(new, len(experts)),
        "concatenation": log_loss(test_y, np.exp(new[:, -1])),
        "its fold heads": log_loss(test_y, np.exp(log_softmax(mean[:, -1], axis=1))),
    }


def run(folder, n_repeats):
    rows = {name: [] for name in HEADS}
    for task, X, y, _ in problems(folder):
        if not task.startswith("hif"):
            continue
        for repeat in range(n_repeats):
            folds = StratifiedKFold(5, shuffle=True, random_state=repeat)
            for train, test in folds.split(X, y):
                for name, head in HEADS.items():
                    own = losses(head, X.iloc[train], y[train], X.iloc[test], y[test])
                    rows[name].append(own)
        print(task, {name: round(own[-1]["LogitProd"], 4) for name, own in rows.items()})
    tables = {name: pd.DataFrame(own) for name, own in rows.items()}
    print(pd.DataFrame({name: own.mean() for name, own in tables.items()}).T.round(4).to_string())
    first = tables["default"]["LogitProd"]
    print("\ndifference from the first, and its standard error over folds")
    for name, own in tables.items():
        for way in own:
            gap = own[way] - first
            print(f"{name:10s} {way:20s} {gap.mean():+.4f} {gap.sem():.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="directory of the development collection")
    parser.add_argument("--repeats", type=int, default=1)
    arguments = parser.parse_args()
    run(data_directory(arguments.data), arguments.repeats)
