"""How much of what is prepared for missing experts is applied where the fit data have gaps.

``python examples/benchmarks/bench_gap_shares.py`` fits the automatic gate on the two tasks whose
experts are missing by nature, and applies what the pool has taught itself to the share that several
rules allow. It prints the log-loss of the test rows as they are, and the excess over a refit on
exactly the experts that remain if more of them are taken away. Needs the development collection.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
from bench_gaps import CONDITIONS, Case, log_loss, patterns, without
from bench_path import fit_data
from tasks import add_data_arguments, load_tasks

from sklearn_logitprod.fusion.gaps import Gaps
from sklearn_logitprod.training.gaps import fit_gaps
from sklearn_logitprod.training.guarantee import reference_losses, with_gaps

TASKS = ("flusight_ratechange_2023_24", "support2_3class")


@dataclass(frozen=True)
class SharesOfExperts:
    """Gaps applied to a share that goes by the weightiest expert that a row lacks."""

    gaps: Gaps
    share: np.ndarray

    def first(self, missing):
        """Weightiest missing expert of rows that lack some."""
        return np.where(missing, self.gaps.weight, -np.inf).argmax(axis=1)

    def terms(self, missing):
        """Multipliers and shifts, as of `Gaps`."""
        multipliers, shift = self.gaps.terms(missing)
        share = self.share[self.first(missing)][:, None]
        # rows that lack nothing have multipliers of 1 and no shift: no share moves them
        return 1.0 + share * (multipliers - 1.0), share * shift


def row_losses(pool, data):
    """Loss of each row of fit data."""
    out = np.empty(data.n_samples)
    for block in data:
        out[block.rows] = block.likelihood.loss(pool.scores(block.columns))
    return out


def renormalised(pool, gaps, data):
    """Nothing of it."""
    return pool


def no_growth(pool, gaps, data):
    """As much as does not raise the training loss."""
    return with_gaps(pool, gaps, data, np.ones(data.n_samples), row_losses(pool, data).mean())[0]


def no_growth_by_expert(pool, gaps, data):
    """The same on the rows of each expert that comes first, in steps of 5 %."""
    missing = ~np.concatenate([block.columns.present for block in data])[:, : data.n_experts]
    before, share = row_losses(pool, data), np.zeros(data.n_experts)
    first = SharesOfExperts(gaps, share).first(missing)
    for value in np.linspace(0.05, 1.0, 20):
        grown = row_losses(replace(pool, gaps=gaps.applied(value)), data) - before
        total = np.bincount(first, grown * missing.any(axis=1), data.n_experts)
        share[total <= 0.0] = value
    return replace(pool, gaps=SharesOfExperts(gaps, share))


def guaranteed(pool, gaps, data):
    """As much as the guarantee admits: what the package does."""
    weight = np.ones(data.n_samples)
    best = reference_losses(data, weight[None])[0].min() / len(weight)
    return with_gaps(pool, gaps, data, weight, best)[0]


def everything(pool, gaps, data):
    """All of it."""
    return replace(pool, gaps=gaps)


RULES = {
    "weights renormalised": renormalised,
    "training loss does not grow": no_growth,
    "the same for each expert": no_growth_by_expert,
    "chosen: at or below references": guaranteed,
    "all of it": everything,
}


def measured(case, random):
    """By rule and condition: log-loss as is, excess where more is missing, mean share."""
    model, _ = case.fitted()
    plain = replace(model.pool_, gaps=None)
    groups = case.fit_groups
    if groups is not None:
        groups = np.unique(groups, return_inverse=True)[1]
    data = fit_data(case.fit_X, case.fit_y, groups)
    gaps = fit_gaps(plain, data, np.ones(data.n_samples))
    pools = {name: rule(plain, gaps, data) for name, rule in RULES.items()}
    out = defaultdict(list)
    for name, pool in pools.items():
        share = 0.0 if pool.gaps is None else np.mean(pool.gaps.share)
        out[name, "share"].append(share)
        out[name, "as is"].append(log_loss(model, case.test_X, case.test_y, pool))
    for condition in CONDITIONS:
        for missing in patterns(condition, model.mean_expert_weights_, random):
            X, y, best = without(case, model, missing)
            for name, pool in pools.items():
                out[name, condition].append(log_loss(model, X, y, pool) - best)
    return {key: np.mean(values) for key, values in out.items()}


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_arguments(parser)
    parser.add_argument("--repeats", type=int, default=1, help="repeats of the protocols")
    arguments = parser.parse_args()
    columns = ("share", "as is", *CONDITIONS)
    print("log-loss as is, and excess over a refit on the experts that remain, in nats")
    head = "".join(f"{name:>16s}" for name in columns)
    print(f"{'':30s}{'':34s}{head}{'as is, better on':>18s}")
    for task in load_tasks(arguments.data, names=TASKS):
        found = defaultdict(list)
        for seed in range(arguments.repeats):
            for number, problem in enumerate(task.problems(seed)):
                random = np.random.default_rng(number + 1000 * seed)
                for key, value in measured(Case.of(problem), random).items():
                    found[key].append(value)
        for name in RULES:
            figures = "".join(f"{np.mean(found[name, column]):16.4f}" for column in columns)
            both = zip(found[name, "as is"], found["weights renormalised", "as is"], strict=True)
            better = f"{sum(own < plain for own, plain in both)} of {len(found[name, 'as is'])}"
            print(f"{task.name:30s}{name:34s}{figures}{better:>18s}")


if __name__ == "__main__":
    main()
