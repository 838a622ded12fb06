"""
Gate width and temperature by grid search
=========================================

How wide a gate, how cold? ``GridSearchCV`` answers as for any estimator;
:class:`~sklearn_logitprod.LogitProdClassifierCV` gives the same answer and solves all
candidates and folds side by side. The default, ``gate_width="auto"``, needs no search.
"""

# %%
# The experts
# -----------
# Four classifiers learn digits, from one half of the picture each. What they predict for
# pictures they have not seen is all that is needed of them.

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

X, y = load_digits(return_X_y=True)
X = X / 16
pixel = np.arange(64).reshape(8, 8)
views = [pixel[:4], pixel[4:], pixel[:, :4], pixel[:, 4:]]
models = [LogisticRegression(), GaussianNB(var_smoothing=0.1)]
models += [KNeighborsClassifier(15), LogisticRegression()]
X_own, X_new, y_own, y_new = train_test_split(X, y, train_size=0.4, stratify=y, random_state=0)
proba = np.empty((len(X_new), 4, 10))
for m, (view, model) in enumerate(zip(views, models, strict=True)):
    model.fit(X_own[:, view.ravel()], y_own)
    proba[:, m] = model.predict_proba(X_new[:, view.ravel()])

# %%
# Two searches
# ------------
# Both over the same candidates in the same folds, by the log-loss.

from sklearn_logitprod import LogitProdClassifier, LogitProdClassifierCV

widths, temperatures = [None, 0, 8], [0.5, 1.0, 2.0, 4.0]
folds = StratifiedKFold(5, shuffle=True, random_state=0)

start = time.perf_counter()
grid = GridSearchCV(
    LogitProdClassifier(input="proba"),
    {"gate_width": widths, "temperature": temperatures},
    scoring="neg_log_loss",
    cv=folds,
).fit(proba, y_new)
seconds_grid = time.perf_counter() - start

start = time.perf_counter()
search = LogitProdClassifierCV(
    input="proba", gate_widths=widths, temperatures=temperatures, alphas=[100], cv=folds
).fit(proba, y_new)
seconds_search = time.perf_counter() - start

print(f"GridSearchCV          {grid.best_params_}, {seconds_grid:.1f} s")
print(f"LogitProdClassifierCV {search.best_params_}, {seconds_search:.1f} s")

# %%
# What the search saw
# -------------------
# Lower is better. Constant weights have no gate whose temperature could matter much.

scores = -search.cv_results_["mean_test_score"].reshape(len(widths), len(temperatures))
fig, ax = plt.subplots(figsize=(5.5, 3.2), layout="constrained")
image = ax.imshow(scores, cmap="viridis_r", aspect="auto")
for (row, column), value in np.ndenumerate(scores):
    middle = value < scores.mean()
    colour = "black" if middle else "white"
    ax.text(column, row, f"{value:.3f}", ha="center", va="center", color=colour)
ax.set_xticks(range(len(temperatures)), temperatures)
ax.set_yticks(range(len(widths)), ["constant", "linear", "hidden 8"])
ax.set(xlabel="gate temperature", ylabel="gate")
fig.colorbar(image, label="held-out log-loss")
plt.show()

# %%
# Without a search
# ----------------
# The automatic gate cross-validates candidates within the fit data and mixes them.

from sklearn.model_selection import cross_val_score

auto = LogitProdClassifier(input="proba")
losses = -cross_val_score(auto, proba, y_new, scoring="neg_log_loss", cv=folds)
print(f"best of the search {-search.best_score_:.4f}, automatic gate {losses.mean():.4f}")
