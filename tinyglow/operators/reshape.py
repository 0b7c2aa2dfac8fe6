"""Another shape for the same elements in the same order: Reshape, Flatten, Identity."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Importer, Lowering, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.operators.axes import normalize_axis


def _requested_shape(node: SourceNode, importer: Importer) -> list[int]:
    if len(node.inputs) > 1 and node.inputs[1]:
        shape = importer.constant(node.inputs[1])
        if shape is None:
            raise UnsupportedError("a shape that is computed at run time", "a constant shape")
        return [int(dim) for dim in shape.ravel()]
    return list(node.ints("shape", ()))


def _require_inference(node: SourceNode, importer: Importer) -> None:
    """Raises UnsupportedError for a Dropout that drops: its third input is not false."""
    training = importer.constant(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] else np.zeros(1)
    if training is None or training.any():
        raise UnsupportedError("training_mode", "a Dropout of inference, whose training_mode is false")


def _tflite_shape(node: SourceNode, importer: Importer) -> list[int]:
    if len(node.inputs) > 1 and node.inputs[1]:
        return _requested_shape(node, importer)
    return list(node.ints("new_shape", ()))


def _asked_shape(node: SourceNode, importer: Importer, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape that a TFLite node asks for by its attributes or constants; None if it does not say."""
    given = importer.constant(node.inputs[1]) if len(node.inputs) > 1 and node.inputs[1] else None
    if node.op_type == "SQUEEZE":
        axes = [normalize_axis(axis, len(shape)) for axis in node.ints("squeeze_dims", ())]
        if any(shape[axis] != 1 for axis in axes):
            raise UnsupportedError(f"squeeze_dims {axes} of shape {list(shape)}", "dimensions of size 1")
        return tuple(size for axis, size in enumerate(shape) if axis not in axes and (axes or size != 1))
    if node.op_type == "EXPAND_DIMS":
        axis = None if given is None or given.size != 1 else normalize_axis(int(given.item()), len(shape) + 1)
        return None if axis is None else (*shape[:axis], 1, *shape[axis:])
    requested = [int(size) for size in given.ravel()] if given is not None else list(node.ints("new_shape", ()))
    return resolve_shape(requested, shape) if requested and 0 not in requested else None


def resolve_shape(requested: list[int], shape: tuple[int, ...], allow_zero: bool = False) -> tuple[int, ...]:
    """ONNX Reshape's rules: 0 keeps the input's dimension, one -1 takes what is left. Raises UnsupportedError."""
    if any(dim == 0 and index >= len(shape) for index, dim in enumerate(requested)):
        raise UnsupportedError(f"shape {requested} keeps a dimension that {list(shape)} does not have")
    dims = [shape[i] if dim == 0 and not allow_zero else dim for i, dim in enumerate(requested)]
    total, known = math.prod(shape), math.prod(dim for dim in dims if dim != -1)
    if dims.count(-1) > 1 or min(dims, default=0) < -1 or known == 0 or (dims.count(-1) and total % known):
        raise UnsupportedError(f"shape {requested} for {total} elements", "dimensions whose product is that")
    return tuple(total // known if dim == -1 else dim for dim in dims)


class Reshape(Op):
    """The input's elements with ``shape``."""

    shape: tuple[int, ...]

    onnx_types: ClassVar[OnnxForms] = {
        "Reshape": OnnxForm(25, ("allowzero",)),
        "Flatten": OnnxForm(25, ("axis",)),
        "Identity": OnnxForm(25),
        "Dropout": OnnxForm(22, without_effect={"ratio": "of training", "seed": "of training"}),
    }
    tflite_types: ClassVar[TFLiteForms] = {
        "RESHAPE": TFLiteForm(1, "ReshapeOptions", ("new_shape",)),
        "SQUEEZE": TFLiteForm(2, "SqueezeOptions", ("squeeze_dims",)),
        "EXPAND_DIMS": TFLiteForm(1),
    }
    moves: ClassVar[bool] = True
    quantizable: ClassVar[bool] = True
    gives_probabilities: ClassVar[bool | None] = None
    has_int16: ClassVar[bool] = True
    keeps_params: ClassVar[bool] = True
    rescale_sinks: ClassVar[bool] = True

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        value = importer.value(node.inputs[0])
        shape = value.type.shape
        if node.op_type in ("Identity", "Dropout"):
            _require_inference(node, importer)
            importer.bind(node.outputs[0], value)
            return
        target: tuple[int, ...]
        if node.op_type == "Flatten":
            axis = node.integer("axis", 1)
            axis = axis + len(shape) if axis < 0 else axis
            if not 0 <= axis <= len(shape):
                raise UnsupportedError(f"axis {axis} for shape {list(shape)}")
            target = (math.prod(shape[:axis]), math.prod(shape[axis:]))
        else:
            target = resolve_shape(_requested_shape(node, importer), shape, bool(node.integer("allowzero", 0)))
        importer.bind(node.outputs[0], importer.editor.add(node.name, cls(target), [value], node.name))

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        """The shape that the file gives the result says all; Glow looks at nothing else where there is one."""
        value = importer.value(node.inputs[0])
        target = importer.declared(node.outputs[0]).shape
        if not target and node.op_type == "RESHAPE":
            target = resolve_shape(_tflite_shape(node, importer), value.type.shape)
        if not target and value.type.elements != 1:
            raise UnsupportedError("a result without a shape", "a file that gives each tensor its shape")
        asked = _asked_shape(node, importer, value.type.shape) if target else None
        if asked is not None and asked != target:
            raise UnsupportedError(f"asks for shape {list(asked)}", f"{list(target)}, as its result has it")
        importer.bind(node.outputs[0], importer.editor.add(node.name, cls(target), [value], node.name))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        if inputs[0].elements != math.prod(self.shape):
            raise ShapeError(f"{list(inputs[0].shape)} cannot become {list(self.shape)}", "as many elements")
        return (inputs[0].reshaped(self.shape),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0].reshape(-1, *self.shape),)

    def lower(self, node: Node, lowering: Lowering) -> None:
        lowering.alias(node.outputs[0], node.inputs[0])
