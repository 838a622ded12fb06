"""The automatic gate: a short path of candidates, cross-validated and mixed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sklearn_logitprod.fusion.pool import Pool
from sklearn_logitprod.training.data import design_effect
from sklearn_logitprod.training.heads import fit_head
from sklearn_logitprod.training.prior import MAX_CORRECTION

_EXPONENT = 0.5
_NEGLIGIBLE = 1e-4


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
    """Specifications of the path and their prior masses.

    Parameters
    ----------
    spec : HeadSpec
        What the user fixed; ``gate_width`` is ignored. Linear gates are tried with
        ``alpha`` and 0.3 times that, and a ``cross_class`` penalty replaces the three
        tried otherwise.
    data : FitData

    Returns
    -------
    specs : list of HeadSpec
    prior : ndarray of shape (n_candidates,)
        Sums to 1.
    """
    base = replace(spec, gate_width=None, cross_class=None)
    specs = [(base, 0.25), (replace(base, strength=10.0), 0.25)]
    specs += [
        (replace(base, gate_width=0, alpha=factor * spec.alpha), 0.1) for factor in (1.0, 0.3)
    ]
    if data.n_experts * data.n_classes**2 <= MAX_CORRECTION:
        penalties = (300.0, 30.0, 3.0) if spec.cross_class is None else (spec.cross_class,)
        specs += [(replace(base, cross_class=penalty), 0.1) for penalty in penalties]
    prior = np.array([mass for _, mass in specs])
    return [one for one, _ in specs], prior / prior.sum()


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
    specs, prior = candidates(spec, data)
    totals = np.zeros(len(specs))
    counted = 0.0
    for number, held_out in enumerate(folds, start=1):
        own = weight.copy()
        own[held_out] = 0.0
        heads = []
        for i, one in enumerate(specs, start=1):
            if progress is not None:
                progress(
                    f"fold {number}/{len(folds)}, candidate {i}/{len(specs)}: {one.describe()}"
                )
            heads.append(fit_head(data, own, one, settings).head)
        losses = data.row_losses(heads)[:, held_out]
        totals += losses @ weight[held_out]
        counted += weight[held_out].sum()
    cv_losses = totals / counted

    effective = weight.sum() / design_effect(data.centre_losses, weight, data.groups)
    score = np.log(prior) - _EXPONENT * effective * cv_losses
    shares = np.exp(score - score.max())
    shares[shares < _NEGLIGIBLE * shares.sum()] = 0.0
    shares /= shares.sum()
    kept = np.flatnonzero(shares)
    fitted = {i: fit_head(data, weight, specs[i], settings) for i in kept}
    pool = Pool(
        tuple(fitted[i].head for i in kept),
        shares[kept],
        data.active,
        data.linear_pool,
        data.kind,
    )
    selection = Selection([one.describe() for one in specs], cv_losses, shares)
    return pool, selection, fitted[int(np.argmax(shares))]
