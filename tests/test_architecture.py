"""The house: imports run one way, torch has one room, files stay small."""

import ast
from pathlib import Path

import pytest

import sklearn_logitprod

ROOT = Path(sklearn_logitprod.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

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


def module_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def level(module):
    top = module.split(".")[0]
    found = [number for number, room in enumerate(ROOMS) if top in room]
    assert found, f"{module} belongs to no room: add it to ROOMS"
    return found[0]


def imports(path, top_level_only=False):
    """Names of modules that a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module


def own(name):
    """Module of the package that an import names, or None."""
    if name == "sklearn_logitprod":
        return "__init__"
    if name.startswith("sklearn_logitprod."):
        return name.removeprefix("sklearn_logitprod.")
    return None


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_run_one_way(path):
    here = level(module_of(path))
    for name in imports(path):
        if own(name) is not None:
            assert level(own(name)) <= here, f"{module_of(path)} imports {name} from above"


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_rooms_keep_out_what_does_not_belong(path):
    outside = {name.split(".")[0] for name in imports(path) if own(name) is None}
    module = module_of(path)
    if module.startswith("fusion"):
        assert not outside & {"torch", "sklearn", "scipy", "pandas", "joblib"}
    if module.startswith("training"):
        assert "sklearn" not in outside
    if module != "training.network":
        assert "torch" not in outside
        assert "sklearn_logitprod.training.network" not in set(imports(path, top_level_only=True))


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_files_stay_small(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


def test_no_module_imports_itself_in_a_circle():
    graph = {
        module_of(path): {own(name) for name in imports(path, top_level_only=True)} - {None}
        for path in FILES
    }
    done = set()

    def visit(module, trail):
        assert module not in trail, " -> ".join([*trail, module])
        if module not in done and module in graph:
            for other in graph[module]:
                visit(other, [*trail, module])
            done.add(module)

    for module in graph:
        visit(module, [])
