"""What must not change the answer, and what must change it in a known way."""

import pickle
import subprocess
import sys
from dataclasses import replace

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import DataConversionWarning

from sklearn_logitprod import LogitProdClassifier, stack_outputs
from sklearn_logitprod.fusion.likelihood import ClassLabels
from sklearn_logitprod.fusion.logits import log_proba_from_logits
from sklearn_logitprod.training.data import FitData
from sklearn_logitprod.training.prior import HeadSpec
from sklearn_logitprod.training.trainer import Settings, Trainer

N, M, K = 90, 4, 3
WIDTHS = pytest.mark.parametrize("width", [None, 0])
MODELS = {
    "constant": {"gate_width": None},
    "linear": {"gate_width": 0},
    "hidden": {"gate_width": 4, "alpha": 1.0},
    "corrected": {"gate_width": 0, "cross_class": 3.0},
    "plain": {"gate_width": 0, "calibrate": False, "linear_pool": False},
    "auto": {"gate_width": "auto"},
}


def make_problem(seed=0, missing=0.15, n=N, n_classes=K):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n)
    logits = 1.5 * rng.normal(size=(n, M, n_classes))
    logits[np.arange(n), :, y] += np.linspace(0.3, 2.0, M)
    absent = rng.random((n, M)) < missing
    absent[np.arange(n), rng.integers(0, M, n)] = False
    logits[absent] = np.nan
    return logits, y


def fit(X, y, sample_weight=None, groups=None, **params):
    model = LogitProdClassifier(**{"tol": 1e-13, "max_iter": 1000, **params})
    return model.fit(X, y, sample_weight, groups)


@WIDTHS
def test_permuting_experts_permutes_weights(width):
    X, y = make_problem()
    order = np.array([2, 0, 3, 1])
    one, other = fit(X, y, gate_width=width), fit(X[:, order], y, gate_width=width)
    np.testing.assert_allclose(
        one.expert_weights(X)[:, order], other.expert_weights(X[:, order]), atol=1e-5
    )
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X[:, order]), atol=1e-5)


@WIDTHS
def test_permuting_classes_permutes_probabilities(width):
    X, y = make_problem()
    order = np.array([2, 0, 1])
    one = fit(X, y, gate_width=width)
    other = fit(X[:, :, order], np.argsort(order)[y], gate_width=width)
    np.testing.assert_allclose(
        one.predict_proba(X)[:, order], other.predict_proba(X[:, :, order]), atol=1e-5
    )


@pytest.mark.parametrize("name", MODELS)
def test_shifting_an_experts_logits_changes_nothing(name):
    X, y = make_problem()
    shift = np.random.default_rng(1).normal(scale=20, size=(N, M, 1))
    one, other = fit(X, y, **MODELS[name]), fit(X + shift, y, **MODELS[name])
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X + shift), atol=1e-5)


@WIDTHS
@pytest.mark.parametrize("copies", [2, 5])
def test_copies_of_an_expert_return_that_expert(width, copies):
    X, y = make_problem(missing=0)
    X = np.repeat(X[:, 1:2], copies, axis=1)
    model = fit(X, y, gate_width=width, calibrate=False)
    np.testing.assert_allclose(
        model.predict_log_proba(X), log_proba_from_logits(X)[:, 0], atol=1e-10
    )


@WIDTHS
def test_copies_of_an_expert_are_one_expert_calibrated(width):
    X, y = make_problem(missing=0)
    many = fit(np.repeat(X[:, 1:2], 4, axis=1), y, gate_width=width)
    one = fit(X[:, 1:2], y, gate_width=width)
    np.testing.assert_allclose(
        many.predict_proba(np.repeat(X[:, 1:2], 4, axis=1)),
        one.predict_proba(X[:, 1:2]),
        atol=1e-5,
    )


@pytest.mark.parametrize("grouped", [False, True])
@WIDTHS
def test_a_weight_of_two_is_the_sample_twice(width, grouped):
    X, y = make_problem()
    rng = np.random.default_rng(2)
    weight = rng.integers(0, 4, N)
    groups = rng.integers(0, 12, N) if grouped else None
    rows = np.repeat(np.arange(N), weight)
    one = fit(X, y, weight, groups, gate_width=width)
    other = fit(X[rows], y[rows], None, groups[rows] if grouped else None, gate_width=width)
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), atol=1e-5)
    np.testing.assert_allclose(one.reference_losses_, other.reference_losses_)
    assert one.loss_ == pytest.approx(other.loss_, abs=1e-8)


def test_splits_of_the_automatic_path_count_rows_of_weight_zero():
    X, y = make_problem()
    weight = (np.arange(N) % 3 > 0).astype(float)
    tests = [np.arange(0, N, 2), np.arange(1, N, 2)]
    splits = [(tests[1 - i], tests[i]) for i in (0, 1)]
    kept = np.flatnonzero(weight)
    own = [(np.flatnonzero(np.isin(kept, a)), np.flatnonzero(np.isin(kept, b))) for a, b in splits]
    one = fit(X, y, weight, selection_cv=splits)
    other = fit(X[kept], y[kept], selection_cv=own)
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), atol=1e-9)


def test_groups_strengthen_the_priors():
    X, y = make_problem(missing=0)
    X, y, groups = (np.repeat(a, 6, axis=0) for a in (X, y, np.arange(N)))
    free, held = fit(X, y, gate_width=None), fit(X, y, groups=groups, gate_width=None)
    single = fit(X[::6], y[::6], gate_width=None)
    np.testing.assert_allclose(held.expert_weights(X), single.expert_weights(X), atol=1e-4)
    assert np.abs(free.expert_weights(X) - single.expert_weights(X)).max() > 1e-3


def test_temperature_is_prior_strength():
    X, y = make_problem()
    data = FitData(
        lambda rows: log_proba_from_logits(X[rows]),
        X.shape,
        ClassLabels(y),
        True,
        "default",
    )
    spec, settings = HeadSpec(gate_width=0, alpha=100.0), Settings(tol=1e-13, max_iter=2000)
    warm = replace(spec, temperature=2.0, alpha=25.0, bias_prior=spec.bias_prior / 4)
    trainer = Trainer(data, np.ones((1, N)), settings)
    heads = [trainer.fitted([one]).head for one in (spec, warm)]
    (block,) = data
    one, other = (head.gate.weights(block.features, block.columns.present) for head in heads)
    np.testing.assert_allclose(one, other, atol=1e-5)
    unequal = trainer.fitted([replace(spec, temperature=2.0)]).head
    weights = unequal.gate.weights(block.features, block.columns.present)
    assert np.abs(weights - one).max() > 0.01


@pytest.mark.parametrize("n_classes", [K, 2])
@pytest.mark.parametrize("name", MODELS)
def test_log_proba_is_rebuilt_from_its_parts(name, n_classes):
    X, y = make_problem(n_classes=n_classes)
    model = fit(X, y, **MODELS[name])
    X, _ = make_problem(seed=5, missing=0.3, n_classes=n_classes)
    logits = model.expert_logits(X)
    present = ~np.isnan(logits[:, :, 0])
    count = present.sum(axis=1)
    sharpness, share = model.sharpness(X), model.linear_pool_share(X)
    linear = sharpness * share
    own = model.expert_weights(X) * sharpness[:, None] - present * (linear / count)[:, None]
    filled = np.where(present[:, :, None], logits, 0.0)
    scores = np.einsum("nm,nmk->nk", own, filled)
    scores += linear[:, None] * np.log(np.nanmean(np.exp(logits), axis=1))
    scores += model.class_bias_
    terms = model.pool_.gap_terms(model.pool_.columns(model.expert_logits(X)))
    multipliers, shift = (np.ones(present.shape), 0.0) if terms is None else terms
    # rows that lack an expert have a class bias of their own
    scores += shift
    if model.cross_class_ is not None:
        level = -np.log(2.0) if logits.shape[2] == 2 else logits.mean(axis=2, keepdims=True)
        evidence = np.where(present[:, :, None], logits - level, 0.0)
        evidence *= multipliers[:, : present.shape[1], None]
        scores += np.einsum("mkj,nmj->nk", model.cross_class_, evidence)
    scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(model.predict_log_proba(X), scores, atol=1e-10)
    if name == "corrected":
        assert (model.cross_class_share(X) > 0).all()
    if name == "plain":
        assert (share == 0).all()
        np.testing.assert_allclose(sharpness, 1)


@pytest.mark.parametrize("name", MODELS)
def test_rows_are_predicted_one_by_one(name):
    X, y = make_problem()
    model = fit(X, y, **MODELS[name])
    many, _ = make_problem(seed=3, n=30000)
    proba, order = model.predict_proba(many), np.random.default_rng(0).permutation(30000)
    np.testing.assert_allclose(model.predict_proba(many[order]), proba[order], atol=1e-13)
    for row in (0, 5460, 5461, 29999):
        np.testing.assert_allclose(
            model.predict_proba(many[row : row + 1])[0], proba[row], atol=1e-13
        )


class TestForms:
    """All forms of X hold the same numbers."""

    def test_log_odds_are_two_class_logits(self):
        X, y = make_problem(n_classes=2)
        one = fit(X, y)
        odds = X[:, :, 1] - X[:, :, 0]
        other = fit(odds, y)
        np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(odds), atol=1e-9)
        np.testing.assert_allclose(other.predict_proba(X), other.predict_proba(odds), atol=1e-12)

    def test_probability_of_the_second_class(self):
        X, y = make_problem(n_classes=2)
        second = 1 / (1 + np.exp(X[:, :, 0] - X[:, :, 1]))
        both = np.stack([1 - second, second], axis=2)
        one = fit(second, y, input="proba").predict_proba(second)
        np.testing.assert_allclose(fit(both, y, input="proba").predict_proba(both), one, atol=1e-9)
        np.testing.assert_allclose(fit(X, y).predict_proba(X), one, atol=1e-6)

    def test_flat_columns_go_expert_by_expert(self):
        X, y = make_problem()
        flat = X.reshape(N, -1)
        np.testing.assert_array_equal(
            fit(flat, y, gate_width=0).predict_proba(flat), fit(X, y, gate_width=0).predict_proba(X)
        )

    def test_frame_is_aligned_by_names(self):
        X, y = make_problem()
        labels = np.array(["b", "c", "a"])[y]
        frame = stack_outputs({f"e{m}": X[:, m] for m in range(M)}, classes=["b", "c", "a"])
        shuffled = frame.iloc[:, np.random.default_rng(0).permutation(M * K)]
        one = fit(frame, labels, gate_width=0)
        other = fit(X, labels, gate_width=0, classes=["b", "c", "a"])
        assert one.expert_names_ == ["e0", "e1", "e2", "e3"]
        np.testing.assert_array_equal(one.predict_proba(frame), one.predict_proba(shuffled))
        np.testing.assert_allclose(one.predict_proba(frame), other.predict_proba(X), atol=1e-9)
        assert list(one.classes_) == ["a", "b", "c"]
        assert (one.predict(shuffled) == other.predict(X)).all()

    def test_a_column_of_labels_is_taken_with_a_warning(self):
        X, y = make_problem()
        with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
            column = fit(X, y[:, None])
        np.testing.assert_array_equal(column.predict_proba(X), fit(X, y).predict_proba(X))

    def test_classes_name_what_a_fold_lacks(self):
        X, y = make_problem()
        kept = y != 1
        model = fit(X[kept], y[kept], classes=[0, 1, 2], gate_width=None)
        assert model.predict_proba(X).shape == (N, 3)

    def test_memory_mapped_and_other_layouts(self, tmp_path):
        X, y = make_problem(n=400)
        X = X.astype(np.float32)
        expected = fit(X, y, gate_width=0).predict_proba(X)
        np.save(tmp_path / "x.npy", X)
        strided = np.empty((800, M, K), dtype=np.float32)
        strided[::2] = X
        frozen = X.copy()
        frozen.flags.writeable = False
        for form in (
            np.load(tmp_path / "x.npy", mmap_mode="r"),
            np.asfortranarray(X),
            strided[::2],
            frozen,
            X.astype(np.float64),
            X.tolist(),
        ):
            model = fit(form, y, gate_width=0)
            np.testing.assert_allclose(model.predict_proba(form), expected, atol=1e-9)

    def test_float16_within_its_precision(self):
        X, y = make_problem()
        half = fit(X.astype(np.float16), y).predict_proba(X.astype(np.float16))
        np.testing.assert_allclose(half, fit(X, y).predict_proba(X), atol=2e-2)

    def test_input_is_left_as_it_was(self):
        X, y = make_problem()
        before = X.copy()
        fit(X, y).predict(X)
        np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["normal", "tumour"]),
        np.array([False, True]),
        np.array([-1, 1]),
        np.array([3.0, 7.0]),
        np.array(["normal", "tumour"], dtype=object),
        pd.Series(["normal", "tumour"]),
        pd.Series(["normal", "tumour"], dtype="category"),
        pd.Series([1, 2], dtype="Int64"),
    ],
    ids=["str", "bool", "int", "float", "object", "pandas str", "category", "Int64"],
)
def test_labels_come_back_as_they_went_in(labels):
    X, codes = make_problem(n_classes=2)
    y = labels[codes] if isinstance(labels, np.ndarray) else labels.iloc[codes]
    model = fit(X, y, gate_width=None)
    predicted = model.predict(X)
    assert set(predicted) == set(np.asarray(labels))
    assert np.mean(predicted == np.asarray(y)) > 0.8


@pytest.mark.parametrize("name", MODELS)
def test_two_fits_are_bit_identical_and_leave_random_state_alone(name):
    X, y = make_problem()
    one = fit(X, y, **MODELS[name]).predict_proba(X)
    np.random.seed(3)
    other = fit(X, y, **MODELS[name]).predict_proba(X)
    np.testing.assert_array_equal(one, other)
    np.random.seed(3)
    expected = np.random.get_state()[1].copy()
    fit(X, y, **MODELS[name])
    np.testing.assert_array_equal(np.random.get_state()[1], expected)


@pytest.mark.parametrize("name", ["constant", "linear", "hidden", "auto"])
def test_stored_model_predicts_bit_for_bit_without_torch(name, tmp_path, without_torch):
    X, y = make_problem()
    model = fit(X, y, **MODELS[name])
    expected = model.predict_proba(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), expected)
    joblib.dump(model, tmp_path / "model.joblib")
    np.savez(tmp_path / "data.npz", X=X, expected=expected)
    code = f"""
{without_torch}
import joblib, numpy as np
data = np.load(r"{tmp_path / "data.npz"}")
model = joblib.load(r"{tmp_path / "model.joblib"}")
assert (model.predict_proba(data["X"]) == data["expected"]).all()
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "model.joblib").stat().st_size < 200_000
