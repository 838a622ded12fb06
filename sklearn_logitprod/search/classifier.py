"""LogitProdClassifierCV: search over gates of classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin

from sklearn_logitprod._typing import CrossValidation, Experts, Floats, Labels, RandomState, Scoring
from sklearn_logitprod.estimators.base import target_of
from sklearn_logitprod.estimators.classifier import LogitProdClassifier
from sklearn_logitprod.outputs.checks import n_rows
from sklearn_logitprod.search.base import CategorySearch, search_constraints
from sklearn_logitprod.targets.labels import check_labels
from sklearn_logitprod.targets.partial import is_matrix


class LogitProdClassifierCV(ClassifierMixin, CategorySearch):
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

    input, classes, labels, decision, missing_classes, cross_class, diversity, features, \
calibrate, linear_pool, solver, max_iter, tol, batch_size, memory, n_jobs, device, \
random_state, verbose
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

    _searched = LogitProdClassifier
    _handed_on = ("classes_",)
    _parameter_constraints = search_constraints(LogitProdClassifier)

    def __init__(
        self,
        experts: Experts = None,
        *,
        gate_widths: Sequence[int | None] = (None, 0, 8, 32),
        temperatures: Sequence[float] = (0.5, 1, 2),
        alphas: Sequence[float] = (30, 100, 300),
        cv: CrossValidation = 5,
        scoring: Scoring = None,
        expert_cv: CrossValidation = "prefit",
        input: Literal["logits", "proba"] = "logits",
        classes: ArrayLike | None = None,
        labels: Literal["single", "sets", "proba"] = "single",
        decision: Literal["mode", "median"] | ArrayLike = "mode",
        missing_classes: Literal["raise", "floor", "mean"] = "raise",
        cross_class: float | None = None,
        diversity: float = 0.0,
        features: Literal["default", "paper"] = "default",
        calibrate: bool = True,
        linear_pool: bool = True,
        solver: Literal["lbfgs", "adam"] = "lbfgs",
        max_iter: int = 300,
        tol: float = 1e-7,
        batch_size: int | Literal["auto"] = "auto",
        memory: str | Any | None = None,
        n_jobs: int | None = None,
        device: str = "auto",
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.experts = experts
        self.gate_widths = gate_widths
        self.temperatures = temperatures
        self.alphas = alphas
        self.cv = cv
        self.scoring = scoring
        self.expert_cv = expert_cv
        self.input = input
        self.classes = classes
        self.labels = labels
        self.decision = decision
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

    def fit(
        self,
        X: Any,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> LogitProdClassifierCV:
        """Compare all candidates, and fit the best one on all rows.

        Parameters
        ----------
        X : array or DataFrame
            As in :class:`LogitProdClassifier`.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Class labels, or what `labels` says.
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
        self._search(X, y, sample_weight, groups)
        return self

    def _checked(self, X, y):
        if self.labels != "single" and is_matrix(y):
            if isinstance(self.scoring, str):
                raise ValueError(
                    f"scoring={self.scoring!r} takes one label for each sample, which y does not "
                    "hold. Leave scoring out: candidates are then compared by their log-loss."
                )
            target = target_of(self._estimator({}), X, y)
            return target.y, target.strata, np.flatnonzero(target.counts)
        fitted_here = self.experts is not None and not self._prefit
        labels = check_labels(y, n_rows(X), fitted_here)
        return labels, labels, None

    def _shared(self, estimator, X, y, weight):
        known = self.classes
        if known is None:
            known = y.columns if is_matrix(y) else np.unique(y)
        return {"classes": list(known)}

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Accuracy of the best candidate, whatever `scoring` is.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            True labels, or what `labels` says.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        float
            Share of samples whose predicted class is the true one.
        """
        return self._best.score(X, y, sample_weight)

    def predict(self, X: Any) -> Labels:
        """Class of each sample by the best candidate: the most probable, or as `decision` says.

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

    def predict_proba(self, X: Any) -> Floats:
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

    def predict_log_proba(self, X: Any) -> Floats:
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

    def decision_function(self, X: Any) -> Floats:
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
