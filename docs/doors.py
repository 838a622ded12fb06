"""Run the lines of the start page's three doors, and draw what comes of them.

    python docs/doors.py

Writes ``images/door_*.png``. ``tests/test_doors.py`` runs the same lines.
"""

import contextlib
import os
import re
import tempfile
import textwrap
from pathlib import Path

from sklearn_logitprod.cli import main

PAGE = Path(__file__).resolve().parent / "index.rst"
DOORS = ("files", "models", "embeddings")


def lines(door):
    """The first block of Python below the label of a door."""
    _, _, below = PAGE.read_text(encoding="utf-8").partition(f".. _door-{door}:")
    block = re.search(r"\.\. code-block:: python\n\n((?: {4}.*\n|\n)+)", below)
    return textwrap.dedent(block.group(1))


@contextlib.contextmanager
def folder_with_files():
    """An empty folder to work in, in which the demo has written its files."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            with contextlib.redirect_stdout(None):
                main(["demo", "--files", "demo"])
            yield Path(folder)
        finally:
            os.chdir(before)


def run(door):
    """What the lines of a door leave behind, by name."""
    names = {}
    exec(compile(lines(door), f"door {door}", "exec"), names)
    return names


def draw(door, found, ax):
    """The picture of a door, from what its lines left behind."""
    from sklearn_logitprod.inspection import ExpertComparisonDisplay

    if door != "models":
        ExpertComparisonDisplay(found["table"]).plot(ax=ax)
        ax.get_legend().remove()
        return
    losses = held_out(**{name: found[name] for name in ("model", "X_new", "y_new")})
    colors = ["tab:gray"] * (len(losses) - 1) + ["#d55e00"]
    ax.bar_label(ax.barh(list(losses), list(losses.values()), color=colors), fmt="%.2f", padding=3)
    ax.invert_yaxis()
    ax.margins(x=0.12)
    ax.set_xlabel("log-loss on new samples (lower is better)")


def held_out(model, X_new, y_new):
    """Log-loss of each expert and of the fusion on new samples."""
    import numpy as np

    rows, truth = np.arange(len(y_new)), np.searchsorted(model.classes_, np.asarray(y_new))
    experts = model.expert_logits(X_new)[rows, :, truth]
    losses = dict(zip(model.expert_names_, -experts.mean(axis=0), strict=True))
    return losses | {"LogitProd": -model.predict_log_proba(X_new)[rows, truth].mean()}


def pictures():
    """Write all of them."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with folder_with_files():
        found = {door: run(door) for door in DOORS}
    for door in DOORS:
        fig, ax = plt.subplots(figsize=(4.6, 3.4), layout="constrained")
        draw(door, found[door], ax)
        fig.savefig(PAGE.parent / "images" / f"door_{door}.png", dpi=130)


if __name__ == "__main__":
    pictures()
