"""Kernels that sum over dimensions, in int8, int16 and float32."""

from __future__ import annotations

import math

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import F32, I32, U8, Kernel
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.kernels.int16 import int16_scales
from tinyglow.kernels.intermediates import multiplied, requantized, sum_ends
from tinyglow.kernels.reduce.loops import FLOAT_OPERANDS, INT8_OPERANDS, INT16_OPERANDS, ReduceParams, reduce_loops
from tinyglow.numerics import glow, wide
from tinyglow.numerics.nan import one_nan


class ReduceSumParams(ReduceParams):
    """Sums begin with ``start`` (what the input's offset adds to them, negated); ``out`` maps them to the output."""

    start: I32
    out: glow.Requant


def reduce_sum_s8(p: ReduceSumParams, x: Array, out: Array) -> None:
    """Definition of tg_reduce_sum_s8 (``libjit_batchedreduceadd_i8``): saturate(requantize(start + sum))."""
    sums = p.groups(x).sum(axis=2, dtype=np.int32) + np.int32(p.start)
    out[...] = glow.saturate_int8(glow.requantize(sums, p.out))


REDUCE_SUM = Kernel(
    symbol="tg_reduce_sum_s8",
    c_file="reduce/tg_reduce_sum_s8.c",
    params=ReduceSumParams,
    operands=INT8_OPERANDS,
    reference=reduce_sum_s8,
    summary="sum or mean over up to three runs of dimensions",
    sums_of=lambda p: p.sums(glow.INT8_MIN, glow.INT8_MAX, p.start),
    numbers_of=lambda p: {
        "result": requantized(sum_ends(p.sums(glow.INT8_MIN, glow.INT8_MAX, p.start), "int8"), p.out)[0]
    },
)


class ReduceSumFloatParams(ReduceParams):
    """Sums are divided by ``divisor``."""

    divisor: F32


def reduce_sum_f32(p: ReduceSumFloatParams, x: Array, out: Array) -> None:
    """Definition of tg_reduce_sum_f32: elements are added to 0 in the order of the loops; the sum over divisor."""
    groups = p.groups(x)
    sums = np.zeros(groups.shape[:2], np.float32)
    with np.errstate(all="ignore"):
        for term in range(groups.shape[2]):
            sums = sums + groups[:, :, term]
        out[...] = one_nan(sums / np.float32(p.divisor))


REDUCE_SUM_FLOAT = Kernel(
    symbol="tg_reduce_sum_f32",
    c_file="reduce/tg_reduce_sum_f32.c",
    params=ReduceSumFloatParams,
    operands=FLOAT_OPERANDS,
    reference=reduce_sum_f32,
    summary="sum or mean over up to three runs of dimensions, in float",
    turns_by_data=32,  # a subnormal quotient is made bit by bit
)


# Sums of so many elements fit 32 bits.
_MOST_TERMS = 65535


class ReduceSum16Params(ReduceParams):
    """Sums times multiplier / 2**shift are the output."""

    multiplier: I32
    shift: U8


def reduce_sum_s16(p: ReduceSum16Params, x: Array, out: Array) -> None:
    """Definition of tg_reduce_sum_s16: saturate(scaled(sum))."""
    out[...] = wide.saturate_int16(wide.scaled(p.groups(x).sum(axis=2, dtype="int64"), p.multiplier, p.shift))


REDUCE_SUM_INT16 = Kernel(
    symbol="tg_reduce_sum_s16",
    c_file="reduce/tg_reduce_sum_s16.c",
    params=ReduceSum16Params,
    operands=INT16_OPERANDS,
    reference=reduce_sum_s16,
    summary="sum or mean over up to three runs of dimensions, in int16",
    sums_of=lambda p: p.sums(wide.INT16_MIN, wide.INT16_MAX),
    numbers_of=lambda p: {
        "result": multiplied(sum_ends(p.sums(wide.INT16_MIN, wide.INT16_MAX), "int16"), p.multiplier, p.shift)
    },
)


def lower_reduce_sum_int16(node: Node, lowering: Lowering, axes: tuple[int, ...], divisor: int) -> None:
    """Emit the call for sums over ``axes``, divided by ``divisor``."""
    shape = lowering.type_of(node.inputs[0]).shape
    source, result = int16_scales(node, lowering)
    terms = math.prod(shape[axis] for axis in axes)
    if terms > _MOST_TERMS:
        raise UnsupportedError(f"sums of {terms} elements", f"at most {_MOST_TERMS}")
    (multiplier,), shift = wide.multipliers([source / (result * divisor)], terms * -wide.INT16_MIN)
    params = ReduceSum16Params(**reduce_loops(shape, axes), multiplier=multiplier, shift=shift)
    lowering.call(REDUCE_SUM_INT16, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], params)
