"""Inside everything scikit-learn puts around an estimator."""

import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sklearn_logitprod import LogitProdClassifier

X, Y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)
X += np.random.default_rng(0).normal(scale=1.5, size=X.shape)
OLD, NEW = slice(0, 280), slice(280, None)
EXPERTS = [
    ("lr", LogisticRegression(C=0.01).fit(X[OLD, :8], Y[OLD])),
    ("nb", GaussianNB().fit(X[OLD, 8:16], Y[OLD])),
    ("knn", KNeighborsClassifier(15).fit(X[OLD, 16:24], Y[OLD])),
    ("tree", DecisionTreeClassifier(max_depth=4, random_state=0).fit(X[OLD, 24:], Y[OLD])),
]


class Columns(FunctionTransformer):
    """Columns of the data, picklable."""

    def __init__(self, start=0, stop=1):
        super().__init__()
        self.start, self.stop = start, stop

    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def transform(self, X):
        return np.asarray(X)[:, self.start : self.stop]


def views():
    """Each expert as a pipeline that reads its own columns."""
    return [
        (name, make_pipeline(Columns(8 * m, 8 * m + 8), expert))
        for m, (name, expert) in enumerate(EXPERTS)
    ]


PREFIT = LogitProdClassifier(views(), cv="prefit")
GRID = {"gate_width": [None, 0, 8, 32], "temperature": [0.5, 1, 2]}


def outputs(rows):
    return np.stack([expert.predict_proba(X[rows]) for _, expert in views()], axis=1)


def test_a_users_script(tmp_path, without_torch):
    search = GridSearchCV(PREFIT, GRID, cv=5)
    model = make_pipeline(StandardScaler(with_mean=False, with_std=False), search)
    model.fit(X[NEW], Y[NEW])
    scores = search.cv_results_["mean_test_score"]
    assert set(search.best_params_) == set(GRID)
    assert model.score(X[NEW], Y[NEW]) > 0.8
    assert len(scores) == 12
    found = model[-1].best_estimator_
    assert all(a is b for (_, a), (_, b) in zip(found.experts, PREFIT.experts))
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(found))
    np.savez(tmp_path / "data.npz", X=X[NEW], expected=found.predict_proba(X[NEW]))
    code = f"""
{without_torch}
import importlib.util, pickle, sys
import numpy as np
spec = importlib.util.spec_from_file_location({Columns.__module__!r}, {__file__!r})
module = importlib.util.module_from_spec(spec)
sys.modules[{Columns.__module__!r}] = module
spec.loader.exec_module(module)
data = np.load(r"{tmp_path / "data.npz"}")
with open(r"{tmp_path / "model.pkl"}", "rb") as file:
    model = pickle.load(file)
assert (model.predict_proba(data["X"]) == data["expected"]).all()
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_search_varies_what_it_says():
    search = GridSearchCV(PREFIT, GRID, cv=3, scoring="neg_log_loss").fit(X[NEW], Y[NEW])
    scores = search.cv_results_["mean_test_score"]
    assert len(np.unique(scores.round(12))) == 12
    for params, score in zip(search.cv_results_["params"], scores):
        model = LogitProdClassifier(views(), **params)
        by_hand = cross_val_score(model, X[NEW], Y[NEW], cv=3, scoring="neg_log_loss").mean()
        assert score == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.parametrize(
    "search",
    [
        RandomizedSearchCV(PREFIT, GRID, n_iter=3, cv=3, random_state=0),
        HalvingGridSearchCV(PREFIT, GRID, cv=3, random_state=0),
    ],
    ids=["random", "halving"],
)
def test_other_searches(search):
    search.fit(X[NEW], Y[NEW])
    assert set(search.best_params_) == set(GRID)
    assert search.best_estimator_.experts[0][1] is PREFIT.experts[0][1]


def test_cross_val_predict_fuses_held_out_rows():
    proba = cross_val_predict(PREFIT, X[NEW], Y[NEW], cv=4, method="predict_proba")
    alone = [log_loss(Y[NEW], expert.predict_proba(X[NEW])) for _, expert in views()]
    assert log_loss(Y[NEW], proba) < min(alone)


def test_as_base_of_a_stack():
    stack = StackingClassifier(
        [("fused", clone(PREFIT).set_params(gate_width=None)), ("nb", GaussianNB())], cv=3
    )
    stack.fit(X[NEW], Y[NEW])
    assert stack.score(X[NEW], Y[NEW]) > 0.8
    assert stack.named_estimators_["fused"].experts[1][1] is PREFIT.experts[1][1]


@pytest.mark.parametrize("load", [load_breast_cancer, load_digits], ids=["binary", "ten classes"])
def test_as_final_estimator_of_a_stack(load):
    data, labels = load(return_X_y=True)
    data, labels = data[:600], labels[:600]
    base = [("lr", make_pipeline(StandardScaler(), LogisticRegression())), ("nb", GaussianNB())]
    final = LogitProdClassifier(input="proba", gate_width=None)
    stack = StackingClassifier(base, final, stack_method="predict_proba", cv=3).fit(data, labels)
    assert stack.final_estimator_.n_experts_ == 2
    assert stack.score(data, labels) > 0.9
    np.testing.assert_allclose(stack.predict_proba(data).sum(axis=1), 1)


def test_calibrated_by_scikit_learn():
    model = CalibratedClassifierCV(LogitProdClassifier(views(), gate_width=0), cv=3)
    proba = model.fit(X[NEW], Y[NEW]).predict_proba(X[NEW])
    np.testing.assert_allclose(proba.sum(axis=1), 1)


def test_permutation_importance_of_columns():
    model = LogitProdClassifier(views(), gate_width=None).fit(X[NEW], Y[NEW])
    found = permutation_importance(model, X[NEW], Y[NEW], n_repeats=3, random_state=0)
    assert found.importances_mean.max() > 0
    used = model.mean_expert_weights_.argmax()
    assert found.importances_mean[8 * used : 8 * used + 8].max() > 0


def test_permutation_importance_of_an_expert():
    """It shuffles columns: three axes are refused, and docs/weights.rst shuffles whole experts."""
    page = Path(__file__).parents[1] / "docs" / "weights.rst"
    _, code = page.read_text(encoding="utf-8").split(".. code-block:: python\n", 1)
    code = textwrap.dedent(code.split("\nFor a question")[0])
    proba = outputs(NEW)
    model = LogitProdClassifier(input="proba", gate_width=None).fit(proba, Y[NEW])
    with pytest.raises(ValueError, match="Found array with dim 3"):
        permutation_importance(model, proba, Y[NEW])
    names = {"np": np, "model": model, "X": proba, "y": Y[NEW]}
    exec(code, names)
    assert np.argmax(names["drops"]) == model.mean_expert_weights_.argmax()
    assert max(names["drops"]) > 0.05


def test_pandas_in_pandas_out():
    frame = pd.DataFrame(X[NEW], columns=[f"f{i}" for i in range(X.shape[1])])
    labels = pd.Series(np.where(Y[NEW] == 1, "benign", "malignant"), index=frame.index)
    experts = [("lr", LogisticRegression()), ("rf", RandomForestClassifier(10))]
    model = LogitProdClassifier(experts, cv=3).set_output(transform="pandas").fit(frame, labels)
    assert isinstance(model.transform(frame), pd.DataFrame)
    assert set(model.predict(frame)) == {"benign", "malignant"}
    assert model.score(frame, labels) > 0.8


def test_verbose_says_what_is_fitted(capsys):
    LogitProdClassifier(views(), selection_cv=2, verbose=1).fit(X[NEW], Y[NEW])
    lines = capsys.readouterr().err.splitlines()
    assert "expert lr (1/4)" in lines[0]
    assert "candidates 1/3, all rows: constant; equal weights" in lines[4]
    assert "candidates 1/3, 2 folds: constant; equal weights" in lines[5]
    experts = [("nb", GaussianNB())]
    LogitProdClassifier(experts, cv=2, gate_width=None, verbose=1).fit(X[NEW], Y[NEW])
    assert "expert nb, fold 1/2 (1/3)" in capsys.readouterr().err
    LogitProdClassifier(views(), selection_cv=2).fit(X[NEW], Y[NEW])
    assert capsys.readouterr().err == ""


@pytest.fixture(scope="module")
def dask_client():
    distributed = pytest.importorskip("dask.distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.slow
def test_search_on_a_dask_cluster(dask_client):
    import joblib

    grid = {"gate_width": [None, 0], "temperature": [0.5, 2]}
    here = GridSearchCV(PREFIT, grid, cv=3, scoring="neg_log_loss").fit(X[NEW], Y[NEW])
    there = GridSearchCV(PREFIT, grid, cv=3, scoring="neg_log_loss", n_jobs=2)
    with joblib.parallel_config("dask"):
        there.fit(X[NEW], Y[NEW])
        experts = [("lr", LogisticRegression()), ("nb", GaussianNB())]
        spread = LogitProdClassifier(experts, cv=3, n_jobs=2).fit(X[NEW], Y[NEW])
    np.testing.assert_allclose(
        here.cv_results_["mean_test_score"], there.cv_results_["mean_test_score"], atol=1e-12
    )
    alone = LogitProdClassifier(experts, cv=3).fit(X[NEW], Y[NEW])
    np.testing.assert_allclose(
        spread.predict_proba(X[NEW]), alone.predict_proba(X[NEW]), atol=1e-12
    )


def test_tiles_in_a_dask_array():
    array = pytest.importorskip("dask.array")
    proba = outputs(NEW)
    model = LogitProdClassifier(input="proba", gate_width=0).fit(proba, Y[NEW])
    tiles = np.tile(proba, (40, 1, 1))
    lazy = array.from_array(tiles, chunks=(1000, 4, 2)).map_blocks(
        model.predict_proba,
        drop_axis=2,
        chunks=((1000,) * 11 + (len(tiles) - 11000,), (2,)),
        dtype=float,
    )
    np.testing.assert_allclose(lazy.compute(), model.predict_proba(tiles), atol=1e-12)
