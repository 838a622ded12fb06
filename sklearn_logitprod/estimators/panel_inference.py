"""What the fitted products of several labels say of X."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from sklearn_logitprod._text import brief, plain
from sklearn_logitprod._typing import Floats, Labels
from sklearn_logitprod.estimators.inference import PoolInference, check_active
from sklearn_logitprod.fusion.logits import block_slices
from sklearn_logitprod.outputs.container import ExpertOutputs
from sklearn_logitprod.outputs.panel import check_present


class PanelInference(PoolInference):
    """Inference from one pool a label, ``pools_``, over outputs that have a label's apart."""

    def _by_label(self, X, compute):
        """``compute(pool, columns)`` of all rows for each label, labels on the last axis."""
        outputs = self._outputs(X)
        n_samples, n_experts, _ = outputs.shape
        found = []
        for j, (label, pool) in enumerate(zip(self.label_names_, self.pools_, strict=True)):
            own, parts = outputs.label(j), []
            for rows in block_slices(n_samples, 2 * n_experts):
                log_proba = own.log_proba(rows)
                check_present(log_proba, rows, label)
                if not pool.active.all():
                    check_active(log_proba, rows.start, pool.active, own.names)
                parts.append(compute(pool, pool.columns(log_proba)))
            found.append(np.concatenate(parts))
        return np.stack(found, axis=-1)

    def decision_function(self, X: Any) -> Floats:
        """Log-odds of each label.

        Parameters
        ----------
        X : array or DataFrame
            Outputs of the same experts, in any of the forms of ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_labels), float64
            In the order of ``label_names_``.
        """

        def log_odds(pool, columns):
            scores = pool.scores(columns)
            return scores[:, 1] - scores[:, 0]

        return self._by_label(X, log_odds)

    def predict_proba(self, X: Any) -> Floats:
        """Probability of each label.

        Parameters
        ----------
        X : array or DataFrame
            Outputs of the same experts, in any of the forms of ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_labels), float64
            That the label is 1, in the order of ``label_names_``.
        """
        return np.exp(-np.logaddexp(0.0, -self.decision_function(X)))

    def predict(self, X: Any) -> Labels:
        """Labels of each sample.

        Parameters
        ----------
        X : array or DataFrame
            Outputs of the same experts, in any of the forms of ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_labels), int
            1 where the probability is above 0.5.
        """
        return (self.decision_function(X) > 0.0).astype(int)

    def expert_weights(self, X: Any) -> Floats:
        """Weight of each expert for each sample and label.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.

        Returns
        -------
        ndarray of shape (n_samples, n_experts, n_labels), float64
            Non-negative, sums to 1 over the experts; 0 where an expert is missing.
        """
        return self._by_label(X, lambda pool, columns: pool.expert_shares(columns)[0])

    def disagreement(self, X: Any) -> Floats:
        """By how much the experts contradict each other on each sample, label by label.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.

        Returns
        -------
        ndarray of shape (n_samples, n_labels), float64
            In nats, as for :class:`LogitProdClassifier`.
        """
        return self._by_label(X, lambda pool, columns: pool.disagreement(columns))

    def linear_pool_share(self, X: Any) -> Floats:
        """Share of the linear pool in all coefficients of each sample and label.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.

        Returns
        -------
        ndarray of shape (n_samples, n_labels), float64
            In [0, 1]; 0 with ``linear_pool=False``.
        """
        return self._by_label(X, lambda pool, columns: pool.expert_shares(columns)[1])

    def sharpness(self, X: Any) -> Floats:
        """Sum of all coefficients of each sample and label.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.

        Returns
        -------
        ndarray of shape (n_samples, n_labels), float64
            Positive.
        """
        return self._by_label(X, lambda pool, columns: pool.expert_shares(columns)[2])

    def cross_class_share(self, X: Any) -> Floats:
        """How much of the fused scores the correction moves.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.

        Returns
        -------
        ndarray of shape (n_samples, n_labels), float64
            In [0, 1], as for :class:`LogitProdClassifier`.
        """
        return self._by_label(X, lambda pool, columns: pool.correction_share(columns))

    def expert_logits(self, X: Any) -> Floats:
        """Log-odds that each expert gives each label, as the pools read them.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.

        Returns
        -------
        ndarray of shape (n_samples, n_experts, n_labels), float64
            Floored; NaN where an expert says nothing.
        """
        return self._outputs(X).log_odds(slice(None))

    def label_outputs(self, X: Any, label: Any) -> ExpertOutputs:
        """Outputs of the experts for one label, which ``label_model(label)`` takes as X.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``; with experts whatever they take.
        label : object
            One of ``label_names_``.

        Returns
        -------
        ExpertOutputs
            With ``input="proba"`` or ``"logits"`` as they came, for the classes 0 and 1.
        """
        position = self._label_position(label)
        outputs = self._outputs(X)
        own = np.asarray(outputs.values, dtype=np.float64)[:, :, position]
        first = 1.0 - own if outputs.input == "proba" else np.where(np.isnan(own), np.nan, 0.0)
        return ExpertOutputs(
            np.stack([first, own], axis=2), outputs.input, list(self.expert_names_), np.arange(2)
        )

    def _label_position(self, label):
        check_is_fitted(self)
        names = self.label_names_.tolist()
        if label not in names:
            raise ValueError(f"There is no label {plain(label)}; there are {brief(names)}.")
        return names.index(label)

    def _transformed(self, outputs):
        log_odds = outputs.log_odds(slice(None))
        return log_odds.reshape(len(log_odds), -1)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Labels:
        """Names of the columns of ``transform``: ``expert_label``.

        Parameters
        ----------
        input_features : array-like of str or None
            Not used; the names come from experts and labels.

        Returns
        -------
        ndarray of shape (n_experts * n_labels,), str objects
        """
        check_is_fitted(self)
        names = [f"{name}_{label}" for name in self.expert_names_ for label in self.label_names_]
        return np.asarray(names, dtype=object)


def label_log_proba(model, X, rows):
    """Fused log-probabilities of each label on some of the rows of X.

    Parameters
    ----------
    model : PanelInference
        Fitted.
    X : array or DataFrame
    rows : list of ndarray of int
        One a label: where it matters.

    Returns
    -------
    list of ndarray of shape (n_rows, 2)
    """
    outputs = model._outputs(X)
    found = []
    for j, (label, pool, own) in enumerate(
        zip(model.label_names_, model.pools_, rows, strict=True)
    ):
        log_proba = outputs.label(j).log_proba(own)
        check_present(log_proba, own, label)
        found.append(pool.log_proba(pool.columns(log_proba)))
    return found


def refuse_panel(model, function):
    """Refuse a model of several labels where one of a single label is wanted.

    Parameters
    ----------
    model : object
    function : str
        Name of the function that was called.

    Raises
    ------
    TypeError
        If it has several labels.
    """
    if isinstance(model, PanelInference):
        raise TypeError(
            f"{function} takes a model of one label, not {type(model).__name__}. Pass "
            "model.label_model(name), and model.label_outputs(X, name)."
        )
