"""What a hasty user of ``logitprod probe`` and of its models may type, and is told."""

import io
from contextlib import redirect_stderr

import numpy as np
import pandas as pd
import pytest

from sklearn_logitprod.cli import main
from sklearn_logitprod.cli.model import load
from sklearn_logitprod.deployment import add_expert
from sklearn_logitprod.experts import LogisticHead, on_view
from sklearn_logitprod.io import read_embeddings

pytest.importorskip("skops.io")
ENCODERS = {"uni": 0.0, "conch": 4.0}
N_SLIDES, N_FEATURES = 40, 6
QUICK = ["--repeats", "1", "--cv", "2", "--resamples", "9", "--gate", "none", "--quiet"]
TRUTH = ["--label", "tumour", "--group", "patient"]


def write(folder, seed, names=ENCODERS):
    """Tables of encoders, whose features have means of their own, and of labels."""
    folder.mkdir()
    rng, ids = np.random.default_rng(seed), [f"s{seed}{row:02d}" for row in range(N_SLIDES)]
    y = np.arange(N_SLIDES) // 2 % 2
    for number, name in enumerate(names):
        X = rng.normal(ENCODERS.get(name, 10.0 * number), size=(N_SLIDES, N_FEATURES))
        X[:, 0] += 2.0 * y
        table = pd.DataFrame(X.astype("f4"), index=pd.Index(ids, name="slide_id"))
        table.add_prefix("f").to_csv(folder / f"{name}.csv")
    table = pd.DataFrame({"slide_id": ids, "tumour": np.array(["no", "yes"])[y]})
    table["patient"] = [f"p{row // 2:02d}" for row in range(N_SLIDES)]
    table.to_csv(folder / "labels.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def fit(tmp_path_factory):
    return write(tmp_path_factory.mktemp("all") / "fit", 1)


@pytest.fixture(scope="module")
def new(fit):
    return write(fit.with_name("new"), 2, [*ENCODERS, "late"])


@pytest.fixture(scope="module")
def saved(fit):
    path = fit / "model.skops"
    assert probe(fit, "--save", str(path))[0] == 0
    return path


def tables(folder, names=ENCODERS):
    return [f"{name}={folder / name}.csv" for name in names]


def run(*command):
    """Exit code, and what was said as one line of text."""
    said = io.StringIO()
    with redirect_stderr(said):
        code = main([str(text) for text in command])
    return code, " ".join(said.getvalue().split())


def probe(folder, *options, files=None, labels=None, truth=TRUTH):
    labels = folder / "labels.csv" if labels is None else labels
    files = tables(folder) if files is None else files
    return run("probe", *files, "--labels", labels, *truth, *QUICK, *options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"options": ["--cv", "1"]}, "--cv 1 makes no folds"),
        ({"options": ["--repeats", "0"]}, "--repeats 0 is too few"),
        ({"options": ["--resamples", "0"]}, "--resamples 0 is too few"),
        ({"options": ["--jobs", "0"]}, "--jobs 0 would do nothing"),
        ({"options": ["--metrics", "auc"]}, "there is no 'auc'"),
        ({"files": ["LogitProd=absent", "b=absent"]}, "An expert is called 'LogitProd'"),
        ({"files": ["concatenated features=absent", "b=absent"]}, "called 'concatenated features'"),
        ({"files": ["a__b=absent", "b=absent"]}, "must not contain '__'"),
        ({"files": ["uni=", "b=absent"]}, "'uni=' lacks its path: write NAME=PATH"),
        ({"files": ["=absent", "b=absent"]}, "'=absent' lacks a name: write NAME=PATH"),
        ({"files": ["", "b=absent"]}, "'' lacks a name"),
        ({"files": ["absent/*.h5", "feats/*.h5"]}, "the pattern absent/*.h5 names no encoder"),
        ({"labels": "TP53,KRAS"}, "--labels TP53,KRAS is the table of the slides here"),
        ({"options": ["--out", "x.skops", "--save", "x.skops"]}, "x.skops is to be written twice"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_files_are_read(tmp_path, options, message):
    """None of the files is there, which would be the next thing to be said."""
    options = {"files": ["a=absent", "b=absent"], **options}
    (tmp_path / "labels.csv").write_text("slide_id,tumour,patient\ns1,no,p1\n", encoding="utf-8")
    code, said = probe(tmp_path, *options.pop("options", []), **options)
    assert code == 2
    assert message in said


def other_labels(fit, tmp_path, change):
    table = pd.read_csv(fit / "labels.csv")
    change(table)
    path = tmp_path / "labels.csv"
    table.to_csv(path, index=False)
    return path


def rare(table):
    table.loc[:3, "tumour"] = "odd"


def unique(table):
    table["tumour"] = table["slide_id"] + "x"


def few(table):
    table["patient"] = "p" + (table.index // 2 % 6 // 2 * 2 + table.index // 2 % 2).astype(str)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (rare, [], "class 'odd' has 2 groups with features"),
        (unique, [], "column 'tumour' (label) holds texts such as"),
        (few, [], "there are 6 groups, of which --cv 2 leaves 3 to fit on"),
        (few, ["--cv", "7"], "--cv 7 makes more folds than there are groups, which are 6"),
    ],
)
def test_labels_that_splits_cannot_divide(fit, tmp_path, change, options, message):
    code, said = probe(fit, *options, labels=other_labels(fit, tmp_path, change))
    assert code == 2
    assert message in said


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (["--label", "nope"], "Name the right one with --label"),
        (["--label", "tumour", "--group", "tumour"], "'tumour' is named twice, with --label and"),
        (["--label", "slide_id"], "'slide_id' is named twice, with --id and --label"),
    ],
)
def test_columns_that_cannot_be_meant(fit, truth, message):
    code, said = probe(fit, truth=truth)
    assert code == 2
    assert message in said


def test_what_belongs_to_another_command(fit, saved, tmp_path):
    labels = fit / "labels.csv"
    code, said = run("compare", *tables(fit), "--labels", labels, "--label", "tumour")
    assert code == 2
    assert "--labels names the labels of a panel here" in said
    code, said = run("compare", f"uni={fit}", f"conch={fit}", "--label", "tumour")
    assert code == 2
    assert (
        "this is a folder, and a file is needed. Folders of features are for `logitprod pr" in said
    )
    code, said = run("predict", saved, *tables(fit), "-o", tmp_path / "p.csv", "--labels", labels)
    assert code == 2
    assert "is asked for: name one with --group, or leave the table out" in said
    # no abbreviation of --labels
    with pytest.raises(SystemExit), redirect_stderr(io.StringIO()):
        main(["predict", str(saved), "uni=x", "-o", "p.csv", "--label", "tumour"])


def test_the_same_features_twice_are_refused(fit, tmp_path):
    table = pd.read_csv(fit / "uni.csv")
    # in another order, and without one slide
    table.iloc[:0:-1].to_csv(tmp_path / "copy.csv", index=False)
    encoders = {"uni": fit / "uni.csv", "copy": tmp_path / "copy.csv"}
    with pytest.raises(ValueError, match="features are those of 'uni', on all 39 slides"):
        read_embeddings(encoders, fit / "labels.csv", label="tumour", group="patient")
    table.iloc[3, 1] += 1.0
    table.to_csv(tmp_path / "copy.csv", index=False)
    read_embeddings(encoders, fit / "labels.csv", label="tumour", group="patient")


def test_probabilities_are_no_features(tmp_path):
    p = np.linspace(0.1, 0.9, 5)
    table = pd.DataFrame({"slide_id": list("abcde"), "p0": p, "p1": 1.0 - p})
    with pytest.warns(UserWarning, match=r"sum to 1 in every row.*`logitprod compare`"):
        read_embeddings({"uni": table})
    table["p1"] += 0.1
    read_embeddings({"uni": table})


def changed(new, tmp_path, change):
    table = pd.read_csv(new / "uni.csv", index_col=0)
    change(table).to_csv(tmp_path / "uni.csv")
    return [f"uni={tmp_path / 'uni.csv'}", f"conch={new / 'conch.csv'}"]


def test_folders_in_each_others_place_are_refused(new, saved, tmp_path):
    swapped = [f"uni={new / 'conch'}.csv", f"conch={new / 'uni'}.csv"]
    code, said = run("predict", saved, *swapped, "-o", tmp_path / "p.csv", "--quiet")
    assert code == 2
    assert "the features given for uni look like those of conch at the fit" in said
    assert "conch=PATH" in said
    # one of them alone, too
    code, said = run("predict", saved, swapped[0], "-o", tmp_path / "p.csv", "--quiet")
    assert code == 2


def test_features_unlike_those_of_the_fit_are_told_of(new, saved, tmp_path):
    out = ["-o", tmp_path / "p.csv", "--quiet", "--force"]
    assert run("predict", saved, *tables(new), *out) == (0, "")
    # what differs from site to site is no other encoder
    assert run("predict", saved, *changed(new, tmp_path, lambda own: own + 0.5), *out) == (0, "")
    code, said = run("predict", saved, *changed(new, tmp_path, lambda own: own * 1000.0), *out)
    assert code == 0
    assert "the features of uni are unlike those of the fit" in said
    code, said = run("predict", saved, *changed(new, tmp_path, lambda own: own * 0.0), *out)
    assert code == 2
    assert "the features of uni are the same on all 40 slides" in said


def test_a_new_encoder_extends_a_model_as_in_python(fit, new, saved, tmp_path):
    names = [*ENCODERS, "late"]
    path, out = tmp_path / "larger.skops", tmp_path / "p.csv"
    truth = ["--labels", new / "labels.csv", *TRUTH]
    command = ["extend", saved, *tables(new, names), *truth, "-o", path, "--quiet"]
    assert run(*command) == (0, "")
    embeddings = read_embeddings(
        {name: new / f"{name}.csv" for name in names},
        new / "labels.csv",
        label="tumour",
        group="patient",
    )
    head = LogisticHead(random_state=0)
    expected = add_expert(
        load(saved).model, embeddings, experts=[("late", on_view("late", head))], cv=5
    )
    third = write(tmp_path / "third", 3, names)
    assert run("predict", path, *tables(third, names), "-o", out, "--quiet") == (0, "")
    X = read_embeddings({name: third / f"{name}.csv" for name in names}).X
    table = pd.read_csv(out, index_col="id")
    np.testing.assert_allclose(table["proba_yes"], expected.predict_proba(X)[:, 1], rtol=1e-6)
    # the larger model knows the new encoder by its features, and the slides by which it came
    code, said = run("predict", path, f"late={third / 'uni'}.csv", "-o", out, "--quiet", "--force")
    assert code == 2
    assert "look like those of uni at the fit" in said
    known = ["certify", path, *tables(new, names), *truth, "--quiet"]
    assert "40 of 40 slides were in the fit" in run(*known)[1]
    fresh = ["--labels", third / "labels.csv", *TRUTH, "--safety", "0.05", "--quiet"]
    assert run("certify", path, *tables(third, names), *fresh) == (0, "")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["late"], "no folder is of an encoder of the model"),
        (["uni"], "every folder is of an encoder that the model has already"),
    ],
)
def test_what_extends_nothing(new, saved, names, message):
    truth = ["--labels", new / "labels.csv", *TRUTH]
    code, said = run("extend", saved, *tables(new, names), *truth, "-o", "x.skops", "--quiet")
    assert code == 2
    assert message in said


def test_slides_of_the_fit_neither_extend_nor_certify(fit, new, saved):
    truth = ["--labels", fit / "labels.csv", *TRUTH, "--quiet"]
    late = pd.read_csv(new / "late.csv", index_col=0)
    late.index = pd.read_csv(fit / "uni.csv", index_col=0).index
    late.to_csv(fit / "late.csv")
    command = ["extend", saved, *tables(fit, [*ENCODERS, "late"]), *truth, "-o", "x.skops"]
    code, said = run(*command)
    assert code == 2
    assert "40 of 40 slides were in the fit" in said
    assert "run `logitprod probe` with all encoders" in said
    code, said = run("certify", saved, *tables(fit), *truth)
    assert code == 0
    assert "What is found on them says nothing about new slides" in said
    truth[1] = new / "labels.csv"
    assert run("certify", saved, *tables(new), *truth, "--safety", "0.05") == (0, "")
