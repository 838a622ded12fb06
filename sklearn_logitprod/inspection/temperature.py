"""How much the gate temperature matters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_logitprod._typing import CrossValidation, Scoring
from sklearn_logitprod.estimators.base import BaseLogitProd
from sklearn_logitprod.estimators.panel_inference import refuse_panel
from sklearn_logitprod.inspection._draw import COLOURS, Display, axes
from sklearn_logitprod.inspection._tasks import TASKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# what the scores without `scoring` are called, by the loss
_SCORES = {"log_loss": "-log-loss", "nll": "log-likelihood"}
_TEMPERATURES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def temperature_sensitivity(
    estimator: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    temperatures: Sequence[float] = _TEMPERATURES,
    cv: CrossValidation = 5,
    scoring: Scoring = None,
    groups: ArrayLike | None = None,
) -> pd.DataFrame:
    """Held-out score as a function of the gate temperature.

    All temperatures and folds are solved as one batch, as by
    :class:`~sklearn_logitprod.LogitProdClassifierCV`.

    Parameters
    ----------
    estimator : LogitProdClassifier, LogitProdSurvival or LogitProdRegressor
        With a gate: ``gate_width`` 0 or more. The automatic gate mixes several gates, all
        trained at the estimator's temperature, and has to be fitted anew for each;
        constant weights have no gate whose prior it would change much.
    X, y
        As in its ``fit``.
    temperatures : sequence of float, default=(0.1, 0.2, 0.5, 1, 2, 5, 10)
        Positive.
    cv : int, splitter or iterable of splits, default=5
        Folds by which the temperatures are compared.
    scoring : str, callable or None, default=None
        As in :class:`~sklearn_logitprod.LogitProdClassifierCV`; None is minus the
        log-loss, of values the log-likelihood.
    groups : array-like of shape (n_samples,), default=None
        Groups of dependent samples.

    Returns
    -------
    DataFrame
        One row per temperature, its index, with columns ``mean`` and ``std`` of the score
        over folds, and ``split0``, ``split1``, ... ; higher is better. ``attrs`` holds
        ``scoring`` and the estimator's own ``temperature``.

    Raises
    ------
    ValueError
        If the estimator has no gate or mixes several, or a temperature is not
        positive.
    TypeError
        If the estimator is another one.

    See Also
    --------
    TemperatureSensitivityDisplay : The figures as a plot.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_logitprod import LogitProdClassifier
    >>> from sklearn_logitprod.inspection import temperature_sensitivity
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(2, size=200)
    >>> log_odds = (2 * y[:, None] - 1) + rng.normal(size=(200, 3))
    >>> table = temperature_sensitivity(LogitProdClassifier(gate_width=0), log_odds, y)
    >>> table.shape
    (7, 7)
    """
    refuse_panel(estimator, "temperature_sensitivity")
    if not isinstance(estimator, BaseLogitProd):
        raise TypeError(
            "temperature_sensitivity takes a LogitProdClassifier, a LogitProdSurvival or a "
            f"LogitProdRegressor, not {type(estimator).__name__}."
        )
    width = estimator.gate_width
    if width is None or width == "auto":
        what = "has no gate" if width is None else "mixes several gates, here one is compared"
        raise ValueError(
            f"gate_width={width!r} {what}: pass an estimator with gate_width=0 (a linear gate) or "
            "the width of a hidden layer."
        )
    if isinstance(temperatures, str) or np.ndim(temperatures) != 1:
        raise ValueError(
            f"temperatures={temperatures!r}: it is a list of positive numbers, such as [0.5, 1, 2]."
        )
    search_type: Any = TASKS[estimator.task_name].search
    params = estimator.get_params(deep=False)
    names = set(params) & set(search_type().get_params(deep=False)) - {"cv"}
    shared = {name: params[name] for name in names}
    search = search_type(
        **shared,
        expert_cv=estimator.cv,
        gate_widths=[width],
        alphas=[estimator.alpha],
        temperatures=list(temperatures),
        cv=cv,
        scoring=scoring,
    ).fit(X, y, groups=groups)
    results = search.cv_results_
    splits = {f"split{i}": results[f"split{i}_test_score"] for i in range(search.n_splits_)}
    table = pd.DataFrame(
        {"mean": results["mean_test_score"], "std": results["std_test_score"], **splits},
        index=pd.Index([p["temperature"] for p in results["params"]], name="temperature"),
    ).sort_index()
    score = _SCORES[TASKS[estimator.task_name].difference]
    table.attrs = {
        "scoring": score if scoring is None else str(scoring),
        "temperature": estimator.temperature,
    }
    return table


class TemperatureSensitivityDisplay(Display):
    """Held-out score over the gate temperature, with its spread over folds.

    Parameters
    ----------
    table : DataFrame
        Of `temperature_sensitivity`.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    line_ : Line2D
    band_ : FillBetweenPolyCollection
        One standard error of the difference to the estimator's own temperature, fold by
        fold: what all temperatures have in common on a fold cancels.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_logitprod import LogitProdClassifier
    >>> from sklearn_logitprod.inspection import TemperatureSensitivityDisplay
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(2, size=200)
    >>> log_odds = (2 * y[:, None] - 1) + rng.normal(size=(200, 3))
    >>> model = LogitProdClassifier(gate_width=0)
    >>> display = TemperatureSensitivityDisplay.from_estimator(model, log_odds, y)
    >>> display.ax_.get_xlabel()
    'gate temperature'
    """

    def __init__(self, table: pd.DataFrame) -> None:
        if "temperature" not in table.attrs:
            raise ValueError(
                "The table is not one of `temperature_sensitivity`, or an operation on it has "
                "dropped its `attrs`: pass what `temperature_sensitivity` returned."
            )
        self.table = table

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike | None = None,
        *,
        ax: Axes | None = None,
        **options: Any,
    ) -> TemperatureSensitivityDisplay:
        """Compute by cross-validation, and plot.

        Parameters
        ----------
        estimator, X, y
            As in `temperature_sensitivity`.
        ax : matplotlib Axes, default=None
            None makes a figure.
        **options : dict
            Further arguments of `temperature_sensitivity`.

        Returns
        -------
        TemperatureSensitivityDisplay
        """
        return cls._drawn(temperature_sensitivity(estimator, X, y, **options), ax=ax)

    @classmethod
    def from_predictions(
        cls, table: pd.DataFrame, *, ax: Axes | None = None
    ) -> TemperatureSensitivityDisplay:
        """Plot a table at hand.

        Parameters
        ----------
        table : DataFrame
            Of `temperature_sensitivity`.
        ax : matplotlib Axes, default=None
            None makes a figure.

        Returns
        -------
        TemperatureSensitivityDisplay
        """
        return cls._drawn(table, ax=ax)

    def plot(self, *, ax: Axes | None = None) -> TemperatureSensitivityDisplay:
        """Draw score and band over the temperature, on a logarithmic axis.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.

        Returns
        -------
        TemperatureSensitivityDisplay

        Raises
        ------
        ImportError
            If matplotlib is absent.
        """
        ax = axes(ax, 6.0, 3.8)
        table, own = self.table, self.table.attrs["temperature"]
        best = table["mean"].idxmax()
        splits = table.filter(like="split")
        centred = splits - splits.loc[own if own in splits.index else best]
        error = centred.std(axis=1) / np.sqrt(splits.shape[1])
        low, high = table["mean"] - error, table["mean"] + error
        self.band_ = ax.fill_between(table.index, low, high, color=COLOURS[4], alpha=0.2, lw=0)
        self.line_ = ax.plot(table.index, table["mean"], "o-", color=COLOURS[4])[0]
        ax.plot(best, table["mean"][best], "*", markersize=14, color=COLOURS[5], label="best")
        ax.axvline(own, color="black", linestyle=":", linewidth=1, label="of the estimator")
        ax.set_xscale("log")
        ax.set_xticks(table.index, [f"{value:g}" for value in table.index])
        ax.minorticks_off()
        ax.set_xlabel("gate temperature")
        ax.set_ylabel(f"held-out {self.table.attrs['scoring']}, higher is better")
        ax.grid(alpha=0.3)
        ax.legend(frameon=False)
        return self._keep(ax)
