"""Weights as a stream of bits: a prefix code in which weights near zero are short. The format of ``tg_packed.h``.

A weight less its offset has a rank: 0 for 0, 1 for -1, 2 for 1, 3 for -2 and so on. Weights are spread around zero, so
a code whose lengths rise with the rank loses almost nothing against a Huffman code, and its table is just the number of
codes of each length. Output units differ in how wide their weights spread. So a layer has up to eight tables, and each
unit says which one it uses.

Layout: first the tables, each of ``table_bytes``: the shortest length, then the number of codes of each length from
that one on. Then, for each unit: the number of its table (``index_bits``), its bias plus half of 2**bias_bits
(``bias_bits``), a number for any purpose (``word_bits``), its weights. Last, two more bytes. Bits come most significant
first. Codes of one length are consecutive numbers in the order of ranks, as in any canonical code (D. A. Huffman, 1952;
E. S. Schwartz and B. Kallick, 1964).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.record import Record

MOST_BIAS_BITS = 24
MOST_WORD_BITS = 25  # what tg_packed_take takes at once
LONGEST = 16  # bits of a code: what tg_packed_weights reads ahead; and tables of 2**16 entries decode it in Python
_BEHIND = 2  # bytes that the decoder may read after the last code
_MOST_INDEX_BITS = 3
_ROUNDS = 12  # of reassigning units to tables; more find nothing
_TOTAL = 2.0**24  # what frequencies add up to, so that integers tell small ones apart
_MOST_OF_A_LENGTH = 255  # codes, which a byte counts


class Format(Record):
    """Sizes of the parts, as described above."""

    index_bits: int
    table_bytes: int
    bias_bits: int
    word_bits: int = 0


class Packed(Record, eq=False):
    """A stream of codes: ``data``, int8, flat, in the ``format`` that the module describes."""

    data: Array
    format: Format


def ranks_of(weights: Array) -> Array:
    """The rank of each weight."""
    wide = weights.astype(np.int64)
    return np.where(wide >= 0, 2 * wide, -2 * wide - 1)


def weights_of(ranks: Array) -> Array:
    """The weight of each rank: int32."""
    wide = ranks.astype(np.int64)
    weights: Array = ((wide >> 1) ^ -(wide & 1)).astype(np.int32)
    return weights


def _falling(counts: Array) -> Array:
    """The sequence nearest to ``counts`` (least squares) that never rises: neighbours that do are averaged."""
    blocks: list[tuple[float, int]] = []
    for count in counts.tolist():
        total, length = float(count), 1
        while blocks and blocks[-1][0] * length < total * blocks[-1][1]:
            before = blocks.pop()
            total, length = total + before[0], length + before[1]
        blocks.append((total, length))
    return np.repeat([total / length for total, length in blocks], [length for _, length in blocks])


def _huffman(counts: Sequence[int]) -> Array:
    """Lengths of the codes of a Huffman code for positive counts; 0 for a single symbol."""
    heap = [(count, symbol) for symbol, count in enumerate(counts)]
    heapq.heapify(heap)
    parents: dict[int, int] = {}
    number = len(heap)
    while len(heap) > 1:
        first, second = heapq.heappop(heap), heapq.heappop(heap)
        parents[first[1]] = parents[second[1]] = number
        heapq.heappush(heap, (first[0] + second[0], number))
        number += 1
    depths = {number - 1: 0}
    for node in range(number - 2, -1, -1):
        depths[node] = depths[parents[node]] + 1
    return np.array([depths[symbol] for symbol in range(len(counts))], np.int64)


def code_lengths(counts: Array) -> Array:
    """Lengths, never falling, of a complete code for ranks 0 to the last that occurs; the format can hold them.

    counts: how often each rank occurs. A rank below the last that does not occur has a code too.
    """
    used = np.flatnonzero(counts)
    smooth = _falling(counts[: used[-1] + 1] if used.size else np.ones(1))
    smooth *= _TOTAL / smooth.sum()
    slope = np.arange(len(smooth), 0, -1) / len(smooth)
    floor = tilt = 0.0
    while True:
        whole = np.round(np.maximum(smooth, floor) * (1 + tilt * slope)).astype(np.int64) + 1
        lengths = np.sort(_huffman(whole.tolist()))
        if lengths[-1] > LONGEST:
            floor = 2 * floor or _TOTAL / 2 ** (LONGEST + 2)
        elif np.bincount(lengths).max() > _MOST_OF_A_LENGTH:
            tilt = 2 * tilt or 1.0
        else:
            return lengths


def _codes(lengths: Array) -> Array:
    """The canonical code of each rank, as a number."""
    codes, code, before = [], 0, int(lengths[0])
    for length in lengths.tolist():
        code <<= length - before
        codes.append(code)
        code, before = code + 1, length
    return np.array(codes, np.int64)


class _Tables(Record, eq=False):
    """lengths: of the codes of each table, by rank; chosen: which table is each unit's."""

    lengths: list[Array]
    chosen: Array

    @property
    def index_bits(self) -> int:
        return (len(self.lengths) - 1).bit_length()

    def stored(self) -> Array:
        """As they are in front of the stream: uint8 [2**index_bits, table_bytes]."""
        counts = [np.bincount(lengths - lengths[0]) for lengths in self.lengths]
        result = np.zeros((1 << self.index_bits, 1 + max(map(len, counts))), np.uint8)
        for row, lengths, numbers in zip(result, self.lengths, counts, strict=False):
            row[0] = lengths[0]
            row[1 : 1 + len(numbers)] = numbers
        return result

    def padded(self, rows: list[Array]) -> Array:
        """Something of each rank of each table, with zeros where a table has fewer ranks than another."""
        return np.stack([np.pad(row, (0, max(map(len, rows)) - len(row))) for row in rows])

    def nbytes(self, histograms: Array) -> int:
        """Of the tables, and of units' choices and weights, in bytes."""
        weights = sum(
            int((histograms[self.chosen == table].sum(axis=0)[: len(lengths)] * lengths).sum())
            for table, lengths in enumerate(self.lengths)
        )
        return self.stored().size + (weights + self.index_bits * len(self.chosen)) // 8


def _best_tables(histograms: Array, most: int) -> _Tables:
    """At most ``most`` tables for units with these histograms [units, ranks].

    By turns the best tables for the units and the best units for them, from units ordered by their spread on.
    """
    spread = (histograms * np.arange(histograms.shape[1])).sum(axis=1) / np.maximum(histograms.sum(axis=1), 1)
    order = np.argsort(np.argsort(spread, kind="stable"), kind="stable")
    chosen = order * most // max(1, len(order))
    best = None
    for _ in range(_ROUNDS):
        # One more symbol of every rank, for units that may come to the table.
        costs = [histograms @ code_lengths(histograms[chosen == table].sum(axis=0) * 64 + 1) for table in range(most)]
        total = np.min(costs, axis=0).sum()
        if best is not None and total >= best:
            break
        best, chosen = total, np.argmin(costs, axis=0)
    used, chosen = np.unique(chosen, return_inverse=True)
    counts = [histograms[chosen == table].sum(axis=0) for table in range(max(1, len(used)))]
    return _Tables([code_lengths(of_table) for of_table in counts], chosen)


def _bias_bits(bias: Array) -> int:
    """Bits of the widest bias, in two's complement."""
    magnitude = np.where(bias < 0, -bias.astype(np.int64) - 1, bias.astype(np.int64))
    most = int(magnitude.max(initial=0))
    return most.bit_length() + 1 if bias.any() else 0


def _bits(values: Array, lengths: Array) -> Array:
    """The low ``lengths`` bits of ``values``, one after the other, as bytes."""
    ends = np.cumsum(lengths)
    bits = np.zeros(int(ends[-1]) if ends.size else 0, np.uint8)
    for back in range(1, int(lengths.max(initial=0)) + 1):
        has = lengths >= back
        bits[ends[has] - back] = values[has] >> (back - 1) & 1
    return np.packbits(bits)


def pack(weights: Array, bias: Array, words: Array | None = None) -> Packed | None:
    """Weights int32 [units, terms], free of offsets, bias int32 [units], and other numbers of the units, not below 0.

    In as few bytes as this format can; None where a bias or another number is too wide for it.
    """
    words = np.zeros(len(weights), np.int64) if words is None else words.astype(np.int64)
    ranks, bias_bits, word_bits = ranks_of(weights), _bias_bits(bias), int(words.max(initial=0)).bit_length()
    if bias_bits > MOST_BIAS_BITS or word_bits > MOST_WORD_BITS:
        return None
    units, size = len(ranks), int(ranks.max(initial=0)) + 1
    places = np.arange(units).reshape(-1, 1) * size + ranks
    histograms = np.bincount(places.ravel(), minlength=units * size).reshape(units, size)
    tables = _best_tables(histograms, 1)
    for index_bits in range(1, _MOST_INDEX_BITS + 1):
        more = _best_tables(histograms, 1 << index_bits)
        if more.nbytes(histograms) >= tables.nbytes(histograms):
            break
        tables = more

    rows, stored = tables.chosen.reshape(-1, 1), tables.stored()
    lengths, codes = tables.padded(tables.lengths), tables.padded([_codes(of_table) for of_table in tables.lengths])
    shifted = bias.astype(np.int64).reshape(-1, 1) + (1 << bias_bits >> 1)
    values = np.concatenate([rows, shifted, words.reshape(-1, 1), codes[rows, ranks]], axis=1)
    header = [np.full_like(rows, bits) for bits in (tables.index_bits, bias_bits, word_bits)]
    stream = _bits(values.ravel(), np.concatenate([*header, lengths[rows, ranks]], axis=1).ravel())
    data = np.concatenate([stored.ravel(), stream, np.zeros(_BEHIND, np.uint8)])
    return Packed(data.view(np.int8), Format(tables.index_bits, stored.shape[1], bias_bits, word_bits))


class _Reader:
    """Bits of a stream, taken one after the other."""

    def __init__(self, stream: Array) -> None:
        data = np.concatenate([stream.view(np.uint8), np.zeros(3, np.uint8)]).astype(np.int64)
        self._words: list[int] = ((data[:-2] << 16) + (data[1:-1] << 8) + data[2:]).tolist()
        self._at = 0

    def take(self, count: int) -> int:
        """The next ``count`` bits as a number."""
        value = 0
        while count:
            step = min(count, LONGEST)
            value = (value << step) + (self._window() >> (LONGEST - step))
            self._at, count = self._at + step, count - step
        return value

    def _window(self) -> int:
        return self._words[self._at >> 3] >> (8 - (self._at & 7)) & 0xFFFF

    def ranks(self, count: int, by_window: list[int], lengths: list[int]) -> list[int]:
        """``count`` symbols; for each value of the next LONGEST bits, the rank that they begin with, and its length."""
        words, at, found = self._words, self._at, []
        for _ in range(count):
            window = words[at >> 3] >> (8 - (at & 7)) & 0xFFFF
            found.append(by_window[window])
            at += lengths[window]
        self._at = at
        return found


def _decoder(table: list[int]) -> tuple[list[int], list[int]]:
    """What ``_Reader.ranks`` needs of a table."""
    lengths = np.repeat(np.arange(len(table) - 1) + table[0], table[1:])
    times = 1 << (LONGEST - lengths)
    return np.repeat(np.arange(len(lengths)), times).tolist(), np.repeat(lengths, times).tolist()


@lru_cache(maxsize=4)
def _unpacked(data: bytes, form: Format, units: int, terms: int) -> tuple[Array, Array, Array]:
    stored, size = np.frombuffer(data, np.uint8), form.table_bytes << form.index_bits
    tables = [_decoder(table.tolist()) for table in stored[:size].reshape(-1, form.table_bytes)]
    reader = _Reader(stored[size:])
    ranks, (bias, words) = np.zeros((units, terms), np.int64), np.zeros((2, units), np.int32)
    for unit in range(units):
        table = tables[reader.take(form.index_bits)]
        bias[unit] = reader.take(form.bias_bits) - (1 << form.bias_bits >> 1)
        words[unit] = reader.take(form.word_bits)
        ranks[unit] = reader.ranks(terms, *table)
    return weights_of(ranks), bias, words


def unpack(packed: Packed, units: int, terms: int) -> tuple[Array, Array, Array]:
    """The inverse of ``pack``: weights int32 [units, terms], bias and words int32 [units]; once for all samples."""
    return _unpacked(packed.data.tobytes(), packed.format, units, terms)
