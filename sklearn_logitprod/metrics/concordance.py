"""Concordance: how well risks order samples by time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sklearn_logitprod.metrics._checks import check_rows, checked, survival_pair
from sklearn_logitprod.metrics.kaplan_meier import not_censored

_TIE = 1e-8


def concordance_index(
    event: ArrayLike, time: ArrayLike, risk: ArrayLike, sample_weight: ArrayLike | None = None
) -> float:
    """Concordance of risks with observed events (Harrell's C).

    Two samples are comparable if the one with the shorter time had its event then; at
    equal times, an event is comparable with a censored sample, which outlived it. The
    index is the share of comparable pairs in which the shorter time has the higher
    risk, ties in risk counted half [1]_.

    Parameters
    ----------
    event : array-like of shape (n_samples,), bool
        Whether the event was observed.
    time : array-like of shape (n_samples,), float
        Time of the event or of censoring.
    risk : array-like of shape (n_samples,), float
        Higher is earlier; risks closer than 1e-8 are tied.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative; a pair counts with the product of its weights.

    Returns
    -------
    float
        In [0, 1]; 0.5 for risks that tell nothing.

    Raises
    ------
    ValueError
        If lengths differ, values are NaN, events are not boolean, or no pair is
        comparable.

    Notes
    -----
    Takes time of order ``n log(n)^2`` and memory of order n.

    References
    ----------
    .. [1] Harrell et al., "Evaluating the yield of medical tests", JAMA 247, 1982.

    Examples
    --------
    Of three comparable pairs, (0, 1), (0, 2) and (1, 2), the risks order two rightly.

    >>> from sklearn_logitprod.metrics import concordance_index
    >>> round(concordance_index([True, True, False], [1, 2, 3], [0.9, 0.2, 0.5]), 3)
    0.667
    """
    event, time, risk, weight = checked(event, time, risk, sample_weight)
    return _concordance(event, time, risk, weight, weight)


def concordance_index_ipcw(
    survival_train: ArrayLike, survival_test: ArrayLike, risk: ArrayLike, tau: float | None = None
) -> float:
    """Concordance weighted by the inverse probability of censoring (Uno's C).

    Harrell's C depends on how samples were censored; this index does not, as long as
    censoring is independent of the event. Each comparable pair counts with ``1 / G(t)^2``
    of the shorter time t, where G is the probability not to be censored until t, by
    Kaplan-Meier on the training data [1]_.

    Parameters
    ----------
    survival_train, survival_test : structured array, DataFrame or pair of array-like
        Events and times: two fields, the columns ``event`` and ``time``, or
        ``(event, time)``. Censoring is estimated on the first.
    risk : array-like of shape (n_test,), float
        Higher is earlier; risks closer than 1e-8 are tied.
    tau : float, default=None
        Only pairs of which the shorter time is below it count. None: all.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError
        If lengths differ, values are NaN, no pair is comparable, or an event of the
        test data lies where all training samples are censored already.

    References
    ----------
    .. [1] Uno et al., "On the C-statistics for evaluating overall adequacy of risk
       prediction procedures with censored survival data", Stat. Med. 30, 2011.

    Examples
    --------
    Without censoring it is Harrell's C.

    >>> from sklearn_logitprod.metrics import concordance_index_ipcw
    >>> y = [True, True, True], [1.0, 2.0, 3.0]
    >>> round(concordance_index_ipcw(y, y, [0.9, 0.2, 0.5]), 3)
    0.667
    """
    train_event, train_time = survival_pair(survival_train, "survival_train")
    check_rows({"survival_test": survival_test, "risk": risk})
    event, time = survival_pair(survival_test, "survival_test")
    event, time, risk, _ = checked(event, time, risk, None)
    counts = event if tau is None else event & (time < tau)
    weight = np.zeros(len(time))
    weight[counts] = 1.0 / not_censored(train_event, train_time, time[counts]) ** 2
    return _concordance(event, time, risk, weight, np.ones(len(time)))


def _concordance(event, time, risk, event_weight, weight):
    """Concordance where a pair counts with the weight of its event and of the other."""
    # latest first, and those censored before the events of the same time: what precedes the
    # events of a time is what they are comparable with
    order = np.lexsort((event, -time))
    event, time, risk = event[order], time[order], risk[order]
    group = np.concatenate([[True], (np.diff(time) != 0) | np.diff(event)])
    n_before = np.maximum.accumulate(np.where(group, np.arange(len(time)), 0))[event]
    own, weight = event_weight[order][event], weight[order]
    lower, upper = _weight_below(risk, weight, n_before, risk[event])
    total = np.concatenate([[0.0], np.cumsum(weight)])[n_before]
    comparable = own @ total
    if comparable == 0.0:
        raise ValueError(
            "No two samples are comparable: none is known to have outlived an event. Concordance "
            "needs an event with a longer follow-up beside it."
        )
    return float(own @ (0.5 * (lower + upper)) / comparable)


def _weight_below(risk, weight, n_before, own):
    """Weight of smaller and of smaller or tied risks among the first ``n_before`` samples.

    A prefix is a sum of blocks of powers of two, one for each bit of its length; at each
    level all blocks are sorted at once, and all prefixes look into theirs at once.
    """
    n = len(risk)
    rank = np.empty(n, dtype=np.int64)
    by_risk = np.argsort(risk, kind="stable")
    rank[by_risk] = np.arange(n)
    bounds = [
        np.searchsorted(risk[by_risk], own - _TIE, side="left"),
        np.searchsorted(risk[by_risk], own + _TIE, side="right"),
    ]
    sums = [np.zeros(len(own)), np.zeros(len(own))]
    for level in range(int(n).bit_length()):
        size = 1 << level
        block = np.arange(n) // size
        key = block * (n + 1) + rank
        order = np.argsort(key)
        key, running = key[order], np.concatenate([[0.0], np.cumsum(weight[order])])
        taken = (n_before & size) > 0
        start = (n_before[taken] >> (level + 1)) << (level + 1)
        for total, bound in zip(sums, bounds, strict=True):
            end = np.searchsorted(key, (start // size) * (n + 1) + bound[taken])
            total[taken] += running[end] - running[start]
    return sums
