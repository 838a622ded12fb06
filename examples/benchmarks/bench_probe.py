"""From folders of features to an answer: ``logitprod probe`` on real features, and its time.

``python examples/benchmarks/bench_probe.py`` writes the feature tables of the development
collection (see ``tasks.py`` and ``bench_views.py``) as folders of HDF5, a file per slide, and as
tables, runs ``logitprod probe`` on both, and says whether they agree, and how LogitProd compares
with the best encoder of each split and with concatenated features. ``--time`` writes 1000 synthetic
slides of five encoders with 1024 features, and says how long a comparison in repeated 5 folds takes
from these folders, with a cache that is empty, then full, and then with a sixth encoder.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
import pandas as pd
from bench_views import problems, slides
from tasks import data_directory

from sklearn_logitprod.cli import main


def write(folder, X, y):
    """Folders of HDF5 and tables of each encoder, and labels; their arguments."""
    folder = Path(folder)
    names = list(dict.fromkeys(X.columns.get_level_values(0)))
    ids = [f"slide{number:04d}" for number in range(len(X))]
    pd.DataFrame({"slide_id": ids, "label": y}).to_csv(folder / "labels.csv", index=False)
    found = {"folders": [], "tables": []}
    for name in names:
        values = X[name].to_numpy(dtype=np.float32)
        (folder / name).mkdir()
        present = ~np.isnan(values).any(axis=1)
        for row in np.flatnonzero(present):
            with h5py.File(folder / name / f"{ids[row]}.h5", "w") as file:
                file["features"] = values[row]
        table = pd.DataFrame(values, columns=[f"f{j}" for j in range(values.shape[1])])
        table.insert(0, "slide_id", ids)
        table[present].to_parquet(folder / f"{name}.parquet")
        found["folders"].append(f"{name}={folder / name}")
        found["tables"].append(f"{name}={folder / name}.parquet")
    return found


def probe(files, folder, *options):
    """Table of a run of the command, what it printed, and its seconds."""
    out = Path(folder) / "table.csv"
    command = ["probe", *files, "--labels", str(Path(folder) / "labels.csv"), "--label", "label"]
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        code = main([*command, "--out", str(out), "--force", "--quiet", *options])
    if code:
        raise SystemExit(code)
    seconds = time.perf_counter() - start
    return pd.read_csv(out, index_col="method"), printed.getvalue(), seconds


def compare(data, n_repeats, n_jobs):
    print(
        f"{'task':28s} {'best encoder':>13s} {'concatenation':>14s} {'LogitProd':>10s} "
        f"{'fits, s':>12s} {'tables':>8s}"
    )
    rows = []
    for name, X, y, _ in problems(data):
        with TemporaryDirectory() as folder:
            files = write(folder, X, y)
            options = ["--repeats", str(n_repeats), "--jobs", str(n_jobs), "--cache", folder]
            table, _, _ = probe(files["folders"], folder, *options)
            other, printed, _ = probe(files["tables"], folder, *options)
        losses = table["log_loss_mean"]
        methods = ["best expert", "concatenated features", "LogitProd"]
        rows.append(losses[methods].to_numpy())
        same = np.allclose(other["log_loss_mean"], losses, rtol=1e-9) and " 0 of " in printed
        times = table["fit_seconds"]
        print(
            f"{name:28s} {rows[-1][0]:13.4f} {rows[-1][1]:14.4f} {rows[-1][2]:10.4f} "
            f"{times['concatenated features']:5.2f} {times['LogitProd']:6.2f} "
            f"{'the same' if same else 'DIFFER':>8s}",
            flush=True,
        )
    best, whole, fused = np.mean(rows, axis=0)
    print(f"{'mean':28s} {best:13.4f} {whole:14.4f} {fused:10.4f}")


def measure(n_repeats, n_jobs):
    X, y = slides(n_encoders=6)
    with TemporaryDirectory() as folder:
        files = write(folder, X, y)["folders"]
        options = ["--repeats", str(n_repeats), "--jobs", str(n_jobs), "--cache", f"{folder}/cache"]
        runs = (("empty", files[:5]), ("full", files[:5]), ("a sixth encoder", files))
        for what, own in runs:
            cpu = time.process_time()
            table, printed, seconds = probe(own, folder, *options)
            cpu = time.process_time() - cpu
            heads = next(line for line in printed.splitlines() if line.startswith("heads"))
            # what workers take is not known here
            text = f", {cpu:.1f} s of CPU" if n_jobs == 1 else ""
            print(f"cache {what}, {n_jobs} jobs: {seconds:.1f} s{text}; {heads}", flush=True)
        print(table["fit_seconds"].dropna().to_string())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="directory of the development collection")
    parser.add_argument("--repeats", type=int, default=1, help="of 5-fold cross-validation")
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.time:
        measure(arguments.repeats, arguments.jobs)
    else:
        compare(data_directory(arguments.data), arguments.repeats, arguments.jobs)
