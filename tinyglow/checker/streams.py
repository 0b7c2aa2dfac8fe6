"""Weights that lie in a bundle as a stream: entropy-coded ones, and those of kernels with two products in one.

Both formats are described in the bundle's own headers, ``tg_packed.h`` and ``tg_dual_mac.h``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyglow.checker.findings import BrokenError

Array = npt.NDArray[Any]

CHUNK_TAPS = 16
_CHUNK_HEADER = 2
_CHUNK_END = 0
_MOST_WEIGHTS = 1 << 24
_LONGEST_CODE = 16
_READ_AHEAD = 2  # bytes that the decoder may read after the last code

Form = tuple[int, int, int, int]  # bits of a table's number, bytes of a table, bits of a bias, bits of a word


def _broken(found: str) -> BrokenError:
    return BrokenError("the weights", found, "a stream that the compiler wrote")


@lru_cache(maxsize=8)
def dual_mac(data: bytes, channels: int, terms: int) -> tuple[Array, Array, int]:
    """The stream of ``tg_dual_mac.h``.

    Args:
        data: Bytes from the stream's first on.
        channels: Output channels.
        terms: Weights of each.

    Returns:
        Bytes that stand for weights, int64 [channels, terms], with the offset still in them; the chunk of each weight,
        counted over all channels; and how many bytes the stream has.

    Raises:
        BrokenError: It ends too early, or a channel has another number of weights.
    """
    if channels * terms > _MOST_WEIGHTS:
        raise _broken(f"are {channels * terms}")
    weights = np.zeros((channels, terms), np.int64)
    chunks = np.zeros((channels, terms), np.int64)
    at = chunk = 0
    for channel in range(channels):
        term = 0
        while True:
            if at >= len(data):
                raise _broken("end before the last channel")
            head, at = data[at], at + 1
            if head == _CHUNK_END:
                break
            taps = head - _CHUNK_HEADER
            if not 1 <= taps <= CHUNK_TAPS or term + taps > terms or at + taps > len(data):
                raise _broken(f"of channel {channel} are more than {terms}")
            weights[channel, term : term + taps] = list(data[at : at + taps])
            chunks[channel, term : term + taps] = chunk
            at, term, chunk = at + taps, term + taps, chunk + 1
        if term != terms:
            raise _broken(f"of channel {channel} are {term}, not {terms}")
    return weights, chunks, at


def dual_mac_bytes(data: bytes, channels: int, terms: int) -> int:
    """How many bytes the stream has."""
    return dual_mac(data, channels, terms)[2]


class _Bits:
    """Bits of a stream, most significant first."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> int:
        """The next ``count`` bits as a number."""
        end = self.at + count
        if end > 8 * len(self.data):
            raise _broken("end before the last unit")
        last = -(-end // 8)
        number = int.from_bytes(self.data[self.at // 8 : last], "big") >> (8 * last - end)
        self.at = end
        return number & ((1 << count) - 1)

    def weight(self, table: bytes) -> int:
        """The next code's weight."""
        length, counts = table[0], table[1:]
        place, rank = self.take(length), 0
        for count in counts:
            if place < count:
                rank += place
                return (rank >> 1) ^ -(rank & 1)
            rank += count
            length += 1
            if length > _LONGEST_CODE:
                break
            place = 2 * (place - count) + self.take(1)
        raise _broken("have a code that no table has")


@lru_cache(maxsize=8)
def packed(data: bytes, units: int, terms: int, form: Form) -> tuple[Array, Array, Array, int]:
    """The stream of ``tg_packed.h``.

    Args:
        data: Bytes from the stream's first on.
        units: Output units.
        terms: Weights of each.
        form: Its parameters.

    Returns:
        Weights int64 [units, terms], biases and words int64 [units], and the bytes that a decoder may touch.

    Raises:
        BrokenError: It is no such stream.
    """
    index_bits, table_bytes, bias_bits, word_bits = form
    if units * terms > _MOST_WEIGHTS or not (0 <= index_bits <= 3 and 1 <= table_bytes <= 32):
        raise _broken(f"are {units * terms}, with tables of {table_bytes} bytes")
    size = table_bytes << index_bits
    tables = [data[at : at + table_bytes] for at in range(0, size, table_bytes)]
    if size > len(data) or any(not 0 <= table[0] <= _LONGEST_CODE for table in tables):
        raise _broken("have no tables")
    bits = _Bits(data[size:])
    weights, starts = np.zeros((units, terms), np.int64), np.zeros((2, units), np.int64)
    for unit in range(units):
        table = tables[bits.take(index_bits)]
        starts[0, unit] = bits.take(bias_bits) - (1 << bias_bits >> 1)
        starts[1, unit] = bits.take(word_bits)
        weights[unit] = [bits.weight(table) for _ in range(terms)]
    return weights, starts[0], starts[1], size + -(-bits.at // 8) + _READ_AHEAD


def packed_bytes(data: bytes, units: int, terms: int, form: Form) -> int:
    """How many bytes a decoder of ``packed`` may touch."""
    return packed(data, units, terms, form)[3]
