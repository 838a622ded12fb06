"""What ``adapt_prior`` is worth: planted shifts of prevalence, and what it costs without one.

``python examples/benchmarks/bench_prior.py`` fits the automatic gate. *Planted*: on eight tasks,
one of each family of the development collection, the fit rows are thinned to equal classes if there
are two, and test rows are drawn, with repetition, with 3 % of one class, for more classes with
prevalences from a flat Dirichlet distribution; as many as there are, or 30; or by the same without
one of the classes. How much of the gap to the prevalence given by hand is closed: log-loss on the
test rows, weighted to the planted prevalence. *None*: test rows of the bank as they are. The simple
recipe is maximum a posteriori with a Dirichlet prior of 20 rows. Needs the bank (see ``bank.py``)
and the development collection (see ``tasks.py``).
"""

from __future__ import annotations

import argparse
import warnings
from collections import defaultdict
from dataclasses import replace

import numpy as np
from bank import N_REPEATS, bank_problems
from tasks import add_data_arguments, load_tasks

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.deployment import adapt_prior

TASKS = (
    "camelyon16_predictions",
    "glioma_grade_pathgraph",
    "bach4",
    "cifar10_two_nets",
    "kather_texture_2016_1500",
    "sklearn_cancer_trees",
    "sklearn_digits_trees",
    "support2_3class",
)
RARE = 0.03
SMALL = 30
CONDITIONS = ("all rows", f"{SMALL} rows", "class absent")


def simple_recipe(log_proba, fit_prior, strength=20.0):
    """Prevalence by expectation maximisation with a Dirichlet prior at that of the fit."""
    ratios, prior = np.exp(log_proba) / fit_prior, fit_prior
    for _ in range(1000):
        joint = ratios * prior
        joint /= joint.sum(axis=1, keepdims=True)
        new = (joint.sum(axis=0) + strength * fit_prior) / (len(joint) + strength)
        if np.abs(np.log(new / prior)).max() < 1e-7:
            break
        prior = new
    return new


def fitted(problem):
    """The automatic gate on the fit rows of a problem."""
    classes = np.arange(problem.fit_proba.shape[2])
    model = LogitProdClassifier(input="proba", classes=classes)
    return model.fit(problem.fit_proba, problem.fit_y, groups=problem.fit_groups)


def balanced(problem, random):
    """A problem of two classes with as many fit rows of each; others as they are."""
    counts = np.bincount(problem.fit_y)
    if len(counts) != 2:
        return problem
    kept = [random.permutation(np.flatnonzero(problem.fit_y == k))[: counts.min()] for k in (0, 1)]
    rows = np.sort(np.concatenate(kept))
    return replace(
        problem,
        fit_proba=problem.fit_proba[rows],
        fit_y=problem.fit_y[rows],
        fit_groups=None if problem.fit_groups is None else problem.fit_groups[rows],
    )


def loss(log_proba, y, shift, weight=None):
    """Mean log-loss in nats of log-probabilities that a log-ratio of prevalences moves."""
    scores = log_proba + shift
    scores = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    return -float(np.average(scores[np.arange(len(y)), y], weights=weight))


def estimates(model, proba):
    """Log-ratios of prevalence to that of the fit, by the simple recipe and as released."""
    before = model.class_prior_
    simple = simple_recipe(model.predict_log_proba(proba), before)
    return np.log(simple / before), np.log(adapt_prior(model, proba).class_prior_ / before)


def plantings(n_classes, random):
    """Prevalences that are planted."""
    if n_classes == 2:
        return np.array([[1.0 - RARE, RARE], [RARE, 1.0 - RARE]])
    return random.dirichlet(np.ones(n_classes), size=2)


def planted(model, problem, random):
    """Losses without, by both estimates and with the prevalence known, of each condition."""
    y, proba = problem.test_y, problem.test_proba
    log_proba = model.predict_log_proba(proba)
    share = np.bincount(y, minlength=log_proba.shape[1]) / len(y)
    if not share.all():
        return
    for prior in plantings(len(share), random):
        for condition in CONDITIONS:
            own, n_rows = prior, SMALL if condition == CONDITIONS[1] else len(y)
            if condition == CONDITIONS[2]:
                own = np.where(np.arange(len(prior)) == np.argmin(prior), 0.0, prior)
                own = own / own.sum()
            labels = random.choice(len(own), n_rows, p=own)
            rows = np.array([random.choice(np.flatnonzero(y == label)) for label in labels])
            # what is absent has no logarithm: known to be at most one row in X
            known = np.maximum(own, 1.0 / (n_rows + 1.0))
            exact = np.log(known / known.sum() / model.class_prior_)
            shifts = [0.0, *estimates(model, proba[rows]), exact]
            weight = (own / share)[y]
            yield condition, [loss(log_proba, y, shift, weight) for shift in shifts]


def planted_table(tasks, n_repeats):
    """Print how much of the gap each way closes."""
    print("planted shifts: log-loss in nats, and the share of the gap that is closed")
    print(
        f"{'rows':13s} {'task':26s} {'none':>7s} {'simple':>7s} {'adapted':>8s} {'known':>7s} "
        f"{'simple':>7s} {'adapted':>8s}"
    )
    found = defaultdict(list)
    for task in tasks:
        for repeat in range(n_repeats):
            for number, problem in enumerate(task.problems(seed=repeat)):
                random = np.random.default_rng([repeat, number])
                problem = balanced(problem, random)
                for condition, losses in planted(fitted(problem), problem, random):
                    found[condition, task.name].append(losses)
    total = defaultdict(list)
    for (condition, name), values in sorted(found.items()):
        total[condition].append(np.mean(values, axis=0))
        _print_row(condition, name, total[condition][-1])
    for condition, values in sorted(total.items()):
        _print_row(condition, f"all {len(values)}", np.mean(values, axis=0))
    return total


def _print_row(condition, name, losses):
    without, simple, adapted, known = losses
    gap = without - known
    print(
        f"{condition:13s} {name:26s} {without:7.3f} {simple:7.3f} {adapted:8.3f} {known:7.3f} "
        f"{(without - simple) / gap:7.2f} {(without - adapted) / gap:8.2f}"
    )


def costs(problems):
    """Mean cost of each task without a shift, by the simple recipe and adapted, in nats."""
    found = defaultdict(list)
    for number, (name, problem) in enumerate(problems):
        random = np.random.default_rng(number)
        model, y = fitted(problem), problem.test_y
        log_proba = model.predict_log_proba(problem.test_proba)
        before = loss(log_proba, y, 0.0)
        for n_rows in (len(y), SMALL):
            rows = random.permutation(len(y))[:n_rows]
            after = [loss(log_proba, y, own) for own in estimates(model, problem.test_proba[rows])]
            found[CONDITIONS[n_rows != len(y)], name].append(np.array(after) - before)
    return {key: np.mean(values, axis=0) for key, values in found.items()}


def costs_table(n_repeats):
    """Print what each way costs on the bank without a shift."""
    problems = (pair for repeat in range(n_repeats) for pair in bank_problems(repeat))
    found = costs(problems)
    print("bank without a shift: cost in log-loss, nats")
    print(f"{'rows':13s} {'recipe':9s} {'mean':>8s} {'worst':>8s}  worst task")
    for condition in CONDITIONS[:2]:
        own = {name: cost for (rows, name), cost in found.items() if rows == condition}
        for way, label in enumerate(("simple", "adapted")):
            worst = max(own, key=lambda name, way=way, own=own: own[name][way])
            mean = np.mean([cost[way] for cost in own.values()])
            print(f"{condition:13s} {label:9s} {mean:8.4f} {own[worst][way]:8.4f}  {worst}")


def main():
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_arguments(parser)
    parser.add_argument("--repeats", type=int, default=N_REPEATS, help="of the bank")
    parser.add_argument("--task-repeats", type=int, default=1, help="of the eight tasks")
    arguments = parser.parse_args()
    # rows of one table of the bank are in both parts
    warnings.filterwarnings("ignore", "adapt_prior was given rows")
    costs_table(arguments.repeats)
    tasks = load_tasks(arguments.data, names=TASKS, cache=arguments.cache)
    planted_table(tasks, arguments.task_repeats)


if __name__ == "__main__":
    main()
