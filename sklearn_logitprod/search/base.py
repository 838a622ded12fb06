"""What the searches share: all candidates and folds solved side by side."""

from __future__ import annotations

import copy
import time
from functools import lru_cache
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import MetaEstimatorMixin, TransformerMixin
from sklearn.metrics import check_scoring
from sklearn.model_selection import ParameterGrid, StratifiedGroupKFold, check_cv
from sklearn.utils import _safe_indexing, get_tags, indexable
from sklearn.utils.validation import check_is_fitted

from sklearn_logitprod._progress import CallbackSupportMixin, FitProgress
from sklearn_logitprod._typing import Floats, Labels
from sklearn_logitprod.estimators.base import BaseLogitProd
from sklearn_logitprod.experts.composition import ExpertsComposition
from sklearn_logitprod.experts.display import ExpertsDisplayMixin
from sklearn_logitprod.outputs.checks import n_rows
from sklearn_logitprod.outputs.container import own_target
from sklearn_logitprod.search.candidates import Part, cv_results, joined
from sklearn_logitprod.targets.weights import check_weights


def search_constraints(kind):
    """Parameter constraints of a search over an estimator."""
    own = kind._parameter_constraints
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

    Subclasses say which estimator is searched over (``_kind``), what folds of a number
    are stratified by (``_strata``), and what all folds share (``_shared``).
    """

    _experts_cv = "expert_cv"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        own = get_tags(self._estimator({}))
        tags.input_tags, tags.non_deterministic = own.input_tags, own.non_deterministic
        return tags

    def _estimator(self, params):
        """Unfitted estimator of a candidate."""
        shared = {name: getattr(self, name) for name in _shared_names(type(self))}
        return self._kind(**shared, cv=self.expert_cv, **params)

    def _search(self, X, y, sample_weight, groups):
        """Compare all candidates, and fit the best one on all rows."""
        y, groups = own_target(X, y, groups)
        y, strata = self._checked(y, n_rows(X))
        grid = self._grid()
        plain = self._estimator(grid[0])
        plain._check_parameters()
        with FitProgress(self, self.verbose) as progress:
            start = time.perf_counter()
            prepared, parts = self._parts(plain, X, y, strata, sample_weight, groups, progress)
            specs = [self._estimator(params)._head_spec(*parts[0].shape) for params in grid]
            pools = [part.search(specs, progress) for part in parts]
            middle = time.perf_counter()
            scorer = None if self.scoring is None else check_scoring(plain, self.scoring)
            scores = np.hstack(
                [part.scores(own, scorer) for part, own in zip(parts, pools, strict=True)]
            )
            times = middle - start, time.perf_counter() - middle
            results = cv_results(grid, scores, *times)
            best = int(np.argmin(results["rank_test_score"]))
            progress("best candidate, all rows")
            start = time.perf_counter()
            estimator = self._estimator(grid[best])
            if prepared is not None:
                estimator._finish(prepared, progress)
            else:
                estimator.fit(X, y, sample_weight, groups)
            refit_time = time.perf_counter() - start
        vars(self).pop("feature_names_in_", None)
        self.cv_results_ = results
        self.best_index_, self.best_params_ = best, grid[best]
        self.best_score_ = float(results["mean_test_score"][best])
        self.best_estimator_, self.refit_time_ = estimator, refit_time
        self.n_splits_, self.scorer_ = scores.shape[1], scorer
        self.n_features_in_, self.n_iter_ = estimator.n_features_in_, estimator.n_iter_
        if hasattr(estimator, "feature_names_in_"):
            self.feature_names_in_ = estimator.feature_names_in_
        return estimator

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
                hint = f" To mix gates instead of choosing one, use {self._kind.__name__}."
                raise ValueError(
                    f"{name} {found}, but each entry is {what} and one at least is needed."
                    + (hint if bad == ["auto"] else "")
                )
        grid = {"alpha": self.alphas, "gate_width": self.gate_widths}
        return list(ParameterGrid({**grid, "temperature": self.temperatures}))

    def _parts(self, plain, X, y, strata, sample_weight, groups, progress):
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
            prepared = plain._prepare(X, y, sample_weight, groups, {}, progress)
            data, own = plain._fit_data(prepared)
            position = np.full(n_samples, -1)
            position[prepared.kept] = np.arange(len(prepared.kept))
            folds = [position[test] for _, test in self._splits(strata, groups)]
            folds = [test[test >= 0] for test in folds]
            return prepared, self._prefit_parts(plain, prepared, data, own, folds, y)
        X, y = indexable(X, y)
        splits = self._splits(strata, groups)
        shared = self._shared(plain, X, y, weight)
        parts = []
        for number, (train, test) in enumerate(splits, start=1):
            progress(f"experts of fold {number}/{len(splits)}")
            train, test = train[weight[train] > 0], test[weight[test] > 0]
            own = copy.copy(plain).set_params(**shared)
            prepared = own._prepare(
                _safe_indexing(X, train),
                _safe_indexing(y, train),
                None if sample_weight is None else weight[train],
                None if groups is None else _safe_indexing(groups, train),
                {},
                progress,
            )
            held_out = _safe_indexing(X, test), _safe_indexing(y, test), weight[test]
            parts.append(joined(own, prepared, _safe_indexing(y, train), *held_out))
        return None, parts

    @staticmethod
    def _prefit_parts(plain, prepared, data, weight, folds, y):
        """Parts of outputs that all folds share, or that are estimated anew in each."""
        weights = np.tile(weight, (len(folds), 1))
        for own, held_out in zip(weights, folds, strict=True):
            own[held_out] = 0.0
        y = _safe_indexing(y, prepared.kept)
        parts, start = [], 0
        for own, inside in data.parts(weights):
            these = folds[start : start + len(inside)]
            parts.append(Part(plain, prepared, own, weight, these, y))
            start += len(inside)
        return parts

    def _splits(self, strata, groups):
        """Rows to fit on and rows held out, of each fold."""
        cv = self.cv
        if isinstance(cv, Integral) and groups is not None:
            cv = StratifiedGroupKFold(cv, shuffle=True, random_state=self._seed())
        every = np.arange(len(strata))
        splits = check_cv(cv, strata, classifier=True).split(every, strata, groups)
        return [(every[train], every[test]) for train, test in splits]

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
        ndarray of shape (n_samples, n_experts), float64
            Rows sum to 1.
        """
        return self._best.expert_weights(X)

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

    def transform(self, X: Any) -> Floats:
        """Log-probabilities of the experts, one column per expert and class.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_experts * n_classes), float64
        """
        return self._best.transform(X)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Labels:
        """Names of the columns of ``transform``: ``expert_class``.

        Parameters
        ----------
        input_features : array-like of str or None
            Not used.

        Returns
        -------
        ndarray of shape (n_experts * n_classes,), str objects
        """
        return self._best.get_feature_names_out(input_features)

    @property
    def _best(self):
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_


@lru_cache(maxsize=8)
def _shared_names(search):
    """Parameters that a search's estimator has, too; looked up once, as it takes long."""
    return set(search._kind._get_param_names()) & set(search._get_param_names()) - {"cv"}


def _is_width(value):
    return value is None or (isinstance(value, Integral) and value >= 0)


def _is_positive(value):
    return isinstance(value, Real) and np.isfinite(value) and value > 0
