"""Held-out quality over the survival tasks, against the targets.

``python examples/benchmarks/bench_survival.py`` runs repeated 3-fold over six cohorts and
prints, for each method, the concordance index, the negative log-likelihood over the
intervals and the integrated Brier score, then what is to be shown. See README.md.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from functools import partial

import pandas as pd
from survival_rivals import (
    best_single,
    logitprod,
    mean_of_curves,
    mean_of_logits,
    outputs_of,
    rank_average,
    scores,
)
from survival_tasks import COHORTS, load_survival_tasks
from tasks import add_data_arguments

OURS, CONSTANT, SINGLE = "LogitProd auto", "LogitProd constant", "best single (fit data)"
RANKS, CURVES, LOGITS = "rank averaging", "mean of curves", "mean of log-probabilities"
METHODS = {
    OURS: partial(logitprod, {}),
    CONSTANT: partial(logitprod, {"gate_width": None}),
    SINGLE: best_single,
    RANKS: rank_average,
    CURVES: mean_of_curves,
    LOGITS: mean_of_logits,
}
SCORES = ("C-index", "log-loss", "IBS")


def evaluate(problem):
    """Scores of all methods on one split."""
    outputs = outputs_of(problem)
    for name, fit in METHODS.items():
        predict = fit(outputs)
        gap = getattr(predict, "gap", None)
        yield {"method": name, **scores(outputs, *predict(outputs)), "gap": gap}


def targets(results):
    """Rows of what is to be shown: text, figure, whether it is met."""
    means = {
        name: results.pivot_table(index="task", columns="method", values=name) for name in SCORES
    }
    area = means["C-index"].mean()
    gain = area[OURS] - area[SINGLE]
    yield "mean C-index above the best single expert's, >= 0.02", f"{gain:.4f}", gain >= 0.02
    for other in (RANKS, CURVES):
        gain = area[OURS] - area[other]
        yield f"mean C-index above {other}", f"{gain:.4f}", gain > 0.0
    for name in ("log-loss", "IBS"):
        table = means[name]
        for other in (CURVES, LOGITS):
            better = (table[OURS] < table[other]).sum()
            text = f"{better} of {len(table)} tasks"
            yield f"{name} below that of {other} on most tasks", text, 2 * better > len(table)
    gap = results["gap"].max()
    yield "largest guarantee gap, <= 0", f"{gap:.1e}", gap <= 0.0


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_arguments(parser)
    parser.add_argument("--tasks", nargs="+", choices=COHORTS, default=COHORTS, metavar="TASK")
    parser.add_argument("--repeats", type=int, default=5, help="repeats of the 3-fold protocol")
    parser.add_argument("--csv", help="write the scores of every split to this file")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    options = parser.parse_args(argv)
    # the risk of one network does not tell patients apart, which is known
    warnings.filterwarnings("ignore", message="The risk of expert")
    rows = []
    for task in load_survival_tasks(options.data, options.tasks, options.cache):
        start = time.perf_counter()
        for seed in range(options.repeats):
            for problem in task.problems(seed):
                own = {"task": task.name, "repeat": seed, "split": problem.split_id}
                rows += [own | row for row in evaluate(problem)]
        spent = time.perf_counter() - start
        print(f"{task.name}: {spent:.0f} s", file=sys.stderr, flush=True)
    results = pd.DataFrame(rows)
    if options.csv:
        results.to_csv(options.csv, index=False)
    for name in SCORES:
        table = results.pivot_table(index="task", columns="method", values=name)
        table.loc["mean"] = table.mean()
        print(f"\n{name}\n{table[[m for m in METHODS if m in table]].round(4).to_string()}")
    met = []
    print()
    for what, figure, good in targets(results):
        met.append(good)
        print(f"{what:64} {figure:24} {'met' if good else 'missed'}")
    return int(options.check and not all(met))


if __name__ == "__main__":
    sys.exit(main())
