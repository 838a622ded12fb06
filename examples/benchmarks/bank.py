"""The bank: many small tasks with fitted experts, of classes and of survival, four repeats each.

One compressed file a task; the directory is an argument, the environment variable
LOGITPROD_BANK, or ``../shared/bank`` beside the repository. It is not part of the project.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from survival_tasks import SurvivalProblem, structured
from tasks import Problem

N_REPEATS = 4
BANK = "bank"


def bank_directory() -> Path:
    """Where the files are looked for."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "bank"
    return Path(os.environ.get("LOGITPROD_BANK", beside))


@dataclass(frozen=True)
class BankTask:
    """One file of classes; like `tasks.Task`, a repeat of which is one problem.

    Attributes
    ----------
    path : Path
    family : str
    """

    path: Path
    family: str = BANK

    @property
    def name(self) -> str:
        """Table and family of experts."""
        return self.path.stem

    @property
    def y(self) -> np.ndarray:
        """Labels of the rows to fit on, of the first repeat."""
        with np.load(self.path, allow_pickle=False) as file:
            return file["y_fuse_0"]

    def problem(self, repeat: int) -> Problem:
        """The problem of one repeat, with experts of its own."""
        with np.load(self.path, allow_pickle=False) as file:
            proba, labels = {}, {}
            for part in ("fuse", "test"):
                own = file[f"P_{part}_{repeat}"].astype(np.float64)
                proba[part] = own / own.sum(axis=2, keepdims=True)
                labels[part] = file[f"y_{part}_{repeat}"]
        return Problem(
            proba["fuse"], labels["fuse"], None, proba["test"], labels["test"], f"0/{repeat}"
        )

    def problems(self, seed: int) -> Iterator[Problem]:
        """One repeat of the protocol."""
        yield self.problem(seed)


def load_bank_tasks(
    directory: Path | None = None, names: tuple[str, ...] | None = None
) -> Iterator[BankTask]:
    """Tasks of classes by name, or some of them."""
    for path in sorted((directory or bank_directory()).glob("*__*.npz")):
        if not path.stem.endswith("__survival") and (names is None or path.stem in names):
            yield BankTask(path)


def bank_problems(repeat: int, directory: Path | None = None) -> Iterator[tuple[str, Problem]]:
    """Names of tasks, ending in their family of experts, and their problems of one repeat."""
    for task in load_bank_tasks(directory):
        yield task.name, task.problem(repeat)


def bank_survival_problems(
    repeat: int, directory: Path | None = None
) -> Iterator[tuple[str, str, SurvivalProblem]]:
    """Names of cohorts, "risks" or "curves", and the problems of one repeat with either."""
    for path in sorted((directory or bank_directory()).glob("*__survival.npz")):
        with np.load(path, allow_pickle=False) as file:
            # repeats with too few events are not there
            if f"R_fuse_{repeat}" not in file:
                continue
            keys = [key for key in file.files if key.endswith(f"_{repeat}")]
            own = {key.removesuffix(f"_{repeat}"): file[key] for key in keys}
        y = {part: structured(own[f"e_{part}"] > 0, own[f"t_{part}"]) for part in ("fuse", "test")}
        curves = {"input": "survival", "times": own["times"].astype(np.float64)}
        for source, letter, params in (("risks", "R", {"input": "risk"}), ("curves", "S", curves)):
            fit, test = (own[f"{letter}_{part}"].astype(np.float64) for part in y)
            problem = SurvivalProblem(fit, y["fuse"], test, y["test"], params, f"0/{repeat}")
            yield path.stem, source, problem
