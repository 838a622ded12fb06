"""Side by side in threads and processes: the serial answers, and the caller's threads after."""

import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
import torch
from sklearn.model_selection import cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_info, threadpool_limits

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.training.threads import limit_threads

WIDTHS = [None, 0, 4, "auto"]
SAME = 1e-9


def task(seed=0, n=120):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    X = rng.normal(size=(n, 3, 3))
    X[np.arange(n), 1, y] += 2.0
    return X, y


def fit_and_predict(seed, gate_width):
    X, y = task(seed)
    return LogitProdClassifier(gate_width=gate_width).fit(X, y).predict_proba(X)


def threads_here():
    """Largest number of threads that any library of this process would use."""
    return max([torch.get_num_threads(), *(own["num_threads"] for own in threadpool_info())])


def settings():
    return {own["filepath"]: own["num_threads"] for own in threadpool_info()}


class Watching(DecisionTreeClassifier):
    """An expert that fails where more threads are at work than there are cores."""

    def fit(self, X, y, sample_weight=None):
        self.threads_ = threads_here()
        return super().fit(X, y, sample_weight=sample_weight)


@pytest.mark.parametrize("gate_width", WIDTHS)
def test_eight_threads_predict_what_one_does(gate_width):
    X, y = task()
    model = LogitProdClassifier(gate_width=gate_width).fit(X, y)
    new = [task(seed)[0] for seed in range(32)]
    expected = [model.predict_proba(own) for own in new]
    fresh = LogitProdClassifier(gate_width=gate_width).fit(X, y)  # nothing of it is cached yet
    with ThreadPoolExecutor(8) as pool:
        for found, wanted in zip(pool.map(fresh.predict_proba, new), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("gate_width", WIDTHS)
def test_eight_threads_fit_what_one_does_and_leave_the_settings(gate_width):
    fit_and_predict(0, gate_width)
    with threadpool_limits(2):
        before = settings()
        assert 2 in before.values()
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda seed: fit_and_predict(seed, gate_width), range(16)))
        assert settings() == before
    for seed, own in enumerate(found):
        # BLAS may sum in another order, and rounding moves the automatic gate
        np.testing.assert_allclose(own, fit_and_predict(seed, gate_width), rtol=SAME)


def test_overlapping_fits_restore_what_was_there_before_the_first():
    small = SimpleNamespace(n_samples=1, n_columns=1, n_classes=1)
    entered, leave = threading.Event(), threading.Event()

    def other():
        with limit_threads(small):
            entered.set()
            leave.wait(10)
            return torch.get_num_threads()

    with threadpool_limits(2), ThreadPoolExecutor(1) as pool:
        before = settings()
        with limit_threads(small):
            later = pool.submit(other)
            assert entered.wait(10)
            assert threads_here() == 1
        leave.set()
        assert later.result() == 1
        assert settings() == before


def test_settings_are_restored_after_a_fit_that_fails():
    with threadpool_limits(2):
        before = settings()
        X, y = task()
        bad = LogitProdClassifier([("bad", GaussianNB())], cv=3)
        with pytest.raises(ValueError, match="NaN"):
            bad.fit(np.full((len(y), 2), np.nan), y)
        with pytest.raises(ValueError, match="all experts are missing"):
            LogitProdClassifier().fit(np.full_like(X, np.nan), y)
        assert settings() == before


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_workers_of_joblib_fit_what_one_process_does(backend):
    jobs = [(seed, width) for seed in range(4) for width in WIDTHS]
    with warnings.catch_warnings():
        # multiprocessing forks a process that has threads; it is asked to
        warnings.simplefilter("ignore", DeprecationWarning)
        found = joblib.Parallel(n_jobs=4, backend=backend)(
            joblib.delayed(fit_and_predict)(*job) for job in jobs
        )
    for job, own in zip(jobs, found, strict=True):
        np.testing.assert_allclose(own, fit_and_predict(*job), rtol=SAME)


@pytest.mark.slow
def test_workers_do_not_use_more_threads_than_there_are_cores():
    X, y = task(n=300)
    X = X.reshape(len(X), -1)
    n_jobs = 4
    model = LogitProdClassifier([(f"e{i}", Watching()) for i in range(4)], cv=2, n_jobs=n_jobs)
    with joblib.parallel_config("loky"):
        model.fit(X, y)
    share = max(1, (os.cpu_count() or 1) // n_jobs)
    assert max(expert.threads_ for expert in model.experts_) <= share


@pytest.mark.slow
def test_workers_of_dask_fit_what_one_process_does():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=2, dashboard_address=None, processes=True
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
    ):
        X, y = task()
        tables = X.reshape(len(X), -1)
        experts = [("nb", GaussianNB()), ("tree", DecisionTreeClassifier(max_depth=2))]
        model = LogitProdClassifier(experts, cv=3)
        found = cross_val_predict(model, tables, y, cv=3, n_jobs=-1, method="predict_proba")
    expected = cross_val_predict(model, tables, y, cv=3, method="predict_proba")
    np.testing.assert_allclose(found, expected, rtol=SAME)
