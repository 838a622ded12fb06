"""A growing library: `add_expert` against a fit with all experts from the start.

``python examples/benchmarks/bench_extend.py`` fits the automatic gate on all experts but one, adds
the one left out on the same rows, and scores the test rows; beside it the model without the expert
and a fit on all of them. The expert left out is the last one and the weightiest one in turn. Needs
the bank (``bank.py``) and the development collection (``tasks.py``).
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import numpy as np
from bank import N_REPEATS, bank_problems
from bench_adapt import estimator, losses
from tasks import add_data_arguments, load_tasks

from sklearn_logitprod.deployment import add_expert


def compared(problem):
    """Log-loss without the expert, added, and refitted, for each expert that is left out."""
    proba, y, groups = problem.fit_proba, problem.fit_y, problem.fit_groups
    n_experts = proba.shape[1]
    full = estimator(proba.shape[2]).fit(proba, y, groups=groups)
    whole = losses(full, problem.test_proba, problem.test_y).mean()
    for kind, out in (("last", n_experts - 1), ("weightiest", full.mean_expert_weights_.argmax())):
        order = np.append(np.delete(np.arange(n_experts), out), out)
        fit, test = proba[:, order], problem.test_proba[:, order]
        # rows that have none of the other experts can be told by none
        if np.isnan(fit[:, :-1, 0]).all(axis=1).any() or n_experts < 3:
            continue
        if np.isnan(test[:, :-1, 0]).all(axis=1).any():
            continue
        old = estimator(proba.shape[2]).fit(fit[:, :-1], y, groups=groups)
        new = add_expert(old, fit, y, groups=groups)
        before = losses(old, test[:, :-1], problem.test_y).mean()
        yield kind, before, losses(new, test, problem.test_y).mean(), whole


def all_problems(arguments):
    """Families and their problems."""
    for repeat in range(arguments.repeats):
        for name, problem in bank_problems(repeat):
            yield f"bank, {name.rsplit('__', 1)[1]}", problem
    if not arguments.bank_only:
        for task in load_tasks(arguments.data):
            for problem in task.problems(seed=0):
                yield "development collection", problem


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_arguments(parser)
    parser.add_argument("--repeats", type=int, default=N_REPEATS, help="of the bank")
    parser.add_argument("--bank-only", action="store_true", help="leave the collection out")
    arguments = parser.parse_args()
    found = defaultdict(list)
    for family, problem in all_problems(arguments):
        for kind, *values in compared(problem):
            found[family, kind].append(values)
            found["all", "both"].append(values)
    print("log-loss in nats: without the expert, added, fitted with all from the start")
    head = ("without", "added", "refitted", "added - refitted", "fits")
    print(f"{'tasks':26s}{'left out':12s}" + "".join(f"{name:>18s}" for name in head))
    for (family, kind), values in sorted(found.items()):
        before, after, whole = np.mean(values, axis=0)
        figures = f"{before:18.4f}{after:18.4f}{whole:18.4f}{after - whole:18.4f}"
        print(f"{family:26s}{kind:12s}{figures}{len(values):18d}")


if __name__ == "__main__":
    main()
