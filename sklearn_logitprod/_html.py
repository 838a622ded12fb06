"""Tables in notebooks: in the colours of the page around them, whether it is light or dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

# no colour of text and none of paper: a notebook has its own, and need not follow the system
STYLE = """<style>
.logitprod { max-width: 100%; font-variant-numeric: tabular-nums; }
.logitprod p { margin: .4em 0; }
.logitprod .lp-verdict { font-weight: 600; border-left: 4px solid #d55e00; padding-left: .7em; }
.logitprod .lp-soft { font-size: .85em; opacity: .85; }
.logitprod .lp-wide { overflow-x: auto; max-width: 100%; }
.logitprod table { border-collapse: collapse; font-size: .9em; margin: .6em 0; border: none; }
.logitprod .lp-title { font-weight: 600; margin-bottom: 0; }
.logitprod th, .logitprod td { padding: .2em .7em; text-align: right; white-space: nowrap;
  border: none; border-bottom: 1px solid rgba(127, 127, 127, .35); vertical-align: top; }
.logitprod th { vertical-align: bottom; }
.logitprod th:first-child, .logitprod td:first-child { text-align: left; }
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
</style>"""


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


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    kinds: Sequence[str] | None = None,
    caption: str = "",
) -> str:
    """A table that scrolls by itself where it is too wide.

    Parameters
    ----------
    header : list of str
        Texts.
    rows : list of list of str
        Cells, as :func:`cell` makes them.
    kinds : list of str, optional
        Classes of the rows: "first" below a line, "own" of the fusion.
    caption : str
        What stands above it.
    """
    heads = "".join(f"<th>{escape(text)}</th>" for text in header)
    body = ""
    for kind, row in zip(kinds or [""] * len(rows), rows, strict=True):
        own = " ".join(f"lp-{one}" for one in kind.split())
        body += f"<tr{f' class={chr(34)}{own}{chr(34)}' if own else ''}>{''.join(row)}</tr>"
    title = paragraph(caption, "title") if caption else ""
    return (
        f'{title}<div class="lp-wide"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
