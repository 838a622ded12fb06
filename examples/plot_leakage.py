"""
Why the fusion needs rows that are new to the experts
=====================================================

On the rows that an expert was trained on it makes next to no error, whatever it is worth
on others. Weights that are learned there go to the expert that remembers best. This
example fuses the same three experts in three ways and compares them on new rows.
"""

# %%
# Three experts, and labels that are not always right
# ---------------------------------------------------
# One label in five is flipped, which no expert can know of a new row. Forest and boosting
# still learn their training rows by heart.

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

X, y = load_breast_cancer(return_X_y=True)
rng = np.random.default_rng(0)
y = np.where(rng.random(len(y)) < 0.2, 1 - y, y)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)

experts = [
    ("regression", make_pipeline(StandardScaler(), LogisticRegression(C=0.01))),
    ("forest", RandomForestClassifier(200, random_state=0)),
    ("boosting", GradientBoostingClassifier(n_estimators=300, random_state=0)),
]

# %%
# Three ways to fuse them
# -----------------------
# The first way is wrong: the experts are fitted, and the gate learns on the same rows.
# A warning says so. The second keeps rows aside for the gate. The third, ``cv=5``, is
# cross-fitting: the gate learns from out-of-fold outputs, and the experts are then fitted
# on all rows.

import textwrap
import warnings

from sklearn.base import clone

from sklearn_logitprod import LogitProdClassifier


def fitted(X, y):
    """The experts, trained on these rows."""
    return [(name, clone(expert).fit(X, y)) for name, expert in experts]


X_own, X_new, y_own, y_new = train_test_split(
    X_train, y_train, train_size=0.6, stratify=y_train, random_state=0
)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    models = {
        "their own rows": LogitProdClassifier(fitted(X_train, y_train)).fit(X_train, y_train),
        "rows kept aside": LogitProdClassifier(fitted(X_own, y_own)).fit(X_new, y_new),
        "out-of-fold": LogitProdClassifier(experts, cv=5).fit(X_train, y_train),
    }
for warning in caught:
    print(textwrap.fill(str(warning.message), 88))

# %%
# What it costs
# -------------
# On its own rows the first way looks perfect. On new rows it is the worst, and it trusts
# the experts that remember.

import matplotlib.pyplot as plt
from sklearn.metrics import log_loss

names = [name for name, _ in experts]
_, left = plt.subplots(figsize=(5, 3.6), layout="constrained")
_, right = plt.subplots(figsize=(5, 3.6), layout="constrained")
for position, (label, model) in enumerate(models.items()):
    loss = log_loss(y_test, model.predict_proba(X_test))
    print(f"{label:16} log-loss in the fit {model.loss_:.3f}, on new rows {loss:.3f}")
    left.bar(np.arange(3) + 0.27 * (position - 1), model.mean_expert_weights_, 0.25, label=label)
    right.barh(position, loss)
left.set_xticks(range(3), names)
left.set_ylabel("mean expert weight")
left.legend(title="gate learned on", frameon=False)
left.margins(y=0.45)
right.set_yticks(range(3), models)
right.invert_yaxis()
right.set(xlabel="log-loss on new rows (lower is better)", ylabel="gate learned on")
plt.show()
# sphinx_gallery_thumbnail_number = 2
