"""What the readers of other programs' results share: files, codes of classes, ground truth."""

from __future__ import annotations

from numbers import Integral

import numpy as np

from sklearn_logitprod._text import brief, warn
from sklearn_logitprod.io._join import join
from sklearn_logitprod.io._part import check_values
from sklearn_logitprod.io._source import Source


def result_file(root, expert, patterns, remedy):
    """The one file of an expert's folder that is called as one of some patterns.

    Parameters
    ----------
    root : Path
        Folder of the expert.
    expert : str
    patterns : list of str
        Names, with ``*`` for what may differ.
    remedy : str
        What to do where there is none, or more than one.

    Returns
    -------
    Source

    Raises
    ------
    ValueError
        If there is no such folder, no such file, which says what is there instead, or
        more than one.
    """
    source = Source(str(root), expert)
    if not root.is_dir():
        kind = "this is a file, not a folder" if root.exists() else "there is no such folder"
        raise source.error(f"{kind}. {remedy}")
    found = [path for pattern in patterns for path in sorted(root.glob(pattern)) if path.is_file()]
    if not found:
        raise source.error(f"there is no {' or '.join(patterns)}, {contents(root)}. {remedy}")
    if len(found) > 1:
        names = brief(path.name for path in found)
        raise source.error(f"{names} may be of other samples or models: keep one. {remedy}")
    return Source(str(found[0]), expert)


def contents(folder):
    """What is in a folder instead of what was looked for, in words."""
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    names = [name for name in names if name[0] != "."]
    return f"only {brief(names, 10)}" if names else "the folder is empty"


def check_number(number, name):
    """Refuse what is not the number of one split or one checkpoint.

    Parameters
    ----------
    number : object
    name : str
        The parameter.
    """
    if not isinstance(number, Integral) or isinstance(number, bool) or number < 0:
        raise ValueError(
            f"{name}={number!r} is not the number of one {name}. Read one at a time, such as "
            f"{name}=0; the results of several are those of several models."
        )


def code_names(source, codes, classes):
    """Class labels of codes 0, 1 and so on.

    Parameters
    ----------
    source : Source
    codes : list of int
    classes : list or None
        Labels in the order of the codes; the codes themselves if None.

    Returns
    -------
    list of str
    """
    if sorted(codes) != list(range(len(codes))) or len(codes) < 2:
        raise source.error(
            f"classes have the codes {brief(codes)}, expected 0, 1 and so on. Pass the folder of a "
            "classification."
        )
    if classes is None:
        return [str(code) for code in codes]
    if len(classes) != len(codes):
        raise source.error(
            f"there are {len(codes)} classes, but classes={brief(classes)}. Name each of them."
        )
    return [str(classes[code]) for code in codes]


def code_labels(source, codes, names):
    """Labels of the samples from their codes.

    Parameters
    ----------
    source : Source
    codes : ndarray of shape (n_rows,), float64
    names : list of str
        Class labels in the order of the codes.

    Returns
    -------
    list of str
    """
    bad = ~np.isin(codes, np.arange(len(names)))
    if bad.any():
        row = int(np.argmax(bad))
        raise source.error(
            f"label {codes[row]:g} is none of the codes 0 to {len(names) - 1}. Give every class a "
            "column, or remove the row.",
            row,
        )
    return [names[int(code)] for code in codes]


def coded_truth(table, name, names):
    """Labels from a column of codes, as `code_labels`; None where it is absent or empty."""
    return code_labels(table.source, table.numbers(name), names) if known(table, name) else None


def code_columns(table, prefix):
    """Columns called as a prefix and a code: dict of int to str, by the code."""
    ends = [name[len(prefix) :] for name in table.columns if name.startswith(prefix)]
    codes = sorted(int(end) for end in ends if end.isdecimal() and str(int(end)) == end)
    return {code: f"{prefix}{code}" for code in codes}


def known(table, name):
    """Whether a column is there and has any entry."""
    column = table.columns.get(name, ())
    return any(cell not in ("", None) and cell == cell for cell in column)


def regression_error(source, why):
    """Error of a file that holds a regression, ready to be raised."""
    return source.error(
        f"this is a regression ({why}), and experts are fused for classes and events alone. Pass "
        "the results of a classification or of a survival model."
    )


def input_of(parts):
    """What the values of all parts are, "proba" or "risk"; refuses other values.

    Parameters
    ----------
    parts : list of Part
        Without names for risks.
    """
    kinds = ["risk" if part.names is None else "proba" for part in parts]
    held = {"risk": "risks", "proba": "probabilities of classes"}
    for part, kind in zip(parts, kinds, strict=True):
        if kind != kinds[0]:
            raise part.source.error(
                f"it holds {held[kind]}, {parts[0].source.path} holds {held[kinds[0]]}. Pass "
                "experts of one task."
            )
        check_values(part.source, part.values, part.names or ["risk"], kind)
    return kinds[0]


def join_results(parts, how):
    """Aligned outputs of experts whose files hold probabilities, or risks, and their truth.

    Parameters
    ----------
    parts : list of Part
        Without names for risks.
    how : {"inner", "outer"}
        As in `join`.

    Returns
    -------
    ExpertOutputs

    Raises
    ------
    ValueError
        If values are not what they should be, or files are of different tasks, or some
        have a ground truth and others not.

    Warns
    -----
    UserWarning
        If no file has a ground truth.
    """
    input = input_of(parts)
    without = [part for part in parts if part.labels is None and part.event is None]
    if without and len(without) < len(parts):
        raise without[0].source.error(
            "it has no ground truth, but others do. Write it anew with one."
        )
    if without:
        text = "there is no ground truth, nor in the file of any other expert, so that y is None."
        warn(str(without[0].source.error(f"{text} Pass y yourself where it is needed.")))
    return join(parts, input, how)
