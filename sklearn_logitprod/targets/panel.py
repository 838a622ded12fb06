"""Checks of panels: several labels a sample, each 0, 1 or not tested."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse

from sklearn_logitprod._text import brief, option, plain
from sklearn_logitprod.targets.weights import missing_values

_CODES = (
    "A label is 0 or 1 (or False or True), and NaN or None where it was not tested. Recode y, for "
    "instance with y == 'mutated', or y.where(y >= 0) for -1."
)


@dataclass(frozen=True, eq=False)
class PanelLabels:
    """Labels of some samples.

    Attributes
    ----------
    values : ndarray of shape (n_samples, n_labels), float64
        0, 1, or NaN where a label was not tested.
    """

    values: np.ndarray

    @property
    def n_samples(self):
        """Number of samples."""
        return len(self.values)

    def take(self, rows):
        """The labels of some samples (a slice, a mask or indices)."""
        return PanelLabels(self.values[rows])


def check_panel(y, n_samples, labels=None):
    """Labels as numbers, and their names.

    Parameters
    ----------
    y : array-like or DataFrame of shape (n_samples, n_labels)
        The columns of a frame name the labels.
    n_samples : int
        Number of rows of X.
    labels : sequence or None
        Names of the labels, in the order wanted. A frame's columns are brought into it.

    Returns
    -------
    values : ndarray of shape (n_samples, n_labels), float64
        NaN where a label was not tested.
    names : ndarray of shape (n_labels,), object, or None
        None for an array whose columns nobody has named.
    """
    if y is None:
        raise ValueError(
            "LogitProdMultilabelClassifier requires y to be passed, but the target y is None."
        )
    if issparse(y):
        raise ValueError("y is a sparse matrix, in which a 0 looks like nothing: pass y.toarray().")
    names = None if labels is None else label_names(labels)
    if hasattr(y, "columns"):
        y, names = _named(y, names)
    values = np.asarray(y)
    if values.ndim != 2:
        raise ValueError(
            f"y has shape {values.shape}: a panel is (n_samples, n_labels), one column per label. "
            "For a single label use LogitProdClassifier."
        )
    if len(values) != n_samples:
        raise ValueError(f"y has {len(values)} rows, but X has {n_samples}; one per row is needed.")
    if not values.shape[1]:
        raise ValueError("y has no columns: one per label is needed.")
    if names is not None and values.shape[1] != len(names):
        raise ValueError(
            f"y has {values.shape[1]} columns, but {option('labels')} names {len(names)}: "
            f"{brief(names)}."
        )
    return _coded(values, names), names


def label_names(labels):
    """Names of labels as an array of objects, each of them once."""
    names = np.empty(len(labels), dtype=object)
    # names of an array of NumPy's texts are those of Python
    names[:] = labels.tolist() if isinstance(labels, np.ndarray) else list(labels)
    twice = [name for i, name in enumerate(names) if name in names[:i].tolist()]
    if twice:
        raise ValueError(f"The label {plain(twice[0])} is there more than once. Rename one.")
    return names


def _named(frame, wanted):
    """Columns of a frame in the order wanted, as an array, and their names."""
    if getattr(frame.columns, "nlevels", 1) > 1:
        raise ValueError("y has columns of several levels; one level, of label names, is needed.")
    own = label_names(frame.columns)
    if wanted is None:
        return frame.to_numpy(), own
    position = {name: i for i, name in enumerate(own.tolist())}
    lacking = [name for name in wanted if name not in position]
    more = [name for name in own if name not in set(wanted.tolist())]
    if lacking or more:
        raise ValueError(
            f"y's columns {brief(own)} are not the labels {brief(wanted)}: "
            + "; ".join(
                part
                for part in (
                    f"no column for {brief(lacking)}" if lacking else "",
                    f"unknown {brief(more)}" if more else "",
                )
                if part
            )
            + ". Names are compared by value and type; rename or choose the columns."
        )
    return frame.to_numpy()[:, [position[name] for name in wanted]], wanted


def _coded(values, names):
    """Labels as numbers, refused unless they are 0, 1 or missing."""
    missing = missing_values(values)
    known = values[~missing]
    try:
        # text of digits would pass as numbers
        if known.dtype.kind in "USOM" and any(isinstance(one, str) for one in known.tolist()):
            raise TypeError("text")
        numbers = np.where(missing, np.nan, values).astype(np.float64)
    except (TypeError, ValueError) as error:
        text = next((one for one in known.tolist() if isinstance(one, str)), known.tolist()[0])
        raise ValueError(f"y holds {plain(text)}, which is no number. {_CODES}") from error
    other = ~missing & (numbers != 0.0) & (numbers != 1.0)
    if other.any():
        row, column = np.argwhere(other)[0]
        name = plain(names[column]) if names is not None else f"column {column}"
        raise ValueError(
            f"Unknown label type: y holds {numbers[row, column]:g} in row {row}, label {name}. "
            f"{_CODES}"
        )
    return numbers


def check_observed(values, weight, names):
    """Refuse labels of which the samples of positive weight tell nothing.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_labels)
    weight : ndarray of shape (n_samples,)
    names : ndarray of shape (n_labels,)
    """
    counted = values[weight > 0]
    for name, own in zip(names, counted.T, strict=True):
        tested = own[~np.isnan(own)]
        if not len(tested):
            raise ValueError(
                f"Label {plain(name)} was tested on no sample (y is NaN throughout): nothing can "
                "be learned of it. Leave it out of y and of X."
            )
        if (tested == tested[0]).all():
            raise ValueError(
                f"Label {plain(name)} is {tested[0]:g} on all {len(tested)} samples on which it "
                "was tested: 1 class only, so that nothing can be learned about the other. Leave "
                "it out of y and of X, or fit on more samples."
            )


def panel_strata(values):
    """The rarest label that each sample is positive for, as a number; 0 for none.

    Folds that hold these alike spread the positives of rare labels.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_labels)

    Returns
    -------
    ndarray of shape (n_samples,), int
    """
    strata = np.zeros(len(values), dtype=np.intp)
    commonest_first = np.argsort(-np.nansum(values, axis=0), kind="stable")
    for label in commonest_first:
        strata[values[:, label] == 1.0] = label + 1
    return np.unique(strata, return_inverse=True)[1]
