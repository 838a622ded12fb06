"""Partial and soft labels: sets of classes and distributions over them as y."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from sklearn_logitprod import LogitProdClassifier, LogitProdClassifierCV, label_sets, stack_outputs
from sklearn_logitprod.deployment import adapt, certify, with_safety
from sklearn_logitprod.fusion.likelihood import ClassLabels, LabelSets, PartialLabels, SoftLabels
from sklearn_logitprod.inspection import compare, oracle_gap
from sklearn_logitprod.targets.partial import check_matrix, labelled_matrix

N, M, K = 120, 3, 3
GRADES = ["low", "mid", "high"]
RNG = np.random.default_rng(0)
Y = RNG.integers(K, size=N)
NAMES = np.array(GRADES)[Y]
X = RNG.normal(size=(N, M, K))
X[np.arange(N), :, Y] += [1.5, 0.8, 0.3]
ONE_HOT = np.eye(K, dtype=bool)[Y]
# every second label is known up to one other class
OPEN = ONE_HOT.copy()
OPEN[np.arange(0, N, 2), (Y[::2] + RNG.integers(1, K, size=N // 2)) % K] = True
FULL = np.arange(N) % 5 == 0
VOTES = RNG.dirichlet(np.ones(K), size=N)
VOTES[::4] = ONE_HOT[::4]
# samples that are hard alike: what one of them tells, the others tell again
GROUPS = np.argsort(np.argsort(SoftLabels(VOTES).loss(X.mean(axis=1)))) // 4
TABLE = np.column_stack([Y + RNG.normal(size=N), Y - RNG.normal(size=N), RNG.normal(size=N)])
EXPERTS = [("own", LogisticRegression()), ("flat", LogisticRegression(C=0.01))]


def fitted(X, y, labels="sets", gate_width=None, fit_params=None, **params):
    own = {"classes": range(K), "labels": labels, "gate_width": gate_width} | params
    return LogitProdClassifier(**own).fit(X, y, **(fit_params or {}))


def agree(one, two, tol=1e-9):
    """Two fits predict alike and tell the same of themselves."""
    assert_allclose(one.predict_proba(X), two.predict_proba(X), atol=tol)
    names = ("class_prior_", "design_effect_", "n_effective_", "loss_", "mean_expert_weights_")
    # which is found to a precision of its own
    assert_allclose(one.class_prior_offset_, two.class_prior_offset_, atol=1e-6)
    for name in (*names, "expert_losses_", "reference_losses_"):
        assert_allclose(getattr(one, name), getattr(two, name), atol=tol, err_msg=name)
    if one.selection_ is not None:
        assert one.selection_["candidate"] == two.selection_["candidate"]
        assert_allclose(one.selection_["share"], two.selection_["share"], atol=1e-6)


@pytest.fixture
def full_rows():
    possible = OPEN.copy()
    possible[FULL] = True
    return possible


def test_the_loss_of_a_set_is_minus_the_log_of_its_probability():
    scores = np.random.default_rng(1).normal(size=(N, K))
    proba = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    expected = -np.log((proba * OPEN).sum(axis=1))
    assert_allclose(PartialLabels(OPEN).loss(scores), expected, rtol=1e-12)


def test_the_gradient_of_sets_agrees_with_finite_differences():
    scores, sets, step = np.random.default_rng(2).normal(size=(N, K)), PartialLabels(OPEN), 1e-6
    gradient = sets.loss_gradient(scores)[1]
    for k in range(K):
        move = step * (np.arange(K) == k)
        numeric = (sets.loss(scores + move) - sets.loss(scores - move)) / (2 * step)
        assert_allclose(gradient[:, k], numeric, atol=1e-9)


def test_sets_that_are_ranges_are_ranges():
    first, last = np.zeros((1, 4), dtype=int), np.arange(4)[None] % 3
    inside = np.arange(K) <= last[0][:, None]
    scores = np.random.default_rng(3).normal(size=(4, K))
    ranges = LabelSets(first, last, np.ones((1, 4)))
    for one, two in zip(
        ranges.loss_gradient(scores), PartialLabels(inside).loss_gradient(scores), strict=True
    ):
        assert_allclose(one, two, atol=1e-15)
    assert_array_equal(ranges.certain, PartialLabels(inside).certain)
    assert_array_equal(ranges.certain, [0, -1, -1, 0])


@pytest.mark.parametrize(
    "likelihood", [ClassLabels(Y), PartialLabels(OPEN), SoftLabels(VOTES)], ids=lambda x: type(x)
)
def test_the_loss_is_that_of_what_is_reached_and_repeated_losses_sum_to_it(likelihood):
    scores = np.random.default_rng(4).normal(size=(N, K))
    proba = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    reached = likelihood.reached(proba[:, None])[:, :, 0]
    assert_allclose(-(likelihood.weight * np.log(reached)).sum(axis=0), likelihood.loss(scores))
    losses, shares = likelihood.repeated_losses(scores)
    assert_allclose((losses * shares).sum(axis=0), likelihood.loss(scores))
    weight = np.linspace(1, 2, N)
    prevalence = likelihood.prevalence(weight, K, lambda: scores)
    posterior = proba - likelihood.loss_gradient(scores)[1]
    assert_allclose(prevalence, weight @ posterior / weight.sum(), atol=1e-14)


@pytest.mark.parametrize("gate_width", [None, 0, 3, "auto"])
def test_a_full_set_changes_nothing(full_rows, gate_width):
    groups = GROUPS if gate_width == "auto" else None
    with_them = fitted(X, full_rows, gate_width=gate_width, fit_params={"groups": groups})
    own = None if groups is None else groups[~FULL]
    without = fitted(X[~FULL], full_rows[~FULL], gate_width=gate_width, fit_params={"groups": own})
    agree(with_them, without)
    assert with_them.n_samples_fit_ == (~FULL).sum()


def test_a_full_set_changes_nothing_where_experts_are_cross_fitted(full_rows):
    own = {"experts": EXPERTS, "cv": 3}
    with pytest.warns(UserWarning, match="72 of 120 rows of y leave the class open"):
        one = fitted(TABLE, full_rows, **own)
    with pytest.warns(UserWarning, match="48 of 96 rows of y leave the class open"):
        two = fitted(TABLE[~FULL], full_rows[~FULL], **own)
    assert_allclose(one.predict_proba(TABLE), two.predict_proba(TABLE), atol=1e-9)
    # and the experts are those of the rows with one class
    told = full_rows.sum(axis=1) == 1
    alone = LogisticRegression().fit(TABLE[told], Y[told])
    assert_allclose(one.experts_[0].coef_, alone.coef_, atol=1e-9)


def test_a_full_set_changes_nothing_in_searches_and_comparisons(full_rows):
    search = LogitProdClassifierCV(
        gate_widths=(None,), temperatures=(1,), alphas=(100,), classes=range(K), labels="sets", cv=3
    )
    one = clone(search).fit(X, full_rows)
    two = clone(search).fit(X[~FULL], full_rows[~FULL])
    assert one.best_score_ == pytest.approx(two.best_score_, abs=1e-9)
    model = LogitProdClassifier(gate_width=None, classes=range(K), labels="sets")
    tables = [
        compare(model, own, y, cv=3, n_repeats=1, n_resamples=20)
        for own, y in ((X, full_rows), (X[~FULL], full_rows[~FULL]))
    ]
    pd.testing.assert_frame_equal(*tables, atol=1e-9)
    gaps = [
        oracle_gap(one.best_estimator_, *own)
        for own in ((X, full_rows), (X[~FULL], full_rows[~FULL]))
    ]
    pd.testing.assert_frame_equal(*gaps, atol=1e-9)


@pytest.mark.parametrize("gate_width", [None, 0, 3, "auto"])
def test_a_soft_label_is_the_weighted_repetition_of_the_sample(gate_width):
    rows, labels = np.nonzero(VOTES)
    fold = np.arange(N) % 4
    weight = 0.5 + np.arange(N) % 3

    def splits(of):
        return [(np.flatnonzero(of != i), np.flatnonzero(of == i)) for i in range(4)]

    own = {"gate_width": gate_width, "diversity": 0.1 if gate_width == 0 else 0.0}
    soft = fitted(
        X, VOTES, "proba", selection_cv=splits(fold),
        fit_params={"groups": GROUPS, "sample_weight": weight}, **own,
    )  # fmt: skip
    repeated = fitted(
        X[rows], labels, "single", selection_cv=splits(fold[rows]),
        fit_params={"groups": GROUPS[rows], "sample_weight": weight[rows] * VOTES[rows, labels]},
        **own,
    )  # fmt: skip
    assert soft.design_effect_ > 1.05
    agree(soft, repeated)


def test_experts_learn_distributions_as_weighted_repetitions():
    model = fitted(TABLE, VOTES, "proba", experts=EXPERTS, cv=3)
    rows, labels = np.nonzero(VOTES)
    alone = LogisticRegression().fit(TABLE[rows], labels, VOTES[rows, labels])
    assert_allclose(model.experts_[0].coef_, alone.coef_, atol=1e-9)
    # out-of-fold: each row from experts that have seen none of its copies
    seen = np.exp(clone(model).fit_transform(TABLE, VOTES)).reshape(N, 2, K)
    assert np.abs(seen[:, 0] - model.experts_[0].predict_proba(TABLE)).max() > 1e-3


@pytest.mark.parametrize(("labels", "dtype"), [("sets", bool), ("proba", float)])
def test_rows_of_one_class_are_plain_labels(labels, dtype):
    one = fitted(X, ONE_HOT.astype(dtype), labels, gate_width="auto")
    two = fitted(X, Y, "single", gate_width="auto")
    assert_array_equal(one.predict_proba(X), two.predict_proba(X))
    assert one.selection_["candidate"] == two.selection_["candidate"]


def test_one_set_among_labels_leaves_priors_and_candidates_as_they_are():
    possible = ONE_HOT.copy()
    possible[0, (Y[0] + 1) % K] = True
    one, two = (fitted(X, y, gate_width="auto") for y in (possible, ONE_HOT))
    assert one.selection_["candidate"] == two.selection_["candidate"]
    assert np.abs(one.predict_proba(X) - two.predict_proba(X)).max() < 0.05


def test_the_guarantee_holds_for_sets():
    for gate_width in (None, "auto"):
        model = fitted(X, OPEN, gate_width=gate_width)
        assert model.guarantee_gap_ <= 0.0
        loss = PartialLabels(OPEN).loss(model.predict_log_proba(X)).mean()
        assert loss == pytest.approx(model.loss_, rel=1e-10)


def test_the_guarantee_holds_for_any_sets_and_experts_however_certain():
    for seed in range(30):
        rng = np.random.default_rng(seed)
        n, k = rng.integers(6, 40), rng.integers(3, 6)
        logits = rng.normal(size=(n, 3, k)) * 10.0 ** rng.integers(-1, 3)
        possible = rng.random((n, k)) < 0.5
        # each class alone at least once, and no set without any
        possible[np.arange(n), rng.integers(k, size=n)] = True
        possible[:k] = np.eye(k, dtype=bool)
        model = fitted(logits, possible, classes=range(k), linear_pool=bool(seed % 2))
        assert model.guarantee_gap_ <= 0.0


def test_hiding_half_of_the_labels_costs_less_than_half_of_dropping_these_rows():
    """Mean over draws of the held-out log-loss: sets of two against nothing."""
    rng = np.random.default_rng(5)

    def draw(n):
        y = rng.integers(5, size=n)
        logits = rng.normal(size=(n, 4, 5))
        logits[np.arange(n), :, y] += [2.0, 1.0, 0.5, 0.2]
        return logits, y

    test, truth = draw(4000)
    losses = np.zeros(3)
    for _ in range(12):
        logits, y = draw(40)
        possible = np.eye(5, dtype=bool)[y]
        hidden = rng.random(len(y)) < 0.5
        possible[hidden, (y[hidden] + rng.integers(1, 5, size=hidden.sum())) % 5] = True
        for i, (rows, of) in enumerate(
            ((slice(None), y), (slice(None), possible), (~hidden, y[~hidden]))
        ):
            model = fitted(logits[rows], of, classes=range(5))
            losses[i] += ClassLabels(truth).loss(model.predict_log_proba(test)).mean()
    known, sets, dropped = losses
    assert known < sets < dropped
    assert sets - known < 0.5 * (dropped - known)


def test_columns_follow_classes_or_are_named():
    plain = LogitProdClassifier(gate_width=None, classes=GRADES).fit(X, NAMES)
    frame = label_sets(NAMES, GRADES)
    shuffled = frame[["mid", "high", "low"]]
    for y in (frame, shuffled, frame.to_numpy()):
        model = fitted(X, y, classes=GRADES)
        assert_array_equal(model.predict_proba(X), plain.predict_proba(X))
        assert model.score(X, y) == model.score(X, NAMES)
    experts = [
        fitted(TABLE, y, experts=EXPERTS, cv=3, classes=None).predict_proba(TABLE)
        for y in (shuffled, frame[sorted(GRADES)])
    ]
    assert_array_equal(*experts)
    named = stack_outputs({f"e{m}": X[:, m] for m in range(M)}, classes=GRADES)
    model = fitted(named, shuffled, classes=None)
    assert_array_equal(model.predict_proba(named), plain.predict_proba(X))


def test_rows_of_a_frame_keep_their_labels():
    frame = label_sets(pd.Series(NAMES, index=np.arange(N) + 7), GRADES)
    found = labelled_matrix(OPEN, np.array(GRADES), frame)
    pd.testing.assert_index_equal(found.index, frame.index)
    assert found.columns.tolist() == GRADES


def test_a_comparison_reads_arrays_in_the_order_of_classes():
    model = LogitProdClassifier(gate_width=None, classes=GRADES)
    named = stack_outputs({f"expert{m}": X[:, m] for m in range(M)}, classes=GRADES)
    tables = [compare(model, own, NAMES, n_repeats=1, n_resamples=20) for own in (X, named)]
    pd.testing.assert_frame_equal(*tables)


def test_scikit_learn_tools_take_a_matrix():
    model = LogitProdClassifier(gate_width=None, classes=range(K), labels="sets")
    scores = cross_val_score(model, X, OPEN, cv=3)
    assert np.isfinite(scores).all()
    search = GridSearchCV(model, {"decision": ["mode", "median"]}, cv=3).fit(X, OPEN)
    assert search.best_score_ > 0.5


def test_scores_are_expected_ones():
    model = fitted(X, OPEN)
    told = OPEN.sum(axis=1) == 1
    right = model.predict(X) == Y
    assert model.score(X, OPEN) == pytest.approx(right[told].mean())
    soft = fitted(X, VOTES, "proba")
    chosen = VOTES[np.arange(N), soft.predict(X)]
    assert soft.score(X, VOTES) == pytest.approx(chosen.mean())


@pytest.mark.filterwarnings("ignore:adapt was given rows", "ignore:certify was given rows")
def test_after_the_fit_y_has_the_same_forms(full_rows):
    model = fitted(X, OPEN)
    one, two = adapt(model, X + 0.1, full_rows), adapt(model, X[~FULL] + 0.1, full_rows[~FULL])
    assert_allclose(one.predict_proba(X), two.predict_proba(X), atol=1e-9)
    assert one.deployment_[0]["n_samples"] == (~FULL).sum()
    safe = with_safety(model)
    found = [certify(safe, X[own] + 0.1, full_rows[own]).table for own in (slice(None), ~FULL)]
    pd.testing.assert_frame_equal(*found)


def test_plain_labels_and_sets_are_mixed_in_one_line():
    y = [name if i % 2 else {name, "mid"} for i, name in enumerate(NAMES)]
    y[4] = None
    frame = label_sets(y, GRADES)
    assert frame.to_numpy()[4].all()
    model = fitted(X, frame, classes=GRADES)
    assert model.n_samples_fit_ == N - 1
    index = pd.Series(y, index=np.arange(N) + 7)
    assert_array_equal(label_sets(index, GRADES).index, index.index)
    for nothing in (None, np.nan, pd.NA, pd.NaT):
        assert label_sets([nothing, "low"], GRADES).all(axis=1).tolist() == [True, False]


def changed(array, where, value):
    out = array.astype(float)
    out[where] = value
    return out


CASES = {
    "matrix without the parameter": (
        lambda: fitted(X, OPEN, "single"),
        "y has shape .* one label per sample is needed.*labels='sets'.*labels='proba'",
    ),
    "sets in a list": (
        lambda: fitted(X, [{0}, {1}] * (N // 2)),
        r"y holds sets.*label_sets\(y, classes=\[...\]\)",
    ),
    "lists of several lengths": (
        lambda: fitted(X, [[0], [1, 2]] * (N // 2)),
        r"y holds sets.*label_sets\(y, classes=\[...\]\)",
    ),
    "empty set": (
        lambda: fitted(X, changed(OPEN, 7, 0)),
        r"In row 7 of y no class is possible.*has to be left out",
    ),
    "all sets full": (
        lambda: fitted(X, np.ones((N, K))),
        "In every row of y all classes are possible: that says nothing",
    ),
    "what says something has no weight": (
        lambda: fitted(X, OPEN | ~FULL[:, None], fit_params={"sample_weight": ~FULL}),
        "In every row of y all classes are possible: that says nothing",
    ),
    "class that is never possible": (
        lambda: fitted(X, np.eye(K)[np.minimum(Y, 1)]),
        r"Class\(es\) \[2\] are never possible in y.*Leave a class out of X, y and classes",
    ),
    "probabilities as sets": (
        lambda: fitted(X, VOTES),
        "y holds 0.* each value says whether a class is possible.*labels='proba'",
    ),
    "sets as distributions": (
        lambda: fitted(X, OPEN, "proba"),
        r"Row 0 of y sums to 2 instead of 1.*labels='sets'",
    ),
    "votes that are no shares": (
        lambda: fitted(X, 5 * VOTES, "proba"),
        "Row 0 of y sums to 5 instead of 1, but with labels='proba' its rows are distributions "
        r"over the classes\. Divide counts of votes by their sum",
    ),
    "negative probability": (
        lambda: fitted(X, changed(VOTES, (3, 1), -0.5), "proba"),
        r"y holds -0.5 in row 3.*numbers from 0 to 1",
    ),
    "missing value": (
        lambda: fitted(X, changed(OPEN, (5, 1), np.nan)),
        r"y has 1 missing value\(s\).*row 5.*all classes are possible",
    ),
    "missing share": (
        lambda: fitted(X, changed(VOTES, (5, 1), np.nan), "proba"),
        r"y has 1 missing value\(s\).*row 5\. Leave rows out of which nothing is known",
    ),
    "no rows": (
        lambda: check_matrix(OPEN[:0], "sets", range(K), 0, False),
        r"^y is empty \(0 samples\): at least two samples are needed, of two classes",
    ),
    "texts in a matrix": (
        lambda: fitted(X, np.full((N, K), "yes")),
        "y holds values that are no numbers, but with labels='sets' it is a matrix with a column "
        r"for each class\. label_sets makes it from labels and sets",
    ),
    "width is not the number of classes": (
        lambda: fitted(X, OPEN[:, :2]),
        r"y has 2 columns, but there are 3 classes \[0, 1, 2\]: with labels='sets' it has one",
    ),
    "too few rows": (lambda: fitted(X, OPEN[:9]), "y has 9 entries, but X has 120 rows"),
    "order of columns is not evident": (
        lambda: fitted(X, OPEN, classes=None),
        r"nothing says which class each of them is of.*classes=\.\.\., or pass a DataFrame whose "
        "columns are the class labels, such as label_sets makes",
    ),
    "order of the columns of X is not evident": (
        lambda: fitted(X, label_sets(NAMES, GRADES), classes=None),
        r"columns \['low', 'mid', 'high'\], and X is an array.*\['high', 'low', 'mid'\]\. Say in "
        r"which order the columns of X are: classes=\.\.\.",
    ),
    "columns are of other classes": (
        lambda: fitted(X, label_sets(NAMES, GRADES)),
        r"y has the columns \['low', 'mid', 'high'\], but the classes are \[0, 1, 2\]",
    ),
    "classes are not those of X": (
        lambda: fitted(
            stack_outputs({"a": X[:, 0], "b": X[:, 1]}, classes=GRADES), OPEN, classes=[0, 1, 2]
        ),
        r"The columns of y are of the classes \[0, 1, 2\], but X has \['low', 'mid', 'high'\]",
    ),
    "experts without labels": (
        lambda: fitted(TABLE, OPEN | np.roll(ONE_HOT, 1, axis=1), experts=EXPERTS, cv=3),
        r"need the labels of some samples.*cv='prefit'",
    ),
    "experts without weights": (
        lambda: fitted(TABLE, VOTES, "proba", experts=[("k", KNeighborsClassifier())], cv=3),
        r"Expert\(s\) k do not take sample_weight in fit.*cv='prefit'",
    ),
    "accuracy where no class is certain": (
        lambda: fitted(X, OPEN).score(X[::2], OPEN[::2]),
        "In no row of y one class alone is possible",
    ),
    "search by a score of labels": (
        lambda: LogitProdClassifierCV(
            classes=range(K), labels="sets", scoring="accuracy"
        ).fit(X, OPEN),
        "scoring='accuracy' takes one label for each sample",
    ),
    "adapted to nothing": (
        lambda: adapt(fitted(X, OPEN), X, np.ones((N, K), dtype=bool)),
        "In every row of y all classes are possible: that tells adapt nothing",
    ),
    "label that is no class": (
        lambda: label_sets(["low", {"hihg"}], GRADES),
        r"Entry 1 has the label 'hihg', which is none of the classes",
    ),
    "entry without a class": (
        lambda: label_sets(["low", []], GRADES),
        "Entry 1 is empty.*Write None where nothing is known",
    ),
    "votes that are no numbers": (
        lambda: label_sets([{"mid": "yes"}], GRADES),
        r"Entry 0 is \{'mid': 'yes'\}, but a dict holds a probability or a number of votes",
    ),
    "votes that are all 0": (
        lambda: label_sets(["low", {"mid": 0}], GRADES),
        "Entry 1 is {'mid': 0}.*not all of them 0",
    ),
    "sets beside votes": (
        lambda: label_sets([{"low", "mid"}, {"mid": 1}], GRADES),
        "Entry 0 leaves 2 classes open, and other entries are distributions",
    ),
    "classes named twice": (
        lambda: label_sets(["a"], ["a", "a"]),
        "at least two class labels are needed, each named once",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_bad_labels_end_in_a_message(name):
    call, pattern = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match=f"(?s){pattern}"):
            call()
