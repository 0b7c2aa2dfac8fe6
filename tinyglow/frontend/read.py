"""Read a model file of any supported format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tinyglow.errors import ModelError
from tinyglow.frontend import onnx, onnx_inputs
from tinyglow.frontend.foreign_formats import refuse_foreign
from tinyglow.frontend.onnx_model import onnx_model
from tinyglow.frontend.request import AS_IN_FILE, Request
from tinyglow.frontend.states import keep_states
from tinyglow.frontend.tflite_file import is_tflite
from tinyglow.ir.graph import Graph
from tinyglow.ir.namer import legal_name
from tinyglow.ir.verify import verify
from tinyglow.numerics.names import ONNX, TFLITE


def load_model(path: str | Path, name: str | None = None, request: Request = AS_IN_FILE) -> Graph:
    """Read a model file: TFLite by its first bytes (or else its name); Caffe2 and Caffe by their names; else ONNX.

    Args:
        path: The file; of Caffe2 the folder, or one of the two files; of Caffe one of the two files.
        name: Of the network in C (default: from the file's name).
        request: What the file leaves open.

    Returns:
        The graph.

    Raises:
        ModelError: With every problem found.
        InputError: The request names states that cannot be kept.
        ToolError: The file needs a package that is not installed.
    """
    refuse_foreign(path)
    if is_tflite(path):
        from tinyglow.frontend import tflite  # of the two large readers the one that is needed

        graph, own = tflite.load_tflite(path, name, request), TFLITE
    else:
        made = onnx_model(path, request.weights, request.like_glow)
        name = legal_name(name or Path(path).stem)
        graph, own = onnx.load_model(made.model, name, Path(path).parent, request, made.problems), ONNX
    graph = keep_states(graph, request.states, request.like_glow)
    if graph.is_quantized and not request.like_glow:
        graph = replace(graph, own_numerics=own)
    try:
        return verify(graph, "read")
    except ModelError as error:  # what a file says of its values may not go together in ways that no operator looks at
        raise ModelError("the model cannot be imported", error.problems) from error


def input_dimensions(path: str | Path, weights: str | Path = "") -> dict[str, tuple[int | str, ...] | None]:
    """For each input, by its C-legal name, the size of each dimension, or its symbol ("" if it has neither).

    None stands for an input without a shape.
    """
    refuse_foreign(path)
    if is_tflite(path):
        from tinyglow.frontend import tflite

        return dict(tflite.input_dimensions(path))
    return onnx_inputs.input_dimensions(onnx_model(path, weights).model)
