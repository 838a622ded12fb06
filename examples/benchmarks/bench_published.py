"""Time and held-out log-loss against the published training procedure.

``python examples/benchmarks/bench_published.py --csv FILE`` fits, for the first problem of
every task, the published gate (published.py), our linear gate and the automatic gate in
one run, one thread each, and appends a row to FILE. Problems of more than ``--most`` fit
rows are cut to that number for all three. An interrupted run goes on where it stopped.
"""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import argparse
import csv
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import torch
from published import EPOCHS, published
from rivals import log_loss
from tasks import add_data_arguments, load_tasks

from sklearn_logitprod import LogitProdClassifier

FIELDS = ("task", "n_fit", "published s", "linear s", "auto s")
FIELDS += ("published log-loss", "linear log-loss", "auto log-loss", "epochs")
MIN_LINEAR, MIN_AUTO, MIN_SHARE = 1000.0, 100.0, 0.8


def cut(problem, most):
    """Fit rows of a problem, at most some of them, by whole groups where it has any."""
    n = len(problem.fit_y)
    rows = np.random.default_rng(0).permutation(n)[:most] if n > most else np.arange(n)
    groups = None if problem.fit_groups is None else problem.fit_groups[rows]
    return problem.fit_proba[rows], problem.fit_y[rows], groups


def timed_fit(gate_width, proba, y, groups, runs=5):
    """Fitted model and median seconds of its fit."""
    model = LogitProdClassifier(
        input="proba", gate_width=gate_width, classes=list(range(proba.shape[2]))
    )
    seconds = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        model.fit(proba, y, groups=groups)
        seconds.append(time.perf_counter() - start)
    return model, median(seconds[1:])


def compare(task, problem, options):
    """One row of the table."""
    proba, y, groups = cut(problem, options.most)
    linear, linear_s = timed_fit(0, proba, y, groups)
    auto, auto_s = timed_fit("auto", proba, y, groups)
    start = time.perf_counter()
    predict = published(proba, y, options.max_epochs)
    published_s = time.perf_counter() - start
    predictions = predict, linear.predict_proba, auto.predict_proba
    losses = [log_loss(problem.test_y, one(problem.test_proba)) for one in predictions]
    row = (task.name, len(y), published_s, linear_s, auto_s, *losses, options.max_epochs)
    return dict(zip(FIELDS, row, strict=True))


def report(results):
    """Print the table and the targets; whether all are met."""
    ratio = {name: results["published s"] / results[f"{name} s"] for name in ("linear", "auto")}
    shown = results.assign(**{f"{name} times faster": ratio[name].round() for name in ratio})
    print(shown.round(4).to_string(index=False))
    met = []
    for name, least in (("linear", MIN_LINEAR), ("auto", MIN_AUTO)):
        middle, total = ratio[name].median(), results["published s"].sum()
        total /= results[f"{name} s"].sum()
        print(
            f"{name}: median {middle:.0f} times faster, {ratio[name].min():.0f} to "
            f"{ratio[name].max():.0f}, all tasks together {total:.0f}; target {least:g} "
            f"{'met' if middle >= least else 'missed'}, on {(ratio[name] >= least).sum()} tasks"
        )
        share = (results[f"{name} log-loss"] <= results["published log-loss"] + 1e-9).mean()
        print(
            f"{name}: held-out log-loss equal or lower on {share:.0%} of {len(results)} tasks; "
            f"target {MIN_SHARE:.0%} {'met' if share >= MIN_SHARE else 'missed'}"
        )
        met += [middle >= least, share >= MIN_SHARE]
    return all(met)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_arguments(parser)
    parser.add_argument("--csv", required=True, help="file of the results, read and appended to")
    parser.add_argument("--tasks", nargs="+", help="names of tasks or files, instead of all")
    parser.add_argument("--most", type=int, default=2000, help="most rows that are fitted on")
    parser.add_argument("--max-epochs", type=int, default=EPOCHS)
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    path = Path(options.csv)
    known = set(pd.read_csv(path)["task"]) if path.exists() else set()
    fresh = not path.exists()
    with path.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, FIELDS)
        if fresh:
            writer.writeheader()
        for task in load_tasks(options.data, options.tasks, options.cache):
            if task.name in known:
                continue
            row = compare(task, next(iter(task.problems(0))), options)
            writer.writerow(row)
            stream.flush()
            print(f"{task.name}: {row['published s']:.0f} s", file=sys.stderr, flush=True)
    good = report(pd.read_csv(path))
    return int(options.check and not good)


if __name__ == "__main__":
    sys.exit(main())
