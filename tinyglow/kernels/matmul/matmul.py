"""Products of two matrices, in int8 and float32."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I16, U16, U32, In, Kernel, Out, Params
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.int8 import int8_params, product_requant
from tinyglow.kernels.matmul.matmul_s16 import lower_matmul_int16
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import GLOW
from tinyglow.numerics.epilogues.tflm import TFLM as TWICE
from tinyglow.numerics.names import HINT
from tinyglow.numerics.nan import one_nan


class MatMulParams(Params):
    """Sizes in elements: lhs [batch, rows, depth], rhs [batch, depth, columns]; ``out`` maps a sum to the output."""

    batch: U16
    rows: U16
    depth: U32
    columns: U16
    lhs_offset: I16
    rhs_offset: I16
    out: glow.Requant


def matmul_s8(p: MatMulParams, lhs: Array, rhs: Array, out: Array, epilogue: Epilogue) -> None:
    """Definition of tg_matmul_s8 (``libjit_matmul_i8``): sum of (lhs - lhs_offset) * (rhs - rhs_offset)."""
    a = lhs.reshape(-1, p.batch, p.rows, p.depth).astype(np.int32) - np.int32(p.lhs_offset)
    b = rhs.reshape(-1, p.batch, p.depth, p.columns).astype(np.int32) - np.int32(p.rhs_offset)
    out[...] = glow.saturate_int8(epilogue.requantize(glow.accumulate(a, b), p.out)).reshape(out.shape)


def _product_range(p: MatMulParams) -> tuple[int, int]:
    """The range of sums of ``depth`` products."""
    a, b = ((glow.INT8_MIN - offset, glow.INT8_MAX - offset) for offset in (p.lhs_offset, p.rhs_offset))
    products = [x * y for x in a for y in b]
    return p.depth * min(products), p.depth * max(products)


MATMUL = Kernel(
    symbol="tg_matmul_s8",
    c_file="matmul/tg_matmul_s8.c",
    params=MatMulParams,
    operands=(In("lhs", "int8"), In("rhs", "int8"), Out("output", "int8")),
    reference=matmul_s8,
    summary="matrix products of two tensors",
    sums_of=_product_range,
    epilogues=True,
)


class MatMulFloatParams(Params):
    """Sizes in elements: lhs [batch, rows, depth], rhs [batch, depth, columns]."""

    batch: U16
    rows: U16
    depth: U32
    columns: U16


def matmul_f32(p: MatMulFloatParams, lhs: Array, rhs: Array, out: Array) -> None:
    """Definition of tg_matmul_f32: products are added to 0 one after the other."""
    a = lhs.reshape(-1, p.batch, p.rows, p.depth)
    b = rhs.reshape(-1, p.batch, p.depth, p.columns)
    sums = np.zeros((1, 1, p.rows, p.columns), np.float32)
    with np.errstate(all="ignore"):
        for k in range(p.depth):
            sums = sums + a[..., k, np.newaxis] * b[..., k, np.newaxis, :]
    out[...] = one_nan(sums).reshape(out.shape)


MATMUL_FLOAT = Kernel(
    symbol="tg_matmul_f32",
    c_file="matmul/tg_matmul_f32.c",
    params=MatMulFloatParams,
    operands=(In("lhs", "float32"), In("rhs", "float32"), Out("output", "float32")),
    reference=matmul_f32,
    summary="matrix products of two tensors, in float",
)


def _span(params: QuantParams) -> int:
    return max(glow.INT8_MAX - params.offset, params.offset - glow.INT8_MIN)


def lower_product(node: Node, lowering: Lowering, batch: int) -> None:
    """Any two operands of [batch, rows, depth] and [batch, depth, columns]."""
    if lowering.type_of(node.outputs[0]).dtype == "float32":
        x, y = (lowering.type_of(name).shape for name in node.inputs)
        depth = x[-1]
        buffers = [lowering.buffer(name) for name in (*node.inputs, node.outputs[0])]
        lowering.call(MATMUL_FLOAT, buffers, MatMulFloatParams(batch, rows=x[-2], depth=depth, columns=y[-1]))
        return
    if lowering.type_of(node.outputs[0]).dtype == "int16":
        lower_matmul_int16(node, lowering, batch)
        return
    lhs, rhs, out = int8_params(node, lowering)
    _lower_int8(node, lowering, batch, product_requant(lhs, rhs, out), GLOW)


def _lower_int8(node: Node, lowering: Lowering, batch: int, out: glow.Requant, epilogue: Epilogue) -> None:
    lhs, rhs, _ = int8_params(node, lowering)
    (rows, depth), columns = lowering.type_of(node.inputs[0]).shape[-2:], lowering.type_of(node.inputs[1]).shape[-1]
    bound = depth * _span(lhs) * _span(rhs)
    if bound > glow.INT32_MAX:
        found = f"sums of {depth} products, up to {bound}"
        raise UnsupportedError(found, "sums that fit 32 bits", "split the matrices")
    if not epilogue.holds_for([(-bound, bound)], [out]):
        raise UnsupportedError(f"sums of {depth} products for a result in steps of {out}", "a larger scale", HINT)
    params = MatMulParams(batch, rows, depth, columns, lhs.offset, rhs.offset, out)
    buffers = [lowering.buffer(name) for name in (*node.inputs, node.outputs[0])]
    lowering.call(MATMUL.with_epilogue(epilogue), buffers, params)


def lower_matmul_tflite(node: Node, lowering: Lowering) -> None:
    """BATCH_MATMUL of int8 (batch_matmul.cc): as a fully connected layer, but rounded twice."""
    lhs, rhs, out = int8_params(node, lowering)
    product = float(np.float32(lhs.scale) * np.float32(rhs.scale))
    try:
        constants = TWICE.constants(product / out.scale, out.offset)
    except ValueError as error:
        raise UnsupportedError(str(error), "scales of ordinary size", HINT) from error
    _lower_int8(node, lowering, lowering.type_of(node.inputs[0]).shape[0], constants, TWICE)
