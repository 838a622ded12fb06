"""A comparison as a forest plot, drawn on axes."""

from __future__ import annotations

import numpy as np

from sklearn_logitprod.inspection._draw import COLOURS, LOSS_WORDS, METRIC_LABELS, direction

_KINDS = {
    "expert": ("expert", "o", "#777777"),
    "baseline": ("simpler method", "s", COLOURS[4]),
    "fusion": ("LogitProd", "D", COLOURS[5]),
}
_DIFFERENCE = "difference"


def forest_size(table, metric):
    """Width and height of a figure, in inches."""
    return 7.0, 1.4 + 0.3 * len(_rows(table, metric)[0])


def draw_forest(ax, table, metric):
    """Draw mean and 95 % interval of each row, the best at the top.

    Parameters
    ----------
    ax : matplotlib Axes
    table : DataFrame
        Of `compare`, of one outcome.
    metric : str
        As in `ExpertComparisonDisplay.plot`.

    Returns
    -------
    points : dict of str to ErrorbarContainer
        Of each kind of row.
    line : Line2D
        At the best expert, or at a difference of 0.
    """
    rows, middle, higher, what = _rows(table, metric)
    attrs = table.attrs
    reference, paired = attrs["reference"], middle == metric
    places = np.arange(len(rows))
    kinds = np.array([attrs["kinds"][name] for name in rows.index])
    values = rows[middle].to_numpy()
    ends = values - rows[f"{metric}_low"], rows[f"{metric}_high"] - values
    spread = np.stack(ends).clip(0.0)
    points = {}
    for kind, (label, marker, colour) in _KINDS.items():
        own = kinds == kind
        if own.any():
            points[kind] = ax.errorbar(
                values[own],
                places[own],
                xerr=spread[:, own],
                fmt=marker,
                color=colour,
                label=label,
                markersize=6,
                elinewidth=1.5,
            )
    zero = 0.0 if paired else table.loc[reference, middle]
    line = ax.axvline(zero, color="black", linestyle=":", linewidth=1, zorder=0, label=reference)
    ax.set_yticks(places, rows.index)
    ax.set_ylim(-0.7, len(rows) - 0.3)
    ax.set_xlabel(f"{what} ({direction(higher)}), with 95 % interval")
    ax.grid(axis="x", alpha=0.3)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return points, line


def _rows(table, metric):
    """Rows in their order, the column that is drawn, whether higher is better, and its words."""
    attrs = table.attrs
    names = attrs["metrics"]
    differences = {_DIFFERENCE: attrs["difference"], **{f"{n}_{_DIFFERENCE}": n for n in names}}
    if isinstance(metric, str) and metric in names:
        middle, what = f"{metric}_mean", METRIC_LABELS[metric]
        higher = attrs["higher_is_better"][metric]
    elif isinstance(metric, str) and metric in differences:
        own = differences[metric]
        higher = attrs["higher_is_better"].get(own, False)
        what = f"difference in {LOSS_WORDS.get(own) or METRIC_LABELS[own]} to the best expert"
        middle = metric
    else:
        raise ValueError(
            f"metric={metric!r} is not in the table; there are {[*names, *differences]}."
        )
    rows = table.dropna(subset=[middle]).sort_values(middle, ascending=higher)
    if middle == metric:
        rows = rows.drop(index=attrs["reference"], errors="ignore")
    return rows, middle, higher, what
