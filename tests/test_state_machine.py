"""Whatever users do to an estimator, in whatever order, it stays what it says it is.

Run as a script, it lets each kind of estimator live as many lives as one likes::

    python tests/test_state_machine.py --lives 1000 --steps 30
"""

import argparse
import copy
import functools
import html
import pickle
import time
import warnings
from collections import Counter
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from scipy.special import expit
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import check_is_fitted

from sklearn_logitprod import (
    LogitProdClassifier,
    LogitProdClassifierCV,
    LogitProdMultilabelClassifier,
    LogitProdRegressor,
    LogitProdRegressorCV,
    LogitProdSurvival,
    LogitProdSurvivalCV,
    deployment,
    stack_outputs,
)
from sklearn_logitprod.export import to_onnx, to_torch

SEEDS = st.integers(0, 10**6)
SHARED = {
    "gate_width": st.sampled_from([None, 0, 2, "auto"]),
    "temperature": st.sampled_from([0.5, 1.0, 3.0]),
    "alpha": st.sampled_from([1.0, 100.0]),
    "calibrate": st.booleans(),
    "linear_pool": st.booleans(),
    "random_state": st.integers(0, 3),
}
CATEGORICAL = SHARED | {
    "cross_class": st.sampled_from([None, 10.0]),
    "features": st.sampled_from(["default", "paper"]),
}
# experts of a fit, and of those that come later at most
M, MOST = 3, 2
CLASSES = ["a", "b", "c"]
# what experts may be like
ODDITIES = ["plain", "plain", "missing", "gone", "copy", "constant", "certain"]
# steps taken, by machine and rule
TAKEN = Counter()


def fitted_attributes(model):
    return {name for name in vars(model) if name.endswith("_") and not name.endswith("__")}


@contextmanager
def quiet():
    """Small problems give rise to doubts, which are tested elsewhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", UserWarning)
        yield


def step(**strategies):
    """A rule that is counted."""

    def counted(method):
        @functools.wraps(method)
        def taken(self, *args, **kwargs):
            TAKEN[type(self).__name__, method.__name__] += 1
            return method(self, *args, **kwargs)

        return rule(**strategies)(taken)

    return counted


def if_fitted(method):
    return precondition(lambda self: self.known is not None)(method)


def if_deployable(method):
    """The function takes models of this kind, which are fitted."""
    name = method.__name__
    return precondition(lambda self: self.known is not None and name not in self.refused)(method)


class Life(RuleBasedStateMachine):
    """fit, spoil, predict, move, export, set_params, clone and deploy, good and bad, in any order.

    A machine of a kind says how its estimators are made (``make``), data drawn (``draw``) and
    predictions read (``predict``, ``logs``), and which functions of ``deployment`` it is refused.
    """

    parameters = CATEGORICAL
    searched = None
    refused = frozenset()

    @initialize(seed=SEEDS, kind=st.integers(0, 5))
    def start(self, seed, kind):
        TAKEN[type(self).__name__, "lives"] += 1
        # which form of input or experts, how many classes, labels or sets of them
        self.form, self.k, self.sets = kind // 2 % 2, 2 + kind % 2, kind >= 4
        self.model = self.make()
        self.rows = self.draw(np.random.default_rng(seed), 7, MOST)[0]
        self.fit_to(seed, 20, "plain", False)

    def given(self, X, y=None):
        """X as users pass it, for a fit if with y."""
        return X

    def forgotten(self):
        """Nothing is known of the model, nothing was done to it."""
        self.known, self.extra, self.history, self.safety = None, 0, [], None
        self.elders = []

    def experts_only(self, X, n_experts):
        """X with the outputs of the first experts."""
        return X[:, :n_experts]

    @property
    def new(self):
        """Rows to predict, some without the first expert."""
        X = self.experts_only(self.rows, M + self.extra).copy()
        X[:2, 0] = np.nan
        return X

    def make_odd(self, X, odd, m, rng):
        """Put an expert into X that is missing, a copy, constant or certain."""
        if odd == "missing":
            X[rng.random(len(X)) < 0.3, m] = np.nan
        elif odd == "gone":
            X[:, m] = np.nan
        elif odd == "copy":
            X[:, m] = X[:, 1]
        elif odd == "constant":
            X[:, m] = X[0, 1]
        elif odd == "certain":
            X[:, m] = self.certain(X[:, m])

    def certain(self, outputs):
        return 1e3 * outputs

    def fitted_anew(self):
        self.forgotten()
        self.known = self.predict(self.model, self.new)
        assert getattr(self.model, "deployment_", []) == []

    @step(seed=SEEDS, n=st.integers(8, 40), odd=st.sampled_from(ODDITIES), w=st.booleans())
    def fit(self, seed, n, odd, w):
        self.fit_to(seed, n, odd, w)

    def fit_to(self, seed, n, odd, w):
        rng = np.random.default_rng(seed)
        X, y = self.draw(rng, n)
        self.make_odd(X, odd, 0, rng)
        weight = rng.integers(1, 3, n) if w else None
        with quiet():
            X = self.given(X, y)
            assert self.model.fit(X, y, sample_weight=weight) is self.model
            again = clone(self.model).fit(X.copy(), y.copy(), sample_weight=weight)
        self.fitted_anew()
        np.testing.assert_array_equal(self.predict(again, self.new), self.known)
        # nothing is left of what the model was before
        assert fitted_attributes(again) == fitted_attributes(self.model)

    @precondition(lambda self: self.searched is not None)
    @step(seed=SEEDS, n=st.integers(20, 40), width=st.sampled_from([None, 0]))
    def search(self, seed, n, width):
        X, y = self.draw(np.random.default_rng(seed), n)
        names = {"input", "linear_pool", "times", "labels", "classes"}
        shared = {name: own for name, own in self.model.get_params().items() if name in names}
        search = self.searched(
            gate_widths=[width], temperatures=[1.0], alphas=[30.0, 300.0], cv=2, **shared
        )
        with quiet():
            search.fit(self.given(X, y), y)
        self.model = search.best_estimator_
        self.fitted_anew()
        moved = pickle.loads(pickle.dumps(search))
        np.testing.assert_array_equal(self.predict(moved, self.new), self.known)

    @contextmanager
    def left_alone(self):
        """What is done within must leave the model as it is."""
        model, before = self.model, pickle.dumps(self.model)
        yield
        assert pickle.dumps(model) == before
        if self.known is not None:
            np.testing.assert_array_equal(self.predict(model, self.new), self.known)

    @step(how=st.sampled_from(["short y", "infinite", "no y", "no expert", "parameter"]))
    def fit_on_bad_input(self, how):
        X, y = self.draw(np.random.default_rng(0), 12)
        own = self.model.alpha
        with self.left_alone():
            if how == "short y":
                y = y[:-1]
            elif how == "infinite":
                X[3, 1] = np.inf
            elif how == "no y":
                y = None
            elif how == "no expert":
                X[5] = np.nan
            else:
                self.model.set_params(alpha=-1.0)
            with quiet(), pytest.raises(ValueError):
                self.model.fit(self.given(X, y), y)
            self.model.set_params(alpha=own)

    @step(data=st.data())
    def set_one_parameter(self, data):
        name = data.draw(st.sampled_from(sorted(self.parameters)))
        value = data.draw(self.parameters[name])
        self.model.set_params(**{name: value})
        assert self.model.get_params()[name] == value

    @if_fitted
    @step(how=st.sampled_from(["pickle", "deepcopy"]))
    def move_elsewhere(self, how):
        moved = copy.deepcopy(self.model)
        if how == "pickle":
            moved = pickle.loads(pickle.dumps(self.model))
        assert repr(moved) == repr(self.model)
        assert fitted_attributes(moved) == fitted_attributes(self.model)
        self.model = moved

    @if_fitted
    @step()
    def forget(self):
        params = self.model.get_params(deep=False)
        self.model = clone(self.model)
        self.forgotten()
        assert not fitted_attributes(self.model)
        assert "- " not in repr(self.model)
        assert self.model.get_params(deep=False).keys() == params.keys()

    @if_fitted
    @step()
    def predictions_are_those_of_the_last_change(self):
        np.testing.assert_array_equal(self.predict(self.model, self.new), self.known)
        weights = np.asarray(self.model.expert_weights(self.given(self.new)))
        np.testing.assert_allclose(weights.sum(axis=1), 1.0)
        assert (weights >= 0).all()
        for elder, X, said in self.elders:
            np.testing.assert_array_equal(self.predict(elder, X), said)

    @precondition(lambda self: self.known is None)
    @step(seed=SEEDS)
    def nothing_without_a_fit(self, seed):
        X, y = self.draw(np.random.default_rng(0), 12)
        for call in (self.model.predict, self.model.expert_weights):
            with pytest.raises(NotFittedError):
                call(self.given(X))
        for call in (to_torch, deployment.with_safety, lambda model: deployment.adapt(model, X, y)):
            with pytest.raises((NotFittedError, ValueError, TypeError)):
                call(self.model)
        self.fit_to(seed, 20, "plain", False)

    @if_fitted
    @step(graph=st.booleans())
    def export(self, graph):
        X = self.outputs(self.new)
        with self.left_alone():
            expected = self.logs(self.model, self.new)
            found = to_torch(self.model, **self.of_pool)(torch.tensor(X))
            np.testing.assert_allclose(found, expected, rtol=1e-7, atol=self.exact)
            if graph:
                self.check_graph(X.astype(np.float32), expected)

    # which input an exported model takes, and how exactly it repeats the model
    of_pool, exact = {}, 1e-7

    def outputs(self, X):
        return X

    def check_graph(self, X, expected):
        pytest.importorskip("onnx")
        runtime = pytest.importorskip("onnxruntime")
        session = runtime.InferenceSession(to_onnx(self.model, **self.of_pool).SerializeToString())
        found = session.run(None, {session.get_inputs()[0].name: X})
        # the last output is the weights of experts
        given = np.stack(found[:-1], axis=1) if len(found) > 2 else found[0]
        expected = self.as_graphs_say(expected)
        np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-4)

    def as_graphs_say(self, logs):
        return np.exp(logs)

    # --- after the fit

    def deploy(self, name, *args, **kwargs):
        """What a function of ``deployment`` gives, the model left as it was."""
        if args and isinstance(args[0], np.ndarray):
            args = self.given(args[0]), *args[1:]
        with self.left_alone(), quiet():
            return getattr(deployment, name)(self.model, *args, **kwargs)

    def take(self, name, model, extra=0):
        """Go on with the model that such a function gave."""
        before = fitted_attributes(self.model)
        self.elders = [*self.elders[-1:], (self.model, self.new, self.known)]
        self.model = model
        self.extra += extra
        self.history = [*self.history, name]
        self.known = self.predict(model, self.new)
        assert fitted_attributes(model) == before

    def labelled(self, seed, n, odd="plain"):
        """Rows of the current experts, with outcomes, weights and groups."""
        rng = np.random.default_rng(seed)
        X, y = self.draw(rng, n, self.extra)
        self.make_odd(X, odd, 0, rng)
        return X, y, rng.integers(0, 3, n).astype(float), rng.integers(0, n // 2, n)

    @if_deployable
    @step(seed=SEEDS, odd=st.sampled_from(ODDITIES), w=st.booleans(), grouped=st.booleans())
    def adapt(self, seed, odd, w, grouped):
        X, y, weight, groups = self.labelled(seed, 8 + seed % 20, odd)
        if seed % 3 == 0:
            # outcomes of one kind alone
            rows = slice(None, None, self.k)
            X, y, weight, groups = X[rows], y[rows], weight[rows] + 1.0, groups[rows]
        beside = {"sample_weight": weight if w else None, "groups": groups if grouped else None}
        adapted = self.deploy("adapt", X, y, **beside)
        new = self.given(self.new)
        shares = [model.expert_weights(new) for model in (self.model, adapted)]
        np.testing.assert_allclose(shares[1], shares[0], atol=1e-12)
        self.take("adapt", adapted)

    @if_deployable
    @step(seed=SEEDS, given=st.booleans(), odd=st.sampled_from(ODDITIES))
    def adapt_prior(self, seed, given, odd):
        X = self.labelled(seed, 20, odd)[0]
        prior = np.random.default_rng(seed).dirichlet(np.full(len(self.model.classes_), 2.0))
        if given:
            prior = 0.97 * prior + 0.03 / len(prior)
            moved = self.deploy("adapt_prior", prior=prior)
            np.testing.assert_allclose(moved.class_prior_, prior)
        else:
            moved = self.deploy("adapt_prior", X)
        assert moved.class_prior_.min() > 0.0
        assert moved.class_prior_.sum() == pytest.approx(1.0)
        self.take("adapt_prior", moved)

    @if_deployable
    @precondition(lambda self: self.known is not None and self.extra < MOST)
    @step(seed=SEEDS, n=st.integers(12, 40), odd=st.sampled_from(ODDITIES))
    def add_expert(self, seed, n, odd):
        if odd == "gone":
            odd = "plain"
        larger = self.deploy("add_expert", *self.with_one_more(seed, n, odd))
        assert larger.n_experts_ == self.model.n_experts_ + 1
        assert len(larger.expert_names_) == len(larger.expert_losses_) == larger.n_experts_
        if self.safety is None and not self.asks:
            # rows that lack the new expert are the old model's
            X = self.experts_only(self.rows, M + self.extra + 1).copy()
            X[:, :-1], X[:, -1] = self.new, np.nan
            np.testing.assert_allclose(self.predict(larger, X), self.known, atol=1e-9)
            # a risk is calibrated on these rows, and no copy of what it was
            if odd == "copy" and self.model.input != "risk":
                X[:, -1] = X[:, 1]
                np.testing.assert_allclose(self.predict(larger, X), self.known, atol=1e-9)
        self.take("add_expert", larger, 1)

    # whether a model asks its experts itself
    asks = False

    def with_one_more(self, seed, n, odd):
        rng = np.random.default_rng(seed)
        X, y = self.draw(rng, n, self.extra + 1)
        self.make_odd(X, odd, -1, rng)
        return X, y

    @if_deployable
    @step(share=st.sampled_from([0.02, 0.3]), position=st.integers(-1, M + 1))
    def with_safety(self, share, position):
        names = [*self.model.expert_names_[:M], "mean of logits", "mean of probabilities"]
        name = None if position < 0 else names[position]
        if position < M and not self.model.pool_.active[max(position, 0)]:
            return
        safe = self.deploy("with_safety", share, name)
        self.take("with_safety", safe)
        self.safety = share, position

    @if_deployable
    @step(seed=SEEDS, odd=st.sampled_from(ODDITIES), grouped=st.booleans())
    def certify(self, seed, odd, grouped):
        X, y, _, groups = self.labelled(seed, 24, odd)
        level = 0.5 + 0.4 * (seed % 2)
        found = self.deploy("certify", X, y, level=level, groups=groups if grouped else None)
        table = found.table
        assert (table["lower_bound"] <= table["mean_gain"] + 1e-12).all()
        assert np.isfinite(table["lower_bound"]).all() == (self.safety is not None)
        assert found.certified == bool((table["lower_bound"] > 0.0).all())
        if self.safety is not None:
            with self.left_alone(), quiet():
                monitor = deployment.GainMonitor(self.model, level=level)
                monitor.update(self.given(X[:9]), y[:9])
                monitor.update(self.given(X[9:]), y[9:])
            if not grouped:
                np.testing.assert_allclose(monitor.table_["mean_gain"], table["mean_gain"])

    @if_deployable
    @step(seed=SEEDS, most=st.sampled_from([1, None]), odd=st.sampled_from(ODDITIES))
    def expert_path(self, seed, most, odd):
        X, y, *_ = self.labelled(seed, 30, odd)
        path = self.deploy("expert_path", X, y, cv=2, max_experts=most)
        assert set(path.sufficient) <= set(self.model.expert_names_)
        there = self.model.n_experts_ - (odd == "gone" and not self.asks)
        assert len(path.table) == (there if most is None else most)

    @if_fitted
    @step(data=st.data())
    def deploy_on_bad_input(self, data):
        X, y, weight, _ = self.labelled(0, 20)
        infinite = X.copy()
        infinite[3] = np.inf
        calls = {
            "short y": ("adapt", (X, y[:-1]), {}),
            "no y": ("adapt", (X,), {}),
            "infinite": ("adapt", (infinite, y), {}),
            "weights": ("adapt", (X, y), {"sample_weight": -weight}),
            "share": ("with_safety", (1.5,), {}),
            "reference": ("with_safety", (0.1, "nobody"), {}),
            "level": ("certify", (X, y), {"level": 2.0}),
            "prior": ("adapt_prior", (), {"prior": [0.2] * 7}),
            "neither": ("adapt_prior", (), {}),
            "no new expert": ("add_expert", (X, y), {}),
            "costs": ("expert_path", (X, y), {"costs": [-1.0]}),
        }
        calls |= {f"refused {name}": (name, (X, y), {}) for name in self.refused}
        name, args, kwargs = calls[data.draw(st.sampled_from(sorted(calls)))]
        args = tuple(self.given(own) if own is X or own is infinite else own for own in args)
        with self.left_alone(), quiet(), pytest.raises((ValueError, TypeError)):
            getattr(deployment, name)(self.model, *args, **kwargs)

    # --- what holds after every step

    @invariant()
    def guarantee(self):
        if getattr(self, "known", None) is not None:
            check_is_fitted(self.model)
            assert np.max(self.model.guarantee_gap_) <= 0
            assert np.isfinite(self.known).all()

    @invariant()
    def told(self):
        """A model tells all that was done to it, in its text and in its record."""
        if getattr(self, "known", None) is None:
            return
        steps = getattr(self.model, "deployment_", [])
        assert [done["function"] for done in steps] == self.history
        text, page = repr(self.model), self.model._repr_html_() if self.history else ""
        assert text.count("\n- ") == len(steps)
        for done in steps:
            assert done["text"] in text
            assert html.escape(done["text"]) in page

    @invariant()
    def safe(self):
        """No sample loses more against its reference than was promised."""
        if getattr(self, "safety", None) is None:
            return
        share, position = self.safety
        assert self.model.pool_.share == share
        X = self.new.copy()
        # who trusts an expert that is certain loses most
        self.make_odd(X, "certain", 1, None)
        said, experts = self.log_categories(self.model, X), self.model.expert_logits(self.given(X))
        if 0 <= position < M:
            # the one row that is sure to have every expert
            assert (said[-1] >= experts[-1, position] + np.log(share) - 1e-9).all()
        elif position < 0:
            least = np.log(share / (self.model.n_experts_ + 1))
            there = ~np.isnan(experts) & self.model.pool_.active[:, None]
            assert (said[:, None] >= experts + least - 1e-9)[there].all()

    def log_categories(self, model, X):
        return self.logs(model, X)


class ClassifierLife(Life):
    searched = LogitProdClassifierCV

    def make(self):
        own = {"labels": "sets", "classes": CLASSES[: self.k]} if self.sets else {}
        return LogitProdClassifier(gate_width=None, input=["logits", "proba"][self.form], **own)

    def draw(self, rng, n, extra=0):
        y = np.arange(n) % self.k
        X = rng.normal(size=(n, M + extra, self.k))
        X[np.arange(n), 1, y] += 2.0
        if self.form:
            X = np.exp(X) / np.exp(X).sum(axis=2, keepdims=True)
        return X, self.labels(rng, y)

    def labels(self, rng, y):
        if not self.sets:
            return np.array(CLASSES)[y]
        # the first of each class is certain
        sets = np.eye(self.k, dtype=bool)[y]
        sets[2 * self.k :: 3] |= rng.random(sets[2 * self.k :: 3].shape) < 0.4
        return sets

    def certain(self, outputs):
        if not self.form:
            return 1e3 * outputs
        return (outputs == outputs.max(axis=1, keepdims=True)).astype(float)

    def predict(self, model, X):
        proba = model.predict_proba(self.given(X))
        np.testing.assert_allclose(proba.sum(axis=1), 1.0)
        return proba

    def logs(self, model, X):
        return model.predict_log_proba(self.given(X))


class FramesLife(ClassifierLife):
    """Columns by names of experts and classes, after the fit in any order."""

    searched = None

    def given(self, X, y=None):
        names = [f"e{m}" for m in range(X.shape[1])]
        if y is None:
            order = np.random.default_rng(len(X)).permutation(len(names))
            X, names = X[:, order], [names[m] for m in order]
        return stack_outputs(
            dict(zip(names, np.moveaxis(X, 1, 0), strict=True)), classes=CLASSES[: self.k]
        )

    def labels(self, rng, y):
        return np.array(CLASSES)[y]

    def make(self):
        return LogitProdClassifier(gate_width=None, input=["logits", "proba"][self.form])


class EstimatorsLife(ClassifierLife):
    """Experts that are estimators, taken as they are or cross-fitted."""

    searched = None
    of_pool, exact, asks = {"pool_only": True}, 1e-4, True

    def make(self):
        pairs = [("lr", LogisticRegression()), ("nb", GaussianNB()), ("tree", self.tree())]
        if self.form:
            return LogitProdClassifier(pairs, cv=2, gate_width=None)
        X, y = self.draw(np.random.default_rng(5), 40)
        return LogitProdClassifier([(name, one.fit(X, y)) for name, one in pairs], gate_width=None)

    def tree(self):
        return DecisionTreeClassifier(min_samples_leaf=4, random_state=0)

    def draw(self, rng, n, extra=0):
        y = np.arange(n) % self.k
        return rng.normal(size=(n, 3)) + y[:, None], np.array(CLASSES)[y]

    def experts_only(self, X, n_experts):
        return X

    def make_odd(self, X, odd, m, rng):
        """Features stay as they are."""

    @property
    def new(self):
        return self.rows

    def forgotten(self):
        super().forgotten()
        # estimators that were added stay parameters
        self.extra = len(self.model.experts) - M

    def with_one_more(self, seed, n, odd):
        X, y = self.draw(np.random.default_rng(seed), n)
        name = f"late{self.extra}"
        if self.form:
            self.beside = {"experts": [(name, self.tree())], "cv": 2}
        else:
            known = self.draw(np.random.default_rng(seed + 1), n)
            self.beside = {"experts": [(name, self.tree().fit(*known))]}
        return X, y

    def deploy(self, name, *args, **kwargs):
        beside = self.beside if name == "add_expert" else {}
        return super().deploy(name, *args, **kwargs, **beside)

    def outputs(self, X):
        model = self.model
        said = [model.named_experts_[name].predict_proba(X) for name in model.expert_names_]
        with np.errstate(divide="ignore"):
            return np.maximum(np.log(np.stack(said, axis=1)), -30.0)


class SurvivalLife(Life):
    searched = LogitProdSurvivalCV
    refused = frozenset({"adapt_prior"})

    def make(self):
        if self.form:
            return LogitProdSurvival(gate_width=None, input="risk", times=[1.0, 2.0, 4.0])
        return LogitProdSurvival(gate_width=None, times=[1.0, 2.0, 4.0])

    def draw(self, rng, n, extra=0):
        X = rng.normal(size=(n, M + extra, 3)) - 0.5
        y = np.empty(n, dtype=[("event", bool), ("time", float)])
        y["event"], y["time"] = np.arange(n) % 3 > 0, rng.uniform(0.1, 5.0, n)
        y["time"][:3] = [0.5, 1.5, 3.0]
        y["event"][:3] = True
        return X[:, :, 0] - y["time"][:, None] if self.form else X, y

    def predict(self, model, X):
        survival = model.predict_survival_function(X, return_array=True)
        assert (np.diff(survival, axis=1) <= 0).all()
        assert ((survival >= 0) & (survival <= 1)).all()
        return survival

    def logs(self, model, X):
        return -model.predict_cumulative_hazard_function(X, return_array=True)

    def log_categories(self, model, X):
        survival = np.pad(self.predict(model, X), ((0, 0), (1, 1)), constant_values=(1.0, 0.0))
        survival[:, 0], survival[:, -1] = 1.0, 0.0
        return np.log(-np.diff(survival, axis=1))


class RegressorLife(Life):
    parameters = SHARED | {
        "correction": st.sampled_from([None, "auto", 10.0]),
        "tails": st.sampled_from(["auto", "gaussian", 5.0]),
    }
    searched = LogitProdRegressorCV
    refused = frozenset({"adapt_prior", "add_expert", "with_safety", "certify", "expert_path"})

    def make(self):
        return LogitProdRegressor(gate_width=None, input=["mean", "mean_std"][self.form])

    def draw(self, rng, n, extra=0):
        y = 100.0 + 10.0 * rng.normal(size=n)
        X = y[:, None] + rng.normal(size=(n, M + extra)) * 5.0 * np.arange(1, M + extra + 1)
        if self.form:
            X = np.stack([X, rng.uniform(2.0, 9.0, X.shape)], axis=2)
        return X, y

    def predict(self, model, X):
        mean, std = model.predict(X, return_std=True)
        assert (std > 0).all()
        return np.stack([mean, std], axis=1)

    logs = predict

    def as_graphs_say(self, logs):
        return logs


class PanelLife(Life):
    refused = frozenset(
        {"adapt", "adapt_prior", "add_expert", "with_safety", "certify", "expert_path"}
    )

    def make(self):
        return LogitProdMultilabelClassifier(gate_width=None, input=["logits", "proba"][self.form])

    def draw(self, rng, n, extra=0):
        y = np.stack([np.arange(n) % 2, np.arange(n) % 3 == 0, np.arange(n) % 4 < 2], axis=1)
        X = rng.normal(size=(n, M + extra, 3)) + 2.0 * y[:, None] - 1.0
        y = y.astype(float)
        y[4:][rng.random((n - 4, 3)) < 0.2] = np.nan
        return expit(X) if self.form else X, y

    def certain(self, outputs):
        return np.round(outputs) if self.form else 1e3 * outputs

    def predict(self, model, X):
        proba = model.predict_proba(X)
        assert ((proba >= 0) & (proba <= 1)).all()
        return proba

    def logs(self, model, X):
        return model.decision_function(X)

    def as_graphs_say(self, logs):
        return expit(logs)

    @if_fitted
    @step(seed=SEEDS, j=st.integers(0, 2), name=st.sampled_from(["adapt", "add", "safe"]))
    def deploy_the_model_of_a_label(self, seed, j, name):
        X, y = self.draw(np.random.default_rng(seed), 24, 1)
        tested = ~np.isnan(y[:, j])
        X, y = X[tested][:, :, j], y[tested, j].astype(int)
        with self.left_alone(), quiet():
            one = self.model.label_model(f"label{j}")
            before = one.predict_proba(X[:, :M])
            if name == "adapt":
                deployed = deployment.adapt(one, X[:, :M], y)
            elif name == "add":
                deployed = deployment.add_expert(one, X, y)
                assert deployed.guarantee_gap_ <= 0
            else:
                deployed = deployment.with_safety(one)
            said = deployed.predict_proba(X[:, : deployed.n_experts_])
            np.testing.assert_allclose(said.sum(axis=1), 1.0)
            np.testing.assert_array_equal(one.predict_proba(X[:, :M]), before)


KINDS = [ClassifierLife, FramesLife, EstimatorsLife, SurvivalLife, RegressorLife, PanelLife]


def of_suite(machine):
    """A test of some short lives, the same in every run."""
    test = machine.TestCase
    test.settings = settings(
        max_examples=max(12, settings.default.max_examples // 8),
        stateful_step_count=15,
        deadline=None,
        derandomize=True,
    )
    return test


TestClassifierLife = of_suite(ClassifierLife)
TestFramesLife = of_suite(FramesLife)
TestEstimatorsLife = of_suite(EstimatorsLife)
TestSurvivalLife = of_suite(SurvivalLife)
TestRegressorLife = of_suite(RegressorLife)
TestPanelLife = of_suite(PanelLife)


def main():
    """Let each kind live, and print how often each step was taken."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--lives", type=int, default=1000, help="of each kind")
    parser.add_argument("--steps", type=int, default=30, help="of a life")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", default=[kind.__name__ for kind in KINDS])
    own = parser.parse_args()
    warnings.simplefilter("error", RuntimeWarning)
    for machine in KINDS:
        name = machine.__name__
        if name not in own.kinds:
            continue
        started = time.perf_counter()
        run_state_machine_as_test(
            seed(own.seed)(machine),
            settings=settings(
                max_examples=own.lives,
                stateful_step_count=own.steps,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        taken = {rule: n for (kind, rule), n in TAKEN.items() if kind == name}
        lives = taken.pop("lives")
        seconds = time.perf_counter() - started
        print(f"{name}: {lives} lives, {sum(taken.values())} steps, no fault ({seconds:.0f} s)")
        print("   ", ", ".join(f"{rule} {n}" for rule, n in sorted(taken.items())), flush=True)


if __name__ == "__main__":
    main()
