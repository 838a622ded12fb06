"""Tests of paired differences over the splits of a task, and of ranks over tasks."""

from __future__ import annotations

import numpy as np
from scipy.stats import friedmanchisquare, studentized_range, t, wilcoxon


def corrected_t_test(differences, ratio):
    """Corrected resampled t-test of paired differences over the splits of a task.

    Training sets of several splits overlap, which makes the plain test too sure. The
    variance is ``(1 / n + ratio) * var`` instead of ``var / n`` (Nadeau and Bengio, 2003).

    Parameters
    ----------
    differences : ndarray of shape (n_splits,)
    ratio : float
        Rows tested on over rows fitted on.

    Returns
    -------
    float
        Two-sided p-value of a mean of 0; 1 if all differences are 0.
    """
    n = len(differences)
    spread = np.var(differences, ddof=1) * (1.0 / n + ratio)
    if spread == 0.0:
        return float(not differences.any())
    return float(2.0 * t.sf(abs(differences.mean()) / np.sqrt(spread), n - 1))


def signed_rank_test(differences):
    """Wilcoxon's signed-rank test over repeats; 1 if all differences are 0, NaN for one."""
    if len(differences) < 2:
        return np.nan
    return float(wilcoxon(differences).pvalue) if differences.any() else 1.0


def holm(p_values):
    """Holm's correction for several tests; NaN stays NaN and does not count."""
    p_values = np.asarray(p_values, dtype=float)
    order = np.argsort(p_values)[: int((~np.isnan(p_values)).sum())]
    steps = np.arange(len(order), 0, -1) * p_values[order]
    out = np.full(len(p_values), np.nan)
    out[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return out


def critical_difference(n_methods, n_tasks, level=0.05):
    """Difference of mean ranks from which two methods differ, by Nemenyi's test.

    Parameters
    ----------
    n_methods, n_tasks : int
    level : float

    Returns
    -------
    float
        ``q sqrt(k (k + 1) / (6 N))`` with q of the studentised range over the root of 2
        (Demsar, 2006, section 3.2.2).
    """
    quantile = studentized_range.ppf(1.0 - level, n_methods, np.inf) / np.sqrt(2.0)
    return float(quantile * np.sqrt(n_methods * (n_methods + 1) / (6.0 * n_tasks)))


def friedman(scores):
    """p-value of Friedman's test that all methods (columns) rank alike over tasks (rows)."""
    return float(friedmanchisquare(*np.asarray(scores).T).pvalue)
