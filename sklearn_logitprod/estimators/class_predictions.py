"""What a fitted classifier says of X, and how well that agrees with y."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_logitprod._text import brief
from sklearn_logitprod._typing import Floats, Labels
from sklearn_logitprod.fusion.likelihood import ClassLabels, PartialLabels, SoftLabels
from sklearn_logitprod.outputs.checks import n_rows
from sklearn_logitprod.targets.decisions import decider
from sklearn_logitprod.targets.labels import check_labels
from sklearn_logitprod.targets.partial import check_matrix, is_matrix, says_nothing
from sklearn_logitprod.targets.weights import check_weights


class ClassPredictions(ClassifierMixin):
    """Predictions of classes, of an estimator with ``_log_proba`` and ``classes_``."""

    def __setstate__(self, state):
        # models that were stored before there were these parameters
        super().__setstate__({"labels": "single", "decision": "mode", **state})

    def _likelihood(self, y, n_samples, fitted):
        classes = fitted["classes_"]
        if self.labels != "single" and is_matrix(y):
            named = classes if hasattr(y, "columns") else self.classes
            _, matrix = check_matrix(y, self.labels, named, n_samples, False)
            return matrix_likelihood(matrix)
        labels = check_labels(y, n_samples)
        unknown = np.setdiff1d(labels, classes)
        if len(unknown):
            raise ValueError(
                f"y has labels {unknown[:8].tolist()!r}, which the estimator does not know; its "
                f"classes are {brief(classes.tolist())}. Leave these rows out, or fit on some of "
                "them, too."
            )
        return ClassLabels(np.searchsorted(classes, labels))

    def _factor(self, y, n_samples):
        """0 for rows of which y says nothing."""
        if self.labels != "sets" or not is_matrix(y):
            return 1.0
        return 1.0 - says_nothing(np.asarray(y).astype(bool))

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Labels:
        """Names of the columns of ``transform``: ``expert_class``.

        Parameters
        ----------
        input_features : array-like of str or None
            Not used; the names come from experts and classes.

        Returns
        -------
        ndarray of shape (n_experts * n_classes,), str objects
        """
        check_is_fitted(self)
        names = [f"{name}_{label}" for name in self.expert_names_ for label in self.classes_]
        return np.asarray(names, dtype=object)

    def predict_log_proba(self, X: Any) -> Floats:
        """Log of the fused class probabilities.

        Parameters
        ----------
        X : array or DataFrame
            Outputs of the same experts, in any of the forms of ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            Natural logarithms, in the order of ``classes_``.
        """
        return self._log_proba(X)

    def predict_proba(self, X: Any) -> Floats:
        """Fused class probabilities.

        Parameters
        ----------
        X : array or DataFrame
            Outputs of the same experts, in any of the forms of ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            In the order of ``classes_``; rows sum to 1.
        """
        log_proba = self.predict_log_proba(X)
        return np.exp(log_proba, out=log_proba)

    def decision_function(self, X: Any) -> Floats:
        """Log-odds of the fused probabilities.

        Parameters
        ----------
        X : array or DataFrame
            Outputs of the same experts, in any of the forms of ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes), float64
            Log-odds of the second class for a binary task, log-probabilities otherwise.
        """
        log_proba = self.predict_log_proba(X)
        if len(self.classes_) == 2:
            return log_proba[:, 1] - log_proba[:, 0]
        return log_proba

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Accuracy of the fused predictions.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            True labels, or what ``fit`` takes by the parameter `labels`.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        float
            Share of samples whose predicted class is the true one. Of sets, over the samples of
            which one class alone is possible; of distributions, the mean probability of the
            predicted class.
        """
        X, y, sample_weight, _ = self._given(X, y, sample_weight)
        if not is_matrix(y):
            return super().score(X, y, sample_weight)
        check_is_fitted(self)
        likelihood = self._likelihood(y, n_rows(X), vars(self))
        weight = check_weights(sample_weight, n_rows(X))
        shares = likelihood.shares(len(self.classes_)) * weight[:, None]
        if not shares.any():
            raise ValueError(
                "In no row of y one class alone is possible: accuracy is not known on these "
                "samples. Pass some with their labels."
            )
        chosen = np.searchsorted(self.classes_, self.predict(X))
        return float(shares[np.arange(len(shares)), chosen].sum() / shares.sum())

    def predict(self, X: Any) -> Labels:
        """Class of each sample: the most probable one, unless `decision` says otherwise.

        Parameters
        ----------
        X : array or DataFrame
            Outputs of the same experts, in any of the forms of ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels from ``classes_``.
        """
        check_is_fitted(self)
        decide = decider(self.decision, self.classes_, self.classes)
        scores = self.predict_log_proba(X)
        if not (isinstance(self.decision, str) and self.decision == "mode"):
            np.exp(scores, out=scores)
        return self.classes_[decide(scores)]


def matrix_likelihood(matrix):
    """Likelihood of possible classes (bool) or of distributions, plain labels where they are.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_classes), bool or float64

    Returns
    -------
    ClassLabels, PartialLabels or SoftLabels
    """
    likelihood = PartialLabels(matrix) if matrix.dtype == bool else SoftLabels(matrix)
    certain = likelihood.certain
    return ClassLabels(certain) if (certain >= 0).all() else likelihood
