"""What comparisons, their displays and their report cannot be of."""

import io
import re
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from sklearn_logitprod import (
    LogitProdClassifier,
    LogitProdMultilabelClassifier,
    LogitProdRegressor,
)
from sklearn_logitprod.inspection import (
    ExpertComparisonDisplay,
    ExpertWeightsDisplay,
    compare,
    oracle_gap,
    temperature_sensitivity,
)
from sklearn_logitprod.io import ExpertOutputs
from sklearn_logitprod.report import write_report

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

N, M = 60, 3
RNG = np.random.default_rng(0)
Y = np.arange(N) % 2
X = (2.0 * Y - 1.0)[:, None] + RNG.normal(size=(N, M))
FRAME = pd.DataFrame(X, columns=["uni", "conch", "virchow"])
IDS = [f"s{row:02d}" for row in range(N)]
SITE = np.array(["A", "B"])[np.arange(N) // 2 % 2]
TURNED = pd.Series(SITE, index=IDS)[::-1]
EMPTY = LogitProdClassifier(gate_width=None)
MODEL = LogitProdClassifier(gate_width=None).fit(X, Y)
PANEL = (RNG.random((N, 2)) < 0.5).astype(float)
ODDS = (2.0 * PANEL - 1.0)[:, None, :] + RNG.normal(size=(N, M, 2))
OF_LABELS = LogitProdMultilabelClassifier(gate_width=None)
WEIGHTS = np.full((4, 2), 0.5)


def compared(X=X, y=Y, estimator=EMPTY, **other):
    return compare(estimator, X, y, **{"cv": 2, "n_repeats": 1, "n_resamples": 9, **other})


@cache
def table():
    return compared()


def outputs():
    values = np.stack([-X, X], axis=2)
    own = {"expert_names": list("abc"), "classes": np.arange(2), "y": Y, "ids": np.array(IDS)}
    return ExpertOutputs(values=values, input="logits", **own)


def drawn(weights=WEIGHTS, **other):
    return ExpertWeightsDisplay.from_predictions(weights, **other)


def of_model(X=X, **other):
    return ExpertWeightsDisplay.from_estimator(MODEL, X, **other)


def plotted(table, **other):
    return ExpertComparisonDisplay(table).plot(**other)


def report(name="report.html", own=None, first=EMPTY, X=X, y=Y, **other):
    """Function of a folder."""
    return lambda folder: write_report(
        folder / name, table() if own is None else own(), first, X, y, **other
    )


NO_TABLE = "The table is not one of `compare`, or an operation on it has dropped its `attrs`"
BAD = {
    "compare": {
        "X and y alone": (lambda: compare(X, Y), "or ExpertOutputs, not ndarray"),
        "the estimator's class": (
            lambda: compare(LogitProdClassifier, X, Y),
            "not the class LogitProdClassifier",
        ),
        "another estimator": (lambda: compare(LogisticRegression(), X, Y), "not LogisticRegress"),
        "no y": (lambda: compare(EMPTY, X), "y is missing: a comparison needs the outcomes"),
        "no metrics": (lambda: compared(metrics=[]), "metrics is empty: name some of"),
        "a baseline that there is not": (
            lambda: compared(baselines="mean"),
            "baselines: there is no 'mean'; there are ['mean of logits'",
        ),
        "half a resample": (lambda: compared(n_resamples=10.5), "n_resamples=10.5 is no whole"),
        "half a repeat": (lambda: compared(n_repeats=1.5), "n_repeats=1.5 is no whole number"),
        "no jobs": (lambda: compared(n_jobs=0), "n_jobs=0 would do nothing"),
        "no seed": (lambda: compared(random_state=None), "random_state=None is no whole number"),
        "rivals without names": (
            lambda: compared(rivals=[LogisticRegression()]),
            "rivals is list; it is a dict of estimators by their names",
        ),
        "rivals of outputs": (
            lambda: compared(rivals={"lr": LogisticRegression()}),
            "rivals are fitted on X, which holds outputs of experts here",
        ),
        "an order in words": (lambda: compared(ordered="yes"), "ordered='yes': pass True, or a"),
        "groups in another order": (
            lambda: compared(y=pd.Series(Y, IDS), groups=TURNED),
            "y and groups have the same labels of rows, but at other places",
        ),
    },
    "compare(by=...)": {
        "a name, of an array": (lambda: compared(by="site"), "by='site' is no column of X"),
        "a name that X has not": (lambda: compared(FRAME, by="site"), "by='site' is no column"),
        "names of columns": (lambda: compared(by=["site"]), "has 1 entries, but X has 60 rows"),
        "too few values": (lambda: compared(by=SITE[1:]), "has 59 entries, but X has 60 rows"),
        "one value": (lambda: compared(by=3), "has shape (); it is one value for each sample"),
        "two columns": (lambda: compared(by=np.c_[SITE, SITE]), "has shape (60, 2); it is one"),
        "a dict": (lambda: compared(by={"site": SITE}), "has shape (); it is one value for each"),
        "identifiers": (lambda: compared(by=IDS), "has as many values as there are samples"),
        "scores": (lambda: compared(FRAME, by="uni"), "'uni' has as many values as there are"),
        "too many values": (
            lambda: compared(by=[0, 0, *range(58)]),
            "has 58 values, which are too many to look at one by one",
        ),
        "the same everywhere": (lambda: compared(by=["A"] * N), "is 'A' everywhere and divides"),
        "missing everywhere": (lambda: compared(by=[np.nan] * N), "is 'not stated' everywhere"),
        "in another order than X": (
            lambda: compared(FRAME.set_axis(IDS), by=TURNED),
            "X and by have the same labels of rows, but at other places: row 0 is 's00' in X",
        ),
        "in another order than y": (
            lambda: compared(y=pd.Series(Y, IDS), by=TURNED),
            "Pass by.loc[y.index], or by.to_numpy()",
        ),
        "in another order than identifiers": (
            lambda: compare(outputs(), by=TURNED),
            "Pass by.loc[X.ids], or by.to_numpy()",
        ),
        "of a panel": (
            lambda: compared(ODDS, PANEL, OF_LABELS, by=SITE),
            "by is for one outcome, and y holds several labels",
        ),
    },
    "ExpertWeightsDisplay": {
        "a row": (lambda: drawn([0.2, 0.8]), "weights have shape (2,), expected (n_samples, n_exp"),
        "no samples": (lambda: drawn(WEIGHTS[:0]), "weights have shape (0, 2), expected"),
        "words": (lambda: drawn([["a", "b"]]), "weights hold values that are no numbers"),
        "negative weights": (lambda: drawn([[-0.5, 1.5]]), "weights of row 0 are [-0.5, 1.5]"),
        "per cent": (lambda: drawn([[50, 50]]), "sum to 1. Divide percentages by 100"),
        "a name too few": (
            lambda: drawn(expert_names=["uni"]),
            "weights have shape (4, 2), expected (n_samples, 1) for 1 experts",
        ),
        "names as one text": (lambda: drawn(expert_names="ab"), "expert_names='ab': it is a list"),
        "a name to divide by": (lambda: drawn(by="site"), "by has shape (); it is one value for"),
        "pairs to divide by": (lambda: drawn(by=[[1, 2]] * 4), "by has shape (4, 2); it is one"),
        "nothing to divide by": (lambda: drawn(by=[np.nan] * 4), "by is missing (NaN or None) for"),
        "in another order": (
            lambda: drawn(pd.DataFrame(WEIGHTS, list("abcd")), by=pd.Series(IDS[:4], list("dcba"))),
            "weights and by have the same labels of rows, but at other places",
        ),
        "intervals of one expert": (
            lambda: ExpertWeightsDisplay(WEIGHTS, ["a", "b"], intervals=[[0.1, 0.2]]),
            "intervals have shape (1, 2), expected (2, 2)",
        ),
        "fewer than no resamples": (
            lambda: of_model(y=Y, n_resamples=-5),
            "n_resamples=-5: 0 draws no intervals, and 200 are enough",
        ),
        "resamples as text": (lambda: of_model(y=Y, n_resamples="200"), "n_resamples='200' is no"),
        "resamples without y": (lambda: of_model(n_resamples=5), "y is missing: weights of resamp"),
        "a model's class": (
            lambda: ExpertWeightsDisplay.from_estimator(LogitProdClassifier, X),
            "not the class LogitProdClassifier",
        ),
        "a panel": (
            lambda: ExpertWeightsDisplay.from_estimator(OF_LABELS, ODDS),
            "ExpertWeightsDisplay takes a model of one label",
        ),
        "axes that are none": (lambda: of_model(ax="here"), "ax is str, but the axes of one plot"),
        "several axes": (
            lambda: of_model(ax=np.array(["one", "two"])),
            "ax is ndarray, but the axes of one plot are needed",
        ),
    },
    "ExpertComparisonDisplay": {
        "a path": (lambda: plotted("table.csv"), NO_TABLE),
        "a table from a file": (
            lambda: plotted(pd.read_csv(io.StringIO(table().to_csv()), index_col=0)),
            NO_TABLE,
        ),
        "some of the columns": (
            lambda: plotted(table()[["roc_auc_mean"]]),
            "The table is of `compare`, but lacks ['log_loss_mean', 'log_loss_low', 'log_loss_h",
        ),
        "without the best expert": (
            lambda: plotted(table().drop(index="best expert")),
            "The table is of `compare`, but lacks ['best expert']",
        ),
        "two tables": (lambda: plotted(pd.concat([table()] * 2)), "but has rows twice"),
        "a metric that is not there": (
            lambda: plotted(table(), metric="auc"),
            "metric='auc' is not in the table; there are ['log_loss', 'roc_auc'",
        ),
        "several metrics": (
            lambda: plotted(table(), metric=["roc_auc"]),
            "metric=['roc_auc'] is not in the table",
        ),
        "axes that are none": (lambda: plotted(table(), ax=3), "ax is int, but the axes of one"),
    },
    "oracle_gap, temperature_sensitivity": {
        "X and y alone": (lambda: oracle_gap(X, Y), "oracle_gap takes a fitted LogitProdClass"),
        "no y": (lambda: oracle_gap(MODEL, X), "y is missing: the loss needs the outcomes"),
        "one temperature": (
            lambda: temperature_sensitivity(
                LogitProdClassifier(gate_width=0), X, Y, temperatures=1
            ),
            "temperatures=1: it is a list of positive numbers",
        ),
        "temperatures as text": (
            lambda: temperature_sensitivity(
                LogitProdClassifier(gate_width=0), X, Y, temperatures="1"
            ),
            "temperatures='1': it is a list of positive numbers",
        ),
    },
}
REPORTS = {
    "the table before the path": (
        lambda folder: write_report(table(), folder / "report.html", EMPTY, X, Y),
        "path is ComparisonResult: name a file, such as 'report.html'",
    ),
    "no path": (lambda folder: write_report(None, table(), EMPTY, X, Y), "path is NoneType"),
    "another kind of file": (report("report.pdf"), "would be a page: call it such as"),
    "no ending": (report("report"), "report would be a page: call it such as"),
    "no folder": (report("no/report.html"), "its own folder is absent"),
    "no name": (lambda folder: write_report("", table(), EMPTY, X, Y), ". cannot be written"),
    "a frame": (report(own=pd.DataFrame), NO_TABLE),
    "some of the columns": (report(own=lambda: table()[["rank"]]), "but lacks ['log_loss_mean'"),
    "without an expert": (
        report(own=lambda: table().drop(index="expert1")),
        "the table lacks ['expert1']: it is of another estimator, or a part of a table",
    ),
    "fewer samples": (report(X=X[:40], y=Y[:40]), "the table is of 60 samples, and here are 40"),
    "more samples": (
        report(X=np.r_[X, X], y=np.r_[Y, Y]),
        "the table is of 60 samples, and here are 120",
    ),
    "other experts": (
        report(X=FRAME),
        "is of the experts ['expert0', 'expert1', 'expert2'], and here are ['uni', 'conch'",
    ),
    "an expert too few": (report(X=X[:, :2]), "and here are ['expert0', 'expert1']. Pass what"),
    "an estimator of values": (
        report(first=LogitProdRegressor(gate_width=None), y=X[:, 0]),
        "the table is scored by ['log_loss', 'roc_auc'",
    ),
    "another estimator": (report(first=LogisticRegression()), "not LogisticRegression"),
    "no y": (report(y=None), "y is missing: a comparison needs the outcomes"),
    "groups too few": (report(groups=Y[1:]), "groups has 59 entries, but X has 60 rows"),
    "a panel": (
        report(own=lambda: compared(ODDS, PANEL, OF_LABELS), first=OF_LABELS, X=ODDS, y=PANEL),
        "a report is of one label",
    ),
}
CASES = [(part, name) for part, own in BAD.items() for name in own]


@pytest.mark.parametrize(("part", "name"), CASES)
def test_what_cannot_be_shown_is_told(part, name):
    call, message = BAD[part][name]
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        call()


@pytest.mark.parametrize("name", REPORTS)
def test_what_cannot_be_reported_is_told_and_leaves_no_file(tmp_path, name):
    call, message = REPORTS[name]
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        call(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_baseline_may_be_named_alone():
    assert "mean of logits" in compared(baselines="mean of logits").index
    assert "stacked regression" not in compared(baselines="mean of logits").index


def test_rows_that_are_left_out_are_not_drawn():
    display = plotted(table().drop(index="expert1"))
    assert "expert1" not in [tick.get_text() for tick in display.ax_.get_yticklabels()]
