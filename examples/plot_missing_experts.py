"""
Experts that are missing for some samples
=========================================

One scanner was down, one lab reports late, one model refuses blurred slides: experts are
missing now and then. Here a missing expert is NaN in its columns, in ``fit`` and in
``predict``; the gate shares its weight among those that are there.
"""

# %%
# Three experts with gaps
# -----------------------
# Each reads a third of the measurements of a tumour, and is missing at random on some
# samples.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

X, y = load_breast_cancer(return_X_y=True)
X_own, X_new, y_own, y_new = train_test_split(X, y, train_size=0.3, stratify=y, random_state=0)
thirds = {"mean": slice(0, 10), "error": slice(10, 20), "worst": slice(20, 30)}
log_odds = np.column_stack(
    [
        make_pipeline(StandardScaler(), LogisticRegression())
        .fit(X_own[:, columns], y_own)
        .decision_function(X_new[:, columns])
        for columns in thirds.values()
    ]
)
Z_fit, Z_test, y_fit, y_test = train_test_split(log_odds, y_new, stratify=y_new, random_state=0)

# %%
# Fit on data with gaps
# ---------------------
# A fifth of the entries is missing; every sample has one expert at least.

from sklearn_logitprod import LogitProdClassifier, stack_outputs


def with_gaps(values, share, seed):
    rng = np.random.default_rng(seed)
    gaps = rng.random(values.shape) < share
    gaps[gaps.all(axis=1), 0] = False
    return np.where(gaps, np.nan, values)


def named(values):
    columns = {name: np.c_[0 * v, v] for name, v in zip(thirds, values.T, strict=True)}
    return stack_outputs(columns, classes=[0, 1])


model = LogitProdClassifier(random_state=0).fit(named(with_gaps(Z_fit, 0.2, 0)), y_fit)
weights = model.expert_weights(named(with_gaps(Z_test, 0.5, 1)))
print(np.round(weights[:5], 2))

# %%
# How much a missing expert costs
# -------------------------------
# The more is missing, the less the experts know together; replacing a missing expert by
# log-odds of 0 would cost more, for 0 is an opinion, too.

shares = np.linspace(0.0, 0.6, 7)
filled_model = LogitProdClassifier(random_state=0)
filled_model.fit(named(np.nan_to_num(with_gaps(Z_fit, 0.2, 0))), y_fit)
left_out, zeros = [], []
for share in shares:
    parts = [with_gaps(Z_test, share, seed) for seed in range(20)]
    left_out.append(np.mean([log_loss(y_test, model.predict_proba(named(p))) for p in parts]))
    filled = [np.nan_to_num(part) for part in parts]
    zeros.append(np.mean([log_loss(y_test, filled_model.predict_proba(named(p))) for p in filled]))

fig, ax = plt.subplots(figsize=(5.5, 3.6), layout="constrained")
ax.plot(100 * shares, left_out, "o-", color="#D55E00", label="left out (NaN)")
ax.plot(100 * shares, zeros, "s--", color="0.5", label="log-odds of 0 instead")
ax.set(xlabel="missing entries, %", ylabel="held-out log-loss", ylim=(0, None))
ax.legend(frameon=False)
plt.show()
