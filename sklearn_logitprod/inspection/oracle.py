"""How much there was to gain: weights fitted on the evaluation data themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_logitprod.estimators.base import BaseLogitProd, given_to, likelihood_of, weighting_of
from sklearn_logitprod.estimators.inference import expert_log_proba, fused_log_proba
from sklearn_logitprod.estimators.panel_inference import refuse_panel
from sklearn_logitprod.inspection._methods import best_expert, filled, mean_of_logits
from sklearn_logitprod.inspection._tasks import TASKS
from sklearn_logitprod.search.base import final_estimator
from sklearn_logitprod.training.data import FitData
from sklearn_logitprod.training.fit import fit_pool
from sklearn_logitprod.training.prior import HeadSpec
from sklearn_logitprod.training.trainer import Settings

# enough for weights to be finite where experts separate the classes, and for nothing more
_STRENGTH = 1e-3


def oracle_gap(estimator: Any, X: Any, y: ArrayLike | None = None) -> pd.DataFrame:
    """Loss of a fitted fusion against the best weights there are for the evaluation data.

    The oracle is the weighted product with constant weights, sharpness and class bias
    (and the linear pool, if the estimator has it) fitted on the evaluation data
    themselves: what no method can do, and what a fusion by constant weights can reach at
    most. What lies between the best expert and the oracle is there to be gained; the
    share gained says how well weights were learned, apart from how good the experts are.
    On few samples the oracle fits their noise, and its loss is far too low. A gate may
    fall below it.

    Parameters
    ----------
    estimator : estimator
        A fitted `LogitProdClassifier`, `LogitProdSurvival` or `LogitProdRegressor`, or a search
        over one.
    X : array, DataFrame or ExpertOutputs
        As in its ``predict``; samples that were not in the fit.
    y : array-like of shape (n_samples,), default=None
        Class labels, events and times, or values. None takes those of `ExpertOutputs`.

    Returns
    -------
    DataFrame
        Rows "LogitProd", "best expert" (with hindsight: the lowest loss here), "mean of
        logits" (of values "mean of log-densities") and "oracle". Columns ``loss`` (mean log-loss
        or negative log-likelihood in nats), ``gap`` (to the
        oracle), ``gained`` (share of the gap of the best expert that is closed, 1 for the
        oracle). ``attrs["best_expert"]`` is its name, ``attrs["oracle_weights"]`` the mean
        weights of the experts.

    Raises
    ------
    TypeError
        If the estimator is another one.
    ValueError
        If there is no y, or it holds classes that the estimator does not know.

    See Also
    --------
    compare : By cross-validation, with intervals and tests.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_logitprod import LogitProdClassifier
    >>> from sklearn_logitprod.inspection import oracle_gap
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(2, size=400)
    >>> log_odds = (2 * y[:, None] - 1) + rng.normal(size=(400, 3))
    >>> model = LogitProdClassifier().fit(log_odds[:200], y[:200])
    >>> table = oracle_gap(model, log_odds[200:], y[200:])
    >>> bool(table.loc["oracle", "loss"] <= table.loc["LogitProd", "loss"])
    True
    """
    estimator = final_estimator(estimator)
    refuse_panel(estimator, "oracle_gap")
    if not isinstance(estimator, BaseLogitProd):
        raise TypeError(
            "oracle_gap takes a fitted LogitProdClassifier, LogitProdSurvival or "
            f"LogitProdRegressor, or a search over one, not {type(estimator).__name__}."
        )
    X, y, *_ = given_to(estimator, X, y)
    if y is None:
        raise ValueError("y is missing: the loss needs the outcomes. Pass y.")
    log_proba = expert_log_proba(estimator, X)
    likelihood = likelihood_of(estimator, y, len(log_proba))
    fused = fused_log_proba(estimator, X)
    # rows of which y says nothing are lost by nobody
    told = np.flatnonzero(weighting_of(estimator, y, len(log_proba)) * np.ones(len(log_proba)))
    log_proba, likelihood, fused = log_proba[told], likelihood.take(told), fused[told]
    alone = filled(log_proba, likelihood.family)
    best = best_expert(log_proba, likelihood)
    oracle = _oracle(estimator, log_proba, likelihood)
    losses = {
        "LogitProd": likelihood.loss(fused).mean(),
        "best expert": likelihood.loss(alone[:, best]).mean(),
        TASKS[estimator.task_name].mean: likelihood.loss(
            mean_of_logits(log_proba, likelihood.family)
        ).mean(),
        "oracle": oracle.loss,
    }
    table = pd.DataFrame({"loss": losses}).rename_axis("method")
    table["gap"] = table["loss"] - oracle.loss
    to_gain = table.loc["best expert", "gap"]
    table["gained"] = 1.0 - table["gap"] / to_gain if to_gain > 0.0 else np.nan
    table.attrs = {
        "best_expert": estimator.expert_names_[best],
        "oracle_weights": pd.Series(oracle.mean_weights, estimator.expert_names_),
        "n_samples": len(log_proba),
    }
    return table


def _oracle(estimator, log_proba, likelihood):
    """Constant weights fitted on the rows themselves: a PoolFit."""
    data = FitData(
        lambda rows: log_proba[rows].copy(),
        log_proba.shape,
        likelihood,
        estimator.linear_pool,
        estimator.features,
    )
    spec = HeadSpec(calibrate=estimator.calibrate, strength=_STRENGTH)
    return fit_pool(
        data,
        np.ones(len(log_proba)),
        spec,
        Settings(max_iter=estimator.max_iter, tol=estimator.tol),
    )
