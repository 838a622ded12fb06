"""How few experts suffice: paths through the experts of real tasks, and their seconds.

``python examples/benchmarks/bench_expert_path.py`` takes the fit rows of one problem of each task
and part. The smallest number of experts within one standard error of all is found there; pools of
constant weights of these and of all experts, fitted on the same rows, are then compared on the
test rows, which no path has seen. Needs the development collection (see ``tasks.py``) and the bank
(see ``bank.py``).
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict

import numpy as np
from bank import bank_problems
from tasks import add_data_arguments, load_tasks

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.deployment import expert_path

TASKS = (
    "bach4",
    "camelyon16_predictions",
    "cifar10_two_nets",
    "ecg_abnormalities",
    "flusight_ratechange_2023_24",
    "glioma_grade_pathgraph",
    "imagenet16_distortions",
    "sklearn_cancer_trees",
    "sklearn_digits_trees",
    "support2_3class",
)


def fitted(proba, y, groups):
    """Constant weights on probabilities."""
    model = LogitProdClassifier(gate_width=None, input="proba", classes=np.arange(proba.shape[2]))
    return model.fit(proba, y, groups=groups)


def test_losses(problem, experts):
    """Log-loss of each test row, by a fit on some experts; base rates where it has none."""
    known = ~np.isnan(problem.fit_proba[:, experts, 0]).all(axis=1)
    groups = None if problem.fit_groups is None else problem.fit_groups[known]
    model = fitted(problem.fit_proba[known][:, experts], problem.fit_y[known], groups)
    tested = ~np.isnan(problem.test_proba[:, experts, 0]).all(axis=1)
    rates = np.bincount(problem.fit_y, minlength=problem.fit_proba.shape[2]) + 1.0
    losses = -np.log(rates / rates.sum())[problem.test_y]
    y = problem.test_y[tested]
    log_proba = model.predict_log_proba(problem.test_proba[tested][:, experts])
    losses[tested] = -log_proba[np.arange(len(y)), y]
    return losses


def measured(problem):
    """The path of a problem, its CPU seconds, and the excess of its pool on the test rows."""
    given = problem.fit_proba, problem.fit_y
    model = fitted(*given, problem.fit_groups)
    start = time.process_time()
    path = expert_path(model, *given, groups=problem.fit_groups)
    seconds = time.process_time() - start
    few = sorted(model.expert_names_.index(name) for name in path.sufficient)
    everything = list(range(problem.fit_proba.shape[1]))
    excess = test_losses(problem, few).mean() - test_losses(problem, everything).mean()
    return path, seconds, float(excess)


def print_row(name, path, seconds, excess):
    """One row of the table of tasks."""
    few = path.table.iloc[path.n_sufficient - 1]
    print(
        f"{name:32s} {path.n_samples:6d} {path.n_experts:7d} {path.n_sufficient:7d} "
        f"{few['log_loss']:8.4f} {path.all_log_loss:8.4f} {excess:8.4f} {seconds:8.1f}",
        flush=True,
    )


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_arguments(parser)
    parser.add_argument("--tasks", nargs="*", default=TASKS, help="of the collection")
    parser.add_argument("--no-bank", action="store_true", help="the collection alone")
    arguments = parser.parse_args()
    print("held-out log-loss of few experts and of all, excess of few on test rows, CPU seconds")
    print(
        f"{'task':32s} {'rows':>6s} {'experts':>7s} {'suffice':>7s} {'few':>8s} {'all':>8s} "
        f"{'test':>8s} {'seconds':>8s}"
    )
    for task in load_tasks(arguments.data, names=tuple(arguments.tasks), cache=arguments.cache):
        seen = set()
        for problem in task.problems(seed=0):
            part = problem.split_id.partition("/")[0]
            if part not in seen:
                seen.add(part)
                print_row(f"{task.name} {part}", *measured(problem))
    if arguments.no_bank:
        return
    found = defaultdict(list)
    for name, problem in bank_problems(0):
        if len(np.unique(problem.fit_y)) < 2 or np.bincount(problem.fit_y)[problem.fit_y].min() < 2:
            continue
        path, seconds, excess = measured(problem)
        family = name.rsplit("__", 1)[1]
        found[family].append((path.n_experts, path.n_sufficient, excess, seconds))
    print("bank: mean number of experts, of those that suffice, excess on test rows, seconds")
    for family, values in sorted(found.items()):
        experts, few, excess, seconds = np.mean(values, axis=0)
        print(
            f"{family:32s} {len(values):6d} {experts:7.1f} {few:7.1f} {excess:8.4f} {seconds:8.1f}"
        )


if __name__ == "__main__":
    main()
