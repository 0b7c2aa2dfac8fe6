"""Elementwise functions of int16 that are a slope on either side of zero and two bounds: ours, as ``ops.int16`` says.

Relu, Clip, LeakyRelu and Rescale, with any change of scale, are one kernel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I16, I32, U8, U32, In, Kernel, Out, Params
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.numerics import wide
from tinyglow.ops.int16 import int16_bounds, int16_scales


@dataclass(frozen=True)
class Rescale16Params(Params):
    """``count`` elements times positive (if negative: times negative) / 2**shift, brought between low and high."""

    count: U32
    positive: I32
    negative: I32
    shift: U8
    low: I16
    high: I16


def rescale_s16(p: Rescale16Params, x: Array, out: Array) -> None:
    """Definition of tg_rescale_s16: min(max(scaled(input), low), high)."""
    multiplier = np.where(x < 0, p.negative, p.positive)
    out[...] = np.clip(wide.scaled(x, multiplier, p.shift), p.low, p.high).astype(np.int16)


RESCALE_INT16 = Kernel(
    symbol="tg_rescale_s16",
    c_file="elementwise/tg_rescale_s16.c",
    params=Rescale16Params,
    operands=(In("input", "int16"), Out("output", "int16", may_alias="input")),
    reference=rescale_s16,
    summary="change of scale, with or without bounds and a slope for negative values, in int16",
)


def lower_rescale_int16(
    node: Node, lowering: Lowering, low: float = -math.inf, high: float = math.inf, slope: float = 1.0
) -> None:
    """Emit the call for a node that multiplies negative values by ``slope`` and keeps results in low..high."""
    source, result = int16_scales(node, lowering)
    if not math.isfinite(slope):
        raise UnsupportedError(f"alpha {slope}", "a finite number")
    bounds = int16_bounds(low, high, result)
    ratio = source / result
    (positive, negative), shift = wide.multipliers([ratio, ratio * slope], -wide.INT16_MIN)
    params = Rescale16Params(lowering.type_of(node.inputs[0]).elements, positive, negative, shift, *bounds)
    lowering.call(RESCALE_INT16, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], params)


@dataclass(frozen=True)
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


PRELU_INT16 = Kernel(
    symbol="tg_prelu_s16",
    c_file="elementwise/tg_prelu_s16.c",
    params=PRelu16Params,
    operands=(In("input", "int16"), In("product", "int16"), Out("output", "int16", may_alias="input")),
    reference=prelu_s16,
    summary="input, or another tensor where the input is negative, in int16",
)


def lower_prelu_int16(node: Node, lowering: Lowering) -> None:
    """Emit the call that chooses between an input and its product with slopes."""
    x, product, result = int16_scales(node, lowering)
    (positive, negative), shift = wide.multipliers([x / result, product / result], -wide.INT16_MIN)
    buffers = [lowering.buffer(name) for name in (*node.inputs, *node.outputs)]
    params = PRelu16Params(lowering.type_of(node.inputs[0]).elements, positive, negative, shift)
    lowering.call(PRELU_INT16, buffers, params)
