"""Progress of what takes seconds, on one line."""

from __future__ import annotations

import shutil
import sys
import time
from contextlib import contextmanager

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:
    # scikit-learn before 1.9 has no callbacks
    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in where scikit-learn has no callbacks."""

    def with_callbacks(method):
        """Give a method as it is: there is no callback to end."""
        return method


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

    @property
    def is_terminal(self):
        """Whether each line overwrites the last."""
        return self._terminal

    def clear(self):
        """Wipe the line off a terminal, to make room for other output."""
        if self._shown:
            self._stream.write("\r" + " " * self._shown + "\r")
            self._stream.flush()
            self._shown = 0


class FitProgress:
    """Progress of a fit: lines on standard error, and tasks of scikit-learn's callbacks.

    A fit has stages, which may have stages of their own, and steps within them. The method
    that opens it is decorated by ``with_callbacks``, which ends callbacks however it ends.

    Parameters
    ----------
    estimator : estimator or None
        Whose callbacks are told, where scikit-learn has them.
    verbose : int
        Whether lines are printed.
    n_stages : int
        How many stages there are at most.
    **data : dict
        ``X`` and ``y`` of the fit, for callbacks that ask for them.
    """

    def __init__(self, estimator, verbose, n_stages=0, **data):
        self._estimator, self._n_stages, self._data = estimator, n_stages, data
        self._show = Progress(sys.stderr) if verbose else None
        # the fit, the stages that are under way, each within the one before, and the step
        self._tasks, self._step = [], None

    def __enter__(self):
        if getattr(self._estimator, "_skl_callbacks", None):
            fit = self._estimator._init_callback_context(max_subtasks=self._n_stages)
            self._tasks.append(fit.call_on_fit_task_begin(estimator=self._estimator, **self._data))
        return self

    def __call__(self, text):
        """Say what is being done now; it ends when the next step or stage begins."""
        if self._show is not None:
            self._show(f"{type(self._estimator).__name__}: {text}")
        if self._tasks:
            self._end_step()
            self._step = self._begin(text, 0)

    @contextmanager
    def stage(self, name, n_steps=None):
        """Context of a part of the fit.

        Parameters
        ----------
        name : str
        n_steps : int or None
            How many steps and stages there are in it at most; None if that is not known.
        """
        if not self._tasks:
            yield
            return
        self._end_step()
        self._tasks.append(self._begin(name, n_steps))
        yield
        # what raises ends nothing: the fit's callbacks are then told that it is over
        self._end_step()
        self._tasks.pop().call_on_fit_task_end(estimator=self._estimator)

    def _begin(self, name, n_subtasks):
        task = self._tasks[-1].subcontext(task_name=name, max_subtasks=n_subtasks)
        return task.call_on_fit_task_begin(estimator=self._estimator)

    def _end_step(self):
        if self._step is not None:
            self._step.call_on_fit_task_end(estimator=self._estimator)
            self._step = None

    def __exit__(self, kind, *error):
        if self._show is not None:
            self._show.clear()
        if self._tasks and kind is None:
            # the estimator is fitted by now: scorers among the callbacks get a copy of it
            self._tasks.pop().call_on_fit_task_end(
                estimator=self._estimator, reconstruction_attributes=dict, **self._data
            )


SILENT = FitProgress(None, verbose=0)
"""Progress that nobody is told of."""
