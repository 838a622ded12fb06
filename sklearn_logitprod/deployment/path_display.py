"""A path through experts, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from sklearn_logitprod.deployment.path import expert_path
from sklearn_logitprod.deployment.path_result import ExpertPath
from sklearn_logitprod.estimators.base import BaseLogitProd
from sklearn_logitprod.inspection._draw import COLOURS, Display, axes, pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# of losses and costs, on light and on dark ground
_LIGHT, _DARK = (COLOURS[4], COLOURS[5]), (COLOURS[1], COLOURS[0])
# of names, in characters: longer ones would leave no room for what is drawn
_LONGEST = 24
_SLANT = 45
# sizes of letters in points, the height of a line in terms of it, and the points between two
# names below which only numbers are written
_LARGEST, _LINE, _LEAST_ROOM = 8.5, 1.15, 10.0
# points of axes beside which a legend of two columns would be cut
_NARROW = 250.0
_METRICS = {
    "log_loss": ("log_loss", "standard_error", "held-out log-loss"),
    "difference": (
        "difference",
        "difference_standard_error",
        "held-out log-loss, difference to all",
    ),
}


class ExpertPathDisplay(Display):
    """Held-out log-loss against the number of experts.

    Bars are standard errors. Full points lie within one standard error of the pool of all
    experts, which is told by paired differences: samples that are hard for one pool are hard for
    others, so that the bars of the losses themselves overlap where the losses differ surely.

    Parameters
    ----------
    path : ExpertPath
        Of `expert_path`.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    points_ : ErrorbarContainer
        What was drawn for each size, with bars of one standard error.
    band_ : Patch or None
        One standard error around the log-loss of all experts; None for differences.
    sufficient_ : Line2D or None
        The mark of the smallest size that suffices; None if there is none.
    cost_ax_ : matplotlib Axes or None
        Axes of the costs; None without costs.

    See Also
    --------
    expert_path : The figures.

    Examples
    --------
    >>> from sklearn_logitprod.deployment import ExpertPathDisplay
    >>> display = ExpertPathDisplay.from_estimator(model, X, y)  # doctest: +SKIP
    """

    def __init__(self, path: ExpertPath) -> None:
        if not isinstance(path, ExpertPath):
            raise TypeError(
                f"ExpertPathDisplay takes what expert_path returned, not {type(path).__name__}. To "
                "compute it here, call ExpertPathDisplay.from_estimator(model, X, y)."
            )
        self.path = path

    @classmethod
    def from_estimator(
        cls,
        model: BaseLogitProd,
        X: Any,
        y: ArrayLike | None = None,
        *,
        metric: str = "log_loss",
        ax: Axes | None = None,
        **options: Any,
    ) -> ExpertPathDisplay:
        """Find the path, and plot it.

        Parameters
        ----------
        model, X, y
            As in `expert_path`.
        metric, ax
            As in `plot`.
        **options : dict
            Further arguments of `expert_path`, such as ``costs``.

        Returns
        -------
        ExpertPathDisplay
        """
        # before minutes are spent on what could then not be drawn
        pyplot()
        _checked(metric)
        return cls._drawn(expert_path(model, X, y, **options), metric=metric, ax=ax)

    @classmethod
    def from_path(
        cls, path: ExpertPath, *, metric: str = "log_loss", ax: Axes | None = None
    ) -> ExpertPathDisplay:
        """Plot a path at hand.

        Parameters
        ----------
        path : ExpertPath
            Of `expert_path`.
        metric, ax
            As in `plot`.

        Returns
        -------
        ExpertPathDisplay
        """
        return cls._drawn(path, metric=metric, ax=ax)

    def plot(self, *, metric: str = "log_loss", ax: Axes | None = None) -> ExpertPathDisplay:
        """Draw losses, standard errors and what all experts reach.

        Parameters
        ----------
        metric : {"log_loss", "difference"}, default="log_loss"
            The log-loss itself, beside a band of one standard error around that of all
            experts; or its paired difference from that, whose bars are what decides.
        ax : matplotlib Axes, default=None
            None makes a figure.

        Returns
        -------
        ExpertPathDisplay

        Raises
        ------
        ValueError
            If there is no such metric.
        ImportError
            If matplotlib is absent.
        """
        _checked(metric)
        path, table = self.path, self.path.table
        value, error, what = _METRICS[metric]
        names = [_shortened(str(name)) for name in table["expert"]]
        room = 0.045 * max(map(len, names))
        ax = axes(ax, max(4.8, 1.6 + 0.3 * len(table)), 3.3 + room)
        plt = pyplot()
        # lines and letters as the style has them, dark or light
        ink = plt.rcParams["axes.edgecolor"]
        is_dark = sum(plt.matplotlib.colors.to_rgb(ax.get_facecolor())) < 1.5
        loss_colour, cost_colour = _DARK if is_dark else _LIGHT
        self._draw_all(ax, metric, ink)
        places, values = table["n_experts"].to_numpy(), table[value].to_numpy()
        self.points_ = ax.errorbar(
            places, values, yerr=table[error], fmt="-", color=loss_colour, linewidth=1.2
        )
        within = table["within_one_standard_error"].to_numpy(bool)
        for own, filled, label in (
            (within, "full", "within one standard error"),
            (~within, "none", "worse by more"),
        ):
            if own.any():
                ax.plot(
                    places[own],
                    values[own],
                    "o",
                    markersize=5,
                    color=loss_colour,
                    markerfacecolor=loss_colour if filled == "full" else ax.get_facecolor(),
                    label=label,
                )
        self.sufficient_ = None
        if path.n_sufficient is not None:
            (self.sufficient_,) = ax.plot(
                path.n_sufficient,
                values[path.n_sufficient - 1],
                "o",
                markersize=11,
                fillstyle="none",
                color=ink,
                label=f"{path.n_sufficient} suffice{'s' if path.n_sufficient == 1 else ''}",
            )
        ax.set_xlim(0.4, len(table) + 0.6)
        ax.set_ylabel(what)
        ax.grid(axis="y", alpha=0.3)
        self._name(ax, places, names)
        self.cost_ax_ = _costs(ax, table, cost_colour) if "cost" in table else None
        handles, labels = ax.get_legend_handles_labels()
        if self.cost_ax_ is not None:
            handles += self.cost_ax_.lines
            labels += [line.get_label() for line in self.cost_ax_.lines]
        # above what is drawn: bars fill the axes from end to end
        ax.legend(
            handles,
            labels,
            frameon=False,
            fontsize="small" if _width(ax) > _NARROW else "x-small",
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            borderaxespad=0.2,
            columnspacing=1.0,
            ncols=2,
        )
        return self._keep(ax)

    def _draw_all(self, ax, metric, ink):
        """What the pool of all experts reaches."""
        path, self.band_ = self.path, None
        if metric == "difference":
            ax.axhline(
                0.0, color=ink, linestyle=":", linewidth=1, label=f"all {path.n_experts} experts"
            )
            return
        middle, error = path.all_log_loss, path.all_standard_error
        self.band_ = ax.axhspan(
            middle - error,
            middle + error,
            color=ink,
            alpha=0.18,
            linewidth=0,
            zorder=0,
            label=f"all {path.n_experts} experts",
        )
        ax.axhline(middle, color=ink, linestyle=":", linewidth=1)

    def _name(self, ax, places, names):
        """Numbers along the axis, and names where there is room for them."""
        per_name = _width(ax) / (len(places) + 0.2)
        ax.set_xlabel("number of experts, and the one that joins")
        if per_name < _LEAST_ROOM:
            ax.set_xlabel("number of experts")
            ax.xaxis.get_major_locator().set_params(integer=True)
            return
        labels = [f"{name}  {number}" for number, name in zip(places, names, strict=True)]
        ax.set_xticks(places, labels, rotation=_SLANT, ha="right", rotation_mode="anchor")
        ax.tick_params(axis="x", labelsize=min(_LARGEST, per_name / _LINE))


def _checked(metric):
    if metric not in _METRICS:
        raise ValueError(f"metric={metric!r} is unknown: it is one of {list(_METRICS)}.")


def _width(ax):
    """Width in points, before anything is drawn."""
    return ax.get_window_extent().width / ax.figure.dpi * 72.0


def _shortened(name):
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _costs(ax, table, colour):
    """Costs on an axis of their own."""
    other = ax.twinx()
    other.plot(
        table["n_experts"],
        table["cost"],
        drawstyle="steps-mid",
        color=colour,
        linewidth=1.2,
        linestyle="--",
        label="cost",
    )
    other.set_ylim(0.0, None)
    other.set_ylabel("cost", color=colour)
    other.tick_params(axis="y", colors=colour)
    # what is asked for lies before what it costs
    ax.set_zorder(other.get_zorder() + 1)
    ax.patch.set_visible(False)
    return other
