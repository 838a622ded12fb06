"""What values look like where it is not what they are said to be: for a warning, never a guess.

The first block of rows is looked at, as outputs may be a file larger than memory.
"""

from __future__ import annotations

import numpy as np

from sklearn_logitprod._text import option, warn
from sklearn_logitprod.fusion.logits import block_slices
from sklearn_logitprod.outputs.checks import SUM_TOLERANCE

# fewer rows may look like anything
_ENOUGH = 20
_TOLERANCE = 1e-6
_ABOUT = "what X looks like"


def doubt_classes(outputs):
    """Warn where logits look like probabilities, some experts' do, or columns come in pairs.

    Parameters
    ----------
    outputs : Outputs
        Whether probabilities are some is checked as they are read.
    """
    flat = outputs.values.ndim == 2
    if outputs.input != "logits" and not flat:
        return
    values, names, where = _first(outputs)
    if flat and len(names) == outputs.values.shape[1]:
        _doubt_pairs(values, names, where, outputs.input)
    if outputs.input != "logits":
        return
    if flat:
        _doubt_numbers(values, names, where)
    for scale, remedy in ((1.0, ""), (100.0, "divide by 100 and ")):
        found = _probabilities(values, scale)
        if not found.any():
            continue
        what = f"lie in [0, {scale:g}]"
        if values.ndim == 3:
            what += f" and sum to {scale:g} over the classes"
        if found.all():
            warn(
                f"X looks like probabilities: {where} {what}, but {option('input', 'logits')} "
                f"reads them as {'logits' if values.ndim == 3 else 'log-odds'}. If they are "
                f"probabilities, {remedy}pass {option('input', 'proba')}.",
                about=_ABOUT,
            )
        else:
            own = ", ".join(name for name, on in zip(names, found, strict=True) if on)
            warn(
                f"Expert(s) {own} look as if they gave probabilities, the others logits: of "
                f"theirs, {where} {what}. If so, take the logarithm of theirs.",
                about=_ABOUT,
            )
        return


def _doubt_numbers(values, names, where):
    """Warn where a column that is to be of an expert numbers the rows."""
    for name, column in zip(names, values.T, strict=True):
        known = column[np.isfinite(column)]
        if (known % 1 == 0).all() and len(np.unique(known)) == len(known):
            warn(
                f"Column {name!r} of X looks like identifiers: {where} are whole numbers, each of "
                f"them once, but {option('input', 'logits')} reads them as log-odds of an expert. "
                "If they number the rows, leave the column out.",
                about=_ABOUT,
            )
            return


_PAIRS = {
    "reshape(len(X), -1, 2)": lambda values: (values[:, ::2], values[:, 1::2]),
    "reshape(len(X), 2, -1).swapaxes(1, 2)": lambda values: np.array_split(values, 2, axis=1),
}
"""By how an array gets an axis of two classes: the columns of each of these."""


def _doubt_pairs(values, names, where, input):
    """Warn where columns that are to be of an expert each are of the two classes in turn."""
    for remedy, pairs in _PAIRS.items():
        first, second = pairs(values)
        if first.shape == second.shape and first.size and _complementary(first, second, input):
            own = [columns[0] for columns in pairs(np.array([names], dtype=object))]
            what = "probability" if input == "proba" else "log-odds"
            warn(
                f"X looks like two columns for each expert, one of each class: {where} of "
                f"{own[0][0]!r} tell those of {own[1][0]!r}, but each column is read as the {what} "
                "of the second class by an expert of its own. If they are of the two classes, pass "
                f"np.asarray(X).{remedy}.",
                about=_ABOUT,
            )
            return


def _complementary(first, second, input):
    """Whether each column is the probability of another class than the other one, or its log."""
    with np.errstate(invalid="ignore"):
        # what is infinite is refused where it is read
        spread = np.nanmax(first) - np.nanmin(first)
    finite = np.array_equal(np.isfinite(first), np.isfinite(second))
    if not (0 < spread < np.inf and finite):
        return False
    sums = first + second
    off = [sums - 1.0] if input == "proba" else [sums, np.logaddexp(first, second)]
    return any(np.nanmax(np.abs(own)) <= SUM_TOLERANCE * min(spread, 1.0) for own in off)


def doubt_events(outputs):
    """Warn where hazard logits or risks look like survival curves or hazards.

    Parameters
    ----------
    outputs : EventOutputs
    """
    if outputs.input == "survival":
        return
    values, _, where = _first(outputs)
    if not values.size or not _inside(values, 1.0).all() or np.nanmin(values) == np.nanmax(values):
        return
    falling = values.shape[-1] > 2 and not (np.diff(values, axis=-1) > _TOLERANCE).any()
    own, curves = option("input", outputs.input), option("input", "survival")
    if outputs.input == "risk":
        if falling:
            warn(
                f"X looks like the survival curve of one expert: {where} lie in [0, 1] and fall "
                f"from column to column, but {own} reads each column as the risk of an expert. If "
                f"it is a curve, pass X[:, None, :] with {curves}."
            )
    elif falling:
        warn(
            f"X looks like survival curves: {where} lie in [0, 1] and fall over the times, but "
            f"{own} reads them as logits of hazards. If they are survival, pass {curves}."
        )
    else:
        warn(
            f"X looks like probabilities: {where} lie in [0, 1], but {own} reads them as logits. "
            "If they are hazards h, pass log(h / (1 - h))."
        )


def _first(outputs):
    """The first rows of experts that say enough there.

    Returns
    -------
    values : ndarray of shape (n_rows, n_experts, ...), float64
    names : list of str
        Of these experts.
    where : str
        What was looked at, in words.
    """
    values = outputs.values
    rows = next(block_slices(len(values), values[:1].size), slice(0, 0))
    where = (
        "all values" if rows.stop == len(values) else f"all values of the first {rows.stop} rows"
    )
    block = np.asarray(values[rows], dtype=float)
    present = ~np.isnan(block.reshape(*block.shape[:2], -1)[:, :, 0])
    enough = np.flatnonzero(present.sum(axis=0) >= _ENOUGH)
    return block[:, enough], [outputs.names[m] for m in enough], where


def _probabilities(values, scale):
    """Which experts seem to give probabilities times a scale: (n_experts,), bool."""
    inside = _inside(values, scale)
    if values.ndim == 3:
        # shifted logits may lie anywhere, but do not sum to the same in all rows
        with np.errstate(invalid="ignore"):
            off = np.abs(values.sum(axis=-1) - scale) > SUM_TOLERANCE * scale
        return inside & ~off.any(axis=0)
    # log-odds of one weak expert may all be small and positive; those of all experts are not
    return np.full(len(inside), inside.all() and np.nanmax(values, initial=0.0) > scale / 5.0)


def _inside(values, scale):
    """Which experts give nothing outside of [0, scale]: (n_experts,), bool."""
    outside = (values < -_TOLERANCE) | (values > scale * (1.0 + _TOLERANCE))
    return ~outside.any(axis=(0, *range(2, values.ndim)))
