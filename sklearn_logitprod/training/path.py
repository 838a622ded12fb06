"""The automatic gate: a short path of candidates, cross-validated and mixed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from sklearn_logitprod.fusion.likelihood import set_loss
from sklearn_logitprod.fusion.pool import Pool
from sklearn_logitprod.training.data import design_effect
from sklearn_logitprod.training.guarantee import reference_heads
from sklearn_logitprod.training.prior import MAX_CORRECTION
from sklearn_logitprod.training.trainer import FittedHead, Trainer

_EXPONENT = 0.5
_NEGLIGIBLE = 1e-4
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

    Constant weights at two strengths hold most of the prior mass; linear gates and
    cross-class corrections must earn theirs.

    Parameters
    ----------
    spec : HeadSpec
        What the user fixed; ``gate_width`` is ignored. Linear gates are tried with
        ``alpha`` and 0.3 times that, and a ``cross_class`` penalty replaces the three
        tried otherwise.
    data : FitData

    Returns
    -------
    list of (list of HeadSpec, list of float)
    """
    base = replace(spec, gate_width=None, cross_class=None)
    gates = [replace(base, gate_width=0, alpha=factor * spec.alpha) for factor in (1.0, 0.3)]
    groups = [([base, replace(base, strength=10.0)], [0.25, 0.25]), (gates, [0.1, 0.1])]
    if data.n_experts * data.n_classes**2 <= MAX_CORRECTION:
        penalties = (300.0, 30.0, 3.0) if spec.cross_class is None else (spec.cross_class,)
        specs = [replace(base, cross_class=penalty) for penalty in penalties]
        groups.append((specs, [0.1] * len(specs)))
    return groups


def fixed_candidates(data):
    """Candidates without parameters: names, prior masses and heads to choose from.

    For tasks that one expert dominates or that have next to no data: the best expert,
    chosen anew in each fold, and the mean of probabilities.
    """
    if data.n_experts == 1:
        return []
    heads = reference_heads(data.n_experts, data.n_classes, data.linear_pool)
    path = [("best expert", 0.25, heads[: data.n_experts])]
    if data.linear_pool:
        path.append(("mean of probabilities", 0.15, heads[-1:]))
    return path


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
        Called with a line of text before each batch of fits.

    Returns
    -------
    pool : Pool
    selection : Selection
    fitted : FittedHead
        The candidate with the largest share.
    """
    tell = progress or (lambda text: None)
    outside = np.zeros((len(folds), data.n_samples), dtype=bool)
    for own, held_out in zip(outside, folds, strict=True):
        own[held_out] = True
    everything = Trainer(data, weight[None], settings, _LOOSE * settings.tol)
    loosest = _LOOSEST * settings.tol
    inside = Trainer(data, np.where(outside, 0.0, weight), settings, loosest, everything)
    names, prior, totals, fits = [], [], [], []
    groups = candidates(spec, data)
    for number, (specs, masses) in enumerate(groups, start=1):
        what = "; ".join(one.describe() for one in specs)
        tell(f"candidates {number}/{len(groups)}, all rows: {what}")
        everything.fit(specs)
        tell(f"candidates {number}/{len(groups)}, {len(folds)} folds: {what}")
        losses = _fold_losses(data, inside.fit(specs), outside)
        totals += list((losses * weight).sum(axis=(1, 2)))
        names += [one.describe() for one in specs]
        prior += masses
        fits += [partial(everything.fitted, specs, i) for i in range(len(specs))]
    for name, mass, heads in fixed_candidates(data):
        losses = data.row_losses(heads)
        best = [int(np.argmin(losses @ own)) for own in inside.weights]
        totals.append((losses[best] * outside * weight).sum())
        names.append(name)
        prior.append(mass)
        fits.append(partial(_chosen, heads, losses @ weight / weight.sum()))
    cv_losses = np.array(totals) / (outside * weight).sum()

    effective = weight.sum() / design_effect(data.centre_losses, weight, data.groups)
    score = np.log(prior) - _EXPONENT * effective * cv_losses
    shares = np.exp(score - score.max())
    shares[shares < _NEGLIGIBLE * shares.sum()] = 0.0
    shares /= shares.sum()
    kept = np.flatnonzero(shares)
    fitted = {i: fits[i]() for i in kept}
    pool = Pool(
        tuple(fitted[i].head for i in kept),
        shares[kept],
        data.active,
        data.linear_pool,
        data.kind,
    )
    return pool, Selection(names, cv_losses, shares), fitted[int(np.argmax(shares))]


def _fold_losses(data, solved, outside):
    """Held-out losses of each specification: (n_specs, n_folds, n_samples), 0 inside."""
    n_specs = len(solved.problems.specs)
    out = np.zeros((n_specs, *outside.shape))
    scores = solved.scores()
    for problem, own in enumerate(scores):
        fold, position = divmod(problem, n_specs)
        rows = np.flatnonzero(outside[fold])
        out[position, fold, rows] = set_loss(own[rows], data.sets.take(rows))
    return out


def _chosen(heads, losses):
    best = int(np.argmin(losses))
    return FittedHead(heads[best], [losses[best]], True)
