"""Glow's requantization as kernels compute it: by its constants as they are, or by one word for each channel.

All give the same integers wherever their obligations hold, and only there may a kernel use them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import ChannelWords, Epilogue, Int32Array
from tinyglow.numerics.glow import Requant


def within_int32(total: int, requant: Requant, offset: int) -> bool:
    """Whether ``total`` is requantized without a wrap, with ``offset`` added before the last shift."""
    product = abs((total >> requant.pre) * requant.multiplier)
    return requant.multiplier > 0 and product + ((offset + 1) << requant.post) <= glow.INT32_MAX


def fits_high_word(requant: Requant) -> bool:
    """Whether a requantization that does not wrap is the rounded upper word of a product of int32, plus the offset.

    ((x >> pre) * m + 2**(post - 1)) >> post == ((x >> pre) * (m << (32 - post)) + 2**31) >> 32: SMMLAR's result.
    """
    return requant.post > 0 and 0 < requant.multiplier << (32 - requant.post) <= glow.INT32_MAX


class Glow(Epilogue):
    """``libjit_scale``: 32-bit arithmetic that wraps, and ties upwards."""

    name = "glow"
    summary = "Glow's, in 32 bits"

    def constants(self, scale: float, offset: int = 0) -> Requant:
        """See ``glow.requantize_params``."""
        return glow.requantize_params(scale, offset)

    def requantize(self, sums: Int32Array, constants: Requant) -> Int32Array:
        """See ``glow.requantize``."""
        return glow.requantize(sums, constants)

    @property
    def high(self) -> ChannelWords:
        """See ``HighWord``."""
        return HIGH_WORD

    @property
    def folded(self) -> ChannelWords:
        """See ``FoldedOffset``."""
        return FOLDED_OFFSET

    def holds(self, total: int, constants: Requant) -> bool:
        """Always: where it wraps, it wraps as Glow does."""
        return True

    def rises(self, bound: int, constants: Requant) -> bool:
        """Where nothing wraps."""
        return within_int32(bound, constants, 0) and within_int32(-bound, constants, 0)


class FoldedOffset(ChannelWords):
    """The output's offset is added before the last shift: one addition less. A word: shifts and a 16-bit multiplier."""

    c_function = "tg_requantize_by"
    c_header = "tg_numerics.h"

    def words(self, constants: Sequence[Requant]) -> Int32Array | None:
        """None where one has no last shift, or a multiplier of more than 16 bits: a scale of more than 1."""
        if not all(r.post >= 1 and 0 < r.multiplier < 1 << 16 for r in constants):
            return None
        words = [r.pre + ((r.post - 1) << 8) + (r.multiplier << 16) for r in constants]
        return np.array(words, np.uint32).view(np.int32)

    def apply(self, sums: Int32Array, words: Int32Array, offset: int) -> Int32Array:
        """By the constants that the words hold."""
        numbers = words.view(np.uint32).ravel().tolist()
        own = [Requant(word & 0xFF, (word >> 8 & 0xFF) + 1, word >> 16, offset) for word in numbers]
        return glow.requantize_channels(sums, own)

    def holds(self, total: int, constants: Requant) -> bool:
        """Nothing wraps, with the offset added before the last shift."""
        return within_int32(total, constants, abs(constants.offset))


class HighWord(ChannelWords):
    """The upper word of a product, one instruction on cores with DSP. A word: a shift and a multiplier of 24 bits."""

    c_function = "tg_scale_high"
    c_header = "tg_dsp.h"

    def words(self, constants: Sequence[Requant]) -> Int32Array | None:
        """None where one does not fit a word at all (``fits_high_word``), or not beside its shift."""
        if not all(r.post <= 24 and fits_high_word(r) for r in constants):
            return None
        return np.array([r.pre + (r.multiplier << (32 - r.post)) for r in constants], np.int32)

    def apply(self, sums: Int32Array, words: Int32Array, offset: int) -> Int32Array:
        """The rounded upper word of each product, plus the offset."""
        out = np.empty_like(sums)
        for channel, word in enumerate(words.ravel().tolist()):
            out[..., channel] = glow.requantize_high(sums[..., channel], word & 0xFF, word & ~0xFF, offset)
        return out

    def holds(self, total: int, constants: Requant) -> bool:
        """Nothing wraps."""
        return within_int32(total, constants, 0)


GLOW = Glow()
FOLDED_OFFSET = FoldedOffset()
HIGH_WORD = HighWord()
CHANNEL_WORDS: tuple[ChannelWords, ...] = (FOLDED_OFFSET, HIGH_WORD)
