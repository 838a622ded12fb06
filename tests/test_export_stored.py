"""Exported files run where this package is not, today's and those of before.

    python tests/test_export_stored.py

writes those of today into tests/stored/export.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.deployment import adapt
from sklearn_logitprod.export import save_torch, to_onnx, to_torch

STORED = Path(__file__).parent / "stored" / "export"

# a process that has no such package
CHILD = """
import importlib.abc, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "sklearn_logitprod":
            raise ModuleNotFoundError(f"No module named {name!r}")
sys.meta_path.insert(0, Absent())
import numpy as np
def read(folder):
    with np.load(f"{folder}/pool.npz") as file:
        return file["logits"], file["probabilities"], file["weights"]
"""
BY_ONNX = """
import onnxruntime
for folder in sys.argv[1:]:
    logits, expected, weights = read(folder)
    session = onnxruntime.InferenceSession(f"{folder}/pool.onnx")
    found = session.run(["probabilities", "weights"], {"logits": logits})
    props = session.get_modelmeta().custom_metadata_map
    assert "grade 2" in props["classes"] and "expert2" in props["experts"], props
    assert np.abs(found[0] - expected).max() < 1e-6
    assert np.abs(found[1] - weights).max() < 1e-6
assert not {"torch", "sklearn", "scipy", "pandas"} & set(sys.modules)
"""
BY_TORCH = """
import torch
for folder in sys.argv[1:]:
    logits, expected, _ = read(folder)
    names = {"names.json": ""}
    module = torch.export.load(f"{folder}/pool.pt2", extra_files=names).module()
    assert "grade 2" in names["names.json"], names
    for given in (logits, logits[:1], logits.astype(np.float64)):
        found = module(torch.tensor(given)).exp().numpy()
        assert found.dtype == given.dtype
        assert np.abs(found - expected[:len(given)]).max() < 1e-6
"""
DONE = "assert 'sklearn_logitprod' not in sys.modules\nprint('agreed on', len(logits), 'rows')\n"


def model_and_rows():
    """A gate with a hidden layer, corrections and gaps, adapted; and rows for it."""
    random = np.random.default_rng(0)
    y = np.arange(120) % 3
    labels = np.array(["grade 2", "grade 3", "grade 4"])[y]
    logits = random.normal(size=(120, 3, 3)) + 1.5 * (y[:, None] == np.arange(3))[:, None]
    logits[random.random((120, 3)) < 0.2] = np.nan
    there = ~np.isnan(logits[:, :, 0]).all(axis=1)
    logits, labels = logits[there].astype(np.float32), labels[there]
    model = LogitProdClassifier(gate_width=4, cross_class=10.0).fit(logits, labels)
    return adapt(model, 1.25 * logits[:40], labels[:40]), logits


def write(folder):
    """Files of both kinds, and what the model says."""
    model, logits = model_and_rows()
    (folder / "pool.onnx").write_bytes(to_onnx(model).SerializeToString())
    save_torch(to_torch(model), folder / "pool.pt2")
    said = {"probabilities": model.predict_proba(logits), "weights": model.expert_weights(logits)}
    np.savez(folder / "pool.npz", logits=logits, **said)


def ran(code, *folders):
    done = subprocess.run(
        [sys.executable, "-c", CHILD + code + DONE, *map(str, folders)],
        capture_output=True, text=True, timeout=300, cwd=folders[0],
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "agreed on" in done.stdout


@pytest.fixture(scope="module")
def today(tmp_path_factory):
    pytest.importorskip("onnx")
    folder = tmp_path_factory.mktemp("export")
    write(folder)
    return folder


def test_graphs_run_where_this_package_is_not(today):
    pytest.importorskip("onnxruntime")
    ran(BY_ONNX, STORED, today)


def test_modules_run_where_this_package_is_not(today):
    ran(BY_TORCH, STORED, today)


def test_a_child_without_agreement_fails():
    """The checks above can fail: another threshold, and they do."""
    pytest.importorskip("onnxruntime")
    with pytest.raises(AssertionError):
        ran(BY_ONNX.replace("< 1e-6", "< 1e-12"), STORED)
    with pytest.raises(AssertionError, match="No module named 'sklearn_logitprod'"):
        ran("import sklearn_logitprod\n", STORED)


def test_stored_files_say_what_the_stored_model_said():
    runtime = pytest.importorskip("onnxruntime")
    with np.load(STORED / "pool.npz") as file:
        logits, expected = file["logits"], file["probabilities"]
    session = runtime.InferenceSession(STORED / "pool.onnx")
    (found,) = session.run(["probabilities"], {"logits": logits})
    module = torch.export.load(STORED / "pool.pt2").module()
    assert_allclose(found, module(torch.tensor(logits)).exp(), rtol=0.0, atol=1e-6)
    assert_allclose(found, expected, rtol=0.0, atol=1e-6)
    assert np.isnan(logits).any()


def test_torch_files_keep_their_names(today):
    names = {"names.json": ""}
    torch.export.load(today / "pool.pt2", extra_files=names)
    assert json.loads(names["names.json"])["experts"][-1] == "expert2"


if __name__ == "__main__":
    write(STORED)
