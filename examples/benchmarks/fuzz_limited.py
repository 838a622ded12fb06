"""Throw damaged HDF5, Parquet and Feather files at the readers, each in a child with limits.

    python examples/benchmarks/fuzz_limited.py --minutes 30

Their C libraries can loop, take all memory or crash on some of them, which nothing here can mend:
how often is counted. What a child answers is held to the same as other formats: a result, or a
ValueError of one line that names the file. Files that end a child are read again by
`sklearn_logitprod.io.isolated`, which has to end in such an error, too.
"""

import argparse
import io
import os
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow.feather
import pyarrow.parquet

from sklearn_logitprod.io import isolated, read_embeddings, read_tables
from sklearn_logitprod.io._child import limit

SECONDS, MEMORY = 10, 1 << 30
READ, REFUSED, FAULT = 0, 10, 11
NUMBERS = [0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 253, 254, 255]


def frame():
    n = 40
    proba = np.random.default_rng(0).uniform(0.05, 0.95, n)
    truth = {"slide_id": [f"s{i}" for i in range(n)], "label": ["n", "t"] * (n // 2)}
    return pd.DataFrame({**truth, "p_n": proba, "p_t": 1.0 - proba})


def hdf5(**options):
    file = io.BytesIO()
    rows = np.random.default_rng(0).normal(size=(60, 16)).astype(np.float32)
    with h5py.File(file, "w", libver=options.pop("libver", None)) as content:
        content.create_dataset("features", data=rows, **options)
        content.create_dataset("coords", data=np.arange(120).reshape(60, 2))
        content.attrs["encoder"] = "uni"
    return file.getvalue()


def parquet(**options):
    file = io.BytesIO()
    frame().to_parquet(file, index=False, **options)
    return file.getvalue()


def feather(**options):
    file = io.BytesIO()
    pyarrow.feather.write_feather(frame(), file, **options)
    return file.getvalue()


def seeds():
    """Pairs of an extension and a valid file."""
    yield ".h5", hdf5()
    yield ".h5", hdf5(chunks=(8, 16), compression="gzip", shuffle=True)
    yield ".h5", hdf5(libver="latest", chunks=(8, 16), maxshape=(None, 16), fletcher32=True)
    for compression in (None, "snappy", "zstd", "gzip"):
        yield ".parquet", parquet(compression=compression)
    yield ".parquet", parquet(use_dictionary=False, data_page_version="2.0", row_group_size=10)
    yield ".feather", feather(compression="uncompressed")
    yield ".feather", feather(compression="zstd")


def mutated(content, random):
    """The bytes with one to eight things wrong with them."""
    content = bytearray(content)
    for _ in range(random.integers(1, 9)):
        at = int(random.integers(len(content)))
        n = int(random.integers(1, 9))
        kind = random.integers(6)
        if kind == 0:
            content[at] ^= 1 << int(random.integers(8))
        elif kind == 1:
            content[at] = NUMBERS[random.integers(len(NUMBERS))]
        elif kind == 2:
            # a length, an offset or a count
            number = int(random.choice([0, 1, 2**16, 2**31 - 1, 2**32, 2**62, 2**64 - 1]))
            width = int(random.choice([2, 4, 8]))
            content[at : at + width] = (number % 256**width).to_bytes(width, "little")
        elif kind == 3:
            del content[at : at + n]
        elif kind == 4:
            source = int(random.integers(len(content)))
            content[at:at] = content[source : source + n]
        else:
            source = int(random.integers(len(content)))
            content[at : at + n] = content[source : source + n]
        if not content:
            return b"\0"
    if random.random() < 0.05:
        del content[int(random.integers(1, len(content) + 1)) :]
    return bytes(content)


def call_of(path, suffix):
    """Reader and its arguments for a file."""
    if suffix == ".h5":
        return read_embeddings, ({"uni": path.parent},), {"verbose": False}
    return read_tables, ({"uni": path},), {"label": "label", "verbose": False}


def fault_of(error, path):
    """What is wrong with how a reader refused; None if nothing is."""
    text = str(error)
    if not isinstance(error, ValueError):
        return f"{type(error).__name__}: {error}"
    if "\n" in text or not (path.name in text or path.parent.name in text):
        return f"not one line that names the file: {text!r}"
    return None


def in_child(path, suffix):
    """Exit code of a child that reads; negative where a signal ended it."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = FAULT
    try:
        limit(SECONDS / os.cpu_count(), MEMORY)
        reader, args, kwargs = call_of(path, suffix)
        warnings.simplefilter("ignore")
        try:
            reader(*args, **kwargs)
            code = READ
        except Exception as error:
            fault = fault_of(error, path)
            code = REFUSED if fault is None else FAULT
            if fault is not None:
                os.write(2, f"{path}: {fault}\n".encode())
    finally:
        os._exit(code)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    random = np.random.default_rng(options.seed)
    root = Path(tempfile.mkdtemp(prefix="fuzz"))
    valid, found, n_faults, n_again = list(seeds()), Counter(), 0, 0
    end = time.monotonic() + 60.0 * options.minutes
    while time.monotonic() < end:
        suffix, content = valid[random.integers(len(valid))]
        path = root / f"uni{suffix[1:]}" / f"s1{suffix}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(mutated(content, random))
        code = in_child(path, suffix)
        found[suffix, code] += 1
        if code == FAULT:
            n_faults += 1
            path.rename(root / f"fault{n_faults}{suffix}")
        elif code < 0 and found[suffix, code] <= 20:
            # each kind of end, some times: what takes long takes as long again
            n_again += 1
            reader, args, kwargs = call_of(path, suffix)
            try:
                isolated(reader, *args, seconds=2 * SECONDS, memory=MEMORY, **kwargs)
            except Exception as error:
                fault = fault_of(error, path)
                if fault is not None:
                    n_faults += 1
                    print(f"isolated: {fault}")
    names = {READ: "read", REFUSED: "refused", FAULT: "fault"}
    for (suffix, code), n in sorted(found.items()):
        what = names.get(code) or (signal.Signals(-code).name if code < 0 else f"code {code}")
        print(f"{suffix:10} {what:12} {n:8}")
    print(f"{found.total()} files, {n_again} read again by `isolated`, {n_faults} faults in {root}")
    return int(n_faults > 0)


if __name__ == "__main__":
    sys.exit(main())
