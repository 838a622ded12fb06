"""LogitProdMultilabelClassifier: fuse what fixed experts say of several labels."""

from __future__ import annotations

import copy
import warnings
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from sklearn_logitprod._text import brief, option, warn
from sklearn_logitprod._typing import (
    CrossValidation,
    Experts,
    GateWidth,
    RandomState,
)
from sklearn_logitprod.estimators.base import BaseLogitProd
from sklearn_logitprod.estimators.classifier import LogitProdClassifier
from sklearn_logitprod.estimators.panel import fit_labels
from sklearn_logitprod.estimators.panel_inference import PanelInference
from sklearn_logitprod.experts.panel import PanelReplies, fitted_by_label
from sklearn_logitprod.outputs.container import ExpertOutputs
from sklearn_logitprod.outputs.frames import is_two_level
from sklearn_logitprod.outputs.panel import panel_outputs
from sklearn_logitprod.targets.panel import (
    PanelLabels,
    check_observed,
    check_panel,
    panel_strata,
)
from sklearn_logitprod.targets.target import Target

# what a model of one label takes over from the panel's parameters
_SHARED = ("input", "temperature", "alpha", "cross_class", "features", "calibrate", "linear_pool")


class LogitProdMultilabelClassifier(PanelInference, ClassifierMixin, BaseLogitProd):
    r"""Fuse what fixed experts say of several labels, which need not all be tested.

    A panel of mutations, of findings, of tissue types: each sample has several labels, each 0 or
    1 or not tested. Every label has a weighted product of the experts of its own, as
    :class:`LogitProdClassifier` fits it [1]_:

    .. math::

       \operatorname{logit} p_l(x) = s_l \sum_m w_{lm}(x) \operatorname{logit} p_{lm}(x) + c_l

    All labels are fitted together. What they have in common, how much each expert is worth and
    how sharp the product is, is learned as the centre of their priors, and so is how far labels
    may lie from it: a label with few positives borrows from the others. On the fit data no label
    is worse in log-loss than its best single expert, the mean of log-probabilities and the mean
    of probabilities.

    Parameters
    ----------
    experts : list of (str, estimator) or of estimators, default=None
        Classifiers of several labels with ``predict_proba`` or ``decision_function``, such as
        forests or :class:`~sklearn.multioutput.MultiOutputClassifier`; X is then whatever they
        take. Cross-fitted classifiers of a single label, such as logistic regression, are fitted
        for each label, on the samples on which it was tested; so are all where y has labels that
        were not tested. None: X holds precomputed outputs.

    input : {"logits", "proba"}, default="logits"
        Without `experts`, what X holds: log-odds or probabilities of each label. It is never
        guessed from the values.

    labels : sequence of length n_labels, default=None
        Names of the labels, in the order of an array's label columns. None takes the columns
        of y if it is a DataFrame, and "label0", "label1" and so on otherwise.

    cv : "prefit", int, splitter or iterable of splits, default="prefit"
        "prefit": the experts are fitted and stay as they are. **You vouch that (X, y) of fit is
        new to them.** Otherwise they are cross-fitted: the pools learn from out-of-fold outputs,
        then the experts are fitted on everything.

    gate_width : "auto", None or int, default="auto"
        "auto" cross-validates constant weights that labels share to different degrees, with
        and without a correction, the best expert of each label and the mean of probabilities,
        and mixes them by how well each did on all labels. None: constant weights of one such
        degree. A number: a gate that all labels share, 0 for a linear one, h > 0 for one with a
        hidden layer of h units, beside which each label has a sharpness and a bias of its own.

    temperature : float, default=1.0
        Gate temperature.

    alpha : float, default=100.0
        Prior precision of the weights of a gate.

    cross_class : float, default=None
        Prior precision of a correction of each label, which lets coefficients of experts be
        negative. None leaves it out, or, with "auto", tries 10.

    features : {"default", "paper"}, default="default"
        Gating features, those of the label itself.

    calibrate : bool, default=True
        Whether sharpness and class bias are fitted.

    linear_pool : bool, default=True
        Whether the mean probability of the experts enters the product as one more column.

    solver : {"lbfgs", "adam"}, default="lbfgs"
        How gates are trained.

    max_iter : int, default=300
        Most iterations of the solver.

    tol : float, default=1e-7
        Stop once the mean loss of predictions is settled to about this, in nats.

    batch_size : int or "auto", default="auto"
        Rows of a mini-batch, for gates.

    selection_cv : int, splitter or iterable, default=5
        Cross-validation of "auto" within the fit data. Folds of a number hold samples alike by
        their rarest positive label, and keep groups together.

    memory : str or joblib.Memory, default=None
        Caches the experts' outputs and cross-fits.

    n_jobs : int, default=None
        Experts run in parallel.

    device : str, default="auto"
        Where gates are trained.

    random_state : int, RandomState instance or None, default=None
        Seeds folds, mini-batches and cross-fitted experts without a seed. None means 0.

    verbose : int, default=0
        Say what is being fitted, on standard error, if positive.

    Attributes
    ----------
    label_names_ : ndarray of shape (n_labels,), object
        Names of the labels; the order of the columns of ``predict_proba``.
    n_labels_ : int
        Number of labels.
    classes_ : ndarray of shape (n_labels, 2), int
        0 and 1 for each label.
    pools_ : list of Pool
        Fitted product of each label.
    expert_names_ : list of str
        Names of the experts.
    n_experts_ : int
        Number of experts.
    experts_ : list of estimators or None
        The fitted experts; None for precomputed outputs.
    named_experts_ : Bunch or None
        The fitted experts by name.
    expert_overview_ : Overview or None
        Of precomputed outputs what ``print`` and notebooks show of each expert on the fit data,
        over all labels: coverage, loss, calibration slope, agreement and what looks odd.
    n_tested_, n_positive_ : ndarray of shape (n_labels,), int
        Samples of the fit on which each label was tested, and was 1.
    mean_expert_weights_ : ndarray of shape (n_experts, n_labels), float64
        Mean weight of each expert for each label over the fit data.
    expert_losses_ : ndarray of shape (n_experts, n_labels), float64
        Mean log-loss of each expert on the samples it has, in nats; NaN if it has none.
    reference_losses_ : ndarray of shape (n_experts + 2, n_labels), float64
        Training log-loss of each expert, of the mean of log-probabilities and, with
        ``linear_pool``, of the mean of probabilities.
    loss_ : ndarray of shape (n_labels,), float64
        Training log-loss of the fused model, in nats.
    guarantee_gap_ : ndarray of shape (n_labels,), float64
        ``loss_ - reference_losses_.min(axis=0)``; never positive.
    selection_ : dict or None
        With "auto": ``candidate``, ``cv_loss`` (mean over all labels) and ``share``.
    n_iter_ : int
        Iterations of the solver; with "auto", of the candidate with the largest share.
    loss_curve_ : list of float
        Objective per effective outcome at each of these iterations, in nats.
    label_fits_ : list of dict
        Fitted attributes of the model of each label, as :meth:`label_model` gives it.
    n_samples_fit_ : int
        Number of samples of the fit, without those of weight 0.
    deployment_ : list
        Empty: :mod:`~sklearn_logitprod.deployment` takes models of single labels.
    n_features_in_ : int
        Number of columns of X in the fit; experts times labels for 3-D X.

    See Also
    --------
    LogitProdClassifier : One label, of two or more classes that exclude each other.
    sklearn.multioutput.MultiOutputClassifier : Fits a classifier for each label.

    References
    ----------
    .. [1] Huang et al., "Plug-and-Play Logit Fusion for Heterogeneous Pathology
       Foundation Models", 2026, arXiv:2604.07779.

    Examples
    --------
    Two experts, two labels; the first expert knows, the second guesses, and not every sample was
    tested for both.

    >>> import numpy as np
    >>> from sklearn_logitprod import LogitProdMultilabelClassifier
    >>> y = np.array([[0, 1], [1, 0], [0, np.nan], [1, 1], [0, 0], [np.nan, 0]])
    >>> log_odds = np.zeros((6, 2, 2))
    >>> log_odds[:, 0] = 4 * np.nan_to_num(y, nan=0.5) - 2
    >>> model = LogitProdMultilabelClassifier(gate_width=None).fit(log_odds, y)
    >>> model.predict([[[3.0, -3.0], [0.0, 0.0]]])
    array([[1, 0]])
    >>> bool((model.guarantee_gap_ <= 0).all())
    True
    """

    task_name = "labels"

    _parameter_constraints = {
        **{
            name: constraint
            for name, constraint in BaseLogitProd._parameter_constraints.items()
            if name != "diversity"
        },
        "experts": [None, "array-like"],
        "input": [StrOptions({"logits", "proba"})],
        "labels": [None, "array-like"],
    }

    def __init__(
        self,
        experts: Experts = None,
        *,
        input: Literal["logits", "proba"] = "logits",
        labels: ArrayLike | None = None,
        cv: CrossValidation = "prefit",
        gate_width: GateWidth = "auto",
        temperature: float = 1.0,
        alpha: float = 100.0,
        cross_class: float | None = None,
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
        self.input = input
        self.labels = labels
        self.cv = cv
        self.gate_width = gate_width
        self.temperature = temperature
        self.alpha = alpha
        self.cross_class = cross_class
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

    # heads of a panel have no diversity penalty
    diversity = 0.0

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = False
        tags.target_tags.multi_output = True
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        return tags

    def fit(
        self,
        X: Any,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        **params: Any,
    ) -> LogitProdMultilabelClassifier:
        """Learn how to fuse the experts for each label.

        Parameters
        ----------
        X : array or DataFrame
            With `experts`, whatever they take. Without, outputs of the experts on
            samples that they were not trained on:

            - array of shape (n_samples, n_experts, n_labels): log-odds, or probabilities of
              class 1, its labels in the order of y's columns or of `labels`;
            - array of shape (n_samples, n_experts * n_labels), expert by expert;
            - DataFrame with two-level columns (expert, label), or columns named
              ``expert_label``, of any library: aligned by the names of the labels;
            - :class:`~sklearn_logitprod.io.ExpertOutputs`, as
              :func:`~sklearn_logitprod.io.read_panel` gives them.

            NaN where an expert says nothing of a label; where the label was tested, one expert
            at least says something.
        y : array-like or DataFrame of shape (n_samples, n_labels), default=None
            0 or 1 (or booleans), NaN or None where a label was not tested. The columns of a
            frame name the labels. None takes y and groups from ``ExpertOutputs``.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative; a weight of 2 is the sample twice, 0 leaves it out.
        groups : array-like of shape (n_samples,), default=None
            Groups of dependent samples. They stay together in all folds, and the strength of
            each label's priors follows how dependent they are.
        **params : dict
            Metadata of cross-fitted experts; needs metadata routing enabled.

        Returns
        -------
        self : LogitProdMultilabelClassifier

        Raises
        ------
        ValueError
            If X, y, sample_weight or groups do not fit together or hold values that
            mean nothing, a label is never tested or has one class only, or an expert fails;
            the message says which, where, and what to do.
        """
        self._fit(X, y, sample_weight, groups, params)
        return self

    def _needs_torch(self):
        return self.gate_width not in (None, "auto")

    def _target(self, X, y, weight):
        wanted = self.labels
        if self.experts is None and isinstance(X, ExpertOutputs):
            wanted = X.classes
        from_X = self.experts is None and is_two_level(X)
        values, names = check_panel(y, len(weight), wanted)
        if names is None and from_X:
            raise ValueError(
                "X's columns name its labels, but the columns of y have no names: pass y as a "
                f"DataFrame, or name them in their order with {option('labels')}."
            )
        if names is None:
            names = np.array([f"label{j}" for j in range(values.shape[1])], dtype=object)
        check_observed(values, weight, names)
        attributes = {
            "label_names_": names,
            "n_labels_": len(names),
            # two axes, as scorers and cross_val_predict know several labels by
            "classes_": np.tile(np.arange(2), (len(names), 1)),
        }
        # classifiers of several labels know integers alone
        known = values if np.isnan(values).any() else values.astype(int)
        return Target(
            known,
            panel_strata(values),
            PanelLabels(values),
            factor=(~np.isnan(values).all(axis=1)).astype(np.float64),
            attributes=attributes,
        )

    def _read(self, X, fitted, expert_names=None):
        return panel_outputs(X, self.input, fitted["label_names_"], expert_names)

    def _replies(self, fitted):
        return PanelReplies(fitted["label_names_"])

    def _run_experts(self, X, target, weight, groups, params, seed, progress):
        shell = copy.copy(self)
        if not self._prefit:
            labels = target.attributes["label_names_"]
            shell.experts = fitted_by_label(self._named_pairs(), target.likelihood.values, labels)
        run = super(LogitProdMultilabelClassifier, shell)._run_experts
        with warnings.catch_warnings():
            # a label rarer than the folds is no fault of the samples
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            return run(X, target, weight, groups, params, seed, progress)

    def _finish(self, prepared, progress):
        with progress.stage("pool"):
            spec = self._head_spec(prepared.outputs.shape[1], 2)
            settings = self._settings(prepared.seed)
            own = fit_labels(self, prepared, spec, settings, progress)
        if not own.pop("converged"):
            warn(
                f"The fit stopped at max_iter={self.max_iter} before tol={self.tol:g} was reached. "
                f"Set {option('max_iter', 2 * self.max_iter)}, or a larger alpha.",
                ConvergenceWarning,
            )
        active = np.any([pool.active for pool in own["pools_"]], axis=0)
        absent = [name for name, on in zip(prepared.outputs.names, active, strict=True) if not on]
        if absent:
            warn(
                f"Expert(s) {', '.join(absent)} are missing (NaN) wherever a label was tested; "
                "their weight is 0, also where they are present later. Fit on rows that hold them, "
                "or leave them out."
            )
        vars(self).pop("feature_names_in_", None)
        vars(self).update(prepared.attributes | own)

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Share of samples of which all labels are predicted rightly (subset accuracy).

        Parameters
        ----------
        X : array or DataFrame
            As in ``predict``.
        y : array-like or DataFrame of shape (n_samples, n_labels)
            True labels, all of them tested.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        float
            In [0, 1].
        """
        check_is_fitted(self)
        X, y, sample_weight, _ = self._given(X, y, sample_weight)
        predicted = self.predict(X)
        named = self.label_names_ if hasattr(y, "columns") else None
        values, _ = check_panel(y, len(predicted), named)
        if values.shape != predicted.shape:
            raise ValueError(
                f"y has {values.shape[1]} columns, but the fit had {self.n_labels_} labels: "
                f"{brief(self.label_names_)}."
            )
        if np.isnan(values).any():
            raise ValueError(
                f"y is NaN in {int(np.isnan(values).any(axis=1).sum())} rows, of which nobody can "
                "say whether all labels are right. Score each label on the samples on which it was "
                "tested: label_model(name).score(...), or inspection.compare."
            )
        return float(accuracy_score(values.astype(int), predicted, sample_weight=sample_weight))

    def label_model(self, label: Any) -> LogitProdClassifier:
        """The fused model of one label, as a classifier of its own.

        Parameters
        ----------
        label : object
            One of ``label_names_``.

        Returns
        -------
        LogitProdClassifier
            Fitted, with the classes 0 and 1. It takes precomputed outputs of that label,
            ``label_outputs(X, label)``, or an array (n_samples, n_experts).
        """
        position = self._label_position(label)
        model = LogitProdClassifier(**{name: getattr(self, name) for name in _SHARED})
        if self.named_experts_ is not None:
            model.set_params(input="logits")
        model.set_params(gate_width=None if self.gate_width is None else self.gate_width)
        model.__dict__.update(copy.deepcopy(self.label_fits_[position]))
        return model
