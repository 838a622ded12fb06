"""``logitprod predict``: a saved fusion on new files."""

from __future__ import annotations

import sys

import pandas as pd

from sklearn_logitprod.cli.files import check_targets, written
from sklearn_logitprod.cli.model import load
from sklearn_logitprod.cli.reading import outputs_for, with_all_experts
from sklearn_logitprod.cli.tasks import words_of
from sklearn_logitprod.estimators.base import steps_of


def run(args):
    """Load, read, predict, write."""
    check_targets(args, "out")
    saved = load(args.model)
    model = saved.model
    outputs = with_all_experts(outputs_for(saved, args), model, args.how)
    table = predictions(model, outputs, args.weights)
    with written(args.out) as path:
        table.to_csv(path)
    if not args.quiet:
        for step in steps_of(model):
            print(f"{args.model}: {step['text']}", file=sys.stderr)
        print(f"{len(table)} predictions written to {args.out}", file=sys.stderr)
    return 0


def predictions(model, outputs, weights=False):
    """Predictions as a table.

    Parameters
    ----------
    model : LogitProdClassifier or LogitProdSurvival
    outputs : ExpertOutputs
    weights : bool
        Whether the experts' weights are added.

    Returns
    -------
    DataFrame
        Indexed by the identifiers: ``prediction`` and ``proba_<class>``; for survival
        ``risk`` and ``survival_<time>``; then ``weight_<expert>``. For a panel
        ``proba_<label>`` and ``weight_<expert>_<label>``.
    """
    index = pd.Index(outputs.ids, name="id")
    columns = words_of(model).columns(model, outputs)
    if weights:
        columns |= words_of(model).weights(model, outputs)
    return pd.DataFrame(columns, index=index)
