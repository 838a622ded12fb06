"""LogitProdSurvivalCV: search over gates of survival experts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from numpy.typing import ArrayLike

from sklearn_logitprod._typing import CrossValidation, Experts, Floats, Labels, RandomState, Scoring
from sklearn_logitprod.estimators.survival import LogitProdSurvival
from sklearn_logitprod.outputs.checks import n_rows
from sklearn_logitprod.search.base import CategorySearch, search_constraints
from sklearn_logitprod.targets.events import check_events


class LogitProdSurvivalCV(CategorySearch):
    """Search over gates of survival experts by cross-validation.

    Gives what ``GridSearchCV`` over :class:`LogitProdSurvival` gives, with folds that
    hold equal shares of events and one grid of times, and costs about as much as a few
    fits: all candidates of one gate width are solved together.

    Parameters
    ----------
    experts : list of (str, estimator) or of estimators, default=None
        As in :class:`LogitProdSurvival`.

    gate_widths : sequence of None or int, default=(None, 0, 8, 32)
        Gate widths to try: None for constant weights, 0 for a linear gate, h for one
        hidden layer of h units.

    temperatures : sequence of float, default=(0.5, 1, 2)
        Gate temperatures to try.

    alphas : sequence of float, default=(30, 100, 300)
        Prior precisions of the gate weights to try; constant weights have none.

    cv : int, splitter or iterable of splits, default=5
        Folds by which the candidates are compared. A number means folds of equal shares
        of events; with groups, folds that keep these together.

    scoring : str, callable or None, default=None
        What the candidates are compared by, higher is better, called with a fitted
        estimator, held-out columns and y. None: minus the mean negative log-likelihood,
        sample weights counted.

    expert_cv : "prefit", int, splitter or iterable of splits, default="prefit"
        What ``cv`` is in :class:`LogitProdSurvival`.

    expert_methods, input, times, n_bins, uncensored_weight, cross_class, diversity, features, \
calibrate, linear_pool, solver, max_iter, tol, batch_size, memory, n_jobs, device, random_state, \
verbose
        As in :class:`LogitProdSurvival`. With ``times=None`` the grid is that of all rows,
        in every fold. Risks are calibrated within each fold anew.

    Attributes
    ----------
    best_estimator_ : LogitProdSurvival
        Fitted on all rows with the best parameters; the methods of this class are its.
    best_params_ : dict
        Its ``gate_width``, ``temperature`` and ``alpha``.
    best_score_ : float
        Its mean score over the folds.
    best_index_ : int
        Its position in ``cv_results_``.
    cv_results_ : dict of ndarray
        As in :class:`LogitProdClassifierCV`.
    n_splits_ : int
        Number of folds.
    scorer_ : callable or None
        The scorer; None for the log-likelihood.
    refit_time_ : float
        Seconds for the fit on all rows.
    unique_times_ : ndarray of shape (n_times,), float64
        Right ends of the intervals.
    n_features_in_ : int
        Number of columns of X in the fit.
    n_iter_ : int
        Iterations of the fit on all rows.

    See Also
    --------
    LogitProdSurvival : With ``gate_width="auto"`` mixes candidates instead of choosing.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_logitprod import LogitProdSurvivalCV
    >>> rng = np.random.default_rng(0)
    >>> time = rng.exponential(size=120) + 0.1
    >>> y = np.array([(True, t) for t in time], dtype=[("event", bool), ("time", float)])
    >>> risk = -time[:, None] + rng.normal(size=(120, 3)) * [0.5, 1.0, 2.0]
    >>> search = LogitProdSurvivalCV(input="risk", n_bins=4, gate_widths=(None,), alphas=(100,))
    >>> len(search.fit(risk, y).cv_results_["params"])
    3
    """

    _searched = LogitProdSurvival
    # of searches that were saved before there was such a parameter
    expert_methods: Mapping[str, str] | None = None
    _handed_on = ("unique_times_",)
    _parameter_constraints = search_constraints(LogitProdSurvival)

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
        expert_methods: Mapping[str, str] | None = None,
        input: Literal["hazard_logits", "survival", "risk"] = "hazard_logits",
        times: ArrayLike | None = None,
        n_bins: int = 10,
        uncensored_weight: float = 0.0,
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
        self.expert_methods = expert_methods
        self.input = input
        self.times = times
        self.n_bins = n_bins
        self.uncensored_weight = uncensored_weight
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
        tags.target_tags.required = True
        return tags

    def fit(
        self,
        X: Any,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> LogitProdSurvivalCV:
        """Compare all candidates, and fit the best one on all rows.

        Parameters
        ----------
        X : array or DataFrame
            As in :class:`LogitProdSurvival`.
        y : structured array of shape (n_samples,) or DataFrame
            As in :class:`LogitProdSurvival`.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative; counts in the fits and, with ``scoring=None``, in the scores.
        groups : array-like of shape (n_samples,), default=None
            Groups of dependent samples, kept together in all folds.

        Returns
        -------
        self : LogitProdSurvivalCV

        Raises
        ------
        ValueError
            If X, y, sample_weight or groups do not fit together, a candidate is none,
            or an expert fails.
        """
        self._search(X, y, sample_weight, groups)
        return self

    def _checked(self, X, y):
        return y, check_events(y, n_rows(X))[0].astype(int), None

    def _shared(self, estimator, X, y, weight):
        return {"times": estimator._target(X, y, weight).attributes["unique_times_"]}

    def score(self, X: Any, y: ArrayLike) -> float:
        """Concordance of the best candidate's risks (Harrell's C), whatever `scoring` is.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.
        y : structured array of shape (n_samples,) or DataFrame
            As in ``fit``.

        Returns
        -------
        float
        """
        return self._best.score(X, y)

    def predict(self, X: Any) -> Floats:
        """Risk of each sample, by the best candidate.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Higher for earlier events.
        """
        return self._best.predict(X)

    def predict_survival_function(self, X: Any, return_array: bool = False) -> Labels:
        """Fused survival functions of the best candidate.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.
        return_array : bool, default=False
            Give survival at ``unique_times_`` as an array.

        Returns
        -------
        ndarray of shape (n_samples,) of step functions, or (n_samples, n_times), float64
        """
        return self._best.predict_survival_function(X, return_array)

    def predict_cumulative_hazard_function(self, X: Any, return_array: bool = False) -> Labels:
        """Fused cumulative hazard functions of the best candidate.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.
        return_array : bool, default=False
            Give the cumulative hazard at ``unique_times_`` as an array.

        Returns
        -------
        ndarray of shape (n_samples,) of step functions, or (n_samples, n_times), float64
        """
        return self._best.predict_cumulative_hazard_function(X, return_array)

    def predict_hazard(self, X: Any) -> Floats:
        """Probability of the event in each interval, given survival to its start.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_times), float64
        """
        return self._best.predict_hazard(X)
