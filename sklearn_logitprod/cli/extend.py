"""``logitprod extend``: further experts for a saved fusion."""

from __future__ import annotations

import sys
import textwrap
from dataclasses import replace

from sklearn_logitprod._progress import Progress
from sklearn_logitprod._text import WIDTH
from sklearn_logitprod.cli.files import check_targets, written
from sklearn_logitprod.cli.fit import experts_lines
from sklearn_logitprod.cli.model import load, save
from sklearn_logitprod.cli.reading import (
    check_truth,
    new_experts,
    samples_for,
    told_by,
)
from sklearn_logitprod.deployment import add_expert
from sklearn_logitprod.deployment.fitted import OWN_UNIT, checked_model


def run(args):
    """Load, read, add, say what came out, save."""
    check_targets(args, "save")
    saved = load(args.model)
    check_truth(args, saved.model)
    checked_model(saved.model, "add_expert", OWN_UNIT)
    outputs = samples_for(saved, args, more=True)
    experts, cv = new_experts(saved, outputs)
    progress = Progress(sys.stderr)
    if not args.quiet:
        progress(f"fitting on {len(outputs)} samples")
    model = add_expert(
        saved.model, outputs, outputs.y, experts=experts, cv=cv, groups=outputs.groups
    )
    progress.clear()
    with written(args.save) as path:
        save(path, replace(told_by(saved, args, outputs), model=model))
    print("\n".join(summary(saved.model, model)))
    print(f"\nsaved to {args.save}")
    return 0


def summary(old, new):
    """What the experts that were added gave, as lines of text.

    Parameters
    ----------
    old, new : LogitProdClassifier or LogitProdSurvival
        Before and after.
    """
    yield from experts_lines(new)
    yield ""
    step = new.deployment_[-1]
    added = new.expert_names_[old.n_experts_ :]
    yield textwrap.fill(
        f"On these {step['n_samples']} labelled samples the larger model is "
        f"{abs(new.guarantee_gap_):.4f} below the best of the old one and of "
        f"{', '.join(added)} (never above). How it does on others tell labelled samples that were "
        "used for nothing else, by `logitprod certify`.",
        WIDTH,
    )
