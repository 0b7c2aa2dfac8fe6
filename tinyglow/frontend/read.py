"""Read a model file of any supported format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tinyglow.errors import ModelError
from tinyglow.frontend import onnx, tflite
from tinyglow.frontend.foreign_formats import refuse_foreign
from tinyglow.frontend.request import AS_IN_FILE, Request
from tinyglow.frontend.states import keep_states
from tinyglow.frontend.tflite_file import is_tflite
from tinyglow.ir.graph import Graph
from tinyglow.ir.verify import verify
from tinyglow.numerics.names import ONNX, TFLITE


def load_model(path: str | Path, name: str | None = None, request: Request = AS_IN_FILE) -> Graph:
    """Read a model file: TFLite by its first bytes (or else its name), ONNX otherwise.

    Args:
        path: The file.
        name: Of the network in C (default: from the file's name).
        request: What the file leaves open.

    Returns:
        The graph.

    Raises:
        ModelError: With every problem found.
        InputError: The request names states that cannot be kept.
        ToolError: A TFLite file needs a package that is not installed.
    """
    refuse_foreign(path)
    load, own = (tflite.load_tflite, TFLITE) if is_tflite(path) else (onnx.load_onnx, ONNX)
    graph = keep_states(load(path, name, request), request.states, request.like_glow)
    if graph.is_quantized and not request.like_glow:
        graph = replace(graph, own_numerics=own)
    try:
        return verify(graph, "read")
    except ModelError as error:  # what a file says of its values may not go together in ways that no operator looks at
        raise ModelError("the model cannot be imported", error.problems) from error


def input_dimensions(path: str | Path) -> dict[str, tuple[int | str, ...]]:
    """For each input, by its C-legal name, the size of each dimension, or its symbol ("" if it has neither)."""
    refuse_foreign(path)
    return (tflite.input_dimensions if is_tflite(path) else onnx.input_dimensions)(path)
