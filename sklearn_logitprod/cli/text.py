"""A comparison in plain text: lines of a table, and what they come to."""

from __future__ import annotations

import textwrap

import numpy as np

from sklearn_logitprod.inspection._draw import METRIC_LABELS

WIDTH = 100
_LONGEST = 24
_LEVEL = 0.05


def cells(table):
    """Header and rows of a comparison, as short texts.

    Parameters
    ----------
    table : DataFrame
        Of `compare`.

    Returns
    -------
    list of list of str
        The first metric with its interval, the means of the others, mean rank, paired
        difference in log-loss to the best expert with interval, p-value after Holm.
    """
    first, *others = table.attrs["metrics"]
    header = ["", METRIC_LABELS[first], "95 % interval"]
    header += [METRIC_LABELS[name] for name in others]
    header += ["rank", f"{METRIC_LABELS['log_loss']} diff.", "95 % interval", "p (Holm)"]
    rows = []
    for name, row in table.iterrows():
        texts = [name, _number(row[f"{first}_mean"]), _interval(row, first)]
        texts += [_number(row[f"{other}_mean"]) for other in others]
        texts += [_number(row["rank"], 1), _number(row["difference"], sign=True)]
        texts += [_interval(row, "difference"), _number(row["p_holm"])]
        if name == table.attrs["reference"]:
            texts[-3:] = ["0", "", ""]
        rows.append(texts)
    return [header, *rows]


def table_lines(table):
    """The table as lines of at most 100 characters."""
    rows = [[_short(row[0]), *row[1:]] for row in cells(table)]
    kept = list(range(len(rows[0])))
    n_metrics = len(table.attrs["metrics"])
    # the later metrics give way where there is no room; a file has them all
    while len(_lines(rows, kept)[0]) > WIDTH and n_metrics > 1:
        kept.remove(1 + n_metrics)
        n_metrics -= 1
    lines = _lines(rows, kept)
    kinds = [table.attrs["kinds"][name] for name in table.index]
    n_experts = kinds.count("expert")
    rule = "-" * len(lines[0])
    return [lines[0], rule, *lines[1 : n_experts + 1], rule, *lines[n_experts + 1 :]]


def _lines(rows, kept):
    columns = [[row[i] for row in rows] for i in kept]
    widths = [max(map(len, column)) for column in columns]
    lines = []
    for row in zip(*columns, strict=True):
        first = f"{row[0]:<{widths[0]}}"
        lines.append(
            "  ".join([first, *(f"{t:>{w}}" for t, w in zip(row[1:], widths[1:], strict=True))])
        )
    return lines


def verdict(table, width=WIDTH):
    """What the table comes to, in sentences made from its numbers."""
    attrs, row = table.attrs, table.loc["LogitProd"]
    chosen = attrs["chosen"]
    name = max(chosen, key=chosen.get)
    n_splits = sum(chosen.values())
    who = f"{attrs['n_samples']} samples"
    if attrs["n_groups"] is not None:
        who += f" in {attrs['n_groups']} groups"
    text = (
        f"{who}, {attrs['n_repeats']} x {attrs['n_folds']} folds. The best expert on the training "
        f"part is {name} in {chosen[name]} of {n_splits} splits. "
    )
    difference, p_value = row["difference"], row["p_holm"]
    side = "below" if difference < 0.0 else "above"
    text += (
        f"The log-loss of LogitProd is {abs(difference):.4f} {side} that of the best expert of "
        f"each split (95 % interval {_interval(row, 'difference')}, p = {p_value:.3f} after Holm's "
        "correction): "
    )
    if not p_value < _LEVEL:
        text += "these samples do not tell the two apart. "
    else:
        text += "fusing helps. " if difference < 0.0 else "fusing does harm here. "
    first = attrs["metrics"][0]
    means = table[f"{first}_mean"]
    winner = means.idxmax() if attrs["higher_is_better"][first] else means.idxmin()
    text += f"Best in {METRIC_LABELS[first]}: {winner} ({means[winner]:.4f})."
    return textwrap.fill(text, width) if width else text


def _short(name):
    return name if len(name) <= _LONGEST else name[: _LONGEST - 3] + "..."


def _number(value, digits=4, sign=False):
    if np.isnan(value):
        return ""
    return f"{value:{'+' if sign else ''}.{digits}f}"


def _interval(row, name):
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "" if np.isnan(low) else f"{low:.3f} to {high:.3f}"
