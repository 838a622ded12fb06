"""Frames, series, tensors and labelled arrays of any library say what arrays say."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.naive_bayes import GaussianNB

from sklearn_logitprod import (
    LogitProdClassifier,
    LogitProdClassifierCV,
    LogitProdSurvival,
    stack_outputs,
)
from sklearn_logitprod.inspection import compare
from sklearn_logitprod.io import ExpertOutputs

N, EXPERTS, CLASSES = 60, ["uni", "conch"], ["a", "b", "c"]
CODES = np.arange(N) % 3
Y = np.array(CLASSES)[CODES]
X = np.random.default_rng(0).normal(size=(N, 2, 3)) + 2.0 * (CODES[:, None, None] == range(3))
X[5, 1] = np.nan
COLUMNS = [f"{expert}_{label}" for expert in EXPERTS for label in CLASSES]
FLAT = pd.DataFrame(X.reshape(N, -1), columns=COLUMNS)


def fit(X, y, **params):
    return LogitProdClassifier(**{"gate_width": None, **params}).fit(X, y)


EXPECTED = fit(X, Y).predict_proba(X)


def says_the_same(given, y=Y, **params):
    model = fit(given, y, **params)
    np.testing.assert_allclose(model.predict_proba(given), EXPECTED, atol=1e-12)
    np.testing.assert_allclose(model.score(given, y), fit(X, Y).score(X, Y))
    return model


def polars_frame():
    polars = pytest.importorskip("polars")
    return polars.DataFrame(
        {name: [None if v != v else v for v in FLAT[name]] for name in reversed(COLUMNS)}
    )


def arrow_table():
    pyarrow = pytest.importorskip("pyarrow")
    return pyarrow.table({name: pyarrow.array(FLAT[name], from_pandas=True) for name in COLUMNS})


FRAMES = {
    "nullable": lambda: FLAT.convert_dtypes(),
    "arrow dtypes": lambda: pytest.importorskip("pyarrow") and FLAT.astype("double[pyarrow]"),
    "polars": polars_frame,
    "pyarrow": arrow_table,
}


@pytest.mark.parametrize("library", FRAMES)
def test_frames_of_any_library(library):
    frame = FRAMES[library]()
    model = says_the_same(frame)
    assert sorted(model.expert_names_) == sorted(EXPERTS)
    with pytest.raises(ValueError, match=r"(?i)feature names"):
        model.predict(FLAT.rename(columns={"uni_a": "other_a"}))


@pytest.mark.parametrize("library", FRAMES)
def test_stacked_frames_of_any_library(library):
    frame = FRAMES[library]()
    take = getattr(frame, "select", lambda columns: frame[columns])
    parts = {expert: take([f"{expert}_{c}" for c in CLASSES]) for expert in EXPERTS}
    names = getattr(frame, "column_names", None)
    rename = "rename_columns" if names else "rename"
    for expert, part in parts.items():
        new = {f"{expert}_{c}": c for c in CLASSES}
        if isinstance(part, pd.DataFrame):
            parts[expert] = part.rename(columns=new)
        else:
            parts[expert] = getattr(part, rename)(list(CLASSES) if names else new)
    stacked = stack_outputs(parts)
    assert isinstance(stacked, pd.DataFrame)
    says_the_same(stacked)


def test_missing_values_of_nullable_columns_are_missing_experts():
    stacked = stack_outputs(dict(zip(EXPERTS, X.transpose(1, 0, 2))), classes=CLASSES)
    says_the_same(stacked.astype("Float64"))
    says_the_same(FLAT.astype("Float64").astype(object).where(FLAT.notna(), pd.NA).to_numpy())


def test_decimals_are_numbers():
    pyarrow = pytest.importorskip("pyarrow")
    hundredths = np.round(X.reshape(N, -1), 2)
    columns = [pyarrow.array(column, from_pandas=True) for column in hundredths.T]
    columns = [column.cast(pyarrow.decimal128(20, 2)) for column in columns]
    table = pyarrow.table(dict(zip(COLUMNS, columns)))
    expected = fit(X, Y).predict_proba(hundredths.reshape(X.shape))
    np.testing.assert_allclose(fit(FLAT, Y).predict_proba(table), expected)


def test_binary_frames_have_a_column_per_expert():
    polars = pytest.importorskip("polars")
    log_odds = X[:, :, 1] - X[:, :, 0]
    log_odds[5, 1] = np.nan
    labels = Y == "b"
    frame = polars.DataFrame(dict(zip(EXPERTS, log_odds.T)))
    model = fit(frame, polars.Series(labels))
    assert model.expert_names_ == EXPERTS
    np.testing.assert_array_equal(
        model.predict_proba(frame), fit(log_odds, labels).predict_proba(log_odds)
    )


def test_lazy_frames_say_how_they_are_computed():
    frame = polars_frame().lazy()
    for call in (lambda: fit(frame, Y), lambda: fit(FLAT, Y).predict(frame)):
        with pytest.raises(ValueError, match=r"LazyFrame of polars.*Pass X\.collect\(\)"):
            call()
    with pytest.raises(ValueError, match=r"expert 'uni' is a LazyFrame"):
        stack_outputs({"uni": frame})


def test_dask_frames_say_how_they_are_computed():
    dask = pytest.importorskip("dask.dataframe", exc_type=ImportError)
    with pytest.raises(ValueError, match=r"DataFrame of dask.*Pass X\.compute\(\)"):
        fit(dask.from_pandas(FLAT, npartitions=2), Y)


def string_dtype(labels, **missing):
    if not hasattr(np.dtypes, "StringDType"):
        pytest.skip("NumPy 1 has no strings of variable width")
    return np.array(labels, dtype=np.dtypes.StringDType(**missing))


LABELS = {
    "polars": lambda: pytest.importorskip("polars").Series(Y),
    "polars categories": lambda: (
        (pl := pytest.importorskip("polars")).Series(Y).cast(pl.Categorical)
    ),
    "pyarrow": lambda: (pa := pytest.importorskip("pyarrow")).chunked_array([pa.array(Y)]),
    "StringDType": lambda: string_dtype(Y.tolist()),
    "nullable": lambda: pd.Series(Y, dtype="string"),
    "categories": lambda: pd.Series(Y, dtype="category"),
}


@pytest.mark.parametrize("library", LABELS)
def test_labels_of_any_library(library):
    labels = LABELS[library]()
    says_the_same(X, labels)
    search = LogitProdClassifierCV(gate_widths=[None], temperatures=[1], alphas=[100], cv=2)
    assert search.fit(X, labels).score(X, labels) == fit(X, Y).score(X, Y)


MISSING = ["a", None, *Y[2:]]
# narwhals and pyarrow would give the label of another row in place of what dictionaries miss
HOLEY = {
    "polars": lambda: pytest.importorskip("polars").Series(MISSING),
    "pyarrow": lambda: (pa := pytest.importorskip("pyarrow")).chunked_array(
        [pa.array(MISSING).dictionary_encode()]
    ),
    "StringDType": lambda: string_dtype(["a", np.nan, *Y[2:]], na_object=np.nan),
    "nullable": lambda: pd.Series(MISSING, dtype="string"),
}


@pytest.mark.parametrize("library", HOLEY)
def test_missing_labels_of_any_library_are_found(library):
    with pytest.raises(ValueError, match=r"1 missing label\(s\).*first in row 1"):
        fit(X, HOLEY[library]())


TABLES = {
    "nullable": lambda table: table.convert_dtypes(),
    "polars": lambda table: pytest.importorskip("polars").DataFrame(table.to_dict("list")),
    "pyarrow": lambda table: pytest.importorskip("pyarrow").Table.from_pandas(table),
}


@pytest.mark.parametrize("library", TABLES)
def test_events_of_any_library(library):
    rng = np.random.default_rng(0)
    risk = rng.normal(size=(N, 2))
    time = rng.exponential(np.exp(-risk[:, 0]))
    table = pd.DataFrame({"event": rng.random(N) < 0.7, "time": time})
    other = TABLES[library](table)
    model, again = (
        LogitProdSurvival(input="risk", gate_width=None).fit(risk, y) for y in (table, other)
    )
    np.testing.assert_array_equal(again.predict(risk), model.predict(risk))
    assert again.score(risk, other) == model.score(risk, table)


def test_tensors_of_any_dtype_with_gradients():
    labels = torch.tensor(CODES)
    tensor = torch.tensor(X, requires_grad=True)
    model = fit(tensor, labels)
    assert model.classes_.tolist() == [0, 1, 2]
    np.testing.assert_allclose(model.predict_proba(tensor), EXPECTED, atol=1e-12)
    assert model.score(tensor, labels) == fit(X, Y).score(X, Y)
    half = tensor.to(torch.bfloat16)
    read = half.detach().float().numpy()
    np.testing.assert_array_equal(model.predict_proba(half), model.predict_proba(read))
    stacked = stack_outputs({"uni": half[:, 0]}, classes=CLASSES)
    np.testing.assert_array_equal(stacked.to_numpy(), read[:, 0])


def test_tensors_come_to_the_cpu_first():
    class OnDevice:
        """A tensor of another device, as far as NumPy can tell here."""

        shape, detached = X.shape, False

        def detach(self):
            self.detached = True
            return self

        def cpu(self):
            return torch.tensor(X)

        def __array__(self, *args, **kwargs):
            raise TypeError("can't convert cuda:0 device type tensor to numpy")

    tensor = OnDevice()
    np.testing.assert_array_equal(fit(X, Y).predict_proba(tensor), EXPECTED)
    assert tensor.detached


@pytest.mark.parametrize("order", [["sample", "expert", "class"], ["class", "sample", "expert"]])
def test_axes_of_an_xarray_are_read_by_name(order):
    xarray = pytest.importorskip("xarray")
    bare = xarray.DataArray(X, dims=["sample", "expert", "class"])
    says_the_same(bare.transpose(*order))
    named = bare.assign_coords({"expert": EXPERTS, "class": CLASSES})
    model = says_the_same(named.transpose(*order))
    assert model.expert_names_ == EXPERTS
    turned = named[:, ::-1, [2, 0, 1]].transpose(*order)
    np.testing.assert_array_equal(model.predict_proba(turned), model.predict_proba(named))
    for wrong, message in {
        "axes": (bare.rename(sample="patient"), r"dimensions \('patient', .*X\.rename"),
        "half": (bare.assign_coords(expert=EXPERTS), r"none for 'class'.*assign_coords"),
        "labels": (named.assign_coords({"class": ["a", "b", "x"]}), r"unknown \['x'\]"),
    }.values():
        with pytest.raises(ValueError, match=message):
            model.predict(wrong)


def test_risks_in_an_xarray():
    xarray = pytest.importorskip("xarray")
    risk = X[:, :, 0]
    y = pd.DataFrame({"event": np.arange(N) % 4 > 0, "time": 1.0 + np.arange(N)})
    array = xarray.DataArray(risk.T, dims=["expert", "sample"], coords={"expert": EXPERTS})
    model = LogitProdSurvival(input="risk", gate_width=None).fit(array, y)
    assert model.expert_names_ == EXPERTS
    plain = LogitProdSurvival(input="risk", gate_width=None).fit(risk, y)
    np.testing.assert_array_equal(model.predict(array), plain.predict(risk))


def test_weights_are_a_frame_where_X_is_one():
    named = FLAT.set_axis([f"s{i}" for i in range(N)])
    model = fit(named, Y)
    weights = model.expert_weights(named)
    pd.testing.assert_frame_equal(
        weights, pd.DataFrame(fit(X, Y).expert_weights(X), named.index, EXPERTS), rtol=1e-9
    )
    assert isinstance(fit(X, Y).expert_weights(X), np.ndarray)
    outputs = ExpertOutputs(X, "logits", EXPERTS, np.array(CLASSES))
    assert isinstance(fit(outputs, Y).expert_weights(outputs), np.ndarray)
    search = LogitProdClassifierCV(gate_widths=[None], temperatures=[1], alphas=[100], cv=2)
    assert search.fit(named, Y).expert_weights(named).index.equals(named.index)
    search.set_output(transform="pandas")
    assert list(search.fit(X, Y).expert_weights(X).columns) == ["expert0", "expert1"]


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_weights_are_a_frame_of_the_same_library(library):
    frame = FRAMES[library]()
    model = fit(frame, Y)
    weights = model.expert_weights(frame)
    assert type(weights) is type(frame)
    for name, own in zip(model.expert_names_, model.expert_weights(frame.to_pandas()).to_numpy().T):
        np.testing.assert_array_equal(weights[name], own)


def test_set_output_decides_what_weights_are():
    polars = pytest.importorskip("polars")
    model = fit(FLAT, Y).set_output(transform="polars")
    assert isinstance(model.expert_weights(FLAT), polars.DataFrame)
    model = fit(X, Y).set_output(transform="polars")
    assert isinstance(model.expert_weights(X), polars.DataFrame)
    # what transform gives is X of another fusion
    again = fit(model.transform(X), Y)
    assert again.expert_names_ == ["expert0", "expert1"]


def test_columns_of_a_frame_are_no_methods():
    experts = ["compute", "collect", "detach", "dims", "coords"]
    log_odds = np.random.default_rng(0).normal(size=(N, len(experts)))
    frame = pd.DataFrame(log_odds, columns=experts)
    model = fit(frame, CODES == 1)
    assert model.expert_names_ == experts


def test_features_of_experts_are_left_as_they_are():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"u": X[:, 0, 0], "v": X[:, 0, 1]})
    seen = []

    class Expert(GaussianNB):
        def predict_log_proba(self, X):
            seen.append(type(X))
            return super().predict_log_proba(X)

    model = fit(frame, polars.Series(Y), experts=[("nb", Expert())], cv=2)
    assert set(seen) == {polars.DataFrame}
    assert isinstance(model.expert_weights(frame), polars.DataFrame)


def test_comparisons_take_frames_of_any_library():
    settings = {"metrics": ["log_loss"], "baselines": False, "n_repeats": 1, "n_resamples": 2}
    estimator = LogitProdClassifier(gate_width=None)
    expected = compare(estimator, FLAT, Y, cv=2, **settings)
    polars = pytest.importorskip("polars")
    found = compare(estimator, polars_frame().select(COLUMNS), polars.Series(Y), cv=2, **settings)
    pd.testing.assert_frame_equal(found, expected)
