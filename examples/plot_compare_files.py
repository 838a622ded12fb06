"""
Comparing experts from CSV files
================================

Often nothing is left of an expert but a table of its predictions. Three such tables, rows
in any order, are read, joined by their identifiers and compared; the command line does
the same with ``logitprod compare``.
"""

# %%
# Three files
# -----------
# This part stands for what others wrote: one CSV per expert.

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

data = load_breast_cancer()
labels = data.target_names[data.target]
rows = np.arange(len(labels))
own, new = train_test_split(rows, train_size=0.4, stratify=labels, random_state=0)
experts = {
    "uni": (slice(0, 10), make_pipeline(StandardScaler(), LogisticRegression())),
    "conch": (slice(10, 20), RandomForestClassifier(200, random_state=0)),
    "virchow": (slice(20, 30), GaussianNB(var_smoothing=0.01)),
}
folder = Path(tempfile.mkdtemp())
for name, (columns, model) in experts.items():
    model.fit(data.data[own, columns], labels[own])
    table = pd.DataFrame(
        model.predict_proba(data.data[new, columns]),
        columns=[f"prob_{label}" for label in model.classes_],
    )
    table.insert(0, "slide_id", [f"slide_{row:03d}" for row in new])
    table["diagnosis"] = labels[new]
    table.sample(frac=1, random_state=0).to_csv(folder / f"{name}.csv", index=False)

print((folder / "uni.csv").read_text()[:190])

# %%
# Read and compare
# ----------------
# Class columns are found by the labels. Rows are matched by identifier, never by
# position.

from sklearn_logitprod.inspection import ExpertComparisonDisplay, compare
from sklearn_logitprod.io import read_tables

outputs = read_tables([folder / f"{name}.csv" for name in experts], label="diagnosis")
print(outputs)
compare(outputs, n_repeats=3)

# %%
# The result is a DataFrame: whatever is not shown is a column of it.

table = compare(outputs, n_repeats=3, metrics=["roc_auc", "log_loss"])
print(table.verdict)
table[["roc_auc_difference", "roc_auc_difference_low", "roc_auc_difference_high"]].round(4)

# %%
# As a plot
# ---------

import matplotlib.pyplot as plt

ExpertComparisonDisplay(table).plot(metric="roc_auc_difference")
plt.show()
