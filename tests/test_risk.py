"""Calibration of risks: discrete-time proportional hazards on label sets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from sklearn_logitprod.fusion.events import (
    label_sets_from_events,
    log_events_from_hazard_logits,
    log_events_from_log_rates,
    survival_from_log_events,
)
from sklearn_logitprod.fusion.logits import logsumexp
from sklearn_logitprod.fusion.risk import RiskModel
from sklearn_logitprod.training.data import FitData
from sklearn_logitprod.training.estimated import EstimatedData
from sklearn_logitprod.training.risk import (
    RATE_PRECISION,
    SLOPE_PRECISION,
    Exposure,
    _Objective,
    baseline_log_rates,
    fit_risk,
    fit_risks,
)

TIMES = np.array([1.0, 2.0, 4.0, 5.0])
T, WIDTHS = len(TIMES), np.diff(TIMES, prepend=0.0)


def cohort(n=300, slope=0.8, seed=0):
    """Exponential times whose log rate rises with the risk by ``slope``, censored at random."""
    rng = np.random.default_rng(seed)
    risk = rng.normal(size=n)
    time = rng.exponential(3.0 * np.exp(-slope * risk))
    censored = rng.uniform(0.5, 7.0, size=n)
    event = time <= censored
    return risk, event, np.minimum(time, censored)


RISK, EVENT, TIME = cohort()
SETS = label_sets_from_events(EVENT, TIME, TIMES)
EXPOSURE = Exposure.from_sets(SETS, T)
ONES = np.ones(len(RISK))
BASELINE = baseline_log_rates(EXPOSURE, ONES, WIDTHS)


def calibrated(risk=RISK, sets=SETS, weight=ONES):
    return fit_risks({0: risk}, sets, weight, TIMES)[0]


def penalised_loss(theta):
    """The objective, from the likelihood that the pool is fitted by."""
    z = (RISK - RISK.mean()) / RISK.std()
    loss = SETS.loss(log_events_from_log_rates(theta[:-1] + theta[-1] * z[:, None])).sum()
    prior = RATE_PRECISION * ((theta[:-1] - BASELINE) ** 2).sum() + SLOPE_PRECISION * theta[-1] ** 2
    return loss + 0.5 * prior


def test_exposure_gives_the_likelihood_of_the_sets():
    z, precision = (RISK - RISK.mean()) / RISK.std(), RATE_PRECISION * np.eye(T)
    objective = _Objective(z, EXPOSURE, ONES, BASELINE, precision, True)
    for seed in range(5):
        theta = np.random.default_rng(seed).normal(size=T + 1)
        assert objective(theta)[0] == pytest.approx(penalised_loss(theta), rel=1e-12)


def test_gradient_and_hessian_are_finite_differences():
    weight = 0.5 + np.arange(len(RISK)) % 2
    coupled = np.diag(np.full(T, 2.0)) - 0.5
    objective = _Objective(RISK, EXPOSURE, weight, BASELINE, coupled, True)
    theta = np.random.default_rng(1).normal(size=T + 1)
    _, gradient, hessian = objective(theta)
    step = 1e-6 * np.eye(T + 1)
    up, down = [[objective(theta + sign * one) for one in step] for sign in (1, -1)]
    slope = [(a[0] - b[0]) / 2e-6 for a, b in zip(up, down)]
    curve = [(a[1] - b[1]) / 2e-6 for a, b in zip(up, down)]
    np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-4)
    np.testing.assert_allclose(hessian, curve, rtol=1e-6, atol=1e-4)


def test_newton_finds_the_minimum_that_another_solver_finds():
    model = calibrated()
    theta = np.append(model.log_rates, model.slope)
    other = minimize(penalised_loss, np.zeros(T + 1), method="BFGS", options={"gtol": 1e-8})
    assert penalised_loss(theta) <= other.fun + 1e-9
    np.testing.assert_allclose(theta, other.x, atol=1e-4)


def test_slope_of_proportional_hazards_is_recovered():
    rng = np.random.default_rng(3)
    risk = rng.normal(size=20_000)
    time = rng.exponential(3.0 * np.exp(-0.7 * risk))
    sets = label_sets_from_events(np.ones(len(risk), dtype=bool), time, TIMES)
    model = fit_risks({0: 5.0 * risk - 3.0}, sets, np.ones(len(risk)), TIMES)[0]
    assert model.slope == pytest.approx(0.7, abs=0.03)
    assert model.scale == pytest.approx(5.0, rel=0.02)
    # the rate at z = 0 is 1/3 per unit of time
    np.testing.assert_allclose(np.exp(model.log_rates), np.diff(TIMES, prepend=0) / 3, rtol=0.05)


def test_affine_change_of_the_risk_changes_nothing():
    model, other = calibrated(), calibrated(1e-7 * RISK + 1e3)
    np.testing.assert_allclose(
        model.log_events(RISK), other.log_events(1e-7 * RISK + 1e3), atol=1e-4
    )
    huge = calibrated(1e200 * RISK)
    np.testing.assert_allclose(model.log_events(RISK), huge.log_events(1e200 * RISK), atol=1e-9)


def test_weight_2_is_the_sample_twice_and_0_leaves_it_out():
    weight = np.arange(len(RISK)) % 3.0
    rows = np.repeat(np.arange(len(RISK)), weight.astype(int))
    one = calibrated(weight=weight)
    two = calibrated(RISK[rows], SETS.take(rows), np.ones(len(rows)))
    np.testing.assert_allclose(one.log_events(RISK), two.log_events(RISK), atol=1e-8)


def test_risk_that_points_the_wrong_way_gets_slope_0():
    wrong = calibrated(-RISK)
    assert wrong.slope == 0.0
    assert not wrong.constant
    np.testing.assert_array_equal(*wrong.log_events(np.array([-5.0, 5.0])))


def test_constant_risk_is_the_average_survival():
    model = calibrated(np.full(len(RISK), 0.1))
    assert model.constant
    assert model.slope == 0.0
    expected = np.exp(-np.exp(BASELINE).cumsum())
    np.testing.assert_allclose(np.exp(-np.exp(model.log_rates).cumsum()), expected, atol=0.02)


def test_missing_risks_play_no_role():
    holes = np.where(np.arange(len(RISK)) % 4 == 0, np.nan, RISK)
    kept = np.flatnonzero(~np.isnan(holes))
    model = fit_risk(holes, EXPOSURE, ONES, BASELINE)
    alone = fit_risk(RISK[kept], EXPOSURE.take(kept), ONES[kept], BASELINE)
    np.testing.assert_array_equal(model.log_rates, alone.log_rates)
    assert np.isnan(model.log_events(holes)[np.isnan(holes)]).all()
    absent = fit_risk(np.full(len(RISK), np.nan), EXPOSURE, ONES, BASELINE)
    np.testing.assert_array_equal(absent.log_rates, BASELINE)


def test_baseline_of_many_uncensored_data_is_the_share_of_events():
    event, time = np.ones(1000, dtype=bool), np.repeat([0.5, 1.5, 3.0, 9.0], 250)
    exposure = Exposure.from_sets(label_sets_from_events(event, time, TIMES[:3]), 3)
    rates = baseline_log_rates(exposure, np.full(1000, 100.0), WIDTHS[:3])
    np.testing.assert_allclose(np.exp(-np.exp(rates).cumsum()), [0.75, 0.5, 0.25], atol=1e-3)


def test_baseline_does_not_depend_on_the_unit_of_time():
    for unit in (1e-3, 365.0):
        rates = baseline_log_rates(EXPOSURE, ONES, unit * WIDTHS)
        np.testing.assert_allclose(rates, BASELINE, atol=1e-9)


def test_smooth_baseline_is_steadier_than_the_share_of_events():
    """Under a constant hazard the prior is right: a cohort of 40 is nearer the truth with it."""
    truth = np.log(WIDTHS / 3.0)
    off = []
    for seed in range(20):
        _, event, time = cohort(40, slope=0.0, seed=seed)
        exposure = Exposure.from_sets(label_sets_from_events(event, time, TIMES), T)
        # a weight of 1e6 leaves nothing of the prior
        pair = [baseline_log_rates(exposure, np.full(40, weight), WIDTHS) for weight in (1.0, 1e6)]
        off.append([((rates - truth) ** 2).mean() for rates in pair])
    smooth, raw = np.mean(off, axis=0)
    assert smooth < 0.5 * raw


def test_interval_without_events_has_a_low_hazard_that_stays_finite():
    event, time = EVENT.copy(), TIME.copy()
    event[(time > 2) & (time <= 4)] = False
    sets = label_sets_from_events(event, time, TIMES)
    few, many = calibrated(sets=sets), calibrated(sets=sets, weight=1e3 * ONES)
    for model, share in ((few, 0.5), (many, 0.01)):
        assert np.isfinite(model.log_rates).all()
        hazard = np.exp(model.log_rates) / WIDTHS
        assert hazard[2] < share * hazard[1]


@given(
    st.lists(st.booleans(), min_size=2, max_size=12),
    st.integers(0, 2**31),
    st.sampled_from([1e-3, 1.0, 1e6]),
)
def test_any_small_cohort_is_calibrated_to_finite_distributions(event, seed, size):
    rng = np.random.default_rng(seed)
    event = np.array(event)
    time = rng.choice([0.5, 1.0, 2.0, 3.0, 9.0], size=len(event))
    risk = size * rng.choice([0.0, 1.0, 2.0, np.nan], size=len(event))
    sets = label_sets_from_events(event, time, TIMES)
    weight = rng.choice([0.0, 1.0, 5.0], size=len(event))
    model = fit_risks({0: risk}, sets, weight, TIMES)[0]
    log_events = model.log_events(np.array([-1e9, -1.0, 0.0, 1.0, 1e9]))
    assert model.slope >= 0
    assert np.isfinite(log_events).all()
    np.testing.assert_allclose(logsumexp(log_events), 0, atol=1e-9)
    assert (np.diff(survival_from_log_events(log_events), axis=0) <= 1e-12).all()


def test_cloglog_and_logit_agree_on_the_same_hazards():
    hazard = np.array([0.1, 0.5, 0.9, 0.3])
    rates = np.log(-np.log1p(-hazard))
    logits = np.log(hazard) - np.log1p(-hazard)
    np.testing.assert_allclose(
        log_events_from_log_rates(rates), log_events_from_hazard_logits(logits), atol=1e-12
    )
    assert np.isfinite(log_events_from_log_rates([-1e9, 1e9, 0.0])).all()
    assert isinstance(calibrated(), RiskModel)


def test_a_part_of_the_data_is_read_through_its_own_rows_alone():
    """Outcomes of rows of weight 0 change nothing; those of the others do."""
    risks = RISK[:, None]

    def data(sets):
        def estimate(weight):
            model = fit_risks({0: RISK}, sets, weight, TIMES)[0]
            return lambda rows: model.log_events(risks[rows, 0])[:, None]

        whole = FitData(estimate(ONES), (len(RISK), 1, T + 1), sets, True, "default")
        return EstimatedData(whole, estimate)

    weight = np.where(np.arange(len(RISK)) < 100, 0.0, 1.0)
    changed = EVENT.copy()
    changed[:100] = ~changed[:100]
    other = label_sets_from_events(changed, TIME, TIMES)
    (one, _), (two, _) = (next(data(sets).parts(weight[None])) for sets in (SETS, other))
    rows = slice(0, len(RISK))
    np.testing.assert_array_equal(
        one.block(rows).columns.log_proba, two.block(rows).columns.log_proba
    )
    whole = [data(sets).block(rows).columns.log_proba for sets in (SETS, other)]
    assert np.abs(whole[0] - whole[1]).max() > 0.01
    chosen = np.arange(0, len(RISK), 2)
    part, _ = next(data(SETS).subset(chosen).parts(weight[None, chosen]))
    spread = np.zeros(len(RISK))
    spread[chosen] = weight[chosen]
    full, _ = next(data(SETS).parts(spread[None]))
    np.testing.assert_array_equal(
        part.block(slice(0, 5)).columns.log_proba, full.block(chosen[:5]).columns.log_proba
    )
