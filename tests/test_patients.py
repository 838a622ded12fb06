"""Slides become patients: what one slide says, what several say, and who must agree."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sklearn_logitprod import LogitProdClassifier, LogitProdSurvival, stack_outputs
from sklearn_logitprod.io import ExpertOutputs, aggregate

INPUTS = ("proba", "logits", "survival", "hazard_logits", "risk")
HOWS = ("mean", "logit-mean", "max", "noisy-or")
RULES = [(i, how) for i in INPUTS for how in HOWS if how in ("mean", "max") or i in INPUTS[:2]]


def outputs(input, by, seed=0, n_experts=2, n_columns=3, missing=0.2):
    """Random outputs of slides, with outcomes that patients have in common."""
    random, by = np.random.default_rng(seed), np.asarray(by)
    shape = (len(by), n_experts) + (() if input == "risk" else (n_columns,))
    values = random.normal(scale=2.0, size=shape)
    if input == "proba":
        values = np.exp(values) / np.exp(values).sum(axis=2, keepdims=True)
    if input == "survival":
        values = np.cumprod(1 / (1 + np.exp(-values)), axis=2)
    gone = random.random(shape[:2]) < missing
    gone[:, 0] = False
    values[gone] = np.nan
    codes = np.unique(by, return_inverse=True)[1]
    known = {"y": codes % n_columns, "classes": np.arange(n_columns)}
    if input in INPUTS[2:]:
        pairs = [(code < 3, code + 1.0) for code in codes.tolist()]
        known = {"y": np.array(pairs, dtype=[("event", bool), ("time", float)])}
        known["times"] = None if input == "risk" else np.arange(1.0, n_columns + 1)
    names = [f"e{m}" for m in range(n_experts)]
    ids = np.array([f"s{i}" for i in range(len(by))])
    return ExpertOutputs(values, input, names, ids=ids, groups=by, **known)


def rows_of(patients):
    """Values by patient."""
    return dict(zip(patients.ids.tolist(), patients.values, strict=True))


def softmax(values):
    return np.exp(values) / np.exp(values).sum(axis=-1, keepdims=True)


class TestRules:
    @given(
        rule=st.sampled_from(RULES),
        by=arrays.arrays(int, st.integers(1, 9), elements=st.integers(0, 4)),
    )
    def test_a_patient_with_one_slide_is_that_slide(self, rule, by):
        how, slides = rule[1], outputs(rule[0], by)
        found = rows_of(aggregate(slides, "groups", how, positive=1))
        for patient in np.flatnonzero(np.bincount(by) == 1):
            own = slides.values[by == patient][0]
            np.testing.assert_array_equal(found[patient], own)

    @given(rule=st.sampled_from(RULES), order=st.permutations(range(8)))
    def test_the_order_of_slides_changes_nothing(self, rule, order):
        how, slides = rule[1], outputs(rule[0], [2, 2, 0, 0, 0, 2, 1, 0])
        expected = rows_of(aggregate(slides, "groups", how, positive=1))
        found = aggregate(slides[np.array(order)], "groups", how, positive=1)
        assert found.ids.tolist() == list(dict.fromkeys(slides.groups[order].tolist()))
        for patient, own in rows_of(found).items():
            np.testing.assert_allclose(own, expected[patient], rtol=1e-12)

    @pytest.mark.parametrize(("input", "how"), RULES)
    def test_patients_of_patients_are_the_same(self, input, how):
        once = aggregate(outputs(input, [0, 1, 0, 2, 2]), "groups", how, positive=1)
        twice = aggregate(once, "groups", how, positive=1)
        np.testing.assert_array_equal(twice.values, once.values)
        for name in ("y", "ids", "groups"):
            np.testing.assert_array_equal(getattr(twice, name), getattr(once, name))

    @pytest.mark.parametrize(("input", "how"), [rule for rule in RULES if rule[1] != "noisy-or"])
    def test_slides_that_are_alike_are_one(self, input, how):
        slides = outputs(input, [0, 1, 2])
        found = aggregate(slides[np.array([0, 1, 2, 1, 0, 1])], "groups", how, positive=1)
        if input == "logits":
            # shifting an expert's logits changes nothing
            found, slides = (softmax(one.values) for one in (found, slides))
        else:
            found, slides = found.values, slides.values
        # log-probabilities are floored at 1e-6
        floor = 1e-6 if how == "logit-mean" else 0.0
        np.testing.assert_allclose(found, slides, rtol=1e-12, atol=floor)

    def test_logits_and_probabilities_give_the_same(self):
        logits = outputs("logits", [0, 0, 1, 1, 1, 0])
        proba = ExpertOutputs(softmax(logits.values), "proba", logits.expert_names, logits.classes)
        for how in HOWS:
            own = aggregate(logits, "groups", how, positive=2)
            other = aggregate(proba, logits.groups, how, positive=2)
            np.testing.assert_allclose(softmax(own.values), other.values, rtol=1e-9)

    def test_hazard_logits_and_survival_give_the_same(self):
        hazards = outputs("hazard_logits", [0, 0, 1, 1, 1, 0])
        survival = np.cumprod(1 / (1 + np.exp(hazards.values)), axis=2)
        curves = ExpertOutputs(survival, "survival", hazards.expert_names, times=hazards.times)
        for how in ("mean", "max"):
            own = aggregate(hazards, "groups", how)
            other = aggregate(curves, hazards.groups, how)
            back = np.cumprod(1 / (1 + np.exp(own.values)), axis=2)
            np.testing.assert_allclose(back, other.values, rtol=1e-9)

    def test_by_hand(self):
        proba = np.array([[[0.8, 0.2]], [[0.5, 0.5]]])
        expected = {
            "mean": 0.35,
            "logit-mean": 1 / 3,  # odds of 1/4 and 1: their geometric mean is 1/2
            "max": 0.5,
            "noisy-or": 1 - 0.8 * 0.5,
        }
        for how, value in expected.items():
            found = aggregate(proba, ["a", "a"], how, input="proba")
            np.testing.assert_allclose(found, [[[1 - value, value]]], rtol=1e-5)

    def test_more_classes_share_the_rest_as_in_the_mean(self):
        proba = np.array([[0.6, 0.2, 0.2], [0.2, 0.4, 0.4]])
        found = aggregate(proba, ["a", "a"], "noisy-or", input="proba", positive=2)
        rest = 0.8 * 0.6
        np.testing.assert_allclose(found, [[rest * 0.4 / 0.7, rest * 0.3 / 0.7, 1 - rest]])
        found = aggregate(proba, ["a", "a"], "max", input="proba", positive=0)
        np.testing.assert_allclose(found, proba[:1])

    def test_the_largest_survival_is_that_of_the_slide_of_the_highest_risk(self):
        curves = np.array([[0.9, 0.2], [0.6, 0.55], [0.95, 0.9]])
        np.testing.assert_array_equal(
            aggregate(curves, [0, 0, 0], "max", input="survival"), [[0.9, 0.2]]
        )
        np.testing.assert_array_equal(aggregate([3.0, 1.0], [0, 0], "max", input="risk"), [3.0])

    def test_certain_slides(self):
        proba = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
        for how, value in (("mean", 1 / 3), ("max", 1.0), ("noisy-or", 1.0)):
            found = aggregate(proba, [0, 0, 0], how, input="proba")
            np.testing.assert_allclose(found, [[1 - value, value]], atol=1e-15)
        logits = aggregate(np.array([[[800.0, 0.0]], [[900.0, 0.0]]]), [0, 0], input="logits")
        assert np.isfinite(logits).all()

    def test_a_mixture_of_gaussians_far_from_zero(self):
        # variance 1 within, a quarter between
        slides = np.array([[[1e9, 1.0]], [[1e9 + 1.0, 1.0]]])
        found = aggregate(slides, [0, 0], input="mean_std")
        np.testing.assert_allclose(found, [[[1e9 + 0.5, np.sqrt(1.25)]]], rtol=1e-15)


def panel(by, seed=0):
    """Random outputs of slides for three labels."""
    random = np.random.default_rng(seed)
    values = random.random((len(by), 2, 3))
    values[0, 0, 1] = np.nan
    labels, by = np.array(["A", "B", "C"], dtype=object), np.array(list(by))
    y = (np.unique(by, return_inverse=True)[1] % 2)[:, None] * np.ones(3)
    return ExpertOutputs(values, "label_proba", ["u", "v"], labels, y=y, groups=by)


class TestSeveralLabels:
    @pytest.mark.parametrize("how", HOWS)
    def test_each_label_is_as_a_binary_task_of_its_own(self, how):
        slides = panel("aabbbc")
        found = aggregate(slides, "groups", how)
        for j in range(3):
            own = np.stack([1 - slides.values[..., j], slides.values[..., j]], axis=2)
            expected = aggregate(own, slides.groups, how, input="proba")[..., 1]
            np.testing.assert_array_equal(found.values[..., j], expected)
        odds = np.log(slides.values) - np.log1p(-slides.values)
        odds = aggregate(odds, slides.groups, how, input="label_logits")
        np.testing.assert_allclose(1 / (1 + np.exp(-odds)), found.values, rtol=1e-9)
        frame = aggregate(slides.to_frame(), slides.groups, how, input="label_proba")
        np.testing.assert_array_equal(frame.to_numpy(), found.values.reshape(3, -1))

    def test_a_label_is_known_of_a_patient_once_a_slide_is_tested(self):
        slides = panel("aab")
        slides.y[:] = [[1, np.nan, np.nan], [np.nan, 0, np.nan], [1, 1, 0]]
        found = aggregate(slides, "groups").y
        np.testing.assert_array_equal(found, [[1, 0, np.nan], [1, 1, 0]])

    def test_predictions_have_the_weights_of_the_slide_that_decides_for_the_label(self):
        table = {"proba_A": [0.2, 0.7], "proba_B": [0.9, 0.6]}
        table |= {"weight_u_A": [0.0, 1.0], "weight_u_B": [0.3, 0.4]}
        table = pd.DataFrame(table)
        found = aggregate(table, ["p", "p"], "max", input="label_proba")
        assert found.iloc[0].tolist() == [0.7, 0.9, 1.0, 0.3]


class TestMissing:
    def test_an_expert_is_taken_from_the_slides_that_have_it(self):
        nan = np.nan
        risk = np.array([[1.0, nan], [3.0, 5.0], [2.0, nan]])
        found = aggregate(risk, ["a", "a", "b"], input="risk")
        np.testing.assert_array_equal(found, [[2.0, 5.0], [2.0, nan]])

    def test_a_patient_without_any_expert_is_named(self):
        risk = np.array([[1.0], [np.nan]])
        with pytest.raises(ValueError, match="patient 'b' has no value of any expert"):
            aggregate(risk, ["a", "b"], input="risk")


class TestForms:
    def test_labels_groups_and_identifiers_are_carried(self):
        slides = outputs("proba", ["p", "q", "p"])
        slides = ExpertOutputs(
            slides.values,
            "proba",
            slides.expert_names,
            slides.classes,
            np.array(["b", "a", "b"]),
            slides.ids,
            np.array(["site 1", "site 2", "site 1"]),
        )
        found = aggregate(slides, np.array(["p", "q", "p"]))
        assert found.ids.tolist() == ["p", "q"]
        assert found.y.tolist() == ["b", "a"]
        assert found.groups.tolist() == ["site 1", "site 2"]

    @pytest.mark.parametrize(("input", "how"), RULES)
    def test_frames_and_arrays_are_as_outputs(self, input, how):
        slides = outputs(input, [1, 0, 1, 1])
        expected = aggregate(slides, "groups", how, positive=1)
        found = aggregate(slides.values, slides.groups, how, input=input, positive=1)
        np.testing.assert_array_equal(found, expected.values)
        frame = slides.to_frame()
        frame = frame[frame.columns[::-1]]
        by = pd.Series(slides.groups, index=frame.index, name="patient")
        found = aggregate(frame, by, how, input=input, positive=1)
        pd.testing.assert_frame_equal(
            found[found.columns[::-1]], expected.to_frame().rename_axis("patient"), rtol=1e-12
        )
        assert list(found.columns) == list(frame.columns)

    def test_frames_of_other_libraries(self):
        polars = pytest.importorskip("polars")
        frame = polars.DataFrame({"proba_no": [0.2, 0.4], "proba_yes": [0.8, 0.6], "who": [7, 7]})
        found = aggregate(frame, "who", "max")
        assert found.index.tolist() == [7]
        assert found["proba_yes"].tolist() == [0.8]

    def test_fitting_on_patients(self):
        by = np.repeat(np.arange(40), 3)
        slides = outputs("proba", by, n_columns=2, missing=0.0)
        patients = aggregate(slides, "groups")
        model = LogitProdClassifier(gate_width=None).fit(patients)
        other = LogitProdClassifier(gate_width=None, input="proba")
        other.fit(patients.values, slides.y[::3], groups=np.arange(40))
        np.testing.assert_array_equal(
            model.predict_proba(patients), other.predict_proba(patients.values)
        )


class TestPredictions:
    def table(self, labels=("no", "yes")):
        proba = np.array([0.1, 0.9, 0.4, 0.2])
        table = {"prediction": np.array(labels)[(proba > 0.5).astype(int)], "patient": list("abab")}
        table |= {f"proba_{labels[0]}": 1 - proba, f"proba_{labels[1]}": proba}
        return pd.DataFrame(table | {"weight_uni": [0.0, 1.0, 0.5, 0.5]}, index=list("wxyz"))

    @pytest.mark.parametrize("labels", [("no", "yes"), (0, 1), (False, True)])
    def test_the_prediction_is_made_anew(self, labels):
        found = aggregate(self.table(labels), "patient")
        assert found.index.tolist() == ["a", "b"]
        np.testing.assert_allclose(found[f"proba_{labels[1]}"], [0.25, 0.55])
        assert found["prediction"].tolist() == [labels[0], labels[1]]
        assert found["weight_uni"].tolist() == [0.25, 0.75]

    def test_weights_are_those_of_the_slide_that_decides(self):
        found = aggregate(self.table(), "patient", "max")
        assert found["proba_yes"].tolist() == [0.4, 0.9]
        assert found["weight_uni"].tolist() == [0.5, 1.0]

    def test_risk_and_curve_are_of_one_slide(self):
        table = pd.DataFrame(
            {"risk": [-1.0, -1.2], "survival_12": [0.9, 0.6], "survival_24": [0.1, 0.6]}
        )
        found = aggregate(table, [0, 0], "max")
        assert found.to_numpy().tolist() == [[-1.0, 0.9, 0.1]]
        found = aggregate(table, [0, 0])
        np.testing.assert_allclose(found.to_numpy(), [[-1.1, 0.75, 0.35]])

    def test_what_a_model_predicts(self):
        slides = outputs("hazard_logits", np.repeat(np.arange(30), 2), missing=0.0)
        model = LogitProdSurvival(gate_width=None).fit(slides)
        curves = model.predict_survival_function(slides, return_array=True)
        mean = aggregate(curves, slides.groups, input="survival")
        risk = aggregate(model.predict(slides), slides.groups, input="risk")
        np.testing.assert_allclose(mean.sum(axis=1), -risk)

    def test_further_columns_must_agree(self):
        table = self.table().assign(site=["x", "y", "x", "y"])
        assert aggregate(table, "patient")["site"].tolist() == ["x", "y"]
        table["scan"] = [1, 2, 3, 4]
        with pytest.raises(ValueError, match="'a' has the scan 1 in row 'w' and 3 in row 'y'"):
            aggregate(table, "patient")


FRAME = stack_outputs({"uni": [[0.2, 0.8]] * 2}, classes=["normal", "tumour"])
SLIDES = outputs("proba", ["p", "p", "q"], n_columns=2)
CURVES = outputs("survival", ["p", "p", "q"])


def relabelled(y, slides=SLIDES):
    return ExpertOutputs(
        slides.values, slides.input, slides.expert_names, slides.classes, y, slides.ids,
        slides.groups, slides.times,
    )  # fmt: skip


BAD = {
    "labels that disagree": (
        lambda: aggregate(relabelled(np.array(["b", "a", "a"])), "groups"),
        "patient 'p' has the label 'b' in row 's0' and 'a' in row 's1', but a patient has one",
    ),
    "events that disagree": (
        lambda: aggregate(
            relabelled(np.array([(True, 1.0), (False, 1.0), (True, 2.0)], CURVES.y.dtype), CURVES),
            "groups",
        ),
        "patient 'p' has the event True in row 's0' and False in row 's1'",
    ),
    "times that disagree": (
        lambda: aggregate(
            relabelled(np.array([(True, 1.0), (True, 2.0), (True, 2.0)], CURVES.y.dtype), CURVES),
            "groups",
        ),
        "patient 'p' has the time 1.0 in row 's0' and 2.0 in row 's1'",
    ),
    "groups that disagree": (
        lambda: aggregate(relabelled(np.zeros(3)), [7, 8, 8]),
        "patient 8 has the group 'p' in row 's1' and 'q' in row 's2'",
    ),
    "a patient who is missing": (
        lambda: aggregate(SLIDES, ["p", None, "q"]),
        "by is missing (NaN or None) in row 1",
    ),
    "too few patients": (lambda: aggregate(SLIDES, ["p", "q"]), "by has 2 entries, but X has 3"),
    "a table of patients": (
        lambda: aggregate(SLIDES, np.zeros((3, 2))),
        "by has shape (3, 2); one patient per row",
    ),
    "no groups": (
        lambda: aggregate(ExpertOutputs(np.zeros((2, 1)), "risk", ["a"]), "groups"),
        "the outputs have no groups",
    ),
    "a name in place of patients": (
        lambda: aggregate(SLIDES, "patient"),
        "by='patient' is one text",
    ),
    "an unknown rule": (lambda: aggregate(SLIDES, "groups", "median"), "how='median' is unknown"),
    "a positive class that is not evident": (
        lambda: aggregate(FRAME, ["p", "p"], "max", input="proba"),
        "the classes ['normal', 'tumour'] do not tell. Say positive='tumour'",
    ),
    "a positive class that is none": (
        lambda: aggregate(FRAME, ["p", "p"], "max", input="proba", positive="tumor"),
        "positive='tumor' is none of the classes",
    ),
    "noisy-or of survival": (
        lambda: aggregate(CURVES, "groups", "noisy-or"),
        "how='noisy-or' is of classes, and these are 'survival' of survival",
    ),
    "values that nobody declared": (
        lambda: aggregate(FRAME, ["p", "p"]),
        "nothing says what the values of a frame of experts are: pass input='proba'",
    ),
    "an array that nobody declared": (
        lambda: aggregate(np.zeros((2, 1, 2)), ["p", "p"]),
        "nothing says what the values of an array are",
    ),
    "an unknown input": (
        lambda: aggregate(FRAME, ["p", "p"], input="probability"),
        "input='probability' is unknown",
    ),
    "another input than that of the outputs": (
        lambda: aggregate(SLIDES, "groups", input="logits"),
        "the outputs hold 'proba'",
    ),
    "percent": (
        lambda: aggregate(100 * FRAME, ["p", "p"], input="proba"),
        "takes probabilities in [0, 1]",
    ),
    "one column an expert": (
        lambda: aggregate(np.array([[0.8, 0.7], [0.1, 0.2]]), ["p", "p"], input="proba"),
        "sum to 1.5 instead of 1",
    ),
    "logits of two axes": (
        lambda: aggregate(np.zeros((2, 2)), ["p", "p"], input="logits"),
        "which does not tell experts from classes",
    ),
    "an infinite risk": (
        lambda: aggregate(np.array([1.0, np.inf]), ["p", "p"], input="risk"),
        "infinite value in row 1",
    ),
    "a frame of other columns": (
        lambda: aggregate(pd.DataFrame({"uni": [0.2, 0.4]}), ["p", "p"]),
        "which are no fused predictions",
    ),
    "labels of a panel that disagree": (
        lambda: aggregate(relabelled(np.eye(3), panel("ppq")), "groups"),
        "patient 'p' has the label A 1.0 in row 0 and 0.0 in row 1",
    ),
    "a positive class of a panel": (
        lambda: aggregate(panel("ppq"), "groups", "max", positive="A"),
        "positive='A' is of classes; of several labels 1 is positive",
    ),
    "predictions of a panel that are not declared": (
        lambda: aggregate(pd.DataFrame({"proba_a": [0.3, 0.6], "proba_b": [0.9, 0.1]}), [1, 1]),
        "of several labels, pass input='label_proba'",
    ),
    "weights of labels that are called alike": (
        lambda: aggregate(
            pd.DataFrame([[0.3, 0.6, 1.0]], columns=["proba_a", "proba_b_a", "weight_u_b_a"]),
            ["p"],
            "max",
            input="label_proba",
        ),
        "'weight_u_b_a' does not tell by its end of which of the labels ['a', 'b_a']",
    ),
    "predictions of another decision": (
        lambda: aggregate(
            pd.DataFrame({"prediction": ["b", "b"], "proba_a": [0.3, 0.6], "proba_b": [0.7, 0.4]}),
            ["p", "p"],
        ),
        "the prediction is 'b' in row 1, but 'a' is the most probable class",
    ),
    "a column that is there twice": (
        lambda: aggregate(pd.DataFrame([[0.2, 0.4]], columns=["proba_a", "proba_a"]), ["p"]),
        "the column 'proba_a' more than once",
    ),
    "experts without classes": (
        lambda: aggregate(pd.DataFrame({"uni": [0.2, 0.4]}), ["p", "p"], input="proba"),
        "do not tell experts from classes",
    ),
    "patients in another order": (
        lambda: aggregate(FRAME, pd.Series(["p", "q"], index=[1, 0]), input="proba"),
        "outputs and by have the same labels of rows, but at other places",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    call, message = BAD[name]
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
