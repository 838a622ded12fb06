"""LogitProdSurvival: survival that is right, calibrated, and at home in scikit-learn."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold

from sklearn_logitprod import LogitProdSurvival, stack_outputs
from sklearn_logitprod.estimators import survival as survival_module
from sklearn_logitprod.fusion.events import label_sets_from_events, log_survival_from_log_events
from sklearn_logitprod.targets.events import interval_ends

TIMES = np.array([1.0, 2.0, 4.0])
N, M, T = 120, 3, len(TIMES)


def make_y(event, time, names=("event", "time")):
    y = np.empty(len(event), dtype=[(names[0], bool), (names[1], float)])
    y[names[0]], y[names[1]] = event, time
    return y


def cohort(n=N, seed=0):
    """Experts that see the log rate through more and more noise, and what happened."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=n)
    time = rng.exponential(2.0 * np.exp(-signal))
    censored = rng.uniform(0.5, 6.0, size=n)
    risks = signal[:, None] + rng.normal(size=(n, M)) * [0.5, 1.0, 2.0]
    survival = np.exp(-TIMES * np.exp(np.minimum(risks, 2.0))[:, :, None] / 2.0)
    event = time <= censored
    return risks, survival, make_y(event, np.minimum(time, censored))


RISKS, SURVIVAL, Y = cohort()
HAZARD = 1.0 - SURVIVAL / np.concatenate([np.ones((N, M, 1)), SURVIVAL[:, :, :-1]], axis=2)
HAZARD_LOGITS = np.log(HAZARD) - np.log1p(-HAZARD)
HOLES = np.where((np.arange(N) % 5 == 0)[:, None] & (np.arange(M) == 1), np.nan, RISKS)
INPUTS = {"hazard_logits": HAZARD_LOGITS, "survival": SURVIVAL, "risk": RISKS}


def model(input="survival", **params):
    times = None if input == "risk" else TIMES
    return LogitProdSurvival(**{"input": input, "times": times, "gate_width": None, **params})


def changed(array, where, value):
    array = np.array(array, dtype=float)
    array[where] = value
    return array


def survival_of(fitted, X):
    return fitted.predict_survival_function(X, return_array=True)


class TestPredictions:
    @pytest.mark.parametrize("input", INPUTS)
    @pytest.mark.parametrize("gate_width", [None, 0, "auto"])
    def test_fits_end_at_or_below_every_reference(self, input, gate_width):
        fitted = model(input, gate_width=gate_width).fit(INPUTS[input], Y)
        assert fitted.guarantee_gap_ <= 0
        assert fitted.reference_losses_.shape == (M + 2,)
        weights = fitted.expert_weights(INPUTS[input])
        np.testing.assert_allclose(weights.sum(axis=1), 1)
        assert weights.mean(axis=0)[0] > weights.mean(axis=0)[2]

    @settings(max_examples=40)
    @given(
        st.integers(0, 2**31),
        st.sampled_from(["hazard_logits", "survival", "risk"]),
        st.integers(1, 6),
        st.sampled_from([0.1, 1.0, 10.0, 300.0]),
        st.booleans(),
    )
    def test_survival_is_a_survival_function(self, seed, input, n_times, size, missing):
        rng = np.random.default_rng(seed)
        n = 25
        times = np.cumsum(rng.uniform(0.1, 2.0, size=n_times))
        time = np.append(rng.uniform(0.01, 1.2 * times[-1], size=n - 1), times[0])
        y = make_y(np.append(rng.random(n - 1) < 0.5, True), time)
        X = size * rng.normal(size=(n, M) if input == "risk" else (n, M, n_times))
        if input == "survival":
            X = -np.sort(-(rng.random(X.shape) ** size), axis=2)
        if missing:
            X[rng.random((n, M)) < 0.3] = np.nan
            X[np.isnan(X).reshape(n, -1).all(axis=1)] = 0.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            fitted = LogitProdSurvival(input=input, times=times, gate_width=None).fit(X, y)
        survival = survival_of(fitted, X)
        assert survival.shape == (n, n_times)
        assert ((survival >= 0) & (survival <= 1)).all()
        assert (np.diff(survival, axis=1, prepend=1.0) <= 0).all()
        assert all(function(0.0) == 1.0 for function in fitted.predict_survival_function(X))
        hazard = fitted.predict_hazard(X)
        np.testing.assert_allclose(np.cumprod(1 - hazard, axis=1), survival, atol=1e-9)
        assert fitted.guarantee_gap_ <= 0

    def test_functions_risk_and_hazard_are_the_same_distribution(self):
        fitted = model().fit(SURVIVAL, Y)
        survival = survival_of(fitted, SURVIVAL)
        np.testing.assert_array_equal(fitted.predict(SURVIVAL), -survival.sum(axis=1))
        functions = fitted.predict_survival_function(SURVIVAL)
        np.testing.assert_array_equal([f(TIMES) for f in functions], survival)
        np.testing.assert_array_equal([f([0.0, 0.5]) for f in functions], 1.0)
        np.testing.assert_array_equal([f(99.0) for f in functions], survival[:, -1])
        cumulative = fitted.predict_cumulative_hazard_function(SURVIVAL)
        assert cumulative[0](0.0) == 0.0
        np.testing.assert_allclose(np.exp([-f(TIMES) for f in cumulative]), survival)
        array = fitted.predict_cumulative_hazard_function(SURVIVAL, return_array=True)
        np.testing.assert_array_equal([f(TIMES) for f in cumulative], array)
        np.testing.assert_array_equal(fitted.unique_times_, TIMES)
        assert functions[0].domain == (0.0, np.inf)
        with pytest.raises(ValueError, match=r"Times must be 0 or later"):
            functions[0]([-1.0])

    @pytest.mark.parametrize("input", ["hazard_logits", "survival"])
    def test_one_expert_alone_is_returned_unchanged(self, input):
        alone = INPUTS[input][:, :1]
        fitted = model(input, calibrate=False).fit(alone, Y)
        np.testing.assert_allclose(survival_of(fitted, alone), SURVIVAL[:, 0], atol=1e-6)

    def test_hazard_logits_of_700_are_survival_of_0_and_1(self):
        logits = np.where(RISKS[:, :, None] > 0, 700.0, -700.0) * np.ones(T)
        survival = np.where(RISKS[:, :, None] > 0, 0.0, 1.0) * np.ones(T)
        one = model("hazard_logits").fit(logits, Y)
        two = model("survival").fit(survival, Y)
        assert np.isfinite(one.loss_)
        np.testing.assert_allclose(survival_of(one, logits), survival_of(two, survival), atol=1e-9)

    def test_losses_are_those_of_the_label_sets(self):
        fitted = model(linear_pool=False).fit(SURVIVAL, Y)
        sets = label_sets_from_events(Y["event"], Y["time"], TIMES)
        logits = fitted.expert_logits(SURVIVAL)
        assert logits.shape == (N, M, T + 1)
        np.testing.assert_allclose(
            np.exp(log_survival_from_log_events(logits)), SURVIVAL, atol=1e-6
        )
        by_hand = [sets.loss(logits[:, m]).mean() for m in range(M)]
        np.testing.assert_allclose(fitted.expert_losses_, by_hand)
        np.testing.assert_allclose(fitted.reference_losses_[:M], by_hand)

    def test_expert_missing_for_some_is_fused_from_the_others(self):
        fitted = model("risk").fit(HOLES, Y)
        weights, missing = fitted.expert_weights(HOLES), np.isnan(HOLES)
        assert (weights[missing] == 0).all()
        assert np.isnan(fitted.expert_logits(HOLES)[missing]).all()
        assert np.isfinite(fitted.predict(HOLES)).all()

    def test_order_of_rows_with_tied_times_changes_nothing(self):
        tied = make_y(Y["event"], np.ceil(2.0 * Y["time"]) / 2.0)
        order = np.random.default_rng(1).permutation(N)
        one, two = model("risk").fit(RISKS, tied), model("risk").fit(RISKS[order], tied[order])
        np.testing.assert_array_equal(one.unique_times_, two.unique_times_)
        np.testing.assert_allclose(one.predict(RISKS), two.predict(RISKS), atol=1e-6)

    def test_weight_2_is_the_sample_twice(self):
        weight = np.arange(N) % 3.0
        rows = np.repeat(np.arange(N), weight.astype(int))
        one = model("risk").fit(RISKS, Y, sample_weight=weight)
        two = model("risk").fit(RISKS[rows], Y[rows])
        np.testing.assert_array_equal(one.unique_times_, two.unique_times_)
        np.testing.assert_allclose(one.predict(RISKS), two.predict(RISKS), atol=1e-5)

    def test_uncensored_weight_is_a_sample_weight(self):
        one = model(uncensored_weight=0.4).fit(SURVIVAL, Y)
        two = model().fit(SURVIVAL, Y, sample_weight=np.where(Y["event"], 1.0, 0.6))
        np.testing.assert_allclose(one.predict(SURVIVAL), two.predict(SURVIVAL), atol=1e-9)
        assert (one.predict(SURVIVAL) > model().fit(SURVIVAL, Y).predict(SURVIVAL)).mean() > 0.9

    def test_risks_are_calibrated_without_the_rows_a_fold_holds_out(self, monkeypatch):
        seen = []

        def spy(risks, sets, weight, times):
            seen.append(weight)
            return fit_risks(risks, sets, weight, times)

        fit_risks = survival_module.fit_risks
        monkeypatch.setattr(survival_module, "fit_risks", spy)
        folds = list(KFold(4).split(RISKS))
        model("risk", gate_width="auto", selection_cv=folds).fit(RISKS, Y)
        np.testing.assert_array_equal(seen[0], 1)
        expected = [np.isin(np.arange(N), train) for train, _ in folds]
        np.testing.assert_array_equal(seen[1:], expected)

    def test_groups_stay_together(self):
        groups = np.arange(N) // 2
        fitted = model("risk", gate_width="auto").fit(RISKS, Y, groups=groups)
        assert fitted.guarantee_gap_ <= 0


class TestForms:
    def test_array_frame_and_memory_map_are_the_same(self, tmp_path):
        expected = model().fit(SURVIVAL, Y).predict(SURVIVAL)
        frame = stack_outputs({f"e{m}": SURVIVAL[:, m] for m in range(M)}, classes=TIMES)
        shuffled = frame.iloc[:, ::-1]
        fitted = model().fit(frame, Y)
        assert fitted.expert_names_ == ["e0", "e1", "e2"]
        np.testing.assert_array_equal(fitted.predict(shuffled), expected)
        mapped = np.memmap(tmp_path / "x", dtype=float, mode="w+", shape=SURVIVAL.shape)
        mapped[:] = SURVIVAL
        np.testing.assert_array_equal(model().fit(mapped, Y).predict(mapped), expected)

    def test_risks_in_a_frame_keep_their_names(self):
        frame = pd.DataFrame(HOLES, columns=["a", "b", "c"])
        fitted = model("risk", n_bins=4).fit(frame, Y)
        np.testing.assert_array_equal(
            fitted.predict(frame), model("risk", n_bins=4).fit(HOLES, Y).predict(HOLES)
        )
        assert fitted.expert_names_ == ["a", "b", "c"]
        assert list(fitted.risk_models_) == ["a", "b", "c"]
        with pytest.raises(ValueError, match="feature names"):
            fitted.predict(frame.rename(columns={"b": "z"}))

    @pytest.mark.parametrize(
        "y",
        [
            make_y(Y["event"], Y["time"], ("dead", "days")),
            pd.DataFrame({"time": Y["time"], "event": Y["event"]}),
            pd.DataFrame({"time": Y["time"], "event": Y["event"].astype(int)}),
            pd.DataFrame({"time": Y["time"], "event": pd.array(Y["event"], dtype="boolean")}),
        ],
        ids=["other names", "frame", "0 and 1", "nullable"],
    )
    def test_forms_of_y(self, y):
        fitted = model().fit(SURVIVAL, y)
        np.testing.assert_array_equal(
            fitted.predict(SURVIVAL), model().fit(SURVIVAL, Y).predict(SURVIVAL)
        )

    def test_grid_of_quantiles_ends_at_the_last_event(self):
        grid = model("risk", n_bins=4).fit(RISKS, Y).unique_times_
        events = np.sort(Y["time"][Y["event"]])
        counts = np.histogram(events, np.concatenate([[0], np.nextafter(grid, np.inf)]))[0]
        assert len(grid) == 4
        assert grid[-1] == events[-1]
        assert counts.max() - counts.min() <= 1
        tied = make_y(np.ones(N, dtype=bool), np.repeat([1.0, 5.0], N // 2))
        np.testing.assert_array_equal(model("risk").fit(RISKS, tied).unique_times_, [1, 5])

    def test_transform_holds_event_distributions_by_name(self):
        fitted = model().fit(SURVIVAL, Y)
        names = fitted.get_feature_names_out()
        assert list(names[:5]) == [
            "expert0_1",
            "expert0_2",
            "expert0_4",
            "expert0_tail",
            "expert1_1",
        ]
        np.testing.assert_array_equal(
            fitted.transform(SURVIVAL), fitted.expert_logits(SURVIVAL).reshape(N, -1)
        )
        np.testing.assert_array_equal(
            model().fit_transform(SURVIVAL, Y), fitted.transform(SURVIVAL)
        )
        risks = model("risk")
        np.testing.assert_array_equal(risks.fit_transform(RISKS, Y), risks.transform(RISKS))


class NoCurve:
    """An expert whose survival functions are there in name alone."""

    def predict_survival_function(self, X):
        raise ValueError("no baseline was fitted.")

    def predict(self, X):
        return X[:, 0]


def ask(**expert_methods):
    """A fit to an expert without curves, which is asked for what is named."""
    model = LogitProdSurvival([("cox", NoCurve())], expert_methods=expert_methods, gate_width=None)
    return model.fit(RISKS, Y)


BAD = {
    "an expert whose curves fail": (
        ask,
        r"'cox' failed: ValueError: predict_survival_function says: no baseline was fitted\. If "
        r"predict of this expert is a risk, set expert_methods=\{'cox': 'predict'\}",
    ),
    "an expert whose curves were asked for": (
        lambda: ask(cox="predict_survival_function"),
        r"'cox' failed: ValueError: no baseline was fitted\.$",
    ),
    "a method of no expert": (
        lambda: ask(forest="predict"),
        r"expert_methods names 'forest', which is not among the experts \['cox'\]: leave it out",
    ),
    "a method that is none": (
        lambda: ask(cox="predict_risk"),
        r"asks expert 'cox' for 'predict_risk'; write 'predict_survival_function' or 'predict'",
    ),
    "a method where X holds outputs": (
        lambda: model(expert_methods={"expert0": "predict"}).fit(SURVIVAL, Y),
        r"expert_methods names 'expert0', which is not among the experts \[\]: leave it out",
    ),
    "times missing": (
        lambda: model(times=None).fit(SURVIVAL, Y),
        r"input='survival' needs `times`.* number of the interval, from 1\), it is 1, \.\.\., T\.$",
    ),
    "curves as risks": (
        lambda: model(input="risk", times=None).fit(
            pd.DataFrame(
                SURVIVAL.reshape(N, -1), columns=pd.MultiIndex.from_product([range(M), TIMES])
            ),
            Y,
        ),
        r"9 columns of two levels, several of an expert, but input='risk' takes one risk per expert"
        r".*input='survival' and `times`",
    ),
    "times unsorted": (
        lambda: model(times=[1, 4, 2]).fit(SURVIVAL, Y),
        r"times must increase strictly, but 4 at position 1 is followed by 2",
    ),
    "times not positive": (
        lambda: model(times=[0, 1, 4]).fit(SURVIVAL, Y),
        r"times holds 0 at position 0.*start at 0 is implied",
    ),
    "times of two axes": (
        lambda: model(times=[[1, 2, 4]]).fit(SURVIVAL, Y),
        r"times has shape \(1, 3\); the right ends of the intervals are one or more numbers in one",
    ),
    "times not finite": (lambda: model(times=[1, 2, np.inf]).fit(SURVIVAL, Y), r"times holds inf"),
    "times of words": (lambda: model(times=["a"]).fit(SURVIVAL, Y), r"times holds values that are"),
    "wrong T": (
        lambda: model(times=[1, 2]).fit(SURVIVAL, Y),
        r"3 times on its last axis, but `times` names 2",
    ),
    "other times in the frame": (
        lambda: model().fit(stack_outputs({"a": SURVIVAL[:, 0]}, classes=[1, 2, 5]), Y),
        r"time names in X's columns.*do not match the times.*no columns for \[4.0\]; unknown \[5\]",
    ),
    "flat hazards": (
        lambda: model("hazard_logits").fit(RISKS, Y),
        r"X has 2 dimension\(s\).*takes \(n_samples, n_experts, n_times\)",
    ),
    "risk of three axes": (
        lambda: model("risk").fit(SURVIVAL, Y),
        r"X has 3 dimension\(s\).*takes \(n_samples, n_experts\)",
    ),
    "rising survival": (
        lambda: model().fit(changed(SURVIVAL, (7, 1), [0.5, 0.2, 0.3]), Y),
        r"Survival of expert 'expert1' rises in row 7, from 0.2 at time number 2 to 0.3",
    ),
    "survival above 1": (
        lambda: model().fit(changed(SURVIVAL, (7, 1, 0), 1.1), Y),
        r"Survival of expert 'expert1' is 1.1 in row 7",
    ),
    "hazards in part": (
        lambda: model("hazard_logits").fit(changed(HAZARD_LOGITS, (3, 2, 1), np.nan), Y),
        r"X is NaN in 1 of 3 times in row 3, expert 'expert2'",
    ),
    "infinite hazards": (
        lambda: model("hazard_logits").fit(changed(HAZARD_LOGITS, (3, 2, 1), np.inf), Y),
        r"infinite value in row 3, expert 'expert2'",
    ),
    "infinite risk": (
        lambda: model("risk").fit(changed(RISKS, (3, 2), -np.inf), Y),
        r"infinite value in row 3, expert 'expert2'",
    ),
    "no risk": (lambda: model("risk").fit(changed(RISKS, 4, np.nan), Y), r"first is row 4"),
    "no y": (lambda: model().fit(SURVIVAL, None), r"y is None.*structured array"),
    "y of two floats": (
        lambda: model().fit(SURVIVAL, np.c_[Y["event"], Y["time"]]),
        r"^y is an array of float64 of shape \(120, 2\).*structured array",
    ),
    "y of two float fields": (
        lambda: model().fit(SURVIVAL, Y.astype([("event", float), ("time", float)])),
        r"first field, 'event', must be boolean.*float64",
    ),
    "table without event": (
        lambda: model().fit(SURVIVAL, pd.DataFrame({"time": Y["time"]})),
        r"^y is a table without the column\(s\) \['event'\]",
    ),
    "events of three kinds": (
        lambda: model().fit(SURVIVAL, pd.DataFrame({"time": Y["time"], "event": np.arange(N) % 3})),
        r"column 'event' must be boolean",
    ),
    "event missing": (
        lambda: model().fit(
            SURVIVAL,
            pd.DataFrame({"time": Y["time"], "event": [None, *Y["event"][1:].tolist()]}),
        ),
        r"column 'event' is missing .* row 0",
    ),
    "times in words": (
        lambda: model().fit(SURVIVAL, pd.DataFrame({"event": Y["event"], "time": ["late"] * N})),
        r"y's times \('time'\) have dtype .* and are no numbers: ",
    ),
    "time of 0": (
        lambda: model().fit(SURVIVAL, make_y(Y["event"], changed(Y["time"], 5, 0))),
        r"time \('time'\) is 0 in row 5, but times are positive",
    ),
    "time negative": (
        lambda: model().fit(SURVIVAL, make_y(Y["event"], changed(Y["time"], 5, -2))),
        r"is -2 in row 5",
    ),
    "time missing": (
        lambda: model().fit(SURVIVAL, make_y(Y["event"], changed(Y["time"], 5, np.nan))),
        r"is nan in row 5\. Times are finite; remove rows whose time is unknown\.$",
    ),
    "y too short": (lambda: model().fit(SURVIVAL, Y[:-1]), r"y has 119 entries.*120 rows"),
    "all censored": (
        lambda: model().fit(SURVIVAL, make_y(np.zeros(N, dtype=bool), Y["time"])),
        r"All samples of y are censored.* learned about when events happen\. Check that the event "
        r"field is true where the event was observed\.$",
    ),
    "all with weight censored": (
        lambda: model().fit(SURVIVAL, Y, sample_weight=~Y["event"]),
        r"All samples of y are censored",
    ),
    "no interval informed": (
        lambda: model(times=[1e-9, 2e-9, 3e-9]).fit(SURVIVAL, Y),
        r"No row of y informs any interval.*same unit",
    ),
    "no bins": (lambda: model("risk", n_bins=0).fit(RISKS, Y), r"'n_bins' parameter"),
    "only events count": (
        lambda: model(uncensored_weight=1.0).fit(SURVIVAL, Y),
        r"'uncensored_weight' parameter",
    ),
    "labels": (lambda: model(input="logits").fit(SURVIVAL, Y), r"'input' parameter"),
    "more experts later": (
        lambda: model().fit(SURVIVAL, Y).predict(np.repeat(SURVIVAL, 2, axis=1)),
        r"6 expert\(s\), but the fit had 3",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    call, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        call()


def test_rounding_of_curves_is_no_error():
    wavy = changed(SURVIVAL, (7, 1), [0.5, 0.3, 0.3 + 5e-7])
    fitted = model().fit(wavy, Y)
    assert np.isfinite(fitted.expert_logits(wavy)).all()


def test_constant_risk_and_empty_interval_are_warnings_that_name_them():
    with pytest.warns(UserWarning, match=r"risk of expert\(s\) expert1 is constant") as caught:
        fitted = model("risk").fit(changed(RISKS, np.s_[:, 1], 3.0), Y)
    assert fitted.risk_models_["expert1"].slope == 0
    assert caught[0].filename == __file__
    late = make_y(Y["event"] & (Y["time"] <= 2), Y["time"])
    with pytest.warns(UserWarning, match=r"1 of 3 intervals hold no event: \(2, 4\]") as caught:
        model().fit(SURVIVAL, late)
    assert caught[0].filename == __file__


def test_of_many_empty_intervals_five_are_named():
    event, time, weight = np.ones(3, dtype=bool), np.array([6.2, 6.5, 7.0]), np.ones(3)
    named = r"\(0, 1\], \(1, 2\], \(2, 3\], \(3, 4\], \(4, 5\]"
    with pytest.warns(
        UserWarning, match=rf"^6 of 7 intervals hold no event: {named} and 1 more\. Their"
    ):
        interval_ends(event, time, weight, np.arange(1.0, 8.0), 3)
    with pytest.warns(UserWarning, match=rf"^5 of 6 intervals hold no event: {named}\. Their"):
        interval_ends(event, time - 1.0, weight, np.arange(1.0, 7.0), 3)


def test_predict_before_fit():
    for method in ("predict", "predict_survival_function", "predict_hazard", "transform"):
        with pytest.raises(NotFittedError):
            getattr(LogitProdSurvival(), method)(SURVIVAL)
