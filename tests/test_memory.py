"""Memory: many fits leave nothing behind, and prediction needs little beside its input."""

import os
import subprocess
import sys

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
for number in range(1000):
    fit(number)
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


def printed(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def test_a_thousand_fits_grow_by_less_than_20_mib():
    assert printed(FITS) < 20


@pytest.mark.parametrize("gate_width", ["None", "0", "'auto'"])
def test_prediction_of_five_million_rows_takes_less_than_500_mib(gate_width):
    assert printed(PREDICTION.replace("WIDTH", gate_width)) < 500
