"""A path through experts, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from sklearn_logitprod.deployment.path import ExpertPath, expert_path
from sklearn_logitprod.estimators.base import BaseLogitProd
from sklearn_logitprod.inspection._draw import COLOURS, Display, axes, pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOSS, _COST = COLOURS[4], COLOURS[5]
# of names, in characters: longer ones would leave no room for what is drawn
_LONGEST = 24


class ExpertPathDisplay(Display):
    """Held-out log-loss against the number of experts.

    Parameters
    ----------
    path : ExpertPath
        Of `expert_path`.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    points_ : ErrorbarContainer
        Log-loss of each size, with bars of one standard error.
    band_ : Patch
        One standard error around the log-loss of all experts.
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
        ax: Axes | None = None,
        **options: Any,
    ) -> ExpertPathDisplay:
        """Find the path, and plot it.

        Parameters
        ----------
        model, X, y
            As in `expert_path`.
        ax : matplotlib Axes, default=None
            None makes a figure.
        **options : dict
            Further arguments of `expert_path`, such as ``costs``.

        Returns
        -------
        ExpertPathDisplay
        """
        # before minutes are spent on what could then not be drawn
        pyplot()
        return cls._drawn(expert_path(model, X, y, **options), ax=ax)

    @classmethod
    def from_path(cls, path: ExpertPath, *, ax: Axes | None = None) -> ExpertPathDisplay:
        """Plot a path at hand.

        Parameters
        ----------
        path : ExpertPath
            Of `expert_path`.
        ax : matplotlib Axes, default=None
            None makes a figure.

        Returns
        -------
        ExpertPathDisplay
        """
        return cls._drawn(path, ax=ax)

    def plot(self, *, ax: Axes | None = None) -> ExpertPathDisplay:
        """Draw log-loss, standard errors and what all experts reach.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.

        Returns
        -------
        ExpertPathDisplay

        Raises
        ------
        ImportError
            If matplotlib is absent.
        """
        path, table = self.path, self.path.table
        places, losses = table["n_experts"].to_numpy(), table["log_loss"].to_numpy()
        ax = axes(ax, max(4.8, 2.2 + 0.32 * len(table)), 3.9)
        # lines and letters as the style has them, dark or light
        ink = pyplot().rcParams["axes.edgecolor"]
        middle, error = path.all_log_loss, path.all_standard_error
        what = f"all {path.n_experts} experts, one standard error"
        self.band_ = ax.axhspan(
            middle - error, middle + error, color=ink, alpha=0.12, linewidth=0, label=what
        )
        ax.axhline(middle, color=ink, linestyle=":", linewidth=1)
        self.points_ = ax.errorbar(
            places,
            losses,
            yerr=table["standard_error"],
            fmt="o-",
            color=_LOSS,
            markersize=5,
            linewidth=1.2,
            elinewidth=1.2,
            label="experts up to this one",
        )
        self.sufficient_ = None
        if path.n_sufficient is not None:
            verb = "suffices" if path.n_sufficient == 1 else "suffice"
            (self.sufficient_,) = ax.plot(
                path.n_sufficient,
                losses[path.n_sufficient - 1],
                "o",
                markersize=11,
                fillstyle="none",
                color=ink,
                label=f"{path.n_sufficient} {verb}",
            )
        labels = [
            f"{name if len(name) <= _LONGEST else name[: _LONGEST - 1] + '…'}  {number}"
            for number, name in zip(places, table["expert"].astype(str), strict=True)
        ]
        ax.set_xticks(places, labels, rotation=90, fontsize="small")
        ax.set_xlim(0.4, len(table) + 0.6)
        ax.set_xlabel("expert that joins, and number of experts")
        ax.set_ylabel("held-out log-loss")
        ax.grid(axis="y", alpha=0.3)
        self.cost_ax_ = self._costs(ax, places) if "cost" in table else None
        handles, labels = ax.get_legend_handles_labels()
        if self.cost_ax_ is not None:
            handles += self.cost_ax_.lines
            labels += [line.get_label() for line in self.cost_ax_.lines]
        ax.legend(handles, labels, frameon=False, fontsize="small", loc="upper right")
        return self._keep(ax)

    def _costs(self, ax, places):
        """Costs on an axis of their own."""
        other = ax.twinx()
        other.step(
            places,
            self.path.table["cost"],
            where="mid",
            color=_COST,
            linewidth=1.2,
            linestyle="--",
            label="cost",
        )
        other.set_ylim(0.0, None)
        other.set_ylabel("cost", color=_COST)
        other.tick_params(axis="y", colors=_COST)
        # what is asked for lies before what it costs
        ax.set_zorder(other.get_zorder() + 1)
        ax.patch.set_visible(False)
        return other
