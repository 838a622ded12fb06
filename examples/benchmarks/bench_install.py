"""What each way to install takes: seconds, megabytes, and processor seconds to a first prediction.

    python examples/benchmarks/bench_install.py [prediction] [graph] [all]

Makes a fresh environment of each in a temporary folder, as docs/persistence.rst and docs/export.rst
say, and predicts a stored model in it, in a process of its own. pip takes what is in its cache, and
of torch the build that it finds: those for GPUs are several times as large as that for processors.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STORED = ROOT / "tests" / "stored"

BY_PACKAGE = f"""
import pickle, sys, warnings
import numpy as np
warnings.simplefilter("ignore")
with open({str(STORED / "hidden_0_1.pkl")!r}, "rb") as file:
    model = pickle.load(file)
print(model.predict_proba(np.zeros((2, 3, 3))).shape, "torch" in sys.modules)
"""
BY_GRAPH = f"""
import numpy as np
import onnxruntime
session = onnxruntime.InferenceSession({str(STORED / "export" / "pool.onnx")!r})
print(session.run(None, {{"logits": np.zeros((2, 3, 3), np.float32)}})[0].shape)
"""
WAYS = {
    "prediction": (
        "fit constant weights, predict with any model",
        [["-r", "constraints-predict.txt"], ["--no-deps", "."]],
        BY_PACKAGE,
    ),
    "graph": (
        "predict with an exported graph, without this package",
        [["-c", "constraints.txt", "onnxruntime"]],
        BY_GRAPH,
    ),
    "all": ("fit gates, too: with torch", [["-c", "constraints.txt", "."]], BY_PACKAGE),
}


def timed(command):
    """Seconds that a command takes."""
    started = time.perf_counter()
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def computed(command):
    """Seconds of the processor that a command takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # modules that are compiled stay so, whatever this machine has it
    own = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL, env=own)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def megabytes(folder):
    """Size of all files below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 1e6


def main(names):
    """Print a line for each way."""
    print(f"{'way':12}{'install s':>10}{'MB':>7}{'predict s':>11}  what it is for")
    for name in names or WAYS:
        purpose, installs, predict = WAYS[name]
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            python = str(Path(folder) / "bin" / "python")
            pip = [python, "-m", "pip", "install", "-q", "--no-compile"]
            seconds = sum(timed([*pip, *own]) for own in installs)
            size = megabytes(Path(folder) / "lib")
            computed([python, "-c", predict])
            # the second time, as every later one: modules are compiled
            again = computed([python, "-c", predict])
        print(f"{name:12}{seconds:10.0f}{size:7.0f}{again:11.2f}  {purpose}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
