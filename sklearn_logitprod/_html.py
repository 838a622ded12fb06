"""Tables in notebooks: in the colours of the page around them, whether it is light or dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

# no colour of text and none of paper: a notebook has its own, and need not follow the system
RULES = """
.logitprod { max-width: 100%; font-variant-numeric: tabular-nums; }
.logitprod p { margin: .4em 0; }
.logitprod .lp-verdict { font-weight: 600; border-left: 4px solid #d55e00; padding-left: .7em; }
.logitprod .lp-soft { font-size: .85em; opacity: .85; }
.logitprod .lp-wide { overflow-x: auto; max-width: 100%; }
.logitprod table { border-collapse: collapse; font-size: .9em; margin: .6em 0; border: none; }
.logitprod .lp-title { font-weight: 600; margin-bottom: 0; }
.logitprod th, .logitprod td { padding: .2em .7em; text-align: right; white-space: nowrap;
  border: none; border-bottom: 1px solid rgba(127, 127, 127, .35); vertical-align: top; }
.logitprod thead th { vertical-align: bottom; }
.logitprod tbody th { font-weight: inherit; }
.logitprod th.lp-group { text-align: center; border-bottom: none; font-weight: 500; }
.logitprod th:first-child, .logitprod td:first-child { text-align: left; }
.logitprod thead tr + tr th:first-child { text-align: right; }
.logitprod tbody tr, .logitprod tbody tr:nth-child(odd), .logitprod thead tr { background: none; }
.logitprod tbody tr.lp-first td { border-top: 2px solid rgba(127, 127, 127, .7); }
.logitprod tbody tr.lp-own, .logitprod tbody tr.lp-own:nth-child(odd) {
  background: rgba(213, 94, 0, .13); }
.logitprod td.lp-best { font-weight: 700; background: rgba(0, 114, 178, .16); }
.logitprod td.lp-doubt { background: rgba(230, 159, 0, .2); white-space: normal;
  min-width: 16em; }
.logitprod td .lp-below { display: block; font-size: .82em; font-weight: 400; opacity: .85; }
.logitprod ul { margin: .3em 0; padding-left: 1.3em; }
.logitprod svg { max-width: 100%; height: auto; }
"""
"""The style without its tag."""

STYLE = f"<style>{RULES}</style>"


def block(*parts: str) -> str:
    """Parts in HTML as one block, with the style that they need."""
    return f'{STYLE}<div class="logitprod">{"".join(parts)}</div>'


def paragraph(text: str, kind: str = "") -> str:
    """A text as a paragraph."""
    return f"<p{f' class={chr(34)}lp-{kind}{chr(34)}' if kind else ''}>{escape(text)}</p>"


def bullets(texts: Iterable[str]) -> str:
    """Texts as a list, nothing if there are none."""
    inside = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul>{inside}</ul>" if inside else ""


def cell(text: str, below: str = "", kind: str = "") -> str:
    """A cell of a table.

    Parameters
    ----------
    text : str
    below : str
        What stands below it, smaller.
    kind : {"", "best", "doubt"}
    """
    under = f'<span class="lp-below">{escape(below)}</span>' if below else ""
    own = f' class="lp-{kind}"' if kind else ""
    return f"<td{own}>{escape(text)}{under}</td>"


def head(text: str) -> str:
    """The first cell of a row, which says whose it is."""
    return f'<th scope="row">{escape(text)}</th>'


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    kinds: Sequence[str] | None = None,
    caption: str = "",
    *,
    label: str = "",
    groups: Sequence[tuple[str, int]] | None = None,
) -> str:
    """A table that scrolls by itself where it is too wide, by keys, too.

    Parameters
    ----------
    header : list of str
        Texts.
    rows : list of list of str
        Cells, as :func:`cell` and, the first, :func:`head` make them.
    kinds : list of str, optional
        Classes of the rows: "first" below a line, "own" of the fusion.
    caption : str
        What stands above it.
    label : str
        What it is called for those who do not see it; empty for the caption.
    groups : list of (str, int), optional
        What so many columns have in common, above their own heads; empty for nothing.
    """
    body = ""
    for kind, row in zip(kinds or [""] * len(rows), rows, strict=True):
        own = " ".join(f"lp-{one}" for one in kind.split())
        body += f"<tr{f' class={chr(34)}{own}{chr(34)}' if own else ''}>{''.join(row)}</tr>"
    title = paragraph(caption, "title") if caption else ""
    return (
        f'{title}<div class="lp-wide" role="region" tabindex="0" '
        f'aria-label="{escape(label or caption or "table")}"><table><thead>'
        f"{_heads(header, groups)}</thead><tbody>{body}</tbody></table></div>"
    )


def _heads(header, groups):
    """One row of heads, or two where columns have something in common."""
    if groups is None:
        return f"<tr>{''.join(_column(text) for text in header)}</tr>"
    above, below, start = "", "", 0
    for text, span in groups:
        own = header[start : start + span]
        if text:
            above += f'<th class="lp-group" scope="colgroup" colspan="{span}">{escape(text)}</th>'
            below += "".join(_column(one) for one in own)
        else:
            above += "".join(_column(one, ' rowspan="2"') for one in own)
        start += span
    return f"<tr>{above}</tr><tr>{below}</tr>"


def _column(text, more=""):
    return f'<th scope="col"{more}>{escape(text)}</th>'
