"""Where a fitted classifier stands on its fit data: what :func:`adapt_prior` starts from."""

from __future__ import annotations

import numpy as np

from sklearn_logitprod.fusion.logits import block_slices, logsumexp

# a mean over this many predictions is known well enough
_MOST_VALUES = 1 << 18
# of the offset
_PRECISION = 1e-7
_MAX_ITER = 100
# steps that fall more slowly are taken by a curvature that is too old
_SLOW = 0.1
# relative to the mean of the curvature's diagonal
_RIDGE = 1e-10


def standing(pool, data, weight):
    """Prevalence of the fit data, how predictions lean against it, and how much data it was.

    Parameters
    ----------
    pool : Pool
    data : FitData
        Of classes.
    weight : ndarray of shape (n_samples,)

    Returns
    -------
    dict
        ``class_prior_``, ``class_prior_offset_``, ``design_effect_`` and ``n_effective_``; the
        offset is None if a class is absent.
    """

    def scores():
        return np.concatenate([_of_block(pool, block) for block in data])

    prior = data.likelihood.prevalence(weight, data.n_classes, scores)
    effect = data.design_effect(weight)
    told = {
        "class_prior_": prior,
        "class_prior_offset_": None,
        "design_effect_": float(effect),
        "n_effective_": float(weight.sum() / effect),
    }
    if not prior.all():
        return told
    n_rows = min(len(weight), max(2000, _MOST_VALUES // (data.n_columns * data.n_classes)))
    rows = np.unique(np.linspace(0, len(weight) - 1, n_rows).astype(int))
    log_proba = np.empty((len(rows), data.n_classes))
    for part in block_slices(len(rows), data.n_columns * data.n_classes):
        log_proba[part] = pool.log_proba(pool.columns(data.read(rows[part])))
    # of the rows that are looked at
    seen = data.likelihood.take(rows)
    own = seen.prevalence(weight[rows], data.n_classes, lambda: log_proba)
    target = prior if len(rows) == len(weight) or not own.all() else own
    offset = centring_offset(log_proba, target, weight[rows])
    return told | {"class_prior_offset_": offset}


def _of_block(pool, block):
    """Fused scores of a block of the fit data."""
    return pool.scores(block.columns, block.features if pool.needs_features else None)


def centring_offset(log_proba, prior, weight):
    """Offset of scores with which mean predictions are a prevalence.

    Parameters
    ----------
    log_proba : ndarray of shape (n_samples, n_classes)
    prior : ndarray of shape (n_classes,)
        Positive, summing to 1.
    weight : ndarray of shape (n_samples,)

    Returns
    -------
    ndarray of shape (n_classes,)
    """
    weight = weight / weight.sum()
    offset = np.zeros(len(prior))

    def at(offset):
        scores = log_proba + offset
        normaliser = logsumexp(scores)
        return np.exp(scores - normaliser[:, None]), weight @ normaliser - prior @ offset

    proba, value = at(offset)
    inverse, reach = None, np.inf
    for _ in range(_MAX_ITER):
        fresh = inverse is None
        if fresh:
            inverse = np.linalg.inv(_curvature(proba, weight))
        newton = inverse @ (prior - weight @ proba)
        step, length = None, 1.0
        while step is None and length > 1e-3:
            trial = offset + length * newton
            proba_new, value_new = at(trial)
            if value_new <= value:
                step = length * newton
            length *= 0.5
        if step is None and fresh:
            break
        if step is None:
            inverse = None
            continue
        offset, proba, value = trial, proba_new, value_new
        before, reach = reach, np.abs(step).max()
        if reach < _PRECISION:
            break
        # for many classes the curvature costs more than many steps
        if reach > _SLOW * before:
            inverse = None
    return offset - offset.mean()


def _curvature(proba, weight):
    """Curvature of the mean normaliser in the offset, made regular: (n_classes, n_classes)."""
    root = proba.T * np.sqrt(weight)
    curvature = np.diag(weight @ proba) - root @ root.T
    # a constant moves nothing; classes next to without mass still have an answer
    scale = np.trace(curvature) / len(curvature)
    return curvature + scale / len(curvature) + _RIDGE * scale * np.eye(len(curvature))
