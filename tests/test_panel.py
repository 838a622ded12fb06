"""Panels: several labels a sample, solved side by side, some of them not tested."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, get_scorer, log_loss, roc_auc_score
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict, cross_val_score
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.fixes import parse_version

from sklearn_logitprod import LogitProdClassifier, LogitProdMultilabelClassifier
from sklearn_logitprod.deployment import adapt, certify
from sklearn_logitprod.fusion.gate import Gate
from sklearn_logitprod.fusion.likelihood import ClassLabels
from sklearn_logitprod.fusion.pool import Head
from sklearn_logitprod.inspection import ExpertComparisonDisplay, compare, oracle_gap
from sklearn_logitprod.inspection._resampling import holm
from sklearn_logitprod.outputs.classes import Outputs
from sklearn_logitprod.targets.panel import panel_strata
from sklearn_logitprod.training import panel as solver
from sklearn_logitprod.training.data import FitData
from sklearn_logitprod.training.gaps import fit_gaps
from sklearn_logitprod.training.panel import PanelRows, PanelSpec, panel_scores, solve_panel
from sklearn_logitprod.training.panel_gaps import fit_binary_gaps
from sklearn_logitprod.training.prior import HeadSpec
from sklearn_logitprod.training.trainer import Settings, Trainer

N, M, L = 80, 3, 4
CONSTANT = LogitProdMultilabelClassifier(gate_width=None)


def panel(seed=0, n=N, n_experts=M, rates=(0.5, 0.4, 0.3, 0.2), untested=0.0, skill=1.0):
    """Log-odds (n, M, L) of experts of rising skill, and labels (n, L) with gaps."""
    rng = np.random.default_rng(seed)
    y = (rng.random((n, len(rates))) < rates).astype(float)
    y[:2] = [[0.0], [1.0]]
    strength = skill * np.linspace(0.3, 1.5, n_experts)[None, :, None]
    log_odds = (2 * y[:, None] - 1) * strength + rng.normal(size=(n, n_experts, len(rates)))
    hidden = rng.random(y.shape) < untested
    hidden[:2] = False
    y[hidden] = np.nan
    return log_odds, y


def rows_of(log_odds, y, linear_pool=True):
    """What the solver reads, and the fit data of each label."""
    parts, where = [], []
    for j, own in enumerate(y.T):
        rows = np.flatnonzero(~np.isnan(own))
        outputs = Outputs(log_odds[rows][:, :, j], "logits", list("abc"), np.arange(2))
        labels = ClassLabels(own[rows].astype(int))
        parts.append(FitData(outputs.log_proba, outputs.shape, labels, linear_pool, "default"))
        where.append(rows)
    weight = (~np.isnan(y)).T.astype(float)
    return PanelRows.of(parts, where, len(y)), parts, weight


SPECS = [
    PanelSpec(),
    PanelSpec(30.0),
    PanelSpec(3.0, correction=10.0),
    PanelSpec(3.0, strength=2.0, temperature=2.0, correction=3.0),
]


@pytest.mark.parametrize("gaps", [0.0, 0.2])
@pytest.mark.parametrize("spec", SPECS, ids=PanelSpec.describe)
def test_derivatives_are_those_of_finite_differences(spec, gaps):
    log_odds, y = panel(untested=0.3)
    log_odds[np.random.default_rng(1).random(log_odds.shape) < gaps] = np.nan
    log_odds[:, 0] = np.nan_to_num(log_odds[:, 0])
    rows, _, weight = rows_of(log_odds, y)
    size = rows.n_columns + 2 + (0 if spec.correction is None else M)
    theta = 0.5 * np.random.default_rng(2).normal(size=(L, size))
    _, gradient, hessian, curvature = solver._evaluate(rows, weight, spec, theta)
    for k, step in enumerate(1e-6 * np.eye(size)):
        up = solver._evaluate(rows, weight, spec, theta + step)
        down = solver._evaluate(rows, weight, spec, theta - step)
        assert_allclose((up[0] - down[0]) / 2e-6, gradient[:, k], atol=1e-5)
        assert_allclose((up[1] - down[1]) / 2e-6, (hessian + curvature)[:, k], atol=1e-4)


@pytest.mark.parametrize("spec", SPECS, ids=PanelSpec.describe)
def test_the_solution_is_the_minimum_over_labels_and_centre(spec):
    rows, _, weight = rows_of(*panel(untested=0.3))
    solution = solve_panel(rows, weight, spec, 1e-10, 100)
    assert solution.converged
    priors = solver._Priors.of(spec, rows.n_columns, M)
    size = len(priors.within)

    def objective(flat):
        centre = np.where(priors.held, 0.0, flat[:size])
        theta = flat[size:].reshape(L, size)
        value, gradient, *_ = solver._evaluate(rows, weight, spec, theta)
        off = theta - centre
        own = np.where(priors.held, 0.0, priors.centre * centre - (off * priors.within).sum(axis=0))
        total = value.sum() + 0.5 * ((off**2 @ priors.within).sum() + centre**2 @ priors.centre)
        return total, np.concatenate([own, (gradient + off * priors.within).ravel()])

    start = np.concatenate([solution.centre, solution.theta.ravel()])
    value, gradient = objective(start)
    assert_allclose(gradient, 0.0, atol=1e-4)
    away = start + 0.3 * np.random.default_rng(0).normal(size=len(start))
    found = minimize(objective, away, jac=True, method="L-BFGS-B")
    assert value <= found.fun + 1e-5


def test_labels_whose_centre_is_fixed_are_fitted_as_on_their_own():
    rows, parts, weight = rows_of(*panel(untested=0.3))
    solution = solve_panel(rows, weight, PanelSpec(), 1e-12, 100)
    scores = panel_scores(rows, solution)
    for j, data in enumerate(parts):
        alone = Trainer(data, np.ones((1, data.n_samples)), Settings(tol=1e-9))
        expected = data.scores([alone.fitted([HeadSpec()]).head])[0]
        own = data.scores([solution.head(j, rows)])[0]
        assert_allclose(own, expected, atol=1e-4)
        assert_allclose(scores[j][weight[j] > 0], own[:, 1] - own[:, 0], atol=1e-10)


def test_a_head_with_correction_gives_the_scores_that_were_fitted():
    rows, parts, weight = rows_of(*panel())
    solution = solve_panel(rows, weight, PanelSpec(30.0, correction=3.0), 1e-6, 100)
    for j, data in enumerate(parts):
        own = data.scores([solution.head(j, rows)])[0]
        assert_allclose(panel_scores(rows, solution)[j], own[:, 1] - own[:, 0], atol=1e-10)


def test_labels_that_are_held_firmly_have_one_set_of_weights():
    rows, _, weight = rows_of(*panel())
    spread = [
        np.ptp(solve_panel(rows, weight, PanelSpec(w), 1e-8, 100).theta[:, : M + 1], axis=0).max()
        for w in (1.0, 30.0, 1e4)
    ]
    assert spread[0] > spread[1] > spread[2]
    assert spread[2] < 0.01


@pytest.mark.parametrize("gate_width", [None, 0, 2, "auto"])
@pytest.mark.parametrize("seed", range(3))
def test_no_label_is_worse_than_its_best_reference(gate_width, seed):
    rng = np.random.default_rng(seed)
    log_odds, y = panel(seed, n=30, rates=(0.5, 0.3, 0.1), untested=0.3, skill=rng.choice([0, 3]))
    log_odds[rng.random(log_odds.shape) < 0.2] = np.nan
    log_odds[:, 0] = rng.normal(size=(30, 3)) * 10.0 ** rng.integers(-1, 3)
    model = LogitProdMultilabelClassifier(gate_width=gate_width, selection_cv=3)
    model.fit(log_odds, y)
    assert (model.guarantee_gap_ <= 0.0).all()
    proba = model.predict_proba(log_odds)
    for j, own in enumerate(y.T):
        tested = ~np.isnan(own)
        clipped = np.clip(proba[tested, j], 1e-300, 1.0)
        other = np.clip(1.0 - proba[tested, j], 1e-300, 1.0)
        loss = -np.mean(np.where(own[tested] == 1.0, np.log(clipped), np.log(other)))
        assert loss == pytest.approx(model.loss_[j], rel=1e-6)


def test_what_experts_say_of_a_label_that_was_not_tested_plays_no_role():
    log_odds, y = panel(untested=0.3)
    first = LogitProdMultilabelClassifier(selection_cv=3).fit(log_odds, y)
    moved = log_odds.copy()
    moved.transpose(0, 2, 1)[np.isnan(y)] = 7.0
    gone = log_odds.copy()
    gone.transpose(0, 2, 1)[np.isnan(y)] = np.nan
    for other in (moved, gone):
        again = LogitProdMultilabelClassifier(selection_cv=3).fit(other, y)
        assert_allclose(again.predict_proba(log_odds), first.predict_proba(log_odds), rtol=1e-9)


def test_a_sample_that_was_tested_for_nothing_is_left_out_of_everything():
    log_odds, y = panel()
    model = LogitProdMultilabelClassifier(selection_cv=3)
    first = clone(model).fit(log_odds, y, groups=np.arange(N) // 2)
    more = np.concatenate([log_odds[:9], log_odds]), np.concatenate([np.full((9, L), np.nan), y])
    groups = np.concatenate([np.full(9, N), np.arange(N) // 2])
    again = model.fit(*more, groups=groups)
    assert again.n_samples_fit_ == N
    assert_allclose(again.predict_proba(log_odds), first.predict_proba(log_odds), rtol=1e-12)


def test_labels_and_experts_in_another_order_give_the_same_in_that_order():
    log_odds, y = panel(untested=0.2)
    model = clone(CONSTANT).fit(log_odds, y)
    labels, experts = np.array([2, 0, 3, 1]), np.array([1, 2, 0])
    other = clone(CONSTANT).fit(log_odds[:, experts][:, :, labels], y[:, labels])
    expected = model.predict_proba(log_odds)[:, labels]
    assert_allclose(other.predict_proba(log_odds[:, experts][:, :, labels]), expected, atol=1e-5)
    weights = model.mean_expert_weights_[experts][:, labels]
    assert_allclose(other.mean_expert_weights_, weights, atol=1e-4)


def test_a_weight_of_two_is_the_sample_twice():
    log_odds, y = panel(untested=0.2)
    weight = np.where(np.arange(N) < 20, 2.0, 1.0)
    twice = np.r_[np.arange(N), np.arange(20)]
    one = clone(CONSTANT).fit(log_odds, y, sample_weight=weight)
    two = clone(CONSTANT).fit(log_odds[twice], y[twice])
    assert_allclose(one.loss_, two.loss_, rtol=1e-6)
    assert_allclose(one.predict_proba(log_odds), two.predict_proba(log_odds), atol=1e-6)
    left_out = clone(CONSTANT).fit(log_odds, y, sample_weight=np.arange(N) >= 20)
    assert_allclose(left_out.loss_, clone(CONSTANT).fit(log_odds[20:], y[20:]).loss_, rtol=1e-6)


def test_copies_of_samples_in_groups_tell_no_more_than_one():
    log_odds, y = panel()
    copies = np.repeat(np.arange(N), 3)
    grouped = clone(CONSTANT).fit(log_odds[copies], y[copies], groups=copies)
    alone = clone(CONSTANT).fit(log_odds, y)
    assert_allclose(grouped.predict_proba(log_odds), alone.predict_proba(log_odds), atol=1e-4)


def test_a_model_of_one_label_is_the_column_of_the_panel():
    log_odds, y = panel(untested=0.2)
    log_odds[:10, 1, 0] = np.nan
    frame = pd.DataFrame(y, columns=["TP53", "KRAS", "EGFR", "STK11"])
    model = LogitProdMultilabelClassifier(selection_cv=3).fit(log_odds, frame)
    proba, weights = model.predict_proba(log_odds), model.expert_weights(log_odds)
    assert weights.shape == (N, M, L)
    assert_allclose(weights.sum(axis=1), 1.0)
    assert_allclose(model.decision_function(log_odds), np.log(proba / (1 - proba)), rtol=1e-8)
    for j, name in enumerate(model.label_names_):
        one = model.label_model(name)
        assert isinstance(one, LogitProdClassifier)
        assert_allclose(one.predict_proba(log_odds[:, :, j])[:, 1], proba[:, j], rtol=1e-10)
        assert_allclose(one.expert_weights(log_odds[:, :, j]), weights[:, :, j])
        assert_allclose(one.sharpness(log_odds[:, :, j]), model.sharpness(log_odds)[:, j])
    elsewhere, labels = panel(1)
    adapted = adapt(model.label_model("KRAS"), elsewhere[:, :, 1], labels[:, 1].astype(int))
    assert adapted.predict_proba(log_odds[:, :, 1]).shape == (N, 2)


@pytest.mark.parametrize("cv", ["prefit", 3])
def test_outputs_of_one_label_are_what_its_model_was_fitted_on(cv):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    y = (X[:, :2] + rng.normal(size=(120, 2)) > 0).astype(int)
    # leaves of a tree are certain, where flooring twice would be seen
    experts = [DecisionTreeClassifier(max_depth=4, random_state=0), GaussianNB()]
    if cv == "prefit":
        other = rng.normal(size=(120, 4))
        truth = (other[:, :2] + rng.normal(size=(120, 2)) > 0).astype(int)
        experts = [MultiOutputClassifier(one).fit(other, truth) for one in experts]
    model = LogitProdMultilabelClassifier(experts, cv=cv, gate_width=None).fit(X, y)
    for j, name in enumerate(model.label_names_):
        one, own = model.label_model(name), model.label_outputs(X, name)
        assert_allclose(one.predict_proba(own)[:, 1], model.predict_proba(X)[:, j], rtol=1e-12)
        if cv == "prefit":
            with pytest.warns(UserWarning, match="at least 120 of 120 rows"):
                adapt(one, own, y[:, j])
    log_odds, y = panel()
    log_odds[:9, 1, 0] = np.nan
    model = clone(CONSTANT).fit(log_odds, y)
    own = model.label_outputs(log_odds, "label0")
    found = model.label_model("label0").predict_proba(own)[:, 1]
    assert_allclose(found, model.predict_proba(log_odds)[:, 0], rtol=1e-12)
    with pytest.raises(ValueError, match="no label 'TP53'"):
        model.label_outputs(log_odds, "TP53")


def test_frames_are_aligned_by_the_names_of_their_labels():
    log_odds, y = panel()
    names = ["TP53", "KRAS", "EGFR", "STK11"]
    columns = pd.MultiIndex.from_product([["uni", "conch", "virchow"], names])
    X = pd.DataFrame(log_odds.reshape(N, -1), columns=columns)
    frame = pd.DataFrame(y, columns=names)
    model = clone(CONSTANT).fit(X, frame)
    assert model.expert_names_ == ["uni", "conch", "virchow"]
    assert model.get_feature_names_out()[1] == "uni_KRAS"
    turned = X[X.columns[::-1]]
    assert_allclose(model.predict_proba(turned), model.predict_proba(X))
    again = clone(CONSTANT).fit(turned, frame[names[::-1]])
    assert list(again.label_names_) == names[::-1]
    assert_allclose(again.predict_proba(X)[:, ::-1], model.predict_proba(X), atol=1e-5)
    flat = X.set_axis([f"{expert}_{label}" for expert, label in columns], axis=1)
    assert_allclose(clone(CONSTANT).fit(flat, frame).loss_, model.loss_)
    led = X.set_axis([f"{label}_{expert}" for expert, label in columns], axis=1)
    led = clone(CONSTANT).fit(led[sorted(led.columns)], frame)
    assert_allclose(led.predict_proba(turned), model.predict_proba(X), atol=1e-9)
    one = X["uni"][names[::-1]]
    alone = clone(CONSTANT).fit(log_odds[:, :1], frame)
    assert_allclose(clone(CONSTANT).fit(one, frame).loss_, alone.loss_)
    named = clone(CONSTANT).set_params(labels=names)
    assert_allclose(named.fit(X, y).loss_, model.loss_)
    assert_allclose(named.fit(X, frame[names[::-1]]).loss_, model.loss_)
    # booleans, and what pandas has for what is not known
    nullable = frame.astype("boolean")
    nullable.iloc[5, 2] = pd.NA
    assert clone(CONSTANT).fit(X, nullable).n_tested_.tolist() == [N, N, N - 1, N]


def test_axes_of_labelled_arrays_are_known_by_their_names():
    xarray = pytest.importorskip("xarray")
    log_odds, y = panel()
    names = ["TP53", "KRAS", "EGFR", "STK11"]
    coords = {"label": names[::-1], "expert": ["uni", "conch", "virchow"]}
    X = xarray.DataArray(log_odds.T[::-1], coords, ["label", "expert", "sample"])
    found = clone(CONSTANT).fit(X, pd.DataFrame(y, columns=names))
    assert_allclose(found.loss_, clone(CONSTANT).fit(log_odds, y).loss_)


def test_probabilities_are_log_odds_in_other_words():
    log_odds, y = panel()
    proba = 1.0 / (1.0 + np.exp(-log_odds))
    model = clone(CONSTANT).set_params(input="proba").fit(proba, y)
    assert_allclose(model.loss_, clone(CONSTANT).fit(log_odds, y).loss_, rtol=1e-5)
    flat = clone(CONSTANT).fit(log_odds.reshape(N, -1), y)
    assert_allclose(flat.loss_, clone(CONSTANT).fit(log_odds, y).loss_)


def test_rare_labels_borrow_from_the_others():
    """Eight labels of few positives that obey one law: together they are told it, alone not."""
    log_odds, y = panel(0, n=600, n_experts=5, rates=[0.06] * 8)
    fit, test = slice(0, 120), slice(120, None)
    shared = LogitProdMultilabelClassifier().fit(log_odds[fit], y[fit])
    assert (shared.n_positive_ < 30).all()
    proba, gains = shared.predict_proba(log_odds[test]), []
    for j in range(8):
        # weights of its own, under the same priors
        alone = LogitProdClassifier(gate_width=None).fit(log_odds[fit, :, j], y[fit, j])
        own = alone.predict_proba(log_odds[test, :, j])[:, 1]
        gains.append(log_loss(y[test, j], own) - log_loss(y[test, j], proba[:, j]))
    assert np.mean(gains) > 0.003
    assert np.mean(np.array(gains) > 0) > 0.7


def test_real_rare_labels_borrow_from_the_others(shared_data):
    """Abnormalities of the ECG from 165 recordings: at most 9 positives each."""
    file = shared_data("ecg_abnormalities")
    proba, y = file["proba"].astype(float), file["y"]
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    test, fit = next(iter(folds.split(proba, panel_strata(y))))
    shared = LogitProdMultilabelClassifier(input="proba").fit(proba[fit], y[fit])
    together = shared.predict_proba(proba[test])
    losses = []
    for j, own in enumerate(together.T):
        single = LogitProdClassifier(input="proba").fit(proba[fit, :, j], y[fit, j])
        alone = single.predict_proba(proba[test, :, j])[:, 1]
        losses.append([log_loss(y[test, j], p, labels=[0, 1]) for p in (own, alone)])
    together, alone = np.mean(losses, axis=0)
    assert together < 0.95 * alone


def test_scorers_of_several_labels_take_it():
    for n_labels in (2, 4):
        log_odds, y = panel(rates=(0.5, 0.4, 0.3, 0.3)[:n_labels])
        y = y.astype(int)
        model = clone(CONSTANT).fit(log_odds, y)
        proba = model.predict_proba(log_odds)
        assert get_scorer("roc_auc")(model, log_odds, y) == roc_auc_score(y, proba)
        expected = average_precision_score(y, proba)
        assert get_scorer("average_precision")(model, log_odds, y) == expected
        right = (model.predict(log_odds) == y).all(axis=1)
        assert model.score(log_odds, y) == right.mean()
        assert model.score(log_odds, y, np.arange(N)) == np.average(right, weights=np.arange(N))
        assert cross_val_score(CONSTANT, log_odds, y, cv=3, scoring="roc_auc").shape == (3,)
        found = cross_val_predict(CONSTANT, log_odds, y, cv=KFold(3), method="predict_proba")
        fit, held = next(KFold(3).split(log_odds))
        own = clone(CONSTANT).fit(log_odds[fit], y[fit])
        assert_allclose(found[held], own.predict_proba(log_odds[held]))


def test_prefit_experts_survive_a_clone_and_a_pickle():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    y = (X[:, :3] + 0.5 * rng.normal(size=(120, 3)) > 0).astype(int)
    forest = RandomForestClassifier(10, random_state=0).fit(X[:60], y[:60])
    chain = ClassifierChain(LogisticRegression()).fit(X[:60], y[:60])
    several = MultiOutputClassifier(LogisticRegression()).fit(X[:60], y[:60])
    experts = [("forest", forest), ("chain", chain), ("several", several)]
    model = clone(LogitProdMultilabelClassifier(experts, gate_width=None)).fit(X[60:], y[60:])
    assert model.experts_ == [forest, chain, several]
    assert model.n_features_in_ == 4
    logits = model.expert_logits(X)
    proba = np.stack([own[:, 1] for own in forest.predict_proba(X)], axis=1)
    floored = (1 - 1e-6) * proba + 0.5e-6
    assert_allclose(logits[:, 0], np.log(floored / (1 - floored)), rtol=1e-6)
    assert_allclose(model.transform(X), logits.reshape(120, -1))
    loaded = pickle.loads(pickle.dumps(model))
    assert_allclose(loaded.predict_proba(X), model.predict_proba(X))


def test_cross_fitted_experts_see_the_samples_on_which_a_label_was_tested():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 4))
    y = (X[:, :3] + rng.normal(size=(150, 3)) > 0).astype(float)
    whole = LogitProdMultilabelClassifier([MultiOutputClassifier(LogisticRegression())], cv=3)
    assert isinstance(
        whole.set_params(gate_width=None).fit(X, y).experts_[0], MultiOutputClassifier
    )
    y[rng.random(y.shape) < 0.3] = np.nan
    experts = [("linear", LogisticRegression()), ("forest", RandomForestClassifier(5))]
    model = LogitProdMultilabelClassifier(experts, cv=3, gate_width=None)
    outside = model.fit_transform(X, y).reshape(150, 2, 3)
    linear = model.experts_[0]
    for j, own in enumerate(y.T):
        tested = ~np.isnan(own)
        alone = LogisticRegression().fit(X[tested], own[tested])
        assert_allclose(linear.estimators_[j].coef_, alone.coef_, atol=1e-6)
    # those of the fit are out-of-fold
    assert np.abs(outside - model.expert_logits(X))[:, 1].max() > 0.1
    nested = clone(model).set_params(linear__C=1e-6).fit(X, y)
    assert np.abs(nested.experts_[0].estimators_[0].coef_).max() < 0.01


def test_what_pools_do_without_experts_is_what_single_pools_do(monkeypatch):
    """The batch over labels against the general way, both solved to the end."""
    for module in ("gaps", "panel_gaps"):
        monkeypatch.setattr(f"sklearn_logitprod.training.{module}._LIMIT", 1e-12)
    log_odds, y = panel(3, untested=0.2)
    log_odds[np.random.default_rng(0).random(log_odds.shape) < 0.1] = np.nan
    log_odds[:, 0] = np.nan_to_num(log_odds[:, 0])
    for correction, linear_pool in ((None, True), (5.0, True), (None, False)):
        rows, parts, weight = rows_of(log_odds, y, linear_pool)
        solution = solve_panel(rows, weight, PanelSpec(3.0, correction=correction), 1e-6, 100)
        for j, data in enumerate(parts):
            heads = [
                solution.head(j, rows),
                Head(Gate(np.arange(data.n_columns)), 0.2, np.zeros(2)),
            ]
            pool = data.pool(heads, np.array([0.7, 0.3]))
            own = np.linspace(0.5, 2.0, data.n_samples)
            one, batch = fit_gaps(pool, data, own), fit_binary_gaps(pool, data, own)
            assert_allclose(batch.multipliers, one.multipliers, atol=1e-3)
            assert_allclose(batch.shift, one.shift - one.shift.mean(axis=1)[:, None], atol=1e-4)
            assert_allclose(batch.curvature, one.curvature, rtol=1e-3, atol=1e-3)
            assert_allclose(
                np.diff(batch.response, axis=1), np.diff(one.response, axis=1), atol=1e-3
            )
            assert_allclose(batch.scale, one.scale)
            assert_allclose(batch.weight, one.weight)


def test_folds_spread_the_positives_of_rare_labels():
    y = np.zeros((40, 2))
    y[:30, 0] = 1.0
    y[[3, 8, 14, 35], 1] = 1.0
    strata = panel_strata(y)
    assert len(np.unique(strata[[3, 8, 14, 35]])) == 1
    assert len(np.unique(strata)) == 3
    y[:, 0] = np.nan
    assert len(np.unique(panel_strata(y))) == 2


def test_the_path_tells_what_was_tried_and_holds_out_what_it_says():
    log_odds, y = panel(untested=0.2)
    folds = [(np.setdiff1d(np.arange(N), held), held) for held in np.array_split(np.arange(N), 4)]
    model = LogitProdMultilabelClassifier(selection_cv=folds, tol=1e-9).fit(log_odds, y)
    selection = model.selection_
    assert selection["share"].sum() == pytest.approx(1.0)
    mean = selection["candidate"].index("mean of probabilities")
    proba = (1.0 / (1.0 + np.exp(-log_odds))).mean(axis=1)
    tested = ~np.isnan(y)
    expected = log_loss(y[tested], proba[tested])
    assert selection["cv_loss"][mean] == pytest.approx(expected, rel=1e-4)
    shared = selection["candidate"].index("constant, shared=300")
    losses = []
    for _, held in folds:
        rows, _, weight = rows_of(log_odds, y)
        weight[:, held] = 0.0
        scores = panel_scores(rows, solve_panel(rows, weight, PanelSpec(300.0), 1e-9, 100))
        loss = np.logaddexp(0.0, scores) - rows.outcome * scores
        losses.append(loss[:, held][tested.T[:, held]])
    assert selection["cv_loss"][shared] == pytest.approx(np.concatenate(losses).mean(), rel=1e-5)


def test_a_comparison_tells_of_each_label_and_of_their_mean():
    log_odds, y = panel(n=100, rates=(0.5, 0.4, 0.3), untested=0.2)
    frame = pd.DataFrame(y, columns=["TP53", "KRAS", "EGFR"])
    table = compare(CONSTANT, log_odds, frame, cv=3, n_repeats=2, n_resamples=50)
    labels = list(table.index.get_level_values("label").unique())
    assert labels == ["TP53", "KRAS", "EGFR", "mean over labels"]
    overall = table.loc["mean over labels"]
    for column in ("log_loss_mean", "roc_auc_mean", "difference"):
        own = np.mean([table.loc[label, column] for label in labels[:3]], axis=0)
        assert_allclose(overall[column], own)
    assert overall.loc["LogitProd", "log_loss_mean"] < overall.loc["best expert", "log_loss_mean"]
    fused = table.xs("LogitProd", level="method")
    assert_allclose(fused["p_holm"][:3], holm(fused["p_value"][:3].to_numpy()))
    assert set(table.attrs["chosen"]) == set(labels[:3])
    pytest.importorskip("matplotlib").use("Agg")
    display = ExpertComparisonDisplay(table).plot()
    assert len(display.ax_.get_yticks()) == len(overall)


def test_functions_of_one_label_say_how_to_get_it():
    log_odds, y = panel()
    model = clone(CONSTANT).fit(log_odds, y)
    for call in (adapt, certify, oracle_gap):
        with pytest.raises(TypeError, match=r"takes a model of one label.*label_model\(name\)"):
            call(model, log_odds, y)


def test_an_expert_that_is_never_there_is_told_of():
    log_odds, y = panel()
    log_odds[:, 1] = np.nan
    with pytest.warns(UserWarning, match="expert1 are missing .* wherever a label was tested"):
        model = clone(CONSTANT).fit(log_odds, y)
    assert (model.mean_expert_weights_[1] == 0.0).all()
    log_odds[:, 1] = 1.0
    log_odds[3, [0, 2], 2] = np.nan
    with pytest.raises(ValueError, match=r"In row 3 of X all experts are missing but .*label2"):
        model.predict(log_odds)


CODES = "a label is 0 or 1: the check codes one column otherwise, or gives y one axis"
REFUSED = {
    **dict.fromkeys(
        [
            "check_classifier_data_not_an_array",
            "check_classifier_not_supporting_multiclass",
            "check_classifiers_classes",
            "check_classifiers_one_label",
            "check_classifiers_one_label_sample_weights",
            "check_classifiers_regression_target",
            "check_classifiers_train",
            "check_complex_data",
            "check_decision_proba_consistency",
            "check_estimators_dtypes",
            "check_fit2d_1feature",
            "check_sample_weights_not_an_array",
            "check_sample_weights_not_overwritten",
            "check_sample_weights_pandas_series",
            "check_sample_weights_shape",
            "check_transformer_data_not_an_array",
            "check_transformer_general",
            "check_transformer_n_iter",
            "check_transformer_preserve_dtypes",
        ],
        CODES,
    ),
    "check_classifier_multioutput": "classes_ is of each label, by which scorers know several",
    "check_sample_weight_equivalence_on_dense_data": "folds differ between weights and copies",
}


@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_checks():
    model = LogitProdMultilabelClassifier(
        [LogisticRegression(), GaussianNB()], cv=2, gate_width=None
    )
    found = check_estimator(model, expected_failed_checks=REFUSED, on_fail=None, on_skip=None)
    states = {}
    for one in found:
        states.setdefault(one["check_name"], set()).add(one["status"])
    # checks of scikit-learn 1.6 code y as three classes whatever the tags say
    if parse_version(sklearn.__version__) >= parse_version("1.7"):
        assert not [name for name, own in states.items() if "failed" in own]
    several = [name for name in states if name.startswith("check_classifiers_multilabel")]
    assert len(several) >= 4
    assert all(states[name] == {"passed"} for name in several)


X, Y = panel(n=24)
FRAME = pd.DataFrame(Y, columns=["TP53", "KRAS", "EGFR", "STK11"])
COLUMNS = pd.MultiIndex.from_product([["uni", "conch", "virchow"], list(FRAME.columns)])
X_FRAME = pd.DataFrame(X.reshape(24, -1), columns=COLUMNS)
CHAIN = ClassifierChain(LogisticRegression())


def changed(values, where, value):
    out = np.array(values, dtype=object if isinstance(value, str) else float)
    out[where] = value
    return out


def fit(log_odds=X, y=Y, **params):
    return clone(CONSTANT).set_params(**params).fit(log_odds, y)


BAD = {
    "a label that is no 0 or 1": (
        lambda: fit(y=changed(Y, (3, 1), 2.0)),
        r"y holds 2 in row 3, label column 1\. A label is 0 or 1",
    ),
    "-1 for not tested": (
        lambda: fit(y=FRAME.replace(0.0, -1.0)),
        r"y holds -1 in row \d, label 'TP53'.*NaN or None where it was not tested",
    ),
    "labels as text": (
        lambda: fit(y=changed(Y, (0, 0), "wt")),
        r"y holds 'wt', which is no number",
    ),
    "no y": (lambda: fit(y=None), r"requires y to be passed"),
    "one column of labels": (
        lambda: fit(y=Y[:, 0]),
        r"y has shape \(24,\).*For a single label use LogitProdClassifier",
    ),
    "rows of y and X differ": (lambda: fit(y=Y[:20]), r"y has 20 rows, but X has 24"),
    "a label that was never tested": (
        lambda: fit(y=FRAME.assign(KRAS=np.nan)),
        r"Label 'KRAS' was tested on no sample",
    ),
    "a label of one class": (
        lambda: fit(y=FRAME.assign(KRAS=0.0)),
        r"Label 'KRAS' is 0 on all 24 samples .*1 class only, .* the other\. Leave it out of y",
    ),
    "a label of one class where weights are positive": (
        lambda: clone(CONSTANT).fit(X, FRAME, sample_weight=FRAME["EGFR"]),
        r"Label 'EGFR' is 1 on all \d+ samples",
    ),
    "another number of labels in X": (
        lambda: fit(X[:, :, :3]),
        r"X has shape \(24, 3, 3\): 3 labels on its last axis, but y has 4",
    ),
    "columns that are no multiple": (
        lambda: fit(X.reshape(24, -1)[:, :10]),
        r"X has 10 columns, which is no multiple of the 4 labels",
    ),
    "probabilities of both classes": (
        lambda: fit(np.stack([X, X], axis=3)),
        r"X has 4 dimension\(s\).*pass those of class 1, X\[\.\.\., 1\]",
    ),
    "labels of X and y differ": (
        lambda: fit(X_FRAME, FRAME.rename(columns={"KRAS": "NRAS"})),
        r"label names in X's columns.*do not match.*no columns for \['NRAS'\]; unknown \['KRAS'\]",
    ),
    "a label that is rarer than the folds": (
        lambda: LogitProdMultilabelClassifier([LogisticRegression()], cv=3, gate_width=None).fit(
            X[:, 0], FRAME.assign(KRAS=np.arange(24) == 5)
        ),
        r"label 'KRAS' has one class only on the 16 samples of this fit.*Cross-fit with other",
    ),
    "labels of X have names, those of y none": (
        lambda: fit(X_FRAME, Y),
        r"X's columns name its labels, but the columns of y have no names",
    ),
    "an expert without a column for a label": (
        lambda: fit(X_FRAME.iloc[:, 1:], FRAME),
        r"X has no column \('uni', 'TP53'\).*has NaN in its column",
    ),
    "labels that are not the columns of y": (
        lambda: fit(y=FRAME, labels=["TP53", "KRAS", "EGFR", "BRAF"]),
        r"y's columns .* are not the labels .*no column for \['BRAF'\]; unknown \['STK11'\]",
    ),
    "a label twice": (
        lambda: fit(labels=["TP53", "KRAS", "TP53", "BRAF"]),
        r"The label 'TP53' is there more than once",
    ),
    "no expert where a label was tested": (
        lambda: fit(changed(X, (5, slice(None), 2), np.nan)),
        r"All experts are missing \(NaN\) for label 'label2' in 1 row\(s\) .*first is row 5",
    ),
    "probabilities outside of [0, 1]": (
        lambda: fit(input="proba"),
        r"takes probabilities in \[0, 1\]",
    ),
    "an infinite value": (
        lambda: fit(changed(X, (2, 1, 3), np.inf)),
        r"infinite value in row 2, expert 'expert1, label label3'",
    ),
    "scores of labels that were not tested": (
        lambda: fit().score(X, changed(Y, (1, 1), np.nan)),
        r"y is NaN in 1 rows.*label_model\(name\)",
    ),
    "an unknown label": (lambda: fit().label_model("BRAF"), r"There is no label 'BRAF'"),
    "an expert of all labels beside gaps": (
        lambda: fit(X[:, 0], changed(Y, (1, 1), np.nan), experts=[CHAIN], cv=2),
        r"\(ClassifierChain\) is fitted on all labels at once, but y is NaN",
    ),
    "an expert of one label": (
        lambda: fit(X[:, 0], experts=[LogisticRegression().fit(X[:, 0], Y[:, 0])]),
        r"predict_proba gave shape \(24, 2\), expected \(24, 4\)",
    ),
    "an expert of one label beside two": (
        lambda: fit(X[:, 0], Y[:, :2], experts=[LogisticRegression().fit(X[:, 0], Y[:, 0])]),
        r"gave two columns that always sum to 1",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_an_error_says_what_is_wrong(name):
    call, pattern = BAD[name]
    with pytest.raises(ValueError, match=f"(?s){pattern}"):
        call()
