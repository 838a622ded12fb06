"""What a hasty user of ``logitprod probe`` and of its models may type, and is told."""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

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
    path.write_bytes(model())
    return path


def tables(folder, names=ENCODERS):
    return [f"{name}={folder / name}.csv" for name in names]


def run(*command):
    """Exit code, and what was said as one line of text."""
    said = io.StringIO()
    with redirect_stderr(said):
        code = main([str(text) for text in command])
    return code, " ".join(said.getvalue().split())


def probe(folder, *options):
    labels = ["--labels", folder / "labels.csv"]
    return run("probe", *tables(folder), *labels, *TRUTH, *QUICK, *options)


def asked(folder, *options, files=("a=absent", "b=absent"), labels="labels.csv", truth=TRUTH):
    """Arguments of a probe of files that are not there, which would be the next thing said."""
    table = "slide_id,tumour,patient\ns1,no,p1\n"
    (folder / "labels.csv").write_text(table, encoding="utf-8")
    labels = folder / labels if labels == "labels.csv" else labels
    return ["probe", *files, "--labels", labels, *truth, *QUICK, *options]


EARLY = {
    "one fold": ({"options": ["--cv", "1"]}, "--cv 1 makes no folds"),
    "no repeats": ({"options": ["--repeats", "0"]}, "--repeats 0 is too few"),
    "no resamples": ({"options": ["--resamples", "0"]}, "--resamples 0 is too few"),
    "no jobs": ({"options": ["--jobs", "0"]}, "--jobs 0 would do nothing"),
    "a metric that is none": ({"options": ["--metrics", "auc"]}, "there is no 'auc'"),
    "an encoder called as a method": (
        {"files": ["LogitProd=absent", "b=absent"]},
        "An expert is called 'LogitProd'",
    ),
    "an encoder called as the rival": (
        {"files": ["concatenated features=absent", "b=absent"]},
        "called 'concatenated features'",
    ),
    "an encoder with two underscores": (
        {"files": ["a__b=absent", "b=absent"]},
        "must not contain '__'",
    ),
    "an encoder without a path": (
        {"files": ["uni=", "b=absent"]},
        "'uni=' lacks its path: write NAME=PATH",
    ),
    "an encoder without a name": (
        {"files": ["=absent", "b=absent"]},
        "'=absent' lacks a name: write NAME=PATH",
    ),
    "an empty argument": ({"files": ["", "b=absent"]}, "'' lacks a name"),
    "patterns without names": (
        {"files": ["absent/*.h5", "feats/*.h5"]},
        "the pattern absent/*.h5 names no encoder",
    ),
    "labels of a panel": (
        {"labels": "TP53,KRAS"},
        "--labels TP53,KRAS is the table of the slides here",
    ),
    "one file for two outputs": (
        {"options": ["--out", "x.skops", "--save", "x.skops"]},
        "x.skops is to be written twice",
    ),
}


def early(name):
    def command(folder):
        options = dict(EARLY[name][0])
        return asked(folder, *options.pop("options", []), **options)

    return command


def changed_labels(folder, change, *options):
    """Arguments of a probe with another table of labels."""
    fit = write(folder / "fit", 1)
    table = pd.read_csv(fit / "labels.csv")
    change(table)
    table.to_csv(fit / "labels.csv", index=False)
    return ["probe", *tables(fit), "--labels", fit / "labels.csv", *TRUTH, *QUICK, *options]


def rare(table):
    table.loc[:3, "tumour"] = "odd"


def unique(table):
    table["tumour"] = table["slide_id"] + "x"


def spelled(table):
    table.loc[:9, "tumour"] = table.loc[:9, "tumour"].str.title()


def few(table):
    table["patient"] = "p" + (table.index // 2 % 6 // 2 * 2 + table.index // 2 % 2).astype(str)


def as_they_are(table):
    pass


@cache
def model():
    """Content of a model's file."""
    with TemporaryDirectory() as folder:
        fit = write(Path(folder) / "fit", 1)
        with redirect_stdout(io.StringIO()):
            assert probe(fit, "--save", str(fit / "model.skops"))[0] == 0
        return (fit / "model.skops").read_bytes()


def of_model(folder, *options, command="predict", names=ENCODERS, paths=None, seed=2):
    """Arguments of a command that applies a model to new slides, and may name their labels."""
    (folder / "model.skops").write_bytes(model())
    new = write(folder / "new", seed, [*ENCODERS, "late"])
    files = tables(new, names) if paths is None else [text.format(new=new) for text in paths]
    options = [text.format(labels=new / "labels.csv") for text in options]
    return [command, folder / "model.skops", *files, *options, "--quiet"]


OUT = ["-o", "x.csv"]
LARGER = ["--labels", "{labels}", *TRUTH, "-o", "x.skops"]
BAD = {name: (early(name), message) for name, (_, message) in EARLY.items()} | {
    "a class of two patients": (
        lambda folder: changed_labels(folder, rare),
        "class 'odd' has 2 groups with features",
    ),
    "labels of which each is there once": (
        lambda folder: changed_labels(folder, unique),
        "column 'tumour' (label) holds texts such as",
    ),
    "labels that differ in capitals": (
        lambda folder: changed_labels(folder, spelled),
        "column 'tumour' (label) holds 'No' and 'no', which are classes of their own",
    ),
    "grades that are not those of the labels": (
        lambda folder: changed_labels(folder, as_they_are, "--classes", "no,yes,maybe"),
        "and these are ['no', 'yes']",
    ),
    "few patients": (
        lambda folder: changed_labels(folder, few),
        "there are 6 groups, of which --cv 2 leaves 3 to fit on",
    ),
    "more folds than patients": (
        lambda folder: changed_labels(folder, few, "--cv", "7"),
        "7 folds need as many groups, but there are 6 at most",
    ),
    "a column of labels that is absent": (
        lambda folder: changed_labels(folder, as_they_are, "--label", "nope"),
        "Name the right one with --label",
    ),
    "one column for labels and patients": (
        lambda folder: changed_labels(folder, as_they_are, "--group", "tumour"),
        "'tumour' is named twice, with --label and",
    ),
    "identifiers as labels": (
        lambda folder: changed_labels(folder, as_they_are, "--label", "slide_id"),
        "'slide_id' is named twice, with --id and --label",
    ),
    "two encoders in each other's place": (
        lambda folder: of_model(folder, *OUT, paths=["uni={new}/conch.csv", "conch={new}/uni.csv"]),
        "the features given for uni look like those of conch at the fit",
    ),
    "an encoder in another's place": (
        lambda folder: of_model(folder, *OUT, paths=["uni={new}/conch.csv"]),
        "Name each folder after its encoder: conch=PATH",
    ),
    "labels of which no column is asked for": (
        lambda folder: of_model(folder, *OUT, "--labels", "{labels}"),
        "is asked for: name one with --group, or leave the table out",
    ),
    "an encoder that the model does not have": (
        lambda folder: of_model(folder, *OUT, names=["uni", "late"]),
        "['late'] is no encoder of the model",
    ),
    "a new encoder without the model's": (
        lambda folder: of_model(folder, *LARGER, command="extend", names=["late"]),
        "no folder is of an encoder of the model",
    ),
    "no new encoder": (
        lambda folder: of_model(folder, *LARGER, command="extend", names=["uni"]),
        "every folder is of an encoder that the model has already",
    ),
    "a new encoder of the slides of the fit": (
        lambda folder: of_model(
            folder, *LARGER, command="extend", names=[*ENCODERS, "late"], seed=1
        ),
        "40 of 40 slides were in the fit",
    ),
}


def run_badly(command, folder):
    """Exit with what the command says on standard error."""
    code, said = run(*command(folder))
    assert code == 2
    sys.exit(said)


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_meant_is_one_line(tmp_path, name):
    command, message = BAD[name]
    code, said = run(*command(tmp_path))
    assert code == 2
    assert message in said
    assert said.count("error: ") == 1


def test_what_belongs_to_another_command(fit, tmp_path):
    labels = fit / "labels.csv"
    code, said = run("compare", *tables(fit), "--labels", labels, "--label", "tumour")
    assert code == 2
    assert "--labels names the labels of a panel here" in said
    code, said = run("compare", f"uni={fit}", f"conch={fit}", "--label", "tumour")
    assert code == 2
    assert (
        "this is a folder, and a file is needed. Folders of features are for `logitprod pr" in said
    )
    # no abbreviation of --labels
    with pytest.raises(SystemExit), redirect_stderr(io.StringIO()):
        main(["predict", "model.skops", "uni=x", "-o", "p.csv", "--label", "tumour"])


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


def test_slides_of_the_fit_certify_nothing(fit, new, saved):
    truth = ["--labels", fit / "labels.csv", *TRUTH, "--safety", "0.05", "--quiet"]
    code, said = run("certify", saved, *tables(fit), *truth)
    assert code == 0
    assert "What is found on them says nothing about new slides" in said
    truth[1] = new / "labels.csv"
    assert run("certify", saved, *tables(new), *truth) == (0, "")
