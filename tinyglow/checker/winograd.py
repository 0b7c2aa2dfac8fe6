"""3x3 filters from their transforms for Winograd's algorithm, and how large its intermediates can be."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Limits = dict[str, tuple[int, int]]

_TWO = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]])
_FOUR = np.array([[3, 0, 0], [1, 1, 1], [1, -1, 1], [1, 2, 4], [1, -2, 4], [0, 0, 3]])
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
    filled, blocks = 8 * -(-in_c // 8), -(-out_c // 4)
    pairs = words[:-2].reshape(blocks, 16, filled // 2, 4).transpose(0, 3, 1, 2)
    fours = pairs.reshape(blocks * 4, 16, filled // 4, 2)
    both = np.concatenate([_signed(fours), _signed(fours >> 16)], axis=-1)
    places = both.reshape(blocks * 4, 4, 4, filled)[:out_c, ..., :in_c]
    back = np.array([[1, 0, 0, 0], [0, 1, -1, 0], [0, 0, 0, 1]])
    weights = np.einsum("ai,oijc,bj->oabc", back, places, back) // 4
    if not np.array_equal(np.einsum("ia,oabc,jb->oijc", _TWO, weights, _TWO), places):
        return None
    flat = weights.reshape(out_c, -1)
    products = np.abs(places).reshape(out_c, 16, -1).sum(axis=2)
    return flat, {
        "inputs": (4 * 128, _INT16),
        "filters": (_largest(places), _INT16),
        "products": (_largest(products) * 4 * 128, _INT32),
        "fourfold": (_largest(np.abs(flat).sum(axis=1)) * 4 * 128, _INT32),
    }


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
