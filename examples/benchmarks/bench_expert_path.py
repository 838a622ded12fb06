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
from survival_tasks import load_survival_tasks
from tasks import add_data_arguments, load_tasks

from sklearn_logitprod import LogitProdClassifier, LogitProdSurvival
from sklearn_logitprod.deployment import expert_path
from sklearn_logitprod.estimators.base import likelihood_of
from sklearn_logitprod.estimators.inference import fused_log_proba

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
SURVIVAL = ("survival_mcat_blca", "survival_mcat_brca", "survival_mcat_luad")


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


def fitted_survival(problem, experts):
    """Constant weights on risks or curves of some experts."""
    model = LogitProdSurvival(gate_width=None, **problem.params)
    return model.fit(problem.fit_X[:, experts], problem.fit_y)


def survival_test_losses(problem, experts):
    """Log-loss of each test row over the intervals, by a fit on some experts."""
    model = fitted_survival(problem, experts)
    likelihood = likelihood_of(model, problem.test_y, len(problem.test_y))
    return likelihood.loss(fused_log_proba(model, problem.test_X[:, experts]))


def measured(model, problem, X, y, groups, losses):
    """The path of a problem, its CPU seconds, and the excess of its pool on the test rows."""
    start = time.process_time()
    path = expert_path(model, X, y, groups=groups)
    seconds = time.process_time() - start
    few = sorted(model.expert_names_.index(name) for name in path.sufficient)
    everything = list(range(model.n_experts_))
    excess = losses(problem, few).mean() - losses(problem, everything).mean()
    return path, seconds, float(excess)


def measured_classes(problem):
    """The same of a classification problem."""
    given = problem.fit_proba, problem.fit_y, problem.fit_groups
    return measured(fitted(*given), problem, *given, test_losses)


def measured_survival(problem):
    """The same of a survival problem."""
    model = fitted_survival(problem, list(range(problem.fit_X.shape[1])))
    given = problem.fit_X, problem.fit_y, None
    return measured(model, problem, *given, survival_test_losses)


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
                print_row(f"{task.name} {part}", *measured_classes(problem))
    for task in load_survival_tasks(arguments.data, SURVIVAL, arguments.cache):
        print_row(task.name, *measured_survival(next(task.problems(seed=0))))
    if arguments.no_bank:
        return
    found = defaultdict(list)
    for name, problem in bank_problems(0):
        path, seconds, excess = measured_classes(problem)
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
