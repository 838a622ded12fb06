"""Bad input: each case ends in an error that says what is wrong, where, and what to do."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier

from sklearn_logitprod import (
    LogitProdClassifier,
    LogitProdClassifierCV,
    LogitProdMultilabelClassifier,
    stack_outputs,
)

N, M, K = 24, 3, 4
RNG = np.random.default_rng(0)
Y = np.arange(N) % K
Y2 = np.arange(N) % 2
X = RNG.normal(size=(N, M, K))
X2 = RNG.normal(size=(N, M))
P = np.exp(X) / np.exp(X).sum(axis=2, keepdims=True)
CLASSES = ["a", "b", "c", "d"]
LABELS = np.array(CLASSES)[Y]
FRAME = stack_outputs({f"e{m}": X[:, m] for m in range(M)}, classes=CLASSES)


def changed(array, where, value):
    array = np.array(array, dtype=float)
    array[where] = value
    return array


def fit(X, y, *, fit_params=None, **params):
    return LogitProdClassifier(**{"gate_width": None, **params}).fit(X, y, **(fit_params or {}))


def renamed(frame, **names):
    return frame.rename(columns=names, level=1)


CASES = {
    # X itself
    "scalar": (lambda: fit(3.0, Y), r"X is a single value.*\(n_samples, n_experts, n_classes\)"),
    "one dimension": (lambda: fit(X[:, 0, 0], Y), r"X has 1 dimension\(s\).*Reshape your data"),
    "four dimensions": (lambda: fit(X[None].repeat(N, 0), Y), r"X has 4 dimension\(s\)"),
    "no rows": (lambda: fit(X[:0], []), r"y is empty \(0 samples\)"),
    "no experts": (lambda: fit(X[:, :0], Y), r"0 feature\(s\).*minimum of 1"),
    "ragged": (lambda: fit([[1.0, 2.0], [1.0]] * 2, [0, 1, 0, 1]), r"X is ragged.*NaN"),
    "sparse": (lambda: fit(sparse.csr_matrix(X2), Y2), r"X is a sparse matrix.*toarray"),
    "complex": (lambda: fit(X + 1j, Y), r"X holds complex numbers"),
    "strings": (lambda: fit(np.full((N, M), "u"), Y2), r"X has dtype.*no numbers.*drop identifier"),
    "objects": (lambda: fit(np.full((N, M), {}), Y2), r"X has dtype object.*no numbers"),
    "dates": (
        lambda: fit(pd.DataFrame({"a": ["2020-01-01"] * N, "b": ["x"] * N}), Y2),
        r"X has dtype.*no numbers",
    ),
    # shapes against classes
    "too few classes": (lambda: fit(X[:, :, :3], Y), r"3 classes on its last axis.*4 class labels"),
    "too many classes": (lambda: fit(X, Y2), r"4 classes on its last axis.*2 class labels"),
    "no multiple": (lambda: fit(X.reshape(N, -1)[:, :-1], Y), r"11 columns.*no multiple of the 4"),
    # values
    "all missing": (
        lambda: fit(changed(X, np.s_[[5, 9]], np.nan), Y),
        r"2 row\(s\) in which all experts are missing.*first is row 5.*Remove",
    ),
    "all missing, binary": (
        lambda: fit(changed(X2, 7, np.nan), Y2),
        r"1 row\(s\).*all experts are missing.*row 7",
    ),
    "partly missing": (
        lambda: fit(changed(X, (3, 1, 2), np.nan), Y),
        r"NaN in 1 of 4 classes in row 3, expert 'expert1'.*set the whole row",
    ),
    "partly missing, named": (
        lambda: fit(FRAME.where(FRAME.iloc[3, 5] != FRAME), LABELS),
        r"row 3, expert 'e1'",
    ),
    "infinite": (
        lambda: fit(changed(X, (4, 2, 0), np.inf), Y),
        r"infinite value in row 4, expert 'expert2'.*Clip",
    ),
    "minus infinite": (
        lambda: fit(changed(X2, (4, 2), -np.inf), Y2),
        r"infinite value in row 4, expert 'expert2'.*input='proba'",
    ),
    "infinite probability": (
        lambda: fit(changed(P, (4, 2, 0), np.inf), Y, input="proba"),
        r"infinite value in row 4, expert 'expert2'.*Probabilities lie in \[0, 1\]",
    ),
    "negative probability": (
        lambda: fit(changed(P, (6, 0, 1), -0.2), Y, input="proba"),
        r"holds -0.2 in row 6, expert 'expert0'.*input='logits'",
    ),
    "per cent": (lambda: fit(100 * P, Y, input="proba"), r"row 0.*divide percentages by 100"),
    "binary probability above 1": (
        lambda: fit(changed(0.5 + 0 * X2, (2, 1), 1.5), Y2, input="proba"),
        r"holds 1.5 in row 2, expert 'expert1'",
    ),
    "sums": (
        lambda: fit(changed(P, (8, 1), [0.2, 0.2, 0.2, 0.2]), Y, input="proba"),
        r"expert 'expert1' in row 8 of X sum to 0.8 instead of 1.*Normalise",
    ),
    # y
    "y None": (lambda: fit(X, None), r"requires y"),
    "y short": (lambda: fit(X, Y[:-1]), r"y has 23 entries, but X has 24 rows"),
    "y long": (lambda: fit(X, np.append(Y, 0)), r"y has 25 entries, but X has 24 rows"),
    "y scalar": (lambda: fit(X, 3), r"y is a single value"),
    "one class": (lambda: fit(X2, np.zeros(N)), r"y holds 1 class only"),
    "one class, others named": (
        lambda: fit(X2, ["a"] * N, classes=["a", "b"]),
        r"y holds 1 class only, .*'a'",
    ),
    "continuous": (lambda: fit(X2, Y2 + 0.5 * RNG.random(N)), r"continuous.*Bin the values"),
    "NaN label": (
        lambda: fit(X2, changed(Y2, 3, np.nan)),
        r"1 missing label\(s\).*first in row 3.*Remove",
    ),
    "None label": (
        lambda: fit(X2, np.where(np.arange(N) == 5, None, "a")),
        r"1 missing label\(s\).*row 5",
    ),
    "NA label": (
        lambda: fit(X2, pd.array([pd.NA, *["a", "b"] * (N // 2)][:N], dtype="string")),
        r"1 missing label\(s\).*row 0",
    ),
    "multilabel": (
        lambda: fit(X2, np.c_[Y2, 1 - Y2]),
        r"y has shape \(24, 2\).*use LogitProdMultilabelClassifier: X holds the log-odds",
    ),
    "multilabel, experts fitted here": (
        lambda: fit(X2, np.c_[Y2, 1 - Y2], experts=[LogisticRegression()], cv=2),
        r"y has shape \(24, 2\).*use LogitProdMultilabelClassifier, which takes experts",
    ),
    "multilabel, columns of several levels": (
        lambda: LogitProdMultilabelClassifier().fit(
            X2[:, :, None], pd.DataFrame({("of", "a"): Y2})
        ),
        r"^y has columns of several levels; one level, of label names, is needed\.$",
    ),
    "multilabel, a label without a column": (
        lambda: LogitProdMultilabelClassifier(labels=["a", "b"]).fit(
            X2[:, :, None], pd.DataFrame({"a": Y2})
        ),
        r"y's columns \['a'\] are not the labels \['a', 'b'\]: no column for \['b'\]\. Names are",
    ),
    "multilabel, a column without a label": (
        lambda: LogitProdMultilabelClassifier(labels=["a"]).fit(
            X2[:, :, None], pd.DataFrame({"a": Y2, "b": Y2})
        ),
        r"y's columns \['a', 'b'\] are not the labels \['a'\]: unknown \['b'\]\. Names are",
    ),
    "multilabel, a wrapper": (
        lambda: MultiOutputClassifier(LogitProdClassifier()).fit(X2, np.c_[Y2, 1 - Y2]),
        r"A wrapper of sklearn\.multioutput hands this y .* one of several labels per sample\. .*"
        r"use LogitProdMultilabelClassifier",
    ),
    "multilabel, a wrapper of a search in processes": (
        lambda: MultiOutputClassifier(LogitProdClassifierCV(), n_jobs=2).fit(X2, np.c_[Y2, 1 - Y2]),
        r"A wrapper of sklearn\.multioutput hands this y .* one of several labels per sample\.",
    ),
    "one class against the rest": (
        lambda: OneVsRestClassifier(LogitProdClassifier()).fit(X.reshape(len(X), -1), Y),
        r"A wrapper of sklearn\.multiclass hands .* Fit the estimator without the wrapper: it",
    ),
    # classes
    "label not in classes": (
        lambda: fit(X, LABELS, classes=["a", "b", "c", "x"]),
        r"y has labels \['d'\].*not among the classes",
    ),
    "label of another type": (
        lambda: fit(X, Y, classes=["0", "1", "2", "3"]),
        r"not among the classes.*by value and type",
    ),
    "class twice": (
        lambda: fit(X, LABELS, classes=[*CLASSES, "a"]),
        r"names a class more than once",
    ),
    # frames
    "frame, other labels": (
        lambda: fit(FRAME, Y),
        r"y has labels \[0, 1, 2, 3\] that are not among the classes",
    ),
    "frame, label without column": (
        lambda: fit(renamed(FRAME, d="x"), LABELS),
        r"y has labels \['d'\] that are not among the classes",
    ),
    "frame, missing column": (
        lambda: fit(FRAME.drop(columns=[("e1", "c")]), LABELS),
        r"no column \('e1', 'c'\).*one column per class",
    ),
    "frame, column twice": (
        lambda: fit(pd.concat([FRAME, FRAME[[("e1", "c")]]], axis=1), LABELS),
        r"column \('e1', 'c'\) more than once",
    ),
    "frame, three levels": (
        lambda: fit(pd.concat({"z": FRAME}, axis=1), LABELS),
        r"columns of 3 levels.*stack_outputs",
    ),
    "frame, text": (
        lambda: fit(FRAME.astype(object).mask(FRAME.iloc[0, 0] == FRAME, "n/a"), LABELS),
        r"holds values that are no numbers",
    ),
    "frame, classes of some columns": (
        lambda: fit(pd.DataFrame(X2, columns=["u_a", "u_b", "v_a"]), np.array(["a", "b"])[Y2]),
        r"named after classes, such as 'u_a', but not one for each expert and each class",
    ),
    "frame, experts or classes": (
        lambda: fit(pd.DataFrame(X2[:, :2], columns=["m_0", "m_1"]), Y2),
        r"\['m_0', 'm_1'\] may be 2 experts, or 1 with a column for each class.*to_numpy",
    ),
    "frame, rows in another order": (
        lambda: fit(FRAME, pd.Series(LABELS)[::-1]),
        r"row 0 is 0 in X and 23 in y. Pass y.loc\[X.index\]",
    ),
    # sample_weight and groups
    "weights short": (
        lambda: fit(X, Y, fit_params={"sample_weight": np.ones(5)}),
        r"sample_weight has 5 entries, but X has 24 rows",
    ),
    "weights negative": (
        lambda: fit(X, Y, fit_params={"sample_weight": changed(np.ones(N), 2, -1)}),
        r"sample_weight is negative \(-1\) in row 2.*use 0",
    ),
    "weights zero": (
        lambda: fit(X, Y, fit_params={"sample_weight": np.zeros(N)}),
        r"sample_weight is zero on every row",
    ),
    "weights NaN": (
        lambda: fit(X, Y, fit_params={"sample_weight": changed(np.ones(N), 6, np.nan)}),
        r"sample_weight is nan in row 6",
    ),
    "weights infinite": (
        lambda: fit(X, Y, fit_params={"sample_weight": changed(np.ones(N), 6, np.inf)}),
        r"sample_weight is inf in row 6.*finite\. Use 0 to leave a row out\.$",
    ),
    "weights 2-D": (
        lambda: fit(X, Y, fit_params={"sample_weight": np.ones((N, 2))}),
        r"sample_weight has shape \(24, 2\).*one weight for each",
    ),
    "weights text": (
        lambda: fit(X, Y, fit_params={"sample_weight": ["x"] * N}),
        r"sample_weight holds values that are no numbers",
    ),
    "weights leave one class": (
        lambda: fit(X2, Y2, fit_params={"sample_weight": Y2}),
        r"y holds 1 class only",
    ),
    "groups in another order": (
        lambda: fit(FRAME, LABELS, fit_params={"groups": pd.Series(Y)[::-1]}),
        r"row 0 is 0 in X and 23 in groups. Pass groups.loc\[X.index\]",
    ),
    "groups short": (
        lambda: fit(X, Y, fit_params={"groups": np.ones(5)}),
        r"groups has 5 entries, but X has 24 rows",
    ),
    "groups NaN": (
        lambda: fit(X, Y, fit_params={"groups": changed(np.arange(N), 3, np.nan)}),
        r"groups is missing .* in row 3.*a group of one",
    ),
    "groups of several kinds": (
        lambda: fit(X, Y, fit_params={"groups": np.array(["a", 1] * (N // 2), dtype=object)}),
        r"groups holds names of several kinds.* Write all of them as text\.$",
    ),
    "groups 2-D": (
        lambda: fit(X, Y, fit_params={"groups": np.ones((N, 2))}),
        r"groups has shape \(24, 2\)",
    ),
    "one group with auto": (
        lambda: fit(X, Y, gate_width="auto", fit_params={"groups": np.ones(N)}),
        r"groups has a single group.*at least two.*gate_width=0",
    ),
    # parameters
    "input": (
        lambda: fit(X, Y, input="probs"),
        r"'input' parameter.*'logits', 'proba'|'proba', 'l",
    ),
    "device": (lambda: fit(X, Y, device="tpu"), r"device='tpu' is unknown.*'cpu'"),
    "solver": (lambda: fit(X, Y, solver="sgd"), r"'solver' parameter.*sgd"),
    "features": (lambda: fit(X, Y, features="all"), r"'features' parameter.*all"),
    "temperature 0": (lambda: fit(X, Y, temperature=0), r"'temperature' parameter.*Got 0"),
    "temperature negative": (lambda: fit(X, Y, temperature=-1.0), r"'temperature'.*Got -1"),
    "temperature NaN": (lambda: fit(X, Y, temperature=np.nan), r"'temperature' parameter.*nan"),
    "temperature text": (lambda: fit(X, Y, temperature="hot"), r"'temperature' parameter.*hot"),
    "alpha": (lambda: fit(X, Y, alpha=-3), r"'alpha' parameter.*Got -3"),
    "gate_width negative": (lambda: fit(X, Y, gate_width=-1), r"'gate_width' parameter.*Got -1"),
    "gate_width float": (lambda: fit(X, Y, gate_width=1.5), r"'gate_width' parameter.*Got 1.5"),
    "gate_width text": (lambda: fit(X, Y, gate_width="wide"), r"'gate_width' parameter.*wide"),
    "cross_class": (lambda: fit(X, Y, cross_class=0), r"'cross_class' parameter.*Got 0"),
    "diversity": (lambda: fit(X, Y, diversity=-0.1), r"'diversity' parameter.*Got -0.1"),
    "max_iter": (lambda: fit(X, Y, max_iter=0), r"'max_iter' parameter.*Got 0"),
    "tol": (lambda: fit(X, Y, tol=0), r"'tol' parameter.*Got 0"),
    "batch_size": (lambda: fit(X, Y, batch_size=0), r"'batch_size' parameter.*Got 0"),
    "selection_cv": (lambda: fit(X, Y, selection_cv=1), r"'selection_cv' parameter.*Got 1"),
    "calibrate": (lambda: fit(X, Y, calibrate="yes"), r"'calibrate' parameter.*yes"),
    "random_state": (lambda: fit(X, Y, random_state="x"), r"'random_state' parameter"),
    # predict
    "predict, other experts": (
        lambda: fit(X, Y).predict(X[:, :2]),
        r"hence 2 expert\(s\), but the fit had 3.*NaN for an expert that is missing",
    ),
    "predict, other classes": (
        lambda: fit(X, Y).predict(X[:, :, :3]),
        r"3 classes on its last axis.*4 class labels",
    ),
    "predict, other columns": (
        lambda: fit(X2, Y2).predict(X2[:, :2]),
        r"X has 2 features, but LogitProdClassifier is expecting 3",
    ),
    "predict, all missing": (
        lambda: fit(X, Y).predict_proba(changed(X, 2, np.nan)),
        r"all experts are missing.*row 2",
    ),
    "predict, experts of a frame": (
        lambda: fit(FRAME, LABELS).predict(FRAME.rename(columns={"e0": "z"}, level=0)),
        r"missing \['e0'\], new \['z'\].*NaN where one is missing",
    ),
    "predict, classes of a frame": (
        lambda: fit(FRAME, LABELS).predict(renamed(FRAME, d="x")),
        r"no columns for \['d'\]; unknown \['x'\]",
    ),
    "weights, infinite": (
        lambda: fit(X, Y).expert_weights(changed(X, (1, 0, 0), np.inf)),
        r"infinite value in row 1, expert 'expert0'",
    ),
    # stack_outputs
    "stack nothing": (lambda: stack_outputs({}), r"non-empty dict"),
    "stack a list": (lambda: stack_outputs([X[:, 0]]), r"non-empty dict"),
    "stack without classes": (lambda: stack_outputs({"a": X[:, 0]}), r"'a' is an array.*`classes`"),
    "stack, wrong shape": (
        lambda: stack_outputs({"a": X[:, 0, :3]}, classes=CLASSES),
        r"'a' has shape \(24, 3\), expected \(n_samples, 4\)",
    ),
    "stack, other length": (
        lambda: stack_outputs({"a": X[:, 0], "b": X[1:, 0]}, classes=CLASSES),
        r"'b' has 23 rows, the first expert 24",
    ),
    "stack, other index": (
        lambda: stack_outputs({"a": FRAME["e0"], "b": FRAME["e1"].iloc[::-1]}),
        r"'b' has another index.*reindex",
    ),
    "stack, other classes": (
        lambda: stack_outputs({"a": FRAME["e0"], "b": FRAME["e1"].rename(columns={"a": "x"})}),
        r"'b' has columns.*expected the classes",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_error_says_what_is_wrong(case):
    call, message = CASES[case]
    with pytest.raises(ValueError, match=f"(?s){message}"):
        call()


def test_there_are_enough_cases():
    assert len(CASES) >= 40


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks for CUDA where there is none")
def test_cuda_without_cuda():
    with pytest.raises(ValueError, match=r"device='cuda' asks for CUDA.*device='cpu'"):
        fit(X, Y, gate_width=0, device="cuda")


def test_predict_before_fit():
    for method in ("predict", "predict_proba", "expert_weights", "sharpness", "transform"):
        with pytest.raises(NotFittedError):
            getattr(LogitProdClassifier(), method)(X)


@pytest.mark.parametrize("bad", [(X[:, :, :3], Y), (X, Y[:-1]), (changed(X, 2, np.nan), Y)])
def test_failed_fit_leaves_no_half_fitted_model(bad):
    fresh = LogitProdClassifier(gate_width=None)
    with pytest.raises(ValueError, match="X"):
        fresh.fit(*bad)
    assert not [name for name in vars(fresh) if name.endswith("_")]

    model = fit(X, Y)
    before, state = model.predict_proba(X), copy.deepcopy(vars(model))
    with pytest.raises(ValueError, match="X"):
        model.fit(*bad)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    assert vars(model).keys() == state.keys()
    assert model.loss_ == state["loss_"]


def test_expert_absent_from_the_fit_has_no_weight_ever():
    absent = changed(X, np.s_[:, 1], np.nan)
    with pytest.warns(UserWarning, match=r"expert1 are missing \(NaN\) on every row"):
        model = fit(absent, Y, gate_width=0)
    weights = model.expert_weights(X)
    assert (weights[:, 1] == 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    np.testing.assert_allclose(model.predict_proba(X), model.predict_proba(absent))
    only = changed(X, np.s_[3, [0, 2]], np.nan)
    with pytest.raises(ValueError, match=r"row 3 of X all experts are missing but expert1"):
        model.predict(only)


def test_correction_too_large_is_left_out_with_a_warning():
    n_classes = 90
    y = np.tile(np.arange(n_classes), 2)
    logits = np.random.default_rng(0).normal(size=(len(y), 3, n_classes))
    with pytest.warns(UserWarning, match=r"cross_class is left out: 3 experts x 90\^2"):
        model = fit(logits, y, cross_class=30.0)
    assert model.cross_class_ is None


def test_too_few_iterations_are_told():
    with pytest.warns(ConvergenceWarning, match=r"max_iter=1 .* Set max_iter=2"):
        fit(X, Y, gate_width=0, max_iter=1, alpha=0.1)
