"""Default heads: their optimum, the penalty they choose, what weights and groups mean, messages."""

import numpy as np
import pytest
from scipy.optimize import check_grad, minimize
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_logitprod.experts import CoxHead, LogisticHead, RidgeHead
from sklearn_logitprod.heads.cox import PartialLikelihood
from sklearn_logitprod.heads.logistic import ClassLoss
from sklearn_logitprod.heads.principal import Principal
from sklearn_logitprod.heads.ridge import fold_losses


def make_events(time, event):
    y = np.empty(len(time), dtype=[("event", bool), ("time", float)])
    y["event"], y["time"] = event, time
    return y


def make_data(n_samples=60, n_features=5, n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features)) * rng.uniform(0.1, 10.0, n_features) + 3.0
    signal = StandardScaler().fit_transform(X)[:, :2].sum(axis=1) + rng.logistic(size=n_samples)
    edges = np.quantile(signal, np.arange(1, n_classes) / n_classes)
    time = np.ceil(5.0 * np.exp(-0.3 * signal + 0.3 * rng.normal(size=n_samples)))
    events = make_events(time, rng.random(n_samples) < 0.7)
    return X, np.digitize(signal, edges), events, signal


# more features than samples, and fewer; parameters few and many
@pytest.mark.parametrize("n_features", [5, 90, 450])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_logistic_head_is_penalised_logistic_regression(n_features, n_classes):
    X, y, _, _ = make_data(n_features=n_features, n_classes=n_classes)
    head = LogisticHead(prior_variances=[2.0]).fit(X, y)
    Z = StandardScaler().fit_transform(X)
    other = LogisticRegression(C=2.0 / n_features, tol=1e-8, max_iter=10000).fit(Z, y)
    assert head.predict_proba(X) == pytest.approx(other.predict_proba(Z), abs=2e-4)
    assert (head.predict(X) == head.classes_[head.predict_proba(X).argmax(axis=1)]).all()
    scores = head.decision_function(X)
    if n_classes == 2:
        scores = np.column_stack([np.zeros(len(X)), scores])
    assert np.exp(head.predict_log_proba(X)).sum(axis=1) == pytest.approx(1.0)
    softmax = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert head.predict_proba(X) == pytest.approx(softmax)


@pytest.mark.parametrize("n_features", [5, 90])
def test_the_penalty_is_the_best_of_refits_on_folds(n_features):
    X, y, _, _ = make_data(n_features=n_features)
    variances = [0.1, 1.0, 10.0]
    head = LogisticHead(prior_variances=variances, cv=3, random_state=4).fit(X, y)
    Z = StandardScaler().fit_transform(X)
    folds = StratifiedKFold(3, shuffle=True, random_state=4)
    expected = []
    for variance in variances:
        proba = np.empty((len(y), 2))
        for train, test in folds.split(Z, y):
            own = LogisticRegression(C=variance / n_features, tol=1e-8, max_iter=10000)
            proba[test] = own.fit(Z[train], y[train]).predict_proba(Z[test])
        expected.append(log_loss(y, proba))
    known = ~np.isnan(head.cv_losses_)
    assert known[: np.argmin(expected) + 1].all()
    assert head.cv_losses_[known] == pytest.approx(np.array(expected)[known], abs=1e-3)
    assert head.prior_variance_ == variances[int(np.argmin(expected))]


def test_no_single_row_decides_on_the_penalty():
    loss = ClassLoss(np.array([0, 1]), 2)
    scores = np.array([1e4, 0.0]).reshape(2, 1, 1)
    fitted, every = np.zeros((2, 1)), np.ones(2)
    assert loss.held_out(scores, fitted, every) == pytest.approx(-np.log(0.5e-6) + np.log(2.0))


HEADS = [
    pytest.param(LogisticHead, 1, id="classes"),
    pytest.param(CoxHead, 2, id="events"),
    pytest.param(RidgeHead, 3, id="values"),
]


def answer(head, X):
    return head.predict_log_proba(X) if hasattr(head, "predict_log_proba") else head.predict(X)


@pytest.mark.parametrize("n_features", [5, 90])
@pytest.mark.parametrize(("head", "part"), HEADS)
def test_a_weight_of_two_is_the_row_twice_and_zero_leaves_it_out(head, part, n_features):
    data = make_data(n_features=n_features)
    X, y = data[0], data[part]
    weight = np.random.default_rng(1).integers(0, 3, len(X))
    rows = np.repeat(np.arange(len(X)), weight)
    weighted = head(prior_variances=[1.0]).fit(X, y, sample_weight=weight)
    repeated = head(prior_variances=[1.0]).fit(X[rows], y[rows])
    assert answer(weighted, X) == pytest.approx(answer(repeated, X), abs=1e-3)


@pytest.mark.parametrize(("head", "part"), HEADS)
def test_units_order_and_constants_of_features_do_not_matter(head, part):
    data = make_data()
    X, y = data[0], data[part]
    plain = answer(head().fit(X, y), X)
    order = [3, 1, 0, 4, 2]
    assert answer(head().fit(X[:, order], y), X[:, order]) == pytest.approx(plain, abs=1e-3)
    other = np.column_stack([1e3 * X - 7.0, np.full(len(X), 5.0)])
    assert answer(head().fit(other, y), other) == pytest.approx(plain, abs=1e-3)


@pytest.mark.parametrize(("head", "part"), HEADS)
def test_rows_of_a_group_stay_in_one_fold(head, part):
    # every row twice, the features alone tell which it is: across folds it is known again
    data = make_data(n_samples=40, n_features=200)
    twice = np.repeat(np.arange(40), 2)
    X, y = data[0][twice], data[part][twice]
    together = head().fit(X, y, groups=twice)
    apart = head().fit(X, y)
    assert together.prior_variance_ <= apart.prior_variance_
    assert np.nanmin(together.cv_losses_) > np.nanmin(apart.cv_losses_)


def breslow(beta, X, y, penalty):
    """Penalised negative log partial likelihood, written as its definition."""
    risk, total = X @ beta, 0.5 * penalty * beta @ beta
    for i in np.flatnonzero(y["event"]):
        at_risk = y["time"] >= y["time"][i]
        total += np.log(np.exp(risk[at_risk]).sum()) - risk[i]
    return total


def test_cox_head_maximises_the_penalised_partial_likelihood():
    X, _, y, _ = make_data()
    Z = StandardScaler().fit_transform(X)
    assert len(np.unique(y["time"])) < len(y), "there are ties"
    best = minimize(breslow, np.zeros(5), args=(Z, y, 2.5), method="BFGS", options={"gtol": 1e-7})
    head = CoxHead(prior_variances=[2.0]).fit(X, y)
    assert head.predict(X) == pytest.approx(Z @ best.x, abs=1e-4)
    assert head.score(X, y) > 0.6


@pytest.mark.parametrize("n_features", [3, 90])
def test_cox_head_agrees_with_scikit_survival(n_features):
    linear_model = pytest.importorskip("sksurv.linear_model", reason="needs scikit-survival")
    X, _, y, _ = make_data(n_features=n_features)
    Z = StandardScaler().fit_transform(X)
    other = linear_model.CoxPHSurvivalAnalysis(alpha=n_features / 2.0, tol=1e-12, n_iter=500)
    head = CoxHead(prior_variances=[2.0]).fit(X, y)
    assert head.predict(X) == pytest.approx(other.fit(Z, y).predict(Z), abs=1e-3)


def test_cox_head_is_scored_by_what_held_out_rows_add_to_the_partial_likelihood():
    X, _, y, _ = make_data()
    Z = StandardScaler().fit_transform(X)
    variances = [0.5, 5.0]
    head = CoxHead(prior_variances=variances, cv=3).fit(X, y)
    expected = []
    folds = list(StratifiedKFold(3, shuffle=True, random_state=0).split(Z, y["event"]))
    for variance in variances:
        total = 0.0
        for train, _ in folds:
            args = (Z[train], y[train], 5 / variance)
            beta = minimize(breslow, np.zeros(5), args=args, method="BFGS").x
            total += breslow(beta, Z, y, 0.0) - breslow(beta, Z[train], y[train], 0.0)
        expected.append(total / len(y))
    assert head.cv_losses_ == pytest.approx(np.array(expected), abs=2e-3)


@pytest.mark.parametrize("loss", ["classes", "events"])
def test_slopes_and_curvatures_are_those_of_finite_differences(loss):
    _, codes, y, _ = make_data(n_samples=12, n_classes=3)
    loss = ClassLoss(codes, 3) if loss == "classes" else PartialLikelihood(y["event"], y["time"])
    rng = np.random.default_rng(0)
    shape = 12, 1, loss.n_outputs
    weights = rng.integers(0, 3, (12, 1)).astype(float)
    point = rng.normal(size=shape)

    def value(flat):
        return loss.value_and_slope(flat.reshape(shape), weights)[0][0]

    def slope(flat):
        return loss.value_and_slope(flat.reshape(shape), weights)[1].ravel()

    assert check_grad(value, slope, point.ravel()) < 1e-5
    step = 1e-5 * np.eye(point.size)
    hessian = [(slope(point.ravel() + h) - slope(point.ravel() - h)) / 2e-5 for h in step]
    assert loss.curvature(point, weights).ravel() == pytest.approx(np.diag(hessian), abs=1e-6)
    blocks = loss.blocks(point, weights)[:, 0]
    own = np.reshape(hessian, (*shape[::2], *shape[::2]))
    rows = np.arange(12)
    assert blocks == pytest.approx(own[rows, :, rows], abs=1e-6)


def test_partial_likelihood_stays_in_logarithms():
    loss = PartialLikelihood(np.array([True, True]), np.array([1.0, 2.0]))
    # the second row alone is at risk at its time, whatever its score
    scores = np.array([1000.0, -1000.0]).reshape(2, 1, 1)
    value, slope = loss.value_and_slope(scores, np.ones((2, 1)))
    assert value == pytest.approx([0.0])
    assert slope.ravel() == pytest.approx([0.0, 0.0])


@pytest.mark.parametrize("n_features", [5, 90])
def test_errors_of_left_out_folds_are_those_of_refits(n_features):
    X, _, _, y = make_data(n_features=n_features)
    weight = np.random.default_rng(2).uniform(0.5, 2.0, len(X))
    share = weight / weight.sum()
    folds = [np.arange(0, 20), np.arange(20, 45), np.arange(45, 60)]
    Z = (X - share @ X) / np.sqrt(share @ (X - share @ X) ** 2)
    expected = 0.0
    for held_out in folds:
        rest = np.setdiff1d(np.arange(60), held_out)
        own = Ridge(alpha=3.0, tol=1e-10).fit(Z[rest], y[rest], sample_weight=weight[rest])
        expected += weight[held_out] @ (y[held_out] - own.predict(Z[held_out])) ** 2
    principal = Principal.of(X, weight)
    found = fold_losses(principal, y - share @ y, weight, folds, np.array([3.0]))
    assert found == pytest.approx([expected / weight.sum()], rel=1e-6)
    head = RidgeHead(prior_variances=[n_features / 3.0]).fit(X, y, sample_weight=weight)
    whole = Ridge(alpha=3.0, tol=1e-10).fit(Z, y, sample_weight=weight)
    assert head.predict(X) == pytest.approx(whole.predict(Z), rel=1e-5)


def test_noise_gets_the_prevalence():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 400)), np.arange(200) % 4 == 0
    proba = LogisticHead().fit(X, y).predict_proba(rng.normal(size=(50, 400)))[:, 1]
    assert proba == pytest.approx(0.25, abs=0.08)


def test_the_path_ends_once_the_loss_has_risen_twice():
    X, y, _, _ = make_data(n_features=200)
    head = LogisticHead().fit(X, y)
    tried = np.flatnonzero(~np.isnan(head.cv_losses_))
    assert tried.tolist() == list(range(int(np.nanargmin(head.cv_losses_)) + 3))


@pytest.mark.parametrize(
    ("head", "part", "change", "message"),
    [
        (LogisticHead(), 1, {"y": np.zeros(60)}, "1 class only"),
        (LogisticHead(), 1, {"groups": np.zeros(60)}, r"prior_variances=\[1.0\]"),
        (LogisticHead(prior_variances=[]), 1, {}, "prior_variances is empty"),
        (CoxHead(prior_variances=[1.0, -1.0]), 2, {}, "prior_variances holds -1.0"),
        (RidgeHead(), 3, {"X": np.ones((60, 3))}, "None of the 3 features varies"),
        (CoxHead(), 2, {"y": make_events(np.arange(1.0, 61.0), False)}, "60 rows .* has an event"),
        (CoxHead(), 2, {"y": np.arange(60.0)}, "does not tell events from times"),
        (LogisticHead(), 3, {}, "Unknown label type: continuous"),
        (RidgeHead(), 3, {"y": None}, "requires y"),
        (RidgeHead(), 3, {"sample_weight": -np.ones(60)}, "sample_weight is negative"),
    ],
)
def test_messages(head, part, change, message):
    data = make_data()
    given = {"X": data[0], "y": data[part], **change}
    with pytest.raises(ValueError, match=message):
        head.fit(**given)


@parametrize_with_checks([LogisticHead(cv=3), RidgeHead(cv=3)])
def test_scikit_learns_checks(estimator, check):
    check(estimator)
