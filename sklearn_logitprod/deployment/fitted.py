"""What every function of this room asks of a fitted model and of rows that came after its fit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_logitprod._text import brief, kind_of, warn
from sklearn_logitprod.estimators.base import (
    BaseLogitProd,
    given_to,
    likelihood_of,
    outputs_of,
    steps_of,
    suspects_of,
    weighting_of,
)
from sklearn_logitprod.estimators.inference import check_active
from sklearn_logitprod.estimators.panel_inference import refuse_panel
from sklearn_logitprod.fusion.likelihood import Likelihood
from sklearn_logitprod.fusion.logits import block_slices
from sklearn_logitprod.fusion.references import MEANS
from sklearn_logitprod.fusion.safety import n_fitted
from sklearn_logitprod.outputs.checks import n_rows
from sklearn_logitprod.outputs.classes import Outputs
from sklearn_logitprod.outputs.marks import all_marks, n_recognised, row_marks
from sklearn_logitprod.targets.weights import check_groups, check_weights

NO_MIXTURE = (
    "a mixture of Gaussians is none, so that its loss on a single sample has no limit. Measure "
    "it on new samples instead, by compare or nll_gaussian and interval_coverage of metrics."
)
"""Why models of values have no safety, and with it no certificate."""

OWN_UNIT = (
    "new experts are calibrated in the unit of the rows of its fit. Fit it again with all "
    "experts, on rows that hold them."
)
"""Why models of values take no further experts."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """Rows that came after the fit, with their outcomes, checked.

    Attributes
    ----------
    outputs : Outputs or EventOutputs
    likelihood : Likelihood
    weight : ndarray of shape (n_samples,)
    groups : ndarray of shape (n_samples,), int, or None
    """

    outputs: Outputs
    likelihood: Likelihood
    weight: np.ndarray
    groups: np.ndarray | None

    @property
    def n_samples(self):
        """Number of rows."""
        return len(self.weight)


def checked_model(model, function, of_values=None):
    """Raise unless a model is a fitted estimator of ours.

    Parameters
    ----------
    model : object
    function : str
        Name of the function that was called.
    of_values : str, optional
        Why it takes no model of values, and what to do instead.
    """
    best = getattr(model, "best_estimator_", model)
    if of_values is not None and getattr(best, "task_name", None) == "values":
        raise ValueError(f"{function} takes no {type(model).__name__}: {of_values}")
    if not isinstance(model, BaseLogitProd):
        name = kind_of(model)
        has = (
            "Pass its best_estimator_."
            if hasattr(model, "best_estimator_")
            else (
                "Of a pipeline pass the last step, with X as the steps before it give it."
                if hasattr(model, "steps")
                else "Fit one first."
            )
        )
        last = ", LogitProdSurvival or LogitProdRegressor"
        kinds = "LogitProdClassifier" + (last if of_values is None else " or LogitProdSurvival")
        raise TypeError(f"{function} takes a fitted {kinds}, not {name}. {has}")
    refuse_panel(model, function)
    check_is_fitted(model, "pool_")


def labelled(model, function, X, y, sample_weight=None, groups=None):
    """Rows and their outcomes, in the terms of a fitted model.

    Parameters
    ----------
    model : BaseLogitProd
    function : str
        Name of the function that was called.
    X, y, sample_weight, groups : object
        As for ``fit``.

    Returns
    -------
    Labelled
    """
    checked_model(model, function)
    X, y, sample_weight, groups = given_to(model, X, y, sample_weight, groups)
    n_samples = counted(function, X)
    if y is None:
        raise ValueError(
            f"{function} needs y, the outcome of each row of X."
            + (" adapt_prior needs none." if model.task_name == "classes" else "")
        )
    weight = check_weights(sample_weight, n_samples)
    groups = check_groups(groups, n_samples)
    likelihood = likelihood_of(model, y, n_samples)
    factor = np.broadcast_to(weighting_of(model, y, n_samples), n_samples)
    weight = weight * factor
    outputs = outputs_of(model, X)
    doubt_experts(model, function, outputs, likelihood)
    told = np.flatnonzero(factor)
    if not len(told):
        raise ValueError(
            f"In every row of y all classes are possible: that tells {function} nothing. At least "
            "some samples need a label, or a set without some of the classes."
        )
    if len(told) < n_samples:
        outputs, likelihood, weight = outputs.take(told), likelihood.take(told), weight[told]
        groups = None if groups is None else np.unique(groups[told], return_inverse=True)[1]
    return Labelled(outputs, likelihood, weight, groups)


def counted(function, X):
    """Number of rows of X, which must be positive."""
    n_samples = n_rows(X)
    if n_samples == 0:
        raise ValueError(f"X has no rows: {function} needs samples of the new site.")
    return n_samples


def pooled(pool, outputs):
    """Fused log-probabilities of a pool: (n_samples, n_classes).

    Parameters
    ----------
    pool : Pool, ExtendedPool or SafePool
    outputs : Outputs or EventOutputs
    """
    n_samples, n_experts, n_classes = outputs.shape
    out = np.empty((n_samples, n_classes))
    for rows in block_slices(n_samples, n_experts * n_classes):
        log_proba = outputs.log_proba(rows)
        check_active(log_proba, rows.start, pool.active, outputs.names)
        out[rows] = pool.log_proba(pool.columns(log_proba))
    return out


def doubt_new(model, function, outputs):
    """Warn if rows were in the fit of a model, where they can be recognised."""
    found = _recognised(model, outputs)
    if found:
        warn(
            f"{function} was given rows that the model was fitted on, adapted to or extended on: "
            f"the outputs of at least {found} of {outputs.shape[0]} rows are those of such rows. "
            "What is found on them says nothing about new samples: pass rows that were used for "
            "nothing else."
        )


def doubt_experts(model, function, outputs, likelihood):
    """Warn if experts of a model look as if they had been trained on rows.

    Parameters
    ----------
    model : BaseLogitProd
    function : str
    outputs : Outputs or EventOutputs
    likelihood : Likelihood
    """
    if model.task_name != "classes":
        return
    suspects = suspects_of(model, outputs, likelihood.certain)
    if suspects:
        warn(
            f"Expert(s) {', '.join(suspects)} make next to no error on the rows that {function} "
            "was given, far fewer than the other experts or their own probabilities let expect. "
            "Were they trained on these rows? Cross-fitted experts were, on all rows of the fit. "
            "Pass rows that are new to them."
        )


def surely_new(model, outputs):
    """Whether a model can tell that no rows were in its fit, and they were not."""
    # cross-fitted experts have learned from rows whose outputs they gave before they had
    prefit = model.named_experts_ is None or model.cv == "prefit"
    return prefit and _recognised(model, outputs) == 0


def marks_of(model, outputs, kept):
    """Marks of rows that a function of this room used, for what it says of itself.

    Parameters
    ----------
    model : BaseLogitProd
    outputs : Outputs or EventOutputs
        Of the experts of the model.
    kept : ndarray of int
        Rows that count.

    Returns
    -------
    ndarray of shape (n_marks,), uint64
    """
    n_experts, read = n_fitted(model.pool_), outputs.take(kept).log_proba
    return row_marks(lambda rows: read(rows)[:, :n_experts], len(kept))


def _recognised(model, outputs):
    """Number of rows that a model has seen with their outcome; None if nothing tells."""
    n_samples, _, n_classes = outputs.shape
    # models that were stored before there were marks know none
    known = getattr(model, "fit_rows_", ())
    seen = [(known, model.n_samples_fit_)] if len(known) else []
    seen += [(step["rows"], step["n_samples"]) for step in steps_of(model) if "rows" in step]
    seen = [(marks, n) for marks, n in seen if len(marks)]
    found = 0
    if seen:
        # marks are of the experts of the fit: those that were added later stand behind them
        n_experts = n_fitted(model.pool_)

        def read(rows):
            return outputs.log_proba(rows)[:, :n_experts]

        own = all_marks(read, n_samples, n_experts * n_classes)
        found = max(n_recognised(marks, n, own) for marks, n in seen)
    return found if found or len(known) else None


def reference_positions(model, reference):
    """Positions of references among those of a model: its experts, and two means.

    Parameters
    ----------
    model : BaseLogitProd
    reference : str, list of str or None
        Names; None for all.

    Returns
    -------
    dict of str to int
    """
    names = [*model.expert_names_, *MEANS]
    active = [*model.pool_.active, True, True]
    alike = [name for name in MEANS if names.count(name) > 1]
    if alike:
        raise ValueError(
            f"An expert of the model is called {alike[0]!r}, as one of the means that it is "
            "compared with. Give the expert another name, and fit again."
        )
    if reference is None:
        return {name: i for i, name in enumerate(names) if active[i]}
    single = isinstance(reference, str) or not isinstance(reference, Iterable)
    wanted = [reference] if single else list(reference)
    unknown = [name for name in wanted if name not in names]
    if unknown or not wanted:
        raise ValueError(
            f"reference={reference!r} is unknown: it is the name of an expert or of a mean, or a "
            f"list of such: {brief(names, 40)}. None takes all."
        )
    absent = [name for name in wanted if not active[names.index(name)]]
    if absent:
        raise ValueError(
            f"Expert {absent[0]!r} was missing on every row of the fit: it cannot be a reference."
        )
    return {name: names.index(name) for name in wanted}
