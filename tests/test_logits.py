"""Log-probabilities of experts: normalised, floored, missing experts kept apart."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special

from sklearn_logitprod.fusion.logits import (
    FLOOR,
    binary_logits,
    binary_proba,
    block_slices,
    log_proba_from_logits,
    log_proba_from_proba,
    log_softmax,
    logsumexp,
    samples_fastest,
)

CONVERSIONS = [log_proba_from_logits, log_proba_from_proba]


def floored(proba, floor=FLOOR):
    """The floor as the formula has it."""
    return (1 - floor) * proba + floor / proba.shape[-1]


def score_arrays(bound=700.0, min_dims=2):
    """Arrays of finite scores, at least one per axis."""
    return hnp.arrays(
        np.float64,
        hnp.array_shapes(min_dims=min_dims, max_dims=3, min_side=1, max_side=5),
        elements=st.floats(-bound, bound),
    )


@pytest.fixture
def logits():
    return np.random.default_rng(0).normal(scale=3.0, size=(7, 3, 4))


@pytest.fixture
def proba(logits):
    return special.softmax(logits, axis=-1)


@given(score_arrays(bound=1e4))
def test_log_softmax_and_logsumexp_are_those_of_scipy(scores):
    assert_allclose(log_softmax(scores), special.log_softmax(scores, axis=-1), rtol=1e-12)
    # -1 + log(e) is 0 only up to rounding
    assert_allclose(logsumexp(scores), special.logsumexp(scores, axis=-1), rtol=1e-12, atol=1e-15)


@given(score_arrays())
def test_floored_log_proba_of_logits_follow_the_formula(scores):
    expected = np.log(floored(special.softmax(scores, axis=-1)))
    assert_allclose(log_proba_from_logits(scores), expected, rtol=1e-12, atol=1e-15)


@given(score_arrays(bound=1e4))
def test_floored_rows_are_distributions_above_the_floor(scores):
    log_proba = log_proba_from_logits(scores)
    assert_allclose(np.exp(log_proba).sum(axis=-1), 1.0, rtol=1e-13)
    assert log_proba.min() >= np.log(FLOOR / scores.shape[-1]) - 1e-12


@given(score_arrays(bound=50.0), st.floats(-1e3, 1e3))
def test_shifting_the_logits_of_an_expert_changes_nothing(scores, shift):
    assert_allclose(
        log_proba_from_logits(scores + shift), log_proba_from_logits(scores), atol=1e-11
    )


def test_logits_and_their_probabilities_give_the_same(logits, proba):
    assert_allclose(log_proba_from_proba(proba), log_proba_from_logits(logits), rtol=1e-12)


def test_rows_of_probabilities_are_renormalised(proba):
    share = np.linspace(0.999, 1.001, len(proba))[:, None, None]
    assert_allclose(log_proba_from_proba(share * proba), log_proba_from_proba(proba), rtol=1e-12)


def test_a_floor_of_zero_leaves_the_softmax(logits):
    assert_allclose(
        log_proba_from_logits(logits, floor=0.0), special.log_softmax(logits, axis=-1), rtol=1e-12
    )


def test_flooring_keeps_the_order_of_the_classes(logits):
    assert_array_equal(log_proba_from_logits(logits).argsort(axis=-1), logits.argsort(axis=-1))


@pytest.mark.parametrize("convert", CONVERSIONS)
def test_missing_experts_stay_missing_and_touch_nobody(convert, proba):
    values = proba.copy()
    values[2, 1] = values[5, 0] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = convert(values)
    expected = convert(proba)
    expected[2, 1] = expected[5, 0] = np.nan
    assert_array_equal(result, expected)


def test_minus_infinity_and_probability_zero_are_floored():
    logits = np.array([[[0.0, -np.inf, 0.0]]])
    expected = np.log(floored(np.array([[[0.5, 0.0, 0.5]]])))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_allclose(log_proba_from_logits(logits), expected, rtol=1e-12)
        assert_allclose(log_proba_from_proba(np.exp(logits)), expected, rtol=1e-12)


@pytest.mark.parametrize("convert", CONVERSIONS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f8", np.int64, np.uint8])
def test_the_dtype_of_the_same_numbers_does_not_matter(convert, dtype):
    values = np.random.default_rng(1).integers(1, 9, size=(6, 2, 3))
    result = convert(values.astype(dtype))
    assert result.dtype == np.float64
    assert_array_equal(result, convert(values.astype(np.float64)))


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_arithmetic_is_in_double_precision_whatever_comes_in(dtype, logits):
    low = logits.astype(dtype)
    assert_array_equal(log_proba_from_logits(low), log_proba_from_logits(low.astype(np.float64)))


@pytest.mark.parametrize("convert", CONVERSIONS)
@pytest.mark.parametrize(
    "arrange",
    [
        np.asfortranarray,
        samples_fastest,
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
        lambda x: x[::-1].copy()[::-1],
    ],
    ids=["fortran", "samples_fastest", "strided", "reversed"],
)
def test_memory_order_does_not_matter(convert, arrange, proba):
    assert_array_equal(convert(arrange(proba)), convert(proba))


@pytest.mark.parametrize("function", [*CONVERSIONS, log_softmax, logsumexp, samples_fastest])
@pytest.mark.parametrize("arrange", [np.ascontiguousarray, samples_fastest])
def test_inputs_are_never_modified(function, arrange, proba):
    values = arrange(proba)
    values.flags.writeable = False
    before = values.copy()
    result = function(values)
    assert_array_equal(values, before)
    assert not np.shares_memory(result, values)


@pytest.mark.parametrize("function", [*CONVERSIONS, samples_fastest])
def test_memory_of_log_proba_runs_along_the_samples(function, proba):
    n_samples, _, n_classes = proba.shape
    result = function(proba)
    assert result.shape == proba.shape
    assert result.strides == (8, 8 * n_samples * n_classes, 8 * n_samples)


@pytest.mark.parametrize("arrange", [np.ascontiguousarray, np.asfortranarray, samples_fastest])
def test_log_softmax_keeps_the_memory_order(arrange, logits):
    scores = arrange(logits)
    assert log_softmax(scores).strides == scores.strides


@given(st.integers(0, 5000), st.integers(0, 500), st.integers(1, 100_000))
def test_blocks_cover_every_row_once_and_in_order(n_samples, values_per_sample, block_values):
    rows = np.arange(n_samples)
    blocks = [rows[block] for block in block_slices(n_samples, values_per_sample, block_values)]
    assert_array_equal(np.concatenate([rows[:0], *blocks]), rows)
    assert all(len(block) > 0 for block in blocks)


def test_blocks_hold_about_the_numbers_asked_for_but_no_fewer_than_256_rows():
    sizes = {b.stop - b.start for b in block_slices(100_000, 10, block_values=10_000)}
    assert sizes == {1000}
    sizes = {b.stop - b.start for b in block_slices(2560, 10_000, block_values=10_000)}
    assert sizes == {256}


@given(hnp.arrays(np.float64, (3, 2), elements=st.floats(-30, 30)))
def test_binary_log_odds_and_probabilities_say_the_same(log_odds):
    from_log_odds = log_proba_from_logits(binary_logits(log_odds))
    from_proba = log_proba_from_proba(binary_proba(special.expit(log_odds)))
    # 1 - p keeps the absolute, not the relative precision of p; the floor is 5e-7
    assert_allclose(from_log_odds, from_proba, atol=1e-9)


@pytest.mark.parametrize("expand", [binary_logits, binary_proba])
def test_a_missing_binary_expert_is_missing_in_both_classes(expand):
    values = expand(np.array([[0.25, np.nan]]))
    assert values.shape == (1, 2, 2)
    assert_array_equal(np.isnan(values), [[[False, False], [True, True]]])
