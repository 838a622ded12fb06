"""The fit that all estimators share: from X and y to a pool."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import validate_data

from sklearn_logitprod._progress import SILENT, CallbackSupportMixin, FitProgress, with_callbacks
from sklearn_logitprod._text import option, warn
from sklearn_logitprod._typing import Floats
from sklearn_logitprod.estimators.inference import PoolInference, is_table
from sklearn_logitprod.estimators.prepared import Prepared, overview_of
from sklearn_logitprod.experts.composition import ExpertsComposition, fitted_experts
from sklearn_logitprod.experts.display import ExpertsDisplayMixin
from sklearn_logitprod.experts.naming import name_experts
from sklearn_logitprod.fusion.features import FEATURE_SETS
from sklearn_logitprod.outputs.checks import n_rows
from sklearn_logitprod.outputs.given import given
from sklearn_logitprod.outputs.marks import row_marks
from sklearn_logitprod.targets.folds import fold_rows
from sklearn_logitprod.targets.weights import check_groups, check_weights
from sklearn_logitprod.training.data import FitData
from sklearn_logitprod.training.fit import fit_pool
from sklearn_logitprod.training.prior import MAX_CORRECTION, HeadSpec
from sklearn_logitprod.training.threads import load_torch
from sklearn_logitprod.training.trainer import Settings

_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")


class BaseLogitProd(
    ExpertsDisplayMixin,
    CallbackSupportMixin,
    MetaEstimatorMixin,
    PoolInference,
    ExpertsComposition,
):
    """Fit and inference over aligned log-probabilities of experts.

    Subclasses name their task, and say how y becomes a :class:`Target` (``_target``,
    ``_likelihood``), how X becomes outputs (``_read``), what experts are asked (``_replies``),
    which parameters keep the meaning of outputs in another fit (``_meaning``), and what to
    predict.

    Attributes
    ----------
    task_name : str
        Task of the estimator, by which comparisons and the command line know what to do.
    """

    task_name: str

    _parameter_constraints = {
        "cv": ["cv_object", StrOptions({"prefit"})],
        "gate_width": [None, Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "temperature": [Interval(Real, 0.0, None, closed="neither")],
        "alpha": [Interval(Real, 0.0, None, closed="neither")],
        "cross_class": [None, Interval(Real, 0.0, None, closed="neither")],
        "diversity": [Interval(Real, 0.0, None, closed="left")],
        "features": [StrOptions(set(FEATURE_SETS))],
        "calibrate": ["boolean"],
        "linear_pool": ["boolean"],
        "solver": [StrOptions({"lbfgs", "adam"})],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0.0, None, closed="neither")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "selection_cv": ["cv_object"],
        "memory": [None, str, HasMethods(["cache"])],
        "n_jobs": [None, Integral],
        "device": [str],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self.experts is None:
            tags.input_tags.allow_nan = True
            tags.input_tags.three_d_array = True
            return tags
        # fit_transform of cross-fitted experts is out-of-fold and differs from transform on
        # purpose; that the two agree is assumed of all transformers without this tag
        tags.non_deterministic = not self._prefit
        known = [expert for _, expert in self._named_pairs() if hasattr(expert, "get_params")]
        own = [get_tags(expert) for expert in known]
        tags.input_tags.allow_nan = all(tag.input_tags.allow_nan for tag in own)
        tags.input_tags.sparse = all(tag.input_tags.sparse for tag in own)
        return tags

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        own = super().__repr__(N_CHAR_MAX)
        return "\n".join([own, *(f"- {step['text']}" for step in steps_of(self))])

    def _joined(self, prepared, names):
        """Fitted attributes beside the pool that grow with experts: those of all.

        Parameters
        ----------
        prepared : Prepared
            Of the new experts.
        names : list of str
            Theirs.

        Returns
        -------
        dict
        """
        return {}

    def _standing(self, pool, data, weight):
        """Fitted attributes that tell where predictions stand on the fit data: a dict."""
        return {}

    def _needs_torch(self):
        """Whether the fit trains a gate."""
        return self.gate_width is not None

    def _factor(self, y, n_samples):
        """What rows are weighed by beside their sample weights."""
        return 1.0

    def _check_parameters(self):
        """Check what can be checked before any data is looked at."""
        self._validate_params()
        if not _DEVICE.fullmatch(self.device):
            raise ValueError(
                f"device={self.device!r} is unknown: use 'auto' (CUDA when there is one), "
                "'cpu', 'cuda' or 'cuda:<index>'."
            )

    def _given(self, X, y, sample_weight=None, groups=None):
        """X and what comes beside it, in the forms that the checks know."""
        return given(X, y, sample_weight, groups, outputs=self.experts is None)

    def _features_of(self, X):
        """Number and, where it has them, names of X's columns, as fitted attributes."""
        if not is_table(X):
            # aligned by name or by the last two axes, or for experts of their own kind
            return {"n_features_in_": int(np.prod(np.shape(X)[1:]))}
        # reads names off X as scikit-learn does, whatever is fitted here already
        probe = BaseEstimator()
        validate_data(probe, X, reset=True, skip_check_array=True)
        names = ("n_features_in_", "feature_names_in_")
        return {name: vars(probe)[name] for name in names if name in vars(probe)}

    def _seed(self):
        """Seed of mini-batches and folds; None means 0, on purpose.

        A fit is deterministic: it neither reads nor changes a global random state.
        """
        if self.random_state is None:
            return 0
        if isinstance(self.random_state, Integral):
            return int(self.random_state)
        return int(self.random_state.randint(np.iinfo(np.int32).max))

    @with_callbacks
    def _fit(self, X, y, sample_weight, groups, params):
        """Fit; gives the outputs of all rows, as the gate saw them."""
        n_stages = 1 if self.experts is None else 2
        with FitProgress(self, self.verbose, n_stages, X=X, y=y) as progress:
            prepared = self._prepare(X, y, sample_weight, groups, params, progress)
            self._finish(prepared, progress)
        return prepared.outputs

    def fit_transform(
        self,
        X: Any,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        **params: Any,
    ) -> Floats:
        """Fit, and give what the gate was fitted on.

        Parameters
        ----------
        X : array or DataFrame
            As in ``fit``.
        y : array-like of shape (n_samples,)
            As in ``fit``.
        sample_weight, groups : array-like of shape (n_samples,), default=None
            As in ``fit``.
        **params : dict
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_columns), float64
            Out-of-fold for cross-fitted experts, else the same as ``transform``.
        """
        return self._transformed(self._fit(X, y, sample_weight, groups, params))

    def _prepare(self, X, y, sample_weight, groups, params, progress):
        """Check everything, and get the experts' outputs: a :class:`Prepared`."""
        self._check_parameters()
        X, y, sample_weight, groups = self._given(X, y, sample_weight, groups)
        n_samples = n_rows(X)
        raw = check_weights(sample_weight, n_samples)
        # y first: an expert may take hours, a wrong label should not wait for it
        target = self._target(X, y, raw)
        groups = check_groups(groups, n_samples)
        if self._needs_torch():
            load_torch()
        seed = self._seed()
        # rows of weight 0 are checked like all others, and then left out of everything
        kept = np.flatnonzero(raw * target.factor)
        folds = None
        if self.gate_width == "auto":
            folds = fold_rows(self.selection_cv, target.strata, groups, kept, seed)
        if self.experts is None:
            fitted, outputs = None, self._read(X, target.attributes)
        else:
            own = None if sample_weight is None else raw
            fitted, outputs = self._run_experts(X, target, own, groups, params, seed, progress)
        attributes = self._features_of(X) | target.attributes | fitted_experts(fitted)
        attributes |= {"expert_names_": outputs.names, "n_experts_": len(outputs.names)}
        weight = raw * target.factor
        return Prepared(outputs, target.likelihood, weight, groups, kept, folds, seed, attributes)

    def _finish(self, prepared, progress):
        """Fit the pool on what was prepared, and set the fitted attributes."""
        with progress.stage("pool"):
            attributes = {**prepared.attributes, **self._fit_pool(prepared, progress)}
        active = attributes["pool_"].active
        absent = [name for name, on in zip(prepared.outputs.names, active, strict=True) if not on]
        if absent:
            warn(
                f"Expert(s) {', '.join(absent)} are missing (NaN) on every row of the fit data; "
                "their weight is 0, also where they are present later. Fit on rows that hold them, "
                "or leave them out."
            )
        kept = prepared.kept
        attributes["n_samples_fit_"] = len(kept)
        attributes["fit_rows_"] = row_marks(prepared.outputs.take(kept).log_proba, len(kept))
        attributes["deployment_"] = []
        attributes["expert_overview_"] = overview_of(prepared, attributes)
        # all at once, at the end: a fit that fails leaves an earlier one as it was
        vars(self).pop("feature_names_in_", None)
        vars(self).update(attributes)

    def _correction_prior(self):
        """Prior precision of the correction, or None."""
        return self.cross_class

    def _pool_attributes(self, pool):
        """Fitted attributes that a pool decides."""
        return {"class_bias_": pool.class_bias, "cross_class_": pool.correction}

    def _head_spec(self, n_experts, n_classes):
        """What is fitted, from the parameters."""
        cross_class = self._correction_prior()
        if cross_class is not None and n_experts * n_classes**2 > MAX_CORRECTION:
            warn(
                f"cross_class is left out: {n_experts} experts x {n_classes}^2 classes make more "
                f"than {MAX_CORRECTION} correction parameters. Set {option('cross_class', None)}."
            )
            cross_class = None
        return HeadSpec(
            gate_width=None if self.gate_width == "auto" else self.gate_width,
            temperature=float(self.temperature),
            alpha=float(self.alpha),
            cross_class=cross_class,
            diversity=float(self.diversity),
            calibrate=self.calibrate,
        )

    def _settings(self, seed):
        """How it is solved, from the parameters."""
        return Settings(self.solver, self.max_iter, self.tol, self.batch_size, self.device, seed)

    def _fit_pool(self, prepared, progress):
        """Fit the pool: a dict of fitted attributes."""
        data, weight = self._fit_data(prepared)
        spec = self._head_spec(data.n_experts, data.n_classes)
        fit = fit_pool(data, weight, spec, self._settings(prepared.seed), prepared.folds, progress)
        if not fit.converged:
            warn(
                f"The fit stopped at max_iter={self.max_iter} before tol={self.tol:g} was reached. "
                f"Set {option('max_iter', 2 * self.max_iter)}, or a larger alpha.",
                ConvergenceWarning,
            )
        selection = None
        if fit.selection is not None:
            selection = {
                "candidate": fit.selection.candidates,
                "cv_loss": fit.selection.cv_losses,
                "share": fit.selection.shares,
            }
        return {
            "pool_": fit.pool,
            "mean_expert_weights_": fit.mean_weights,
            "expert_losses_": fit.expert_losses,
            "reference_losses_": fit.reference_losses,
            "loss_": fit.loss,
            "guarantee_gap_": fit.loss - float(fit.reference_losses.min()),
            **self._pool_attributes(fit.pool),
            "n_iter_": len(fit.curve),
            "loss_curve_": fit.curve,
            "selection_": selection,
            **self._standing(fit.pool, data, weight),
        }

    def _fit_data(self, prepared):
        """Fit data and sample weights of the rows that count."""
        outputs, likelihood, groups = prepared.outputs, prepared.likelihood, prepared.groups
        kept, weight = prepared.kept, prepared.weight
        if len(kept) < len(weight):
            outputs, likelihood, weight = outputs.take(kept), likelihood.take(kept), weight[kept]
            groups = None if groups is None else np.unique(groups[kept], return_inverse=True)[1]
        data = FitData(
            outputs.log_proba, outputs.shape, likelihood, self.linear_pool, self.features, groups
        )
        return data, weight


def with_pool(estimator, attributes, pool):
    """A fitted estimator of the same parameters that holds a pool and no experts.

    Parameters
    ----------
    estimator : BaseLogitProd
    attributes : dict
        Fitted attributes beside the pool.
    pool : Pool

    Returns
    -------
    estimator
        Takes precomputed outputs, or :class:`~sklearn_logitprod.estimators.inference.ColumnBlocks`.
    """
    model = type(estimator)(**estimator.get_params(deep=False))
    vars(model).update({**attributes, **fitted_experts(None), "pool_": pool})
    return model


def given_to(estimator, X, y, sample_weight=None, groups=None):
    """X and what comes beside it, in the forms that the checks of an estimator know.

    Parameters
    ----------
    estimator : BaseLogitProd
    X, y, sample_weight, groups : object
        As for its ``fit``.

    Returns
    -------
    X, y, sample_weight, groups
    """
    return estimator._given(X, y, sample_weight, groups)


def target_of(estimator, X, y):
    """What y says to an estimator, checked: a :class:`Target`."""
    return estimator._target(X, y, np.ones(n_rows(X)))


def likelihood_of(model, y, n_samples):
    """Likelihood of the y of some samples, by the classes or times of a fitted estimator."""
    return model._likelihood(y, n_samples, vars(model))


def outputs_of(model, X):
    """Outputs of a fitted estimator's experts on X, as its pool reads them."""
    return model._outputs(X)


def weighting_of(model, y, n_samples):
    """By what a fitted estimator weighs rows beside their sample weights."""
    return model._factor(y, n_samples)


def prepared_by(model, experts, cv, X, y, sample_weight, groups):
    """What a fit of other experts on the classes or times of a fitted estimator would start from.

    Parameters
    ----------
    model : BaseLogitProd
        Fitted.
    experts : list of (str, estimator) or None
        Other experts than its own; None for outputs in X.
    cv : "prefit" or cross-validation splitter
    X, y, sample_weight, groups : object
        As for ``fit``.

    Returns
    -------
    Prepared
    """
    own = model.get_params(deep=False) | model._meaning() | {"experts": experts, "cv": cv}
    if own.get("expert_methods"):
        # of the model's own experts no more is asked here
        named = dict(name_experts(experts or []))
        own["expert_methods"] = {
            name: method for name, method in own["expert_methods"].items() if name in named
        }
    prepared = type(model)(**own)._prepare(X, y, sample_weight, groups, {}, SILENT)
    return replace(prepared, outputs=prepared.outputs.beside_others())


def suspects_of(model, outputs, codes):
    """Names of a fitted estimator's experts that look as if trained on some rows.

    Parameters
    ----------
    model : BaseLogitProd
    outputs : Outputs or EventOutputs
        Of its experts on these rows.
    codes : ndarray of shape (n_samples,), int
        Classes of the rows.

    Returns
    -------
    list of str
        Empty for precomputed outputs.
    """
    if model.named_experts_ is None:
        return []
    return model._replies(vars(model)).suspects(outputs, codes)


def features_of(model, X):
    """Number and, where it has them, names of X's columns, as fitted attributes."""
    return model._features_of(X)


def joined_by(model, prepared, names):
    """Fitted attributes beside the pool that grow with experts, as ``_joined`` gives them."""
    return model._joined(prepared, names)


def pool_over(model, prepared, calibrate):
    """A pool by the parameters of an estimator, without linear pool, over other outputs.

    Parameters
    ----------
    model : BaseLogitProd
    prepared : Prepared
    calibrate : bool
        Whether sharpness and class bias are fitted, where the estimator fits them.

    Returns
    -------
    dict
        Fitted attributes, ``pool_`` among them.
    """
    own = model.get_params(deep=False) | {"experts": None, "linear_pool": False}
    own["calibrate"] = model.calibrate and calibrate
    return type(model)(**own)._fit_pool(prepared, SILENT)


def redeployed(model, pool, step, **attributes):
    """A copy of a fitted estimator that holds another pool.

    Parameters
    ----------
    model : BaseLogitProd
        Left as it is; its experts are shared.
    pool : Pool, ExtendedPool or SafePool
    step : dict
        What was done, for ``deployment_``.
    **attributes : dict
        Other fitted attributes and parameters that change.

    Returns
    -------
    BaseLogitProd
    """
    shared = [*model._named_pairs(), *(model.named_experts_ or {}).items()]
    new = copy.deepcopy(model, {id(expert): expert for _, expert in shared})
    vars(new).update(
        {
            "pool_": pool,
            **model._pool_attributes(pool),
            "deployment_": [*steps_of(model), step],
            **attributes,
        }
    )
    return new


def steps_of(model):
    """What was done to a fitted model after its fit: a list of dicts."""
    # models that were stored before there was such an attribute
    return getattr(model, "deployment_", [])
