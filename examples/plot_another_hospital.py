"""
At another hospital
===================

A fused model was fitted at one hospital and is to be used at another. There an expert is
not available, diagnoses are not as frequent, the scanner differs, a new expert has come
up. And somebody asks what is known about the patients to come. This page goes through all
of it, one change at a time. Nothing is fitted again, and the data of the first hospital
are not needed any more.
"""

# %%
# The model, and what it was fitted on
# ------------------------------------
# The pictures that come with scikit-learn are handwritten digits. Here they stand for
# slides, and the ten digits for ten diagnoses. Everything about the second hospital is
# simulated: its patients are digits that nobody has seen so far, and its scanner is a few
# lines of code below.
#
# Five experts see a part of a picture each. A quarter of the pictures trains them. Another
# quarter, new to the experts, fits the fusion; all it sees are the experts' probabilities.
# The other half is the second hospital.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_logitprod import LogitProdClassifier, stack_outputs

X, y = load_digits(return_X_y=True)
X_home, X_there, y_home, y_there = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)
X_own, X_fit, y_own, y_fit = train_test_split(
    X_home, y_home, test_size=0.5, stratify=y_home, random_state=0
)
pixels = np.arange(64).reshape(8, 8)


def trained(part, model):
    """An expert that reads a part of the pictures."""
    reader = make_column_transformer((StandardScaler(), part.ravel()))
    return make_pipeline(reader, model).fit(X_own, y_own)


experts = {
    "top": trained(pixels[:4], LogisticRegression()),
    "bottom": trained(pixels[4:], RandomForestClassifier(random_state=0)),
    "left": trained(pixels[:, :4], KNeighborsClassifier(15)),
    "right": trained(pixels[:, 4:], LogisticRegression()),
    "centre": trained(pixels[2:6, 2:6], GaussianNB(var_smoothing=0.1)),
}


def outputs(experts, X):
    """Probabilities of all experts, as one table."""
    return stack_outputs(
        {name: expert.predict_proba(X) for name, expert in experts.items()}, classes=range(10)
    )


model = LogitProdClassifier(input="proba", random_state=0)
model.fit(outputs(experts, X_fit), y_fit)
there = outputs(experts, X_there)
table = pd.DataFrame({"expert_weight": model.mean_expert_weights_}, index=model.expert_names_)
table["log_loss"] = [log_loss(y_there, there[name]) for name in experts]
table.loc["fused model"] = np.nan, log_loss(y_there, model.predict_proba(there))
table.round(3)

# %%
# The log-loss is the mean of -log of the probability that the model gave to what turned
# out to be true, in nats. It is 0 for one who is always right and sure, and high for one
# who is sure and wrong. Lower is better, on this page throughout.
#
# *What this does not show.* As long as the second hospital is like the first, the model is
# as good there. The rest of the page is about the cases in which it is not.

# %%
# An expert is not available
# --------------------------
# The second hospital has no licence for the expert that weighs most. Its columns are left
# empty (NaN), and the model goes on: while it was fitted, it has prepared for each expert to
# be missing. Without that, one would share out the weights of the others and change nothing
# else, which is the second bar. The last bar is what the preparation aims at: a model that is
# fitted again, at home, on the four experts alone.

weightiest = model.expert_names_[np.argmax(model.mean_expert_weights_)]
gap = there.copy()
gap[weightiest] = np.nan


def shared_out(model, Z, missing):
    """The fused product with the weights of the experts present, and nothing else changed."""
    weights = model.expert_weights(Z).to_numpy(copy=True)
    weights[:, model.expert_names_.index(missing)] = 0.0
    weights /= weights.sum(axis=1, keepdims=True)
    scores = np.einsum("nm,nmk->nk", weights, model.expert_logits(Z))
    scores = model.sharpness(Z)[:, None] * scores + model.class_bias_
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)


rest = [name for name in experts if name != weightiest]
refit = LogitProdClassifier(input="proba", random_state=0)
refit.fit(outputs(experts, X_fit)[rest], y_fit)
bars = {
    "all five experts": model.predict_proba(there),
    f"without {weightiest}, weights shared out": shared_out(model, there, weightiest),
    f"without {weightiest}, as the model predicts": model.predict_proba(gap),
    f"without {weightiest}, fitted again at home": refit.predict_proba(there[rest]),
}
losses = [log_loss(y_there, proba) for proba in bars.values()]
fig, ax = plt.subplots(figsize=(6.4, 2.3), layout="constrained")
drawn = ax.barh(list(bars), losses, color=["0.75", "#E69F00", "#0072B2", "0.75"], height=0.65)
ax.bar_label(drawn, fmt="%.3f", padding=3)
ax.invert_yaxis()
ax.set(xlabel="log-loss", xlim=(0, 1.15 * max(losses)))
ax.spines[["top", "right"]].set_visible(False)
plt.show()
