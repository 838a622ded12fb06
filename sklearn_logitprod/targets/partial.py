"""Labels that say less than one class, or more: sets of classes, and distributions over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_logitprod._text import brief, option, plain
from sklearn_logitprod.targets.labels import sorted_classes
from sklearn_logitprod.targets.target import Taught
from sklearn_logitprod.targets.weights import check_length, missing_values

if TYPE_CHECKING:
    import pandas as pd

# of what a row of a distribution may miss the sum of 1 by
_SUM_TOLERANCE = 1e-3

LABELS = ("single", "sets", "proba")
"""What y may hold: a class, a set of possible classes, or a distribution, for each sample."""


def is_matrix(y):
    """Whether y has a column for each class, rather than one label for each sample."""
    try:
        shape = np.shape(y)
    except ValueError:
        # lists of several lengths, such as some of sets: what is wrong says the check of labels
        return False
    return len(shape) == 2 and shape[1] != 1


def check_matrix(y, labels, classes, n_samples, in_order):
    """A matrix of possible classes or of distributions, its columns in the order of the labels.

    Parameters
    ----------
    y : array-like or DataFrame of shape (n_samples, n_classes)
    labels : {"sets", "proba"}
        What its rows are.
    classes : sequence or None
        All class labels, if they are known; of an array, in the order of its columns.
    n_samples : int
        Number of rows of X.
    in_order : bool
        Whether columns of X follow those of y, so that no other order than the sorted one will
        do for a frame without `classes`.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        Sorted.
    matrix : ndarray of shape (n_samples, n_classes), bool or float64
    """
    names = list(y.columns) if hasattr(y, "columns") else None
    values = np.asarray(y)
    check_length(values, n_samples, "y")
    if len(values) == 0:
        raise ValueError("y is empty (0 samples): at least two samples are needed, of two classes.")
    order = _columns_of(names, values.shape[1], labels, classes, in_order)
    known = sorted_classes(order)
    position = {label: i for i, label in enumerate(order)}
    values = _numbers(values, labels)[:, [position[label] for label in known.tolist()]]
    return known, (_sets if labels == "sets" else _distributions)(values)


def _columns_of(names, width, labels, classes, in_order):
    """Class of each column."""
    if names is None:
        if classes is None:
            raise ValueError(
                f"y has {width} columns, and nothing says which class each of them is of. Name "
                f"the classes in this order, {option('classes')}, or pass a DataFrame whose "
                "columns are the class labels, such as label_sets makes."
            )
        classes = np.asarray(classes).tolist()
        if width != len(classes):
            raise ValueError(
                f"y has {width} columns, but there are {len(classes)} classes {brief(classes)}: "
                f"with {option('labels', labels)} it has one column for each class."
            )
        return classes
    names = [name.item() if isinstance(name, np.generic) else name for name in names]
    if classes is not None:
        known = np.asarray(classes).tolist()
        if len(set(names)) < len(names) or set(names) != set(known):
            raise ValueError(
                f"y has the columns {brief(names)}, but the classes are {brief(known)}: each class "
                "has one column, named by its label. Labels are compared by value and type."
            )
    elif in_order and names != sorted_classes(names).tolist():
        raise ValueError(
            f"y has the columns {brief(names)}, and X is an array, whose columns would be read in "
            f"the order of the sorted labels, {brief(sorted_classes(names).tolist())}. Say in "
            f"which order the columns of X are: {option('classes')}."
        )
    return names


def _numbers(values, labels):
    """Values as float64, without any that is missing."""
    missing = missing_values(values)
    if missing.any():
        row = int(np.argwhere(missing)[0][0])
        raise ValueError(
            f"y has {int(missing.sum())} missing value(s) (NaN or None), the first in row {row}. "
            + (
                "Of a sample of which nothing is known all classes are possible."
                if labels == "sets"
                else "Leave rows out of which nothing is known."
            )
        )
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"y holds values that are no numbers, but with {option('labels', labels)} it is a "
            "matrix with a column for each class. label_sets makes it from labels and sets."
        ) from error


def _sets(values):
    odd = (values != 0.0) & (values != 1.0)
    if odd.any():
        row = int(np.argwhere(odd)[0][0])
        raise ValueError(
            f"y holds {values[odd][0]:g} in row {row}, but with {option('labels', 'sets')} each "
            "value says whether a class is possible, True or False. For distributions over the "
            f"classes use {option('labels', 'proba')}."
        )
    possible = values == 1.0
    empty = ~possible.any(axis=1)
    if empty.any():
        raise ValueError(
            f"In row {int(np.argmax(empty))} of y no class is possible ({int(empty.sum())} such "
            "row(s)). Of a sample of which nothing is known all classes are possible; a sample of "
            "none of the classes has to be left out."
        )
    return possible


def _distributions(values):
    if (values < 0.0).any() or not np.isfinite(values).all():
        bad = (values < 0.0) | ~np.isfinite(values)
        row = int(np.argwhere(bad)[0][0])
        raise ValueError(
            f"y holds {values[bad][0]:g} in row {row}, but with {option('labels', 'proba')} its "
            "rows are distributions over the classes: numbers from 0 to 1."
        )
    total = values.sum(axis=1)
    off = np.abs(total - 1.0) > _SUM_TOLERANCE
    if off.any():
        row = int(np.argmax(off))
        raise ValueError(
            f"Row {row} of y sums to {total[row]:.6g} instead of 1, but with "
            f"{option('labels', 'proba')} its rows are distributions over the classes. Divide "
            "counts of votes by their sum"
            + (
                f"; for classes that are possible use {option('labels', 'sets')}."
                if np.isin(values, (0.0, 1.0)).all()
                else "."
            )
        )
    return values / total[:, None]


def check_told(matrix, weight, classes):
    """Refuse outcomes from which nothing can be learned, or not of every class.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_classes), bool or float64
        Possible classes, or distributions.
    weight : ndarray of shape (n_samples,)
        Positive for rows that count.
    classes : ndarray of shape (n_classes,)
    """
    own = matrix[(weight > 0) & ~says_nothing(matrix)]
    if not len(own):
        raise ValueError(
            "In every row of y all classes are possible: that says nothing. At least some samples "
            "need a label, or a set without some of the classes."
        )
    never = ~(own > 0).any(axis=0)
    if never.any():
        names = classes[never].tolist()
        raise ValueError(
            f"Class(es) {brief(names)} are never possible in y, rows aside of which nothing is "
            "known: are its columns those of these classes? Leave a class out of X, y and classes "
            "that does not occur."
        )
    if len(np.unique(own, axis=0)) == 1 and (own[0] > 0).sum() == 1:
        raise ValueError(f"y holds 1 class only, {classes[own[0] > 0].tolist()[0]!r}.")


def says_nothing(matrix):
    """Rows (n_samples,) of possible classes in which all are: they are left out of everything."""
    return matrix.all(axis=1) if matrix.dtype == bool else np.zeros(len(matrix), dtype=bool)


def check_same(classes, known):
    """Refuse columns of y of other classes than X has.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted, of y.
    known : sequence
        Of X, or of the parameter.
    """
    if set(classes.tolist()) != set(np.asarray(known).tolist()):
        raise ValueError(
            f"The columns of y are of the classes {brief(classes.tolist())}, but X has "
            f"{brief(np.asarray(known).tolist())}: each class has one column in both."
        )


def labelled_matrix(matrix, classes, y):
    """A matrix as a DataFrame whose columns are the class labels, with the rows' labels of y."""
    import pandas as pd

    columns = pd.Index(classes.tolist(), dtype=object if classes.dtype.kind in "US" else None)
    return pd.DataFrame(matrix, index=getattr(y, "index", None), columns=columns)


def taught_by(likelihood, classes, kept):
    """What experts are fitted on: rows with one class, or a row for each class of a distribution.

    Parameters
    ----------
    likelihood : ClassLabels, PartialLabels or SoftLabels
    classes : ndarray of shape (n_classes,)
    kept : ndarray of shape (n_samples,), bool
        Rows of positive weight.

    Returns
    -------
    Taught
    """
    share = likelihood.shares(len(classes)) * kept[:, None]
    rows, labels = np.nonzero(share)
    if len(np.unique(labels)) < 2:
        raise ValueError(
            "Experts that are cross-fitted need the labels of some samples, of two classes at "
            f"least, but {len(np.unique(rows))} row(s) of y have one class alone. Fit the experts "
            f"elsewhere and pass them with {option('cv', 'prefit')}, or label some samples."
        )
    n_open, note = int((kept & ~share.any(axis=1)).sum()), None
    if n_open:
        note = (
            f"{n_open} of {int(kept.sum())} rows of y leave the class open: the experts that are "
            f"cross-fitted learn from the other {len(np.unique(rows))}, the fusion from all that "
            "exclude a class."
        )
    weight = share[rows, labels]
    return Taught(rows, classes[labels], None if (weight == 1.0).all() else weight, note)


def label_sets(labels: Iterable[Any], classes: Sequence[Any]) -> pd.DataFrame:
    """Matrix of possible classes, or of distributions, from labels, sets and dicts.

    Parameters
    ----------
    labels : iterable of length n_samples
        Of each sample its class label; a set, list or tuple of the labels that are possible; None
        where nothing is known; or a dict of probabilities or votes by label, which are divided by
        their sum. A text is one label.
    classes : sequence of length n_classes
        All class labels, in the order of the columns.

    Returns
    -------
    DataFrame of shape (n_samples, n_classes), bool or float64
        With dicts the distributions, a plain label being one that is certain, for
        ``labels="proba"``; otherwise the possible classes, for ``labels="sets"``. Columns are
        named by the class labels; the index is that of ``labels``, if it has one.

    Raises
    ------
    ValueError
        If a label is none of the classes, a set is empty, votes are negative or all 0, or
        distributions stand beside sets of several classes, whose meaning differs: a set says
        that one of its classes is right, not that each is right as often.

    See Also
    --------
    LogitProdClassifier : Takes it as y.

    Examples
    --------
    >>> from sklearn_logitprod import label_sets
    >>> label_sets(["low", {"mid", "high"}, None], classes=["low", "mid", "high"])
         low    mid   high
    0   True  False  False
    1  False   True   True
    2   True   True   True
    >>> label_sets(["low", {"mid": 3, "high": 1}], classes=["low", "mid", "high"])
       low   mid  high
    0  1.0  0.00  0.00
    1  0.0  0.75  0.25
    """
    # imported here: the package is quick to import, and needs pandas for little else
    import pandas as pd

    known = np.asarray(list(classes)).tolist()
    if len(set(known)) < max(len(known), 2):
        raise ValueError(
            f"classes={list(classes)!r}: at least two class labels are needed, each named once."
        )
    index = getattr(labels, "index", None)
    rows = [None if _nothing(entry) else entry for entry in labels]
    soft = any(isinstance(entry, Mapping) for entry in rows)
    position = {label: i for i, label in enumerate(known)}
    matrix = np.zeros((len(rows), len(known)))
    for row, entry in enumerate(rows):
        for label, share in _members(entry, known, row, soft).items():
            if label not in position:
                raise ValueError(
                    f"Entry {row} has the label {plain(label)}, which is none of the classes "
                    f"{brief(known)}. Labels are compared by value and type."
                )
            matrix[row, position[label]] = share
    columns = pd.Index(known, dtype=object if isinstance(known[0], str) else None)
    index = None if callable(index) else index
    return pd.DataFrame(matrix if soft else matrix == 1.0, index=index, columns=columns)


def _nothing(entry):
    alone = np.empty((), dtype=object)
    alone[()] = entry
    return bool(missing_values(alone))


def _members(entry, known, row, soft):
    """Share of each label of one entry."""
    if isinstance(entry, Mapping):
        try:
            shares = {label: float(share) for label, share in entry.items()}
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"Entry {row} is {entry!r}, but a dict holds a probability or a number of votes "
                "for each label."
            ) from error
        total = sum(shares.values())
        if not all(0.0 <= share < np.inf for share in shares.values()) or total == 0.0:
            raise ValueError(
                f"Entry {row} is {entry!r}, but probabilities or votes are not negative, and not "
                "all of them 0."
            )
        return {label: share / total for label, share in shares.items()}
    if entry is None:
        members = known
    elif isinstance(entry, (set, frozenset, list, tuple, np.ndarray)):
        members = list(entry)
    else:
        members = [entry]
    if not members:
        raise ValueError(
            f"Entry {row} is empty: no class is possible. Write None where nothing is known."
        )
    if soft and len(members) > 1:
        raise ValueError(
            f"Entry {row} leaves {len(members)} classes open, and other entries are distributions: "
            "say how probable each class is, as a dict, or write sets in place of all dicts."
        )
    return dict.fromkeys(members, 1.0)
