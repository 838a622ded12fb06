"""Another prevalence of the classes: Bayes' rule where it is given, and what X tells of it."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import gammaln

from sklearn_logitprod import LogitProdClassifier, LogitProdSurvival
from sklearn_logitprod.deployment import adapt, adapt_prior, add_expert, with_safety
from sklearn_logitprod.deployment.prevalence import _Shift, estimate_prevalence
from sklearn_logitprod.estimators.standing import centring_offset
from sklearn_logitprod.fusion.logits import log_softmax


def drawn(random, prior, n_samples, signal=2.0):
    """Classes by their prevalence, and three experts' logits."""
    n_classes = len(prior)
    y = random.choice(n_classes, n_samples, p=prior)
    shape = n_samples, 3, n_classes
    return signal * np.eye(n_classes)[y][:, None] + random.normal(size=shape), y


def calibrated(random, prior, n_samples, fit_prior, signal=2.0):
    """Exact posterior log-probabilities under `fit_prior` of samples drawn by `prior`."""
    y = random.choice(len(prior), n_samples, p=prior)
    x = signal * np.eye(len(prior))[y] + random.normal(size=(n_samples, len(prior)))
    return log_softmax(signal * x + np.log(fit_prior))


@pytest.fixture(scope="module")
def model():
    logits, y = drawn(np.random.default_rng(0), [0.5, 0.3, 0.2], 400)
    return LogitProdClassifier(gate_width=None).fit(logits, np.array(["a", "b", "c"])[y])


@pytest.fixture(scope="module")
def elsewhere():
    return drawn(np.random.default_rng(1), [0.05, 0.05, 0.9], 300)[0]


PRIOR = {"c": 0.2, "a": 0.7, "b": 0.1}


def test_a_given_prior_is_bayes_rule(model, elsewhere):
    moved = adapt_prior(model, prior=PRIOR)
    ratio = np.log(np.array([0.7, 0.1, 0.2]) / model.class_prior_)
    expected = log_softmax(model.predict_log_proba(elsewhere) + ratio)
    assert_allclose(moved.predict_log_proba(elsewhere), expected, atol=1e-12)
    assert_allclose(moved.class_prior_, [0.7, 0.1, 0.2])
    assert "prevalence set to" in repr(moved)
    assert "prevalence" not in repr(model)


@pytest.mark.parametrize("given", [[0.7, 0.1, 0.2], pd.Series(PRIOR), np.array([0.7, 0.1, 0.2])])
def test_forms_of_a_prior_agree(model, elsewhere, given):
    expected = adapt_prior(model, prior=PRIOR).predict_proba(elsewhere)
    assert_array_equal(adapt_prior(model, prior=given).predict_proba(elsewhere), expected)


def test_the_last_of_two_priors_counts(model, elsewhere):
    twice = adapt_prior(adapt_prior(model, prior=[0.1, 0.1, 0.8]), prior=PRIOR)
    once = adapt_prior(model, prior=PRIOR)
    assert_allclose(twice.predict_proba(elsewhere), once.predict_proba(elsewhere), atol=1e-12)
    back = adapt_prior(once, prior=model.class_prior_)
    assert_allclose(back.predict_proba(elsewhere), model.predict_proba(elsewhere), atol=1e-12)


def test_the_classes_that_moved_most_are_told():
    logits, y = drawn(np.random.default_rng(2), [0.2] * 5, 300)
    five = LogitProdClassifier(gate_width=None).fit(logits, y)
    before = five.class_prior_
    prior = before + [0.0, 0.03, -0.05, 0.001, 0.019]
    text = adapt_prior(five, prior=prior).deployment_[-1]["text"]
    told = [f"class {k} {prior[k]:.3g}, was {before[k]:.3g}" for k in (2, 1, 4)]
    assert text.endswith("; ".join(told) + " and 2 others")
    # of two classes the second says all
    two = LogitProdClassifier(gate_width=None).fit(logits[:, :, :2], y % 2)
    text = adapt_prior(two, prior=[0.7, 0.3]).deployment_[-1]["text"]
    assert text.endswith(f"class 1 0.3, was {two.class_prior_[1]:.3g}")


def test_a_shift_is_found_and_told(model, elsewhere):
    moved = adapt_prior(model, elsewhere)
    step = moved.deployment_[-1]
    assert_allclose(moved.class_prior_, [0.05, 0.05, 0.9], atol=0.06)
    assert step["shift_probability"] > 0.999
    lower, upper = step["interval"]
    assert (lower <= moved.class_prior_).all()
    assert (moved.class_prior_ <= upper).all()
    assert lower[2] > 0.7
    assert upper[2] < 0.97
    assert "300 rows without labels" in step["text"]
    assert "above 0.99" in step["text"]
    restored = pickle.loads(pickle.dumps(moved))
    assert_array_equal(restored.predict_proba(elsewhere), moved.predict_proba(elsewhere))


def test_without_a_shift_little_moves(model):
    for seed in range(5):
        logits, _ = drawn(np.random.default_rng(10 + seed), [0.5, 0.3, 0.2], 200)
        step = adapt_prior(model, logits).deployment_[-1]
        assert_allclose(step["prior"], model.class_prior_, atol=0.02)
        assert step["shift_probability"] < 0.4


def test_a_model_that_knows_nothing_leaves_the_prior():
    # its mean prediction differs from the prevalence by a bias alone
    random, prior = np.random.default_rng(0), np.array([0.98, 0.02])
    scores = np.log(prior) + 0.3 * random.normal(size=(1100, 2)) + [0.0, 0.2]
    scores = log_softmax(scores)
    offset = centring_offset(scores[:500], prior, np.ones(500))
    found = estimate_prevalence(scores[500:], prior, offset=offset, n_fit=500)
    assert_allclose(found.prior, prior, atol=0.005)


def test_scores_of_any_height_tell_the_same():
    random, prior = np.random.default_rng(4), np.array([0.5, 0.3, 0.2])
    log_proba = calibrated(random, [0.2, 0.2, 0.6], 50, prior)
    raised = log_proba + 1e4 * random.normal(size=(50, 1))
    found = [estimate_prevalence(scores, prior, n_fit=400).prior for scores in (log_proba, raised)]
    assert_allclose(*found, atol=1e-6)


def test_thirty_rows_tell_a_large_shift():
    random, prior = np.random.default_rng(3), np.array([0.5, 0.5])
    log_proba = calibrated(random, [0.97, 0.03], 30, prior)
    found = estimate_prevalence(log_proba, prior, n_fit=400)
    assert found.prior[1] < 0.12
    assert found.lower[1] < 0.03 < found.upper[1]
    for seed in range(10):
        log_proba = calibrated(np.random.default_rng(20 + seed), prior, 30, prior)
        assert abs(estimate_prevalence(log_proba, prior, n_fit=400).prior[0] - 0.5) < 0.05


def test_an_absent_class_becomes_rare_and_stays_possible():
    prior = np.full(4, 0.25)
    log_proba = calibrated(np.random.default_rng(0), [0.5, 0.5, 0.0, 0.0], 400, prior, 3.0)
    found = estimate_prevalence(log_proba, prior, n_fit=1000)
    assert (found.prior[2:] < 0.01).all()
    assert (found.prior[2:] > 0.0).all()
    assert_allclose(found.prior.sum(), 1.0)


def test_a_class_that_is_rarer_than_rounding_leaves_the_evidence_finite():
    prior, precision = np.array([1.0, 1e-17]), 2.0
    rows = np.tile([1.0, 0.0], (10, 1))
    found = _Shift(rows, prior, precision, 10.0).posterior(prior)
    # all samples are certain: what is left is the prior's, whose curvature is 2 pi_1 pi_2
    shares = precision * prior
    expected = shares @ np.log(prior) + gammaln(precision) - gammaln(shares).sum()
    expected += 0.5 * np.log(2.0 * np.pi / shares[1])
    assert found.evidence == pytest.approx(expected)
    assert np.isfinite(found.deviation).all()


def test_the_estimate_is_consistent():
    fit, prior = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.2, 0.7])
    log_proba = calibrated(np.random.default_rng(0), prior, 20000, fit)
    found = estimate_prevalence(log_proba, fit)
    assert_allclose(found.prior, prior, atol=0.01)
    assert_allclose(found.n_effective, 20000)
    assert (found.upper - found.lower < 0.03).all()


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    prior, held = np.array([0.5, 0.5]), []
    for seed in range(100):
        log_proba = calibrated(np.random.default_rng(seed), [0.8, 0.2], 100, prior, 1.5)
        found = estimate_prevalence(log_proba, prior)
        held.append(found.lower[1] <= 0.2 <= found.upper[1])
    assert np.mean(held) >= 0.88


def test_small_fits_and_dependence_hold_back():
    prior = np.array([0.5, 0.5])
    log_proba = calibrated(np.random.default_rng(1), [0.85, 0.15], 100, prior, 1.5)
    moved = [
        estimate_prevalence(log_proba, prior, n_fit=n_fit, design_effect=effect).prior[0] - 0.5
        for n_fit, effect in ((np.inf, 1.0), (100, 1.0), (100, 4.0), (5, 4.0))
    ]
    assert moved == sorted(moved, reverse=True)
    assert moved[0] > 0.3
    assert moved[-1] < 0.05


def test_order_of_classes_and_rows_changes_nothing():
    fit = np.array([0.6, 0.3, 0.1])
    random = np.random.default_rng(0)
    log_proba = calibrated(random, [0.2, 0.2, 0.6], 100, fit)
    found = estimate_prevalence(log_proba, fit, n_fit=200)
    order = [2, 0, 1]
    other = estimate_prevalence(log_proba[random.permutation(100)][:, order], fit[order], n_fit=200)
    for name in ("prior", "lower", "upper"):
        assert_allclose(getattr(other, name), getattr(found, name)[order], rtol=1e-5)


def test_more_strength_moves_less_in_the_end(model, elsewhere):
    far = adapt_prior(model, elsewhere, strength=1e6).class_prior_
    assert_allclose(far, model.class_prior_, atol=0.01)


def test_certain_predictions_are_taken(model):
    log_proba = log_softmax(np.where(np.eye(2)[np.arange(60) // 50], 0.0, -800.0))
    found = estimate_prevalence(log_proba, np.array([0.1, 0.9]), n_fit=100)
    assert np.isfinite([found.prior, found.lower, found.upper]).all()
    assert found.prior[0] > 0.6


def test_centred_predictions_have_the_prevalence_as_their_mean():
    random = np.random.default_rng(0)
    log_proba, weight = log_softmax(3.0 * random.normal(size=(50, 3))), random.random(50)
    prior = np.array([0.9, 0.09, 0.01])
    offset = centring_offset(log_proba, prior, weight)
    mean = weight @ np.exp(log_softmax(log_proba + offset)) / weight.sum()
    assert_allclose(mean, prior, atol=1e-9)


def test_the_fit_knows_where_it_stands():
    random = np.random.default_rng(0)
    logits, y = drawn(random, [0.8, 0.2], 80)
    weight, groups = random.integers(0, 3, 80), np.arange(80) // 4
    model = LogitProdClassifier(gate_width=None)
    model.fit(logits, y, sample_weight=weight, groups=groups)
    prior = np.bincount(y, weight) / weight.sum()
    assert_allclose(model.class_prior_, prior)
    scores = model.predict_log_proba(logits) + model.class_prior_offset_
    assert_allclose(weight @ np.exp(log_softmax(scores)) / weight.sum(), prior, atol=1e-6)
    assert model.design_effect_ >= 1.0
    assert_allclose(model.n_effective_ * model.design_effect_, weight.sum())


def test_a_safety_share_stays_outside(model, elsewhere):
    safe = with_safety(model, 0.1, reference="expert0")
    one, other = (
        adapt_prior(safe, prior=PRIOR),
        with_safety(adapt_prior(model, prior=PRIOR), 0.1, "expert0"),
    )
    assert_allclose(one.predict_proba(elsewhere), other.predict_proba(elsewhere), atol=1e-12)
    estimates = [adapt_prior(m, elsewhere).class_prior_ for m in (model, safe)]
    assert_array_equal(*estimates)


BAD = {
    "both": (
        {"X": np.zeros((2, 3, 3)), "prior": PRIOR},
        r"either X, .* or prior=\{'a': 0.*both",
    ),
    "neither": ({}, r"either X, samples .* or prior="),
    "unknown class": ({"prior": {"a": 0.5, "b": 0.3, "d": 0.2}}, r"names \['d'\].*lacks \['c'\]"),
    "class left out": ({"prior": {"a": 0.5, "b": 0.5}}, r"prior lacks \['c'\]"),
    "zero": ({"prior": [0.5, 0.5, 0.0]}, r"prior of \['c'\] is not positive"),
    "NaN": ({"prior": [0.5, np.nan, 0.5]}, r"prior of \['b'\] is not positive"),
    "sum": ({"prior": [0.5, 0.5, 0.5]}, r"prior sums to 1\.5"),
    "percentages": ({"prior": [50, 30, 20]}, r"3 % is 0\.03"),
    "length": ({"prior": [0.5, 0.5]}, r"one number for each of these 3"),
    "number": ({"prior": 0.5}, r"one number for each of these 3"),
    "text": ({"prior": "a"}, r"one number for each of these 3"),
    "twice": (
        {"prior": pd.Series([0.2, 0.3, 0.1, 0.4], index=["a", "b", "c", "a"])},
        "names a class twice",
    ),
    "strength": ({"X": np.zeros((2, 3, 3)), "strength": 0.0}, "strength=0.0"),
    "no rows": ({"X": np.zeros((0, 3, 3))}, "X has no rows"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_told(model, case):
    arguments, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        adapt_prior(model, **arguments)


def test_rounded_priors_are_taken(model):
    moved = adapt_prior(model, prior=[0.333, 0.333, 0.333])
    assert_allclose(moved.class_prior_, np.full(3, 1 / 3))


def test_survival_has_no_prevalence():
    random = np.random.default_rng(0)
    y = np.array(
        [(True, time) for time in random.exponential(size=60)],
        dtype=[("event", bool), ("time", float)],
    )
    risks = -np.log(y["time"])[:, None] + random.normal(size=(60, 2))
    model = LogitProdSurvival(input="risk", gate_width=None).fit(risks, y)
    with pytest.raises(ValueError, match="use adapt"):
        adapt_prior(model, risks)


def test_what_the_fit_does_not_know_of_the_prevalence_is_told(model, elsewhere):
    logits, y = drawn(np.random.default_rng(5), [0.5, 0.5, 0.0], 60)
    without = LogitProdClassifier(gate_width=None, classes=range(3)).fit(logits, y)
    with pytest.raises(ValueError, match=r"no sample of \[2\]: .* is not known\. Fit on some\.$"):
        adapt_prior(without, logits)
    new = {"new": elsewhere[:, 0] + elsewhere[:, 1]}
    larger = add_expert(model, elsewhere, np.array(list("abc") * 100), experts=new)
    with pytest.warns(UserWarning, match=r"adapt_prior starts\. .* first, then add_expert\.$"):
        adapt_prior(larger, prior=PRIOR)


def test_old_models_and_adapted_ones_are_told(model, elsewhere):
    adapted = adapt(model, elsewhere[:20], np.repeat(["a", "c"], 10))
    with pytest.warns(UserWarning, match=r"Call adapt_prior first, then adapt\.$"):
        adapt_prior(adapted, prior=PRIOR)
    del adapted.class_prior_
    with pytest.raises(ValueError, match=r"^The model does not know the prevalence.* Fit it again"):
        adapt_prior(adapted, prior=PRIOR)


def test_rows_of_the_fit_are_doubted(model):
    logits, _ = drawn(np.random.default_rng(0), [0.5, 0.3, 0.2], 400)
    with pytest.warns(UserWarning, match="rows that the model was fitted on"):
        adapt_prior(model, logits)
