"""Which column of a table belongs to which class."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from sklearn_logitprod._text import brief, option
from sklearn_logitprod.io._doubts import doubt_lone, is_truth, predictions
from sklearn_logitprod.io._names import (
    beside,
    coded,
    common,
    counted,
    is_number,
    labels_in,
    may_be_class,
    meaning,
    named_alike,
    of_truth,
    owner,
    patterns,
    ranked,
    says_output,
    without,
)

# labels of a question that is answered by no and yes
_NO_YES = (["0", "1"], ["0.0", "1.0"], ["False", "True"])
LONE = ("risk", "mean")
"""Inputs of which each expert has one column, of no class or time."""

_UNNAMED = re.compile(r"|Unnamed: \d+|__index_level_\d+__")


@dataclass(frozen=True)
class Question:
    """What is asked of every table.

    Attributes
    ----------
    input : str
        As in `ExpertOutputs`.
    reserved : set of str
        Columns that hold no outputs.
    labels : list of str or None
        The labels that are known, in the order of codes 0, 1 and so on; None if none are.
    positive : str or None
        The class of a column that stands alone and does not name one.
    label : str or None
        The column of labels.
    """

    input: str
    reserved: set
    labels: list | None = None
    positive: str | None = None
    label: str | None = None


def refuse_twice(asked):
    """Refuse a column that is to say two things; each sample may be a group of its own.

    Parameters
    ----------
    asked : dict of str to (str or None)
        Columns by what they say.
    """
    said = {}
    for name, column in asked.items():
        if column in said and (name, said[column]) != ("group", "id"):
            raise ValueError(
                f"column {column!r} is named twice, with {option(said[column])} and "
                f"{option(name)}: it cannot be both."
            )
        if column is not None:
            said[column] = name


def how_to(names=None):
    """How columns are named, by the labels (or times) at hand; or by those of the column given."""
    names = names or ["tumour", "normal"]
    example = names if isinstance(names, dict) else dict.fromkeys(names[:2], "its column")
    return f"Say which column is which, such as {option('columns', example)}."


def free_columns(table, reserved):
    """Names of columns that may hold outputs: all but reserved ones and nameless indices."""
    return [c for c in table.columns if c not in reserved and not _UNNAMED.fullmatch(c)]


def numeric_columns(table, reserved):
    """Names of columns that may hold outputs and hold numbers."""
    return [name for name in free_columns(table, reserved) if table.is_numeric(name)]


def _outputs(table, names, labels):
    """Names of numeric columns without those of losses and truths, which have no fractions."""
    words = {name: without(name, labels) for name in names}
    return [
        name
        for name, text in words.items()
        if not beside(text) or (of_truth(text) and (table.numbers(name) % 1 > 0).any())
    ]


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


def class_columns(table, asked, columns=None):
    """Column of each class.

    Parameters
    ----------
    table : Table
    asked : Question
    columns : dict of label to column, list of columns, str or None
        What the user says.

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
        named = _stated(table, asked, columns)
    elif asked.labels is None:
        named = _all_numeric(table, asked)
    else:
        named = _by_label(table, asked)
    for column in named.values():
        if column is not None:
            table.need(column, "columns")
    if len(named) < 2:
        raise table.source.error(f"there is only one class, {next(iter(named))!r}. {how_to()}")
    lacking = [label for label in asked.labels or () if label not in named]
    if lacking:
        raise table.source.error(f"label(s) {brief(lacking)} have no column. {how_to(lacking)}")
    return named


def _stated(table, asked, columns):
    """Columns as the user names them."""
    labels = asked.labels
    if hasattr(columns, "items"):
        named = {str(label): column for label, column in columns.items()}
        if len(named) == 1 and labels is not None and len(labels) == 2:
            named.update({label: None for label in labels if label not in named})
        if sum(column is None for column in named.values()) > (len(named) == 2):
            raise table.source.error(
                f"{option('columns')} leaves a class without a column, which is only possible for "
                "one of two classes. Name its column."
            )
        return named
    columns = [columns] if isinstance(columns, str) else list(columns)
    if labels is None:
        raise table.source.error(
            "columns is a list, but without labels its order says nothing. Pass columns={label: "
            f"column, ...}} or the class labels, {option('classes')}."
        )
    if len(columns) == 1 and len(labels) == 2:
        table.need(columns[0], "columns")
        return _alone(table, asked, columns[0])
    if len(columns) != len(labels):
        raise table.source.error(
            f"columns lists {len(columns)} columns for the {len(labels)} labels {brief(labels)}. "
            f"{how_to(labels)}"
        )
    by_name = patterns(columns, labels)
    if by_name:
        before, after = by_name[0]
        if [before + label + after for label in labels] != columns:
            raise table.source.error(
                f"columns={brief(columns)} is in another order than the labels "
                f"{brief(labels)}. {how_to(labels)}"
            )
    return dict(zip(labels, columns, strict=True))


def _by_label(table, asked):
    """Columns called as the labels or as their codes, with a common prefix and suffix."""
    labels = asked.labels
    numeric = numeric_columns(table, asked.reserved)
    found = _readings(table, asked, numeric)
    if not found:
        return _one_column(table, asked, numeric)
    if len(found) > 1:
        shown = [columns[labels[0]] for columns in found.values()]
        raise table.source.error(
            f"label {labels[0]!r} may belong to any of the columns {brief(shown)}. "
            f"{how_to(dict.fromkeys(labels[:2], '...'))}"
        )
    (((before, after), named),) = found.items()
    rest = [name for name in numeric if name not in named.values()]
    if len(labels) == 2 and _by_number_alone((before, after), named):
        lone = _of_one_class(_outputs(table, rest, labels), asked)
        if lone:
            raise table.source.error(
                f"columns {brief(named.values())} may be of {brief(labels)} by their numbers, but "
                f"{lone[0]!r} is of one of them by its name. {how_to(labels)}"
            )
    if before or after:
        for name in _of_no_other(table, rest, before):
            inner = name[len(before) : len(name) - len(after)]
            if inner and before + inner + after == name and may_be_class(inner, labels):
                named[inner] = name
        return named
    rest = [name for name in rest if may_be_class(name, labels)]
    if rest and (asked.input == "logits" or len(named) == 1):
        raise table.source.error(
            f"columns {brief(rest)} may be classes beside {brief(named)}, or not. {how_to(labels)}"
        )
    return named


def _readings(table, asked, numeric):
    """Columns of all labels, by what stands before and after these in their names."""
    names, labels = free_columns(table, asked.reserved), asked.labels
    found = named_alike(names, labels) or _by_code(numeric, labels)
    found = {p: columns for p, columns in found.items() if not _of_no_class(p, columns)}
    said = {affixes: meaning("_".join(affixes)) for affixes in found}
    fitting = {p: columns for p, columns in found.items() if said[p] in (None, asked.input)}
    if found and not fitting:
        raise _contradiction(table, next(iter(found.values()))[labels[0]], asked.input)
    # the best of each row stand in the order of their ranks, beside what they are of
    if len(fitting) < 2 or any(ranked("_".join(affixes)) for affixes in fitting):
        return fitting
    others = set(table.columns) - {asked.label}
    fitting = {
        affixes: columns
        for affixes, columns in fitting.items()
        if owner(*affixes) not in others and not is_truth(table, asked, columns)
    } or fitting
    of_target = {p: columns for p, columns in fitting.items() if owner(*p) == asked.label}
    stated = {p: columns for p, columns in fitting.items() if said[p] is not None}
    return next((own for own in (of_target, stated) if len(own) == 1), fitting)


def _of_no_other(table, names, before):
    """Names without those that begin with the name of another column: a target of its own."""
    owners = [own for own in table.columns if len(own) > len(before)]
    begun = re.compile("|".join(f"{re.escape(own)}[\\W_]" for own in owners))
    return [name for name in names if not (owners and begun.match(name))]


def _of_no_class(affixes, columns):
    """Whether columns are called after labels or codes, but hold something else."""
    whole = all(name[len(affixes[0]) :][:1].isdigit() for name in columns.values())
    return beside("_".join(affixes)) or (whole and counted(affixes[0]))


def _by_number_alone(affixes, columns):
    """Whether nothing but numbers says that columns are outputs, as of ``attention_0``."""
    numbered = all(name[len(affixes[0]) :][:1].isdigit() for name in columns.values())
    return any(affixes) and numbered and not says_output("_".join(affixes))


def _by_code(names, labels):
    """Columns of codes: the labels themselves, or 0, 1 and so on (or 1, 2 ...) in their order."""
    found = {}
    for affixes, columns in coded(names).items():
        codes = {str(code): name for code, name in columns.items()}
        if all(label in codes for label in labels):
            found[affixes] = {label: codes[label] for label in labels}
        elif (
            not any(label in codes for label in labels)
            and sorted(columns) in (list(range(len(labels))), list(range(1, len(labels) + 1)))
            and not _of_two_orders(labels)
        ):
            ordered = [columns[code] for code in sorted(columns)]
            found[affixes] = dict(zip(labels, ordered, strict=True))
    return found


def _of_two_orders(labels):
    """Whether labels are numbers in the order of text, which is not that of their values."""
    if not all(map(is_number, labels)) or _whole(labels):
        return False
    return labels == sorted(labels) != sorted(labels, key=float)


def _contradiction(table, column, input):
    return table.source.error(
        f"column {column!r} does not look like {option('input', input)} by its name. Pass the "
        f"input that it is, or name the columns with {option('columns')}."
    )


def _one_column(table, asked, numeric):
    """The single column of a binary task."""
    labels, guessed = asked.labels, predictions(table, asked)
    numeric = [name for name in _outputs(table, numeric, labels) if name not in guessed]
    if guessed and not numeric:
        raise table.source.error(
            f"{guessed[0]!r} holds predicted classes, and no column holds outputs. Write columns "
            f"such as {_called(asked.input, labels[0])!r}, with what the expert gives each class."
        )
    numeric = _of_one_class(numeric, asked) or numeric
    if len(numeric) != 1:
        found = {label for name in numeric for label in labels_in(name, labels)}
        lacking = [label for label in labels if label not in found] or labels
        raise table.source.error(
            f"label(s) {brief(lacking)} have no column among "
            f"{brief(numeric or table.columns, 20)}. "
            + how_to(dict.fromkeys(labels[:3], "its column"))
        )
    if len(labels) != 2:
        raise table.source.error(
            f"{numeric[0]!r} is the only numeric column, which is enough for two classes, but the "
            f"labels are {brief(labels)}. {how_to(labels)}"
        )
    return _alone(table, asked, numeric[0])


def _of_one_class(names, asked):
    """The column that alone is an output of a class by its name, with no other of its form."""
    named = [name for name in names if len(_classes_in(name, asked)) == 1 and says_output(name)]
    if len(named) != 1:
        return []
    label = next(iter(labels_in(named[0], asked.labels)), asked.label)
    before, _, after = named[0].lower().partition(label.lower())
    others = [name.lower() for name in names if name != named[0]]
    alike = any(name.startswith(before) and name.endswith(after) for name in others)
    return [] if alike else named


def _classes_in(name, asked):
    """Labels in the name of a column; of no and yes the latter, where it names what is asked."""
    found = labels_in(name, asked.labels)
    if found or asked.labels not in _NO_YES or asked.label is None or not says_output(name):
        return found
    target = may_be_class(asked.label, []) and labels_in(name, [asked.label])
    return asked.labels[1:] if target else []


def _alone(table, asked, name):
    """The class of a column that stands alone: as its name says, or the user."""
    labels, positive = asked.labels, asked.positive
    if meaning(name) not in (None, asked.input):
        raise _contradiction(table, name, asked.input)
    of = _classes_in(name, asked)
    if len(of) == 2:
        raise table.source.error(f"column {name!r} names both labels. {how_to({labels[0]: name})}")
    doubt_lone(table, asked, name, evident=bool(labels_in(name, labels)))
    if not of and positive is None:
        what = "probability" if asked.input == "proba" else "log-odds"
        a, b = labels
        raise table.source.error(
            f"{name!r} is the only column of outputs, and its name does not say whether it is the "
            f"{what} of {a!r} or of {b!r}. Pass {option('positive', b)} (or "
            f"{option('positive', a)}), or call the column {_called(asked.input, b)!r}."
        )
    if positive is not None and not of:
        by_code = [code for columns in coded([name]).values() for code in columns]
        if by_code and by_code[0] < 2 and labels[by_code[0]] != positive:
            raise table.source.error(
                f"column {name!r} would be of {labels[by_code[0]]!r} by its number, but "
                f"{option('positive', positive)}. {how_to({positive: name})}"
            )
        of = [positive]
    return {label: name if label == of[0] else None for label in labels}


def _called(input, label):
    return f"{'prob' if input == 'proba' else 'logit'}_{label}"


def _all_numeric(table, asked):
    """All numeric columns, named without what their names have in common."""
    names = numeric_columns(table, asked.reserved)
    outputs = _outputs(table, names, None)
    names = outputs if len(outputs) > 1 else names
    if not names:
        raise table.source.error(
            f"there is no numeric column among {brief(table.columns, 20)}. {how_to()}"
        )
    if len(names) == 1:
        raise table.source.error(
            f"{names[0]!r} is the only numeric column, and without labels its class is unknown. "
            f"Pass columns={{'other class': None, 'its class': {names[0]!r}}}."
        )
    before, after = common(names)
    of_codes = max(coded(names).values(), key=len, default={})
    if not (before or after) and 1 < len(of_codes) < len(names):
        rest = [name for name in names if name not in of_codes.values()]
        raise table.source.error(
            f"columns {brief(rest)} may be classes beside {brief(of_codes.values())}, or not. "
            f"Name the column of labels, or the columns of classes with {option('columns')}."
        )
    if meaning(f"{before}_{after}") not in (None, asked.input):
        raise _contradiction(table, names[0], asked.input)
    return {name[len(before) : len(name) - len(after)]: name for name in names}
