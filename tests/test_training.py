"""Training: objectives, their derivatives, and the optima they lead to."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.fusion.likelihood import LabelSets, set_loss
from sklearn_logitprod.fusion.logits import log_proba_from_logits
from sklearn_logitprod.training import network
from sklearn_logitprod.training.constant import ConstantObjective, newton
from sklearn_logitprod.training.data import FitData, design_effect, loss_correlation
from sklearn_logitprod.training.guarantee import Line, reference_heads
from sklearn_logitprod.training.heads import Settings, fit_head
from sklearn_logitprod.training.optimise import Dense, Kronecker, Moment, Scaled
from sklearn_logitprod.training.path import candidates, fit_path
from sklearn_logitprod.training.prior import HeadSpec, make_head, make_layout

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
    sets = LabelSets.from_labels(y)
    if ranges:
        first = np.stack([y, np.minimum(y + 1, K - 1)])
        last = np.maximum(first, rng.integers(0, K, (2, n)))
        sets = LabelSets(first, last, np.tile([[0.3], [0.7]], (1, n)))

    def read(rows):
        return log_proba_from_logits(logits[rows])

    return FitData(read, (n, M, K), sets, linear_pool, "default", groups)


def make_gate_objective(data, spec, weight, correlation=None, seed=0):
    standardiser = data.standardiser(weight)
    layout = make_layout(
        spec, data.n_columns, M, K, len(standardiser.centre), np.random.RandomState(seed)
    )
    batches = [
        network.Batch.of_block(
            block, weight[block.rows], standardiser, CPU, "correction" in layout.shapes
        )
        for block in data
    ]
    penalty = None if correlation is None else torch.from_numpy(correlation)
    return network.GateObjective(batches, layout, spec, penalty, CPU), layout, standardiser


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
    correlation = None
    if spec.diversity:
        correlation = loss_correlation(*data.expert_losses(), weight)
        assert correlation.max() > 0
    objective, layout, standardiser = make_gate_objective(data, spec, weight, correlation)
    theta = layout.centre + 0.5 * rng.normal(size=layout.size)
    value, gradient = objective.value_gradient(theta)

    head = make_head(theta, layout, spec, K, standardiser)
    expected = weight @ data.row_losses([head])[0]
    expected += 0.5 * layout.precision @ (theta - layout.centre) ** 2
    if spec.diversity:
        (block,) = data
        own = head.gate.weights(block.features, block.columns.present)[:, :M]
        expected += spec.diversity * weight @ np.einsum("nm,mj,nj->n", own, correlation, own)
    assert value == pytest.approx(expected, abs=1e-10, rel=1e-12)

    for seed in range(3):
        direction = np.random.default_rng(seed).normal(size=layout.size)
        slope = central_difference(lambda t: objective.value_gradient(t)[0], theta, direction)
        assert gradient @ direction == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("ranges", [False, True])
@pytest.mark.parametrize("spec", SPECS, ids=HeadSpec.describe)
def test_every_gate_parameter_has_a_gradient(spec, ranges):
    data = make_data(ranges=ranges)
    objective, layout, _ = make_gate_objective(data, spec, np.ones(N))
    theta = layout.centre + 0.5 * np.random.default_rng(2).normal(size=layout.size)
    _, gradient = objective.data_terms(torch.from_numpy(theta))
    groups = layout.split(gradient.numpy())
    standardiser = data.standardiser(np.ones(N))
    varies = standardiser.inverse_scale > 0
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
    layout = make_layout(spec, M + 1, M, K, 0, None)
    objective = ConstantObjective(data, weight, layout, spec)
    theta = 0.5 * np.random.default_rng(4).normal(size=layout.size)
    value, gradient, _, hessian = objective.value_gradient_hessian(theta)
    head = make_head(theta, layout, spec, K)
    expected = weight @ data.row_losses([head])[0] + 0.5 * layout.precision @ theta**2
    assert value == pytest.approx(expected, rel=1e-12)
    for seed in range(3):
        direction = np.random.default_rng(seed).normal(size=layout.size)
        slope = central_difference(lambda t: objective.value_gradient(t)[0], theta, direction)
        assert gradient @ direction == pytest.approx(slope, rel=1e-7)
        if not ranges:
            # for label sets the Hessian is a majoriser, not the derivative
            change = central_difference(lambda t: objective.value_gradient(t)[1], theta, direction)
            np.testing.assert_allclose(hessian @ direction, change, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_constant_objective_with_correction_and_diversity(missing):
    spec = HeadSpec(cross_class=3.0, diversity=0.5)
    data = make_data(missing=missing)
    weight = np.random.default_rng(3).uniform(0.0, 2.0, N)
    correlation = loss_correlation(*data.expert_losses(), weight)
    layout = make_layout(spec, M + 1, M, K, 0, None)
    objective = ConstantObjective(data, weight, layout, spec, correlation)
    theta = 0.5 * np.random.default_rng(4).normal(size=layout.size)
    _, gradient = objective.value_gradient(theta)
    for seed in range(3):
        direction = np.random.default_rng(seed).normal(size=layout.size)
        slope = central_difference(lambda t: objective.value_gradient(t)[0], theta, direction)
        assert gradient @ direction == pytest.approx(slope, rel=1e-7)


@pytest.mark.parametrize("ranges", [False, True])
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_newton_finds_the_optimum_that_a_general_solver_finds(missing, ranges):
    data, spec = make_data(missing=missing, ranges=ranges), HeadSpec()
    layout = make_layout(spec, M + 1, M, K, 0, None)
    objective = ConstantObjective(data, np.ones(N), layout, spec)
    solution = newton(objective, 1e-10, 100, N)
    oracle = minimize(
        objective.value_gradient, np.zeros(layout.size), jac=True, options={"gtol": 1e-9}
    )
    assert solution.converged
    assert objective.value_gradient(solution.theta)[0] == pytest.approx(oracle.fun, abs=1e-8)
    np.testing.assert_allclose(solution.theta, oracle.x, atol=1e-4)


@pytest.mark.parametrize(
    "spec",
    [*SPECS, HeadSpec(cross_class=3.0), HeadSpec(diversity=0.3), HeadSpec(strength=10.0)],
    ids=HeadSpec.describe,
)
def test_no_direction_improves_a_fitted_head(spec):
    data, weight = make_data(n=200), np.ones(200)
    fitted = fit_head(data, weight, spec, Settings(tol=1e-10, max_iter=2000))
    assert fitted.converged
    correlation = loss_correlation(*data.expert_losses(), weight) if spec.diversity else None
    if spec.gate_width is None:
        layout = make_layout(spec, M + 1, M, K, 0, None)
        objective = ConstantObjective(data, weight, layout, spec, correlation)
    else:
        objective, layout, _ = make_gate_objective(data, spec, weight, correlation)
    theta = flatten(fitted.head, layout)
    value, gradient = objective.value_gradient(theta)
    assert np.abs(gradient / np.sqrt(layout.precision)).max() < 2e-3
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
    original = network.value_and_gradient

    def spy(groups, batch, spec, correlation):
        value, gradient = original(groups, batch, spec, correlation)
        assert all(isinstance(part, torch.Tensor) for part in gradient.values())
        calls.append(value.item())
        return value, gradient

    monkeypatch.setattr(network, "value_and_gradient", spy)
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
        lambda rows: whole._read(kept[rows]),
        (len(kept), M, K),
        whole.sets.take(kept),
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
        (Dense(gram), 6),
        (Kronecker(Moment(gram), outputs @ outputs.T, 2.0), 18),
        (Scaled(rng.uniform(1, 2, 6)), 6),
    ]
    for coordinates, size in maps:
        x, gradient = rng.normal(size=(2, size))
        forward, back = coordinates.forward(x), coordinates.pull_back(gradient)
        assert forward @ gradient == pytest.approx(x @ back)


def test_kronecker_coordinates_whiten_a_kronecker_hessian():
    rng = np.random.default_rng(0)
    inputs, outputs = (a @ a.T for a in (rng.normal(size=(4, 4)), rng.normal(size=(3, 3))))
    hessian = np.kron(inputs, outputs) + 2.0 * np.eye(12)
    coordinates = Kronecker(Moment(inputs), outputs, 2.0)
    forward = np.stack([coordinates.forward(row) for row in np.eye(12)], axis=1)
    np.testing.assert_allclose(forward.T @ hessian @ forward, np.eye(12), atol=1e-10)


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
def test_blend_is_the_best_point_of_the_segment(ranges):
    data, weight = make_data(ranges=ranges), np.ones(N)
    folds = [np.arange(0, N, 2), np.arange(1, N, 2)]
    pool, _, _ = fit_path(data, weight, HeadSpec(strength=100.0), folds, Settings())
    reference = reference_heads(M, K, True)[M - 1]
    (block,) = data
    ceiling = set_loss(reference.scores(block.columns, None), data.sets).sum()
    share, loss = Line(pool, reference, data, weight).search(not ranges, ceiling)
    grid = np.linspace(0, 1, 2001)
    ends = pool.scores(block.columns), reference.scores(block.columns, None)
    values = [set_loss((1 - t) * ends[0] + t * ends[1], data.sets).sum() for t in grid]
    assert 0.0 <= share <= 1.0
    assert loss <= min(values) + 1e-9


def test_path_shares_follow_prior_and_cross_validated_loss():
    data, weight = make_data(n=150), np.ones(150)
    folds = np.array_split(np.random.default_rng(0).permutation(150), 3)
    path = candidates(HeadSpec(), data)
    _, selection, _ = fit_path(data, weight, HeadSpec(), folds, Settings())
    losses = []
    for candidate in path:
        total = 0.0
        for rows in folds:
            own = weight.copy()
            own[rows] = 0.0
            head = candidate.fit(data, own, Settings(), {}).head
            total += data.row_losses([head])[0][rows].sum()
        losses.append(total / 150)
    np.testing.assert_allclose(selection.cv_losses, losses, atol=1e-6)
    prior = np.array([candidate.mass for candidate in path])
    shares = prior * np.exp(-0.5 * 150 * (np.array(losses) - min(losses)))
    np.testing.assert_allclose(selection.shares, shares / shares.sum(), atol=1e-3)
    assert selection.shares.sum() == pytest.approx(1.0)


def test_candidates_without_parameters_are_the_best_expert_and_the_mean():
    data, weight = make_data(missing=0.0), np.ones(N)
    path = {candidate.name: candidate for candidate in candidates(HeadSpec(), data)}
    losses, _ = data.expert_losses()
    best = path["best expert"].fit(data, weight, Settings(), {})
    np.testing.assert_allclose(
        data.row_losses([best.head])[0], losses[:, losses.sum(axis=0).argmin()]
    )
    (block,) = data
    mean = path["mean of probabilities"].fit(data, weight, Settings(), {}).head
    np.testing.assert_allclose(
        np.exp(mean.scores(block.columns, None)), block.columns.mean_proba, atol=1e-12
    )


def test_correction_is_not_tried_where_it_would_be_too_large():
    data = make_data()
    data.n_classes = 80
    assert not any("cross_class" in candidate.name for candidate in candidates(HeadSpec(), data))
