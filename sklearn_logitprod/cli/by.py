"""``--by``: subgroups of a comparison, from a column of the files."""

from __future__ import annotations

import pandas as pd

from sklearn_logitprod._text import option
from sklearn_logitprod.io._beside import read_beside

_SAYS = ("id", "label", "event", "time", "target")


def check_by_column(args):
    """Refuse, before any work, a column that is not there to be read, or that says what is true."""
    if args.by is None:
        return
    layout = getattr(args, "layout", "tables")
    if layout != "tables":
        raise ValueError(
            f"{option('by', args.by)} is a column of tables, and {option('layout', layout)} reads "
            "none. Read the files as tables."
        )
    if getattr(args, "truth", None) is not None:
        raise ValueError(
            f"{option('by', args.by)} is for one label, not for a panel. Leave it out."
        )
    for name in _SAYS:
        if getattr(args, name) == args.by:
            raise ValueError(
                f"{option('by', args.by)} is the column of {option(name)} already. Name one of "
                "what samples share, such as a site."
            )


def subgroups(args, paths, ids, of_groups):
    """Subgroups of samples.

    Parameters
    ----------
    args : Namespace
    paths : object
        Files that have the column, as `read_tables` takes them.
    ids : ndarray of shape (n_samples,)
        Of the samples.
    of_groups : bool
        Whether samples are groups of the rows of the files, such as patients of slides.

    Returns
    -------
    Series or None
        Called after the column; None where none is asked for.
    """
    if args.by is None:
        return None
    own = (args.group, None) if of_groups else (args.id, args.id_strip)
    return pd.Series(read_beside(paths, own[0], args.by, ids, own[1]), name=args.by)
