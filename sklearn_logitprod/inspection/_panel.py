"""Comparisons of several labels: each on its own, and their mean."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from sklearn_logitprod._text import plain
from sklearn_logitprod.estimators.panel_inference import label_log_proba
from sklearn_logitprod.fusion.likelihood import ClassLabels
from sklearn_logitprod.fusion.logits import binary_logits, log_softmax
from sklearn_logitprod.inspection._resampling import bootstrap, holm, signed_rank
from sklearn_logitprod.inspection._scores import Outcome
from sklearn_logitprod.inspection._split import BEST, part_comparison, scored_methods
from sklearn_logitprod.inspection._table import Totals, comparison_table, differences_to

OVERALL = "mean over labels"


def run_panel_split(estimator, X, y, comparison, train, test):
    """Fit and score all methods on one split, label by label.

    Parameters
    ----------
    estimator : LogitProdMultilabelClassifier
        Unfitted.
    X, y
        Of all samples.
    comparison : Comparison
        Its outcome holds :class:`~sklearn_logitprod.targets.panel.PanelLabels`.
    train, test : ndarray of int
        Rows.

    Returns
    -------
    list of (ndarray of int, Scored)
        Of each label the rows on which it was tested, and how methods fare there; None in place
        of both for a label that was tested on no row of the split.
    """
    groups = None if comparison.groups is None else comparison.groups[train]
    model = clone(estimator)
    own = _safe_indexing(X, train), _safe_indexing(y, train)
    flat = np.asarray(model.fit_transform(*own, groups=groups))
    known = flat.reshape(len(flat), model.n_experts_, -1)
    X_test = _safe_indexing(X, test)
    new = model.expert_logits(X_test)
    values = comparison.outcome.likelihood.values
    fitted = [np.flatnonzero(~np.isnan(column)) for column in values[train].T]
    tested = [np.flatnonzero(~np.isnan(column)) for column in values[test].T]
    fused = label_log_proba(model, X_test, tested)
    found = []
    for j, (fit_rows, rows) in enumerate(zip(fitted, tested, strict=True)):
        if not len(rows):
            found.append(None)
            continue
        codes = values[:, j]
        likelihood = ClassLabels(codes[train][fit_rows].astype(np.intp))
        outcome = _outcome(codes[test][rows])
        scored = scored_methods(
            part_comparison(comparison, outcome),
            list(model.expert_names_),
            log_softmax(binary_logits(known[fit_rows, :, j])),
            likelihood,
            log_softmax(binary_logits(new[rows, :, j])),
            fused[j],
            outcome,
        )
        found.append((test[rows], scored))
    return found


def _outcome(codes):
    labels = codes.astype(np.intp)
    return Outcome(ClassLabels(labels), labels)


class PanelTotals:
    """Sums over splits, of each label apart.

    Parameters
    ----------
    comparison : Comparison
    n_repeats : int
    """

    def __init__(self, comparison, n_repeats):
        self.comparison = comparison
        n_labels = comparison.outcome.likelihood.values.shape[1]
        self.parts = [Totals(comparison, n_repeats) for _ in range(n_labels)]

    def add(self, repeat, test, scored):
        """Take one split, as :func:`run_panel_split` gives it."""
        for part, own in zip(self.parts, scored, strict=True):
            if own is not None:
                part.add(repeat, *own)


def panel_table(totals, settings):
    """The table of :func:`compare` for several labels.

    Parameters
    ----------
    totals : PanelTotals
    settings : dict

    Returns
    -------
    DataFrame
        Rows (label, method); the last label is the mean over all.
    """
    labels = totals.comparison.names
    unseen = [n for n, part in zip(labels, totals.parts, strict=True) if part.methods is None]
    if unseen:
        raise ValueError(
            f"Label {plain(unseen[0])} is in the test part of no split: leave it out, or choose "
            "other splits."
        )
    tables = [comparison_table(part, settings) for part in totals.parts]
    # each method against the best expert is asked as often as there are labels
    by_label = np.array([table["p_value"].to_numpy() for table in tables])
    corrected = np.apply_along_axis(holm, 0, by_label)
    for table, own in zip(tables, corrected, strict=True):
        table["p_holm"] = own
    overall = _overall(totals, tables, settings)
    attrs = {
        **tables[0].attrs,
        "overall": OVERALL,
        "chosen": {label: part.chosen for label, part in zip(labels, totals.parts, strict=True)},
        "n_samples": int(np.any([part.tested for part in totals.parts], axis=0).sum()),
    }
    names = [*labels, OVERALL]
    whole = pd.concat([*tables, overall], keys=names, names=["label", "method"])
    whole.attrs = attrs
    return whole


def overall_of(table):
    """Of a table of several labels the rows of their mean, as a table of one."""
    own = table.loc[table.attrs["overall"]]
    own.attrs = dict(table.attrs)
    return own


def _overall(totals, tables, settings):
    """Means over labels, with intervals by the bootstrap over samples."""
    comparison, methods = totals.comparison, totals.parts[0].methods
    n_labels, n_methods = len(tables), len(methods)
    n_samples, names = len(comparison.strata), list(comparison.scores)
    moved = np.zeros((n_methods, len(names), n_samples))
    paired = np.zeros((n_methods, n_samples))
    mean = np.zeros(n_methods)
    reference = methods.index(BEST)
    for part in totals.parts:
        moved[:, :, part.tested] += part.contributions() / n_labels
        own = differences_to(part.sample_losses(), reference)
        middle = own.mean(axis=1)
        paired[:, part.tested] += (own - middle[:, None]) / own.shape[1] / n_labels
        mean += middle / n_labels
    tested = np.any([part.tested for part in totals.parts], axis=0)
    groups = comparison.groups
    if groups is not None:
        groups = np.unique(groups[tested], return_inverse=True)[1]
    columns = np.vstack([moved.reshape(-1, n_samples), paired])[:, tested]
    sums = np.append(np.zeros(n_methods * len(names)), mean)
    found = bootstrap(columns.T, sums, groups, settings["n_resamples"], settings["random_state"])
    widths = found.half_width[:-n_methods].reshape(n_methods, -1)
    width, p_value = found.half_width[-n_methods:], found.p_value[-n_methods:]
    p_value[reference] = np.nan
    values = np.nanmean([part.values() for part in totals.parts], axis=0)
    table = {}
    for i, (name, score) in enumerate(comparison.scores.items()):
        middle = np.nanmean([own[f"{name}_mean"] for own in tables], axis=0)
        table[f"{name}_mean"] = middle
        table[f"{name}_std"] = values[:, :, i].std(axis=0, ddof=min(1, len(values) - 1))
        table[f"{name}_low"] = np.maximum(middle - widths[:, i], score.bounds[0])
        table[f"{name}_high"] = np.minimum(middle + widths[:, i], score.bounds[1])
    first = next(iter(comparison.scores.values()))
    ordered = -values[:, :, 0] if first.higher_is_better else values[:, :, 0]
    by_repeat = np.mean(
        [differences_to(part.repeat_losses().T, reference) for part in totals.parts], axis=0
    )
    by_repeat[reference] = np.nan
    table |= {
        "rank": rankdata(ordered, axis=1, nan_policy="omit").mean(axis=0),
        "difference": mean,
        "difference_low": mean - width,
        "difference_high": mean + width,
        "p_value": p_value,
        "p_holm": holm(p_value),
        "p_wilcoxon": [signed_rank(own) for own in by_repeat],
    }
    return pd.DataFrame(table, index=pd.Index(methods, name="method"))
