"""From arguments to expert outputs, and to files that are written whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path

from sklearn_logitprod._text import option
from sklearn_logitprod.cli.tasks import WORDS, words_of
from sklearn_logitprod.inspection._resampling import check_resamples
from sklearn_logitprod.inspection._tasks import TASKS
from sklearn_logitprod.io import (
    read_clam,
    read_logitprod,
    read_mcat,
    read_nnmil,
    read_panel,
    read_slideflow,
    read_stamp,
    read_tables,
)
from sklearn_logitprod.io._source import named_paths
from sklearn_logitprod.outputs.container import task_of
from sklearn_logitprod.targets.folds import check_repeats

_ONE = {
    "risk": "a risk",
    "mean": "a predicted value",
    "mean_std": "a predicted value",
    "std": "what holds standard deviations",
}
ONE_COLUMN = tuple(_ONE)
"""Inputs of which an expert has one column that is named alone."""


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
    if text and (not equals or os.path.exists(text) or os.sep in name):
        return None, text
    if not (name and path):
        raise ValueError(f"{text!r} lacks {'its path' if name else 'a name'}: write NAME=PATH.")
    return name, path


def columns_of(texts, input, files=None):
    """Columns as the readers take them.

    Parameters
    ----------
    texts : list of str or None
        ``LABEL=COLUMN`` for each class or time, for risks and predicted values ``COLUMN``; after
        ``EXPERT:`` those of one expert.
    input : str
    files : list of str or dict of str to str, optional
        What `named` gives, whose experts may be named. Where there are none, or a table alone
        that may hold any, all that stands before a colon is an expert.

    Returns
    -------
    dict, str or None
    """
    if texts is None:
        return None
    known = None
    if files is not None and len(files) > 1:
        known = list(files) if isinstance(files, dict) else list(named_paths(files))
    pairs = [_of_expert(text, known) for text in texts]
    owners = list(dict.fromkeys(expert for expert, _ in pairs))
    if len(owners) > 1 and None in owners:
        bare = next(text for expert, text in pairs if expert is None)
        raise ValueError(
            f"--column {bare} is of all experts, others are of one: write EXPERT:{bare} for each."
        )
    said = {own: _named([t for e, t in pairs if e == own], input) for own in owners}
    return said.get(None, said)


def _of_expert(text, known):
    """Expert that a column is said of, None for all, and the rest of the text."""
    expert, colon, rest = text.partition(":")
    return (expert, rest) if colon and (known is None or expert in known) else (None, text)


def _named(texts, input):
    if input in ONE_COLUMN:
        if len(texts) > 1:
            raise ValueError(
                f"{_ONE[input]} is one column, but --column is given {len(texts)} times: give it "
                "once, or EXPERT:COLUMN once for each expert."
            )
        return texts[0]
    if len(texts) == 1 and "=" not in texts[0]:
        # a column alone, of the class that its name or --positive says
        return texts
    for text in texts:
        if "=" not in text:
            raise ValueError(f"--column {text} does not say whose it is: write LABEL={text}.")
    return dict(text.split("=", 1) for text in texts)


def std_of(texts, files=None):
    """The column of standard deviations, or that of each expert, as the readers take them.

    Parameters
    ----------
    texts : list of str or None
        ``COLUMN``, or ``EXPERT:COLUMN`` for each expert.
    files : list of str or dict of str to str, optional

    Returns
    -------
    dict, str or None
    """
    return columns_of(texts, "std", files)


def tables_of(args, input, **said):
    """Outputs of tables, as the arguments say that all commands share.

    Parameters
    ----------
    args : Namespace
    input : str
    **said : dict
        Further arguments of `read_tables`. Columns stand for those of the command line, to whose
        positive class another one gives way.

    Returns
    -------
    ExpertOutputs
    """
    files = named(args.files)
    if "columns" not in said:
        said["columns"] = columns_of(args.column, input, files)
    if said.get("labels") is not None:
        return _panel(args, input, files, **said)
    said.pop("labels", None)
    if "std" not in said:
        said["std"] = std_of(args.std, files)
    said["positive"] = args.positive or said.get("positive")
    return read_tables(
        files,
        args.id,
        input=input,
        how=args.how,
        expert=args.expert,
        average=args.average,
        id_strip=args.id_strip,
        verbose=not args.quiet,
        **said,
    )


def _panel(args, input, files, labels, columns, group=None, **other):
    """Outputs of a panel of labels; whatever else is said is of tables of classes."""
    foreign = [name for name in _NOT_OF_PANELS if getattr(args, name, None)]
    if foreign:
        raise ValueError(
            f"{option(foreign[0])} is not for a panel of labels, of which every table has a column "
            "for each label."
        )
    return read_panel(
        files,
        labels,
        args.id,
        # a command that does not ask for the truth reads new samples
        truth=getattr(args, "truth", False),
        group=group,
        columns=columns,
        input=input.removeprefix("label_"),
        how=args.how,
        id_strip=args.id_strip,
        verbose=not args.quiet,
    )


_NOT_OF_PANELS = ("label", "event", "time", "classes", "positive", "expert", "average")


def read_outputs(args):
    """Expert outputs with their target, as the arguments say.

    Returns
    -------
    ExpertOutputs
    """
    if args.target is not None and args.layout != "tables":
        raise ValueError(
            f"--target is of tables of predicted values, and --layout {args.layout} holds none."
        )
    table = next((name for name in args.labels or [] if os.path.isfile(name)), None)
    if table is not None:
        raise ValueError(
            f"--labels names the labels of a panel here, and {table} is a file. Name the column of "
            "one label with --label, or the table of a panel with --truth; a table of slides is "
            "for `logitprod probe`."
        )
    if args.labels is None and args.truth is not None:
        raise ValueError("--truth is of a panel: name its labels, --labels A,B.")
    if args.labels is not None and args.layout != "tables":
        raise ValueError(f"--labels is for tables, not for --layout {args.layout}.")
    outputs = _READERS[args.layout](args)
    if outputs.y is None:
        raise ValueError(f"nothing says what is true: name the column, {words_of(outputs).truth}.")
    return outputs


def _tables(args):
    input = input_of(args)
    if args.target is not None and input not in ("mean", "mean_std"):
        asked = WORDS[task_of(input)].truth
        raise ValueError(
            f"--target names true values, but what is true of --input {input} says {asked}."
        )
    return tables_of(
        args,
        input,
        target=args.target,
        label=args.label,
        group=args.group,
        event=args.event,
        time=args.time,
        classes=args.classes,
        labels=args.labels,
        # a number that divides the samples is no output
        ignore=[] if getattr(args, "by", None) is None else [args.by],
    )


def input_of(args):
    """What the values of tables are, as the arguments say or as they let expect."""
    if args.input is not None:
        return args.input
    if args.std:
        return "mean_std"
    return "proba" if args.target is None else "mean"


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
    """Unfitted estimator for outputs, with gate, seed and order of the classes of the arguments."""
    own = {"gate_width": args.gate, "random_state": args.seed}
    if args.classes and outputs.classes is not None:
        # files are matched by name: what is said here is from which grade to which they go
        labels = {str(label): label for label in outputs.classes.tolist()}
        if set(labels) == set(args.classes):
            own["classes"] = [labels[name] for name in args.classes]
    return TASKS[outputs.task_name].estimator(**own)


# what is written, and under which endings; the first is proposed. No ending says nothing wrong, but
# what other programs read goes by its name
_KINDS = {
    "out": ("a table", (".csv", ".csv.gz", ".txt")),
    "report": ("a page", (".html", ".htm")),
    "save": ("a model", (".skops",)),
    "onnx": ("a file of onnx", (".onnx",)),
    "torch": ("a file of torch", (".pt2",)),
}


def check_targets(args, *names):
    """Refuse, before any work, to write where a file is or no folder is, or under a wrong name."""
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    paths = [Path(path) for path in given.values()]
    read = [path for path in map(Path, _read_by(args)) if path.exists()]
    for (name, text), path in zip(given.items(), paths, strict=True):
        kind, suffixes = _KINDS[name]
        if paths.count(path) > 1:
            raise ValueError(f"{path} is to be written twice: name a file for each output.")
        said = Path(text).suffix or name in ("onnx", "torch") or not text
        if said and not text.lower().endswith(suffixes):
            raise ValueError(
                f"{text or repr(text)} would be {kind}: call it such as {text or name}"
                f"{suffixes[0]}."
            )
        if path.is_dir() or not path.absolute().parent.is_dir():
            raise ValueError(
                f"{path} cannot be written: it is a folder, or its own folder is absent."
            )
        if not os.access(path.absolute().parent, os.W_OK):
            raise ValueError(f"{path} cannot be written: you may not write into its folder.")
        if path.exists() and any(path.samefile(own) for own in read):
            raise ValueError(f"{path} is read by this command: name another file to write.")
        if path.exists() and not args.force:
            raise ValueError(f"{path} exists: choose another name, or overwrite it with --force.")


def _read_by(args):
    """What of the arguments may be the path of a file that is read, a model's aside."""
    for name in ("files", "labels", "truth"):
        said = getattr(args, name, None) or []
        for text in [said] if isinstance(said, str) else said:
            yield from {text, text.partition("=")[2]} - {""}


def check_comparison(args):
    """Refuse, before any work, numbers that make no comparison."""
    check_repeats(args.cv, args.repeats)
    check_resamples(args.resamples)
    if args.jobs == 0:
        raise ValueError(
            f"{option('n_jobs', 0)} would do nothing: 1 at least is needed, or -1 for all cores."
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
