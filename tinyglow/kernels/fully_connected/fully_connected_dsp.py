"""Fully connected layer for Cortex-M4, M7 and M33: two products an instruction, four units at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.fully_connected.fully_connected import fully_connected_s8
from tinyglow.kernels.fully_connected.fully_connected_four_units import fits
from tinyglow.kernels.fully_connected.layer import DenseLayer, FullyConnectedParams
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
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


def fully_connected_dsp_s8(
    p: FullyConnectedParams, x: Array, weights: Array, bias: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_fully_connected_dsp_s8: what tg_fully_connected_s8 computes, of packed weights."""
    fully_connected_s8(p, x, unpack(weights, p.units, p.depth), bias, out, epilogue)


def work(p: FullyConnectedParams, constants: Sequence[Array | None]) -> Work:
    """Groups of four terms of four units, fast where the depth is made of them; units by fours; what is left over."""
    groups, (fours, rest) = -(-p.depth // _GROUP), divmod(p.units, _UNITS)
    fast = p.depth % _GROUP == 0 and p.units >= _UNITS
    counts = {
        "fast_groups" if fast else "groups": fours * groups,
        "fours": fours,
        "single_groups": rest * groups,
        "singles": rest,
        "offset_groups": groups if p.weights_offset else 0,
        "bounded": p.units if (p.act_min, p.act_max) != (glow.INT8_MIN, glow.INT8_MAX) else 0,
    }
    return {name: p.rows * count for name, count in counts.items()}


FULLY_CONNECTED_DSP = Kernel(
    symbol="tg_fully_connected_dsp_s8",
    c_file="fully_connected/tg_fully_connected_dsp_s8.c",
    params=FullyConnectedParams,
    operands=(In("input", "int8"), In("weights", "int8"), In("bias", "int32"), Out("output", "int8")),
    reference=fully_connected_dsp_s8,
    summary="fully connected layer, two 16-bit products an instruction",
    needs=DSP,
    work=work,
    epilogues=True,
)


def dense_dsp_variant(layer: DenseLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_fully_connected_dsp_s8; None for ARMv6-M.

    None also where tg_fully_connected_eight_units_dsp_s8 applies: a network with both has twice the code.
    """
    p, weights = layer.params, layer.weights
    if not lowering.target.runs(FULLY_CONNECTED_DSP) or fits(weights):
        return None
    return layer.variant(FULLY_CONNECTED_DSP, p, pack(weights), lowering)
