"""Time and memory of ``read_tables`` against ``pandas.read_csv`` of the same files.

    python examples/benchmarks/bench_read_tables.py [--rows 2000000] [--rounds 5]

Three files of one binary task with probabilities of both classes, the first in order, the
others shuffled. Every figure is of a process of its own; both ways take turns. Memory is the
peak of the process beyond what its imports take, beside the size of the three frames.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

NAMES = ("uni", "conch", "virchow")


def write(folder, n_rows):
    """The three files."""
    rng = np.random.default_rng(0)
    ids = np.array([f"slide_{i:07d}" for i in range(n_rows)])
    labels = np.where(rng.random(n_rows) < 0.5, "normal", "tumour")
    for m, name in enumerate(NAMES):
        order = rng.permutation(n_rows) if m else np.arange(n_rows)
        p = rng.random(n_rows)
        columns = {"slide_id": ids[order], "label": labels[order]}
        columns |= {"prob_normal": 1 - p, "prob_tumour": p}
        pd.DataFrame(columns).to_csv(folder / f"{name}.csv", index=False)


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(way, folder, n_rows):
    """Print seconds, MiB beyond the imports, and MiB of the frames."""
    from sklearn_logitprod.io import read_tables

    if way == "write":
        return write(folder, n_rows)
    paths = [folder / f"{name}.csv" for name in NAMES]
    before, size, start = peak(), 0.0, time.perf_counter()
    if way == "pandas":
        frames = [pd.read_csv(path) for path in paths]
    else:
        read_tables(paths, label="label")
    seconds = time.perf_counter() - start
    if way == "pandas":
        size = sum(frame.memory_usage(deep=True).sum() for frame in frames) / 2**20
    print(seconds, peak() - before, size)
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--measure", choices=("write", "pandas", "tables"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        return measure(args.measure, args.folder, args.rows)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--rows", str(args.rows), "--folder", folder]
        # in a process of its own, too: a peak of memory is handed down to children
        subprocess.run([*command, "--measure", "write"], check=True)
        found = {"pandas": [], "tables": []}
        for _ in range(args.rounds):
            for way, own in found.items():
                own_command = [*command, "--measure", way]
                said = subprocess.run(own_command, capture_output=True, text=True, check=True)
                own.append([float(text) for text in said.stdout.split()])
    pandas, tables = (np.array(own) for own in found.values())
    frames = np.median(pandas[:, 2])
    for way, own in (("pandas.read_csv", pandas), ("read_tables", tables)):
        seconds, memory = np.median(own[:, :2], axis=0)
        print(f"{way:16} {seconds:6.2f} s  {memory:6.0f} MiB  ({memory / frames:.2f} x the frames)")
    print(f"frames {frames:.0f} MiB")
    ratios = tables[:, 0] / pandas[:, 0]
    print(f"time, ratio of each round: {' '.join(f'{r:.2f}' for r in ratios)}")
    return None


if __name__ == "__main__":
    main()
