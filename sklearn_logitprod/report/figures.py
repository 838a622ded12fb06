"""Figures of the report, each drawn for wide and for narrow pages."""

from __future__ import annotations

import textwrap

import numpy as np
from sklearn.calibration import calibration_curve

from sklearn_logitprod.inspection import ExpertComparisonDisplay, ExpertWeightsDisplay
from sklearn_logitprod.inspection._draw import COLOURS, svg
from sklearn_logitprod.metrics import kaplan_meier
from sklearn_logitprod.report.page import figure

_WIDE, _NARROW = 9.0, 4.1
"""Inches: letters are then as large as those of the text, on either page."""
_LABEL, _NAME = 34, 20
"""Letters of a line of an axis' label, and of a name beside it, on a narrow page."""


def drawn(key, draw, heights, alt, caption, square=False):
    """A figure of the page.

    Parameters
    ----------
    key : str
    draw : callable
        Of the axes.
    heights : (float, float)
        In inches, on a wide and a narrow page.
    alt, caption : str
    square : bool
        Whether it stays small on a wide page.
    """
    wide = 4.8 if square else _WIDE
    sizes = (wide, heights[0]), (_NARROW, heights[1])
    both = [
        svg(lambda ax, size=size: _arranged(draw, ax, size[0]), size, as_text=True, words=True)
        for size in sizes
    ]
    return figure(key, *both, alt, caption, square)


def _arranged(draw, ax, width):
    """Draw, with the legend below, and words in lines where there is little room."""
    draw(ax)
    legend = ax.get_legend()
    if legend is not None:
        handles, labels = legend.legend_handles, [text.get_text() for text in legend.get_texts()]
        title = legend.get_title().get_text()
        legend.remove()
        columns = 2 if width < _WIDE / 2 else 4
        ax.figure.legend(
            handles,
            labels,
            title=title or None,
            loc="outside lower center",
            ncols=min(columns, len(labels)),
            frameon=False,
        )
    if width == _NARROW:
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_label_text(textwrap.fill(axis.get_label_text(), _LABEL))
        names = [text.get_text() for text in ax.get_yticklabels()]
        if any(name.strip("-\u2212.0123456789") for name in names):
            # names, not numbers
            ax.set_yticks(ax.get_yticks(), [textwrap.fill(name, _NAME) for name in names])


def forest(study, key, metric, alt, caption):
    """Mean or difference of every method."""
    display, n_rows = ExpertComparisonDisplay(study.table), len(study.table)
    heights = 1.6 + 0.28 * n_rows, 1.9 + 0.34 * n_rows
    return drawn(key, lambda ax: display.plot(ax=ax, metric=metric), heights, alt, caption)


def weights(study, by, by_name):
    """Weights of the experts of the fusion that is fitted on all samples."""

    def draw(ax):
        ExpertWeightsDisplay.from_estimator(study.model, study.setting.X, by=by, ax=ax)
        # room for what is written above the highest box
        ax.set_ylim(0.0, 1.18 * ax.get_ylim()[1])

    caption = (
        "Of the fusion fitted on all samples: middle half, 5th to 95th percentile, median (line) "
        "and mean (dot)" + ("." if by is None else f", by {by_name}.")
    )
    return drawn("plot-weights", draw, (4.4, 4.4), "Weights of the experts", caption)


def reliability(truth, proba, said, happened):
    """Observed shares beside predicted probabilities.

    Parameters
    ----------
    truth : ndarray of shape (n_samples,), bool
    proba : ndarray of shape (n_samples,)
    said, happened : str
        What the axes are.
    """

    def draw(ax):
        share, mean = calibration_curve(truth, proba, n_bins=8, strategy="quantile")
        ax.plot([0, 1], [0, 1], ":", color="black", linewidth=1, label="calibrated")
        ax.plot(mean, share, "s-", color=COLOURS[4], label="LogitProd")
        ax.set(xlabel=said, ylabel=happened)
        ax.legend()

    caption = "Held-out predictions in eight bins of equal size; on the line they are calibrated."
    alt = f"{happened} against {said}"
    return drawn("plot-reliability", draw, (4.8, 4.6), alt, caption, square=True)


def survival(event, time, times, curves):
    """Mean of predicted survival functions beside Kaplan-Meier.

    Parameters
    ----------
    event, time : ndarray of shape (n_samples,)
    times : ndarray of shape (n_times,)
    curves : ndarray of shape (n_samples, n_times)
    """

    def draw(ax):
        grid = np.append(0.0, times)
        seen = np.append(1.0, kaplan_meier(event, time, times))
        ax.step(grid, seen, ":", color="black", where="post", label="Kaplan-Meier")
        mean = np.append(1.0, curves.mean(axis=0))
        ax.step(grid, mean, "o-", color=COLOURS[5], where="post", label="mean of LogitProd")
        ax.set(xlabel="time", ylabel="survival", ylim=(0.0, 1.02))
        ax.legend()

    caption = "Mean of the held-out survival functions against what was observed."
    alt = "Survival, predicted and observed"
    return drawn("plot-survival", draw, (4.6, 4.2), alt, caption)


def observed(y, middle, interval, coverage):
    """Predicted values and their intervals beside what was observed."""

    def draw(ax):
        ends = [y.min(), y.max()]
        ax.vlines(y, *interval.T, color=COLOURS[5], alpha=0.25, linewidth=1)
        ax.plot(y, middle, "o", color=COLOURS[5], markersize=3)
        ax.plot(ends, ends, ":", color="black", linewidth=1)
        ax.set(xlabel="observed", ylabel="predicted")

    caption = (
        "Held-out predictions with their 90 % interval; on the line they are right. The intervals "
        f"hold {100.0 * coverage:.0f} % of the observed values."
    )
    return drawn("plot-values", draw, (4.8, 4.4), "Values, predicted and observed", caption)


def decision(key, thresholds, curves, what):
    """Net benefit over thresholds.

    Parameters
    ----------
    key : str
    thresholds : ndarray of shape (n_thresholds,)
    curves : dict of str to ndarray of shape (n_thresholds,)
        "treat all", "best expert" and "LogitProd".
    what : str
        What is predicted.
    """
    styles = {
        "treat all": ("--", "#777777"),
        "best expert": ("-", COLOURS[4]),
        "LogitProd": ("-", COLOURS[5]),
    }

    def draw(ax):
        for name, own in curves.items():
            line, colour = styles[name]
            ax.plot(thresholds, own, line, color=colour, label=name)
        ax.axhline(0.0, linestyle=":", color="black", linewidth=1, label="treat none")
        top = max(np.nanmax(own) for own in curves.values())
        ax.set(
            xlabel=f"threshold probability of {what}",
            ylabel="net benefit",
            xlim=(0.0, 1.0),
            ylim=(-0.2 * top, 1.1 * top),
        )
        ax.legend()

    caption = f"Net benefit of acting on {what}, by the probability from which one acts."
    return drawn(key, draw, (4.2, 4.2), f"Decision curve of {what}", caption)
