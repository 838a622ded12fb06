"""What was tried for experts that are missing only later, and what each gave.

``python examples/benchmarks/bench_gap_mechanisms.py`` fits the automatic gate on every problem of
the bank (see ``bank.py``), takes experts away from the test rows, and prints for each mechanism the
excess of log-loss over a refit on exactly the experts that remain. A mechanism is a function of a
`Fitted` that gives a function from missing experts to a pool. See README.md.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import islice
from unittest import mock

import numpy as np
from bank import bank_problems
from bench_gaps import CONDITIONS, Case, log_loss, patterns, without
from bench_path import fit_data
from threadpoolctl import threadpool_limits

from sklearn_logitprod.fusion.gaps import LEAST, nonnegative_minimum
from sklearn_logitprod.fusion.likelihood import ClassLabels
from sklearn_logitprod.fusion.pool import Pool, contributions
from sklearn_logitprod.training import gaps as training_gaps
from sklearn_logitprod.training import path
from sklearn_logitprod.training.gaps import StandIns, TaughtRows, fit_gaps
from sklearn_logitprod.training.guarantee import blend_to_guarantee
from sklearn_logitprod.training.prior import HeadSpec
from sklearn_logitprod.training.trainer import Settings, Trainer

# a prior that holds the class bias where it is
STIFF = 1e9


class OwnLabels(ClassLabels):
    """Labels that a pool is taught by, in place of what it says itself."""

    def taught(self, proba):
        return self

    def take(self, rows):
        return OwnLabels(self.labels[rows])


@dataclass(frozen=True)
class Fitted:
    """A fitted pool that renormalises, what it was fitted on, and the shares of its path."""

    pool: Pool
    proba: np.ndarray
    y: np.ndarray
    path_shares: np.ndarray

    @property
    def n_experts(self):
        """Number of experts."""
        return self.proba.shape[1]

    @property
    def weight(self):
        """Sample weights: 1."""
        return np.ones(len(self.y))

    @cached_property
    def data(self):
        """Fit data as they were."""
        return fit_data(self.proba, self.y)

    @cached_property
    def rows(self):
        """Rows with what the pool says of them."""
        return TaughtRows.of(self.pool, self.data, self.weight)

    def lacking(self, missing):
        """Fit data without some experts."""
        proba = self.proba.copy()
        proba[:, missing] = np.nan
        return fit_data(proba, self.y)


@dataclass(frozen=True)
class Terms:
    """The same multipliers and shift for whatever is missing, in the place of `Gaps`."""

    multipliers: np.ndarray
    shift: np.ndarray

    def terms(self, missing):
        n_samples = len(missing)
        return np.tile(self.multipliers, (n_samples, 1)), np.tile(self.shift, (n_samples, 1))


def renormalised(fitted):
    """Weights of the experts present, nothing else."""
    return lambda missing: fitted.pool


def chosen(fitted):
    """As the package does it."""
    gaps = fit_gaps(fitted.pool, fitted.data, fitted.weight)
    return lambda missing: replace(fitted.pool, gaps=gaps)


def without_shift(fitted):
    """The class bias stays."""
    stiff = HeadSpec(class_bias_prior=STIFF)
    with mock.patch.object(training_gaps, "HeadSpec", return_value=stiff):
        return chosen(fitted)


def conditioned(fitted):
    """Multipliers of missing experts set to 0 in the quadratic approximation of the whole fit."""
    pool, rows = fitted.pool, fitted.rows
    columns = rows.columns
    coefficients = pool.coefficients(columns)
    scale = rows.weight @ coefficients / rows.weight.sum()
    parts = contributions(columns, coefficients, pool.correction).transpose(1, 2, 0)
    held = rows.likelihood, rows.weight, scale[None] ** 2, HeadSpec().class_bias_prior
    # nothing is missing: multipliers of 1 are the optimum, and all there is are curvatures there
    _, _, (curvature,), (response,) = StandIns(parts[None], pool.class_bias, *held).solve()

    def without_some(missing):
        kept = np.setdiff1d(np.arange(len(scale)), missing)
        larger = scale.sum() / max(scale[kept].sum(), 1e-300)
        inner, precision = curvature[np.ix_(kept, kept)], scale[kept] ** 2
        # minimum of the quadratic form around 1 with what is missing at 0, and of the prior
        pull = inner.sum(axis=1) + curvature[np.ix_(kept, missing)].sum(axis=1)
        moved = nonnegative_minimum(inner + np.diag(precision), pull + precision * larger)
        change = np.full(len(scale), -1.0)
        change[kept] = moved - 1.0
        multipliers = np.zeros(len(scale))
        multipliers[kept] = np.maximum(moved / larger, LEAST)
        return replace(fitted.pool, gaps=Terms(multipliers, response @ change))

    return without_some


def by_labels(fitted, strength=1.0):
    """Multipliers follow the labels of the fit rows, under priors of some strength."""
    data = fit_data(fitted.proba, fitted.y)
    data.likelihood = OwnLabels(fitted.y)
    gaps = fit_gaps(fitted.pool, data, fitted.weight / strength)
    return lambda missing: replace(fitted.pool, gaps=gaps)


def exact(fitted):
    """What the pool says is learned without all missing experts at once, for each pattern."""

    def pool(missing):
        (multipliers,), (shift,), _, _ = fitted.rows.without(missing).solve()
        multipliers = np.maximum(multipliers, LEAST)
        multipliers[missing] = 0.0
        return replace(fitted.pool, gaps=Terms(multipliers, shift))

    return pool


def averaged(fitted):
    """Approximations around the pools that lack one of the missing experts each, their mean."""
    gaps = fit_gaps(fitted.pool, fitted.data, fitted.weight)

    def pool(missing):
        lacking = np.isin(np.arange(fitted.n_experts), missing)[None]
        # what weighs most comes first: each of them in turn
        first = np.eye(fitted.n_experts)[missing]
        parts = [replace(gaps, weight=own).applied(1.0).terms(lacking) for own in first]
        multipliers, shift = (np.mean(part, axis=0)[0] for part in zip(*parts, strict=True))
        return replace(fitted.pool, gaps=Terms(multipliers, shift))

    return pool


def heads_refitted(fitted):
    """Every head that is mixed is fitted without the missing experts, shares stay."""

    def pool(missing):
        data, weight, spec = fitted.lacking(missing), fitted.weight, HeadSpec()
        settings = Settings()
        trainer = Trainer(data, weight[None], settings, lambda spec: 100.0 * settings.tol)
        shares = list(fitted.path_shares)
        heads = []
        for specs, _ in path.candidates(spec, data):
            for position in range(len(specs)):
                share = shares.pop(0)
                if share > 0.0:
                    heads.append((trainer.fitted(specs, position).head, share))
        for _, _, choice in path.fixed_candidates(data):
            share = shares.pop(0)
            if share > 0.0:
                losses = data.row_losses(choice).sum(axis=1)
                heads.append((choice[int(np.argmin(losses))], share))
        mixed = data.pool([head for head, _ in heads], np.array([share for _, share in heads]))
        flexible = path.flexible(spec, data)
        return blend_to_guarantee(mixed, data, weight, lambda: trainer.fitted([flexible]).head)[0]

    return pool


MECHANISMS = {
    "renormalised": renormalised,
    "chosen": chosen,
    "chosen, class bias not shifted": without_shift,
    "chosen, mean over the missing": averaged,
    "exact for each pattern": exact,
    "taught by labels": by_labels,
    "taught by labels, priors tenfold": partial(by_labels, strength=10.0),
    "conditioned in the whole fit": conditioned,
    "heads refitted, shares kept": heads_refitted,
}


def measured(case, random):
    """Excess of each mechanism, by condition, and CPU seconds: of the fit, once, by pattern."""
    model, fit_seconds = case.fitted()
    given = replace(model.pool_, gaps=None), case.fit_X, case.fit_y, model.selection_["share"]
    own, once, often, n_patterns = defaultdict(list), {}, defaultdict(float), 0
    pools = {}
    for mechanism, make in MECHANISMS.items():
        start = time.process_time()
        pools[mechanism] = make(Fitted(*given))
        once[mechanism] = time.process_time() - start
    for condition in CONDITIONS:
        for missing in patterns(condition, model.mean_expert_weights_, random):
            X, y, best = without(case, model, missing)
            n_patterns += 1
            for mechanism, pool in pools.items():
                start = time.process_time()
                lacking = pool(missing)
                often[mechanism] += time.process_time() - start
                own[mechanism, condition].append(log_loss(model, X, y, lacking) - best)
    means = {key: np.mean(values) for key, values in own.items()}
    return means, {m: (fit_seconds, once[m], often[m] / n_patterns) for m in MECHANISMS}


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=2, help="of the bank")
    parser.add_argument("--tasks", type=int, help="the first ones alone")
    arguments = parser.parse_args()
    found, seconds = defaultdict(list), defaultdict(list)
    for repeat in range(arguments.repeats):
        for number, (name, problem) in enumerate(islice(bank_problems(repeat), arguments.tasks)):
            means, spent = measured(Case.of(problem), np.random.default_rng(number + 1000 * repeat))
            for (mechanism, condition), value in means.items():
                found[mechanism, condition, name].append(value)
            for mechanism, own in spent.items():
                seconds[mechanism].append(own)
    names = sorted({name for _, _, name in found})
    print(f"excess of log-loss over a refit on the experts that remain, nats, {len(names)} tasks")
    print("CPU time in fits: once, and for each new pattern of gaps")
    head = "".join(f"{condition:>16s}" for condition in CONDITIONS)
    print(f"{'':34s}{head}{'worst task':>12s}{'once':>8s}{'pattern':>9s}")
    for mechanism in MECHANISMS:
        tasks = [[np.mean(found[mechanism, c, name]) for name in names] for c in CONDITIONS]
        figures = "".join(f"{mean:16.4f}" for mean in np.mean(tasks, axis=1))
        fit, once, often = np.sum(seconds[mechanism], axis=0)
        print(f"{mechanism:34s}{figures}{np.max(tasks):12.3f}{once / fit:8.2f}{often / fit:9.2f}")


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
