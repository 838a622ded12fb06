"""Arguments of ``export``, which takes no files but the model's."""

from __future__ import annotations

import argparse

_EXAMPLES = """\
examples:
  logitprod export model.skops --onnx pool.onnx
  logitprod export model.skops --onnx pool.onnx --torch pool.pt2
  logitprod export model.skops --onnx pool.onnx --max-missing 3

The file takes what the experts say of samples and gives what the model makes of it;
docs/export.rst has the lines that run it."""


def export(parser, run):
    """Arguments of ``export``."""
    parser.epilog = _EXAMPLES
    parser.add_argument("model", metavar="SKOPS", help="file that `logitprod fit` saved")
    parser.add_argument(
        "--pool-only",
        action="store_true",
        help="of a model of features: what it does with the answers of its heads",
    )
    parser.add_argument(
        "--max-missing",
        type=_count,
        metavar="N",
        help="most experts that a sample may lack (default: any number)",
    )
    out = parser.add_argument_group("output")
    out.add_argument("--onnx", metavar="ONNX", help="write a graph of ONNX")
    out.add_argument("--torch", metavar="PT2", help="write a module for torch.export.load")
    out.add_argument("--force", action="store_true", help="overwrite files")
    parser.set_defaults(run=run)


def _count(text):
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of experts")
    return int(text)
