"""Kernels with a slope for negative values of each element."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I8, I32, U8, U32, In, Kernel, Out, Params
from tinyglow.ir.numbers import Numbers
from tinyglow.ir.op import Lowering
from tinyglow.kernels.int16 import int16_scales
from tinyglow.kernels.intermediates import int8_ends, int16_ends, multiplied, requantized
from tinyglow.numerics import glow, wide


class PReluParams(Params):
    """``count`` elements; where an input is below ``in_offset``, the product is taken instead of it."""

    count: U32
    in_offset: I8
    product_offset: I8
    positive: glow.Requant
    negative: glow.Requant


def prelu_s8(p: PReluParams, x: Array, product: Array, out: Array) -> None:
    """Definition of tg_prelu_s8 (libjit_elementselect_kernel_i8): either one, requantized by its own constants."""
    positive = glow.requantize(x.astype(np.int32) - np.int32(p.in_offset), p.positive)
    negative = glow.requantize(product.astype(np.int32) - np.int32(p.product_offset), p.negative)
    out[...] = glow.saturate_int8(np.where(x >= p.in_offset, positive, negative))


def _numbers(p: PReluParams) -> Numbers:
    positive, product = int8_ends("input", p.in_offset, low=p.in_offset), int8_ends("product", p.product_offset)
    return {"positive": requantized(positive, p.positive)[0], "negative": requantized(product, p.negative)[0]}


PRELU = Kernel(
    symbol="tg_prelu_s8",
    c_file="elementwise/tg_prelu_s8.c",
    params=PReluParams,
    operands=(In("input", "int8"), In("product", "int8"), Out("output", "int8", may_alias="input")),
    reference=prelu_s8,
    summary="input, or another tensor where the input is negative",
    numbers_of=_numbers,
)


class PReluFloatParams(Params):
    """``count`` elements."""

    count: U32


def prelu_f32(p: PReluFloatParams, x: Array, product: Array, out: Array) -> None:
    """Definition of tg_prelu_f32: the product where x is negative; NaN stays as it is."""
    out[...] = np.where(x < 0, product, x)


PRELU_FLOAT = Kernel(
    symbol="tg_prelu_f32",
    c_file="elementwise/tg_prelu_f32.c",
    params=PReluFloatParams,
    operands=(In("input", "float32"), In("product", "float32"), Out("output", "float32", may_alias="input")),
    reference=prelu_f32,
    summary="input, or another tensor where the input is negative, in float",
)


class PRelu16Params(Params):
    """``count`` elements: inputs from 0 on times positive, else products times negative, over 2**shift."""

    count: U32
    positive: I32
    negative: I32
    shift: U8


def prelu_s16(p: PRelu16Params, x: Array, product: Array, out: Array) -> None:
    """Definition of tg_prelu_s16: saturate(scaled(either one))."""
    chosen = np.where(x >= 0, x.astype(np.int64) * p.positive, product.astype(np.int64) * p.negative)
    out[...] = wide.saturate_int16(wide.round_shift(chosen, p.shift))


def _numbers_s16(p: PRelu16Params) -> Numbers:
    return {
        "positive": multiplied(int16_ends("input", low=0), p.positive, p.shift),
        "negative": multiplied(int16_ends("product"), p.negative, p.shift),
    }


PRELU_INT16 = Kernel(
    symbol="tg_prelu_s16",
    c_file="elementwise/tg_prelu_s16.c",
    params=PRelu16Params,
    operands=(In("input", "int16"), In("product", "int16"), Out("output", "int16", may_alias="input")),
    reference=prelu_s16,
    summary="input, or another tensor where the input is negative, in int16",
    numbers_of=_numbers_s16,
)


def lower_prelu_int16(node: Node, lowering: Lowering) -> None:
    """Emit the call that chooses between an input and its product with slopes."""
    x, product, result = int16_scales(node, lowering)
    (positive, negative), shift = wide.multipliers([x / result, product / result], -wide.INT16_MIN)
    buffers = [lowering.buffer(name) for name in (*node.inputs, *node.outputs)]
    params = PRelu16Params(lowering.type_of(node.inputs[0]).elements, positive, negative, shift)
    lowering.call(PRELU_INT16, buffers, params)
