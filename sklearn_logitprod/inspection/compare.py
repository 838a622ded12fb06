"""One table of experts, simpler ways to combine them, and the fusion."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, check_cv

from sklearn_logitprod._progress import Progress
from sklearn_logitprod._text import brief
from sklearn_logitprod._typing import CrossValidation
from sklearn_logitprod.estimators.base import BaseLogitProd
from sklearn_logitprod.estimators.classifier import LogitProdClassifier
from sklearn_logitprod.estimators.survival import LogitProdSurvival
from sklearn_logitprod.inspection._methods import CLASS_METHODS, SURVIVAL_METHODS
from sklearn_logitprod.inspection._scores import CLASS_SCORES, SURVIVAL_SCORES, Outcome
from sklearn_logitprod.inspection._split import RANKS, Task, run_split
from sklearn_logitprod.inspection._table import Totals, comparison_table
from sklearn_logitprod.outputs.checks import n_rows
from sklearn_logitprod.outputs.container import ExpertOutputs, own_target
from sklearn_logitprod.search.base import BaseLogitProdCV
from sklearn_logitprod.targets.weights import check_groups


def compare(
    estimator_or_outputs: Any,
    X: Any = None,
    y: ArrayLike | None = None,
    *,
    baselines: bool | Sequence[str] = True,
    metrics: Sequence[str] | None = None,
    cv: CrossValidation = 5,
    groups: ArrayLike | None = None,
    n_repeats: int = 5,
    n_resamples: int = 2000,
    random_state: int = 0,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> pd.DataFrame:
    """Compare every expert, simpler ways to combine them, and LogitProd, by cross-validation.

    All methods see the same splits and, of the training part, the same outputs of experts:
    out-of-fold ones where experts are cross-fitted. Where an expert is missing, the mean of
    the logits of those present stands in for it.

    Parameters
    ----------
    estimator_or_outputs : estimator or ExpertOutputs
        A `LogitProdClassifier`, `LogitProdSurvival`, or a search over one; it is cloned
        and fitted anew in each split. Of `ExpertOutputs` the fusion is
        ``gate_width="auto"``.
    X : array, DataFrame or ExpertOutputs, default=None
        As in ``fit`` of the estimator; left out with `ExpertOutputs`.
    y : array-like of shape (n_samples,), default=None
        Class labels, or events and times; None takes those of `ExpertOutputs`.
    baselines : bool or list of str, default=True
        Which simpler methods: "mean of logits", "mean of probabilities", "greedy
        ensemble", "stacked regression"; for survival "mean of logits", "mean of curves",
        "greedy ensemble", "rank averaging". The best expert is always there.
    metrics : list of str, default=None
        Of "log_loss", "roc_auc" (macro, one against the rest), "accuracy",
        "balanced_accuracy", "brier"; for survival "concordance" (Harrell's C), "log_loss"
        (negative log-likelihood over the intervals), "ibs" (integrated Brier score,
        censoring as in all samples). None: all. Methods are ranked by the first.
    cv : int, splitter or iterable of splits, default=5
        A number: so many folds, stratified and by group, `n_repeats` times. Other splits
        are gathered into repeats in their order: one ends before the split that would
        test a sample a second time.
    groups : array-like of shape (n_samples,), default=None
        Groups of dependent samples, such as the patients of slides: never divided by a
        split, and resampled as a whole.
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
    DataFrame
        One row per method, with the columns, for each metric m,

        - ``m_mean``, ``m_std``: mean and standard deviation over repeats; in a repeat, the
          mean over its splits, counted by their tested samples;
        - ``m_low``, ``m_high``: 95 % interval by the bootstrap over samples or groups;

        and

        - ``rank``: mean rank over repeats in the first metric;
        - ``difference``, ``difference_low``, ``difference_high``: mean difference in
          log-loss to the best expert, the one of lowest loss on the training part of each
          split, with its 95 % interval; below 0 is better;
        - ``p_value``: of that difference, two-sided, by the bootstrap on held-out losses
          averaged over repeats; ``p_holm``: corrected for the number of methods;
        - ``p_wilcoxon``: signed-rank test over repeats. Repeats share their samples, so
          this one states how stable the difference is, not whether it holds elsewhere.

        NaN where a method has no probabilities. ``attrs`` holds the settings, and under
        ``"chosen"`` in how many splits each expert was the best.

    Raises
    ------
    ValueError
        If a name is unknown, there is no y, or the estimator cannot be fitted.
    TypeError
        If the first argument is neither.

    See Also
    --------
    ExpertComparisonDisplay : The table as a plot.

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
    if n_resamples < 1:
        raise ValueError(f"n_resamples={n_resamples}, but at least 1 is needed, better 1000.")
    estimator, X, y, groups = _arguments(estimator_or_outputs, X, y, groups)
    scores, methods = _chosen(estimator, metrics, baselines)
    estimator, y, task = _task(estimator, X, y, groups, scores, methods)
    repeats = _repeats(cv, n_repeats, task, random_state)
    splits = [split for repeat in repeats for split in repeat]
    totals = Totals(task, len(repeats))
    progress = Progress(sys.stderr) if verbose else None
    jobs = (delayed(run_split)(estimator, X, y, task, *split) for split in splits)
    results = Parallel(n_jobs=n_jobs, return_as="generator")(jobs)
    numbers = [number for number, repeat in enumerate(repeats) for _ in repeat]
    for done, (number, (_, test)) in enumerate(zip(numbers, splits, strict=True), start=1):
        if progress:
            progress(f"compare: split {done} of {len(splits)}")
        totals.add(number, test, next(results))
    if progress:
        progress.clear()
    settings = {
        "n_folds": len(repeats[0]),
        "n_repeats": len(repeats),
        "n_resamples": n_resamples,
        "random_state": random_state,
    }
    return comparison_table(totals, settings)


def _arguments(first, X, y, groups):
    """Estimator, X, y and groups, of either form of the call."""
    if isinstance(first, ExpertOutputs):
        if X is not None:
            raise ValueError("X is given twice: leave it out, the first argument holds outputs.")
        kind = LogitProdSurvival if first.classes is None else LogitProdClassifier
        first, X = kind(), first
    if not isinstance(first, (BaseLogitProd, BaseLogitProdCV)):
        raise TypeError(
            "compare takes a LogitProdClassifier, a LogitProdSurvival, a search over one, or "
            f"ExpertOutputs, not {type(first).__name__}."
        )
    if X is None:
        raise ValueError("X is missing: call compare(estimator, X, y).")
    y, groups = own_target(X, y, groups)
    if y is None:
        raise ValueError("y is missing: a comparison needs the outcomes. Pass y.")
    return first, X, y, groups


def _plain(estimator):
    """The estimator itself, or what a search searches over."""
    return estimator._estimator({}) if isinstance(estimator, BaseLogitProdCV) else estimator


def _chosen(estimator, metrics, baselines):
    """Scores and simpler methods, by name."""
    survival = isinstance(_plain(estimator), LogitProdSurvival)
    scores = SURVIVAL_SCORES if survival else CLASS_SCORES
    methods = {**SURVIVAL_METHODS, RANKS: None} if survival else CLASS_METHODS
    wanted = scores if metrics is None else [metrics] if isinstance(metrics, str) else metrics
    simpler = methods if baselines is True else baselines or []
    for names, known, what in ((wanted, scores, "metrics"), (simpler, methods, "baselines")):
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ValueError(f"{what}: there is no {unknown[0]!r}; there are {brief(known)}.")
    if not wanted:
        raise ValueError(f"metrics is empty; there are {brief(scores)}.")
    return {name: scores[name] for name in wanted}, {name: methods[name] for name in simpler}


def _task(estimator, X, y, groups, scores, methods):
    """Estimator and y with which each split is fitted, and the task."""
    n_samples = n_rows(X)
    target = _plain(estimator)._target(X, y, np.ones(n_samples))
    times = target.attributes.get("unique_times_")
    # each split knows all classes, or the same times
    if times is None:
        known, outcome = (
            {"classes": list(target.attributes["classes_"])},
            Outcome(target.likelihood),
        )
    else:
        known, outcome = {"times": times}, Outcome(target.likelihood, target.y, times)
    task = Task(outcome, target.strata, check_groups(groups, n_samples), scores, methods)
    return clone(estimator).set_params(**known), target.y, task


def _repeats(cv, n_repeats, task, seed):
    """Lists of splits (train, test), in each of which a sample is tested at most once."""
    rows = np.zeros((len(task.strata), 0))
    own = (rows, task.strata, task.groups)
    if isinstance(cv, Integral):
        if n_repeats < 1:
            raise ValueError(f"n_repeats={n_repeats}, but at least 1 is needed.")
        kind = StratifiedKFold if task.groups is None else StratifiedGroupKFold
        folds = [kind(cv, shuffle=True, random_state=seed + own) for own in range(n_repeats)]
        splits = [split for splitter in folds for split in splitter.split(*own)]
    else:
        splits = list(check_cv(cv, task.strata, classifier=True).split(*own))
    repeats, tested = [], None
    for train, test in splits:
        if tested is None or tested[test].any():
            repeats.append([])
            tested = np.zeros(len(rows), dtype=bool)
        tested[test] = True
        repeats[-1].append((train, test))
    return repeats
