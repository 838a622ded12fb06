"""
Grades that are known in part
=============================

A report says "at least grade 3", two readers disagree, a grade is missing: a label need not be one
class. Here each sample carries the set of grades that it may have, and ``predict`` gives the
median grade, as grades have an order.
"""

# %%
# Four graders of tumours
# -----------------------
# The grade is a latent severity in four steps; each expert sees it with noise of its own.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import cohen_kappa_score, log_loss

from sklearn_logitprod import LogitProdClassifier, label_sets, stack_outputs

GRADES = ["I", "II", "III", "IV"]
rng = np.random.default_rng(0)


def draw(n):
    grade = rng.integers(4, size=n)
    seen = grade[:, None] + rng.normal(size=(n, 4)) * [0.6, 0.9, 1.2, 2.0]
    logits = -((seen[:, :, None] - np.arange(4)) ** 2)
    experts = {name: logits[:, m] for m, name in enumerate("ABCD")}
    return stack_outputs(experts, classes=GRADES), np.array(GRADES)[grade]


X_test, y_test = draw(2000)

# %%
# Sets of grades in place of labels
# ---------------------------------
# Of every second sample the report says no more than I or II, or III or IV.
# :func:`~sklearn_logitprod.label_sets` makes a matrix of plain labels and sets.

X, y = draw(60)
coarse = {"I": {"I", "II"}, "II": {"I", "II"}, "III": {"III", "IV"}, "IV": {"III", "IV"}}
reported = [coarse[label] if i % 2 else label for i, label in enumerate(y)]
Y = label_sets(reported, classes=GRADES)
print(Y.head(4))

model = LogitProdClassifier(classes=GRADES, labels="sets", decision="median").fit(X, Y)
print("quadratic kappa:", cohen_kappa_score(y_test, model.predict(X_test), weights="quadratic"))

# %%
# What the sets are worth
# -----------------------
# Against all labels, and against a fit that leaves the open samples out, over 20 draws.

losses = {"all labels": [], "sets": [], "open samples left out": []}
for _ in range(20):
    X, y = draw(60)
    told = np.arange(60) % 2 == 0
    Y = label_sets([y[i] if told[i] else coarse[y[i]] for i in range(60)], classes=GRADES)
    for name, rows, own in (
        ("all labels", X, label_sets(y, GRADES)),
        ("sets", X, Y),
        ("open samples left out", X[told], Y[told]),
    ):
        fit = LogitProdClassifier(classes=GRADES, labels="sets", gate_width=None).fit(rows, own)
        losses[name].append(log_loss(y_test, fit.predict_proba(X_test), labels=fit.classes_))

fig, ax = plt.subplots(figsize=(6, 2.5), layout="constrained")
means = [np.mean(own) for own in losses.values()]
errors = [np.std(own) / np.sqrt(len(own)) for own in losses.values()]
ax.errorbar(means, list(losses), xerr=errors, fmt="o", capsize=4)
ax.invert_yaxis()
ax.margins(y=0.3)
ax.set_xlabel("log-loss on new samples (nats), mean and standard error")
plt.show()
