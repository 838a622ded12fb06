"""
At another hospital
===================

A fused model was fitted at one hospital and is to be used at another. There an expert is
not available, diagnoses are not as frequent, the scanner differs, a new expert has come
up. And somebody asks what is known about the patients to come. This page goes through all
of it, one change at a time. No step needs the data of the first hospital; where something
is fitted again below, it is to compare with.
"""

# %%
# The model, and what it was fitted on
# ------------------------------------
# The pictures that come with scikit-learn are handwritten digits. Here they stand for
# slides, and the ten digits for ten diagnoses. Everything about the second hospital is
# simulated: its patients are digits that nobody has seen so far, and its scanner is a few
# lines of code below. Every number and picture on this page is computed by its code;
# what only draws is in the file at the end.
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
half = {"test_size": 0.5, "random_state": 0}
halves = train_test_split(X, y, stratify=y, **half)
X_home, X_there, y_home, y_there = halves
quarters = train_test_split(X_home, y_home, stratify=y_home, **half)
X_own, X_fit, y_own, y_fit = quarters
pixels = np.arange(64).reshape(8, 8)


def trained(part, model):
    """An expert that reads a part of the pictures."""
    reader = make_column_transformer((StandardScaler(), part.ravel()))
    return make_pipeline(reader, model).fit(X_own, y_own)


forest = RandomForestClassifier(random_state=0)
experts = {
    "top": trained(pixels[:4], LogisticRegression()),
    "bottom": trained(pixels[4:], forest),
    "left": trained(pixels[:, :4], KNeighborsClassifier(15)),
    "right": trained(pixels[:, 4:], LogisticRegression()),
    "centre": trained(pixels[2:6, 2:6], GaussianNB(var_smoothing=0.1)),
}


def outputs(experts, X):
    """Probabilities of all experts, as one table."""
    proba = {name: e.predict_proba(X) for name, e in experts.items()}
    return stack_outputs(proba, classes=range(10))


def fitted(Z, y, **parameters):
    """A fusion of the experts' probabilities Z."""
    return LogitProdClassifier(input="proba", **parameters).fit(Z, y)


def loss(model, Z, y):
    """The log-loss of a model."""
    return log_loss(y, model.predict_proba(Z), labels=range(10))


Z_fit, Z_there = outputs(experts, X_fit), outputs(experts, X_there)
model = fitted(Z_fit, y_fit, random_state=0)

weights = model.mean_expert_weights_
table = pd.DataFrame({"weight": weights}, index=list(experts))
table["log-loss"] = [log_loss(y_there, Z_there[e]) for e in experts]
table.loc["all, fused"] = 1.0, loss(model, Z_there, y_there)
table.round(3)

# %%
# Log-loss is what all of this page is measured in: the mean of -log of the probability that
# was given to what turned out to be true, in nats. It is 0 for one who is always right and
# sure, and high for one who is sure and wrong. Lower is better.
#
# *What it does not do.* A fitted model does not notice by itself that it has moved. Each of
# the steps below takes a model and returns a new one that says what was done to it. Which
# step is due is for people to decide.

# %%
# An expert is not available
# --------------------------
# The second hospital has no licence for the expert that weighs most. Its columns are left
# empty (NaN), and the model goes on: when it was fitted, it prepared for each expert to be
# missing. A model without this preparation shares out the weight among the experts that are
# left and changes nothing else: the second bar. The last bar is what the preparation aims
# at, a model that is fitted again, at home, on these four experts alone.

weightiest = model.expert_names_[np.argmax(model.mean_expert_weights_)]
without = Z_there.copy()
without[weightiest] = np.nan

rest = [name for name in experts if name != weightiest]
again = fitted(Z_fit[rest], y_fit, random_state=0)

# sphinx_gallery_start_ignore
from copy import copy
from dataclasses import replace

HOUSE, PLAIN, OTHER = "#0072B2", "0.72", "#D55E00"


def bar_chart(bars, colours):
    """Log-losses as horizontal bars with their values."""
    _, ax = plt.subplots(figsize=(6.4, 0.9 + 0.36 * len(bars)), layout="constrained")
    drawn = ax.barh(list(bars), list(bars.values()), color=colours, height=0.65)
    ax.bar_label(drawn, fmt="%.3f", padding=3)
    ax.invert_yaxis()
    ax.set(xlabel="log-loss (lower is better)", xlim=(0, 1.15 * max(bars.values())))
    ax.spines[["top", "right"]].set_visible(False)
    plt.show()


# the same model with what it prepared taken away
unprepared = copy(model)
unprepared.pool_ = replace(model.pool_, gaps=None)
bars = {
    "all five experts": loss(model, Z_there, y_there),
    f"without '{weightiest}', weights shared out": loss(unprepared, without, y_there),
    f"without '{weightiest}', as the model predicts": loss(model, without, y_there),
    f"without '{weightiest}', fitted again": loss(again, Z_there[rest], y_there),
}
bar_chart(bars, [PLAIN, OTHER, HOUSE, PLAIN])
# sphinx_gallery_end_ignore

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
counts = random.multinomial(250, planted)
came = []
for digit, count in enumerate(counts):
    patients = np.flatnonzero(y_there == digit)
    came.extend(random.choice(patients, count, replace=False))
Z_came, y_came = Z_there.iloc[came], y_there[came]

estimated = adapt_prior(model, Z_came)
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
# A prevalence that is known, from a registry for instance, is given as ``prior``. Either way
# predictions move most where the model is unsure. On these pictures that is seldom, and the
# gain is small.

given = adapt_prior(model, prior=planted)

# sphinx_gallery_start_ignore
bars = {
    "as fitted": loss(model, Z_came, y_came),
    "prevalence estimated": loss(estimated, Z_came, y_came),
    "prevalence given": loss(given, Z_came, y_came),
}
bar_chart(bars, [PLAIN, HOUSE, PLAIN])
# sphinx_gallery_end_ignore

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
    """The same pictures, blurred and flat, on a grey ground."""
    images = gaussian_filter(X.reshape(-1, 8, 8), (0, 0.6, 0.6))
    return np.clip(1.0 + 0.7 * images, 0, 16).reshape(-1, 64)


# sphinx_gallery_start_ignore
sites = {"ours": X_there, "theirs": their_scanner(X_there)}
fig, axes = plt.subplots(2, 8, figsize=(6.4, 1.8), layout="constrained")
for row, (site, images) in zip(axes, sites.items(), strict=True):
    row[0].set_ylabel(site)
    for ax, image in zip(row, images, strict=False):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        ax.set(xticks=[], yticks=[])
plt.show()
# sphinx_gallery_end_ignore

# %%
# The experts were never trained on such pictures. ``adapt`` takes a few labelled samples
# and moves two things: how sharp the fused probabilities are, and how much they lean towards
# each class. The weights of the experts stay as they are. With so little to learn, twenty
# samples are enough to be of use.

from sklearn_logitprod.deployment import adapt

Z_scan = outputs(experts, their_scanner(X_there))
adapted = adapt(model, Z_scan[:20], y_there[:20])
print(f"as fitted {loss(model, Z_scan[20:], y_there[20:]):.3f}")
print(f"adapted   {loss(adapted, Z_scan[20:], y_there[20:]):.3f}")

# %%
# Which twenty samples one gets is luck. The picture draws ten times for each number, and
# scores every draw on all samples that it did not use; lines are medians. Orange is a fusion
# with constant weights that is fitted on the same few samples and knows nothing of the first
# hospital. It needs a sample of each class, and so starts at 50.

numbers = [10, 20, 50, 100, 200]
losses = {n: [] for n in numbers}
losses_alone = {n: [] for n in numbers if n >= 50}
for n in numbers:
    for draw in range(10):
        order = np.random.default_rng(draw).permutation(len(y_there))
        few, others = order[:n], order[n:]
        Z_few, y_few = Z_scan.iloc[few], y_there[few]
        Z_others, y_others = Z_scan.iloc[others], y_there[others]
        new = adapt(model, Z_few, y_few)
        losses[n].append(loss(new, Z_others, y_others))
        if n in losses_alone and len(np.unique(y_few)) == 10:
            alone = fitted(Z_few, y_few, gate_width=None)
            losses_alone[n].append(loss(alone, Z_others, y_others))

# sphinx_gallery_start_ignore
fig, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
for label, Z, above in (("as fitted", Z_scan, True), ("with our scanner", Z_there, False)):
    level = loss(model, Z, y_there)
    ax.axhline(level, color="0.5", linestyle=":")
    ax.annotate(
        label,
        (9, level),
        (0, 3 if above else -3),
        textcoords="offset points",
        va="bottom" if above else "top",
        color="0.4",
    )
for found, label, colour, marker, aside in (
    (losses, "adapted", HOUSE, "o", 1.0),
    (losses_alone, "fitted on these samples alone", OTHER, "s", 1.07),
):
    places = [aside * n for n in found]
    ax.plot(places, [np.median(draws) for draws in found.values()], color=colour, label=label)
    for place, draws in zip(places, found.values(), strict=True):
        ax.plot([place] * len(draws), draws, marker, color=colour, markersize=4, alpha=0.4)
ax.set_xscale("log")
ax.set_xticks(numbers, numbers)
ax.minorticks_off()
highest = max(max(draws) for draws in [*losses.values(), *losses_alone.values()])
ax.set(xlabel="labelled samples", ylabel="log-loss (lower is better)", ylim=(0, highest + 0.15))
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, loc="upper right", ncols=2)
plt.show()
# sphinx_gallery_end_ignore

# %%
# *What it does not do.* It does not change whom the model trusts: an expert that the scanner
# hurts more than others keeps its weight. It repairs how sure the model is, not what the
# experts see. With hundreds of labels another fit is worth a try.

# %%
# A new expert
# ------------
# Somebody publishes an expert for the second scanner; here it is trained on our first
# quarter as that scanner would show it. ``add_expert`` takes the outputs of old and new
# experts on a hundred labelled samples. The adapted model stands as one expert beside the
# new one.

from sklearn_logitprod.deployment import add_expert

newcomer = RandomForestClassifier(random_state=1)
newcomer.fit(their_scanner(X_own), y_own)
Z_six = outputs(experts | {"new": newcomer}, their_scanner(X_there))
larger = add_expert(adapted, Z_six[20:120], y_there[20:120])
print(larger)

# %%
# Orange is a fit of all six experts on the same 120 samples, which knows nothing of the
# first hospital. All are scored on the 280 samples that follow.

again = fitted(Z_six[:120], y_there[:120], random_state=0)

# sphinx_gallery_start_ignore
Z_next, y_next = Z_six[120:400], y_there[120:400]
bars = {
    "the new expert by itself": log_loss(y_next, Z_next["new"]),
    "adapted, 20 samples": loss(adapted, Z_next[list(experts)], y_next),
    "with the new expert, 100 more": loss(larger, Z_next, y_next),
    "all six fitted on these 120": loss(again, Z_next, y_next),
}
bar_chart(bars, [PLAIN, PLAIN, HOUSE, OTHER])
# sphinx_gallery_end_ignore

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

path = expert_path(larger, Z_six[:400], y_there[:400])
ExpertPathDisplay(path).plot()
plt.show()
print("These suffice:", ", ".join(path.sufficient))

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
# of all, the model is at least, with a confidence of 95 %.

from sklearn_logitprod.deployment import certify, with_safety

safe = with_safety(larger, share=0.05)
certify(safe, Z_six[400:], y_there[400:])

# %%
# ``GainMonitor`` does the same as patients arrive. One may look every day and stop when one
# has seen enough; the bound holds all the same. From where a line is above 0, that reference
# is beaten, with a confidence of 95 %.

from sklearn_logitprod.deployment import GainMonitor

references = ["right", "new", "mean of logits"]
monitor = GainMonitor(safe, reference=references)
for day in range(400, len(y_there), 10):
    monitor.update(Z_six[day : day + 10], y_there[day : day + 10])
monitor.plot()
plt.show()

# %%
# *What it does not do.* It is about the mean over patients like these, who come from this
# hospital and its scanner: not about a single patient, not about next year's scanner. It
# compares with experts; it does not say that the model is good enough for a use. And whoever
# changes the model after looking at these patients needs new ones.
