"""Checks of class labels."""

from __future__ import annotations

import numpy as np
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import column_or_1d

from sklearn_logitprod._text import called_through
from sklearn_logitprod.targets.weights import check_length, missing_values

_PER_LABEL = (
    "For several labels per sample use LogitProdMultilabelClassifier: X holds the log-odds of each "
    "label, (n_samples, n_experts, n_labels), and y is (n_samples, n_labels)."
)
_MATRIX = (
    "If each row says which classes the sample may be of, set labels='sets'; if it is a "
    "distribution over the classes, labels='proba'. "
)
_OPEN = (set, frozenset, dict, list, tuple)
_SETS = (
    "y holds sets, lists or dicts, but one label per sample is needed, or a matrix with a column "
    "for each class. Make it with label_sets(y, classes=[...]), and set labels='sets', or "
    "labels='proba' for dicts of probabilities."
)
_RENAMED = "rename the columns of the outputs, drop those of no class, or convert y."
_SEVERAL = (
    "; if a sample may have several of these classes, use LogitProdMultilabelClassifier with the "
    "whole y, one column for each of them."
)
_WRAP = (
    "For several labels per sample use LogitProdMultilabelClassifier, which takes experts of "
    "several labels or fits one-label experts for each of them."
)

# by what scikit-learn hands one X to fits of several y, of which nothing else tells
_WRAPPERS = {
    "sklearn.multioutput": "one of several labels per sample. " + _PER_LABEL,
    "sklearn.multiclass": "two groups of several classes. Fit the estimator without the wrapper: "
    "it takes any number of classes.",
}


def refuse_wrapper():
    """Refuse fits by a wrapper that gives outputs of experts to several y alike.

    Raises
    ------
    ValueError
        Within ``MultiOutputClassifier``, ``OneVsRestClassifier`` and their like: X holds outputs
        for one y, and every other fit would take columns for what they are not.
    """
    module = called_through(_WRAPPERS)
    if module is not None:
        raise ValueError(
            f"A wrapper of {module} hands this y and all outputs of X to one of its fits, but y is "
            + _WRAPPERS[module]
        )


def check_labels(y, n_samples, fitted_here=False):
    """Class labels as a one-dimensional array without missing values.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
    n_samples : int
        Number of rows of X.
    fitted_here : bool
        Whether experts are fitted on these labels, for the advice on several of them.

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    if y is None:
        raise ValueError("LogitProdClassifier requires y to be passed, but the target y is None.")
    try:
        labels = np.asarray(y)
    except ValueError as error:
        raise ValueError(_SETS) from error
    if labels.dtype == object and any(isinstance(entry, _OPEN) for entry in labels.ravel()):
        raise ValueError(_SETS)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = column_or_1d(labels, warn=True)
    check_length(labels, n_samples, "y")
    missing = missing_values(labels)
    if missing.any():
        row = int(np.argwhere(missing)[0][0])
        raise ValueError(
            f"y has {int(missing.sum())} missing label(s) (NaN or None), the first in row {row}. "
            "Remove these rows from X and y."
        )
    if labels.dtype.kind == "f" and np.isinf(labels).any():
        raise ValueError("Input y contains infinity: class labels are finite. Mend these labels.")
    if labels.dtype == object and np.array(labels.tolist()).dtype.kind in "biuf":
        # numbers in an object array, as pandas' nullable integers come
        labels = np.array(labels.tolist())
    found = type_of_target(labels, input_name="y")
    if found in ("continuous", "continuous-multioutput"):
        raise ValueError(
            f"Unknown label type: {found}. y holds numbers that are no class labels, such as "
            f"{labels.ravel().tolist()[0]!r}; a classifier takes classes. Bin the values first."
        )
    if labels.ndim != 1:
        raise ValueError(
            f"y has shape {labels.shape} ({found}): one label per sample is needed. "
            + _MATRIX
            + (_WRAP if fitted_here else _PER_LABEL)
        )
    return labels


def sorted_classes(classes):
    """Class labels that were given, sorted; each must be named once."""
    known = np.unique(np.asarray(list(classes)))
    if len(known) < len(classes):
        raise ValueError(f"classes={list(classes)!r} names a class more than once.")
    return known


def grade_order(classes, named):
    """Positions of sorted classes from the lowest to the highest, as far as anything says.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted labels.
    named : sequence or None
        The same labels in their order, if that was said.

    Returns
    -------
    ndarray of shape (n_classes,), int, or None
        None of labels that are no numbers, whose sorted order is that of the alphabet.
    """
    if named is not None:
        order = np.asarray(list(named)).tolist()
        labels = classes.tolist()
        if len(order) == len(labels) and set(order) == set(labels):
            return np.array([labels.index(label) for label in order])
        return None
    return np.arange(len(classes)) if classes.dtype.kind in "biuf" else None


def check_classes(labels, classes):
    """Sorted class labels, and the labels as indices into them.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,)
    classes : sequence or None
        All class labels, if more than y shows may exist.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
    codes : ndarray of shape (n_samples,), int
    """
    if len(labels) == 0:
        raise ValueError("y is empty (0 samples): at least two samples are needed, of two classes.")
    seen = np.unique(labels)
    if classes is None:
        known = seen
    else:
        known = sorted_classes(classes)
        unknown = [label for label in seen.tolist() if label not in set(known.tolist())]
        if unknown:
            raise ValueError(
                f"y has labels {unknown[:8]!r} that are not among the classes "
                f"{known.tolist()!r}. Labels are compared by value and type"
                + (_SEVERAL if set(unknown) == {0, 1} else f": {_RENAMED}")
            )
    if len(seen) < 2:
        raise ValueError(
            f"y holds 1 class only, {seen.tolist()[0]!r}: nothing can be learned about the others. "
            "Classifier can't train when only one class is present."
        )
    if seen.dtype != known.dtype:
        position = {label: code for code, label in enumerate(known.tolist())}
        return known, np.array([position[label] for label in labels.tolist()], dtype=np.intp)
    return known, np.searchsorted(known, labels)
