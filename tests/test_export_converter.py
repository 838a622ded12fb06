"""skl2onnx converts pipelines with a fusion in them: ONNX Runtime against scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_logitprod import LogitProdClassifier, LogitProdClassifierCV
from sklearn_logitprod.export import register_converter

skl2onnx = pytest.importorskip("skl2onnx")
runtime = pytest.importorskip("onnxruntime")

X, Y = load_iris(return_X_y=True)
X = X.astype(np.float32)
NAMES = np.array(["setosa", "versicolor", "weiß"])
EXPERTS = [
    ("lr", LogisticRegression(max_iter=1000)),
    ("forest", RandomForestClassifier(10, random_state=0)),
    ("scaled", make_pipeline(StandardScaler(), GaussianNB())),
]
PLAIN = {"options": {"zipmap": False}}


@pytest.fixture(autouse=True, scope="module")
def _registered():
    register_converter()
    register_converter()


def run(proto, X):
    session = runtime.InferenceSession(proto.SerializeToString())
    return session.run(None, {session.get_inputs()[0].name: X})


def agree(model, X, given=None, **convert):
    proto = skl2onnx.to_onnx(model, X[:1], **(convert or PLAIN))
    assert [output.name for output in proto.graph.output] == ["label", "probabilities"]
    label, proba = run(proto, X)
    given = X if given is None else given
    assert_allclose(proba, model.predict_proba(given), rtol=0.0, atol=1e-6)
    assert_array_equal(label, model.predict(given))
    return proto


@pytest.mark.parametrize("y", [Y, NAMES[Y]], ids=["numbers", "names"])
@pytest.mark.parametrize("width", [None, 0])
def test_a_fusion_with_its_experts(y, width):
    model = LogitProdClassifier(EXPERTS, cv=3, gate_width=width).fit(X, y)
    agree(model, X)
    agree(model, X, target_opset=18, **PLAIN)


def test_a_search_behind_other_steps():
    search = LogitProdClassifierCV(EXPERTS[::2], expert_cv=3, gate_widths=[None, 0], cv=2)
    pipeline = make_pipeline(StandardScaler(), search).fit(X, NAMES[Y])
    agree(pipeline, X)
    agree(pipeline, X.astype(np.float64))
    # as of any classifier, unless told otherwise: a dict a row
    _, rows = run(skl2onnx.to_onnx(pipeline, X[:1]), X[:2])
    assert list(rows[0]) == NAMES.tolist()


def test_experts_that_do_not_know_all_classes():
    some = Y < 2
    experts = [("some", LogisticRegression().fit(X[some], NAMES[Y[some]]))]
    experts += [("all", LogisticRegression(max_iter=1000).fit(X, NAMES[Y]))]
    model = LogitProdClassifier(experts, gate_width=None, missing_classes="floor")
    agree(model.fit(X, NAMES[Y]), X)


def test_outputs_of_two_axes():
    random = np.random.default_rng(0)
    odds = (random.normal(size=(150, 4)) + (Y == 1)[:, None]).astype(np.float32)
    odds[::7, 1] = np.nan
    agree(LogitProdClassifier(gate_width=0).fit(odds, (Y == 1).astype(int)), odds)
    flat = random.normal(size=(150, 6)).astype(np.float32)
    flat[np.arange(150), Y] += 2.0
    model = LogitProdClassifier(gate_width=0, classes=["c", "a", "b"])
    agree(model.fit(flat, np.array(["c", "a", "b"])[Y]), flat)


def test_columns_of_a_frame_are_those_of_the_fit_in_their_order():
    random = np.random.default_rng(0)
    proba = random.dirichlet(np.ones(3), size=(150, 2)).astype(np.float32)
    proba[np.arange(150), :, Y] += 1.0
    proba /= 2.0
    # class by class, where arrays are read expert by expert
    frame = pd.DataFrame(
        {f"{name}_{NAMES[k]}": proba[:, m, k] for k in range(3) for m, name in enumerate("uv")}
    )
    model = LogitProdClassifier(input="proba", gate_width=None).fit(frame, NAMES[Y])
    agree(model, frame.to_numpy(), frame)


def asked_by_scores():
    return LogitProdClassifier([RidgeClassifier()], cv=3, gate_width=None).fit(X, Y)


def filled_by_the_mean():
    experts = [("some", LogisticRegression()), ("all", LogisticRegression(max_iter=1000))]
    experts = [(name, one.fit(X[: 50 * (2 + m)], Y[: 50 * (2 + m)])) for m, (name, one) in
               enumerate(experts)]  # fmt: skip
    return LogitProdClassifier(experts, gate_width=None, missing_classes="mean").fit(X, Y)


def labelled(y, **parameters):
    return LogitProdClassifier(EXPERTS[:1], cv=3, gate_width=None, **parameters).fit(X, y)


REFUSED = {
    "scores": (asked_by_scores, {}, "ridgeclassifier' has no predict_proba.*pool_only=True"),
    "mean": (filled_by_the_mean, {}, "'some' does not know all classes.*pool_only=True"),
    "median": (lambda: labelled(Y, decision="median"), {}, "decision='mode'"),
    "labels": (lambda: labelled(Y.astype(float)), {}, "whole numbers or text"),
    "opset": (lambda: labelled(Y), {"target_opset": 15}, "set target_opset=18"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_is_not_converted_says_what_to_do(name):
    make, convert, message = REFUSED[name]
    model = make()
    with pytest.raises(ValueError, match=message):
        skl2onnx.to_onnx(model, X[:1], **convert)


def test_without_skl2onnx_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "skl2onnx", None)
    with pytest.raises(ImportError, match="python -m pip install skl2onnx"):
        register_converter()
