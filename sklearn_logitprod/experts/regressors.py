"""What regressors are asked, and what is made of their answers."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import signature

import numpy as np
from sklearn.pipeline import Pipeline

from sklearn_logitprod.experts.naming import LacksMethod, method_of, misses_rows
from sklearn_logitprod.outputs.values import ValueOutputs

METHODS = ("predict",)
_WANTED = "Experts are regressors that predict a value."

# of the error variance of the best other expert: far below what chance or skill explain
_NEXT_TO_NOTHING = 0.02


@dataclass(frozen=True)
class ValueReplies:
    """Predicted values, with a standard deviation where an expert gives one."""

    methods = METHODS
    wanted = _WANTED
    shuffle = True

    @staticmethod
    def args(name):
        """What ``ask`` takes beside the expert of a name and X."""
        return ()

    @staticmethod
    def ask(expert, X):
        """Means and, of an expert whose ``predict`` takes ``return_std``, deviations, or None."""
        method_of(expert, METHODS, _WANTED)
        if hasattr(expert, "classes_"):
            raise LacksMethod(
                f"({type(expert).__name__}) is a classifier, whose labels are no values. {_WANTED}"
            )
        if not gives_std(expert):
            return np.asarray(expert.predict(X)), None
        mean, deviation = expert.predict(X, return_std=True)
        return np.asarray(mean), np.asarray(deviation)

    @staticmethod
    def strata(target):
        """What folds of cross-fitting should hold alike: nothing, as in scikit-learn."""
        return np.zeros(len(target.y), dtype=int)

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
        ValueOutputs
        """
        names = [name for name, _ in pairs]
        # what an expert without deviations would have there is not looked at
        values = np.ones((n_samples, len(pairs), 2))
        bare = {m for m, answers in enumerate(results) if any(std is None for _, std in answers)}
        for m, answers in enumerate(results):
            for own, (mean, deviation) in zip(rows, answers, strict=True):
                asked = len(values[own]), misses_rows(pairs[m][1])
                values[own, m, 0] = _checked(names[m], "prediction", mean, *asked)
                if m not in bare:
                    deviation = _checked(names[m], "standard deviation", deviation, *asked)
                    values[own, m, 1] = deviation
        # an expert that is missing for a sample is so in both
        values[np.isnan(values).any(axis=2)] = np.nan
        if len(bare) == len(pairs):
            return ValueOutputs(values[:, :, 0], "mean", names)
        return ValueOutputs(values, "mean_std", names, bare=frozenset(bare))

    @staticmethod
    def suspected(outputs, target):
        """Names of experts that look as if trained on these rows.

        Those whose squared errors are next to nothing beside those of the best other expert.
        """
        means, _ = outputs.predictions()
        errors = np.nanmean((means - target.y[:, None]) ** 2, axis=0)
        if len(errors) < 2:
            return []
        others = [np.delete(errors, m).min() for m in range(len(errors))]
        pairs = zip(outputs.names, errors, others, strict=True)
        return [name for name, own, other in pairs if own < _NEXT_TO_NOTHING * other]


def gives_std(expert):
    """Whether ``predict`` of a regressor takes ``return_std``.

    Parameters
    ----------
    expert : estimator
        A pipeline hands it on to its last step, an expert on a view to its head.

    Returns
    -------
    bool
    """
    while isinstance(expert, Pipeline) or misses_rows(expert):
        expert = expert.steps[-1][1] if isinstance(expert, Pipeline) else expert.head
    try:
        return "return_std" in signature(expert.predict).parameters
    except (TypeError, ValueError):
        # some extension types show no signature
        return False


def _checked(name, what, values, n_samples, misses):
    """An answer of the expected shape; NaN only from an expert that may miss rows."""
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.shape != (n_samples,):
        raise ValueError(
            f"Expert {name!r}: its {what} has shape {values.shape}, expected ({n_samples},): one "
            "value per sample."
        )
    if values.dtype.kind not in "biuf":
        raise ValueError(
            f"Expert {name!r}: its {what} has dtype {values.dtype}; not numbers. Experts are "
            "regressors; for classifiers use LogitProdClassifier."
        )
    bad = np.isinf(values) if misses else ~np.isfinite(values)
    if bad.any():
        row = int(np.argwhere(bad)[0][0])
        raise ValueError(
            f"Expert {name!r}: its {what} is {values[bad][0]} in row {row} of its input. Mend the "
            "expert; if it cannot judge some samples, pass precomputed outputs with NaN there."
        )
    return values
