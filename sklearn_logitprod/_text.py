"""Words of messages: values and lists as they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    pass


def plain(value):
    """A value as it is written, scalars of NumPy as those of Python."""
    return repr(value.item() if isinstance(value, np.generic) else value)


def brief(items, most=8):
    """Comma-separated items in brackets, cut after some."""
    items = list(items)
    text = ", ".join(map(plain, items[:most]))
    return f"[{text}{', ...' if len(items) > most else ''}]"
