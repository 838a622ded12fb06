"""Features of slides in files: every layout, pooling, what is missing where, memory."""

import pickle
import subprocess
import sys
import warnings

import h5py
import numpy as np
import pandas as pd
import pytest

from sklearn_logitprod.io import Embeddings, read_embeddings
from sklearn_logitprod.io._barcodes import patients_of
from sklearn_logitprod.io._source import Source
from sklearn_logitprod.io._tensors import load_tensors

RNG = np.random.default_rng(0)
SLIDES = {"s1": RNG.normal(size=(7, 3)), "s2": RNG.normal(size=(4, 3)), "s3": np.ones((1, 3))}
SLIDES = {name: patches.astype(np.float32) for name, patches in SLIDES.items()}
# of another encoder
DOUBLED = {name: 2 * own for name, own in SLIDES.items()}
MEANS = np.array([patches.mean(axis=0, dtype=float) for patches in SLIDES.values()])


def h5(path, features, name="features", attrs=(), **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file[name] = features
        for key, value in more.items():
            file[key] = value
        for key, value in dict(attrs).items():
            file.attrs[key] = value


def folder_of(root, slides=SLIDES, **how):
    for slide, features in slides.items():
        h5(root / f"{slide}.h5", features, **how)
    return root


def trident(root):
    # WSI.extract_patch_features and extract_slide_features of TRIDENT 0.2.4
    for slide, features in SLIDES.items():
        path = root / f"{slide}.h5"
        h5(path, features, coords=np.zeros((len(features), 2), dtype=np.int64))
        with h5py.File(path, "a") as file:
            file["features"].attrs.update({"encoder": "uni_v1", "name": slide})
    return root


def trident_older(root):
    return folder_of(root, {slide: features[None] for slide, features in SLIDES.items()})


def trident_pt(root):
    # an array of NumPy, which torch.load with weights_only=True refuses
    torch = pytest.importorskip("torch")
    root.mkdir()
    for slide, features in SLIDES.items():
        torch.save(features, root / f"{slide}.pt")
    return root


def clam_pt(root):
    torch = pytest.importorskip("torch")
    (root / "pt_files").mkdir(parents=True)
    for slide, features in SLIDES.items():
        torch.save(torch.tensor(features), root / "pt_files" / f"{slide}.pt")
    return root


def clam_older_pt(root):
    torch = pytest.importorskip("torch")
    root.mkdir()
    for slide, features in SLIDES.items():
        old = {"_use_new_zipfile_serialization": False}
        torch.save(torch.tensor(features), root / f"{slide}.pt", **old)
    return root


def dict_pt(root):
    torch = pytest.importorskip("torch")
    root.mkdir()
    for slide, features in SLIDES.items():
        content = {"features": torch.tensor(features), "coords": torch.zeros(len(features), 2)}
        torch.save(content, root / f"{slide}.pt")
    return root


def transposed_pt(root):
    torch = pytest.importorskip("torch")
    root.mkdir()
    for slide, features in SLIDES.items():
        torch.save(torch.tensor(features.T.copy()).T, root / f"{slide}.pt")
    return root


def stamp(root):
    attrs = {"stamp_version": "2.4.0", "extractor": "uni", "unit": "um", "feat_type": "tile"}
    folder_of(root, name="feats", attrs=attrs, coords=np.zeros((1, 2)))
    for slide in SLIDES:
        # a thumbnail beside each file
        (root / f"{slide}.jpg").write_bytes(b"")
    return root


def stamp_slides(root):
    # an older `stamp encode_slides`: one file, an array for each slide
    with h5py.File(root.with_suffix(".h5"), "w") as file:
        for slide, mean in zip(SLIDES, MEANS):
            file[slide] = mean
        file.attrs["encoder"] = "cobra"
    return root.with_suffix(".h5")


def slideflow(root):
    clam_pt(root)
    for slide, features in SLIDES.items():
        np.savez(root / "pt_files" / f"{slide}.index.npz", np.zeros((len(features), 2)))
    (root / "pt_files" / "bags_config.json").write_text("{}")
    return root


def atlas_patch(root):
    for slide, features in SLIDES.items():
        more = {"features/resnet50": features + 1, "coords": np.zeros((len(features), 5))}
        h5(root / f"{slide}.h5", features, name="features/uni", **more)
    return root


def by_folder(root):
    for slide, features in SLIDES.items():
        (root / slide).mkdir(parents=True)
        np.save(root / slide / "features.npy", features)
    return str(root / "*" / "features.npy")


def npz(root):
    root.mkdir()
    for slide, features in SLIDES.items():
        np.savez(root / f"{slide}.npz", features=features, coords=np.zeros((len(features), 2)))
    return root


def npz_compressed(root):
    root.mkdir()
    for slide, features in SLIDES.items():
        np.savez_compressed(root / f"{slide}.npz", np.asfortranarray(features))
    return root


def listed(root):
    return sorted(npz(root).iterdir())


def npz_of_all(root):
    path = root.with_suffix(".npz")
    np.savez(path, ids=np.array(list(SLIDES)), features=MEANS)
    return path


def titan_pickle(root):
    # TCGA_TITAN_features.pkl, which MahmoodLab/TITAN publishes
    path = root.with_suffix(".pkl")
    path.write_bytes(pickle.dumps({"embeddings": MEANS, "filenames": list(SLIDES)}))
    return path


def h5_of_all(root):
    path = root.with_suffix(".h5")
    h5(path, MEANS, ids=np.array(list(SLIDES), dtype="S"))
    return path


def h5_groups(root):
    path = root.with_suffix(".h5")
    with h5py.File(path, "w") as file:
        for slide, features in SLIDES.items():
            file[f"{slide}/features"] = features
            file[f"{slide}/coords"] = np.zeros((len(features), 2))
    return path


def table(root):
    frame = pd.DataFrame(MEANS, index=list(SLIDES), columns=["f0", "f1", "f2"])
    frame.rename_axis("slide_id").to_csv(root.with_suffix(".csv"))
    return root.with_suffix(".csv")


def parquet(root):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame(MEANS, columns=["f0", "f1", "f2"]).assign(slide=list(SLIDES))
    # identifiers are in the only column of text, columns in another order
    frame[["slide", "f2", "f0", "f1"]].to_parquet(root.with_suffix(".parquet"))
    return root.with_suffix(".parquet")


def frame(root):
    return pd.DataFrame(MEANS).assign(slide_id=list(SLIDES))


LAYOUTS = [
    trident,
    trident_older,
    trident_pt,
    clam_pt,
    clam_older_pt,
    dict_pt,
    transposed_pt,
    stamp,
    stamp_slides,
    slideflow,
    atlas_patch,
    by_folder,
    npz,
    npz_compressed,
    listed,
    npz_of_all,
    titan_pickle,
    h5_of_all,
    h5_groups,
    table,
    parquet,
    frame,
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_every_layout_gives_the_mean_of_each_slide(layout, tmp_path):
    embeddings = read_embeddings({"uni": layout(tmp_path / "uni")})
    assert embeddings.ids.tolist() == list(SLIDES)
    assert embeddings.X.columns.tolist() == [("uni", k) for k in range(3)]
    assert set(embeddings.X.dtypes) == {np.dtype(np.float32)}
    np.testing.assert_allclose(embeddings.X, MEANS, rtol=1e-6, atol=1e-7)


def test_vectors_of_slides_stay_as_they_are(tmp_path):
    folder_of(tmp_path / "titan", dict(zip(SLIDES, MEANS)), coords=np.zeros((3, 2)))
    for pool in ("mean", "mean_std"):
        embeddings = read_embeddings({"titan": tmp_path / "titan"}, pool=pool)
        np.testing.assert_array_equal(embeddings.X, MEANS.astype(np.float32))
        assert (embeddings.patches["titan"] == 1).all()


def test_deviations_follow_the_means(tmp_path):
    embeddings = read_embeddings({"uni": folder_of(tmp_path)}, pool="mean_std")
    expected = [np.r_[x.mean(axis=0, dtype=float), x.std(axis=0)] for x in SLIDES.values()]
    np.testing.assert_allclose(embeddings.X, expected, rtol=1e-5, atol=1e-7)
    assert embeddings.patches["uni"].tolist() == [7, 4, 1]


def test_blocks_of_any_size_give_the_same_vector(tmp_path, monkeypatch):
    patches = {"s1": RNG.normal(1000.0, 1.0, size=(1001, 4))}
    for kind in ("h5", "npz"):
        (tmp_path / kind).mkdir()
    h5(tmp_path / "h5" / "s1.h5", patches["s1"])
    np.savez_compressed(tmp_path / "npz" / "s1.npz", patches["s1"])
    for block in (1, 8 * 4 * 100, 1 << 24):
        monkeypatch.setattr("sklearn_logitprod.io._pooling._BLOCK", block)
        for kind in ("h5", "npz"):
            found = read_embeddings({"uni": tmp_path / kind}, pool="mean_std").X.to_numpy()[0]
            exact = np.r_[patches["s1"].mean(axis=0), patches["s1"].std(axis=0)]
            np.testing.assert_allclose(found, exact, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int8"])
def test_other_numbers_are_read_for_what_they_are(dtype, tmp_path):
    torch = pytest.importorskip("torch")
    tensor = torch.tensor([[1.0, -2.5], [3.0, 0.5]]).to(getattr(torch, dtype))
    torch.save(tensor, tmp_path / "s1.pt")
    expected = tensor.to(torch.float64).mean(dim=0).numpy()
    found = read_embeddings({"uni": tmp_path}).X.to_numpy()[0]
    np.testing.assert_array_equal(found, expected.astype(np.float32))


def test_a_sum_beyond_float16_is_no_infinity(tmp_path):
    h5(tmp_path / "s1.h5", np.full((100, 2), 60_000, dtype=np.float16))
    found = read_embeddings({"uni": tmp_path}).X.to_numpy()
    np.testing.assert_array_equal(found, np.full((1, 2), np.float16(60_000), dtype=np.float32))


def labelled(root, text="slide_id,label,who\ns1,a,p1\ns2,b,p2\ns3,b,p2\n"):
    path = root / "labels.csv"
    path.write_text(text)
    return path


def test_slides_that_lack_an_encoder_are_kept_and_counted(tmp_path):
    folder_of(tmp_path / "uni", {"s1": SLIDES["s1"], "s2": SLIDES["s2"]})
    folder_of(tmp_path / "conch", {"s2": SLIDES["s2"][:, :2], "s9": SLIDES["s1"][:, :2]})
    paths = {name: tmp_path / name for name in ("uni", "conch")}
    with pytest.warns(UserWarning, match="left out") as caught:
        embeddings = read_embeddings(paths, labelled(tmp_path), label="label", group="who")
    stranger, featureless = (str(warning.message) for warning in caught)
    assert "conch (expert 'conch'): 1 of 2 slides are not in" in stranger
    assert "such as 's9'" in stranger
    assert "1 of 3 rows have features of no encoder" in featureless
    assert "labels.csv, line 4: 's3'" in featureless
    assert embeddings.ids.tolist() == ["s1", "s2"]
    assert embeddings.missing.tolist() == [[False, True], [False, False]]
    assert embeddings.X["conch"].isna().all(axis=1).tolist() == [True, False]
    assert embeddings.counts.to_dict("index") == {
        "uni": {"features": 3, "slides": 2, "missing": 0, "patches": 11, "left_out": 0},
        "conch": {"features": 2, "slides": 1, "missing": 1, "patches": 4, "left_out": 1},
    }
    assert embeddings.left_out == {"uni": 0, "conch": 1, "labels": 1}
    assert embeddings.y.tolist() == ["a", "b"]
    assert embeddings.groups.tolist() == ["p1", "p2"]
    said = "Embeddings(2 slides, uni (3 features), conch (2 features, 1 slide missing), "
    assert repr(embeddings) == said + "classes ['a', 'b'], 2 groups)"
    assert "1 row of the labels without features" in embeddings._repr_html_()


def test_rows_are_in_the_order_of_the_labels_and_each_encoder_is_read_for_itself(tmp_path):
    folder_of(tmp_path / "uni")
    folder_of(tmp_path / "conch", {"s3": DOUBLED["s3"], "s1": DOUBLED["s1"]})
    labels = pd.DataFrame({"slide_id": ["s3", "s1", "s2"], "label": [1, 0, 1]})
    alone = read_embeddings({"uni": tmp_path / "uni"}, labels, label="label")
    paths = {"conch": tmp_path / "conch", "uni": tmp_path / "uni"}
    both = read_embeddings(paths, labels, label="label")
    assert both.ids.tolist() == ["s3", "s1", "s2"]
    assert both.y.tolist() == [1, 0, 1]
    pd.testing.assert_frame_equal(both.X[["uni"]], alone.X)


def test_files_of_slides_that_are_not_asked_for_are_not_opened(tmp_path):
    folder_of(tmp_path / "uni")
    (tmp_path / "uni" / "s9.h5").write_bytes(b"no HDF5")
    with pytest.warns(UserWarning, match="1 of 4 slides are not in"):
        read_embeddings({"uni": tmp_path / "uni"}, labelled(tmp_path), label="label")


def test_values_and_events_are_named_apart_from_classes(tmp_path):
    folder_of(tmp_path / "uni")
    text = "slide_id,hrd,event,time\ns1,12.5,1,3\ns2,41,0,7.5\ns3,8,1,2\n"
    labels = labelled(tmp_path, text)
    of_values = read_embeddings({"uni": tmp_path / "uni"}, labels, value="hrd")
    assert (of_values.task_name, of_values.y.tolist()) == ("values", [12.5, 41.0, 8.0])
    of_events = read_embeddings({"uni": tmp_path / "uni"}, labels, event="event", time="time")
    assert of_events.task_name == "events"
    assert of_events.y.tolist() == [(True, 3.0), (False, 7.5), (True, 2.0)]
    assert of_events.classes is None


def test_the_slides_of_a_patient_are_averaged_on_request(tmp_path):
    folder_of(tmp_path / "uni")
    folder_of(tmp_path / "conch", {"s3": DOUBLED["s3"], "s1": DOUBLED["s1"]})
    paths = {name: tmp_path / name for name in ("uni", "conch")}
    how = {"label": "label", "group": "who"}
    apart = read_embeddings(paths, labelled(tmp_path), **how)
    patients = read_embeddings(paths, labelled(tmp_path), average=True, **how)
    assert patients.ids.tolist() == ["p1", "p2"]
    assert patients.y.tolist() == ["a", "b"]
    assert patients.groups is None
    uni = apart.X["uni"].to_numpy()
    np.testing.assert_allclose(patients.X["uni"], [uni[0], (uni[1] + uni[2]) / 2], rtol=1e-6)
    # of the encoder that one slide lacks, the other one counts
    np.testing.assert_array_equal(patients.X["conch"].to_numpy()[1], np.full(3, 2.0))
    assert patients.patches["uni"].tolist() == [7, 5]


def test_patients_with_two_truths_are_named():
    X = pd.DataFrame(
        np.eye(2), index=["s1", "s2"], columns=pd.MultiIndex.from_product([["uni"], [0, 1]])
    )
    unlike = Embeddings(X, np.array(["a", "b"]), np.array(["p1", "p1"]), "classes")
    with pytest.raises(ValueError, match="group 'p1' differ in y: 's1' has 'a', 's2' has 'b'"):
        unlike.average()


def test_slides_and_encoders_are_taken_by_position_and_name(tmp_path):
    folder_of(tmp_path / "uni")
    folder_of(tmp_path / "conch", DOUBLED)
    paths = {name: tmp_path / name for name in ("uni", "conch")}
    embeddings = read_embeddings(paths, labelled(tmp_path), label="label", group="who")
    some = embeddings.take(embeddings.y == "b")
    assert (some.ids.tolist(), some.groups.tolist()) == (["s2", "s3"], ["p2", "p2"])
    assert embeddings[[2, 0]].ids.tolist() == ["s3", "s1"]
    assert embeddings[:1].patches["uni"].tolist() == [7]
    swapped = embeddings.take_encoders(["conch", "uni"])
    assert swapped.encoders == ["conch", "uni"]
    with pytest.raises(ValueError, match="no encoder is named 'virchow'"):
        embeddings.take_encoders(["virchow"])
    with pytest.raises(IndexError, match="several rows"):
        embeddings[0]


def test_identifiers_keep_their_zeros(tmp_path):
    folder_of(tmp_path / "uni", {"0001": SLIDES["s1"], "0002": SLIDES["s2"]})
    labels = labelled(tmp_path, "slide_id,label\n0001,a\n0002,b\n")
    embeddings = read_embeddings({"uni": tmp_path / "uni"}, labels, label="label")
    assert embeddings.ids.tolist() == ["0001", "0002"]


def test_what_only_some_writers_add_to_names_is_left_out_on_request(tmp_path):
    folder_of(tmp_path / "uni", {f"{slide}.svs": x for slide, x in SLIDES.items()})
    labels = labelled(tmp_path)
    with pytest.raises(ValueError, match=r"Pass id_strip='suffix': some are alike then\."):
        read_embeddings({"uni": tmp_path / "uni"}, labels, label="label")
    found = read_embeddings({"uni": tmp_path / "uni"}, labels, label="label", id_strip="suffix")
    assert found.ids.tolist() == ["s1", "s2", "s3"]


def test_a_name_beside_features_that_is_no_text(tmp_path):
    (tmp_path / "uni").mkdir()
    with h5py.File(tmp_path / "uni" / "s1.h5", "w") as file:
        file["features"] = np.ones((4, 3), dtype=np.float32)
        file[b"co\xffords"] = np.zeros((4, 2))
    assert read_embeddings({"uni": tmp_path / "uni"}).X.shape == (1, 3)


def test_slides_that_are_lost_for_how_their_names_are_written_are_mentioned(tmp_path):
    folder_of(tmp_path / "uni", {"s1": SLIDES["s1"], "s2.svs": SLIDES["s2"]})
    labels = pd.DataFrame({"slide_id": ["s1", "s2"], "label": [0, 1]})
    with pytest.warns(UserWarning, match=r"'s2\.svs'\. Pass id_strip='suffix'") as caught:
        read_embeddings({"uni": tmp_path / "uni"}, labels, label="label")
    assert "labels, row 1: 's2'" in str(caught[1].message)


def test_hidden_files_and_those_of_no_features_are_passed_over(tmp_path):
    folder_of(tmp_path / "features_uni")
    (tmp_path / "features_uni" / ".DS_Store").write_bytes(b"\0")
    (tmp_path / "features_uni" / "._s1.h5").write_bytes(b"\0")
    (tmp_path / "features_uni" / ".cache").mkdir()
    h5(tmp_path / "features_uni" / ".cache" / "s1.h5", SLIDES["s1"])
    (tmp_path / "features_uni" / "log.txt").write_text("done")
    assert len(read_embeddings([tmp_path / "features_uni"])) == 3


def test_a_lock_is_mentioned(tmp_path):
    folder_of(tmp_path / "uni")
    (tmp_path / "uni" / "s4.h5.lock").write_text("")
    with pytest.warns(UserWarning, match=r"1 file\(s\) such as 's4.h5.lock'"):
        read_embeddings({"uni": tmp_path / "uni"})


def test_a_slide_without_patches_lacks_the_encoder(tmp_path):
    folder_of(tmp_path / "uni", SLIDES | {"s2": np.empty((0, 3), dtype=np.float32)})
    folder_of(tmp_path / "conch", DOUBLED)
    paths = {name: tmp_path / name for name in ("uni", "conch")}
    with pytest.warns(UserWarning, match=r"1 of 3 slides have no patches, such as .*s2\.h5"):
        embeddings = read_embeddings(paths, labelled(tmp_path), label="label")
    assert embeddings.missing[:, 0].tolist() == [False, True, False]


def test_arrays_and_columns_are_named_by_encoder(tmp_path):
    atlas_patch(tmp_path / "both")
    frame = pd.DataFrame({"slide_id": ["s1", "s2"], "age": [50, 60], "g_b": [1.0, 2], "g_a": 0.5})
    features = {"a": "features/uni", "b": "features/resnet50", "genes": "g_*"}
    encoders = {"a": tmp_path / "both", "b": tmp_path / "both", "genes": frame}
    embeddings = read_embeddings(encoders, features=features)
    np.testing.assert_allclose(embeddings.X["b"] - embeddings.X["a"], 1.0, rtol=1e-5)
    # names that are no numbers stay, in the order of the table
    assert embeddings.X["genes"].columns.tolist() == ["g_b", "g_a"]


def test_tables_of_several_cohorts_are_one_after_the_other(tmp_path):
    (tmp_path / "a.csv").write_text("slide_id,f0,f1\ns1,1,2\n")
    (tmp_path / "b.csv").write_text("slide_id,f1,f0\ns2,4,3\n")
    found = read_embeddings({"uni": str(tmp_path / "?.csv")})
    assert found.X.to_numpy().tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_an_empty_row_of_a_table_is_a_missing_expert(tmp_path):
    (tmp_path / "uni.csv").write_text("slide_id,f0,f1\ns1,1,2\ns2,,\n")
    (tmp_path / "conch.csv").write_text("slide_id,f0\ns1,1\ns2,2\n")
    found = read_embeddings([tmp_path / "uni.csv", tmp_path / "conch.csv"])
    assert found.missing.tolist() == [[False, False], [True, False]]


def test_patients_across_slides_are_mentioned_once(tmp_path):
    ids = ["TCGA-02-0001-01Z-00-DX1", "TCGA-02-0001-01Z-00-DX2", "TCGA-02-0003-01Z-00-DX1"]
    folder_of(tmp_path / "uni", dict(zip(ids, SLIDES.values())))
    frame = pd.DataFrame({"slide_id": ids, "label": [0, 1, 1], "site": "x"})

    def read(labels, **params):
        return read_embeddings({"uni": tmp_path / "uni"}, labels, label="label", **params)

    with pytest.warns(UserWarning, match="3 ids are of 2 patients") as caught:
        read(frame)
    assert len(caught) == 1
    with pytest.warns(UserWarning, match="column 'patient' of labels is not used") as caught:
        read(frame.rename(columns={"site": "patient"}))
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(frame, group="site")
    assert patients_of(ids).tolist() == ["TCGA-02-0001"] * 2 + ["TCGA-02-0003"]
    assert patients_of(["TCGA-02-0001-01Z", "TCGA-02-0003-01Z", "s1"]) is None


def test_nothing_that_a_file_of_torch_names_is_run(tmp_path):
    torch = pytest.importorskip("torch")

    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    for old in (True, False):
        torch.save({"features": Trap()}, tmp_path / "s1.pt", _use_new_zipfile_serialization=old)
        with pytest.raises(ValueError, match=r"s1\.pt .*names (io|_io)\.open, which is neither"):
            read_embeddings({"uni": tmp_path})
    assert not (tmp_path / "sprung").exists()


def test_a_tensor_beyond_its_numbers_is_refused(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "s1.pt"
    torch.save(torch.zeros(300, 2), path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    # the shape, 300, is two bytes of the pickle
    path.write_bytes(content.replace(b"M\x2c\x01K\x02\x86", b"M\x2d\x01K\x02\x86", 1))
    assert path.read_bytes() != content
    with pytest.raises(ValueError, match="a tensor beyond its numbers"):
        load_tensors(Source(str(path), "uni"), path)


def test_files_are_read_without_torch(tmp_path, without_torch):
    clam_pt(tmp_path / "uni")
    code = f"""{without_torch}
from sklearn_logitprod.io import read_embeddings
print(read_embeddings({{"uni": {str(tmp_path / "uni")!r}}}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "Embeddings(3 slides, uni (3 features))", done.stderr


def test_progress_is_told_on_request(tmp_path, capsys):
    read_embeddings({"uni": folder_of(tmp_path)}, verbose=1)
    said = capsys.readouterr().err
    assert "uni: looking at 3 slides" in said
    assert "uni: 3 of 3 slides" in said
    assert said.endswith("Embeddings(3 slides, uni (3 features))\n")


MEMORY = """
import resource, sys
import numpy as np
from sklearn_logitprod.io import read_embeddings
read_embeddings({"uni": sys.argv[1]}, pool="mean_std")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = read_embeddings({"uni": sys.argv[2]}, pool="mean_std")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def test_patches_are_pooled_without_being_all_in_memory(tmp_path):
    pytest.importorskip("resource")
    for name, n in (("small", 100), ("large", 100_000)):
        (tmp_path / name).mkdir()
        with h5py.File(tmp_path / name / "s1.h5", "w") as file:
            # sparse: chunks that are not written take no room on disk
            file.create_dataset("features", (n, 1024), np.float32, chunks=(50, 1024))
    paths = [str(tmp_path / name) for name in ("small", "large")]
    command = [sys.executable, "-c", MEMORY, *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    # 400 MiB of features
    assert float(done.stdout) < 100
