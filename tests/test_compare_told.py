"""What a comparison says beside its numbers: experts below chance, no difference."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_logitprod import LogitProdClassifier, LogitProdSurvival
from sklearn_logitprod.inspection import ComparisonResult, compare

CONSTANT = LogitProdClassifier(gate_width=None)
QUICK = {"n_repeats": 1, "cv": 3, "n_resamples": 200}
N = 90
Y = np.arange(N) % 3
BINARY = Y % 2


def logits(quality, y=Y, seed=0):
    """Logits of experts that know the class by as much as their quality says."""
    rng = np.random.default_rng(seed)
    out = rng.normal(size=(len(y), len(quality), y.max() + 1))
    out[np.arange(len(y)), :, y] += np.asarray(quality)
    return out


def told(call):
    """What a call returns, and the messages of its warnings."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        result = call()
    return result, [str(one.message) for one in found]


class TestBelowChance:
    @pytest.mark.parametrize("y", [Y, BINARY])
    def test_experts_whose_interval_ends_below_are_named(self, y):
        X = logits([1.5, -1.5, 0.0], y)
        table, found = told(lambda: compare(CONSTANT, X, y, **QUICK))
        mean, high = table.loc["expert1", ["roc_auc_mean", "roc_auc_high"]]
        assert high < 0.5 < table.loc["expert2", "roc_auc_high"]
        assert found == [
            f"Expert 'expert1' ranks samples worse than chance: AUC {mean:.3f}, at most {high:.3f} "
            "(95 % interval). Its classes may be swapped: check which class each of its columns is "
            "of, and that its labels mean the same as those of y."
        ]

    def test_they_are_told_whichever_metrics_are_asked_for(self):
        X = logits([1.5, -1.5], BINARY)
        every, own = told(lambda: compare(CONSTANT, X, BINARY, **QUICK))
        table, found = told(lambda: compare(CONSTANT, X, BINARY, metrics=["brier"], **QUICK))
        assert len(found) == 1
        assert found == own
        assert table.attrs["metrics"] == ["brier"]
        assert list(table.attrs["higher_is_better"]) == ["brier"]
        assert not [name for name in table if name.startswith("roc_auc")]
        pd.testing.assert_series_equal(table["brier_mean"], every["brier_mean"])
        pd.testing.assert_series_equal(table["difference_high"], every["difference_high"])
        assert (table["rank"] == table["brier_mean"].rank()).all()

    def test_curves_in_the_wrong_order_of_patients(self):
        rng = np.random.default_rng(0)
        true = rng.normal(size=N)
        y = np.empty(N, dtype=[("event", bool), ("time", float)])
        y["event"], y["time"] = rng.random(N) < 0.8, rng.exponential(np.exp(-true)) + 0.05
        times = np.array([0.3, 0.7, 1.5])
        rate = np.exp(np.c_[true, -true] + 0.5 * rng.normal(size=(N, 2)))
        curves = np.exp(-rate[:, :, None] * times)
        model = LogitProdSurvival(input="survival", times=times, gate_width=None)
        table, found = told(lambda: compare(model, curves, y, metrics="log_loss", **QUICK))
        assert len(found) == 1
        assert re.match(
            r"Expert 'expert1' ranks samples worse than chance: concordance 0\.\d+, at most 0\."
            r"[0-4]\d+ \(95 % interval\)\. Its sign may be the other one: .* earlier events",
            found[0],
        )
        assert not [name for name in table if name.startswith("concordance")]


@pytest.fixture(scope="module")
def table():
    return compare(CONSTANT, logits([1.0], BINARY), BINARY, **QUICK)


class TestOneExpert:
    def test_what_is_the_expert_itself_has_no_difference(self, table):
        for name in ("expert0", "mean of logits", "mean of probabilities", "greedy ensemble"):
            same = table.loc[name, ["difference", "difference_low", "difference_high"]]
            assert (same == 0.0).all(), name
            assert table.loc[name, "p_value"] == 1.0
            assert table.loc[name, "roc_auc_p_value"] == 1.0
        text = str(table)
        assert "-0.0000" not in text
        assert not re.search(r"[^a-z]inf[^a-z]", text)
        own = next(line for line in text.splitlines() if line.startswith("mean of logits"))
        assert own.split()[-1] == "0"

    def test_the_verdict_says_that_there_is_nothing_to_fuse_it_with(self, table):
        assert table.verdict.startswith("Calibrating the only expert ")
        assert "the expert as it is (log-loss " in table.verdict
        said = " ".join(str(table).split())
        assert "One expert has nothing to be fused with: LogitProd calibrates it alone." in said
        assert "Name the outputs of other experts, too." in said
        assert "Fusing" not in said

    def test_the_same_losses_are_said_to_be_the_same(self, table):
        same = ComparisonResult(table.frame, claims=[one | SAME for one in table.attrs["claims"]])
        assert "gives the same as the expert as it is (log-loss 0, " in same.verdict

    def test_an_interval_without_end_is_unknown(self, table):
        ends = {"difference_low": -np.inf, "difference_high": np.inf}
        wide = ComparisonResult(table.frame, claims=[one | ends for one in table.attrs["claims"]])
        assert "95 % interval unknown, p " in wide.verdict
        assert not re.search(r"[^a-z]inf[^a-z]", str(wide))


SAME = dict.fromkeys(("difference", "difference_low", "difference_high"), 0.0)
