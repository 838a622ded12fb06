"""Which columns and rows of X are those of a view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing

from sklearn_logitprod._text import brief, plain
from sklearn_logitprod.outputs.checks import numeric
from sklearn_logitprod.outputs.frames import is_two_level


@dataclass(frozen=True)
class View:
    """Where the features of an encoder lie in X.

    Attributes
    ----------
    name : str
        Name of the encoder, the first level of the columns of a frame.
    columns : slice, sequence of int or sequence of str, or None
        Its columns where X has one level of them.
    """

    name: str
    columns: slice | Sequence | None = None

    def columns_of(self, X):
        """X with the columns of the view alone, if its columns name their view; or X itself."""
        return X if self.columns is not None else _columns_at(X, self._positions(X))

    def _positions(self, X):
        if not is_two_level(X) or X.columns.nlevels != 2:
            raise ValueError(
                f"on_view({plain(self.name)}) finds its features by the columns (encoder, feature) "
                f"of a DataFrame, as io.read_embeddings gives it, but X is {type(X).__name__}"
                + (f" with the columns {brief(X.columns)}" if hasattr(X, "columns") else "")
                + f". Say which columns are the view's: on_view({plain(self.name)}, ..., "
                "columns=slice(0, 1024))."
            )
        views = X.columns.get_level_values(0)
        positions = np.flatnonzero(views == self.name)
        if not len(positions):
            raise ValueError(
                f"X has no view {plain(self.name)}: its columns are of the views "
                f"{brief(dict.fromkeys(views))}. Name one of these in on_view."
            )
        return positions

    def features(self, X):
        """Features of the view.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_columns)

        Returns
        -------
        own : DataFrame or array of shape (n_samples, n_features)
        names : list or None
            Of the features, where X tells them.
        """
        if self.columns is not None:
            if not hasattr(X, "shape"):
                X = np.asarray(X)
            if len(X.shape) != 2:
                raise ValueError(
                    f"X has shape {X.shape}, but on_view({plain(self.name)}, columns=...) takes "
                    "its columns from a table of two axes, samples and features."
                )
            own = self._chosen(X)
            return own, list(own.columns) if hasattr(own, "columns") else None
        own = _columns_at(X, self._positions(X))
        names = list(own.columns.get_level_values(1))
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"View {plain(self.name)} has the feature {plain(twice)} twice in X.")
        return own.set_axis(names, axis=1), names

    def _chosen(self, X):
        """The columns of X that are said to be the view's."""
        asked, n_columns = self.columns, X.shape[1]
        several = hasattr(asked, "__len__") and not isinstance(asked, str)
        call = f"on_view({plain(self.name)}, columns={brief(asked) if several else repr(asked)})"
        lacking = f"{call} asks for columns that X, which has {n_columns} columns, does not have."
        if not (isinstance(asked, slice) or several):
            raise ValueError(f"{call}: columns is a slice or a list, also of one column.")
        ends = (asked.start, asked.stop) if isinstance(asked, slice) else ()
        # of a slice that goes on beyond the columns NumPy would take those that are there
        if any(isinstance(end, Integral) and abs(end) > n_columns for end in ends):
            raise ValueError(lacking)
        try:
            own = _safe_indexing(X, asked, axis=1)
        except (IndexError, KeyError, ValueError) as error:
            raise ValueError(f"{lacking} ({error})") from error
        if not own.shape[1]:
            raise ValueError(f"{call} names no column.")
        return own

    def aligned(self, X, names, n_features):
        """Features of the view in the order of a fit.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_columns)
        names : list or None
            Of the features in the fit.
        n_features : int

        Returns
        -------
        DataFrame or array of shape (n_samples, n_features)
        """
        own, here = self.features(X)
        named = names is not None and here is not None
        if own.shape[1] != n_features or (named and set(here) != set(names)):
            lacking = [name for name in names if name not in set(here)] if named else []
            raise ValueError(
                f"View {plain(self.name)} has {own.shape[1]} features in X, but was fitted on "
                f"{n_features}"
                + (f"; X lacks {brief(lacking)}" if lacking else "")
                + ". Are these features of the same encoder and version?"
            )
        return own[names] if named and here != names else own

    def present(self, own):
        """Which rows have the view: (n_samples,), bool.

        Parameters
        ----------
        own : DataFrame or array of shape (n_samples, n_features)
            Its features.

        Raises
        ------
        ValueError
            If a row is NaN in a part of them.
        """
        if issparse(own):
            return np.ones(own.shape[0], dtype=bool)
        values = numeric(own.to_numpy() if hasattr(own, "to_numpy") else own)
        missing = np.isnan(values)
        whole = missing.all(axis=1)
        part = missing.any(axis=1) & ~whole
        if part.any():
            row = int(np.argmax(part))
            named = f" ({plain(own.index[row])})" if hasattr(own, "index") else ""
            raise ValueError(
                f"View {plain(self.name)} is NaN in {int(missing[row].sum())} of "
                f"{values.shape[1]} features in row {row}{named} of X. A sample without the view "
                "is NaN in all of them; mend the features, or set the whole row to NaN."
            )
        return ~whole


def apart(own):
    """Columns of a frame without a trace of those beside them, by which a cache knows them again.

    Parameters
    ----------
    own : DataFrame
        A part of a larger one, whose levels of names and strides it has.

    Returns
    -------
    DataFrame
        A copy of the same values.
    """
    names = own.columns.remove_unused_levels()
    if own.dtypes.nunique() > 1:
        return own.set_axis(names, axis=1)
    values = np.ascontiguousarray(own.to_numpy())
    return type(own)(values, index=own.index, columns=names, copy=False)


def _columns_at(X, positions):
    """Columns of a frame, without a copy where they are neighbours."""
    first, last = positions[0], positions[-1]
    if last - first + 1 == len(positions):
        return X.iloc[:, first : last + 1]
    return X.iloc[:, positions]
