"""The pool: what mixing, blending and taking its parts apart mean, by hand."""

import numpy as np
import pytest

from sklearn_logitprod.fusion.columns import make_columns
from sklearn_logitprod.fusion.extended import ExtendedPool
from sklearn_logitprod.fusion.family import CATEGORICAL
from sklearn_logitprod.fusion.features import Standardiser
from sklearn_logitprod.fusion.gate import Gate
from sklearn_logitprod.fusion.logits import FLOOR
from sklearn_logitprod.fusion.pool import Head, Pool, expert_shares, fused_scores
from sklearn_logitprod.fusion.safety import SafePool

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


def test_scores_of_hundreds_of_experts_are_the_sum_over_all():
    rng = np.random.default_rng(2)
    many = make_columns(np.log(rng.dirichlet(np.ones(K), size=(2, 400))))
    coefficients = rng.random((2, 401)) * (rng.random(401) < 0.1)
    expected = np.einsum("nc,nck->nk", coefficients, many.log_proba) + np.arange(K)
    np.testing.assert_allclose(fused_scores(many, coefficients, np.arange(K)), expected)


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


def test_disagreement_is_the_entropy_of_the_mixture_less_the_mean_one():
    proba = np.array([[[0.5, 0.5], [0.9, 0.1], [1.0, 1.0]], [[0.3, 0.7]] * 3])
    weights = np.array([[0.25, 0.75, 0.0], [0.2, 0.3, 0.5]])
    entropy = [-sum(p * np.log(p) for p in own) for own in ([0.8, 0.2], [0.5, 0.5], [0.9, 0.1])]
    np.testing.assert_allclose(
        CATEGORICAL.disagreement(np.log(proba), weights),
        [entropy[0] - 0.25 * entropy[1] - 0.75 * entropy[2], 0.0],
        atol=1e-15,
    )


class TestExtended:
    """Two pools, one within the other: three experts, two more, and one more."""

    rng = np.random.default_rng(1)
    log_proba = np.log(rng.dirichlet(np.ones(K), size=(N, M + 3)))
    log_proba[2, 1] = log_proba[4, M:] = log_proba[5, :M] = np.nan

    def extended(self, *n_new):
        own = pool(head(0))
        for seed, n in enumerate(n_new, start=1):
            rng = np.random.default_rng(seed)
            gate, correction = Gate(rng.normal(size=1 + n)), rng.normal(size=(1 + n, K, K))
            only = Head(gate, rng.normal(), rng.normal(size=K), correction)
            own = ExtendedPool(own, pool(only, active=np.ones(1 + n, bool), linear_pool=False))
        return own, own.columns(self.log_proba[:, : len(own.active)].copy())

    def test_columns_are_those_of_all_experts(self):
        _, columns_ = self.extended(2, 1)
        known = ~np.isnan(self.log_proba[:, :, 0])
        assert columns_.n_experts == M + 3
        np.testing.assert_array_equal(columns_.present, known)
        np.testing.assert_array_equal(columns_.log_proba[known], self.log_proba[known])

    def test_rows_without_new_experts_are_the_old_pools(self):
        own, columns_ = self.extended(2)
        for name in ("log_proba", "correction_share", "disagreement"):
            whole, old = getattr(own, name)(columns_), getattr(own.old, name)(columns_.old)
            np.testing.assert_allclose(whole[4], old[4], atol=1e-12)

    def test_what_neither_correction_moves_is_left(self):
        own, columns_ = self.extended(2)
        inner = own.old.correction_share(columns_.old)
        outer = own.top.correction_share(columns_.top)
        weight = own.top.expert_shares(columns_.top)[0][:, 0]
        left = (1.0 - outer) * (1.0 - weight * inner)
        with_new = np.arange(N) != 4
        found = own.correction_share(columns_)
        np.testing.assert_allclose(found[with_new], 1.0 - left[with_new])

    def test_moving_twice_is_moving_by_both(self):
        own, columns_ = self.extended(2)
        shift = np.array([0.3, -0.2, 0.1, 0.0])
        twice = own.moved(0.4, shift).moved(-0.1, 2.0 * shift)
        np.testing.assert_allclose(
            twice.scores(columns_),
            np.exp(-0.1) * (np.exp(0.4) * own.scores(columns_) + shift) + 2.0 * shift,
        )

    def test_a_safety_tells_of_the_product_within(self):
        own, columns_ = self.extended(2)
        safe = SafePool(own, 0.05, np.full(M + 4, 1 / (M + 4)))
        outer = safe.columns(self.log_proba[:, : M + 2].copy())
        for name in ("correction_share", "disagreement", "expert_shares"):
            for one, two in zip(getattr(safe, name)(outer), getattr(own, name)(columns_)):
                np.testing.assert_array_equal(one, two)


def test_least_gains_are_the_shares_of_what_a_reference_falls_back_on():
    mass = np.array([0.1, 0.2, 0.25, 0.15, 0.3])
    safe = SafePool(pool(head(0)), 0.05, mass)
    found = [np.exp(safe.least_gain(position)) / 0.05 for position in range(M + 2)]
    # missing, an expert is the mean of logits, which holds 0.15, and the mean of three 0.3
    np.testing.assert_allclose(found, [0.2, 0.3, 0.35, 0.15, 0.4])
    some = SafePool(pool(head(0), active=np.array([False, True, True])), 0.05, mass)
    np.testing.assert_allclose(np.exp(some.least_gain(1)) / 0.05, 0.35)
    np.testing.assert_allclose(np.exp(some.least_gain(M + 1)) / 0.05, 0.5)
    none = SafePool(pool(head(0)), 0.05, np.eye(M + 2)[0])
    np.testing.assert_allclose(np.exp(none.least_gain(M)) / 0.05, FLOOR / K)


def test_the_reference_of_a_safety_holds_experts_that_count_and_are_present():
    own = pool(head(0), active=np.array([False, True, True]))
    mass = np.array([0.0, 0.0, 0.0, 0.4, 0.6])
    found = SafePool(own, 0.05, mass).columns(LOG_PROBA.copy()).reference
    logits = np.nanmean(LOG_PROBA[:, 1:], axis=1)
    logits = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = 0.4 * logits + 0.6 * np.nanmean(np.exp(LOG_PROBA[:, 1:]), axis=1)
    np.testing.assert_allclose(np.exp(found), expected)


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
