"""Arrays of feature files by their names, read in blocks of rows."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sklearn_logitprod.io._bounds import check_archive, check_size
from sklearn_logitprod.io._formats import load_array
from sklearn_logitprod.io._pickles import load_pickle, unwrapped
from sklearn_logitprod.io._source import existing
from sklearn_logitprod.io._tensors import load_tensors

SUFFIXES = (".h5", ".hdf5", ".pt", ".pth", ".npy", ".npz", ".pkl")
"""Extensions of files that hold features."""

_DECLARED = ("encoder", "extractor")
_POINTER = b"version https://git-lfs"
_MOST_HELD = 1_000_000


@dataclass(frozen=True, eq=False)
class Content:
    """Arrays of a file.

    Attributes
    ----------
    arrays : dict of str to array
        By their names, those in groups with slashes; a lone array without a name is ``""``.
        Arrays in files are indexed, or are `Streamed`.
    encoders : dict of str to str
        The encoder that the file says an array is of; of all arrays alike by the name ``""``.
    """

    arrays: dict
    encoders: dict = field(default_factory=dict)

    def encoder_of(self, name):
        """The encoder that the file says an array is of; None if it does not say."""
        return self.encoders.get(name, self.encoders.get(""))


class Streamed:
    """An array that is read from its beginning to its end, such as a compressed one.

    Parameters
    ----------
    open : callable
        Opens a stream that stands at the first number.
    shape : tuple of int
    dtype : dtype
    """

    def __init__(self, open, shape, dtype):
        self._open, self.shape, self.dtype, self.ndim = open, shape, dtype, len(shape)

    def blocks(self, n_rows, n_columns) -> Iterator[np.ndarray]:
        """Rows of so many columns, some at a time."""
        with self._open() as stream:
            size = n_columns * self.dtype.itemsize
            left = int(np.prod(self.shape)) // max(n_columns, 1)
            while left:
                some = min(left, n_rows)
                content = stream.read(some * size)
                if len(content) < some * size:
                    raise EOFError("it ends before its last row")
                yield np.frombuffer(content, self.dtype).reshape(some, n_columns)
                left -= some

    def __array__(self, dtype=None, copy=None):
        n = int(np.prod(self.shape))
        whole = next(self.blocks(1, n)) if n else np.empty(0, self.dtype)
        whole = whole.reshape(self.shape)
        return whole if dtype is None else whole.astype(dtype)


@contextmanager
def opened(source):
    """Content of a feature file, as long as it is open.

    Parameters
    ----------
    source : Source

    Yields
    ------
    Content

    Raises
    ------
    ValueError
        If the file is absent, damaged, of an unknown format or names what could run code.
    """
    path = existing(source)
    suffix = path.suffix.lower()
    with path.open("rb") as stream:
        begin = stream.read(len(_POINTER))
    if not begin:
        raise source.error("the file is empty. Write it anew.")
    if begin == _POINTER:
        raise source.error("this is a pointer of Git LFS, not the file. Fetch it: git lfs pull.")
    with _content(source, path, suffix) as content:
        for array in content.arrays.values():
            check_size(source, path, math.prod(array.shape or ()) * array.dtype.itemsize)
        yield content


@contextmanager
def _content(source, path, suffix):
    if suffix in (".h5", ".hdf5"):
        with _hdf5(source, path) as content:
            yield content
    elif suffix in (".pt", ".pth"):
        yield Content(_flat(source, load_tensors(source, path)))
    elif suffix == ".npy":
        yield Content({"": _mapped(source, path)})
    elif suffix == ".npz":
        check_archive(source, path)
        yield Content(_members(source, path))
    elif suffix == ".pkl":
        yield Content(_flat(source, load_pickle(source, path)))
    else:
        raise source.error(f"this format is not known. Features are in {', '.join(SUFFIXES)}.")


@contextmanager
def _hdf5(source, path):
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise source.error(
            "HDF5 files need h5py: python -m pip install h5py, or save as .npz."
        ) from error
    arrays, encoders = {}, {}

    def declared(name, item):
        said = [item.attrs[key] for key in _DECLARED if key in item.attrs]
        text = said[0].decode() if said and isinstance(said[0], bytes) else said and str(said[0])
        if text and text != "None":
            encoders[name] = text

    def visit(name, item):
        if isinstance(name, bytes):
            # no UTF-8, and so no name that is looked for
            name = name.decode(errors="backslashreplace")
        # asked for here, where a type that NumPy does not know is an error of the file
        if isinstance(item, h5py.Dataset) and item.dtype is not None:
            arrays[name] = item
            declared(name, item)

    try:
        file = h5py.File(path, "r")
    except Exception as error:
        # damaged bytes make h5py stumble in many ways
        raise _broken(source, error) from error
    with file:
        try:
            declared("", file)
            file.visititems(visit)
        except Exception as error:
            raise _broken(source, error) from error
        yield Content(arrays, encoders)


def _broken(source, error):
    return source.broken("HDF5 file", error, "Copy the file again, or extract it anew.")


def _mapped(source, path):
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception:
        # the other reader says what is wrong with it
        return load_array(source, path)


def _members(source, path):
    """Arrays of an npz file, those of several axes to be read in blocks."""
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                arrays[info.filename.removesuffix(".npy")] = _member(path, archive, info)
    except Exception as error:
        # damaged bytes make zipfile and NumPy stumble in many ways
        raise source.broken("npz file", error, "Copy it again, or write it anew.") from error
    return arrays


def _member(path, archive, info):
    with archive.open(info) as stream:
        shape, fortran, dtype = _header(stream)
        if dtype.hasobject:
            raise ValueError(f"{info.filename} holds pickled objects, which may run code")
        size = int(np.prod(shape)) * dtype.itemsize
        if size > info.file_size:
            raise ValueError(f"{info.filename} is shorter than its header says")
        if len(shape) < 2 or fortran:
            flat = np.frombuffer(stream.read(size), dtype)
            return flat.reshape(shape, order="F" if fortran else "C")

    @contextmanager
    def begun():
        with zipfile.ZipFile(path) as again, again.open(info.filename) as stream:
            _header(stream)
            yield stream

    return Streamed(begun, shape, dtype)


def _header(stream):
    version = np.lib.format.read_magic(stream)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in read:
        raise ValueError(f"format {version} of npy")
    return read[version](stream)


def _flat(source, content):
    """Arrays of nested containers, by names with slashes."""
    found = {}
    # not by recursion: containers may hold themselves, and each other any number of times
    left, n_held = [("", content)], 0
    while left:
        name, own = left.pop()
        own = unwrapped(own)
        if isinstance(own, np.ndarray):
            found[name] = own
        elif isinstance(own, (list, tuple)) and all(isinstance(i, (str, int, float)) for i in own):
            found[name] = np.asarray(own)
        elif isinstance(own, (dict, list, tuple)):
            n_held += len(own)
            if n_held > _MOST_HELD:
                raise source.error(
                    f"containers in it hold more than {_MOST_HELD:,} others, as those of features "
                    "do not. Save the array of features alone."
                )
            pairs = own.items() if isinstance(own, dict) else enumerate(own)
            inner = [(f"{name}/{key}" if name else str(key), part) for key, part in pairs]
            left += reversed(inner)
    return found


def is_feature_file(path):
    """Whether a file is called as one that holds features, and not as what lies beside them."""
    path = Path(path)
    # slideflow writes where the tiles of a bag are to <slide>.index.npz
    beside = path.name.lower().endswith((".index.npz", ".index.npy"))
    return path.suffix.lower() in SUFFIXES and not beside
