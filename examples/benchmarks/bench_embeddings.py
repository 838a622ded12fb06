"""Time and memory of ``read_embeddings`` on features of patches.

    python examples/benchmarks/bench_embeddings.py [--slides 200] [--patches 20000]
        [--features 1024] [--pool mean] [--dense] [--folder DIR]

One HDF5 file per slide, of shape (patches, features) in float32, of which the first chunk alone is
on disk unless ``--dense``: HDF5 then makes up the zeros, but every number is read, checked and
pooled. The files are written and read by processes of their own. Memory is the peak of the one that
reads, imports included; the means are compared with what was written.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

CHUNK = 500


def first_chunk(slide, n_features):
    """Features of the first patches of a slide."""
    rng = np.random.default_rng(slide)
    return rng.normal(size=(CHUNK, n_features)).astype(np.float32) + slide % 7


def write(folder, args):
    """The files."""
    for slide in range(args.slides):
        chunk = first_chunk(slide, args.features)
        with h5py.File(folder / f"slide_{slide:04d}.h5", "w") as file:
            features = file.create_dataset(
                "features",
                (args.patches, args.features),
                np.float32,
                chunks=(CHUNK, args.features),
            )
            for start in range(0, args.patches if args.dense else 1, CHUNK):
                features[start : start + CHUNK] = chunk[: args.patches - start]
            file["coords"] = np.zeros((args.patches, 2), dtype=np.int64)


def measure(folder, args):
    """Print seconds, MiB, and the largest error of a mean."""
    from sklearn_logitprod.io import read_embeddings

    start = time.perf_counter()
    embeddings = read_embeddings({"uni": folder}, pool=args.pool, verbose=1)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    share = 1.0 if args.dense else CHUNK / args.patches
    expected = np.array(
        [
            first_chunk(slide, args.features).mean(axis=0, dtype=float)
            for slide in range(args.slides)
        ]
    )
    found = embeddings.X.to_numpy()[:, : args.features]
    print(seconds, peak, np.abs(found - share * expected).max())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slides", type=int, default=200)
    parser.add_argument("--patches", type=int, default=20_000)
    parser.add_argument("--features", type=int, default=1024)
    parser.add_argument("--pool", choices=("mean", "mean_std"), default="mean")
    parser.add_argument("--dense", action="store_true", help="all patches are on disk")
    parser.add_argument("--folder", type=Path, help="where files go; a temporary folder if not")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.patches % CHUNK:
        parser.error(f"--patches is a multiple of {CHUNK}")
    if args.measure:
        return measure(args.measure, args)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        write(Path(folder), args)
        command = [sys.executable, __file__, *sys.argv[1:], "--measure", folder]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seconds, peak, error = map(float, done.stdout.split())
    size = args.slides * args.patches * args.features * 4 / 2**30
    print(
        f"{args.slides} slides x {args.patches:,} patches x {args.features} features "
        f"({size:.1f} GiB as float32), pool={args.pool!r}: {seconds:.1f} s, {peak:.0f} MiB, "
        f"largest error of a mean {error:.1e}"
    )
    return None


if __name__ == "__main__":
    main()
