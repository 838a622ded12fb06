"""Classes that have an order: scores of grades, and what is predicted."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import brier_score_loss, cohen_kappa_score, roc_auc_score

from sklearn_logitprod import (
    LogitProdClassifier,
    LogitProdClassifierCV,
    LogitProdMultilabelClassifier,
    LogitProdRegressor,
    LogitProdSurvival,
    stack_outputs,
)
from sklearn_logitprod.cli import main
from sklearn_logitprod.cli.predict import check_decision
from sklearn_logitprod.fusion.likelihood import ClassLabels, PartialLabels, SoftLabels
from sklearn_logitprod.inspection import compare
from sklearn_logitprod.inspection._scores import CLASS_SCORES, GRADE_SCORES, Outcome, Prediction
from sklearn_logitprod.metrics import ranked_probability_score

N, M, K = 90, 3, 4
GRADES = ["none", "low", "mid", "high"]
RNG = np.random.default_rng(0)
Y = RNG.integers(K, size=N)
NAMES = np.array(GRADES)[Y]
X = RNG.normal(size=(N, M, K)) - 0.4 * (np.arange(K) - Y[:, None, None]) ** 2
LOG_PROBA = X[:, 0] - np.log(np.exp(X[:, 0]).sum(axis=1, keepdims=True))
PROBA = np.exp(LOG_PROBA)
FRAME = stack_outputs({f"e{m}": X[:, m] for m in range(M)}, classes=GRADES)


def model(**params):
    return LogitProdClassifier(**{"gate_width": None, **params})


def score(name, likelihood, log_proba=LOG_PROBA, **own):
    outcome = Outcome(likelihood, Y, order=np.arange(K), **own)
    return (CLASS_SCORES | GRADE_SCORES)[name].function(outcome, Prediction(log_proba))


def test_the_ranked_probability_score_is_its_definition():
    below = np.cumsum(PROBA, axis=1)[:, :-1]
    own = ((below - (Y[:, None] <= np.arange(K - 1))) ** 2).sum(axis=1)
    weight = np.linspace(0.5, 2, N)
    found = ranked_probability_score(Y, PROBA, sample_weight=weight)
    assert found == pytest.approx(np.average(own, weights=weight), rel=1e-12)
    assert ranked_probability_score(NAMES, PROBA, classes=GRADES) == pytest.approx(own.mean())


def test_the_ranked_probability_score_is_that_of_scoringrules():
    scoringrules = pytest.importorskip("scoringrules")
    expected = scoringrules.rps_score(Y + 1, PROBA).mean()
    assert ranked_probability_score(Y, PROBA) == pytest.approx(expected, rel=1e-9)


def test_of_two_grades_it_is_the_brier_score():
    p = PROBA[:, 0]
    found = ranked_probability_score(Y > 0, np.column_stack([p, 1 - p]))
    assert found == pytest.approx(brier_score_loss(Y > 0, 1 - p), rel=1e-12)


def test_quadratic_kappa_is_that_of_scikit_learn():
    expected = cohen_kappa_score(Y, PROBA.argmax(axis=1), weights="quadratic")
    assert score("quadratic_kappa", ClassLabels(Y))[0] == pytest.approx(expected, rel=1e-12)


def test_grades_count_in_their_order_whatever_the_order_of_columns():
    order = np.array([2, 0, 3, 1])
    place = np.argsort(order)
    # class c of the columns is the grade place[c]
    outcome = Outcome(ClassLabels(np.argsort(place)[Y]), Y, order=np.argsort(place))
    moved = Prediction(LOG_PROBA[:, place])
    for name, own in GRADE_SCORES.items():
        assert own.function(outcome, moved)[0] == pytest.approx(score(name, ClassLabels(Y))[0])


@pytest.mark.parametrize("name", [*CLASS_SCORES, *GRADE_SCORES])
def test_contributions_are_derivatives_in_the_weight_of_a_sample(name):
    value, own = score(name, ClassLabels(Y))
    assert own.sum() == pytest.approx(0.0, abs=1e-12)
    # the sample a hundredth more: everything a hundred times, and it once again
    rows = np.append(np.repeat(np.arange(N), 100), 7)
    more = score(name, ClassLabels(Y[rows]), LOG_PROBA[rows])[0]
    assert (more - value) * 100 == pytest.approx(own[7], abs=2e-4)


@pytest.mark.parametrize("name", [*CLASS_SCORES, *GRADE_SCORES])
def test_a_distribution_is_scored_as_its_weighted_samples(name):
    votes = RNG.multinomial(4, np.full(K, 1 / K), size=N)
    rows, labels = np.repeat(np.nonzero(votes), votes[votes > 0], axis=1)
    expected = score(name, ClassLabels(labels), LOG_PROBA[rows])[0]
    value, own = score(name, SoftLabels(votes / 4))
    assert value == pytest.approx(expected, rel=1e-10)
    assert own.sum() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("name", [*list(CLASS_SCORES)[1:], *GRADE_SCORES])
def test_sets_of_several_classes_do_not_count_but_in_the_log_loss(name):
    possible = np.eye(K, dtype=bool)[Y]
    possible[::3, :2] = True
    told = possible.sum(axis=1) == 1
    value, own = score(name, PartialLabels(possible))
    expected, inside = score(name, ClassLabels(Y[told]), LOG_PROBA[told])
    assert value == pytest.approx(expected, rel=1e-12)
    assert_allclose(own[told], inside, atol=1e-12)
    assert not own[~told].any()
    assert np.isnan(score(name, PartialLabels(np.ones((N, K), dtype=bool)))[0])


def test_the_area_is_that_of_scikit_learn():
    expected = roc_auc_score(Y, PROBA, multi_class="ovr")
    assert score("roc_auc", ClassLabels(Y))[0] == pytest.approx(expected, rel=1e-12)


def test_a_comparison_scores_grades_where_the_user_says_that_they_are():
    own = {"n_repeats": 1, "n_resamples": 20, "baselines": False}
    numbers = compare(model(), X, Y, ordered=True, **own)
    named = compare(model(), FRAME, NAMES, ordered=GRADES, **own)
    by_estimator = compare(model(classes=GRADES), X, NAMES, ordered=True, **own)
    assert numbers.attrs["metrics"][-2:] == ["rps", "quadratic_kappa"]
    for table in (named, by_estimator):
        assert_allclose(table["rps_mean"], numbers["rps_mean"], rtol=0.2)
    assert_array_equal(named["quadratic_kappa_mean"], by_estimator["quadratic_kappa_mean"])
    assert "rps_mean" not in compare(model(), X, Y, **own)
    # the other way round rps is another one
    assert compare(model(), FRAME, NAMES, ordered=["low", "none", "mid", "high"], **own).loc[
        "LogitProd", "rps_mean"
    ] != pytest.approx(named.loc["LogitProd", "rps_mean"], abs=1e-6)


def test_a_comparison_decides_as_the_estimator_does():
    own = {"n_repeats": 1, "n_resamples": 20, "metrics": ["accuracy", "quadratic_kappa"]}
    median = compare(model(decision="median"), X, Y, ordered=True, **own)
    mode = compare(model(), X, Y, ordered=True, **own)
    assert (median["quadratic_kappa_mean"] != mode["quadratic_kappa_mean"]).any()
    assert (median["accuracy_mean"] != mode["accuracy_mean"]).any()


def test_the_median_is_the_least_grade_with_half_of_the_mass_below():
    fitted = model(decision="median", classes=GRADES).fit(X, NAMES)
    columns = [fitted.classes_.tolist().index(grade) for grade in GRADES]
    below = np.cumsum(fitted.predict_proba(X)[:, columns], axis=1)
    expected = [GRADES[int(np.argmax(own >= 0.5))] for own in below]
    assert_array_equal(fitted.predict(X), expected)
    assert (fitted.predict(X) != model(classes=GRADES).fit(X, NAMES).predict(X)).any()


def test_absolute_costs_give_the_median_and_equal_ones_the_mode():
    grade = np.arange(K)
    absolute = np.abs(grade[:, None] - grade)
    by_cost, median = (model(decision=d).fit(X, Y) for d in (absolute, "median"))
    assert_array_equal(by_cost.predict(X), median.predict(X))
    flat, mode = (model(decision=d).fit(X, Y) for d in (1 - np.eye(K), "mode"))
    assert_array_equal(flat.predict(X), mode.predict(X))
    # in the order of grades they are what they are in that of the sorted labels
    named, mode = (model(decision=d, classes=GRADES) for d in (1 - np.eye(K), "mode"))
    assert_array_equal(named.fit(X, NAMES).predict(X), mode.fit(X, NAMES).predict(X))


def test_a_missed_high_grade_that_costs_most_is_predicted_more_often():
    cost = pd.DataFrame(1.0 - np.eye(K), GRADES, GRADES)
    cost.loc["high"] *= 20
    plain = model(classes=GRADES).fit(X, NAMES)
    careful = model(classes=GRADES, decision=cost).fit(X, NAMES)
    assert (careful.predict(X) == "high").sum() > (plain.predict(X) == "high").sum()
    assert_array_equal(careful.predict_proba(X), plain.predict_proba(X))
    # a frame is read by its names
    moved = model(classes=GRADES, decision=cost.iloc[::-1, [2, 0, 1, 3]]).fit(X, NAMES)
    assert_array_equal(moved.predict(X), careful.predict(X))


def test_searches_decide_alike():
    search = LogitProdClassifierCV(
        decision="median", gate_widths=(None,), temperatures=(1,), alphas=(100,), cv=3
    ).fit(X, Y)
    assert_array_equal(search.predict(X), model(decision="median").fit(X, Y).predict(X))


class NamedColumns(np.ndarray):
    """A matrix whose columns alone have names, as frames of other libraries."""

    columns = ("a", "b", "c", "d")

    def __new__(cls, values):
        return values.view(cls)


BAD = {
    "median of names": (
        lambda: model(decision="median").fit(FRAME, NAMES),
        r"decision='median' needs the order of the classes .*no numbers.*classes=\.\.\.",
    ),
    "order of other classes": (
        lambda: model(decision="median", classes=["a", "b"]).fit(FRAME, NAMES),
        r"from classes=\['a', 'b'\], but the classes are",
    ),
    "shape of costs": (
        lambda: model(decision=np.ones((2, 2))).fit(X, Y),
        r"decision has shape \(2, 2\).*\(4, 4\)",
    ),
    "costs that are not finite": (
        lambda: model(decision=np.full((K, K), np.nan)).fit(X, Y),
        "NaN or infinite",
    ),
    "names of costs": (
        lambda: model(decision=pd.DataFrame(1 - np.eye(K)), classes=GRADES).fit(X, NAMES),
        r"The rows of decision are named \[0, 1, 2, 3\], but the classes are",
    ),
    "costs in which order": (
        lambda: model(decision=np.abs(np.arange(K)[:, None] - np.arange(K)), classes=GRADES).fit(
            X, NAMES
        ),
        r"may follow classes=.* or the sorted labels.*Pass a DataFrame",
    ),
    "gains": (
        lambda: model(decision=np.eye(K)).fit(X, Y),
        "costs more to predict 0 where it is true than 1.*gains, pass their negatives",
    ),
    "costs that favour another class": (
        lambda: model(decision=1 - np.eye(K) + 2 * np.diag([0, 0, 1, 0])).fit(X, Y),
        "costs more to predict 2 where it is true than 0",
    ),
    "decision that is unknown after the fit": (
        lambda: model().fit(X, Y).set_params(decision="mean").predict(X),
        r"decision='mean' is unknown; it is 'mode', 'median', or a matrix of costs\.$",
    ),
    "costs without names of rows": (
        lambda: model(decision=NamedColumns(1 - np.eye(K))).fit(X, Y),
        "without names of its rows.*Pass a DataFrame of pandas",
    ),
    "one text for all grades": (
        lambda: compare(model(), X, Y, ordered="0123"),
        "ordered='0123': pass True, or a list of all classes",
    ),
    "unknown decision": (lambda: model(decision="mean").fit(X, Y), "'decision' parameter"),
    "grades of names": (
        lambda: compare(model(), FRAME, NAMES, ordered=True),
        r"ordered=True needs the order of the classes .*no numbers.*classes=\.\.\.",
    ),
    "some grades": (
        lambda: compare(model(), FRAME, NAMES, ordered=["low", "high"]),
        r"ordered=\['low', 'high'\], but the classes are .* name each of them once",
    ),
    "score of grades": (
        lambda: compare(model(), X, Y, metrics=["rps"]),
        "'rps' is for classes that have an order.*ordered=True",
    ),
    "scored names": (
        lambda: ranked_probability_score(NAMES, PROBA),
        "The ranked probability score needs the order of the classes",
    ),
    "scored columns": (
        lambda: ranked_probability_score(Y, PROBA, classes=[0, 1, 2]),
        "y_proba has 4 columns, but there are 3 grades",
    ),
    "scored no probabilities": (
        lambda: ranked_probability_score(Y, LOG_PROBA),
        "no probabilities, or do not sum to 1",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_grades_end_in_a_message(name):
    call, pattern = BAD[name]
    with pytest.raises(ValueError, match=f"(?s){pattern}"):
        call()


@pytest.mark.parametrize(
    ("estimator", "kind"),
    [
        (LogitProdSurvival, "survival"),
        (LogitProdRegressor, "values"),
        (LogitProdMultilabelClassifier, "several labels"),
    ],
)
def test_models_of_no_classes_have_no_median_grade(estimator, kind):
    with pytest.raises(ValueError, match=f"one of {kind}, which decision"):
        check_decision(estimator(), "median")


def test_command_line(tmp_path, capsys):
    ids = [f"s{i}" for i in range(N)]
    for m in range(M):
        proba = np.exp(X[:, m]) / np.exp(X[:, m]).sum(axis=1, keepdims=True)
        table = pd.DataFrame(proba, columns=[f"prob_{grade}" for grade in GRADES])
        table.assign(slide_id=ids, grade=NAMES).to_csv(tmp_path / f"e{m}.csv", index=False)
    files = [str(tmp_path / f"e{m}.csv") for m in range(M)]
    say = ["--label", "grade", "--gate", "none", "--quiet"]
    order = ["--classes", ",".join(GRADES)]
    out = str(tmp_path / "table.csv")
    quick = ["--repeats", "1", "--resamples", "20", "-o", out]
    assert main(["compare", *files, *say, *order, "--ordered", *quick]) == 0
    assert "rps_mean" in pd.read_csv(out)
    assert main(["compare", *files, *say, "--ordered", *quick, "--force"]) == 2
    assert "--ordered needs the order of the classes" in capsys.readouterr().err
    pytest.importorskip("skops")
    saved = str(tmp_path / "model.skops")
    assert main(["fit", *files, *say, *order, "-o", saved]) == 0
    predicted = []
    for decision in ("mode", "median"):
        name = str(tmp_path / f"{decision}.csv")
        asked = ["--decision", decision, "-o", name, "--quiet"]
        assert main(["predict", saved, *files, *asked]) == 0
        predicted.append(pd.read_csv(name))
    below = predicted[0][[f"proba_{grade}" for grade in GRADES]].to_numpy().cumsum(axis=1)
    expected = np.array(GRADES)[(below >= 0.5).argmax(axis=1)]
    assert_array_equal(predicted[1]["prediction"].fillna("none"), expected)
    assert (predicted[0]["prediction"].fillna("none") != expected).any()
    assert main(["fit", *files, *say, "-o", saved, "--force"]) == 0
    capsys.readouterr()
    assert main(["predict", saved, *files, *asked[:2], "-o", out, "--force"]) == 2
    assert "--decision median needs the order" in capsys.readouterr().err
