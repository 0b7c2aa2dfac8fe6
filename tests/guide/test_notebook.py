"""The guide's notebook runs from the first cell to the last."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tinyglow.demo.pixel import CHANNEL, COLUMN, ROW, pixel
from tinyglow.demo.walk import FOLLOWED, walk

NAME = "examples/notebooks/how_glow_bundles_work.ipynb"


@pytest.fixture(scope="module")
def notebook() -> dict[str, Any]:
    """The file's content."""
    found: dict[str, Any] = json.loads((Path(__file__).resolve().parents[2] / NAME).read_text(encoding="utf-8"))
    return found


def test_it_is_a_notebook_of_format_4_5(notebook: dict[str, Any]) -> None:
    """By nbformat's own schema where that is installed, else by what the format asks for. It is committed unrun."""
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    identities = [cell["id"] for cell in notebook["cells"]]
    assert len(set(identities)) == len(identities) > 15
    for cell in notebook["cells"]:
        assert set(cell) == {"cell_type", "id", "metadata", "source"} | (
            {"outputs", "execution_count"} if cell["cell_type"] == "code" else set()
        )
        assert not cell.get("outputs") and cell.get("execution_count") is None
    with contextlib.suppress(ImportError):
        import nbformat

        nbformat.validate(nbformat.from_dict(notebook))


@pytest.mark.slow  # compiles C
def test_its_cells_run(notebook: dict[str, Any], checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, in one process, from the notebook's own folder; it finds what the guide finds."""
    for package in ("unicorn", "ziglang"):
        pytest.importorskip(package, reason="needs the extras tinyglow[sim,cc]")
    monkeypatch.chdir((checkout / NAME).parent)
    variables: dict[str, Any] = {"__name__": "__main__"}
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        for number, cell in enumerate(notebook["cells"]):
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), f"cell {number}", "exec"), variables)
    place = tuple(variables[name] for name in ("row", "column", "channel"))
    assert place == (ROW, COLUMN, CHANNEL)
    assert variables["integer"] == pixel(walk()).result
    assert f"recognized: {walk().labels[FOLLOWED]}" in out.getvalue()


def test_it_uses_the_public_functions_alone(notebook: dict[str, Any]) -> None:
    """Beside numpy and the standard library: ``tinyglow`` itself, and the drawn digits."""
    source = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    imports = {line for line in source.splitlines() if line.startswith(("import", "from"))}
    assert imports == {
        "from pathlib import Path",
        "import numpy as np",
        "import tinyglow",
        "from tinyglow.demo import digits",
        "import tempfile",
    }
