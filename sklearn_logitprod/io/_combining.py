"""Rows of one patient: which they are, that they agree, and their outputs as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from sklearn_logitprod._text import option, plain
from sklearn_logitprod.fusion.events import log_events_from_hazard_logits
from sklearn_logitprod.fusion.logits import (
    log_proba_from_logits,
    log_proba_from_proba,
    log_softmax,
)
from sklearn_logitprod.targets.weights import check_length, missing_values

# so that the logarithm of 0 is finite, and far below the floor of all probabilities
_TINY = 1e-300
_SAME_TIME = 1e-6
# pairs of labels of which everybody calls the second one positive
_EVIDENT = ({"0", "1"}, {"false", "true"}, {"no", "yes"}, {"neg", "pos"}, {"negative", "positive"})
_POSITIVE = {"1", "true", "yes", "pos", "positive"}


@dataclass(frozen=True, eq=False)
class Patients:
    """Which rows are of which patient.

    Attributes
    ----------
    names : ndarray of shape (n_patients,)
        In the order in which they first appear.
    codes : ndarray of shape (n_rows,), int
        Position of each row's patient in `names`.
    first : ndarray of shape (n_patients,), int
        First row of each.
    """

    names: np.ndarray
    codes: np.ndarray
    first: np.ndarray

    @classmethod
    def of(cls, by, n_rows):
        """Patients of identifiers, one for each row."""
        values = np.asarray(by)
        check_length(values, n_rows, "by")
        if values.ndim != 1:
            raise ValueError(f"by has shape {values.shape}; one patient per row is needed.")
        missing = missing_values(values)
        if missing.any():
            raise ValueError(
                f"by is missing (NaN or None) in row {int(np.argmax(missing))}. Give every row a "
                "patient; a slide on its own is a patient of one."
            )
        codes = pd.factorize(values)[0]
        first = np.unique(codes, return_index=True)[1]
        return cls(values[first], codes, first)

    @cached_property
    def _runs(self):
        """Rows in the order of patients, and where each of these begins."""
        order = np.argsort(self.codes, kind="stable")
        return order, np.searchsorted(self.codes[order], np.arange(len(self.names)))

    def reduced(self, ufunc, values):
        """Rows of each patient as one, by a function such as ``np.add``."""
        order, starts = self._runs
        return ufunc.reduceat(values[order], starts, axis=0)

    def agreed(self, values, what, row_names, known=None):
        """What all rows of a patient say alike.

        Parameters
        ----------
        values : array of shape (n_rows,)
        what : str
            What it is, for the message.
        row_names : sequence of length n_rows
            What the rows are called.
        known : ndarray of shape (n_rows,), bool, optional
            Rows that say something; others agree with whatever is said.

        Returns
        -------
        array of shape (n_patients,)

        Raises
        ------
        ValueError
            If two rows of a patient differ.
        """
        values = np.asarray(values)
        for name in values.dtype.names or ():
            self.agreed(values[name], name, row_names)
        if values.dtype.names is not None:
            return values[self.first]
        first = self.first
        if known is not None:
            said = self.reduced(np.minimum, np.where(known, np.arange(len(values)), len(values)))
            first = np.where(said < len(values), said, first)
        if values.dtype.kind == "f":
            own = values[first][self.codes]
            same = np.isclose(values, own, rtol=_SAME_TIME, atol=0.0, equal_nan=True)
        else:
            codes = pd.factorize(values)[0]
            same = codes == codes[first][self.codes]
        if known is not None:
            same |= ~known
        if not same.all():
            row = int(np.argmin(same))
            patient = self.codes[row]
            other = int(first[patient])
            raise ValueError(
                f"patient {plain(self.names[patient])} has the {what} {plain(values[other])} in "
                f"row {plain(row_names[other])} and {plain(values[row])} in row "
                f"{plain(row_names[row])}, but a patient has one. Correct it; if it is said of "
                "slides, write what is true of the patient into all of its rows."
            )
        return values[first]


def positive_position(classes, positive, how):
    """Position of the class that a patient has as soon as a slide has it.

    Parameters
    ----------
    classes : list
    positive : object
        None where it has to be evident, as of 0 and 1, or of negative and positive.
    how : str

    Returns
    -------
    int
    """
    texts = [str(label) for label in classes]
    if positive is not None:
        if str(positive) not in texts:
            raise ValueError(
                f"{option('positive', positive)} is none of the classes {texts}: name one of them."
            )
        return texts.index(str(positive))
    lower = [text.lower().removesuffix(".0") for text in texts]
    if len(lower) == 2 and set(lower) in _EVIDENT:
        return next(k for k, text in enumerate(lower) if text in _POSITIVE)
    raise ValueError(
        f"{option('how', how)} asks which class a patient has as soon as one slide has it, and the "
        f"classes {texts} do not tell. Say {option('positive', texts[-1])}, or whichever it is."
    )


@dataclass(frozen=True)
class Kind:
    """How outputs with one meaning are combined; arrays are (n, n_experts, n_columns).

    Attributes
    ----------
    additive : callable
        From values to what may be averaged.
    back : callable
        From averages to values.
    score : callable
        From values and the position of the positive class to what ``"max"`` looks for:
        (n, n_experts).
    log_proba : callable or None
        Of classes: from values to floored log-probabilities.
    squares : callable or None
        Of Gaussians: from values and the means of their mixtures, in each row, to what is
        averaged to the variance of the mixture.
    """

    additive: Callable
    back: Callable
    score: Callable
    log_proba: Callable | None = None
    squares: Callable | None = None

    @property
    def of_classes(self):
        """Whether columns are classes."""
        return self.log_proba is not None


def _same(values):
    return values


def _log(values):
    return np.log(np.maximum(values, _TINY))


def _events(hazard_logits):
    return np.exp(log_events_from_hazard_logits(hazard_logits))


def _survival(events):
    """Probabilities to be alive after each interval, from those of the intervals and the tail."""
    return np.cumsum(events[..., :0:-1], axis=-1)[..., ::-1]


def _hazard_logits(events):
    return _log(events[..., :-1]) - _log(_survival(events))


def _squares_about(values, mean):
    """Mean square about a value of Gaussians with mean and standard deviation."""
    return values[..., 1:] ** 2 + (values[..., :1] - mean[..., :1]) ** 2


KINDS = {
    "proba": Kind(_same, _same, lambda v, k: v[..., k], log_proba_from_proba),
    "logits": Kind(
        lambda v: np.exp(log_softmax(v)),
        _log,
        lambda v, k: log_softmax(v)[..., k],
        log_proba_from_logits,
    ),
    "survival": Kind(_same, _same, lambda v, k: -v.sum(axis=-1)),
    "hazard_logits": Kind(
        _events, _hazard_logits, lambda v, k: -_survival(_events(v)).sum(axis=-1)
    ),
    "risk": Kind(_same, _same, lambda v, k: v[..., 0]),
    "mean": Kind(_same, _same, lambda v, k: v[..., 0]),
    "mean_std": Kind(_same, _same, lambda v, k: v[..., 0], squares=_squares_about),
}
"""What can be combined, by its `input`."""


def both_classes(values, input):
    """Outputs of several labels as those of two classes of each, and what these are.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_experts, n_labels), float64
        Probabilities or log-odds.
    input : {"label_proba", "label_logits"}

    Returns
    -------
    values : ndarray of shape (n_rows, n_experts * n_labels, 2), float64
    input : {"proba", "logits"}
    """
    flat, own = values.reshape(len(values), -1), input.removeprefix("label_")
    first = 1.0 - flat if own == "proba" else np.where(np.isnan(flat), np.nan, 0.0)
    return np.stack([first, flat], axis=-1), own


def second_class(values, input, shape):
    """Back from `both_classes`, to rows of a shape."""
    flat = values[..., 1] - values[..., 0] if input == "label_logits" else values[..., 1]
    return flat.reshape(len(values), *shape)


def combined(values, patients, kind, how, positive=None):
    """Outputs of patients.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_experts, n_columns), float64
        NaN in all columns where an expert is missing.
    patients : Patients
    kind : Kind
    how : {"mean", "logit-mean", "max", "noisy-or"}
    positive : int or None
        Position of the positive class, where `how` needs one.

    Returns
    -------
    ndarray of shape (n_patients, n_experts, n_columns)
        Where a patient has a single row with the expert, exactly that row; NaN where none.
    """
    present = ~np.isnan(values[..., 0])
    if how == "max":
        present = highest(kind.score(values, positive), patients)
    counts = patients.reduced(np.add, present.astype(np.intp))[..., None]

    def total(of_rows):
        return patients.reduced(np.add, np.where(present[..., None], of_rows, 0.0))

    with np.errstate(invalid="ignore"):
        additive = kind.additive(values)
        mean = total(additive) / counts
        if how == "logit-mean":
            mean = np.exp(log_softmax(total(kind.log_proba(values)) / counts))
        if how == "noisy-or":
            log_none = total(_log_other(additive, positive)[..., None])
            mean = _noisy_or(mean, log_none[..., 0], positive)
        if kind.squares is not None:
            # about the mean of each patient, as the squares of large values would cancel
            variance = total(kind.squares(values, mean[patients.codes])) / counts
            mean = np.concatenate([mean[..., :1], np.sqrt(variance)], axis=-1)
        return np.where(counts == 1, total(values), kind.back(mean))


def highest(scores, patients):
    """Which rows have the highest score of their patient: (n_rows, n_experts), bool.

    NaN is none of them; of equal ones all are, so that the order of rows does not matter.
    """
    best = patients.reduced(np.fmax, scores)
    return scores == best[patients.codes]


def _log_other(proba, positive):
    """Log of the probability of all classes but one."""
    others = np.delete(proba, positive, axis=-1).sum(axis=-1)
    with np.errstate(divide="ignore"):
        return np.log(np.maximum(others, 0.0))


def _noisy_or(mean, log_none, positive):
    """The positive class unless no row has it; the others share the rest as in the mean."""
    others = mean.copy()
    others[..., positive] = 0.0
    whole = others.sum(axis=-1, keepdims=True)
    shares = np.divide(others, whole, out=np.zeros_like(others), where=whole > 0)
    found = shares * np.exp(log_none)[..., None]
    found[..., positive] = -np.expm1(log_none)
    return np.where(np.isnan(mean), np.nan, found)
