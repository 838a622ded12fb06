"""The demo: five experts on bundled data, fused, and compared with simpler ways to combine.

Models of scikit-learn are imported inside functions, so that other commands start without them.
"""

from __future__ import annotations

import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from sklearn_logitprod._progress import Progress
from sklearn_logitprod.cli.bundled import TASKS, Task
from sklearn_logitprod.training.threads import load_torch

WIDTH = 79
_COMBINATIONS = ("mean of logits", "mean of probabilities", "stacked logistic regression")
_FUSED = "LogitProd"
_ALIKE = 0.05  # weights that differ by less are called nearly the same


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
    origins : ndarray of shape (n_held_out,) or None
        Where the held-out samples are from.
    losses : dict of str to ndarray of shape (n_held_out,)
        Log-loss of each held-out sample.
    gap : float
        ``guarantee_gap_`` of the fused model.
    best_reference : str
        The reference that the gap is measured to.
    loss : float
        Log-loss of the fused model on the samples it was fitted on.
    proba : ndarray of shape (n_samples, n_experts, n_classes)
        What the experts say of all samples.
    held_back : ndarray of int
        Samples that no expert has learned from.
    """

    task: Task
    sizes: tuple
    scores: dict
    weights: np.ndarray
    origins: np.ndarray | None
    losses: dict
    gap: float
    best_reference: str
    loss: float
    proba: np.ndarray
    held_back: np.ndarray


def split(y, seed):
    """Rows that train the experts (30 %), fit the fusion (45 %) and are held out (25 %).

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

    own, rest = train_test_split(np.arange(len(y)), train_size=0.3, stratify=y, random_state=seed)
    fuse, held_out = train_test_split(rest, train_size=9 / 14, stratify=y[rest], random_state=seed)
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
        known = own if expert.origin is None else own[task.origins[own] == expert.origin]
        model = expert.model.fit(task.X[np.ix_(known, expert.columns)], task.y[known])
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
        origins=None if task.origins is None else task.origins[held_out],
        losses={row: -values[np.arange(len(truth)), truth] for row, values in log_proba.items()},
        gap=fused.guarantee_gap_,
        best_reference=references[int(np.argmin(fused.reference_losses_))],
        loss=fused.loss_,
        proba=proba,
        held_back=np.sort(np.concatenate([fuse, held_out])),
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
    for title, mean in mean_weights(result).items():
        weights = [f"{weight:.2f}" for weight in mean]
        columns.append([f" weight {title}".rstrip(), *weights])
        columns[-1] += [""] * (len(names) - len(weights))

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


def mean_weights(result):
    """Mean weights of the experts on the held-out samples of each origin.

    Parameters
    ----------
    result : Result

    Returns
    -------
    dict of str to ndarray of shape (n_experts,)
        By origin, or of all samples where there is none.
    """
    if result.origins is None:
        return {"": result.weights.mean(axis=0)}
    return {
        origin: result.weights[result.origins == origin].mean(axis=0)
        for origin in np.unique(result.origins).tolist()
    }


def trust(result):
    """Whom the fusion trusts, and where it trusts others, in one sentence.

    Parameters
    ----------
    result : Result

    Returns
    -------
    str
    """
    task, labels = result.task, [expert.label for expert in result.task.experts]
    low, high = result.weights.min(axis=0), result.weights.max(axis=0)
    if np.max(high - low) < _ALIKE:
        mean = result.weights.mean(axis=0)
        first = int(np.argmax(mean))
        return (
            f"LogitProd trusts the {labels[first]} most: mean weight {mean[first]:.2f}, nearly the "
            f"same for all {task.samples}. It tried to weigh the experts anew for each of them, "
            f"and cross-validation within the fit said that this gains next to nothing here."
        )
    means = mean_weights(result)
    if len(means) == 1:
        first = int(np.argmax(high - low))
        return (
            f"LogitProd weighs the experts anew for each of the {task.samples}: the "
            f"{labels[first]} has from {low[first]:.2f} to {high[first]:.2f}."
        )
    by_origin = np.stack(list(means.values()))
    first = int(np.argmax(np.ptp(by_origin, axis=0)))
    least, most = (list(means)[int(pick(by_origin[:, first]))] for pick in (np.argmin, np.argmax))
    return (
        f"LogitProd weighs the experts anew for each of the {task.samples}. Nobody tells it "
        f"which {task.origin} one is from, and yet the {labels[first]} has a mean weight of "
        f"{means[most][first]:.2f} on those of {task.origin} {most} and of "
        f"{means[least][first]:.2f} on those of {task.origin} {least}: what the experts say, and "
        f"how surely, is enough."
    )


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

    guarantee = (
        f"The guarantee: on the {result.sizes[1]} {samples} that it was fitted on, LogitProd is "
        f"never worse in log-loss than the best single expert, the mean of logits and the mean of "
        f"probabilities, whatever the data. Here it has {result.loss:.4f}, and the best of these, "
        f"the {result.best_reference}, {result.loss - result.gap:.4f} (guarantee_gap_ "
        f"{result.gap:.4f}). For new {samples} there is no such promise; how it went with the "
        f"{result.sizes[2]} held out is in the table."
    )
    return [trust(result), f"{versus} {place}", guarantee]


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
    whose = f", for each {task.origin}" if task.origin else ""
    lines.append(f"* best of the column; weight: mean over the held-out {task.samples}{whose}")
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


def write(result, folder):
    """Write predictions and features as files, to try other commands on.

    ``predictions/EXPERT.csv`` has the probabilities of the samples that are new to the experts,
    ``features/EXPERT.csv`` what the expert sees of all samples, ``labels.csv`` their classes.
    Features are left out where experts differ in the samples that they know.

    Parameters
    ----------
    result : Result
    folder : Path

    Returns
    -------
    str
        What can be done with them, in a few lines.
    """
    task, rows = result.task, result.held_back
    classes = np.unique(task.y).tolist()
    ids = pd.Index([f"s{row:04d}" for row in range(len(task.y))], name="slide_id")
    tables = {"labels": pd.DataFrame({"label": task.y}, index=ids)}
    for m, expert in enumerate(task.experts):
        names = [f"prob_{name}" for name in classes]
        proba = pd.DataFrame(result.proba[rows, m], index=ids[rows], columns=names)
        tables[f"predictions/{expert.name}"] = proba.assign(label=task.y[rows])
        if task.origins is None:
            names = [f"f{column}" for column in range(len(expert.columns))]
            features = pd.DataFrame(task.X[:, expert.columns], index=ids, columns=names)
            tables[f"features/{expert.name}"] = features
    for name, one in tables.items():
        path = folder / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        one.to_csv(path)
    lines = [
        f"Written to {folder}. Try",
        "",
        f"    logitprod compare {folder}/predictions/*.csv --label label",
    ]
    if task.origins is None:
        labels = f"--labels {folder}/labels.csv --label label"
        lines.append(f"    logitprod probe {folder}/features/*.csv {labels}")
    return "\n".join(lines)


def run(args):
    """Run the demo: evaluate and report one task after the other."""
    progress = Progress(sys.stderr)
    names = list(TASKS) if args.data == "all" else [args.data]
    folders = {} if args.files is None else {name: Path(args.files) / name for name in names}
    for folder in folders.values():
        if not args.files or any(own.is_file() for own in (folder, *folder.parents)):
            raise ValueError(f"--files {args.files!r} is no folder, and none can be made of it.")
        if folder.exists() and any(folder.iterdir()):
            raise ValueError(f"{folder} exists: write --files with the name of another folder.")
    # before the experts are trained: what is missing, or cannot be written, is known now
    load_torch()
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        progress(f"loading {name}")
        result = evaluate(TASKS[name](args.seed), args.seed, progress)
        progress.clear()
        print(report(result) + "\n\n", flush=True)
        if name in folders:
            print(write(result, folders[name]) + "\n\n", flush=True)
    print("\n".join(textwrap.wrap(_FLOOR, WIDTH)) + "\n\n" + _CODE, flush=True)
    return 0
