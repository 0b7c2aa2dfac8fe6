"""Requantization constants and filter offsets of each output channel, as the portable kernels read them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.numerics import glow


def channel_words(constants: Sequence[glow.Requant], filter_offsets: Sequence[int]) -> Array:
    """The operand ``channels`` of kernels with a scale for each channel: int32 [2 * out_c]."""
    words = [
        (c.multiplier, c.pre + (c.post << 8) + (offset << 16))
        for c, offset in zip(constants, filter_offsets, strict=True)
    ]
    return np.array(words, np.int32).ravel()


def channel_constants(words: Array, offset: int) -> tuple[list[glow.Requant], Array]:
    """The inverse of ``channel_words``: constants, with the output's offset, and filter offsets, int32 [out_c]."""
    pairs = words.reshape(-1, 2)
    constants = [glow.Requant(shifts & 0xFF, shifts >> 8 & 0xFF, scale, offset) for scale, shifts in pairs.tolist()]
    return constants, pairs[:, 1] >> 16
