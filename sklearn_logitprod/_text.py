"""Words of messages: how values and settings are written, and whom a warning addresses."""

from __future__ import annotations

import sys
import warnings
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

WIDTH = 100
"""Columns of what is printed."""

# what calls a fit on behalf of someone: a warning names the line that called these
_BETWEEN = {"sklearn_logitprod", "sklearn", "joblib"}

_SAID: ContextVar[set | None] = ContextVar("said", default=None)
_KEPT: ContextVar[list | None] = ContextVar("kept", default=None)
_HEARD: ContextVar[list | None] = ContextVar("heard", default=None)


def plain(value):
    """A value as it is written, scalars of NumPy as those of Python."""
    return repr(value.item() if isinstance(value, np.generic) else value)


def kind_of(value):
    """What a value is, in words: the name of its type, and of a class that it is one."""
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def brief(items, most=8):
    """Comma-separated items in brackets, cut after some."""
    items = list(items)
    text = ", ".join(map(plain, items[:most]))
    return f"[{text}{', ...' if len(items) > most else ''}]"


def keyword(name, value=...):
    """A setting as Python has it: ``how='outer'``; ``how=...`` where the value is left open."""
    return f"{name}={'...' if value is ... else plain(value)}"


_WRITE: ContextVar = ContextVar("write", default=keyword)


def option(name, value=...):
    """A setting that a message names, as whoever reads the message writes it.

    Parameters
    ----------
    name : str
        Its name in Python.
    value : object
        A mapping stands for several, such as columns of labels. Left out: any.

    Returns
    -------
    str
        ``how='outer'`` in Python, ``--how outer`` on the command line.
    """
    return _WRITE.get()(name, value)


@contextmanager
def options_written(write):
    """Context in which ``write(name, value)`` says how settings are written."""
    token = _WRITE.set(write)
    try:
        yield
    finally:
        _WRITE.reset(token)


def options_renamed(**names):
    """Context in which some settings go by other names, as those of a search's estimator do."""
    write = _WRITE.get()
    return options_written(lambda name, value=...: write(names.get(name, name), value))


def warn(message, category=UserWarning, about=None):
    """Warn, naming the line that led here from outside of this package and scikit-learn.

    Parameters
    ----------
    message : str
    category : type of Warning
    about : str, optional
        What it is about, if messages that differ in names or numbers are about the same:
        where each is :func:`said_once`, the first of these is.
    """
    kept = _KEPT.get()
    if kept is not None:
        kept.append((message, category, about))
        return
    said, about = _SAID.get(), message if about is None else about
    if said is not None:
        if about in said:
            return
        said.add(about)
    heard = _HEARD.get()
    if heard is not None:
        heard.append(message)
    level, frame = 2, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _BETWEEN:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def called_through(modules):
    """Which of some modules the present call came through; None if through none.

    Parameters
    ----------
    modules : collection of str

    Returns
    -------
    str or None
        The nearest of them.
    """
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name in modules:
            return name
        frame = frame.f_back
    return None


@contextmanager
def said_once():
    """Context in which each warning of this package is given once, however often it holds."""
    token = _SAID.set(set() if _SAID.get() is None else _SAID.get())
    try:
        yield
    finally:
        _SAID.reset(token)


@contextmanager
def heard():
    """Context in which the messages of :func:`warn` are also gathered, in the list it gives."""
    messages: list[str] = []
    token = _HEARD.set(messages)
    try:
        yield messages
    finally:
        _HEARD.reset(token)


class Elsewhere:
    """A function for another thread or process, whose messages are for those who read here.

    Calls return what the function does and the arguments of each :func:`warn`, which is to be
    called here: there, it would neither find the user's line nor know what has been said.

    Parameters
    ----------
    function : callable
    """

    def __init__(self, function):
        self.function, self.write = function, _WRITE.get()

    def __call__(self, *args):
        token = _KEPT.set([])
        try:
            with options_written(self.write):
                return self.function(*args), _KEPT.get()
        finally:
            _KEPT.reset(token)
