"""All methods on one split: fitted on its training part, scored on the rest."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from sklearn_logitprod.estimators.inference import expert_log_proba, fused_log_proba
from sklearn_logitprod.inspection._methods import best_expert, filled
from sklearn_logitprod.inspection._rivals import run_rival
from sklearn_logitprod.inspection._scores import Outcome, evaluate, evaluate_part
from sklearn_logitprod.search.base import final_estimator, fitted_log_proba

if TYPE_CHECKING:
    from sklearn_logitprod.inspection._tasks import Task

BEST, FUSED = "best expert", "LogitProd"
BY, GAPS = "by", "gaps"
"""What tested samples are divided by."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """What is compared, on what.

    Attributes
    ----------
    task : Task
    outcome : Outcome
        Of all samples.
    strata : ndarray of shape (n_samples,), int
        What splits hold alike.
    groups : ndarray of shape (n_samples,), int, or None
    scores : dict of str to Score
    methods : dict of str to callable
        Simpler methods, as those of the task.
    names : list
        Of the parts of a comparison that are compared on their own, such as labels.
    rivals : list of (str, estimator)
        Estimators on X itself.
    by : ndarray of shape (n_samples,), int, or None
        Numbers of subgroups in which methods are scored, too.
    """

    task: Task
    outcome: Outcome
    strata: np.ndarray
    groups: object
    scores: dict
    methods: dict
    names: list = field(default_factory=list)
    rivals: list = field(default_factory=list)
    by: object = None


@dataclass(frozen=True, eq=False)
class Scored:
    """How all methods fare on one split.

    Attributes
    ----------
    experts : list of str
    best : str
        The best expert on the training part.
    methods : list of str
    values : ndarray of shape (n_methods, n_scores)
    contributions : ndarray of shape (n_methods, n_scores, n_test)
    seconds : dict of str to float
        That the fits of the fusion and of rivals took.
    missing : ndarray of shape (n_test, n_experts), bool, or None
        Where experts have nothing.
    parts : dict of (str, int) to (ndarray of int, Scored)
        How methods fare on some of the tested samples: of each subgroup, under ``BY`` and its
        number, and, where some have gaps, of those with (1) and without (0), under ``GAPS``.
    """

    experts: list
    best: str
    methods: list
    values: np.ndarray
    contributions: np.ndarray
    seconds: dict
    missing: object = None
    parts: dict = field(default_factory=dict)


def run_split(estimator, X, y, comparison, train, test):
    """Fit and score all methods on one split.

    Parameters
    ----------
    estimator : estimator
        Unfitted.
    X, y
        Of all samples.
    comparison : Comparison
    train, test : ndarray of int
        Rows.

    Returns
    -------
    Scored
    """
    task = comparison.task
    groups = None if comparison.groups is None else comparison.groups[train]
    model = clone(estimator)
    # the outputs that the gate saw: out-of-fold where experts are cross-fitted
    own = _safe_indexing(X, train), _safe_indexing(y, train), groups
    start = time.perf_counter()
    known = fitted_log_proba(model, *own)
    seconds = {FUSED: time.perf_counter() - start}
    model = final_estimator(model)
    X_test = _safe_indexing(X, test)
    found = {}
    for name, rival in comparison.rivals:
        found[name], seconds[name] = run_rival(task, estimator, name, rival, own, X_test)
    return scored_methods(
        comparison,
        list(model.expert_names_),
        known,
        # the best expert is what one would have picked without fusing: that of the training part
        task.told(comparison.outcome.take(train), model).likelihood,
        expert_log_proba(model, X_test),
        fused_log_proba(model, X_test),
        task.told(comparison.outcome.take(test), model),
        found,
        seconds,
        None if comparison.by is None else comparison.by[test],
    )


def check_names(names, methods, rivals=()):
    """Refuse experts that are called as a row of the table is."""
    clash = sorted({*methods, BEST, FUSED, *rivals} & set(names))
    if clash:
        raise ValueError(f"An expert is called {clash[0]!r}, as a method here is. Rename it.")


def scored_methods(
    comparison, names, known, likelihood, new, fused, outcome, rivals=None, seconds=None, by=None
):
    """Fit simpler methods on outputs of experts, and score all methods on new ones.

    Parameters
    ----------
    comparison : Comparison
    names : list of str
        Of the experts.
    known : ndarray of shape (n_train, n_experts, n_classes)
        Log-probabilities that methods are fitted on.
    likelihood : Likelihood
        Of the training part.
    new : ndarray of shape (n_test, n_experts, n_classes)
    fused : ndarray of shape (n_test, n_classes)
    outcome : Outcome
        Of the test part.
    rivals : dict of str to Prediction, optional
    seconds : dict of str to float, optional
        That fits took.
    by : ndarray of shape (n_test,), int, optional
        Numbers of subgroups.

    Returns
    -------
    Scored
    """
    task, rivals = comparison.task, rivals or {}
    check_names(names, comparison.methods, rivals)
    best = names[best_expert(known, likelihood)]
    alone = np.moveaxis(filled(new, likelihood.family), 1, 0)
    predictions = {name: task.prediction(own) for name, own in zip(names, alone, strict=True)}
    predictions[BEST] = predictions[best]
    for name, fit in comparison.methods.items():
        predictions[name] = fit(known, likelihood)(new)
    predictions |= rivals
    predictions[FUSED] = task.prediction(fused)
    missing = np.isnan(new).any(axis=2)
    gaps = missing.any(axis=1)
    divisions = {GAPS: gaps.astype(np.intp)} if gaps.any() else {}
    if by is not None:
        divisions[BY] = by
    whole = _scored(
        names,
        best,
        [evaluate(comparison.scores, outcome, own) for own in predictions.values()],
        list(predictions),
    )
    parts = {}
    for name, codes in divisions.items():
        for code in np.unique(codes):
            rows = np.flatnonzero(codes == code)
            found = [
                evaluate_part(comparison.scores, outcome, own, rows, *said)
                for own, *said in zip(
                    predictions.values(), whole.values, whole.contributions, strict=True
                )
            ]
            parts[name, int(code)] = rows, _scored(names, best, found, whole.methods)
    return replace(whole, seconds=seconds or {}, missing=missing, parts=parts)


def _scored(experts, best, found, methods):
    values, contributions = (np.array(own) for own in zip(*found, strict=True))
    return Scored(experts, best, methods, values, contributions, {})


def part_comparison(comparison, outcome):
    """The same comparison of another outcome."""
    return replace(comparison, outcome=outcome)
