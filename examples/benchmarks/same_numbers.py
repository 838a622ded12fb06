"""Whether two versions of the code give the same numbers on the development data.

``python examples/benchmarks/same_numbers.py store FILE.npz`` fits estimators and searches
on a part of every data set and keeps predictions, weights, losses and scores.
``python examples/benchmarks/same_numbers.py compare FILE.npz``, run on another version,
repeats the fits and prints how far each is from what was stored; it exits with 1 if any
number differs by more than 1e-12, or if the fits or their arrays are not the same.

Only the public interface is used. Compare on the same machine, with the same versions of
the dependencies and with OMP_NUM_THREADS=1, as the order of sums changes the last digits.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from survival_tasks import COHORTS, load_survival_tasks
from tasks import add_data_arguments, load_tasks

from sklearn_logitprod import (
    LogitProdClassifier,
    LogitProdClassifierCV,
    LogitProdSurvival,
    LogitProdSurvivalCV,
)

# one task of each file of classes; the files of COHORTS are the survival data
TASKS = (
    "bach4",
    "camelyon16_predictions",
    "cifar10_two_nets",
    "ecg_abnormalities",
    "flusight_ratechange_2023_24",
    "glioma_grade_pathgraph",
    "hif_luad_mut_EGFR",
    "hif_stad_msi_h",
    "imagenet16_distortions",
    "kather_texture_2016_1500",
    "sklearn_cancer_trees",
    "sklearn_digits_trees",
    "support2_3class",
)
GRID = {"gate_widths": (None, 0, 4), "temperatures": (0.5, 1), "alphas": (30, 100), "cv": 3}
MOST_FIT_ROWS, MOST_TEST_ROWS = 1500, 500
SMALL = 700
TOLERANCE = 1e-12


def some_rows(n_rows, most):
    """Rows in increasing order, all of them if they are few."""
    if n_rows <= most:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(0).choice(n_rows, most, replace=False))


def weights_for(n_rows):
    """Sample weights, among them zeros."""
    return np.random.default_rng(1).choice([0.0, 0.5, 1.0, 2.0], n_rows)


def pseudo_groups(n_rows):
    """Groups of three rows that follow each other."""
    return np.arange(n_rows) // 3


def class_fits(task):
    """Name, unfitted model, arguments of ``fit`` and test rows, for one classification task."""
    problem = next(task.problems(0))
    fit = some_rows(len(problem.fit_y), MOST_FIT_ROWS)
    X, y = problem.fit_proba[fit], problem.fit_y[fit]
    groups = pseudo_groups(len(y)) if problem.fit_groups is None else problem.fit_groups[fit]
    new = problem.test_proba[some_rows(len(problem.test_y), MOST_TEST_ROWS)]
    params = {"input": "proba", "classes": list(range(X.shape[2]))}
    data = {"X": X, "y": y}
    for width in (None, 0, 4, "auto"):
        yield f"gate {width}", LogitProdClassifier(gate_width=width, **params), data, new
    weighted = {**data, "sample_weight": weights_for(len(y)), "groups": groups}
    yield "weights and groups", LogitProdClassifier(**params), weighted, new
    yield "search", LogitProdClassifierCV(**GRID, **params), data, new
    if len(y) <= SMALL:
        searched = LogitProdClassifierCV(**GRID, **params)
        yield "search with weights and groups", searched, weighted, new
        scored = LogitProdClassifierCV(**GRID, scoring="neg_log_loss", **params)
        yield "search by neg_log_loss", scored, data, new


def survival_fits(task):
    """The same for one survival task."""
    problem = next(task.problems(0))
    fit = some_rows(len(problem.fit_y), MOST_FIT_ROWS)
    test = some_rows(len(problem.test_y), MOST_TEST_ROWS)
    new, params = problem.test_X[test], problem.params
    data = {"X": problem.fit_X[fit], "y": problem.fit_y[fit]}
    for width in (None, 0, "auto"):
        yield f"gate {width}", LogitProdSurvival(gate_width=width, **params), data, new
    n_rows = len(fit)
    weighted = {**data, "sample_weight": weights_for(n_rows), "groups": pseudo_groups(n_rows)}
    yield "weights and groups", LogitProdSurvival(**params), weighted, new
    yield "search", LogitProdSurvivalCV(**GRID, **params), data, new
    searched = LogitProdSurvivalCV(**GRID, **params)
    yield "search with weights and groups", searched, weighted, new
    if params["input"] == "survival":
        params = {"input": "hazard_logits", "times": params["times"], "uncensored_weight": 0.4}
        data = {**data, "X": hazard_logits(data["X"])}
        yield "hazard logits", LogitProdSurvival(**params), data, hazard_logits(new)
    if problem.fit_table is not None:
        from sksurv.svm import FastSurvivalSVM

        halves = np.array_split(np.arange(problem.fit_table.shape[1]), 2)
        tables = (np.nan_to_num(table) for table in (problem.fit_table, problem.test_table))
        table, new = (np.sign(own) * np.log1p(np.abs(own)) for own in tables)
        experts = []
        for number, own in enumerate(halves):
            machine = FastSurvivalSVM(alpha=0.01, max_iter=200, random_state=0)
            experts.append((f"half {number}", on_columns(list(own), machine)))
        data = {"X": table[fit], "y": data["y"]}
        yield "risks of cross-fitted", LogitProdSurvival(experts, cv=3), data, new[test]


def hazard_logits(survival):
    """Logits of the hazard in each interval, kept finite."""
    before = np.concatenate([np.ones_like(survival[..., :1]), survival[..., :-1]], axis=-1)
    hazard = np.clip(1.0 - survival / np.maximum(before, 1e-9), 1e-9, 1.0 - 1e-9)
    return np.log(hazard) - np.log1p(-hazard)


def on_columns(columns, model):
    """A model of some columns, scaled."""
    return make_pipeline(ColumnTransformer([("own", StandardScaler(), columns)]), model)


def cross_fitted():
    """The same for experts that are fitted with the gate, on scikit-learn's breast cancer data."""
    X, y = load_breast_cancer(return_X_y=True)
    experts = [
        ("means", on_columns(list(range(10)), LogisticRegression(max_iter=1000))),
        ("errors", on_columns(list(range(10, 20)), GaussianNB())),
        ("all", RandomForestClassifier(n_estimators=20, random_state=0)),
    ]
    data, new = {"X": X[:400], "y": y[:400]}, X[400:]
    yield "classifier", LogitProdClassifier(experts, cv=3), data, new
    yield "search", LogitProdClassifierCV(experts, **GRID, expert_cv=3), data, new


def numbers(model, X):
    """Arrays by name: what a fitted model says of itself and of X."""
    fused = getattr(model, "best_estimator_", model)
    arrays = {"expert_weights": fused.expert_weights(X)}
    if hasattr(model, "predict_survival_function"):
        arrays["survival"] = model.predict_survival_function(X, return_array=True)
    else:
        arrays["predict_proba"] = model.predict_proba(X)
    for name in ("loss_", "guarantee_gap_", "reference_losses_"):
        arrays[name] = getattr(fused, name)
    if fused.selection_ is not None:
        for name in ("cv_loss", "share"):
            arrays[f"selection_ {name}"] = fused.selection_[name]
    if model is not fused:
        arrays["mean_test_score"] = model.cv_results_["mean_test_score"]
        arrays["best_index_"] = model.best_index_
    return {name: np.asarray(values, dtype=np.float64) for name, values in arrays.items()}


def sources(options):
    """Name of each data set and its fits."""
    for task in load_tasks(options.data, TASKS, options.cache):
        yield task.name, class_fits(task)
    for task in load_survival_tasks(options.data, COHORTS, options.cache):
        yield task.name, survival_fits(task)
    yield "breast_cancer", cross_fitted()


def all_numbers(options):
    """Numbers of every fit, by the name of the fit."""
    fits = {}
    for source, own in sources(options):
        start = time.perf_counter()
        for name, model, data, new in own:
            fits[f"{source}/{name}"] = numbers(model.fit(**data), new)
        print(f"{source}: {time.perf_counter() - start:.1f} s", file=sys.stderr, flush=True)
    return fits


def store(path, fits):
    arrays = {f"{fit}/{name}": a for fit, own in fits.items() for name, a in own.items()}
    with open(path, "wb") as stream:
        np.savez_compressed(stream, **arrays)


def load(path):
    fits = {}
    with np.load(path, allow_pickle=False) as arrays:
        for key in arrays.files:
            fit, name = key.rsplit("/", 1)
            fits.setdefault(fit, {})[name] = arrays[key]
    return fits


def difference(old, new):
    """Largest absolute difference; infinite where shapes, NaNs or infinities differ."""
    if old.shape != new.shape:
        return np.inf
    unlike = ~((old == new) | (np.isnan(old) & np.isnan(new)))
    gaps = np.abs(old[unlike] - new[unlike])
    return float(np.where(np.isnan(gaps), np.inf, gaps).max(initial=0.0))


def compare(before, now):
    """Print the differences; whether there are none worth the name."""
    largest, place, same_names = 0.0, "no array", True
    for fit in dict.fromkeys([*before, *now]):
        old, new = before.get(fit, {}), now.get(fit, {})
        gaps = {name: difference(old[name], new[name]) for name in old if name in new}
        line = f"{fit:58} {max(gaps.values(), default=np.nan):9.1e}"
        for names, which in ((old.keys() - new.keys(), "now"), (new.keys() - old.keys(), "before")):
            if names:
                same_names = False
                line += f"  missing {which}: {', '.join(sorted(names))}"
        print(line)
        for name, gap in gaps.items():
            if gap > largest:
                largest, place = gap, f"{fit}/{name}"
    if not same_names:
        print("the fits or their arrays are not the same")
    same = same_names and bool(before) and largest <= TOLERANCE
    print(f"largest difference: {largest:.1e}, in {place}")
    print(f"equal to {TOLERANCE:.0e}: {'yes' if same else 'no'}")
    return same


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("store", "compare"))
    parser.add_argument("file", help="file of the stored numbers")
    add_data_arguments(parser)
    options = parser.parse_args(argv)
    # the risk of one network does not tell patients apart, which is known
    warnings.filterwarnings("ignore", message="The risk of expert")
    before = load(options.file) if options.action == "compare" else None
    fits = all_numbers(options)
    if before is None:
        store(options.file, fits)
        return 0
    return int(not compare(before, fits))


if __name__ == "__main__":
    sys.exit(main())
