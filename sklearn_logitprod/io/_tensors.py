"""Files of torch, opened without torch and without running anything that they name.

Both forms that ``torch.save`` has written: a zip archive with a pickle and the bytes of each
storage, and, before torch 1.6, pickles in a row with the bytes after them. Of the pickle only
containers, numbers, text and tensors are known, as with ``weights_only=True``, and NumPy arrays,
which that refuses. Tensors stay in their file until they are indexed.
"""

from __future__ import annotations

import pickle
import struct
import zipfile

import numpy as np

from sklearn_logitprod.io._pickles import RECIPES, Sealed, Unpickler, sealed, unwrapped

BFLOAT16 = np.dtype("V2")
"""Stands for the numbers that NumPy has none for: the upper halves of those of float32."""

_MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES = {
    "Double": "f8",
    "Float": "f4",
    "Half": "f2",
    "BFloat16": "V2",
    "Long": "i8",
    "Int": "i4",
    "Short": "i2",
    "Char": "i1",
    "Byte": "u1",
    "Bool": "?",
}
_LOCAL_HEADER = struct.Struct("<4s22xHH")


class _Kind:
    """A type of storage that a pickle names."""

    def __init__(self, dtype):
        self.dtype = np.dtype(dtype)


class _Storage:
    """Numbers of a file: their type, how many, and where they begin once that is known."""

    def __init__(self, dtype, size):
        self.dtype, self.size, self.start = dtype, size, None


class _Tensor(metaclass=Sealed):
    """A view of a storage."""

    def __init__(self, storage, offset, shape, strides):
        counts = [offset, *shape, *strides]
        if not isinstance(storage, _Storage) or len(shape) != len(strides):
            raise pickle.UnpicklingError("a tensor without numbers")
        if any(type(count) is not int or count < 0 for count in counts):
            raise pickle.UnpicklingError(f"a tensor of shape {shape}")
        last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
        if 0 not in shape and last >= storage.size:
            raise pickle.UnpicklingError("a tensor beyond its numbers")
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def array(self, path, order):
        """The tensor as an array that is read from its file as it is indexed."""
        dtype = self.storage.dtype.newbyteorder(order)
        if 0 in self.shape:
            return np.empty(self.shape, dtype)
        flat = np.memmap(path, dtype, "r", self.storage.start, (self.storage.size,))
        steps = [step * dtype.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(
            flat[self.offset :], self.shape, steps, writeable=False
        )


@sealed
def _rebuilt(storage, offset, shape, strides, *others):
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


@sealed
def _parameter(tensor, *others):
    return tensor


_TENSORS = {
    ("torch._utils", "_rebuild_tensor"): _rebuilt,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuilt,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch", "Size"): tuple,
}


class _TensorUnpickler(Unpickler):
    """Answers the names of tensors, too, and numbers storages as they come."""

    def __init__(self, stream, size, storages):
        super().__init__(stream, size)
        self.storages = storages
        # kinds of this file alone, which it may change
        kinds = {("torch", f"{name}Storage"): _Kind(dtype) for name, dtype in _DTYPES.items()}
        self.recipes = RECIPES | _TENSORS | kinds

    def persistent_load(self, pid):
        if not (isinstance(pid, tuple) and len(pid) >= 5 and isinstance(pid[1], _Kind)):
            raise pickle.UnpicklingError("numbers of an unknown type")
        if len(pid) > 5 and pid[5] is not None:
            raise pickle.UnpicklingError("a view of a view, as torch before 1.0 wrote")
        kind, key, n = pid[1], pid[2], pid[4]
        if type(n) is not int or n < 0:
            raise pickle.UnpicklingError(f"{n!r} numbers")
        return self.storages.setdefault(str(key), _Storage(kind.dtype, n))


def load_tensors(source, path):
    """Content of a file of torch.

    Parameters
    ----------
    source : Source
        The file, for messages.
    path : Path

    Returns
    -------
    object
        Containers, numbers and text as they are; tensors and arrays as arrays of NumPy, the
        former memory-mapped; those of bfloat16 of the dtype `BFLOAT16`.

    Raises
    ------
    ValueError
        If the file names anything else, or is damaged.
    """
    opened = []
    try:
        with open(path, "rb") as stream:
            archive = stream.read(4) == b"PK\x03\x04"
            stream.seek(0)
            content, order = (_archived if archive else _in_a_row)(stream, path, opened)
        return _arrays(content, path, order)
    except Exception as error:
        # damaged bytes make pickle and zipfile stumble in many ways
        unknown = next((own.unknown for own in opened if own.unknown), None)
        if unknown:
            raise source.error(
                f"the file names {unknown}, which is neither a container nor a tensor nor a plain "
                "NumPy array; nothing of it was run. If you trust the file, save its tensor alone "
                "where it was written: torch.save(features, path)."
            ) from error
        raise source.broken(
            "file of torch", error, "Copy the file again, or write it anew."
        ) from error


def _archived(stream, path, opened):
    """What a zip archive holds, and the order of its bytes."""
    size = path.stat().st_size
    with zipfile.ZipFile(stream) as archive:
        members = {info.filename: info for info in archive.infolist()}
        name = next((name for name in members if name.endswith("/data.pkl")), None)
        if name is None:
            raise zipfile.BadZipFile(f"no data.pkl, only {list(members)[:5]}")
        if any(info.compress_type != zipfile.ZIP_STORED for info in members.values()):
            raise zipfile.BadZipFile("its members are compressed, which torch does not do")
        folder = name.removesuffix("data.pkl")
        order = "<"
        if f"{folder}byteorder" in members and archive.read(f"{folder}byteorder") == b"big":
            order = ">"
        storages = {}
        with archive.open(name) as pickled:
            opened.append(_TensorUnpickler(pickled, members[name].file_size, storages))
            content = opened[0].load()
    for key, storage in storages.items():
        info = members[f"{folder}data/{key}"]
        stream.seek(info.header_offset)
        _, n_name, n_extra = _LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))
        storage.start = info.header_offset + _LOCAL_HEADER.size + n_name + n_extra
        needed = storage.size * storage.dtype.itemsize
        if needed > info.file_size or storage.start + needed > size:
            raise zipfile.BadZipFile(f"{key} holds fewer numbers than its tensor")
    return content, order


def _in_a_row(stream, path, opened):
    """What pickles in a row hold, with the numbers after them."""
    size, storages = path.stat().st_size, {}

    def load():
        opened.append(_TensorUnpickler(stream, size, storages))
        return opened[-1].load()

    if load() != _MAGIC:
        raise pickle.UnpicklingError("it does not begin as torch writes")
    _, about, content = load(), load(), load()
    for key in load():
        storage = storages[str(key)]
        (n,) = struct.unpack("<q", stream.read(8))
        storage.start = stream.tell()
        needed = n * storage.dtype.itemsize
        if n < storage.size or storage.start + needed > size:
            raise pickle.UnpicklingError(f"{key} holds fewer numbers than its tensor")
        stream.seek(needed, 1)
    return content, "<" if about.get("little_endian", True) else ">"


def _arrays(content, path, order, known=None):
    """Content with arrays in place of what stands for them."""
    known = {} if known is None else known
    if isinstance(content, _Tensor):
        return content.array(path, order)
    if not isinstance(content, (dict, list, tuple)):
        return unwrapped(content)
    # once each: a few containers can hold each other in 2^n ways
    if id(content) not in known:
        if isinstance(content, dict):
            pairs = content.items()
            done = {str(name): _arrays(own, path, order, known) for name, own in pairs}
        else:
            done = [_arrays(own, path, order, known) for own in content]
        # with the content, so that no other takes its place in memory
        known[id(content)] = done, content
    return known[id(content)][0]
