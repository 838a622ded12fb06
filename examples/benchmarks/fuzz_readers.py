"""Throw mutated files at the readers, guided by coverage.

    python -m pip install atheris
    python examples/benchmarks/fuzz_readers.py -max_total_time=600

Whatever the bytes, a reader returns its result or raises a ValueError of one line that
names the file, and does so without running anything and within seconds. Anything else stops
the run; libFuzzer then writes the bytes to ``crash-*``. The corpus starts from valid files of
each layout. Not part of the tests: atheris exists for few platforms.
"""

import io
import pickle
import sys
import tempfile
import warnings
from pathlib import Path

import atheris
import numpy as np
import pandas as pd
import torch

with atheris.instrument_imports(include=["sklearn_logitprod.io"]):
    from sklearn_logitprod.io import (
        Embeddings,
        ExpertOutputs,
        read_clam,
        read_embeddings,
        read_logitprod,
        read_mcat,
        read_nnmil,
        read_panel,
        read_slideflow,
        read_stamp,
        read_tables,
    )

ROOT = Path(tempfile.mkdtemp(prefix="fuzz", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
PROBA = "slide_id,label,p_n,p_t\ns1,n,0.9,0.1\ns2,t,0.3,0.7\n"
RISK = "slide_id,risk,event,time\ns1,0.5,1,3.5\ns2,-1,0,7\n"


def table(suffix, **params):
    def read():
        return read_tables({"uni": ROOT / f"uni{suffix}"}, **{"label": "label", **params})

    return f"uni{suffix}", read


def features(suffix):
    return f"features{suffix}/s1{suffix}", lambda: read_embeddings(
        {"s1": ROOT / f"features{suffix}"}
    )


# One byte of the input chooses among these: the file to write and how it is read. HDF5, Parquet
# and Feather are not among them: their C libraries can loop, take all memory or crash, which would
# end the run. `fuzz_limited.py` has them.
WAYS = [
    table(".csv"),
    table(".csv", label=None, input="risk", event="event", time="time"),
    table(".tsv", input="logits"),
    table(".csv.gz"),
    table(".npz"),
    ("clam/split_0_results.pkl", lambda: read_clam([ROOT / "clam"])),
    ("fold/fold_0.csv", lambda: read_clam([ROOT / "fold"])),
    ("mcat/split_latest_val_0_results.pkl", lambda: read_mcat([ROOT / "mcat"])),
    ("stamp/split-0/patient-preds.csv", lambda: read_stamp([ROOT / "stamp"])),
    ("nnmil/results_simple_mil.csv", lambda: read_nnmil([ROOT / "nnmil"])),
    ("flow/slide_predictions.csv", lambda: read_slideflow([ROOT / "flow"])),
    ("own/uni/split_0/best_val_outputs.npy", lambda: read_logitprod(ROOT / "own")),
    ("own/uni/split_0/best_val_labels.npy", lambda: read_logitprod(ROOT / "own")),
    *map(features, (".pt", ".pth", ".npz", ".npy", ".pkl")),
    table(".jsonl"),
    table(".json"),
    table(".xlsx"),
    table(".csv", label=None, input="mean_std", columns="p_n", std="p_t", target="label"),
    ("panel.csv", lambda: read_panel({"uni": ROOT / "panel.csv"}, ["p_n", "p_t"])),
]


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def seeds():
    """A valid file for each way."""
    frame = pd.read_csv(io.StringIO(PROBA))
    npz, packed = io.BytesIO(), io.BytesIO()
    np.savez(npz, **{name: np.asarray(frame[name], dtype=str) for name in ("slide_id", "label")},
             p_n=frame.p_n, p_t=frame.p_t)  # fmt: skip
    frame.to_csv(packed, index=False, compression="gzip")
    slides = {"s1": {"slide_id": np.array("s1"), "prob": np.array([[0.2, 0.8]]), "label": 1}}
    risks = {"s1": {"slide_id": "s1", "risk": -1.0, "disc_label": 0.0, "survival": 3.0,
                    "censorship": 0.0}}  # fmt: skip
    stamp = "PATIENT,msi,pred,msi_a,msi_b,loss\np1,a,a,0.9,0.1,0.1\np2,b,b,0.2,0.8,0.2\n"
    yield from (PROBA.encode(), RISK.encode(), PROBA.replace(",", "\t").encode())
    yield from (packed.getvalue(), npz.getvalue())
    yield pickle.dumps(slides)
    yield b"slide_id,Y,Y_hat,p_0,p_1\ns1,1,1,0.2,0.8\ns2,0,0,0.9,0.1\n"
    yield pickle.dumps(risks, protocol=2)
    yield stamp.encode()
    yield b"slide_id,patient_id,label,probability\ns1,p1,1,0.8\ns2,p2,0,0.1\n"
    yield b",slide,msi-y_pred0,msi-y_pred1,msi-y_true\n0,s1,0.2,0.8,1.0\n1,s2,0.9,0.1,0.0\n"
    yield from (npy(np.array([[2.0, -1.0], [0.5, 1.5]])), npy(np.array([0, 1])))
    patches = np.array([[1.5, 2.0], [3.0, 0.5]], dtype=np.float32)
    for old in (False, True):
        file = io.BytesIO()
        torch.save(torch.tensor(patches), file, _use_new_zipfile_serialization=not old)
        yield file.getvalue()
    file = io.BytesIO()
    np.savez_compressed(file, features=patches, coords=patches)
    yield from (file.getvalue(), npy(patches), pickle.dumps({"features": patches}))
    sheet = io.BytesIO()
    frame.to_excel(sheet, index=False)
    yield frame.to_json(orient="records", lines=True).encode()
    yield frame.to_json(orient="records").encode()
    yield from (sheet.getvalue(), PROBA.replace("n,", "1.5,").encode(), PROBA.encode())


def one_input(data):
    """Write the bytes where a reader looks for them, and read."""
    if not data:
        return
    name, read = WAYS[data[0] % len(WAYS)]
    path = ROOT / name
    path.write_bytes(data[1:])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = read()
        assert isinstance(found, (ExpertOutputs, Embeddings))
    except ValueError as error:
        text = str(error)
        if "\n" in text or not (path.name in text or path.parent.name in text):
            raise RuntimeError("not one line that names the file") from error
    finally:
        path.unlink()
        if name.startswith("own/"):
            VALID.get(name) and path.write_bytes(VALID[name])


VALID = {}


def main():
    """Write the corpus and start."""
    corpus = ROOT / "corpus"
    corpus.mkdir()
    for number, ((name, _), content) in enumerate(zip(WAYS, seeds(), strict=True)):
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (corpus / f"{number}").write_bytes(bytes([number]) + content)
        if name.startswith("own/"):
            VALID[name] = content
            (ROOT / name).write_bytes(content)
    atheris.Setup([*sys.argv, "-timeout=10", "-rss_limit_mb=4096", str(corpus)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
