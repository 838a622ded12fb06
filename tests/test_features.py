"""Gating features against values computed by hand."""

import numpy as np
import pytest
from scipy.stats import entropy

from sklearn_logitprod.fusion.columns import make_columns
from sklearn_logitprod.fusion.features import (
    Standardiser,
    feature_moments,
    feature_names,
    gating_features,
)
from sklearn_logitprod.fusion.gate import Gate, masked_softmax
from sklearn_logitprod.fusion.logits import log_proba_from_proba

PROBA = np.array(
    [
        [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]],
        [[0.4, 0.4, 0.2], [0.2, 0.3, 0.5]],
        [[0.9, 0.05, 0.05], [np.nan] * 3],
    ]
)


def columns(proba=PROBA, **kwargs):
    return make_columns(log_proba_from_proba(proba, floor=0.0), **kwargs)


@pytest.mark.parametrize("kind", ["paper", "default"])
def test_names_go_with_columns(kind):
    features = gating_features(columns(), kind)
    names = feature_names(["a", "b"], kind)
    assert features.shape == (3, len(names))
    assert len(names) == (8 if kind == "paper" else 14)


def test_features_are_what_their_names_say():
    found = dict(zip(feature_names(["a", "b"]), gating_features(columns()).T, strict=True))
    mean = np.array([[0.4, 0.5, 0.1], [0.3, 0.35, 0.35], [0.9, 0.05, 0.05]])
    own = entropy(PROBA, axis=2)
    expected = {
        "max_proba(a)": [0.7, 0.4, 0.9],
        "max_proba(b)": [0.8, 0.5, np.nan],
        "margin(a)": [0.5, 0.0, 0.85],
        "margin(b)": [0.7, 0.2, np.nan],
        "entropy(a)": own[:, 0],
        "entropy(b)": own[:, 1],
        "divergence(a)": entropy(PROBA[:, 0], mean, axis=1),
        "divergence(b)": entropy(PROBA[:, 1], mean, axis=1),
        "agreement(a)": [0.2, 0.4, 0.9],
        "agreement(b)": [0.8, 0.3, np.nan],
        "present(a)": [1, 1, 1],
        "present(b)": [1, 1, 0],
        "mean_entropy": np.nanmean(own, axis=1),
        "mutual_information": entropy(mean, axis=1) - np.nanmean(own, axis=1),
    }
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-12, err_msg=name)


def test_standardiser_has_weighted_moments_of_what_is_defined():
    rng = np.random.default_rng(0)
    features = rng.normal(3.0, 2.0, size=(50, 4))
    features[:, 3] = 7.0
    features[rng.random((50, 4)) < 0.2] = np.nan
    weight = rng.integers(0, 3, 50).astype(float)
    standardiser = Standardiser.from_moments(*feature_moments(features, weight))
    rows = np.repeat(np.arange(50), weight.astype(int))
    np.testing.assert_allclose(standardiser.centre, np.nanmean(features[rows], axis=0))
    scale = np.nanstd(features[rows], axis=0)
    np.testing.assert_allclose(standardiser.inverse_scale[:3], 1 / scale[:3])
    assert standardiser.inverse_scale[3] == 0
    found = standardiser(features)
    expected = np.clip((features - standardiser.centre) * standardiser.inverse_scale, -3, 3)
    np.testing.assert_allclose(found, np.nan_to_num(expected))
    assert (found[np.isnan(features)] == 0).all()


def test_linear_pool_is_the_log_of_the_mean_of_those_present():
    found = columns().log_proba[:, -1]
    np.testing.assert_allclose(found, np.log(np.nanmean(PROBA, axis=1)), atol=1e-12)


def test_inactive_experts_are_missing_everywhere():
    found = columns(PROBA[:2], active=np.array([False, True]))
    assert not found.present[:, 0].any()
    np.testing.assert_allclose(found.mean_proba, PROBA[:2, 1])


def test_gate_weights_are_a_softmax_over_what_is_present():
    present = np.array([[True, True, False], [True, True, True]])
    scores = np.array([[1.0, 2.0, 50.0], [0.0, 0.0, 0.0]])
    weights = masked_softmax(scores, present)
    np.testing.assert_allclose(weights[0], [1 / (1 + np.e), np.e / (1 + np.e), 0])
    np.testing.assert_allclose(weights[1], 1 / 3)
    assert weights[0, 2] == 0


def test_constant_gate_ignores_features_and_obeys_temperature():
    gate = Gate(np.array([0.0, 2.0]), temperature=2.0)
    weights = gate.weights(None, np.ones((4, 2), dtype=bool))
    np.testing.assert_allclose(weights, np.tile([1 / (1 + np.e), np.e / (1 + np.e)], (4, 1)))


def test_gate_layers_compose():
    rng = np.random.default_rng(0)
    features, present = rng.normal(size=(5, 3)), np.ones((5, 2), dtype=bool)
    standardiser = Standardiser(np.zeros(3), np.ones(3))
    first, offset, last = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=(4, 2))
    linear = Gate(np.zeros(2), 1.0, (first[:, :2],), standardiser).weights(features, present)
    hidden = Gate(np.zeros(2), 1.0, (first, offset, last), standardiser).weights(features, present)
    clipped = np.clip(features, -3, 3)
    for found, scores in (
        (linear, clipped @ first[:, :2]),
        (hidden, np.tanh(clipped @ first + offset) @ last),
    ):
        expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(found, expected)
