"""A call laid out in memory between guard bytes, and what may have changed after it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.testing.kit.problem import OUTPUT, Question

ALIGNMENT = 16
_GUARD_BYTES = 48


@dataclass(frozen=True)
class Fault:
    """What is wrong with a call.

    Attributes:
        kind: "result", "write" (outside of the output), "crash" or "shape".
        text: What was found.
        place: For "write": the tensor whose bytes, or the bytes next to which, were changed.
    """

    kind: str
    text: str
    place: str = ""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, eq=False)
class Layout:
    """The memory of one call, to be put at a multiple of ``ALIGNMENT``.

    The output holds the complement of what is expected: an element that the kernel leaves out is never right by chance.
    Guards differ from place to place.

    Attributes:
        question: The call.
        image: The bytes before it.
        starts: Offset of each input, and of the output, in the order of the calling convention.
        sizes: Bytes of each of these.
        in_place: The input that the output overwrites, or "".
    """

    question: Question
    image: bytes
    starts: dict[str, int]
    sizes: dict[str, int]
    in_place: str

    def fault(self, memory: bytes) -> Fault | None:
        """What is wrong with the bytes after the call; None if nothing is."""
        expected = self.question.expected().ravel().view(np.uint8)
        before, after = np.frombuffer(self.image, np.uint8).copy(), np.frombuffer(memory, np.uint8)
        start = self.starts[OUTPUT]
        output = slice(start, start + expected.size)
        before[output] = expected
        wrong = np.flatnonzero(before != after)
        if not wrong.size:
            return None
        outside = wrong[(wrong < output.start) | (wrong >= output.stop)]
        if outside.size:
            return self._damage(int(outside[0]))
        dtype = self.question.dtype
        return difference(after[output].view(dtype), expected.view(dtype), self.question.shape)

    def output(self, memory: bytes) -> Array:
        """The output from the bytes after the call."""
        start = self.starts[OUTPUT]
        data = np.frombuffer(memory, np.uint8)[start : start + self.sizes[OUTPUT]]
        return data.copy().view(self.question.dtype).reshape(self.question.shape)

    def _damage(self, index: int) -> Fault:
        for name, start in self.starts.items():
            size = self.sizes[name]
            if start <= index < start + size and name != OUTPUT:
                return Fault("write", f"it changed byte {index - start} of {name}, which it may only read", name)
        name, start = min(self.starts.items(), key=lambda item: self._distance(item[0], index))
        size = self.sizes[name]
        side = f"{start - index} before" if index < start else f"{index - start - size + 1} after"
        return Fault("write", f"it wrote outside of all tensors: byte {side} {name}", name)

    def _distance(self, name: str, index: int) -> int:
        start = self.starts[name]
        return max(start - index, index - start - self.sizes[name] + 1)


def difference(found: Array, expected: Array, shape: tuple[int, ...]) -> Fault | None:
    """How two outputs differ, both flat; None if they do not."""
    off = np.flatnonzero(found != expected)
    if not off.size:
        return None
    first = int(off[0])
    place = ", ".join(str(int(index)) for index in np.unravel_index(first, shape))
    what = f"{off.size} of {expected.size} elements of the output differ, the first is [{place}]"
    return Fault("result", f"{what}: {int(found[first])}, not {int(expected[first])}")


def lay_out(question: Question, in_place: str = "") -> Layout:
    """Put a call's tensors into memory; in_place: the input at whose address the output lies."""
    expected = question.expected()
    contents = {name: data.tobytes() for name, data in question.inputs.items()}
    if not in_place:
        contents[OUTPUT] = bytes(byte ^ 0xFF for byte in expected.tobytes())
    widths = {name: data.itemsize for name, data in question.inputs.items()}
    starts: dict[str, int] = {}
    end = _GUARD_BYTES
    for name, data in contents.items():
        # 4 bytes, as bundles promise, or what the type needs, and not more by chance.
        end += (max(4, widths.get(name, 1)) - end) % ALIGNMENT
        starts[name] = end
        end += len(data) + _GUARD_BYTES
    image = ((np.arange(end) * 37 + 11) & 0xFF).astype(np.uint8)
    for name, data in contents.items():
        image[starts[name] : starts[name] + len(data)] = np.frombuffer(data, np.uint8)
    sizes = {name: len(data) for name, data in contents.items()}
    if in_place:
        starts[OUTPUT], sizes[OUTPUT] = starts[in_place], expected.nbytes
    return Layout(question, image.tobytes(), starts, sizes, in_place)


def number_words(question: Question) -> bytes:
    """The numbers as 32-bit words in the order of the calling convention: integers, and the bits of floats."""
    dtypes = question.known.numbers_of(question.numerics)
    words: Sequence[bytes] = [
        struct.pack("<f", value) if dtypes[name] == "float32" else struct.pack("<I", int(value) & 0xFFFFFFFF)
        for name, value in question.numbers.items()
    ]
    return b"".join(words)
