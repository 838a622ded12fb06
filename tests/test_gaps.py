"""Experts that are missing only later: the fitted model knows how to do without them."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from sklearn_logitprod import LogitProdClassifier, LogitProdClassifierCV, LogitProdSurvival
from sklearn_logitprod.fusion.gaps import Gaps, nonnegative_minimum
from sklearn_logitprod.fusion.likelihood import ClassLabels
from sklearn_logitprod.training.data import FitData
from sklearn_logitprod.training.gaps import fit_gaps
from sklearn_logitprod.training.guarantee import with_gaps


def _experts(n_samples=400, n_classes=2, seed=0):
    """One strong expert, a weaker one with the same view, and two weak ones of their own."""
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n_samples)
    truth = np.eye(n_classes)[y]
    shared = rng.normal(size=(n_samples, n_classes))
    own = rng.normal(size=(3, n_samples, n_classes))
    logits = [3.0 * truth + shared, truth + 0.5 * shared + own[0], 0.5 * truth + own[1]]
    logits.append(0.5 * truth + own[2])
    return np.stack(logits, axis=1), y


def _without(X, *experts):
    X = X.copy()
    X[:, list(experts)] = np.nan
    return X


def _log_loss(model, X, y):
    return -model.predict_log_proba(X)[np.arange(len(y)), y].mean()


def _renormalising(model):
    other = LogitProdClassifier(**model.get_params(deep=False))
    vars(other).update(vars(model))
    other.pool_ = replace(model.pool_, gaps=None)
    return other


@pytest.mark.parametrize("gate_width", ["auto", None, 0])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("missing", [(0,), (0, 2), (0, 1)])
def test_near_a_refit_without_the_missing_experts(gate_width, n_classes, missing):
    X, y = _experts(n_classes=n_classes)
    new, truth = _experts(4000, n_classes, seed=1)
    model = LogitProdClassifier(gate_width=gate_width).fit(X, y)
    left = np.delete(np.arange(4), missing)
    refit = LogitProdClassifier(gate_width=gate_width).fit(X[:, left], y)
    best = _log_loss(refit, new[:, left], truth)
    gapped = _without(new, *missing)
    before = _log_loss(_renormalising(model), gapped, truth) - best
    after = _log_loss(model, gapped, truth) - best
    assert before > 0.03
    assert after < 0.25 * before


def test_nothing_changes_where_nothing_is_missing():
    X, y = _experts()
    model = LogitProdClassifier().fit(X, y)
    plain = _renormalising(model)
    np.testing.assert_array_equal(model.predict_log_proba(X), plain.predict_log_proba(X))
    some = X.copy()
    some[::3, 0] = np.nan
    whole = ~np.isnan(some[:, 0, 0])
    # the same rows beside others that lack an expert
    np.testing.assert_array_equal(
        model.predict_log_proba(some)[whole], plain.predict_log_proba(some)[whole]
    )
    assert not np.allclose(model.predict_log_proba(some), plain.predict_log_proba(some))


def test_rows_do_not_depend_on_those_beside_them():
    X, y = _experts()
    model = LogitProdClassifier().fit(X, y)
    rng = np.random.default_rng(0)
    gapped = np.where(rng.random(X.shape[:2])[:, :, None] < 0.4, np.nan, X)
    gapped = gapped[~np.isnan(gapped[:, :, 0]).all(axis=1)]
    whole = model.predict_log_proba(gapped)
    alone = np.concatenate([model.predict_log_proba(row[None]) for row in gapped[:40]])
    np.testing.assert_allclose(whole[:40], alone, rtol=0, atol=1e-12)


def test_scores_are_made_of_coefficients_and_contributions():
    X, y = _experts(n_classes=3)
    model = LogitProdClassifier(cross_class=3.0).fit(X, y)
    columns = model.pool_.columns(model.expert_logits(_without(X, 0, 2)))
    multipliers, shift = model.pool_.gap_terms(columns)
    scores = np.einsum("nc,nck->nk", model.pool_.coefficients(columns), columns.log_proba)
    evidence = columns.evidence.reshape(len(X), 4, 3) * multipliers[:, :4, None]
    scores += np.einsum("nmj,mkj->nk", evidence, model.cross_class_) + model.class_bias_ + shift
    np.testing.assert_allclose(model.pool_.scores(columns), scores, rtol=0, atol=1e-10)
    weights = model.expert_weights(_without(X, 0, 2))
    assert (weights[:, [0, 2]] == 0.0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    share = model.cross_class_share(_without(X, 0, 2))
    assert ((share >= 0) & (share <= 1)).all()


def test_the_guarantee_holds_where_the_fit_has_gaps():
    rng = np.random.default_rng(0)
    shares = []
    for seed in range(20):
        X, y = _experts(60, seed=seed)
        X[rng.random(X.shape[:2]) < 0.3] = np.nan
        whole = ~np.isnan(X[:, :, 0]).all(axis=1)
        model = LogitProdClassifier().fit(X[whole], y[whole])
        assert model.guarantee_gap_ <= 0.0
        loss = _log_loss(model, X[whole], y[whole])
        assert loss == pytest.approx(model.loss_, abs=1e-9)
        assert loss <= model.reference_losses_.min() + 1e-12
        shares.append(model.pool_.gaps.share)
    assert max(shares) == 1.0


def test_only_the_guarantee_bounds_what_is_applied():
    X, y = _experts(60, seed=3)
    X[:20, 0] = np.nan
    log_proba = X - np.log(np.exp(X).sum(axis=2, keepdims=True))
    data = FitData(lambda rows: log_proba[rows], X.shape, ClassLabels(y), True, "default")
    weight = np.linspace(0.5, 1.5, len(y))
    plain = replace(LogitProdClassifier().fit(X, y).pool_, gaps=None)
    gaps = fit_gaps(plain, data, weight)

    def loss(pool):
        scores = pool.log_proba(pool.columns(log_proba.copy()))
        return weight @ -scores[np.arange(len(y)), y] / weight.sum()

    own, whole = loss(plain), loss(replace(plain, gaps=gaps))
    # otherwise there would be nothing to bound
    assert whole > own
    for ceiling in (own, 0.5 * (own + whole), whole + 0.1):
        pool, found = with_gaps(plain, gaps, data, weight, ceiling)
        found = own if found is None else found
        assert found == pytest.approx(loss(pool), abs=1e-12)
        assert found <= max(ceiling, own) + 1e-14
        # as much as the ceiling admits
        assert found == pytest.approx(min(ceiling, whole), abs=1e-6)
    # at the ceiling already, and summed anew a rounding above: the loss stays what it was
    pool, found = with_gaps(plain, gaps, data, weight, own * (1.0 - 1e-15))
    assert found is None
    assert pool.gaps.share == 0.0
    assert loss(pool) == pytest.approx(own, abs=1e-14)


def test_one_row_with_a_gap_does_not_undo_what_was_learned():
    X, y = _experts()
    new, truth = _experts(4000, seed=1)
    gapped = _without(new, 0)
    whole = LogitProdClassifier().fit(X, y)
    renormalised = _log_loss(_renormalising(whole), gapped, truth)
    learned = _log_loss(whole, gapped, truth)
    for row in range(6):
        few = X.copy()
        few[row, 0] = np.nan
        loss = _log_loss(LogitProdClassifier().fit(few, y), gapped, truth)
        assert loss < learned + 0.1 * (renormalised - learned)


def test_pickles_and_searches_keep_it():
    X, y = _experts()
    search = LogitProdClassifierCV(gate_widths=(None, 0), temperatures=(1.0,), alphas=(100.0,))
    for model in (LogitProdClassifier().fit(X, y), search.fit(X, y)):
        copy = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(
            copy.predict_proba(_without(X, 0)), model.predict_proba(_without(X, 0))
        )
    assert search.best_estimator_.pool_.gaps is not None


def test_what_was_predicted_before_is_not_in_the_pickle():
    X, y = _experts()
    model = LogitProdClassifier().fit(X, y)
    before = len(pickle.dumps(model))
    model.predict(_without(X, 0, 1))
    assert len(pickle.dumps(model)) == before


def test_survival():
    rng = np.random.default_rng(0)
    time = rng.exponential(size=(2, 400))
    experts = [np.log(time[..., None]) + noise * rng.normal(size=(2, 400, 1)) for noise in (0.2, 2)]
    experts.append(np.log(time[..., None]) + 2 * rng.normal(size=(2, 400, 1)))
    X = -np.concatenate(experts, axis=2)
    y = [np.array(list(zip(np.ones(400, bool), t, strict=True)), "?,f8") for t in time]
    for own in y:
        own.dtype.names = ("event", "time")
    model = LogitProdSurvival(input="risk").fit(X[0], y[0])
    refit = LogitProdSurvival(input="risk").fit(X[0][:, 1:], y[0])
    plain = LogitProdSurvival(input="risk")
    vars(plain).update(vars(model))
    plain.pool_ = replace(model.pool_, gaps=None)
    gapped = X[1].copy()
    gapped[:, 0] = np.nan
    curves = [
        one.predict_survival_function(data, return_array=True)
        for one, data in ((model, gapped), (plain, gapped), (refit, X[1][:, 1:]))
    ]
    after, before = (np.abs(own[:, :-1] - curves[2][:, :-1]).mean() for own in curves[:2])
    assert after < 0.6 * before


def test_one_expert_has_no_gaps():
    X, y = _experts()
    assert LogitProdClassifier().fit(X[:, :1], y).pool_.gaps is None


def test_nonnegative_minimum():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(6, 5))
    curvature, pull = root.T @ root, rng.normal(size=5)
    found = nonnegative_minimum(curvature, pull)
    slope = curvature @ found - pull
    assert (found >= 0).all()
    assert (slope > -1e-8).all()
    assert abs(slope @ found) < 1e-8
    assert (found == 0).any()
    assert (found > 0).any()


def test_where_losses_are_quadratic_several_missing_experts_are_left_out_exactly():
    rng = np.random.default_rng(1)
    root, scale = rng.normal(size=(9, 5)), np.array([1.0, 2.0, 0.5, 1.5, 1.0])
    curvature, precision = 0.1 * root.T @ root, np.diag(scale**2)
    pull = curvature @ np.full(5, 2.0)

    def best(missing, centre):
        kept = np.setdiff1d(np.arange(5), missing)
        out = np.zeros(5)
        whole = (curvature + precision)[np.ix_(kept, kept)]
        out[kept] = np.linalg.solve(whole, (pull + centre * scale**2)[kept])
        assert (out[kept] > 0).all()
        return out

    one = np.array([best([m], 1.0) for m in range(4)])
    shift, response = rng.normal(size=(4, 3)), rng.normal(size=(4, 3, 5))
    weight = np.array([0.1, 0.4, 0.2, 0.3])
    gaps = Gaps(one, shift, np.array([curvature] * 4), response, np.array([scale] * 4), weight)
    rows = np.array([[0, 0, 0, 0], [0, 0, 1, 0], [1, 1, 0, 0], [0, 1, 0, 1]], dtype=bool)
    multipliers, shifts = gaps.terms(rows)
    np.testing.assert_array_equal(multipliers[0], np.ones(5))
    np.testing.assert_array_equal(shifts[0], np.zeros(3))
    np.testing.assert_array_equal(multipliers[1], one[2])
    np.testing.assert_array_equal(shifts[1], shift[2])
    for row in (2, 3):
        missing = np.flatnonzero(rows[row])
        larger = scale.sum() / np.delete(scale, missing).sum()
        whole = best(missing, larger)
        np.testing.assert_allclose(multipliers[row], whole / larger, rtol=1e-6)
        # of those that are missing, 1 weighs most
        expected = shift[1] + response[1] @ (whole - one[1])
        np.testing.assert_allclose(shifts[row], expected, rtol=1e-6)
    half = gaps.applied(0.5).scaled(3.0).terms(rows)
    np.testing.assert_allclose(half[0], 0.5 + 0.5 * multipliers)
    np.testing.assert_allclose(half[1], 1.5 * shifts)
