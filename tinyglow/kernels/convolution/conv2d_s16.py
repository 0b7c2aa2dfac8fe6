"""Convolution of int16 by int8: ours, as ``kernels.int16`` says."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I16, I32, U8
from tinyglow.ir.op import Lowering
from tinyglow.kernels.activation import Activation
from tinyglow.kernels.convolution.geometry import ConvSizes
from tinyglow.kernels.int16 import unpacked_bias
from tinyglow.kernels.layers_int16 import (
    activate_int16,
    activate_twice_int16,
    layer_kernel_int16,
    lower_layer_int16,
    rounded_twice,
    with_wide_sums,
)
from tinyglow.numerics import wide


class Conv2D16Params(ConvSizes):
    """Sizes in elements; outputs are brought between act_min and act_max.

    leaky: negative outputs are multiplied by slope / 2**slope_shift before that.
    """

    act_min: I16
    act_max: I16
    leaky: U8
    slope: I32
    slope_shift: U8


def conv2d_s16(p: Conv2D16Params, x: Array, filters: Array, bias: Array, channels: Array, out: Array) -> None:
    """Definition of tg_conv2d_s16 and tg_conv2d_wide_s16: activation(scaled(bias + sum of input * filter))."""
    out[...] = activate_int16(p, _sums(p, x, filters, bias), channels).reshape(out.shape)


def conv2d_twice_s16(p: Conv2D16Params, x: Array, filters: Array, bias: Array, channels: Array, out: Array) -> None:
    """Definition of tg_conv2d_twice_s16: the same, rounded twice."""
    out[...] = activate_twice_int16(p, _sums(p, x, filters, bias), channels).reshape(out.shape)


def _sums(p: Conv2D16Params, x: Array, filters: Array, bias: Array) -> Array:
    patches = p.patches(x)
    weights = filters.reshape(p.out_c, patches.shape[3], -1)
    in_g, out_g = p.in_c // p.group, p.out_c // p.group
    sums = np.empty((*patches.shape[:3], p.out_c), np.int64)
    for g in range(p.group):
        columns = patches[..., g * in_g : (g + 1) * in_g].reshape(-1, patches.shape[3] * in_g)
        matrix = weights[g * out_g : (g + 1) * out_g].reshape(out_g, -1)
        sums[..., g * out_g : (g + 1) * out_g] = wide.accumulate(columns, matrix.T).reshape(*patches.shape[:3], out_g)
    return sums + unpacked_bias(bias, p.out_c)


CONV2D_INT16 = layer_kernel_int16(
    "conv2d", "convolution", "filter", Conv2D16Params, "2-D convolution of int16 by int8", conv2d_s16
)
CONV2D_WIDE_INT16 = with_wide_sums(CONV2D_INT16, "tg_conv2d_wide_s16")
CONV2D_TWICE_INT16 = rounded_twice(CONV2D_INT16, "tg_conv2d_twice_s16", conv2d_twice_s16)


def lower_conv2d_int16(node: Node, lowering: Lowering, sizes: dict[str, Any], activation: Activation) -> None:
    """Emit the call of a convolution whose filters and bias are constant; ``sizes``: the fields of ConvSizes."""
    weights = lowering.data_of(node.inputs[1])
    kernels = CONV2D_INT16, CONV2D_WIDE_INT16
    is_depthwise = 1 < sizes["in_c"] == sizes["group"]  # LiteRT has none of these
    twice = None if is_depthwise else CONV2D_TWICE_INT16
    lower_layer_int16(node, lowering, weights, activation, kernels, Conv2D16Params, sizes, twice=twice)
