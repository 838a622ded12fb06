"""Everything that was measured, again: ``python examples/benchmarks/record.py FOLDER``.

Runs the scripts whose output pages of the documentation hold, one after the other, with one
thread each, and writes what each prints, and how long it took, to a file of its own in FOLDER.
What is there already is not run again, so that an interrupted record goes on. ``--list`` prints
the commands by page, ``--pages`` runs those of some pages. Needs the bank, the development
collection, and what single scripts ask for (atheris, AutoGluon, the tables of
``bench_regression.py``): what lacks something says so in its file and counts as not done. Many
hours on two cores; times are worth something on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

from bank import bank_directory
from bench_deployment import PARTS as DEPLOYMENT

HERE = Path(__file__).parent
PAGES = {
    "README": ["bench_install.py"],
    "benchmark": [
        "suite.py --csv {folder}/suite.csv --bank {bank} --cache {folder}/cache --page {folder}"
    ],
    "automatic_gate": [
        "bench_path.py --cache {folder}/cache",
        "bench_bank.py --collections bank --repeats 4 --cache {folder}/cache",
        "bench_bank.py --collections data --repeats 2 --cache {folder}/cache"
        " --without 'logistic CV on log-probabilities'",
    ],
    "survival": [
        "bench_survival.py --csv {folder}/survival.csv",
        "bench_bank_survival.py --cache {folder}/cache",
        "bench_survival_ideas.py --cache {folder}/cache",
    ],
    "regression": ["bench_regression.py --per-table", "bench_regression.py --time"],
    "panels": ["bench_panels.py --repeats 3", "bench_panels.py --time"],
    "partial_labels": ["bench_partial.py --repeats 1"],
    "patients": ["bench_aggregate.py"],
    "deployment": [f"bench_deployment.py {part}" for part in DEPLOYMENT],
    "views": [
        "bench_views.py",
        "bench_views.py --time --repeats 5 --jobs 1",
        "bench_views.py --time --repeats 5 --jobs 2",
        "bench_heads.py --repeats 5",
    ],
    "probe": [
        "bench_probe.py",
        "bench_probe_variants.py",
        "bench_probe.py --time --repeats 5 --jobs 2",
    ],
    "embeddings": ["bench_embeddings.py"],
    "export": ["bench_export.py"],
    "comparing": ["bench_paired_auc.py"],
    "interfaces": ["run_interfaces.py"],
    "large_data": ["bench_fit.py", "bench_large.py"],
    "robustness": [
        "bench_sensitivity.py",
        "../../tests/test_memory.py --lives 1000",
        "../../tests/test_state_machine.py --lives 1000 --steps 30",
        "fuzz_readers.py -max_total_time=1800",
        "fuzz_limited.py --minutes 30",
    ],
}


def file_of(command):
    """Name of the file that holds what a command prints."""
    words = command.replace(".py", "").replace("{folder}/", "").replace("../", "")
    return "_".join("".join(c if c.isalnum() else " " for c in words).split()) + ".txt"


def measure(command, folder):
    """Run a command; its file has its name only once it has ended well."""
    path = folder / file_of(command)
    if path.exists():
        return "there already"
    line = command.format(folder=folder, bank=bank_directory())
    script, *options = shlex.split(line)
    under_way = path.with_suffix(".running")
    started = time.perf_counter()
    with open(under_way, "w") as file:
        print(line, time.strftime("%Y-%m-%d"), sep="\n", file=file, flush=True)
        code = subprocess.run(
            [sys.executable, str(HERE / script), *options],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        ).returncode
        seconds = time.perf_counter() - started
        print(f"{seconds:.0f} s, exit {code}", file=file)
    if code:
        return f"failed after {seconds:.0f} s, see {under_way}"
    under_way.rename(path)
    return f"{seconds:.0f} s"


def main():
    """Run what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="for the files, made if it is absent")
    parser.add_argument("--pages", nargs="+", choices=PAGES, default=list(PAGES))
    parser.add_argument("--list", action="store_true", help="print the commands, run nothing")
    options = parser.parse_args()
    if options.list:
        for page in options.pages:
            print(page, *(f"    {command}" for command in PAGES[page]), sep="\n")
        return 0
    if options.folder is None:
        parser.error("name a folder for the files, or ask for --list")
    folder = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for page in options.pages:
        for command in PAGES[page]:
            print(f"{page}: {command}", end=" ", flush=True)
            outcomes.append(measure(command, folder))
            print(outcomes[-1], flush=True)
    return int(any(outcome.startswith("failed") for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
