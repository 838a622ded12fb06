"""Where a table holds something else than the way it was read would have it.

Of long tables some rows are looked at, from all over the file.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from sklearn_logitprod._text import brief, option, warn
from sklearn_logitprod.io._names import coded, meaning, predicted

# fewer rows may look like anything
_ENOUGH = 20
_TOLERANCE = 1e-6
_MOST = 10_000


def holds_labels(table, name, labels):
    """Whether all cells of a column that are not empty are labels.

    Parameters
    ----------
    table : Table
    name : str
    labels : list of str

    Returns
    -------
    bool
    """
    column = table.columns[name]
    if column.dtype.kind in "iuf":
        numbers = pd.to_numeric(pd.Series(labels), errors="coerce").to_numpy()
        known = column[~np.isnan(column)] if column.dtype.kind == "f" else column
        return len(known) > 0 and bool(np.isin(known.astype(float), numbers).all())
    texts = set(table.coded(name).values) - {""}
    return bool(texts) and texts <= set(labels)


def _some(table):
    """Rows that are looked at."""
    return slice(None, None, max(1, len(table) // _MOST))


def predictions(table, asked):
    """Columns that hold predicted classes.

    Parameters
    ----------
    table : Table
    asked : Question

    Returns
    -------
    list of str
    """
    names = [name for name in table.columns if name not in asked.reserved and predicted(name)]
    return [name for name in names if holds_labels(table, name, asked.labels)]


def doubt_lone(table, asked, name, evident):
    """Refuse a column of one of two classes that is percent, or of whichever class was predicted.

    The probability of the predicted class is never below 1/2. Where nothing says what was
    predicted, this is a warning.

    Parameters
    ----------
    table : Table
    asked : Question
    name : str
    evident : bool
        Whether its name says which class it is of.
    """
    values = table.numbers(name)
    values = values[~np.isnan(values)]
    if asked.input == "proba" and len(values) and values.min() >= 0 and 2 < values.max() <= 100.1:
        raise table.source.error(
            f"{name!r} holds {values.max():g}, which is no probability but looks like percent. "
            "Divide by 100."
        )
    what, half = ("probability", 0.5) if asked.input == "proba" else ("log-odds", 0.0)
    low, high = bool((values >= half).all()), bool((values <= half).all())
    if low and not evident:
        _refuse_predicted(table, asked, name, f"nowhere below {half:g}", what)
    if len(values) < _ENOUGH:
        return
    if low and not evident and asked.positive is not None:
        warn(
            f"{name!r} of {table.source.path} is nowhere below {half:g}. If it is the {what} of "
            f"the class that was predicted, not always of {asked.positive!r}, write a column for "
            "each class."
        )
    if high and asked.input == "logits":
        warn(
            f"{name!r} of {table.source.path} is nowhere above 0. If it is the logarithm of a "
            f"probability, not log-odds, write the probability and pass {option('input', 'proba')}."
        )


def _refuse_predicted(table, asked, name, where, what):
    for other in table.columns:
        # numbers that are no predictions may be labels by chance
        beside = table.columns[other].dtype.kind not in "iuf" or predicted(other)
        if not beside or other in asked.reserved or not holds_labels(table, other, asked.labels):
            continue
        if other != name and len(table.coded(other).values) > 1:
            raise table.source.error(
                f"{name!r} is {where}, whichever class {other!r} says: it looks like the {what} of "
                "the class that was predicted. Write a column for each class; if it is always of "
                f"one class, pass {option('columns', {asked.labels[-1]: name})} or the other."
            )


def doubt_classes(table, asked, values, named):
    """Refuse columns of classes that disagree with the predictions beside them.

    Parameters
    ----------
    table : Table
    asked : Question
    values : ndarray of shape (n_rows, n_classes), float64
    named : dict of str to (str or None)
        Column of each class.
    """
    labels, rows = list(named), _some(table)
    values = values[rows]
    guessed = [] if asked.labels is None else predictions(table, asked)
    for name in guessed:
        if name in named.values() or table.columns[name].dtype.kind in "iuf":
            continue
        said = _places(table, name, labels)
        known = (said >= 0) & ~np.isnan(values).any(axis=1)
        largest = values.argmax(axis=1)
        differ = known & (said != largest)
        if 2 * differ.sum() > known.sum():
            row = int(np.argmax(differ))
            read = {of: column for of, column in named.items() if column is not None}
            raise table.source.error(
                f"{name!r} says {labels[said[row]]!r} where the largest output is of "
                f"{labels[largest[row]]!r}, and so in {differ.sum()} of {known.sum()} rows: "
                f"{brief(read.values())} may not be of {brief(read)}. Say which column is which, "
                f"such as {option('columns', dict.fromkeys(read, 'its column'))}.",
                row * rows.step,
            )


def _places(table, name, labels):
    """Place of the cells that are looked at among labels, -1 where it is none of them."""
    said = table.coded(name)
    return pd.Index(labels).get_indexer([*said.values, ""])[said.codes[_some(table)]]


def doubt_hard(table, values, columns):
    """Warn where probabilities are all 0 and 1, unless columns are called as probabilities.

    Parameters
    ----------
    table : Table
    values : ndarray of shape (n_rows, n_classes), float64
    columns : list of str
    """
    hard = len(values) >= _ENOUGH and all(
        np.isin(part, (0.0, 1.0)).all() for part in (values[:_ENOUGH], values)
    )
    if hard and not any(meaning(name) for name in columns):
        warn(
            f"{brief(columns)} of {table.source.path} are 0 and 1 alone, as predicted classes are. "
            "Write the probabilities, if the expert gives any."
        )


def doubt_order(table, asked, values, named):
    """Refuse columns of codes that fit the labels far better in another order.

    Parameters
    ----------
    table : Table
    asked : Question
    values : ndarray of shape (n_rows, n_classes), float64
    named : dict of str to (str or None)
        Column of each class.
    """
    if None in named.values() or asked.label not in table.columns:
        return
    labels, columns = list(named), list(named.values())
    by_name = all(label.lower() in column.lower() for label, column in named.items())
    by_code = any(len(group) == len(named) for group in coded(columns).values())
    if not by_code or (by_name and not all(map(str.isdigit, labels))):
        return
    truth, values = _places(table, asked.label, labels), values[_some(table)]
    there = (truth >= 0) & ~np.isnan(values).any(axis=1)
    truth, largest = truth[there], values[there].argmax(axis=1)
    counts = np.zeros((len(labels), len(labels)), dtype=int)
    np.add.at(counts, (truth, largest), 1)
    known, order = np.unique(truth), counts.argmax(axis=1)
    if len(known) < 2 or len(set(order[known])) < len(known):
        return
    right, other = int((largest == truth).sum()), int((largest == order[truth]).sum())
    # as far apart as chance does not bring them
    if other - right > 4 * np.sqrt(other + right):
        better = {labels[k]: columns[order[k]] for k in known}
        raise table.source.error(
            f"columns {brief(columns)} are read as of {brief(labels)} by their numbers, and are "
            f"right in {right} of {len(truth)} rows; in another order it would be {other}. Say "
            f"which column is which, such as {option('columns', better)}."
        )


def is_truth(table, asked, columns):
    """Whether columns of classes are the labels over again: 1 where they say so, 0 elsewhere.

    Parameters
    ----------
    table : Table
    asked : Question
    columns : dict of str to str

    Returns
    -------
    bool
    """
    if asked.label not in table.columns:
        return False
    truth = _places(table, asked.label, list(columns))
    return all(
        table.is_numeric(column) and np.array_equal(table.numbers(column)[_some(table)], truth == k)
        for k, column in enumerate(columns.values())
    )


def doubt_curves(table, values, times):
    """Refuse survival that rises: probabilities of events, or a table that stands on its side.

    Parameters
    ----------
    table : Table
    values : ndarray of shape (n_rows, n_times), float64
    times : list of float
    """
    with np.errstate(invalid="ignore"):
        rises = np.diff(values, axis=1) > _TOLERANCE
    if rises.any():
        row, k = np.argwhere(rises)[0]
        raise table.source.error(
            f"survival rises from {values[row, k]:.6g} at time {times[k]:g} to "
            f"{values[row, k + 1]:.6g} at {times[k + 1]:g}. If these are probabilities of the "
            "event until then, write 1 minus them; if rows are times, write a row for each sample "
            "(frame.T).",
            int(row),
        )


def doubt_labels(table, name, values, instead=""):
    """Refuse labels that are hardly any twice, or differ in spelling alone.

    Parameters
    ----------
    table : Table
    name : str
    values : list of str
        Distinct labels.
    instead : str
        What else numbers may be named by, for the message.
    """
    kinds = [text for text in values if text != ""]
    _refuse_spellings(table, name, kinds)
    if 2 * len(kinds) <= len(table):
        return
    numeric = table.is_numeric(name)
    if len(kinds) > _ENOUGH or (numeric and (table.numbers(name) % 1 > 0).any()):
        what = "numbers" if numeric else "texts"
        raise table.source.error(
            f"column {name!r} (label) holds {what} such as {brief(kinds, 2)}, hardly any of them "
            "twice: these are no classes. Name the column of the true classes with "
            f"{option('label', 'its name')}{instead}."
        )


def _refuse_spellings(table, name, kinds):
    """Refuse labels that differ in capitals or blanks alone."""
    spelled = {}
    for text in kinds:
        other = spelled.setdefault(" ".join(text.lower().split()), text)
        if other != text:
            raise table.source.error(
                f"column {name!r} (label) holds {other!r} and {text!r}, which are classes of their "
                "own. Write them alike."
            )


def doubt_events(table, name):
    """Refuse a column of events that says by its name that it is 1 where none was observed.

    Parameters
    ----------
    table : Table
    name : str
    """
    if re.match(r"(is|right)?[\W_]*(censor|alive|living)", name.lower()):
        raise table.source.error(
            f"column {name!r} says by its name that it is 1 where no event was observed. Write 1 "
            "minus it to a column such as 'event', and name that."
        )


def doubt_risk(table, name):
    """Refuse a column of risks that is one of times or survival by its name.

    Parameters
    ----------
    table : Table
    name : str
    """
    words = set(re.findall("[a-z]+", name.lower()))
    if words & {"time", "times", "duration", "survival", "months", "days", "years"} and not any(
        word.startswith(("risk", "hazard")) for word in words
    ):
        raise table.source.error(
            f"column {name!r} says by its name that it is higher for later events, but a risk is "
            "higher for earlier ones. Write minus it to a column such as 'risk', or name another "
            f"with {option('columns')}."
        )
