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
