"""Dicts of frames, stacked outputs and TabArena's arrays that cannot be meant."""

import re
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from sklearn_logitprod import (
    LogitProdClassifier,
    LogitProdMultilabelClassifier,
    LogitProdRegressor,
    LogitProdSurvival,
    stack_outputs,
)
from sklearn_logitprod.interfaces import LogitProdEnsembler
from sklearn_logitprod.io import ExpertOutputs

N = 40
RNG = np.random.default_rng(0)
Y = np.arange(N) % 3
IDS = [f"s{row:02d}" for row in range(N)]
P = RNG.dirichlet(np.ones(3), size=(2, N))
A, B = (pd.DataFrame(own, index=IDS, columns=[0, 1, 2]) for own in P)
VALUES = RNG.normal(size=N)
TIME = RNG.exponential(size=N) + 0.1
EVENTS = np.array(
    list(zip(RNG.random(N) < 0.7, TIME, strict=True)), dtype=[("event", "?"), ("time", "f8")]
)
CURVES = pd.DataFrame(np.sort(RNG.random((N, 2)))[:, ::-1], columns=[1.0, 2.0])
TWO, ONE = RNG.random((3, N)), np.arange(N) % 2


def with_nan(values, where):
    """An array, or a frame, in which something is missing."""
    array = np.array(values, dtype=float)
    array[where] = np.nan
    if isinstance(values, pd.DataFrame):
        return pd.DataFrame(array, values.index, values.columns)
    return array


def fit(X, y=Y):
    return LogitProdClassifier(input="proba", gate_width=None).fit(X, y)


def both(b, a=A):
    return {"a": a, "b": b}


@cache
def model():
    return fit(both(B))


def survival(frame):
    own = LogitProdSurvival(input="survival", times=[1.0, 2.0], gate_width=None)
    return own.fit({"a": CURVES, "b": frame}, EVENTS)


def values(X):
    return LogitProdRegressor(gate_width=None).fit(X, VALUES)


def panel(X):
    return LogitProdMultilabelClassifier(gate_width=None).fit(X, (P[0] > 0.3).astype(int))


def outputs():
    own = {"expert_names": list("ab"), "classes": np.arange(3), "ids": np.array(IDS)}
    return ExpertOutputs(values=np.moveaxis(P, 0, 1) * 3.0, input="proba", **own)


def ensembler(kind="binary", **params):
    return LogitProdEnsembler(problem_type=kind, gate_width=None, **params)


def fitted(labels=ONE, predictions=TWO, kind="binary"):
    return ensembler(kind).fit(predictions=predictions, labels=labels)


NO_NAMES = "whose columns have no names: pass a frame with a column for each class"
BAD = {
    "a dict for X": {
        "nothing in it": (lambda: fit({}), "X is an empty dict: it holds the outputs of each"),
        "arrays": (lambda: fit({"a": P[0], "b": P[1]}), f"of 'a' it holds a ndarray, {NO_NAMES}"),
        "one array": (lambda: fit(both(P[1])), f"of 'b' it holds a ndarray, {NO_NAMES}"),
        "one column each": (lambda: fit({"a": A[0], "b": B[0]}), "of 'a' it holds a Series"),
        "paths": (lambda: fit({"a": "uni.csv"}), "of 'a' it holds a str"),
        "estimators": (
            lambda: fit({"a": LogisticRegression()}),
            "of 'a' it holds a LogisticRegression",
        ),
        "names that read the same": (
            lambda: fit({1: A, "1": B}),
            "X is a dict with two names that read the same: [1, '1']",
        ),
        "rows in another order": (
            lambda: fit(both(B[::-1])),
            "Expert 'b' has another index than the first expert",
        ),
        "rows of other names": (
            lambda: fit(both(B.reset_index(drop=True))),
            "Expert 'b' has another index than the first expert",
        ),
        "fewer rows": (lambda: fit(both(B[1:])), "Expert 'b' has 39 rows, the first expert 40"),
        "another class": (
            lambda: fit(both(B.rename(columns={2: 3}))),
            "Expert 'b' has columns [0, 1, 3], expected the classes [0, 1, 2]",
        ),
        "classes as text, of one expert": (
            lambda: fit(both(B.rename(columns=str))),
            "Expert 'b' has columns ['0', '1', '2'], expected the classes [0, 1, 2]",
        ),
        "a column twice": (
            lambda: fit(both(pd.concat([B, B[[0]]], axis=1))),
            "Expert 'b' has the column 0 twice, and columns are matched by their names",
        ),
        "a column of identifiers": (
            lambda: fit({n: own.rename_axis("id").reset_index() for n, own in both(B).items()}),
            "classes ['0', '1', '2', 'id']. Labels are compared by value and type: rename the col",
        ),
        "columns called after probabilities": (
            lambda: fit({name: own.add_prefix("prob_") for name, own in both(B).items()}),
            "rename the columns of the outputs, drop those of no class, or convert y",
        ),
        "frames of two levels": (
            lambda: fit({"a": stack_outputs({"x": A})}),
            "X has columns of 3 levels; a frame of expert outputs has two",
        ),
        "words": (lambda: fit(both(B, A.astype(str) + "x")), "holds values that are no numbers"),
        "sums of 2": (lambda: fit(both(B, A * 2)), "in row 0, expert 'a', but input='proba'"),
        "a part of a row missing": (
            lambda: fit(both(with_nan(B, (3, 1)))),
            "X is NaN in 1 of 3 classes in row 3, expert 'b'",
        ),
        "no expert of a row": (
            lambda: fit(both(with_nan(B, 3), with_nan(A, 3))),
            "all experts are missing (NaN), the first is row 3",
        ),
        "y in another order": (
            lambda: fit(both(B), pd.Series(Y, index=IDS)[::-1]),
            "X and y have the same labels of rows, but at other places",
        ),
        "fewer labels": (lambda: fit(both(B), Y[1:]), "y has 39 entries, but X has 40 rows"),
        "beside experts": (
            lambda: LogitProdClassifier([LogisticRegression()], cv=2).fit({"a": A}, Y),
            "X is a dict, but the experts are asked for what they say of one table or array",
        ),
        "a list instead": (
            lambda: fit([A, B]),
            "X is a list of frames, whose experts have no names: pass a dict of frames",
        ),
        "pairs instead": (lambda: fit([("a", A), ("b", B)]), "X is a list of frames"),
        "one frame of all, instead": (
            lambda: fit(pd.concat([A, B], axis=1)),
            "X has the column 0 twice, and columns are matched by their names",
        ),
        "an expert too few, later": (
            lambda: model().predict({"a": A}),
            "X's experts differ from those of the fit: missing ['b'], new []",
        ),
        "an expert too many, later": (
            lambda: model().predict(both(B) | {"c": B}),
            "X's experts differ from those of the fit: missing [], new ['c']",
        ),
        "a class too few, later": (
            lambda: model().predict(both(B[[0, 1]], A[[0, 1]])),
            "do not match the class labels [0, 1, 2]: no columns for [2]",
        ),
        "arrays, later": (lambda: model().predict({"a": P[0], "b": P[1]}), "of 'a' it holds a nda"),
        "curves at other times": (
            lambda: survival(CURVES.rename(columns={2.0: 3.0})),
            "Expert 'b' has columns [1.0, 3.0], expected the classes [1.0, 2.0]",
        ),
        "curves that rise": (
            lambda: survival(CURVES.iloc[:, ::-1].set_axis([1.0, 2.0], axis=1)),
            "Survival of expert 'b' rises in row 0",
        ),
        "values with two columns each": (
            lambda: values(both(B)),
            "takes one predicted value per expert: a frame of one level, with a column for each",
        ),
        "values as arrays": (
            lambda: values({"a": VALUES, "b": VALUES}),
            "is a frame with a column for each expert, pd.DataFrame(X)",
        ),
        "labels that y does not name": (
            lambda: panel(both(B)),
            "X's columns name its labels, but the columns of y have no names",
        ),
    },
    "stack_outputs": {
        "a list": (lambda: stack_outputs([]), "takes a non-empty dict of expert name to array"),
        "a class twice": (
            lambda: stack_outputs({"a": P[0]}, classes=[0, 0, 1]),
            "classes=[0, 0, 1] holds a label twice",
        ),
        "a class too few": (
            lambda: stack_outputs({"a": P[0]}, classes=[0, 1]),
            "Expert 'a' has shape (40, 3), expected (n_samples, 2)",
        ),
        "classes as one text": (
            lambda: stack_outputs({"a": P[0]}, classes="abc"),
            "classes='abc': it is a list of the class labels",
        ),
        "a number of classes": (
            lambda: stack_outputs({"a": P[0]}, classes=3),
            "classes=3: it is a list of the class labels",
        ),
        "rows of different lengths": (
            lambda: stack_outputs({"a": [[0.2, 0.8], [1.0]]}, classes=[0, 1]),
            "Expert 'a' is ragged",
        ),
    },
    "ExpertOutputs.overview": {
        "no probabilities": (lambda: outputs().overview, "in row 0, expert 'a', but input='proba'"),
    },
    "LogitProdEnsembler": {
        "another problem": (
            lambda: ensembler("quantile"),
            "problem_type='quantile': LogitProd fus",
        ),
        "in capitals": (lambda: ensembler("Binary"), "problem_type='Binary': LogitProd fuses"),
        "an unknown parameter": (
            lambda: ensembler(width=3),
            "'width' is no parameter that LogitProdClassifier takes here: there are ['alpha'",
        ),
        "what the problem says": (
            lambda: ensembler(input="logits"),
            "'input' is no parameter that LogitProdClassifier takes here",
        ),
        "samples before models": (
            lambda: fitted(predictions=TWO.T),
            "labels have shape (40,), but predictions are of 3 samples",
        ),
        "fewer labels": (
            lambda: fitted(ONE[1:]),
            "labels have shape (39,), but predictions are of",
        ),
        "labels between classes": (
            lambda: fitted(ONE + 0.4),
            "are numbers from 0 to 1 here, not [0.",
        ),
        "a label that is missing": (
            lambda: fitted(with_nan(ONE, 0)),
            "are numbers from 0 to 1 here, not [nan, 1.0, 0.0]",
        ),
        "labels as text": (
            lambda: fitted(np.array(["no", "yes"])[ONE]),
            "are numbers from 0 to 1 here, not ['no', 'yes']: pass the positions of the classes",
        ),
        "labels from 1": (lambda: fitted(ONE + 1), "are numbers from 0 to 1 here, not [1, 2]"),
        "a column for each class": (lambda: fitted(np.eye(2)[ONE]), "labels have shape (40, 2)"),
        "log-odds": (
            lambda: fitted(predictions=TWO * 5),
            "of classes they are probabilities, in [0",
        ),
        "words": (lambda: fitted(predictions=[["a", "b"]]), "predictions hold values that are no"),
        "a class too many": (
            lambda: fitted(predictions=P),
            "predictions have shape (2, 40, 3); of a problem that is binary they are (n_models",
        ),
        "classes of one column": (
            lambda: fitted(Y, kind="multiclass"),
            "of a problem that is multiclass they are (n_models, n_samples, n_classes)",
        ),
        "no labels": (lambda: fitted(None), "labels have shape (), but predictions are of 40"),
        "before a fit": (lambda: ensembler().predict(TWO), "is not fitted yet: call fit first"),
        "info before a fit": (lambda: ensembler().info(), "is not fitted yet: call fit first"),
        "a model too few, later": (
            lambda: fitted().predict(TWO[:2]),
            "predictions are of 2 models, and those of the fit were of 3",
        ),
        "another problem, later": (
            lambda: fitted().predict(TWO, problem_type="regression"),
            "problem_type='regression', but 'binary' was fitted",
        ),
    },
}
CASES = [(part, name) for part, own in BAD.items() for name in own]


@pytest.mark.parametrize(("part", "name"), CASES)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_cannot_be_meant_is_told(part, name):
    call, message = BAD[part][name]
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_whole_numbers_are_labels_whatever_their_type():
    expected = fitted().predict_proba(TWO)
    for kind in (float, bool, np.uint8):
        np.testing.assert_allclose(fitted(ONE.astype(kind)).predict_proba(TWO), expected)


def test_numbers_of_several_kinds_are_one_array():
    mixed = both(B.astype({0: np.float32}), A.astype(object))
    np.testing.assert_allclose(fit(mixed).predict_proba(both(B)), model().predict_proba(both(B)))
