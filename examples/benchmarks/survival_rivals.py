"""Ways to combine survival experts that a fusion has to beat, and their scores.

An opponent is a function of `Outputs` that is fitted on its fit rows, and returns a
function from `Outputs` to (risk, log event distribution) of its test rows; without a
distribution, None stands in its place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import logsumexp
from scipy.stats import rankdata
from sklearn.base import BaseEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer
from survival_tasks import SurvivalProblem

from sklearn_logitprod import LogitProdSurvival
from sklearn_logitprod.fusion.events import (
    events_from_survival,
    label_sets_from_events,
    log_survival_from_log_events,
)
from sklearn_logitprod.metrics import (
    concordance_index,
    integrated_brier_score,
    safe_time_grid,
)

FLOOR = 1e-12


@dataclass(frozen=True)
class Outputs:
    """A problem, with what its experts say in the two forms that opponents need.

    ``fit_events`` and ``test_events`` have shape (n_samples, n_experts, n_times + 1) and
    hold log-probabilities of the intervals (risks are calibrated on the fit rows);
    ``fit_risk`` and ``test_risk`` have shape (n_samples, n_experts). NaN = missing.
    """

    problem: SurvivalProblem
    times: np.ndarray
    fit_events: np.ndarray
    test_events: np.ndarray
    fit_risk: np.ndarray
    test_risk: np.ndarray


def outputs_of(problem):
    """Event distributions and risks of the experts of a problem."""
    model = LogitProdSurvival(gate_width=None, **problem.params)
    model.fit(problem.fit_X, problem.fit_y)
    events = model.expert_logits(problem.fit_X), model.expert_logits(problem.test_X)
    risks = problem.fit_X, problem.test_X
    if problem.params["input"] != "risk":
        risks = (risk_of(own) for own in events)
    return Outputs(problem, model.unique_times_, *events, *risks)


def without_expert(outputs, expert):
    """The same with an expert missing from the test rows that have another one."""
    others = np.delete(outputs.test_risk, expert, axis=1)
    rows = ~np.isnan(others).all(axis=1)

    def drop(values):
        values = values.copy()
        values[rows, expert] = np.nan
        return values

    problem = replace(outputs.problem, test_X=drop(outputs.problem.test_X))
    events, risk = drop(outputs.test_events), drop(outputs.test_risk)
    return replace(outputs, problem=problem, test_events=events, test_risk=risk)


def mean_present(values):
    """Mean over the experts present: (n_samples, n_experts, ...) to (n_samples, ...)."""
    return np.nanmean(values, axis=1)


def risk_of(distribution):
    """Minus the sum of survival over the times."""
    return -np.exp(log_survival_from_log_events(distribution)).sum(axis=-1)


def filled_risks(outputs):
    """Risks of fit and test rows; a missing one is the quantile of the mean of the others."""
    filled = []
    for risks in (outputs.fit_risk, outputs.test_risk):
        place = rankdata(mean_present(risks)) / (len(risks) + 1)
        columns = []
        for known, own in zip(outputs.fit_risk.T, risks.T, strict=True):
            stand_in = np.quantile(known[~np.isnan(known)], place)
            columns.append(np.where(np.isnan(own), stand_in, own))
        filled.append(np.column_stack(columns))
    return filled


def best_single(outputs):
    """The expert with the highest concordance on the rows of the fit data that it has."""
    y, scores = outputs.problem.fit_y, []
    for risk in outputs.fit_risk.T:
        rows = ~np.isnan(risk)
        scores.append(concordance_index(y["event"][rows], y["time"][rows], risk[rows]))
    best = int(np.argmax(scores))

    def predict(other):
        events = other.test_events
        events = np.where(np.isnan(events), mean_present(events)[:, None], events)
        return filled_risks(other)[1][:, best], events[:, best]

    predict.expert = best
    return predict


def rank_average(outputs):
    """Mean over the experts present of where a risk lies among those of the fit data."""

    def predict(other):
        places = np.full(other.test_risk.shape, np.nan)
        for expert, risk in enumerate(outputs.fit_risk.T):
            known, own = np.sort(risk[~np.isnan(risk)]), other.test_risk[:, expert]
            both = np.searchsorted(known, own, "left") + np.searchsorted(known, own, "right")
            places[:, expert] = np.where(np.isnan(own), np.nan, both / (2.0 * len(known)))
        return mean_present(places), None

    return predict


def mean_of_curves(outputs):
    """Linear pool of the event distributions with equal weights."""

    def predict(other):
        curves = np.log(mean_present(np.exp(other.test_events)))
        return risk_of(curves), curves

    return predict


def mean_of_logits(outputs):
    """Product of the event distributions with equal weights."""

    def predict(other):
        product = mean_present(other.test_events)
        product -= logsumexp(product, axis=1, keepdims=True)
        return risk_of(product), product

    return predict


class GivenRisk(BaseEstimator):
    """A survival model that reads its risk off a column of X; there is nothing to fit."""

    def __init__(self, column):
        self.column = column

    def fit(self, X, y):
        """Do nothing."""
        return self

    def predict(self, X):
        """The column."""
        return X[:, self.column]


def _events_of(model, X, times):
    """Log event distribution at `times` of a scikit-survival model."""
    curves = np.array(
        [step(times.clip(*step.domain)) for step in model.predict_survival_function(X)]
    )
    return np.log(np.maximum(events_from_survival(curves), FLOOR))


def stacking(outputs):
    """scikit-survival's stacking of the risks by a Cox model with a small ridge penalty."""
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.meta import Stacking

    known, _ = filled_risks(outputs)
    experts = [(f"expert{m}", GivenRisk(m)) for m in range(known.shape[1])]
    model = Stacking(CoxPHSurvivalAnalysis(alpha=1.0), experts, probabilities=False)
    model.fit(known, outputs.problem.fit_y)

    def predict(other):
        new = filled_risks(other)[1]
        return model.predict(new), _events_of(model, new, outputs.times)

    return predict


def feature_fusion(outputs):
    """Cox regression with a ridge penalty on the features of all experts."""
    from sksurv.linear_model import CoxPHSurvivalAnalysis

    problem = outputs.problem
    scores = QuantileTransformer(n_quantiles=100, output_distribution="normal")
    imputer, penalty = SimpleImputer(strategy="median"), len(problem.fit_y)
    model = make_pipeline(imputer, scores, CoxPHSurvivalAnalysis(alpha=penalty))
    model.fit(problem.fit_table, problem.fit_y)

    def predict(other):
        table = other.problem.test_table
        return model.predict(table), _events_of(model, table, outputs.times)

    return predict


def logitprod(options, outputs):
    """Ours, with some parameters."""
    problem = outputs.problem
    model = LogitProdSurvival(**problem.params, **options).fit(problem.fit_X, problem.fit_y)

    def predict(other):
        X = other.problem.test_X
        events = events_from_survival(model.predict_survival_function(X, return_array=True))
        return model.predict(X), np.log(np.maximum(events, FLOOR))

    predict.gap = model.guarantee_gap_
    return predict


def scores(outputs, risk, distribution):
    """Scores on the test rows; those of distributions only where there is one."""
    y_fit, y_test = outputs.problem.fit_y, outputs.problem.test_y
    out = {"C-index": concordance_index(y_test["event"], y_test["time"], risk)}
    if distribution is None:
        return out
    sets = label_sets_from_events(y_test["event"], y_test["time"], outputs.times)
    out["log-loss"] = float(sets.loss(distribution).mean())
    grid = safe_time_grid(y_fit, y_test, outputs.times)
    if len(grid) > 1:
        survival = np.exp(log_survival_from_log_events(distribution))
        kept = survival[:, np.isin(outputs.times, grid)]
        out["IBS"] = integrated_brier_score(y_fit, y_test, kept, grid)
    return out
