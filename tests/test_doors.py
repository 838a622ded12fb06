"""The lines of the start page and of the guide run as they stand."""

import importlib.util
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).parents[1] / "docs"


def script(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


doors = script("doors")


@pytest.fixture(scope="module")
def found():
    """What the lines of each door leave behind, run in a folder with the demo's files."""
    with doors.folder_with_files():
        return {door: doors.run(door) for door in doors.DOORS}


def test_files(found):
    door = found["files"]
    assert door["model"].expert_names_ == door["outputs"].expert_names
    verdict = door["table"].verdict
    assert verdict.startswith("Fusing beats the best expert")
    assert "it beats the best simple method" in verdict
    assert door["model"].guarantee_gap_ <= 0.0


def test_models(found):
    losses = doors.held_out(**{k: found["models"][k] for k in ("model", "X_new", "y_new")})
    assert list(losses)[:3] == [name for name, _ in found["models"]["experts"]]
    assert min(losses, key=losses.get) == "LogitProd"


def test_embeddings(found):
    door = found["embeddings"]
    assert [name for name, _ in door["model"].experts] == door["embeddings"].encoders
    assert "all features" in door["table"].index


@pytest.mark.parametrize("door", doors.DOORS)
def test_pictures_can_be_drawn_and_are_small(found, door):
    plt = pytest.importorskip("matplotlib.pyplot")
    fig, ax = plt.subplots()
    doors.draw(door, found[door], ax)
    assert ax.get_xlabel().startswith("log-loss")
    plt.close(fig)
    assert (DOCS / "images" / f"door_{door}.png").stat().st_size < 80_000


def test_every_door_takes_few_lines():
    for door in doors.DOORS:
        lines = [line for line in doors.lines(door).splitlines() if line.strip()]
        assert sum("import" not in line for line in lines) <= 7


def blocks(page):
    text = (DOCS / f"{page}.rst").read_text(encoding="utf-8")
    found = re.findall(r"\.\. code-block:: python\n\n((?: {4}.*\n|\n)+)", text)
    return [textwrap.dedent(block) for block in found]


def test_lines_of_another_hospital_and_of_missing_experts(capsys):
    from sklearn_logitprod import LogitProdClassifier

    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 600)
    logits = np.stack([s * (2 * y - 1) + rng.normal(size=600) for s in (1.5, 1.0, 0.5)], axis=1)
    model = LogitProdClassifier(gate_width=None).fit(logits[:200], y[:200])
    names = {"model": model, "X_there": logits[200:300], "X_few": logits[300:330]}
    names |= {"y_few": y[300:330], "X_kept": logits[330:], "y_kept": y[330:]}
    for block in blocks("another_hospital"):
        exec(block, names)
    assert "certificate" in names
    assert capsys.readouterr().out.strip()

    names = {"np": np, "model": model, "logits": logits.copy()}
    for block in blocks("missing_experts"):
        exec(block, names)
    weights = model.expert_weights(names["logits"])[2]
    assert weights[1] == 0.0
    assert weights.sum() == pytest.approx(1.0)


def test_the_gallery_has_every_example_in_its_order():
    order = script("gallery_order")
    examples = sorted((DOCS.parent / "examples").glob("plot_*.py"))
    assert sorted(map(order.place, examples)) == list(range(len(order.ORDER)))
