"""Lower bounds of a gain: how often they are wrong, and how often they show what is there.

``python examples/benchmarks/bench_certificate.py`` prints tables. The first counts, over
simulated samples whose mean gain is exactly 0, how often the bound of ``certify`` is above 0 and
how often that of ``GainMonitor`` ever is, looked at after every row. The second counts how often a
true gain is shown to be one, beside other bets: those of Waudby-Smith and Ramdas (2024), also as
``confseq`` has them where that package is installed. With the bank (see ``bank.py``), gains of
fitted models over their best expert and the mean of logits are drawn from its test rows, too.
"""

from __future__ import annotations

import argparse

import numpy as np
from bank import bank_directory, bank_problems

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.deployment import with_safety
from sklearn_logitprod.deployment.betting import log_capital, lower_bound, running_bound
from sklearn_logitprod.fusion.references import reference_log_proba

LEVEL, SHARE = 0.95, 0.05
LEAST = float(np.log(SHARE))
THRESHOLD = -np.log1p(-LEVEL)


def failing(random, shape, mean=0.0, often=0.06):
    """Gains of a model that is mostly a little better and now and then fails badly."""
    loss = -np.minimum(random.exponential(size=shape), -LEAST)
    body = (mean + often * (1.0 - SHARE)) / (1.0 - often)
    small = body + 0.35 * random.uniform(-1.0, 1.0, size=shape)
    return np.where(random.random(shape) < often, loss, small)


def worst(random, shape, mean=0.0, often=0.02):
    """Gains of which some are as low as can be, the others alike."""
    body = (mean - often * LEAST) / (1.0 - often)
    return np.where(random.random(shape) < often, LEAST, body)


def rescuing(random, shape, mean=0.0, often=0.03):
    """Gains of a model that is mostly a little worse and now and then far better."""
    body = (mean - often * 2.0) / (1.0 - often)
    return np.where(random.random(shape) < often, random.exponential(2.0, size=shape), body)


def learning(random, shape, mean=0.0):
    """Gains whose spread depends on those before: fair, but not independent."""
    n_draws, n_samples = shape
    out, spread = np.empty(shape), np.full(n_draws, 0.3)
    for t in range(n_samples):
        out[:, t] = mean + spread * np.where(random.random(n_draws) < 0.1, -3.0, 1.0 / 3.0)
        spread = np.where(out[:, t] > mean, np.minimum(1.1 * spread, 0.95), 0.2)
    return out


def grouped(random, shape, mean=0.0):
    """Means of gains within groups of one to five, which share most of what befalls them."""
    n_draws, n_groups = shape
    shared = failing(random, (*shape, 1), mean)
    own = failing(random, (*shape, 5), mean)
    size = random.integers(1, 6, size=(n_draws, n_groups, 1))
    inside = np.arange(5) < size
    gains = np.where(random.random((*shape, 5)) < 0.7, shared, own)
    return (gains * inside).sum(axis=2) / size[:, :, 0]


KINDS = {
    "fails now and then": failing,
    "as low as can be, or alike": worst,
    "mostly worse, now and then far better": rescuing,
    "spread follows the past": learning,
    "means of groups": grouped,
}


def false_claims(draw, n_draws, n_samples, seed=0):
    """Shares of nulls whose bound is above 0: at the end, and after any row.

    Parameters
    ----------
    draw : callable
        ``draw(random, shape)`` gives gains of mean 0.
    n_draws, n_samples : int
    seed : int

    Returns
    -------
    at_end, at_any_time : float
    """
    gains = draw(np.random.default_rng(seed), (n_draws, n_samples))
    at_end = [lower_bound(own, LEAST, LEVEL) > 0.0 for own in gains]
    ever = [running_bound(own, LEAST, LEVEL) > 0.0 for own in gains]
    return float(np.mean(at_end)), float(np.mean(ever))


def mixture(gains, at_any_time=False):
    """Whether the bets of this package show a gain: (n_draws,), bool."""
    if at_any_time:
        return np.array([running_bound(own, LEAST, LEVEL) > 0.0 for own in gains])
    return np.array([log_capital(own, LEAST, 0.0) > THRESHOLD for own in gains])


def adaptive(choose):
    """Whether bets that follow the gains so far show one, looked at after every row."""

    def shown(gains):
        n_draws, n_samples = gains.shape
        capital, top = np.zeros(n_draws), np.zeros(n_draws)
        # in units of 2 |least gain|, as if in [0, 1]: prior mean 1/2, prior variance 1/4
        scaled = (gains - LEAST) / (-2.0 * LEAST)
        total, square = np.full(n_draws, 0.5), np.full(n_draws, 0.25)
        for t in range(n_samples):
            mean, variance = total / (t + 1), square / (t + 1)
            bet = np.clip(choose(mean - 0.5, variance, t + 1), 0.0, 0.99 / 0.5)
            capital += np.log1p(bet * (scaled[:, t] - 0.5))
            top = np.maximum(top, capital)
            total += scaled[:, t]
            square += (scaled[:, t] - total / (t + 2)) ** 2
        return top > THRESHOLD

    return shown


def newton_steps(gains):
    """Whether bets by online Newton steps show a gain, looked at after every row."""
    n_draws, n_samples = gains.shape
    capital, top = np.zeros(n_draws), np.zeros(n_draws)
    bet, curvature = np.zeros(n_draws), np.ones(n_draws)
    for t in range(n_samples):
        capital += np.log1p(bet * gains[:, t])
        top = np.maximum(top, capital)
        slope = -gains[:, t] / (1.0 + bet * gains[:, t])
        curvature += slope**2
        bet = np.clip(bet - 2.0 / (2.0 - np.log(3.0)) * slope / curvature, 0.0, -0.99 / LEAST)
    return top > THRESHOLD


def confseq():
    """The same by the package confseq, or None where it is not installed."""
    try:
        from confseq.betting import betting_mart
    except ImportError:
        return None

    def shown(gains):
        scaled = (gains - LEAST) / (-2.0 * LEAST)
        capital = [betting_mart(own, 0.5, alpha=1.0 - LEVEL, theta=1.0) for own in scaled]
        return np.array([own.max() > 1.0 / (1.0 - LEVEL) for own in capital])

    return shown


def methods():
    """Ways to bet, by name."""
    found = {
        "certify: mixture, any order": mixture,
        "GainMonitor: mixture, after every row": lambda gains: mixture(gains, True),
        "aGRAPA": adaptive(lambda mean, variance, t: mean / (variance + mean**2)),
        "predictable plug-in": adaptive(
            lambda mean, variance, t: np.sqrt(2 * THRESHOLD / (variance * t * np.log(t + 1)))
        ),
        "online Newton steps": newton_steps,
    }
    own = confseq()
    if own is not None:
        found["confseq.betting_mart, as it comes"] = own
    return found


def bank_gains():
    """Gains on the test rows of the bank, with a share of the reference mixed in."""
    for name, problem in bank_problems(0):
        n_classes = problem.fit_proba.shape[2]
        # constant weights: quick, and without torch beside old versions that confseq needs
        model = LogitProdClassifier(input="proba", classes=np.arange(n_classes), gate_width=None)
        model.fit(problem.fit_proba, problem.fit_y)
        rows, y = np.arange(len(problem.test_y)), problem.test_y
        own = model.predict_proba(problem.test_proba)[rows, y]
        n_experts = model.n_experts_
        chosen = [int(np.argmin(model.reference_losses_[:n_experts])), n_experts]
        logits = model.expert_logits(problem.test_proba)
        reference = reference_log_proba(logits, np.ones(n_experts, dtype=bool), chosen)
        for column in range(2):
            least = np.exp(reference[rows, column, y])
            gains = np.log((1.0 - SHARE) * own + SHARE * least) - np.log(least)
            # what no sample of such a size could show says nothing about bets
            if 0.01 < gains.mean() < 0.3:
                yield f"{name}, {column}", gains


def print_false_claims(n_draws, n_samples):
    """Table of false claims."""
    print(f"Mean gain 0, {n_draws} draws of {n_samples}: share of bounds above 0 (at most 0.05)")
    print(f"{'gains':40s} {'at the end':>12s} {'at any time':>12s}")
    for name, draw in KINDS.items():
        at_end, ever = false_claims(draw, n_draws, n_samples)
        print(f"{name:40s} {at_end:12.4f} {ever:12.4f}", flush=True)


def print_power(title, sources, n_draws, sizes, seed=0):
    """Table of the share of draws in which a gain is shown to be one."""
    print(f"\n{title}: share of {n_draws} draws in which the gain is shown")
    print(f"{'bets':40s}" + "".join(f" {f'n = {n}':>9s}" for n in sizes))
    for name, shown in methods().items():
        random = np.random.default_rng(seed)
        found = [
            np.mean([shown(draw(random, (n_draws, n))).mean() for draw in sources]) for n in sizes
        ]
        print(f"{name:40s}" + "".join(f" {share:9.3f}" for share in found), flush=True)


def print_safety(n_samples):
    """Largest excess of a safe model over its reference on rows that are made to hurt it."""
    random = np.random.default_rng(0)
    y = random.integers(3, size=300)
    logits = 2.0 * np.eye(3)[y][:, None] + random.normal(size=(300, 4, 3))
    model = LogitProdClassifier().fit(logits, y)
    # experts that are sure of one class each, at scales from nothing to certainty
    hostile = random.normal(size=(n_samples, 4, 3)) * 10.0 ** random.uniform(
        -1, 3, (n_samples, 4, 1)
    )
    proba = np.exp(hostile - hostile.max(axis=2, keepdims=True))
    proba /= proba.sum(axis=2, keepdims=True)
    print(
        f"\nLargest excess of log-loss over {n_samples} rows of hostile experts, all classes, nats"
    )
    print(f"{'share':>8s}{'reference':>26s}{'log(1 / share)':>16s}{'largest':>10s}")
    for share in (0.01, 0.05, 0.3):
        for reference, own in (("expert0", proba[:, 0]), ("mean of probabilities", proba.mean(1))):
            safe = with_safety(model, share, reference)
            with np.errstate(divide="ignore"):
                excess = (np.log(own) - safe.predict_log_proba(hostile)).max()
            print(f"{share:8.2f}{reference:>26s}{-np.log(share):16.6f}{excess:10.6f}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=2000, help="samples without a gain")
    parser.add_argument("--samples", type=int, default=400, help="gains in each of them")
    parser.add_argument("--power-draws", type=int, default=400, help="samples with a gain")
    arguments = parser.parse_args()
    print_safety(1_000_000)
    print_false_claims(arguments.draws, arguments.samples)
    sizes = (100, 200, 400)
    for mean in (0.02, 0.05, 0.086):
        print_power(
            f"Fails now and then, gain {mean}",
            [lambda random, shape, mean=mean: failing(random, shape, mean)],
            arguments.power_draws,
            sizes,
        )
    if not any(bank_directory().glob("*__*.npz")):
        print("\nThe bank is not there: real gains are left out.")
        return
    populations = [gains for _, gains in bank_gains()]
    alike = [gains for gains in populations if 0.074 < gains.mean() < 0.098]
    for what, own in (("between .01 and .3", populations), ("between .074 and .098", alike)):
        print_power(
            f"Bank, {len(own)} gains {what}",
            [lambda random, shape, own=gains: random.choice(own, shape) for gains in own],
            max(1, arguments.power_draws // 10),
            sizes,
        )


if __name__ == "__main__":
    main()
