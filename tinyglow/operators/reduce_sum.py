"""ReduceSum."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.op import Importer, Lowering, NotInGlowError, OtherNumerics, UnsupportedError
from tinyglow.kernels.int8 import int8_params, scale_requant
from tinyglow.kernels.reduce.loops import reduce_loops
from tinyglow.kernels.reduce.reduce_sum import (
    REDUCE_SUM,
    REDUCE_SUM_FLOAT,
    ReduceSumFloatParams,
    ReduceSumParams,
    lower_reduce_sum_int16,
)
from tinyglow.numerics import glow
from tinyglow.numerics.names import TFLITE
from tinyglow.operators import litert
from tinyglow.operators.reduce import Reduce


def lower_sum(node: Node, lowering: Lowering, axes: tuple[int, ...], divisor: int) -> None:
    """Sums divided by ``divisor``: input scale / (divisor * output scale), in float32 (Glow, BatchedReduceAddInst)."""
    shape = lowering.type_of(node.inputs[0]).shape
    buffers = [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])]
    if lowering.type_of(node.outputs[0]).dtype == "float32":
        lowering.call(REDUCE_SUM_FLOAT, buffers, ReduceSumFloatParams(**reduce_loops(shape, axes), divisor=divisor))
        return
    if lowering.type_of(node.outputs[0]).dtype == "int16":
        lower_reduce_sum_int16(node, lowering, axes, divisor)
        return
    source, result = int8_params(node, lowering)
    terms = math.prod(shape[axis] for axis in axes)
    # Partial sums begin at -offset * terms, and each element is at most 128 in magnitude.
    if 256 * terms > glow.INT32_MAX:
        raise UnsupportedError(f"sums of {terms} elements", "sums that fit 32 bits")
    scale = glow.divide_float32(source.scale, glow.multiply_float32(result.scale, divisor))
    params = ReduceSumParams(
        **reduce_loops(shape, axes),
        start=-source.offset * terms,
        out=scale_requant(scale, result.offset),
    )
    lowering.call(REDUCE_SUM, buffers, params)


def _lower_as_litert(node: Node, lowering: Lowering) -> None:
    op: Any = node.op
    litert.lower_mean(node, lowering, op.axes, divides=False)


class ReduceSum(Reduce):
    """Sum over ``axes``. Glow's sums over one dimension only, and leaves the others of a model's list out."""

    onnx_types: ClassVar[OnnxForms] = {"ReduceSum": OnnxForm(13, ("axes", "keepdims", "noop_with_empty_axes"))}
    tflite_types: ClassVar[TFLiteForms] = {"SUM": TFLiteForm(2, "ReducerOptions", ("keep_dims",))}
    glow_kind: ClassVar[str] = "BatchedReduceAdd"
    other_numerics: ClassVar[OtherNumerics] = {TFLITE: _lower_as_litert}
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: _lower_as_litert}

    def added(self, name: str, value: Value, importer: Importer) -> Value:
        """As ``Reduce.added``; NotInGlowError where Glow's node sums over one dimension of several."""
        if importer.like_glow and len(self.axes) > 1:
            raise NotInGlowError(f"a sum over dimensions {list(self.axes)}", "one dimension")
        return super().added(name, value, importer)

    def reduce(self, x: Array, axes: tuple[int, ...]) -> Array:
        return x.sum(axis=axes, dtype=x.dtype)

    def lower(self, node: Node, lowering: Lowering) -> None:
        lower_sum(node, lowering, self.axes, 1)
