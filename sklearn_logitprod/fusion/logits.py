"""Log-probabilities of experts: normalised, floored, with missing experts as NaN.

Array conventions of this room, stated once:

- ``log_proba`` is ``(n_samples, n_experts, n_classes)`` in float64. Its *memory* runs
  along the samples: reductions over experts and classes are then long vector
  operations, where a short last axis would be slow. Shapes and indices do not change,
  and functions here accept any memory order.
- A missing expert is a row of NaN in ``log_proba``. Downstream, ``columns`` are what
  the product is taken over: the experts and, where asked for, the linear pool as one
  more; missing entries are 0 there and ``present`` says which entries count.
"""

from __future__ import annotations

import numpy as np

FLOOR = 1e-6
"""Share of the uniform distribution mixed into every expert."""

_BLOCK_VALUES = 1 << 16


def block_slices(n_samples, values_per_sample, block_values=_BLOCK_VALUES):
    """Slices over the samples whose blocks fit in the processor's cache.

    Parameters
    ----------
    n_samples : int
    values_per_sample : int
        Numbers that one sample holds, for instance ``n_experts * n_classes``.
    block_values : int
        Numbers in one block, about.

    Yields
    ------
    slice
    """
    # fewer rows would spend the time on calls
    step = max(256, block_values // max(1, values_per_sample))
    for start in range(0, n_samples, step):
        yield slice(start, min(start + step, n_samples))


def samples_fastest(values):
    """Float64 copy of ``values`` whose memory runs along the first axis."""
    out = np.empty(values.shape[1:] + values.shape[:1])
    out[...] = np.moveaxis(values, 0, -1)
    return np.moveaxis(out, -1, 0)


def log_softmax(scores):
    """Log of the softmax over the last axis.

    Parameters
    ----------
    scores : ndarray of shape (..., n_classes)

    Returns
    -------
    ndarray of the same shape and memory order
    """
    # the largest becomes 0: nothing overflows, and what underflows is nothing beside it
    shifted = scores - scores.max(axis=-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return shifted


def logsumexp(scores):
    """Log of the summed exponentials over the last axis; that axis is dropped."""
    top = scores.max(axis=-1)
    return np.log(np.exp(scores - top[..., None]).sum(axis=-1)) + top


def log_proba_from_logits(logits, floor=FLOOR):
    """Floored log-probabilities of unnormalised log-probabilities.

    ``p <- (1 - floor) p + floor / n_classes`` for ``p = softmax(logits)``, so that no
    expert vetoes a class outright.

    Parameters
    ----------
    logits : array of shape (n_samples, n_experts, n_classes), any float dtype
        NaN in all classes marks a missing expert and stays NaN; ``-inf`` is floored.

    Returns
    -------
    ndarray of shape (n_samples, n_experts, n_classes), float64
    """
    scores = samples_fastest(logits)
    scores -= scores.max(axis=-1, keepdims=True)
    proba = np.exp(scores, out=scores)
    return _floored_log(proba, floor)


def log_proba_from_proba(proba, floor=FLOOR):
    """Floored log-probabilities of probabilities, rows renormalised to sum to 1.

    Parameters
    ----------
    proba : array of shape (n_samples, n_experts, n_classes), any float dtype
        NaN in all classes marks a missing expert and stays NaN.

    Returns
    -------
    ndarray of shape (n_samples, n_experts, n_classes), float64
    """
    return _floored_log(samples_fastest(proba), floor)


def _floored_log(proba, floor):
    """Log of floored rows of non-negative numbers, normalised; overwrites its input."""
    n_classes = proba.shape[-1]
    proba *= (1.0 - floor) / proba.sum(axis=-1, keepdims=True)
    proba += floor / n_classes
    return np.log(proba, out=proba)


def binary_logits(log_odds):
    """Two-class logits of log-odds: class 0 at 0, class 1 at the log-odds.

    Parameters
    ----------
    log_odds : ndarray of shape (n_samples, n_experts)

    Returns
    -------
    ndarray of shape (n_samples, n_experts, 2)
    """
    # 0 * log_odds is NaN exactly where the expert is missing
    return np.stack([0.0 * log_odds, log_odds], axis=-1)


def binary_proba(proba_second):
    """Two-class probabilities of the probability of the second class."""
    proba_second = np.asarray(proba_second, dtype=np.float64)
    return np.stack([1.0 - proba_second, proba_second], axis=-1)
