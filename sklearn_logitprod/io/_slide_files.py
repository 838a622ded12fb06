"""Which files of a folder hold the features of which slide."""

from __future__ import annotations

from collections import Counter
from glob import glob
from pathlib import Path

from sklearn_logitprod._text import brief, warn
from sklearn_logitprod.io._arrays import SUFFIXES, is_feature_file
from sklearn_logitprod.io._results import contents
from sklearn_logitprod.io._source import Source


def in_folder(source):
    """Feature files of an expert's folder.

    Parameters
    ----------
    source : Source
        The folder.

    Returns
    -------
    list of Path
        Sorted, all of one kind and in one folder.

    Raises
    ------
    ValueError
        If there are none, or they may be of several encoders.
    """
    root = Path(source.path)
    files = _visible(root)
    here = [path for path in files if path.parent == root]
    below = sorted({path.parent for path in files} - {root})
    if not files:
        raise source.error(
            f"there are no files of features ({', '.join(SUFFIXES)}), {contents(root)}. Pass the "
            "folder that holds them, one file per slide."
        )
    if below and (here or len(below) > 1):
        where = [f"{path.relative_to(root)}/" for path in below]
        raise source.error(
            f"files of features are {'here and ' if here else ''}in {brief(where)}, which may be "
            "of several encoders. Pass one of these folders, or a pattern of all that are meant, "
            f"such as {str(root / '**' / f'*{files[0].suffix}')!r}."
        )
    kinds = Counter(path.suffix.lower() for path in files)
    if len(kinds) > 1:
        counts = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))
        raise source.error(
            f"files of features are of several kinds: {counts}. Pass a pattern of those that are "
            f"meant, such as {str(files[0].parent / f'*{kinds.most_common(1)[0][0]}')!r}."
        )
    _mention_locks(files[0].parent)
    return files


def _visible(root):
    """Feature files in and below a folder, hidden ones and their folders left out."""
    return sorted(
        path
        for path in root.rglob("*")
        if is_feature_file(path)
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
        and path.is_file()
    )


def _mention_locks(folder):
    """Say that an extraction is under way, or was broken off: TRIDENT leaves such files."""
    locks = sorted(path.name for path in folder.glob("*.lock"))
    if locks:
        warn(
            f"{folder} has {len(locks)} file(s) such as {locks[0]!r}: features are still being "
            "extracted there, or this was broken off. Wait, or extract these slides again.",
            about=f"{folder} is locked",
        )


def matching(source, pattern):
    """Files that a pattern such as ``feats/**/*.h5`` means."""
    found = [Path(path) for path in sorted(glob(str(pattern), recursive=True))]
    files = [
        path
        for path in found
        if path.is_file() and (is_feature_file(path) or path.suffix.lower() not in SUFFIXES)
    ]
    if not files:
        raise source.error("no file is called so. Check the pattern.")
    return files


def by_slide(files, expert):
    """Files by the identifiers of their slides.

    These are the files' names without their extensions; of files that are all called alike
    the names of their folders, as ``<slide>/features.npy``.

    Parameters
    ----------
    files : list of Path
    expert : str

    Returns
    -------
    dict of str to Path

    Raises
    ------
    ValueError
        If two files would be of one slide.
    """
    alike = len(files) > 1 and len({path.name for path in files}) == 1
    found = {}
    for path in files:
        slide = path.parent.name if alike else path.stem
        if slide in found:
            raise Source(str(path), expert).error(
                f"slide {slide!r} is there twice, first in {found[slide]}. Keep one file per "
                "slide, or pass a pattern of those that are meant."
            )
        found[slide] = path
    return found
