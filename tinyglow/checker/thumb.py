"""What Thumb instructions do to the stack and to the order of execution: as much of them as a bound of the stack needs.

Encodings: ARMv7-M Architecture Reference Manual, A5 and A7.7.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """An instruction.

    Attributes:
        size: Bytes.
        down: Bytes by which the stack grows; negative: shrinks.
        kind: "next", "branch", "jump" (not conditional), "call", "indirect" (a call by a register), "computed" (a jump
            by a register or a table), "return", or "unknown" (the stack pointer is set in another way).
        target: Bytes from the instruction's address to where it goes, without a relocation.
    """

    size: int
    down: int = 0
    kind: str = "next"
    target: int = 0


_SP, _PC = 13, 15


def decode(code: bytes, at: int) -> Step:
    """The instruction at a place of a section; of size 2 where the code ends."""
    (first,) = struct.unpack_from("<H", code, at)
    if first >> 11 >= 0b11101 and at + 4 <= len(code):
        return _wide(first, struct.unpack_from("<H", code, at + 2)[0])
    return _narrow(first)


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def _narrow(word: int) -> Step:
    """16 bits."""
    if word & 0xFE00 == 0xB400:  # PUSH
        return Step(2, 4 * (word & 0x1FF).bit_count())
    if word & 0xFE00 == 0xBC00:  # POP
        return Step(2, -4 * (word & 0x1FF).bit_count(), "return" if word & 0x100 else "next")
    if word & 0xFF00 == 0xB000:  # ADD, SUB SP
        size = 4 * (word & 0x7F)
        return Step(2, size if word & 0x80 else -size)
    if word & 0xF000 == 0xD000 and word & 0x0F00 < 0x0E00:
        return Step(2, 0, "branch", 4 + 2 * _signed(word & 0xFF, 8))
    if word & 0xF800 == 0xE000:
        return Step(2, 0, "jump", 4 + 2 * _signed(word & 0x7FF, 11))
    if word & 0xF500 == 0xB100:  # CBZ, CBNZ
        return Step(2, 0, "branch", 4 + 2 * ((word >> 3 & 0x1F) | (word >> 4 & 0x20)))
    if word & 0xFF00 == 0x4700:
        if word & 0x80:
            return Step(2, 0, "indirect")
        return Step(2, 0, "return" if word >> 3 & 15 == 14 else "computed")
    if word & 0xFC00 == 0x4400 and word & 0x300 != 0x100:  # ADD, MOV of any registers
        to = (word & 7) | (word >> 4 & 8)
        if to == _PC:
            return Step(2, 0, "computed")
        if to == _SP:
            return Step(2, 0, "unknown")
    return Step(2)


def _wide(first: int, second: int) -> Step:
    """32 bits."""
    if first == 0xE92D:  # STMDB SP!
        return Step(4, 4 * second.bit_count())
    if first == 0xE8BD:  # LDM SP!
        return Step(4, -4 * second.bit_count(), "return" if second >> 15 else "next")
    if first in (0xF84D, 0xF85D) and second & 0x0D00 in (0x0D00, 0x0900):  # STR, LDR with a written-back offset
        size = second & 0xFF
        back = "return" if first == 0xF85D and second >> 12 == _PC else "next"
        return Step(4, -size if second & 0x200 else size, back)
    if first & 0xFE4F == 0xE84D and first & 0x0020:  # STRD, LDRD with a written-back offset
        size = 4 * (second & 0xFF)
        return Step(4, -size if first & 0x80 else size)
    if first & 0xFFBF == 0xED2D and second & 0x0E00 == 0x0A00:  # VPUSH
        return Step(4, 4 * (second & 0xFF))
    if first & 0xFFBF == 0xECBD and second & 0x0E00 == 0x0A00:  # VPOP
        return Step(4, -4 * (second & 0xFF))
    to = second >> 8 & 15
    if first & 0xF800 == 0xF000 and second & 0x8000:
        return _far(first, second)
    if first & 0xFBFF in (0xF1AD, 0xF10D) and to == _SP:  # SUB.W, ADD.W SP, an immediate
        size = _modified((first >> 10 & 1) << 11 | (second >> 12 & 7) << 8 | (second & 0xFF))
        return Step(4, size if first & 0x00A0 == 0x00A0 else -size)
    if first & 0xFBFF in (0xF2AD, 0xF20D) and to == _SP:
        size = (first >> 10 & 1) << 11 | (second >> 12 & 7) << 8 | (second & 0xFF)
        return Step(4, size if first & 0x00A0 == 0x00A0 else -size)
    if first & 0xFFF0 == 0xE8D0 and second & 0xFFE0 == 0xF000:  # TBB, TBH
        return Step(4, 0, "computed")
    if first & 0xFE50 == 0xF850 and second >> 12 == _PC and first & 0x0F == _PC:
        return Step(4, 0, "computed")
    if first & 0xFE00 == 0xEA00 and to == _SP and second & 0x8000 == 0:  # an operation of registers on SP
        return Step(4, 0, "unknown")
    return Step(4)


def _far(first: int, second: int) -> Step:
    """Branches of 32 bits."""
    sign, j1, j2 = first >> 10 & 1, second >> 13 & 1, second >> 11 & 1
    if second & 0x5000 == 0 and (first >> 6 & 0xE) == 0xE:
        return Step(4)  # MSR, hints and their kind
    if second & 0x5000 == 0:  # conditional
        offset = sign << 20 | j2 << 19 | j1 << 18 | (first & 0x3F) << 12 | (second & 0x7FF) << 1
        return Step(4, 0, "branch", 4 + _signed(offset, 21))
    i1, i2 = 1 ^ j1 ^ sign, 1 ^ j2 ^ sign
    offset = sign << 24 | i1 << 23 | i2 << 22 | (first & 0x3FF) << 12 | (second & 0x7FF) << 1
    return Step(4, 0, "call" if second & 0x4000 else "jump", 4 + _signed(offset, 25))


def _modified(word: int) -> int:
    """A modified immediate constant (ThumbExpandImm)."""
    low = word & 0xFF
    if word >> 10 == 0:
        return {0: low, 1: low << 16 | low, 2: low << 24 | low << 8, 3: low * 0x01010101}[word >> 8]
    rotated, by = 0x80 | (word & 0x7F), word >> 7
    return (rotated >> by | rotated << (32 - by)) & 0xFFFFFFFF
