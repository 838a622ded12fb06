"""What y says, checked."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sklearn_logitprod.fusion.likelihood import Likelihood


@dataclass(frozen=True, eq=False)
class Target:
    """What y says, checked.

    Attributes
    ----------
    y : array of shape (n_samples,)
        What cross-fitted experts are fitted on.
    strata : ndarray of shape (n_samples,), int
        What folds should hold alike.
    likelihood : Likelihood
        What the outcome of each sample may still be.
    factor : ndarray of shape (n_samples,) or float
        Positive factor on the sample weights in the loss.
    attributes : dict
        Fitted attributes that y decides.
    """

    y: object
    strata: np.ndarray
    likelihood: Likelihood
    factor: object = 1.0
    attributes: dict = field(default_factory=dict)
