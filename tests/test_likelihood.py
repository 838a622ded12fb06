"""One likelihood for labels and for sets of categories."""

import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special
from scipy.optimize import approx_fprime
from sklearn.metrics import log_loss

from sklearn_logitprod.fusion.events import EventLabels, EventSets, label_sets_from_events
from sklearn_logitprod.fusion.likelihood import ClassLabels, LabelSets, Likelihood
from sklearn_logitprod.fusion.logits import samples_fastest

KINDS = ["labels", "ranges", "fractional"]


def make_scores(n_samples=9, n_categories=5, scale=2.0, seed=0):
    return np.random.default_rng(seed).normal(scale=scale, size=(n_samples, n_categories))


def make_sets(kind, n_samples=9, n_categories=5, seed=1):
    """Labels, one range per sample, or two ranges with random weights."""
    rng = np.random.default_rng(seed)
    if kind == "labels":
        return ClassLabels(rng.integers(n_categories, size=n_samples))
    n_sets = 1 if kind == "ranges" else 2
    first, last = np.sort(rng.integers(n_categories, size=(2, n_sets, n_samples)), axis=0)
    weight = rng.random((n_sets, n_samples))
    weight[:, 0] = [1.0, 0.0][:n_sets]
    return LabelSets(first, last, weight / weight.sum(axis=0))


def whole(n_samples, n_categories):
    """Sets that leave every category open."""
    first = np.zeros((1, n_samples), dtype=int)
    return LabelSets(first, first + n_categories - 1, np.ones(first.shape))


def scores_strategy(bound=700.0):
    shape = st.tuples(st.integers(1, 4), st.integers(1, 6))
    return hnp.arrays(np.float64, shape, elements=st.floats(-bound, bound))


def textbook_loss(scores, sets):
    """The definition, sample by sample and set by set."""
    loss = np.zeros(sets.n_samples)
    for i, row in enumerate(scores):
        for first, last, weight in zip(sets.first[:, i], sets.last[:, i], sets.weight[:, i]):
            inside = special.logsumexp(row[first : last + 1])
            loss[i] += weight * (special.logsumexp(row) - inside)
    return loss


def test_a_set_of_one_category_gives_cross_entropy():
    scores, sets = make_scores(), make_sets("labels")
    expected = log_loss(sets.labels, special.softmax(scores, axis=1), labels=range(5))
    assert_allclose(sets.loss(scores).mean(), expected, rtol=1e-12)


def test_ranges_of_one_category_are_labels_however_they_are_written():
    labels = np.array([0, 2, 1, 4])
    written_out = LabelSets(labels[None], labels[None].copy(), np.ones((1, 4)))
    doubled = LabelSets(np.stack([labels] * 2), np.stack([labels] * 2), np.full((2, 4), 0.5))
    scores = make_scores(4)
    for sets in written_out, doubled:
        results = zip(
            sets.loss_gradient(scores),
            ClassLabels(labels).loss_gradient(scores),
        )
        for result, expected in results:
            assert_allclose(result, expected, atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_its_definition(kind):
    scores, sets = make_scores(), make_sets(kind)
    assert_allclose(sets.loss(scores), textbook_loss(scores, sets), atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_agrees_with_finite_differences(kind):
    scores, sets = make_scores(), make_sets(kind)
    for i in range(len(scores)):
        row = sets.take([i])
        gradient = row.loss_gradient(scores[i : i + 1])[1][0]
        step = 1e-5
        numeric = [
            (row.loss(scores[[i]] + step * e) - row.loss(scores[[i]] - step * e))[0] / (2 * step)
            for e in np.eye(scores.shape[1])
        ]
        assert_allclose(gradient, numeric, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_of_a_weighted_sum_agrees_with_finite_differences(kind):
    scores, sets = make_scores(), make_sets(kind)
    weight = np.linspace(0.5, 2.0, len(scores))
    numeric = approx_fprime(
        scores.ravel(), lambda x: weight @ sets.loss(x.reshape(scores.shape)), 1e-7
    )
    gradient = weight[:, None] * sets.loss_gradient(scores)[1]
    assert_allclose(gradient.ravel(), numeric, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_loss_and_probabilities_beside_the_gradient_are_the_plain_ones(kind):
    scores, sets = make_scores(), make_sets(kind)
    loss, _, proba = sets.loss_gradient(scores)
    assert_allclose(loss, sets.loss(scores), rtol=1e-14)
    assert_allclose(proba, special.softmax(scores, axis=1), rtol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_sum_to_zero_over_the_categories(kind):
    gradient = make_sets(kind).loss_gradient(make_scores())[1]
    assert_allclose(gradient.sum(axis=1), 0.0, atol=1e-14)


@given(scores_strategy(bound=1e4))
def test_a_set_of_everything_costs_nothing(scores):
    loss, gradient, _ = whole(*scores.shape).loss_gradient(scores)
    assert_array_equal(loss, 0.0)
    assert_allclose(gradient, 0.0, atol=1e-11)


@given(scores_strategy(), st.data())
def test_likelihoods_of_disjoint_sets_add_up(scores, data):
    n_samples, n_categories = scores.shape
    assume(n_categories > 1)
    cut = data.draw(st.integers(1, n_categories - 1))
    everything = whole(n_samples, n_categories)
    low = LabelSets(everything.first, 0 * everything.last + cut - 1, everything.weight)
    high = LabelSets(everything.first + cut, everything.last, everything.weight)
    total = np.exp(-low.loss(scores)) + np.exp(-high.loss(scores))
    assert_allclose(total, 1.0, rtol=1e-11)


@given(scores_strategy())
def test_a_larger_set_never_costs_more(scores):
    n_samples, n_categories = scores.shape
    everything = whole(n_samples, n_categories)
    losses = [
        LabelSets(everything.first, 0 * everything.last + k, everything.weight).loss(scores)
        for k in range(n_categories)
    ]
    assert np.all(np.diff(losses, axis=0) <= 1e-11)
    assert np.min(losses) >= -1e-11


@pytest.mark.parametrize("kind", KINDS)
@given(shift=st.floats(-1e3, 1e3))
def test_shifting_the_scores_of_a_sample_changes_nothing(kind, shift):
    scores, sets = make_scores(), make_sets(kind)
    shifts = shift * np.linspace(-1.0, 1.0, len(scores))[:, None]
    results = zip(sets.loss_gradient(scores + shifts), sets.loss_gradient(scores))
    for result, expected in results:
        assert_allclose(result, expected, atol=1e-11)


def test_the_loss_is_linear_in_the_weights_of_the_sets():
    scores, sets = make_scores(), make_sets("fractional")
    alone = [
        LabelSets(first[None], last[None], np.ones((1, len(scores)))).loss_gradient(scores)
        for first, last in zip(sets.first, sets.last)
    ]
    loss, gradient, _ = sets.loss_gradient(scores)
    assert_allclose(loss, sum(w * a[0] for w, a in zip(sets.weight, alone)), atol=1e-14)
    assert_allclose(
        gradient, sum(w[:, None] * a[1] for w, a in zip(sets.weight, alone)), atol=1e-14
    )


@pytest.mark.parametrize("kind", KINDS)
def test_huge_scores_neither_overflow_nor_warn(kind):
    sets = make_sets(kind)
    scores = np.where(make_scores() > 0, 1e4, -1e4)
    with warnings.catch_warnings(), np.errstate(over="raise", invalid="raise", divide="raise"):
        warnings.simplefilter("error")
        loss, gradient, proba = sets.loss_gradient(scores)
        assert_allclose(sets.loss(scores), loss)
    assert_allclose(loss, textbook_loss(scores, sets), atol=1e-11)
    assert loss.max() > 1e4
    assert np.abs(gradient).max() <= 1.0 + 1e-11
    assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_memory_order_changes_no_value_and_scores_are_left_alone(kind):
    scores, sets = make_scores(), make_sets(kind)
    copy = samples_fastest(scores)
    copy.flags.writeable = False
    results = zip(sets.loss_gradient(copy), sets.loss_gradient(scores))
    for result, expected in results:
        assert_allclose(result, expected, atol=1e-15)
    assert_array_equal(copy, scores)


@pytest.mark.parametrize("kind", KINDS)
def test_members_are_the_categories_from_first_to_last(kind):
    sets = make_sets(kind)
    members = sets.members(5)
    assert members.shape == (*sets.first.shape, 5)
    for index in np.ndindex(sets.first.shape):
        expected = range(sets.first[index], sets.last[index] + 1)
        assert_array_equal(np.flatnonzero(members[index]), expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "rows",
    [slice(2, 7), [4, 4, 0], np.arange(9) % 2 == 0, slice(0, 0)],
    ids=["slice", "indices", "mask", "nothing"],
)
def test_taking_rows_takes_their_losses(kind, rows):
    scores, sets = make_scores(), make_sets(kind)
    taken = sets.take(rows)
    assert taken.n_samples == len(scores[rows])
    assert_allclose(taken.loss(scores[rows]), sets.loss(scores)[rows], rtol=1e-14)
    if kind == "labels":
        assert_array_equal(taken.labels, sets.labels[rows])


@pytest.mark.parametrize("rows", [slice(2, 5), [1, 1, 0]])
@pytest.mark.parametrize("make", [ClassLabels, EventLabels, EventSets])
def test_rows_of_a_likelihood_are_of_its_kind(make, rows):
    labels = np.arange(6)
    whole = (
        make(labels)
        if issubclass(make, ClassLabels)
        else make(*[labels[None]] * 2, np.ones((1, 6)))
    )
    assert type(whole.take(rows)) is make


def test_one_partial_label_moves_no_prior():
    """How firmly the path holds parameters is said by the kind of outcome, not by its rows."""
    labels = np.arange(60) % 3
    partial = LabelSets(
        labels[None], np.maximum(labels, np.arange(60) == 0)[None], np.ones((1, 60))
    )
    assert (partial.strength, partial.choose_expert) == (1.0, True)
    assert (ClassLabels(labels).strength, ClassLabels(labels).choose_expert) == (1.0, True)


@pytest.mark.parametrize("censored", [0, 1, 30])
def test_how_many_are_censored_moves_no_prior(censored):
    """Survival is held alike, whether all events were seen or some were not."""
    time = 0.5 + np.arange(60) % 3
    events = label_sets_from_events(np.arange(60) >= censored, time, [1.0, 2.0, 3.0])
    for own in (events, events.take(slice(30, 60))):
        assert (own.strength, own.choose_expert) == (3.0, False)


@pytest.mark.parametrize("kind", KINDS)
def test_curvature_without_a_hessian_per_row_is_that_with_one(kind):
    """The covariance of the categories, written out as Hessians of the rows."""
    scores, sets = make_scores(), make_sets(kind)
    rng = np.random.default_rng(2)
    jacobian = rng.normal(size=(3, scores.shape[1], len(scores)))
    weight = rng.random(len(scores))
    proba = special.softmax(scores, axis=1)
    hessians = proba[:, :, None] * (np.eye(scores.shape[1]) - proba[:, None])
    own = sets.blocks(jacobian, sets.state(scores), weight, np.empty_like(jacobian))
    general = Likelihood.blocks(sets, jacobian, hessians, weight, np.empty_like(jacobian))
    for found, expected in zip(own, general, strict=True):
        assert_allclose(found, expected, atol=1e-13)
