"""After the fit: other sites, further experts, a safety."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sklearn_logitprod import (
    LogitProdClassifier,
    LogitProdClassifierCV,
    LogitProdSurvival,
    stack_outputs,
)
from sklearn_logitprod.deployment import adapt, add_expert, certify, with_safety
from sklearn_logitprod.fusion.likelihood import ClassLabels
from sklearn_logitprod.io import ExpertOutputs
from sklearn_logitprod.targets.events import check_events
from sklearn_logitprod.training.affine import _Problem, fit_affine

CLASSES = np.array(["a", "b", "c"])


def task(n_samples=240, n_experts=4, n_classes=3, seed=0, shift=0.0):
    """Labels, and logits of experts that know something of them."""
    random = np.random.default_rng(seed)
    y = random.integers(0, n_classes, n_samples)
    logits = 1.5 * np.eye(n_classes)[y][:, None] + random.normal(
        size=(n_samples, n_experts, n_classes)
    )
    logits[:, :, 0] += shift
    return logits, CLASSES[y]


def events(n_samples=200, n_experts=4, seed=0):
    """Times with censoring, and risks of experts."""
    random = np.random.default_rng(seed)
    time = random.exponential(5.0, n_samples) + 0.1
    y = np.array(
        list(zip(random.random(n_samples) < 0.7, time, strict=True)),
        dtype=[("event", bool), ("time", float)],
    )
    return -np.log(time)[:, None] + random.normal(size=(n_samples, n_experts)), y


def log_loss(model, X, y):
    """Mean log-loss."""
    return -model.predict_log_proba(X)[np.arange(len(y)), np.searchsorted(CLASSES, y)].mean()


@pytest.fixture(scope="module")
def fitted():
    """A model of the automatic path on three experts."""
    logits, y = task()
    return LogitProdClassifier().fit(logits[:, :3], y)


# --- adapt


def test_adapt_averages_over_priors_by_their_evidence():
    # one class bias and sharpness are few enough to integrate over: evidence by quadrature
    random = np.random.default_rng(0)
    odds = random.normal(size=40) * 2.0
    y = (random.random(40) < 1.0 / (1.0 + np.exp(-0.5 * odds - 1.0))).astype(int)
    scores = np.stack([-0.5 * odds, 0.5 * odds], axis=1)
    problem = _Problem(scores, ClassLabels(y), np.ones(40))
    grid = np.linspace(-4, 4, 81)
    log_s, first, second = (axis.ravel() for axis in np.meshgrid(grid, grid, grid))
    for sharpness, bias in [(1.0, 1.0), (10.0, 3.0)]:
        margin = np.exp(log_s)[:, None] * odds + (second - first)[:, None]
        log_likelihood = -np.logaddexp(0.0, np.where(y == 1, -margin, margin)).sum(axis=1)
        squares = sharpness * log_s**2 + bias * (first**2 + second**2)
        norm = 0.5 * np.log(sharpness * bias**2 / (2 * np.pi) ** 3)
        expected = logsumexp(log_likelihood - 0.5 * squares + norm) + 3 * np.log(grid[1] - grid[0])
        point, evidence = problem.solve(problem.at(np.zeros(3)), sharpness, bias)
        assert evidence == pytest.approx(expected, abs=0.1)
        best = np.argmax(log_likelihood - 0.5 * squares)
        np.testing.assert_allclose(point.theta, [log_s[best], first[best], second[best]], atol=0.06)
    unmoved, evidence = problem.solve(point, 1e6, 1e6)
    assert np.abs(unmoved.theta).max() < 1e-4
    assert evidence == pytest.approx(-ClassLabels(y).loss(scores).sum(), abs=1e-3)


def test_adapt_does_not_search_for_what_rounding_hides(monkeypatch):
    random = np.random.default_rng(0)
    y = random.integers(0, 3, 2000)
    scores = np.eye(3)[y] + random.normal(size=(2000, 3))
    evaluated, at = [], _Problem.at
    monkeypatch.setattr(_Problem, "at", lambda self, theta: evaluated.append(0) or at(self, theta))
    fit_affine(scores, ClassLabels(y), np.full(2000, 1e5))
    # 24 priors, and some steps to the first of them
    assert len(evaluated) <= 60


def test_adapt_says_what_it_moved(fitted):
    logits, y = task(60, 3, seed=1, shift=2.0)
    adapted = adapt(fitted, logits, y)
    (step,) = adapted.deployment_
    scores = step["sharpness"] * fitted.predict_log_proba(logits) + step["class_bias"]
    expected = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(adapted.predict_log_proba(logits), expected, atol=1e-10)
    np.testing.assert_allclose(adapted.expert_weights(logits), fitted.expert_weights(logits))
    assert step["class_bias"].argmin() == 0


def test_little_moves_where_nothing_has_changed(fitted):
    moved = [adapt(fitted, *task(20, 3, seed=seed)).deployment_[0] for seed in range(10, 20)]
    assert np.median([np.abs(step["class_bias"]).max() for step in moved]) < 0.1
    assert np.median([abs(np.log(step["sharpness"])) for step in moved]) < 0.1


def test_adapt_is_the_same_move_where_experts_are_missing(fitted):
    logits, y = task(30, 3, seed=1, shift=1.0)
    adapted = adapt(fitted, logits, y)
    logits[:, 0] = np.nan
    (step,) = adapted.deployment_
    scores = step["sharpness"] * fitted.predict_log_proba(logits) + step["class_bias"]
    expected = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(adapted.predict_log_proba(logits), expected, atol=1e-10)


def test_few_labels_help_at_another_site(fitted):
    logits, y = task(400, 3, seed=2, shift=2.0)
    losses = [log_loss(adapt(fitted, logits[:n], y[:n]), logits[200:], y[200:]) for n in (20, 200)]
    assert log_loss(fitted, logits[200:], y[200:]) > losses[0] + 0.05
    assert losses[1] < losses[0] + 0.02


def test_adapt_to_one_class_alone_is_held_by_the_prior(fitted):
    logits, y = task(60, 3, seed=1)
    only = logits[y == "b"][:10]
    adapted = adapt(fitted, only, ["b"] * 10)
    shares = [model.predict_proba(logits)[:, 1].mean() for model in (fitted, adapted)]
    assert shares[0] < shares[1] < 0.8


def test_groups_of_dependent_rows_move_less(fitted):
    logits, y = task(12, 3, seed=1, shift=2.0)
    logits, y = np.repeat(logits, 5, axis=0), np.repeat(y, 5)
    groups = np.repeat(np.arange(12), 5)
    moved = [
        np.abs(adapt(fitted, logits, y, groups=own).deployment_[0]["class_bias"]).max()
        for own in (None, groups)
    ]
    assert moved[1] < 0.9 * moved[0]


def test_rows_without_weight_play_no_role(fitted):
    logits, y = task(30, 3, seed=1)
    weight = np.arange(30) < 20
    some = adapt(fitted, logits, y, sample_weight=weight.astype(float))
    same = adapt(fitted, logits[:20], y[:20])
    np.testing.assert_allclose(some.predict_proba(logits), same.predict_proba(logits), atol=1e-6)
    assert some.deployment_[0]["n_samples"] == 20


def test_the_old_model_stays_as_it_was(fitted):
    logits, y = task(30, 3, seed=1)
    before = fitted.predict_proba(logits)
    adapted = adapt(fitted, logits, y)
    adapted.set_output(transform="pandas")
    adapted.pool_.heads[0].class_bias[:] = 9.0
    np.testing.assert_array_equal(fitted.predict_proba(logits), before)
    assert fitted.deployment_ == []
    assert isinstance(fitted.expert_weights(logits), np.ndarray)


def test_a_model_says_what_was_done_to_it_and_a_refit_forgets(fitted):
    logits, y = task(30, 3, seed=1)
    adapted = with_safety(adapt(fitted, logits, y), 0.1)
    assert "adapted to 30 labelled rows" in repr(adapted)
    assert "safety: 10 % of" in adapted._repr_html_()
    loaded = pickle.loads(pickle.dumps(adapted))
    np.testing.assert_array_equal(loaded.predict_proba(logits), adapted.predict_proba(logits))
    assert repr(loaded) == repr(adapted)
    assert repr(clone(adapted)) == "LogitProdClassifier()"
    assert adapted.fit(logits, y).deployment_ == []


def test_rows_of_the_fit_are_recognised(fitted):
    logits, y = task()
    with pytest.warns(UserWarning, match="rows that the model was fitted on"):
        adapt(fitted, logits[:20, :3] + 1e-9, y[:20])


def test_experts_that_were_trained_on_the_rows_are_told():
    random = np.random.default_rng(0)
    X = random.normal(size=(300, 4))
    y = (X[:, 0] + random.normal(size=300) > 0).astype(int)
    experts = [("forest", RandomForestClassifier(30, random_state=0)), ("nb", GaussianNB())]
    model = LogitProdClassifier(experts, cv=3, gate_width=None).fit(X, y)
    for function in (adapt, lambda *given: certify(with_safety(given[0]), *given[1:])):
        with pytest.warns(UserWarning, match=r"forest make next to no error.*Cross-fitted"):
            function(model, X, y)


def test_some_rows_of_a_large_fit_are_recognised():
    logits, y = task(5000, 2)
    model = LogitProdClassifier(gate_width=None).fit(logits, y)
    assert len(model.fit_rows_) == 1000
    with pytest.warns(UserWarning, match="rows that the model was fitted on"):
        adapt(model, logits[:200], y[:200])
    adapt(model, *task(5000, 2, seed=1))


def test_certain_experts_are_no_rows_of_the_fit():
    logits, y = task(600, 2, 2)
    certain = 1e3 * np.sign(logits[:, :, 1] - logits[:, :, 0])
    certain[:4] += [[0.1], [0.2], [0.3], [0.4]]
    model = LogitProdClassifier(gate_width=None).fit(certain[:300], y[:300])
    adapt(model, certain[300:], y[300:])


def test_survival_adapts_sharpness_and_intervals():
    risk, y = events()
    model = LogitProdSurvival(input="risk").fit(risk[:150, :3], y[:150])
    late = y[150:].copy()
    late["time"] *= 3.0
    adapted = adapt(model, risk[150:, :3], late)
    before, after = (m.predict_survival_function(risk[150:, :3], True) for m in (model, adapted))
    assert (after.mean(axis=0) > before.mean(axis=0)).all()


# --- add_expert


@pytest.mark.parametrize("seed", range(8))
def test_an_added_expert_never_costs_on_its_rows(seed):
    random = np.random.default_rng(seed)
    logits, y = task(80, 4, seed=seed)
    model = LogitProdClassifier(gate_width=[None, "auto"][seed % 2]).fit(logits[:, :3], y)
    new, labels = task(40, 4, seed=seed + 100, shift=random.normal())
    new[:, 3] *= random.choice([-1.0, 0.0, 1.0, 3.0])
    new[random.random((40, 4)) < 0.1 * (seed % 3)] = np.nan
    kept = ~np.isnan(new[:, :3, 0]).all(axis=1)
    new, labels = new[kept], labels[kept]
    larger = add_expert(model, new, labels)
    assert log_loss(larger, new, labels) <= log_loss(model, new[:, :3], labels) + 1e-12
    assert larger.guarantee_gap_ <= 0.0
    assert larger.loss_ == pytest.approx(log_loss(larger, new, labels), abs=1e-12)


def test_added_experts_are_worth_about_a_refit():
    logits, y = task(600, 4)
    rows, held = slice(0, 300), slice(300, None)
    old = LogitProdClassifier().fit(logits[rows, :3], y[rows])
    larger = add_expert(old, logits[rows], y[rows])
    whole = LogitProdClassifier().fit(logits[rows], y[rows])
    losses = [log_loss(model, logits[held], y[held]) for model in (larger, whole)]
    assert losses[0] < losses[1] + 0.02 < log_loss(old, logits[held, :3], y[held])
    assert larger.expert_weights(logits[held])[:, 3].mean() == pytest.approx(0.2, abs=0.1)
    np.testing.assert_allclose(larger.expert_weights(logits).sum(axis=1), 1.0)


def test_sharpness_is_fitted_on_new_rows_alone(fitted):
    logits, y = task()
    known = add_expert(fitted, logits, y)
    assert {head.log_sharpness for head in known.pool_.top.heads} == {0.0}
    new, labels = task(seed=5)
    larger = add_expert(fitted, new, labels)
    assert max(head.log_sharpness for head in larger.pool_.top.heads) > 0.1
    # half of the rows are those of the fit
    mixed = np.concatenate([logits[::2], new[::2]]), np.concatenate([y[::2], labels[::2]])
    assert {head.log_sharpness for head in add_expert(fitted, *mixed).pool_.top.heads} == {0.0}


def test_the_same_expert_again_changes_nothing(fitted):
    logits, y = task()
    larger = add_expert(fitted, logits, y)
    with pytest.warns(UserWarning, match="'again' says what 'expert3' says on every row"):
        same = add_expert(larger, logits, y, experts={"again": logits[:, 3]})
    both = np.concatenate([logits, logits[:, 3:]], axis=1)
    np.testing.assert_allclose(same.predict_proba(both), larger.predict_proba(logits), atol=1e-6)
    assert same.expert_weights(both)[:, 4].max() == 0.0
    with pytest.warns(UserWarning, match="'again' says what 'expert1'"):
        partly = add_expert(
            fitted, logits[:, :3], y, experts={"again": logits[:, 1], "new": logits[:, 3]}
        )
    assert partly.expert_weights(logits[:, [0, 1, 2, 1, 3]])[:, 3:].max(axis=0)[0] == 0.0


def test_a_copy_of_what_was_never_heard_is_heard():
    logits, y = task()
    missing = logits.copy()
    missing[:, 2] = np.nan
    with pytest.warns(UserWarning, match="weight is 0"):
        model = LogitProdClassifier().fit(missing[:, :3], y)
    larger = add_expert(model, logits[:, :3], y, experts={"again": logits[:, 2]})
    assert larger.mean_expert_weights_[3] > 0.05 > larger.mean_expert_weights_[2] == 0.0


def test_rows_may_lack_old_experts_and_new_ones(fitted):
    logits, y = task()
    larger = add_expert(fitted, logits, y)
    gapped = logits.copy()
    gapped[0, 3], gapped[1, :3], gapped[2, :2] = np.nan, np.nan, np.nan
    weights = larger.expert_weights(gapped)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    assert weights[[0, 1], 3].tolist() == [0.0, 1.0]
    assert weights[2, 2:].min() > 0.0
    proba = larger.predict_proba(gapped)
    assert np.isfinite(proba).all()
    # without the new expert what the old model says
    np.testing.assert_allclose(proba[0], fitted.predict_proba(logits[:1, :3])[0])


def test_experts_are_matched_by_name(fitted):
    logits, y = task()
    frame = stack_outputs(dict(zip("pqrs", logits.transpose(1, 0, 2), strict=True)), CLASSES)
    model = LogitProdClassifier().fit(frame[list("pqr")], y)
    larger = add_expert(model, frame[list("sqpr")], y)
    assert larger.expert_names_ == list("pqrs")
    plain = add_expert(fitted, logits, y)
    np.testing.assert_allclose(
        larger.predict_proba(frame[list("rspq")]), plain.predict_proba(logits)
    )
    outputs = ExpertOutputs(logits[:, [3, 0, 1, 2]], "logits", list("spqr"), CLASSES, y)
    read = add_expert(model, outputs)
    np.testing.assert_allclose(read.predict_proba(outputs), plain.predict_proba(logits))
    given = add_expert(model, frame[list("pqr")], y, experts={"s": frame["s"][["c", "a", "b"]]})
    np.testing.assert_allclose(given.predict_proba(frame), plain.predict_proba(logits))


def test_log_odds_of_binary_tasks():
    logits, y = task(200, 4, 2)
    odds = logits[:, :, 1] - logits[:, :, 0]
    model = LogitProdClassifier().fit(odds[:, :3], y)
    larger = add_expert(model, odds, y)
    given = add_expert(model, odds[:, :3], y, experts={"d": odds[:, 3]})
    np.testing.assert_allclose(larger.predict_proba(odds), given.predict_proba(odds))
    assert given.expert_names_[3] == "d"
    assert given.n_features_in_ == 4
    named = pd.DataFrame(odds, columns=["u", "v", "w", "x"])
    model = LogitProdClassifier().fit(named[["u", "v", "w"]], y)
    larger = add_expert(model, named, y)
    np.testing.assert_allclose(larger.predict_proba(named), given.predict_proba(odds))


def test_fitted_and_cross_fitted_estimators():
    X, y = load_wine(return_X_y=True)
    X_train, X_fuse, y_train, y_fuse = train_test_split(X, y, random_state=0, stratify=y)
    experts = [("tree", GaussianNB().fit(X_train, y_train))]
    model = LogitProdClassifier(experts).fit(X_fuse, y_fuse)
    new = make_pipeline(KNeighborsClassifier()).fit(X_train, y_train)
    larger = add_expert(model, X_fuse, y_fuse, experts=[("near", new)])
    assert larger.named_experts_["near"] is new
    assert larger.named_experts_["tree"] is experts[0][1]
    assert [name for name, _ in larger.experts] == ["tree", "near"] == larger.expert_names_
    assert len(model.experts) == 1
    crossed = LogitProdClassifier([("nb", GaussianNB())], cv=3).fit(X, y)
    larger = add_expert(crossed, X, y, experts=[("near", KNeighborsClassifier())], cv=3)
    assert larger.predict(X).shape == y.shape
    assert larger.fit(X, y).expert_names_ == ["nb", "near"]


def test_a_safety_stays_outside_of_what_follows(fitted):
    logits, y = task()
    safe = with_safety(fitted)
    larger = adapt(add_expert(safe, logits, y), *task(30, 4, seed=3))
    bare = adapt(add_expert(fitted, logits, y), *task(30, 4, seed=3))
    again = with_safety(bare)
    np.testing.assert_allclose(larger.predict_proba(logits), again.predict_proba(logits))


@pytest.mark.parametrize("input", ["risk", "survival"])
def test_survival_experts_are_added(input):
    risk, y = events()
    X, times = risk, None
    if input == "survival":
        times = np.array([1.0, 3.0, 6.0])
        X = np.exp(-np.exp(risk)[:, :, None] * times)
    model = LogitProdSurvival(input=input, times=times).fit(X[:, :3], y)
    larger = add_expert(model, X, y)
    assert larger.guarantee_gap_ <= 0.0
    assert larger.n_experts_ == 4
    given = add_expert(model, X[:, :3], y, experts={"expert3": X[:, 3]})
    np.testing.assert_allclose(given.predict(X), larger.predict(X))
    np.testing.assert_array_equal(larger.unique_times_, model.unique_times_)


# --- with_safety


@pytest.mark.parametrize("reference", ["expert1", "mean of probabilities", "mean of logits", None])
def test_a_safe_model_loses_no_more_than_the_bound(fitted, reference):
    random = np.random.default_rng(0)
    logits = random.normal(size=(20_000, 3, 3)) * 10.0 ** random.uniform(-1, 3, (20_000, 1, 1))
    proba = np.exp(logits - logits.max(axis=2, keepdims=True))
    proba /= proba.sum(axis=2, keepdims=True)
    geometric = np.exp(fitted.expert_logits(logits).mean(axis=1))
    geometric /= geometric.sum(axis=1, keepdims=True)
    share = 0.03
    own = {
        "expert1": proba[:, 1],
        "mean of probabilities": proba.mean(axis=1),
        "mean of logits": geometric,
        None: (proba.sum(axis=1) + geometric) / 4.0,
    }[reference]
    safe = with_safety(fitted, share, reference)
    bound = np.log(1.0 / share) + 1e-12
    with np.errstate(divide="ignore"):
        excess = np.log(own) - safe.predict_log_proba(logits)
    assert excess.max() <= bound
    # and it is reached: a bound that is far off says nothing
    assert excess.max() > 0.9 * bound
    np.testing.assert_allclose(safe.predict_proba(logits).sum(axis=1), 1.0)


def test_least_gains_hold_for_every_reference(fitted):
    random = np.random.default_rng(1)
    logits = random.normal(size=(5_000, 3, 3)) * 10.0 ** random.uniform(-1, 3, (5_000, 1, 1))
    experts = fitted.expert_logits(logits)
    product = experts.mean(axis=1)
    references = [
        *experts.transpose(1, 0, 2),
        product - np.log(np.exp(product).sum(axis=1, keepdims=True)),
        np.log(np.exp(experts).mean(axis=1)),
    ]
    for reference in ("expert0", "mean of probabilities", None):
        safe = with_safety(fitted, 0.05, reference)
        for position, own in enumerate(references):
            gain = (safe.predict_log_proba(logits) - own).min()
            assert gain >= safe.pool_.least_gain(position)


# --- what is refused


def test_messages(fitted):
    logits, y = task(30, 3, seed=1)
    with pytest.raises(ValueError, match="y has labels \\['z'\\], which the estimator does not"):
        adapt(fitted, logits, ["z"] * 30)
    with pytest.raises(ValueError, match="2 expert\\(s\\), but the fit had 3"):
        adapt(fitted, logits[:, :2], y)
    with pytest.raises(ValueError, match="X has no rows: adapt needs samples"):
        adapt(fitted, logits[:0], y[:0])
    with pytest.raises(ValueError, match=r"adapt needs y, the outcome of each row.*adapt_prior"):
        adapt(fitted, logits)
    with pytest.raises(ValueError, match="not fitted"):
        adapt(LogitProdClassifier(), logits, y)
    with pytest.raises(TypeError, match=r"not LogitProdClassifierCV\. Pass its best_estimator_"):
        adapt(LogitProdClassifierCV(cv=2).fit(logits, y), logits, y)
    with pytest.raises(TypeError, match="Of a pipeline pass the last step"):
        adapt(make_pipeline(fitted), logits, y)
    with pytest.raises(TypeError, match=r"not LogisticRegression\. Fit one first"):
        with_safety(LogisticRegression())
    for share in (0, 1.0, "a", True):
        with pytest.raises(ValueError, match="it lies in \\(0, 1\\)"):
            with_safety(fitted, share)
    with pytest.raises(ValueError, match=r"reference='uni' is unknown.*expert0.*mean of logits"):
        with_safety(fitted, reference="uni")
    with pytest.raises(ValueError, match="has 3 experts already: the outputs of new ones"):
        add_expert(fitted, logits, y)
    with pytest.raises(ValueError, match="'expert1'\\] already: call the new one"):
        add_expert(fitted, logits, y, experts={"expert1": logits[:, 0] + 1.0})
    with pytest.raises(ValueError, match="takes outputs of experts, not estimators"):
        add_expert(fitted, logits, y, experts=[("x", LogisticRegression())])
    with pytest.raises(ValueError, match="experts have 5 rows, but X has 30"):
        add_expert(fitted, logits, y, experts={"x": logits[:5, 0]})
    with pytest.raises(ValueError, match="are missing \\(NaN\\) on every row"):
        add_expert(fitted, logits, y, experts={"x": np.full((30, 3), np.nan)})
    frame = stack_outputs(dict(zip("pqr", logits.transpose(1, 0, 2), strict=True)), CLASSES)
    named = LogitProdClassifier(gate_width=None).fit(frame, y)
    with pytest.raises(ValueError, match="X lacks experts of the model: \\['r'\\]"):
        add_expert(named, frame[["p", "q"]], y)
    with pytest.raises(ValueError, match="X has no expert that the model does not have"):
        add_expert(named, frame, y)


def test_prior_of_the_fit_is_kept():
    logits, y = task(40)
    weight = 1.0 + (y == "a")
    model = LogitProdClassifier(gate_width=None).fit(logits, y, sample_weight=weight)
    expected = [weight[y == label].sum() / weight.sum() for label in CLASSES]
    np.testing.assert_allclose(model.class_prior_, expected)


def test_uncensored_weight_counts_in_adapt():
    risk, y = events()
    event, *_ = check_events(y, len(y))
    few, own = slice(150, None), {"input": "risk", "gate_width": None}
    weighted = LogitProdSurvival(uncensored_weight=0.5, **own).fit(risk[:150], y[:150])
    plain = clone(weighted).set_params(uncensored_weight=0.0)
    vars(plain).update({k: v for k, v in vars(weighted).items() if k.endswith("_")})
    by_hand = adapt(plain, risk[few], y[few], sample_weight=0.5 + 0.5 * event[few])
    adapted = adapt(weighted, risk[few], y[few])
    np.testing.assert_allclose(adapted.predict(risk), by_hand.predict(risk))
