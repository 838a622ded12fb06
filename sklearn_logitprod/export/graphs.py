"""Expressions as a graph of ONNX."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from sklearn_logitprod._version import __version__
from sklearn_logitprod.export.expressions import in_order
from sklearn_logitprod.export.programs import program_of

OPSET = 18
"""Version of the operators of ONNX: of December 2022, ONNX Runtime 1.14 and later."""

# of files, which runtimes of that time know
_FORMAT = 8

_PLAIN = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "matmul": "MatMul",
    "exp": "Exp",
    "log": "Log",
    "tanh": "Tanh",
    "absolute": "Abs",
    "maximum": "Max",
    "minimum": "Min",
}


def to_onnx(
    model: Any,
    *,
    input: str | None = None,
    pool_only: bool = False,
    max_missing: int | None = None,
) -> Any:
    """A fitted model as a graph of ONNX, from outputs of its experts to predictions.

    Everything that ``predict_proba`` does to arrays is in the graph: reading and flooring,
    calibration of risks and values, gate, corrections, what was learned about missing experts,
    and what functions of :mod:`~sklearn_logitprod.deployment` did to the model since. It is
    computed in float64; input and outputs are float32, and the number of samples is free.

    ================  =====================================  ======================================
    model             input                                  outputs
    ================  =====================================  ======================================
    classes           ``logits`` or ``proba`` (n, M, K)      ``probabilities`` (n, K)
    survival          ``hazard_logits`` or                   ``survival`` (n, T) at
                      ``expert_survival`` (n, M, T), or      ``unique_times_``
                      ``risk`` (n, M)
    values            ``expert_mean`` (n, M) or              ``mean`` (n,) and ``std`` (n,)
                      ``expert_mean_std`` (n, M, 2)
    several labels    ``logits`` or ``proba`` (n, M, L)      ``probabilities`` (n, L)
    ================  =====================================  ======================================

    The input is as an array for ``predict`` has it, and experts that are missing are NaN. A
    further output, ``weights``, is what ``expert_weights`` gives, (n, M), or (n, M, L) of several
    labels. A graph raises nothing: outputs of a row that ``predict`` refuses are NaN.

    Parameters
    ----------
    model : estimator
        A fitted classifier, survival model, regressor or classifier of several labels of this
        package, or a search over them.
    input : str, default=None
        What the input is, as the model's parameter of that name says it; None takes what that
        parameter says. Of classifiers ``"logits"`` or ``"proba"``, as you like; others read what
        they were fitted on.
    pool_only : bool, default=False
        Of a model that asks estimators: export what it does with their answers. The input is
        ``logits``, the log of their ``predict_proba`` in the order of ``classes_``; of survival
        models ``survival`` at ``unique_times_``, or ``risk``.
    max_missing : int, default=None
        Most experts that a row may lack; None allows any number. The graph holds an answer for
        each pattern of missing experts, of which many experts have too many.

    Returns
    -------
    onnx.ModelProto
        Of opset 18. Its ``metadata_props`` name experts and classes, times or labels, as JSON.

    Raises
    ------
    TypeError
        If the model is none of ours.
    ValueError
        If it asks estimators and `pool_only` is not set, or there are too many patterns of
        missing experts.
    ImportError
        If onnx is not installed.

    See Also
    --------
    to_torch : The same as a module of torch.
    register_converter : Convert a model together with its estimators.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_logitprod import LogitProdClassifier
    >>> from sklearn_logitprod.export import to_onnx
    >>> y = np.arange(40) % 2
    >>> logits = (2.0 * y - 1.0)[:, None] * [3.0, 1.0]
    >>> graph = to_onnx(LogitProdClassifier(gate_width=None).fit(logits, y)).graph
    >>> graph.input[0].name, [output.name for output in graph.output]
    ('logits', ['probabilities', 'weights'])
    """
    program = program_of(model, "to_onnx", input, pool_only, max_missing)
    onnx = load_onnx()
    helper, single = onnx.helper, onnx.TensorProto.FLOAT
    outputs = {name: one for name, (_, one) in program.outputs.items()}
    nodes, constants = graph_parts(outputs, lambda name: name, single)
    told = [
        helper.make_tensor_value_info(name, single, ["n", *shape])
        for name, (shape, _) in program.outputs.items()
    ]
    given = helper.make_tensor_value_info(program.input, single, ["n", *program.shape])
    graph = helper.make_graph(nodes, type(model).__name__, [given], told, constants)
    proto = helper.make_model(
        graph,
        producer_name="sklearn_logitprod",
        producer_version=__version__,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=_FORMAT,
    )
    named = {name: json.dumps(own, ensure_ascii=False) for name, own in program.names.items()}
    helper.set_model_props(proto, named)
    onnx.checker.check_model(proto)
    return proto


def load_onnx():
    """The package onnx, or an error that says how to get it."""
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise ImportError(
            "Graphs are written with onnx, which is not installed: python -m pip install onnx."
        ) from error
    return onnx


def graph_parts(outputs, unique, kind):
    """Nodes and constants of expressions.

    Parameters
    ----------
    outputs : dict of str to Expression
        By the names of the outputs.
    unique : callable
        Makes a name that nothing else has of one that is unique here.
    kind : int
        Type of the outputs, of ``onnx.TensorProto``.

    Returns
    -------
    nodes : list of onnx.NodeProto
    constants : list of onnx.TensorProto
    """
    writer = _Writer(unique)
    names = {}
    for one in in_order(list(outputs.values())):
        operands = [names[id(operand)] for operand in one.of]
        names[id(one)] = writer.written(one, operands)
    for name, one in outputs.items():
        writer.node("Cast", [names[id(one)]], name, to=kind)
    return writer.nodes, writer.constants


class _Writer:
    """Nodes and constants, as they are written."""

    def __init__(self, unique):
        self.onnx, self.unique = load_onnx(), unique
        self.nodes, self.constants, self._known = [], [], {}

    def node(self, kind, inputs, output=None, **attributes):
        """Write a node; gives the name of its output."""
        name = output or self.unique(f"{kind}_{len(self.nodes)}")
        made = self.onnx.helper.make_node(kind, inputs, [name], name=f"to_{name}", **attributes)
        self.nodes.append(made)
        return name

    def constant(self, values):
        """Write an array, unless it stands there already; gives its name."""
        values = np.asarray(values)
        key = values.dtype.str, values.shape, values.tobytes()
        if key not in self._known:
            self._known[key] = self.unique(f"constant_{len(self.constants)}")
            made = self.onnx.numpy_helper.from_array(values, self._known[key])
            self.constants.append(made)
        return self._known[key]

    def whole(self, numbers):
        """Whole numbers, such as axes, as a constant."""
        return self.constant(np.asarray(numbers, dtype=np.int64))

    def written(self, one, of):
        """Write an expression of operands that are written; gives its name."""
        if one.operation in _PLAIN:
            return self.node(_PLAIN[one.operation], of)
        return getattr(self, f"_{one.operation}")(of, one.detail)

    def _cast(self, name, kind):
        return self.node("Cast", [name], to=getattr(self.onnx.TensorProto, kind))

    def _constant(self, of, values):
        return self.constant(values)

    def _variable(self, of, named):
        return self._cast(named[0], "DOUBLE")

    def _is_nan(self, of, detail):
        return self._cast(self.node("IsNaN", of), "DOUBLE")

    def _greater(self, of, detail):
        return self._cast(self.node("Greater", of), "DOUBLE")

    def _where(self, of, detail):
        return self.node("Where", [self._cast(of[0], "BOOL"), *of[1:]])

    def _total(self, of, detail):
        axis, keepdims = detail
        return self.node("ReduceSum", [*of, self.whole([axis])], keepdims=int(keepdims))

    def _largest(self, of, detail):
        return self.node("ReduceMax", [*of, self.whole([-1])], keepdims=1)

    def _position_of_largest(self, of, detail):
        return self.node("ArgMax", of, axis=-1, keepdims=0)

    def _rows_of(self, of, detail):
        return self.node("Gather", [of[0], self._cast(of[1], "INT64")], axis=0)

    def _taken(self, of, detail):
        positions, axis = detail
        return self.node("Gather", [*of, self.whole(positions)], axis=axis)

    def _part(self, of, detail):
        return self.node("Slice", [*of, *(self.whole([number]) for number in detail)])

    def _joined(self, of, axis):
        return self.node("Concat", of, axis=axis)

    def _with_axis(self, of, axis):
        return self.node("Unsqueeze", [*of, self.whole([axis])])

    def _shaped(self, of, shape):
        # 0 stands for the number of samples
        return self.node("Reshape", [*of, self.whole([0, *shape])])
