"""Files of strangers: any reader in a process of its own, with limits of time and memory.

Readers of this package run nothing that a file names. The C libraries behind HDF5 and Parquet
are another matter: on some damaged files the one never returns, the other takes what memory a
page claims, and either may crash. Here that befalls a child; what comes back is arrays and text.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

from sklearn_logitprod._text import brief
from sklearn_logitprod.io._handed import take
from sklearn_logitprod.outputs.container import ExpertOutputs
from sklearn_logitprod.outputs.embeddings import Embeddings

_CHILD = "from sklearn_logitprod.io._child import main; main()"
_LEAST_MEMORY = 1 << 24


def isolated(
    reader: Callable[..., Any],
    *args: Any,
    seconds: float = 300.0,
    memory: float | None = 2.0**32,
    **kwargs: Any,
) -> ExpertOutputs | Embeddings:
    r"""Read files that nobody vouches for: in a process of its own, with limits.

    The process cannot write files. It may still read what its user may, and reach the network:
    against files that attack a C library on purpose, run it in a container.

    Parameters
    ----------
    reader : callable
        A reader of :mod:`sklearn_logitprod.io`, such as `read_tables`.
    *args : object
        What the reader takes.
    seconds : float, default=300
        The process is ended after this time, its start included.
    memory : float or None, default=2**32
        Bytes that it may take beyond those of its packages; needs Linux. None sets no limit.
    **kwargs : object
        What the reader takes by name.

    Returns
    -------
    ExpertOutputs or Embeddings
        What the reader returns, to the bit. Its warnings are given here.

    Raises
    ------
    ValueError
        If a limit is met, or the process ends without an answer. What the reader raises is
        raised here.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_logitprod.io import isolated, read_tables
    >>> path = Path(tempfile.mkdtemp()) / "uni.csv"
    >>> _ = path.write_text("slide_id,label,prob_n,prob_t\ns1,n,0.9,0.1\ns2,t,0.2,0.8\n")
    >>> isolated(read_tables, [path], label="label", seconds=60)
    ExpertOutputs(2 samples, 1 expert, classes ['n', 't'], input='proba')
    """
    call = _call(reader, args, kwargs, seconds, memory)
    late = threading.Event()
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=_environment(),
    ) as process:

        def end():
            late.set()
            process.kill()

        timer = threading.Timer(seconds, end)
        timer.start()
        try:
            answer = _answer(process, call)
        finally:
            timer.cancel()
            process.kill()
    if answer is None:
        raise ValueError(_why(reader, args, seconds, late.is_set(), process.returncode))
    told, result, error = answer
    for category, text in told:
        warnings.warn(text, category, stacklevel=2)
    if error is not None:
        raise error
    return result


def _call(reader, args, kwargs, seconds, memory):
    """What the child is told, checked."""
    # here: the package's readers are gathered by the module that gathers this one
    from sklearn_logitprod import io

    name = getattr(reader, "__name__", None)
    if not (str(name).startswith("read_") and getattr(io, str(name), None) is reader):
        known = [name for name in io.__all__ if name.startswith("read_")]
        raise TypeError(f"isolated takes a reader, one of {', '.join(known)}, not {reader!r}.")
    if not seconds > 0:
        raise ValueError(f"seconds={seconds!r} is no time: write a number above 0.")
    if memory is not None:
        if not memory >= _LEAST_MEMORY:
            raise ValueError(
                f"memory={memory!r} is counted in bytes, at least {_LEAST_MEMORY}: 4 GiB are 2**32."
            )
        if sys.platform != "linux":
            raise ValueError(
                f"memory cannot be limited on {sys.platform}. Pass memory=None to limit the time "
                "alone, or read in a container that limits it."
            )
    limits = {"seconds": float(seconds), "memory": None if memory is None else int(memory)}
    return pickle.dumps((name, args, kwargs, limits))


def _environment():
    """That of this process, with its packages, and allocators that take what they need."""
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


def _answer(process, call):
    """Warnings, result and error that the child gives; None if it ends before."""
    try:
        try:
            process.stdin.write(call)
        finally:
            process.stdin.close()
        header = process.stdout.readline()
        if not header.endswith(b"\n"):
            return None
        header = json.loads(header)
        told = [(_named(name, Warning, UserWarning), text) for name, text in header["warnings"]]
        if "error" in header:
            name, text = header["error"]
            return told, None, _named(name, Exception, ValueError)(text)
        return told, take(header["result"], process.stdout), None
    except (OSError, EOFError, ValueError, MemoryError, KeyError, TypeError):
        # the child has ended, or speaks no longer as it should: so says who reads the code
        return None


def _named(name, kind, default):
    """A built-in class of exceptions by its name."""
    import builtins

    found = getattr(builtins, str(name), None)
    return found if isinstance(found, type) and issubclass(found, kind) else default


def _files(args):
    """Texts of the first argument: paths, or the kind of what is passed in their place."""
    files = args[0].values() if isinstance(args[0], dict) else args[0]
    if isinstance(files, (str, os.PathLike)):
        files = [files]
    return [
        str(file) if isinstance(file, (str, os.PathLike)) else type(file).__name__ for file in files
    ]


def _why(reader, args, seconds, late, code):
    """Why there is no answer, and what to do."""
    what = f"{reader.__name__} of {brief(_files(args)) if args else 'these files'}"
    if late:
        return (
            f"{what} did not end within {seconds:g} s. A file may be damaged: copy it again; or "
            "give it longer, seconds=."
        )
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
    return (
        f"{what} ended without an answer ({how}). A file may be damaged or ask for more memory "
        "than is allowed: copy it again, or allow more, memory=."
    )
