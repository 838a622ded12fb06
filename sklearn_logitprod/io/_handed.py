"""What readers return as text and plain arrays, which run nothing where they are received."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from sklearn_logitprod.outputs.container import ExpertOutputs
from sklearn_logitprod.outputs.embeddings import Embeddings

_KINDS = {kind.__name__: kind for kind in (ExpertOutputs, Embeddings)}


def hand(result):
    """A result as what JSON can hold, and the arrays that follow it.

    Parameters
    ----------
    result : ExpertOutputs or Embeddings

    Returns
    -------
    description : object
    writers : list of callable
        Each writes an array to a stream, in the order of the description.
    """
    arrays = []
    return _described(result, arrays), [partial(_write, array) for array in arrays]


def take(description, stream):
    """The result of a description and the stream of its arrays.

    Parameters
    ----------
    description : object
    stream : binary stream

    Returns
    -------
    ExpertOutputs or Embeddings
    """
    return _taken(description, stream)


class _Pipe:
    """A stream that NumPy does not take for a file, in which it would look for its position."""

    def __init__(self, stream):
        self.read, self.write = getattr(stream, "read", None), getattr(stream, "write", None)


def _write(array, stream):
    np.lib.format.write_array(_Pipe(stream), array, allow_pickle=False)


def _described(value, arrays):
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, np.generic):
        value = np.asarray(value)
        return ["scalar", _described(value.reshape(1), arrays)]
    if isinstance(value, (list, tuple)):
        return ["list", [_described(item, arrays) for item in value]]
    if isinstance(value, dict):
        return ["dict", [[_described(part, arrays) for part in pair] for pair in value.items()]]
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        items = [_described(item, arrays) for item in value.reshape(-1)]
        return ["objects", list(value.shape), items]
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return ["array"]
    if isinstance(value, pd.MultiIndex):
        levels = [_described(value.get_level_values(i), arrays) for i in range(value.nlevels)]
        return ["levels", levels, _described(list(value.names), arrays)]
    if isinstance(value, pd.Index):
        own = [_described(value.to_numpy(), arrays), _described(value.name, arrays)]
        return ["index", *own, str(value.dtype)]
    if isinstance(value, pd.DataFrame):
        parts = (value.index, value.columns, value.to_numpy())
        return ["frame", *(_described(part, arrays) for part in parts)]
    fields = {name: _described(own, arrays) for name, own in vars(value).items()}
    return [type(value).__name__, fields]


def _taken(described, stream):
    if not isinstance(described, list):
        return described
    kind, *parts = described
    if kind in _KINDS:
        fields = {name: _taken(own, stream) for name, own in parts[0].items()}
        return _KINDS[kind](**fields)
    return _TAKEN[kind](stream, *parts)


def _scalar(stream, array):
    return _taken(array, stream)[0]


def _list(stream, items):
    return [_taken(item, stream) for item in items]


def _dict(stream, pairs):
    return dict(_list(stream, pair) for pair in pairs)


def _objects(stream, shape, items):
    out = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        out[i] = _taken(item, stream)
    return out.reshape(shape)


def _array(stream):
    return np.lib.format.read_array(_Pipe(stream), allow_pickle=False)


def _levels(stream, levels, names):
    levels = _list(stream, levels)
    return pd.MultiIndex.from_arrays(levels, names=_taken(names, stream))


def _index(stream, values, name, dtype):
    return pd.Index(_taken(values, stream), name=_taken(name, stream), dtype=dtype)


def _frame(stream, index, columns, values):
    index, columns = _taken(index, stream), _taken(columns, stream)
    return pd.DataFrame(_taken(values, stream), index, columns)


_TAKEN = {
    "scalar": _scalar,
    "list": _list,
    "dict": _dict,
    "objects": _objects,
    "array": _array,
    "levels": _levels,
    "index": _index,
    "frame": _frame,
}
