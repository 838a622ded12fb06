"""Files of new samples, read as a saved model read those of its fit."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np

from sklearn_logitprod._text import brief, option
from sklearn_logitprod.cli.files import ONE_COLUMN, columns_of, named, std_of, tables_of
from sklearn_logitprod.cli.patients import by_patient, new_how
from sklearn_logitprod.cli.slides import INNER_FOLDS, heads_on, more_read, slides_for
from sklearn_logitprod.cli.tasks import words_of
from sklearn_logitprod.deployment.fitted import reference_positions
from sklearn_logitprod.io._source import named_paths

_TRUTH = ("label", "event", "time", "target")


def outputs_for(saved, args):
    """Outputs of new samples, and what is true of them where the arguments name its columns.

    Parameters
    ----------
    saved : Saved
    args : Namespace
        Of a command that takes a saved model and files.

    Returns
    -------
    ExpertOutputs
    """
    model, (before, _) = saved.model, new_how(saved, args)
    if args.std and saved.input != "mean_std":
        raise ValueError(
            f"the model was fitted without standard deviations, so that {option('std')} is not for "
            "it: leave it out, or fit it with that."
        )
    reading = words_of(model).reading(model)
    if saved.classes is not None:
        # those of the model are sorted, and codes count in the order that was said
        reading["classes"] = saved.classes
    said = {name: getattr(args, name, None) for name in _TRUTH}
    if said["target"] is None:
        # of classes, what the columns are called after
        said["target"] = saved.label
    outputs = tables_of(
        args,
        saved.input,
        columns=_of_files(saved, args),
        positive=saved.positive,
        std=_std(saved, args),
        ignore=[] if saved.target is None else [saved.target],
        group=args.group or (saved.group if before else None),
        **said,
        **reading,
    )
    outputs, made = by_patient(outputs, before, args.positive or saved.positive)
    if made and not args.quiet:
        print(made, file=sys.stderr)
    return outputs


def samples_for(saved, args, more=False):
    """Outputs of all experts of a saved model, or features of all its encoders, of new samples.

    Parameters
    ----------
    saved : Saved
    args : Namespace
        Of a command that takes a saved model and files.
    more : bool, default=False
        Whether there have to be experts that the model does not have, or must not.

    Returns
    -------
    ExpertOutputs or Embeddings
    """
    if saved.embeddings is not None:
        return slides_for(saved, args, more)
    if args.labels is not None:
        raise ValueError(
            f"{option('labels', args.labels)} is of models of encoders, as `logitprod probe` saves "
            "them. What is true of predictions stands in their files."
        )
    return with_all_experts(outputs_for(saved, args), saved.model, args.how, more)


def new_experts(saved, samples):
    """Experts that samples add to a saved model, and the folds that they are fitted in.

    Parameters
    ----------
    saved : Saved
    samples : ExpertOutputs or Embeddings
        As of `samples_for`.

    Returns
    -------
    experts : list of (str, estimator) or None
        None where samples hold their outputs.
    cv : int or "prefit"
    """
    if saved.embeddings is None:
        return None, "prefit"
    model = saved.model
    new = [name for name in samples.encoders if name not in saved.embeddings["widths"]]
    return heads_on(new, model.task_name, model.random_state), INNER_FOLDS


def told_by(saved, args, samples=None):
    """How files are read from now on: as before, but for what the arguments say.

    Parameters
    ----------
    saved : Saved
    args : Namespace
    samples : ExpertOutputs or Embeddings, optional
        That experts were added on.

    Returns
    -------
    Saved
        With columns of experts that the arguments name beside those of the others.
    """
    return replace(
        saved,
        columns=_columns(saved, args),
        positive=args.positive or saved.positive,
        label=saved.label or args.label,
        target=saved.target or args.target,
        std=_std(saved, args),
        embeddings=more_read(saved.embeddings, samples),
    )


def _std(saved, args):
    """Column of standard deviations of all experts, or by expert."""
    said = std_of(args.std, named(args.files or []))
    if said is None or saved.std is None or isinstance(said, str):
        return saved.std if said is None else said
    known = saved.std
    if isinstance(known, str):
        known = dict.fromkeys(saved.model.expert_names_, known)
    return {**known, **said}


def _columns(saved, args):
    """Columns of all experts, or by expert, as the arguments and the saved model say."""
    said = columns_of(args.column, saved.input, named(args.files or []))
    if said is None:
        return saved.columns
    if saved.columns is None or not _by_expert(said, saved.input):
        return said
    known = saved.columns
    if not _by_expert(known, saved.input):
        known = dict.fromkeys(saved.model.expert_names_, known)
    return {**known, **said}


def _by_expert(columns, input):
    """Whether columns are said of each expert, not of all alike."""
    return isinstance(columns, dict) and (
        input in ONE_COLUMN or any(not isinstance(own, str) for own in columns.values())
    )


def _of_files(saved, args):
    """Columns of the experts that have a file; of all where a file may hold several."""
    columns, files = _columns(saved, args), named(args.files)
    if args.expert is not None or not _by_expert(columns, saved.input):
        return columns
    names = set(files if isinstance(files, dict) else named_paths(files))
    if len(files) == 1 and not isinstance(files, dict) and not names & set(columns):
        # a table of several experts
        return columns
    said = columns_of(args.column, saved.input, files) or {}
    own = {name: of for name, of in columns.items() if name in names or name in said}
    return own or None


def with_all_experts(outputs, model, how, more=False):
    """Outputs with NaN for experts of the model that have no file, if that is allowed.

    Parameters
    ----------
    outputs : ExpertOutputs
    model : LogitProdClassifier or LogitProdSurvival
    how : {"inner", "outer"}
    more : bool, default=False
        Whether there have to be experts that the model does not have, or must not.

    Returns
    -------
    ExpertOutputs
    """
    names = model.expert_names_
    absent = [name for name in names if name not in outputs.expert_names]
    new = [name for name in outputs.expert_names if name not in names]
    if new and not more:
        raise ValueError(
            f"the file(s) of {brief(new)} are of no expert of the model, which has {brief(names)}. "
            "Name each file after its expert, NAME=PATH; `logitprod extend` adds experts."
        )
    if more and not new:
        raise ValueError(
            f"every file is of an expert that the model has already, which are {brief(names)}. "
            "Add the file of the new one, or name it NAME=PATH."
        )
    if not absent:
        return outputs
    if len(absent) == len(names):
        raise ValueError(
            f"no file is of an expert of the model, which has {brief(names)}. Add theirs, on the "
            "same samples, or name them NAME=PATH."
        )
    if how == "inner":
        raise ValueError(
            f"there is no file for the expert(s) {brief(absent)}. Add it, or go without them by "
            f"{option('how', 'outer')}."
        )
    empty = np.full((len(outputs), len(absent), *outputs.shape[2:]), np.nan)
    values = np.concatenate([outputs.values, empty], axis=1)
    return replace(outputs, values=values, expert_names=[*outputs.expert_names, *absent])


def check_truth(args, model, needed=True):
    """Refuse options of what is true that the model does not know, or lacks.

    Parameters
    ----------
    args : Namespace
    model : LogitProdClassifier or LogitProdSurvival
    needed : bool, default=True
        Whether it has to be known.
    """
    words = words_of(model)
    if words.several:
        raise ValueError(
            "the model is a panel of several labels, which are adapted, extended and certified one "
            "by one: in Python, with model.label_model(name)."
        )
    said = [name for name in _TRUTH if getattr(args, name) is not None]
    foreign = [name for name in said if name not in words.asked]
    if foreign:
        raise ValueError(
            f"the model is one of {words.kind}, which {option(foreign[0])} is not for: what is "
            f"true of it says {words.truth}."
        )
    if (needed or said) and len(said) < len(words.asked):
        raise ValueError(f"nothing says what is true: name the column, {words.truth}.")


def check_references(model, names, name):
    """Refuse references that a model does not have.

    Parameters
    ----------
    model : LogitProdClassifier or LogitProdSurvival
    names : list of str or None
    name : str
        Of the setting that names them.
    """
    known = list(reference_positions(model, None))
    unknown = [own for own in names or [] if own not in known]
    if unknown:
        raise ValueError(
            f"{option(name)} {unknown[0]!r} is none of the model, which has {brief(known, 40)}."
        )
