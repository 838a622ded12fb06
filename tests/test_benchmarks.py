"""The statistics of the benchmarks, which no one else checks."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "benchmarks"))

import bank_tables
import bench_aggregate
import bench_bank
import bench_bank_survival
import bench_gap_mechanisms
import bench_quality
import neural
import rivals
import significance
import suite_page
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


def bank_results(loss_of_ours, methods=(*bank_tables.SEVEN, "KNORA-U")):
    """Rows of tasks of the bank and of data, the fourth of which has a weak single expert."""
    rng = np.random.default_rng(0)
    rows = []
    names = ("a__alike", "a__mixed", "b__alike", "c__mixed", "bach4", "hif_stad_x", "hif_stad_y")
    for number, task in enumerate(names):
        for repeat in range(4):
            shared = 0.1 * rng.normal()
            for rank, method in enumerate(methods):
                loss = loss_of_ours if method == "LogitProd auto" else 0.5 + 0.01 * rank
                loss += shared + 0.001 * rng.normal()
                area = (0.65 if number == 3 else 0.85) + 0.5 * (0.5 - loss + shared)
                key = {"task": task, "family": "bank" if "__" in task else "other"}
                key |= {"condition": "as is", "repeat": repeat, "split": "0/0", "method": method}
                scores = {"log-loss": loss, "AUC": area, "ranking": area, "gap": -0.1}
                rows.append(key | scores | {"n_fit": 80, "n_test": 40, "fit_seconds": 1.0})
    return pd.DataFrame(rows)


class TestBank:
    def verdicts(self, results):
        return {verdict.what: verdict.met for verdict in bank_tables.verdicts(results)}

    def test_verdicts_tell_a_good_method_from_a_bad_one(self):
        good, bad = self.verdicts(bank_results(0.3)), self.verdicts(bank_results(0.7))
        assert all(good.values())
        assert [what for what, met in bad.items() if met] == ["largest guarantee gap, <= 0"]
        positive = bank_results(0.3)
        positive.loc[7, "gap"] = 1e-12
        assert not self.verdicts(positive)["largest guarantee gap, <= 0"]
        bits = bank_results(0.3).assign(identical=True)
        assert self.verdicts(bits)["fitted twice: the same bits"]
        bits.loc[5, "identical"] = False
        assert not self.verdicts(bits)["fitted twice: the same bits"]

    def test_a_failure_is_large_both_ways(self):
        folds = suite_tables.by_fold(bank_results(0.3))
        own, other = folds["method"] == "LogitProd auto", folds["method"] != "LogitProd auto"
        for ours, theirs, failure in (
            (0.52, 0.4, True),
            (0.42, 0.4, False),
            (0.03, 0.02, False),
            (0.05, 0.02, True),
        ):
            folds.loc[own, "log-loss"], folds.loc[other, "log-loss"] = ours, theirs
            table = bank_tables.excess(folds)
            assert table["failure"].eq(failure).all()
            assert table["relative"].iloc[0] == pytest.approx(ours / theirs - 1)

    def test_a_multiple_of_next_to_nothing_is_not_bad(self):
        folds = suite_tables.by_fold(bank_results(0.3))
        own = folds["method"] == "LogitProd auto"
        folds.loc[own, "log-loss"], folds.loc[~own, "log-loss"] = 1e-3, 1e-6
        assert bank_tables.badness(folds).max() < 0.05
        assert bank_tables.excess(folds)["relative"].min() > 900

    def test_collections_and_tables(self):
        folds = suite_tables.by_fold(bank_results(0.3))
        sizes = {
            name: own["task"].nunique() for name, own in bank_tables.collections(folds).items()
        }
        assert sizes == {"bank": 4, "data": 3, "together": 7}
        table_of = bank_tables.table_of
        assert table_of("a__alike") == table_of("a__mixed") != table_of("b__alike")
        assert table_of("hif_stad_x") == table_of("hif_stad_y") != table_of("bach4")
        weak = bank_tables.weak(folds)
        assert list(weak.index) == ["c__mixed"]
        assert weak.loc["c__mixed", "log-loss"] == pytest.approx(0.3 - 0.52, abs=0.005)

    def test_no_table_has_a_say_in_what_is_chosen_for_it(self):
        table = pd.DataFrame(
            {"x": [-9.0, -9.0, 0.1, 0.1], "y": [0.0, 0.0, 0.0, 0.0]},
            index=["a__alike", "a__mixed", "b__alike", "bach4"],
        )
        # x is best on average only because of the two tasks of table a
        chosen = bank_tables.choose_elsewhere(table)
        assert chosen.to_dict() == {"a__alike": "y", "a__mixed": "y", "b__alike": "x", "bach4": "x"}

    def test_leave_tables_out_takes_the_rows_of_the_chosen_runs(self):
        first, second = bank_results(0.3), bank_results(0.4)
        lucky = second["task"].str.startswith("a__") & (second["method"] == "LogitProd auto")
        second.loc[lucky, "log-loss"] = 1e-4
        best, results, chosen = bank_tables.leave_tables_out({"first": first, "second": second})
        assert best == "second"
        assert set(chosen[["a__alike", "a__mixed"]]) == {"first"}
        assert set(chosen.drop(["a__alike", "a__mixed"])) == {"second"}
        for task, name in chosen.items():
            own = {"first": first, "second": second}[name]
            expected = own.loc[own["task"] == task, "log-loss"].to_numpy()
            np.testing.assert_array_equal(
                results.loc[results["task"] == task, "log-loss"], expected
            )
        with pytest.raises(ValueError, match="differ in tasks"):
            bank_tables.leave_tables_out({"first": first, "second": second[second["repeat"] < 2]})

    def test_page_has_a_section_of_its_own(self, tmp_path):
        # whose version the page names
        pytest.importorskip("sksurv")
        results = bank_results(0.3)
        results = pd.concat([results, results.assign(condition="expert dropped")])
        extra = ["accuracy", "balanced accuracy", "Brier", "C-index", "IBS", "predict_seconds"]
        results[extra] = 0.5
        results["machine"] = "none"
        ours = results[results["method"] == "LogitProd auto"]
        more = [ours.assign(method=f"LogitProd {name}") for name in ("constant", "linear")]
        results = pd.concat([results, *more], ignore_index=True)
        suite_page.write_page(results, tmp_path)
        text = (tmp_path / "benchmark.rst").read_text(encoding="utf-8")
        head, section = text.split("Many small tasks")
        assert "a__alike" not in head
        assert head.splitlines()[5].startswith("3 tasks with real experts (other 3)")
        assert "bank, 4 tasks" in section
        assert "together, 7 tasks" in section
        assert (tmp_path / "images" / "benchmark_bank_auc.png").exists()
        assert not bank_tables.has_bank(bank_tables.without_bank(results))


def write_bank_file(path, seed):
    rng = np.random.default_rng(seed)
    arrays = {}
    for part, n in (("fuse", 40), ("test", 60)):
        y = rng.integers(2, size=n)
        scores = rng.normal(size=(n, 3, 2)) + np.eye(2)[y][:, None]
        proba = np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True)
        arrays |= {f"P_{part}_0": proba.astype(np.float32), f"y_{part}_0": y}
    np.savez(path, **arrays)


def test_bank_is_run_once_and_ours_again(tmp_path, monkeypatch, capsys):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(
        bench_bank,
        "OUTSIDE",
        {
            name: bench_bank.OUTSIDE[name]
            for name in bank_tables.SEVEN
            if name in bench_bank.OUTSIDE
        },
    )
    for seed, name in enumerate(("a__alike", "a__mixed", "b__mixed")):
        write_bank_file(tmp_path / f"{name}.npz", seed)
    command = ["--bank", tmp_path, "--collections", "bank", "--repeats", "1", "--jobs", "1"]
    command += ["--cache", tmp_path / "cache", "--without", "logistic CV on log-probabilities"]

    def run(csv, *more):
        bench_bank.main([*map(str, command), "--csv", str(csv), *more])
        return pd.read_csv(csv).sort_values(["task", "method"], ignore_index=True)

    first = run(tmp_path / "first.csv", "--twice")
    assert set(first["method"]) == set(bank_tables.SEVEN) - {"logistic CV on log-probabilities"}
    assert first.groupby("task").size().to_dict() == {"a__alike": 6, "a__mixed": 6, "b__mixed": 6}
    printed = capsys.readouterr().out
    assert "fitted twice: the same bits" in printed
    (kept,) = (tmp_path / "cache").glob("rivals-*.csv")
    stored = kept.read_text()
    assert "LogitProd auto" not in stored
    second = run(tmp_path / "second.csv", "--params", '{"gate_width": null}')
    assert kept.read_text() == stored
    rival = first["method"] != "LogitProd auto"
    pd.testing.assert_frame_equal(first[rival], second[rival], check_dtype=False)
    assert (first["log-loss"] != second["log-loss"])[~rival].all()
    assert (
        bench_bank.main(
            ["--check", "--among", *(str(tmp_path / f"{n}.csv") for n in ("first", "second"))]
        )
        == 1
    )
    assert "chosen without the table itself" in capsys.readouterr().out
    with pytest.raises(ValueError, match="no task starts like 'z'; there are: a__alike"):
        run(tmp_path / "none.csv", "--only", "a", "z")


class TestNeuralEnsembler:
    def problem(self, n=400):
        """Two experts, each good on its own half of the samples, and sure of itself there."""
        rng = np.random.default_rng(0)
        y, able = rng.integers(2, size=n), rng.integers(2, size=n)
        sure = np.where(np.arange(2) == able[:, None], 0.95, 0.55)
        right = np.where(np.arange(2) == able[:, None], y[:, None], rng.integers(2, size=(n, 2)))
        proba = np.where(np.arange(2) == right[..., None], sure[..., None], 1 - sure[..., None])
        return proba, y

    def test_weighs_each_sample_by_who_is_able(self):
        proba, y = self.problem()
        predict = neural.neural_ensembler(proba[:200], y[:200], max_epochs=150)
        fused = predict(proba[200:])
        np.testing.assert_allclose(fused.sum(axis=1), 1.0)
        plain = rivals.log_loss(y[200:], proba[200:].mean(axis=1))
        assert rivals.log_loss(y[200:], fused) < 0.7 * plain

    def test_repeats_bit_by_bit(self):
        proba, y = self.problem(60)
        first, second = (neural.neural_ensembler(proba, y, max_epochs=10) for _ in range(2))
        np.testing.assert_array_equal(first(proba), second(proba))

    def test_a_missing_expert_has_no_weight(self):
        proba, y = self.problem(100)
        predict = neural.neural_ensembler(proba, y, max_epochs=20)
        proba[:, 1] = np.nan
        np.testing.assert_allclose(predict(proba), proba[:, 0], atol=1e-5)

    def test_experts_are_dropped_in_training_alone(self):
        torch = pytest.importorskip("torch")
        proba, _ = self.problem(100)
        model = neural.NeuralEnsembler(2, dropped=0.9)
        values, here = torch.from_numpy(proba).float(), torch.ones(100, 2, dtype=bool)
        fused = torch.exp(model(values, here)).detach().numpy()
        alone = np.isclose(fused[:, None], proba, atol=1e-6).all(axis=2)
        both_kept = ~alone.any(axis=1)
        # one of the two is kept by itself in 18 of 100 cases, and where none is, both are
        assert 5 <= (~both_kept).sum() <= 40
        model.eval()
        rested = torch.exp(model(values, here)).detach().numpy()
        assert not np.isclose(rested[:, None], proba, atol=1e-6).all(axis=2).any()
