"""The page of errors shows every case that the tests hold, with a message of today."""

import csv
import importlib.util
import re
from collections import Counter
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "docs" / "bad_inputs.py"


def page_and_cases(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    spec = importlib.util.spec_from_file_location("bad_inputs", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    with script.PAGE.open(encoding="utf-8", newline="") as file:
        page = [{k: script.unescaped(v) for k, v in row.items()} for row in csv.DictReader(file)]
    return page, list(script.cases())


def test_page_shows_the_cases_of_the_tests(monkeypatch):
    page, cases = page_and_cases(monkeypatch)
    assert [(row["part"], row["what is wrong"]) for row in page] == [
        (part, name) for part, name, _, _ in cases
    ]
    for row, (_, name, _, pattern) in zip(page, cases, strict=True):
        # patterns of readers and of messages with several lines may stand for line ends
        assert re.search(f"(?s){pattern}", row["message"]), name
    assert len(page) >= 80
    parts = Counter(row["part"] for row in page)
    assert {"LogitProdClassifier", "LogitProdSurvival", "read_tables"} <= set(parts)


def test_page_is_clean():
    text = (SCRIPT.parent / "bad_inputs.csv").read_text(encoding="utf-8")
    assert "/tmp" not in text
    assert not re.search(r"np\.(int|float)\d+\(", text)
