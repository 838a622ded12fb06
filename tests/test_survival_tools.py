"""LogitProdSurvival on real cohorts, around fitted survival models, inside scikit-learn."""

import functools
import importlib.util
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import get_tags

from sklearn_logitprod import LogitProdSurvival, LogitProdSurvivalCV

HAS_METRICS = importlib.util.find_spec("sklearn_logitprod.metrics") is not None
needs_metrics = pytest.mark.skipif(not HAS_METRICS, reason="needs sklearn_logitprod.metrics")


def make_y(event, time):
    y = np.empty(len(event), dtype=[("event", bool), ("time", float)])
    y["event"], y["time"] = event, time
    return y


def kaplan_meier(y, at):
    """Survival at times: one factor per event time, of the share that survives it."""
    steps = np.unique(y["time"][y["event"]])
    died = [((y["time"] == step) & y["event"]).sum() for step in steps]
    at_risk = [(y["time"] >= step).sum() for step in steps]
    survival = np.cumprod(1.0 - np.array(died) / at_risk)
    return np.concatenate([[1.0], survival])[np.searchsorted(steps, at, side="right")]


def ranked_within(risk, fold):
    """Risks as ranks in (0, 1) within each fold, whose networks differ."""
    out = np.full(risk.shape, np.nan)
    for own in (fold == one for one in np.unique(fold)):
        for m in range(risk.shape[1]):
            rows = np.flatnonzero(own & ~np.isnan(risk[:, m]))
            out[rows, m] = (rankdata(risk[rows, m]) - 0.5) / len(rows)
    return out


@pytest.mark.filterwarnings("ignore:The risk of expert")
@pytest.mark.parametrize("n_bins", [4, 10, 20])
@pytest.mark.parametrize("name", ["blca", "brca", "luad"])
def test_mean_survival_of_thirteen_networks_is_near_kaplan_meier(name, n_bins, shared_data):
    file = shared_data(f"survival_mcat_{name}")
    X, y = ranked_within(file["risk"], file["fold"]), make_y(file["event"], file["time"])
    model = LogitProdSurvival(input="risk", n_bins=n_bins).fit(X, y)
    assert len(model.unique_times_) == n_bins
    survival = model.predict_survival_function(X, return_array=True).mean(axis=0)
    error = np.abs(survival - kaplan_meier(y, model.unique_times_))
    assert error.max() < 0.05
    assert error.mean() < 0.02
    assert model.guarantee_gap_ <= 0


@pytest.mark.parametrize("gate_width", [None, "auto"])
def test_a_model_and_physicians_who_miss_patients(gate_width, shared_data):
    file = shared_data("support2_survival")
    X, y = file["survival"], make_y(file["event"], file["time"])
    model = LogitProdSurvival(input="survival", times=file["times"], gate_width=gate_width)
    model.fit(X, y)
    survival = model.predict_survival_function(X, return_array=True).mean(axis=0)
    assert np.abs(survival - kaplan_meier(y, file["times"])).max() < 0.02
    assert (model.expert_weights(X)[np.isnan(X[:, :, 0])] == 0).all()
    assert model.guarantee_gap_ < -0.005


class Risk(BaseEstimator):
    """A survival model that learns nothing: its risk is a column of X."""

    def __init__(self, column=0, sign=1.0):
        self.column, self.sign = column, sign

    def fit(self, X, y):
        self.fitted_ = y.dtype.names
        return self

    def predict(self, X):
        return self.sign * np.asarray(X)[:, self.column]


class Time(Risk):
    """The same, as a time."""

    _predict_risk_score = False

    def predict(self, X):
        return -super().predict(X)


class NoCurve(Time):
    """Has survival functions in name alone, as scikit-survival's boosting of squared errors."""

    def predict_survival_function(self, X):
        raise ValueError("`fit` must be called with the loss option set to 'coxph'.")


class Curve(Risk):
    """Survival that steps at 2 and at 3, further down for a higher risk."""

    def predict_survival_function(self, X):
        return [
            Steps(np.array([2.0, 3.0]), np.exp(-np.array([0.3, 0.6]) * np.exp(r)))
            for r in self.predict(X)
        ]


class Steps:
    """A step function as scikit-survival's: the first value even before the first step."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __call__(self, at):
        assert np.min(at) >= 0
        assert np.max(at) <= self.x[-1]
        return self.y[np.maximum(np.searchsorted(self.x, at, side="right") - 1, 0)]


RNG = np.random.default_rng(0)
X = np.clip(RNG.normal(size=(150, 3)), -2, 2)
LATENT = RNG.exponential(3.0 * np.exp(-X[:, 0] - 0.5 * X[:, 1]))
CENSORED = RNG.uniform(1.0, 8.0, size=len(X))
Y = make_y(LATENT <= CENSORED, np.minimum(LATENT, CENSORED))
MIXED = [("risk", Risk(0)), ("curve", Curve(1)), ("noise", Risk(2))]
TIMES = [1.0, 2.0, 2.5, 6.0]


def prefit(pairs=MIXED):
    return [(name, clone(expert).fit(X, Y)) for name, expert in pairs]


class TestExperts:
    def test_curves_and_risks_are_fused_together(self):
        model = LogitProdSurvival(prefit(), times=TIMES, gate_width=None).fit(X, Y)
        assert list(model.risk_models_) == ["risk", "noise"]
        assert model.expert_names_ == ["risk", "curve", "noise"]
        events = np.exp(model.expert_logits(X)[:, 1])
        survival = 1.0 - np.cumsum(events, axis=1)
        steps = np.exp(-np.exp(X[:, 1])[:, None] * [0.0, 0.3, 0.3, 0.6])
        np.testing.assert_allclose(survival[:, :4], steps, atol=2e-6)
        alone = LogitProdSurvival(input="risk", times=TIMES, gate_width=None).fit(X[:, [0, 2]], Y)
        np.testing.assert_allclose(
            model.expert_logits(X)[:, [0, 2]], alone.expert_logits(X[:, [0, 2]]), atol=1e-9
        )
        weights = model.expert_weights(X).mean(axis=0)
        assert weights[0] > weights[2]

    def test_a_predicted_time_is_minus_a_risk(self):
        experts = [("risk", Risk(0)), ("time", Time(0)), ("wrong", Risk(0, sign=-1.0))]
        model = LogitProdSurvival(prefit(experts), gate_width=None).fit(X, Y)
        slopes = {name: one.slope for name, one in model.risk_models_.items()}
        assert slopes["time"] == pytest.approx(slopes["risk"])
        assert slopes["risk"] > 0.5
        assert slopes["wrong"] == 0.0

    def test_an_expert_whose_curves_raise_is_asked_for_what_is_named(self):
        experts = [("risk", Risk(0)), ("boosting", NoCurve(0)), ("curve", Curve(1))]
        model = LogitProdSurvival(MIXED, times=TIMES, gate_width=None, cv=3)
        model.set_params(experts=experts, expert_methods={"boosting": "predict"})
        slopes = {name: one.slope for name, one in model.fit(X, Y).risk_models_.items()}
        assert slopes["boosting"] == pytest.approx(slopes["risk"])
        assert slopes["boosting"] > 0.5
        grid = {"gate_widths": (None,), "temperatures": (1,), "alphas": (100,), "cv": 2}
        search = LogitProdSurvivalCV(
            prefit(experts), expert_methods={"boosting": "predict"}, times=TIMES, **grid
        )
        assert search.fit(X, Y).best_estimator_.risk_models_["boosting"].slope > 0.5

    def test_a_curve_may_be_asked_for_its_risk(self):
        model = LogitProdSurvival(
            prefit([("curve", Curve(1))]), expert_methods={"curve": "predict"}, gate_width=None
        )
        assert list(model.fit(X, Y).risk_models_) == ["curve"]
        as_before = pickle.loads(pickle.dumps(model))
        # as a model that was saved before there was the parameter
        del vars(as_before)["expert_methods"]
        assert as_before.expert_methods is None

    def test_cross_fitted_experts_see_y_and_folds_of_their_own(self):
        splits = list(KFold(3).split(X))
        frame = pd.DataFrame({"event": Y["event"], "time": Y["time"]})
        model = LogitProdSurvival(MIXED, cv=splits, times=TIMES, gate_width=None).fit(X, frame)
        assert model.experts_[0].fitted_ == ("event", "time")
        assert not hasattr(MIXED[0][1], "fitted_")
        same = LogitProdSurvival(prefit(), times=TIMES, gate_width=None).fit(X, Y)
        # these experts learn nothing, so out-of-fold is what they say anyway
        np.testing.assert_allclose(model.predict(X), same.predict(X), atol=1e-9)
        by_number = LogitProdSurvival(MIXED, cv=4, times=TIMES).fit(
            X, Y, groups=np.arange(150) // 3
        )
        assert by_number.guarantee_gap_ <= 0

    def test_prefit_experts_survive_clone(self):
        model = LogitProdSurvival(prefit())
        assert all(a is b for (_, a), (_, b) in zip(model.experts, clone(model).experts))

    @pytest.mark.parametrize(
        ("expert", "message"),
        [
            (StandardScaler().fit(X), r"has none of predict_survival_function, predict. Experts"),
            (Risk(0), r"Expert 'e' is not fitted"),
        ],
    )
    def test_what_is_no_expert(self, expert, message):
        with pytest.raises(ValueError, match=message):
            LogitProdSurvival([("e", expert)]).fit(X, Y)

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            ([np.ones(3)] * 150, r"Expert 'e' failed.*gave ndarray; it should give one step"),
            ([Steps(np.array([1.0, 2.0]), np.array([0.2, 0.4]))] * 150, r"'e' rises in row 0"),
            ([Steps(np.array([1.0]), np.array([np.nan]))] * 150, r"survival is nan in row 0"),
            ([Steps(np.array([1.0]), np.array([0.5]))] * 3, r"survival has shape \(3, 4\)"),
        ],
    )
    def test_what_is_no_survival_function(self, answer, message):
        class Bad(Risk):
            def predict_survival_function(self, X):
                return answer

        with pytest.raises(ValueError, match=message):
            LogitProdSurvival([("e", Bad().fit(X, Y))], times=TIMES).fit(X, Y)


class TestTools:
    def test_is_no_classifier(self):
        model = LogitProdSurvival()
        assert not is_classifier(model)
        assert not is_regressor(model)
        assert get_tags(model).target_tags.required
        assert get_tags(model).classifier_tags is None

    def test_clone_and_pickle(self):
        model = LogitProdSurvival(prefit(), n_bins=5).fit(X, Y)
        loaded = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
        np.testing.assert_array_equal(clone(model).fit(X, Y).predict(X), model.predict(X))

    @needs_metrics
    def test_search_validation_and_pipeline(self):
        model = LogitProdSurvival(prefit())
        piped = make_pipeline(FunctionTransformer(), model)
        scores = cross_val_score(piped, X, Y, cv=3)
        assert ((scores > 0.6) & (scores < 1)).all()
        grid = {"n_bins": [4, 8], "gate_width": [None, 0]}
        search = GridSearchCV(model, grid, cv=3, error_score="raise").fit(X, Y)
        assert search.best_estimator_.experts[0][1] is model.experts[0][1]
        assert search.score(X, Y) > 0.6

    @needs_metrics
    def test_score_is_the_concordance_of_the_risks(self):
        concordance = pytest.importorskip("sksurv.metrics").concordance_index_censored
        model = LogitProdSurvival(prefit()).fit(X, Y)
        expected = concordance(Y["event"], Y["time"], model.predict(X))[0]
        assert model.score(X, Y) == pytest.approx(expected, abs=1e-12)

    def test_search_by_a_scorer_of_ones_own(self):
        def likelihood(model, X, y):
            return -model.loss_

        grid = {"n_bins": [4, 8]}
        search = GridSearchCV(
            LogitProdSurvival(input="risk", gate_width=None), grid, cv=3, scoring=likelihood
        )
        assert search.fit(X, Y).best_params_ == {"n_bins": 4}

    def test_import_needs_neither_torch_nor_scikit_survival(self):
        code = (
            "import sys; from sklearn_logitprod import LogitProdSurvival; "
            "assert not {'torch', 'sksurv', 'lifelines'} & set(sys.modules)"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


@functools.cache
def whas500():
    """A cohort of heart attacks, followed up for at most 2000 days."""
    pytest.importorskip("sksurv")
    from sksurv.datasets import load_whas500

    data, y = load_whas500()
    event, time = y["fstat"] & (y["lenfol"] < 2000), np.minimum(y["lenfol"], 2000.0)
    # they come by year of admission, and with it by length of follow-up
    order = np.random.RandomState(0).permutation(len(y))
    return data.astype(float).iloc[order], make_y(event, time)[order]


def six_models():
    pytest.importorskip("sksurv")
    from sksurv.ensemble import GradientBoostingSurvivalAnalysis, RandomSurvivalForest
    from sksurv.linear_model import CoxnetSurvivalAnalysis, CoxPHSurvivalAnalysis, IPCRidge
    from sksurv.tree import SurvivalTree

    return [
        ("cox", CoxPHSurvivalAnalysis(alpha=1.0)),
        ("coxnet", CoxnetSurvivalAnalysis(fit_baseline_model=True)),
        ("forest", RandomSurvivalForest(20, min_samples_leaf=15, random_state=0)),
        ("boosting", GradientBoostingSurvivalAnalysis(n_estimators=20, random_state=0)),
        ("ridge", make_pipeline(StandardScaler(), IPCRidge())),
        ("tree", SurvivalTree(max_depth=4, random_state=0)),
    ]


class TestScikitSurvival:
    def test_cross_fitted_models_beat_each_of_them_out_of_fold(self):
        data, y = whas500()
        model = LogitProdSurvival(six_models(), cv=3).fit(data, y)
        assert list(model.risk_models_) == ["ridge"]
        assert model.risk_models_["ridge"].slope > 0
        assert model.loss_ < model.expert_losses_.min() - 0.005
        survival = model.predict_survival_function(data, return_array=True).mean(axis=0)
        assert np.abs(survival - kaplan_meier(y, model.unique_times_)).max() < 0.05

    @pytest.mark.parametrize("loss", ["squared", "ipcwls"])
    def test_boosting_that_predicts_a_time(self, loss):
        """It is a time, whose sign scikit-survival's flag turns; a search of it hands that on."""
        data, y = whas500()
        from sksurv.ensemble import GradientBoostingSurvivalAnalysis

        boosting = GradientBoostingSurvivalAnalysis(loss=loss, n_estimators=5, random_state=0)
        experts = [
            ("plain", boosting),
            ("piped", make_pipeline(StandardScaler(), boosting)),
            ("searched", GridSearchCV(boosting, {"n_estimators": [5]}, cv=2)),
        ]
        model = LogitProdSurvival(experts, cv=2, gate_width=None)
        with pytest.raises(ValueError, match=r"'coxph'.*expert_methods=\{'plain': 'predict'\}"):
            model.fit(data, y)
        model.set_params(expert_methods={"plain": "predict", "piped": "predict"}).fit(data, y)
        assert list(model.risk_models_) == ["plain", "piped", "searched"]
        assert min(one.slope for one in model.risk_models_.values()) > 0.0
        assert model.score(data, y) > 0.7

    def test_prefit_models_in_searches_by_scikit_survivals_scorers(self):
        data, y = whas500()
        from sksurv import metrics

        old, new = np.arange(len(y)) < 250, np.arange(len(y)) >= 250
        fitted = [(name, expert.fit(data[old], y[old])) for name, expert in six_models()[:3]]
        model = LogitProdSurvival(fitted)
        at = [200.0, 700.0, 1300.0]
        scorers = {
            metrics.as_concordance_index_ipcw_scorer(model, tau=1900.0): (0.6, 1.0),
            metrics.as_cumulative_dynamic_auc_scorer(model, times=at): (0.6, 1.0),
            # minus the Brier score, which is 0.25 at most for a guess of one half
            metrics.as_integrated_brier_score_scorer(model, times=at): (-0.2, 0.0),
        }
        folds = list(StratifiedKFold(3).split(data[new], y["event"][new]))
        for scorer, (low, high) in scorers.items():
            grid = {"estimator__gate_width": [None, "auto"]}
            search = GridSearchCV(scorer, grid, cv=folds, error_score="raise")
            search.fit(data[new], y[new])
            scores = search.cv_results_["mean_test_score"]
            assert ((scores > low) & (scores < high)).all()
            assert search.best_estimator_.estimator.experts[0][1] is fitted[0][1]

    def test_step_functions_agree_with_scikit_survivals_brier_score(self):
        metrics = pytest.importorskip("sksurv.metrics")
        model = LogitProdSurvival(input="risk", times=TIMES, gate_width=None).fit(X, Y)
        at = np.array([1.5, 2.0, 4.0])
        called = [function(at) for function in model.predict_survival_function(X)]
        array = model.predict_survival_function(X, return_array=True)[:, [0, 1, 2]]
        np.testing.assert_array_equal(called, array)
        score = metrics.integrated_brier_score(Y, Y, called, at)
        null = metrics.integrated_brier_score(Y, Y, np.tile(kaplan_meier(Y, at), (150, 1)), at)
        assert score < null
