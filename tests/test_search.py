"""The batched search gives what GridSearchCV gives."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_logitprod import LogitProdClassifier, LogitProdClassifierCV, stack_outputs
from sklearn_logitprod.training import search as training_search

GRID = {"gate_width": [None, 0, 4], "temperature": [0.5, 2.0], "alpha": [30.0, 100.0]}
OWN = {"gate_widths": (None, 0, 4), "temperatures": (0.5, 2.0), "alphas": (30.0, 100.0)}
SCORES = [f"split{fold}_test_score" for fold in range(3)]


def make_problem(n=150, M=4, K=3, missing=0.0, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(K, size=n)
    logits = 1.5 * rng.normal(size=(n, M, K))
    logits[np.arange(n), :, y] += np.linspace(0.3, 1.8, M)
    absent = rng.random((n, M)) < missing
    absent[:, 0] = False
    logits[absent] = np.nan
    return logits, np.array(["a", "b", "c"])[y]


def agree(ours, theirs, hidden=1e-3):
    """Scores of each fold within 1e-6, of hidden layers within ``hidden``, and the same best."""
    assert ours.cv_results_["params"] == theirs.cv_results_["params"]
    for name in SCORES:
        for i, params in enumerate(ours.cv_results_["params"]):
            tolerance = hidden if params["gate_width"] else 1e-6
            found, expected = (search.cv_results_[name][i] for search in (ours, theirs))
            assert found == pytest.approx(expected, abs=tolerance), params
    means = theirs.cv_results_["mean_test_score"]
    assert means[ours.best_index_] == pytest.approx(means.max(), abs=1e-3)


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("linear_pool", [True, False])
def test_scores_are_those_of_grid_search(missing, linear_pool):
    X, y = make_problem(missing=missing)
    ours = LogitProdClassifierCV(**OWN, cv=3, linear_pool=linear_pool).fit(X, y)
    single = LogitProdClassifier(linear_pool=linear_pool)
    theirs = GridSearchCV(single, GRID, cv=3, scoring="neg_log_loss").fit(X, y)
    # of two missing experts of nearly one weight, rounding says which is left out first
    agree(ours, theirs, 3e-3 if missing else 1e-3)
    assert ours.best_score_ == ours.cv_results_["mean_test_score"][ours.best_index_]
    assert ours.best_params_ == ours.cv_results_["params"][ours.best_index_]
    shared = set(theirs.cv_results_) & set(ours.cv_results_)
    assert shared == set(theirs.cv_results_)
    alone = LogitProdClassifier(linear_pool=linear_pool, **ours.best_params_).fit(X, y)
    np.testing.assert_array_equal(ours.predict_proba(X), alone.predict_proba(X))
    np.testing.assert_array_equal(ours.predict(X), alone.predict(X))
    assert ours.score(X, y) == alone.score(X, y)


def test_plain_products_with_diversity_and_correction_agree_too():
    X, y = make_problem()
    how = {"calibrate": False, "diversity": 0.2, "cross_class": 30.0}
    grid = {**GRID, "gate_width": [None, 0]}
    ours = LogitProdClassifierCV(**{**OWN, "gate_widths": (None, 0)}, cv=3, **how).fit(X, y)
    theirs = GridSearchCV(LogitProdClassifier(**how), grid, cv=3, scoring="neg_log_loss")
    agree(ours, theirs.fit(X, y))


@pytest.mark.parametrize("scoring", ["accuracy", "roc_auc_ovr", "neg_log_loss"])
def test_any_scorer(scoring):
    X, y = make_problem()
    ours = LogitProdClassifierCV(gate_widths=(None, 0), alphas=(100,), cv=3, scoring=scoring)
    ours.fit(X, y)
    grid = {"gate_width": [None, 0], "temperature": [0.5, 1, 2], "alpha": [100]}
    theirs = GridSearchCV(LogitProdClassifier(), grid, cv=3, scoring=scoring).fit(X, y)
    for name in SCORES:
        np.testing.assert_allclose(ours.cv_results_[name], theirs.cv_results_[name], atol=1e-6)
    by_function = LogitProdClassifierCV(
        gate_widths=(None, 0), alphas=(100,), cv=3, scoring=get_scorer(scoring)
    ).fit(X, y)
    for name in SCORES:
        np.testing.assert_array_equal(by_function.cv_results_[name], ours.cv_results_[name])


def test_groups_stay_together_and_strengthen_the_priors():
    X, y = make_problem()
    groups = np.random.default_rng(0).integers(20, size=len(y))
    cv = GroupKFold(3)
    ours = LogitProdClassifierCV(**OWN, cv=cv).fit(X, y, groups=groups)
    scores = []
    for train, test in cv.split(X, y, groups):
        one = LogitProdClassifier(gate_width=0, temperature=2.0, alpha=30.0)
        one.fit(X[train], y[train], groups=groups[train])
        scores.append(get_scorer("neg_log_loss")(one, X[test], y[test]))
    params = {"gate_width": 0, "temperature": 2.0, "alpha": 30.0}
    at = ours.cv_results_["params"].index(params)
    np.testing.assert_allclose([ours.cv_results_[name][at] for name in SCORES], scores, atol=1e-6)
    numbered = LogitProdClassifierCV(gate_widths=(None,), cv=3).fit(X, y, groups=groups)
    assert numbered.n_splits_ == 3


def test_a_weight_of_zero_leaves_a_row_out_of_fits_and_scores():
    X, y = make_problem()
    kept = np.random.default_rng(0).random(len(y)) < 0.7
    fold = np.arange(len(y)) % 3
    splits = [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(3)]
    small = fold[kept]
    part = [(np.flatnonzero(small != f), np.flatnonzero(small == f)) for f in range(3)]
    weighted = LogitProdClassifierCV(**OWN, cv=splits).fit(X, y, sample_weight=kept * 1.0)
    dropped = LogitProdClassifierCV(**OWN, cv=part).fit(X[kept], y[kept])
    for name in SCORES:
        np.testing.assert_allclose(weighted.cv_results_[name], dropped.cv_results_[name], atol=1e-9)


def test_an_expert_that_a_fold_lacks_has_no_weight_there():
    X, y = make_problem()
    # expert 2 is there in the last third only, which is a fold
    X[:100, 2] = np.nan
    cv = [(np.arange(100), np.arange(100, 150)), (np.arange(50, 150), np.arange(50))]
    ours = LogitProdClassifierCV(gate_widths=(None, 0), alphas=(100,), cv=cv).fit(X, y)
    for i, params in enumerate(ours.cv_results_["params"]):
        with pytest.warns(UserWarning, match="missing"):
            one = LogitProdClassifier(**params).fit(X[:100], y[:100])
        score = get_scorer("neg_log_loss")(one, X[100:], y[100:])
        assert ours.cv_results_["split0_test_score"][i] == pytest.approx(score, abs=1e-6)


def make_table(n=180):
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=n)
    X = rng.normal(size=(n, 6))
    X[np.arange(n), y] += 1.2
    return X, y


def views(X, y):
    first = FunctionTransformer(lambda X: X[:, :3])
    return [
        ("lr", make_pipeline(first, LogisticRegression()).fit(X, y)),
        ("nb", GaussianNB().fit(X, y)),
    ]


def test_prefit_experts_are_called_once_per_data_set(monkeypatch):
    X, y = make_table()
    experts = views(X[:60], y[:60])
    calls = []
    original = GaussianNB.predict_log_proba

    def spy(self, X):
        calls.append(len(X))
        return original(self, X)

    monkeypatch.setattr(GaussianNB, "predict_log_proba", spy)
    ours = LogitProdClassifierCV(experts, **OWN, cv=3).fit(X[60:], y[60:])
    assert calls == [120]
    theirs = GridSearchCV(LogitProdClassifier(experts), GRID, cv=3, scoring="neg_log_loss")
    agree(ours, theirs.fit(X[60:], y[60:]))
    assert clone(ours).experts is experts


def test_cross_fitted_experts_see_no_held_out_row():
    X, y = make_table()
    experts = [("lr", LogisticRegression()), ("nb", GaussianNB())]
    ours = LogitProdClassifierCV(experts, **OWN, cv=3, expert_cv=4).fit(X, y)
    single = LogitProdClassifier(experts, cv=4)
    theirs = GridSearchCV(single, GRID, cv=3, scoring="neg_log_loss").fit(X, y)
    agree(ours, theirs)
    assert ours.best_estimator_.experts_[0].n_features_in_ == 6
    ours.set_params(lr__C=0.1)
    assert experts[0][1].C == 0.1


def test_few_folds_at_a_time_give_the_same(monkeypatch):
    X, y = make_problem()
    whole = LogitProdClassifierCV(**OWN, cv=3).fit(X, y)
    monkeypatch.setattr(training_search, "_BATCH_BYTES", 1)
    parts = LogitProdClassifierCV(**OWN, cv=3).fit(X, y)
    for name in SCORES:
        np.testing.assert_allclose(parts.cv_results_[name], whole.cv_results_[name], atol=1e-6)


@pytest.mark.parametrize("how", [{"batch_size": 32}, {"solver": "adam"}])
def test_mini_batches(how):
    X, y = make_problem()
    exact = LogitProdClassifierCV(**OWN, cv=3).fit(X, y)
    batches = LogitProdClassifierCV(**OWN, cv=3, **how).fit(X, y)
    found, expected = (m.cv_results_["mean_test_score"] for m in (batches, exact))
    np.testing.assert_allclose(found, expected, atol=0.02)
    auto = LogitProdClassifier(**how).fit(X, y)
    assert auto.guarantee_gap_ <= 0


def test_constant_weights_score_the_same_for_each_alpha():
    X, y = make_problem()
    results = LogitProdClassifierCV(gate_widths=(None,), temperatures=(1,), cv=3).fit(X, y)
    scores = results.cv_results_["mean_test_score"]
    assert len(scores) == 3
    assert len(set(scores)) == 1


def test_it_is_an_estimator_like_any():
    X, y = make_problem()
    frame = stack_outputs({f"e{m}": X[:, m] for m in range(4)}, classes=["a", "b", "c"])
    search = LogitProdClassifierCV(gate_widths=(None, 0), alphas=(100,), cv=3)
    assert is_classifier(search)
    assert is_classifier(clone(search).fit(frame, pd.Series(y)))
    fitted = search.fit(frame, y)
    assert fitted.best_estimator_.expert_names_ == ["e0", "e1", "e2", "e3"]
    assert fitted.transform(frame).shape == (150, 12)
    assert fitted.get_feature_names_out()[0] == "e0_a"
    assert fitted.expert_weights(frame).shape == (150, 4)
    assert fitted.expert_logits(frame).shape == (150, 4, 3)
    np.testing.assert_allclose(np.exp(fitted.predict_log_proba(frame)), fitted.predict_proba(frame))
    assert fitted.decision_function(frame).shape == (150, 3)
    copied = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copied.predict_proba(frame), fitted.predict_proba(frame))
    nested = cross_val_score(clone(search), X, y, scoring="neg_log_loss", cv=3)
    assert np.isfinite(nested).all()
    assert "LogitProdClassifierCV" in fitted._repr_html_()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"gate_widths": ("auto",)}, r"gate_widths holds 'auto'.*mix gates.*LogitProdClassifier"),
        ({"gate_widths": (-1,)}, r"gate_widths holds -1, but each entry is None or an int >= 0"),
        ({"gate_widths": ()}, r"gate_widths is empty"),
        ({"temperatures": (1.0, 0.0)}, r"temperatures holds 0\.0, but each entry is a number > 0"),
        ({"alphas": (np.nan,)}, r"alphas holds nan"),
        ({"alphas": 3.0}, r"alphas"),
        ({"cv": 1}, r"'cv' parameter"),
        ({"scoring": "nonsense"}, r"nonsense"),
    ],
)
def test_bad_parameters_are_named(params, message):
    X, y = make_problem(n=40)
    with pytest.raises(ValueError, match=message):
        LogitProdClassifierCV(**{**OWN, **params}).fit(X, y)


def test_bad_input_is_the_classifiers_own_message():
    X, y = make_problem(n=40)
    with pytest.raises(ValueError, match="y has 39 entries, but X has 40 rows"):
        LogitProdClassifierCV(**OWN).fit(X, y[1:])
    X[3, 1, 0] = np.inf
    with pytest.raises(ValueError, match="infinite value in row 3"):
        LogitProdClassifierCV(**OWN).fit(X, y)
