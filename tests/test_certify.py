"""Certificates of fitted models."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score

from sklearn_logitprod import LogitProdClassifier, LogitProdClassifierCV, LogitProdSurvival
from sklearn_logitprod.deployment import adapt, certify, with_safety
from sklearn_logitprod.deployment.betting import lower_bound
from sklearn_logitprod.deployment.certificate import Certificate

NAMES = ["expert0", "expert1", "expert2", "mean of logits", "mean of probabilities"]
CLASSES = np.array(["a", "b", "c"])


def task(n_samples, n_classes=3, seed=0, strength=1.5):
    """Labels, and logits of three experts that know something of them."""
    random = np.random.default_rng(seed)
    y = random.integers(0, n_classes, n_samples)
    truth = strength * np.eye(n_classes)[y][:, None]
    return truth + random.normal(size=(n_samples, 3, n_classes)), CLASSES[y]


def events(n_samples, seed=0):
    """Times with censoring, and risks of experts."""
    random = np.random.default_rng(seed)
    time = random.exponential(5.0, n_samples) + 0.1
    y = np.array(
        list(zip(random.random(n_samples) < 0.7, time, strict=True)),
        dtype=[("event", bool), ("time", float)],
    )
    return -np.log(time)[:, None] + random.normal(size=(n_samples, 3)), y


@pytest.fixture(scope="module")
def model():
    return LogitProdClassifier(gate_width=None).fit(*task(300))


@pytest.fixture(scope="module")
def safe(model):
    return with_safety(model)


def own_log_proba(model, X, y):
    rows, column = np.arange(len(y)), np.searchsorted(model.classes_, y)
    return model.predict_log_proba(X)[rows, column]


def test_the_table_holds_bounds_of_mean_gains(safe):
    X, y = task(400, seed=1)
    found = certify(safe, X, y)
    table = found.table
    assert list(table.columns) == ["reference", "n", "mean_gain", "lower_bound", "certified"]
    assert table["reference"].tolist() == NAMES
    assert (table["n"] == 400).all()
    logits = safe.expert_logits(X)[np.arange(400), :, np.searchsorted(CLASSES, y)]
    gain = own_log_proba(safe, X, y) - logits[:, 1]
    assert table["mean_gain"][1] == pytest.approx(gain.mean())
    # the mixture of three experts and the mean of logits, of which each has a quarter
    assert table["lower_bound"][1] == pytest.approx(lower_bound(gain, np.log(0.05 / 4)))
    assert found.certified is True
    assert found.level == 0.95
    assert table["certified"].all()


def test_one_reference_or_several(safe):
    X, y = task(100, seed=1)
    whole = certify(safe, X, y).table
    some = certify(safe, X, y, reference=["mean of logits", "expert0"]).table
    assert some["reference"].tolist() == ["mean of logits", "expert0"]
    assert some["lower_bound"].tolist() == whole["lower_bound"][[3, 0]].tolist()
    assert len(certify(safe, X, y, reference="expert2").table) == 1


def test_order_level_and_untouched_model(safe):
    X, y = task(200, seed=1)
    before = dict(vars(safe))
    one, other = certify(safe, X, y), certify(safe, X[::-1], y[::-1])
    np.testing.assert_array_equal(one.table["lower_bound"], other.table["lower_bound"])
    higher = certify(safe, X, y, level=0.99).table
    assert (higher["lower_bound"] < one.table["lower_bound"]).all()
    assert before == vars(safe)


def test_groups_are_one_observation_each(safe):
    X, y = task(200, seed=1)
    groups = np.random.default_rng(0).integers(0, 60, 200)
    found = certify(safe, X, y, groups=groups)
    assert (found.table["n"] == len(np.unique(groups))).all()
    gain = own_log_proba(safe, X, y)
    gain = gain - safe.expert_logits(X)[np.arange(200), 0, np.searchsorted(CLASSES, y)]
    means = [gain[groups == group].mean() for group in np.unique(groups)]
    assert found.table["mean_gain"][0] == pytest.approx(np.mean(means))
    # the same rows twice are no more observations
    twice = certify(safe, np.concatenate([X, X]), np.tile(y, 2), groups=np.tile(groups, 2))
    np.testing.assert_allclose(twice.table["lower_bound"], found.table["lower_bound"], atol=1e-9)
    assert "groups (200 samples)" in repr(found)


def test_missing_experts_give_way_to_the_mean_of_logits(safe):
    X, y = task(200, seed=1)
    X[:, 0] = np.nan
    table = certify(safe, X, y).table
    assert table["mean_gain"][0] == pytest.approx(table["mean_gain"][3])


def test_no_gain_undercuts_the_bound_of_its_safety(model):
    random = np.random.default_rng(0)
    # experts that are sure of opposite things, and outcomes that suit one of them
    X = 30.0 * random.normal(size=(5000, 3, 3))
    X[random.random((5000, 3)) < 0.2] = np.nan
    X = X[~np.isnan(X[:, :, 0]).all(axis=1)]
    y = CLASSES[random.integers(0, 3, len(X))]
    for reference in (None, *NAMES):
        # a gain below its bound raises
        certify(with_safety(model, reference=reference), X, y)


def test_without_safety_nothing_is_shown(model):
    X, y = task(400, seed=1)
    with pytest.warns(UserWarning, match=r"^certify .*Set one: with_safety\(model\), or --safety"):
        found = certify(model, X, y)
    assert not found.certified
    assert np.isneginf(found.table["lower_bound"]).all()
    assert (found.table["mean_gain"] > 0).all()
    assert "with_safety" in repr(found)
    assert "with_safety" in found._repr_html_()


def test_a_worse_model_is_not_certified(safe):
    X, y = task(400, seed=1)
    # at this site two experts see nothing
    X[:, 1:] = np.random.default_rng(0).normal(size=(400, 2, 3))
    found = certify(safe, X, y)
    assert not found.certified
    assert found.table["certified"].tolist()[:2] == [False, True]
    assert "not shown against expert0" in repr(found).replace("\n", " ")


@pytest.mark.parametrize("n_classes", [2, 3])
def test_auc_differences(n_classes):
    X, y = task(300, n_classes)
    safe = with_safety(LogitProdClassifier(gate_width=None).fit(X, y))
    X, y = task(200, n_classes, seed=1)
    table = certify(safe, X, y).auc_differences
    assert list(table.columns) == ["reference", "auc", "auc_model", "difference"]

    def area(proba):
        if n_classes == 2:
            return roc_auc_score(y, proba[:, 1])
        return roc_auc_score(y, proba, multi_class="ovr")

    assert table["auc_model"][0] == pytest.approx(area(safe.predict_proba(X)))
    expert = np.exp(safe.expert_logits(X)[:, 2])
    assert table["auc"][2] == pytest.approx(area(expert))
    np.testing.assert_allclose(table["difference"], table["auc_model"] - table["auc"])
    alone = certify(safe, X[y == "a"], y[y == "a"])
    assert alone.auc_differences["difference"].isna().all()
    assert np.isfinite(alone.table["lower_bound"]).all()


def test_survival():
    safe = with_safety(LogitProdSurvival(input="risk", gate_width=None).fit(*events(200)))
    X, y = events(300, seed=1)
    found = certify(safe, X, y)
    assert found.auc_differences is None
    assert np.isfinite(found.table["lower_bound"]).all()
    assert found.table["certified"].tolist()[:3] == [True] * 3
    assert (found.table["lower_bound"] < found.table["mean_gain"]).all()


def test_words_and_html(safe):
    X, y = task(400, seed=1)
    found = certify(safe, X, y)
    text = str(found)
    assert text == repr(found)
    for part in ("95 % confidence", "400 samples", *NAMES, "Shown", "not about any single one"):
        assert part in text.replace("\n", " ")
    factor = float(re.search(r"at least ([\d.]+) times", text.replace("\n", " "))[1])
    assert factor == pytest.approx(np.exp(found.table["lower_bound"].min()), rel=1e-3)
    html = found._repr_html_()
    assert html.count("<tr") == 6
    # neither black nor white: readable on both
    assert "color:inherit" in html
    assert "#" not in html
    named = LogitProdClassifier(gate_width=None).fit(*task(100))
    named.expert_names_ = ["<b>", "b", "c"]
    assert "&lt;b&gt;" in certify(with_safety(named), X, y)._repr_html_()


def test_rows_of_the_fit_are_told(safe):
    X, y = task(300)
    with pytest.warns(UserWarning, match=r"certify was given rows .* samples: pass rows that"):
        certify(safe, X[:50], y[:50])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        certify(safe, *task(50, seed=1))


def test_adapted_models_are_certified_too(safe):
    X, y = task(400, seed=1)
    assert certify(adapt(safe, X[:50], y[:50]), X[50:], y[50:]).certified


@pytest.mark.parametrize("level", [0.0, 1.0, -1, 2, True, "0.95", None, np.nan])
def test_levels_that_are_none(safe, level):
    with pytest.raises(ValueError, match=r"the confidence lies in \(0, 1\)"):
        certify(safe, *task(50, seed=1), level=level)


def test_bad_input(model, safe):
    X, y = task(50, seed=1)
    with pytest.raises(ValueError, match=r"'best'.*expert0.*mean of probabilities"):
        certify(safe, X, y, reference="best")
    with pytest.raises(ValueError, match="is unknown"):
        certify(safe, X, y, reference=[])
    with pytest.raises(ValueError, match="no rows"):
        certify(safe, X[:0], y[:0])
    with pytest.raises(ValueError, match="needs y"):
        certify(safe, X)
    with pytest.raises(ValueError, match="'z'"):
        certify(safe, X, np.where(y == "a", "z", y))
    with pytest.raises(ValueError, match="49"):
        certify(safe, X, y[1:])
    with pytest.raises(ValueError, match="expert"):
        certify(safe, X[:, :2], y)
    with pytest.raises(NotFittedError):
        certify(LogitProdClassifier(), X, y)
    search = LogitProdClassifierCV(gate_widths=(None,), temperatures=(1.0,), alphas=(1.0,))
    search.fit(*task(100))
    with pytest.raises(TypeError, match="best_estimator_"):
        certify(search, X, y)
    with pytest.raises(TypeError, match="Fit one first"):
        certify(None, X, y)


MIXED = pd.DataFrame(
    {
        "reference": ["best", "worst one"],
        "n": 7,
        "mean_gain": [0.25, -0.5],
        "lower_bound": [0.125, -np.inf],
        "certified": [True, False],
    }
)


def test_a_certificate_word_by_word():
    title, rows, words = repr(Certificate(MIXED, 0.9, n_samples=9, grouped=True)).split("\n\n")
    assert title == "Certificate with 90 % confidence, from 7 groups (9 samples)"
    assert rows.split("\n") == [
        "better than  mean gain  at least  shown",
        "best           +0.2500   +0.1250    yes",
        "worst one      -0.5000      none     no",
    ]
    lines = words.split("\n")
    assert lines[0] == "Gains are in log-loss, in nats per sample; above 0 the model is better."
    assert max(map(len, lines)) <= 88
    assert (
        "Shown against 1 of 2, each for itself; not shown against worst one. On these groups worst "
        "one was better than the model. Nothing can be shown of a model whose loss on a single "
        "sample has no limit: use with_safety(model), and certify what it returns. It is about the "
        "mean over groups drawn like these, not about any single one, another site"
    ) in " ".join(lines)


def test_a_certificate_as_html():
    found = Certificate(MIXED, 0.9)._repr_html_()
    cells = re.findall(r'<(t[dh]) style="text-align:(left|right);[^"]+">([^<]*)</\1>', found)
    assert [text for tag, _, text in cells if tag == "th"] == [
        "better than", "mean gain", "at least", "shown",
    ]  # fmt: skip
    assert [(side, text) for tag, side, text in cells if tag == "td"] == [
        ("left", "best"), ("right", "+0.2500"), ("right", "+0.1250"), ("right", "yes"),
        ("left", "worst one"), ("right", "-0.5000"), ("right", "none"), ("right", "no"),
    ]  # fmt: skip
    assert found.count("</tr><tr") == 1
    assert "</th></tr></thead><tbody><tr" in found


@pytest.mark.parametrize(
    ("gains", "bounds", "sentences"),
    [
        ([0.2], [0.1], ["better than it.", "at least 1.105 times"]),
        ([0.2, 0.3], [0.1, 0.2], ["than each of them, the best included", "at least 1.105 times"]),
        ([-0.2, -0.3], [-0.4, -0.5], ["Not shown: nothing", "r0, r1 were better", "with more sam"]),
        ([0.2, 0.0], [-0.1, -0.2], ["Not shown: nothing here", "the bound rises towards the mean"]),
    ],
)
def test_verdicts(gains, bounds, sentences):
    names = [f"r{i}" for i in range(len(gains))]
    table = pd.DataFrame({"reference": names, "n": 7, "mean_gain": gains, "lower_bound": bounds})
    table["certified"] = table["lower_bound"] > 0
    text = " ".join(repr(Certificate(table, 0.95)).split())
    for sentence in sentences:
        assert sentence in text
    assert ("better than the model" in text) == (min(gains) < 0.0)
    assert "Nothing can be shown" not in text
