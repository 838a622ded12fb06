"""What was tried for survival: other inputs, other calibrations, other strengths, on the bank.

``python examples/benchmarks/bench_survival_ideas.py --repeats 2`` prints for each idea the mean
concordance index above rank averaging and the mean log-loss below Kaplan-Meier over 26 cohorts.
The first line of each block is what the package does. Constant weights, but for the last block.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from contextlib import nullcontext
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pandas as pd
from bench_bank_survival import bank_sides, kaplan_meier_events
from scipy.optimize import minimize
from sklearn.base import BaseEstimator
from survival_rivals import GivenRisk, logitprod, rank_average, risk_of, scores

from sklearn_logitprod.fusion.events import EventTimes, events_from_survival, label_sets_from_events
from sklearn_logitprod.training import risk as risk_module

LEAST = 1e-6


class GivenCurve(BaseEstimator):
    """A survival model that reads its curve off columns of X; there is nothing to fit."""

    def __init__(self, columns, times):
        self.columns, self.times = columns, times

    def fit(self, X, y):
        """Do nothing."""
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict_survival_function(self, X):
        """The columns, as step functions."""
        from sksurv.functions import StepFunction

        return [StepFunction(self.times, row) for row in X[:, self.columns]]


def own_risks(problem):
    """Each curve is replaced by its own risk, which is calibrated."""
    fit, test = (risk_of(_log_events(X)) for X in (problem.fit_X, problem.test_X))
    params = {"input": "risk", "times": problem.params["times"]}
    return replace(problem, fit_X=fit, test_X=test, params=params)


def curves_and_risks(problem):
    """Each curve, and its own risk beside it as a further expert."""
    times, n_experts = problem.params["times"], problem.fit_X.shape[1]
    n_times = len(times)
    experts = []
    for m in range(n_experts):
        columns = list(range(m * n_times, (m + 1) * n_times))
        experts.append((f"curve{m}", GivenCurve(columns, times)))
        experts.append((f"risk{m}", GivenRisk(n_experts * n_times + m)))

    def side(X):
        return np.hstack([X.reshape(len(X), -1), risk_of(_log_events(X))])

    params = {"experts": experts, "times": times}
    fit, test = side(problem.fit_X), side(problem.test_X)
    return replace(problem, fit_X=fit, test_X=test, params=params)


def recalibrated(problem):
    """Each curve with ``log(-log S)`` moved to ``a + b log(-log S)``, b near 1, on the fit rows."""
    y, times = problem.fit_y, problem.params["times"]
    sets = label_sets_from_events(y["event"], y["time"], times)
    sides = [problem.fit_X.copy(), problem.test_X.copy()]
    for m in range(problem.fit_X.shape[1]):

        def objective(theta, own=problem.fit_X[:, m]):
            loss = sets.loss(_log_events(_moved(own, *theta))).sum()
            return loss + 0.5 * (theta[0] ** 2 + 10.0 * (theta[1] - 1.0) ** 2)

        a, b = minimize(objective, [0.0, 1.0], bounds=[(None, None), (0.0, None)]).x
        for X in sides:
            X[:, m] = _moved(X[:, m], a, b)
    return replace(problem, fit_X=sides[0], test_X=sides[1])


def _moved(survival, a, b):
    hazard = -np.log(np.clip(survival, LEAST, 1.0 - LEAST))
    return np.exp(-np.exp(a + b * np.log(hazard)))


def _log_events(survival):
    return np.log(np.maximum(events_from_survival(survival), LEAST))


def constants(**values):
    """With other constants of the calibration of risks."""
    return patch.multiple(risk_module, **values)


def strength(value):
    """With all priors of the automatic path this many times as firm."""
    return patch.object(EventTimes, "strength", value, create=True)


def same(problem):
    """As it is."""
    return problem


# source, gate, what is made of the problem, under what
IDEAS = {
    "curves": ("curves", None, same, nullcontext),
    "curves, recalibrated": ("curves", None, recalibrated, nullcontext),
    "curves and their own risks": ("curves", None, curves_and_risks, nullcontext),
    "own risks of curves": ("curves", None, own_risks, nullcontext),
    "risks": ("risks", None, same, nullcontext),
}
for rate, smoothness in (
    (0.1, 10.0),
    (1.0, 10.0),
    (100.0, 10.0),
    (10.0, 0.1),
    (10.0, 1.0),
    (10.0, 100.0),
):
    IDEAS[f"risks, RATE_PRECISION={rate:g}, SMOOTHNESS={smoothness:g}"] = (
        "risks",
        None,
        same,
        lambda own={"RATE_PRECISION": rate, "SMOOTHNESS": smoothness}: constants(**own),
    )
for value in (1.0, 0.3, 3.0, 10.0):
    for source in ("curves", "risks"):
        name = f"auto, {source}, strength={value:g}"
        IDEAS[name] = (source, "auto", same, lambda value=value: strength(value))


def evaluate(problems, outputs):
    """Scores of rank averaging, Kaplan-Meier and all ideas on one split."""
    for name, predict in (
        ("rank averaging", rank_average(outputs)),
        ("Kaplan-Meier", kaplan_meier_events(outputs)),
    ):
        yield {"method": name, **scores(outputs, *predict(outputs))}
    for name, (source, gate, change, under) in IDEAS.items():
        own = replace(outputs, problem=change(problems[source]))
        with under():
            predict = logitprod({"gate_width": gate}, own)
        yield {"method": name, **scores(own, *predict(own))}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args(argv)
    # known of this data: risks that tell nothing, grids finer than the events of a small cohort
    for known in ("The risk of expert", ".* hold no event"):
        warnings.filterwarnings("ignore", message=known)
    rows = []
    for repeat in range(options.repeats):
        for _, task, _, problems, outputs in bank_sides(repeat):
            rows += [{"task": task} | row for row in evaluate(problems, outputs)]
    results = pd.DataFrame(rows)
    wide = {
        name: results.pivot_table(index="task", columns="method", values=name)
        for name in ("C-index", "log-loss")
    }
    above = wide["C-index"].sub(wide["C-index"]["rank averaging"], axis=0)
    loss = wide["log-loss"].sub(wide["log-loss"]["Kaplan-Meier"], axis=0)
    table = pd.DataFrame(
        {
            "C-index above rank averaging": above.mean(),
            "log-loss below Kaplan-Meier": -loss.mean(),
            "worst": loss.max(),
        }
    )
    print(table.loc[list(IDEAS)].round(4).to_string())


if __name__ == "__main__":
    sys.exit(main())
