"""From predicted values, with or without standard deviations, to Gaussians of experts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sklearn_logitprod._text import option
from sklearn_logitprod.fusion.logits import samples_fastest
from sklearn_logitprod.fusion.values import natural_parameters, spreads
from sklearn_logitprod.outputs.checks import check_missing, column_names, row_number
from sklearn_logitprod.outputs.frames import is_two_level, opened

MOMENTS = ("mean", "std")
"""Second level of columns of ``input="mean_std"``, in the order of the last axis."""

_ADVICE = "Clip such predictions to a large finite value."
_WORDS = (
    "column",
    "columns",
    "The second level of the columns holds 'mean' and 'std'; stack_outputs builds such frames, "
    "with classes=['mean', 'std'].",
    "Fill in what the expert says, or leave the standard deviations of all experts out with "
    f"{option('input', 'mean')}.",
)


@dataclass(frozen=True, eq=False)
class ValueOutputs:
    """Predicted values of experts as they came, and how to read them as Gaussians.

    Attributes
    ----------
    values : array of shape (n_samples, n_experts) or (n_samples, n_experts, 2)
        Means, or means and standard deviations; any real dtype, possibly memory-mapped.
    input : {"mean", "mean_std"}
    names : list of str
        Names of the experts.
    rows : ndarray of int or None
        Rows that count, if not all do.
    models : dict of int to ValueModel or None
        Calibration of each expert by its position, once fitted.
    alone : bool
        Whether each row needs one of these experts.
    bare : frozenset of int
        With ``"mean_std"``, positions of experts that give no deviation: 1 stands there.
    """

    values: np.ndarray
    input: str
    names: list
    rows: np.ndarray | None = None
    models: dict | None = None
    alone: bool = True
    bare: frozenset = frozenset()

    @property
    def shape(self):
        """(n_samples, n_experts, 2)."""
        n_samples = len(self.values) if self.rows is None else len(self.rows)
        return n_samples, self.values.shape[1], 2

    def take(self, rows):
        """Only some rows, given as indices; nothing is copied."""
        return replace(self, rows=rows if self.rows is None else self.rows[rows])

    def calibrated(self, models):
        """With calibrations of the experts, by position."""
        return replace(self, models=models)

    def beside_others(self):
        """The same, but rows may lack all of these experts."""
        return replace(self, alone=False)

    def predictions(self, rows=slice(None)):
        """Means and standard deviations of some rows, as they came, checked.

        Parameters
        ----------
        rows : slice or ndarray of int

        Returns
        -------
        means : ndarray of shape (n_rows, n_experts), float64
            NaN where an expert is missing.
        deviations : ndarray of shape (n_rows, n_experts), float64, or None

        Raises
        ------
        ValueError
            If a value is infinite, an expert is missing in part, a standard deviation is not
            positive, or no expert is present.
        """
        own = rows if self.rows is None else self.rows[rows]
        values = samples_fastest(np.asarray(self.values[own]))
        where = slice(own.start or 0, own.stop) if isinstance(own, slice) else own
        if not np.isfinite(values).all():
            check_missing(values, where, self.names, _ADVICE, "columns", self.alone)
        if self.input == "mean":
            return values, None
        means, deviations = values[..., 0], values[..., 1]
        if (deviations <= 0.0).any():
            row, expert = np.argwhere(deviations <= 0.0)[0]
            what = "negative" if deviations[row, expert] < 0.0 else "0"
            raise ValueError(
                f"The standard deviation of expert {self.names[expert]!r} is {what} "
                f"({deviations[row, expert]:.6g}) in row {row_number(where, row)}, but it is "
                "positive: a variance is its square, and an expert is never certain. Check the "
                "order of the last axis, (mean, std), or leave the standard deviations out with "
                f"{option('input', 'mean')}."
            )
        return means, deviations

    def by_expert(self, rows=slice(None)):
        """Means and standard deviations, or None, of each expert by its position.

        Returns
        -------
        dict of int to (ndarray of shape (n_rows,), ndarray of shape (n_rows,) or None)
        """
        means, deviations = self.predictions(rows)
        with_std = deviations is not None
        return {
            m: (mean, deviations[:, m] if with_std and m not in self.bare else None)
            for m, mean in enumerate(means.T)
        }

    def log_proba(self, rows):
        """Natural parameters of the experts' Gaussians for some rows, checked.

        Parameters
        ----------
        rows : slice or ndarray of int

        Returns
        -------
        ndarray of shape (n_rows, n_experts, 2), float64
            ``(mean / variance, 1 / variance)``, values standardised; NaN where missing.
        """
        values = self.by_expert(rows)
        apart = spreads(self.models, {m: mean for m, (mean, _) in values.items()})
        read = [self.models[m].moments(*own, apart[m]) for m, own in values.items()]
        mean, variance = (np.stack(part, axis=1) for part in zip(*read, strict=True))
        return natural_parameters(mean, variance)


def read_value_outputs(X, input, expert_names=None):
    """Bring precomputed predictions of values into one aligned array.

    Parameters
    ----------
    X : array or DataFrame
        ``(n, M)`` or a frame with one column per expert for means; ``(n, M, 2)`` or a frame
        with two-level columns (expert, "mean" or "std") for means and standard deviations.
    input : {"mean", "mean_std"}
    expert_names : list of str, optional
        Names of a fitted estimator's experts, which a frame is aligned to.

    Returns
    -------
    ValueOutputs
    """
    if input == "mean" and is_two_level(X):
        raise ValueError(
            f"X has {X.shape[1]} columns of two levels, but {option('input', 'mean')} takes one "
            f"predicted value per expert: a frame of one level, with a column for each. For "
            f"means and standard deviations pass "
            f"{option('input', 'mean_std')}."
        )
    known = {"mean": None, "mean_std": np.array(MOMENTS, dtype=object)}
    values, input, names, aligned = opened(X, input, known, expert_names, _WORDS)
    if aligned:
        return ValueOutputs(values, input, names)
    wanted = 2 if input == "mean" else 3
    if values.ndim != wanted or (wanted == 3 and values.shape[2] != 2):
        form = {
            2: "(n_samples, n_experts), one predicted value each",
            3: "(n_samples, n_experts, 2), mean and standard deviation",
        }[wanted]
        other = {2: "mean_std", 3: "mean"}[wanted]
        raise ValueError(
            f"X has shape {values.shape}, but {option('input', input)} takes {form}. Reshape your "
            f"data, or declare {option('input', other)}."
        )
    return ValueOutputs(values, input, column_names(values, names, expert_names))
