"""Broken results of other programs: one line that names file, row, expert and remedy."""

import pickle
import re
import warnings

import h5py
import numpy as np
import pytest

from sklearn_logitprod.io import (
    read_clam,
    read_logitprod,
    read_mcat,
    read_nnmil,
    read_slideflow,
    read_stamp,
)


def npy(change):
    """Two sound experts of the authors' layout, changed."""

    def read(folder):
        for name in ("conch", "uni"):
            (folder / name).mkdir()
            np.save(folder / name / "best_val_outputs.npy", np.zeros((4, 2)))
            np.save(folder / name / "best_val_labels.npy", np.array([0, 1, 0, 1]))
        change(folder / "uni")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read_logitprod(folder)

    return read


def truncate(path, keep=0.7):
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])


def with_h5(folder, cut=1.0, **arrays):
    with h5py.File(folder / "val_features_labels.h5", "w") as file:
        for name, array in arrays.items():
            file[name] = array
    truncate(folder / "val_features_labels.h5", cut)


def with_preds(folder):
    (folder / "best_val_outputs.npy").unlink()
    np.save(folder / "best_val_preds.npy", np.zeros((4, 3)))


def survival_labels(labels):
    def change(folder):
        for name in ("conch", "uni"):
            with_preds(folder.parent / name)
            np.save(folder.parent / name / "best_val_labels.npy", np.array(labels))

    return change


def clam(content, name="split_0_results.pkl", keep=1.0):
    def read(folder):
        (folder / "uni").mkdir()
        data = content if isinstance(content, (bytes, str)) else pickle.dumps(content)
        (folder / "uni" / name).write_bytes(data.encode() if isinstance(data, str) else data)
        truncate(folder / "uni" / name, keep)
        return read_clam([folder / "uni"])

    return read


def stamp(text, **params):
    def read(folder):
        (folder / "uni" / "split-0").mkdir(parents=True)
        (folder / "uni" / "split-0" / "patient-preds.csv").write_text(text)
        return read_stamp([folder / "uni"], **params)

    return read


def deployed(files, **params):
    """A deployment of STAMP with files by their names."""

    def read(folder):
        for name, text in files.items():
            (folder / "uni" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "uni" / name).write_text(text)
        return read_stamp([folder / "uni"], **{"split": None, **params})

    return read


def files(reader, *names):
    """A reader of a folder with files of which it needs to see the names alone."""

    def read(folder):
        (folder / "uni").mkdir()
        for name in names:
            (folder / "uni" / name).touch()
        return reader([folder / "uni"])

    return read


def table(reader, name, text, **params):
    """A reader of one file in a folder."""

    def read(folder):
        (folder / "uni").mkdir()
        (folder / "uni" / name).write_text(text)
        return reader([folder / "uni"], **params)

    return read


def two_tasks(folder):
    for name in ("uni", "conch"):
        (folder / name).mkdir()
    (folder / "uni" / "results_a.csv").write_text(NNMIL + "label,probability\ns1,p1,1,0.8\n")
    survival = NNMIL + "status,time,risk_score\ns1,p1,1,3,0.8\n"
    (folder / "conch" / "results_a.csv").write_text(survival)
    return read_nnmil([folder / "uni", folder / "conch"])


def mcat(**record):
    def read(folder):
        (folder / "uni").mkdir()
        good = {"slide_id": "s1", "risk": -1.0, "survival": 3.0, "censorship": 0.0}
        with open(folder / "uni" / "split_latest_val_0_results.pkl", "wb") as file:
            pickle.dump({"s1": {**good, **record}}, file)
        return read_mcat([folder / "uni"])

    return read


SLIDES = {
    f"s{i}": {"slide_id": np.array(f"s{i}"), "prob": np.full((1, 2), 0.5), "label": 0}
    for i in range(9)
}
NNMIL = "slide_id,patient_id,"
SURVIVAL = "PATIENT,pred_score,OS,dead\np1,0.5,14,1\np2,-1,30,0\n"
MUTATION = "PATIENT,K,pred,K_m,K_w,loss\np1,m,m,0.9,0.1,0.1\np2,w,w,0.3,0.7,0.3\n"
CLAM = r"split_0_results\.pkl \(expert 'uni'\): "
NPY = r"best_val_outputs\.npy \(expert 'uni'\): "
MCAT = r"split_latest_val_0_results\.pkl, row 0 \(expert 'uni'\): "

CASES = {
    # the authors' layout
    "truncated npy": (
        npy(lambda d: truncate(d / "best_val_outputs.npy")),
        NPY + r"this is no complete npy file \(.+\)\. Copy it again\.",
    ),
    "objects in npy": (
        npy(lambda d: np.save(d / "best_val_outputs.npy", np.array([{}] * 4), allow_pickle=True)),
        NPY + r"an array holds pickled objects, which may run code\. Save text",
    ),
    "damaged npy header": (
        npy(
            lambda d: (d / "best_val_labels.npy").write_bytes(
                b"\x93NUMPY\x01\x00v\x00{'descr'" + b" " * 109 + b"\n" + b"\0" * 16
            )
        ),
        r"best_val_labels\.npy \(expert 'uni'\): this is no complete npy file \(.+\)\. Copy",
    ),
    "labels of bytes": (
        npy(lambda d: np.save(d / "best_val_labels.npy", np.array([b"a"] * 4))),
        r"best_val_labels\.npy \(expert 'uni'\): labels have dtype .*S1, expected numbers\. Write",
    ),
    "labels that mismatch": (
        npy(lambda d: np.save(d / "best_val_labels.npy", np.array([0, 1, 1, 0]))),
        r"best_val_outputs\.npy, row 2 \(expert 'uni'\): the label is 1 here and 0 in .*conch.*, "
        r"and there are no identifiers to match rows by\. Write slide_ids, or the outputs in one "
        r"order\.",
    ),
    "rows that mismatch": (
        npy(
            lambda d: [
                np.save(d / "best_val_outputs.npy", np.zeros((3, 2))),
                np.save(d / "best_val_labels.npy", np.arange(3) % 2),
            ]
        ),
        NPY
        + r"it has 3 rows, .*conch.* has 4, and there are no identifiers\. Write the outputs of "
        r"all experts for the same samples\.",
    ),
    "labels of another length": (
        npy(lambda d: np.save(d / "best_val_labels.npy", np.arange(3))),
        r"best_val_labels\.npy \(expert 'uni'\): 'labels' has shape \(3,\), but .*outputs\.npy "
        r"has 4 rows\. Write both anew from one run\.",
    ),
    "label beyond the classes": (
        npy(lambda d: np.save(d / "best_val_labels.npy", np.array([0, 1, 0, 2]))),
        r"best_val_outputs\.npy, row 3 \(expert 'uni'\): label 2 is none of the codes 0 to 1\. "
        r"Give every class a column",
    ),
    "no labels": (
        npy(lambda d: (d / "best_val_labels.npy").unlink()),
        NPY + r"there are neither identifiers nor labels, so that rows cannot be matched\. Write "
        r"slide_ids or labels\.",
    ),
    "one expert with identifiers": (
        npy(lambda d: with_h5(d, slide_ids=[b"a", b"b", b"c", b"d"])),
        r"conch.best_val_outputs\.npy \(expert 'conch'\): it has no identifiers, but other "
        r"experts have\. Write slide_ids for every expert\.",
    ),
    "identifiers of shuffled rows": (
        npy(lambda d: with_h5(d, slide_ids=[b"a", b"b", b"c", b"d"], labels=[1, 0, 0, 1])),
        r"val_features_labels\.h5 \(expert 'uni'\): its labels differ from those beside "
        r".*outputs\.npy, so that its rows are others\. Write both anew from one run without "
        r"shuffling\.",
    ),
    "truncated h5": (
        npy(lambda d: with_h5(d, 0.5, slide_ids=[b"a"] * 4)),
        r"val_features_labels\.h5 \(expert 'uni'\): this is no complete HDF5 file \(.+\)\. Copy "
        r"the file again\.",
    ),
    "no outputs": (
        npy(lambda d: (d / "best_val_outputs.npy").unlink()),
        r"uni \(expert 'uni'\): there is none of \['best_val_outputs\.npy', .*\], only "
        r"\['best_val_labels\.npy'\]\. Every expert has one; name the experts with "
        r"experts=\[\.\.\.\]\.",
    ),
    "two tasks": (
        npy(lambda d: [with_preds(d), np.save(d / "best_val_labels.npy", np.ones((4, 3)))]),
        r"best_val_preds\.npy \(expert 'uni'\): it holds other outputs than .*conch.*\. Pass "
        r"experts of one task\.",
    ),
    "bins from 0": (
        npy(survival_labels([[1, 0, 5], [0, 1, 4], [2, 0, 3], [3, 0, 9]])),
        r"best_val_preds\.npy, row 1 \(expert 'conch'\): the label \[0, 1, 4\] has a bin that is "
        r"none of 1 to 3\. Labels are \(bin from 1, 1 if censored, time\); correct or remove the "
        r"row\.",
    ),
    # CLAM, STAMP and MCAT
    "no results": (
        files(read_clam),
        r"uni \(expert 'uni'\): there is no fold_0\.csv or split_0_results\.pkl, the folder is "
        r"empty\. Pass CLAM's results folder, and the number of one of its splits as "
        r"split=\.\.\.\.",
    ),
    "another split of CLAM": (
        clam(SLIDES, "split_3_results.pkl"),
        r"uni \(expert 'uni'\): there is no fold_0\.csv or split_0_results\.pkl, only "
        r"\['split_3_results\.pkl'\]\. Pass CLAM's",
    ),
    "no folder": (
        lambda d: read_mcat({"uni": d / "gone"}),
        r"gone \(expert 'uni'\): there is no such folder\. Pass MCAT's results folder, and",
    ),
    "a file as folder": (
        lambda d: [(d / "a.pkl").touch(), read_mcat({"uni": d / "a.pkl"})],
        r"a\.pkl \(expert 'uni'\): this is a file, not a folder\. Pass MCAT's results folder, and",
    ),
    "two results of CLAM": (
        files(read_clam, "fold_0.csv", "split_0_results.pkl"),
        r"uni \(expert 'uni'\): \['fold_0\.csv', 'split_0_results\.pkl'\] may be of other samples "
        r"or models: keep one\. Pass CLAM's",
    ),
    "no split of CLAM": (
        lambda d: read_clam({"uni": d}, None),
        r"split=None is not the number of one split\. Read one at a time, such as split=0; the "
        r"results of several are those of several models\.",
    ),
    "a split of CLAM that is a truth value": (
        lambda d: read_clam({"uni": d}, True),
        r"split=True is not the number of one split\. Read one at a time",
    ),
    "all splits of CLAM": (
        lambda d: read_clam({"uni": d}, [0, 1]),
        r"split=\[0, 1\] is not the number of one split\. Read one at a time, such as split=0;",
    ),
    "truncated pickle": (
        clam(SLIDES, keep=0.6),
        CLAM + r"this is no complete pickle \(.+\)\. Copy the file again, or write it anew\.",
    ),
    "other pickle": (
        clam([1, 2]),
        CLAM + r"it holds list, expected a dict of one entry per slide\. Pass the folder "
        r"with the results",
    ),
    "pickle of another task": (
        clam({"s": {"risk": 1}}),
        r"split_0_results\.pkl, row 0 \(expert 'uni'\): slide 's' has \['risk'\], expected "
        r"\['prob', 'label'\]\. Pass the folder with the results of the right task\.",
    ),
    "ragged pickle": (
        clam([[1], [2, 3]]),
        CLAM + r"it holds list, expected a dict of one entry per slide\.",
    ),
    "frame without columns": (
        clam({"slide_id": True, "prob": 1.0}),
        CLAM + r"its columns are no lists of one length\.",
    ),
    "frame of ragged columns": (
        clam({"slide_id": [[1], [2, 3]], "p_0": [0.5, 0.5]}),
        CLAM + r"its columns are no lists of one length\.",
    ),
    "nothing in the pickle": (clam({}), CLAM + r"it holds nothing, expected a dict"),
    "slide under another name": (
        clam({"s": {"slide_id": np.array("t"), "prob": [0.5, 0.5], "label": 0}}),
        r"slide 's' is called 't' inside\. Write the results anew\.",
    ),
    "CLAM's sum": (
        clam("slide_id,Y,Y_hat,p_0,p_1\ns,0.0,0.0,0.5,0.6\n", "fold_0.csv"),
        r"fold_0\.csv, line 2 \(expert 'uni'\): the probabilities of \['0', '1'\] sum to 1\.1 "
        r"instead of 1",
    ),
    "STAMP without classes": (
        stamp("PATIENT,pred\na,b\n"),
        r"patient-preds\.csv \(expert 'uni'\): there are no columns <label>_<class> of two "
        r"classes or "
        r"more, only \['PATIENT', 'pred'\]\. Pass the results of a classification\.",
    ),
    "STAMP's split": (
        deployed({"split-1/patient-preds.csv": MUTATION}, split=0),
        r"uni \(expert 'uni'\): there is no folder split-0, only \['split-1/'\]\. Pass "
        r"STAMP's output "
        r"folder and the number of one of its splits, or split=None for a deployment\.",
    ),
    "STAMP's split as deployment": (
        deployed({"split-1/patient-preds.csv": MUTATION}),
        r"uni \(expert 'uni'\): there is no patient-preds\.csv, only \['split-1/'\]\. Pass STAMP's "
        r"output folder; split=None is a deployment, split=0 the first split\.",
    ),
    "STAMP's checkpoints": (
        deployed({"patient-preds-0.csv": MUTATION, "patient-preds-1.csv": MUTATION}),
        r"uni \(expert 'uni'\): there is no patient-preds\.csv, only \['patient-preds-0\.csv', "
        r"'patient-preds-1\.csv'\]\. Read one of the checkpoints, with checkpoint=0 for "
        r"instance, or "
        r"the mean of all, with checkpoint='mean'\.",
    ),
    "a checkpoint that is absent": (
        deployed({"patient-preds-0.csv": MUTATION}, checkpoint=4),
        r"there is no patient-preds-4\.csv, only \['patient-preds-0\.csv'\]\. Read one",
    ),
    "the mean of no checkpoints": (
        deployed({"patient-preds.csv": MUTATION}, checkpoint="mean"),
        r"there is no patient-preds-<i>\.csv, only \['patient-preds\.csv'\]\. Pass STAMP's",
    ),
    "checkpoints of other patients": (
        deployed(
            {"patient-preds-0.csv": MUTATION, "patient-preds-1.csv": MUTATION[:-22]},
            checkpoint="mean",
        ),
        r"patient-preds-0\.csv, line 3 \(expert 'uni'\): id 'p2' is not in "
        r".*patient-preds-1\.csv\. Experts must have the same samples",
    ),
    "an unknown checkpoint": (
        deployed({"patient-preds.csv": MUTATION}, checkpoint="best"),
        r"checkpoint='best' is not the number of one checkpoint\. Read one at a time, such as",
    ),
    "two targets of STAMP": (
        stamp("PATIENT,K,L,pred_K,K_m,K_w,pred_L,L_m,L_w\np1,m,m,m,1,0,m,1,0\n"),
        r"patient-preds\.csv \(expert 'uni'\): the target may be any of \['K', 'L'\]\. Name "
        r"it with "
        r"label=\.\.\.\.",
    ),
    "a target of STAMP without classes": (
        stamp(MUTATION, label="pred"),
        r"there are no columns pred_<class> of two classes or more; there are \['PATIENT', 'K', "
        r".*'loss'\]\. Name the target with label=",
    ),
    "a regression of STAMP": (
        stamp("PATIENT,age,pred,loss\np1,63,60.1,2.9\n"),
        r"patient-preds\.csv \(expert 'uni'\): this is a regression \('pred' holds numbers, and no "
        r"column is of a class\), and experts are fused for classes and events alone\. Pass the "
        r"results of a classification or of a survival model\.",
    ),
    "columns that STAMP does not name": (
        stamp("PATIENT,pred_score,OS,PFS,dead\np1,0.5,14,9,1\n"),
        r"patient-preds\.csv \(expert 'uni'\): \['OS', 'PFS', 'dead'\] may hold events and times; "
        r"'event' and 'time' are not both there\. Name the columns with event='\.\.\.' and "
        r"time='\.\.\.'\.",
    ),
    "a column of 0 and 1 beside another of words": (
        stamp("PATIENT,pred_score,OS,treated,vital\np1,0.5,14,0,dead\np2,0.5,9,1,alive\n"),
        r"\['OS', 'treated', 'vital'\] may hold events and times; 'event' and 'time' are not both",
    ),
    "two columns of 0 and 1": (
        stamp("PATIENT,pred_score,OS,dead\np1,0.5,1,1\np2,0.5,0,1\n"),
        r"\['OS', 'dead'\] may hold events and times; 'event' and 'time' are not both there\.",
    ),
    "an event of STAMP that is absent": (
        stamp(SURVIVAL, event="died", time="OS"),
        r"there is no column 'died'; there are \['PATIENT', .*\]\. Name the right one with event=",
    ),
    "an event of STAMP without a time": (
        stamp(SURVIVAL, event="dead"),
        r"event and time go together: name both columns, or neither\.",
    ),
    "events of STAMP's classes": (
        stamp(MUTATION, event="dead", time="OS"),
        r"there are no risks \(pred_score or pred_risk\), only \['PATIENT', .*\]\. Pass the "
        r"results "
        r"of a survival model, or leave event and time out\.",
    ),
    "a label of STAMP's risks": (
        stamp(SURVIVAL, label="OS"),
        r"these are risks of a survival model \(pred_score\), which have no label='OS'\. Leave it "
        r"out, or name",
    ),
    "nnMIL's results of two models": (
        files(read_nnmil, "results_a.csv", "results_b.csv"),
        r"uni \(expert 'uni'\): \['results_a\.csv', 'results_b\.csv'\] may be of other samples or "
        r"models: keep one\. Pass the folder that nnMIL predicted into, or the file itself\.",
    ),
    "nnMIL without results": (
        files(read_nnmil, "log.txt", ".DS_Store"),
        r"uni \(expert 'uni'\): there is no results_\*\.csv, only \['log\.txt'\]\. Pass the folder",
    ),
    "nnMIL without scores": (
        table(read_nnmil, "results_a.csv", NNMIL + "label\ns1,p1,1\n"),
        r"results_a\.csv \(expert 'uni'\): there is neither 'risk_score' nor 'probability' nor "
        r"'probability_class_0' and so on, only \['slide_id', 'patient_id', 'label'\]\. Pass the",
    ),
    "two tasks of nnMIL": (
        two_tasks,
        r"results_a\.csv \(expert 'conch'\): it holds risks, .*uni.results_a\.csv holds "
        r"probabilities of classes\. Pass experts of one task\.",
    ),
    "a truth in one file of nnMIL": (
        lambda d: (
            [
                (d / "a.csv").write_text(NNMIL + "label,probability\ns1,p1,1,0.8\n"),
                (d / "b.csv").write_text(NNMIL + "label,probability\ns1,p1,,0.8\n"),
            ]
            and read_nnmil({"a": d / "a.csv", "b": d / "b.csv"})
        ),
        r"b\.csv \(expert 'b'\): it has no ground truth, but others do\. Write it anew with one\.",
    ),
    "Slideflow's level": (
        lambda d: read_slideflow({"uni": d}, "tile"),
        r"level='tile' is unknown; it is 'slide' or 'patient'\.",
    ),
    "Slideflow of another level": (
        table(read_slideflow, "patient_predictions.csv", "patient,y_pred0\np1,1\n"),
        r"there is no predictions\.parquet or slide_predictions\*, only "
        r"\['patient_predictions\.csv'\]\. Pass the folder that holds the predictions",
    ),
    "Slideflow's patients as slides": (
        table(read_slideflow, "slide_predictions.csv", "patient,y_pred0,y_pred1\np1,1,0\n"),
        r"there is no column 'slide'; there are \['patient', .*\]\. Name the right one with level=",
    ),
    "two outcomes of Slideflow": (
        table(read_slideflow, "slide_predictions.csv", "slide,a-y_pred0,b-y_pred0\ns1,1,0\n"),
        r"the outcome may be any of \['a', 'b'\]\. Name it with label=\.\.\.\.",
    ),
    "another outcome of Slideflow": (
        table(
            read_slideflow,
            "slide_predictions.csv",
            "slide,a-y_pred0,a-y_pred1\ns1,1,0\n",
            label="b",
        ),
        r"there are no columns b-y_pred0 and so on; there are \['slide', 'a-y_pred0', "
        r"'a-y_pred1'\]\. Name the outcome with label=\.\.\., or leave it out where columns name "
        r"none\.",
    ),
    "an outcome that Slideflow does not name": (
        table(
            read_slideflow, "slide_predictions.csv", "slide,y_pred0,y_pred1\ns1,1,0\n", label="b"
        ),
        r"there are no columns b-y_pred0 and so on; there are \['slide', 'y_pred0', 'y_pred1'\]\.",
    ),
    "no outcome of Slideflow": (
        table(read_slideflow, "slide_predictions.csv", "slide,score\ns1,1\n"),
        r"there are no columns y_pred0 and so on, only \['slide', 'score'\]\. Pass Slideflow's",
    ),
    "a regression of Slideflow": (
        table(read_slideflow, "slide_predictions.csv", "slide,y_true0,y_pred0\ns1,63,60.1\n"),
        r"slide_predictions\.csv \(expert 'uni'\): this is a regression \(its columns are "
        r"\['slide', "
        r"'y_true0', 'y_pred0'\]\), and experts are fused",
    ),
    "a regression of tiles": (
        table(read_slideflow, "slide_predictions.csv", "slide,age-y_true,age-y_pred\ns1,63,60.1\n"),
        r"this is a regression \(its columns are \['slide', 'age-y_true', 'age-y_pred'\]\), and",
    ),
    "a Cox model of tiles": (
        table(
            read_slideflow,
            "slide_predictions.csv",
            "slide,time-y_pred,event-y_true,time-y_true\ns1,0.3,1,14\n",
        ),
        r"these are risks of a Cox model of tiles, whose sign is not known\. Read them with "
        r"read_tables and input='risk', where higher means an earlier event\.",
    ),
    "Slideflow's compressed Parquet": (
        table(read_slideflow, "slide_predictions_eval.parquet.gzip", "PAR1"),
        r"slide_predictions_eval\.parquet\.gzip \(expert 'uni'\): this is no complete Parquet file "
        r"\(.+\)\. Copy the file again\.",
    ),
    "Slideflow's logits": (
        table(read_slideflow, "slide_predictions.csv", "slide,y_pred0,y_pred1\ns1,2.5,-1\n"),
        r"slide_predictions\.csv, line 2 \(expert 'uni'\): 2\.5 for '0' lies outside \[0, 1\]\.",
    ),
    "STAMP's patient twice": (
        stamp("PATIENT,K,pred,K_m,K_w,loss\na,m,m,1,0,0\na,m,m,1,0,0\n"),
        r"patient-preds\.csv, line 3 \(expert 'uni'\): id 'a' is there twice, first in line 2\. "
        r"Keep one",
    ),
    "STAMP's label": (
        stamp("PATIENT,K,pred,K_m,K_w,loss\na,x,m,1,0,0\n"),
        r"patient-preds\.csv, line 2 \(expert 'uni'\): label 'x' is none of the classes \['m', "
        r"'w'\]\. Remove the row or correct the label\.",
    ),
    "MCAT's time": (
        mcat(survival=-1.0),
        MCAT
        + r"time -1 in column 'survival' is not positive and finite\. Correct it or remove the "
        r"row\.",
    ),
    "MCAT's censorship": (
        mcat(censorship=2.0),
        MCAT + r"event '-1' in column 'event' is neither 0 nor 1\. Write 1 where",
    ),
    "MCAT's risk": (
        mcat(risk=np.inf),
        MCAT + r"inf for 'risk' is infinite\. Clip it to a large finite value\.",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_broken_files_name_file_place_and_remedy(name, tmp_path):
    read, pattern = CASES[name]
    with pytest.raises(ValueError) as caught:
        read(tmp_path)
    assert re.fullmatch(f".*{pattern}.*", str(caught.value))
