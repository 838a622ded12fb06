"""What `compare` returns: a table that says what it comes to."""

from __future__ import annotations

from typing import Any

import pandas as pd

from sklearn_logitprod.inspection._shown import as_html, as_text
from sklearn_logitprod.inspection._subgroups import subgroup_frame
from sklearn_logitprod.inspection._table import PAIRED
from sklearn_logitprod.inspection._words import verdict


class ComparisonResult(pd.DataFrame):
    """Table of a comparison, and what it comes to: the result of `compare`.

    It is a DataFrame, with the columns that `compare` describes: rows and columns are taken out of
    it, and it is written to a file, as with any other. Shown as a whole, by a notebook or
    ``print``, it begins with a sentence: whether fusing beats the best expert, and the best simple
    method. A short table, the paired differences of LogitProd, a forest plot where matplotlib is
    there, warnings, and what was compared on how much follow. What is taken out of it is a plain
    DataFrame.

    Parameters
    ----------
    table : DataFrame
        With what is known beside it in ``attrs``.
    **attrs : dict
        What is known further.

    Attributes
    ----------
    frame : DataFrame
        The table, as a plain DataFrame.
    verdict : str
        The sentence.
    differences : DataFrame
        What LogitProd differs by in each metric.
    subgroups : DataFrame or None
        Methods within each subgroup.
    warnings : list of str
        Messages of the warnings that the comparison gave.

    See Also
    --------
    compare : Makes it.
    ExpertComparisonDisplay : The table as a plot.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_logitprod import LogitProdClassifier
    >>> from sklearn_logitprod.inspection import compare
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(2, size=200)
    >>> log_odds = (2 * y[:, None] - 1) + rng.normal(size=(200, 3))
    >>> table = compare(LogitProdClassifier(gate_width=None), log_odds, y, n_repeats=1)
    >>> print(table.verdict[:30])
    Fusing beats the best expert (
    >>> bool(table.differences.loc[("roc_auc", "best expert"), "difference"] > 0)
    True
    """

    def __init__(self, table: pd.DataFrame, **attrs: Any) -> None:
        super().__init__(table)
        self.attrs = dict(table.attrs) | attrs

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        # a part of the table is no comparison
        return pd.DataFrame

    @property
    def frame(self) -> pd.DataFrame:
        """The table, as a plain DataFrame with the same ``attrs``."""
        plain = pd.DataFrame(self)
        plain.attrs = dict(self.attrs)
        return plain

    @property
    def verdict(self) -> str:
        """Whether fusing beats the best expert and the best simple method: one sentence.

        It is in the first of ``metrics`` that `compare` was asked for, in the loss if in none:
        log-loss, and negative log-likelihood of values. To beat or to do worse is said where the
        p-value is below 0.05, corrected by Holm for the two comparisons; between what is called
        the best simple method after the fact and LogitProd, the test is one of multiple
        comparisons with the best (see ``differences``).
        """
        return verdict(self)

    @property
    def differences(self) -> pd.DataFrame:
        """What LogitProd differs by in each metric, paired by sample.

        Returns
        -------
        DataFrame
            A row for each metric and what it is compared with: "best expert", the one of lowest
            loss on the training part of each split, and "best simple method", that of the best
            mean here, whose name is in the column ``method``. For a panel the first level of the
            index is the label.

            - ``difference``, ``difference_low``, ``difference_high``: mean of LogitProd less that
              of the other, with its 95 % interval by the bootstrap over samples or groups;
            - ``p_value``: two-sided. The best simple method is chosen by these very samples: to be
              better than it is to be better than each, the test of which is the weakest of all,
              and to be worse than it is corrected for their number by the largest t in each
              resample (Hsu's multiple comparisons with the best, 1996). The interval is of the
              same kind;
            - ``p_holm``: corrected for the two comparisons in a metric.
        """
        found = pd.DataFrame(self.attrs["claims"])
        index = [name for name in ("label", "metric", "to") if name in found]
        return found.set_index(index)[["method", *PAIRED]]

    @property
    def subgroups(self) -> pd.DataFrame | None:
        """Methods within each subgroup that ``by`` of `compare` named; None without.

        Returns
        -------
        DataFrame or None
            Rows (group, method) with the columns of this table, each subgroup on its own samples
            of the same splits; ``p_holm`` is corrected for the number of subgroups. Those with too
            few samples are left out. ``attrs`` holds under ``"groups"`` how many samples each
            has, and what their outcomes come to.
        """
        return subgroup_frame(self.attrs["by"])

    @property
    def warnings(self) -> list[str]:
        """Messages of the warnings that the comparison gave."""
        return list(self.attrs["warnings"])

    def __repr__(self) -> str:
        return as_text(self)

    def _repr_html_(self) -> str:
        return as_html(self)
