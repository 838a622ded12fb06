"""Interfaces of the field: frames by model as AutoGluon gives them, and TabArena's ensemblers."""

from abc import ABC, abstractmethod

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import log_loss

from sklearn_logitprod import LogitProdClassifier, LogitProdRegressor, stack_outputs
from sklearn_logitprod.inspection import compare
from sklearn_logitprod.interfaces import LogitProdEnsembler

N = 200
RNG = np.random.default_rng(0)
CODES = RNG.integers(3, size=N)
Y = pd.Series(np.array(["low", "mid", "high"])[CODES], index=[f"row{i}" for i in range(N)])


def frame(skill, columns=("low", "mid", "high"), seed=0):
    """Probabilities of a model, the true class favoured by its skill."""
    rng = np.random.default_rng(seed)
    score = skill * (CODES[:, None] == np.arange(3)) + rng.normal(size=(N, 3))
    proba = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    return pd.DataFrame(proba, columns=["low", "mid", "high"], index=Y.index)[list(columns)]


PREDICTIONS = {"RandomForest": frame(1.0, seed=1), "LightGBM": frame(1.5, seed=2)}


@pytest.fixture(scope="module")
def model():
    return LogitProdClassifier(input="proba", gate_width=None).fit(PREDICTIONS, Y)


class TestFrames:
    def test_they_are_one_frame_of_two_levels(self, model):
        stacked = stack_outputs(PREDICTIONS)
        own = LogitProdClassifier(input="proba", gate_width=None).fit(stacked, Y)
        assert list(model.expert_names_) == ["RandomForest", "LightGBM"]
        assert_allclose(model.predict_proba(PREDICTIONS), own.predict_proba(stacked))

    def test_models_and_classes_are_matched_by_name(self, model):
        turned = {
            "LightGBM": frame(1.5, ["high", "low", "mid"], seed=2),
            "RandomForest": frame(1.0, ["mid", "high", "low"], seed=1),
        }
        assert_allclose(model.predict_proba(turned), model.predict_proba(PREDICTIONS))
        assert_allclose(model.expert_weights(turned), model.expert_weights(PREDICTIONS))

    def test_they_are_compared(self):
        own = LogitProdClassifier(input="proba", gate_width=None)
        table = compare(own, PREDICTIONS, Y, n_repeats=1, cv=3, n_resamples=20)
        assert {"RandomForest", "LightGBM", "LogitProd"} <= set(table.index)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda own: own.iloc[::-1], "another index"),
            (lambda own: own.iloc[:50], "50 rows"),
            (lambda own: own.rename(columns={"mid": "middle"}), "expected the classes"),
            (lambda own: own.drop(columns="mid"), "expected the classes"),
            (lambda own: own["mid"], "holds a Series"),
            (lambda own: own.to_numpy(), "holds a ndarray"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, model, change, message):
        changed = PREDICTIONS | {"LightGBM": change(PREDICTIONS["LightGBM"])}
        for call in (model.predict_proba, lambda X: LogitProdClassifier(input="proba").fit(X, Y)):
            with pytest.raises(ValueError, match=message):
                call(changed)

    def test_other_models_are_refused(self, model):
        with pytest.raises(ValueError, match=r"missing \['LightGBM'\]"):
            model.predict_proba({"RandomForest": PREDICTIONS["RandomForest"]})

    def test_labels_of_rows_in_another_order_are_refused(self):
        with pytest.raises(ValueError, match="at other places"):
            LogitProdClassifier(input="proba").fit(PREDICTIONS, Y.iloc[::-1])

    def test_nothing_is_refused(self):
        with pytest.raises(ValueError, match="X is an empty dict"):
            LogitProdClassifier(input="proba").fit({}, Y)


class Interface(ABC):
    """What TabArena's simulation calls, as of ``tabarena.simulation.ensemble`` in 2026."""

    linear: bool

    @abstractmethod
    def __init__(self, *, problem_type, metric): ...

    @abstractmethod
    def fit(self, *, predictions, labels, time_limit=None): ...

    @abstractmethod
    def predict_proba(self, predictions): ...

    @abstractmethod
    def predict(self, predictions, *, problem_type=None): ...

    @abstractmethod
    def model_weights(self): ...

    @abstractmethod
    def models_used(self): ...

    @abstractmethod
    def info(self): ...


Interface.register(LogitProdEnsembler)


def evaluated(ensembler_cls, problem_type, predictions, labels, test, **kwargs):
    """A task as the simulation runs it, on predictions as they are."""
    ensembler = ensembler_cls(problem_type=problem_type, metric=object(), **kwargs)
    assert ensembler.linear is False
    assert ensembler.fit(predictions=predictions, labels=labels) is ensembler
    results = {"models_used": ensembler.models_used(), "info": ensembler.info()}
    assert ensembler.model_weights() is None
    own = ensembler.predict_proba(test), ensembler.predict(test, problem_type=problem_type)
    return results, *own, ensembler


class TestTabArena:
    def test_it_has_every_method_of_the_interface(self):
        missing = [
            name
            for name in Interface.__abstractmethods__
            if getattr(LogitProdEnsembler, name, None) is getattr(object, name, None)
        ]
        assert not missing
        assert issubclass(LogitProdEnsembler, Interface)

    def test_several_classes(self):
        predictions = np.stack([own.to_numpy() for own in PREDICTIONS.values()])
        half = slice(N // 2), slice(N // 2, N)
        results, proba, labels, ensembler = evaluated(
            LogitProdEnsembler,
            "multiclass",
            predictions[:, half[0]].astype(np.float32),
            CODES[half[0]],
            predictions[:, half[1]],
            gate_width=None,
        )
        values = np.moveaxis(predictions, 0, 1)
        own = LogitProdClassifier(input="proba", gate_width=None, classes=[0, 1, 2])
        own.fit(values[half[0]].astype(np.float32), CODES[half[0]])
        assert_allclose(proba, own.predict_proba(values[half[1]]))
        assert (labels == proba.argmax(axis=1)).all()
        assert results["models_used"].tolist() == [True, True]
        assert results["info"]["loss"] <= results["info"]["reference_loss"]
        alone = min(log_loss(CODES[half[1]], own[half[1]]) for own in predictions)
        assert log_loss(CODES[half[1]], proba) < alone
        assert ensembler.n_models_ == 2

    @pytest.mark.parametrize("kind", [bool, int])
    def test_two_classes(self, kind):
        y = (CODES > 0).astype(kind)
        score = (2.0 * y - 1.0) + np.random.default_rng(1).normal(size=(3, N))
        proba = 1.0 / (1.0 + np.exp(-score))
        _, fused, labels, _ = evaluated(LogitProdEnsembler, "binary", proba, y, proba)
        assert fused.shape == (N,)
        assert log_loss(y, fused) < min(log_loss(y, own) for own in proba)
        assert (labels == (fused >= 0.5)).all()

    def test_a_class_that_is_not_there_is_no_reason_to_fail(self):
        predictions = np.stack([own.to_numpy() for own in PREDICTIONS.values()])
        rows = CODES < 2
        ensembler = LogitProdEnsembler(problem_type="multiclass", gate_width=None)
        ensembler.fit(predictions=predictions[:, rows], labels=CODES[rows])
        assert ensembler.predict_proba(predictions).shape == (N, 3)

    def test_values(self):
        y = np.random.default_rng(0).normal(size=N)
        predictions = y + np.random.default_rng(1).normal(size=(3, N))
        _, fused, values, _ = evaluated(
            LogitProdEnsembler, "regression", predictions, y, predictions
        )
        own = LogitProdRegressor(input="mean").fit(predictions.T, y)
        assert_allclose(fused, own.predict(predictions.T))
        assert (values == fused).all()

    def test_it_refuses_what_it_cannot_do(self):
        with pytest.raises(ValueError, match="problem_type='quantile'"):
            LogitProdEnsembler(problem_type="quantile")
        ensembler = LogitProdEnsembler(problem_type="binary", gate_width=None)
        with pytest.raises(ValueError, match=r"they are \(n_models, n_samples\)"):
            ensembler.fit(predictions=np.zeros((2, 5, 3)), labels=np.zeros(5))
        proba = np.full((2, N), 0.5) + 0.3 * (CODES > 0)
        ensembler.fit(predictions=proba, labels=CODES > 0)
        with pytest.raises(ValueError, match="use_fast_metrics=False"):
            ensembler.predict(proba, problem_type="multiclass")
