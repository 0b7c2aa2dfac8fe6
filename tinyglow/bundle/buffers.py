"""The buffers of a bundle under names, as its C source lists them: where each begins, and what it holds."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tinyglow.ir.kernel import BUFFER_CTYPES
from tinyglow.ir.program import CONSTANTS, MEMORIES, NEAR, Buffer, Program, Region
from tinyglow.ir.record import Record
from tinyglow.ir.types import QuantParams

_LISTED = (*MEMORIES, Region.TCM, *NEAR, Region.ROWS)


class Listed(Record):
    """A line of the list.

    Attributes:
        label: Name of the constant in C.
        offset: Its value: bytes from the base of the buffer's memory.
        text: What the buffer holds, for the comment.
    """

    label: str
    offset: int
    text: str


def label(buffer: Buffer, net: str) -> str:
    """Name of the C constant that says where ``buffer`` of the network ``net`` begins."""
    return f"{net}_at_{buffer.name}"


def comment(names: Sequence[str]) -> str:
    """Names of a model file, joined, as text that can stand in any C comment."""
    return " + ".join(re.sub(r"[^A-Za-z0-9_./: -]", "_", name) for name in names)


def listed(program: Program) -> list[tuple[str, list[Listed]]]:
    """The buffers of each memory that has any, with the memory's name in C, by their offsets."""
    uses: dict[str, list[int]] = {}
    readers: dict[str, dict[str, None]] = {}
    scratch = {call.scratch for call in program.calls if call.scratch}
    for number, call in enumerate(program.calls, 1):
        for name in call.buffers:
            uses.setdefault(name, []).append(number)
            readers.setdefault(name, {})[call.kernel.symbol] = None
    found = []
    for region in _LISTED:
        buffers = [buffer for buffer in program.buffers.values() if buffer.region is region]
        lines = [
            Listed(
                label(b, program.name),
                b.offset,
                _text(b, program, b.name in scratch, list(readers.get(b.name, ()))) + _calls(uses, b),
            )
            for b in sorted(buffers, key=lambda b: (b.offset, b.name))
        ]
        if lines:
            found.append((region.value, lines))
    return found


def _calls(uses: dict[str, list[int]], buffer: Buffer) -> str:
    numbers = uses.get(buffer.name, [])
    if not numbers:
        return ""
    if buffer.region in CONSTANTS:
        return f" [{', '.join(map(str, dict.fromkeys(numbers)))}]"
    return f" [{numbers[0]}]" if numbers[0] == numbers[-1] else f" [{numbers[0]} to {numbers[-1]}]"


def _text(buffer: Buffer, program: Program, is_scratch: bool, kernels: list[str]) -> str:
    type_ = buffer.type
    if is_scratch:
        return f"working memory, {type_.nbytes} bytes"
    roles = {"input, ": program.inputs, "output, ": program.outputs, "state, ": program.states}
    role = next((role for role, names in roles.items() if buffer.name in names), "")
    ctype = BUFFER_CTYPES[type_.dtype]
    shape = " x ".join(map(str, type_.shape)) or "1"
    text = f"{role}{ctype} [{shape}]"
    if type_.quant is not None:
        return f"{text}, real = {_real(type_.quant)}"
    if buffer.region in CONSTANTS and type_.dtype != "float32" and kernels:
        return f"{text}, prepared for {' and '.join(kernels)}"
    return text


def _real(quant: QuantParams) -> str:
    if quant.offset == 0:
        return f"{quant.scale:.9g} * q"
    sign, offset = ("-", quant.offset) if quant.offset > 0 else ("+", -quant.offset)
    return f"{quant.scale:.9g} * (q {sign} {offset})"
