"""From folders of features to an answer: numbers of the Python call, no leak, cache, messages."""

import contextlib
import io
import re
import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.cli import main
from sklearn_logitprod.deployment import add_expert
from sklearn_logitprod.experts import LogisticHead, on_all_views, on_view
from sklearn_logitprod.inspection import compare
from sklearn_logitprod.io import read_embeddings

skops = pytest.importorskip("skops.io")
ENCODERS = ["uni", "conch", "gigapath"]
N_SLIDES, N_PATIENTS, N_FEATURES = 40, 30, 8
MISSING = [3, 4]
QUICK = ["--repeats", "1", "--cv", "2", "--resamples", "50", "--gate", "none", "--quiet"]


@pytest.fixture(scope="module")
def feats(tmp_path_factory):
    """Folder with a folder of each encoder and the table of labels."""
    folder, rng = tmp_path_factory.mktemp("feats"), np.random.default_rng(0)
    y = np.arange(N_SLIDES) % N_PATIENTS % 2
    signal = rng.normal(size=N_SLIDES) + 2.0 * y
    for name in [*ENCODERS, "late"]:
        (folder / name).mkdir()
        X = rng.normal(size=(N_SLIDES, N_FEATURES))
        X[:, 0] += signal
        for row in range(N_SLIDES):
            if name != "conch" or row not in MISSING:
                patches = X[row] + 0.1 * rng.normal(size=(3, N_FEATURES))
                with h5py.File(folder / name / f"s{row:02d}.h5", "w") as file:
                    file["features"] = patches.astype(np.float32)
    table = pd.DataFrame({"slide_id": [f"s{row:02d}" for row in range(N_SLIDES)]})
    table["tumour"] = np.array(["no", "yes"])[y]
    table["patient"] = [f"p{row % N_PATIENTS:02d}" for row in range(N_SLIDES)]
    table["age"] = 50.0 + 5.0 * signal
    table["dead"], table["months"] = 1 - y // 2, rng.exponential(10.0 * np.exp(-signal)) + 0.1
    table.to_csv(folder / "labels.csv", index=False)
    return folder


def folders(feats, names=ENCODERS):
    return [f"{name}={feats / name}" for name in names]


def probe(feats, *options, names=ENCODERS, truth=("--label", "tumour", "--group", "patient")):
    """Exit code of the command."""
    command = ["probe", *folders(feats, names), "--labels", str(feats / "labels.csv"), *truth]
    return main([*command, *QUICK, *options])


def read(feats, **said):
    said = {"label": "tumour", "group": "patient"} | said
    return read_embeddings({n: feats / n for n in ENCODERS}, feats / "labels.csv", **said)


def fusion(names=ENCODERS, head=None, **params):
    head = LogisticHead(random_state=0) if head is None else head
    experts = [(name, on_view(name, head)) for name in names]
    return LogitProdClassifier(experts, cv=5, gate_width=None, random_state=0, **params)


@pytest.fixture(scope="module")
def ran(feats, tmp_path_factory):
    """Folder of a run that wrote all there is, and what it printed."""
    folder, printed = tmp_path_factory.mktemp("ran"), io.StringIO()
    names = ("out", "table.csv"), ("report", "report.html"), ("save", "model.skops")
    options = [text for name, file in names for text in (f"--{name}", str(folder / file))]
    with contextlib.redirect_stdout(printed):
        assert probe(feats, "--cache", str(folder / "cache"), *options) == 0
    (folder / "printed.txt").write_text(printed.getvalue(), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def saved(ran):
    return ran / "model.skops"


@pytest.fixture(scope="module")
def model(feats):
    """What the command saves, fitted in Python."""
    return fusion().fit(read(feats))


def test_numbers_are_those_of_the_python_call(feats, ran):
    expected = compare(
        fusion(),
        read(feats),
        rivals={"concatenated features": on_all_views(LogisticHead(random_state=0))},
        cv=2,
        n_repeats=1,
        n_resamples=50,
    )
    written = pd.read_csv(ran / "table.csv", index_col="method")
    assert list(written.index) == list(expected.index)
    columns = [name for name in expected if name != "fit_seconds"]
    np.testing.assert_allclose(written[columns], expected[columns], rtol=1e-9)
    timed = ["concatenated features", "LogitProd"]
    assert list(written.index[written["fit_seconds"] > 0]) == timed
    out = (ran / "printed.txt").read_text(encoding="utf-8")
    assert max(map(len, out.splitlines())) <= 100
    assert "Beside concatenated features, the log-loss of LogitProd is" in " ".join(out.split())


@pytest.mark.filterwarnings("ignore:column 'patient'")
def test_a_rival_is_fitted_on_the_training_part_and_scored_as_by_hand(feats):
    embeddings = read(feats, group=None)
    half = np.arange(N_SLIDES) % 4 < 2
    splits = [(np.flatnonzero(half), np.flatnonzero(~half))]
    head = on_all_views(LogisticHead(random_state=0))
    table = compare(fusion(), embeddings, rivals={"all": head}, cv=splits, n_resamples=9)
    train, test = embeddings[half], embeddings[~half]
    head.fit(train.X, train.y)
    proba = head.predict_proba(test.X)[np.arange(len(test)), np.searchsorted(head.classes_, test.y)]
    assert table.loc["all", "log_loss_mean"] == pytest.approx(-np.log(proba).mean(), abs=1e-5)
    own = table.attrs["rivals"]["all"]["difference"]
    losses = table["log_loss_mean"]
    assert own == pytest.approx(losses["LogitProd"] - losses["all"])


def test_missing_features_are_the_mean_of_the_fit(feats):
    embeddings = read(feats)
    X = embeddings.X
    expert = on_all_views(LogisticHead()).fit(X, embeddings.y)
    filled = X.fillna(X["conch"].mean().rename(lambda own: ("conch", own)))
    np.testing.assert_allclose(expert.predict_proba(X), expert.predict_proba(filled), rtol=1e-5)
    with pytest.raises(ValueError, match=r"X has 8 features, but the fit had 24; X lacks"):
        expert.predict(X[["uni"]])
    with pytest.raises(ValueError, match=r"on_all_views takes a DataFrame with columns \(encoder"):
        on_all_views(LogisticHead()).fit(X.to_numpy(), embeddings.y)


class Peeking(ClassifierMixin, BaseEstimator):
    """A head that has seen the labels of all slides, those to be tested included."""

    known = {}

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        told = np.array([self.known[round(float(own), 5)] for own in X.to_numpy()[:, 0]])
        return 0.8 * (told[:, None] == self.classes_) + 0.1


def test_shuffled_labels_are_chance_in_every_row_and_a_leak_is_not():
    rng = np.random.default_rng(1)
    names, n = ["a", "b"], 160
    X = pd.concat({name: pd.DataFrame(rng.normal(size=(n, 6))) for name in names}, axis=1)
    y = rng.permutation(np.arange(n) % 2)
    settings = {"n_repeats": 1, "n_resamples": 20, "metrics": ["roc_auc"]}
    table = compare(fusion(names), X, y, rivals={"all": on_all_views()}, **settings)
    # the standard error of an AUC of 160 labels that say nothing is .046
    assert (abs(table["roc_auc_mean"] - 0.5) < 0.14).all()
    Peeking.known = {round(float(own), 5): label for own, label in zip(X["a"][0], y, strict=True)}
    experts = [("a", on_view("a", Peeking())), ("b", on_view("b", LogisticHead()))]
    leaky = LogitProdClassifier(experts, cv=5, gate_width=None)
    table = compare(leaky, X, y, **settings)
    assert (table.loc[["a", "LogitProd"], "roc_auc_mean"] > 0.9).all()


def test_test_slides_reach_no_fit(feats):
    """Neither heads nor rivals see a slide whose patient is tested."""
    embeddings = read(feats)
    seen = []

    class Spy(LogisticHead):
        def fit(self, X, y, sample_weight=None, groups=None):
            seen.append(set(np.asarray(X)[:, 0].round(5).tolist()))
            return super().fit(X, y, sample_weight, groups)

    table = compare(
        fusion(head=Spy()),
        embeddings,
        rivals={"all": on_all_views(Spy())},
        cv=2,
        n_repeats=1,
        n_resamples=9,
        baselines=False,
    )
    assert table.attrs["n_groups"] == N_PATIENTS
    first = embeddings.X["uni"].iloc[:, 0].to_numpy().round(5).tolist()
    by_patient = pd.Series(first).groupby(embeddings.groups).agg(set)
    of_uni = [rows for rows in seen if rows & set(first)]
    # in both splits five folds and all rows by uni, and all rows by the rival, whose first
    # feature is that of uni: never a part of a patient
    assert len(of_uni) == 2 * 7
    for rows in of_uni:
        assert all(own <= rows or not own & rows for own in by_patient)
        assert 0 < len(rows) < N_SLIDES


def heads(text):
    return next(line for line in text.splitlines() if line.startswith("heads"))


def test_cache_fits_what_is_new_alone(feats, ran, tmp_path, capsys):
    cache = ["--cache", str(ran / "cache")]
    # in each split 3 encoders in 5 folds and on all rows, and all features at once
    first = heads((ran / "printed.txt").read_text(encoding="utf-8"))
    assert first == "heads: 38 of 38 fitted, 0 from the cache."
    assert probe(feats, *cache, "--out", str(tmp_path / "again.csv")) == 0
    again = heads(capsys.readouterr().out)
    assert again.startswith("heads: 0 of 38 fitted, 38 from the cache.")
    first, again = (
        pd.read_csv(table, index_col=0).drop(columns="fit_seconds")
        for table in (ran / "table.csv", tmp_path / "again.csv")
    )
    pd.testing.assert_frame_equal(first, again)
    assert probe(feats, *cache, names=["uni", "late", "conch", "gigapath"]) == 0
    assert heads(capsys.readouterr().out).startswith("heads: 14 of 50 fitted, 36 from the cache.")
    # with another seed a head of the same encoder is another
    assert probe(feats, *cache, "--seed", "1", names=["uni"]) == 0
    assert heads(capsys.readouterr().out).startswith("heads: 12 of 12 fitted")


def test_a_saved_model_predicts_as_the_python_one(feats, saved, model, tmp_path):
    out = tmp_path / "predictions.csv"
    assert main(["predict", str(saved), *folders(feats), "-o", str(out), "--weights"]) == 0
    embeddings = read(feats)
    table = pd.read_csv(out, index_col="id")
    np.testing.assert_allclose(
        table[["proba_no", "proba_yes"]], model.predict_proba(embeddings), rtol=1e-6
    )
    weights = table[[f"weight_{name}" for name in ENCODERS]].to_numpy()
    assert (weights[MISSING, 1] == 0).all()
    np.testing.assert_allclose(weights, model.expert_weights(embeddings), rtol=1e-6)


def test_an_encoder_without_a_folder_is_missing_and_said_to_be(
    feats, saved, model, tmp_path, capsys
):
    out = tmp_path / "predictions.csv"
    given = folders(feats, ["gigapath", "uni"])
    assert main(["predict", str(saved), *given, "-o", str(out), "--weights", "--quiet"]) == 0
    said = capsys.readouterr().err
    assert said == ("warning: no folder is of ['conch']: the model does without, for all slides.\n")
    table = pd.read_csv(out, index_col="id")
    assert (table["weight_conch"] == 0).all()
    X = read(feats).X.copy()
    X["conch"] = np.nan
    expected = model.predict_proba(X)
    np.testing.assert_allclose(table["proba_yes"], expected[:, 1], rtol=1e-6)


def test_a_report_names_encoders_and_what_is_missing(saved):
    page = saved.with_name("report.html").read_text(encoding="utf-8")
    assert "Comparison of 3 encoders" in page
    assert "8 features of 38 slides, missing on 2, the mean of 114 patches" in page
    assert "fit, s" in page
    assert "heads: 38 of 38 fitted" in page


@pytest.mark.parametrize("average", [False, True])
def test_subgroups_are_a_column_of_the_labels(feats, tmp_path, capsys, average):
    table = pd.read_csv(feats / "labels.csv")
    table["site"] = np.where(table["patient"] < "p15", "north", "south")
    labels = tmp_path / "labels.csv"
    table.to_csv(labels, index=False)
    command = ["probe", *folders(feats), "--labels", str(labels), "--label", "tumour"]
    options = ["--group", "patient", "--by", "site", *(["--average"] if average else []), *QUICK]
    assert main([*command, *options]) == 0
    counts = table.drop_duplicates("patient") if average else table
    found = capsys.readouterr().out
    for site, n_samples in counts["site"].value_counts().items():
        assert re.search(rf"^{site} +{n_samples} ", found, re.MULTILINE)


def test_a_model_of_encoders_is_adapted_and_certified(feats, saved, tmp_path, capsys):
    truth = ["--labels", str(feats / "labels.csv"), "--label", "tumour", "--group", "patient"]
    adapted = str(tmp_path / "adapted.skops")
    assert main(["adapt", str(saved), *folders(feats), *truth, "-o", adapted, "--quiet"]) == 0
    assert "adapted to 40 labelled" in capsys.readouterr().out
    command = ["certify", adapted, *folders(feats), *truth, "--safety", "0.05", "--quiet"]
    assert main(command) == 0
    assert (
        "Certificate with 95 % confidence, from 30 groups (40 samples)" in capsys.readouterr().out
    )


def test_slides_of_a_patient_are_averaged_in_fit_and_prediction(feats, tmp_path, capsys):
    path, out, names = tmp_path / "model.skops", tmp_path / "predictions.csv", ["conch", "uni"]
    assert probe(feats, "--average", "--save", str(path), names=names) == 0
    command = ["predict", str(path), *folders(feats, names), "-o", str(out), "--quiet"]
    assert main(command) == 2
    assert "name the table, --labels slides.csv, and its column" in capsys.readouterr().err
    assert main([*command, "--labels", str(feats / "labels.csv")]) == 0
    patients = read(feats, average=True).take_encoders(names)
    table = pd.read_csv(out, index_col="id")
    assert list(table.index) == list(patients.ids)
    expected = fusion(names).fit(patients).predict_proba(patients)
    np.testing.assert_allclose(table["proba_yes"], expected[:, 1], rtol=1e-6)


@pytest.mark.parametrize(
    ("truth", "row", "column"),
    [
        (["--event", "dead", "--time", "months"], "rank averaging", "risk"),
        (["--target", "age"], "stacked ridge", "lower_90"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_events_and_values(feats, tmp_path, truth, row, column):
    names, table, path = ["uni", "late"], tmp_path / "table.csv", tmp_path / "model.skops"
    assert probe(feats, "--out", str(table), "--save", str(path), names=names, truth=truth) == 0
    rows = pd.read_csv(table, index_col="method")
    assert row in rows.index
    # all that has log-densities has a rival whose features are made distributions as experts' are
    assert np.isfinite(rows.loc[["concatenated features", "LogitProd"]].iloc[:, 0]).all()
    out = tmp_path / "predictions.csv"
    assert main(["predict", str(path), *folders(feats, names), "-o", str(out), "--quiet"]) == 0
    assert pd.read_csv(out)[column].notna().all()


def truncate(feats):
    path = feats / "uni" / "s07.h5"
    path.write_bytes(path.read_bytes()[:100])


def widen(feats):
    with h5py.File(feats / "uni" / "s07.h5", "w") as file:
        file["features"] = np.zeros((2, N_FEATURES + 1), dtype=np.float32)


def rename(feats):
    for path in list((feats / "uni").iterdir()):
        path.rename(path.with_name(f"other_{path.name}"))


def forget(feats):
    pd.read_csv(feats / "labels.csv").drop(columns="tumour").to_csv(feats / "labels.csv")


def repeat(feats):
    table = pd.read_csv(feats / "labels.csv")
    pd.concat([table, table.iloc[:1]]).to_csv(feats / "labels.csv", index=False)


@pytest.mark.parametrize(
    ("spoil", "file", "remedy"),
    [
        (truncate, "uni/s07.h5", "anew"),
        (widen, "uni/s07.h5", "features"),
        (rename, "uni", "slide"),
        (forget, "labels.csv", "tumour"),
        (repeat, "labels.csv", "twice"),
    ],
)
def test_broken_folders_are_one_line_that_names_the_file(
    feats, tmp_path, capsys, spoil, file, remedy
):
    own = shutil.copytree(feats, tmp_path / "own")
    spoil(own)
    assert probe(own) == 2
    lines = [x for x in capsys.readouterr().err.splitlines() if not x.startswith("warning")]
    assert len(lines) == 1
    assert file in lines[0]
    assert remedy in lines[0]


def test_ids_of_patients_without_groups_are_warned_of(feats, tmp_path, capsys):
    table, codes = pd.read_csv(feats / "labels.csv"), []
    (tmp_path / "late").mkdir()
    for row in range(N_SLIDES):
        codes.append(f"TCGA-AA-{row % N_PATIENTS:04d}-01Z-00-DX{1 + row // N_PATIENTS}")
        content = (feats / "late" / f"s{row:02d}.h5").read_bytes()
        (tmp_path / "late" / f"{codes[-1]}.h5").write_bytes(content)
    own = pd.DataFrame({"slide_id": codes, "tumour": table["tumour"]})
    own.to_csv(tmp_path / "labels.csv", index=False)
    assert probe(tmp_path, names=["late"], truth=["--label", "tumour"]) == 0
    assert "--group" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            ["probe", "uni={feats}/uni", "--labels", "{feats}/labels.csv"],
            "nothing says what is",
        ),
        (
            ["probe", "uni={feats}/uni", "--labels", "{feats}/labels.csv", "--event", "dead"],
            "what is true is said in part",
        ),
        (["predict", "{model}", "late={feats}/late", "-o", "x.csv"], "no encoder of the model"),
        (
            ["predict", "{model}", "uni={feats}/uni", "-o", "x.csv", "--column", "a=b"],
            "--column is of files of predictions",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(feats, saved, capsys, command, message):
    assert main([text.format(feats=feats, model=saved) for text in command]) == 2
    assert message in capsys.readouterr().err


def test_other_features_of_an_encoder_are_refused(feats, saved, tmp_path, capsys):
    with h5py.File(tmp_path / "s1.h5", "w") as file:
        file["features"] = np.zeros(5, dtype=np.float32)
    assert main(["predict", str(saved), f"uni={tmp_path}", "-o", "x.csv", "--quiet"]) == 2
    assert "5 features of uni, but the model was fitted on 8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("estimator", "rivals", "message"),
    [
        (LogitProdClassifier(), {"all": on_all_views()}, "X holds features of slides, not outputs"),
        (fusion(), [on_all_views()], "rivals is list; it is a dict of estimators"),
        (fusion(), {"uni": on_all_views()}, "An expert is called 'uni'"),
        (fusion(), {"all": LogisticHead}, "an unfitted estimator is needed"),
    ],
)
def test_rivals_that_cannot_be(feats, estimator, rivals, message):
    with pytest.raises(ValueError, match=message):
        compare(estimator, read(feats), rivals=rivals, cv=2, n_repeats=1)


@pytest.mark.filterwarnings("ignore:column 'patient'")
def test_an_encoder_that_comes_later_is_added(feats, model):
    names = [*ENCODERS, "late"]
    later = read_embeddings({n: feats / n for n in names}, feats / "labels.csv", label="tumour")
    new = [("late", on_view("late", LogisticHead(random_state=0)))]
    larger = add_expert(model, later, experts=new, cv=2)
    assert larger.expert_names_ == names
    # the heads of before stay what they were
    before, after = model.expert_logits(later), larger.expert_logits(later)[:, :3]
    np.testing.assert_allclose(after, before)
    assert larger.guarantee_gap_ <= 0.0


def test_estimators_take_embeddings_as_they_are(feats, model):
    embeddings = read(feats)
    same = fusion().fit(embeddings.X, embeddings.y, groups=embeddings.groups)
    np.testing.assert_array_equal(model.predict_proba(embeddings), same.predict_proba(embeddings.X))
