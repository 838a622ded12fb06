"""What a call is given, in the forms that the rest knows, and its rows in one order."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from scipy.sparse import issparse

from sklearn_logitprod._text import plain as written
from sklearn_logitprod.outputs.container import ExpertOutputs
from sklearn_logitprod.outputs.embeddings import Embeddings
from sklearn_logitprod.outputs.native import (
    index_of,
    is_frame,
    is_labelled,
    plain,
    plain_outputs,
    refuse_lazy,
)
from sklearn_logitprod.outputs.stack import stack_outputs


def given(X, y=None, sample_weight=None, groups=None, *, outputs=True):
    """X and what comes beside it, as frames of pandas and arrays of NumPy.

    Parameters
    ----------
    X : object
    y, sample_weight, groups : array-like, series or frame of any library, or None
        Without y, those of :class:`ExpertOutputs` or :class:`Embeddings` are taken.
    outputs : bool
        Whether X holds outputs of experts. What fitted experts take is left as it is.

    Returns
    -------
    X, y, sample_weight, groups

    Raises
    ------
    ValueError
        If a frame is lazy, or two of them hold the same rows in another order.
    """
    if y is None and isinstance(X, (ExpertOutputs, Embeddings)) and X.y is not None:
        y, groups = X.y, X.groups if groups is None else groups
    X = _frame_of(X, outputs)
    beside = {"y": y, "sample_weight": sample_weight, "groups": groups}
    check_order({"X": X, **beside})
    return given_X(X, outputs), *(plain(values, name) for name, values in beside.items())


def given_X(X, outputs):
    """X alone, as of :func:`given`."""
    X = _frame_of(X, outputs)
    refuse_lazy(X)
    return plain_outputs(X) if outputs else X


def _frame_of(X, outputs):
    """Embeddings as the frame that experts on views take, frames by expert as one."""
    # sparse matrices of older SciPy may be dicts
    if outputs and isinstance(X, Mapping) and not issparse(X):
        return _of_frames(X)
    if not isinstance(X, Embeddings):
        return X
    if outputs:
        name = X.encoders[0]
        raise ValueError(
            "X holds features of slides, not outputs of experts: each encoder needs a head. Pass "
            f"experts=[({written(name)}, on_view({written(name)})), ...] and cv=5, with on_view of "
            "sklearn_logitprod.experts."
        )
    return X.X


def _of_frames(X):
    """A dict of the frame of each expert as one frame, classes in the order of the first."""
    for name, own in X.items():
        if not is_frame(own):
            raise ValueError(
                f"X is a dict, and of {written(name)} it holds a {type(own).__name__}, whose "
                "columns have no names: pass a frame with a column for each class, or "
                "stack_outputs(X, classes=...)."
            )
    return stack_outputs(X)


def check_order(named):
    """Refuse labels of rows that two objects share, but not at the same places.

    Rows are matched by their positions. Two indices that have nothing in common say nothing
    about that, nor does a default one, 0 to n - 1, beside labels of other rows.

    Parameters
    ----------
    named : dict of str to object
    """
    known = {name: labels for name, values in named.items() if (labels := _row_labels(values))}
    for (first, (index, where)), (second, (other, _)) in combinations(known.items(), 2):
        if len(index) != len(other) or index.equals(other):
            continue
        moved, same = _moved(index, other)
        if not moved.any():
            continue
        row = int(np.argmax(moved))
        raise ValueError(
            f"{first} and {second} have {'the same' if same else 'some'} labels of rows, but at "
            f"other places: row {row} is {written(index[row])} in {first} and "
            f"{written(other[row])} in {second}. Pass {second}.loc[{first}.{where}]"
            + (", " if same else " with the rows that both have, ")
            + f"or {second}.to_numpy() if rows do match by position."
        )


def _row_labels(values):
    """Index of the rows, and how it is written as an attribute; None without one."""
    if isinstance(values, ExpertOutputs) and values.ids is not None:
        import pandas as pd

        return pd.Index(values.ids), "ids"
    index = index_of(values)
    where = "indexes['sample']" if is_labelled(values) else "index"
    return None if index is None else (index, where)


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
