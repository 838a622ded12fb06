"""LogitProdRegressor against simpler fusions of the same regressors, on tables of PyPI packages.

Experts are cross-fitted on the fit part of repeated splits; all methods see their out-of-fold
predictions and are judged on other rows. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from operator import itemgetter

import joblib
import numpy as np
import pandas as pd
from sklearn.ensemble import StackingRegressor
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from value_rivals import BOOSTING, INVERSE, MEAN, RIDGE, RIVALS, SINGLE, scores_of
from value_tables import FAMILIES, load_tables, side_of, splits

from sklearn_logitprod import LogitProdRegressor

AUTO, CONSTANT, GAUSSIAN = "LogitProd auto", "LogitProd constant", "LogitProd auto, Gaussian"
OURS = {
    AUTO: {},
    CONSTANT: {"gate_width": None},
    GAUSSIAN: {"tails": "gaussian"},
}
METHODS = (AUTO, CONSTANT, SINGLE, MEAN, INVERSE, RIDGE, BOOSTING)
SCORES = ("NLL", "CRPS", "RMSE", "in 80 %", "in 95 %")


def evaluated(split, ours):
    """Scores and seconds of every method on one split, values in standard deviations of y."""
    centre, scale = split.y_fit.mean(), split.y_fit.std()
    P, Q = (split.fit - centre) / scale, (split.test - centre) / scale
    y, new = (split.y_fit - centre) / scale, (split.y_test - centre) / scale
    for name, method in RIVALS.items():
        started = time.perf_counter()
        location, variance = method(P, y, Q)
        seconds = time.perf_counter() - started
        yield name, seconds, scores_of(new, location, np.sqrt(variance))
    for name, params in ours.items():
        started = time.perf_counter()
        with warnings.catch_warnings():
            # an expert that falls where values rise is told, and has slope 0
            warnings.simplefilter("ignore", UserWarning)
            model = LogitProdRegressor(**params).fit(P, y)
        seconds = time.perf_counter() - started
        location, std = model.predict(Q, return_std=True)
        freedom = model.freedom_
        if np.isfinite(freedom):
            std = std * np.sqrt((freedom - 2.0) / freedom)
        yield name, seconds, scores_of(new, location, std, freedom)


def evaluate_table(table, family, n_repeats, ours, cache):
    """Rows of results of one table and one family of experts."""
    rows = []
    made = joblib.Memory(cache, verbose=0).cache(_splits)(table, family, n_repeats)
    for split in made:
        for name, seconds, scores in evaluated(split, ours):
            own = {"table": table.name, "family": family, "repeat": split.repeat}
            rows.append({**own, "method": name, "seconds": seconds, **scores})
    return rows


def _splits(table, family, n_repeats):
    return list(splits(table, family, n_repeats))


def summary(results):
    """Mean rank and mean of each score, by method."""
    means = results.groupby(["table", "family", "method"])[[*SCORES, "seconds"]].mean()
    main = means.loc[means.index.get_level_values("method").isin(METHODS)]
    ranks = main[["NLL", "CRPS", "RMSE"]].groupby(["table", "family"]).rank()
    ranks = ranks.groupby("method").mean().add_prefix("rank ")
    return ranks.join(means.groupby("method").mean(), how="right").sort_values("NLL")


def times(n_runs=5):
    """Print medians of the seconds of fits on 600 made-up rows of six experts."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=600)
    X = 0.7 * y[:, None] + rng.normal(size=(600, 6)) * np.linspace(0.5, 1.0, 6)
    columns = [FunctionTransformer(itemgetter((slice(None), [m]))) for m in range(6)]
    own = [(f"e{m}", make_pipeline(one, LinearRegression())) for m, one in enumerate(columns)]
    fitted = [(name, one.fit(X, y)) for name, one in own]
    models = {
        CONSTANT: LogitProdRegressor(**OURS[CONSTANT]),
        AUTO: LogitProdRegressor(**OURS[AUTO]),
        "StackingRegressor(cv='prefit')": StackingRegressor(fitted, RidgeCV(), cv="prefit"),
        "RidgeCV": RidgeCV(),
    }
    for name, model in models.items():
        taken = []
        for _ in range(n_runs):
            started = time.perf_counter()
            model.fit(X, y)
            taken.append(time.perf_counter() - started)
        print(f"{name:32s} {1e3 * np.median(taken):8.1f} ms")


def main():
    """Print tables of means and ranks, by side and family."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--tables", nargs="*", help="some tables by name; all if not given")
    parser.add_argument("--cache", help="directory that keeps the predictions of experts")
    parser.add_argument("--csv", help="file for the scores of every split")
    parser.add_argument("--per-table", action="store_true", help="also print the NLL by table")
    parser.add_argument("--time", action="store_true", help="measure fits on made-up rows alone")
    args = parser.parse_args()
    if args.time:
        return times()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    tables = list(load_tables(args.tables))
    jobs = [(table, family) for table in tables for family in FAMILIES]
    parts = joblib.Parallel(n_jobs=2)(
        joblib.delayed(evaluate_table)(*job, args.repeats, OURS, args.cache) for job in jobs
    )
    results = pd.DataFrame([row for part in parts for row in part])
    if args.csv:
        results.to_csv(args.csv, index=False)
    side = results["table"].map(side_of)
    for name, own in [("all", results), *results.groupby(side)]:
        print(f"\n{name}: {own['table'].nunique()} tables, both families")
        print(summary(own).round(3).to_string())
    for name, own in results.groupby([side, "family"]):
        print(f"\n{', '.join(name)}")
        print(summary(own).round(3).to_string())
    if args.per_table:
        print(results.pivot_table(index="table", columns="method", values="NLL").round(3))


if __name__ == "__main__":
    main()
