"""Held-out quality over the survival tasks, against the targets.

``python examples/benchmarks/bench_survival.py`` runs repeated 3-fold over six cohorts and
prints, for each method, the concordance index, the negative log-likelihood over the
intervals and the integrated Brier score, then what is to be shown. See README.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time

import numpy as np
import pandas as pd
from scipy.special import logsumexp
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.utils import _safe_indexing
from survival_tasks import COHORTS, load_survival_tasks

from sklearn_logitprod import LogitProdSurvival
from sklearn_logitprod.fusion.events import (
    events_from_survival,
    label_sets_from_events,
    log_survival_from_log_events,
)
from sklearn_logitprod.fusion.likelihood import set_loss
from sklearn_logitprod.metrics import (
    concordance_index,
    integrated_brier_score,
    safe_time_grid,
)

OURS, CONSTANT, SINGLE = "LogitProd auto", "LogitProd constant", "best single (fit data)"
RANKS, CURVES, LOGITS = "rank averaging", "mean of curves", "mean of log-probabilities"
METHODS = (OURS, CONSTANT, SINGLE, RANKS, CURVES, LOGITS)
SCORES = ("C-index", "log-loss", "IBS")


def mean_present(values):
    """Mean over the experts present: (n_samples, n_experts, ...) to (n_samples, ...)."""
    return np.nanmean(values, axis=1)


def risk_of(distribution):
    """Minus the sum of survival over the times."""
    return -np.exp(log_survival_from_log_events(distribution)).sum(axis=-1)


def expert_risks(task, X, distributions):
    """Risk of each expert: its own where it gives one, else that of its curve."""
    if task.params.get("input") == "risk":
        return np.asarray(X, dtype=float)
    return risk_of(distributions)


def best_single(y, risks):
    """Position of the expert with the highest concordance on the rows it has."""
    scores = []
    for risk in risks.T:
        rows = ~np.isnan(risk)
        scores.append(concordance_index(y["event"][rows], y["time"][rows], risk[rows]))
    return int(np.argmax(scores))


def rank_average(fit_risks, test_risks):
    """Mean over experts of where a risk lies among those of the fit data."""
    places = np.full(test_risks.shape, np.nan)
    for expert in range(fit_risks.shape[1]):
        known = np.sort(fit_risks[~np.isnan(fit_risks[:, expert]), expert])
        own = test_risks[:, expert]
        both = np.searchsorted(known, own, "left") + np.searchsorted(known, own, "right")
        places[:, expert] = np.where(np.isnan(own), np.nan, both / (2.0 * len(known)))
    return mean_present(places)


def score(y_fit, y_test, times, risk, distribution=None):
    """Scores of a method on held-out samples; those of curves only where it has some."""
    out = {"C-index": concordance_index(y_test["event"], y_test["time"], risk)}
    if distribution is None:
        return out
    sets = label_sets_from_events(y_test["event"], y_test["time"], times)
    out["log-loss"] = set_loss(distribution, sets).mean()
    survival = np.exp(log_survival_from_log_events(distribution))
    grid = safe_time_grid(y_fit, y_test, times)
    if len(grid) > 1:
        kept = survival[:, np.isin(times, grid)]
        out["IBS"] = integrated_brier_score(y_fit, y_test, kept, grid)
    return out


def evaluate(task, fit_rows, test_rows, cache):
    """Scores of all methods on one split."""
    X_fit, X_test = (_safe_indexing(task.X, rows) for rows in (fit_rows, test_rows))
    y_fit, y_test = task.y[fit_rows], task.y[test_rows]
    model = LogitProdSurvival(memory=cache, **task.params)
    seconds = time.perf_counter()
    flat = model.fit_transform(X_fit, y_fit)
    seconds = time.perf_counter() - seconds
    times = model.unique_times_
    known = flat.reshape(len(flat), -1, len(times) + 1)
    new = model.expert_logits(X_test)
    fit_risks, test_risks = expert_risks(task, X_fit, known), expert_risks(task, X_test, new)
    # an expert that is missing gives way to the mean of those present
    filled = np.where(np.isnan(new), mean_present(new)[:, None], new)
    product = mean_present(new)
    product -= logsumexp(product, axis=1, keepdims=True)
    single = best_single(y_fit, fit_risks)
    one = test_risks[:, single]
    one = np.where(np.isnan(one), rank_like(fit_risks[:, single], test_risks), one)
    constant = clone(model).set_params(gate_width=None).fit(X_fit, y_fit)
    fused = {name: log_events(own, X_test) for name, own in ((OURS, model), (CONSTANT, constant))}
    curves = np.log(mean_present(np.exp(new)))
    methods = {
        OURS: (model.predict(X_test), fused[OURS]),
        CONSTANT: (constant.predict(X_test), fused[CONSTANT]),
        SINGLE: (one, filled[:, single]),
        RANKS: (rank_average(fit_risks, test_risks), None),
        CURVES: (risk_of(curves), curves),
        LOGITS: (risk_of(product), product),
    }
    gap = max(model.guarantee_gap_, constant.guarantee_gap_)
    for name, (risk, distribution) in methods.items():
        scores = score(y_fit, y_test, times, risk, distribution)
        yield {"method": name, **scores, "gap": gap, "seconds": seconds}


def log_events(model, X):
    """Fused log event distributions, floored where survival cannot tell them from 0."""
    events = events_from_survival(model.predict_survival_function(X, return_array=True))
    return np.log(np.maximum(events, 1e-12))


def rank_like(fit_risk, test_risks):
    """Risk of an expert where it is missing: the quantile where the others place the sample."""
    known = np.sort(fit_risk[~np.isnan(fit_risk)])
    place = rankdata(mean_present(test_risks)) / (len(test_risks) + 1)
    return np.quantile(known, place)


def targets(results):
    """Rows of what is to be shown: text, figure, whether it is met."""
    means = {
        name: results.pivot_table(index="task", columns="method", values=name) for name in SCORES
    }
    area = means["C-index"].mean()
    gain = area[OURS] - area[SINGLE]
    yield "mean C-index above the best single expert's, >= 0.02", f"{gain:.4f}", gain >= 0.02
    for other in (RANKS, CURVES):
        gain = area[OURS] - area[other]
        yield f"mean C-index above {other}", f"{gain:.4f}", gain > 0.0
    for name in ("log-loss", "IBS"):
        table = means[name]
        for other in (CURVES, LOGITS):
            better = (table[OURS] < table[other]).sum()
            text = f"{better} of {len(table)} tasks"
            yield f"{name} below that of {other} on most tasks", text, 2 * better > len(table)
    gap = results["gap"].max()
    yield "largest guarantee gap, <= 0", f"{gap:.1e}", gap <= 0.0


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="directory of the development collection")
    parser.add_argument("--tasks", nargs="+", choices=COHORTS, default=COHORTS, metavar="TASK")
    parser.add_argument("--repeats", type=int, default=5, help="repeats of the 3-fold protocol")
    parser.add_argument("--csv", help="write the scores of every split to this file")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    options = parser.parse_args(argv)
    rows = []
    with tempfile.TemporaryDirectory() as cache:
        for task in load_survival_tasks(options.data, options.tasks):
            start = time.perf_counter()
            for seed in range(options.repeats):
                for number, (fit_rows, test_rows) in enumerate(task.problems(seed)):
                    own = {"task": task.name, "repeat": seed, "split": number}
                    rows += [own | row for row in evaluate(task, fit_rows, test_rows, cache)]
            spent = time.perf_counter() - start
            print(f"{task.name}: {spent:.0f} s", file=sys.stderr, flush=True)
    results = pd.DataFrame(rows)
    if options.csv:
        results.to_csv(options.csv, index=False)
    for name in SCORES:
        table = results.pivot_table(index="task", columns="method", values=name)
        table.loc["mean"] = table.mean()
        print(f"\n{name}\n{table[[m for m in METHODS if m in table]].round(4).to_string()}")
    met = []
    print()
    for what, figure, good in targets(results):
        met.append(good)
        print(f"{what:64} {figure:24} {'met' if good else 'missed'}")
    return int(options.check and not all(met))


if __name__ == "__main__":
    sys.exit(main())
