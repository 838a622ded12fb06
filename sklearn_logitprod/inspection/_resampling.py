"""How sure a difference is: the bootstrap by group, and corrections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import wilcoxon

from sklearn_logitprod._text import option
from sklearn_logitprod.targets.folds import check_whole

_BLOCK = 1 << 22
# of squares, what differences of rounded numbers leave where there is nothing
_NO_SPREAD = 1e-12


@dataclass(frozen=True, eq=False)
class Resampled:
    """What the bootstrap says of several sums.

    Attributes
    ----------
    error : ndarray of shape (n_columns,)
        Standard error of each sum; NaN for fewer than two groups.
    half_width : ndarray of shape (n_columns,)
        Half of the interval around each sum.
    p_value : ndarray of shape (n_columns,)
        Two-sided, that the sum were 0.
    changes : ndarray of shape (n_resamples, n_columns)
        Of the resamples, each change over its own standard error, without its sign.
    """

    error: np.ndarray
    half_width: np.ndarray
    p_value: np.ndarray
    changes: np.ndarray


def check_resamples(n_resamples):
    """Refuse a number of resamples that is none."""
    check_whole("n_resamples", n_resamples)
    if n_resamples < 1:
        raise ValueError(
            f"{option('n_resamples', n_resamples)} is too few: 1 at least is needed, better 2000."
        )


def bootstrap(contributions, sums, groups=None, n_resamples=2000, seed=0, level=0.95):
    """Studentised bootstrap of sums over samples, resampled by group.

    Groups are drawn with replacement, each with all of its samples. In every resample the
    change of the sum is divided by its own standard error; the quantile of the absolute
    value gives interval and p-value (the symmetric bootstrap-t [1]_, which keeps its
    level on small and skewed samples better than percentiles do).

    Parameters
    ----------
    contributions : ndarray of shape (n_samples, n_columns), float64
        What each sample adds to the sum beyond its average share; columns sum to 0.
    sums : ndarray of shape (n_columns,)
        The values themselves, of which the p-value asks whether they were 0.
    groups : ndarray of shape (n_samples,), int, or None
        Groups of dependent samples, numbered from 0. None: each sample on its own.
    n_resamples : int, default=2000
    seed : int, default=0
    level : float, default=0.95
        Of the intervals.

    Returns
    -------
    Resampled

    References
    ----------
    .. [1] Hall, "On symmetric bootstrap confidence intervals", J. R. Stat. Soc. B 50, 1988.
    """
    if groups is not None:
        count = groups.max() + 1
        totals = np.zeros((count, contributions.shape[1]))
        np.add.at(totals, groups, contributions)
        contributions = totals
    n_groups = len(contributions)
    if n_groups < 2:
        nothing = np.full(len(sums), np.nan)
        return Resampled(nothing, nothing, nothing, np.empty((0, len(sums))))
    scale = n_groups / (n_groups - 1.0)
    error = np.sqrt(scale * (contributions**2).sum(axis=0))
    rng = np.random.default_rng(seed)
    changes = []
    step = max(1, _BLOCK // n_groups)
    for start in range(0, n_resamples, step):
        size = min(step, n_resamples - start)
        drawn = rng.integers(n_groups, size=(size, n_groups))
        drawn += np.arange(size)[:, None] * n_groups
        counts = np.bincount(drawn.ravel(), minlength=size * n_groups).reshape(size, n_groups)
        counts = counts.astype(np.float64)
        change = counts @ contributions
        squares = counts @ contributions**2
        own = scale * (squares - change**2 / n_groups)
        own[own <= _NO_SPREAD * squares] = 0.0
        # a resample without any spread tells nothing against chance
        changes.append(
            np.divide(np.abs(change), np.sqrt(own), np.full_like(own, np.inf), where=own > 0)
        )
    changes = np.concatenate(changes)
    return Resampled(error, *_studentised(changes, sums, error, level), changes)


@dataclass(frozen=True)
class ToBest:
    """The difference of one method to the best of some others.

    Attributes
    ----------
    position : int
        Of the best of the others.
    difference, low, high : float
        With the ends of the interval.
    p_value : float
        Two-sided, that there were no difference.
    """

    position: int
    difference: float
    low: float
    high: float
    p_value: float


def to_best(found, sums, columns, higher_is_better, level=0.95):
    """How a method differs from the best of several others, whichever that is.

    The others that look best on these samples are in part the lucky ones. A method is better than
    the best of them if it is better than each, so the test of that is the weakest of those against
    each, and no correction is needed [1]_. It is worse if it is worse than any: those tests are
    corrected by the largest of all t in each resample [2]_. Together they are the multiple
    comparisons with the best [3]_.

    Parameters
    ----------
    found : Resampled
    sums : ndarray of shape (n_columns,)
        As they were resampled: among them the values of the method less those of each other.
    columns : ndarray of int
        Which columns these differences are; those that are NaN do not count, one at least is not.
    higher_is_better : bool
    level : float, default=0.95

    Returns
    -------
    ToBest

    References
    ----------
    .. [1] Berger, "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24,
       1982.
    .. [2] Westfall and Young, "Resampling-based multiple testing", Wiley, 1993.
    .. [3] Hsu, "Multiple comparisons: theory and methods", Chapman and Hall, 1996.
    """
    known = ~np.isnan(sums[columns])
    own, positions = np.asarray(columns)[known], np.flatnonzero(known)
    sign = 1.0 if higher_is_better else -1.0
    gains = sign * sums[own]
    best = int(np.argmin(gains))
    if not len(found.changes):
        return ToBest(int(positions[best]), float(sign * gains[best]), np.nan, np.nan, np.nan)
    error, changes = found.error[own], found.changes[:, own]
    # what has no spread is sure by itself
    spread = error > 0
    largest = changes[:, spread].max(axis=1, initial=0.0)[:, None]
    jointly = np.where(spread, largest, changes)
    joint_width, joint_p = _studentised(jointly, gains, error, level)
    low = (gains - found.half_width[own]).min()
    high = (gains + joint_width).min()
    worse = gains < 0.0
    p_value = joint_p[worse].min() if worse.any() else found.p_value[own].max()
    ends = sorted((sign * low, sign * high))
    return ToBest(int(positions[best]), float(sign * gains[best]), *map(float, (*ends, p_value)))


def _studentised(changes, sums, error, level):
    """Half widths and p-values from the absolute t of the resamples."""
    n_resamples = len(changes)
    # the smallest quantile that keeps the level for a finite number of resamples
    position = min(int(np.ceil(level * (n_resamples + 1))), n_resamples) - 1
    quantile = np.sort(changes, axis=0)[position]
    half_width = np.multiply(quantile, error, np.zeros_like(error), where=error > 0)
    # a difference that is the same for all samples has no spread
    spread = error > 1e-12 * np.abs(sums)
    t = np.divide(np.abs(sums), error, np.zeros_like(error), where=spread)
    exceeded = (changes >= t * (1.0 - 1e-12)).sum(axis=0)
    p_value = (1.0 + np.where(spread | (sums == 0), exceeded, 0)) / (n_resamples + 1.0)
    unknown = np.isnan(sums) | np.isnan(error)
    half_width[unknown], p_value[unknown] = np.nan, np.nan
    return half_width, p_value


def holm(p_values):
    """Holm's correction for several comparisons [1]_.

    Parameters
    ----------
    p_values : ndarray of shape (n_tests,)
        NaN where there was no test; these do not count.

    Returns
    -------
    ndarray of shape (n_tests,)

    References
    ----------
    .. [1] Holm, "A simple sequentially rejective multiple test procedure", Scand. J.
       Stat. 6, 1979.
    """
    corrected = np.full(len(p_values), np.nan)
    tested = np.flatnonzero(~np.isnan(p_values))
    order = tested[np.argsort(p_values[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(factors * p_values[order]), 1.0)
    return corrected


def signed_rank(differences):
    """Wilcoxon's signed-rank test that differences are symmetric around 0.

    Parameters
    ----------
    differences : ndarray of shape (n_repeats,)

    Returns
    -------
    float
        Two-sided p-value; 1 if all are 0, NaN for fewer than two or where any is NaN.
    """
    if len(differences) < 2 or np.isnan(differences).any():
        return np.nan
    if not differences.any():
        return 1.0
    return float(wilcoxon(differences).pvalue)
