"""What STAMP, nnMIL, Slideflow and SurvPath write, read as the values that were written."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_logitprod.cli import main
from sklearn_logitprod.io import read_mcat, read_nnmil, read_slideflow, read_stamp

PATIENTS = ["p1", "p2", "p3"]
# of two experts for two classes
PROBA = np.array([[[0.25, 0.75], [0.5, 0.5]], [[1, 0], [0.75, 0.25]], [[0, 1], [0.125, 0.875]]])
CODES = [1, 0, 1]
RISKS = np.array([[0.5, 0.25], [-1.0, -2.0], [3.0, 1.0]])
EVENTS = [(True, 14.0), (False, 30.0), (True, 2.5)]


def write(folder, name, frame, m=0):
    """A file of a folder, its rows in another order for every expert."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    frame = frame.iloc[np.roll(np.arange(len(frame)), m)]
    if name.endswith(".csv"):
        frame.to_csv(folder / name, index=False)
    else:
        frame.to_parquet(folder / name)
    return folder


def assert_classes(outputs, classes):
    outputs = outputs[np.argsort(outputs.ids)]
    assert outputs.ids.tolist() == PATIENTS
    assert outputs.input == "proba"
    assert outputs.classes.tolist() == classes
    assert outputs.y.tolist() == [classes[code] for code in CODES]
    np.testing.assert_array_equal(outputs.values, PROBA)


def assert_events(outputs):
    outputs = outputs[np.argsort(outputs.ids)]
    assert outputs.ids.tolist() == PATIENTS
    assert outputs.input == "risk"
    assert outputs.y.tolist() == EVENTS
    np.testing.assert_array_equal(outputs.values, RISKS)


def silent(read, *args, **params):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read(*args, **params)


# STAMP


def stamp_survival(m, event="event", time="time", **more):
    frame = pd.DataFrame({"PATIENT": PATIENTS, "pred_score": RISKS[:, m]})
    frame[time] = [t for _, t in EVENTS]
    frame[event] = [int(e) for e, _ in EVENTS]
    return frame.assign(**{"cut_off=0.1": None, **more})


def stamp_survivals(folder, **names):
    return [
        write(folder / str(m), "patient-preds.csv", stamp_survival(m, **names), m) for m in (0, 1)
    ]


def test_stamp_events_under_the_writers_names(tmp_path):
    assert_events(silent(read_stamp, stamp_survivals(tmp_path), None))
    assert_events(silent(read_stamp, stamp_survivals(tmp_path, event="status"), None))


def test_stamp_events_under_names_of_the_user(tmp_path):
    roots = stamp_survivals(tmp_path, event="OS_event", time="OS_days")
    with pytest.warns(UserWarning, match="is read as the events") as said:
        assert_events(read_stamp(roots, None))
    assert [str(one.message) for one in said] == [
        f"{root / 'patient-preds.csv'}: 'OS_event', which holds 0 and 1, is read as the events and "
        "'OS_days' as the times. Pass event='OS_event', time='OS_days' if that is right, or name "
        "others."
        for root in roots
    ]
    assert_events(silent(read_stamp, roots, None, event="OS_event", time="OS_days"))


def test_stamp_events_that_are_named_go_before_the_writers(tmp_path):
    roots = stamp_survivals(tmp_path, event="PFS_event", time="PFS", event2=0)
    with pytest.raises(ValueError, match=r"\['PFS', 'PFS_event', 'event2'\] may hold"):
        read_stamp(roots, None)
    assert_events(silent(read_stamp, roots, None, event="PFS_event", time="PFS"))
    roots = stamp_survivals(tmp_path, event="PFS_event", time="PFS", time2=1.5)
    frame = stamp_survival(0).assign(PFS=[1.0, 2.0, 3.0], PFS_event=[0, 0, 1])
    outputs = read_stamp(
        [write(tmp_path / "a", "patient-preds.csv", frame)], None, event="PFS_event", time="PFS"
    )
    assert outputs.y.tolist() == [(False, 1.0), (False, 2.0), (True, 3.0)]


@pytest.mark.parametrize("without", [["time", "event"], []])
def test_stamp_without_truth_says_so(without, tmp_path):
    frame = stamp_survival(0).assign(time=None, event=None).drop(columns=without)
    root = write(tmp_path / "a", "patient-preds.csv", frame)
    with pytest.warns(UserWarning, match="there is no ground truth") as said:
        outputs = read_stamp([root], None)
    assert outputs.y is None
    assert [str(one.message) for one in said] == [
        f"{root / 'patient-preds.csv'} (expert 'a'): there is no ground truth, nor in the file of "
        "any other expert, so that y is None. Pass y yourself where it is needed."
    ]


def stamp_classes(m, label="K", names=("mut", "wt"), codes=CODES, pred="pred"):
    frame = pd.DataFrame({label: [names[code] for code in codes], pred: names[0]})
    for k, name in enumerate(names):
        frame[f"{label}_{name}"] = PROBA[:, m, k]
    return frame


def stamp_targets(m, **extra):
    """Several targets, of which one begins as another."""
    parts = [
        stamp_classes(m, "KRAS", pred="pred_KRAS"),
        stamp_classes(1 - m, "KRAS_G12C", ("0", "1"), [0, 1, 1], pred="pred_KRAS_G12C"),
    ]
    return pd.concat([pd.DataFrame({"PATIENT": PATIENTS}), *parts], axis=1).assign(loss=0.5)


def test_stamp_targets_of_which_one_begins_as_another(tmp_path):
    roots = [write(tmp_path / str(m), "patient-preds.csv", stamp_targets(m), m) for m in range(2)]
    assert_classes(read_stamp(roots, None, label="KRAS"), ["mut", "wt"])
    other = read_stamp(roots, None, label="KRAS_G12C")
    assert other.classes.tolist() == [0, 1]
    assert other.y.tolist() == [0, 1, 1]
    np.testing.assert_array_equal(other.values, PROBA[:, ::-1])


@pytest.mark.parametrize("truth", [["no", "yes", "yes"], [None] * 3])
def test_stamp_target_beside_a_longer_one_without_predictions(truth, tmp_path):
    roots = []
    for m in range(2):
        frame = stamp_targets(m).drop(columns=["pred_KRAS", "pred_KRAS_G12C"])
        roots.append(
            write(tmp_path / str(m), "patient-preds.csv", frame.assign(KRAS_G12C=truth), m)
        )
    assert_classes(read_stamp(roots, None, label="KRAS"), ["mut", "wt"])


def test_stamp_class_that_begins_other_classes(tmp_path):
    frame = pd.DataFrame(
        {"PATIENT": ["p1"], "K": ["A_b"], "pred": ["A_b"], "K_A": 0.25, "K_A_b": 0.5, "K_A_c": 0.25}
    )
    outputs = read_stamp([write(tmp_path / "a", "patient-preds.csv", frame)], None)
    assert outputs.classes.tolist() == ["A", "A_b", "A_c"]
    np.testing.assert_array_equal(outputs.values, [[[0.25, 0.5, 0.25]]])


def test_stamp_checkpoints(tmp_path):
    frames = [stamp_classes(m).assign(PATIENT=PATIENTS, loss=0.5) for m in (0, 1)]
    for number, frame in enumerate(frames):
        # each checkpoint has its rows and its classes in an order of its own
        frame = frame if number else frame[frame.columns[::-1]]
        write(tmp_path / "a", f"patient-preds-{number}.csv", frame, number)
    for name in ("patient-preds_95_confidence_interval.csv", "patient-preds-old.csv"):
        write(tmp_path / "a", name, frames[0])
    for number in (0, 1):
        outputs = read_stamp([tmp_path / "a"], None, checkpoint=number)
        values = outputs[np.argsort(outputs.ids)].values
        np.testing.assert_array_equal(values, PROBA[:, [number]])
    mean = read_stamp([tmp_path / "a"], None, checkpoint="mean")
    assert mean.ids.tolist() == PATIENTS
    assert mean.y.tolist() == ["wt", "mut", "wt"]
    assert mean.expert_names == ["a"]
    np.testing.assert_array_equal(mean.values, PROBA.mean(axis=1, keepdims=True))


def test_stamp_checkpoints_of_a_survival_model(tmp_path):
    for m in (0, 1):
        write(tmp_path / "a", f"patient-preds-{m}.csv", stamp_survival(m), m)
    mean = read_stamp([tmp_path / "a"], None, checkpoint="mean")
    np.testing.assert_array_equal(mean.values, RISKS.mean(axis=1, keepdims=True))
    assert mean.y.tolist() == EVENTS


# nnMIL


def nnmil(m, **columns):
    start = {"slide_id": PATIENTS, "patient_id": ["a", "a", "b"], "dataset": "d"}
    return pd.DataFrame({**start, **columns, "MI": 0.1 * m})


@pytest.mark.parametrize("binary", [True, False])
def test_nnmil_classes(binary, tmp_path):
    roots = []
    for m in range(2):
        proba = {f"probability_class_{k}": PROBA[:, m, k] for k in (1, 0)}
        proba = {"probability": PROBA[:, m, 1]} if binary else proba
        frame = nnmil(m, label=CODES, prediction=0, **proba)
        roots.append(write(tmp_path / str(m), "results_simple_mil.csv", frame, m))
    outputs = silent(read_nnmil, roots, classes=["normal", "tumour"])
    assert_classes(outputs, ["normal", "tumour"])
    assert outputs.groups[np.argsort(outputs.ids)].tolist() == ["a", "a", "b"]
    assert_classes(read_nnmil(roots), [0, 1])
    files = {path.name: path / "results_simple_mil.csv" for path in roots}
    assert_classes(read_nnmil(files), [0, 1])


def test_nnmil_has_more_than_ten_classes_in_the_order_of_their_codes(tmp_path):
    names = [f"probability_class_{code}" for code in range(12)]
    frame = pd.DataFrame([np.arange(12) / 66.0], columns=names).assign(
        slide_id="s", patient_id="p", label=11
    )
    outputs = read_nnmil([write(tmp_path / "a", "results_ab_mil.csv", frame)])
    assert outputs.classes.tolist() == list(range(12))
    np.testing.assert_array_equal(outputs.values[0, 0], np.arange(12) / 66.0)


def test_a_code_is_written_in_one_way(tmp_path):
    frame = pd.DataFrame({"slide": ["s"], "y_pred0": 0.25, "y_pred1": 0.75, "y_pred02": 9.0})
    root = write(tmp_path / "a", "slide_predictions.csv", frame.assign(y_true=1))
    np.testing.assert_array_equal(read_slideflow([root]).values, [[[0.25, 0.75]]])


def test_nnmil_events(tmp_path):
    event, time = zip(*EVENTS, strict=True)
    roots = [
        write(
            tmp_path / str(m),
            "results_simple_mil.csv",
            nnmil(m, status=np.array(event, int), time=time, risk_score=RISKS[:, m]),
            m,
        )
        for m in range(2)
    ]
    outputs = silent(read_nnmil, roots)
    assert_events(outputs)
    assert outputs.groups[np.argsort(outputs.ids)].tolist() == ["a", "a", "b"]


def test_nnmil_without_truth_says_so(tmp_path):
    frame = nnmil(0, label=None, probability=0.5)
    with pytest.warns(UserWarning, match="there is no ground truth"):
        assert read_nnmil([write(tmp_path / "a", "results_ab_mil.csv", frame)]).y is None


# Slideflow


@pytest.mark.parametrize("level", ["slide", "patient"])
@pytest.mark.parametrize("of_tiles", [True, False])
def test_slideflow_classes(level, of_tiles, tmp_path):
    pytest.importorskip("pyarrow")
    roots = []
    for m in range(2):
        prefix = "msi-" if of_tiles else ""
        frame = pd.DataFrame({level: PATIENTS, f"{prefix}y_true": CODES})
        for k in (0, 1):
            frame[f"{prefix}y_pred{k}"] = PROBA[:, m, k]
            frame[f"{prefix}uncertainty{k}"] = 0.125
        name = f"{level}_predictions_val_epoch1.parquet" if of_tiles else "predictions.parquet"
        roots.append(write(tmp_path / str(m), name, frame.astype({f"{prefix}y_true": float}), m))
    outputs = silent(read_slideflow, roots, level, classes=["MSIH", "MSS"])
    assert_classes(outputs, ["MSIH", "MSS"])
    if of_tiles:
        assert_classes(read_slideflow(roots, level, label="msi"), [0, 1])


def test_slideflow_outcomes(tmp_path):
    roots = []
    for m in range(2):
        frame = pd.DataFrame({"slide": PATIENTS, "a-y_true": CODES, "b-y_true": 0})
        for k in (0, 1):
            frame[f"a-y_pred{k}"], frame[f"b-y_pred{k}"] = PROBA[:, m, k], 0.5
        roots.append(write(tmp_path / str(m), "slide_predictions_eval.csv", frame, m))
    assert_classes(read_slideflow(roots, label="a"), [0, 1])
    np.testing.assert_array_equal(read_slideflow(roots, label="b").values, 0.5)


def test_slideflow_risks_are_higher_for_earlier_events(tmp_path):
    pytest.importorskip("pyarrow")
    roots = []
    for m in range(2):
        frame = pd.DataFrame(
            {
                "slide": PATIENTS,
                "y_true0": [time for _, time in EVENTS],
                "y_true1": [float(event) for event, _ in EVENTS],
                "y_pred0": -RISKS[:, m],
            }
        )
        roots.append(write(tmp_path / str(m), "predictions.parquet", frame, m))
    assert_events(silent(read_slideflow, roots))


@pytest.mark.parametrize("truth", [{}, {"y_true": [np.nan] * 3}, {"y_true": [None] * 3}])
def test_slideflow_without_truth_says_so(truth, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    columns = {"slide": PATIENTS, "y_pred0": [0.25] * 3, "y_pred1": [0.75] * 3, **truth}
    path = tmp_path / "predictions.parquet"
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.table(columns), path)
    with pytest.warns(UserWarning, match="there is no ground truth"):
        assert read_slideflow({"a": path}).y is None


# SurvPath


def test_survpath(tmp_path):
    roots = []
    for m in range(2):
        content = {
            name: {
                "time": np.float32(time),
                "risk": np.float32(RISKS[i, m]),
                "censorship": np.float32(not event),
                "clinical": np.array(["x", None], dtype=object),
                "logits": np.zeros(4, np.float32),
            }
            for i, (name, (event, time)) in enumerate(zip(PATIENTS, EVENTS, strict=True))
        }
        roots.append(tmp_path / str(m))
        roots[m].mkdir()
        (roots[m] / "split_2_results.pkl").write_bytes(pickle.dumps(content))
    assert_events(read_mcat(roots, 2))


# the command line


def run(files, *options):
    quick = ("--gate", "none", "--cv", "2", "--repeats", "1", "--resamples", "20", "--quiet")
    return main(["compare", *map(str, files), *options, *quick])


def test_layouts_on_the_command_line(tmp_path, capsys):
    rng = np.random.default_rng(0)
    codes = np.arange(24) % 2
    ids = [f"s{i:02d}" for i in range(24)]
    files = {"nnmil": [], "stamp": [], "slideflow": []}
    for m in range(2):
        second = np.clip(0.25 + 0.5 * codes + rng.uniform(-0.2, 0.2, 24), 0, 1)
        own = tmp_path / f"e{m}"
        frame = pd.DataFrame({"slide_id": ids, "patient_id": ids, "label": codes})
        write(own, "results_a.csv", frame.assign(probability=second))
        frame = pd.DataFrame({"PATIENT": ids, "K": codes, "pred": 0, "K_0": 1 - second})
        write(own, "patient-preds-0.csv", frame.assign(K_1=second))
        write(own, "patient-preds-1.csv", frame.assign(K_1=second))
        frame = pd.DataFrame({"patient": ids, "K-y_true": codes, "K-y_pred0": 1 - second})
        write(own, "patient_predictions.csv", frame.assign(**{"K-y_pred1": second}))
        for roots in files.values():
            roots.append(own)
    tables = []
    for layout, options in {
        "nnmil": [],
        "stamp": ["--split", "none", "--checkpoint", "mean"],
        "slideflow": ["--level", "patient", "--label", "K"],
    }.items():
        assert run(files[layout], "--layout", layout, *options) == 0
        tables.append(capsys.readouterr().out)
    # nnMIL has patients besides, which folds keep together
    assert tables[1] == tables[2]
    assert all("e0" in table and "e1" in table for table in tables)


def test_events_of_stamp_on_the_command_line(tmp_path, capsys):
    roots = stamp_survivals(tmp_path, event="dead", time="OS")
    columns = ("--event", "died", "--time", "OS")
    assert run(roots, "--layout", "stamp", "--split", "none", *columns) == 2
    assert "there is no column 'died'; there are" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--split", "--checkpoint"])
def test_numbers_on_the_command_line(option, capsys):
    with pytest.raises(SystemExit):
        main(["compare", "a", "--layout", "stamp", option, "best"])
    assert "'best' is neither a whole number nor " in capsys.readouterr().err
