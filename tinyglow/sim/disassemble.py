"""Machine code as text: functions of a linked program with the names of what they call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tinyglow.errors import InputError, Problem
from tinyglow.sim import missing_package
from tinyglow.sim.image import Image, Symbol

try:
    import capstone
except ImportError as error:
    raise missing_package("capstone") from error

MAX_LINES = 1_000_000


@dataclass(frozen=True)
class Instruction:
    """An instruction, or data between instructions (then ``text`` begins with a dot).

    Attributes:
        address: Of its first byte.
        raw: Its bytes in hexadecimal, as they lie in memory.
        text: In Arm's assembly language.
        comment: The name of the place that a branch goes to; "" for others.
    """

    address: int
    raw: str
    text: str
    comment: str = ""


def disassemble(image: Image, function: str | None = None) -> str:
    """Assembly of one function, or of all; literal pools show as ``.word``. InputError for an unknown name."""
    chosen = [symbol for symbol in image.functions if function in (None, symbol.name)]
    if not chosen:
        names = ", ".join(symbol.name for symbol in image.functions[:20])
        raise InputError("no such function", [Problem(str(function), "not in the bundle", f"one of {names}")])
    lines: list[str] = []
    for symbol in chosen:
        lines += ["", f"{symbol.address:08x} <{symbol.name}>:", *map(_line, instructions(image, symbol))]
        if len(lines) > MAX_LINES:
            raise InputError("the listing is too long", [Problem(symbol.name, f"more than {MAX_LINES:,} lines")])
    return "\n".join(lines[1:]) + "\n"


def _line(one: Instruction) -> str:
    comment = f"\t; {one.comment}" if one.comment else ""
    return f"{one.address:8x}:\t{one.raw:8}\t{one.text}{comment}"


def instructions(image: Image, symbol: Symbol) -> Iterator[Instruction]:
    """The instructions of a function, and the data between them, in the order of their addresses."""
    decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
    at, end = symbol.address, symbol.address + image.size_of(symbol)
    while at < end:
        stop = next((high for low, high in image.code_ranges if low <= at < high), None)
        if stop is None:  # data between instructions
            size = 4 if at % 4 == 0 and at + 4 <= end else 2 if at % 2 == 0 and at + 2 <= end else 1
            raw = image.bytes_at(at, size)
            directive = {4: ".word", 2: ".short", 1: ".byte"}[size]
            yield Instruction(at, raw.hex(), f"{directive} {int.from_bytes(raw, 'little'):#x}")
            at += size
            continue
        stop = min(stop, end)
        for instruction in decoder.disasm(image.bytes_at(at, stop - at), at):
            text = f"{instruction.mnemonic} {instruction.op_str}".rstrip()
            yield Instruction(instruction.address, instruction.bytes.hex(), text, _target(image, instruction))
            at = instruction.address + instruction.size
        if at < stop:  # nothing the decoder knows
            raw = image.bytes_at(at, 2)
            yield Instruction(at, raw.hex(), f".inst {int.from_bytes(raw, 'little'):#x}")
            at += 2


def _target(image: Image, instruction: capstone.CsInsn) -> str:
    """The name of the place that a branch goes to."""
    address = re.fullmatch(r"(?:\w+, )?#(0x[0-9a-f]+)", instruction.op_str)
    if address is None or not re.match(r"b|cb", instruction.mnemonic) or instruction.mnemonic.startswith(("bic", "bf")):
        return ""
    return f"{image.place(int(address.group(1), 16) & ~1)}"
