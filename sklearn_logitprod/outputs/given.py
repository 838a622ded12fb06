"""What a call is given, in the forms that the rest knows, and its rows in one order."""

from __future__ import annotations

from collections.abc import Mapping

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
    refuse_repeated,
)
from sklearn_logitprod.outputs.stack import stack_outputs
from sklearn_logitprod.targets.order import check_labels_of_rows


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
    if not outputs:
        return X
    refuse_repeated(X)
    return plain_outputs(X)


def _frame_of(X, outputs):
    """Embeddings as the frame that experts on views take, frames by expert as one."""
    # sparse matrices of older SciPy may be dicts
    if isinstance(X, Mapping) and not issparse(X):
        if not outputs:
            raise ValueError(
                "X is a dict, but the experts are asked for what they say of one table or array. "
                "Without experts a dict is outputs by expert."
            )
        return _of_frames(X)
    if isinstance(X, list | tuple) and X and is_frame(_last(X[0])):
        raise ValueError(
            f"X is a {type(X).__name__} of frames, whose experts have no names: pass a dict of "
            "frames, such as {'uni': X[0], 'conch': X[1]}."
        )
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
    if not X:
        raise ValueError("X is an empty dict: it holds the outputs of each expert, by name.")
    if len({str(name) for name in X}) < len(X):
        raise ValueError(f"X is a dict with two names that read the same: {written(list(X))}.")
    for name, own in X.items():
        if not is_frame(own):
            raise ValueError(
                f"X is a dict, and of {written(name)} it holds a {type(own).__name__}, whose "
                "columns have no names: pass a frame with a column for each class, or "
                "stack_outputs(X, classes=...). One value for each sample and expert is a frame "
                "with a column for each expert, pd.DataFrame(X)."
            )
    return stack_outputs(X)


def _last(item):
    """The second of a pair (name, frame), or the item itself."""
    return item[-1] if isinstance(item, tuple) and len(item) == 2 else item


def check_order(named):
    """Refuse labels of rows that two objects share, but not at the same places.

    Parameters
    ----------
    named : dict of str to object
    """
    known = {name: labels for name, values in named.items() if (labels := _row_labels(values))}
    check_labels_of_rows(known)


def _row_labels(values):
    """Index of the rows, and how it is written as an attribute; None without one."""
    if isinstance(values, ExpertOutputs) and values.ids is not None:
        import pandas as pd

        return pd.Index(values.ids), "ids"
    index = index_of(values)
    where = "indexes['sample']" if is_labelled(values) else "index"
    return None if index is None else (index, where)
