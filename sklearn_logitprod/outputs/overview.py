"""Experts at a glance: how many samples each has, how good it is, whom it is like, what is odd."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import numpy as np

from sklearn_logitprod import _html
from sklearn_logitprod._text import WIDTH

MOST_ROWS = 2000
"""Rows that are looked at, spread over all."""

# and fewer of many classes, where each tells more
_MOST_VALUES, _LEAST_ROWS = 2_000_000, 200

# of an expert that is trained on these rows
_ERROR_RATE = 0.005
# seeing no error where 10 are due has probability exp(-10)
_LEAST_DUE = 10.0
# calibration slopes of scores on another scale; probabilities are floored, which bounds the first
_LEAST_SLOPE, _LARGEST_SLOPE = 0.15, 10.0
# of the spread of an expert's scores to the median of all
_OFF_SCALE = 5.0
# correlations above are those of copies, up to rounding
_COPY = 1.0 - 1e-9
# of slopes: farther off describes nothing
_MOST_SLOPE, _MAX_STEP, _PRECISION, _MAX_ITER = 20.0, 1.0, 1e-3, 25
# fewer rows say little of an expert's skill
_ENOUGH = 20


@dataclass(frozen=True, eq=False)
class Overview:
    """What is known of each expert.

    Attributes
    ----------
    names : list of str
    n_rows : int
        That were looked at.
    coverage : ndarray of shape (n_experts,)
        Share of the samples that it has.
    loss : ndarray of shape (n_experts,)
        Mean loss on them, in nats; NaN where outcomes are not known.
    slope : ndarray of shape (n_experts,)
        Calibration slope; NaN where outcomes are not known.
    agreement : ndarray of shape (n_experts,)
        Mean correlation with the scores of each other expert.
    nearest : list of str
        The expert that it agrees with most; empty for one expert.
    doubts : list of list of str
        What is odd of each.
    base_loss : float
        Of the base rates, without any expert; NaN where outcomes are not known.
    unit : str
        What a row is, in the plural.
    """

    names: list
    n_rows: int
    coverage: np.ndarray
    loss: np.ndarray
    slope: np.ndarray
    agreement: np.ndarray
    nearest: list
    doubts: list
    base_loss: float
    unit: str = "samples"

    def rows(self):
        """Header and rows of a table, as texts."""
        columns = {
            "expert": self.names,
            "has": [f"{100.0 * own:.3g} %" for own in self.coverage],
            "loss": _texts(self.loss, 3),
            "calibration slope": _texts(self.slope, 2),
            "agreement": _texts(self.agreement, 2),
            "most with": self.nearest,
            "checks": ["; ".join(own) or "no doubt" for own in self.doubts],
        }
        kept = {head: own for head, own in columns.items() if any(own)}
        return list(kept), [list(row) for row in zip(*kept.values(), strict=True)]

    def note(self):
        """How the table is read."""
        parts = [f"{self.n_rows} {self.unit} looked at."]
        if not np.isnan(self.base_loss):
            parts.append(
                f"Loss in nats; of the base rates, without any expert, it is {self.base_loss:.3f}."
            )
        if not np.isnan(self.slope).all():
            parts.append("Calibration slope: below 1 too confident, above 1 too timid.")
        parts.append("Agreement: mean correlation with the scores of the other experts.")
        return " ".join(parts)

    def text(self):
        """The table, what is odd and the note as text of at most 100 columns."""
        header, rows = self.rows()
        columns = list(zip(header[:-1], *(row[:-1] for row in rows), strict=True))
        widths = [max(map(len, own)) for own in columns]
        # names are read from the left
        left = [head in ("expert", "most with") for head in header]
        lines = [
            "  ".join(
                f"{text:{'<' if own else '>'}{width}}"
                for text, width, own in zip(row, widths, left, strict=False)
            ).rstrip()
            for row in zip(*columns, strict=True)
        ]
        odd = [f"{row[0]}: {row[-1]}" for row, own in zip(rows, self.doubts, strict=True) if own]
        wrapped = [textwrap.fill(text, WIDTH, subsequent_indent="  ") for text in odd]
        return "\n".join([*lines, "", *wrapped, textwrap.fill(self.note(), WIDTH)])

    def html(self, caption=""):
        """The table and its note as HTML for a notebook."""
        header, rows = self.rows()
        cells = [
            [
                *(_html.cell(text) for text in row[:-1]),
                _html.cell(row[-1], kind="doubt" if doubts else ""),
            ]
            for row, doubts in zip(rows, self.doubts, strict=True)
        ]
        note = _html.paragraph(self.note(), "soft")
        return _html.block(_html.table(header, cells, caption=caption), note)


def _texts(values, decimals):
    return ["" if np.isnan(own) else f"{own + 0.0:.{decimals}f}" for own in values]


def some_rows(n_samples, n_values):
    """Positions of rows that are looked at, of ``n_values`` numbers each."""
    n_rows = min(n_samples, MOST_ROWS, max(_LEAST_ROWS, _MOST_VALUES // n_values))
    return np.unique(np.linspace(0, n_samples - 1, n_rows).astype(np.intp))


def overview(names, coverage, scores, log_proba=None, likelihood=None, base_loss=np.nan):
    """What is known of experts on some rows.

    Parameters
    ----------
    names : list of str
    coverage : ndarray of shape (n_experts,)
        Share of all rows that each has.
    scores : ndarray of shape (n_rows, n_experts, n_scores)
        What each says of a sample, NaN where it is missing; of probabilities their logarithms.
    log_proba : ndarray of shape (n_rows, n_experts, n_categories), optional
        As a pool reads it, where losses are to be known.
    likelihood : Likelihood, optional
        Of the rows.
    base_loss : float
        Mean loss of the base rates; NaN where categories have no such rates.

    Returns
    -------
    Overview
    """
    nothing = np.full(len(names), np.nan)
    loss = slope = nothing
    perfect = []
    if likelihood is not None:
        by_row = likelihood.loss(np.moveaxis(log_proba, 1, 0))
        known = ~np.isnan(by_row)
        count = known.sum(axis=1)
        loss = np.where(count > 0, np.nansum(by_row, axis=1) / np.maximum(count, 1), np.nan)
        if not np.isnan(base_loss):
            slope = np.where(count >= _ENOUGH, slopes(log_proba, likelihood), np.nan)
            told = likelihood.certain >= 0
            perfect = leaked(names, np.exp(log_proba[told]), likelihood.certain[told])
    together, same = _alike(scores)
    spread = _spread(scores)
    agreement, nearest = nothing, [""] * len(names)
    if len(names) > 1:
        agreement = _mean(together)
        closest = np.where(np.isnan(together), -np.inf, together)
        nearest = [names[int(np.argmax(own))] if np.isfinite(own).any() else "" for own in closest]
    doubts = [[] for _ in names]
    usual = np.nanmedian(spread[spread > 0]) if (spread > 0).any() else 1.0
    for m, name in enumerate(names):
        say = doubts[m].append
        if not coverage[m]:
            say("missing on every sample")
            continue
        if spread[m] == 0.0:
            say("constant: says the same of all samples")
        elif slope[m] > _LARGEST_SLOPE or 0.0 < slope[m] < _LEAST_SLOPE:
            say("on another scale, as its calibration slope tells")
        elif likelihood is None and not 1.0 / _OFF_SCALE <= spread[m] / usual <= _OFF_SCALE:
            say(f"on another scale: its scores spread {spread[m] / usual:.2g} times the usual")
        copies = [names[j] for j in np.flatnonzero(same[m])]
        if copies and spread[m] > 0.0:
            say(f"duplicated: says what {', '.join(copies)} says")
        if name in perfect:
            say("suspiciously perfect: was it trained on these samples?")
        if loss[m] > base_loss:
            if slope[m] <= 0.0 and spread[m] > 0.0:
                say("worse than chance: it points the wrong way")
            elif spread[m] > 0.0:
                say("its loss is above that of the base rates")
    return Overview(
        list(names),
        len(scores),
        coverage,
        loss,
        slope,
        agreement,
        nearest,
        doubts,
        float(base_loss),
    )


def _mean(together):
    known = ~np.isnan(together)
    return np.where(
        known.any(axis=1), np.nansum(together, axis=1) / np.maximum(known.sum(axis=1), 1), np.nan
    )


def _spread(scores):
    """Standard deviation over the rows, root mean square over the scores: (n_experts,)."""
    known = ~np.isnan(scores)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.nansum(scores, axis=0) / count
    squares = np.nansum((scores - mean) ** 2, axis=0) / count
    spread = np.sqrt(squares.mean(axis=-1))
    return np.where(spread <= 1e-9 * np.maximum(np.abs(mean).max(axis=-1), 1e-300), 0.0, spread)


def _alike(scores):
    """Correlations of the scores of experts, NaN on the diagonal, and which are copies."""
    centred = scores - np.nansum(scores, axis=0) / np.maximum((~np.isnan(scores)).sum(axis=0), 1)
    flat = np.moveaxis(centred, 1, 0).reshape(scores.shape[1], -1)
    present = ~np.isnan(flat)
    flat = np.where(present, flat, 0.0)
    both, squares = flat @ flat.T, flat**2 @ present.T
    size = np.sqrt(squares * squares.T)
    together = np.divide(both, size, np.full(both.shape, np.nan), where=size > 0.0)
    np.fill_diagonal(together, np.nan)
    near = (together > _COPY) & (
        np.abs(squares - squares.T) <= 1e-6 * np.maximum(squares, squares.T)
    )
    return together, near


def slopes(log_proba, likelihood):
    """Calibration slope of each expert: the exponent that its probabilities want.

    The slope b minimises the mean loss of ``softmax(b log p)``. Below 1 an expert is too confident,
    above 1 too timid, and at 0 or below it what it says is of no use as it is. Newton's method with
    the variance of ``log p`` under these probabilities, which is the curvature for class labels and
    bounds it for other outcomes.

    Parameters
    ----------
    log_proba : ndarray of shape (n_samples, n_experts, n_categories)
    likelihood : Categories

    Returns
    -------
    ndarray of shape (n_experts,)
        Within [-20, 20]; 1 for an expert that says the same of all classes.
    """
    own = np.moveaxis(log_proba, 1, 0)
    present = ~np.isnan(own[..., 0])
    own = np.where(present[..., None], own, 0.0)
    slope = np.ones(len(own))
    for _ in range(_MAX_ITER):
        _, gradient, proba = likelihood.loss_gradient(slope[:, None, None] * own)
        first = ((gradient * own).sum(axis=-1) * present).sum(axis=1)
        mean = (proba * own).sum(axis=-1)
        second = (((proba * own**2).sum(axis=-1) - mean**2) * present).sum(axis=1)
        step = np.divide(first, second, np.zeros_like(first), where=second > 1e-12)
        step = np.clip(step, -_MAX_STEP, _MAX_STEP)
        slope = np.clip(slope - step, -_MOST_SLOPE, _MOST_SLOPE)
        if np.abs(step).max(initial=0.0) < _PRECISION:
            break
    return slope


def leaked(names, proba, codes):
    """Names of experts that look as if they had been trained on these very rows.

    An expert with next to no error is suspect when the others err often, or when its own
    probabilities let expect many more errors: forests know their training rows better
    than they say.

    Parameters
    ----------
    names : list of str
    proba : ndarray of shape (n_samples, n_experts, n_classes)
    codes : ndarray of shape (n_samples,), int

    Returns
    -------
    list of str
    """
    present = ~np.isnan(proba[:, :, 0])
    n_present = present.sum(axis=0)
    errors = ((proba.argmax(axis=2) != codes[:, None]) & present).sum(axis=0)
    expected = np.where(present, 1.0 - proba.max(axis=2), 0.0).sum(axis=0)
    rate = errors / np.maximum(n_present, 1)
    others = n_present * (rate.sum() - rate) / max(len(errors) - 1, 1)
    due = np.maximum(expected, others)
    suspect = (errors <= _ERROR_RATE * n_present) & (due >= np.maximum(_LEAST_DUE, 20 * errors))
    return [name for name, one in zip(names, suspect, strict=True) if one]
