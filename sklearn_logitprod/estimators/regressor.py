"""LogitProdRegressor: fuse the predicted values of fixed regressors."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit
from sklearn.base import RegressorMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from sklearn_logitprod._text import option, warn
from sklearn_logitprod._typing import (
    CrossValidation,
    Experts,
    Floats,
    GateWidth,
    Labels,
    RandomState,
)
from sklearn_logitprod.estimators.base import BaseLogitProd
from sklearn_logitprod.estimators.calibration import CalibrationMixin
from sklearn_logitprod.experts.regressors import ValueReplies
from sklearn_logitprod.fusion.logits import block_slices
from sklearn_logitprod.fusion.values import Values, moments
from sklearn_logitprod.outputs.values import read_value_outputs
from sklearn_logitprod.targets.target import Target
from sklearn_logitprod.targets.values import centre_and_scale, check_values, value_strata
from sklearn_logitprod.training.values import fit_values, tail_doubt, tail_freedom, value_doubts

CORRECTION = 30.0
"""Prior precision of the correction, unless it is given or cross-validated."""


class LogitProdRegressor(CalibrationMixin, RegressorMixin, BaseLogitProd):
    r"""Fuse fixed regressors by a sample-adaptive weighted product of Gaussians.

    Every expert is read as a Gaussian, calibrated within every fold anew: by a line, and a
    variance that follows its prediction and how far the experts lie apart. The fused density is
    their product, raised to weights that a gate learns [1]_: with precisions :math:`\tau_m` and
    means :math:`\mu_m` it is Gaussian with the precision :math:`\tau = \sum_m a_m \tau_m` and the
    mean :math:`(\sum_m a_m \tau_m \mu_m + c) / \tau` [2]_. Where values stray farther, all of
    these are Student's t (``tails``). On the fit data the fused model is never worse in this
    likelihood than the best single calibrated expert, the mean of log-densities and the density of
    mean and variance of the mixture.

    Parameters
    ----------
    experts : list of (str, estimator) or of estimators, default=None
        Regressors; X is whatever they take. One whose ``predict`` takes ``return_std`` gives a
        standard deviation with each value. ``"drop"`` in place of an estimator leaves it out.
        None: X holds precomputed predictions.

    input : {"mean", "mean_std"}, default="mean"
        Without `experts`, what X holds: a predicted value of each expert, or mean and deviation.

    cv : "prefit", int, splitter or iterable of splits, default="prefit"
        "prefit": the experts stay as they are, also under ``sklearn.base.clone``. **You
        vouch that (X, y) of fit is new to them**. Otherwise they are cross-fitted: the
        gate learns from out-of-fold predictions, then clones are fitted on everything. A
        number means shuffled folds that keep groups together.

    gate_width : "auto", None or int, default="auto"
        None for constant weights, 0 for a gate linear in the gating features, h > 0 for
        one hidden layer of h units. "auto" cross-validates several candidates within the
        fit data and mixes them.

    temperature, alpha : float, default=1.0 and 100.0
        Gate temperature, and prior precision of the gate weights.

    correction : "auto", float or None, default="auto"
        Prior precision of a linear correction of the mean: :math:`\sum_m u_m \tau_m \mu_m` is
        added to what is divided by the precision, :math:`u_m` of either sign, so that separate
        evidence adds up. "auto" tries several with the automatic gate, else it is 30. None: none.

    tails : {"auto", "gaussian"} or float > 2, default="auto"
        "gaussian", or degrees of freedom of Student's t in the place of every Gaussian. "auto":
        they are told by the fit data, and infinite, which is the Gaussian, unless its likelihood
        is clearly the smaller one.

    diversity : float, default=0.0
        Strength of the penalty on giving weight to experts whose losses are correlated.

    calibrate : bool, default=True
        Whether sharpness and bias of the product are fitted, or stay at 1 and 0. Experts are
        calibrated in any case.

    linear_pool : bool, default=True
        Whether the density with mean and variance of the experts' mixture, wide where experts
        disagree, enters the product as one more column. Without it, it is no reference.

    solver, max_iter, tol, batch_size
        How gates are trained, as in :class:`LogitProdClassifier`.

    selection_cv : int, splitter or iterable, default=5
        Cross-validation of "auto" within the fit data; a number means as for `cv`.

    memory, n_jobs, device, random_state, verbose
        As in :class:`LogitProdClassifier`.

    Attributes
    ----------
    y_mean_, y_scale_ : float
        Weighted mean and standard deviation of y in the fit.
    freedom_ : float
        Degrees of freedom of the fused density; infinite for a Gaussian.
    value_models_ : dict of str to ValueModel
        Calibration of each expert, by name, in standard deviations of y.
    expert_names_ : list of str
        Names of the experts.
    n_experts_ : int
        Number of experts.
    experts_ : list of estimators or None
        The fitted experts; None for precomputed predictions.
    named_experts_ : Bunch or None
        The fitted experts by name.
    mean_expert_weights_ : ndarray of shape (n_experts,), float64
        Mean weight of each expert over the fit data, sample weights counted.
    expert_losses_ : ndarray of shape (n_experts,), float64
        Mean negative log-density of each calibrated expert on its rows, in nats, of y in its unit.
    expert_overview_ : Overview or None
        As in :class:`LogitProdClassifier`.
    reference_losses_ : ndarray of shape (n_experts + 2,), float64
        The same of each expert (where it is missing, of the mean log-density of those
        present), of the mean of log-densities and, with ``linear_pool``, of the Gaussian of
        the mean density.
    loss_ : float
        The same of the fused model, without penalty.
    guarantee_gap_ : float
        ``loss_ - min(reference_losses_)``; never positive.
    bias_ : float
        What is added to :math:`\sum_m a_m \tau_m \mu_m`, in standard deviations of y.
    correction_ : ndarray of shape (n_experts,) or None
        Coefficients :math:`u_m` of the linear correction.
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
        What was done after the fit, by functions of :mod:`~sklearn_logitprod.deployment`.
    n_features_in_ : int
        Number of columns of X in the fit.

    See Also
    --------
    LogitProdRegressorCV : Search over gates by cross-validation.
    LogitProdClassifier : The same for classes.

    References
    ----------
    .. [1] Huang et al., "Plug-and-Play Logit Fusion for Heterogeneous Pathology
       Foundation Models", 2026, arXiv:2604.07779.
    .. [2] Genest, C. and Zidek, J. V., "Combining probability distributions: a critique and an
       annotated bibliography", Statistical Science 1, 1986.

    Examples
    --------
    The first expert knows the value up to a little, the second next to nothing.

    >>> import numpy as np
    >>> from sklearn_logitprod import LogitProdRegressor
    >>> y = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    >>> X = np.column_stack([y + [0.1, -0.1, 0.1, -0.1, 0.1, -0.1], [3, 2, 5, 1, 4, 3]])
    >>> model = LogitProdRegressor(gate_width=None).fit(X, y)
    >>> mean, std = model.predict(X, return_std=True)
    >>> bool(np.abs(mean - y).max() < 0.5), std.shape
    (True, (6,))
    >>> bool(model.guarantee_gap_ <= 0)
    True
    """

    task_name = "values"
    _models_name, _models_word = "value_models_", "prediction"
    features = "default"

    _parameter_constraints = {
        **{
            key: value
            for key, value in BaseLogitProd._parameter_constraints.items()
            if key not in ("cross_class", "features")
        },
        "experts": [None, "array-like"],
        "input": [StrOptions({"mean", "mean_std"})],
        "correction": [None, StrOptions({"auto"}), Interval(Real, 0.0, None, closed="neither")],
        "tails": [StrOptions({"auto", "gaussian"}), Interval(Real, 2.0, None, closed="right")],
    }

    def __init__(
        self,
        experts: Experts = None,
        *,
        input: Literal["mean", "mean_std"] = "mean",
        cv: CrossValidation = "prefit",
        gate_width: GateWidth = "auto",
        temperature: float = 1.0,
        alpha: float = 100.0,
        correction: Literal["auto"] | float | None = "auto",
        tails: Literal["auto", "gaussian"] | float = "auto",
        diversity: float = 0.0,
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
        self.input = input
        self.cv = cv
        self.gate_width = gate_width
        self.temperature = temperature
        self.alpha = alpha
        self.correction = correction
        self.tails = tails
        self.diversity = diversity
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

    def fit(
        self,
        X: Any,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        **params: Any,
    ) -> LogitProdRegressor:
        """Learn how to fuse the experts.

        Parameters
        ----------
        X : array or DataFrame
            With `experts`, whatever they take. Without, predictions of the experts for
            samples that they were not trained on:

            - means: array of shape (n_samples, n_experts), or DataFrame with one column per
              expert;
            - means and standard deviations: array of shape (n_samples, n_experts, 2), or
              DataFrame with two-level columns (expert, "mean" or "std");
            - :class:`~sklearn_logitprod.io.ExpertOutputs`, as the readers give them.

            Any real dtype, in any unit: experts are calibrated. An expert that is missing for
            a sample is NaN in all its columns.
        y : array-like of shape (n_samples,), default=None
            Values. None takes y and groups from ``ExpertOutputs``.
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
        self : LogitProdRegressor

        Raises
        ------
        ValueError
            If X, y, sample_weight or groups do not fit together or hold values that
            mean nothing, y is constant, or an expert fails; the message says which, where,
            and what to do.
        """
        self._fit(X, y, sample_weight, groups, params)
        return self

    def _target(self, X, y, weight):
        values = check_values(y, len(weight))
        centre, scale = centre_and_scale(values, weight)
        freedom = np.inf if isinstance(self.tails, str) else float(self.tails)
        attributes = {"y_mean_": centre, "y_scale_": scale, "freedom_": freedom}
        likelihood = _likelihood(values, attributes)
        if self.correction is None:
            likelihood = replace(likelihood, corrections=())
        return Target(values, value_strata(values, weight), likelihood, attributes=attributes)

    def _likelihood(self, y, n_samples, fitted):
        return _likelihood(check_values(y, n_samples), fitted)

    def _meaning(self):
        return {"tails": self.freedom_}

    def _judged(self, prepared):
        if not isinstance(self.tails, str):
            return prepared
        outputs, likelihood = self._calibrating(prepared)
        weight = prepared.weight[prepared.kept]
        freedom = tail_freedom(outputs.by_expert(), likelihood, weight)
        if self.tails == "gaussian":
            if np.isfinite(freedom):
                warn(tail_doubt(freedom))
            return prepared
        attributes = {**prepared.attributes, "freedom_": freedom}
        likelihood = replace(prepared.likelihood, freedom=freedom)
        return replace(prepared, likelihood=likelihood, attributes=attributes)

    def _read(self, X, fitted, expert_names=None):
        return read_value_outputs(X, self.input, expert_names)

    def _replies(self, fitted):
        return ValueReplies()

    def _correction_prior(self):
        if self.correction != "auto":
            return self.correction
        return None if self.gate_width == "auto" else CORRECTION

    def _pool_attributes(self, pool):
        correction = pool.correction
        return {
            "bias_": float(pool.class_bias[0]),
            "correction_": None if correction is None else correction[:, 0, 0],
        }

    def _to_calibrate(self, outputs):
        return range(outputs.shape[1])

    def _fit_models(self, outputs, likelihood, fitted):
        values = outputs.by_expert()
        return lambda weight: fit_values(values, likelihood, weight)

    def _model_doubts(self, models, outputs, likelihood, weight):
        return value_doubts(models, outputs.by_expert(), likelihood, weight)

    def _transformed(self, outputs):
        return self._in_units(_expert_moments(outputs)[0])

    def _in_units(self, standardised):
        return self.y_mean_ + self.y_scale_ * standardised

    def _located(self, X):
        """Fused locations and scales (n_samples,), in the unit of y."""
        mean, variance = moments(self._log_proba(X))
        return self._in_units(mean), self.y_scale_ * np.sqrt(variance)

    def _widened(self):
        """Standard deviation of a density of scale 1."""
        return 1.0 / np.sqrt(1.0 - 2.0 / self.freedom_)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Labels:
        """Names of the columns of ``transform``: those of the experts.

        Parameters
        ----------
        input_features : array-like of str or None
            Not used.

        Returns
        -------
        ndarray of shape (n_experts,), str objects
        """
        check_is_fitted(self)
        return np.asarray(self.expert_names_, dtype=object)

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Fused mean of each sample.

        Parameters
        ----------
        X : array or DataFrame
            Predictions of the same experts, in any of the forms of ``fit``.
        return_std : bool, default=False
            Also give the standard deviation of the fused density.

        Returns
        -------
        mean : ndarray of shape (n_samples,), float64
            In the unit of y.
        std : ndarray of shape (n_samples,), float64
            Of a value to be observed; only if asked for.
        """
        mean, scale = self._located(X)
        return (mean, self._widened() * scale) if return_std else mean

    def predict_quantiles(self, X: Any, quantiles: ArrayLike) -> Floats:
        """Quantiles of the fused density of each sample.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.
        quantiles : array-like of shape (n_quantiles,)
            Levels in (0, 1).

        Returns
        -------
        ndarray of shape (n_samples, n_quantiles), float64
            In the unit of y.
        """
        levels = np.atleast_1d(quantiles)
        numbers = levels.ndim == 1 and levels.dtype.kind in "iuf"
        if not (numbers and ((levels > 0.0) & (levels < 1.0)).all()):
            raise ValueError(
                f"quantiles={quantiles!r} are levels within (0, 1), such as [0.05, 0.5, 0.95]."
            )
        mean, scale = self._located(X)
        standard = ndtri(levels) if np.isinf(self.freedom_) else stdtrit(self.freedom_, levels)
        return mean[:, None] + scale[:, None] * standard

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Floats:
        """Central interval in which the value of each sample lies with a given probability.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.
        coverage : float, default=0.9
            Within (0, 1).

        Returns
        -------
        ndarray of shape (n_samples, 2), float64
            Lower and upper end, in the unit of y.
        """
        if not (isinstance(coverage, Real) and 0.0 < coverage < 1.0):
            raise ValueError(f"{option('coverage', coverage)} is not within (0, 1), such as 0.9.")
        return self.predict_quantiles(X, [0.5 - 0.5 * coverage, 0.5 + 0.5 * coverage])

    def expert_predictions(self, X: Any, return_std: bool = False) -> Any:
        """Calibrated prediction of each expert, as the pool reads it.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.
        return_std : bool, default=False
            Also give the standard deviations.

        Returns
        -------
        mean : ndarray of shape (n_samples, n_experts), float64
            In the unit of y; NaN where an expert is missing.
        std : ndarray of shape (n_samples, n_experts), float64
            Only if asked for.
        """
        mean, variance = _expert_moments(self._outputs(X))
        mean = self._in_units(mean)
        return (mean, self._widened() * self.y_scale_ * np.sqrt(variance)) if return_std else mean

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Coefficient of determination R^2 of the fused means.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.
        y : array-like of shape (n_samples,)
            True values.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        float
            At most 1.
        """
        X, y, sample_weight, _ = self._given(X, y, sample_weight)
        return super().score(X, y, sample_weight)


def _likelihood(values, fitted):
    centre, scale = fitted["y_mean_"], fitted["y_scale_"]
    own = (values - centre) / scale
    return Values(own, log_scale=float(np.log(scale)), freedom=fitted["freedom_"])


def _expert_moments(outputs):
    """Calibrated means and variances of all experts, standardised."""
    mean, variance = np.empty((2, *outputs.shape[:2]))
    for rows in block_slices(len(mean), 2 * mean.shape[1]):
        mean[rows], variance[rows] = moments(outputs.log_proba(rows))
    return mean, variance
