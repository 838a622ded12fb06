"""Default heads against ``LogisticRegressionCV``: held-out log-loss and seconds of CPU.

``python examples/benchmarks/bench_heads.py`` fits both on standardised features: the default head,
and ``LogisticRegressionCV(Cs=10, cv=5, scoring="neg_log_loss")``. Tables are those of scikit-learn
(digits, breast cancer), of the development collection (see ``tasks.py``: texture encoders of tiles,
features of tumour slides mapped to normal quantiles), and synthetic slides with more features than
rows, whose spectra are flat or decay. Also a third: the penalty by approximate leave-one-out
(Rahnama Rad and Maleki 2020) in place of folds, for two classes, with one Newton fit of all rows
for each penalty.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from scipy.special import expit
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, quantile_transform
from tasks import data_directory

from sklearn_logitprod.experts import LogisticHead

SLIDES = (("stad", "msi_h"), ("stad", "mut_TP53"), ("luad", "mut_EGFR"), ("luad", "mut_TP53"))


def synthetic(decay, offset, seed=0, n_samples=1600, n_features=1024):
    rng = np.random.default_rng(seed)
    scale = (1.0 + np.arange(n_features)) ** -decay
    own = rng.normal(size=(n_samples, n_features)) * scale
    signal = own @ rng.normal(size=n_features)
    score = 3.0 * signal / signal.std() + rng.logistic(size=n_samples)
    turn = np.linalg.qr(rng.normal(size=(n_features, n_features)))[0]
    return (own @ turn).astype(np.float32), (score > offset).astype(int)


def tables(folder):
    """Name, features, labels and number of rows to fit on."""
    for decay, offset in ((0.0, 0.0), (0.7, 0.0), (0.7, 5.0)):
        yield f"synthetic, decay {decay}, offset {offset}", *synthetic(decay, offset), 800
    yield "digits", *load_digits(return_X_y=True), 600
    yield "breast cancer", *load_breast_cancer(return_X_y=True), 300
    with np.load(folder / "kather_texture_2016.npz", allow_pickle=False) as file:
        for name in ("hist_lower", "f-lbp", "Gabor"):
            yield f"tiles {name}", file[f"X_{name}"], file["y"], 1000
    for cohort, target in SLIDES:
        with np.load(folder / f"hif_{cohort}.npz", allow_pickle=False) as file:
            for name in ("LYMPHOCYTE", "TISSUE"):
                X, y = file[f"X_{name}"], file[f"y_{target}"]
                kept = (y >= 0) & np.isfinite(X).all(axis=1)
                X = quantile_transform(X[kept], n_quantiles=200, output_distribution="normal")
                yield f"{cohort} {target} {name}", X, y[kept], 200


class LeaveOneOutHead:
    """Ridge-penalised logistic regression, its penalty by approximate leave-one-out."""

    def fit(self, X, y):
        self.scaler = StandardScaler().fit(X)
        Z = self.scaler.transform(X).astype(np.float64)
        self.kernel_of, gram = Z, Z @ Z.T
        sign, best = np.where(y == 1, 1.0, -1.0), np.inf
        dual, shift = np.zeros(len(y)), 0.0
        for variance in LogisticHead().prior_variances:
            penalty = Z.shape[1] / variance
            for _ in range(30):
                score = gram @ dual + shift
                proba = expit(score)
                weight = np.maximum(proba * (1.0 - proba), 1e-9)
                # penalised least squares of the working response, in the dual
                response = score + ((y == 1) - proba) / weight
                solve = np.linalg.solve(
                    gram + penalty * np.diag(1.0 / weight), np.c_[response, np.ones(len(y)), gram]
                )
                new_shift = solve[:, 0].sum() / solve[:, 1].sum()
                new = solve[:, 0] - new_shift * solve[:, 1]
                change = np.abs(gram @ (new - dual) + new_shift - shift).max()
                dual, shift = new, new_shift
                if change < 1e-4:
                    break
            score = gram @ dual + shift
            proba = expit(score)
            weight = np.maximum(proba * (1.0 - proba), 1e-9)
            leverage = np.diag(solve[:, 2:]) / weight
            slope = proba - (y == 1)
            leverage = np.minimum(leverage, 0.999 / weight)
            left_out = score + leverage * slope / (1.0 - leverage * weight)
            loss = np.logaddexp(0.0, -sign * left_out).mean()
            if loss < best:
                best, self.coef, self.shift = loss, Z.T @ dual, shift
            elif loss > 1.2 * best:
                break
        return self

    def predict_proba(self, X):
        proba = expit(self.scaler.transform(X) @ self.coef + self.shift)
        return np.column_stack([1.0 - proba, proba])


def measured(model, parts, labels):
    """Held-out log-loss, and seconds of CPU."""
    X, X_test, y, y_test = parts
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", FutureWarning)
        model.fit(X, y)
    seconds = time.process_time() - start
    return log_loss(y_test, model.predict_proba(X_test), labels=labels), seconds


def main(folder, n_repeats):
    rival = LogisticRegressionCV(Cs=10, cv=5, scoring="neg_log_loss", max_iter=1000)
    models = {
        "head": LogisticHead(),
        "LogisticRegressionCV": make_pipeline(StandardScaler(), rival),
        "leave-one-out": LeaveOneOutHead(),
    }
    print(f"{'':38s}" + "".join(f"{name:>24s}" for name in models))
    rows = []
    for name, X, y, n_fit in tables(folder):
        labels = np.unique(y)
        cells = np.full((n_repeats, len(models), 2), np.nan)
        for repeat in range(n_repeats):
            parts = train_test_split(X, y, train_size=n_fit, stratify=y, random_state=repeat)
            for number, (kind, model) in enumerate(models.items()):
                if kind != "leave-one-out" or len(labels) == 2:
                    cells[repeat, number] = measured(model, parts, labels)
        rows.append(cells.mean(axis=0))
        cell = "".join(f"{loss:15.4f} {seconds:6.2f} s" for loss, seconds in rows[-1])
        print(f"{name:38s}{cell}", flush=True)
    table = np.array(rows)
    two = ~np.isnan(table[:, 2, 0])
    for text, which in (("mean", slice(None)), ("mean of two classes", two)):
        mean = table[which].mean(axis=0)
        print(f"{text:38s}" + "".join(f"{loss:15.4f} {seconds:6.2f} s" for loss, seconds in mean))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="directory of the development collection")
    parser.add_argument("--repeats", type=int, default=1)
    arguments = parser.parse_args()
    main(data_directory(arguments.data), arguments.repeats)
