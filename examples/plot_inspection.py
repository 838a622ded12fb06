"""
Which expert, and is fusing worth it?
=====================================

Five experts tell handwritten digits apart; each sees another part of the picture. Which
one is the best, does fusing them help, how sure is that, and whom did the gate trust on
which digit? Answers as plots.
"""

# %%
# The experts
# -----------
# Each is a pipeline that reads its own columns. A third of the pictures is kept for the end.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

X, y = load_digits(return_X_y=True)
pixels = np.arange(64).reshape(8, 8)


def expert(columns, model):
    scaler = make_column_transformer((StandardScaler(), columns.ravel()))
    return make_pipeline(scaler, model)


experts = [
    ("top", expert(pixels[:4], LogisticRegression())),
    ("bottom", expert(pixels[4:], RandomForestClassifier(random_state=0))),
    ("left", expert(pixels[:, :4], KNeighborsClassifier(15))),
    ("right", expert(pixels[:, 4:], LogisticRegression())),
    ("centre", expert(pixels[2:6, 2:6], GaussianNB(var_smoothing=0.1))),
]
X_own, X_new, y_own, y_new = train_test_split(X, y, test_size=2 / 3, stratify=y, random_state=0)
X_fit, X_test, y_fit, y_test = train_test_split(
    X_new, y_new, test_size=0.5, stratify=y_new, random_state=0
)
experts = [(name, model.fit(X_own, y_own)) for name, model in experts]

# %%
# A comparison
# ------------
# On pictures that are new to the experts, every method is fitted and scored on the same
# splits. The line is the expert that looks best on the training part of each split.

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.inspection import ExpertComparisonDisplay, compare

table = compare(LogitProdClassifier(experts), X_fit, y_fit, n_repeats=2)
ExpertComparisonDisplay(table).plot()
plt.show()

# %%
# How sure is the difference to that expert? Paired by picture, the interval is narrower.

ExpertComparisonDisplay(table).plot(metric="difference")
table[["log_loss_mean", "difference", "difference_low", "difference_high", "p_holm"]].round(4)

# %%
# Whom the gate trusts
# --------------------
# One box per expert and digit: the middle half of the pictures, median and mean. The automatic
# gate may settle on weights that are the same for all pictures; a linear gate shows more.

from sklearn_logitprod.inspection import ExpertWeightsDisplay

linear = LogitProdClassifier(experts, gate_width=0).fit(X_fit, y_fit)
chosen = np.isin(y_test, [0, 1, 4, 7])
ExpertWeightsDisplay.from_estimator(linear, X_test[chosen], by=y_test[chosen])
plt.title("Weights by digit")
plt.show()

# %%
# How much there was to gain
# --------------------------
# The oracle's weights are fitted on the test pictures themselves, which no one can do. They
# are constant: what goes beyond, as the automatic gate's correction across classes, may
# fall below it.

from sklearn_logitprod.inspection import oracle_gap

model = LogitProdClassifier(experts).fit(X_fit, y_fit)
oracle_gap(model, X_test, y_test).round(4)

# %%
# Does the temperature matter?
# ----------------------------
# One gate is compared, here a linear one; the automatic gate mixes several.

from sklearn_logitprod.inspection import TemperatureSensitivityDisplay

TemperatureSensitivityDisplay.from_estimator(linear, X_fit, y_fit)
plt.show()

# %%
# Reliability
# -----------
# How often a prediction is right, by how probable it was said to be; scikit-learn has the
# display for it.

from sklearn.calibration import CalibrationDisplay

methods = {"LogitProd": model.predict_proba(X_test)}
methods |= {name: expert.predict_proba(X_test) for name, expert in experts[:2]}
fig, ax = plt.subplots(figsize=(5, 4), layout="constrained")
for name, proba in methods.items():
    right = proba.argmax(axis=1) == y_test
    CalibrationDisplay.from_predictions(right, proba.max(axis=1), n_bins=8, name=name, ax=ax)
ax.set(xlabel="probability of the predicted digit", ylabel="share of right predictions")
plt.show()
