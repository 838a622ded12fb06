"""What a path through experts has found: a table, and what it says."""

from __future__ import annotations

import html
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sklearn_logitprod.deployment.greedy import weighted_mean


@dataclass(frozen=True, eq=False, repr=False)
class ExpertPath:
    """What pools of few experts lose against that of all: the result of `expert_path`.

    Parameters
    ----------
    table : DataFrame
        One row per number of experts, with the columns

        - ``n_experts``;
        - ``expert``: the one that joins at this size, with all rows;
        - ``log_loss``: mean over the rows held out, in nats, and its ``standard_error``;
        - ``difference``: of the log-loss from that of all experts on the same rows, and its
          ``difference_standard_error``; above 0, all experts are better;
        - ``within_one_standard_error``: whether the difference is at most its standard error;
        - ``in_folds``: in how many splits, each with a path of its own, this expert is among
          the first ``n_experts``;
        - ``cost``: of all experts up to this one, where costs were given.
    n_sufficient : int or None
        The smallest number of experts within one standard error; None if the path was ended
        before there was one.
    sufficient : list of str
        Their names, in the order in which they join.
    all_log_loss, all_standard_error : float
        Of the pool of all experts.
    base_log_loss : float
        Of the base rates, without any expert.
    n_experts, n_samples, n_folds : int
        How many experts there are, rows that were held out, and splits.
    n_groups : int or None
        Groups among these rows; None if rows were taken as independent.

    See Also
    --------
    expert_path : Makes it.
    ExpertPathDisplay : The table as a plot.
    """

    table: pd.DataFrame
    n_sufficient: int | None
    sufficient: list[str]
    all_log_loss: float
    all_standard_error: float
    base_log_loss: float
    n_experts: int
    n_samples: int
    n_folds: int
    n_groups: int | None

    def _sentences(self):
        rows = f"{self.n_samples} held-out rows"
        if self.n_groups is not None:
            rows += f" of {self.n_groups} groups"
        everything = (
            f"{self.all_log_loss:.4f} +- {self.all_standard_error:.4f} with all {self.n_experts}"
        )
        if self.n_sufficient is None:
            best = self.table["log_loss"].min()
            return (
                f"More than {len(self.table)} of {self.n_experts} experts are needed to come "
                f"within one standard error of all (log-loss on {rows}: {best:.4f} at best, "
                f"{everything})."
            )
        names = ", ".join(self.sufficient)
        if self.n_sufficient == self.n_experts:
            return (
                f"All {self.n_experts} experts are needed: {names} (log-loss on {rows}: "
                f"{everything})."
            )
        row = self.table.iloc[self.n_sufficient - 1]
        verb = "suffices" if self.n_sufficient == 1 else "suffice"
        cost = ""
        if "cost" in row and self.n_experts == len(self.table):
            cost = f", at a cost of {row['cost']:g} instead of {self.table['cost'].iloc[-1]:g}"
        return (
            f"{self.n_sufficient} of {self.n_experts} experts {verb}: {names}{cost} (log-loss on "
            f"{rows}: {row['log_loss']:.4f}, {everything}; difference {row['difference']:.4f} +- "
            f"{row['difference_standard_error']:.4f})."
        )

    def __repr__(self) -> str:
        table = self.table.to_string(index=False, float_format="{:.4f}".format)
        return f"{self._sentences()}\n\n{table}"

    def _repr_html_(self):
        table = self.table.to_html(index=False, float_format="{:.4f}".format)
        return f"<p>{html.escape(self._sentences())}</p>\n{table}"


@dataclass(frozen=True, eq=False)
class Found:
    """Paths and their losses on the rows held out.

    Attributes
    ----------
    order : list of int
        Path on all rows.
    in_folds : list of int
        In how many splits each of its experts is among the first so many.
    rows : ndarray of int
        Rows that were held out.
    losses : ndarray of shape (n_steps + 2, n_rows)
        Of each size, of all experts and of the base rates.
    """

    order: list
    in_folds: list
    rows: np.ndarray
    losses: np.ndarray


def path_result(library, found, names, costs, n_folds):
    """The table of what was found.

    Parameters
    ----------
    library : Library
    found : Found
    names : list of str
        Of the experts of the library.
    costs : ndarray of shape (n_experts,) or None
    n_folds : int

    Returns
    -------
    ExpertPath
    """
    weight = library.weight[found.rows]
    groups = None if library.groups is None else library.groups[found.rows]
    mean, error = weighted_mean(found.losses, weight, groups)
    differences = found.losses[:-2] - found.losses[-2]
    difference, difference_error = weighted_mean(differences, weight, groups)
    within = difference <= difference_error
    order = [names[m] for m in found.order]
    table = pd.DataFrame(
        {
            "n_experts": np.arange(1, len(order) + 1),
            "expert": order,
            "log_loss": mean[:-2],
            "standard_error": error[:-2],
            "difference": difference,
            "difference_standard_error": difference_error,
            "within_one_standard_error": within,
            "in_folds": found.in_folds,
        }
    )
    if costs is not None:
        table["cost"] = np.cumsum(costs[found.order])
    n_sufficient = int(np.argmax(within)) + 1 if within.any() else None
    return ExpertPath(
        table,
        n_sufficient,
        [] if n_sufficient is None else order[:n_sufficient],
        float(mean[-2]),
        float(error[-2]),
        float(mean[-1]),
        library.n_experts,
        len(found.rows),
        n_folds,
        None if groups is None else len(np.unique(groups)),
    )
