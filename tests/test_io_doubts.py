"""Tables that could be read to a wrong array: what stands beside outputs is none of them."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from sklearn_logitprod.io import read_tables

P, Q = [0.9, 0.3, 0.2], [0.1, 0.7, 0.8]
BOTH = np.column_stack([P, Q])
IDS = {"slide_id": ["a", "b", "c"]}
TEXT = {**IDS, "label": ["normal", "tumor", "tumor"]}
CODES = {**IDS, "label": [0, 1, 1]}
GUESS = {"pred": ["normal", "tumor", "tumor"]}
ONE_HOT = ([1, 0, 0], [0, 1, 1])
EVENTS = {**IDS, "dead": [1, 0, 1], "months": [3.5, 4.0, 5.5]}
OF_EVENTS = {"label": None, "input": "risk", "event": "dead", "time": "months"}
SURVIVAL = {"label": None, "input": "survival"}


def named(before, after="", labels=("normal", "tumor"), values=(P, Q)):
    return {f"{before}{label}{after}": own for label, own in zip(labels, values, strict=True)}


def of_codes(before, **kwargs):
    return named(before, labels=(0, 1), **kwargs)


def read(columns, /, **params):
    params = {"label": "label", **params}
    return read_tables(pd.DataFrame(columns), **{k: v for k, v in params.items() if v is not None})


# columns, arguments
READ = {
    "truths of one hot that are called so": ({**TEXT, **named("true_", values=ONE_HOT)}, {}),
    "truths of one hot": ({**TEXT, **named("y_", values=ONE_HOT)}, {}),
    "truths of one hot, called as the labels": ({**TEXT, **named("label_", values=ONE_HOT)}, {}),
    "uncertainty": ({**TEXT, **named("uncertainty_", values=(Q, Q))}, {}),
    "spread": ({**TEXT, **named("score_std_", values=(Q, Q))}, {}),
    "another target": ({**TEXT, "grade": ["x", "y", "x"], **named("grade_", values=(Q, P))}, {}),
}
READ = {
    name: ({**columns, **named("yhat_")}, params) for name, (columns, params) in READ.items()
} | {
    "a loss beside logits": ({**TEXT, **named(""), "loss": Q}, {"input": "logits"}),
    "a loss without labels": ({**IDS, **named(""), "loss": Q}, {"label": None}),
    "the largest logit": ({**TEXT, **named("logit_"), "logit_max": Q}, {"input": "logits"}),
    "predicted codes": ({**TEXT, **named("logit_"), "logit_pred": [0, 1, 1]}, {"input": "logits"}),
    "predicted codes of codes": ({**CODES, **of_codes("pred_"), "pred_class": [0, 0, 0]}, {}),
    "the truth without labels": (
        {**IDS, "y_true": [0, 1, 1], **of_codes("logit_")},
        {"label": None, "input": "logits"},
    ),
    "a target among others": (
        {**IDS, "K": ["m", "w", "w"], "K_x": ["m", "w", "m"]}
        | {**named("K_", labels="mw"), **named("K_x_", labels="mw", values=(Q, P))},
        {"label": "K", "input": "logits"},
    ),
    "probabilities beside raw scores": (
        {**CODES, **of_codes("raw", values=(Q, P)), **of_codes("probability_")},
        {},
    ),
    "one column and an age": ({**TEXT, "prob_tumor": Q, "age": [50, 60, 70]}, {}),
    "one column and a threshold": ({**TEXT, "prob_tumor": Q, "threshold": [0.5] * 3}, {}),
    "one column after that of the labels": (
        {**IDS, "tumor": [0, 1, 1], "prob_tumor": Q, "age": [50, 60, 70]},
        {"label": "tumor"},
    ),
    "one column of a label that is a word": (
        {**IDS, "label": ["lower", "upper", "upper"], "prob_upper": Q, "loss": P},
        {},
    ),
    "a column that was said to be of one class": (
        {**TEXT, **GUESS, "score": [0.9, 0.7, 0.8], "other": Q},
        {"columns": {"tumor": "other"}},
    ),
    "other letters": ({**TEXT, **named("P_", labels=("NORMAL", "TUMOR"))}, {}),
    "other separators": (
        {**IDS, "label": ["MSI-H", "MSS", "MSS"], **named("p_", labels=("MSI.H", "MSS"))},
        {},
    ),
    "predictions that agree": ({**TEXT, **GUESS, **of_codes("p_")}, {}),
    "lists": ({**CODES, "probs": BOTH.tolist()}, {}),
    "arrays": ({**CODES, "probs": list(BOTH)}, {}),
    "lists as text": ({**CODES, "probs": [f"[{p}, {q}]" for p, q in BOTH]}, {}),
    "arrays as text": ({**CODES, "probs": [f"[[{p}  {q}]]" for p, q in BOTH]}, {}),
    "tensors as text": ({**CODES, "probs": [f"tensor([{p}, {q}])" for p, q in BOTH]}, {}),
    "objects": ({**TEXT, "probs": [{"tumor": q, "normal": p} for p, q in BOTH]}, {}),
    "objects as text": ({**TEXT, "p": [f"{{'tumor': {q}, 'normal': {p}}}" for p, q in BOTH]}, {}),
    "objects of JSON": (
        {**TEXT, "p": [json.dumps({"normal": p, "tumor": q}) for p, q in BOTH]},
        {},
    ),
    "coordinates": ({**TEXT, "coords": ["[0, 9]", "[1, 9]", "[2, 9]"], **of_codes("y_pred")}, {}),
    "spaces after commas": (
        {**IDS, "label": [" normal", " tumor", " tumor"], **named("p_")},
        {},
    ),
    "two heads, called after their labels": (
        {**IDS, "a": [0, 1, 1], "b": [1, 0, 1], **of_codes("a_logits_"), **of_codes("b_logits_")},
        {"label": "a", "input": "logits"},
    ),
    "decimal commas": (
        {**TEXT, **{n: [f"{v:g}".replace(".", ",") for v in own] for n, own in named("").items()}},
        {},
    ),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", READ)
def test_outputs_are_read_and_nothing_beside_them(name):
    columns, params = READ[name]
    outputs = read(columns, **params)
    assert len(outputs.expert_names) == 1
    np.testing.assert_allclose(outputs.values[:, 0], BOTH, rtol=1e-15)


def bad(columns, pattern, **params):
    return lambda _: read(columns, **params), pattern


CASES = {
    "the probability of the predicted class": bad(
        {**TEXT, **GUESS, "score": [0.9, 0.7, 0.8]},
        r"'score' is nowhere below 0\.5, whichever class 'pred' says: it looks like the "
        r"probability of the class that was predicted\. Write a column for each class; if it is "
        r"always of one class, pass columns=\{'tumor': 'score'\} or the other\.",
        positive="tumor",
    ),
    "predictions that disagree": bad(
        {**TEXT, **GUESS, **of_codes("p_", values=(Q, P))},
        r"row 0 .*: 'pred' says 'normal' where the largest output is of 'tumor', and so in 3 of 3 "
        r"rows: \['p_0', 'p_1'\] may not be of \['normal', 'tumor'\]\. Say which column is which, "
        r"such as columns=\{'normal': 'its column', 'tumor': 'its column'\}\.",
    ),
    "codes in another order": bad(
        {
            "slide_id": range(40),
            "label": ["normal", "tumor"] * 20,
            **of_codes("p_", values=([0.2, 0.9] * 20, [0.8, 0.1] * 20)),
        },
        r"columns \['p_0', 'p_1'\] are read as of \['normal', 'tumor'\] by their numbers, and are "
        r"right in 0 of 40 rows; in another order it would be 40\. Say which column is which, such "
        r"as columns=\{'normal': 'p_1', 'tumor': 'p_0'\}\.",
    ),
    "a class of a column that names none": bad(
        {**IDS, "class": [0, 1, 1], "class_prob": Q},
        r"'class_prob' is the only column of outputs, and its name does not say whether",
        label="class",
    ),
    "codes from 1 under names from 0": bad(
        {
            "slide_id": range(40),
            "label": [1, 2] * 20,
            **named("p", labels=range(3), values=([0.9, 0.1] * 20, [0.1, 0.8] * 20, [0, 0.1] * 20)),
        },
        r"columns \['p1', 'p2', 'p0'\] are read as of \['1', '2', '0'\] by their numbers, and are "
        r"right in 0 of 40 rows; in another order it would be 40\. Say which column is which, such "
        r"as columns=\{'1': 'p0', '2': 'p1'\}\.",
    ),
    "percent signs": bad(
        {**TEXT, "prob_tumor": ["10%", "70%", "80%"]},
        r"row 0 .*: '10%' in column 'prob_tumor' is no number\. It is a percentage: divide by 100",
    ),
    "predicted classes alone": bad(
        {**CODES, "prediction": [0, 1, 1]},
        r"'prediction' holds predicted classes, and no column holds outputs\. Write columns "
        r"such as 'prob_0', with what the expert gives each class\.",
        positive=1,
    ),
    "models by number": bad(
        {**CODES, **of_codes("model_")},
        r"label\(s\) \['0', '1'\] have no column among \['model_0', 'model_1'\]\. Say which column",
        input="logits",
    ),
    "a model called as a code": bad(
        {**CODES, "resnet_0": Q},
        r"'resnet_0' is the only column of outputs, and its name does not say whether it is the "
        r"probability of '0' or of '1'\. Pass positive='1'",
    ),
    "a column by number alone": bad(
        {**CODES, "0": Q},
        r"'0' is the only column of outputs, and its name does not say whether",
    ),
    "the best of each row": bad(
        {**CODES, **of_codes("index_", values=ONE_HOT), **of_codes("prob_", values=(Q, P))},
        r"label '0' may belong to any of the columns \['index_0', 'prob_0'\]\. Say which column is",
    ),
    "one class of three": bad(
        {**TEXT, "prob_stroma": Q, "prob_tumor": Q},
        r"label\(s\) \['normal'\] have no column among \['prob_stroma', 'prob_tumor'\]\. Say which",
    ),
    "percent in one column": bad(
        {**TEXT, "score": [90, 3, 20]},
        r"'score' holds 90, which is no probability but looks like percent\. Divide by 100\.",
        positive="tumor",
    ),
    "numbers beside codes, without labels": bad(
        {**IDS, "age": [50, 60, 70], **of_codes("logit_")},
        r"columns \['age'\] may be classes beside \['logit_0', 'logit_1'\], or not\. Name the "
        r"column of labels, or the columns of classes with columns=",
        label=None,
        input="logits",
    ),
    "labels that are measurements": bad(
        {**IDS, "label": [0.25, 1.5, 3.0], "pred": Q},
        r"column 'label' \(label\) holds numbers such as \['0\.25', '1\.5', \.\.\.\], hardly any "
        r"of them twice: these are no classes\. Name the column of the true classes with label=",
    ),
    "labels of a regression": bad(
        {"slide_id": range(40), "label": range(30, 70), "pred": np.linspace(0, 1, 40)},
        r"column 'label' \(label\) holds numbers such as \['30', '31', \.\.\.\], hardly any",
    ),
    "lists that differ in length": bad(
        {**CODES, "probs": ["[0.9, 0.1]", "[0.3, 0.6, 0.1]", "[0.2, 0.8]"]},
        r"row 1 .*: '\[0\.3, 0\.6, 0\.1\]' in column 'probs' does not hold numbers for \['0', "
        r"'1'\], as the first cell does\. Write a column for each of them\.",
    ),
    "a list beside columns of its names": bad(
        {**CODES, "p": ["[0.9, 0.1]"] * 3, "p_0": P},
        r"the column 'p_0' is there twice\. Rename one of them\.",
    ),
    "coordinates as logits": bad(
        {**TEXT, "coords": ["[0, 9]", "[1, 9]", "[2, 9]"]},
        r"label\(s\) \['normal', 'tumor'\] have no column among",
        input="logits",
    ),
    "no column of identifiers": bad(
        {"": ["a", "b", "c"], "label": [0, 1, 1], **of_codes("p_")},
        r"there is no column 'slide_id'; there are \['', 'label', 'p_0', 'p_1'\]\. Name the right "
        r"one with id=\.\.\.; id='' is the column without a name\.",
    ),
    "events that say when there is none": bad(
        {**IDS, "censored": [0, 1, 0], "months": [3, 4, 5], "risk": Q},
        r"column 'censored' says by its name that it is 1 where no event was observed\. Write 1 "
        r"minus it to a column such as 'event', and name that\.",
        **{**OF_EVENTS, "event": "censored"},
    ),
    "numbers beside an output by its name": bad(
        {**TEXT, **of_codes("pc_"), "prob_tumor": Q},
        r"columns \['pc_0', 'pc_1'\] may be of \['normal', 'tumor'\] by their "
        r"numbers, but 'prob_tumor' is of one of them by its name\. Say which column is which",
    ),
    "numbers beside an output of a number": bad(
        {**CODES, **of_codes("pc"), "logit_1": Q},
        r"columns \['pc0', 'pc1'\] may be of \['0', '1'\] by their numbers, but 'logit_1' is",
        input="logits",
    ),
    "events that say who lives": bad(
        {**IDS, "is_alive": [0, 1, 0], "months": [3, 4, 5], "risk": Q},
        r"column 'is_alive' says by its name that it is 1 where no event was observed\.",
        **{**OF_EVENTS, "event": "is_alive"},
    ),
    "a time as the risk": bad(
        {**EVENTS, "predicted_survival_months": Q},
        r"column 'predicted_survival_months' says by its name that it is higher for later events, "
        r"but a risk is higher for earlier ones\. Write minus it to a column such as 'risk', or "
        r"name another with columns=",
        **OF_EVENTS,
    ),
    "survival that rises": bad(
        {**IDS, "6": P, "12": Q},
        r"row 1 .*: survival rises from 0\.3 at time 6 to 0\.7 at 12\. If these are probabilities "
        r"of the event until then, write 1 minus them; if rows are times, write a row for each "
        r"sample \(frame\.T\)\.",
        **SURVIVAL,
    ),
    "survival at time 0": bad(
        {**IDS, "0": [1, 1, 1], "12": Q},
        r"time 0 is not positive\. Drop its column; if rows are times, write a row for each sample "
        r"instead \(frame\.T\)\.",
        **SURVIVAL,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_may_be_wrong_is_refused(name, tmp_path):
    call, pattern = CASES[name]
    with pytest.raises(ValueError) as caught:
        call(tmp_path)
    assert re.fullmatch(f".*{pattern}.*", str(caught.value))


@pytest.mark.filterwarnings("error")
def test_a_loss_is_no_risk():
    outputs = read({**EVENTS, "os_risk": P, "loss": Q}, **OF_EVENTS)
    np.testing.assert_array_equal(outputs.values[:, 0], P)


@pytest.mark.parametrize(
    ("values", "params", "message"),
    [
        ([0.0, 1.0], {}, r"\['score'\] of .* are 0 and 1 alone, as predicted classes are\. Write"),
        ([0.6, 0.9], {}, r"'score' of .* is nowhere below 0\.5\. If it is the probability of the"),
        ([0.1, 2.0], {"input": "logits"}, r"nowhere below 0\. If it is the log-odds of the class"),
        ([-3.0, -0.1], {"input": "logits"}, r"nowhere above 0\. If it is the logarithm of a"),
    ],
)
def test_one_column_that_may_be_something_else(values, params, message):
    columns = {"slide_id": range(20), "label": ["n", "t"] * 10, "score": values * 10}
    with pytest.warns(UserWarning, match=message) as told:
        outputs = read(columns, positive="t", **params)
    assert len(told) == 1
    assert outputs.values[:, 0, 1].tolist() == values * 10


def test_codes_in_the_order_of_classes():
    columns = {"slide_id": range(40), "label": ["normal", "tumor"] * 20}
    columns |= of_codes("p_", values=([0.2, 0.9] * 20, [0.8, 0.1] * 20))
    outputs = read(columns, classes=["tumor", "normal"])
    assert outputs.classes.tolist() == ["normal", "tumor"]
    assert outputs.values[:2, 0].tolist() == [[0.8, 0.2], [0.1, 0.9]]
    said = read(columns, columns={"normal": "p_0", "tumor": "p_1"})
    assert said.values[0, 0].tolist() == [0.2, 0.8]


def test_wide_tables_of_targets_and_truths_have_one_expert():
    """What is called after a column of labels is of that target."""
    columns = {**IDS, "K": ["m", "w", "w"], "N": ["m", "w", "m"]}
    columns |= {**named("K_", labels="mw"), **named("N_", labels="mw", values=(Q, P))}
    outputs = read(columns, label="K")
    np.testing.assert_array_equal(outputs.values[:, 0], BOTH)
    wide = {**TEXT, **named("uni_prob_"), **named("conch_prob_", values=(Q, P))}
    assert read(wide).expert_names == ["uni", "conch"]
    both = {**named("uni_logit_"), **named("conch_logit_"), **named("uni_loss_")}
    assert read({**wide, **both}, input="logits").expert_names == ["uni", "conch"]
    spread = {f"{name}_prob_tumor": Q for name in ("uni", "conch")}
    spread |= {f"{name}_prob_tumor_std": P for name in ("uni", "conch")}
    assert read({**TEXT, **spread}).expert_names == ["uni", "conch"]
    lone = {**CODES, "uni_prob_1": Q, "conch_prob_1": P}
    assert read(lone).values[:, :, 1].tolist() == np.column_stack([Q, P]).tolist()


def test_classes_that_no_sample_is_of():
    """Further columns of the same form, also where names begin alike."""
    stages = {**IDS, "label": ["I", "II", "II"]}
    values = [[0.5, 0.3, 0.2], [0.4, 0.6, 0.3], [0.1, 0.1, 0.5]]
    outputs = read({**stages, **named("prob_", labels=("I", "II", "III"), values=values)})
    assert outputs.classes.tolist() == ["I", "II", "III"]
    np.testing.assert_array_equal(outputs.values[:, 0], np.transpose(values))


def test_scores_beside_their_labels_in_json(tmp_path):
    """The order of classes is that of their names, not of their places."""
    pairs = [
        {"slide_id": "a", "label": "n", "top": [{"of": "n", "p": 0.75}, {"of": "t", "p": 0.25}]},
        {"slide_id": "b", "label": "t", "top": [{"of": "t", "p": 1}, {"of": "n", "p": 0}]},
    ]
    lists = [
        {"slide_id": "a", "label": "n", "classes": ["n", "t"], "p": [0.75, 0.25]},
        {"slide_id": "b", "label": "t", "classes": ["t", "n"], "p": [1, 0]},
    ]
    for records in (pairs, lists):
        (tmp_path / "uni.json").write_text(json.dumps(records))
        outputs = read_tables([tmp_path / "uni.json"], label="label")
        assert outputs.values[:, 0].tolist() == [[0.75, 0.25], [0, 1]]
