"""LogitProdClassifier: fuse the class probabilities of fixed experts."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import StrOptions

from sklearn_logitprod._typing import CrossValidation, Experts, GateWidth, RandomState
from sklearn_logitprod.estimators.base import BaseLogitProd
from sklearn_logitprod.estimators.class_predictions import ClassPredictions, matrix_likelihood
from sklearn_logitprod.estimators.inference import CategoryInference
from sklearn_logitprod.estimators.standing import standing
from sklearn_logitprod.experts.classifiers import ClassReplies
from sklearn_logitprod.fusion.likelihood import ClassLabels
from sklearn_logitprod.outputs.classes import read_outputs
from sklearn_logitprod.outputs.container import ExpertOutputs
from sklearn_logitprod.outputs.frames import frame_classes, is_two_level
from sklearn_logitprod.targets.decisions import decider
from sklearn_logitprod.targets.labels import (
    check_classes,
    check_labels,
    grade_order,
    refuse_wrapper,
)
from sklearn_logitprod.targets.partial import (
    LABELS,
    check_matrix,
    check_same,
    check_told,
    is_matrix,
    labelled_matrix,
    says_nothing,
    taught_by,
)
from sklearn_logitprod.targets.target import Target


class LogitProdClassifier(ClassPredictions, CategoryInference, BaseLogitProd):
    r"""Fuse the outputs of fixed experts by a sample-adaptive weighted product.

    The experts stay as they are. From their logits alone a gate learns how much to
    trust each of them on each sample, and the fused probabilities are the product of
    the experts' probabilities raised to these weights, the logarithmic opinion pool
    [1]_:

    .. math::

       p(y \mid x) &= \operatorname{softmax}\Bigl(
       s \sum_m w_m(x) \log p_m(\cdot \mid x) + c \Bigr)_y, \\
       w(x) &= \operatorname{softmax}\Bigl( \bigl( b + g(\phi(x)) \bigr) / \tau \Bigr)

    with gating features :math:`\phi` computed from the logits, a gate :math:`g` at the
    temperature :math:`\tau`, a sharpness :math:`s` and a class bias :math:`c`. On the
    fit data the fused model is never worse in log-loss than the best single expert, the
    mean of log-probabilities and the mean of probabilities.

    Parameters
    ----------
    experts : list of (str, estimator) or of estimators, default=None
        Classifiers with ``predict_log_proba``, ``predict_proba`` or
        ``decision_function``, the first of these being used; X is then whatever they
        take. Bare estimators are named by their class. ``"drop"`` in place of an
        estimator leaves it out. None: X holds precomputed outputs.

    input : {"logits", "proba"}, default="logits"
        Without `experts`, what X holds: unnormalised log-probabilities (for a binary
        task with one column per expert, log-odds), or probabilities. It is never
        guessed from the values.

    classes : sequence of length n_classes, default=None
        Class labels in the order of an array's class columns. None takes the sorted
        labels of y, whose number must then be that of the columns. Frames with
        two-level columns name their classes themselves.

    labels : {"single", "sets", "proba"}, default="single"
        What y says of each sample: its class; the set of classes that it may be of, as a
        boolean matrix (n_samples, n_classes); or a distribution over the classes, such as
        shares of readers' votes. Columns of a matrix are named by a DataFrame, as
        :func:`label_sets` makes, or follow `classes`; an array of plain labels is taken by
        all three.

    decision : {"mode", "median"} or array-like of shape (n_classes, n_classes), default="mode"
        What ``predict`` chooses: the most probable class, the median of ordered grades
        (numbers, or `classes` from the lowest to the highest), or the class of least
        expected cost, ``decision[i, j]`` being the cost of predicting class j where i is
        true: a DataFrame with the labels on both axes, or in the order of ``classes_``.

    cv : "prefit", int, splitter or iterable of splits, default="prefit"
        "prefit": the experts are fitted and stay as they are, also under
        ``sklearn.base.clone``. **You vouch that (X, y) of fit is new to them**: outputs
        of an expert on its own training data are too confident, and weights learned on
        them are wrong. Otherwise the experts are cloned and cross-fitted: the gate
        learns from out-of-fold outputs, then the experts are fitted on everything. A
        number means stratified folds, which keep groups together.

    missing_classes : {"raise", "floor", "mean"}, default="raise"
        What to do with an expert that does not know a class of y: raise, give the class
        the floor probability, or give it the mean of what the experts say that know it,
        the expert's own probabilities shrinking to make room.

    gate_width : "auto", None or int, default="auto"
        The gate: None for constant weights, 0 for a gate linear in the gating features
        (the choice of [1]_), h > 0 for one hidden layer of h units. "auto"
        cross-validates equal and constant weights, a linear gate, cross-class corrections
        and the best expert within the fit data and mixes them by how well each did.

    temperature : float, default=1.0
        Gate temperature. Trained in, it changes the strength of the priors on the
        gate: with temperature 2, ``alpha=25`` and a quarter of the prior on the bias the
        same weights are learned as with temperature 1 and ``alpha=100``.

    alpha : float, default=100.0
        Prior precision of the gate weights, in units of the fused scores; larger keeps
        the weights nearer to constant. With "auto", a linear gate is tried at 0.3 times
        this.

    cross_class : float, default=None
        Prior precision of the cross-class correction, a matrix per expert on its centred
        log-probabilities, which lets experts be strong on different classes; of two classes
        on ``log p`` and ``log(1 - p)``, not centred, which lets them be strong where they are
        sure of one. None leaves it out, or, with "auto", tries 30, 10 and, of two classes, 0.3.
        It is left out, with a warning, where ``n_experts * n_classes**2`` exceeds 20000.

    diversity : float, default=0.0
        Strength of the penalty on giving weight to experts whose losses are
        correlated; [1]_ uses 0.1.

    features : {"default", "paper"}, default="default"
        Gating features: those of [1]_ (per expert maximum probability, margin and
        entropy; across experts mean entropy and mutual information), or these and per
        expert the divergence from the mean, the probability of the mean's top class and
        whether the expert is present.

    calibrate : bool, default=True
        Whether sharpness and class bias are fitted; they stay at 1 and 0 otherwise,
        the plain product of [1]_.

    linear_pool : bool, default=True
        Whether the mean probability of the experts enters the product as one more
        column. It protects against experts that are confidently wrong. Without it the
        mean of probabilities is no reference of the guarantee.

    solver : {"lbfgs", "adam"}, default="lbfgs"
        How gates are trained. "lbfgs" is full-batch and deterministic and passes to
        mini-batches of Adam where `batch_size` says so.

    max_iter : int, default=300
        Most iterations of the solver; passes over the data for mini-batches.

    tol : float, default=1e-7
        Stop once the mean loss of predictions is settled to about this, in nats.

    batch_size : int or "auto", default="auto"
        Rows of a mini-batch. "auto" trains on the full batch while log-probabilities
        and gating features take at most 1 GiB, and on mini-batches of 8192 rows beyond.

    selection_cv : int, splitter or iterable, default=5
        Cross-validation of "auto" within the fit data; a number means stratified
        folds that keep groups together.

    memory : str or joblib.Memory, default=None
        Caches the experts' outputs and cross-fits: candidates of a search that differ
        in the gate alone do not evaluate the experts again.

    n_jobs : int, default=None
        Experts run in parallel, through joblib and whatever backend it has. None is 1
        unless a ``joblib.parallel_config`` says otherwise.

    device : str, default="auto"
        Where gates are trained: "auto" (CUDA when there is one), "cpu", "cuda" or
        "cuda:<index>". Constant weights and all predictions run on the CPU in NumPy.

    random_state : int, RandomState instance or None, default=None
        Seeds mini-batches, folds, and cross-fitted experts whose own
        ``random_state`` is None. None means 0: fits are deterministic and leave NumPy's
        global random state alone.

    verbose : int, default=0
        Say what is being fitted, on standard error, if positive. Callbacks of
        scikit-learn 1.9, such as ``ProgressBar``, are told whatever this says.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted class labels; the order of the columns of ``predict_proba``.
    class_prior_ : ndarray of shape (n_classes,), float64
        Share of each class in the fit data, sample weights counted; classes that sets
        leave open count as the fused model expects them.
    class_prior_offset_ : ndarray of shape (n_classes,), float64
        Added to the fused scores, it makes the mean prediction on the fit data this share;
        None if the fit had no sample of a class.
    n_effective_ : float
        Sum of the sample weights over ``design_effect_``.
    design_effect_ : float
        By which dependence within groups shrinks what samples tell; 1 without groups.
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
        Mean log-loss of each expert on the rows it has, in nats; NaN if it has none.
    expert_overview_ : Overview or None
        Of precomputed outputs what ``print`` and notebooks show of each expert on the fit data:
        coverage, loss, calibration slope, agreement with the others and what looks odd.
    reference_losses_ : ndarray of shape (n_experts + 2,), float64
        Training log-loss of each expert (where it is missing, of the mean
        log-probability of those present), of the mean of log-probabilities and, with
        ``linear_pool``, of the mean of probabilities, in nats.
    loss_ : float
        Training log-loss of the fused model, in nats, without penalty.
    guarantee_gap_ : float
        ``loss_ - min(reference_losses_)``; never positive.
    class_bias_ : ndarray of shape (n_classes,), float64
        Class bias of the fused scores.
    cross_class_ : ndarray of shape (n_experts, n_classes, n_classes) or None
        Correction matrices: ``[m, k, j]`` acts from the centred log-probability of
        class j of expert m on class k; of two classes from ``log 2 p_j``.
    selection_ : dict or None
        With "auto": ``candidate`` (names), ``cv_loss`` (mean cross-validated log-loss)
        and ``share`` (in the mixture), one entry per candidate.
    n_iter_ : int
        Iterations of the solver; with "auto", of the candidate with the largest share.
    loss_curve_ : list of float
        Objective per effective sample at each of these iterations, in nats.
    n_samples_fit_ : int
        Number of samples of the fit, without those of weight 0 or of which y says nothing.
    fit_rows_ : ndarray of shape (n_marks,), uint64
        Marks by which rows of the fit data are known again, of at most 1000 rows.
    deployment_ : list of dict
        What was done after the fit, by functions of
        :mod:`~sklearn_logitprod.deployment`. ``rows`` of an entry marks the labelled rows that
        were used, as ``fit_rows_`` does those of the fit.
    n_features_in_ : int
        Number of columns of X in the fit; experts times classes for 3-D X.

    See Also
    --------
    stack_outputs : Build a two-level frame of expert outputs.
    sklearn.ensemble.StackingClassifier : Learns any final estimator on out-of-fold
        outputs.

    References
    ----------
    .. [1] Huang et al., "Plug-and-Play Logit Fusion for Heterogeneous Pathology
       Foundation Models", 2026, arXiv:2604.07779.

    Examples
    --------
    Two experts and eight samples; the first expert knows, the second guesses.

    >>> import numpy as np
    >>> from sklearn_logitprod import LogitProdClassifier
    >>> y = np.array(["normal", "tumour"] * 4)
    >>> log_odds = np.column_stack([np.where(y == "tumour", 2.0, -2.0), np.zeros(8)])
    >>> model = LogitProdClassifier(gate_width=None).fit(log_odds, y)
    >>> model.predict([[3.0, 0.0], [-3.0, 0.0]])
    array(['tumour', 'normal'], dtype='<U6')
    >>> weights = model.expert_weights([[3.0, 0.0]])
    >>> bool(weights[0, 0] > weights[0, 1])
    True
    >>> bool(model.guarantee_gap_ <= 0)
    True
    """

    task_name = "classes"

    _parameter_constraints = {
        **BaseLogitProd._parameter_constraints,
        "experts": [None, "array-like"],
        "input": [StrOptions({"logits", "proba"})],
        "classes": [None, "array-like"],
        "labels": [StrOptions(set(LABELS))],
        "decision": [StrOptions({"mode", "median"}), "array-like"],
        "missing_classes": [StrOptions({"raise", "floor", "mean"})],
    }

    def __init__(
        self,
        experts: Experts = None,
        *,
        input: Literal["logits", "proba"] = "logits",
        classes: ArrayLike | None = None,
        labels: Literal["single", "sets", "proba"] = "single",
        decision: Literal["mode", "median"] | ArrayLike = "mode",
        cv: CrossValidation = "prefit",
        missing_classes: Literal["raise", "floor", "mean"] = "raise",
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
        self.input = input
        self.classes = classes
        self.labels = labels
        self.decision = decision
        self.cv = cv
        self.missing_classes = missing_classes
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

    def fit(
        self,
        X: Any,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        **params: Any,
    ) -> LogitProdClassifier:
        """Learn how to fuse the experts.

        Parameters
        ----------
        X : array or DataFrame
            With `experts`, whatever they take. Without, outputs of the experts on
            samples that they were not trained on:

            - array of shape (n_samples, n_experts, n_classes);
            - array of shape (n_samples, n_experts) for a binary task: log-odds or
              probability of the second class;
            - array of shape (n_samples, n_experts * n_classes) for more classes, expert
              by expert;
            - DataFrame with two-level columns (expert, class), or columns named
              ``expert_class``, of any library: aligned by class name;
            - dict of the frame of each expert, with a column for each class, as
              AutoGluon's ``predict_proba_multi`` gives it: aligned by class name;
            - :class:`~sklearn_logitprod.io.ExpertOutputs`, as the readers give them.

            Any real dtype; memory-mapped arrays are read in blocks. Tensors and labelled
            arrays are taken, too. An expert that is missing for a sample is NaN in all its
            columns. Rows are matched by position; where X, y, sample_weight or groups hold
            the same labels of rows in another order, that is an error.
        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Class labels, or what `labels` says. A sample of which all classes are possible is
            left out of everything, as one of weight 0. None takes y and groups from
            ``ExpertOutputs``.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative; a weight of 2 is the sample twice, 0 leaves it out. Cross-fitted
            experts get it, too, if their ``fit`` takes it (with metadata routing
            enabled: if they request it).
        groups : array-like of shape (n_samples,), default=None
            Groups of dependent samples, such as tiles of a slide or slides of a
            patient. They stay together in all folds, and the strength of the priors
            follows how dependent they are.
        **params : dict
            Metadata of cross-fitted experts; needs metadata routing enabled.

        Returns
        -------
        self : LogitProdClassifier

        Raises
        ------
        ValueError
            If X, y, sample_weight or groups do not fit together or hold values that
            mean nothing, or an expert fails or gives no probabilities; the message says
            which, where, and what to do.
        """
        self._fit(X, y, sample_weight, groups, params)
        return self

    def _target(self, X, y, weight):
        fitted_here = self.experts is not None and not self._prefit
        if not fitted_here:
            refuse_wrapper()
        known = self.classes
        if self.experts is None and isinstance(X, ExpertOutputs):
            known = X.classes
        elif self.experts is None and is_two_level(X):
            known = frame_classes(X)
        if self.labels != "single" and is_matrix(y):
            return self._matrix_target(X, y, weight, known, fitted_here)
        labels = check_labels(y, len(weight), fitted_here)
        classes, codes = check_classes(labels, known)
        check_classes(labels[weight > 0], classes)
        return Target(labels, codes, ClassLabels(codes), certain=codes, **self._of_classes(classes))

    def _matrix_target(self, X, y, weight, known, fitted_here):
        """What a matrix of possible classes or of distributions says."""
        named = known if hasattr(y, "columns") else self.classes
        in_order = self.experts is None and not isinstance(X, ExpertOutputs) and known is None
        classes, matrix = check_matrix(y, self.labels, named, len(weight), in_order)
        if known is not None:
            # an array follows `classes`, which have to be those that X names
            check_same(classes, known)
        check_told(matrix, weight, classes)
        likelihood, counts = matrix_likelihood(matrix), ~says_nothing(matrix)
        return Target(
            labelled_matrix(matrix, classes, y),
            matrix.argmax(axis=1),
            likelihood,
            factor=counts.astype(np.float64),
            taught=taught_by(likelihood, classes, weight > 0) if fitted_here else None,
            certain=likelihood.certain,
            **self._of_classes(classes),
        )

    def _of_classes(self, classes):
        """What a target has by its classes alone."""
        return {
            "attributes": {"classes_": classes},
            "order": grade_order(classes, self.classes),
            "decide": decider(self.decision, classes, self.classes),
        }

    def _standing(self, pool, data, weight):
        return standing(pool, data, weight)

    def _meaning(self):
        return {"classes": self.classes_ if self.classes is None else self.classes}

    def _read(self, X, fitted, expert_names=None):
        return read_outputs(X, self.input, fitted["classes_"], self.classes, expert_names)

    def _replies(self, fitted):
        return ClassReplies(fitted["classes_"], self.missing_classes)
