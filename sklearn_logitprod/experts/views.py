"""Experts on views: each reads the features of its own encoder, where a sample has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _raise_for_params,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_consistent_length, check_is_fitted, has_fit_parameter

from sklearn_logitprod._text import plain
from sklearn_logitprod._typing import Floats, Labels
from sklearn_logitprod.experts.columns import View
from sklearn_logitprod.experts.survival import UnknownSurvival
from sklearn_logitprod.heads.cox import CoxHead
from sklearn_logitprod.heads.logistic import LogisticHead
from sklearn_logitprod.heads.ridge import RidgeHead

if TYPE_CHECKING:
    from typing_extensions import Self

DEFAULT_HEADS = {"classes": LogisticHead, "events": CoxHead, "values": RidgeHead}
"""Head of a view that names none, by the task of the estimator it is an expert of."""


def _head_has(method):
    def check(self):
        # before a fit, what the head shows; an AttributeError of its own says why not
        getattr(self.head, method)
        return True

    return available_if(check)


class ViewExpert(MetaEstimatorMixin, BaseEstimator):
    """An estimator on the features of one encoder; :func:`on_view` makes it.

    Its head is fitted on the samples that have the view, and its answer is NaN for samples that
    lack it, which fusions read as an expert that is missing there.

    Parameters
    ----------
    view : str
        Name of the encoder: the first level of X's columns.
    estimator : estimator, default=None
        The head. None is for experts of this package's estimators, which give it the default head
        of their task.
    columns : slice, sequence of int or sequence of str, default=None
        Columns of the view where X has one level of them, such as arrays.

    Attributes
    ----------
    estimator_ : estimator
        The fitted head.
    classes_ : ndarray of shape (n_classes,)
        Classes of the head, if it is a classifier.
    features_ : list or None
        Names of the view's features, to which later frames are aligned; None for arrays.
    n_features_in_ : int
        Number of the view's features.
    n_samples_fit_ : int
        Number of samples that have the view.

    See Also
    --------
    LogisticHead : Default head of classifiers.
    CoxHead : Default head of survival estimators.
    RidgeHead : Default head of regressors.
    """

    misses_rows = True

    def __init__(
        self,
        view: str,
        estimator: Any = None,
        *,
        columns: slice | Sequence[int] | Sequence[str] | None = None,
    ) -> None:
        self.view = view
        self.estimator = estimator
        self.columns = columns

    def set_params(self, **params: Any) -> Self:
        """Set parameters, also those of the head as ``estimator__parameter``.

        Parameters
        ----------
        **params : dict
            Parameters by name.

        Returns
        -------
        self : ViewExpert

        Raises
        ------
        ValueError
            If a parameter of the head is named, but none was given.
        """
        nested = [key for key in params if key.startswith("estimator__")]
        if nested and params.get("estimator", self.estimator) is None:
            raise ValueError(
                f"{nested[0]} cannot be set: on_view({plain(self.view)}) has the default head, "
                "which is chosen in fit. Write it to set its parameters, such as "
                f"on_view({plain(self.view)}, LogisticHead())."
            )
        return super().set_params(**params)

    def for_task(self, task: str) -> ViewExpert:
        """With the default head of a task, if it has none.

        Parameters
        ----------
        task : str
            "classes", "events" or "values".

        Returns
        -------
        ViewExpert
        """
        if self.estimator is not None or task not in DEFAULT_HEADS:
            return self
        return ViewExpert(self.view, DEFAULT_HEADS[task](), columns=self.columns)

    @property
    def head(self) -> Any:
        """The fitted head, before a fit the one that will be."""
        return getattr(self, "estimator_", self.estimator)

    @property
    def _own(self):
        return View(self.view, self.columns)

    def own_columns(self, X: Any) -> Any:
        """The part of X that the expert reads, in a form that it reads again.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.

        Returns
        -------
        array or DataFrame
            X itself if ``columns`` tells which are the view's.
        """
        return self._own.columns_of(X)

    def _aligned(self, X):
        """Features of the view as in the fit, and which rows have it."""
        check_is_fitted(self)
        own = self._own.aligned(X, self.features_, self.n_features_in_)
        return own, self._own.present(own)

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        **params: Any,
    ) -> ViewExpert:
        """Fit the head on the samples that have the view.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_columns)
            Columns of two levels, encoder and feature; with ``columns``, any table. A sample that
            lacks the view is NaN in all its features.
        y : array-like of shape (n_samples,)
            Whatever the head is fitted on.
        sample_weight, groups : array-like of shape (n_samples,), default=None
            They reach a head whose ``fit`` takes them (with metadata routing enabled: that
            requests them).
        **params : dict
            Metadata of the head; needs metadata routing enabled.

        Returns
        -------
        self : ViewExpert

        Raises
        ------
        ValueError
            If X has no such view, a row has a part of it, no row has it, the rows that have it
            are of a single class, or there is no head.
        """
        if self.estimator is None:
            raise ValueError(
                f"on_view({plain(self.view)}) has no head. Experts of LogitProd estimators get the "
                f"default one of their task; elsewhere write it: on_view({plain(self.view)}, "
                "LogisticHead()) for classes, CoxHead() for events, RidgeHead() for values."
            )
        own, names = self._own.features(X)
        check_consistent_length(own, y, sample_weight, groups)
        present = self._own.present(own)
        rows = np.flatnonzero(present)
        if not len(rows):
            raise ValueError(
                f"None of the {len(present)} rows of this fit has the view {plain(self.view)}: all "
                "its features are NaN. Leave the expert out, or fit on samples that have it."
            )
        given = self._head_params({"sample_weight": sample_weight, "groups": groups, **params})
        if len(rows) < len(present):
            own, y = _safe_indexing(own, rows), None if y is None else _safe_indexing(y, rows)
            given = {key: _safe_indexing(value, rows) for key, value in given.items()}
        if is_classifier(self.estimator):
            self._check_classes(y, len(present))
        head = clone(self.estimator).fit(own, y, **given)
        self.estimator_, self.features_ = head, names
        self.n_features_in_, self.n_samples_fit_ = own.shape[1], len(rows)
        return self

    def _check_classes(self, y, n_samples):
        labels = np.asarray(y)
        if labels.ndim == 1 and len(labels) < n_samples and len(set(labels.tolist())) == 1:
            raise ValueError(
                f"Of the {n_samples} rows of this fit, {len(labels)} have the view "
                f"{plain(self.view)}, all of class {plain(labels[0])}: its head has nothing to "
                "tell apart. Leave the expert out, or use fewer folds."
            )

    def _head_params(self, params):
        """Keyword arguments of the head's fit."""
        params = {key: value for key, value in params.items() if value is not None}
        if _routing_enabled():
            return dict(process_routing(self, "fit", **params).estimator.fit) if params else {}
        own = ("sample_weight", "groups")
        _raise_for_params({k: v for k, v in params.items() if k not in own}, self, "fit")
        return {k: v for k, v in params.items() if has_fit_parameter(self.estimator, k)}

    def get_metadata_routing(self) -> Any:
        """Metadata routing: the requests of the head.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
        """
        router = MetadataRouter(owner=self)
        if self.estimator is None:
            return router
        mapping = MethodMapping().add(caller="fit", callee="fit")
        return router.add(estimator=self.estimator, method_mapping=mapping)

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
        head = self.head
        return getattr(getattr(head, "best_estimator_", head), "_predict_risk_score", True)

    @property
    def classes_(self) -> Labels:
        """Classes of the fitted head."""
        return self.estimator_.classes_

    def _answer(self, method, X, params, empty=None):
        """Answer of the head, NaN where rows lack the view.

        `empty` is the shape of a row's answer, for X of which no row has the view.
        """
        own, present = self._aligned(X)
        ask = getattr(self.estimator_, method)
        if not present.any():
            nothing = np.full((len(present), *(empty or ())), np.nan)
            return (nothing, nothing) if params.get("return_std") else nothing
        if present.all():
            answer, rows = ask(own, **params), slice(None)
        else:
            rows = np.flatnonzero(present)
            answer = ask(_safe_indexing(own, rows), **params)
        if isinstance(answer, tuple):
            return tuple(self._spread(one, rows, present) for one in answer)
        return self._spread(answer, rows, present)

    def _spread(self, answer, rows, present):
        """An answer for the rows that have the view as one for all rows."""
        answer = np.asarray(answer)
        if answer.dtype.kind not in "biuf":
            raise ValueError(
                f"The head of view {plain(self.view)} answers with {answer.dtype}, which has no "
                "value for the rows that lack the view. Remove these rows, or ask for "
                "probabilities."
            )
        bad = np.isnan(answer)
        if bad.any():
            row = int(np.flatnonzero(present)[np.argwhere(bad)[0][0]])
            raise ValueError(
                f"The head of view {plain(self.view)} gave NaN in row {row} of X, which has the "
                "view. Mend the head: NaN says that a sample lacks the view."
            )
        if isinstance(rows, slice):
            return answer
        out = np.full((len(present), *answer.shape[1:]), np.nan)
        out[rows] = answer
        return out

    @_head_has("predict_proba")
    def predict_proba(self, X: Any) -> Floats:
        """Class probabilities by the head.

        Parameters
        ----------
        X : DataFrame or array
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            NaN in rows that lack the view.
        """
        return self._answer("predict_proba", X, {}, (len(self.classes_),))

    @_head_has("predict_log_proba")
    def predict_log_proba(self, X: Any) -> Floats:
        """Logarithms of class probabilities by the head.

        Parameters
        ----------
        X : DataFrame or array
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            NaN in rows that lack the view.
        """
        return self._answer("predict_log_proba", X, {}, (len(self.classes_),))

    @_head_has("decision_function")
    def decision_function(self, X: Any) -> Floats:
        """Scores of classes by the head.

        Parameters
        ----------
        X : DataFrame or array
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes), float64
            NaN in rows that lack the view.
        """
        n_classes = len(self.classes_)
        return self._answer("decision_function", X, {}, (n_classes,) if n_classes > 2 else ())

    @_head_has("predict")
    def predict(self, X: Any, **params: Any) -> Any:
        """Predictions of the head: labels, risks or values.

        Parameters
        ----------
        X : DataFrame or array
            As in ``fit``.
        **params : dict
            For the head, such as ``return_std=True``.

        Returns
        -------
        ndarray of shape (n_samples,), or what the head gives
            NaN in rows that lack the view.

        Raises
        ------
        ValueError
            If the head is a classifier and rows lack the view: there is no label for them.
        """
        if is_classifier(self):
            own, present = self._aligned(X)
            lacking = np.flatnonzero(~present)
            if len(lacking):
                raise ValueError(
                    f"{len(lacking)} row(s) of X lack the view {plain(self.view)}, the first is "
                    f"row {lacking[0]}: there is no label for them. Remove them, or ask for "
                    "predict_proba, which is NaN there."
                )
            return self.estimator_.predict(own, **params)
        return self._answer("predict", X, params)

    @_head_has("predict_survival_function")
    def predict_survival_function(self, X: Any) -> Labels:
        """Survival functions by the head.

        Parameters
        ----------
        X : DataFrame or array
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,) of callables
            NaN at all times for rows that lack the view.
        """
        own, present = self._aligned(X)
        rows = np.flatnonzero(present)
        functions = np.empty(own.shape[0], dtype=object)
        functions[:] = [UnknownSurvival() for _ in functions]
        if len(rows):
            found = self.estimator_.predict_survival_function(_safe_indexing(own, rows))
            for row, function in zip(rows, found, strict=True):
                functions[row] = function
        return functions

    @_head_has("score")
    def score(self, X: Any, y: Any) -> float:
        """Score of the head on the rows that have the view.

        Parameters
        ----------
        X : DataFrame or array
            As in ``fit``.
        y : array-like of shape (n_samples,)
            As in ``fit``.

        Returns
        -------
        float
        """
        own, present = self._aligned(X)
        rows = np.flatnonzero(present)
        if not len(rows):
            raise ValueError(f"No row of X has the view {plain(self.view)}: there is no score.")
        return self.estimator_.score(_safe_indexing(own, rows), _safe_indexing(y, rows))


def on_view(
    view: str,
    estimator: Any = None,
    *,
    columns: slice | Sequence[int] | Sequence[str] | None = None,
) -> ViewExpert:
    """An expert that reads only the features of one encoder.

    Parameters
    ----------
    view : str
        Name of the encoder: the first level of the columns of X, a DataFrame with columns
        ``(encoder, feature)``.
    estimator : estimator, default=None
        Its head, such as a scikit-learn classifier or pipeline. None takes the default head of the
        estimator whose expert it is: :class:`LogisticHead`, :class:`CoxHead` or
        :class:`RidgeHead`.
    columns : slice, sequence of int or sequence of str, default=None
        For X without two levels of columns, such as an array: which of them are the view's.

    Returns
    -------
    ViewExpert
        Samples that are NaN in all features of the view do not reach the head, and the expert is
        missing for them.

    Examples
    --------
    Two encoders; the last sample was never seen by the second, which is missing there.

    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn_logitprod import LogitProdClassifier
    >>> from sklearn_logitprod.experts import on_view
    >>> columns = pd.MultiIndex.from_tuples([("uni", "f0"), ("uni", "f1"), ("conch", "f0")])
    >>> X = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)), columns=columns)
    >>> y = np.where(X[("uni", "f0")] > 0, "tumour", "normal")
    >>> X.loc[39, "conch"] = np.nan
    >>> model = LogitProdClassifier([on_view("uni"), on_view("conch")], cv=5)
    >>> weights = model.fit(X, y).expert_weights(X)
    >>> weights.loc[39].tolist()
    [1.0, 0.0]
    """
    return ViewExpert(view, estimator, columns=columns)
