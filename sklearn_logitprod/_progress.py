"""Progress of what takes seconds, on one line."""

from __future__ import annotations

import shutil
import time


class Progress:
    """A line that says what is being done and how many seconds have passed.

    On a terminal each line overwrites the last; elsewhere each stands on its own.

    Parameters
    ----------
    stream : text stream
    """

    def __init__(self, stream):
        self._stream = stream
        self._terminal = stream.isatty()
        self._start = time.perf_counter()
        self._shown = 0

    def __call__(self, text):
        """Show a line."""
        line = f"[{time.perf_counter() - self._start:4.1f} s] {text}"
        if self._terminal:
            # a line that wraps could not be overwritten
            line = line[: shutil.get_terminal_size().columns - 1]
            self._stream.write("\r" + line.ljust(self._shown))
            self._shown = len(line)
        else:
            self._stream.write(line + "\n")
        self._stream.flush()

    def clear(self):
        """Wipe the line off a terminal, to make room for other output."""
        if self._shown:
            self._stream.write("\r" + " " * self._shown + "\r")
            self._stream.flush()
            self._shown = 0
