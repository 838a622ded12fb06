"""Comparisons of several labels: each on its own, and their mean."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from sklearn_logitprod._text import plain
from sklearn_logitprod.estimators.panel_inference import label_log_proba
from sklearn_logitprod.fusion.likelihood import ClassLabels
from sklearn_logitprod.fusion.logits import binary_logits, log_softmax
from sklearn_logitprod.inspection._evidence import Totals, mean_evidence
from sklearn_logitprod.inspection._resampling import holm
from sklearn_logitprod.inspection._scores import Outcome
from sklearn_logitprod.inspection._split import part_comparison, scored_methods
from sklearn_logitprod.inspection._table import comparison_table, table_of

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
    for column in [name for name in tables[0] if name.endswith("p_holm")]:
        asked = np.array([table[column.replace("p_holm", "p_value")] for table in tables])
        corrected = np.apply_along_axis(holm, 0, asked)
        for table, own in zip(tables, corrected, strict=True):
            table[column] = own
    evidence = mean_evidence([part.evidence() for part in totals.parts])
    overall = table_of(evidence, totals.comparison, settings)
    names = [*labels, OVERALL]
    claims = zip(names, [*tables, overall], strict=True)
    attrs = {
        **tables[0].attrs,
        "overall": OVERALL,
        "chosen": {label: part.chosen for label, part in zip(labels, totals.parts, strict=True)},
        "claims": [{"label": n, **one} for n, table in claims for one in table.attrs["claims"]],
        "n_samples": overall.attrs["n_samples"],
        "n_groups": overall.attrs["n_groups"],
    }
    whole = pd.concat([*tables, overall], keys=names, names=["label", "method"])
    whole.attrs = attrs
    return whole


def overall_of(table):
    """Of a table of several labels the rows of their mean, as a table of one."""
    attrs = table.attrs
    own = pd.DataFrame(table.loc[attrs["overall"]])
    claims = [one for one in attrs["claims"] if one["label"] == attrs["overall"]]
    own.attrs = attrs | {"claims": claims}
    return own
