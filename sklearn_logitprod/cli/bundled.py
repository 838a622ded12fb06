"""Tasks on data bundled with scikit-learn, and five experts for each.

Models and data sets of scikit-learn are imported inside functions, so that other
commands start without them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Expert:
    """A model and what it has learned from.

    Attributes
    ----------
    kind : str
        What the model is.
    view : str
        What it sees.
    columns : sequence of int
        The columns of X it sees.
    model : estimator
        An unfitted scikit-learn classifier.
    origin : str or None
        It learns from samples of this origin alone; from all if None.
    """

    kind: str
    view: str
    columns: list
    model: object
    origin: str | None = None

    @property
    def label(self):
        """Kind and view in one phrase."""
        return f"{self.kind} ({self.view})"

    @property
    def name(self):
        """What its files are called: the first thing that it sees."""
        return self.view.split(",")[0].replace(" ", "_")


@dataclass(frozen=True)
class Task:
    """A classification task and the experts for it.

    Attributes
    ----------
    name : str
        One word.
    title : str
    samples : str
        What one row is, in the plural.
    outcome : str
        What is predicted, in words.
    views : str
        What an expert sees, in words.
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    experts : list of Expert
    origins : ndarray of shape (n_samples,) or None
        Where each sample is from, which no model is told; one letter.
    origin : str
        What the letters stand for, such as scanners.
    """

    name: str
    title: str
    samples: str
    outcome: str
    views: str
    X: np.ndarray
    y: np.ndarray
    experts: list
    origins: np.ndarray | None = None
    origin: str = ""


def cytology(seed):
    """Wisconsin breast cytology: five experts, two of ten measured properties each."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    data = load_breast_cancer()

    def columns(*properties):
        names = [f"{kind} {one}" for one in properties for kind in ("mean", "worst")]
        names += [f"{one} error" for one in properties]
        return np.flatnonzero(np.isin(data.feature_names, names)).tolist()

    models = {
        ("radius", "smoothness"): ("logistic regression", LogisticRegression()),
        ("perimeter", "symmetry"): ("nearest neighbours", KNeighborsClassifier(15)),
        ("area", "fractal dimension"): (
            "gradient boosting",
            GradientBoostingClassifier(random_state=seed),
        ),
        ("concave points", "texture"): ("naive Bayes", GaussianNB()),
        ("compactness", "concavity"): ("random forest", RandomForestClassifier(random_state=seed)),
    }
    experts = [
        Expert(kind, ", ".join(pair), columns(*pair), make_pipeline(StandardScaler(), model))
        for pair, (kind, model) in models.items()
    ]
    return Task(
        name="cytology",
        title="Wisconsin breast cytology",
        samples="tumours",
        outcome="malignant or benign",
        views="two of ten measured properties (mean, standard error, worst)",
        X=data.data,
        y=data.target_names[data.target],
        experts=experts,
    )


def digits(seed):
    """Handwritten digits from two scanners, of which the second is five times as bright.

    An expert of each scanner, and three that see a part of all images.
    """
    from sklearn.datasets import load_digits
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = load_digits(return_X_y=True)
    origins = np.random.default_rng(seed).choice(["A", "B"], len(y))
    X = np.where((origins == "B")[:, None], 5 * X, X)
    pixel = np.arange(64).reshape(8, 8)
    parts = {"centre": pixel[2:6, 2:6], "top half": pixel[:4], "bottom half": pixel[4:]}

    def scaled(model):
        return make_pipeline(StandardScaler(), model)

    experts = [
        Expert(
            "neural network",
            f"scanner {origin}",
            pixel.ravel().tolist(),
            scaled(MLPClassifier((32,), max_iter=1000, random_state=seed)),
            origin,
        )
        for origin in ("A", "B")
    ] + [
        Expert("naive Bayes", view, part.ravel().tolist(), scaled(GaussianNB(var_smoothing=0.1)))
        for view, part in parts.items()
    ]
    return Task(
        name="digits",
        title="Handwritten digits from two scanners",
        samples="images",
        outcome="ten classes",
        views="the images of one scanner or a part of all images",
        X=X,
        y=y,
        experts=experts,
        origins=origins,
        origin="scanner",
    )


TASKS = {"digits": digits, "cytology": cytology}
