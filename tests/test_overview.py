"""Experts at a glance: what outputs and fitted models show, and what looks odd."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from sklearn_logitprod import (
    LogitProdClassifier,
    LogitProdClassifierCV,
    LogitProdMultilabelClassifier,
    LogitProdRegressor,
    LogitProdSurvival,
)
from sklearn_logitprod.deployment import add_expert, with_safety
from sklearn_logitprod.io import ExpertOutputs

N = 400
CLASSES = np.array(["normal", "tumour"])
CONSTANT = LogitProdClassifier(gate_width=None)


def log_odds(quality, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(N) % 2
    return (2 * y[:, None] - 1) * np.array(quality) + rng.normal(size=(N, len(quality))), y


def outputs_of(z, y=None):
    values = np.stack([-z, z], axis=2) / 2
    names = [f"e{m}" for m in range(z.shape[1])]
    labels = None if y is None else CLASSES[y]
    return ExpertOutputs(values, "logits", names, CLASSES, labels)


class TestNumbers:
    def test_coverage_loss_slope_and_agreement(self):
        z, y = log_odds([1.0, 0.5, 0.8])
        z[:100, 2] = np.nan
        found = outputs_of(z, y).overview
        assert found.coverage.tolist() == [1.0, 1.0, 0.75]
        sign = 2 * y[:, None] - 1
        losses = np.where(np.isnan(z), np.nan, np.logaddexp(0, -sign * np.nan_to_num(z)))
        np.testing.assert_allclose(found.loss, np.nanmean(losses, axis=0), rtol=1e-5)
        for m in range(3):
            own = ~np.isnan(z[:, m])

            def loss(b, own=own, m=m):
                return np.logaddexp(0, -b * sign[own, 0] * z[own, m]).mean()

            best = minimize_scalar(loss, bounds=(-5, 20), method="bounded").x
            assert found.slope[m] == pytest.approx(best, abs=1e-3)
        pairs = np.corrcoef(z[:, :2].T)[0, 1]
        assert found.agreement[0] == pytest.approx(
            (pairs + self.correlation(z, 0, 2)) / 2, abs=0.02
        )
        assert found.base_loss == pytest.approx(np.log(2))

    def correlation(self, z, i, j):
        own = ~np.isnan(z[:, j])
        return np.corrcoef(z[own, i], z[own, j])[0, 1]

    def test_survival_has_base_rates_too(self):
        rng = np.random.default_rng(0)
        true = rng.normal(size=N)
        y = np.empty(N, dtype=[("event", bool), ("time", float)])
        y["event"], y["time"] = rng.random(N) < 0.7, rng.exponential(np.exp(-true)) + 0.01
        times = np.array([0.3, 0.8, 2.0])
        own = np.exp(true[:, None] + 0.3 * rng.normal(size=(N, 2)))
        curves = np.exp(-own[:, :, None] * times)
        found = ExpertOutputs(curves, "survival", ["a", "b"], y=y, times=times).overview
        assert (found.loss < found.base_loss).all()
        assert found.doubts == [[], []]


class TestDoubts:
    def test_each_kind_is_told(self):
        z, y = log_odds([1.0, 0.8, -0.7, 0.6, 0.9, 8.0])
        z[:, 3] = 0.3
        z[:, 4] = z[:, 0]
        z[:, 1] *= 100.0
        found = outputs_of(z, y).overview.doubts
        assert found[0] == ["duplicated: says what e4 says"]
        assert found[4] == ["duplicated: says what e0 says"]
        assert found[1][0].startswith("on another scale")
        assert found[2] == ["worse than chance: it points the wrong way"]
        assert found[3] == ["constant: says the same of all samples"]
        assert found[5] == ["suspiciously perfect: was it trained on these samples?"]

    def test_good_experts_raise_none(self):
        for seed in range(30):
            z, y = log_odds([0.8, 1.0, 1.2], seed)
            assert outputs_of(z, y).overview.doubts == [[], [], []]

    def test_without_outcomes_what_can_be_seen_is_told(self):
        z, _ = log_odds([1.0, 0.8, 0.9, 0.7])
        z[:, 2] *= 100.0
        z[:, 1] = np.nan
        found = outputs_of(z).overview
        assert np.isnan(found.loss).all()
        assert found.doubts[1] == ["missing on every sample"]
        assert found.doubts[2][0].startswith("on another scale: its scores spread")

    def test_risks_and_values_are_seen_without_losses(self):
        z, y = log_odds([1.0, 0.8])
        times = np.empty(N, dtype=[("event", bool), ("time", float)])
        times["event"], times["time"] = True, 1.0 + y
        for outputs in (
            ExpertOutputs(z, "risk", ["a", "b"], y=times),
            ExpertOutputs(z, "mean", ["a", "b"], y=z[:, 0]),
            ExpertOutputs(np.stack([z, np.abs(z) + 1], 2), "mean_std", ["a", "b"], y=z[:, 0]),
        ):
            assert np.isnan(outputs.overview.loss).all()
            assert outputs.overview.nearest == ["b", "a"]

    def test_labels_are_rows_of_their_own(self):
        z, y = log_odds([1.0, 0.8])
        both = np.stack([y, 1 - y], axis=1).astype(float)
        both[:10, 0] = np.nan
        values = np.stack([z, -z], axis=2)
        labels = np.array(["one", "other"])
        found = ExpertOutputs(values, "label_logits", ["a", "b"], labels, both).overview
        sign = 2 * np.concatenate([y[10:], y]) - 1
        own = np.concatenate([z[10:, 0], z[:, 0]])
        assert found.loss[0] == pytest.approx(np.logaddexp(0, -sign * own).mean(), rel=1e-5)


class TestShown:
    def test_outputs_as_text_and_html(self):
        z, y = log_odds([1.0, 0.8, -0.7])
        outputs = outputs_of(z, y)
        lines = str(outputs).splitlines()
        assert lines[0] == repr(outputs)
        assert max(map(len, lines)) <= 100
        assert "e2: worse than chance: it points the wrong way" in lines
        html = outputs._repr_html_()
        assert html.count('class="lp-doubt"') == 1
        assert "<b>" not in outputs_of(z, y).overview.html("<b>")

    def test_precomputed_models_show_it_and_others_their_experts(self):
        z, y = log_odds([1.0, 0.8, -0.7])
        model = CONSTANT.fit(outputs_of(z, y))
        np.testing.assert_allclose(model.expert_overview_.loss, model.expert_losses_)
        assert "calibration slope" in str(model)
        assert "calibration slope" not in repr(model)
        html = model._repr_mimebundle_()["text/html"]
        assert "sk-container" in html
        assert "worse than chance" in html
        assert "worse than chance" in model._repr_html_()
        fitted = LogitProdClassifier([("lr", LogisticRegression()), ("nb", GaussianNB())], cv=2)
        fitted.set_params(gate_width=None).fit(z, y)
        assert fitted.expert_overview_ is None
        assert "calibration slope" not in fitted._repr_mimebundle_()["text/html"]
        assert "calibration slope" not in LogitProdClassifier()._repr_mimebundle_()["text/html"]


class TestDisagreement:
    def test_it_is_the_jensen_shannon_divergence(self):
        z, y = log_odds([1.0, 0.8, 0.5])
        z[:50, 1] = np.nan
        model = LogitProdClassifier(gate_width=0).fit(z, y)
        weights, proba = model.expert_weights(z), np.exp(model.expert_logits(z))
        proba = np.nan_to_num(proba, nan=0.5)

        def entropy(p):
            return -(p * np.log(p)).sum(axis=-1)

        expected = entropy((weights[..., None] * proba).sum(axis=1))
        expected -= (weights * entropy(proba)).sum(axis=1)
        np.testing.assert_allclose(model.disagreement(z), expected, atol=1e-12)

    def test_contradictions_are_highest(self):
        sure = np.log(9.0)
        z, y = log_odds([1.0, 1.0])
        model = CONSTANT.fit(z, y)
        cases = np.array([[sure, sure], [sure, 0.0], [sure, -sure], [0.0, 0.0]])
        alike, half, against, unsure = model.disagreement(cases)
        assert alike == pytest.approx(0.0, abs=1e-12)
        assert unsure == pytest.approx(0.0, abs=1e-12)
        assert 0.0 < half < against < np.log(2)
        assert against == pytest.approx(0.37, abs=0.01)

    def test_extended_and_safe_models(self):
        z, y = log_odds([1.0, 0.8, 0.6])
        z[:30, 2] = np.nan
        old = CONSTANT.fit(outputs_of(z[:, :2], y))
        new = add_expert(old, outputs_of(z, y))
        for model in (new, with_safety(old)):
            own = outputs_of(z[:, : model.n_experts_], y)
            weights, said = model.expert_weights(own), np.exp(model.expert_logits(own))
            said = np.where(np.isnan(said), 0.5, said)
            mixture = (np.asarray(weights)[..., None] * said).sum(axis=1)
            entropy = -(said * np.log(said)).sum(axis=2)
            expected = -(mixture * np.log(mixture)).sum(axis=1) - (weights * entropy).sum(axis=1)
            np.testing.assert_allclose(model.disagreement(own), expected, atol=1e-12)

    def test_searches_values_events_and_labels(self):
        z, y = log_odds([1.0, 0.8])
        search = LogitProdClassifierCV(gate_widths=[None], temperatures=[1], alphas=[100], cv=2)
        assert search.fit(z, y).disagreement(z).shape == (N,)
        values = LogitProdRegressor(gate_width=None).fit(z, z.mean(axis=1))
        found = values.disagreement(np.array([[0.5, 0.5], [5.0, -5.0]]))
        assert found[1] > found[0] >= 0.0
        times = np.empty(N, dtype=[("event", bool), ("time", float)])
        times["event"], times["time"] = True, np.exp(-z[:, 0])
        events = LogitProdSurvival(input="risk", gate_width=None).fit(z, times)
        assert (events.disagreement(z) >= 0.0).all()
        both = np.stack([y, 1 - y], axis=1)
        panel = LogitProdMultilabelClassifier(gate_width=None, labels=["a", "b"])
        panel.fit(np.stack([z, -z], axis=2), both)
        assert "labels of samples looked at" in str(panel)
        np.testing.assert_allclose(
            panel.expert_overview_.loss, panel.expert_losses_.mean(axis=1), rtol=1e-6
        )
        own = panel.disagreement(np.stack([z, -z], axis=2))
        assert own.shape == (N, 2)
        np.testing.assert_allclose(
            own[:, 0], panel.label_model("a").disagreement(z), rtol=1e-9, atol=1e-12
        )
