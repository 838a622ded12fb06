"""ExpertOutputs carry their meaning into the estimators."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score

from sklearn_logitprod import LogitProdClassifier, LogitProdClassifierCV, LogitProdSurvival
from sklearn_logitprod.io import ExpertOutputs

CLASSES = np.array(["normal", "tumour"])


@pytest.fixture
def outputs():
    rng = np.random.default_rng(0)
    codes = np.tile([0, 1], 30)
    z = rng.normal(size=(60, 3, 2)) + 2.0 * (codes[:, None, None] == [0, 1])
    proba = np.exp(z) / np.exp(z).sum(axis=2, keepdims=True)
    proba[0, 0] = [1.0, 0.0]
    proba[1, 1] = np.nan
    names = ["uni", "conch", "virchow"]
    return ExpertOutputs(proba, "proba", names, CLASSES, CLASSES[codes], np.arange(60))


def test_meaning_comes_with_the_values(outputs):
    model = LogitProdClassifier(gate_width=0)
    fused = model.fit(outputs, outputs.y).predict_proba(outputs)
    direct = LogitProdClassifier(input="proba", gate_width=0).fit(outputs.values, outputs.y)
    np.testing.assert_array_equal(fused, direct.predict_proba(outputs.values))
    logits = LogitProdClassifier(gate_width=0).fit(outputs.logits, outputs.y)
    np.testing.assert_allclose(logits.predict_proba(outputs.logits), fused, atol=1e-12)


def test_fit_takes_y_and_groups_from_the_outputs(outputs):
    groups = np.repeat(np.arange(20), 3)
    grouped = ExpertOutputs(
        outputs.values, "proba", outputs.expert_names, CLASSES, outputs.y, groups=groups
    )
    model = LogitProdClassifier(gate_width=None)
    alone = model.fit(grouped).predict_proba(grouped)
    both = model.fit(outputs, outputs.y, groups=groups).predict_proba(outputs)
    np.testing.assert_array_equal(alone, both)


def test_experts_and_classes_are_matched_by_name(outputs):
    model = LogitProdClassifier(gate_width=None).fit(outputs)
    turned = ExpertOutputs(
        outputs.values[:, :, ::-1], "proba", outputs.expert_names, CLASSES[::-1]
    ).take_experts(["virchow", "uni", "conch"])
    np.testing.assert_array_equal(model.predict_proba(turned), model.predict_proba(outputs))


def test_tools_of_scikit_learn_take_rows(outputs):
    model = LogitProdClassifier(gate_width=None)
    scores = cross_val_score(model, outputs, outputs.y, scoring="neg_log_loss", cv=3)
    direct = LogitProdClassifier(gate_width=None, input="proba")
    expected = cross_val_score(direct, outputs.values, outputs.y, scoring="neg_log_loss", cv=3)
    np.testing.assert_array_equal(scores, expected)
    search = GridSearchCV(model, {"temperature": [1, 2]}, scoring="neg_log_loss", cv=3)
    assert np.isfinite(search.fit(outputs, outputs.y).best_score_)
    own = LogitProdClassifierCV(gate_widths=(None,), alphas=(100,), temperatures=(1, 2), cv=3)
    own.fit(outputs, outputs.y)
    np.testing.assert_allclose(own.best_score_, search.best_score_, atol=1e-6)
    assert len(outputs[outputs.y == "tumour"]) == 30


def test_survival_outputs():
    rng = np.random.default_rng(0)
    time = rng.uniform(1.0, 9.0, size=80)
    y = np.array([(e, t) for e, t in zip(rng.random(80) < 0.7, time)], dtype="?,f8")
    risk = -time[:, None] + rng.normal(size=(80, 2))
    outputs = ExpertOutputs(risk, "risk", ["a", "b"], y=y)
    model = LogitProdSurvival(gate_width=None, n_bins=4)
    direct = LogitProdSurvival(gate_width=None, n_bins=4, input="risk").fit(risk, y)
    np.testing.assert_array_equal(model.fit(outputs).predict(outputs), direct.predict(risk))
    curves = np.exp(-np.exp(risk / 4)[:, :, None] * np.array([1.0, 2.0, 4.0]))
    times = np.array([2.0, 4.0, 8.0])
    outputs = ExpertOutputs(curves, "survival", ["a", "b"], y=y, times=times)
    fitted = LogitProdSurvival(gate_width=None).fit(outputs)
    direct = LogitProdSurvival(gate_width=None, input="survival", times=times).fit(curves, y)
    np.testing.assert_array_equal(fitted.predict(outputs), direct.predict(curves))


def test_what_does_not_fit_together_is_refused(outputs):
    values, names = outputs.values, outputs.expert_names
    with pytest.raises(ValueError, match="needs `classes`"):
        ExpertOutputs(values, "proba", names)
    with pytest.raises(ValueError, match="needs `times`"):
        ExpertOutputs(values, "survival", names)
    with pytest.raises(ValueError, match="for 2 experts"):
        ExpertOutputs(values, "proba", names[:2], CLASSES)
    with pytest.raises(ValueError, match="y has 3 entries for 60 samples"):
        ExpertOutputs(values, "proba", names, CLASSES, y=np.arange(3))
    with pytest.raises(ValueError, match="is unknown"):
        ExpertOutputs(values, "probability", names, CLASSES)
    with pytest.raises(ValueError, match="it is for LogitProdSurvival"):
        LogitProdClassifier().fit(ExpertOutputs(values[:, :, 0], "risk", names), outputs.y)
    y = np.array([(True, 1.0), (False, 2.0)] * 30, dtype="?,f8")
    with pytest.raises(ValueError, match="it is for LogitProdClassifier"):
        LogitProdSurvival().fit(outputs, y)
    means = ExpertOutputs(values[:, :, 0], "mean", names)
    for other in (LogitProdClassifier(), LogitProdSurvival()):
        with pytest.raises(ValueError, match="it is for LogitProdRegressor"):
            other.fit(means, outputs.y if isinstance(other, LogitProdClassifier) else y)
    with pytest.raises(AttributeError, match="no logits"):
        ExpertOutputs(values[:, :, 0], "risk", names).logits  # noqa: B018
    with pytest.raises(IndexError, match="several rows"):
        outputs[0]
    with pytest.raises(ValueError, match="no expert is named"):
        outputs.take_experts(["hoptimus"])
    assert repr(outputs).endswith("input='proba', 0.556 % missing)")
