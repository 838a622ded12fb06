"""The bank's section of the benchmark page: a summary, as the tasks are many."""

from __future__ import annotations

from bank_tables import AUC, collections, excess, of_bank, standing, verdicts
from significance import friedman
from suite_figures import critical_diagram
from suite_methods import AUTO
from suite_rst import csv_table, heading, image, p_equals, verdict_table
from suite_tables import HARD, LOSS, by_fold, means, of_survival, outside

WORST = 8


def bank_figures(results):
    """Mean ranks on the bank by log-loss and by AUC, with critical differences."""
    folds = by_fold(results[of_bank(results)])
    return {
        "bank_log_loss": critical_diagram(folds, LOSS, False),
        "bank_auc": critical_diagram(folds, AUC, True),
    }


def bank_section(results):
    """Lines of the section: what was to be shown, ranks, gains, and the worst tasks."""
    folds = of_survival(by_fold(results), False)
    own = folds[of_bank(folds)]
    n_tasks, n_repeats = own["task"].nunique(), own["repeat"].nunique()
    lines = [
        *heading("Many small tasks", "-"),
        f"{n_tasks} more tasks with eight fitted experts each, {n_repeats} repeats with experts of "
        "their own: tables of public packages, of which 45 % train the experts, 25 %, at most 600 "
        "rows, fit the fusion, and the rest tests it. The experts are of different kinds on parts "
        "of the features, or alike on half views. Aims are for these and for the classification "
        "tasks above together; seven are the methods that the data's description compares.",
        "",
        *verdict_table(verdicts(results)),
    ]
    for score, name in ((LOSS, "bank_log_loss"), (AUC, "bank_auc")):
        names = [AUTO, *outside(own)]
        p_value = friedman(means(own, score)[names].to_numpy())
        lines += image(
            name,
            f"The {n_tasks} tasks, {score}. Bars are Nemenyi's critical difference at 5 %; "
            f"Friedman's test that all are alike: p {p_equals(p_value)}.",
        )
    lines += [
        "Mean log-loss and AUC with mean ranks, and the mean gain in AUC over the best single "
        f"expert where that is below {HARD}:",
        "",
    ]
    for name, part in collections(folds).items():
        rows = [
            (
                method,
                f"{row[LOSS]:.4f}",
                f"{row[f'{LOSS} rank']:.2f}",
                f"{row[AUC]:.4f}",
                f"{row[f'{AUC} rank']:.2f}",
                f"{100 * row['gain']:+.2f} %",
            )
            for method, row in standing(part).iterrows()
        ]
        header = (f"{name}, {part['task'].nunique()} tasks", LOSS, "rank", AUC, "rank", "gain")
        lines += csv_table(header, rows, (35, 13, 13, 13, 13, 13))
    worst = excess(folds)
    n_first = (worst["nats"] <= 0.0).sum()
    rows = [
        (
            task,
            f"{row['own']:.4f}",
            row["best"],
            f"{row['other']:.4f}",
            f"{row['nats']:+.4f}",
            f"{100 * row['relative']:+.1f} %",
        )
        for task, row in worst.head(WORST).iterrows()
    ]
    return [
        *lines,
        f"The automatic gate has the lowest log-loss on {n_first} of {len(worst)} tasks. Its "
        "excess over the best outside method of each task, chosen with hindsight, is "
        f"{worst['nats'].mean():+.4f} nats on average, and "
        f"{100 * worst['relative'].median():+.2f} % in the median; the worst tasks:",
        "",
        *csv_table(
            ("task", "auto", "best outside", "", "nats", ""), rows, (30, 12, 26, 12, 12, 12)
        ),
    ]
