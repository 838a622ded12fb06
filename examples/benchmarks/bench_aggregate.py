"""Slides to patients: before the fit or after the prediction, and by which rule.

    python examples/benchmarks/bench_aggregate.py [--repeats 2] [--draws 10] [--gate auto]

Patients have one label and 1 to 5 slides, and are held out whole. *Before*: outputs of experts
are aggregated, the fusion is fitted on patients. *After*: it is fitted on slides, in groups, each
with its patient's label, and its predictions are aggregated; *own labels* are those of slides,
which are seldom known. Scores are of patients.

- ``glioma_grade_pathgraph`` of the development collection (see ``tasks.py``), whose groups come
  near to patients: regions to patients, three grades.
- The binary tasks of the bank (see ``bank.py``), whose rows become slides of patients that are made
  up: *all slides* are of the patient's class, or *any*: a patient is positive if a slide is.
- Simulated slides of three experts, where half of the variance of an expert's errors is the
  patient's, which no real data here have: in *all slides* and *any* as above.
"""

from __future__ import annotations

import argparse
import warnings
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
from bank import bank_problems
from sklearn.metrics import log_loss, roc_auc_score
from tasks import add_data_arguments, load_tasks

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.io import ExpertOutputs, aggregate

HOWS = ("mean", "logit-mean", "max", "noisy-or")


def to_patients(outputs, how):
    """Outputs of patients; the last class is the positive one."""
    return aggregate(outputs, "groups", how, positive=outputs.classes[-1])


def slides(proba, y, groups, n_classes):
    """Outputs of experts on slides; labels are those of the patients."""
    names = [f"expert{m}" for m in range(proba.shape[1])]
    return ExpertOutputs(proba, "proba", names, np.arange(n_classes), y, groups=groups)


def scores(proba, y):
    proba = np.clip(proba, 1e-6, None)
    proba /= proba.sum(axis=1, keepdims=True)
    given = proba[:, 1] if proba.shape[1] == 2 else proba
    auc = roc_auc_score(y, given, multi_class="ovr", labels=np.arange(proba.shape[1]))
    return log_loss(y, proba, labels=np.arange(proba.shape[1])), auc


def compared(fit, test, gate, own=None):
    """Log-loss and AUC of each way, on the patients of the test slides."""
    found = {}
    truth = aggregate(test, "groups").y
    for how in HOWS:
        model = LogitProdClassifier(gate_width=gate, random_state=0)
        model.fit(to_patients(fit, how))
        found["before", how] = scores(model.predict_proba(to_patients(test, how)), truth)
    ways = {"after": fit.y} | ({} if own is None else {"after, own labels": own})
    for way, y in ways.items():
        model = LogitProdClassifier(gate_width=gate, random_state=0)
        model.fit(fit, y, groups=fit.groups)
        fused = model.predict_proba(test)[:, None]
        whole = replace(test, values=fused, expert_names=["LogitProd"])
        for how in HOWS:
            found[way, how] = scores(to_patients(whole, how).values[:, 0], truth)
    return found


def made_up(y, kind, random):
    """Patients of binary slides, -1 for slides that are left over: groups and their labels."""
    groups, pools = (
        np.full(len(y), -1),
        [random.permutation(np.flatnonzero(y == k)) for k in (0, 1)],
    )
    patient, used = 0, [0, 0]
    while True:
        size = int(random.integers(1, 6))
        left = [len(pool) - n for pool, n in zip(pools, used, strict=True)]
        positive = random.random() < (left[1] / max(1, sum(left)) if kind == "all slides" else 0.5)
        n_positive = 0 if not positive else size if kind == "all slides" else 1
        counts = (size - n_positive, n_positive)
        if any(n > there for n, there in zip(counts, left, strict=True)):
            break
        for k, n in enumerate(counts):
            groups[pools[k][used[k] : used[k] + n]] = patient
            used[k] += n
        patient += 1
    labels = np.zeros(patient, dtype=int)
    np.maximum.at(labels, groups[groups >= 0], y[groups >= 0])
    return groups, labels


def simulated(n_patients, kind, random):
    """Probabilities of three calibrated-looking experts, groups, labels of patients and slides."""
    sizes = random.integers(1, 6, n_patients)
    groups = np.repeat(np.arange(n_patients), sizes)
    labels = random.integers(2, size=n_patients)
    own = labels[groups]
    if kind == "any":
        first = np.r_[True, groups[1:] != groups[:-1]]
        own = np.where(first, own, 0)
    shared, alone = random.normal(size=(n_patients, 3)), random.normal(size=(len(groups), 3))
    errors = np.sqrt(0.5) * (shared[groups] + alone)
    strength = np.array([0.8, 1.0, 1.2])
    odds = 2 * strength * ((2 * own[:, None] - 1) * strength + errors)
    proba = 1 / (1 + np.exp(-np.stack([-odds, odds], axis=2)))
    return proba, groups, labels, own


def problems(args):
    """Names of collections, and slides to fit on and to test on, with their own labels."""
    for task in load_tasks(args.data, names=["glioma_grade_pathgraph"]):
        for repeat in range(args.repeats):
            for rows in task.splits(repeat):
                fit, test = (
                    slides(task.proba[own], task.y[own], task.groups[own], 3) for own in rows
                )
                yield "glioma", fit, test, None
    for kind in ("all slides", "any"):
        for repeat in range(args.repeats):
            for _, problem in bank_problems(repeat, args.bank and Path(args.bank)):
                if problem.fit_proba.shape[2] > 2:
                    continue
                parts, own = [], []
                for proba, y in (
                    (problem.fit_proba, problem.fit_y),
                    (problem.test_proba, problem.test_y),
                ):
                    groups, labels = made_up(y, kind, np.random.default_rng(repeat))
                    kept = groups >= 0
                    parts.append(slides(proba[kept], labels[groups[kept]], groups[kept], 2))
                    own.append(y[kept])
                counts = [np.bincount(aggregate(p, "groups").y, minlength=2) for p in parts]
                if min(map(min, counts)) >= 5:
                    yield f"bank, {kind}", *parts, own[0]
        for draw in range(args.draws):
            random = np.random.default_rng(draw)
            proba, groups, labels, own = simulated(args.patients, kind, random)
            fit = slides(proba, labels[groups], groups, 2)
            proba, groups, labels, _ = simulated(2000, kind, random)
            yield f"simulated, {kind}", fit, slides(proba, labels[groups], groups, 2), own


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_arguments(parser)
    parser.add_argument("--bank", help="directory of the bank")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--draws", type=int, default=10, help="of simulated slides")
    parser.add_argument("--patients", type=int, default=150, help="simulated to fit on")
    parser.add_argument("--gate", default="auto", help="auto, or none for constant weights")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    gate = None if args.gate == "none" else args.gate
    found = defaultdict(list)
    for name, fit, test, own in problems(args):
        # own labels say more than the patient's only where slides differ
        own = own if name.endswith("any") else None
        found[name].append(compared(fit, test, gate, own))
    for name, results in found.items():
        print(f"\n{name}, {len(results)} problems      log-loss    AUC")
        for way in results[0]:
            loss, auc = np.mean([result[way] for result in results], axis=0)
            print(f"  {way[0]:18} {way[1]:12} {loss:8.4f} {auc:8.4f}")


if __name__ == "__main__":
    main()
