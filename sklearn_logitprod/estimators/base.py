"""The fit skeleton and the inference that classifier and survival estimator share."""

from __future__ import annotations

import copy
import re
import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import MetaEstimatorMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_logitprod._progress import CallbackSupportMixin, FitProgress
from sklearn_logitprod._typing import Floats
from sklearn_logitprod.estimators.prepared import Prepared, all_log_proba
from sklearn_logitprod.experts.composition import ExpertsComposition
from sklearn_logitprod.experts.display import ExpertsDisplayMixin
from sklearn_logitprod.fusion.features import FEATURE_SETS
from sklearn_logitprod.fusion.logits import block_slices
from sklearn_logitprod.fusion.pool import expert_shares
from sklearn_logitprod.outputs.checks import n_rows
from sklearn_logitprod.outputs.container import ExpertOutputs, own_target
from sklearn_logitprod.outputs.frames import is_two_level
from sklearn_logitprod.targets.folds import fold_rows
from sklearn_logitprod.targets.weights import check_groups, check_weights
from sklearn_logitprod.training.data import FitData
from sklearn_logitprod.training.fit import fit_pool
from sklearn_logitprod.training.prior import MAX_CORRECTION, HeadSpec
from sklearn_logitprod.training.trainer import Settings

_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")


class BaseLogitProd(
    ExpertsDisplayMixin,
    CallbackSupportMixin,
    MetaEstimatorMixin,
    TransformerMixin,
    ExpertsComposition,
):
    """Fit and inference over aligned log-probabilities of experts.

    Subclasses say how y becomes a :class:`Target` (``_target``, ``_likelihood``), how X becomes
    :class:`~sklearn_logitprod.outputs.classes.Outputs` (``_precomputed`` in a fit, ``_read``
    later), what experts are asked (``_replies``), and what to predict.
    """

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

    def _check_parameters(self):
        """Check what can be checked before any data is looked at."""
        self._validate_params()
        if not _DEVICE.fullmatch(self.device):
            raise ValueError(
                f"device={self.device!r} is unknown: use 'auto' (CUDA when there is one), "
                "'cpu', 'cuda' or 'cuda:<index>'."
            )

    def _check_features(self, X):
        """Check the number and names of X's columns against those of the fit."""
        if _is_table(X):
            validate_data(self, X, reset=False, skip_check_array=True)

    def _features_of(self, X):
        """Number and, where it has them, names of X's columns, as fitted attributes."""
        if not _is_table(X):
            # aligned by name or by the last two axes, or for experts of their own kind
            return {"n_features_in_": int(np.prod(np.shape(X)[1:]))}
        probe = copy.copy(self)
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

    def _fit(self, X, y, sample_weight, groups, params):
        """Fit; gives the outputs of all rows, as the gate saw them."""
        with FitProgress(self, self.verbose) as progress:
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
        """Fit, and give the log-probabilities that the gate was fitted on.

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
        ndarray of shape (n_samples, n_experts * n_classes), float64
            Out-of-fold for cross-fitted experts, else the same as ``transform``.
        """
        logits = all_log_proba(self._fit(X, y, sample_weight, groups, params))
        return logits.reshape(len(logits), -1)

    def _prepare(self, X, y, sample_weight, groups, params, progress):
        """Check everything, and get the experts' outputs: a :class:`Prepared`."""
        self._check_parameters()
        n_samples = n_rows(X)
        y, groups = own_target(X, y, groups)
        raw = check_weights(sample_weight, n_samples)
        target = self._target(X, y, raw)
        groups = check_groups(groups, n_samples)
        seed = self._seed()
        kept = np.flatnonzero(raw)
        folds = None
        if self.gate_width == "auto":
            folds = fold_rows(self.selection_cv, target.strata, groups, kept, seed)
        if self.experts is None:
            fitted, outputs = None, self._precomputed(X, target)
        else:
            own = None if sample_weight is None else raw
            fitted, outputs = self._run_experts(X, target, own, groups, params, seed, progress)
        attributes = self._features_of(X) | target.attributes
        weight = raw * target.factor
        return Prepared(
            outputs, target.likelihood, weight, groups, kept, folds, seed, fitted, attributes
        )

    def _finish(self, prepared, progress):
        """Fit the pool on what was prepared, and set the fitted attributes."""
        attributes = {**prepared.attributes, **self._fit_pool(prepared, progress)}
        # all at once, at the end: a fit that fails leaves an earlier one as it was
        vars(self).pop("feature_names_in_", None)
        self._set_experts(prepared.experts)
        vars(self).update(attributes)

    def _head_spec(self, n_experts, n_classes):
        """What is fitted, from the parameters."""
        cross_class = self.cross_class
        if cross_class is not None and n_experts * n_classes**2 > MAX_CORRECTION:
            warnings.warn(
                f"cross_class is left out: {n_experts} experts x {n_classes}^2 classes "
                f"make more than {MAX_CORRECTION} correction parameters.",
                UserWarning,
                stacklevel=6,
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
        outputs = prepared.outputs
        absent = [name for name, on in zip(outputs.names, data.active, strict=True) if not on]
        if absent:
            warnings.warn(
                f"Expert(s) {', '.join(absent)} are missing (NaN) on every row of the fit data; "
                "their weight is 0, also where they are present later.",
                UserWarning,
                stacklevel=5,
            )
        spec = self._head_spec(data.n_experts, data.n_classes)
        fit = fit_pool(data, weight, spec, self._settings(prepared.seed), prepared.folds, progress)
        if not fit.converged:
            warnings.warn(
                f"The fit stopped at max_iter={self.max_iter} before tol={self.tol:g} was reached. "
                "Raise max_iter or alpha.",
                ConvergenceWarning,
                stacklevel=5,
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
            "expert_names_": outputs.names,
            "n_experts_": len(outputs.names),
            "mean_expert_weights_": fit.mean_weights,
            "expert_losses_": fit.expert_losses,
            "reference_losses_": fit.reference_losses,
            "loss_": fit.loss,
            "guarantee_gap_": fit.loss - float(fit.reference_losses.min()),
            "class_bias_": fit.pool.class_bias,
            "cross_class_": fit.pool.correction,
            "n_iter_": len(fit.curve),
            "loss_curve_": fit.curve,
            "selection_": selection,
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

    def _outputs(self, X):
        """Outputs of the fitted experts on X, or X itself if it holds them."""
        check_is_fitted(self)
        self._check_features(X)
        if self.experts_ is None:
            return self._read(X)
        pairs = list(self.named_experts_.items())
        return self._caller().outputs(pairs, X, self._replies(vars(self)))

    def _outputs_of(self, prepared, X):
        """Outputs on X of the experts of a fit that got no further than its preparation."""
        model = copy.copy(self)
        vars(model).update(prepared.attributes, expert_names_=prepared.outputs.names)
        model._set_experts(prepared.experts)
        return model._outputs(X)

    def _blocks(self, X):
        """Number of rows of X, and their columns, block by block."""
        outputs = self._outputs(X)
        n_samples, n_experts, n_classes = outputs.shape
        active = self.pool_.active

        def columns():
            for rows in block_slices(n_samples, n_experts * n_classes):
                log_proba = outputs.log_proba(rows)
                if not active.all():
                    _check_active(log_proba, rows.start, active, self.expert_names_)
                yield self.pool_.columns(log_proba)

        return n_samples, columns()

    def _collect(self, X, compute):
        """``compute(columns)`` of all rows of X."""
        n_samples, blocks = self._blocks(X)
        out, start = None, 0
        for columns in blocks:
            values = compute(columns)
            if out is None:
                out = np.empty((n_samples, *values.shape[1:]), values.dtype)
            out[start : start + len(values)] = values
            start += len(values)
        return out

    def _log_proba(self, X):
        """Fused log-probabilities (n_samples, n_classes)."""
        return self._collect(X, lambda columns: self.pool_.log_proba(columns))

    def _shares(self, columns):
        return expert_shares(columns, self.pool_.coefficients(columns))

    def expert_weights(self, X: Any) -> Floats:
        """Weight of each expert for each sample.

        The fitted pool is one product with coefficients ``a_m(x)`` for the experts and
        ``a_lin(x)`` for the linear pool. The weight of an expert is ``(a_m + a_lin /
        number of experts present) / sum of all a``.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.

        Returns
        -------
        ndarray of shape (n_samples, n_experts), float64
            Non-negative, rows sum to 1; 0 where an expert is missing.
        """
        return self._collect(X, lambda columns: self._shares(columns)[0])

    def _present_weights(self, X):
        """Weights of ``expert_weights``, NaN where an expert is missing."""

        def compute(columns):
            missing = ~columns.present[:, : columns.n_experts]
            return np.where(missing, np.nan, self._shares(columns)[0])

        return self._collect(X, compute)

    def linear_pool_share(self, X: Any) -> Floats:
        """Share of the linear pool in all coefficients of each sample.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            ``a_lin / sum of all a``, in [0, 1]; 0 with ``linear_pool=False``.
        """
        return self._collect(X, lambda columns: self._shares(columns)[1])

    def sharpness(self, X: Any) -> Floats:
        """Sum of all coefficients of each sample.

        Above 1 the product is sharper than a weighted mean of log-probabilities, below
        1 flatter.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Positive.
        """
        return self._collect(X, lambda columns: self._shares(columns)[2])

    def cross_class_share(self, X: Any) -> Floats:
        """How much of the fused scores the cross-class correction moves.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Norm of the correction, centred over the classes, over the sum of its norm
            and that of the weighted product; in [0, 1], and 0 without a correction.
        """
        return self._collect(X, lambda columns: self.pool_.correction_share(columns))

    def expert_logits(self, X: Any) -> Floats:
        """Log-probabilities of each expert, as the pool reads them.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.

        Returns
        -------
        ndarray of shape (n_samples, n_experts, n_classes), float64
            Natural logarithms, normalised over the classes (in the order of
            ``classes_``; for survival, the intervals and the tail) and floored; NaN where
            an expert is missing.
        """
        return all_log_proba(self._outputs(X))

    def transform(self, X: Any) -> Floats:
        """Log-probabilities of the experts, one column per expert and class.

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.

        Returns
        -------
        ndarray of shape (n_samples, n_experts * n_classes), float64
            ``expert_logits(X)``, expert by expert.
        """
        logits = self.expert_logits(X)
        return logits.reshape(len(logits), -1)


def _is_table(X):
    """Whether X has two axes and columns of one level, matched by the estimator's own checks."""
    if isinstance(X, ExpertOutputs):
        return False
    if isinstance(X, (list, tuple)):
        # nested three deep: a list of lists, or of arrays of two axes
        first = X[0] if len(X) else []
        inner = first[0] if isinstance(first, (list, tuple)) and len(first) else 0
        return not isinstance(inner, (list, tuple, np.ndarray)) and np.ndim(first) < 2
    return len(getattr(X, "shape", (0, 0))) == 2 and not is_two_level(X)


def _check_active(log_proba, start, active, names):
    """Refuse rows on which only experts are present that the fit never saw."""
    empty = ~(~np.isnan(log_proba[:, :, 0]) & active).any(axis=1)
    if empty.any():
        unseen = [name for name, on in zip(names, active, strict=True) if not on]
        raise ValueError(
            f"In row {start + int(np.argmax(empty))} of X all experts are missing but "
            f"{', '.join(unseen)}, which the fit data lacked and which has no weight. Refit with "
            "data that hold this expert, or remove the row."
        )
