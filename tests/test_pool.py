"""The pool: what mixing, blending and taking its parts apart mean, by hand."""

import numpy as np
import pytest

from sklearn_logitprod.fusion.features import Standardiser
from sklearn_logitprod.fusion.gate import Gate
from sklearn_logitprod.fusion.pool import Head, Pool, expert_shares

RNG = np.random.default_rng(0)
N, M, K = 9, 3, 4
SCORES = RNG.normal(size=(N, M, K))
LOG_PROBA = SCORES - np.log(np.exp(SCORES).sum(axis=2, keepdims=True))
LOG_PROBA[2, 1] = np.nan


def head(seed, correction=True, bias=None):
    rng = np.random.default_rng(seed)
    bias = rng.normal(size=M + 1) if bias is None else bias
    own = rng.normal(size=(M, K, K)) if correction else None
    return Head(Gate(bias), rng.normal(), rng.normal(size=K), own)


def pool(*heads, shares=None, **how):
    shares = np.full(len(heads), 1 / len(heads)) if shares is None else np.asarray(shares)
    how = {"active": np.ones(M, bool), "linear_pool": True, "features": "paper", **how}
    return Pool(heads, shares, **how)


def columns(of):
    return of.columns(LOG_PROBA.copy())


class TestBlend:
    """(1 - share) of the pool and share of a head."""

    def test_nothing_of_the_head_is_the_pool_itself(self):
        own = pool(head(0), head(1))
        assert own.blend(head(2), 0.0) is own

    def test_all_of_the_head_is_the_head_alone(self):
        own = pool(head(0), head(1), active=np.array([True, True, False]), linear_pool=False)
        own = Pool(tuple(Head(Gate(h.gate.bias[:M]), 0.1, h.class_bias) for h in own.heads),
                   own.shares, own.active, False, "default")  # fmt: skip
        only = Head(Gate(np.zeros(M)), 0.0, np.zeros(K))
        blended = own.blend(only, 1.0)
        assert blended.heads == (only,)
        assert blended.shares.tolist() == [1.0]
        assert blended.active is own.active
        assert not blended.linear_pool
        assert blended.features == "default"

    @pytest.mark.parametrize("share", [0.25, 0.9])
    def test_scores_are_those_of_both_mixed(self, share):
        own, other = pool(head(0), head(1), shares=[0.3, 0.7]), head(2)
        blended = own.blend(other, share)
        np.testing.assert_allclose(
            blended.scores(columns(own)),
            (1 - share) * own.scores(columns(own)) + share * pool(other).scores(columns(own)),
            rtol=1e-12,
        )
        assert blended.heads == (*own.heads, other)
        np.testing.assert_allclose(blended.shares, [0.3 * (1 - share), 0.7 * (1 - share), share])
        assert blended.active is own.active
        assert blended.linear_pool
        assert blended.features == "paper"


class TestCorrectionShare:
    """Norm of what the correction adds, over that and the norm of the product."""

    def test_by_hand(self):
        own = pool(head(0), head(1, correction=False), shares=[0.4, 0.6])
        columns_ = columns(own)
        coefficients = own.coefficients(columns_)
        shares = own.correction_share(columns_)
        assert shares.shape == (N,)
        for i in range(N):
            present = [m for m in range(M) if not np.isnan(LOG_PROBA[i, m, 0])]
            logs = {m: LOG_PROBA[i, m] for m in present}
            logs[M] = np.log(np.mean([np.exp(logs[m]) for m in present], axis=0))
            product = sum(coefficients[i, c] * logs[c] for c in logs)
            moved = sum(
                0.4 * own.heads[0].correction[m] @ (logs[m] - logs[m].mean()) for m in present
            )
            norms = [np.linalg.norm(part - part.mean()) for part in (moved, product)]
            np.testing.assert_allclose(shares[i], norms[0] / sum(norms), rtol=1e-10)

    def test_no_correction_moves_nothing(self):
        own = pool(head(0, correction=False))
        np.testing.assert_array_equal(own.correction_share(columns(own)), np.zeros(N))

    def test_where_nothing_moves_the_share_is_zero(self):
        flat = np.full((2, M, K), np.log(1 / K))
        own = pool(head(0))
        shares = own.correction_share(own.columns(flat))
        np.testing.assert_allclose(shares, 0.0, atol=1e-12)


def test_experts_never_seen_have_no_coefficient():
    own = pool(head(0), active=np.array([True, False, True]))
    coefficients = own.coefficients(columns(own))
    assert (coefficients[:, 1] == 0).all()
    assert (coefficients[:, [0, 2, 3]] > 0).all()


def test_shares_of_experts_divide_the_linear_pool_among_those_present():
    own = pool(head(0))
    columns_ = columns(own)
    coefficients = own.coefficients(columns_)
    weights, linear, sharpness = expert_shares(columns_, coefficients)
    np.testing.assert_allclose(sharpness, coefficients.sum(axis=1))
    np.testing.assert_allclose(linear, coefficients[:, M] / coefficients.sum(axis=1))
    np.testing.assert_allclose(
        weights[0], (coefficients[0, :M] + coefficients[0, M] / M) / coefficients[0].sum()
    )
    np.testing.assert_allclose(
        weights[2, [0, 2]],
        (coefficients[2, [0, 2]] + coefficients[2, M] / 2) / coefficients[2].sum(),
    )
    assert weights[2, 1] == 0


class TestStandardiser:
    """Three standard deviations on either side; what does not vary is ignored."""

    def test_clips_on_both_sides(self):
        standard = Standardiser(np.array([1.0]), np.array([0.5]))
        out = standard(np.array([[-100.0], [-4.9], [1.0], [6.9], [100.0], [np.nan]]))
        np.testing.assert_allclose(out[:, 0], [-3.0, -2.95, 0.0, 2.95, 3.0, 0.0])

    @pytest.mark.parametrize("level", [1e-6, 1.0, 1e6])
    def test_rounding_is_no_variation(self, level):
        # a constant, and a constant with a relative spread of 1e-4
        values = np.array([[level, level], [level, level * (1 + 1e-4)]])
        count, weight = np.full(2, 2e3), np.full(2, 1e3)
        standard = Standardiser.from_moments(count, weight @ values, weight @ values**2)
        assert standard.inverse_scale[0] == 0.0
        if level >= 1.0:
            np.testing.assert_allclose(standard.inverse_scale[1], 1 / (level * 0.5e-4), rtol=1e-3)

    def test_undefined_everywhere_is_ignored(self):
        standard = Standardiser.from_moments(np.zeros(1), np.zeros(1), np.zeros(1))
        assert standard(np.array([[np.nan]])).tolist() == [[0.0]]
