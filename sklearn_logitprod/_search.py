"""LogitProdClassifierCV: search over gates, all candidates and folds solved side by side."""

from __future__ import annotations

import copy
import time
from numbers import Integral, Real

import numpy as np
from sklearn.base import ClassifierMixin, MetaEstimatorMixin, TransformerMixin
from sklearn.metrics import check_scoring
from sklearn.model_selection import ParameterGrid, StratifiedGroupKFold, check_cv
from sklearn.utils import _safe_indexing, get_tags, indexable
from sklearn.utils.validation import check_is_fitted

from sklearn_logitprod._candidates import Part, cv_results, joined
from sklearn_logitprod._classifier import LogitProdClassifier
from sklearn_logitprod._composition import ExpertsComposition
from sklearn_logitprod._display import ExpertsDisplayMixin
from sklearn_logitprod._outputs import n_rows
from sklearn_logitprod._progress import CallbackSupportMixin, FitProgress
from sklearn_logitprod._validation import check_labels, check_weights


class LogitProdClassifierCV(
    ClassifierMixin,
    ExpertsDisplayMixin,
    CallbackSupportMixin,
    MetaEstimatorMixin,
    TransformerMixin,
    ExpertsComposition,
):
    """Search over gate width, gate temperature and alpha by cross-validation.

    Gives what ``GridSearchCV`` over :class:`LogitProdClassifier` gives, and costs about
    as much as a few fits: the experts are evaluated once, and all candidates of one gate
    width are solved in all folds as one batch of problems.

    Parameters
    ----------
    experts : list of (str, estimator) or of estimators, default=None
        As in :class:`LogitProdClassifier`.

    gate_widths : sequence of None or int, default=(None, 0, 8, 32)
        Gate widths to try: None for constant weights, 0 for a linear gate, h for one
        hidden layer of h units.

    temperatures : sequence of float, default=(0.5, 1, 2)
        Gate temperatures to try.

    alphas : sequence of float, default=(30, 100, 300)
        Prior precisions of the gate weights to try. Constant weights have none: they
        are fitted once and score the same for each.

    cv : int, splitter or iterable of splits, default=5
        Folds by which the candidates are compared. A number means stratified folds, as
        in ``GridSearchCV``; with groups, folds that keep these together.

    scoring : str, callable or None, default=None
        What the candidates are compared by, higher is better. None: minus the log-loss,
        sample weights counted.

    expert_cv : "prefit", int, splitter or iterable of splits, default="prefit"
        What ``cv`` is in :class:`LogitProdClassifier`: "prefit" for fitted experts on new
        samples, otherwise the folds in which they are cross-fitted, anew in each fold of
        the search.

    input, classes, missing_classes, cross_class, diversity, features, calibrate, \
linear_pool, solver, max_iter, tol, batch_size, memory, n_jobs, device, random_state, verbose
        As in :class:`LogitProdClassifier`.

    Attributes
    ----------
    best_estimator_ : LogitProdClassifier
        Fitted on all rows with the best parameters; the methods of this class are its.
    best_params_ : dict
        Its ``gate_width``, ``temperature`` and ``alpha``.
    best_score_ : float
        Its mean score over the folds.
    best_index_ : int
        Its position in ``cv_results_``.
    cv_results_ : dict of ndarray
        As in ``GridSearchCV``, candidates in the order of
        ``ParameterGrid(dict(alpha=..., gate_width=..., temperature=...))``. As they are
        solved together, each is given an equal part of the time in ``mean_fit_time`` and
        ``mean_score_time``.
    n_splits_ : int
        Number of folds.
    scorer_ : callable or None
        The scorer; None for the log-loss.
    refit_time_ : float
        Seconds for the fit on all rows.
    classes_ : ndarray of shape (n_classes,)
        Sorted class labels.
    n_features_in_ : int
        Number of columns of X in the fit.
    n_iter_ : int
        Iterations of the fit on all rows.

    See Also
    --------
    LogitProdClassifier : With ``gate_width="auto"`` mixes candidates instead of choosing.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_logitprod import LogitProdClassifierCV
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(2, size=200)
    >>> log_odds = rng.normal(size=(200, 3)) + (2 * y - 1)[:, None] * [0.2, 1.0, 2.0]
    >>> search = LogitProdClassifierCV(gate_widths=(None, 0), alphas=(100,)).fit(log_odds, y)
    >>> len(search.cv_results_["params"])
    6
    >>> sorted(search.best_params_)
    ['alpha', 'gate_width', 'temperature']
    """

    _experts_cv = "expert_cv"
    _parameter_constraints = {
        key: value
        for key, value in LogitProdClassifier._parameter_constraints.items()
        if key not in ("gate_width", "temperature", "alpha", "selection_cv")
    } | {
        "gate_widths": ["array-like"],
        "temperatures": ["array-like"],
        "alphas": ["array-like"],
        "cv": ["cv_object"],
        "scoring": [None, str, callable],
        "expert_cv": LogitProdClassifier._parameter_constraints["cv"],
    }

    def __init__(
        self,
        experts=None,
        *,
        gate_widths=(None, 0, 8, 32),
        temperatures=(0.5, 1, 2),
        alphas=(30, 100, 300),
        cv=5,
        scoring=None,
        expert_cv="prefit",
        input="logits",
        classes=None,
        missing_classes="raise",
        cross_class=None,
        diversity=0.0,
        features="default",
        calibrate=True,
        linear_pool=True,
        solver="lbfgs",
        max_iter=300,
        tol=1e-7,
        batch_size="auto",
        memory=None,
        n_jobs=None,
        device="auto",
        random_state=None,
        verbose=0,
    ):
        self.experts = experts
        self.gate_widths = gate_widths
        self.temperatures = temperatures
        self.alphas = alphas
        self.cv = cv
        self.scoring = scoring
        self.expert_cv = expert_cv
        self.input = input
        self.classes = classes
        self.missing_classes = missing_classes
        self.cross_class = cross_class
        self.diversity = diversity
        self.features = features
        self.calibrate = calibrate
        self.linear_pool = linear_pool
        self.solver = solver
        self.max_iter = max_iter
        self.tol = tol
        self.batch_size = batch_size
        self.memory = memory
        self.n_jobs = n_jobs
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        own = get_tags(self._estimator({}))
        tags.input_tags, tags.non_deterministic = own.input_tags, own.non_deterministic
        return tags

    def _estimator(self, params, kind=LogitProdClassifier):
        """Unfitted estimator of a candidate."""
        names = set(LogitProdClassifier._get_param_names()) & set(self._get_param_names())
        shared = {name: getattr(self, name) for name in names - {"cv"}}
        return kind(**shared, cv=self.expert_cv, **params)

    def fit(self, X, y, sample_weight=None, groups=None):
        """Compare all candidates, and fit the best one on all rows.

        Parameters
        ----------
        X : array or DataFrame
            As in :class:`LogitProdClassifier`.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative; counts in the fits and, with ``scoring=None``, in the scores.
        groups : array-like of shape (n_samples,), default=None
            Groups of dependent samples, kept together in all folds.

        Returns
        -------
        self : LogitProdClassifierCV

        Raises
        ------
        ValueError
            If X, y, sample_weight or groups do not fit together, a candidate is none,
            or an expert fails.
        """
        grid = self._grid()
        plain = self._estimator(grid[0])
        plain._check_parameters()
        with FitProgress(self, self.verbose) as progress:
            start = time.perf_counter()
            prepared, parts = self._parts(plain, X, y, sample_weight, groups, progress)
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
        self.classes_, self.n_features_in_ = estimator.classes_, estimator.n_features_in_
        self.n_iter_ = estimator.n_iter_
        if hasattr(estimator, "feature_names_in_"):
            self.feature_names_in_ = estimator.feature_names_in_
        return self

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
                hint = " To mix gates instead of choosing one, use LogitProdClassifier."
                raise ValueError(
                    f"{name} {found}, but each entry is {what} and one at least is needed."
                    + (hint if bad == ["auto"] else "")
                )
        grid = {"alpha": self.alphas, "gate_width": self.gate_widths}
        return list(ParameterGrid({**grid, "temperature": self.temperatures}))

    def _parts(self, plain, X, y, sample_weight, groups, progress):
        """What the candidates are fitted on: one part for all folds, or one for each.

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
            folds = [position[test] for _, test in self._splits(X, y, groups)]
            folds = [test[test >= 0] for test in folds]
            return prepared, [Part(plain, prepared, data, own, folds)]
        (X,) = indexable(X)
        y = check_labels(y, n_samples)
        splits = self._splits(X, y, groups)
        known = np.unique(y) if self.classes is None else self.classes
        parts = []
        for number, (train, test) in enumerate(splits, start=1):
            progress(f"experts of fold {number}/{len(splits)}")
            train, test = train[weight[train] > 0], test[weight[test] > 0]
            own = copy.copy(plain)
            own.classes = list(known)
            prepared = own._prepare(
                _safe_indexing(X, train),
                y[train],
                None if sample_weight is None else weight[train],
                None if groups is None else _safe_indexing(groups, train),
                {},
                progress,
            )
            classes = prepared.attributes["classes_"]
            replies = own._replies(prepared.attributes)
            caller = own._caller(progress)
            proba = caller.outputs(prepared.experts, _safe_indexing(X, test), replies).values
            codes = np.searchsorted(classes, y[test])
            parts.append(joined(own, prepared, proba, codes, weight[test]))
        return None, parts

    def _splits(self, X, y, groups):
        """Rows to fit on and rows held out, of each fold."""
        cv, labels = self.cv, np.asarray(y)
        if isinstance(cv, Integral) and groups is not None:
            cv = StratifiedGroupKFold(cv, shuffle=True, random_state=self._seed())
        splits = check_cv(cv, labels, classifier=True).split(X, labels, groups)
        every = np.arange(n_rows(X))
        return [(every[train], every[test]) for train, test in splits]

    def _seed(self):
        return self._estimator({})._seed()

    def score(self, X, y, sample_weight=None):
        """Accuracy of the best candidate, whatever `scoring` is.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.
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

    def predict(self, X):
        """Most probable class of each sample, by the best candidate.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels from ``classes_``.
        """
        return self._best.predict(X)

    def predict_proba(self, X):
        """Fused class probabilities (n_samples, n_classes) of the best candidate.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
        """
        return self._best.predict_proba(X)

    def predict_log_proba(self, X):
        """Log of the fused class probabilities of the best candidate.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            Natural logarithms.
        """
        return self._best.predict_log_proba(X)

    def decision_function(self, X):
        """Log-odds, or log-probabilities of several classes, of the best candidate.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes), float64
        """
        return self._best.decision_function(X)

    def expert_weights(self, X):
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

    def expert_logits(self, X):
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

    def transform(self, X):
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

    def get_feature_names_out(self, input_features=None):
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


def _is_width(value):
    return value is None or (isinstance(value, Integral) and value >= 0)


def _is_positive(value):
    return isinstance(value, Real) and np.isfinite(value) and value > 0
