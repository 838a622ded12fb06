"""compare, fit and predict on files: equal to Python, whole or nothing, one-line errors."""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from sklearn_logitprod import LogitProdClassifier, LogitProdSurvival
from sklearn_logitprod.cli import main
from sklearn_logitprod.cli.model import TRUSTED
from sklearn_logitprod.inspection import compare
from sklearn_logitprod.io import read_tables

skops = pytest.importorskip("skops.io")
QUICK = ["--repeats", "1", "--cv", "3", "--resamples", "50", "--quiet"]


def write(folder, proba, labels, names, classes, groups=None, seed=0):
    """One shuffled CSV per expert; their paths."""
    ids = np.array([f"s{i:05d}" for i in range(len(labels))])
    paths = []
    for m, name in enumerate(names):
        table = pd.DataFrame(proba[:, m], columns=[f"prob_{label}" for label in classes])
        table.insert(0, "slide_id", ids)
        table["label"] = np.asarray(classes)[labels]
        if groups is not None:
            table["patient"] = groups
        path = folder / f"{name}.csv"
        table.sample(frac=1, random_state=seed + m).to_csv(path, index=False)
        paths.append(str(path))
    return paths


def two_experts(folder):
    """Paths of two experts, on 90 samples of two classes."""
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=90)
    odds = (2 * labels[:, None] - 1) * [0.6, 1.2] + rng.normal(size=(90, 2))
    proba = 1 / (1 + np.exp(-np.stack([-odds, odds], axis=2)))
    return write(folder, proba, labels, ["uni", "conch"], ["normal", "tumour"])


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return two_experts(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Paths of the risks of two experts, with events and times."""
    rng = np.random.default_rng(0)
    true, folder, paths = rng.normal(size=120), tmp_path_factory.mktemp("cohort"), []
    months, dead = rng.exponential(12 * np.exp(-true)) + 0.1, rng.random(120) < 0.7
    for name in ("cox", "forest"):
        risk = true + rng.normal(size=120)
        columns = {"slide_id": np.arange(120), "risk": risk, "dead": dead.astype(int)}
        pd.DataFrame(columns | {"months": months}).to_csv(folder / f"{name}.csv", index=False)
        paths.append(str(folder / f"{name}.csv"))
    return paths


def numbers(table):
    """Columns of numbers, for comparison up to how CSV rounds."""
    return table.select_dtypes("number").to_numpy()


class TestCompare:
    def test_equals_the_python_call(self, toy, tmp_path, capsys):
        out = tmp_path / "table.csv"
        assert main(["compare", *toy, "--label", "label", "--out", str(out), *QUICK]) == 0
        expected = compare(
            LogitProdClassifier(random_state=0),
            read_tables(toy, label="label"),
            cv=3,
            n_repeats=1,
            n_resamples=50,
        )
        written = pd.read_csv(out, index_col="method")
        assert list(written.index) == list(expected.index)
        np.testing.assert_allclose(numbers(written), numbers(expected), rtol=1e-9)
        printed = capsys.readouterr().out
        for name, value in expected["log_loss_mean"].items():
            found = re.search(rf"^{name} +([0-9.]+)", printed, re.MULTILINE)
            assert float(found.group(1)) == pytest.approx(value, abs=0.005)
        assert " ".join(expected.verdict.split()) in " ".join(printed.split())
        assert max(map(len, printed.splitlines())) <= 100

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["camelyon16_predictions", "glioma_grade_pathgraph"])
    def test_real_experts_within_a_minute(self, name, tmp_path, shared_data):
        data = shared_data(name)
        groups, proba = data.get("groups"), data["proba"].astype(float)
        paths = write(tmp_path, proba, data["y"], data["experts"], data["classes"], groups)
        options = {"label": "label"} | ({} if groups is None else {"group": "patient"})
        arguments = [text for key, value in options.items() for text in (f"--{key}", value)]
        out = tmp_path / "table.csv"
        start = time.perf_counter()
        command = [sys.executable, "-m", "sklearn_logitprod", "compare", *paths, *arguments]
        subprocess.run([*command, "--out", str(out), "--quiet"], check=True, capture_output=True)
        assert time.perf_counter() - start < 60 * float(os.environ.get("LOGITPROD_PATIENCE", "1"))
        written = pd.read_csv(out, index_col="method")
        assert {*map(str, data["experts"]), "LogitProd"} <= set(written.index)
        assert np.isfinite(written["log_loss_mean"]).all()

    def test_survival(self, cohort, tmp_path, capsys):
        files = [*cohort, "--input", "risk", "--event", "dead", "--time", "months"]
        report = tmp_path / "report.html"
        assert main(["compare", *files, "--gate", "none", "--report", str(report), *QUICK]) == 0
        printed = capsys.readouterr().out
        assert "concordance" in printed
        assert max(map(len, printed.splitlines())) <= 100
        assert "predicted and observed" in report.read_text()

    def test_report_is_one_page(self, toy, tmp_path):
        odd = tmp_path / "<script>alert(1)<b>.csv"
        shutil.copy(toy[0], odd)
        report = tmp_path / "report.html"
        files = [toy[1], str(odd), "--label", "label", "--gate", "none"]
        assert main(["compare", *files, "--report", str(report), *QUICK]) == 0
        page = report.read_text(encoding="utf-8")
        assert "<script" not in page
        assert "&lt;script&gt;" in page
        # nothing is loaded from elsewhere: names of SVG are no addresses to open
        assert not re.search(r'(src|href)="(?!#)', page.replace("xlink:href", "href"))
        assert "@import" not in page
        assert "url(http" not in page
        # each figure for wide and for narrow pages
        assert page.count("<svg") == 2 * 5

    def test_names_and_metrics(self, toy, capsys):
        files = [f"first={toy[0]}", f"second={toy[1]}", "--label", "label"]
        assert main(["compare", *files, "--metrics", "brier", "--gate", "none", *QUICK]) == 0
        printed = capsys.readouterr().out
        assert re.search("^first .*\n(.*\n)*^second ", printed, re.MULTILINE)
        assert "Brier score" in printed
        assert "AUC" not in printed


class TestFitAndPredict:
    def test_round_trip(self, toy, tmp_path, capsys):
        model, out = str(tmp_path / "m.skops"), tmp_path / "p.csv"
        assert main(["fit", *toy, "--label", "label", "--save", model, "--quiet"]) == 0
        summed_up = capsys.readouterr().out
        # the order of files and rows does not matter
        assert main(["predict", model, toy[1], toy[0], "--out", str(out), "--weights"]) == 0
        outputs = read_tables(toy, label="label")
        own = LogitProdClassifier(random_state=0).fit(outputs)
        assert f"LogitProd is {-own.guarantee_gap_:.4f} below the best of the experts" in summed_up
        table = pd.read_csv(out, index_col="id").loc[outputs.ids]
        proba = table[["proba_normal", "proba_tumour"]].to_numpy()
        np.testing.assert_allclose(proba, own.predict_proba(outputs), rtol=1e-9)
        assert (table["prediction"] == own.predict(outputs)).all()
        weights = table[["weight_uni", "weight_conch"]].to_numpy()
        np.testing.assert_allclose(weights, own.expert_weights(outputs), rtol=1e-9)

    def test_survival(self, cohort, tmp_path):
        model, out = str(tmp_path / "m.skops"), tmp_path / "p.csv"
        target = ["--input", "risk", "--event", "dead", "--time", "months"]
        assert main(["fit", *cohort, *target, "--gate", "none", "--save", model, "--quiet"]) == 0
        assert main(["predict", model, *cohort, "--column", "risk", "--out", str(out)]) == 0
        outputs = read_tables(cohort, input="risk", event="dead", time="months")
        own = LogitProdSurvival(gate_width=None).fit(outputs)
        table = pd.read_csv(out)
        np.testing.assert_allclose(table["risk"], own.predict(outputs), rtol=1e-9)
        survival = table.filter(like="survival_").to_numpy()
        expected = own.predict_survival_function(outputs, return_array=True)
        np.testing.assert_allclose(survival, expected, rtol=1e-9)

    def test_columns_that_names_do_not_tell(self, toy, tmp_path):
        paths = []
        for path in toy:
            table = pd.read_csv(path).rename(columns={"prob_normal": "a", "prob_tumour": "b"})
            paths.append(str(tmp_path / path.split("/")[-1]))
            table.to_csv(paths[-1], index=False)
        model, out = str(tmp_path / "m.skops"), tmp_path / "p.csv"
        columns = ["--column", "normal=a", "--column", "tumour=b"]
        fit = ["fit", *paths, "--label", "label", *columns, "--gate", "none", "--save", model]
        assert main([*fit, "--quiet"]) == 0
        assert main(["predict", model, *paths, "--out", str(out)]) == 0
        assert len(pd.read_csv(out)) == 90

    def test_codes_in_the_order_that_the_fit_was_told(self, toy, tmp_path):
        codes = {"prob_tumour": "p_0", "prob_normal": "p_1"}
        paths = [str(tmp_path / path.split("/")[-1]) for path in toy]
        for path, own in zip(toy, paths, strict=True):
            pd.read_csv(path).rename(columns=codes).to_csv(own, index=False)
        fit = ["--label", "label", "--gate", "none", "--quiet", "--save"]
        tables = []
        for files, more in ((toy, []), (paths, ["--classes", "tumour,normal"])):
            model, out = (str(tmp_path / f"{len(tables)}.{end}") for end in ("skops", "csv"))
            assert main(["fit", *files, *more, *fit, model]) == 0
            assert main(["predict", model, *files, "--out", out, "--quiet"]) == 0
            tables.append(pd.read_csv(out, index_col="id"))
        pd.testing.assert_frame_equal(*tables)

    def test_columns_called_after_what_the_labels_say(self, toy, tmp_path):
        known, new = [], []
        for path in toy:
            table = pd.read_csv(path)
            table["tumour"] = (table.pop("label") == "tumour").astype(int)
            del table["prob_normal"]
            for paths, name, own in (
                (known, "known", table),
                (new, "new", table if "uni" in path else table.drop(columns="tumour")),
            ):
                (tmp_path / name).mkdir(exist_ok=True)
                paths.append(str(tmp_path / name / path.split("/")[-1]))
                own.to_csv(paths[-1], index=False)
        model, out = str(tmp_path / "m.skops"), tmp_path / "p.csv"
        fit = ["fit", *known, "--label", "tumour", "--gate", "none", "--save", model, "--quiet"]
        assert main(fit) == 0
        assert main(["predict", model, *new, "--out", str(out)]) == 0
        outputs = read_tables(known, label="tumour")
        expected = LogitProdClassifier(gate_width=None).fit(outputs).predict_proba(outputs)
        table = pd.read_csv(out, index_col="id").loc[outputs.ids]
        np.testing.assert_allclose(table[["proba_0", "proba_1"]], expected, rtol=1e-9)

    def test_an_expert_without_file(self, toy, tmp_path, capsys):
        model, out = str(tmp_path / "m.skops"), tmp_path / "p.csv"
        main(["fit", *toy, "--label", "label", "--gate", "none", "--save", model, "--quiet"])
        assert main(["predict", model, toy[0], "--out", str(out)]) == 2
        assert "no file for the expert(s) ['conch']" in capsys.readouterr().err
        assert main(["predict", model, f"other={toy[0]}", "--out", str(out)]) == 2
        assert "['other'] are of no expert of the model, which has ['uni', 'conch']" in (
            capsys.readouterr().err
        )
        assert not out.exists()
        command = ["predict", model, toy[0], "--how", "outer", "--weights", "--out", str(out)]
        assert main(command) == 0
        assert (pd.read_csv(out)["weight_uni"] == 1.0).all()

    def test_models_hold_what_is_trusted_and_nothing_else(self, toy, cohort, tmp_path):
        found = set()
        runs = {"c": [*toy, "--label", "label"]}
        target = ["--input", "risk", "--event", "dead", "--time", "months"]
        runs |= {"s": [*cohort, *target], "h": [*toy, "--label", "label", "--gate", "4"]}
        for name, files in runs.items():
            path = str(tmp_path / f"{name}.skops")
            assert main(["fit", *files, "--save", path, "--quiet"]) == 0
            found |= set(skops.get_untrusted_types(file=path))
        assert found <= set(TRUSTED)

    def test_foreign_models_are_not_opened(self, toy, tmp_path, capsys):
        evil, other, broken = (tmp_path / name for name in ("e.skops", "o.skops", "b.skops"))
        skops.dump({"format": 1, "model": subprocess.Popen}, evil)
        skops.dump([1, 2], other)
        broken.write_bytes(b"PK\x03\x04 no archive")
        messages = {
            evil: "is not opened",
            other: "is not a model that `logitprod fit`",
            broken: "is not a model that `logitprod fit` saved",
            tmp_path / "absent.skops": "absent.skops: No such file",
        }
        for path, message in messages.items():
            out = tmp_path / "p.csv"
            assert main(["predict", str(path), *toy, "--out", str(out)]) == 2
            error = capsys.readouterr().err
            assert message in error
            assert error.count("\n") == 1
            assert not out.exists()


BAD_ARGUMENTS = {
    "nothing says what is true": (
        ["{0}", "{1}"],
        "nothing says what is true: name the column, --label NAME",
    ),
    "a column of labels that is absent": (["{0}", "{1}", "--label", "truth"], "truth"),
    "a file without a name among others with one": (
        ["{0}", "b={1}", "--label", "label"],
        "has no name but others have",
    ),
    "one name for two files": (["a={0}", "a={1}", "--label", "label"], "'a' names two files"),
    "a file that is absent": (["{0}", "nowhere.csv", "--label", "label"], "nowhere.csv"),
    "a column of identifiers that is absent": (
        ["{0}", "{1}", "--label", "label", "--id", "case"],
        "case",
    ),
    "an unknown metric": (
        ["{0}", "{1}", "--label", "label", "--metrics", "f1"],
        "there is no 'f1'",
    ),
    "a single fold": (["{0}", "{1}", "--label", "label", "--cv", "1"], "--cv 1 makes no folds"),
    "no resamples": (
        ["{0}", "{1}", "--label", "label", "--resamples", "0"],
        "--resamples 0 is too few",
    ),
    "two folders of the authors' layout": (
        ["{0}", "{1}", "--layout", "logitprod"],
        "takes one folder, 2 were given",
    ),
    "an event without a time": (["{0}", "{1}", "--event", "dead"], "event and time go together"),
    "a folder for the table that is absent": (
        ["{0}", "{1}", "--label", "label", "--input", "logits", "--out", "no/t.csv"],
        "absent",
    ),
}


def run_badly(arguments, folder):
    """Exit with what the command says on standard error."""
    arguments = [text.format(*two_experts(folder)) for text in arguments]
    with contextlib.redirect_stderr(io.StringIO()) as said:
        code = main(["compare", *arguments, "--quiet"])
    assert code == 2
    sys.exit(said.getvalue())


class TestErrors:
    @pytest.mark.parametrize("name", BAD_ARGUMENTS)
    def test_one_line_and_code_2(self, toy, name, capsys):
        arguments, message = BAD_ARGUMENTS[name]
        arguments = [text.format(*toy) for text in arguments]
        assert main(["compare", *arguments, "--quiet"]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert message in captured.err
        assert captured.err.count("\n") == 1
        assert "error: " in captured.err

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["fit", "a.csv"], "--save"),
            (["predict", "m.skops", "a.csv"], "--out"),
            (["compare"], "FILE"),
            (["compare", "a.csv", "--gate", "wide"], "'wide' is not auto, none or a whole number"),
        ],
    )
    def test_bad_arguments(self, arguments, message, capsys):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 2
        assert message in capsys.readouterr().err

    def test_files_are_not_overwritten(self, toy, tmp_path, capsys):
        path = tmp_path / "m.skops"
        path.write_text("precious")
        fit = ["fit", *toy, "--label", "label", "--gate", "none", "--save", str(path), "--quiet"]
        assert main(fit) == 2
        assert (
            "exists: choose another name, or overwrite it with --force" in capsys.readouterr().err
        )
        assert path.read_text() == "precious"
        assert main([*fit, "--force"]) == 0
        assert path.read_bytes()[:2] == b"PK"
        assert [own.name for own in tmp_path.iterdir()] == ["m.skops"]

    def test_traceback_on_request(self):
        with pytest.raises(OSError, match="nowhere"):
            main(["predict", "nowhere.skops", "a.csv", "--out", "x.csv", "--traceback"])

    def test_exit_code_of_the_process(self):
        command = [sys.executable, "-m", "sklearn_logitprod", "compare", "nowhere.csv"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert "nowhere.csv" in done.stderr

    def test_help_imports_no_command(self):
        code = (
            "import sys\nfrom sklearn_logitprod.cli import main\n"
            "try:\n    main(['fit', '--help'])\nexcept SystemExit:\n    pass\n"
            "print({'torch', 'matplotlib', 'skops'} & set(sys.modules))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert "examples:" in done.stdout
        assert done.stdout.endswith("set()\n")


@pytest.mark.parametrize(
    ("module", "command", "remedy"),
    [
        ("matplotlib", ["compare", "--report", "r.html"], "pip install matplotlib"),
        ("skops", ["fit", "--save", "m.skops"], "pip install skops"),
    ],
)
def test_a_missing_extra_is_named_before_any_work(
    monkeypatch, tmp_path, capsys, module, command, remedy
):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    # the files are not even there: nothing was read
    assert main([command[0], "a.csv", "b.csv", "--label", "label", *command[1:]]) == 2
    assert remedy in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
