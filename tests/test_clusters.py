"""Heads and folds on workers of a cluster: the same model as on one machine."""

import joblib
import numpy as np
import pandas as pd
import pytest

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.experts import on_view

# clusters take seconds to start
pytestmark = pytest.mark.slow


def make_slides():
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    names = ["uni", "conch"]
    views = {n: pd.DataFrame(rng.normal(size=(90, 20)) + 0.5 * y[:, None]) for n in names}
    X = pd.concat(views, axis=1).astype(np.float32)
    X.iloc[:9, 20:] = np.nan
    return X, y


def fitted(**given):
    X, y = make_slides()
    experts = [(name, on_view(name)) for name in ("uni", "conch")]
    return LogitProdClassifier(experts, cv=3, gate_width=None, **given).fit(X, y)


def same(model, other):
    X, _ = make_slides()
    return model.predict_proba(X) == pytest.approx(other.predict_proba(X), abs=1e-8)


def test_heads_and_folds_run_on_a_dask_cluster():
    distributed = pytest.importorskip("distributed", reason="needs dask[distributed]")
    quiet = {"dashboard_address": None, "worker_dashboard_address": None}
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, **quiet)
    with cluster, distributed.Client(cluster) as client:
        before = client.cluster.scheduler.transition_counter
        with joblib.parallel_config("dask"):
            model = fitted(n_jobs=-1)
        assert client.cluster.scheduler.transition_counter > before, "it ran on the cluster"
    assert same(model, fitted())


def test_heads_and_folds_run_on_a_ray_cluster():
    ray = pytest.importorskip("ray", reason="needs ray")
    from ray.util.joblib import register_ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        register_ray()
        with joblib.parallel_config("ray"):
            model = fitted(n_jobs=-1)
    finally:
        ray.shutdown()
    assert same(model, fitted())
