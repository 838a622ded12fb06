"""Broken results of other programs: one line that names file, row, expert and remedy."""

import pickle
import re
import warnings

import h5py
import numpy as np
import pytest

from sklearn_logitprod.io import read_clam, read_logitprod, read_mcat, read_stamp


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
        r"uni \(expert 'uni'\): there is none of \['best_val_outputs\.npy', .*\]\. Every expert "
        r"has one; name the experts with experts=\[\.\.\.\]\.",
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
        lambda d: read_clam({"uni": d}),
        CLAM + r"there is no such file\. Nor is there fold_0\.csv\. Pass CLAM's results folder\.",
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
        r"patient-preds\.csv \(expert 'uni'\): the target may be any of \['PATIENT', 'pred'\]\. "
        r"Name it with label=",
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
