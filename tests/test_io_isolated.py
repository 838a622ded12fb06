"""Readers in a process of their own, with limits."""

import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_logitprod.io import (
    aggregate,
    isolated,
    read_embeddings,
    read_panel,
    read_tables,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux")


def written(tmp_path, name="uni.csv", **columns):
    n = 12
    rng = np.random.default_rng(0)
    proba = rng.uniform(0.1, 0.9, n)
    frame = pd.DataFrame({"slide_id": [f"s{i}" for i in range(n)], **columns})
    path = tmp_path / name
    frame.assign(prob_n=proba, prob_t=1.0 - proba).to_csv(path, index=False)
    return path


def same(a, b):
    """Whether fields are the same, to the bit and to the type."""
    assert type(a) is type(b)
    for name, own in vars(a).items():
        other = getattr(b, name)
        assert type(own) is type(other)
        if isinstance(own, pd.DataFrame):
            pd.testing.assert_frame_equal(own, other, check_exact=True)
        elif isinstance(own, np.ndarray):
            assert own.dtype == other.dtype
            np.testing.assert_array_equal(own, other)
        else:
            assert own == other


@pytest.mark.parametrize("kind", ["classes", "survival", "numbers", "patients"])
def test_the_same_outputs(tmp_path, kind):
    said = {
        "classes": {"label": ["n", "t"] * 6},
        "survival": {"event": [0, 1] * 6, "time": np.arange(12) + 0.5},
        "numbers": {"label": [1, 2, 3] * 4},
        "patients": {"label": ["n", "t"] * 6, "patient": np.repeat(range(6), 2)},
    }[kind]
    path = written(tmp_path, **said)
    options = {"label": "label"}
    if kind == "survival":
        options = {"input": "risk", "columns": "prob_n", "event": "event", "time": "time"}
    elif kind == "numbers":
        options = {"input": "mean", "columns": "prob_n", "target": "label"}
    elif kind == "patients":
        options["group"] = "patient"
    files = {"uni": path}
    same(isolated(read_tables, files, **options), read_tables(files, **options))


def test_the_same_panel(tmp_path):
    path = written(tmp_path, **{"egfr": np.linspace(0.1, 0.9, 12)})
    truth = tmp_path / "truth.csv"
    pd.DataFrame({"slide_id": [f"s{i}" for i in range(12)], "egfr": [0, 1] * 6}).to_csv(truth)
    files = {"uni": path}
    options = {"truth": truth, "labels": ["egfr"], "input": "proba"}
    same(isolated(read_panel, files, **options), read_panel(files, **options))


def test_the_same_embeddings(tmp_path):
    h5py = pytest.importorskip("h5py")
    labels = written(tmp_path, "labels.csv", label=["n", "t"] * 6, patient=np.repeat(range(6), 2))
    folder = tmp_path / "uni"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(12):
        with h5py.File(folder / f"s{i}.h5", "w") as file:
            file["features"] = rng.normal(size=(5, 8)).astype(np.float32)
    args = {"uni": folder}, labels, "slide_id"
    options = {"label": "label", "group": "patient"}
    same(isolated(read_embeddings, *args, **options), read_embeddings(*args, **options))


def test_warnings_and_errors_come_through(tmp_path):
    path = written(tmp_path, label=["n", "t"] * 6)
    other = tmp_path / "conch.csv"
    other.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    files = {"uni": path, "conch": other}
    with warnings.catch_warnings(record=True) as expected:
        warnings.simplefilter("always")
        read_tables(files, label="label")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        isolated(read_tables, files, label="label")
    assert expected
    assert [str(w.message) for w in caught] == [str(w.message) for w in expected]
    assert {w.filename for w in caught} == {__file__}
    with pytest.raises(ValueError, match=r"none\.csv.*no such file"):
        isolated(read_tables, {"uni": tmp_path / "none.csv"}, label="label")


def test_time_is_limited(tmp_path):
    with pytest.raises(ValueError, match=r"uni\.csv.* did not end within 0\.001 s.*seconds="):
        isolated(read_tables, {"uni": written(tmp_path)}, label="label", seconds=0.001)


def test_memory_is_limited(tmp_path):
    path = tmp_path / "uni.npz"
    n = 8_000_000
    np.savez_compressed(path, proba=np.zeros((n, 2), np.float64), label=np.zeros(n, np.int8))
    with pytest.raises(ValueError, match=r"uni\.npz.*memory"):
        isolated(read_tables, {"uni": path}, label="label", memory=2**26)


def test_a_process_that_dies_says_how(tmp_path, monkeypatch):
    from sklearn_logitprod.io import isolated as _  # noqa: F401

    module = sys.modules["sklearn_logitprod.io.isolated"]
    monkeypatch.setattr(module, "_CHILD", "import os; os.kill(os.getpid(), 11)")
    with pytest.raises(ValueError, match=r"uni\.csv.*ended without an answer \(by SIGSEGV\)"):
        isolated(read_tables, {"uni": written(tmp_path)}, label="label")


def test_a_process_that_is_not_to_be_trusted_runs_nothing_here(tmp_path, monkeypatch):
    module = sys.modules["sklearn_logitprod.io.isolated"]
    mark = tmp_path / "mark"
    for answer in (
        '{"warnings": [], "result": ["ExpertOutputs", {"values": ["array"]}]}\\n\\x80\\x04',
        f'{{"warnings": [["system", "touch {mark}"]], "error": ["exec", "x"]}}\\n',
        "\\x80\\x04cos\\nsystem\\n",
    ):
        monkeypatch.setattr(module, "_CHILD", f"import sys; sys.stdout.write('{answer}')")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(ValueError, match=r"."):
                isolated(read_tables, {"uni": written(tmp_path)}, label="label")
    assert not mark.exists()


@pytest.mark.parametrize(
    ("reader", "options", "error", "match"),
    [
        ("read_tables", {}, TypeError, "one of read_clam, read_embeddings"),
        (aggregate, {}, TypeError, "one of read_clam, read_embeddings"),
        (read_tables, {"seconds": 0}, ValueError, "seconds=0 is no time"),
        (read_tables, {"memory": 4}, ValueError, r"in bytes.*4 GiB are 2\*\*32"),
    ],
)
def test_refused(reader, options, error, match):
    with pytest.raises(error, match=match):
        isolated(reader, ["uni.csv"], **options)


def test_memory_without_a_way_to_limit_it(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(ValueError, match="memory=None"):
        isolated(read_tables, ["uni.csv"])
