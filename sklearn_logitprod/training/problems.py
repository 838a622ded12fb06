"""A batch of problems: heads of one layout, fitted on the same data side by side."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from sklearn_logitprod.training.data import FitData
from sklearn_logitprod.training.prior import make_head, make_layout


@dataclass(frozen=True, eq=False)
class Problems:
    """Heads of one layout that differ in sample weights, priors and temperature.

    Each pair of a set of sample weights (a *part*: all data, or a fold with weight 0 on
    the rows it holds out) and a specification is one problem, part by part.

    Attributes
    ----------
    data : FitData
    weights : ndarray of shape (n_parts, n_samples)
        Sample weights of each part, divided by its design effect.
    specs : list of HeadSpec
        With the same gate width, calibration, correction and diversity penalty or none.
    standardisers : list of Standardiser or None
        One per part, if the heads have a gate.
    correlations : list of ndarray of shape (n_experts, n_experts) or None
        Of the experts' losses, one per part, if there is a diversity penalty.
    """

    data: FitData
    weights: np.ndarray
    specs: list
    standardisers: list | None = None
    correlations: list | None = None

    def __len__(self):
        return len(self.weights) * len(self.specs)

    @cached_property
    def part(self):
        """Part of each problem."""
        # problems of one part lie side by side, so that a batch is cut into runs of parts
        return np.repeat(np.arange(len(self.weights)), len(self.specs))

    def spec(self, problem):
        """Specification of a problem."""
        return self.specs[problem % len(self.specs)]

    @cached_property
    def _layouts(self):
        # without a gate there are no standardisers, and no features are computed
        n_features = 0 if self.standardisers is None else len(self.standardisers[0].centre)
        data = self.data
        return [
            make_layout(spec, data.n_columns, data.n_experts, data.n_free, n_features)
            for spec in self.specs
        ]

    @property
    def layout(self):
        """Layout of the parameters, the same for all; its precision is the first spec's."""
        return self._layouts[0]

    @cached_property
    def precision(self):
        """Prior precision of each parameter of each problem: (n_problems, size)."""
        return np.tile([layout.precision for layout in self._layouts], (len(self.weights), 1))

    @cached_property
    def temperature(self):
        """Gate temperature of each problem."""
        return np.tile([spec.temperature for spec in self.specs], len(self.weights))

    @cached_property
    def n_effective(self):
        """Sum of the sample weights of each problem."""
        return self.weights.sum(axis=1)[self.part]

    def prior(self, theta, which):
        """Value and gradient of the prior at parameters (n, size) of problems."""
        offset = theta - self.layout.centre
        gradient = self.precision[which] * offset
        return 0.5 * np.einsum("bp,bp->b", gradient, offset), gradient

    def runs(self, which):
        """Sorted problems, part by part: pairs of a part and a slice of ``which``."""
        # problems of a part read the same features: one matrix product serves a run of them
        part = self.part[which]
        edges = np.flatnonzero(np.diff(part, prepend=-1, append=-1))
        return [(int(part[start]), slice(int(start), int(stop))) for start, stop in pairwise(edges)]

    def head(self, problem, theta):
        """Head of the parameters (size,) of a problem."""
        standardiser = None
        if self.standardisers is not None:
            standardiser = self.standardisers[self.part[problem]]
        return make_head(theta, self.layout, self.spec(problem), self.data.n_classes, standardiser)
