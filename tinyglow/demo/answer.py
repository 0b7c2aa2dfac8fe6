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
WORDS = 2  # that take turns, where there are units for both


def _signed(value: int, bits: int) -> int:
    """The lower bits of a number, as a signed one."""
    return ((value & ((1 << bits) - 1)) ^ (1 << (bits - 1))) - (1 << (bits - 1))


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
    def weights(self) -> tuple[int, ...]:
        """Of the four units: the bytes, less 128."""
        return tuple(byte - 128 for byte in self.word.to_bytes(UNITS, "little"))

    @property
    def factors(self) -> tuple[int, int, int]:
        """The word, its bytes 1 and 3 with 65536 between them, and its upper half."""
        return self.word, self.word >> 8 & 0xFF00FF, self.word >> 16


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
    def sums(self) -> tuple[int, int, int]:
        """What the loop leaves in its three registers, without signs."""
        all_, odd, upper = (sum(term.x * term.factors[place] for term in self.terms) % 2**32 for place in range(3))
        return all_, odd, upper

    @property
    def signed(self) -> tuple[int, int, int]:
        """The same less what 128 in every byte gives."""
        more = 128 * self.inputs
        all_, odd, upper = self.sums
        return (all_ - more * 0x1010101) % 2**32, (odd - more * 0x10001) % 2**32, (upper - more * 0x101) % 2**32

    @property
    def products(self) -> tuple[int, int, int, int]:
        """The sums of inputs times weights of the four classes, taken apart."""
        all_, odd, upper = self.signed
        low = (all_ - (upper << 16)) % 2**32
        first = _signed(low - (odd << 8), 24)
        second = _signed(low - first, 32) >> 8
        third = _signed(upper - ((odd - second) % 2**32 >> 8), 24)
        return first, second, third, _signed(upper - third, 32) >> 8

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
    turns = WORDS if first < params.units // (UNITS * WORDS) * (UNITS * WORDS) else 1
    begin = first // (UNITS * turns) * (UNITS * turns) * len(values)
    words = struct.unpack_from(f"<{turns * len(values)}I", stored, begin)[first // UNITS % turns :: turns]
    out = params.out
    biases = tuple(int(value) for value in _data(bias)[first : first + UNITS])
    terms = tuple(Term(value, word) for value, word in zip(values, words, strict=True))
    shifts = Shifts(out.pre, out.multiplier, out.post)
    return Answer(first, terms, sum(values), params.weights_offset, biases, shifts, out.offset)


def _data(buffer: Buffer) -> Array:
    assert buffer.data is not None
    return buffer.data
