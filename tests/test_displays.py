"""Displays show the figures they are given; oracle and temperatures are what they say."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_logitprod import LogitProdClassifier, LogitProdClassifierCV, LogitProdSurvival
from sklearn_logitprod.inspection import (
    ExpertComparisonDisplay,
    ExpertWeightsDisplay,
    TemperatureSensitivityDisplay,
    compare,
    oracle_gap,
    temperature_sensitivity,
)
from sklearn_logitprod.io import ExpertOutputs

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
LINEAR, CONSTANT = LogitProdClassifier(gate_width=0), LogitProdClassifier(gate_width=None)


@pytest.fixture(autouse=True)
def _closed():
    yield
    matplotlib.pyplot.close("all")


def problem(n_samples=300, quality=(0.4, 1.0, 0.7), seed=0):
    """Log-odds of experts of unequal skill, and labels."""
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=n_samples)
    return (2 * y[:, None] - 1) * np.array(quality) + rng.normal(size=(n_samples, 3)), y


def cohort(n_samples=240, seed=0):
    """Risks of three experts, events and times."""
    rng = np.random.default_rng(seed)
    true = rng.normal(size=n_samples)
    y = np.zeros(n_samples, dtype=[("event", bool), ("time", float)])
    y["time"], y["event"] = rng.exponential(np.exp(-true)) + 0.01, rng.random(n_samples) < 0.7
    return true[:, None] + rng.normal(size=(n_samples, 3)) * [0.5, 1.0, 2.0], y


class TestComparison:
    table = compare(CONSTANT, *problem(), cv=3, n_repeats=1, n_resamples=200)

    @pytest.mark.parametrize("metric", [None, "roc_auc", "difference"])
    def test_points_are_the_table(self, metric):
        display = ExpertComparisonDisplay(self.table).plot(metric=metric)
        column = {None: "log_loss_mean", "roc_auc": "roc_auc_mean"}.get(metric, metric)
        names = [tick.get_text() for tick in display.ax_.get_yticklabels()]
        drawn = {}
        for container in display.points_.values():
            x, y = container.lines[0].get_data()
            drawn |= {names[int(place)]: value for value, place in zip(x, y, strict=True)}
        expected = self.table[column]
        if metric == "difference":
            expected = expected.drop("best expert")
        assert drawn == pytest.approx(expected.to_dict())
        # the best is at the top
        sign = 1 if metric == "roc_auc" else -1
        assert (np.diff([sign * drawn[name] for name in names]) >= 0).all()

    def test_bars_are_the_intervals(self):
        display = ExpertComparisonDisplay(self.table).plot()
        (segments,) = display.points_["fusion"].lines[2]
        ends = segments.get_segments()[0][:, 0]
        row = self.table.loc["LogitProd"]
        assert ends == pytest.approx([row["log_loss_low"], row["log_loss_high"]])

    def test_reference_line(self):
        display = ExpertComparisonDisplay(self.table)
        at = display.plot().reference_line_.get_xdata()[0]
        assert at == self.table.loc["best expert", "log_loss_mean"]
        assert display.plot(metric="difference").reference_line_.get_xdata()[0] == 0.0

    def test_from_estimator_and_from_predictions(self):
        X, y = problem()
        options = {"cv": 3, "n_repeats": 1, "n_resamples": 50, "baselines": False}
        ax = matplotlib.pyplot.subplots()[1]
        display = ExpertComparisonDisplay.from_estimator(CONSTANT, X, y, ax=ax, **options)
        assert display.ax_ is ax
        proba = 1 / (1 + np.exp(-np.stack([-X, X], axis=2)))
        outputs = ExpertOutputs(proba, "proba", ["a", "b", "c"], np.array([0, 1]), y)
        display = ExpertComparisonDisplay.from_predictions(outputs, metric="brier", **options)
        assert "Brier" in display.ax_.get_xlabel()
        assert list(display.table.index[:3]) == ["a", "b", "c"]

    def test_rows_without_a_score_are_left_out(self):
        risks, y = cohort()
        model = LogitProdSurvival(input="risk", gate_width=None)
        table = compare(model, risks, y, cv=3, n_repeats=1, n_resamples=50)
        display = ExpertComparisonDisplay(table)
        counts = {m: len(display.plot(metric=m).ax_.get_yticks()) for m in ("concordance", "ibs")}
        assert counts == {"concordance": len(table), "ibs": len(table) - 1}

    def test_bad_input(self):
        with pytest.raises(ValueError, match="metric='auc' is not in the table; there are"):
            ExpertComparisonDisplay(self.table).plot(metric="auc")
        with pytest.raises(ValueError, match="pass what `compare` returned"):
            ExpertComparisonDisplay(pd.DataFrame({"log_loss_mean": [1.0]}))


class TestWeights:
    def medians(self, display, label):
        """By the experts as they were given; they are drawn by their mean weight."""
        names = [tick.get_text() for tick in display.ax_.get_xticklabels()]
        lines = display.boxes_[label]["medians"]
        found = {n: line.get_ydata()[0] for n, line in zip(names, lines, strict=True)}
        return [found[name] for name in display.expert_names]

    def test_boxes_are_the_weights(self):
        X, y = problem()
        model = LINEAR.fit(X, y)
        weights = model.expert_weights(X)
        display = ExpertWeightsDisplay.from_estimator(model, X, by=pd.Series(y, name="label"))
        for label in (0, 1):
            expected = np.median(weights[y == label], axis=0)
            assert self.medians(display, str(label)) == pytest.approx(expected)
        assert display.ax_.get_legend().get_title().get_text() == "label"
        ordered = [model.expert_names_[m] for m in np.argsort(-weights.mean(axis=0))]
        assert [t.get_text() for t in display.ax_.get_xticklabels()] == ordered
        written = [text.get_text() for text in display.ax_.texts]
        assert f"{weights[y == 0].mean(axis=0).max():.2f}" in written

    def test_intervals_of_the_mean_weight_by_resampling(self):
        X, y = problem()
        model = CONSTANT.fit(X, y)
        options = {"y": y, "groups": np.arange(len(y)) // 2, "n_resamples": 60}
        display = ExpertWeightsDisplay.from_estimator(model, X, **options)
        low, high = display.intervals.T
        means = model.expert_weights(X).mean(axis=0)
        assert (low < means).all()
        assert (means < high).all()
        # more samples, narrower intervals
        X, y = problem(2400)
        wide = ExpertWeightsDisplay.from_estimator(CONSTANT.fit(X, y), X, y=y, n_resamples=60)
        assert (np.ptp(wide.intervals, axis=1) < high - low).all()
        with pytest.raises(ValueError, match="y is missing"):
            ExpertWeightsDisplay.from_estimator(model, X, n_resamples=10)
        with pytest.raises(ValueError, match="intervals have shape"):
            ExpertWeightsDisplay(np.full((4, 2), 0.5), ["a", "b"], intervals=[0.1, 0.9])

    @pytest.mark.parametrize("n_experts", [3, 12, 40])
    @pytest.mark.parametrize("length", [4, 30])
    @pytest.mark.parametrize("own", [False, True])
    def test_labels_never_overlap(self, n_experts, length, own):
        names = [f"{m}".ljust(length, "m") for m in range(n_experts)]
        weights = np.random.default_rng(0).dirichlet(np.ones(n_experts), size=30)
        ax = matplotlib.pyplot.subplots(figsize=(5, 4), layout="constrained")[1] if own else None
        display = ExpertWeightsDisplay.from_predictions(weights, expert_names=names, ax=ax)
        display.figure_.canvas.draw()
        ticks = display.ax_.get_xticklabels()
        angle = np.radians(ticks[0].get_rotation())
        places = [display.ax_.transData.transform((m, 0))[0] for m in range(n_experts)]
        apart = np.diff(places).min()
        # across the lines of text, or along them where they lie level
        height = ticks[0].get_fontsize() * display.figure_.dpi / 72
        if angle:
            assert apart * np.sin(angle) >= height
        else:
            boxes = [tick.get_window_extent() for tick in ticks]
            assert all(a.x1 < b.x0 for a, b in pairwise(boxes))

    def test_missing_experts_are_left_out(self):
        X, y = problem()
        model = CONSTANT.fit(X, y)
        holes = X.copy()
        holes[:150, 1] = np.nan
        display = ExpertWeightsDisplay.from_estimator(model, holes)
        assert np.isnan(display.weights[:150, 1]).all()
        assert self.medians(display, "all samples")[1] == pytest.approx(
            np.median(model.expert_weights(holes)[150:, 1])
        )

    def test_searches_and_pipelines(self):
        X, y = problem()
        grid = {"gate_width": [None], "alpha": [10, 100]}
        models = [
            LogitProdClassifierCV(gate_widths=[None], temperatures=[1], alphas=[100]),
            GridSearchCV(CONSTANT, grid, cv=2),
            make_pipeline(FunctionTransformer(), CONSTANT),
        ]
        for model in models:
            display = ExpertWeightsDisplay.from_estimator(model.fit(X, y), X)
            assert display.weights.sum(axis=1) == pytest.approx(1.0)

    def test_columns_and_quartiles(self):
        X, y = problem()
        frame = pd.DataFrame(X, columns=["a", "b", "c"])
        model = CONSTANT.fit(frame, y)
        display = ExpertWeightsDisplay.from_estimator(model, frame, by="a")
        assert len(display.boxes_) == 4
        assert display.ax_.get_legend().get_title().get_text() == "a"
        display = ExpertWeightsDisplay.from_predictions(
            pd.DataFrame([[0.2, 0.8], [0.4, 0.6]], columns=["u", "v"]), by=["x", "y"]
        )
        assert self.medians(display, "x") == pytest.approx([0.2, 0.8])

    def test_bad_input(self):
        X, y = problem()
        model = CONSTANT.fit(X, y)
        with pytest.raises(ValueError, match="by has 2 entries for 300 samples"):
            ExpertWeightsDisplay.from_estimator(model, X, by=[0, 1])
        with pytest.raises(ValueError, match="by='site' is no column of X"):
            ExpertWeightsDisplay.from_estimator(model, X, by="site")
        with pytest.raises(TypeError, match="not LogisticRegression"):
            ExpertWeightsDisplay.from_estimator(LogisticRegression().fit(X, y), X)
        with pytest.raises(ValueError, match="expected \\(n_samples, 2\\)"):
            ExpertWeightsDisplay(np.ones((4, 3)), ["a", "b"])


class TestOracle:
    def test_no_constant_weights_do_better(self):
        X, y = problem()
        new, truth = problem(seed=1)
        for model in (CONSTANT, LogitProdClassifier()):
            table = oracle_gap(model.fit(X, y), new, truth)
            assert table.loc["oracle", "loss"] <= table["loss"].min() + 1e-9
            fused = model.predict_log_proba(new)[np.arange(300), truth]
            assert table.loc["LogitProd", "loss"] == pytest.approx(-fused.mean())
            tuned = CONSTANT.fit(new, truth).loss_
            assert table.loc["oracle", "loss"] <= tuned + 1e-9
            # the prior is weak, and next to nothing is gained by none
            assert table.loc["oracle", "loss"] > tuned - 0.01

    def test_gap_and_share(self):
        X, y = problem()
        table = oracle_gap(CONSTANT.fit(X, y), *problem(seed=1))
        assert table.loc["oracle", ["gap", "gained"]].tolist() == [0.0, 1.0]
        assert table.loc["best expert", "gained"] == 0.0
        loss = table["loss"]
        share = (loss["best expert"] - loss["LogitProd"]) / (loss["best expert"] - loss["oracle"])
        assert table.loc["LogitProd", "gained"] == pytest.approx(share)
        assert table.attrs["best_expert"] == CONSTANT.expert_names_[1]
        assert table.attrs["oracle_weights"].sum() == pytest.approx(1.0)

    def test_survival_and_classes_that_are_absent(self):
        risks, y = cohort()
        model = LogitProdSurvival(input="risk", gate_width=None).fit(risks[:120], y[:120])
        table = oracle_gap(model, risks[120:], y[120:])
        assert table.loc["oracle", "loss"] <= table["loss"].min() + 1e-9
        X, labels = problem()
        own = CONSTANT.fit(X, labels)
        assert np.isfinite(oracle_gap(own, X[labels == 1], labels[labels == 1])["loss"]).all()

    def test_bad_input(self):
        X, y = problem()
        model = CONSTANT.fit(X, y)
        with pytest.raises(TypeError, match="not LogisticRegression"):
            oracle_gap(LogisticRegression(), X, y)
        with pytest.raises(ValueError, match="y is missing"):
            oracle_gap(model, X)
        with pytest.raises(ValueError, match="7"):
            oracle_gap(model, X, np.where(y == 1, 7, 0))


class TestTemperature:
    def test_scores_are_those_of_cross_validation(self):
        X, y = problem()
        folds = StratifiedKFold(3, shuffle=True, random_state=0)
        table = temperature_sensitivity(LINEAR, X, y, temperatures=(2.0, 0.5), cv=folds)
        assert list(table.index) == [0.5, 2.0]
        for temperature in table.index:
            own = LogitProdClassifier(gate_width=0, temperature=temperature)
            scores = cross_val_score(own, X, y, cv=folds, scoring="neg_log_loss")
            row = table.loc[temperature]
            assert row.filter(like="split").to_numpy() == pytest.approx(scores, abs=1e-6)
            assert row["mean"] == pytest.approx(scores.mean(), abs=1e-6)

    def test_survival(self):
        risks, y = cohort()
        model = LogitProdSurvival(input="risk", gate_width=0)
        table = temperature_sensitivity(model, risks, y, temperatures=(0.5, 5), cv=3)
        assert np.isfinite(table["mean"]).all()

    def test_line_is_the_table(self):
        X, y = problem()
        table = temperature_sensitivity(LINEAR, X, y, temperatures=(0.5, 1, 2), cv=3)
        display = TemperatureSensitivityDisplay.from_predictions(table)
        assert display.line_.get_ydata() == pytest.approx(table["mean"])
        own = display.band_.get_paths()[0].vertices
        # at the estimator's own temperature there is no difference, hence no band
        assert np.ptp(own[own[:, 0] == 1.0, 1]) == pytest.approx(0.0, abs=1e-12)
        ours = TemperatureSensitivityDisplay.from_estimator(LINEAR, X, y, temperatures=(1, 2))
        assert len(ours.table) == 2

    @pytest.mark.parametrize("width", [None, "auto"])
    def test_gates_that_read_no_temperature(self, width):
        with pytest.raises(ValueError, match="pass an estimator with gate_width=0"):
            temperature_sensitivity(LogitProdClassifier(gate_width=width), *problem())

    def test_bad_input(self):
        with pytest.raises(TypeError, match="not LogisticRegression"):
            temperature_sensitivity(LogisticRegression(), *problem())
        with pytest.raises(ValueError, match="temperatures holds -1"):
            temperature_sensitivity(LINEAR, *problem(), temperatures=(1, -1))
        with pytest.raises(ValueError, match="not one of `temperature_sensitivity`"):
            TemperatureSensitivityDisplay(pd.DataFrame())


def test_matplotlib_is_imported_by_plots_alone():
    code = "import sys, sklearn_logitprod.inspection; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        ExpertWeightsDisplay.from_predictions(np.ones((3, 1)))
