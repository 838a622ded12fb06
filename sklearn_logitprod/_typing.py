"""Types of the public surface that have no name elsewhere.

X has none: with experts it is whatever they take.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Labels: TypeAlias = NDArray[Any]
Floats: TypeAlias = NDArray[np.float64]
FilePath: TypeAlias = str | PathLike[str]
Paths: TypeAlias = Mapping[str, FilePath] | Sequence[FilePath]
# files, several of one expert, or data frames
Tables: TypeAlias = Mapping[str, Any] | Sequence[FilePath] | FilePath | Any
Experts: TypeAlias = Sequence[Any] | None
GateWidth: TypeAlias = int | Literal["auto"] | None
# a number, "prefit", an object with `split`, or splits
CrossValidation: TypeAlias = int | str | Iterable[tuple[ArrayLike, ArrayLike]] | Any
Scoring: TypeAlias = str | Callable[..., float] | None
RandomState: TypeAlias = int | np.random.RandomState | None
