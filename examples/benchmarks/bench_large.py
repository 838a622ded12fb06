"""Fits and predictions on millions of rows in a memory-mapped float32 file.

``python examples/benchmarks/bench_large.py`` writes experts' logits of 10^6 and 10^7 rows
x 6 experts x 2 classes to a temporary directory (480 MB for the larger file), and runs
each fit, each prediction and what comes after a fit in a process of its own, whose peak of
resident memory beyond the pages of the file is reported with the time per row.
``--device cuda`` adds fits there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

N_EXPERTS, N_CLASSES, CHUNK = 6, 2, 1_000_000
MAX_MEMORY, MAX_RATIO = 2.0, 1.2  # GiB beyond the input's pages; time per row, 10^7 over 10^6
# seconds for a million rows on two cores
MAX_SECONDS = {"linear gate fit": 4.0, "auto fit": 8.0}
MILLION = 1_000_000
TASKS = {
    "constant fit": {"gate_width": None},
    "linear gate fit": {"gate_width": 0},
    "auto fit": {"gate_width": "auto"},
}
AFTER = ("predict_proba", "adapt", "adapt_prior", "certify")
"""What a model that is fitted on few rows does with many."""


def write_problem(folder, n_samples, seed=0):
    """Logits of experts of unequal skill, in blocks; labels beside them."""
    shape = n_samples, N_EXPERTS, N_CLASSES
    logits = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float32, shape)
    labels = np.empty(n_samples, dtype=np.int8)
    skill = np.linspace(0.6, 2.4, N_EXPERTS)
    for number, start in enumerate(range(0, n_samples, CHUNK)):
        rng = np.random.default_rng([seed, number])
        n = min(CHUNK, n_samples - start)
        y = rng.integers(N_CLASSES, size=n)
        block = rng.normal(size=(n, 1, N_CLASSES)) + rng.normal(size=(n, *shape[1:]))
        block[np.arange(n), :, y] += skill
        logits[start : start + n], labels[start : start + n] = block, y
    logits.flush()
    np.save(folder / "y.npy", labels)


class PeakMemory(threading.Thread):
    """Highest resident memory that is not the pages of a file, in bytes."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak, self.ended = 0, threading.Event()

    @staticmethod
    def now():
        """Anonymous and shared resident memory, from the kernel's own count."""
        status = Path("/proc/self/status").read_text(encoding="ascii")
        fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        return sum(int(fields[name].split()[0]) * 1024 for name in ("RssAnon", "RssShmem"))

    def run(self):
        """Look every 20 ms."""
        while not self.ended.wait(0.02):
            self.peak = max(self.peak, self.now())


def work(folder, task, device):
    """One task in this process: its seconds and peak of memory beyond the start's."""
    from sklearn_logitprod import LogitProdClassifier, deployment

    X = np.load(Path(folder) / "X.npy", mmap_mode="r")
    y = np.load(Path(folder) / "y.npy")
    if task in AFTER:
        # on rows that are not in the file
        model = LogitProdClassifier(gate_width=None).fit(-X[:10_000, :, ::-1], y[:10_000])
        model = deployment.with_safety(model, 0.05)
    else:
        model = LogitProdClassifier(**TASKS[task], device=device)
        # what is loaded once is no part of the time per row
        model.fit(X[:1000], y[:1000])
    before, watch = PeakMemory.now(), PeakMemory()
    watch.start()
    start = time.perf_counter(), time.process_time()
    if task == "predict_proba":
        out = model.predict_proba(X)
    elif task == "adapt_prior":
        deployment.adapt_prior(model, X)
    elif task in AFTER:
        getattr(deployment, task)(model, X, y)
    else:
        out = model.fit(X, y).guarantee_gap_
    seconds, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
    watch.ended.set()
    watch.join()
    result = {"seconds": seconds, "cpu": cpu, "memory": watch.peak - before}
    if task == "predict_proba":
        result["output"] = out.nbytes
    elif task in TASKS:
        result |= {"gap": out, "iterations": model.n_iter_}
    print(json.dumps(result))


def measure(sizes, tasks, device):
    """Results by task and number of rows, each from a fresh process."""
    results = {}
    for n_samples in sizes:
        with tempfile.TemporaryDirectory() as folder:
            write_problem(Path(folder), n_samples)
            for task in tasks:
                command = [sys.executable, __file__, "--work", folder, task, device]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                result = json.loads(done.stdout.splitlines()[-1])
                results[task, n_samples] = result
                print(
                    f"{task:16} {n_samples:>10} rows  {result['seconds']:8.2f} s  "
                    f"{result['cpu']:8.2f} s of CPU  "
                    f"{1e6 * result['seconds'] / n_samples:7.3f} us/row  "
                    f"{result['memory'] / 2**30:5.2f} GiB" + _extra(result),
                    flush=True,
                )
    return results


def _extra(result):
    if "gap" in result:
        return f"  gap {result['gap']:.1e}  {result['iterations']} iterations"
    if "output" in result:
        return f", of which {result['output'] / 2**30:.2f} are the output"
    return ""


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--tasks", nargs="+", default=[*TASKS, *AFTER])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.work:
        work(*options.work)
        return 0
    print(f"{os.cpu_count()} cores, OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'unset')}")
    results = measure(options.rows, options.tasks, options.device)
    met = True
    small, large = min(options.rows), max(options.rows)
    for task in options.tasks:
        pair = [results[task, n]["seconds"] / n for n in (small, large)]
        memory = max(results[task, n]["memory"] for n in options.rows) / 2**30
        good = pair[1] <= MAX_RATIO * pair[0] and memory <= MAX_MEMORY
        met &= good
        if task in MAX_SECONDS and MILLION in options.rows:
            seconds, most = results[task, MILLION]["seconds"], MAX_SECONDS[task]
            met &= seconds <= most
            verdict = "met" if seconds <= most else "missed"
            print(f"{task}: {seconds:.2f} s for {MILLION} rows (<= {most:g}): {verdict}")
        print(
            f"{task}: {memory:.2f} GiB (<= {MAX_MEMORY:g}), time per row {pair[1] / pair[0]:.2f} "
            f"times that at {small} rows (<= {MAX_RATIO:g}): {'met' if good else 'missed'}"
        )
    return int(options.check and not met)


if __name__ == "__main__":
    sys.exit(main())
