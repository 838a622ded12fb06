"""The bank: many small tasks with fitted experts, of classes and of survival, four repeats each.

One compressed file a task; the directory is an argument, the environment variable
LOGITPROD_BANK, or ``../shared/bank`` beside the repository. It is not part of the project.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from survival_tasks import SurvivalProblem, structured
from tasks import Problem

N_REPEATS = 4


def bank_directory() -> Path:
    """Where the files are looked for."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "bank"
    return Path(os.environ.get("LOGITPROD_BANK", beside))


def bank_problems(repeat: int, directory: Path | None = None) -> Iterator[tuple[str, Problem]]:
    """Names of tasks, ending in their family of experts, and their problems of one repeat."""
    for path in sorted((directory or bank_directory()).glob("*__*.npz")):
        if path.stem.endswith("__survival"):
            continue
        with np.load(path, allow_pickle=False) as file:
            proba, labels = {}, {}
            for part in ("fuse", "test"):
                own = file[f"P_{part}_{repeat}"].astype(np.float64)
                proba[part] = own / own.sum(axis=2, keepdims=True)
                labels[part] = file[f"y_{part}_{repeat}"]
        yield (
            path.stem,
            Problem(
                proba["fuse"], labels["fuse"], None, proba["test"], labels["test"], f"0/{repeat}"
            ),
        )


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
