"""Features of slides: read for ``probe``, and as a saved model read those of its fit."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pandas as pd

from sklearn_logitprod._text import brief, option, warn
from sklearn_logitprod.cli.files import named
from sklearn_logitprod.cli.patients import new_how
from sklearn_logitprod.cli.profiles import (
    check_likeness,
    joined_profiles,
    known_slides,
    profiles_of,
    told_known,
)
from sklearn_logitprod.experts import on_view
from sklearn_logitprod.experts.views import DEFAULT_HEADS
from sklearn_logitprod.io import read_embeddings
from sklearn_logitprod.io._encoders import named_encoders

EMBEDDINGS = "embeddings"
"""``input`` of a saved model that takes features."""
INNER_FOLDS = 5
"""Folds of out-of-fold predictions of heads."""

_FOREIGN = ("column", "std", "expert")


def head_of(task_name, seed):
    """The default head; seeded alike for all encoders, so that one more leaves others cached."""
    return DEFAULT_HEADS[task_name](random_state=seed)


def heads_on(names, task_name, seed):
    """Unfitted experts of encoders, by name."""
    return [(name, on_view(name, head_of(task_name, seed))) for name in names]


def features_of(texts, names):
    """What is said of the features, as `read_embeddings` takes it.

    Parameters
    ----------
    texts : list of str or None
        ``NAME`` of an array or of columns, after ``ENCODER:`` those of one encoder.
    names : sequence of str
        Of the encoders.

    Returns
    -------
    str, dict of str to str, or None
    """
    if texts is None:
        return None
    pairs = [
        text.split(":", 1) if text.split(":", 1)[0] in names else (None, text) for text in texts
    ]
    if len(pairs) == 1 and pairs[0][0] is None:
        return pairs[0][1]
    bare = [text for name, text in pairs if name is None]
    if bare:
        raise ValueError(
            f"--features {bare[0]} is of all encoders, but is given beside others: write "
            f"ENCODER:{bare[0]}, of {brief(names)}."
        )
    return dict(pairs)


def read_slides(args, **said):
    """Features of slides, as the arguments say.

    Parameters
    ----------
    args : Namespace
    **said : dict
        Further arguments of `read_embeddings`.

    Returns
    -------
    Embeddings
    """
    if args.labels is not None and not os.path.isfile(args.labels):
        raise ValueError(
            f"{option('labels', args.labels)} is the table of the slides here, and there is no "
            "such file. Labels of a panel are for `logitprod compare`."
        )
    return read_embeddings(
        named(args.files),
        args.labels,
        args.id,
        # some commands ask for nothing that is true
        label=getattr(args, "label", None),
        value=getattr(args, "target", None),
        event=getattr(args, "event", None),
        time=getattr(args, "time", None),
        id_strip=args.id_strip,
        verbose=not args.quiet,
        **said,
    )


def how_read(embeddings, args, features):
    """What a saved model has to know of the features that it takes: a dict."""
    widths = {name: int(embeddings.X[name].shape[1]) for name in embeddings.encoders}
    return {
        "widths": widths,
        "pool": args.pool,
        "features": features,
        "profiles": profiles_of(embeddings),
    }


def _profiles(how):
    # models of earlier versions have none
    return how.get("profiles", {})


def more_read(how, samples):
    """The same of features that samples add to, where these are such."""
    if how is None or samples is None:
        return how
    widths = {name: int(samples.X[name].shape[1]) for name in samples.encoders}
    profiles = joined_profiles(_profiles(how), profiles_of(samples))
    return how | {"widths": how["widths"] | widths, "profiles": profiles}


def slides_for(saved, args, more=False):
    """Features of new slides, and what is true of them where the arguments name its columns.

    Parameters
    ----------
    saved : Saved
    args : Namespace
        Of a command that takes a saved model and files.
    more : bool, default=False
        Whether there have to be encoders that the model does not have, or must not.

    Returns
    -------
    Embeddings
        With all encoders of the model, NaN for those that have no files.

    Raises
    ------
    ValueError
        If encoders are others than those of the model, or evidently one in place of another;
        if the model is to be extended, and slides are those of its fit.

    Warns
    -----
    UserWarning
        If slides are those of the fit, and what is true of them is used; or unlike these.
    """
    before, after = new_how(saved, args)
    _check(args)
    how, files = saved.embeddings, named(args.files)
    _check_names(list(named_encoders(files)), how["widths"], more)
    group = args.group or (saved.group if before else None)
    _check_asked(args, group)
    if (before or after) and args.labels is None:
        raise ValueError(
            "nothing says which slides are of one patient: name the table, "
            f"{option('labels', 'slides.csv')}, and its column, {option('groups', 'patient')}."
            + (
                f" If each file is of a patient already: {option('aggregate', 'none')}."
                if before
                else ""
            )
        )
    features = how["features"]
    if isinstance(features, dict) and isinstance(files, dict):
        features = {name: own for name, own in features.items() if name in files}
    found = read_slides(
        args, group=group, pool=how["pool"], features=features or None, average=bool(before)
    )
    _check_widths(found, how["widths"])
    check_likeness(found, _profiles(how))
    _check_new(found, _profiles(how), more)
    return _with_all(found, saved.model, how["widths"])


def _check_new(found, profiles, more):
    """Refuse to extend on slides that heads have learned from, and warn of other uses."""
    known = [] if found.y is None else known_slides(found, profiles)
    if not known:
        return
    told = f"{told_known(known, len(found))}, and the heads know what is true of them"
    if more:
        raise ValueError(
            f"{told}: a new encoder would seem worse than it is. Pass labelled slides that came "
            "later, or run `logitprod probe` with all encoders, which fits by --cache the new "
            "heads alone."
        )
    warn(
        f"{told}. What is found on them says nothing about new slides: pass slides that were used "
        "for nothing else."
    )


def _check_asked(args, group):
    """Refuse a table of slides of which no column is asked for."""
    asked = [getattr(args, name, None) for name in ("label", "target", "event", "time")]
    if args.labels is not None and group is None and not any(asked):
        known = [name for name in ("label", "target", "event", "group") if hasattr(args, name)]
        raise ValueError(
            f"no column of {option('labels', args.labels)} is asked for: name one with "
            f"{' or '.join(f'--{name}' for name in known)}, or leave the table out."
        )


def _check(args):
    for name in _FOREIGN:
        if getattr(args, name):
            raise ValueError(
                f"--{name} is of files of predictions, and the model takes features of slides."
            )
    if args.average:
        raise ValueError(
            "--average is of files of predictions. A model that was fitted on patients averages "
            f"their slides by itself; else {option('aggregate', 'mean')} makes patients of "
            "predictions."
        )


def _check_names(names, widths, more):
    """Refuse, before any work, encoders that the model does not have, or a lack of new ones."""
    new = [name for name in names if name not in widths]
    if new and not more:
        raise ValueError(
            f"{brief(new)} is no encoder of the model, which has {brief(widths)}. Name each folder "
            "after its encoder, NAME=PATH; `logitprod extend` adds encoders."
        )
    if more and not new:
        raise ValueError(
            f"every folder is of an encoder that the model has already, which are {brief(widths)}. "
            "Add the folder of the new one, NAME=PATH."
        )
    if len(new) == len(names):
        raise ValueError(
            f"no folder is of an encoder of the model, which has {brief(widths)}. Add theirs, of "
            "the same slides, NAME=PATH."
        )


def _check_widths(found, widths):
    """Refuse features of another width than those of the fit."""
    for name in found.encoders:
        width = found.X[name].shape[1]
        if width != widths.get(name, width):
            raise ValueError(
                f"the slides have {width} features of {name}, but the model was fitted on "
                f"{widths[name]}. Pass features of the same version of this encoder."
            )


def _with_all(found, model, widths):
    """Features with NaN for encoders of the model that have no files."""
    absent = [name for name in widths if name not in found.encoders]
    if not absent:
        return found
    warn(f"no folder is of {brief(absent)}: the model does without, for all slides.")
    parts = [found.X]
    for name in absent:
        columns = pd.MultiIndex.from_product([[name], model.named_experts_[name].features_])
        empty = np.full((len(found), len(columns)), np.nan, dtype=np.float32)
        parts.append(pd.DataFrame(empty, index=found.X.index, columns=columns))
    return replace(found, X=pd.concat(parts, axis=1), patches=None)
