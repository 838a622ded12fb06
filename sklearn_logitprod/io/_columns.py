"""Which column of a table belongs to which class, or to which time."""

from __future__ import annotations

import re

import numpy as np

from sklearn_logitprod._text import brief

_WORDS = ("probability", "proba", "prob", "p", "logit", "score", "class")
_NUMBERED = re.compile(r"(.*?)(\d+(?:\.\d+)?)(\D*)")
_UNNAMED = re.compile(r"|Unnamed: \d+|__index_level_\d+__")
_HOW_TO = "Say which column is which, such as columns={'tumour': 'name of its column', ...}."


def free_columns(table, reserved):
    """Names of columns that may hold outputs: all but reserved ones and nameless indices."""
    return [c for c in table.columns if c not in reserved and not _UNNAMED.fullmatch(c)]


def sorted_labels(texts):
    """Distinct labels in sorted order, whole numbers by value.

    Parameters
    ----------
    texts : iterable of str

    Returns
    -------
    list of str
    """
    texts = set(texts)
    return sorted(texts, key=int) if _whole(texts) else sorted(texts)


def labels_array(texts, known=None):
    """Labels as an array: of int where all are whole numbers, else of str.

    Parameters
    ----------
    texts : sequence of str
    known : sequence of str, optional
        All labels there are, which decide the type.

    Returns
    -------
    ndarray of shape (n_labels,)
    """
    whole = _whole(texts if known is None else known)
    return np.array(list(texts), dtype=np.int64 if whole else str)


def _whole(texts):
    return all(re.fullmatch(r"0|-?[1-9]\d{0,17}", text) for text in texts)


def class_columns(table, reserved, labels, columns, input):
    """Column of each class.

    Parameters
    ----------
    table : Table
    reserved : set of str
        Columns that hold no outputs.
    labels : list of str or None
        The labels that are known, sorted; None at prediction time.
    columns : dict of label to column, list of columns, or None
        What the user says.
    input : {"proba", "logits"}

    Returns
    -------
    dict of str to str or None
        From each class to its column; None for the other class of a binary task with one
        column.

    Raises
    ------
    ValueError
        If a label has no column, or more than one reading is possible.
    """
    if columns is not None:
        named = _stated(table, labels, columns)
    elif labels is None:
        named = _all_numeric(table, reserved, input)
    else:
        named = _by_label(table, reserved, labels, input)
    for column in named.values():
        if column is not None:
            table.need(column, "columns")
    if len(named) < 2:
        raise table.source.error(f"there is only one class, {next(iter(named))!r}. {_HOW_TO}")
    lacking = [label for label in labels or () if label not in named]
    if lacking:
        raise table.source.error(f"label(s) {brief(lacking)} have no column. {_HOW_TO}")
    return named


def _stated(table, labels, columns):
    """Columns as the user names them."""
    if isinstance(columns, str):
        columns = [columns]
    if hasattr(columns, "items"):
        named = {str(label): column for label, column in columns.items()}
        if len(named) == 1 and labels is not None and len(labels) == 2:
            named.update({label: None for label in labels if label not in named})
        if sum(column is None for column in named.values()) > (len(named) == 2):
            raise table.source.error(
                "columns=... leaves a class without a column, which is only possible for one of "
                "two classes. Name its column."
            )
        return named
    columns = list(columns)
    if labels is None:
        raise table.source.error(
            "columns is a list, but without labels its order says nothing. Pass columns={label: "
            "column, ...} or the class labels, classes=[...]."
        )
    if len(columns) == 1 and len(labels) == 2:
        return {labels[0]: None, labels[1]: columns[0]}
    if len(columns) != len(labels):
        raise table.source.error(
            f"columns lists {len(columns)} columns for the {len(labels)} labels {brief(labels)}. "
            f"{_HOW_TO}"
        )
    by_name = _patterns(columns, labels)
    if by_name:
        before, after = by_name[0]
        if [before + label + after for label in labels] != columns:
            raise table.source.error(
                f"columns={brief(columns)} is in another order than the sorted labels "
                f"{brief(labels)}. {_HOW_TO}"
            )
    return dict(zip(labels, columns, strict=True))


def _affix(text, at_start):
    """Whether text may stand before (or after) a label in the name of a column."""
    if text == "" or text.lower() in _WORDS:
        return True
    return not text[-1 if at_start else 0].isalnum()


def _meaning(affixes):
    """What the name of a column says of its values: proba, logits or nothing."""
    words = re.findall("[a-z]+", affixes.lower())
    if any(word.startswith("logit") for word in words):
        return "logits"
    return "proba" if any(word == "p" or word.startswith("prob") for word in words) else None


def _patterns(names, labels):
    """Every (prefix, suffix) that makes names of columns from all labels."""
    found, names = [], list(names)
    first = labels[0]
    for name in names:
        for match in re.finditer(f"(?={re.escape(first)})", name):
            before, after = name[: match.start()], name[match.start() + len(first) :]
            if not (_affix(before, True) and _affix(after, False)):
                continue
            if all(before + label + after in names for label in labels):
                found.append((before, after))
    return list(dict.fromkeys(found))


def _by_label(table, reserved, labels, input):
    """Columns called as the labels, or with a common prefix and suffix."""
    names = free_columns(table, reserved)
    found = _patterns(names, labels)
    fitting = [pattern for pattern in found if _meaning("_".join(pattern)) in (None, input)]
    if len(fitting) > 1:
        shown = [before + labels[0] + after for before, after in fitting]
        raise table.source.error(
            f"label {labels[0]!r} may belong to any of the columns {brief(shown)}. {_HOW_TO}"
        )
    if found and not fitting:
        before, after = found[0]
        raise _contradiction(table, before + labels[0] + after, input)
    numeric = [name for name in names if table.is_numeric(name)]
    if not fitting:
        return _one_column(table, numeric, labels, input)
    before, after = fitting[0]
    named = {label: before + label + after for label in labels}
    rest = [name for name in numeric if name not in named.values()]
    if before or after:
        for name in rest:
            inner = name[len(before) : len(name) - len(after)]
            if inner and before + inner + after == name:
                named[inner] = name
    elif rest and (input == "logits" or len(named) == 1):
        raise table.source.error(
            f"columns {brief(rest)} may be classes beside {brief(named)}, or not. {_HOW_TO}"
        )
    return named


def _contradiction(table, column, input):
    return table.source.error(
        f"column {column!r} does not look like input={input!r} by its name. Pass the input that "
        "it is, or name the columns with columns={...}."
    )


def _one_column(table, numeric, labels, input):
    """The single column of a binary task: of the label in its name, else of the second."""
    if len(numeric) != 1:
        found = {label for name in numeric for label in _named_by(name, labels)}
        lacking = [label for label in labels if label not in found] or labels
        raise table.source.error(
            f"label(s) {brief(lacking)} have no column among {brief(numeric, 20)}. {_HOW_TO}"
        )
    name = numeric[0]
    if len(labels) != 2:
        raise table.source.error(
            f"{name!r} is the only numeric column, which is enough for two classes, but the "
            f"labels are {brief(labels)}. {_HOW_TO}"
        )
    if _meaning(name) not in (None, input):
        raise _contradiction(table, name, input)
    of = _named_by(name, labels)
    if len(of) == 2:
        raise table.source.error(f"column {name!r} names both labels. {_HOW_TO}")
    positive = of[0] if of else labels[1]
    return {label: name if label == positive else None for label in labels}


def _named_by(name, labels):
    """Labels that stand in the name of a column."""
    return [label for label in labels if _patterns([name], [label])]


def _all_numeric(table, reserved, input):
    """All numeric columns, named without what their names have in common."""
    names = [name for name in free_columns(table, reserved) if table.is_numeric(name)]
    if not names:
        raise table.source.error(
            f"there is no numeric column among {brief(table.columns, 20)}. Name the columns with "
            "columns={...}."
        )
    if len(names) == 1:
        raise table.source.error(
            f"{names[0]!r} is the only numeric column, and without labels its class is unknown. "
            f"Pass columns={{'other class': None, 'its class': {names[0]!r}}}."
        )
    before, after = _common(names)
    if _meaning(f"{before}_{after}") not in (None, input):
        raise _contradiction(table, names[0], input)
    return {name[len(before) : len(name) - len(after)]: name for name in names}


def _start(names):
    """What all names begin with."""
    low, high = min(names), max(names)
    return low[: next((i for i, c in enumerate(low) if c != high[i]), len(low))]


def _common(names):
    """Prefix and suffix that all names share and that end at a separator."""
    before = _start(names)
    if before.lower() not in _WORDS:
        word = re.match(r"([A-Za-z]*)", before)[0]
        before = re.match(r"(.*[\W_])?", before)[0]
        if not before and word.lower() in _WORDS:
            before = word
    after = _start([name[len(before) :][::-1] for name in names])[::-1]
    after = re.search(r"([\W_].*)?$", after)[0]
    if any(len(name) <= len(before) + len(after) for name in names):
        after = ""
    return (before, after) if all(len(name) > len(before) for name in names) else ("", "")


def time_columns(table, reserved, columns):
    """Column of each time, for survival probabilities and hazard logits.

    Parameters
    ----------
    table : Table
    reserved : set of str
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
        names = free_columns(table, reserved) if columns is None else list(columns)
        groups = {}
        for name in names:
            match = _NUMBERED.fullmatch(name)
            if match:
                groups.setdefault((match[1], match[3]), {})[float(match[2])] = name
        found = groups.get(("", ""))
        if found is None and len(groups) == 1:
            found = next(iter(groups.values()))
        if not found or (columns is not None and len(found) != len(names)):
            raise table.source.error(
                f"columns {brief(names, 20)} do not name times in a single way, such as '12' or "
                "'t_12'. Say columns={12: 'name of its column', ...}."
            )
    for column in found.values():
        table.need(column, "columns")
    if min(found) <= 0:
        raise table.source.error(f"time {min(found):g} is not positive. Drop its column.")
    return dict(sorted(found.items()))


def risk_column(table, reserved, columns):
    """The column of risks.

    Parameters
    ----------
    table : Table
    reserved : set of str
    columns : str, dict of expert to column, or None

    Returns
    -------
    str
    """
    if hasattr(columns, "items"):
        columns = columns.get(table.source.expert)
        if columns is None:
            raise table.source.error(
                "columns={...} does not name the column of this expert. Add it."
            )
    if columns is not None:
        table.need(columns, "columns")
        return columns
    names = [name for name in free_columns(table, reserved) if table.is_numeric(name)]
    if len(names) != 1:
        raise table.source.error(
            f"a risk is one numeric column, but there are {brief(names, 20)}. Name it with "
            "columns='name of the column'."
        )
    return names[0]
