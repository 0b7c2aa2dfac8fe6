"""Requantization constants of each output channel, as kernels read them, and proofs about them."""

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


def scale_words(requants: Sequence[glow.Requant]) -> Array | None:
    """Scales of channels, whose offset is not in them, as tg_requantize_by of tg_numerics.h takes them: int32 [out_c].

    None where one has no last shift, or a multiplier of more than 16 bits: a scale of more than 1.
    """
    if not all(r.post >= 1 and 0 < r.multiplier < 1 << 16 for r in requants):
        return None
    words = [r.pre + ((r.post - 1) << 8) + (r.multiplier << 16) for r in requants]
    return np.array(words, np.uint32).view(np.int32)


def requantize_scale_words(sums: Array, words: Array, offset: int) -> Array:
    """Sums int32 [..., out_c] by ``scale_words`` of each channel, and the output's offset."""
    numbers = words.view(np.uint32).ravel().tolist()
    own = [glow.Requant(word & 0xFF, (word >> 8 & 0xFF) + 1, word >> 16, offset) for word in numbers]
    return glow.requantize_channels(sums, own)


def high_words(requants: Sequence[glow.Requant]) -> Array | None:
    """Scales of channels, whose offset is not in them, as tg_scale_high of tg_dsp.h takes them: int32 [out_c].

    None where one does not fit a word at all (``fits_high_word``), or not beside its shift.
    """
    if not all(r.post <= 24 and fits_high_word(r) for r in requants):
        return None
    return np.array([r.pre + (r.multiplier << (32 - r.post)) for r in requants], np.int32)


def requantize_high_words(sums: Array, words: Array, offset: int) -> Array:
    """Sums int32 [..., out_c] by ``high_words`` of each channel, and the output's offset."""
    out = np.empty_like(sums)
    for channel, word in enumerate(words.ravel().tolist()):
        out[..., channel] = glow.requantize_high(sums[..., channel], word & 0xFF, word & ~0xFF, offset)
    return out


def within_int32(total: int, requant: glow.Requant, offset: int) -> bool:
    """Whether ``total`` is requantized without a wrap, with ``offset`` added before the last shift."""
    product = abs((total >> requant.pre) * requant.multiplier)
    return requant.multiplier > 0 and product + ((offset + 1) << requant.post) <= glow.INT32_MAX


def fits_high_word(requant: glow.Requant) -> bool:
    """Whether a requantization that does not wrap is the rounded upper word of a product of int32, plus the offset.

    ((x >> pre) * m + 2**(post - 1)) >> post == ((x >> pre) * (m << (32 - post)) + 2**31) >> 32: SMMLAR's result.
    """
    return requant.post > 0 and 0 < requant.multiplier << (32 - requant.post) <= glow.INT32_MAX
