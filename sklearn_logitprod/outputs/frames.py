"""Data frames: two levels of columns, aligned by name."""

from __future__ import annotations

from scipy.sparse import issparse

from sklearn_logitprod._text import brief
from sklearn_logitprod.outputs.checks import numeric
from sklearn_logitprod.outputs.container import declared, estimator_of


def is_two_level(X):
    """Whether X is a DataFrame with columns of several levels."""
    return hasattr(X, "columns") and getattr(X.columns, "nlevels", 1) > 1


def frame_classes(X):
    """Class labels of a frame with two-level columns (expert, class), as they come."""
    if X.columns.nlevels != 2:
        raise ValueError(
            f"X has columns of {X.columns.nlevels} levels; a frame of expert outputs has two, "
            "(expert, class) or (expert, time). stack_outputs builds one."
        )
    return list(dict.fromkeys(label for _, label in X.columns))


def with_levels(X, classes):
    """A frame whose columns are called ``expert_class`` as one of two levels, or X as it is.

    So is one of columns called ``class_expert``, or of one expert, called as the classes, if
    these are text.

    Parameters
    ----------
    X : object
        Looked at if it is a DataFrame with columns of one level.
    classes : ndarray of shape (n_classes,)

    Returns
    -------
    object

    Raises
    ------
    ValueError
        If some columns end in a class as text, but not one for each expert and class; or if
        columns that end in one of two numbers may as well be experts of their own.
    """
    if not hasattr(X, "columns") or is_two_level(X):
        return X
    names = [str(name) for name in X.columns]
    labels = {f"_{label}": label for label in classes.tolist()}
    # the longest, as a class may end as another one does
    ends = {name: max(filter(name.endswith, labels), key=len, default="") for name in names}
    named = [name for name in names if ends[name]]
    pairs = [(name.removesuffix(ends[name]), labels[ends[name]]) for name in named]
    experts = dict.fromkeys(expert for expert, _ in pairs)
    whole = len(set(pairs)) == len(names) == len(experts) * len(labels)
    text = all(isinstance(label, str) for label in labels.values())
    if text and not whole:
        others = _led_by_classes(names, classes.tolist())
        if others is not None:
            whole, pairs = True, others
    if named and text and not whole:
        raise ValueError(
            f"X has columns named after classes, such as {named[0]!r}, but not one for each "
            f"expert and each class of {brief(labels.values())}: {brief(names)}. Name all columns "
            "expert_class, or all after experts that give log-odds or the probability of the "
            "second class."
        )
    if not whole:
        return X
    if len(labels) == 2 and not text:
        raise ValueError(
            f"X's columns {brief(names)} may be {len(names)} experts, or {len(experts)} with a "
            f"column for each class of {brief(labels.values())}. Pass X.to_numpy() for one column "
            "per expert, or build X with stack_outputs."
        )
    # imported here: whoever has no frame needs no pandas
    import pandas as pd

    return X.set_axis(pd.MultiIndex.from_tuples(pairs), axis=1)


def _led_by_classes(names, labels):
    """Expert and class of columns that begin with the class, None if not all do."""
    if set(names) == set(labels):
        pairs = [("expert0", name) for name in names]
    else:
        starts = [(label, f"{label}_") for label in sorted(labels, key=len, reverse=True)]
        led = [next(((k, s) for k, s in starts if name.startswith(s)), None) for name in names]
        if None in led:
            return None
        pairs = [(n.removeprefix(start), k) for n, (k, start) in zip(names, led, strict=True)]
    experts = {expert for expert, _ in pairs}
    return pairs if len(set(pairs)) == len(names) == len(experts) * len(labels) else None


def opened(X, input, known, expert_names, words):
    """Values of precomputed outputs, what they mean, and names where they come with some.

    Parameters
    ----------
    X : array, DataFrame or ExpertOutputs
    input : str
        What the values of an array or frame are.
    known : dict of str to (ndarray or None)
        What they may be, with the labels that the second level of columns must then have;
        None where columns have one level alone.
    expert_names : list of str or None
        Names of a fitted estimator's experts, which a frame is aligned to.
    words : tuple of str
        As in :func:`frame_values`.

    Returns
    -------
    values : ndarray
        Of a frame with two levels (n_samples, n_experts, n_labels), aligned by name; otherwise
        as they came.
    input : str
    names : list of str or None
        Of the columns, or of the experts of a frame with two levels.
    aligned : bool
        Whether experts and labels were matched by name.
    """
    X, input = declared(X, input)
    if issparse(X):
        raise ValueError(
            "X is a sparse matrix, but expert outputs are dense: a zero is a value and NaN "
            "marks a missing expert. Pass X.toarray()."
        )
    if input not in known:
        raise ValueError(f"X holds input={input!r}: it is for {estimator_of(input)}.")
    if known[input] is not None and is_two_level(X):
        values, names = frame_values(X, known[input], expert_names, words)
        return values, input, names, True
    names = None
    if hasattr(X, "columns"):
        names = [str(name) for name in X.columns]
        X = X.to_numpy()
    return numeric(X), input, names, False


def frame_values(X, classes, expert_names, words):
    """Values of a frame with two-level columns, aligned by the names of both levels.

    Parameters
    ----------
    X : DataFrame
        Columns (expert, class) or (expert, time).
    classes : ndarray of shape (n_classes,)
        Labels of the second level, in the order wanted.
    expert_names : list of str or None
        Names of a fitted estimator's experts; as they come if not given.
    words : tuple of str
        For messages: what a label is, what labels are compared with, and two pieces
        of advice.

    Returns
    -------
    values : ndarray of shape (n_samples, n_experts, n_classes)
    names : list of str
    """
    label_word, against, on_mismatch, on_absence = words
    frame_labels = frame_classes(X)
    experts = list(dict.fromkeys(expert for expert, _ in X.columns))
    columns = list(X.columns)
    if len(set(columns)) < len(columns):
        twice = next(column for column in columns if columns.count(column) > 1)
        raise ValueError(f"X has the column {twice} more than once.")
    unknown = [label for label in frame_labels if label not in set(classes.tolist())]
    lacking = [label for label in classes.tolist() if label not in set(frame_labels)]
    if unknown or lacking:
        raise ValueError(
            f"The {label_word} names in X's columns, {brief(frame_labels)}, do not match the "
            f"{against} {brief(classes.tolist())}: "
            + "; ".join(
                part
                for part in (
                    f"no columns for {brief(lacking)}" if lacking else "",
                    f"unknown {brief(unknown)}" if unknown else "",
                )
                if part
            )
            + f". {on_mismatch}"
        )
    if expert_names is None:
        expert_names = experts
    elif set(map(str, experts)) != set(map(str, expert_names)):
        gone = [name for name in expert_names if name not in set(map(str, experts))]
        new = [name for name in experts if str(name) not in set(map(str, expert_names))]
        raise ValueError(
            f"X's experts differ from those of the fit: missing {brief(gone)}, new "
            f"{brief(new)}. Pass the columns of every expert, NaN where one is missing."
        )
    by_name = {str(expert): expert for expert in experts}
    labels = classes.tolist()
    position = {column: i for i, column in enumerate(columns)}
    wanted = [(by_name[str(name)], label) for name in expert_names for label in labels]
    absent = [column for column in wanted if column not in position]
    if absent:
        raise ValueError(
            f"X has no column {absent[0]}: each expert needs one column per {label_word}. "
            f"{on_absence}"
        )
    # of one kind of numbers, without a copy
    alike = len(set(X.dtypes)) == 1 or not {own.kind for own in X.dtypes} <= set("biuf")
    values = numeric(X.to_numpy(dtype=None if alike else float))
    values = values[:, [position[column] for column in wanted]]
    values = values.reshape(len(values), len(expert_names), len(labels))
    return values, [str(name) for name in expert_names]
