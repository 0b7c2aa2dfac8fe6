"""Fully connected layer for Cortex-M4, M7 and M33: eight units at once, four weights unpacked by one instruction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.fully_connected.fully_connected import fully_connected_s8
from tinyglow.kernels.fully_connected.fully_connected_four_units import fits, halfwords
from tinyglow.kernels.fully_connected.layer import DenseLayer, FullyConnectedParams
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.targets.cores import DSP

_PAIRS = 4  # at once
_UNITS = 2 * _PAIRS
_GROUP = 4  # taps
_ORDER = (0, 2, 1, 3)  # of a group's taps: two a word, as SXTB16 takes inputs apart


def _groups(depth: int) -> int:
    return -(-depth // _GROUP)


def pack(weights: Array) -> Array:
    """Weights int8 [units, depth] as the kernel reads them: int8, flat.

    A halfword is a term of a pair of units, the lower byte plus 128. A group of four terms is two words. Four pairs
    take turns; those that are left over follow one after the other. What is filled up is zero.
    """
    units, depth = weights.shape
    pairs, groups = -(-units // 2), _groups(depth)
    full = np.zeros((2 * pairs, groups * _GROUP), np.int8)
    full[:units, :depth] = weights
    full[0::2] ^= np.int8(-128)
    taps = full.reshape(pairs, 2, groups, _GROUP)[..., _ORDER]
    words = taps.transpose(0, 2, 3, 1)  # [pairs, groups, taps, unit of the pair]
    whole = units // _UNITS * _PAIRS
    turns = words[:whole].reshape(-1, _PAIRS, groups, _GROUP, 2).transpose(0, 2, 1, 3, 4)
    return np.concatenate([turns.ravel(), words[whole:].ravel()])


def unpack(packed: Array, units: int, depth: int) -> Array:
    """The inverse of ``pack``."""
    groups, whole = _groups(depth), units // _UNITS * _PAIRS
    split = whole * groups * _GROUP * 2
    flat = packed.ravel()
    turns = flat[:split].reshape(-1, groups, _PAIRS, _GROUP, 2).transpose(0, 2, 1, 3, 4)
    words = np.concatenate([turns.reshape(whole, groups, _GROUP, 2), flat[split:].reshape(-1, groups, _GROUP, 2)])
    taps = words.transpose(0, 3, 1, 2)[..., np.argsort(_ORDER)]
    full = taps.reshape(-1, groups * _GROUP).copy()
    full[0::2] ^= np.int8(-128)
    return full[:units, :depth]


def fully_connected_eight_units_dsp_s8(
    p: FullyConnectedParams, x: Array, weights: Array, bias: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_fully_connected_eight_units_dsp_s8: tg_fully_connected_s8 with packed weights."""
    fully_connected_s8(p, x, unpack(weights, p.units, p.depth), bias, out, epilogue)


def work(p: FullyConnectedParams, constants: Sequence[Array | None]) -> Work:
    """Groups of four terms of eight units, where the depth is made of them; of pairs; inputs; clamped outputs."""
    (whole, rest), groups = divmod(p.units, _UNITS), _groups(p.depth)
    fast = p.depth % _GROUP == 0
    pairs = -(-rest // 2) + (0 if fast else whole * _PAIRS)
    counts = {
        "groups": whole * groups if fast else 0,
        "blocks": whole if fast else 0,
        "pair_groups": pairs * groups,
        "pairs": pairs,
        "inputs": groups,
        "bounded": p.units if (p.act_min, p.act_max) != (glow.INT8_MIN, glow.INT8_MAX) else 0,
    }
    return {name: p.rows * count for name, count in counts.items()}


FULLY_CONNECTED_EIGHT_UNITS_DSP = Kernel(
    symbol="tg_fully_connected_eight_units_dsp_s8",
    c_file="fully_connected/tg_fully_connected_eight_units_dsp_s8.c",
    params=FullyConnectedParams,
    operands=(In("input", "int8"), In("weights", "int8"), In("bias", "int32"), Out("output", "int8")),
    reference=fully_connected_eight_units_dsp_s8,
    summary="fully connected layer, eight units at once, two 16-bit products an instruction",
    needs=DSP,
    work=work,
    epilogues=True,
)


def dense_eight_units_variant(layer: DenseLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_fully_connected_eight_units_dsp_s8; None for ARMv6-M, or where a sum may be too large."""
    p, weights = layer.params, layer.weights
    if not lowering.target.runs(FULLY_CONNECTED_EIGHT_UNITS_DSP) or not fits(weights):
        return None
    limits = {"halfwords": (halfwords(weights), glow.INT32_MAX)}
    return layer.variant(FULLY_CONNECTED_EIGHT_UNITS_DSP, p, pack(weights), lowering, limits)
