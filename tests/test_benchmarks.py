"""The statistics of the benchmarks, which no one else checks."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "benchmarks"))

import bench_aggregate
import bench_bank_survival
import bench_gap_mechanisms
import bench_quality
import significance
import suite_tables

from sklearn_logitprod import LogitProdClassifier


def test_corrected_t_test_widens_the_plain_one():
    differences = np.random.default_rng(0).normal(0.3, 1.0, 25)
    plain = ttest_1samp(differences, 0.0).pvalue
    assert significance.corrected_t_test(differences, 0.0) == pytest.approx(plain)
    # 1 / 25 + 1 / 4 in place of 1 / 25: the statistic shrinks by the root of 7.25
    from scipy.stats import t

    statistic = ttest_1samp(differences, 0.0).statistic / np.sqrt(7.25)
    expected = 2 * t.sf(abs(statistic), 24)
    assert significance.corrected_t_test(differences, 0.25) == pytest.approx(expected)
    assert significance.corrected_t_test(np.zeros(5), 0.25) == 1.0
    assert significance.corrected_t_test(np.ones(5), 0.25) == 0.0


@pytest.mark.parametrize("kind", ["all slides", "any"])
def test_slides_of_made_up_patients_are_of_their_kind(kind):
    random = np.random.default_rng(0)
    y = random.integers(2, size=400)
    groups, labels = bench_aggregate.made_up(y, kind, random)
    for patient, label in enumerate(labels):
        own = y[groups == patient]
        assert 1 <= len(own) <= 5
        assert own.sum() == label * (len(own) if kind == "all slides" else 1)


def make_results(loss_of_ours):
    rng = np.random.default_rng(0)
    rows = []
    for task in ("a", "b"):
        for repeat in range(5):
            for fold in range(5):
                for method in bench_quality.METHODS:
                    loss = 0.5 + 0.01 * rng.normal()
                    if method == bench_quality.OURS:
                        loss = loss_of_ours + 0.01 * rng.normal()
                    scores = {"log-loss": loss, "AUC": 1.0 - loss, "seconds": 1.0, "gap": -0.1}
                    sizes = {"n_fit": 80, "n_test": 20}
                    key = {"task": task, "repeat": repeat, "split": f"0/{fold}", "method": method}
                    rows.append(key | scores | sizes)
    return bench_quality.by_split(pd.DataFrame(rows))


def test_targets_tell_a_good_method_from_a_bad_one():
    good = {what: met for what, _, met in bench_quality.targets(make_results(0.4))}
    assert all(good.values())
    bad = {what: met for what, _, met in bench_quality.targets(make_results(0.6))}
    assert not bad["mean rank in log-loss, the lowest"]
    assert not bad["tasks significantly worse than the single expert, log-loss"]
    assert not bad["tasks significantly worse than the single expert, AUC"]


@pytest.mark.parametrize("better", [True, False])
def test_targets_of_survival_tell_curves_that_are_good_from_bad_ones(better):
    area = {"auto, curves": 0.7 if better else 0.6, "auto, risks": 0.65, "rank averaging": 0.64}
    rows = [
        {
            "collection": "bank",
            "task": task,
            "method": method,
            "C-index": area.get(method, 0.5),
            "log-loss": 2.0 - area.get(method, 0.5),
            "IBS": 0.1,
            "gap": -0.1 if method.startswith("auto") else np.nan,
        }
        for task in ("a", "b")
        for method in (*area, *bench_bank_survival.RIVALS, *bench_bank_survival.BASES)
    ]
    results = pd.DataFrame(rows)
    wide, base = bench_bank_survival.differences(results, ["auto"])
    found = {
        what: met for what, _, met in bench_bank_survival.targets(results, wide, base, ["auto"])
    }
    told = [met for what, met in found.items() if "curves" in what and "Kaplan" not in what]
    assert len(told) == 4
    assert all(told) == better
    assert any(told) == better
    assert found["largest guarantee gap, <= 0"]
    # everyone's curve is worse than either
    assert all(met for what, met in found.items() if "Kaplan" in what)


METHODS = ("LogitProd auto", "LogitProd constant", "best single expert", "mean of logits")


def suite_results(loss_of_ours, n_tasks=4):
    """Rows as the suite writes them, with methods of known losses."""
    rng = np.random.default_rng(0)
    rows = []
    for task in "abcd"[:n_tasks]:
        for repeat in range(5):
            for fold in range(3):
                shared = 0.1 * rng.normal()
                for method in METHODS:
                    loss = {"LogitProd auto": loss_of_ours}.get(method, 0.5)
                    loss += shared + 0.01 * rng.normal()
                    rows.append(
                        {
                            "task": task,
                            "family": "other",
                            "condition": "as is",
                            "repeat": repeat,
                            "split": f"0/{fold}",
                            "method": method,
                            "n_fit": 80,
                            "n_test": 40,
                            "log-loss": loss,
                            "ranking": 0.9 - 0.5 * loss,
                            "fit_seconds": 1.0,
                            "gap": -0.1,
                        }
                    )
    return pd.DataFrame(rows)


class TestSuite:
    tables = suite_tables

    def test_verdicts_tell_a_good_method_from_a_bad_one(self):
        good = {v.what: v.met for v in self.tables.verdicts(suite_results(0.4))}
        assert all(good.values())
        bad = {v.what: v.met for v in self.tables.verdicts(suite_results(0.6))}
        assert not any(met for what, met in bad.items() if "gap" not in what)

    def test_paired_differences_are_those_of_the_splits(self):
        folds = self.tables.by_fold(suite_results(0.4))
        table = self.tables.paired(folds, "log-loss", "LogitProd auto", "mean of logits")
        own = folds[folds["task"] == "a"]
        wide = own.pivot_table(index=["repeat", "fold"], columns="method", values="log-loss")
        difference = wide["LogitProd auto"] - wide["mean of logits"]
        assert table.loc["a", "difference"] == pytest.approx(difference.mean())
        expected = significance.corrected_t_test(difference.to_numpy(), 0.5)
        assert table.loc["a", "p"] == pytest.approx(expected)
        assert table["p_holm"].min() == pytest.approx(4 * table["p"].min())

    def test_parts_of_a_task_are_averaged_first(self):
        results = suite_results(0.4, 1)
        other = results.assign(split="1/" + results["split"].str[-1], **{"log-loss": 9.0})
        folds = self.tables.by_fold(pd.concat([results, other]))
        assert len(folds) == len(results)
        assert self.tables.means(folds, "log-loss")["mean of logits"]["a"] > 4.0


def test_holm_and_signed_ranks():
    assert significance.holm([0.01, np.nan, 0.04, 0.03]) == pytest.approx(
        [0.03, np.nan, 0.06, 0.06], nan_ok=True
    )
    assert significance.signed_rank_test(np.arange(1.0, 6.0)) == pytest.approx(0.0625)
    assert np.isnan(significance.signed_rank_test(np.ones(1)))


def test_critical_difference_of_the_literature():
    # Demsar (2006), table 5: q = 2.569 for four methods; 14 data sets
    assert significance.critical_difference(4, 14) == pytest.approx(1.25, abs=0.01)


def test_mechanisms_for_missing_experts_agree_where_they_must():
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=120)
    scores = (
        rng.normal(size=(120, 4, 2)) + np.array([2.0, 1, 1, 0.5])[:, None] * np.eye(2)[y][:, None]
    )
    proba = np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True)
    model = LogitProdClassifier(input="proba").fit(proba, y)
    plain = replace(model.pool_, gaps=None)
    fitted = bench_gap_mechanisms.Fitted(plain, proba, y, model.selection_["share"])
    pools = {name: make(fitted) for name, make in bench_gap_mechanisms.MECHANISMS.items()}

    def predicted(name, *missing):
        gapped = np.log(proba)
        gapped[:, list(missing)] = np.nan
        pool = model.pool_ if name is None else pools[name](list(missing))
        return pool.log_proba(pool.columns(gapped))

    # without one expert alone there is nothing to approximate, and nothing to average
    for name in ("chosen", "exact for each pattern", "chosen, mean over the missing"):
        np.testing.assert_allclose(predicted(name, 0), predicted(None, 0), atol=1e-9)
    np.testing.assert_allclose(predicted("chosen", 0, 2), predicted(None, 0, 2), atol=1e-9)
    whole = plain.log_proba(plain.columns(np.log(proba)))
    said = np.exp(whole)
    distance = {name: (said * (whole - predicted(name, 0))).sum() for name in pools}
    assert distance["chosen"] < 0.9 * distance["renormalised"]
