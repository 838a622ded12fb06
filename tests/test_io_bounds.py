"""Files that turn into much more than they are, and containers that hold each other."""

import gzip
import pickle
import zipfile

import numpy as np
import pandas as pd
import pytest

from sklearn_logitprod.io import _bounds, read_embeddings, read_tables

TABLE = "slide_id,label,prob_n,prob_t\n" + "s1,n,0.9,0.1\ns2,t,0.2,0.8\n"


@pytest.fixture
def small(monkeypatch):
    """Bounds that small files meet."""
    monkeypatch.setattr(_bounds, "MOST_BYTES", 100_000)


def refused(path, read):
    with pytest.raises(ValueError, match="claims to hold") as caught:
        read()
    assert str(path) in str(caught.value)
    assert "no complete" not in str(caught.value)


def tables(path):
    return lambda: read_tables({"uni": path}, label="label")


def test_gzip(tmp_path, small):
    path = tmp_path / "uni.csv.gz"
    path.write_bytes(gzip.compress((TABLE + " " * 1_000_000).encode()))
    refused(path, tables(path))
    path.write_bytes(gzip.compress(TABLE.encode()))
    assert len(tables(path)().y) == 2


def test_npz(tmp_path, small):
    path = tmp_path / "uni.npz"
    np.savez_compressed(path, proba=np.full((100_000, 2), 0.5))
    refused(path, tables(path))


def test_sheet(tmp_path, small):
    path = tmp_path / "uni.xlsx"
    pd.DataFrame({"slide_id": ["s1"], "label": ["n"], "prob_n": [1.0]}).to_excel(path, index=False)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/large.xml", " " * 2_000_000)
    refused(path, tables(path))


def test_parquet_of_one_value(tmp_path, small):
    pytest.importorskip("pyarrow")
    path = tmp_path / "uni.parquet"
    n = 200_000
    frame = pd.DataFrame({"slide_id": 0, "label": 0, "prob_0": 0.5, "prob_1": 0.5}, index=range(n))
    frame.to_parquet(path)
    refused(path, tables(path))


def test_features_that_claim_to_be_many(tmp_path, small):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "uni" / "s1.h5"
    path.parent.mkdir()
    with h5py.File(path, "w") as file:
        # no chunk of it is in the file
        file.create_dataset("features", (10_000_000, 1024), "f4", chunks=(64, 1024))
    refused(path, lambda: read_embeddings({"uni": path.parent}))


def test_a_tensor_of_one_number_ten_million_times(tmp_path, small):
    torch = pytest.importorskip("torch")
    path = tmp_path / "uni" / "s1.pt"
    path.parent.mkdir()
    torch.save(torch.ones(1, 8).expand(10_000_000, 8), path)
    refused(path, lambda: read_embeddings({"uni": path.parent}))


@pytest.mark.parametrize("suffix", [".pkl", ".pt"])
@pytest.mark.parametrize("itself", [True, False])
def test_containers_that_hold_each_other(tmp_path, suffix, itself):
    path = tmp_path / "uni" / f"s1{suffix}"
    path.parent.mkdir()
    held = [np.ones(3)]
    for _ in range(60):
        held = [held, held]
    if itself:
        held.append(held)
    if suffix == ".pkl":
        path.write_bytes(pickle.dumps(held))
    else:
        torch = pytest.importorskip("torch")
        torch.save(held, path)
    with pytest.raises(ValueError, match=r"hold more than|no complete file of torch") as caught:
        read_embeddings({"uni": path.parent})
    assert str(path) in str(caught.value)


def test_what_is_large_but_packed_as_others_are_is_read(tmp_path, small):
    path = tmp_path / "uni.csv.gz"
    rng = np.random.default_rng(0)
    proba = rng.random(5000)
    frame = pd.DataFrame({"slide_id": range(5000), "label": rng.integers(2, size=5000)})
    frame.assign(prob_0=proba, prob_1=1.0 - proba).to_csv(path, index=False)
    assert len(gzip.decompress(path.read_bytes())) > _bounds.MOST_BYTES
    assert len(tables(path)().y) == 5000
