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
from sklearn_logitprod.inspection._subgroups import LEAST_GROUPS, LEAST_SAMPLES
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
UNKNOWN = "interval unknown"
"""Where too few samples differ for one."""


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
    group : str
        What it has in common with those beside it, which its own head does not repeat; empty for
        nothing.
    inner : str
        The head below that; empty for the same.
    """

    head: str
    texts: list
    below: list
    best: list
    needed: bool = True
    short: str = ""
    group: str = ""
    inner: str = ""


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
                "mean over repeats, with 95 % interval",
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
    group = f"{label}, to the {attrs['reference']}"
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
            group=group,
            inner="difference",
        )
    )
    p_values = ["" if s else p_text(p) for s, p in zip(same, table[f"{own}p_holm"], strict=True)]
    found.append(
        Column(f"p of {label} (Holm)", p_values, [], none, True, "p (Holm)", group, "p (Holm)")
    )
    if "fit_seconds" in table:
        found.append(Column("fit, s", [number(own, 2) for own in table["fit_seconds"]], [], none))
    return found


def as_text(table):
    """The comparison as text, no line longer than 100 columns."""
    own = one_outcome(table)
    parts = [[verdict(table)], table_lines(own), claim_lines(own)]
    if own is not table:
        parts.append(list(label_lines(table)))
    if table.attrs["by"] is not None:
        parts.append(subgroup_lines(table))
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
        rows.append([_html.head(name), *cells])
        first = i and kinds[i] != kinds[i - 1]
        marks.append(f"{'first ' if first else ''}{'own' if kinds[i] == 'fusion' else ''}".strip())
    groups = [("", 1)]
    for column in found:
        if column.group and column.group == groups[-1][0]:
            groups[-1] = column.group, groups[-1][1] + 1
        else:
            groups.append((column.group, 1))
    header = ["method", *(column.inner or column.head for column in found)]
    return _html.table(header, rows, marks, label="All methods", groups=groups)


def claims_html(table):
    """What LogitProd differs by from the best expert and the best simple method, as HTML."""
    rows = []
    for name, own in _claims(table):
        cells = [_html.head(METRIC_LABELS[name])]
        for claim in own:
            difference, ends, p_value = _claim_cells(claim)
            known = ends if ends or is_same(claim) else UNKNOWN
            cells += [_html.cell(difference, known), _html.cell(p_value)]
            cells += [_html.cell(claim["method"])] * (claim["to"] == SIMPLE)
        rows.append(cells + [_html.cell("")] * (3 * (len(own) < 2)))
    header = ["metric", "difference", "p", "difference", "p", "which is"]
    groups = [("", 1), (f"to the {BEST}", 2), (f"to the {SIMPLE}", 3)]
    caption = "LogitProd: paired differences with 95 % intervals"
    return _html.table(header, rows, caption=caption, groups=groups)


def subgroup_table(found, table):
    """Subgroups as header, rows of texts with intervals below, and groups of columns.

    Parameters
    ----------
    found : dict
        Of a comparison by subgroups, or by gaps.
    table : DataFrame
        Of `compare`.

    Returns
    -------
    header : list of str
    rows : list of list of (str, str)
        Of each subgroup its name, samples, outcomes, and LogitProd's metrics and its difference
        to the best expert in the judged metric; or what it has too few of.
    groups : list of (str, int)
    """
    attrs, judged = table.attrs, table.attrs["judged_by"]
    own = f"{judged}_" if judged in attrs["metrics"] else ""
    scored = {row["group"]: row for row in found["rows"] if row["method"] == FUSED}
    outcomes = list(found["groups"][0]["outcome"])
    grouped = found["groups"][0]["n_groups"] is not None
    shown = {}
    for name in [*(f"{n}_mean" for n in attrs["metrics"]), f"{own}difference"]:
        ends = name.removesuffix("_mean")
        shown[name] = digits([row[f"{ends}_high"] - row[f"{ends}_low"] for row in scored.values()])
    rows = []
    for part in found["groups"]:
        cells = [(part["group"], ""), (str(part["n_samples"]), "")]
        cells += [(str(part["n_groups"]), "")] * grouped
        cells += [_counted(part, name) for name in outcomes]
        row = scored.get(part["group"])
        if row is None:
            text = f"too few for scores: below {LEAST_SAMPLES} samples"
            text += f" or {LEAST_GROUPS} groups" if grouped else ""
            rows.append([*cells, (text, "")])
            continue
        for name in attrs["metrics"]:
            decimals = shown[f"{name}_mean"]
            text = number(row[f"{name}_mean"], decimals)
            cells.append((text or "not defined", interval(row, name, decimals) or UNKNOWN))
        decimals = shown[f"{own}difference"]
        difference = number(row[f"{own}difference"], decimals, sign=True)
        cells.append((difference, interval(row, f"{own}difference", decimals) or UNKNOWN))
        rows.append([*cells, (p_text(row[f"{own}p_holm"]), "")])
    header = [found["name"], "samples", *["groups"] * grouped, *outcomes]
    header += [SHORT_LABELS[name] for name in attrs["metrics"]] + ["difference", "p (Holm)"]
    groups = [("", 2 + grouped), ("outcome", len(outcomes))] if outcomes else [("", 2 + grouped)]
    groups.append(("LogitProd, with 95 % interval", len(attrs["metrics"])))
    return header, rows, [*groups, (f"{METRIC_LABELS[judged]}, to the {BEST}", 2)]


def _counted(part, name):
    """What outcomes come to: a count with its share, or another number."""
    value = part["outcome"][name]
    if isinstance(value, int):
        return str(value), f"{100.0 * value / max(part['n_samples'], 1):.3g} %"
    return f"{value:.4g}", ""


def subgroups_html(found, table, label):
    """Subgroups as an HTML table."""
    header, rows, groups = subgroup_table(found, table)
    made = []
    for row in rows:
        cells = [_html.head(row[0][0]), *(_html.cell(*one) for one in row[1:])]
        if len(row) < len(header):
            span = len(header) - len(row) + 1
            cells[-1] = f'<td class="lp-note" colspan="{span}">{escape(row[-1][0])}</td>'
        made.append(cells)
    return _html.table(header, made, label=label, groups=groups)


def subgroup_lines(table):
    """LogitProd in each subgroup, as lines: the judged metric and its difference."""
    found, attrs = table.attrs["by"], table.attrs
    header, rows, _ = subgroup_table(found, table)
    judged = SHORT_LABELS[attrs["judged_by"]]
    names = [found["name"], "samples", judged, "difference", "p (Holm)"]
    # of metrics that are not shown, the loss is judged by
    kept = [header.index(name) for name in names if name in header]
    texts = [[header[at]] for at in kept]
    for row in rows:
        for text, at in zip(texts, kept, strict=True):
            text.append(_short(row[at][0]) if at < len(row) else "")
    lines = aligned(texts)
    few = [row[0][0] for row in rows if len(row) < len(header)]
    note = [f"Too few samples for scores: {', '.join(few)}."] if few else []
    return [*lines, *note]


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
    if table.attrs["by"] is not None:
        parts.append(subgroups_html(table.attrs["by"], table, f"By {table.attrs['by']['name']}"))
    parts += [_html.bullets(f"Warning: {text}" for text in table.attrs["warnings"])]
    parts.append(_html.paragraph(" ".join(said_of(table)), "soft"))
    return _html.block(*parts)
