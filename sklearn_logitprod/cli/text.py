"""A comparison in plain text: lines of a table, and what they come to."""

from __future__ import annotations

import textwrap

import numpy as np

from sklearn_logitprod.inspection._draw import LOSS_WORDS, METRIC_LABELS

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
        difference in log-loss to the best expert with interval, p-value after Holm; the time of
        a fit where there are rivals.
    """
    first, *others = table.attrs["metrics"]
    header = ["", METRIC_LABELS[first], "95 % interval"]
    header += [METRIC_LABELS[name] for name in others]
    header += ["rank", "loss diff.", "95 % interval", "p (Holm)"]
    timed = "fit_seconds" in table
    header += ["fit, s"] if timed else []
    rows = []
    for name, row in table.iterrows():
        texts = [name, _number(row[f"{first}_mean"]), _interval(row, first)]
        texts += [_number(row[f"{other}_mean"]) for other in others]
        texts += [_number(row["rank"], 1), _number(row["difference"], sign=True)]
        texts += [_interval(row, "difference"), _number(row["p_holm"])]
        if name == table.attrs["reference"] or _is_same(row):
            texts[-3:] = ["0", "", ""]
        if timed:
            texts.append(_number(row["fit_seconds"], 2))
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
    if len(_lines(rows, kept)[0]) > WIDTH:
        kept.remove(rows[0].index("rank"))
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
    text = f"{who}, {attrs['n_repeats']} x {attrs['n_folds']} folds. "
    if len(chosen) == 1:
        what, other = "calibrating", "the expert"
        text += (
            f"{name} is the only expert and has nothing to be fused with: LogitProd calibrates it "
            "alone. Name the outputs of other experts, too. "
        )
    else:
        what, other = "fusing", "the best expert of each split"
        text += (
            f"The best expert on the training part is {name} in {chosen[name]} of {n_splits} "
            "splits. "
        )
    loss = LOSS_WORDS[attrs["difference"]]
    text += f"The {loss} of LogitProd is {_against(row, other, what)} "
    first = attrs["metrics"][0]
    means = table[f"{first}_mean"]
    winner = means.idxmax() if attrs["higher_is_better"][first] else means.idxmin()
    text += f"Best in {METRIC_LABELS[first]}: {winner} ({means[winner]:.4f})."
    text += "".join(f" {_beside(table, name, loss)}" for name in attrs["rivals"])
    return textwrap.fill(text, width) if width else text


def label_lines(table):
    """What a comparison of several labels says of each of them, a line for each."""
    names = [str(name) for name in table.attrs["chosen"]]
    width = max(len("label"), *map(len, names))
    yield f"{'label':{width}}  best expert  LogitProd  loss diff.  p (Holm over labels)"
    for label in table.attrs["chosen"]:
        best, own = (table.loc[(label, name)] for name in (table.attrs["reference"], "LogitProd"))
        yield (
            f"{label!s:{width}}  {best['log_loss_mean']:11.4f}  {own['log_loss_mean']:9.4f}  "
            f"{own['difference']:+10.4f}  {own['p_holm']:20.4f}"
        )


def _against(row, other, what):
    """The rest of a sentence: how the loss of a row compares, and what that means."""
    if _is_same(row):
        return f"that of {other}."
    difference, p_value = row["difference"], row["p_holm"]
    side = "below" if difference < 0.0 else "above"
    if not p_value < _LEVEL:
        outcome = "these samples do not tell the two apart"
    else:
        outcome = f"{what} helps" if difference < 0.0 else f"{what} does harm here"
    return (
        f"{abs(difference):.4f} {side} that of {other} (95 % interval "
        f"{_interval(row, 'difference') or 'unknown'}, p = {p_value:.3f} after Holm's "
        f"correction): {outcome}."
    )


def _beside(table, name, loss):
    """A sentence on the fusion and a rival: their losses and times."""
    own = table.attrs["rivals"][name]
    difference, p_value = own["difference"], own["p_value"]
    low, high = own["difference_low"], own["difference_high"]
    side = "below" if difference < 0.0 else "above"
    if not p_value < _LEVEL:
        outcome = "these samples do not tell the two apart"
    else:
        outcome = f"{'LogitProd' if difference < 0.0 else 'the rival'} is better"
    seconds = table["fit_seconds"]
    return (
        f"Beside {name}, the {loss} of LogitProd is {abs(difference):.4f} {side} (95 % interval "
        f"{low:.3f} to {high:.3f}, p = {p_value:.3f}): {outcome}. A fit takes LogitProd "
        f"{seconds['LogitProd']:.2f} s and {name} {seconds[name]:.2f} s."
    )


def _is_same(row):
    """Whether a row has the losses of the best expert, sample by sample."""
    return row["difference"] == row["difference_low"] == row["difference_high"] == 0.0


def _short(name):
    return name if len(name) <= _LONGEST else name[: _LONGEST - 3] + "..."


def _number(value, digits=4, sign=False):
    if np.isnan(value):
        return ""
    return f"{value:{'+' if sign else ''}.{digits}f}"


def _interval(row, name):
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "" if not np.isfinite(high - low) else f"{low:.3f} to {high:.3f}"
