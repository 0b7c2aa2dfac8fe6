"""3x3 filters from their transforms for Winograd's algorithm, and how large its intermediates can be."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Limits = dict[str, tuple[int, int]]

_TWO = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]])
_FOUR = np.array([[3, 0, 0], [1, 1, 1], [1, -1, 1], [1, 2, 4], [1, -2, 4], [0, 0, 3]])
_SIX = np.array([[6, 0, 0], [-1, -1, -1], [-1, 1, -1], [1, 2, 4], [1, -2, 4], [0, 0, 6]])
_INT16, _UINT16, _INT32 = 32767, 65535, 2**31 - 1


def _signed(halves: Array) -> Array:
    result: Array = ((halves & 0xFFFF) ^ 0x8000) - 0x8000
    return result


def _largest(numbers: Array) -> int:
    return int(np.abs(numbers).max(initial=0))


def narrow(words: Array, out_c: int, in_c: int) -> tuple[Array, Limits] | None:
    """Of kernels with the DSP extension: 16 places, by blocks of four output channels.

    Args:
        words: The filter, int64.
        out_c: Output channels.
        in_c: Input channels.

    Returns:
        Weights [out_c, 9 * in_c], and limits; None if the places are no transform.
    """
    back = np.array([[1, 0, 0, 0], [0, 1, -1, 0], [0, 0, 0, 1]])
    found = _of_four_channels(words[:-2], out_c, in_c, (_TWO, back, 2))
    if found is None:
        return None
    places, weights, limits = found
    products = np.abs(places).reshape(out_c, 16, -1).sum(axis=2)
    limits["inputs"] = 4 * 128, _INT16
    limits["products"] = _largest(products) * 4 * 128, _INT32
    limits["fourfold"] = _largest(np.abs(weights).sum(axis=1)) * 4 * 128, _INT32
    return weights, limits


def narrow_4x4(words: Array, out_c: int, in_c: int) -> tuple[Array, Limits] | None:
    """The same of tiles of 4x4 outputs: 36 places; what sums are multiplied by wraps, and is 64 at the end."""
    back = np.array([[1, 0, 0, 0, 0, 0], [0, -3, 3, 0, 0, 0], [0, 0, 0, 0, 0, 1]])
    found = _of_four_channels(words[:-3], out_c, in_c, (_SIX, back, 6))
    if found is None:
        return None
    _, weights, limits = found
    limits["inputs"] = 100 * 128, _INT16
    limits["multiple"] = _largest(np.abs(weights).sum(axis=1)) * 64 * 128, _INT32
    return weights, limits


def _of_four_channels(
    words: Array, out_c: int, in_c: int, transform: tuple[Array, Array, int]
) -> tuple[Array, Array, Limits] | None:
    """Places [out_c, side, side, in_c], weights [out_c, 9 * in_c], limits.

    transform: of filters, back from it, and how many times as large filters are then along each side.
    """
    forth, back, times = transform
    side, filled, blocks = len(forth), 8 * -(-in_c // 8), -(-out_c // 4)
    pairs = words.reshape(blocks, side * side, filled // 2, 4).transpose(0, 3, 1, 2)
    fours = pairs.reshape(blocks * 4, side * side, filled // 4, 2)
    both = np.concatenate([_signed(fours), _signed(fours >> 16)], axis=-1)
    places = both.reshape(blocks * 4, side, side, filled)[:out_c, ..., :in_c]
    weights = np.einsum("ai,oijc,bj->oabc", back, places, back) // times**2
    if not np.array_equal(np.einsum("ia,oabc,jb->oijc", forth, weights, forth), places):
        return None
    return places, weights.reshape(out_c, -1), {"filters": (_largest(places), _INT16)}


def wide(words: Array, out_c: int, in_c: int, corners: int) -> tuple[Array, Limits] | None:
    """The same of kernels for ARMv6-M: 24 places down the columns, by blocks of eight output channels.

    The corners of every even filter are larger by ``corners``: its transform is not negative, and has no sign.
    """
    filled, blocks = 8 * -(-in_c // 8), -(-out_c // 8)
    pairs = words.reshape(blocks, 24, filled, 4).transpose(0, 3, 1, 2)
    both = np.stack([pairs & 0xFFFF, _signed(pairs >> 16)], axis=2)
    places = both.reshape(blocks * 8, 6, 4, filled)[:out_c, ..., :in_c]
    rows = np.stack([places[:, 0] // 3, (places[:, 1] - places[:, 2]) // 2, places[:, 5] // 3], axis=3)
    stored = np.stack([rows[:, 0] // 2, (rows[:, 1] - rows[:, 2]) // 2, rows[:, 3] // 2], axis=1).transpose(0, 1, 3, 2)
    if not np.array_equal(np.einsum("ia,oabc,jb->ojic", _TWO, stored, _FOUR), places):
        return None
    sums = np.abs(stored).reshape(out_c, -1).sum(axis=1)
    weights = stored.copy()
    weights[::2, ::2, ::2] -= corners
    return weights.reshape(out_c, -1), {
        "inputs": (20 * 128, _INT16),
        "filters": (_largest(places[1::2]), _INT16),
        "lower": (_largest(places[::2]), _UINT16),
        "corners": (255 * in_c, _UINT16),
        "sixteenfold": (_largest(sums) * 16 * 128, _INT32),
    }


def extents(loop: str, in_c: int, out_c: int, scale: int) -> dict[str, int]:
    """Words of a call's operands.

    Args:
        loop: The kernel's loop.
        in_c: Input channels.
        out_c: Output channels.
        scale: Words of each channel's own scale.
    """
    filled = 8 * -(-in_c // 8)
    inputs = 6 * in_c  # of a step that lies in part outside of the image
    if "4x4" in loop:
        units, words, ahead, scratch = 4, 36 * filled // 2, 3, 18 * filled + 36 * 4
    elif loop.endswith("dsp"):
        units, words, ahead, scratch = 4, 16 * filled // 2, 2, 16 * filled + max(16 * 8, inputs)
    else:
        units, words, ahead, scratch = 8, 24 * filled // 2, 0, 12 * filled + max(24 * 8, inputs)
    blocks = -(-out_c // units)
    return {"filter": blocks * units * words + ahead, "bias": blocks * units * (1 + scale), "scratch": scratch}
