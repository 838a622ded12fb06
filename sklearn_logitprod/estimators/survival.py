"""LogitProdSurvival: fuse the event distributions of fixed survival experts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from sklearn_logitprod._typing import CrossValidation, Experts, Floats, GateWidth, RandomState
from sklearn_logitprod.estimators.base import BaseLogitProd
from sklearn_logitprod.estimators.calibration import CalibrationMixin
from sklearn_logitprod.estimators.inference import CategoryInference
from sklearn_logitprod.estimators.step_function import step_functions
from sklearn_logitprod.experts.survival import EventReplies, check_expert_methods
from sklearn_logitprod.fusion.events import (
    hazard_from_log_events,
    label_sets_from_events,
    log_survival_from_log_events,
)
from sklearn_logitprod.metrics import concordance_index
from sklearn_logitprod.outputs.container import ExpertOutputs
from sklearn_logitprod.outputs.events import read_event_outputs
from sklearn_logitprod.targets.events import check_events, given_times, interval_ends
from sklearn_logitprod.targets.target import Target
from sklearn_logitprod.training.risk import fit_risks, risk_doubts


class LogitProdSurvival(CalibrationMixin, CategoryInference, BaseLogitProd):
    """Fuse fixed survival experts by a sample-adaptive weighted product.

    Time is cut into T intervals and a tail beyond the last. Every expert gives a
    distribution of the event over these T + 1 categories; the fused one is their product,
    raised to weights that a gate learns [1]_, as :class:`LogitProdClassifier` does with
    classes. A censored sample may have its event anywhere after its censoring, inside
    the interval of censoring in proportion to what is left of it. On the fit data the
    fused model is never worse in this likelihood than the best single expert, the mean
    of log-probabilities and the mean of probabilities.

    Parameters
    ----------
    experts : list of (str, estimator) or of estimators, default=None
        Survival models, such as those of scikit-survival. One with
        ``predict_survival_function`` gives a survival function per sample; of any other,
        ``predict`` is a risk, higher for earlier events (scikit-survival's models that
        predict a time say so, and its sign is changed). X is whatever they take. Bare
        estimators are named by their class. ``"drop"`` in place of an estimator leaves
        it out. None: X holds precomputed outputs.

    expert_methods : dict of str to str, default=None
        What an expert is asked for, by its name, where that is not the first it has:
        ``"predict_survival_function"`` or ``"predict"``, a risk.

    input : {"hazard_logits", "survival", "risk"}, default="hazard_logits"
        Without `experts`, what X holds: logits of the hazard in each interval, the
        survival at the end of each interval, or one risk per expert, higher for earlier
        events. It is never guessed from the values. Risks are calibrated by a
        discrete-time proportional-hazards model each, within every fold anew.

    times : array-like of shape (n_times,), default=None
        Right ends of the intervals, positive and increasing, in the unit of y. Required
        for hazard logits and survival, whose grid only you know. None cuts time at
        quantiles of the event times, into `n_bins` intervals or fewer where they tie.

    n_bins : int, default=10
        Number of intervals if `times` is None.

    uncensored_weight : float, default=0.0
        In [0, 1); samples with an event count this much more: the loss is ``(1 - a) *
        loss over all + a * loss over samples with an event``. [1]_ uses 0.4. It shifts
        all predictions towards early events.

    cv : "prefit", int, splitter or iterable of splits, default="prefit"
        "prefit": the experts stay as they are, also under ``sklearn.base.clone``. **You
        vouch that (X, y) of fit is new to them**. Otherwise they are cross-fitted: the
        gate learns from out-of-fold outputs, then clones are fitted on everything. A
        number means shuffled folds of equal shares of events that keep groups together.

    gate_width : "auto", None or int, default="auto"
        None for constant weights, 0 for a gate linear in the gating features, h > 0 for
        one hidden layer of h units. "auto" cross-validates several candidates within the
        fit data and mixes them.

    temperature : float, default=1.0
        Gate temperature.

    alpha : float, default=100.0
        Prior precision of the gate weights.

    cross_class : float, default=None
        Prior precision of the correction across intervals, a matrix per expert. None
        leaves it out, or, with "auto", tries several.

    diversity : float, default=0.0
        Strength of the penalty on giving weight to experts whose losses are correlated.

    features : {"default", "paper"}, default="default"
        Gating features, computed from event distributions as from class probabilities.

    calibrate : bool, default=True
        Whether sharpness and a bias per interval are fitted, or stay at 1 and 0. Risks
        are calibrated in any case.

    linear_pool : bool, default=True
        Whether the mean event distribution of the experts enters the product as one
        more column. Without it the mean is no reference of the guarantee.

    solver, max_iter, tol, batch_size
        How gates are trained, as in :class:`LogitProdClassifier`.

    selection_cv : int, splitter or iterable, default=5
        Cross-validation of "auto" within the fit data; a number means as for `cv`.

    memory : str or joblib.Memory, default=None
        Caches the experts' outputs and cross-fits.

    n_jobs : int, default=None
        Experts run in parallel, through joblib.

    device : str, default="auto"
        Where gates are trained.

    random_state : int, RandomState instance or None, default=None
        Seeds mini-batches, folds, and cross-fitted experts whose own
        ``random_state`` is None. None means 0.

    verbose : int, default=0
        Say what is being fitted, on standard error, if positive.

    Attributes
    ----------
    unique_times_ : ndarray of shape (n_times,), float64
        Right ends of the intervals.
    risk_models_ : dict of str to RiskModel
        Calibration of each expert that gives risks, by name.
    expert_names_ : list of str
        Names of the experts.
    n_experts_ : int
        Number of experts.
    experts_ : list of estimators or None
        The fitted experts; None for precomputed outputs.
    named_experts_ : Bunch or None
        The fitted experts by name.
    mean_expert_weights_ : ndarray of shape (n_experts,), float64
        Mean weight of each expert over the fit data, sample weights counted.
    expert_losses_ : ndarray of shape (n_experts,), float64
        Mean negative log-likelihood of each expert on the rows it has, in nats.
    expert_overview_ : Overview or None
        Of precomputed outputs what ``print`` and notebooks show of each expert on the fit data:
        coverage, loss, calibration slope, agreement with the others and what looks odd.
    reference_losses_ : ndarray of shape (n_experts + 2,), float64
        The same of each expert (where it is missing, of the mean log-probability of
        those present), of the mean of log-probabilities and, with ``linear_pool``, of
        the mean of probabilities.
    loss_ : float
        The same of the fused model, without penalty.
    guarantee_gap_ : float
        ``loss_ - min(reference_losses_)``; never positive.
    class_bias_ : ndarray of shape (n_times + 1,), float64
        Bias of each interval and the tail.
    cross_class_ : ndarray of shape (n_experts, n_times + 1, n_times + 1) or None
        Correction matrices.
    selection_ : dict or None
        With "auto": ``candidate``, ``cv_loss`` and ``share``, one entry per candidate.
    n_iter_ : int
        Iterations of the solver; with "auto", of the candidate with the largest share.
    loss_curve_ : list of float
        Objective per effective sample at each of them, in nats.
    n_samples_fit_ : int
        Number of samples of the fit, without those of weight 0.
    fit_rows_ : ndarray of shape (n_marks,), uint64
        Marks by which rows of the fit data are known again, of at most 1000 rows.
    deployment_ : list of dict
        What was done after the fit, by functions of
        :mod:`~sklearn_logitprod.deployment`. ``rows`` of an entry marks the labelled rows that
        were used, as ``fit_rows_`` does those of the fit.
    n_features_in_ : int
        Number of columns of X in the fit; experts times times for 3-D X.

    See Also
    --------
    LogitProdClassifier : The same for classes.
    stack_outputs : Build a two-level frame, with ``classes=times``.

    References
    ----------
    .. [1] Huang et al., "Plug-and-Play Logit Fusion for Heterogeneous Pathology
       Foundation Models", 2026, arXiv:2604.07779.

    Examples
    --------
    Two experts' survival at years 1 and 2; the first knows who dies early.

    >>> import numpy as np
    >>> from sklearn_logitprod import LogitProdSurvival
    >>> time = np.array([0.5, 0.7, 1.5, 1.8, 2.5, 3.0])
    >>> y = np.array([(t < 2.0, t) for t in time], dtype=[("dead", bool), ("years", float)])
    >>> knows = np.where(time[:, None] > [1.0, 2.0], 0.9, 0.2)
    >>> guesses = np.tile([0.7, 0.4], (6, 1))
    >>> X = np.stack([knows, guesses], axis=1)
    >>> model = LogitProdSurvival(input="survival", times=[1.0, 2.0], gate_width=None)
    >>> functions = model.fit(X, y).predict_survival_function(X)
    >>> functions[0](0.0), bool(functions[0](1.0) < functions[5](1.0))
    (1.0, True)
    >>> bool(model.guarantee_gap_ <= 0)
    True
    """

    task_name = "events"
    _models_name, _models_word = "risk_models_", "risk"
    # of models that were saved before there was such a parameter
    expert_methods: Mapping[str, str] | None = None

    _parameter_constraints = {
        **BaseLogitProd._parameter_constraints,
        "experts": [None, "array-like"],
        "expert_methods": [None, dict],
        "input": [StrOptions({"hazard_logits", "survival", "risk"})],
        "times": [None, "array-like"],
        "n_bins": [Interval(Integral, 1, None, closed="left")],
        "uncensored_weight": [Interval(Real, 0.0, 1.0, closed="left")],
    }

    def __init__(
        self,
        experts: Experts = None,
        *,
        expert_methods: Mapping[str, str] | None = None,
        input: Literal["hazard_logits", "survival", "risk"] = "hazard_logits",
        times: ArrayLike | None = None,
        n_bins: int = 10,
        uncensored_weight: float = 0.0,
        cv: CrossValidation = "prefit",
        gate_width: GateWidth = "auto",
        temperature: float = 1.0,
        alpha: float = 100.0,
        cross_class: float | None = None,
        diversity: float = 0.0,
        features: Literal["default", "paper"] = "default",
        calibrate: bool = True,
        linear_pool: bool = True,
        solver: Literal["lbfgs", "adam"] = "lbfgs",
        max_iter: int = 300,
        tol: float = 1e-7,
        batch_size: int | Literal["auto"] = "auto",
        selection_cv: CrossValidation = 5,
        memory: str | Any | None = None,
        n_jobs: int | None = None,
        device: str = "auto",
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.experts = experts
        self.expert_methods = expert_methods
        self.input = input
        self.times = times
        self.n_bins = n_bins
        self.uncensored_weight = uncensored_weight
        self.cv = cv
        self.gate_width = gate_width
        self.temperature = temperature
        self.alpha = alpha
        self.cross_class = cross_class
        self.diversity = diversity
        self.features = features
        self.calibrate = calibrate
        self.linear_pool = linear_pool
        self.solver = solver
        self.max_iter = max_iter
        self.tol = tol
        self.batch_size = batch_size
        self.selection_cv = selection_cv
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
        **params: Any,
    ) -> LogitProdSurvival:
        """Learn how to fuse the experts.

        Parameters
        ----------
        X : array or DataFrame
            With `experts`, whatever they take. Without, outputs of the experts on
            samples that they were not trained on:

            - hazard logits or survival: array of shape (n_samples, n_experts, n_times),
              or DataFrame with two-level columns (expert, time), aligned by time;
            - risks: array or DataFrame of shape (n_samples, n_experts).

            Any real dtype; memory-mapped arrays of three axes are read in blocks, risks
            are held. An expert that is missing for a sample is NaN in all its columns.
        y : structured array of shape (n_samples,) or DataFrame
            Whether the event was observed, boolean, and the positive time of event or
            censoring: the two fields of a structured array, whatever their names, or
            the columns ``event`` and ``time``. In a DataFrame, events may also be
            integers 0 and 1.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative; a weight of 2 is the sample twice, 0 leaves it out. Cross-fitted
            experts get it, too, if their ``fit`` takes it (with metadata routing
            enabled: if they request it).
        groups : array-like of shape (n_samples,), default=None
            Groups of dependent samples, such as slides of a patient. They stay together
            in all folds, and the strength of the priors follows how dependent they are.
        **params : dict
            Metadata of cross-fitted experts; needs metadata routing enabled.

        Returns
        -------
        self : LogitProdSurvival

        Raises
        ------
        ValueError
            If X, y, times, sample_weight or groups do not fit together or hold values
            that mean nothing, no event informs any interval, or an expert fails; the
            message says which, where, and what to do.
        """
        self._fit(X, y, sample_weight, groups, params)
        return self

    def _target(self, X, y, weight):
        input, times = self.input, self.times
        if self.experts is None and isinstance(X, ExpertOutputs):
            input, times = X.input, times if X.times is None else X.times
        times = given_times(times, None if self.experts is not None else input)
        event, time, structured = check_events(y, len(weight))
        times = interval_ends(event, time, weight, times, self.n_bins)
        attributes = {"unique_times_": times}
        factor = self._factor(structured, len(weight))
        likelihood = label_sets_from_events(event, time, times)
        return Target(structured, event.astype(np.intp), likelihood, factor, attributes)

    def _likelihood(self, y, n_samples, fitted):
        event, time, _ = check_events(y, n_samples)
        return label_sets_from_events(event, time, fitted["unique_times_"])

    def _factor(self, y, n_samples):
        return 1.0 + self.uncensored_weight * (check_events(y, n_samples)[0] - 1.0)

    def _meaning(self):
        return {"times": self.unique_times_}

    def _read(self, X, fitted, expert_names=None):
        times = fitted["unique_times_"]
        return read_event_outputs(X, self.input, len(times), times, expert_names)

    def _to_calibrate(self, outputs):
        return outputs.risks

    def _fit_models(self, outputs, likelihood, fitted):
        risks = {position: outputs.risk(position) for position in outputs.risks}
        return partial(fit_risks, risks, likelihood, times=fitted["unique_times_"])

    def _model_doubts(self, models, outputs, likelihood, weight):
        risks = {position: outputs.risk(position) for position in models}
        return risk_doubts(models, risks, likelihood, weight)

    def _replies(self, fitted):
        return EventReplies(fitted["unique_times_"], self.expert_methods)

    def _check_parameters(self):
        super()._check_parameters()
        check_expert_methods(self.expert_methods, self._named_pairs())

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Names of the columns of ``transform``: ``expert_time`` and ``expert_tail``.

        Parameters
        ----------
        input_features : array-like of str or None
            Not used; the names come from experts and times.

        Returns
        -------
        ndarray of shape (n_experts * (n_times + 1),), str objects
        """
        check_is_fitted(self)
        labels = [f"{time:.12g}" for time in self.unique_times_] + ["tail"]
        names = [f"{name}_{label}" for name in self.expert_names_ for label in labels]
        return np.asarray(names, dtype=object)

    def _from_log_events(self, X, compute=log_survival_from_log_events):
        return self._collect(X, lambda columns: compute(self.pool_.log_proba(columns)))

    def predict(self, X: Any) -> Floats:
        """Risk of each sample: minus the sum of its survival over the times.

        Parameters
        ----------
        X : array or DataFrame
            In any of the forms of ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            In [-n_times, 0]; higher for earlier events.
        """
        return -np.exp(self._from_log_events(X)).sum(axis=1)

    def predict_survival_function(self, X: Any, return_array: bool = False) -> NDArray[Any]:
        """Fused survival functions.

        Parameters
        ----------
        X : array or DataFrame
            In any of the forms of ``fit``.
        return_array : bool, default=False
            Give survival at ``unique_times_`` as an array.

        Returns
        -------
        ndarray of shape (n_samples,) of step functions, or (n_samples, n_times), float64
            Step functions have the attributes ``x``, ``y`` and ``domain``, start at 0
            with survival 1, and are called with times. Beyond the last of
            ``unique_times_`` they carry its survival on; scikit-survival's scorers call
            them there where the test data are followed up for longer.
        """
        survival = np.exp(self._from_log_events(X))
        return survival if return_array else step_functions(1.0, self.unique_times_, survival)

    def predict_cumulative_hazard_function(
        self, X: Any, return_array: bool = False
    ) -> NDArray[Any]:
        """Fused cumulative hazard functions, minus the log of survival.

        Parameters
        ----------
        X : array or DataFrame
            In any of the forms of ``fit``.
        return_array : bool, default=False
            Give the cumulative hazard at ``unique_times_`` as an array.

        Returns
        -------
        ndarray of shape (n_samples,) of step functions, or (n_samples, n_times), float64
            As of ``predict_survival_function``; they start at 0 with 0.
        """
        hazard = -self._from_log_events(X)
        return hazard if return_array else step_functions(0.0, self.unique_times_, hazard)

    def predict_hazard(self, X: Any) -> Floats:
        """Probability of the event in each interval, given survival to its start.

        Parameters
        ----------
        X : array or DataFrame
            In any of the forms of ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_times), float64
        """
        return self._from_log_events(X, hazard_from_log_events)

    def score(self, X: Any, y: ArrayLike) -> float:
        """Concordance of the predicted risks with events and times (Harrell's C).

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.
        y : structured array of shape (n_samples,) or DataFrame
            As in ``fit``.

        Returns
        -------
        float
            Share of comparable pairs that the risks order rightly, ties counted half.
        """
        X, y, _, _ = self._given(X, y)
        risk = self.predict(X)
        event, time, _ = check_events(y, len(risk))
        return concordance_index(event, time, risk)
