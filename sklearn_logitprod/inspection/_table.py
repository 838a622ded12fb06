"""From the scores of all splits to one table, and to what it says of the fusion."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from sklearn_logitprod._text import brief, warn
from sklearn_logitprod.inspection._draw import METRIC_LABELS
from sklearn_logitprod.inspection._resampling import bootstrap, holm, signed_rank, to_best
from sklearn_logitprod.inspection._split import BEST, FUSED

SIMPLE = "best simple method"
"""What the fusion differs from, beside the best expert."""

PAIRED = ("difference", "difference_low", "difference_high", "p_value", "p_holm")
"""What the columns of a metric's paired differences end in."""

# of a log-loss; what differs by less is the same, computed in another order
_ROUNDING = 1e-12


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
    comparison = totals.comparison
    table = table_of(totals.evidence(), comparison, settings)
    if comparison.rivals:
        table["fit_seconds"] = totals.seconds()
    kinds = dict.fromkeys(totals.methods, "baseline") | dict.fromkeys(totals.experts, "expert")
    table.attrs |= {"kinds": kinds | {FUSED: "fusion"}, "chosen": totals.chosen}
    return table


def table_of(evidence, comparison, settings):
    """The table of some evidence, and in ``attrs`` what is known beside it.

    Parameters
    ----------
    evidence : Evidence
    comparison : Comparison
    settings : dict

    Returns
    -------
    DataFrame
    """
    scores, loss = comparison.scores, comparison.task.difference
    sure = _Sure(evidence, comparison, settings)
    differences = {name: sure.to_reference(i) for i, name in enumerate(scores)}
    table = _metric_columns(evidence, scores, sure.width[: len(evidence.methods)])
    first = next(iter(scores.values()))
    ordered = -evidence.values[:, :, 0] if first.higher_is_better else evidence.values[:, :, 0]
    by_repeat = evidence.values[:, :, list(scores).index(loss)].T
    table["rank"] = rankdata(ordered, axis=1, nan_policy="omit").mean(axis=0)
    table |= differences[loss]
    table["p_wilcoxon"] = _over_repeats(by_repeat, sure.reference)
    for name, own in differences.items():
        table |= {f"{name}_{end}": values for end, values in own.items()}
    table = pd.DataFrame(table, index=pd.Index(evidence.methods, name="method"))
    table.attrs = {
        "metrics": list(scores),
        "higher_is_better": {name: s.higher_is_better for name, s in scores.items()},
        "reference": BEST,
        "difference": loss,
        "claims": [one for i in range(len(scores)) for one in sure.claims(i)],
        "rivals": {name: sure.to_rival(name) for name, _ in comparison.rivals},
        "n_samples": int(evidence.tested.sum()),
        "n_groups": sure.n_groups,
        **settings,
    }
    return table


class _Sure:
    """How sure the scores of all methods are, and their differences: one bootstrap of them all.

    Parameters
    ----------
    evidence : Evidence
    comparison : Comparison
    settings : dict
    """

    def __init__(self, evidence, comparison, settings):
        self.evidence, self.comparison = evidence, comparison
        methods, n_scores = evidence.methods, len(comparison.scores)
        self.reference, self.fused = methods.index(BEST), methods.index(FUSED)
        self.others = [*comparison.methods, *(name for name, _ in comparison.rivals)]
        # each method less the best expert, then the fusion less each simpler method and rival
        own = [*range(len(methods)), *[self.fused] * len(self.others)]
        other = [*[self.reference] * len(methods), *map(methods.index, self.others)]
        means, moves = evidence.less(own, other)
        self.first_pair, self.first_other = len(methods), 2 * len(methods)
        nothing = np.where(np.isnan(evidence.means), np.nan, 0.0)
        self.sums = np.concatenate([nothing, means])
        columns = np.concatenate([evidence.moves, moves]).reshape(-1, len(evidence.tested))
        groups, tested = comparison.groups, evidence.tested
        if groups is not None:
            groups = np.unique(groups[tested], return_inverse=True)[1]
        self.n_groups = None if groups is None else int(groups.max() + 1)
        self.found = bootstrap(
            columns[:, tested].T,
            self.sums.ravel(),
            groups,
            settings["n_resamples"],
            settings["random_state"],
        )
        self.width = self.found.half_width.reshape(-1, n_scores)
        self.p_value = self.found.p_value.reshape(-1, n_scores).copy()
        self.p_value[self.first_pair + self.reference] = np.nan

    def to_reference(self, score):
        """Columns of the differences to the best expert in a score, by what they end in."""
        rows = slice(self.first_pair, self.first_other)
        mean, half, p_value = (own[rows, score] for own in (self.sums, self.width, self.p_value))
        return dict(
            zip(PAIRED, (mean, mean - half, mean + half, p_value, holm(p_value)), strict=True)
        )

    def claims(self, score):
        """The fusion beside the best expert and the best simple method, in a score."""
        name, higher = self._name(score), self._score(score).higher_is_better
        own = {"metric": name, "to": BEST, "method": BEST}
        found = [own | self._pair(self.first_pair + self.fused, score)]
        rows = self.first_other + np.arange(len(self.comparison.methods))
        rows = rows[~np.isnan(self.sums[rows, score])]
        if len(rows):
            at = rows * self.sums.shape[1] + score
            best = to_best(self.found, self.sums.ravel(), at, higher)
            method = self.others[rows[best.position] - self.first_other]
            values = best.difference, best.low, best.high, best.p_value
            own = {"metric": name, "to": SIMPLE, "method": method}
            found.append(own | dict(zip(PAIRED[:-1], values, strict=True)))
        corrected = holm(np.array([one["p_value"] for one in found]))
        return [one | {"p_holm": float(p)} for one, p in zip(found, corrected, strict=True)]

    def to_rival(self, name):
        """The loss of the fusion less that of a rival."""
        score = list(self.comparison.scores).index(self.comparison.task.difference)
        return self._pair(self.first_other + self.others.index(name), score)

    def _pair(self, row, score):
        mean, half = float(self.sums[row, score]), float(self.width[row, score])
        values = mean, mean - half, mean + half, float(self.p_value[row, score])
        return dict(zip(PAIRED[:-1], values, strict=True))

    def _name(self, score):
        return list(self.comparison.scores)[score]

    def _score(self, score):
        return self.comparison.scores[self._name(score)]


def _metric_columns(evidence, scores, widths):
    """Mean, deviation over repeats and interval of each score."""
    values, out = evidence.values, {}
    for i, (name, score) in enumerate(scores.items()):
        mean = values[:, :, i].mean(axis=0)
        out[f"{name}_mean"] = mean
        out[f"{name}_std"] = values[:, :, i].std(axis=0, ddof=min(1, len(values) - 1))
        out[f"{name}_low"] = np.maximum(mean - widths[:, i], score.bounds[0])
        out[f"{name}_high"] = np.minimum(mean + widths[:, i], score.bounds[1])
    return out


def _over_repeats(losses, reference):
    """Signed-rank tests of losses (n_methods, n_repeats) against those of one method."""
    differences = losses - losses[reference]
    differences[np.abs(differences) < _ROUNDING] = 0.0
    differences[reference] = np.nan
    return [signed_rank(own) for own in differences]


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


def check_table(table):
    """Refuse what is no table of a comparison, or a part of one that says too little.

    Parameters
    ----------
    table : object

    Raises
    ------
    ValueError
        If it is none, or columns of its metrics or the best expert are gone.
    """
    attrs = getattr(table, "attrs", {})
    if not isinstance(table, pd.DataFrame) or "judged_by" not in attrs:
        raise ValueError(
            "The table is not one of `compare`, or an operation on it has dropped its `attrs`: "
            "pass what `compare` returned."
        )
    ends = ("mean", "low", "high", "difference")
    absent = [
        f"{name}_{end}"
        for name in attrs["metrics"]
        for end in ends
        if f"{name}_{end}" not in table.columns
    ]
    absent += [name for name in [BEST] if name not in table.index.get_level_values(-1)]
    if absent or not table.index.is_unique:
        what = f"lacks {brief(absent, 3)}" if absent else "has rows twice"
        raise ValueError(
            f"The table is of `compare`, but {what}: pass the whole of what that returned."
        )


def with_metrics(table, metrics):
    """The table with the columns and claims of some metrics alone."""
    attrs = table.attrs
    other = [name for name in attrs["metrics"] if name not in metrics]
    ends = ("mean", "std", "low", "high", *PAIRED)
    left = [f"{name}_{end}" for name in other for end in ends]
    table = table.drop(columns=left)
    for division in ("by", "gaps"):
        if attrs[division] is not None:
            rows = attrs[division]["rows"]
            kept = [{n: v for n, v in row.items() if n not in left} for row in rows]
            attrs = attrs | {division: attrs[division] | {"rows": kept}}
    table.attrs = attrs | {
        "metrics": list(metrics),
        "higher_is_better": {name: attrs["higher_is_better"][name] for name in metrics},
        "claims": [one for one in attrs["claims"] if one["metric"] in metrics],
    }
    return table
