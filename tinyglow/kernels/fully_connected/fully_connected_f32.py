"""Fully connected layer of float32."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import U32, In, Kernel, Out, Params
from tinyglow.numerics.nan import one_nan


class FullyConnectedFloatParams(Params):
    """Sizes in elements."""

    rows: U32
    depth: U32
    units: U32


def fully_connected_f32(p: FullyConnectedFloatParams, x: Array, weights: Array, bias: Array, out: Array) -> None:
    """Definition of tg_fully_connected_f32: products are added to bias[u] one after the other."""
    rows, matrix = x.reshape(-1, p.depth), weights.reshape(p.units, p.depth)
    sums = bias.reshape(1, p.units)
    with np.errstate(all="ignore"):
        for k in range(p.depth):
            sums = sums + rows[:, k : k + 1] * matrix[:, k]
    out[...] = one_nan(sums).reshape(out.shape)


FULLY_CONNECTED_FLOAT = Kernel(
    symbol="tg_fully_connected_f32",
    c_file="fully_connected/tg_fully_connected_f32.c",
    params=FullyConnectedFloatParams,
    operands=(In("input", "float32"), In("weights", "float32"), In("bias", "float32"), Out("output", "float32")),
    reference=fully_connected_f32,
    summary="fully connected layer, in float",
)
