"""Write bad_inputs.csv: what the tests put in, and the error that comes out.

    python docs/bad_inputs.py

The cases are those of the tests, which hold each message; ``tests/test_errors_page.py``
holds that every case is on the page with a message of today.
"""

import contextlib
import csv
import importlib
import io
import re
import sys
import tempfile
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "bad_inputs.csv"
FIELDS = ("part", "what is wrong", "error", "message")


def cases():
    """Every case: part, name, function of an empty folder, pattern of the message."""
    sys.path.insert(0, str(ROOT / "tests"))
    names = (
        "bad_input",
        "experts",
        "survival",
        "panel",
        "io_broken",
        "io_doubts",
        "io_broken_layouts",
        "io_embeddings_broken",
        "patients",
        "cli",
        "cli_probe_refused",
        "partial",
        "grades",
        "regressor",
        "export",
        "metrics_refused",
        "inspection_refused",
        "deployment_refused",
        "given_refused",
        "cli_refused",
    )
    (
        fit,
        experts,
        survival,
        panel,
        tables,
        doubts,
        layouts,
        features,
        patients,
        cli,
        probe,
        partial,
        grades,
        regressor,
        export,
        metrics,
        inspection,
        deployment,
        given,
        commands,
    ) = (importlib.import_module(f"test_{name}") for name in names)
    for name, (call, pattern) in fit.CASES.items():
        yield "LogitProdClassifier", name, lambda _, call=call: call(), pattern
    for name, (_, _, pattern) in experts.BAD_EXPERTS.items():
        yield "experts", name, lambda _, name=name: experts.fit_bad_experts(name), pattern
    for name, pattern in experts.MISBEHAVING.items():
        call = experts.fit_misbehaving
        yield "an expert's answer", name, lambda _, call=call, name=name: call(name), pattern
    for name, (call, pattern) in survival.BAD.items():
        yield "LogitProdSurvival", name, lambda _, call=call: call(), pattern
    for name, (call, pattern) in regressor.BAD.items():
        yield "LogitProdRegressor", name, lambda _, call=call: call(), pattern
    for name, (call, pattern) in panel.BAD.items():
        yield "LogitProdMultilabelClassifier", name, lambda _, call=call: call(), pattern
    readers = (
        ("read_tables", tables),
        ("read_tables", doubts),
        ("readers of layouts", layouts),
        ("read_embeddings", features),
    )
    for part, module in readers:
        for name, (read, pattern) in module.CASES.items():
            yield part, name, read, pattern
    for name, (call, message) in patients.BAD.items():
        yield "aggregate", name, lambda _, call=call: call(), re.escape(message)
    for name, (arguments, message) in cli.BAD_ARGUMENTS.items():
        run = lambda folder, own=arguments: cli.run_badly(own, folder)  # noqa: E731
        yield "logitprod compare", name, run, re.escape(message)
    for name, (command, message) in probe.BAD.items():
        run = lambda folder, own=command: probe.run_badly(own, folder)  # noqa: E731
        yield "logitprod probe", name, run, re.escape(message)
    for part, found in (("partial labels", partial.CASES), ("grades", grades.BAD)):
        for name, (call, pattern) in found.items():
            yield part, name, lambda _, call=call: call(), pattern
    for name, (call, pattern) in export.BAD.items():
        yield "to_onnx, to_torch", name, lambda _, call=call: call(), pattern
    for module in (inspection, metrics, deployment, given):
        for part, own in module.BAD.items():
            for name, (call, message) in own.items():
                yield part, name, lambda _, call=call: call(), re.escape(message)
    for name, (call, message) in inspection.REPORTS.items():
        yield "write_report", name, call, re.escape(message)
    for part, own in commands.BAD.items():
        for name, (text, message) in own.items():
            run = lambda folder, text=text: commands.run_badly(text, folder)  # noqa: E731
            yield part, name, run, re.escape(message)


def escaped(text):
    """Text as reStructuredText that shows it as it is."""
    return re.sub(r"([\\`*|]|_(?!\w))", r"\\\1", text)


def unescaped(text):
    """Inverse of `escaped`."""
    return re.sub(r"\\(.)", r"\1", text)


def outcome(call):
    """Type and message of the error that a case raises."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                call(Path(folder))
        except (Exception, SystemExit) as error:
            kind = type(error).__name__
            kind = "exit code 2" if kind == "SystemExit" else kind
            text = re.sub(r" at 0x[0-9a-f]+", "", str(error).replace(f"{folder}/", ""))
            return kind, " ".join(text.split())
    raise AssertionError("a bad input was taken")


def main():
    """Run all cases and write the page's table."""
    rows = [map(escaped, (part, name, *outcome(call))) for part, name, call, _ in cases()]
    with PAGE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FIELDS)
        writer.writerows(rows)
    print(f"{len(rows)} cases")


if __name__ == "__main__":
    main()
