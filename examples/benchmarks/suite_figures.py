"""Figures of the benchmark page."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from significance import critical_difference
from suite_methods import AUTO, OURS, SINGLE
from suite_tables import LOSS, everywhere, means, outside, ranks, rivals_of

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#999999"


def _figure(width, height):
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def excess(folds):
    """Log-loss of every method over that of the automatic gate, task by task."""
    table = means(folds, LOSS)
    relative = 100.0 * (table.div(table[AUTO], axis=0) - 1.0)
    order = relative[SINGLE].sort_values().index
    figure, ax = _figure(7.5, 1.2 + 0.26 * len(order))
    rows = np.arange(len(order))
    rivals = rivals_of(folds)
    for i, task in enumerate(order):
        values = relative.loc[task, [name for name in rivals[task] if name != SINGLE]]
        ax.plot(values, np.full(len(values), i), "|", color=GREY, markersize=9)
    ax.plot(relative.loc[order, SINGLE], rows, "s", color=BLUE, markersize=5, label=SINGLE)
    ax.plot([], [], "|", color=GREY, markersize=9, label="other methods")
    ax.axvline(0.0, color=ORANGE, linewidth=1.5, label=AUTO)
    ax.set_xscale("symlog", linthresh=5.0, linscale=0.8)
    ticks = [-20, -5, -2, 0, 2, 5, 20, 100, 500]
    ax.set_xticks(ticks, [f"{tick:+d} %" if tick else "0" for tick in ticks])
    ax.minorticks_off()
    ax.set_yticks(rows, order)
    ax.set_ylim(-0.7, len(order) - 0.3)
    ax.set_xlabel("held-out log-loss over that of the automatic gate (right of 0: worse)")
    ax.grid(axis="x", alpha=0.3)
    ax.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure


def critical_diagram(folds, score, larger_is_better):
    """Mean ranks of the methods, with Nemenyi's critical difference."""
    names = [AUTO, *outside(folds)]
    table = everywhere(means(folds, score)[names])
    mean = ranks(table, larger_is_better).mean().sort_values()
    width = critical_difference(len(mean), len(table))
    figure, ax = _figure(7.5, 0.9 + 0.28 * len(mean))
    for row, (name, rank) in enumerate(mean.items()):
        colour = ORANGE if name == AUTO else "black"
        ax.plot([rank, rank + width], [row, row], color=GREY, linewidth=2, alpha=0.5)
        ax.plot(rank, row, "o", color=colour)
    ax.axvspan(mean[AUTO], mean[AUTO] + width, color=ORANGE, alpha=0.08)
    ax.set_yticks(range(len(mean)), mean.index)
    ax.invert_yaxis()
    ax.set_xlim(1.0, len(mean))
    ax.set_xlabel(f"mean rank over {len(table)} tasks, 1 is the best; bars: {width:.2f}")
    ax.grid(axis="x", alpha=0.3)
    return figure


# of a name from its point, in points of type, and how it is aligned there
_SIDES = {
    (6, 0): ("left", "center"),
    (-6, 0): ("right", "center"),
    (0, 6): ("center", "bottom"),
    (0, -6): ("center", "top"),
    (4, 6): ("left", "bottom"),
    (-4, 6): ("right", "bottom"),
    (4, -6): ("left", "top"),
    (-4, -6): ("right", "top"),
    (0, 16): ("center", "bottom"),
    (0, -16): ("center", "top"),
}


def cost(folds):
    """Time of a fit against the mean rank in log-loss."""
    names = [*OURS, *outside(folds)]
    table = means(folds, LOSS)[names]
    mean = ranks(table).mean()
    seconds = means(folds, "fit_seconds")[names].median()
    seconds = seconds.clip(lower=1e-4)
    figure, ax = _figure(7.0, 4.2)
    for name in names:
        colour = ORANGE if name in OURS else GREY
        ax.plot(seconds[name], mean[name], "o", color=colour)
    ax.set_xscale("log")
    ax.set_xlim(5e-5, 3 * seconds.max())
    ax.invert_yaxis()
    ax.margins(y=0.15)
    ax.set_xlabel(
        "seconds of a fit on given outputs, median over tasks (0.0001 or less at the left)"
    )
    ax.set_ylabel("mean rank in log-loss (up is better)")
    ax.grid(alpha=0.3)
    colours = {name: ORANGE if name in OURS else "black" for name in names}
    _label(ax, {name: (seconds[name], mean[name]) for name in names}, colours)
    return figure


def _label(ax, points, colours):
    """Name points, each on the side on which its name meets fewest names and points."""
    ax.figure.draw_without_rendering()
    inside, pixels = ax.get_window_extent(), ax.transData.transform(list(points.values()))
    taken = [Bbox.from_bounds(x - 5.0, y - 5.0, 10.0, 10.0) for x, y in pixels]
    for name, point in points.items():
        tried = []
        for shift, (across, along) in _SIDES.items():
            text = ax.annotate(
                name,
                point,
                shift,
                textcoords="offset points",
                ha=across,
                va=along,
                fontsize=8,
                color=colours[name],
            )
            box = text.get_window_extent()
            met = sum(box.overlaps(other) for other in taken)
            met += not (inside.x0 <= box.x0 and box.x1 <= inside.x1)
            tried.append((met, len(tried), text, box))
        best = min(tried)
        for option in tried:
            if option is not best:
                option[2].remove()
        taken.append(best[3])
