"""Exported models say what the models say: ONNX Runtime and torch against NumPy."""

import json
from copy import copy
from dataclasses import replace
from functools import cache
from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from sklearn_logitprod import (
    LogitProdClassifier,
    LogitProdClassifierCV,
    LogitProdMultilabelClassifier,
    LogitProdRegressor,
    LogitProdSurvival,
)
from sklearn_logitprod.deployment import adapt, adapt_prior, add_expert, with_safety
from sklearn_logitprod.export import save_torch, to_onnx, to_torch
from sklearn_logitprod.fusion.family import CATEGORICAL, Categorical
from sklearn_logitprod.io import ExpertOutputs

N, M, K = 160, 4, 3
RNG = np.random.default_rng(0)
Y = RNG.integers(0, K, N)
LABELS = np.array(["grade 2", "grade 3", "grade 4"])[Y]
GAPS = RNG.random((N, M)) < 0.2
GAPS[GAPS[:, :3].all(axis=1), 0] = False
TIME = RNG.exponential(size=N) * 2.0 + 0.01
OUTCOME = np.array(list(zip(RNG.random(N) < 0.7, TIME)), dtype="?, f8")
TIMES = [0.5, 1.0, 2.0, 3.0]
VALUES = RNG.normal(size=N) * 10.0 + 100.0
PANEL = RNG.integers(0, 2, (N, 3)).astype(float)
# every pattern of missing experts, three times; the first has none missing
PATTERNS = np.repeat(np.array(list(product([0, 1], repeat=M)), dtype=bool), 3, axis=0)
SOME = ~PATTERNS.all(axis=1)


def with_gaps(values, gaps):
    values = np.array(values, dtype=np.float32)
    values[gaps] = np.nan
    return values


def normalised(logits):
    proba = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return proba / proba.sum(axis=-1, keepdims=True)


SIGNAL = RNG.normal(size=(N, M, K)) + 1.5 * (Y[:, None] == np.arange(K))[:, None]
HAZARDS = RNG.normal(size=(N, M, 4)) - 1.0 + (1.5 - TIME)[:, None, None] * RNG.random((M, 1))
RISKS = RNG.normal(size=(N, M)) - TIME[:, None]
MEANS = VALUES[:, None] + RNG.normal(size=(N, M)) * [3.0, 5.0, 7.0, 9.0]
ODDS = RNG.normal(size=(N, M, 3)) + 2.0 * PANEL[:, None] - 1.0

# complete outputs of each kind: gaps are put in where they are used
WHOLE = {
    "logits": SIGNAL,
    "proba": normalised(SIGNAL),
    "hazard_logits": HAZARDS,
    "survival": np.cumprod(1.0 / (1.0 + np.exp(HAZARDS)), axis=-1),
    "risk": RISKS,
    "mean": MEANS,
    "mean_std": np.stack([MEANS, RNG.uniform(2.0, 6.0, MEANS.shape)], axis=2),
    "label_logits": ODDS,
    "label_proba": 1.0 / (1.0 + np.exp(-ODDS)),
}
FIT = {kind: with_gaps(values, GAPS) for kind, values in WHOLE.items()}
# beyond what the fit has seen, too
FAR = {"logits": 8.0, "hazard_logits": 8.0, "risk": 30.0, "label_logits": 8.0}
NEW = {
    kind: with_gaps(values[-len(PATTERNS) :] * FAR.get(kind, 1.0), PATTERNS)
    for kind, values in WHOLE.items()
}


def classifier(kind="logits", **parameters):
    return LogitProdClassifier(input=kind, **parameters).fit(FIT[kind], LABELS)


def survival(kind, **parameters):
    times = None if kind == "risk" else TIMES
    return LogitProdSurvival(input=kind, times=times, **parameters).fit(FIT[kind], OUTCOME)


def regressor(kind, **parameters):
    return LogitProdRegressor(input=kind, **parameters).fit(FIT[kind], VALUES)


def multilabel(kind, **parameters):
    return LogitProdMultilabelClassifier(input=kind, **parameters).fit(FIT[f"label_{kind}"], PANEL)


def extended(estimator, X, y):
    return add_expert(estimator.fit(X[:, :3], y), X[:, :3], y, experts={"new": X[:, 3]})


def moved(model, X, y):
    return adapt(model, 1.25 * X[:60], y[:60])


@cache
def linear():
    return classifier(gate_width=0, cross_class=10.0)


@cache
def grown():
    return extended(LogitProdClassifier(gate_width=0), FIT["logits"], LABELS)


GATES = {
    f"gate {width}, {name}": lambda width=width, own=own: classifier(gate_width=width, **own)
    for width in (None, 0, 8, "auto")
    for name, own in {
        "default": {},
        "corrected, no linear pool": {"cross_class": 10.0, "linear_pool": False},
        "paper, not calibrated": {"features": "paper", "calibrate": False, "temperature": 2.0},
    }.items()
}
CLASSES = GATES | {
    "proba": lambda: classifier("proba", gate_width=8),
    "classes in another order": lambda: classifier(
        gate_width=0, classes=["grade 4", "grade 2", "grade 3"]
    ),
    "adapted": lambda: moved(linear(), FIT["logits"], LABELS),
    "prior": lambda: adapt_prior(linear(), prior={"grade 2": 0.1, "grade 3": 0.2, "grade 4": 0.7}),
    "safe": lambda: with_safety(moved(linear(), FIT["logits"], LABELS), 0.1),
    "safe by one": lambda: with_safety(linear(), 0.1, "expert1"),
    "safe by the mean": lambda: with_safety(linear(), 0.1, "mean of probabilities"),
    "extended": grown,
    "extended, adapted, safe": lambda: with_safety(moved(grown(), FIT["logits"], LABELS), 0.1),
    "extended twice": lambda: add_expert(
        grown(), FIT["logits"], LABELS, experts={"newest": SIGNAL[:, 0] - SIGNAL[:, 1]}
    ),
    "search": lambda: LogitProdClassifierCV(gate_widths=[0], cv=2).fit(FIT["logits"], LABELS),
}
OTHERS = {
    f"{kind} {width}": lambda make=make, kind=kind, width=width: make(kind, gate_width=width)
    for make, kinds in (
        (survival, ("hazard_logits", "survival", "risk")),
        (regressor, ("mean", "mean_std")),
        (multilabel, ("logits", "proba")),
    )
    for kind in kinds
    for width in (None, "auto")
} | {
    "survival, adapted, safe": lambda: with_safety(
        moved(survival("risk", gate_width=0, cross_class=10.0), FIT["risk"], OUTCOME)
    ),
    "survival, extended": lambda: extended(
        LogitProdSurvival(input="survival", times=TIMES, gate_width=0), FIT["survival"], OUTCOME
    ),
    "values, adapted, tails": lambda: moved(
        regressor("mean", gate_width=8, tails=5.0, linear_pool=False), FIT["mean"], VALUES + 5.0
    ),
    "values, no correction": lambda: regressor("mean_std", gate_width=0, correction=None),
}


def new_rows(model):
    """Rows of every pattern, as the model takes them, and which of them it does not refuse."""
    model = getattr(model, "best_estimator_", model)
    kind = model.input
    X = NEW[f"label_{kind}" if isinstance(model, LogitProdMultilabelClassifier) else kind]
    extra = model.n_experts_ - M
    return np.concatenate([X, X[:, :extra][::-1]], axis=1) if extra else X


def said(model, X):
    """What the model says, by the names of ONNX's outputs."""
    weights = {"weights": model.expert_weights(X)}
    if model.task_name == "events":
        return {"survival": model.predict_survival_function(X, return_array=True)} | weights
    if model.task_name == "values":
        return dict(zip(("mean", "std"), model.predict(X, return_std=True))) | weights
    return {"probabilities": model.predict_proba(X)} | weights


def logs(model, X):
    """What the model says, as torch gives it."""
    if model.task_name == "events":
        return -model.predict_cumulative_hazard_function(X, return_array=True)
    if model.task_name == "values":
        return np.stack(model.predict(X, return_std=True), axis=1)
    if model.task_name == "labels":
        return model.decision_function(X)
    return model.predict_log_proba(X)


def run(proto, X):
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(proto.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    (given,) = session.get_inputs()
    return dict(zip(names, session.run(None, {given.name: X})))


@pytest.mark.parametrize("name", CLASSES | OTHERS)
def test_onnx_and_torch_say_what_the_model_says(name):
    pytest.importorskip("onnx")
    model = (CLASSES | OTHERS)[name]()
    X = new_rows(model)
    some = ~np.isnan(X).reshape(*X.shape[:2], -1).all(axis=(1, 2))
    assert some.any()
    expected, found = said(model, X[some]), run(to_onnx(model), X)
    assert list(found) == list(expected)
    for output, values in expected.items():
        scale = np.abs(values).max() if output in ("mean", "std") else 1.0
        assert found[output].dtype == np.float32
        assert_allclose(found[output][some], values, rtol=0.0, atol=1e-6 * scale)
        assert np.isnan(found[output][~some]).all()

    module = to_torch(model)
    given = torch.tensor(X, dtype=torch.float64)
    assert_allclose(module(given)[some], logs(model, X[some]), rtol=0.0, atol=1e-9)
    assert torch.isnan(module(given)[~some]).all()
    single = module(torch.tensor(X))
    assert single.dtype == torch.float32
    assert_allclose(single[some], logs(model, X[some]), rtol=1e-6, atol=1e-6)


REFUSED = {
    "no expert": ("logits", lambda X: X.__setitem__(1, np.nan)),
    "infinite": ("logits", lambda X: X.__setitem__((1, 2, 0), np.inf)),
    "missing in part": ("logits", lambda X: X.__setitem__((1, 2, 0), np.nan)),
    "no probabilities": ("proba", lambda X: X.__setitem__((1, 2), [0.5, 0.5, 0.2])),
    "negative": ("proba", lambda X: X.__setitem__((1, 2), [-0.1, 0.6, 0.5])),
    "percentages": ("proba", lambda X: X.__setitem__((1, 2), [50.0, 30.0, 20.0])),
    "survival rises": ("survival", lambda X: X.__setitem__((1, 2), [0.9, 0.5, 0.6, 0.1])),
    "survival above 1": ("survival", lambda X: X.__setitem__((1, 2), [1.1, 0.5, 0.4, 0.1])),
    "infinite risk": ("risk", lambda X: X.__setitem__((1, 2), -np.inf)),
    "no deviation": ("mean_std", lambda X: X.__setitem__((1, 2), [100.0, 0.0])),
}
MAKERS = {"logits": classifier, "proba": classifier, "mean_std": regressor}


@pytest.mark.parametrize("name", REFUSED)
def test_rows_that_predict_refuses_are_nan_and_the_others_are_not(name):
    pytest.importorskip("onnx")
    kind, spoil = REFUSED[name]
    model = MAKERS.get(kind, survival)(kind, gate_width=None)
    X = np.asarray(WHOLE[kind][:3], dtype=np.float32).copy()
    as_it_was = said(model, X)
    spoil(X)
    with pytest.raises(ValueError):
        model.predict(X)
    for output, values in run(to_onnx(model), X).items():
        assert np.isnan(values[1]).all()
        assert_allclose(values[[0, 2]], as_it_was[output][[0, 2]], rtol=1e-6, atol=1e-6)
    found = to_torch(model)(torch.tensor(X))
    assert torch.isnan(found[1]).all()
    assert torch.isfinite(found[[0, 2]]).all()


def test_an_expert_without_weight_is_not_enough():
    pytest.importorskip("onnx")
    X = FIT["logits"].copy()
    X[:, 3] = np.nan
    X = X[~np.isnan(X).all(axis=(1, 2))]
    with pytest.warns(UserWarning, match="missing"):
        model = LogitProdClassifier(gate_width=None).fit(X, LABELS[: len(X)])
    rows = NEW["logits"][:1].repeat(2, axis=0)
    rows[1, :3] = np.nan
    with pytest.raises(ValueError, match="has no weight"):
        model.predict_proba(rows)
    found = run(to_onnx(model), rows)
    assert_allclose(found["probabilities"][:1], model.predict_proba(rows[:1]), atol=1e-6)
    assert np.isnan(found["probabilities"][1]).all()


def test_names_opset_and_free_number_of_samples():
    onnx = pytest.importorskip("onnx")
    proto = to_onnx(classifier(gate_width=None, classes=["grade 4", "grade 2", "grade 3"]))
    onnx.checker.check_model(proto, full_check=True)
    assert [(one.domain, one.version) for one in proto.opset_import] == [("", 18)]
    props = {prop.key: json.loads(prop.value) for prop in proto.metadata_props}
    assert props == {
        "experts": [f"expert{m}" for m in range(M)],
        "input_classes": ["grade 4", "grade 2", "grade 3"],
        "classes": ["grade 2", "grade 3", "grade 4"],
    }
    assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "n"
    for n in (0, 1, 7):
        found = run(proto, np.zeros((n, M, K), dtype=np.float32))
        assert found["probabilities"].shape == (n, K)
        assert found["weights"].shape == (n, M)
    props = {prop.key for prop in to_onnx(survival("risk", gate_width=None)).metadata_props}
    assert props == {"experts", "times"}
    assert to_torch(multilabel("proba", gate_width=None)).names["labels"] == [
        "label0",
        "label1",
        "label2",
    ]


def test_other_names_of_experts_and_labels_of_columns_are_those_of_the_model():
    pytest.importorskip("onnx")
    X = pd.DataFrame(RISKS, columns=["uni", "conch", "virchow", "gigapath"])
    model = LogitProdSurvival(input="risk", gate_width=None).fit(X, OUTCOME)
    proto = to_onnx(model)
    assert json.loads(proto.metadata_props[0].value) == list(X.columns)
    found = run(proto, RISKS.astype(np.float32))["survival"]
    given = X.astype(np.float32)
    assert_allclose(found, model.predict_survival_function(given, return_array=True), atol=1e-6)


# many experts: all patterns of missing ones are too many
@cache
def many():
    X = RNG.normal(size=(N, 18, 2)) + 0.5 * (Y[:, None] == [0, 1])[:, None]
    X[RNG.random((N, 18)) < 0.1] = np.nan
    return LogitProdClassifier(gate_width=None).fit(X, Y > 0)


def test_as_many_missing_experts_as_are_asked_for():
    pytest.importorskip("onnx")
    model = many()
    assert model.pool_.gaps is not None
    X = RNG.normal(size=(40, 18, 2)).astype(np.float32)
    n_missing = np.arange(40) % 5
    for row, n in enumerate(n_missing):
        X[row, RNG.permutation(18)[:n]] = np.nan
    found = run(to_onnx(model, max_missing=3), X)
    few = n_missing <= 3
    assert_allclose(found["probabilities"][few], model.predict_proba(X[few]), atol=1e-6)
    assert_allclose(found["weights"][few], model.expert_weights(X[few]), atol=1e-6)
    assert np.isnan(found["probabilities"][~few]).all()
    assert len(model.pool_.gaps._known) < 200


def asking():
    experts = [("lr", LogisticRegression()), ("nb", GaussianNB())]
    return LogitProdClassifier(experts, cv=3, gate_width=0).fit(SIGNAL[:, 0], LABELS)


def test_the_pool_alone_of_a_model_that_asks_estimators():
    pytest.importorskip("onnx")
    model, X = asking(), SIGNAL[:, 0]
    said_by = [model.named_experts_[name].predict_proba(X) for name in model.expert_names_]
    logits = np.log(np.stack(said_by, axis=1)).astype(np.float32)
    proto = to_onnx(model, pool_only=True)
    found = run(proto, logits)
    assert proto.graph.input[0].name == "logits"
    assert_allclose(found["probabilities"], model.predict_proba(X), atol=1e-6)
    module = to_torch(model, pool_only=True)
    assert_allclose(module(torch.tensor(logits)), model.predict_log_proba(X), atol=1e-5)


def of_other_kind():
    return LogitProdSurvival(gate_width=None).fit(
        ExpertOutputs(RISKS, "risk", list("abcd")), OUTCOME
    )


def test_outputs_of_a_kind_that_the_parameter_does_not_say():
    pytest.importorskip("onnx")
    model = linear()
    proba = normalised(NEW["logits"][SOME].astype(float)).astype(np.float32)
    proto = to_onnx(model, input="proba")
    assert proto.graph.input[0].name == "proba"
    assert model.input == "logits"
    reader = LogitProdClassifier(gate_width=0, cross_class=10.0, input="proba")
    reader.__dict__ |= {k: v for k, v in vars(model).items() if k.endswith("_")}
    found = run(proto, proba)["probabilities"]
    assert_allclose(found, reader.predict_proba(proba), atol=1e-6)
    # by containers that say themselves what they hold, a fit may have seen another kind
    risks = ExpertOutputs(RISKS, "risk", list("abcd"))
    fitted = of_other_kind()
    found = run(to_onnx(fitted, input="risk"), RISKS.astype(np.float32))["survival"]
    expected = fitted.predict_survival_function(risks, return_array=True)
    assert_allclose(found, expected, atol=1e-5)


DIFFERENTIABLE = {
    "gate 8, default": "logits",
    "extended, adapted, safe": "logits",
    "survival, adapted, safe": "risk",
    "survival auto": "survival",
    "values, adapted, tails": "mean",
}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_are_those_of_finite_differences(name):
    module = to_torch((CLASSES | OTHERS)[name]())
    kind = DIFFERENTIABLE[name]
    # rows with all experts, with some, and with the last alone
    rows, gaps = WHOLE[kind][:6], np.zeros((6, M), dtype=bool)
    gaps[1, 0] = gaps[2, 1:3] = gaps[3, 3] = gaps[4, :3] = True
    shape = (6, M) + (1,) * (rows.ndim - 2)
    missing = torch.tensor(gaps.reshape(shape))

    def given(x):
        return module(torch.where(missing, torch.nan, x))

    x = torch.tensor(rows, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(given, (x,), eps=1e-6, atol=1e-6, rtol=1e-4)
    given(x).sum().backward()
    assert torch.isfinite(x.grad).all()


def test_a_module_goes_to_another_precision_and_device():
    model = linear()
    module = to_torch(model)
    assert not list(module.parameters())
    assert {one.dtype for one in module.buffers()} <= {torch.float64, torch.int64}
    X = NEW["logits"][SOME]
    for given in (torch.tensor(X), torch.tensor(X, dtype=torch.float64)):
        assert module(given).dtype == given.dtype
    # without a second device at hand, meta is one: whatever is not moved along fails there
    assert to_torch(model).to("meta")(torch.tensor(X, device="meta")).device.type == "meta"
    found = module.float()(torch.tensor(X))
    assert_allclose(found, model.predict_log_proba(X), rtol=1e-4, atol=1e-4)


def test_a_module_holds_nothing_of_the_model():
    model = linear()
    module = to_torch(model)
    before = module(torch.tensor(NEW["logits"]))
    for buffer in module.buffers():
        buffer.zero_()
    assert_array_equal(model.predict(NEW["logits"][SOME]), linear().predict(NEW["logits"][SOME]))
    again = to_torch(model)(torch.tensor(NEW["logits"]))
    assert_array_equal(before, again)


def fitted_risks_and_curves():
    class Risk(LogisticRegression):
        def fit(self, X, y):
            self.fitted_ = True
            return self

        def predict(self, X):
            return X[:, 0]

    class Curve(Risk):
        def predict_survival_function(self, X):
            from sklearn_logitprod.estimators.step_function import step_functions

            return step_functions(1.0, np.array([1.0, 2.0]), np.tile([0.9, 0.5], (len(X), 1)))

    experts = [("risk", Risk().fit(None, None)), ("curve", Curve().fit(None, None))]
    return LogitProdSurvival(experts, gate_width=None, times=[1.0, 2.0]).fit(RISKS, OUTCOME)


def spread():
    """A model of experts whose deviations tell something."""
    std = RNG.uniform(1.0, 20.0, MEANS.shape)
    means = VALUES[:, None] + std * RNG.normal(size=MEANS.shape)
    X = np.stack([means, std], axis=2)
    return LogitProdRegressor(input="mean_std", gate_width=None).fit(X, VALUES)


BAD = {
    "not a model": (lambda: to_onnx(LogisticRegression()), "to_onnx takes a fitted LogitProd"),
    "a pipeline": (lambda: to_onnx(make_pipeline(linear())), "Export its last step.*register_co"),
    "not fitted": (lambda: to_onnx(LogitProdClassifier()), "not fitted yet"),
    "a model that asks estimators": (
        lambda: to_torch(asking()),
        r"to_torch takes.*'lr', 'nb'.*say pool_only=True.*register_converter",
    ),
    "estimators for values": (
        lambda: to_onnx(
            LogitProdRegressor([LinearRegression().fit(SIGNAL[:, 0], Y)], gate_width=None).fit(
                SIGNAL[:, 0], VALUES
            ),
            pool_only=True,
        ),
        "pool_only=True does not take a LogitProdRegressor with estimators",
    ),
    "estimators of two kinds": (
        lambda: to_onnx(fitted_risks_and_curves(), pool_only=True),
        r"Expert\(s\) \['risk'\] give risks, the others survival functions",
    ),
    "too many experts": (
        lambda: to_onnx(many()),
        r"262143 patterns.*at most 16384.*max_missing=5\.",
    ),
    "another kind of outputs": (
        lambda: to_onnx(linear(), input="probabilities"),
        r"input='probabilities' is none of what LogitProdClassifier takes: \['logits', 'proba'\]",
    ),
    "not the kind of the fit": (
        lambda: to_onnx(of_other_kind()),
        "would be hazard_logits, but the model was fitted on risk: say input='risk'",
    ),
    "risks of a fit on curves": (
        lambda: to_onnx(survival("survival", gate_width=None), input="risk"),
        "fitted on hazard logits or survival: say input='survival'",
    ),
    "no deviations": (
        lambda: to_onnx(spread(), input="mean"),
        "would be mean, but the model was fitted on mean_std",
    ),
    "no number of missing experts": (
        lambda: to_onnx(linear(), max_missing=-1),
        "max_missing=-1: it is a number of experts",
    ),
    "a word for the number of missing experts": (
        lambda: to_onnx(linear(), max_missing="all"),
        "max_missing='all': it is a number of experts",
    ),
    "a model's class": (
        lambda: to_onnx(LogitProdClassifier),
        "not the class LogitProdClassifier. Fit one first",
    ),
    "a model's path": (lambda: to_onnx("model.skops"), "not str. Fit one first"),
    "several kinds of outputs": (
        lambda: to_onnx(linear(), input=["proba"]),
        r"input=\['proba'\] is none of what LogitProdClassifier takes",
    ),
    "a word for the pool alone": (
        lambda: to_onnx(linear(), pool_only="yes"),
        "pool_only='yes': it is True or False",
    ),
    "half an expert": (lambda: to_onnx(linear(), max_missing=1.5), "max_missing=1.5: it is a numb"),
    "to store a model": (
        lambda: save_torch(linear(), "pool.pt2"),
        r"takes a module of to_torch, not LogitProdClassifier. Call save_torch\(to_torch\(model\)",
    ),
    "to store under no module": (
        lambda: save_torch("pool.pt2", to_torch(linear())),
        "takes a module of to_torch, not str",
    ),
    "to store another module": (
        lambda: save_torch(torch.nn.Linear(2, 2), "pool.pt2"),
        "takes a module of to_torch, not Linear",
    ),
    "to store nowhere": (
        lambda: save_torch(to_torch(linear()), None),
        "path is NoneType: name a file, such as 'pool.pt2'",
    ),
    "to store as another kind of file": (
        lambda: save_torch(to_torch(linear()), "no/pool.onnx"),
        "no/pool.onnx would be a file of torch: call it such as no/pool.onnx.pt2",
    ),
    "to store where no folder is": (
        lambda: save_torch(to_torch(linear()), "no/pool.pt2"),
        "no/pool.pt2 cannot be written: it is a folder, or its own folder is absent",
    ),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_cannot_be_exported_says_what_to_do(name):
    call, message = BAD[name]
    with pytest.raises((ValueError, TypeError), match=message):
        call()


class Poisson(Categorical):
    """A family that has no formulas."""


def test_a_pool_of_another_kind_is_named():
    model = copy(linear())
    model.pool_ = replace(model.pool_, family=Poisson())
    with pytest.raises(TypeError, match="to_onnx knows no formulas of Poisson"):
        to_onnx(model)
    model.pool_ = SimpleNamespace(
        **{"active": np.ones(M, bool), "gaps": None, "family": CATEGORICAL}
    )
    with pytest.raises(TypeError, match="SimpleNamespace is no pool that can be exported"):
        to_torch(model)


def test_without_onnx_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ImportError, match="python -m pip install onnx"):
        to_onnx(linear())
