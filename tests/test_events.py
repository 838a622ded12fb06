"""Event categories of discrete-time survival, in log space from end to end."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special

from sklearn_logitprod.fusion.events import (
    events_from_survival,
    hazard_from_log_events,
    hazard_logits_from_log_events,
    label_sets_from_events,
    log_events_from_hazard_logits,
    log_survival_from_log_events,
    survival_from_log_events,
)
from sklearn_logitprod.fusion.logits import samples_fastest

TIMES = np.array([1.0, 2.5, 4.0, 8.0])
TAIL = len(TIMES)
HAZARD_FUNCTIONS = [
    log_events_from_hazard_logits,
    hazard_logits_from_log_events,
    hazard_from_log_events,
    log_survival_from_log_events,
    survival_from_log_events,
]


def hazard_logits(bound=700.0):
    """Arrays of hazard logits: samples times one to eight intervals."""
    shape = st.tuples(st.integers(1, 4), st.integers(1, 8))
    return hnp.arrays(np.float64, shape, elements=st.floats(-bound, bound))


def one_set(first, last):
    """A single row of ranges, as nested lists."""
    return [first], [last], [[1.0] * len(first)]


def sets_of(event, time, times=TIMES):
    """Label sets as nested lists."""
    sets = label_sets_from_events(np.array(event), np.array(time), times)
    return sets.first.tolist(), sets.last.tolist(), sets.weight.tolist()


@given(hazard_logits(bound=30.0))
def test_log_events_follow_the_product_formula(logits):
    hazard, survived = special.expit(logits), np.cumprod(special.expit(-logits), axis=1)
    before = np.column_stack([np.ones(len(logits)), survived[:, :-1]])
    expected = np.column_stack([hazard * before, survived[:, -1]])
    assert_allclose(np.exp(log_events_from_hazard_logits(logits)), expected, rtol=1e-12)


@given(hazard_logits())
def test_event_probabilities_sum_to_one(logits):
    log_events = log_events_from_hazard_logits(logits)
    assert np.isfinite(log_events).all()
    assert_allclose(np.exp(log_events).sum(axis=1), 1.0, rtol=1e-13)


@given(hazard_logits())
def test_hazard_logits_survive_the_round_trip(logits):
    log_events = log_events_from_hazard_logits(logits)
    # log f_j and log S_j both hold log S_{j-1}; what its rounding takes cannot come back
    scale = np.maximum(np.abs(logits), np.abs(log_events[:, :-1]))
    error = np.abs(hazard_logits_from_log_events(log_events) - logits)
    assert np.all(error <= 1e-12 * np.maximum(scale, 1.0))


@given(st.floats(-700.0, 700.0))
def test_a_single_hazard_survives_the_round_trip(logit):
    back = hazard_logits_from_log_events(log_events_from_hazard_logits([logit]))
    assert_allclose(back, [logit], rtol=1e-12, atol=1e-15)


@given(hnp.arrays(np.float64, (3, 6), elements=st.floats(-700.0, 700.0)))
def test_event_distributions_survive_the_round_trip(scores):
    log_events = special.log_softmax(scores, axis=1)
    back = log_events_from_hazard_logits(hazard_logits_from_log_events(log_events))
    assert_allclose(back, log_events, rtol=1e-12, atol=1e-12)


@given(hazard_logits())
def test_survival_is_in_the_unit_interval_and_never_increases(logits):
    log_events = log_events_from_hazard_logits(logits)
    survival = survival_from_log_events(log_events)
    assert survival.min() >= 0.0
    assert survival.max() <= 1.0
    assert np.all(np.diff(survival, axis=1) <= 0.0)
    assert log_survival_from_log_events(log_events).max() <= 0.0


@given(hazard_logits())
def test_log_survival_is_minus_the_sum_of_softplus_hazard_logits(logits):
    log_survival = log_survival_from_log_events(log_events_from_hazard_logits(logits))
    expected = -np.cumsum(np.logaddexp(0.0, logits), axis=1)
    assert_allclose(log_survival, expected, rtol=1e-12, atol=1e-12)


@given(hazard_logits())
def test_hazards_are_the_sigmoid_of_their_logits(logits):
    hazard = hazard_from_log_events(log_events_from_hazard_logits(logits))
    assert np.all((hazard >= 0.0) & (hazard <= 1.0))
    # relative to a log survival that may reach -5600
    assert_allclose(hazard, special.expit(logits), rtol=1e-11, atol=1e-12)


@given(hazard_logits(), st.floats(-1e3, 1e3))
def test_nothing_read_from_events_depends_on_their_normalisation(logits, shift):
    log_events = log_events_from_hazard_logits(logits)
    for function in HAZARD_FUNCTIONS[1:]:
        assert_allclose(function(log_events + shift), function(log_events), atol=1e-10)


@pytest.mark.parametrize("function", HAZARD_FUNCTIONS)
def test_extreme_logits_give_finite_values_without_warnings(function):
    values = np.array([[-700.0, 700.0, -700.0, 700.0], [700.0, 700.0, 700.0, 700.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(function(values)).all()
        assert np.isfinite(function(-values)).all()


@pytest.mark.parametrize("function", [*HAZARD_FUNCTIONS, events_from_survival])
def test_missing_experts_stay_missing_and_touch_nobody(function):
    values = np.tile([0.9, 0.6, 0.3], (4, 2, 1))
    expected = function(values)
    values[1, 0] = expected[1, 0] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_array_equal(function(values), expected)


@pytest.mark.parametrize("function", [*HAZARD_FUNCTIONS, events_from_survival])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int64])
def test_arithmetic_is_in_double_precision_whatever_comes_in(function, dtype):
    values = np.array([[1.0, 0.75, 0.3], [0.9, 0.8, 0.0]]).astype(dtype)
    values.flags.writeable = False
    result = function(values)
    assert result.dtype == np.float64
    assert_array_equal(result, function(values.astype(np.float64)))


@pytest.mark.parametrize("function", [*HAZARD_FUNCTIONS, events_from_survival])
def test_memory_order_changes_no_value_and_is_kept(function):
    values = np.sort(np.random.default_rng(0).random((5, 2, 4)))[..., ::-1]
    result = function(samples_fastest(values))
    assert_array_equal(result, function(np.ascontiguousarray(values)))
    assert np.argmin(result.strides) == 0


@given(hnp.arrays(np.float64, (3, 5), elements=st.floats(0.0, 1.0)))
def test_events_are_the_steps_of_the_survival_curve(values):
    survival = -np.sort(-values, axis=1)
    events = events_from_survival(survival)
    assert events.min() >= 0.0
    assert_allclose(events.sum(axis=1), 1.0, rtol=1e-14)
    assert_allclose(1.0 - np.cumsum(events, axis=1)[:, :-1], survival, atol=1e-14)


def test_rises_within_rounding_become_flat_and_larger_ones_stay_visible():
    assert_array_equal(events_from_survival([1.0 + 5e-7, 0.5, 0.5 + 5e-7])[[0, 2]], 0.0)
    assert_allclose(events_from_survival([0.5, 0.6, 0.0]), [0.5, -0.1, 0.6, 0.0])


@given(hazard_logits(bound=15.0))
def test_survival_curves_and_events_are_inverse_to_each_other(logits):
    log_events = log_events_from_hazard_logits(logits)
    events = events_from_survival(survival_from_log_events(log_events))
    assert_allclose(events, np.exp(log_events), atol=1e-14)


def test_an_event_lies_in_the_interval_that_ends_at_or_after_it():
    time = [0.0, 0.5, 1.0, 1.0001, 2.5, 8.0, 8.0001, np.inf]
    expected = [0, 0, 0, 1, 1, 3, TAIL, TAIL]
    assert sets_of([True] * 8, time) == one_set(expected, expected)


def test_events_alone_are_plain_labels():
    sets = label_sets_from_events(np.ones(3, dtype=bool), np.array([0.5, 3.0, 9.0]), TIMES)
    assert_array_equal(sets.labels, [0, 2, TAIL])


def test_a_sample_censored_at_an_edge_has_survived_the_interval_that_ends_there():
    time = [0.0, 1.0, 2.5, 4.0, 8.0, 9.0]
    assert sets_of([False] * 6, time) == one_set([0, 1, 2, 3, TAIL, TAIL], [TAIL] * 6)


def test_an_event_and_a_censoring_at_one_edge_lie_on_its_two_sides():
    assert sets_of([True, False], [2.5, 2.5]) == one_set([1, 2], [1, TAIL])


def test_a_sample_censored_inside_an_interval_carries_the_share_it_survived():
    first, last, weight = sets_of([False, True, False, False], [7.0, 7.0, 0.25, 2.5])
    assert first == [[3, 3, 0, 2], [TAIL, 3, 1, 2]]
    assert last == [[TAIL, 3, TAIL, TAIL], [TAIL, 3, TAIL, TAIL]]
    assert weight == [[0.25, 1.0, 0.75, 1.0], [0.75, 0.0, 0.25, 0.0]]


@given(
    hnp.arrays(bool, 12),
    hnp.arrays(np.float64, 12, elements=st.floats(0.0, 20.0, allow_subnormal=False)),
    hnp.arrays(np.float64, 5, elements=st.floats(0.01, 20.0), unique=True),
)
def test_every_sample_has_non_empty_sets_and_weights_that_sum_to_one(event, time, times):
    times = np.sort(times)
    sets = label_sets_from_events(event, time, times)
    assert sets.n_samples == 12
    assert sets.members(len(times) + 1).any(axis=-1).all()
    assert_allclose(sets.weight.sum(axis=0), 1.0, rtol=1e-15)
    assert sets.weight.min() >= 0.0
    inside = ~event & (time > 0) & (time < times[-1]) & ~np.isin(time, times)
    assert len(sets.weight) == 1 + inside.any()
    assert_array_equal(sets.weight[-1][~inside], 0.0 if inside.any() else 1.0)


def textbook_loss(logits, interval, observed):
    """Binary cross-entropy of each interval entered: 0 where survived, 1 at the event."""
    entered = logits[: interval + 1] if observed else logits[:interval]
    target = np.zeros(len(entered))
    if observed:
        target[interval] = 1.0
    p = special.expit(entered)
    return -np.sum(target * np.log(p) + (1.0 - target) * np.log1p(-p))


@given(hnp.arrays(np.float64, TAIL, elements=st.floats(-15.0, 15.0)))
def test_the_loss_is_binary_cross_entropy_over_the_intervals_entered(logits):
    event = np.repeat([True, False], TAIL)
    sets = label_sets_from_events(event, np.tile(TIMES, 2), TIMES)
    loss = sets.loss(np.tile(log_events_from_hazard_logits(logits), (2 * TAIL, 1)))
    expected = [textbook_loss(logits, j, True) for j in range(TAIL)]
    expected += [textbook_loss(logits, j + 1, False) for j in range(TAIL)]
    assert_allclose(loss, expected, rtol=1e-8, atol=1e-12)


def test_a_hopeless_loss_is_not_clamped():
    log_events = log_events_from_hazard_logits(np.full((2, TAIL), [[-40.0], [40.0]]))
    sets = label_sets_from_events([True, False], [0.5, 8.0], TIMES)
    assert_allclose(sets.loss(log_events), [40.0, 40.0 * TAIL], rtol=1e-12)


@given(
    hnp.arrays(np.float64, TAIL, elements=st.floats(-30.0, 30.0)),
    st.integers(0, TAIL - 1),
    st.floats(0.0, 1.0),
)
def test_censoring_inside_an_interval_means_a_constant_hazard_rate_there(logits, k, share):
    edges = np.append(0.0, TIMES)
    time = np.array([edges[k] + share * (edges[k + 1] - edges[k])])
    log_events = log_events_from_hazard_logits(logits)
    loss = label_sets_from_events([False], time, TIMES).loss(log_events[None])
    log_survival = np.append(0.0, log_survival_from_log_events(log_events))
    # a rate that is constant by pieces makes log S linear by pieces
    assert_allclose(-loss, np.interp(time, edges, log_survival), rtol=1e-10, atol=1e-12)


def test_for_small_hazards_survival_itself_is_interpolated_to_first_order():
    hazard, time = 1e-3, np.array([1.75])
    log_events = log_events_from_hazard_logits(np.full(TAIL, special.logit(hazard)))
    loss = label_sets_from_events([False], time, TIMES).loss(log_events[None])
    survival = np.append(1.0, survival_from_log_events(log_events))
    linear = np.interp(time, np.append(0.0, TIMES), survival)
    assert_allclose(np.exp(-loss), linear, atol=hazard**2)
