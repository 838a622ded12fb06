"""What messages advise works where they are read: in Python, in a search, on the command line."""

import re
from argparse import Namespace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import ShuffleSplit
from sklearn.naive_bayes import GaussianNB

import sklearn_logitprod
from sklearn_logitprod import LogitProdClassifier, LogitProdClassifierCV
from sklearn_logitprod._text import option, options_renamed, options_written
from sklearn_logitprod.cli.arguments import option_writer
from sklearn_logitprod.inspection import (
    ExpertWeightsDisplay,
    TemperatureSensitivityDisplay,
    compare,
    oracle_gap,
    temperature_sensitivity,
)
from sklearn_logitprod.io import read_tables

RNG = np.random.default_rng(0)
Y = np.arange(60) % 2
X = RNG.normal(size=(60, 2)) + Y[:, None]
ROOT = Path(sklearn_logitprod.__file__).parents[1]

COMMAND = Namespace(
    how="inner", label=None, gate="auto", column=None, classes=None, positive=None, seed=0
)


@pytest.mark.parametrize(
    ("name", "value", "python", "command"),
    [
        ("how", "outer", "how='outer'", "--how outer"),
        ("label", ..., "label=...", "--label"),
        ("gate_width", None, "gate_width=None", "--gate none"),
        ("random_state", np.int64(3), "random_state=3", "--seed 3"),
        ("classes", ["a", "b c"], "classes=['a', 'b c']", "--classes 'a,b c'"),
        (
            "columns",
            {"tumour": "p 1", "normal": "p0"},
            "columns={'tumour': 'p 1', 'normal': 'p0'}",
            "--column 'tumour=p 1' --column normal=p0",
        ),
        ("max_iter", 600, "max_iter=600", "max_iter=600 in Python"),
    ],
)
def test_a_setting_is_written_as_its_reader_writes_it(name, value, python, command):
    assert option(name, value) == python
    with options_written(option_writer(COMMAND)):
        assert option(name, value) == command
    assert option(name, value) == python


def test_one_group_is_told_on_the_command_line_as_there():
    groups = np.zeros(60, dtype=int)
    message = r"but --gate auto cross-.* fix the gate with --gate 0"
    with options_written(option_writer(COMMAND)), pytest.raises(ValueError, match=message):
        LogitProdClassifier().fit(X, Y, groups=groups)


def test_files_that_are_read_beside_each_other_are_told_of_as_one_alone(monkeypatch):
    monkeypatch.setattr("sklearn_logitprod.io._join.cpu_count", lambda: 2)
    frame = pd.DataFrame({"slide_id": range(60), "label": Y, "score": 0.5 + Y / 4})
    frames = {"uni": frame, "conch": frame}
    with options_written(option_writer(COMMAND)), pytest.raises(ValueError, match="--positive 1"):
        read_tables(frames, label="label")
    with pytest.warns(UserWarning, match="'score' of .* is nowhere below 0.5") as told:
        read_tables(frames, label="label", positive=1)
    assert [one.filename for one in told] == [__file__] * 2


def test_a_setting_that_goes_by_another_name_is_called_so():
    with options_renamed(cv="expert_cv"):
        assert (option("cv", 5), option("how", "outer")) == ("expert_cv=5", "how='outer'")
    with options_written(option_writer(COMMAND)), options_renamed(width="gate_width"):
        assert option("width", 0) == "--gate 0"


class TestSearch:
    """A search calls its experts' folds `expert_cv`, and so do its messages."""

    def test_experts_that_are_not_fitted(self):
        for model, name in ((LogitProdClassifier, "cv"), (LogitProdClassifierCV, "expert_cv")):
            message = rf"is not fitted, but {name}='prefit' .* or set {name}=5 to cross-fit"
            with pytest.raises(ValueError, match=message):
                model([("a", GaussianNB())]).fit(X, Y)

    def test_experts_that_saw_these_rows(self):
        fitted = [(n, GaussianNB(var_smoothing=v).fit(X, Y)) for n, v in (("a", 1e-9), ("b", 1.0))]
        for model, name in ((LogitProdClassifier, "cv"), (LogitProdClassifierCV, "expert_cv")):
            with pytest.raises(ValueError, match=rf"\({name}='prefit'\).* cross-fit with {name}=5"):
                model(fitted).set_params(a__var_smoothing=0.1)


def test_no_message_nor_page_installs_from_an_index_where_the_project_is_not():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.rst"), *ROOT.glob("sklearn_logitprod/**/*.py")]
    named = re.compile(r"sklearn_logitprod\[\w+\]|install ['\"]*sklearn_logitprod")
    found = [path.name for path in pages if named.search(path.read_text(encoding="utf-8"))]
    assert not found


def test_sensitivity_to_the_temperature_says_why_it_takes_one_gate():
    with pytest.raises(ValueError, match=r"'auto' mixes several gates, here one is compared: pass"):
        temperature_sensitivity(LogitProdClassifier(), X, Y)


SPLITS = [(np.arange(30), np.arange(30, 60))] * 2
HALVES = ShuffleSplit(3, test_size=0.5, random_state=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: oracle_gap(LogitProdClassifier(gate_width=None).fit(X, Y), X, Y + 1),
            r"y has labels \[2\].* its classes are \[0, 1\]\. Leave these rows out, or fit on",
        ),
        (
            lambda: LogitProdClassifier([GaussianNB()], cv=SPLITS).fit(X, Y),
            r"splits of cv=\.\.\. hold out 30 of 60 rows, some .* 2 times; .* such as cv=5, or",
        ),
        (
            lambda: LogitProdClassifierCV([GaussianNB()], expert_cv=HALVES, cv=3).fit(X, Y),
            r"splits of expert_cv=\.\.\. hold out .* such as expert_cv=5, or a splitter",
        ),
        (
            lambda: LogitProdClassifierCV([GaussianNB()], expert_cv=SPLITS, cv=3).fit(X, Y),
            r"splits name rows beyond the 40 that are split here, .*, or a splitter such as KFold",
        ),
        (
            lambda: compare(LogitProdClassifier(), X, Y, cv=1),
            r"^cv=1 makes no folds: 2 at least are needed, better 5\.",
        ),
        (
            lambda: compare(LogitProdClassifier(), X, Y, n_resamples=0),
            r"^n_resamples=0 is too few: 1 at least is needed",
        ),
        (
            lambda: compare(LogitProdClassifier(), X, Y, metrics=[]),
            r"metrics is empty: name some of \['log_loss', .*\], or leave it out",
        ),
        (
            lambda: TemperatureSensitivityDisplay(pd.DataFrame()),
            r"dropped its `attrs`: pass what `temperature_sensitivity` returned",
        ),
        (
            lambda: ExpertWeightsDisplay(np.ones((2, 1)), ["a"], by=[1]),
            r"by has 1 entries for 2 samples; one each is needed",
        ),
    ],
)
def test_an_error_says_what_to_write(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_difference_is_named_after_what_it_is_of(tmp_path, capsys):
    from sklearn_logitprod.cli import main

    paths = []
    for name, own in zip("ab", X.T, strict=True):
        paths.append(str(tmp_path / f"{name}.csv"))
        odds = pd.DataFrame({"slide_id": np.arange(60), "logit_0": -own, "logit_1": own, "y": Y})
        odds.to_csv(paths[-1], index=False)
    options = ["--input", "logits", "--metrics", "roc_auc", "--gate", "none", "--quiet"]
    assert main(["compare", *paths, "--label", "y", *options, "--repeats", "1", "--cv", "3"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"AUC +95 % interval +rank +AUC diff\. +95 % interval +p \(Holm\)\n", shown)
