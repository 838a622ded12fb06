"""From fit data to a fitted pool that keeps its guarantee."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_logitprod.fusion.pool import Pool
from sklearn_logitprod.training.gaps import fit_gaps
from sklearn_logitprod.training.guarantee import blend_to_guarantee, with_gaps
from sklearn_logitprod.training.path import Selection, fit_path
from sklearn_logitprod.training.threads import limit_threads, load_torch
from sklearn_logitprod.training.trainer import Trainer


@dataclass(frozen=True)
class PoolFit:
    """A fitted pool and what there is to tell of it; losses in nats per sample.

    Attributes
    ----------
    pool : Pool
    loss : float
        Weighted mean training loss.
    reference_losses : ndarray of shape (n_references,)
    expert_losses : ndarray of shape (n_experts,)
        Of each expert on the rows it has; NaN if it has none.
    mean_weights : ndarray of shape (n_experts,)
        Weighted mean of the experts' weights over the fit data.
    selection : Selection or None
        The automatic path, if that was asked for.
    curve : list of float
        Objective at each iteration.
    converged : bool
    """

    pool: Pool
    loss: float
    reference_losses: np.ndarray
    expert_losses: np.ndarray
    mean_weights: np.ndarray
    selection: Selection | None
    curve: list
    converged: bool


def fit_pool(data, weight, spec, settings, folds=None, progress=None):
    """Fit a pool and blend it with the best reference.

    Parameters
    ----------
    data : FitData
    weight : ndarray of shape (n_samples,)
        Positive sample weights.
    spec : HeadSpec
    settings : Settings
    folds : list of ndarray of int, optional
        Held-out rows of each fold. If given, the automatic path replaces the gate
        width of ``spec``.
    progress : callable, optional
        Called with a line of text before each fit of the automatic path.

    Returns
    -------
    PoolFit
    """
    if folds is not None or spec.gate_width is not None:
        load_torch()
    with limit_threads(data):
        return _fit_pool(data, weight, spec, settings, folds, progress)


def _fit_pool(data, weight, spec, settings, folds, progress):
    if folds is None:
        selection, closest = None, None
        fitted = Trainer(data, weight[None], settings).fitted([spec])
        pool = data.pool([fitted.head], np.ones(1))
    else:
        pool, selection, fitted, closest = fit_path(data, weight, spec, folds, settings, progress)
    return guaranteed(pool, data, weight, spec.calibrate, fitted, fit_gaps, selection, closest)


def guaranteed(pool, data, weight, calibrate, fitted, teach, selection=None, closest=None):
    """Blend a pool with the best reference, teach it to do without experts, and tell of it.

    Parameters
    ----------
    pool : Pool
    data : FitData
    weight : ndarray of shape (n_samples,)
        Positive sample weights.
    calibrate : bool
        Whether sharpness and class bias are fitted.
    fitted : FittedHead
        Whose course is told.
    teach : callable
        Gives what the pool does without experts, as :func:`fit_gaps`.
    selection : Selection, optional
    closest : callable, optional
        ``closest()`` gives a head that follows the fit data closely.

    Returns
    -------
    PoolFit
    """
    # last of all: whatever was fitted before, the training loss ends at or below the references'
    pool, loss, reference_losses = blend_to_guarantee(pool, data, weight, closest)
    if calibrate:
        # a plain product stays one: only weights are renormalised
        best = float(reference_losses.min())
        pool, gapped = with_gaps(pool, teach(pool, data, weight), data, weight, best)
        loss = loss if gapped is None else gapped
    return PoolFit(
        pool,
        float(loss),
        reference_losses,
        data.mean_expert_losses(weight),
        _mean_weights(pool, data, weight),
        selection,
        fitted.curve,
        fitted.converged,
    )


def _mean_weights(pool, data, weight):
    total = np.zeros(data.n_experts)
    for block in data:
        features = block.features if pool.needs_features else None
        total += weight[block.rows] @ pool.expert_shares(block.columns, features)[0]
    return total / weight.sum()
