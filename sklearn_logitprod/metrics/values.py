"""Scores of predicted distributions, quantiles and intervals of continuous values."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln, ndtr
from scipy.stats import t as student
from sklearn.metrics import mean_pinball_loss

from sklearn_logitprod._typing import Floats
from sklearn_logitprod.metrics._checks import check_rows
from sklearn_logitprod.targets.weights import check_weights

_LOG_2PI = float(np.log(2.0 * np.pi))


def sample_crps(values, mean, std, freedom=np.inf):
    """CRPS of each sample: see :func:`crps_gaussian`.

    Parameters
    ----------
    values, mean, std : ndarray of shape (n_samples,)
        Not checked.
    freedom : float
        Above 2; infinite for Gaussians.

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    if np.isfinite(freedom):
        return _sample_crps_student(values - mean, std, freedom)
    z = (values - mean) / std
    density = np.exp(-0.5 * (z**2 + _LOG_2PI))
    return std * (z * (2.0 * ndtr(z) - 1.0) + 2.0 * density - 1.0 / np.sqrt(np.pi))


def _sample_crps_student(off, std, freedom):
    """CRPS of Student's t distributions, by distance from the mean and standard deviation."""
    scale = std * np.sqrt((freedom - 2.0) / freedom)
    z = off / scale
    density = student.pdf(z, freedom) * (freedom + z**2) / (freedom - 1.0)
    spread = np.exp(betaln(0.5, freedom - 0.5) - 2.0 * betaln(0.5, 0.5 * freedom))
    spread *= np.sqrt(freedom) / (freedom - 1.0)
    return scale * (z * (2.0 * student.cdf(z, freedom) - 1.0) + 2.0 * (density - spread))


def crps_gaussian(
    y_true: ArrayLike,
    mean: ArrayLike,
    std: ArrayLike,
    *,
    freedom: float = np.inf,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Continuous ranked probability score of Gaussian, or Student's t, predictions.

    With F the predicted distribution function, and for a Gaussian with
    :math:`z = (y - \mu) / \sigma` [1]_, it is

    .. math::

       \int \bigl( F(x) - 1[x \ge y] \bigr)^2 \, dx
       = \sigma \Bigl( z \, (2 \Phi(z) - 1) + 2 \varphi(z) - 1 / \sqrt{\pi} \Bigr) .

    It is proper, as the log-loss is, but grows with the distance
    alone, not with its square: a single value that is far off counts for less. Of a prediction
    without any spread it is the absolute error. Of Student's t the form is that of [2]_.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Observed values.
    mean, std : array-like of shape (n_samples,)
        Mean and standard deviation of each prediction, as ``predict(X, return_std=True)`` gives
        them; the standard deviation is positive.
    freedom : float, default=inf
        Above 2: degrees of freedom of Student's t distributions of this mean and standard
        deviation, as ``freedom_`` of a regressor says; infinite for Gaussians.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative.

    Returns
    -------
    float
        Weighted mean over the samples, in the unit of y; 0 at best.

    Raises
    ------
    ValueError
        If lengths differ, a value is not finite, or a standard deviation is not positive.

    References
    ----------
    .. [1] Gneiting et al., "Calibrated probabilistic forecasting using ensemble model output
       statistics and minimum CRPS estimation", Monthly Weather Review 133, 2005, equation 5.
    .. [2] Jordan et al., "Evaluating probabilistic forecasts with scoringRules", Journal of
       Statistical Software 90, 2019, appendix A.2.

    Examples
    --------
    At the mean of a standard Gaussian it is :math:`(\sqrt{2} - 1) / \sqrt{\pi}`.

    >>> from sklearn_logitprod.metrics import crps_gaussian
    >>> round(crps_gaussian([3.0], [3.0], [1.0]), 4)
    0.2337
    """
    values, mean, std, weight = _gaussians(y_true, mean, std, sample_weight)
    losses = sample_crps(values, mean, std, _checked_freedom(freedom))
    return float(np.average(losses, weights=weight))


def _checked_freedom(freedom):
    if not freedom > 2.0:
        raise ValueError(
            f"freedom={freedom!r} is not above 2: below, Student's t has no standard deviation."
        )
    return freedom


def nll_gaussian(
    y_true: ArrayLike,
    mean: ArrayLike,
    std: ArrayLike,
    *,
    freedom: float = np.inf,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Negative log-likelihood of Gaussian, or Student's t, predictions.

    .. math:: \tfrac12 \bigl( (y - \mu) / \sigma \bigr)^2 + \log \sigma + \tfrac12 \log 2 \pi

    of a Gaussian: what a :class:`~sklearn_logitprod.LogitProdRegressor` is fitted by.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Observed values.
    mean, std : array-like of shape (n_samples,)
        Mean and standard deviation of each prediction; the standard deviation is positive.
    freedom : float, default=inf
        As in :func:`crps_gaussian`.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative.

    Returns
    -------
    float
        Weighted mean over the samples, in nats. It is that of a density: it may be negative,
        and depends on the unit of y.

    Raises
    ------
    ValueError
        If lengths differ, a value is not finite, or a standard deviation is not positive.

    Examples
    --------
    One standard deviation off: :math:`\tfrac12 + \tfrac12 \log 2 \pi`.

    >>> from sklearn_logitprod.metrics import nll_gaussian
    >>> round(nll_gaussian([1.0], [0.0], [1.0]), 4)
    1.4189
    """
    values, mean, std, weight = _gaussians(y_true, mean, std, sample_weight)
    if np.isfinite(_checked_freedom(freedom)):
        scale = std * np.sqrt((freedom - 2.0) / freedom)
        losses = -student.logpdf(values, freedom, mean, scale)
    else:
        losses = 0.5 * ((values - mean) / std) ** 2 + np.log(std) + 0.5 * _LOG_2PI
    return float(np.average(losses, weights=weight))


def pinball_loss(
    y_true: ArrayLike,
    predicted: ArrayLike,
    quantiles: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
) -> Floats:
    """Pinball loss of several predicted quantiles.

    ``max(q (y - f), (q - 1) (y - f))`` for the prediction f of the quantile q: what lies above
    it costs q, what lies below ``1 - q``, so that the true quantile is best [1]_. Each is
    scikit-learn's :func:`~sklearn.metrics.mean_pinball_loss`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Observed values.
    predicted : array-like of shape (n_samples, n_quantiles)
        Predicted quantiles, as ``predict_quantiles`` gives them.
    quantiles : array-like of shape (n_quantiles,)
        Their levels, in (0, 1), in the order of the columns.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative.

    Returns
    -------
    ndarray of shape (n_quantiles,), float64
        Weighted means over the samples, in the unit of y; 0 at best. Twice their mean over
        many evenly spaced levels is the CRPS.

    Raises
    ------
    ValueError
        If shapes do not fit together, a value is not finite, or a level lies outside (0, 1).

    References
    ----------
    .. [1] Koenker and Bassett, "Regression quantiles", Econometrica 46, 1978.

    Examples
    --------
    The value lies 2 above the median and 1 below the upper quantile.

    >>> from sklearn_logitprod.metrics import pinball_loss
    >>> pinball_loss([5.0], [[3.0, 6.0]], [0.5, 0.9]).round(3).tolist()
    [1.0, 0.1]
    """
    check_rows({"y_true": y_true, "predicted": predicted, "sample_weight": sample_weight})
    values = _finite("y_true", y_true)
    weight = check_weights(sample_weight, len(values))
    levels = np.atleast_1d(np.asarray(quantiles, dtype=np.float64))
    if levels.ndim != 1 or not ((levels > 0.0) & (levels < 1.0)).all():
        raise ValueError(
            f"quantiles={quantiles!r} are levels within (0, 1), such as [0.05, 0.5, 0.95]."
        )
    found = _finite("predicted", predicted, (len(values), len(levels)))
    pairs = zip(found.T, levels, strict=True)
    return np.array(
        [mean_pinball_loss(values, own, sample_weight=weight, alpha=q) for own, q in pairs]
    )


def interval_coverage(
    y_true: ArrayLike, interval: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Share of the values that lie in their predicted intervals.

    Ends count as inside. Calibrated intervals of a coverage of 0.9 hold nine values of ten;
    that alone is no merit, as intervals may be wide: :func:`interval_score` counts both.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Observed values.
    interval : array-like of shape (n_samples, 2)
        Lower and upper end, as ``predict_interval`` gives them.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError
        If shapes do not fit together, a value is NaN, or a lower end lies above its upper end.

    Examples
    --------
    >>> from sklearn_logitprod.metrics import interval_coverage
    >>> interval_coverage([1.0, 2.0, 9.0, 4.0], [[0, 2], [1, 3], [2, 4], [3, 5]])
    0.75
    """
    values, lower, upper, weight = _intervals(y_true, interval, sample_weight)
    return float(np.average((values >= lower) & (values <= upper), weights=weight))


def interval_score(
    y_true: ArrayLike,
    interval: ArrayLike,
    coverage: float = 0.9,
    *,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Interval score: the width of predicted intervals, and a fine for values outside.

    ``upper - lower``, and for a value outside ``2 / (1 - coverage)`` times its distance from
    the nearest end; best for the central interval of the true distribution [1]_.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Observed values.
    interval : array-like of shape (n_samples, 2)
        Lower and upper end, as ``predict_interval`` gives them.
    coverage : float, default=0.9
        That the intervals are meant to have, in (0, 1).
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative.

    Returns
    -------
    float
        Weighted mean over the samples, in the unit of y; smaller is better.

    Raises
    ------
    ValueError
        If shapes do not fit together, a value is NaN, a lower end lies above its upper end, or
        the coverage lies outside (0, 1).

    References
    ----------
    .. [1] Gneiting and Raftery, "Strictly proper scoring rules, prediction, and estimation",
       JASA 102, 2007, section 6.2.

    Examples
    --------
    Two wide each; the second value is 1 above, which costs ``2 / 0.1``.

    >>> from sklearn_logitprod.metrics import interval_score
    >>> round(interval_score([1.0, 4.0], [[0, 2], [1, 3]], coverage=0.9), 6)
    12.0
    """
    if not 0.0 < coverage < 1.0:
        raise ValueError(f"coverage={coverage!r} is not within (0, 1), such as 0.9.")
    values, lower, upper, weight = _intervals(y_true, interval, sample_weight)
    outside = np.maximum(lower - values, 0.0) + np.maximum(values - upper, 0.0)
    return float(np.average(upper - lower + 2.0 / (1.0 - coverage) * outside, weights=weight))


def _gaussians(y_true, mean, std, sample_weight):
    """Values, means, standard deviations and weights, checked."""
    check_rows({"y_true": y_true, "mean": mean, "std": std, "sample_weight": sample_weight})
    values = _finite("y_true", y_true)
    mean, std = (_finite(name, own, values.shape) for name, own in (("mean", mean), ("std", std)))
    if (std <= 0.0).any():
        row = int(np.argmax(std <= 0.0))
        raise ValueError(f"std is {std[row]:g} in row {row}; standard deviations are positive.")
    return values, mean, std, check_weights(sample_weight, len(values))


def _intervals(y_true, interval, sample_weight):
    """Values, lower and upper ends, and weights, checked."""
    check_rows({"y_true": y_true, "interval": interval, "sample_weight": sample_weight})
    values = _finite("y_true", y_true)
    # an end may be infinite
    lower, upper = _numbers("interval", interval, (len(values), 2), np.isnan).T
    if (lower > upper).any():
        row = int(np.argmax(lower > upper))
        raise ValueError(
            f"interval is from {lower[row]:g} to {upper[row]:g} in row {row}: its columns are the "
            "lower and the upper end."
        )
    return values, lower, upper, check_weights(sample_weight, len(values))


def _finite(name, values, shape=None):
    return _numbers(name, values, shape, lambda found: ~np.isfinite(found))


def _numbers(name, values, shape, refused):
    """Numbers as float64 of a shape, None for any of one axis."""
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} holds values that are no numbers ({error}).") from error
    if found.shape != (found.shape[:1] if shape is None else shape) or found.ndim == 0:
        expected = "(n_samples,)" if shape is None else shape
        raise ValueError(f"{name} has shape {found.shape}, expected {expected}.")
    if len(found) == 0:
        raise ValueError(f"{name} is empty: there is nothing to score.")
    bad = refused(found)
    if bad.any():
        row = int(np.argwhere(bad)[0][0])
        raise ValueError(f"{name} is {found[bad][0]} in row {row}; numbers are needed there.")
    return found
