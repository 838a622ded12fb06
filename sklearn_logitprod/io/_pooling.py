"""From features of the patches of a slide, read in blocks, to one vector."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass

import numpy as np

from sklearn_logitprod.io._arrays import Streamed
from sklearn_logitprod.io._tensors import BFLOAT16

POOLS = ("mean", "mean_std")
"""What features of patches are pooled to."""

_BLOCK = 1 << 24
_LARGEST_CHUNK = 1 << 27
# leading columns that may be coordinates, and how many patches and columns tell
_LEADING, _ENOUGH = 4, 8


@dataclass(frozen=True, eq=False)
class Rows:
    """Features of a slide as rows.

    Attributes
    ----------
    source : Source
    array : array of shape (..., n_patches, n_features), or (n_features,)
        Axes before the last two are of length 1.
    """

    source: object
    array: object

    def __post_init__(self):
        shape, kind = self.array.shape, np.dtype(self.array.dtype)
        if kind.kind not in "iuf" and kind != BFLOAT16:
            raise self.source.error(f"features have dtype {kind}. Save them as numbers.")
        if not shape or shape[-1] == 0 or any(n != 1 for n in shape[:-2]):
            raise self.source.error(
                f"features have shape {tuple(shape)}, expected (n_patches, n_features), or "
                "(n_features,) of a slide. Write the file anew."
            )

    @property
    def is_vector(self):
        """Whether this is the one vector of a slide, not features of its patches."""
        return len(self.array.shape) == 1

    @property
    def shape(self):
        """Number of patches, 1 of a slide's own vector, and of features."""
        return (1 if self.is_vector else self.array.shape[-2]), self.array.shape[-1]

    def blocks(self):
        """Rows as float32 or wider, some at a time."""
        n, d = self.shape
        some = self._rows_at_once()
        if isinstance(self.array, Streamed):
            parts = self.array.blocks(some, d)
        else:
            before = (0,) * (len(self.array.shape) - 2)
            index = [slice(start, min(start + some, n)) for start in range(0, n, some)]
            parts = (
                np.asarray(self.array[:] if self.is_vector else self.array[(*before, own)])
                for own in index
            )
        for part in parts:
            yield _numbers(part).reshape(-1, d)

    def _rows_at_once(self):
        """Rows of a block: within a bound of memory, and whole chunks of a file."""
        d = self.shape[1]
        some = max(1, _BLOCK // (8 * d))
        chunks = getattr(self.array, "chunks", None)
        if isinstance(chunks, tuple) and len(chunks) >= 2:
            chunk = chunks[-2]
            if chunk * d * np.dtype(self.array.dtype).itemsize <= _LARGEST_CHUNK:
                some = max(some // chunk, 1) * chunk
        return some


def _numbers(part):
    """Numbers that NumPy knows, from those of bfloat16, too."""
    if part.dtype.kind != "V":
        return part
    return (part.view(f"{part.dtype.byteorder}u2".replace("|", "<")).astype("u4") << 16).view("f4")


def pooled(rows, how):
    """One vector of a slide.

    Means and sums of squares of the blocks are merged in float64 (Chan, Golub and LeVeque
    1983), so that nothing depends on how far features lie from 0.

    Parameters
    ----------
    rows : Rows
        With at least one patch.
    how : {"mean", "mean_std"}
        A slide's own vector stays as it is.

    Returns
    -------
    ndarray of shape (n_features,) or (2 * n_features,), float32
        The means, and after them the standard deviations over the patches.

    Raises
    ------
    ValueError
        If a value is NaN or infinite, or the first columns look like coordinates.
    """
    squares_too = how == "mean_std" and not rows.is_vector
    n, mean, squares = 0, 0.0, 0.0
    try:
        for block in rows.blocks():
            if n == 0:
                _doubt_coordinates(rows, block)
            with np.errstate(invalid="ignore"):
                own = block.mean(axis=0, dtype=np.float64)
            if not np.isfinite(own).all():
                raise _not_finite(rows, block, n)
            share = len(block) / (n + len(block))
            if squares_too:
                within = _squares(block, own)
                squares = squares + within + (own - mean) ** 2 * (n * share)
            mean = mean + (own - mean) * share
            n += len(block)
    except (OSError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise rows.source.error(
            f"its features cannot be read ({error}). Copy the file again, or extract it anew."
        ) from error
    parts = [mean, np.sqrt(np.maximum(squares, 0.0) / n)] if squares_too else [mean]
    with np.errstate(over="ignore"):
        vector = np.concatenate(parts).astype(np.float32)
    if not np.isfinite(vector).all():
        raise rows.source.error(
            f"features are as large as {np.abs(mean).max():.3g}. Extract the file anew."
        )
    return vector


def _squares(block, mean):
    """Sums of squares about the means, of differences as exact as the features are."""
    kind = np.result_type(block.dtype, np.float32)
    center = mean.astype(kind)
    apart = np.subtract(block, center, dtype=kind)
    with np.errstate(over="ignore"):
        np.square(apart, out=apart)
    return apart.sum(axis=0, dtype=np.float64) - len(block) * (mean - center) ** 2


def _not_finite(rows, block, before):
    row, column = np.argwhere(~np.isfinite(block))[0]
    return rows.source.error(
        f"feature {column} of patch {before + row} is {block[row, column]}. Extract the file anew, "
        "in float32 if numbers were too large for float16."
    )


def _doubt_coordinates(rows, block):
    """Refuse features whose first columns alone hold whole numbers, as coordinates do."""
    if rows.is_vector or block.dtype.kind != "f" or len(block) < _ENOUGH:
        return
    block = block[:1024]
    whole = (block == np.rint(block)).all(axis=0)
    n = int(np.argmin(whole))
    varied = (block[:, :n] != block[0, :n]).any(axis=0)
    if 2 <= n <= _LEADING and not whole[n:].any() and varied.sum() >= 2:
        raise rows.source.error(
            f"the first {n} columns of features hold whole numbers such as "
            f"{block[0, :n].tolist()}, the others do not: they look like coordinates. Save the "
            "features without them."
        )
