"""Convolution of any geometry whose sums are scaled as another numerics than Glow's does it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I8, I16, U8, In, Kernel, Out
from tinyglow.kernels.convolution.geometry import ConvSizes
from tinyglow.kernels.convolution.sums import convolution_sums
from tinyglow.numerics import onnx, tflite

# ``rounding``: of a product with a float, or of one with a multiplier in fixed point.
FLOAT_SCALE, ONCE, TWICE = range(3)


@dataclass(frozen=True)
class ScaledConvParams(ConvSizes):
    """Offsets, the bounds of the output, and how a sum is scaled by the words in the operand ``channels``."""

    in_offset: I16
    out_offset: I16
    filter_offset: I16
    act_min: I8
    act_max: I8
    rounding: U8

    def sums(self, x: Array, filters: Array) -> Array:
        """[images, out_h, out_w, out_c] int32: sums of (x - in_offset) * (filter - filter_offset)."""
        images = x.reshape(-1, self.in_h, self.in_w, self.in_c)
        weights = filters.reshape(self.out_c, self.kernel_h, self.kernel_w, -1).astype(np.int32) - self.filter_offset
        sums = convolution_sums(images, self.in_offset, weights, self.window, self.group)
        return sums[:, : self.out_h, : self.out_w]


def conv2d_scaled_s8(p: ScaledConvParams, x: Array, filters: Array, bias: Array, channels: Array, out: Array) -> None:
    """Definition of tg_conv2d_scaled_s8."""
    sums = p.sums(x, filters) + bias.reshape(p.out_c)
    words = channels.reshape(p.out_c, 2)
    result = np.empty(sums.shape, np.int64)
    for channel, (word, shift) in enumerate(words.tolist()):
        own = sums[..., channel]
        if p.rounding == FLOAT_SCALE:
            result[..., channel] = onnx.scaled(own, words[channel, :1].view(np.float32)[0])
        else:
            by = tflite.Multiplier(word, shift)
            result[..., channel] = (tflite.scaled_once if p.rounding == ONCE else tflite.scaled_twice)(own, by)
    out[...] = np.clip(result + p.out_offset, p.act_min, p.act_max).astype(np.int8).reshape(out.shape)


CONV2D_SCALED = Kernel(
    symbol="tg_conv2d_scaled_s8",
    c_file="convolution/tg_conv2d_scaled_s8.c",
    params=ScaledConvParams,
    operands=(
        In("input", "int8"),
        In("filter", "int8"),
        In("bias", "int32"),
        In("channels", "int32"),
        Out("output", "int8"),
    ),
    reference=conv2d_scaled_s8,
    summary="2-D convolution, scaled as LiteRT or onnxruntime does it",
    code_bytes=1400,
)
