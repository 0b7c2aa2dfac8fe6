"""How many samples a program gets right, computing only what no earlier program has computed.

Two programs that differ by one range have most of their calls in common: those before the layer whose range has changed
are looked up, not computed; and if nothing depends on the range, nothing is.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

from tinyglow.interp import quantized_input, run_call
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Role
from tinyglow.ir.program import Program
from tinyglow.tuning.fingerprint import Fingerprint, Key, Step, fingerprint

# A slice has as many samples as fill this with all of a program's buffers. Long enough to keep numpy busy.
_SLICE_BYTES = 16 * 2**20
DEFAULT_MEMORY = 512 * 2**20


def count_correct(outputs: Array, labels: Array) -> int:
    """How many rows of ``outputs`` [samples, classes] are largest at their label [samples]; of equals the first."""
    return int((outputs.argmax(axis=1) == labels).sum())


@dataclass
class _Memory:
    """Results by key; those not asked for longest go first when there are more than ``limit`` bytes of them."""

    limit: int
    arrays: OrderedDict[Key, Array] = field(default_factory=OrderedDict)
    used: int = 0

    def get(self, key: Key) -> Array | None:
        array = self.arrays.get(key)
        if array is not None:
            self.arrays.move_to_end(key)
        return array

    def put(self, key: Key, array: Array) -> None:
        self.arrays[key] = array
        self.used += array.nbytes
        while self.used > self.limit:
            self.used -= self.arrays.popitem(last=False)[1].nbytes


@dataclass
class _Slice:
    """A few samples, their labels, and what has been computed of them."""

    images: Array
    labels: Array
    memory: _Memory

    def output(self, program: Program, print_: Fingerprint) -> Array:
        """The program's output [samples, elements]."""
        known: dict[Key, Array] = {}
        for step in self._missing(print_, known):
            self._run(step, program, print_, known)
        return known[print_.output]

    def _missing(self, print_: Fingerprint, known: dict[Key, Array]) -> list[Step]:
        """The steps to take, in order; what they need and is there already goes into ``known``."""
        needed, steps = {print_.output}, []
        for step in reversed(print_.steps):
            wanted = needed.intersection(step.written())
            found = {key: array for key in wanted if (array := self.memory.get(key)) is not None}
            known.update(found)
            if len(found) < len(wanted):
                steps.append(step)
                needed.update(step.needed())
        return steps[::-1]

    def _run(self, step: Step, program: Program, print_: Fingerprint, known: dict[Key, Array]) -> None:
        arrays = []
        for operand, name, key, before in step.operands():
            if operand.role is Role.IN:
                array = self._given(key, print_) if key in print_.given else known[key]
            else:
                type_ = program.buffers[name].type
                empty = (len(self.images), type_.elements)
                array = known[before].copy() if before is not None else np.zeros(empty, type_.dtype)
                known[key] = array
            arrays.append(array.view(operand.dtype))
        run_call(step.call, arrays)
        for key in step.written():
            self.memory.put(key, known[key])

    def _given(self, key: Key, print_: Fingerprint) -> Array:
        buffer = print_.given[key]
        if buffer.data is not None:
            return buffer.data.reshape(1, -1)
        return quantized_input(self.images, buffer.type)


class Evaluator:
    """Labelled samples to try programs of one input and one output on.

    images: [samples, *shape] float32. labels: [samples] integers. memory: bytes to keep results in, at most.
    """

    def __init__(self, images: Array, labels: Array, memory: int = DEFAULT_MEMORY) -> None:
        self.images, self.labels, self._memory = images, labels, memory
        self._slices: list[_Slice] = []

    def _cut(self, program: Program) -> list[_Slice]:
        """The samples in slices; each has its share of the memory, so that one does not drive out the next."""
        size = sum(buffer.type.nbytes for buffer in program.buffers.values() if buffer.data is None)
        step = max(1, _SLICE_BYTES // max(1, size))
        begins = range(0, len(self.images), step)
        share = self._memory // max(1, len(begins))
        return [
            _Slice(self.images[begin : begin + step], self.labels[begin : begin + step], _Memory(share))
            for begin in begins
        ]

    def correct(self, program: Program, print_: Fingerprint | None = None) -> int:
        """How many samples the program gets right."""
        self._slices = self._slices or self._cut(program)
        print_ = print_ or fingerprint(program)
        return sum(count_correct(part.output(program, print_), part.labels) for part in self._slices)
