"""adapt, extend and certify on files: equal to Python, and what saved models remember."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_logitprod.cli import main
from sklearn_logitprod.cli.model import TRUSTED, Saved, load, save
from sklearn_logitprod.deployment import adapt, adapt_prior, add_expert, certify, with_safety
from sklearn_logitprod.io import read_tables

skops = pytest.importorskip("skops.io")
RISKS = ["cox", "forest", "deep"]
SURVIVAL = ["--event", "dead", "--time", "months"]


def site(folder, seed, n_samples=60, shift=0.0, only=None, label="truth"):
    """Files of three experts at a site; their paths."""
    random = np.random.default_rng(seed)
    folder.mkdir()
    codes = random.integers(2, size=n_samples)
    if only is not None:
        codes[:] = only
    odds = (2 * codes[:, None] - 1) * [0.6, 1.2, 1.0] + random.normal(size=(n_samples, 3)) + shift
    proba, paths = 1 / (1 + np.exp(-odds)), []
    for m, name in enumerate(("uni", "conch", "gen")):
        table = {
            "slide_id": [f"{folder.name}{i}" for i in range(n_samples)],
            "prob_normal": 1 - proba[:, m],
            "prob_tumour": proba[:, m],
            label: np.array(["normal", "tumour"])[codes],
            "patient": [f"{folder.name}{i // 2}" for i in range(n_samples)],
        }
        paths.append(str(folder / f"{name}.csv"))
        pd.DataFrame(table).to_csv(paths[-1], index=False)
    return paths


def cohort(folder, seed):
    """Files of risks with events and times; their paths."""
    random = np.random.default_rng(seed)
    folder.mkdir()
    true, paths = random.normal(size=80), []
    months, dead = random.exponential(12 * np.exp(-true)) + 0.1, random.random(80) < 0.7
    for name in RISKS:
        columns = {"slide_id": np.arange(80), f"{name}_risk": true + random.normal(size=80)}
        columns |= {"dead": dead.astype(int), "months": months}
        paths.append(str(folder / f"{name}.csv"))
        pd.DataFrame(columns).to_csv(paths[-1], index=False)
    return paths


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A model of two experts, and files of three at the site of its fit and at another one."""
    folder = tmp_path_factory.mktemp("known")
    home, new = site(folder / "home", 0), site(folder / "new", 1, shift=1.0)
    model = str(folder / "model.skops")
    fit = ["fit", *home[:2], "--label", "truth", "--group", "patient", "--gate", "none"]
    assert main([*fit, "-o", model, "--quiet"]) == 0
    return model, home, new


@pytest.fixture(scope="module")
def cox(tmp_path_factory):
    """A survival model of two experts, and files of three at another site."""
    folder = tmp_path_factory.mktemp("cox")
    home, new = cohort(folder / "home", 0), cohort(folder / "new", 1)
    model = str(folder / "model.skops")
    own = ["--column", "cox:cox_risk", "--column", "forest:forest_risk"]
    fit = ["fit", *home[:2], "--input", "risk", *SURVIVAL, *own, "--gate", "none", "-o", model]
    assert main([*fit, "--quiet"]) == 0
    return model, home, new


def proba(model, paths):
    """Probabilities that a model in Python gives for files."""
    return model.predict_proba(read_tables(paths, classes=model.classes_))


def predicted(model, paths, folder, *more):
    """Table that the command line predicts."""
    out = folder / "predicted.csv"
    assert main(["predict", str(model), *paths, "-o", str(out), "--force", *more]) == 0
    return pd.read_csv(out, index_col="id")


def refused(arguments, capsys):
    """The line on standard error of a command that ends with code 2."""
    assert main([*arguments, "--quiet"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "error: " in captured.err
    # warnings may stand before it, but it is one line
    assert "\n" not in captured.err[captured.err.index("error: ") :].rstrip("\n")
    return captured.err


# --- adapt


def test_adapt_to_labels_equals_python_and_says_so(known, tmp_path, capsys):
    model, _, new = known
    out = tmp_path / "adapted.skops"
    command = ["adapt", model, *new[:2], "--label", "truth", "--group", "patient"]
    assert main([*command, "-o", str(out), "--quiet"]) == 0
    outputs = read_tables(new[:2], label="truth", group="patient")
    own = adapt(load(model).model, outputs)
    captured = capsys.readouterr()
    assert captured.err == ""
    assert own.deployment_[0]["text"] in captured.out
    assert "adapted to 60 labelled rows" in captured.out
    table = predicted(out, new[:2], tmp_path)
    np.testing.assert_allclose(
        table[["proba_normal", "proba_tumour"]], proba(own, new[:2]), rtol=1e-9
    )
    # whoever predicts later is told, too
    assert f"{out}: adapted to 60 labelled rows" in capsys.readouterr().err


def test_adapt_without_labels_is_of_the_prevalence_alone(known, tmp_path, capsys):
    model, _, new = known
    out = tmp_path / "adapted.skops"
    assert main(["adapt", model, *new[:2], "-o", str(out)]) == 0
    own = adapt_prior(load(model).model, read_tables(new[:2], classes=["normal", "tumour"]))
    np.testing.assert_allclose(proba(load(out).model, new[:2]), proba(own, new[:2]), rtol=1e-12)
    captured = capsys.readouterr()
    assert own.deployment_[0]["text"].split()[0] in captured.out
    # rows without labels depend on nobody
    assert "patient" not in captured.err


def test_a_prior_by_hand_is_bayes_rule_and_needs_no_files(known, tmp_path):
    model = known[0]
    out = tmp_path / "rare.skops"
    prior = "tumour=0.03,normal=0.97"
    assert main(["adapt", model, "--prior", prior, "-o", str(out)]) == 0
    old, new = (load(path).model for path in (model, out))
    before, after = (own.predict_log_proba(outputs_of(known[2][:2])) for own in (old, new))
    moved = np.log([0.97, 0.03]) - np.log(old.class_prior_)
    odds = np.diff(before + moved, axis=1)
    np.testing.assert_allclose(np.diff(after, axis=1), odds, atol=1e-9)


def outputs_of(paths):
    """Outputs of files without labels."""
    return read_tables(paths, classes=["normal", "tumour"])


def test_a_safety_alone_and_beside_labels(known, tmp_path):
    model, _, new = known
    outputs = read_tables(new[:2], label="truth")
    for safety, (share, name) in {"0.1": (0.1, None), "uni=0.05": (0.05, "uni")}.items():
        for files in ([], [*new[:2], "--label", "truth"]):
            out = tmp_path / "safe.skops"
            command = ["adapt", model, *files, "--safety", safety, "-o", str(out), "--force"]
            assert main(command) == 0
            own = load(model).model
            own = with_safety(adapt(own, outputs) if files else own, share, name)
            np.testing.assert_allclose(proba(load(out).model, new[:2]), proba(own, new[:2]))


def test_options_may_stand_before_files(known, tmp_path):
    model, _, new = known
    out = str(tmp_path / "adapted.skops")
    assert main(["adapt", "--label", "truth", model, "-o", out, *new[:2], "--quiet"]) == 0


def test_one_class_alone_is_adapted_to(known, tmp_path):
    paths = site(tmp_path / "one", 3, 12, only=1)
    out = tmp_path / "adapted.skops"
    assert main(["adapt", known[0], *paths[:2], "--label", "truth", "-o", str(out)]) == 0
    old, new = (proba(load(path).model, paths[:2])[:, 1].mean() for path in (known[0], out))
    assert old < new < 1


# --- extend


def test_extend_equals_python_and_reads_the_new_expert_from_then_on(known, tmp_path, capsys):
    model, _, new = known
    out = tmp_path / "larger.skops"
    # the order of files does not matter
    command = ["extend", model, new[2], *new[:2], "--label", "truth", "-o", str(out), "--quiet"]
    assert main(command) == 0
    outputs = read_tables([new[2], *new[:2]], label="truth")
    own = add_expert(load(model).model, outputs)
    printed = capsys.readouterr().out
    assert f"{-own.guarantee_gap_:.4f} below the best of the old one and of gen" in " ".join(
        printed.split()
    )
    assert max(map(len, printed.splitlines())) <= 100
    table = predicted(out, new, tmp_path, "--weights")
    np.testing.assert_allclose(table[["proba_normal", "proba_tumour"]], proba(own, new), rtol=1e-9)
    assert {"weight_uni", "weight_conch", "weight_gen"} <= set(table.columns)
    assert set(skops.get_untrusted_types(file=out)) <= set(TRUSTED)
    error = refused(["predict", str(out), *new[:2], "-o", str(tmp_path / "x.csv")], capsys)
    assert "no file for the expert(s) ['gen']" in error


def test_columns_of_the_new_expert_are_remembered(known, tmp_path):
    model, _, new = known
    other = pd.read_csv(new[2]).rename(columns={"prob_normal": "a", "prob_tumour": "b"})
    path = str(tmp_path / "gen.csv")
    other.to_csv(path, index=False)
    out, again = tmp_path / "larger.skops", str(tmp_path / "again.skops")
    said = ["--column", "gen:normal=a", "--column", "gen:tumour=b"]
    files = [*new[:2], path]
    command = ["extend", model, *files, "--label", "truth", *said, "-o", str(out), "--quiet"]
    assert main(command) == 0
    own = add_expert(load(model).model, read_tables(new, label="truth"))
    table = predicted(out, files, tmp_path)
    np.testing.assert_allclose(table["proba_tumour"], proba(own, new)[:, 1], rtol=1e-9)
    # a model that is adapted later remembers them, too
    assert main(["adapt", str(out), *files, "--label", "truth", "-o", again, "--quiet"]) == 0
    assert load(again).columns == load(out).columns
    # so they are where a file is left out
    assert len(predicted(out, new[:2], tmp_path, "--how", "outer")) == 60
    assert len(predicted(out, [path], tmp_path, "--how", "outer")) == 60


def test_columns_of_all_experts_stay_those_of_the_old_ones(known, tmp_path):
    _, home, new = known
    files = {"home": [], "new": []}
    for name, paths in (("home", home), ("new", new)):
        for path in paths:
            own = "score" if "gen" in path else "p"
            table = pd.read_csv(path).rename(
                columns={"prob_normal": f"{own}0", "prob_tumour": f"{own}1"}
            )
            files[name].append(str(tmp_path / f"{name}_{Path(path).name}"))
            table.to_csv(files[name][-1], index=False)

    def called(name, kind):
        return [
            f"{expert}={path}"
            for expert, path in zip(("uni", "conch", "gen"), files[name], strict=True)
        ][:kind]

    model, out = str(tmp_path / "m.skops"), str(tmp_path / "l.skops")
    said = ["--column", "normal=p0", "--column", "tumour=p1"]
    fit = ["fit", *called("home", 2), *said, "--label", "truth", "--gate", "none", "--quiet"]
    assert main([*fit, "-o", model]) == 0
    said = ["--column", "gen:normal=score0", "--column", "gen:tumour=score1", "--quiet"]
    extend = ["extend", model, *called("new", 3), *said, "--label", "truth", "-o", out]
    assert main(extend) == 0
    by_expert = {"normal": "p0", "tumour": "p1"}
    assert load(out).columns == {
        "uni": by_expert,
        "conch": by_expert,
        "gen": {"normal": "score0", "tumour": "score1"},
    }
    assert len(predicted(out, called("new", 3), tmp_path)) == 60


def test_a_label_of_another_name_than_in_the_fit(tmp_path):
    home, new = site(tmp_path / "home", 0, label="tumour"), site(tmp_path / "new", 1)
    for paths, label in ((home, "tumour"), (new, "truth")):
        for path in paths:
            table = pd.read_csv(path).drop(columns="prob_normal")
            table[label] = (table[label] == "tumour").astype(int)
            table.to_csv(path, index=False)
    model, out = str(tmp_path / "m.skops"), str(tmp_path / "a.skops")
    fit = ["fit", *home, "--label", "tumour", "--gate", "none", "-o", model, "--quiet"]
    assert main(fit) == 0
    assert main(["adapt", model, *new, "--label", "truth", "-o", out, "--quiet"]) == 0
    assert load(out).label == "tumour"


def test_an_old_expert_without_file(known, tmp_path, capsys):
    model, _, new = known
    out = tmp_path / "larger.skops"
    command = ["extend", model, new[0], new[2], "--label", "truth", "-o", str(out)]
    assert "no file for the expert(s) ['conch']" in refused(command, capsys)
    assert main([*command, "--how", "outer", "--quiet"]) == 0
    assert load(out).model.expert_names_ == ["uni", "conch", "gen"]


# --- certify


def test_certify_equals_python(known, tmp_path, capsys):
    model, _, new = known
    safe, out = str(tmp_path / "safe.skops"), tmp_path / "certificate.csv"
    assert main(["adapt", model, "--safety", "0.05", "-o", safe]) == 0
    capsys.readouterr()
    command = ["certify", safe, *new[:2], "--label", "truth", "--group", "patient"]
    assert main([*command, "--level", "0.9", "-o", str(out)]) == 0
    outputs = read_tables(new[:2], label="truth", group="patient")
    own = certify(load(safe).model, outputs, outputs.y, level=0.9, groups=outputs.groups)
    captured = capsys.readouterr()
    assert captured.out.split() == str(own).split()
    assert max(map(len, captured.out.splitlines())) <= 100
    assert "safety: 5 %" in captured.err
    pd.testing.assert_frame_equal(pd.read_csv(out), own.table, check_dtype=False)
    assert list(own.table["n"]) == [30] * len(own.table)


def test_certify_with_a_safety_says_which_model_it_holds_for(known, tmp_path, capsys):
    model, _, new = known
    report, made = tmp_path / "page.html", str(tmp_path / "safe.skops")
    command = ["certify", model, *new[:2], "--label", "truth", "--reference", "uni", "--quiet"]
    assert main([*command, "--safety", "0.05", "--report", str(report)]) == 0
    captured = capsys.readouterr()
    line = next(line for line in captured.out.splitlines() if "logitprod adapt" in line)
    assert line.strip() == f"logitprod adapt {model} --safety uni=0.05 -o safe.skops"
    # the command that is told makes the model that was certified
    assert main([*line.split()[1:-1], made]) == 0
    capsys.readouterr()
    assert main(["certify", made, *command[2:]]) == 0
    assert capsys.readouterr().out.strip() in captured.out
    page = report.read_text(encoding="utf-8")
    assert "--safety uni=0.05" in page
    assert "safety: 5 % of uni" in page
    assert "<script" not in page


def test_a_model_without_safety_is_told_what_to_do(known, capsys):
    model, _, new = known
    assert main(["certify", model, *new[:2], "--label", "truth", "--quiet"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "The model has no safety" in printed
    assert "--safety 0.05" in printed


def test_a_safety_that_is_there_stays(known, tmp_path, capsys):
    model, _, new = known
    safe = str(tmp_path / "safe.skops")
    assert main(["adapt", model, "--safety", "0.2", "-o", safe]) == 0
    command = ["certify", safe, *new[:2], "--label", "truth", "--quiet"]
    printed = []
    for more in ([], ["--safety", "0.05"]):
        capsys.readouterr()
        assert main([*command, *more]) == 0
        printed.append(capsys.readouterr())
    assert printed[0].out == printed[1].out
    assert "has a safety already" in printed[1].err


@pytest.mark.parametrize("command", ["certify", "adapt"])
def test_rows_of_the_fit_are_recognised(known, command, tmp_path, capsys):
    model, home, _ = known
    out = [] if command == "certify" else ["-o", str(tmp_path / "a.skops")]
    assert main([command, model, *home[:2], "--label", "truth", *out, "--quiet"]) == 0
    assert f"{command} was given rows that the model was fitted on" in capsys.readouterr().err


# --- survival


def test_survival(cox, tmp_path, capsys):
    model, _, new = cox
    adapted, larger, out = (str(tmp_path / name) for name in ("a.skops", "l.skops", "c.csv"))
    assert main(["adapt", model, *new[:2], *SURVIVAL, "-o", adapted, "--quiet"]) == 0
    assert "adapted to 80 labelled rows" in capsys.readouterr().out
    error = refused(["extend", adapted, *new, *SURVIVAL, "-o", larger], capsys)
    assert "--column does not name the column of ['deep']" in error
    extend = ["extend", adapted, *new, *SURVIVAL, "--column", "deep:deep_risk", "-o", larger]
    assert main([*extend, "--quiet"]) == 0
    assert load(larger).model.expert_names_ == ["cox", "forest", "deep"]
    certified = ["certify", larger, *new, *SURVIVAL, "--safety", "0.05", "-o", out, "--quiet"]
    assert main(certified) == 0
    assert {"cox", "forest", "deep"} <= set(pd.read_csv(out)["reference"])
    table = predicted(larger, new, tmp_path)
    np.testing.assert_allclose(
        table["risk"],
        load(larger).model.predict(
            read_tables(new, input="risk", columns={name: f"{name}_risk" for name in RISKS})
        ),
    )


# --- what cannot be used


BAD = {
    "labels of other classes": (
        "adapt {model} {odd} {new[1]} --label truth -o {out}",
        "label 'cyst' is none of the model's classes ['normal', 'tumour']. Correct the label",
    ),
    "a new expert in adapt": (
        "adapt {model} {new[0]} {new[1]} {new[2]} -o {out}",
        "the file(s) of ['gen'] are of no expert of the model, which has ['uni', 'conch']. Name "
        "each file after its expert, NAME=PATH; `logitprod extend` adds experts.",
    ),
    "an expert without file": (
        "certify {model} {new[0]} --label truth",
        "no file for the expert(s) ['conch']. Add it, or go without them by --how outer.",
    ),
    "nothing to adapt to": (
        "adapt {model} -o {out}",
        "nothing says what to adapt to: name files of the new site, or give --prior or --safety.",
    ),
    "a label without files": (
        "adapt {model} --label truth --safety 0.1 -o {out}",
        "--label names a column of files: name the files, too.",
    ),
    "a prior beside files": (
        "adapt {model} {new[0]} {new[1]} --prior normal=0.5,tumour=0.5 -o {out}",
        "--prior stands in place of files",
    ),
    "groups without labels": (
        "adapt {model} {new[0]} {new[1]} --group patient -o {out}",
        "--group is of labelled samples: give --label, too.",
    ),
    "a prior of unknown classes": (
        "adapt {model} --prior a=0.5,tumour=0.5 -o {out}",
        "--prior names ['a'], but the model's classes are ['normal', 'tumour'].",
    ),
    "a prior that lacks a class": (
        "adapt {model} --prior tumour=0.03 -o {out}",
        "--prior lacks the prevalence of ['normal']. Name every class, such as --prior "
        "tumour=0.03,normal=0.97.",
    ),
    "a prior that does not sum to 1": (
        "adapt {model} --prior tumour=0.03,normal=0.9 -o {out}",
        "the prevalences of --prior sum to 0.93, not to 1.",
    ),
    "a prior of survival": (
        "adapt {cox} --prior tumour=0.03,normal=0.97 -o {out}",
        "--prior is of classes, and the model is one of survival: adapt it with labelled files.",
    ),
    "survival without events": (
        "adapt {cox} {cohort[0]} {cohort[1]} -o {out}",
        "nothing says what is true: name the column, --event NAME --time NAME.",
    ),
    "survival with an event alone": (
        "certify {cox} {cohort[0]} {cohort[1]} --event dead",
        "nothing says what is true: name the column, --event NAME --time NAME.",
    ),
    "survival with labels": (
        "extend {cox} {cohort[0]} {cohort[1]} {cohort[2]} --label dead -o {out}",
        "the model is one of survival, which --label is not for: what is true of it says --event "
        "NAME --time NAME.",
    ),
    "classes with events": (
        "certify {model} {new[0]} {new[1]} --event dead --time months",
        "the model is one of classes, which --event is not for: what is true of it says --label",
    ),
    "no labels to extend by": (
        "extend {model} {new[0]} {new[1]} {new[2]} -o {out}",
        "nothing says what is true: name the column, --label NAME.",
    ),
    "no labels to certify by": (
        "certify {model} {new[0]} {new[1]}",
        "nothing says what is true: name the column, --label NAME.",
    ),
    "nothing to extend by": (
        "extend {model} {new[0]} {new[1]} --label truth -o {out}",
        "every file is of an expert that the model has already, which are ['uni', 'conch'].",
    ),
    "one class alone to extend by": (
        "extend {model} {one[0]} {one[1]} {one[2]} --label truth -o {out}",
        "y holds 1 class only, 'normal'",
    ),
    "new experts alone": (
        "extend {model} {new[2]} --label truth --how outer -o {out}",
        "no file is of an expert of the model, which has ['uni', 'conch']. Add theirs",
    ),
    "an unknown reference": (
        "certify {model} {new[0]} {new[1]} --label truth --reference uni,gen",
        "--reference 'gen' is none of the model, which has ['uni', 'conch', 'mean of logits', "
        "'mean of probabilities'].",
    ),
    "a safety of an unknown reference": (
        "adapt {model} --safety gen=0.05 -o {out}",
        "--safety 'gen' is none of the model",
    ),
    "a model that is no model": ("adapt {new[0]} --safety 0.1 -o {out}", "is not a model that"),
    "a model that is absent": ("adapt none.skops --safety 0.1 -o {out}", "none.skops: No such"),
    "a column that is absent": ("certify {model} {new[0]} {new[1]} --label outcome", "outcome"),
    "an output that is a table": (
        "adapt {model} --safety 0.1 -o {folder}/a.csv",
        "a.csv would be a model: call it such as",
    ),
    "an output where a file is": (
        "extend {model} {new[0]} {new[1]} {new[2]} --label truth -o {model}",
        "exists: choose another name, or overwrite it with --force",
    ),
    "an output in a folder that is absent": (
        "certify {model} {new[0]} {new[1]} --label truth -o {folder}/none/c.csv",
        "cannot be written: it is a folder, or its own folder is absent",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used_is_said_in_a_line(name, known, cox, tmp_path, capsys):
    command, message = BAD[name]
    model, _, new = known
    odd = tmp_path / "uni.csv"
    table = pd.read_csv(new[0])
    table.loc[3, "truth"] = "cyst"
    table.to_csv(odd, index=False)
    values = {"model": model, "new": new, "odd": odd, "cox": cox[0], "cohort": cox[2]}
    values |= {"folder": tmp_path, "out": tmp_path / "out.skops"}
    values["one"] = site(tmp_path / "one", 5, only=0)
    before = set(tmp_path.iterdir())
    assert message in refused(command.format(**values).split(), capsys)
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["adapt", "m.skops", "a.csv"], "--save"),
        (["extend", "m.skops", "a.csv"], "--save"),
        (["certify", "m.skops"], "FILE"),
        (["certify", "m.skops", "a.csv", "--level", "95"], "'95' is not a number between 0 and 1"),
        (["adapt", "m.skops", "--safety", "uni=no"], "'no' is not a number between 0 and 1"),
        (["adapt", "m.skops", "--prior", "0.03"], "'0.03' is not CLASS=PREVALENCE"),
        (["adapt", "m.skops", "--prior", "a=0.3,b=1.7"], "'1.7' is not a number between 0 and 1"),
        (["adapt", "m.skops", "--prior", "a=0.3,a=0.7"], "class 'a' is named twice"),
    ],
)
def test_bad_arguments(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_models_that_know_nothing_of_deployment(known, tmp_path, capsys):
    """Those of versions before there was any still load, adapt and predict."""
    model, _, new = known
    saved = load(model)
    for name in ("deployment_", "fit_rows_", "class_prior_", "n_samples_fit_"):
        vars(saved.model).pop(name, None)
    old, out = tmp_path / "old.skops", tmp_path / "new.skops"
    save(old, Saved(saved.model, saved.input, saved.columns))
    assert main(["adapt", str(old), *new[:2], "--label", "truth", "-o", str(out), "--quiet"]) == 0
    assert len(predicted(out, new[:2], tmp_path)) == 60
    capsys.readouterr()
    error = refused(["adapt", str(old), *new[:2], "-o", str(tmp_path / "x.skops")], capsys)
    assert "Fit it again" in error


def test_a_model_may_take_its_own_place(known, tmp_path):
    model = str(tmp_path / "model.skops")
    shutil.copy(known[0], model)
    assert main(["adapt", model, "--safety", "0.1", "-o", model, "--force"]) == 0
    assert load(model).model.deployment_[0]["share"] == 0.1
