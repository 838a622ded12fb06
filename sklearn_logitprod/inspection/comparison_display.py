"""A comparison as a forest plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from numpy.typing import ArrayLike

from sklearn_logitprod.inspection._draw import Display, axes
from sklearn_logitprod.inspection._forest import draw_forest, forest_size
from sklearn_logitprod.inspection._table import check_table
from sklearn_logitprod.inspection._words import one_outcome
from sklearn_logitprod.inspection.compare import compare
from sklearn_logitprod.outputs.container import ExpertOutputs

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
        check_table(table)
        self.table = table

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
            difference in log-loss, or negative log-likelihood, to the best expert; that in
            another metric is "roc_auc_difference" and so on.
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
        table = one_outcome(self.table)
        names = table.attrs["metrics"]
        metric = names[0] if metric is None else metric
        ax = axes(ax, *forest_size(table, metric))
        self.points_, self.reference_line_ = draw_forest(ax, table, metric)
        return self._keep(ax)
