"""What was tried for the automatic gate: candidates, and ways to mix them.

``python examples/benchmarks/bench_path.py`` fits a wide set of candidates on every task,
under cross-validation and on all fit rows, and prints for each candidate and for each way
of mixing them the mean and the worst excess of its held-out log-loss over the best of all
that were tried on that task: the log ratio, with 0.02 nats added to both so that tasks on which
nearly nothing is lost do not decide. Last comes what the choice of a path is worth on tables that
took no part in it: each is judged by the path that is best on all others. Of tasks with many large
problems only the first ones are taken, see ``--most``.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from bank import load_bank_tasks
from bank_tables import NATS
from rivals import CLIP
from scipy.special import logsumexp, softmax
from tasks import add_data_arguments, load_tasks
from threadpoolctl import threadpool_limits

from sklearn_logitprod.fusion.likelihood import ClassLabels
from sklearn_logitprod.outputs.classes import read_outputs
from sklearn_logitprod.targets.folds import fold_rows
from sklearn_logitprod.training.data import FitData, design_effect
from sklearn_logitprod.training.path import fixed_candidates, mixing_shares
from sklearn_logitprod.training.prior import EQUAL_WEIGHTS, HeadSpec
from sklearn_logitprod.training.trainer import Settings, Trainer

BASE = HeadSpec()
EQUAL = replace(BASE, bias_prior=EQUAL_WEIGHTS)
GATE = replace(BASE, gate_width=0)
GROUPS = [
    [replace(BASE, strength=s) for s in (0.3, 1.0, 3.0, 10.0, 30.0)],
    [EQUAL],
    [replace(GATE, alpha=a) for a in (100.0, 30.0, 10.0)],
    [replace(BASE, cross_class=c) for c in (300.0, 100.0, 30.0, 10.0, 3.0, 1.0, 0.3)],
    [replace(EQUAL, cross_class=10.0)],
    [replace(GATE, alpha=30.0, cross_class=c) for c in (30.0, 10.0)],
    [replace(BASE, gate_width=8, alpha=a) for a in (100.0, 30.0)],
]
EARLIER = {
    "constant": 0.2,
    "constant, strength=10": 0.2,
    "constant, cross_class=100": 0.1,
    "constant, cross_class=10": 0.1,
    "linear, alpha=30, cross_class=30": 0.2,
    "best expert": 0.25,
    "mean of probabilities": 0.2,
}
NOW = {
    "constant": 0.2,
    "equal weights": 0.3,
    "constant, cross_class=10": 0.15,
    "constant, cross_class=0.3": 0.0002,
    "linear, alpha=30, cross_class=30": 0.2,
    "best expert": 0.1,
    "mean of probabilities": 0.3,
}
WEAK = [f"constant, cross_class={penalty}" for penalty in (0.3, 1, 3)]
# what was changed in the path, one thing at a time
VARIANTS = {
    "best expert 0.25": {"best expert": 0.25},
    "mean of probabilities 0.1": {"mean of probabilities": 0.1},
    "equal weights 0.1": {"equal weights": 0.1},
    "without equal weights": {"equal weights": 0.0},
    "constant at strength 10 instead of equal weights": {
        "equal weights": 0.0,
        "constant, strength=10": 0.2,
    },
    "without cross_class=0.3": {"constant, cross_class=0.3": 0.0},
    "cross_class=0.3 0.02": {"constant, cross_class=0.3": 0.02},
    "cross_class=1 0.02 instead of 0.3": {
        "constant, cross_class=0.3": 0.0,
        "constant, cross_class=1": 0.02,
    },
    "cross_class=3 0.05 instead of 0.3": {
        "constant, cross_class=0.3": 0.0,
        "constant, cross_class=3": 0.05,
    },
    "correction at 10 of equal weights": {
        "constant, cross_class=10": 0.0,
        "equal weights, cross_class=10": 0.15,
    },
    "gate with a correction at 10": {
        "linear, alpha=30, cross_class=30": 0.0,
        "linear, alpha=30, cross_class=10": 0.2,
    },
    "gate without a correction": {
        "linear, alpha=30, cross_class=30": 0.0,
        "linear, alpha=30": 0.2,
    },
    "without a gate": {"linear, alpha=30, cross_class=30": 0.0},
}
PATH = "path: stacked, prior x 1"
SEPARATOR = "__"  # between table and family of experts, in names of the bank's tasks
LARGE = 4000  # fit rows from which on only the first --most problems of a task are taken


def fit_data(proba, y, groups=None):
    """Fit data of probabilities."""
    outputs = read_outputs(proba, "proba", np.arange(proba.shape[2]))
    sets = ClassLabels(y)
    return FitData(outputs.log_proba, outputs.shape, sets, True, "default", groups)


def try_candidates(problem, n_folds):
    """By name: scores of the fit rows without their fold, and of the test rows."""
    groups, y = problem.fit_groups, problem.fit_y
    if groups is not None:
        groups = np.unique(groups, return_inverse=True)[1]
    data, test = (
        fit_data(problem.fit_proba, y, groups),
        fit_data(problem.test_proba, problem.test_y),
    )
    folds = fold_rows(n_folds, y, groups, np.arange(len(y)), 0)
    weights = np.ones((len(folds), len(y)))
    for own, held_out in zip(weights, folds, strict=True):
        own[held_out] = 0.0
    whole = Trainer(data, np.ones((1, len(y))), Settings(), lambda spec: 1e-5)
    inside = Trainer(data, weights, Settings(), lambda spec: 1e-4, whole, same_data=True)

    def held_out_scores(scores):
        out = np.empty(scores.shape[1:])
        for own, rows in zip(scores, folds, strict=True):
            out[rows] = own[rows]
        return out

    tried = {}
    for specs in GROUPS:
        fitted, under_cv = whole.fit(specs), inside.fit(specs).scores()
        for i, spec in enumerate(specs):
            scores = held_out_scores(under_cv[i :: len(specs)])
            tried[spec.describe()] = scores, test.scores([fitted.head(i)])[0]
    for name, _, heads in fixed_candidates(data):
        scores = data.scores(heads)
        losses = data.likelihood.loss(scores)
        chosen = [int(np.argmin(losses @ weight)) for weight in weights]
        best = int(np.argmin(losses.sum(axis=1)))
        tried[name] = held_out_scores(scores[chosen]), test.scores([heads[best]])[0]
    losses, shares = data.centre_losses
    weight = np.full(len(y), 1.0 / design_effect(losses, np.ones(len(y)), groups, shares))
    return tried, data.likelihood, weight


def taken(prior, tried):
    """Names and masses of the candidates that a path has: weak corrections of two classes alone."""
    n_classes = next(scores.shape[1] for _, scores in tried.values())
    kept = {
        name: mass
        for name, mass in prior.items()
        if mass and name in tried and (n_classes == 2 or name not in WEAK)
    }
    return list(kept), np.array(list(kept.values()))


def ways(tried, sets, weight):
    """By name: held-out scores of each candidate and of each way of mixing."""
    out = {name: scores for name, (_, scores) in tried.items()}
    losses = {name: weight @ sets.loss(own) for name, (own, _) in tried.items()}
    for label, prior in (("earlier path", EARLIER), ("path", NOW)):
        names, mass = taken(prior, tried)
        total = np.array([losses[name] for name in names])
        test = np.array([tried[name][1] for name in names])
        out[f"{label}: winner"] = test[np.argmin(total)]
        for eta in (0.25, 0.5, 1.0):
            shares = softmax(np.log(mass) - eta * total)
            out[f"{label}: exponential, {eta:g}"] = np.tensordot(shares, test, 1)
        under_cv = np.array([tried[name][0] for name in names])
        for kappa in (0.5, 1.0, 2.0):
            shares = mixing_shares(under_cv, sets, weight / kappa, mass / mass.sum())
            out[f"{label}: stacked, prior x {kappa:g}"] = np.tensordot(shares, test, 1)
    for label, change in VARIANTS.items():
        names, mass = taken(NOW | change, tried)
        under_cv, test = (np.array(part) for part in zip(*map(tried.get, names), strict=True))
        shares = mixing_shares(under_cv, sets, weight, mass / mass.sum())
        out[f"path, {label}"] = np.tensordot(shares, test, 1)
    return out


def log_loss(scores, y):
    log_proba = scores - logsumexp(scores, axis=1, keepdims=True)
    return float(-np.maximum(log_proba[np.arange(len(y)), y], np.log(CLIP)).mean())


def load_all(options):
    """Tasks of the bank, whose names have two parts, and of the development collection."""
    wanted = options.tasks
    banked = None if wanted is None else [name for name in wanted if SEPARATOR in name]
    yield from load_bank_tasks(options.bank, banked)
    others = None if wanted is None else [name for name in wanted if SEPARATOR not in name]
    if others is None or others:
        yield from load_tasks(options.data, others, options.cache)


def report(table):
    """Print the excess of all ways over the best on each task.

    Parameters
    ----------
    table : DataFrame of shape (n_tasks, n_ways)
        Held-out log-loss, in nats; NaN where a candidate would be too large.
    """
    excess = 100 * np.log(table + NATS).sub(np.log(table.min(axis=1) + NATS), axis=0)
    banked = excess.index.str.contains(SEPARATOR)
    columns = {
        "mean %": excess.mean(),
        "bank": excess[banked].mean(),
        "data": excess[~banked].mean(),
        "worst": excess.max(),
        "on": excess.idxmax(),
    }
    print(f"log ratio of held-out log-loss + {NATS} nats to the best, {len(table)} tasks\n")
    print(pd.DataFrame(columns).to_string(float_format="{:.2f}".format))
    paths = [name for name in excess if name.startswith("path, ")] + [PATH]
    best, left_out, chosen = leave_tables_out(excess[paths])
    print(f"\nmean %, {best}, which is best on all tables: {excess[best].mean():.2f}")
    print(f"mean %, for each table the best on all others: {left_out.mean():.2f}")
    print("which is " + "; ".join(f"{name} on {n} tasks" for name, n in chosen.items()))


def leave_tables_out(excess):
    """What a choice among ways is worth on tables that took no part in it.

    Parameters
    ----------
    excess : DataFrame of shape (n_tasks, n_ways)

    Returns
    -------
    best : str
        The way that is best on all tables.
    left_out : ndarray of shape (n_tasks,)
        Excess of the way that is best on all other tables.
    chosen : Series of int
        On how many tasks each way is.
    """
    tables = excess.index.str.split(SEPARATOR).str[0]
    chosen = [excess[tables != table].mean().idxmin() for table in tables]
    left_out = [excess.at[task, name] for task, name in zip(excess.index, chosen, strict=True)]
    return excess.mean().idxmin(), np.array(left_out), pd.Series(chosen).value_counts()


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_arguments(parser)
    parser.add_argument("--bank", type=Path, help="directory of the bank")
    parser.add_argument("--tasks", nargs="+", help="names of tasks or files, instead of all")
    parser.add_argument("--repeats", type=int, default=2, help="repeats of the protocols")
    parser.add_argument("--most", type=int, default=2, help="problems of a large task, per repeat")
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args(argv)
    table = {}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for task in load_all(options):
            losses = {}
            for seed in range(options.repeats):
                for i, problem in enumerate(task.problems(seed)):
                    if i >= options.most and len(problem.fit_y) >= LARGE:
                        break
                    tried = try_candidates(problem, options.folds)
                    for name, scores in ways(*tried).items():
                        losses.setdefault(name, []).append(log_loss(scores, problem.test_y))
            table[task.name] = {name: np.mean(values) for name, values in losses.items()}
            print(f"{task.name} done", file=sys.stderr, flush=True)
    report(pd.DataFrame(table).T)


if __name__ == "__main__":
    main()
