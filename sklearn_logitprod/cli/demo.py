"""The demo: five experts on bundled data, fused, and compared with simpler ways to combine.

Models and data sets of scikit-learn are imported inside functions, so that other
commands start without them.
"""

from __future__ import annotations

import sys
import textwrap
from dataclasses import dataclass

import numpy as np

from sklearn_logitprod._progress import Progress

WIDTH = 79
_COMBINATIONS = ("mean of logits", "mean of probabilities", "stacked logistic regression")
_FUSED = "LogitProd"


@dataclass(frozen=True)
class Expert:
    """A model and the part of the features that it sees.

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
    """

    kind: str
    view: str
    columns: list
    model: object

    @property
    def label(self):
        """Kind and view in one phrase."""
        return f"{self.kind} ({self.view})"


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
    """

    name: str
    title: str
    samples: str
    outcome: str
    views: str
    X: np.ndarray
    y: np.ndarray
    experts: list


@dataclass(frozen=True)
class Result:
    """What the demo measured on one task.

    Attributes
    ----------
    task : Task
    sizes : tuple of int
        Samples that train the experts, fit the fusion, and are held out.
    scores : dict of str to tuple of float
        Held-out log-loss, AUC and accuracy by row of the table, experts first.
    weights : ndarray of shape (n_held_out, n_experts)
        Expert weights on the held-out samples.
    losses : dict of str to ndarray of shape (n_held_out,)
        Log-loss of each held-out sample.
    gap : float
        ``guarantee_gap_`` of the fused model.
    best_reference : str
        The reference that the gap is measured to.
    """

    task: Task
    sizes: tuple
    scores: dict
    weights: np.ndarray
    losses: dict
    gap: float
    best_reference: str


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
    """Handwritten digits: five experts, a half or the centre of the image each."""
    from sklearn.datasets import load_digits
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = load_digits(return_X_y=True)
    pixel = np.arange(64).reshape(8, 8)
    network = MLPClassifier((32,), max_iter=1000, random_state=seed)
    models = [
        ("logistic regression", "top half", pixel[:4], LogisticRegression(max_iter=1000)),
        ("random forest", "bottom half", pixel[4:], RandomForestClassifier(random_state=seed)),
        ("neural network", "left half", pixel[:, :4], network),
        ("nearest neighbours", "right half", pixel[:, 4:], KNeighborsClassifier(15)),
        ("naive Bayes", "centre", pixel[2:6, 2:6], GaussianNB(var_smoothing=0.1)),
    ]
    experts = [
        Expert(kind, view, part.ravel().tolist(), make_pipeline(StandardScaler(), model))
        for kind, view, part, model in models
    ]
    return Task(
        name="digits",
        title="Handwritten digits",
        samples="images",
        outcome="ten classes",
        views="a half or the centre of the 8x8 pixels",
        X=X,
        y=y,
        experts=experts,
    )


TASKS = {"cytology": cytology, "digits": digits}


def split(y, seed):
    """Rows that train the experts (40 %), fit the fusion (30 %) and are held out (30 %).

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class labels, by which the parts are stratified.
    seed : int

    Returns
    -------
    list of three ndarray of int
    """
    from sklearn.model_selection import train_test_split

    own, rest = train_test_split(np.arange(len(y)), train_size=0.4, stratify=y, random_state=seed)
    fuse, held_out = train_test_split(rest, train_size=0.5, stratify=y[rest], random_state=seed)
    return [own, fuse, held_out]


def evaluate(task, seed, progress):
    """Train the experts of a task, fuse them and measure everything on held-out samples.

    Parameters
    ----------
    task : Task
    seed : int
    progress : callable
        Called with a line of text before each step.

    Returns
    -------
    Result
    """
    from sklearn.linear_model import LogisticRegression

    from sklearn_logitprod import LogitProdClassifier

    own, fuse, held_out = split(task.y, seed)
    proba = np.empty((len(task.y), len(task.experts), len(np.unique(task.y))))
    for m, expert in enumerate(task.experts):
        progress(f"{task.name}: expert {m + 1} of {len(task.experts)}, {expert.label}")
        model = expert.model.fit(task.X[np.ix_(own, expert.columns)], task.y[own])
        proba[:, m] = model.predict_proba(task.X[:, expert.columns])

    progress(f"{task.name}: fusing {len(task.experts)} experts on {len(fuse)} {task.samples}")
    fused = LogitProdClassifier(input="proba", random_state=seed).fit(proba[fuse], task.y[fuse])
    logits = fused.expert_logits(proba)
    flat = logits.reshape(len(logits), -1)
    stacked = LogisticRegression(max_iter=5000).fit(flat[fuse], task.y[fuse])

    labels = [expert.label for expert in task.experts]
    log_proba = {label: logits[held_out, m] for m, label in enumerate(labels)}
    mean_logits = logits[held_out].mean(axis=1)
    mean_logits -= np.log(np.exp(mean_logits).sum(axis=1, keepdims=True))
    mean_proba = np.log(np.exp(logits[held_out]).mean(axis=1))
    combined = (mean_logits, mean_proba, stacked.predict_log_proba(flat[held_out]))
    log_proba.update(zip(_COMBINATIONS, combined, strict=True))
    log_proba[_FUSED] = fused.predict_log_proba(proba[held_out])

    truth = np.searchsorted(fused.classes_, task.y[held_out])
    references = labels + list(_COMBINATIONS[:2])
    return Result(
        task=task,
        sizes=(len(own), len(fuse), len(held_out)),
        scores={row: scores(truth, values) for row, values in log_proba.items()},
        weights=fused.expert_weights(proba[held_out]),
        losses={row: -values[np.arange(len(truth)), truth] for row, values in log_proba.items()},
        gap=fused.guarantee_gap_,
        best_reference=references[int(np.argmin(fused.reference_losses_))],
    )


def scores(truth, log_proba):
    """Log-loss, AUC (macro, one against the rest) and accuracy.

    Parameters
    ----------
    truth : ndarray of shape (n_samples,), int
        Position of the true class.
    log_proba : ndarray of shape (n_samples, n_classes)

    Returns
    -------
    tuple of three float
    """
    from sklearn.metrics import roc_auc_score

    proba = np.exp(log_proba)
    if proba.shape[1] == 2:
        auc = roc_auc_score(truth, proba[:, 1])
    else:
        auc = roc_auc_score(truth, proba, multi_class="ovr", average="macro")
    log_loss = -log_proba[np.arange(len(truth)), truth].mean()
    return float(log_loss), float(auc), float((log_proba.argmax(axis=1) == truth).mean())


def table(result):
    """The results as lines of text, the best of each column marked by a star.

    Values that print alike are marked alike.

    Parameters
    ----------
    result : Result

    Returns
    -------
    list of str
    """
    experts = {expert.label: expert for expert in result.task.experts}
    kinds = max(len(expert.kind) for expert in experts.values())
    names = [
        f"{experts[row].kind:<{kinds}}  {experts[row].view}" if row in experts else row
        for row in result.scores
    ]
    columns = []
    for title, digits_shown, best, values in zip(
        ("log-loss", "AUC", "accuracy"),
        (3, 4, 3),
        (min, max, max),
        zip(*result.scores.values(), strict=True),
        strict=True,
    ):
        shown = [f"{value:.{digits_shown}f}" for value in values]
        mark = f"{best(values):.{digits_shown}f}"
        columns.append([title] + [text + (" ", "*")[text == mark] for text in shown])
    weights = [f"{weight:.2f}" for weight in result.weights.mean(axis=0)]
    columns.append([" weight", *weights, *[""] * (len(names) - len(weights))])

    left = [f"{'expert':<{kinds}}  sees", *names]
    widths = [max(len(cell) for cell in column) for column in (left, *columns)]
    lines = []
    for cells in zip(left, *columns, strict=True):
        first = f"{cells[0]:<{widths[0]}}"
        others = [f"{cell:>{width}}" for cell, width in zip(cells[1:], widths[1:], strict=True)]
        lines.append(f"{first}  {' '.join(others)}".rstrip())
    rule = "-" * max(len(line) for line in lines)
    n_experts = len(experts)
    return [lines[0], rule, *lines[1 : n_experts + 1], rule, *lines[n_experts + 1 :]]


def conclusions(result):
    """What the table says, in sentences that follow from its numbers.

    Parameters
    ----------
    result : Result

    Returns
    -------
    list of str
        One paragraph each.
    """
    labels = [expert.label for expert in result.task.experts]
    samples = result.task.samples
    mean = result.weights.mean(axis=0)
    first = int(np.argmax(mean))
    low, high = result.weights[:, first].min(), result.weights[:, first].max()
    spread = (
        f"the same for all {samples}"
        if f"{low:.2f}" == f"{high:.2f}"
        else f"from {low:.2f} to {high:.2f} between {samples}"
    )
    trust = f"LogitProd trusts the {labels[first]} most: mean weight {mean[first]:.2f}, {spread}."

    loss = {row: values[0] for row, values in result.scores.items()}
    single = min(labels, key=loss.get)
    difference = result.losses[single] - result.losses[_FUSED]
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    versus = (
        f"Its held-out log-loss is {loss[_FUSED]:.3f}, against {loss[single]:.3f} for the expert "
        f"that turns out best here, the {single}: {abs(difference.mean()):.3f} "
        f"{'lower' if difference.mean() > 0 else 'higher'}, standard error {error:.3f}"
    )
    within_noise = abs(difference.mean()) < 2.0 * error
    versus += f", so within the noise of {len(difference)} {samples}." if within_noise else "."
    winner = min(loss, key=loss.get)
    if winner == _FUSED:
        place = "No other row has a lower one."
    else:
        rank = 1 + sum(value < loss[_FUSED] for value in loss.values())
        place = (
            f"It is not the lowest: {winner} has {loss[winner]:.3f}, "
            f"and LogitProd is number {rank} of {len(loss)}."
        )

    gap = (
        f"Guarantee gap {result.gap:.4f}: the log-loss of LogitProd minus that of its best "
        f"reference, here {result.best_reference}, on the {result.sizes[1]} {samples} it was "
        f"fitted on. References are the experts, the mean of logits and the mean of "
        f"probabilities; the fit never lets the gap exceed 0."
    )
    return [gap, f"{trust} {versus} {place}"]


def report(result):
    """All that the demo prints on one task.

    Parameters
    ----------
    result : Result

    Returns
    -------
    str
    """
    task, (n_own, n_fuse, n_held_out) = result.task, result.sizes
    head = (
        f"{n_own} {task.samples} train the experts, each of which sees {task.views}; {n_fuse} "
        f"others, new to the experts, fit the fusion; all numbers are from {n_held_out} more."
    )
    title = f"{task.title}: {len(task.y)} {task.samples}, {task.outcome}"
    lines = [title, "=" * len(title), *textwrap.wrap(head, WIDTH), "", *table(result)]
    lines.append(f"* best of the column; weight: mean over the held-out {task.samples}")
    for paragraph in conclusions(result):
        lines += ["", *textwrap.wrap(paragraph, WIDTH)]
    return "\n".join(lines)


_CODE = """\
The same with your own fitted experts:

    proba = np.stack([expert.predict_proba(X) for expert in experts], axis=1)
    model = LogitProdClassifier(input="proba").fit(proba, y)   # y: new to the experts
    model.predict_proba(new), model.expert_weights(new)        # new: like proba"""

_FLOOR = (
    "The experts enter as probabilities. LogitProd mixes each with a millionth of the uniform "
    "distribution, so that a probability of 0, as forests and neighbours give, rules nothing out; "
    "every row above is measured with this floor, and its logits are logarithms of the result."
)


def run(args):
    """Run the demo: evaluate and report one task after the other."""
    progress = Progress(sys.stderr)
    for name in TASKS if args.data == "all" else [args.data]:
        progress(f"loading {name}")
        result = evaluate(TASKS[name](args.seed), args.seed, progress)
        progress.clear()
        print(report(result) + "\n\n", flush=True)
    print("\n".join(textwrap.wrap(_FLOOR, WIDTH)) + "\n\n" + _CODE, flush=True)
    return 0
