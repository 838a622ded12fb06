"""Memory: many fits leave nothing behind, and prediction needs little beside its input.

Run as a script, it lets each kind of estimator live as many lives as one likes::

    python tests/test_memory.py --lives 1000
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads Linux's /proc"),
]

FITS = """
import gc, os
import numpy as np
from sklearn_logitprod import LogitProdClassifier

def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

rng = np.random.default_rng(0)
y = np.arange(90) % 3
X = rng.normal(size=(90, 3, 3))

def fit(number):
    width = (None, 0, "auto", 4)[number % 4]
    model = LogitProdClassifier(gate_width=width, max_iter=20, tol=1e-3, random_state=number)
    model.fit(X + 1e-3 * number, y).predict_proba(X)

import warnings
warnings.simplefilter("ignore")
for number in range(100):
    fit(number)
before = resident()
for number in range(NUMBER):
    fit(number)
print(resident() - before)
"""

LIVES = """
import gc, os, sys
sys.path.insert(0, FOLDER)
from test_side_by_side import lived

def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

for seed in range(60):
    lived(KIND, seed)
before = resident()
for seed in range(NUMBER):
    lived(KIND, seed)
print(resident() - before)
"""

PREDICTION = """
import sys
import numpy as np
from sklearn_logitprod import LogitProdClassifier

def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024

rng = np.random.default_rng(0)
y = np.arange(3000) % 2
X = rng.normal(size=(3000, 6, 2)).astype(np.float32)
model = LogitProdClassifier(gate_width=WIDTH).fit(X, y)
many = np.empty((5_000_000, 6, 2), dtype=np.float32)
for start in range(0, len(many), 3000):
    many[start : start + 3000] = X[: len(many) - start]
before = peak()
proba = model.predict_proba(many)
print(peak() - before)
np.testing.assert_allclose(proba[:3000], proba[3000:6000], rtol=1e-9)
"""


def printed(code, timeout=600):
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def test_fits_leave_nothing_behind():
    # of 1000, by the script, these are the same 20 MiB
    assert printed(FITS.replace("NUMBER", "250")) < 5


@pytest.mark.parametrize("gate_width", ["None", "0", "'auto'"])
def test_prediction_of_five_million_rows_takes_less_than_500_mib(gate_width):
    assert printed(PREDICTION.replace("WIDTH", gate_width)) < 500


def grown(kind, n_lives, timeout=600):
    """MiB that fits of a kind, and all that is done after them, leave behind."""
    said = {"FOLDER": Path(__file__).parent.as_posix(), "KIND": kind}
    code = LIVES.replace("NUMBER", str(n_lives))
    for name, value in said.items():
        code = code.replace(name, repr(value))
    return printed(code, timeout)


KINDS = ("classes", "survival", "values", "panel")


@pytest.mark.parametrize("kind", KINDS)
def test_lives_of_every_kind_leave_nothing_behind(kind):
    # with 1000 lives, by the script, these are the same 20 MiB
    assert grown(kind, 100) < 5


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--lives", type=int, default=1000)
    n_lives = parser.parse_args().lives
    taken = printed(FITS.replace("NUMBER", "1000"), None)
    print(f"{taken:.1f} MiB after 1000 fits", flush=True)
    for width in ("None", "0", "'auto'"):
        taken = printed(PREDICTION.replace("WIDTH", width), None)
        print(f"gate_width={width}: {taken:.0f} MiB for predict_proba", flush=True)
    for kind in KINDS:
        print(f"{kind}: {grown(kind, n_lives, None):.1f} MiB after {n_lives} lives", flush=True)
