"""From hazards, curves and risks to aligned event distributions of experts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sklearn_logitprod._text import option
from sklearn_logitprod.fusion.events import events_from_survival, log_events_from_hazard_logits
from sklearn_logitprod.fusion.logits import (
    log_proba_from_logits,
    log_proba_from_proba,
    samples_fastest,
)
from sklearn_logitprod.outputs.checks import (
    RANGE_TOLERANCE,
    check_missing,
    column_names,
    row_number,
)
from sklearn_logitprod.outputs.doubts import doubt_events
from sklearn_logitprod.outputs.frames import is_two_level, opened


def _advice(input):
    """What to do about infinite values."""
    return {
        "hazard_logits": "Clip such logits to a large finite value, or pass survival with "
        f"{option('input', 'survival')}, which may be exactly 0 and 1.",
        "survival": "Survival probabilities lie in [0, 1].",
        "risk": "Clip such risks to a large finite value.",
    }[input]


_TIME_WORDS = (
    "time",
    "times",
    "The second level of the columns holds the right end of each interval; stack_outputs builds "
    "such frames, with classes=times.",
    "Fill in what the expert says of that interval.",
)


@dataclass(frozen=True, eq=False)
class EventOutputs:
    """Outputs of experts as they came, and how to read them as event distributions.

    Attributes
    ----------
    values : array of shape (n_samples, n_experts, n_times) or (n_samples, n_experts)
        Any real dtype, possibly memory-mapped. Two-dimensional for risks.
    input : {"hazard_logits", "survival", "risk"}
    names : list of str
        Names of the experts.
    n_times : int
        Number of intervals.
    rows : ndarray of int or None
        Rows that count, if not all do.
    models : dict of int to RiskModel or None
        For risks, the calibration of each expert by its position, once fitted.
    alone : bool
        Whether each row needs one of these experts.
    """

    values: np.ndarray
    input: str
    names: list
    n_times: int
    rows: np.ndarray | None = None
    models: dict | None = None
    alone: bool = True

    @property
    def shape(self):
        """(n_samples, n_experts, n_times + 1)."""
        n_samples = len(self.values) if self.rows is None else len(self.rows)
        return n_samples, self.values.shape[1], self.n_times + 1

    def take(self, rows):
        """Only some rows, given as indices; nothing is copied."""
        return replace(self, rows=rows if self.rows is None else self.rows[rows])

    @property
    def risks(self):
        """Positions of experts that give risks."""
        return list(range(self.values.shape[1])) if self.input == "risk" else []

    def risk(self, position):
        """Risks of an expert: (n_samples,), float64, NaN where missing."""
        column = self.values[:, position]
        column = np.array(column if self.rows is None else column[self.rows], dtype=np.float64)
        infinite = np.isinf(column)
        if infinite.any():
            rows = slice(0, None) if self.rows is None else self.rows
            raise ValueError(
                f"X holds an infinite value in row {row_number(rows, int(np.argmax(infinite)))}, "
                f"expert {self.names[position]!r}. {_advice('risk')}"
            )
        return column

    def calibrated(self, models):
        """With calibrations of the risks, by position."""
        return replace(self, models=models)

    def beside_others(self):
        """The same, but rows may lack all of these experts."""
        return replace(self, alone=False)

    def log_proba(self, rows):
        """Normalised, floored log event distributions of some rows, checked.

        Parameters
        ----------
        rows : slice or ndarray of int

        Returns
        -------
        ndarray of shape (n_rows, n_experts, n_times + 1), float64
            NaN where an expert is missing.

        Raises
        ------
        ValueError
            If a value is infinite, an expert is NaN in part of its times, survival leaves
            [0, 1] or rises over time by more than 1e-6, or no expert is present.
        """
        own = rows if self.rows is None else self.rows[rows]
        values = samples_fastest(np.asarray(self.values[own]))
        if not np.isfinite(values).all():
            advice = _advice(self.input)
            check_missing(values, own, self.names, advice, "times", self.alone)
        if self.input == "hazard_logits":
            return log_proba_from_logits(log_events_from_hazard_logits(values))
        if self.input == "survival":
            return log_proba_from_proba(self._events(values, own))
        scores = np.empty((values.shape[1], self.n_times + 1, len(values))).transpose(2, 0, 1)
        for position, model in self.models.items():
            scores[:, position] = model.log_events(values[:, position])
        return log_proba_from_logits(scores)

    def _events(self, survival, rows):
        outside = (survival < -RANGE_TOLERANCE) | (survival > 1.0 + RANGE_TOLERANCE)
        if outside.any():
            row, expert, time = np.argwhere(outside)[0]
            raise ValueError(
                f"Survival of expert {self.names[expert]!r} is {survival[row, expert, time]:.6g} "
                f"in row {row_number(rows, row)} at time number {time + 1}, but survival "
                "probabilities lie in [0, 1]. For hazards pass their logits with "
                f"{option('input', 'hazard_logits')}; divide percentages by 100."
            )
        rises = np.diff(survival, axis=-1) > RANGE_TOLERANCE
        if rises.any():
            row, expert, time = np.argwhere(rises)[0]
            raise ValueError(
                f"Survival of expert {self.names[expert]!r} rises in row {row_number(rows, row)}, "
                f"from {survival[row, expert, time]:.6g} at time number {time + 1} to "
                f"{survival[row, expert, time + 1]:.6g} at the next. Survival never rises: check "
                "the order of times, or take the running minimum over them."
            )
        return np.maximum(events_from_survival(survival), 0.0)


@dataclass(frozen=True, eq=False)
class MixedOutputs:
    """Outputs of experts of which some give curves and some risks.

    Attributes
    ----------
    parts : list of (list of int, EventOutputs)
        Experts of one kind, with their positions.
    names : list of str
        Names of all experts, in order.
    alone : bool
        Whether each row needs one of these experts.
    """

    parts: list
    names: list
    alone: bool = True

    @property
    def shape(self):
        """(n_samples, n_experts, n_times + 1)."""
        n_samples, _, n_categories = self.parts[0][1].shape
        return n_samples, len(self.names), n_categories

    def take(self, rows):
        """Only some rows, given as indices; nothing is copied."""
        return replace(self, parts=[(where, part.take(rows)) for where, part in self.parts])

    @property
    def risks(self):
        """Positions of experts that give risks."""
        return [where[own] for where, part in self.parts for own in part.risks]

    def risk(self, position):
        """Risks of an expert: (n_samples,), float64, NaN where missing."""
        where, part = next(pair for pair in self.parts if position in pair[0])
        return part.risk(where.index(position))

    def calibrated(self, models):
        """With calibrations of the risks, by position."""
        parts = [
            (where, part.calibrated({own: models[where[own]] for own in part.risks} or None))
            for where, part in self.parts
        ]
        return replace(self, parts=parts)

    def beside_others(self):
        """The same, but rows may lack all of these experts."""
        return replace(self, alone=False)

    def log_proba(self, rows):
        """Normalised, floored log event distributions of some rows, checked.

        Parameters
        ----------
        rows : slice or ndarray of int

        Returns
        -------
        ndarray of shape (n_rows, n_experts, n_times + 1), float64
        """
        read = [(where, part.log_proba(rows)) for where, part in self.parts]
        n_rows, _, n_categories = read[0][1].shape
        out = np.empty((len(self.names), n_categories, n_rows)).transpose(2, 0, 1)
        for where, values in read:
            out[:, where] = values
        check_missing(out, rows, self.names, "", "times", self.alone)
        return out


def read_event_outputs(X, input, n_times, times=None, expert_names=None):
    """Bring precomputed outputs of survival experts into one aligned array.

    Parameters
    ----------
    X : array or DataFrame
        ``(n, M, T)`` or a frame with two-level columns (expert, time) for hazard logits
        and survival; ``(n, M)`` or a frame with one column per expert for risks.
    input : {"hazard_logits", "survival", "risk"}
    n_times : int
        Number of intervals.
    times : ndarray of shape (n_times,), float64
        Their right ends, which a frame is aligned to.
    expert_names : list of str, optional
        Names of a fitted estimator's experts, which a frame is aligned to. In a fit there
        are none yet: it warns where values look like something else than they are said to be.

    Returns
    -------
    EventOutputs
    """
    outputs = _aligned(X, input, n_times, times, expert_names)
    if expert_names is None:
        doubt_events(outputs)
    return outputs


def _aligned(X, input, n_times, times, expert_names):
    if input == "risk" and is_two_level(X) and X.columns.get_level_values(0).has_duplicates:
        raise ValueError(
            f"X has {X.shape[1]} columns of two levels, several of an expert, but "
            f"{option('input', 'risk')} takes one risk per expert. For survival curves pass "
            f"{option('input', 'survival')} and `times`."
        )
    known = {"hazard_logits": times, "survival": times, "risk": None}
    values, input, names, aligned = opened(X, input, known, expert_names, _TIME_WORDS)
    if aligned:
        return EventOutputs(values, input, names, n_times)
    wanted = 2 if input == "risk" else 3
    if values.ndim != wanted:
        form = "(n_samples, n_experts)" if wanted == 2 else "(n_samples, n_experts, n_times)"
        frames = "one level of columns, expert" if wanted == 2 else "two, (expert, time)"
        raise ValueError(
            f"X has {values.ndim} dimension(s), shape {values.shape}, but input={input!r} takes "
            f"{form}; a frame has {frames}. Reshape your data."
        )
    if wanted == 3 and values.shape[2] != n_times:
        raise ValueError(
            f"X has shape {values.shape}: {values.shape[2]} times on its last axis, but `times` "
            f"names {n_times}. The last axis has one column per interval, and S(0) = 1 is implied."
        )
    return EventOutputs(values, input, column_names(values, names, expert_names), n_times)
