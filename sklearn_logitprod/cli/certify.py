"""``logitprod certify``: by how much a saved fusion is better, at least, on samples to come."""

from __future__ import annotations

import shlex
import sys
import textwrap
from html import escape

from sklearn_logitprod._text import WIDTH, option, warn
from sklearn_logitprod.cli.files import check_targets, written
from sklearn_logitprod.cli.model import load
from sklearn_logitprod.cli.reading import (
    check_references,
    check_truth,
    samples_for,
)
from sklearn_logitprod.deployment import certify, with_safety
from sklearn_logitprod.deployment.fitted import NO_MIXTURE, checked_model
from sklearn_logitprod.estimators.base import steps_of
from sklearn_logitprod.fusion.safety import SafePool
from sklearn_logitprod.report.page import page


def run(args):
    """Load, read, certify, print; write the table and the page if wanted."""
    check_targets(args, "out", "report")
    saved = load(args.model)
    model = saved.model
    checked_model(model, "certify", NO_MIXTURE)
    check_truth(args, model)
    check_references(model, args.reference, "reference")
    model, notes = _safe(model, args)
    outputs = samples_for(saved, args)
    certificate = certify(
        model,
        outputs,
        outputs.y,
        reference=args.reference,
        level=args.level,
        groups=outputs.groups,
    )
    if args.out:
        with written(args.out) as path:
            certificate.table.to_csv(path, index=False)
    if not args.quiet:
        for step in steps_of(saved.model):
            print(f"{args.model}: {step['text']}", file=sys.stderr)
    for line in str(certificate).splitlines():
        print(textwrap.fill(line, WIDTH, break_on_hyphens=False) if len(line) > WIDTH else line)
    for text, command in notes:
        print(f"\n{textwrap.fill(text, WIDTH, break_on_hyphens=False)}")
        if command:
            print(f"\n    {command}")
    if args.report:
        with written(args.report) as path:
            path.write_text(_page(args, model, certificate, notes), encoding="utf-8")
        print(f"\nreport: {args.report}")
    return 0


def _safe(model, args):
    """The model that is certified, and what its user has to know of its safety."""
    if isinstance(model.pool_, SafePool):
        if args.safety is not None:
            warn(
                f"the model has a safety already and is certified as it "
                f"is: {option('share')} is left out."
            )
        return model, []
    if args.safety is None:
        note = (
            "The model has no safety, which with_safety gives it in Python: run this again with "
            f"{option('share', 0.05)}, and no sample can lose much."
        )
        return model, [(note, None)]
    name, share = args.safety
    if name is None and args.reference is not None and len(args.reference) == 1:
        # held against one reference it is this one that it must not be much worse than
        (name,) = args.reference
    check_references(model, None if name is None else [name], "share")
    said = option("share", f"{share:g}" if name is None else f"{name}={share:g}")
    note = (
        f"This is a certificate for the model with a safety, which {args.model} lacks. Make the "
        "model that it holds for, and use that one:"
    )
    command = f"logitprod adapt {shlex.quote(args.model)} {said} -o safe.skops"
    return with_safety(model, share, name), [(note, command)]


def _page(args, model, certificate, notes):
    """The page as HTML."""
    done = "".join(f"<li>{escape(step['text'])}</li>" for step in steps_of(model))
    parts = [
        certificate._repr_html_(),
        *(f'<p class="verdict">{escape(text)}</p>' for text, _ in notes),
        *(f"<pre>{escape(command)}</pre>" for _, command in notes if command),
    ]
    if done:
        parts.append(f"<h2>What was done to the model since its fit</h2><ul>{done}</ul>")
    return page(f"Certificate of {args.model}", parts)
