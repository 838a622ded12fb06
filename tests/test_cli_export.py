"""export on saved models: equal to what they predict, and nothing written by halves."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.cli import main
from sklearn_logitprod.cli.model import Saved, load, save

pytest.importorskip("skops.io")
onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
N = 80


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A model of three tables of probabilities, saved."""
    folder = tmp_path_factory.mktemp("home")
    random = np.random.default_rng(0)
    y = random.integers(2, size=N)
    paths = []
    for name in ("uni", "conch", "gen"):
        p = 1.0 / (1.0 + np.exp(random.normal(size=N) - (2 * y - 1)))
        table = {"slide_id": np.arange(N), "truth": y, "prob_0": 1.0 - p, "prob_1": p}
        paths.append(str(folder / f"{name}.csv"))
        pd.DataFrame(table).to_csv(paths[-1], index=False)
    fit = ["fit", *paths, "--label", "truth", "--gate", "0", "--quiet"]
    assert main([*fit, "--save", str(folder / "model.skops")]) == 0
    return folder


def tables(folder):
    """What the files hold, as the graph takes it."""
    read = [pd.read_csv(folder / f"{name}.csv") for name in ("uni", "conch", "gen")]
    return np.stack([one[["prob_0", "prob_1"]] for one in read], axis=1)


def test_both_files_say_what_predict_writes(home, tmp_path, capsys):
    names = {"onnx": str(tmp_path / "pool.onnx"), "torch": str(tmp_path / "pool.pt2")}
    model = str(home / "model.skops")
    command = ["export", model, "--onnx", names["onnx"], "--torch", names["torch"]]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "pool.onnx: proba (n, 3, 2) -> probabilities (n, 2), weights (n, 3)" in said
    assert "pool.pt2: proba (n, 3, 2)" in said
    assert "experts: uni, conch, gen" in said
    paths = [str(home / f"{name}.csv") for name in ("uni", "conch", "gen")]
    assert main(["predict", model, *paths, "-o", str(tmp_path / "out.csv"), "--quiet"]) == 0
    expected = pd.read_csv(tmp_path / "out.csv").filter(regex="^proba_").to_numpy()
    proba = tables(home)
    session = runtime.InferenceSession(names["onnx"])
    (found,) = session.run(["probabilities"], {"proba": proba.astype(np.float32)})
    assert_allclose(found, expected, atol=1e-6)
    module = torch.export.load(names["torch"]).module()
    assert_allclose(module(torch.tensor(proba)).exp(), expected, atol=1e-6)
    # what is there is kept, unless it is said not to be
    assert main(command) == 2
    assert "exists: choose another name" in capsys.readouterr().err
    assert main([*command[:4], "--force"]) == 0


def test_patients_are_said_to_be_what_rows_were(home, tmp_path, capsys):
    saved = load(home / "model.skops")
    path = str(tmp_path / "model.skops")
    save(path, Saved(**{**vars(saved), "aggregate": "mean"}))
    assert main(["export", path, "--onnx", str(tmp_path / "pool.onnx")]) == 0
    assert "Rows of the fit were patients" in capsys.readouterr().out


def test_a_model_of_estimators(tmp_path, capsys):
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB

    random = np.random.default_rng(0)
    X, y = random.normal(size=(N, 3)), np.arange(N) % 2
    model = LogitProdClassifier([LogisticRegression(), GaussianNB()], cv=2, gate_width=None)
    path, out = str(tmp_path / "model.skops"), str(tmp_path / "pool.onnx")
    save(path, Saved(model.fit(X, y), "features", None, embeddings={"widths": {}}))
    assert main(["export", path, "--onnx", out]) == 2
    assert "say --pool-only" in capsys.readouterr().err
    assert main(["export", path, "--onnx", out, "--pool-only"]) == 0
    assert "logits (n, 2, 2) -> probabilities (n, 2)" in capsys.readouterr().out


WRONG = {
    "nothing": ([], "there is nothing to write: say --onnx or --torch"),
    "a wrong ending": (["--onnx", "{out}/pool.txt"], "call it such as"),
    "no folder": (["--torch", "{out}/no/pool.pt2"], "its own folder is absent"),
    "no number": (["--onnx", "{out}/pool.onnx", "--max-missing", "few"], "'few' is not a number"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_before_anything_is_written(home, tmp_path, capsys, name):
    arguments, message = WRONG[name]
    arguments = [one.format(out=tmp_path) for one in arguments]
    try:
        code = main(["export", str(home / "model.skops"), *arguments])
    except SystemExit as stopped:
        code = stopped.code
    assert code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
