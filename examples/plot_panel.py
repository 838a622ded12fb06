"""
A panel of mutations
====================

Several labels for each slide, most of them rare and not all of them tested: the labels of a
panel are fitted together, and a label with few positives borrows from the others.
"""

# %%
# Three experts, eight labels
# ---------------------------
# Each expert gives the probability of each mutation, all of them too sure of themselves. A third
# of the tests was never done: NaN in y.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import log_loss

genes = ["TP53", "KRAS", "STK11", "EGFR", "BRAF", "MET", "ALK", "RET"]
rates = np.array([0.5, 0.3, 0.15, 0.1, 0.06, 0.05, 0.05, 0.05])
skill = {"uni": 0.5, "conch": 1.0, "virchow": 1.5}
rng = np.random.default_rng(0)


def slides(n):
    mutated = (rng.random((n, 8)) < rates).astype(float)
    prior = np.log(rates / (1 - rates))
    log_odds = [
        1.8 * (prior + own * (2 * mutated - 1) + rng.normal(size=mutated.shape))
        for own in skill.values()
    ]
    return 1 / (1 + np.exp(-np.stack(log_odds, axis=1))), mutated


proba, y = slides(200)
new_proba, new_y = slides(3000)
y[rng.random(y.shape) < 0.33] = np.nan
y = pd.DataFrame(y, columns=genes)

# %%
# One fit for all labels, and one for each
# ----------------------------------------

from sklearn_logitprod import LogitProdClassifier, LogitProdMultilabelClassifier

panel = LogitProdMultilabelClassifier(input="proba").fit(proba, y)
together = panel.predict_proba(new_proba)
alone = np.empty_like(together)
for j, gene in enumerate(genes):
    rows = y[gene].notna()
    single = LogitProdClassifier(input="proba").fit(proba[rows, :, j], y.loc[rows, gene])
    alone[:, j] = single.predict_proba(new_proba[:, :, j])[:, 1]

# %%
# Log-loss on new slides: what the panel saves, against a fit for each label.

losses = [[log_loss(new_y[:, j], p[:, j]) for j in range(8)] for p in (together, alone)]
labels = [f"{gene} ({n})" for gene, n in zip(genes, panel.n_positive_, strict=True)]
fig, ax = plt.subplots(layout="constrained")
ax.barh(labels, 100 * (1 - np.divide(*losses)))
ax.invert_yaxis()
ax.axvline(0, color="black", linewidth=1)
ax.set(xlabel="log-loss saved by the panel, %", ylabel="label (positives in the fit)")
plt.show()
