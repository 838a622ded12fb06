"""What is to be shown on the bank and the development collection together, from the scores.

Functions of ``results`` take the tidy table that `suite.py` and `bench_bank.py` write, those of
``folds`` what `suite_tables.by_fold` made of it.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
from bank import BANK
from suite_methods import AUTO, GREEDY, LOGISTIC, LOGISTIC_CV, LOGITS, PROBABILITIES, SINGLE
from suite_tables import (
    HARD,
    LEVEL,
    LOSS,
    Verdict,
    by_fold,
    gain,
    means,
    of_survival,
    outside,
    paired,
    ranks,
)

AUC = "AUC"
SEVEN = (AUTO, SINGLE, LOGITS, PROBABILITIES, GREEDY, LOGISTIC, LOGISTIC_CV)
"""The methods of the figures in the bank's README."""
WEAK = 0.7  # AUC of the single expert below which the plain means are hard to beat
RELATIVE, NATS = 0.25, 0.02  # an excess above both is a failure
LEADS = {LOSS: 1.0, AUC: 0.5}
"""By how much the mean rank is to be ahead of the next."""
FAMILIES = ("hif_luad", "hif_stad", "kather_texture_2016")


def of_bank(table):
    """Which rows, of results or of folds, are of the bank."""
    return table["family"] == BANK


def has_bank(results):
    """Whether the bank was run."""
    return bool(of_bank(results).any())


def without_bank(results):
    """Rows of the development collection."""
    return results[~of_bank(results)]


def collections(folds):
    """By name: the folds of the bank, of the development collection, and of both."""
    parts = {BANK: folds[of_bank(folds)], "data": without_bank(folds), "together": folds}
    return {name: own for name, own in parts.items() if len(own)}


def table_of(task):
    """Table from which a task comes: several tasks may share one."""
    family = next((name for name in FAMILIES if task.startswith(name)), task)
    return family.split("__")[0]


def standing(folds):
    """Means and mean ranks of the automatic gate and the outside methods, best first."""
    names = [AUTO, *outside(folds)]
    columns = {}
    for score in (LOSS, AUC):
        table = means(folds, score)[names]
        columns[f"{score} rank"] = ranks(table, score == AUC).mean()
        columns[score] = table.mean()
    columns["gain"] = pd.Series({name: gain(folds, name).mean() for name in names})
    return pd.DataFrame(columns).sort_values(f"{LOSS} rank")


def excess(folds):
    """Log-loss over the best outside method, which is chosen with hindsight, by task.

    Returns
    -------
    DataFrame
        Indexed by task, largest relative excess first: ``best`` (its name), ``own``, ``other``,
        ``nats``, ``relative`` and ``failure`` (above `RELATIVE` and above `NATS`).
    """
    table = means(folds, LOSS)
    others = table[outside(folds)]
    out = pd.DataFrame({"best": others.idxmin(axis=1), "own": table[AUTO]})
    out["other"] = others.min(axis=1)
    out["nats"] = out["own"] - out["other"]
    out["relative"] = out["nats"] / out["other"]
    out["failure"] = (out["relative"] > RELATIVE) & (out["nats"] > NATS)
    return out.sort_values("relative", ascending=False)


def weak(folds):
    """Tasks whose single expert's AUC is below `WEAK`: ours less the plain means.

    Returns
    -------
    DataFrame
        Indexed by task: ``log-loss`` (less the mean of log-probabilities', below 0 is better)
        and ``AUC`` (less the mean of probabilities', above 0 is better).
    """
    loss, area = means(folds, LOSS), means(folds, AUC)
    kept = area[SINGLE] < WEAK
    columns = {LOSS: loss[AUTO] - loss[LOGITS], AUC: area[AUTO] - area[PROBABILITIES]}
    return pd.DataFrame(columns)[kept]


def verdicts(results):
    """What is to be shown, one after the other."""
    folds = of_survival(by_fold(results), False)
    names = [AUTO, *outside(folds)]
    seven = [name for name in SEVEN if name in names]
    for (score, least), own in product(LEADS.items(), (names, seven)):
        mean = ranks(means(folds, score)[own], score == AUC).mean()
        others = mean.drop(AUTO)
        yield Verdict(
            f"mean rank in {score} among {len(own)}, first by at least {least}",
            f"{mean[AUTO]:.2f} (next {others.min():.2f}, {others.idxmin()})",
            others.min() - mean[AUTO] >= least,
        )
    own = gain(folds)
    yield Verdict(
        f"gain in AUC over the best single expert where below {HARD}, >= 4 %",
        f"{100 * own.mean():.2f} % ({len(own)} tasks)",
        own.mean() >= 0.04,
    )
    for own in (names, seven):
        table = excess(folds[folds["method"].isin(own)])
        failed = table.index[table["failure"]]
        yield Verdict(
            f"above the best other of {len(own)} by {RELATIVE:.0%} and {NATS} nats, nowhere",
            f"on {len(failed)} of {len(table)}",
            not len(failed),
        )
    table = weak(folds)
    for score, other, sign in ((LOSS, LOGITS, 1.0), (AUC, PROBABILITIES, -1.0)):
        mean = table[score].mean()
        yield Verdict(
            f"single expert's AUC < {WEAK}: {score} no worse than that of the {other}",
            f"{mean:+.4f} ({len(table)} tasks)",
            not table.empty and sign * mean <= 0.0,
        )
    for score, sign in ((LOSS, 1.0), (AUC, -1.0)):
        pairs = paired(folds, score, AUTO, SINGLE)
        worse = pairs[(sign * pairs["difference"] > 0.0) & (pairs["p"] < LEVEL)]
        corrected = (worse["p_holm"] < LEVEL).sum()
        yield Verdict(
            f"{score}: significantly worse than the best single expert nowhere",
            "nowhere"
            if worse.empty
            else f"{', '.join(worse.index)} (after Holm's correction {corrected})",
            worse.empty,
        )
    gap = results["gap"].max()
    yield Verdict("largest guarantee gap, <= 0", f"{gap:.1e}", gap <= 0.0)
    if "identical" in results and results["identical"].notna().any():
        same = results["identical"].dropna().astype(bool)
        yield Verdict(
            "fitted twice: the same bits", f"{same.sum()} of {len(same)} fits", bool(same.all())
        )


def badness(folds):
    """What a choice by tables minimises, by task.

    The log of the ratio of log-losses, ours over the best outside method's, both raised by
    `NATS`, so that where next to nothing is lost a multiple of it does not decide.
    """
    table = excess(folds)
    return np.log((table["own"] + NATS) / (table["other"] + NATS))


def choose_elsewhere(table):
    """For each task the variant that is best on average over the tasks of all other tables.

    Parameters
    ----------
    table : DataFrame of shape (n_tasks, n_variants)
        `badness` of each variant, indexed by task.

    Returns
    -------
    Series
        The name of the variant for each task.
    """
    tables = table.index.map(table_of)
    best = {own: table[tables != own].mean().idxmin() for own in tables.unique()}
    return pd.Series([best[own] for own in tables], table.index)


def leave_tables_out(variants):
    """What a choice among variants of ours is worth on tables that it has not seen.

    Parameters
    ----------
    variants : dict of str to DataFrame
        Results on the same tasks and repeats; they differ in the automatic gate alone.

    Returns
    -------
    best : str
        The variant that is chosen on all tables.
    results : DataFrame
        As if on each table the variant that wins on the others had been used.
    chosen : Series
        As of `choose_elsewhere`.

    Raises
    ------
    ValueError
        If the runs are of different tasks, repeats or methods.
    """
    keys = ["task", "repeat", "split", "method"]
    rows = {frozenset(own[keys].itertuples(index=False, name=None)) for own in variants.values()}
    if len(rows) > 1:
        raise ValueError("the runs differ in tasks, repeats or methods: use the same options")
    table = pd.DataFrame({name: badness(by_fold(own)) for name, own in variants.items()})
    chosen = choose_elsewhere(table)
    parts = [own[own["task"].map(chosen) == name] for name, own in variants.items()]
    return table.mean().idxmin(), pd.concat(parts, ignore_index=True), chosen
