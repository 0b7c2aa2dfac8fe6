"""The integer of one class, from the last layer's packed weights, by hand: what the Cortex-M0+ computes."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tinyglow.demo.by_hand import Shifts, clip
from tinyglow.demo.walk import Walk
from tinyglow.ir.graph import Array
from tinyglow.ir.program import Buffer
from tinyglow.kernels.fully_connected.layer import FullyConnectedParams

UNITS = 4  # whose weights share a word


@dataclass(frozen=True)
class Term:
    """One input, and the word that holds its weights of four units.

    Attributes:
        x: The input, as stored.
        word: The four bytes as one unsigned number, the first byte lowest.
    """

    x: int
    word: int

    @property
    def factors(self) -> tuple[int, int, int, int]:
        """Byte 0, the lower half as a signed number, byte 2, the upper half as a signed number."""
        low, high = (((half & 0xFFFF) ^ 0x8000) - 0x8000 for half in (self.word, self.word >> 16))
        return self.word & 0xFF, low, (self.word >> 16) & 0xFF, high

    @property
    def products(self) -> tuple[int, int, int, int]:
        """``x`` times each of the factors."""
        a, b, c, d = self.factors
        return self.x * a, self.x * b, self.x * c, self.x * d


@dataclass(frozen=True)
class Answer:
    """All that goes into the integers of four classes.

    Attributes:
        first: The number of the first of the four classes.
        terms: One for each input.
        inputs: The sum of all inputs.
        weights_offset: Of the weights.
        biases: Of the four classes, with everything in them that depends on constants alone.
        shifts: From the sum to the result.
        offset: Of the result.
    """

    first: int
    terms: tuple[Term, ...]
    inputs: int
    weights_offset: int
    biases: tuple[int, ...]
    shifts: Shifts
    offset: int

    @property
    def sums(self) -> tuple[int, int, int, int]:
        """What the loop leaves in its four registers."""
        totals = [sum(term.products[place] for term in self.terms) for place in range(UNITS)]
        return totals[0], totals[1], totals[2], totals[3]

    @property
    def products(self) -> tuple[int, int, int, int]:
        """The sums of inputs times weights of the four classes, taken apart."""
        a, b, c, d = self.sums
        return a - 128 * self.inputs, (b - a) >> 8, c - 128 * self.inputs, (d - c) >> 8

    @property
    def totals(self) -> tuple[int, ...]:
        """The sums with bias, in steps of input scale times weights scale."""
        off = self.inputs * self.weights_offset
        return tuple(sum_ - off + bias for sum_, bias in zip(self.products, self.biases, strict=True))

    @property
    def results(self) -> tuple[int, ...]:
        """The integers of the four classes."""
        return tuple(clip(self.shifts.of(total) + self.offset) for total in self.totals)


def answer(walk: Walk, unit: int) -> Answer:
    """The four classes among which ``unit`` is, for the followed picture.

    Args:
        walk: The network; its program for the Cortex-M0+ packs the weights of four classes into words.
        unit: Number of a class that is one of four.

    Returns:
        The terms and constants, read from the program's bytes.

    Raises:
        ValueError: The last layer's kernel packs its weights in another way, or the class is not one of four.
    """
    call = walk.program.calls[-1]
    source = call.operands[0]
    weights, bias = (walk.program.buffers[name] for name in call.operands[1:3])
    values = [int(value) for value in walk.values[source].ravel()]
    first = unit // UNITS * UNITS
    stored = _data(weights).tobytes()
    params = call.params
    if not isinstance(params, FullyConnectedParams) or "four_units" not in call.kernel.symbol:
        raise ValueError(f"{call.kernel.symbol} does not pack the weights of four classes into words")
    if first + UNITS > params.units:
        raise ValueError(f"the weights of class {unit} are not packed with those of three others")
    words = struct.unpack_from(f"<{len(values)}I", stored, first * len(values))
    out = params.out
    biases = tuple(int(value) for value in _data(bias)[first : first + UNITS])
    terms = tuple(Term(value, word) for value, word in zip(values, words, strict=True))
    shifts = Shifts(out.pre, out.multiplier, out.post)
    return Answer(first, terms, sum(values), params.weights_offset, biases, shifts, out.offset)


def _data(buffer: Buffer) -> Array:
    assert buffer.data is not None
    return buffer.data
