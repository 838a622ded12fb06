"""The quickstart runs as the notebook that readers download."""

import shutil
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "examples" / "plot_quickstart.py"


@pytest.mark.slow
def test_quickstart_runs_as_a_notebook(tmp_path):
    for name in ("nbclient", "ipykernel"):
        pytest.importorskip(name, reason="notebooks need the extra dev")
    convert = pytest.importorskip("sphinx_gallery.notebook", reason="needs the extra docs")
    import nbclient
    import nbformat

    script = shutil.copy(EXAMPLE, tmp_path)
    convert.python_to_jupyter_cli([str(script)])
    notebook = nbformat.read(Path(script).with_suffix(".ipynb"), as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3")
    client.execute(cwd=str(tmp_path))

    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) >= 3
    outputs = [output for cell in code for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    text = "".join(output.get("text", "") for output in outputs)
    assert "LogitProd" in text
    assert "guarantee gap: -" in text
    images = [o for o in outputs if "image/png" in o.get("data", {})]
    assert len(images) == 2
