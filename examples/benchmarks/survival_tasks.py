"""Survival tasks with real experts, and the protocol under which each is scored.

Repeated stratified 3-fold: samples with and without event are spread evenly. Risks of
``survival_mcat_*`` are comparable inside a ``fold`` only (each has networks of its own) and
are turned into normal scores there. The ``hif_*`` views get one scikit-survival model each,
a random survival forest, cross-fitted inside the part to fit on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from tasks import data_directory

N_FOLDS = 3
COHORTS = (
    "survival_mcat_blca",
    "survival_mcat_brca",
    "survival_mcat_luad",
    "support2_survival",
    "hif_stad",
    "hif_luad",
)


@dataclass(frozen=True)
class SurvivalTask:
    """Experts' outputs, or tables to fit experts on, with times and events.

    Attributes
    ----------
    name : str
    X : ndarray or DataFrame
        What the estimator takes.
    y : structured array of shape (n_samples,)
        ``event`` and ``time``.
    params : dict
        Parameters of the estimator that say what X is.
    """

    name: str
    X: object
    y: np.ndarray
    params: dict

    def problems(self, seed):
        """Rows to fit on and rows to test on."""
        folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
        yield from folds.split(self.y, self.y["event"])


def structured(event, time):
    """Structured array of events and times."""
    y = np.empty(len(time), dtype=[("event", bool), ("time", float)])
    y["event"], y["time"] = event, time
    return y


def normal_scores(risk, fold):
    """Ranks within each fold as normal quantiles; NaN stays NaN."""
    out = np.full(risk.shape, np.nan)
    for number in np.unique(fold):
        for expert in range(risk.shape[1]):
            rows = np.flatnonzero((fold == number) & ~np.isnan(risk[:, expert]))
            out[rows, expert] = norm.ppf(rankdata(risk[rows, expert]) / (len(rows) + 1))
    return out


def _risks(name, data):
    X = pd.DataFrame(normal_scores(data["risk"].astype(float), data["fold"]))
    X.columns = [str(expert) for expert in data["experts"]]
    return SurvivalTask(name, X, structured(data["event"], data["time"]), {"input": "risk"})


def _curves(name, data):
    params = {"input": "survival", "times": data["times"].astype(float)}
    survival = data["survival"].astype(float)
    return SurvivalTask(name, survival, structured(data["event"], data["time"]), params)


def _views(name, data):
    from sksurv.ensemble import RandomSurvivalForest

    # a time of 0 days tells nothing of an interval
    known = np.flatnonzero(np.nan_to_num(data["time"].astype(float)) > 0.0)
    tables = {key: data[key][known].astype(float) for key in data.files if key.startswith("X_")}
    columns, start, experts = [], 0, []
    for key, table in tables.items():
        own = list(range(start, start + table.shape[1]))
        columns.append(table)
        start += table.shape[1]
        model = make_pipeline(
            ColumnTransformer([("view", SimpleImputer(strategy="median"), own)]),
            RandomSurvivalForest(n_estimators=100, min_samples_leaf=15, random_state=0),
        )
        experts.append((key.removeprefix("X_"), model))
    y = structured(data["event"][known] > 0, data["time"][known])
    return SurvivalTask(name, np.hstack(columns), y, {"experts": experts, "cv": 5})


_READERS: dict[str, Callable] = {
    "survival_mcat": _risks,
    "support2": _curves,
    "hif": _views,
}


def load_survival_tasks(directory=None, names=None):
    """Read the tasks, one after the other.

    Parameters
    ----------
    directory : path, optional
        Where the development collection lies.
    names : sequence of str, optional
        Names of tasks instead of all.

    Yields
    ------
    SurvivalTask
    """
    folder = data_directory(directory)
    for name in COHORTS if names is None else names:
        read = next(read for start, read in _READERS.items() if name.startswith(start))
        with np.load(folder / f"{name}.npz", allow_pickle=False) as data:
            yield partial(read, name)(data)
