"""A self-contained page: nothing is loaded from elsewhere."""

from __future__ import annotations

import re
from datetime import date
from html import escape

from sklearn_logitprod import _html

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #4b535b; --line: #d0d7de;
  --paper: #ffffff; --link: #0550ae; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9da7b1;
  --line: #3d444d; --paper: #0d1117; --link: #79c0ff; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 72rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
a { color: var(--link); }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.25rem; margin-top: 2.6rem; }
h3 { font-size: 1.05rem; margin-top: 1.6rem; }
.soft, figcaption { color: var(--soft); font-size: .9rem; }
.verdict { font-size: 1.1rem; border-left: 4px solid #d55e00; padding-left: 1rem; }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; }
pre { overflow-x: auto; padding: .6rem .8rem; border: 1px solid var(--line); }
figure { margin: 1.2rem 0; }
.plot svg { display: block; width: 100%; height: auto; }
.plot.square { max-width: 34rem; }
.narrow { display: none; }
@media (max-width: 40rem) { .wide { display: none; } .narrow { display: block; }
  .logitprod .lp-words .lp-wide table { min-width: 36rem; }
  .logitprod .lp-facts th { width: 38%; } }
.logitprod td.lp-note { text-align: left; color: var(--soft); }
.logitprod th, .logitprod td { padding: .2em .5em; overflow-wrap: normal; }
.logitprod .lp-words td, .logitprod .lp-words th { white-space: normal; text-align: left;
  vertical-align: top; }
.logitprod .lp-facts { table-layout: fixed; width: 100%; }
.logitprod .lp-facts th, .logitprod .lp-facts td { overflow-wrap: anywhere; }
.logitprod .lp-facts th { width: 30%; }
.logitprod td .lp-below, .logitprod .lp-soft, .lp-soft { opacity: 1; color: var(--soft); }
@page { size: A4; margin: 14mm; }
@media print {
  :root { color-scheme: light; --ink: #000000; --soft: #444444; --line: #bbbbbb;
    --paper: #ffffff; --link: #000000; }
  body { margin: 0; max-width: none; padding: 0; font-size: 10pt; }
  nav { display: none; }
  .wide { display: block; } .narrow { display: none; }
  .plot svg { max-height: 90mm; } .plot.square { max-width: 100mm; }
  h2, h3, .lp-title { break-after: avoid; }
  figure, table, tr, pre { break-inside: avoid; }
  thead { display: table-header-group; }
  .logitprod .lp-wide { overflow: visible; }
  .logitprod table { font-size: 7.5pt; }
  .logitprod th, .logitprod td { padding: .15em .4em; }
  .logitprod thead th { white-space: normal; }
  .logitprod tbody tr.lp-own, .logitprod td.lp-best { print-color-adjust: exact; }
}
"""


def page(title, parts):
    """A page that needs nothing else.

    Parameters
    ----------
    title : str
    parts : list of str
        HTML of what stands below the title and the date.
    """
    head = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        f"<style>{_html.RULES}{_STYLE}</style></head><body><main>",
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">{date.today().isoformat()}</p>',
    ]
    return "\n".join([*head, *parts, "</main></body></html>"]) + "\n"


class Sections:
    """Sections of a page, which a list of contents leads to."""

    def __init__(self):
        self.titles, self.parts = {}, []

    def add(self, key, title, *parts):
        """A section, unless all of its parts are empty."""
        inside = "".join(part for part in parts if part)
        if inside:
            self.titles[key] = title
            self.parts.append(f'<section><h2 id="{key}">{escape(title)}</h2>{inside}</section>')

    def contents(self):
        """Links to all sections."""
        links = (f'<li><a href="#{key}">{escape(own)}</a></li>' for key, own in self.titles.items())
        return f'<nav aria-label="Contents"><ul>{"".join(links)}</ul></nav>'


def table(*arguments, words=False, **options):
    """A table as :func:`sklearn_logitprod._html.table` makes it, in the style of the page.

    Parameters
    ----------
    words : bool
        Whether its cells hold sentences, which are wrapped.
    """
    inside = _html.table(*arguments, **options)
    return block(f'<div class="lp-words">{inside}</div>' if words else inside)


def block(text):
    """HTML of tables in the style of the page."""
    return f'<div class="logitprod">{text}</div>'


def facts(rows, label):
    """Pairs of text as a table without a header."""
    body = "".join(
        f'<tr><th scope="row">{escape(one)}</th><td>{escape(other)}</td></tr>'
        for one, other in rows
    )
    inside = f'<table class="lp-facts" aria-label="{escape(label)}"><tbody>{body}</tbody></table>'
    return block(f'<div class="lp-words">{inside}</div>')


def figure(key, wide, narrow, alt, caption, square=False):
    """A figure that is drawn twice: for wide pages and paper, and for narrow ones.

    Parameters
    ----------
    key : str
        Of its own in the page.
    wide, narrow : str
        SVG.
    alt, caption : str
    square : bool
        Whether it stays small on a wide page.
    """
    drawn = "".join(
        f'<div class="plot {size}{" square" * square}" role="img" aria-label="{escape(alt)}">'
        f"{_own_ids(svg, f'{key}-{size}-')}</div>"
        for size, svg in (("wide", wide), ("narrow", narrow))
    )
    return f"<figure>{drawn}<figcaption>{escape(caption)}</figcaption></figure>"


def _own_ids(svg, prefix):
    """SVG whose identifiers no other one of the page has."""
    svg = re.sub(r'(\sid=")', rf"\1{prefix}", svg)
    return re.sub(r'(url\(#|href="#)', rf"\1{prefix}", svg)
