"""What y says, checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from sklearn_logitprod.fusion.likelihood import Likelihood


@dataclass(frozen=True, eq=False)
class Taught:
    """What experts are fitted on where y has not one label for each sample.

    Attributes
    ----------
    rows : ndarray of shape (n_taught,), int
        Rows of X; a row may be there several times, or not at all.
    y : ndarray of shape (n_taught,)
    weight : ndarray of shape (n_taught,) or None
        Factor on the sample weights, if not 1.
    note : str or None
        What the user has to know of it.
    """

    rows: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None = None
    note: str | None = None


@dataclass(frozen=True, eq=False)
class Target:
    """What y says, checked.

    Attributes
    ----------
    y : array of shape (n_samples,), or DataFrame
        In a form that the estimator takes, for rows to be taken from.
    strata : ndarray of shape (n_samples,), int
        What folds should hold alike.
    likelihood : Likelihood
        What the outcome of each sample may still be.
    factor : ndarray of shape (n_samples,) or float
        Factor on the sample weights in the loss; rows of 0 are left out of everything.
    attributes : dict
        Fitted attributes that y decides.
    taught : Taught or None
        What cross-fitted experts are fitted on; None for all rows and y.
    certain : ndarray of shape (n_samples,), int, or None
        Classes, -1 where y leaves them open; None where there are no classes.
    order : ndarray of shape (n_classes,), int, or None
        Positions of the classes from the lowest grade to the highest, if they have an order.
    decide : callable or None
        From probabilities (n_samples, n_classes) to positions of predicted classes.
    """

    y: object
    strata: np.ndarray
    likelihood: Likelihood
    factor: object = 1.0
    attributes: dict = field(default_factory=dict)
    taught: Taught | None = None
    certain: np.ndarray | None = None
    order: np.ndarray | None = None
    decide: Callable | None = None

    @property
    def counts(self):
        """Which rows have a say: (n_samples,), bool."""
        return np.broadcast_to(np.asarray(self.factor) > 0, np.shape(self.strata))
