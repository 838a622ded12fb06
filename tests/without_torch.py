"""What works, and what is said, on a machine without torch.

Run where there is none, or by tests/test_without_torch.py, which hides it.
"""

import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from sklearn_logitprod import (
    LogitProdClassifier,
    LogitProdClassifierCV,
    LogitProdSurvival,
    LogitProdSurvivalCV,
)
from sklearn_logitprod.cli import main

STORED = Path(__file__).parent / "stored"
RNG = np.random.default_rng(0)
N = 90
Y = np.arange(N) % 2
X = RNG.normal(size=(N, 3)) + Y[:, None]
EVENTS = np.array(list(zip(Y > 0, 1.0 + RNG.exponential(size=N))), dtype="?, f8")
EXPERTS = [("lr", LogisticRegression()), ("nb", GaussianNB())]
SURVIVAL = {"n_bins": 3}


class Risk(BaseEstimator):
    """A survival expert: the sum of the columns of X."""

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return X.sum(axis=1)


class Untouched(GaussianNB):
    """An expert that must not be fitted."""

    def fit(self, X, y):
        raise AssertionError("an expert was fitted before the error")


def fitted(experts, y):
    return [(name, clone(expert).fit(X, y)) for name, expert in experts]


def test_there_is_no_torch():
    with pytest.raises(ModuleNotFoundError):
        import torch  # noqa: F401


CONSTANT = {
    "outputs": (LogitProdClassifier(gate_width=None), Y),
    "cross-fitted": (LogitProdClassifier(EXPERTS, cv=2, gate_width=None), Y),
    "prefit": (LogitProdClassifier(fitted(EXPERTS, Y), gate_width=None, cross_class=10.0), Y),
    "adam": (LogitProdClassifier(gate_width=None, solver="adam", diversity=0.1), Y),
    "risks": (LogitProdSurvival(input="risk", gate_width=None, **SURVIVAL), EVENTS),
    "survival": (LogitProdSurvival([("a", Risk())], cv=2, gate_width=None, **SURVIVAL), EVENTS),
    "search": (LogitProdClassifierCV(EXPERTS, expert_cv=2, gate_widths=[None], cv=2), Y),
    "survival search": (
        LogitProdSurvivalCV(fitted([("a", Risk())], EVENTS), gate_widths=[None], cv=2, **SURVIVAL),
        EVENTS,
    ),
}


@pytest.mark.parametrize("name", CONSTANT)
def test_constant_weights_are_fitted(name):
    model, y = CONSTANT[name]
    model.fit(X, y)
    assert getattr(model, "best_estimator_", model).guarantee_gap_ <= 0
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


GATES = {
    "auto": (LogitProdClassifier([("a", Untouched())], cv=2), Y),
    "linear": (LogitProdClassifier([("a", Untouched())], cv=2, gate_width=0), Y),
    "survival": (LogitProdSurvival(input="risk", gate_width=4, **SURVIVAL), EVENTS),
    "search": (LogitProdClassifierCV([("a", Untouched())], expert_cv=2), Y),
    "survival search": (LogitProdSurvivalCV(input="risk", gate_widths=[None, 0]), EVENTS),
}


@pytest.mark.parametrize("name", GATES)
def test_gates_say_what_they_need_before_any_work(name):
    model, y = GATES[name]
    with pytest.raises(ImportError, match=r"torch, which is not installed.*gate_width=None"):
        model.fit(X, y)


@pytest.mark.parametrize("path", sorted(STORED.glob("*.npz")), ids=lambda path: path.stem)
def test_stored_models_predict_what_they_did(path):
    labels = np.array(["grade 2", "grade 3", "grade 4"])[np.arange(N) % 3]
    random = np.random.default_rng(0)
    logits = random.normal(size=(N, 3, 3))
    logits[np.arange(N), 1, np.arange(N) % 3] += 2.0
    logits[::7, 0] = np.nan
    risks = random.normal(size=(N, 3))
    models = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        models.append(pickle.loads(path.with_suffix(".pkl").read_bytes()))
        try:
            import skops.io
        except ImportError:
            pass
        else:
            from sklearn_logitprod.cli.model import TRUSTED

            models.append(skops.io.load(path.with_suffix(".skops"), trusted=TRUSTED))
    expected = np.load(path)["predicted"]
    for model in models:
        if isinstance(model, LogitProdSurvival):
            found = model.predict_survival_function(risks, return_array=True)
        else:
            found = model.predict_proba(logits)
            assert set(model.classes_) == set(labels)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.fixture
def files(tmp_path):
    for name in ("uni", "conch"):
        p = 1 / (1 + np.exp(RNG.normal(size=N) - (2 * Y - 1)))
        table = {"slide_id": np.arange(N), "label": Y, "prob_0": 1 - p, "prob_1": p}
        pd.DataFrame(table).to_csv(tmp_path / f"{name}.csv", index=False)
    return [str(tmp_path / f"{name}.csv") for name in ("uni", "conch")]


def test_command_line(files, tmp_path, capsys):
    pytest.importorskip("skops")
    model, out = str(tmp_path / "model.skops"), tmp_path / "out.csv"
    fit = ["fit", *files, "--label", "label", "--quiet", "--save", model]
    assert main([*fit, "--gate", "auto"]) == 2
    assert "error: Gates are trained with torch, which is not" in capsys.readouterr().err
    assert not Path(model).exists()
    assert main([*fit, "--gate", "none"]) == 0
    assert main(["predict", model, *files, "--out", str(out)]) == 0
    assert len(pd.read_csv(out)) == N
    assert main(["compare", *files, "--label", "label", "--quiet"]) == 2
    assert "error: Gates are trained with torch, which is not" in capsys.readouterr().err
