"""Keras models (``.keras``, ``.h5``), which Keras itself converts to ONNX where it is installed."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tinyglow.errors import ModelError, Problem, ToolError
from tinyglow.frontend.importing import read_bytes
from tinyglow.frontend.onnx_file import parsed
from tinyglow.frontend.translation import Translated

# Before it, HDF5 files may run code of their own while they are read (CVE-2025-9905).
_OLDEST = (3, 11, 3)
EXPORT = "convert it: model.export('net.onnx', format='onnx') in Keras 3, or tf.lite.TFLiteConverter, or tf2onnx"


def is_installed() -> bool:
    """Whether there is a Keras."""
    return importlib.util.find_spec("keras") is not None


def translated(path: Path) -> Translated:
    """The ONNX model that Keras makes of one of its files.

    Args:
        path: The file.

    Returns:
        The model, of a batch of one.

    Raises:
        ModelError: Keras cannot read or convert it, or only by running code of the file's own.
        ToolError: Keras is too old.
    """
    status = path.stat()
    model = parsed(_converted(path, status.st_mtime_ns, status.st_size), path)
    for info in model.graph.input:
        for dim in info.type.tensor_type.shape.dim[:1]:
            if dim.dim_param:  # the batch, under a name that its exporter made up
                dim.dim_value = 1
    return Translated(model)


@functools.lru_cache(maxsize=1)
def _converted(path: Path, changed: int, size: int) -> bytes:
    """What Keras writes. A file is read by several steps of a command, and Keras takes seconds."""
    keras = importlib.import_module("keras")
    version = tuple(int(part) for part in re.findall(r"\d+", keras.__version__)[:3])
    if version < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        problem = Problem("keras", f"is version {keras.__version__}", f"{oldest} or newer", "pip install -U keras")
        raise ToolError("Keras models are converted by Keras", [problem])
    try:
        return _export(keras, path)
    except ModelError:
        raise
    except Exception as error:  # whatever Keras and its exporter raise, about a file that may be anything
        text = str(error).strip() or type(error).__name__
        problem = Problem("", f"Keras cannot convert it: {text.splitlines()[0]}", "", EXPORT)
        raise ModelError(f"cannot read the model {path}", [problem]) from error


def _export(keras: Any, path: Path) -> bytes:
    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    inputs = [np.zeros([size or 1 for size in tensor.shape], str(tensor.dtype)) for tensor in model.inputs]
    model(inputs if len(inputs) > 1 else inputs[0])  # only then does it know its inputs
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "net.onnx"
        model.export(str(target), format="onnx", verbose=False)
        return read_bytes(target)
