"""How far a fit moves by what should not matter: rounding of its input, and where it starts.

``python examples/benchmarks/bench_sensitivity.py`` prints two tables. Rounding: each logit
is moved by one part in 2^52 or not at all, and the largest relative change of a fused
probability is taken over 64 fits. Starts: hidden layers (width 8) start from 200 seeds,
with the rows in another order each time, where the package starts them alike; the spread
is that of the training loss, largest minus least over least. Both on small bundled data.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager

import numpy as np
from scipy.stats import ortho_group
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_moons
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.training import prior

TASKS = {
    "iris": lambda: load_iris(return_X_y=True),
    "wine": lambda: load_wine(return_X_y=True),
    "breast cancer": lambda: load_breast_cancer(return_X_y=True),
    "digits": lambda: tuple(a[:600] for a in load_digits(return_X_y=True)),
    "moons": lambda: make_moons(300, noise=0.4, random_state=0),
}
EXPERTS = (LogisticRegression(), GaussianNB(), DecisionTreeClassifier(max_depth=3, random_state=0))


def expert_outputs(X, y):
    """Out-of-fold log-probabilities of three experts, each on a third of the features."""
    parts = np.array_split(np.arange(X.shape[1]), 3) if X.shape[1] > 2 else [[0], [1], [0, 1]]
    X = (X - X.mean(axis=0)) / (X.std(axis=0) + 1e-9)
    proba = [
        cross_val_predict(expert, X[:, part], y, cv=3, method="predict_proba")
        for expert, part in zip(EXPERTS, parts, strict=True)
    ]
    return np.log(np.stack(proba, axis=1) + 1e-9), y


def rounding(gate_width):
    """Largest relative change of a probability when the input is rounded otherwise."""
    worst = 0.0
    for seed in range(16):
        rng = np.random.default_rng(seed)
        y = np.arange(120) % 3
        X = rng.normal(size=(120, 3, 3))
        X[np.arange(120), 1, y] += 2.0
        known = LogitProdClassifier(gate_width=gate_width).fit(X, y).predict_proba(X)
        for _ in range(4):
            moved = X * (1.0 + 2.0**-52 * rng.choice([-1, 0, 1], X.shape))
            found = LogitProdClassifier(gate_width=gate_width).fit(moved, y).predict_proba(X)
            worst = max(worst, float(np.max(np.abs(found - known) / known)))
    return worst


@contextmanager
def seeded_starts():
    """Hidden layers start from directions turned at random; yields what sets the seed."""
    alike, seeds = prior._directions, [0]

    def directions(n_features, width):
        turn = ortho_group.rvs(n_features, random_state=seeds[0])
        return turn @ alike(n_features, width)

    prior._directions = directions
    try:
        yield lambda seed: seeds.__setitem__(0, seed)
    finally:
        prior._directions = alike


def spread(logits, y, set_seed=lambda seed: None):
    """Relative spread of the training loss over 200 seeds."""
    order, losses = np.random.default_rng(0), []
    for seed in range(200):
        set_seed(seed)
        rows = order.permutation(len(y))
        model = LogitProdClassifier(gate_width=8, random_state=seed)
        losses.append(model.fit(logits[rows], y[rows]).loss_)
    return (max(losses) - min(losses)) / min(losses), min(losses)


def main():
    """Print both tables."""
    warnings.simplefilter("ignore")
    print("largest relative change of a probability by rounding of the input")
    for gate_width in (None, 0, 4, "auto"):
        print(f"  {gate_width!s:14} {rounding(gate_width):.1e}")
    print("spread of the training loss of a hidden layer over 200 seeds")
    for name, load in TASKS.items():
        logits, y = expert_outputs(*load())
        alike, _ = spread(logits, y)
        with seeded_starts() as set_seed:
            seeded, least = spread(logits, y, set_seed)
        print(f"  {name:14} seeded {seeded:7.2%}  alike {alike:.1e}  (least loss {least:.4f})")


if __name__ == "__main__":
    main()
