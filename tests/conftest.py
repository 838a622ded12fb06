"""Shared fixtures: the optional development data, and Hypothesis profiles."""

import os
from pathlib import Path

# before NumPy and torch are loaded: threads of processes side by side wait for each other
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("LOGITPROD_DATA", ROOT.parent / "shared" / "data"))
BANK = Path(os.environ.get("LOGITPROD_BANK", ROOT.parent / "shared" / "bank"))

# runs on loaded machines must not fail on time
quiet = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", max_examples=100, **quiet)
settings.register_profile("thorough", max_examples=3000, **quiet)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def shared_data():
    """Loader of a file of the development data; skips where it is absent."""

    def load(name):
        path = DATA / f"{name}.npz"
        if not path.exists():
            pytest.skip(
                f"needs the development data: {name}.npz is neither in $LOGITPROD_DATA nor in "
                "../shared/data"
            )
        with np.load(path, allow_pickle=False) as file:
            return dict(file)

    return load


@pytest.fixture(scope="session")
def shared_bank():
    """Directory of the bank of small tasks; skips where it is absent."""
    if not BANK.is_dir():
        pytest.skip("needs the bank of small tasks, in $LOGITPROD_BANK or in ../shared/bank")
    return BANK


@pytest.fixture(scope="session")
def without_torch():
    """Code that makes a process behave as if torch were not installed."""
    return """
import importlib.abc, sys
class NoTorch(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name="torch")
sys.meta_path.insert(0, NoTorch())
"""
