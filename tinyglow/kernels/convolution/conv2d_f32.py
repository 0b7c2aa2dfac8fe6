"""Convolution of float32."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import F32, U8, In, Kernel, Out
from tinyglow.kernels.activation import BOUNDS, SLOPE
from tinyglow.kernels.convolution.geometry import ConvSizes
from tinyglow.numerics.nan import one_nan


class Conv2DFloatParams(ConvSizes):
    """A convolution in float and its activation.

    Attributes:
        activation: 0: none. 1: sums are brought between ``low`` and ``high``. 2: negative sums are multiplied by
            ``slope``.
        low: Lower bound.
        high: Upper bound.
        slope: Of negative sums.
    """

    activation: U8
    low: F32
    high: F32
    slope: F32

    def activate(self, x: Array) -> Array:
        """Sums after the activation."""
        if self.activation == BOUNDS:
            low, high = np.float32(self.low), np.float32(self.high)
            return np.where(x < low, low, np.where(x > high, high, x))
        return np.where(x < 0, x * np.float32(self.slope), x) if self.activation == SLOPE else x


def conv2d_f32(p: Conv2DFloatParams, x: Array, filters: Array, bias: Array, out: Array) -> None:
    """Definition of tg_conv2d_f32: products are added to the bias one after the other, the channels innermost."""
    in_g, out_g = p.in_c // p.group, p.out_c // p.group
    patches = p.patches(x)
    taps = patches.shape[3]
    patches = patches.reshape(*patches.shape[:4], p.group, in_g)
    weights = filters.reshape(p.group, out_g, taps, in_g)
    inside = p.patches(np.ones(p.images * p.in_h * p.in_w * p.in_c, np.bool_))[:1, ..., :1]
    sums = np.broadcast_to(bias.reshape(p.group, out_g), (*patches.shape[:3], p.group, out_g))
    with np.errstate(all="ignore"):
        for tap in range(taps):
            present = inside[:, :, :, tap, :, np.newaxis]
            for channel in range(in_g):
                product = patches[:, :, :, tap, :, channel, np.newaxis] * weights[:, :, tap, channel]
                sums = np.where(present, sums + product, sums)
        out[...] = one_nan(p.activate(sums)).reshape(out.shape)


CONV2D_FLOAT = Kernel(
    symbol="tg_conv2d_f32",
    c_file="convolution/tg_conv2d_f32.c",
    params=Conv2DFloatParams,
    operands=(In("input", "float32"), In("filter", "float32"), In("bias", "float32"), Out("output", "float32")),
    reference=conv2d_f32,
    summary="2-D convolution, any stride, padding, dilation and group, in float",
)
