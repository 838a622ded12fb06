"""Gains watched as samples arrive."""

import copy
import io

import joblib
import numpy as np
import pytest

from sklearn_logitprod import LogitProdClassifier, LogitProdSurvival
from sklearn_logitprod.deployment import GainMonitor, certify, with_safety
from sklearn_logitprod.deployment.betting import lower_bound

NAMES = ["expert0", "expert1", "expert2", "mean of logits", "mean of probabilities"]


def task(n_samples, seed=0):
    """Labels, and logits of three experts that know something of them."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 3, n_samples)
    truth = 1.5 * np.eye(3)[y][:, None]
    return truth + random.normal(size=(n_samples, 3, 3)), np.array(["a", "b", "c"])[y]


@pytest.fixture(scope="module")
def model():
    return LogitProdClassifier(gate_width=None).fit(*task(300))


@pytest.fixture(scope="module")
def safe(model):
    return with_safety(model)


def in_parts(monitor, X, y, cuts, groups=None):
    """A monitor after several updates."""
    for rows in np.split(np.arange(len(y)), cuts):
        own = None if groups is None else groups[rows]
        assert monitor.update(X[rows], y[rows], groups=own) is monitor
    return monitor


def same_bounds(one, other):
    np.testing.assert_allclose(one.table_["lower_bound"], other.table_["lower_bound"], atol=1e-7)


def test_nothing_at_first(safe):
    monitor = GainMonitor(safe)
    assert monitor.n_samples_ == 0
    assert not monitor.certified_
    assert monitor.history_.columns.tolist() == ["n", "reference", "mean_gain", "lower_bound"]
    assert len(monitor.history_) == 0
    assert monitor.table_["mean_gain"].isna().all()
    assert "no samples" in repr(monitor)
    with pytest.raises(ValueError, match="No sample has come yet"):
        monitor.plot()


def test_the_table_is_that_of_a_certificate_with_a_bound_at_least_as_high(safe):
    X, y = task(200, seed=1)
    found = GainMonitor(safe).update(X, y).table_
    expected = certify(safe, X, y).table
    assert found.columns.tolist() == expected.columns.tolist()
    assert found["reference"].tolist() == NAMES
    np.testing.assert_allclose(found["mean_gain"], expected["mean_gain"])
    assert (found["lower_bound"] >= expected["lower_bound"] - 1e-8).all()
    assert (found["lower_bound"] > expected["lower_bound"] + 1e-4).any()


def test_the_bound_is_the_highest_after_any_sample(safe):
    X, y = task(60, seed=1)
    monitor = GainMonitor(safe, reference="expert1").update(X, y)
    logits = safe.expert_logits(X)[:, 1]
    column = np.searchsorted(safe.classes_, y)
    gain = (safe.predict_log_proba(X) - logits)[np.arange(60), column]
    each = [lower_bound(gain[:n], np.log(0.05 / 4)) for n in range(1, 61)]
    assert monitor.table_["lower_bound"][0] == pytest.approx(max(each), abs=1e-7)


def test_how_samples_are_divided_plays_no_role(safe):
    X, y = task(150, seed=1)
    whole = GainMonitor(safe).update(X, y)
    for cuts in ([1], [70, 71, 140], range(1, 150)):
        parts = in_parts(GainMonitor(safe), X, y, cuts)
        same_bounds(parts, whole)
        assert parts.n_samples_ == 150
        assert len(parts.history_["n"].unique()) >= len(cuts) + 1


def test_history_never_falls_and_ends_where_the_table_is(safe):
    X, y = task(300, seed=1)
    monitor = in_parts(GainMonitor(safe), X, y, [25, 260])
    for name, own in monitor.history_.groupby("reference"):
        assert own["n"].is_monotonic_increasing
        assert own["lower_bound"].is_monotonic_increasing
        assert {25, 260, 300} < set(own["n"])
        last = monitor.table_.set_index("reference").loc[name]
        assert own["lower_bound"].iloc[-1] == last["lower_bound"]
        assert own["mean_gain"].iloc[-1] == pytest.approx(last["mean_gain"])
    assert monitor.certified_
    assert "shown over 5 of 5" in repr(monitor)


def test_what_was_shown_stays_shown(safe):
    X, y = task(300, seed=1)
    monitor = GainMonitor(safe).update(X, y)
    shown = monitor.table_["lower_bound"]
    # then the experts fail, and the model with them
    noise = 3.0 * np.random.default_rng(0).normal(size=(100, 3, 3))
    monitor.update(noise, y[:100])
    assert (monitor.table_["lower_bound"] >= shown).all()


def test_stored_monitors_go_on_where_they_were(safe):
    X, y = task(200, seed=1)
    whole = GainMonitor(safe).update(X, y)
    half = GainMonitor(safe).update(X[:120], y[:120])
    file = io.BytesIO()
    joblib.dump(half, file)
    file.seek(0)
    for again in (joblib.load(file), copy.deepcopy(half)):
        same_bounds(again.update(X[120:], y[120:]), whole)
    assert half.n_samples_ == 120


def test_groups_come_once_and_whole(safe):
    X, y = task(200, seed=1)
    groups = np.repeat([f"p{i:02d}" for i in range(50)], 4)
    whole = GainMonitor(safe).update(X, y, groups=groups)
    assert whole.n_samples_ == 50
    assert certify(safe, X, y, groups=groups).table["mean_gain"].tolist() == pytest.approx(
        whole.table_["mean_gain"].tolist()
    )
    parts = in_parts(GainMonitor(safe), X, y, [100, 160], groups)
    same_bounds(parts, whole)
    before = parts.table_
    with pytest.raises(ValueError, match=r"'p49'.*one observation, made of all its samples"):
        parts.update(X[:2], y[:2], groups=["new", "p49"])
    with pytest.raises(ValueError, match="came with groups"):
        parts.update(X[:2], y[:2])
    assert parts.table_.equals(before)
    parts.update(X[:2], y[:2], groups=["new", "new"])
    assert parts.n_samples_ == 51
    with pytest.raises(ValueError, match="came without groups"):
        GainMonitor(safe).update(X, y).update(X, y, groups=groups)


def test_the_order_of_groups_is_that_of_their_first_sample(safe):
    X, y = task(40, seed=1)
    forth = np.repeat(np.arange(20), 2)
    named = np.repeat(np.arange(20)[::-1], 2)
    same_bounds(
        GainMonitor(safe).update(X, y, groups=forth), GainMonitor(safe).update(X, y, groups=named)
    )


def test_an_update_that_fails_leaves_the_monitor_as_it_was(safe):
    X, y = task(50, seed=1)
    monitor = GainMonitor(safe).update(X, y)
    before = monitor.table_
    with pytest.raises(ValueError, match="'z'"):
        monitor.update(X, np.full(50, "z"))
    with pytest.raises(ValueError, match="no rows"):
        monitor.update(X[:0], y[:0])
    with pytest.raises(ValueError, match="needs y"):
        monitor.update(X)
    assert monitor.table_.equals(before)


def test_a_model_that_was_fitted_anew_is_another_one():
    X, y = task(100)
    model = LogitProdClassifier(gate_width=None).fit(X, y)
    with pytest.warns(UserWarning, match="GainMonitor can show nothing of this model"):
        monitor = GainMonitor(model)
    model.fit(X[:50], y[:50])
    with pytest.raises(
        ValueError, match=r"^The model was fitted anew .* earlier gains are of another"
    ):
        monitor.update(*task(20, seed=1))


def test_bad_input(model, safe):
    with pytest.raises(ValueError, match=r"\(0, 1\)"):
        GainMonitor(safe, level=95)
    with pytest.raises(ValueError, match="'nobody'"):
        GainMonitor(safe, reference="nobody")
    with pytest.raises(TypeError, match="not dict"):
        GainMonitor({})
    with pytest.warns(UserWarning, match=r"^GainMonitor\.update was given rows"):
        GainMonitor(safe).update(*task(300))
    with pytest.warns(UserWarning, match="with_safety"):
        blind = GainMonitor(model)
    blind.update(*task(100, seed=1))
    assert not blind.certified_
    with pytest.raises(ValueError, match="no bounds to draw"):
        blind.plot()


def test_many_rows_at_once(safe):
    X, y = task(20_000, seed=1)
    monitor = GainMonitor(safe).update(X, y)
    assert (monitor.table_["mean_gain"] - monitor.table_["lower_bound"] < 0.03).all()
    assert len(monitor.history_["n"].unique()) < 50


def test_survival():
    random = np.random.default_rng(0)
    time = random.exponential(5.0, 500) + 0.1
    y = np.array(
        list(zip(random.random(500) < 0.7, time, strict=True)),
        dtype=[("event", bool), ("time", float)],
    )
    X = -np.log(time)[:, None] + random.normal(size=(500, 3))
    safe = with_safety(LogitProdSurvival(input="risk", gate_width=None).fit(X[:200], y[:200]))
    monitor = in_parts(GainMonitor(safe), X[200:], y[200:], [100])
    assert monitor.table_["certified"].tolist()[:3] == [True] * 3


def test_plot(safe):
    plt = pytest.importorskip("matplotlib.pyplot")
    X, y = task(200, seed=1)
    monitor = in_parts(GainMonitor(safe), X, y, [50, 100])
    ax = plt.subplots()[1]
    assert monitor.plot(ax=ax) is ax
    shown = "GainMonitor after 200 samples: a gain is shown over "
    assert repr(monitor).startswith(shown)
    curves = ax.get_lines()[: len(NAMES)]
    assert [curve.get_label() for curve in curves] == NAMES
    own = monitor.history_.query("reference == 'expert2'")
    np.testing.assert_array_equal(curves[2].get_xydata(), own[["n", "lower_bound"]])
    np.testing.assert_array_equal(ax.get_lines()[len(NAMES)].get_ydata(), [0.0, 0.0])
    last = monitor.table_
    low = -max(0.2, 2.0 * last["mean_gain"].abs().max())
    assert ax.get_ylim()[0] == pytest.approx(min(low, last["lower_bound"].min() - 0.02))
    assert monitor.plot() is not ax
    plt.close("all")
