"""From arguments to expert outputs, and to files that are written whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path

from sklearn_logitprod.cli.tasks import words_of
from sklearn_logitprod.inspection._tasks import TASKS
from sklearn_logitprod.io import (
    read_clam,
    read_logitprod,
    read_mcat,
    read_nnmil,
    read_slideflow,
    read_stamp,
    read_tables,
)


def named(texts):
    """Paths as the readers take them: names where every one has its own.

    Parameters
    ----------
    texts : list of str
        ``PATH`` or ``NAME=PATH``.

    Returns
    -------
    list of str or dict of str to str
    """
    pairs = [_split(text) for text in texts]
    if not any(name for name, _ in pairs):
        return texts
    bare = [path for name, path in pairs if name is None]
    if bare:
        raise ValueError(f"{bare[0]} has no name but others have: write NAME={bare[0]}.")
    names = [name for name, _ in pairs]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"{twice[0]!r} names two files: give each expert a name of its own.")
    return dict(pairs)


def _split(text):
    name, equals, path = text.partition("=")
    if not equals or os.path.exists(text) or os.sep in name:
        return None, text
    return name, path


def columns_of(texts, input):
    """Columns as the readers take them.

    Parameters
    ----------
    texts : list of str or None
        ``LABEL=COLUMN`` for each class or time; for risks one name of a column.
    input : str

    Returns
    -------
    dict of str to str, str or None
    """
    if texts is None:
        return None
    if input == "risk":
        if len(texts) > 1:
            raise ValueError(
                f"a risk is one column, but --column is given {len(texts)} times: give it once."
            )
        return texts[0]
    for text in texts:
        if "=" not in text:
            raise ValueError(f"--column {text} does not say whose it is: write LABEL={text}.")
    return dict(text.split("=", 1) for text in texts)


def read_outputs(args):
    """Expert outputs with their target, as the arguments say.

    Returns
    -------
    ExpertOutputs
    """
    outputs = _READERS[args.layout](args)
    if outputs.y is None:
        raise ValueError(f"nothing says what is true: name the column, {words_of(outputs).truth}.")
    return outputs


def _tables(args):
    return read_tables(
        named(args.files),
        args.id,
        label=args.label,
        group=args.group,
        columns=columns_of(args.column, args.input),
        input=args.input or "proba",
        how=args.how,
        event=args.event,
        time=args.time,
    )


def _logitprod(args):
    if len(args.files) != 1:
        raise ValueError(f"--layout logitprod takes one folder, {len(args.files)} were given.")
    return read_logitprod(args.files[0], args.split, classes=args.classes)


def _clam(args):
    return read_clam(named(args.files), args.split, classes=args.classes, how=args.how)


def _stamp(args):
    return read_stamp(
        named(args.files),
        args.split,
        label=args.label,
        checkpoint=args.checkpoint,
        event=args.event,
        time=args.time,
        how=args.how,
    )


def _mcat(args):
    return read_mcat(named(args.files), args.split, how=args.how)


def _nnmil(args):
    return read_nnmil(named(args.files), classes=args.classes, how=args.how)


def _slideflow(args):
    return read_slideflow(
        named(args.files), args.level, label=args.label, classes=args.classes, how=args.how
    )


_READERS = {
    "tables": _tables,
    "logitprod": _logitprod,
    "clam": _clam,
    "stamp": _stamp,
    "mcat": _mcat,
    "nnmil": _nnmil,
    "slideflow": _slideflow,
}


def estimator_for(outputs, args):
    """Unfitted estimator for outputs, with the gate and the seed of the arguments."""
    return TASKS[outputs.task_name].estimator(gate_width=args.gate, random_state=args.seed)


def check_targets(args, *names):
    """Refuse, before any work, to write where a file is or no folder is."""
    for name in names:
        path = getattr(args, name)
        if path is None:
            continue
        path = Path(path)
        if path.exists() and not args.force:
            raise ValueError(f"{path} exists: choose another name, or overwrite it with --force.")
        if path.is_dir() or not path.absolute().parent.is_dir():
            raise ValueError(
                f"{path} cannot be written: it is a folder, or its own folder is absent."
            )


@contextmanager
def written(path):
    """Name of a temporary file beside `path`, which takes its place if all goes well."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(
            f"{path} cannot be written: {error.strerror or error}. What was there is kept."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
