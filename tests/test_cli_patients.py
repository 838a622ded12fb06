"""--aggregate on files: equal to Python, remembered by the model, never done unasked."""

import numpy as np
import pandas as pd
import pytest

from sklearn_logitprod import LogitProdClassifier, LogitProdSurvival
from sklearn_logitprod.cli import main
from sklearn_logitprod.cli.model import load
from sklearn_logitprod.io import aggregate, read_tables

pytest.importorskip("skops.io")
BY = ["--group", "patient"]


def write(folder, columns, name):
    path = str(folder / f"{name}.csv")
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    """Paths of two experts on 180 slides of 60 patients."""
    folder, random = tmp_path_factory.mktemp("slides"), np.random.default_rng(0)
    patient = np.repeat(np.arange(60), 3)
    code = random.integers(2, size=60)[patient]
    known = {"slide_id": [f"s{i}" for i in range(180)], "patient": [f"p{k}" for k in patient]}
    known["label"] = np.array(["normal", "tumour"])[code]
    paths = []
    for name, strength in (("uni", 0.6), ("conch", 1.0)):
        p = 1 / (1 + np.exp((1 - 2 * code) * strength + random.normal(size=180)))
        columns = known | {"prob_normal": 1 - p, "prob_tumour": p}
        paths.append(write(folder, columns, name))
    return paths


@pytest.fixture(scope="module")
def models(slides, tmp_path_factory):
    """Models of patients and of slides."""
    folder = tmp_path_factory.mktemp("models")
    fit = ["fit", *slides, "--label", "label", *BY, "--gate", "none", "--quiet", "-o"]
    paths = {name: str(folder / f"{name}.skops") for name in ("patients", "slides")}
    assert main([*fit, paths["patients"], "--aggregate", "mean"]) == 0
    assert main([*fit, paths["slides"]]) == 0
    return paths


def predicted(model, slides, folder, *more):
    out = folder / "out.csv"
    command = ["predict", model, *slides, "-o", str(out), "--force", *more]
    assert main(command) == 0
    return pd.read_csv(out, index_col="id")


def test_a_model_of_patients_makes_patients_of_new_slides(slides, models, tmp_path, capsys):
    outputs = aggregate(read_tables(slides, label="label", group="patient"), "groups")
    own = LogitProdClassifier(gate_width=None, random_state=0).fit(outputs)
    table = predicted(models["patients"], slides, tmp_path)
    assert table.index.tolist() == outputs.ids.tolist()
    proba = table[["proba_normal", "proba_tumour"]]
    np.testing.assert_allclose(proba, own.predict_proba(outputs), rtol=1e-9)
    said = capsys.readouterr().err
    assert "180 slides became 60 patients: the mean of each patient's slides." in said
    saved = load(models["patients"])
    assert (saved.aggregate, saved.group) == ("mean", "patient")


def test_it_takes_patients_as_they_are_where_told(slides, models, tmp_path):
    assert len(predicted(models["patients"], slides, tmp_path, "--aggregate", "none")) == 180


def test_predictions_of_slides_become_those_of_patients(slides, models, tmp_path, capsys):
    whole = predicted(models["slides"], slides, tmp_path, "--weights")
    patients = read_tables(slides, label="label", group="patient").groups
    for how in ("mean", "max"):
        more = ["--weights", "--aggregate", how, *BY, "--positive", "tumour"]
        found = predicted(models["slides"], slides, tmp_path, *more)
        expected = aggregate(whole, patients, how, positive="tumour").rename_axis("id")
        pd.testing.assert_frame_equal(found, expected)
    said = capsys.readouterr().err
    assert "of each patient the slide where the positive class is most probable." in said


def test_a_decision_is_made_of_the_probabilities_of_patients(slides, tmp_path):
    tables = [pd.read_csv(path) for path in slides]
    for table in tables:
        table["grade"] = np.array(["low", "high"])[(table["label"] == "tumour").astype(int)]
        third = np.tile([0.1, 0.3, 0.5], 60)
        table["prob_mid"] = third
        table["prob_low"] = table["prob_normal"] * (1 - third)
        table["prob_high"] = table["prob_tumour"] * (1 - third)
        table.loc[::7, "grade"] = "mid"
    columns = ["slide_id", "patient", "grade", "prob_low", "prob_mid", "prob_high"]
    paths = [write(tmp_path, t[columns], n) for t, n in zip(tables, "ab", strict=True)]
    model, order = str(tmp_path / "m.skops"), ["low", "mid", "high"]
    fit = ["--label", "grade", "--classes", ",".join(order), "--gate", "none", "--quiet"]
    assert main(["fit", *paths, *fit, "-o", model]) == 0
    more = ["--decision", "median", "--aggregate", "mean", *BY]
    found = predicted(model, paths, tmp_path, *more)
    below = found[[f"proba_{grade}" for grade in order]].to_numpy().cumsum(axis=1)
    median = np.array(order)[(below >= 0.5).argmax(axis=1)]
    assert found["prediction"].tolist() == median.tolist()
    assert (found["prediction"] != predicted(model, paths, tmp_path, *more[2:])["prediction"]).any()


def test_risks_of_slides(tmp_path):
    random = np.random.default_rng(0)
    patient = np.repeat(np.arange(50), 2)
    true = random.normal(size=50)
    months, dead = random.exponential(np.exp(-true)) + 0.1, random.random(50) < 0.7
    known = {"slide_id": np.arange(100), "patient": patient}
    known |= {"dead": dead[patient].astype(int), "months": months[patient]}
    paths = [
        write(tmp_path, known | {"risk": true[patient] + random.normal(size=100)}, name)
        for name in ("cox", "forest")
    ]
    truth = ["--input", "risk", "--event", "dead", "--time", "months", *BY, "--gate", "none"]
    model = str(tmp_path / "model.skops")
    assert main(["fit", *paths, *truth, "--aggregate", "max", "-o", model, "--quiet"]) == 0
    outputs = read_tables(paths, input="risk", event="dead", time="months", group="patient")
    outputs = aggregate(outputs, "groups", "max")
    own = LogitProdSurvival(gate_width=None, random_state=0).fit(outputs)
    table = predicted(model, paths, tmp_path, "--column", "risk")
    np.testing.assert_allclose(table["risk"], own.predict(outputs), rtol=1e-9)


def test_panels_of_labels(slides, tmp_path, capsys):
    random, tables = np.random.default_rng(1), [pd.read_csv(path) for path in slides]
    truth = {"slide_id": tables[0]["slide_id"]}
    for label in ("TP53", "KRAS"):
        truth[label] = random.integers(2, size=60)[np.repeat(np.arange(60), 3)]
        for table in tables:
            odds = 2 * truth[label] - 1 + random.normal(size=180)
            table[f"prob_{label}"] = 1 / (1 + np.exp(-odds))
    columns = ["slide_id", "patient", "prob_TP53", "prob_KRAS"]
    paths = [write(tmp_path, t[columns], n) for t, n in zip(tables, "ab", strict=True)]
    fit = ["--labels", "TP53,KRAS", "--truth", write(tmp_path, truth, "truth"), *BY]
    fit += ["--gate", "none", "--quiet"]
    model, own = str(tmp_path / "m.skops"), str(tmp_path / "p.skops")
    assert main(["fit", *paths, *fit, "-o", model]) == 0
    whole = predicted(model, paths, tmp_path, "--weights")
    capsys.readouterr()
    found = predicted(model, paths, tmp_path, "--weights", "--aggregate", "max", *BY)
    assert "of each patient the slide where each label is most probable" in capsys.readouterr().err
    expected = aggregate(whole, tables[0]["patient"].to_numpy(), "max", input="label_proba")
    pd.testing.assert_frame_equal(found, expected.rename_axis("id"))
    assert main(["fit", *paths, *fit, "--aggregate", "mean", "-o", own]) == 0
    assert len(predicted(own, paths, tmp_path)) == 60


def test_comparisons_and_reports_count_both(slides, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    report = tmp_path / "report.html"
    quick = ["--gate", "none", "--repeats", "1", "--cv", "3", "--resamples", "50", "--quiet"]
    files = [*slides, "--label", "label", *BY, "--aggregate", "logit-mean"]
    assert main(["compare", *files, "--report", str(report), *quick]) == 0
    printed = capsys.readouterr().out
    assert "60 samples in 60 groups" in printed
    assert "180 slides became 60 patients" in printed
    assert max(map(len, printed.splitlines())) <= 100
    assert "180 slides became 60 patients" in report.read_text(encoding="utf-8")


def test_adapting_a_model_of_patients(slides, models, tmp_path, capsys):
    adapted = str(tmp_path / "adapted.skops")
    command = ["adapt", models["patients"], *slides, "--label", "label", "-o", adapted]
    assert main([*command, "--quiet"]) == 0
    assert "60 labelled rows" in capsys.readouterr().out
    assert load(adapted).aggregate == "mean"


BAD = {
    "no column of patients": (
        ["compare", "--label", "label", "--aggregate", "mean"],
        "--aggregate needs to know which slides are of one patient: name the column, --group NAME",
    ),
    "no column of patients to predict": (
        ["predict", "slides", "--aggregate", "mean"],
        "name the column, --group NAME",
    ),
    "a layout without patients": (
        ["compare", "--layout", "clam", "--aggregate", "mean"],
        "--aggregate mean needs a column of patients, which --layout clam does not have",
    ),
    "a positive class that is not evident": (
        ["compare", "--label", "label", *BY, "--aggregate", "max"],
        "--aggregate max asks which class a patient has as soon as one slide has it, and the "
        "classes ['normal', 'tumour'] do not tell. Say --positive tumour",
    ),
    "another rule than that of the fit": (
        ["predict", "patients", "--aggregate", "max"],
        "the model was fitted on patients by --aggregate mean, which is done here, too",
    ),
    "a column of patients for nothing": (
        ["predict", "slides", *BY],
        "--group says what predictions are aggregated by: say how, such as --aggregate mean",
    ),
    "patients of a model of slides": (
        ["certify", "slides", "--label", "label", *BY, "--aggregate", "mean"],
        "the model was fitted on slides",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(name, slides, models, tmp_path, capsys):
    (command, *arguments), message = BAD[name]
    if arguments[0] in models:
        arguments[0] = models[arguments[0]]
    out = {"predict": ["-o", str(tmp_path / "p.csv")]}.get(command, [])
    assert main([command, *arguments[:1], *out, *arguments[1:], "--quiet", *slides]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_labels_of_slides_that_differ_within_a_patient(slides, tmp_path, capsys):
    table = pd.read_csv(slides[0])
    table.loc[1, "label"] = {"normal": "tumour", "tumour": "normal"}[table.loc[1, "label"]]
    path = write(tmp_path, table, "uni")
    files = [path, "--label", "label", *BY, "--aggregate", "mean"]
    assert main(["compare", *files, "--quiet"]) == 2
    first, second = table["label"][:2]
    expected = f"patient 'p0' has the label {first!r} in row 's0' and {second!r} in row 's1'"
    assert expected in capsys.readouterr().err
