"""``logitprod predict``: a saved fusion on new files."""

from __future__ import annotations

import sys

import pandas as pd

from sklearn_logitprod._text import brief, option
from sklearn_logitprod.cli.files import check_targets, written
from sklearn_logitprod.cli.model import load
from sklearn_logitprod.cli.patients import new_how, predicted_by_patient
from sklearn_logitprod.cli.reading import samples_for
from sklearn_logitprod.cli.tasks import words_of
from sklearn_logitprod.estimators.base import steps_of
from sklearn_logitprod.search.base import final_estimator
from sklearn_logitprod.targets.decisions import decider


def run(args):
    """Load, read, predict, write."""
    check_targets(args, "out")
    saved = load(args.model)
    model = saved.model
    if args.decision is not None:
        check_decision(model, args.decision)
        model.set_params(decision=args.decision)
    before, after = new_how(saved, args)
    if args.group is not None and not (before or after):
        raise ValueError(
            f"{option('group')} says what predictions are aggregated by: say how, such as "
            f"{option('aggregate', 'mean')}, or leave it out."
        )
    outputs = samples_for(saved, args)
    table, made = predictions(model, outputs, args.weights), None
    if after:
        positive = args.positive or saved.positive
        table, made = predicted_by_patient(model, table, outputs.groups, after, positive)
    with written(args.out) as path:
        table.to_csv(path)
    if not args.quiet:
        for step in steps_of(model):
            print(f"{args.model}: {step['text']}", file=sys.stderr)
        if made:
            print(made, file=sys.stderr)
        print(f"{len(table)} predictions written to {args.out}", file=sys.stderr)
    return 0


def check_decision(model, decision):
    """Refuse, before any work, a decision that the model cannot make."""
    if model.task_name != "classes":
        raise ValueError(
            f"the model is one of {words_of(model).kind}, which {option('decision')} is not for."
        )
    try:
        decider(decision, model.classes_, final_estimator(model).classes)
    except ValueError as error:
        raise ValueError(
            f"{option('decision', decision)} needs the order of the model's classes "
            f"{brief(model.classes_.tolist())}, which are no numbers: fit it with --classes, from "
            "the lowest to the highest."
        ) from error


def predictions(model, outputs, weights=False):
    """Predictions as a table.

    Parameters
    ----------
    model : LogitProdClassifier, LogitProdSurvival or LogitProdRegressor
    outputs : ExpertOutputs
    weights : bool
        Whether the experts' weights and their disagreement are added.

    Returns
    -------
    DataFrame
        Indexed by the identifiers: ``prediction`` and ``proba_<class>``; for survival
        ``risk`` and ``survival_<time>``; for values ``prediction``, ``std``, ``lower_90`` and
        ``upper_90``, the ends of the central interval of 90 %; then ``weight_<expert>`` and
        ``disagreement``, in nats. For a panel ``proba_<label>``, ``weight_<expert>_<label>`` and
        ``disagreement_<label>``.
    """
    index = pd.Index(outputs.ids, name="id")
    columns = words_of(model).columns(model, outputs)
    if weights:
        columns |= words_of(model).weights(model, outputs)
    return pd.DataFrame(columns, index=index)
