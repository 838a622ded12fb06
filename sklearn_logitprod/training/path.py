"""The automatic gate: a short path of candidates, cross-validated and mixed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from sklearn_logitprod.fusion.pool import Pool
from sklearn_logitprod.training.data import design_effect
from sklearn_logitprod.training.guarantee import reference_heads
from sklearn_logitprod.training.heads import FittedHead, fit_head
from sklearn_logitprod.training.prior import MAX_CORRECTION

_EXPONENT = 0.5
_NEGLIGIBLE = 1e-4


@dataclass(frozen=True)
class Candidate:
    """One entry of the path.

    Attributes
    ----------
    name : str
    mass : float
        Prior mass, up to a common factor.
    fit : callable
        ``fit(data, weight, settings, solved)`` gives a :class:`FittedHead`.
    """

    name: str
    mass: float
    fit: Callable


@dataclass(frozen=True)
class Selection:
    """The automatic path: what was tried, how it fared, what it weighs.

    Attributes
    ----------
    candidates : list of str
    cv_losses : ndarray of shape (n_candidates,)
        Mean cross-validated loss within the fit data, in nats per sample.
    shares : ndarray of shape (n_candidates,)
        Share of each candidate in the mixture; they sum to 1.
    """

    candidates: list
    cv_losses: np.ndarray
    shares: np.ndarray


def candidates(spec, data):
    """Candidates of the path.

    Constant weights at two strengths hold most of the prior mass; linear gates and
    cross-class corrections must earn theirs. Two candidates have no parameter at all,
    for tasks that one expert dominates or that have next to no data: the best expert,
    chosen anew in each fold, and the mean of probabilities.

    Parameters
    ----------
    spec : HeadSpec
        What the user fixed; ``gate_width`` is ignored. Linear gates are tried with
        ``alpha`` and 0.3 times that, and a ``cross_class`` penalty replaces the three
        tried otherwise.
    data : FitData

    Returns
    -------
    list of Candidate
    """
    base = replace(spec, gate_width=None, cross_class=None)
    specs = [(base, 0.25), (replace(base, strength=10.0), 0.25)]
    specs += [
        (replace(base, gate_width=0, alpha=factor * spec.alpha), 0.1) for factor in (1.0, 0.3)
    ]
    if data.n_experts * data.n_classes**2 <= MAX_CORRECTION:
        penalties = (300.0, 30.0, 3.0) if spec.cross_class is None else (spec.cross_class,)
        specs += [(replace(base, cross_class=penalty), 0.1) for penalty in penalties]
    path = [Candidate(one.describe(), mass, partial(_fit_spec, spec=one)) for one, mass in specs]
    if data.n_experts > 1:
        path.append(Candidate("best expert", 0.25, _best_expert))
        if data.linear_pool:
            path.append(Candidate("mean of probabilities", 0.15, _linear_pool))
    return path


def _fit_spec(data, weight, settings, solved, spec):
    return fit_head(data, weight, spec, settings, solved)


def _best_expert(data, weight, settings, solved):
    heads = reference_heads(data.n_experts, data.n_classes, data.linear_pool)
    losses = data.row_losses(heads[: data.n_experts]) @ weight
    return FittedHead(heads[int(np.argmin(losses))], [losses.min() / weight.sum()], True)


def _linear_pool(data, weight, settings, solved):
    head = reference_heads(data.n_experts, data.n_classes, True)[-1]
    loss = data.row_losses([head])[0] @ weight / weight.sum()
    return FittedHead(head, [loss], True)


def fit_path(data, weight, spec, folds, settings, progress=None):
    """Fit the path's candidates and mix them by their cross-validated losses.

    Each candidate weighs ``prior * exp(-0.5 * total CV loss / design effect)``:
    cross-validation inside the fit data decides, the data must earn the gate, and a
    mixture loses less than a choice.

    Parameters
    ----------
    data : FitData
    weight : ndarray of shape (n_samples,)
    spec : HeadSpec
    folds : list of ndarray of int
        Held-out rows of each fold. A fold is fitted with weight 0 on these, so that
        all that is estimated is estimated without them.
    settings : Settings
    progress : callable, optional
        Called with a line of text before each candidate's fit.

    Returns
    -------
    pool : Pool
    selection : Selection
    fitted : FittedHead
        The candidate with the largest share.
    """
    path = candidates(spec, data)
    totals = np.zeros(len(path))
    counted = 0.0
    for number, held_out in enumerate(folds, start=1):
        own = weight.copy()
        own[held_out] = 0.0
        heads, solved = [], {}
        for i, candidate in enumerate(path, start=1):
            if progress is not None:
                progress(f"fold {number}/{len(folds)}, candidate {i}/{len(path)}: {candidate.name}")
            heads.append(candidate.fit(data, own, settings, solved).head)
        losses = data.row_losses(heads)[:, held_out]
        totals += losses @ weight[held_out]
        counted += weight[held_out].sum()
    cv_losses = totals / counted

    effective = weight.sum() / design_effect(data.centre_losses, weight, data.groups)
    prior = np.log([candidate.mass for candidate in path])
    score = prior - _EXPONENT * effective * cv_losses
    shares = np.exp(score - score.max())
    shares[shares < _NEGLIGIBLE * shares.sum()] = 0.0
    shares /= shares.sum()
    kept = np.flatnonzero(shares)
    solved = {}
    fitted = {i: path[i].fit(data, weight, settings, solved) for i in kept}
    pool = Pool(
        tuple(fitted[i].head for i in kept),
        shares[kept],
        data.active,
        data.linear_pool,
        data.kind,
    )
    selection = Selection([candidate.name for candidate in path], cv_losses, shares)
    return pool, selection, fitted[int(np.argmax(shares))]
