"""From the scores of all splits to one table."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from sklearn_logitprod._text import warn
from sklearn_logitprod.inspection._draw import METRIC_LABELS
from sklearn_logitprod.inspection._resampling import bootstrap, holm, signed_rank
from sklearn_logitprod.inspection._split import BEST, FUSED

# of a log-loss; what differs by less is the same, computed in another order
_ROUNDING = 1e-12


class Totals:
    """Sums over splits of what their scores say, taken as they come.

    A score of a repeat is the mean over its splits, each counted by its tested samples; a
    split on which a score is not defined (NaN) does not count.

    Parameters
    ----------
    comparison : Comparison
    n_repeats : int
    """

    def __init__(self, comparison, n_repeats):
        self.comparison, self.n_repeats = comparison, n_repeats
        self.experts = self.methods = self.chosen = None

    def add(self, repeat, test, scored):
        """Take one split.

        Parameters
        ----------
        repeat : int
            Number of its repeat.
        test : ndarray of int
            Rows tested.
        scored : Scored
        """
        n_samples = len(self.comparison.strata)
        shape = scored.values.shape
        if self.methods is None:
            self.experts, self.methods = scored.experts, scored.methods
            self.chosen = dict.fromkeys(scored.experts, 0)
            self._values = np.zeros((self.n_repeats, *shape))
            self._counts = np.zeros((self.n_repeats, *shape))
            self._contributions = np.zeros((*shape, n_samples))
            self._losses = np.zeros((self.n_repeats, len(scored.methods)))
            self._sums = np.zeros((len(scored.methods), n_samples))
            self._tested = np.zeros(n_samples, dtype=int)
            self._sizes = np.zeros(self.n_repeats)
            self._seconds = {name: [] for name in scored.seconds}
        self.chosen[scored.best] += 1
        known = ~np.isnan(scored.values)
        self._values[repeat] += np.where(known, scored.values, 0.0) * len(test)
        self._counts[repeat] += known * len(test)
        # a method that a score cannot judge at all stays NaN through its values
        own = np.where(known[..., None], scored.contributions, 0.0)
        self._contributions[:, :, test] += own * len(test)
        self._losses[repeat] += scored.losses.sum(axis=1)
        self._sums[:, test] += scored.losses
        self._tested[test] += 1
        self._sizes[repeat] += len(test)
        for name, own in scored.seconds.items():
            self._seconds[name].append(own)

    @property
    def tested(self):
        """Which samples were tested at all: (n_samples,), bool."""
        return self._tested > 0

    def values(self):
        """Scores (n_repeats, n_methods, n_scores)."""
        with np.errstate(invalid="ignore"):
            return self._values / np.where(self._counts > 0, self._counts, np.nan)

    def contributions(self):
        """Of each sample tested to the mean score: (n_methods, n_scores, n_tested)."""
        counted = self._counts.sum(axis=0)[..., None]
        return self._contributions[:, :, self.tested] / np.maximum(counted, 1)

    def sample_losses(self):
        """Log-loss of each sample tested, mean over its tests: (n_methods, n_tested)."""
        return self._sums[:, self.tested] / self._tested[self.tested]

    def seconds(self):
        """Mean seconds of a fit of each method, NaN for those without one of their own."""
        return [np.mean(self._seconds.get(name, np.nan)) for name in self.methods]

    def repeat_losses(self):
        """Log-loss of each repeat: (n_repeats, n_methods)."""
        return self._losses / self._sizes[:, None]


def comparison_table(totals, settings):
    """The table of :func:`compare`.

    Parameters
    ----------
    totals : Totals
    settings : dict
        ``n_resamples``, ``random_state`` and what else goes into ``attrs``.

    Returns
    -------
    DataFrame
    """
    comparison, methods = totals.comparison, totals.methods
    reference = methods.index(BEST)
    contributions = totals.contributions()
    shape = contributions.shape[:2]
    paired = differences_to(totals.sample_losses(), reference)
    differences = paired.mean(axis=1)
    columns = np.vstack(
        [
            contributions.reshape(-1, contributions.shape[2]),
            (paired - differences[:, None]) / paired.shape[1],
        ]
    )
    groups = comparison.groups
    if groups is not None:
        groups = np.unique(groups[totals.tested], return_inverse=True)[1]
    sums = np.append(np.zeros(shape[0] * shape[1]), differences)
    resampling = groups, settings["n_resamples"], settings["random_state"]
    found = bootstrap(columns.T, sums, *resampling)
    widths = found.half_width[: -len(methods)].reshape(shape)
    width, p_value = found.half_width[-len(methods) :], found.p_value[-len(methods) :]
    p_value[reference] = np.nan
    by_repeat = differences_to(totals.repeat_losses().T, reference)
    by_repeat[reference] = np.nan
    values = totals.values()
    table = _metric_columns(comparison.scores, values, widths)
    first = next(iter(comparison.scores.values()))
    ordered = -values[:, :, 0] if first.higher_is_better else values[:, :, 0]
    ranks = rankdata(ordered, axis=1, nan_policy="omit")
    table |= {
        "rank": ranks.mean(axis=0),
        "difference": differences,
        "difference_low": differences - width,
        "difference_high": differences + width,
        "p_value": p_value,
        "p_holm": holm(p_value),
        "p_wilcoxon": [signed_rank(own) for own in by_repeat],
    }
    rivals = [name for name, _ in comparison.rivals]
    if rivals:
        table["fit_seconds"] = totals.seconds()
    table = pd.DataFrame(table, index=pd.Index(methods, name="method"))
    kinds = dict.fromkeys(methods, "baseline") | dict.fromkeys(totals.experts, "expert")
    table.attrs = {
        "metrics": list(comparison.scores),
        "higher_is_better": {name: s.higher_is_better for name, s in comparison.scores.items()},
        "kinds": kinds | {FUSED: "fusion"},
        "reference": BEST,
        "difference": comparison.task.difference,
        "chosen": totals.chosen,
        "rivals": {name: _to_rival(totals, name, resampling) for name in rivals},
        "n_samples": int(totals.tested.sum()),
        "n_groups": None if groups is None else int(groups.max() + 1),
        **settings,
    }
    return table


def _to_rival(totals, name, resampling):
    """Mean difference in the loss of the fusion to a rival's, with interval and p-value."""
    losses = totals.sample_losses()
    paired = differences_to(losses, totals.methods.index(name))[totals.methods.index(FUSED)]
    mean = paired.mean()
    columns = ((paired - mean) / len(paired))[:, None]
    found = bootstrap(columns, np.array([mean]), *resampling)
    return {
        "difference": float(mean),
        "difference_low": float(mean - found.half_width[0]),
        "difference_high": float(mean + found.half_width[0]),
        "p_value": float(found.p_value[0]),
    }


def differences_to(losses, reference):
    """Losses (n_methods, n) less those of one method."""
    differences = losses - losses[reference]
    return np.where(np.abs(differences) < _ROUNDING, 0.0, differences)


def tell_of_order(table, task):
    """Warn of experts whose order of the samples is surely worse than chance.

    Parameters
    ----------
    table : DataFrame
        Of :func:`comparison_table`.
    task : Task
    """
    experts = [name for name, kind in table.attrs["kinds"].items() if kind == "expert"]
    for score in task.order:
        own = table.loc[experts, [f"{score}_mean", f"{score}_high"]]
        for name, (mean, high) in zip(experts, own.to_numpy(), strict=True):
            if high < 0.5:
                warn(
                    f"Expert {name!r} ranks samples worse than chance: {METRIC_LABELS[score]} "
                    f"{mean:.3f}, at most {high:.3f} (95 % interval). {task.turned}"
                )


def with_metrics(table, metrics):
    """The table with the columns of some metrics alone."""
    other = [name for name in table.attrs["metrics"] if name not in metrics]
    columns = [f"{name}_{what}" for name in other for what in ("mean", "std", "low", "high")]
    higher = {name: table.attrs["higher_is_better"][name] for name in metrics}
    attrs = {**table.attrs, "metrics": list(metrics), "higher_is_better": higher}
    table = table.drop(columns=columns)
    table.attrs = attrs
    return table


def _metric_columns(scores, values, widths):
    """Mean, deviation over repeats and interval of each score."""
    out = {}
    for i, (name, score) in enumerate(scores.items()):
        mean = values[:, :, i].mean(axis=0)
        out[f"{name}_mean"] = mean
        out[f"{name}_std"] = values[:, :, i].std(axis=0, ddof=min(1, len(values) - 1))
        out[f"{name}_low"] = np.maximum(mean - widths[:, i], score.bounds[0])
        out[f"{name}_high"] = np.minimum(mean + widths[:, i], score.bounds[1])
    return out
