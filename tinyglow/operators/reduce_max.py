"""ReduceMax."""

from __future__ import annotations

from typing import ClassVar

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering
from tinyglow.kernels.int8 import int8_params
from tinyglow.kernels.reduce.loops import reduce_loops
from tinyglow.kernels.reduce.reduce_max import (
    REDUCE_MAX,
    REDUCE_MAX_FLOAT,
    ReduceMaxFloatParams,
    ReduceMaxParams,
    lower_reduce_max_int16,
)
from tinyglow.operators.reduce import Reduce


class ReduceMax(Reduce):
    """Largest element over ``axes``. Glow leaves it in float; in int8 it is exact."""

    onnx_types: ClassVar[OnnxForms] = {"ReduceMax": OnnxForm(20, ("axes", "keepdims", "noop_with_empty_axes"))}
    tflite_types: ClassVar[TFLiteForms] = {"REDUCE_MAX": TFLiteForm(3, "ReducerOptions", ("keep_dims",))}
    glow_kind: ClassVar[str] = "BatchedReduceMax"
    moves: ClassVar[bool] = True
    keeps_params: ClassVar[bool] = True
    float_in_glow: ClassVar[bool] = True

    def reduce(self, x: Array, axes: tuple[int, ...]) -> Array:
        return x.max(axis=axes)

    def lower(self, node: Node, lowering: Lowering) -> None:
        loops = reduce_loops(lowering.type_of(node.inputs[0]).shape, self.axes)
        buffers = [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])]
        if lowering.type_of(node.outputs[0]).dtype == "float32":
            lowering.call(REDUCE_MAX_FLOAT, buffers, ReduceMaxFloatParams(**loops))
            return
        if lowering.type_of(node.outputs[0]).dtype == "int16":
            lower_reduce_max_int16(node, lowering, self.axes)
            return
        int8_params(node, lowering)
        lowering.call(REDUCE_MAX, buffers, ReduceMaxParams(**loops))
