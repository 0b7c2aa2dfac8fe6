"""Weights in a file beside the model (PyTorch's exporter writes nothing else): read, or refused with the reason."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import tinyglow
from tinyglow.errors import ModelError
from tinyglow.interp import run_graph

WEIGHTS = np.arange(12, dtype=np.float32).reshape(3, 4)
INPUT = np.array([[[1.0, -2.0, 0.5]]], np.float32)


def saved(folder: Path, **entries: str) -> Path:
    """A model in ``folder``, which multiplies by WEIGHTS; its external data are described by ``entries``."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=WEIGHTS.shape)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "y")]
    infos[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3]))
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "net", infos[:1], infos[1:], [tensor])
    path = folder / "model.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]).SerializeToString())
    return path


def assert_reads(path: Path) -> None:
    """The model computes with the weights of the other file."""
    (result,) = run_graph(tinyglow.load(path), {"x": INPUT}).values()
    np.testing.assert_allclose(result, INPUT @ WEIGHTS)


def test_data_beside_the_model(tmp_path: Path) -> None:
    """The whole file, or a part of it that begins at an offset, in the model's folder or in one inside it."""
    (tmp_path / "model.onnx.data").write_bytes(WEIGHTS.tobytes())
    assert_reads(saved(tmp_path, location="model.onnx.data"))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "all.bin").write_bytes(bytes(64) + WEIGHTS.tobytes() + bytes(9))
    assert_reads(saved(tmp_path, location="weights/all.bin", offset="64", length="48"))


def test_models_as_onnx_saves_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Constants of nodes too may lie in the file; the folder that counts is the model's, wherever the user is."""
    value = onnx.numpy_helper.from_array(WEIGHTS)
    nodes = [helper.make_node("Constant", [], ["w"], value=value), helper.make_node("MatMul", ["x", "w"], ["y"])]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", [1, 3]), ("y", [])))
    y.type.tensor_type.ClearField("shape")
    model = helper.make_model(helper.make_graph(nodes, "net", [x], [y]), opset_imports=[helper.make_opsetid("", 13)])
    options = {"save_as_external_data": True, "convert_attribute": True, "size_threshold": 0, "location": "w.data"}
    onnx.save_model(model, tmp_path / "model.onnx", **options)
    monkeypatch.chdir(tmp_path.parent)
    assert_reads(tmp_path / "model.onnx")


def _outside(folder: Path) -> dict[str, str]:
    (folder / "secret").write_bytes(WEIGHTS.tobytes())
    return {"location": "../secret"}


def _absolute(folder: Path) -> dict[str, str]:
    return {**_outside(folder), "location": str(folder / "secret")}


def _link(folder: Path) -> dict[str, str]:
    _outside(folder)
    (folder / "model" / "link").symlink_to(folder / "secret")
    return {"location": "link"}


def _pipe(folder: Path) -> dict[str, str]:
    if os.name != "posix":
        pytest.skip("needs the pipes of POSIX")
    os.mkfifo(folder / "model" / "pipe")  # not on Windows (os.name)
    return {"location": "pipe"}


def _short(folder: Path) -> dict[str, str]:
    (folder / "model" / "w").write_bytes(WEIGHTS.tobytes()[:-1])
    return {"location": "w"}


def _late(folder: Path) -> dict[str, str]:
    return {**_short(folder), "offset": "999999999999999999", "length": "48"}


def _another_length(folder: Path) -> dict[str, str]:
    return {**_short(folder), "length": "44"}


@pytest.mark.parametrize(
    ("entries", "because"),
    [
        (lambda folder: {"location": "w"}, "w: has its data in the file 'w', which cannot be read: No such file"),
        (lambda folder: {}, "a file in the model's folder (keep that file beside the model's)"),
        (lambda folder: {"location": "."}, "which is no file"),
        (lambda folder: {"location": "a\0b"}, "which cannot be read"),
        (_outside, "has its data in the file '../secret'; expected a file in the model's folder"),
        (_absolute, "expected a file in the model's folder"),
        (_link, "has its data in the file 'link'; expected a file in the model's folder"),
        (_pipe, "which is no file"),
        (_short, "from byte 0 to 48, which has 47; expected a whole file (copy it again)"),
        (_late, "which has 47; expected a whole file"),
        (_another_length, "has 44 bytes of external data for shape [3, 4]; expected 48"),
        (lambda folder: {"location": "w", "offset": "-1"}, "has the offset '-1' of external data"),
        (lambda folder: {"location": "w", "length": "1e3"}, "has the length '1e3' of external data"),
    ],
)
def test_data_that_cannot_be_read(entries, because: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Absent, short, outside of the folder by ".." or by a link, or no file at all: each is named, nothing is read."""
    folder = tmp_path / "model"
    folder.mkdir()
    path = saved(folder, **entries(tmp_path))
    with pytest.raises(ModelError) as caught:
        tinyglow.load(path)
    assert because in str(caught.value)


def test_an_attribute_reads_no_file_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A constant of an attribute lies in the model's folder too, and not where the user happens to be."""
    value = TensorProto(data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    value.external_data.add(key="location", value="here")
    shape = onnx.numpy_helper.from_array(np.array([3]), "s")
    nodes = [helper.make_node("ConstantOfShape", ["s"], ["c"], value=value), helper.make_node("Mul", ["x", "c"], ["y"])]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in "xy")
    graph = helper.make_graph(nodes, "net", [x], [y], [shape])
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]).SerializeToString()
    )
    (tmp_path / "here").write_bytes(bytes(4))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="No such file"):
        tinyglow.load(folder / "model.onnx")
