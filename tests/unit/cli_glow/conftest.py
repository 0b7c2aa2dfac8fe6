"""A folder with the MNIST network and some drawn digits, as the tools of Glow are used."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import Place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkout: Path) -> Place:
    """The current folder: mnist.onnx, whose batch is the symbol N, and digits/ with one image of each digit."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mnist.onnx").write_bytes((checkout / "examples/mnist/mnist_nxp.onnx").read_bytes())
    (tmp_path / "digits").mkdir()
    for path in (checkout / "examples/mnist/digits").glob("*_0.png"):
        (tmp_path / "digits" / path.name).write_bytes(path.read_bytes())
    return Place(tmp_path)
