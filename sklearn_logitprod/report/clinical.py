"""Calibration of probabilities, and what acting on them is worth."""

from __future__ import annotations

from html import escape

import numpy as np

from sklearn_logitprod import _html
from sklearn_logitprod.inspection._resampling import bootstrap
from sklearn_logitprod.inspection._shown import UNKNOWN
from sklearn_logitprod.inspection._split import BEST, FUSED
from sklearn_logitprod.inspection._words import digits, number
from sklearn_logitprod.metrics import net_benefit, net_benefit_survival, recalibration
from sklearn_logitprod.metrics.net_benefit import sample_net_benefit
from sklearn_logitprod.report import figures
from sklearn_logitprod.report.page import table

_THRESHOLDS = np.arange(1, 100) / 100.0
_SHOWN = np.array([0.1, 0.2, 0.3, 0.5, 0.7])
# decision curves of more classes would be many figures that say little
_MOST_CURVES = 4


def calibration(problems):
    """Slopes and intercepts of LogitProd and of the best expert, as HTML; empty without problems.

    Parameters
    ----------
    problems : list of Problem
    """
    if not problems:
        return ""
    rows = []
    for one in problems:
        cells = [_html.head(one.name)]
        for proba in (one.fused, one.best):
            found = recalibration(one.happened, proba, sample_weight=one.weight, groups=one.groups)
            cells += [_estimate(*found[:3]), _estimate(*found[3:])]
        rows.append(cells)
    header = ["probability of", "slope", "intercept", "slope", "intercept"]
    of = "with 95 % interval"
    groups = [("", 1), (f"{FUSED}, {of}", 2), (f"{BEST}, {of}", 2)]
    about = (
        "Slope and intercept of a logistic recalibration of the held-out probabilities. A slope "
        "of 1 is right; below 1 probabilities are too extreme, above 1 too timid. An intercept "
        "(at slope 1) of 0 is right; above 0 they are too low on the whole, below 0 too high."
    )
    if problems[0].weight is not None:
        about += (
            " Samples that are censored before the time do not count; others like them count for "
            "more (inverse probability of not being censored)."
        )
    if len(problems) > 1:
        about += " Each class is against all others."
    made = table(header, rows, label="Calibration slope and intercept", groups=groups)
    return made + _html.paragraph(about)


def _estimate(value, low, high):
    if not np.isfinite(value):
        return _html.cell("not defined")
    decimals = min(digits(high - low), 3)
    ends = f"{number(low, decimals)} to {number(high, decimals)}" if np.isfinite(low) else ""
    return _html.cell(number(value, decimals), ends)


def decisions(problems, attrs):
    """Decision curves with what they mean, as HTML; empty where there are none, or too many.

    Parameters
    ----------
    problems : list of Problem
    attrs : dict
        Of the table, for resamples and seed.
    """
    if not problems or len(problems) > _MOST_CURVES:
        return ""
    parts = [_meaning(problems)]
    for i, one in enumerate(problems):
        if len(problems) > 1:
            parts.append(f"<h3>{escape(one.name)} against the rest</h3>")
        everybody = np.ones(len(one.happened))
        said = {"treat all": everybody, BEST: one.best, FUSED: one.fused}
        curves = {name: _curve(one, proba) for name, proba in said.items()}
        parts.append(figures.decision(f"plot-decision-{i}", _THRESHOLDS, curves, one.name))
        if one.follow_up is None:
            parts.append(_benefits(one, said, attrs))
    return "".join(parts)


def _curve(one, proba):
    if one.follow_up is None:
        return net_benefit(one.happened, proba, _THRESHOLDS)
    event, time, horizon = one.follow_up
    return net_benefit_survival(event, time, proba, horizon, _THRESHOLDS)


def _benefits(one, said, attrs):
    """Net benefits at some thresholds, with intervals."""
    own = {name: sample_net_benefit(one.happened, proba, _SHOWN) for name, proba in said.items()}
    own["difference"] = own[FUSED] - own[BEST]
    stacked = np.concatenate(list(own.values()), axis=1)
    means = stacked.mean(axis=0)
    units = None if one.groups is None else np.unique(one.groups, return_inverse=True)[1]
    moves = (stacked - means) / len(stacked)
    found = bootstrap(moves, means, units, attrs["n_resamples"], attrs["random_state"])
    half = found.half_width.reshape(len(own), -1)
    middle = means.reshape(len(own), -1)
    rows = []
    for t, threshold in enumerate(_SHOWN):
        cells = [_html.head(f"{threshold:g}")]
        for k, name in enumerate(own):
            ends = f"{middle[k, t] - half[k, t]:.3f} to {middle[k, t] + half[k, t]:.3f}"
            text = number(middle[k, t], 3, sign=name == "difference")
            cells.append(_html.cell(text, ends if np.isfinite(half[k, t]) else UNKNOWN))
        rows.append(cells)
    header = ["threshold", "treat all", BEST, FUSED, f"{FUSED} less {BEST}"]
    groups = [("", 1), ("net benefit, with 95 % interval", 4)]
    return table(header, rows, label=f"Net benefit of {one.name}", groups=groups)


def _meaning(problems):
    several = len(problems) > 1
    text = (
        "Suppose that one acts (treats, tests further) where the probability reaches a threshold. "
        "A threshold of 0.2 says that to find one true case is worth up to four needless actions. "
        "The net benefit counts the true cases among all samples on which one acts, less the "
        "needless actions at that price. To act on nobody has 0; to act on everybody is the other "
        "simple way. A model is of use over those thresholds that are sensible in practice where "
        "its curve is above both, and the higher curve is the better one (Vickers and Elkin, 2006)."
    )
    if several:
        text += " Whether there is anything to decide about a class is for the reader to say."
    if problems[0].follow_up is not None:
        text += (
            " How many of those on whom one acts have the event by then is estimated by "
            "Kaplan-Meier (Vickers et al., 2008)."
        )
    return _html.paragraph(text)
