"""A report, for the accessibility check and for the picture of the documentation.

    python examples/benchmarks/report_page.py OUT.html
    python examples/benchmarks/report_page.py OUT.html --collection FOLDER --picture PNG

Without the collection it is of three experts on cytology of scikit-learn, in thirds of the size of
nuclei, some outputs missing; with it, of four networks that grade gliomas. Chromium makes the
picture.
"""

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.inspection import compare
from sklearn_logitprod.io import ExpertOutputs
from sklearn_logitprod.report import write_report

# of the part that is shown, in pixels
_WIDTH, _HEIGHT, _SHOWN = 1280, 1330, 900


def cytology():
    """Outputs of three experts, and thirds of the samples by the size of nuclei."""
    data = load_breast_cancer()
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
    blocks = {"mean": slice(0, 10), "error": slice(10, 20), "worst": slice(20, 30)}
    proba = [
        cross_val_predict(model, data.data[:, own], data.target, cv=5, method="predict_proba")
        for own in blocks.values()
    ]
    values = np.stack(proba, axis=1)
    values[::7, 1] = np.nan
    classes = np.array(["malignant", "benign"])
    order = np.argsort(classes)
    outputs = ExpertOutputs(
        values[:, :, order], "proba", list(blocks), classes[order], y=classes[data.target]
    )
    radius = pd.qcut(data.data[:, 0], 3, labels=["1. small", "2. middle", "3. large"])
    return outputs, pd.Series(np.asarray(radius, dtype=str), name="nuclei")


def glioma(folder):
    """Outputs of four networks on one split of the collection."""
    with np.load(Path(folder) / "glioma_grade_pathgraph.npz", allow_pickle=False) as data:
        own = data["split"] == data["split"][0]
        proba, classes = data["proba"][own].astype(np.float64), data["classes"]
        outputs = ExpertOutputs(
            proba / proba.sum(axis=2, keepdims=True),
            "proba",
            [str(name) for name in data["experts"]],
            classes,
            y=classes[data["y"][own]],
            groups=data["groups"][own],
        )
    return outputs, None


def picture(page, path):
    """The first part of a page, as a small PNG."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if browser is None:
        raise SystemExit("a picture needs chromium, which is not there.")
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        size = [f"--window-size={_WIDTH},{_HEIGHT}", f"--screenshot={shot}"]
        subprocess.run(
            [browser, *options, *size, page.resolve().as_uri()], check=True, capture_output=True
        )
        with Image.open(shot) as whole:
            small = whole.convert("RGB").resize((_SHOWN, _HEIGHT * _SHOWN // _WIDTH))
    small.quantize(160).save(path, optimize=True)


def main():
    """Write the page, and the picture if it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--collection", metavar="FOLDER")
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args()
    outputs, by = glioma(args.collection) if args.collection else cytology()
    model = LogitProdClassifier(random_state=0)
    table = compare(model, outputs, by=by, n_repeats=2)
    write_report(args.out, table, model, outputs)
    print(table.verdict)
    if args.picture:
        picture(args.out, args.picture)


if __name__ == "__main__":
    main()
