"""Tables of predicted values: how they are read, and what is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sklearn_logitprod import LogitProdRegressor
from sklearn_logitprod.cli import main
from sklearn_logitprod.io import ExpertOutputs, aggregate, read_tables

N = 40
IDS = [f"s{i:02d}" for i in range(N)]
AGE = 50.0 + 10.0 * np.random.default_rng(0).normal(size=N)


def predictions(seed=1, **columns):
    """What an expert says of ages, in a column called so, with standard deviations."""
    rng = np.random.default_rng(seed)
    std = rng.uniform(2.0, 6.0, N)
    table = {"slide_id": IDS, "age": AGE, "pred_age": AGE + std * rng.normal(size=N), "sd": std}
    return pd.DataFrame(table | columns)


@pytest.fixture
def files(tmp_path):
    """Two experts, rows in other orders; their paths."""
    paths = []
    for m, name in enumerate(("uni", "conch")):
        paths.append(str(tmp_path / f"{name}.csv"))
        predictions(m).sample(frac=1, random_state=m).to_csv(paths[-1], index=False)
    return paths


def test_rows_are_matched_by_identifier_and_say_what_was_predicted(files):
    outputs = read_tables(files, input="mean_std", target="age", std="sd")
    rows = [IDS.index(one) for one in outputs.ids]
    both = [predictions(m)[["pred_age", "sd"]].to_numpy()[rows] for m in range(2)]
    np.testing.assert_allclose(outputs.values, np.stack(both, axis=1), rtol=1e-15)
    np.testing.assert_allclose(outputs.y, AGE[rows], rtol=1e-15)
    assert (outputs.task_name, outputs.classes, outputs.labels) == ("values", None, ("mean", "std"))
    means = read_tables(files, input="mean", target="age")
    np.testing.assert_array_equal(means.values, outputs.values[:, :, 0])
    # straight into a fit, and new samples without the truth
    model = LogitProdRegressor(gate_width=None).fit(means)
    new = read_tables(files, input="mean", ignore="age")
    assert new.y is None
    np.testing.assert_array_equal(model.predict(new), model.predict(means.values))


def test_one_table_may_hold_several_experts():
    wide = pd.DataFrame({"slide_id": IDS, "age": AGE, "uni": AGE + 1, "conch": AGE - 1})
    wide["su"], wide["sc"] = 1.0 + np.arange(N), 2.0
    said = {"columns": {"u": "uni", "c": "conch"}, "std": {"u": "su", "c": "sc"}}
    outputs = read_tables(wide, input="mean_std", target="age", **said)
    assert outputs.expert_names == ["u", "c"]
    expected = wide[["uni", "su", "conch", "sc"]].to_numpy().reshape(N, 2, 2)
    np.testing.assert_array_equal(outputs.values, expected)
    long = pd.concat([predictions(0).assign(model="u"), predictions(1).assign(model="c")])
    outputs = read_tables(long, input="mean", target="age", expert="model")
    np.testing.assert_array_equal(outputs.values[:, 1], predictions(1)["pred_age"])


def test_a_prediction_is_found_beside_covariates_and_a_deviation_never(capsys):
    table = predictions(weight=np.arange(N))
    read_tables({"uni": table}, input="mean", target="age", verbose=1)
    assert "pred_age -> mean" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:.*have no target")
def test_samples_of_unknown_target_and_missing_experts_with_outer():
    unknown = predictions(0, age=np.where(np.arange(N) == 3, np.nan, AGE))
    other = predictions(1).drop(columns="age").iloc[:30]
    outputs = read_tables({"a": unknown, "b": other}, input="mean", target="age", how="outer")
    assert len(outputs) == N - 1
    assert IDS[3] not in outputs.ids
    assert int(outputs.missing.sum()) == 10


def test_rows_of_one_sample_are_averaged_if_their_target_agrees():
    twice = pd.concat([predictions(0), predictions(1)])
    outputs = read_tables({"a": twice}, input="mean_std", target="age", std="sd", average=True)
    both = [predictions(m)[["pred_age", "sd"]].to_numpy() for m in range(2)]
    np.testing.assert_allclose(outputs.values[:, 0], np.mean(both, axis=0))
    twice = pd.concat([predictions(0), predictions(1, age=AGE + 1)])
    with pytest.raises(ValueError, match="value of id 's00' differ between its rows"):
        read_tables({"a": twice}, input="mean", target="age", average=True)


MEAN = {"input": "mean", "target": "age"}
BOTH = {"input": "mean_std", "target": "age"}


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({}, MEAN | {"target": "agee"}, r"no column 'agee'; there are \['slide_id', 'age'"),
        ({}, MEAN | {"target": ["age", "sex"]}, "is not the name of one column. Read and fit"),
        ({}, MEAN | {"label": "age"}, "has values, which label=... is not for"),
        ({}, MEAN | {"event": "e", "time": "t"}, "has values, which event=... is not for"),
        ({}, MEAN | {"std": "sd"}, "not used with input='mean': pass input='mean_std'"),
        ({}, BOTH, "needs std=..., the column of standard deviations"),
        ({}, {"label": "age", "std": "sd"}, "std=... is a column of standard deviations"),
        ({}, MEAN | {"columns": "age"}, "'age' is the target, and cannot be what the expert"),
        ({}, MEAN | {"columns": ["pred_age", "sd"]}, "a predicted value is one column"),
        ({"pred_age": AGE}, MEAN, "'pred_age' is the target 'age' over again in every row"),
        ({"pred_bmi": AGE}, MEAN, r"one numeric column, but there are \['pred_age', 'pred_bmi'\]"),
        ({"age": "old"}, MEAN, r"'age' \(target\) holds \['old'\], not numbers"),
        ({"age": [*AGE[:-1], np.nan]}, MEAN, "row 39 .*target in column 'age' is empty"),
        ({"age": [np.inf, *AGE[1:]]}, MEAN, "row 0 .*target in column 'age' is infinite"),
        ({"pred_age": [np.inf, *AGE[1:]]}, MEAN, "inf for 'mean' is infinite"),
        ({"sd": [0.0, *AGE[1:]]}, BOTH | {"std": "sd"}, "standard deviation 0 in column 'sd'"),
        ({"sd": [np.nan, *AGE[1:]]}, BOTH | {"std": "sd"}, r"no value for \['std'\]"),
        ({"variance": 2.0}, BOTH | {"std": "variance"}, "the square roots of variances"),
        ({}, BOTH | {"std": "pred_age"}, "cannot hold the standard deviations, as it holds the pr"),
        ({}, BOTH | {"std": {"b": "sd"}}, "std=... names no column .* for expert 'a'"),
        ({}, BOTH | {"std": ["sd"]}, "std=... is the name of a column, or {expert: name}"),
        (
            {},
            MEAN | {"columns": {"mean": "pred_age", "std": "sd"}},
            r"and \['mean', 'std'\] are no experts: name the column of predictions alone",
        ),
    ],
)
def test_what_is_refused(columns, options, message):
    with pytest.raises(ValueError, match=message):
        read_tables({"a": predictions(**columns)}, **options)


def test_files_that_disagree_about_the_target_are_an_error():
    with pytest.raises(ValueError, match="the target of id 's00' is"):
        read_tables({"a": predictions(0), "b": predictions(1, age=AGE + 1)}, **MEAN)


def test_a_target_of_two_values_may_be_one_of_classes():
    with pytest.warns(UserWarning, match="holds 0 and 1 alone. If these are classes, name it"):
        read_tables({"a": predictions(age=np.arange(N) % 2)}, **MEAN)


# ---------------------------------------------------------------- slides to patients


def test_slides_of_a_patient_become_the_mixture_of_their_gaussians():
    rng = np.random.default_rng(0)
    both = rng.uniform(1.0, 3.0, size=(6, 2, 2))
    by, y = np.repeat(["anna", "bert"], [5, 1]), np.repeat([40.0, 60.0], [5, 1])
    outputs = ExpertOutputs(both, "mean_std", ["a", "b"], y=y, groups=by)
    found = aggregate(outputs, "groups")
    mean, std = both[:5, :, 0], both[:5, :, 1]
    np.testing.assert_allclose(found.values[0, :, 0], mean.mean(axis=0))
    variance = (std**2).mean(axis=0) + mean.var(axis=0)
    np.testing.assert_allclose(found.values[0, :, 1], np.sqrt(variance))
    # wherever the values lie
    far = aggregate(replace(outputs, values=both + [1e9, 0.0]), "groups")
    np.testing.assert_allclose(far.values[..., 1], found.values[..., 1], rtol=1e-6)
    # a patient of one slide is that slide, exactly
    np.testing.assert_array_equal(found.values[1], both[5])
    assert found.y.tolist() == [40.0, 60.0]
    alone = aggregate(both[..., 0], by, "max", input="mean")
    np.testing.assert_array_equal(alone[0], mean.max(axis=0))
    # and of fused predictions, as the command line writes them
    table = pd.DataFrame({"prediction": both[:, 0, 0], "std": both[:, 0, 1]}, by)
    fused = aggregate(table.assign(lower_90=table["prediction"] - 1.7 * table["std"]), by)
    np.testing.assert_allclose(fused[["prediction", "std"]], found.values[:, 0])
    np.testing.assert_allclose(fused["lower_90"], fused["prediction"] - 1.7 * fused["std"])
    with pytest.raises(ValueError, match="'lower_90' is not as many standard deviations"):
        aggregate(table.assign(lower_90=0.0), by)
    with pytest.raises(ValueError, match="is of classes, and these are 'mean_std' of values"):
        aggregate(outputs, "groups", "noisy-or")


# ---------------------------------------------------------------- on the command line

QUICK = ["--gate", "none", "--quiet"]


def run(capsys, *arguments):
    code = main(list(map(str, arguments)))
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_fit_and_predict_on_the_command_line_are_those_of_python(files, tmp_path, capsys):
    pytest.importorskip("skops.io")
    model, table = tmp_path / "m.skops", tmp_path / "p.csv"
    std = ["--std", "uni:sd", "--std", "conch:sd"]
    code, out, _ = run(capsys, "fit", *files, "--target", "age", *std, "-o", model, *QUICK)
    assert code == 0
    assert out.split()[:3] == ["NLL", "mean", "weight"]
    # the saved model knows what the target and the deviations are called
    code, _, _ = run(capsys, "predict", model, *files, "-o", table, "--quiet", "--weights")
    assert code == 0
    found = pd.read_csv(table, index_col="id")
    outputs = read_tables(files, input="mean_std", target="age", std="sd")
    own = LogitProdRegressor(gate_width=None, random_state=0).fit(outputs)
    mean, deviation = own.predict(outputs, return_std=True)
    lower, upper = own.predict_interval(outputs, 0.9).T
    expected = np.c_[mean, deviation, lower, upper, own.expert_weights(outputs)]
    names = ["prediction", "std", "lower_90", "upper_90", "weight_uni", "weight_conch"]
    np.testing.assert_allclose(found.loc[outputs.ids, names], expected, rtol=1e-9)


def test_compare_says_and_draws_what_is_particular_to_values(files, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    page = tmp_path / "report.html"
    options = ["--repeats", "1", "--cv", "2", "--resamples", "20", "--report", page]
    code, out, _ = run(capsys, "compare", *files, "--target", "age", *options, *QUICK)
    assert code == 0
    assert "best expert (NLL " in out
    text = page.read_text()
    assert "true values" in text
    assert "Values, predicted and observed" in text
    assert "% of the observed values" in text
    assert "log-loss" not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "age", "--input", "proba"], "what is true of --input proba says --label"),
        (["--target", "age", "--label", "age"], "has values, which --label is not for"),
        (["--std", "sd"], "name the column, --target NAME"),
        (["--target", "age", "--column", "a", "--column", "b"], "EXPERT:COLUMN once for each"),
        (["--target", "age", "--layout", "clam"], "--layout clam holds none"),
    ],
)
def test_what_is_refused_on_the_command_line(files, capsys, arguments, message):
    code, _, err = run(capsys, "compare", *files, *arguments, *QUICK)
    assert code == 2
    assert message in err


def test_a_saved_regressor_is_adapted_and_no_more(files, tmp_path, capsys):
    pytest.importorskip("skops.io")
    model, new = tmp_path / "m.skops", tmp_path / "a.skops"
    assert run(capsys, "fit", *files, "--target", "age", "-o", model, *QUICK)[0] == 0
    code, out, _ = run(capsys, "adapt", model, *files, "--target", "age", "-o", new, "--quiet")
    assert code == 0
    assert "adapted to 40 labelled rows" in out
    assert "certify" not in out
    for arguments, message in [
        (["adapt", model, "--safety", "0.1", "-o", tmp_path / "s.skops"], "with_safety takes no"),
        (["adapt", model, "--prior", "a=0.5", "-o", tmp_path / "s.skops"], "one of values"),
        (["adapt", model, *files, "-o", tmp_path / "s.skops"], "name the column, --target NAME"),
        (["certify", model, *files, "--target", "age"], "certify takes no LogitProdRegressor"),
        (["predict", model, files[0], "-o", tmp_path / "p.csv"], "no file for the expert"),
        (["predict", model, *files, "--std", "sd", "-o", tmp_path / "p.csv"], "fitted without st"),
        (
            ["predict", model, *files, "--decision", "median", "-o", tmp_path / "p.csv"],
            "the model is one of values, which --decision is not for",
        ),
        (
            ["extend", model, files[0], "new=none.csv", "--target", "age", "-o", new, "--force"],
            "add_expert takes no LogitProdRegressor",
        ),
    ]:
        code, _, err = run(capsys, *arguments)
        assert code == 2
        assert message in err
