"""The benchmark page: every number in it comes from the table of results."""

from __future__ import annotations

from datetime import date
from importlib.metadata import version

import numpy as np
from bank_tables import has_bank, without_bank
from significance import friedman
from suite_bank import bank_figures, bank_section
from suite_figures import cost, critical_diagram, excess
from suite_methods import (
    ABLATION,
    AUTO,
    CONSTANT,
    FUSION_MLP,
    LOGITS,
    OF_TABLES,
    ORACLE_NAME,
    PAPER,
    PROBABILITIES,
    SINGLE,
    SURVIVAL_OF_TABLES,
)
from suite_rst import csv_table, heading, image, p_equals, verdict_table
from suite_tables import (
    DROPPED,
    HARD,
    LEVEL,
    LOSS,
    RANKING,
    SHIFT,
    best_outside,
    by_fold,
    cost_ratio,
    deviations,
    everywhere,
    gain,
    means,
    of_survival,
    outside,
    paired,
    ranks,
    verdicts,
)

PACKAGES = ("scikit-learn", "scikit-survival", "numpy", "scipy", "torch")


def write_page(results, folder):
    """Write ``benchmark.rst``, its figures and the means of all tasks as CSV.

    Parameters
    ----------
    results : DataFrame
        As of `read_results`.
    folder : Path
    """
    everything, results = results, without_bank(results)
    folds = by_fold(results)
    classes, survival = of_survival(folds, False), of_survival(folds)
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    drawn = {
        "excess": excess(folds),
        "ranks_log_loss": critical_diagram(classes, LOSS, False),
        "ranks_auc": critical_diagram(classes, RANKING, True),
        "cost": cost(classes),
    }
    if has_bank(everything):
        drawn |= bank_figures(everything)
    for name, drawing in drawn.items():
        drawing.savefig(images / f"benchmark_{name}.png", dpi=110)
    summary(by_fold(everything)).to_csv(folder / "benchmark.csv", index=False, float_format="%.5g")
    parts = [
        _head(everything, folds),
        _verdicts(results),
        _tasks(folds),
        _ranks(classes, survival),
        _costs(folds, classes),
        _robustness(results),
        _reasons(results, folds, classes),
        bank_section(everything) if has_bank(everything) else [],
    ]
    text = "\n".join(line for part in parts for line in part)
    (folder / "benchmark.rst").write_text(text + "\n", encoding="utf-8")


def summary(folds):
    """Mean and deviation over repeats of each score: a row per task and method."""
    scores = [LOSS, "AUC", "accuracy", "balanced accuracy", "Brier", "C-index", "IBS"]
    repeats = folds.groupby(["task", "family", "method", "repeat"])[[*scores, "fit_seconds"]].mean()
    grouped = repeats.groupby(["task", "family", "method"])
    spread = grouped[scores].std().add_suffix(" sd")
    return grouped.mean().join(spread).reset_index()


def _p(value):
    return (
        "" if np.isnan(value) else f"{value:.3f}" if value >= 0.001 else "<\N{NO-BREAK SPACE}0.001"
    )


def _head(results, folds):
    n_tasks, n_repeats = folds["task"].nunique(), folds["repeat"].nunique()
    seconds = results["fit_seconds"].sum() + results["predict_seconds"].sum()
    machines = " and ".join(sorted(results["machine"].unique()))
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    families = folds.groupby("family")["task"].nunique()
    kinds = ", ".join(f"{family} {n}" for family, n in families.items())
    return [
        ".. This page is written by examples/benchmarks/suite.py; do not edit it.",
        "",
        *heading("Benchmark", "="),
        f"{n_tasks} tasks with real experts ({kinds}), {n_repeats} repeats of each protocol, all "
        "methods on the same splits; groups are kept together, and experts on tables of features "
        "are trained inside the training part, their outputs for the fusion out-of-fold. Written "
        f"on {date.today().isoformat()} by ``examples/benchmarks/suite.py``, whose README says how "
        "to run it and what the tasks are; the data are no part of the project. "
        ":download:`Means of all tasks and methods <benchmark.csv>`.",
        "",
        f"Machine: {machines}; two processes with one thread each; {packages}. The fits and "
        f"predictions of this page took {seconds / 60:.0f} minutes of processor time, training of "
        "experts not counted.",
        "",
    ]


def _verdicts(results):
    text = "*Outside methods* are all but variants of ours. Tests are corrected resampled t-tests"
    return [
        *heading("What was to be shown", "-"),
        f"{text} (Nadeau and Bengio, 2003) at {100 * LEVEL:.0f} % over all splits of a task.",
        "",
        *verdict_table(verdicts(results)),
    ]


def _tasks(folds):
    single, other = paired(folds, LOSS, AUTO, SINGLE), best_outside(folds)
    rival = paired(folds, LOSS, AUTO, other)
    spread, ranking = deviations(folds, LOSS)[AUTO], means(folds, RANKING)
    own = [
        (
            task,
            f"{row['a']:.4f}",
            f"{spread[task]:.4f}",
            f"{row['b']:.4f}",
            _p(row["p_holm"]),
            f"{ranking[AUTO][task]:.4f}",
            f"{ranking[SINGLE][task]:.4f}",
        )
        for task, row in single.iterrows()
    ]
    others = [
        (
            task,
            row["second"],
            f"{row['b']:.4f}",
            f"{row['difference']:+.4f}",
            _p(row["p"]),
            _p(row["p_holm"]),
            _p(row["p_wilcoxon"]),
        )
        for task, row in rival.iterrows()
    ]
    return [
        *heading("Task by task", "-"),
        *image("excess", "Each row is a task, each mark a method."),
        "Held-out log-loss of the automatic gate, its standard deviation over repeats, that of the "
        "single expert that is best on the fit data, and the p-value of the difference after "
        "Holm's correction over the tasks; then AUC, or C-index for survival, of both:",
        "",
        *csv_table(("task", "auto", "sd", "single", "p (Holm)", "AUC, C: auto", "single"), own),
        "The best outside method, chosen with hindsight by the held-out log-loss itself, so that "
        "the test is a hard one; its log-loss, the difference of the automatic gate to it (below 0 "
        "is better), p-values before and after correction, and that of signed ranks (Wilcoxon) "
        "over repeats, which five cannot take below 0.0625:",
        "",
        *csv_table(("task", "best outside", "", "difference", "p", "p (Holm)", "ranks"), others),
    ]


def _ranks(classes, survival):
    lines = [*heading("Ranks", "-")]
    for score, figure in ((LOSS, "ranks_log_loss"), (RANKING, "ranks_auc")):
        names = [AUTO, *outside(classes)]
        table = everywhere(means(classes, score)[names])
        sign = -1.0 if score == RANKING else 1.0
        what = "AUC" if score == RANKING else score
        text = (
            f"Classification, {what}. A method whose mean rank is outside the bar of another one's "
            "differs from it by Nemenyi's test at 5 % (Demsar, 2006); Friedman's test that all "
            f"are alike: p {p_equals(friedman(sign * table.to_numpy()))}."
        )
        lines += image(figure, text)
    if survival.empty:
        return lines
    names = [AUTO, CONSTANT, *outside(survival), "rank averaging"]
    rows = []
    for name in names:
        cells = [name]
        for score in (LOSS, "IBS", "C-index"):
            table = means(survival, score)
            if name not in table or table[name].isna().any():
                cells += ["", ""]
                continue
            own = everywhere(table[[n for n in names if n in table]])
            cells += [
                f"{table[name].mean():.4f}",
                f"{ranks(own, score == 'C-index').mean()[name]:.2f}",
            ]
        rows.append(cells)
    header = ("method", "log-loss", "rank", "IBS", "rank", "C-index", "rank")
    text = f"Survival, means over {survival['task'].nunique()} cohorts and mean ranks:"
    return [*lines, text, "", *csv_table(header, rows, (28, 12, 12, 12, 12, 12, 12))]


def _ratio(value):
    return f"{value:.0f}" if value >= 10.0 else f"{value:.1f}"


def _costs(folds, classes):
    rows = []
    for method in (PAPER, *OF_TABLES, *SURVIVAL_OF_TABLES):
        ratio = cost_ratio(folds, method)
        if not len(ratio):
            continue
        pair = paired(folds[folds["task"].isin(ratio.index)], LOSS, AUTO, method)
        rows.append(
            (
                method,
                f"{len(ratio)}",
                f"{_ratio(ratio.median())} ({_ratio(ratio.min())} to {_ratio(ratio.max())})",
                f"{(pair['difference'] <= 0).sum()} of {len(pair)}",
            )
        )
    seconds = means(classes, "fit_seconds")[AUTO]
    n_paper = classes[classes["method"] == PAPER].groupby("task").size()
    return [
        *heading("Cost", "-"),
        *image("cost", "Classification: time of a fit and rank. Ours are marked."),
        f"A fit of the automatic gate takes {seconds.median():.2f} seconds on the median task, "
        f"{seconds.max():.1f} on the largest ({seconds.idxmax()}). Against methods that are "
        "trained at length, on the same splits; the time of feature fusion is that of one model on "
        "the features of all experts, ours that of the fusion alone, as the paper counts:",
        "",
        *csv_table(
            (
                "method",
                "tasks",
                "its seconds over ours, median of tasks (range)",
                "auto at most its log-loss",
            ),
            rows,
            (34, 10, 34, 22),
        ),
        f"{PAPER} is the published procedure re-expressed: linear gate on the paper's features, "
        "Adam at 1e-5, batches of 16, up to 600 epochs, patience 50, cosine restarts, penalty 0.1. "
        f"It was run on the first split of each repeat, and once where there are more than 2000 "
        f"rows ({n_paper.sum()} fits); for survival the published gate has no gradient, and is the "
        "mean of logits.",
        "",
    ]


def _robustness(results):
    lines = heading("One expert less, and other distortions", "-")
    dropped = by_fold(results, DROPPED)
    if not dropped.empty:
        rows = []
        for survival, kind in ((False, "classification"), (True, "survival")):
            own = of_survival(dropped, survival)
            if own.empty:
                continue
            table = everywhere(means(own, LOSS))
            mean = ranks(table[[n for n in table if n == AUTO or n in outside(own)]]).mean()
            rows += [(kind, name, f"{rank:.2f}") for name, rank in mean.sort_values().items()]
        lines += [
            "At test time the single expert that was best on the fit data is missing for every "
            "sample that has another one. Mean ranks in log-loss (the best single expert is then "
            "the mean of the others):",
            "",
            *csv_table(("", "method", "mean rank"), rows, (25, 50, 25)),
        ]
    shift = by_fold(results, SHIFT)
    if not shift.empty:
        table = shift.pivot_table(index="fold", columns="method", values=LOSS)
        names = [AUTO, *outside(shift)]
        mean = table[names].mean().sort_values()
        rank = ranks(table[names]).mean()
        rows = [(name, f"{mean[name]:.4f}", f"{rank[name]:.2f}") for name in mean.index]
        lines += [
            f"Fitted on all of {len(table)} kinds of distortion but one, tested on the one left "
            "out, each in turn:",
            "",
            *csv_table(("method", "log-loss", "mean rank"), rows, (50, 25, 25)),
        ]
    return lines


def _reasons(results, folds, classes):
    first = folds[folds["repeat"] == 0]
    lines = heading("What the parts give, and what there is to gain", "-")
    loss, ranking = means(first, LOSS), means(first, RANKING)
    rows = []
    for name in (CONSTANT, *ABLATION):
        if name not in loss:
            continue
        kept = loss[name].dropna().index
        change = 100.0 * (loss[name] / loss[AUTO] - 1.0)[kept]
        turn = 100.0 * (ranking[name] / ranking[AUTO] - 1.0)[kept]
        label = "without gate and correction (constant)" if name == CONSTANT else name
        rows.append(
            (label, f"{change.mean():+.2f} %", f"{change.max():+.1f} %", f"{turn.mean():+.2f} %")
        )
    lines += [
        "The automatic gate with a part left out, first repeat. Log-loss above 0: the part helps.",
        "",
        *csv_table(("", "log-loss", "worst task", "AUC or C"), rows, (46, 18, 18, 18)),
    ]
    if ORACLE_NAME in means(classes, RANKING):
        own = classes[classes["repeat"] == 0]
        best, area = gain(own, ORACLE_NAME), gain(own)
        table = means(own, LOSS)
        room = table[SINGLE] - table[ORACLE_NAME]
        share = ((table[SINGLE] - table[AUTO]) / room)[room > 0]
        lines += [
            f"**The gain in ranking.** Over the {len(area)} classification tasks on which the "
            f"single expert's AUC is below {HARD}, the automatic gate gains "
            f"{100 * area.mean():.2f} % on the first repeat. Constant weights fitted on the *test "
            "samples themselves*, which no method "
            f"can do and which fits their noise, gain {100 * best.mean():.2f} %: that is how much "
            f"weights can give. Per task the automatic gate gains {100 * area.min():.1f} % to "
            f"{100 * area.max():.1f} %, the oracle {100 * best.min():.1f} % to "
            f"{100 * best.max():.1f} %. Of the log-loss between the single expert and the oracle "
            f"the automatic gate closes {100 * share.median():.0f} % on the median task.",
            "",
        ]
        low = area.sort_values().index[:5]
        rows = [(task, f"{100 * area[task]:+.2f} %", f"{100 * best[task]:+.2f} %") for task in low]
        lines += [
            "The tasks that gain least:",
            "",
            *csv_table(("task", "auto", "oracle"), rows, (50, 25, 25)),
        ]
    survival = of_survival(first)
    if not survival.empty:
        area, table = gain(survival), means(of_survival(folds), RANKING)
        near = (table[AUTO] - table[LOGITS]).abs(), (table[AUTO] - table[PROBABILITIES]).abs()
        lines += [
            f"For survival the gain in the C-index is {100 * area.mean():.2f} % on average "
            f"({100 * area.min():.1f} % to {100 * area.max():.1f} %) on the first repeat. Over all "
            f"repeats the automatic gate's C-index is {near[0].median():.4f} from that of the mean "
            f"of logits and {near[1].median():.4f} from that of the mean of probabilities on the "
            "median cohort: with so few events their ranks are next to chance.",
            "",
        ]
    ratio = cost_ratio(folds, FUSION_MLP)
    if len(ratio) and ratio.min() < 12.0:
        slow = ratio[ratio < 12.0]
        seconds = means(folds, "fit_seconds")
        lines += [
            f"**The cost against feature fusion.** The ratio is below 12 on {len(slow)} of "
            f"{len(ratio)} tasks. The network is small and the features of these experts are few: "
            f"there it takes {seconds[FUSION_MLP][slow.index].mean():.2f} seconds on average, the "
            "automatic gate, which fits candidates with corrections across classes in five folds, "
            f"{seconds[AUTO][slow.index].mean():.2f}, constant weights "
            f"{seconds[CONSTANT][slow.index].mean():.3f}.",
            "",
        ]
    ratio = cost_ratio(folds, PAPER)
    if len(ratio) and ratio.median() < 100.0:
        lines += [
            f"**The cost against {PAPER}.** It stops once its validation loss has not fallen for "
            "50 epochs, and takes "
            f"{means(folds, 'fit_seconds')[PAPER].median():.0f} seconds on the median task.",
            "",
        ]
    return lines
