"""Values that look like something else than they are said to be: told once, in a fit."""

import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_logitprod import (
    LogitProdClassifier,
    LogitProdClassifierCV,
    LogitProdSurvival,
    LogitProdSurvivalCV,
)
from sklearn_logitprod.inspection import compare
from sklearn_logitprod.outputs.classes import read_outputs

RNG = np.random.default_rng(0)
N = 80
Y = np.arange(N) % 2
ODDS = RNG.normal(size=(N, 3)) + 2 * Y[:, None] - 1
SECOND = 1 / (1 + np.exp(-ODDS))
PROBA = np.stack([1 - SECOND, SECOND], axis=2)
LOGITS = np.stack([-ODDS, ODDS], axis=2)
LINEAR = {"gate_width": None}
SMALL = {"gate_widths": (None,), "temperatures": (1,), "alphas": (100,), "cv": 3}


def mixed(*which):
    """Logits of three experts, probabilities of some."""
    X = LOGITS.copy()
    X[:, which] = PROBA[:, which]
    return X


def gap(X):
    X = X.copy()
    X[:10, 1] = np.nan
    return X


def told(call):
    """Messages of the warnings of a call."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        call()
    return [str(one.message) for one in found]


SUMMING = "all values lie in [0, 1] and sum to 1 over the classes"
CLASSES = {
    "probabilities": (
        PROBA,
        f"X looks like probabilities: {SUMMING}, but input='logits' reads them as logits. If they "
        "are probabilities, pass input='proba'.",
    ),
    "probabilities with gaps": (gap(PROBA), f"X looks like probabilities: {SUMMING}"),
    "an expert is missing": (
        np.where(np.arange(3)[:, None] == 1, np.nan, PROBA),
        f"X looks like probabilities: {SUMMING}",
    ),
    "float16": (PROBA.astype(np.float16), f"X looks like probabilities: {SUMMING}"),
    "of the second class": (
        SECOND,
        "X looks like probabilities: all values lie in [0, 1], but input='logits' reads them as "
        "log-odds. If they are probabilities, pass input='proba'.",
    ),
    "votes": (ODDS > 0, "X looks like probabilities: all values lie in [0, 1], but"),
    "per cent": (
        100 * PROBA,
        "X looks like probabilities: all values lie in [0, 100] and sum to 100 over the classes, "
        "but input='logits' reads them as logits. If they are probabilities, divide by 100 and "
        "pass input='proba'.",
    ),
    "per cent of the second class": (
        100 * SECOND,
        "X looks like probabilities: all values lie in [0, 100], but",
    ),
    "some experts": (
        mixed(0, 2),
        "Expert(s) expert0, expert2 look as if they gave probabilities, the others logits: of "
        f"theirs, {SUMMING}. If so, take the logarithm of theirs.",
    ),
}


@pytest.mark.parametrize("name", CLASSES)
def test_logits_that_look_like_probabilities_are_told_in_the_fit_alone(name):
    X, message = CLASSES[name]
    model = LogitProdClassifier(**LINEAR)
    found = [one for one in told(lambda: model.fit(X, Y)) if "are missing (NaN)" not in one]
    assert len(found) == 1
    assert found[0].startswith(message)
    assert not told(lambda: model.predict_proba(X))


def test_they_are_told_once_in_a_search_and_in_a_comparison():
    message = CLASSES["probabilities"][1]
    assert told(lambda: LogitProdClassifierCV(**SMALL).fit(PROBA, Y)) == [message]
    comparison = {"n_repeats": 1, "cv": 3, "n_resamples": 20}
    assert told(lambda: compare(LogitProdClassifier(**LINEAR), PROBA, Y, **comparison)) == [message]


@pytest.mark.parametrize(
    ("X", "input"),
    [
        (PROBA, "proba"),
        (SECOND, "proba"),
        (LOGITS, "logits"),
        (np.log(PROBA), "logits"),
        # the softmax does not see a shift
        (LOGITS - LOGITS.min(), "logits"),
        # one expert may be weak
        (np.c_[ODDS[:, :2], 0.5 + 0.1 * SECOND[:, 2]], "logits"),
        (np.abs(ODDS), "logits"),
        (np.zeros((N, 2)), "logits"),
        (np.full((N, 2), 0.5), "proba"),
        (np.c_[SECOND, 1 - SECOND[:, 0]], "proba"),
    ],
)
def test_values_that_are_what_they_are_said_to_be_are_not_told(X, input):
    assert not told(lambda: LogitProdClassifier(input=input, **LINEAR).fit(X, Y))


PAIRED = "X looks like two columns for each expert, one of each class: all values of"


@pytest.mark.parametrize(
    ("X", "input"),
    [
        (PROBA, "proba"),
        (gap(PROBA), "proba"),
        (PROBA.round(3), "proba"),
        (PROBA[:, :1], "proba"),
        (LOGITS, "logits"),
        (np.log(PROBA), "logits"),
    ],
)
def test_columns_of_both_classes_are_told_and_the_advice_mends_it(X, input):
    flat = X.reshape(N, -1)
    swapped = X.swapaxes(1, 2).reshape(N, -1)
    for own, remedy in ((flat, "-1, 2)"), (swapped, "2, -1).swapaxes(1, 2)")):
        if X.shape[1] == 1:
            remedy = "-1, 2)"
        found = told(lambda own=own: read_outputs(own, input, np.arange(2)))
        assert len(found) == 1
        assert found[0].startswith(PAIRED)
        advice = found[0].rpartition("pass ")[2].rstrip(".")
        assert advice == f"np.asarray(X).reshape(len(X), {remedy}"
        np.testing.assert_array_equal(eval(advice, {"np": np, "X": own}), X)


def test_a_frame_of_one_expert_called_as_the_classes_is_read_by_their_names():
    y, names = np.array(["no", "yes"])[Y], ["yes", "no"]
    frame = pd.DataFrame(PROBA[:, 0, ::-1], columns=names)
    model = LogitProdClassifier(input="proba", **LINEAR)
    assert not told(lambda: model.fit(frame, y))
    expected = LogitProdClassifier(input="proba", **LINEAR).fit(PROBA[:, :1], y)
    np.testing.assert_array_equal(model.predict_proba(frame), expected.predict_proba(PROBA[:, :1]))


def test_identifiers_among_the_columns_are_told():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    frame = pd.DataFrame(rng.normal(size=(60, 2)) + y[:, None], columns=["uni", "conch"])
    frame.insert(0, "id", rng.permutation(1000)[:60])
    with pytest.warns(UserWarning, match=r"Column 'id' of X looks like identifiers") as told:
        LogitProdClassifier(gate_width=None).fit(frame, y)
    assert len(told) == 1


def test_a_handful_of_rows_may_look_like_anything():
    assert not told(lambda: LogitProdClassifier(**LINEAR).fit(PROBA[:19], Y[:19]))
    assert len(told(lambda: LogitProdClassifier(**LINEAR).fit(PROBA[:20], Y[:20]))) == 1


def test_experts_that_are_there_for_a_handful_of_rows_are_not_told():
    X = SECOND[:, :2].copy()
    X[15:, 0], X[:15, 1], X[30:, 1] = np.nan, np.nan, np.nan
    assert not told(lambda: read_outputs(X, "logits", np.arange(2)))
    assert len(told(lambda: read_outputs(SECOND[:, :2], "logits", np.arange(2)))) == 1


def test_of_many_rows_the_first_are_looked_at_and_named():
    X = RNG.random((40_000, 2))
    X[-1] = 7.0
    found = told(lambda: read_outputs(X, "logits", np.arange(2)))
    assert len(found) == 1
    assert "all values of the first 32768 rows lie in [0, 1]" in found[0]


TRUE = RNG.normal(size=N)
OUTCOME = np.empty(N, dtype=[("event", bool), ("time", float)])
OUTCOME["event"] = np.arange(N) % 4 > 0
OUTCOME["time"] = RNG.exponential(np.exp(-1.5 * TRUE)) + 0.05
TIMES = [0.2, 0.5, 1.0, 2.0]
RATE = np.exp(TRUE[:, None] + 0.3 * RNG.normal(size=(N, 2)))
SURVIVAL = np.exp(-RATE[:, :, None] * np.array(TIMES))
HAZARD = 1 - SURVIVAL / np.concatenate([np.ones((N, 2, 1)), SURVIVAL[:, :, :-1]], axis=2)
RISK = np.log(RATE)


def survival(input, **params):
    times = None if input == "risk" else TIMES
    return LogitProdSurvival(input=input, times=times, n_bins=4, gate_width=None, **params)


FALLING = (
    "is lower where events come earlier: they count for nothing, as higher risks stand for earlier "
    "events. If they are times or survival, pass them with the other sign."
)
EVENTS = {
    "curves": (
        SURVIVAL,
        "hazard_logits",
        "X looks like survival curves: all values lie in [0, 1] and fall over the times, but "
        "input='hazard_logits' reads them as logits of hazards. If they are survival, pass "
        "input='survival'.",
    ),
    "hazards": (
        HAZARD,
        "hazard_logits",
        "X looks like probabilities: all values lie in [0, 1], but input='hazard_logits' reads "
        "them as logits. If they are hazards h, pass log(h / (1 - h)).",
    ),
    "times of one expert": (
        np.c_[RISK[:, 0], 1 / RATE[:, 1]],
        "risk",
        f"The risk of expert(s) expert1 {FALLING}",
    ),
    "times": (1 / RATE, "risk", f"The risk of expert(s) expert0, expert1 {FALLING}"),
}


@pytest.mark.parametrize("name", EVENTS)
def test_survival_that_looks_like_something_else_is_told_in_the_fit_alone(name):
    X, input, message = EVENTS[name]
    model = survival(input)
    assert told(lambda: model.fit(X, OUTCOME)) == [message]
    assert not told(lambda: model.predict(X))


def test_a_curve_handed_over_as_risks_is_told():
    found = told(lambda: survival("risk").fit(SURVIVAL[:, 0], OUTCOME))
    assert found[0] == (
        "X looks like the survival curve of one expert: all values lie in [0, 1] and fall from "
        "column to column, but input='risk' reads each column as the risk of an expert. If it is a "
        "curve, pass X[:, None, :] with input='survival'."
    )


def test_risks_that_fall_leave_a_constant_model_and_the_advice_mends_it():
    with pytest.warns(UserWarning, match="with the other sign"):
        assert survival("risk").fit(1 / RATE, OUTCOME).score(1 / RATE, OUTCOME) == 0.5
    assert not told(lambda: survival("risk").fit(-1 / RATE, OUTCOME))
    assert survival("risk").fit(-1 / RATE, OUTCOME).score(-1 / RATE, OUTCOME) > 0.7


def test_falling_risks_are_told_once_whichever_they_are_in_each_split():
    noise = np.random.default_rng(1).normal(size=(N, 2))
    search = LogitProdSurvivalCV(input="risk", n_bins=4, **SMALL)
    assert len(told(lambda: search.fit(-RISK, OUTCOME))) == 1
    # in some splits both of the last two fall clearly, in others one alone
    X = np.c_[RISK, -RISK - [1.5, 0.5] * noise]
    parts = [np.arange(N) % 5 != i for i in range(5)]
    fits = [told(lambda own=own: survival("risk").fit(X[own], OUTCOME[own])) for own in parts]
    assert len({message for fit in fits for message in fit}) == 2
    folds = [(np.flatnonzero(own), np.flatnonzero(~own)) for own in parts]
    found = told(lambda: compare(survival("risk"), X, OUTCOME, cv=folds, n_resamples=20))
    assert sum(FALLING in message for message in found) == 1


@pytest.mark.parametrize("X", [RISK, np.c_[RISK, np.cos(np.arange(N))]])
def test_risks_that_rise_or_say_nothing_are_not_told(X):
    assert not told(lambda: survival("risk").fit(X, OUTCOME))


@pytest.mark.parametrize(
    ("X", "input"), [(SURVIVAL, "survival"), (np.log(HAZARD / (1 - HAZARD)), "hazard_logits")]
)
def test_survival_that_is_what_it_is_said_to_be_is_not_told(X, input):
    assert not told(lambda: survival(input).fit(X, OUTCOME))
