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
