"""What the searches share: all candidates and folds solved side by side."""

from __future__ import annotations

import time
from functools import lru_cache
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import MetaEstimatorMixin, TransformerMixin
from sklearn.metrics import check_scoring
from sklearn.model_selection import ParameterGrid
from sklearn.utils import _safe_indexing, get_tags, indexable
from sklearn.utils.validation import check_is_fitted

from sklearn_logitprod._progress import CallbackSupportMixin, FitProgress, with_callbacks
from sklearn_logitprod._text import options_renamed, said_once
from sklearn_logitprod._typing import Floats, Labels
from sklearn_logitprod.estimators.base import BaseLogitProd
from sklearn_logitprod.estimators.inference import weights_in_kind
from sklearn_logitprod.estimators.prepared import all_log_proba
from sklearn_logitprod.experts.composition import ExpertsComposition
from sklearn_logitprod.experts.display import ExpertsDisplayMixin
from sklearn_logitprod.outputs.checks import n_rows
from sklearn_logitprod.search.candidates import Part, cv_results, joined
from sklearn_logitprod.targets.folds import search_splits
from sklearn_logitprod.targets.weights import check_weights
from sklearn_logitprod.training.threads import load_torch


def search_constraints(estimator):
    """Parameter constraints of a search over an estimator."""
    own = estimator._parameter_constraints
    fixed = ("gate_width", "temperature", "alpha", "selection_cv")
    return {key: value for key, value in own.items() if key not in fixed} | {
        "gate_widths": ["array-like"],
        "temperatures": ["array-like"],
        "alphas": ["array-like"],
        "cv": ["cv_object"],
        "scoring": [None, str, callable],
        "expert_cv": BaseLogitProd._parameter_constraints["cv"],
    }


class BaseLogitProdCV(
    ExpertsDisplayMixin,
    CallbackSupportMixin,
    MetaEstimatorMixin,
    TransformerMixin,
    ExpertsComposition,
):
    """Search over gate width, gate temperature and alpha by cross-validation.

    Subclasses say which estimator is searched over (``_searched``), what folds of a number
    are stratified by and made of (``_checked``), what all folds share (``_shared``), and which
    fitted attributes of the best estimator are theirs, too (``_handed_on``).
    """

    _experts_cv = "expert_cv"
    _handed_on: tuple[str, ...] = ()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        own = get_tags(self._estimator({}))
        tags.input_tags, tags.non_deterministic = own.input_tags, own.non_deterministic
        return tags

    @property
    def task_name(self) -> str:
        """Task of the estimator searched over."""
        return self._searched.task_name

    def _estimator(self, params):
        """Unfitted estimator with some parameters, and otherwise those of the search."""
        shared = {name: getattr(self, name) for name in _shared_names(type(self))}
        return self._searched(**{**shared, "cv": self.expert_cv, **params})

    def fit_transform(
        self,
        X: Any,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Floats:
        """Search, and give what the best candidate was fitted on.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.
        y : array-like of shape (n_samples,)
            As in ``fit``.
        sample_weight, groups : array-like of shape (n_samples,), default=None
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_columns), float64
            Out-of-fold for cross-fitted experts, else the same as ``transform``.
        """
        outputs = self._search(X, y, sample_weight, groups)
        return self._best._transformed(outputs)

    @with_callbacks
    def _search(self, X, y, sample_weight, groups):
        """Compare all candidates and fit the best one on all rows; gives the outputs of these."""
        # what holds for one candidate or fold mostly holds for all of them
        names = options_renamed(cv=self._experts_cv)
        progress = FitProgress(self, self.verbose, 3, X=X, y=y)
        with said_once(), names, progress:
            return self._compare(X, y, sample_weight, groups, progress)

    def _compare(self, X, y, sample_weight, groups, progress):
        X, y, sample_weight, groups = self._estimator({})._given(X, y, sample_weight, groups)
        grid = self._grid()
        y, strata, told = self._checked(X, y)
        first = self._estimator(grid[0])
        first._check_parameters()
        if any(params["gate_width"] is not None for params in grid):
            load_torch()
        start = time.perf_counter()
        with progress.stage("outputs"):
            prepared, parts = self._parts(
                first, X, y, strata, told, sample_weight, groups, progress
            )
        # all candidates together: whoever differs in the gate alone shares outputs and passes
        specs = [self._estimator(params)._head_spec(*parts[0].shape) for params in grid]
        with progress.stage("candidates"):
            pools = [part.search(specs, progress) for part in parts]
        middle = time.perf_counter()
        scorer = None if self.scoring is None else check_scoring(first, self.scoring)
        scores = np.hstack(
            [part.scores(own, scorer) for part, own in zip(parts, pools, strict=True)]
        )
        times = middle - start, time.perf_counter() - middle
        results = cv_results(grid, scores, *times)
        # the first of equals, as in scikit-learn
        best = int(np.argmin(results["rank_test_score"]))
        start = time.perf_counter()
        estimator = self._estimator(grid[best])
        with progress.stage("refit"):
            progress("best candidate, all rows")
            # experts of the folds have seen a part of the rows; those that stay see all of them
            if prepared is None:
                prepared = estimator._prepare(X, y, sample_weight, groups, {}, progress)
            estimator._finish(prepared, progress)
        refit_time = time.perf_counter() - start
        vars(self).pop("feature_names_in_", None)
        self.cv_results_ = results
        self.best_index_, self.best_params_ = best, grid[best]
        self.best_score_ = float(results["mean_test_score"][best])
        self.best_estimator_, self.refit_time_ = estimator, refit_time
        self.n_splits_, self.scorer_ = scores.shape[1], scorer
        fitted = vars(estimator)
        names = ("n_features_in_", "n_iter_", "feature_names_in_", *self._handed_on)
        vars(self).update({name: fitted[name] for name in names if name in fitted})
        return prepared.outputs

    def _grid(self):
        """Candidates in scikit-learn's order, checked."""
        self._validate_params()
        wanted = {
            "gate_widths": (self.gate_widths, "None or an int >= 0", _is_width),
            "temperatures": (self.temperatures, "a number > 0", _is_positive),
            "alphas": (self.alphas, "a number > 0", _is_positive),
        }
        for name, (values, what, is_one) in wanted.items():
            bad = [value for value in values if not is_one(value)]
            if bad or len(values) == 0:
                found = f"holds {bad[0]!r}" if bad else "is empty"
                hint = f" To mix gates instead of choosing one, use {self._searched.__name__}."
                raise ValueError(
                    f"{name} {found}, but each entry is {what} and one at least is needed."
                    + (hint if bad == ["auto"] else "")
                )
        grid = {"alpha": self.alphas, "gate_width": self.gate_widths}
        return list(ParameterGrid({**grid, "temperature": self.temperatures}))

    def _parts(self, estimator, X, y, strata, told, sample_weight, groups, progress):
        """What the candidates are fitted on: a part for folds that share the experts' outputs.

        Returns
        -------
        prepared : Prepared or None
            For the fit on all rows; None if that has to fit experts first.
        parts : list of Part
        """
        n_samples = n_rows(X)
        weight = check_weights(sample_weight, n_samples)
        if self.experts is None or self._prefit:
            prepared = estimator._prepare(X, y, sample_weight, groups, {}, progress)
            data, own = estimator._fit_data(prepared)
            position = np.full(n_samples, -1)
            position[prepared.kept] = np.arange(len(prepared.kept))
            splits = search_splits(self.cv, strata, groups, self._seed(), told=told)
            folds = [position[test] for _, test in splits]
            folds = [test[test >= 0] for test in folds]
            return prepared, self._prefit_parts(estimator, prepared, data, own, folds, y)
        X, y = indexable(X, y)
        # a fold must not learn its experts from rows that it holds out: they are cross-fitted anew
        splits = search_splits(self.cv, strata, groups, self._seed(), told=told)
        if told is not None:
            weight = np.where(np.isin(np.arange(n_samples), told), weight, 0.0)
        shared = self._estimator({**self._grid()[0], **self._shared(estimator, X, y, weight)})
        parts = []
        for number, (train, test) in enumerate(splits, start=1):
            progress(f"experts of fold {number}/{len(splits)}")
            train, test = train[weight[train] > 0], test[weight[test] > 0]
            prepared = shared._prepare(
                _safe_indexing(X, train),
                _safe_indexing(y, train),
                None if sample_weight is None else weight[train],
                None if groups is None else _safe_indexing(groups, train),
                {},
                progress,
            )
            held_out = _safe_indexing(X, test), _safe_indexing(y, test), weight[test]
            parts.append(joined(shared, prepared, _safe_indexing(y, train), *held_out))
        return None, parts

    @staticmethod
    def _prefit_parts(estimator, prepared, data, weight, folds, y):
        """Parts of outputs that all folds share, or that are estimated anew in each."""
        weights = np.tile(weight, (len(folds), 1))
        for own, held_out in zip(weights, folds, strict=True):
            # folds are weights: nothing is copied
            own[held_out] = 0.0
        y = _safe_indexing(y, prepared.kept)
        parts, start = [], 0
        for own, inside in data.parts(weights):
            these = folds[start : start + len(inside)]
            parts.append(Part(estimator, prepared, own, weight, these, y))
            start += len(inside)
        return parts

    def _seed(self):
        return self._estimator({})._seed()

    def expert_weights(self, X: Any) -> Floats:
        """Weight of each expert for each sample, by the best candidate.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.

        Returns
        -------
        ndarray or DataFrame of shape (n_samples, n_experts), float64
            Rows sum to 1. A DataFrame if X is one or ``set_output`` asks for it: columns
            named after the experts, the index of X.
        """
        return weights_in_kind(self, self._best, X)

    def disagreement(self, X: Any) -> Floats:
        """By how much the experts contradict each other, by the weights of the best candidate.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            In nats, as of the estimator that is searched over.
        """
        return self._best.disagreement(X)

    def transform(self, X: Any) -> Floats:
        """What the best candidate reads of each sample, one column after the other.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_columns), float64
            As of the estimator that is searched over.
        """
        return self._best.transform(X)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Labels:
        """Names of the columns of ``transform``.

        Parameters
        ----------
        input_features : array-like of str or None
            Not used.

        Returns
        -------
        ndarray of shape (n_columns,), str objects
        """
        return self._best.get_feature_names_out(input_features)

    @property
    def _best(self):
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_


class CategorySearch(BaseLogitProdCV):
    """A search over an estimator whose experts predict probabilities."""

    def expert_logits(self, X: Any) -> Floats:
        """Log-probabilities of each expert, as the pool reads them.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_experts, n_classes), float64
        """
        return self._best.expert_logits(X)


@lru_cache(maxsize=8)
def _shared_names(search):
    """Parameters that a search's estimator has, too; looked up once, as it takes long."""
    return set(search._searched._get_param_names()) & set(search._get_param_names()) - {"cv"}


def _is_width(value):
    return value is None or (isinstance(value, Integral) and value >= 0)


def _is_positive(value):
    return isinstance(value, Real) and np.isfinite(value) and value > 0


def final_estimator(model):
    """The estimator itself, or the best one of a fitted search."""
    return model._best if isinstance(model, BaseLogitProdCV) else model


def fitted_log_proba(model, X, y, groups=None):
    """Fit an estimator or a search, and give what its pool was fitted on.

    Parameters
    ----------
    model : BaseLogitProd or BaseLogitProdCV
    X, y, groups : object
        As in its ``fit``.

    Returns
    -------
    ndarray of shape (n_samples, n_experts, n_classes)
        Log-probabilities of the experts, out-of-fold where they are cross-fitted.
    """
    if isinstance(model, BaseLogitProdCV):
        return all_log_proba(model._search(X, y, None, groups))
    return all_log_proba(model._fit(X, y, None, groups, {}))


def searched_estimator(model):
    """The estimator itself, or an unfitted one as a search searches over."""
    return model._estimator({}) if isinstance(model, BaseLogitProdCV) else model
