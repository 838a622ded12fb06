"""Paths through experts: greedy as it says, scored as fits on the subsets are, and drawn."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_logitprod import LogitProdClassifier, LogitProdSurvival
from sklearn_logitprod.deployment import (
    adapt,
    add_expert,
    expert_path,
    with_safety,
)
from sklearn_logitprod.deployment import greedy as greedy_module
from sklearn_logitprod.io import ExpertOutputs
from sklearn_logitprod.training import path as training_path

CONSTANT = LogitProdClassifier(gate_width=None)
SKILLS = (0.3, 1.2, 0.0, 1.5)


def problem(n_samples=150, n_classes=3, skills=SKILLS, seed=0):
    """Logits of experts of unequal skill, the second and the last alike, and labels."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_samples) % n_classes
    shared = rng.normal(size=(n_samples, n_classes))
    logits = np.stack([skill * np.eye(n_classes)[y] for skill in skills], axis=1)
    logits += rng.normal(size=logits.shape) + 0.5 * shared[:, None]
    return logits, y


def fit(logits, y, **parameters):
    return LogitProdClassifier(gate_width=None, **parameters).fit(logits, y)


def splits_of(n_samples, n_splits=3, seed=0):
    return list(KFold(n_splits, shuffle=True, random_state=seed).split(np.zeros(n_samples)))


def by_hand(logits, y, splits, make=fit):
    """Paths by fits of the estimator on each subset: orders, and losses of each size and row.

    For outputs without gaps; the first order is that of all rows.
    """
    n_samples, n_experts, _ = logits.shape
    everything = np.arange(n_samples)
    orders, losses = [], np.zeros((n_experts, n_samples))
    for train, test in [(everything, None), *splits]:
        order = []
        for size in range(n_experts):
            objective = {}
            for new in set(range(n_experts)) - set(order):
                own = sorted([*order, new])
                # the objective per sample, of the last step but one
                objective[new] = make(logits[train][:, own], y[train]).loss_curve_[-1]
            order.append(min(objective, key=objective.get))
            if test is not None:
                own = sorted(order)
                model = make(logits[train][:, own], y[train])
                log_proba = model.predict_log_proba(logits[test][:, own])
                losses[size, test] = -log_proba[np.arange(len(test)), y[test]]
        orders.append(order)
    return orders, losses


class TestAgainstFits:
    @pytest.mark.parametrize(
        ("n_classes", "parameters"),
        [(3, {}), (2, {"linear_pool": False}), (2, {"calibrate": False})],
    )
    def test_greedy_by_fits_on_each_subset(self, n_classes, parameters):
        logits, y = problem(n_classes=n_classes)
        splits = splits_of(len(y))

        def make(logits, y):
            return fit(logits, y, **parameters)

        orders, losses = by_hand(logits, y, splits, make)
        path = expert_path(make(logits, y), logits, y, cv=splits)
        table = path.table
        assert table["expert"].tolist() == [f"expert{m}" for m in orders[0]]
        assert table["log_loss"].to_numpy() == pytest.approx(losses.mean(axis=1), abs=2e-6)
        differences = losses - losses[-1]
        assert table["difference"].to_numpy() == pytest.approx(differences.mean(axis=1), abs=2e-6)
        for column, values in (
            ("standard_error", losses),
            ("difference_standard_error", differences),
        ):
            error = values.std(axis=1, ddof=1) / np.sqrt(len(y))
            assert table[column].to_numpy() == pytest.approx(error, abs=2e-6)
        counts = [
            sum(orders[0][size] in order[: size + 1] for order in orders[1:]) for size in range(4)
        ]
        assert table["in_folds"].tolist() == counts
        within = differences.mean(axis=1) <= table["difference_standard_error"].to_numpy() + 1e-9
        assert path.n_sufficient == np.argmax(within) + 1
        assert path.sufficient == table["expert"].tolist()[: path.n_sufficient]

    def test_survival(self):
        rng = np.random.default_rng(0)
        n_samples = 160
        true = rng.normal(size=n_samples)
        y = np.zeros(n_samples, dtype=[("event", bool), ("time", float)])
        y["time"], y["event"] = rng.exponential(np.exp(-true)) + 0.01, rng.random(n_samples) < 0.7
        times = np.quantile(y["time"], [0.3, 0.6, 0.9])
        hazards = true[:, None, None] + rng.normal(size=(n_samples, 3, 1)) * [[0.5], [3.0], [1.0]]
        hazards = hazards + np.zeros(3) - 1.0

        def make(outputs, y):
            model = LogitProdSurvival(gate_width=None, input="hazard_logits", times=times)
            return model.fit(outputs, y)

        splits = splits_of(n_samples)
        path = expert_path(make(hazards, y), hazards, y, cv=splits)
        first, second = path.table["expert"][:2]
        assert first == "expert0"
        chosen = [0, int(second[-1])]
        total = []
        for train, test in splits:
            # in each split the best one is the same
            model = make(hazards[train][:, [0]], y[train])
            log_proba = model._log_proba(hazards[test][:, [0]])
            likelihood = model._likelihood(y[test], len(test), vars(model))
            total.append(likelihood.loss(log_proba))
        # held-out losses are those of fits that are solved to hundredths of a nat in total
        assert path.table["log_loss"][0] == pytest.approx(np.concatenate(total).mean(), abs=1e-5)
        assert path.table["in_folds"][0] == 3
        assert chosen[1] in (1, 2)

    def test_stratified_folds_of_events(self):
        rng = np.random.default_rng(1)
        y = np.zeros(60, dtype=[("event", bool), ("time", float)])
        y["time"], y["event"] = rng.exponential(size=60) + 0.01, np.arange(60) < 6
        risk = -y["time"][:, None] + rng.normal(size=(60, 2))
        model = LogitProdSurvival(gate_width=None, input="risk", n_bins=2).fit(risk, y)
        # six events in five folds: each has one to fit on
        assert len(expert_path(model, risk, y).table) == 2

    def test_first_of_a_path_that_ends_early(self):
        logits, y = problem()
        model, splits = fit(logits, y), splits_of(len(y))
        whole = expert_path(model, logits, y, cv=splits)
        part = expert_path(model, logits, y, cv=splits, max_experts=1)
        pd.testing.assert_frame_equal(whole.table[:1], part.table, atol=1e-6)
        assert part.all_log_loss == pytest.approx(whole.all_log_loss, abs=1e-6)
        assert part.n_experts == 4


class TestMissing:
    def gapped(self):
        logits, y = problem(200, skills=(0.6, 1.5, 0.8))
        rng = np.random.default_rng(3)
        logits[rng.random(200) < 0.6, 1] = np.nan
        logits[np.isnan(logits[:, 1, 0]) & (rng.random(200) < 0.3), 2] = np.nan
        return logits, y

    def test_base_rates_where_none_of_a_set_is_known(self):
        logits, y = self.gapped()
        splits = splits_of(len(y))
        path = expert_path(fit(logits, y), logits, y, cv=splits, max_experts=1)
        losses = np.zeros(len(y))
        for train, test in splits:
            count = np.bincount(y[train], minlength=3)
            # class frequencies, under the prior of a class bias

            def objective(c, count=count):
                return -(count @ c - count.sum() * logsumexp(c)) + 1.5 * c @ c

            base = minimize(objective, np.zeros(3), tol=1e-10).x
            base = base - logsumexp(base)
            values = {}
            for m in range(3):
                known = train[~np.isnan(logits[train, m, 0])]
                model = fit(logits[known][:, [m]], y[known])
                fitted = model.loss_curve_[-1] * len(known)
                values[m] = fitted - base[y[np.setdiff1d(train, known)]].sum()
            best = min(values, key=values.get)
            known = train[~np.isnan(logits[train, best, 0])]
            model = fit(logits[known][:, [best]], y[known])
            own = ~np.isnan(logits[test, best, 0])
            losses[test] = -base[y[test]]
            log_proba = model.predict_log_proba(logits[test[own]][:, [best]])
            losses[test[own]] = -log_proba[np.arange(own.sum()), y[test[own]]]
        assert path.table["log_loss"][0] == pytest.approx(losses.mean(), abs=1e-5)
        assert path.table["log_loss"][0] < path.base_log_loss

    def test_an_expert_that_is_seldom_asked_is_not_the_first(self):
        logits, y = problem(300, skills=(1.0, 8.0))
        # nearly perfect, on one row in ten
        logits[np.arange(300) % 10 > 0, 1] = np.nan
        path = expert_path(fit(logits, y), logits, y, cv=3)
        assert path.table["expert"].tolist() == ["expert0", "expert1"]

    def test_pools_do_without_experts_as_fits_do(self):
        logits, y = self.gapped()
        splits = splits_of(len(y))
        path = expert_path(fit(logits, y), logits, y, cv=splits)
        total = []
        for train, test in splits:
            model = fit(logits[train], y[train])
            total.append(-model.predict_log_proba(logits[test])[np.arange(len(test)), y[test]])
        assert path.all_log_loss == pytest.approx(np.concatenate(total).mean(), abs=1e-5)

    def test_missing_on_every_row(self):
        logits, y = problem()
        model = fit(logits, y)
        logits[:, 2] = np.nan
        with pytest.warns(UserWarning, match=r"expert2 are missing .* left out"):
            path = expert_path(model, logits, y, costs=[1, 2, 3, 4], cv=3)
        assert sorted(path.table["expert"]) == ["expert0", "expert1", "expert3"]
        assert path.table["cost"].iloc[-1] == 7.0
        assert path.n_experts == 3

    def test_missing_on_every_row_that_is_fitted_on(self):
        logits, y = problem()
        splits = splits_of(len(y))
        model = fit(logits, y)
        logits[splits[0][0], 3] = np.nan
        # the last expert is known only where the first split cannot learn of it
        path = expert_path(model, logits, y, cv=splits[:1])
        assert path.table["log_loss"].is_monotonic_decreasing or path.n_sufficient is not None
        assert np.isfinite(path.table["log_loss"]).all()
        without = expert_path(fit(logits[:, :3], y), logits[:, :3], y, cv=splits[:1])
        assert path.all_log_loss == pytest.approx(without.all_log_loss, abs=1e-6)


class TestHonest:
    def test_the_order_is_found_without_the_rows_held_out(self):
        rng = np.random.default_rng(0)
        y = np.arange(120) % 2
        splits = list(StratifiedKFold(2).split(y, y))
        (_, first), (_, second) = splits
        # each expert knows the labels of one half alone
        logits = rng.normal(size=(120, 2))
        logits[first, 0] += 6.0 * (2.0 * y[first] - 1.0)
        logits[second, 1] += 6.0 * (2.0 * y[second] - 1.0)
        path = expert_path(fit(logits, y), logits, y, cv=splits)
        # on the half that is held out, what the other half has chosen knows nothing
        assert path.table["log_loss"][0] > 0.6

    def test_rows_that_several_splits_hold_out_count_once(self):
        logits, y = problem()
        model = fit(logits, y)
        splits = splits_of(len(y))
        once = expert_path(model, logits, y, cv=splits)
        twice = expert_path(model, logits, y, cv=[*splits, *splits])
        columns = [c for c in once.table if c != "in_folds"]
        pd.testing.assert_frame_equal(once.table[columns], twice.table[columns])
        assert twice.n_folds == 6

    def test_fit_rows_of_a_split_are_those_it_names(self):
        logits, y = problem()
        model = fit(logits, y)
        (train, test), *_ = splits_of(len(y))
        few = train[:60]
        path = expert_path(model, logits, y, cv=[(few, test)])
        refit = fit(logits[few], y[few])
        loss = -refit.predict_log_proba(logits[test])[np.arange(len(test)), y[test]].mean()
        assert path.all_log_loss == pytest.approx(loss, abs=2e-6)

    def test_many_rows_choose_on_a_part(self, monkeypatch):
        logits, y = problem(300)
        model, splits = fit(logits, y), splits_of(300)
        whole = expert_path(model, logits, y, cv=splits)
        seen = []
        search = greedy_module.Search.__init__

        def spy(self, library, weights, costs=None):
            seen.append(library.n_samples)
            search(self, library, weights, costs)

        monkeypatch.setattr(greedy_module.Search, "__init__", spy)
        monkeypatch.setattr(training_path, "MOST_SELECTION_ROWS", 150)
        part = expert_path(model, logits, y, cv=splits)
        assert seen == [150]
        assert part.n_samples == 300
        assert part.all_log_loss == pytest.approx(whole.all_log_loss, abs=1e-6)


class TestWeightsAndGroups:
    def test_weight_0_is_left_out(self):
        logits, y = problem()
        model = fit(logits, y)
        weight = np.where(np.arange(150) < 100, 1.0, 0.0)
        splits = splits_of(150)
        kept = [(train[train < 100], test[test < 100]) for train, test in splits]
        path = expert_path(model, logits, y, cv=splits, sample_weight=weight)
        expected = expert_path(model, logits[:100], y[:100], cv=kept)
        pd.testing.assert_frame_equal(path.table, expected.table)
        assert path.n_samples == 100

    def test_weight_2_is_the_row_twice(self):
        logits, y = problem()
        model, splits = fit(logits, y), splits_of(150)
        weight = 1.0 + (np.arange(150) % 2)
        path = expert_path(model, logits, y, cv=splits, sample_weight=weight)
        rows = np.repeat(np.arange(150), weight.astype(int))
        twice = [
            tuple(np.flatnonzero(np.isin(rows, part)) for part in (train, test))
            for train, test in splits
        ]
        repeated = expert_path(model, logits[rows], y[rows], cv=twice)
        for column in ("expert", "in_folds"):
            assert path.table[column].tolist() == repeated.table[column].tolist()
        for column in ("log_loss", "difference"):
            assert path.table[column].to_numpy() == pytest.approx(
                repeated.table[column].to_numpy(), abs=1e-6
            )

    def test_rows_of_a_group_that_repeat_say_what_one_says(self):
        logits, y = problem(60)
        model, splits = fit(logits, y), splits_of(60)
        rows = np.repeat(np.arange(60), 3)
        thrice = [
            tuple(np.flatnonzero(np.isin(rows, part)) for part in (train, test))
            for train, test in splits
        ]
        single = expert_path(model, logits, y, cv=splits)
        path = expert_path(model, logits[rows], y[rows], groups=rows, cv=thrice)
        assert path.n_groups == 60
        assert path.n_samples == 180
        pd.testing.assert_frame_equal(path.table, single.table, atol=1e-6)
        assert path.all_standard_error == pytest.approx(single.all_standard_error, abs=1e-6)

    def test_mean_and_error_by_group(self):
        values, groups = np.array([1.0, 3.0, 8.0, 0.0]), np.array([0, 0, 1, 2])
        weight = np.array([1.0, 1.0, 1.0, 3.0])
        mean, error = greedy_module.weighted_mean(values, weight, groups)
        assert mean == 2.0
        parts = np.array([-1.0 + 1.0, 6.0, -6.0]) / 6.0
        assert error == pytest.approx(np.sqrt(1.5 * (parts**2).sum()))
        assert np.isnan(greedy_module.weighted_mean(values, weight, np.zeros(4, int))[1])


class TestCosts:
    logits, y = problem(300, skills=(1.0, 1.2, 0.0, 1.0))
    model = fit(logits, y)

    def test_gain_per_cost(self):
        plain = expert_path(self.model, self.logits, self.y, cv=3)
        alike = expert_path(self.model, self.logits, self.y, cv=3, costs=[2.0] * 4)
        assert plain.table["expert"].tolist()[:3] == alike.table["expert"].tolist()[:3]
        assert alike.table["cost"].tolist() == [2.0, 4.0, 6.0, 8.0]
        # nearly as good as the best, at a tenth of what it costs
        cheap = {"expert0": 1.0, "expert1": 10.0, "expert2": 10.0, "expert3": 10.0}
        path = expert_path(self.model, self.logits, self.y, cv=3, costs=cheap)
        assert plain.table["expert"][0] == "expert1"
        assert path.table["expert"][0] == "expert0"
        assert path.table["cost"].tolist()[:2] == [1.0, 11.0]
        by_series = expert_path(self.model, self.logits, self.y, cv=3, costs=pd.Series(cheap))
        pd.testing.assert_frame_equal(path.table, by_series.table)

    @pytest.mark.parametrize("price", [0.0, 1e-9])
    def test_chance_is_no_gain_however_cheap(self, price):
        path = expert_path(self.model, self.logits, self.y, cv=3, costs=[1.0, 1.0, price, 1.0])
        assert path.table["expert"].tolist()[-1] == "expert2"

    @pytest.mark.parametrize(
        ("gains", "costs", "expected"),
        [
            ({0: 5.0, 1: 6.0}, None, 1),
            ({0: 5.0, 1: 6.0}, [1.0, 2.0], 0),
            # the first nat is chance
            ({0: 2.0, 1: 11.0}, [1.0, 6.0], 1),
            ({0: 0.9, 1: 2.0}, [0.0, 100.0], 1),
            ({0: 1.1, 1: 1.2, 2: 50.0}, [0.0, 0.0, 1.0], 1),
            # none is worth anything: the least harm, whatever it costs
            ({0: -3.0, 1: 0.5}, [0.0, 100.0], 1),
        ],
    )
    def test_which_joins(self, gains, costs, expected):
        costs = None if costs is None else np.array(costs)
        assert greedy_module.joining(gains, costs) == expected

    def test_free_experts_that_gain_come_first(self):
        path = expert_path(self.model, self.logits, self.y, cv=3, costs=[0.0, 1.0, 1.0, 0.0])
        assert set(path.table["expert"][:2]) == {"expert0", "expert3"}

    @pytest.mark.parametrize(
        ("costs", "message"),
        [
            ({"expert0": 1.0}, r"costs lack \['expert1', 'expert2', 'expert3'\]: give a cost"),
            (dict.fromkeys(["expert0", "uni"], 1.0), r"costs name \['uni'\], which the model"),
            ([1.0, 2.0], r"shape \(2,\), but there are 4 experts: pass one number each"),
            ([1.0, -2.0, 1.0, 1.0], "cost of 'expert1' is -2; costs are finite and not negative"),
            ([1.0, np.nan, 1.0, 1.0], "cost of 'expert1' is nan"),
            (["a", "b", "c", "d"], "no numbers .* a dict of the experts' names to numbers"),
        ],
    )
    def test_bad_costs(self, costs, message):
        with pytest.raises(ValueError, match=message):
            expert_path(self.model, self.logits, self.y, costs=costs)


class TestInput:
    logits, y = problem()
    model = fit(logits, y)

    def test_unfitted(self):
        with pytest.raises(NotFittedError):
            expert_path(CONSTANT, self.logits, self.y)

    def test_no_model_of_ours(self):
        with pytest.raises(TypeError, match="expert_path takes a fitted LogitProdClassifier"):
            expert_path(LogisticRegression(), self.logits, self.y)

    def test_pipeline(self):
        with pytest.raises(TypeError, match="Of a pipeline pass the last step"):
            expert_path(make_pipeline(FunctionTransformer(), CONSTANT), self.logits, self.y)

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"y": np.arange(150) % 4}, r"labels \[3\], which the estimator does not know"),
            ({"y": np.zeros(150, int)}, "y holds 1 class only"),
            ({"y": None}, "expert_path needs y"),
            ({"X": logits[:, :2]}, "2 experts|expert"),
            ({"X": logits[:0], "y": y[:0]}, "no rows"),
            ({"cv": 1}, "cv=1 makes no folds"),
            ({"cv": [(np.arange(75), np.arange(0))]}, "cv holds out 0 rows that count"),
            (
                {"cv": [(np.arange(75), [80])]},
                "1 rows that count; .* needs two at least. Pass cv=5",
            ),
            ({"cv": [(np.arange(75), np.arange(74, 150))]}, "Split 1 of cv holds out rows that it"),
            ({"max_experts": 0}, "max_experts=0: it is a whole number, 1 or more"),
            ({"max_experts": 2.0}, "max_experts=2.0: it is a whole number"),
            ({"random_state": None}, "random_state=None: it is a whole number"),
            ({"groups": np.zeros(150)}, "holds out groups, and there is only 1"),
            ({"cv": KFold(3), "y": np.sort(y)}, "Split 1 of cv leaves no sample of one class"),
            ({"y": np.r_[2, np.arange(149) % 2]}, "of one class, which has 1 in all"),
            ({"sample_weight": -np.ones(150)}, "sample_weight is negative"),
        ],
    )
    def test_bad(self, changed, message):
        given = {"X": self.logits, "y": self.y} | changed
        with pytest.raises(ValueError, match=message):
            expert_path(self.model, given.pop("X"), given.pop("y"), **given)

    def test_splits_that_divide_groups(self):
        groups = np.arange(150) // 2
        with pytest.warns(UserWarning, match="A split of cv divides a group"):
            expert_path(self.model, self.logits, self.y, groups=groups, cv=splits_of(150))

    def test_after_other_changes(self):
        rng = np.random.default_rng(5)
        more = np.concatenate([self.logits, self.logits[:, :1] + rng.normal(size=(150, 1, 3))], 1)
        changed = with_safety(adapt(add_expert(self.model, more, self.y), more, self.y))
        path = expert_path(changed, more, self.y, cv=3)
        whole = expert_path(fit(more, self.y), more, self.y, cv=3)
        assert path.n_experts == 5
        assert path.all_log_loss == pytest.approx(whole.all_log_loss, abs=1e-9)

    def test_a_frame(self):
        columns = pd.MultiIndex.from_product([list("abcd"), range(3)])
        X = pd.DataFrame(self.logits.reshape(150, -1), columns=columns)
        model = fit(X, self.y)
        # in another order: matched by name
        path = expert_path(model, X[list("dcba")], self.y, costs=dict.fromkeys("abcd", 1.0), cv=3)
        plain = expert_path(self.model, self.logits, self.y, costs=[1.0] * 4, cv=3)
        names = dict(zip(["expert0", "expert1", "expert2", "expert3"], "abcd", strict=True))
        assert path.table["expert"].tolist() == [names[n] for n in plain.table["expert"]]
        assert path.all_log_loss == pytest.approx(plain.all_log_loss, abs=1e-9)

    def test_no_event_to_fit_on(self):
        y = np.zeros(20, dtype=[("event", bool), ("time", float)])
        y["time"], y["event"] = np.arange(1.0, 21.0), np.arange(20) < 10
        risk = -y["time"][:, None] + np.random.default_rng(0).normal(size=(20, 2))
        model = LogitProdSurvival(gate_width=None, input="risk", n_bins=2).fit(risk, y)
        with pytest.raises(ValueError, match="Split 1 of cv leaves no event to fit on"):
            expert_path(model, risk, y, cv=KFold(2))

    def test_outputs_with_their_y_and_groups(self):
        outputs = ExpertOutputs(
            values=self.logits,
            input="logits",
            expert_names=list("abcd"),
            classes=np.arange(3),
            y=self.y,
            ids=np.arange(150),
            groups=np.arange(150) // 2,
            times=None,
        )
        model = CONSTANT.fit(outputs)
        path = expert_path(model, outputs, cv=3)
        plain = expert_path(model, self.logits, self.y, groups=np.arange(150) // 2, cv=3)
        pd.testing.assert_frame_equal(path.table, plain.table)
        assert set(path.table["expert"]) == set("abcd")
        assert path.n_groups == 75

    def test_estimators_as_experts(self):
        rng = np.random.default_rng(0)
        y = np.arange(160) % 2
        X = rng.normal(size=(160, 4)) + y[:, None] * [1.0, 0.0, 0.7, 0.0]
        experts = [
            (name, make_pipeline(FunctionTransformer(columns), LogisticRegression()).fit(X, y))
            for name, columns in (("left", _left), ("right", _right))
        ]
        model = LogitProdClassifier(experts, cv="prefit", gate_width=None).fit(X, y)
        path = expert_path(model, X, y, cv=3)
        assert path.table["expert"].tolist() == ["left", "right"]

    def test_the_model_is_left_alone(self):
        before = pickle.dumps(self.model)
        expert_path(self.model, self.logits, self.y, cv=3)
        assert pickle.dumps(self.model) == before

    def test_progress(self, capsys):
        expert_path(self.model, self.logits, self.y, cv=2, verbose=1)
        said = capsys.readouterr().err
        assert "expert_path: expert 1 of 4: 4 candidates" in said
        assert "expert_path: split 2 of 2" in said


def _left(X):
    return X[:, :2]


def _right(X):
    return X[:, 2:]
