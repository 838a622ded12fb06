"""Methods within parts of the samples: subgroups, and samples on which experts are missing."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sklearn_logitprod._text import option
from sklearn_logitprod.inspection._evidence import Totals
from sklearn_logitprod.inspection._resampling import holm
from sklearn_logitprod.inspection._split import BY, GAPS
from sklearn_logitprod.inspection._table import comparison_table
from sklearn_logitprod.targets.weights import check_length, missing_values

LEAST_SAMPLES, LEAST_GROUPS = 20, 10
"""Fewer samples, or groups of dependent ones, are counted and not scored."""

NOT_STATED = "not stated"
_MOST_SUBGROUPS = 50
_GAPS = ["all experts there", "some experts missing"]


def check_by(by, X, n_samples):
    """What subgroups are called after, their names, and the number of that of each sample.

    Parameters
    ----------
    by : array-like of shape (n_samples,), Series or str
    X : object
        As in ``compare``; if `by` is a name, a DataFrame with such a column.
    n_samples : int

    Returns
    -------
    name : str
    names : list of str
    codes : ndarray of shape (n_samples,), int

    Raises
    ------
    ValueError
        If `by` is no column of X or of another length, or divides nothing.
    """
    if isinstance(by, str):
        if not isinstance(X, pd.DataFrame) or by not in X.columns:
            raise ValueError(
                f"{option('by', by)} is no column of X. Pass the values themselves, one for each "
                "sample."
            )
        by = X[by]
    # a name that stands beside the values is what they are called
    name = str(getattr(by, "name", None) or "subgroup")
    values = np.asarray(by)
    if values.ndim != 1:
        raise ValueError(
            f"{option('by')} has shape {values.shape}; it is one value for each sample."
        )
    check_length(values, n_samples, option("by"))
    empty = missing_values(values) | (values.astype(str) == "")
    texts = np.where(empty, NOT_STATED, values.astype(str))
    known = _in_order(values[~empty]) + [NOT_STATED] * bool(empty.any())
    if len(known) == n_samples:
        raise ValueError(
            f"{option('by')}: {name!r} has as many values as there are samples. Name what several "
            "samples share, such as a site or a scanner; make ranges of numbers."
        )
    if len(known) > _MOST_SUBGROUPS:
        raise ValueError(
            f"{option('by')}: {name!r} has {len(known)} values, which are too many to look at one "
            f"by one. Join some; make ranges of numbers: at most {_MOST_SUBGROUPS}."
        )
    if len(known) == 1:
        raise ValueError(
            f"{option('by')}: {name!r} is {known[0]!r} everywhere and divides nothing."
        )
    position = {text: i for i, text in enumerate(known)}
    return name, known, np.array([position[text] for text in texts.tolist()])


def _in_order(values):
    """Distinct values as text: numbers by their size, all else by their letters."""
    texts = list(dict.fromkeys(values.astype(str).tolist()))
    try:
        return sorted(texts, key=float)
    except ValueError:
        return sorted(texts)


class Parts:
    """Totals of parts of the samples, beside those of all of them.

    Parameters
    ----------
    comparison : Comparison
    n_repeats : int
    """

    def __init__(self, comparison, n_repeats):
        self.comparison, self.n_repeats = comparison, n_repeats
        self._totals, self._missing, self._experts = {}, None, []

    def add(self, repeat, test, scored):
        """Take one split."""
        if scored.missing is not None:
            if self._missing is None:
                shape = len(self.comparison.strata), scored.missing.shape[1]
                self._missing = np.zeros(shape, dtype=bool)
                self._experts = scored.experts
            self._missing[test] |= scored.missing
        for key, (rows, own) in scored.parts.items():
            if key not in self._totals:
                self._totals[key] = Totals(self.comparison, self.n_repeats)
            self._totals[key].add(repeat, test[rows], own)

    def by(self, name, names, codes, counted, settings):
        """What is known of each subgroup: a dict of plain values.

        Parameters
        ----------
        name : str
            Of what they are called after.
        names : list of str
        codes : ndarray of shape (n_samples,), int
        counted : callable
            From rows to a dict of what their outcomes come to.
        settings : dict
            As of ``comparison_table``.

        Returns
        -------
        dict
            ``name``; ``groups``, for each a dict with its name, ``n_samples``, ``n_groups`` (None
            without), ``outcome`` and whether it is ``scored``; ``rows``, records of the tables
            of those that are.
        """
        return {"name": name, **self._found(BY, names, codes, counted, settings)}

    def gaps(self, counted, settings):
        """The same of samples with and without gaps, and how often each expert is missing.

        Returns
        -------
        dict or None
            With ``missing``, a dict of the number of samples by expert. None without gaps.
        """
        if self._missing is None or not self._missing.any():
            return None
        codes = self._missing.any(axis=1).astype(np.intp)
        counts = self._missing.sum(axis=0).tolist()
        missing = dict(zip(self._experts, counts, strict=True))
        found = self._found(GAPS, _GAPS, codes, counted, settings)
        return {"name": "experts", "missing": missing, **found}

    def _found(self, division, names, codes, counted, settings):
        groups, tables = [], {}
        for code, name in enumerate(names):
            rows = np.flatnonzero(codes == code)
            units = self.comparison.groups
            n_units = None if units is None else len(np.unique(units[rows]))
            enough = len(rows) >= LEAST_SAMPLES and (n_units is None or n_units >= LEAST_GROUPS)
            totals = self._totals.get((division, code))
            if enough and totals is not None:
                tables[name] = comparison_table(totals, settings)
            groups.append(
                {
                    "group": name,
                    "n_samples": len(rows),
                    "n_groups": n_units,
                    "outcome": counted(rows),
                    "scored": name in tables,
                }
            )
        return {"groups": groups, "rows": _records(tables)}


def _records(tables):
    """Rows of all tables; p-values are corrected for the number of tables, as each is looked at."""
    if not tables:
        return []
    first = next(iter(tables.values()))
    for column in [name for name in first if name.endswith("p_holm")]:
        asked = np.array([own[column.replace("p_holm", "p_value")] for own in tables.values()])
        corrected = np.apply_along_axis(holm, 0, asked)
        for own, values in zip(tables.values(), corrected, strict=True):
            own[column] = values
    # attrs of parts are no part of this
    plain = [pd.DataFrame(own).reset_index() for own in tables.values()]
    return [
        {"group": name, **record}
        for name, own in zip(tables, plain, strict=True)
        for record in own.to_dict("records")
    ]


def subgroup_frame(found):
    """Records of subgroups as a table with rows (group, method), None where there are none."""
    if found is None:
        return None
    frame = pd.DataFrame(found["rows"], columns=None if found["rows"] else ["group", "method"])
    frame = frame.set_index(["group", "method"])
    frame.attrs = {"name": found["name"], "groups": found["groups"]}
    return frame
