"""Expressions as a module of torch."""

from __future__ import annotations

import json
import operator
import os
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_logitprod.export.expressions import in_order
from sklearn_logitprod.export.programs import program_of


def to_torch(
    model: Any,
    *,
    input: str | None = None,
    pool_only: bool = False,
    max_missing: int | None = None,
) -> Any:
    """A fitted model as a module of torch, from outputs of its experts to log-probabilities.

    The module is a ``torch.fx.GraphModule`` of operations of torch alone: stored, by
    ``torch.export.save`` or ``torch.save``, it loads where this package is not installed. It is
    differentiable in its input, also where experts are missing, and has nothing to train. It
    computes in the precision of its buffers, float64 unless ``module.float()`` changes that, on
    their device, and gives the precision and device of the input.

    ================  =====================================  ======================================
    model             input                                  output
    ================  =====================================  ======================================
    classes           ``logits`` or ``proba`` (n, M, K)      log-probabilities (n, K)
    survival          ``hazard_logits`` or                   log survival (n, T)
                      ``expert_survival`` (n, M, T), or
                      ``risk`` (n, M)
    values            ``expert_mean`` (n, M) or              mean and standard deviation (n, 2)
                      ``expert_mean_std`` (n, M, 2)
    several labels    ``logits`` or ``proba`` (n, M, L)      log-odds (n, L)
    ================  =====================================  ======================================

    Experts that are missing are NaN. Outputs of a row that ``predict`` refuses are NaN.

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
        Of a model that asks estimators: export what it does with their answers, as for
        :func:`to_onnx`.
    max_missing : int, default=None
        Most experts that a row may lack; None allows any number.

    Returns
    -------
    torch.nn.Module
        Its attribute ``names`` is a dict of lists: experts and classes, times or labels;
        ``input_shape`` is that of the input without its first axis.

    Raises
    ------
    TypeError
        If the model is none of ours.
    ValueError
        If it asks estimators and `pool_only` is not set, or there are too many patterns of
        missing experts.
    ImportError
        If torch is not installed.

    See Also
    --------
    to_onnx : The same as a graph of ONNX.
    save_torch : Write such a module to a file.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn_logitprod import LogitProdClassifier
    >>> from sklearn_logitprod.export import to_torch
    >>> y = np.arange(40) % 2
    >>> logits = (2.0 * y - 1.0)[:, None] * [[3.0, 1.0]]
    >>> logits = np.stack([-logits, logits], axis=2)
    >>> model = LogitProdClassifier(gate_width=None).fit(logits, y)
    >>> module = to_torch(model)
    >>> bool(np.allclose(module(torch.tensor(logits)), model.predict_log_proba(logits)))
    True
    """
    program = program_of(model, "to_torch", input, pool_only, max_missing)
    torch = torch_package()
    writer = _Writer(torch)
    written: dict = {}
    for one in in_order([program.logs]):
        written[id(one)] = writer.written(one, [written[id(operand)] for operand in one.of])
    writer.graph.output(writer.method("type_as", written[id(program.logs)], writer.given))
    module = torch.fx.GraphModule(writer.root, writer.graph)
    module.names = program.names
    module.input_shape = list(program.shape)
    return module.eval()


def save_torch(module: Any, path: Any) -> None:
    """Write a module of :func:`to_torch` to a file of ``torch.export``, by custom ``.pt2``.

    ``torch.export.load(path).module()`` reads it, in Python without this package; no code is run
    that the file brings along.

    Parameters
    ----------
    module : torch.nn.Module
        As from :func:`to_torch`.
    path : str or path
        The file; ``names.json`` in it holds the module's ``names``.

    Raises
    ------
    TypeError
        If the module is none of :func:`to_torch`, or `path` no path.
    ValueError
        If the file is not called ``.pt2``, or cannot be there.
    ImportError
        If torch is not installed.

    Examples
    --------
    >>> from sklearn_logitprod.export import save_torch, to_torch
    >>> save_torch(to_torch(model), "pool.pt2")  # doctest: +SKIP
    """
    torch = torch_package()
    if not hasattr(module, "input_shape") or not hasattr(module, "names"):
        raise TypeError(
            f"save_torch takes a module of to_torch, not {type(module).__name__}. Call "
            "save_torch(to_torch(model), path)."
        )
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path is {type(path).__name__}: name a file, such as 'pool.pt2'.")
    own = Path(path)
    if own.name and own.suffix.lower() != ".pt2":
        raise ValueError(f"{own} would be a file of torch: call it such as {own}.pt2.")
    if own.is_dir() or not own.absolute().parent.is_dir():
        raise ValueError(f"{own} cannot be written: it is a folder, or its own folder is absent.")
    example = torch.zeros(2, *module.input_shape)
    samples = torch.export.Dim("n")
    program = torch.export.export(module, (example,), dynamic_shapes=({0: samples},))
    names = json.dumps(module.names, ensure_ascii=False)
    torch.export.save(program, path, extra_files={"names.json": names})


def torch_package():
    """The package torch, or an error that says how to get it."""
    try:
        import torch
        import torch.fx
    except ImportError as error:
        raise ImportError(
            "to_torch makes modules of torch, which is not installed: python -m pip install torch. "
            "to_onnx needs none."
        ) from error
    return torch


class _Writer:
    """A graph of calls, and the module that holds its constants."""

    def __init__(self, torch):
        self.torch, self.graph, self.root = torch, torch.fx.Graph(), torch.nn.Module()
        self.given, self._known = None, {}
        self._plain = {
            "add": operator.add,
            "subtract": operator.sub,
            "multiply": operator.mul,
            "divide": operator.truediv,
            **{
                name: getattr(torch, name)
                for name in ("matmul", "exp", "log", "tanh", "maximum", "minimum")
            },
            "absolute": torch.abs,
        }

    def call(self, function, *args):
        """Write a call of a function."""
        return self.graph.call_function(function, args)

    def method(self, name, *args):
        """Write a call of a tensor's method."""
        return self.graph.call_method(name, args)

    def constant(self, values):
        """Write an array, unless it stands there already."""
        key = values.dtype.str, values.shape, values.tobytes()
        if key not in self._known:
            name = f"constant_{len(self._known)}"
            self.root.register_buffer(name, self.torch.tensor(values))
            self._known[key] = self.graph.get_attr(name)
        return self._known[key]

    def written(self, one, of):
        """Write an expression of operands that are written."""
        if one.operation in self._plain:
            return self.call(self._plain[one.operation], *of)
        return getattr(self, f"_{one.operation}")(of, one.detail)

    def _constant(self, of, values):
        return self.constant(values)

    def _variable(self, of, named):
        self.given = self.graph.placeholder(named[0])
        # precision and device of whatever this module is moved to
        return self.method("type_as", self.given, self.constant(np.zeros(1)))

    def _is_nan(self, of, detail):
        return self.method("type_as", self.call(self.torch.isnan, *of), *of)

    def _greater(self, of, detail):
        return self.method("type_as", self.call(self.torch.gt, *of), of[0])

    def _where(self, of, detail):
        return self.call(self.torch.where, self.call(operator.gt, of[0], 0.5), *of[1:])

    def _total(self, of, detail):
        return self.call(self.torch.sum, *of, *detail)

    def _largest(self, of, detail):
        return self.call(self.torch.amax, *of, -1, True)

    def _position_of_largest(self, of, detail):
        return self.call(self.torch.argmax, *of, -1)

    def _rows_of(self, of, detail):
        return self.call(operator.getitem, of[0], self.method("long", of[1]))

    def _taken(self, of, detail):
        positions, axis = detail
        return self.call(self.torch.index_select, *of, axis, self.constant(np.array(positions)))

    def _part(self, of, detail):
        start, stop, axis = detail
        return self.call(self.torch.narrow, *of, axis, start, stop - start)

    def _joined(self, of, axis):
        return self.call(self.torch.cat, list(of), axis)

    def _with_axis(self, of, axis):
        return self.call(self.torch.unsqueeze, *of, axis)

    def _shaped(self, of, shape):
        return self.call(self.torch.reshape, *of, (-1, *shape))
