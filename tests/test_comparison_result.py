"""The result of a comparison: a DataFrame that says what it comes to, claims that hold."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.model_selection import StratifiedKFold

from sklearn_logitprod import LogitProdClassifier, LogitProdMultilabelClassifier
from sklearn_logitprod.inspection import ComparisonResult, ExpertComparisonDisplay, compare
from sklearn_logitprod.inspection._resampling import bootstrap, holm, to_best

CONSTANT = LogitProdClassifier(gate_width=None)
QUICK = {"n_repeats": 2, "cv": 3, "n_resamples": 300}


def problem(n_samples=240, quality=(0.4, 1.0, 0.7), seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=n_samples)
    return (2 * y[:, None] - 1) * np.array(quality) + rng.normal(size=(n_samples, 3)), y


@pytest.fixture(scope="module")
def table():
    X, y = problem()
    return compare(CONSTANT, X, y, groups=np.arange(len(y)) // 2, **QUICK)


class TestFrame:
    def test_it_is_a_frame_and_parts_of_it_are_plain(self, table, tmp_path):
        assert isinstance(table, pd.DataFrame)
        for part in (table[["rank"]], table.loc[["LogitProd"]], table.round(2), table.copy()):
            assert type(part) is pd.DataFrame
            assert "Fusing" not in part.to_html()
        assert type(table.frame) is pd.DataFrame
        assert table.frame.attrs == table.attrs
        pd.testing.assert_frame_equal(table.frame, table.copy())
        table.to_csv(tmp_path / "table.csv")
        back = pd.read_csv(tmp_path / "table.csv", index_col="method")
        np.testing.assert_allclose(back.to_numpy(), table.to_numpy())
        assert ExpertComparisonDisplay(table.frame).table.attrs == table.attrs

    def test_it_is_pickled_whole(self, table):
        back = pickle.loads(pickle.dumps(table))
        assert type(back) is ComparisonResult
        assert str(back) == str(table)

    def test_sorted_and_extended_it_is_still_a_table(self, table):
        assert table.sort_values("rank").index[0] in table.index
        assert table.assign(own=1)["own"].sum() == len(table)


class TestShown:
    def test_print_stays_within_a_hundred_columns(self, table):
        lines = str(table).splitlines()
        assert max(map(len, lines)) <= 100
        assert " ".join(str(table).split()).startswith(table.verdict)
        assert "in 120 groups, 2 x 3 folds" in " ".join(lines)
        assert not re.search(r"\d\.\d{6}|e-\d\d", str(table))

    def test_the_best_of_each_column_is_marked(self, table):
        best = table["log_loss_mean"].idxmin()
        row = next(line for line in str(table).splitlines() if line.startswith(best))
        assert "*" in row
        html = table._repr_html_()
        assert html.count("lp-best") >= len(table.attrs["metrics"])

    def test_the_notebook_shows_verdict_tables_and_plot_in_its_own_colours(self, table):
        pytest.importorskip("matplotlib")
        html = table._repr_html_()
        assert table.verdict.split(" (")[0] in html
        assert html.count("<table>") == 2
        drawn = html[html.index("<svg") : html.index("</svg>")]
        assert "currentColor" in drawn
        assert "#ffffff" not in drawn
        # neither ink nor paper of its own
        style = html[html.index("<style>") : html.index("</style>")]
        assert not re.search(r"[^-]color:|background: (?!rgba|none)", style)

    def test_names_of_experts_are_escaped(self):
        X, y = problem(90)
        X = pd.DataFrame(X, columns=["<b>one</b>", "two", "three"])
        html = compare(CONSTANT, X, y, **QUICK)._repr_html_()
        assert "<b>one" not in html
        assert "&lt;b&gt;one" in html

    def test_warnings_are_in_it(self):
        X, y = problem(200, (-1.0, 1.0, 0.7))
        with pytest.warns(UserWarning, match="ranks samples worse than chance"):
            table = compare(CONSTANT, X, y, **QUICK)
        assert [text[:17] for text in table.warnings] == ["Expert 'expert0' "]
        assert "Warning: Expert 'expert0' ranks" in str(table)
        assert "Warning: Expert &#x27;expert0&#x27; ranks" in table._repr_html_()

    def test_several_labels(self):
        rng = np.random.default_rng(0)
        y = rng.integers(2, size=(150, 2)).astype(float)
        logits = (2 * y - 1)[:, None, :] + 1.5 * rng.normal(size=(150, 3, 2))
        model = LogitProdMultilabelClassifier(gate_width=None, labels=["a", "b"])
        table = compare(model, logits, y, **QUICK)
        assert max(map(len, str(table).splitlines())) <= 100
        overall = table.differences.loc["mean over labels"]
        each = [table.differences.loc[label] for label in ("a", "b")]
        middle = sum(own["difference"] for own in each) / 2
        to_best_expert = [("log_loss", "best expert"), ("roc_auc", "best expert")]
        np.testing.assert_allclose(
            overall.loc[to_best_expert, "difference"], middle[to_best_expert]
        )


class TestDifferences:
    def test_they_are_differences_of_the_means(self, table):
        for name in table.attrs["metrics"]:
            mean = table[f"{name}_mean"]
            np.testing.assert_allclose(
                table[f"{name}_difference"], mean - mean["best expert"], atol=1e-12
            )
            own = table.differences.loc[(name, "best simple method")]
            assert own["difference"] == pytest.approx(mean["LogitProd"] - mean[own["method"]])
            simple = mean[list(TASK_METHODS)]
            higher = table.attrs["higher_is_better"][name]
            assert own["method"] == (simple.idxmax() if higher else simple.idxmin())
        pd.testing.assert_series_equal(
            table["log_loss_p_value"], table["p_value"], check_names=False
        )

    def test_the_verdict_is_in_the_first_metric_asked_for(self):
        X, y = problem()
        table = compare(CONSTANT, X, y, metrics=["roc_auc", "brier"], **QUICK)
        assert " best expert (AUC +" in table.verdict
        assert set(table.differences.index.get_level_values("metric")) == {"roc_auc", "brier"}

    def test_without_simple_methods_there_is_one_comparison(self):
        X, y = problem()
        table = compare(CONSTANT, X, y, baselines=False, **QUICK)
        assert "simple" not in table.verdict
        assert (table.differences["p_value"] == table.differences["p_holm"]).all()
        assert max(map(len, str(table).splitlines())) <= 100

    def test_errors_of_auc_are_delongs(self):
        X, y = problem(400)
        splits = list(StratifiedKFold(2, shuffle=True, random_state=0).split(X, y))[:1]
        table = compare(CONSTANT, X, y, cv=splits, n_resamples=4000)
        train, test = splits[0]
        fused = CONSTANT.fit(X[train], y[train]).predict_proba(X[test])[:, 1]
        name = max(table.attrs["chosen"], key=table.attrs["chosen"].get)
        difference, error = delong(y[test], fused, X[test, int(name[-1])])
        own = table.loc["LogitProd"]
        assert own["roc_auc_difference"] == pytest.approx(difference, abs=1e-12)
        half = (own["roc_auc_difference_high"] - own["roc_auc_difference_low"]) / 2
        # a t by the bootstrap is a little wider than the normal one
        assert half / error == pytest.approx(norm.ppf(0.975), rel=0.08)


TASK_METHODS = ("mean of logits", "mean of probabilities", "greedy ensemble", "stacked regression")


def delong(y, first, second):
    """Difference of two AUCs and its standard error by DeLong, DeLong and Clarke-Pearson, 1988."""
    own, other = y == 1, y == 0
    parts = []
    for score in (first, second):
        above = np.sign(score[own][:, None] - score[other]) / 2 + 0.5
        parts.append((above.mean(), above.mean(axis=1), above.mean(axis=0)))
    (a, pa, na), (b, pb, nb) = parts
    variance = np.var(pa - pb, ddof=1) / own.sum() + np.var(na - nb, ddof=1) / other.sum()
    return a - b, np.sqrt(variance)


class TestToBest:
    def resampled(self, means, n_samples=200, seed=0):
        rng = np.random.default_rng(seed)
        values = rng.normal(size=(n_samples, len(means))) + means
        sums = values.mean(axis=0)
        return bootstrap((values - sums) / n_samples, sums, None, 999, seed), sums

    def test_better_than_the_best_is_better_than_each(self):
        found, sums = self.resampled([0.6, 0.9])
        own = to_best(found, sums, [0, 1], True)
        assert own.position == 0
        assert own.p_value == found.p_value.max()
        assert own.low == pytest.approx((sums - found.half_width).min())
        assert own.low > 0

    def test_worse_than_the_best_is_corrected_for_all(self):
        found, sums = self.resampled([-0.15, 0.0, 0.0, 0.0])
        alone = to_best(found, sums, [0], True)
        among = to_best(found, sums, [0, 1, 2, 3], True)
        assert alone.p_value == found.p_value[0]
        assert among.p_value > alone.p_value
        assert among.high > alone.high

    def test_losses_are_mirrored(self):
        found, sums = self.resampled([0.2, 0.5])
        other = bootstrap(*self.negative([0.2, 0.5]), None, 999, 0)
        gain, loss = to_best(found, sums, [0, 1], True), to_best(other, -sums, [0, 1], False)
        assert (loss.low, loss.high) == pytest.approx((-gain.high, -gain.low))
        assert loss.p_value == gain.p_value

    def negative(self, means):
        values = np.random.default_rng(0).normal(size=(200, 2)) + means
        sums = values.mean(axis=0)
        return -(values - sums) / 200, -sums

    def test_false_alarms_among_equal_methods(self):
        rng = np.random.default_rng(0)
        either = 0
        for seed in range(200):
            scores = rng.normal(size=(120, 6))
            differences = scores[:, :1] - scores[:, 1:]
            sums = differences.mean(axis=0)
            found = bootstrap((differences - sums) / 120, sums, None, 400, seed)
            p_values = [found.p_value[0], to_best(found, sums, range(1, 5), True).p_value]
            either += min(holm(np.array(p_values))) < 0.05
        assert either <= 16
