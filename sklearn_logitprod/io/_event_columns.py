"""Which column of a table belongs to which time, or holds risks, events or times."""

from __future__ import annotations

import numpy as np

from sklearn_logitprod._text import brief, option
from sklearn_logitprod.io._columns import free_columns, how_to, numeric_columns
from sklearn_logitprod.io._doubts import doubt_risk
from sklearn_logitprod.io._names import beside, timed

_EVENTS = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True}


def time_columns(table, asked, columns=None):
    """Column of each time, for survival probabilities and hazard logits.

    Parameters
    ----------
    table : Table
    asked : Question
    columns : dict of time to column, list of columns, or None

    Returns
    -------
    dict of float to str
        Increasing times.

    Raises
    ------
    ValueError
        If times are not positive, or columns do not name times in a single way.
    """
    if hasattr(columns, "items"):
        found = {float(time): column for time, column in columns.items()}
    else:
        names = free_columns(table, asked.reserved) if columns is None else list(columns)
        groups = timed(names)
        found = groups.get(("", ""))
        if found is None and len(groups) == 1:
            found = next(iter(groups.values()))
        if not found or (columns is not None and len(found) != len(names)):
            raise table.source.error(
                f"columns {brief(names, 20)} do not name times in a single way, such as '12' or "
                f"'t_12'. {how_to({12: 'its column', 24: 'its column'})}"
            )
    for column in found.values():
        table.need(column, "columns")
    if min(found) <= 0:
        raise table.source.error(
            f"time {min(found):g} is not positive. Drop its column; if rows are times, write a row "
            "for each sample instead (frame.T)."
        )
    return dict(sorted(found.items()))


def risk_column(table, asked, columns=None):
    """The column of risks.

    Parameters
    ----------
    table : Table
    asked : Question
    columns : str or None

    Returns
    -------
    str
    """
    if columns is not None:
        table.need(columns, "columns")
        return columns
    names = [n for n in numeric_columns(table, asked.reserved) if not beside(n)]
    if len(names) != 1:
        raise table.source.error(
            f"a risk is one numeric column, but there are {brief(names, 20)}. Name it with "
            f"{option('columns', 'its column')}."
        )
    doubt_risk(table, names[0])
    return names[0]


def read_events(table, name, may_lack=False):
    """A column of events: 0 or 1, true or false.

    Parameters
    ----------
    table : Table
    name : str
    may_lack : bool, default=False
        Whether cells may be empty.

    Returns
    -------
    ndarray of shape (n_rows,), bool
        float64 with NaN where cells are empty.
    """
    table.need(name, "event")
    texts = table.coded(name, "event", complete=not may_lack)
    odd = texts.first([text for text in texts.values if text.lower() in _EVENTS])
    if odd is not None:
        raise table.source.error(
            f"event {odd[0]!r} in column {name!r} is neither 0 nor 1. Write 1 where the event "
            "was observed, 0 where it was not.",
            odd[1],
        )
    events = [_EVENTS.get(text.lower(), False) for text in texts.values]
    if (texts.codes < 0).any():
        events.append(np.nan)
    return np.array(events)[texts.codes]


def read_times(table, name, may_lack=False):
    """A column of positive times.

    Parameters
    ----------
    table : Table
    name : str
    may_lack : bool, default=False
        Whether cells may be empty.

    Returns
    -------
    ndarray of shape (n_rows,), float64
        NaN where cells are empty.
    """
    times = table.numbers(name)
    bad = ~((times > 0) & (times < np.inf)) & ~(may_lack & np.isnan(times))
    if bad.any():
        row = int(np.argmax(bad))
        raise table.source.error(
            f"time {times[row]:g} in column {name!r} is not positive and finite. Correct it or "
            "remove the row.",
            row,
        )
    return times
