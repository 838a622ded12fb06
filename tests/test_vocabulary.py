"""One word for each thing, in documentation and docstrings."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [*sorted((ROOT / "docs").glob("*.rst")), ROOT / "README.md", ROOT / "CHANGELOG.md"]
MODULES = sorted((ROOT / "sklearn_logitprod").rglob("*.py"))
EXAMPLES = sorted((ROOT / "examples").glob("plot_*.py"))

# what is said otherwise, and how
INSTEAD = {
    r"base (?:models?|learners?)": "expert",
    r"sub-?models?": "expert",
    r"experts?'? models?": "expert",
    r"out of fold|OOF": "out-of-fold",
    r"cross ?fit(?:ted|ting)?": "cross-fitting",
    r"gating (?:network|function)s?": "gate",
    r"routers?|attention weights?": "gate",
    r"censorship": "event",
    r"log(?:arithmic)? pool\b": "logarithmic opinion pool",
    r"meta-?features?": "gating features",
    r"hazards? scores?": "hazard logits",
    r"soft-?max temperature": "gate temperature",
}


def prose(path):
    """What is written for readers: pages without literals, docstrings and comments of code."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        nodes = [
            node
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        ]
        comments = re.findall(r"^\s*# (.*)$", text, flags=re.MULTILINE)
        docstrings = "\n".join(ast.get_docstring(node) or "" for node in nodes)
        examples = r"^\s*(?:>>>|\.\.\.) .*$"
        docstrings = re.sub(examples, "", docstrings, flags=re.MULTILINE)
        text = "\n".join([docstrings, *comments])
    return re.sub(r"``.*?``|`[^`]*`", "", text)


@pytest.mark.parametrize("path", [*PAGES, *MODULES, *EXAMPLES], ids=lambda path: path.name)
def test_terms(path):
    text = prose(path)
    found = {
        f"{match.group()!r}: say {better!r}"
        for pattern, better in INSTEAD.items()
        for match in re.finditer(rf"\b(?:{pattern})\b", text, flags=re.IGNORECASE)
    }
    assert not found
