"""A third task needs its own files and nothing else: counts, which live in this test alone.

Each sample is a slide, its outcome how many of its tiles are of each class; experts say the
shares of the classes. The likelihood is multinomial: sets of categories cannot express it.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import check_grad

from sklearn_logitprod.estimators.base import BaseLogitProd
from sklearn_logitprod.fusion.likelihood import ClassLabels, Likelihood
from sklearn_logitprod.fusion.logits import log_softmax, logsumexp
from sklearn_logitprod.inspection import compare
from sklearn_logitprod.inspection._methods import mean_of_logits
from sklearn_logitprod.inspection._scores import Outcome, Prediction, Score
from sklearn_logitprod.inspection._tasks import TASKS, Task
from sklearn_logitprod.outputs.classes import read_outputs
from sklearn_logitprod.targets.target import Target
from sklearn_logitprod.training.data import FitData
from sklearn_logitprod.training.fit import fit_pool
from sklearn_logitprod.training.prior import HeadSpec
from sklearn_logitprod.training.trainer import Settings

N, M, K = 120, 3, 4


@dataclass(frozen=True, eq=False)
class Counts(Likelihood):
    """Counts of tiles (n_samples, n_classes), multinomial given the shares."""

    counts: np.ndarray

    strength = 2.0
    choose_expert = True

    @property
    def n_samples(self):
        return len(self.counts)

    def take(self, rows):
        return Counts(self.counts[rows])

    def loss(self, scores):
        inside = np.einsum("...nk,nk->...n", scores, self.counts)
        return self.counts.sum(axis=1) * logsumexp(scores) - inside

    def loss_gradient(self, scores):
        proba = np.exp(log_softmax(scores))
        total = self.counts.sum(axis=1)
        return self.loss(scores), total[:, None] * proba - self.counts, self._hessian(proba)

    def state(self, scores):
        return self._hessian(np.exp(log_softmax(scores)))

    def _hessian(self, proba):
        spread = proba[..., :, None] * (np.eye(proba.shape[-1]) - proba[..., None, :])
        return self.counts.sum(axis=1)[:, None, None] * spread


class CountsEstimator(BaseLogitProd):
    """Fuses shares of classes that experts say, from counts of tiles."""

    task_name = "counts"
    _parameter_constraints = {**BaseLogitProd._parameter_constraints, "experts": [None]}

    def __init__(
        self, experts=None, *, input="proba", cv="prefit", gate_width="auto", temperature=1.0,
        alpha=100.0, cross_class=None, diversity=0.0, features="default", calibrate=True,
        linear_pool=True, solver="lbfgs", max_iter=300, tol=1e-7, batch_size="auto",
        selection_cv=5, memory=None, n_jobs=None, device="cpu", random_state=None, verbose=0,
    ):  # fmt: skip
        own = dict(locals())
        for name in set(own) - {"self", "__class__"}:
            setattr(self, name, own[name])

    def fit(self, X, y, sample_weight=None, groups=None):
        self._fit(X, y, sample_weight, groups, {})
        return self

    def _target(self, X, y, weight):
        counts = np.asarray(y)
        attributes = {"n_classes_": counts.shape[1]}
        return Target(counts, counts.argmax(axis=1), Counts(counts), attributes=attributes)

    def _read(self, X, fitted, expert_names=None):
        return read_outputs(X, self.input, np.arange(fitted["n_classes_"]), None, expert_names)


def _mean_loss(outcome, prediction):
    losses = outcome.likelihood.loss(prediction.log_proba)
    return losses.mean(), (losses - losses.mean()) / len(losses)


def _distance(outcome, prediction):
    """Mean absolute difference of shares."""
    shares = outcome.y / outcome.y.sum(axis=1, keepdims=True)
    values = np.abs(np.exp(prediction.log_proba) - shares).mean(axis=1)
    return values.mean(), (values - values.mean()) / len(values)


COUNTS = Task(
    estimator=CountsEstimator,
    search=None,
    scores={
        "log_loss": Score(_mean_loss, False, (0.0, np.inf)),
        "distance": Score(_distance, False, (0.0, 1.0)),
    },
    methods={
        "mean of logits": lambda known, likelihood: lambda new: Prediction(mean_of_logits(new))
    },
    prediction=Prediction,
    outcome=lambda target: Outcome(target.likelihood, target.y),
    shared=lambda target: {},
)


@pytest.fixture(scope="module")
def slides():
    """Shares that three experts say, good, fair and wrong at random, and counts of tiles."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(N, K))
    noise = rng.normal(size=(N, M, K)) * np.array([0.6, 0.8, 2.0])[None, :, None]
    logits = truth[:, None] + noise
    logits[::9, 1] = np.nan
    proba = np.exp(log_softmax(logits))
    shares = np.exp(log_softmax(truth))
    counts = np.array([rng.multinomial(rng.integers(1, 20), own) for own in shares])
    return proba, counts


def test_the_likelihood_is_one(slides):
    """Gradient against finite differences, curvature against those of the gradient."""
    likelihood = Counts(slides[1][:5])
    scores = np.random.default_rng(1).normal(size=(5, K))

    def value(flat):
        return likelihood.loss(flat.reshape(5, K)).sum()

    def slope(flat):
        return likelihood.loss_gradient(flat.reshape(5, K))[1].ravel()

    assert check_grad(value, slope, scores.ravel()) < 1e-5
    for k in range(K):
        step = np.zeros((5, K))
        step[:, k] = 1e-6
        numeric = (slope((scores + step).ravel()) - slope((scores - step).ravel())) / 2e-6
        assert_allclose(likelihood.state(scores)[:, k], numeric.reshape(5, K), atol=1e-6)


@pytest.mark.parametrize("gate_width", [None, 0, 4, "auto"])
def test_it_is_fitted_and_the_guarantee_holds(slides, gate_width):
    proba, counts = slides
    model = CountsEstimator(gate_width=gate_width).fit(proba, counts)
    assert model.guarantee_gap_ <= 0.0
    fused = Counts(counts).loss(model._log_proba(proba)).mean()
    assert fused == pytest.approx(model.loss_, rel=1e-10)
    # the good expert leads, and the fused model is better than it
    assert model.mean_expert_weights_.argmax() == 0
    assert model.loss_ < model.expert_losses_[0]


def test_counts_of_one_tile_are_labels(slides):
    """The likelihood that the package has for labels, by the way that any other takes."""
    proba, counts = slides
    labels = counts.argmax(axis=1)

    def fitted(likelihood, width):
        outputs = read_outputs(proba, "proba", np.arange(K))
        data = FitData(outputs.log_proba, outputs.shape, likelihood, True, "default")
        spec = HeadSpec(gate_width=width, cross_class=None if width is None else 10.0)
        return fit_pool(data, np.ones(N), spec, Settings(tol=1e-9, device="cpu"))

    for width in (None, 0, 3):
        one = fitted(Counts(np.eye(K, dtype=int)[labels]), width)
        two = fitted(ClassLabels(labels), width)
        assert one.loss == pytest.approx(two.loss, rel=1e-7)
        assert_allclose(one.mean_weights, two.mean_weights, atol=1e-4)


def test_the_path_asks_the_likelihood_how_firmly_to_hold(slides):
    selection = CountsEstimator().fit(*slides).selection_
    assert "constant, strength=2" in selection["candidate"]
    assert "best expert" in selection["candidate"]


def test_it_is_compared(slides, monkeypatch):
    monkeypatch.setitem(TASKS, "counts", COUNTS)
    proba, counts = slides
    table = compare(CountsEstimator(gate_width=None), proba, counts, n_repeats=1, n_resamples=50)
    assert table.attrs["metrics"] == ["log_loss", "distance"]
    assert table.loc["LogitProd", "log_loss_mean"] < table.loc["best expert", "log_loss_mean"]
    assert table.loc["LogitProd", "distance_mean"] < table.loc["mean of logits", "distance_mean"]
