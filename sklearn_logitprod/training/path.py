"""The automatic gate: a short path of candidates, cross-validated and mixed.

The mixture is one more logarithmic opinion pool, of the candidates: with ``F_j`` the held-out
scores of candidate j, its shares minimise

    sum_i v_i loss_i(sum_j share_j F_j) / deff  +  KL(share || prior)

over the simplex, which is convex for class labels. Where the data say little the shares
stay at the prior, and a mixture loses less than a choice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.optimize import minimize
from scipy.special import softmax

from sklearn_logitprod.fusion.references import reference_heads
from sklearn_logitprod.training.prior import EQUAL_WEIGHTS, MAX_CORRECTION, MAX_GATE
from sklearn_logitprod.training.trainer import FittedHead, Trainer

# bounds what the path costs: beyond it, only what is mixed is fitted on all rows
MOST_SELECTION_ROWS = 20_000
"""Rows above which the path is cross-validated on a part of the data."""

# a head that moves nothing would still have to be evaluated at every prediction
_NEGLIGIBLE = 1e-3
# nats in total at the default tolerance: fits that are mixed, and fits of which the
# held-out loss is all that is used
_LOOSE, _LOOSEST = 1e2, 1e3


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
    """Candidates of the path that are fitted, in groups of one layout, with prior masses.

    Equal and constant weights hold most of the prior mass; gates and cross-class corrections
    must earn theirs, a weakly held one most of all, unless the likelihood wants corrections
    everywhere. How strong priors are is the likelihood's to say, but not that of the class bias,
    which all samples inform.

    Parameters
    ----------
    spec : HeadSpec
        What the user fixed; ``gate_width`` is ignored. The linear gate is tried with
        0.3 times ``alpha``; a ``cross_class`` penalty replaces those tried otherwise.
    data : FitData

    Returns
    -------
    list of (list of HeadSpec, list of float)
    """
    strength = data.likelihood.strength
    # the base rates of classes or intervals are told by all rows, however little each says:
    # the likelihood's strength is taken out of their prior again
    base = replace(
        spec,
        gate_width=None,
        cross_class=None,
        strength=strength,
        class_bias_prior=spec.class_bias_prior / strength,
    )
    gate = replace(base, gate_width=0, alpha=0.3 * spec.alpha)
    # of hundreds of experts a gate has more parameters than any fit set has rows
    gated = data.n_features * data.n_columns <= MAX_GATE
    if data.likelihood.corrections is not None:
        groups = _corrected(base, gate, spec.cross_class, data.likelihood.corrections)
        return groups if gated else groups[:1]
    # two priors on the same head: the cheapest hedge, solved in the same batch
    groups = [([base, replace(base, bias_prior=EQUAL_WEIGHTS)], [0.2, 0.3])]
    if data.n_experts * data.n_free**2 > MAX_CORRECTION:
        return [*groups, ([gate], [0.2])] if gated else groups
    # unless the user gives its penalty, the correction that stands beside a gate is no candidate
    # of its own: one fit less
    with_gate, others = 30.0, {10.0: 0.15}
    if data.n_free == 2:
        # held weakly it is a logistic regression on log p and log(1 - p): right where evidence adds
        # up, and then better by many nats, which this mass asks for
        others[0.3] = 0.0002
    if spec.cross_class is not None:
        with_gate, others = spec.cross_class, {spec.cross_class: 0.15}
    specs = [replace(base, cross_class=penalty) for penalty in others]
    groups.append((specs, list(others.values())))
    if gated:
        groups.append(([replace(gate, cross_class=with_gate)], [0.2]))
    return groups


def _corrected(base, gate, penalty, corrections):
    """Candidates that all have a correction, or none; its penalty is the user's or several."""
    if penalty is None and not corrections:
        return [([base], [0.5]), ([gate], [0.2])]
    chosen = corrections if penalty is None else [(penalty, sum(mass for _, mass in corrections))]
    penalties, masses = zip(*chosen, strict=True)
    specs = [replace(base, cross_class=own) for own in penalties]
    return [(specs, list(masses)), ([replace(gate, cross_class=penalties[0])], [0.2])]


def flexible(spec, data):
    """What follows the fit data closely, for the guarantee: constant weights, weak priors."""
    penalty = spec.cross_class
    if penalty is None and data.likelihood.corrections != ():
        penalty = 3.0
    if data.n_experts * data.n_free**2 > MAX_CORRECTION:
        penalty = None
    return replace(spec, gate_width=None, cross_class=penalty)


def fixed_candidates(data):
    """Candidates without parameters: names, prior masses and heads to choose from.

    For tasks that one expert dominates or that have next to no data: the best expert,
    chosen anew in each fold if outcomes tell which that is, and the mean of probabilities. None
    where every candidate is to have a correction.
    """
    if data.n_experts == 1 or data.likelihood.corrections is not None:
        return []
    heads = reference_heads(data.n_experts, data.n_classes, data.linear_pool)
    path = []
    if data.likelihood.choose_expert:
        path.append(("best expert", 0.1, heads[: data.n_experts]))
    if data.linear_pool:
        path.append(("mean of probabilities", 0.3, heads[-1:]))
    return path


@dataclass(frozen=True)
class _Trial:
    """A candidate under cross-validation.

    Attributes
    ----------
    name : str
    mass : float
        Prior mass, up to a common factor.
    scores : ndarray of shape (n_samples, n_classes)
        Fused scores of each row, fitted without its fold.
    refit : callable
        ``refit(trainer)`` gives the :class:`FittedHead` on all rows of a trainer.
    """

    name: str
    mass: float
    scores: np.ndarray
    refit: Callable


def fit_path(data, weight, spec, folds, settings, progress=None):
    """Fit the path's candidates and mix them by how they do under cross-validation.

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
        Called with a line of text before each batch of fits.

    Returns
    -------
    pool : Pool
    selection : Selection
    fitted : FittedHead
        The candidate with the largest share.
    closest : callable
        ``closest()`` gives a head that follows the fit data closely.
    """
    tell = progress or (lambda text: None)

    def mixed(spec):
        return _LOOSE * settings.tol

    # shares are chosen on a part of many rows; what they mix is fitted on all of them
    chosen = selection_rows(data, settings.seed)
    if chosen is None:
        part, own, total = data, weight, weight.sum()
    else:
        part, own, total = data.subset(chosen), weight[chosen], weight.sum()
        folds = [np.flatnonzero(np.isin(chosen, held_out)) for held_out in folds]
    everything = Trainer(part, own[None], settings, mixed)
    trials = _cross_validate(part, own, spec, folds, settings, everything, tell)

    scores = np.array([trial.scores for trial in trials])
    rows = np.sort(np.concatenate(folds))
    likelihood, held = part.likelihood.take(rows), own[rows]
    cv_losses = likelihood.loss(scores[:, rows]) @ held / held.sum()
    # the mixture is learned from as many effective samples as the whole fit has
    effect = data.design_effect(weight)
    prior = np.array([trial.mass for trial in trials])
    scale = total / held.sum() / effect
    shares = mixing_shares(scores[:, rows], likelihood, scale * held, prior / prior.sum())

    if part is not data:
        tell("all rows: candidates that are mixed")
        everything = Trainer(data, weight[None], settings, mixed, everything)
    kept = np.flatnonzero(shares)
    # solved already where the path saw all rows: the trainer remembers
    fitted = {i: trials[i].refit(everything) for i in kept}
    pool = data.pool([fitted[i].head for i in kept], shares[kept])
    selection = Selection([trial.name for trial in trials], cv_losses, shares)

    def closest():
        tell("weak priors, all rows")
        return everything.fitted([flexible(spec, data)]).head

    return pool, selection, fitted[int(np.argmax(shares))], closest


def selection_rows(data, seed):
    """Sorted rows that the path is cross-validated on; None for all of them.

    From some tens of thousands of rows on, more of them no longer change which
    candidates are mixed. Groups stay whole.
    """
    if data.n_samples <= MOST_SELECTION_ROWS:
        return None
    random = np.random.RandomState(seed)
    units = np.arange(data.n_samples) if data.groups is None else data.groups
    order = random.permutation(units.max() + 1)[units]
    chosen = np.argsort(order, kind="stable")[:MOST_SELECTION_ROWS]
    return np.flatnonzero(order <= order[chosen[-1]])


def _cross_validate(data, weight, spec, folds, settings, everything, tell):
    """All candidates under cross-validation, as trials."""
    # weights of 0 rather than subsets: folds then have the same rows, which a batch reads once
    outside = np.zeros((len(folds), data.n_samples), dtype=bool)
    for own, held_out in zip(outside, folds, strict=True):
        own[held_out] = True

    def compared(spec):
        return _LOOSEST * settings.tol

    inside = [
        Trainer(own, weights, settings, compared, everything, same_data=not data.read_anew)
        for own, weights in data.parts(np.where(outside, 0.0, weight))
    ]
    trials, groups = [], candidates(spec, data)
    # candidates of one layout are one batch: they share every pass over the rows, and folds
    # start from the solution on all rows, from which they differ little
    for number, (specs, masses) in enumerate(groups, start=1):
        what = "; ".join(one.describe() for one in specs)
        tell(f"candidates {number}/{len(groups)}, all rows: {what}")
        everything.fit(specs)
        tell(f"candidates {number}/{len(groups)}, {len(folds)} folds: {what}")
        # scores of all rows under every fold; those that a fold was fitted on are not used
        scores = np.concatenate([trainer.fit(specs).scores() for trainer in inside])
        scores = scores.reshape(len(folds), len(specs), *scores.shape[1:])
        for i, (one, mass) in enumerate(zip(specs, masses, strict=True)):
            refit = partial(_refit, specs=specs, position=i)
            trials.append(_Trial(one.describe(), mass, _held_out(scores[:, i], outside), refit))
    for name, mass, heads in fixed_candidates(data):
        scores = np.concatenate([_best_scores(trainer, heads) for trainer in inside])
        trials.append(_Trial(name, mass, _held_out(scores, outside), partial(_choose, heads=heads)))
    return trials


def _best_scores(trainer, heads):
    """Scores of the best of some heads under each set of a trainer's weights."""
    scores = trainer.data.scores(heads)
    losses = trainer.data.likelihood.loss(scores)
    return scores[[int(np.argmin(losses @ own)) for own in trainer.weights]]


def _held_out(scores, outside):
    """Scores of each row from the fold that holds it out."""
    out = np.zeros(scores.shape[1:])
    for own, held_out in zip(scores, outside, strict=True):
        out[held_out] = own[held_out]
    return out


def _refit(trainer, specs, position):
    return trainer.fitted(specs, position)


def _choose(trainer, heads):
    (weight,) = trainer.weights
    losses = trainer.data.row_losses(heads) @ weight / weight.sum()
    best = int(np.argmin(losses))
    return FittedHead(heads[best], [losses[best]], True)


def mixing_shares(scores, likelihood, weight, prior):
    """Shares of candidates in their logarithmic opinion pool, from held-out scores.

    Parameters
    ----------
    scores : ndarray of shape (n_candidates, n_samples, n_classes)
    likelihood : Likelihood
    weight : ndarray of shape (n_samples,)
        Sample weights over the design effect.
    prior : ndarray of shape (n_candidates,)
        Sums to 1.

    Returns
    -------
    ndarray of shape (n_candidates,)
        Sums to 1; below 0.001 it is 0.
    """
    flat = scores.reshape(len(scores), -1)

    def objective(tilt):
        shares = softmax(np.log(prior) + tilt)
        mixed = (shares @ flat).reshape(scores.shape[1:])
        loss, slope, _ = likelihood.loss_gradient(mixed)
        surprise = np.log(np.maximum(shares, np.finfo(float).tiny) / prior)
        gradient = flat @ (slope * weight[:, None]).ravel() + surprise
        value = weight @ loss + shares @ surprise
        return value, shares * (gradient - shares @ gradient)

    # tilts of the prior rather than shares: the simplex needs no constraint then, and where
    # the data say nothing the start is the answer
    tilt = minimize(objective, np.zeros(len(prior)), jac=True, method="L-BFGS-B").x
    shares = softmax(np.log(prior) + tilt)
    shares[shares < _NEGLIGIBLE] = 0.0
    return shares / shares.sum()
