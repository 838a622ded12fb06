"""``logitprod fit``: a fusion of files, saved."""

from __future__ import annotations

import sys
import textwrap

from sklearn_logitprod._progress import Progress
from sklearn_logitprod._text import WIDTH
from sklearn_logitprod.cli.files import (
    check_targets,
    columns_of,
    estimator_for,
    named,
    read_outputs,
    std_of,
    written,
)
from sklearn_logitprod.cli.model import Saved, save, skops_io
from sklearn_logitprod.cli.patients import by_patient, check_group
from sklearn_logitprod.cli.tasks import words_of
from sklearn_logitprod.inspection._draw import METRIC_LABELS
from sklearn_logitprod.inspection._tasks import TASKS


def run(args):
    """Read, fit, say what came out, save."""
    check_targets(args, "save")
    # what is missing to save is better known before than after the work
    skops_io()
    check_group(args)
    outputs, made = by_patient(read_outputs(args), args.aggregate, args.positive)
    model = estimator_for(outputs, args)
    progress = Progress(sys.stderr)
    if not args.quiet:
        progress(f"fitting on {len(outputs)} samples of {len(outputs.expert_names)} experts")
    model.fit(outputs)
    progress.clear()
    with written(args.save) as path:
        columns = columns_of(args.column, outputs.input, named(args.files))
        names = ("positive", "classes", "label", "target", "aggregate")
        said = {name: getattr(args, name) for name in names}
        said["std"] = std_of(args.std, named(args.files))
        if args.aggregate is not None:
            said["group"] = args.group
        save(path, Saved(model, outputs.input, columns, **said))
    if made:
        print(textwrap.fill(made, WIDTH), end="\n\n")
    print("\n".join(summary(model, len(outputs))))
    print(f"\nsaved to {args.save}")
    return 0


def summary(model, n_samples):
    """What a fit gave, as lines of text."""
    own = words_of(model).summary
    if own is not None:
        yield from own(model)
        return
    yield from experts_lines(model)
    yield ""
    text = (
        f"On the {n_samples} samples of the fit LogitProd is {abs(model.guarantee_gap_):.4f} below "
        "the best of the experts and of their means (the guarantee gap, never above). How it does "
        "on other samples says `logitprod compare`."
    )
    yield textwrap.fill(text, WIDTH)


def experts_lines(model):
    """Losses and weights on the rows that a model was fitted on, as a table."""
    width = max(map(len, ["LogitProd", *model.expert_names_]))
    loss = METRIC_LABELS[TASKS[model.task_name].difference]
    yield f"{'':{width}}  {loss:>8}  mean weight"
    rows = zip(model.expert_names_, model.expert_losses_, model.mean_expert_weights_, strict=True)
    for name, loss, weight in rows:
        yield f"{name:{width}}  {loss:8.4f}  {weight:11.3f}"
    yield f"{'LogitProd':{width}}  {model.loss_:8.4f}"
