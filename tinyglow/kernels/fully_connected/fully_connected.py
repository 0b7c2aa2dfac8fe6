"""Fully connected layer in portable C, one unit after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.fully_connected.layer import DenseLayer, FullyConnectedParams
from tinyglow.numerics import exact_dot
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.staircase import add_bias, repeated, staircase_for


def fully_connected_s8(
    p: FullyConnectedParams, x: Array, weights: Array, bias: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_fully_connected_s8: bias[u] + sum of x[d] * (weights[u, d] - weights_offset).

    The input's offset is already folded into the bias.
    """
    rows = x.reshape(-1, p.depth)
    matrix = weights.reshape(p.units, p.depth).astype(np.int32) - p.weights_offset
    bound = exact_dot.largest_sum(matrix.T, 128) + int(np.abs(bias.astype(np.int64)).max(initial=0))
    stairs = staircase_for((epilogue, p.out, p.act_min, p.act_max), bound, out.size)
    if stairs is not None:
        unit = np.float32(stairs.unit)
        factors = np.ascontiguousarray(matrix.T.astype(np.float32) * unit)
        steps = exact_dot.product_by_blocks(rows.astype(np.float32), factors)
        add_bias(steps, repeated(bias.ravel().astype(np.float32) * unit))
        stairs.apply(steps.reshape(out.shape), out)
        return
    result = epilogue.requantize(exact_dot.matmul(rows, matrix.T, 128) + bias.reshape(p.units), p.out)
    out[...] = np.clip(result, np.int32(p.act_min), np.int32(p.act_max)).astype(np.int8).reshape(out.shape)


def work(p: FullyConnectedParams, constants: Sequence[Array | None]) -> Work:
    """Products and outputs."""
    return {"products": p.rows * p.depth * p.units, "outputs": p.rows * p.units}


FULLY_CONNECTED = Kernel(
    symbol="tg_fully_connected_s8",
    c_file="fully_connected/tg_fully_connected_s8.c",
    params=FullyConnectedParams,
    operands=(In("input", "int8"), In("weights", "int8"), In("bias", "int32"), Out("output", "int8")),
    reference=fully_connected_s8,
    summary="fully connected layer",
    code_bytes=150,
    work=work,
    epilogues=True,
)


def portable_variant(layer: DenseLayer, lowering: Lowering) -> Variant:
    """One unit after the other."""
    matrix, p = layer.weights, layer.params
    return layer.variant(FULLY_CONNECTED, p, matrix, lowering)
