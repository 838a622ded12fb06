"""compare: one table of experts, simpler methods and the fusion."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    log_loss,
    roc_auc_score,
)
from sklearn.model_selection import (
    GroupKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
)
from sklearn.naive_bayes import GaussianNB

from sklearn_logitprod import (
    LogitProdClassifier,
    LogitProdClassifierCV,
    LogitProdSurvival,
    LogitProdSurvivalCV,
)
from sklearn_logitprod.fusion.likelihood import ClassLabels
from sklearn_logitprod.inspection import compare
from sklearn_logitprod.inspection._resampling import bootstrap, holm, signed_rank
from sklearn_logitprod.inspection._scores import (
    CLASS_SCORES,
    SURVIVAL_SCORES,
    Outcome,
    Prediction,
    risk_prediction,
)
from sklearn_logitprod.inspection._table import PAIRED
from sklearn_logitprod.inspection._tasks import TASKS
from sklearn_logitprod.io import ExpertOutputs
from sklearn_logitprod.metrics import concordance_index, integrated_brier_score

CONSTANT = LogitProdClassifier(gate_width=None)
CLASS_ROWS = ["mean of logits", "mean of probabilities", "greedy ensemble", "stacked regression"]


def experts_of(y, quality, seed=0, noise=1.0):
    """Logits of experts that know the class by as much as their quality says."""
    rng = np.random.default_rng(seed)
    n_classes = y.max() + 1
    logits = noise * rng.normal(size=(len(y), len(quality), n_classes))
    logits[np.arange(len(y)), :, y] += np.asarray(quality)
    return logits


def labels(n_samples, n_classes=2, seed=0):
    return np.random.default_rng(seed).integers(n_classes, size=n_samples)


def survival_risks(n_samples=150, n_experts=3, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n_samples)
    time, limit = rng.exponential(np.exp(-truth)), rng.exponential(2.0, size=n_samples)
    y = np.empty(n_samples, dtype=[("event", bool), ("time", float)])
    y["event"], y["time"] = time <= limit, np.minimum(time, limit)
    return truth[:, None] + rng.normal(size=(n_samples, n_experts)), y


# ---------------------------------------------------------------- the table


def test_rows_and_columns():
    y = labels(120)
    table = compare(CONSTANT, experts_of(y, [1.0, 2.0]), y, n_repeats=2, cv=3, n_resamples=50)
    assert list(table.index) == ["expert0", "expert1", "best expert", *CLASS_ROWS, "LogitProd"]
    metrics = ["log_loss", "roc_auc", "accuracy", "balanced_accuracy", "brier"]
    ends = ("mean", "std", "low", "high")
    assert list(table.columns) == [
        *(f"{name}_{end}" for name in metrics for end in ends),
        "rank",
        "difference",
        "difference_low",
        "difference_high",
        "p_value",
        "p_holm",
        "p_wilcoxon",
        *(f"{name}_{end}" for name in metrics for end in PAIRED),
    ]
    assert (table.attrs["n_folds"], table.attrs["n_repeats"]) == (3, 2)
    assert table.attrs["chosen"] == {"expert0": 0, "expert1": 6}
    assert table.attrs["kinds"]["expert0"] == "expert"
    assert table.attrs["kinds"]["LogitProd"] == "fusion"
    np.testing.assert_array_equal(table.isna().any(axis=1), table.index == "best expert")


@pytest.mark.parametrize("n_classes", [2, 4])
def test_scores_are_those_of_scikit_learn_on_each_split(n_classes):
    y = labels(200, n_classes)
    logits = experts_of(y, [0.5, 1.5, 1.0])
    splits = list(StratifiedKFold(4, shuffle=True, random_state=7).split(logits, y))
    table = compare(CONSTANT, logits, y, cv=splits, n_resamples=20)
    found = {name: [] for name in ("log_loss", "roc_auc", "accuracy", "balanced_accuracy", "brier")}
    for train, test in splits:
        model = LogitProdClassifier(gate_width=None, classes=list(range(n_classes)))
        proba = model.fit(logits[train], y[train]).predict_proba(logits[test])
        hard, true = proba.argmax(axis=1), y[test]
        found["log_loss"].append(log_loss(true, proba))
        own = proba[:, 1] if n_classes == 2 else proba
        found["roc_auc"].append(roc_auc_score(true, own, multi_class="ovr"))
        found["accuracy"].append(accuracy_score(true, hard))
        found["balanced_accuracy"].append(balanced_accuracy_score(true, hard))
        wanted = np.eye(n_classes)[true]
        brier = ((proba - wanted) ** 2).sum(axis=1).mean()
        if n_classes == 2:
            brier = brier_score_loss(true, own)
        found["brier"].append(brier)
    for name, values in found.items():
        assert table.loc["LogitProd", f"{name}_mean"] == pytest.approx(np.mean(values), abs=1e-10)


def test_the_planted_best_expert_is_found_and_fusion_beats_it():
    y = labels(400)
    table = compare(CONSTANT, experts_of(y, [2.5, 1.0, 2.0]), y, n_repeats=2)
    assert table.attrs["chosen"] == {"expert0": 10, "expert1": 0, "expert2": 0}
    # by the log-loss, and by the signs of the difference
    assert table["rank"].idxmin() in ("LogitProd", "stacked regression")
    assert table.loc["LogitProd", "difference_high"] < 0 < table.loc["expert1", "difference_low"]
    assert table.loc["LogitProd", "p_holm"] < 0.05


def test_best_expert_is_chosen_on_the_training_part():
    # expert a is right on the first half alone, expert b on the second
    y = labels(200)
    logits = np.zeros((200, 2, 2))
    first = np.arange(200) < 100
    for m, rows in enumerate((first, ~first)):
        logits[rows, m, y[rows]] = 3.0
        logits[~rows, m, 1 - y[~rows]] = 1.0
    halves = [(np.flatnonzero(own), np.flatnonzero(~own)) for own in (first, ~first)]
    table = compare(CONSTANT, logits, y, cv=halves, n_resamples=20)
    # each is the best where it was trained, and wrong on the other half
    assert table.attrs["chosen"] == {"expert0": 1, "expert1": 1}
    assert table.loc["best expert", "accuracy_mean"] == 0.0
    assert table.loc["expert0", "accuracy_mean"] == 0.5


def test_identical_experts_differ_by_nothing():
    y = labels(100)
    logits = np.repeat(experts_of(y, [1.0]), 3, axis=1)
    table = compare(CONSTANT, logits, y, n_repeats=2, cv=3, n_resamples=100)
    for name in ("expert0", "expert2"):
        assert table.loc[name, "difference"] == 0.0
        assert table.loc[name, ["p_value", "p_holm", "p_wilcoxon"]].tolist() == [1.0] * 3
    same = ["expert0", "mean of logits", "mean of probabilities", "greedy ensemble"]
    np.testing.assert_allclose(table.loc[same, "log_loss_mean"], table.iloc[0, 0], rtol=1e-12)


def test_a_missing_expert_gives_way_to_the_mean_of_the_others():
    y = labels(150)
    logits = experts_of(y, [1.0, 1.5, 2.0])
    gaps = logits.copy()
    gaps[::3, 0] = np.nan
    table = compare(CONSTANT, gaps, y, n_repeats=1, cv=3, n_resamples=20)
    log_proba = logits - np.logaddexp.reduce(logits, axis=2, keepdims=True)
    mean = log_proba[:, 1:].mean(axis=1)
    mean -= np.logaddexp.reduce(mean, axis=1, keepdims=True)
    own = np.where((np.arange(150) % 3 == 0)[:, None], mean, log_proba[:, 0])
    wanted = log_loss(y, np.exp(own))
    assert table.loc["expert0", "log_loss_mean"] == pytest.approx(wanted, rel=1e-6)
    assert table["log_loss_mean"].notna().all()


def test_an_expert_of_few_rows_is_not_the_best():
    y = labels(150)
    logits = experts_of(y, [1.0, 5.0])
    logits[20:, 1] = np.nan
    table = compare(CONSTANT, logits, y, n_repeats=1, cv=3, n_resamples=20)
    assert table.attrs["chosen"] == {"expert0": 3, "expert1": 0}


def test_sizes_of_splits_count():
    y = labels(90)
    logits = experts_of(y, [1.0, 2.0])
    rows = np.arange(90)
    splits = [(rows[60:], rows[:60]), (rows[:60], rows[60:])]
    table = compare(CONSTANT, logits, y, cv=splits, n_resamples=20)
    proba = np.exp(logits[:, 0] - np.logaddexp.reduce(logits[:, 0], axis=1, keepdims=True))
    assert table.loc["expert0", "log_loss_mean"] == pytest.approx(log_loss(y, proba), rel=1e-6)


@pytest.mark.parametrize(
    ("cv", "n_repeats", "n_folds"),
    [
        (RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0), 2, 3),
        (ShuffleSplit(n_splits=4, test_size=0.6, random_state=0), 4, 1),
        (StratifiedKFold(3), 1, 3),
    ],
)
def test_a_repeat_ends_before_a_sample_is_tested_twice(cv, n_repeats, n_folds):
    y = labels(60)
    table = compare(CONSTANT, experts_of(y, [1.0, 2.0]), y, cv=cv, n_resamples=20)
    assert (table.attrs["n_repeats"], table.attrs["n_folds"]) == (n_repeats, n_folds)


@pytest.mark.parametrize("cv", [3, GroupKFold(3), StratifiedGroupKFold(3)])
def test_groups_are_never_divided(cv, monkeypatch):
    y = labels(90)
    groups = np.repeat([f"patient {i}" for i in range(30)], 3)
    seen = []
    task = TASKS["classes"]

    def spy(estimator, X, y, comparison, train, test):
        seen.append((train, test))
        return task.run(estimator, X, y, comparison, train, test)

    monkeypatch.setitem(TASKS, "classes", replace(task, run=spy))
    logits = experts_of(y, [1.0, 2.0])
    table = compare(CONSTANT, logits, y, cv=cv, groups=groups, n_repeats=2, n_resamples=20)
    assert table.attrs["n_groups"] == 30
    assert len(seen) >= 3
    assert all(not set(groups[train]) & set(groups[test]) for train, test in seen)


def test_the_same_seed_gives_the_same_table_on_any_number_of_jobs():
    y = labels(100)
    logits = experts_of(y, [1.0, 2.0])
    first = compare(CONSTANT, logits, y, n_repeats=2, cv=3, n_resamples=50, random_state=3)
    for jobs, seed in ((1, 3), (2, 3)):
        again = compare(
            CONSTANT, logits, y, n_repeats=2, cv=3, n_resamples=50, random_state=seed, n_jobs=jobs
        )
        pd.testing.assert_frame_equal(first, again)
    other = compare(CONSTANT, logits, y, n_repeats=2, cv=3, n_resamples=50, random_state=4)
    assert other.loc["LogitProd", "log_loss_mean"] != first.loc["LogitProd", "log_loss_mean"]


def test_outputs_alone_are_enough():
    y = labels(90, 3)
    logits = experts_of(y, [1.0, 2.0])
    names = np.array(["a", "b", "c"])
    groups = np.arange(90) // 2
    outputs = ExpertOutputs(
        logits, "logits", ["uni", "conch"], classes=names, y=names[y], groups=groups
    )
    own = compare(outputs, n_repeats=1, cv=3, n_resamples=50)
    other = compare(
        LogitProdClassifier(), outputs, names[y], groups=groups, n_repeats=1, cv=3, n_resamples=50
    )
    pd.testing.assert_frame_equal(own, other)
    assert own.attrs["n_groups"] == 45
    assert list(own.index[:2]) == ["uni", "conch"]
    reduced = compare(outputs, baselines=False, metrics="brier", n_repeats=1, cv=3, n_resamples=50)
    assert list(reduced.index) == ["uni", "conch", "best expert", "LogitProd"]
    pd.testing.assert_series_equal(reduced["brier_mean"], own.loc[reduced.index, "brier_mean"])


def test_unfitted_experts_are_fitted_inside_each_training_part():
    rng = np.random.default_rng(0)
    y = labels(120)
    X = rng.normal(size=(120, 4)) + y[:, None]
    model = LogitProdClassifier([("lr", LogisticRegression()), ("nb", GaussianNB())], cv=3)
    table = compare(model, X, y, n_repeats=1, cv=3, n_resamples=20)
    splits = StratifiedKFold(3, shuffle=True, random_state=0).split(X, y)
    wanted = [
        log_loss(y[test], GaussianNB().fit(X[train], y[train]).predict_proba(X[test]))
        for train, test in splits
    ]
    assert table.loc["nb", "log_loss_mean"] == pytest.approx(np.mean(wanted), rel=1e-4)
    assert not hasattr(model, "pool_")


def test_a_search_is_searched_in_each_training_part():
    y = labels(120)
    logits = experts_of(y, [1.0, 2.0])
    search = LogitProdClassifierCV(gate_widths=(None,), temperatures=(1.0,), alphas=(100.0,), cv=3)
    own = compare(search, logits, y, n_repeats=1, cv=3, n_resamples=20)
    other = compare(CONSTANT, logits, y, n_repeats=1, cv=3, n_resamples=20)
    pd.testing.assert_frame_equal(own, other)
    risks, y = survival_risks()
    search = LogitProdSurvivalCV(
        input="risk", gate_widths=(None,), temperatures=(1.0,), alphas=(100.0,), cv=3
    )
    own = compare(search, risks, y, n_repeats=2, cv=3, n_resamples=20)
    assert own.loc["LogitProd"].notna().all()


def test_strings_and_a_rare_class():
    y = np.array(["common"] * 60 + ["rare"] * 2 + ["usual"] * 58)
    logits = experts_of(np.unique(y, return_inverse=True)[1], [1.0, 2.0])
    with pytest.warns(UserWarning, match="least populated class"):
        table = compare(CONSTANT, logits, y, n_repeats=1, cv=5, n_resamples=20)
    assert np.isfinite(table[["log_loss_mean", "roc_auc_mean"]]).all(axis=None)


# ---------------------------------------------------------------- survival


def test_survival_table():
    risks, y = survival_risks(600)
    estimator = LogitProdSurvival(input="risk", n_bins=5)
    table = compare(estimator, risks, y, n_repeats=2, cv=3, n_resamples=100)
    rows = ["mean of logits", "mean of curves", "greedy ensemble", "rank averaging", "LogitProd"]
    assert list(table.index[3:]) == ["best expert", *rows]
    assert table.attrs["metrics"] == ["concordance", "log_loss", "ibs"]
    fused = table.loc["LogitProd"]
    assert fused["concordance_mean"] > table.loc["best expert", "concordance_mean"]
    assert fused["difference_high"] < 0
    ranks = table.loc["rank averaging"]
    assert ranks[["log_loss_mean", "ibs_mean", "difference", "p_holm"]].isna().all()
    assert ranks[["concordance_mean", "concordance_low", "rank"]].notna().all()
    by_loss = compare(estimator, risks, y, metrics=["log_loss"], n_repeats=1, cv=3, n_resamples=20)
    assert by_loss["rank"].isna().tolist() == (by_loss.index == "rank averaging").tolist()


def test_survival_scores_are_those_of_metrics():
    rng = np.random.default_rng(0)
    _, y = survival_risks(80)
    times = np.quantile(y["time"], [0.2, 0.4, 0.6, 0.8])
    log_events = np.log(rng.dirichlet(np.ones(5), size=80))
    prediction = risk_prediction(log_events)
    survival = 1.0 - np.cumsum(np.exp(log_events), axis=1)[:, :-1]
    outcome = Outcome(None, y, times, y)
    value, _ = SURVIVAL_SCORES["ibs"].function(outcome, prediction)
    assert value == pytest.approx(integrated_brier_score(y, y, survival, times), rel=1e-10)
    value, _ = SURVIVAL_SCORES["concordance"].function(outcome, prediction)
    wanted = concordance_index(y["event"], y["time"], -survival.sum(axis=1))
    assert value == pytest.approx(wanted, rel=1e-12)


def test_a_cohort_with_missing_physicians(shared_data):
    data = shared_data("support2_survival")
    rows = np.random.default_rng(0).permutation(len(data["time"]))[:1200]
    y = np.empty(1200, dtype=[("event", bool), ("time", float)])
    y["event"], y["time"] = data["event"][rows], data["time"][rows]
    estimator = LogitProdSurvival(input="survival", times=data["times"].astype(float))
    curves = data["survival"][rows].astype(float)
    table = compare(estimator, curves, y, n_repeats=1, cv=3, n_resamples=100)
    assert table.loc["LogitProd", "log_loss_mean"] < table.loc["mean of curves", "log_loss_mean"]


# ---------------------------------------------------------------- contributions


def weighted(name, labels, proba, weight):
    """A score of weighted samples, by repeating them."""
    rows = np.repeat(np.arange(len(labels)), weight)
    outcome = Outcome(ClassLabels(labels[rows]), labels[rows])
    return CLASS_SCORES[name].function(outcome, Prediction(np.log(proba[rows])))[0]


@pytest.mark.parametrize("name", CLASS_SCORES)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_contributions_are_derivatives_in_the_weights(name, n_classes):
    y = labels(60, n_classes)
    proba = np.random.default_rng(1).dirichlet(np.ones(n_classes), size=60).round(2) + 0.01
    proba /= proba.sum(axis=1, keepdims=True)
    outcome = Outcome(ClassLabels(y), y)
    value, own = CLASS_SCORES[name].function(outcome, Prediction(np.log(proba)))
    assert own.sum() == pytest.approx(0.0, abs=1e-12)
    many = 2000
    for row in (0, 7, 31):
        weight = np.full(60, many)
        weight[row] += 20
        # what 1 % more of one sample changes
        change = (weighted(name, y, proba, weight) - value) / 0.01
        assert change == pytest.approx(own[row], abs=2e-2 * np.abs(own).max() + 1e-9)


def test_contributions_to_concordance_are_derivatives_in_the_weights():
    risks, y = survival_risks(60)
    time = np.ceil(4 * y["time"])
    y["time"] = time
    risk = risks[:, 0].round(1)
    value, own = SURVIVAL_SCORES["concordance"].function(Outcome(None, y), Prediction(None, risk))
    assert own.sum() == pytest.approx(0.0, abs=1e-12)
    for row in (0, 7, 31):
        weight = np.ones(60)
        weight[row] += 1e-4
        change = concordance_index(y["event"], time, risk, weight) - value
        assert change / 1e-4 == pytest.approx(own[row], abs=1e-3 * np.abs(own).max() + 1e-9)


# ---------------------------------------------------------------- how sure


def p_values(differences, groups, n_resamples, seed):
    """p-value of a mean difference."""
    mean = differences.mean()
    own = ((differences - mean) / len(differences))[:, None]
    return bootstrap(own, np.array([mean]), groups, n_resamples, seed).p_value[0]


def paired_losses(rng, n_samples, quality, groups=None):
    """Log-losses of two experts on the same samples, alike within groups."""
    found = []
    for own in quality:
        evidence = own + 1.5 * rng.normal(size=n_samples)
        if groups is not None:
            evidence = evidence + rng.normal(size=groups.max() + 1)[groups]
        found.append(np.logaddexp(0.0, -2.0 * evidence))
    return found


@pytest.mark.parametrize(("n_samples", "n_groups"), [(60, 0), (200, 0), (400, 40)])
def test_false_alarms_and_power_of_the_bootstrap(n_samples, n_groups):
    rng = np.random.default_rng(0)
    alarms = found = 0
    for seed in range(200):
        groups = None
        if n_groups:
            groups = np.unique(rng.integers(n_groups, size=n_samples), return_inverse=True)[1]
        a, b = paired_losses(rng, n_samples, (1.0, 1.0), groups)
        alarms += p_values(a - b, groups, 1000, seed) < 0.05
        a, b = paired_losses(rng, n_samples, (1.0, 2.5), groups)
        found += p_values(b - a, groups, 1000, seed) < 0.05
    assert alarms <= 16
    assert found >= 160


def test_false_alarms_and_power_of_whole_comparisons():
    options = {"metrics": "log_loss", "n_repeats": 1, "cv": 3, "n_resamples": 500}
    alarms, found = np.zeros(2), 0
    for seed in range(200):
        y = labels(120, seed=seed)
        # two experts that are worth the same, and do not know the same
        logits = experts_of(y, [1.5, 1.5], seed=1000 + seed)
        table = compare(CONSTANT, logits, y, baselines=False, random_state=seed, **options)
        alarms += table.loc[["expert0", "expert1"], "p_value"].to_numpy() < 0.05
        fused = table.loc["LogitProd"]
        found += fused["p_value"] < 0.05 and fused["difference"] < 0
    assert alarms.max() <= 16
    assert found >= 160


def test_ignoring_groups_raises_false_alarms():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 20)
    alarms = np.zeros(2)
    for seed in range(60):
        a, b = paired_losses(rng, 400, (1.0, 1.0), groups)
        alarms += [p_values(a - b, own, 300, seed) < 0.05 for own in (groups, None)]
    assert alarms[0] <= 8 < 12 <= alarms[1]


def test_intervals_hold_the_mean_as_often_as_they_say():
    rng = np.random.default_rng(0)
    inside = 0
    for seed in range(300):
        sample = rng.exponential(size=80)
        own = ((sample - sample.mean()) / 80)[:, None]
        half = bootstrap(own, np.zeros(1), None, 500, seed).half_width[0]
        inside += abs(sample.mean() - 1.0) <= half
    assert 0.90 <= inside / 300 <= 0.98


def test_a_difference_that_is_the_same_everywhere_is_sure():
    found = bootstrap(np.zeros((50, 2)), np.array([0.3, 0.0]), None, 199, 0)
    assert found.p_value.tolist() == [1 / 200, 1.0]
    assert found.half_width.tolist() == [0.0, 0.0]


def test_one_group_tells_nothing():
    found = bootstrap(np.array([[0.1], [-0.1]]), np.array([0.3]), np.zeros(2, dtype=int), 100, 0)
    assert np.isnan([found.p_value, found.half_width]).all()


def test_groups_of_one_are_samples():
    own = np.random.default_rng(0).normal(size=(40, 2))
    own -= own.mean(axis=0)
    sums = np.array([0.5, 3.0])
    first, second = (bootstrap(own, sums, groups, 300, 1) for groups in (None, np.arange(40)))
    np.testing.assert_allclose(first.p_value, second.p_value)
    np.testing.assert_allclose(first.half_width, second.half_width)


def test_holm_by_hand():
    # 0.01 x 4, then 0.02 x 3, then max(0.03 x 2, 0.06), 0.5
    corrected = holm(np.array([0.5, 0.01, np.nan, 0.03, 0.02]))
    np.testing.assert_allclose(corrected, [0.5, 0.04, np.nan, 0.06, 0.06])


def test_signed_rank_is_wilcoxons():
    differences = np.array([-0.1, -0.3, 0.2, -0.5, -0.4])
    assert signed_rank(differences) == wilcoxon(differences).pvalue
    assert signed_rank(np.zeros(5)) == 1.0
    assert np.isnan([signed_rank(np.array(own)) for own in ([0.1], [0.1, np.nan])]).all()


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ((LogisticRegression(), "X", "y"), TypeError, "not LogisticRegression"),
        ((CONSTANT,), ValueError, r"X is missing: call compare\(estimator, X, y\)"),
        ((CONSTANT, "X"), ValueError, "y is missing"),
        ((CONSTANT, "X", "short"), ValueError, "y has 10"),
    ],
)
def test_arguments_that_do_not_fit(arguments, error, match):
    y = labels(30)
    known = {"X": experts_of(y, [1.0, 2.0]), "y": y, "short": y[:10]}
    own = [
        known.get(argument, argument) if isinstance(argument, str) else argument
        for argument in arguments
    ]
    with pytest.raises(error, match=match):
        compare(*own)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"metrics": ["auc"]}, r"there is no 'auc'; there are \['log_loss', 'roc_auc'"),
        ({"metrics": []}, "metrics is empty"),
        ({"baselines": ["stacking"]}, r"there is no 'stacking'; there are \['mean of logits'"),
        ({"n_repeats": 0}, "n_repeats=0 is too few"),
        ({"groups": np.zeros(4)}, "groups has 4"),
        ({"cv": 40}, "40 folds need as many"),
    ],
)
def test_options_that_do_not_fit(options, match):
    y = labels(30)
    with pytest.raises(ValueError, match=match):
        compare(CONSTANT, experts_of(y, [1.0, 2.0]), y, **options)


def test_outputs_without_labels_and_outputs_twice():
    logits = np.zeros((10, 2, 2))
    outputs = ExpertOutputs(logits, "logits", ["uni", "conch"], classes=np.array([0, 1]))
    with pytest.raises(ValueError, match="y is missing"):
        compare(outputs)
    with pytest.raises(ValueError, match="X is given twice"):
        compare(outputs, logits, np.arange(10) % 2)


def test_an_expert_named_as_a_method():
    y = labels(60)
    outputs = ExpertOutputs(
        experts_of(y, [1.0, 2.0]), "logits", ["uni", "LogitProd"], classes=np.array([0, 1]), y=y
    )
    with pytest.raises(ValueError, match="An expert is called 'LogitProd'"):
        compare(outputs, n_resamples=10)


class CountingBayes(GaussianNB):
    """Counts its fits."""

    n_fits = 0

    def fit(self, X, y, sample_weight=None):
        CountingBayes.n_fits += 1
        return super().fit(X, y, sample_weight)


def test_a_search_cross_fits_its_experts_no_more_than_it_must():
    """In each split: in every fold of the search, and for the best candidate, and that is all."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    X = rng.normal(size=(60, 2)) + y[:, None]
    search = LogitProdClassifierCV(
        [("a", CountingBayes()), ("b", CountingBayes(var_smoothing=0.1))],
        expert_cv=2, cv=3, gate_widths=(None,), temperatures=(1,), alphas=(100,),
    )  # fmt: skip
    CountingBayes.n_fits = 0
    compare(search, X, y, cv=2, n_repeats=1, n_resamples=10)
    # an expert is fitted in two folds and on everything, by three folds and the best candidate
    assert CountingBayes.n_fits == 2 * (3 + 1) * 2 * (2 + 1)
