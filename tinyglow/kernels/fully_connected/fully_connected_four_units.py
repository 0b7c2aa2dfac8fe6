"""Fully connected layers for ARMv6-M: the weights of four units in one word, whose four sums take three products."""

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

UNITS = 4  # a word
_WORDS = 2  # that take turns


def _split(units: int) -> tuple[int, int]:
    """How many units are in groups of two words, and how many in words at all."""
    return units // (UNITS * _WORDS) * (UNITS * _WORDS), units // UNITS * UNITS


def _turned(weights: Array, words: int) -> Array:
    """Units [units, depth] with words that take turns: uint8, flat."""
    depth = weights.shape[1]
    turns: Array = weights.reshape(-1, words * UNITS, depth).transpose(0, 2, 1).ravel()
    return turns


def _turned_back(packed: Array, words: int, depth: int) -> Array:
    turns: Array = packed.reshape(-1, depth, words * UNITS).transpose(0, 2, 1).reshape(-1, depth)
    return turns


def pack(weights: Array) -> Array:
    """Weights int8 [units, depth] as the kernel reads them: int8 [units * depth].

    Of each four units a word a term, its bytes the weights plus 128; words of two groups take turns. Units that are
    left over follow row by row.
    """
    eights, whole = _split(len(weights))
    plus = weights.view(np.uint8) ^ 0x80
    words = [_turned(plus[:eights], _WORDS), _turned(plus[eights:whole], 1)]
    return np.concatenate([*(part.view(np.int8) for part in words), weights[whole:].ravel()])


def unpack(packed: Array, units: int, depth: int) -> Array:
    """The inverse of ``pack``."""
    eights, whole = _split(units)
    flat = packed.ravel()
    plus = flat[: whole * depth].view(np.uint8) ^ 0x80
    turned = [_turned_back(plus[: eights * depth], _WORDS, depth), _turned_back(plus[eights * depth :], 1, depth)]
    return np.concatenate([*(part.view(np.int8) for part in turned), flat[whole * depth :].reshape(-1, depth)])


def fully_connected_four_units_s8(
    p: FullyConnectedParams, x: Array, weights: Array, bias: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_fully_connected_four_units_s8: tg_fully_connected_s8 with packed weights."""
    fully_connected_s8(p, x, unpack(weights, p.units, p.depth), bias, out, epilogue)


def work(p: FullyConnectedParams, constants: Sequence[Array | None]) -> Work:
    """Terms of eight units and of four, such groups, products of units that are left over, and those units."""
    eights, whole = _split(p.units)
    groups, words, rest = eights // (UNITS * _WORDS), (whole - eights) // UNITS, p.units - whole
    odd = p.depth % 4
    counts = {"terms": groups * (p.depth - odd), "four_terms": words * (p.depth - odd), "groups": groups}
    counts |= {"words": words, "products": rest * p.depth, "units": rest, "inputs": p.depth}
    counts["odd_terms"] = (groups * _WORDS + words) * odd
    return {name: p.rows * count for name, count in counts.items()}


FULLY_CONNECTED_FOUR_UNITS = Kernel(
    symbol="tg_fully_connected_four_units_s8",
    c_file="fully_connected/tg_fully_connected_four_units_s8.c",
    params=FullyConnectedParams,
    operands=(In("input", "int8"), In("weights", "int8"), In("bias", "int32"), Out("output", "int8")),
    reference=fully_connected_four_units_s8,
    summary="fully connected layer, four units from three products",
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
