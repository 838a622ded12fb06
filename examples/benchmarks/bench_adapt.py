"""A few labels of another site: what `adapt` is worth on distorted pictures, and what it costs.

``python examples/benchmarks/bench_adapt.py`` fits the automatic gate on all but one of the eleven
kinds of distortion, adapts it with 20, 50 and 200 labelled pictures of the one left out, and
scores the rest of these. Beside it: no adaptation, constant weights on the few labels alone, and,
with ``--refit``, a fit on all rows that are there with 20 and 50 labels (a quarter of an hour). With labels that the fit's own
distribution gives, adaptation can only cost: measured on the bank. Needs the bank (``bank.py``) and
the development collection (``tasks.py``).
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import numpy as np
from bank import N_REPEATS, bank_problems
from tasks import add_data_arguments, load_shift_task

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.deployment import adapt

LABELS = (20, 50, 200)


def estimator(n_classes, **parameters):
    """A classifier of probabilities."""
    return LogitProdClassifier(input="proba", classes=np.arange(n_classes), **parameters)


def losses(model, proba, y):
    """Log-loss of each row in nats."""
    return -model.predict_log_proba(proba)[np.arange(len(y)), y]


def constant_weights(proba, y):
    """Constant weights on a few labels, which may hold one class only: None then."""
    if len(np.unique(y)) < 2:
        return None
    return estimator(proba.shape[2], gate_width=None).fit(proba, y)


def shifted(task, draws, refit):
    """Log-losses of each distortion, by number of labels and method; means over draws."""
    n_classes = len(task.classes)
    for name in np.unique(task.domains):
        inside = np.flatnonzero(task.domains != name)
        outside = np.flatnonzero(task.domains == name)
        model = estimator(n_classes).fit(task.proba[inside], task.y[inside])
        found = defaultdict(list)
        for draw in range(draws):
            order = np.random.default_rng(draw).permutation(outside)
            # the same rows are scored whatever the number of labels
            test = order[max(LABELS) :]
            held = task.proba[test], task.y[test]
            found[0, "as it is"].append(losses(model, *held).mean())
            for n_labels in LABELS:
                few = order[:n_labels]
                given = task.proba[few], task.y[few]
                found[n_labels, "adapt"].append(losses(adapt(model, *given), *held).mean())
                alone = constant_weights(*given)
                if alone is not None:
                    found[n_labels, "labels alone"].append(losses(alone, *held).mean())
                if refit and draw == 0 and n_labels <= 50:
                    rows = np.append(inside, few)
                    both = estimator(n_classes).fit(task.proba[rows], task.y[rows])
                    found[n_labels, "refit on all"].append(losses(both, *held).mean())
        yield name, {key: float(np.mean(values)) for key, values in found.items()}


def print_shifted(task, draws, refit):
    """Table of the distortions, and what is asked of them."""
    rows = list(shifted(task, draws, refit))
    methods = ["adapt", "labels alone", *(["refit on all"] if refit else [])]
    keys = [(0, "as it is")] + [(n, method) for n in LABELS for method in methods]
    print(f"log-loss on {task.name}, each kind of distortion held out, mean of {draws} draws")
    print(f"{'held out':24s}" + "".join(f"{f'{m} {n or str()}':>17s}" for n, m in keys))
    for name, found in rows:
        print(f"{name:24s}" + "".join(f"{found.get(key, np.nan):17.4f}" for key in keys))
    means = {key: np.mean([found.get(key, np.nan) for _, found in rows]) for key in keys}
    print(f"{'mean':24s}" + "".join(f"{means[key]:17.4f}" for key in keys))
    for n in LABELS:
        better = sum(found[n, "adapt"] < found[0, "as it is"] for _, found in rows)
        print(f"{n} labels: lower than without on {better} of {len(rows)}")


def print_same(repeats, directory=None):
    """What labels from the distribution of the fit cost: half of the test rows adapt."""
    costs = defaultdict(list)
    for repeat in range(repeats):
        for number, (_, problem) in enumerate(bank_problems(repeat, directory)):
            model = estimator(problem.fit_proba.shape[2]).fit(problem.fit_proba, problem.fit_y)
            order = np.random.default_rng(number).permutation(len(problem.test_y))
            for n_labels in (20, 50):
                few, rest = order[:n_labels], order[n_labels:]
                if len(rest) < 20:
                    continue
                given = problem.test_proba[few], problem.test_y[few]
                held = problem.test_proba[rest], problem.test_y[rest]
                before = losses(model, *held).mean()
                costs[n_labels].append((losses(adapt(model, *given), *held).mean(), before))
    print("labels of the fit's own distribution, bank: log-loss before, adapted, change of means")
    for n_labels, both in costs.items():
        after, before = np.mean(both, axis=0)
        print(f"{n_labels:4d} labels, {len(both)} fits: {before:.4f} {after:.4f}", end=" ")
        print(f"{100 * (after / before - 1):+.2f} %")


def main():
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_arguments(parser)
    parser.add_argument("--draws", type=int, default=10, help="of labels, by distortion")
    parser.add_argument("--repeats", type=int, default=N_REPEATS, help="of the bank")
    parser.add_argument("--refit", action="store_true", help="also refit on all rows")
    arguments = parser.parse_args()
    print_shifted(load_shift_task(arguments.data), arguments.draws, arguments.refit)
    print_same(arguments.repeats)


if __name__ == "__main__":
    main()
