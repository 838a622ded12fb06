"""Time of fits, predictions and imports, relative to scikit-learn and SciPy.

Run ``python examples/benchmarks/bench_fit.py --help`` for the options.
"""

import os

# One thread for both sides of every ratio; BLAS reads this when NumPy is imported.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import argparse
import math
import pickle
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from statistics import median

import numpy as np
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import GridSearchCV

from sklearn_logitprod import LogitProdClassifier, LogitProdClassifierCV

SHAPES = ((600, 6, 2), (2000, 14, 10))
# times as long as the other side, by shape
MAX_CONSTANT = {SHAPES[0]: 2.0, SHAPES[1]: 1.5}
MAX_LINEAR = {SHAPES[0]: 4.0, SHAPES[1]: 10.0}
MAX_AUTO, MAX_SEARCH, MAX_PREDICT, MAX_IMPORT = 0.75, 0.1, 4.0, 1.15
# many classes and many experts, in seconds: gate width, shape and limit
WIDE = ((None, (2000, 6, 1000), 1.0), ("auto", (500, 200, 2), 1.0))
N_PREDICT = 100_000
WIDTHS, TEMPERATURES, FOLDS = (None, 0, 8, 16, 32), (0.5, 1, 2, 4), 5

# A call is repeated until it has taken this long, so that the clock's grain is no matter.
MIN_SECONDS = 0.05

IMPORT = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"
IMPORT_IS_LIGHT = "import sys, sklearn_logitprod; print('torch' in sys.modules)"
PREDICT_IS_LIGHT = """
import pickle, sys
model, X = pickle.load(open(sys.argv[1], "rb"))
model.predict_proba(X)
print("torch" in sys.modules)
"""


def make_problem(n_samples, n_experts, n_classes, seed, saturated=True):
    """Logits of experts of unequal skill whose errors are correlated.

    Hard samples are hard for all: half of the variance of the noise is shared. If
    saturated, every third expert is several times too confident, as networks fitted to the
    end are; logistic regression then needs more iterations.
    """
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n_samples)
    skill = np.linspace(0.6, 2.4, n_experts)
    shared = rng.normal(size=(n_samples, 1, n_classes))
    own = rng.normal(size=(n_samples, n_experts, n_classes))
    logits = (shared + own) / np.sqrt(2.0)
    logits[np.arange(n_samples), :, y] += skill
    if saturated:
        logits[:, ::3] *= 6.0
    return log_softmax(logits, axis=2), y


def alternate(ours, theirs, runs):
    """Median seconds of two functions, called in turn so that both see the same machine.

    Of wall-clock time, then of processor time, which other processes disturb less.
    """
    functions = (ours, theirs)
    counts = []
    for function in functions:
        function()
        start = time.perf_counter()
        function()
        counts.append(max(1, math.ceil(MIN_SECONDS / (time.perf_counter() - start))))
    spent = ([], [])
    for _ in range(runs):
        for function, count, own in zip(functions, counts, spent, strict=True):
            own.append(_seconds(function, count))
    return [[median(times) for times in zip(*own, strict=True)] for own in spent]


def _seconds(function, count):
    """Wall-clock and processor time of a call."""
    start = time.perf_counter(), time.process_time()
    for _ in range(count):
        function()
    stop = time.perf_counter(), time.process_time()
    return [(last - first) / count for first, last in zip(start, stop, strict=True)]


def time_wide(gate_width, shape, seed, runs):
    """Median seconds of a fit on a problem with many classes or experts."""
    X, y = make_problem(*shape, seed, saturated=False)
    # few rows need not show every class
    model = LogitProdClassifier(gate_width=gate_width, classes=range(shape[2]))
    model.fit(X, y)
    spent = [_seconds(lambda: model.fit(X, y), 1) for _ in range(runs)]
    return [median(times) for times in zip(*spent, strict=True)]


def time_fit(gate_width, X, y, runs):
    """Fit with this gate, and logistic regression as it comes on the flattened logits."""
    flat = X.reshape(len(X), -1)

    def ours():
        LogitProdClassifier(gate_width=gate_width).fit(X, y)

    def theirs():
        with warnings.catch_warnings():
            # It may stop at its default number of iterations, which is to its advantage.
            warnings.simplefilter("ignore", ConvergenceWarning)
            LogisticRegression().fit(flat, y)

    return alternate(ours, theirs, runs)


def time_auto(X, y, runs):
    """The automatic gate, and logistic regression with a penalty by cross-validation."""
    flat = X.reshape(len(X), -1)

    def ours():
        LogitProdClassifier().fit(X, y)

    def theirs():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            LogisticRegressionCV(Cs=5, cv=5).fit(flat, y)

    return alternate(ours, theirs, runs)


def time_search(X, y, runs):
    """The batched search, and a grid search with one worker over the same candidates."""
    grid = {"gate_width": list(WIDTHS), "temperature": list(TEMPERATURES)}

    def ours():
        LogitProdClassifierCV(
            gate_widths=WIDTHS, temperatures=TEMPERATURES, alphas=(100.0,), cv=FOLDS
        ).fit(X, y)

    def theirs():
        single = LogitProdClassifier()
        GridSearchCV(single, grid, cv=FOLDS, scoring="neg_log_loss").fit(X, y)

    return alternate(ours, theirs, runs)


def time_predict(model, X, runs):
    """``predict_proba`` of a fitted model, and log-softmax over the same array."""
    return alternate(lambda: model.predict_proba(X), lambda: log_softmax(X, axis=2), runs)


def run_python(code, *arguments):
    """Standard output of a fresh interpreter."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def time_import(runs):
    """Import of the package and of scikit-learn's ensembles, each in fresh interpreters."""
    modules = ("sklearn_logitprod", "sklearn.ensemble")
    seconds = {module: [] for module in modules}
    # The first round fills the file cache and is dropped.
    for run in range(runs + 1):
        for module in modules:
            spent = float(run_python(IMPORT.format(module)))
            if run:
                seconds[module].append(spent)
    return [(median(seconds[module]), math.nan) for module in modules]


def loads_torch(model, X):
    """Whether a fresh interpreter has torch after the import, and after a prediction."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.pkl"
        file.write_bytes(pickle.dumps((model, X)))
        return run_python(IMPORT_IS_LIGHT) == "True", run_python(
            PREDICT_IS_LIGHT, str(file)
        ) == "True"


def ratio_row(what, against, times, target):
    (ours, own_cpu), (theirs, other_cpu) = times
    ratio, of_cpu = ours / theirs, own_cpu / other_cpu
    return (
        what,
        f"{1e3 * ours:.2f}",
        against,
        f"{1e3 * theirs:.2f}",
        f"{ratio:.2f}",
        "" if math.isnan(of_cpu) else f"{of_cpu:.2f}",
        f"<= {target:g}",
        "met" if ratio <= target else "missed",
    )


def torch_row(what, loaded):
    return what, "", "", "", "yes" if loaded else "no", "", "no", "missed" if loaded else "met"


def measure(seed, runs):
    """Rows of the table, one after the other."""
    against = "LogisticRegression"
    for shape in SHAPES:
        for saturated in (False, True):
            name = f"{' x '.join(map(str, shape))}, {'saturated' if saturated else 'calm'}"
            X, y = make_problem(*shape, seed, saturated)
            constant, linear = time_fit(None, X, y, runs), time_fit(0, X, y, runs)
            yield ratio_row(f"fit constant, {name}", against, constant, MAX_CONSTANT[shape])
            yield ratio_row(f"fit linear gate, {name}", against, linear, MAX_LINEAR[shape])
            auto = time_auto(X, y, runs)
            yield ratio_row(f"fit auto, {name}", f"{against}CV", auto, MAX_AUTO)
            search = time_search(X, y, runs)
            yield ratio_row(f"search of 20 x 5, {name}", "GridSearchCV", search, MAX_SEARCH)
        model = LogitProdClassifier(gate_width=0).fit(X, y)
        many, _ = make_problem(N_PREDICT, *shape[1:], seed + 1)
        name = " x ".join(map(str, many.shape))
        times = time_predict(model, many, runs)
        yield ratio_row(f"predict_proba, {name}", "log_softmax", times, MAX_PREDICT)
    for gate_width, shape, limit in WIDE:
        own, name = time_wide(gate_width, shape, seed, runs), " x ".join(map(str, shape))
        what = f"fit {gate_width or 'constant'}, {name}"
        yield ratio_row(what, f"{limit:g} s", (own, (limit, limit)), 1.0)
    yield ratio_row("import", "sklearn.ensemble", time_import(runs), MAX_IMPORT)
    after_import, after_predict = loads_torch(model, X[:10])
    yield torch_row("torch loaded by the import", after_import)
    yield torch_row("torch loaded by a prediction", after_predict)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="seed of the synthetic problems")
    parser.add_argument("--runs", type=int, default=5, help="runs of which the median is taken")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    options = parser.parse_args(argv)

    header = ("what", "ms", "against", "ms", "ratio", "of CPU", "target", "")
    layout = "{:44}{:>10}  {:20}{:>10}{:>8}{:>8}{:>9}  {}"
    print(layout.format(*header))
    missed = False
    for row in measure(options.seed, options.runs):
        print(layout.format(*row), flush=True)
        missed |= row[-1] == "missed"
    return int(options.check and missed)


if __name__ == "__main__":
    sys.exit(main())
