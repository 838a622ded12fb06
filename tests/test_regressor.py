"""LogitProdRegressor: products of Gaussians, calibrated experts, the guarantee."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import check_grad
from scipy.stats import norm
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import BayesianRidge, LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from sklearn_logitprod import LogitProdRegressor, LogitProdRegressorCV
from sklearn_logitprod.fusion.values import Values, moments, natural_parameters
from sklearn_logitprod.io import ExpertOutputs
from sklearn_logitprod.training.values import fit_value

WIDTHS = [None, 0, 3, "auto"]


@pytest.fixture(scope="module")
def problem():
    """Four experts of rising error, one of them on another scale; some are missing."""
    rng = np.random.default_rng(0)
    y = 5 + 3 * rng.normal(size=150)
    X = np.column_stack([y + s * rng.normal(size=150) for s in (1, 2, 3, 9)])
    X[:, 1] = 100 - 20 * rng.normal(size=150) * 0.1 + 40 * X[:, 1]
    X[::6, 2] = np.nan
    return X, y


def density(model, X, y):
    mean, std = model.predict(X, return_std=True)
    return norm.logpdf(y, mean, std)


def test_the_likelihood_is_that_of_a_gaussian():
    """Loss against scipy, gradient and curvature against finite differences."""
    rng = np.random.default_rng(0)
    value, mean, variance = rng.normal(size=5), rng.normal(size=5), rng.gamma(2.0, size=5)
    scores = natural_parameters(mean, variance)
    likelihood = Values(value, log_scale=np.log(3.0))
    expected = -norm.logpdf(3.0 * value, 3.0 * mean, 3.0 * np.sqrt(variance))
    assert_allclose(likelihood.loss(scores), expected)
    assert_allclose(moments(scores), (mean, variance))

    def loss(flat):
        return likelihood.loss(flat.reshape(5, 2)).sum()

    def slope(flat):
        return likelihood.loss_gradient(flat.reshape(5, 2))[1].ravel()

    assert check_grad(loss, slope, scores.ravel()) < 1e-5
    jacobian = rng.normal(size=(3, 2, 5))
    weight = rng.random(5)
    inner, cross, spread = likelihood.blocks(
        jacobian, likelihood.state(scores), weight, np.empty_like(jacobian)
    )
    hessian = np.empty((5, 2, 2))
    for k in range(2):
        step = np.zeros((5, 2))
        step[:, k] = 1e-6
        change = slope((scores + step).ravel()) - slope((scores - step).ravel())
        hessian[:, k] = change.reshape(5, 2) / 2e-6
    hessian *= weight[:, None, None]
    assert_allclose(inner, np.einsum("ckn,nkj,djn->cd", jacobian, hessian, jacobian), rtol=1e-5)
    assert_allclose(cross, np.einsum("ckn,nkj->cj", jacobian, hessian), rtol=1e-5)
    assert_allclose(spread, hessian.sum(axis=0), rtol=1e-5)


def test_a_distribution_as_outcome_is_the_mean_over_its_values():
    rng = np.random.default_rng(1)
    scores = natural_parameters(rng.normal(size=1), rng.gamma(2.0, size=1))
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    values = 0.3 + 0.7 * nodes
    mean = weights @ Values(values).loss(np.repeat(scores, 20, axis=0)) / weights.sum()
    assert_allclose(Values(np.array([0.3]), np.array([0.49])).loss(scores), mean)


def test_calibration_is_least_squares_and_its_residual_variance():
    rng = np.random.default_rng(2)
    f = rng.normal(size=20_000) * 4 + 7
    value = 0.2 + 0.15 * f + 0.5 * rng.normal(size=20_000)
    model = fit_value(f, None, value, np.ones(20_000))
    mean, variance = model.moments(np.array([7.0, 8.0]))
    assert mean[1] - mean[0] == pytest.approx(0.15, rel=0.02)
    assert variance[0] == pytest.approx(0.25, rel=0.03)
    assert fit_value(-f, None, value, np.ones(20_000)).slope == 0.0


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_deviations_are_followed_as_far_as_they_tell(power):
    rng = np.random.default_rng(3)
    deviation = np.exp(rng.normal(size=20_000) * 0.7)
    f = rng.normal(size=20_000)
    value = f + 0.4 * deviation**power * rng.normal(size=20_000)
    model = fit_value(f, deviation, value, np.ones(20_000))
    assert model.power == pytest.approx(power, abs=0.05)
    _, variance = model.moments(np.zeros(2), np.array([1.0, 2.0]))
    assert variance[1] / variance[0] == pytest.approx(4.0**power, rel=0.1)


@pytest.mark.parametrize("gate_width", WIDTHS)
def test_it_is_at_or_below_every_reference(problem, gate_width):
    X, y = problem
    model = LogitProdRegressor(gate_width=gate_width).fit(X, y)
    assert model.guarantee_gap_ <= 0.0
    assert model.loss_ == pytest.approx(-density(model, X, y).mean(), abs=1e-9)
    assert model.mean_expert_weights_.argmax() == 0
    weights = model.expert_weights(X)
    assert_allclose(weights.sum(axis=1), 1.0)
    assert (weights[::6, 2] == 0.0).all()
    assert (weights >= 0).all()


KINDS = ["noise", "good", "exact", "against", "constant", "huge", "copy", "outlier"]


@st.composite
def adversarial(draw):
    """Means (n, M) with missing experts, values, weights."""
    n_samples = draw(st.integers(3, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    y = rng.normal(size=n_samples) * 10.0 ** draw(st.integers(-6, 6))
    y += draw(st.sampled_from([0.0, 1.0, 1e3])) * np.abs(y).max()
    if draw(st.booleans()):
        y[0] += 1e3 * np.abs(y).max()
    scale = y.std()
    experts = []
    for kind in draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=5)):
        noise = rng.normal(size=n_samples) * scale
        own = {
            "noise": noise,
            "good": y + 0.3 * noise,
            "exact": y.copy(),
            "against": -y,
            "constant": np.full(n_samples, 3.0),
            "huge": y * 1e150,
            "copy": experts[-1].copy() if experts else noise,
            "outlier": np.where(np.arange(n_samples) == 1, 1e9 * scale, y + noise),
        }[kind]
        experts.append(own)
    X = np.column_stack(experts)
    if draw(st.booleans()):
        absent = rng.random(X.shape) < draw(st.sampled_from([0.1, 0.6]))
        absent[np.arange(n_samples), rng.integers(0, X.shape[1], n_samples)] = False
        X[absent] = np.nan
    weight = draw(st.sampled_from([None, "random", "large"]))
    if weight is not None:
        weight = rng.exponential(size=n_samples) * (1e4 if weight == "large" else 1.0)
    with_std = draw(st.booleans())
    if with_std:
        std = np.exp(rng.normal(size=X.shape) * draw(st.sampled_from([0.1, 3.0])))
        X = np.stack([X, np.where(np.isnan(X), np.nan, std)], axis=2)
    return X, y, weight, "mean_std" if with_std else "mean"


@given(
    adversarial(),
    st.fixed_dictionaries(
        {
            "gate_width": st.sampled_from([None, None, 0, 2]),
            "calibrate": st.booleans(),
            "linear_pool": st.booleans(),
            "correction": st.sampled_from([None, 1e-3, 10.0]),
            "tails": st.sampled_from(["auto", 3.0, np.inf]),
            "temperature": st.sampled_from([0.3, 1.0]),
        }
    ),
)
def test_nothing_breaks_the_guarantee(data, params):
    X, y, weight, input = data
    model = LogitProdRegressor(input=input, max_iter=30, **params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", message=".*expert.*", category=UserWarning)
        model.fit(X, y, sample_weight=weight)
    assert model.guarantee_gap_ <= 0.0
    mean, std = model.predict(X, return_std=True)
    assert np.isfinite(mean).all()
    assert (std > 0).all()
    assert np.isfinite(std).all()


@pytest.mark.parametrize("gate_width", WIDTHS)
def test_units_of_values_and_experts_do_not_matter(problem, gate_width):
    X, y = problem
    one = LogitProdRegressor(gate_width=gate_width).fit(X, y)
    two = LogitProdRegressor(gate_width=gate_width).fit(X * [1e3, 2, 5, 0.1] - 4, 1e6 * y + 7)
    mean, std = one.predict(X, return_std=True)
    scaled = two.predict(X * [1e3, 2, 5, 0.1] - 4, return_std=True)
    # fits within folds end where little is left to gain: rounding moves where that is
    tolerance = 1e-3 if gate_width == "auto" else 1e-6
    assert_allclose((scaled[0] - 7) / 1e6, mean, atol=tolerance * y.std())
    assert_allclose(scaled[1] / 1e6, std, rtol=tolerance)
    assert two.loss_ == pytest.approx(one.loss_ + np.log(1e6), abs=tolerance)


@pytest.mark.parametrize("gate_width", [None, 0])
def test_permuting_experts_permutes_their_weights(problem, gate_width):
    X, y = problem
    order = [2, 0, 3, 1]
    one = LogitProdRegressor(gate_width=gate_width, tol=1e-10).fit(X, y)
    two = LogitProdRegressor(gate_width=gate_width, tol=1e-10).fit(X[:, order], y)
    assert_allclose(two.expert_weights(X[:, order]), one.expert_weights(X)[:, order], atol=1e-4)
    assert_allclose(two.predict(X[:, order]), one.predict(X), rtol=1e-4)


@pytest.mark.parametrize("gate_width", [None, 0])
def test_a_weight_of_two_is_the_sample_twice(problem, gate_width):
    X, y = problem
    weight = np.where(np.arange(len(y)) % 3 == 0, 2.0, 1.0)
    repeated = np.repeat(np.arange(len(y)), weight.astype(int))
    one = LogitProdRegressor(gate_width=gate_width, tol=1e-10).fit(X, y, sample_weight=weight)
    two = LogitProdRegressor(gate_width=gate_width, tol=1e-10).fit(X[repeated], y[repeated])
    assert_allclose(one.predict(X), two.predict(X), rtol=1e-5)
    kept = LogitProdRegressor(gate_width=gate_width).fit(X[10:], y[10:])
    zero = np.where(np.arange(len(y)) < 10, 0.0, 1.0)
    left_out = LogitProdRegressor(gate_width=gate_width).fit(X, y, sample_weight=zero)
    assert_allclose(left_out.predict(X), kept.predict(X), rtol=1e-8)


@pytest.mark.parametrize("gate_width", [None, "auto"])
def test_a_weight_of_zero_leaves_the_sample_out(problem, gate_width):
    X, y = problem
    kept = np.random.default_rng(4).random(len(y)) < 0.8
    whole = LogitProdRegressor(gate_width=gate_width).fit(X, y, sample_weight=kept.astype(float))
    part = LogitProdRegressor(gate_width=gate_width).fit(X[kept], y[kept])
    assert_allclose(whole.predict(X), part.predict(X), atol=1e-6)


def test_copies_of_an_expert_are_that_expert():
    rng = np.random.default_rng(4)
    y = rng.normal(size=200)
    f = y + rng.normal(size=200)
    one = LogitProdRegressor(gate_width=None).fit(f[:, None], y)
    three = LogitProdRegressor(gate_width=None).fit(np.column_stack([f, f, f]), y)
    assert_allclose(three.predict(f[:, None].repeat(3, axis=1)), one.predict(f[:, None]), atol=1e-3)


def test_separate_evidence_adds_up():
    """Four independent measurements: the precision of their mean is that of theory."""
    rng = np.random.default_rng(5)
    y = rng.normal(size=4000)
    X, new = (y[:, None] + 0.8 * rng.normal(size=(4000, 4)) for _ in range(2))
    model = LogitProdRegressor().fit(X, y)
    best = np.sqrt(1.0 / (1.0 + 4 / 0.8**2))
    assert np.sqrt(np.mean((model.predict(new) - y) ** 2)) == pytest.approx(best, rel=0.05)
    covered = model.predict_interval(new, 0.8)
    share = np.mean((covered[:, 0] <= y) & (y <= covered[:, 1]))
    assert share == pytest.approx(0.8, abs=0.02)


def test_means_and_deviations_of_known_gaussians():
    """An expert that knows when it errs is worth more than one that does not say."""
    rng = np.random.default_rng(6)
    mean, std = rng.normal(size=(5000, 2)), np.exp(rng.normal(size=(5000, 2)))
    y = mean[:, 0] + std[:, 0] * rng.normal(size=5000)
    X = np.stack([mean, std], axis=2)
    known = LogitProdRegressor(input="mean_std", gate_width=None).fit(X, y)
    blind = LogitProdRegressor(gate_width=None).fit(mean, y)
    assert known.loss_ == pytest.approx(-norm.logpdf(y, *X[:, 0].T).mean(), abs=0.05)
    assert known.loss_ < blind.loss_ - 0.45


def test_quantiles_and_intervals_are_those_of_the_gaussian(problem):
    X, y = problem
    model = LogitProdRegressor(gate_width=None).fit(X, y)
    mean, std = model.predict(X, return_std=True)
    quantiles = model.predict_quantiles(X, [0.1, 0.5, 0.9])
    assert_allclose(quantiles, norm.ppf([0.1, 0.5, 0.9], mean[:, None], std[:, None]))
    assert_allclose(model.predict_interval(X, 0.8), quantiles[:, [0, 2]])
    for bad in ([0.0], [1.2], [[0.1]], "median"):
        with pytest.raises(ValueError, match="levels within"):
            model.predict_quantiles(X, bad)
    with pytest.raises(ValueError, match=r"coverage=95.*not within \(0, 1\)"):
        model.predict_interval(X, 95)
    with pytest.raises(ValueError, match=r"coverage='a' is not within"):
        model.predict_interval(X, "a")


def test_experts_are_estimators_prefit_or_cross_fitted():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    X, y = X[:250], y[:250]
    fitted = [("ridge", Ridge().fit(X[:100], y[:100])), ("knn", KNeighborsRegressor().fit(X, y))]
    model = LogitProdRegressor(fitted, gate_width=None).fit(X[100:], y[100:])
    assert clone(model).experts is model.experts
    assert list(model.get_feature_names_out()) == ["ridge", "knn"]
    out = model.transform(X)
    assert out.shape == (250, 2)
    assert_allclose(out, model.expert_predictions(X))
    experts = [("bayes", BayesianRidge()), ("knn", make_pipeline(KNeighborsRegressor(15)))]
    crossed = LogitProdRegressor(experts, cv=4, gate_width=None).fit(X, y)
    # a linear model tells its deviations, neighbours do not
    assert crossed.value_models_["bayes"].log_centre != 0.0
    assert crossed.value_models_["knn"].log_centre == 0.0
    folded = LogitProdRegressor(experts, cv=4, gate_width=None).fit_transform(X, y)
    assert not np.allclose(folded, crossed.transform(X))
    grid = GridSearchCV(LogitProdRegressor(experts, cv=3), {"gate_width": [None, 0]}, cv=2)
    assert 0.2 < grid.fit(X, y).best_score_ < 0.7
    pipe = make_pipeline(
        StandardScaler(), LogitProdRegressor([Ridge(), GaussianProcessRegressor()])
    )
    pipe.set_params(logitprodregressor__cv=3, logitprodregressor__gate_width=None)
    assert np.isfinite(cross_val_score(pipe, X, y, cv=2)).all()


def test_an_expert_trained_on_the_rows_is_told():
    X, y = load_diabetes(return_X_y=True)
    fitted = [("tree", DecisionTreeRegressor().fit(X, y)), ("ridge", Ridge().fit(X[:50], y[:50]))]
    with pytest.warns(UserWarning, match=r"tree make next to no error.*trained on these"):
        LogitProdRegressor(fitted, gate_width=None).fit(X, y)


def test_the_search_is_that_of_scikit_learn(problem):
    X, y = problem
    X = X[:, [0, 1, 3]]
    # degrees of freedom and the unit of y are those of all rows in a search
    tried = {"temperatures": (0.5, 1.0), "alphas": (30.0, 100.0)}
    own = LogitProdRegressorCV(gate_widths=(None, 0), **tried, tails=np.inf).fit(X, y)
    grid = GridSearchCV(
        LogitProdRegressor(tails=np.inf),
        {"gate_width": [None, 0], "temperature": [0.5, 1.0], "alpha": [30.0, 100.0]},
        scoring=lambda model, X, y: density(model, X, y).mean(),
    ).fit(X, y)
    assert_allclose(
        own.cv_results_["mean_test_score"], grid.cv_results_["mean_test_score"], rtol=5e-4
    )
    assert own.best_params_ == grid.best_params_
    assert_allclose(own.predict(X), grid.predict(X), rtol=1e-6)


def test_frames_and_outputs_align_by_name(problem):
    X, y = problem
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = LogitProdRegressor(gate_width=None).fit(frame, y)
    outputs = ExpertOutputs(X, "mean", ["a", "b", "c", "d"], y=y)
    assert_allclose(
        LogitProdRegressor(gate_width=None).fit(outputs).predict(X), model.predict(frame)
    )
    std = np.where(np.isnan(X), np.nan, 1.0)
    columns = pd.MultiIndex.from_product([["a", "b", "c", "d"], ["mean", "std"]])
    both = pd.DataFrame(np.stack([X, std], axis=2).reshape(len(X), -1), columns=columns)
    two = LogitProdRegressor(input="mean_std", gate_width=None).fit(both, y)
    mixed = both[np.random.default_rng(0).permutation(both.columns)]
    assert_allclose(two.predict(mixed), two.predict(both))
    assert list(two.expert_weights(both).columns) == ["a", "b", "c", "d"]


def test_it_pickles_and_predicts_the_same(problem):
    X, y = problem
    model = LogitProdRegressor().fit(X, y)
    assert_allclose(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


def test_groups_stay_together_and_widen_the_prior(problem):
    X, y = problem
    X, y, groups = np.repeat(X, 4, axis=0), np.repeat(y, 4), np.repeat(np.arange(len(y)), 4)
    alone = LogitProdRegressor(gate_width=None).fit(X, y)
    grouped = LogitProdRegressor(gate_width=None).fit(X, y, groups=groups)
    weights = alone.mean_expert_weights_, grouped.mean_expert_weights_
    assert np.abs(weights[1] - 0.25).sum() < np.abs(weights[0] - 0.25).sum()
    LogitProdRegressor().fit(X, y, groups=groups)


def small():
    """Predictions of two experts for 30 samples, and values."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=30)
    return y[:, None] + rng.normal(size=(30, 2)), y


def fit_badly(change, input="mean"):
    X, y = change(*small())
    return LogitProdRegressor(input=input, gate_width=None).fit(X, y)


def with_std(std):
    def change(X, y):
        X = np.stack([X, np.ones(X.shape)], axis=2)
        X[0, 0, 1] = std
        return X, y

    return change


BAD = {
    "labels for values": (
        lambda: fit_badly(lambda X, y: (X, y > 1)),
        "y holds True and False, which are class labels",
    ),
    "a constant y": (
        lambda: fit_badly(lambda X, y: (X, np.full(len(y), 2.5))),
        r"y is constant, 2.5 on all samples: nothing can be learned of how predictions and values "
        r"agree\. Check that y is the column that was meant\.$",
    ),
    "a y of zeros": (
        lambda: fit_badly(lambda X, y: (X, np.zeros(len(y)))),
        "y is constant, 0 on all samples",
    ),
    "an infinite value": (
        lambda: fit_badly(lambda X, y: (X, np.where(np.arange(len(y)) > 6, np.inf, y))),
        r"y contains infinity, the first in row 7: values are finite\. Remove these rows from X "
        r"and y\.$",
    ),
    "a missing value": (
        lambda: fit_badly(lambda X, y: (X, np.where(y > 1, np.nan, y))),
        "y contains NaN or None",
    ),
    "class labels": (
        lambda: fit_badly(lambda X, y: (X, ["low"] * len(y))),
        "for class labels use LogitProdClassifier",
    ),
    "dates": (
        lambda: fit_badly(lambda X, y: (X, np.arange(len(y)).astype("m8[D]"))),
        "y holds dates or durations",
    ),
    "two values a sample": (
        lambda: fit_badly(lambda X, y: (X, np.column_stack([y, y]))),
        "one value per sample",
    ),
    "no y": (lambda: fit_badly(lambda X, y: (X, None)), "requires y to be passed"),
    "an infinite prediction": (
        lambda: fit_badly(lambda X, y: (np.full_like(X, np.inf), y)),
        "infinite value in row 0",
    ),
    "no expert at all": (
        lambda: fit_badly(lambda X, y: (np.full_like(X, np.nan), y)),
        "all experts are missing",
    ),
    "deviations that nobody declared": (
        lambda: fit_badly(lambda X, y: (np.stack([X, X], axis=2), y)),
        "declare input='mean_std'",
    ),
    "a y that is short": (lambda: fit_badly(lambda X, y: (X, y[1:])), "y has 29 entries"),
    "events": (
        lambda: fit_badly(lambda X, y: (X, np.array([(True, 1.0)] * 30, "bool,float"))),
        "use LogitProdSurvival",
    ),
    "a negative standard deviation": (
        lambda: fit_badly(with_std(-1.0), "mean_std"),
        r"is negative \(-1\) in row 0",
    ),
    "a standard deviation of 0": (
        lambda: fit_badly(with_std(0.0), "mean_std"),
        r"is 0 \(0\) in row 0",
    ),
    "a mean without its standard deviation": (
        lambda: fit_badly(with_std(np.nan), "mean_std"),
        "is NaN in 1",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_told(name):
    call, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        call()


def test_predictions_that_count_for_nothing_are_told():
    rng = np.random.default_rng(7)
    y = rng.normal(size=100)
    with pytest.warns(UserWarning, match=r"prediction of expert\(s\) expert1 falls where"):
        LogitProdRegressor(gate_width=None).fit(np.column_stack([y + rng.normal(size=100), -y]), y)
    with pytest.warns(UserWarning, match=r"prediction of expert\(s\) expert1 is constant"):
        LogitProdRegressor(gate_width=None).fit(np.column_stack([y, np.ones(100)]), y)


@pytest.mark.parametrize("scale", [1e-300, 1e200])
def test_nothing_is_said_of_predictions_in_a_unit_of_their_own(scale):
    rng = np.random.default_rng(7)
    y = rng.normal(size=60)
    X = np.column_stack([y + rng.normal(size=60), rng.permutation(y)])
    X[:, 1] -= (X[:, 1] @ y / (y @ y) + 0.01) * y
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LogitProdRegressor(gate_width=None).fit(scale * X, y)


def test_an_expert_that_is_missing_everywhere_is_not_called_constant():
    y = np.arange(30.0)
    X = np.column_stack([y + np.sin(y), np.full(30, np.nan)])
    with pytest.warns(UserWarning, match="missing") as said:
        LogitProdRegressor(gate_width=None).fit(X, y)
    assert len(said) == 1


@pytest.mark.parametrize("before", [0.0, np.nan])
def test_an_expert_that_was_zero_or_missing_everywhere_may_be_anything_later(problem, before):
    X, y = problem
    X = X.copy()
    X[:, 3] = before
    with pytest.warns(UserWarning, match="constant|missing"):
        model = LogitProdRegressor(gate_width=None).fit(X, y)
    later = X.copy()
    later[:, 3] = 5.0
    assert_allclose(model.predict(later, return_std=True), model.predict(X, return_std=True))


def test_what_stands_in_for_an_expert_that_is_the_truth_is_finite():
    first = [1.41803824, 0.9421381, -0.96102028, 0.51015868, -0.81001591]
    first += [-0.46049788, -0.04765688, -0.52734179, -0.33574729, 0.98341795]
    second = [1.34939857, 1.21746905, -1.09201076, 0.68916212, -0.81756823]
    second += [-0.33032898, -0.64613672, -0.57337191, -0.56818929, 0.55524197]
    weight = [426.74522586, 11028.33851584, 3378.06464623, 11460.8661696, 1890.59331221]
    weight += [7589.71562017, 3126.69831677, 2816.11165681, 44256.70485444, 35862.94697397]
    model = LogitProdRegressor(
        gate_width=None, linear_pool=False, correction=None, temperature=0.3, max_iter=30
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(np.column_stack([first, second]), first, sample_weight=weight)
    gaps = model.pool_.gaps
    for part in (gaps.multipliers, gaps.shift, gaps.curvature, gaps.response):
        assert np.isfinite(part).all()


def test_an_expert_that_is_wrong_scale_free_joins_with_the_right_line():
    """A biased, shrunk expert is worth as much as the same one unbiased."""
    rng = np.random.default_rng(8)
    y = rng.normal(size=300)
    f = y + 0.5 * rng.normal(size=300)
    X = np.column_stack([f, rng.normal(size=300)])
    plain = LogitProdRegressor(gate_width=None).fit(X, y)
    bent = LogitProdRegressor(gate_width=None).fit(X * [0.01, 1] + [55, 0], y)
    assert_allclose(bent.predict(X * [0.01, 1] + [55, 0]), plain.predict(X), rtol=1e-6)
    line = LinearRegression().fit(X, y)
    assert plain.score(X, y) > line.score(X, y) - 0.02
