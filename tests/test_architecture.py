"""The house: imports run one way, torch has one room, files stay small, the root is a hall."""

import ast
from pathlib import Path

import pytest

import sklearn_logitprod

ROOT = Path(sklearn_logitprod.__file__).parent

# lower rooms first; a file may import its own room and those before it
ROOMS = [
    ["_version", "_typing", "_text", "_progress"],
    ["fusion"],
    ["training"],
    ["targets"],
    ["metrics"],
    ["outputs"],
    ["io"],
    ["experts"],
    ["estimators"],
    ["search"],
    ["__init__"],
    ["inspection"],
    ["cli"],
    ["__main__"],
]
MOST_LINES, MOST_IN_ROOT = 500, 8


def sources():
    """Text of each module of the package."""
    paths = sorted(ROOT.rglob("*.py"))
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text(encoding="utf-8")
        for path in paths
    }


SOURCES = sources()


def level(module):
    top = module.split(".")[0]
    found = [number for number, room in enumerate(ROOMS) if top in room]
    assert found, f"{module} belongs to no room: add it to ROOMS"
    return found[0]


def imports(text, top_level_only=False):
    """Names of modules that a file imports."""
    tree = ast.parse(text)
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module


def own(name):
    """Module of the package that an import names, or None."""
    if name == "sklearn_logitprod":
        return "__init__"
    if name.startswith("sklearn_logitprod."):
        return name.removeprefix("sklearn_logitprod.")
    return None


def upward(files):
    """Imports that run upward, as text."""
    return [
        f"{module} imports {own(name)} from above"
        for module, text in files.items()
        for name in imports(text)
        if own(name) is not None and level(own(name)) > level(module)
    ]


def circles(files):
    """Circles of imports at module level, as text."""
    graph = {
        module: {own(name) for name in imports(text, top_level_only=True)} - {None}
        for module, text in files.items()
    }
    done, found = set(), []

    def visit(module, trail):
        if module in trail:
            found.append(" -> ".join([*trail[trail.index(module) :], module]))
            return
        if module not in done:
            for other in sorted(graph.get(module, ())):
                visit(other, [*trail, module])
            done.add(module)

    for module in graph:
        visit(module, [])
    return found


def crowded(files):
    """Files that are too long, and a root that is too full, as text."""
    found = [
        f"{module} has {len(text.splitlines())} lines"
        for module, text in files.items()
        if len(text.splitlines()) > MOST_LINES
    ]
    loose = [module for module in files if "." not in module]
    if len(loose) > MOST_IN_ROOT:
        found.append(f"{len(loose)} files stand in the root: {', '.join(loose)}")
    return found


def private(files):
    """Private names of modules that another room imports, as text."""
    found = []
    for module, text in files.items():
        for node in ast.walk(ast.parse(text)):
            other = own(node.module) if isinstance(node, ast.ImportFrom) else None
            if other is not None and other.split(".")[0] != module.split(".")[0]:
                names = [a.name for a in node.names if a.name.startswith("_")]
                found += [f"{module} imports {other}.{n}" for n in names if n != "__version__"]
    return found


@pytest.mark.parametrize("check", [upward, circles, crowded, private])
def test_the_house_is_in_order(check):
    assert check(SOURCES) == []


@pytest.mark.parametrize(
    ("check", "module", "line", "report"),
    [
        (upward, "fusion.gate", "from sklearn_logitprod.training.data import FitData", "gate"),
        (upward, "outputs.checks", "import sklearn_logitprod.io.tables", "outputs.checks"),
        (upward, "estimators.base", "from sklearn_logitprod.search.base import x", "search.base"),
        (circles, "fusion.logits", "from sklearn_logitprod.fusion.pool import Pool", "logits"),
        (crowded, "fusion.gate", "\n" * 500, "fusion.gate has"),
        (private, "cli.fit", "from sklearn_logitprod.training.path import _Trial", "_Trial"),
    ],
)
def test_a_fault_that_is_planted_is_found(check, module, line, report):
    found = check({**SOURCES, module: f"{SOURCES[module]}\n{line}\n"})
    assert len(found) > 0
    assert any(report in one for one in found)


def test_a_ninth_file_in_the_root_is_found():
    more = {f"_more{i}": "" for i in range(MOST_IN_ROOT)}
    assert any("stand in the root" in one for one in crowded({**SOURCES, **more}))


@pytest.mark.parametrize("module", SOURCES)
def test_rooms_keep_out_what_does_not_belong(module):
    text = SOURCES[module]
    outside = {name.split(".")[0] for name in imports(text) if own(name) is None}
    if module.startswith("fusion"):
        assert not outside & {"torch", "sklearn", "scipy", "pandas", "joblib"}
    if module.startswith("training"):
        assert "sklearn" not in outside
    if module != "training.network":
        assert "torch" not in outside
        assert "sklearn_logitprod.training.network" not in set(imports(text, top_level_only=True))
