"""Gains of a fitted model over references, in nats, on rows that came after its fit."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd

from sklearn_logitprod._text import warn
from sklearn_logitprod.deployment.fitted import pooled
from sklearn_logitprod.fusion.logits import block_slices
from sklearn_logitprod.fusion.references import reference_log_proba
from sklearn_logitprod.fusion.safety import SafePool


@dataclass(frozen=True, eq=False)
class Claims:
    """What is claimed of a model: a positive mean gain over each of some references.

    Attributes
    ----------
    positions : dict of str to int
        References, as from :func:`~sklearn_logitprod.deployment.fitted.reference_positions`.
    least : ndarray of shape (n_references,)
        Lower bounds of the gain on any row, in nats; -inf where there is none.
    level : float
        Confidence of each bound.
    """

    positions: dict
    least: np.ndarray
    level: float

    def __post_init__(self):
        level = self.level
        if not isinstance(level, Real) or isinstance(level, bool) or not 0.0 < level < 1.0:
            raise ValueError(f"level={level!r}: the confidence lies in (0, 1), such as 0.95.")

    @property
    def names(self):
        """Names of the references."""
        return list(self.positions)

    def gains(self, pool, rows):
        """Log-loss of each reference less that of a pool: (n_samples, n_references).

        Parameters
        ----------
        pool : Pool, ExtendedPool or SafePool
        rows : Labelled
        """
        own = rows.likelihood.loss(pooled(pool, rows.outputs))
        out = np.empty((rows.n_samples, len(self.positions)))
        chosen = list(self.positions.values())
        for block, found in references_said(pool, rows.outputs, chosen):
            likelihood = rows.likelihood.take(block)
            for i in range(len(chosen)):
                out[block, i] = likelihood.loss(found[:, i]) - own[block]
        return out

    def table(self, n_samples, means, bounds):
        """What was found, one row a reference: frame of the columns that a certificate has."""
        bounds = np.asarray(bounds, dtype=np.float64)
        columns = {
            "reference": self.names,
            "n": np.full(len(self.names), n_samples),
            "mean_gain": np.asarray(means, dtype=np.float64),
            "lower_bound": bounds,
            "certified": bounds > 0.0,
        }
        return pd.DataFrame(columns)


def references_said(pool, outputs, chosen):
    """What some references say of all rows, block by block.

    Parameters
    ----------
    pool : Pool, ExtendedPool or SafePool
    outputs : Outputs or EventOutputs
    chosen : list of int
        Positions of references.

    Yields
    ------
    rows : slice
    log_proba : ndarray of shape (n_rows, n_chosen, n_classes)
    """
    n_samples, n_experts, n_classes = outputs.shape
    for rows in block_slices(n_samples, n_experts * n_classes):
        yield rows, reference_log_proba(outputs.log_proba(rows), pool.active, chosen)


def claims_of(model, positions, level, function):
    """Claims of a fitted model; warns where they cannot be shown.

    Parameters
    ----------
    model : BaseLogitProd
    positions : dict of str to int
    level : float
    function : str
        Name of the function that was called.

    Returns
    -------
    Claims
    """
    pool = model.pool_
    least = np.full(len(positions), -np.inf)
    if isinstance(pool, SafePool):
        least = np.array([pool.least_gain(position) for position in positions.values()])
    claims = Claims(positions, least, level)
    if np.isinf(least).any():
        warn(
            f"{function} can show nothing of this model: what it may lose on a single sample has "
            "no limit, so that no number of samples bounds the mean. Set one: with_safety(model), "
            "or --safety on the command line."
        )
    return claims


def group_means(gains, groups):
    """Means within groups, in the order in which groups first appear.

    Parameters
    ----------
    gains : ndarray of shape (n_samples, n_references)
    groups : ndarray of shape (n_samples,), int, or None
        Codes from 0 on.

    Returns
    -------
    ndarray of shape (n_groups, n_references)
        The gains themselves without groups.
    """
    if groups is None:
        return gains
    first, counts = np.unique(groups, return_index=True, return_counts=True)[1:]
    sums = np.stack([np.bincount(groups, column) for column in gains.T], axis=1)
    return (sums / counts[:, None])[np.argsort(first)]
