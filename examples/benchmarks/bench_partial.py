"""Half of the labels hidden to sets of two classes: what that costs, and what dropping them costs.

``python examples/benchmarks/bench_partial.py`` takes every task of three or more classes of the
development collection (``tasks.py``) and of the bank (``bank.py``), at most ``--rows`` rows to
fit, hides the labels of half of these rows to the true class and another one, and compares the
held-out log-loss with that of a fit on all labels: with the sets, without these rows, and with
the sets taken for distributions, half to each class, which means another thing. Each collection
is averaged by task.
"""

from __future__ import annotations

import argparse
import time
import warnings
from itertools import islice

import numpy as np
from bank import bank_problems
from tasks import add_data_arguments, load_tasks

from sklearn_logitprod import LogitProdClassifier

WAYS = ("sets", "halves", "dropped")


def hidden(y, n_classes, seed):
    """Possible classes of each row, and which rows were hidden: half of them."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(y))[: len(y) // 2]
    possible = np.eye(n_classes, dtype=bool)[y]
    possible[rows, (y[rows] + rng.integers(1, n_classes, size=len(rows))) % n_classes] = True
    return possible, np.isin(np.arange(len(y)), rows)


def loss(problem, rows, y, labels, n_classes, gate_width):
    """Held-out log-loss of a fit, clipped as scikit-learn clips it."""
    model = LogitProdClassifier(
        input="proba", classes=np.arange(n_classes), labels=labels, gate_width=gate_width
    )
    groups = None if problem.fit_groups is None else problem.fit_groups[rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(problem.fit_proba[rows], y, groups=groups)
    own = model.predict_log_proba(problem.test_proba)[
        np.arange(len(problem.test_y)), problem.test_y
    ]
    return -np.maximum(own, np.log(np.finfo(float).eps)).mean()


def costs(problem, n_classes, most, seed, gate_width):
    """Log-loss with all labels, and what each way costs; None if a class would be lost."""
    rows = np.random.default_rng(seed).permutation(len(problem.fit_y))[:most]
    y = problem.fit_y[rows]
    possible, away = hidden(y, n_classes, seed)
    if len(np.unique(y[~away])) < n_classes:
        return None
    halves = possible / possible.sum(axis=1, keepdims=True)
    given = {
        "known": (rows, y, "single"),
        "sets": (rows, possible, "sets"),
        "halves": (rows, halves, "proba"),
        "dropped": (rows[~away], y[~away], "single"),
    }
    found = {name: loss(problem, *own, n_classes, gate_width) for name, own in given.items()}
    return [found["known"], *(found[way] - found["known"] for way in WAYS)]


def collected(data, cache=None):
    """Problems by task: the first splits of each repeat, one where experts are trained anew."""
    for task in load_tasks(data, cache=cache):
        if len(task.classes) > 2:
            most = 1 if task.proba is None else 3
            yield (
                task.name,
                len(task.classes),
                lambda seed, task=task, most=most: islice(task.problems(seed), most),
            )


def banked():
    """Problems by task."""
    first = {name: own for name, own in bank_problems(0) if own.fit_proba.shape[2] > 2}
    others = {}
    for name, problem in first.items():
        yield name, problem.fit_proba.shape[2], lambda seed, name=name: _bank(name, seed, others)


def _bank(name, seed, known):
    if seed not in known:
        known[seed] = dict(bank_problems(seed))
    return [known[seed][name]]


def main(arguments=None):
    """Run and print one table a collection."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_data_arguments(parser)
    parser.add_argument("--rows", type=int, default=300, help="most rows to fit (default: 300)")
    parser.add_argument("--repeats", type=int, default=2, help="at most 4 (default: 2)")
    parser.add_argument("--collection", choices=("data", "bank"), help="default: both")
    parser.add_argument("--gate", default="auto", help="auto (default) or none")
    args = parser.parse_args(arguments)
    width = None if args.gate == "none" else args.gate
    print(f"{'task':34} {'all':>8} " + " ".join(f"{way:>8}" for way in WAYS), flush=True)
    for collection, tasks in (("data", collected(args.data, args.cache)), ("bank", banked())):
        if args.collection not in (None, collection):
            continue
        start, means = time.perf_counter(), []
        for name, n_classes, problems in tasks:
            found = [
                costs(problem, n_classes, args.rows, seed, width)
                for seed in range(args.repeats)
                for problem in problems(seed)
            ]
            found = [own for own in found if own is not None]
            if not found:
                continue
            means.append(np.mean(found, axis=0))
            print(f"{name:34} " + " ".join(f"{value:8.4f}" for value in means[-1]), flush=True)
        total = np.mean(means, axis=0)
        share = 100 * total[1:] / total[-1]
        print(f"{f'{collection}: mean of {len(means)}':34} " + " ".join(f"{v:8.4f}" for v in total))
        print(f"{'  % of what dropping costs':43} " + " ".join(f"{v:8.0f}" for v in share))
        print(f"  {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
