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
# *What it does not do.* A fitted model does not notice by itself that it has moved. Each of
# the steps below takes a model and returns a new one, which says in its text what was done
# to it; whoever uses the model decides which step is due.

# %%
# An expert is not available
# --------------------------
# The second hospital has no licence for the expert that weighs most. Its columns are left
# empty (NaN), and the model goes on: when it was fitted, it prepared for each expert to be
# missing. A model without this preparation shares out the weight among the experts that are
# left and changes nothing else: the second bar. The last bar is what the preparation aims
# at, a model that is fitted again, at home, on these four experts alone.

from copy import copy
from dataclasses import replace

weightiest = model.expert_names_[np.argmax(model.mean_expert_weights_)]
gap = there.copy()
gap[weightiest] = np.nan

unprepared = copy(model)  # for this picture only: the same model, what it prepared taken away
unprepared.pool_ = replace(model.pool_, gaps=None)
rest = [name for name in experts if name != weightiest]
again = LogitProdClassifier(input="proba", random_state=0)
again.fit(outputs(experts, X_fit)[rest], y_fit)

bars = {
    "all five experts": model.predict_proba(there),
    f"without '{weightiest}', weights shared out": unprepared.predict_proba(gap),
    f"without '{weightiest}', as the model predicts": model.predict_proba(gap),
    f"without '{weightiest}', fitted again": again.predict_proba(there[rest]),
}
HOUSE, PLAIN, OTHER = "#0072B2", "0.72", "#D55E00"


def bar_chart(bars, colours, y):
    """Log-losses as horizontal bars with their values."""
    losses = [log_loss(y, proba) for proba in bars.values()]
    _, ax = plt.subplots(figsize=(6.4, 0.9 + 0.36 * len(bars)), layout="constrained")
    drawn = ax.barh(list(bars), losses, color=colours, height=0.65)
    ax.bar_label(drawn, fmt="%.3f", padding=3)
    ax.invert_yaxis()
    ax.set(xlabel="log-loss (lower is better)", xlim=(0, 1.15 * max(losses)))
    ax.spines[["top", "right"]].set_visible(False)
    plt.show()


bar_chart(bars, [PLAIN, OTHER, HOUSE, PLAIN], y_there)

# %%
# *What it does not do.* It does not bring back what the missing expert alone knew. And it
# has learned at home how the experts stand in for each other; where they relate to each
# other differently, labelled samples of the new place say more. :doc:`/missing_experts`
# has measurements on many tasks.

# %%
# Another prevalence
# ------------------
# At home each diagnosis is about a tenth of all. At the second hospital 0 is frequent and
# each further digit is a quarter rarer, so that 9 hardly ever comes. 250 patients are drawn
# that way. Nobody has labelled them: ``adapt_prior`` reads off from the predictions how
# frequent each diagnosis is, and moves the model there by Bayes' rule.

from sklearn_logitprod.deployment import adapt_prior

planted = 0.75 ** np.arange(10)
planted /= planted.sum()
random = np.random.default_rng(0)
came = np.concatenate(
    [
        random.choice(np.flatnonzero(y_there == digit), count, replace=False)
        for digit, count in enumerate(random.multinomial(250, planted))
    ]
)
estimated = adapt_prior(model, there.iloc[came])
record = estimated.deployment_[-1]

# sphinx_gallery_start_ignore
low, high = record["interval"]
fig, ax = plt.subplots(figsize=(6.4, 3.3), layout="constrained")
ax.plot(model.class_prior_, color="0.5", linestyle=":", label="at home")
ax.plot(planted, "_", color=OTHER, markersize=18, markeredgewidth=2, label="there, as planted")
ax.errorbar(
    range(10),
    record["prior"],
    yerr=[record["prior"] - low, high - record["prior"]],
    fmt="o",
    color=HOUSE,
    markersize=5,
    label="there, estimated (95 %)",
)
ax.set(xlabel="diagnosis (digit)", ylabel="prevalence", ylim=(0, None), xticks=range(10))
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False)
plt.show()
# sphinx_gallery_end_ignore

# %%
# A prevalence that is known, from a registry for instance, is given as ``prior``. That is
# the best there is; the estimate comes close to it.

given = adapt_prior(model, prior=planted)
bars = {
    "as fitted": model.predict_proba(there.iloc[came]),
    "prevalence estimated": estimated.predict_proba(there.iloc[came]),
    "prevalence given": given.predict_proba(there.iloc[came]),
}
bar_chart(bars, [PLAIN, HOUSE, PLAIN], y_there[came])

# %%
# *What it does not do.* It takes for granted that a 3 looks there as it looks at home. If
# the scanner differs, too, it cannot tell one from the other: then it needs labels. The
# patients should come as they come, not be picked for a study.

# %%
# Twenty labelled samples
# -----------------------
# The second hospital has another scanner. Ours is made of three lines: pictures become
# blurred, flat and a little grey.

from scipy.ndimage import gaussian_filter


def their_scanner(X):
    """The same pictures, blurred, with less contrast, and brighter where there is nothing."""
    images = gaussian_filter(X.reshape(-1, 8, 8), (0, 0.6, 0.6))
    return np.clip(1.0 + 0.7 * images, 0, 16).reshape(-1, 64)


fig, axes = plt.subplots(2, 8, figsize=(6.4, 1.9), layout="constrained")
for row, (site, images) in zip(
    axes, {"ours": X_there, "theirs": their_scanner(X_there)}.items(), strict=True
):
    row[0].set_ylabel(site)
    for ax, image in zip(row, images, strict=False):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        ax.set(xticks=[], yticks=[])
plt.show()

# %%
# The experts were never trained on such pictures, and worse, they are as sure as before.
# ``adapt`` takes a few labelled samples and moves two things: how sharp the fused
# probabilities are, and how much they lean towards each class. The weights of the experts
# stay as they are. With so little to learn, twenty samples are enough to be of use.

from sklearn_logitprod.deployment import adapt

scanned = outputs(experts, their_scanner(X_there))
few, others = np.arange(20), np.arange(20, len(y_there))
adapted = adapt(model, scanned.iloc[few], y_there[few])
for name, one in (("as fitted", model), ("adapted", adapted)):
    loss = log_loss(y_there[others], one.predict_proba(scanned.iloc[others]))
    print(f"{name:10} log-loss {loss:.3f}")
print(adapted.deployment_[-1]["text"])

# %%
# Which twenty samples one gets is luck. The picture draws them ten times for each number;
# every draw is scored on all samples that it did not use. The other line is a fusion with
# constant weights that is fitted on the same few samples and knows nothing of the first
# hospital; it needs a sample of each class, and so starts later.

numbers = [10, 20, 50, 100, 200]
results = {"adapted": {}, "fitted on these samples alone": {}}
for number in numbers:
    for draw in range(10):
        order = np.random.default_rng(draw).permutation(len(y_there))
        few, others = order[:number], order[number:]
        new = {"adapted": adapt(model, scanned.iloc[few], y_there[few])}
        if number >= 50 and len(np.unique(y_there[few])) == 10:
            alone = LogitProdClassifier(input="proba", gate_width=None)
            new["fitted on these samples alone"] = alone.fit(scanned.iloc[few], y_there[few])
        for name, one in new.items():
            loss = log_loss(y_there[others], one.predict_proba(scanned.iloc[others]))
            results[name].setdefault(number, []).append(loss)

fig, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
for label, Z, place in (("as fitted", scanned, "bottom"), ("with our scanner", there, "top")):
    loss = log_loss(y_there, model.predict_proba(Z))
    ax.axhline(loss, color="0.5", linestyle=":")
    ax.annotate(label, (9, loss), (0, 3 if place == "bottom" else -3), va=place, color="0.4",
                textcoords="offset points")
for (name, losses), colour, marker, aside in zip(
    results.items(), (HOUSE, OTHER), "os", (1.0, 1.07), strict=True
):
    places = aside * np.array(list(losses))
    ax.plot(places, np.median(list(losses.values()), axis=1), color=colour, label=name)
    draws = np.concatenate(list(losses.values()))
    ax.plot(np.repeat(places, 10), draws, marker, color=colour, markersize=4, alpha=0.4)
ax.set_xscale("log")
ax.set_xticks(numbers, numbers)
ax.minorticks_off()
ax.set(xlabel="labelled samples", ylabel="log-loss (lower is better)", ylim=(0, None))
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, loc="upper right")
plt.show()

# %%
# *What it does not do.* It does not change whom the model trusts: an expert that the scanner
# hurts more than others keeps its weight. It repairs how sure the model is, not what the
# experts see. With hundreds of labels, another fit is worth a try.

# %%
# A new expert
# ------------
# Somebody publishes an expert for pictures of the second scanner. It is trained on our
# first quarter as that scanner would show it. ``add_expert`` takes the outputs of old and new
# experts on a hundred labelled samples. What the model has learned before stands as one
# expert beside the new one.

from sklearn_logitprod.deployment import add_expert

larger_experts = experts | {
    "new": RandomForestClassifier(random_state=1).fit(their_scanner(X_own), y_own)
}
scanned = outputs(larger_experts, their_scanner(X_there))
known, more, others = np.arange(20), np.arange(20, 120), np.arange(120, 400)
adapted = adapt(model, scanned.iloc[known][list(experts)], y_there[known])
larger = add_expert(adapted, scanned.iloc[more], y_there[more])
print(larger)

# %%
# A fit of all six experts on the same 120 samples forgets the first hospital:

again = LogitProdClassifier(input="proba", random_state=0)
again.fit(scanned.iloc[:120], y_there[:120])
tested = scanned.iloc[others]
bars = {
    "the new expert by itself": tested["new"],
    "adapted on 20 samples": adapted.predict_proba(tested[list(experts)]),
    "with the new expert, 100 samples": larger.predict_proba(tested),
    "all six fitted on these 120 alone": again.predict_proba(tested),
}
bar_chart(bars, [PLAIN, PLAIN, HOUSE, OTHER], y_there[others])

# %%
# *What it does not do.* It does not look at the old experts again: they keep their weights
# among each other. That it is no worse than before is certain for the hundred samples it
# was given, and for no others. A fit on the data of both hospitals, where it can be had,
# may be better.
#
# Which experts suffice
# ---------------------
# Six experts are six things to install, to pay and to look after. ``expert_path`` lets them
# join one by one, the most useful first, and scores each number of experts on samples held
# out. Full points are as good as all experts, to within one standard error.

from sklearn_logitprod.deployment import ExpertPathDisplay, expert_path

path = expert_path(larger, scanned.iloc[:400], y_there[:400])
ExpertPathDisplay(path).plot()
plt.show()
", ".join(path.sufficient)

# %%
# *What it does not do.* It does not say that an expert is bad: of two that say the same,
# one is left over. One standard error is what these samples cannot tell apart, so that fewer
# samples let fewer experts suffice. And it compares pools of constant weights, not the model
# itself.
#
# A certificate
# -------------
# The guarantee of the fit is about the samples of the fit. Somebody who is to rely on the
# model asks about patients to come. Two steps answer. ``with_safety`` mixes a little of the
# experts into the model, so that it can never lose more than a known amount against any of
# them, on any patient. ``certify`` then takes samples that were used for nothing else, here
# those from the 401st on, and says how much better than each expert, and than the plain means
# of all, the model is at least.

from sklearn_logitprod.deployment import GainMonitor, certify, with_safety

safe = with_safety(larger, share=0.05)
unused = np.arange(400, len(y_there))
certify(safe, scanned.iloc[unused], y_there[unused])

# %%
# ``GainMonitor`` does the same as patients arrive. One may look every day and stop when one
# has seen enough; the bound holds all the same. A reference is beaten, with a confidence of
# 95 %, from where its line is above 0.

monitor = GainMonitor(safe, reference=["right", "new", "mean of logits"])
for day in np.array_split(unused, 50):
    monitor.update(scanned.iloc[day], y_there[day])
monitor.plot()
plt.show()

# %%
# *What it does not do.* It is about the mean over patients like these, who come from this
# hospital and its scanner: not about a single patient, not about next year's scanner. It
# compares with experts; it does not say that the model is good enough for a use. And whoever
# changes the model after looking at these patients needs new ones.
