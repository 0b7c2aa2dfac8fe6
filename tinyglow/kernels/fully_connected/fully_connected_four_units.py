"""Fully connected layers for ARMv6-M: the weights of four units in one word, taken apart in four instructions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.fully_connected.fully_connected import fully_connected_s8
from tinyglow.kernels.fully_connected.layer import DenseLayer, FullyConnectedParams
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.targets.cores import DSP

UNITS = 4


def pack(weights: Array) -> Array:
    """Weights int8 [units, depth] as the kernel reads them: int8 [units * depth].

    Of each four units a word a term, the even ones plus 128; units that are left over follow row by row.
    """
    units, depth = weights.shape
    whole = units // UNITS * UNITS
    words = weights[:whole].view(np.uint8).reshape(-1, UNITS, depth).transpose(0, 2, 1).copy()
    words[:, :, 0::2] ^= 0x80
    return np.concatenate([words.ravel().view(np.int8), weights[whole:].ravel()])


def unpack(packed: Array, units: int, depth: int) -> Array:
    """The inverse of ``pack``."""
    whole = units // UNITS * UNITS
    words = packed.ravel()[: whole * depth].view(np.uint8).reshape(-1, depth, UNITS).copy()
    words[:, :, 0::2] ^= 0x80
    four_units = words.transpose(0, 2, 1).reshape(whole, depth).view(np.int8)
    return np.concatenate([four_units, packed.ravel()[whole * depth :].reshape(-1, depth)])


def fully_connected_four_units_s8(
    p: FullyConnectedParams, x: Array, weights: Array, bias: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_fully_connected_four_units_s8: tg_fully_connected_s8 with packed weights."""
    fully_connected_s8(p, x, unpack(weights, p.units, p.depth), bias, out, epilogue)


def work(p: FullyConnectedParams, constants: Sequence[Array | None]) -> Work:
    """Terms of groups of four units, groups, products of units that are left over, and those units."""
    groups, rest = divmod(p.units, UNITS)
    counts = {"terms": groups * p.depth, "groups": groups, "products": rest * p.depth, "units": rest, "inputs": p.depth}
    counts["odd_terms"] = groups * (p.depth % 4)
    return {name: p.rows * count for name, count in counts.items()}


FULLY_CONNECTED_FOUR_UNITS = Kernel(
    symbol="tg_fully_connected_four_units_s8",
    c_file="fully_connected/tg_fully_connected_four_units_s8.c",
    params=FullyConnectedParams,
    operands=(In("input", "int8"), In("weights", "int8"), In("bias", "int32"), Out("output", "int8")),
    reference=fully_connected_four_units_s8,
    summary="fully connected layer, four units at once",
    superseded_by=DSP,
    work=work,
    epilogues=True,
)


def halfwords(weights: Array) -> int:
    """256 times the largest sum of x * weight over int8 [units, depth]: what the halfwords' products add up to."""
    magnitude = np.abs(weights.astype(np.int64)).sum(axis=1)
    return int(magnitude.max(initial=0)) * 128 * 256


def fits(weights: Array) -> bool:
    """Whether 256 times any sum of x * weight over int8 [units, depth] stays within 32 bits."""
    return halfwords(weights) <= glow.INT32_MAX


def four_units_variant(layer: DenseLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_fully_connected_four_units_s8; None where a sum may be too large, or for another core."""
    p, weights = layer.params, layer.weights
    if not lowering.target.runs(FULLY_CONNECTED_FOUR_UNITS) or not fits(weights):
        return None
    limits = {"halfwords": (halfwords(weights), glow.INT32_MAX)}
    return layer.variant(FULLY_CONNECTED_FOUR_UNITS, p, pack(weights), lowering, limits)
