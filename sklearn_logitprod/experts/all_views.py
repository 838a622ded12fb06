"""All encoders side by side in one head: feature fusion, to which fused experts are compared."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from sklearn_logitprod._text import brief
from sklearn_logitprod._typing import Floats, Labels
from sklearn_logitprod.experts.columns import View
from sklearn_logitprod.experts.views import DEFAULT_HEADS
from sklearn_logitprod.outputs.frames import is_two_level


def _head_has(method):
    def check(self):
        getattr(getattr(self, "estimator_", self.estimator), method)
        return True

    return available_if(check)


class AllViewsExpert(MetaEstimatorMixin, BaseEstimator):
    """One estimator on the features of all encoders; :func:`on_all_views` makes it.

    A sample that lacks an encoder has the mean of each of its features over the samples of the
    fit that have it.

    Parameters
    ----------
    estimator : estimator, default=None
        The head. None is for comparisons and experts of this package's estimators, which give it
        the default head of their task.

    Attributes
    ----------
    estimator_ : estimator
        The fitted head.
    classes_ : ndarray of shape (n_classes,)
        Classes of the head, if it is a classifier.
    columns_ : list of (str, object)
        Encoder and name of each feature.
    means_ : ndarray of shape (n_features,), float64
        What stands for features that are missing; 0 of an encoder that no sample of the fit has.
    n_features_in_ : int
        Number of features.

    See Also
    --------
    on_view : The expert of one encoder.
    """

    def __init__(self, estimator: Any = None) -> None:
        self.estimator = estimator

    def for_task(self, task: str) -> AllViewsExpert:
        """With the default head of a task, if it has none.

        Parameters
        ----------
        task : str
            "classes", "events" or "values".

        Returns
        -------
        AllViewsExpert
        """
        if self.estimator is not None or task not in DEFAULT_HEADS:
            return self
        return AllViewsExpert(DEFAULT_HEADS[task]())

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> AllViewsExpert:
        """Fit the head on all features.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            Columns of two levels, encoder and feature. A sample that lacks an encoder is NaN in
            all its features.
        y : array-like of shape (n_samples,)
            Whatever the head is fitted on.
        sample_weight, groups : array-like of shape (n_samples,), default=None
            They reach a head whose ``fit`` takes them.

        Returns
        -------
        self : AllViewsExpert

        Raises
        ------
        ValueError
            If X does not name encoders, a row has a part of one, or there is no head.
        """
        if self.estimator is None:
            raise ValueError(
                "on_all_views() has no head. Comparisons and LogitProd estimators give it the "
                "default one of their task; elsewhere write it: on_all_views(LogisticHead()) for "
                "classes, CoxHead() for events, RidgeHead() for values."
            )
        values = self._checked(X)
        there = ~np.isnan(values)
        # in double precision: single loses digits over thousands of rows
        sums, counts = np.nansum(values, axis=0, dtype=np.float64), there.sum(axis=0)
        means = sums / np.maximum(counts, 1)
        given = {"sample_weight": sample_weight, "groups": groups}
        given = {
            name: own
            for name, own in given.items()
            if own is not None and has_fit_parameter(self.estimator, name)
        }
        self.estimator_ = clone(self.estimator).fit(_filled(values, means), y, **given)
        self.columns_, self.means_ = list(X.columns), means
        self.n_features_in_ = values.shape[1]
        return self

    def _checked(self, X):
        """Features as an array, NaN only where whole encoders are missing."""
        if not is_two_level(X) or X.columns.nlevels != 2:
            raise ValueError(
                "on_all_views takes a DataFrame with columns (encoder, feature), as "
                f"io.read_embeddings gives it, but X is {type(X).__name__}. Make it with "
                "pandas.concat({'uni': X1, 'conch': X2}, axis=1)."
            )
        for name in dict.fromkeys(X.columns.get_level_values(0)):
            own = View(name)
            own.present(own.columns_of(X))
        return X.to_numpy()

    def _features(self, X):
        """Features in the order of the fit, without gaps."""
        check_is_fitted(self)
        values, here = self._checked(X), list(X.columns)
        if here != self.columns_:
            lacking = [own for own in self.columns_ if own not in set(here)]
            if lacking or len(here) != len(self.columns_):
                raise ValueError(
                    f"X has {len(here)} features, but the fit had {len(self.columns_)}"
                    + (f"; X lacks {brief(lacking, 3)}" if lacking else "")
                    + ". Pass the same encoders, NaN where one is missing."
                )
            values = X[self.columns_].to_numpy()
        return _filled(values, self.means_)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self.estimator is not None:
            own = get_tags(self.estimator)
            tags.estimator_type, tags.target_tags = own.estimator_type, own.target_tags
            tags.classifier_tags, tags.regressor_tags = own.classifier_tags, own.regressor_tags
        tags.input_tags.allow_nan = True
        return tags

    @property
    def _predict_risk_score(self):
        """Whether ``predict`` of a survival head is a risk, as scikit-survival marks it."""
        head = getattr(self, "estimator_", self.estimator)
        return getattr(head, "_predict_risk_score", True)

    @property
    def classes_(self) -> Labels:
        """Classes of the fitted head."""
        return self.estimator_.classes_

    @_head_has("predict_proba")
    def predict_proba(self, X: Any) -> Floats:
        """Probabilities by the head.

        Parameters
        ----------
        X : DataFrame
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
        """
        return self.estimator_.predict_proba(self._features(X))

    @_head_has("decision_function")
    def decision_function(self, X: Any) -> Floats:
        """Scores of the classes by the head.

        Parameters
        ----------
        X : DataFrame
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes), float64
        """
        return self.estimator_.decision_function(self._features(X))

    @_head_has("predict")
    def predict(self, X: Any) -> Any:
        """Predictions of the head: labels, risks or values.

        Parameters
        ----------
        X : DataFrame
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self.estimator_.predict(self._features(X))

    @_head_has("predict_survival_function")
    def predict_survival_function(self, X: Any) -> Any:
        """Survival functions by the head.

        Parameters
        ----------
        X : DataFrame
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,) of callables
        """
        return self.estimator_.predict_survival_function(self._features(X))

    @_head_has("score")
    def score(self, X: Any, y: Any) -> float:
        """Score of the head.

        Parameters
        ----------
        X : DataFrame
            As in ``fit``.
        y : array-like of shape (n_samples,)
            As in ``fit``.

        Returns
        -------
        float
        """
        return self.estimator_.score(self._features(X), y)


def _filled(values, means):
    """Features with the mean where they are missing."""
    missing = np.isnan(values)
    return np.where(missing, means.astype(values.dtype), values) if missing.any() else values


def on_all_views(estimator: Any = None) -> AllViewsExpert:
    """One estimator on the features of all encoders side by side.

    This is feature fusion, the usual alternative to fusing predictions: a rival in ``compare``, or
    one more expert. A sample that lacks an encoder gets the mean of its features over the samples
    of the fit.

    Parameters
    ----------
    estimator : estimator, default=None
        Its head, such as a scikit-learn classifier or pipeline. None takes the default head of the
        task: :class:`LogisticHead`, :class:`CoxHead` or :class:`RidgeHead`.

    Returns
    -------
    AllViewsExpert

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_logitprod.experts import on_all_views
    >>> columns = pd.MultiIndex.from_tuples([("uni", 0), ("conch", 0)])
    >>> X = pd.DataFrame([[0.0, 1.0], [1.0, 0.0], [2.0, np.nan]], columns=columns)
    >>> expert = on_all_views(LinearRegression()).fit(X, [3.0, 1.0, 2.0])
    >>> expert.means_.tolist()
    [1.0, 0.5]
    >>> expert.predict(X).round(2).tolist()
    [3.0, 1.0, 2.0]
    """
    return AllViewsExpert(estimator)
