"""Progress of what takes seconds, on one line."""

from __future__ import annotations

import shutil
import sys
import time

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:
    # scikit-learn before 1.9 has no callbacks
    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in where scikit-learn has no callbacks."""


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


class FitProgress:
    """Progress of a fit: lines on standard error, and scikit-learn's callbacks.

    Parameters
    ----------
    estimator : estimator
        Whose callbacks are told, where scikit-learn has them.
    verbose : int
        Whether lines are printed.
    """

    def __init__(self, estimator, verbose):
        self._estimator, self._task = estimator, None
        self._show = Progress(sys.stderr) if verbose else None
        self._context = None

    def __enter__(self):
        if getattr(self._estimator, "_skl_callbacks", None):
            self._context = self._estimator._init_callback_context(max_subtasks=None)
            self._context.call_on_fit_task_begin(estimator=self._estimator)
        return self

    def __call__(self, text):
        """Say what is being fitted now; it ends when the next begins."""
        if self._show is not None:
            self._show(f"{type(self._estimator).__name__}: {text}")
        if self._context is not None:
            self._end_task()
            self._task = self._context.subcontext(task_name=text)
            self._task.call_on_fit_task_begin(estimator=self._estimator)

    def _end_task(self):
        if self._task is not None:
            self._task.call_on_fit_task_end(estimator=self._estimator)
            self._task = None

    def __exit__(self, *error):
        if self._show is not None:
            self._show.clear()
        if self._context is not None:
            self._end_task()
            self._context.call_on_fit_task_end(estimator=self._estimator)
