"""The report: what it holds of each task, where nothing is cut off, and what it refuses."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("matplotlib")

from sklearn_logitprod import LogitProdClassifier, LogitProdClassifierCV
from sklearn_logitprod.cli import main
from sklearn_logitprod.inspection import compare
from sklearn_logitprod.io import read_tables
from sklearn_logitprod.report import write_report
from sklearn_logitprod.report.tripod import ITEMS

QUICK = ["--repeats", "1", "--cv", "3", "--resamples", "50", "--quiet", "--gate", "none"]
N = 120


class Page(HTMLParser):
    """Identifiers, links, tables and regions of a page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.regions, self.tables, self._open = [], [], [], [], False
        self.images = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        own = dict(attrs)
        if "id" in own:
            self.ids.append(own["id"])
        if tag == "a":
            self.links.append(own["href"])
        if own.get("role") == "region":
            self.regions.append(own)
        if own.get("role") == "img":
            self.images.append(own["aria-label"])
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append({"tag": tag, "text": "", **own})
            self._open = True

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._open = False

    def handle_data(self, data):
        if self._open:
            self.tables[-1][-1][-1]["text"] += f"{data} "


def files(folder, columns, values):
    """A table for each expert with what all of them know of the samples."""
    paths = []
    for m, name in enumerate(["uni", "conch"]):
        table = pd.DataFrame({"slide_id": [f"s{i}" for i in range(N)], **values(m), **columns})
        table.to_csv(folder / f"{name}.csv", index=False)
        paths.append(str(folder / f"{name}.csv"))
    return paths


def classes(folder, n_classes=2, gaps=False):
    rng = np.random.default_rng(0)
    codes = np.arange(N) % n_classes
    site = np.where(np.arange(N) < 10, "small", np.where(rng.random(N) < 0.5, "north", "south"))
    columns = {"label": [f"class{k}" for k in codes], "site": site, "patient": np.arange(N) // 2}

    def values(m):
        scores = rng.normal(size=(N, n_classes)) + (1.0 + m) * (codes[:, None] == range(n_classes))
        proba = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        if gaps and m:
            proba[::5] = np.nan
        return {f"prob_class{k}": own for k, own in enumerate(proba.T)}

    return files(folder, columns, values)


def made(paths, folder, *options):
    report = folder / "report.html"
    assert main(["compare", *paths, "--report", str(report), *QUICK, *options, "--force"]) == 0
    return report.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def text(folder):
    paths = classes(folder, gaps=True)
    return made(
        paths, folder, "--label", "label", "--by", "site", "--group", "patient", "--how", "outer"
    )


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def titles(text):
    return re.findall(r"<h2[^>]*>(.*?)</h2>", text)


def labelled(page, label):
    """The table in the region of a label."""
    at = [own["aria-label"] for own in page.regions].index(label)
    # regions of code have no table
    tables = [own for own in page.regions if own["aria-label"] != "Code"]
    assert page.regions[at] in tables
    wide = [table for table in page.tables if table[0][0].get("scope") == "col"]
    return wide[[own["aria-label"] for own in tables].index(label)]


class TestPage:
    def test_it_says_all_that_the_data_have(self, text):
        assert titles(text) == [
            "All methods",
            "LogitProd beside the best",
            "Subgroups by site",
            "Missing experts",
            "Calibration: reliability",
            "Net benefit of decisions",
            "Weights of the experts",
            "The data",
            "The model",
            "How to use it",
            "How to read this",
            "What TRIPOD+AI asks for",
        ]

    def test_links_lead_to_what_is_there_once(self, page):
        assert len(set(page.ids)) == len(page.ids)
        assert page.links
        assert all(link[0] == "#" and link[1:] in page.ids for link in page.links)

    def test_what_scrolls_is_reached_by_keys_and_has_a_name_of_its_own(self, page, text):
        assert all(own.get("tabindex") == "0" for own in page.regions)
        names = [own["aria-label"] for own in page.regions]
        assert len(set(names)) == len(names)
        assert len(names) == text.count('class="lp-wide"') + text.count("<pre ")

    def test_figures_have_words_and_are_drawn_for_both_widths(self, page, text):
        assert len(page.images) == text.count("<svg") == 2 * len(set(page.images))
        assert "<text" in text

    def test_columns_are_grouped(self, page):
        heads = labelled(page, "All methods")
        groups = {one["text"].strip(): int(one["colspan"]) for one in heads[0] if "colspan" in one}
        assert groups == {
            "mean over repeats, with 95 % interval": 5,
            "log-loss, to the best expert": 2,
        }
        width = sum(int(one.get("colspan", 1)) for one in heads[0])
        assert all(len(row) == width for row in heads[2:])

    def test_every_metric_has_an_interval(self, page):
        for row in labelled(page, "All methods")[2:]:
            for cell in row[1:6]:
                assert re.search(r"\d to \d", cell["text"]), cell

    def test_subgroups_have_numbers_shares_metrics_and_differences(self, page):
        table = labelled(page, "Subgroups by site")
        rows = {row[0]["text"].strip(): row for row in table[2:]}
        assert set(rows) == {"north", "small", "south"}
        north = [cell["text"] for cell in rows["north"]]
        assert re.match(r"\d+ [\d.]+ %", north[3])
        assert all(re.search(r" to ", own) for own in north[5:-1])
        assert rows["small"][-1]["text"].startswith("too few for scores")

    def test_gaps_are_counted(self, page):
        assert [row[1]["text"].strip() for row in labelled(page, "Missing experts")[1:]] == [
            "0",
            "24",
        ]
        rows = labelled(page, "Samples with and without gaps")[2:]
        assert [row[1]["text"].strip() for row in rows] == ["96", "24"]

    def test_calibration_has_slope_and_intercept(self, page):
        (row,) = labelled(page, "Calibration slope and intercept")[2:]
        assert row[0]["text"].strip() == "class1"
        assert all(re.search(r"\d to -?\d", cell["text"]) for cell in row[1:])

    def test_tripod_items_are_all_there_and_point_to_sections(self, page, text):
        rows = labelled(page, "TRIPOD+AI checklist")[1:]
        named = [row[0]["text"].strip() for row in rows]
        assert named == [item.number for item in ITEMS]
        numbers = {int(n) for own in named for n in re.findall(r"\d+", own)}
        assert numbers == set(range(1, 28))
        assert "BMJ 2024;385:e078378" in text

    def test_paper_has_rules_of_its_own(self, text):
        style = text[text.index("@media print") :]
        for rule in ("break-inside: avoid", "overflow: visible", "table-header-group"):
            assert rule in style


class TestTasks:
    def test_without_subgroups_and_gaps_nothing_is_said_of_them(self, tmp_path):
        text = made(classes(tmp_path), tmp_path, "--label", "label")
        assert not {"Subgroups by site", "Missing experts"} & set(titles(text))
        assert "#by" not in Page(text).links

    def test_of_several_classes_each_is_against_the_rest(self, tmp_path):
        page = Page(made(classes(tmp_path, 3), tmp_path, "--label", "label"))
        rows = labelled(page, "Calibration slope and intercept")[2:]
        assert [row[0]["text"].strip() for row in rows] == ["class0", "class1", "class2"]
        assert sum(name.startswith("Decision curve") for name in page.images) == 2 * 3

    def test_of_many_classes_there_are_no_curves(self, tmp_path):
        text = made(classes(tmp_path, 5), tmp_path, "--label", "label")
        assert "Net benefit of decisions" not in titles(text)

    def test_survival_is_looked_at_by_a_time(self, tmp_path):
        rng = np.random.default_rng(0)
        true = rng.normal(size=N)
        months = rng.exponential(12 * np.exp(-true)) + 0.1
        columns = {"dead": (rng.random(N) < 0.7).astype(int), "months": months}
        columns["site"] = np.arange(N) % 2
        paths = files(tmp_path, columns, lambda m: {"risk": true + rng.normal(size=N)})
        options = ["--input", "risk", "--event", "dead", "--time", "months", "--by", "site"]
        text = made(paths, tmp_path, *options)
        assert {"Calibration: survival, predicted and observed", "Net benefit of decisions"} < set(
            titles(text)
        )
        ((name, slope, *_),) = labelled(Page(text), "Calibration slope and intercept")[2:]
        assert name["text"].startswith("an event by ")
        assert " to " in slope["text"]
        assert "median follow-up" in text

    def test_few_events_are_left_out(self, tmp_path):
        rng = np.random.default_rng(0)
        columns = {"dead": (np.arange(N) < 15).astype(int), "months": rng.exponential(size=N) + 1}
        paths = files(tmp_path, columns, lambda m: {"risk": rng.normal(size=N)})
        text = made(paths, tmp_path, "--input", "risk", "--event", "dead", "--time", "months")
        assert "Net benefit of decisions" not in titles(text)
        assert "Calibration slope" not in text

    def test_values_have_neither_probabilities_nor_decisions(self, tmp_path):
        rng = np.random.default_rng(0)
        age = 50 + 10 * rng.normal(size=N)
        columns = {"age": age, "site": np.where(np.arange(N) % 2, "a", "b")}
        paths = files(tmp_path, columns, lambda m: {"pred": age + 5 * rng.normal(size=N)})
        options = ["--target", "age", "--column", "pred", "--by", "site"]
        text = made(paths, tmp_path, *options)
        assert "Calibration: values, predicted and observed" in titles(text)
        assert "Calibration slope" not in text
        assert "Net benefit of decisions" not in titles(text)
        assert "Subgroups by site" in titles(text)


class TestPython:
    def test_it_is_the_page_of_the_command_line(self, folder, text, tmp_path):
        paths = [str(folder / "uni.csv"), str(folder / "conch.csv")]
        outputs = read_tables(paths, label="label", group="patient", how="outer", ignore="site")
        sites = pd.read_csv(paths[0], index_col="slide_id")["site"].loc[outputs.ids]
        model = LogitProdClassifier(gate_width=None, random_state=0)
        table = compare(model, outputs, by=sites, cv=3, n_repeats=1, n_resamples=50)
        path = tmp_path / "own.html"
        write_report(path, table, model, outputs)
        own = path.read_text(encoding="utf-8")
        # what is said of files is said of those alone
        files_only = re.compile(r"<tr><th scope=\"row\">values in the files.*?</tr>")
        assert files_only.sub("", text) == own

    def test_splits_of_ones_own_and_searches_have_one_too(self, tmp_path):
        rng = np.random.default_rng(0)
        y = rng.integers(2, size=80)
        odds = (2 * y[:, None] - 1) + rng.normal(size=(80, 3))
        half = [(np.arange(40), np.arange(40, 80))]
        search = LogitProdClassifierCV(gate_widths=[None], temperatures=[1.0], alphas=[100], cv=2)
        for model in (LogitProdClassifier(gate_width=None), search):
            table = compare(model, odds, y, cv=half, n_resamples=20)
            write_report(tmp_path / "r.html", table, model, odds, y)
            text = (tmp_path / "r.html").read_text(encoding="utf-8")
            assert "Net benefit of decisions" in titles(text)
            assert type(model).__name__ in text

    def test_a_table_of_other_samples_is_refused(self, tmp_path):
        rng = np.random.default_rng(0)
        y, odds = rng.integers(2, size=60), rng.normal(size=(60, 2))
        model = LogitProdClassifier(gate_width=None)
        table = compare(model, odds, y, cv=3, n_repeats=1, n_resamples=20)
        with pytest.raises(ValueError, match="the table is of 60 samples, and here are 40"):
            write_report(tmp_path / "r.html", table, model, odds[:40], y[:40])
        with pytest.raises(ValueError, match="pass what `compare` returned"):
            write_report(tmp_path / "r.html", pd.DataFrame(), model, odds, y)
        assert not (tmp_path / "r.html").exists()


class TestBy:
    @pytest.fixture
    def paths(self, tmp_path):
        return classes(tmp_path)

    def refused(self, capsys, paths, *options):
        assert main(["compare", *paths, "--label", "label", *QUICK, *options]) == 2
        # warnings come before it
        return capsys.readouterr().err.splitlines()[-1]

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--by", "scanner"], "there is no column 'scanner'"),
            (["--by", "label"], "is the column of --label already"),
            (["--by", "patient"], "60 values, which are too many"),
            (["--by", "site", "--layout", "clam"], "Read the files as tables"),
        ],
    )
    def test_what_is_no_subgroup_is_refused(self, capsys, paths, options, said):
        assert said in self.refused(capsys, paths, *options)

    def test_identifiers_divide_nothing(self, capsys, paths):
        table = pd.read_csv(paths[0]).assign(row=[f"r{i}" for i in range(N)])
        table.to_csv(paths[0], index=False)
        line = self.refused(capsys, paths, "--by", "row")
        assert "as many values as there are samples" in line
        assert "--by" in line

    def test_files_that_disagree_are_refused(self, capsys, tmp_path):
        paths = classes(tmp_path)
        table = pd.read_csv(paths[1])
        table.loc[7, "site"] = "elsewhere"
        table.to_csv(paths[1], index=False)
        line = self.refused(capsys, paths, "--by", "site")
        assert "'s7' has 'elsewhere' in column 'site'" in line

    def test_one_file_is_enough(self, capsys, tmp_path):
        paths = classes(tmp_path)
        pd.read_csv(paths[1]).drop(columns="site").to_csv(paths[1], index=False)
        assert main(["compare", *paths, "--label", "label", *QUICK, "--by", "site"]) == 0
        assert "Too few samples for scores: small." in capsys.readouterr().out

    def test_a_number_is_no_output(self, capsys, tmp_path):
        rng = np.random.default_rng(0)
        columns = {"dead": np.arange(N) % 2, "months": rng.exponential(size=N) + 1}
        columns["fold"] = np.arange(N) % 3
        paths = files(tmp_path, columns, lambda m: {"risk": rng.normal(size=N)})
        options = ["--input", "risk", "--event", "dead", "--time", "months", "--by", "fold"]
        assert main(["compare", *paths, *options, *QUICK]) == 0

    def test_patients_are_in_one_subgroup(self, capsys, tmp_path):
        paths = classes(tmp_path)
        for path in paths:
            table = pd.read_csv(path)
            # two slides of a patient: same label and same site
            table["patient"] = np.arange(N) % 60
            table["site"] = np.where(table["patient"] < 30, "a", "b")
            table.to_csv(path, index=False)
        options = ["--group", "patient", "--aggregate", "mean", "--by", "site"]
        assert main(["compare", *paths, "--label", "label", *QUICK, *options]) == 0
        assert re.search(r"^a +30 ", capsys.readouterr().out, re.MULTILINE)
        table = pd.read_csv(paths[0])
        table.loc[0, "site"] = "b"
        table.to_csv(paths[0], index=False)
        line = self.refused(capsys, paths, *options)
        assert "in column 'site'" in line
