"""Opponents of the suite for classification, each through its own package where there is one.

An opponent is a function of a problem that is fitted on the outputs (or tables) of its fit
rows, and returns a function from a problem to probabilities on its test rows.
"""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
from rivals import filled_log_proba, filled_proba
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from sklearn_logitprod import LogitProdClassifier

N_NEIGHBOURS = 7
ORACLE_ALPHA = 1.0


class Given(ClassifierMixin, BaseEstimator):
    """A classifier that reads its probabilities off X; there is nothing to fit.

    Parameters
    ----------
    n_classes : int
        X holds `n_classes` columns per expert, expert by expert.
    """

    def __init__(self, n_classes):
        self.n_classes = n_classes

    def fit(self, X, y):
        """Note the classes."""
        self.classes_ = np.arange(self.n_classes)
        return self

    def predict(self, X):
        """Most probable class."""
        return self.predict_proba(X).argmax(axis=1)


class GivenExpert(Given):
    """One expert, from columns of probabilities."""

    def __init__(self, n_classes, expert):
        super().__init__(n_classes)
        self.expert = expert

    def predict_proba(self, X):
        """The expert's columns."""
        start = self.expert * self.n_classes
        return X[:, start : start + self.n_classes]


class GivenProduct(Given):
    """Product of the experts with equal weights, from columns of log-probabilities."""

    def predict_proba(self, X):
        """Normalised product."""
        return softmax(X.reshape(len(X), -1, self.n_classes).mean(axis=1), axis=1)


def _flat(proba):
    return filled_proba(proba).reshape(len(proba), -1)


def _experts(problem):
    """Experts as fitted estimators of the flattened outputs."""
    _, n_experts, n_classes = problem.fit_proba.shape
    pairs = [(f"expert{m}", GivenExpert(n_classes, m)) for m in range(n_experts)]
    return [(name, expert.fit(None, None)) for name, expert in pairs]


def _by_class(model, problem):
    """Probabilities of a model that may not know all classes."""
    n_classes = problem.fit_proba.shape[2]

    def predict(X):
        proba = np.zeros((len(X), n_classes))
        proba[:, model.classes_] = model.predict_proba(X)
        return proba

    return predict


def of_outputs(rival):
    """Opponent from a rival that is a function of outputs and labels."""

    def fit(problem):
        predict = rival(problem.fit_proba, problem.fit_y)

        def predict_test(other):
            return predict(other.test_proba)

        predict_test.expert = getattr(predict, "expert", None)
        return predict_test

    return fit


def voting(problem):
    """Soft vote with equal weights: the mean of probabilities."""
    model = VotingClassifier(_experts(problem), voting="soft")
    model.fit(_flat(problem.fit_proba), problem.fit_y)
    predict = _by_class(model, problem)
    return lambda other: predict(_flat(other.test_proba))


def stacking(make_final, problem):
    """scikit-learn's stacking of the experts as they are."""
    model = StackingClassifier(
        _experts(problem), final_estimator=make_final(), cv="prefit", stack_method="predict_proba"
    )
    with warnings.catch_warnings():
        # stopping at max_iter is part of what this opponent costs and gives
        warnings.filterwarnings("ignore", message="lbfgs failed to converge")
        model.fit(_flat(problem.fit_proba), problem.fit_y)
    predict = _by_class(model, problem)
    return lambda other: predict(_flat(other.test_proba))


def scaled_mean(problem):
    """Mean of logits with a temperature fitted on the log-loss."""
    n_classes = problem.fit_proba.shape[2]

    def flat(proba):
        return filled_log_proba(proba).reshape(len(proba), -1)

    product = GivenProduct(n_classes).fit(None, None)
    model = CalibratedClassifierCV(FrozenEstimator(product), method="temperature", cv=2)
    model.fit(flat(problem.fit_proba), problem.fit_y)
    predict = _by_class(model, problem)
    return lambda other: predict(flat(other.test_proba))


def knora(problem):
    """KNORA-U (Ko et al., 2008): experts weigh by how many neighbours they get right.

    Neighbours among the fit rows are the nearest in the experts' log-probabilities. Ours,
    as the package that has it, DESlib 0.3.7, does not run with scikit-learn 1.9.
    """
    known = filled_log_proba(problem.fit_proba).reshape(len(problem.fit_y), -1)
    right = filled_proba(problem.fit_proba).argmax(axis=2) == problem.fit_y[:, None]
    neighbours = NearestNeighbors(n_neighbors=min(N_NEIGHBOURS, len(known))).fit(known)

    def predict(other):
        new = filled_log_proba(other.test_proba).reshape(len(other.test_y), -1)
        votes = right[neighbours.kneighbors(new, return_distance=False)].sum(axis=1)
        votes = np.where(votes.sum(axis=1, keepdims=True) > 0, votes, 1)
        fused = np.einsum("nmk,nm->nk", filled_proba(other.test_proba), votes)
        return fused / fused.sum(axis=1, keepdims=True)

    return predict


def feature_fusion(make_model, problem):
    """One model on the tables of all experts side by side."""
    model = make_pipeline(
        SimpleImputer(strategy="median"),
        QuantileTransformer(n_quantiles=min(100, len(problem.fit_y)), output_distribution="normal"),
        StandardScaler(),
        make_model(),
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="lbfgs failed to converge")
        warnings.filterwarnings("ignore", message="Stochastic Optimizer")
        model.fit(np.hstack(problem.fit_tables), problem.fit_y)
    predict = _by_class(model, problem)
    return lambda other: predict(np.hstack(other.test_tables))


def without_expert(problem, expert):
    """The same with an expert missing from the test rows that have another one."""
    proba = problem.test_proba.copy()
    others = np.delete(proba, expert, axis=1)
    proba[~np.isnan(others).any(axis=2).all(axis=1), expert] = np.nan
    return replace(problem, test_proba=proba)


def oracle(problem):
    """Constant weights fitted on the test rows themselves: what weights could give at most."""
    tested = replace(problem, fit_proba=problem.test_proba, fit_y=problem.test_y, fit_groups=None)
    return logitprod({"gate_width": None, "alpha": ORACLE_ALPHA}, tested)


def logitprod(options, problem):
    """Ours, with some parameters."""
    options = dict(options)
    groups = problem.fit_groups if options.pop("groups", True) else None
    model = LogitProdClassifier(
        input="proba", classes=list(range(problem.fit_proba.shape[2])), **options
    )
    model.fit(problem.fit_proba, problem.fit_y, groups=groups)

    def predict(other):
        return model.predict_proba(other.test_proba)

    predict.gap = model.guarantee_gap_
    return predict
