"""Callbacks of scikit-learn: told what a fit does, and over when it is, however it ends."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_logitprod import (
    LogitProdClassifier,
    LogitProdClassifierCV,
    LogitProdSurvival,
    LogitProdSurvivalCV,
)

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 has callbacks")

RNG = np.random.default_rng(0)
N = 90
Y = np.arange(N) % 2
X = RNG.normal(size=(N, 3)) + Y[:, None]
EVENTS = np.array(list(zip(Y > 0, 1.0 + RNG.exponential(size=N), strict=True)), dtype="?, f8")
EXPERTS = [("lr", LogisticRegression()), ("nb", GaussianNB())]
GRID = {"gate_widths": (None,), "temperatures": (1.0,), "alphas": (100.0,), "cv": 2}


class Recorder:
    """Remembers tasks by their path of names, and how often it was set up and torn down."""

    max_propagation_depth = None

    def __init__(self):
        self.begun, self.ended, self.open, self.data = [], [], 0, []

    def setup(self, estimator, context):
        self.open += 1

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        self.begun.append(path(context))
        self.data.append((X, y))

    def on_fit_task_end(self, estimator, context):
        self.ended.append(path(context))

    def teardown(self, estimator, context):
        self.open -= 1


def path(context):
    return [] if context is None else [*path(context.parent), context.task_name]


def recorded(model, y=Y):
    recorder = Recorder()
    assert isinstance(recorder, callback.FitCallback)
    model.set_callbacks(recorder).fit(X, y)
    assert recorder.open == 0
    assert sorted(recorder.begun) == sorted(recorder.ended)
    return recorder


def test_a_fit_is_experts_and_a_pool():
    recorder = recorded(LogitProdClassifier(EXPERTS, cv=2, gate_width=None))
    steps = [f"expert {name}, fold {k}/2" for name in ("lr", "nb") for k in (1, 2)]
    steps += [f"expert {name}, all rows" for name in ("lr", "nb")]
    calls = [["fit", "experts", f"{step} ({i}/6)"] for i, step in enumerate(steps, start=1)]
    assert recorder.begun == [["fit"], ["fit", "experts"], *calls, ["fit", "pool"]]
    assert recorder.data[0][0] is X
    assert recorder.data[0][1] is Y


def test_steps_of_the_automatic_path_are_tasks():
    model = LogitProdClassifier(selection_cv=2)
    recorder = recorded(model)
    steps = [own[2] for own in recorder.begun if own[:2] == ["fit", "pool"] and len(own) == 3]
    steps = [step for step in steps if step.startswith("candidates")]
    for candidate in model.selection_["candidate"][:-2]:
        assert sum(candidate in step.split(": ")[1].split("; ") for step in steps) == 2


@pytest.mark.parametrize("expert_cv", ["prefit", 2])
def test_a_search_is_outputs_candidates_and_a_refit(expert_cv):
    experts = [(name, expert.fit(X, Y)) for name, expert in EXPERTS]
    recorder = recorded(LogitProdClassifierCV(experts, expert_cv=expert_cv, **GRID))
    assert [own for own in recorder.begun if len(own) == 2] == [
        ["fit", "outputs"],
        ["fit", "candidates"],
        ["fit", "refit"],
    ]
    # fitted experts are asked once; others are cross-fitted in each fold and for the refit
    where = [own[1] for own in recorder.begun if own[-1] == "experts"]
    assert where == (["outputs"] if expert_cv == "prefit" else ["outputs", "outputs", "refit"])


def test_within_a_pipeline_and_a_search_of_scikit_learn():
    model = make_pipeline(StandardScaler(), LogitProdClassifier(gate_width=None))
    recorder = recorded(GridSearchCV(model, {"logitprodclassifier__alpha": [10.0, 100.0]}, cv=2))
    pools = [own for own in recorder.begun if own[-1] == "pool"]
    assert [own[1] for own in pools] == ["search"] * 4 + ["fit"]
    assert not hasattr(model[-1], "_skl_callbacks")


def test_a_monitor_of_scores_gets_the_fitted_estimator():
    monitor = callback.ScoringMonitor(scoring="neg_log_loss")
    model = LogitProdClassifier(gate_width=None).set_callbacks(monitor).fit(X, Y)
    (row,) = monitor.get_logs().data
    assert row["task_name"] == "fit"
    assert row["neg_log_loss"] == pytest.approx(-model.loss_)


@pytest.mark.parametrize(
    ("model", "y"),
    [
        (LogitProdClassifier(gate_width=None), None),
        (LogitProdSurvival(input="risk", n_bins=3), Y),
        (LogitProdClassifierCV(cv=1), Y),
        (LogitProdSurvivalCV(input="risk", n_bins=3, gate_widths=()), EVENTS),
        (LogitProdClassifier([("a", GaussianNB())]), Y),
    ],
    ids=["classifier", "survival", "search", "survival search", "experts"],
)
def test_a_fit_that_raises_ends_its_callbacks(model, y):
    recorder = Recorder()
    with pytest.raises(ValueError, match=r"y|cv|gate_widths|fitted"):
        model.set_callbacks(recorder).fit(X, y)
    assert recorder.open == 0
    assert ["fit"] not in recorder.ended
    assert not hasattr(model, "_callback_fit_ctx")


PROGRESS = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from sklearn.callback import ProgressBar
from test_callbacks import *
survival = dict(input="risk", n_bins=3)
alone = [
    (LogitProdClassifier(EXPERTS, cv=2, gate_width=None), Y),
    (LogitProdSurvival(gate_width=None, **survival), EVENTS),
    (LogitProdClassifierCV(**GRID), Y),
    (LogitProdSurvivalCV(**GRID, **survival), EVENTS),
]
piped = make_pipeline(StandardScaler(), LogitProdClassifier(gate_width=None))
searched = GridSearchCV(LogitProdClassifier(gate_width=None), {{"alpha": [10.0]}}, cv=2)
for model, y in [*alone, (piped, Y), (searched, Y)]:
    model.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, y)
    print("fitted", type(model).__name__)
for model, _ in alone:
    try:
        model.fit(X, None)
    except ValueError:
        print("raised", type(model).__name__)
"""


def test_progress_bars_end_with_the_fit():
    pytest.importorskip("rich")
    run = subprocess.run(
        [sys.executable, "-c", PROGRESS], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    names = ["LogitProdClassifier", "LogitProdSurvival"]
    alone = [*names, *(f"{name}CV" for name in names)]
    said = [line for line in run.stdout.splitlines() if line.startswith(("fitted", "raised"))]
    fitted = [f"fitted {name}" for name in [*alone, "Pipeline", "GridSearchCV"]]
    assert said == [*fitted, *(f"raised {name}" for name in alone)]
    assert "LogitProdClassifier - experts #0" in run.stdout
