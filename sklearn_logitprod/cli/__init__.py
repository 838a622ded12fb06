"""The command line: ``python -m sklearn_logitprod``, or ``logitprod`` once installed.

What a command needs beyond the standard library is imported when it runs: help is quick.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings

from sklearn_logitprod._text import options_written
from sklearn_logitprod._version import __version__
from sklearn_logitprod.cli import arguments, export_arguments, probe_arguments


def main(argv=None):
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, default=None
        Arguments without the program's name; None takes those of the process.

    Returns
    -------
    int
        Exit code: 0, 2 for files or values that cannot be used, 130 if interrupted. Bad
        arguments raise ``SystemExit`` with code 2 instead, after a message on standard
        error.
    """
    parser = _parser()
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help()
        return 0
    try:
        with warnings.catch_warnings(), options_written(arguments.option_writer(args)):
            warnings.showwarning = _shower()
            return args.run(args)
    except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
        if isinstance(error, BrokenPipeError):
            # the reader (head, less) has gone: keep the interpreter's last flush quiet too
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        if args.traceback:
            raise
        print(f"{parser.prog} {args.command}: error: {_said(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        # CPython dies by the signal at its end if one fell into exec of a text (dataclasses,
        # named tuples), even where it was caught; the next exec takes that back
        exec("")
        print("\ninterrupted", file=sys.stderr)
        return 130


def _said(error):
    """What an error says; of one that the system raises, which file it is about first."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return error


def _shower():
    """What shows warnings, each text once."""
    shown = set()

    def show(message, category, filename, lineno, file=None, line=None):
        if str(message) not in shown:
            shown.add(str(message))
            print(f"warning: {message}", file=sys.stderr)

    return show


def _parser():
    module = os.path.basename(sys.argv[0]) == "__main__.py"
    parser = argparse.ArgumentParser(
        prog="python -m sklearn_logitprod" if module else "logitprod",
        description="Fuse the predictions of fixed experts by sample-adaptive products.",
        epilog="Each command has its own --help, with examples.",
    )
    parser.add_argument("--version", action="version", version=f"sklearn_logitprod {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", title="commands")
    _add(commands, "demo", "train five experts on bundled data, fuse them, compare", arguments.demo)
    _add(commands, "compare", "compare experts and fusions on held-out folds", arguments.compare)
    _add(
        commands,
        "probe",
        "from features of slides by several encoders to the best of them, or all",
        probe_arguments.probe,
    )
    _add(commands, "fit", "fit a fusion and save it", arguments.fit)
    _add(commands, "predict", "apply a saved fusion to new files", arguments.predict)
    _add(commands, "adapt", "adapt a saved fusion to another site", arguments.adapt)
    _add(commands, "extend", "add experts to a saved fusion", arguments.extend)
    _add(
        commands,
        "certify",
        "say by how much a saved fusion is better than its experts, at least",
        arguments.certify,
    )
    _add(
        commands,
        "export",
        "write a saved fusion for pipelines without Python, or without this package",
        export_arguments.export,
    )
    return parser


def _add(commands, name, summary, add_arguments):
    # an abbreviation may be another option elsewhere, as --label is of --labels
    command = commands.add_parser(
        name,
        help=summary,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.description = f"{summary.capitalize()}."
    command.add_argument("--traceback", action="store_true", help=argparse.SUPPRESS)
    add_arguments(command, parser_run(name))


def parser_run(name):
    """Function that imports a command's module and runs it."""

    def run(args):
        from importlib import import_module

        return import_module(f"sklearn_logitprod.cli.{name}").run(args)

    return run
