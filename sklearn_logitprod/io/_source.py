"""Where values come from, for messages that name file, line and expert."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, eq=False)
class Source:
    """A file of one expert.

    Attributes
    ----------
    path : str
        The file, as messages show it.
    expert : str
        Name of the expert.
    lines : ndarray of shape (n_rows,), int, or None
        Line in the file of each row, the header being line 1; None for files without
        lines, whose rows count from 0.
    """

    path: str
    expert: str
    lines: np.ndarray | None = None

    def place(self, row):
        """Where a row is, such as ``line 7``."""
        return f"row {row}" if self.lines is None else f"line {self.lines[row]}"

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
        where = "" if row is None else f", {self.place(row)}"
        text = f"{self.path}{where} (expert {self.expert!r}): {message}"
        return ValueError(" ".join(text.splitlines()))


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
        paths = [Path(path) for path in paths]
        names = [path.name.split(".")[0] if what == "file" else path.name for path in paths]
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


def existing(source, remedy="Check the path."):
    """Path of a source, checked to be a file."""
    path = Path(source.path)
    if not path.is_file():
        raise source.error(f"there is no such file. {remedy}")
    return path
