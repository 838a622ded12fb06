"""Identifiers: the same text in several files found fast, and forms that only look unlike."""

from __future__ import annotations

from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd

_AT_A_TIME = 1 << 17
_IMAGES = "svs tif tiff ndpi mrxs scn bif vsi dcm czi isyntax qptiff zarr png jpg jpeg"
_ARRAYS = "h5 hdf5 pt pth npy npz pkl csv parquet"
STRIPS = {
    "folder": r"^.*[/\\]",
    "suffix": rf"(?i)(\.ome)?\.({'|'.join((_IMAGES + ' ' + _ARRAYS).split())})$",
    "zeros": r"^0+(?=\d+$)",
}
"""What may be stripped from identifiers, as patterns."""


class Ids:
    """A column of identifiers that other columns are looked up in.

    Texts are compared by a fingerprint of 128 bits, a multilinear hash of their bytes and length
    with odd random factors. That two of ten million texts share one by chance has a probability
    of 1e-24.

    Parameters
    ----------
    texts : text array
    """

    def __init__(self, texts):
        self.texts = texts
        self._keys, self._beside = _fingerprints(texts)

    def __len__(self):
        return len(self.texts)

    @cached_property
    def _tables(self):
        return _hashed(self._keys)

    def twice(self):
        """Row of the first text that was there before, and where; None if there is none."""
        _, twins = self._tables
        first = {}
        for row in np.unique(twins):
            if self.texts[row] in first:
                return int(row), first[self.texts[row]]
            first[self.texts[row]] = int(row)
        return None

    def rows_of(self, other):
        """Row of each text of another column in this one, -1 where it is not.

        Parameters
        ----------
        other : Ids

        Returns
        -------
        ndarray of shape (n_other,), int32
        """
        (tables, _), found = self._tables, np.empty(len(other), dtype=np.int32)
        # some at a time: what is made on the way stays in the processor's cache
        for start in range(0, len(other), _AT_A_TIME):
            some = slice(start, start + _AT_A_TIME)
            rows = _looked_up(self._keys, tables, other._keys[some])
            if not ((self._beside[rows] == other._beside[some]) | (rows < 0)).all():
                # half of two fingerprints agrees
                known = {text: row for row, text in enumerate(self.texts)}
                return np.array([known.get(text, -1) for text in other.texts], dtype=np.int32)
            found[some] = rows
        return found


def same_texts(texts, others):
    """Whether two columns hold the same texts in the same order."""
    if len(texts) != len(others) or texts[0] != others[0]:
        return False
    return texts is others or bool(np.all(np.asarray(texts == others)))


def _slots(keys, level, bits):
    """Where keys lie in the table of a level: the first bits of their product with a number."""
    factor = np.random.default_rng(level).integers(2**64, dtype=np.uint64) | np.uint64(1)
    return ((keys * factor) >> np.uint64(64 - bits)).view(np.int64)


def _hashed(keys):
    """Tables of rows by their keys, and rows whose key another row has, too.

    Of the keys that fall into one place of a table one stays, and the others go to the next, in
    operations on whole arrays. It takes less time than to sort.
    """
    tables, twins = [], []
    left = np.arange(len(keys), dtype=np.int32)
    while len(left):
        own, bits = keys[left] if tables else keys, len(left).bit_length() + 1
        slots = _slots(own, len(tables), bits)
        table = np.full(1 << bits, -1, dtype=np.int32)
        table[slots] = left
        tables.append(table)
        stayed = table[slots]
        lost = np.flatnonzero(stayed != left)
        left, stayed, own = left[lost], stayed[lost], own[lost]
        same = keys[stayed] == own
        twins += [left[same], stayed[same]]
        left = left[~same]
    return tables, np.concatenate([*twins, np.empty(0, dtype=np.int32)])


def _looked_up(keys, tables, wanted):
    """Row of each wanted key in the tables of `keys`, -1 where there is none."""
    rows, left = np.full(len(wanted), -1, dtype=np.int32), None
    for level, table in enumerate(tables):
        own = wanted if left is None else wanted[left]
        found = table[_slots(own, level, len(table).bit_length() - 1)]
        there = (found >= 0) & (keys[found] == own)
        if left is None:
            np.copyto(rows, found, where=there)
            left = np.flatnonzero(~there)
        else:
            rows[left[there]] = found[there]
            left = left[~there]
    return rows


def _fingerprints(texts):
    """Fingerprint of each text: (2, n), uint64."""
    found, end = np.empty((2, len(texts)), dtype=np.uint64), 0
    for data, lengths in _pieces(texts):
        start, end = end, end + len(lengths)
        _hash(data, lengths, found[:, start:end])
    return found


def _hash(data, lengths, hashed):
    random = np.random.Generator(np.random.PCG64(0))
    hashed[:] = 0
    for word in _words(data, lengths):
        # the same ones in each column, however long its texts are
        factors = random.integers(2**64, size=2, dtype=np.uint64) | np.uint64(1)
        for own, factor in zip(hashed, factors, strict=True):
            own += word * factor


def _words(data, lengths):
    """Lengths of texts, and their bytes as numbers of eight each, zeros after their ends."""
    longest = int(lengths.max(initial=0))
    alike = len(data) == longest * len(lengths)
    yield (lengths[:1] if alike else lengths).astype(np.uint64)
    if not alike:
        data = _padded(data, lengths)
    # the last word of each text begins the next one, and there is one after the last
    data = np.r_[data.ravel(), np.zeros(8, dtype=np.uint8)]
    for start in range(0, longest, 8):
        word = np.ndarray(len(lengths), "<u8", data, start, longest)
        yield word & np.uint64(2 ** (8 * min(longest - start, 8)) - 1)


def _padded(data, lengths):
    """Texts as rows of bytes, zeros after their ends: (n, n_bytes), uint8."""
    longest = int(lengths.max(initial=0))
    rows = np.zeros((len(lengths), longest), dtype=np.uint8)
    if len(data) == longest * len(lengths):
        rows[:, :longest] = data.reshape(len(lengths), longest)
    else:
        rows[np.arange(rows.shape[1]) < lengths[:, None]] = data
    return rows


def _in_turn(function, items):
    return [function(item) for item in items]


def as_array(texts, each=_in_turn):
    """Texts as a NumPy array of str.

    Parameters
    ----------
    texts : text array
    each : callable, optional
        ``each(function, items)`` calls a function of each item, such as several at a time.

    Returns
    -------
    ndarray of shape (n_texts,), str
    """
    longest = 0
    for data, lengths in _pieces(texts):
        longest = max(longest, int(lengths.max(initial=0)))
        if data.max(initial=0) > 127:
            return np.asarray(texts, dtype=str)
    found = np.zeros((len(texts), max(longest, 1)), dtype=np.uint32)

    def fill(start):
        for piece in _bytes(texts[start : start + _AT_A_TIME]):
            rows = _padded(*piece)
            found[start : start + len(rows), : rows.shape[1]] = rows
            start += len(rows)

    each(fill, range(0, len(texts), _AT_A_TIME))
    return found.view(f"U{found.shape[1]}")[:, 0]


def _pieces(texts):
    """Bytes and lengths of some texts at a time."""
    for start in range(0, len(texts), _AT_A_TIME):
        yield from _bytes(texts[start : start + _AT_A_TIME])


def _bytes(texts):
    """Bytes and lengths of texts, in pieces: those that Arrow holds, else encoded anew."""
    try:
        import pyarrow as pa
    except ModuleNotFoundError:
        encoded = [text.encode() for text in texts]
        lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
        yield np.frombuffer(b"".join(encoded), dtype=np.uint8), lengths
        return
    array = pa.array(texts, from_pandas=True)
    for chunk in array.chunks if isinstance(array, pa.ChunkedArray) else [array]:
        whole = chunk.cast(pa.large_string())
        _, offsets, data = whole.buffers()
        ends = np.frombuffer(offsets, dtype=np.int64)[whole.offset :][: len(whole) + 1]
        raw = np.frombuffer(data or b"", dtype=np.uint8)
        yield raw[ends[0] : ends[-1]], np.diff(ends)


def stripped(texts, what):
    """Texts without what only some writers add.

    Parameters
    ----------
    texts : text array
    what : sequence of {"folder", "suffix", "zeros"}

    Returns
    -------
    pandas array of str
    """
    series = pd.Series(texts)
    for name, pattern in STRIPS.items():
        if name in what:
            series = series.str.replace(pattern, "", regex=True)
    return series.array


def check_strip(what):
    """What is to be stripped, as a tuple of names.

    Parameters
    ----------
    what : str, sequence of str or None
        A str may hold several, separated by commas.

    Returns
    -------
    tuple of str
    """
    names = tuple(what.split(",") if isinstance(what, str) else what or ())
    unknown = [name for name in names if name not in STRIPS]
    if unknown:
        raise ValueError(f"id_strip={unknown[0]!r} is unknown; it is one of {list(STRIPS)}.")
    return names


def alike_without(first, second):
    """What joins two columns of unlike identifiers if it is stripped.

    Parameters
    ----------
    first, second : text array
        That have no text in common.

    Returns
    -------
    tuple of str or None
        The fewest of `STRIPS` that make most of them equal; None if none does.
    """
    best, most = None, 0
    for size in range(1, len(STRIPS) + 1):
        for what in combinations(STRIPS, size):
            common = len(set(stripped(first, what)) & set(stripped(second, what)))
            if common > most:
                best, most = what, common
    return best
