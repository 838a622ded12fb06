"""Lower bounds of a mean by betting."""

import sys
from pathlib import Path

import numpy as np
import pytest

from sklearn_logitprod.deployment.betting import (
    BETS,
    SHARES,
    log_capital,
    lower_bound,
    running_bound,
)

sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "benchmarks"))

import bench_certificate

LEAST = float(np.log(0.05))


def gains(n_samples, mean=0.1, seed=0):
    """Skewed gains."""
    return bench_certificate.failing(np.random.default_rng(seed), (1, n_samples), mean)[0]


def test_bets_are_a_mixture_of_fair_ones():
    assert SHARES.sum() == pytest.approx(1.0)
    assert (BETS > 0.0).all()
    assert (BETS < 1.0).all()
    # against the true mean the expected capital is 1, whatever the bet
    values, proba = np.array([LEAST, 0.3, 2.0]), np.array([0.05, 0.85, 0.1])
    expected = sum(
        p * np.exp(log_capital(np.array([v]), LEAST, values @ proba))
        for v, p in zip(values, proba, strict=True)
    )
    assert expected == pytest.approx(1.0)


def test_capital_is_the_product_written_out():
    z, mean = gains(37), 0.02
    factors = 1.0 - BETS + BETS * (z[:, None] - LEAST) / (mean - LEAST)
    assert log_capital(z, LEAST, mean) == pytest.approx(np.log(SHARES @ factors.prod(axis=0)))


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_the_bound_is_where_the_capital_meets_the_level(level):
    z = gains(300)
    bound = lower_bound(z, LEAST, level)
    assert log_capital(z, LEAST, bound) == pytest.approx(-np.log(1.0 - level), abs=1e-5)
    assert bound < z.mean()
    assert bound > lower_bound(z, LEAST, (1.0 + level) / 2)
    assert log_capital(z, LEAST, bound - 0.01) > log_capital(z, LEAST, bound)


def test_the_order_plays_no_role():
    z = gains(501)
    assert lower_bound(z, LEAST) == lower_bound(z[::-1], LEAST)


def test_running_bound_is_the_largest_of_all_and_goes_on_where_it_was():
    z = gains(120, mean=0.2)
    each = [lower_bound(z[:n], LEAST) for n in range(1, len(z) + 1)]
    largest = running_bound(z, LEAST)
    assert largest == pytest.approx(max(each), abs=1e-7)
    assert max(each) > each[-1]
    known, n_known = None, 0
    for n in (1, 2, 50, 51, 120):
        known, n_known = running_bound(z[:n], LEAST, 0.95, n_known, known), n
        assert known == pytest.approx(max(each[:n]), abs=1e-7)


def test_gains_at_their_least_show_nothing():
    worst = np.full(20, LEAST)
    for bound in (lower_bound, running_bound):
        assert bound(worst, LEAST) == pytest.approx(LEAST, abs=1e-9)
        assert bound(np.empty(0), LEAST) == pytest.approx(LEAST, abs=1e-9)
        # the capital is finite, and nothing is divided by 0
        assert LEAST <= bound(np.append(worst, 0.4), LEAST) < 0.0


def test_one_small_gain_refutes_nothing_at_a_level_next_to_one():
    assert lower_bound(np.array([LEAST + 1e-3]), LEAST, 1.0 - 1e-15) == pytest.approx(LEAST)


def test_certain_gains_are_shown_soon():
    assert lower_bound(np.full(16, 1.0), LEAST) > 0.0
    assert lower_bound(np.full(8, 1.0), LEAST) < 0.0
    assert lower_bound(np.full(10_000, 0.3), LEAST) == pytest.approx(0.3, abs=0.002)


def test_a_huge_range_keeps_its_digits():
    z = np.append(gains(400, mean=0.3), 600.0)
    assert np.isfinite(lower_bound(z, -700.0))
    assert np.isfinite(running_bound(z, -700.0))


@pytest.mark.parametrize("wrong", [LEAST - 0.1, np.nan, np.inf])
def test_gains_that_cannot_be(wrong):
    with pytest.raises(ValueError, match="is not within"):
        lower_bound(np.array([0.1, wrong]), LEAST)


@pytest.mark.parametrize("kind", bench_certificate.KINDS)
def test_false_claims_are_rare(kind):
    draw = bench_certificate.KINDS[kind]
    _, ever = bench_certificate.false_claims(draw, 300, 150)
    # 300 draws at 5 %: more than 24 have a probability of 1 %
    assert ever <= 24 / 300


@pytest.mark.parametrize("kind", bench_certificate.KINDS)
def test_nulls_have_the_mean_that_they_claim(kind):
    z = bench_certificate.KINDS[kind](np.random.default_rng(1), (2000, 100), 0.04)
    error = z.mean(axis=1).std() / np.sqrt(2000)
    assert z.mean() == pytest.approx(0.04, abs=4.0 * error)
    assert z.min() >= LEAST


def test_gains_are_shown_where_a_wrong_bound_shows_none():
    z = bench_certificate.failing(np.random.default_rng(0), (100, 400), 0.15)
    shown = np.mean([lower_bound(own, LEAST) > 0.0 for own in z])
    blind = np.mean([lower_bound(own, -25.0) > 0.0 for own in z])
    assert shown > 0.9
    assert blind < 0.1
