"""Ctrl-C ends within two seconds, a full disk is an error, and what was there stays."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_logitprod.cli import main

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and limits of POSIX")
ROOT = Path(__file__).resolve().parents[1]
# two seconds are promised; where other work loads the machine the factor says how much patience
PROMISED = 2.0 * float(os.environ.get("LOGITPROD_PATIENCE", "1"))

FIT = """
import sys
import numpy as np
from sklearn_logitprod import LogitProdClassifier
rng = np.random.default_rng(0)
y = np.arange(SIZE) % 10
X = rng.normal(size=(SIZE, 6, 10))
X[np.arange(SIZE), 0, y] += 1.0
model = LogitProdClassifier(gate_width=WIDTH, max_iter=10000, tol=1e-14)
print("fitting", flush=True)
try:
    model.fit(X, y)
except KeyboardInterrupt:
    print("fitted:", [name for name in vars(model) if name.endswith("_")], flush=True)
    sys.exit(130)
print("done")
"""


@pytest.fixture(autouse=True)
def ctrl_c_is_heard():
    """As in a terminal: processes in the background ignore it, and so do those they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupted(command, said, stream, after=0.2):
    """What a command gives that gets Ctrl-C soon after it said a word, and how long it took."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for line in getattr(process, stream):
        if said in line:
            break
    time.sleep(after)
    assert process.poll() is None, process.communicate()
    # as a terminal does: to the whole group of processes
    os.killpg(process.pid, signal.SIGINT)
    start = time.perf_counter()
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err, time.perf_counter() - start


@pytest.mark.slow
@pytest.mark.parametrize("gate_width", ["None", "0", "8", "'auto'"])
def test_fit(gate_width):
    # constant weights are quick
    size = "400000" if gate_width == "None" else "40000"
    command = [sys.executable, "-c", FIT.replace("WIDTH", gate_width).replace("SIZE", size)]
    code, out, err, seconds = interrupted(command, "fitting", "stdout")
    assert (code, out) == (130, "fitted: []\n"), err
    assert seconds < PROMISED


def experts(folder, n, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=n)
    for name in ("uni", "conch", "virchow"):
        p = 1 / (1 + np.exp(rng.normal(size=n) - (2 * y - 1)))
        table = {"slide_id": np.arange(n), "label": y, "prob_0": 1 - p, "prob_1": p}
        pd.DataFrame(table).to_csv(folder / f"{name}.csv", index=False)
    return [str(folder / f"{name}.csv") for name in ("uni", "conch", "virchow")]


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_compare(tmp_path, jobs):
    files = experts(tmp_path, 3000)
    out = tmp_path / "table.csv"
    out.write_text("old")
    command = [sys.executable, "-m", "sklearn_logitprod", "compare", *files, "--label", "label"]
    command += ["--repeats", "200", "--jobs", jobs, "--out", str(out), "--force"]
    # by then workers are past their imports, within which Ctrl-C is Python's to tell
    code, said, err, seconds = interrupted(command, "split 10 of", "stderr")
    assert code == 130, err
    assert said == ""
    assert "interrupted" in err
    assert "Traceback" not in err
    assert seconds < PROMISED
    assert out.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_probe_goes_on_from_its_cache(tmp_path, jobs):
    files, cache = features(tmp_path, 200, 16), tmp_path / "cache"
    out = tmp_path / "table.csv"
    out.write_text("old")
    command = [sys.executable, "-m", "sklearn_logitprod", "probe", *files, "--label", "label"]
    command += ["--labels", str(tmp_path / "labels.csv"), "--out", str(out), "--force"]
    command += ["--jobs", jobs, "--cache", str(cache), "--resamples", "20", "--cv", "3"]
    # by then both workers are past their imports, as above
    code, said, err, seconds = interrupted([*command, "--repeats", "300"], "split 10 of", "stderr")
    assert code == 130, err
    assert said == ""
    assert "interrupted" in err
    assert "Traceback" not in err
    assert seconds < PROMISED
    assert out.read_text() == "old"
    # the first splits are those of fewer repeats, too, and their heads are there
    done = subprocess.run([*command, "--repeats", "1"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    told = re.search(r"heads: (\d+) of (\d+) fit", done.stdout + done.stderr)
    assert told, done.stdout + done.stderr
    assert int(told[1]) < int(told[2])
    assert out.read_text() != "old"


def features(folder, n, width):
    """Tables of features of two encoders, and the table of their labels; what `probe` takes."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=n)
    ids = [f"s{i}" for i in range(n)]
    pd.DataFrame({"slide_id": ids, "label": y}).to_csv(folder / "labels.csv", index=False)
    names = ("uni", "conch")
    for name in names:
        table = pd.DataFrame(rng.normal(size=(n, width)) + 0.3 * y[:, None])
        table.columns = [f"f{j}" for j in range(width)]
        table.insert(0, "slide_id", ids)
        table.to_csv(folder / f"{name}.csv", index=False)
    return [str(folder / f"{name}.csv") for name in names]


def test_exit_code_where_the_signal_falls_into_generated_code(tmp_path):
    """Modules that are imported late make dataclasses, whose methods are text that is run."""
    (tmp_path / "command.py").write_text(
        "import sys\n"
        "from sklearn_logitprod import cli\n"
        "from sklearn_logitprod.cli import demo\n"
        "demo.run = lambda args: exec('raise KeyboardInterrupt')\n"
        "sys.exit(cli.main(['demo']))\n"
    )
    command = [sys.executable, "-m", "command"]
    folders = os.pathsep.join([str(tmp_path), str(ROOT)])
    ended = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": folders}, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stderr) == (130, "\ninterrupted\n")


@pytest.mark.slow
def test_suite_keeps_what_is_done_and_goes_on(shared_data, shared_bank, tmp_path):
    pytest.importorskip("tqdm", reason="needs the benchmarks extra")
    shared_data("glioma_grade_pathgraph")
    table = tmp_path / "results.csv"
    command = [sys.executable, str(ROOT / "examples" / "benchmarks" / "suite.py"), "--jobs", "1"]
    command += ["--csv", str(table), "--bank", str(shared_bank), "--tasks", "tae__mixed"]
    command += ["--repeats", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, env=environment, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 600
    while not (table.exists() and len(table.read_text().splitlines()) > 1):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    start = time.perf_counter()
    _, err = process.communicate(timeout=60)
    seconds = time.perf_counter() - start
    assert seconds < PROMISED
    assert process.returncode == 130, err
    assert "Traceback" not in err
    kept = table.read_text()
    assert kept.endswith("\n")

    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert table.read_text().startswith(kept)
    results = pd.read_csv(table)
    keys = ["task", "family", "condition", "repeat", "split", "method", "n_fit", "n_test"]
    assert not results.duplicated(keys).any()
    assert set(results["repeat"]) == {0, 1}


def ran(*command):
    subprocess.run([sys.executable, "-m", "sklearn_logitprod", *command, "--quiet"], check=True)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Files of outputs and of features, and a model."""
    # Matplotlib keeps what fonts there are, and says so where it cannot
    pytest.importorskip("matplotlib.font_manager")
    folder = tmp_path_factory.mktemp("fitted")
    files = experts(folder, 90)
    ran("fit", *files[:2], "--label", "label", "--gate", "none", "--save", f"{folder}/model.skops")
    for name in ("new", "probe"):
        (folder / name).mkdir()
    return folder, files, experts(folder / "new", 90, 1), features(folder / "probe", 60, 4)


# command, option of the file, what else it needs: models are of the first two experts
FULL = {
    "compare --out": ["--label", "label", "--cv", "2", "--repeats", "1", "--resamples", "20"],
    "compare --report": ["--label", "label", "--cv", "2", "--repeats", "1", "--resamples", "20"],
    "fit --save": ["--label", "label"],
    "predict --out": [],
    "adapt --save": ["--label", "label"],
    "extend --save": ["--label", "label"],
    "certify --report": ["--label", "label", "--safety", "0.05"],
    "export --onnx": [],
    "probe --save": ["--label", "label", "--cv", "2", "--repeats", "1", "--resamples", "20"],
    "probe --report": ["--label", "label", "--cv", "2", "--repeats", "1", "--resamples", "20"],
}


def to_write(command, fitted, folder):
    """A file that is there, and the arguments of a command that would write it anew."""
    files_of, files, new, slides = fitted
    name, _, option = command.partition(" ")
    target = folder / ("target.onnx" if name == "export" else "target")
    arguments = [*FULL[command], option, str(target)]
    if name == "probe":
        arguments = [*slides, "--labels", str(files_of / "probe" / "labels.csv"), *arguments]
    elif name in ("compare", "fit"):
        arguments = [*files, *arguments]
    else:
        own = {"extend": new, "export": []}.get(name, new[:2])
        arguments = [str(files_of / "model.skops"), *own, *arguments]
    target.write_text("old")
    quiet = [] if name == "export" else ["--quiet"]
    return target, [name, *arguments, "--force", *quiet]


LIMITED = """
import contextlib, io, json, resource, sys
from sklearn_logitprod.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
for arguments in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    print(json.dumps([code, err.getvalue()]))
"""


@pytest.fixture(scope="module")
def on_full_disk(fitted, tmp_path_factory):
    """Of each command its file, exit code and errors where no file may grow beyond 500 bytes."""
    given = [to_write(command, fitted, tmp_path_factory.mktemp("full")) for command in FULL]
    arguments = json.dumps([own for _, own in given])
    # one process for all: each would import everything anew
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, arguments], capture_output=True, text=True, timeout=600
    )
    told = map(json.loads, done.stdout.splitlines())
    return {
        command: (target, *own) for command, (target, _), own in zip(FULL, given, told, strict=True)
    }


def needs(command):
    if command.startswith("export"):
        pytest.importorskip("onnx")


@pytest.mark.parametrize("command", FULL)
def test_a_full_disk_is_an_error_and_leaves_the_old_file(command, on_full_disk):
    needs(command)
    target, code, err = on_full_disk[command]
    assert code == 2, err
    *others, last = err.splitlines()
    assert "File too large" in last
    assert str(target.name) in last
    # the cache of heads, which is full as well, is no reason to stop
    assert len(others) == command.startswith("probe"), err
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("command", FULL)
def test_ctrl_c_at_the_last_moment_leaves_the_old_file(
    command, fitted, tmp_path, monkeypatch, capsys
):
    needs(command)
    target, arguments = to_write(command, fitted, tmp_path)

    def replace(source, path):
        # written whole beside the old one, and about to take its name
        assert os.path.getsize(source) > 500
        raise KeyboardInterrupt

    monkeypatch.setattr("sklearn_logitprod.cli.files.os.replace", replace)
    assert main(arguments) == 130
    assert capsys.readouterr().err.endswith("interrupted\n")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
