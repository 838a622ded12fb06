"""Features of slides: read for ``probe``, and as a saved model read those of its fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from sklearn_logitprod._text import brief, option, warn
from sklearn_logitprod.cli.files import named
from sklearn_logitprod.cli.patients import new_how
from sklearn_logitprod.io import read_embeddings

EMBEDDINGS = "embeddings"
"""``input`` of a saved model that takes features."""

_FOREIGN = ("column", "std", "expert")


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
    return {"widths": widths, "pool": args.pool, "features": features}


def slides_for(saved, args):
    """Features of new slides, and what is true of them where the arguments name its columns.

    Parameters
    ----------
    saved : Saved
    args : Namespace
        Of a command that takes a saved model and files.

    Returns
    -------
    Embeddings
        With all encoders of the model, NaN for those that have no files.
    """
    before, after = new_how(saved, args)
    _check(args)
    group = args.group or (saved.group if before else None)
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
    how, files = saved.embeddings, named(args.files)
    features = how["features"]
    if isinstance(features, dict) and isinstance(files, dict):
        features = {name: own for name, own in features.items() if name in files}
    found = read_slides(
        args, group=group, pool=how["pool"], features=features or None, average=bool(before)
    )
    _check_encoders(found, how["widths"])
    return _with_all(found, saved.model, how["widths"])


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


def _check_encoders(found, widths):
    """Refuse encoders that the model does not have, or of another width."""
    new = [name for name in found.encoders if name not in widths]
    if new:
        raise ValueError(
            f"{brief(new)} is no encoder of the model, which has {brief(widths)}. Name each folder "
            "after its encoder, NAME=PATH; a new encoder takes another `logitprod probe`, or "
            "add_expert in Python."
        )
    for name in found.encoders:
        width = found.X[name].shape[1]
        if width != widths[name]:
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
