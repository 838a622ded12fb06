"""A comparison as text of at most 100 columns, and as HTML."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from html import escape
from importlib.util import find_spec

from sklearn_logitprod import _html
from sklearn_logitprod._text import WIDTH
from sklearn_logitprod.inspection._draw import METRIC_LABELS, SHORT_LABELS, svg
from sklearn_logitprod.inspection._forest import draw_forest, forest_size
from sklearn_logitprod.inspection._split import BEST, FUSED
from sklearn_logitprod.inspection._table import SIMPLE
from sklearn_logitprod.inspection._words import (
    digits,
    interval,
    is_same,
    number,
    one_outcome,
    p_text,
    said_of,
    verdict,
)

_LONGEST = 24
_MARK = "*"


@dataclass(frozen=True)
class Column:
    """A column of the short table.

    Attributes
    ----------
    head : str
    texts : list of str
    below : list of str
        Intervals; empty without.
    best : list of bool
    needed : bool
        Whether it stays where there is little room.
    short : str
        The head where there is little room; empty for the same.
    """

    head: str
    texts: list
    below: list
    best: list
    needed: bool = True
    short: str = ""


def columns(table):
    """Columns of the short table.

    Parameters
    ----------
    table : DataFrame
        Of one outcome.

    Returns
    -------
    list of Column
        Each metric with its interval, rank, paired difference to the best expert and its p-value
        in the metric that the comparison is judged by; seconds of a fit where there are rivals.
    """
    attrs, judged = table.attrs, table.attrs["judged_by"]
    found = []
    for name in attrs["metrics"]:
        mean = table[f"{name}_mean"]
        shown = digits(table[f"{name}_high"] - table[f"{name}_low"])
        top = mean.max() if attrs["higher_is_better"][name] else mean.min()
        found.append(
            Column(
                METRIC_LABELS[name],
                [number(value, shown) for value in mean],
                [interval(row, name, shown) for _, row in table.iterrows()],
                (mean == top).tolist(),
                name == attrs["metrics"][0],
                SHORT_LABELS[name],
            )
        )
    none = [False] * len(table)
    found.append(Column("rank", [number(rank, 1) for rank in table["rank"]], [], none, False))
    # of the loss where other metrics are shown alone
    own = f"{judged}_" if judged in attrs["metrics"] else ""
    paired = [
        {end: row[f"{own}{end}"] for end in ("difference", "difference_low", "difference_high")}
        for _, row in table.iterrows()
    ]
    shown = digits([one["difference_high"] - one["difference_low"] for one in paired])
    same = [
        name == attrs["reference"] or is_same(one)
        for name, one in zip(table.index, paired, strict=True)
    ]
    label = METRIC_LABELS[judged]
    found.append(
        Column(
            f"{label} difference",
            [
                "0" if s else number(p["difference"], shown, sign=True)
                for s, p in zip(same, paired, strict=True)
            ],
            [
                "" if s else interval(p, "difference", shown)
                for s, p in zip(same, paired, strict=True)
            ],
            none,
            short=f"{SHORT_LABELS[judged]} diff.",
        )
    )
    p_values = ["" if s else p_text(p) for s, p in zip(same, table[f"{own}p_holm"], strict=True)]
    found.append(Column(f"p of {label} (Holm)", p_values, [], none, short="p (Holm)"))
    if "fit_seconds" in table:
        found.append(Column("fit, s", [number(own, 2) for own in table["fit_seconds"]], [], none))
    return found


def as_text(table):
    """The comparison as text, no line longer than 100 columns."""
    own = one_outcome(table)
    parts = [[verdict(table)], table_lines(own), claim_lines(own)]
    if own is not table:
        parts.append(list(label_lines(table)))
    parts.append([" ".join(said_of(table))])
    warnings = table.attrs["warnings"]
    if warnings:
        parts.append([f"Warning: {text}" for text in warnings])
    lines = [
        "\n".join(line if len(line) <= WIDTH else textwrap.fill(line, WIDTH) for line in part)
        for part in parts
    ]
    return "\n\n".join(lines)


def table_lines(table):
    """The short table as lines; a star marks the best of a column."""
    kept = columns(table)
    while True:
        lines = _lines(table, kept)
        # the later metrics give way where there is no room; a file has them all
        spare = [i for i, column in enumerate(kept) if not column.needed]
        if len(lines[0]) <= WIDTH or not spare:
            break
        kept.pop(spare[-1])
    kinds = list(map(table.attrs["kinds"].get, table.index))
    n_experts = kinds.count("expert")
    rule = "-" * len(lines[0])
    return [lines[0], rule, *lines[1 : n_experts + 1], rule, *lines[n_experts + 1 :]]


def _lines(table, kept):
    texts = [["", *map(_short, table.index)]]
    for column in kept:
        marked = [
            f"{text}{_MARK if best else ' '}" if any(column.best) else text
            for text, best in zip(column.texts, column.best, strict=True)
        ]
        head = column.short or column.head
        texts.append([head + " " * any(column.best), *marked])
        if column.needed and column.below:
            texts.append(["95 % interval", *column.below])
    return aligned(texts)


def aligned(texts):
    """Columns of texts as lines, the first to the left and the others to the right."""
    widths = [max(map(len, own)) for own in texts]
    lines = []
    for row in zip(*texts, strict=True):
        first = f"{row[0]:<{widths[0]}}"
        rest = [f"{text:>{width}}" for text, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join([first, *rest]).rstrip())
    longest = max(map(len, lines))
    return [lines[0].ljust(longest), *lines[1:]]


def _claims(table):
    """Of each metric the claims about the fusion, by what it is compared with."""
    for name in table.attrs["metrics"]:
        own = {one["to"]: one for one in table.attrs["claims"] if one["metric"] == name}
        yield name, [own[to] for to in (BEST, SIMPLE) if to in own]


def _claim_cells(claim):
    """Difference, interval and p-value of a claim, as texts."""
    if is_same(claim):
        return "0", "", ""
    shown = digits(claim["difference_high"] - claim["difference_low"])
    difference = number(claim["difference"], shown, sign=True)
    return difference, interval(claim, "difference", shown), p_text(claim["p_value"])


def claim_lines(table):
    """What LogitProd differs by from the best expert and the best simple method, as lines."""
    rows = list(_claims(table))
    texts = [["LogitProd less", *(SHORT_LABELS[name] for name, _ in rows)]]
    for i, to in enumerate(("best expert", "best simple")):
        found = [_claim_cells(own[i]) if len(own) > i else ("", "", "") for _, own in rows]
        if any(cells[0] for cells in found):
            difference, ends, p_value = (list(own) for own in zip(*found, strict=True))
            texts += [[to, *difference], ["95 % interval", *ends], ["p", *p_value]]
    return aligned(texts)


def label_lines(table):
    """What a comparison of several labels says of each of them, a line for each."""
    names = [str(name) for name in table.attrs["chosen"]]
    width = max(len("label"), *map(len, names))
    yield f"{'label':{width}}  best expert  LogitProd  difference  p (Holm over labels)"
    # the loss is there whichever metrics are
    loss = table.attrs["difference"]
    mean = f"{loss if loss in table.attrs['metrics'] else table.attrs['metrics'][0]}_mean"
    for label in table.attrs["chosen"]:
        best, own = (table.loc[(label, name)] for name in (table.attrs["reference"], FUSED))
        yield (
            f"{label!s:{width}}  {best[mean]:11.4f}  {own[mean]:9.4f}  "
            f"{own['difference']:+10.4f}  {own['p_holm']:20.4f}"
        )


def _short(name):
    return name if len(name) <= _LONGEST else name[: _LONGEST - 3] + "..."


def table_html(table):
    """The short table as HTML: experts, simple methods and the fusion apart."""
    found = columns(table)
    kinds = [table.attrs["kinds"][name] for name in table.index]
    rows, marks = [], []
    for i, name in enumerate(table.index):
        cells = [
            _html.cell(
                column.texts[i],
                column.below[i] if column.below else "",
                "best" if column.best[i] else "",
            )
            for column in found
        ]
        rows.append([_html.cell(name), *cells])
        first = i and kinds[i] != kinds[i - 1]
        marks.append(f"{'first ' if first else ''}{'own' if kinds[i] == 'fusion' else ''}".strip())
    return _html.table(["", *(column.head for column in found)], rows, marks)


def claims_html(table):
    """What LogitProd differs by from the best expert and the best simple method, as HTML."""
    rows = []
    for name, own in _claims(table):
        cells = [_html.cell(METRIC_LABELS[name])]
        for claim in own:
            difference, ends, p_value = _claim_cells(claim)
            cells += [_html.cell(difference, ends), _html.cell(p_value)]
            cells += [_html.cell(claim["method"])] * (claim["to"] == SIMPLE)
        rows.append(cells + [_html.cell("")] * (3 * (len(own) < 2)))
    header = ["", f"to the {BEST}", "p", f"to the {SIMPLE}", "p", "which is"]
    caption = "LogitProd: paired differences with 95 % intervals"
    return _html.table(header, rows, caption=caption)


def as_html(table):
    """The comparison as HTML for a notebook, with the forest plot where matplotlib is there."""
    own = one_outcome(table)
    parts = [_html.paragraph(verdict(table), "verdict"), table_html(own)]
    if find_spec("matplotlib") is not None:
        first = table.attrs["metrics"][0]
        width, height = forest_size(own, first)
        drawn = svg(lambda ax: draw_forest(ax, own, first), (width + 1.5, height), as_text=True)
        parts.append(f"<div>{drawn}</div>")
    parts.append(claims_html(own))
    if own is not table:
        lines = "\n".join(label_lines(table))
        parts.append(f'<div class="lp-wide"><pre>{escape(lines)}</pre></div>')
    parts += [_html.bullets(f"Warning: {text}" for text in table.attrs["warnings"])]
    parts.append(_html.paragraph(" ".join(said_of(table)), "soft"))
    return _html.block(*parts)
