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
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sklearn_logitprod import __version__
from sklearn_logitprod._progress import Progress
from sklearn_logitprod.cli import bundled, demo, main
from sklearn_logitprod.io import read_embeddings, read_tables

COMBINATIONS = [
    "mean of logits",
    "mean of probabilities",
    "stacked logistic regression",
    "LogitProd",
]
ROW = re.compile(r"(?P<name>\S.*?)  +(?P<cells>\d\.\d+\*?( +\d+\.\d+\*?){2,4}) *")


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


@pytest.fixture(scope="module")
def digits():
    """What the demo measures on digits from two scanners."""
    return demo.evaluate(bundled.digits(0), 0, lambda text: None)


@pytest.fixture
def result():
    """A made-up result on ten samples, in which LogitProd comes second."""
    experts = [bundled.Expert("kind", view, [0], None) for view in ("left", "right")]
    task = bundled.Task("toy", "Toy", "samples", "a or b", "x", np.zeros((30, 1)), None, experts)
    losses = dict(zip(["kind (left)", "kind (right)", *COMBINATIONS], range(6, 0, -1), strict=True))
    losses["mean of logits"] = 0.5
    return demo.Result(
        task=task,
        sizes=(10, 10, 10),
        scores={row: (loss, 0.5, 0.5) for row, loss in losses.items()},
        weights=np.tile([0.25, 0.75], (10, 1)),
        origins=None,
        losses={row: np.linspace(0.9, 1.1, 10) * loss for row, loss in losses.items()},
        gap=-0.125,
        best_reference="mean of logits",
        loss=0.5,
        proba=np.full((30, 2, 2), 0.5),
        held_back=np.arange(10, 30),
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
    text = " ".join(cytology[1].split())
    assert float(re.search(r"guarantee_gap_ (-?\d+\.\d+)", text)[1]) <= 0.0
    fused, best = re.search(r"Here it has (\d+\.\d+), and .*?, (\d+\.\d+) \(", text).groups()
    assert float(fused) <= float(best)


def test_numbers_of_an_expert_are_those_of_an_independent_computation(rows):
    data = load_breast_cancer(as_frame=True)
    radius = ["mean radius", "worst radius", "radius error"]
    smoothness = ["mean smoothness", "worst smoothness", "smoothness error"]
    X, y = data.data[radius + smoothness].to_numpy(), data.target_names[data.target]
    X_own, X, y_own, y = train_test_split(X, y, train_size=0.3, stratify=y, random_state=0)
    _, X, _, y = train_test_split(X, y, train_size=9 / 14, stratify=y, random_state=0)

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
    assert [len(part) for part in parts] == [18, 27, 15]


@pytest.mark.parametrize("name", list(bundled.TASKS))
def test_five_experts_know_five_different_things(name):
    experts = bundled.TASKS[name](seed=0).experts
    assert len({expert.name for expert in experts}) == 5
    assert len({(tuple(expert.columns), expert.origin) for expert in experts}) == 5
    assert all(expert.columns for expert in experts)


def test_images_of_the_second_scanner_are_five_times_as_bright():
    task = bundled.digits(seed=0)
    plain = load_digits().data
    assert set(task.origins) == {"A", "B"}
    for origin, times in (("A", 1), ("B", 5)):
        rows = task.origins == origin
        np.testing.assert_array_equal(task.X[rows], times * plain[rows])


def test_weights_on_digits_follow_the_scanner(digits):
    means = demo.mean_weights(digits)
    difference = means["B"] - means["A"]
    assert difference[1] > 0.1 > -0.1 > difference[0]
    assert [line.split()[-2:] for line in demo.table(digits) if "weight" in line] == [
        ["weight", "B"]
    ]
    assert (
        "the neural network (scanner B) has a mean weight of "
        f"{means['B'][1]:.2f} on those of scanner B and of {means['A'][1]:.2f} on those of "
        "scanner A" in demo.trust(digits)
    )


def test_weights_that_differ_without_an_origin_are_told_by_their_range(result):
    weights = np.linspace([0.25, 0.75], [0.5, 0.5], 10)
    assert "the kind (left) has from 0.25 to 0.50" in demo.trust(replace(result, weights=weights))


def test_a_folder_that_cannot_be_made_is_said_before_the_work(tmp_path, capsys, monkeypatch):
    def refuse(path, *args, **keywords):
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr("sklearn_logitprod.cli.demo.evaluate", None)
    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    assert main(["demo", "--files", str(tmp_path / "files")]) == 2
    said = capsys.readouterr().err
    assert said.endswith(f"{tmp_path / 'files' / 'digits'}: Read-only file system\n")


def test_missing_torch_is_said_before_the_work(capsys, monkeypatch):
    monkeypatch.setattr("sklearn_logitprod.cli.demo.evaluate", None)
    monkeypatch.delitem(sys.modules, "sklearn_logitprod.training.network", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["demo"]) == 2
    assert "not installed: python -m pip install torch" in capsys.readouterr().err


def test_files_are_read_by_the_other_commands(tmp_path, capsys):
    folder = tmp_path / "files"
    assert main(["demo", "--data", "cytology", "--files", str(folder)]) == 0
    shown = capsys.readouterr().out
    tables = sorted((folder / "cytology" / "predictions").glob("*.csv"))
    outputs = read_tables(tables, label="label")
    assert outputs.expert_names == ["area", "compactness", "concave_points", "perimeter", "radius"]
    labels = folder / "cytology" / "labels.csv"
    features = {path.stem: path for path in (folder / "cytology" / "features").glob("*.csv")}
    embeddings = read_embeddings(features, labels, label="label")
    assert embeddings.X.shape == (569, 30)
    np.testing.assert_array_equal(
        embeddings.y, load_breast_cancer().target_names[load_breast_cancer().target]
    )
    assert f"logitprod compare {folder / 'cytology'}/predictions/*.csv --label label" in shown

    # a sample has one name in all files, and predictions are of samples new to the experts
    own = demo.split(embeddings.y, 0)[0]
    rows = [int(name[1:]) for name in outputs.ids]
    assert len(rows) == 399
    assert not set(rows) & set(own.tolist())
    np.testing.assert_array_equal(np.asarray(outputs.y), embeddings.y[rows])

    assert main(["demo", "--data", "cytology", "--files", str(folder)]) == 2
    assert "exists: write --files with the name of another folder" in capsys.readouterr().err


def test_conclusions_say_when_logitprod_is_not_best(result):
    trust, text, guarantee = demo.conclusions(result)
    assert "never worse in log-loss than the best single expert" in guarantee
    assert "Here it has 0.5000, and the best of these, the mean of logits, 0.6250" in guarantee
    assert "For new samples there is no such promise" in guarantee
    assert "kind (right) most: mean weight 0.75, nearly the same for all samples" in trust
    assert "against 5.000 for the expert that turns out best here, the kind (right)" in text
    assert "4.000 lower, standard error" in text
    assert "It is not the lowest: mean of logits has 0.500, and LogitProd is number 2 of 6" in text


def test_conclusions_say_when_an_expert_beats_logitprod(result):
    scores, losses = dict(result.scores), dict(result.losses)
    scores["kind (left)"] = (0.25, 0.5, 0.5)
    losses["kind (left)"] = np.linspace(0.9, 1.1, 10) * 0.25
    _, text, _ = demo.conclusions(replace(result, scores=scores, losses=losses))
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
        (["demo", "--data", "iris"], "choose from 'digits', 'cytology', 'all'"),
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
def test_demo_on_both_data_sets_ends_within_15_seconds():
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
    assert seconds < 15 * float(os.environ.get("LOGITPROD_PATIENCE", "1"))
    assert done.stdout.count("The guarantee: ") == 2
    for name in COMBINATIONS:
        assert len(re.findall(rf"^{name}  ", done.stdout, re.MULTILINE)) == 2
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
