"""LogitProdSurvivalCV gives what GridSearchCV over LogitProdSurvival gives."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, is_classifier
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from sklearn_logitprod import LogitProdSurvival, LogitProdSurvivalCV
from sklearn_logitprod.fusion.events import events_from_survival, label_sets_from_events

TIMES = np.array([1.0, 2.0, 4.0])
GRID = {"gate_width": [None, 0], "temperature": [0.5, 2], "alpha": [30]}
OWN = {"gate_widths": (None, 0), "temperatures": (0.5, 2), "alphas": (30,)}


def make_task(n=150, seed=0):
    rng = np.random.default_rng(seed)
    hazard = np.exp(rng.normal(size=n)) / 3.0
    time = rng.exponential(1.0 / hazard)
    censored = rng.exponential(4.0, size=n)
    y = np.empty(n, dtype=[("event", bool), ("time", float)])
    y["event"], y["time"] = time <= censored, np.minimum(time, censored) + 0.01
    risk = np.log(hazard)[:, None] + rng.normal(size=(n, 3)) * [0.3, 1.0, 3.0]
    curves = np.exp(-np.exp(risk)[:, :, None] / 3.0 * TIMES)
    folds = list(StratifiedKFold(4).split(risk, y["event"]))
    return risk, curves, y, folds


def log_likelihood(model, X, y):
    events = events_from_survival(model.predict_survival_function(X, return_array=True))
    sets = label_sets_from_events(y["event"], y["time"], model.unique_times_)
    return -sets.loss(np.log(events)).mean()


@pytest.mark.parametrize("kind", ["survival", "risk"])
def test_scores_are_those_of_a_grid_search(kind):
    risk, curves, y, folds = make_task()
    X = curves if kind == "survival" else risk
    params = {"input": kind, "times": TIMES, "tol": 1e-9}
    slow = GridSearchCV(LogitProdSurvival(**params), GRID, scoring=log_likelihood, cv=folds)
    slow.fit(X, y)
    fast = LogitProdSurvivalCV(**params, **OWN, cv=folds).fit(X, y)
    assert fast.cv_results_["params"] == slow.cv_results_["params"]
    for fold in range(len(folds)):
        name = f"split{fold}_test_score"
        np.testing.assert_allclose(fast.cv_results_[name], slow.cv_results_[name], atol=1e-6)
    assert fast.best_params_ == slow.best_params_
    np.testing.assert_allclose(fast.predict(X), slow.predict(X), atol=1e-9)


def test_a_scorer_sees_held_out_rows_and_y():
    risk, _, y, folds = make_task()

    def concordance(model, X, y):
        return model.score(X, y)

    params = {"input": "risk", "times": TIMES}
    slow = GridSearchCV(LogitProdSurvival(**params), GRID, scoring=concordance, cv=folds)
    fast = LogitProdSurvivalCV(**params, **OWN, cv=folds, scoring=concordance)
    slow_scores = slow.fit(risk, y).cv_results_["mean_test_score"]
    fast_scores = fast.fit(risk, y).cv_results_["mean_test_score"]
    np.testing.assert_allclose(fast_scores, slow_scores, atol=1e-3)


def test_methods_are_those_of_the_best_candidate():
    risk, _, y, _ = make_task()
    frame = pd.DataFrame({"event": y["event"], "time": y["time"]})
    search = LogitProdSurvivalCV(input="risk", n_bins=4, **OWN, cv=3).fit(risk, frame)
    best = LogitProdSurvival(input="risk", n_bins=4, **search.best_params_).fit(risk, y)
    np.testing.assert_array_equal(search.unique_times_, best.unique_times_)
    np.testing.assert_array_equal(search.predict(risk), best.predict(risk))
    np.testing.assert_array_equal(search.expert_weights(risk), best.expert_weights(risk))
    for name in ("predict_survival_function", "predict_cumulative_hazard_function"):
        ours = getattr(search, name)(risk, return_array=True)
        np.testing.assert_array_equal(ours, getattr(best, name)(risk, return_array=True))
    np.testing.assert_array_equal(search.predict_hazard(risk), best.predict_hazard(risk))
    assert search.score(risk, y) == best.score(risk, y) > 0.6
    assert search.best_estimator_.guarantee_gap_ <= 0.0
    assert not is_classifier(search)


class Exponential(BaseEstimator):
    """A risk model that reads one column."""

    def __init__(self, column=0):
        self.column = column

    def fit(self, X, y):
        self.centre_ = float(np.mean(X[:, self.column]))
        return self

    def predict(self, X):
        return X[:, self.column] - self.centre_


def test_unfitted_experts_are_cross_fitted_in_every_fold():
    risk, _, y, folds = make_task()
    experts = [("a", Exponential(0)), ("b", Exponential(1))]
    search = LogitProdSurvivalCV(experts, expert_cv=3, times=TIMES, **OWN, cv=folds)
    search.fit(risk, y)
    slow = GridSearchCV(
        LogitProdSurvival(experts, cv=3, times=TIMES), GRID, scoring=log_likelihood, cv=folds
    )
    slow.fit(risk, y)
    fast_scores = search.cv_results_["mean_test_score"]
    np.testing.assert_allclose(fast_scores, slow.cv_results_["mean_test_score"], atol=1e-5)
    np.testing.assert_allclose(search.predict(risk), slow.predict(risk), atol=1e-9)


def test_errors_come_first():
    risk, _, y, _ = make_task()
    with pytest.raises(ValueError, match=r"gate_widths holds 'auto'.*use LogitProdSurvival"):
        LogitProdSurvivalCV(input="risk", gate_widths=("auto",)).fit(risk, y)
    with pytest.raises(ValueError, match="requires y"):
        LogitProdSurvivalCV(input="risk").fit(risk)
