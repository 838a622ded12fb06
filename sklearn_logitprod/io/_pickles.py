"""Pickles of results, opened without running anything that they name.

A pickle calls what it names. Here every name that it may use is answered by a small recipe of
this module, which builds an array or a column from bytes; no code of NumPy, pandas or pyarrow
that a pickle could steer is ever called, and any other name is an error.
"""

from __future__ import annotations

import os
import pickle
import re
import sys
from collections import OrderedDict
from typing import Any, ClassVar

import numpy as np

_PLAIN_DTYPE = re.compile(r"[<>|=]?([biufUS]\d{1,6}|O\d?)")
_CHARACTERS = {"string": np.int32, "large_string": np.int64}
# rows that an index may claim to have, for a few bytes claim any number
_MOST_ROWS = 2**24


class Sealed(type):
    """Classes that a pickle cannot change for the files after it."""

    def __setattr__(cls, name, value):
        raise pickle.UnpicklingError(f"{cls.__name__} is not to be changed")


def sealed(recipe):
    """A function in the form of a sealed class."""
    return Sealed(recipe.__name__, (), {"__new__": lambda cls, *args: recipe(*args)})


class _Dtype(metaclass=Sealed):
    """A dtype: numbers, booleans, text and objects, no records."""

    def __init__(self, spec, align=False, copy=False):
        if not (isinstance(spec, str) and _PLAIN_DTYPE.fullmatch(spec)):
            raise pickle.UnpicklingError(f"dtype {spec!r} is not a plain one")
        self.value = np.dtype(spec)

    def __setstate__(self, state):
        _, order, subarray, names, fields = state[:5]
        if (subarray, names, fields) != (None, None, None):
            raise pickle.UnpicklingError("dtype is a record")
        self.value = self.value.newbyteorder(order)


class _Array(metaclass=Sealed):
    """An array between its two halves, as pickles write it."""

    value = None

    def __setstate__(self, state):
        _, shape, dtype, fortran, content = state
        self.value = _decoded(content, dtype, shape, "F" if fortran else "C")


class _Frame(metaclass=Sealed):
    """Columns of a frame."""

    value = None

    def __setstate__(self, state):
        self.value = state["_mgr"].columns


class _Manager(metaclass=Sealed):
    """Blocks of columns, and the axes that name them."""

    def __init__(self, blocks, axes, verify_integrity=True):
        if len(axes[0]) != sum(len(np.atleast_2d(values)) for values, _ in blocks):
            raise pickle.UnpicklingError("names and columns of a frame differ in number")
        names = list(axes[0])
        self.columns = {}
        for values, placement in blocks:
            at = np.arange(len(names))[placement]
            for row, position in zip(np.atleast_2d(values), at, strict=True):
                self.columns[names[position]] = row


class _Texts(metaclass=Sealed):
    """Text that pandas holds in an array of its own."""

    value = None

    def __setstate__(self, state):
        if isinstance(state, dict):
            self.value = state["_pa_array"]
        else:
            self.value = next(part.value for part in state if isinstance(part, _Array))


class _Name(metaclass=Sealed):
    """Something that is only named, and never called."""

    def __init__(self, *args):
        pass

    def __setstate__(self, state):
        pass


def is_text(array):
    """Whether an array, if it is of text, holds characters: Python fails on other numbers."""
    if array.dtype.kind != "U" or array.size == 0 or array.dtype.itemsize == 0:
        return True
    codes = np.ascontiguousarray(array).view(array.dtype.byteorder.replace("|", "=") + "u4")
    return bool(codes.max() <= sys.maxunicode)


def _decoded(content, dtype, shape, order):
    """Array of a shape from its bytes, or from its list of objects."""
    if dtype.value.kind != "O":
        array = np.ndarray(shape, dtype.value, buffer=content, order=order).copy(order)
        if not is_text(array):
            raise pickle.UnpicklingError("text of no characters")
        return array
    values = np.empty(len(content), dtype=object)
    for i, item in enumerate(content):
        values[i] = None if isinstance(item, type) else unwrapped(item)
    return values.reshape(shape, order=order)


@sealed
def _reconstruct(kind, shape, code):
    return _Array()


@sealed
def _frombuffer(content, dtype, shape, order):
    array = _Array()
    array.value = _decoded(content, dtype, shape, order)
    return array


@sealed
def _scalar(dtype, content):
    return content if dtype.value.kind == "O" else _decoded(content, dtype, (), "C")[()]


@sealed
def _latin1(text, encoding):
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"encoding {encoding!r}")
    return text.encode("latin1")


@sealed
def _new_index(kind, content):
    if "start" in content:
        rows = range(content["start"], content["stop"], content["step"])
        if len(rows) > _MOST_ROWS:
            raise pickle.UnpicklingError(f"an index of {len(rows)} rows")
        return rows
    return list(unwrapped(content["data"]))


@sealed
def _unpickle_block(values, placement, ndim):
    return unwrapped(values), placement if isinstance(placement, slice) else unwrapped(placement)


@sealed
def _backed(kind, checksum, state):
    return _Texts()


@sealed
def _text_type(name):
    return _CHARACTERS[name]


@sealed
def _bytes(content=b"", encoding=None):
    # of a number they would be so many zeros
    if not isinstance(content, (bytes, bytearray, str)):
        raise pickle.UnpicklingError("bytes of something else")
    return content.encode(encoding or "latin1") if isinstance(content, str) else bytes(content)


@sealed
def _texts(parts):
    """Strings of an Arrow array: validity bits, offsets, characters."""
    offset_type, length, _, start, (valid, offsets, characters) = parts[:5]
    ends = np.frombuffer(offsets, offset_type)[start : start + length + 1]
    if len(ends) != length + 1:
        raise pickle.UnpicklingError("strings are not complete")
    present = np.ones(length, dtype=bool)
    if valid is not None:
        bits = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")
        present = bits[start : start + length].astype(bool)
    values = np.empty(length, dtype=object)
    for i in np.flatnonzero(present):
        values[i] = (characters or b"")[ends[i] : ends[i + 1]].decode()
    return values


RECIPES = {
    ("collections", "OrderedDict"): OrderedDict,
    ("_codecs", "encode"): _latin1,
    ("numpy", "ndarray"): _Name,
    ("numpy", "dtype"): _Dtype,
    ("pandas._libs.internals", "_unpickle_block"): _unpickle_block,
    ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"): _backed,
    ("pandas._libs.missing", "NA"): _Name,
    ("pandas", "NA"): _Name,
    ("pandas.core.indexes.base", "_new_Index"): _new_index,
    ("pandas.core.indexes.numeric", "Int64Index"): _Name,
    ("pandas.core.internals.managers", "BlockManager"): _Manager,
    ("pandas.arrays", "ArrowStringArray"): _Texts,
    ("pandas.core.arrays.string_arrow", "ArrowStringArray"): _Texts,
    ("pyarrow.lib", "_restore_array"): _texts,
    ("pyarrow.lib", "py_buffer"): _bytes,
    ("pyarrow.lib", "type_for_alias"): _text_type,
}
for _core in ("numpy.core", "numpy._core"):
    RECIPES[f"{_core}.multiarray", "_reconstruct"] = _reconstruct
    RECIPES[f"{_core}.multiarray", "scalar"] = _scalar
    RECIPES[f"{_core}.numeric", "_frombuffer"] = _frombuffer
for _builtins in ("builtins", "__builtin__"):
    for _kind in (complex, dict, frozenset, list, set, slice, tuple):
        RECIPES[_builtins, _kind.__name__] = _kind
    RECIPES[_builtins, "bytearray"] = RECIPES[_builtins, "bytes"] = _bytes
for _module, _name, _recipe in (
    ("pandas.core.frame", "DataFrame", _Frame),
    ("pandas.core.indexes.base", "Index", _Name),
    ("pandas.core.indexes.range", "RangeIndex", _Name),
    ("pandas.core.arrays.string_", "StringDtype", _Name),
    ("pandas.core.arrays.string_", "StringArray", _Name),
):
    RECIPES[_module, _name] = _recipe
    RECIPES["pandas.arrays" if _name == "StringArray" else "pandas", _name] = _recipe


class _Bounded:
    """A file that refuses to read more than it has, before memory for that is taken."""

    def __init__(self, stream, size):
        self._stream, self.readline, self._size = stream, stream.readline, size

    def read(self, size):
        if size > self._size - self._stream.tell():
            raise pickle.UnpicklingError("pickle data was truncated")
        return self._stream.read(size)


class Unpickler(pickle._Unpickler):
    """Answers names by recipes, and keeps the first that has none.

    The one written in Python: in the other a few bytes, a memo of number 2e9, take all memory.

    Parameters
    ----------
    stream : binary file
    size : int
        Of the file in bytes.

    Attributes
    ----------
    unknown : str or None
        The name that has none.
    """

    unknown = None
    recipes: dict[tuple, Any] = RECIPES
    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)

    def __init__(self, stream, size):
        super().__init__(_Bounded(stream, size))

    def find_class(self, module, name):
        if (module, name) not in self.recipes:
            self.unknown = f"{module}.{name}"
            raise pickle.UnpicklingError(self.unknown)
        return self.recipes[module, name]

    def load_bytearray8(self):
        # not of the claimed size before it is known to be there
        self.append(bytearray(self.read(int.from_bytes(self.read(8), "little"))))

    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8


def unwrapped(value):
    """What a stand-in holds: an array, or the columns of a frame; else the value itself."""
    return value.value if isinstance(value, (_Array, _Frame, _Texts)) else value


def load_pickle(source, file):
    """Content of a pickle of containers, numbers, text, arrays and frames.

    Parameters
    ----------
    source : Source
        The file, for messages.
    file : path
        What is opened.

    Returns
    -------
    object
        Arrays and frames within containers are stand-ins; `unwrapped` gives their content,
        of a frame a dict of its columns.

    Raises
    ------
    ValueError
        If the pickle names anything else, or is damaged.
    """
    with open(file, "rb") as stream:
        unpickler = Unpickler(stream, os.fstat(stream.fileno()).st_size)
        try:
            return unwrapped(unpickler.load())
        except Exception as error:
            if unpickler.unknown:
                raise source.error(
                    f"the pickle names {unpickler.unknown}, which is neither a container nor a "
                    "plain NumPy array or pandas frame; nothing of it was run. If you trust the "
                    "file, open it where it was written and save it as CSV or .npz."
                ) from error
            raise source.broken(
                "pickle", error, "Copy the file again, or write it anew."
            ) from error
