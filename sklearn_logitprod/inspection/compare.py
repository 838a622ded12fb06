"""One table of experts, simpler ways to combine them, and the fusion."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike

from sklearn_logitprod._progress import Progress
from sklearn_logitprod._text import Elsewhere, brief, heard, option, said_once, warn
from sklearn_logitprod._typing import CrossValidation
from sklearn_logitprod.inspection._resampling import check_resamples
from sklearn_logitprod.inspection._rivals import check_rivals
from sklearn_logitprod.inspection._setting import setting_of
from sklearn_logitprod.inspection._split import Comparison
from sklearn_logitprod.inspection._subgroups import Parts, check_by
from sklearn_logitprod.inspection._table import tell_of_order, with_metrics
from sklearn_logitprod.inspection.comparison_result import ComparisonResult
from sklearn_logitprod.outputs.given import check_order
from sklearn_logitprod.targets.folds import check_whole, repeated_splits
from sklearn_logitprod.targets.labels import grade_order


def compare(
    estimator_or_outputs: Any,
    X: Any = None,
    y: ArrayLike | None = None,
    *,
    baselines: bool | Sequence[str] = True,
    rivals: Mapping[str, Any] | None = None,
    metrics: Sequence[str] | None = None,
    ordered: bool | Sequence[Any] = False,
    cv: CrossValidation = 5,
    groups: ArrayLike | None = None,
    by: ArrayLike | str | None = None,
    n_repeats: int = 5,
    n_resamples: int = 2000,
    random_state: int = 0,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> ComparisonResult:
    """Compare every expert, simpler ways to combine them, and LogitProd, by cross-validation.

    All methods see the same splits and, of the training part, the same outputs of experts:
    out-of-fold ones where experts are cross-fitted. Where an expert is missing, the mean of
    the logits of those present (of values, of their log-densities) stands in for it. A warning
    names experts that rank samples worse than chance: the upper end of the interval of their AUC
    (macro, one against the rest) or concordance is below 0.5.

    Parameters
    ----------
    estimator_or_outputs : estimator or ExpertOutputs
        A `LogitProdClassifier`, `LogitProdSurvival`, `LogitProdRegressor`, a search over one, or
        a `LogitProdMultilabelClassifier`; it is cloned and fitted anew in each split. Of
        `ExpertOutputs` the fusion is ``gate_width="auto"``.
    X : array, DataFrame or ExpertOutputs, default=None
        As in ``fit`` of the estimator; left out with `ExpertOutputs`.
    y : array-like of shape (n_samples,), default=None
        Class labels, events and times, or values; None takes those of `ExpertOutputs`. Of shape
        (n_samples, n_labels) for a panel of labels. What ``labels`` of a classifier says, too: of
        sets, log-loss is that of the set, and other metrics are over samples of which one class
        alone is possible; a distribution counts as a sample of each class, by its shares.
        Samples of which all classes are possible are left out.
    baselines : bool or list of str, default=True
        Which simpler methods: "mean of logits", "mean of probabilities", "greedy
        ensemble", "stacked regression"; for survival "mean of logits", "mean of curves",
        "greedy ensemble", "rank averaging"; for values "mean of experts" (of the calibrated
        predictions, as `VotingRegressor` takes it), "inverse-variance mean", "stacked ridge",
        each read as an expert is. The best expert is always there.
    rivals : dict of str to estimator, default=None
        Estimators on X itself by the names of their rows, such as ``{"concatenated features":
        on_all_views()}`` where experts read views of X. Each is fitted on the training part of
        each split and asked for probabilities; of risks and values a distribution is made as of
        an expert's, by cross-fitting within the training part.
    metrics : list of str, default=None
        Of "log_loss", "roc_auc" (macro, one against the rest), "accuracy",
        "balanced_accuracy", "brier"; for survival "concordance" (Harrell's C), "log_loss"
        (negative log-likelihood over the intervals), "ibs" (integrated Brier score,
        censoring as in all samples); for values "nll" (negative log-likelihood), "crps",
        "rmse", "mae", in the unit of y, and "r2". With `ordered` also "rps" (ranked probability
        score) and "quadratic_kappa". None: all. Methods are ranked by the first. Classes are
        predicted as ``decision`` of the estimator says, for all methods alike.
    ordered : bool or list, default=False
        Whether the classes are grades: True where they are numbers or in the order of
        ``classes`` of the estimator, or a list of them from the lowest to the highest.
    cv : int, splitter or iterable of splits, default=5
        A number: so many folds, stratified and by group, `n_repeats` times. Other splits
        are gathered into repeats in their order: one ends before the split that would
        test a sample a second time.
    groups : array-like of shape (n_samples,), default=None
        Groups of dependent samples, such as the patients of slides: never divided by a
        split, and resampled as a whole.
    by : array-like of shape (n_samples,), Series or str, default=None
        Subgroups in which methods are scored, too, on the same splits, such as the sites of the
        samples; a name is a column of X. ``subgroups`` of the result holds them. Subgroups of fewer
        than 20 samples, or 10 groups, are counted alone.
    n_repeats : int, default=5
        Used if `cv` is a number.
    n_resamples : int, default=2000
        Of the bootstrap.
    random_state : int, default=0
        Of splits and bootstrap.
    n_jobs : int, default=None
        Splits at a time.
    verbose : int, default=0
        1 shows progress on standard error.

    Returns
    -------
    ComparisonResult
        A DataFrame that shows what it comes to. One row per method, with the columns, for each
        metric m,

        - ``m_mean``, ``m_std``: mean and standard deviation over repeats; in a repeat, the
          mean over its splits, counted by their tested samples;
        - ``m_low``, ``m_high``: 95 % interval by the bootstrap over samples or groups;

        and

        - ``rank``: mean rank over repeats in the first metric;
        - ``difference``, ``difference_low``, ``difference_high``: mean difference in log-loss
          (of values, negative log-likelihood), whichever metrics are asked for, to the best
          expert, the one of lowest loss on the training part of each split, with its 95 %
          interval; below 0 is better;
        - ``p_value``: of that difference, two-sided, by the bootstrap on held-out losses
          averaged over repeats; ``p_holm``: corrected for the number of methods;
        - ``p_wilcoxon``: signed-rank test over repeats. Repeats share their samples, so
          this one states how stable the difference is, not whether it holds elsewhere;
        - ``m_difference``, ``m_difference_low``, ``m_difference_high``, ``m_p_value``,
          ``m_p_holm``, for each metric m: the same of its paired differences, of AUC by DeLong's
          placement values within each split. How LogitProd differs from the best simple method is
          in the result's ``differences``;
        - ``fit_seconds``, with `rivals`: mean time of a fit of LogitProd, its experts' included,
          and of each rival. What comes from ``memory`` of the estimator takes LogitProd no time,
          and a rival the time that it took once.

        NaN where a method has no probabilities. For a panel rows are (label, method), each
        label on the samples on which it was tested, with a best expert of its own; ``p_holm``
        is corrected for the number of labels. The last label, "mean over labels", holds means
        of all, by the bootstrap over samples. ``attrs`` holds the settings, and under
        ``"chosen"`` in how many splits each expert was the best, under ``"rivals"`` the difference
        of LogitProd to each rival, with interval and p-value, under ``"warnings"`` the messages of
        warnings.

    Raises
    ------
    ValueError
        If a name is unknown, there is no y, the estimator cannot be fitted, or X, y, groups and by
        have their rows in different orders.
    TypeError
        If the first argument is neither.

    See Also
    --------
    ExpertComparisonDisplay : The table as a plot.
    sklearn_logitprod.experts.on_all_views : Rival of experts on views: all their features at once.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_logitprod import LogitProdClassifier
    >>> from sklearn_logitprod.inspection import compare
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(2, size=200)
    >>> logits = np.zeros((200, 3, 2))
    >>> logits[:, :, 1] = (2 * y[:, None] - 1) + rng.normal(size=(200, 3))
    >>> table = compare(LogitProdClassifier(gate_width=None), logits, y, n_repeats=1)
    >>> bool(table.loc["LogitProd", "log_loss_mean"] < table.loc["best expert", "log_loss_mean"])
    True
    """
    check_resamples(n_resamples)
    check_whole("random_state", random_state)
    if n_jobs == 0:
        raise ValueError(
            f"{option('n_jobs', 0)} would do nothing: 1 at least is needed, or -1 for all cores."
        )
    with said_once(), heard() as messages:
        table = _compared(
            estimator_or_outputs,
            X,
            y,
            baselines=baselines,
            rivals=rivals,
            metrics=metrics,
            ordered=ordered,
            cv=cv,
            groups=groups,
            by=by,
            n_repeats=n_repeats,
            n_resamples=n_resamples,
            random_state=random_state,
            n_jobs=n_jobs,
            verbose=verbose,
        )
    return ComparisonResult(table, warnings=messages)


def _compared(
    first,
    X,
    y,
    *,
    baselines,
    rivals,
    metrics,
    ordered,
    cv,
    groups,
    by,
    n_repeats,
    n_resamples,
    random_state,
    n_jobs,
    verbose,
):
    """The table of :func:`compare`, which has its arguments."""
    check_order({"X": first if X is None else X, "y": y, "groups": groups, "by": by})
    given = setting_of(first, X, y, groups)
    task, target, groups = given.task, given.target, given.groups
    if np.ndim(ordered) != 1 and not isinstance(ordered, (bool, np.bool_)):
        raise ValueError(
            f"ordered={ordered!r}: pass True, or a list of all classes from the lowest grade to "
            "the highest."
        )
    graded = np.ndim(ordered) > 0 or bool(ordered)
    wanted, methods = task.choose(metrics, baselines, graded)
    # the loss and experts below chance are told of, whichever metrics are asked for
    scores = wanted | task.order | {task.difference: task.scores[task.difference]}
    outcome = given.outcome
    if graded:
        outcome = _graded(task, outcome, target, ordered)
    parts = task.parts(target)
    if rivals and parts:
        raise ValueError("rivals are for one outcome, and y holds several labels. Leave them out.")
    if by is not None and parts:
        raise ValueError("by is for one outcome, and y holds several labels. Leave it out.")
    divided = None if by is None else check_by(by, given.X, len(target.strata))
    comparison = Comparison(
        task,
        outcome,
        target.strata,
        groups,
        scores,
        methods,
        parts,
        check_rivals(rivals, given.estimator, target),
        None if divided is None else divided[2],
    )
    told = np.flatnonzero(target.counts)
    repeats = repeated_splits(cv, n_repeats, target.strata, groups, random_state, told)
    splits = [split for repeat in repeats for split in repeat]
    totals = task.totals(comparison, len(repeats))
    within = Parts(comparison, len(repeats))
    jobs = ((given.estimator, given.X, target.y, comparison, *split) for split in splits)
    numbers = [number for number, repeat in enumerate(repeats) for _ in repeat]
    results = _each(task.run, jobs, len(splits), n_jobs, verbose)
    for number, (_, test), scored in zip(numbers, splits, results, strict=True):
        totals.add(number, test, scored)
        if not parts:
            within.add(number, test, scored)
    settings = {
        "n_folds": len(repeats[0]),
        "n_repeats": len(repeats),
        "n_resamples": n_resamples,
        "random_state": random_state,
        "n_rows": len(target.strata),
        "judged_by": task.difference if metrics is None else next(iter(wanted)),
    }
    table = task.table(totals, settings)

    def counted(rows):
        return task.counted(target, rows)

    table.attrs["gaps"] = within.gaps(counted, settings)
    table.attrs["by"] = None if divided is None else within.by(*divided, counted, settings)
    tell_of_order(table, task)
    return with_metrics(table, wanted)


def _each(run, jobs, n_splits, n_jobs, verbose):
    """Results of all splits in their order, and their warnings given here."""
    progress = Progress(sys.stderr) if verbose else None
    call = delayed(Elsewhere(run))
    results = Parallel(n_jobs=n_jobs, return_as="generator")(call(*job) for job in jobs)
    for done in range(1, n_splits + 1):
        if progress:
            progress(f"compare: split {done} of {n_splits}")
        result, warnings = next(results)
        for one in warnings:
            warn(*one)
        yield result
    if progress:
        progress.clear()


def _graded(task, outcome, target, ordered):
    """An outcome whose classes have an order, checked."""
    if not task.graded:
        raise ValueError(f"{option('ordered', True)} is for classes; here there are none.")
    classes = target.attributes["classes_"]
    order = outcome.order if np.ndim(ordered) == 0 else grade_order(classes, ordered)
    if order is None:
        known = brief(classes.tolist())
        raise ValueError(
            f"{option('ordered', True)} needs the order of the classes {known}, which are no "
            f"numbers. Name them from the lowest to the highest: {option('classes')}."
            if np.ndim(ordered) == 0
            else f"ordered={list(ordered)!r}, but the classes are {known}: name each of them once."
        )
    return replace(outcome, order=order)
