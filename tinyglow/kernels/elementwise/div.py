"""Kernels that divide two tensors: in int8, the quotient of the integers is brought to the result's scale."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I8, I32, U8, Kernel
from tinyglow.ir.numbers import Numbers
from tinyglow.ir.op import Lowering
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.elementwise.broadcast import (
    INT8_OPERANDS,
    BroadcastParams,
    OrderedParams,
    float_kernel,
    loop_fields,
)
from tinyglow.kernels.int8 import scale_requant
from tinyglow.kernels.intermediates import Ends, int8_ends, requantized
from tinyglow.numerics import glow
from tinyglow.numerics.nan import one_nan

# Of a quotient: |-128 - 127| shifted by so many bits stays below 2**23.
MAX_FRACTION_BITS = 15


class QuotientParams(BroadcastParams):
    """Quotients of (element - offset), which ``out`` maps to the output.

    The dividend is shifted left by ``fraction_bits`` first. Quotients are bounded by -limit and limit, so that ``out``
    saturates what is larger. is_reversed: it is other / input.
    """

    input_offset: I8
    other_offset: I8
    is_reversed: U8
    fraction_bits: U8
    limit: I32
    out: glow.Requant


def div_s8(p: QuotientParams, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_div_s8 (``libjit_element_div_kernel_i8``): saturate(requantize(quotient, rounded towards 0)).

    A division by zero gives 0, as Cortex-M's divide instruction does; C and libjit leave it undefined.
    """
    a = x.astype(np.int64) - p.input_offset
    b = p.spread(other).astype(np.int64) - p.other_offset
    a, b = (b, a) if p.is_reversed else (a, b)
    magnitude = (np.abs(a) << p.fraction_bits) // np.maximum(np.abs(b), 1)
    quotient = np.where(b == 0, 0, np.sign(a) * np.sign(b) * magnitude)
    bounded = np.clip(quotient, -p.limit, p.limit).astype(np.int32)
    out[...] = glow.saturate_int8(glow.requantize(bounded, p.out))


def _numbers(p: QuotientParams) -> Numbers:
    """The dividend with its fraction, and the quotient inside its requantization."""
    name, offset = ("other", p.other_offset) if p.is_reversed else ("input", p.input_offset)
    dividend = int8_ends(name, offset)
    shifted = dividend.made(dividend.low << p.fraction_bits, dividend.high << p.fraction_bits)
    most = min(max(-shifted.low, shifted.high), p.limit)
    quotient = Ends(-most, most, shifted.at)
    return {"dividend": shifted.number(), "result": requantized(quotient, p.out)[0]}


DIV = Kernel(
    symbol="tg_div_s8",
    c_file="elementwise/tg_div_s8.c",
    params=QuotientParams,
    operands=INT8_OPERANDS,
    reference=div_s8,
    summary="quotient of two tensors, element by element",
    numbers_of=_numbers,
)


# A subnormal quotient is made bit by bit, where there is no FPU.
DIV_FLOAT = float_kernel("div", lambda x, y: one_nan(x / y), "quotient of two tensors", OrderedParams, turns_by_data=32)


def quotient_requant(
    dividend: QuantParams, divisor: QuantParams, result: QuantParams, fraction_bits: int
) -> tuple[glow.Requant, int]:
    """From quotients to the result, and the largest quotient (at least 0) whose requantization fits 32 bits.

    dividend scale / (divisor scale * result scale), step by step in float32 (Glow, LLVMIRGen.cpp, ElementDivInst).
    Glow does not shift the dividend and lets large quotients wrap: with fraction_bits 0 there is no limit.
    """
    scale = glow.divide_float32(dividend.scale, glow.multiply_float32(divisor.scale, result.scale))
    out = scale_requant(scale / 2**fraction_bits, result.offset)
    if not fraction_bits or not out.multiplier:
        return out, glow.INT32_MAX
    room = glow.INT32_MAX - ((1 << out.post) >> 1)
    return out, min((room // out.multiplier) << out.pre, glow.INT32_MAX)


def lower_reciprocal(node: Node, lowering: Lowering) -> None:
    """Emit the call that divides 1 by the node's first input."""
    elements = lowering.type_of(node.outputs[0]).elements
    one = lowering.constant(f"{node.name}_one", np.ones(1, np.float32))
    params = OrderedParams(**loop_fields([(elements, 0)]), is_reversed=1)
    lowering.call(DIV_FLOAT, [lowering.buffer(node.inputs[0]), one, lowering.buffer(node.outputs[0])], params)
