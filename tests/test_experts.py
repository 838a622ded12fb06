"""Experts as estimators: prefit or cross-fitted, aligned, cached, and what they may do wrong."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    ShuffleSplit,
    cross_val_predict,
    train_test_split,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_logitprod import LogitProdClassifier


def make_data(n=240, n_classes=3, seed=0):
    return make_classification(
        n, 12, n_informative=6, n_classes=n_classes, class_sep=1.2, random_state=seed
    )


X, Y = make_data()
PAIRS = [
    ("lr", LogisticRegression()),
    ("nb", GaussianNB()),
    ("tree", DecisionTreeClassifier(max_depth=4, random_state=0)),
]
FITTED = [(name, clone(expert).fit(X[:120], Y[:120])) for name, expert in PAIRS]
NEW_X, NEW_Y = X[120:], Y[120:]


class Counting(ClassifierMixin, BaseEstimator):
    """Counts its predictions and fits; what it is given as ``told`` it predicts with."""

    calls = {"predict": 0, "fit": 0}

    def __init__(self, told=None):
        self.told = told

    def fit(self, X, y, sample_weight=None):
        Counting.calls["fit"] += 1
        self.inner_ = clone(self.told).fit(X, y)
        self.classes_ = self.inner_.classes_
        return self

    def predict_proba(self, X):
        Counting.calls["predict"] += 1
        return self.inner_.predict_proba(X)


@pytest.fixture
def calls():
    Counting.calls.update(predict=0, fit=0)
    return Counting.calls


def test_prefit_experts_are_their_outputs():
    outputs = np.stack([expert.predict_proba(NEW_X) for _, expert in FITTED], axis=1)
    model = LogitProdClassifier(FITTED, gate_width=0).fit(NEW_X, NEW_Y)
    same = LogitProdClassifier(input="proba", gate_width=0).fit(outputs, NEW_Y)
    np.testing.assert_allclose(model.predict_proba(NEW_X), same.predict_proba(outputs), atol=1e-9)
    assert model.expert_names_ == ["lr", "nb", "tree"]
    assert model.named_experts_["nb"] is FITTED[1][1]
    assert [id(e) for e in model.experts_] == [id(e) for _, e in FITTED]
    assert model.mean_expert_weights_.sum() == pytest.approx(1)


def test_bare_experts_are_named_as_a_pipeline_names_them():
    model = LogitProdClassifier([GaussianNB(), GaussianNB(), LogisticRegression()], cv=3)
    assert model.fit(X, Y).expert_names_ == ["gaussiannb-1", "gaussiannb-2", "logisticregression"]


def test_cross_fitting_is_cross_val_predict():
    splits = list(KFold(4).split(X))
    model = LogitProdClassifier(PAIRS, cv=splits, gate_width=None)
    out_of_fold = model.fit_transform(X, Y).reshape(len(X), 3, 3)
    for m, (_, expert) in enumerate(PAIRS):
        proba = cross_val_predict(expert, X, Y, cv=splits, method="predict_proba")
        np.testing.assert_allclose(
            np.exp(out_of_fold[:, m]), (1 - 1e-6) * proba + 1e-6 / 3, atol=1e-12
        )
        whole = clone(expert).fit(X, Y).predict_proba(X)
        np.testing.assert_allclose(model.experts_[m].predict_proba(X), whole)
    assert not np.allclose(model.transform(X), out_of_fold.reshape(len(X), -1), atol=1e-3)


def test_decision_functions_are_log_odds_and_log_scores():
    binary, labels = make_data(n_classes=2)
    svm = LinearSVC().fit(binary[:100], labels[:100])
    model = LogitProdClassifier([svm], gate_width=None, calibrate=False)
    model.fit(binary[100:], labels[100:])
    scores = svm.decision_function(binary[100:])
    logits = model.expert_logits(binary[100:])[:, 0]
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], scores, atol=1e-4)
    several = LinearSVC().fit(X[:120], Y[:120])
    found = LogitProdClassifier([several], gate_width=None).fit(NEW_X, NEW_Y).expert_logits(NEW_X)
    scores = several.decision_function(NEW_X)
    differences = (found[:, 0, 1] - found[:, 0, 0]) - (scores[:, 1] - scores[:, 0])
    np.testing.assert_allclose(differences, 0, atol=1e-4)


DELEGATING = {
    "stack": lambda: StackingClassifier(PAIRS[:2], cv=2),
    "search": lambda: GridSearchCV(SVC(), {"C": [1.0]}, cv=2),
    "pipeline": lambda: make_pipeline(StandardScaler(), StackingClassifier(PAIRS[:2], cv=2)),
}


@pytest.mark.parametrize("name", DELEGATING)
def test_experts_that_show_what_they_can_do_once_fitted(name):
    """Out of fold they say what they say by hand; fitted elsewhere they are asked as they are."""
    splits = list(KFold(2).split(X))
    model = LogitProdClassifier([(name, DELEGATING[name]())], cv=splits, gate_width=None)
    logits = model.fit_transform(X, Y)
    scores = [DELEGATING[name]().fit(X[train], Y[train]) for train, _ in splits]
    method = "decision_function" if name == "search" else "predict_proba"
    by_hand = np.concatenate(
        [getattr(one, method)(X[test]) for one, (_, test) in zip(scores, splits)]
    )
    by_hand = by_hand if name == "search" else np.log(by_hand)
    by_hand = by_hand - by_hand.max(axis=1, keepdims=True)
    by_hand -= np.log(np.exp(by_hand).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(logits, by_hand, atol=1e-3)
    fitted = LogitProdClassifier([(name, model.experts_[0])], gate_width=None).fit(X, Y)
    np.testing.assert_array_equal(fitted.expert_logits(X), model.expert_logits(X))


class TestParameters:
    def test_prefit_experts_survive_clone_by_reference(self):
        model = LogitProdClassifier(FITTED, gate_width=0, alpha=30.0)
        model.set_output(transform="pandas")
        copied = clone(model)
        assert all(a is b for (_, a), (_, b) in zip(model.experts, copied.experts))
        assert copied.alpha == 30.0
        assert isinstance(copied.fit(NEW_X, NEW_Y).transform(NEW_X), pd.DataFrame)

    def test_cross_fitted_experts_are_cloned(self):
        model = LogitProdClassifier(PAIRS, cv=3)
        assert all(a is not b for (_, a), (_, b) in zip(model.experts, clone(model).experts))

    def test_expert_is_replaced_or_dropped_by_name(self):
        model = LogitProdClassifier(FITTED, gate_width=None)
        model.set_params(nb="drop", tree=FITTED[0][1], alpha=7.0)
        model.fit(NEW_X, NEW_Y)
        assert model.expert_names_ == ["lr", "tree"]
        assert model.alpha == 7.0
        np.testing.assert_array_equal(
            model.expert_logits(NEW_X)[:, 0], model.expert_logits(NEW_X)[:, 1]
        )
        assert FITTED[1][0] == "nb"

    def test_parameter_of_a_prefit_expert_is_refused(self):
        model = LogitProdClassifier(FITTED)
        assert "lr__C" not in model.get_params()
        with pytest.raises(ValueError, match=r"lr__C cannot be set: expert 'lr' is fitted"):
            model.set_params(lr__C=3.0)
        assert FITTED[0][1].C == 1.0

    def test_parameter_of_a_cross_fitted_expert_is_searched(self):
        model = LogitProdClassifier(PAIRS, cv=3, gate_width=None)
        search = GridSearchCV(model, {"tree__max_depth": [1, 6], "lr": ["drop", PAIRS[0][1]]}, cv=2)
        search.fit(X, Y)
        scores = search.cv_results_["mean_test_score"]
        assert len(set(scores)) > 1
        assert PAIRS[2][1].max_depth == 4

    def test_frozen_experts_stay_frozen_when_cross_fitted(self):
        frozen = [(name, FrozenEstimator(expert)) for name, expert in FITTED]
        mixed = [*frozen, ("new", LogisticRegression())]
        model = LogitProdClassifier(mixed, cv=3, gate_width=None).fit(NEW_X, NEW_Y)
        np.testing.assert_array_equal(
            model.named_experts_["nb"].predict_proba(X), FITTED[1][1].predict_proba(X)
        )


class TestCalls:
    """How often experts are called."""

    def test_search_over_the_gate_calls_each_expert_once_per_data_set(self, calls, tmp_path):
        experts = [(name, Counting(expert).fit(X[:120], Y[:120])) for name, expert in PAIRS]
        calls.update(predict=0)
        model = LogitProdClassifier(experts, memory=str(tmp_path))
        grid = {"gate_width": [None, 0, 2, 4], "temperature": [0.5, 1, 2]}
        GridSearchCV(model, grid, cv=5).fit(NEW_X, NEW_Y)
        assert calls["predict"] <= 2 * 5 * 3 + 3

    def test_an_added_expert_alone_is_called(self, calls, tmp_path):
        experts = [(name, Counting(expert)) for name, expert in PAIRS]
        model = LogitProdClassifier(experts[:2], cv=3, gate_width=None, memory=str(tmp_path))
        model.fit(X, Y)
        assert calls == {"predict": 2 * 3, "fit": 2 * 4}
        model.set_params(experts=experts).fit(X, Y)
        assert calls == {"predict": 3 * 3, "fit": 3 * 4}

    def test_cached_answers_are_the_answers(self, tmp_path):
        plain = LogitProdClassifier(PAIRS, cv=3).fit(X, Y).predict_proba(X)
        for _ in range(2):
            cached = LogitProdClassifier(PAIRS, cv=3, memory=str(tmp_path)).fit(X, Y)
            np.testing.assert_array_equal(cached.predict_proba(X), plain)


class TestSameness:
    """What the answer does not depend on."""

    @pytest.mark.parametrize("n_jobs", [2, -1])
    def test_number_of_jobs(self, n_jobs):
        forest = [("rf", RandomForestClassifier(20)), *PAIRS]
        one = LogitProdClassifier(forest, cv=3, random_state=3).fit(X, Y)
        many = LogitProdClassifier(forest, cv=3, random_state=3, n_jobs=n_jobs).fit(X, Y)
        np.testing.assert_array_equal(one.predict_proba(X), many.predict_proba(X))

    def test_order_of_rows_and_earlier_random_state(self):
        forest = [("rf", RandomForestClassifier(20)), *PAIRS]
        np.random.seed(1)
        one = LogitProdClassifier(forest, cv=3, random_state=3).fit(X, Y)
        np.random.seed(2)
        other = LogitProdClassifier(forest, cv=3, random_state=3).fit(X, Y)
        proba, order = one.predict_proba(X), np.random.permutation(len(X))
        np.testing.assert_array_equal(proba, other.predict_proba(X))
        np.testing.assert_allclose(one.predict_proba(X[order]), proba[order], atol=1e-12)

    def test_fitted_parameters_are_not_overwritten(self):
        model = LogitProdClassifier([("rf", RandomForestClassifier(5))], cv=3, gate_width=None)
        model.fit(X, Y)
        assert model.experts[0][1].random_state is None
        assert not hasattr(model.experts[0][1], "estimators_")


@pytest.mark.slow
def test_cross_fitting_beats_experts_that_know_the_rows():
    data, labels = load_breast_cancer(return_X_y=True)
    noise = np.random.default_rng(0)
    for seed in range(4):
        flip = noise.random(len(labels)) < 0.1
        fit_X, test_X, fit_y, test_y = train_test_split(
            data, np.where(flip, 1 - labels, labels), test_size=0.5, random_state=seed
        )
        experts = [
            ("forest", RandomForestClassifier(40, random_state=seed)),
            ("shallow", RandomForestClassifier(40, max_depth=3, random_state=seed)),
            ("few", RandomForestClassifier(40, max_features=1, random_state=seed)),
            ("lr", make_pipeline(StandardScaler(), LogisticRegression(C=0.1))),
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            honest = LogitProdClassifier(experts, cv=5, random_state=seed).fit(fit_X, fit_y)
        known = [(name, clone(expert).fit(fit_X, fit_y)) for name, expert in experts]
        with pytest.warns(UserWarning, match=r"few make next to no error|forest make next"):
            naive = LogitProdClassifier(known, random_state=seed).fit(fit_X, fit_y)
        losses = [log_loss(test_y, m.predict_proba(test_X)) for m in (honest, naive)]
        assert losses[0] < losses[1], seed


class Misbehaving(ClassifierMixin, BaseEstimator):
    """A fitted expert that does one thing wrong."""

    def __init__(self, how):
        self.how = how
        self.classes_ = np.array([0, 1, 2])

    def __sklearn_is_fitted__(self):
        return True

    def predict_proba(self, X):
        proba = np.full((len(X), 3), 1 / 3)
        if self.how == "raises":
            raise RuntimeError("out of memory")
        if self.how == "NaN":
            proba[4] = np.nan
        if self.how == "shape":
            return proba[:, :2]
        if self.how == "1-D":
            return proba[:, 0]
        if self.how == "unnormalised":
            proba[7] *= 2
        if self.how == "negative":
            proba[2] = [1.5, -0.5, 0.0]
        if self.how == "rows":
            return proba[:-1]
        if self.how == "text":
            return np.full(proba.shape, "x")
        return proba


MISBEHAVING = {
    "raises": r"'bad' failed: RuntimeError: out of memory",
    "NaN": r"'bad': predict_proba gave nan in row 4",
    "shape": r"'bad': predict_proba gave shape \(120, 2\), expected \(n_samples, 3\)",
    "1-D": r"'bad': predict_proba gave shape \(120,\)",
    "unnormalised": r"'bad': predict_proba gave no probabilities in row 7.*sum 2",
    "negative": r"'bad': predict_proba gave no probabilities in row 2.*lowest -0.5",
    "rows": r"'bad': predict_proba gave 119 rows for 120 samples",
    "text": r"'bad': predict_proba gave values that are no numbers",
}


def fit_misbehaving(how):
    experts = [*FITTED, ("bad", Misbehaving(how))]
    LogitProdClassifier(experts, gate_width=None).fit(NEW_X, NEW_Y)


@pytest.mark.parametrize("how", MISBEHAVING)
def test_misbehaving_expert_is_named(how):
    with pytest.raises((ValueError, RuntimeError), match=MISBEHAVING[how]):
        fit_misbehaving(how)


class Bare:
    """Predicts, and is no estimator of scikit-learn's."""

    def predict_proba(self, X):
        return np.full((len(X), 3), 1 / 3)


def test_objects_that_merely_predict_are_prefit_experts():
    model = LogitProdClassifier([*FITTED, ("bare", Bare())], gate_width=None)
    assert clone(model).fit(NEW_X, NEW_Y).score(NEW_X, NEW_Y) > 0.5


BAD_EXPERTS = {
    "an empty list": ([], {}, r"experts is empty"),
    "a name alone": ("lr", {}, r"experts.*'lr'"),
    "pairs and bare estimators": ([("a", GaussianNB()), GaussianNB()], {"cv": 3}, r"mixes"),
    "one name twice": ([("a", GaussianNB()), ("a", GaussianNB())], {"cv": 3}, r"name 'a' 2 times"),
    "two underscores in a name": ([("a__b", GaussianNB())], {"cv": 3}, r"must not contain '__'"),
    "a class": ([("a", GaussianNB)], {"cv": 3}, r"'a' is a class; pass an instance"),
    "an estimator that does not predict": (
        [("a", StandardScaler())],
        {"cv": 3},
        r"'a' \(StandardScaler\) has none of",
    ),
    "a search of an estimator that does not predict": (
        [("a", GridSearchCV(StandardScaler(), {"with_mean": [True]}, scoring=lambda *_: 0.0))],
        {"cv": 3},
        r"'a' \(GridSearchCV\) has none of predict_log_proba, predict_proba, decision_function\. E",
    ),
    "an unfitted stack, prefit": (
        [("a", StackingClassifier(PAIRS))],
        {},
        r"'a' is not fitted, but cv='prefit'.*set cv=5",
    ),
    "a fitted pipeline that does not predict": (
        [("a", make_pipeline(StandardScaler()).fit(X))],
        {},
        r"'a' \(Pipeline\) has none of",
    ),
    "an unfitted expert, prefit": (
        [("a", GaussianNB())],
        {},
        r"'a' is not fitted, but cv='prefit'.*set cv=5",
    ),
    "an expert that cannot be cloned, cross-fitted": (
        [("a", Bare())],
        {"cv": 3},
        r"'a' failed: TypeError: Cannot clone",
    ),
    "all dropped": ([("a", "drop")], {}, r"All experts are dropped"),
    "a name that is a number": ([(1, GaussianNB())], {"cv": 3}, r"a pair .*name that is a string"),
    "folds that leave out rows": (
        PAIRS,
        {"cv": ShuffleSplit(3, random_state=0)},
        r"needs each row exactly once",
    ),
    "an unknown way with missing classes": (
        PAIRS,
        {"cv": 3, "missing_classes": "zero"},
        r"'missing_classes' parameter",
    ),
    "an unknown cv": (PAIRS, {"cv": "fit"}, r"'cv' parameter"),
    "a number as memory": (PAIRS, {"cv": 3, "memory": 7}, r"'memory' parameter"),
}


def fit_bad_experts(name):
    experts, params, _ = BAD_EXPERTS[name]
    LogitProdClassifier(experts, gate_width=None, **params).fit(NEW_X, NEW_Y)


@pytest.mark.parametrize("name", BAD_EXPERTS)
def test_experts_that_cannot_be_used(name):
    with pytest.raises((ValueError, TypeError), match=BAD_EXPERTS[name][2]):
        fit_bad_experts(name)


class TestClasses:
    """Experts that order or know classes differently."""

    def test_order_of_classes_is_the_experts_own(self):
        class Reversed(ClassifierMixin, BaseEstimator):
            def fit(self, X, y):
                self.inner_ = LogisticRegression().fit(X, y)
                self.classes_ = self.inner_.classes_[::-1]
                return self

            def predict_proba(self, X):
                return self.inner_.predict_proba(X)[:, ::-1]

        names = np.array(["a", "b", "c"])[Y]
        expert = Reversed().fit(X[:120], names[:120])
        model = LogitProdClassifier([expert], gate_width=None).fit(NEW_X, names[120:])
        logits = model.expert_logits(NEW_X)[:, 0]
        np.testing.assert_allclose(np.exp(logits), expert.inner_.predict_proba(NEW_X), atol=1e-5)

    partial = [
        FITTED[0],
        ("few", GaussianNB().fit(X[:120][Y[:120] < 2], Y[:120][Y[:120] < 2])),
    ]

    def test_class_an_expert_lacks_is_an_error_that_names_it(self):
        with pytest.raises(ValueError, match=r"'few' does not know classes \[2\].*'floor'.*'mean'"):
            LogitProdClassifier(self.partial).fit(NEW_X, NEW_Y)

    def test_class_an_expert_lacks_gets_the_floor(self):
        model = LogitProdClassifier(self.partial, missing_classes="floor", gate_width=None)
        proba = np.exp(model.fit(NEW_X, NEW_Y).expert_logits(NEW_X))
        np.testing.assert_allclose(proba[:, 1, 2], 1e-6 / 3)

    def test_class_an_expert_lacks_gets_the_mean_of_the_others(self):
        model = LogitProdClassifier(self.partial, missing_classes="mean", gate_width=None)
        proba = np.exp(model.fit(NEW_X, NEW_Y).expert_logits(NEW_X))
        np.testing.assert_allclose(proba[:, 1, 2], proba[:, 0, 2], atol=1e-6)
        np.testing.assert_allclose(proba.sum(axis=2), 1)
        own = self.partial[1][1].predict_proba(NEW_X)
        np.testing.assert_allclose(
            proba[:, 1, 0] / proba[:, 1, :2].sum(axis=1), own[:, 0], atol=1e-3
        )

    def test_class_only_an_expert_knows_is_an_error_unless_named(self):
        rows = NEW_Y < 2
        with pytest.raises(ValueError, match=r"'lr' knows classes \[2\] that y lacks.*`classes`"):
            LogitProdClassifier(FITTED).fit(NEW_X[rows], NEW_Y[rows])
        model = LogitProdClassifier(FITTED, classes=[0, 1, 2], gate_width=None)
        assert model.fit(NEW_X[rows], NEW_Y[rows]).predict_proba(NEW_X).shape == (120, 3)


class TestMetadata:
    def test_weights_reach_experts_that_take_them(self):
        weight = np.random.default_rng(0).integers(0, 3, len(X)).astype(float)
        model = LogitProdClassifier(PAIRS, cv=3, gate_width=None).fit(X, Y, weight)
        expected = clone(PAIRS[1][1]).fit(X, Y, sample_weight=weight).predict_proba(X)
        np.testing.assert_allclose(model.named_experts_["nb"].predict_proba(X), expected)

    def test_groups_stay_together(self):
        groups = np.arange(len(X)) // 4

        class Remembering(GaussianNB):
            def fit(self, X, y, sample_weight=None):
                self.seen_ = {tuple(row) for row in X}
                return super().fit(X, y)

            def predict_proba(self, X):
                rows = [tuple(row) in self.seen_ for row in X]
                if len(X) < 240:
                    # held-out: no neighbour of a held-out row was trained on
                    assert not any(rows)
                    number = {tuple(row): g for row, g in zip(DATA, groups)}
                    seen = {number[row] for row in self.seen_}
                    assert not seen & {number[tuple(row)] for row in X}
                return super().predict_proba(X)

        DATA = X
        for cv in (3, GroupKFold(3)):
            model = LogitProdClassifier([("r", Remembering())], cv=cv, gate_width=None)
            model.fit(X, Y, groups=groups)

    def test_routing_gives_experts_what_they_request(self):
        weight = np.linspace(0.1, 2.0, len(X))
        with config_context(enable_metadata_routing=True):
            asks = GaussianNB().set_fit_request(sample_weight=True)
            asks_not = GaussianNB().set_fit_request(sample_weight=False)
            model = LogitProdClassifier([("yes", asks), ("no", asks_not)], cv=3, gate_width=None)
            model.set_fit_request(sample_weight=True, groups=True)
            model.set_score_request(sample_weight=False)
            search = GridSearchCV(model, {"gate_width": [None, 0]}, cv=3)
            search.set_params(estimator=model).fit(X, Y, sample_weight=weight)
            found = search.best_estimator_.named_experts_
        weighted, plain = GaussianNB().fit(X, Y, weight), GaussianNB().fit(X, Y)
        np.testing.assert_allclose(found["yes"].theta_, weighted.theta_)
        np.testing.assert_allclose(found["no"].theta_, plain.theta_)

    def test_routing_carries_metadata_of_one_expert(self):
        class Clocked(GaussianNB):
            def fit(self, X, y, clock=None):
                self.clock_ = clock
                return super().fit(X, y)

        clock = np.arange(len(X))
        with config_context(enable_metadata_routing=True):
            clocked = Clocked().set_fit_request(clock=True)
            model = LogitProdClassifier([("c", clocked), ("p", GaussianNB())], cv=3)
            model.fit(X, Y, clock=clock)
        np.testing.assert_array_equal(model.named_experts_["c"].clock_, clock)

    def test_unknown_metadata_is_refused_without_routing(self):
        with pytest.raises(ValueError, match="enable_metadata_routing"):
            LogitProdClassifier(PAIRS, cv=3).fit(X, Y, clock=3)


def test_feature_names_are_remembered_and_checked():
    frame = pd.DataFrame(X, columns=[f"f{i}" for i in range(12)])
    model = LogitProdClassifier(PAIRS, cv=3, gate_width=None).fit(frame, Y)
    assert list(model.feature_names_in_) == list(frame.columns)
    assert model.n_features_in_ == 12
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"f0": "other"}))


def test_outputs_have_names_and_pandas_frames():
    model = LogitProdClassifier(PAIRS, cv=3, gate_width=None).set_output(transform="pandas")
    frame = model.fit_transform(X, Y)
    assert list(frame.columns) == list(model.get_feature_names_out())
    assert list(frame.columns[:4]) == ["lr_0", "lr_1", "lr_2", "nb_0"]
    np.testing.assert_allclose(np.exp(frame[["nb_0", "nb_1", "nb_2"]]).sum(axis=1), 1)


def test_notebooks_show_experts_side_by_side():
    experts = [*FITTED, ("gone", "drop")]
    model = LogitProdClassifier(experts, gate_width=None)
    page = model._repr_html_()
    assert "lr (prefit)" in page
    assert "gone (dropped)" in page
    model.fit(NEW_X, NEW_Y)
    page = model._repr_html_()
    assert f"lr (prefit, mean weight {model.mean_expert_weights_[0]:.2f})" in page
    assert "sk-parallel" in page
    assert "cross-fitted" in LogitProdClassifier(PAIRS, cv=3)._repr_html_()
    assert "LogitProdClassifier" in LogitProdClassifier()._repr_html_()
