"""What metrics cannot be of: each case is told by the name of its argument."""

import re

import numpy as np
import pandas as pd
import pytest

from sklearn_logitprod.metrics import (
    brier_score,
    concordance_index,
    concordance_index_ipcw,
    crps_gaussian,
    d_calibration,
    interval_coverage,
    net_benefit,
    net_benefit_survival,
    pinball_loss,
    ranked_probability_score,
    recalibration,
)

Y = np.array([1, 0, 0, 1, 0, 1, 1, 0])
P = np.array([0.8, 0.3, 0.2, 0.6, 0.4, 0.9, 0.5, 0.1])
TIME = np.arange(1.0, 9.0)
IDS = list("abcdefgh")
EVENTS = np.array(list(zip(Y.astype(bool), TIME, strict=True)), dtype=[("event", "?"), ("t", "f8")])


def changed(values, where, value):
    values = np.array(values, dtype=float)
    values[where] = value
    return values


def named(values, ids=IDS):
    return pd.Series(values, index=ids)


def frame(values):
    """A frame of values whose rows are in another order than those of `named`."""
    return pd.DataFrame(values, index=IDS)[::-1]


def table():
    return pd.DataFrame({"event": Y.astype(bool), "time": TIME}, index=IDS)


def of(y=Y, proba=P, **other):
    return recalibration(y, proba, **other)


def benefit(y=Y, proba=P, thresholds=(0.5,)):
    return net_benefit(y, proba, thresholds)


def survival(event=Y, time=TIME, proba=P, horizon=4.0, thresholds=(0.5,)):
    return net_benefit_survival(event, time, proba, horizon, thresholds)


BAD = {
    "recalibration": {
        "labels of 1 and 2": (
            lambda: of(y=Y + 1),
            "True or False. Compare labels with one of them, such as y == 2",
        ),
        "labels of text": (lambda: of(y=np.where(Y, "yes", "no")), "such as y == 'yes'"),
        "a label that is missing": (lambda: of(y=changed(Y, 2, np.nan)), "y holds nan"),
        "no y": (lambda: of(y=None), "y is a single value"),
        "no samples": (lambda: of(y=[], proba=[]), "y has shape (0,)"),
        "one column per class": (lambda: of(y=np.eye(2)[Y]), "y has shape (8, 2)"),
        "y and probabilities swapped": (lambda: of(y=P, proba=Y), "y holds 0.8"),
        "probabilities of both classes": (
            lambda: of(proba=np.c_[1 - P, P]),
            "proba has shape (8, 2); it is one value for each sample",
        ),
        "fewer probabilities": (lambda: of(proba=P[1:]), "proba has 7 entries, but y has 8"),
        "per cent": (lambda: of(proba=100 * P), "Divide percentages by 100"),
        "log-odds": (lambda: of(proba=np.log(P / (1 - P))), "log-odds x are probabilities"),
        "a probability that is missing": (
            lambda: of(proba=changed(P, 3, np.nan)),
            "proba is nan in row 3; it must be finite",
        ),
        "words for probabilities": (lambda: of(proba=["high"] * 8), "proba holds values that are"),
        "complex probabilities": (lambda: of(proba=P + 0j), "proba holds complex numbers"),
        "series in other orders": (
            lambda: of(named(Y), named(P[::-1], IDS[::-1])),
            "y and proba have the same labels of rows, but at other places: row 0 is 'a' in y",
        ),
        "negative weights": (lambda: of(sample_weight=-P), "sample_weight is negative"),
        "weights of 0": (lambda: of(sample_weight=0 * P), "sample_weight is zero on every row"),
        "fewer weights": (
            lambda: of(sample_weight=P[1:]),
            "sample_weight has 7 entries, but y has 8",
        ),
        "fewer groups": (lambda: of(groups=IDS[1:]), "groups has 7 entries, but y has 8 rows"),
        "a group that is missing": (
            lambda: of(groups=changed(Y, 0, np.nan)),
            "groups is missing (NaN or None) in row 0",
        ),
        "groups of several kinds": (
            lambda: of(groups=np.array(["a", 1, *IDS[2:]], dtype=object)),
            "groups holds names of several kinds",
        ),
        "a level in per cent": (lambda: of(level=95), "level=95: it lies in (0, 1)"),
        "a level of 1": (lambda: of(level=1), "level=1: it lies in (0, 1)"),
        "a level that is text": (lambda: of(level="95"), "level='95': it lies in (0, 1)"),
    },
    "net_benefit": {
        "labels of text": (lambda: benefit(y=np.where(Y, "yes", "no")), "y holds 'yes'"),
        "negative probabilities": (lambda: benefit(proba=-P), "proba is -0.8 in row 0"),
        "no samples": (lambda: benefit([], []), "y has shape (0,)"),
        "one threshold": (lambda: benefit(thresholds=0.5), "thresholds=0.5: they are a list"),
        "a threshold of 0": (lambda: benefit(thresholds=[0, 0.5]), "thresholds=[0, 0.5]: they"),
        "a threshold in per cent": (lambda: benefit(thresholds=[20]), "20 % is 0.2"),
        "no thresholds": (lambda: benefit(thresholds=[]), "thresholds=[]: they are a list"),
        "a threshold in words": (lambda: benefit(thresholds=["half"]), "thresholds=['half']: they"),
        "series in other orders": (
            lambda: benefit(named(Y), named(P[::-1], IDS[::-1])),
            "Pass proba.loc[y.index], or proba.to_numpy()",
        ),
    },
    "net_benefit_survival": {
        "event and time swapped": (
            lambda: survival(TIME, Y),
            "event holds 2.0: it says whether the event was observed, True or False. Are event and",
        ),
        "events in words": (lambda: survival(np.where(Y, "dead", "alive")), "event holds 'dead'"),
        "events and times in one": (
            lambda: survival(EVENTS),
            "event is a structured array with the fields ['event', 't']. Pass one of them",
        ),
        "fewer times": (lambda: survival(time=TIME[1:]), "time has 7 entries, but event has 8"),
        "a negative time": (lambda: survival(time=TIME - 5), "has a negative time in row 0"),
        "dates for times": (
            lambda: survival(time=pd.date_range("2020", periods=8)),
            "time holds dates or durations (datetime64[",
        ),
        "durations for times": (
            lambda: survival(time=pd.to_timedelta(TIME, "D")),
            "time / np.timedelta64(1, 'D')",
        ),
        "a horizon beyond the follow-up": (
            lambda: survival(horizon=40.0),
            "horizon=40 is not within the follow-up, which ends at 8",
        ),
        "a horizon of 0": (lambda: survival(horizon=0), "horizon=0 is not within"),
        "a horizon in words": (lambda: survival(horizon="5 years"), "horizon='5 years': it is one"),
        "several horizons": (lambda: survival(horizon=[4.0, 5.0]), "horizon=[4.0, 5.0]: it is one"),
        "horizon and thresholds swapped": (
            lambda: survival(horizon=[0.5], thresholds=4.0),
            "horizon=[0.5]: it is one time",
        ),
        "fewer probabilities": (lambda: survival(proba=P[1:]), "proba has 7 entries, but event"),
        "probabilities in another order": (
            lambda: survival(named(Y), named(TIME), named(P[::-1], IDS[::-1])),
            "event and proba have the same labels of rows, but at other places",
        ),
    },
    "concordance_index": {
        "risks in another order": (
            lambda: concordance_index(named(Y), named(TIME), named(P[::-1], IDS[::-1])),
            "event and risk have the same labels of rows, but at other places",
        ),
        "risks of two columns": (
            lambda: concordance_index(Y, TIME, np.c_[P, P]),
            "risk has shape (8, 2); it is one value for each sample",
        ),
    },
    "crps_gaussian and others of values": {
        "means in another order": (
            lambda: crps_gaussian(named(TIME), named(TIME[::-1], IDS[::-1]), np.ones(8)),
            "y_true and mean have the same labels of rows, but at other places",
        ),
        "words for values": (
            lambda: crps_gaussian(["high"] * 8, TIME, np.ones(8)),
            "y_true holds values that are no numbers",
        ),
        "one deviation for all": (
            lambda: crps_gaussian(TIME, TIME, 1.0),
            "std has shape (), expected (8,)",
        ),
        "quantiles in another order": (
            lambda: pinball_loss(named(TIME), frame(TIME[:, None]), [0.5]),
            "y_true and predicted have the same labels of rows",
        ),
        "intervals in another order": (
            lambda: interval_coverage(named(TIME), frame(np.c_[TIME, TIME])),
            "y_true and interval have the same labels of rows",
        ),
    },
    "ranked_probability_score": {
        "probabilities in another order": (
            lambda: ranked_probability_score(named(Y), frame(np.c_[1 - P, P])),
            "y_true and y_proba have the same labels of rows",
        ),
    },
    "brier_score, concordance_index_ipcw": {
        "curves in another order": (
            lambda: brier_score(EVENTS, table(), frame(P[:, None]), [4.0]),
            "survival_test and survival have the same labels of rows",
        ),
        "risks in another order": (
            lambda: concordance_index_ipcw(EVENTS, table(), named(P[::-1], IDS[::-1])),
            "survival_test and risk have the same labels of rows",
        ),
    },
    "d_calibration": {
        "a curve for each sample": (
            lambda: d_calibration(Y, TIME, np.c_[P, P]),
            "survival_at_time has shape (8, 2)",
        ),
        "half a bin": (
            lambda: d_calibration(Y, TIME, P, n_bins=2.5),
            "n_bins=2.5, but a whole number of two bins or more is needed",
        ),
        "a value that is missing": (
            lambda: d_calibration(Y, TIME, changed(P, 1, np.nan)),
            "survival_at_time is nan in row 1",
        ),
    },
}
CASES = [(part, name) for part, own in BAD.items() for name in own]


@pytest.mark.parametrize(("part", "name"), CASES)
def test_what_is_wrong_is_named(part, name):
    call, message = BAD[part][name]
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_rows_without_names_in_common_are_taken():
    expected = recalibration(Y, P)
    assert recalibration(named(Y), pd.Series(P)) == expected
    assert recalibration(named(Y), named(P)) == expected
    assert recalibration(Y[:, None], P) == expected
