"""Which encoder, or all of them: experts on views against the best view and all features at once.

``python examples/benchmarks/bench_views.py`` takes the feature tables of the development collection
(see ``tasks.py``), each an encoder: six hand-made texture encoders of 1000 colorectal tiles, and
six groups of features of tumour slides, for five mutations and microsatellite instability. Repeated
5-fold cross-validation; every head is the default one (of slide features, whose scales span many
orders of magnitude, after a map to normal quantiles). *Best view* is chosen with hindsight, by the
held-out log-loss itself; *concatenation* is one default head on all features. ``--time``
instead measures the cross-validation of 1000 synthetic slides with five encoders of 1024 features,
with 5 folds inside: 750 heads with ``--repeats 5``.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer
from tasks import data_directory

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.experts import LogisticHead, on_view

SLIDES = {
    "hif_stad": ("msi_h", "mut_PIK3CA", "mut_ARID1A", "mut_TP53"),
    "hif_luad": ("mut_EGFR", "mut_KRAS", "mut_STK11", "mut_TP53"),
}
N_TILES = 1000


def views_of(file):
    """All encoders of a file as one frame with columns (encoder, feature)."""
    names = [key for key in file.files if key.startswith("X_")]
    frames = {name.removeprefix("X_"): pd.DataFrame(file[name]) for name in names}
    for frame in frames.values():
        # a feature that is undefined in a sample: the view counts as missing there
        frame[frame.isna().any(axis=1)] = np.nan
    return pd.concat(frames, axis=1)


def problems(folder):
    """Name, X, y and head of each problem."""
    with np.load(folder / "kather_texture_2016.npz", allow_pickle=False) as file:
        rows = np.random.default_rng(0).permutation(len(file["y"]))[:N_TILES]
        X = views_of(file).iloc[rows].reset_index(drop=True)
        yield "kather_texture_2016", X, file["y"][rows], LogisticHead()
    head = make_pipeline(
        QuantileTransformer(n_quantiles=100, output_distribution="normal"), LogisticHead()
    )
    for name, targets in SLIDES.items():
        with np.load(folder / f"{name}.npz", allow_pickle=False) as file:
            X = views_of(file)
            for target in targets:
                y = file[f"y_{target}"]
                yield f"{name} {target}", X[y >= 0].reset_index(drop=True), y[y >= 0], head


def losses(X, y, head, n_repeats):
    """Held-out log-loss of each fold: a frame with a column for each method."""
    views = list(dict.fromkeys(X.columns.get_level_values(0)))
    fused = LogitProdClassifier([(view, on_view(view, clone(head))) for view in views], cv=5)
    whole = make_pipeline(SimpleImputer(), clone(head))
    rows = []
    for train, test in RepeatedStratifiedKFold(
        n_splits=5, n_repeats=n_repeats, random_state=0
    ).split(X, y):
        held_out, labels = X.iloc[test], np.unique(y)
        fused.fit(X.iloc[train], y[train])
        row = {}
        for view in views:
            proba = fused.named_experts_[view].predict_proba(held_out)
            there = ~np.isnan(proba[:, 0])
            row[view] = log_loss(y[test][there], proba[there], labels=labels)
        whole.fit(X.iloc[train].to_numpy(), y[train])
        row["concatenation"] = log_loss(y[test], whole.predict_proba(held_out.to_numpy()))
        row["LogitProd"] = log_loss(y[test], fused.predict_proba(held_out))
        rows.append(row)
    return pd.DataFrame(rows), views


def compare(folder, n_repeats):
    print(
        f"{'task':28s} {'rows':>5s} {'best view':>10s} {'concatenation':>14s} {'LogitProd':>10s}"
        "   best view is"
    )
    table = []
    for name, X, y, head in problems(folder):
        found, views = losses(X, y, head, n_repeats)
        mean = found.mean()
        best = mean[views].idxmin()
        table.append((mean[best], mean["concatenation"], mean["LogitProd"]))
        print(
            f"{name:28s} {len(X):5d} {table[-1][0]:10.4f} {table[-1][1]:14.4f} "
            f"{table[-1][2]:10.4f}   {best}",
            flush=True,
        )
    best, whole, fused = np.mean(table, axis=0)
    print(f"{'mean':34s} {best:10.4f} {whole:14.4f} {fused:10.4f}")


def slides(n_slides=1000, n_encoders=5, n_features=1024, seed=0):
    """Synthetic slides: encoders that see one biology through decaying spectra of their own."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n_slides)
    shared = rng.normal(size=(n_slides, 30)) + 0.5 * (y[:, None] - 0.5)
    frames = {}
    for number in range(n_encoders):
        scale = (1.0 + np.arange(n_features)) ** -0.5
        own = rng.normal(size=(n_slides, n_features)) * scale
        own[:, :30] += shared * (1.0 + np.arange(30)) ** -0.5
        turn = np.linalg.qr(rng.normal(size=(n_features, n_features)))[0]
        frames[f"encoder{number}"] = pd.DataFrame((own @ turn).astype(np.float32))
    return pd.concat(frames, axis=1), y


def measure(n_jobs, n_repeats):
    X, y = slides()
    views = list(dict.fromkeys(X.columns.get_level_values(0)))
    model = LogitProdClassifier([(view, on_view(view)) for view in views], cv=5)
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=n_repeats, random_state=0)
    start, cpu = time.perf_counter(), time.process_time()
    scores = cross_val_score(model, X, y, cv=folds, scoring="neg_log_loss", n_jobs=n_jobs)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    text = f"{30 * len(scores)} heads, {len(scores)} fusions, n_jobs={n_jobs}: {seconds:.1f} s"
    # what workers take is not known here
    print(text + (f", {cpu:.1f} s of CPU" if n_jobs == 1 else ""))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="directory of the development collection")
    parser.add_argument("--repeats", type=int, default=1, help="of 5-fold cross-validation")
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.time:
        measure(arguments.jobs, arguments.repeats)
    else:
        compare(data_directory(arguments.data), arguments.repeats)
