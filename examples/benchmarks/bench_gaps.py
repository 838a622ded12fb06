"""What a fitted model is worth elsewhere: experts that are missing only at prediction.

``python examples/benchmarks/bench_deployment.py`` fits the automatic gate on every task, predicts
the test rows without some of the experts, and compares with a fit on exactly the experts that
remain. Before: weights are renormalised, nothing else. Needs the bank (see ``bank.py``) and the
development collection (see ``tasks.py``).
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from dataclasses import replace
from unittest import mock

import numpy as np
from bank import N_REPEATS, bank_problems
from tasks import add_data_arguments, load_tasks

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.training import fit as training_fit

TASKS = ("camelyon16_predictions", "glioma_grade_pathgraph", "cifar10_two_nets")
CONDITIONS = ("weightiest", "one at random", "30 % at random", "half")


def fitted(proba, y, groups):
    """The automatic gate on probabilities, and the CPU seconds of its fit."""
    model = LogitProdClassifier(input="proba", classes=np.arange(proba.shape[2]))
    start = time.process_time()
    return model.fit(proba, y, groups=groups), time.process_time() - start


def patterns(condition, weights, random):
    """Missing experts, some draws of them."""
    n_experts = len(weights)
    if condition == "weightiest":
        return [[int(np.argmax(weights))]]
    if condition == "one at random":
        return [[int(random.integers(n_experts))] for _ in range(2)]
    if condition == "half":
        return [sorted(random.permutation(n_experts)[: n_experts // 2].tolist()) for _ in range(2)]
    out = []
    while len(out) < 2:
        drawn = np.flatnonzero(random.random(n_experts) < 0.3).tolist()
        if 0 < len(drawn) < n_experts:
            out.append(drawn)
    return out


def log_loss(model, proba, y):
    """Mean log-loss in nats."""
    return -float(model.predict_log_proba(proba)[np.arange(len(y)), y].mean())


def excess(problem, model, missing):
    """Log-loss above that of a refit, renormalising and as fitted."""
    left = np.setdiff1d(np.arange(problem.fit_proba.shape[1]), missing)
    known = ~np.isnan(problem.fit_proba[:, left, 0]).all(axis=1)
    tested = ~np.isnan(problem.test_proba[:, left, 0]).all(axis=1)
    groups = None if problem.fit_groups is None else problem.fit_groups[known]
    refit, _ = fitted(problem.fit_proba[known][:, left], problem.fit_y[known], groups)
    y, proba = problem.test_y[tested], problem.test_proba[tested]
    best = log_loss(refit, proba[:, left], y)
    gapped = proba.copy()
    gapped[:, missing] = np.nan
    whole = model.pool_
    after = log_loss(model, gapped, y)
    model.pool_ = replace(whole, gaps=None)
    before = log_loss(model, gapped, y)
    model.pool_ = whole
    return before - best, after - best


def all_problems(arguments):
    """Families, tasks and their problems."""
    for repeat in range(arguments.repeats):
        for name, problem in bank_problems(repeat):
            yield f"bank, {name.rsplit('__', 1)[1]}", name, problem
    for task in load_tasks(arguments.data, names=TASKS):
        for problem in task.problems(seed=0):
            yield task.name, task.name, problem


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_arguments(parser)
    parser.add_argument("--repeats", type=int, default=N_REPEATS, help="of the bank")
    arguments = parser.parse_args()
    found, ratios, seconds = defaultdict(list), [], np.zeros(2)
    for number, (family, _, problem) in enumerate(all_problems(arguments)):
        given = problem.fit_proba, problem.fit_y, problem.fit_groups
        with mock.patch.object(training_fit, "fit_gaps", return_value=None):
            _, without = fitted(*given)
        model, own = fitted(*given)
        ratios.append(own / without)
        seconds += own, without
        random = np.random.default_rng(number)
        for condition in CONDITIONS:
            drawn = patterns(condition, model.mean_expert_weights_, random)
            both = np.mean([excess(problem, model, missing) for missing in drawn], axis=0)
            found[condition, family].append(both)
    print("excess of log-loss over a refit on the experts that remain, in nats")
    print(f"{'missing':15s} {'tasks':24s} {'renormalised':>12s} {'as fitted':>10s} {'ratio':>7s}")
    for (condition, family), values in sorted(found.items()):
        before, after = np.mean(values, axis=0)
        print(f"{condition:15s} {family:24s} {before:12.4f} {after:10.4f} {after / before:7.2f}")
    print(
        f"CPU time of a fit, with and without: all {seconds[0] / seconds[1]:.2f}, "
        f"median {np.median(ratios):.2f}"
    )


if __name__ == "__main__":
    main()
