"""Training: objectives, their derivatives, and the optima they lead to."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.fusion.likelihood import ClassLabels, LabelSets
from sklearn_logitprod.fusion.logits import log_proba_from_logits
from sklearn_logitprod.fusion.references import reference_heads
from sklearn_logitprod.training import data as data_module
from sklearn_logitprod.training import network, path
from sklearn_logitprod.training import trainer as trainer_module
from sklearn_logitprod.training.constant import ConstantObjective, newton
from sklearn_logitprod.training.coordinates import Dense, Kronecker, Scaled
from sklearn_logitprod.training.curvature import linear_gate_hessian
from sklearn_logitprod.training.data import FitData, design_effect, loss_correlation
from sklearn_logitprod.training.guarantee import Line, blend_to_guarantee
from sklearn_logitprod.training.lbfgs import Memory
from sklearn_logitprod.training.network import GateObjective, Place
from sklearn_logitprod.training.path import (
    candidates,
    fit_path,
    fixed_candidates,
    mixing_shares,
)
from sklearn_logitprod.training.prior import HeadSpec
from sklearn_logitprod.training.problems import Problems
from sklearn_logitprod.training.trainer import Settings, Trainer

N, M, K = 60, 4, 3


@pytest.fixture(autouse=True)
def one_thread():
    """As in a fit of small data: threads would wait for each other on a busy machine."""
    with threadpool_limits(1):
        yield


CPU = torch.device("cpu")


def make_data(seed=0, missing=0.2, ranges=False, n=N, groups=None, linear_pool=True):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, K, n)
    logits = 2.0 * rng.normal(size=(n, M, K))
    logits[np.arange(n), :, y] += 1.5 * np.linspace(0.2, 1.0, M)
    absent = rng.random((n, M)) < missing
    absent[:, 0] = False
    logits[absent] = np.nan
    sets = ClassLabels(y)
    if ranges:
        first = np.stack([y, np.minimum(y + 1, K - 1)])
        last = np.maximum(first, rng.integers(0, K, (2, n)))
        sets = LabelSets(first, last, np.tile([[0.3], [0.7]], (1, n)))

    def read(rows):
        return log_proba_from_logits(logits[rows])

    return FitData(read, (n, M, K), sets, linear_pool, "default", groups)


def make_problems(data, weights, specs):
    weights = np.atleast_2d(weights)
    gated, diverse = specs[0].gate_width is not None, specs[0].diversity > 0
    losses = data.expert_losses()
    return Problems(
        data,
        weights,
        list(specs),
        data.standardisers(weights) if gated else None,
        [loss_correlation(*losses, weight) for weight in weights] if diverse else None,
    )


def make_objective(problems):
    if problems.standardisers is None:
        return ConstantObjective(problems)
    return network.GateObjective(problems, network.Place(CPU))


def single(objective):
    """The objective of a batch of one, for one vector of parameters."""

    def function(theta):
        value, gradient = objective(theta[None], np.array([0]))
        return value[0], gradient[0]

    return function


def fit_head(data, weight, spec, settings):
    return Trainer(data, weight[None], settings).fitted([spec])


def central_difference(function, point, direction, step=1e-5):
    return (function(point + step * direction) - function(point - step * direction)) / (2 * step)


SPECS = [
    HeadSpec(gate_width=0),
    HeadSpec(gate_width=0, temperature=2.0, cross_class=3.0, diversity=0.3),
    HeadSpec(gate_width=5, temperature=0.5),
    HeadSpec(gate_width=5, calibrate=False, cross_class=10.0),
]


@pytest.mark.parametrize("ranges", [False, True])
@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("spec", SPECS, ids=HeadSpec.describe)
def test_gate_objective_is_numpys_and_its_gradient_exact(spec, missing, ranges):
    data, rng = make_data(missing=missing, ranges=ranges), np.random.default_rng(1)
    weight = rng.uniform(0.5, 2.0, N)
    problems = make_problems(data, weight, [spec])
    objective, layout = single(make_objective(problems)), problems.layout
    theta = layout.centre + 0.5 * rng.normal(size=layout.size)
    value, gradient = objective(theta)

    head = problems.head(0, theta)
    expected = weight @ data.row_losses([head])[0]
    expected += 0.5 * layout.precision @ (theta - layout.centre) ** 2
    if spec.diversity:
        (block,), (correlation,) = data, problems.correlations
        assert correlation.max() > 0
        own = head.gate.weights(block.features, block.columns.present)[:, :M]
        expected += spec.diversity * weight @ np.einsum("nm,mj,nj->n", own, correlation, own)
    assert value == pytest.approx(expected, abs=1e-10, rel=1e-12)

    for seed in range(3):
        direction = np.random.default_rng(seed).normal(size=layout.size)
        slope = central_difference(lambda t: objective(t)[0], theta, direction)
        assert gradient @ direction == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("ranges", [False, True])
@pytest.mark.parametrize("spec", SPECS, ids=HeadSpec.describe)
def test_every_gate_parameter_has_a_gradient(spec, ranges):
    problems = make_problems(make_data(ranges=ranges), np.ones(N), [spec])
    objective, layout = make_objective(problems), problems.layout
    theta = layout.centre + 0.5 * np.random.default_rng(2).normal(size=layout.size)
    gradient = objective(theta[None], np.array([0]))[1] - problems.prior(theta[None], [0])[1]
    groups = layout.split(gradient[0])
    varies = problems.standardisers[0].inverse_scale > 0
    for name, part in groups.items():
        if name in ("hidden", "output") and part.shape[0] == len(varies):
            # a feature that is constant on the fit data is ignored, and only that
            assert (part[~varies] == 0).all()
            part = part[varies]
        assert (np.abs(part) > 1e-8).all(), name


@pytest.mark.parametrize("ranges", [False, True])
@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize(
    "spec",
    [HeadSpec(), HeadSpec(temperature=2.0, calibrate=False)],
    ids=["calibrated", "plain"],
)
def test_constant_objective_has_exact_derivatives(spec, missing, ranges):
    data = make_data(missing=missing, ranges=ranges)
    weight = np.random.default_rng(3).uniform(0.0, 2.0, N)
    problems = make_problems(data, weight, [spec])
    layout, objective = problems.layout, single(make_objective(problems))
    theta = 0.5 * np.random.default_rng(4).normal(size=layout.size)
    second_order = make_objective(problems).second_order(theta[None], np.array([0]))
    value, gradient, hessian, curvature = (part[0] for part in second_order)
    hessian = hessian + curvature + np.diag(layout.precision)
    head = problems.head(0, theta)
    expected = weight @ data.row_losses([head])[0] + 0.5 * layout.precision @ theta**2
    assert value == pytest.approx(expected, rel=1e-12)
    for seed in range(3):
        direction = np.random.default_rng(seed).normal(size=layout.size)
        slope = central_difference(lambda t: objective(t)[0], theta, direction)
        assert gradient @ direction == pytest.approx(slope, rel=1e-7)
        if not ranges:
            # for label sets the Hessian is a majoriser, not the derivative
            change = central_difference(lambda t: objective(t)[1], theta, direction)
            np.testing.assert_allclose(hessian @ direction, change, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_constant_objective_with_correction_and_diversity(missing):
    spec = HeadSpec(cross_class=3.0, diversity=0.5)
    data = make_data(missing=missing)
    weight = np.random.default_rng(3).uniform(0.0, 2.0, N)
    problems = make_problems(data, weight, [spec])
    objective = single(make_objective(problems))
    theta = 0.5 * np.random.default_rng(4).normal(size=problems.layout.size)
    _, gradient = objective(theta)
    for seed in range(3):
        direction = np.random.default_rng(seed).normal(size=len(theta))
        slope = central_difference(lambda t: objective(t)[0], theta, direction)
        assert gradient @ direction == pytest.approx(slope, rel=1e-7)


@pytest.mark.parametrize("ranges", [False, True])
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_newton_finds_the_optimum_that_a_general_solver_finds(missing, ranges):
    data, spec = make_data(missing=missing, ranges=ranges), HeadSpec()
    problems = make_problems(data, np.ones(N), [spec])
    objective = ConstantObjective(problems)
    start = problems.layout.centre
    solution, _ = newton(objective, start[None], np.array([1e-9]), 100)
    oracle = minimize(single(objective), start, jac=True, options={"gtol": 1e-9})
    assert solution.converged.all()
    assert single(objective)(solution.theta[0])[0] == pytest.approx(oracle.fun, abs=1e-8)
    np.testing.assert_allclose(solution.theta[0], oracle.x, atol=1e-4)


@pytest.mark.parametrize(
    "spec",
    [*SPECS, HeadSpec(cross_class=3.0), HeadSpec(diversity=0.3), HeadSpec(strength=10.0)],
    ids=HeadSpec.describe,
)
def test_no_direction_improves_a_fitted_head(spec):
    data, weight = make_data(n=200), np.ones(200)
    fitted = fit_head(data, weight, spec, Settings(tol=1e-10, max_iter=2000))
    assert fitted.converged
    problems = make_problems(data, weight, [spec])
    layout = problems.layout
    theta = flatten(fitted.head, layout)
    value, gradient = single(make_objective(problems))(theta)
    assert np.abs(gradient / np.sqrt(layout.precision)).max() < 1e-4
    assert value / 200 == pytest.approx(fitted.curve[-1], abs=1e-6)


def flatten(head, layout):
    """Inverse of make_head."""
    parts = {"bias": head.gate.bias, "log_sharpness": [head.log_sharpness]}
    parts |= {"class_bias": head.class_bias, "correction": head.correction}
    if head.gate.layers:
        *parts["rest"], output = head.gate.layers
        parts |= dict(zip(("hidden", "offset"), parts["rest"], strict=False))
        parts["output"] = output * np.exp(head.log_sharpness)
    return np.concatenate([np.ravel(parts[name]) for name in layout.shapes])


def test_gates_are_trained_by_torch(monkeypatch):
    calls = []
    original = network.GateTerms.__call__

    def spy(self, view, batch):
        value, gradient = original(self, view, batch)
        assert isinstance(gradient, torch.Tensor)
        calls.append(value.item())
        return value, gradient

    monkeypatch.setattr(network.GateTerms, "__call__", spy)
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 80)
    X = rng.normal(size=(80, 3)) + (2 * y - 1)[:, None]
    LogitProdClassifier(gate_width=None).fit(X, y)
    assert not calls
    LogitProdClassifier(gate_width=0).fit(X, y)
    assert len(calls) >= 2
    assert min(calls) < calls[0]


def test_torch_is_imported_by_a_gate_only():
    code = """
import sys
import numpy as np
from sklearn_logitprod import LogitProdClassifier
rng = np.random.default_rng(0)
y = rng.integers(0, 2, 80)
X = rng.normal(size=(80, 3)) + (2 * y - 1)[:, None]
LogitProdClassifier(gate_width=None).fit(X, y).predict_proba(X)
assert "torch" not in sys.modules
LogitProdClassifier(gate_width=0).fit(X, y)
assert "torch" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("width", [0, 8])
@pytest.mark.parametrize("how", [{"batch_size": 256}, {"solver": "adam"}])
def test_mini_batches_end_near_the_full_batch(width, how):
    data, weight = make_data(n=3000), np.ones(3000)
    spec = HeadSpec(gate_width=width, alpha=30.0)
    full = fit_head(data, weight, spec, Settings())
    batches = fit_head(data, weight, spec, Settings(**how))
    losses = data.row_losses([full.head, batches.head]).mean(axis=1)
    assert losses[1] == pytest.approx(losses[0], abs=2e-3)


def test_held_out_rows_play_no_part():
    weight = np.ones(N)
    weight[::3] = 0.0
    kept = np.flatnonzero(weight)
    whole, part = make_data(), make_data()
    part = FitData(
        lambda rows: whole.read(kept[rows]),
        (len(kept), M, K),
        whole.likelihood.take(kept),
        True,
        "default",
    )
    for spec in (HeadSpec(), HeadSpec(gate_width=0), HeadSpec(cross_class=3.0)):
        masked = fit_head(whole, weight, spec, Settings(tol=1e-12)).head
        dropped = fit_head(part, np.ones(len(kept)), spec, Settings(tol=1e-12)).head
        losses = whole.row_losses([masked, dropped])
        np.testing.assert_allclose(losses[0], losses[1], atol=1e-6)


class TestDesignEffect:
    def test_is_one_without_groups(self):
        assert design_effect(np.arange(5.0), np.ones(5), None) == 1.0

    def test_is_the_group_size_when_groups_are_copies(self):
        losses = np.repeat(np.random.default_rng(0).normal(size=40), 6)
        groups = np.repeat(np.arange(40), 6)
        assert design_effect(losses, np.ones(240), groups) == pytest.approx(6.0)

    def test_is_near_one_when_groups_mean_nothing(self):
        losses = np.random.default_rng(0).normal(size=6000)
        groups = np.repeat(np.arange(1000), 6)
        assert 1.0 <= design_effect(losses, np.ones(6000), groups) < 1.15

    def test_grows_with_the_correlation_as_the_formula_says(self):
        rng = np.random.default_rng(0)
        groups = np.repeat(np.arange(4000), 5)
        losses = rng.normal(size=4000)[groups] + rng.normal(size=20000)
        assert design_effect(losses, np.ones(20000), groups) == pytest.approx(3.0, rel=0.05)

    def test_counts_a_weight_of_two_as_the_sample_twice(self):
        rng = np.random.default_rng(0)
        losses, groups = rng.normal(size=50), rng.integers(0, 9, 50)
        losses += groups
        weight = rng.integers(1, 4, 50)
        rows = np.repeat(np.arange(50), weight)
        assert design_effect(losses, weight.astype(float), groups) == pytest.approx(
            design_effect(losses[rows], np.ones(len(rows)), groups[rows])
        )


def test_loss_correlation_is_the_shrunk_positive_part_without_diagonal():
    losses = np.random.default_rng(0).normal(size=(100, 4))
    losses[:, 1] += losses[:, 0]
    losses[:, 2] -= losses[:, 0]
    expected = np.clip(0.9 * np.corrcoef(losses.T), 0, None)
    np.fill_diagonal(expected, 0)
    found = loss_correlation(losses, np.ones((100, 4), dtype=bool), np.ones(100))
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_coordinates_pull_gradients_back_by_the_adjoint():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(6, 6))
    gram, outputs = root @ root.T, rng.normal(size=(3, 3))
    maps = [
        (Dense(gram[None]), 6),
        (make_kronecker(gram, outputs @ outputs.T), 18),
        (Scaled(rng.uniform(1, 2, (1, 6))), 6),
    ]
    for coordinates, size in maps:
        x, gradient = rng.normal(size=(2, 1, size))
        forward, back = coordinates.forward(x), coordinates.pull_back(gradient)
        assert forward[0] @ gradient[0] == pytest.approx(x[0] @ back[0])


def make_kronecker(inputs, outputs, prior=2.0):
    scale, axes = np.linalg.eigh(inputs)
    return Kronecker(scale[None], axes[None], outputs[None], np.array([prior]))


def test_kronecker_coordinates_whiten_a_kronecker_hessian():
    rng = np.random.default_rng(0)
    inputs, outputs = (a @ a.T for a in (rng.normal(size=(4, 4)), rng.normal(size=(3, 3))))
    hessian = np.kron(inputs, outputs) + 2.0 * np.eye(12)
    coordinates = make_kronecker(inputs, outputs)
    forward = np.stack([coordinates.forward(row[None])[0] for row in np.eye(12)], axis=1)
    np.testing.assert_allclose(forward.T @ hessian @ forward, np.eye(12), atol=1e-10)


def test_dense_coordinates_survive_a_hessian_that_rounding_made_indefinite():
    root = np.random.default_rng(0).normal(size=(5, 2))
    hessian = 1e12 * root @ root.T
    forward = Dense(hessian[None]).forward(np.eye(5)[:1])
    assert np.isfinite(forward).all()


def test_memory_gives_the_inverse_of_a_quadratic_it_has_seen_all_of():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(4, 4))
    hessian = root @ root.T + np.eye(4)
    memory, which = Memory(1, 4), np.array([0])
    # conjugate steps, more than once around the ring of pairs
    steps = np.linalg.eigh(hessian)[1].T
    for i in range(42):
        memory.add(which, steps[i % 4][None], (hessian @ steps[i % 4])[None])
    gradient = rng.normal(size=(1, 4))
    expected = -np.linalg.solve(hessian, gradient[0])
    np.testing.assert_allclose(memory.direction(which, gradient)[0], expected, atol=1e-10)


BATCHES = [
    [HeadSpec(strength=s, temperature=t) for s, t in ((1.0, 1.0), (5.0, 2.0))],
    [HeadSpec(cross_class=c, diversity=0.3) for c in (30.0, 3.0)],
    [HeadSpec(gate_width=0, alpha=a, temperature=t) for a, t in ((100.0, 1.0), (50.0, 1.5))],
    [HeadSpec(gate_width=4, alpha=a, cross_class=100.0) for a in (300.0, 100.0)],
    [HeadSpec(gate_width=0, alpha=a, diversity=0.3, calibrate=False) for a in (100.0, 50.0)],
]


def fold_weights(n, n_folds=3):
    fold = np.random.default_rng(5).integers(n_folds, size=n)
    return (fold != np.arange(n_folds)[:, None]) * np.random.default_rng(6).uniform(0.5, 2, n)


@pytest.mark.parametrize("specs", BATCHES, ids=lambda specs: specs[0].describe())
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_a_batch_is_its_problems_side_by_side(specs, missing):
    data, weights = make_data(missing=missing), fold_weights(N)
    problems = make_problems(data, weights, specs)
    objective = make_objective(problems)
    layout = problems.layout
    theta = layout.centre + 0.5 * np.random.default_rng(0).normal(size=(6, layout.size))
    for which in (np.arange(6), np.array([0, 3, 4])):
        value, gradient = objective(theta[which], which)
        for i, problem in enumerate(which):
            part, position = divmod(problem, 2)
            alone = make_objective(make_problems(data, weights[part], [specs[position]]))
            expected = single(alone)(theta[problem])
            assert value[i] == pytest.approx(expected[0], rel=1e-12)
            np.testing.assert_allclose(gradient[i], expected[1], rtol=1e-9, atol=1e-10)
            scores = objective.scores(theta[problem][None], which[i : i + 1])[0]
            head = problems.head(problem, theta[problem])
            np.testing.assert_allclose(scores, data.scores([head])[0], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("specs", BATCHES, ids=lambda specs: specs[0].describe())
def test_a_start_from_a_neighbour_ends_where_a_cold_one_does(specs):
    data, weights, settings = make_data(n=300), fold_weights(300), Settings(max_iter=1000)
    whole = Trainer(data, np.ones((1, 300)), settings)
    warm = Trainer(data, weights, settings, near=whole, same_data=True).fit(specs)
    assert warm.solution.converged.all()
    for part, weight in enumerate(weights):
        for position, spec in enumerate(specs):
            cold = fit_head(data, weight, spec, settings)
            problem = part * len(specs) + position
            losses = data.row_losses([cold.head, warm.head(problem)])
            np.testing.assert_allclose(losses[0], losses[1], atol=3e-4)


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("linear_pool", [True, False])
def test_reference_heads_are_the_references(missing, linear_pool):
    data = make_data(missing=missing, linear_pool=linear_pool)
    (block,) = data
    present = block.columns.present[:, :M, None]
    log_proba = np.where(present, block.columns.log_proba[:, :M], 0.0)
    count = present.sum(axis=1)
    mean_log = log_proba.sum(axis=1) / count
    expected = [np.where(present[:, m], log_proba[:, m], mean_log) for m in range(M)]
    expected.append(mean_log)
    if linear_pool:
        proba = np.where(present, np.exp(log_proba), 0.0)
        expected.append(np.log(proba.sum(axis=1) / count))
    heads = reference_heads(M, K, linear_pool)
    assert len(heads) == len(expected)
    for head, scores in zip(heads, expected, strict=True):
        np.testing.assert_allclose(head.scores(block.columns, None), scores, atol=1e-12)


@pytest.mark.parametrize("ranges", [False, True])
def test_blend_is_the_least_that_meets_the_reference(ranges):
    data, weight = make_data(ranges=ranges), np.ones(N)
    (block,) = data
    close = fit_head(data, weight, HeadSpec(cross_class=1.0), Settings()).head
    far = fit_head(data, weight, HeadSpec(strength=1e6), Settings()).head
    own, other = far.scores(block.columns, None), close.scores(block.columns, None)
    totals = [data.likelihood.loss(scores).sum() for scores in (own, other)]
    assert totals[1] < totals[0]
    ceiling = 0.3 * totals[0] + 0.7 * totals[1]
    # three lines side by side: one is there already, one never gets there
    ends = (
        np.stack([own, other, own]),
        np.stack([other, own, own]),
        np.ones((3, N)),
        data.likelihood,
    )
    share, loss = Line(lambda: [ends]).meet(np.full(3, ceiling))
    grid = np.linspace(0, 1, 2001)
    values = [data.likelihood.loss((1 - t) * own + t * other).sum() for t in grid]
    assert share[0] == pytest.approx(grid[np.argmax(np.array(values) <= ceiling)], abs=1e-3)
    assert ceiling - 1e-5 <= loss[0] <= ceiling
    assert (share[1], loss[1]) == (0.0, pytest.approx(totals[1]))
    assert loss[2] == pytest.approx(totals[0])


def test_flexible_head_pays_for_the_guarantee_first():
    data, weight = make_data(), np.ones(N)
    heads = reference_heads(M, K, True)
    far = heads[int(np.argmax(data.row_losses(heads).sum(axis=1)))]
    pool = data.pool([far], np.ones(1))
    close = fit_head(data, weight, HeadSpec(cross_class=1.0), Settings()).head
    alone, loss, references = blend_to_guarantee(pool, data, weight)
    assert not any(head is close for head in alone.heads)
    assert loss <= references.min()
    blended, loss, _ = blend_to_guarantee(pool, data, weight, lambda: close)
    assert blended.heads[1] is close
    assert len(blended.heads) == 2
    assert loss <= references.min()
    # a head that cannot help leaves the rest to the reference
    _, loss, _ = blend_to_guarantee(pool, data, weight, lambda: far)
    assert loss <= references.min()


def test_path_losses_are_those_of_cross_validation():
    data, weight = make_data(n=150), np.ones(150)
    folds = np.array_split(np.random.default_rng(0).permutation(150), 3)
    groups = candidates(HeadSpec(), data)
    _, selection, *_ = fit_path(data, weight, HeadSpec(), folds, Settings(tol=1e-10))
    inside = [np.isin(np.arange(150), rows, invert=True) * weight for rows in folds]
    losses = []
    for specs, _ in groups:
        for spec in specs:
            heads = [fit_head(data, own, spec, Settings()).head for own in inside]
            by_fold = data.row_losses(heads)
            losses.append(sum(by_fold[i, rows].sum() for i, rows in enumerate(folds)) / 150)
    for _, _, heads in fixed_candidates(data):
        rows_of = data.row_losses(heads)
        best = [np.argmin(rows_of @ own) for own in inside]
        losses.append(sum(rows_of[best[i], rows].sum() for i, rows in enumerate(folds)) / 150)
    np.testing.assert_allclose(selection.cv_losses, losses, atol=1e-5)
    assert selection.shares.sum() == pytest.approx(1.0)


def make_candidates(n=200, n_candidates=5, ranges=False):
    rng = np.random.default_rng(0)
    sets = make_data(n=n, ranges=ranges).likelihood
    scores = rng.normal(size=(n_candidates, n, K))
    scores[:, np.arange(n), sets.first[0]] += np.linspace(0.0, 2.0, n_candidates)[:, None]
    return scores, sets, rng.dirichlet(np.ones(n_candidates))


@pytest.mark.parametrize("ranges", [False, True])
def test_mixing_shares_are_the_optimum_between_data_and_prior(ranges):
    scores, sets, prior = make_candidates(ranges=ranges)
    weight = np.random.default_rng(1).uniform(0.0, 1.0, 200)

    def objective(shares):
        loss = sets.loss(np.tensordot(shares, scores, 1))
        return weight @ loss + (shares * np.log(np.maximum(shares, 1e-300) / prior)).sum()

    shares = mixing_shares(scores, sets, weight, prior)
    assert shares.sum() == pytest.approx(1.0)
    least = objective(shares)
    for seed in range(50):
        other = np.random.default_rng(seed).dirichlet(np.ones(5))
        for step in (1e-3, 0.1, 1.0):
            assert objective((1 - step) * shares + step * other) >= least - 1e-3


def test_mixing_shares_stay_at_the_prior_without_data_and_leave_it_with_data():
    scores, sets, prior = make_candidates()
    np.testing.assert_allclose(mixing_shares(scores, sets, np.zeros(200), prior), prior)
    sharp = scores.copy()
    sharp[:-1] = 0.0
    shares = mixing_shares(sharp, sets, np.full(200, 100.0), np.full(5, 0.2))
    assert shares[-1] > 0.9


@pytest.mark.parametrize("grouped", [False, True])
def test_the_path_is_chosen_on_a_part_of_many_rows_and_fitted_on_all(monkeypatch, grouped):
    n = 900
    groups = np.random.default_rng(0).integers(0, 90, n) if grouped else None
    data, weight = make_data(n=n, groups=groups), np.ones(n)
    of = np.arange(n) % 3 if groups is None else groups % 3
    folds = [np.flatnonzero(of == fold) for fold in range(3)]
    assert path.selection_rows(data, 0) is None
    whole, expected, *_ = fit_path(data, weight, HeadSpec(), folds, Settings())
    monkeypatch.setattr(path, "MOST_SELECTION_ROWS", 600)
    chosen = path.selection_rows(data, 0)
    assert 600 <= len(chosen) < 700
    if grouped:
        # no group is cut in two
        inside = np.isin(np.arange(n), chosen)
        assert not set(groups[inside]) & set(groups[~inside])
    pool, selection, *_ = fit_path(data, weight, HeadSpec(), folds, Settings())
    assert selection.candidates == expected.candidates
    assert np.abs(selection.cv_losses - expected.cv_losses).max() > 1e-6
    # heads of the same candidate are the same, fitted on all rows either way; a gate, whose loss
    # is not convex, may have come to another optimum
    for head, name in zip(
        pool.heads, np.array(selection.candidates)[selection.shares > 0], strict=True
    ):
        kept = list(np.array(expected.candidates)[expected.shares > 0])
        if name in kept and not head.gate.layers:
            other = whole.heads[kept.index(name)]
            np.testing.assert_allclose(*data.row_losses([head, other]), atol=1e-2)


def test_candidates_without_parameters_are_the_best_expert_and_the_mean():
    data = make_data(missing=0.0)
    path = {name: heads for name, _, heads in fixed_candidates(data)}
    losses, _ = data.expert_losses()
    np.testing.assert_allclose(data.row_losses(path["best expert"]).T, losses)
    (mean,), (block,) = path["mean of probabilities"], data
    np.testing.assert_allclose(
        np.exp(mean.scores(block.columns, None)), block.columns.mean_proba, atol=1e-12
    )


def test_correction_is_not_tried_where_it_would_be_too_large():
    data = make_data()
    data.n_classes = 80
    specs = [spec for group, _ in candidates(HeadSpec(), data) for spec in group]
    assert [spec.gate_width for spec in specs] == [None, None, 0]
    assert all(spec.cross_class is None for spec in specs)


@pytest.mark.parametrize("spec", [HeadSpec(), HeadSpec(gate_width=0)], ids=HeadSpec.describe)
@pytest.mark.parametrize(
    ("module", "name", "value"),
    [
        (data_module, "_FULL_CACHE_BYTES", 0),
        (data_module, "_CACHE_BYTES", 0),
        (trainer_module, "_PART_ROWS", 200),
    ],
)
def test_what_is_held_and_where_a_fit_starts_change_nothing(monkeypatch, spec, module, name, value):
    weight = np.random.default_rng(0).uniform(0.5, 2.0, 1000)
    expected = fit_head(make_data(n=1000, missing=0.1), weight, spec, Settings())
    monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(trainer_module, "_ROWS_PER_PARAMETER", 1)
    data = make_data(n=1000, missing=0.1)
    found = fit_head(data, weight, spec, Settings())
    if name == "_PART_ROWS":
        # all rows are near their solution from the start: the part has been solved
        assert found.curve[0] < expected.curve[0]
    losses = data.row_losses([found.head, expected.head])
    # single rows move more than the mean, to whose tolerance both were solved
    np.testing.assert_allclose(losses[0], losses[1], atol=2e-5)
    if name == "_FULL_CACHE_BYTES":
        assert all("proba" not in vars(block.columns) for block in data._kept)


@pytest.mark.parametrize("calibrate", [True, False])
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_whole_hessian_of_a_linear_gate_is_the_derivative_of_its_gradient(calibrate, missing):
    """With the curvature of the gate it is exact for class labels."""
    spec = HeadSpec(gate_width=0, temperature=0.7, calibrate=calibrate)
    data = make_data(n=200, missing=missing)
    weight = np.random.default_rng(0).uniform(0.5, 2.0, (1, 200))
    solved = Trainer(data, weight, Settings()).fit([spec])
    theta, layout = solved.solution.theta, solved.problems.layout
    objective = GateObjective(solved.problems, Place(CPU))

    def gradient(step):
        return objective(theta + step, np.zeros(1, dtype=int))[1][0]

    steps = 1e-5 * np.eye(layout.size)
    expected = np.array([gradient(step) - gradient(-step) for step in steps]) / 2e-5
    expected -= np.diag(layout.precision)
    hessian, curvature = linear_gate_hessian(data, weight[0], solved.head(0), layout, spec)
    assert np.abs(curvature).max() > 1e-2 * np.abs(expected).max()
    np.testing.assert_allclose(hessian + curvature, expected, atol=1e-6 * np.abs(expected).max())
