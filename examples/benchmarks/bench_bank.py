"""The default on the bank and the development collection together, against outside methods.

``python examples/benchmarks/bench_bank.py --cache DIR`` keeps in DIR the outputs of experts
that are trained on tables and the scores of the outside methods, so that after a change to the
package the automatic gate alone is fitted anew. See README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from hashlib import sha1
from pathlib import Path

import numpy as np
import pandas as pd
from bank import N_REPEATS, load_bank_tasks
from bank_tables import (
    NATS,
    badness,
    collections,
    excess,
    leave_tables_out,
    standing,
    verdicts,
    weak,
)
from joblib import Parallel, delayed
from suite import AS_IS, FIELDS, QUICK, QUICK_BANK, class_scores, timed
from suite_methods import AUTO, CLASS_METHODS, OURS
from suite_rivals import logitprod
from suite_tables import LOSS, RANKING, by_fold, read_results
from tasks import add_data_arguments, load_tasks
from threadpoolctl import threadpool_limits

OUTSIDE = {name: fit for name, fit in CLASS_METHODS.items() if name not in OURS}
COLUMNS = (*FIELDS, "identical")


def fit_row(method, fit, problem):
    """Scores of a method on a problem, and its seconds."""
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        predict, fit_seconds = timed(fit, problem)
        proba, predict_seconds = timed(predict, problem)
    own = {"method": method, "condition": AS_IS, "gap": getattr(predict, "gap", np.nan)}
    seconds = {"fit_seconds": fit_seconds, "predict_seconds": predict_seconds}
    return own | class_scores(problem.test_y, proba) | seconds, proba


def run_unit(task, repeat, wanted, params, twice):
    """Rows of one repeat of a task: ours, and the outside methods that are wanted."""
    rows = []
    for problem in task.problems(repeat):
        key = {"task": task.name, "family": task.family, "repeat": repeat}
        key |= {"split": problem.split_id}
        key |= {"n_fit": len(problem.fit_y), "n_test": len(problem.test_y)}

        def ours(problem):
            return logitprod(params, problem)

        row, proba = fit_row(AUTO, ours, problem)
        if twice:
            row["identical"] = np.array_equal(proba, fit_row(AUTO, ours, problem)[1])
        rows.append(key | row)
        rows += [key | fit_row(name, OUTSIDE[name], problem)[0] for name in wanted]
    return rows


def load_units(options):
    """Tasks with their repeats, the long ones first.

    Raises
    ------
    ValueError
        If there is no task, or none whose name starts as asked for.
    """
    tasks = []
    if "bank" in options.collections:
        tasks += load_bank_tasks(options.bank, QUICK_BANK if options.quick else None)
    if "data" in options.collections:
        tasks += load_tasks(options.data, QUICK if options.quick else None, options.cache)
    for start in options.only or ("",):
        if not any(task.name.startswith(start) for task in tasks):
            names = ", ".join(task.name for task in tasks)
            raise ValueError(f"no task starts like {start!r}; there are: {names or 'none'}")
    wanted = [task for task in tasks if task.name.startswith(tuple(options.only or ("",)))]
    repeats = range(1 if options.quick else options.repeats)
    units = [(task, repeat) for task in wanted for repeat in repeats]
    return sorted(units, key=lambda unit: -len(unit[0].y))


def rivals_file(cache):
    """Where the outside methods' scores are kept: another file when their code changes."""
    here = Path(__file__).parent
    names = ("rivals.py", "suite_rivals.py", "neural.py", "tasks.py", "bank.py")
    code = sha1(b"".join((here / name).read_bytes() for name in names)).hexdigest()[:8]
    return Path(cache) / f"rivals-{code}.csv"


def run(options):
    """Results of ours, fitted anew, and of the outside methods, from the cache or new."""
    # not among what tests need
    from tqdm import tqdm

    columns = pd.DataFrame(columns=COLUMNS)
    kept = rivals_file(options.cache) if options.cache else None
    cached = read_results(kept) if kept and kept.exists() else columns
    known = cached.groupby(["task", "repeat"])["method"].agg(set).to_dict()
    units = load_units(options)
    compared = [name for name in OUTSIDE if name not in options.without]

    def missing(task, repeat):
        return [name for name in compared if name not in known.get((task.name, repeat), ())]

    jobs = [
        delayed(run_unit)(task, repeat, missing(task, repeat), options.params, options.twice)
        for task, repeat in units
    ]
    tables = [columns]
    done = Parallel(n_jobs=options.jobs, return_as="generator_unordered")(jobs)
    for rows in tqdm(done, total=len(units), unit="repeat", disable=None):
        table = pd.DataFrame(rows).reindex(columns=COLUMNS)
        tables.append(table)
        fresh = table[table["method"] != AUTO]
        if kept and len(fresh):
            kept.parent.mkdir(parents=True, exist_ok=True)
            fresh.to_csv(kept, mode="a", index=False, header=not kept.exists())
    wanted = {(task.name, repeat) for task, repeat in units}
    pairs = zip(cached["task"], cached["repeat"], strict=True)
    used = np.array([pair in wanted for pair in pairs], bool) & cached["method"].isin(compared)
    tables = [table for table in (cached[used], *tables) if len(table)]
    results = pd.concat(tables, ignore_index=True)
    return results.assign(**{RANKING: results["AUC"]})


def report(results, worst):
    """Print standings, the worst tasks, and those of weak experts."""
    folds = by_fold(results)
    for name, own in collections(folds).items():
        n_tasks = own["task"].nunique()
        seconds = own[own["method"] == AUTO].groupby("task")["fit_seconds"].mean()
        print(f"\n{name}: {n_tasks} tasks; seconds of a fit, median task {seconds.median():.3f}")
        print(standing(own).to_string(float_format="{:.4f}".format))
    table = excess(folds)
    print(f"\nlog-loss over the best other method, chosen with hindsight; worst {worst} tasks")
    print(table.head(worst).to_string(float_format="{:+.4f}".format))
    nats = (
        f"mean {table['nats'].mean():+.4f} nats, median {100 * table['relative'].median():+.2f} %"
    )
    ratio = f"mean log ratio of losses + {NATS} nats {badness(folds).mean():+.4f}"
    first = f"better than all others on {(table['nats'] <= 0.0).sum()} of {len(table)}"
    print(f"{nats}; {ratio}; {first}")
    table = weak(folds)
    print("\nweak experts: log-loss less the mean of logits', AUC less the mean of probabilities'")
    print(table.sort_values(LOSS).to_string(float_format="{:+.4f}".format))


def print_verdicts(results):
    """Print what is to be shown; whether all is met."""
    met = []
    for verdict in verdicts(results):
        met.append(verdict.met)
        print(f"{verdict.what:86} {verdict.figure:46} {'met' if verdict.met else 'missed'}")
    return all(met)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_arguments(parser)
    parser.add_argument("--bank", type=Path, help="directory of the bank")
    parser.add_argument(
        "--collections", nargs="+", choices=("bank", "data"), default=("bank", "data")
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="tasks whose names start so")
    parser.add_argument("--repeats", type=int, choices=range(1, N_REPEATS + 1), default=2)
    parser.add_argument("--quick", action="store_true", help="seven tasks, once")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="repeats at a time")
    parser.add_argument("--params", type=json.loads, default={}, help="of ours, as JSON")
    parser.add_argument("--twice", action="store_true", help="fit ours twice, and compare bits")
    parser.add_argument("--csv", help="file to which the scores of all splits are written")
    parser.add_argument(
        "--among",
        nargs="+",
        metavar="CSV",
        help="fit nothing: of these runs, whose constants differ, take the best on all tables, and "
        "beside it for each table the best on all others",
    )
    parser.add_argument("--without", nargs="+", default=(), choices=OUTSIDE, metavar="METHOD")
    parser.add_argument("--worst", type=int, default=12, help="tasks that are listed")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    options = parser.parse_args(argv)
    if options.among:
        variants = {path: read_results(path) for path in options.among}
        best, left_out, chosen = leave_tables_out(variants)
        report(variants[best], options.worst)
        print(f"\nchosen on all tables: {best}")
        met = print_verdicts(variants[best])
        counts = ", ".join(f"{name} on {n}" for name, n in chosen.value_counts().items())
        print(f"\nchosen without the table itself: {counts} tasks")
        met &= print_verdicts(left_out)
    else:
        results = run(options)
        if options.csv:
            results.drop(columns=RANKING).to_csv(options.csv, index=False)
        report(results, options.worst)
        print()
        met = print_verdicts(results)
    return int(options.check and not met)


if __name__ == "__main__":
    sys.exit(main())
