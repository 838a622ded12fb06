"""Whatever users do to an estimator, in whatever order, it stays what it says it is."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils.validation import check_is_fitted

from sklearn_logitprod import LogitProdClassifier, LogitProdSurvival

PARAMETERS = {
    "gate_width": st.sampled_from([None, 0, 2, "auto"]),
    "temperature": st.sampled_from([0.5, 1.0, 3.0]),
    "alpha": st.sampled_from([1.0, 100.0]),
    "calibrate": st.booleans(),
    "linear_pool": st.booleans(),
    "cross_class": st.sampled_from([None, 10.0]),
    "features": st.sampled_from(["default", "paper"]),
    "random_state": st.integers(0, 3),
}


def fitted_attributes(model):
    return {name for name in vars(model) if name.endswith("_") and not name.endswith("__")}


class Life(RuleBasedStateMachine):
    """fit, predict, clone, pickle, copy, set_params and refit, good and bad, in any order."""

    @initialize(seed=st.integers(0, 10**6))
    def start(self, seed):
        rng = np.random.default_rng(seed)
        self.model, self.new = self.make(), self.draw(rng, 7)[0]
        self.known = None

    @rule(seed=st.integers(0, 10**6), n=st.integers(8, 40), missing=st.booleans(), w=st.booleans())
    def fit(self, seed, n, missing, w):
        rng = np.random.default_rng(seed)
        X, y = self.draw(rng, n)
        if missing:
            X[rng.random(n) < 0.3, 0] = np.nan
        weight = rng.integers(1, 3, n) if w else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.simplefilter("ignore", UserWarning)
            assert self.model.fit(X, y, sample_weight=weight) is self.model
            again = clone(self.model).fit(X.copy(), y.copy(), sample_weight=weight)
        self.known = self.predict(self.model, self.new)
        np.testing.assert_array_equal(self.predict(again, self.new), self.known)

    @rule(how=st.sampled_from(["short y", "infinite", "no y", "no expert", "parameter"]))
    def fit_on_bad_input(self, how):
        rng = np.random.default_rng(0)
        X, y = self.draw(rng, 12)
        model, own = self.model, self.model.alpha
        before = fitted_attributes(model)
        if how == "short y":
            y = y[:-1]
        elif how == "infinite":
            X[3, 1, 0] = np.inf
        elif how == "no y":
            y = None
        elif how == "no expert":
            X[5] = np.nan
        else:
            model.set_params(alpha=-1.0)
        with pytest.raises(ValueError):
            model.fit(X, y)
        model.set_params(alpha=own)
        assert fitted_attributes(model) == before

    @rule(data=st.data(), name=st.sampled_from(sorted(PARAMETERS)))
    def set_one_parameter(self, data, name):
        value = data.draw(PARAMETERS[name])
        self.model.set_params(**{name: value})
        assert self.model.get_params()[name] == value

    @precondition(lambda self: self.known is not None)
    @rule(how=st.sampled_from(["pickle", "deepcopy"]))
    def move_elsewhere(self, how):
        self.model = (
            pickle.loads(pickle.dumps(self.model)) if how == "pickle" else copy.deepcopy(self.model)
        )

    @rule()
    def forget(self):
        params = self.model.get_params(deep=False)
        self.model, self.known = clone(self.model), None
        assert not fitted_attributes(self.model)
        assert self.model.get_params(deep=False) == params

    @precondition(lambda self: self.known is not None)
    @rule()
    def predictions_are_those_of_the_last_fit(self):
        np.testing.assert_array_equal(self.predict(self.model, self.new), self.known)
        weights = self.model.expert_weights(self.new)
        np.testing.assert_allclose(weights.sum(axis=1), 1.0)
        assert (weights >= 0).all()

    @precondition(lambda self: self.known is None)
    @rule()
    def no_predictions_without_a_fit(self):
        for call in (self.model.predict, self.model.expert_weights):
            with pytest.raises(NotFittedError):
                call(self.new)

    @invariant()
    def guarantee(self):
        if getattr(self, "known", None) is not None:
            check_is_fitted(self.model)
            assert self.model.guarantee_gap_ <= 0
            assert np.isfinite(self.known).all()


class ClassifierLife(Life):
    def make(self):
        return LogitProdClassifier(gate_width=None)

    def draw(self, rng, n):
        y = np.arange(n) % 3
        X = rng.normal(size=(n, 3, 3))
        X[np.arange(n), 1, y] += 2.0
        return X, np.array(["a", "b", "c"])[y]

    def predict(self, model, X):
        proba = model.predict_proba(X)
        np.testing.assert_allclose(proba.sum(axis=1), 1.0)
        return proba


class SurvivalLife(Life):
    def make(self):
        return LogitProdSurvival(gate_width=None, times=[1.0, 2.0, 4.0])

    def draw(self, rng, n):
        X = rng.normal(size=(n, 3, 3)) - 0.5
        y = np.empty(n, dtype=[("event", bool), ("time", float)])
        y["event"], y["time"] = np.arange(n) % 3 > 0, rng.uniform(0.1, 5.0, n)
        y["time"][:3] = [0.5, 1.5, 3.0]
        y["event"][:3] = True
        return X, y

    def predict(self, model, X):
        survival = model.predict_survival_function(X, return_array=True)
        assert (np.diff(survival, axis=1) <= 0).all()
        return survival


TestClassifierLife = ClassifierLife.TestCase
TestSurvivalLife = SurvivalLife.TestCase
# one example is a life of up to thirty steps
TestClassifierLife.settings = settings(
    max_examples=max(10, settings.default.max_examples // 4), stateful_step_count=30, deadline=None
)
TestSurvivalLife.settings = TestClassifierLife.settings
