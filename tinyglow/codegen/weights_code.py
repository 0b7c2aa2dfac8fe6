"""Weights as code: sums of products with constant weights, written as instructions. Zero weights take none.

Inputs x0 and x1 of two pixels lie in one word, x0 + x1 * 2**16, so one multiplication by a weight makes both products
(packed dual MAC, ``tg_dual_mac.h``). A sum of words is cut into chunks within which neither halfword can leave 16 bits.
At the end of a chunk its halfwords are added to the two pixels' sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tinyglow.ir.kernel import Generated
from tinyglow.ir.record import Record
from tinyglow.ir.sums import Limits
from tinyglow.numerics.glow import INT8_MIN
from tinyglow.numerics.wide import INT16_MAX

# |weights| of a chunk: times the largest |input|, 128, they stay below 2**15.
MOST_MAGNITUDE = 255
_REACH = 31 * 4  # bytes: LDR with an immediate offset (ARMv6-M Architecture Reference Manual, A6.7.42)
_FLUSH = 200  # what the end of a chunk costs, in magnitudes that it wastes
_MOST_STEP = 255  # ADDS and SUBS with an immediate (A6.7.3, A6.7.65)

Term = tuple[int, int]  # (which word, weight)
# Words of two channels' sums: of two pixels, and as many again for the pixels below, which another call computes.
SUMS_OF_A_PAIR = 8
_PAIR = 2  # channels that share the loads: two accumulators, four sums and three temporaries fill the registers
_ACCUMULATORS, _HIGHS, _LOWS = ("r3", "r4"), ("r5", "r6"), ("r12", "lr")


def channel_pairs(count: int) -> Iterator[range]:
    """Channels by twos; the last may be alone."""
    return (range(first, min(count, first + _PAIR)) for first in range(0, count, _PAIR))


def sums_place(channel: int, pixel: int) -> int:
    """Where among the function's results the sum of a channel for the left (0) or the right pixel (1) is."""
    return channel // _PAIR * SUMS_OF_A_PAIR + _PAIR * pixel + channel % _PAIR


@dataclass
class _Writer:
    """Instructions of two channels. Registers: r0 the inputs, r1 the sums, r2 an input, r7 a product."""

    lines: list[str] = field(default_factory=list)
    cycles: int = 0
    base: int = 0
    product: int = 0  # |weight| whose product with the input r7 holds; 0: none

    def put(self, line: str, cycles: int = 1) -> None:
        self.lines.append(line)
        self.cycles += cycles

    def extend(self, other: _Writer) -> None:
        """What another writer wrote from this one's base on."""
        self.lines += other.lines
        self.cycles += other.cycles
        self.base, self.product = other.base, other.product

    def reach(self, first: int, last: int) -> None:
        """Move the inputs' base, if need be, so that these words and those between them are within reach of a load."""
        if not (self.base <= 4 * first and 4 * last - self.base <= _REACH):
            self.move(4 * first - self.base)

    def load(self, word: int) -> None:
        self.put(f"ldr r2, [r0, #{4 * word - self.base}]", 2)
        self.product = 0

    def move(self, distance: int) -> None:
        self.base += distance
        for step in _steps(abs(distance)):
            self.put(f"{'adds' if distance > 0 else 'subs'} r0, r0, #{step}")

    def multiply(self, size: int) -> str:
        """The register that holds size * input afterwards."""
        if size == 1:
            return "r2"
        if size == self.product:
            return "r7"
        if size & (size - 1) == 0:
            self.put(f"lsls r7, r2, #{size.bit_length() - 1}")
        elif size == self.product + 1 and self.product:
            self.put("adds r7, r7, r2")
        elif size == self.product - 1:
            self.put("subs r7, r7, r2")
        else:
            self.put(f"movs r7, #{size}")
            self.put("muls r7, r2, r7")
        self.product = size
        return "r7"


def _steps(distance: int) -> Iterator[int]:
    while distance:
        yield min(distance, _MOST_STEP)
        distance -= min(distance, _MOST_STEP)


@dataclass
class _Sum:
    """One channel's accumulator, and whether it and the two sums hold anything yet."""

    index: int
    magnitude: int = 0
    open: bool = False
    begun: bool = False

    def add(self, out: _Writer, weight: int) -> None:
        register, size = _ACCUMULATORS[self.index], abs(weight)
        if self.magnitude + size > MOST_MAGNITUDE:
            self.flush(out)
        self.magnitude += size
        if self.open:
            product = out.multiply(size)
            out.put(f"{'adds' if weight > 0 else 'subs'} {register}, {register}, {product}")
        elif weight > 1 and size != out.product:
            if size & (size - 1) == 0:
                out.put(f"lsls {register}, r2, #{size.bit_length() - 1}")
            else:
                out.put(f"movs {register}, #{size}")
                out.put(f"muls {register}, r2, {register}")
        else:
            product = out.multiply(size)
            out.put(f"movs {register}, {product}" if weight > 0 else f"rsbs {register}, {product}, #0")
        self.open = True

    def flush(self, out: _Writer) -> None:
        """Add both halfwords to their sums.

        The carry of a shift is the last bit out: the borrow that a negative lower halfword took from the upper one.
        """
        if not self.open:
            return
        register, high, low = _ACCUMULATORS[self.index], _HIGHS[self.index], _LOWS[self.index]
        out.put(f"sxth r7, {register}")
        out.product = 0
        out.put(f"add {low}, r7" if self.begun else f"mov {low}, r7")
        if not self.begun:
            out.put(f"movs {high}, #0")
        out.put(f"asrs {register}, {register}, #16")
        out.put(f"adcs {high}, {high}, {register}")
        self.open, self.begun, self.magnitude = False, True, 0

    def finish(self, out: _Writer) -> None:
        self.flush(out)
        if self.begun:
            out.put(f"mov {_ACCUMULATORS[self.index]}, {_LOWS[self.index]}")
        else:
            for register in (_ACCUMULATORS[self.index], _HIGHS[self.index]):
                out.put(f"movs {register}, #0")


# What a pair of channels has of a word: the weights that are not zero, by which of the two channels.
_Weights = Sequence[tuple[int, int]]


def _groups(words: Sequence[int]) -> list[list[int]]:
    """Words, rising, cut into groups that a load reaches from one base."""
    groups: list[list[int]] = []
    for word in words:
        if not groups or 4 * (word - groups[-1][0]) > _REACH:
            groups.append([])
        groups[-1].append(word)
    return groups


def _waste(weights: _Weights, sums: Sequence[_Sum]) -> tuple[int, int, int]:
    """What a word leaves unused of chunks that it ends, and takes to begin others; of equals the largest is first."""
    wasted = begun = 0
    for index, weight in weights:
        used = sums[index].magnitude
        ends = used + abs(weight) > MOST_MAGNITUDE
        wasted += ends * (MOST_MAGNITUDE - used + _FLUSH)
        begun += (used == 0 or ends) and weight < 0  # which takes one instruction more
    return wasted, begun, -max(abs(weight) for _, weight in weights)


def _sum_up(out: _Writer, by_word: Mapping[int, _Weights], sums: Sequence[_Sum], fill: bool) -> None:
    """All products of a pair of channels, in the words' order or, to fill chunks, in any."""
    groups = _groups(sorted(by_word))
    if groups and 4 * groups[-1][0] - out.base < out.base:
        groups = [group[::-1] for group in groups[::-1]]
    for group in groups:
        out.reach(min(group), max(group))
        rest = list(group)
        while rest:
            word = min(rest, key=lambda word: _waste(by_word[word], sums)) if fill else rest[0]
            rest.remove(word)
            out.load(word)
            for index, weight in by_word[word]:
                sums[index].add(out, weight)
    for item in sums:
        item.finish(out)


def _two_channels(out: _Writer, terms: Sequence[Sequence[Term]], is_last: bool) -> None:
    """The code of two channels, or of the last one."""
    by_word: dict[int, list[tuple[int, int]]] = {}
    for index, channel in enumerate(terms):
        for word, weight in channel:
            by_word.setdefault(word, []).append((index, weight))
    tried = []
    for fill in (False, True):
        tried.append(_Writer(base=out.base))
        _sum_up(tried[-1], by_word, [_Sum(index) for index in range(len(terms))], fill)
    out.extend(min(tried, key=lambda writer: writer.cycles))
    if len(terms) == _PAIR:
        out.put("stmia r1!, {r3, r4, r5, r6}", 5)
        if not is_last:
            out.put(f"adds r1, r1, #{4 * (SUMS_OF_A_PAIR - 4)}")
    else:
        out.put("str r3, [r1, #0]", 2)
        out.put(f"str r5, [r1, #{4 * sums_place(0, 1)}]", 2)


def _portable(terms: Sequence[Sequence[Term]]) -> tuple[list[str], int]:
    """C statements, and the largest magnitude of the weights of one of them."""
    lines, largest = [], 0
    for channel, weights in enumerate(terms):
        low, high = (f"sums[{sums_place(channel, pixel)}]" for pixel in range(2))
        lines.append(f"{low} = {high} = 0;")
        chunk: list[str] = []
        magnitude = 0
        for word, weight in weights:
            if magnitude + abs(weight) > MOST_MAGNITUDE:
                lines.append(f"tg_add_halfwords({' '.join(chunk)}, &{low}, &{high});")
                chunk, magnitude = [], 0
            sign = "-" if weight < 0 else "+" if chunk else ""
            chunk.append(f"{sign} x[{word}] * {abs(weight)}u".lstrip())
            magnitude += abs(weight)
            largest = max(largest, magnitude)
        if chunk:
            lines.append(f"tg_add_halfwords({' '.join(chunk)}, &{low}, &{high});")
    return lines, largest


class WeightsCode(Record):
    """The function, what it costs on ARMv6-M in cycles (Cortex-M0+ Technical Reference Manual, 3.3), and its bytes.

    magnitude: the largest sum of the weights' magnitudes in a chunk.
    """

    generated: Generated
    cycles: int
    nbytes: int
    magnitude: int

    @property
    def limits(self) -> Limits:
        """What the halves of a chunk add up to: see ``SumRange``."""
        return {"halfwords": (self.magnitude * -INT8_MIN, INT16_MAX)}


def weights_code(terms: Sequence[Sequence[Term]]) -> WeightsCode:
    """A function of the sums of each channel: terms (word, weight), words rising, weights of -255 to 255."""
    kept = [[(int(word), int(weight)) for word, weight in channel if weight] for channel in terms]
    out = _Writer()
    for pair in channel_pairs(len(kept)):
        _two_channels(out, [kept[channel] for channel in pair], pair[-1] == len(kept) - 1)
    # r7 is some compilers' frame pointer, which they do not let go of.
    instructions = ("push {r7}", *out.lines, "pop {r7}")
    # Around it: PUSH and POP of r4 to r6 and the return address, of r7, and the call.
    portable, magnitude = _portable(kept)
    nbytes = 2 * len(instructions) + 4
    return WeightsCode(Generated(instructions, tuple(portable)), out.cycles + 20, nbytes, magnitude)
