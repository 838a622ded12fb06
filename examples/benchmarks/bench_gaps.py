"""What a fitted model is worth elsewhere: experts that are missing only at prediction.

``python examples/benchmarks/bench_gaps.py`` fits the automatic gate on every task, of classes and
of survival, predicts the test rows without some of the experts, and compares with a fit on exactly
the experts that remain. Before: weights are renormalised, nothing else. Needs the bank (see
``bank.py``) and the development collection (see ``tasks.py`` and ``survival_tasks.py``).
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import defaultdict
from dataclasses import dataclass, replace
from unittest import mock

import numpy as np
from bank import N_REPEATS, bank_problems, bank_survival_problems
from survival_tasks import load_survival_tasks
from tasks import add_data_arguments, load_tasks

from sklearn_logitprod import LogitProdClassifier, LogitProdSurvival
from sklearn_logitprod.deployment.fitted import pooled
from sklearn_logitprod.estimators.base import likelihood_of, outputs_of
from sklearn_logitprod.training import fit as training_fit

TASKS = ("camelyon16_predictions", "glioma_grade_pathgraph", "cifar10_two_nets")
CONDITIONS = ("weightiest", "one at random", "30 % at random", "half")


@dataclass(frozen=True)
class Case:
    """One problem of either kind: experts lie along the second axis of ``fit_X`` and ``test_X``."""

    estimator: LogitProdClassifier | LogitProdSurvival
    fit_X: np.ndarray
    fit_y: np.ndarray
    fit_groups: np.ndarray | None
    test_X: np.ndarray
    test_y: np.ndarray

    @classmethod
    def of(cls, problem):
        """Of a `Problem` or a `SurvivalProblem`."""
        if hasattr(problem, "params"):
            model = LogitProdSurvival(**problem.params)
            fit, test = (problem.fit_X, problem.fit_y), (problem.test_X, problem.test_y)
            return cls(model, *fit, None, *test)
        n_classes = problem.fit_proba.shape[2]
        model = LogitProdClassifier(input="proba", classes=np.arange(n_classes))
        fit = problem.fit_proba, problem.fit_y, problem.fit_groups
        return cls(model, *fit, problem.test_proba, problem.test_y)

    def fitted(self, rows=slice(None), experts=slice(None), **params):
        """The automatic gate on some rows and experts, and the CPU seconds of its fit."""
        model = type(self.estimator)(**self.estimator.get_params(deep=False) | params)
        groups = None if self.fit_groups is None else self.fit_groups[rows]
        start = time.process_time()
        model.fit(self.fit_X[rows][:, experts], self.fit_y[rows], groups=groups)
        return model, time.process_time() - start


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


def log_loss(model, X, y, pool=None):
    """Mean negative log-likelihood in nats, of a model or of another pool in its place."""
    scores = pooled(pool or model.pool_, outputs_of(model, X))
    return float(likelihood_of(model, y, len(y)).loss(scores).mean())


def has_experts(X, experts):
    """Rows that have at least one of some experts."""
    own = X[:, experts].reshape(len(X), len(experts), -1)
    return ~np.isnan(own[:, :, 0]).all(axis=1)


def without(case, model, missing):
    """Test rows that lack experts, their outcomes, and the log-loss of a refit on the others."""
    left = np.setdiff1d(np.arange(case.fit_X.shape[1]), missing)
    # a refit on fewer rows must not cut time elsewhere
    same = {"times": model.unique_times_} if hasattr(model, "unique_times_") else {}
    refit, _ = case.fitted(has_experts(case.fit_X, left), left, **same)
    tested = has_experts(case.test_X, left)
    X, y = case.test_X[tested].copy(), case.test_y[tested]
    best = log_loss(refit, X[:, left], y)
    X[:, missing] = np.nan
    return X, y, best


def excess(case, model, missing):
    """Log-loss above that of a refit, renormalising and as fitted."""
    X, y, best = without(case, model, missing)
    before = log_loss(model, X, y, replace(model.pool_, gaps=None))
    return before - best, log_loss(model, X, y) - best


def all_cases(arguments):
    """Families of tasks and their problems."""
    for repeat in range(arguments.repeats):
        if arguments.kind != "survival":
            for name, problem in bank_problems(repeat):
                yield f"bank, {name.rsplit('__', 1)[1]}", problem
        if arguments.kind != "classes":
            for _, source, problem in bank_survival_problems(repeat):
                yield f"survival bank, {source}", problem
    if arguments.kind != "survival":
        for task in load_tasks(arguments.data, names=TASKS):
            for problem in task.problems(seed=0):
                yield task.name, problem
    if arguments.kind != "classes":
        for task in load_survival_tasks(arguments.data, cache=arguments.cache):
            for problem in task.problems(seed=0):
                yield task.name, problem


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_arguments(parser)
    parser.add_argument("--repeats", type=int, default=N_REPEATS, help="of the bank")
    parser.add_argument("--kind", choices=("both", "classes", "survival"), default="both")
    arguments = parser.parse_args()
    # the risk of one network does not tell patients apart, and small cohorts have few events
    for known in ("The risk of expert", ".* intervals hold no event"):
        warnings.filterwarnings("ignore", message=known)
    found, ratios, seconds = defaultdict(list), [], np.zeros(2)
    for number, (family, problem) in enumerate(all_cases(arguments)):
        case = Case.of(problem)
        with mock.patch.object(training_fit, "fit_gaps", return_value=None):
            _, spared = case.fitted()
        model, own = case.fitted()
        ratios.append(own / spared)
        seconds += own, spared
        random = np.random.default_rng(number)
        for condition in CONDITIONS:
            drawn = patterns(condition, model.mean_expert_weights_, random)
            both = np.mean([excess(case, model, missing) for missing in drawn], axis=0)
            found[condition, family].append(both)
    print("excess of log-loss over a refit on the experts that remain, in nats")
    head = f"{'renormalised':>12s} {'as fitted':>10s} {'ratio':>7s} {'better on':>12s}"
    print(f"{'missing':15s} {'tasks':24s} {head}")
    for (condition, family), values in sorted(found.items()):
        before, after = np.mean(values, axis=0)
        better = f"{sum(own[1] < own[0] for own in values)} of {len(values)}"
        figures = f"{before:12.4f} {after:10.4f} {after / before:7.2f} {better:>12s}"
        print(f"{condition:15s} {family:24s} {figures}")
    print(
        f"CPU time of a fit, with and without: all {seconds[0] / seconds[1]:.2f}, "
        f"median {np.median(ratios):.2f}"
    )


if __name__ == "__main__":
    main()
