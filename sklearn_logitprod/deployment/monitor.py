"""Gains of a fitted model as samples arrive, with a bound that holds whenever one looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_logitprod._text import brief
from sklearn_logitprod.deployment.betting import running_bound
from sklearn_logitprod.deployment.fitted import (
    NO_MIXTURE,
    checked_model,
    doubt_new,
    labelled,
    reference_positions,
)
from sklearn_logitprod.deployment.gains import claims_of, group_means
from sklearn_logitprod.estimators.base import BaseLogitProd, given_to
from sklearn_logitprod.inspection._draw import COLOURS, axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# within a large update, numbers of samples after which the bound is noted: ten a decade
_NOTED = np.unique(np.round(10.0 ** np.arange(1.0, 12.0, 0.1)).astype(np.int64))
_STYLES = ("-", "--", "-.", ":")


class GainMonitor:
    """Watch, sample by sample, whether a fitted model is better than its experts.

    Like :func:`certify`, with a lower bound that is the highest after any of the samples so
    far: that it is ever above the mean gain has a probability of at most ``1 - level``, however
    often one looks and whenever one stops. It never falls, and does not depend on how samples
    are divided into updates.

    Parameters
    ----------
    model : LogitProdClassifier or LogitProdSurvival
        Fitted, and made with :func:`with_safety`, without which nothing can be shown.
    reference : str or list of str, default=None
        As in :func:`certify`.
    level : float, default=0.95
        Confidence, in (0, 1).

    Attributes
    ----------
    table_ : DataFrame
        As `Certificate.table`, of all samples so far.
    certified_ : bool
        Whether every row is certified.
    n_samples_ : int
        Number of samples so far, or of groups.
    history_ : DataFrame
        Columns ``n``, ``reference``, ``mean_gain``, ``lower_bound``: after each update, and
        within large ones ten times a decade.

    See Also
    --------
    certify : One look at samples in no order.

    Notes
    -----
    Gains are kept, 8 bytes for each sample and reference, and with groups the names of all
    groups. ``joblib.dump`` stores a monitor, which goes on where it was.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_logitprod import LogitProdClassifier
    >>> from sklearn_logitprod.deployment import GainMonitor, with_safety
    >>> random = np.random.default_rng(0)
    >>> y = np.arange(800) % 2
    >>> logits = (2.0 * y - 1.0)[:, None] + random.normal(size=(800, 3))
    >>> model = LogitProdClassifier(gate_width=None).fit(logits[:200], y[:200])
    >>> monitor = GainMonitor(with_safety(model), reference="expert0")
    >>> for month in np.array_split(np.arange(200, 800), 12):
    ...     monitor = monitor.update(logits[month], y[month])
    >>> monitor.certified_
    True
    """

    def __init__(
        self,
        model: BaseLogitProd,
        reference: str | Sequence[str] | None = None,
        level: float = 0.95,
    ) -> None:
        checked_model(model, "GainMonitor", NO_MIXTURE)
        self.model, self.reference, self.level = model, reference, level
        positions = reference_positions(model, reference)
        self._claims = claims_of(model, positions, level, "GainMonitor")
        self._pool = model.pool_
        self._gains = np.empty((len(positions), 0))
        self._bounds = np.full(len(positions), -np.inf)
        self._history: list = []
        # None until the first update says whether there are groups
        self._groups: set | None = None

    def update(
        self, X: Any, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> GainMonitor:
        """Add samples that have arrived, in their order.

        Parameters
        ----------
        X : array or DataFrame
            As in :func:`certify`: used for nothing else, and not seen by an earlier update.
        y : array-like of shape (n_samples,), default=None
            Their outcomes, as for ``fit``.
        groups : array-like of shape (n_samples,), default=None
            Groups of dependent samples. Each is one observation and has to come as a whole.

        Returns
        -------
        GainMonitor
            Itself.

        Raises
        ------
        ValueError
            If X and y do not fit the model, a group has come before, or the model was fitted
            anew; the monitor is then as it was.
        """
        if self.model.pool_ is not self._pool:
            raise ValueError(
                "The model was fitted anew since the monitor began, and earlier gains are of "
                "another one: start a new GainMonitor."
            )
        X, y, _, groups = given_to(self.model, X, y, groups=groups)
        rows = labelled(self.model, "GainMonitor.update", X, y, groups=groups)
        seen = self._with_groups(groups)
        doubt_new(self.model, "GainMonitor.update", rows.outputs)
        new = group_means(self._claims.gains(self._pool, rows), rows.groups)
        gains = np.concatenate([self._gains, new.T], axis=1)
        bounds, history = self._bounds, []
        start, end = self.n_samples_, gains.shape[1]
        inside = _NOTED[(start < _NOTED) & (end > _NOTED)]
        for n in [*inside.tolist(), end]:
            each = zip(gains, self._claims.least, bounds, strict=True)
            bounds = np.array([self._bound(*own, start, n) for own in each])
            history.append((n, gains[:, :n].mean(axis=1), bounds))
            start = n
        # all at once, at the end: an update that fails leaves the monitor as it was
        self._gains, self._bounds, self._groups = gains, bounds, seen
        self._history += history
        return self

    def _bound(self, gains, least, known, start, n):
        """Highest bound after any of n samples, from that after any of the first ``start``."""
        if np.isinf(least):
            return -np.inf
        return running_bound(gains[:n], least, self.level, start, known if start else None)

    def _with_groups(self, groups):
        """Groups after an update: a set, empty if samples have none."""
        new = set() if groups is None else set(np.asarray(groups).tolist())
        if self._groups is None:
            return new
        if bool(new) != bool(self._groups):
            with_or_without = "with" if self._groups else "without"
            raise ValueError(
                f"Earlier updates came {with_or_without} groups: a monitor counts either samples "
                f"or groups. Pass this one {with_or_without} groups, too."
            )
        again = new & self._groups
        if again:
            raise ValueError(
                f"Groups {brief(sorted(again, key=str))} came in an earlier update: their "
                "samples depend on those, and a group is one observation, made of all its samples. "
                "Wait until a group is complete, or leave its later samples out."
            )
        return self._groups | new

    @property
    def n_samples_(self) -> int:
        """Number of samples so far, or of groups."""
        return self._gains.shape[1]

    @property
    def table_(self) -> pd.DataFrame:
        """What was found so far, one row a reference."""
        n = self.n_samples_
        means = self._gains.mean(axis=1) if n else np.full(len(self._gains), np.nan)
        return self._claims.table(n, means, self._bounds)

    @property
    def certified_(self) -> bool:
        """Whether every row of the table is certified."""
        return bool((self._bounds > 0.0).all())

    @property
    def history_(self) -> pd.DataFrame:
        """Mean gains and bounds over time."""
        names, columns = self._claims.names, ["n", "reference", "mean_gain", "lower_bound"]
        if not self._history:
            return pd.DataFrame(columns=columns)
        n, means, bounds = zip(*self._history, strict=True)
        values = np.repeat(n, len(names)), names * len(n), np.ravel(means), np.ravel(bounds)
        return pd.DataFrame(dict(zip(columns, values, strict=True)))

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the lower bounds over the number of samples.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ValueError
            If there is nothing to draw: no sample has come, or the model has no safety.
        ImportError
            If matplotlib is absent.
        """
        if not self._history:
            raise ValueError("No sample has come yet: call update first.")
        if np.isinf(self._bounds).all():
            raise ValueError("There are no bounds to draw: monitor with_safety(model).")
        ax = axes(ax, 6.4, 4.0)
        n, means, bounds = (np.array(part) for part in zip(*self._history, strict=True))
        for i, name in enumerate(self._claims.names):
            colour = COLOURS[i % len(COLOURS)]
            style = _STYLES[i // len(COLOURS) % len(_STYLES)]
            # a single update is a single point
            marker = "o" if len(n) < 2 else None
            ax.plot(n, bounds[:, i], color=colour, linestyle=style, marker=marker, label=name)
        ax.axhline(0.0, color="gray", linewidth=1, zorder=0)
        # the first bounds are as low as can be, and say nothing
        low = max(bounds.min(), -max(0.2, 2.0 * np.abs(means[-1]).max()))
        ax.set_ylim(min(low, bounds[-1].min() - 0.02), None)
        ax.set_xscale("log")
        ax.set_xlabel("groups" if self._groups else "samples")
        ax.set_ylabel(f"mean gain, at least ({100 * self.level:g} %), nats")
        ax.legend(title="better than", frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return ax

    def __repr__(self) -> str:
        if not self.n_samples_:
            return "GainMonitor, no samples yet"
        shown = int((self._bounds > 0.0).sum())
        return (
            f"GainMonitor after {self.n_samples_} {'groups' if self._groups else 'samples'}: a gain"
            f" is shown over {shown} of {len(self._bounds)} references, with "
            f"{100 * self.level:g} % confidence each\n{self.table_.to_string(index=False)}"
        )
