"""Net benefit of acting on predicted probabilities: decision curves."""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike

from sklearn_logitprod._typing import Floats
from sklearn_logitprod.metrics._checks import check_rows, checked_outcomes, survival_pair
from sklearn_logitprod.metrics.kaplan_meier import kaplan_meier


def net_benefit(y: ArrayLike, proba: ArrayLike, thresholds: ArrayLike) -> Floats:
    """Net benefit of treating those whose probability reaches a threshold [1]_.

    The share of true positives, less that of false positives times ``t / (1 - t)``: who treats from
    a probability t on holds that many true positives for worth one false one. To treat nobody has
    0; to treat all is ``net_benefit(y, ones, thresholds)``.

    Parameters
    ----------
    y : array-like of shape (n_samples,), bool
        Whether it happened.
    proba : array-like of shape (n_samples,), float
        Predicted probabilities that it happens.
    thresholds : array-like of shape (n_thresholds,), float
        Above 0 and below 1.

    Returns
    -------
    ndarray of shape (n_thresholds,), float64
        In true positives for each sample.

    Raises
    ------
    ValueError
        If lengths differ, y is not boolean, or probabilities or thresholds leave their range.

    References
    ----------
    .. [1] Vickers and Elkin, "Decision curve analysis: a novel method for evaluating prediction
       models", Medical Decision Making 26, 2006.

    Examples
    --------
    From 0.5 on two of four are treated, of whom one has it.

    >>> from sklearn_logitprod.metrics import net_benefit
    >>> y, proba = [True, False, False, False], [0.9, 0.6, 0.3, 0.2]
    >>> net_benefit(y, proba, [0.25, 0.5]).round(4).tolist()
    [0.0833, 0.0]
    """
    return sample_net_benefit(y, proba, thresholds).mean(axis=0)


def sample_net_benefit(y, proba, thresholds):
    """What each sample adds: (n_samples, n_thresholds); :func:`net_benefit` is the mean."""
    happened, proba, _ = checked_outcomes(y, proba, None)
    odds, treated = _treated(proba, thresholds)
    return treated * np.where(happened[:, None], 1.0, -odds)


def net_benefit_survival(
    event: ArrayLike,
    time: ArrayLike,
    proba: ArrayLike,
    horizon: float,
    thresholds: ArrayLike,
) -> Floats:
    """Net benefit of treating those whose probability of an event by a time reaches a threshold.

    How many of those treated have the event by then is told by Kaplan-Meier among them, so that
    samples whose follow-up ends earlier count for as long as they were followed [1]_.

    Parameters
    ----------
    event : array-like of shape (n_samples,), bool
        Whether the event was observed.
    time : array-like of shape (n_samples,), float
        Time of the event or of censoring.
    proba : array-like of shape (n_samples,), float
        Predicted probabilities of an event by the horizon.
    horizon : float
        In the unit of `time`, within the follow-up.
    thresholds : array-like of shape (n_thresholds,), float
        Above 0 and below 1.

    Returns
    -------
    ndarray of shape (n_thresholds,), float64
        In true positives for each sample; NaN where nobody who is treated is followed so long.

    Raises
    ------
    ValueError
        If lengths differ, or probabilities, thresholds or horizon leave their range.

    References
    ----------
    .. [1] Vickers et al., "Extensions to decision curve analysis, a novel method for evaluating
       diagnostic tests, prediction models and molecular markers", BMC Medical Informatics and
       Decision Making 8, 2008.

    Examples
    --------
    >>> from sklearn_logitprod.metrics import net_benefit_survival
    >>> event, time = [True, False, True, False], [1.0, 2.0, 3.0, 4.0]
    >>> net_benefit_survival(event, time, [0.9, 0.8, 0.3, 0.1], 2.0, [0.5]).tolist()
    [0.0]
    """
    check_rows({"event": event, "time": time, "proba": proba})
    observed, until = survival_pair((event, time), "(event, time)")
    _, said, _ = checked_outcomes(observed, proba, None, name="event")
    if not isinstance(horizon, Real) or isinstance(horizon, bool):
        raise ValueError(f"horizon={horizon!r}: it is one time, a number in the unit of time.")
    if not 0.0 < horizon <= until.max():
        raise ValueError(
            f"horizon={horizon:.6g} is not within the follow-up, which ends at {until.max():.6g}."
        )
    odds, treated = _treated(said, thresholds)
    found = np.zeros(len(odds))
    for i, own in enumerate(treated.T):
        if own.any():
            alive = kaplan_meier(observed[own], until[own], [horizon])[0]
            followed = until[own].max() >= horizon or alive == 0.0
            benefit = own.mean() * ((1.0 - alive) - alive * odds[i])
            found[i] = benefit if followed else np.nan
    return found


def _treated(proba, thresholds):
    """Odds of thresholds, and who reaches each: (n_samples, n_thresholds), bool."""
    try:
        values = np.asarray(thresholds, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.array(np.nan)
    if values.ndim != 1 or not len(values) or not ((values > 0.0) & (values < 1.0)).all():
        raise ValueError(
            f"thresholds={thresholds!r}: they are a list of numbers above 0 and below 1, such as "
            "[0.1, 0.2]; 20 % is 0.2."
        )
    return values / (1.0 - values), proba[:, None] >= values
