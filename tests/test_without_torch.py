"""A machine without torch: all but the training of gates works there."""

import configparser
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def requirements(text):
    return {line for line in text.split("\n") if line and not line.startswith("#")}


def test_what_is_said_and_done_where_torch_is_hidden(without_torch):
    checks = Path(__file__).parent / "without_torch.py"
    run = f"import pytest\nsys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', {str(checks)!r}]))"
    done = subprocess.run(
        [sys.executable, "-c", f"{without_torch}\n{run}"],
        capture_output=True, text=True, timeout=300, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_requirements_of_prediction_are_all_but_torch():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    of_package = requirements(parser["options"]["install_requires"])
    without = requirements((ROOT / "requirements-predict.txt").read_text(encoding="utf-8"))
    assert without == {one for one in of_package if not one.startswith("torch")}


def test_pinned_set_of_prediction_is_that_of_all_without_torch():
    pinned = requirements((ROOT / "constraints-predict.txt").read_text(encoding="utf-8"))
    assert pinned <= requirements((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    names = {line.partition("==")[0] for line in pinned}
    wanted = requirements((ROOT / "requirements-predict.txt").read_text(encoding="utf-8"))
    assert {line.partition(">=")[0] for line in wanted} <= names
    assert "torch" not in names
