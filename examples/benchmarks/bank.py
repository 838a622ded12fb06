"""The bank: many small classification tasks with fitted experts, four repeats each.

One compressed file a task; the directory is an argument, the environment variable
LOGITPROD_BANK, or ``../shared/bank`` beside the repository. It is not part of the project.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
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
