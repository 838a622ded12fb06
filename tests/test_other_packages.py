"""What docs/alternatives.rst says of scikit-learn and of this package, run."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from sklearn_logitprod import LogitProdClassifier

X, Y = load_breast_cancer(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
EXPERTS = [
    ("lr", LogisticRegression().fit(X[:200], Y[:200])),
    ("nb", GaussianNB().fit(X[:200], Y[:200])),
]
FROZEN = [(name, FrozenEstimator(expert)) for name, expert in EXPERTS]


def test_fitted_experts_under_clone():
    with pytest.raises(NotFittedError):
        clone(StackingClassifier(EXPERTS, cv="prefit")).fit(X[200:], Y[200:])
    clone(StackingClassifier(FROZEN, cv="prefit")).fit(X[200:], Y[200:])
    clone(LogitProdClassifier(EXPERTS, gate_width=None)).fit(X[200:], Y[200:])


def experts_of_two_and_three_classes():
    data, labels = load_iris(return_X_y=True)
    known = labels < 2
    three = LogisticRegression(max_iter=1000).fit(data, labels)
    two = LogisticRegression(max_iter=1000).fit(data[known], labels[known])
    return [("three", three), ("two", two)], data, labels


def test_an_expert_that_lacks_a_class():
    experts, data, labels = experts_of_two_and_three_classes()
    frozen = [(name, FrozenEstimator(expert)) for name, expert in experts]
    # five columns, of which none says whose they are
    stack = StackingClassifier(frozen, LogisticRegression(max_iter=1000), cv="prefit")
    assert stack.fit(data, labels).final_estimator_.n_features_in_ == 5
    with pytest.raises(ValueError, match="inhomogeneous"):
        VotingClassifier(frozen, voting="soft").fit(data, labels).predict_proba(data)
    with pytest.raises(ValueError, match="two"):
        LogitProdClassifier(experts).fit(data, labels)
    LogitProdClassifier(experts, missing_classes="floor", gate_width=None).fit(data, labels)


def test_a_missing_output():
    outputs = np.log(np.stack([e.predict_proba(X[200:]) for _, e in EXPERTS], axis=1) + 1e-9)
    outputs[:30, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        LogisticRegression().fit(outputs.reshape(len(outputs), -1), Y[200:])
    LogitProdClassifier(gate_width=None).fit(outputs, Y[200:])
