"""stack_outputs: outputs of several experts in one frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_logitprod._text import brief
from sklearn_logitprod.outputs.native import plain, refuse_repeated

if TYPE_CHECKING:
    import pandas as pd


def stack_outputs(
    outputs: Mapping[str, ArrayLike], classes: Sequence[Any] | None = None
) -> pd.DataFrame:
    """Stack the outputs of several experts into one two-level DataFrame.

    Parameters
    ----------
    outputs : dict of str to array or DataFrame of shape (n_samples, n_classes)
        Logits or probabilities of each expert, NaN in a whole row where it is missing.
        DataFrames of pandas must share one index; those of polars, tables of pyarrow and
        tensors of torch are taken, too.
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
    if classes is not None:
        if isinstance(classes, str) or np.ndim(classes) != 1:
            raise ValueError(f"classes={classes!r}: it is a list of the class labels.")
        if len(set(classes)) < len(classes):
            raise ValueError(f"classes={brief(classes, 40)} holds a label twice: name each once.")
    frames: dict[str, Any] = {}
    first: Any = None
    for name, values in outputs.items():
        refuse_repeated(values, f"Expert {name!r}")
        values = plain(values, f"expert {name!r}")
        frame = values if isinstance(values, pd.DataFrame) else None
        if frame is None:
            try:
                array = np.asarray(values)
            except ValueError as error:
                raise ValueError(
                    f"Expert {name!r} is ragged: a row for each sample, with a value for each "
                    "class, is needed."
                ) from error
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
