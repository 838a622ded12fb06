"""``logitprod export``: a saved fusion as a graph of ONNX or a module of torch."""

from __future__ import annotations

import json
import textwrap

from sklearn_logitprod._text import WIDTH, option
from sklearn_logitprod.cli.files import check_targets, written
from sklearn_logitprod.cli.model import load
from sklearn_logitprod.export import save_torch, to_onnx, to_torch


def run(args):
    """Load, write, say what the input is."""
    if args.onnx is None and args.torch is None:
        raise ValueError(f"there is nothing to write: say {option('onnx')} or {option('torch')}.")
    check_targets(args, "onnx", "torch")
    saved = load(args.model)
    settings = {"pool_only": args.pool_only, "max_missing": args.max_missing}
    if saved.embeddings is None:
        # of several labels it says so itself
        settings["input"] = saved.input.removeprefix("label_")
    if args.onnx is not None:
        proto = to_onnx(saved.model, **settings)
        with written(args.onnx) as path:
            path.write_bytes(proto.SerializeToString())
        _say(args.onnx, *_signature(proto))
    if args.torch is not None:
        module = to_torch(saved.model, **settings)
        with written(args.torch) as path:
            save_torch(module, path)
        given = next(node.name for node in module.graph.nodes if node.op == "placeholder")
        _say(args.torch, f"{given} {_shape(module.input_shape)}", module.names)
    if saved.aggregate is not None:
        print(
            textwrap.fill(
                f"Rows of the fit were patients, whose slides were aggregated by "
                f"{saved.aggregate}: this is not in the file.",
                WIDTH,
            )
        )
    return 0


def _signature(proto):
    """Input and outputs of a graph, and the names of their axes."""
    graph = proto.graph
    given, *told = (
        f"{one.name} {_shape([dim.dim_value for dim in one.type.tensor_type.shape.dim][1:])}"
        for one in (*graph.input, *graph.output)
    )
    names = {prop.key: json.loads(prop.value) for prop in proto.metadata_props}
    return f"{given} -> {', '.join(told)}", names


def _shape(shape):
    return f"({', '.join(['n', *map(str, shape)])})"


def _say(path, signature, names):
    print(f"{path}: {signature}")
    for kind, own in names.items():
        listed = ", ".join(str(name) for name in own)
        print(
            textwrap.fill(f"{kind}: {listed}", WIDTH, initial_indent="  ", subsequent_indent="    ")
        )
