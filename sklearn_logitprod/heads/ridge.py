"""RidgeHead: values from features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_array, check_consistent_length, column_or_1d

from sklearn_logitprod._typing import CrossValidation, Floats, RandomState
from sklearn_logitprod.heads.base import PRIOR_VARIANCES, LinearHead


def fold_losses(principal, target, weight, folds, penalties):
    """Mean squared error on held-out rows of each penalty, without a refit.

    With the hat matrix H of all rows, the residuals of a fold f that is left out are
    ``(I - H_ff)^-1 (y - H y)_f``: exact for every penalty and any folds.

    Parameters
    ----------
    principal : Principal
    target : ndarray of shape (n_samples,), float64
        Of weighted mean 0.
    weight : ndarray of shape (n_samples,), float64
    folds : list of ndarray of int
    penalties : ndarray of shape (n_penalties,), float64

    Returns
    -------
    ndarray of shape (n_penalties,), float64
    """
    root = np.sqrt(weight)
    scores, own = root[:, None] * principal.scores, root * target
    share = root / np.sqrt(weight.sum())
    total = np.zeros(len(penalties))
    for number, penalty in enumerate(penalties):
        shrunk = scores / (principal.squares + penalty)
        residual = own - shrunk @ (scores.T @ own)
        for rows in folds:
            # the mean is estimated, too
            hat = shrunk[rows] @ scores[rows].T + np.outer(share[rows], share[rows])
            left_out = np.linalg.solve(np.eye(len(rows)) - hat, residual[rows])
            total[number] += left_out @ left_out
    return total / weight.sum()


class RidgeHead(RegressorMixin, LinearHead):
    """Ridge regression on features, its penalty chosen inside.

    Features are standardised, their Gram matrix is decomposed once, and the squared error of every
    penalty on the held-out rows of every fold follows from it without a refit [1]_. Unlike in
    leave-one-out, groups stay together.

    Parameters
    ----------
    prior_variances : sequence of float, default=(0.01, 0.0316, ..., 100000)
        Prior variances of the linear predictor that are tried, in units of the variance of the
        residuals: the penalty on the squared coefficients is ``n_features / variance``. A single
        one fixes it.
    cv : int, splitter or iterable of splits, default=5
        How the penalty is chosen. A number means shuffled folds that keep groups together.
    random_state : int, RandomState instance or None, default=None
        Seeds the folds; None means 0.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,), float64
        Coefficients of the features in their units.
    intercept_ : float
        Prediction where all features are 0.
    prior_variance_ : float
        The one chosen.
    cv_losses_ : ndarray of shape (n_variances,), float64
        Mean squared error in cross-validation, from the smallest prior variance on.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where X is a frame with such.

    References
    ----------
    .. [1] Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", section 7.10,
       2009, for a fold of one row.

    Examples
    --------
    A line, which a weak penalty leaves as it is:

    >>> import numpy as np
    >>> from sklearn_logitprod.experts import RidgeHead
    >>> x = np.arange(10.0)[:, None]
    >>> head = RidgeHead().fit(x, 2.0 * x[:, 0] + 1.0)
    >>> head.predict([[20.0]]).round(2).tolist()
    [41.0]
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
    ) -> RidgeHead:
        """Fit at the penalty with the smallest cross-validated squared error.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, finite.
        y : array-like of shape (n_samples,)
            Values, finite.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative; 0 leaves a row out.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group stay in one fold.

        Returns
        -------
        self : RidgeHead

        Raises
        ------
        ValueError
            If no feature varies, or an input is not as said here.
        """
        if y is None:
            raise ValueError("RidgeHead requires y to be passed, but the target y is None.")
        X = self._features(X)
        values = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        values = column_or_1d(values, warn=True)
        check_consistent_length(X, values)
        kept, weight, principal, penalties = self._prepared(X, sample_weight)
        mean = weight @ values[kept] / weight.sum()
        centred = values[kept] - mean
        folds = self._held_out(np.zeros(len(X), dtype=np.intp), groups, kept, len(X))
        best, losses = 0, np.full(len(penalties), np.nan)
        if folds:
            losses = fold_losses(principal, centred, weight, folds, penalties)
            best = int(np.argmin(losses))
        theta = principal.scores.T @ (weight * centred) / (principal.squares + penalties[best])
        self._keep(principal, theta[:, None], np.array([mean]), best, losses)
        self.coef_, self.intercept_ = self.coef_[0], float(self.intercept_[0])
        return self

    def predict(self, X: Any) -> Floats:
        """Predicted values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,), float64
        """
        return self._linear(X)

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Coefficient of determination R^2.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in ``fit``.
        y : array-like of shape (n_samples,)
            True values.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        float
            At most 1.
        """
        return super().score(X, y, sample_weight)
