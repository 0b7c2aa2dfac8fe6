"""Kernels that take the largest element over dimensions, in int8, int16 and float32."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import Kernel
from tinyglow.ir.op import Lowering
from tinyglow.kernels.int16 import int16_scales
from tinyglow.kernels.reduce.loops import FLOAT_OPERANDS, INT8_OPERANDS, INT16_OPERANDS, ReduceParams, reduce_loops
from tinyglow.numerics.nan import one_nan


class ReduceMaxParams(ReduceParams):
    """Nothing but the loops: input and output have the same scale and offset."""


def reduce_max_s8(p: ReduceMaxParams, x: Array, out: Array) -> None:
    """Definition of tg_reduce_max_s8."""
    out[...] = p.groups(x).max(axis=2)


REDUCE_MAX = Kernel(
    symbol="tg_reduce_max_s8",
    c_file="reduce/tg_reduce_max_s8.c",
    params=ReduceMaxParams,
    operands=INT8_OPERANDS,
    reference=reduce_max_s8,
    summary="largest element over up to three runs of dimensions",
)


class ReduceMaxFloatParams(ReduceParams):
    """Nothing but the loops."""


def reduce_max_f32(p: ReduceMaxFloatParams, x: Array, out: Array) -> None:
    """Definition of tg_reduce_max_f32: NaN where an element is; of 0 and -0, the first."""
    groups = p.groups(x)
    largest = np.full(groups.shape[:2], -np.inf, np.float32)
    for term in range(groups.shape[2]):
        element = groups[:, :, term]
        largest = np.where((element > largest) | np.isnan(element), element, largest)
    out[...] = one_nan(largest)


REDUCE_MAX_FLOAT = Kernel(
    symbol="tg_reduce_max_f32",
    c_file="reduce/tg_reduce_max_f32.c",
    params=ReduceMaxFloatParams,
    operands=FLOAT_OPERANDS,
    reference=reduce_max_f32,
    summary="largest element over up to three runs of dimensions, in float",
)


class ReduceMax16Params(ReduceParams):
    """Nothing but the loops: input and output have the same scale."""


def reduce_max_s16(p: ReduceMax16Params, x: Array, out: Array) -> None:
    """Definition of tg_reduce_max_s16."""
    out[...] = p.groups(x).max(axis=2)


REDUCE_MAX_INT16 = Kernel(
    symbol="tg_reduce_max_s16",
    c_file="reduce/tg_reduce_max_s16.c",
    params=ReduceMax16Params,
    operands=INT16_OPERANDS,
    reference=reduce_max_s16,
    summary="largest element over up to three runs of dimensions, in int16",
)


def lower_reduce_max_int16(node: Node, lowering: Lowering, axes: tuple[int, ...]) -> None:
    """Emit the call for the largest elements over ``axes``."""
    int16_scales(node, lowering)
    params = ReduceMax16Params(**reduce_loops(lowering.type_of(node.inputs[0]).shape, axes))
    lowering.call(REDUCE_MAX_INT16, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], params)
