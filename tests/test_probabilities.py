"""Calibration slope, intercept and net benefit are what they say."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from sklearn_logitprod.metrics import net_benefit, net_benefit_survival, recalibration
from sklearn_logitprod.metrics.recalibration import at_horizon


def outcomes(n_samples=400, slope=1.0, shift=0.0, seed=0):
    """Probabilities, and outcomes whose logit is ``shift + slope * logit(proba)``."""
    rng = np.random.default_rng(seed)
    score = 1.5 * rng.normal(size=n_samples)
    return rng.random(n_samples) < expit(shift + slope * score), expit(score)


def cohort(n_samples, seed):
    """Times to an event, known only until they are censored; hazards by a score."""
    rng = np.random.default_rng(seed)
    score = rng.normal(size=n_samples)
    dies, lost = rng.exponential(np.exp(-score)), rng.exponential(2.0, size=n_samples)
    return dies, dies <= lost, np.minimum(dies, lost), 1.0 - np.exp(-np.exp(score))


class TestRecalibration:
    def test_the_slope_is_that_of_logistic_regression(self):
        y, proba = outcomes(slope=0.6, shift=0.4)
        oracle = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(proba)[:, None], y)
        assert_allclose(recalibration(y, proba).slope, oracle.coef_[0, 0], rtol=1e-4)

    def test_the_intercept_makes_the_mean_right(self):
        y, proba = outcomes(shift=0.7)
        moved = expit(recalibration(y, proba).intercept + logit(proba))
        assert_allclose(moved.mean(), y.mean(), rtol=1e-9)

    def test_intervals_hold_the_truth_as_often_as_they_say(self):
        inside = []
        for seed in range(200):
            found = recalibration(*outcomes(300, slope=0.7, seed=seed))
            inside.append(found.slope_low < 0.7 < found.slope_high)
        assert 0.9 <= np.mean(inside) <= 0.99

    def test_what_is_there_twice_in_one_group_says_no_more(self):
        y, proba = outcomes(100)
        once = recalibration(y, proba)
        again = recalibration(np.tile(y, 2), np.tile(proba, 2), groups=np.tile(np.arange(100), 2))
        assert_allclose(again, once, rtol=1e-8)
        apart = recalibration(np.tile(y, 2), np.tile(proba, 2))
        assert apart.slope_high - apart.slope_low < 0.8 * (once.slope_high - once.slope_low)

    def test_a_weight_of_two_is_a_sample_twice(self):
        y, proba = outcomes(100)
        weight = 1.0 + (np.arange(100) < 30)
        again = np.concatenate([np.arange(100), np.arange(30)])
        left_out = recalibration(
            np.append(y, True), np.append(proba, 0.1), sample_weight=[*weight, 0]
        )
        assert_allclose(left_out[::3], recalibration(y[again], proba[again])[::3], rtol=1e-8)

    @pytest.mark.parametrize(
        ("y", "proba"),
        [([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]), ([0, 1, 0, 1], [0.3] * 4), ([1, 1], [0.2, 0.4])],
    )
    def test_where_there_is_no_slope_it_is_unknown(self, y, proba):
        found = recalibration(y, proba)
        assert np.isnan(found.slope)
        assert np.isnan(found.intercept) == (len(set(y)) == 1)

    def test_certainty_is_read(self):
        y, proba = outcomes(100)
        found = recalibration(y, np.where(proba > 0.99, 1.0, proba))
        assert np.isfinite(found).all()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (([0, 2], [0.1, 0.2]), "y holds 2"),
            (([0, 1], [0.1, 1.2]), "proba is 1.2 in row 1"),
            (([0, 1], [0.1]), "proba has 1 entries, but y has 2"),
        ],
    )
    def test_what_is_none_is_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            recalibration(*arguments)
        with pytest.raises(ValueError, match=message):
            net_benefit(*arguments, [0.5])

    def test_groups_of_another_length_are_refused(self):
        with pytest.raises(ValueError, match="groups has 1 entries, but y has 2 rows"):
            recalibration([0, 1], [0.1, 0.2], groups=[1])


class TestHorizon:
    def test_without_censoring_all_count_alike(self):
        dies, _, _, _ = cohort(50, 0)
        happened, weight = at_horizon(np.ones(50, dtype=bool), dies, 1.0)
        assert_allclose(weight, 1.0)
        assert (happened == (dies <= 1.0)).all()

    def test_true_probabilities_are_calibrated_in_spite_of_censoring(self):
        _, event, time, proba = cohort(8000, 1)
        happened, weight = at_horizon(event, time, 1.0)
        found = recalibration(happened, proba, sample_weight=weight)
        assert found.slope_low < 1.0 < found.slope_high
        assert found.intercept_low < 0.0 < found.intercept_high
        # to count all as they stand would not do
        biased = recalibration(happened, proba)
        assert biased.intercept_high < -0.1


class TestNetBenefit:
    def test_it_is_counted(self):
        y, proba = outcomes(200)
        for threshold in (0.1, 0.5, 0.8):
            treated = proba >= threshold
            price = threshold / (1.0 - threshold)
            expected = (treated & y).mean() - price * (treated & ~y).mean()
            assert_allclose(net_benefit(y, proba, [threshold]), [expected])

    def test_all_and_nobody(self):
        y, _ = outcomes(200)
        t = np.array([0.2, 0.4])
        assert_allclose(net_benefit(y, np.ones(200), t), y.mean() - (1 - y.mean()) * t / (1 - t))
        assert_allclose(net_benefit(y, np.zeros(200), t), 0.0)

    def test_without_censoring_survival_is_as_classes(self):
        dies, _, _, proba = cohort(300, 2)
        t = [0.2, 0.5, 0.8]
        own = net_benefit_survival(np.ones(300, dtype=bool), dies, proba, 1.0, t)
        assert_allclose(own, net_benefit(dies <= 1.0, proba, t), atol=1e-12)

    def test_censoring_takes_nothing_from_it(self):
        dies, event, time, proba = cohort(20000, 3)
        t = [0.3, 0.6]
        found = net_benefit_survival(event, time, proba, 1.0, t)
        assert_allclose(found, net_benefit(dies <= 1.0, proba, t), atol=0.02)
        # those that are lost do not count as alive
        assert (found > net_benefit(event & (time <= 1.0), proba, t) + 0.05).all()

    def test_where_nobody_is_followed_it_is_unknown(self):
        event, time = [True, False, False], [0.5, 0.6, 3.0]
        found = net_benefit_survival(event, time, [0.9, 0.8, 0.1], 1.0, [0.5, 0.95])
        assert np.isnan(found[0])
        assert found[1] == 0.0

    @pytest.mark.parametrize("thresholds", [[0.0], [1.0], 0.5])
    def test_thresholds_are_between(self, thresholds):
        with pytest.raises(ValueError, match="thresholds"):
            net_benefit([0, 1], [0.2, 0.3], thresholds)

    def test_a_horizon_beyond_the_follow_up_is_refused(self):
        with pytest.raises(ValueError, match="within the follow-up"):
            net_benefit_survival([True, True], [1.0, 2.0], [0.2, 0.3], 2.5, [0.5])
