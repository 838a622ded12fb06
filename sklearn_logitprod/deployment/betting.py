"""Lower confidence bounds of a mean by betting, for gains that are bounded below alone.

Someone who claims that the mean gain is at most m has to accept fair bets against it. With gains
``z_t >= -B``, ``X_t = z_t + B`` and ``mu = m + B``, the bet gamma in (0, 1) turns one unit into

    prod_t ((1 - gamma) + gamma X_t / mu),

which under that claim is a non-negative supermartingale: by Ville's inequality it ever exceeds
``1 / alpha`` with a probability of at most alpha. The same holds for a mixture over bets that is
fixed beforehand. What the mixture refutes at the confidence asked for lies below the bound. It is
valid whenever one looks, for any distribution, also where later gains depend on earlier ones,
and as the product does not know the order of its factors, nor does the bound.

After Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", Journal
of the Royal Statistical Society B 86(1), 2024. Bets that adapt to the gains seen so far, which that
article prefers, depend on the order; ``examples/benchmarks/bench_certificate.py`` compares. Gains
of log-probabilities seldom come near their least value: a large bet is mostly the best and has
most of the mixture; smaller ones serve large samples.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

_LARGEST, _SHARE, _N_SMALLER = 0.95, 0.8, 16
BETS = np.append(np.linspace(0.04, 0.96, _N_SMALLER) ** 2, _LARGEST)
"""The bets gamma of the mixture, (n_bets,)."""
SHARES = np.append(np.full(_N_SMALLER, (1.0 - _SHARE) / _N_SMALLER), _SHARE)
"""Their shares, summing to 1, (n_bets,)."""

# of nats: gains are clipped to their bound within this, beyond it the bound is wrong
_ROUNDING = 1e-6
_PRECISION = 1e-9
# factors are multiplied in eights before a logarithm is taken: none over- or underflows
_TOGETHER = 8
# of nats above the least gain: never refuted, and ratios to it are finite
_LEAST_MEAN = 1e-12
_BLOCK = 1 << 15


def lower_bound(gains, least_gain, level=0.95):
    """Lower confidence bound of the mean gain.

    Parameters
    ----------
    gains : ndarray of shape (n_samples,)
        In nats; finite. Their order does not matter.
    least_gain : float
        No gain can be smaller, whatever happens: known beforehand, not the smallest one seen.
    level : float
        Confidence, in (0, 1).

    Returns
    -------
    float
        In [least_gain, mean gain). Valid for a sample of any size, also if the size was chosen
        by looking at the gains; ``least_gain`` without gains.

    Raises
    ------
    ValueError
        If a gain is smaller than ``least_gain``, or not finite.
    """
    # sorted: the same to the last bit in whatever order they come
    found = _root(np.sort(_excess(gains, least_gain)), -np.log1p(-level), _LEAST_MEAN)
    return found + least_gain


def running_bound(gains, least_gain, level=0.95, n_known=0, known=None):
    """Largest of the lower bounds after each of the gains, in the order they came.

    Valid at any time: that any of the bounds is above the mean has a probability of at most
    ``1 - level``, so the largest so far holds.

    Parameters
    ----------
    gains : ndarray of shape (n_samples,)
        In nats; finite.
    least_gain : float
        As in :func:`lower_bound`.
    level : float
    n_known : int
        Number of leading gains whose bound is known.
    known : float, optional
        That bound: what this function returned for them.

    Returns
    -------
    float
    """
    excess = _excess(gains, least_gain)
    threshold = -np.log1p(-level)
    mean = _LEAST_MEAN if known is None else max(known - least_gain, _LEAST_MEAN)
    while n_known < len(excess):
        # the time that refutes the present bound best, and its own bound, until none is left
        capital, time = _highest(excess, n_known, mean)
        if capital <= threshold:
            break
        higher = _root(excess[:time], threshold, mean)
        if higher <= mean + _PRECISION:
            break
        mean = higher
    return mean + least_gain


def log_capital(gains, least_gain, mean):
    """Logarithm of what one unit has become by betting against a mean.

    Parameters
    ----------
    gains : ndarray of shape (n_samples,)
    least_gain, mean : float
        ``mean > least_gain``.

    Returns
    -------
    float
    """
    return _log_capital(_excess(gains, least_gain), mean - least_gain)


def _excess(gains, least_gain):
    """Gains above the least one there is."""
    gains = np.asarray(gains, dtype=np.float64)
    excess = gains - least_gain
    # NaN fails as well
    if not (excess >= -_ROUNDING).all() or np.isinf(excess).any():
        bad = gains[~(np.isfinite(excess) & (excess >= -_ROUNDING))][0]
        raise ValueError(f"A gain of {bad:g} nats is not within [{least_gain:g}, inf).")
    return np.maximum(excess, 0.0)


def _log_capital(excess, mean):
    return _mixed(_log_products(excess, mean))[()]


def _mixed(log_products):
    """Logarithm of the mixture over bets, which are on the first axis."""
    top = log_products.max(axis=0)
    return top + np.log(np.tensordot(SHARES, np.exp(log_products - top), 1))


def _log_products(excess, mean):
    """Logarithms of the products of all factors, (n_bets,)."""
    total, bets = np.zeros(len(BETS)), BETS[:, None]
    for start in range(0, len(excess), _BLOCK):
        ratio = excess[start : start + _BLOCK] / mean
        padded = np.ones(-(-len(ratio) // _TOGETHER) * _TOGETHER)
        padded[: len(ratio)] = ratio
        factors = padded * bets
        factors += 1.0 - bets
        products = factors.reshape(len(BETS), _TOGETHER, -1).prod(axis=1)
        total += np.log(products).sum(axis=1)
    return total


def _highest(excess, start, mean):
    """Highest capital after one of the rows from ``start`` on, and after how many it was."""
    carried, best = _log_products(excess[:start], mean), (-np.inf, start)
    for first in range(start, len(excess), _BLOCK):
        ratio = excess[first : first + _BLOCK] / mean
        path = np.log1p(BETS[:, None] * (ratio - 1.0))
        np.cumsum(path, axis=1, out=path)
        path += carried[:, None]
        carried = path[:, -1].copy()
        capital = _mixed(path)
        at = int(np.argmax(capital))
        best = max(best, (float(capital[at]), first + at + 1), key=lambda found: found[0])
    return best


def _root(excess, threshold, low):
    """Largest mean that the capital refutes; ``low`` if it refutes none above."""
    # by the inequality of the means no bet gains against the mean seen
    high = float(excess.mean()) if len(excess) else 0.0

    def over(mean):
        return _log_capital(excess, mean) - threshold

    if high <= low or over(low) <= 0.0:
        return low
    # on the safe side of the root
    return max(low, brentq(over, low, high, xtol=_PRECISION) - _PRECISION)
