"""Which columns of a table hold predicted values, their standard deviations, and what is true."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from sklearn_logitprod._text import brief, option, warn
from sklearn_logitprod.io._columns import numeric_columns
from sklearn_logitprod.io._names import beside, predicted

MEAN, STD = "mean", "std"


def several(names):
    """How the columns of several experts in one table are named."""
    return option("columns", {name: name for name in names[:2]} or {"expert": "its column"})


def check_asked(input, target, columns, std, foreign):
    """Refuse arguments that are not those of values, or of other outcomes.

    Parameters
    ----------
    input : str
    target : str or None
        Column of true values.
    columns : dict, list, str or None
    std : str, dict or None
    foreign : dict of str to object
        Arguments of classes and events, by name.
    """
    if input not in ("mean", "mean_std"):
        if std is not None:
            raise ValueError(
                f"{option('std')} is a column of standard deviations, which go with "
                f"{option('input', 'mean_std')}."
            )
        return
    said = [name for name, value in foreign.items() if value is not None]
    if said:
        raise ValueError(
            f"{option('input', input)} has values, which {option(said[0])} is not for: the column "
            f"of true values is {option('target')}."
        )
    if input == "mean" and std is not None:
        raise ValueError(
            f"{option('std')} is not used with {option('input', 'mean')}: pass "
            f"{option('input', 'mean_std')}."
        )
    if input == "mean_std" and std is None:
        raise ValueError(
            f"{option('input', 'mean_std')} needs {option('std')}, the column of standard "
            f"deviations. Of means alone pass {option('input', 'mean')}."
        )
    named = std.values() if isinstance(std, Mapping) else [std]
    if std is not None and not all(isinstance(name, str) for name in named):
        raise ValueError(
            f"{option('std')} is the name of a column, or {{expert: name}}, not a "
            f"{type(std).__name__} of something else."
        )
    if isinstance(columns, Mapping) and set(columns) <= {MEAN, STD}:
        raise ValueError(
            f"{option('columns')} names the predictions of each expert, and {brief(columns)} are "
            f"no experts: name the column of predictions alone, and {option('std')} for that of "
            "standard deviations."
        )
    if target is not None and not isinstance(target, str):
        raise ValueError(
            f"{option('target', target)} is not the name of one column. Read and fit once for "
            "each value that is predicted."
        )


def value_columns(table, asked, columns=None, std=None):
    """Columns of predicted values and their standard deviations.

    Parameters
    ----------
    table : Table
    asked : Question
    columns : str or None
        What the user says.
    std : str or dict of str to str or None
        The column of standard deviations, or that of each expert.

    Returns
    -------
    dict of str to str
        ``"mean"`` and, if there are deviations, ``"std"`` to their columns.
    """
    found = {MEAN: _mean_column(table, asked, columns, std)}
    if std is not None:
        found[STD] = _std_column(table, asked, found[MEAN], std)
    return found


def _mean_column(table, asked, columns, std):
    if columns is not None:
        if not isinstance(columns, str):
            raise table.source.error(
                f"a predicted value is one column, but {option('columns')} gives "
                f"{brief(columns)}. Name one, or one for each expert."
            )
        table.need(columns, "columns")
        _refuse_target(table, asked, columns)
        return columns
    deviations = set(std.values()) if isinstance(std, Mapping) else {std}
    numeric = numeric_columns(table, asked.reserved)
    names = [name for name in numeric if not beside(name)]
    names = [name for name in names if name not in deviations] or names
    if len(names) != 1:
        # a column that says to be the prediction, beside covariates
        names = [name for name in names if predicted(name)] or names
    if len(names) != 1:
        raise table.source.error(
            f"a predicted value is one numeric column, but there are "
            f"{brief(names or table.columns, 20)}. Name it with {option('columns', 'its column')}; "
            f"where they are of several experts, one for each: {several(names)}."
        )
    return names[0]


def _refuse_target(table, asked, column):
    if column == asked.label:
        raise table.source.error(
            f"column {column!r} is the target, and cannot be what the expert predicts of it, too. "
            f"Name the column of predictions with {option('columns')}."
        )


def _std_column(table, asked, mean, std):
    name = std
    if isinstance(std, Mapping):
        expert = table.source.expert
        if expert not in std:
            raise table.source.error(
                f"{option('std')} names no column of standard deviations for expert {expert!r}, "
                f"only for {brief(std)}. Add it."
            )
        name = std[expert]
    table.need(name, "std")
    if name in (mean, asked.label):
        raise table.source.error(
            f"column {name!r} cannot hold the standard deviations, as it holds "
            f"{'the predictions' if name == mean else 'the target'}."
        )
    words = set(re.findall("[a-z]+", name.lower()))
    if words & {"var", "variance", "log", "logvar", "logstd", "precision"}:
        raise table.source.error(
            f"column {name!r} says by its name that it holds no standard deviations. Write these, "
            "the square roots of variances, to a column such as 'std', and name that."
        )
    return name


def check_predictions(table, named, asked):
    """Refuse predictions that are the truth over again, and deviations that are not positive.

    Parameters
    ----------
    table : Table
    named : dict of str to str
        As of :func:`value_columns`.
    asked : Question
    """
    if STD in named:
        deviations = table.numbers(named[STD])
        if (deviations <= 0.0).any():
            row = int(np.argmax(deviations <= 0.0))
            raise table.source.error(
                f"the standard deviation {deviations[row]:g} in column {named[STD]!r} is not "
                "positive. Correct it; of means alone pass "
                f"{option('input', 'mean')}.",
                row,
            )
    if asked.label not in table.columns or len(table) < 3:
        return
    if np.array_equal(table.numbers(named[MEAN]), table.numbers(asked.label)):
        raise table.source.error(
            f"column {named[MEAN]!r} is the target {asked.label!r} over again in every row. Name "
            f"the column of predictions with {option('columns')}."
        )


def true_values(table, name, may_lack=False):
    """A column of values that are to be predicted.

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
    if not table.is_numeric(name):
        cells = [cell for cell in table.coded(name).values if cell]
        raise table.source.error(
            f"column {name!r} (target) holds {brief(cells, 3)}, not numbers. A target is a number "
            f"such as an age; of classes name the column with {option('label', name)} instead."
            if cells
            else f"column {name!r} (target) is empty. Name another with {option('target')}."
        )
    values = table.numbers(name)
    bad = np.isinf(values) | (np.isnan(values) & (not may_lack))
    if bad.any():
        row = int(np.argmax(bad))
        what = "is infinite" if np.isinf(values[row]) else "is empty"
        raise table.source.error(
            f"the target in column {name!r} {what}. Fill it in, or remove the row.", row
        )
    kinds = np.unique(values[~np.isnan(values)])
    if len(kinds) == 2 and len(values) > 2:
        warn(
            f"column {name!r} of {table.source.path} (target) holds {kinds[0]:g} and {kinds[1]:g} "
            f"alone. If these are classes, name it with {option('label', name)} instead."
        )
    return values
