"""
Slides and patients
===================

A patient has several slides and one label. Is the label in every slide, as a grade is, or in one
of them, as a metastasis is? That decides how slides become patients, and whether before the fit
or after the prediction.
"""

# %%
# Two experts on the slides of 300 patients
# -----------------------------------------
# With 1 to 6 slides each. ``shown`` says which slides show what the patient has.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import log_loss

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.io import ExpertOutputs, aggregate


def cohort(shown, seed):
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(300), rng.integers(1, 7, size=300))
    label = rng.integers(2, size=300)[patient]
    first = np.r_[True, patient[1:] != patient[:-1]]
    seen = label if shown == "every slide" else label * first
    odds = (4 * seen[:, None] - 2) * [1.0, 1.5] + 2.0 * rng.normal(size=(len(seen), 2))
    proba = 1 / (1 + np.exp(np.stack([odds, -odds], axis=2)))
    names, classes = ["uni", "conch"], np.array([0, 1])
    return ExpertOutputs(proba, "proba", names, classes, label, groups=patient)


# %%
# Before the fit, and after the prediction
# ----------------------------------------
# Both are scored on other patients.


def before(fit, test, how):
    patients = aggregate(test, "groups", how)
    model = LogitProdClassifier(gate_width=None).fit(aggregate(fit, "groups", how))
    return log_loss(patients.y, model.predict_proba(patients))


def after(fit, test, how):
    proba = LogitProdClassifier(gate_width=None).fit(fit).predict_proba(test)
    fused = aggregate(proba, test.groups, how, input="proba")
    return log_loss(aggregate(test, "groups").y, fused)


rules = ["mean", "logit-mean", "max", "noisy-or"]
for shown in ("every slide", "one slide"):
    fig, ax = plt.subplots(figsize=(5, 3.6), layout="constrained")
    fit, test = cohort(shown, 0), cohort(shown, 1)
    for way, shift, color in ((before, -0.2, "#D55E00"), (after, 0.2, "0.6")):
        losses = [way(fit, test, how) for how in rules]
        bars = ax.bar(np.arange(4) + shift, losses, 0.38, color=color, label=way.__name__)
        ax.bar_label(bars, fmt="%.2f", fontsize=8)
    ax.set_xticks(range(4), rules)
    ax.set(title=f"the label is in {shown}", ylabel="held-out log-loss of patients")
    ax.margins(y=0.12)
    ax.legend(title="aggregated", frameon=False, loc="upper left")
plt.show()
# sphinx_gallery_thumbnail_number = 2

# %%
# Where every slide shows the label, the mean of log-probabilities adds the evidence up. Where one
# slide does, the maximum finds it, and it has to come before the fit: most slides of a positive
# patient look normal but carry its label, and a fusion of slides learns to doubt its experts.
