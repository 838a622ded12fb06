"""What is fitted, where it starts, and how strongly it is held there.

Every parameter of a head has a starting value (the *centre*) and a prior precision.
The objective of a fit is

    sum_i weight_i loss_i / deff  +  1/2 sum_p precision_p (theta_p - centre_p)^2

The weights of a gate's last layer are held as ``sharpness * V``: what the prior shrinks
is how far the gate moves the fused scores. A prior on V itself could be evaded by a
large sharpness and a small V, and on noisy problems the optimum does just that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from sklearn_logitprod.fusion.gate import Gate
from sklearn_logitprod.fusion.pool import Head

MAX_CORRECTION = 20_000
"""Entries above which the cross-class correction is left out."""

MAX_GATE = 20_000
"""Entries above which the automatic path has no linear gate."""

EQUAL_WEIGHTS = 1e5
"""Prior precision of a gate bias that leaves the weights equal."""

MAX_LOG_SHARPNESS = 50.0
"""Trial steps of a solver beyond this are evaluated here: exp stays finite."""


@dataclass(frozen=True)
class HeadSpec:
    """What one head is: its gate, its priors, its temperature.

    Attributes
    ----------
    gate_width : int or None
        None for constant weights, 0 for a linear gate, h for a hidden layer of h.
    temperature : float
        Gate temperature.
    alpha : float
        Prior precision of the gate weights.
    cross_class : float or None
        Prior precision of the cross-class correction; None leaves it out.
    diversity : float
        Strength of the diversity penalty.
    calibrate : bool
        Whether sharpness and class bias are fitted.
    strength : float
        Factor on all prior precisions.
    bias_prior, sharpness_prior, class_bias_prior : float
        Prior precisions of the gate bias, of log sharpness and of the class bias.
    """

    gate_width: int | None = None
    temperature: float = 1.0
    alpha: float = 100.0
    cross_class: float | None = None
    diversity: float = 0.0
    calibrate: bool = True
    strength: float = 1.0
    bias_prior: float = 0.3
    sharpness_prior: float = 1.0
    class_bias_prior: float = 3.0

    def describe(self):
        """Short name, as it stands in ``selection_``."""
        constant = "equal weights" if self.bias_prior >= EQUAL_WEIGHTS else "constant"
        gates = {None: constant, 0: "linear"}
        parts = [gates.get(self.gate_width, f"hidden {self.gate_width}")]
        if self.gate_width is not None:
            parts.append(f"alpha={self.alpha:g}")
        if self.cross_class is not None:
            parts.append(f"cross_class={self.cross_class:g}")
        if self.strength != 1.0:
            parts.append(f"strength={self.strength:g}")
        return ", ".join(parts)


@dataclass(frozen=True)
class Layout:
    """Where each parameter of a head lies in one flat vector.

    Attributes
    ----------
    shapes : dict of str to tuple
        Shape of each group, in order: ``bias``, and where fitted ``log_sharpness``,
        ``class_bias``, ``correction``, ``hidden``, ``offset``, ``output``.
    centre, precision : ndarray of shape (n_parameters,)
    """

    shapes: dict
    centre: np.ndarray
    precision: np.ndarray

    @cached_property
    def _places(self):
        places, start = [], 0
        for name, shape in self.shapes.items():
            stop = start + math.prod(shape)
            places.append((name, shape, slice(start, stop)))
            start = stop
        return places

    def split(self, theta):
        """Groups of flat vectors (..., size) by name (for NumPy and torch alike)."""
        leading = theta.shape[:-1]
        return {
            name: theta[..., place].reshape(*leading, *shape) for name, shape, place in self._places
        }

    @property
    def size(self):
        """Number of parameters."""
        return len(self.centre)


def make_layout(spec, n_columns, n_experts, n_free, n_features):
    """Layout of a head's parameters, with their centre and prior precision.

    Parameters
    ----------
    spec : HeadSpec
    n_columns, n_experts, n_free, n_features : int
        ``n_free`` scores, the first ones, are moved by class bias and correction.

    Returns
    -------
    Layout
    """
    width = spec.gate_width
    groups = {"bias": ((n_columns,), spec.bias_prior)}
    if spec.calibrate:
        groups["log_sharpness"] = ((1,), spec.sharpness_prior)
        groups["class_bias"] = ((n_free,), spec.class_bias_prior)
    if spec.cross_class is not None:
        groups["correction"] = ((n_experts, n_free, n_free), spec.cross_class)
    if width:
        groups["hidden"] = ((n_features, width), spec.alpha)
        groups["offset"] = ((width,), spec.alpha)
    if width is not None:
        groups["output"] = ((width or n_features, n_columns), spec.alpha)
    sizes = {name: math.prod(shape) for name, (shape, _) in groups.items()}
    centre = np.zeros(sum(sizes.values()))
    precision = np.concatenate(
        [np.full(sizes[name], spec.strength * value) for name, (_, value) in groups.items()]
    )
    # everything starts at 0, equal weights and nothing moved, but for the hidden layer
    layout = Layout({name: shape for name, (shape, _) in groups.items()}, centre, precision)
    if width:
        layout.split(centre)["hidden"][...] = _directions(n_features, width)
    return layout


@lru_cache(maxsize=8)
def _directions(n_features, width):
    """Unit vectors in no special direction, orthogonal as far as there is room.

    The same (n_features, width) in every fit: a hidden layer is shrunk to its start, so that
    with a start by seed the loss would depend on the seed.
    """
    random = np.random.RandomState(0)
    turns = [
        np.linalg.qr(random.normal(size=(n_features, n_features)))[0]
        for _ in range(math.ceil(width / n_features))
    ]
    directions = np.hstack(turns)[:, :width]
    directions.flags.writeable = False
    return directions


def make_head(theta, layout, spec, n_classes, standardiser=None):
    """Head of a flat parameter vector."""
    groups = {name: np.array(part) for name, part in layout.split(theta).items()}
    log_sharpness = 0.0
    if "log_sharpness" in groups:
        limit = MAX_LOG_SHARPNESS
        log_sharpness = float(np.clip(groups["log_sharpness"][0], -limit, limit))
    if "output" in groups:
        # held as sharpness * V, used as V
        groups["output"] /= np.exp(log_sharpness)
    class_bias = np.zeros(n_classes)
    if "class_bias" in groups:
        class_bias[: len(groups["class_bias"])] = groups["class_bias"]
    layers = tuple(groups[name] for name in ("hidden", "offset", "output") if name in groups)
    return Head(
        Gate(groups["bias"], spec.temperature, layers, standardiser if layers else None),
        log_sharpness,
        class_bias,
        groups.get("correction"),
    )
