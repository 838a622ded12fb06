"""Figures of the report, as SVG text."""

from __future__ import annotations

import numpy as np
from sklearn.base import clone
from sklearn.calibration import CalibrationDisplay

from sklearn_logitprod.inspection import ExpertComparisonDisplay, ExpertWeightsDisplay
from sklearn_logitprod.inspection._draw import COLOURS, LOSS_WORDS, svg
from sklearn_logitprod.metrics import interval_coverage, kaplan_meier
from sklearn_logitprod.targets.folds import shuffled
from sklearn_logitprod.targets.values import value_strata


def figures(estimator, outputs, table, words):
    """Title, caption and SVG of each figure, one after the other.

    Parameters
    ----------
    estimator : LogitProdClassifier or LogitProdSurvival
    outputs : ExpertOutputs
    table : DataFrame
    words : Words
        Of the task.
    """
    display, height = ExpertComparisonDisplay(table), 1.4 + 0.3 * len(table)
    yield (
        "Scores",
        "Mean over repeats with 95 % interval; the dotted line is the best expert.",
        svg(lambda ax: display.plot(ax=ax), (8.5, height)),
    )
    yield (
        f"Difference in {LOSS_WORDS[table.attrs['difference']]} to the best expert",
        "Paired by sample, so that these intervals are narrower than those above.",
        svg(lambda ax: display.plot(ax=ax, metric="difference"), (8.5, height)),
    )
    model = clone(estimator).fit(outputs)
    by = words.boxes(outputs)
    n_boxes = 1 if by is None else len(np.unique(by))
    n_experts = list(table.attrs["kinds"].values()).count("expert")
    width = max(5.0, 2.5 + n_experts * (0.5 + 0.22 * n_boxes))
    yield (
        "Weights of the experts",
        "Of the fusion fitted on all samples: middle half, 5th to 95th percentile, median (line) "
        "and mean (dot)" + ("." if by is None else f", by {words.by}."),
        svg(
            lambda ax: ExpertWeightsDisplay.from_estimator(model, outputs, by=by, ax=ax),
            (width, 4.0),
        ),
    )
    # the folds of the first repeat, whose experts a cache has
    folds = table.attrs["n_folds"], table.attrs["random_state"]
    yield words.figure(estimator, outputs, folds)


def _held_out(estimator, outputs, strata, predict, folds):
    """Predictions for each sample by a fusion fitted on the folds without it."""
    n_folds, seed = folds
    rows, found = [], []
    splitter = shuffled(n_folds, outputs.groups, seed)
    for train, test in splitter.split(strata, strata, outputs.groups):
        model = clone(estimator).fit(outputs[train])
        rows.append(test)
        found.append(predict(model, outputs[test]))
    return np.concatenate(found)[np.argsort(np.concatenate(rows))]


def reliability(estimator, outputs, folds):
    """Reliability of held-out probabilities: title, caption and SVG."""
    codes = np.searchsorted(outputs.classes, outputs.y)
    known = clone(estimator)
    proba = _held_out(known, outputs, codes, lambda model, X: model.predict_proba(X), folds)
    if len(outputs.classes) == 2:
        truth, predicted = codes == 1, proba[:, 1]
        labels = f"probability of {outputs.classes[1]}", f"share that is {outputs.classes[1]}"
    else:
        truth, predicted = proba.argmax(axis=1) == codes, proba.max(axis=1)
        labels = "probability of the predicted class", "share of right predictions"

    def draw(ax):
        CalibrationDisplay.from_predictions(
            truth, predicted, n_bins=8, strategy="quantile", name="LogitProd", ax=ax
        )
        ax.set(xlabel=labels[0], ylabel=labels[1])

    caption = "Held-out predictions in eight bins of equal size; on the line they are calibrated."
    return "Reliability", caption, svg(draw, (5.0, 4.5))


def survival(estimator, outputs, folds):
    """Mean of held-out survival functions beside Kaplan-Meier: title, caption and SVG."""
    event, time = (outputs.y[name] for name in outputs.y.dtype.names)
    own = estimator
    given = getattr(outputs, "times", None)
    if given is None:
        # all folds on the same times
        own = clone(estimator).set_params(times=clone(estimator).fit(outputs).unique_times_)
    times = own.times if given is None else given
    curves = _held_out(
        own, outputs, event, lambda m, X: m.predict_survival_function(X, return_array=True), folds
    )

    def draw(ax):
        grid = np.append(0.0, times)
        ax.step(grid, np.append(1.0, kaplan_meier(event, time, times)), "k:", where="post")
        ax.step(grid, np.append(1.0, curves.mean(axis=0)), "o-", color="#D55E00", where="post")
        ax.legend(["Kaplan-Meier", "mean of LogitProd"], frameon=False)
        ax.set(xlabel="time", ylabel="survival", ylim=(0.0, 1.02))

    caption = "Mean of the held-out survival functions against what was observed."
    return "Survival, predicted and observed", caption, svg(draw, (6.0, 4.0))


def observed(estimator, outputs, folds):
    """Held-out predicted values and their intervals beside what was observed: as the others."""
    found = _held_out(
        estimator,
        outputs,
        value_strata(outputs.y),
        lambda model, X: np.column_stack([model.predict(X), model.predict_interval(X, 0.9)]),
        folds,
    )
    middle, interval = found[:, 0], found[:, 1:]

    def draw(ax):
        ends = [outputs.y.min(), outputs.y.max()]
        ax.vlines(outputs.y, *interval.T, color=COLOURS[5], alpha=0.25, linewidth=1)
        ax.plot(outputs.y, middle, "o", color=COLOURS[5], markersize=3)
        ax.plot(ends, ends, "k:", linewidth=1)
        ax.set(xlabel="observed", ylabel="predicted")

    share = 100.0 * interval_coverage(outputs.y, interval)
    caption = (
        "Held-out predictions with their 90 % interval; on the line they are right. The intervals "
        f"hold {share:.0f} % of the observed values."
    )
    return "Values, predicted and observed", caption, svg(draw, (5.5, 4.5))
