"""
Reading expert weights
======================

``expert_weights`` says what the fused product is made of, sample by sample. It does not
say how good an expert is, and two experts that agree share their weight in any
proportion. This example shows both, on data where the truth is known because we made the
experts worse ourselves.
"""

# %%
# Experts with a weakness
# -----------------------
# Two networks read handwritten digits. For one the pictures are blotted on the left side,
# for the other on the right, half of the time each. The third expert is a copy of the
# second, with a little noise.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

X, y = load_digits(return_X_y=True)
X_own, X_new, y_own, y_new = train_test_split(X, y, train_size=0.3, stratify=y, random_state=0)
pixel = np.arange(64).reshape(8, 8)
rng = np.random.default_rng(0)


def blotted(images, columns, rows):
    out = images.copy()
    out[np.ix_(rows, columns.ravel())] = 8.0
    return out


model = LogisticRegression(max_iter=5000).fit(X_own, y_own)
halves = {"left-blind": pixel[:, :4], "right-blind": pixel[:, 4:]}
blots = {name: rng.random(len(X_new)) < 0.5 for name in halves}
logits = [
    model.predict_log_proba(blotted(X_new, columns, np.flatnonzero(blots[name])))
    for name, columns in halves.items()
]
logits.append(logits[1] + 0.05 * rng.normal(size=logits[1].shape))
Z, names = np.stack(logits, axis=1), [*halves, "copy of it"]

# %%
# Weights by what happened to a picture
# -------------------------------------
# The gate sees nothing but the experts' outputs, yet it notices who is disturbed. The
# copy takes half of the weight of its original: together they have what one would have.

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.inspection import ExpertWeightsDisplay

rows = np.arange(len(Z))
fit, test = train_test_split(rows, train_size=0.6, stratify=y_new, random_state=0)
gated = LogitProdClassifier(gate_width=0, alpha=3.0).fit(Z[fit], y_new[fit])
state = np.select(
    [
        blots["left-blind"] & blots["right-blind"],
        blots["left-blind"],
        blots["right-blind"],
    ],
    ["both", "first", "second"],
    "none",
)
display = ExpertWeightsDisplay.from_predictions(
    gated.expert_weights(Z[test]), expert_names=names, by=state[test], by_name="disturbed"
)
plt.show()

# %%
# What a weight is not
# --------------------
# Without the copy the second expert has its weight for itself, and predictions hardly
# change.

alone = LogitProdClassifier(gate_width=0, alpha=3.0).fit(Z[fit][:, :2], y_new[fit])
for name, weights in (("with copy", gated), ("without", alone)):
    print(f"{name:10}", np.round(weights.mean_expert_weights_, 2))
change = gated.predict_proba(Z[test]) - alone.predict_proba(Z[test][:, :2])
print(f"mean change of a probability: {np.abs(change).mean():.4f}")
