"""All tasks, all opponents, repeated: the run on which the claims of the project rest.

``python examples/benchmarks/suite.py --csv FILE`` appends the scores of every split to
FILE, goes on where it stopped, and prints what is to be shown; ``--page docs`` writes
the page with tables and figures too. See README.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
import warnings
from functools import partial
from itertools import chain
from pathlib import Path

import bank_tables
import pandas as pd
import survival_rivals
from bank import BANK, N_REPEATS, load_bank_tasks
from bank_tables import has_bank, without_bank
from joblib import Parallel, delayed
from rivals import accuracy, auc, balanced_accuracy, brier, log_loss
from suite_methods import (
    ABLATION,
    CLASS_METHODS,
    FIRST_SPLIT,
    OF_TABLES,
    ORACLE,
    SINGLE,
    SURVIVAL_ABLATION,
    SURVIVAL_METHODS,
    SURVIVAL_OF_TABLES,
)
from suite_rivals import without_expert
from suite_tables import read_results, verdicts
from survival_tasks import load_survival_tasks
from tasks import add_data_arguments, load_shift_task, load_tasks

QUICK = ("bach4", "camelyon16_predictions", "hif_stad_msi_h", "sklearn_cancer_trees")
QUICK_BANK = ("glass1__alike", "saheart__mixed", "tae__mixed")
QUICK_SURVIVAL = ("survival_mcat_blca", "support2_survival")
PAPER_ROWS = 2000  # above, the published procedure is run once per task: minutes each
KEYS = ("task", "family", "condition", "repeat", "split", "method", "n_fit", "n_test")
CLASS_SCORES = {
    "log-loss": log_loss,
    "AUC": auc,
    "accuracy": accuracy,
    "balanced accuracy": balanced_accuracy,
    "Brier": brier,
}
FIELDS = (*KEYS, *CLASS_SCORES, "C-index", "IBS", "fit_seconds", "predict_seconds", "gap")
FIELDS += ("machine",)
AS_IS, DROPPED, SHIFT = "as is", "expert dropped", "shift"


def timed(function, *args):
    """What a function returns, and the seconds it took."""
    start = time.perf_counter()
    result = function(*args)
    return result, time.perf_counter() - start


def rows_of(methods, problem, dropped_of, score):
    """Fit methods on a problem, one after the other; a row of scores for each condition.

    Parameters
    ----------
    methods : dict of str to callable
        Opponents: functions of a problem that return functions of a problem.
    problem : object
        What they take.
    dropped_of : callable
        From an expert's position to the problem without it; not called for None.
    score : callable
        From what an opponent predicts to its scores.
    """
    single = methods[SINGLE](problem).expert if SINGLE in methods else None
    problems = {AS_IS: problem}
    if single is not None:
        problems[DROPPED] = dropped_of(single)
    for name, fit in methods.items():
        predict, fit_seconds = timed(fit, problem)
        spent = {"fit_seconds": fit_seconds, "gap": getattr(predict, "gap", None)}
        for condition, other in problems.items():
            outcome, seconds = timed(predict, other)
            yield {"method": name, "condition": condition, **score(outcome), **spent} | {
                "predict_seconds": seconds
            }


def class_scores(y, proba):
    """All scores of probabilities."""
    return {name: score(y, proba) for name, score in CLASS_SCORES.items()}


def class_rows(problem, repeat, first):
    """Rows of one split of a classification task."""
    score = partial(class_scores, problem.test_y)

    def drop(expert):
        return without_expert(problem, expert)

    more = OF_TABLES if problem.fit_tables is not None else {}
    small = len(problem.fit_y) <= PAPER_ROWS
    more = more | (FIRST_SPLIT if first and (small or repeat == 0) else {})
    more = more | (ABLATION | ORACLE if repeat == 0 else {})
    yield from rows_of(CLASS_METHODS, problem, drop, score)
    yield from rows_of(more, problem, drop, score)


def bank_rows(problem, repeat, first):
    """Rows of one split of a task of the bank: what is compared, without its parts."""

    def drop(expert):
        return without_expert(problem, expert)

    yield from rows_of(CLASS_METHODS, problem, drop, partial(class_scores, problem.test_y))


def survival_rows(problem, repeat, first):
    """Rows of one split of a survival task."""
    outputs = survival_rivals.outputs_of(problem)

    def score(outcome):
        return survival_rivals.scores(outputs, *outcome)

    def drop(expert):
        return survival_rivals.without_expert(outputs, expert)

    more = SURVIVAL_OF_TABLES if problem.fit_table is not None else {}
    more = more | (SURVIVAL_ABLATION if repeat == 0 else {})
    yield from rows_of(SURVIVAL_METHODS, outputs, drop, score)
    yield from rows_of(more, outputs, drop, score)


def run_unit(task, repeat):
    """Rows of one repeat of a task."""
    # the risk of one network does not tell patients apart, which is known
    warnings.filterwarnings("ignore", message="The risk of expert")
    of_split = {"survival": survival_rows, BANK: bank_rows}.get(task.family, class_rows)
    rows = []
    for number, problem in enumerate(task.problems(repeat)):
        sizes = {"n_fit": len(problem.fit_y), "n_test": len(problem.test_y)}
        own = {"task": task.name, "family": task.family, "repeat": repeat, "machine": machine()}
        own |= {"split": problem.split_id, **sizes}
        rows += [own | row for row in of_split(problem, repeat, number == 0)]
    if task.family == "shift":
        kept = [row for row in rows if row["condition"] == AS_IS]
        rows = [row | {"condition": SHIFT} for row in kept]
    return rows


def machine():
    """Processor, cores and software, in words."""
    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
        name = names[0] if names else name
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{name}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"


def load_units(options):
    """Tasks with the repeats of each, the long ones first."""
    names = QUICK if options.quick else None
    cohorts = QUICK_SURVIVAL if options.quick else None
    tasks = [
        *load_tasks(options.data, names, options.cache),
        *load_survival_tasks(options.data, cohorts, options.cache),
    ]
    repeats = 1 if options.quick else options.repeats
    units = [(task, repeat) for task in tasks for repeat in range(repeats)]
    if options.bank:
        bank = load_bank_tasks(options.bank, QUICK_BANK if options.quick else None)
        units += [(task, repeat) for task in bank for repeat in range(min(repeats, N_REPEATS))]
    if not options.quick:
        units.append((load_shift_task(options.data), 0))
    if options.tasks:
        units = [unit for unit in units if unit[0].name.startswith(tuple(options.tasks))]
    return sorted(units, key=lambda unit: -len(unit[0].y))


def run(options):
    """Compute what the file lacks, and append it unit by unit."""
    # not among what tests need
    from tqdm import tqdm

    path = Path(options.csv)
    done = set()
    if path.exists():
        results = read_results(path)
        shifted = results["condition"] == SHIFT
        done = set(zip(results["task"], shifted, results["repeat"], strict=True))
    else:
        pd.DataFrame(columns=FIELDS).to_csv(path, index=False)
    units = [
        (task, repeat)
        for task, repeat in load_units(options)
        if (task.name, task.family == "shift", repeat) not in done
    ]
    jobs = (delayed(run_unit)(task, repeat) for task, repeat in units)
    results = Parallel(n_jobs=options.jobs, return_as="generator_unordered")(jobs)
    for rows in tqdm(results, total=len(units), unit="repeat", disable=not units):
        table = pd.DataFrame(rows).reindex(columns=FIELDS)
        with path.open("a", encoding="utf-8", newline="") as file:
            # at once, so that an interruption leaves whole repeats
            file.write(table.to_csv(header=False, index=False))
    return read_results(path)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_arguments(parser)
    parser.add_argument("--bank", type=Path, help="directory of the bank, which is run, too")
    parser.add_argument("--csv", required=True, help="file of the results, read and appended to")
    parser.add_argument("--page", help="directory in which the page and its figures are written")
    parser.add_argument("--quick", action="store_true", help="six tasks, once: some minutes")
    parser.add_argument("--tasks", nargs="+", help="tasks whose names start like this")
    parser.add_argument("--repeats", type=int, default=5, help="repeats of the protocols")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="repeats at a time")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    options = parser.parse_args(argv)
    try:
        results = run(options)
    except KeyboardInterrupt:
        print(
            f"\ninterrupted: what is done is in {options.csv}, and the same command goes on from "
            "there",
            file=sys.stderr,
        )
        return 130
    met = []
    collection = without_bank(results)
    shown = verdicts(collection) if len(collection) else ()
    if has_bank(results):
        shown = chain(shown, bank_tables.verdicts(results))
    for verdict in shown:
        met.append(verdict.met)
        print(f"{verdict.what:86} {verdict.figure:42} {'met' if verdict.met else 'missed'}")
    if options.page:
        from suite_page import write_page

        write_page(results, Path(options.page))
    return int(options.check and not all(met))


if __name__ == "__main__":
    sys.exit(main())
