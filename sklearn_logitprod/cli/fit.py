"""``logitprod fit``: a fusion of files, saved."""

from __future__ import annotations

import sys
import textwrap

from sklearn_logitprod._progress import Progress
from sklearn_logitprod.cli.files import (
    check_targets,
    columns_of,
    estimator_for,
    named,
    read_outputs,
    written,
)
from sklearn_logitprod.cli.model import Saved, save, skops_io
from sklearn_logitprod.cli.tasks import words_of
from sklearn_logitprod.cli.text import WIDTH


def run(args):
    """Read, fit, say what came out, save."""
    check_targets(args, "save")
    # what is missing to save is better known before than after the work
    skops_io()
    outputs = read_outputs(args)
    model = estimator_for(outputs, args)
    progress = Progress(sys.stderr)
    if not args.quiet:
        progress(f"fitting on {len(outputs)} samples of {len(outputs.expert_names)} experts")
    model.fit(outputs)
    progress.clear()
    with written(args.save) as path:
        columns = columns_of(args.column, outputs.input, named(args.files))
        said = {name: getattr(args, name) for name in ("positive", "classes", "label")}
        save(path, Saved(model, outputs.input, columns, **said))
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
    yield f"{'':{width}}  log-loss  mean weight"
    rows = zip(model.expert_names_, model.expert_losses_, model.mean_expert_weights_, strict=True)
    for name, loss, weight in rows:
        yield f"{name:{width}}  {loss:8.4f}  {weight:11.3f}"
    yield f"{'LogitProd':{width}}  {model.loss_:8.4f}"
