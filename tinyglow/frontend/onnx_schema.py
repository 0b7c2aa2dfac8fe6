"""Whether the types of a node's inputs go together, as ONNX's own shape inference has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import numpy_helper, shape_inference

from tinyglow.ir.graph import Array
from tinyglow.ir.op import UnsupportedError


def check_types(
    node: onnx.NodeProto,
    schema: onnx.defs.OpSchema | None,
    types: Sequence[onnx.TypeProto],
    data: Mapping[str, Array],
) -> None:
    """Let onnx infer the types of a node's results.

    Args:
        node: The node.
        schema: Its operator's.
        types: Of its inputs, in their order.
        data: Those of its inputs that are known, by name.

    Raises:
        UnsupportedError: The inputs and attributes are not what the operator takes.
    """
    if schema is None:
        return
    known = {name: type_ for name, type_ in zip(node.input, types, strict=True) if name}
    numbers = {name: _tensor(array, known[name]) for name, array in data.items()}
    try:
        shape_inference.infer_node_outputs(schema, node, known, numbers)
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError, RuntimeError, ValueError) as error:
        text = " ".join(str(error).split())
        raise UnsupportedError(f"inputs or attributes that do not fit: {text}", "what ONNX defines") from error


def _tensor(data: Array, type_: onnx.TypeProto) -> onnx.TensorProto:
    """A constant with the element type that the model gives it."""
    element = type_.tensor_type.elem_type
    wanted = onnx.helper.tensor_dtype_to_np_dtype(element) if element else data.dtype
    with np.errstate(all="ignore"):
        return numpy_helper.from_array(np.ascontiguousarray(data).astype(wanted).reshape(data.shape))
