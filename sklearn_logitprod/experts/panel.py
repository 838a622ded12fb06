"""What classifiers of several labels are asked, and what is made of their answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils.metadata_routing import get_routing_for_object

from sklearn_logitprod._text import brief, option, plain
from sklearn_logitprod.experts.naming import method_of
from sklearn_logitprod.outputs.overview import leaked
from sklearn_logitprod.outputs.panel import PanelOutputs

METHODS = ("predict_proba", "decision_function")
_WANTED = "Experts are classifiers of several labels that give probabilities or scores."
_TOLERANCE = 1e-6


class LabelByLabel(ClassifierMixin, BaseEstimator):
    """A binary classifier, fitted for each label on the samples on which that was tested.

    Parameters
    ----------
    estimator : estimator
        Cloned for each label.
    labels : list or None
        Names of the labels, for messages.

    Attributes
    ----------
    estimators_ : list of estimator
        One a label.
    """

    def __init__(self, estimator, labels=None):
        self.estimator = estimator
        self.labels = labels

    def get_metadata_routing(self):
        """Routing of the classifier that is fitted."""
        return get_routing_for_object(self.estimator)

    def fit(self, X, y, **params):
        """Fit one clone a label.

        Parameters
        ----------
        X : whatever the classifier takes
        y : ndarray of shape (n_samples, n_labels)
            0, 1, or NaN where not tested.
        **params : dict
            Of ``fit``; arrays of one entry a sample.

        Returns
        -------
        self
        """
        self.estimators_ = []
        for position, own in enumerate(y.T):
            rows = np.flatnonzero(~np.isnan(own))
            if len(np.unique(own[rows])) < 2:
                label = position if self.labels is None else self.labels[position]
                raise ValueError(
                    f"label {plain(label)} has one class only on the {len(rows)} samples of this "
                    "fit on which it was tested. Cross-fit with other folds, or leave the label "
                    "out of y."
                )
            taken = {
                key: value if value is None else _safe_indexing(value, rows)
                for key, value in params.items()
            }
            fitted = clone(self.estimator)
            fitted.fit(_safe_indexing(X, rows), own[rows].astype(int), **taken)
            self.estimators_.append(fitted)
        return self

    @property
    def classes_(self):
        """Classes of each label."""
        return [one.classes_ for one in self.estimators_]

    def predict_proba(self, X):
        """Probabilities of both classes for each label: a list of (n_samples, 2) arrays."""
        return [_binary_proba(one, X) for one in self.estimators_]


def _binary_proba(estimator, X):
    """Probabilities of a binary classifier, from its scores where it has no others."""
    if hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict_proba(X))
    # a log-odds, as for any classifier that gives scores alone
    scores = np.asarray(estimator.decision_function(X), dtype=float)
    first = np.exp(-np.logaddexp(0.0, scores))
    return np.column_stack([first, np.exp(-np.logaddexp(0.0, -scores))])


def fitted_by_label(pairs, values, labels):
    """Experts to be cross-fitted, wrapped to be fitted by label where they need it.

    Classifiers of one label always do, those of several if some labels were not tested.

    Parameters
    ----------
    pairs : list of (str, estimator)
    values : ndarray of shape (n_samples, n_labels)
        NaN where a label was not tested.
    labels : ndarray of shape (n_labels,)
        Names of the labels.

    Returns
    -------
    list of (str, estimator)

    Raises
    ------
    ValueError
        If labels are missing and an expert would be fitted on all of them at once.
    """
    out = []
    untested = np.isnan(values).any()
    for name, expert in pairs:
        if isinstance(expert, (str, type)):
            out.append((name, expert))
            continue
        tags = get_tags(expert)
        several = tags.target_tags.multi_output or tags.classifier_tags.multi_label
        if several and not untested:
            out.append((name, expert))
        elif not several or _takes_one(expert, tags):
            out.append((name, LabelByLabel(expert, labels.tolist())))
        else:
            raise ValueError(
                f"Expert {name!r} ({type(expert).__name__}) is fitted on all labels at once, but y "
                "is NaN where labels were not tested. Pass the classifier that it wraps: it is "
                "fitted for each label on the samples on which that was tested. Or fit the expert "
                f"yourself, on other samples, and set {option('cv', 'prefit')}."
            )
    return out


def _takes_one(expert, tags):
    """Whether an expert of several labels can be fitted on one, too."""
    # chains do not say that they cannot
    wrapper = type(expert).__module__ == "sklearn.multioutput"
    return tags.target_tags.single_output and not wrapper


@dataclass(frozen=True)
class PanelReplies:
    """What classifiers of several labels are asked, and what is made of their answers.

    Attributes
    ----------
    labels : ndarray of shape (n_labels,)
    """

    labels: np.ndarray

    methods = METHODS
    wanted = _WANTED
    shuffle = True

    @staticmethod
    def args(name):
        """What ``ask`` takes beside the expert of a name and X."""
        return ()

    @staticmethod
    def ask(expert, X):
        """Values of the best response an expert has, which that is, and its classes."""
        method = method_of(expert, METHODS, _WANTED)
        values = getattr(expert, method)(X)
        return values, method, getattr(expert, "classes_", None)

    @staticmethod
    def strata(target):
        """What folds of cross-fitting should hold alike."""
        return target.strata

    def collect(self, pairs, results, rows, n_samples):
        """Outputs of answers.

        Parameters
        ----------
        pairs : list of (str, estimator)
        results : list of list
            Answers of each expert, for each part of the rows.
        rows : list of slice or ndarray of int
            The parts.
        n_samples : int

        Returns
        -------
        PanelOutputs
            Of probabilities.
        """
        proba = np.empty((n_samples, len(pairs), len(self.labels)))
        for m, (name, _) in enumerate(pairs):
            for number, own in enumerate(rows):
                where = name if len(rows) == 1 else f"{name}, fold {number + 1}"
                proba[own, m] = align(where, *results[m][number], self.labels, len(proba[own]))
        return PanelOutputs(proba, "proba", [name for name, _ in pairs], self.labels)

    @staticmethod
    def suspected(outputs, target):
        """Names of experts that look as if they had been trained on these rows."""
        found = []
        for j, own in enumerate(target.likelihood.values.T):
            rows = np.flatnonzero(~np.isnan(own))
            second = outputs.values[rows][:, :, j]
            proba = np.stack([1.0 - second, second], axis=2)
            found += leaked(outputs.names, proba, own[rows].astype(int))
        return [name for name in outputs.names if name in found]


def align(name, values, method, known, labels, n_samples):
    """Probabilities of each label from an expert's response.

    Parameters
    ----------
    name : str
        For messages.
    values : list of ndarray of shape (n_samples, 2), or ndarray of shape (n_samples, n_labels)
        Response of the expert.
    method : str
        The method that gave it.
    known : list of ndarray, ndarray or None
        The expert's ``classes_``.
    labels : ndarray of shape (n_labels,)
    n_samples : int

    Returns
    -------
    ndarray of shape (n_samples, n_labels), float64
    """
    n_labels = len(labels)
    if isinstance(values, (list, tuple)):
        if len(values) != n_labels:
            raise ValueError(
                f"Expert {name!r}: {method} gave outputs of {len(values)} labels, but y has "
                f"{n_labels}: {brief(labels)}. Fit it on the same labels, in the order of y."
            )
        known = [None] * n_labels if known is None else known
        columns = [
            _second(name, np.asarray(own), method, one, label)
            for own, one, label in zip(values, known, labels, strict=True)
        ]
        values = np.column_stack(columns)
    values = np.asarray(values)
    if values.ndim == 1 and n_labels == 1:
        values = values[:, None]
    if values.shape != (n_samples, n_labels):
        raise ValueError(
            f"Expert {name!r}: {method} gave shape {values.shape}, expected ({n_samples}, "
            f"{n_labels}), one column per label of {brief(labels)}. Fit it on the same labels, in "
            "the order of y."
        )
    try:
        values = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Expert {name!r}: {method} gave values that are no numbers.") from error
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise ValueError(
            f"Expert {name!r}: {method} gave a value that is not finite in row {row} of its "
            "input. Mend the expert; if it cannot judge some samples, pass precomputed outputs "
            "with NaN there."
        )
    if method == "decision_function":
        return np.exp(-np.logaddexp(0.0, -values))
    outside = (values < -_TOLERANCE) | (values > 1.0 + _TOLERANCE)
    if outside.any():
        row = int(np.argwhere(outside)[0][0])
        raise ValueError(
            f"Expert {name!r}: {method} gave no probabilities in row {row} of its input: "
            f"{values[outside][0]:.6g} is outside [0, 1]."
        )
    if n_labels == 2 and n_samples > 1 and np.allclose(values.sum(axis=1), 1.0, atol=_TOLERANCE):
        raise ValueError(
            f"Expert {name!r}: {method} gave two columns that always sum to 1, as those of the "
            f"two classes of one label do; y has the two labels {brief(labels)}. Pass a "
            "classifier of both labels, such as MultiOutputClassifier."
        )
    return np.clip(values, 0.0, 1.0)


def _second(name, values, method, known, label):
    """Probability or score of class 1 from what an expert gives for one label."""
    if values.ndim == 1:
        return values
    classes = [0, 1] if known is None else np.asarray(known).tolist()
    if values.ndim != 2 or values.shape[1] != len(classes) or not set(classes) <= {0, 1}:
        raise ValueError(
            f"Expert {name!r}: {method} gave shape {values.shape} for label {plain(label)} with "
            f"the classes {brief(classes)}; one column for each of 0 and 1 is needed."
        )
    if 1 not in classes or 0 not in classes:
        raise ValueError(
            f"Expert {name!r} has seen class {classes[0]} alone of label {plain(label)}, of which "
            "it can say nothing. Cross-fit with fewer folds, or leave the label out of y."
        )
    return values[:, classes.index(1)]
