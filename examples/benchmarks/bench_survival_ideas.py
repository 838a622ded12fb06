"""What was tried for survival: other inputs, orders, calibrations and strengths.

``python examples/benchmarks/bench_survival_ideas.py --repeats 2`` prints for each idea the mean
concordance index above rank averaging, the mean log-loss below the smooth Kaplan-Meier estimate,
and by how much it is above on the worst cohort, over 26 cohorts of the bank and those three of the
development collection that have curves. "curves" and "risks" are what the package does.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from unittest.mock import patch

import numpy as np
import pandas as pd
from bench_bank_survival import bank_sides, data_sides, smooth_events
from scipy.integrate import trapezoid
from scipy.optimize import minimize
from scipy.special import logsumexp
from survival_rivals import logitprod, rank_average, risk_of, scores
from tasks import add_data_arguments

from sklearn_logitprod.fusion.events import (
    EventTimes,
    events_from_survival,
    label_sets_from_events,
    log_survival_from_log_events,
)
from sklearn_logitprod.training import risk as risk_module

LEAST = 1e-6


def own_risks(problem):
    """Each curve is replaced by its own risk, which is calibrated in every fold anew."""
    fit, test = (risk_of(_log_events(X)) for X in (problem.fit_X, problem.test_X))
    params = {"input": "risk", "times": problem.params["times"]}
    return replace(problem, fit_X=fit, test_X=test, params=params)


def beside(problem):
    """Each curve, and beside it as a further expert what its own risk says."""
    return _joined(problem, lambda curve, own: np.concatenate([curve, own], axis=1))


def averaged(problem):
    """The mean of each curve and of what its own risk says."""
    return _joined(problem, lambda curve, own: 0.5 * (curve + own))


def _joined(problem, join):
    """Curves and the calibrated curves of their risks, estimated once on all of the fit rows."""
    y, times = problem.fit_y, problem.params["times"]
    sets = label_sets_from_events(y["event"], y["time"], times)
    risks = [risk_of(_log_events(X)) for X in (problem.fit_X, problem.test_X)]
    models = risk_module.fit_risks(dict(enumerate(risks[0].T)), sets, np.ones(len(y)), times)
    sides = []
    for curves, own in zip((problem.fit_X, problem.test_X), risks, strict=True):
        events = [models[m].log_events(risk) for m, risk in enumerate(own.T)]
        survival = np.exp(log_survival_from_log_events(np.stack(events, axis=1)))
        sides.append(join(curves, survival))
    return replace(problem, fit_X=sides[0], test_X=sides[1])


def recalibrated(problem):
    """Each curve with ``log(-log S)`` moved to ``a + b log(-log S)``, b near 1, on the fit rows."""
    y, times = problem.fit_y, problem.params["times"]
    sets = label_sets_from_events(y["event"], y["time"], times)
    sides = [problem.fit_X.copy(), problem.test_X.copy()]
    for m in range(problem.fit_X.shape[1]):

        def objective(theta, own=problem.fit_X[:, m]):
            loss = np.nansum(sets.loss(_log_events(_moved(own, *theta))))
            return loss + 0.5 * (theta[0] ** 2 + 10.0 * (theta[1] - 1.0) ** 2)

        a, b = minimize(objective, [0.0, 1.0], bounds=[(None, None), (0.0, None)]).x
        for X in sides:
            X[:, m] = _moved(X[:, m], a, b)
    return replace(problem, fit_X=sides[0], test_X=sides[1])


def _moved(survival, a, b):
    hazard = -np.log(np.clip(survival, LEAST, 1.0 - LEAST))
    return np.exp(-np.exp(a + b * np.log(hazard)))


def _log_events(survival):
    events = np.log(np.maximum(events_from_survival(survival), LEAST))
    return events - logsumexp(events, axis=-1, keepdims=True)


def constants(rate, smoothness):
    """With other constants of the calibration of risks."""
    return patch.multiple(risk_module, RATE_PRECISION=rate, SMOOTHNESS=smoothness)


def strength(value):
    """With all priors of the automatic path this many times as firm as with classes."""
    return patch.object(EventTimes, "strength", value)


def same(problem):
    """As it is."""
    return problem


def cumulative_hazard(log_survival, times):
    """The sum over the times, in place of minus that of survival."""
    return -log_survival.sum(axis=1)


def mean_survival_time(log_survival, times):
    """Minus the area under the curve up to the last time."""
    survival = np.exp(np.pad(log_survival, [(0, 0), (1, 0)]))
    return -trapezoid(survival, np.append(0.0, times), axis=1)


# source, gate, what is made of the problem, under what
IDEAS = {
    "curves": ("curves", "auto", same, nullcontext),
    "curves, recalibrated": ("curves", "auto", recalibrated, nullcontext),
    "curves averaged with those of their risks": ("curves", "auto", averaged, nullcontext),
    "curves and those of their risks": ("curves", "auto", beside, nullcontext),
    "risks of curves": ("curves", "auto", own_risks, nullcontext),
    "risks": ("risks", "auto", same, nullcontext),
}
for value in (1.0, 10.0):
    for source in ("curves", "risks"):
        under = partial(strength, value)
        IDEAS[f"{source}, priors {value:g} times those of classes"] = (source, "auto", same, under)
for source in ("curves", "risks"):
    IDEAS[f"{source}, constant weights"] = (source, None, same, nullcontext)
for pair in ((0.1, 10.0), (1.0, 10.0), (100.0, 10.0), (10.0, 0.1), (10.0, 1.0), (10.0, 100.0)):
    name = "risks, constant weights, RATE_PRECISION={:g}, SMOOTHNESS={:g}".format(*pair)
    IDEAS[name] = ("risks", None, same, partial(constants, *pair))
ORDERS = {
    "in the order of cumulative hazard": cumulative_hazard,
    "in the order of mean survival time": mean_survival_time,
}


def evaluate(problems, outputs):
    """Scores of rank averaging, the smooth estimate and all ideas on one split."""
    for name, predict in (
        ("rank averaging", rank_average(outputs)),
        ("baseline", smooth_events(outputs)),
    ):
        yield {"method": name, **scores(outputs, *predict(outputs))}
    for name, (source, gate, change, under) in IDEAS.items():
        own = replace(outputs, problem=change(problems[source]))
        with under():
            predict = logitprod({"gate_width": gate}, own)
        risk, events = predict(own)
        yield {"method": name, **scores(own, risk, events)}
        if name not in ("curves", "risks"):
            continue
        for order, by in ORDERS.items():
            other = by(log_survival_from_log_events(events), outputs.times)
            yield {"method": f"{name}, {order}", **scores(own, other, events)}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_arguments(parser)
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args(argv)
    # known of this data: risks that tell nothing, grids finer than the events of a small cohort
    for known in ("The risk of expert", ".* hold no event"):
        warnings.filterwarnings("ignore", message=known)
    rows = []
    for repeat in range(options.repeats):
        for side in (bank_sides(repeat), data_sides(repeat, options)):
            for _, task, _, problems, outputs in side:
                if "curves" in problems:
                    rows += [{"task": task} | row for row in evaluate(problems, outputs)]
        print(f"repeat {repeat}", file=sys.stderr, flush=True)
    results = pd.DataFrame(rows)
    order = results["method"].drop_duplicates()[2:]
    wide = {
        name: results.pivot_table(index="task", columns="method", values=name)
        for name in ("C-index", "log-loss")
    }
    above = wide["C-index"].sub(wide["C-index"]["rank averaging"], axis=0)
    loss = wide["log-loss"].sub(wide["log-loss"]["baseline"], axis=0)
    table = {
        "C-index above rank averaging": above.mean(),
        "log-loss below the baseline": -loss.mean(),
        "worst above": loss.max(),
    }
    print(pd.DataFrame(table).loc[order].round(4).to_string())


if __name__ == "__main__":
    sys.exit(main())
