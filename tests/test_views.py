"""Experts on views: what reaches the head, what a missing view means, errors, tools around."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import BayesianRidge, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_logitprod import (
    LogitProdClassifier,
    LogitProdClassifierCV,
    LogitProdRegressor,
    LogitProdSurvival,
)
from sklearn_logitprod.cli.model import TRUSTED
from sklearn_logitprod.experts import CoxHead, LogisticHead, RidgeHead, ViewExpert, on_view

WIDTHS = {"uni": 4, "conch": 3}


def make_views(n_samples=120, missing=0, seed=0):
    """Frame of two encoders, labels and events; rows 0, 2, 4, ... may lack conch."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_samples) % 2
    views = {
        name: pd.DataFrame(
            rng.normal(size=(n_samples, width)) + 0.8 * y[:, None],
            columns=[f"f{j}" for j in range(width)],
        )
        for name, width in WIDTHS.items()
    }
    X = pd.concat(views, axis=1).astype(np.float32)
    X.index = [f"slide{i}" for i in range(n_samples)]
    lacking = np.arange(0, 3 * missing, 3)
    X.iloc[lacking, 4:] = np.nan
    events = np.empty(n_samples, dtype=[("event", bool), ("time", float)])
    events["event"], events["time"] = (
        rng.random(n_samples) < 0.7,
        np.exp(rng.normal(size=n_samples) - y),
    )
    return X, np.where(y == 1, "tumour", "normal"), events, lacking


def two_views(head=None, **given):
    return [(name, on_view(name, head, **given)) for name in WIDTHS]


def test_a_head_that_knows_how_sure_it_is_says_so():
    """Its deviations reach a regressor as those of an expert without a view do."""
    X, _, events, lacking = make_views(missing=10)
    y = np.log(events["time"])
    model = LogitProdRegressor(two_views(BayesianRidge()), cv=3, gate_width=None).fit(X, y)
    assert all(own.log_centre != 0.0 for own in model.value_models_.values())
    expert = on_view("conch", BayesianRidge()).fit(X, y)
    mean, std = expert.predict(X, return_std=True)
    for own in (mean, std):
        assert np.array_equal(np.flatnonzero(np.isnan(own)), lacking)
    assert np.isnan(expert.predict(X.iloc[lacking], return_std=True)).all()
    assert model.predict(X.iloc[lacking], return_std=True)[1].shape == (10,)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (slice(0, 1024), r"columns=slice\(0, 1024, None\)\) asks for columns that X, which has 7"),
        ([9], r"columns=\[9\]\) asks for columns"),
        (["f9"], r"columns=\['f9'\]\) asks for columns"),
        ([], "names no column"),
        (3, "a slice or a list, also of one column"),
        ("f3", "a slice or a list, also of one column"),
    ],
)
def test_columns_that_are_not_there_are_told(columns, message):
    X, y, _, _ = make_views()
    with pytest.raises(ValueError, match=message):
        on_view("uni", LogisticHead(), columns=columns).fit(X.to_numpy(), y)


def test_a_classifier_is_no_expert_of_values():
    X, y, _, _ = make_views()
    with pytest.raises(ValueError, match="is a classifier, whose labels are no values"):
        LogitProdRegressor(two_views(LogisticHead()), cv=3).fit(X, (y == "tumour").astype(float))


def test_stored_models_hold_views_and_their_heads():
    skops = pytest.importorskip("skops.io", reason="needs skops")
    X, y, events, _ = make_views(missing=10)
    classes = LogitProdClassifier(two_views(), cv=3, gate_width=None).fit(X, y)
    risks = LogitProdSurvival(two_views(), cv=3, n_bins=4, gate_width=None).fit(X, events)
    for model in (classes, risks, on_view("uni", RidgeHead()).fit(X, events["time"])):
        stored = skops.dumps(model)
        assert set(skops.get_untrusted_types(data=stored)) <= set(TRUSTED)
        loaded = skops.loads(stored, trusted=TRUSTED)
        assert (loaded.predict(X) == model.predict(X)).all()


class Recorder(ClassifierMixin, BaseEstimator):
    """A classifier that remembers what reached it."""

    def fit(self, X, y, sample_weight=None, groups=None):
        self.X_, self.y_, self.weight_, self.groups_ = X, np.asarray(y), sample_weight, groups
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        assert not np.isnan(np.asarray(X)).any()
        return np.full((len(X), len(self.classes_)), 1.0 / len(self.classes_))


def test_only_own_columns_and_rows_with_the_view_reach_the_head():
    X, y, _, lacking = make_views(missing=10)
    weight, groups = np.arange(1.0, 121.0), np.arange(120) // 2
    expert = on_view("conch", Recorder()).fit(X, y, sample_weight=weight, groups=groups)
    kept = np.setdiff1d(np.arange(120), lacking)
    head = expert.estimator_
    pd.testing.assert_frame_equal(head.X_, X["conch"].iloc[kept])
    assert (head.y_ == y[kept]).all()
    assert (head.weight_ == weight[kept]).all()
    assert (head.groups_ == groups[kept]).all()
    assert (expert.n_samples_fit_, expert.n_features_in_) == (110, 3)


def test_answers_are_those_of_the_head_and_missing_elsewhere():
    X, y, _, lacking = make_views(missing=10)
    expert = on_view("conch", LogisticRegression()).fit(X, y)
    kept = np.setdiff1d(np.arange(120), lacking)
    head = LogisticRegression().fit(X["conch"].iloc[kept], y[kept])
    for method in ("predict_proba", "predict_log_proba", "decision_function"):
        found = getattr(expert, method)(X)
        assert np.isnan(found[lacking]).all()
        assert found[kept] == pytest.approx(getattr(head, method)(X["conch"].iloc[kept]))
        nothing = getattr(expert, method)(X.iloc[lacking])
        assert nothing.shape == found[lacking].shape
        assert np.isnan(nothing).all()
    assert expert.score(X, y) == head.score(X["conch"].iloc[kept], y[kept])
    assert (expert.predict(X.iloc[kept]) == head.predict(X["conch"].iloc[kept])).all()
    with pytest.raises(ValueError, match=r"10 row.* lack the view 'conch', the first is row 0"):
        expert.predict(X)


def test_values_are_missing_where_the_view_is():
    X, _, events, lacking = make_views(missing=10)
    expert = on_view("conch", Ridge()).fit(X, events["time"])
    assert np.flatnonzero(np.isnan(expert.predict(X))).tolist() == lacking.tolist()
    assert np.isnan(expert.predict(X.iloc[lacking])).tolist() == [True] * 10


def test_a_fusion_is_that_of_out_of_fold_answers_with_gaps():
    X, y, _, lacking = make_views(missing=30)
    folds = list(StratifiedKFold(4).split(X, y))
    model = LogitProdClassifier(two_views(LogisticRegression()), cv=folds)
    log_proba = model.fit_transform(X, y).reshape(120, 2, 2)
    proba = np.full((120, 2, 2), np.nan)
    for m, name in enumerate(WIDTHS):
        there = ~X[name].isna().any(axis=1).to_numpy()
        for train, test in folds:
            own, out = train[there[train]], test[there[test]]
            head = LogisticRegression().fit(X[name].iloc[own], y[own])
            proba[out, m] = head.predict_proba(X[name].iloc[out])
    assert np.isnan(log_proba[lacking, 1]).all()
    # the floor of 1e-6
    assert np.exp(log_proba) == pytest.approx(proba, abs=1e-6, nan_ok=True)
    by_hand = LogitProdClassifier(input="proba").fit(proba, y)
    assert model.loss_ == pytest.approx(by_hand.loss_, abs=1e-6)
    weights = model.expert_weights(X)
    assert (weights.loc[X.index[lacking], "conch"] == 0.0).all()
    assert (weights.iloc[1] > 0.0).all()


def test_columns_are_declared_for_arrays_and_plain_frames():
    X, y, _, _ = make_views(missing=10)
    expected = on_view("conch", LogisticRegression()).fit(X, y).predict_proba(X)
    values = X.to_numpy()
    flat = pd.DataFrame(values, columns=[f"{view}_{name}" for view, name in X.columns])
    for given, columns in [
        (values, slice(4, 7)),
        (values, [4, 5, 6]),
        (values.tolist(), slice(4, 7)),
        (flat, ["conch_f0", "conch_f1", "conch_f2"]),
        (flat, slice(4, 7)),
    ]:
        expert = on_view("conch", LogisticRegression(), columns=columns).fit(given, y)
        assert expert.predict_proba(given) == pytest.approx(expected, nan_ok=True)
    experts = [("u", on_view("u", columns=slice(0, 4))), ("c", on_view("c", columns=slice(4, 7)))]
    assert LogitProdClassifier(experts, cv=3).fit(values, y).score(values, y) > 0.7


def test_later_frames_are_aligned_by_the_names_of_features():
    X, y, _, _ = make_views()
    expert = on_view("conch", LogisticRegression()).fit(X, y)
    other = X[[X.columns[i] for i in (6, 0, 4, 1, 5, 2, 3)]]
    assert expert.predict_proba(other) == pytest.approx(expert.predict_proba(X))
    with pytest.raises(ValueError, match=r"2 features in X, but was fitted on 3; X lacks \['f1'\]"):
        expert.predict_proba(X.drop(columns=[("conch", "f1")]))


def test_the_head_follows_the_task():
    X, y, events, _ = make_views(missing=10)
    model = LogitProdClassifier(two_views(), cv=3, gate_width=None).fit(X, y)
    assert all(isinstance(own.estimator_, LogisticHead) for own in model.experts_)
    model = LogitProdSurvival(two_views(), cv=3, n_bins=4, gate_width=None).fit(X, events)
    assert all(isinstance(own.estimator_, CoxHead) for own in model.experts_)
    assert model.score(X, events) > 0.6
    assert isinstance(on_view("uni").for_task("values").estimator, RidgeHead)
    given = on_view("uni", Ridge())
    assert given.for_task("events") is given
    with pytest.raises(ValueError, match=r"on_view\('uni'\) has no head.*on_view\('uni', Logis"):
        on_view("uni").fit(X, y)


def test_survival_experts_may_lack_the_view():
    X, _, events, lacking = make_views(missing=20)
    model = LogitProdSurvival(two_views(CoxHead()), cv=3, n_bins=4, gate_width=None)
    logits = model.fit_transform(X, events).reshape(120, 2, -1)
    assert np.isnan(logits[lacking, 1]).all()
    assert not np.isnan(logits[:, 0]).any()
    assert (model.expert_weights(X).iloc[lacking, 1] == 0.0).all()


def test_regressors_may_lack_the_view():
    X, _, events, lacking = make_views(missing=10)
    model = LogitProdRegressor(two_views(), cv=3, gate_width=None).fit(X, np.log(events["time"]))
    weights = model.expert_weights(X)
    assert (weights.iloc[lacking, 1] == 0.0).all()
    assert np.isnan(model.transform(X)[lacking, 1]).all()
    assert np.isfinite(model.predict(X)).all()
    assert isinstance(model.experts_[0].estimator_, RidgeHead)


def test_curves_and_risks_mix_and_a_row_needs_one_of_them():
    linear_model = pytest.importorskip("sksurv.linear_model", reason="needs scikit-survival")
    X, _, events, lacking = make_views(missing=20)
    curves = linear_model.CoxPHSurvivalAnalysis(alpha=1.0)
    experts = [("conch", on_view("conch", curves)), ("uni", on_view("uni"))]
    model = LogitProdSurvival(experts, cv=3, n_bins=4, gate_width=None).fit(X, events)
    logits = model.expert_logits(X)
    assert np.isnan(logits[lacking, 0]).all()
    assert not np.isnan(np.delete(logits[:, 0], lacking, axis=0)).any()
    assert model.predict(X).shape == (120,)
    X.iloc[7] = np.nan
    with pytest.raises(ValueError, match=r"all experts are missing.* first is row 7"):
        model.predict(X)


def test_names_of_a_search_reach_the_head():
    X, y, _, _ = make_views(missing=10)
    model = LogitProdClassifier(two_views(LogisticRegression()), cv=3, gate_width=None)
    search = GridSearchCV(model, {"uni__estimator__C": [1e-6, 1.0]}, cv=2).fit(X, y)
    assert search.best_estimator_.named_experts_["uni"].estimator_.C == 1.0
    assert clone(search.best_estimator_).get_params()["uni__estimator__C"] == 1.0
    assert (pickle.loads(pickle.dumps(search)).predict(X) == search.predict(X)).all()
    assert np.isfinite(cross_val_score(make_pipeline(model), X, y, cv=2)).all()
    with pytest.raises(ValueError, match=r"estimator__C cannot be set: on_view\('uni'\)"):
        LogitProdClassifier(two_views(), cv=3).set_params(uni__estimator__C=1.0)
    assert on_view("uni").set_params(estimator=LogisticRegression(), estimator__C=3.0)


def test_bare_experts_are_named_by_their_views():
    X, y, _, _ = make_views()
    experts = [on_view("uni"), on_view("conch"), LogisticRegression(), on_view("conch", Recorder())]
    params = LogitProdClassifier(experts, cv=3).get_params()
    assert {"uni", "conch-1", "conch-2", "logisticregression"} <= set(params)
    model = LogitProdClassifier(experts[:2], cv=3, gate_width=None).fit(X, y)
    assert model.expert_names_ == ["uni", "conch"]


def test_views_are_what_their_heads_are():
    assert is_classifier(on_view("uni", LogisticRegression()))
    assert not is_classifier(on_view("uni", Ridge()))
    assert not hasattr(on_view("uni", Ridge()), "predict_proba")
    assert isinstance(clone(on_view("uni", Ridge(), columns=slice(2))), ViewExpert)


def test_fitted_heads_stay_as_they_are():
    X, y, _, _ = make_views(missing=10)
    fitted = [
        (name, on_view(name, FrozenEstimator(own.estimator_)).fit(X, y))
        for name, own in [
            (name, on_view(name, LogisticHead()).fit(X.iloc[:60], y[:60])) for name in WIDTHS
        ]
    ]
    model = LogitProdClassifier(fitted, cv="prefit", gate_width=None).fit(X.iloc[60:], y[60:])
    assert model.score(X, y) > 0.7


class Counted(LogisticRegression):
    """Counts its fits."""

    n_fits = 0

    def fit(self, X, y, sample_weight=None):
        type(self).n_fits += 1
        return super().fit(X, y, sample_weight)


def test_heads_are_fitted_once_per_fold_and_not_once_per_candidate():
    X, y, _, _ = make_views()
    search = LogitProdClassifierCV(
        two_views(Counted()), expert_cv=3, cv=4, gate_widths=(None,), alphas=(30, 100, 300)
    )
    Counted.n_fits = 0
    search.fit(X, y)
    assert len(search.cv_results_["params"]) == 9
    # three inner folds and all rows, in each of four folds and in the refit, for two views
    assert Counted.n_fits == 2 * (3 + 1) * (4 + 1)


def test_workers_are_given_their_own_view_alone():
    X, _, _, _ = make_views()
    X = pd.DataFrame(X.to_numpy().copy(), columns=X.columns)
    own = on_view("conch").own_columns(X)
    assert list(own.columns) == [("conch", "f0"), ("conch", "f1"), ("conch", "f2")]
    assert np.shares_memory(own.to_numpy(), X.to_numpy())
    expert = on_view("conch", columns=slice(4, 7))
    assert expert.own_columns(X) is X


def test_weights_and_groups_reach_default_heads():
    X, y, _, _ = make_views()
    weight, groups = np.r_[np.zeros(40), np.ones(80)], np.arange(120) // 4
    weighted = LogitProdClassifier(two_views(), cv=3, gate_width=None)
    weighted.fit(X, y, sample_weight=weight, groups=groups)
    alone = LogisticHead(random_state=weighted.experts_[0].estimator.random_state)
    alone.fit(X["uni"], y, sample_weight=weight, groups=groups)
    assert weighted.experts_[0].estimator_.coef_ == pytest.approx(alone.coef_)


def test_metadata_routing_reaches_the_head():
    X, y, _, lacking = make_views(missing=10)
    weight = np.arange(1.0, 121.0)
    with config_context(enable_metadata_routing=True):
        asking = Recorder().set_fit_request(sample_weight=True, groups=False)
        model = LogitProdClassifier(two_views(asking), cv=3, gate_width=None)
        model.set_fit_request(sample_weight=True).fit(X, y, sample_weight=weight)
    head = model.named_experts_["conch"].estimator_
    assert (head.weight_ == np.delete(weight, lacking)).all()


def test_a_class_that_a_head_does_not_know_is_borrowed_where_others_are_present():
    X, y, _, lacking = make_views(missing=30)
    y = y.copy()
    y[lacking] = "other"
    model = LogitProdClassifier(two_views(LogisticRegression()), cv=3, gate_width=None)
    with pytest.raises(ValueError, match=r"'conch, fold 1' does not know classes \['other'\]"):
        model.fit(X, y)
    model.set_params(missing_classes="mean").fit(X, y)
    proba = np.exp(model.expert_logits(X))
    assert np.isnan(proba[lacking, 1]).all()
    kept = np.setdiff1d(np.arange(120), lacking)
    assert proba[kept].sum(axis=2) == pytest.approx(1.0)
    assert proba[kept, 1, 1] == pytest.approx(proba[kept, 0, 1], rel=1e-4)


class Broken(LogisticRegression):
    """Has no answer for its first row, and does not say so."""

    def predict_proba(self, X):
        proba = super().predict_proba(X)
        proba[0] = np.nan
        return proba


class BrokenHead(Broken):
    predict_log_proba = property()


def test_nan_that_says_nothing_is_an_error():
    X, y, _, _ = make_views()
    with pytest.raises(ValueError, match=r"gave nan in row 0 .* let on_view leave them out"):
        LogitProdClassifier([BrokenHead()], cv=3).fit(X["uni"], y)
    with pytest.raises(ValueError, match="head of view 'uni' gave NaN in row 0 of X, which has"):
        LogitProdClassifier(two_views(BrokenHead()), cv=3).fit(X, y)


def one_class_left(X, y):
    X.iloc[y == "tumour", 4:] = np.nan
    return X


def part_of_a_row(X, y):
    X.iloc[5, 5] = np.nan
    return X


def no_rows(X, y):
    X.iloc[:, 4:] = np.nan
    return X


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: X["uni"], r"columns \(encoder, feature\).*\['f0', 'f1'"),
        (lambda X, y: X.to_numpy(), r"X is ndarray. Say which .*columns=slice\(0, 1024\)"),
        (lambda X, y: X[["uni"]], r"X has no view 'conch': its columns are of the views \['uni'\]"),
        (part_of_a_row, r"NaN in 1 of 3 features in row 5 \('slide5'\) of X"),
        (no_rows, "None of the 120 rows of this fit has the view 'conch'"),
        (one_class_left, "Of the 120 rows of this fit, 60 have the view 'conch', all of class 'n"),
        (lambda X, y: pd.concat([X, X], axis=1), "View 'conch' has the feature 'f0' twice"),
    ],
)
def test_messages(change, message):
    X, y, _, _ = make_views()
    with pytest.raises(ValueError, match=message):
        on_view("conch", LogisticHead()).fit(change(X, y), y)


def test_an_unknown_view_is_told_before_any_head_is_fitted():
    X, y, _, _ = make_views()
    Counted.n_fits = 0
    experts = [("uni", on_view("uni", Counted())), ("typo", on_view("virchow", Counted()))]
    with pytest.raises(ValueError, match=r"Expert 'typo'.*X has no view 'virchow'"):
        LogitProdClassifier(experts, cv=3).fit(X, y)
    assert Counted.n_fits == 0


def test_tiles_of_real_encoders(shared_data):
    data = shared_data("kather_texture_2016")
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(data["y"]))[:800]
    names = ["hist_lower", "f-lbp", "Gabor"]
    X = pd.concat({name: pd.DataFrame(data[f"X_{name}"][rows]) for name in names}, axis=1)
    y, fit = data["y"][rows], slice(0, 300)
    model = LogitProdClassifier([(name, on_view(name)) for name in names], cv=3)
    model.fit(X[fit], y[fit])

    def loss(proba):
        return -np.log(proba[np.arange(500), np.searchsorted(model.classes_, y[300:])]).mean()

    test = X[300:]
    fused = loss(model.predict_proba(test))
    single = [loss(model.named_experts_[name].predict_proba(test)) for name in names]
    whole = make_pipeline(StandardScaler(), LogisticHead()).fit(X[fit].to_numpy(), y[fit])
    assert fused < min(single)
    assert fused < loss(whole.predict_proba(test.to_numpy()))
