"""The house: imports run one way and in no circle, torch has one room, files stay small."""

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import sklearn_logitprod
from sklearn_logitprod.cli import arguments, files, tasks
from sklearn_logitprod.inspection._tasks import TASKS
from sklearn_logitprod.report import tasks as report_tasks

NAME = "sklearn_logitprod"
ROOT = Path(sklearn_logitprod.__file__).parent
REPOSITORY = Path(__file__).parents[1]

# text of each file by its path in the package: what the checks below are functions of, so
# that a test can plant a fault
SOURCES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(ROOT.rglob("*.py"))
}

# lower rooms first; a file may import its own room and those before it
ROOMS = [
    ["_version", "_typing", "_text", "_html", "_progress"],
    ["fusion"],
    ["training"],
    ["targets"],
    ["metrics"],
    ["outputs"],
    ["io"],
    ["heads"],
    ["experts"],
    ["estimators"],
    ["search"],
    ["__init__"],
    ["inspection"],
    ["deployment"],
    ["interfaces"],
    ["export"],
    ["report"],
    ["cli"],
    ["__main__"],
]
MOST_LINES = 500
MOST_IN_ROOT = 8

# what a room must do without
BANNED = {"fusion": {"torch", "sklearn", "scipy", "pandas", "joblib"}, "training": {"sklearn"}}
TORCH = f"{NAME}.training.network"
# writes modules of torch, for whoever has it
EXPORT = f"{NAME}.export.modules"


@dataclass(frozen=True)
class Import:
    """One imported module.

    Attributes
    ----------
    module : str
    names : tuple of str
        What is taken out of it; modules among them are imports of their own.
    at_once : bool
        Whether it happens when the importing module is imported, not in a function later
        nor for type checkers alone.
    """

    module: str
    names: tuple = ()
    at_once: bool = True


def module_of(file):
    """Dotted name of the module that a file of the package holds."""
    parts = [NAME, *file.removesuffix(".py").split("/")]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module):
    """First name below the package; that of the package itself is ``__init__``."""
    return "__init__" if module == NAME else module.split(".")[1]


def level(module):
    found = [number for number, rooms in enumerate(ROOMS) if room_of(module) in rooms]
    assert found, f"{module} belongs to no room: add it to ROOMS"
    return found[0]


def is_own(module):
    return module.split(".")[0] == NAME


def statements(node, at_once=True):
    """Import statements below a node, and whether they run when its module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, at_once
        else:
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            typing = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
            yield from statements(child, at_once and not function and not typing)


@cache
def import_statements(text):
    return list(statements(ast.parse(text)))


def imports_of(sources):
    """Imports of each module."""
    modules = {module_of(file) for file in sources}
    found = {}
    for file, text in sources.items():
        own = found[module_of(file)] = []
        for node, at_once in import_statements(text):
            if isinstance(node, ast.Import):
                own += [Import(alias.name, (), at_once) for alias in node.names]
                continue
            # a relative import names a module that belongs to no room
            base = "." * node.level + (node.module or "")
            names = [alias.name for alias in node.names]
            taken = [f"{base}.{name}" for name in names]
            own += [Import(module, (), at_once) for module in taken if module in modules]
            rest = tuple(n for n, module in zip(names, taken, strict=True) if module not in modules)
            own += [Import(base, rest, at_once)] if rest else []
    return found


def relative_imports(sources):
    return [
        f"{module} imports {one.module} by a relative path"
        for module, own in imports_of(sources).items()
        for one in own
        if one.module.startswith(".")
    ]


def upward_imports(sources):
    return [
        f"{module} imports {one.module} from above"
        for module, own in imports_of(sources).items()
        for one in own
        if is_own(one.module) and level(one.module) > level(module)
    ]


def circles(sources):
    """Chains of modules that import each other, as they are imported."""
    graph = {
        module: sorted({one.module for one in own if one.at_once and is_own(one.module)})
        for module, own in imports_of(sources).items()
    }
    done, found = set(), []

    def visit(module, trail):
        if module in trail:
            found.append(" -> ".join([*trail[trail.index(module) :], module]))
        elif module not in done:
            for other in graph.get(module, ()):
                visit(other, [*trail, module])
            done.add(module)

    for module in graph:
        visit(module, [])
    return found


def strangers(sources):
    """Packages in rooms that do without them, and torch outside of its modules."""
    found = []
    for module, own in imports_of(sources).items():
        banned = BANNED.get(room_of(module), set())
        for one in own:
            package = one.module.split(".")[0]
            stray = package == "torch" and module != TORCH and (module != EXPORT or one.at_once)
            if package in banned or stray or (one.module == TORCH and one.at_once):
                found.append(f"{module} imports {one.module}")
    return found


def private_names(sources):
    """Private functions and classes that are taken out of a module of another room."""
    return [
        f"{module} imports {name} from {one.module}"
        for module, own in imports_of(sources).items()
        for one in own
        if is_own(one.module) and room_of(one.module) != room_of(module)
        for name in one.names
        if name.startswith("_") and not name.startswith("__")
    ]


def long_files(sources):
    lines = {file: len(text.splitlines()) for file, text in sources.items()}
    return [f"{file} has {n} lines" for file, n in lines.items() if n > MOST_LINES]


def crowd(files):
    """Files of the package root, if they are too many."""
    here = [file for file in files if "/" not in file]
    return here if len(here) > MOST_IN_ROOT else []


CHECKS = [relative_imports, upward_imports, circles, strangers, private_names, long_files]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_house_is_in_order(check):
    assert not check(SOURCES)


def test_the_root_is_no_corridor():
    files = [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if path.is_file()]
    assert not crowd(files)
    planted = [f"_more_{i}.py" for i in range(MOST_IN_ROOT + 1 - sum("/" not in f for f in files))]
    assert not crowd([*files, *planted[1:]])
    assert set(planted) < set(crowd([*files, *planted]))


def added(file, *lines):
    """The package with lines that are added to a file, which may be new."""
    return SOURCES | {file: "\n".join([SOURCES.get(file, ""), *lines, ""])}


@pytest.mark.parametrize(
    ("file", "line", "above"),
    [
        ("fusion/pool.py", "from sklearn_logitprod.training.data import FitData", "training.data"),
        ("training/fit.py", "import sklearn_logitprod.estimators.base", "estimators.base"),
        ("outputs/new.py", "from sklearn_logitprod.io import read_tables", "io"),
        ("estimators/base.py", "from sklearn_logitprod.search import base", "search.base"),
        # late is no better than at once, and the package itself lies above the estimators
        ("fusion/gate.py", "def f():\n    import sklearn_logitprod.io._source", "io._source"),
        ("experts/calls.py", "from sklearn_logitprod import stack_outputs", ""),
        ("inspection/oracle.py", "from sklearn_logitprod import cli", "cli"),
    ],
)
def test_an_import_from_above_is_reported(file, line, above):
    expected = f"{module_of(file)} imports {f'{NAME}.{above}'.rstrip('.')} from above"
    assert upward_imports(added(file, line)) == [expected]


@pytest.mark.parametrize(
    ("file", "line", "back"),
    [
        ("fusion/logits.py", "import sklearn_logitprod.fusion.likelihood", "fusion.likelihood"),
        ("io/_source.py", "from sklearn_logitprod.io import read_tables", "io"),
        ("cli/files.py", "try:\n    from sklearn_logitprod.cli import compare\nfinally: 0", "cli"),
        ("fusion/gate.py", "import sklearn_logitprod.fusion.gate", "fusion.gate"),
        ("fusion/logits.py", "import sklearn_logitprod.training.data", "training.data"),
    ],
)
def test_a_circle_is_reported(file, line, back):
    found = circles(added(file, line))
    assert found
    assert all(module_of(file) in one and f"{NAME}.{back}" in one for one in found)


def test_what_is_imported_later_or_for_types_alone_makes_no_circle():
    line = "from sklearn_logitprod.fusion.likelihood import LabelSets"
    assert not circles(added("fusion/logits.py", f"def f():\n    {line}"))
    assert not circles(added("fusion/logits.py", f"if TYPE_CHECKING:\n    {line}"))


def test_strangers_are_reported():
    numpy_alone = added("fusion/gate.py", "def f():\n    from scipy.special import softmax")
    assert strangers(numpy_alone) == [f"{NAME}.fusion.gate imports scipy.special"]
    assert strangers(added("io/tables.py", "import torch")) == [f"{NAME}.io.tables imports torch"]
    assert not strangers(added("export/modules.py", "def f():\n    import torch"))
    found = strangers(added("export/modules.py", "import torch"))
    assert found == [f"{NAME}.export.modules imports torch"]
    line = f"from {TORCH} import fit_gates"
    assert strangers(added("training/fit.py", line)) == [f"{NAME}.training.fit imports {TORCH}"]


def test_private_names_of_other_rooms_are_reported():
    line = "from sklearn_logitprod.io.tables import _texts, read_tables"
    expected = f"{NAME}.cli.fit imports _texts from {NAME}.io.tables"
    assert private_names(added("cli/fit.py", line)) == [expected]
    assert not private_names(added("io/clam.py", line))
    assert not private_names(added("cli/fit.py", "from sklearn_logitprod.inspection import _draw"))


def test_relative_imports_are_reported():
    assert len(relative_imports(added("fusion/gate.py", "from . import pool"))) == 1


def test_a_file_beyond_five_hundred_lines_is_reported():
    assert not long_files({"fusion/new.py": "x = 1\n" * 500})
    assert long_files({"fusion/new.py": "x = 1\n" * 501}) == ["fusion/new.py has 501 lines"]


def test_a_file_of_no_room_is_reported():
    with pytest.raises(AssertionError, match="belongs to no room"):
        upward_imports(added("attic/old.py", "import sklearn_logitprod.fusion"))


def test_the_page_shows_the_rooms_and_what_is_in_them():
    text = (REPOSITORY / "docs" / "architecture.rst").read_text(encoding="utf-8")
    _, tree = text.split("    sklearn_logitprod/\n", 1)
    shown = {}
    for line in tree.split("\n\n", 1)[0].splitlines():
        room = re.match(r" {6}(\w+)/", line)
        if room:
            files = shown.setdefault(room.group(1), [])
        elif shown and line.startswith(" " * 8):
            files += line.split()
        else:
            files = shown.setdefault(line.split()[0], [])
    there = {}
    for file in SOURCES:
        room, _, name = file.removesuffix(".py").partition("/")
        there.setdefault(room, set()).update({name} - {"", "__init__"})
    assert {room: set(files) for room, files in shown.items()} == there
    levels = [level(f"{NAME}.{room}" if room != "__init__" else NAME) for room in shown]
    assert levels == sorted(levels, reverse=True)


PAGES = ["docs/architecture.rst", "docs/how_to_add.rst", "CONTRIBUTING.md"]


@pytest.mark.parametrize("page", PAGES)
def test_files_that_the_pages_name_are_there(page):
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w[\w./]*/[\w.]*)`", text))
    assert named
    assert not [
        name for name in named if not (ROOT / name).exists() and not (REPOSITORY / name).exists()
    ]


def test_what_has_an_entry_in_one_table_has_it_in_the_other():
    assert tasks.WORDS.keys() == TASKS.keys()
    # a report is of one outcome
    several = {name for name, words in tasks.WORDS.items() if words.several}
    assert report_tasks.WORDS.keys() == TASKS.keys() - several
    assert set(arguments._LAYOUTS) == files._READERS.keys()
