"""Maximum over windows; NHWC. MaxPool and GlobalMaxPool."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Importer, Lowering, Op, SourceNode
from tinyglow.ir.target import Variant
from tinyglow.ir.types import TensorType
from tinyglow.kernels.pooling.geometry import geometry
from tinyglow.kernels.pooling.max_pool import (
    MAX_POOL,
    MAX_POOL_FLOAT,
    SQUARE,
    MaxPoolFloatParams,
    MaxPoolParams,
    lower_max_pool_int16,
)
from tinyglow.kernels.pooling.max_pool_2x2 import MAX_POOL_2X2, SquarePoolParams
from tinyglow.kernels.window import Window, merge_batch, require_image
from tinyglow.operators.pooling import add_pool, add_tflite_pool, pool_window


class MaxPool(Op):
    """Input: image [n, h, w, c]. A window that lies in the padding altogether gives 0.0, as in Glow."""

    window: Window

    onnx_types: ClassVar[OnnxForms] = {
        "MaxPool": OnnxForm(
            22,
            ("auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "strides"),
            without_effect={"storage_order": "numbers the second result's indices, which is refused"},
        ),
        "GlobalMaxPool": OnnxForm(22),
    }
    tflite_types: ClassVar[TFLiteForms] = {
        "MAX_POOL_2D": TFLiteForm(
            3,
            "Pool2DOptions",
            ("filter_height", "filter_width", "fused_activation_function", "padding", "stride_h", "stride_w"),
        )
    }
    moves: ClassVar[bool] = True
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    keeps_params: ClassVar[bool] = True
    rescale_sinks: ClassVar[bool] = True

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        def pool(node: SourceNode, size: tuple[int, int]) -> list[Op]:
            return [cls(Window(size) if node.op_type == "GlobalMaxPool" else pool_window(node, size))]

        add_pool(node, importer, pool)

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        add_tflite_pool(node, importer, cls)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        n, height, width, channels = require_image(inputs[0].shape)
        return (inputs[0].reshaped((n, *self.window.output_size(height, width), channels)),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0]
        largest = self.window.reduced(merge_batch(x), np.maximum, -np.inf)
        result = np.where(self.window.taps_inside(x.shape[2], x.shape[3]) > 0, largest, np.float32(0))
        return (result.reshape(*x.shape[:2], *result.shape[1:]),)

    def lower(self, node: Node, lowering: Lowering) -> None:
        source, result = lowering.type_of(node.inputs[0]), lowering.type_of(node.outputs[0])
        if result.dtype == "int16":
            lower_max_pool_int16(node, lowering, self.window)
            return
        buffers = lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])
        dilation = dict(zip(("dilation_h", "dilation_w"), self.window.dilation, strict=True))
        fields = {**geometry(self.window, source.shape, result.shape), **dilation}
        if result.dtype == "float32":
            lowering.call(MAX_POOL_FLOAT, buffers, MaxPoolFloatParams(**fields))
            return
        assert result.quant
        params = MaxPoolParams(**fields, empty=result.quant.offset)
        cycles = lowering.target.cycles(MAX_POOL, params)
        emit = lambda: lowering.call(MAX_POOL, buffers, params)  # noqa: E731
        variants = [Variant(MAX_POOL.symbol, cycles, 0, emit, kernels=(MAX_POOL,))]
        if self.window == SQUARE:
            n, height, width, channels = source.shape
            sizes = SquarePoolParams(height, width, channels, n)
            cycles = lowering.target.cycles(MAX_POOL_2X2, sizes)
            fast = lambda: lowering.call(MAX_POOL_2X2, buffers, sizes)  # noqa: E731
            variants.append(Variant(MAX_POOL_2X2.symbol, cycles, 0, fast, kernels=(MAX_POOL_2X2,)))
        lowering.choose(variants)
