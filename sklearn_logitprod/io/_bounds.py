"""How much a file may turn into: a few bytes can unpack to more than any memory."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

MOST_BYTES = 1 << 30
"""What any file may turn into."""

# what larger ones may, for each of their bytes: tables of text come to 3 to 20
_MOST_RATIO = 100


def most_bytes(path):
    """What a file may turn into."""
    return max(MOST_BYTES, _MOST_RATIO * Path(path).stat().st_size)


def check_size(source, path, n_bytes):
    """Refuse what a file claims to hold, before any of it is read.

    Parameters
    ----------
    source : Source
    path : path
    n_bytes : int
        Of what it holds, unpacked.

    Raises
    ------
    ValueError
        If that is more than 1 GiB and more than 100 times the size of the file.
    """
    if n_bytes > most_bytes(path):
        raise source.error(
            f"a file of {Path(path).stat().st_size:,} bytes claims to hold {n_bytes:,}, as files "
            "do that are damaged or made to fill memory. If it is right, unpack it, or save it "
            "without compression, and pass that."
        )


def check_archive(source, path):
    """The same of the members of a zip archive, such as npz or xlsx; other files pass."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(info.file_size for info in archive.infolist())
    except Exception:
        # none, or damaged in one of many ways: whoever reads on says so
        return
    check_size(source, path, size)


class _Counted(io.RawIOBase):
    """A gzip stream that ends with an error once it has given too much."""

    def __init__(self, source, path):
        self._stream = gzip.GzipFile(path)
        self._source, self._path, self._most, self._given = source, path, most_bytes(path), 0

    def readable(self):
        return True

    def readinto(self, buffer):
        n = self._stream.readinto(buffer)
        self._given += n
        if self._given > self._most:
            check_size(self._source, self._path, self._given)
        return n

    def close(self):
        self._stream.close()
        super().close()


def gunzipped(source, path):
    """Bytes of a gzip file as a binary stream, which refuses to give too many."""
    return io.BufferedReader(_Counted(source, path), 1 << 16)
