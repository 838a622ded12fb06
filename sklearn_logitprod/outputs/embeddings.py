"""Embeddings: features of the same slides by several encoders, and what is known of the slides."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_logitprod._text import brief, plain

_TASKS = ("classes", "values", "events")


@dataclass(frozen=True, eq=False, repr=False)
class Embeddings:
    """Features of the same slides by several encoders, one vector per slide and encoder.

    Estimators take its parts: ``fit(embeddings.X, embeddings.y, groups=embeddings.groups)``.

    Parameters
    ----------
    X : DataFrame of shape (n_slides, n_features), float32
        Columns (encoder, feature), those of an encoder side by side; the index holds the
        identifiers of the slides. NaN in all columns of an encoder that a slide lacks.
    y : ndarray of shape (n_slides,) or None
        Class labels, values, or a structured array ``(event, time)``.
    groups : ndarray of shape (n_slides,) or None
        Groups of dependent slides, such as those of a patient.
    task_name : {"classes", "values", "events"} or None
        What y holds.
    patches : DataFrame of shape (n_slides, n_encoders), int, or None
        Of how many patches each vector is the mean; 1 of a vector that the file held, 0
        where there is none.
    left_out : dict of str to int
        How many slides each encoder had that are not in X, as the labels do not name them;
        and by ``"labels"`` how many rows of these no encoder has.

    Raises
    ------
    ValueError
        If shapes do not fit together, columns do not name encoders, an identifier is there
        twice, or an encoder is missing only in part of a row.

    See Also
    --------
    sklearn_logitprod.io.read_embeddings : The same from files.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from sklearn_logitprod.io import Embeddings
    >>> columns = pd.MultiIndex.from_tuples([("uni", 0), ("uni", 1), ("conch", 0)])
    >>> X = pd.DataFrame([[1, 2, 3], [5, 6, np.nan]], index=["s1", "s2"], columns=columns)
    >>> embeddings = Embeddings(X, np.array(["a", "a"]), np.array(["p1", "p1"]), "classes")
    >>> embeddings
    Embeddings(2 slides, uni (2 features), conch (1 feature, 1 slide missing), classes ['a'],
    1 group)
    >>> embeddings.average().X.to_numpy().tolist()
    [[3.0, 4.0, 3.0]]
    """

    X: pd.DataFrame
    y: np.ndarray | None = None
    groups: np.ndarray | None = None
    task_name: str | None = None
    patches: pd.DataFrame | None = None
    left_out: dict[str, int] = field(default_factory=dict)

    def __post_init__(self):
        if self.X.columns.nlevels != 2:
            raise ValueError(
                f"X has {self.X.columns.nlevels} level(s) of columns, expected two: encoder and "
                "feature. Make them with pandas.concat({'uni': X1, 'conch': X2}, axis=1)."
            )
        names = self.X.columns.get_level_values(0)
        if (names[1:] != names[:-1]).sum() + 1 > names.nunique():
            raise ValueError("the columns of an encoder do not stand side by side. Sort them.")
        twice = self.X.index[self.X.index.duplicated()]
        if len(twice):
            raise ValueError(f"slide {twice[0]!r} is in X twice. Keep one row per slide.")
        if (self.y is None) != (self.task_name is None) or self.task_name not in (None, *_TASKS):
            raise ValueError(
                f"task_name={self.task_name!r} says what y holds: one of {brief(_TASKS)}, and None "
                "without y."
            )
        for name in ("y", "groups", "patches"):
            own = getattr(self, name)
            if own is not None and len(own) != len(self.X):
                raise ValueError(f"{name} has {len(own)} entries for {len(self.X)} slides.")
        for m, name in enumerate(self.encoders):
            gaps = self.X[name].isna().to_numpy()
            part = gaps.any(axis=1) & ~self.missing[:, m]
            if part.any():
                slide = self.X.index[np.argmax(part)]
                raise ValueError(
                    f"slide {slide!r} has only some features of {name!r}. Fill them in, or set all "
                    "of them to NaN where the encoder is missing."
                )

    @property
    def encoders(self) -> list[str]:
        """Names of the encoders, in the order of the columns."""
        return list(dict.fromkeys(self.X.columns.get_level_values(0)))

    @property
    def ids(self) -> NDArray[Any]:
        """Identifiers of the slides: (n_slides,)."""
        return self.X.index.to_numpy()

    @property
    def classes(self) -> NDArray[Any] | None:
        """Sorted class labels; None unless y holds such."""
        return np.unique(np.asarray(self.y)) if self.task_name == "classes" else None

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Where a slide lacks an encoder: (n_slides, n_encoders), bool."""
        columns = [self.X[name].isna().to_numpy().all(axis=1) for name in self.encoders]
        return np.column_stack(columns)

    @property
    def counts(self) -> pd.DataFrame:
        """What is there of each encoder.

        A table with a row for each encoder: how many features it has, of how many slides,
        how many slides lack it, of how many patches it is the mean, and how many of its
        slides are left out.
        """
        missing = self.missing.sum(axis=0)
        table = {
            "features": [self.X[name].shape[1] for name in self.encoders],
            "slides": len(self) - missing,
            "missing": missing,
        }
        if self.patches is not None:
            table["patches"] = [int(self.patches[name].sum()) for name in self.encoders]
        if self.left_out:
            table["left_out"] = [self.left_out.get(name, 0) for name in self.encoders]
        return pd.DataFrame(table, index=pd.Index(self.encoders, name="encoder"))

    def __len__(self) -> int:
        return len(self.X)

    def take(self, rows: Any) -> Embeddings:
        """Some slides.

        Parameters
        ----------
        rows : index array, mask or slice
            Positions of the slides.

        Returns
        -------
        Embeddings
        """
        if not isinstance(rows, slice):
            rows = np.asarray(rows)
            if rows.ndim != 1:
                raise IndexError("several rows are taken at once, such as take([0]).")
        own = {
            name: None if value is None else value[rows]
            for name, value in (("y", self.y), ("groups", self.groups))
        }
        patches = None if self.patches is None else self.patches.iloc[rows]
        return replace(self, X=self.X.iloc[rows], patches=patches, left_out={}, **own)

    def __getitem__(self, rows: Any) -> Embeddings:
        """Some slides, as `take` gives them."""
        return self.take(rows)

    def take_encoders(self, names: Sequence[str]) -> Embeddings:
        """Only some encoders, by name and in this order; slides that lack them all stay.

        Parameters
        ----------
        names : sequence of str
            Names of encoders that are there.

        Returns
        -------
        Embeddings
        """
        names = [names] if isinstance(names, str) else list(names)
        unknown = [name for name in names if name not in self.encoders]
        if unknown:
            raise ValueError(
                f"no encoder is named {unknown[0]!r}; there are {brief(self.encoders, 20)}."
            )
        if not names:
            raise ValueError(f"no encoder is named: name some of {brief(self.encoders, 20)}.")
        level = self.X.columns.get_level_values(0)
        at = np.concatenate([np.flatnonzero(level == name) for name in names])
        patches = None if self.patches is None else self.patches[names]
        return replace(self, X=self.X.iloc[:, at], patches=patches)

    def average(self) -> Embeddings:
        """One row per group, such as a patient: the mean over its slides.

        Each encoder is averaged over the slides that have it, each slide counting alike.

        Returns
        -------
        Embeddings
            Whose identifiers are the groups, in the order in which they come, and which has
            no groups.

        Raises
        ------
        ValueError
            If there are no groups, or the slides of one differ in y.
        """
        if self.groups is None:
            raise ValueError(
                "there are no groups to average over. Name the column of patients when reading, "
                "with group='...'."
            )
        codes, names = pd.factorize(np.asarray(self.groups))
        first = np.unique(codes, return_index=True)[1]
        y = None if self.y is None else self.y[first]
        if self.y is not None and y is not None and (self.y != y[codes]).any():
            row = int(np.argmax(self.y != y[codes]))
            start = first[codes[row]]
            raise ValueError(
                f"the slides of group {plain(names[codes[row]])} differ in y: "
                f"{plain(self.ids[start])} has {plain(self.y[start])}, {plain(self.ids[row])} has "
                f"{plain(self.y[row])}. Correct one of them, or keep the slides apart."
            )
        index = pd.Index(names, name="group")
        mean = self.X.astype(np.float64).groupby(codes).mean().astype(np.float32)
        patches = None if self.patches is None else self.patches.groupby(codes).sum()
        mean.index = index
        if patches is not None:
            patches.index = index
        return replace(self, X=mean, y=y, groups=None, patches=patches)

    def __repr__(self):
        parts = [_number(len(self), "slide")]
        for name, row in self.counts.iterrows():
            gaps = f", {_number(row['missing'], 'slide')} missing" if row["missing"] else ""
            parts.append(f"{name} ({_number(row['features'], 'feature')}{gaps})")
        if self.classes is not None:
            parts.append(f"classes {brief(self.classes)}")
        elif self.y is not None:
            parts.append(str(self.task_name))
        if self.groups is not None:
            parts.append(_number(len(np.unique(self.groups)), "group"))
        return f"Embeddings({', '.join(parts)})"

    def _repr_html_(self):
        left = self.left_out.get("labels", 0)
        more = f"<p>{_number(left, 'row')} of the labels without features.</p>" if left else ""
        return f"<p>{html.escape(repr(self))}</p>\n{self.counts.to_html()}{more}"


def _number(n, what):
    return f"{n} {what}{'' if n == 1 else 's'}"
