"""Products of two matrices of int16: ours, as ``kernels.int16`` says."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I32, U8, U16, U32, In, Kernel, Out, Params
from tinyglow.ir.numbers import Numbers
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.kernels.int16 import int16_scales, litert_words
from tinyglow.kernels.intermediates import int16_ends, multiplied
from tinyglow.numerics import wide
from tinyglow.numerics.names import HINT


class MatMul16Params(Params):
    """``batch`` products of [rows, depth] and [depth, columns]; sums times multiplier / 2**shift are the output."""

    batch: U16
    rows: U16
    depth: U32
    columns: U16
    multiplier: I32
    shift: U8


def matmul_s16(p: MatMul16Params, lhs: Array, rhs: Array, out: Array) -> None:
    """Definition of tg_matmul_s16: saturate(scaled(sum of lhs * rhs)), sums of 64 bits."""
    a = lhs.reshape(-1, p.batch, p.rows, p.depth)
    b = rhs.reshape(-1, p.batch, p.depth, p.columns)
    out[...] = wide.saturate_int16(wide.scaled(wide.accumulate(a, b), p.multiplier, p.shift)).reshape(out.shape)


def _numbers(p: MatMul16Params) -> Numbers:
    product = int16_ends("lhs").times(int16_ends("rhs"))
    total = product.made(p.depth * product.low, p.depth * product.high)
    return {"sum": total.number(64), "result": multiplied(total, p.multiplier, p.shift)}


MATMUL_INT16 = Kernel(
    symbol="tg_matmul_s16",
    c_file="matmul/tg_matmul_s16.c",
    params=MatMul16Params,
    operands=(In("lhs", "int16"), In("rhs", "int16"), Out("output", "int16")),
    reference=matmul_s16,
    summary="matrix products of two tensors, in int16",
    numbers_of=_numbers,
)


def lower_matmul_int16(node: Node, lowering: Lowering, batch: int) -> None:
    """Emit the call of a product of two tensors, neither of which is constant."""
    x, y, out = int16_scales(node, lowering)
    depth = lowering.type_of(node.inputs[0]).shape[-1]
    bound = depth * wide.INT16_MIN**2
    if bound > wide.MAX_SUM:
        raise UnsupportedError(f"sums of {depth} products", f"at most {wide.MAX_SUM // wide.INT16_MIN**2}")
    (multiplier,), shift = wide.multipliers([x * y / out], bound)
    _call(node, lowering, batch, multiplier, shift)


def lower_matmul_tflite_int16(node: Node, lowering: Lowering) -> None:
    """BATCH_MATMUL of int16 (batch_matmul.cc): a multiplier of 16 bits on sums of 64, rounded once."""
    x, y, out = int16_scales(node, lowering)
    depth = lowering.type_of(node.inputs[0]).shape[-1]
    bound = depth * wide.INT16_MIN**2
    if bound > wide.MAX_SUM:
        raise UnsupportedError(f"sums of {depth} products", f"at most {wide.MAX_SUM // wide.INT16_MIN**2}", HINT)
    product = float(np.float32(x) * np.float32(y))
    multiplier, shift = litert_words(product, 1.0, out, bound)
    _call(node, lowering, lowering.type_of(node.inputs[0]).shape[0], multiplier, shift)


def _call(node: Node, lowering: Lowering, batch: int, multiplier: int, shift: int) -> None:
    (rows, depth), columns = lowering.type_of(node.inputs[0]).shape[-2:], lowering.type_of(node.inputs[1]).shape[-1]
    buffers = [lowering.buffer(name) for name in (*node.inputs, node.outputs[0])]
    lowering.call(MATMUL_INT16, buffers, MatMul16Params(batch, rows, depth, columns, multiplier, shift))
