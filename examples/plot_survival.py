"""
Six survival models, one fused
==============================

Six models of scikit-survival predict how long patients live: two Cox models, two
ensembles of trees, one tree, one regression on the logarithm of time. Which of them is
best differs between cohorts. :class:`~sklearn_logitprod.LogitProdSurvival` cross-fits
them, learns how far to trust each, and returns one calibrated survival function per
patient.
"""

# %%
# The experts
# -----------
# Any estimator with ``predict_survival_function`` gives curves; of others, as the ridge
# regression, ``predict`` is calibrated as a risk.

import numpy as np
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sksurv.datasets import load_aids, load_gbsg2
from sksurv.ensemble import GradientBoostingSurvivalAnalysis, RandomSurvivalForest
from sksurv.linear_model import CoxnetSurvivalAnalysis, CoxPHSurvivalAnalysis, IPCRidge
from sksurv.tree import SurvivalTree

experts = [
    ("Cox PH", CoxPHSurvivalAnalysis(alpha=0.1)),
    ("Coxnet", CoxnetSurvivalAnalysis(alphas=[0.02], fit_baseline_model=True)),
    ("forest", RandomSurvivalForest(50, min_samples_leaf=15, random_state=0)),
    ("boosting", GradientBoostingSurvivalAnalysis(n_estimators=50, subsample=0.5, random_state=0)),
    ("IPC ridge", IPCRidge(alpha=10.0)),
    ("tree", SurvivalTree(min_samples_leaf=30, random_state=0)),
]

# %%
# The fusion
# ----------
# Two cohorts: recurrence of breast cancer (GBSG2), and AIDS or death under two therapies,
# where nine of ten patients are censored. A third of the patients is kept for the end. With
# ``cv=5`` the fusion learns from predictions for patients that were new to the experts.

from sklearn_logitprod import LogitProdSurvival
from sklearn_logitprod.metrics import concordance_index

cohorts = {"GBSG2": load_gbsg2(), "AIDS": load_aids()}
fitted, held_out = {}, {}
for name, (X, y) in cohorts.items():
    event, time = y.dtype.names
    X_fit, X_test, y_fit, y_test = train_test_split(
        X, y, test_size=1 / 3, stratify=y[event], random_state=0
    )
    encode = make_column_transformer(
        (OneHotEncoder(drop="first"), make_column_selector(dtype_include="category")),
        remainder=StandardScaler(),
    )
    fused = make_pipeline(encode, LogitProdSurvival(experts, cv=5, n_bins=10))
    fused.fit(X_fit, y_fit)
    fitted[name], held_out[name] = fused, (X_test, y_test[event], y_test[time])

for name, fused in fitted.items():
    X_test, event, time = held_out[name]
    encoded, model = fused[:-1].transform(X_test), fused[-1]
    # survival of each expert at the model's times, from its distribution over the intervals
    survival = 1.0 - np.exp(model.expert_logits(encoded)).cumsum(axis=2)[:, :, :-1]
    print(f"{name}: concordance on {len(time)} held-out patients, {event.sum()} events")
    for expert, own in zip(model.expert_names_, survival.transpose(1, 0, 2), strict=True):
        print(f"    {expert:10} {concordance_index(event, time, -own.sum(axis=1)):.3f}")
    print(f"    {'LogitProd':10} {concordance_index(event, time, model.predict(encoded)):.3f}")

# %%
# Three patients
# --------------
# Those at the 10th, 50th and 90th percentile of the fused risk. Where experts disagree,
# the fused curve goes between them.

import matplotlib.pyplot as plt

fused = fitted["GBSG2"]
X_test, event, time = held_out["GBSG2"]
encoded, model = fused[:-1].transform(X_test), fused[-1]
order = np.argsort(model.predict(encoded))
patients = order[[int(share * (len(order) - 1)) for share in (0.1, 0.5, 0.9)]]
years = np.concatenate([[0.0], model.unique_times_]) / 365.25


def from_one(survival):
    """Survival from time 0 on."""
    return np.concatenate([np.ones((*survival.shape[:-1], 1)), survival], axis=-1)


events = np.exp(model.expert_logits(encoded[patients]))
own = from_one(1.0 - events.cumsum(axis=2)[:, :, :-1])
together = from_one(model.predict_survival_function(encoded[patients], return_array=True))

fig, axes = plt.subplots(1, 3, figsize=(10, 3.6), sharey=True, layout="constrained")
colours = plt.get_cmap("tab10").colors
for ax, title, curves, curve in zip(
    axes, ("low risk", "middle risk", "high risk"), own, together, strict=True
):
    for m, expert in enumerate(model.expert_names_):
        ax.plot(years, curves[m], color=colours[m], linewidth=1.2, label=expert)
    ax.plot(years, curve, color="black", linewidth=3, label="LogitProd")
    ax.set(title=title, xlabel="years", ylim=(0, 1.02), xlim=(0, years[-1]))
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("free of recurrence")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=7, frameon=False)
plt.show()

# %%
# Are the probabilities right?
# ----------------------------
# The mean predicted survival of the held-out patients against what happened to them, by
# Kaplan-Meier: for all, and for the thirds with the lowest and the highest risk. The
# plots end where fewer than 15 patients of a third are still followed up.

from sklearn_logitprod.metrics import kaplan_meier

for name, fused in fitted.items():
    fig, ax = plt.subplots(figsize=(5, 3.8), layout="constrained")
    X_test, event, time = held_out[name]
    model, survival = fused[-1], fused.predict_survival_function(X_test, return_array=True)
    risk = model.predict(fused[:-1].transform(X_test))
    low, high = np.quantile(risk, [1 / 3, 2 / 3])
    years = np.concatenate([[0.0], model.unique_times_]) / 365.25
    parts = {
        "lowest third": (risk <= low, "tab:blue"),
        "all": (risk == risk, "black"),
        "highest third": (risk > high, "tab:orange"),
    }
    end = min(np.sort(time[rows])[-15] for rows, _ in parts.values()) / 365.25
    fine, shown = np.linspace(0.0, end, 300), years <= end
    for label, (rows, colour) in parts.items():
        seen = kaplan_meier(event[rows], time[rows], fine * 365.25)
        ax.plot(fine, seen, color=colour, linewidth=1, alpha=0.8)
        mean = from_one(survival[rows].mean(axis=0))
        ax.plot(years[shown], mean[shown], "o", color=colour, markersize=5)
        ax.annotate(
            label,
            (fine[-1], seen[-1]),
            xytext=(5, 0),
            textcoords="offset points",
            color=colour,
            va="center",
        )
    ax.set(title=name, xlabel="years", xlim=(0, end), ylim=(0, 1.02))
    ax.set_ylabel("survival: line Kaplan-Meier, dots predicted")
    ax.spines[["top", "right"]].set_visible(False)
plt.show()
# sphinx_gallery_thumbnail_number = 2
