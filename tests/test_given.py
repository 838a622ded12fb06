"""Rows are matched by position, and objects that say otherwise are refused."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.multioutput import MultiOutputClassifier

from sklearn_logitprod import (
    LogitProdClassifier,
    LogitProdClassifierCV,
    LogitProdSurvival,
    LogitProdSurvivalCV,
    stack_outputs,
)
from sklearn_logitprod.inspection import compare, oracle_gap
from sklearn_logitprod.io import ExpertOutputs

N = 40
ROWS = [f"s{i}" for i in range(N)]
RNG = np.random.default_rng(0)
Y = pd.Series(np.arange(N) % 2, ROWS)
X = pd.DataFrame(RNG.normal(size=(N, 3)) + 2.0 * Y.to_numpy()[:, None], ROWS, ["u", "v", "w"])
TURNED = Y.sample(frac=1, random_state=0)
EVENTS = pd.DataFrame({"event": True, "time": 1.0 + np.arange(N)}, ROWS)
TWO = X.to_numpy()[:, :, None] * [0, 1]
IDENTIFIED = ExpertOutputs(TWO, "logits", ["u", "v", "w"], np.array([0, 1]), ids=np.array(ROWS))
GRID = {"gate_widths": [None], "temperatures": [1], "alphas": [100], "cv": 2}
ELSEWHERE = "same labels of rows, but at other places"


def classifier():
    return LogitProdClassifier(gate_width=None)


def survival(**params):
    return LogitProdSurvival(input="risk", gate_width=None, **params)


REFUSED = {
    "fit": lambda: classifier().fit(X, TURNED),
    "sample_weight": lambda: classifier().fit(X, Y, sample_weight=1 + TURNED),
    "groups": lambda: classifier().fit(X, Y, groups=TURNED),
    "y and groups": lambda: classifier().fit(X.to_numpy(), Y, groups=TURNED),
    "experts": lambda: LogitProdClassifier([("lr", LogisticRegression())], cv=2).fit(X, TURNED),
    "fit_transform": lambda: classifier().fit_transform(X, TURNED),
    "score": lambda: classifier().fit(X, Y).score(X, TURNED),
    "search": lambda: LogitProdClassifierCV(**GRID).fit(X, TURNED),
    "search, score": lambda: LogitProdClassifierCV(**GRID).fit(X, Y).score(X, TURNED),
    "survival": lambda: survival().fit(X, EVENTS[::-1]),
    "survival, score": lambda: survival().fit(X, EVENTS).score(X, EVENTS[::-1]),
    "survival search": lambda: LogitProdSurvivalCV(input="risk", **GRID).fit(X, EVENTS[::-1]),
    "compare": lambda: compare(classifier(), X, TURNED),
    "compare, groups": lambda: compare(classifier(), X, Y, groups=TURNED),
    "oracle_gap": lambda: oracle_gap(classifier().fit(X, Y), X, TURNED),
    "default": lambda: classifier().fit(
        X.reset_index(drop=True), Y.reset_index(drop=True).sample(frac=1, random_state=0)
    ),
    "identifiers": lambda: classifier().fit(IDENTIFIED, TURNED),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_same_rows_in_another_order_are_refused(case):
    with pytest.raises(ValueError, match=ELSEWHERE):
        REFUSED[case]()


def test_the_advice_mends_it():
    with pytest.raises(ValueError, match=r"y\.loc\[X\.index\], or y\.to_numpy\(\)"):
        classifier().fit(X, TURNED)
    mended = classifier().fit(X, TURNED.loc[X.index])
    assert mended.loss_ == classifier().fit(X, Y).loss_
    assert classifier().fit(X, TURNED.to_numpy()).loss_ > mended.loss_


def test_rows_that_are_shared_in_part_must_lie_alike():
    moved = Y.set_axis([*ROWS[1:], "new"])
    with pytest.raises(ValueError, match=r"some labels of rows.*row 0 is 's0' in X and 's1' in y"):
        classifier().fit(X, moved)
    with pytest.raises(ValueError, match=r"some labels of rows.*row 0 is 's0' in X and 'new' in y"):
        classifier().fit(X, Y.set_axis(["new", *ROWS[:-1]]))
    renamed = Y.set_axis([*ROWS[:-1], "new"])
    assert classifier().fit(X, renamed).loss_ == classifier().fit(X, Y).loss_


def test_bootstrapped_rows_are_their_own_order():
    rows = RNG.integers(N, size=N)
    classifier().fit(X.iloc[rows], Y.iloc[rows])
    with pytest.raises(ValueError, match="but at other places"):
        classifier().fit(X.iloc[rows], Y.iloc[np.roll(rows, 1)])


@pytest.mark.parametrize(
    "index",
    {
        "default": pd.RangeIndex(N),
        "other labels": pd.Index([f"t{i}" for i in range(N)]),
        "some of the first numbers": pd.Index(RNG.permutation(2 * N)[:N]),
        "two levels": pd.MultiIndex.from_arrays([ROWS[::-1], ROWS]),
    }.items(),
    ids=lambda pair: pair[0],
)
def test_indices_without_rows_in_common_say_nothing(index):
    kind, index = index
    frame = X.reset_index(drop=True) if kind == "some of the first numbers" else X
    found = classifier().fit(frame, Y.set_axis(index))
    assert found.loss_ == classifier().fit(X, Y).loss_


def test_samples_of_an_xarray_are_rows():
    xarray = pytest.importorskip("xarray")
    array = xarray.DataArray(X, dims=["sample", "expert"], coords={"sample": ROWS})
    with pytest.raises(ValueError, match=rf"{ELSEWHERE}.*y\.loc\[X\.indexes\['sample'\]\]"):
        classifier().fit(array, TURNED)
    mended = TURNED.loc[array.indexes["sample"]]
    assert classifier().fit(array, mended).loss_ == classifier().fit(X, Y).loss_
    assert classifier().fit(array, Y).loss_ == classifier().fit(X, Y).loss_


def panel(n=300):
    """Two labels, and three experts' log-odds of each: (n, 3, 2)."""
    rng = np.random.default_rng(1)
    labels = rng.integers(2, size=(n, 2))
    return (2.0 * labels - 1)[:, None] * 2 + rng.normal(size=(n, 3, 2)), labels


def test_labels_one_by_one_as_the_advice_says():
    log_odds, labels = panel()
    with pytest.raises(ValueError, match=r"LogitProdMultilabelClassifier: X holds the log-odds"):
        classifier().fit(log_odds, labels)
    models = [classifier().fit(log_odds[:, :, j], labels[:, j]) for j in range(2)]
    for j, model in enumerate(models):
        proba = model.predict_proba(log_odds[:, :, j])[:, 1]
        assert roc_auc_score(labels[:, j], proba) > 0.99


def test_advice_for_experts_that_are_fitted_on_the_labels():
    log_odds, labels = panel()
    features = log_odds.reshape(len(labels), -1)
    model = LogitProdClassifier([LogisticRegression()], cv=2, gate_width=None)
    with pytest.raises(ValueError, match=r"LogitProdMultilabelClassifier, which takes experts"):
        model.fit(features, labels)
    with pytest.raises(ValueError, match="use LogitProdMultilabelClassifier"):
        LogitProdClassifier(model.experts).fit(features, labels)
    predicted = MultiOutputClassifier(model).fit(features, labels).predict(features)
    assert (predicted == labels).mean(axis=0).min() > 0.95


def test_outputs_of_several_labels_are_refused_where_they_show():
    """As one label after the other is fitted on outputs for all of them."""
    log_odds, labels = panel()
    one = labels[:, 0]
    stacked = stack_outputs(
        {name: log_odds[:, m] for m, name in enumerate("uvw")}, classes=["KRAS", "TP53"]
    )
    read = ExpertOutputs(log_odds, "logits", list("uvw"), np.array(["KRAS", "TP53"]))
    for own in (stacked, read):
        with pytest.raises(ValueError, match="may have several of these classes"):
            classifier().fit(own, one)
    three = np.concatenate([log_odds, log_odds[:, :, :1]], axis=2)
    with pytest.raises(ValueError, match=r"several labels, use LogitProdMultilabelClassifier"):
        classifier().fit(three, one)
    for own in (stacked, read, log_odds, log_odds[:, :, 0], log_odds.reshape(len(one), -1)):
        with pytest.raises(ValueError, match=r"wrapper of sklearn\.multioutput hands this y"):
            MultiOutputClassifier(classifier()).fit(own, labels)
