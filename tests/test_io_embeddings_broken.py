"""Broken features of slides: one line that names the file and what to do."""

import pickle
import re
import warnings
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from sklearn_logitprod.io import Embeddings, read_embeddings

LABELS = "slide_id,label\ns1,a\ns2,b\ns3,b\n"


def patches(n=4, d=3):
    return np.arange(1.0, 1 + n * d, dtype=np.float32).reshape(n, d) / 7


def h5(path, features=None, name="features", encoder=None, **more):
    with h5py.File(path, "w") as file:
        file[name] = patches() if features is None else features
        for key, value in more.items():
            file[key] = value
        if encoder is not None:
            file[name].attrs["encoder"] = encoder


def sound(root):
    root.mkdir()
    for slide in ("s1", "s2", "s3"):
        h5(root / f"{slide}.h5")


def broken(change, labels=None, **params):
    """Read a sound encoder beside one that is changed."""

    def read(folder):
        for name in ("conch", "uni"):
            sound(folder / name)
        change(folder / "uni")
        if labels is not None:
            (folder / "labels.csv").write_text(labels)
        paths = {name: folder / name for name in ("conch", "uni")}
        given = None if labels is None else folder / "labels.csv"
        return read_embeddings(paths, given, **params)

    return read


def slide(features=None, array="features"):
    """The same with one file written anew."""
    return broken(lambda root: h5(root / "s3.h5", features, array))


def said(labels, **params):
    """Sound encoders with these labels."""
    return broken(lambda root: None, labels, **params)


def one(name, write, **params):
    """A file or folder alone."""

    def read(folder):
        write(folder / name)
        return read_embeddings({"uni": folder / name}, **params)

    return read


def text(content, name="uni.csv", **params):
    return one(name, lambda path: path.write_text(content), **params)


def emptied(root):
    for path in root.iterdir():
        path.unlink()
    (root / "log.txt").write_text("")


def truncated(root):
    content = (root / "s3.h5").read_bytes()
    (root / "s3.h5").write_bytes(content[: len(content) // 2])


def pointer(root):
    (root / "s3.h5").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:84\n")


def renamed(name):
    def change(root):
        for path in sorted(root.iterdir()):
            path.rename(root / name.format(path.stem))

    return change


def nested(root):
    sound(root / "old")


def job(root):
    emptied(root)
    for name in ("features_uni", "features_conch"):
        sound(root / name)


def mixed(root):
    np.save(root / "s4.npy", patches())


def twice(root):
    for name in ("a", "b"):
        sound(root / name)


def coordinates(root):
    features = np.random.default_rng(0).normal(size=(20, 16)).astype(np.float32)
    features[:, :3] = np.c_[np.full(20, 16), np.arange(20), np.arange(20) // 5]
    for name in ("s1", "s2", "s3"):
        h5(root / f"{name}.h5", features)


def infinite(value):
    features = patches()
    features[2, 1] = value
    return features


def frame_pickle(path):
    path.write_bytes(pickle.dumps({"embeddings": patches(), "filenames": Path("s1")}))


def lone_npy(path):
    np.save(path, patches())


def npz(path, **arrays):
    np.savez(path, **arrays)


def same_folder(folder):
    sound(folder / "uni")
    return read_embeddings({"uni": folder / "uni", "uni2": folder / "uni"})


UNI = r"uni/{} \(expert 'uni'\): "
S3 = UNI.format(r"s3\.h5")
ROOT = r"uni \(expert 'uni'\): "


def claimed(root):
    """A file of HDF5 whose numbers are all left out."""
    with h5py.File(root / "s3.h5", "w") as file:
        file.create_dataset("features", (10_000_000, 3), "f8", chunks=(64, 3), maxshape=(None, 3))
        file["features"].resize(10**9, axis=0)


def timed(root):
    """A file of HDF5 with a type that NumPy does not have."""
    with h5py.File(root / "s3.h5", "a") as file:
        space = h5py.h5s.create_simple((4,))
        h5py.h5d.create(file.id, b"coords", h5py.h5t.UNIX_D32LE, space)


def endless(root):
    """Containers that hold each other in 2^60 ways."""
    held = [patches()]
    for _ in range(60):
        held = [held, held]
    for path in root.iterdir():
        path.unlink()
    (root / "s3.pkl").write_bytes(pickle.dumps(held))


CASES = {
    "features of more than a file can hold": (
        broken(claimed),
        S3
        + r"a file of [\d,]+ bytes claims to hold 24,000,000,000, as files do that are damaged or "
        r"made to fill memory\. If it is right, unpack it, .*",
    ),
    "a type that NumPy does not have": (
        broken(timed),
        S3 + r"this is no complete HDF5 file \(TypeError: No NumPy equivalent .*\)\. Copy the .*",
    ),
    "containers that hold each other without end": (
        broken(endless),
        UNI.format(r"s3\.pkl")
        + r"containers in it hold more than 1,000,000 others, .* Save the .*",
    ),
    "a file is truncated": (
        broken(truncated),
        S3 + r"this is no complete HDF5 file \(.*\)\. Copy the file again, or extract it anew\.",
    ),
    "a file is empty": (
        broken(lambda root: (root / "s3.h5").write_bytes(b"")),
        S3 + r"the file is empty\. Write it anew\.",
    ),
    "a file is a pointer of Git LFS": (broken(pointer), S3 + r"this is a pointer of Git LFS, .*"),
    "a file is wider": (
        slide(patches(d=5)),
        S3 + r"5 features, but 3 in .*s1\.h5: these are of several encoders\. Pass one folder .*",
    ),
    "a file holds a vector, others patches": (
        slide(patches()[0]),
        S3 + r"it holds one vector, but .*s1\.h5 holds patches: .* Pass one folder for each\.",
    ),
    "a file is of another encoder": (
        broken(lambda root: [h5(root / f"s{k}.h5", encoder=f"v{k // 3}") for k in (1, 2, 3)]),
        S3 + r"it says that it is of the encoder 'v1', but .*s1\.h5 of 'v0'\. Pass one folder .*",
    ),
    "a feature is NaN": (
        slide(infinite(np.nan)),
        S3 + r"feature 1 of patch 2 is nan\. Extract the file anew, in float32 .*",
    ),
    "a feature is infinite": (
        slide(infinite(np.inf).astype(np.float16)),
        S3 + r"feature 1 of patch 2 is inf\. Extract the file anew, .*",
    ),
    "features have three axes": (
        slide(np.zeros((2, 4, 3))),
        S3 + r"features have shape \(2, 4, 3\), expected \(n_patches, n_features\), or .*",
    ),
    "features are text": (
        slide(np.array([[b"a"]])),
        S3 + r"features have dtype \|S1\. Save them as numbers\.",
    ),
    "there are coordinates alone": (
        slide(np.zeros((4, 2), dtype=int), array="coords"),
        S3 + r"there are no features, only \['coords \(4, 2\)'\]\. Name the array with "
        r"features=\.\.\., or pass the folder of features\.",
    ),
    "there are features of two encoders in one file": (
        broken(lambda root: h5(root / "s3.h5", name="features/a", **{"features/b": patches()})),
        S3 + r"features may be any of \['features/a', 'features/b'\]\. Name the array with "
        r"features='features/a', or .*",
    ),
    "an array is not there": (
        broken(lambda root: None, features={"uni": "features/uni"}),
        UNI.format(r"s1\.h5") + r"there is no array 'features/uni'; there are \['features "
        r"\(4, 3\)'\]\. Name the right one with features=\.\.\.\.",
    ),
    "coordinates stand before the features": (
        broken(coordinates),
        UNI.format(r"s1\.h5") + r"the first 3 columns of features hold whole numbers such as "
        r"\[16\.0, 0\.0, 0\.0\], .* look like coordinates\. Save the features without them\.",
    ),
    "a folder has no features": (
        broken(emptied),
        ROOT + r"there are no files of features \(\.h5, .*\), only \['log\.txt'\]\. Pass the .*",
    ),
    "a folder has features of two encoders": (
        broken(job),
        ROOT + r"files of features are in \['features_conch/', 'features_uni/'\], which may be of "
        r"several encoders\. Pass one of these folders, or a pattern .*'.*uni/\*\*/\*\.h5'\.",
    ),
    "a folder lies within a folder": (
        broken(nested),
        ROOT + r"files of features are here and in \['old/'\], which may be of several .*",
    ),
    "a folder has files of two kinds": (
        broken(mixed),
        ROOT + r"files of features are of several kinds: 3 \.h5, 1 \.npy\. Pass a pattern .*",
    ),
    "a folder is absent": (
        lambda folder: read_embeddings({"uni": folder / "uni"}),
        ROOT + r"there is no such file\. Check the path of the folder or file\.",
    ),
    "a pattern means no file": (
        lambda folder: read_embeddings({"uni": str(folder / "uni" / "*.h5")}),
        r"uni/\*\.h5 \(expert 'uni'\): no file is called so\. Check the pattern\.",
    ),
    "two files are of one slide": (
        lambda folder: (
            (folder / "uni").mkdir(),
            twice(folder / "uni"),
            read_embeddings({"uni": str(folder / "uni" / "**" / "*.h5")}),
        ),
        UNI.format(r"b/s1\.h5") + r"slide 's1' is there twice, first in .*a/s1\.h5\. Keep one .*",
    ),
    "two encoders are one folder": (
        same_folder,
        r"uni \(expert 'uni2'\): these are the features of 'uni', too\. Name each .*",
    ),
    "an encoder has no slide in common with the labels": (
        broken(renamed("case_{}.h5"), LABELS, label="label"),
        UNI.format(r"case_s1\.h5") + r"none of 3 slides is in .*labels\.csv: here they look like "
        r"'case_s1', there like 's1'\. Write ids alike everywhere; .*",
    ),
    "an encoder has no slide in common with others": (
        broken(renamed("{}.svs.h5")),
        r"conch/s1\.h5 \(expert 'conch'\): none of 3 slides is in any other encoder: .* "
        r"Pass id_strip='suffix': some are alike then\.",
    ),
    "labels name patients, not slides": (
        broken(renamed("{}-DX1.h5"), LABELS, label="label"),
        UNI.format(r"s1-DX1\.h5") + r"none of 3 slides is in .*labels\.csv: .* such as patients, "
        r"begin those of slides: write a row for each slide, with its patient in a column that "
        r"group=\.\.\. names\.",
    ),
    "the labels are absent": (
        lambda folder: (
            sound(folder / "uni"),
            read_embeddings({"uni": folder / "uni"}, folder / "labels.csv", label="label"),
        ),
        r"labels\.csv: there is no such file\. Check the path\.",
    ),
    "the column of labels is absent": (
        said(LABELS, label="msi"),
        r"labels\.csv: there is no column 'msi'; there are \['slide_id', 'label'\]\. Name the "
        r"right one with label=\.\.\.",
    ),
    "a label is empty": (
        said(LABELS.replace("s2,b", "s2,"), label="label"),
        r"labels\.csv, line 3: column 'label' \(label\) is empty in 1 of 3 rows, here first\. .*",
    ),
    "a value is empty": (
        said("slide_id,hrd\ns1,1.5\ns2,\ns3,2\n", value="hrd"),
        r"labels\.csv, line 3: the value in column 'hrd' is nan, or empty, in 1 of 3 rows, .*",
    ),
    "a slide is in the labels twice": (
        said(LABELS + "s1,a\n", label="label"),
        r"labels\.csv, line 5: id 's1' is there twice, first in line 2\. Keep one row per slide\.",
    ),
    "nothing is asked of the labels": (
        said(LABELS),
        r"labels\.csv: none of its columns is asked for; there are \['slide_id', 'label'\]\. "
        r"Name that of the classes with label=\.\.\., .*",
    ),
    "there are no labels": (
        broken(lambda root: None, label="label"),
        r"columns \['label'\] are asked for, but no table has them: pass labels='labels\.csv'\.",
    ),
    "classes and values are asked for": (
        said(LABELS, label="label", value="label"),
        r"label and value are of different tasks: name classes with label=\.\.\., .*",
    ),
    "classes are measurements": (
        said("slide_id,hrd\ns1,1.5\ns2,7\ns3,2.25\n", label="hrd"),
        r"labels\.csv: column 'hrd' \(label\) holds numbers such as .*: these are no classes\. .*, "
        r"or that of a regression with value='hrd'\.",
    ),
    "an event has no time": (
        said(LABELS, event="label"),
        r"event and time go together: name both columns, or neither\.",
    ),
    "an average is over no groups": (
        said(LABELS, label="label", average=True),
        r"the slides of which groups are averaged\? Name their column with group=\.\.\.\.",
    ),
    "the pool is unknown": (
        broken(lambda root: None, pool="max"),
        r"pool='max' is unknown; it is one of \['mean', 'mean_std'\]\.",
    ),
    "a folder is of no named encoder": (
        lambda folder: read_embeddings("feats/uni"),
        r"a single folder, file or frame was given: .* such as \{'uni': 'feats/uni'\}\.",
    ),
    "features are said of an unknown encoder": (
        broken(lambda root: None, features={"virchow": "features"}),
        r"features=\.\.\. names \['virchow'\], but the encoders are \['conch', 'uni'\]\.",
    ),
    "a table has a column of text": (
        text("slide_id,f0,f1,site\ns1,1,2,x\n"),
        r"uni\.csv \(expert 'uni'\): columns \['site'\] hold no numbers\. Remove them, or name "
        r"those of features with features='f\*'\.",
    ),
    "a table has a column beside numbered ones": (
        text("slide_id,f0,f1,f2,age\ns1,1,2,3,40\n"),
        r"uni\.csv \(expert 'uni'\): columns \['age'\] are not called like the features, such as "
        r"'f0'\. Remove them, or name those of features with features='f\*'\.",
    ),
    "a table has no identifiers": (
        text("f0,f1\n1,2\n"),
        r"uni\.csv \(expert 'uni'\): there is no column 'slide_id'; there are \['f0', 'f1'\]\. .*",
    ),
    "a table has a slide twice": (
        text("slide_id,f0,f1\ns1,1,2\ns2,1,2\ns1,3,4\n"),
        r"uni\.csv, line 4 \(expert 'uni'\): slide 's1' is there twice, first in .*uni\.csv, line "
        r"2\. Keep one row or file per slide; .*",
    ),
    "a table has a gap": (
        text("slide_id,f0,f1\ns1,1,\ns2,1,2\n"),
        r"uni\.csv, line 2 \(expert 'uni'\): feature 1 of 's1' is nan\. Fill it in, or leave .*",
    ),
    "a table has no such column": (
        text("slide_id,f0,f1\ns1,1,2\n", features="g*"),
        r"uni\.csv \(expert 'uni'\): no column is called 'g\*'; there are \['slide_id', .*",
    ),
    "an array has no identifiers": (
        one("uni.npy", lone_npy),
        r"uni\.npy \(expert 'uni'\): it holds an array of shape \(4, 3\), but no ids, .*",
    ),
    "a file of one slide stands for all": (
        one("uni.npz", lambda path: npz(path, features=patches(), coords=np.zeros((4, 2)))),
        r"uni\.npz \(expert 'uni'\): it holds features of shape \(4, 3\), but no ids, .* Pass the "
        r"folder of such files, or save an array 'ids' beside it\.",
    ),
    "identifiers are too few": (
        one("uni.npz", lambda path: npz(path, features=patches(), ids=np.array(["s1"]))),
        r"uni\.npz \(expert 'uni'\): 'features' has shape \(4, 3\) beside 1 ids, expected .*",
    ),
    "a pickle names what may run": (
        one("uni.pkl", frame_pickle),
        r"uni\.pkl \(expert 'uni'\): the pickle names pathlib\..*, which is neither .*",
    ),
    "an npz file holds objects": (
        one("uni.npz", lambda path: npz(path, features=np.array([None]))),
        r"uni\.npz \(expert 'uni'\): this is no complete npz file \(.* holds pickled objects, .*",
    ),
    "a format is unknown": (
        text("x", name="uni.zarr.zip"),
        r"uni\.zarr\.zip \(expert 'uni'\): this format is not known\. The formats are .*",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_broken_features_name_file_and_remedy(name, tmp_path):
    read, pattern = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("ignore", UserWarning)
        with pytest.raises(ValueError) as caught:
            read(tmp_path)
    message = str(caught.value)
    assert re.search(f"(?:^|/){pattern}$", message), message
    assert "\n" not in message


def test_all_files_are_looked_at_before_one_is_pooled(tmp_path, monkeypatch):
    def fail(*args):
        raise AssertionError("pooled")

    monkeypatch.setattr("sklearn_logitprod.io._encoders.pooled", fail)
    with pytest.raises(ValueError, match=r"s3\.h5 .* 5 features, but 3 in"):
        slide(patches(d=5))(tmp_path)


def frame(columns, index=("s1", "s2"), values=1.0):
    return pd.DataFrame(values, index=list(index), columns=pd.MultiIndex.from_tuples(columns))


UNI_2 = [("uni", 0), ("uni", 1)]


@pytest.mark.parametrize(
    ("fields", "pattern"),
    [
        ((pd.DataFrame(np.eye(2)),), r"X has 1 level\(s\) of columns, expected two"),
        ((frame([("uni", 0), ("conch", 0), ("uni", 1)]),), "do not stand side by side"),
        ((frame(UNI_2, ("s1", "s1")),), "slide 's1' is in X twice"),
        ((frame(UNI_2), np.array([0, 1])), "task_name=None says what y holds"),
        ((frame(UNI_2), np.array([0]), None, "classes"), "y has 1 entries for 2 slides"),
        ((frame(UNI_2, values=[[1, np.nan], [1, 2]]),), "'s1' has only some features of 'uni'"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(fields, pattern):
    with pytest.raises(ValueError, match=pattern):
        Embeddings(*fields)


def test_an_average_needs_groups():
    with pytest.raises(ValueError, match="there are no groups to average over"):
        Embeddings(frame(UNI_2)).average()
