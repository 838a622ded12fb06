"""The process in which `isolated` reads: it limits itself, reads, and hands over what it read."""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys
import warnings
from contextlib import suppress
from importlib import import_module

# loaded before memory is limited, so that the limit is that of files
_LIBRARIES = ("pandas", "h5py", "pyarrow.parquet", "pyarrow.feather", "openpyxl")


def main():
    """Read what standard input asks for, and answer on standard output."""
    # the parent ends this process
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with os.fdopen(os.dup(1), "wb") as answer:
        # whatever libraries print is no answer
        os.dup2(2, 1)
        name, args, kwargs, limits = pickle.load(sys.stdin.buffer)
        reader = getattr(import_module("sklearn_logitprod.io"), name)
        hand = import_module("sklearn_logitprod.io._handed").hand
        for library in _LIBRARIES:
            # readers that need one say so
            with suppress(ImportError):
                import_module(library)
        limit(**limits)
        _answer(answer, hand, reader, args, kwargs)


def _answer(stream, hand, reader, args, kwargs):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result, arrays = hand(reader(*args, **kwargs))
            header = {"result": result}
        except MemoryError:
            arrays, header = [], {"error": ["ValueError", _too_large(args)]}
        except Exception as error:
            arrays, header = [], {"error": [type(error).__name__, str(error)]}
    header["warnings"] = [(entry.category.__name__, str(entry.message)) for entry in caught]
    stream.write(json.dumps(header).encode() + b"\n")
    for write in arrays:
        write(stream)
    stream.flush()


def _too_large(args):
    return (
        f"{args[0] if args else 'what is read'} asks for more memory than is allowed. If that is "
        "right, allow more, memory=."
    )


def limit(seconds, memory):
    """Limits that the system keeps, also if the parent is gone."""
    try:
        import resource
    except ModuleNotFoundError:
        # not on Windows, where the parent alone ends what takes too long
        return
    whole = int(seconds) + 1
    limits = {
        resource.RLIMIT_CPU: whole * (os.cpu_count() or 1),
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
    }
    if memory is not None:
        with open("/proc/self/statm", encoding="ascii") as file:
            taken = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        limits[resource.RLIMIT_AS] = taken + memory
    for what, most in limits.items():
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))
