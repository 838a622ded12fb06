"""Features of one encoder: files of slides that are pooled, or one table of all slides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from os import PathLike
from pathlib import Path

import numpy as np

from sklearn_logitprod._text import brief, option, warn
from sklearn_logitprod.io._arrays import SUFFIXES, opened
from sklearn_logitprod.io._feature_tables import Matrix, read_features
from sklearn_logitprod.io._features import FEATURES, IDS, pick
from sklearn_logitprod.io._ids import stripped
from sklearn_logitprod.io._pooling import Rows, pooled
from sklearn_logitprod.io._slide_files import by_slide, in_folder, matching
from sklearn_logitprod.io._source import Source, existing, named_paths


@dataclass(frozen=True, eq=False)
class Bag:
    """Where the features of one slide are.

    Attributes
    ----------
    source : Source
        The file.
    array : str or None
        Name of the array in it; None where it is still to be found.
    shape : tuple of int or None
        Number of patches and of features, once the file has been looked at.
    is_vector : bool
    """

    source: Source
    array: str | None = None
    shape: tuple | None = None
    is_vector: bool = False


@dataclass(frozen=True, eq=False)
class Bags:
    """Features of slides in files, pooled as they are read.

    Attributes
    ----------
    source : Source
        What was given for the encoder.
    ids : text array of shape (n_slides,)
    bags : list of Bag
    features : str or None
        Name of the array of features, as the user says it.
    """

    source: Source
    ids: object
    bags: list
    features: str | None

    def take(self, rows):
        """The same encoder with some of its slides."""
        return replace(self, ids=self.ids[rows], bags=[self.bags[row] for row in rows])

    def place(self, row):
        """Where a slide is."""
        return self.bags[row].source.path

    def error(self, message, row):
        """An error about a slide, ready to be raised."""
        return self.bags[row].source.error(message)

    def looked_at(self):
        """The same, with the shapes that the files say, and without slides that have no patch.

        Raises
        ------
        ValueError
            If a file is damaged, or files differ in width, kind or encoder.
        """
        found, first = [], {}
        for own in _by_file(self.bags):
            with opened(own[0].source) as content:
                found += [self._look(bag, content, first) for bag in own]
        empty = [bag.source.path for bag in found if bag.shape[0] == 0]
        if empty:
            warn(
                f"{self.source.path} (expert {self.source.expert!r}): {len(empty)} of {len(found)} "
                f"slides have no patches, such as {empty[0]}: the expert is missing there."
            )
        if len(empty) == len(found):
            raise self.source.error("no slide has a patch. Extract the features anew.")
        rows = [row for row, bag in enumerate(found) if bag.shape[0] > 0]
        return replace(self, bags=found).take(rows)

    def _look(self, bag, content, first):
        name = pick(bag.source, content, self.features) if bag.array is None else bag.array
        rows = Rows(bag.source, content.arrays[name])
        bag = replace(bag, array=name, shape=rows.shape, is_vector=rows.is_vector)
        # of a single patch nothing tells whether it stands for the slide
        kind = "one vector" if bag.is_vector else "patches" if bag.shape[0] > 1 else None
        for what, own in (
            ("width", bag.shape[1]),
            ("kind", kind),
            ("encoder", content.encoder_of(name)),
        ):
            if own is None:
                continue
            known, where = first.setdefault(what, (own, bag.source.path))
            if own != known:
                raise bag.source.error(_UNLIKE[what].format(own=own, known=known, where=where))
        return bag

    def values(self, pool, progress=None):
        """Pooled features of all slides.

        Parameters
        ----------
        pool : {"mean", "mean_std"}
        progress : callable, optional
            Told how many slides are done.

        Returns
        -------
        ndarray of shape (n_slides, n_features), float32
        names : list of int
        patches : ndarray of shape (n_slides,), int
        """
        vectors = []
        for own in _by_file(self.bags):
            with opened(own[0].source) as content:
                for bag in own:
                    vectors.append(pooled(Rows(bag.source, content.arrays[bag.array]), pool))
                    if progress is not None:
                        progress(len(vectors), len(self.bags))
        wide = {len(vector) for vector in vectors}
        if len(wide) > 1:
            raise self.source.error(f"features have {sorted(wide)} columns. Extract them anew.")
        patches = np.array([bag.shape[0] for bag in self.bags], dtype=np.int64)
        return np.array(vectors, dtype=np.float32), list(range(wide.pop())), patches


_UNLIKE = {
    "width": "{own} features, but {known} in {where}: these are of several encoders. Pass one "
    "folder for each, or extract them anew.",
    "kind": "it holds {own}, but {where} holds {known}: one vector of a slide and features of its "
    "patches are not the same. Pass one folder for each.",
    "encoder": "it says that it is of the encoder {own!r}, but {where} of {known!r}. Pass one "
    "folder for each encoder.",
}


def _by_file(bags):
    """Lists of bags that are one after the other in one file."""
    return [list(own) for _, own in groupby(bags, key=lambda bag: bag.source.path)]


def named_encoders(encoders):
    """What is given for each encoder, by its name.

    Parameters
    ----------
    encoders : dict or list
        As `read_embeddings` takes it.

    Returns
    -------
    dict of str to (path, list of paths or DataFrame)
    """
    if isinstance(encoders, Mapping):
        if not encoders:
            raise ValueError("no encoder was given: pass {'uni': 'feats/uni', ...}.")
        return {str(name): own for name, own in encoders.items()}
    if isinstance(encoders, (str, PathLike)) or hasattr(encoders, "columns"):
        shown = str(encoders) if isinstance(encoders, (str, PathLike)) else "frame"
        raise ValueError(
            f"a single folder, file or frame was given: say of which encoder it is, such as "
            f"{{'uni': {shown!r}}}."
        )
    paths = list(encoders)
    pattern = next((str(path) for path in paths if _is_pattern(path)), None)
    if pattern is not None:
        raise ValueError(f"the pattern {pattern} names no encoder: write NAME={pattern}.")
    folders = all(isinstance(path, (str, PathLike)) and Path(path).is_dir() for path in paths)
    return dict(named_paths(paths, "folder" if folders else "file"))


def _is_pattern(path):
    return any(mark in str(path) for mark in "*?[") and not Path(path).exists()


def encoder_of(name, given, asked, features):
    """Where the features of an encoder are, and of which slides.

    Parameters
    ----------
    name : str
    given : path, list of paths or DataFrame
        A folder or a list of files of slides, a pattern of such, or one table, or file, of
        all slides.
    asked : Asked
    features : str, list of str or None
        Name of the array of features, or of the columns of a table.

    Returns
    -------
    Bags or Matrix
    """
    found = _found(name, given, asked, features)
    ids = stripped(found.ids, asked.strip) if asked.strip else found.ids
    return replace(found, ids=np.asarray(ids, dtype=object))


def _found(name, given, asked, features):
    if hasattr(given, "columns"):
        return read_features([(Source(f"frame of {name!r}", name), given)], asked, features)
    if isinstance(given, (list, tuple)):
        source = Source(str(given[0]) if given else "[]", name)
        if not given or not all(isinstance(path, (str, PathLike)) for path in given):
            raise source.error("a list holds paths of files, one per slide or table. Name them.")
        return _listed(source, [Path(path) for path in given], asked, features)
    if not isinstance(given, (str, PathLike)):
        raise Source(f"expert {name!r}", "").error(
            f"this is a {type(given).__name__}, expected a folder, a file or a data frame."
        )
    source, path = Source(str(given), name), Path(given)
    if not source.path:
        raise Source("''", name).error("the path is empty. Name the folder or file.")
    if path.is_dir():
        return _listed(source, in_folder(source), asked, features)
    if _is_pattern(given):
        return _listed(source, matching(source, given), asked, features)
    existing(source, "Check the path of the folder or file.")
    if path.suffix.lower() in SUFFIXES:
        return _of_all_slides(source, asked, _array_name(source, features))
    return read_features([(source, None)], asked, features)


def _array_name(source, features):
    if features is None or isinstance(features, str):
        return features
    raise source.error(
        f"{option('features', features)} is a list, which names columns of a table; the array of a "
        f"file of features has one name, such as {option('features', FEATURES[0])}."
    )


def _listed(source, files, asked, features):
    """Files of slides, or tables one after the other."""
    slides = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not slides:
        tables = [(Source(str(path), source.expert), None) for path in files]
        return read_features(tables, asked, features)
    if len(slides) < len(files):
        other = next(path for path in files if path not in slides)
        raise Source(str(other), source.expert).error(
            f"this is no file of features, but {slides[0]} is. List files of one kind."
        )
    found = by_slide(slides, source.expert)
    bags = [Bag(Source(str(path), source.expert)) for path in found.values()]
    return Bags(source, np.array(list(found), dtype=object), bags, _array_name(source, features))


def _of_all_slides(source, asked, features):
    """One file with all slides: an array of ids beside features, or an array for each slide."""
    with opened(source) as content:
        arrays = content.arrays
        ids = next((name for name in (asked.id, *IDS) if name in arrays), None)
        if ids is not None:
            rest = {name: array for name, array in arrays.items() if name != ids}
            name = pick(source, replace(content, arrays=rest), features)
            return _matrix(source, arrays[ids], arrays[name], name)
        single = [name for name in ("", *FEATURES) if name in arrays]
        if single or features is not None:
            held = single[0] if single else features
            shape = tuple(arrays[held].shape) if held in arrays else ()
            raise source.error(
                f"it holds {held or 'an array'} of shape {shape}, but no ids, so that it is of one "
                "slide or of slides without names. Pass the folder of such files, or save an array "
                "'ids' beside it."
            )
        slides = _per_slide(arrays)
    if not slides:
        raise source.error(f"it holds {brief(arrays)}, and no features. Pass the right file.")
    bags = [Bag(source, name) for name in slides.values()]
    return Bags(source, np.array(list(slides), dtype=object), bags, None)


def _per_slide(arrays):
    """Array of features of each slide, which are arrays or groups with one."""
    deep = {n: n.rsplit("/", 1) for n in arrays if n.rsplit("/", 1)[-1] in FEATURES}
    if deep:
        return {parts[0]: name for name, parts in deep.items()}
    return {name: name for name, array in arrays.items() if array.dtype.kind in "fV"}


def _matrix(source, ids, array, name):
    """Rows of an array and the identifiers beside it."""
    texts = [x.decode() if isinstance(x, bytes) else str(x) for x in np.asarray(ids[:]).ravel()]
    rows = Rows(source, array)
    if rows.is_vector or rows.shape[0] != len(texts) or not texts:
        raise source.error(
            f"{name!r} has shape {tuple(array.shape)} beside {len(texts)} ids, expected (n_slides, "
            "n_features). Write the file anew."
        )
    values = np.concatenate(list(rows.blocks()))
    names = list(range(values.shape[1]))
    return Matrix(source, np.array(texts, dtype=object), values, names)
