"""What a path through experts says of itself, in words and as a plot."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.deployment import ExpertPath, ExpertPathDisplay, expert_path
from sklearn_logitprod.deployment.greedy import Library
from sklearn_logitprod.deployment.path_result import Found, path_result


def a_path(n_experts=4, n_sufficient=2, cost=False):
    places = np.arange(1, n_experts + 1)
    difference = 0.1 / places - 0.1 / n_experts
    table = pd.DataFrame(
        {
            "n_experts": places,
            "expert": [f"<expert> {m}" for m in places],
            "log_loss": 0.5 + difference,
            "standard_error": 0.1,
            "difference": difference,
            "difference_standard_error": 0.01,
            "within_one_standard_error": places >= (n_sufficient or n_experts + 1),
            "in_folds": 5,
        }
    )
    if cost:
        table["cost"] = 2.0 * places
    names = table["expert"].tolist()[: n_sufficient or 0]
    return ExpertPath(table, n_sufficient, names, 0.5, 0.1, 0.69, n_experts, 100, 5, 40)


def test_what_suffices():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=50)
    noise -= noise.mean()
    # of each size, of all, of the base rates; differences of .3, .1 and -.1 nats +- .14
    losses = 1.0 + np.stack([0.3 + noise, 0.1 + noise, noise - 0.1, 0.0 * noise, 0.5 + noise])
    library = Library(np.zeros((50, 3, 2)), None, np.ones(50))
    found = Found([2, 0, 1], [1, 1, 2], np.arange(50), losses)
    path = path_result(library, found, ["a", "b", "c"], np.array([1.0, 2.0, 4.0]), 2)
    assert path.table["within_one_standard_error"].tolist() == [False, True, True]
    assert path.n_sufficient == 2
    assert path.sufficient == ["c", "a"]
    assert path.table["cost"].tolist() == [4.0, 5.0, 7.0]
    assert path.all_log_loss == 1.0
    assert path.base_log_loss == pytest.approx(1.5)


class TestText:
    @pytest.mark.parametrize(
        ("path", "text"),
        [
            (a_path(), "2 of 4 experts suffice: <expert> 1, <expert> 2 (log-loss on 100 held-out"),
            (a_path(n_sufficient=1), "1 of 4 experts suffices: <expert> 1 (log-loss on 100"),
            (a_path(n_sufficient=4), "All 4 experts are needed: <expert> 1, "),
            (a_path(n_sufficient=None), "More than 4 of 4 experts are needed"),
            (a_path(cost=True), "<expert> 2, at a cost of 4 instead of 8 (log-loss"),
        ],
    )
    def test_says_how_many_suffice(self, path, text):
        assert text in repr(path)
        assert "100 held-out rows of 40 groups" in repr(path)
        assert "within_one_standard_error" in repr(path)
        assert f"{path.table['log_loss'][1]:.4f}" in repr(path).split()

    def test_html(self):
        page = a_path()._repr_html_()
        assert "2 of 4 experts suffice: &lt;expert&gt; 1" in page
        assert "<td>&lt;expert&gt; 3</td>" in page

    def test_pickle(self):
        path = a_path()
        again = pickle.loads(pickle.dumps(path))
        pd.testing.assert_frame_equal(again.table, path.table)


class TestDisplay:
    @pytest.fixture(autouse=True)
    def _closed(self):
        matplotlib = pytest.importorskip("matplotlib")
        matplotlib.use("Agg")
        yield
        matplotlib.pyplot.close("all")

    def test_points_bars_and_band(self):
        path = a_path()
        display = ExpertPathDisplay.from_path(path)
        x, y = display.points_.lines[0].get_data()
        assert x.tolist() == [1, 2, 3, 4]
        assert y.tolist() == path.table["log_loss"].tolist()
        ends = display.points_.lines[2][0].get_segments()[0][:, 1]
        first = path.table["log_loss"][0]
        assert ends == pytest.approx([first - 0.1, first + 0.1])
        box = display.band_.get_extents().transformed(display.ax_.transData.inverted())
        assert (box.y0, box.y1) == pytest.approx((0.4, 0.6))
        assert display.sufficient_.get_data()[0] == [2]
        labels = [tick.get_text() for tick in display.ax_.get_xticklabels()]
        assert labels == [f"<expert> {m}  {m}" for m in (1, 2, 3, 4)]
        assert display.cost_ax_ is None
        assert display.figure_ is display.ax_.figure

    def test_difference(self):
        path = a_path()
        display = ExpertPathDisplay(path).plot(metric="difference")
        assert display.points_.lines[0].get_ydata().tolist() == path.table["difference"].tolist()
        ends = display.points_.lines[2][0].get_segments()[-1][:, 1]
        assert ends == pytest.approx([-0.01, 0.01])
        assert display.band_ is None

    def test_costs(self):
        display = ExpertPathDisplay.from_path(a_path(cost=True))
        (line,) = display.cost_ax_.lines
        assert line.get_ydata().tolist() == [2.0, 4.0, 6.0, 8.0]
        assert "cost" in [text.get_text() for text in display.ax_.get_legend().get_texts()]

    def test_limits_size_and_legend(self):
        display = ExpertPathDisplay.from_path(a_path(cost=True))
        assert display.ax_.get_xlim() == (0.4, 4.6)
        assert display.cost_ax_.get_ylim()[0] == 0.0
        assert display.figure_.get_size_inches() == pytest.approx((4.8, 3.3 + 0.045 * 10))
        wide = ExpertPathDisplay.from_path(a_path(n_experts=12))
        assert wide.figure_.get_size_inches() == pytest.approx((1.6 + 0.3 * 12, 3.3 + 0.045 * 11))
        drawn = {line.get_label(): line.get_markerfacecolor() for line in display.ax_.lines}
        assert drawn["within one standard error"] == display.points_.lines[0].get_color()
        assert drawn["worse by more"] == display.ax_.get_facecolor()
        names = [text.get_text() for text in display.ax_.get_legend().get_texts()]
        expected = ["within one standard error", "worse by more", "2 suffice", "all 4 experts"]
        assert sorted(names) == sorted([*expected, "cost"])
        one = ExpertPathDisplay.from_path(a_path(n_sufficient=1)).ax_.get_legend().get_texts()
        assert "1 suffices" in [text.get_text() for text in one]

    def test_nothing_suffices(self):
        assert ExpertPathDisplay.from_path(a_path(n_sufficient=None)).sufficient_ is None

    def test_small_axes_have_numbers_alone(self):
        plt = pytest.importorskip("matplotlib.pyplot")
        _, ax = plt.subplots(figsize=(3.0, 2.0))
        display = ExpertPathDisplay.from_path(a_path(n_experts=22), ax=ax)
        ax.figure.canvas.draw()
        assert display.ax_ is ax
        assert ax.get_xlabel() == "number of experts"
        assert not any("expert" in tick.get_text() for tick in ax.get_xticklabels())

    def test_long_names_are_cut(self):
        path = a_path()
        path = replace(path, table=path.table.assign(expert="e" * 60))
        display = ExpertPathDisplay.from_path(path)
        assert display.ax_.get_xticklabels()[0].get_text() == "e" * 23 + "…  1"

    def test_dark_ground(self):
        plt = pytest.importorskip("matplotlib.pyplot")
        light = ExpertPathDisplay.from_path(a_path()).points_.lines[0].get_color()
        with plt.style.context("dark_background"):
            dark = ExpertPathDisplay.from_path(a_path()).points_.lines[0].get_color()
        assert light != dark

    def test_from_estimator(self):
        y = np.arange(120) % 2
        logits = (2.0 * y - 1.0)[:, None] + np.random.default_rng(0).normal(size=(120, 3))
        model = LogitProdClassifier(gate_width=None).fit(logits, y)
        display = ExpertPathDisplay.from_estimator(model, logits, y, cv=3, metric="difference")
        expected = expert_path(model, logits, y, cv=3)
        pd.testing.assert_frame_equal(display.path.table, expected.table)

    def test_bad(self):
        with pytest.raises(TypeError, match="takes what expert_path returned, not DataFrame"):
            ExpertPathDisplay(a_path().table)
        with pytest.raises(ValueError, match=r"metric='auc' is unknown: .*'log_loss'"):
            ExpertPathDisplay.from_path(a_path(), metric="auc")
        with pytest.raises(ValueError, match="metric='auc' is unknown"):
            ExpertPathDisplay.from_estimator(None, None, metric="auc")
