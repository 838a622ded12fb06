"""Comparisons within subgroups, and on samples with and without gaps."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from sklearn_logitprod import LogitProdClassifier, LogitProdRegressor, LogitProdSurvival
from sklearn_logitprod.inspection import compare
from sklearn_logitprod.inspection._resampling import bootstrap

CONSTANT = LogitProdClassifier(gate_width=None)
QUICK = {"n_repeats": 2, "cv": 3, "n_resamples": 200}
N = 240


def problem(seed=0):
    """Two experts; at site B the first one says the opposite."""
    rng = np.random.default_rng(seed)
    y, site = rng.integers(2, size=N), np.array(["A", "B", "C"])[np.arange(N) % 3]
    odds = (2 * y[:, None] - 1) * [1.5, 0.7] + rng.normal(size=(N, 2))
    odds[site == "B", 0] *= -1.0
    return odds, y, pd.Series(site, name="site")


X, Y, SITE = problem()


@pytest.fixture(scope="module")
def table():
    return compare(CONSTANT, X, Y, by=SITE, **QUICK)


class TestSubgroups:
    def test_they_change_nothing_else(self, table):
        pd.testing.assert_frame_equal(table.frame, compare(CONSTANT, X, Y, **QUICK).frame)

    def test_means_are_those_of_their_samples(self, table):
        own = table.subgroups
        assert list(own.index.unique("group")) == ["A", "B", "C"]
        for metric in ("log_loss_mean", "accuracy_mean", "brier_mean"):
            parts = own[metric].unstack("group").mean(axis=1)
            # of subgroups of one size, tested as often
            if metric == "log_loss_mean":
                assert_allclose(parts[table.index], table[metric], rtol=1e-9)
            else:
                assert_allclose(parts[table.index], table[metric], atol=0.02)

    def test_they_find_where_an_expert_fails(self, table):
        auc = table.subgroups["roc_auc_mean"].unstack("group").loc["expert0"]
        assert auc["B"] < 0.3
        assert min(auc["A"], auc["C"]) > 0.8

    def test_an_area_is_that_of_the_subgroup(self):
        # one split: all of a subgroup is in one half, so that the score is computed by hand
        half = [(np.arange(N // 2), np.arange(N // 2, N))]
        own = compare(CONSTANT, X, Y, by=SITE, cv=half, n_resamples=50).subgroups
        rows = np.flatnonzero((SITE == "B") & (np.arange(N) >= N // 2))
        score, y = X[rows, 1], Y[rows]
        wins = (score[y == 1][:, None] > score[y == 0]).mean()
        assert_allclose(own.loc[("B", "expert1"), "roc_auc_mean"], wins)

    def test_p_is_corrected_for_the_number_of_subgroups(self, table):
        own = table.subgroups.xs("expert0", level="method")
        assert (own["p_holm"] >= own["p_value"] - 1e-12).all()
        assert own["p_holm"].min() == pytest.approx(min(1.0, 3 * own["p_value"].min()))

    def test_small_ones_are_counted_alone(self):
        site = np.where(np.arange(N) < 19, "few", "many")
        found = compare(CONSTANT, X, Y, by=site, **QUICK)
        assert list(found.subgroups.index.unique("group")) == ["many"]
        counts = {one["group"]: one for one in found.subgroups.attrs["groups"]}
        assert counts["few"]["n_samples"] == 19
        assert counts["few"]["outcome"] == {"0": int((Y[:19] == 0).sum()), "1": int(Y[:19].sum())}
        assert "few" in str(found)
        assert "too few" in found._repr_html_()

    def test_nine_patients_are_few(self):
        groups = np.where(np.arange(N) < 45, np.arange(N) // 5, np.arange(N))
        site = np.where(np.arange(N) < 45, "nine", "many")
        found = compare(CONSTANT, X, Y, by=site, groups=groups, **QUICK)
        assert list(found.subgroups.index.unique("group")) == ["many"]
        assert found.subgroups.attrs["groups"][1]["n_groups"] == 9

    def test_what_is_not_stated_is_a_subgroup(self):
        site = SITE.astype(object).where(np.arange(N) >= 60, None)
        groups = compare(CONSTANT, X, Y, by=site, **QUICK).subgroups.index.unique("group")
        assert list(groups) == ["A", "B", "C", "not stated"]

    def test_numbers_are_in_their_order(self):
        found = compare(CONSTANT, X, Y, by=np.array([10, 9, 2])[np.arange(N) % 3], **QUICK)
        assert list(found.subgroups.index.unique("group")) == ["2", "9", "10"]

    def test_a_name_is_a_column(self):
        with pytest.raises(ValueError, match="by='site' is no column of X"):
            compare(CONSTANT, X, Y, by="site", **QUICK)
        frame = pd.DataFrame(X, columns=["a", "b"]).assign(site=np.arange(N) % 3)
        experts = [("bayes", GaussianNB()), ("tree", DecisionTreeClassifier(max_depth=2))]
        model = LogitProdClassifier(experts, cv=3, gate_width=None)
        found = compare(model, frame, Y, by="site", n_repeats=1, cv=2, n_resamples=50)
        assert found.subgroups.attrs["name"] == "site"
        assert list(found.subgroups.index.unique("group")) == ["0", "1", "2"]

    def test_metrics_that_are_not_asked_for_are_not_there(self):
        found = compare(CONSTANT, X, Y, by=SITE, metrics=["roc_auc"], **QUICK)
        assert "roc_auc_mean" in found.subgroups
        assert "log_loss_mean" not in found.subgroups
        assert "difference" in found.subgroups

    def test_they_are_printed(self, table):
        printed = str(table)
        assert max(map(len, printed.splitlines())) <= 100
        lines = [line.split() for line in printed.splitlines()]
        assert ["site", "samples", "log-loss", "difference", "p", "(Holm)"] in lines
        assert sum(line[:2] in (["A", "80"], ["B", "80"], ["C", "80"]) for line in lines) == 3

    @pytest.mark.parametrize(
        ("by", "message"),
        [
            (np.arange(N), "as many values as there are samples"),
            (np.arange(N) // 2, "120 values, which are too many"),
            (np.zeros(N), "everywhere"),
            (np.zeros(3), "by=... has 3 entries"),
            (np.zeros((N, 2)), "one value for each sample"),
        ],
    )
    def test_what_divides_nothing_is_refused(self, by, message):
        with pytest.raises(ValueError, match=message):
            compare(CONSTANT, X, Y, by=by, **QUICK)


class TestOtherTasks:
    def test_events(self):
        rng = np.random.default_rng(0)
        risk = rng.normal(size=N)
        time, event = rng.exponential(np.exp(-risk)) + 0.01, rng.random(N) < 0.7
        y = np.array(list(zip(event, time, strict=True)), dtype=[("event", bool), ("time", float)])
        experts = risk[:, None] + rng.normal(size=(N, 2))
        model = LogitProdSurvival(input="risk", gate_width=None)
        found = compare(model, experts, y, by=SITE, **QUICK)
        own = found.subgroups["log_loss_mean"].unstack("group").mean(axis=1)
        known = own.dropna().index
        assert_allclose(own[known], found.loc[known, "log_loss_mean"], rtol=1e-9)
        assert found.subgroups["concordance_mean"].between(0.5, 1.0).all()
        assert found.subgroups["ibs_mean"].notna().any()
        groups = found.subgroups.attrs["groups"]
        assert sum(one["outcome"]["events"] for one in groups) == event.sum()

    def test_values(self):
        rng = np.random.default_rng(0)
        y = rng.normal(size=N)
        experts = y[:, None] + rng.normal(size=(N, 2))
        model = LogitProdRegressor(input="mean", gate_width=None)
        found = compare(model, experts, y, by=SITE, **QUICK)
        own = found.subgroups["mae_mean"].unstack("group").mean(axis=1)
        assert_allclose(own[found.index], found["mae_mean"], rtol=1e-9)
        first = found.subgroups.attrs["groups"][0]["outcome"]
        assert first["mean"] == pytest.approx(y[::3].mean())

    def test_panels_have_none(self):
        from sklearn_logitprod import LogitProdMultilabelClassifier

        labels = np.stack([Y, 1 - Y], axis=1)
        odds = np.stack([X, -X], axis=2)
        model = LogitProdMultilabelClassifier(input="logits", gate_width=None)
        with pytest.raises(ValueError, match="by is for one outcome"):
            compare(model, odds, labels, by=SITE, **QUICK)


class TestGaps:
    def test_samples_with_and_without(self):
        odds = X.copy()
        odds[::4, 1] = np.nan
        found = compare(CONSTANT, odds, Y, **QUICK)
        gaps = found.attrs["gaps"]
        assert gaps["missing"] == {"expert0": 0, "expert1": 60}
        assert [one["n_samples"] for one in gaps["groups"]] == [180, 60]
        losses = pd.DataFrame(gaps["rows"]).pivot(
            index="method", columns="group", values="log_loss_mean"
        )
        both = 0.75 * losses["all experts there"] + 0.25 * losses["some experts missing"]
        assert_allclose(both[found.index], found["log_loss_mean"], rtol=1e-9)

    def test_without_gaps_there_is_nothing_to_say(self, table):
        assert table.attrs["gaps"] is None


class TestSpread:
    def test_a_resample_without_spread_has_no_finite_interval(self):
        # one sample of forty differs: resamples without it, or with little else, say nothing
        moves = np.zeros((40, 1))
        moves[0] = 1.0
        found = bootstrap((moves - moves.mean()) / 40, np.array([1 / 40]), n_resamples=500)
        assert not np.isfinite(found.half_width[0]) or found.half_width[0] < 1.0

    def test_intervals_of_accuracy_stay_within_reason(self):
        rng = np.random.default_rng(5)
        y = rng.integers(2, size=60)
        odds = (2 * y[:, None] - 1) * 3.0 + rng.normal(size=(60, 2))
        found = compare(CONSTANT, odds, y, cv=StratifiedKFold(3), n_resamples=300)
        ends = found.filter(regex="accuracy_difference_(low|high)").to_numpy()
        ends = ends[np.isfinite(ends)]
        assert (np.abs(ends) <= 1.0).all()
