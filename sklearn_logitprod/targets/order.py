"""Rows of what is given side by side, which are matched by their positions, in one order."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from sklearn_logitprod._text import plain


def check_labels_of_rows(known):
    """Refuse labels of rows that two objects share, but not at the same places.

    Two indices that have nothing in common say nothing about the order, nor does a default one,
    0 to n - 1, beside labels of other rows.

    Parameters
    ----------
    known : dict of str to (Index of pandas, str)
        Labels of the rows by the name of what has them, and the attribute that holds them.
    """
    for (first, (index, where)), (second, (other, _)) in combinations(known.items(), 2):
        if len(index) != len(other) or index.equals(other):
            continue
        moved, same = _moved(index, other)
        if not moved.any():
            continue
        row = int(np.argmax(moved))
        raise ValueError(
            f"{first} and {second} have {'the same' if same else 'some'} labels of rows, but at "
            f"other places: row {row} is {plain(index[row])} in {first} and "
            f"{plain(other[row])} in {second}. Pass {second}.loc[{first}.{where}]"
            + (", " if same else " with the rows that both have, ")
            + f"or {second}.to_numpy() if rows do match by position."
        )


def _moved(index, other):
    """Which rows one index has elsewhere than the other, and whether both have the same rows."""
    import pandas as pd

    # as numbers, which labels of any kind are compared by alike
    codes = pd.factorize(index.append(other), use_na_sentinel=False)[0]
    own, others = codes[: len(index)], codes[len(index) :]
    same = np.array_equal(np.sort(own), np.sort(others))
    if not same and (_is_default(index) or _is_default(other)):
        return np.zeros(len(own), dtype=bool), same
    return (own != others) & (np.isin(own, others) | np.isin(others, own)), same


def _is_default(index):
    import pandas as pd

    return index.equals(pd.RangeIndex(len(index)))
