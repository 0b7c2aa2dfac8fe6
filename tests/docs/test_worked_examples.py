"""The worked examples of CONTRIBUTING.md: each is a patch that applies to this checkout, and holds what it promises."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, blocks

EXAMPLES = ROOT / "tests/worked_examples"
# How many files each may touch, beside generated ones: a change that spreads is a sign that the design wants mending.
FILES = {"operator": 3, "kernel": 4, "board": 1, "core": 3, "epilogue": 3}
# What runs in the copy besides the example's own check.
SLICES = {
    "operator": ["tests/unit/test_layers.py", "tests/property/test_oracle.py::test_every_operator_is_drawn"],
    "kernel": ["tests/unit/test_layers.py"],
    "board": ["tests/unit/test_boards.py"],
    "core": ["tests/unit/test_boards.py"],
    "epilogue": ["tests/unit/test_layers.py", "tests/parity/test_epilogues.py", "-k", "layers or every"],
}
COPIED = ("tinyglow", "tests", "runtime_c", "templates", "boards", "examples", "pyproject.toml")


def _run(*command: str, cwd: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(cwd), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=cwd, env=env, check=False, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the checkout."""
    if shutil.which("git") is None:
        pytest.skip("needs git, to apply a patch")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_every_patch_is_an_example() -> None:
    """None is left out here."""
    assert {path.stem for path in EXAMPLES.glob("*.patch")} == set(FILES)


@pytest.mark.long
@pytest.mark.parametrize("name", FILES)
def test_the_example_holds_what_it_promises(name: str, copy: Path) -> None:
    """It applies, touches few files, is clean for ruff where that is installed, and works in C and on boards."""
    for package in ("unicorn", "ziglang"):
        pytest.importorskip(package, reason="needs the extras tinyglow[sim,cc]")
    patch = EXAMPLES / f"{name}.patch"
    touched = re.findall(r"^\+\+\+ b/(.*)$", patch.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(touched) <= FILES[name]
    _run("git", "apply", "--whitespace=error", str(patch), cwd=copy)
    _run(sys.executable, "-m", "tests.worked_examples.check", name, cwd=copy)
    # In the usual place it would tidy up after other runs, which takes minutes.
    options = ("-q", "-p", "no:cacheprovider", f"--basetemp={copy.with_name(copy.name + '_runs')}")
    _run(sys.executable, "-m", "pytest", *options, *SLICES[name], cwd=copy)


def test_excerpts_are_those_of_the_patches() -> None:
    """Each block of a patch that CONTRIBUTING.md shows is in one of them, line by line."""
    patches = [path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*.patch")]
    shown = [block for block in blocks(Path("CONTRIBUTING.md")) if block.language == "diff"]
    assert len(shown) >= len(FILES)
    for block in shown:
        assert any(block.text in patch for patch in patches), f"line {block.line}"
