"""What a report is of: a comparison, and what fits on its samples say further."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from sklearn.base import clone

from sklearn_logitprod.inspection._held_out import held_out
from sklearn_logitprod.inspection._setting import Setting

# splits of a comparison may be one, or as many as there are samples
_MOST_FOLDS = 10


@dataclass(eq=False)
class Study:
    """A comparison, and the samples that it was made on.

    Attributes
    ----------
    setting : Setting
    table : DataFrame
        Of `compare`.
    what : str
        What is compared: "experts" or "encoders".
    made : str or None
        How samples were made of the rows of the files.
    facts : list of (str, str)
        What the files hold.
    reading : str
        Further paragraphs of HTML that say how the page is read.
    """

    setting: Setting
    table: object
    what: str = "experts"
    made: str | None = None
    facts: list = field(default_factory=list)
    reading: str = ""

    @property
    def attrs(self):
        """What the table knows beside its figures."""
        return self.table.attrs

    @property
    def experts(self):
        """Names of the experts."""
        return [name for name, kind in self.attrs["kinds"].items() if kind == "expert"]

    def held(self, ask=None):
        """Predictions of each sample by fits without it, and what `ask` asks them further."""
        n_folds = min(max(self.attrs["n_folds"], 2), _MOST_FOLDS)
        return held_out(self.setting, n_folds, self.attrs["random_state"], ask)

    @cached_property
    def held_out(self):
        """Predictions of each sample by fits without it."""
        return self.held()

    @cached_property
    def model(self):
        """The fusion, fitted on all samples."""
        own = self.setting
        return clone(own.estimator).fit(own.X, own.target.y, groups=own.groups)
