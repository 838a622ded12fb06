"""From what a fit of several labels starts from to their pools."""

from __future__ import annotations

import numpy as np

from sklearn_logitprod.estimators.standing import standing
from sklearn_logitprod.experts.composition import fitted_experts
from sklearn_logitprod.fusion.likelihood import ClassLabels
from sklearn_logitprod.outputs.glance import labels_overview
from sklearn_logitprod.outputs.marks import row_marks
from sklearn_logitprod.outputs.overview import some_rows
from sklearn_logitprod.outputs.panel import check_present
from sklearn_logitprod.training.data import FitData
from sklearn_logitprod.training.panel_path import Panel, fit_panel


def panel_data(prepared, linear_pool, features):
    """Fit data of all labels, each of the samples that count and on which it was tested.

    Parameters
    ----------
    prepared : Prepared
    linear_pool : bool
    features : str

    Returns
    -------
    Panel
    """
    outputs, kept = prepared.outputs.take(prepared.kept), prepared.kept
    values = prepared.likelihood.values[kept]
    groups = prepared.groups
    if groups is not None:
        groups = np.unique(groups[kept], return_inverse=True)[1]
    parts, where = [], []
    weight = np.zeros((values.shape[1], len(kept)))
    for j, (label, own) in enumerate(zip(outputs.labels, values.T, strict=True)):
        rows = np.flatnonzero(~np.isnan(own))
        one = outputs.label(j).take(rows)
        log_proba = one.log_proba(slice(None))
        check_present(log_proba, kept[rows], label)
        likelihood = ClassLabels(own[rows].astype(np.intp))
        its = None if groups is None else np.unique(groups[rows], return_inverse=True)[1]
        data = FitData(
            lambda rows, held=log_proba: held[rows].copy(),
            one.shape,
            likelihood,
            linear_pool,
            features,
            its,
        )
        parts.append(data)
        where.append(rows)
        weight[j, rows] = prepared.weight[kept[rows]]
    return Panel(parts, where, weight, groups)


def fit_labels(model, prepared, spec, settings, progress):
    """Fit the pools of all labels.

    Parameters
    ----------
    model : LogitProdMultilabelClassifier
        Its parameters.
    prepared : Prepared
    spec : HeadSpec
    settings : Settings
    progress : callable

    Returns
    -------
    dict
        Fitted attributes, and ``converged``.
    """
    panel = panel_data(prepared, model.linear_pool, model.features)
    fits = fit_panel(panel, spec, settings, prepared.folds, progress)
    selection = None
    if fits[0].selection is not None:
        selection = {
            "candidate": fits[0].selection.candidates,
            "cv_loss": fits[0].selection.cv_losses,
            "share": fits[0].selection.shares,
        }
    names = prepared.attributes["expert_names_"]
    told = [
        _label_attributes(fit, data, weight[rows], selection, names)
        for fit, data, weight, rows in zip(
            fits, panel.parts, panel.weight, panel.where, strict=True
        )
    ]
    beside = {
        name: np.stack([one[name] for one in told], axis=-1)
        for name in (
            "mean_expert_weights_",
            "expert_losses_",
            "reference_losses_",
            "loss_",
            "guarantee_gap_",
        )
    }
    outcomes = [data.likelihood.labels for data in panel.parts]
    return {
        **beside,
        "pools_": [fit.pool for fit in fits],
        "n_tested_": np.array([len(own) for own in outcomes]),
        "n_positive_": np.array([int(own.sum()) for own in outcomes]),
        "n_iter_": len(fits[0].curve),
        "loss_curve_": fits[0].curve,
        "selection_": selection,
        "label_fits_": told,
        "expert_overview_": _overview_of(prepared),
        "n_samples_fit_": len(prepared.kept),
        "deployment_": [],
        "converged": all(fit.converged for fit in fits),
    }


def _overview_of(prepared):
    """Overview of precomputed outputs on the fit data; None with experts of its own."""
    if prepared.attributes["named_experts_"] is not None:
        return None
    outputs, kept = prepared.outputs, prepared.kept
    names = prepared.attributes["expert_names_"]
    rows = kept[some_rows(len(kept), 2 * len(names) * len(outputs.labels))]
    log_odds = outputs.take(rows).log_odds(slice(None))
    coverage = 1.0 - np.isnan(log_odds).all(axis=2).mean(axis=0)
    return labels_overview(names, coverage, log_odds, prepared.likelihood.values[rows])


def _label_attributes(fit, data, weight, selection, names):
    """What a fitted classifier of one label has."""
    return {
        "classes_": np.arange(2),
        "pool_": fit.pool,
        "mean_expert_weights_": fit.mean_weights,
        "expert_losses_": fit.expert_losses,
        "reference_losses_": fit.reference_losses,
        "loss_": fit.loss,
        "guarantee_gap_": fit.loss - float(fit.reference_losses.min()),
        "class_bias_": fit.pool.class_bias,
        "cross_class_": fit.pool.correction,
        "n_iter_": len(fit.curve),
        "loss_curve_": fit.curve,
        "selection_": selection,
        "expert_names_": list(names),
        "n_experts_": len(names),
        "n_features_in_": len(names),
        "n_samples_fit_": len(weight),
        "fit_rows_": row_marks(data.read, len(weight)),
        "deployment_": [],
        **fitted_experts(None),
        **standing(fit.pool, data, weight),
    }
