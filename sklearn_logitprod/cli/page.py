"""A self-contained page: nothing is loaded from elsewhere."""

from __future__ import annotations

from datetime import date
from html import escape

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de;
  --paper: #ffffff; --mark: #fff4e5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9da7b1;
  --line: #3d444d; --paper: #0d1117; --mark: #3a2a12; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.soft, figcaption { color: var(--soft); font-size: .9rem; }
.verdict { font-size: 1.1rem; border-left: 4px solid #d55e00; padding-left: 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th { white-space: normal; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; }
.facts td { text-align: left; vertical-align: top; white-space: normal; }
tr.fusion { background: var(--mark); font-weight: 600; }
tr.first td { border-top: 2px solid var(--soft); }
figure { margin: 1.5rem 0; } figure svg { max-width: 100%; height: auto; background: #fff;
  border: 1px solid var(--line); border-radius: 6px; }
@media print { body { margin: 0; max-width: none; } figure { break-inside: avoid; } }
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
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">{date.today().isoformat()}</p>',
    ]
    return "\n".join([*head, *parts, "</body></html>"]) + "\n"
