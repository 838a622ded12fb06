"""Survival metrics against scikit-survival, lifelines and worked cases."""

import numpy as np
import pytest
from scipy.stats import kstest

from sklearn_logitprod.metrics import (
    brier_score,
    concordance_index_ipcw,
    d_calibration,
    integrated_brier_score,
    kaplan_meier,
    safe_time_grid,
)


def make_cohort(seed, n=80, ties=True):
    rng = np.random.default_rng(seed)
    time, censored = rng.exponential(5.0, size=n), rng.exponential(8.0, size=n)
    y = np.empty(n, dtype=[("event", bool), ("time", float)])
    y["event"], y["time"] = time <= censored, np.minimum(time, censored)
    if ties:
        y["time"] = np.ceil(y["time"])
    risk = -np.log(time) + rng.normal(size=n)
    return y, np.round(risk) if ties else risk


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_ipcw_concordance_is_that_of_scikit_survival(seed, ties):
    metrics = pytest.importorskip("sksurv.metrics")
    (train, _), (test, risk) = make_cohort(seed, 120, ties), make_cohort(100 + seed, 60, ties)
    tau = np.quantile(train["time"], 0.8)
    ours = concordance_index_ipcw(train, test, risk, tau=tau)
    theirs = metrics.concordance_index_ipcw(train, test, risk, tau=tau)[0]
    assert ours == pytest.approx(theirs, abs=1e-8)
    inside = test["time"] < train["time"].max()
    ours = concordance_index_ipcw(train, test[inside], risk[inside])
    theirs = metrics.concordance_index_ipcw(train, test[inside], risk[inside])[0]
    assert ours == pytest.approx(theirs, abs=1e-8)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_brier_scores_are_those_of_scikit_survival(seed, ties):
    metrics = pytest.importorskip("sksurv.metrics")
    (train, _), (test, risk) = make_cohort(seed, 120, ties), make_cohort(100 + seed, 60, ties)
    test = test[test["time"] < train["time"].max()]
    times = safe_time_grid(train, test, n_times=15)
    curves = np.exp(-np.exp(risk[: len(test), None]) * times / 5.0)
    theirs = metrics.brier_score(train, test, curves, times)[1]
    np.testing.assert_allclose(brier_score(train, test, curves, times), theirs, atol=1e-8)
    ours = integrated_brier_score(train, test, curves, times)
    theirs = metrics.integrated_brier_score(train, test, curves, times)
    assert ours == pytest.approx(theirs, abs=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_kaplan_meier_is_that_of_lifelines_and_scikit_survival(seed):
    y, _ = make_cohort(seed)
    times = np.unique(y["time"])
    ours = kaplan_meier(y["event"], y["time"], times)
    nonparametric = pytest.importorskip("sksurv.nonparametric")
    known, theirs = nonparametric.kaplan_meier_estimator(y["event"], y["time"])
    np.testing.assert_array_equal(known, times)
    np.testing.assert_allclose(ours, theirs, atol=1e-8)
    lifelines = pytest.importorskip("lifelines")
    fitter = lifelines.KaplanMeierFitter().fit(y["time"], y["event"])
    np.testing.assert_allclose(ours, fitter.predict(times), atol=1e-8)


def test_safe_times_are_where_scikit_survival_scores():
    metrics = pytest.importorskip("sksurv.metrics")
    train, _ = make_cohort(0, 60)
    test, _ = make_cohort(1, 60)
    test = test[test["time"] < train["time"].max()]
    times = safe_time_grid(train, test)
    assert len(times) == 100
    curves = np.full((len(test), len(times)), 0.5)
    assert np.isfinite(metrics.integrated_brier_score(train, test, curves, times))
    wide = np.linspace(0.0, 2.0 * train["time"].max(), 50)
    kept = safe_time_grid(train, test, wide)
    assert 1 < len(kept) < 50
    metrics.brier_score(train, test, curves[:, : len(kept)], kept)


def test_late_test_samples_do_not_stop_the_brier_score():
    # they outlived all times that are asked for, which needs no weight of their own
    train, _ = make_cohort(0)
    late = np.array([(True, 1e3), (True, 2.0)], dtype=train.dtype)
    score = brier_score(train, late, [[1.0], [0.0]], [3.0])
    assert score == pytest.approx([0.0])


def test_d_calibration_by_hand():
    # Haider et al. 2020: (0.5 - 0.4) / 0.5 in its own bin, 0.2 / 0.5 in each below
    result = d_calibration([False], [1.0], [0.5], n_bins=5)
    np.testing.assert_allclose(result.proportions, [0.4, 0.4, 0.2, 0.0, 0.0])
    assert result.statistic == pytest.approx(5 * (0.2**2 * 2 + 0.0 + 0.2**2 * 2))
    even = d_calibration(np.ones(10, bool), np.ones(10), np.arange(10) / 10 + 0.05)
    assert (even.statistic, even.pvalue) == (pytest.approx(0.0), pytest.approx(1.0))
    ends = d_calibration([True, True, False], [1, 1, 1], [0.0, 1.0, 0.0], n_bins=2)
    np.testing.assert_allclose(ends.proportions, [2 / 3, 1 / 3])


def test_d_calibration_under_right_and_wrong_curves():
    rng = np.random.default_rng(0)
    pvalues = []
    for _ in range(200):
        time = rng.exponential(1.0, size=300)
        right = d_calibration(np.ones(300, bool), time, np.exp(-time))
        pvalues.append(right.pvalue)
    assert kstest(pvalues, "uniform").pvalue > 0.01
    assert d_calibration(np.ones(300, bool), time, np.exp(-3.0 * time)).pvalue < 1e-6
    censored = rng.exponential(1.0, size=300)
    seen = np.minimum(time, censored)
    assert d_calibration(time <= censored, seen, np.exp(-seen)).pvalue > 0.01


def test_pairs_tables_and_structured_arrays_say_the_same():
    pd = pytest.importorskip("pandas")
    y, risk = make_cohort(3)
    frame = pd.DataFrame({"time": y["time"], "event": y["event"].astype(int), "age": 1.0})
    tau = 6.0
    expected = concordance_index_ipcw(y, y, risk, tau)
    assert concordance_index_ipcw(frame, frame, risk, tau) == expected
    pair = y["event"].tolist(), y["time"].tolist()
    assert concordance_index_ipcw(pair, pair, risk, tau) == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda y: brier_score(y, y, np.ones((80, 2)), [2.0, 1e4]), "not defined at 10000"),
        (lambda y: brier_score(y, y, np.ones((80, 3)), [1.0, 2.0]), r"expected \(80, 2\)"),
        (lambda y: brier_score(y, y, np.full((80, 1), 1.5), [2.0]), r"1.5 in row 0 at time 2"),
        (lambda y: brier_score(y, y, np.ones((80, 2)), [3.0, 2.0]), "must increase"),
        (lambda y: integrated_brier_score(y, y, np.ones((80, 1)), [2.0]), "two times or more"),
        (lambda y: safe_time_grid(y, y, [1e5]), "None of the 1 times is within the follow-up"),
        (lambda y: safe_time_grid(np.ones(5), y), "survival_train is an array of float64"),
        (lambda y: kaplan_meier([1.5, 0], [1, 2], [1]), "Are event and time swapped"),
        (lambda y: kaplan_meier([True], [-1.0], [1]), "negative time in row 0"),
        (lambda y: kaplan_meier([True], [np.nan], [1]), "time is nan in row 0"),
        (lambda y: d_calibration([True], [1.0], [1.5]), "1.5 in row 0; probabilities"),
        (lambda y: d_calibration([True], [1.0], [0.5], n_bins=1), "two bins or more"),
        (
            lambda y: concordance_index_ipcw(y[y["time"] < 3], y, np.ones(80)),
            "after the last training time|All training samples are censored",
        ),
    ],
)
def test_bad_input(call, message):
    y, _ = make_cohort(0)
    with pytest.raises(ValueError, match=message):
        call(y)
