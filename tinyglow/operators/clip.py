"""Bounds on every element: Clip (and Relu6, which is a Clip from 0 to 6)."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Importer, Lowering, Op, OtherNumerics, SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.kernels.elementwise.clip import (
    CLIP,
    CLIP_FLOAT,
    HIGHEST,
    LOWEST,
    ClipFloatParams,
    ClipParams,
    clip_bounds,
)
from tinyglow.kernels.elementwise.rescale import lower_rescale_int16
from tinyglow.numerics import glow, tflite_tables
from tinyglow.numerics.names import TFLITE
from tinyglow.operators import litert_int16
from tinyglow.operators.tables import TABLES
from tinyglow.operators.tflite_node import add_and_bind


def _bound(node: SourceNode, importer: Importer, index: int, name: str, default: float) -> float:
    """A bound of either form: an attribute (up to operator set 10), or a constant input (from 11 on)."""
    if index >= len(node.inputs) or not node.inputs[index]:
        return glow.float32(node.real(name, default))
    data = importer.constant(node.inputs[index])
    if data is None:
        raise UnsupportedError(f"a bound {name} that is computed at run time", "a constant")
    if data.size != 1:
        raise UnsupportedError(f"a bound {name} of shape {list(data.shape)}", "a single number")
    return float(data.ravel()[0])


_TFLITE_BOUNDS = {"RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0), "RELU_0_TO_1": (0.0, 1.0)}


def _lower_int16(node: Node, lowering: Lowering) -> None:
    """As LiteRT rounds it."""
    assert isinstance(node.op, Clip)
    litert_int16.lower_rescale_int16(node, lowering, node.op.low, node.op.high)


class Clip(Op):
    """min(max(x, low), high)."""

    low: float
    high: float

    onnx_types: ClassVar[OnnxForms] = {"Clip": OnnxForm(13, ("max", "min"))}
    tflite_types: ClassVar[TFLiteForms] = {
        "RELU6": TFLiteForm(3),
        "RELU_N1_TO_1": TFLiteForm(1),
        "RELU_0_TO_1": TFLiteForm(1),
    }
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    elementwise: ClassVar[bool] = True
    other_numerics: ClassVar[OtherNumerics] = TABLES
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: _lower_int16}

    def litert_table(self, source: tuple[float, int], result: tuple[float, int]) -> Array:
        low, high = (tflite_tables.bound(end, result) for end in (self.low, self.high))
        return tflite_tables.bounded(source, result, low, high)

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        value = importer.value(node.inputs[0])
        low = _bound(node, importer, 1, "min", LOWEST)
        high = _bound(node, importer, 2, "max", HIGHEST)
        low = high if low > high else low  # which ONNX defines so
        importer.bind(node.outputs[0], importer.editor.add(node.name, cls(low, high), [value], node.name))

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        op = cls(*_TFLITE_BOUNDS[node.op_type])
        add_and_bind(node, importer, op, [importer.value(node.inputs[0])])

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (inputs[0],)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (np.minimum(np.maximum(inputs[0], np.float32(self.low)), np.float32(self.high)),)

    def lower(self, node: Node, lowering: Lowering) -> None:
        source, result = lowering.type_of(node.inputs[0]), lowering.type_of(node.outputs[0])
        buffers = lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])
        if result.dtype == "float32":
            lowering.call(CLIP_FLOAT, buffers, ClipFloatParams(source.elements, *self._float_bounds()))
            return
        if result.dtype == "int16":
            lower_rescale_int16(node, lowering, self.low, self.high)
            return
        assert source.quant and result.quant
        if self.low == self.high:  # one number, in steps of the result
            (number, _) = clip_bounds(self.low, self.high, result.quant)
            lowering.call(CLIP, buffers, ClipParams(source.elements, 0, 0, 0, glow.Requant(0, 0, 0, number)))
            return
        low, high = clip_bounds(self.low, self.high, source.quant)
        ratio = glow.divide_float32(source.quant.scale, result.quant.scale)
        out = glow.requantize_params(ratio, result.quant.offset)
        params = ClipParams(source.elements, low, high, source.quant.offset, out)
        lowering.call(CLIP, buffers, params)

    def _float_bounds(self) -> tuple[float, float]:
        """The bounds; infinity counts as the largest number there is, which is ONNX's default too."""
        if math.isnan(self.low) or math.isnan(self.high):
            raise UnsupportedError(f"bounds {self.low} and {self.high}", "numbers")
        return min(max(self.low, LOWEST), HIGHEST), min(max(self.high, LOWEST), HIGHEST)
