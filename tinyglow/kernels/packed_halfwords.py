"""Words of two signed 16-bit numbers, as kernels for cores with SMLAD read them; a word is an int64 here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array


def join(low: Array, high: Array) -> Array:
    """Words of 16-bit numbers ``low`` and ``high``, of any shape: int64, 0 to 2**32 - 1."""
    words: Array = (low.astype(np.int64) & 0xFFFF) | (high.astype(np.int64) & 0xFFFF) << 16
    return words


def low(words: Array) -> Array:
    """The lower halfwords as signed numbers: int32."""
    halves: Array = ((words.astype(np.int64) & 0xFFFF) ^ 0x8000) - 0x8000
    return halves.astype(np.int32)


def high(words: Array) -> Array:
    """The upper halfwords as signed numbers: int32."""
    return low(words.astype(np.int64) >> 16)


def rows_of_words(parts: Sequence[Array]) -> Array:
    """Parts [rows, words], or [rows] for a word each, side by side as an operand: int32, flat."""
    words = np.column_stack([part.astype(np.int64) & 0xFFFFFFFF for part in parts])
    return words.astype(np.uint32).view(np.int32).ravel()
