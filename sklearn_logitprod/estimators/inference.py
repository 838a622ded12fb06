"""From X to the fitted pool: all that needs no fit."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_logitprod._typing import Floats
from sklearn_logitprod.estimators.prepared import all_log_proba
from sklearn_logitprod.fusion.logits import block_slices
from sklearn_logitprod.outputs.container import ExpertOutputs
from sklearn_logitprod.outputs.frames import is_two_level
from sklearn_logitprod.outputs.given import given_X
from sklearn_logitprod.outputs.native import in_kind_of


class ColumnBlocks:
    """Columns that are at hand, in place of X: a search reads them once for all candidates.

    Parameters
    ----------
    blocks : list of Columns
    """

    def __init__(self, blocks):
        self.blocks = blocks

    def __len__(self):
        return sum(columns.n_samples for columns in self.blocks)


class PoolInference(TransformerMixin):
    """What a fitted pool says of X.

    Subclasses say how X becomes outputs (``_read`` for precomputed ones, ``_replies`` for what
    experts are asked), from the fitted attributes that they are given: those of a fitted
    estimator, or what a fit that is under way has found so far.
    """

    def _check_features(self, X):
        """Check the number and names of X's columns against those of the fit."""
        if is_table(X):
            validate_data(self, X, reset=False, skip_check_array=True)

    def _outputs(self, X):
        """Outputs of the fitted experts on X, or X itself if it holds them."""
        check_is_fitted(self)
        X = given_X(X, outputs=self.named_experts_ is None)
        self._check_features(X)
        return self._outputs_by(vars(self), X)

    def _outputs_by(self, fitted, X):
        """Outputs on X by fitted attributes, which need not be those of self."""
        names, experts = fitted["expert_names_"], fitted["named_experts_"]
        if experts is None:
            outputs = self._read(X, fitted, names)
        else:
            outputs = self._caller().outputs(list(experts.items()), X, self._replies(fitted))
        return self._calibrated(outputs, fitted)

    def _calibrated(self, outputs, fitted):
        """Outputs with what the fit has estimated to read them by: nothing, for most."""
        return outputs

    def _blocks(self, X):
        """Number of rows of X, and their columns, block by block."""
        if isinstance(X, ColumnBlocks):
            return len(X), X.blocks
        outputs = self._outputs(X)
        n_samples, n_experts, n_classes = outputs.shape
        # block by block: outputs may be a file larger than memory
        active = self.pool_.active

        def columns():
            for rows in block_slices(n_samples, n_experts * n_classes):
                log_proba = outputs.log_proba(rows)
                if not active.all():
                    check_active(log_proba, rows.start, active, self.expert_names_)
                yield self.pool_.columns(log_proba)

        return n_samples, columns()

    def _collect(self, X, compute):
        """``compute(columns)`` of all rows of X."""
        n_samples, blocks = self._blocks(X)
        out, start = None, 0
        for columns in blocks:
            values = compute(columns)
            if out is None:
                out = np.empty((n_samples, *values.shape[1:]), values.dtype)
            out[start : start + len(values)] = values
            start += len(values)
        return out

    def _log_proba(self, X):
        """Fused log-probabilities (n_samples, n_classes)."""
        return self._collect(X, lambda columns: self.pool_.log_proba(columns))

    def _shares(self, columns):
        return self.pool_.expert_shares(columns)

    def expert_weights(self, X: Any) -> Floats:
        """Weight of each expert for each sample.

        The fitted pool is one product with coefficients ``a_m(x)`` for the experts and
        ``a_lin(x)`` for the linear pool. The weight of an expert is ``(a_m + a_lin /
        number of experts present) / sum of all a``.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.

        Returns
        -------
        ndarray or DataFrame of shape (n_samples, n_experts), float64
            Non-negative, rows sum to 1; 0 where an expert is missing. A DataFrame if X is one
            or ``set_output`` asks for it: columns named after the experts, the index of X.
        """
        return weights_in_kind(self, self, X)

    def disagreement(self, X: Any) -> Floats:
        """By how much the experts contradict each other on each sample.

        The entropy of the mixture of the experts less their mean entropy, both with the weights
        of ``expert_weights``: the Jensen-Shannon divergence [1]_, which is the information that
        naming the expert gives of the outcome. 0 where all experts with weight say the same, and
        at most the entropy of the weights: two experts of equal weight reach 0.69 if each is
        certain of another class, 0.37 if they give it 0.9 and 0.1. A sample of a high value is one
        to look at. Of values, the entropy is that of a Gaussian with the mixture's variance.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            In nats, non-negative.

        References
        ----------
        .. [1] Lin, "Divergence measures based on the Shannon entropy", IEEE Trans. Inf. Theory 37,
           1991.
        """
        return self._collect(X, lambda columns: self.pool_.disagreement(columns))

    def linear_pool_share(self, X: Any) -> Floats:
        """Share of the linear pool in all coefficients of each sample.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            ``a_lin / sum of all a``, in [0, 1]; 0 with ``linear_pool=False``.
        """
        return self._collect(X, lambda columns: self._shares(columns)[1])

    def sharpness(self, X: Any) -> Floats:
        """Sum of all coefficients of each sample.

        Above 1 the product is sharper than a weighted mean of log-probabilities, below
        1 flatter.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Positive.
        """
        return self._collect(X, lambda columns: self._shares(columns)[2])

    def transform(self, X: Any) -> Floats:
        """What the pool reads of each sample, one column after the other.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.

        Returns
        -------
        ndarray of shape (n_samples, n_columns), float64
            For classes and events the log-probabilities of ``expert_logits``, and for several
            labels the log-odds, expert by expert; for values the calibrated mean of each expert.
        """
        return self._transformed(self._outputs(X))

    def _transformed(self, outputs):
        """Columns of ``transform`` from outputs."""
        logits = all_log_proba(outputs)
        return logits.reshape(len(logits), -1)


class CategoryInference(PoolInference):
    """What a fitted pool says of X beyond weights, where experts predict probabilities."""

    def cross_class_share(self, X: Any) -> Floats:
        """How much of the fused scores the cross-class correction moves.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Norm of the correction, centred over the classes, over the sum of its norm
            and that of the weighted product; in [0, 1], and 0 without a correction.
        """
        return self._collect(X, lambda columns: self.pool_.correction_share(columns))

    def expert_logits(self, X: Any) -> Floats:
        """Log-probabilities of each expert, as the pool reads them.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.

        Returns
        -------
        ndarray of shape (n_samples, n_experts, n_classes), float64
            Natural logarithms, normalised over the classes (in the order of
            ``classes_``; for survival, the intervals and the tail) and floored; NaN where
            an expert is missing.
        """
        return all_log_proba(self._outputs(X))


def expert_log_proba(model, X):
    """What each expert of a fitted estimator says of X, as its pool reads it.

    Parameters
    ----------
    model : PoolInference
    X : array or DataFrame

    Returns
    -------
    ndarray of shape (n_samples, n_experts, n_classes)
        Log-probabilities or other natural parameters; NaN where an expert is missing.
    """
    return all_log_proba(model._outputs(X))


def fused_log_proba(model, X):
    """Fused log-probabilities of a fitted estimator: (n_samples, n_classes)."""
    return model._log_proba(X)


def weights_in_kind(asked, model, X):
    """Weights of each expert: an array, or the frame that X or ``set_output`` asks for.

    Parameters
    ----------
    asked : estimator
        Whose ``set_output`` counts: the model or a search that holds it.
    model : PoolInference
    X : array or DataFrame

    Returns
    -------
    ndarray or DataFrame of shape (n_samples, n_experts)
    """
    weights = model._collect(X, lambda columns: model._shares(columns)[0])
    library = _get_output_config("transform", asked)["dense"]
    return in_kind_of(X, weights, model.expert_names_, library)


def present_weights(model, X):
    """Weights of ``expert_weights``, NaN where an expert is missing."""

    def compute(columns):
        missing = ~columns.present[:, : columns.n_experts]
        return np.where(missing, np.nan, model._shares(columns)[0])

    return model._collect(X, compute)


def is_table(X):
    """Whether X has two axes and columns of one level, matched by the estimator's own checks."""
    if isinstance(X, ExpertOutputs):
        return False
    if isinstance(X, (list, tuple)):
        # nested three deep: a list of lists, or of arrays of two axes
        first = X[0] if len(X) else []
        inner = first[0] if isinstance(first, (list, tuple)) and len(first) else 0
        return not isinstance(inner, (list, tuple, np.ndarray)) and np.ndim(first) < 2
    return len(getattr(X, "shape", (0, 0))) == 2 and not is_two_level(X)


def check_active(log_proba, start, active, names):
    """Refuse rows on which only experts are present that have no weight.

    Parameters
    ----------
    log_proba : ndarray of shape (n_samples, n_experts, n_classes)
        NaN where an expert is missing.
    start : int
        Where the rows begin in X.
    active : ndarray of shape (n_experts,), bool
    names : list of str
        Of the experts.
    """
    empty = ~(~np.isnan(log_proba[:, :, 0]) & active).any(axis=1)
    if empty.any():
        unseen = [name for name, on in zip(names, active, strict=True) if not on]
        raise ValueError(
            f"In row {start + int(np.argmax(empty))} of X all experts are missing but "
            f"{', '.join(unseen)}, which the fit data lacked and which has no weight. Refit with "
            "data that hold this expert, or remove the row."
        )
