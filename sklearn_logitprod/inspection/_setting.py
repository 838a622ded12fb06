"""What a comparison is of: an estimator, samples and what is true of them, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from sklearn_logitprod._text import kind_of
from sklearn_logitprod.estimators.base import BaseLogitProd, given_to, target_of
from sklearn_logitprod.inspection._scores import Outcome
from sklearn_logitprod.inspection._tasks import TASKS, Task
from sklearn_logitprod.outputs.container import ExpertOutputs
from sklearn_logitprod.search.base import BaseLogitProdCV, searched_estimator
from sklearn_logitprod.targets.target import Target
from sklearn_logitprod.targets.weights import check_groups


@dataclass(frozen=True, eq=False)
class Setting:
    """What is compared, checked.

    Attributes
    ----------
    task : Task
    estimator : estimator
        Unfitted, with what all splits share.
    X : object
        As an estimator takes it.
    target : Target
    outcome : Outcome
    groups : ndarray of shape (n_samples,), int, or None
    """

    task: Task
    estimator: Any
    X: Any
    target: Target
    outcome: Outcome
    groups: np.ndarray | None


def setting_of(first, X=None, y=None, groups=None):
    """The setting that the first arguments of ``compare`` say.

    Parameters
    ----------
    first, X, y, groups : object
        As of ``compare``.

    Returns
    -------
    Setting
    """
    estimator, X, y, groups = _arguments(first, X, y, groups)
    task = TASKS[estimator.task_name]
    target = target_of(searched_estimator(estimator), X, y)
    # what the estimator says itself stays: columns of an array follow its own order of classes
    shared = {k: v for k, v in task.shared(target).items() if getattr(estimator, k) is None}
    groups = check_groups(groups, len(target.strata))
    estimator = clone(estimator).set_params(**shared)
    return Setting(task, estimator, X, target, task.outcome(target), groups)


def _arguments(first, X, y, groups):
    """Estimator, X, y and groups, of either form of the call."""
    if isinstance(first, ExpertOutputs):
        if X is not None:
            raise ValueError("X is given twice: leave it out, the first argument holds outputs.")
        first, X = TASKS[first.task_name].estimator(), first
    if not isinstance(first, (BaseLogitProd, BaseLogitProdCV)):
        raise TypeError(
            "compare takes a LogitProdClassifier, a LogitProdSurvival, a LogitProdRegressor, a "
            "search over one, a LogitProdMultilabelClassifier, or ExpertOutputs, not "
            f"{kind_of(first)}."
        )
    if X is None:
        raise ValueError("X is missing: call compare(estimator, X, y).")
    X, y, _, groups = given_to(searched_estimator(first), X, y, groups=groups)
    if y is None:
        raise ValueError("y is missing: a comparison needs the outcomes. Pass y.")
    return first, X, y, groups
