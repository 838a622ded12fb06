"""Panels of labels against one fit for each label.

``python examples/benchmarks/bench_panels.py`` fits `LogitProdMultilabelClassifier` and, label by
label, `LogitProdClassifier` and logistic regression on the experts' log-odds, and prints mean
log-loss and AUC over labels: for the ECG abnormalities, on four fifths of the rows and on one, for
the mutations of two cohorts as panels of which 30 % of the labels are hidden, for simulated tables
of several targets, and for the tasks of several classes of the bank, one against the rest. Then the
same over labels with fewer than 30 positives. ``--time`` measures fits of 50 labels instead. Needs
the development collection and the bank; cross-fitting the heads of the mutations takes most of the
time.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import defaultdict
from itertools import chain

import numpy as np
from bank import bank_problems
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer
from tasks import add_data_arguments, data_directory

from sklearn_logitprod import LogitProdClassifier, LogitProdMultilabelClassifier
from sklearn_logitprod.targets.panel import panel_strata

FEW = 30
HIDDEN = 0.3
# of the bank, those of at least three classes
SMALLEST = 3


def hidden(y, rng):
    """Labels of which some are not tested, but never all of one kind."""
    out = np.where(rng.random(y.shape) < HIDDEN, np.nan, y)
    for own, whole in zip(out.T, y.T, strict=True):
        for value in (0.0, 1.0):
            own[np.flatnonzero(whole == value)[:6]] = value
    return out


def ecg(data, seed):
    """ECG abnormalities: 13 alike networks, 6 rare labels."""
    with np.load(data / "ecg_abnormalities.npz") as file:
        proba, y = file["proba"].astype(float), file["y"].astype(float)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    for large, small in folds.split(proba, panel_strata(y)):
        yield "ECG, 4/5 of the rows", proba[large], y[large], proba[small], y[small]
        yield "ECG, 1/5 of the rows", proba[small], y[small], proba[large], y[large]


def head():
    """Head on one table of a mutation task."""
    return make_pipeline(
        SimpleImputer(strategy="median"),
        QuantileTransformer(n_quantiles=100, output_distribution="normal"),
        LogisticRegression(C=0.01, max_iter=2000),
    )


def mutations(data, seed):
    """Mutations of two cohorts, 30 % of the labels hidden where pools and heads are fitted."""
    rng = np.random.default_rng(seed)
    for cohort in ("hif_stad", "hif_luad"):
        with np.load(data / f"{cohort}.npz") as file:
            tables = [file[name].astype(float) for name in file.files if name.startswith("X_")]
            y = np.column_stack([file[n] for n in file.files if n.startswith("y_")]).astype(float)
        y[y < 0] = np.nan
        order = rng.permutation(np.flatnonzero(~np.isnan(y).all(axis=1)))
        n_test = int(0.3 * len(order))
        test, fit = order[:n_test], order[n_test:]
        shown = hidden(y[fit], rng)
        experts = [(f"table{m}", head()) for m in range(len(tables))]
        fitted, new = [], []
        for table, (name, expert) in zip(tables, experts, strict=True):
            model = LogitProdMultilabelClassifier([(name, expert)], cv=5, gate_width=None)
            out_of_fold = model.fit_transform(table[fit], shown)
            fitted.append(out_of_fold.reshape(len(fit), -1))
            new.append(model.expert_logits(table[test])[:, 0])
        proba = [1.0 / (1.0 + np.exp(-np.stack(own, axis=1))) for own in (fitted, new)]
        yield f"mutations, {cohort}", proba[0], shown, proba[1], y[test]


def several_targets(seed):
    """Simulated tables of ten targets, read by four learners of half of the columns each."""
    rng = np.random.default_rng(seed)
    for n_labels in (2, 5):
        X, y = make_multilabel_classification(
            900, n_features=30, n_classes=10, n_labels=n_labels, random_state=seed
        )
        # a label that is always there is no label
        spread = [y[:300].mean(axis=0), y[300:450].mean(axis=0)]
        y = y[:, [min(own) > 0.02 and max(own) < 0.98 for own in zip(*spread, strict=True)]]
        learners = (
            RandomForestClassifier(100, random_state=seed),
            ExtraTreesClassifier(100, random_state=seed),
            KNeighborsClassifier(25),
            RandomForestClassifier(100, min_samples_leaf=10, random_state=seed),
        )
        answers = []
        for learner in learners:
            columns = rng.permutation(30)[:15]
            fitted = learner.fit(X[:300, columns], y[:300])
            own = fitted.predict_proba(X[300:, columns])
            answers.append(np.stack([one[:, 1] for one in own], axis=1))
        proba, rest = np.stack(answers, axis=1), y[300:].astype(float)
        yield f"simulated, {n_labels} of 10", proba[:150], rest[:150], proba[150:], rest[150:]


def one_against_the_rest(seed):
    """Tasks of several classes of the bank as panels."""
    for name, problem in bank_problems(seed % 4):
        n_classes = problem.fit_proba.shape[2]
        if n_classes < SMALLEST:
            continue
        y, rest = (np.eye(n_classes)[own] for own in (problem.fit_y, problem.test_y))
        known = [j for j in range(n_classes) if rest[:, j].sum() > 0 and y[:, j].sum() > 2]
        yield (
            f"bank, {name.rpartition('__')[2]}",
            problem.fit_proba[:, :, known],
            y[:, known],
            problem.test_proba[:, :, known],
            rest[:, known],
        )


def tested(y):
    """Rows on which each label was tested."""
    return [np.flatnonzero(~np.isnan(own)) for own in y.T]


def together(proba, y, new):
    """All labels in one fit."""
    return LogitProdMultilabelClassifier(input="proba").fit(proba, y).predict_proba(new)


def single_fits(proba, y, new):
    """The automatic gate, label by label."""
    out = np.empty((len(new), y.shape[1]))
    for j, rows in enumerate(tested(y)):
        model = LogitProdClassifier(input="proba").fit(proba[rows][:, :, j], y[rows, j].astype(int))
        out[:, j] = model.predict_proba(new[:, :, j])[:, 1]
    return out


def stacked(proba, y, new):
    """Logistic regression, as it comes, on the log-odds, label by label."""
    known, later = (
        np.log(p / (1.0 - p)) for p in (np.clip(q, 1e-6, 1 - 1e-6) for q in (proba, new))
    )
    out = np.empty((len(new), y.shape[1]))
    for j, rows in enumerate(tested(y)):
        model = LogisticRegression(max_iter=5000).fit(known[rows][:, :, j], y[rows, j])
        out[:, j] = model.predict_proba(later[:, :, j])[:, 1]
    return out


def mean_of_probabilities(proba, y, new):
    """Nothing fitted."""
    return new.mean(axis=1)


METHODS = {
    "panel": together,
    "single fits": single_fits,
    "stacked logistic": stacked,
    "mean of probabilities": mean_of_probabilities,
}


def scores(proba, y):
    """Log-loss and AUC of each label."""
    found = []
    for j, rows in enumerate(tested(y)):
        own, true = np.clip(proba[rows, j], 1e-7, 1 - 1e-7), y[rows, j]
        area = roc_auc_score(true, own) if 0 < true.sum() < len(true) else np.nan
        found.append((log_loss(true, own, labels=[0, 1]), area))
    return np.array(found)


def quality(data, n_repeats):
    """Scores of each label by panel and method, with the number of positives."""
    found = defaultdict(list)
    for seed in range(n_repeats):
        panels = chain(
            ecg(data, seed),
            mutations(data, seed),
            several_targets(seed),
            one_against_the_rest(seed),
        )
        for name, proba, y, new, truth in panels:
            positives = np.nansum(y, axis=0)
            for method, predict in METHODS.items():
                own = scores(predict(proba, y, new), truth)
                found[name, method].append(np.column_stack([positives, own]))
    return {key: np.concatenate(parts) for key, parts in found.items()}


def show(found, what, choose):
    """One table: log-loss and AUC, a row for each panel."""
    print(f"\n{what}\n{'':26}" + "".join(f"{name:>24}" for name in METHODS))
    for name in dict.fromkeys(panel for panel, _ in found):
        cells = []
        for method in METHODS:
            own = found[name, method]
            own = own[choose(own[:, 0])]
            if len(own):
                cells.append(f"{own[:, 1].mean():>15.4f}  {np.nanmean(own[:, 2]):.4f}")
        if cells:
            print(f"{name:26}" + " ".join(f"{cell:>23}" for cell in cells))


def times():
    """Time of 50 labels in units of one label."""
    print("n_samples  n_experts  one label (s)  50 labels (s)  ratio")
    for n_samples, n_experts in ((300, 6), (600, 8), (1500, 12)):
        rng = np.random.default_rng(0)
        y = (rng.random((n_samples, 50)) < rng.uniform(0.05, 0.4, 50)).astype(float)
        skill = np.linspace(0.3, 1.5, n_experts)[None, :, None]
        common = 0.7 * rng.normal(size=(n_samples, 1, 50))
        log_odds = (2 * y[:, None] - 1) * skill + common
        log_odds += rng.normal(size=log_odds.shape)
        proba = 1.0 / (1.0 + np.exp(-log_odds))
        single_fits(proba[:, :, :1], y[:, :1], proba[:2, :, :1])
        start = time.process_time()
        single_fits(proba[:, :, :10], y[:, :10], proba[:2, :, :10])
        one = (time.process_time() - start) / 10
        start = time.process_time()
        together(proba, y, proba[:2])
        whole = time.process_time() - start
        print(f"{n_samples:9}  {n_experts:9}  {one:13.3f}  {whole:13.2f}  {whole / one:5.1f}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    add_data_arguments(parser)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--time", action="store_true", help="time fits of 50 labels, no quality")
    args = parser.parse_args()
    # what the fits have to tell of single panels is not the matter here
    warnings.simplefilter("ignore")
    if args.time:
        times()
        return
    found = quality(data_directory(args.data), args.repeats)
    show(found, "all labels: log-loss, AUC", lambda positives: positives >= 0)
    show(found, f"labels with fewer than {FEW} positives", lambda positives: positives < FEW)


if __name__ == "__main__":
    main()
