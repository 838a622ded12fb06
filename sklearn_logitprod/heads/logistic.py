"""LogisticHead: classes from features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, log_softmax, logsumexp
from sklearn.base import ClassifierMixin

from sklearn_logitprod._typing import CrossValidation, Floats, Labels, RandomState
from sklearn_logitprod.fusion.logits import FLOOR
from sklearn_logitprod.heads.base import PRIOR_VARIANCES, LinearHead
from sklearn_logitprod.heads.path import fit_path
from sklearn_logitprod.targets.labels import check_classes, check_labels


class ClassLoss:
    """Log-loss of classes, for a batch of weights.

    Two classes have one linear predictor, the log-odds of the second; more have one each.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,), int
    n_classes : int
    """

    has_intercept = True

    def __init__(self, codes, n_classes):
        self.codes, self.n_classes = codes, n_classes
        self.n_outputs = 1 if n_classes == 2 else n_classes
        hot = codes[:, None] == np.arange(n_classes)
        self._hot = (hot[:, 1:] if n_classes == 2 else hot).astype(np.float64)[:, None]

    def losses(self, scores):
        """Loss of each row: (n_samples, n_problems)."""
        if self.n_outputs == 1:
            return np.logaddexp(0.0, np.where(self._hot, -scores, scores))[:, :, 0]
        own = np.take_along_axis(scores, self.codes[:, None, None], axis=2)[:, :, 0]
        return logsumexp(scores, axis=2) - own

    def _proba(self, scores):
        if self.n_outputs == 1:
            return expit(scores)
        return np.exp(log_softmax(scores, axis=2))

    def value_and_slope(self, scores, weights):
        """As of :class:`~sklearn_logitprod.heads.path.Loss`."""
        value = np.einsum("nb,nb->b", weights, self.losses(scores))
        return value, weights[:, :, None] * (self._proba(scores) - self._hot)

    def curvature(self, scores, weights):
        """As of :class:`~sklearn_logitprod.heads.path.Loss`."""
        proba = self._proba(scores)
        return weights[:, :, None] * proba * (1.0 - proba)

    def blocks(self, scores, weights):
        """As of :class:`~sklearn_logitprod.heads.path.Loss`."""
        proba = self._proba(scores)
        if self.n_outputs == 1:
            return (weights[:, :, None] * proba * (1.0 - proba))[:, :, :, None]
        own = -proba[:, :, :, None] * proba[:, :, None, :]
        place = np.arange(self.n_outputs)
        own[:, :, place, place] += proba
        return weights[:, :, None, None] * own

    def held_out(self, scores, fitted, every):
        """As of :class:`~sklearn_logitprod.heads.path.Loss`; probabilities are floored as a pool
        reads them, so that no single row decides.
        """
        proba = (1.0 - FLOOR) * np.exp(-self.losses(scores)) + FLOOR / self.n_classes
        return -float(np.sum(np.where(fitted == 0.0, every[:, None], 0.0) * np.log(proba)))


class LogisticHead(ClassifierMixin, LinearHead):
    r"""Ridge-penalised logistic regression on features, its penalty chosen inside.

    Features are standardised. The penalised log-loss

    .. math::

       \sum_i v_i \Bigl( \log \sum_k e^{f_{ik}} - f_{i y_i} \Bigr)
       + \tfrac{\lambda}{2} \lVert B \rVert^2, \qquad f_i = B x_i + c

    depends on them through their Gram matrix alone [1]_, which is decomposed once; folds and
    penalties are then fitted together, on as many scores as there are rows or features,
    whichever is less. The penalty has the smallest log-loss in cross-validation within the fit
    data: probabilities are fit to be pooled as they are.

    Parameters
    ----------
    prior_variances : sequence of float, default=(0.01, 0.0316, ..., 100000)
        Prior variances of a log-odds that are tried: :math:`\lambda` is ``n_features / variance``,
        so that standardised features of any number give it this variance. A single one fixes the
        penalty.
    cv : int, splitter or iterable of splits, default=5
        How the penalty is chosen. A number means stratified, shuffled folds that keep groups
        together.
    random_state : int, RandomState instance or None, default=None
        Seeds the folds; None means 0.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted class labels.
    coef_ : ndarray of shape (1 or n_classes, n_features), float64
        Coefficients of the features in their units; one row for two classes.
    intercept_ : ndarray of shape (1 or n_classes,), float64
        Log-odds, or scores, where all features are 0.
    prior_variance_ : float
        The one chosen.
    cv_losses_ : ndarray of shape (n_variances,), float64
        Mean cross-validated log-loss of each prior variance, from the smallest on, in nats; NaN
        for those beyond the end of the path, which ends once the loss has risen twice.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where X is a frame with such.

    See Also
    --------
    on_view : Fits a head on the features of one encoder.

    References
    ----------
    .. [1] Hastie and Tibshirani, "Efficient quadratic regularization for expression arrays",
       Biostatistics 5, 2004.

    Examples
    --------
    One feature, larger in one of two classes:

    >>> import numpy as np
    >>> from sklearn_logitprod.experts import LogisticHead
    >>> x, y = np.tile([0.0, 1.0, 2.0, 3.0], 5)[:, None], np.tile([0, 0, 1, 1], 5)
    >>> head = LogisticHead().fit(x, y)
    >>> head.predict([[0.5], [2.5]]).tolist()
    [0, 1]
    >>> head.predict_proba([[1.5]]).round(3).tolist()
    [[0.5, 0.5]]
    """

    def __init__(
        self,
        *,
        prior_variances: Sequence[float] = PRIOR_VARIANCES,
        cv: CrossValidation = 5,
        random_state: RandomState = None,
    ) -> None:
        self.prior_variances = prior_variances
        self.cv = cv
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> LogisticHead:
        """Fit at the penalty with the smallest cross-validated log-loss.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, finite.
        y : array-like of shape (n_samples,)
            Class labels, two at least.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative; 0 leaves a row out.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group stay in one fold.

        Returns
        -------
        self : LogisticHead

        Raises
        ------
        ValueError
            If y holds a single class, no feature varies, or an input is not as said here.
        """
        if y is None:
            raise ValueError("LogisticHead requires y to be passed, but the target y is None.")
        X = self._features(X)
        labels = check_labels(y, len(X))
        kept, weight, principal, penalties = self._prepared(X, sample_weight)
        classes, codes = check_classes(labels[kept], None)
        strata = np.zeros(len(X), dtype=np.intp)
        strata[kept] = codes
        folds = self._held_out(strata, groups, kept, len(X))
        loss = ClassLoss(codes, len(classes))
        self._keep_path(principal, fit_path(principal, loss, weight, folds, penalties))
        self.classes_ = classes
        return self

    def decision_function(self, X: Any) -> Floats:
        """Linear predictors.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes), float64
            Log-odds of the second of two classes; scores of more.
        """
        scores = self._linear(X)
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_log_proba(self, X: Any) -> Floats:
        """Logarithms of class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            In the order of ``classes_``.
        """
        scores = self._linear(X)
        if len(self.classes_) == 2:
            scores = np.column_stack([np.zeros(len(scores)), scores[:, 0]])
        return log_softmax(scores, axis=1)

    def predict_proba(self, X: Any) -> Floats:
        """Class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            In the order of ``classes_``.
        """
        return np.exp(self.predict_log_proba(X))

    def predict(self, X: Any) -> Labels:
        """Most probable classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,)
            Class labels.
        """
        best = self.predict_log_proba(X).argmax(axis=1)
        return self.classes_[best]

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Accuracy.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in ``fit``.
        y : array-like of shape (n_samples,)
            True labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        float
            Share of samples whose most probable class is the true one.
        """
        return super().score(X, y, sample_weight)
