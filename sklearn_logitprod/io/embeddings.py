"""Reader of features of slides, one folder or file per encoder."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sklearn_logitprod._progress import Progress
from sklearn_logitprod._text import brief, option
from sklearn_logitprod._typing import FilePath, Tables
from sklearn_logitprod.io._encoders import encoder_of, named_encoders
from sklearn_logitprod.io._ids import check_strip
from sklearn_logitprod.io._pooling import POOLS
from sklearn_logitprod.io._slides import joined, matched, refuse_same
from sklearn_logitprod.io._truth import Asked, read_truth
from sklearn_logitprod.outputs.embeddings import Embeddings


def read_embeddings(
    encoders: Tables,
    labels: FilePath | Any = None,
    id: str = "slide_id",
    *,
    label: str | None = None,
    value: str | None = None,
    group: str | None = None,
    event: str | None = None,
    time: str | None = None,
    features: str | Sequence[str] | Mapping[str, Any] | None = None,
    pool: Literal["mean", "mean_std"] = "mean",
    average: bool = False,
    id_strip: str | Sequence[str] | None = None,
    verbose: int = 0,
) -> Embeddings:
    r"""Read features of slides by several encoders, joined on the identifiers of the slides.

    Of each encoder there is a folder with one file per slide, as TRIDENT, CLAM, STAMP and
    others write them (HDF5, ``.pt``, ``.npy``, ``.npz``): a vector of the slide, or features
    of its patches, which are pooled in blocks, never all in memory. Or there is one table of
    all slides (CSV, Parquet and the other formats of `read_tables`, or a data frame), or one
    file with an array of ids beside that of the features, or with an array for each slide
    (``.h5``, ``.pt``, ``.npz``, ``.pkl``). No file is opened in a way that runs what it names.
    Slides that lack an encoder are kept, with NaN in its columns.

    Parameters
    ----------
    encoders : dict or list
        Folder or file of each encoder by its name: ``{"uni": "feats/uni", ...}``. In a list
        the folder's name names it. A list of files, or a pattern such as
        ``"feats/uni/**/*.h5"``, in place of a folder holds files of slides, or tables one
        after the other.
    labels : path or DataFrame, optional
        Table of the slides, of which those of other slides are left out. None at prediction
        time: all slides of any encoder.
    id : str, default="slide_id"
        Column of identifiers, compared as text with the names of files without their
        extensions, or of folders as in ``<slide>/features.npy``.
    label, value : str, optional
        Column of `labels` with the classes; or with numbers, for a regression.
    group : str, optional
        Column of `labels` with groups of dependent slides, such as patients.
    event, time : str, optional
        For survival: columns of `labels` with events (0 or 1, true or false) and positive
        times.
    features : str, list of str or dict, optional
        Name of the array of features in the files, such as ``"features/uni_v1"`` of a group in
        HDF5; of a table its columns, or a pattern such as ``"feat_*"``. A dict says it by
        encoder. By default arrays are known by the names ``features``, ``feats``,
        ``embeddings`` and the like, or stand alone; of a table all columns are taken that are
        not asked for otherwise.
    pool : {"mean", "mean_std"}, default="mean"
        Whether features of patches are pooled to their mean, or to the mean and, after it,
        the standard deviation. A vector of a slide stays as it is.
    average : bool, default=False
        Whether the slides of a group are averaged, as `Embeddings.average` does.
    id_strip : str or list of str, optional
        What does not count in identifiers, as in `read_tables`: ``"folder"``, ``"suffix"``,
        ``"zeros"``.
    verbose : int, default=0
        If positive, lines on standard error say what is being read.

    Returns
    -------
    Embeddings
        Rows in the order of `labels`; without them in that of the first encoder, further ones
        in that of the next. Columns of tables that are numbered from 0, and arrays, have
        features 0, 1 and so on, others are called as the columns.

    Raises
    ------
    ValueError
        If a file is absent, damaged, or holds NaN, files of an encoder differ in width or
        kind, an encoder has no slide in common with the labels, or an identifier is there
        twice: one line that names the file and what to do. All files are looked at before the
        first is pooled.

    Warns
    -----
    UserWarning
        If slides are left out as the labels do not name them, or as no encoder has them; if
        slides have no patches, so that the encoder is missing there; if several slides seem
        to be of one patient, but there are no groups.

    See Also
    --------
    read_tables : Outputs of experts that are trained already.

    References
    ----------
    Zhang et al. 2025, Accelerating data processing and benchmarking of AI models for
    pathology, arXiv:2502.06750 (TRIDENT); Lu et al. 2021 (CLAM); El Nahhas et al. 2024
    (STAMP).

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import numpy as np
    >>> from sklearn_logitprod.io import read_embeddings
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> (root / "uni").mkdir()
    >>> np.save(root / "uni" / "s1.npy", [[1.0, 2.0], [3.0, 4.0]])  # two patches
    >>> np.save(root / "uni" / "s2.npy", [[5.0, 5.0], [5.0, 7.0]])
    >>> _ = (root / "conch.csv").write_text("slide_id,f0\ns1,0.5\n")
    >>> _ = (root / "labels.csv").write_text("slide_id,msi\ns1,yes\ns2,no\n")
    >>> embeddings = read_embeddings(
    ...     {"uni": root / "uni", "conch": root / "conch.csv"}, root / "labels.csv", label="msi"
    ... )
    >>> embeddings
    Embeddings(2 slides, uni (2 features), conch (1 feature, 1 slide missing),
    classes ['no', 'yes'])
    >>> embeddings.X["uni"].to_numpy().tolist()
    [[2.0, 3.0], [5.0, 6.0]]
    """
    if pool not in POOLS:
        raise ValueError(f"pool={pool!r} is unknown; it is one of {brief(POOLS)}.")
    asked = Asked(id, label, value, group, event, time, check_strip(id_strip))
    if labels is None and asked.columns:
        raise ValueError(
            f"columns {brief(asked.columns)} are asked for, but no table has them: pass "
            f"{option('labels', 'labels.csv')}."
        )
    if average and group is None:
        raise ValueError(
            f"the slides of which groups are averaged? Name their column with {option('group')}."
        )
    given = named_encoders(encoders)
    truth = None if labels is None else read_truth(labels, asked)
    arrays = _features(features, list(given))
    found = {name: encoder_of(name, own, asked, arrays[name]) for name, own in given.items()}
    found, left_out = matched(found, truth)
    progress = Progress(sys.stderr) if verbose else None
    for name, own in found.items():
        if progress is not None:
            progress(f"{name}: looking at {len(own.ids):,} slides")
        found[name] = own.looked_at()
    refuse_same(found)
    embeddings = joined(found, truth, id, pool, left_out, progress)
    if progress is not None:
        progress.clear()
        print(embeddings, file=sys.stderr)
    return embeddings.average() if average else embeddings


def _features(features, names):
    """What is said of the features of each encoder."""
    if not isinstance(features, Mapping):
        return dict.fromkeys(names, features)
    unknown = [name for name in features if name not in names]
    if unknown:
        raise ValueError(
            f"{option('features')} names {brief(unknown)}, but the encoders are {brief(names)}."
        )
    return {name: features.get(name) for name in names}
