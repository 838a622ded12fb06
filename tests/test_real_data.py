"""Fuse real experts: outputs of networks and forecasters as their authors published them."""

import functools
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sklearn_logitprod import LogitProdClassifier

BENCHMARKS = Path(__file__).resolve().parents[1] / "examples" / "benchmarks"


def load_benchmark(name):
    """Import a script of examples/benchmarks, which is no package."""
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


tasks, rivals = load_benchmark("tasks"), load_benchmark("rivals")

SLOW = {"flusight_ratechange_2023_24"}
NAMES = [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in tasks.FIVE]


@dataclass
class Repeat:
    """One repeat of a task's protocol; losses are means of the held-out log-loss."""

    models: list
    outputs: list
    expert: str
    fused_loss: float
    expert_loss: float
    chosen_loss: float

    def __str__(self):
        return (
            f"fused {self.fused_loss:.4f}, {self.expert} (best with hindsight) "
            f"{self.expert_loss:.4f}, best on the fit data {self.chosen_loss:.4f}"
        )


@functools.cache
def run_protocol(name):
    """Fit the default model on every problem of one repeat.

    The expert is the one of the smallest held-out log-loss over the whole protocol, a
    choice that no method could make beforehand, and is scored on the rows it has.
    """
    (task,) = tasks.load_tasks(names=[name])
    coverage = rivals.present(task.proba).mean(axis=0)
    compared = np.flatnonzero(coverage >= rivals.MIN_COVERAGE * coverage.max())
    models, outputs, fused, chosen, single = [], [], [], [], []
    for problem in task.problems(seed=0):
        model = LogitProdClassifier(input="proba")
        model.fit(problem.fit_proba, problem.fit_y, groups=problem.fit_groups)
        proba, y = model.predict_proba(problem.test_proba), problem.test_y
        best = rivals.best_single(problem.fit_proba, problem.fit_y)
        here = rivals.present(problem.test_proba)
        models.append(model)
        outputs.append(proba)
        fused.append(rivals.log_loss(y, proba))
        chosen.append(rivals.log_loss(y, best(problem.test_proba)))
        single.append(
            [rivals.log_loss(y[here[:, m]], problem.test_proba[here[:, m], m]) for m in compared]
        )
    losses = np.mean(single, axis=0)
    strongest = int(np.argmin(losses))
    return Repeat(
        models,
        outputs,
        expert=task.experts[compared[strongest]],
        fused_loss=float(np.mean(fused)),
        expert_loss=float(losses[strongest]),
        chosen_loss=float(np.mean(chosen)),
    )


@pytest.mark.parametrize("name", NAMES)
def test_fits_end_finite_and_at_or_below_every_reference(name, shared_data):
    shared_data(name)
    repeat = run_protocol(name)
    assert repeat.models
    for model, proba in zip(repeat.models, repeat.outputs, strict=True):
        assert np.isfinite(model.loss_)
        assert np.isfinite(model.reference_losses_).all()
        assert model.guarantee_gap_ <= 0
        assert (proba >= 0).all()
        np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_weights_of_real_experts_lie_on_the_simplex(name, shared_data):
    shared_data(name)
    model = run_protocol(name).models[0]
    (task,) = tasks.load_tasks(names=[name])
    weights = model.expert_weights(task.proba)
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=0, atol=1e-12)
    assert (weights[~rivals.present(task.proba)] == 0).all()


@pytest.mark.slow
def test_fusion_beats_the_strongest_expert_on_at_least_four_of_five_files(
    shared_data, record_property
):
    for name in tasks.FIVE:
        shared_data(name)
    repeats = {name: run_protocol(name) for name in tasks.FIVE}
    for name, repeat in repeats.items():
        record_property(name, str(repeat))
        print(f"{name}: {repeat}")
    wins = [name for name, repeat in repeats.items() if repeat.fused_loss < repeat.expert_loss]
    assert len(wins) >= 4, f"only on {wins}"
