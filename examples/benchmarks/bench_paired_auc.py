"""False alarms and power of paired differences, in AUC as in log-loss, verdicts included.

Methods whose probabilities are drawn go through all that a comparison does after its fits: scores
of every split, the bootstrap, the claims on the best expert and on the best simple method, and the
sentence of the verdict. Nothing is learned, so it is known whether methods differ in truth.

    python examples/benchmarks/bench_paired_auc.py
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from sklearn_logitprod.fusion.likelihood import ClassLabels
from sklearn_logitprod.inspection._evidence import Totals
from sklearn_logitprod.inspection._scores import CLASS_SCORES, Outcome, Prediction
from sklearn_logitprod.inspection._split import BEST, FUSED, Comparison, scored_methods
from sklearn_logitprod.inspection._table import SIMPLE, comparison_table
from sklearn_logitprod.inspection._tasks import TASKS
from sklearn_logitprod.inspection._words import verdict

SCORES = {name: CLASS_SCORES[name] for name in ("log_loss", "roc_auc")}
SIMPLER = ("simple a", "simple b", "simple c")
EXPERTS = ("expert a", "expert b", "expert c")
ALARMS = ("beats", "does worse than")

# quality of experts, of simple methods and of the fusion; what of the verdict is an alarm
CASES = {
    "all are worth the same": ((1.0,) * 3, (1.0,) * 3, 1.0),
    "the fusion and simple methods are, experts are worse": ((0.6,) * 3, (1.0,) * 3, 1.0),
    "the fusion is better than all": ((1.0,) * 3, (1.0,) * 3, 1.7),
}
SETTINGS = {
    "60 samples": (60, 0.5, False),
    "200 samples": (200, 0.5, False),
    "400 samples, 10 % positive": (400, 0.1, False),
    "400 samples in 100 groups": (400, 0.4, True),
}


def drawn(rng, n_samples, share, grouped, qualities):
    """Labels, groups and log-probabilities (n_samples, n_methods, 2) of methods."""
    groups = np.arange(n_samples) // 4 if grouped else None
    y = (rng.random(n_samples) < share).astype(np.intp)
    logits = []
    hard = rng.normal(size=n_samples)
    for quality in qualities:
        own = rng.normal(size=n_samples)
        if grouped:
            own = 0.7 * own + 0.7 * rng.normal(size=groups.max() + 1)[groups]
        logits.append((2 * y - 1) * quality + 0.7 * hard + 0.7 * own + np.log(share / (1 - share)))
    logits = np.stack(logits, axis=1)
    return y, groups, np.stack([-np.logaddexp(0, logits), -np.logaddexp(0, -logits)], axis=2)


def compared(seed, setting, qualities, judged_by, n_repeats=2, n_resamples=1000):
    """The table of one simulated comparison."""
    experts, simple, fused = qualities
    rng = np.random.default_rng(seed)
    y, groups, log_proba = drawn(rng, *setting, [*experts, *simple, fused])
    outcome = Outcome(ClassLabels(y), y)
    own = {"outcome": outcome, "strata": y, "groups": groups, "scores": SCORES}
    comparison = Comparison(task=TASKS["classes"], methods=dict.fromkeys(SIMPLER), **own)
    totals = Totals(comparison, n_repeats)
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    for repeat in range(n_repeats):
        folds = kind(5, shuffle=True, random_state=seed * n_repeats + repeat)
        for train, test in folds.split(y, y, groups):
            totals.add(repeat, test, on_split(comparison, log_proba, train, test))
    settings = {"n_folds": 5, "n_repeats": n_repeats, "n_resamples": n_resamples}
    return comparison_table(totals, settings | {"random_state": seed, "judged_by": judged_by})


def on_split(comparison, log_proba, train, test):
    """Scores of all methods on one split, by what they were drawn to say."""
    own = {name: _says(log_proba[test, len(EXPERTS) + i]) for i, name in enumerate(SIMPLER)}
    return scored_methods(
        Comparison(**{**vars(comparison), "methods": own}),
        list(EXPERTS),
        log_proba[train, : len(EXPERTS)],
        comparison.outcome.take(train).likelihood,
        log_proba[test, : len(EXPERTS)],
        log_proba[test, -1],
        comparison.outcome.take(test),
    )


def _says(log_proba):
    """A method that has nothing to learn."""
    return lambda known, likelihood: lambda new: Prediction(log_proba)


def alarms(table, judged_by):
    """What a comparison says: of each claim whether it is sure, and of the verdict."""
    claims = {one["to"]: one for one in table.attrs["claims"] if one["metric"] == judged_by}
    first, _, second = verdict(table).partition("; it ")
    said = [any(word in part for word in ALARMS) for part in (first, second)]
    return [
        claims[BEST]["p_value"] < 0.05,
        claims[SIMPLE]["p_value"] < 0.05,
        said[0],
        said[1],
        any(said),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=200)
    n = parser.parse_args().simulations
    print(f"{n} simulations each; share of them, in %, in which a difference is said to be sure")
    print(f"of {FUSED}: alone to the best expert, to the best simple method; in the verdict to the")
    print("first, to the second, to either\n")
    start = time.perf_counter()
    for case, qualities in CASES.items():
        for setting, own in SETTINGS.items():
            for judged_by in SCORES:
                tables = (compared(seed, own, qualities, judged_by) for seed in range(n))
                found = np.mean([alarms(table, judged_by) for table in tables], axis=0)
                shares = "  ".join(f"{100 * share:5.1f}" for share in found)
                print(f"{case:52}  {setting:26}  {judged_by:8}  {shares}", flush=True)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
