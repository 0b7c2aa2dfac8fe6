"""An ONNX file as onnx parses it. Files are untrusted."""

from __future__ import annotations

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from tinyglow.errors import ModelError, Problem
from tinyglow.frontend.importing import read_bytes
from tinyglow.frontend.protobuf_file import is_text


def read_model(path: str | Path) -> onnx.ModelProto:
    """The parsed file. Raises ModelError if it cannot be read or is no ONNX model."""
    return parsed(read_bytes(path), path)


def parsed(data: bytes, path: str | Path) -> onnx.ModelProto:
    """The model that a file of this content is. Raises ModelError if it is none."""
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
        found = _fault(model)
    except (DecodeError, UnicodeDecodeError):
        found = "not an ONNX file, or a truncated or damaged one"
    if found:
        problem = Problem("", found, "a serialized ONNX ModelProto with nodes and outputs")
        raise ModelError(f"cannot read the model {path}", [problem])
    return model


def _fault(model: onnx.ModelProto) -> str:
    """What keeps a parsed file from being a network; "" if nothing does."""
    if not model.HasField("graph"):
        return "not an ONNX file: it holds no graph"
    if not is_text(model):
        return "a damaged ONNX file: it holds names that are not UTF-8"
    lacking = [name for name in ("nodes", "outputs") if not getattr(model.graph, name[:-1])]
    return f"its graph has no {' and no '.join(lacking)}" if lacking else ""
