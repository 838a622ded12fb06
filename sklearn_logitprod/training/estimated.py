"""Fit data whose reading is itself estimated, anew without each fold."""

from __future__ import annotations

import numpy as np

from sklearn_logitprod.training.data import FitData


class EstimatedData(FitData):
    """Fit data read through something that was estimated on them.

    Risks become event distributions by a calibration that the outcomes of the fit data
    decide. A fold must not be read through its own outcomes: each set of sample weights
    gets data of its own.

    Parameters
    ----------
    data : FitData
        Read as the whole fit says.
    estimate : callable
        ``estimate(weight)`` gives a ``read`` of :class:`FitData`, estimated under sample
        weights (n_samples,); rows of weight 0 play no role.
    """

    read_anew = True

    def __init__(self, data, estimate):
        # the blocks are read and kept already
        vars(self).update(vars(data))
        self._estimate = estimate

    def parts(self, weights):
        """Data of each set of weights (n_parts, n_samples), read as these weights say."""
        shape = (self.n_samples, self.n_experts, self.n_classes)
        for weight in weights:
            read = self._estimate(weight)
            own = FitData(
                read, shape, self.likelihood, self.linear_pool, self.feature_set, self.groups
            )
            yield own, weight[None]

    def subset(self, rows):
        """Some of the rows, given as sorted indices; what is estimated is so on these."""

        def estimate(weight):
            # the estimate knows only weights of all rows: what is left out weighs nothing
            whole = np.zeros(self.n_samples)
            whole[rows] = weight
            read = self._estimate(whole)
            return lambda own: read(rows[own])

        return EstimatedData(super().subset(rows), estimate)
