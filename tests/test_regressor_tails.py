"""LogitProdRegressor: variances that differ from sample to sample, and heavy tails."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import check_grad
from scipy.stats import t as student

from sklearn_logitprod import LogitProdRegressor
from sklearn_logitprod.fusion.values import (
    ValueModel,
    Values,
    mixture_log_variance,
    natural_parameters,
)
from sklearn_logitprod.training.constant import ConstantObjective
from sklearn_logitprod.training.data import FitData
from sklearn_logitprod.training.prior import HeadSpec
from sklearn_logitprod.training.problems import Problems
from sklearn_logitprod.training.values import tail_freedom


def noisy(noise, n_samples=400, seed=0):
    """Three experts that know a signal, values that add noise to it."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=n_samples)
    y = signal + noise(rng, n_samples)
    return signal[:, None] + 0.3 * rng.normal(size=(n_samples, 3)), y


def gaussian(rng, n_samples):
    return rng.normal(size=n_samples)


def heavy(rng, n_samples):
    return rng.standard_t(3, n_samples)


@pytest.mark.parametrize("freedom", [3.0, 20.0])
def test_the_likelihood_is_that_of_student(freedom):
    """Loss against scipy, its gradient against finite differences."""
    rng = np.random.default_rng(0)
    value, mean, variance = rng.normal(size=5) * 3, rng.normal(size=5), rng.gamma(2.0, size=5)
    likelihood = Values(value, log_scale=np.log(3.0), freedom=freedom)
    scores = natural_parameters(mean, variance)
    expected = -student.logpdf(3.0 * value, freedom, 3.0 * mean, 3.0 * np.sqrt(variance))
    assert_allclose(likelihood.loss(scores), expected)
    error = check_grad(
        lambda flat: likelihood.loss(flat.reshape(5, 2)).sum(),
        lambda flat: likelihood.loss_gradient(flat.reshape(5, 2))[1].ravel(),
        scores.ravel(),
    )
    assert error < 1e-5


def test_its_curvature_is_the_mean_over_outcomes():
    """The information in (eta, tau), by finite differences of slopes over quantiles of t."""
    freedom, n_outcomes = 5.0, 4000
    mean, variance = 0.7, 0.5
    levels = (np.arange(n_outcomes) + 0.5) / n_outcomes
    value = mean + np.sqrt(variance) * student.ppf(levels, freedom)
    likelihood = Values(value, freedom=freedom)
    scores = np.tile(natural_parameters(np.array([mean]), np.array([variance])), (n_outcomes, 1))

    def slope(scores):
        return likelihood.loss_gradient(scores)[1].mean(axis=0)

    steps = 1e-5 * np.eye(2)
    hessian = np.array([(slope(scores + step) - slope(scores - step)) / 2e-5 for step in steps])
    jacobian = np.tile(np.eye(2)[:, :, None], (1, 1, n_outcomes))
    weight = np.full(n_outcomes, 1.0 / n_outcomes)
    inner, _, spread = likelihood.blocks(
        jacobian, likelihood.state(scores), weight, np.empty_like(jacobian)
    )
    assert_allclose(inner, hessian, rtol=0.01)
    assert_allclose(spread, hessian, rtol=0.01)


def test_the_variance_of_a_mixture_is_that_within_and_between():
    mean = np.array([[0.0, 1.0, np.nan], [2.0, np.nan, np.nan]])
    expected = [np.log(0.5 * (1.0 + 3.0) + 1.0), np.nan, np.nan]
    assert_allclose(mixture_log_variance(mean, np.array([[1.0], [3.0]])), expected)
    # an expert that is missing is as far away as the others are, one that is not known is none
    mean = np.array([[0.0], [2.0], [np.nan]])
    expected = np.log(2.0 + 4.0 / 3.0)
    assert_allclose(mixture_log_variance(mean, np.array([[1.0], [3.0], [2.0]])), [expected])
    expected = [np.log(0.5 * (1.0 + 3.0) + 1.0)]
    assert_allclose(mixture_log_variance(mean, np.array([[1.0], [3.0], [0.0]])), expected)


def test_the_variance_follows_prediction_deviation_and_spread():
    model = ValueModel(
        centre=1.0, scale=2.0, intercept=0.3, slope=0.8, log_variance=-0.5, power=0.7,
        log_centre=0.2, by_mean=0.1, by_square=0.05, by_spread=0.4,
    )  # fmt: skip
    deviation, spread = np.array([1.5, 1.0, 1.0, 1.0]), np.array([0.7, np.nan, 0.0, 0.0])
    mean, variance = model.moments(np.array([2.0, 9.0, -9.0, np.nan]), deviation, spread)
    assert_allclose(mean, [0.7, 3.5, -3.7, np.nan])
    expected = [
        -0.5 + 0.1 * 0.5 + 0.05 * (0.5**2 - 1.0) + 0.4 * 0.7 + 0.7 * (2.0 * np.log(1.5) - 0.2),
        # beyond two standard deviations it stays; an unknown spread counts as half of its factor
        -0.5 + 0.1 * 2.0 + 0.05 * 3.0 + 0.4 * 0.2 - 0.7 * 0.2,
        -0.5 - 0.1 * 2.0 + 0.05 * 3.0 - 0.7 * 0.2,
        np.nan,
    ]
    assert_allclose(np.log(variance), expected)
    assert_allclose(model.moments(np.array([1.0]))[1], np.exp(-0.5 - 0.05))


@pytest.mark.parametrize(("noise", "missing"), [((0.5, 0.5), 1), ((0.5, 0.5, 0.5, 0.5, 2.0), 4)])
def test_an_expert_that_is_missing_later_makes_nobody_surer(noise, missing):
    """Errors are as large as the standard deviations say, also without it."""
    rng = np.random.default_rng(5)
    y = rng.normal(size=2300)
    X = y[:, None] + noise * rng.normal(size=(2300, len(noise)))
    model = LogitProdRegressor(gate_width=None).fit(X[:300], y[:300])
    X[:, missing] = np.nan
    mean, std = model.predict(X[300:], return_std=True)
    assert ((y[300:] - mean) / std).std() == pytest.approx(1.0, abs=0.2)


def test_intervals_are_as_wide_as_values_stray():
    """Noise that grows with the value: 80 % lie within the intervals of either half."""
    X, y = noisy(gaussian, 3000)
    truth = X.mean(axis=1)
    y = truth + np.exp(0.6 * truth) * np.random.default_rng(1).normal(size=3000)
    fit, new = slice(0, 1500), slice(1500, None)
    model = LogitProdRegressor(gate_width=None).fit(X[fit], y[fit])
    low, high = model.predict_interval(X[new], 0.8).T
    inside = (low <= y[new]) & (y[new] <= high)
    for half in (truth[new] < 0.0, truth[new] >= 0.0):
        assert inside[half].mean() == pytest.approx(0.8, abs=0.05)
    width = high - low
    assert width[truth[new] > 1.0].mean() > 2.0 * width[truth[new] < -1.0].mean()


def test_experts_that_lie_apart_are_less_sure():
    """Where only the distance between two experts tells how large the noise is."""
    rng = np.random.default_rng(2)
    signal, size = rng.normal(size=2000), np.exp(rng.normal(size=2000))
    X = signal[:, None] + 0.3 * size[:, None] * rng.normal(size=(2000, 2))
    y = signal + size * rng.normal(size=2000)
    model = LogitProdRegressor(gate_width=None).fit(X, y)
    _, std = model.predict(X, return_std=True)
    apart = np.abs(X[:, 0] - X[:, 1])
    assert std[apart > 1.0].mean() > 1.5 * std[apart < 0.1].mean()
    assert all(value.by_spread > 0.1 for value in model.value_models_.values())


def test_noise_that_is_the_same_everywhere_leaves_variances_alone():
    X, y = noisy(gaussian, 3000)
    model = LogitProdRegressor(gate_width=None).fit(X, y)
    _, std = model.predict(X, return_std=True)
    assert std.std() < 0.05 * std.mean()
    assert model.freedom_ == np.inf


def test_heavy_tails_are_told_by_the_data():
    X, y = noisy(heavy, 1200)
    fit, new = slice(0, 600), slice(600, None)
    model = LogitProdRegressor(gate_width=None).fit(X[fit], y[fit])
    assert model.freedom_ <= 6.0
    assert model.guarantee_gap_ <= 0.0
    mean, std = model.predict(X[new], return_std=True)
    scale = std * np.sqrt((model.freedom_ - 2.0) / model.freedom_)
    loss = -student.logpdf(y[new], model.freedom_, mean, scale).mean()
    levels = [0.1, 0.5, 0.9]
    expected = student.ppf(levels, model.freedom_, mean[:, None], scale[:, None])
    assert_allclose(model.predict_quantiles(X[new], levels), expected)
    rigid = LogitProdRegressor(gate_width=None, tails=np.inf).fit(X[fit], y[fit])
    assert rigid.freedom_ == np.inf
    mean, std = rigid.predict(X[new], return_std=True)
    gaussian_loss = (0.5 * ((y[new] - mean) / std) ** 2 + np.log(std)).mean()
    assert loss < gaussian_loss + 0.5 * np.log(2.0 * np.pi) - 0.05


def test_given_degrees_of_freedom_are_taken():
    X, y = noisy(gaussian)
    assert LogitProdRegressor(gate_width=None, tails=4.0).fit(X, y).freedom_ == 4.0
    with pytest.raises(ValueError, match="'tails' parameter"):
        LogitProdRegressor(tails=2.0).fit(X, y)


def test_gaussian_tails_that_do_not_hold_are_told():
    with pytest.warns(UserWarning, match=r"Values stray farther.*tails='auto'"):
        LogitProdRegressor(gate_width=None, tails="gaussian").fit(*noisy(heavy))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LogitProdRegressor(gate_width=None, tails="gaussian").fit(*noisy(gaussian))


def test_gaussian_noise_is_rarely_called_heavy():
    """At most one of 100 problems, at the seeds they have."""
    alarms = 0
    for seed in range(100):
        X, y = noisy(gaussian, 200, seed)
        y = (y - y.mean()) / y.std()
        values = {m: (own, None) for m, own in enumerate(X.T)}
        alarms += np.isfinite(tail_freedom(values, Values(y), np.ones(200)))
    assert alarms < 2


def test_without_correction_no_candidate_has_one():
    X, y = noisy(gaussian, 60)
    model = LogitProdRegressor(correction=None).fit(X, y)
    assert model.correction_ is None
    assert model.selection_["candidate"] == ["constant", "linear, alpha=30"]
    several = LogitProdRegressor().fit(X, y).selection_["candidate"]
    assert several[:3] == [f"constant, cross_class={own}" for own in (30, 100, 10)]


def test_a_correction_adds_separate_evidence_up():
    """Two independent measurements: what is left out lies nearer the mean of all values."""
    rng = np.random.default_rng(3)
    y = rng.normal(size=1000)
    X = y[:, None] + rng.normal(size=(1000, 2))
    with_one = LogitProdRegressor(gate_width=None).fit(X, y)
    without = LogitProdRegressor(gate_width=None, correction=None).fit(X, y)
    # the mean of y given both has variance 2/3, that of either alone 1/2
    assert with_one.predict(X).var() == pytest.approx(2.0 / 3.0, abs=0.05)
    assert with_one.loss_ < without.loss_


@pytest.mark.parametrize("calibrate", [True, False])
def test_curvature_of_weights_and_correction_is_that_of_the_objective(calibrate):
    """Hessian of a Gaussian product against finite differences of its gradient."""
    rng = np.random.default_rng(4)
    shape = 30, 3
    parameters = natural_parameters(rng.normal(size=shape), rng.gamma(3.0, size=shape))
    data = FitData(
        parameters.__getitem__, parameters.shape, Values(rng.normal(size=30)), True, "default"
    )
    spec = HeadSpec(cross_class=2.0, calibrate=calibrate)
    problems = Problems(data, rng.random((1, 30)), [spec])
    objective, which = ConstantObjective(problems), np.zeros(1, dtype=int)
    theta = 0.2 * rng.normal(size=(1, problems.layout.size))
    _, _, hessian, curvature = objective.second_order(theta, which)
    steps = 1e-5 * np.eye(theta.shape[1])
    ends = [[objective(theta + sign * step, which)[1][0] for sign in (1, -1)] for step in steps]
    expected = np.array([(above - below) / 2e-5 for above, below in ends])
    own = hessian[0] + curvature[0] + np.diag(problems.precision[0])
    assert_allclose(own, expected, rtol=1e-4, atol=1e-5)
