"""Outputs of known experts and of others, told apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sklearn_logitprod._text import brief
from sklearn_logitprod.outputs.container import ExpertOutputs
from sklearn_logitprod.outputs.frames import is_two_level, with_levels


def split_outputs(X, known, classes=None):
    """Outputs of known experts, and those of others that stand beside them.

    Parameters
    ----------
    X : array, DataFrame or ExpertOutputs
        Of all experts: by name, or in an array with those that are known first.
    known : list of str
        Names of experts.
    classes : ndarray of shape (n_classes,), optional
        Without, the columns of a flat table are experts.

    Returns
    -------
    old, new
        In the form of X.
    names : list of str or None
        Of the new experts, where X has names.

    Raises
    ------
    ValueError
        If X lacks an expert that is known, or has no other.
    """
    if classes is not None:
        X = with_levels(X, classes)
    if isinstance(X, ExpertOutputs):
        names = [str(name) for name in X.expert_names]
        old, new = _told_apart(names, known)
        return *(_columns_of(X, [names.index(name) for name in own]) for own in (old, new)), new
    if hasattr(X, "columns"):
        labels = X.columns.get_level_values(0) if is_two_level(X) else X.columns
        names = np.array([str(label) for label in labels])
        old, new = _told_apart(list(dict.fromkeys(names.tolist())), known)
        if is_two_level(X):
            return X.loc[:, np.isin(names, old)], X.loc[:, np.isin(names, new)], new
        position = {name: i for i, name in enumerate(names)}
        parts = [X.iloc[:, [position[name] for name in own]] for own in (old, new)]
        return *parts, new
    X = np.asarray(X)
    flat = X.ndim == 2 and classes is not None and len(classes) > 2
    n_old = len(known) * (len(classes) if flat else 1)
    if X.ndim < 2 or X.shape[1] <= n_old:
        raise ValueError(
            f"X has shape {X.shape}, but the model has {len(known)} experts already: the outputs "
            "of new ones stand behind theirs. Or give them as experts={name: outputs}."
        )
    return X[:, :n_old], X[:, n_old:], None


def _told_apart(names, known):
    """The names that are known, in their order, and the others."""
    lacking = [name for name in known if name not in names]
    new = [name for name in names if name not in known]
    if lacking:
        raise ValueError(
            f"X lacks experts of the model: {brief(lacking)}. Give the columns of all of them, NaN "
            "where one is missing."
        )
    if not new:
        raise ValueError(
            f"X has no expert that the model does not have: {brief(names)}. Add the columns of the "
            "new one, or give it as experts={name: outputs}."
        )
    return list(known), new


def _columns_of(outputs, positions):
    names = [outputs.expert_names[position] for position in positions]
    return replace(outputs, values=outputs.values[:, positions], expert_names=names)
