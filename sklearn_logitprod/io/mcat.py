"""Reader of what MCAT and its relatives write."""

from __future__ import annotations

from typing import Literal

from sklearn_logitprod._typing import Paths
from sklearn_logitprod.io._event_columns import read_events, read_times
from sklearn_logitprod.io._part import Part
from sklearn_logitprod.io._pickles import load_pickle
from sklearn_logitprod.io._records import frame_table, is_frame, records, scalars
from sklearn_logitprod.io._results import check_number, join_results, result_file
from sklearn_logitprod.io._source import named_paths
from sklearn_logitprod.io._table import Table
from sklearn_logitprod.outputs.container import ExpertOutputs

_REMEDY = "Pass MCAT's results folder, and the number of one of its splits as split=...."


def read_mcat(
    roots: Paths, split: int = 0, *, how: Literal["inner", "outer"] = "inner"
) -> ExpertOutputs:
    """Read the validation risks of MCAT or SurvPath, one results folder per expert.

    MCAT writes ``split_latest_val_<k>_results.pkl``, a dict of ``slide_id``, ``risk``,
    ``disc_label``, ``survival`` (the time) and ``censorship`` by slide, as its relatives
    Patch-GCN, PORPOISE and others do; SurvPath writes ``split_<k>_results.pkl``, a dict
    of ``risk``, ``time``, ``censorship`` and others by patient. Pickles are opened
    without running what they name.

    Parameters
    ----------
    roots : dict of str to path, or list of paths
        Results folder of each expert. In a list the folder's name names it.
    split : int, default=0
        Number of the split. The splits of one expert are different models: read one.
    how : {"inner", "outer"}, default="inner"
        As in `read_tables`.

    Returns
    -------
    ExpertOutputs
        Risks, higher for earlier events; y has the events (not censored) and times.

    Raises
    ------
    ValueError
        As `read_clam`.

    References
    ----------
    Chen et al. 2021, Multimodal co-attention transformer for survival prediction in
    gigapixel whole slide images, https://github.com/mahmoodlab/MCAT (``main.py``,
    ``utils/coattn_train_utils.py``); Jaume et al. 2024, Modeling dense multimodal
    interactions between biological pathways and histology for survival prediction,
    https://github.com/mahmoodlab/SurvPath (``main.py``, ``utils/core_utils.py``).

    Examples
    --------
    >>> import tempfile, pathlib, pickle
    >>> from sklearn_logitprod.io import read_mcat
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> slide = {"slide_id": "s1", "risk": -0.3, "survival": 14.0, "censorship": 0.0}
    >>> for expert in ("mcat", "porpoise"):
    ...     (root / expert).mkdir()
    ...     with open(root / expert / "split_latest_val_0_results.pkl", "wb") as file:
    ...         pickle.dump({"s1": slide}, file)
    >>> outputs = read_mcat([root / "mcat", root / "porpoise"])
    >>> outputs, outputs.y.tolist()
    (ExpertOutputs(1 sample, 2 experts, input='risk'), [(True, 14.0)])
    """
    check_number(split, "split")
    files = [f"split_latest_val_{split}_results.pkl", f"split_{split}_results.pkl"]
    parts = [
        _read_pickle(result_file(root, name, files, _REMEDY))
        for name, root in named_paths(roots, "folder").items()
    ]
    return join_results(parts, how)


def _read_pickle(source):
    content = load_pickle(source, source.path)
    fields = ["risk", _time_field(content), "censorship"]
    if is_frame(content):
        table = frame_table(source, content)
        ids = table.texts("slide_id", "id")
        found = {field: table.need(field) for field in fields}
    else:
        ids, found = records(source, content, fields)
    risk, time, censored = (scalars(source, found[field], field) for field in fields)
    table = Table(source, {fields[1]: time, "event": 1.0 - censored})
    event, time = read_events(table, "event"), read_times(table, fields[1])
    return Part(source, ids, risk[:, None], event=event, time=time)


def _time_field(content):
    """What the time is called: MCAT says survival, SurvPath time."""
    first = content
    if isinstance(content, dict) and content and not is_frame(content):
        first = next(iter(content.values()))
    return "time" if isinstance(first, dict) and "time" in first else "survival"
