"""The built site: links lead somewhere, and nothing is loaded from elsewhere."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

SITE = Path(__file__).parents[1] / "docs" / "_build" / "html"
PAGES = [path for path in sorted(SITE.rglob("*.html")) if "_static" not in path.parts]

# what a browser loads by itself, and what a reader may click
LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("source", "src")}
CLICKED = {("a", "href")}

pytestmark = pytest.mark.skipif(
    not PAGES, reason="needs the site: sphinx-build -W docs docs/_build/html"
)


class Page(HTMLParser):
    """Targets, links and loaded files of one page."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loaded = set(), set(), set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids.update(values[name] for name in ("id", "name") if values.get(name))
        for (wanted, attribute), found in [(x, self.links) for x in CLICKED] + [
            (x, self.loaded) for x in LOADED
        ]:
            if tag == wanted and values.get(attribute):
                found.add(values[attribute])
        if tag == "link" and values.get("rel") in ("canonical", "search", "next", "prev"):
            self.loaded.discard(values["href"])


@pytest.fixture(scope="module")
def pages():
    return {path: Page(path) for path in PAGES}


def test_links_within_the_site_lead_somewhere(pages):
    dead = []
    for path, page in pages.items():
        for link in page.links | page.loaded:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
            if target.is_dir():
                target = target / "index.html"
            anchor = unquote(parts.fragment)
            here = pages.get(target)
            if not target.is_file() or (anchor and here is not None and anchor not in here.ids):
                dead.append(f"{path.relative_to(SITE)}: {link}")
    assert not dead, "\n".join(dead)


def test_pages_load_nothing_from_elsewhere(pages):
    foreign = [
        f"{path.relative_to(SITE)}: {link}"
        for path, page in pages.items()
        for link in page.loaded
        if urlsplit(link).netloc
    ]
    assert not foreign, "\n".join(foreign)


CLASSES = ["Classifier", "Regressor", "MultilabelClassifier", "Survival"]


@pytest.mark.parametrize("name", CLASSES)
def test_parameters_of_estimators_stand_in_groups(name):
    page = SITE / "generated" / f"sklearn_logitprod.LogitProd{name}.html"
    text = page.read_text(encoding="utf-8")
    groups = ["Experts and data", "Gate and pool", "Solver", "Computing"]
    places = [text.index(f'<p class="rubric">{group}</p>') for group in groups]
    assert places == sorted(places)
    firsts = [text.index(f"<strong>{first}") for first in ("gate_width", "solver")]
    assert places[0] < places[1] < firsts[0] < places[2] < firsts[1] < places[3]


@pytest.mark.parametrize("name", CLASSES[:3])
def test_formulas_of_estimators_are_mathematics(name):
    page = SITE / "generated" / f"sklearn_logitprod.LogitProd{name}.html"
    text = page.read_text(encoding="utf-8")
    assert text.index('class="math') < text.index("Parameters")
    assert "sum_m" not in text.replace("\\sum_m", "")


def test_links_to_elsewhere_are_secure(pages):
    outside = {link for page in pages.values() for link in page.links if urlsplit(link).netloc}
    assert outside
    assert not [link for link in outside if urlsplit(link).scheme != "https"]
