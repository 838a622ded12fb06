"""What a hasty user of the commands may type, and is told before any work."""

import io
import os
import re
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest

from sklearn_logitprod.cli import main

pytest.importorskip("skops.io")
N = 60
EXPERTS = ("uni", "conch", "new")


def write(folder):
    """Tables of three experts, with labels, sites, patients and ages."""
    rng, y = np.random.default_rng(0), np.arange(N) // 2 % 2
    for name in EXPERTS:
        p = 1.0 / (1.0 + np.exp(-(2.0 * y - 1.0 + rng.normal(size=N))))
        table = pd.DataFrame({"slide_id": [f"s{row:02d}" for row in range(N)]})
        table["prob_no"], table["prob_yes"] = 1.0 - p, p
        table["truth"], table["site"] = np.array(["no", "yes"])[y], np.array(["A", "B"])[y[::-1]]
        table["patient"] = [f"p{row // 2:02d}" for row in range(N)]
        table["age"] = np.arange(N) + 0.5
        table.to_csv(folder / f"{name}.csv", index=False)


def run(command):
    """Exit code, and what was said as one line of text."""
    said = io.StringIO()
    with redirect_stderr(said), redirect_stdout(io.StringIO()):
        try:
            code = main(command)
        except SystemExit as stop:
            code = stop.code
    return code, " ".join(said.getvalue().split()).rpartition("error: ")[2]


@contextmanager
def within(folder):
    """Context in which paths are those of a folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@cache
def model():
    """Content of a model's file."""
    with TemporaryDirectory() as folder, within(folder):
        write(Path(folder))
        command = "fit uni.csv conch.csv --label truth --group patient --gate none -o m.skops"
        assert run(command.split())[0] == 0
        return Path("m.skops").read_bytes()


def run_in(text, folder):
    """A command in a folder that has the tables and a model, whose files must stay as they are."""
    write(folder)
    (folder / "m.skops").write_bytes(model())
    (folder / "full").mkdir()
    before = {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}
    with within(folder):
        code, said = run([word.strip("'") for word in re.findall(r"'[^']*'|\S+", text)])
    assert before == {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}
    return code, said


BOTH = "uni.csv conch.csv"
COMPARE = f"compare {BOTH} --label truth --group patient --gate none --quiet"
PLUS = f"extend m.skops {BOTH} new.csv"
BAD = {
    "logitprod compare --by": {
        "a column that is absent": (f"{COMPARE} --by nope", "there is no column 'nope'; there are"),
        "in capitals": (f"{COMPARE} --by Site", "there is no column 'Site'"),
        "two columns": (f"{COMPARE} --by site,age", "there is no column 'site,age'"),
        "nothing": (f"{COMPARE} --by ''", "there is no column ''"),
        "the labels": (f"{COMPARE} --by truth", "--by truth is the column of --label already"),
        "identifiers": (f"{COMPARE} --by slide_id", "--by slide_id is the column of --id already"),
        "probabilities": (
            f"{COMPARE} --by prob_yes",
            "conch.csv, line 2 (expert 'conch'): 's00' has",
        ),
        "another value on each slide": (
            f"{COMPARE} --by age",
            "--by: 'age' has as many values as there are samples",
        ),
        "differs within a patient": (
            f"{COMPARE} --by age --aggregate mean",
            "'p00' has '1.5' in column 'age', and '0.5' elsewhere",
        ),
        "of another layout": (
            "compare full --layout clam --label truth --by site",
            "--by site is a column of tables, and --layout clam reads none",
        ),
        "of a panel": (
            f"compare {BOTH} --labels no,yes --truth uni.csv --by site",
            "--by site is for one label, not for a panel",
        ),
        "the time of events": (
            f"compare {BOTH} --input risk --event truth --time age --by age",
            "--by age is the column of --time already",
        ),
        "of a probe, the labels": (
            "probe uni=uni.csv conch=conch.csv --labels uni.csv --label truth --by truth",
            "--by truth is the column of --label already",
        ),
    },
    "logitprod --report, --out, --save": {
        "a report as PDF": (
            f"{COMPARE} --report r.pdf",
            "r.pdf would be a page: call it such as r.pdf.html",
        ),
        "a report without name": (f"{COMPARE} --report ''", "'' would be a page: call it such as"),
        "a report in no folder": (
            f"{COMPARE} --report no/r.html",
            "no/r.html cannot be written: it is a folder, or its own folder is absent",
        ),
        "a certificate as PDF": (
            f"certify m.skops {BOTH} --label truth --report r.pdf",
            "r.pdf would be a page",
        ),
        "a report of a probe as text": (
            "probe uni=uni.csv conch=conch.csv --labels uni.csv --label truth --report r.txt",
            "r.txt would be a page",
        ),
        "a table as a workbook": (
            f"{COMPARE} -o table.xlsx",
            "table.xlsx would be a table: call it such as table.xlsx.csv",
        ),
        "predictions as Parquet": (
            f"predict m.skops {BOTH} -o p.parquet",
            "p.parquet would be a table: call it such as p.parquet.csv",
        ),
        "a model as a pickle": (
            f"fit {BOTH} --label truth -o model.pkl",
            "model.pkl would be a model: call it such as model.pkl.skops",
        ),
        "a folder": (f"{COMPARE} -o full", "full cannot be written: it is a folder"),
        "over an input": (
            f"{COMPARE} -o uni.csv --force",
            "uni.csv is read by this command: name another file to write",
        ),
        "over an input that has a name": (
            "predict m.skops uni=uni.csv conch=conch.csv -o ./conch.csv --force",
            "conch.csv is read by this command",
        ),
        "over the truth of a panel": (
            f"compare {BOTH} --labels no,yes --truth new.csv -o new.csv --force",
            "new.csv is read by this command",
        ),
        "over the table of slides": (
            "probe uni=uni.csv conch=conch.csv --labels new.csv --label truth -o new.csv --force",
            "new.csv is read by this command",
        ),
        "over what is there": (f"{COMPARE} -o new.csv", "new.csv exists: choose another name"),
        "twice the same": (
            f"{COMPARE} -o r.html --report ./r.html",
            "r.html is to be written twice: name a file for each output",
        ),
    },
    "logitprod export": {
        "nothing to write": ("export m.skops", "there is nothing to write: say --onnx or --torch"),
        "a graph without ending": (
            "export m.skops --onnx pool",
            "pool would be a file of onnx: call it such as pool.onnx",
        ),
        "a module of another kind": (
            "export m.skops --torch pool.pt",
            "pool.pt would be a file of torch: call it such as pool.pt.pt2",
        ),
        "one file for both": (
            "export m.skops --onnx pool.onnx --torch pool.onnx",
            "pool.onnx is to be written twice",
        ),
        "in no folder": ("export m.skops --onnx no/pool.onnx", "its own folder is absent"),
        "over the model": (
            "export m.skops --onnx m.skops --force",
            "m.skops would be a file of onnx",
        ),
        "fewer than no experts": (
            "export m.skops --onnx pool.onnx --max-missing -1",
            "argument --max-missing: '-1' is not a number of experts",
        ),
        "half an expert": (
            "export m.skops --onnx pool.onnx --max-missing 1.5",
            "'1.5' is not a number of experts",
        ),
        "a table for the model": (
            "export uni.csv --onnx pool.onnx",
            "uni.csv is not a model that `logitprod fit` saved",
        ),
        "a folder for the model": ("export full --onnx pool.onnx", "full: Is a directory"),
        "no such model": (
            "export nope.skops --onnx pool.onnx",
            "nope.skops: No such file or directory",
        ),
        "files of experts": (
            "export m.skops uni.csv --onnx pool.onnx",
            "unrecognized arguments: uni.csv",
        ),
    },
    "logitprod demo": {
        "files into a file": (
            "demo --files uni.csv",
            "--files 'uni.csv' is no folder, and none can be made of it",
        ),
        "files below a file": (
            "demo --files uni.csv/demo",
            "--files 'uni.csv/demo' is no folder, and none can be made of it",
        ),
        "files nowhere": ("demo --files ''", "--files '' is no folder, and none can be made of it"),
        "files into no name": ("demo --files", "argument --files: expected one argument"),
        "two data sets by name": (
            "demo --data digits,cytology",
            "argument --data: invalid choice: 'digits,cytology'",
        ),
        "a seed that is too large": (
            "demo --seed 4294967296",
            "'4294967296' is not a whole number from 0 to 4294967295",
        ),
    },
    "logitprod extend": {
        "no new expert": (
            f"extend m.skops {BOTH} --label truth -o x.skops",
            "every file is of an expert that the model has already, which are ['uni', 'conch']",
        ),
        "no expert of the model": (
            "extend m.skops new.csv --label truth -o x.skops",
            "no file is of an expert of the model",
        ),
        "nothing that is true": (
            f"{PLUS} -o x.skops",
            "nothing says what is true: name the column, --label NAME",
        ),
        "labels of other names": (
            f"{PLUS} --label site -o x.skops",
            "label 'A' is none of the model's classes ['no', 'yes']",
        ),
        "events": (
            f"{PLUS} --event truth --time age -o x.skops",
            "the model is one of classes, which --event is not for",
        ),
        "values": (
            f"{PLUS} --target age -o x.skops",
            "the model is one of classes, which --target is not for",
        ),
        "labels as patients": (
            f"{PLUS} --label truth --group truth -o x.skops",
            "column 'truth' is named twice, with --label and --group: it cannot be both",
        ),
        "a pickle": (f"{PLUS} --label truth -o x.pkl", "x.pkl would be a model: call it such as"),
        "a name for some": (
            f"extend m.skops {BOTH} third=new.csv --label truth -o x.skops",
            "uni.csv has no name but others have: write NAME=uni.csv",
        ),
        "a file that is absent": (
            f"extend m.skops {BOTH} nope.csv --label truth -o x.skops",
            "nope.csv (expert 'nope'): there is no such file",
        ),
        "a table of slides": (
            f"{PLUS} --label truth --labels uni.csv -o x.skops",
            "--labels uni.csv is of models of encoders",
        ),
        "over the model": (f"{PLUS} --label truth -o m.skops", "m.skops exists: choose another"),
        "folds": (f"{PLUS} --label truth --cv 5 -o x.skops", "unrecognized arguments: --cv 5"),
    },
    "logitprod adapt, certify, predict": {
        "labels as patients": (
            f"adapt m.skops {BOTH} --label truth --group truth -o x.skops",
            "column 'truth' is named twice, with --label and --group",
        ),
        "prevalence beside files": (
            f"adapt m.skops {BOTH} --label truth --prior no=.5,yes=.5 -o x.skops",
            "--prior stands in place of files: leave out one of them",
        ),
        "prevalence of one class": (
            "adapt m.skops --prior no=.5 -o x.skops",
            "--prior lacks the prevalence of ['yes']",
        ),
        "prevalence in per cent": (
            "adapt m.skops --prior no=97%,yes=3% -o x.skops",
            "argument --prior: '97%' is not a number between 0 and 1",
        ),
        "safety in per cent": (
            "adapt m.skops --safety 5 -o x.skops",
            "argument --safety: '5' is not a number between 0 and 1",
        ),
        "safety of nobody": (
            "adapt m.skops --safety nobody=.05 -o x.skops",
            "--safety 'nobody' is none of the model, which has ['uni', 'conch', 'mean of logits'",
        ),
        "nothing to adapt to": ("adapt m.skops -o x.skops", "nothing says what to adapt to"),
        "a certificate of nothing": (
            f"certify m.skops {BOTH}",
            "nothing says what is true: name the column, --label NAME",
        ),
        "a reference that is absent": (
            f"certify m.skops {BOTH} --label truth --reference nobody",
            "--reference 'nobody' is none of the model",
        ),
        "an expert too few": (
            "predict m.skops uni.csv -o p.csv",
            "there is no file for the expert(s) ['conch']. Add it, or go without them by --how out",
        ),
        "an expert too many": (
            f"predict m.skops {BOTH} new.csv -o p.csv",
            "the file(s) of ['new'] are of no expert of the model",
        ),
        "a median without order": (
            f"predict m.skops {BOTH} -o p.csv --decision median",
            "--decision median needs the order of the model's classes ['no', 'yes']",
        ),
    },
}
CASES = [(part, name) for part, own in BAD.items() for name in own]


def run_badly(text, folder):
    """Exit with what the command says on standard error."""
    code, said = run_in(text, folder)
    assert code == 2
    sys.exit(said)


@pytest.mark.parametrize(("part", "name"), CASES)
def test_what_cannot_be_meant_is_said_and_changes_no_file(tmp_path, part, name):
    command, message = BAD[part][name]
    code, said = run_in(command, tmp_path)
    assert code == 2
    assert message in said


def test_a_folder_that_may_not_be_written_is_said_before_the_work(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    monkeypatch.setattr("sklearn_logitprod.cli.compare.read_outputs", None)
    assert main(["compare", "a.csv", "b.csv", "-o", str(tmp_path / "table.csv")]) == 2
    said = capsys.readouterr().err
    assert "table.csv cannot be written: you may not write into its folder" in said
