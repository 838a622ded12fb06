"""Files written in a layout, rows shuffled for every expert, read as the array they came from."""

import gzip
import pickle
from dataclasses import dataclass
from dataclasses import replace as changed

import h5py
import numpy as np
import pandas as pd
import pytest

from sklearn_logitprod import LogitProdClassifier, LogitProdSurvival
from sklearn_logitprod.io import (
    ExpertOutputs,
    read_clam,
    read_logitprod,
    read_mcat,
    read_stamp,
    read_tables,
)

CLASSIFIED = ["synthetic", "bach4", "camelyon16_predictions"]


@dataclass
class Task:
    """Outputs of experts in one array, float64, and what is known of the samples."""

    values: np.ndarray
    experts: list
    ids: np.ndarray
    classes: np.ndarray = None
    codes: np.ndarray = None
    event: np.ndarray = None
    time: np.ndarray = None
    times: np.ndarray = None

    def rows(self):
        """(expert, its rows in an order of its own), those left out where it is missing."""
        for m, name in enumerate(self.experts):
            order = np.random.default_rng(m).permutation(len(self.ids))
            values = self.values.reshape(*self.values.shape[:2], -1)
            yield name, order[~np.isnan(values[order, m]).any(axis=1)], m


def synthetic(n_columns):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(40, 3, n_columns))
    ids = np.array([f"{i:03d}" for i in rng.permutation(40)])
    return rng, z, ["uni", "conch", "virchow"], ids


@pytest.fixture
def classified(request, shared_data):
    if request.param == "synthetic":
        rng, z, experts, ids = synthetic(3)
        proba = np.exp(z) / np.exp(z).sum(axis=2, keepdims=True)
        classes = np.array(["in situ", "normal", "tumour"])
        return Task(proba, experts, ids, classes, rng.permutation(np.arange(40) % 3))
    data = shared_data(request.param)
    ids = data.get("id", np.array([f"roi{i}" for i in range(len(data["y"]))]))
    order = np.argsort(data["classes"])
    return Task(
        data["proba"].astype(float)[:, :, order],
        data["experts"].tolist(),
        ids,
        data["classes"][order],
        np.argsort(order)[data["y"]],
    )


@pytest.fixture
def risks(request, shared_data):
    if request.param == "synthetic":
        rng, z, experts, ids = synthetic(1)
        z[3, 1] = np.nan
        event, time = rng.random(40) < 0.6, rng.uniform(1, 9, 40)
        return Task(z[:, :, 0], experts, ids, event=event, time=time)
    data = shared_data(request.param)
    time = data["time"].astype(float)
    return Task(
        data["risk"].astype(float), data["experts"].tolist(), data["id"], None, None,
        data["event"], time,
    )  # fmt: skip


@pytest.fixture
def curves(request, shared_data):
    if request.param == "synthetic":
        rng, z, experts, ids = synthetic(4)
        values = 1 / (1 + np.exp(-np.sort(z, axis=2)[:, :, ::-1]))
        values[5, 2] = np.nan
        times = np.array([0.5, 2.0, 10.0, 12.0])
        event, time = rng.random(40) < 0.6, rng.uniform(1, 9, 40)
        return Task(values, experts, ids, event=event, time=time, times=times)
    data = shared_data(request.param)
    return Task(
        data["survival"].astype(float), data["experts"].tolist(), data["id"], None, None,
        data["event"], data["time"].astype(float), data["times"].astype(float),
    )  # fmt: skip


def sorted_rows(outputs):
    return outputs[np.argsort(outputs.ids)]


def assert_same(outputs, task):
    """The outputs are the task's array, whatever the order of files."""
    order = np.argsort(task.ids)
    outputs = sorted_rows(outputs)
    assert outputs.expert_names == task.experts
    np.testing.assert_array_equal(outputs.ids, task.ids[order])
    np.testing.assert_array_equal(outputs.values, task.values[order])
    if task.classes is not None:
        np.testing.assert_array_equal(outputs.classes, task.classes)
        np.testing.assert_array_equal(outputs.y, task.classes[task.codes][order])
    if task.event is not None:
        np.testing.assert_array_equal(outputs.y["event"], task.event[order])
        np.testing.assert_array_equal(outputs.y["time"], task.time[order])
    if task.times is not None:
        np.testing.assert_array_equal(outputs.times, task.times)


def class_frame(task, rows, m, form="prob_{}"):
    """Frame of an expert with its columns in an order of their own."""
    columns = {"label": task.classes[task.codes[rows]], "slide_id": task.ids[rows]}
    for k in np.random.default_rng(m).permutation(len(task.classes)):
        columns[form.format(task.classes[k])] = task.values[rows, m, k]
    columns["patient"] = [name[:2] for name in task.ids[rows]]
    return pd.DataFrame(columns)


def save(frame, path):
    """A frame in the format of the path."""
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".npz":
        arrays = {name: frame[name].to_numpy() for name in frame}
        np.savez(path, **{n: a.astype(str) if a.dtype == object else a for n, a in arrays.items()})
    else:
        frame.to_csv(path, index=False, sep="\t" if ".tsv" in path.name else ",")


@pytest.mark.parametrize("classified", CLASSIFIED, indirect=True)
@pytest.mark.parametrize("format", ["csv", "tsv", "csv.gz", "parquet", "npz"])
def test_tables_of_classes(classified, format, tmp_path):
    paths = {name: tmp_path / f"{m}.{format}" for m, name in enumerate(classified.experts)}
    for name, rows, m in classified.rows():
        save(class_frame(classified, rows, m), paths[name])
    outputs = read_tables(paths, id="slide_id", label="label", group="patient")
    assert outputs.input == "proba"
    assert_same(outputs, classified)
    assert outputs.groups.tolist() == [name[:2] for name in outputs.ids]
    assert_same(read_tables(paths, "slide_id", label="label", how="outer"), classified)


@pytest.mark.parametrize("risks", ["synthetic", "survival_mcat_blca"], indirect=True)
@pytest.mark.parametrize("format", ["csv", "parquet", "npz"])
def test_tables_of_risks(risks, format, tmp_path):
    paths = {name: tmp_path / f"{m}.{format}" for m, name in enumerate(risks.experts)}
    for name, rows, m in risks.rows():
        frame = pd.DataFrame({"case": risks.ids[rows], "score": risks.values[rows, m]})
        frame["dead"], frame["months"] = risks.event[rows].astype(int), risks.time[rows]
        save(frame, paths[name])
    outputs = read_tables(paths, "case", input="risk", event="dead", time="months", how="outer")
    assert_same(outputs, risks)


@pytest.mark.parametrize("curves", ["synthetic", "support2_survival"], indirect=True)
def test_tables_of_survival(curves, tmp_path):
    paths = {name: tmp_path / f"{m}.csv" for m, name in enumerate(curves.experts)}
    for name, rows, m in curves.rows():
        frame = pd.DataFrame({"id": curves.ids[rows], "event": curves.event[rows]})
        frame["time"] = curves.time[rows]
        for t in np.random.default_rng(m).permutation(len(curves.times)):
            form = "S_{:g}" if m else "{:g}"
            frame[form.format(curves.times[t])] = curves.values[rows, m, t]
        save(frame, paths[name])
    names = {"event": "event", "time": "time"}
    outputs = read_tables(paths, "id", input="survival", how="outer", **names)
    assert_same(outputs, curves)
    logits = read_tables(paths, "id", input="hazard_logits", how="outer")
    assert logits.input == "hazard_logits"
    assert logits.y is None
    np.testing.assert_array_equal(logits.values, outputs.values)


@pytest.mark.parametrize("classified", CLASSIFIED, indirect=True)
@pytest.mark.parametrize("written", ["pkl", "csv", "frame"])
def test_clam(classified, written, tmp_path):
    roots = {name: tmp_path / str(m) for m, name in enumerate(classified.experts)}
    for name, rows, m in classified.rows():
        roots[name].mkdir()
        proba, codes, ids = classified.values[rows, m], classified.codes[rows], classified.ids[rows]
        frame = pd.DataFrame({"slide_id": ids, "Y": codes.astype(float), "Y_hat": 0.0})
        for k in range(proba.shape[1]):
            frame[f"p_{k}"] = proba[:, k]
        content = {
            i: {"slide_id": np.array(i), "prob": p[None], "label": int(c)}
            for i, p, c in zip(ids.tolist(), proba, codes)
        }
        if written == "csv":
            frame.to_csv(roots[name] / "fold_1.csv", index=False)
        else:
            with open(roots[name] / "split_1_results.pkl", "wb") as file:
                pickle.dump(content if written == "pkl" else frame, file, protocol=2 + m % 4)
    assert_same(read_clam(roots, 1, classes=classified.classes.tolist()), classified)
    codes = changed(classified, classes=np.arange(len(classified.classes)))
    assert_same(read_clam(roots, 1), codes)


@pytest.mark.parametrize("classified", CLASSIFIED, indirect=True)
def test_stamp(classified, tmp_path):
    roots = {name: tmp_path / str(m) for m, name in enumerate(classified.experts)}
    for name, rows, m in classified.rows():
        (roots[name] / "split-2").mkdir(parents=True)
        frame = class_frame(classified, rows, m, "Stage_{}")
        frame = frame.rename(columns={"slide_id": "PATIENT", "label": "Stage"})
        frame.insert(2, "pred", classified.classes[classified.values[rows, m].argmax(axis=1)])
        own = classified.values[rows, m, classified.codes[rows]]
        frame["loss"] = -np.log(np.maximum(own, 1e-30))
        frame = frame.drop(columns="patient").sort_values("loss")
        frame.to_csv(roots[name] / "split-2" / "patient-preds.csv", index=False)
        frame["Stage"] = None
        frame.to_csv(roots[name] / "patient-preds.csv", index=False)
    assert_same(read_stamp(roots, 2), classified)
    assert_same(read_stamp(roots, 2, label="Stage"), classified)
    with pytest.warns(UserWarning, match=r"there is no ground truth, .* so that y is None\. "):
        deployed = read_stamp(list(roots.values()), None)
    assert deployed.y is None
    assert deployed.expert_names == [path.name for path in roots.values()]
    direct = sorted_rows(read_stamp(roots, 2)).values
    np.testing.assert_array_equal(sorted_rows(deployed).values, direct)


@pytest.mark.parametrize("risks", ["synthetic", "survival_mcat_blca"], indirect=True)
def test_risks_of_stamp_and_mcat(risks, tmp_path):
    roots = {name: tmp_path / str(m) for m, name in enumerate(risks.experts)}
    for name, rows, m in risks.rows():
        (roots[name] / "split-0").mkdir(parents=True)
        frame = pd.DataFrame({"PATIENT": risks.ids[rows], "pred_score": risks.values[rows, m]})
        frame["time"], frame["event"] = risks.time[rows], risks.event[rows].astype(int)
        frame["cut_off=0.1"] = None
        frame.to_csv(roots[name] / "split-0" / "patient-preds.csv", index=False)
        content = {
            i: {
                "slide_id": np.array(i),
                "risk": float(risks.values[row, m]),
                "disc_label": 1,
                "survival": float(risks.time[row]),
                "censorship": 1.0 - risks.event[row],
            }
            for i, row in zip(risks.ids[rows].tolist(), rows)
        }
        with open(roots[name] / "split_latest_val_4_results.pkl", "wb") as file:
            pickle.dump(content, file)
    assert_same(read_stamp(roots, how="outer"), risks)
    assert_same(read_mcat(roots, 4, how="outer"), risks)


def write_logitprod(folder, stem, end, ids=None, *, outputs, labels):
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{stem}_{end}.npy", outputs)
    np.save(folder / f"{stem}_labels.npy", labels)
    with h5py.File(folder / f"{stem.removeprefix('best_')}_features_labels.h5", "w") as file:
        file["features"] = np.zeros((len(labels), 2))
        file["labels"] = labels
        if ids is not None:
            file["slide_ids"] = [name.encode() for name in ids]


@pytest.mark.parametrize("classified", CLASSIFIED, indirect=True)
@pytest.mark.parametrize("split", [None, 0, 3])
def test_outputs_of_the_method_s_authors(classified, split, tmp_path):
    experts = sorted(classified.experts)
    task = changed(
        classified,
        values=np.log(classified.values + 1e-9)[:, np.argsort(classified.experts)],
        experts=experts,
    )
    (tmp_path / "logits_fusion_results").mkdir()
    for name, rows, m in task.rows():
        folder = tmp_path / name / (f"split_{split}" if split is not None else "")
        for part in ("best_val", "test"):
            write_logitprod(
                folder, part, "outputs", task.ids[rows],
                outputs=task.values[rows, m] + (part == "test"), labels=task.codes[rows],
            )  # fmt: skip
    outputs = read_logitprod(tmp_path, split, classes=task.classes.tolist())
    assert outputs.input == "logits"
    assert_same(outputs, task)
    test = read_logitprod(tmp_path, split, "test", classes=task.classes.tolist())
    assert_same(test, changed(task, values=task.values + 1))


def test_patches_are_matched_by_position_where_labels_agree(tmp_path):
    _, z, experts, _ = synthetic(3)
    labels = np.arange(40) % 3
    for m, name in enumerate(experts):
        write_logitprod(tmp_path / name, "test", "outputs", outputs=z[:, m], labels=labels)
    with pytest.warns(UserWarning, match=r"no identifiers.*matched by position"):
        outputs = read_logitprod(tmp_path, part="test", experts=experts)
    np.testing.assert_array_equal(outputs.values, z)
    np.testing.assert_array_equal(outputs.y, labels)
    assert outputs.ids is None


@pytest.mark.parametrize("curves", ["synthetic", "support2_survival"], indirect=True)
def test_hazard_logits_of_the_method_s_authors(curves, tmp_path):
    values = np.nan_to_num(curves.values)
    task = changed(curves, values=values, experts=["a", "b", "c"][: values.shape[1]])
    bins = 1.0 + np.searchsorted(task.times[:-1], task.time)
    labels = np.column_stack([bins, ~task.event, task.time])
    for name, rows, m in task.rows():
        write_logitprod(
            tmp_path / name / "split_0", "best_train", "preds", task.ids[rows],
            outputs=values[rows, m], labels=labels[rows],
        )  # fmt: skip
    outputs = read_logitprod(tmp_path, part="train", time="time", times=task.times)
    assert outputs.input == "hazard_logits"
    assert_same(outputs, task)
    binned = changed(task, time=bins, times=1.0 + np.arange(len(task.times)))
    assert_same(read_logitprod(tmp_path, part="train"), binned)


@pytest.mark.parametrize(
    ("labels", "columns", "given", "found"),
    [
        (["a", "b"], ["a", "b"], None, ["a", "b"]),
        (["a", "b"], ["b_prob", "a_prob"], None, ["a_prob", "b_prob"]),
        (["1", "0"], ["p_0", "p_1"], None, ["p_0", "p_1"]),
        (["1", "0"], ["p0", "p1"], None, ["p0", "p1"]),
        (["1", "0"], ["P(0)", "P(1)"], None, ["P(0)", "P(1)"]),
        (["1", "1"], ["proba_0", "proba_1"], None, ["proba_0", "proba_1"]),
        (["a", "b"], ["logit_a", "logit_b", "prob_a", "prob_b"], None, ["prob_a", "prob_b"]),
        (["a", "b"], ["x", "y"], {"a": "y", "b": "x"}, ["y", "x"]),
        (["a", "b"], ["x", "y"], ["x", "y"], ["x", "y"]),
        (["a", "b"], ["b", "a", "age"], None, ["a", "b"]),
    ],
)
def test_columns_are_matched_to_labels_by_name(labels, columns, given, found, tmp_path):
    values = {name: [0.3 + 0.1 * i, 0.4 - 0.1 * i] for i, name in enumerate(columns)}
    for first in ("prob_a", "a", "x", "a_prob", "p_0", "p0", "P(0)", "proba_0"):
        if first in values:
            other = next(name for name in found if name != first)
            values[other] = [1 - value for value in values[first]]
            break
    frame = pd.DataFrame({"slide_id": ["s", "t"], "label": labels, **values})
    frame.to_csv(tmp_path / "uni.csv", index=False)
    outputs = read_tables([tmp_path / "uni.csv"], label="label", columns=given)
    np.testing.assert_array_equal(outputs.values[:, 0], frame[found].to_numpy())
    if set(labels) <= {"0", "1"}:
        assert outputs.classes.tolist() == [0, 1]
        assert outputs.y.tolist() == [int(label) for label in labels]


@pytest.mark.parametrize(
    ("column", "said", "positive"),
    [
        ("score", {"positive": "b"}, 1),
        ("score", {"positive": "a"}, 0),
        ("prob_a", {}, 0),
        ("p_b", {}, 1),
        ("P(b)", {}, 1),
        ("a_prob", {"positive": "b"}, 0),
        ("prob_1", {"positive": "b"}, 1),
        ("q", {"columns": {"a": "q"}}, 0),
        ("q", {"columns": "q", "positive": "a"}, 0),
    ],
)
def test_one_column_of_a_binary_task(column, said, positive, tmp_path):
    frame = pd.DataFrame({"slide_id": ["s", "t"], "label": ["b", "a"], column: [0.25, np.nan]})
    frame.to_csv(tmp_path / "uni.csv", index=False)
    frame.assign(**{column: [0.5, 0.5]}).to_csv(tmp_path / "conch.csv", index=False)
    paths = [tmp_path / "uni.csv", tmp_path / "conch.csv"]
    outputs = read_tables(paths, label="label", **said)
    expected = [0.75, 0.25] if positive == 1 else [0.25, 0.75]
    np.testing.assert_array_equal(outputs.values[:, 0], [expected, [np.nan] * 2])
    if column not in ("score", "q"):
        return
    logits = read_tables(paths, label="label", **said, input="logits")
    np.testing.assert_array_equal(logits.values[0, 0], np.array([0.25, 0.25]) * [1, 1] * (
        np.arange(2) == positive
    ))  # fmt: skip


def test_names_of_classes_at_prediction_time(tmp_path):
    frame = pd.DataFrame({"slide_id": ["s"], "prob_b": [0.25], "prob_a": [0.75]})
    frame.to_csv(tmp_path / "uni.csv")
    frame.rename(columns=lambda name: name.replace("prob_", "")).to_csv(tmp_path / "conch.csv")
    paths = [tmp_path / "uni.csv", tmp_path / "conch.csv"]
    outputs = read_tables(paths)
    assert outputs.classes.tolist() == ["b", "a"]
    assert outputs.values.tolist() == [[[0.25, 0.75], [0.25, 0.75]]]
    assert outputs.y is None
    known = read_tables(paths, classes=["a", "b"])
    assert known.classes.tolist() == ["a", "b"]
    assert known.values.tolist() == [[[0.75, 0.25], [0.75, 0.25]]]
    frame.drop(columns="prob_b").to_csv(tmp_path / "uni.csv")
    one = read_tables([tmp_path / "uni.csv"], columns={"b": None, "a": "prob_a"})
    assert one.values.tolist() == [[[0.25, 0.75]]]


def test_npz_with_one_array_of_outputs(tmp_path):
    z = np.random.default_rng(0).normal(size=(5, 2))
    ids, y = np.array(list("abcde")), np.array(["n", "t", "n", "t", "n"])
    for path, order in (("uni", [0, 1]), ("conch", [1, 0])):
        arrays = {"id": ids, "y": y, "classes": np.array(["n", "t"])[order]}
        np.savez(tmp_path / f"{path}.npz", logits=z[:, order], **arrays)
    paths = [tmp_path / "uni.npz", tmp_path / "conch.npz"]
    outputs = read_tables(paths, "id", label="y", input="logits")
    np.testing.assert_array_equal(outputs.values, np.stack([z, z], axis=1))
    np.testing.assert_array_equal(outputs.y, y)


@pytest.mark.parametrize("text", ["\ufeffslide_id,a,b\n01,0.5,0.5\n", "slide_id;a;b\n01;0.5;0.5\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_byte_order_marks_semicolons_and_line_ends(text, end, tmp_path):
    (tmp_path / "uni.csv").write_bytes(text.replace("\n", end).encode())
    outputs = read_tables([tmp_path / "uni.csv"])
    assert outputs.ids.tolist() == ["01"]
    assert outputs.values.tolist() == [[[0.5, 0.5]]]
    assert outputs.classes.tolist() == ["a", "b"]


def test_outer_keeps_what_inner_drops_and_says_so(tmp_path):
    text = "slide_id,a,b\n"
    (tmp_path / "uni.csv").write_text(text + "x,0.5,0.5\ny,0.1,0.9\nz,0.2,0.8\n")
    with gzip.open(tmp_path / "conch.csv.gz", "wt") as file:
        file.write(text + "w,0.3,0.7\ny,0.4,0.6\n")
    paths = [tmp_path / "uni.csv", tmp_path / "conch.csv.gz"]
    with pytest.warns(UserWarning, match=r"keeps 1 of 4.*uni.csv loses 2 of 3.*gz loses 1 of 2"):
        inner = read_tables(paths)
    assert inner.ids.tolist() == ["y"]
    outer = read_tables(paths, how="outer")
    assert outer.ids.tolist() == ["x", "y", "z", "w"]
    nan = np.nan
    np.testing.assert_array_equal(outer.values[:, :, 0], [[0.5, nan], [0.1, 0.4], [0.2, nan],
                                                          [nan, 0.3]])  # fmt: skip


def test_from_files_straight_into_fit(tmp_path):
    rng, z, experts, ids = synthetic(2)
    codes = rng.integers(0, 2, 40)
    z += 2.0 * (codes[:, None, None] == [0, 1])
    task = Task(z, experts, ids, np.array(["normal", "tumour"]), codes)
    paths = [tmp_path / f"{name}.csv" for name in experts]
    for path, (_, rows, m) in zip(paths, task.rows()):
        save(class_frame(task, rows, m, "logit_{}"), path)
    outputs = read_tables(paths, label="label", input="logits")
    model = LogitProdClassifier(gate_width=None).fit(outputs)
    new = model.predict_proba(read_tables(paths, input="logits", columns=None, label="label"))
    np.testing.assert_array_equal(model.classes_, ["normal", "tumour"])
    direct = LogitProdClassifier(gate_width=None).fit(z, task.classes[codes])
    order = np.argsort(outputs.ids)
    np.testing.assert_allclose(new[order], direct.predict_proba(z)[np.argsort(ids)], atol=1e-6)


def test_events_straight_into_fit(tmp_path):
    rng, z, experts, ids = synthetic(1)
    for m, name in enumerate(experts):
        frame = pd.DataFrame(
            {"PATIENT": ids, "pred_score": z[:, m, 0], "time": 1.0 + rng.random(40)}
        )
        frame["time"], frame["event"] = np.arange(1, 41), np.arange(40) % 2
        (tmp_path / name / "split-0").mkdir(parents=True)
        frame.to_csv(tmp_path / name / "split-0" / "patient-preds.csv", index=False)
    outputs = read_stamp([tmp_path / name for name in experts])
    assert isinstance(outputs, ExpertOutputs)
    model = LogitProdSurvival(gate_width=None, n_bins=4).fit(outputs)
    direct = LogitProdSurvival(gate_width=None, n_bins=4, input="risk").fit(z[:, :, 0], outputs.y)
    np.testing.assert_array_equal(model.predict(outputs), direct.predict(z[:, :, 0]))
