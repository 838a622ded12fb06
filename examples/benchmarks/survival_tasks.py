"""Survival tasks with real experts, and the protocol under which each is scored.

Repeated stratified 3-fold: samples with and without event are spread evenly. Risks of
``survival_mcat_*`` are comparable inside a ``fold`` only (each has networks of its own) and
are turned into normal scores there. The ``hif_*`` views get one scikit-survival model each,
a random survival forest, cross-fitted inside the part to fit on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.stats import norm, rankdata
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from tasks import data_directory

from sklearn_logitprod import LogitProdSurvival
from sklearn_logitprod.fusion.events import log_survival_from_log_events

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
class SurvivalProblem:
    """What one fusion is fitted on and scored on.

    ``fit_X`` and ``test_X`` are outputs as `LogitProdSurvival` takes them with ``params``:
    risks (n_samples, n_experts), or curves (n_samples, n_experts, n_times); NaN = missing.
    ``fit_table`` and ``test_table`` hold the features of all experts side by side, where
    experts are models of features.
    """

    fit_X: np.ndarray
    fit_y: np.ndarray
    test_X: np.ndarray
    test_y: np.ndarray
    params: dict
    split_id: str
    fit_table: np.ndarray | None = None
    test_table: np.ndarray | None = None


@dataclass(frozen=True)
class SurvivalTask:
    """Outputs of experts, or tables to fit experts on, with times and events.

    Attributes
    ----------
    name : str
    X : ndarray
        What the estimator takes.
    y : structured array of shape (n_samples,)
        ``event`` and ``time``.
    params : dict
        Parameters of the estimator that say what X is.
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    params: dict = field(default_factory=dict)

    family = "survival"

    def problems(self, seed: int) -> Iterator[SurvivalProblem]:
        """One repeat of the protocol."""
        folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
        for number, (fit, test) in enumerate(folds.split(self.y, self.y["event"])):
            yield self._problem(fit, test, str(number))

    def _problem(self, fit, test, split_id):
        X, y = self.X, self.y
        return SurvivalProblem(X[fit], y[fit], X[test], y[test], self.params, split_id)


@dataclass(frozen=True, kw_only=True)
class SurvivalViewsTask(SurvivalTask):
    """Experts are fitted on the fit rows alone, and cross-fitted.

    Attributes
    ----------
    experts : list of (str, estimator)
    cache : Path or None
        Directory that keeps the outputs of the experts; empty it when one changes.
    """

    experts: list
    cache: Path | None = None

    def _problem(self, fit, test, split_id):
        curves, new, times = self._outputs(fit, test)
        params = {"input": "survival", "times": times}
        outputs = (curves, self.y[fit], new, self.y[test])
        return SurvivalProblem(*outputs, params, split_id, self.X[fit], self.X[test])

    def _outputs(self, fit, test):
        if self.cache is None:
            return self._fit_experts(fit, test)
        key = hashlib.sha1(fit.tobytes() + b"|" + test.tobytes()).hexdigest()[:16]
        file = self.cache / f"{self.name}-{key}.npz"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(file, *self._fit_experts(fit, test))
        with np.load(file) as arrays:
            return tuple(arrays[name] for name in arrays.files)

    def _fit_experts(self, fit, test):
        """Curves out-of-fold, curves on the test rows, and the times of both."""
        model = LogitProdSurvival(experts=self.experts, cv=5, gate_width=None)
        flat = model.fit_transform(self.X[fit], self.y[fit])
        events = flat.reshape(len(fit), len(self.experts), -1), model.expert_logits(self.X[test])
        return *(np.exp(log_survival_from_log_events(own)) for own in events), model.unique_times_


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


def _risks(name, data, cache):
    X = normal_scores(data["risk"].astype(float), data["fold"])
    return SurvivalTask(name, X, structured(data["event"], data["time"]), {"input": "risk"})


def _curves(name, data, cache):
    params = {"input": "survival", "times": data["times"].astype(float)}
    survival = data["survival"].astype(float)
    return SurvivalTask(name, survival, structured(data["event"], data["time"]), params)


def _views(name, data, cache):
    from sksurv.ensemble import RandomSurvivalForest

    # a time of 0 days tells nothing of an interval
    known = np.flatnonzero(np.nan_to_num(data["time"].astype(float)) > 0.0)
    tables = {key: data[key][known].astype(float) for key in data.files if key.startswith("X_")}
    start, experts = 0, []
    for key, table in tables.items():
        own = list(range(start, start + table.shape[1]))
        start += table.shape[1]
        model = make_pipeline(
            ColumnTransformer([("view", SimpleImputer(strategy="median"), own)]),
            RandomSurvivalForest(n_estimators=100, min_samples_leaf=15, random_state=0),
        )
        experts.append((key.removeprefix("X_"), model))
    y = structured(data["event"][known] > 0, data["time"][known])
    X = np.hstack(list(tables.values()))
    return SurvivalViewsTask(name=f"{name}_survival", X=X, y=y, experts=experts, cache=cache)


_READERS: dict[str, Callable] = {
    "survival_mcat": _risks,
    "support2": _curves,
    "hif": _views,
}


def load_survival_tasks(directory=None, names=None, cache=None) -> Iterator[SurvivalTask]:
    """Read the tasks, one after the other.

    Parameters
    ----------
    directory : path, optional
        Where the development collection lies.
    names : sequence of str, optional
        Names of files instead of all.
    cache : path, optional
        Directory that keeps the outputs of the experts on tables; None fits them anew.
    """
    folder = data_directory(directory)
    for name in COHORTS if names is None else names:
        read = next(read for start, read in _READERS.items() if name.startswith(start))
        with np.load(folder / f"{name}.npz", allow_pickle=False) as data:
            yield read(name, data, None if cache is None else Path(cache))
