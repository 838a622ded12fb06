"""A comparison as a forest plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_logitprod.inspection._draw import (
    COLOURS,
    LOSS_WORDS,
    METRIC_LABELS,
    Display,
    axes,
    direction,
)
from sklearn_logitprod.inspection.compare import compare
from sklearn_logitprod.outputs.container import ExpertOutputs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_KINDS = {
    "expert": ("expert", "o", "#777777"),
    "baseline": ("simpler method", "s", COLOURS[4]),
    "fusion": ("LogitProd", "D", COLOURS[5]),
}
_DIFFERENCE = "difference"


class ExpertComparisonDisplay(Display):
    """Forest plot of experts, simpler methods and the fusion.

    Parameters
    ----------
    table : DataFrame
        Of `compare`.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    points_ : dict of str to ErrorbarContainer
        What was drawn for each kind of row.
    reference_line_ : Line2D
        At the best expert, or at a difference of 0.

    See Also
    --------
    compare : The figures.

    Examples
    --------
    >>> from sklearn_logitprod.inspection import ExpertComparisonDisplay
    >>> display = ExpertComparisonDisplay.from_estimator(model, X, y)  # doctest: +SKIP
    """

    def __init__(self, table: pd.DataFrame) -> None:
        if "metrics" not in table.attrs:
            raise ValueError(
                "The table is not one of `compare`, or an operation on it has dropped its `attrs`: "
                "pass what `compare` returned."
            )
        self.table = table
        self._loss = LOSS_WORDS[table.attrs["difference"]]

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike | None = None,
        *,
        metric: str | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> ExpertComparisonDisplay:
        """Compare by cross-validation, and plot.

        Parameters
        ----------
        estimator, X, y
            As in `compare`.
        metric, ax
            As in `plot`.
        **options : dict
            Further arguments of `compare`, such as ``groups``.

        Returns
        -------
        ExpertComparisonDisplay
        """
        return cls._drawn(compare(estimator, X, y, **options), metric=metric, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        outputs: ExpertOutputs,
        y: ArrayLike | None = None,
        *,
        metric: str | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> ExpertComparisonDisplay:
        """Compare outputs of experts, fused by the automatic gate, and plot.

        Parameters
        ----------
        outputs : ExpertOutputs
            As the readers of `sklearn_logitprod.io` return.
        y : array-like of shape (n_samples,), default=None
            None takes that of `outputs`.
        metric, ax
            As in `plot`.
        **options : dict
            Further arguments of `compare`.

        Returns
        -------
        ExpertComparisonDisplay
        """
        return cls._drawn(compare(outputs, y=y, **options), metric=metric, ax=ax)

    def plot(self, *, metric: str | None = None, ax: Axes | None = None) -> ExpertComparisonDisplay:
        """Draw mean and 95 % interval of each row, the best at the top.

        Parameters
        ----------
        metric : str, default=None
            A metric of the table, None for its first one, or "difference": the mean
            difference in log-loss, or negative log-likelihood, to the best expert.
        ax : matplotlib Axes, default=None
            None makes a figure.

        Returns
        -------
        ExpertComparisonDisplay

        Raises
        ------
        ValueError
            If the table has no such metric.
        ImportError
            If matplotlib is absent.
        """
        table = self.table
        if table.index.nlevels > 1:
            table = table.loc[table.attrs["overall"]]
        names = self.table.attrs["metrics"]
        metric = names[0] if metric is None else metric
        if metric not in (*names, _DIFFERENCE):
            raise ValueError(
                f"metric={metric!r} is not in the table; there are {[*names, _DIFFERENCE]}."
            )
        higher = self.table.attrs["higher_is_better"].get(metric, False)
        middle = _DIFFERENCE if metric == _DIFFERENCE else f"{metric}_mean"
        reference = self.table.attrs["reference"]
        rows = table.dropna(subset=[middle]).sort_values(middle, ascending=higher)
        if metric == _DIFFERENCE:
            rows = rows.drop(index=reference)
        ax = axes(ax, 7.0, 1.4 + 0.3 * len(rows))
        places = np.arange(len(rows))
        kinds = np.array([self.table.attrs["kinds"][name] for name in rows.index])
        values = rows[middle].to_numpy()
        spread = np.stack([values - rows[f"{metric}_low"], rows[f"{metric}_high"] - values]).clip(
            0.0
        )
        self.points_ = {}
        for kind, (label, marker, colour) in _KINDS.items():
            own = kinds == kind
            if own.any():
                self.points_[kind] = ax.errorbar(
                    values[own],
                    places[own],
                    xerr=spread[:, own],
                    fmt=marker,
                    color=colour,
                    label=label,
                    markersize=6,
                    elinewidth=1.5,
                )
        zero = 0.0 if metric == _DIFFERENCE else table.loc[reference, middle]
        self.reference_line_ = ax.axvline(
            zero, color="black", linestyle=":", linewidth=1, zorder=0, label=reference
        )
        ax.set_yticks(places, rows.index)
        ax.set_ylim(-0.7, len(rows) - 0.3)
        what = METRIC_LABELS.get(metric, f"difference in {self._loss} to the best expert")
        ax.set_xlabel(f"{what} ({direction(higher)}), with 95 % interval")
        ax.grid(axis="x", alpha=0.3)
        ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return self._keep(ax)
