"""``logitprod adapt``: a saved fusion at another site."""

from __future__ import annotations

import math
import textwrap
from dataclasses import replace

from sklearn_logitprod._text import WIDTH, brief, option
from sklearn_logitprod.cli.files import check_targets, written
from sklearn_logitprod.cli.model import load, save
from sklearn_logitprod.cli.reading import (
    check_references,
    check_truth,
    samples_for,
    told_by,
)
from sklearn_logitprod.cli.tasks import words_of
from sklearn_logitprod.deployment import adapt, adapt_prior, with_safety
from sklearn_logitprod.deployment.fitted import NO_MIXTURE, checked_model
from sklearn_logitprod.estimators.base import steps_of

# of the sum of prevalences, which somebody wrote down: as adapt_prior takes it
_ROUNDING = 0.005


def run(args):
    """Load, read, adapt, say what was done, save."""
    check_targets(args, "save")
    saved = load(args.model)
    model = saved.model
    _check(args, saved)
    prior = None if args.prior is None else _prior(args.prior, model)
    if prior is not None:
        model = adapt_prior(model, prior=prior)
    elif args.files:
        outputs = samples_for(saved, args)
        if outputs.y is None:
            model = adapt_prior(model, outputs)
        else:
            model = adapt(model, outputs, outputs.y, groups=outputs.groups)
    if args.safety is not None:
        reference, share = args.safety
        model = with_safety(model, share, reference)
    with written(args.save) as path:
        save(path, replace(told_by(saved, args), model=model))
    print("\n".join(told(model)))
    print(f"\nsaved to {args.save}")
    return 0


def told(model):
    """What was done to a model since its fit, as lines of text."""
    yield "Since its fit, in this order:"
    for step in steps_of(model):
        yield textwrap.fill(step["text"], WIDTH, initial_indent="- ", subsequent_indent="  ")
    yield ""
    text = "Whether this helps, tell labelled samples that were used for nothing else"
    # of values nothing can be certified
    text += "." if model.task_name == "values" else ", by `logitprod certify`."
    yield textwrap.fill(text, WIDTH)


def _check(args, saved):
    """Refuse arguments that say nothing to adapt to, or too much."""
    model, by_hand = saved.model, args.prior is not None
    if not (args.files or by_hand or args.safety):
        raise ValueError(
            "nothing says what to adapt to: name files of the new site, or give "
            f"{option('prior')} or {option('share')}."
        )
    for name in ("label", "event", "time", "target", "group"):
        if getattr(args, name) is not None and not args.files:
            raise ValueError(f"{option(name)} names a column of files: name the files, too.")
    if by_hand and args.files:
        raise ValueError(
            f"{option('prior')} stands in place of files: leave out one of them. To adapt to "
            "labelled samples, too, run the command again on the model that this one saves."
        )
    classes = model.task_name == "classes"
    if by_hand and not classes:
        raise ValueError(
            f"{option('prior')} is of classes, and the model is one of {words_of(model).kind}: "
            "adapt it with labelled files."
        )
    check_truth(args, model, needed=not classes and bool(args.files))
    if args.group is not None and args.label is None and classes and not saved.aggregate:
        raise ValueError(f"{option('group')} is of labelled samples: give {option('label')}, too.")
    if args.safety is not None:
        checked_model(model, "with_safety", NO_MIXTURE)
        check_references(model, [args.safety[0]] if args.safety[0] else None, "share")


def _prior(shares, model):
    """Prevalences by the classes of a model, checked."""
    classes = {str(label): label for label in model.classes_.tolist()}
    unknown = [name for name in shares if name not in classes]
    if unknown:
        raise ValueError(
            f"{option('prior')} names {brief(unknown)}, but the model's classes are "
            f"{brief(classes)}."
        )
    lacking, total = [name for name in classes if name not in shares], math.fsum(shares.values())
    if lacking:
        advice = "Name every class"
        if len(lacking) == 1 and total < 1.0:
            every = shares | {lacking[0]: 1.0 - total}
            texts = [f"{name}={share:.6g}" for name, share in every.items()]
            advice += f", such as {option('prior', texts)}"
        raise ValueError(f"{option('prior')} lacks the prevalence of {brief(lacking)}. {advice}.")
    if abs(total - 1.0) > _ROUNDING:
        raise ValueError(
            f"the prevalences of {option('prior')} sum to {total:.6g}, not to 1. Correct them."
        )
    return {classes[name]: share for name, share in shares.items()}
