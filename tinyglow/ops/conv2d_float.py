"""What all convolution kernels have in common, and the one of float32."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import F32, U8, U16, In, Kernel, Out, Params
from tinyglow.ir.op import UnsupportedError
from tinyglow.numerics import glow
from tinyglow.ops.activation import Activation
from tinyglow.ops.clip import HIGHEST, LOWEST
from tinyglow.ops.one_nan import one_nan
from tinyglow.ops.window import Window

# ``activation`` of Conv2DFloatParams.
NONE, BOUNDS, SLOPE = range(3)


@dataclass(frozen=True)
class ConvSizes(Params):
    """Sizes in elements."""

    in_h: U16
    in_w: U16
    in_c: U16
    out_h: U16
    out_w: U16
    out_c: U16
    kernel_h: U8
    kernel_w: U8
    stride_h: U8
    stride_w: U8
    pad_top: U8
    pad_left: U8
    dilation_h: U8
    dilation_w: U8
    group: U16
    images: U16

    @property
    def window(self) -> Window:
        """The window with the bottom and right padding that the output size implies."""
        kernel, dilation = (self.kernel_h, self.kernel_w), (self.dilation_h, self.dilation_w)
        strides = (self.stride_h, self.stride_w)
        extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        bottom = max(0, (self.out_h - 1) * self.stride_h + extent[0] - self.in_h - self.pad_top)
        right = max(0, (self.out_w - 1) * self.stride_w + extent[1] - self.in_w - self.pad_left)
        return Window(kernel, strides, (self.pad_top, self.pad_left, bottom, right), dilation)

    def patches(self, x: Array) -> Array:
        """Windows of ``x`` [samples, elements] as [images, out_h, out_w, taps, in_c], zeros outside the image."""
        images = x.reshape(-1, self.in_h, self.in_w, self.in_c)
        return self.window.patches(images)[:, : self.out_h, : self.out_w]


@dataclass(frozen=True)
class Conv2DFloatParams(ConvSizes):
    """activation: 0 none; 1 brings sums between low and high; 2 multiplies negative ones by slope."""

    activation: U8
    low: F32
    high: F32
    slope: F32

    def activate(self, x: Array) -> Array:
        """Sums behind the activation."""
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


def float_activation(activation: Activation) -> dict[str, Any]:
    """The fields of Conv2DFloatParams that stand for ``activation``; infinity counts as the largest float.

    Raises UnsupportedError for bounds and slopes that are no numbers.
    """
    if not all(math.isfinite(bound) or (math.isinf(bound) and activation.kind == "CLIP") for bound in activation.args):
        raise UnsupportedError(f"an activation {activation}", "numbers")
    if activation.kind == "RELU":
        return {"activation": BOUNDS, "low": 0.0, "high": HIGHEST, "slope": 0.0}
    if activation.kind == "CLIP":
        low, high = (min(max(glow.float32(bound), LOWEST), HIGHEST) for bound in activation.args)
        return {"activation": BOUNDS, "low": low, "high": high, "slope": 0.0}
    if activation.kind == "LEAKY_RELU":
        return {"activation": SLOPE, "low": 0.0, "high": 0.0, "slope": glow.float32(activation.args[0])}
    return {"activation": NONE, "low": 0.0, "high": 0.0, "slope": 0.0}
