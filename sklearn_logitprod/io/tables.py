"""Reader of tables, one per expert."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sklearn_logitprod._text import brief, option
from sklearn_logitprod._typing import Tables
from sklearn_logitprod.io._barcodes import mention_patients
from sklearn_logitprod.io._columns import (
    LONE,
    Question,
    class_columns,
    refuse_twice,
    sorted_labels,
)
from sklearn_logitprod.io._doubts import (
    doubt_classes,
    doubt_curves,
    doubt_events,
    doubt_hard,
    doubt_labels,
    doubt_order,
)
from sklearn_logitprod.io._event_columns import (
    read_events,
    read_times,
    risk_column,
    time_columns,
)
from sklearn_logitprod.io._experts import (
    by_affixes,
    by_column,
    files_of,
    read_all,
    stated_columns,
    wide,
)
from sklearn_logitprod.io._ids import check_strip, stripped
from sklearn_logitprod.io._join import each, join
from sklearn_logitprod.io._lists import spread
from sklearn_logitprod.io._names import is_number
from sklearn_logitprod.io._part import Part, check_values, in_one
from sklearn_logitprod.io._value_columns import (
    check_asked,
    check_predictions,
    true_values,
    value_columns,
)
from sklearn_logitprod.outputs.container import ExpertOutputs

_INPUTS = ("proba", "logits", "risk", "survival", "hazard_logits", "mean", "mean_std")


def read_tables(
    paths: Tables,
    id: str = "slide_id",
    *,
    label: str | None = None,
    group: str | None = None,
    columns: Mapping[Any, Any] | Sequence[str] | str | None = None,
    input: Literal[
        "proba", "logits", "risk", "survival", "hazard_logits", "mean", "mean_std"
    ] = "proba",
    how: Literal["inner", "outer"] = "inner",
    event: str | None = None,
    time: str | None = None,
    classes: Sequence[Any] | None = None,
    positive: Any = None,
    target: str | None = None,
    std: str | Mapping[str, str] | None = None,
    ignore: Sequence[str] | str = (),
    expert: str | None = None,
    average: bool = False,
    id_strip: str | Sequence[str] | None = None,
    verbose: int = 0,
) -> ExpertOutputs:
    r"""Read one table per expert, joined on the identifiers of the samples.

    Files are CSV and TSV (UTF-8, also compressed as ``.gz``; separated by commas or
    semicolons), Parquet, Feather, JSON lines (or a list of objects), Excel, and ``.npz`` with
    one array per column or with an array called as `input` of shape (n_rows, n_classes), its
    labels ``classes`` (or ``times``) and the other columns. Data frames of pandas, polars,
    pyarrow and others may stand in their place. Lists and objects in cells are unfolded, to
    ``name_0``, ``name_1`` and so on. Rows are matched by `id`, never by position; nothing is
    dropped silently.

    Parameters
    ----------
    paths : dict, list, path or DataFrame
        The file of each expert by its name: ``{"uni": "uni.csv", ...}``. In a list the file's
        name without extensions names the expert. A list of files, or a pattern such as
        ``"uni/fold*.csv"``, in place of a file holds the folds of an expert, one after the
        other. A single table may hold several experts: see `expert` and `columns`.
    id : str, default="slide_id"
        Column of identifiers. They are compared as text, exactly as written. Row names of R
        and an index of pandas without a name are the column ``""``.
    label : str, optional
        Column of class labels; at least one file has it. None at prediction time.
    group : str, optional
        Column of groups of dependent samples, such as patients.
    columns : dict, list or str, optional
        Which columns hold the outputs, of all experts alike or as ``{expert: columns}``, where
        experts that are not named follow the rules below. Classes: ``{label: column}``, or a
        list in the order of the sorted labels. By default they are found by the labels: columns
        are called as the labels, or with one prefix and suffix in common (``prob_tumour``,
        ``tumour_prob``, ``P(tumour)``); further columns of the same form are classes, too.
        Losses, predicted classes, truths and columns of other targets are left out.
        Columns of all codes 0, 1 and so on (``p_0``, ``p_1``) are those of the sorted labels, or
        of `classes` in their order. Without any label all numeric columns are taken, named
        without what their names have in common. In a binary task one column is enough, whose
        class is in its name, or is `positive`. Risk, and predicted value: the column, or
        ``{expert: column}``; by default the only numeric one, of predicted values also the only
        one that is called a prediction.
        Survival and hazard logits: ``{time: column}``; by default the columns that are called
        as times, such as ``12`` or ``t_12``. A single table in which all columns of one form
        stand once for each expert (``uni_prob_tumour``, ``conch_prob_tumour`` ...) holds these
        experts; ``{expert: columns}`` says it of any table.
    input : {"proba", "logits", "risk", "survival", "hazard_logits", "mean", "mean_std"}
        What the values are; by default "proba". Risks are higher for earlier events; survival is
        the probability to be alive at the times; "mean" is a predicted value, "mean_std" one
        with its standard deviation.
    how : {"inner", "outer"}, default="inner"
        Keep the samples that are in all files, with a warning about others; or all of them,
        with NaN where an expert is missing, but, with a warning, those without a label (or an
        event and a time) in any file.
    event, time : str, optional
        For survival: columns of events (0 or 1, true or false) and of positive times.
    classes : list, optional
        Class labels, if they are known, such as ``model.classes_`` at prediction time;
        columns are then found as with `label`. Labels that gave codes an order for the fit
        have to be given again in that order: ``model.classes_`` are sorted.
    positive : object, optional
        The class that a column is of that stands alone and whose name does not say.
    target : str, optional
        With predicted values, the column of true values, in any unit; at least one file has it.
        With classes, what the labels say, if it is not `label`: the `label` of the fit, on new
        samples. Of classes 0 and 1 (or false and true) a column of this name, such as
        ``prob_tumour`` of ``"tumour"``, is of the latter; a column called just so holds no
        outputs.
    std : str or dict, optional
        With ``input="mean_std"``, the column of standard deviations, or that of each expert. It
        is never found by its name.
    ignore : list of str or str, default=()
        Columns that hold no outputs, such as covariates; they need not be there.
    expert : str, optional
        For long tables, with a row for each sample and expert: the column of experts.
    average : bool, default=False
        Whether rows of one identifier in the files of an expert are averaged, such as repeated
        folds; else they are an error. Probabilities, logits, risks, predicted values and
        standard deviations are averaged as they are.
    id_strip : str or list of str, optional
        What does not count in identifiers: ``"folder"`` (before the last slash), ``"suffix"``
        (extensions of slides and arrays, such as ``.svs`` or ``.h5``), ``"zeros"`` (at the start
        of numbers); several as a list or with commas between.
    verbose : int, default=0
        If positive, a line on standard error says how each file was read.

    Returns
    -------
    ExpertOutputs
        Labels that are all whole numbers are of int, others of str; classes are sorted,
        or in the order of `columns` or the file where there are no labels. Rows are in
        the order of the first file.

    Raises
    ------
    ValueError
        If a file cannot be read or files disagree: one line that names the file, the
        line (the header is line 1; other formats count rows from 0), the expert, and
        what to do.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sklearn_logitprod.io import read_tables
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> text = "slide_id,label,prob_normal,prob_tumour"
    >>> _ = (folder / "uni.csv").write_text(text + "\ns1,normal,0.9,0.1\ns2,tumour,0.3,0.7\n")
    >>> _ = (folder / "conch.csv").write_text(text + "\ns2,tumour,0.2,0.8\ns1,normal,0.6,0.4\n")
    >>> outputs = read_tables([folder / "uni.csv", folder / "conch.csv"], label="label")
    >>> outputs
    ExpertOutputs(2 samples, 2 experts, classes ['normal', 'tumour'], input='proba')
    >>> outputs.values[0].tolist(), outputs.y.tolist()
    ([[0.9, 0.1], [0.6, 0.4]], ['normal', 'tumour'])
    """
    if input not in _INPUTS:
        raise ValueError(f"input={input!r} is unknown; it is one of {brief(_INPUTS)}.")
    own = {"label": label, "event": event, "time": time}
    check_asked(input, target, columns, std, {**own, "classes": classes, "positive": positive})
    of_values = input in ("mean", "mean_std")
    of_classes = input in ("proba", "logits")
    if (event is None) != (time is None):
        raise ValueError("event and time go together: name both columns, or neither.")
    if of_classes and event is not None:
        raise ValueError(
            f"{option('input', input)} has classes, not events: name the column of labels."
        )
    if not of_classes and not of_values and (label is not None or classes is not None):
        raise ValueError(
            f"{option('input', input)} has events: name the columns {option('event')} and "
            f"{option('time')}."
        )
    strip = check_strip(id_strip)
    said = {"label": label, "event": event, "time": time, "expert": expert, "group": group}
    if of_values:
        said = {"target": target} | said
    refuse_twice({"id": id} | said)
    ignored = [ignore] if isinstance(ignore, str) else ignore
    reserved = {name for name in (id, target, *said.values(), *ignored) if name is not None}
    files, by_user = files_of(paths)
    tables = read_all(files, id, input, {label, group, event, expert} - {None})
    if expert is not None:
        tables = by_column(tables, expert)
    tables = {name: [spread(table, reserved) for table in own] for name, own in tables.items()}
    every = [table for own in tables.values() for table in own]
    for what, name in said.items():
        if name is not None and not any(name in table.columns for table in every):
            every[0].need(name, what)
    value = target if of_values else None
    told = _Told(id, label, group, event, time, value, std, strip, how == "outer")
    labels, asked_of = _known(every, told, classes), label if target is None else target
    asked = Question(input, reserved, labels, _text_of(positive), asked_of)
    if asked.positive is not None and asked.labels and asked.positive not in asked.labels:
        raise ValueError(
            f"{option('positive', positive)} is none of the labels {brief(asked.labels)}."
        )
    stated = _stated(tables, columns, asked, by_user or expert is not None)
    if set(stated) != set(tables):
        (((table,),),) = (tables.values(),)
        tables = wide(table, stated)
    if group is None and not (label is event is value is None):
        mention_patients(every, reserved)
    del every
    named = {
        name: [_columns_of(table, asked, told, stated[name]) for table in own]
        for name, own in tables.items()
    }
    if verbose:
        for name, own in tables.items():
            for table, of in zip(own, named[name], strict=True):
                print(_reading(table, of), file=sys.stderr)

    def read(name):
        # of large files neither tables nor parts stay longer than they are needed
        own = zip(tables.pop(name), named[name], strict=True)
        parts = [_part(table, of, asked, told, stated[name] is None) for table, of in own]
        return in_one(parts, average, input)

    return join(each(read, list(tables)), input, how, sort=asked.labels is not None)


@dataclass(frozen=True)
class _Told:
    """Which columns say what is known of the samples, and how identifiers are read."""

    id: str
    label: str | None
    group: str | None
    event: str | None
    time: str | None
    value: str | None
    std: str | Mapping | None
    strip: tuple
    may_lack: bool


def _text_of(label):
    return None if label is None else str(label)


def _stated(tables, columns, asked, named):
    """What is said of each expert's columns; of one table alone it may be several experts."""
    names = list(tables)
    if named or len(names) > 1:
        return stated_columns(columns, names, asked)
    ((table,),) = tables.values()
    stated = by_affixes(table, asked) if columns is None else None
    return stated or stated_columns(columns, None, asked) or {names[0]: columns}


def _labels(table, told):
    """Labels of a table; empty where they are not known and may be so."""
    if told.label not in table.columns:
        return None
    labels = table.coded(told.label, "label", complete=not told.may_lack)
    doubt_labels(table, told.label, labels.values)
    return labels


def _known(tables, told, classes):
    """All labels that are known: sorted, or in the order of classes; None if there are none."""
    found = [(table, own) for table in tables if (own := _labels(table, told)) is not None]
    _refuse_unlike(found)
    if classes is None:
        texts = {text for _, own in found for text in own.values} - {""}
        return sorted_labels(texts) if texts else None
    known = list(map(str, classes))
    for table, own in found:
        odd = own.first({"", *known})
        if odd is not None:
            raise table.source.error(
                f"label {odd[0]!r} is none of {option('classes', known)}. Correct the label or "
                "leave such rows out.",
                odd[1],
            )
    return known


def _columns_of(table, asked, told, columns):
    """Column of each class or time, or of the risk."""
    # a row without an identifier is mostly no row: said before what its cells look like
    table.texts(told.id, "id")
    if asked.input == "risk":
        column = risk_column(table, asked, columns)
        return {column: column}
    if asked.input in ("survival", "hazard_logits"):
        return time_columns(table, asked, columns)
    if asked.input in ("mean", "mean_std"):
        return value_columns(table, asked, columns, told.std)
    return class_columns(table, asked, columns)


def _refuse_unlike(found):
    """Refuse labels of one table that are those of another one, but for how they are written."""
    for table, own in found[1:]:
        first, known = found[0]
        forms = {_form(text): text for text in known.values}
        odd = None if set(own.values) & set(known.values) - {""} else own.first({""})
        if odd is not None and _form(odd[0]) in forms:
            raise table.source.error(
                f"label {odd[0]!r} is written {forms[_form(odd[0])]!r} in {first.source.path}. "
                "Write labels alike in all files.",
                odd[1],
            )


def _form(label):
    """A label without how it is written: its value as a number, or its letters."""
    return float(label) if is_number(label) else label.strip().lower()


def _part(table, named, asked, told, evident):
    """What a table says; its columns were found by their names alone if evident."""
    ids, true = table.cells(told.id), _true(table, told)
    values = _values(table, named, asked, evident)
    check_values(table.source, values, list(named), asked.input)
    return Part(
        table.source,
        stripped(ids, told.strip) if told.strip else ids,
        values,
        None if asked.input in LONE else list(named),
        _labels(table, told),
        _groups(table, told),
        *_events(table, told),
        true,
    )


def _true(table, told):
    if told.value not in table.columns:
        return None
    return true_values(table, told.value, told.may_lack)


def _groups(table, told):
    if told.group not in table.columns:
        return None
    return table.coded(told.group, "group", complete=True)


def _values(table, named, asked, evident):
    """Values of shape (n_rows, n_columns)."""
    values = {name: table.numbers(c) for name, c in named.items() if c is not None}
    for name in named:
        if name not in values:
            other = next(iter(values.values()))
            whole = 1.0 - other if asked.input == "proba" else np.where(np.isnan(other), other, 0)
            values[name] = whole
    stacked = np.column_stack([values[name] for name in named])
    if asked.input == "survival":
        doubt_curves(table, stacked, list(named))
    if asked.input in ("proba", "logits") and evident:
        doubt_classes(table, asked, stacked, named)
        doubt_order(table, asked, stacked, named)
    if asked.input in ("mean", "mean_std"):
        check_predictions(table, named, asked)
    if asked.input == "proba":
        doubt_hard(table, stacked, [name for name in named.values() if name is not None])
    return stacked


def _reading(table, named):
    """How a file was read, in a line."""
    pairs = [(column, of) for of, column in named.items() if column is not None]
    shown = [f"{c} -> {of:g}" if isinstance(of, float) else f"{c} -> {of}" for c, of in pairs]
    if len(pairs) == 1 and pairs[0][0] == pairs[0][1]:
        shown = [str(pairs[0][0])]
    several = f" (of {len(named)})" if len(pairs) < len(named) else ""
    more = f" and {len(shown) - 4} more" if len(shown) > 4 else ""
    file = os.path.basename(table.source.path)
    own = "" if file.split(".")[0] == table.source.expert else f" (expert {table.source.expert})"
    return f"{file}{own}: {', '.join(shown[:4])}{more}{several}, {len(table):,} rows"


def _events(table, told):
    """Events and times of a table, None where it has none."""
    if told.event not in table.columns or told.time not in table.columns:
        return None, None
    doubt_events(table, told.event)
    events = read_events(table, told.event, told.may_lack)
    return events, read_times(table, told.time, told.may_lack)
