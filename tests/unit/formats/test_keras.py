"""Keras files: converted by Keras where it is installed, which a module of its form stands for here."""

from __future__ import annotations

import importlib.machinery
import sys
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.helpers import NetBuilder
from tinyglow.errors import ModelError, ToolError
from tinyglow.frontend import keras_file
from tinyglow.frontend.read import load_model


def _archive(folder: Path) -> Path:
    path = folder / "net.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("metadata.json", "config.json", "model.weights.h5"):
            archive.writestr(name, b"{}")
    return path


class _Model:
    """Writes its network only after it was called, as Keras's models do."""

    inputs = (SimpleNamespace(shape=(None, 4), dtype="float32"),)

    def __init__(self) -> None:
        self.shape: tuple[int, ...] | None = None

    def __call__(self, data: Any) -> None:
        self.shape = data.shape

    def export(self, path: str, format: str, verbose: bool) -> None:
        assert (self.shape, format, verbose) == ((1, 4), "onnx", False)
        build = NetBuilder()
        y = build.node("Relu", "x")
        Path(path).write_bytes(build.build({"x": (1, 4)}, [y]).proto.SerializeToString())


def _keras(monkeypatch: pytest.MonkeyPatch, version: str, load: Any) -> None:
    module = ModuleType("keras")
    module.__spec__ = importlib.machinery.ModuleSpec("keras", None)
    vars(module).update(__version__=version, saving=SimpleNamespace(load_model=load))
    monkeypatch.setitem(sys.modules, "keras", module)
    keras_file._converted.cache_clear()


def test_a_model_is_what_keras_exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loaded without code of its own, called once, exported."""
    seen: list[dict[str, Any]] = []

    def load(path: Path, **options: Any) -> _Model:
        seen.append(options)
        return _Model()

    _keras(monkeypatch, "3.12.0", load)
    graph = load_model(_archive(tmp_path))
    assert [node.op.kind for node in graph.nodes] == ["Relu"]
    assert graph.type_of(graph.inputs[0]).shape == (1, 4)
    assert graph.name == "net"
    assert seen == [{"compile": False, "safe_mode": True}]


def test_what_keras_refuses_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the first line of its reason, whatever it raises; too old a Keras is named."""

    def load(path: Path, **options: Any) -> None:
        raise KeyError("a Lambda layer\nand more")

    _keras(monkeypatch, "3.12.0", load)
    with pytest.raises(ModelError, match=r"Keras cannot convert it: 'a Lambda layer"):
        load_model(_archive(tmp_path))
    _keras(monkeypatch, "3.11.2", load)
    with pytest.raises(ToolError, match=r"is version 3\.11\.2; expected 3\.11\.3 or newer"):
        load_model(_archive(tmp_path))


@pytest.mark.skipif(keras_file.is_installed(), reason="Keras is installed")
def test_without_keras_both_ways_are_named(tmp_path: Path) -> None:
    """Conversion, and installation."""
    with pytest.raises(ModelError, match=r"model\.export.*pip install keras"):
        load_model(_archive(tmp_path))
