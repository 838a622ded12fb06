"""From the scores of every split to tables, ranks, tests and verdicts.

Every function takes the tidy table that `suite.py` writes, or what another one of them
made of it; none reads or writes a file but `read_results`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from significance import corrected_t_test, holm, signed_rank_test
from suite_methods import (
    ABLATION,
    AUTO,
    FUSION_COX,
    FUSION_LR,
    FUSION_MLP,
    ORACLE_NAME,
    OURS,
    PAPER,
    SINGLE,
)

LEVEL = 0.05
HARD = 0.95
AS_IS, DROPPED, SHIFT = "as is", "expert dropped", "shift"
LOSS, RANKING = "log-loss", "ranking"
OF_FEATURES = (FUSION_LR, FUSION_MLP, FUSION_COX)


@dataclass(frozen=True)
class Verdict:
    """What is to be shown, the figure measured, and whether it is met."""

    what: str
    figure: str
    met: bool


def read_results(path):
    """The tidy table; splits as text, ``ranking`` is the AUC or the C-index."""
    results = pd.read_csv(path, dtype={"split": str})
    results[RANKING] = results["AUC"].fillna(results["C-index"])
    return results


def by_fold(results, condition=AS_IS):
    """Mean over the parts of a task: one row per task, repeat, fold and method."""
    results = results[results["condition"] == condition]
    fold = results["split"].str.split("/").str[-1]
    keys = ["task", "family", "repeat", "fold", "method"]
    values = results.select_dtypes("number").columns.difference(["repeat"])
    return results.assign(fold=fold).groupby(keys, observed=True)[list(values)].mean().reset_index()


def means(folds, score):
    """Mean score: tasks by methods."""
    return folds.pivot_table(index="task", columns="method", values=score)


def deviations(folds, score):
    """Standard deviation of the mean score of a repeat over repeats: tasks by methods."""
    repeats = folds.pivot_table(index=["task", "repeat"], columns="method", values=score)
    return repeats.groupby("task").std()


def of_survival(folds, survival=True):
    """Rows of survival tasks, or the others."""
    return folds[(folds["family"] == "survival") == survival]


def everywhere(table, but=()):
    """Columns of methods that were run on all tasks, without some."""
    return table.drop(columns=list(but), errors="ignore").dropna(axis=1)


def ranks(table, larger_is_better=False):
    """Rank of each method on each task, 1 is the best."""
    values = -table if larger_is_better else table
    return pd.DataFrame(rankdata(values, axis=1), table.index, table.columns)


def outside(folds):
    """Methods that are not ours, ran on all splits and have a log-loss; of one kind of task."""
    table = everywhere(means(folds, LOSS), (*OURS, *ABLATION, ORACLE_NAME))
    complete = folds.groupby("method").size()
    return [name for name in table if complete[name] == complete[AUTO]]


def paired(folds, score, first, second):
    """For each task: means, difference, p-value of the corrected t-test, signed ranks.

    Parameters
    ----------
    folds : DataFrame
        As of `by_fold`.
    score : str
    first : str
        Method.
    second : str or Series
        Method, or the method for each task.

    Returns
    -------
    DataFrame
        Indexed by task: ``second`` (its name), ``a``, ``b``, ``difference`` (a - b), ``p``,
        ``p_holm`` (over the tasks), ``p_wilcoxon`` (over repeats).
    """
    rows = {}
    for task, own in folds.groupby("task"):
        other = second if isinstance(second, str) else second[task]
        wide = own.pivot_table(index=["repeat", "fold"], columns="method", values=score)
        pair = wide[[first, other]].dropna()
        difference = pair[first] - pair[other]
        sizes = own[own["method"] == first]
        ratio = (sizes["n_test"] / sizes["n_fit"]).mean()
        enough = len(difference) > 1
        rows[task] = {
            "second": other,
            "a": pair[first].mean(),
            "b": pair[other].mean(),
            "difference": difference.mean(),
            "p": corrected_t_test(difference.to_numpy(), ratio) if enough else np.nan,
            "p_wilcoxon": signed_rank_test(difference.groupby("repeat").mean().to_numpy()),
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table["p_holm"] = holm(table["p"])
    return table


def rivals_of(folds):
    """For each task, the methods that are not ours and ran on all of its splits."""
    names = {}
    for survival in (False, True):
        own = of_survival(folds, survival)
        if own.empty:
            continue
        table = means(own, LOSS)
        extra = [name for name in OF_FEATURES if name in table]
        for task in table.index:
            known = [name for name in extra if not np.isnan(table[name][task])]
            names[task] = outside(own) + known
    return names


def best_outside(folds):
    """For each task, the method of the lowest mean log-loss among those that are not ours."""
    table = means(folds, LOSS)
    best = {task: table.loc[task, names].idxmin() for task, names in rivals_of(folds).items()}
    return pd.Series(best)


def gain(folds, method=AUTO):
    """Relative gain in the ranking score over the best single expert, on the hard tasks."""
    table = means(folds, RANKING)
    return (table[method] / table[SINGLE] - 1.0)[table[SINGLE] < HARD]


def cost_ratio(folds, method):
    """Median over splits of the seconds of a fit over those of the automatic gate, by task."""
    index = ["task", "repeat", "fold"]
    wide = folds.pivot_table(index=index, columns="method", values="fit_seconds")
    if method not in wide:
        return pd.Series(dtype=float)
    return (wide[method] / wide[AUTO]).dropna().groupby("task").median()


def verdicts(results):
    """What is to be shown, one after the other."""
    folds = by_fold(results)
    against_first = paired(folds, LOSS, AUTO, best_outside(folds))
    tied = (against_first["difference"] <= 0.0) | ~(against_first["p"] < LEVEL)
    yield Verdict(
        "log-loss: first, or not worse than the first (corrected t-test), on 20 of 22 tasks",
        f"{tied.sum()} of {len(tied)}, first on {(against_first['difference'] <= 0).sum()}",
        11 * tied.sum() >= 10 * len(tied),
    )
    for survival, kind in ((False, "classification"), (True, "survival")):
        own = of_survival(folds, survival)
        if own.empty:
            continue
        names = [AUTO, *outside(own)]
        for score, most in ((LOSS, 0), (RANKING, 1)):
            table = ranks(means(own, score)[names], score == RANKING).mean()
            before = (table.drop(AUTO) < table[AUTO]).sum()
            yield Verdict(
                f"{kind}: mean rank in {score}, {'lowest' if most == 0 else 'at most second'}",
                f"{table[AUTO]:.2f} (next {table.drop(AUTO).min():.2f})",
                before <= most,
            )
    yield Verdict(
        f"gain in AUC or C-index over the best single expert where below {HARD}, >= 3 %",
        f"{100 * gain(folds).mean():.2f} % ({len(gain(folds))} tasks)",
        gain(folds).mean() >= 0.03,
    )
    for score, sign in ((LOSS, 1.0), (RANKING, -1.0)):
        table = paired(folds, score, AUTO, SINGLE)
        worse = table[(sign * table["difference"] > 0.0) & (table["p"] < LEVEL)]
        yield Verdict(
            f"{score}: significantly worse than the best single expert nowhere",
            ", ".join(worse.index) or "nowhere",
            worse.empty,
        )
    for method, least in ((FUSION_MLP, 12.0), (PAPER, 100.0)):
        ratio = cost_ratio(folds, method)
        if len(ratio):
            yield Verdict(
                f"seconds of {method} over those of the automatic gate, >= {least:.0f}",
                f"{ratio.median():.3g} (median of {len(ratio)} tasks; least {ratio.min():.2g})",
                ratio.median() >= least,
            )
    gap = results["gap"].max()
    yield Verdict("largest guarantee gap, <= 0", f"{gap:.1e}", gap <= 0.0)
