"""The command line and its demo: numbers, honesty, exit codes."""

import contextlib
import io
import os
import re
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sklearn_logitprod import __version__
from sklearn_logitprod._progress import Progress
from sklearn_logitprod.cli import demo, main

COMBINATIONS = [
    "mean of logits",
    "mean of probabilities",
    "stacked logistic regression",
    "LogitProd",
]
ROW = re.compile(r"(?P<name>\S.*?)  +(?P<cells>[01]\.\d+\*?( +\d+\.\d+\*?){2,3}) *")


def table_rows(text):
    """Cells of each row of the table, by the row's name."""
    matches = [ROW.fullmatch(line) for line in text.splitlines()]
    return {match["name"]: match["cells"].split() for match in matches if match}


def number(cell):
    return float(cell.rstrip("*"))


@pytest.fixture(scope="module")
def cytology():
    """Exit code, standard output and standard error of the demo on cytology."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["demo", "--data", "cytology"])
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def rows(cytology):
    return table_rows(cytology[1])


@pytest.fixture
def result():
    """A made-up result on ten samples, in which LogitProd comes second."""
    experts = [demo.Expert("kind", view, [0], None) for view in ("left", "right")]
    task = demo.Task("toy", "Toy", "samples", "a or b", "x", np.zeros((30, 1)), None, experts)
    losses = dict(zip(["kind (left)", "kind (right)", *COMBINATIONS], range(6, 0, -1), strict=True))
    losses["mean of logits"] = 0.5
    return demo.Result(
        task=task,
        sizes=(10, 10, 10),
        scores={row: (loss, 0.5, 0.5) for row, loss in losses.items()},
        weights=np.tile([0.25, 0.75], (10, 1)),
        losses={row: np.linspace(0.9, 1.1, 10) * loss for row, loss in losses.items()},
        gap=-0.125,
        best_reference="mean of logits",
    )


def test_demo_prints_one_table_of_five_experts_and_four_combinations(cytology, rows):
    code, out, _ = cytology
    assert code == 0
    assert list(rows)[5:] == COMBINATIONS
    assert [len(cells) for cells in rows.values()] == [4] * 5 + [3] * 4
    assert max(len(line) for line in out.split("The same with")[0].splitlines()) <= 80


def test_table_is_aligned(cytology):
    lines = [line for line in cytology[1].splitlines() if ROW.fullmatch(line)]
    points = [[match.start() for match in re.finditer(r"\.", line)][:3] for line in lines]
    assert len({tuple(row) for row in points}) == 1


def test_stars_mark_the_best_of_each_column(rows):
    for column, best in enumerate((min, max, max)):
        cells = [row[column] for row in rows.values()]
        values = [number(cell) for cell in cells]
        assert [cell.endswith("*") for cell in cells] == [v == best(values) for v in values]


def test_mean_weights_sum_to_one(rows):
    weights = [float(cells[3]) for cells in list(rows.values())[:5]]
    assert sum(weights) == pytest.approx(1.0, abs=0.025 + 1e-9)


def test_guarantee_gap_is_printed_and_not_positive(cytology):
    assert float(re.search(r"Guarantee gap (-?\d+\.\d+)", cytology[1])[1]) <= 0.0


def test_numbers_of_an_expert_are_those_of_an_independent_computation(rows):
    data = load_breast_cancer(as_frame=True)
    radius = ["mean radius", "worst radius", "radius error"]
    smoothness = ["mean smoothness", "worst smoothness", "smoothness error"]
    X, y = data.data[radius + smoothness].to_numpy(), data.target_names[data.target]
    X_own, X, y_own, y = train_test_split(X, y, train_size=0.4, stratify=y, random_state=0)
    _, X, _, y = train_test_split(X, y, train_size=0.5, stratify=y, random_state=0)

    scaler = StandardScaler().fit(X_own)
    expert = LogisticRegression().fit(scaler.transform(X_own), y_own)
    proba = (1 - 1e-6) * expert.predict_proba(scaler.transform(X)) + 1e-6 / 2
    auc = roc_auc_score(y == expert.classes_[1], proba[:, 1])
    accuracy = np.mean(expert.classes_[proba.argmax(axis=1)] == y)

    shown = rows["logistic regression  radius, smoothness"]
    assert [cell.rstrip("*") for cell in shown[:3]] == [
        f"{log_loss(y, proba):.3f}",
        f"{auc:.4f}",
        f"{accuracy:.3f}",
    ]


def test_parts_of_the_data_are_disjoint_and_complete():
    y = np.repeat(["a", "b", "c"], 20)
    parts = demo.split(y, seed=3)
    assert sorted(np.concatenate(parts)) == list(range(60))
    assert [len(part) for part in parts] == [24, 18, 18]


@pytest.mark.parametrize("name", list(demo.TASKS))
def test_experts_are_five_kinds_on_five_views(name):
    experts = demo.TASKS[name](seed=0).experts
    assert len({expert.kind for expert in experts}) == 5
    assert len({type(expert.model[-1]) for expert in experts}) == 5
    assert len({tuple(expert.columns) for expert in experts}) == 5
    assert all(expert.columns for expert in experts)


def test_conclusions_say_when_logitprod_is_not_best(result):
    gap, text = demo.conclusions(result)
    assert gap.startswith("Guarantee gap -0.1250: ")
    assert "trusts the kind (right) most: mean weight 0.75, the same for all samples" in text
    assert "against 5.000 for the expert that turns out best here, the kind (right)" in text
    assert "4.000 lower, standard error" in text
    assert "It is not the lowest: mean of logits has 0.500, and LogitProd is number 2 of 6" in text


def test_conclusions_say_when_an_expert_beats_logitprod(result):
    scores, losses = dict(result.scores), dict(result.losses)
    scores["kind (left)"] = (0.25, 0.5, 0.5)
    losses["kind (left)"] = np.linspace(0.9, 1.1, 10) * 0.25
    _, text = demo.conclusions(replace(result, scores=scores, losses=losses))
    assert "the kind (left): 0.750 higher" in text
    assert "LogitProd is number 3 of 6" in text


def test_conclusions_call_a_difference_within_two_standard_errors_noise(result):
    noisy = np.tile([-10.0, 10.0], 5)
    losses = result.losses | {"kind (right)": 5.0 + noisy}
    assert (
        "so within the noise of 10 samples" in demo.conclusions(replace(result, losses=losses))[1]
    )
    assert "noise" not in demo.conclusions(result)[1]


def test_conclusions_are_silent_on_rivals_when_logitprod_is_best(result):
    scores = result.scores | {"mean of logits": (3.5, 0.5, 0.5)}
    assert "No other row has a lower one." in demo.conclusions(replace(result, scores=scores))[1]


def test_progress_goes_to_standard_error_one_line_per_step(cytology):
    _, out, err = cytology
    lines = err.splitlines()
    assert [f"expert {m} of 5" in lines[m] for m in range(1, 6)] == [True] * 5
    assert "fusing 5 experts" in lines[6]
    assert "\r" not in err
    assert " s] " not in out


def on_screen(written):
    """What one line of a terminal shows after a text with carriage returns."""
    line = ""
    for part in written.split("\r"):
        line = part + line[len(part) :]
    return line.rstrip()


def test_progress_overwrites_itself_on_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    stream = io.StringIO()
    stream.isatty = lambda: True
    progress = Progress(stream)
    progress("a long line " * 10)
    assert len(on_screen(stream.getvalue())) == 39
    progress("short")
    assert re.fullmatch(r"\[ *\d+\.\d s\] short", on_screen(stream.getvalue()))
    progress.clear()
    assert on_screen(stream.getvalue()) == ""
    assert "\n" not in stream.getvalue()


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"sklearn_logitprod {__version__}\n"


def test_no_command_prints_help(capsys):
    assert main([]) == 0
    assert "demo" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["fuze"],
            "invalid choice: 'fuze' (choose from 'demo', 'compare', 'probe', 'fit', 'predict', "
            "'adapt', 'extend', 'certify', 'export')",
        ),
        (["demo", "--data", "iris"], "choose from 'cytology', 'digits', 'all'"),
        (["demo", "--seed", "-1"], "'-1' is not a whole number from 0 to 4294967295"),
        (["demo", "--seed", "one"], "'one' is not a whole number"),
        (["demo", "--speed"], "unrecognized arguments: --speed"),
    ],
)
def test_bad_arguments_exit_with_2_and_say_what_is_wrong(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    # Python 3.12 and later quote no choices
    assert message.replace("'", "") in captured.err.replace("'", "")


def test_interrupt_exits_without_traceback(monkeypatch, capsys):
    def stop(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "run", stop)
    assert main(["demo"]) == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.slow
def test_demo_on_both_data_sets_ends_within_30_seconds():
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "sklearn_logitprod", "demo"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    seconds = time.perf_counter() - start
    assert done.returncode == 0, done.stderr
    assert seconds < 30 * float(os.environ.get("LOGITPROD_PATIENCE", "1"))
    assert done.stdout.count("Guarantee gap") == 2
    for name in COMBINATIONS:
        assert len(re.findall(rf"^{name}  ", done.stdout, re.MULTILINE)) == 2
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
