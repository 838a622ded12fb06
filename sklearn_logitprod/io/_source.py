"""Where values come from, for messages that name file, line and expert."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

_OF_FOLDERS = (
    "Folders of features are for `logitprod probe` (io.read_embeddings), folders of results for "
    "--layout (io.read_clam and others)."
)


@dataclass(frozen=True, eq=False)
class Source:
    """A file of one expert.

    Attributes
    ----------
    path : str
        The file, as messages show it.
    expert : str
        Name of the expert; empty where the file is of none.
    line : callable, optional
        From a row of the file to its line, the header being line 1; None for files without
        lines, whose rows count from 0.
    rows : ndarray of shape (n_rows,), int, or None
        The rows of the file that are meant, where these are not all.
    """

    path: str
    expert: str
    line: Callable[[int], int] | None = None
    rows: np.ndarray | None = None

    def place(self, row):
        """Where a row is, such as ``line 7``."""
        row = int(row if self.rows is None else self.rows[row])
        return f"row {row}" if self.line is None else f"line {self.line(row)}"

    def where(self, row):
        """File and place of a row."""
        return f"{self.path}, {self.place(row)}"

    def take(self, rows, expert=None):
        """The same file with some of its rows, of another expert if one is named."""
        rows = np.asarray(rows)
        own = rows if self.rows is None else self.rows[rows]
        return replace(self, rows=own, expert=self.expert if expert is None else expert)

    def error(self, message, row=None):
        """A ValueError, ready to be raised, that says where the fault is.

        Parameters
        ----------
        message : str
            What is wrong and what to do.
        row : int, optional
            The row at fault.

        Returns
        -------
        ValueError
        """
        where = self.path if row is None else self.where(row)
        of = f" (expert {self.expert!r})" if self.expert else ""
        text = f"{where}{of}: {message}"
        return ValueError(" ".join(text.splitlines()))

    def broken(self, kind, error, remedy="Copy the file again."):
        """The same where a library could not read a file.

        Parameters
        ----------
        kind : str
            What it should be, such as ``HDF5 file``.
        error : Exception
            What the library raised.
        remedy : str

        Returns
        -------
        ValueError
        """
        if isinstance(error, MemoryError):
            return self.error(
                f"it asks for more memory than there is ({error}). Split the file, unless it is "
                "damaged."
            )
        what = str(error)
        if not isinstance(error, (OSError, ValueError)):
            what = f"{type(error).__name__}: {error}"
        return self.error(f"this is no complete {kind} ({what}). {remedy}")


@dataclass(frozen=True, eq=False)
class Sources(Source):
    """Several files of one expert, one after the other, such as those of its folds.

    Attributes
    ----------
    parts : tuple of Source
    ends : ndarray of shape (n_files,), int
        How many rows there are up to the end of each.
    """

    parts: tuple = ()
    ends: np.ndarray | None = None

    @classmethod
    def of(cls, parts, sizes):
        """Sources of files and how many rows each has."""
        path = f"{parts[0].path} and {len(parts) - 1} more"
        return cls(path, parts[0].expert, parts=tuple(parts), ends=np.cumsum(sizes))

    def where(self, row):
        """File and place of a row."""
        row = int(row if self.rows is None else self.rows[row])
        k = int(np.searchsorted(self.ends, row, side="right"))
        return self.parts[k].where(row - (self.ends[k - 1] if k else 0))


def named_paths(paths, what="file"):
    """Experts and their files.

    Parameters
    ----------
    paths : dict of str to path, or sequence of paths
        In a sequence a file's name without its extensions names the expert.
    what : str
        What the paths are, for messages.

    Returns
    -------
    dict of str to Path

    Raises
    ------
    ValueError
        If there is no path, or two in a sequence would have the same name.
    """
    if isinstance(paths, (str, Path)):
        raise ValueError(
            f"a single path, {str(paths)!r}, was given: pass one {what} per expert, such as "
            f"{{'uni': 'uni.csv', 'conch': 'conch.csv'}}."
        )
    if not hasattr(paths, "items"):
        paths = list(paths)
        names = [_name(path, what) for path in paths]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            same = [str(path) for name, path in zip(names, paths, strict=True) if name == twice]
            raise ValueError(
                f"two experts would be named {twice!r}, after {same[0]} and {same[1]}: name them, "
                f"such as {{'uni': {same[0]!r}, 'conch': {same[1]!r}}}."
            )
        paths = dict(zip(names, paths, strict=True))
    if not paths:
        raise ValueError(f"no {what} was given: pass one {what} per expert.")
    return {str(name): Path(path) for name, path in paths.items()}


def _name(path, what="file"):
    name = Path(path).name
    return name.split(".")[0] if what == "file" else name


def existing(source, remedy="Check the path."):
    """Path of a source, checked to be a file."""
    path = Path(source.path)
    if path.is_dir():
        raise source.error(f"this is a folder, and a file is needed. {_OF_FOLDERS}")
    if not path.is_file():
        raise source.error(f"there is no such file. {remedy}")
    return path
