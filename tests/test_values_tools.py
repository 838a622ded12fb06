"""What stands around LogitProdRegressor: scores of values, comparisons, displays, deployment."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm, t
from sklearn.ensemble import VotingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsRegressor

from sklearn_logitprod import LogitProdRegressor, LogitProdRegressorCV
from sklearn_logitprod.deployment import (
    GainMonitor,
    adapt,
    adapt_prior,
    add_expert,
    certify,
    expert_path,
    with_safety,
)
from sklearn_logitprod.fusion.columns import make_columns
from sklearn_logitprod.fusion.values import GAUSSIAN, Values, moments, natural_parameters
from sklearn_logitprod.inspection import (
    ExpertComparisonDisplay,
    ExpertWeightsDisplay,
    compare,
    oracle_gap,
    temperature_sensitivity,
)
from sklearn_logitprod.inspection._scores import Outcome, Prediction
from sklearn_logitprod.inspection._value_methods import VALUE_METHODS
from sklearn_logitprod.inspection._value_scores import VALUE_SCORES
from sklearn_logitprod.io import ExpertOutputs
from sklearn_logitprod.metrics import (
    crps_gaussian,
    interval_coverage,
    interval_score,
    nll_gaussian,
    pinball_loss,
)
from sklearn_logitprod.targets.values import value_strata


def gaussians(n=40, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=n), rng.normal(size=n), rng.uniform(0.2, 3.0, n), rng.uniform(size=n)


def test_crps_is_the_integral_of_the_squared_distance_of_distribution_functions():
    for y, mean, std, _ in zip(*gaussians(5), strict=True):
        below = quad(lambda x, m=mean, s=std: norm.cdf(x, m, s) ** 2, -30, y)[0]
        above = quad(lambda x, m=mean, s=std: norm.sf(x, m, s) ** 2, y, 30)[0]
        assert crps_gaussian([y], [mean], [std]) == pytest.approx(below + above, abs=1e-7)


def test_scores_of_student_t_are_those_of_its_distribution():
    y, mean, std, _ = gaussians(5)
    for freedom in (2.5, 4.0, 30.0):
        law = t(freedom)
        scale = std * np.sqrt((freedom - 2.0) / freedom)
        exact = []
        for one in zip(y, mean, scale, strict=True):
            z = (one[0] - one[1]) / one[2]
            below = quad(lambda x, own=law: own.cdf(x) ** 2, -np.inf, z)[0]
            above = quad(lambda x, own=law: own.sf(x) ** 2, z, np.inf)[0]
            exact.append(one[2] * (below + above))
        found = crps_gaussian(y, mean, std, freedom=freedom)
        assert found == pytest.approx(np.mean(exact), abs=1e-6)
        nll = -t.logpdf(y, freedom, mean, scale).mean()
        assert nll_gaussian(y, mean, std, freedom=freedom) == pytest.approx(nll)
    with pytest.raises(ValueError, match="freedom=2 is not above 2"):
        crps_gaussian(y, mean, std, freedom=2)


def test_scores_are_those_of_scoringrules():
    rules = pytest.importorskip("scoringrules")
    y, mean, std, weight = gaussians()
    lower, upper = mean - std, mean + 2 * std
    pairs = [
        (crps_gaussian(y, mean, std, sample_weight=weight), rules.crps_normal(y, mean, std)),
        (nll_gaussian(y, mean, std, sample_weight=weight), rules.logs_normal(y, mean, std)),
        (
            interval_score(y, np.c_[lower, upper], 0.8, sample_weight=weight),
            rules.interval_score(y, lower, upper, 0.2),
        ),
        (
            pinball_loss(y, np.c_[lower, upper], [0.1, 0.7], sample_weight=weight)[1],
            rules.quantile_score(y, upper, 0.7),
        ),
    ]
    for own, by_sample in pairs:
        assert own == pytest.approx(np.average(by_sample, weights=weight), rel=1e-9)


def test_crps_is_twice_the_mean_pinball_loss_over_all_levels():
    y, mean, std, _ = gaussians()
    levels = (np.arange(2000) + 0.5) / 2000
    quantiles = mean[:, None] + std[:, None] * norm.ppf(levels)
    twice = 2 * pinball_loss(y, quantiles, levels).mean()
    assert crps_gaussian(y, mean, std) == pytest.approx(twice, rel=1e-4)


def test_a_weight_of_2_is_the_sample_twice_for_every_score():
    y, mean, std, _ = gaussians(3)
    twice = [0, 0, 1, 2]
    interval = np.c_[mean - std, mean + std]
    for function, rest in (
        (crps_gaussian, (mean, std)),
        (nll_gaussian, (mean, std)),
        (interval_coverage, (interval,)),
        (interval_score, (interval,)),
    ):
        weighted = function(y, *rest, sample_weight=[2, 1, 1])
        assert weighted == pytest.approx(function(y[twice], *(own[twice] for own in rest)))


def test_crps_of_a_prediction_without_spread_is_its_absolute_error():
    assert crps_gaussian([3.0, -1.0], [1.0, 0.0], [1e-12, 1e-12]) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (crps_gaussian, ([1.0, 2.0], [1.0], [1.0, 1.0]), r"mean has shape \(1,\), expected \(2,\)"),
        (crps_gaussian, ([1.0, 2.0], [1.0, 1.0], [1.0, 0.0]), "std is 0 in row 1"),
        (nll_gaussian, ([np.nan], [1.0], [1.0]), "y_true is nan in row 0"),
        (nll_gaussian, ([], [], []), "y_true is empty"),
        (interval_coverage, ([1.0], [[2.0, 1.0]]), "from 2 to 1 in row 0"),
        (interval_coverage, ([1.0], [1.0, 2.0]), r"shape \(2,\), expected \(1, 2\)"),
        (interval_score, ([1.0], [[0.0, 2.0]], 90), "coverage=90"),
        (pinball_loss, ([1.0], [[1.0]], [5]), r"levels within \(0, 1\)"),
        (pinball_loss, ([1.0], [1.0], [0.5]), r"predicted has shape \(1,\)"),
    ],
)
def test_scores_name_what_is_wrong_with_their_input(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)


# ---------------------------------------------------------------- comparisons

CONSTANT = LogitProdRegressor(gate_width=None)
ROWS = ["best expert", "mean of experts", "inverse-variance mean", "stacked ridge", "LogitProd"]


def ages(n=150, noise=(4.0, 8.0, 8.0), seed=0):
    """Ages, and what experts of some noise say of them."""
    rng = np.random.default_rng(seed)
    y = 50.0 + 10.0 * rng.normal(size=n)
    return y[:, None] + rng.normal(size=(n, len(noise))) * noise, y


def test_a_regressor_is_compared_in_the_unit_of_y():
    X, y = ages()
    splits = list(KFold(4, shuffle=True, random_state=1).split(X))
    table = compare(CONSTANT, X, y, cv=splits, n_resamples=20)
    assert list(table.index) == ["expert0", "expert1", "expert2", *ROWS]
    assert table.attrs["metrics"] == ["nll", "crps", "rmse", "mae", "r2"]
    found = []
    for train, test in splits:
        mean, std = CONSTANT.fit(X[train], y[train]).predict(X[test], return_std=True)
        true, weight = y[test], len(test)
        nll, crps = nll_gaussian(true, mean, std), crps_gaussian(true, mean, std)
        errors = root_mean_squared_error(true, mean), mean_absolute_error(true, mean)
        found.append(weight * np.array([nll, crps, *errors, r2_score(true, mean)]))
    own = table.loc["LogitProd", [f"{name}_mean" for name in VALUE_SCORES]].to_numpy(float)
    np.testing.assert_allclose(own, np.sum(found, axis=0) / len(y), rtol=1e-9)


def test_another_unit_of_y_changes_what_has_a_unit_alone():
    X, y = ages(80)
    one, two = (compare(CONSTANT, u * X, u * y, n_repeats=1, n_resamples=20) for u in (1.0, 12.0))
    np.testing.assert_allclose(two["r2_mean"], one["r2_mean"], atol=1e-6)
    np.testing.assert_allclose(two["crps_mean"], 12.0 * one["crps_mean"], rtol=1e-6)
    np.testing.assert_allclose(two["nll_mean"], one["nll_mean"] + np.log(12.0), atol=1e-6)
    np.testing.assert_allclose(two["difference"], one["difference"], atol=1e-6)


@pytest.mark.parametrize("name", VALUE_SCORES)
def test_contributions_are_derivatives_in_the_weights_of_samples(name):
    """Rows are repeated to weigh them: the score of n copies of all and one more of a row."""
    rng = np.random.default_rng(0)
    value, mean, variance = rng.normal(size=12), rng.normal(size=12), rng.uniform(0.5, 2, size=12)
    parameters, copies = natural_parameters(mean, variance), 4000

    def score(rows):
        outcome = Outcome(Values(value[rows], log_scale=0.7), value[rows])
        return VALUE_SCORES[name].function(outcome, Prediction(parameters[rows]))

    whole, contributions = score(np.arange(12))
    assert contributions.sum() == pytest.approx(0.0, abs=1e-12)
    for row in (0, 5):
        rows = np.append(np.tile(np.arange(12), copies), row)
        slope = (score(rows)[0] - whole) * copies
        assert slope == pytest.approx(contributions[row], rel=2e-3, abs=1e-4)


def test_heavy_tails_are_scored_as_what_they_are():
    rng = np.random.default_rng(0)
    y = rng.normal(size=200)
    X = y[:, None] + 0.3 * rng.standard_t(3.0, size=(200, 3))
    model = LogitProdRegressor(gate_width=None, tails=4.0)
    train, test = np.arange(100), np.arange(100, 200)
    table = compare(model, X, y, cv=[(train, test)], n_resamples=20)
    mean, std = model.fit(X[train], y[train]).predict(X[test], return_std=True)
    for name, function in (("nll", nll_gaussian), ("crps", crps_gaussian)):
        own = table.loc["LogitProd", f"{name}_mean"]
        assert own == pytest.approx(function(y[test], mean, std, freedom=model.freedom_))


def test_simpler_methods_have_scales_that_fit_the_tails():
    rng = np.random.default_rng(0)
    value = 0.5 * rng.standard_t(4.0, size=4000)
    nothing = natural_parameters(np.zeros((4000, 2)), np.ones((4000, 2)))
    likelihood = Values(value, freedom=4.0)
    for name, fit in VALUE_METHODS.items():
        combined = fit(nothing, likelihood)(nothing)
        assert moments(combined)[1].mean() == pytest.approx(0.25, rel=0.1), name


def test_an_average_of_independent_experts_beats_each_of_them():
    X, y = ages(noise=(6.0, 6.0, 6.0))
    table = compare(CONSTANT, X, y, n_repeats=1, n_resamples=50)
    assert (table.loc[ROWS[1:], "difference_high"] < 0).all()
    # the mean of all is what VotingRegressor predicts, but for the line it is calibrated by
    assert table.loc["mean of experts", "rmse_mean"] == pytest.approx(6 / np.sqrt(3), rel=0.15)


def test_few_samples_are_compared():
    X, y = ages(12)
    table = compare(CONSTANT, X, y, n_repeats=1, n_resamples=20)
    assert np.isfinite(table["nll_mean"]).all()


def test_experts_of_their_own_and_searches_are_compared():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 3))
    y = X[:, 0] + 0.3 * rng.normal(size=90)
    experts = [("line", LinearRegression()), ("near", KNeighborsRegressor(3))]
    crossed = LogitProdRegressor(experts, cv=3, gate_width=None)
    table = compare(crossed, X, y, n_repeats=1, n_resamples=20)
    # a neighbour remembers: were it not cross-fitted, it would be chosen
    assert table.attrs["chosen"] == {"line": 5, "near": 0}
    voting = VotingRegressor(experts).fit(X[:60], y[:60])
    assert table.loc["LogitProd", "r2_mean"] > voting.score(X[60:], y[60:]) - 0.2
    search = LogitProdRegressorCV(gate_widths=(None,), temperatures=(1,), alphas=(10, 100), cv=2)
    X, y = ages(60)
    assert "LogitProd" in compare(search, X, y, cv=2, n_repeats=1, n_resamples=20).index


def test_experts_that_are_missing_and_give_deviations_are_compared():
    X, y = ages()
    both = np.stack([X, np.full(X.shape, [4.0, 8.0, 8.0])], axis=-1)
    both[::7, 1] = np.nan
    outputs = ExpertOutputs(both, "mean_std", ["a", "b", "c"], y=y)
    table = compare(outputs, baselines=["stacked ridge"], metrics="crps", n_repeats=1, cv=2)
    assert np.isfinite(table["crps_mean"]).all()
    with pytest.raises(ValueError, match=r"no 'log_loss'; there are \['nll', 'crps'"):
        compare(outputs, metrics="log_loss")


def test_the_oracle_and_the_temperature_of_a_regressor():
    X, y = ages()
    model = LogitProdRegressor(gate_width=0).fit(X[:100], y[:100])
    table = oracle_gap(model, X[100:], y[100:])
    assert list(table.index) == ["LogitProd", "best expert", "mean of log-densities", "oracle"]
    mean, std = model.predict(X[100:], return_std=True)
    assert table.loc["LogitProd", "loss"] == pytest.approx(nll_gaussian(y[100:], mean, std))
    assert (table["gap"] >= 0.0).all()
    attrs = temperature_sensitivity(model, X, y, temperatures=(0.5, 1.0), cv=2).attrs
    assert attrs["scoring"] == "log-likelihood"


def test_displays_of_a_regressor():
    pytest.importorskip("matplotlib")
    X, y = ages(60)
    model = LogitProdRegressor(gate_width=None).fit(X, y)
    assert len(ExpertWeightsDisplay.from_estimator(model, X, by=y).boxes_) == 4
    display = ExpertComparisonDisplay.from_estimator(
        model, X, y, n_repeats=1, cv=2, n_resamples=20, metric="difference"
    )
    assert display.ax_.get_xlabel().startswith("difference in negative log-likelihood")
    assert display.plot(metric="r2").ax_.get_xlabel().startswith("R² (higher is better)")


# ---------------------------------------------------------------- after the fit


def test_adapt_moves_mean_and_spread_of_values_where_the_site_has_moved():
    X, y = ages(400)
    model = LogitProdRegressor(gate_width=None).fit(X[:200], y[:200])
    elsewhere, new_y = X[200:] + 8.0, y[200:]
    adapted = adapt(model, elsewhere[:40], new_y[:40])
    (before, _), (after, std) = (m.predict(elsewhere, return_std=True) for m in (model, adapted))
    assert abs((after - new_y).mean()) < 0.15 * abs((before - new_y).mean())
    nll = nll_gaussian(new_y, after, std)
    assert nll < nll_gaussian(new_y, *model.predict(elsewhere, return_std=True)) - 1.0
    # all means by one amount in the unit of y, and all precisions by one factor
    step = adapted.deployment_[-1]
    np.testing.assert_allclose(after, before + step["shift"])
    old_std = model.predict(elsewhere, return_std=True)[1]
    np.testing.assert_allclose(std, old_std / step["sharpness"] ** 0.5)
    # in another unit the same is done
    scaled = LogitProdRegressor(gate_width=None).fit(12 * X[:200], 12 * y[:200])
    scaled = adapt(scaled, 12 * elsewhere[:40], 12 * new_y[:40])
    np.testing.assert_allclose(scaled.predict(12 * elsewhere), 12 * after, rtol=1e-4)
    # where nothing has moved, next to nothing moves
    rows = np.arange(200, 400)
    residual = y[rows] - model.predict(X[rows])
    same = adapt(model, X[rows], y[rows] - residual.mean())
    assert abs(same.deployment_[-1]["shift"]) < 0.1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model, X, y: adapt_prior(model, X), "predicts no classes"),
        (lambda model, X, y: with_safety(model), "a mixture of Gaussians is none"),
        (lambda model, X, y: certify(model, X, y), "certify takes no LogitProdRegressor"),
        (
            lambda model, X, y: certify(LogitProdRegressorCV(gate_widths=[None]).fit(X, y), X, y),
            "certify takes no LogitProdRegressorCV: a mixture",
        ),
        (lambda model, X, y: GainMonitor(model), "GainMonitor takes no LogitProdRegressor"),
        (lambda model, X, y: add_expert(model, X, y, experts={"d": y}), "Fit it again with all"),
        (lambda model, X, y: expert_path(model, X, y), "steps are of probabilities"),
    ],
)
def test_what_makes_no_sense_of_values_is_refused_and_says_what_does(call, message):
    X, y = ages(40)
    model = LogitProdRegressor(gate_width=None).fit(X, y)
    with pytest.raises(ValueError, match=message):
        call(model, X, y)


def test_disagreement_of_gaussians_is_how_much_wider_their_mixture_is():
    mean = np.array([[0.0, 2.0, np.nan], [1.0] * 3])
    variance = np.array([[1.0, 3.0, 1.0], [2.0] * 3])
    own = make_columns(natural_parameters(mean, variance), family=GAUSSIAN).log_proba[:, :3]
    weights = np.array([[0.25, 0.75, 0.0], [0.2, 0.3, 0.5]])
    # the centre is 1.5: 0.25 (1 + 1.5^2) + 0.75 (3 + 0.5^2)
    expected = [0.5 * (np.log(3.25) - 0.75 * np.log(3.0)), 0.0]
    np.testing.assert_allclose(GAUSSIAN.disagreement(own, weights), expected, atol=1e-15)


def test_features_of_gaussians_by_hand():
    mean, variance = np.array([[0.0, 2.0], [np.nan, 3.0]]), np.array([[1.0, 4.0]] * 2)
    parameters = natural_parameters(mean, variance)
    found = GAUSSIAN.features(make_columns(parameters, family=GAUSSIAN), "default")
    # the mixture of the first row has the variance 2.5 within and 1 between
    half, width = 0.5 * np.log(2.0), 0.5 * np.log(3.5)
    expected = [0, 2, 0, 2 * half, 1, 0.5, 1, 1, 1, half, width - half]
    np.testing.assert_allclose(found[0], expected, atol=1e-15)
    expected = [np.nan, 3, np.nan, 2 * half, np.nan, 0, 0, 1, 3, 2 * half, 0]
    np.testing.assert_allclose(found[1], expected, atol=1e-15)
    names = GAUSSIAN.feature_names(["a", "b"], "default")
    assert names[2:] == [
        "log_std(a)", "log_std(b)", "distance(a)", "distance(b)", "present(a)", "present(b)",
        "mixture_mean", "mean_log_std", "mixture_width",
    ]  # fmt: skip


def test_strata_of_values_are_of_equal_size_by_rank():
    ranks = np.random.default_rng(0).permutation(100)
    np.testing.assert_array_equal(value_strata(ranks**3.0), ranks // 20)
    np.testing.assert_array_equal(value_strata(ranks, n_strata=2), ranks // 50)
    for n_values, n_strata in ((79, 3), (80, 4), (39, 1), (40, 2), (10, 1), (200, 5)):
        assert value_strata(np.arange(n_values)).max() == n_strata - 1
    weight = np.ones(120)
    weight[:20] = 0.0
    own = np.append(np.full(20, 50.5), ranks)
    np.testing.assert_array_equal(value_strata(own, weight), np.append(np.zeros(20), ranks // 20))


def test_a_column_of_values_is_taken_with_a_warning_and_complex_ones_are_not():
    y, noise, *_ = gaussians()
    X, model = (y + noise)[:, None], LogitProdRegressor(gate_width=None)
    with pytest.warns(UserWarning, match="A column-vector y was passed"):
        own = model.fit(X, y[:, None]).loss_
    assert own == model.fit(X, y).loss_
    with pytest.raises(ValueError, match=r"^y holds complex numbers\. Complex data not supported"):
        model.fit(X, y + 1j)
