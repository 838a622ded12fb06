"""
A slide's tiles with Dask
=========================

One slide has tens of thousands of tiles, and a cohort millions: more than fits in memory.
The fusion is fitted on some of them; a fitted model is a few NumPy arrays, so prediction
goes tile block by tile block wherever the blocks are.
"""

# %%
# Experts on tiles
# ----------------
# Bundled pictures stand for slides: the tiles of one photograph, told as flower or
# background by their place in it. Each expert sees one colour of a tile.

import dask.array as da
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

picture = load_sample_image("flower.jpg") / 255.0
size = 7
rows, columns = (length // size for length in picture.shape[:2])
tiles = picture[: rows * size, : columns * size].reshape(rows, size, columns, size, 3)
tiles = tiles.swapaxes(1, 2).reshape(rows * columns, size * size, 3)
place = np.stack(np.mgrid[:rows, :columns], axis=-1).reshape(-1, 2) / [rows, columns]
is_flower = np.hypot(*(place - [0.53, 0.56]).T * np.array([[1.0], [1.5]])) < 0.33

rng = np.random.default_rng(0)
own, fit = np.array_split(rng.permutation(len(tiles))[:2000], 2)


def look(colour):
    summary = np.column_stack([tiles[..., colour].mean(axis=1), tiles[..., colour].std(axis=1)])
    return np.column_stack([summary, summary**2])


log_odds = np.column_stack(
    [
        make_pipeline(StandardScaler(), LogisticRegression())
        .fit(look(colour)[own], is_flower[own])
        .decision_function(look(colour))
        for colour in range(3)
    ]
)

# %%
# Fit on some tiles, predict all of them lazily
# ---------------------------------------------
# The blocks of the Dask array could lie in files, and the workers on other machines. With
# ``groups`` the fit would keep the tiles of one slide together.

from sklearn_logitprod import LogitProdClassifier

model = LogitProdClassifier().fit(log_odds[fit], is_flower[fit])
lazy = da.from_array(log_odds, chunks=(1000, 3))
proba = lazy.map_blocks(lambda block: model.predict_proba(block)[:, 1], drop_axis=1, dtype=float)
print(proba)

# %%
# As a map
# --------
# Each with its log-loss on the tiles that no model has seen.

from sklearn.metrics import log_loss

rest = np.setdiff1d(np.arange(len(tiles)), np.r_[own, fit])
maps = {"red": 1 / (1 + np.exp(-log_odds[:, 0])), "green": 1 / (1 + np.exp(-log_odds[:, 1]))}
maps["fused"] = proba.compute()
fig, axes = plt.subplots(2, 2, figsize=(6, 4), layout="constrained")
axes[0, 0].imshow(picture)
axes[0, 0].set_title("picture")
for ax, (name, values) in zip(axes.flat[1:], maps.items(), strict=True):
    image = ax.imshow(values.reshape(rows, columns), vmin=0, vmax=1, cmap="magma")
    ax.set_title(f"{name}: {log_loss(is_flower[rest], values[rest]):.3f}")
for ax in axes.flat:
    ax.set_axis_off()
fig.colorbar(image, ax=axes, label="probability of flower")
plt.show()
