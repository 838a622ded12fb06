"""What .ci/accessibility finds: nothing on the report, and what is planted."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
SCRIPT = REPOSITORY / ".ci" / "accessibility"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

pytestmark = pytest.mark.skipif(
    not (REPOSITORY / ".ci" / "axe" / "node_modules" / "axe-core").is_dir()
    or not shutil.which("node")
    or not any(map(shutil.which, BROWSERS)),
    reason="needs node, chromium and what .ci/accessibility installs: run it once",
)

WHOLE = '<!DOCTYPE html><html lang="en"><head><title>page</title></head><body>{}</body></html>'
FAULTS = {
    "color-contrast": '<main><h1>A</h1><p style="color: #999; background: #fff">pale</p></main>',
    "image-alt": '<main><h1>A</h1><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw="></main>',
    "sideways": '<main><h1>A</h1><div style="width: 900px">wide</div></main>',
}


def looked_at(*pages):
    found = subprocess.run(
        [SCRIPT, *map(str, pages)], capture_output=True, text=True, timeout=300, check=False
    )
    return found.returncode, found.stdout + found.stderr


@pytest.mark.slow
def test_a_report_has_no_serious_finding(tmp_path):
    page = tmp_path / "report.html"
    script = REPOSITORY / "examples" / "benchmarks" / "report_page.py"
    subprocess.run(["python", script, page], check=True, capture_output=True)
    code, said = looked_at(page)
    assert code == 0, said
    assert said.count("0 serious") == 4


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_planted_is_found(tmp_path, fault):
    page = tmp_path / "page.html"
    page.write_text(WHOLE.format(FAULTS[fault]))
    code, said = looked_at(page)
    assert code == 1, said
    assert fault in said


def test_what_is_not_looked_at_is_said(tmp_path):
    # nothing on the path but what the shell needs, and no right to install
    for name in ("bash", "dirname", "env"):
        (tmp_path / name).symlink_to(shutil.which(name))
    (tmp_path / "id").write_text("#!/usr/bin/env bash\necho 1000\n")
    (tmp_path / "id").chmod(0o755)
    found = subprocess.run(
        [SCRIPT, "page.html"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": str(tmp_path)},
    )
    assert found.returncode == 3
    assert "NOT CHECKED" in found.stderr
