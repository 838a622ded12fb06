"""Every kind of estimator and all that comes after its fit, in threads, processes and clusters."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from scipy.special import expit

from sklearn_logitprod import (
    LogitProdClassifier,
    LogitProdMultilabelClassifier,
    LogitProdRegressor,
    LogitProdSurvival,
    deployment,
)


def classes(rng, n):
    y = np.arange(n) % 3
    X = rng.normal(size=(n, 3, 3))
    X[np.arange(n), 1, y] += 2.0
    return X, y


def survival(rng, n):
    y = np.empty(n, dtype=[("event", bool), ("time", float)])
    y["event"], y["time"] = np.arange(n) % 3 > 0, rng.uniform(0.1, 5.0, n)
    return rng.normal(size=(n, 3, 3)) - 1.0 + 0.2 * (y["time"] < 2.0)[:, None, None], y


def values(rng, n):
    y = 10.0 * rng.normal(size=n)
    return y[:, None] + rng.normal(size=(n, 3)) * [5.0, 10.0, 15.0], y


def panel(rng, n):
    y = np.stack([np.arange(n) % 2, np.arange(n) % 3 == 0, np.arange(n) % 4 < 2], axis=1)
    X = rng.normal(size=(n, 3, 3)) + 2.0 * y[:, None] - 1.0
    return expit(X), y.astype(float)


KINDS = {
    "classes": (LogitProdClassifier, classes, {}),
    "survival": (LogitProdSurvival, survival, {"times": [1.0, 2.0, 4.0]}),
    "values": (LogitProdRegressor, values, {"input": "mean"}),
    "panel": (LogitProdMultilabelClassifier, panel, {"input": "proba"}),
}
# what is done to them after the fit
AFTER = {
    "classes": ("adapt", "add_expert", "with_safety", "certify"),
    "survival": ("adapt", "add_expert", "with_safety", "certify"),
    "values": ("adapt",),
    "panel": (),
}


def predicted(model, X):
    """Everything a model says of some rows, as one vector."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if isinstance(model, LogitProdSurvival):
            said = model.predict_survival_function(X, return_array=True)
        elif isinstance(model, LogitProdRegressor):
            said = np.stack(model.predict(X, return_std=True), axis=1)
        else:
            said = model.predict_proba(X)
        return np.concatenate([np.ravel(said), np.ravel(model.expert_weights(X))])


def lived(kind, seed, gate_width=None, n=80, **given):
    """A fit and all that comes after it, as one vector."""
    estimator, draw, params = KINDS[kind]
    rng = np.random.default_rng(seed)
    (X, y), (new, later) = draw(rng, n), draw(rng, n)
    more = np.concatenate([new, draw(rng, n)[0][:, :1]], axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = estimator(gate_width=gate_width, **params, **given).fit(X, y)
        new = new.copy()
        new[:5, 0] = np.nan
        found = [predicted(model, new)]
        for name in AFTER[kind]:
            function = getattr(deployment, name)
            if name == "certify":
                found.append(function(model, new, later).table["lower_bound"].to_numpy())
                continue
            args = (0.1,) if name == "with_safety" else (new, later)
            if name == "add_expert":
                # as it was, and beside it with one more expert
                found.append(predicted(function(model, more, later), more))
                continue
            model = function(model, *args)
            found.append(predicted(model, new))
    return np.concatenate(found)


JOBS = [(kind, seed, width) for kind in KINDS for width in (None, 0) for seed in range(2)]


@pytest.fixture(scope="module")
def serial():
    return [lived(*job) for job in JOBS]


def assert_same(found, serial):
    for job, own, expected in zip(JOBS, found, serial, strict=True):
        assert np.isfinite(expected).all(), job
        # BLAS may sum in another order
        np.testing.assert_allclose(own, expected, rtol=1e-7, atol=1e-9, err_msg=str(job))


def test_the_same_again_to_the_bit(serial):
    for job, expected in zip(JOBS, serial, strict=True):
        np.testing.assert_array_equal(lived(*job), expected, err_msg=str(job))


def test_threads(serial):
    with ThreadPoolExecutor(8) as pool:
        assert_same(pool.map(lambda job: lived(*job), JOBS), serial)


def in_workers():
    return joblib.Parallel(n_jobs=2)(joblib.delayed(lived)(*job) for job in JOBS)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
def test_processes(backend, serial):
    with warnings.catch_warnings(), joblib.parallel_config(backend):
        # multiprocessing forks a process that has threads; it is asked to
        warnings.simplefilter("ignore", DeprecationWarning)
        assert_same(in_workers(), serial)


@pytest.mark.slow
def test_a_dask_cluster(serial):
    distributed = pytest.importorskip("distributed", reason="needs dask[distributed]")
    quiet = {"dashboard_address": None, "worker_dashboard_address": None}
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, **quiet)
    with cluster, distributed.Client(cluster), joblib.parallel_config("dask"):
        assert_same(in_workers(), serial)


@pytest.mark.slow
def test_a_ray_cluster(serial):
    ray = pytest.importorskip("ray", reason="needs ray")
    from ray.util.joblib import register_ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        register_ray()
        with joblib.parallel_config("ray"):
            assert_same(in_workers(), serial)
    finally:
        ray.shutdown()
