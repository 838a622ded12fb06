"""The guarantee on random and adversarial problems: never worse than the best reference."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from sklearn_logitprod import LogitProdClassifier

KINDS = [
    "noise",
    "good",
    "saturated",
    "wrong",
    "huge",
    "constant",
    "copy",
    "anti",
    "onehot",
]


@st.composite
def problems(draw, max_samples=40):
    """Probabilities (n, M, K) with missing experts, labels, weights."""
    n_classes = draw(st.integers(2, 5))
    n_samples = draw(st.integers(max(2, n_classes), max_samples))
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=6))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    y = np.concatenate([[0, 1], rng.integers(0, n_classes, n_samples - 2)])
    y[-1] = n_classes - 1
    y = np.unique(y, return_inverse=True)[1]
    n_classes = y.max() + 1
    truth = np.eye(n_classes)[y]
    experts = []
    for kind in kinds:
        scores = rng.normal(size=(n_samples, n_classes))
        if kind == "good":
            scores += 2 * truth
        elif kind == "saturated":
            scores = 1e4 * truth * rng.choice([1, -1], p=[0.9, 0.1], size=(n_samples, 1))
        elif kind == "wrong":
            scores = -1e4 * truth
        elif kind == "huge":
            scores *= 1e4
        elif kind == "constant":
            scores = np.tile(scores[:1], (n_samples, 1))
        elif kind == "copy" and experts:
            scores = experts[-1].copy()
        elif kind == "anti" and experts:
            scores = -experts[-1]
        elif kind == "onehot":
            scores = np.where(
                rng.integers(0, n_classes, n_samples)[:, None] == range(n_classes), 0, -745.0
            )
        experts.append(scores)
    logits = np.stack(experts, axis=1)
    if draw(st.booleans()):
        absent = rng.random(logits.shape[:2]) < draw(st.sampled_from([0.1, 0.5, 0.9]))
        absent[np.arange(n_samples), rng.integers(0, len(kinds), n_samples)] = False
        logits[absent] = np.nan
    weight = draw(st.sampled_from([None, "random", "zeros", "large"]))
    if weight is not None:
        values = rng.exponential(size=n_samples)
        if weight == "zeros":
            values *= rng.random(n_samples) < 0.7
        values *= 1e4 if weight == "large" else 1.0
        values[[int(np.flatnonzero(y == k)[0]) for k in range(n_classes)]] = 1.0
        weight = values
    return logits, y, weight


parameters = st.fixed_dictionaries(
    {
        "gate_width": st.sampled_from([None, None, 0, 3]),
        "calibrate": st.booleans(),
        "linear_pool": st.booleans(),
        "cross_class": st.sampled_from([None, None, 3.0]),
        "diversity": st.sampled_from([0.0, 0.0, 0.1]),
        "temperature": st.sampled_from([0.3, 1.0, 3.0]),
        "alpha": st.sampled_from([1.0, 100.0]),
        "features": st.sampled_from(["default", "paper"]),
    }
)


def check(logits, y, weight, groups=None, **params):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        # what is tested holds for any fit, converged or not; absent experts only warn
        warnings.simplefilter("ignore", UserWarning)
        model = LogitProdClassifier(max_iter=60, **params).fit(logits, y, weight, groups)
        if weight is not None:
            # an expert may be present on rows without weight alone: it has none, then
            kept = weight > 0
            logits, y, weight = logits[kept], y[kept], weight[kept]
        log_proba, weights = model.predict_log_proba(logits), model.expert_weights(logits)
        sharpness = model.sharpness(logits)
    assert model.guarantee_gap_ <= 0
    proba = np.exp(log_proba)
    present = ~np.isnan(logits[:, :, 0])
    for array in (log_proba, weights, sharpness, model.reference_losses_):
        assert np.isfinite(array).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)
    assert (weights >= 0).all()
    assert (sharpness > 0).all()
    assert (weights[~present] == 0).all()

    mass = np.ones(len(y)) if weight is None else weight
    rows = np.arange(len(y))

    def loss(scores):
        return -(mass @ scores[rows, y]) / mass.sum()

    assert loss(log_proba) == pytest.approx(model.loss_, abs=1e-9)
    experts = model.expert_logits(logits)
    mean_log = np.nanmean(experts, axis=1)
    references = [
        np.where(present[:, m, None], experts[:, m], mean_log) for m in range(experts.shape[1])
    ]
    references.append(mean_log)
    if params.get("linear_pool", True):
        references.append(np.log(np.nanmean(np.exp(experts), axis=1)))
    # the mean of log-probabilities is normalised before it is judged
    references = [r - np.log(np.exp(r).sum(axis=1, keepdims=True)) for r in references]
    losses = [loss(r) for r in references]
    np.testing.assert_allclose(model.reference_losses_, losses, atol=1e-9)
    assert loss(log_proba) <= min(losses) + 1e-9
    return model


@given(problem=problems(), params=parameters)
def test_no_problem_breaks_the_guarantee(problem, params):
    check(*problem, **params)


@given(problem=problems(max_samples=25), seed=st.integers(0, 99))
@settings(max_examples=25)
def test_no_problem_breaks_the_automatic_gate(problem, seed):
    logits, y, weight = problem
    groups = None
    if seed % 2:
        groups = np.random.default_rng(seed).integers(0, 5, len(y))
        groups[:2] = [0, 1]
        if weight is not None and len(np.unique(groups[weight > 0])) < 2:
            groups = None
    check(logits, y, weight, groups, selection_cv=2)


@pytest.mark.parametrize("gate_width", [None, 0, 4, "auto"])
def test_a_perfect_expert_among_liars_is_matched(gate_width):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 60)
    truth = np.eye(3)[y]
    logits = np.stack([40 * truth, -40 * truth, -40 * truth, rng.normal(size=(60, 3))], axis=1)
    model = check(logits, y, None, gate_width=gate_width)
    assert model.loss_ < 1e-5
    assert model.score(logits, y) == 1.0


def test_one_sample_per_class_and_more_experts_than_samples():
    logits = np.random.default_rng(0).normal(size=(2, 9, 2))
    for gate_width in (None, 0, 3, "auto"):
        check(logits, np.array([0, 1]), None, gate_width=gate_width)


@pytest.mark.parametrize("gate_width", [None, 0, 4, "auto"])
@pytest.mark.parametrize("scale", [1e8, 1e12])
def test_very_large_weights_are_no_problem(gate_width, scale):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 60)
    X = rng.normal(size=(60, 3, 3)) + 8.0 * np.eye(3)[y][:, None]
    X[rng.random((60, 3)) < 0.3] = 0.0
    weight = scale * rng.uniform(0.5, 1.0, 60)
    with warnings.catch_warnings():
        # separable classes without a prior have no optimum to converge to
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogitProdClassifier(gate_width=gate_width).fit(X, y, sample_weight=weight)
    assert model.guarantee_gap_ <= 0
    losses = -model.predict_log_proba(X)[np.arange(60), y]
    assert np.average(losses, weights=weight) == pytest.approx(model.loss_, abs=1e-12, rel=1e-6)
