"""Rivals of a comparison: estimators on X itself, fitted on the training part of each split."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
from sklearn.base import clone
from sklearn.utils.metadata_routing import _routing_enabled
from sklearn.utils.validation import check_memory, has_fit_parameter

from sklearn_logitprod._text import option
from sklearn_logitprod.estimators.inference import expert_log_proba
from sklearn_logitprod.experts.classifiers import ClassReplies
from sklearn_logitprod.experts.naming import for_task, named_call, seeded
from sklearn_logitprod.search.base import searched_estimator

_FOLDS = 5


def check_rivals(rivals, estimator, target):
    """Rivals as (name, estimator) pairs, with what their parameters leave open.

    Parameters
    ----------
    rivals : dict of str to estimator, or None
    estimator : BaseLogitProd or BaseLogitProdCV
        That they are compared with.
    target : Target
        What y says.

    Returns
    -------
    list of (str, estimator)
        With the default head of the task and seeds where they have none.
    """
    if not rivals:
        return []
    if not isinstance(rivals, Mapping) or not all(isinstance(name, str) for name in rivals):
        raise ValueError(
            f"rivals is {type(rivals).__name__}; it is a dict of estimators by their names, such "
            "as {'concatenated features': on_all_views()}."
        )
    base = searched_estimator(estimator)
    if base.experts is None:
        raise ValueError(
            "rivals are fitted on X, which holds outputs of experts here. Give the estimator "
            "experts that are fitted on features, or leave rivals out."
        )
    if target.taught is not None:
        raise ValueError(
            f"rivals learn from one label for each sample, which {option('labels', base.labels)} "
            "does not give. Leave them out."
        )
    pairs = for_task(list(rivals.items()), base.task_name)
    for name, rival in pairs:
        if isinstance(rival, type) or not hasattr(rival, "fit"):
            raise ValueError(f"rivals[{name!r}] is {rival!r}; an unfitted estimator is needed.")
    seed = base.random_state
    return seeded(pairs, seed if isinstance(seed, (int, np.integer)) else 0)


def run_rival(task, estimator, name, rival, train, test):
    """A rival fitted on the training part of a split, and what it says of the rest.

    Parameters
    ----------
    task : Task
    estimator : BaseLogitProd or BaseLogitProdCV
        Unfitted, that it is compared with.
    name : str
    rival : estimator
    train : tuple of X, y and groups
        Of the training part.
    test : X of the rest

    Returns
    -------
    prediction : Prediction
    seconds : float
        That the fit took; of one from a cache, that it took then.
    """
    base, (X, y, groups) = searched_estimator(estimator), train
    if task.calibrated:
        # as an expert's: what it predicts becomes a distribution by its out-of-fold answers
        own = base.get_params(deep=False) | {"experts": [(name, rival)], "gate_width": None}
        if isinstance(own["cv"], str):
            own["cv"] = _FOLDS
        if own.get("expert_methods"):
            own["expert_methods"] = None
        model, start = type(base)(**own), time.perf_counter()
        model.fit(X, y, groups=groups)
        seconds = time.perf_counter() - start
        return task.prediction(expert_log_proba(model, test)[:, 0]), seconds
    fit = check_memory(base.memory).cache(fit_rival)
    given = groups is not None and has_fit_parameter(rival, "groups") and not _routing_enabled()
    own = {"groups": groups} if given else {}
    fitted, seconds = named_call(name, fit, clone(rival), X, y, own)
    replies = ClassReplies(np.asarray(base.classes), base.missing_classes)
    answer = named_call(name, replies.ask, fitted, test)
    outputs = replies.collect([(name, fitted)], [[answer]], [slice(None)], len(answer[0]))
    return task.prediction(outputs.log_proba(slice(None))[:, 0]), seconds


def fit_rival(rival, X, y, fit_params):
    """A fitted rival, and the seconds that its fit took."""
    start = time.perf_counter()
    return rival.fit(X, y, **fit_params), time.perf_counter() - start
