"""What classifiers are asked, and what is made of their answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_logitprod._text import brief, option
from sklearn_logitprod.experts.naming import method_of, misses_rows
from sklearn_logitprod.outputs.checks import SUM_TOLERANCE
from sklearn_logitprod.outputs.classes import Outputs
from sklearn_logitprod.outputs.overview import leaked

METHODS = ("predict_log_proba", "predict_proba", "decision_function")
_WANTED = "Experts are classifiers that give probabilities or scores."


@dataclass(frozen=True)
class ClassReplies:
    """What classifiers are asked, and what is made of their answers.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
    missing_classes : {"raise", "floor", "mean"}
        What stands for a class that an expert does not know.
    """

    classes: np.ndarray
    missing_classes: str = "raise"

    methods = METHODS
    wanted = _WANTED
    shuffle = False

    @staticmethod
    def args(name):
        """What ``ask`` takes beside the expert of a name and X."""
        return ()

    @staticmethod
    def ask(expert, X):
        """Values of the best response an expert has, which that is, and its classes."""
        return _respond(expert, X)

    @staticmethod
    def strata(target):
        """What folds of cross-fitting should hold alike."""
        return target.y if target.taught is None else target.strata

    def collect(self, pairs, results, rows, n_samples):
        """Outputs of answers.

        Parameters
        ----------
        pairs : list of (str, estimator)
        results : list of list
            Answers of each expert, for each part of the rows.
        rows : list of slice or ndarray of int
            The parts.
        n_samples : int

        Returns
        -------
        Outputs
        """
        proba = np.empty((n_samples, len(pairs), len(self.classes)))
        for m, (name, expert) in enumerate(pairs):
            misses = misses_rows(expert)
            for number, own in enumerate(rows):
                where = name if len(rows) == 1 else f"{name}, fold {number + 1}"
                values, method, known = results[m][number]
                n_own = len(proba[own])
                proba[own, m] = align(
                    where, values, method, known, self.classes, self.missing_classes, n_own, misses
                )
        return as_outputs(fill_classes(proba), pairs)

    def suspects(self, outputs, codes):
        """Names of experts that look as if they had been trained on these rows.

        Rows whose class is open (-1) do not tell.
        """
        told = codes >= 0
        return leaked(outputs.names, outputs.values[told], codes[told])

    def suspected(self, outputs, target):
        """As of :meth:`suspects`, by what y says."""
        return self.suspects(outputs, target.certain)


def _respond(expert, X):
    """Values of the best response an expert has, which that is, and its classes."""
    method = method_of(expert, METHODS, _WANTED)
    with np.errstate(divide="ignore"):
        # the logarithm of a probability of 0 is what the floor is for
        values = np.asarray(getattr(expert, method)(X))
    return values, method, getattr(expert, "classes_", None)


def align(name, values, method, known, classes, missing_classes, n_samples, misses=False):
    """Probabilities of an expert's response in the order of ``classes``.

    Parameters
    ----------
    name : str
        For messages.
    values : ndarray
        Response of the expert.
    method : str
        The method that gave it.
    known : ndarray or None
        The expert's ``classes_``; None takes its columns as they are.
    classes : ndarray of shape (n_classes,)
    missing_classes : {"raise", "floor", "mean"}
    n_samples : int
        Number of rows the expert was given.
    misses : bool
        Whether it may lack samples, whose rows are then NaN.

    Returns
    -------
    ndarray of shape (n_samples, n_classes), float64
        A class that the expert does not know is 0 ("floor") or NaN ("mean"); a row that it
        lacks is NaN.
    """
    n_known = len(classes) if known is None else len(known)
    one_column = method == "decision_function" and values.ndim == 1
    if one_column:
        values = np.column_stack([np.zeros(len(values)), values])
    if values.ndim != 2 or values.shape[1] != n_known:
        raise ValueError(
            f"Expert {name!r}: {method} gave shape {values.shape}, expected (n_samples, "
            f"{n_known}), one column per class of {brief(classes if known is None else known)}."
        )
    if len(values) != n_samples:
        raise ValueError(
            f"Expert {name!r}: {method} gave {len(values)} rows for {n_samples} samples."
        )
    try:
        values = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Expert {name!r}: {method} gave values that are no numbers.") from error
    lacking = np.isnan(values[:, int(one_column) :]).all(axis=1) & misses
    values[lacking] = np.nan
    infinite = np.isposinf(values) if method == METHODS[0] else np.isinf(values)
    bad = infinite | (np.isnan(values) & ~lacking[:, None])
    if bad.any():
        row = int(np.argwhere(bad)[0][0])
        raise ValueError(
            f"Expert {name!r}: {method} gave {values[bad][0]} in row {row} of its input. Mend the "
            "expert; if it cannot judge some samples, let on_view leave them out, or pass "
            "precomputed outputs with NaN there."
        )
    if method == "decision_function":
        values = np.exp(values - values.max(axis=1, keepdims=True))
        values /= values.sum(axis=1, keepdims=True)
    elif method == "predict_log_proba":
        values = np.exp(values)
    total = values.sum(axis=1)
    off = ~lacking & ((np.abs(total - 1.0) > SUM_TOLERANCE) | (values < 0).any(axis=1))
    if off.any():
        row = int(np.argmax(off))
        raise ValueError(
            f"Expert {name!r}: {method} gave no probabilities in row {row} of its input: lowest "
            f"{values[row].min():.6g}, sum {total[row]:.6g} instead of 1. Mend the expert, or wrap "
            "it so that decision_function gives its scores."
        )
    if known is None:
        return values
    labels, wanted = np.asarray(known).tolist(), classes.tolist()
    unknown = [label for label in labels if label not in set(wanted)]
    if unknown:
        raise ValueError(
            f"Expert {name!r} knows classes {brief(unknown)} that y lacks: it was trained on "
            f"{brief(labels)}, y has {brief(wanted)}. If y merely lacks a class here, name all "
            "with `classes`."
        )
    absent = [label for label in wanted if label not in set(labels)]
    if absent and missing_classes == "raise":
        raise ValueError(
            f"Expert {name!r} does not know classes {brief(absent)} of y: it was trained on "
            f"{brief(labels)}. Leave out samples of these, or set "
            f"{option('missing_classes', 'floor')} to give them the floor probability, or 'mean' "
            "to give them what the other experts say."
        )
    out = np.full((len(values), len(wanted)), np.nan if missing_classes == "mean" else 0.0)
    out[:, [wanted.index(label) for label in labels]] = values
    out[lacking] = np.nan
    return out


def fill_classes(proba):
    """Replace classes that an expert does not know by the mean of those that do.

    The expert's own probabilities shrink to make room; a class that no expert knows
    gets 0, hence the floor.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_experts, n_classes)
        NaN where unknown; a whole row where the expert lacks the sample.

    Returns
    -------
    ndarray of the same shape, rows summing to 1, or NaN where they are so as a whole
    """
    nothing = np.isnan(proba)
    lacking = nothing.all(axis=-1, keepdims=True)
    unknown = nothing & ~lacking
    if not unknown.any():
        return proba
    count = (~nothing).sum(axis=1, keepdims=True)
    mean = np.where(nothing, 0.0, proba).sum(axis=1, keepdims=True) / np.maximum(count, 1)
    borrowed = np.where(unknown, mean, 0.0)
    own = np.where(unknown, 0.0, proba) * (1.0 - borrowed.sum(axis=-1, keepdims=True))
    return own + borrowed


def as_outputs(proba, pairs):
    """Aligned probabilities of experts as :class:`Outputs`."""
    names = [name for name, _ in pairs]
    return Outputs(proba, "proba", names, np.arange(proba.shape[2]))
