"""Mean over windows; NHWC. AveragePool and GlobalAveragePool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I8, U8, In, Kernel, Out
from tinyglow.ir.op import Importer, Lowering, Op, SourceNode, UnsupportedError
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.numerics import glow
from tinyglow.ops.one_nan import one_nan
from tinyglow.ops.pooling import PoolGeometry, add_pool, add_tflite_pool, geometry, pool_window, taps_inside
from tinyglow.ops.pools_int16 import lower_avg_pool_int16
from tinyglow.ops.window import Window, merge_batch, require_image, window_from_onnx

_MOST_FLOAT_TAPS = 2**24


@dataclass(frozen=True)
class AvgPoolFloatParams(PoolGeometry):
    """Sizes in elements. count_pads: a sum is over the whole window's area, else over its taps inside the image."""

    count_pads: U8


@dataclass(frozen=True)
class AvgPoolParams(PoolGeometry):
    """Sizes in elements. Sums of (input - in_offset) are scaled by ``out``, whose own offset is 0.

    divide: divide them by the number of taps inside the image then; else ``out`` holds the window's area.
    """

    divide: U8
    in_offset: I8
    out_offset: I8
    out: glow.Requant


def _divide_rounded(x: Array, taps: Array) -> Array:
    """x / taps of int32 arrays, halves away from zero (``libjit_div_round_i32``), 0 where there are no taps."""
    divisor = np.maximum(taps, 1).astype(np.int32)
    shifted = np.where(x > 0, x + (divisor >> 1), x - (divisor >> 1)).astype(np.int64)
    quotient = np.sign(shifted) * (np.abs(shifted) // divisor)
    return np.where(taps > 0, quotient, 0).astype(np.int32)


def avg_pool_s8(p: AvgPoolParams, x: Array, out: Array) -> None:
    """Definition of tg_avg_pool_s8: saturate(requantize(sum over a window) [/ taps] + out_offset)."""
    taps = p.patches(x.astype(np.int32) - np.int32(p.in_offset))
    value = glow.requantize(taps.sum(axis=3, dtype=np.int32), p.out)
    if p.divide:
        value = _divide_rounded(value, p.taps_inside())
    out[...] = glow.saturate_int8(value + np.int32(p.out_offset)).reshape(out.shape)


def avg_pool_f32(p: AvgPoolFloatParams, x: Array, out: Array) -> None:
    """Definition of tg_avg_pool_f32: the taps added up row by row, from 0 on, times the inverse of their number.

    The zeros of the padding change nothing: no sum that begins with 0 is -0. (A division of the sum would round once
    instead of twice, but those of some compilers' libraries do so wrongly where the result is subnormal.)
    """
    taps = p.patches(x)
    total = np.zeros_like(taps[:, :, :, 0])
    with np.errstate(invalid="ignore"):
        for tap in range(taps.shape[3]):
            total = total + taps[:, :, :, tap]
    number = np.int32(p.kernel_h * p.kernel_w) if p.count_pads else np.maximum(p.taps_inside(), 1)
    inverse = np.float32(1) / number.astype(np.float32)
    out[...] = one_nan(total * inverse).reshape(out.shape)


AVG_POOL = Kernel(
    symbol="tg_avg_pool_s8",
    c_file="pooling/tg_avg_pool_s8.c",
    params=AvgPoolParams,
    operands=(In("input", "int8"), Out("output", "int8")),
    reference=avg_pool_s8,
    summary="mean over windows",
)

AVG_POOL_FLOAT = Kernel(
    symbol="tg_avg_pool_f32",
    c_file="pooling/tg_avg_pool_f32.c",
    params=AvgPoolFloatParams,
    operands=(In("input", "float32"), Out("output", "float32")),
    reference=avg_pool_f32,
    summary="mean over windows, in float",
)


def _output_requant(source: QuantParams, result: QuantParams, area: int) -> glow.Requant:
    """From sums to the output's scale, divided by ``area``, float32 step by step (Glow, LLVMIRGen.cpp, AvgPoolInst)."""
    ratio = glow.divide_float32(source.scale, result.scale)
    return glow.requantize_params(glow.divide_float32(ratio, area))


@dataclass(frozen=True)
class AvgPool(Op):
    """Input: image [n, h, w, c]. Padding counts as zeros (count_include_pads), or does not count at all."""

    window: Window
    count_include_pads: bool = False

    onnx_types: ClassVar[OnnxForms] = {
        "AveragePool": OnnxForm(
            22, ("auto_pad", "ceil_mode", "count_include_pad", "dilations", "kernel_shape", "pads", "strides")
        ),
        "GlobalAveragePool": OnnxForm(22),
    }
    tflite_types: ClassVar[TFLiteForms] = {
        "AVERAGE_POOL_2D": TFLiteForm(
            3,
            "Pool2DOptions",
            ("filter_height", "filter_width", "fused_activation_function", "padding", "stride_h", "stride_w"),
        )
    }
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        def pool(node: SourceNode, size: tuple[int, int]) -> Op:
            if node.op_type == "GlobalAveragePool":
                return cls(Window(size))
            window, counts = pool_window(node, size), bool(node.integer("count_include_pad", 0))
            if window.dilation != (1, 1):
                raise UnsupportedError(f"dilations {list(window.dilation)}", "[1, 1]")
            if counts and window != window_from_onnx(node, window.kernel, size):
                found = "ceil_mode=1 with count_include_pad=1 and windows that end behind the padding"
                raise UnsupportedError(found, "ceil_mode=0 or count_include_pad=0", "pad the input to whole windows")
            return cls(window, counts)

        add_pool(node, importer, pool)

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        """Padding does not count."""
        add_tflite_pool(node, importer, cls)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        n, height, width, channels = require_image(inputs[0].shape)
        return (inputs[0].reshaped((n, *self.window.output_size(height, width), channels)),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0]
        sums = self.window.patches(merge_batch(x)).sum(axis=3, dtype=np.float32)
        area = np.float32(self.window.kernel[0] * self.window.kernel[1])
        if not self.count_include_pads:
            area = np.maximum(taps_inside(self.window, (x.shape[2], x.shape[3])), 1).astype(np.float32)
        result = sums / area
        return (result.reshape(*x.shape[:2], *result.shape[1:]),)

    def lower(self, node: Node, lowering: Lowering) -> None:
        source, result = lowering.type_of(node.inputs[0]), lowering.type_of(node.outputs[0])
        if result.dtype == "int16":
            lower_avg_pool_int16(node, lowering, self.window, self.count_include_pads)
            return
        fields = geometry(self.window, source.shape, result.shape)
        buffers = lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])
        is_float = result.dtype == "float32"
        area = self.window.kernel[0] * self.window.kernel[1]
        # 255: of a window of all -128 with offset 127, or the other way round.
        if area > (_MOST_FLOAT_TAPS if is_float else glow.INT32_MAX // 255):
            expected = "as many elements as float32 can count" if is_float else "sums that fit 32 bits"
            raise UnsupportedError(f"a window of {list(self.window.kernel)}", expected)
        if is_float:
            float_params = AvgPoolFloatParams(**fields, count_pads=int(self.count_include_pads))
            lowering.call(AVG_POOL_FLOAT, buffers, float_params)
            return
        assert source.quant and result.quant
        params = AvgPoolParams(
            **fields,
            divide=int(not self.count_include_pads),
            in_offset=source.quant.offset,
            out_offset=result.quant.offset,
            out=_output_requant(source.quant, result.quant, area if self.count_include_pads else 1),
        )
        lowering.call(AVG_POOL, buffers, params)
