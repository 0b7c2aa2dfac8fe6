"""Model files of other tools, which are not read here: how to recognize them, and how to convert them."""

from __future__ import annotations

import zipfile
from pathlib import Path

from tinyglow.errors import ModelError, Problem
from tinyglow.frontend.caffe2_file import is_caffe2
from tinyglow.frontend.caffe_file import is_caffe
from tinyglow.frontend.keras_file import EXPORT, is_installed
from tinyglow.resources import require_file

_KERAS = f"{EXPORT}; or install Keras 3 beside tinyglow: pip install keras tensorflow tf2onnx"
_TENSORFLOW = "convert it: python -m tf2onnx.convert, or tf.lite.TFLiteConverter"
_PYTORCH = "convert it: torch.onnx.export(model, inputs, 'net.onnx')"
_PICKLE = "convert it to ONNX: torch.onnx.export for PyTorch, skl2onnx for scikit-learn"
_ORT = "give the .onnx file that it was made of"

# What begins with these bytes, and what ends with these letters where it begins with nothing of its own.
_BY_BYTES = {
    b"\x89HDF\r\n\x1a\n": ("it is a Keras model (HDF5)", _KERAS),
    b"\x80": ("it is a Python pickle", _PICKLE),
    b"GGUF": ("it is a GGUF file", _PYTORCH),
}
_BY_SUFFIX = {
    ".pb": ("it is a TensorFlow graph", _TENSORFLOW),
    ".safetensors": ("it is weights without a network", _PYTORCH),
    ".mlmodel": ("it is a Core ML model", "give the ONNX model that it was made of"),
    ".xml": ("it is an OpenVINO model", "give the ONNX model that it was made of"),
}


def refuse_foreign(path: str | Path) -> None:
    """Raises ModelError if a file or folder is a model of another tool; says nothing of what it cannot read."""
    path = Path(path)
    try:
        if is_caffe2(path) or is_caffe(path):
            return
        found = _folder(path) if path.is_dir() else _file(path)
    except OSError:
        return
    if found is not None and not (found[1] == _KERAS and is_installed()):
        what, hint = found
        problem = Problem("", what, "an ONNX or TFLite file", hint)
        raise ModelError(f"cannot read the model {path}", [problem])


def is_keras(path: Path) -> bool:
    """Whether a file is a model of Keras."""
    try:
        found = None if path.is_dir() else _file(path)
    except OSError:
        return False
    return found is not None and found[1] == _KERAS


def _folder(path: Path) -> tuple[str, str] | None:
    names = {entry.name for entry in path.iterdir()}
    if "saved_model.pb" in names:
        return "it is a TensorFlow SavedModel", _TENSORFLOW
    models = sorted(name for name in names if name.endswith((".onnx", ".tflite")))
    return ("Is a directory", f"give the file {path / models[0]}") if models else None


def _file(path: Path) -> tuple[str, str] | None:
    if path.suffix.lower() in (".onnx", ".tflite"):
        return None
    require_file(path)
    with open(path, "rb") as file:
        start = file.read(8)
    if start[4:8] == b"ORTM":
        return "it is a model in onnxruntime's own format", _ORT
    if start.startswith(b"PK"):
        return _archive(path)
    for first, found in _BY_BYTES.items():
        if start.startswith(first):
            return found
    return _BY_SUFFIX.get(path.suffix.lower())


def _archive(path: Path) -> tuple[str, str] | None:
    """Keras and PyTorch save zip archives."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return "it is a damaged zip archive", ""
    if any(name.endswith("data.pkl") for name in names):
        return "it is a PyTorch model", _PYTORCH
    if "config.json" in names and any("weights" in name for name in names):
        return "it is a Keras model", _KERAS
    return "it is a zip archive", "unpack it, and give the ONNX or TFLite file in it"
