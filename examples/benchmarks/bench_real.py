"""Held-out quality of LogitProdClassifier and of its rivals on real experts.

Run ``python examples/benchmarks/bench_real.py --help`` for the options.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time

import numpy as np
from rivals import MIN_COVERAGE, RIVALS, SCORES, present
from scipy.stats import rankdata
from tasks import FIVE, add_data_arguments, load_tasks

from sklearn_logitprod import LogitProdClassifier

GATES = {"LogitProd auto": "auto", "LogitProd constant": None, "LogitProd linear": 0}
# The cross-validated stacker is slow on many classes; ask for it by --methods.
METHODS = (*GATES, *RIVALS)
DEFAULT_METHODS = tuple(name for name in METHODS if name != "stacked logistic CV")
EXPERT = "expert "
HIGHER_IS_BETTER = {"log-loss": False, "AUC": True, "accuracy": True}


def fit_method(name, problem):
    """Fused test probabilities, seconds of the fit and guarantee gap (NaN for rivals)."""
    start = time.perf_counter()
    if name in GATES:
        n_classes = problem.fit_proba.shape[2]
        model = LogitProdClassifier(
            input="proba", gate_width=GATES[name], classes=list(range(n_classes))
        )
        model.fit(problem.fit_proba, problem.fit_y, groups=problem.fit_groups)
        predict, gap = model.predict_proba, model.guarantee_gap_
    else:
        predict, gap = RIVALS[name](problem.fit_proba, problem.fit_y), np.nan
    seconds = time.perf_counter() - start
    return predict(problem.test_proba), seconds, gap


def score(y, proba):
    return {name: function(y, proba) for name, function in SCORES.items()}


def evaluate_problem(task, problem, methods):
    """One record per method and per single expert, the latter on the rows it has."""
    for name in methods:
        proba, seconds, gap = fit_method(name, problem)
        yield {"method": name, **score(problem.test_y, proba), "seconds": seconds, "gap": gap}
    here = present(problem.test_proba)
    for m, expert in enumerate(task.experts):
        rows = here[:, m]
        scores = dict.fromkeys(SCORES, np.nan)
        if rows.any():
            scores = score(problem.test_y[rows], problem.test_proba[rows, m])
        yield {"method": EXPERT + expert, **scores, "coverage": rows.mean()}


def evaluate(task, methods, seeds):
    """Records of all problems of a task, in the order of the protocol."""
    for seed in seeds:
        for problem in task.problems(seed):
            context = {
                "task": task.name,
                "repeat": seed,
                "split": problem.split_id,
                "n_fit": len(problem.fit_y),
                "n_test": len(problem.test_y),
            }
            for record in evaluate_problem(task, problem, methods):
                yield {**context, **record}


def summarise(records):
    """Per method: mean scores over the problems, spread of the log-loss, time and gap."""
    by_method = {}
    for record in records:
        by_method.setdefault(record["method"], []).append(record)
    summary = {}
    for method, rows in by_method.items():
        row = {name: np.nanmean([record[name] for record in rows]) for name in SCORES}
        row["spread"] = np.nanstd([record["log-loss"] for record in rows])
        if method.startswith(EXPERT):
            row["coverage"] = np.mean([record["coverage"] for record in rows])
        else:
            seconds = [record["seconds"] for record in rows]
            row["seconds"], row["total"] = np.median(seconds), np.sum(seconds)
            row["gap"] = np.max([record["gap"] for record in rows])
        summary[method] = row
    return summary


def strongest_expert(summary, name="log-loss"):
    """The expert of the best held-out score, among those that cover enough rows.

    A choice with hindsight: no method could make it from the data it is fitted on.
    """
    experts = {method: row for method, row in summary.items() if method.startswith(EXPERT)}
    enough = MIN_COVERAGE * max(row["coverage"] for row in experts.values())
    compared = {method: row[name] for method, row in experts.items() if row["coverage"] >= enough}
    return (max if HIGHER_IS_BETTER[name] else min)(compared, key=compared.get)


def print_task(task, records, methods):
    summary = summarise(records)
    n_problems = sum(record["method"] == methods[0] for record in records)
    strongest = strongest_expert(summary)
    print(
        f"\n{task.name} ({task.family}): {len(np.unique(task.y))} classes, "
        f"{len(task.experts)} experts, {n_problems} problems"
    )
    width = max(len(method) for method in summary) + 2
    print(
        f"{'':{width}}{'log-loss':>9}{'spread':>8}{'AUC':>8}{'accuracy':>10}"
        f"{'rows':>7}{'fit s':>8}{'largest gap':>13}"
    )
    for method, row in summary.items():
        line = f"{method + (' *' if method == strongest else ''):{width}}"
        line += (
            f"{row['log-loss']:9.4f}{row['spread']:8.4f}{row['AUC']:8.4f}{row['accuracy']:10.4f}"
        )
        line += f"{row.get('coverage', 1.0):7.2f}"
        if "seconds" in row:
            line += f"{row['seconds']:8.3f}"
        if np.isfinite(row.get("gap", np.nan)):
            line += f"{row['gap']:13.2e}"
        print(line)
    return summary


def print_summary(summaries, methods):
    """Mean ranks among the methods, and how often each beats the strongest expert."""
    print(f"\nover {len(summaries)} tasks")
    width = max(map(len, methods)) + 2
    header = f"{'':{width}}"
    columns = {}
    for name in SCORES:
        sign = -1.0 if HIGHER_IS_BETTER[name] else 1.0
        table = sign * np.array([[s[method][name] for method in methods] for s in summaries])
        best = sign * np.array([s[strongest_expert(s, name)][name] for s in summaries])
        columns[name] = rankdata(table, axis=1).mean(axis=0), (table < best[:, None]).sum(axis=0)
        header += f"{'rank ' + name:>15}{'beats *':>9}"
    print(header + f"{'total fit s':>13}{'largest gap':>13}")
    for i, method in enumerate(methods):
        line = f"{method:{width}}"
        for ranks, wins in columns.values():
            line += f"{ranks[i]:15.2f}{wins[i]:9d}"
        gaps = [s[method]["gap"] for s in summaries]
        line += f"{sum(s[method]['total'] for s in summaries):13.2f}"
        print(line + (f"{max(gaps):13.2e}" if np.isfinite(gaps).all() else ""))
    print("* the single expert with the best held-out mean of that score, chosen with hindsight")


def write_csv(path, records):
    fields = list(dict.fromkeys(key for record in records for key in record))
    with open(path, "w", newline="") as stream:
        writer = csv.DictWriter(stream, fields)
        writer.writeheader()
        writer.writerows(records)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_arguments(parser)
    parser.add_argument("--all", action="store_true", help="all tasks, not only the first five")
    parser.add_argument("--tasks", nargs="+", help="names of tasks or files, instead of these")
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=METHODS,
        default=DEFAULT_METHODS,
        metavar="METHOD",
        help=f"of {', '.join(map(repr, METHODS))}",
    )
    parser.add_argument("--repeats", type=int, default=1, help="repeats of the protocol")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first repeat")
    parser.add_argument("--csv", help="file for one row per problem and method")
    options = parser.parse_args(argv)

    names = options.tasks or (None if options.all else FIVE)
    seeds = range(options.seed, options.seed + options.repeats)
    everything, summaries = [], []
    for task in load_tasks(options.data, names, options.cache):
        print(f"{task.name} ...", file=sys.stderr, flush=True)
        records = list(evaluate(task, options.methods, seeds))
        summaries.append(print_task(task, records, options.methods))
        everything += records
    print_summary(summaries, options.methods)
    if options.csv:
        write_csv(options.csv, everything)


if __name__ == "__main__":
    main()
