"""
Inside a stacking pipeline
==========================

A ``StackingClassifier`` that exists keeps everything but its last step: LogitProd takes
the place of the logistic regression that usually combines the base estimators, and says
whom it trusts.
"""

# %%
# Two ways to combine the same base estimators
# --------------------------------------------
# For three classes or more, ``StackingClassifier`` hands its final estimator one column
# per base estimator and class; for two, one column per estimator.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold, cross_validate
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_logitprod import LogitProdClassifier

X, y = load_wine(return_X_y=True)
base = [
    ("forest", RandomForestClassifier(50, random_state=0)),
    ("Bayes", GaussianNB()),
    ("neighbours", KNeighborsClassifier(9)),
]
finals = {
    "logistic regression": LogisticRegression(max_iter=1000),
    "LogitProd": LogitProdClassifier(input="proba", gate_width=None),
}
folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0)
losses = {}
for name, final in finals.items():
    stack = StackingClassifier(base, final, cv=5, stack_method="predict_proba")
    model = make_pipeline(StandardScaler(), stack)
    scores = cross_validate(model, X, y, cv=folds, scoring="neg_log_loss")
    losses[name] = -scores["test_score"]
    print(f"{name:20} held-out log-loss {losses[name].mean():.3f}")

# %%
# Fold by fold
# ------------

fig, ax = plt.subplots(figsize=(5, 3.6), layout="constrained")
ax.plot([0, 1], np.array(list(losses.values())), "o-", color="0.6", markersize=4)
ax.plot([0, 1], [own.mean() for own in losses.values()], "D-", color="#D55E00", label="mean")
ax.set_xticks([0, 1], list(losses))
ax.set(ylabel="held-out log-loss", xlim=(-0.3, 1.3))
ax.legend(frameon=False)
plt.show()

# %%
# Whom it trusts
# --------------
# The fitted final estimator is an attribute of the stack, and has expert weights.

final = model.fit(X, y)[-1].final_estimator_
for (name, _), weight in zip(base, final.mean_expert_weights_, strict=True):
    print(f"{name:12} mean weight {weight:.2f}")

# %%
# The other way round, experts go into
# :class:`~sklearn_logitprod.LogitProdClassifier` themselves: it cross-fits them as
# stacking does, knows their names, and keeps those that are fitted already.

fused = make_pipeline(StandardScaler(), LogitProdClassifier(base, cv=5))
scores = cross_validate(fused, X, y, cv=folds, scoring="neg_log_loss")
print(f"experts inside       held-out log-loss {-scores['test_score'].mean():.3f}")
