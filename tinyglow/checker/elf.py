"""Functions, calls and needs of a relocatable object for an Arm core.

Layout: System V ABI, edition 4.1; ELF for the Arm Architecture (ARM IHI 0044).
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

from tinyglow.checker.findings import BrokenError

_SYMBOLS, _REL, _RELA = 2, 9, 4
_FUNCTION = 2
_ARM = 40
_CALLS = {10, 30, 51, 102, 103}  # R_ARM_THM_CALL, JUMP24, JUMP19, JUMP11, JUMP8
_MOST_SYMBOLS = 100_000


@dataclass(frozen=True)
class Function:
    """A function: its section, its first byte there, and its size."""

    name: str
    section: int
    begin: int
    size: int


@dataclass
class ObjectCode:
    """An object's code.

    Attributes:
        functions: By name.
        code: Bytes of each section that has any.
        needs: Names that others must define.
        jumps: For each section, the name and the section's offset that a relocated branch goes to, by its place.
        taken: Names of functions whose address is data.
        data: For each section, the places where data begin among the code, and where code begins again.
    """

    functions: dict[str, Function] = field(default_factory=dict)
    code: dict[int, bytes] = field(default_factory=dict)
    needs: set[str] = field(default_factory=set)
    jumps: dict[int, dict[int, str]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    data: dict[int, list[tuple[int, bool]]] = field(default_factory=dict)

    def is_data(self, section: int, at: int) -> bool:
        """Whether a place of a section holds data, by the mapping symbols before it."""
        marks = self.data.get(section, ())
        place = bisect_right(marks, (at, True))
        return place > 0 and marks[place - 1][1]


def read_object(name: str, data: bytes) -> ObjectCode:
    """Read an object.

    Args:
        name: The file's.
        data: Its bytes.

    Raises:
        BrokenError: It is none for a 32-bit Arm core, or is damaged.
    """
    if data[:6] != b"\x7fELF\x01\x01" or len(data) < 52 or struct.unpack_from("<2H", data, 16) != (1, _ARM):
        raise BrokenError(name, "is no relocatable object for a Cortex-M")
    try:
        return _read(data)
    except (struct.error, LookupError, ValueError):  # outside the file, no such symbol, a name without an end
        raise BrokenError(name, "is damaged") from None


def _read(data: bytes) -> ObjectCode:
    table, count = struct.unpack_from("<I", data, 32)[0], struct.unpack_from("<H", data, 48)[0]
    sections = [struct.unpack_from("<10I", data, table + 40 * index) for index in range(count)]
    found = ObjectCode()
    for index, section in enumerate(sections):
        if section[1] == 1 and section[2] & 4:
            found.code[index] = data[section[4] : section[4] + section[5]]
    tables = [index for index, section in enumerate(sections) if section[1] == _SYMBOLS]
    if len(tables) > 1:  # the ABI allows one; many tables over the same bytes would be read again and again
        raise ValueError("several symbol tables")
    names = _symbols(data, sections, tables[0], found) if tables else {}
    for section in sections:
        if section[1] in (_REL, _RELA) and section[6] in tables:
            _relocations(data, section, names, found)
    return found


def _symbols(
    data: bytes, sections: list[tuple[int, ...]], index: int, found: ObjectCode
) -> dict[int, tuple[str, int, int]]:
    """The symbols (name, section, value) by number; functions and what is needed go to ``found``."""
    table, strings = sections[index], sections[sections[index][6]]
    text = data[strings[4] : strings[4] + strings[5]]
    symbols = {}
    for number in range(min(table[5] // 16, _MOST_SYMBOLS)):
        at, value, size, info, _, section = struct.unpack_from("<3I2BH", data, table[4] + 16 * number)
        name = text[at : text.index(b"\0", at)].decode("utf-8")
        symbols[number] = name, section, value
        if name[:2] in ("$t", "$d") and section in found.code:
            found.data.setdefault(section, []).append((value, name[1] == "d"))
        elif info & 15 == _FUNCTION and section in found.code:
            found.functions[name] = Function(name, section, value & ~1, size)
        elif section == 0 and name:
            found.needs.add(name)
    for marks in found.data.values():
        marks.sort()
    return symbols


def _relocations(
    data: bytes, section: tuple[int, ...], names: Mapping[int, tuple[str, int, int]], found: ObjectCode
) -> None:
    """Branches to other sections, and functions whose address is taken."""
    size = section[9] or 8
    starts = {(function.section, function.begin): function.name for function in reversed(found.functions.values())}
    for at in range(section[4], section[4] + section[5], size):
        place, info = struct.unpack_from("<2I", data, at)
        name, home, value = names[info >> 8]
        if not name and home in found.code:  # a section's symbol: the function that begins there
            name = starts.get((home, value & ~1), "")
        if info & 0xFF in _CALLS:
            found.jumps.setdefault(section[7], {})[place] = name
        elif name in found.functions and info & 0xFF == 2:  # R_ARM_ABS32
            found.taken.add(name)
