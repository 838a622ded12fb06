"""The public surface is annotated, mypy agrees, and the package says so to type checkers."""

import importlib
import importlib.resources
import inspect
import subprocess
import sys

import pytest

PUBLIC = ["sklearn_logitprod"] + [
    f"sklearn_logitprod.{name}"
    for name in ("deployment", "experts", "export", "inspection", "io", "metrics")
]

# what a user writes: mypy must know the results, and refuse the mistakes marked
SCRIPT = """
import numpy as np
import pandas as pd
from sklearn_logitprod import LogitProdClassifier, LogitProdSurvivalCV, stack_outputs
from sklearn_logitprod.inspection import compare
from sklearn_logitprod.io import ExpertOutputs, read_tables

y = np.array([0, 1])
frame: pd.DataFrame = stack_outputs({"uni": np.zeros((2, 2))}, classes=["a", "b"])
model: LogitProdClassifier = LogitProdClassifier(gate_width="auto", input="proba").fit(frame, y)
reveal_type(model.predict_proba(frame))
reveal_type(model.score(frame, y))
outputs: ExpertOutputs = read_tables({"uni": "uni.csv"}, label="label", how="outer")
table: pd.DataFrame = compare(outputs, cv=3, metrics=["log_loss"])
search = LogitProdSurvivalCV(input="risk", gate_widths=(None, 0)).fit(outputs)
LogitProdClassifier(gate_width="wide")
LogitProdClassifier(input="probability")
read_tables(["uni.csv"], how="left")
"""
MISTAKES = ("gate_width", "input", "how")


def public_objects():
    for module in PUBLIC:
        for name in importlib.import_module(module).__all__:
            if not name.startswith("__"):
                yield pytest.param(getattr(importlib.import_module(module), name), id=name)


def callables(thing):
    """The function, or the public methods of the class."""
    if inspect.isfunction(thing):
        return [thing]
    own = [
        getattr(value, "__func__", getattr(value, "fget", value))
        for base in thing.__mro__
        if base.__module__.startswith("sklearn_logitprod")
        for name, value in vars(base).items()
        if not name.startswith("_") or name == "__init__"
    ]
    return [function for function in own if inspect.isfunction(function)]


@pytest.mark.parametrize("thing", list(public_objects()))
def test_public_surface_is_annotated(thing):
    for function in callables(thing):
        # dataclasses and named tuples write their own constructor
        if function.__module__ is None or not function.__code__.co_filename.endswith(".py"):
            continue
        signature = inspect.signature(function)
        missing = [
            name
            for name, parameter in signature.parameters.items()
            if name not in ("self", "cls") and parameter.annotation is parameter.empty
        ]
        assert not missing, f"{function.__qualname__}: {missing}"
        assert signature.return_annotation is not signature.empty, function.__qualname__


def test_package_ships_its_types():
    assert importlib.resources.files("sklearn_logitprod").joinpath("py.typed").is_file()


@pytest.mark.slow
def test_mypy_knows_what_users_write(tmp_path):
    pytest.importorskip("mypy", reason="needs mypy, of the extra dev")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "mypy", "--ignore-missing-imports", "--no-error-summary"]
    done = subprocess.run(
        [*command, "--cache-dir", str(tmp_path), str(script)], capture_output=True, text=True
    )
    reveals = [line for line in done.stdout.splitlines() if "Revealed type" in line]
    assert len(reveals) == 2, done.stdout + done.stderr
    assert "float64" in reveals[0]
    assert "float" in reveals[1]
    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert len(errors) == len(MISTAKES), done.stdout
    for line, name in zip(errors, MISTAKES, strict=True):
        assert f'"{name}"' in line
