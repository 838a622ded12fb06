"""Write writers.csv: which program writes what, and what to type to read it.

    python docs/writers.py

The files are those of ``tests/test_io_writers.py``, which holds that each is read to the right
array or refused by this message, and that the table is of today.
"""

import csv
import importlib
import sys
import tempfile
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "writers.csv"
FIELDS = ("writer", "what to type", "file", "source")


def typed(writer):
    """The call that reads a file, or what is said where it is refused."""
    where = "files" if writer.reader == "read_tables" else "folders"
    call = ", ".join([where, *(f"{name}={value!r}" for name, value in writer.call.items())])
    if writer.refused is None:
        return f"``{writer.reader}({call})``"
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            writer.read(Path(folder))
        except ValueError as error:
            _, _, said = str(error).partition("(expert 'uni'): ")
            return f"Refused: {escaped(said)}"
    raise AssertionError(f"the file of {writer.name} was taken")


def escaped(text):
    """Text as reStructuredText that shows it as it is."""
    return "".join(f"\\{letter}" if letter in "\\`*|_" else letter for letter in text)


def rows():
    """The rows of the table, of the writers that the tests know."""
    sys.path.insert(0, str(ROOT / "tests"))
    for writer in importlib.import_module("test_io_writers").WRITERS:
        yield {
            "writer": escaped(writer.name),
            "file": f"``{writer.file}``",
            "what to type": typed(writer),
            "source": escaped(writer.source),
        }


def main():
    """Write the table."""
    with PAGE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows())


if __name__ == "__main__":
    main()
