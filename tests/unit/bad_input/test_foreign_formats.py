"""Models of other tools are told by what they are, with the way to convert them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.helpers import Place


def _zip(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return path


@pytest.mark.parametrize(
    ("name", "content", "because"),
    [
        (
            "net.keras",
            ("metadata.json", "config.json", "model.weights.h5"),
            ("a Keras model", "format='onnx'", "tf2onnx"),
        ),
        ("net.pt", ("net/data.pkl", "net/version"), ("a PyTorch model", "torch.onnx.export")),
        ("net.zip", ("net.onnx",), ("a zip archive", "unpack it")),
        ("net.h5", b"\x89HDF\r\n\x1a\n0000", ("a Keras model (HDF5)", "tf.lite.TFLiteConverter")),
        ("net.pkl", b"\x80\x04\x95000000", ("a Python pickle", "skl2onnx")),
        ("net.ort", b"\x18\0\0\0ORTM0000", ("onnxruntime's own format", ".onnx file")),
        ("net.pb", b"\x0a\x10\x0a\x01x00000", ("a TensorFlow graph", "tf2onnx")),
        ("net.keras", b"PK\x03\x04damaged", ("a damaged zip archive",)),
    ],
)
def test_files(name: str, content: bytes | tuple[str, ...], because: tuple[str, ...], place: Place) -> None:
    """By their first bytes, or by the names in an archive; else by the file's name."""
    path = place.folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        _zip(path, *content)
    place.refuses_model(path, because=("expected an ONNX or TFLite file" if because[-1] else "", *because))


@pytest.mark.parametrize(
    ("names", "because"),
    [
        (("predict_net.pb", "init_net.pb"), ("no operators or names no outputs", "convert it to ONNX")),
        (("saved_model.pb",), ("a TensorFlow SavedModel", "tf2onnx")),
        (("net.onnx", "net.onnx.data"), ("Is a directory", "give the file", "net.onnx")),
        (("readme.txt",), ("Is a directory",)),
    ],
)
def test_folders(names: tuple[str, ...], because: tuple[str, ...], place: Place) -> None:
    """Caffe2 and TensorFlow save folders; of a folder with a model in it the file is named."""
    folder = place.folder / "net"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b"")
    place.refuses_model(folder, because=because)
    place.refuses("model-compiler", f"-model={folder}", f"-emit-bundle={place.folder / 'b'}", because=because)
