"""LogitProdRegressorCV: search over gates of regressors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin

from sklearn_logitprod._typing import CrossValidation, Experts, Floats, RandomState, Scoring
from sklearn_logitprod.estimators.regressor import LogitProdRegressor
from sklearn_logitprod.outputs.checks import n_rows
from sklearn_logitprod.search.base import BaseLogitProdCV, search_constraints
from sklearn_logitprod.targets.values import centre_and_scale, check_values


class LogitProdRegressorCV(RegressorMixin, BaseLogitProdCV):
    """Search over gates of regressors by cross-validation.

    Gives what ``GridSearchCV`` over :class:`LogitProdRegressor` gives, and costs about as much
    as a few fits: all candidates of one gate width are solved together.

    Parameters
    ----------
    experts : list of (str, estimator) or of estimators, default=None
        As in :class:`LogitProdRegressor`.

    gate_widths : sequence of None or int, default=(None, 0, 8, 32)
        Gate widths to try: None for constant weights, 0 for a linear gate, h for one
        hidden layer of h units.

    temperatures : sequence of float, default=(0.5, 1, 2)
        Gate temperatures to try.

    alphas : sequence of float, default=(30, 100, 300)
        Prior precisions of the gate weights to try; constant weights have none.

    cv : int, splitter or iterable of splits, default=5
        Folds by which the candidates are compared. A number means folds in the order of the
        rows, as in ``GridSearchCV``; with groups, folds that keep these together.

    scoring : str, callable or None, default=None
        What the candidates are compared by, higher is better, called with a fitted
        estimator, held-out columns and y. None: minus the mean negative log-density,
        sample weights counted.

    expert_cv : "prefit", int, splitter or iterable of splits, default="prefit"
        What ``cv`` is in :class:`LogitProdRegressor`.

    input, correction, tails, diversity, calibrate, linear_pool, solver, max_iter, tol, \
batch_size, memory, n_jobs, device, random_state, verbose
        As in :class:`LogitProdRegressor`. Experts are calibrated within each fold anew.

    Attributes
    ----------
    best_estimator_ : LogitProdRegressor
        Fitted on all rows with the best parameters; the methods of this class are its.
    best_params_ : dict
        Gate width, temperature and alpha of the best candidate.
    best_score_ : float
        Its mean score over the folds.
    best_index_ : int
        Its row in ``cv_results_``.
    cv_results_ : dict
        As of ``GridSearchCV``.
    scorer_ : callable or None
        The scorer, if `scoring` was given.
    n_splits_ : int
        Number of folds.
    refit_time_ : float
        Seconds of the fit on all rows.
    n_features_in_ : int
        Number of columns of X in the fit.
    n_iter_ : int
        Iterations of the solver on all rows.

    See Also
    --------
    LogitProdRegressor : With ``gate_width="auto"`` it mixes gates instead of choosing one.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_logitprod import LogitProdRegressorCV
    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(size=60)
    >>> X = np.column_stack([y + 0.3 * rng.normal(size=60), rng.normal(size=60)])
    >>> search = LogitProdRegressorCV(gate_widths=(None, 0)).fit(X, y)
    >>> sorted(search.best_params_)
    ['alpha', 'gate_width', 'temperature']
    """

    _searched = LogitProdRegressor
    _handed_on = ("expert_names_",)

    _parameter_constraints = search_constraints(LogitProdRegressor)

    def __init__(
        self,
        experts: Experts = None,
        *,
        gate_widths: Sequence[int | None] = (None, 0, 8, 32),
        temperatures: Sequence[float] = (0.5, 1.0, 2.0),
        alphas: Sequence[float] = (30.0, 100.0, 300.0),
        cv: CrossValidation = 5,
        scoring: Scoring = None,
        expert_cv: CrossValidation = "prefit",
        input: Literal["mean", "mean_std"] = "mean",
        correction: Literal["auto"] | float | None = "auto",
        tails: Literal["auto", "gaussian"] | float = "auto",
        diversity: float = 0.0,
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
        self.correction = correction
        self.tails = tails
        self.diversity = diversity
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
    ) -> LogitProdRegressorCV:
        """Compare all candidates, and fit the best one on all rows.

        Parameters
        ----------
        X : array or DataFrame
            As in :class:`LogitProdRegressor`.
        y : array-like of shape (n_samples,)
            Values.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative; counts in the fits and, with ``scoring=None``, in the scores.
        groups : array-like of shape (n_samples,), default=None
            Groups of dependent samples, kept together in all folds.

        Returns
        -------
        self : LogitProdRegressorCV

        Raises
        ------
        ValueError
            If X, y, sample_weight or groups do not fit together, a candidate is none,
            or an expert fails.
        """
        self._search(X, y, sample_weight, groups)
        return self

    def _checked(self, X, y):
        values = check_values(y, n_rows(X))
        centre_and_scale(values, np.ones(len(values)))
        # one stratum: folds in the order of the rows, as scikit-learn has them
        return values, np.zeros(len(values), dtype=int), None

    def _shared(self, estimator, X, y, weight):
        return {}

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Coefficient of determination R^2 of the best candidate, whatever `scoring` is.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.
        y : array-like of shape (n_samples,)
            True values.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        float
        """
        return self._best.score(X, y, sample_weight)

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Fused mean of each sample, by the best candidate.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.
        return_std : bool, default=False
            Also give the standard deviation of the fused density.

        Returns
        -------
        mean : ndarray of shape (n_samples,), float64
        std : ndarray of shape (n_samples,), float64
            Only if asked for.
        """
        return self._best.predict(X, return_std)

    def predict_quantiles(self, X: Any, quantiles: ArrayLike) -> Floats:
        """Quantiles of the fused density of each sample, by the best candidate.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.
        quantiles : array-like of shape (n_quantiles,)
            Levels in (0, 1).

        Returns
        -------
        ndarray of shape (n_samples, n_quantiles), float64
        """
        return self._best.predict_quantiles(X, quantiles)

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Floats:
        """Central interval of each sample, by the best candidate.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.
        coverage : float, default=0.9
            Within (0, 1).

        Returns
        -------
        ndarray of shape (n_samples, 2), float64
        """
        return self._best.predict_interval(X, coverage)

    def expert_predictions(self, X: Any, return_std: bool = False) -> Any:
        """Calibrated prediction of each expert, as the best candidate's pool reads it.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.
        return_std : bool, default=False
            Also give the standard deviations.

        Returns
        -------
        mean : ndarray of shape (n_samples, n_experts), float64
        std : ndarray of shape (n_samples, n_experts), float64
            Only if asked for.
        """
        return self._best.expert_predictions(X, return_std)
