"""Parts of a page in reStructuredText, as lists of lines."""

from __future__ import annotations

import csv
import io


def heading(text, mark):
    """A heading, underlined by a mark."""
    return [text, mark * len(text), ""]


def csv_table(header, rows, widths=None):
    """A csv-table directive."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([header, *rows])
    lines = [".. csv-table::", "   :header-rows: 1"]
    lines.append(f"   :widths: {' '.join(map(str, widths)) if widths else 'auto'}")
    return [*lines, "", *(f"   {line}" for line in stream.getvalue().splitlines()), ""]


def image(name, text):
    """A figure of the benchmark with its caption."""
    return [f".. figure:: images/benchmark_{name}.png", "", f"   {text}", ""]


def verdict_table(verdicts):
    """What was to be shown, what was measured, and whether it is met."""
    rows = [(v.what, v.figure, "met" if v.met else "**missed**") for v in verdicts]
    return csv_table(("aim", "measured", ""), rows, (55, 33, 12))


def p_equals(value):
    """A p-value, to follow the letter p."""
    return f"= {value:.3f}" if value >= 0.001 else "< 0.001"
