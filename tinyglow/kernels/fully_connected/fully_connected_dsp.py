"""Fully connected layer for Cortex-M4, M7 and M33: two products an instruction, four units at once."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import In, Kernel, Out
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.fully_connected.fully_connected import fully_connected_s8
from tinyglow.kernels.fully_connected.layer import DenseLayer, FullyConnectedParams
from tinyglow.targets.cores import DSP

_UNITS = 4
_GROUP = 4  # taps


def _padded(depth: int) -> int:
    return -(-depth // _GROUP) * _GROUP


def pack(matrix: Array) -> Array:
    """Weights int8 [units, depth], flat: groups of four taps, by turns of four units; left-over units one by one."""
    units, depth = matrix.shape
    full = np.zeros((units, _padded(depth)), np.int8)
    full[:, :depth] = matrix
    together = units // _UNITS * _UNITS
    blocks = full[:together].reshape(-1, _UNITS, _padded(depth) // _GROUP, _GROUP).transpose(0, 2, 1, 3)
    return np.concatenate([blocks.ravel(), full[together:].ravel()])


def unpack(weights: Array, units: int, depth: int) -> Array:
    """The inverse of ``pack``."""
    together, flat = units // _UNITS * _UNITS, weights.ravel()
    split = together * _padded(depth)
    blocks = flat[:split].reshape(-1, _padded(depth) // _GROUP, _UNITS, _GROUP).transpose(0, 2, 1, 3)
    full = np.concatenate([blocks.reshape(together, _padded(depth)), flat[split:].reshape(-1, _padded(depth))])
    return full[:, :depth]


def fully_connected_dsp_s8(p: FullyConnectedParams, x: Array, weights: Array, bias: Array, out: Array) -> None:
    """Definition of tg_fully_connected_dsp_s8: what tg_fully_connected_s8 computes, of packed weights."""
    fully_connected_s8(p, x, unpack(weights, p.units, p.depth), bias, out)


FULLY_CONNECTED_DSP = Kernel(
    symbol="tg_fully_connected_dsp_s8",
    c_file="fully_connected/tg_fully_connected_dsp_s8.c",
    params=FullyConnectedParams,
    operands=(In("input", "int8"), In("weights", "int8"), In("bias", "int32"), Out("output", "int8")),
    reference=fully_connected_dsp_s8,
    summary="fully connected layer, two 16-bit products an instruction",
    needs=DSP,
)


def dense_dsp_variant(layer: DenseLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_fully_connected_dsp_s8; None for ARMv6-M."""
    if not lowering.target.runs(FULLY_CONNECTED_DSP):
        return None
    p, weights = layer.params, layer.weights
    # Measured on the Cortex-M7: 0.8 cycles a product.
    cycles = int(0.8 * p.rows * weights.size) + 20 * p.rows * p.units
    return layer.variant(FULLY_CONNECTED_DSP, p, pack(weights), cycles, lowering)
