"""``logitprod compare``: experts, simpler methods and the fusion, on files."""

from __future__ import annotations

import textwrap

from sklearn_logitprod._text import WIDTH
from sklearn_logitprod.cli.by import check_by_column, subgroups
from sklearn_logitprod.cli.files import (
    check_comparison,
    check_targets,
    estimator_for,
    named,
    read_outputs,
    written,
)
from sklearn_logitprod.cli.patients import by_patient, check_group
from sklearn_logitprod.cli.tasks import words_of
from sklearn_logitprod.inspection import compare
from sklearn_logitprod.inspection._draw import pyplot
from sklearn_logitprod.inspection._setting import setting_of


def run(args):
    """Read, compare, print; write the table and the report if wanted."""
    check_targets(args, "out", "report")
    if args.report:
        # what is missing for figures is better known before than after the work
        pyplot()
    check_comparison(args)
    check_group(args)
    check_by_column(args)
    outputs, made = by_patient(read_outputs(args), args.aggregate, args.positive)
    if args.report and words_of(outputs).several:
        raise ValueError("a report is of one label: write the table of a panel with --out.")
    estimator = estimator_for(outputs, args)
    table = compare(
        estimator,
        outputs,
        metrics=args.metrics,
        ordered=args.ordered,
        by=subgroups(args, named(args.files), outputs.ids, args.aggregate is not None),
        cv=args.cv,
        n_repeats=args.repeats,
        n_resamples=args.resamples,
        random_state=args.seed,
        n_jobs=args.jobs,
        verbose=0 if args.quiet else 1,
    )
    if args.out:
        with written(args.out) as path:
            table.to_csv(path)
    print(table)
    if made:
        print(textwrap.fill(made, WIDTH))
    if args.report:
        from sklearn_logitprod.report.study import Study
        from sklearn_logitprod.report.write import report

        facts = [("values in the files", outputs.input)]
        study = Study(setting_of(estimator, outputs), table, made=made, facts=facts)
        with written(args.report) as path:
            path.write_text(report(study), encoding="utf-8")
        print(f"\nreport: {args.report}")
    return 0
