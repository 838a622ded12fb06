"""What survival experts are asked, and what is made of their answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_logitprod._text import brief
from sklearn_logitprod.experts.naming import alike, method_of, misses_rows
from sklearn_logitprod.outputs.events import EventOutputs, MixedOutputs

METHODS = ("predict_survival_function", "predict")
_WANTED = "Experts predict survival functions or risks."


def check_expert_methods(chosen, pairs):
    """Raise unless each named method is one that a named expert can be asked for.

    Parameters
    ----------
    chosen : dict of str to str, or None
    pairs : list of (str, estimator)
    """
    names = [name for name, _ in pairs]
    for name, method in (chosen or {}).items():
        if name not in names:
            raise ValueError(
                f"expert_methods names {name!r}, which is not among the experts {brief(names)}: "
                "leave it out, or write the name of an expert given in `experts`."
            )
        if method not in METHODS:
            raise ValueError(
                f"expert_methods asks expert {name!r} for {method!r}; write "
                f"{' or '.join(map(repr, METHODS))}."
            )


@dataclass(frozen=True)
class EventReplies:
    """Survival functions at the times of a grid, or risks where there are none.

    Attributes
    ----------
    times : ndarray of shape (n_times,), float64
        Right ends of the intervals.
    chosen : dict of str to str, or None
        Method that an expert is asked for, by its name, in place of the first it has.
    """

    times: np.ndarray
    chosen: dict | None = None

    methods = METHODS
    wanted = _WANTED
    shuffle = True

    def args(self, name):
        """What ``ask`` takes beside the expert of a name and X."""
        return self.times, name, (self.chosen or {}).get(name)

    @staticmethod
    def ask(expert, X, times, name, chosen):
        """Survival at ``times``, or a risk; which it is comes first.

        Estimators of scikit-survival whose ``predict`` is a time and not a risk say so
        (``_predict_risk_score``); its sign is then changed.
        """
        method = method_of(expert, (chosen,) if chosen else METHODS, _WANTED)
        if method == METHODS[0]:
            try:
                functions = expert.predict_survival_function(X)
            except Exception as error:
                if chosen or not hasattr(expert, "predict"):
                    raise
                # what a risk means is not for us to guess
                raise alike(
                    error,
                    f"{method} says: {error} If predict of this expert is a risk, set "
                    f"expert_methods={{{name!r}: 'predict'}}; it is asked for that then.",
                ) from error
            return "survival", survival_at(functions, times)
        values = np.asarray(expert.predict(X))
        # a search hands on what its best estimator predicts, but not what that means
        meant = getattr(expert, "best_estimator_", expert)
        return "risk", values if getattr(meant, "_predict_risk_score", True) else -values

    @staticmethod
    def strata(target):
        """What folds of cross-fitting should hold alike."""
        return target.strata

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
        EventOutputs or MixedOutputs
        """
        names = [name for name, _ in pairs]
        inputs = [{input for input, _ in answers} for answers in results]
        parts = []
        for input, shape in (("survival", (len(self.times),)), ("risk", ())):
            where = [m for m, own in enumerate(inputs) if input in own]
            if not where:
                continue
            values = np.empty((n_samples, len(where), *shape))
            for position, m in enumerate(where):
                for own, (_, answer) in zip(rows, results[m], strict=True):
                    expected = (len(values[own]), *shape)
                    misses = misses_rows(pairs[m][1])
                    values[own, position] = _checked(names[m], input, answer, expected, misses)
            part = EventOutputs(values, input, [names[m] for m in where], len(self.times))
            parts.append((where, part))
        if len(parts) == 1:
            return parts[0][1]
        return MixedOutputs([(where, part.beside_others()) for where, part in parts], names)

    @staticmethod
    def suspects(outputs, strata):
        """Names of experts that look as if trained on these rows: not known for survival."""
        return []

    def suspected(self, outputs, target):
        """As of :meth:`suspects`."""
        return self.suspects(outputs, target.strata)


def _checked(name, input, values, shape, misses):
    """An answer of the expected shape, without missing values unless the expert may miss rows."""
    if values.shape != shape:
        raise ValueError(
            f"Expert {name!r}: its {input} has shape {values.shape}, expected {shape}: one "
            f"{'risk' if input == 'risk' else 'survival function'} per sample."
        )
    if values.dtype.kind not in "biuf":
        raise ValueError(f"Expert {name!r}: its {input} has dtype {values.dtype}; not numbers.")
    bad = ~np.isfinite(values)
    if misses:
        lacking = np.isnan(values)
        bad &= ~(lacking.all(axis=1, keepdims=True) if lacking.ndim == 2 else lacking)
    if bad.any():
        row = int(np.argwhere(bad)[0][0])
        raise ValueError(
            f"Expert {name!r}: its {input} is {values[bad][0]} in row {row} of its input. Mend the "
            "expert; if it cannot judge some samples, let on_view leave them out, or pass "
            "precomputed outputs with NaN there."
        )
    return values


class UnknownSurvival:
    """Survival function of a sample that lacks the view: NaN at all times.

    Attributes
    ----------
    x, y : ndarray of shape (1,), float64
        0 and NaN.
    domain : tuple of float
    """

    def __init__(self):
        self.x, self.y, self.domain = np.zeros(1), np.full(1, np.nan), (0.0, np.inf)

    def __call__(self, x):
        """NaN of the shape of x."""
        return np.full(np.shape(x), np.nan)


def survival_at(functions, times):
    """Survival functions of an expert at the times of a grid.

    A step function says nothing before its first step: survival is 1 there. After its
    last step the last value is carried on.

    Parameters
    ----------
    functions : sequence of callables
        One per sample, with ``x``, the times at which they may jump.
    times : ndarray of shape (n_times,), float64

    Returns
    -------
    ndarray of shape (n_samples, n_times), float64
    """
    out = np.empty((len(functions), len(times)))
    for row, function in zip(out, functions, strict=True):
        if not (callable(function) and hasattr(function, "x")):
            raise ValueError(
                f"predict_survival_function gave {type(function).__name__}; it should give one "
                "step function per sample: callable, with its times as `x`."
            )
        first, last = function.x[0], function.x[-1]
        row[:] = function(np.clip(times, first, last))
        row[times < first] = 1.0
    return out
