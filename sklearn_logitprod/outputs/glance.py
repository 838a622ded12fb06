"""ExpertOutputs at a glance: the overview of their experts, by task."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sklearn_logitprod.fusion.events import label_sets_from_events
from sklearn_logitprod.fusion.family import CATEGORICAL
from sklearn_logitprod.fusion.likelihood import ClassLabels
from sklearn_logitprod.fusion.logits import binary_logits, log_softmax
from sklearn_logitprod.outputs.classes import read_outputs
from sklearn_logitprod.outputs.events import read_event_outputs
from sklearn_logitprod.outputs.overview import overview, some_rows
from sklearn_logitprod.outputs.panel import panel_outputs


def glance(outputs):
    """Overview of the experts of some outputs.

    Parameters
    ----------
    outputs : ExpertOutputs

    Returns
    -------
    Overview
        Without losses where there is no y, and of risks and predicted values, which are no
        distributions before a fit.

    Raises
    ------
    ValueError
        If a value is none of what `input` says.
    """
    coverage = 1.0 - outputs.missing.mean(axis=0)
    own = outputs[some_rows(len(outputs), outputs.values[:1].size)]
    return _GLANCES[outputs.task_name](own, coverage)


def _categories(own, coverage, log_proba, likelihood):
    base = np.nan if likelihood is None else likelihood.base_loss(log_proba.shape[2])
    said = CATEGORICAL.said(log_proba)
    return overview(own.expert_names, coverage, said, log_proba, likelihood, base)


def _classes(own, coverage):
    classes = np.sort(own.classes)
    read = read_outputs(own, own.input, classes, expert_names=own.expert_names)
    log_proba = read.beside_others().log_proba(slice(None))
    likelihood = None if own.y is None else ClassLabels(np.searchsorted(classes, own.y))
    return _categories(own, coverage, log_proba, likelihood)


def _labels(own, coverage):
    kind = own.input.removeprefix("label_")
    read = panel_outputs(own, kind, own.classes, own.expert_names)
    return labels_overview(own.expert_names, coverage, read.log_odds(slice(None)), own.y)


def labels_overview(names, coverage, log_odds, y):
    """Overview of several labels: each label of a sample is a row of its own.

    Parameters
    ----------
    names : list of str
    coverage : ndarray of shape (n_experts,)
    log_odds : ndarray of shape (n_samples, n_experts, n_labels)
        NaN where an expert is missing.
    y : ndarray of shape (n_samples, n_labels) or None
        0 and 1, NaN where a label was not tested.

    Returns
    -------
    Overview
    """
    by_label = np.moveaxis(log_odds, 1, 2)
    rows = by_label.reshape(-1, by_label.shape[2])
    if y is None:
        return replace(overview(names, coverage, rows[:, :, None]), unit="labels of samples")
    tested = ~np.isnan(y)
    counts, positive = tested.sum(axis=0), np.nansum(y, axis=0)
    # each label has base rates of its own
    bases = [
        ClassLabels((np.arange(n) < k).astype(np.intp)).base_loss(2)
        for n, k in zip(counts, positive, strict=True)
        if n
    ]
    base = float(np.average(bases, weights=counts[counts > 0])) if bases else np.nan
    kept = tested.ravel()
    log_proba = log_softmax(binary_logits(rows[kept]))
    likelihood = ClassLabels(y.ravel()[kept].astype(np.intp))
    found = overview(names, coverage, rows[kept][:, :, None], log_proba, likelihood, base)
    return replace(found, unit="labels of samples")


def _events(own, coverage):
    if own.input == "risk":
        return overview(own.expert_names, coverage, own.values[:, :, None])
    read = read_event_outputs(own, own.input, len(own.times), own.times, own.expert_names)
    log_proba = read.beside_others().log_proba(slice(None))
    likelihood = None
    if own.y is not None:
        event, time = (own.y[name] for name in own.y.dtype.names)
        likelihood = label_sets_from_events(event, time, own.times)
    return _categories(own, coverage, log_proba, likelihood)


def _values(own, coverage):
    values = own.values if own.input == "mean" else own.values[:, :, 0]
    return overview(own.expert_names, coverage, values[:, :, None])


_GLANCES = {"classes": _classes, "labels": _labels, "events": _events, "values": _values}
