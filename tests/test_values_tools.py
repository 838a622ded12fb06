"""What stands around LogitProdRegressor: scores of values, comparisons, displays, deployment."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from sklearn_logitprod.metrics import (
    crps_gaussian,
    interval_coverage,
    interval_score,
    log_loss_gaussian,
    pinball_loss,
)


def gaussians(n=40, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=n), rng.normal(size=n), rng.uniform(0.2, 3.0, n), rng.uniform(size=n)


def test_crps_is_the_integral_of_the_squared_distance_of_distribution_functions():
    for y, mean, std, _ in zip(*gaussians(5), strict=True):
        below = quad(lambda x, m=mean, s=std: norm.cdf(x, m, s) ** 2, -30, y)[0]
        above = quad(lambda x, m=mean, s=std: norm.sf(x, m, s) ** 2, y, 30)[0]
        assert crps_gaussian([y], [mean], [std]) == pytest.approx(below + above, abs=1e-7)


def test_scores_are_those_of_scoringrules():
    rules = pytest.importorskip("scoringrules")
    y, mean, std, weight = gaussians()
    lower, upper = mean - std, mean + 2 * std
    pairs = [
        (crps_gaussian(y, mean, std, sample_weight=weight), rules.crps_normal(y, mean, std)),
        (log_loss_gaussian(y, mean, std, sample_weight=weight), rules.logs_normal(y, mean, std)),
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
        (log_loss_gaussian, (mean, std)),
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
        (log_loss_gaussian, ([np.nan], [1.0], [1.0]), "y_true is nan in row 0"),
        (log_loss_gaussian, ([], [], []), "y_true is empty"),
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
