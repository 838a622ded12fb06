"""After the fit: inputs in other orders, of other labels, and rows that nothing speaks for."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

from sklearn_logitprod import LogitProdClassifier, LogitProdSurvival, stack_outputs
from sklearn_logitprod.deployment import (
    GainMonitor,
    adapt,
    adapt_prior,
    add_expert,
    certify,
    expert_path,
    with_safety,
)
from sklearn_logitprod.deployment import path as path_module
from sklearn_logitprod.io import ExpertOutputs

CLASSES = np.array(["a", "b", "c"])


def task(n_samples=120, n_experts=4, n_classes=3, seed=0):
    """Labels, and logits of experts that know something of them."""
    random = np.random.default_rng(seed)
    y = random.integers(0, n_classes, n_samples)
    logits = 1.5 * np.eye(n_classes)[y][:, None] + random.normal(
        size=(n_samples, n_experts, n_classes)
    )
    return logits, CLASSES[y]


def constant(X, y, **parameters):
    """A fitted model of constant weights."""
    return LogitProdClassifier(gate_width=None, **parameters).fit(X, y)


def test_columns_in_any_order_are_those_of_the_same_experts():
    logits, y = task(n_classes=2)
    odds = pd.DataFrame(logits[:, :, 1] - logits[:, :, 0], columns=list("uvwx"))
    model = constant(odds[list("uvw")], y)
    larger = add_expert(model, odds[list("xwuv")], y)
    given = add_expert(model, odds[list("uvw")], y, experts={"x": odds["x"]})
    assert larger.feature_names_in_.tolist() == larger.expert_names_ == list("uvwx")
    np.testing.assert_allclose(larger.predict_proba(odds), given.predict_proba(odds))
    with pytest.raises(ValueError, match="same order"):
        larger.predict_proba(odds[list("xwuv")])


def test_risks_in_any_order_are_those_of_the_same_experts():
    random = np.random.default_rng(0)
    time = random.exponential(5.0, 120) + 0.1
    y = np.array(
        list(zip(random.random(120) < 0.7, time, strict=True)),
        dtype=[("event", bool), ("time", float)],
    )
    risk = -np.log(time)[:, None] + random.normal(size=(120, 3))
    risk = pd.DataFrame(risk, columns=list("uvw"))
    model = LogitProdSurvival(input="risk", gate_width=None).fit(risk[["u", "v"]], y)
    larger, given = add_expert(model, risk[["w", "v", "u"]], y), add_expert(model, risk, y)
    np.testing.assert_allclose(larger.predict(risk), given.predict(risk))


def test_new_experts_with_rows_in_another_order_are_refused():
    logits, y = task()
    frame = stack_outputs(dict(zip("pqrs", logits.transpose(1, 0, 2), strict=True)), CLASSES)
    frame.index = [f"slide{i}" for i in range(len(y))]
    model = constant(frame[list("pqr")], y)
    moved = frame["s"].iloc[::-1]
    with pytest.raises(ValueError, match=r"X and experts\['s'\] have the same labels of rows"):
        add_expert(model, frame[list("pqr")], y, experts={"s": moved})
    right = add_expert(model, frame[list("pqr")], y, experts={"s": moved.loc[frame.index]})
    whole = add_expert(model, frame, y)
    np.testing.assert_allclose(right.predict_proba(frame), whole.predict_proba(frame))
    outputs = ExpertOutputs(logits[::-1, 3:], "logits", ["s"], CLASSES, ids=frame.index[::-1])
    with pytest.raises(ValueError, match="X and experts have the same labels of rows"):
        add_expert(model, frame[list("pqr")], y, experts=outputs)


@pytest.mark.parametrize("labels", ["abd", "abcd"])
def test_new_experts_of_other_classes_are_refused(labels):
    logits, y = task()
    logits, y = logits[y != "c"], y[y != "c"]
    model = constant(logits[:, :3], y, classes=list("abc"))
    values = np.zeros((len(y), 1, len(labels)))
    values[:, :, :3] = logits[:, 3:]
    outputs = ExpertOutputs(values, "logits", ["new"], np.array(list(labels)))
    with pytest.raises(ValueError, match=r"outputs are of the classes.*'d'.* no other\.$"):
        add_expert(model, logits[:, :3], y, experts=outputs)


def test_new_experts_of_other_times_are_refused():
    random = np.random.default_rng(0)
    y = np.array([(True, time) for time in random.exponential(5.0, 60)], dtype="?,f8")
    survival = np.exp(-random.uniform(0.1, 0.3, (60, 3, 1)) * [1.0, 3.0, 6.0])
    model = LogitProdSurvival(input="survival", times=[1.0, 3.0, 6.0], gate_width=None)
    model.fit(survival[:, :2], y)
    outputs = ExpertOutputs(survival[:, 2:], "survival", ["new"], times=np.array([2.0, 6.0, 12.0]))
    with pytest.raises(ValueError, match=r"new experts' outputs are of the times \[2\.0"):
        add_expert(model, survival[:, :2], y, experts=outputs)


def test_rows_that_only_an_unheard_expert_knows_are_refused():
    logits, y = task()
    missing = logits[:, :3].copy()
    missing[:, 2] = np.nan
    with pytest.warns(UserWarning, match="their weight is 0"):
        model = constant(missing, y)
    new, labels = task(seed=1)
    new[4, :2] = np.nan
    three = new[:, :3]
    calls = [
        lambda: adapt(model, three, labels),
        lambda: adapt_prior(model, three),
        lambda: add_expert(model, new, labels),
        lambda: certify(with_safety(model), three, labels),
        lambda: GainMonitor(with_safety(model)).update(three, labels),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="In row 4 of X all experts are missing but expert2"):
            call()


def test_rows_of_the_fit_are_known_after_an_expert_was_added():
    logits, y = task()
    new, labels = task(seed=1)
    larger = add_expert(constant(logits[:, :3], y), new, labels)
    with pytest.warns(UserWarning, match="certify was given rows that the model was fitted on"):
        certify(with_safety(larger), logits, y)
    again = {"again": logits[:, 0] + logits[:, 1]}
    grown = add_expert(larger, logits, y, experts=again)
    assert {head.log_sharpness for head in grown.pool_.top.heads} == {0.0}


def test_a_named_reference_stays_alone_in_a_safety():
    logits, y = task()
    safe = with_safety(constant(logits[:, :1], y), 0.05, "expert0")
    larger = add_expert(safe, logits[:, :2], y)
    new = task(seed=1)[0][:, :2] * 30.0
    with np.errstate(divide="ignore"):
        excess = larger.expert_logits(new)[:, 0] - larger.predict_log_proba(new)
    assert excess.max() <= np.log(1.0 / 0.05) + 1e-6
    everyone = add_expert(with_safety(constant(logits[:, :1], y)), logits[:, :2], y)
    np.testing.assert_allclose(everyone.pool_.mass, [1 / 3, 1 / 3, 1 / 3, 0.0])


def test_a_copy_leaves_no_gap():
    logits, y = task()
    model = constant(logits, y)
    assert model.guarantee_gap_ < -0.01
    with pytest.warns(UserWarning, match="weight of 0"):
        same = add_expert(model, logits, y, experts={"copy": logits[:, 0]})
    assert same.guarantee_gap_ == 0.0


def test_what_new_experts_are_refused_for():
    logits, y = task()
    model = constant(logits[:, :3], y)
    known = logits[:, :3]
    with pytest.raises(ValueError, match=r"'n' has one value a sample, but there are 3 classes"):
        add_expert(model, known, y, experts=dict(zip("nop", logits[:, 3].T, strict=True)))
    with pytest.raises(ValueError, match=r"outputs in experts have \[50, 120\] rows"):
        add_expert(model, known, y, experts={"n": logits[:, 3], "o": logits[:50, 3]})
    part = logits.copy()
    part[y != "a", 3] = np.nan
    with pytest.raises(ValueError, match=r"something new are of class 'a'.* Pass its .* other"):
        add_expert(model, part, y)
    weight = (y != "a").astype(float)
    with pytest.raises(ValueError, match=r"'expert3'.*whose sample_weight is positive"):
        add_expert(model, part, y, sample_weight=weight)
    with pytest.raises(ValueError, match=r"'expert3'\] are missing .* on every row of X: noth"):
        add_expert(model, np.where(np.arange(4)[:, None] == 3, np.nan, logits), y)
    proba = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    outputs = ExpertOutputs(proba[:, :3], "proba", list("pqr"), CLASSES, y)
    fitted = LogitProdClassifier(gate_width=None).fit(outputs)
    with pytest.raises(ValueError, match="input='proba', but nothing says so of the arrays"):
        add_expert(fitted, outputs, experts={"s": proba[:, 3]})


def survival_task(n_samples=120, n_experts=3):
    """Events, and risks of experts."""
    random = np.random.default_rng(0)
    time = random.exponential(5.0, n_samples) + 0.1
    event = random.random(n_samples) < 0.7
    y = np.array(list(zip(event, time, strict=True)), dtype=[("event", bool), ("time", float)])
    return -np.log(time)[:, None] + random.normal(size=(n_samples, n_experts)), y


def test_risks_are_not_mixed_with_curves():
    risk, y = survival_task()
    model = LogitProdSurvival(input="risk", gate_width=None).fit(risk[:, :2], y)
    times = model.unique_times_
    curves = np.exp(-np.exp(0.3 * risk[:, 2:, None] - 1.5) * times)
    outputs = ExpertOutputs(curves, "survival", ["new"], times=times)
    with pytest.raises(ValueError, match="experts give risks, and the new ones curves or hazards"):
        add_expert(model, risk[:, :2], y, experts=outputs)
    model = LogitProdSurvival(input="survival", times=times, gate_width=None).fit(curves, y)
    with pytest.raises(ValueError, match="give curves or hazards, and the new ones risks"):
        add_expert(model, curves, y, experts=ExpertOutputs(risk[:, :1], "risk", ["new"]))


class Column(BaseEstimator):
    """A survival expert: a column of X is its risk."""

    def __init__(self, column=0):
        self.column = column

    def fit(self, X, y):
        """Nothing to learn."""
        self.fitted_ = True
        return self

    def predict(self, X):
        """Risks."""
        return X[:, self.column]


def test_methods_of_old_experts_are_not_asked_of_new_ones():
    X, y = survival_task()
    experts = [(f"column{i}", Column(i).fit(X, y)) for i in range(3)]
    methods = {"column0": "predict"}
    model = LogitProdSurvival(experts[:2], expert_methods=methods, gate_width=None).fit(X, y)
    larger = add_expert(model, X, y, experts=experts[2:])
    assert larger.expert_methods == methods
    plain = LogitProdSurvival(experts[:2], gate_width=None).fit(X, y)
    expected = add_expert(plain, X, y, experts=experts[2:]).predict(X)
    np.testing.assert_allclose(larger.predict(X), expected)


def test_a_prevalence_after_a_class_bias_of_other_rows_is_doubted():
    logits, y = task()
    model = constant(logits[:, :3], y)
    prior = [0.5, 0.3, 0.2]
    with pytest.warns(UserWarning, match="Experts were added to the model on rows that"):
        adapt_prior(add_expert(model, *task(seed=1)), prior=prior)
    # on rows of the fit weights alone moved
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        adapt_prior(add_expert(model, logits, y), prior=prior)


@pytest.mark.parametrize("step", ["adapt", "add_expert"])
def test_rows_that_were_used_after_the_fit_are_known(step):
    logits, y = task()
    model = constant(logits[:, :3], y)
    new, labels = task(30, seed=1)
    later, truth = task(400, seed=2)
    if step == "adapt":
        new, later = new[:, :3], later[:, :3]
        used = adapt(model, new, labels)
    else:
        used = add_expert(model, new, labels)
    some = np.concatenate([new, later]), np.concatenate([labels, truth])
    with pytest.warns(UserWarning, match="outputs of at least 30 of 430 rows"):
        certify(with_safety(used), *some)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        certify(with_safety(used), later, truth)
    # what it has seen is no new site to an expert that is added, either
    random = np.random.default_rng(0)
    extra = {"extra": 0.5 * new[:, 0] + random.normal(size=(30, 3))}
    larger = add_expert(used, new, labels, experts=extra)
    assert {head.log_sharpness for head in larger.pool_.top.heads} == {0.0}


def test_a_reference_is_a_name():
    logits, y = task()
    model = with_safety(constant(logits, y))
    with pytest.raises(ValueError, match="reference=0 is unknown: it is the name of an expert"):
        certify(model, *task(seed=1), reference=0)


def test_added_experts_are_told_of_on_the_given_rows():
    logits, y = task()
    model = constant(logits[:, :3], y)
    logits, y = task(seed=1)
    larger = add_expert(model, logits, y)
    log_proba = larger.expert_logits(logits)
    rows, column = np.arange(len(y)), np.searchsorted(CLASSES, y)
    own = -log_proba[rows, :, column].mean(axis=0)
    np.testing.assert_allclose(larger.expert_losses_, own)
    loss = -larger.predict_log_proba(logits)[rows, column].mean()
    np.testing.assert_allclose(larger.loss_, loss)
    weights = larger.expert_weights(logits).mean(axis=0)
    np.testing.assert_allclose(larger.mean_expert_weights_, weights)
    product, mixture = log_proba.mean(axis=1), np.log(np.exp(log_proba).mean(axis=1))
    product -= np.log(np.exp(product).sum(axis=1, keepdims=True))
    means = [-mean[rows, column].mean() for mean in (product, mixture)]
    np.testing.assert_allclose(larger.reference_losses_, [*own, *means])


def test_groups_of_dependent_rows_are_heard_by_a_new_expert():
    logits, y = task()
    model = constant(logits[:, :3], y)
    X, labels = (np.repeat(own, 4, axis=0) for own in task(40, seed=1))
    plain, alone, grouped = (
        add_expert(model, X, labels, groups=groups).predict_proba(X)
        for groups in (None, np.arange(160), np.arange(160) // 4)
    )
    np.testing.assert_allclose(plain, alone, atol=1e-9)
    assert np.abs(plain - grouped).max() > 1e-3


def test_new_experts_in_flat_columns_are_counted_by_classes():
    logits, y = task()
    model = constant(logits[:, :3].reshape(len(y), -1), y)
    flat, labels = task(seed=1)
    larger = add_expert(model, flat.reshape(len(labels), -1), labels)
    assert larger.expert_names_ == ["expert0", "expert1", "expert2", "expert3"]


def test_a_safety_tells_its_share_and_reference():
    model = constant(*task())
    for reference in (None, "expert1"):
        step = with_safety(model, 0.1, reference=reference).deployment_[-1]
        assert step["share"] == 0.1
        assert step["reference"] == reference


def test_a_path_of_many_rows_is_chosen_on_those_that_random_state_draws(monkeypatch):
    seeds = []
    monkeypatch.setattr(path_module, "selection_rows", lambda data, seed: seeds.append(seed))
    X, y = task()
    expert_path(constant(X, y), X, y, cv=2, random_state=7)
    assert seeds == [7]


def test_every_split_of_a_path_is_looked_at():
    X, y = task()
    every, last = np.arange(len(y)), y == "c"
    splits = [(every[::2], every[1::2]), (every[~last], every[last])]
    with pytest.raises(ValueError, match="Split 2 of cv leaves no sample of one class"):
        expert_path(constant(X, y), X, y, cv=splits)
