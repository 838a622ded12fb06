"""Held-out quality over all classification tasks, with tests against the targets.

``python examples/benchmarks/bench_quality.py --csv FILE`` runs the protocols of all tasks
for five repeats, appends one row per problem and method to FILE, and prints the tables.
What the file holds already is not computed again, so an interrupted run goes on where it
stopped; ``--redo METHOD`` computes a method anew. See README.md for what is compared.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from bench_real import fit_method, score
from rivals import RIVALS
from scipy.stats import rankdata
from significance import corrected_t_test
from tasks import add_data_arguments, load_tasks

OURS, CONSTANT, SINGLE = "LogitProd auto", "LogitProd constant", "best single (fit data)"
METHODS = (OURS, CONSTANT, *RIVALS)
LEVEL = 0.05
HARD = 0.95  # AUC of the single expert below which there is something to gain
FIELDS = ("task", "repeat", "split", "method", "log-loss", "AUC", "accuracy", "seconds")
FIELDS += ("n_fit", "n_test", "gap")


def run(options):
    """Compute what the file lacks, and append it."""
    path = Path(options.csv)
    done = read(path) if path.exists() else pd.DataFrame(columns=FIELDS)
    if options.redo:
        done = done[~done["method"].isin(options.redo)]
        done.to_csv(path, index=False)
    known = set(zip(done["task"], done["repeat"], done["split"], done["method"], strict=True))
    fresh = not path.exists()
    with path.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, FIELDS)
        if fresh:
            writer.writeheader()
        for task in load_tasks(options.data, options.tasks, options.cache):
            start, n_computed = time.perf_counter(), 0
            for seed in range(options.repeats):
                for problem in task.problems(seed):
                    key = task.name, seed, problem.split_id
                    for method in options.methods:
                        if (*key, method) in known:
                            continue
                        proba, seconds, gap = fit_method(method, problem)
                        row = dict(zip(FIELDS, (*key, method), strict=False))
                        row |= score(problem.test_y, proba)
                        row |= {"seconds": seconds, "gap": gap}
                        row |= {"n_fit": len(problem.fit_y), "n_test": len(problem.test_y)}
                        writer.writerow(row)
                        n_computed += 1
                    stream.flush()
            spent = time.perf_counter() - start
            print(f"{task.name}: {n_computed} fits in {spent:.0f} s", file=sys.stderr, flush=True)
    return read(path)


def read(path):
    """Results of a file, splits as text."""
    return pd.read_csv(path, dtype={"split": str})


def by_split(results):
    """Scores per task, repeat, fold and method: the mean over the parts of a task."""
    fold = results["split"].str.split("/").str[1]
    keys = ["task", "repeat", "fold", "method"]
    scores = ["log-loss", "AUC", "seconds", "n_fit", "n_test", "gap"]
    return results.assign(fold=fold).groupby(keys)[scores].mean().reset_index()


def table(splits, score_name):
    """Mean score: tasks by methods, methods in the order given."""
    wide = splits.pivot_table(index="task", columns="method", values=score_name)
    return wide[[method for method in METHODS if method in wide]].dropna()


def compare(splits, score_name, better):
    """Tasks on which ours is significantly worse than the single expert, and p-values."""
    worse = {}
    for name, own in splits.groupby("task"):
        wide = own.pivot_table(index=["repeat", "fold"], columns="method", values=score_name)
        difference = (better * (wide[OURS] - wide[SINGLE])).dropna().to_numpy()
        ratio = (own["n_test"] / own["n_fit"]).mean()
        if len(difference) > 1 and difference.mean() < 0.0:
            p_value = corrected_t_test(difference, ratio)
            if p_value < LEVEL:
                worse[name] = p_value
    return worse


def targets(splits):
    """Rows of what is to be shown: text, figure, whether it is met."""
    loss, area = table(splits, "log-loss"), table(splits, "AUC")
    outside = [method for method in loss if method != CONSTANT]
    ranks = {
        "log-loss": rankdata(loss[outside], axis=1).mean(axis=0),
        "AUC": rankdata(-area[outside], axis=1).mean(axis=0),
    }
    own = outside.index(OURS)
    others = {name: np.delete(values, own) for name, values in ranks.items()}
    yield (
        "mean rank in log-loss, the lowest",
        f"{ranks['log-loss'][own]:.2f} (next {others['log-loss'].min():.2f})",
        ranks["log-loss"][own] <= others["log-loss"].min(),
    )
    yield (
        "mean rank in AUC, lowest or second within 0.2",
        f"{ranks['AUC'][own]:.2f} (next {others['AUC'].min():.2f})",
        ranks["AUC"][own] <= others["AUC"].min() + 0.2,
    )
    excess = (loss[OURS] / loss[CONSTANT] - 1.0).mean()
    yield "log-loss over the constant pool's, <= 0.3 %", f"{100 * excess:.2f} %", excess <= 0.003
    if "imagenet16_distortions" in loss.index:
        gain = loss[CONSTANT]["imagenet16_distortions"] - loss[OURS]["imagenet16_distortions"]
        yield "log-loss below the constant's, imagenet16, >= 0.035", f"{gain:.3f}", gain >= 0.035
    for name in loss.index[loss.index.str.startswith("kather")]:
        pair = loss.loc[name, [OURS, "stacked logistic CV"]]
        text = f"{pair.iloc[0]:.3f} against {pair.iloc[1]:.3f}"
        yield f"log-loss below stacked logistic CV, {name}", text, pair.iloc[0] < pair.iloc[1]
    for score_name, better in (("log-loss", -1.0), ("AUC", 1.0)):
        worse = compare(splits, score_name, better)
        text = ", ".join(f"{name} p={p:.3f}" for name, p in worse.items()) or "none"
        yield f"tasks significantly worse than the single expert, {score_name}", text, not worse
    hard = area[SINGLE] < HARD
    gain = (area[OURS] / area[SINGLE] - 1.0)[hard].mean()
    yield (
        f"gain in AUC over the single expert, {hard.sum()} tasks below {HARD}, >= 3 %",
        f"{100 * gain:.2f} %",
        gain >= 0.03,
    )
    if "gap" in splits:
        gap = splits["gap"].max()
        yield "largest guarantee gap, <= 0", f"{gap:.1e}", gap <= 0.0


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_arguments(parser)
    parser.add_argument("--csv", required=True, help="file of the results, read and appended to")
    parser.add_argument("--tasks", nargs="+", help="names of tasks or files, instead of all")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS, metavar="METHOD")
    parser.add_argument("--redo", nargs="+", choices=METHODS, default=(), metavar="METHOD")
    parser.add_argument("--repeats", type=int, default=5, help="repeats of the protocols")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    options = parser.parse_args(argv)
    splits = by_split(run(options))
    with pd.option_context("display.width", 200, "display.max_columns", None):
        for score_name in ("log-loss", "AUC"):
            print(f"\n{score_name}\n{table(splits, score_name).round(4).to_string()}")
    met = []
    if missing := set(METHODS) - set(splits["method"]):
        print(f"\nno targets: the file has no {', '.join(sorted(missing))}")
        return int(options.check)
    print()
    for what, figure, good in targets(splits):
        met.append(good)
        print(f"{what:72} {figure:36} {'met' if good else 'missed'}")
    return int(options.check and not all(met))


if __name__ == "__main__":
    sys.exit(main())
