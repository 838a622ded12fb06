"""Panels in files: read, compared, fitted and predicted on the command line."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from sklearn_logitprod import LogitProdMultilabelClassifier
from sklearn_logitprod.cli import main
from sklearn_logitprod.io import ExpertOutputs, read_panel

N, LABELS = 50, ["TP53", "KRAS"]
IDS = range(N)[::-1]


@pytest.fixture
def files(tmp_path):
    """Two experts with their rows in two orders, and a table of the truth with gaps."""
    rng = np.random.default_rng(0)
    y = (rng.random((N, 2)) < 0.4).astype(float)
    ids = np.array([f"slide{i}" for i in range(N)])
    proba = []
    for m, expert in enumerate(["uni", "conch"]):
        log_odds = (2 * y - 1) * (1 + m) + rng.normal(size=y.shape)
        proba.append(1.0 / (1.0 + np.exp(-log_odds)))
        frame = pd.DataFrame(proba[-1], columns=[f"prob_{label}" for label in LABELS])
        frame.insert(0, "slide_id", ids)
        order = rng.permutation(N) if m else np.arange(N)
        frame.iloc[order].to_csv(tmp_path / f"{expert}.csv", index=False)
    y[rng.random(y.shape) < 0.2] = np.nan
    truth = pd.DataFrame(y, columns=LABELS).astype("Int64")
    truth.insert(0, "slide_id", ids)
    truth.iloc[::-1].to_csv(tmp_path / "truth.csv", index=False)
    return tmp_path, np.stack(proba, axis=1), y


def read(folder, labels=LABELS, **options):
    paths = [folder / "uni.csv", folder / "conch.csv"]
    return read_panel(paths, labels, **{"truth": folder / "truth.csv", **options})


def test_tables_are_joined_by_their_identifiers(files):
    folder, proba, y = files
    outputs = read(folder)
    assert outputs.task_name == "labels"
    assert_allclose(outputs.values, proba, rtol=1e-12)
    assert_allclose(outputs.y, y)
    turned = read(folder, LABELS[::-1])
    assert_allclose(turned.values[:, :, ::-1], proba)
    assert_allclose(turned.y[:, ::-1], y)
    assert outputs[:5].y.shape == (5, 2)
    assert read(folder, truth=False).y is None
    assert read(folder, truth=None).y is None


def test_outputs_are_fitted_as_arrays_are(files):
    folder, proba, y = files
    outputs = read(folder)
    model = LogitProdMultilabelClassifier(gate_width=None).fit(outputs)
    other = LogitProdMultilabelClassifier(gate_width=None, input="proba").fit(proba, y)
    assert model.label_names_.tolist() == LABELS
    assert_allclose(model.loss_, other.loss_)
    turned = read(folder, LABELS[::-1], truth=False)
    assert_allclose(model.predict_proba(turned), other.predict_proba(proba))
    logits = ExpertOutputs(
        np.log(proba / (1 - proba)), "label_logits", ["uni", "conch"], np.array(LABELS), y
    )
    again = LogitProdMultilabelClassifier(gate_width=None).fit(logits)
    assert_allclose(again.loss_, model.loss_, rtol=1e-6)


def test_labels_beside_the_outputs_are_the_truth(files):
    folder, _, y = files
    table = pd.read_csv(folder / "conch.csv").merge(pd.read_csv(folder / "truth.csv"))
    table.to_csv(folder / "conch.csv", index=False)
    assert_allclose(read(folder, truth=None).y, y)
    assert read(folder, truth=False).y is None


def test_columns_that_are_called_as_labels_are_outputs_where_the_truth_is_elsewhere(files):
    folder, proba, _ = files
    for name in ("uni", "conch"):
        table = pd.read_csv(folder / f"{name}.csv")
        table.rename(columns=lambda own: own.removeprefix("prob_")).to_csv(
            folder / f"{name}.csv", index=False
        )
    assert_allclose(read(folder).values, proba)
    assert_allclose(read(folder, truth=False).values, proba)
    with pytest.raises(ValueError, match=r"called as the labels.* are the truth unless"):
        read(folder, truth=None)
    same = {label: label for label in LABELS}
    with pytest.raises(ValueError, match="'TP53', but columns that are called as the labels are"):
        read(folder, truth=None, columns=same)
    assert_allclose(read(folder, columns=same).values, proba)


def test_a_label_that_an_expert_does_not_know_is_an_empty_column(files):
    folder, proba, _ = files
    spoiled(folder, "uni.csv", "prob_KRAS", slice(None), "")
    outputs = read(folder)
    assert np.isnan(outputs.values[:, 0, 1]).all()
    assert_allclose(outputs.values[:, 1], proba[:, 1])


def test_groups_may_stand_beside_the_truth(files):
    folder = files[0]
    truth = pd.read_csv(folder / "truth.csv")
    truth["patient"] = [f"p{name[-1]}" for name in truth["slide_id"]]
    truth.to_csv(folder / "truth.csv", index=False)
    outputs = read(folder, group="patient")
    assert outputs.groups.tolist() == [f"p{name[-1]}" for name in outputs.ids]
    with pytest.warns(UserWarning, match=r"column 'patient' of .*truth.csv is not used"):
        read(folder)
    spoiled(folder, "truth.csv", "patient", 3, "")
    with pytest.raises(ValueError, match=r"'patient' .group. says nothing of 1 of 50 samples"):
        read(folder, group="patient")


def renamed(folder, pattern):
    for name in ("uni", "conch"):
        table = pd.read_csv(folder / f"{name}.csv")
        called = {f"prob_{label}": pattern.format(label) for label in LABELS}
        table.rename(columns=called).to_csv(folder / f"{name}.csv", index=False)


@pytest.mark.parametrize("pattern", ["prob_not_{}", "prob_{}_wt", "p_{}_0", "p0_{}", "1-p_{}"])
def test_probabilities_of_samples_without_the_label_are_refused(files, pattern):
    renamed(files[0], pattern)
    with pytest.raises(ValueError, match="is by its name of samples without the label"):
        read(files[0])


@pytest.mark.parametrize("pattern", ["prob_{}_1", "fold_0_{}", "fold0_prob_{}", "{}_mutated"])
def test_other_names_are_those_of_outputs(files, pattern):
    renamed(files[0], pattern)
    assert_allclose(read(files[0]).values, files[1])


def spoiled(folder, name, column, row, value):
    table = pd.read_csv(folder / name, dtype=str)
    table.loc[row, column] = value
    table.to_csv(folder / name, index=False)


BAD = {
    "a label without a column": (
        lambda folder: read(folder, ["TP53", "EGFR"]),
        r"uni.csv.*no columns are called as all labels \['TP53', 'EGFR'\]",
    ),
    "a label that is no 0 or 1": (
        lambda folder: [spoiled(folder, "truth.csv", "KRAS", 3, "wt"), read(folder)],
        r"truth.csv.*label 'wt' in column 'KRAS' is neither 0 nor 1",
    ),
    "a probability beyond 1": (
        lambda folder: [spoiled(folder, "uni.csv", "prob_KRAS", 3, "1.5"), read(folder)],
        r"uni.csv.*1.5 for label 'KRAS' is not a probability",
    ),
    "a label twice": (lambda folder: read(folder, ["TP53", "TP53"]), r"must name each label once"),
    "another input": (lambda folder: read(folder, input="risk"), r"it is 'proba' or 'logits'"),
    "columns of no label": (
        lambda folder: read(folder, columns={"TP53": "prob_TP53"}),
        r"columns.* names no column of \['KRAS'\]",
    ),
    "no truth of a sample that is there": (
        lambda folder: [spoiled(folder, "truth.csv", "slide_id", slice(None), "x"), read(folder)],
        r"truth.csv.*no id is in the files of the experts: here .* 'x', there like 'slide0'",
    ),
    "a truth with longer identifiers": (
        lambda folder: [
            spoiled(folder, "truth.csv", "slide_id", slice(None), [f"slide{i}.svs" for i in IDS]),
            read(folder),
        ],
        r"Pass id_strip='suffix': they are alike then",
    ),
    "a truth that contradicts itself": (
        lambda folder: [
            spoiled(folder, "truth.csv", "slide_id", [0, 1, N - 1], ["a", "a", "b"]),
            spoiled(folder, "uni.csv", "slide_id", 0, "a"),
            spoiled(folder, "truth.csv", "TP53", [0, 1], ""),
            spoiled(folder, "truth.csv", "KRAS", [0, 1], ["0", "1"]),
            read(folder, how="outer"),
        ],
        r"truth.csv, line 3.*label 'KRAS' of id 'a' is 1, but 0 in .*truth.csv, line 2",
    ),
    "a sample twice": (
        lambda folder: [spoiled(folder, "uni.csv", "slide_id", 3, "slide0"), read(folder)],
        r"uni.csv, line 5.*id 'slide0' is there twice. Keep one row per sample.$",
    ),
    "a column for two labels": (
        lambda folder: read(folder, columns=dict.fromkeys(LABELS, "prob_KRAS")),
        r"names 'prob_KRAS' for more than one label",
    ),
    "groups that are nowhere": (
        lambda folder: read(folder, group="patient"),
        r"there is no column 'patient'.*Name the right one with group=",
    ),
    "one text for all labels": (lambda folder: read(folder, "TP53"), r"pass a list of labels"),
}


@pytest.mark.parametrize("name", BAD)
def test_an_error_names_file_and_label(files, name):
    call, pattern = BAD[name]
    with pytest.raises(ValueError, match=pattern):
        call(files[0])


def test_files_that_disagree_are_named(files):
    folder = files[0]
    for name in ("uni", "conch"):
        table = pd.read_csv(folder / f"{name}.csv").merge(pd.read_csv(folder / "truth.csv"))
        table["TP53"] = (name == "uni") * 1
        table.to_csv(folder / f"{name}.csv", index=False)
    with pytest.raises(ValueError, match=r"label 'TP53' of id .* is 0, but 1 in .*uni.csv"):
        read(folder, truth=None)


def test_the_command_line_compares_fits_and_predicts(files, monkeypatch, capsys):
    folder, proba, y = files
    monkeypatch.chdir(folder)
    said = ["uni.csv", "conch.csv", "--labels", "TP53,KRAS", "--truth", "truth.csv"]
    few = ["--cv", "3", "--repeats", "1", "--resamples", "20", "--quiet", "--gate", "none"]
    assert main(["compare", *said, *few, "-o", "table.csv"]) == 0
    shown = capsys.readouterr().out
    assert "Holm over labels" in shown
    table = pd.read_csv("table.csv", index_col=[0, 1])
    assert set(table.index.get_level_values(0)) == {*LABELS, "mean over labels"}
    pytest.importorskip("skops")
    assert main(["fit", *said, "--gate", "none", "-o", "model.skops"]) == 0
    assert "TP53" in capsys.readouterr().out
    new = ["predict", "model.skops", "uni.csv", "conch.csv", "-o", "new.csv", "--weights"]
    assert main(new) == 0
    written = pd.read_csv("new.csv", index_col=0)
    model = LogitProdMultilabelClassifier(gate_width=None, input="proba").fit(proba, y)
    expected = model.predict_proba(proba)
    assert_allclose(written[["proba_TP53", "proba_KRAS"]], expected, rtol=1e-6)
    weights = written[["weight_uni_KRAS", "weight_conch_KRAS"]]
    assert_allclose(weights, model.expert_weights(proba)[:, :, 1], rtol=1e-6)
    capsys.readouterr()
    for arguments, message in (
        (["fit", *said, "--label", "TP53", "-o", "b.skops"], "--label is not for a panel"),
        (["fit", *said[:2], "--truth", "truth.csv", "-o", "b.skops"], "--labels A,B"),
        (["adapt", "model.skops", *said[:2], "-o", "b.skops"], "is a panel of several labels"),
        (["compare", *said, "--report", "r.html"], "a report is of one label"),
    ):
        assert main(arguments) == 2
        assert message in capsys.readouterr().err
