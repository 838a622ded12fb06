"""What `deployment` cannot do, for models of classes, events, values and several labels."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from sklearn_logitprod import (
    LogitProdClassifier,
    LogitProdMultilabelClassifier,
    LogitProdRegressor,
    LogitProdSurvival,
)
from sklearn_logitprod.deployment import (
    ExpertPathDisplay,
    GainMonitor,
    adapt,
    adapt_prior,
    add_expert,
    certify,
    expert_path,
    with_safety,
)

N, M = 60, 3
RNG = np.random.default_rng(0)
Y = np.arange(N) % 2
X = (2.0 * Y - 1.0)[:, None] + RNG.normal(size=(N, M))
VALUES = RNG.normal(size=N) * 10.0 + 50.0
MEANS = VALUES[:, None] + RNG.normal(size=(N, M))
PANEL = (RNG.random((N, 2)) < 0.5).astype(float)
ODDS = (2.0 * PANEL - 1.0)[:, None, :] + RNG.normal(size=(N, M, 2))
TIME = RNG.exponential(size=N) + 0.1
EVENTS = np.array(
    list(zip(RNG.random(N) < 0.7, TIME, strict=True)), dtype=[("event", "?"), ("time", "f8")]
)
RISKS = -np.log(TIME)[:, None] + RNG.normal(size=(N, 2))
IDS = [f"s{row:02d}" for row in range(N)]

MODEL = LogitProdClassifier(gate_width=None).fit(X, Y)
SAFE = with_safety(MODEL)
OF_VALUES = LogitProdRegressor(gate_width=None).fit(MEANS, VALUES)
OF_LABELS = LogitProdMultilabelClassifier(gate_width=None).fit(ODDS, PANEL)
OF_EVENTS = LogitProdSurvival(input="risk", gate_width=None).fit(RISKS, EVENTS)
ASKING = LogitProdClassifier([("a", LogisticRegression().fit(X, Y))], gate_width=None).fit(X, Y)
NEW, NEW_Y = X[:20] + RNG.normal(size=(20, M)), Y[:20]


def changed(values, where, value):
    values = np.array(values, dtype=float)
    values[where] = value
    return values


def plus(experts, model=MODEL, y=Y, **other):
    return add_expert(model, X, y, experts=experts, **other)


def mean_expert():
    named = pd.DataFrame(X, columns=["uni", "conch", "mean of logits"])
    return LogitProdClassifier(gate_width=None).fit(named, Y)


OF_ONE = "takes a model of one label, not LogitProdMultilabelClassifier. Pass model.label_model("
NO_LIMIT = "takes no LogitProdRegressor: a mixture of Gaussians is none"
BAD = {
    "adapt": {
        "a model's class": (
            lambda: adapt(LogitProdClassifier, X, Y),
            "not the class LogitProdClassifier. Fit one first",
        ),
        "a model's path": (lambda: adapt("model.skops", X, Y), "not str. Fit one first"),
        "X before the model": (lambda: adapt(X, Y, MODEL), "not ndarray. Fit one first"),
        "a panel": (lambda: adapt(OF_LABELS, ODDS, PANEL), f"adapt {OF_ONE}"),
        "y before X": (lambda: adapt(MODEL, NEW_Y, NEW), "y holds numbers that are no class"),
        "labels as text": (
            lambda: adapt(MODEL, NEW, NEW_Y.astype(str)),
            "y has labels ['0', '1'], which the estimator does not know; its classes are [0, 1]",
        ),
        "y in another order": (
            lambda: adapt(
                MODEL,
                pd.DataFrame(NEW, index=IDS[:20]),
                pd.Series(NEW_Y, index=IDS[:20])[::-1],
            ),
            "X and y have the same labels of rows, but at other places",
        ),
        "a row without experts": (
            lambda: adapt(MODEL, changed(NEW, 3, np.nan), NEW_Y),
            "the first is row 3. Remove these rows",
        ),
        "a group that is missing": (
            lambda: adapt(MODEL, NEW, NEW_Y, groups=changed(NEW_Y, 0, np.nan)),
            "groups is missing (NaN or None) in row 0",
        ),
        "weights of 0": (
            lambda: adapt(MODEL, NEW, NEW_Y, sample_weight=np.zeros(20)),
            "sample_weight is zero on every row",
        ),
        "values without y": (lambda: adapt(OF_VALUES, MEANS), "adapt needs y, the outcome of"),
        "values as words": (
            lambda: adapt(OF_VALUES, MEANS[:5], ["high"] * 5),
            "y holds values that are no numbers",
        ),
        "values as classes": (
            lambda: adapt(OF_VALUES, MEANS, VALUES > 50),
            "y holds True and False, which are class labels",
        ),
        "values as events": (
            lambda: adapt(OF_VALUES, MEANS, EVENTS),
            "y is a structured array with the fields ['event', 'time']",
        ),
        "a value that is missing": (
            lambda: adapt(OF_VALUES, MEANS, changed(VALUES, 1, np.nan)),
            "Input y contains NaN or None: 1 missing value(s), the first in row 1",
        ),
        "fewer values": (lambda: adapt(OF_VALUES, MEANS, VALUES[1:]), "y has 59 entries, but X"),
        "an expert too few, of values": (
            lambda: adapt(OF_VALUES, MEANS[:, :2], VALUES),
            "X has 2 features, but LogitProdRegressor is expecting 3",
        ),
        "deviations that the fit had not": (
            lambda: adapt(OF_VALUES, np.stack([MEANS, MEANS], 2), VALUES),
            "but input='mean' takes (n_samples, n_experts)",
        ),
        "times without events": (
            lambda: adapt(OF_EVENTS, RISKS, TIME),
            "which does not tell events from times",
        ),
    },
    "adapt_prior": {
        "a prevalence for samples": (
            lambda: adapt_prior(MODEL, {0: 0.97, 1: 0.03}),
            "A prevalence is said by name, prior={0: 0.97, 1: 0.03}",
        ),
        "a list of shares for samples": (
            lambda: adapt_prior(MODEL, [0.97, 0.03]),
            "X is [0.97, 0.03]: it takes samples of the new site",
        ),
        "one share": (lambda: adapt_prior(MODEL, prior=0.03), "prior=0.03 is no prevalence of"),
        "a class too few": (lambda: adapt_prior(MODEL, prior={1: 0.03}), "prior lacks [0]"),
        "classes as text": (
            lambda: adapt_prior(MODEL, prior={"0": 0.97, "1": 0.03}),
            "prior names ['0', '1'], which the model does not know and lacks [0, 1]",
        ),
        "per cent": (
            lambda: adapt_prior(MODEL, prior=[97, 3]),
            "Write percentages as shares: 3 % is 0.03",
        ),
        "a class twice": (
            lambda: adapt_prior(MODEL, prior=pd.Series([0.5, 0.5], index=[1, 1])),
            "prior names a class twice",
        ),
        "a share of 0": (lambda: adapt_prior(MODEL, prior=[0.0, 1.0]), "prior of [0] is not posit"),
        "a strength in words": (
            lambda: adapt_prior(MODEL, NEW, strength="strong"),
            "strength='strong': it is a positive number of rows",
        ),
        "values": (lambda: adapt_prior(OF_VALUES, MEANS), "LogitProdRegressor predicts no classes"),
        "a panel": (lambda: adapt_prior(OF_LABELS, ODDS), f"adapt_prior {OF_ONE}"),
    },
    "add_expert": {
        "values": (
            lambda: plus({"x": MEANS[:, 0]}, OF_VALUES),
            "add_expert takes no LogitProdRegressor: new experts are calibrated in the unit",
        ),
        "a panel": (lambda: plus({"x": ODDS[:, 0]}, OF_LABELS), f"add_expert {OF_ONE}"),
        "no experts": (lambda: plus({}), "give experts={name: outputs}"),
        "folds for outputs": (
            lambda: plus({"new": X[:, 0] + 1}, cv=5),
            "cv=5 is for estimators, and the model takes outputs of experts: leave it out",
        ),
        "an array without a name": (lambda: plus(X[:, :1]), "give experts={name: outputs}"),
        "one value": (lambda: plus({"new": 1.0}), "Expert 'new' has shape (), expected"),
        "words": (lambda: plus({"new": ["x"] * N}), "holds values that are no numbers"),
        "an infinite value": (
            lambda: plus({"new": changed(X[:, 0], 3, np.inf)}),
            "infinite value in row 3, expert 'new'",
        ),
        "classes too many": (lambda: plus({"new": X}), "Expert 'new' has shape (60, 3), expected"),
        "one class alone": (lambda: plus({"new": X[:, 0] + 1}, y=np.ones(N, int)), "1 class only"),
        "outputs for a model that asks": (
            lambda: plus({"new": X[:, 0]}, ASKING),
            "experts is dict ['new'], but a list of (name, estimator) pairs",
        ),
        "nothing for a model that asks": (
            lambda: plus(None, ASKING),
            "give new ones as experts=[(name, estimator)]",
        ),
        "an estimator that is not fitted": (
            lambda: plus([("new", LogisticRegression())], ASKING),
            "Expert 'new' is not fitted, but cv='prefit'",
        ),
        "a regressor": (
            lambda: plus([("new", LinearRegression().fit(X, Y))], ASKING),
            "has none of predict_log_proba, predict_proba, decision_function",
        ),
        "a name that is taken": (
            lambda: plus([("a", LogisticRegression().fit(X, Y))], ASKING),
            "The model has expert(s) ['a'] already",
        ),
    },
    "with_safety, certify": {
        "values": (lambda: with_safety(OF_VALUES), f"with_safety {NO_LIMIT}"),
        "a panel": (lambda: with_safety(OF_LABELS), f"with_safety {OF_ONE}"),
        "a share in per cent": (lambda: with_safety(MODEL, 5), "share=5: it lies in (0, 1)"),
        "a share in words": (lambda: with_safety(MODEL, "5 %"), "share='5 %': it lies in (0, 1)"),
        "a reference for the share": (
            lambda: with_safety(MODEL, "expert0"),
            "share='expert0': it lies in (0, 1)",
        ),
        "several references": (
            lambda: with_safety(MODEL, reference=["expert0"]),
            "reference=['expert0']: it is one name, or None",
        ),
        "an expert called as a mean": (
            lambda: with_safety(mean_expert(), reference="mean of logits"),
            "An expert of the model is called 'mean of logits', as one of the means",
        ),
        "certify values": (lambda: certify(OF_VALUES, MEANS, VALUES), f"certify {NO_LIMIT}"),
        "certify a panel": (lambda: certify(OF_LABELS, ODDS, PANEL), f"certify {OF_ONE}"),
        "no reference": (
            lambda: certify(SAFE, NEW, NEW_Y, reference=[]),
            "reference=[] is unknown",
        ),
        "the model as reference": (
            lambda: certify(SAFE, NEW, NEW_Y, reference="LogitProd"),
            "reference='LogitProd' is unknown: it is the name of an expert or of a mean",
        ),
        "a level in per cent": (
            lambda: certify(SAFE, NEW, NEW_Y, level=95),
            "level=95: the confidence lies in (0, 1)",
        ),
        "groups without names": (
            lambda: certify(SAFE, NEW, NEW_Y, groups=[None] * 20),
            "groups is missing (NaN or None) in row 0",
        ),
    },
    "GainMonitor": {
        "values": (lambda: GainMonitor(OF_VALUES), f"GainMonitor {NO_LIMIT}"),
        "a panel": (lambda: GainMonitor(OF_LABELS), f"GainMonitor {OF_ONE}"),
        "a level for the reference": (lambda: GainMonitor(SAFE, 0.95), "reference=0.95 is unknown"),
        "a level in per cent": (lambda: GainMonitor(SAFE, level=95), "level=95: the confidence"),
        "a name for groups": (
            lambda: GainMonitor(SAFE).update(NEW, NEW_Y, groups="patient"),
            "groups is a single value, but X has 20 rows",
        ),
        "fewer outcomes": (
            lambda: GainMonitor(SAFE).update(NEW, NEW_Y[1:]),
            "y has 19 entries, but X has 20 rows",
        ),
    },
    "expert_path": {
        "values": (
            lambda: expert_path(OF_VALUES, MEANS, VALUES),
            "expert_path takes no LogitProdRegressor: its steps are of probabilities",
        ),
        "a panel": (lambda: expert_path(OF_LABELS, ODDS, PANEL), f"expert_path {OF_ONE}"),
        "one cost for all": (
            lambda: expert_path(MODEL, X, Y, costs=1.0),
            "costs have shape (), but there are 3 experts",
        ),
        "an endless cost": (
            lambda: expert_path(MODEL, X, Y, costs=[np.inf, 1, 1]),
            "The cost of 'expert0' is inf",
        ),
        "a table for the display": (
            lambda: ExpertPathDisplay(pd.DataFrame()),
            "call ExpertPathDisplay.from_estimator(model, X, y)",
        ),
    },
    "disagreement": {
        "before a fit": (lambda: LogitProdClassifier().disagreement(X), "not fitted yet"),
        "a row without experts": (
            lambda: MODEL.disagreement(changed(X, 2, np.nan)),
            "all experts are missing (NaN), the first is row 2",
        ),
        "no rows": (lambda: MODEL.disagreement(X[:0]), "Found X with 0 sample(s)"),
        "an infinite prediction": (
            lambda: OF_VALUES.disagreement(changed(MEANS, (2, 1), np.inf)),
            "infinite value in row 2, expert 'expert1'",
        ),
        "a label too few": (
            lambda: OF_LABELS.disagreement(ODDS[:, :, :1]),
            "1 labels on its last axis, but y has 2",
        ),
        "a label without experts": (
            lambda: OF_LABELS.disagreement(changed(ODDS, 2, np.nan)),
            "All experts are missing (NaN) for label 'label0' in 1 row(s) of X",
        ),
        "a risk too few": (
            lambda: OF_EVENTS.disagreement(RISKS[:, :1]),
            "X has 1 features, but LogitProdSurvival is expecting 2",
        ),
    },
}
CASES = [(part, name) for part, own in BAD.items() for name in own]


@pytest.mark.parametrize(("part", "name"), CASES)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_cannot_be_is_told(part, name):
    call, message = BAD[part][name]
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        call()


def test_new_experts_are_called_by_their_names():
    larger = plus({"new": X[:, 0] + RNG.normal(size=N)})
    assert larger.expert_names_ == ["expert0", "expert1", "expert2", "new"]
    array = np.c_[X, X[:, 0]]
    assert larger.predict_proba(array).shape == (N, 2)
