"""The same answer from any dtype and layout, at any size, and without a word from NumPy."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from sklearn_logitprod import LogitProdClassifier

sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "benchmarks"))

from bench_sensitivity import TASKS, expert_outputs

WIDTHS = [None, 0, 4, "auto"]
# of predictions from the same numbers in another dtype or layout: how BLAS sums depends on where
# they lie, and bench_sensitivity.py says what rounding does to the automatic gate
SAME = 1e-9


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def whole_numbers(n=60, n_experts=3, n_classes=3, seed=0):
    """Logits that every dtype holds exactly."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    logits = rng.integers(-6, 7, size=(n, n_experts, n_classes)).astype(float)
    logits[np.arange(n), 0, y] += 3
    return logits, y


def memmap(X, folder, dtype):
    """Every second row of a file on disk, read only."""
    twice = np.repeat(X, 2, axis=0).astype(dtype)
    np.save(folder / "logits.npy", twice)
    return np.load(folder / "logits.npy", mmap_mode="r")[::2]


def read_only(X):
    X = X.copy()
    X.setflags(write=False)
    return X


LAYOUTS = {
    "float16": lambda X, _: X.astype(np.float16),
    "float32": lambda X, _: X.astype(np.float32),
    "longdouble": lambda X, _: X.astype(np.longdouble),
    "int8": lambda X, _: X.astype(np.int8),
    "int64": lambda X, _: X.astype(np.int64),
    "big-endian": lambda X, _: X.astype(">f8"),
    "objects": lambda X, _: X.astype(object),
    "Fortran order": lambda X, _: np.asfortranarray(X),
    "samples last": lambda X, _: np.ascontiguousarray(X.transpose(2, 1, 0)).transpose(2, 1, 0),
    "strided": lambda X, _: np.repeat(np.repeat(X, 2, axis=0), 3, axis=2)[::2, :, ::3],
    "reversed": lambda X, _: X[::-1].copy()[::-1],
    "read-only": lambda X, _: read_only(X),
    "list": lambda X, _: X.tolist(),
    "strided memmap, float32": lambda X, folder: memmap(X, folder, np.float32),
    "strided memmap, float16": lambda X, folder: memmap(X, folder, np.float16),
}


@pytest.mark.parametrize("gate_width", WIDTHS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_dtype_and_layout_change_nothing(layout, gate_width, tmp_path):
    X, y = whole_numbers()
    other = LAYOUTS[layout](X, tmp_path)
    plain = LogitProdClassifier(gate_width=gate_width).fit(X, y)
    model = LogitProdClassifier(gate_width=gate_width).fit(other, y)
    np.testing.assert_allclose(model.predict_proba(X), plain.predict_proba(X), rtol=SAME)
    np.testing.assert_allclose(plain.predict_proba(other), plain.predict_proba(X), rtol=SAME)


@pytest.mark.parametrize("gate_width", WIDTHS)
@pytest.mark.parametrize("scale", [1e-310, 1e-30, 1e4])
def test_logits_of_any_size(scale, gate_width):
    X, y = whole_numbers()
    X = X / np.abs(X).max() * scale
    model = LogitProdClassifier(gate_width=gate_width).fit(X, y)
    proba = model.predict_proba(X)
    assert np.isfinite(model.predict_log_proba(X)).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-12)
    assert model.guarantee_gap_ <= 0


@pytest.mark.parametrize("gate_width", WIDTHS)
@pytest.mark.parametrize("tiny", [0.0, 5e-324, 1e-300, 1e-17])
def test_probabilities_of_zero_and_one_and_denormals(tiny, gate_width):
    X, y = whole_numbers()
    proba = np.full(X.shape, tiny)
    np.put_along_axis(proba, X.argmax(axis=2)[:, :, None], 1.0, axis=2)
    model = LogitProdClassifier(input="proba", gate_width=gate_width).fit(proba, y)
    assert np.isfinite(model.predict_log_proba(proba)).all()
    assert model.guarantee_gap_ <= 0
    exact = np.where(proba == 1.0, 1.0, 0.0)
    np.testing.assert_allclose(model.predict_proba(exact), model.predict_proba(proba), rtol=1e-9)


@pytest.mark.parametrize("gate_width", [None, 0, "auto"])
@pytest.mark.parametrize(("n", "n_experts", "n_classes"), [(400, 50, 2), (400, 4, 100)])
def test_many_experts_and_classes(n, n_experts, n_classes, gate_width):
    rng = np.random.default_rng(0)
    y = np.arange(n) % n_classes
    X = rng.normal(size=(n, n_experts, n_classes))
    X[np.arange(n), :, y] += 2.0
    X[rng.random((n, n_experts)) < 0.1] = np.nan
    X[np.isnan(X[:, :, 0]).all(axis=1)] = 0.0
    model = LogitProdClassifier(gate_width=gate_width).fit(X, y)
    assert model.guarantee_gap_ <= 0
    assert model.score(X, y) > 0.6
    np.testing.assert_allclose(model.expert_weights(X).sum(axis=1), 1.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("gate_width", "n_experts"), [(None, 20), (0, 20), ("auto", 5)], ids=["None", "0", "auto"]
)
def test_a_thousand_classes(gate_width, n_experts):
    rng = np.random.default_rng(0)
    n, n_classes = 1000, 1000
    y = np.arange(n) % n_classes
    X = rng.normal(size=(n, n_experts, n_classes)).astype(np.float32)
    X[np.arange(n), :, y] += 2.0
    # two samples of each class are the least that folds can do with
    X, y = np.concatenate([X, X]), np.concatenate([y, y])
    model = LogitProdClassifier(gate_width=gate_width, max_iter=10, tol=1e-3, selection_cv=2)
    with warnings.catch_warnings():
        # ten iterations are not enough for a gate; they are for what is asked here
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    assert model.guarantee_gap_ <= 0
    assert np.isfinite(model.predict_log_proba(X[:50])).all()
    assert model.score(X, y) > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("gate_width", [None, 0, 8])
def test_seeds_end_at_the_same_loss(task, gate_width):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logits, y = expert_outputs(*TASKS[task]())
    order = np.random.default_rng(0)
    losses = []
    for seed in range(200):
        # rows in another order, too: the order is as much of an accident as the seed
        rows = order.permutation(len(y))
        model = LogitProdClassifier(gate_width=gate_width, random_state=seed)
        losses.append(model.fit(logits[rows], y[rows]).loss_)
    assert max(losses) - min(losses) <= 1e-6
