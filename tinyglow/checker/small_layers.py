"""What convolutions with few weights read: words of their filters, and the bytes that they work with."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinyglow.checker.source import Call

Array = npt.NDArray[Any]


def _fours(width: int) -> int:
    """How often four taps of a row lie together."""
    return (width + 2) // 4


def weight_words(rows: int, width: int) -> int:
    """Words of a channel's weights: two for four of a row's taps; where one is left, one for those of two rows."""
    return rows * 2 * _fours(width) + (-(-rows // 2) if width % 4 == 1 else 0)


def scratch_words(call: Call) -> int:
    """Working memory: columns of four pixels, and their bytes where some tile does not lie inside the image."""
    whole, pool = call.whole, call.whole("pool") > 0
    rows, width = whole("kernel_h"), whole("kernel_w") * whole("in_c")
    side, most = (2, 1) if pool else (1, 4)
    right = whole("stride_w") * whole("in_c")
    strip_rows = rows + pool * whole("stride_h")
    strip_width = 4 * _fours(width) + (width % 4 == 1) + (side * most - 1) * right
    bottom = (whole("out_h") - 1) * side * whole("stride_h") + strip_rows
    end = (-(-whole("out_w") // most) - 1) * side * most * right + strip_width
    inside = not (whole("pad_top") or whole("pad_left"))
    inside = inside and bottom <= whole("in_h") and end <= whole("in_w") * whole("in_c")
    copied = 0 if inside else strip_rows * strip_width
    return 4 * weight_words(rows, width) + -(-max(copied, 8) // 4)


def weights(low: Array, high: Array, rows: int, width: int) -> Array | None:
    """Weights [channels, taps], of lower and upper halves of words [channels, words]: taps {0, 2} and {1, 3} of four.

    After those come the last taps of rows, of two a word. None where a weight belongs to no tap.
    """
    channels, fours = len(low), rows * 2 * _fours(width)
    taps = np.stack([half[:, :fours].reshape(channels, -1, 2) for half in (low, high)], axis=2)
    taps = taps.reshape(channels, rows, -1)
    ends = np.stack([low[:, fours:], high[:, fours:]], axis=2).reshape(channels, -1)
    if ends.size:
        taps = np.concatenate([taps, ends[:, :rows, None]], axis=2)
    unused = taps[..., width:].any() or ends[:, rows:].any()
    return None if unused else taps[..., :width].reshape(channels, -1)


def quads(rows: Array, lines: int, taps: int, offset: int | None) -> tuple[Array, Array, Array] | None:
    """Filters of four output channels at a time.

    Args:
        rows: int64 [fours, words]: what sums begin with, words of weights, words of scales.
        lines: Lines of a window that begin with a group of four taps.
        taps: Of each line.
        offset: Of the weights as they are stored, where the lower byte of a halfword is one plus 128; None where
            there is none, and the byte a weight itself.

    Returns:
        Weights [units, terms], what sums begin with, words of scales [units, ...]; None if the sums of a pair do not
        begin with two channels' numbers, or taps beyond a line's count.
    """
    units, end = 4 * len(rows), 4 + 4 * lines * -(-taps // 4)
    words = rows[:, 4:end].reshape(len(rows), -1, 2, 2)  # of a group's halves, of each pair of channels
    halves = np.stack([words & 0xFFFF, (words >> 16) & 0xFFFF], axis=4)
    halves = (halves ^ 0x8000) - 0x8000
    low = ((halves & 0xFF) ^ 0x80) - 0x80 if offset is None else (halves & 0xFF) - 128
    odd = (halves - (low if offset is None else low + 128)) >> 8
    stored = np.stack([low, odd], axis=4).transpose(0, 3, 4, 1, 5, 2)  # pair, channel of it, group, tap, half
    weights = stored.reshape(units, lines, -1) - (offset or 0)
    pairs = rows[:, :4].reshape(-1, 2)
    more = ((pairs[:, 1] - pairs[:, 0] + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)
    if np.any(more & 0xFF) or np.any(weights[..., taps:]):
        return None
    return (
        weights[..., :taps].reshape(units, -1),
        np.column_stack([pairs[:, 0], more >> 8]).ravel(),
        rows[:, end:].reshape(units, -1),
    )


def largest_odd(weights: Array, start: Array) -> tuple[int, int]:
    """The largest of 256 times the sums of odd channels, and what it may be."""
    positive, negative = np.maximum(weights, 0).sum(axis=1), np.minimum(weights, 0).sum(axis=1)
    low, high = start - 128 * positive + 127 * negative, start + 127 * positive - 128 * negative
    return 256 * max(-int(low[1::2].min(initial=0)), int(high[1::2].max(initial=0))), 2**31 - 1
