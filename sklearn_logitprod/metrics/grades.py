"""Scores of probabilities of grades, which have an order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_logitprod._text import brief, option
from sklearn_logitprod.metrics._checks import check_rows
from sklearn_logitprod.targets.decisions import known_order
from sklearn_logitprod.targets.labels import check_labels, sorted_classes
from sklearn_logitprod.targets.weights import check_weights

_SUM_TOLERANCE = 1e-3


def ranked_probability_score(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    classes: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Mean ranked probability score of predicted grades [1]_; lower is better.

    With F the distribution function of the predicted grade, that of a sample of grade y is
    :math:`\sum_k (F_k - 1[y \le k])^2` over all grades but the highest. A prediction that is wrong
    by one grade costs less than one that is wrong by two; for two grades it is the Brier score.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Grades.
    y_proba : array-like of shape (n_samples, n_classes)
        Probabilities; rows sum to 1.
    classes : sequence of length n_classes, default=None
        The grades from the lowest to the highest, in the order of the columns. None takes the
        sorted values of y_true, which have to be numbers.
    sample_weight : array-like of shape (n_samples,), default=None
        Sample weights.

    Returns
    -------
    float
        From 0 to ``n_classes - 1``.

    Raises
    ------
    ValueError
        If grades have no known order, shapes disagree, or y_proba holds no probabilities.

    See Also
    --------
    sklearn.metrics.cohen_kappa_score : With ``weights="quadratic"``, of predicted grades.

    References
    ----------
    .. [1] Epstein, "A scoring system for probability forecasts of ranked categories", Journal of
       Applied Meteorology 8, 1969.

    Examples
    --------
    The true grade is the lowest; F is (0.5, 0.8): (0.5 - 1)^2 + (0.8 - 1)^2.

    >>> from sklearn_logitprod.metrics import ranked_probability_score
    >>> round(ranked_probability_score([1], [[0.5, 0.3, 0.2]], classes=[1, 2, 3]), 12)
    0.29
    """
    check_rows({"y_true": y_true, "y_proba": y_proba, "sample_weight": sample_weight})
    proba: Any = np.asarray(y_proba, dtype=np.float64)
    if proba.ndim != 2 or proba.shape[1] < 2:
        raise ValueError(
            f"y_proba has shape {proba.shape}: a column for each of two or more grades is needed."
        )
    labels = check_labels(y_true, len(proba))
    weight = check_weights(sample_weight, len(proba))
    if not (np.abs(proba.sum(axis=1) - 1.0) <= _SUM_TOLERANCE).all() or (proba < 0.0).any():
        raise ValueError("y_proba holds rows that are no probabilities, or do not sum to 1.")
    known = np.unique(labels) if classes is None else sorted_classes(np.asarray(classes).tolist())
    if len(known) != proba.shape[1]:
        raise ValueError(
            f"y_proba has {proba.shape[1]} columns, but there are {len(known)} grades "
            f"{brief(known.tolist())}. Name the grade of each column, {option('classes')}."
        )
    named = None if classes is None else np.asarray(classes).tolist()
    order = known_order(known, named, "The ranked probability score")
    unknown = np.setdiff1d(labels, known)
    if len(unknown):
        raise ValueError(f"y_true has {brief(unknown.tolist())}, which are none of the classes.")
    # columns are in the order of the grades already
    place = np.empty(len(order), dtype=int)
    place[order] = np.arange(len(order))
    own = grade_scores(proba)[np.arange(len(labels)), place[np.searchsorted(known, labels)]]
    return float(np.average(own, weights=weight))


def grade_scores(proba):
    """Ranked probability score of each sample, were each of the grades the true one.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
        Columns from the lowest to the highest grade.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
    """
    below = np.cumsum(proba, axis=1)[:, :-1]
    out = np.empty(proba.shape)
    # from one grade to the next 1[y <= k] changes at one k alone
    out[:, 0] = ((below - 1.0) ** 2).sum(axis=1)
    out[:, 1:] = out[:, :1] + np.cumsum(2.0 * below - 1.0, axis=1)
    return out
