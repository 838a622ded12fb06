"""A risk score as an event distribution: discrete-time proportional hazards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_logitprod.fusion.events import log_events_from_log_rates

WIDEST = 500.0
"""Largest tilt of log rates: a risk far from those of the fit must not overflow."""


@dataclass(frozen=True, eq=False)
class RiskModel:
    """Calibration of one expert's risk.

    The hazard of interval j is ``1 - exp(-exp(log_rate_j + slope * z))`` with ``z =
    (risk - centre) / scale``.

    Attributes
    ----------
    centre, scale : float
        Standardise the risk.
    slope : float
        At least 0; 0 for a risk that tells nothing, or the opposite.
    log_rates : ndarray of shape (n_times,), float64
        Log of the baseline's increment of the cumulative hazard in each interval.
    constant : bool
        Whether the risk did not vary on the fit data.
    """

    centre: float
    scale: float
    slope: float
    log_rates: np.ndarray
    constant: bool = False

    def standardised(self, risk):
        """Standardised risks, of the same shape; NaN stays NaN."""
        return (np.asarray(risk, dtype=np.float64) - self.centre) / self.scale

    def log_events(self, risk):
        """Log event distributions of risks.

        Parameters
        ----------
        risk : ndarray of shape (n_samples,)
            Higher is earlier; NaN where the expert is missing.

        Returns
        -------
        ndarray of shape (n_samples, n_times + 1), float64
        """
        # exp(500) is certain enough
        tilt = np.clip(self.slope * self.standardised(risk), -WIDEST, WIDEST)
        return log_events_from_log_rates(self.log_rates + tilt[:, None])
