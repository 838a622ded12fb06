"""What must not change the answer after the fit, and of panels, values and sets of labels."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.special import log_softmax, logsumexp

from sklearn_logitprod import (
    LogitProdClassifier,
    LogitProdMultilabelClassifier,
    LogitProdRegressor,
    LogitProdSurvival,
)
from sklearn_logitprod.deployment import (
    adapt,
    adapt_prior,
    add_expert,
    certify,
    expert_path,
    with_safety,
)
from sklearn_logitprod.export import to_torch

N, M, K = 90, 3, 3
EXACT = {"tol": 1e-13, "max_iter": 1000}


def task(seed, n=N, shift=0.0):
    """Logits of M experts and a further one, some missing, and labels 0, 1, 2."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % K)
    logits = 1.5 * rng.normal(size=(n, M + 1, K))
    logits[np.arange(n), :, y] += np.linspace(0.5, 1.5, M + 1)
    logits[:, :, 0] += shift
    logits[rng.random((n, M + 1)) < 0.1] = np.nan
    logits[np.isnan(logits[:, :M, 0]).all(axis=1), 0] = 0.0
    return logits, y


def fit(X, y, **parameters):
    return LogitProdClassifier(**{"gate_width": None, **EXACT, **parameters}).fit(X[:, :M], y)


def adapted(model, X, y, **beside):
    return adapt(model, X[:, :M], y, **beside)


def extended(model, X, y, **beside):
    return add_expert(model, X, y, **beside)


def of_another_prior(model, X, y):
    return adapt_prior(model, X[:, :M])


def changed_in_turn(model, X, y):
    model = add_expert(adapt(model, X[::2, :M], y[::2]), X[1::2], y[1::2])
    return with_safety(model, 0.1)


STEPS = {
    "adapt": adapted,
    "add_expert": extended,
    "adapt_prior": of_another_prior,
    "all": changed_in_turn,
}
EACH = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
LABELLED = pytest.mark.parametrize("step", [adapted, extended])


def said(model, X):
    return model.predict_log_proba(X[:, : model.n_experts_])


@pytest.fixture(scope="module")
def elsewhere():
    return task(1, shift=1.0)


@pytest.fixture(scope="module")
def new():
    return task(2)[0]


@pytest.fixture(scope="module")
def model():
    return fit(*task(0))


@pytest.mark.parametrize("step", [adapted, extended, of_another_prior])
def test_the_order_of_samples_plays_no_role(step, model, elsewhere, new):
    X, y = elsewhere
    order = np.random.default_rng(0).permutation(N)
    one, other = step(model, X, y), step(model, X[order], y[order])
    assert_allclose(said(other, new), said(one, new), atol=1e-6)


@LABELLED
def test_a_weight_of_two_is_the_sample_twice(step, model, elsewhere, new):
    X, y = elsewhere
    weight = np.random.default_rng(0).integers(0, 3, N)
    rows = np.repeat(np.arange(N), weight)
    one, other = step(model, X, y, sample_weight=weight), step(model, X[rows], y[rows])
    assert_allclose(said(other, new), said(one, new), atol=1e-5)


@LABELLED
def test_copies_of_a_sample_in_one_group_are_that_sample(step, model, elsewhere, new):
    X, y = elsewhere
    rows = np.repeat(np.arange(N), 4)
    one, other = step(model, X, y), step(model, X[rows], y[rows], groups=rows)
    assert_allclose(said(other, new), said(one, new), atol=1e-4)


@EACH
def test_shifting_logits_changes_nothing(step, model, elsewhere, new):
    X, y = elsewhere
    shift = np.random.default_rng(0).normal(scale=20.0, size=(N, M + 1, 1))
    one, other = step(model, X, y), step(model, X + shift, y)
    assert_allclose(said(other, new - shift), said(one, new), atol=1e-5)


@EACH
def test_permuting_experts_changes_nothing(step, elsewhere, new):
    X, y = elsewhere
    order = [2, 0, 1, 3]
    one = step(fit(*task(0)), X, y)
    logits, labels = task(0)
    other = step(fit(logits[:, order], labels), X[:, order], y)
    assert_allclose(said(other, new[:, order]), said(one, new), atol=1e-4)


@EACH
def test_permuting_classes_permutes_probabilities(step, elsewhere, new):
    X, y = elsewhere
    order, codes = [2, 0, 1], np.array([1, 2, 0])
    logits, labels = task(0)
    one = step(fit(logits, labels), X, y)
    other = step(fit(logits[:, :, order], codes[labels]), X[:, :, order], codes[y])
    assert_allclose(said(other, new[:, :, order]), said(one, new)[:, order], atol=1e-4)


def test_new_experts_may_come_in_any_order(model, elsewhere, new):
    X, y = elsewhere
    both = {"late": X[:, 3], "later": X[:, 3] + X[:, 1]}
    turned = dict(reversed(both.items()))
    one, other = (add_expert(model, X[:, :M], y, experts=own) for own in (both, turned))
    whole = np.concatenate([new, (new[:, 3] + new[:, 1])[:, None]], axis=1)
    assert_allclose(
        other.predict_log_proba(whole[:, [0, 1, 2, 4, 3]]), one.predict_log_proba(whole), atol=1e-5
    )


def test_an_expert_that_joins_twice_joins_once(model, elsewhere, new):
    X, y = elsewhere
    with pytest.warns(UserWarning, match="'again' says what 'late' says"):
        twice = add_expert(model, X[:, :M], y, experts={"late": X[:, 3], "again": X[:, 3]})
    once = add_expert(model, X[:, :M], y, experts={"late": X[:, 3]})
    both = np.concatenate([new, new[:, 3:]], axis=1)
    assert_allclose(said(twice, both), said(once, new), atol=1e-6)


def test_two_moves_are_one():
    """Moves compose; the second starts, and holds back, where the first led."""
    model, (X, y), (Z, z) = fit(*task(0)), task(3, shift=2.0), task(4, shift=2.0)
    twice = adapted(adapted(model, X, y), Z, z)
    (s, c), (t, d) = ((step["sharpness"], step["class_bias"]) for step in twice.deployment_)
    moved = t * (s * said(model, X) + c) + d
    assert_allclose(said(twice, X), log_softmax(moved, axis=1), atol=1e-10)


def test_with_enough_labels_adapting_twice_is_adapting_once_on_both():
    model, (X, y) = fit(*task(0)), task(3, n=4000, shift=2.0)
    first, second, both = slice(0, 2000), slice(2000, None), slice(None)
    twice = adapted(adapted(model, X[first], y[first]), X[second], y[second])
    once = adapted(model, X[both], y[both])
    moved = [np.abs(said(own, X) - said(model, X)).max() for own in (once, twice)]
    assert min(moved) > 1.0
    assert np.abs(said(twice, X) - said(once, X)).mean() < 0.05


def test_a_certificate_is_of_experts_in_any_order(elsewhere):
    X, y = elsewhere
    order = [2, 0, 1, 3]
    logits, labels = task(0)
    tables = [
        certify(with_safety(fit(Z, labels), 0.2), own[:, :M], y).table
        for Z, own in ((logits, X), (logits[:, order], X[:, order]))
    ]
    moved = [0, 1, 2]
    for column in ("mean_gain", "lower_bound"):
        one, other = (table[column].to_numpy() for table in tables)
        assert_allclose(other[[order.index(m) for m in moved]], one[:M], atol=1e-6)
        assert_allclose(other[M:], one[M:], atol=1e-6)


def test_a_path_is_of_experts_and_logits_in_any_order_and_shift(elsewhere):
    X, y = elsewhere
    order = [2, 0, 1]
    splits = [(np.arange(N)[np.arange(N) % 3 != j], np.arange(N)[j::3]) for j in range(3)]
    logits, labels = task(0)
    shift = np.random.default_rng(0).normal(scale=20.0, size=(N, M, 1))
    one = expert_path(fit(logits, labels), X[:, :M], y, cv=splits)
    turned = fit(logits[:, order], labels)
    other = expert_path(turned, (X[:, :M] + shift)[:, order], y, cv=splits)
    names = {f"expert{i}": f"expert{m}" for i, m in enumerate(order)}
    assert [names[name] for name in other.sufficient] == one.sufficient
    assert_allclose(other.table["log_loss"], one.table["log_loss"], atol=1e-6)


# --- exported after, or moved after the export


def exported(model, X):
    return to_torch(model)(torch.tensor(X)).numpy()


def test_exporting_commutes_with_adapting(model, elsewhere, new):
    moved = adapted(model, *elsewhere)
    (step,) = moved.deployment_
    scores = step["sharpness"] * exported(model, new[:, :M]) + step["class_bias"]
    assert_allclose(exported(moved, new[:, :M]), log_softmax(scores, axis=1), atol=1e-9)


def test_exporting_commutes_with_another_prevalence(model, elsewhere, new):
    moved = of_another_prior(model, *elsewhere)
    (step,) = moved.deployment_
    scores = exported(model, new[:, :M]) + np.log(step["prior"] / step["prior_before"])
    assert_allclose(exported(moved, new[:, :M]), log_softmax(scores, axis=1), atol=1e-9)


def test_exporting_commutes_with_a_safety(model, new):
    safe = with_safety(model, 0.2, "mean of logits")
    mean = log_softmax(np.nanmean(model.expert_logits(new[:, :M]), axis=1), axis=1)
    parts = exported(model, new[:, :M]) + np.log(0.8), mean + np.log(0.2)
    assert_allclose(exported(safe, new[:, :M]), logsumexp(parts, axis=0), atol=1e-5)


def test_exporting_commutes_with_adapting_values():
    X, y = values(0)
    model = LogitProdRegressor(gate_width=None).fit(X, y)
    moved = adapt(model, X[:50] + 7.0, y[:50] + 30.0)
    (step,) = moved.deployment_
    before, after = exported(model, X), exported(moved, X)
    assert_allclose(after[:, 0], before[:, 0] + step["shift"], rtol=1e-9)
    assert_allclose(after[:, 1], before[:, 1] / np.sqrt(step["sharpness"]), rtol=1e-9)


# --- values


def values(seed, n=N):
    rng = np.random.default_rng(seed)
    y = 100.0 + 10.0 * rng.normal(size=n)
    return y[:, None] + rng.normal(size=(n, M)) * [4.0, 8.0, 12.0], y


@pytest.mark.parametrize("with_std", [False, True])
def test_scaling_values_and_experts_together_scales_adapted_predictions(with_std):
    X, y = values(0)
    if with_std:
        X = np.stack([X, np.random.default_rng(1).uniform(3.0, 9.0, X.shape)], axis=2)
    Z, z = X[60:], y[60:] + 20.0
    found = []
    for scale in (1.0, 1e3):
        model = LogitProdRegressor(
            gate_width=None, input="mean_std" if with_std else "mean", **EXACT
        ).fit(scale * X[:60], scale * y[:60])
        moved = adapt(model, scale * Z, scale * z)
        found.append(np.stack(moved.predict(scale * X, return_std=True)) / scale)
    assert_allclose(found[1], found[0], rtol=1e-5)


def test_the_order_of_samples_of_values_plays_no_role():
    X, y = values(0)
    order = np.random.default_rng(0).permutation(N)
    one, other = (
        LogitProdRegressor(gate_width=0, **EXACT).fit(X[rows], y[rows])
        for rows in (np.arange(N), order)
    )
    assert_allclose(other.predict(X), one.predict(X), rtol=1e-6)


# --- survival


def test_the_unit_of_risks_of_new_experts_plays_no_role():
    rng = np.random.default_rng(0)
    time = rng.exponential(5.0, 2 * N) + 0.1
    y = np.array(list(zip(rng.random(2 * N) < 0.7, time, strict=True)), dtype="?, f8")
    y.dtype.names = ("event", "time")
    risk = -np.log(time)[:, None] + rng.normal(size=(2 * N, M + 1))
    model = LogitProdSurvival(input="risk", gate_width=None, **EXACT).fit(risk[:N, :M], y[:N])
    other = risk.copy()
    other[:, M] = 30.0 * risk[:, M] - 5.0
    curves = [
        add_expert(model, own[N:], y[N:]).predict_survival_function(own, return_array=True)
        for own in (risk, other)
    ]
    assert_allclose(curves[1], curves[0], atol=1e-6)


# --- panels


def panel(seed=0, n=N):
    rng = np.random.default_rng(seed)
    y = (rng.random((n, 4)) < [0.5, 0.4, 0.3, 0.4]).astype(float)
    log_odds = (2.0 * y[:, None] - 1.0) * np.array([0.3, 0.8, 1.2])[:, None]
    log_odds = log_odds + rng.normal(size=(n, M, 4))
    y[rng.random(y.shape) < 0.2] = np.nan
    return log_odds, y


def fitted_panel(X, y, **parameters):
    return LogitProdMultilabelClassifier(**{"gate_width": None, **EXACT, **parameters}).fit(X, y)


def test_a_label_that_is_there_twice_is_told_the_same_twice():
    X, y = panel()
    twice = [0, 1, 2, 3, 1]
    model = fitted_panel(X[:, :, twice], y[:, twice])
    proba = model.predict_proba(X[:, :, twice])
    assert_allclose(proba[:, 4], proba[:, 1], atol=1e-6)
    assert_allclose(model.loss_[4], model.loss_[1], atol=1e-8)


def test_merging_a_label_with_its_copy_moves_the_others_little():
    X, y = panel()
    twice = [0, 1, 2, 3, 1]
    one, other = fitted_panel(X, y), fitted_panel(X[:, :, twice], y[:, twice])
    moved = other.predict_proba(X[:, :, twice])[:, :4] - one.predict_proba(X)
    # what labels have in common is told by five of them, and not by four
    assert 1e-5 < np.abs(moved).mean() < 0.01


def test_the_order_of_samples_labels_and_experts_of_a_panel_plays_no_role():
    X, y = panel()
    rows = np.random.default_rng(0).permutation(N)
    labels, experts = [2, 0, 3, 1], [1, 2, 0]
    folds = np.arange(N) % 3
    models = []
    for own_X, own_y, own in ((X, y, folds), (X[rows], y[rows], folds[rows])):
        splits = [(np.flatnonzero(own != j), np.flatnonzero(own == j)) for j in range(3)]
        turned = own is not folds
        if turned:
            own_X, own_y = own_X[:, experts][:, :, labels], own_y[:, labels]
        models.append(fitted_panel(own_X, own_y, gate_width="auto", selection_cv=splits))
    one = models[0].predict_proba(X)[:, labels]
    other = models[1].predict_proba(X[:, experts][:, :, labels])
    assert_allclose(other, one, atol=1e-4)


# --- sets of labels


@pytest.mark.parametrize("gate_width", [None, 0])
def test_permuting_classes_of_sets_permutes_probabilities(gate_width):
    X, y = task(0)
    X = X[:, :M]
    sets = np.eye(K, dtype=bool)[y]
    sets[::3] |= np.random.default_rng(0).random((len(sets[::3]), K)) < 0.5
    order = [2, 0, 1]
    own = {"gate_width": gate_width, "labels": "sets", "classes": list("abc"), **EXACT}
    one = LogitProdClassifier(**own).fit(X, sets)
    other = LogitProdClassifier(**own).fit(X[:, :, order], sets[:, order])
    assert_allclose(other.predict_proba(X[:, :, order]), one.predict_proba(X)[:, order], atol=1e-5)


def test_a_set_of_weight_two_is_the_set_twice():
    X, y = task(0)
    X = X[:, :M]
    sets = np.eye(K, dtype=bool)[y]
    sets[::3, 1] = True
    weight = np.random.default_rng(0).integers(0, 3, N)
    rows = np.repeat(np.arange(N), weight)
    model = {"gate_width": None, "labels": "sets", "classes": list("abc"), **EXACT}
    one = LogitProdClassifier(**model).fit(X, sets, sample_weight=weight)
    other = LogitProdClassifier(**model).fit(X[rows], sets[rows])
    assert_allclose(other.predict_proba(X), one.predict_proba(X), atol=1e-5)
