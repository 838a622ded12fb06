"""Data frames: two levels of columns, aligned by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse

from sklearn_logitprod._text import brief
from sklearn_logitprod.outputs.checks import numeric
from sklearn_logitprod.outputs.container import declared

if TYPE_CHECKING:
    import pandas as pd


def is_two_level(X):
    """Whether X is a DataFrame with columns of several levels."""
    return hasattr(X, "columns") and getattr(X.columns, "nlevels", 1) > 1


def frame_classes(X):
    """Class labels of a frame with two-level columns (expert, class), as they come."""
    if X.columns.nlevels != 2:
        raise ValueError(
            f"X has columns of {X.columns.nlevels} levels; a frame of expert outputs has two, "
            "(expert, class) or (expert, time). stack_outputs builds one."
        )
    return list(dict.fromkeys(label for _, label in X.columns))


def opened(X, input, known, other, expert_names, words):
    """Values of precomputed outputs, what they mean, and names where they come with some.

    Parameters
    ----------
    X : array, DataFrame or ExpertOutputs
    input : str
        What the values of an array or frame are.
    known : dict of str to (ndarray or None)
        What they may be, with the labels that the second level of columns must then have;
        None where columns have one level alone.
    other : str
        Estimator that takes what is not known here.
    expert_names : list of str or None
        Names of a fitted estimator's experts, which a frame is aligned to.
    words : tuple of str
        As in :func:`frame_values`.

    Returns
    -------
    values : ndarray
        Of a frame with two levels (n_samples, n_experts, n_labels), aligned by name; otherwise
        as they came.
    input : str
    names : list of str or None
        Of the columns, or of the experts of a frame with two levels.
    aligned : bool
        Whether experts and labels were matched by name.
    """
    X, input = declared(X, input)
    if issparse(X):
        raise ValueError(
            "X is a sparse matrix, but expert outputs are dense: a zero is a value and NaN "
            "marks a missing expert. Pass X.toarray()."
        )
    if input not in known:
        raise ValueError(f"X holds input={input!r}: it is for {other}.")
    if known[input] is not None and is_two_level(X):
        values, names = frame_values(X, known[input], expert_names, words)
        return values, input, names, True
    names = None
    if hasattr(X, "columns"):
        names = [str(name) for name in X.columns]
        X = X.to_numpy()
    return numeric(X), input, names, False


def frame_values(X, classes, expert_names, words):
    """Values of a frame with two-level columns, aligned by the names of both levels.

    Parameters
    ----------
    X : DataFrame
        Columns (expert, class) or (expert, time).
    classes : ndarray of shape (n_classes,)
        Labels of the second level, in the order wanted.
    expert_names : list of str or None
        Names of a fitted estimator's experts; as they come if not given.
    words : tuple of str
        For messages: what a label is, what labels are compared with, and two pieces
        of advice.

    Returns
    -------
    values : ndarray of shape (n_samples, n_experts, n_classes)
    names : list of str
    """
    label_word, against, on_mismatch, on_absence = words
    frame_labels = frame_classes(X)
    experts = list(dict.fromkeys(expert for expert, _ in X.columns))
    columns = list(X.columns)
    if len(set(columns)) < len(columns):
        twice = next(column for column in columns if columns.count(column) > 1)
        raise ValueError(f"X has the column {twice} more than once.")
    unknown = [label for label in frame_labels if label not in set(classes.tolist())]
    lacking = [label for label in classes.tolist() if label not in set(frame_labels)]
    if unknown or lacking:
        raise ValueError(
            f"The {label_word} names in X's columns, {brief(frame_labels)}, do not match the "
            f"{against} {brief(classes.tolist())}: "
            + "; ".join(
                part
                for part in (
                    f"no columns for {brief(lacking)}" if lacking else "",
                    f"unknown {brief(unknown)}" if unknown else "",
                )
                if part
            )
            + f". {on_mismatch}"
        )
    if expert_names is None:
        expert_names = experts
    elif set(map(str, experts)) != set(map(str, expert_names)):
        gone = [name for name in expert_names if name not in set(map(str, experts))]
        new = [name for name in experts if str(name) not in set(map(str, expert_names))]
        raise ValueError(
            f"X's experts differ from those of the fit: missing {brief(gone)}, new "
            f"{brief(new)}. Pass the columns of every expert, NaN where one is missing."
        )
    by_name = {str(expert): expert for expert in experts}
    labels = classes.tolist()
    position = {column: i for i, column in enumerate(columns)}
    wanted = [(by_name[str(name)], label) for name in expert_names for label in labels]
    absent = [column for column in wanted if column not in position]
    if absent:
        raise ValueError(
            f"X has no column {absent[0]}: each expert needs one column per {label_word}. "
            f"{on_absence}"
        )
    values = numeric(X.to_numpy(dtype=None if len(set(X.dtypes)) == 1 else float))
    values = values[:, [position[column] for column in wanted]]
    values = values.reshape(len(values), len(expert_names), len(labels))
    return values, [str(name) for name in expert_names]


def stack_outputs(
    outputs: Mapping[str, ArrayLike], classes: Sequence[Any] | None = None
) -> pd.DataFrame:
    """Stack the outputs of several experts into one two-level DataFrame.

    Parameters
    ----------
    outputs : dict of str to array or DataFrame of shape (n_samples, n_classes)
        Logits or probabilities of each expert, NaN in a whole row where it is missing.
        DataFrames must share one index.
    classes : sequence of length n_classes, optional
        Class labels of the columns. Not needed if every expert is a DataFrame, whose
        columns then name the classes, in any order.

    Returns
    -------
    pandas.DataFrame of shape (n_samples, n_experts * n_classes)
        Columns (expert, class), ready for ``fit``.

    Raises
    ------
    ValueError
        If there is no expert, shapes or indices differ, or class labels do not match.

    Examples
    --------
    >>> from sklearn_logitprod import stack_outputs
    >>> stack_outputs({"uni": [[0.2, 0.8]], "conch": [[0.6, 0.4]]}, classes=["normal", "tumour"])
         uni         conch
      normal tumour normal tumour
    0    0.2    0.8    0.6    0.4
    """
    import pandas as pd

    if not hasattr(outputs, "items") or len(outputs) == 0:
        raise ValueError(
            "stack_outputs takes a non-empty dict of expert name to array, such as "
            "{'uni': Z1, 'conch': Z2}."
        )
    frames: dict[str, Any] = {}
    first: Any = None
    for name, values in outputs.items():
        frame = values if isinstance(values, pd.DataFrame) else None
        if frame is None:
            array = np.asarray(values)
            labels = classes
            if labels is None:
                raise ValueError(
                    f"Expert {name!r} is an array, whose columns have no names: give `classes`, "
                    "the class labels of its columns."
                )
            if array.ndim != 2 or array.shape[1] != len(labels):
                raise ValueError(
                    f"Expert {name!r} has shape {array.shape}, expected (n_samples, "
                    f"{len(labels)}): one column per class of {brief(labels)}."
                )
            frame = pd.DataFrame(array, columns=pd.Index(list(labels)))
            if first is not None and len(frame) == len(first):
                frame.index = first.index
        elif classes is not None or first is not None:
            labels = list(classes) if classes is not None else list(first.columns)
            if set(frame.columns) != set(labels):
                raise ValueError(
                    f"Expert {name!r} has columns {brief(frame.columns)}, expected the classes "
                    f"{brief(labels)}."
                )
            frame = frame[labels]
        if first is None:
            first = frame
        if len(frame) != len(first):
            raise ValueError(
                f"Expert {name!r} has {len(frame)} rows, the first expert {len(first)}. Outputs "
                "must be of the same samples in the same order; use NaN rows where missing."
            )
        if not frame.index.equals(first.index):
            raise ValueError(
                f"Expert {name!r} has another index than the first expert. Align them first, for "
                "instance with DataFrame.reindex, which leaves NaN for missing samples."
            )
        frames[name] = frame
    return pd.concat(frames, axis=1)


def is_frame(X):
    """Whether something is a data frame of a library that narwhals knows."""
    import narwhals as nw

    return isinstance(nw.from_native(X, pass_through=True), (nw.DataFrame, nw.LazyFrame))


def native_columns(frame):
    """Names and values of a frame's columns: NumPy arrays of numbers, lists of other values."""
    import narwhals as nw

    if hasattr(frame, "reset_index") and getattr(frame.index, "name", None) is not None:
        frame = frame.reset_index()
    frame = nw.from_native(frame, eager_only=True)
    return [(str(name), _native_values(frame[name])) for name in frame.columns]


def _native_values(series):
    if series.dtype.is_numeric():
        if series.null_count():
            return np.array([np.nan if v is None else v for v in series.to_list()], dtype=float)
        return series.to_numpy()
    return series.to_list()
