"""Fitted pools as expressions: the counterpart of ``fusion/pool.py`` and what is built on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from itertools import combinations
from math import comb

import numpy as np

from sklearn_logitprod.export.expressions import (
    Expression,
    any_of,
    clipped,
    constant,
    either,
    exp,
    greater,
    joined,
    largest,
    log,
    log_of_sum,
    log_softmax,
    part,
    rows_of,
    shaped,
    tanh,
    total,
    where,
    with_axis,
)
from sklearn_logitprod.export.families import FORMULAS, CategoricalFormulas, make_block
from sklearn_logitprod.fusion.extended import ExtendedPool
from sklearn_logitprod.fusion.logits import FLOOR
from sklearn_logitprod.fusion.pool import Pool, stacked_correction
from sklearn_logitprod.fusion.references import reference_heads
from sklearn_logitprod.fusion.safety import SafePool

MOST_PATTERNS = 1 << 14
"""Patterns of missing experts that are written down without being asked to."""

_NOT_THERE = -1e30
_CLIP = 3.0


@dataclass(frozen=True, eq=False)
class Fused:
    """What a pool says, as expressions.

    Attributes
    ----------
    log_proba : Expression of shape (n_samples, n_classes)
        Log of the fused probabilities, or the fused natural parameters of values.
    weights : Expression of shape (n_samples, n_experts)
    sharpness : Expression of shape (n_samples, 1)
    refused : Expression of shape (n_samples, 1)
        1 where more experts are missing than there are patterns for.
    """

    log_proba: Expression
    weights: Expression
    sharpness: Expression
    refused: Expression


@singledispatch
def fused(pool, log_proba, present, max_missing):
    """What a pool says of log-probabilities.

    Parameters
    ----------
    pool : Pool, ExtendedPool or SafePool
    log_proba : Expression of shape (n_samples, n_experts, n_classes)
        Finite, whatever it is where an expert is missing.
    present : Expression of shape (n_samples, n_experts)
    max_missing : int or None
        Most experts that a row may lack; None for any number.

    Returns
    -------
    Fused
    """
    raise TypeError(f"{type(pool).__name__} is no pool that can be exported.")


@fused.register
def _(pool: Pool, log_proba, present, max_missing):
    formulas = FORMULAS[type(pool.family)]
    n_experts, n_classes = len(pool.active), len(pool.class_bias)
    block = make_block(log_proba, present, pool.active, pool.linear_pool, formulas, n_classes)
    coefficients, bias = _coefficients(pool, block, formulas), constant(pool.class_bias[None])
    evidence, refused = formulas.evidence(block), block.some * 0.0
    if pool.gaps is not None:
        multipliers, shift, refused = _gap_terms(pool, block, max_missing)
        coefficients, bias = coefficients * multipliers, bias + shift
        evidence = evidence * with_axis(part(multipliers, 0, n_experts, 1), 2)
    scores = total(block.log_proba * with_axis(coefficients, 2), 1) + bias
    if pool.correction is not None:
        n_free = formulas.n_free(n_classes)
        matrix = np.zeros((n_experts * n_free, n_classes))
        matrix[:, :n_free] = stacked_correction(pool.correction)
        scores = scores + shaped(evidence, n_experts * n_free) @ matrix
    weights, sharpness = _shares(block, coefficients)
    return Fused(formulas.normalised(scores), weights, sharpness, refused)


def _coefficients(pool, block, formulas):
    """Effective coefficients of the columns, before gaps change them."""
    features = None
    if pool.needs_features:
        features = formulas.features(block, pool.features)
    mixed = 0.0
    for head, share in zip(pool.heads, pool.shares, strict=True):
        weights = _weights(head.gate, features, block.present)
        mixed = mixed + float(share * np.exp(head.log_sharpness)) * weights
    return mixed


def _weights(gate, features, present):
    """Weights of a gate: (n_samples, n_columns)."""
    scores = constant(gate.bias[None])
    if gate.layers:
        values, defined = features
        own = gate.standardiser
        inputs = clipped((values - own.centre) * own.inverse_scale, -_CLIP, _CLIP) * defined
        if len(gate.layers) == 3:
            first, offset, _ = gate.layers
            inputs = tanh(inputs @ first + offset)
        scores = scores + inputs @ gate.layers[-1]
    scores = where(present, scores / float(gate.temperature), _NOT_THERE)
    weights = exp(scores - largest(scores)) * present
    whole = total(weights, 1, True)
    return weights / where(greater(whole, 0.0), whole, 1.0)


def _shares(block, coefficients):
    """Weights of the experts, and the sum of all coefficients."""
    n_experts = block.n_experts
    sharpness = total(coefficients, 1, True)
    own = part(coefficients, 0, n_experts, 1)
    linear = sharpness - total(own, 1, True)
    own = own + block.there * linear / block.n_present
    whole = total(own, 1, True)
    return own / where(greater(whole, 0.0), whole, 1.0), sharpness


def n_patterns(n_experts, max_missing):
    """Number of patterns of missing experts, all of them missing being none."""
    return sum(comb(n_experts, k) for k in range(max_missing + 1))


def _gap_terms(pool, block, max_missing):
    """Multipliers and shifts of each row, and which rows lack too many experts.

    Patterns are numbered: first by how many experts are missing, then by the combinatorial
    number system, ``sum_i C(p_i, i)`` for the i-th missing expert at position ``p_i``.
    """
    active = np.flatnonzero(pool.active)
    n_active, n_columns = len(active), len(pool.heads[0].gate.bias)
    most = n_active - 1 if max_missing is None else min(max_missing, n_active - 1)
    missing = np.zeros((n_patterns(n_active, most), len(pool.active)), dtype=bool)
    numbers = np.array(
        [[comb(p, i + 1) for i in range(n_active)] for p in range(n_active)], dtype=float
    )
    first = np.cumsum([0] + [comb(n_active, k) for k in range(n_active)])
    for k in range(most + 1):
        for chosen in combinations(range(n_active), k):
            number = first[k] + sum(comb(p, i + 1) for i, p in enumerate(chosen))
            missing[number, active[list(chosen)]] = True
    # a copy, so that the model does not keep what it is asked here
    terms = np.hstack(pool.gaps.applied(pool.gaps.share).terms(missing))

    lacking = constant(pool.active[None]) * (1.0 - block.there)
    chosen = np.zeros((len(pool.active), n_active))
    chosen[active, np.arange(n_active)] = 1.0
    lacking = lacking @ chosen
    # of each missing expert, how many before it are missing, too
    before = lacking @ np.triu(np.ones((n_active, n_active)), 1)
    position = before + np.arange(n_active) * float(n_active)
    count = total(lacking, 1)
    number = rows_of(first, count) + total(lacking * rows_of(numbers.reshape(-1), position), 1)
    beyond = greater(count, float(most))
    found = rows_of(terms, where(beyond, 0.0, number))
    refused = with_axis(beyond * (1.0 - greater(count, n_active - 0.5)), 1)
    return part(found, 0, n_columns, 1), part(found, n_columns, terms.shape[1], 1), refused


@fused.register
def _(pool: ExtendedPool, log_proba, present, max_missing):
    n_old, n_experts, n_classes = len(pool.old.active), len(pool.active), len(pool.class_bias)
    own, known = part(log_proba, 0, n_old, 1), part(present, 0, n_old, 1)
    told = any_of(known * constant(pool.old.active), 1, True)
    # the old pool is asked on rows without any of its experts, too, and then not listened to
    stand_in = (1.0 - told) * (np.arange(n_old) == np.argmax(pool.old.active))
    own = where(with_axis(stand_in, 2), -np.log(n_classes), own)
    old = fused(pool.old, own, known + stand_in, max_missing)
    above = joined([with_axis(old.log_proba, 1), part(log_proba, n_old, n_experts, 1)], 1)
    there = joined([told, part(present, n_old, n_experts, 1)], 1)
    top = fused(pool.top, above, there, max_missing)
    heard = part(there, 1, 1 + n_experts - n_old, 1) * constant(pool.top.active[None, 1:])
    # normalised or not: that is one number a row, and taken away again below
    scores = where(any_of(heard, 1, True), top.log_proba, old.log_proba)
    by_top = top.weights * top.sharpness
    by_old = part(by_top, 0, 1, 1) * old.sharpness
    by_new = part(by_top, 1, 1 + n_experts - n_old, 1)
    whole = by_old + total(by_new, 1, True)
    shares = joined([old.weights * by_old, by_new], 1)
    return Fused(
        log_softmax(pool.sharpness * scores + np.atleast_2d(pool.shift)),
        shares / where(greater(whole, 0.0), whole, 1.0),
        pool.sharpness * whole,
        either(old.refused * told, top.refused),
    )


@fused.register
def _(pool: SafePool, log_proba, present, max_missing):
    inner = fused(pool.pool, log_proba, present, max_missing)
    n_experts, n_classes = len(pool.active), len(pool.class_bias)
    block = make_block(log_proba, present, pool.active, True, CategoricalFormulas, n_classes)
    heads = reference_heads(n_experts, n_classes, True)
    reference = 0.0
    for position in np.flatnonzero(pool.mass):
        weights = _weights(heads[position].gate, None, block.present)
        said = log_softmax(total(block.log_proba * with_axis(weights, 2), 1))
        reference = reference + exp(said) * float(pool.mass[position])
    share = min(pool.share / (1.0 - FLOOR), 1.0)
    with np.errstate(divide="ignore"):
        own = inner.log_proba + np.log1p(-share)
    log_safe = log_of_sum(own, log(reference) + np.log(share))
    return Fused(log_safe, inner.weights, inner.sharpness, inner.refused)
