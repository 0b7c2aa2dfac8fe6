"""Sum, mean and largest element over dimensions in int16: ours, as ``ops.int16`` says."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I32, U8, In, Kernel, Out
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.numerics import wide
from tinyglow.ops.int16 import int16_scales
from tinyglow.ops.reduce_loops import ReduceParams, reduce_loops

# Sums of so many elements fit 32 bits.
_MOST_TERMS = 65535


@dataclass(frozen=True)
class ReduceSum16Params(ReduceParams):
    """Sums times multiplier / 2**shift are the output."""

    multiplier: I32
    shift: U8


def reduce_sum_s16(p: ReduceSum16Params, x: Array, out: Array) -> None:
    """Definition of tg_reduce_sum_s16: saturate(scaled(sum))."""
    out[...] = wide.saturate_int16(wide.scaled(p.groups(x).sum(axis=2, dtype="int64"), p.multiplier, p.shift))


@dataclass(frozen=True)
class ReduceMax16Params(ReduceParams):
    """Nothing but the loops: input and output have the same scale."""


def reduce_max_s16(p: ReduceMax16Params, x: Array, out: Array) -> None:
    """Definition of tg_reduce_max_s16."""
    out[...] = p.groups(x).max(axis=2)


_OPERANDS = (In("input", "int16"), Out("output", "int16"))

REDUCE_SUM_INT16 = Kernel(
    symbol="tg_reduce_sum_s16",
    c_file="reduce/tg_reduce_sum_s16.c",
    params=ReduceSum16Params,
    operands=_OPERANDS,
    reference=reduce_sum_s16,
    summary="sum or mean over up to three runs of dimensions, in int16",
)

REDUCE_MAX_INT16 = Kernel(
    symbol="tg_reduce_max_s16",
    c_file="reduce/tg_reduce_max_s16.c",
    params=ReduceMax16Params,
    operands=_OPERANDS,
    reference=reduce_max_s16,
    summary="largest element over up to three runs of dimensions, in int16",
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


def lower_reduce_max_int16(node: Node, lowering: Lowering, axes: tuple[int, ...]) -> None:
    """Emit the call for the largest elements over ``axes``."""
    int16_scales(node, lowering)
    params = ReduceMax16Params(**reduce_loops(lowering.type_of(node.inputs[0]).shape, axes))
    lowering.call(REDUCE_MAX_INT16, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], params)
