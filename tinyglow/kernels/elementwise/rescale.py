"""Elementwise changes of quantization parameters, with bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I8, I16, I32, U8, U32, In, Kernel, Out, Params, Work
from tinyglow.ir.numbers import Numbers
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.kernels.int16 import int16_bounds, int16_scales
from tinyglow.kernels.intermediates import int8_ends, int16_ends, multiplied, requantized
from tinyglow.numerics import glow, wide


class RescaleParams(Params):
    """``count`` elements; inputs below ``in_min`` count as that (a Relu: in_min is in_offset; else it is -128)."""

    count: U32
    in_offset: I8
    in_min: I8
    out: glow.Requant


def rescale_s8(p: RescaleParams, x: Array, out: Array) -> None:
    """Definition of tg_rescale_s8: saturate(requantize(max(x, in_min) - in_offset))."""
    value = np.maximum(x.astype(np.int32), p.in_min) - np.int32(p.in_offset)
    out[...] = glow.saturate_int8(glow.requantize(value, p.out))


def _numbers(p: RescaleParams) -> Numbers:
    ends = int8_ends("input", p.in_offset, low=max(glow.INT8_MIN, p.in_min))
    return {"result": requantized(ends, p.out)[0]}


def work(p: RescaleParams, constants: Sequence[Array | None]) -> Work:
    """Elements, by fours and left over."""
    fours, rest = divmod(p.count, 4)
    return {"fours": fours, "rest": rest}


RESCALE = Kernel(
    symbol="tg_rescale_s8",
    c_file="elementwise/tg_rescale_s8.c",
    params=RescaleParams,
    operands=(In("input", "int8"), Out("output", "int8", may_alias="input")),
    reference=rescale_s8,
    summary="change of scale and offset, with or without a ReLU",
    numbers_of=_numbers,
    work=work,
)


def rescale_params(source: TensorType, result: TensorType, relu: bool) -> RescaleParams:
    """From one int8 type to another, with or without a ReLU."""
    assert source.quant and result.quant
    ratio = glow.divide_float32(source.quant.scale, result.quant.scale)
    return RescaleParams(
        count=source.elements,
        in_offset=source.quant.offset,
        in_min=source.quant.offset if relu else glow.INT8_MIN,
        out=glow.requantize_params(ratio, result.quant.offset),
    )


def lower_rescale(node: Node, lowering: Lowering, relu: bool) -> None:
    """Emit the call that brings the node's input to its result's scale. relu: whether 0.0 is the lower bound."""
    source, result = lowering.type_of(node.inputs[0]), lowering.type_of(node.outputs[0])
    if result.dtype == "int16":
        lower_rescale_int16(node, lowering, low=0.0 if relu else -math.inf)
        return
    params = rescale_params(source, result, relu)
    lowering.call(RESCALE, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], params)


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


def _numbers_s16(p: Rescale16Params) -> Numbers:
    positive, negative = int16_ends("input", low=0), int16_ends("input", high=-1)
    return {
        "positive": multiplied(positive, p.positive, p.shift),
        "negative": multiplied(negative, p.negative, p.shift),
    }


RESCALE_INT16 = Kernel(
    symbol="tg_rescale_s16",
    c_file="elementwise/tg_rescale_s16.c",
    params=Rescale16Params,
    operands=(In("input", "int16"), Out("output", "int16", may_alias="input")),
    reference=rescale_s16,
    summary="change of scale, with or without bounds and a slope for negative values, in int16",
    numbers_of=_numbers_s16,
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
