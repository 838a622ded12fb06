"""The command line: ``python -m sklearn_logitprod``, or ``logitprod`` once installed."""

from __future__ import annotations

import argparse
import os
import sys

from sklearn_logitprod._version import __version__

_MAX_SEED = 2**32 - 1


def main(argv=None):
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, default=None
        Arguments without the program's name; None takes those of the process.

    Returns
    -------
    int
        Exit code. Bad arguments raise ``SystemExit`` with code 2 instead, after a
        message on standard error.
    """
    parser = _parser()
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help()
        return 0
    try:
        return args.run(args)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # the reader (head, less) has gone: keep the interpreter's last flush quiet too
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser():
    module = os.path.basename(sys.argv[0]) == "__main__.py"
    parser = argparse.ArgumentParser(
        prog="python -m sklearn_logitprod" if module else "logitprod",
        description="Fuse the predictions of fixed experts by sample-adaptive products.",
    )
    parser.add_argument("--version", action="version", version=f"sklearn_logitprod {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", title="commands")
    _add_demo(commands)
    return parser


def _add_demo(commands):
    summary = "train five experts on bundled data, fuse them, compare"
    demo = commands.add_parser(
        "demo",
        help=summary,
        description=f"{summary.capitalize()}. Takes some ten seconds; needs no files.",
    )
    demo.add_argument(
        "--data",
        choices=("cytology", "digits", "all"),
        default="all",
        help="breast cytology (2 classes), handwritten digits (10), or both (default)",
    )
    demo.add_argument(
        "--seed",
        type=_seed,
        default=0,
        help="seed of splits, experts and fusion (default: %(default)s)",
    )
    demo.set_defaults(run=_run_demo)


def _run_demo(args):
    from sklearn_logitprod import _demo

    _demo.run(args.data, args.seed, sys.stdout, sys.stderr)
    return 0


def _seed(text):
    try:
        seed = int(text)
    except ValueError:
        seed = -1
    if not 0 <= seed <= _MAX_SEED:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {_MAX_SEED}")
    return seed


if __name__ == "__main__":
    sys.exit(main())
