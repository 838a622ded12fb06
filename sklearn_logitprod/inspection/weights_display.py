"""Whom the gate trusted where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline

from sklearn_logitprod._text import brief, kind_of
from sklearn_logitprod.estimators.base import BaseLogitProd
from sklearn_logitprod.estimators.inference import present_weights
from sklearn_logitprod.estimators.panel_inference import refuse_panel
from sklearn_logitprod.estimators.resampled import resampled_mean_weights
from sklearn_logitprod.inspection._draw import COLOURS, Display, axes
from sklearn_logitprod.outputs.given import check_order
from sklearn_logitprod.search.base import BaseLogitProdCV
from sklearn_logitprod.targets.folds import check_whole
from sklearn_logitprod.targets.weights import missing_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_GROUPS, _QUANTILES = 6, 4
# of experts whose mean weights are written on one level
_MOST_LEVEL = 10
# of the legend, and letters of a name
_MOST_COLUMNS, _LONGEST = 4, 20
# of sums of weights
_ROUNDING = 1e-3
# of names, in degrees
_TURN = 40


class ExpertWeightsDisplay(Display):
    """Distribution of the expert weights over samples, for each expert.

    A box spans the middle half of the samples, its line is the median, whiskers reach the
    5th and 95th percentile, the dot is the mean, which is also written. The expert of the largest
    mean weight is first. Weights say what the fused product is
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
    intervals : array-like of shape (n_experts, 2), default=None
        Ends of intervals of the mean weights over all samples, drawn beside the boxes.

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
        intervals: ArrayLike | None = None,
    ) -> None:
        self.weights = _checked_weights(weights)
        if isinstance(expert_names, str):
            raise ValueError(f"expert_names={expert_names!r}: it is a list of names.")
        self.expert_names = [str(name) for name in expert_names]
        shape = self.weights.shape
        if len(shape) != 2 or shape[1] != len(self.expert_names):
            raise ValueError(
                f"weights have shape {shape}, expected (n_samples, {len(self.expert_names)}) for "
                f"{len(self.expert_names)} experts."
            )
        _check_sums(self.weights)
        check_order({"weights": weights, "by": by})
        if by is not None:
            _check_by(by, shape[0])
        self.intervals = None if intervals is None else np.asarray(intervals, dtype=float)
        if self.intervals is not None and self.intervals.shape != (shape[1], 2):
            raise ValueError(
                f"intervals have shape {self.intervals.shape}, expected ({shape[1]}, 2): two ends "
                "for each expert."
            )
        self.by = by
        self.by_name = getattr(by, "name", None) if by_name is None else by_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        by: str | ArrayLike | None = None,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        n_resamples: int = 0,
        random_state: int = 0,
        ax: Axes | None = None,
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
        y : array-like of shape (n_samples,), default=None
            Outcomes, for intervals; None takes those of `ExpertOutputs`.
        groups : array-like of shape (n_samples,), default=None
            Groups of dependent samples, resampled as a whole.
        n_resamples : int, default=0
            Above 0, 95 % intervals of the mean weights: constant weights are fitted to so many
            resamples of (X, y), 200 are enough. They say how far other samples like these would
            move the weights.
        random_state : int, default=0
            Of the resamples.
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
        check_whole("n_resamples", n_resamples)
        if n_resamples < 0 or n_resamples == 1:
            raise ValueError(
                f"n_resamples={n_resamples}: 0 draws no intervals, and 200 are enough for some."
            )
        check_order({"X": X, "y": y, "groups": groups, "by": values})
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
                    f"{kind_of(model)}."
                )
        refuse_panel(model, "ExpertWeightsDisplay")
        weights, ends = present_weights(model, X), None
        if n_resamples:
            means = resampled_mean_weights(model, X, y, groups, n_resamples, random_state)
            ends = np.quantile(means, [0.025, 0.975], axis=0).T
        return cls._drawn(weights, model.expert_names_, values, name, ends, ax=ax)

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
            n_experts = _checked_weights(weights).shape[1]
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
        order = self._order()
        ax = axes(ax, max(5.0, 1.5 + n_experts * (0.35 + 0.22 * n_groups)), 3.8)
        width = 0.8 / n_groups
        self.boxes_ = {}
        for i, (label, rows) in enumerate(groups.items()):
            columns = [column[rows & ~np.isnan(column)] for column in self.weights.T[order]]
            places = np.arange(n_experts) + (i - (n_groups - 1) / 2) * width
            colour = COLOURS[i % len(COLOURS)] if n_groups > 1 else "#9ecae1"
            self.boxes_[label] = ax.boxplot(
                columns,
                positions=places,
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
            _write_means(ax, places, columns, turned=n_groups > 1 or n_experts > _MOST_LEVEL)
        equal = ax.axhline(1 / n_experts, color="black", linestyle=":", linewidth=1, zorder=0)
        equal.set_label("equal weights")
        kept = {"equal weights": equal}
        if self.intervals is not None:
            label = "mean weight, 95 % interval"
            middle = self.intervals[order].mean(axis=1)
            kept[label] = ax.errorbar(
                np.arange(n_experts) + 0.46,
                middle,
                yerr=self.intervals[order, 1] - middle,
                fmt="none",
                color=COLOURS[5],
                elinewidth=2,
                capsize=3,
                label=label,
            )
        _write_names(ax, _shortened([self.expert_names[m] for m in order]))
        ax.set_xlim(-0.6, n_experts - 0.4)
        ax.set_ylim(0.0, None)
        ax.set_ylabel("expert weight")
        ax.grid(axis="y", alpha=0.3)
        if n_groups > 1:
            handles, labels = ax.get_legend_handles_labels()
            kept = dict(zip(labels, handles, strict=True))
        ax.legend(
            kept.values(),
            kept.keys(),
            title=self.by_name if n_groups > 1 else None,
            frameon=False,
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            ncols=min(len(kept), _MOST_COLUMNS),
        )
        return self._keep(ax)

    def _order(self):
        """Positions of the experts by their mean weight, the largest first."""
        known = ~np.isnan(self.weights)
        means = np.nansum(self.weights, axis=0) / np.maximum(known.sum(axis=0), 1)
        return np.argsort(-means, kind="stable")

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


def _checked_weights(weights):
    """Weights as an array, or an error that says what is wrong."""
    try:
        values = np.asarray(weights, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"weights hold values that are no numbers ({error}).") from error
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(
            f"weights have shape {values.shape}, expected (n_samples, n_experts): a row for each "
            "sample, as expert_weights gives them."
        )
    return values


def _check_sums(values):
    """Refuse rows that do not sum to 1."""
    # an expert that is missing has none
    sums = np.nansum(values, axis=1)
    wrong = (values < 0.0).any(axis=1) | (np.abs(sums - 1.0) > _ROUNDING)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"weights of row {row} are {brief(values[row].round(4))}: they are not negative, and "
            "sum to 1. Divide percentages by 100."
        )


def _check_by(by, n_samples):
    """Refuse values of which there is not one for each sample, or none at all."""
    values = np.asarray(by)
    if values.ndim != 1:
        raise ValueError(f"by has shape {values.shape}; it is one value for each sample.")
    if len(values) != n_samples:
        raise ValueError(
            f"by has {len(values)} entries for {n_samples} samples; one each is needed."
        )
    if missing_values(values).all():
        raise ValueError("by is missing (NaN or None) for every sample, and divides nothing.")


def _write_means(ax, places, columns, turned):
    """Write the mean of each box above its whisker."""
    for place, own in zip(places, columns, strict=True):
        if len(own):
            ax.annotate(
                f"{own.mean():.2f}",
                (place, np.quantile(own, 0.95)),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                va="bottom",
                rotation=90 if turned else 0,
                fontsize=8,
            )


def _shortened(names):
    """Names that leave room for what they are names of; whole where they would become alike."""
    short = [n if len(n) <= _LONGEST else f"{n[: _LONGEST - 1]}\u2026" for n in names]
    return short if len(set(short)) == len(names) else names


def _write_names(ax, names):
    """Names of experts below the axis: turned as far, and as small, as it takes to keep apart."""
    from matplotlib.textpath import TextPath

    size = 10.0
    # in points; legend and margins take their part of the figure
    room = 0.8 * 72.0 * ax.figure.get_figwidth() * ax.get_position().width / len(names)
    widest = max(TextPath((0, 0), name or " ", size=size).get_extents().width for name in names)
    if widest < 0.9 * room:
        turned, align = 0, "center"
    elif room * np.sin(np.radians(_TURN)) > 1.2 * size:
        turned, align = _TURN, "right"
    else:
        turned, align, size = 90, "center", min(size, room / 1.2)
    ax.set_xticks(
        np.arange(len(names)),
        names,
        rotation=turned,
        ha=align,
        fontsize=size,
        rotation_mode="anchor" if turned == _TURN else "default",
    )
