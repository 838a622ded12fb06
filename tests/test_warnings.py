"""A warning names the line of whoever called, and is given once, however many fits it is of."""

import warnings

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_logitprod import (
    LogitProdClassifier,
    LogitProdClassifierCV,
    LogitProdSurvival,
    LogitProdSurvivalCV,
)
from sklearn_logitprod._text import Elsewhere, option, options_written, warn
from sklearn_logitprod.inspection import compare

RNG = np.random.default_rng(0)
N = 60
Y = np.arange(N) % 2
LOG_ODDS = RNG.normal(size=(N, 3)) + Y[:, None]
ABSENT = LOG_ODDS.copy()
ABSENT[:, 2] = np.nan
OUTCOME = np.empty(N, dtype=[("event", bool), ("time", float)])
OUTCOME["event"], OUTCOME["time"] = np.arange(N) % 3 > 0, RNG.exponential(size=N) + 0.1
# nobody has an event after the time 50
TIMES = [0.5, 1.0, 50.0, 60.0]
SURVIVAL = np.sort(RNG.random((N, 2, 4)), axis=2)[:, :, ::-1]
SMALL = {"gate_widths": (None, 0), "temperatures": (1,), "alphas": (30, 100), "cv": 3}

CALLS = {
    "fit": lambda: LogitProdClassifier(gate_width=None).fit(ABSENT, Y),
    "automatic gate": lambda: LogitProdClassifier().fit(ABSENT, Y),
    "fit_transform": lambda: LogitProdClassifier(gate_width=None).fit_transform(ABSENT, Y),
    "pipeline": lambda: make_pipeline(
        FunctionTransformer(), LogitProdClassifier(gate_width=None)
    ).fit(ABSENT, Y),
    "search": lambda: LogitProdClassifierCV(**SMALL).fit(ABSENT, Y),
    "survival": lambda: LogitProdSurvival(input="survival", times=TIMES, gate_width=None).fit(
        SURVIVAL, OUTCOME
    ),
    "survival search": lambda: LogitProdSurvivalCV(input="survival", times=TIMES, **SMALL).fit(
        SURVIVAL, OUTCOME
    ),
    "constant risk": lambda: LogitProdSurvivalCV(input="risk", n_bins=3, **SMALL).fit(
        np.c_[RNG.normal(size=N), np.ones(N)], OUTCOME
    ),
}


def caught(call):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        call()
    return found


@pytest.mark.parametrize("name", CALLS)
def test_a_warning_names_the_line_of_the_caller_once(name):
    found = caught(CALLS[name])
    assert len(found) == 1, [str(one.message) for one in found]
    assert found[0].filename == __file__


def test_a_grid_search_is_named_where_it_was_called():
    grid = GridSearchCV(LogitProdClassifier(gate_width=None), {"temperature": [1, 2]}, cv=2)
    found = caught(lambda: grid.fit(ABSENT, Y))
    assert {one.filename for one in found} == {__file__}


def test_a_search_that_cross_fits_warns_once():
    X = RNG.normal(size=(N, 4)) + Y[:, None]
    experts = [("a", GaussianNB()), ("b", GaussianNB(var_smoothing=0.1))]
    search = LogitProdClassifierCV(experts, expert_cv=3, max_iter=1, tol=1e-12, **SMALL)
    assert len(caught(lambda: clone(search).fit(X, Y))) == 1


def test_two_searches_warn_once_each():
    def both():
        for _ in range(2):
            LogitProdClassifierCV(**SMALL).fit(ABSENT, Y)

    assert len(caught(both)) == 2


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_comparison_warns_once(n_jobs):
    model = LogitProdClassifier(gate_width=None)
    # a thread knows as little of who called as a process does
    with parallel_config("threading"):
        found = caught(lambda: compare(model, ABSENT, Y, n_repeats=1, n_jobs=n_jobs))
    assert len(found) == 1
    assert found[0].filename == __file__


def slow_fit(number):
    warn(f"Set {option('max_iter', number)}.")
    return -number


def test_what_is_said_elsewhere_is_written_and_given_here():
    with options_written(lambda name, value: f"--{name} {value}"):
        runs = Parallel(2, backend="threading")(
            delayed(Elsewhere(slow_fit))(number) for number in (3, 4)
        )
    assert runs == [
        (-3, [("Set --max_iter 3.", UserWarning, None)]),
        (-4, [("Set --max_iter 4.", UserWarning, None)]),
    ]
    assert len(caught(lambda: slow_fit(5))) == 1
