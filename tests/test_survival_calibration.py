"""Mean predicted survival on the fit data against Kaplan-Meier, on real cohorts."""

import numpy as np
import pytest

from sklearn_logitprod import LogitProdSurvival
from sklearn_logitprod.metrics import kaplan_meier

COHORTS = ("survival_mcat_blca", "survival_mcat_brca", "survival_mcat_luad", "support2_survival")


FARTHEST = 0.05
# at the last time, where few are left at risk and the prior of the class bias tells
FARTHEST_CONSTANT = 0.055


def normal_scores(risk, fold):
    """Ranks within each fold as normal quantiles."""
    from scipy.stats import norm, rankdata

    out = np.full(risk.shape, np.nan)
    for number in np.unique(fold):
        for expert in range(risk.shape[1]):
            rows = np.flatnonzero((fold == number) & ~np.isnan(risk[:, expert]))
            out[rows, expert] = norm.ppf(rankdata(risk[rows, expert]) / (len(rows) + 1))
    return out


def distance(model, X, event, time):
    """Largest and mean distance of mean survival from Kaplan-Meier over the times."""
    mean = model.predict_survival_function(X, return_array=True).mean(axis=0)
    gap = np.abs(mean - kaplan_meier(event, time, model.unique_times_))
    return gap.max(), gap.mean()


@pytest.mark.parametrize("gate_width", ["auto", None])
@pytest.mark.parametrize("n_bins", [4, 10, 20])
@pytest.mark.parametrize("name", COHORTS)
def test_cohorts_of_the_collection(shared_data, name, n_bins, gate_width):
    most = FARTHEST if gate_width == "auto" else FARTHEST_CONSTANT
    data = shared_data(name)
    event, time = data["event"] > 0, data["time"].astype(float)
    y = np.array(list(zip(event, time, strict=True)), dtype="?,f8")
    if "risk" in data:
        X = normal_scores(data["risk"].astype(float), data["fold"])
        model = LogitProdSurvival(input="risk", n_bins=n_bins, gate_width=gate_width)
    else:
        X, times = data["survival"].astype(float), data["times"].astype(float)
        model = LogitProdSurvival(input="survival", times=times, gate_width=gate_width)
    largest, mean = distance(model.fit(X, y), X, event, time)
    assert model.guarantee_gap_ <= 0.0
    assert largest <= most
    assert mean <= 0.02


@pytest.mark.parametrize("n_bins", [4, 10, 20])
@pytest.mark.parametrize("cohort", ["load_gbsg2", "load_aids"])
def test_cohorts_of_scikit_survival(cohort, n_bins):
    datasets = pytest.importorskip("sksurv.datasets")
    linear_model = pytest.importorskip("sksurv.linear_model")
    tree = pytest.importorskip("sksurv.tree")
    X, y = getattr(datasets, cohort)()
    X = X.select_dtypes("number")
    X = (X - X.mean()) / X.std()
    experts = [
        ("cox", linear_model.CoxPHSurvivalAnalysis(alpha=0.1)),
        ("tree", tree.SurvivalTree(min_samples_leaf=30, random_state=0)),
        ("ridge", linear_model.IPCRidge(alpha=10.0)),
    ]
    model = LogitProdSurvival(experts, cv=5, n_bins=n_bins).fit(X, y)
    event, time = (y[field] for field in y.dtype.names)
    largest, mean = distance(model, X, event, time)
    assert model.guarantee_gap_ <= 0.0
    assert largest <= FARTHEST
    assert mean <= 0.02
