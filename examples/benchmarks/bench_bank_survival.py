"""Survival over the bank and the development collection, from risks and from curves.

``python examples/benchmarks/bench_bank_survival.py --repeats 4`` fits `LogitProdSurvival` on the
same experts' risks and curves, on 26 cohorts of the bank and six of the development collection,
and prints mean ranks among outside methods, the difference between risks and curves, how far each
gate is above Kaplan-Meier in log-loss, and what is to be shown. All of a problem is scored on the
same intervals. The collection has risks alone on three cohorts and curves alone on three: there
the curves' own risks stand in for risks.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
from bank import N_REPEATS, bank_survival_problems
from survival_rivals import (
    FLOOR,
    Outputs,
    best_single,
    logitprod,
    mean_of_curves,
    mean_of_logits,
    outputs_of,
    rank_average,
    risk_of,
    scores,
    stacking,
)
from survival_tasks import load_survival_tasks
from tasks import add_data_arguments

from sklearn_logitprod.fusion.events import (
    events_from_survival,
    label_sets_from_events,
    log_events_from_log_rates,
)
from sklearn_logitprod.fusion.logits import log_proba_from_proba
from sklearn_logitprod.metrics import kaplan_meier
from sklearn_logitprod.training.risk import Exposure, baseline_log_rates

GATES = {"auto": "auto", "constant": None, "linear": 0, "hidden": 8}
RIVALS = {
    "best single": best_single,
    "rank averaging": rank_average,
    "mean of curves": mean_of_curves,
    "mean of logs": mean_of_logits,
    "Cox stacking": stacking,
}
SCORES = ("C-index", "log-loss", "IBS")
SOURCES = ("curves", "risks")
# everyone alike: the estimate itself, and the smooth one that risks are calibrated about, which
# does better where events are few
BASES = ("Kaplan-Meier", "smooth Kaplan-Meier")


def kaplan_meier_events(outputs):
    """Everyone's event distribution by the estimate of Kaplan and Meier, floored as experts are."""
    y, times = outputs.problem.fit_y, outputs.times
    survival = kaplan_meier(y["event"], y["time"], times)
    return _everyone(log_proba_from_proba(events_from_survival(survival)[None, None])[0])


def smooth_events(outputs):
    """The same by the baseline of the calibration of risks."""
    y, times = outputs.problem.fit_y, outputs.times
    exposure = Exposure.from_sets(label_sets_from_events(y["event"], y["time"], times), len(times))
    widths = np.diff(times, prepend=0.0)
    rates = baseline_log_rates(exposure, np.ones(len(y)), widths)
    return _everyone(log_events_from_log_rates(rates)[None])


def _everyone(events):
    def predict(other):
        return np.zeros(len(other.test_events)), np.tile(events, (len(other.test_events), 1))

    return predict


def from_curves(curves, risks=None):
    """Both problems of curves, and what outside methods see of them: the curves as they are."""
    fit, test = (
        np.log(np.maximum(events_from_survival(X), FLOOR)) for X in (curves.fit_X, curves.test_X)
    )
    times = curves.params["times"]
    params = {"input": "risk", "times": times}
    if risks is None:
        risks = replace(curves, fit_X=risk_of(fit), test_X=risk_of(test))
    risks = replace(risks, params=params)
    own = Outputs(curves, times, fit, test, risks.fit_X, risks.test_X)
    return {"curves": curves, "risks": risks}, own


def bank_sides(repeat):
    """Collection, name, split, problems by source, and outputs for the outside methods."""
    pairs = {}
    for name, source, problem in bank_survival_problems(repeat):
        pairs.setdefault(name, {})[source] = problem
    for name, own in pairs.items():
        yield "bank", name, "0", *from_curves(own["curves"], own["risks"])


def data_sides(repeat, options):
    """The same of the development collection."""
    for task in load_survival_tasks(options.data, cache=options.cache):
        for problem in task.problems(repeat):
            if problem.params["input"] == "risk":
                sides = {"risks": problem}, outputs_of(problem)
            else:
                sides = from_curves(problem)
            yield "data", task.name, problem.split_id, *sides


def evaluate(problems, outputs, gates):
    """Scores of all methods on one split."""
    methods = dict(zip(BASES, (kaplan_meier_events(outputs), smooth_events(outputs)), strict=True))
    methods |= {name: fit(outputs) for name, fit in RIVALS.items()}
    for name, predict in methods.items():
        yield {"method": name, **scores(outputs, *predict(outputs))}
    for source, problem in problems.items():
        for gate in gates:
            own = replace(outputs, problem=problem)
            start = time.perf_counter()
            predict = logitprod({"gate_width": GATES[gate]}, own)
            spent = time.perf_counter() - start
            found = {"gap": predict.gap, "seconds": spent, **scores(own, *predict(own))}
            yield {"method": f"{gate}, {source}", **found}


def ranks(table, name):
    """Mean rank over tasks by a score, 1 for the best."""
    return table.rank(axis=1, ascending=name != "C-index").mean()


def against(table, ours, name):
    """One of ours beside the outside methods that the score is defined for, where ours is."""
    outside = [*RIVALS] if name == "C-index" else [*BASES, *RIVALS]
    return table.loc[table[ours].notna(), [m for m in [ours, *outside] if m in table]]


def summary(results, gate):
    """Means and mean ranks by collection, of one of ours at a time, as a user has it."""
    for name in SCORES:
        table = results.pivot_table(index=["collection", "task"], columns="method", values=name)
        for source in SOURCES:
            own = against(table, f"{gate}, {source}", name)
            by = own.groupby("collection")
            shown = {"mean": by.mean().T, "rank": by.apply(ranks, name).T}
            shown["all"] = pd.DataFrame({"mean": own.mean(), "rank": ranks(own, name)})
            print(f"\n{name}, {source}\n{pd.concat(shown, axis=1).round(4).to_string()}")


def differences(results, gates):
    """Curves minus risks, and log-loss above the better Kaplan-Meier estimate, by gate."""
    rows = []
    wide = {
        name: results.pivot_table(index=["collection", "task"], columns="method", values=name)
        for name in SCORES
    }
    base = wide["log-loss"][list(BASES)].min(axis=1)
    for gate in gates:
        own = {"gate": gate}
        for name in SCORES:
            curves, risks = (wide[name][f"{gate}, {source}"] for source in SOURCES)
            own[f"{name} curves-risks"] = (curves - risks).mean()
        for source in SOURCES:
            above = wide["log-loss"][f"{gate}, {source}"] - base
            own[f"worst above KM, {source}"] = above.max()
            own[f"on {source}"] = above.idxmax()[1].removesuffix("__survival")
        rows.append(own)
    print("\n" + pd.DataFrame(rows).set_index("gate").round(4).T.to_string())
    return wide, base


def targets(results, wide, base, gates):
    """Rows of what is to be shown: text, figure, whether it is met."""
    area, loss = wide["C-index"], wide["log-loss"]
    for source in SOURCES:
        ours = f"auto, {source}"
        for name, table in (("C-index", area), ("log-loss", loss)):
            mean = ranks(against(table, ours, name), name)
            rest = mean.drop(ours)
            figure = f"{mean[ours]:.2f}, next {rest.min():.2f}"
            yield f"{name} rank first, {source}", figure, mean[ours] < rest.min()
        gain = (area[ours] - area["rank averaging"]).mean()
        yield f"C-index above rank averaging, {source}, >= 0.005", f"{gain:.4f}", gain >= 0.005
    gain = (area["auto, curves"] - area["auto, risks"]).dropna()
    figure = f"{gain.mean():.4f}, s.e. {gain.std() / np.sqrt(len(gain)):.4f}"
    yield "C-index of curves not below that of risks", figure, gain.mean() >= 0.0
    for gate in gates:
        for source in SOURCES:
            worst = (loss[f"{gate}, {source}"] - base).max()
            what = f"log-loss above Kaplan-Meier, {gate}, {source}, <= 0.05"
            yield what, f"{worst:.4f}", worst <= 0.05
    gap = results["gap"].max()
    yield "largest guarantee gap, <= 0", f"{gap:.1e}", gap <= 0.0


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_arguments(parser)
    parser.add_argument("--repeats", type=int, default=N_REPEATS)
    parser.add_argument("--gates", nargs="+", choices=list(GATES), default=list(GATES))
    parser.add_argument("--bank", action="store_true", help="the bank alone")
    parser.add_argument("--csv", help="write the scores of every split to this file")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    options = parser.parse_args(argv)
    # known of this data: risks that tell nothing, grids finer than the events of a small cohort
    for known in ("The risk of expert", ".* hold no event"):
        warnings.filterwarnings("ignore", message=known)
    rows = []
    for repeat in range(options.repeats):
        start = time.perf_counter()
        sides = [bank_sides(repeat), *([] if options.bank else [data_sides(repeat, options)])]
        for collection, task, split, problems, outputs in (own for side in sides for own in side):
            where = {"collection": collection, "task": task, "repeat": repeat, "split": split}
            rows += [where | row for row in evaluate(problems, outputs, options.gates)]
        spent = time.perf_counter() - start
        print(f"repeat {repeat}: {spent:.0f} s", file=sys.stderr, flush=True)
    results = pd.DataFrame(rows)
    if options.csv:
        results.to_csv(options.csv, index=False)
    summary(results, options.gates[0])
    wide, base = differences(results, options.gates)
    met = []
    print()
    for what, figure, good in targets(results, wide, base, options.gates):
        met.append(good)
        print(f"{what:56} {figure:24} {'met' if good else 'missed'}")
    return int(options.check and not all(met))


if __name__ == "__main__":
    sys.exit(main())
