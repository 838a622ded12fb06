"""Survival metrics against their definitions and against scikit-survival."""

import time as clock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_logitprod.metrics import concordance_index


def by_definition(event, time, risk, weight):
    """Over all pairs, one by one."""
    share = total = 0.0
    for i in np.flatnonzero(event):
        for j in range(len(time)):
            if time[j] > time[i] or (time[j] == time[i] and not event[j]):
                pair = weight[i] * weight[j]
                tied = abs(risk[i] - risk[j]) <= 1e-8
                share += pair * (0.5 if tied else float(risk[i] > risk[j]))
                total += pair
    return share, total


@given(st.integers(2, 40), st.integers(1, 8), st.integers(1, 6), st.integers(0, 10**6))
def test_concordance_is_the_share_of_comparable_pairs(n, n_times, n_risks, seed):
    rng = np.random.default_rng(seed)
    event, time = rng.random(n) < 0.6, rng.integers(1, n_times + 1, n) / 3
    risk, weight = rng.integers(n_risks, size=n) / 7, rng.uniform(0.1, 2.0, n)
    share, total = by_definition(event, time, risk, weight)
    if total == 0.0:
        with pytest.raises(ValueError, match="comparable"):
            concordance_index(event, time, risk, weight)
    else:
        found = concordance_index(event, time, risk, weight)
        assert found == pytest.approx(share / total, abs=1e-10)
        # only the order of risks counts, and samples have none
        assert concordance_index(event, time, np.exp(3 * risk), weight) == pytest.approx(found)
        order = rng.permutation(n)
        shuffled = concordance_index(event[order], time[order], risk[order], weight[order])
        assert shuffled == pytest.approx(found)
        reversed_risk = concordance_index(event, time, -risk, weight)
        assert reversed_risk == pytest.approx(1.0 - found)


@pytest.mark.parametrize("ties", [2, 10, 1000])
def test_concordance_is_that_of_scikit_survival(ties):
    metrics = pytest.importorskip("sksurv.metrics")
    rng = np.random.default_rng(0)
    event, time = rng.random(500) < 0.5, rng.integers(1, ties + 1, 500).astype(float)
    risk = rng.integers(0, ties, 500) / ties - time / ties
    expected = metrics.concordance_index_censored(event, time, risk)[0]
    assert concordance_index(event, time, risk) == pytest.approx(expected, abs=1e-12)


def test_concordance_of_many_samples_is_quick():
    rng = np.random.default_rng(0)
    n = 100_000
    time, risk = rng.exponential(size=n), rng.normal(size=n)
    start = clock.perf_counter()
    assert concordance_index(rng.random(n) < 0.5, time, risk) == pytest.approx(0.5, abs=0.01)
    assert clock.perf_counter() - start < 5.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([True, False], [1.0, 2.0], [0.1, np.nan]), "risk is nan in row 1"),
        (([True, False], [np.inf, 2.0], [0.1, 0.2]), "time is inf in row 0"),
        (([0.5, 1.0], [1.0, 2.0], [0.1, 0.2]), "event holds .*0.5.*swapped"),
        (([True, False], [1.0, 2.0], [0.1]), "risk has 1 entries, but event has 2"),
        (([False, False], [1.0, 2.0], [0.1, 0.2]), "No two samples are comparable"),
        (([True, False], [1.0, 2.0], [0.1, 0.2], [1.0, -1.0]), "negative"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        concordance_index(*arguments)
