"""
Five finished experts, one fused model
======================================

Five classifiers have learned to read handwritten digits, each from its own part of the
image. None is trained again; all that is kept of them are their log-probabilities.
:class:`~sklearn_logitprod.LogitProdClassifier` learns how far to trust each of them and
returns one classifier.
"""

# %%
# The experts
# -----------
# This part stands for work that was done before, perhaps by others. The experts learn
# from two fifths of the images. For the rest, which they have never seen, one array
# holds their log-probabilities; its axes are images, experts and classes.

import numpy as np
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

X, y = load_digits(return_X_y=True)
X_own, X_new, y_own, y_new = train_test_split(X, y, train_size=0.4, stratify=y, random_state=0)

pixel = np.arange(64).reshape(8, 8)
experts = {
    "top half": (pixel[:4], LogisticRegression(max_iter=1000)),
    "bottom half": (pixel[4:], LinearDiscriminantAnalysis()),
    "left half": (pixel[:, :4], MLPClassifier((32,), max_iter=1000, random_state=0)),
    "right half": (pixel[:, 4:], QuadraticDiscriminantAnalysis(reg_param=0.5)),
    "centre": (pixel[2:6, 2:6], GaussianNB(var_smoothing=0.1)),
}

log_proba = np.empty((len(X_new), len(experts), 10))
for m, (view, model) in enumerate(experts.values()):
    columns = view.ravel()
    model = make_pipeline(StandardScaler(), model).fit(X_own[:, columns], y_own)
    log_proba[:, m] = model.predict_log_proba(X_new[:, columns])

# %%
# The fusion
# ----------
# The weights are learned on images that are new to the experts: on their own training
# data the experts are too sure of themselves. What the fused model is worth shows on
# images that are new to it as well.

from sklearn.metrics import log_loss

from sklearn_logitprod import LogitProdClassifier

Z_fuse, Z_test, y_fuse, y_test = train_test_split(
    log_proba, y_new, train_size=0.5, stratify=y_new, random_state=0
)
fused = LogitProdClassifier(random_state=0).fit(Z_fuse, y_fuse)

for m, name in enumerate(experts):
    print(f"{name:12} log-loss {log_loss(y_test, np.exp(Z_test[:, m])):.3f}")
print(f"{'LogitProd':12} log-loss {log_loss(y_test, fused.predict_proba(Z_test)):.3f}")

# %%
# On the data it was fitted on, the fused model is never worse than the best expert, the
# mean of logits and the mean of probabilities. The guarantee gap is the difference in
# log-loss to the best of these, and is never positive.

print(f"guarantee gap: {fused.guarantee_gap_:.3f}")

# %%
# Whom the model trusts
# ---------------------
# Every image has its own weights, one per expert, which sum to 1. How far they differ
# between images is up to the data: by default the model compares constant weights and
# gates by cross-validation and mixes them, and on few images constant weights often
# prove best. A linear gate (``gate_width=0``) always adapts them.

import matplotlib.pyplot as plt

gated = LogitProdClassifier(gate_width=0, random_state=0).fit(Z_fuse, y_fuse)
models = {"gate_width='auto'": fused, "gate_width=0": gated}

for title, model in models.items():
    fig, ax = plt.subplots(figsize=(5, 3.6), layout="constrained")
    weights = model.expert_weights(Z_test)
    ax.bar(range(len(experts)), weights.mean(axis=0), color="0.85", label="mean")
    ax.violinplot(weights, range(len(experts)), showextrema=False)
    ax.axhline(1 / len(experts), color="black", linestyle=":", linewidth=1, label="equal weights")
    ax.set_xticks(range(len(experts)), experts, rotation=20)
    loss = log_loss(y_test, model.predict_proba(Z_test))
    ax.set(title=f"{title}: log-loss {loss:.3f}", ylabel="expert weight", ylim=(0, 0.7))
    ax.legend()
plt.show()
# sphinx_gallery_thumbnail_number = 2
