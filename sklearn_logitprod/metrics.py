"""Scores of survival predictions."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import check_consistent_length, column_or_1d

_TIE = 1e-8


def concordance_index(event, time, risk, sample_weight=None):
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
    event, time, risk, weight = _checked(event, time, risk, sample_weight)
    # latest first, and those censored before the events of the same time: what precedes the
    # events of a time is what they are comparable with
    order = np.lexsort((event, -time))
    event, time, risk, weight = event[order], time[order], risk[order], weight[order]
    group = np.concatenate([[True], (np.diff(time) != 0) | np.diff(event)])
    n_before = np.maximum.accumulate(np.where(group, np.arange(len(time)), 0))[event]
    own = weight[event]
    lower, upper = _weight_below(risk, weight, n_before, risk[event])
    total = np.concatenate([[0.0], np.cumsum(weight)])[n_before]
    comparable = own @ total
    if comparable == 0.0:
        raise ValueError(
            "No two samples are comparable: none is known to have outlived an event. Concordance "
            "needs an event with a longer follow-up beside it."
        )
    return float(own @ (0.5 * (lower + upper)) / comparable)


def _checked(event, time, risk, sample_weight):
    event, time, risk = (column_or_1d(np.asarray(values)) for values in (event, time, risk))
    weight = np.ones(len(event)) if sample_weight is None else np.asarray(sample_weight, float)
    check_consistent_length(event, time, risk, weight)
    if event.dtype != bool:
        if not np.isin(event, (0, 1)).all():
            raise ValueError(
                f"event holds {event[~np.isin(event, (0, 1))][0]!r}: it says whether the event was "
                "observed, True or False. Are event and time swapped?"
            )
        event = event.astype(bool)
    values = {"time": time.astype(float), "risk": risk.astype(float), "sample_weight": weight}
    for name, own in values.items():
        if not np.isfinite(own).all():
            row = int(np.argmin(np.isfinite(own)))
            raise ValueError(f"{name} is {own[row]} in row {row}; it must be finite.")
    if (weight < 0.0).any():
        raise ValueError("sample_weight is negative; use 0 to leave a sample out.")
    return event, values["time"], values["risk"], weight


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
