"""Tables as people have them: names, layouts, formats and identifiers of their own."""

import threading
import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.cli import main
from sklearn_logitprod.inspection import compare
from sklearn_logitprod.io import _ids, read_tables
from sklearn_logitprod.io._join import each

N = 90
NAMES = ["uni", "conch", "virchow", "gigapath"]


@pytest.fixture
def truth():
    """Labels and P(tumor) of four experts, by slide."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(N) % 2)
    z = 1.5 * (2 * y - 1)[:, None] + rng.normal(scale=2.0, size=(N, 4))
    ids = np.array([f"s{i:02d}" for i in range(N)])
    return ids, np.where(y == 1, "tumor", "normal"), 1 / (1 + np.exp(-z))


@pytest.fixture
def four_files(truth, tmp_path):
    """As a user has them: other orders, further rows, lacking slides, and names of all kinds."""
    ids, labels, p = truth
    rng = np.random.default_rng(1)
    orders = [rng.permutation(N) for _ in NAMES]
    orders[2] = orders[2][5:]
    names = ["prob_1", "p_tumor", "tumor_prob", "score"]
    for m, (name, column, order) in enumerate(zip(NAMES, names, orders)):
        frame = pd.DataFrame({"slide_id": ids[order], "label": labels[order]})
        if column == "prob_1":
            frame["prob_0"] = 1 - p[order, m]
        frame[column] = p[order, m]
        if m == 1:
            further = {"slide_id": ["x1", "x2"], "label": ["normal", "tumor"], column: [0.3, 0.4]}
            frame = pd.concat([frame, pd.DataFrame(further)])
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    return [str(tmp_path / f"{name}.csv") for name in NAMES]


def by_hand(truth, outputs):
    """Rows of the truth in the order of outputs."""
    ids, labels, p = truth
    rows = np.searchsorted(ids, outputs.ids)
    return labels[rows], np.stack([1 - p[rows], p[rows]], axis=2)


@pytest.mark.filterwarnings("ignore:how='inner' keeps")
def test_four_files(four_files, truth):
    outputs = read_tables(four_files, label="label", positive="tumor")
    labels, proba = by_hand(truth, outputs)
    assert len(outputs) == N - 5
    np.testing.assert_allclose(outputs.values, proba, rtol=1e-15)
    np.testing.assert_array_equal(outputs.y, labels)
    own = LogitProdClassifier(random_state=0).fit(outputs)
    other = LogitProdClassifier(input="proba", random_state=0).fit(proba, labels)
    np.testing.assert_allclose(own.predict_proba(outputs), other.predict_proba(proba), rtol=1e-12)
    options = {"baselines": False, "n_repeats": 1, "n_resamples": 50, "random_state": 0}
    tables = compare(own, outputs, **options), compare(other, proba, labels, **options)
    np.testing.assert_allclose(*(t.select_dtypes("number").to_numpy() for t in tables), rtol=1e-9)


def test_four_files_on_the_command_line(four_files, truth, tmp_path, capsys):
    pytest.importorskip("skops")
    common = ["--positive", "tumor"]
    model, out = str(tmp_path / "model.skops"), tmp_path / "new.csv"
    said = ["--label", "label", *common]
    assert main(["fit", *four_files, *said, "-o", model]) == 0
    told = capsys.readouterr().err
    assert "uni.csv: prob_0 -> normal, prob_1 -> tumor, 90 rows\n" in told
    assert "conch.csv: p_tumor -> tumor (of 2), 92 rows\n" in told
    assert "gigapath.csv: score -> tumor (of 2), 90 rows\n" in told
    assert "Pass --how outer to keep all" in told
    assert main(["predict", model, *four_files, "-o", str(out)]) == 0
    written = pd.read_csv(out, dtype={"id": str})
    ids, labels, p = truth
    rows = np.searchsorted(ids, written["id"])
    proba = np.stack([1 - p[rows], p[rows]], axis=2)
    by_hand = LogitProdClassifier(input="proba", random_state=0).fit(proba, labels[rows])
    np.testing.assert_allclose(written["proba_tumor"], by_hand.predict_proba(proba)[:, 1])
    quick = ["--repeats", "1", "--resamples", "50", "--quiet"]
    capsys.readouterr()
    assert main(["compare", *four_files, *said, *quick]) == 0
    assert "->" not in capsys.readouterr().err


def test_errors_are_written_for_the_command_line(four_files, tmp_path, capsys):
    arguments = ["compare", *four_files, "--label", "label"]
    assert main(arguments) == 2
    assert "Pass --positive tumor (or --positive normal)" in capsys.readouterr().err
    frame = pd.read_csv(four_files[1])
    frame.assign(p_tumor=2 * frame["p_tumor"]).to_csv(four_files[1], index=False)
    assert main([*arguments, "--positive", "tumor"]) == 2
    assert "or pass --input logits if these are logits" in capsys.readouterr().err


def test_names_of_columns_of_one_file(four_files, truth, capsys):
    columns = {"gigapath": {"tumor": "score"}}
    with pytest.warns(UserWarning, match="how='inner' keeps 85 of 92"):
        outputs = read_tables(four_files, label="label", columns=columns, verbose=1)
    np.testing.assert_allclose(outputs.values, by_hand(truth, outputs)[1], rtol=1e-15)
    assert "gigapath.csv: score -> tumor (of 2), 90 rows" in capsys.readouterr().err


@pytest.mark.parametrize("said", [["gigapath:tumor=score"], ["gigapath:score"]])
def test_names_of_columns_of_one_file_on_the_command_line(said, four_files, tmp_path, capsys):
    arguments = ["compare", *four_files, "--label", "label", "--repeats", "1", "--resamples", "50"]
    assert main([*arguments, "--column", *said, "--positive", "tumor"]) == 0
    assert "score -> tumor (of 2)" in capsys.readouterr().err
    assert main([*arguments, "--column", "gigapath:tumor=score", "--column", "normal=q"]) == 2
    assert "--column normal=q is of all experts, others are of one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "labels", "classes", "expected"),
    [
        (["prob_0", "prob_1"], ["b", "a"], None, [0, 1]),
        (["y_pred1", "y_pred2"], ["b", "a"], None, [0, 1]),
        (["p_1", "p_0"], ["b", "a"], None, [1, 0]),
        (["p_0", "p_1"], ["b", "a"], ["b", "a"], [1, 0]),
        (["p_0", "p_1"], ["10.0", "2.0"], ["2.0", "10.0"], [1, 0]),
        (["y_pred0", "y_pred1"], ["1", "0"], None, [0, 1]),
        (["y_pred1", "y_pred0"], ["1", "0"], None, [1, 0]),
        (["P_labelnormal", "P_labeltumor"], ["tumor", "normal"], None, [0, 1]),
        (["P (class=tumor)", "P (class=normal)"], ["tumor", "normal"], None, [1, 0]),
    ],
)
def test_codes_and_forms_of_names(names, labels, classes, expected, tmp_path):
    frame = pd.DataFrame({"slide_id": ["s", "t"], "label": labels, names[0]: [0.1, 0.2]})
    frame[names[1]] = 1 - frame[names[0]]
    frame.to_csv(tmp_path / "uni.csv", index=False)
    outputs = read_tables([tmp_path / "uni.csv"], label="label", classes=classes)
    assert outputs.classes.tolist() == sorted(map(type(outputs.classes.tolist()[0]), labels))
    np.testing.assert_array_equal(outputs.values[:, 0], frame[names].to_numpy()[:, expected])


@pytest.mark.parametrize(
    "columns", [["prob_1", "prob_3"], ["prob_0", "prob_1", "prob_2"]], ids=["gap", "three"]
)
def test_codes_that_are_not_all_there_are_refused(columns):
    frame = pd.DataFrame({"slide_id": ["s"], "label": ["a"], **dict.fromkeys(columns, 0.5)})
    frame = pd.concat([frame, frame.assign(slide_id="t", label="b")])
    with pytest.raises(ValueError, match=r"label\(s\) \['a', 'b'\] have no column among"):
        read_tables({"uni": frame}, label="label")


def wide(truth):
    ids, labels, p = truth
    frame = pd.DataFrame({"slide_id": ids, "label": labels})
    for m, name in enumerate(NAMES):
        frame[f"{name}_prob_tumor"] = p[:, m]
        frame[f"{name}_prob_normal"] = 1 - p[:, m]
    return frame


def assert_is(outputs, truth):
    labels, proba = by_hand(truth, outputs)
    outputs = outputs.take_experts(NAMES)
    np.testing.assert_allclose(outputs.values, proba, rtol=1e-15)
    np.testing.assert_array_equal(outputs.y, labels)
    assert len(outputs) == N


def test_wide_table(truth, tmp_path, capsys):
    frame, path = wide(truth), tmp_path / "all.csv"
    frame.to_csv(path, index=False)
    assert_is(read_tables(path, label="label", verbose=1), truth)
    assert "all.csv (expert conch): conch_prob_normal -> normal, " in capsys.readouterr().err
    alone = frame.drop(columns=[f"{name}_prob_normal" for name in NAMES])
    assert_is(read_tables(alone, label="label"), truth)
    columns = {name: {"tumor": f"{name}_prob_tumor"} for name in NAMES}
    assert_is(read_tables([path], label="label", columns=columns), truth)
    bare = alone.rename(columns=lambda c: c.removesuffix("_prob_tumor"))
    columns = {name: name for name in NAMES}
    assert_is(read_tables(bare, label="label", columns=columns, positive="tumor"), truth)
    # what stands beside is no expert
    with pytest.raises(ValueError, match=r"label\(s\) \['normal', 'tumor'\] have no column among"):
        read_tables(bare, label="label", positive="tumor")


def test_long_table(truth, tmp_path):
    ids, labels, p = truth
    rows = [
        {"slide_id": i, "model": name, "label": label, "p_tumor": p[row, m]}
        for m, name in enumerate(NAMES)
        for row, (i, label) in enumerate(zip(ids, labels))
    ]
    frame = pd.DataFrame(rows).sample(frac=1, random_state=0)
    assert_is(read_tables(frame, label="label", expert="model"), truth)
    frame[:200].to_csv(tmp_path / "a.csv", index=False)
    frame[200:].to_csv(tmp_path / "b.csv", index=False)
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    assert_is(read_tables(paths, label="label", expert="model"), truth)
    twice = pd.concat([frame, frame[:1].assign(p_tumor=0.5)])
    twice.to_csv(tmp_path / "c.csv", index=False)
    with pytest.raises(ValueError, match=r"c\.csv, line 362 .*there twice, first in line 2\."):
        read_tables(tmp_path / "c.csv", label="label", expert="model")


def test_wide_table_of_curves():
    frame = pd.DataFrame({"slide_id": ["s"], "event": [1], "time": [9.0]})
    values = np.array([[0.9, 0.5], [0.8, 0.6]])
    for name, own in zip(["uni", "conch"], values):
        frame[f"{name}_t_24"], frame[f"{name}_t_12"] = own[1], own[0]
    outputs = read_tables(frame, event="event", time="time", input="survival")
    assert outputs.expert_names == ["uni_t", "conch_t"]
    np.testing.assert_array_equal(outputs.values[0], values)


def test_folds_of_an_expert(truth, tmp_path):
    ids, labels, p = truth
    for m, name in enumerate(NAMES):
        for fold in range(3):
            own = slice(fold, None, 3)
            columns = {"slide_id": ids[own], "label": labels[own], "p_tumor": p[own, m]}
            frame = pd.DataFrame(columns)
            if m == 1:
                frame.insert(2, "p_normal", 1 - p[own, m])
            frame.to_csv(tmp_path / f"{name}_fold{fold}.csv", index=False)
    patterns = {name: str(tmp_path / f"{name}_fold*.csv") for name in NAMES}
    assert_is(read_tables(patterns, label="label"), truth)
    lists = {name: [tmp_path / f"{name}_fold{k}.csv" for k in range(3)] for name in NAMES}
    assert_is(read_tables(lists, label="label"), truth)
    out = str(tmp_path / "table.csv")
    files = [f"{name}={pattern}" for name, pattern in patterns.items()]
    quick = ["--repeats", "1", "--resamples", "50", "-o", out]
    assert main(["compare", *files, "--label", "label", *quick]) == 0
    assert "uni" in pd.read_csv(out).iloc[:, 0].tolist()


def test_mean_over_rows_of_one_identifier():
    frame = pd.DataFrame(
        {
            "slide_id": ["s", "t", "s", "t", "u"],
            "label": ["a", "b", "a", "b", "a"],
            "p_a": [0.2, 0.3, 0.4, np.nan, np.nan],
        }
    )
    other = pd.DataFrame({"slide_id": ["u", "t", "s"], "p_a": [0.1, 0.2, 0.3]})
    outputs = read_tables({"uni": frame, "conch": other}, label="label", average=True)
    assert outputs.ids.tolist() == ["s", "t", "u"]
    np.testing.assert_allclose(outputs.values[:, 0, 0], [0.3, 0.3, np.nan])
    np.testing.assert_array_equal(outputs.values[:, 1, 0], [0.3, 0.2, 0.1])
    assert outputs.y.tolist() == ["a", "b", "a"]


def test_experts_of_a_wide_table_may_end_in_numbers(truth):
    ids, labels, p = truth
    frame = pd.DataFrame({"slide_id": ids, "label": labels})
    frame[["0_uni", "0_uni2"]], frame[["1_uni", "1_uni2"]] = 1 - p[:, :2], p[:, :2]
    with pytest.raises(ValueError, match=r"may belong to any of the columns \['0_uni', '0_uni2'\]"):
        read_tables(frame, label="label")
    columns = {name: [f"0_{name}", f"1_{name}"] for name in ("uni", "uni2")}
    outputs = read_tables(frame, label="label", columns=columns)
    np.testing.assert_array_equal(outputs.values[:, :, 1], p[:, :2])


def test_spaces_after_separators_are_no_part_of_cells(tmp_path):
    text = 'label, slide_id, prob_a, prob_b\na, s, 0.25, 0.75\n"b", "t, u", 0.5, 0.5\n'
    (tmp_path / "uni.csv").write_text(text)
    # a number that is none makes the careful reader read all
    (tmp_path / "conch.csv").write_text(text.replace("0.25, 0.75", "1e-400, 1"))
    outputs = read_tables([tmp_path / "uni.csv", tmp_path / "conch.csv"], label="label")
    assert outputs.ids.tolist() == ["s", "t, u"]
    assert outputs.y.tolist() == ["a", "b"]
    np.testing.assert_array_equal(outputs.values[0], [[0.25, 0.75], [0, 1]])


def test_of_several_errors_the_first_in_the_order_of_files_is_told(monkeypatch):
    monkeypatch.setattr("sklearn_logitprod.io._join.cpu_count", lambda: 2)
    failed = threading.Event()

    def fail(name):
        if name == "first":
            failed.wait(10)
        failed.set()
        raise ValueError(name)

    with pytest.raises(ValueError, match="first"):
        each(fail, ["first", "second"])


def test_mean_over_files():
    folds = [
        pd.DataFrame({"slide_id": ["s", "t"], "label": ["a", "b"], "p_a": [0.25, 0.5]}),
        pd.DataFrame({"slide_id": ["t", "u"], "label": ["b", "a"], "p_a": [0.25, 1.0]}),
    ]
    outputs = read_tables({"uni": folds}, label="label", average=True)
    assert outputs.ids.tolist() == ["s", "t", "u"]
    np.testing.assert_array_equal(outputs.values[:, 0, 0], [0.25, 0.375, 1.0])
    assert outputs.y.tolist() == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("first", "second", "strip"),
    [
        (["a1.svs", "a2.svs"], ["a1", "a2"], "suffix"),
        (["0012", "0013"], ["12", "13"], "zeros"),
        (["run/a.b1", "run/a.b2"], ["a.b1", "a.b2"], "folder"),
        (["run/a1.ome.tiff", "a2.h5"], ["x\\a1.pt", "a2"], "folder,suffix"),
    ],
)
def test_identifiers_written_unlike(first, second, strip):
    frames = {
        name: pd.DataFrame({"slide_id": ids, "label": ["n", "t"], "p_t": [0.25, 0.75]})
        for name, ids in (("uni", first), ("conch", second))
    }
    with pytest.raises(ValueError, match="no id is in any other file") as caught:
        read_tables(frames, label="label")
    for text in (repr(first[0]), repr(second[0]), f"id_strip='{strip}'"):
        assert text in str(caught.value)
    outputs = read_tables(frames, label="label", id_strip=strip)
    assert len(outputs) == 2
    np.testing.assert_array_equal(outputs.values[:, 0], outputs.values[:, 1])


def test_some_identifiers_written_unlike():
    frame = pd.DataFrame({"slide_id": ["1", "2", "03"], "label": ["n", "t", "t"], "p_t": 0.5})
    other = frame.assign(slide_id=["1", "2", "3"])
    with pytest.warns(UserWarning, match="look alike, such as '03' and '3'. Pass id_strip='zeros'"):
        outputs = read_tables({"uni": frame, "conch": other}, label="label")
    assert outputs.ids.tolist() == ["1", "2"]


def test_rows_without_a_label():
    frame = pd.DataFrame({"slide_id": ["s", "t"], "label": ["n", "t"], "p_t": [0.25, 0.75]})
    other = pd.DataFrame({"slide_id": ["t", "u", "v"], "p_t": [0.5, 0.5, 0.5]})
    files = {"uni": frame, "conch": other}
    with pytest.warns(UserWarning, match="2 of 4 samples have no label in any file and are left"):
        outputs = read_tables(files, label="label", how="outer")
    assert (outputs.ids.tolist(), outputs.y.tolist()) == (["s", "t"], ["n", "t"])
    empty = {"uni": frame.assign(label=["n", None]), "conch": other.assign(label=["t", "", ""])}
    with pytest.warns(UserWarning, match="2 of 4 samples have no label"):
        outputs = read_tables(empty, label="label", how="outer")
    assert (outputs.ids.tolist(), outputs.y.tolist()) == (["s", "t"], ["n", "t"])
    kept = read_tables(files, classes=["n", "t"], how="outer")
    assert kept.ids.tolist() == ["s", "t", "u", "v"]


def test_events_of_some_rows():
    frame = pd.DataFrame({"slide_id": ["s", "t"], "dead": [1, 0], "months": [3, 4], "risk": [1, 2]})
    other = pd.DataFrame({"slide_id": ["t", "u"], "risk": [0.5, 0.5]})
    with pytest.warns(UserWarning, match="1 of 3 samples have no event and time"):
        outputs = read_tables(
            {"uni": frame, "conch": other}, input="risk", event="dead", time="months", how="outer"
        )
    assert outputs.y.tolist() == [(True, 3.0), (False, 4.0)]


@pytest.mark.parametrize(
    "spaced",
    [
        "s1,n,0.5,0.5,a\n s2, t, 0.25, 0.75, b\n",
        's1,n,0.5,0.5,a\ns2,t,0.25,0.75, "b,c"\n',
        's1,n,0.5,0.5,1\ns2,t, "0.25", 0.75,1\n',
        "s1,n,0.5,0.5,1\ns2,t, 0.25, 0.75, NA\n",
        's1, "n",0.5,0.5,1\n  \ns2,t,0.25,0.75,1\n',
        "s1, n,0.5,0.5,1\ns2,t,0.25,0.75, \n",
    ],
)
def test_spaces_before_cells_do_not_count(tmp_path, spaced):
    (tmp_path / "uni.csv").write_text("slide_id,label,p_n,p_t,remark\n" + spaced)
    outputs = read_tables([tmp_path / "uni.csv"], label="label", columns={"n": "p_n", "t": "p_t"})
    assert (outputs.ids.tolist(), outputs.y.tolist()) == (["s1", "s2"], ["n", "t"])
    assert outputs.values[:, 0].tolist() == [[0.5, 0.5], [0.25, 0.75]]


def test_numbers_above_text_stay_as_they_are_written(tmp_path):
    # so wide that pandas reads it in several pieces, each with types of its own
    size, rest = 600, ["0.25,0.75" + ",1" * 1050]
    ids = [f"{i:04d}" for i in range(size)] + ["s1", "s2"]
    labels = ["00"] * size + ["00", "t"]
    lines = [",".join([*cells, *rest]) for cells in zip(ids, labels, strict=True)]
    names = ["slide_id", "label", "p_00", "p_t", *(f"feature_{k}" for k in range(1050))]
    (tmp_path / "uni.csv").write_text("\n".join([",".join(names), *lines]))
    columns = {"00": "p_00", "t": "p_t"}
    outputs = read_tables([tmp_path / "uni.csv"], label="label", columns=columns)
    assert (outputs.ids.tolist(), outputs.y.tolist()) == (ids, labels)


def test_identifiers_of_all_lengths_are_found():
    texts = ["", "\0", "é", "ü", "x"]
    ids = [text + "a" * n for n in range(1, 26) for text in texts]
    alone = [text for text in ids if len(text.encode()) == 9]
    for first, second in ((ids, ids[::-1]), (ids, alone), (alone, ids)):
        frames = [
            pd.DataFrame({"slide_id": own, "p_n": 0.0, "p_t": 1.0}) for own in (first, second)
        ]
        frames[0]["p_n"] = np.arange(len(first)) / len(ids)
        frames[1]["p_n"] = [first.index(i) / len(ids) if i in first else 0.0 for i in second]
        for frame in frames:
            frame["p_t"] = 1 - frame["p_n"]
        outputs = read_tables(dict(zip("ab", frames, strict=True)), classes=["n", "t"], how="outer")
        assert sorted(outputs.ids) == sorted({*first, *second})
        both = ~outputs.missing.any(axis=1)
        assert sorted(outputs.ids[both]) == sorted({*first} & {*second})
        np.testing.assert_array_equal(outputs.values[both, 0], outputs.values[both, 1])


@pytest.mark.parametrize("empty", [{"dead": ["1", None]}, {"months": [3, None]}])
def test_events_and_times_that_are_empty_are_not_known(empty):
    frame = pd.DataFrame({"slide_id": ["s", "t"], "dead": [1, 0], "months": [3, 4], "risk": [1, 2]})
    told = {"input": "risk", "event": "dead", "time": "months"}
    lacking = {"uni": frame.assign(**empty), "conch": frame[["slide_id", "risk"]]}
    with pytest.warns(UserWarning, match="1 of 2 samples have no event and time"):
        outputs = read_tables(lacking, how="outer", **told)
    assert (outputs.ids.tolist(), outputs.y.tolist()) == (["s"], [(True, 3.0)])
    # another file may know it
    outputs = read_tables(lacking | {"conch": frame}, how="outer", **told)
    assert outputs.y.tolist() == [(True, 3.0), (False, 4.0)]
    twice = {"uni": pd.concat([lacking["uni"]] * 2)}
    with pytest.warns(UserWarning, match="1 of 2 samples have no event and time"):
        outputs = read_tables(twice, how="outer", average=True, **told)
    assert outputs.y.tolist() == [(True, 3.0)]
    with pytest.raises(ValueError, match=r"row 1 .*(empty in 1 of 2 rows|time nan)"):
        read_tables(lacking, **told)


def test_patients_that_are_not_used_are_mentioned_once():
    frame = pd.DataFrame({"slide_id": ["s", "t"], "label": ["n", "t"], "p_t": [0.25, 0.75]})
    frame["Patient ID"] = ["p", "p"]
    with pytest.warns(UserWarning, match="'Patient ID' of frame of 'uni' is not used") as told:
        read_tables({"uni": frame, "conch": frame}, label="label")
    assert len(told) == 1
    assert "Pass group='Patient ID'" in str(told[0].message)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("group", ["Patient ID", None])
def test_patients_of_one_row_are_not_mentioned(group):
    frame = pd.DataFrame({"slide_id": ["s", "t"], "label": ["n", "t"], "p_t": [0.25, 0.75]})
    frame["Patient ID"] = ["p", "p" if group else "q"]
    read_tables({"uni": frame}, label="label", group=group)


FRAME = pd.DataFrame(
    {
        "slide_id": ["007", "s2", "s3"],
        "label": ["n", "t", "n"],
        "p_n": [0.1, np.nan, 1 / 3],
        "p_t": [0.9, np.nan, 2 / 3],
    }
)


@pytest.mark.parametrize("format", ["csv", "parquet", "feather", "jsonl", "json", "xlsx"])
def test_formats(format, tmp_path):
    path = tmp_path / f"uni.{format}"
    if format == "csv":
        FRAME.to_csv(path, index=False)
    elif format in ("jsonl", "json"):
        FRAME.to_json(path, orient="records", lines=format == "jsonl", double_precision=15)
    elif format == "xlsx":
        pytest.importorskip("openpyxl")
        FRAME.to_excel(path, index=False)
    else:
        pytest.importorskip("pyarrow")
        getattr(FRAME, f"to_{format}")(path)
    other = FRAME.assign(p_n=0.5, p_t=0.5)
    outputs = read_tables({"uni": path, "conch": other}, label="label")
    assert outputs.ids.tolist() == ["007", "s2", "s3"]
    np.testing.assert_allclose(outputs.values[:, 0], FRAME[["p_n", "p_t"]], rtol=1e-14)


def test_json_of_objects_in_objects(tmp_path):
    path = tmp_path / "uni.jsonl"
    path.write_text(
        '{"id": 7, "truth": "t", "scores": {"n": 0.25, "t": 0.75}}\n'
        '{"id": 8, "truth": "n", "scores": {"t": 0.5, "n": 0.5}}\n'
    )
    outputs = read_tables({"uni": path}, "id", label="truth")
    assert outputs.ids.tolist() == ["7", "8"]
    assert outputs.values[:, 0].tolist() == [[0.25, 0.75], [0.5, 0.5]]
    path.write_text(
        '{"id": 7, "truth": "t", "proba": [0.25, 0.75]}\n'
        '{"id": 8, "truth": "n", "proba": [0.5, 0.5]}\n'
    )
    again = read_tables({"uni": path}, "id", label="truth")
    np.testing.assert_array_equal(again.values, outputs.values)


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_frames_of_other_libraries(library):
    module = pytest.importorskip(library)
    columns = {name: FRAME[name].where(FRAME[name].notna(), None).tolist() for name in FRAME}
    columns = {n: [None if v != v else v for v in own] for n, own in columns.items()}
    frame = module.DataFrame(columns) if library == "polars" else module.table(columns)
    outputs = read_tables({"uni": frame, "conch": FRAME.fillna(0.5)}, label="label")
    np.testing.assert_array_equal(outputs.values[:, 0], FRAME[["p_n", "p_t"]])


def test_numbers_that_are_names(tmp_path):
    """Labels and identifiers are compared as they are written."""
    text = "slide_id,label,p_01,p_1\n0012,01,0.25,0.75\n12,1,0.5,0.5\n"
    (tmp_path / "uni.csv").write_text(text)
    outputs = read_tables([tmp_path / "uni.csv"], label="label")
    assert outputs.ids.tolist() == ["0012", "12"]
    assert outputs.y.tolist() == ["01", "1"]


def test_short_rows_are_refused_whatever_their_place(tmp_path):
    text = "slide_id,label,p_n,p_t\ns1,n,0.5,0.5\ns2,t\ns3,t,0.5,0.5\n"
    (tmp_path / "uni.csv").write_text(text)
    with pytest.raises(ValueError, match=r"line 3 .*: 2 cells under a header of 4 columns"):
        read_tables([tmp_path / "uni.csv"], label="label")


def random_texts(rng, n):
    lengths = rng.integers(1, 20, n)
    return ["".join(rng.choice(list("abcé0"), size)) for size in lengths]


@pytest.mark.parametrize("collide", [False, True])
def test_identifiers_are_found_as_a_dict_finds_them(collide, monkeypatch):
    rng = np.random.default_rng(0)
    if collide:
        # half of the fingerprint alike for many
        true = _ids._fingerprints
        monkeypatch.setattr(
            _ids, "_fingerprints", lambda texts: true(texts) * np.array([[0], [1]], np.uint64)
        )
    first = list(dict.fromkeys(random_texts(rng, 500)))
    second = list(dict.fromkeys(random_texts(rng, 300) + first[::2]))
    rows = _ids.Ids(first).rows_of(_ids.Ids(second))
    known = {text: row for row, text in enumerate(first)}
    np.testing.assert_array_equal(rows, [known.get(text, -1) for text in second])
    assert _ids.Ids(first).twice() is None
    assert _ids.Ids([*first, first[7]]).twice() == (len(first), 7)
    assert _ids.Ids([first[7], *first, first[9], first[7]]).twice() == (8, 0)
    assert _ids.as_array(first).tolist() == first


@pytest.mark.parametrize("n_bits", [64, 9, 1])
def test_keys_are_found_however_few_they_are(n_bits):
    """Keys that fall into one place of a table are told apart, and those that are equal known."""
    keys = np.random.default_rng(0).integers(2**n_bits, size=3000, dtype=np.uint64)
    tables, twins = _ids._hashed(keys)
    rows = _ids._looked_up(keys, tables, keys)
    np.testing.assert_array_equal(keys[rows], keys)
    _, place, counts = np.unique(keys, return_inverse=True, return_counts=True)
    assert set(twins) == set(np.flatnonzero(counts[place] > 1))
    wanted = np.setdiff1d(np.arange(1000, dtype=np.uint64), keys)
    assert (_ids._looked_up(keys, tables, wanted) == -1).all()


def test_filters_of_warnings_are_as_before_whichever_thread_goes_last(tmp_path, monkeypatch):
    monkeypatch.setattr("sklearn_logitprod.io._join.cpu_count", lambda: 4)
    for name in "abcdefgh":
        rows = "s1,x,0.5,0.5\n" if name != "c" else "s1,x,0.5,0.5,7\n"
        (tmp_path / f"{name}.csv").write_text("slide_id,label,p_x,p_y\n" + rows)
    before = list(warnings.filters)
    # what pandas would warn of, cells beyond the header, is an error in every thread
    with pytest.raises(ValueError, match="5 cells under a header of 4 columns"):
        read_tables([tmp_path / f"{name}.csv" for name in "abcdefgh"], label="label")
    assert warnings.filters == before
