"""Calibration of predicted survival over all times at once."""

from __future__ import annotations

from numbers import Integral
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2

from sklearn_logitprod.metrics._checks import checked


class DCalibration(NamedTuple):
    """Result of :func:`d_calibration`.

    Parameters
    ----------
    statistic : float
        Of the chi-squared test.
    pvalue : float
        Small if the curves are not calibrated.
    proportions : ndarray of shape (n_bins,), float64
        Share of the samples in each bin; all alike if calibrated.
    """

    statistic: float
    pvalue: float
    proportions: np.ndarray


def d_calibration(
    event: ArrayLike, time: ArrayLike, survival_at_time: ArrayLike, n_bins: int = 10
) -> DCalibration:
    """Whether survival at the observed times is spread evenly over [0, 1].

    If predicted curves are right, survival at the time of the event is uniform. A
    censored sample, whose survival at its event is somewhere below that at censoring, is
    spread evenly over what lies below [1]_. The test is chi-squared with ``n_bins - 1``
    degrees of freedom.

    Parameters
    ----------
    event : array-like of shape (n_samples,), bool
        Whether the event was observed.
    time : array-like of shape (n_samples,), float
        Time of the event or of censoring.
    survival_at_time : array-like of shape (n_samples,), float
        Predicted survival of each sample at its own time.
    n_bins : int, default=10
        Number of bins of equal width.

    Returns
    -------
    statistic : float
    pvalue : float
        Small where the predictions are badly calibrated.
    proportions : ndarray of shape (n_bins,), float64
        Share of the samples in each bin, lowest survival first; 1 / n_bins at best.

    Raises
    ------
    ValueError
        If lengths differ, values are NaN, or survival leaves [0, 1].

    References
    ----------
    .. [1] Haider et al., "Effective ways to build and evaluate individual survival
       distributions", JMLR 21, 2020, section 3.5.

    Examples
    --------
    A sample that is censored at survival 0.5 lies in the lower half.

    >>> from sklearn_logitprod.metrics import d_calibration
    >>> d_calibration([False, True], [1.0, 2.0], [0.5, 0.9], n_bins=4).proportions.tolist()
    [0.25, 0.25, 0.0, 0.5]
    """
    observed, _, survival, _ = checked(
        event, time, survival_at_time, None, risk_name="survival_at_time"
    )
    if not isinstance(n_bins, Integral) or n_bins < 2:
        raise ValueError(f"n_bins={n_bins!r}, but a whole number of two bins or more is needed.")
    if survival.min() < 0.0 or survival.max() > 1.0:
        row = int(np.argmax((survival < 0.0) | (survival > 1.0)))
        raise ValueError(
            f"survival_at_time is {survival[row]:.6g} in row {row}; probabilities lie in [0, 1]."
        )
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    bins = np.minimum(np.searchsorted(edges, survival, "right") - 1, n_bins - 1)
    counts = np.bincount(bins[observed | (survival == 0.0)], minlength=n_bins).astype(float)
    spread = survival[~observed & (survival > 0.0)][:, None]
    below = np.clip(spread - edges[:-1], 0.0, 1.0 / n_bins)
    counts += (below / spread).sum(axis=0)
    expected = len(observed) / n_bins
    statistic = float(((counts - expected) ** 2 / expected).sum())
    return DCalibration(statistic, float(chi2.sf(statistic, n_bins - 1)), counts / len(observed))
