"""``logitprod predict``: a saved fusion on new files."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pandas as pd

from sklearn_logitprod._text import brief
from sklearn_logitprod.cli.files import check_targets, tables_of, written
from sklearn_logitprod.cli.model import load
from sklearn_logitprod.cli.tasks import words_of


def run(args):
    """Load, read, predict, write."""
    check_targets(args, "out")
    saved = load(args.model)
    model = saved.model
    reading = words_of(model).reading(model)
    if saved.classes is not None:
        # those of the model are sorted, and codes count in the order that was said
        reading["classes"] = saved.classes
    outputs = tables_of(
        args,
        saved.input,
        columns=saved.columns,
        positive=saved.positive,
        target=saved.label,
        **reading,
    )
    outputs = _all_experts(outputs, model.expert_names_, args.how)
    table = predictions(model, outputs, args.weights)
    with written(args.out) as path:
        table.to_csv(path)
    if not args.quiet:
        print(f"{len(table)} predictions written to {args.out}", file=sys.stderr)
    return 0


def _all_experts(outputs, names, how):
    """Outputs with NaN for experts that have no file, if that is allowed."""
    absent = [name for name in names if name not in outputs.expert_names]
    new = [name for name in outputs.expert_names if name not in names]
    if new:
        raise ValueError(
            f"the file(s) of {brief(new)} are of no expert of the model, which has {brief(names)}. "
            "Name each file after its expert, NAME=PATH."
        )
    if not absent:
        return outputs
    if how == "inner":
        raise ValueError(
            f"there is no file for the expert(s) {brief(absent)}. Add it, or predict without them "
            "by --how outer."
        )
    empty = np.full((len(outputs), len(absent), *outputs.shape[2:]), np.nan)
    values = np.concatenate([outputs.values, empty], axis=1)
    return replace(outputs, values=values, expert_names=[*outputs.expert_names, *absent])


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
        ``risk`` and ``survival_<time>``; then ``weight_<expert>``.
    """
    index = pd.Index(outputs.ids, name="id")
    columns = words_of(model).columns(model, outputs)
    if weights:
        own = model.expert_weights(outputs).T
        columns |= {f"weight_{m}": w for m, w in zip(model.expert_names_, own, strict=True)}
    return pd.DataFrame(columns, index=index)
