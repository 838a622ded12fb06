"""What a comparison comes to, in sentences made from its numbers."""

from __future__ import annotations

import numpy as np

from sklearn_logitprod.inspection._draw import METRIC_LABELS
from sklearn_logitprod.inspection._panel import overall_of
from sklearn_logitprod.inspection._split import BEST, FUSED
from sklearn_logitprod.inspection._table import SIMPLE

_LEVEL = 0.05


def one_outcome(table):
    """The table itself, or of several labels that of their mean."""
    return table if table.index.nlevels == 1 else overall_of(table)


def verdict(table):
    """Whether fusing beats the best expert and the best simple method: one sentence.

    Parameters
    ----------
    table : DataFrame
        Of `compare`.

    Returns
    -------
    str
        In the metric that the comparison is judged by. What it calls better or worse is so with
        p below 0.05, corrected for the two comparisons that the sentence makes.
    """
    attrs = one_outcome(table).attrs
    judged = attrs["judged_by"]
    claims = {one["to"]: one for one in attrs["claims"] if one["metric"] == judged}
    higher = attrs["higher_is_better"][judged]
    alone = list(attrs["kinds"].values()).count("expert") == 1
    subject = "Calibrating the only expert" if alone else "Fusing"
    to = "the expert as it is" if alone else "the best expert"
    text = f"{subject} {_outcome(claims[BEST], higher)} {to} {_detail(claims[BEST])}"
    if SIMPLE in claims:
        own = claims[SIMPLE]
        text += f"; it {_outcome(own, higher)} the best simple method, {own['method']} "
        text += _detail(own)
    return f"{text}."


def said_of(table):
    """What was compared, on how much, and what else is to be known: a list of sentences."""
    own = one_outcome(table)
    attrs = own.attrs
    who = f"{attrs['n_samples']} samples"
    if attrs["n_groups"] is not None:
        who += f" in {attrs['n_groups']} groups"
    n_experts = list(attrs["kinds"].values()).count("expert")
    n_simple = len(own) - n_experts - 2 - len(attrs["rivals"])
    what = f"{n_experts} expert{'s' if n_experts > 1 else ''}, {n_simple} simple methods"
    found = [f"{what} and LogitProd on {who}, {attrs['n_repeats']} x {attrs['n_folds']} folds."]
    if n_experts == 1:
        found.append(
            "One expert has nothing to be fused with: LogitProd calibrates it alone. Name the "
            "outputs of other experts, too."
        )
    if own is table:
        chosen = attrs["chosen"]
        name = max(chosen, key=chosen.get)
        found.append(
            f"The best expert on the training part is {name} in {chosen[name]} of "
            f"{sum(chosen.values())} splits."
        )
    found += [_beside(own, name) for name in attrs["rivals"]]
    found.append(
        "Differences are those to the best expert, and p (Holm) is corrected for the rows; the p "
        "of the first sentence are for its comparisons."
    )
    return found


def _outcome(claim, higher):
    """How the fusion fares, as a verb."""
    difference, p_value = claim["difference"], claim["p_holm"]
    if np.isnan(p_value):
        return "cannot be compared by these samples with"
    if is_same(claim):
        return "gives the same as"
    better = (difference > 0.0) == higher
    if p_value < _LEVEL:
        return "beats" if better else "does worse than"
    return "does not surely beat" if better else "does not beat"


def _detail(claim):
    """A difference, its interval and p-value in brackets."""
    if np.isnan(claim["p_holm"]):
        return "(no interval)"
    shown = digits(claim["difference_high"] - claim["difference_low"])
    return (
        f"({METRIC_LABELS[claim['metric']]} {number(claim['difference'], shown, sign=True)}, "
        f"95 % interval {interval(claim, 'difference', shown) or 'unknown'}, "
        f"p {p_text(claim['p_holm'], True)})"
    )


def _beside(table, name):
    """A sentence on the fusion and a rival: their losses and times."""
    own, loss = table.attrs["rivals"][name], METRIC_LABELS[table.attrs["difference"]]
    difference, p_value = own["difference"], own["p_value"]
    side = "below" if difference < 0.0 else "above"
    if not p_value < _LEVEL:
        outcome = "these samples do not tell the two apart"
    else:
        outcome = f"{FUSED if difference < 0.0 else 'the rival'} is better"
    seconds = table["fit_seconds"]
    return (
        f"Beside {name}, the {loss} of LogitProd is {abs(difference):.4f} {side} (95 % interval "
        f"{interval(own, 'difference', 3) or 'unknown'}, p {p_text(p_value, True)}): {outcome}. "
        f"A fit takes LogitProd {seconds[FUSED]:.2f} s and {name} {seconds[name]:.2f} s."
    )


def is_same(row):
    """Whether a row has the scores of what it is compared with, sample by sample."""
    return row["difference"] == row["difference_low"] == row["difference_high"] == 0.0


def digits(width):
    """Decimals for values that are known up to an interval of some width: two of half of it.

    Parameters
    ----------
    width : float or array-like
        Of several, the median of those that are finite and above 0 counts.
    """
    widths = np.atleast_1d(np.asarray(width, dtype=float))
    widths = widths[np.isfinite(widths) & (widths > 0.0)]
    if not len(widths):
        return 4
    return int(np.clip(1 - np.floor(np.log10(np.median(widths) / 2.0)), 0, 12))


def number(value, decimals=4, sign=False):
    """A number as text, nothing for NaN; never -0."""
    if np.isnan(value):
        return ""
    if value == 0.0:
        return "0"
    value = round(value, decimals) + 0.0
    return f"{value:{'+' if sign and value else ''}.{decimals}f}"


def interval(row, name, decimals=3):
    """The interval of a value, nothing where it has no end."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if not np.isfinite(high - low):
        return ""
    low, high = (round(end, decimals) + 0.0 for end in (low, high))
    return f"{low:.{decimals}f} to {high:.{decimals}f}"


def p_text(p_value, equals=False):
    """A p-value as text, with ``=`` or ``<`` before it where it is asked for."""
    if np.isnan(p_value):
        return "unknown" if equals else ""
    if p_value < 0.001:
        return "< 0.001" if equals else "<0.001"
    return f"{'= ' if equals else ''}{p_value:.3f}"
