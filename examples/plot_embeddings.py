"""
Which encoder, or all of them
=============================

There are features of the same images by several encoders, and a few hundred labels. Which encoder
is the best, and are all of them together better? Patches of two photographs stand in for slides:
the question is which photograph a grey patch is of, a Chinese temple or a flower.
"""

# %%
# Five encoders
# -------------
# Principal components, random convolution filters as of an untrained network, directions of edges,
# frequencies, and shades. All are computed here; of slides,
# :func:`~sklearn_logitprod.io.read_embeddings` reads them from folders, one per encoder.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.fft import dctn
from scipy.signal import convolve2d
from sklearn.datasets import load_sample_image
from sklearn.decomposition import PCA

rng = np.random.default_rng(0)
size, n_patches = 12, 200


def patches_of(name):
    grey = load_sample_image(name).mean(axis=2) / 255.0
    corners = rng.permutation([(i, j) for i in range(0, 420, size) for j in range(0, 624, size)])[
        :n_patches
    ]
    return [grey[i : i + size, j : j + size] for i, j in corners]


patches = np.array(patches_of("china.jpg") + patches_of("flower.jpg"))
y = np.repeat(["temple", "flower"], n_patches)
filters = rng.normal(size=(24, 3, 3))


def random_filters(patch):
    maps = [np.maximum(convolve2d(patch, own, mode="valid"), 0.0) for own in filters]
    return np.ravel([[own.mean(), own.std(), own.max()] for own in maps])


def edge_directions(patch):
    down, right = np.gradient(patch)
    angle, strength = np.arctan2(down, right) % np.pi, np.hypot(down, right)
    return np.r_[np.histogram(angle, 8, (0, np.pi), weights=strength)[0], strength.std()]


encoders = {
    "components": PCA(20, random_state=0).fit_transform(patches.reshape(len(patches), -1)),
    "filters": np.array([random_filters(own) for own in patches]),
    "edges": np.array([edge_directions(own) for own in patches]),
    "frequencies": np.array([np.log(np.abs(dctn(own)) + 0.01)[:6, :6].ravel() for own in patches]),
    "shades": np.array([np.histogram(own, 12, (0, 1))[0] for own in patches]),
}
X = pd.concat({name: pd.DataFrame(own) for name, own in encoders.items()}, axis=1)

# %%
# An answer in ten lines
# ----------------------
# Each encoder gets a head of its own, a ridge-penalised logistic regression whose penalty is chosen
# inside; the heads are cross-fitted within the training part of each split. The rival is one such
# head on the features of all encoders at once.
from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.experts import on_all_views, on_view
from sklearn_logitprod.inspection import ExpertComparisonDisplay, compare

model = LogitProdClassifier([(name, on_view(name)) for name in encoders], cv=5)
table = compare(
    model, X, y, rivals={"concatenated features": on_all_views()}, n_repeats=1, n_jobs=2
)
columns = ["log_loss_mean", "roc_auc_mean", "difference", "p_holm", "fit_seconds"]
print(table[columns].round(3).to_string())

# %%
# Which encoder alone would have been chosen on the training parts, and how the fusion compares with
# the rival. Fusing is better than the best encoder; whether one head on all of these few features
# does as well, 400 patches do not tell.
print(table.attrs["chosen"])
print(table.attrs["rivals"])

# %%
# The weights say what the fusion is made of, here by class.
from sklearn_logitprod.inspection import ExpertWeightsDisplay

ExpertComparisonDisplay(table).plot()
ExpertWeightsDisplay.from_estimator(model.fit(X, y), X, by=y)
plt.show()
