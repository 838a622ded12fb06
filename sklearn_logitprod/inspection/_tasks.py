"""Tasks: how each is scored, against which simpler methods, and what its splits share.

One entry a task. Estimators, searches and outputs say by ``task_name`` which is theirs; nothing
here or in the command line asks for their class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from sklearn_logitprod._text import brief, option
from sklearn_logitprod.estimators.base import likelihood_of
from sklearn_logitprod.estimators.classifier import LogitProdClassifier
from sklearn_logitprod.estimators.multilabel import LogitProdMultilabelClassifier
from sklearn_logitprod.estimators.regressor import LogitProdRegressor
from sklearn_logitprod.estimators.survival import LogitProdSurvival
from sklearn_logitprod.inspection._evidence import Totals
from sklearn_logitprod.inspection._methods import (
    CLASS_METHODS,
    SURVIVAL_METHODS,
    rank_average,
)
from sklearn_logitprod.inspection._panel import PanelTotals, panel_table, run_panel_split
from sklearn_logitprod.inspection._scores import (
    CLASS_SCORES,
    GRADE_SCORES,
    SURVIVAL_SCORES,
    Outcome,
    Prediction,
    risk_prediction,
)
from sklearn_logitprod.inspection._split import run_split
from sklearn_logitprod.inspection._table import comparison_table
from sklearn_logitprod.inspection._value_methods import VALUE_METHODS
from sklearn_logitprod.inspection._value_scores import VALUE_SCORES
from sklearn_logitprod.search.classifier import LogitProdClassifierCV
from sklearn_logitprod.search.regressor import LogitProdRegressorCV
from sklearn_logitprod.search.survival import LogitProdSurvivalCV


def no_parts(target):
    """Names of the parts that are compared on their own: none, as for most tasks."""
    return []


@dataclass(frozen=True, eq=False)
class Task:
    """What `inspection` and the command line must know of a task.

    Attributes
    ----------
    estimator, search : type
        With which outputs alone are compared, and which searches over gates, if there is one.
    scores : dict of str to Score
        The first is what methods are ranked by.
    methods : dict of str to callable
        Simpler methods: functions of log-probabilities and likelihood of the fit data that
        give a function from those of new samples to a :class:`Prediction`.
    prediction : callable
        From log-probabilities to a :class:`Prediction`.
    outcome : callable
        From a :class:`~sklearn_logitprod.targets.target.Target` to an :class:`Outcome`.
    shared : callable
        From a target to the parameters that all splits share: a split may lack a class.
    order : dict of str to Score
        Of the scores one that asks for the order of samples alone, in which chance has 0.5.
    turned : str
        What to check where an expert is below chance.
    graded : dict of str to Score
        Further scores where the user says that the classes have an order.
    told : callable
        From an outcome and a model that is fitted on other samples of it to the outcome in the
        terms of the model, as its predictions are.
    difference : str
        Which score is the loss that fusions are fitted by.
    mean : str
        What the product of the experts with equal weights is called.
    calibrated : bool
        Whether answers of an expert become distributions by how they fared out-of-fold.
    run, totals, table : callable
        How a split is run, its results are gathered, and the table is made of them.
    counted : callable
        From a target and rows of it to what their outcomes come to: a dict of counts (int) and
        other numbers by what they are.
    parts : callable
        From a target to the names of parts that are compared on their own, such as labels.
    """

    estimator: type
    search: type | None
    scores: dict
    methods: dict
    prediction: Callable
    outcome: Callable
    shared: Callable
    order: dict = field(default_factory=dict)
    turned: str = ""
    graded: dict = field(default_factory=dict)
    told: Callable = lambda outcome, model: outcome
    difference: str = "log_loss"
    mean: str = "mean of logits"
    calibrated: bool = False
    run: Callable = run_split
    totals: Callable = Totals
    table: Callable = comparison_table
    counted: Callable = lambda target, rows: {}
    parts: Callable = lambda target: []

    def choose(self, metrics, baselines, ordered=False):
        """Scores and simpler methods by name.

        Parameters
        ----------
        metrics : str, list of str or None
        baselines : bool, str or list of str
        ordered : bool
            Whether the classes have an order.

        Returns
        -------
        scores, methods : dict
        """
        scores = self.scores | self.graded if ordered else self.scores
        wanted = [metrics] if isinstance(metrics, str) else metrics
        early = [name for name in wanted or [] if name in self.graded]
        if early and not ordered:
            raise ValueError(
                f"metrics: {early[0]!r} is for classes that have an order. Say so with "
                f"{option('ordered', True)}."
            )
        wanted = scores if wanted is None else wanted
        simpler = [baselines] if isinstance(baselines, str) else baselines or []
        simpler = self.methods if baselines is True else simpler
        asked = ((wanted, scores, "metrics"), (simpler, self.methods, "baselines"))
        for names, known, what in asked:
            unknown = [name for name in names if name not in known]
            if unknown:
                raise ValueError(f"{what}: there is no {unknown[0]!r}; there are {brief(known)}.")
        if not wanted:
            raise ValueError(f"metrics is empty: name some of {brief(scores)}, or leave it out.")
        return {n: scores[n] for n in wanted}, {n: self.methods[n] for n in simpler}


def predicting(methods, prediction):
    """Methods that give log-probabilities, made to give predictions."""

    def one(method):
        def fit(log_proba, likelihood):
            combine = method(log_proba, likelihood)
            return lambda new: prediction(combine(new))

        return fit

    return {name: one(method) for name, method in methods.items()}


def _ranks(log_proba, likelihood):
    return lambda new: Prediction(risk=rank_average(log_proba, new))


def _standardised(outcome, model):
    """Values by the mean and the scale of those that a model was fitted on."""
    return replace(outcome, likelihood=likelihood_of(model, outcome.y, len(outcome.y)))


def _classes(target, rows):
    own = target.certain[rows]
    labels = target.attributes["classes_"]
    return {str(label): int((own == k).sum()) for k, label in enumerate(labels)}


def _events(target, rows):
    return {"events": int(target.y[target.y.dtype.names[0]][rows].sum())}


def _values(target, rows):
    own = np.asarray(target.y)[rows]
    return {"mean": float(own.mean()), "standard deviation": float(own.std())}


TASKS = {
    "classes": Task(
        LogitProdClassifier,
        LogitProdClassifierCV,
        CLASS_SCORES,
        predicting(CLASS_METHODS, Prediction),
        Prediction,
        lambda target: Outcome(
            target.likelihood, target.strata, order=target.order, decide=target.decide
        ),
        lambda target: {"classes": target.attributes["classes_"].tolist()},
        {"roc_auc": CLASS_SCORES["roc_auc"]},
        "Its classes may be swapped: check which class each of its columns is of, and that its "
        "labels mean the same as those of y.",
        GRADE_SCORES,
        counted=_classes,
    ),
    "events": Task(
        LogitProdSurvival,
        LogitProdSurvivalCV,
        SURVIVAL_SCORES,
        predicting(SURVIVAL_METHODS, risk_prediction) | {"rank averaging": _ranks},
        risk_prediction,
        lambda target: Outcome(
            target.likelihood, target.y, target.attributes["unique_times_"], target.y
        ),
        lambda target: {"times": target.attributes["unique_times_"]},
        {"concordance": SURVIVAL_SCORES["concordance"]},
        "Its sign may be the other one: check that a higher risk, or lower survival, stands for "
        "earlier events, and that events and censoring are not swapped.",
        calibrated=True,
        counted=_events,
    ),
    "values": Task(
        LogitProdRegressor,
        LogitProdRegressorCV,
        VALUE_SCORES,
        predicting(VALUE_METHODS, Prediction),
        Prediction,
        lambda target: Outcome(target.likelihood, target.y),
        lambda target: {},
        told=_standardised,
        difference="nll",
        mean="mean of log-densities",
        calibrated=True,
        counted=_values,
    ),
    "labels": Task(
        LogitProdMultilabelClassifier,
        None,
        CLASS_SCORES,
        predicting(CLASS_METHODS, Prediction),
        Prediction,
        lambda target: Outcome(target.likelihood, target.y),
        lambda target: {"labels": list(target.attributes["label_names_"])},
        run=run_panel_split,
        totals=PanelTotals,
        table=panel_table,
        parts=lambda target: list(target.attributes["label_names_"]),
    ),
}
