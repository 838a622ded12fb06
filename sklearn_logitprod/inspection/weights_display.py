"""Whom the gate trusted where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline

from sklearn_logitprod.estimators.base import BaseLogitProd
from sklearn_logitprod.estimators.inference import present_weights
from sklearn_logitprod.estimators.panel_inference import refuse_panel
from sklearn_logitprod.inspection._draw import COLOURS, Display, axes
from sklearn_logitprod.search.base import BaseLogitProdCV

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_GROUPS, _QUANTILES = 6, 4


class ExpertWeightsDisplay(Display):
    """Distribution of the expert weights over samples, for each expert.

    A box spans the middle half of the samples, its line is the median, whiskers reach the
    5th and 95th percentile, the dot is the mean. Weights say what the fused product is
    made of, not how good an expert is: alike experts share weight in any proportion.

    Parameters
    ----------
    weights : ndarray of shape (n_samples, n_experts)
        Rows sum to 1. NaN where an expert is missing: such samples are left out of its
        box.
    expert_names : list of str
        Names of the columns.
    by : array-like of shape (n_samples,), default=None
        Values that divide the samples, one box for each: classes, scanners, sites. More
        than six different numbers are cut at their quartiles.
    by_name : str, default=None
        What they are; None takes the name of a Series.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    boxes_ : dict
        What was drawn for each value of `by`.

    See Also
    --------
    LogitProdClassifier.expert_weights : The figures.

    Examples
    --------
    >>> from sklearn_logitprod.inspection import ExpertWeightsDisplay
    >>> display = ExpertWeightsDisplay.from_estimator(model, X, by=y)  # doctest: +SKIP
    """

    def __init__(
        self,
        weights: ArrayLike,
        expert_names: Sequence[str],
        by: Any = None,
        by_name: str | None = None,
    ) -> None:
        self.weights = np.asarray(weights, dtype=float)
        self.expert_names = [str(name) for name in expert_names]
        shape = self.weights.shape
        if len(shape) != 2 or shape[1] != len(self.expert_names):
            raise ValueError(
                f"weights have shape {shape}, expected (n_samples, {len(self.expert_names)}) for "
                f"{len(self.expert_names)} experts."
            )
        if by is not None and len(by) != shape[0]:
            raise ValueError(
                f"by has {len(by)} entries for {shape[0]} samples; one each is needed."
            )
        self.by = by
        self.by_name = getattr(by, "name", None) if by_name is None else by_name

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, by: str | ArrayLike | None = None, ax: Axes | None = None
    ) -> ExpertWeightsDisplay:
        """Weights of a fitted estimator on samples, as a plot.

        Parameters
        ----------
        estimator : estimator
            A fitted `LogitProdClassifier`, `LogitProdSurvival` or `LogitProdRegressor`, a
            search over one, or a pipeline that ends in one.
        X : array, DataFrame or ExpertOutputs
            As in its ``predict``.
        by : array-like of shape (n_samples,) or str, default=None
            See the class; a name is a column of X.
        ax : matplotlib Axes, default=None
            None makes a figure.

        Returns
        -------
        ExpertWeightsDisplay
        """
        values, name = by, None
        if isinstance(by, str):
            if not isinstance(X, pd.DataFrame) or by not in X.columns:
                raise ValueError(f"by={by!r} is no column of X: pass the values themselves.")
            values, name = X[by], by
        model = estimator
        while not isinstance(model, BaseLogitProd):
            if isinstance(model, Pipeline):
                X, model = model[:-1].transform(X), model[-1]
            elif isinstance(model, BaseLogitProdCV) or hasattr(model, "best_estimator_"):
                model = model.best_estimator_
            else:
                raise TypeError(
                    "estimator must be a LogitProdClassifier, LogitProdSurvival or "
                    "LogitProdRegressor, a search over one or a pipeline that ends in one, not "
                    f"{type(model).__name__}."
                )
        refuse_panel(model, "ExpertWeightsDisplay")
        weights = present_weights(model, X)
        return cls._drawn(weights, model.expert_names_, values, name, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        weights: ArrayLike,
        *,
        expert_names: Sequence[str] | None = None,
        by: ArrayLike | None = None,
        by_name: str | None = None,
        ax: Axes | None = None,
    ) -> ExpertWeightsDisplay:
        """Weights at hand, as a plot.

        Parameters
        ----------
        weights : array-like or DataFrame of shape (n_samples, n_experts)
            NaN where an expert is missing.
        expert_names : list of str, default=None
            None takes the columns of a DataFrame, else "expert0", "expert1", ...
        by, by_name
            See the class.
        ax : matplotlib Axes, default=None
            None makes a figure.

        Returns
        -------
        ExpertWeightsDisplay
        """
        if expert_names is None:
            n_experts = np.shape(weights)[1]
            expert_names = getattr(weights, "columns", [f"expert{m}" for m in range(n_experts)])
        return cls._drawn(weights, expert_names, by, by_name, ax=ax)

    def plot(self, *, ax: Axes | None = None) -> ExpertWeightsDisplay:
        """Draw the boxes.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.

        Returns
        -------
        ExpertWeightsDisplay

        Raises
        ------
        ImportError
            If matplotlib is absent.
        """
        groups = self._groups()
        n_experts, n_groups = len(self.expert_names), len(groups)
        ax = axes(ax, max(5.0, 1.5 + n_experts * (0.35 + 0.22 * n_groups)), 3.8)
        width = 0.8 / n_groups
        self.boxes_ = {}
        for i, (label, rows) in enumerate(groups.items()):
            columns = [column[rows & ~np.isnan(column)] for column in self.weights.T]
            colour = COLOURS[i % len(COLOURS)] if n_groups > 1 else "#9ecae1"
            self.boxes_[label] = ax.boxplot(
                columns,
                positions=np.arange(n_experts) + (i - (n_groups - 1) / 2) * width,
                widths=0.85 * width,
                whis=(5, 95),
                showfliers=False,
                showmeans=True,
                patch_artist=True,
                manage_ticks=False,
                boxprops={"facecolor": colour, "alpha": 0.8, "label": label},
                medianprops={"color": "black"},
                meanprops={
                    "marker": "o",
                    "markersize": 3.5,
                    "markerfacecolor": "white",
                    "markeredgecolor": "black",
                },
            )
        equal = ax.axhline(1 / n_experts, color="black", linestyle=":", linewidth=1, zorder=0)
        equal.set_label("equal weights")
        turned = max(map(len, self.expert_names)) * n_experts > 70
        ax.set_xticks(
            np.arange(n_experts),
            self.expert_names,
            rotation=40 if turned else 0,
            ha="right" if turned else "center",
        )
        ax.set_xlim(-0.6, n_experts - 0.4)
        ax.set_ylim(0.0, None)
        ax.set_ylabel("expert weight")
        ax.grid(axis="y", alpha=0.3)
        handles, labels = ax.get_legend_handles_labels()
        kept = dict(zip(labels, handles, strict=True))
        if n_groups == 1:
            kept = {"equal weights": equal}
        ax.legend(
            kept.values(),
            kept.keys(),
            title=self.by_name if n_groups > 1 else None,
            frameon=False,
            loc="upper left",
            bbox_to_anchor=(1.0, 1.0),
        )
        return self._keep(ax)

    def _groups(self):
        """Rows (n_samples,) of each value of `by`."""
        if self.by is None:
            return {"all samples": np.ones(len(self.weights), dtype=bool)}
        values = pd.Series(np.asarray(self.by))
        if pd.api.types.is_numeric_dtype(values) and values.nunique() > _MOST_GROUPS:
            values = pd.qcut(values, _QUANTILES, duplicates="drop")
            names = [f"{cut.left:.3g} to {cut.right:.3g}" for cut in values.cat.categories]
            values = values.cat.rename_categories(names)
            kinds = names
        else:
            kinds = sorted(values.dropna().unique())
        return {str(kind): (values == kind).to_numpy(bool) for kind in kinds}
