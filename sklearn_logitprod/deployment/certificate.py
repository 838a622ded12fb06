"""A certificate: lower bounds of gains, in words and as a table."""

from __future__ import annotations

import textwrap
from html import escape

import numpy as np
import pandas as pd

_STYLE = (
    "border-collapse:collapse;color:inherit;background:none",
    "padding:0.25em 0.8em;border:none;border-bottom:1px solid rgba(128,128,128,0.4)",
)


class Certificate:
    """What was shown of a fitted model, with confidence, about samples to come.

    Parameters
    ----------
    table : DataFrame
        See the attributes.
    level : float
        Confidence, in (0, 1).
    auc_differences : DataFrame, default=None
        See the attributes.
    n_samples : int, default=None
        Number of rows; None takes that of the table.
    grouped : bool, default=False
        Whether the table counts groups.

    Attributes
    ----------
    table : DataFrame
        One row a reference: ``reference``, its name; ``n``, the number of samples, or of
        groups; ``mean_gain``, the mean of its log-loss less the model's, in nats;
        ``lower_bound`` of the mean over all such samples; ``certified``, whether the bound is
        above 0. Each bound holds with the confidence `level`, all ``certified`` together as
        well.
    certified : bool
        Whether every row is.
    level : float
        Confidence, in (0, 1).
    auc_differences : DataFrame or None
        Of classifiers, one row a reference: ``reference``, its ``auc``, ``auc_model`` and the
        ``difference`` on these samples (of several classes the mean of one against the rest;
        NaN where y has one class alone). Nothing is claimed about them.
    n_samples : int
        Number of rows.
    grouped : bool
        Whether the table counts groups.

    See Also
    --------
    certify : Makes one.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        level: float,
        auc_differences: pd.DataFrame | None = None,
        *,
        n_samples: int | None = None,
        grouped: bool = False,
    ) -> None:
        self.table, self.level, self.auc_differences = table, level, auc_differences
        self.n_samples = int(table["n"].iloc[0]) if n_samples is None else n_samples
        self.grouped = grouped

    @property
    def certified(self) -> bool:
        """Whether every row of the table is certified."""
        return bool(self.table["certified"].all())

    @property
    def _counted(self):
        n = int(self.table["n"].iloc[0])
        if self.grouped:
            return f"{n} groups ({self.n_samples} samples)"
        return f"{n} samples"

    @property
    def _verdict(self):
        """What is shown, in a sentence."""
        shown = self.table["certified"].to_numpy()
        if shown.all():
            whom = "it" if len(shown) == 1 else "each of them, the best included"
            return f"Shown: on average the model predicts better than {whom}."
        if not shown.any():
            return "Not shown: nothing here says that the model predicts better on average."
        names = ", ".join(self.table["reference"][~shown])
        return (
            f"Shown against {shown.sum()} of {len(shown)}, each for itself; not shown against "
            f"{names}."
        )

    def _notes(self):
        """What the figures mean and what they do not, in sentences."""
        bounds = self.table["lower_bound"].to_numpy()
        unit = "groups" if self.grouped else "samples"
        notes = []
        if self.certified:
            factor = np.exp(bounds.min())
            notes.append(
                f"The model gives what really happens a probability that is at least "
                f"{factor:.4g} times that of any of these (geometric mean over {unit})."
            )
        better = self.table["reference"][self.table["mean_gain"] < 0.0]
        if len(better):
            verb = "was" if len(better) == 1 else "were"
            notes.append(f"On these {unit} {', '.join(better)} {verb} better than the model.")
        if np.isinf(bounds).any():
            notes.append(
                "Nothing can be shown of a model whose loss on a single sample has no limit: use "
                "with_safety(model), and certify what it returns."
            )
        elif not self.certified:
            notes.append(
                "That something is not shown does not mean that it is not so: with more samples "
                "the bound rises towards the mean."
            )
        notes.append(
            f"It is about the mean over {unit} drawn like these, not about any single one, another "
            "site or another time; it holds only if they were used for nothing else, neither to "
            "fit nor to choose the model. Log-loss says how good probabilities are: nothing is "
            "claimed about AUC, accuracy or the use of a decision."
        )
        return notes

    def _cells(self):
        """Header and rows of the table, as text."""
        rows = [
            [
                str(row.reference),
                f"{row.mean_gain:+.4f}",
                "none" if np.isinf(row.lower_bound) else f"{row.lower_bound:+.4f}",
                "yes" if row.certified else "no",
            ]
            for row in self.table.itertuples()
        ]
        return ["better than", "mean gain", "at least", "shown"], rows

    @property
    def _title(self):
        return f"Certificate with {100 * self.level:g} % confidence, from {self._counted}"

    def __repr__(self) -> str:
        header, rows = self._cells()
        widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
        lines = [
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in [header, *rows]
        ]
        unit = "Gains are in log-loss, in nats per sample; above 0 the model is better."
        words = [textwrap.fill(text, 88) for text in [unit, self._verdict, *self._notes()]]
        return "\n".join([self._title, "", *lines, "", *words])

    def _repr_html_(self) -> str:
        header, rows = self._cells()
        table, cell = _STYLE

        def line(tag, cells):
            ends = [
                f'<{tag} style="text-align:{"left" if i == 0 else "right"};{cell}">'
                f"{escape(text)}</{tag}>"
                for i, text in enumerate(cells)
            ]
            return f'<tr style="background:none">{"".join(ends)}</tr>'

        body = "".join(line("td", row) for row in rows)
        notes = " ".join(self._notes())
        return (
            f"<div><p><b>{escape(self._title)}</b></p>"
            f'<table style="{table}"><thead>{line("th", header)}</thead><tbody>{body}</tbody>'
            f"</table><p>Gains in log-loss, in nats per sample. <b>{escape(self._verdict)}</b></p>"
            f'<p style="font-size:smaller">{escape(notes)}</p></div>'
        )
