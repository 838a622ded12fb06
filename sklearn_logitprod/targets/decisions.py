"""From probabilities to one class: the most probable, the median grade, or the least cost."""

from __future__ import annotations

from functools import partial

import numpy as np

from sklearn_logitprod._text import brief, option
from sklearn_logitprod.targets.labels import grade_order

# what half the mass may be missed by, as probabilities are exponentials
_ROUNDING = 1e-12


def decider(decision, classes, named):
    """What turns probabilities into positions of predicted classes, checked.

    Parameters
    ----------
    decision : {"mode", "median"} or array-like of shape (n_classes, n_classes)
        The most probable class, the median grade, or the least expected cost, with
        ``cost[i, j]`` of predicting class j where i is true.
    classes : ndarray of shape (n_classes,)
        Sorted labels.
    named : sequence or None
        The same labels in the order that the user gives them, if any.

    Returns
    -------
    callable
        From probabilities (n_samples, n_classes) to positions (n_samples,), int.

    Raises
    ------
    ValueError
        If classes have no known order, or the matrix is none of costs of these classes.
    """
    if isinstance(decision, str):
        if decision == "mode":
            return _mode
        if decision != "median":
            raise ValueError(
                f"{option('decision', decision)} is unknown; it is 'mode', 'median', or a matrix "
                "of costs."
            )
        return partial(_median, order=known_order(classes, named, option("decision", decision)))
    return partial(_cheapest, cost=_cost(decision, classes, named))


def known_order(classes, named, asked):
    """Positions of the classes from the lowest grade to the highest, or an error.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
    named : sequence or None
    asked : str
        What needs the order, for the message.

    Returns
    -------
    ndarray of shape (n_classes,), int
    """
    order = grade_order(classes, named)
    if order is not None:
        return order
    if named is None:
        raise ValueError(
            f"{asked} needs the order of the classes {brief(classes.tolist())}, which are no "
            f"numbers. Name them from the lowest to the highest: {option('classes')}."
        )
    raise ValueError(
        f"{asked} takes the order of the classes from {option('classes', list(named))}, but the "
        f"classes are {brief(classes.tolist())}: name each of them once."
    )


def _mode(proba):
    return proba.argmax(axis=1)


def _median(proba, order):
    below = np.cumsum(proba[:, order], axis=1)
    return order[(below >= 0.5 - _ROUNDING).argmax(axis=1)]


def _cheapest(proba, cost):
    return (proba @ cost).argmin(axis=1)


def _cost(given, classes, named):
    """Costs (n_classes, n_classes) in the order of the sorted classes, checked."""
    n_classes, labels = len(classes), classes.tolist()
    framed = hasattr(given, "columns")
    if framed and not hasattr(given, "index"):
        raise ValueError(
            "decision is a frame without names of its rows, the true classes. Pass a DataFrame of "
            "pandas, with the class labels as index and as columns."
        )
    values = np.asarray(given)
    if values.shape != (n_classes, n_classes):
        raise ValueError(
            f"decision has shape {values.shape}, but a matrix of costs has a row for each true "
            f"class and a column for each predicted one: ({n_classes}, {n_classes}), of "
            f"{brief(labels)}."
        )
    try:
        cost = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"decision holds costs that are no numbers: {error}.") from error
    if not np.isfinite(cost).all():
        raise ValueError("decision holds costs that are NaN or infinite: all must be finite.")
    if framed:
        for axis, names in (("rows", given.index.tolist()), ("columns", given.columns.tolist())):
            if len(set(names)) < n_classes or set(names) != set(labels):
                raise ValueError(
                    f"The {axis} of decision are named {brief(names)}, but the classes are "
                    f"{brief(labels)}: a frame of costs has them on both axes, the true class of "
                    "each row and the predicted one of each column."
                )
        rows = [given.index.tolist().index(label) for label in labels]
        cost = cost[rows][:, [given.columns.tolist().index(label) for label in labels]]
    elif named is not None:
        order = grade_order(classes, named)
        if order is None or not np.array_equal(cost[order][:, order], cost):
            raise ValueError(
                f"The rows and columns of decision may follow {option('classes', list(named))} or "
                f"the sorted labels {brief(labels)}, which differ. Pass a DataFrame whose index "
                "(true classes) and columns (predicted ones) are the class labels."
            )
    wrong = np.diag(cost) > cost.min(axis=1)
    if wrong.any():
        label, other = labels[int(np.argmax(wrong))], labels[int(cost[wrong][0].argmin())]
        raise ValueError(
            f"By decision it costs more to predict {label!r} where it is true than {other!r}. "
            "Rows are true classes and columns predicted ones; if these are gains, pass their "
            "negatives."
        )
    return cost
