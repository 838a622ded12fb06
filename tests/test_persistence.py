"""A model that was saved predicts to the bit what it did, today's and those of before."""

import io
import pickle
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sklearn_logitprod import (
    LogitProdClassifier,
    LogitProdClassifierCV,
    LogitProdSurvival,
    LogitProdSurvivalCV,
)

STORED = Path(__file__).parent / "stored"
RNG = np.random.default_rng(0)
N = 90
LABELS = np.array(["grade 2", "grade 3", "grade 4"])[np.arange(N) % 3]
LOGITS = RNG.normal(size=(N, 3, 3))
LOGITS[np.arange(N), 1, np.arange(N) % 3] += 2.0
LOGITS[::7, 0] = np.nan
RISKS = RNG.normal(size=(N, 3))
OUTCOME = np.empty(N, dtype=[("event", bool), ("time", float)])
OUTCOME["event"] = np.arange(N) % 3 > 0
OUTCOME["time"] = RNG.exponential(np.exp(-RISKS[:, 0])) + 0.01

MODELS = {
    "constant": lambda: LogitProdClassifier(gate_width=None).fit(LOGITS, LABELS),
    "linear": lambda: LogitProdClassifier(gate_width=0, cross_class=10.0).fit(LOGITS, LABELS),
    "hidden": lambda: LogitProdClassifier(gate_width=4).fit(LOGITS, LABELS),
    "auto": lambda: LogitProdClassifier().fit(LOGITS, LABELS),
    "survival": lambda: LogitProdSurvival(input="risk", n_bins=4).fit(RISKS, OUTCOME),
}


def predicted(model):
    if isinstance(model, LogitProdSurvival):
        return model.predict_survival_function(RISKS, return_array=True)
    return model.predict_proba(LOGITS)


def by_pickle(model, protocol):
    return pickle.loads(pickle.dumps(model, protocol=protocol))


def by_joblib(model, compress):
    file = io.BytesIO()
    joblib.dump(model, file, compress=compress)
    file.seek(0)
    return joblib.load(file)


def by_skops(model):
    skops = pytest.importorskip("skops.io")
    from sklearn_logitprod.cli.model import TRUSTED

    return skops.loads(skops.dumps(model), trusted=TRUSTED)


WAYS = {
    "pickle": lambda model: by_pickle(model, 5),
    "pickle, protocol 2": lambda model: by_pickle(model, 2),
    "joblib": lambda model: by_joblib(model, 0),
    "joblib, compressed": lambda model: by_joblib(model, 3),
    "skops": by_skops,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MODELS)
def test_round_trip(name, way):
    model = MODELS[name]()
    loaded = WAYS[way](model)
    np.testing.assert_array_equal(predicted(loaded), predicted(model))
    assert loaded.guarantee_gap_ == model.guarantee_gap_
    # once more, now that properties are cached
    np.testing.assert_array_equal(predicted(WAYS[way](loaded)), predicted(model))


@pytest.mark.parametrize("name", MODELS)
def test_a_clone_fits_to_the_same_bits(name):
    model = MODELS[name]()
    X, y = (RISKS, OUTCOME) if name == "survival" else (LOGITS, LABELS)
    again = clone(model)
    assert not hasattr(again, "loss_")
    np.testing.assert_array_equal(predicted(again.fit(X, y)), predicted(model))


def test_experts_are_saved_with_the_model():
    experts = [("nb", GaussianNB()), ("tree", DecisionTreeClassifier(max_depth=2, random_state=0))]
    model = LogitProdClassifier(experts, cv=3).fit(TABLE, LABELS)
    for loaded in (by_pickle(model, 5), by_joblib(model, 0)):
        np.testing.assert_array_equal(loaded.predict_proba(TABLE), model.predict_proba(TABLE))


TABLE = np.nan_to_num(LOGITS).reshape(N, -1)
ONE = {"gate_widths": (None,), "temperatures": (1.0,), "alphas": (100.0,), "cv": 2}


class Own(GaussianNB):
    """An expert of one's own."""


class Risk(BaseEstimator):
    """A survival expert of one's own: a column of X."""

    def fit(self, X, y):
        self.column_ = 0
        return self

    def predict(self, X):
        return X[:, self.column_]


def fitted_experts(experts, y):
    return [(name, clone(expert).fit(TABLE, y)) for name, expert in experts]


EXPERTS = [("lr", make_pipeline(StandardScaler(), LogisticRegression())), ("own", Own())]
AROUND_EXPERTS = {
    "cross-fitted": (LogitProdClassifier(EXPERTS, cv=2, gate_width=None), LABELS),
    "prefit": (LogitProdClassifier(fitted_experts(EXPERTS, LABELS), gate_width=0), LABELS),
    "search": (LogitProdClassifierCV(EXPERTS, expert_cv=2, **ONE), LABELS),
    "survival": (LogitProdSurvival([("own", Risk())], cv=2, n_bins=3, gate_width=None), OUTCOME),
    "survival search": (
        LogitProdSurvivalCV(fitted_experts([("own", Risk())], OUTCOME), n_bins=3, **ONE),
        OUTCOME,
    ),
}


@pytest.mark.parametrize("name", AROUND_EXPERTS)
def test_skops_of_models_around_experts_names_what_the_experts_are_made_of(name):
    skops = pytest.importorskip("skops.io")
    from sklearn_logitprod.cli.model import TRUSTED

    model, y = AROUND_EXPERTS[name]
    predict = "predict" if y is OUTCOME else "predict_proba"
    content = skops.dumps(model.fit(TABLE, y))
    theirs = set(skops.get_untrusted_types(data=content)) - set(TRUSTED)
    assert theirs == {f"{__name__}.{'Risk' if y is OUTCOME else 'Own'}"}
    loaded = skops.loads(content, trusted=[*TRUSTED, *theirs])
    np.testing.assert_array_equal(getattr(loaded, predict)(TABLE), getattr(model, predict)(TABLE))
    assert clone(loaded).fit(TABLE, y).score(TABLE, y) == model.score(TABLE, y)


def test_types_that_are_not_trusted_are_refused():
    skops = pytest.importorskip("skops.io")
    from skops.io.exceptions import UntrustedTypesFoundException

    from sklearn_logitprod.cli.model import TRUSTED

    content = skops.dumps({"model": MODELS["constant"](), "more": Path("x")})
    with pytest.raises(UntrustedTypesFoundException, match="pathlib"):
        skops.loads(content, trusted=TRUSTED)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_model_fitted_on_cuda_holds_no_tensor():
    model = LogitProdClassifier(gate_width=4, device="cuda").fit(LOGITS, LABELS)
    assert b"torch" not in pickle.dumps(model)
    np.testing.assert_array_equal(predicted(by_pickle(model, 5)), predicted(model))


@pytest.mark.parametrize(
    "path", sorted([*STORED.glob("*.pkl"), *STORED.glob("*.skops")]), ids=lambda path: path.name
)
def test_models_saved_before_still_load(path):
    """Files of the format of each release, with what they predicted when they were saved."""
    expected = np.load(path.with_suffix(".npz"))["predicted"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        if path.suffix == ".pkl":
            model = pickle.loads(path.read_bytes())
        else:
            skops = pytest.importorskip("skops.io")
            from sklearn_logitprod.cli.model import TRUSTED

            model = skops.load(path, trusted=TRUSTED)
        np.testing.assert_allclose(predicted(model), expected, rtol=1e-12)


def store(version):
    """Save today's models as those of a version: ``python tests/test_persistence.py 0.2``."""
    import skops.io

    for name in ("auto", "hidden", "survival"):
        model = MODELS[name]()
        stem = STORED / f"{name}_{version.replace('.', '_')}"
        stem.with_suffix(".pkl").write_bytes(pickle.dumps(model, protocol=4))
        skops.io.dump(model, stem.with_suffix(".skops"))
        np.savez(stem.with_suffix(".npz"), predicted=predicted(model))


if __name__ == "__main__":
    store(sys.argv[1])
